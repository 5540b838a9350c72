#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R10: "about 6 blocks would" after 5, which cannot decide. Right: not said there; else no fewer than were run.
. "$(dirname "$0")/lib.sh"
for blocks in 5 7; do
    "$E" compare tcp-persistent udp-persistent --blocks $blocks --duration 2ms --warmup 500us \
        --quiet --json $blocks.json > $blocks.txt 2> /dev/null
done
judge << 'PYTHON'
for blocks in 5, 7:
    said = text(f"{blocks}.txt")
    for needed in re.findall(r"about ([\d,]+)(?: blocks)? would", said):
        if blocks < 6 or int(needed.replace(",", "")) < blocks:
            wrong(f"{blocks} blocks were run, and it says that about {needed} would decide")
    for c in load(f"{blocks}.json")["comparisons"]:
        needed = c.get("blocks_needed") or 0
        if 0 < needed < blocks or c["blocks"] < 6 and needed:
            wrong(f"{c['blocks']} blocks of {c['metric']}, and {needed} would decide")
PYTHON
