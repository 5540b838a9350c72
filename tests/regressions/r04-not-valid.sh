#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R4: runs that are not valid feed figures. Right: none does, and the page counts them truly.
. "$(dirname "$0")/lib.sh"
recorded idle.json
judge << 'PYTHON'
session = load("results/idle.json")
for run in session["runs"]:
    late = run.get("gap_ms") == 300
    run["valid"], run["invalid_because"] = not late, ["spoiled by hand"] if late else []
json.dump(session, open("results/idle.json", "w"))
PYTHON
"$E" report . > /dev/null
"$E" report --text . > page.txt
judge << 'PYTHON'
runs = load("results/idle.json")["runs"]
spoiled = sum(not run["valid"] for run in runs)
page, rows = text("page.txt"), table("data/idle.tsv")
drawn = [row for row in rows if float(row["gap_ms"]) == 300 and row["latency_ms"] != "-"]
if not rows or not spoiled:
    wrong(f"no figure: {len(rows)} rows, {spoiled} runs spoiled")
if drawn:
    wrong(f"the figure has {len(drawn)} points of runs that are not valid, as {drawn[0]}")
if f"Of {len(runs)} runs {spoiled} are not valid" not in page:
    wrong(f"of {len(runs)} runs {spoiled} are not valid, and the page says: "
          + " ".join(re.findall(r"[^.]*are not valid[^.]*", page)))
PYTHON
