#!/bin/sh
# All tests, in three runs side by side, for most of the time a test waits for a real server: what runs on a device, the
# fleet, and all of it together. Each run's engine has a folder and a network of its own, and only one run starts it. The
# first argument is the environment's bin folder, the others are pytest's.
#
# What fails beside the other runs is told once more with the machine to itself (docs/decisions/0015). A run that does
# not end is ended, says where each of its threads was, and begins anew.
set -u
bin=$1
shift
mkdir -p var
pytest="timeout --foreground --signal=ABRT --kill-after=60 3600 $bin/pytest"
device="-o cache_dir=var/pytest-device shared services"
fleet="-o cache_dir=var/pytest-fleet fleet tests/fleet"
release="-o cache_dir=var/pytest-release base simulator tests --ignore=tests/fleet"

$pytest $device "$@" >var/tests-device.log 2>&1 &
device_run=$!
$pytest $fleet "$@" >var/tests-fleet.log 2>&1 &
fleet_run=$!
trap 'kill "$device_run" "$fleet_run" 2>/dev/null; exit 130' INT TERM
$pytest $release "$@"
release_ended=$?
wait "$device_run"
device_ended=$?
wait "$fleet_run"
fleet_ended=$?
cat var/tests-device.log var/tests-fleet.log

once_more() {
	echo "=== FAILED BESIDE THE OTHER RUNS: now once more, alone"
	$pytest "$@" --last-failed || failed=1
}

failed=0
[ "$release_ended" -eq 0 ] || once_more $release "$@"
[ "$device_ended" -eq 0 ] || once_more $device "$@"
[ "$fleet_ended" -eq 0 ] || once_more $fleet "$@"
exit "$failed"
