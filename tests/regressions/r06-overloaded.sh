#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R6: a lost packet counts as overload. Right: overload is what was not answered without loss.
. "$(dirname "$0")/lib.sh"
needs_network
"$E" run udp-persistent --rate 400 --rtt 1ms --loss 5% --duration 400ms --warmup 10ms \
    --deadline 30ms --seed 3 > a.json
judge << 'PYTHON'
run = load("a.json")
loop, lost = run["open_loop"], run["messages"]["lost"]
if lost == 0:
    wrong("nothing was lost")
if loop["overloaded"] and loop["taken_up"] >= 0.99 * loop["offered"] \
        and loop["answered_in_time"] + lost >= 0.97 * loop["offered"]:
    wrong(f"{lost} of {loop['offered']} were lost, the others answered: called overloaded")
PYTHON
