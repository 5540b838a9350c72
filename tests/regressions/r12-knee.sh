#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R12: capacity is one run whose validity nobody looks at, the knee a point. Right: a median of valid runs, an interval.
. "$(dirname "$0")/lib.sh"
"$E" sweep rate udp-persistent --delay 100us --connections 8 --blocks 2 --duration 100ms \
    --warmup 10ms --quiet --json a.json > a.txt 2>&1
judge << 'PYTHON'
session = load("a.json")
closed = [run for run in session["runs"] if run["offered_per_s"] is None and run["role"] != "floor"]
if len(closed) < 2:
    wrong(f"capacity comes from {len(closed)} runs that are in the result")
knees = session.get("knees", [])
if not knees or not any(re.search("knee.*low|low.*knee", key) for key in knees[0]):
    wrong(f"no interval of the knee in {sorted(knees[0]) if knees else 'no knee'}")
PYTHON
