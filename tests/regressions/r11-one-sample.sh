#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R11: one pair prints an interval of no width, few a senseless one. Right: no sample, no number.
. "$(dirname "$0")/lib.sh"
for blocks in 1 2; do
    "$E" compare tcp-persistent udp-persistent --blocks $blocks --duration 2ms --warmup 500us \
        --quiet --json $blocks.json > $blocks.txt 2> /dev/null
done
judge << 'PYTHON'
for blocks in 1, 2:
    said = text(f"{blocks}.txt")
    for pattern in r"([\d.]+) [\[(]\1(?:,| to) \1", r"e\+\d\d", r"- \(1 run\)", r"\bnan\b", r"\binf\b":
        found = re.search(pattern, said)
        if found:
            wrong(f"{blocks} blocks, and it prints {found[0]}")
for c in load("1.json")["comparisons"]:
    if c["ci_low"] is not None or c["ci_high"] is not None:
        wrong(f"one block, and {c['metric']} has the interval {c['ci_low']} to {c['ci_high']}")
PYTHON
