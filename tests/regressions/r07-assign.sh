#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R7: `sweep loss --rate --connections N` sends over one of them. Right: clients are clients, by --assign.
. "$(dirname "$0")/lib.sh"
needs_network
ask() { "$E" sweep loss tcp-persistent --rate "$@" --at 40 --connections 4 --blocks 1 --quiet 2>> seen.txt; }
ask --assign connection --json named.json > /dev/null
status=$?
[[ $status == 64 ]] && wrong "--assign connection is refused: $(head -1 seen.txt)"
judge << 'PYTHON'
for run in load("named.json")["runs"]:
    if (run.get("open_loop") or {}).get("assign") != "connection":
        wrong(f"asked for connection, the result says {run.get('open_loop')}")
PYTHON
