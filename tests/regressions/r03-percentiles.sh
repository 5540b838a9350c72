#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R3: percentiles in JSON and CSV leave out the lost. Right: these rank last, in both alike.
. "$(dirname "$0")/lib.sh"
needs_network
"$E" compare udp-persistent --engine epoll --connections 64 --rtt 1ms --loss 15% --deadline 30ms \
    --duration 200ms --warmup 5ms --blocks 1 --quiet --json a.json --csv a.csv > /dev/null 2>&1
judge << 'PYTHON'
rows = [row for row in table("a.csv", ",") if row["role"] != "floor"]
runs = [run for run in load("a.json")["runs"] if run["role"] != "floor"]
if not runs or len(rows) != len(runs):
    wrong(f"{len(runs)} runs and {len(rows)} rows")
for run in runs:
    share = run["messages"]["lost"] / max(1, run["messages"]["sent"])
    p90 = run["latency_us"]["p90"]
    if share > 0.15 and p90 is not None and p90 < 30000:
        wrong(f"{share:.0%} are lost, and the p90 in JSON is {p90 / 1e3:.1f} ms of 30")
    if not (run.get("answered_us") or {}).get("p50"):
        wrong("what is over answered ones alone has no name of its own")
for row in rows:
    share = int(row["messages.lost"]) / max(1, int(row["messages.sent"]))
    if share > 0.15 and row["latency_us.p90"] and float(row["latency_us.p90"]) < 30000:
        wrong(f"{share:.0%} are lost, and the p90 in CSV is {row['latency_us.p90']} us")
PYTHON
