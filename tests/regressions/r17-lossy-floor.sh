#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R17: a comparison on a lossy wire dies of its floor's first loss. Right: it has no floor, and a result.
. "$(dirname "$0")/lib.sh"
needs_network
for seed in 1 2 3; do
    "$E" compare udp-persistent --loss 5% --rtt 1ms --deadline 20ms --engine epoll --connections 8 \
        --blocks 1 --duration 200ms --warmup 5ms --seed $seed --quiet --json a.json > a.txt 2>&1
    grep -q "not valid" a.txt || break
done
judge << 'PYTHON'
runs = load("a.json")["runs"]
if any(run["role"] == "floor" for run in runs):
    wrong("on a wire that loses 5 % a floor was run")
if "gave no result" in text("a.txt"):
    wrong("a run gave no result: " + re.search(r".{,80}gave no result.{,80}", text("a.txt"))[0])
busy = re.compile("others took|machine\\.|quota")
quiet = [run for run in runs if not any(map(busy.search, run["invalid_because"]))]
for run in quiet:
    if run["invalid_because"] or run["messages"]["lost"] == 0:
        wrong(f"{run['messages']['lost']} lost, not valid because {run['invalid_because']}")
if not quiet:
    print("the machine is too busy: others disturbed every run")
    sys.exit(77)
PYTHON
