#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R9: a mean and t in bursts. Right: from 20 blocks the Hodges-Lehmann estimate, with its interval.
. "$(dirname "$0")/lib.sh"
"$E" compare tcp-persistent udp-persistent --blocks 24 --duration 6ms --warmup 1ms --quiet \
    --json a.json > /dev/null 2>&1
judge << 'PYTHON'
from itertools import combinations_with_replacement
from statistics import median
session = load("a.json")
of = {}
for run in session["runs"]:
    if run["valid"] and run["time_per_message_us"]:
        of.setdefault((run["variant"], run["role"]), {})[run["block"]] = run["time_per_message_us"]
tried = 0
for c in session["comparisons"]:
    if c["metric"] != "time_per_message" or c["role"] != "variant" or c["baseline"] == "floor":
        continue
    new, base = of[c["variant"], "variant"], of[c["baseline"], "variant"]
    logs = [math.log(new[block] / base[block]) for block in new if block in base]
    if len(logs) < 20:
        continue
    tried += 1
    wanted = math.exp(median((a + b) / 2 for a, b in combinations_with_replacement(logs, 2)))
    if abs(c["ratio"] / wanted - 1) > 1e-4:
        wrong(f"{len(logs)} blocks, Hodges-Lehmann {wanted:.5f}, and told is {c['ratio']:.5f}")
if not tried:
    print("fewer than 20 blocks are valid: the machine is too busy")
    sys.exit(77)
PYTHON
