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
told, rtt = {}, None
lines = open("page.txt").read().split("\n")
head = next((i for i, line in enumerate(lines) if re.match("round-trip time +UDP", line)), len(lines))
for line in lines[head + 1:]:
    if not line.strip():
        break
    rtt = float(line.split()[0]) if re.match(r"[\d.]+ ms ", line) else rtt
    cell = line[lines[head].index("UDP"):lines[head].index("TCP, kept")].split("/")[-1]
    found = re.match(r" *([\d.]+) ms *$", cell)
    if found and rtt is not None:
        told[rtt] = float(found[1])
both = sorted(set(drawn) & set(told))
for rtt in both:
    if abs(drawn[rtt] / told[rtt] - 1) > 0.01:
        wrong(f"at {rtt:g} ms the table predicts {told[rtt]} ms and the figure {drawn[rtt]:.2f} ms")
if not both:
    wrong(f"no point is predicted in both: {drawn}, {told}")
PYTHON
