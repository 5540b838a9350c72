#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R19: errors of the warm-up are lost: "100 failures in a row". Right: the reason stands where it is told.
. "$(dirname "$0")/lib.sh"
"$E" compare tcp-persistent --host 127.0.0.1:1 --blocks 1 --duration 10ms --quiet --json a.json \
    > a.txt 2>&1
judge << 'PYTHON'
said = text("a.txt")
if "refused" not in said:
    wrong("nobody listens, and it says: " + said[-90:])
try:
    runs = json.load(open("a.json"))["runs"]
except OSError:
    runs = []  # refused before the first
for run in runs:
    if not run["errors"] and not run.get("warmup_errors"):
        wrong(f"no error in the result: {run['invalid_because']}")
PYTHON
unshare -rn true 2> /dev/null || exit 0
timeout 5 "$E" run udp-persistent --rtt 20ms --deadline 15ms --duration 50ms > b.json
[[ $? == 124 ]] && wrong "where no message is answered a run does not end"
exit 0
