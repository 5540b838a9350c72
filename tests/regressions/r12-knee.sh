#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R12: capacity is one run whose validity nobody looks at, the knee a point. Right: a median of valid runs, an interval.
. "$(dirname "$0")/lib.sh"
"$E" sweep rate udp-persistent --delay 100us --connections 8 --blocks 2 --duration 100ms \
    --warmup 10ms --quiet --json a.json > a.txt 2>&1
grep -q "closed loops is valid" a.txt && skip "the machine is too busy: no closed loop is valid"
judge << 'PYTHON'
session = load("a.json")
capacity, knee = session.get("capacities") or [], session.get("knees") or []
if not capacity or capacity[0]["runs"] < 3:
    wrong(f"capacity is what {capacity[0]['runs'] if capacity else 1} run showed")
if not knee or "ci_low" not in knee[0] or (knee[0]["knee_per_s"] and not knee[0]["ci_low"]):
    wrong(f"the knee has no interval: {knee}")
if not knee[0]["knee_per_s"] and not knee[0]["because"]:
    wrong("no knee, and no reason")
PYTHON
