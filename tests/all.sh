#!/bin/sh
# All tests, in three runs side by side, for most of the time a test waits for a real server: what runs on a device, the
# fleet, and all of it together. Each run's engine has a folder and a network of its own, and only one run starts it. The
# argument is the environment's bin folder.
set -u
mkdir -p var
"$1"/pytest shared services >var/tests-device.log 2>&1 &
device=$!
"$1"/pytest fleet tests/fleet >var/tests-fleet.log 2>&1 &
fleet=$!
trap 'kill "$device" "$fleet" 2>/dev/null' INT TERM
"$1"/pytest base simulator tests --ignore=tests/fleet
failed=$?
wait "$device" || failed=1
wait "$fleet" || failed=1
cat var/tests-device.log var/tests-fleet.log
exit "$failed"
