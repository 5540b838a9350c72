#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R5: runs beside others are slower, and valid. Right: what others took is measured, above 5 % refused.
. "$(dirname "$0")/lib.sh"
# Each stays where it is: left to the scheduler both may leave the run's CPU alone.
for cpu in $(python3 -c 'import os; print(*os.sched_getaffinity(0))'); do
    taskset -c "$cpu" bash -c 'while :; do :; done' &
done
for i in 1 2; do
    "$E" run tcp-persistent --duration 400ms --warmup 50ms --seed "$i" > "$i.json"
done
"$E" serve --port 0 > serve.txt &
for _ in $(seq 100); do [[ -s serve.txt ]] && break; sleep 0.02; done
"$E" run tcp-persistent --host "$(sed 's/.*listening on //; s/ .*//' serve.txt)" \
    --duration 400ms --warmup 50ms > host.json
judge << 'PYTHON'
for run in map(load, ("1.json", "2.json", "host.json")):
    if run["valid"]:
        wrong(f"a busy thread on each CPU, and a run of {run['throughput_per_s']:.0f}/s is valid")
    if not any("others" in reason or "quota" in reason for reason in run["invalid_because"]):
        wrong(f"a busy thread on each CPU, and what is told is: {run['invalid_because']}")
PYTHON
