#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R16: 100 us of lateness refuse a run of 30 ms; the option is `run`'s alone. Right: quantile by quantile, everywhere.
. "$(dirname "$0")/lib.sh"
needs_network
"$E" compare udp-persistent --rate 200 --rtt 40ms --lateness 50us --blocks 1 --duration 100ms --quiet \
    > /dev/null 2> seen.txt
[[ $? == 64 ]] && wrong "compare takes no --lateness: $(head -1 seen.txt)"
"$E" sweep rate udp-persistent --lateness 20ms --at 200 --blocks 1 --duration 50ms --quiet \
    > /dev/null 2> seen.txt
[[ $? == 64 ]] && wrong "sweep rate takes no --lateness: $(head -1 seen.txt)"
(while :; do :; done) &
"$E" run udp-persistent --rate 200 --rtt 40ms --placement same-core --duration 300ms > a.json
judge << 'PYTHON'
run = load("a.json")
late = run["open_loop"]["lateness_us"]
for reason in run["invalid_because"]:
    if "late" in reason and (late["p50"] or 0) < 1000 and late["max"] < 8000:
        wrong(f"{late['max'] / 1e3:.1f} ms late at most, of 40 ms, in 60 requests: {reason}")
PYTHON
