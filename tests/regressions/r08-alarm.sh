#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R8: the A/A alarm cannot ring. Right: what is told is width, the difference that would be found.
. "$(dirname "$0")/lib.sh"
for seed in 1 2 3; do # a busy machine's runs are not valid
    "$E" compare tcp-persistent udp-persistent --blocks 8 --duration 3ms --warmup 1ms --seed $seed \
        --quiet --json a.json > a.txt 2> /dev/null
    grep -q "against itself" a.txt && break
done
judge << 'PYTHON'
said, session = text("a.txt"), load("a.json")
again = re.search(r"against itself:.{,200}", said)
if not again:
    print("no A/A has six valid blocks: the machine is too busy")
    sys.exit(77)
if "alarm" in again[0] or not re.search(r"finds differences from \S+ % on", again[0]):
    wrong(f"A/A says: {again[0][:90]}")
for c in session["comparisons"]:
    if c["blocks"] < 6:
        continue
    half = math.log(c["ci_high"] / c["ci_low"]) / 2
    found = c.get("detectable")
    if found is None or not 1.05 < math.log1p(found) / half < 1.9:
        wrong(f"a half-width of {half:.3f} would find {found}, with 80 % power about 1.4 of them")
undecided = said.count("not decided")
if sum(c["verdict"] == "not decided" for c in session["comparisons"]) > 0 < undecided:
    if "not decided (finds" not in said:
        wrong("an undecided line does not say what it would have found")
PYTHON
