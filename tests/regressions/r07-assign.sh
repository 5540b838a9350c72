#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R7: `sweep loss --rate --connections N` sends over one of them. Right: clients are clients, by --assign.
. "$(dirname "$0")/lib.sh"
needs_network
ask=(sweep loss tcp-persistent --rate --at 1k --loss 5% --connections 4 --blocks 1 --quiet)
"$E" "${ask[@]}" --assign lru --dry-run > /dev/null 2> seen.txt
status=$?
[[ $status == 64 ]] && wrong "--assign is refused: $(head -1 seen.txt)"
# What has run until then is enough.
timeout -s INT 3 "$E" "${ask[@]}" --json a.json > /dev/null 2>&1
judge << 'PYTHON'
for run in load("a.json")["runs"]:
    if (run.get("open_loop") or {}).get("assign") != "connection":
        wrong(f"connection is the usual, the result says {run.get('open_loop')}")
PYTHON
