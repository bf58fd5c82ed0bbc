#!/bin/sh
# All tests, in three runs side by side, for most of the time a test waits for a real server: what runs on a device, the
# fleet, and all of it together. Each run's engine has a folder and a network of its own, and only one run starts it. The
# argument is the environment's bin folder.
# A run that does not end is ended, and says where each of its threads was.
set -u
mkdir -p var
pytest="timeout --foreground --signal=ABRT --kill-after=60 4200 $1/pytest"
$pytest shared services >var/tests-device.log 2>&1 &
device=$!
$pytest fleet tests/fleet >var/tests-fleet.log 2>&1 &
fleet=$!
trap 'kill "$device" "$fleet" 2>/dev/null' INT TERM
$pytest base simulator tests --ignore=tests/fleet
failed=$?
wait "$device" || failed=1
wait "$fleet" || failed=1
cat var/tests-device.log var/tests-fleet.log
exit "$failed"
