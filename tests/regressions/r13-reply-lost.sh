#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R13: a lost reply is predicted in one window, and takes the other. Right: both branches of the tail loss probe.
. "$(dirname "$0")/lib.sh"
needs_network
"$E" sweep loss --packet tcp-per-message --blocks 1 --quiet --json a.json > a.txt 2>&1
judge << 'PYTHON'
row = next((one for one in load("a.json")["lost_packets"] if one["lost"].endswith("reply")), {})
high = row.get("predicted_high_ms") or 0
if high < 79:
    wrong(f"the reply lost is predicted up to {high} ms, and takes up to 80")
printed = " ".join(re.findall(r"\breply .*", open("a.txt").read()))
windows = json.dumps(row) + text("a.txt")
if not re.search(r"\b3[0-2]\d(\.\d+)?\b", windows):
    wrong(f"nothing tells of the branch of 305 to 322 ms: {printed}")
PYTHON
