#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R18: `diff` compares a file with itself and what contradicts itself. Right: refused by name; counts come first.
. "$(dirname "$0")/lib.sh"
for name in a b; do
    "$E" compare tcp-persistent udp-persistent --blocks 3 --duration 6ms --warmup 1ms --quiet \
        --json $name.json > /dev/null 2>&1
done
judge << 'PYTHON'
if not any(run["valid"] and run["role"] == "variant" for run in load("b.json")["runs"]):
    print("no run is valid: the machine is too busy")
    sys.exit(77)
PYTHON
"$E" diff a.json -- b.json > seen.txt 2>&1
status=$?
[[ $status == 64 || $status == 1 ]] && wrong "two sound sessions are refused: $(head -1 seen.txt)"
refused() { # NAME FILE...: by name, with a status of its own
    local name=$1 status
    shift
    "$E" diff "$@" > seen.txt 2>&1
    status=$?
    [[ $status == 64 || $status == 1 ]] || wrong "$name, and the exit status is $status"
    grep -q "[ab].json" seen.txt || wrong "$name, and it is not named: $(head -1 seen.txt)"
}
refused "the same file on both sides" a.json -- a.json
for spoil in 'run["throughput_per_s"] *= 2' \
    'run["latency_us"]["p50"], run["latency_us"]["p90"] = 90.0, 10.0' \
    'run["latency_us"]["mean"] = 2 * run["latency_us"]["max"]' \
    'run["valid"], run["invalid_because"] = True, ["spoiled"]'; do
    SPOIL=$spoil judge << 'PYTHON'
session = load("b.json")
for run in session["runs"]:
    if run["valid"] and run["role"] == "variant":
        exec(os.environ["SPOIL"])
json.dump(session, open("spoiled-b.json", "w"))
PYTHON
    refused "it says $spoil" a.json -- spoiled-b.json
done
