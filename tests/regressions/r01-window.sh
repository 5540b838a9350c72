#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R1: what is waited for after the window divides. Right: what was completed inside it, over it.
. "$(dirname "$0")/lib.sh"
needs_network
"$E" run udp-persistent --engine epoll --connections 64 --rtt 1ms --loss 0.1% --duration 200ms \
    --warmup 20ms --deadline 600ms --seed 7 > long.json
"$E" run tcp-persistent --engine epoll --connections 128 --duration 10ms --warmup 5ms > few.json
judge << 'PYTHON'
run = load("long.json")
counted = run["throughput_per_s"] * 0.2
if abs(counted - run["messages"]["ok"]) > 0.02 * counted:
    wrong(f"{run['messages']['ok']} messages in 200 ms are called {run['throughput_per_s']:.0f}/s,"
          f" over {run['elapsed_s']:.3f} s")
outstanding = run["throughput_per_s"] * run["cycle_us"]["mean"] / 1e6
if not 64 - run["waiting"] - 2 < outstanding < 64 * 1.02 + 1:
    wrong(f"throughput x mean cycle is {outstanding:.1f}, of 64 connections, {run['waiting']} waiting")
few = load("few.json")
if few["valid"]:
    wrong(f"{few['messages']['sent']} messages by 128 connections are called valid")
if few["messages"]["sent"] and not any("--duration" in reason for reason in few["invalid_because"]):
    wrong(f"no cure in: {few['invalid_because']}")
PYTHON
