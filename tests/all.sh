#!/bin/sh
# All tests, in two runs side by side: most of the time a test waits for a real server. The argument is the environment's
# bin folder. What needs a container engine or a network of its own is all in the second run.
set -u
mkdir -p var
log=var/rooms-tests.log
"$1"/pytest shared base services simulator >"$log" 2>&1 &
rooms=$!
trap 'kill "$rooms" 2>/dev/null' INT TERM
"$1"/pytest fleet tests
rest=$?
wait "$rooms"
first=$?
cat "$log"
[ "$first" -eq 0 ] && [ "$rest" -eq 0 ]
