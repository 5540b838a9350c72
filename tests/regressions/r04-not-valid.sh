#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R4: a run that gave no result is "-", with exit 0 and no word. Right: it counts nowhere, and that is said.
. "$(dirname "$0")/lib.sh"
needs_network
ulimit -n 200
timeout -s INT 3 "$E" sweep idle udp-persistent --at 1ms --deadline 15ms --blocks 1 --quiet \
    > idle.txt 2>&1
status=$?
[[ $status == 0 ]] && wrong "no run over 20 ms is answered within 15 ms, and the exit status is 0"
grep -Eq "no run counts|not valid" idle.txt || wrong "nothing says that no run counts: $(tail -1 idle.txt)"
recorded core.json
judge << 'PYTHON'
session = load("results/core.json")
for run in session["runs"]:
    run["valid"], run["invalid_because"] = False, ["spoiled by hand"]
json.dump(session, open("results/core.json", "w"))
PYTHON
"$E" report . > /dev/null
"$E" report --text . > page.txt
judge << 'PYTHON'
runs = len(load("results/core.json")["runs"])
if f"Of {runs} runs {runs} are not valid" not in text("page.txt"):
    wrong(f"{runs} runs of {runs} are not valid, and the page says otherwise")
for name in "latency", "phases":
    if table(f"data/{name}.tsv"):
        wrong(f"no run is valid, and the figure {name} has {len(table(f'data/{name}.tsv'))} rows")
PYTHON
