#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R21: what one run showed stands as if it were certain. Right: how many, and an interval where there is one.
. "$(dirname "$0")/lib.sh"
recorded idle.json size.json rtt.json loss.json
"$E" report . > /dev/null
"$E" report --text . > page.txt
judge << 'PYTHON'
page = text("page.txt")
if re.search(r"\bmedian of 1 runs?\b", page) or re.search(r"\(([\d.]+) to \1 ms, 1 runs?\)", page):
    wrong("an interval of one run: " + re.search(r".{,60}(median of 1 run|, 1 runs?\))", page)[0])
idle = re.search(r"next message after a pause.{,900}", page)
if not idle or not re.search(r"(one|1) run\b|\d messages", idle[0]):
    wrong("the table of pauses does not say of how many messages, or runs, it is")
for row in table("data/idle.tsv"):
    if any("ci" in column for column in row):
        wrong(f"the least and most of {row.get('messages')} messages are called an interval")
PYTHON
