#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R14: a page predicts two values for one point. Right: one.
. "$(dirname "$0")/lib.sh"
recorded rtt.json core.json
judge << 'PYTHON'
session = load("results/rtt.json")
for run in session["runs"]:  # the wire was late: it applied 1 ms more than it was told
    run["rtt_applied_ms"] += 1
    if run.get("wire"):
        run["wire"]["rtt_applied_ms"] = run["rtt_applied_ms"]
json.dump(session, open("results/rtt.json", "w"))
PYTHON
"$E" report . > /dev/null
"$E" report --text . > page.txt
judge << 'PYTHON'
drawn = {float(row["rtt_ms"]): float(row["model_us"]) / 1e3 for row in table("data/rtt.tsv")
         if row["variant"] == "udp-persistent" and row["model_us"] not in ("-", "")}
told = {}
for rtt, cell in re.findall(r"^(\d+) ms +\S+ ms[^/\n]*/ ([\d.]+) ms", open("page.txt").read(), re.M):
    told[float(rtt)] = float(cell)
both = sorted(set(drawn) & set(told))
for rtt in both:
    if abs(drawn[rtt] / told[rtt] - 1) > 0.01:
        wrong(f"at {rtt:g} ms the table predicts {told[rtt]} ms and the figure {drawn[rtt]:.2f} ms")
if not drawn and not told:
    wrong("nothing is predicted")
PYTHON
