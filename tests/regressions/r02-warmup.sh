#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R2: the warm-up eats --messages, connecting eats the window. Right: both whole, or not valid.
. "$(dirname "$0")/lib.sh"
"$E" run tcp-persistent --engine epoll --connections 4 --messages 1000 --warmup 50ms > all.json
"$E" run tcp-persistent --engine epoll --connections 1500 --duration 100ms --warmup 20ms > up.json
judge << 'PYTHON'
sent = load("all.json")["messages"]["sent"]
if sent != 1000:
    wrong(f"{sent} of 1000 messages were counted")
run = load("up.json")
if run["valid"] and run["elapsed_s"] < 0.099:
    wrong(f"a window of 100 ms was {1e3 * run['elapsed_s']:.0f} ms, and valid")
PYTHON
