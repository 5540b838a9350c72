#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R20: with --host TIME_WAIT of one run slows the next. Right: ports are looked at there, waited for or refused.
. "$(dirname "$0")/lib.sh"
needs_network
cat > inside.sh << 'SH'
ip link set lo up && echo "40000 42999" > /proc/sys/net/ipv4/ip_local_port_range || exit 77
"$E" serve --port 0 > serve.txt &
for _ in $(seq 100); do grep -q listening serve.txt && break; sleep 0.02; done
port=$(sed -n 's/.*listening on [^ ]*:\([0-9]*\).*/\1/p' serve.txt | head -1)
for i in 1 2; do
    timeout 20 "$E" run tcp-client-close --host "127.0.0.1:$port" --messages 1200 --warmup 0s \
        > "$i.json" 2> "$i.txt"
done
kill $!
SH
E=$E unshare -rn bash inside.sh || skip "no network of its own can be made"
[[ -s 2.json ]] || { grep -qi "port\|TIME_WAIT" 2.txt && exit 0; }
judge << 'PYTHON'
first, second = load("1.json"), load("2.json")
reasons = " ".join(second["invalid_because"])
if not second["valid"] and re.search("port|TIME_WAIT|assign", reasons):
    sys.exit(0)
if not second["time_wait"]:
    wrong("1,200 ports wait since the run before, and the result says nothing of it")
if second["valid"] and second["latency_us"]["p50"] > 2 * first["latency_us"]["p50"]:
    wrong(f"{second['latency_us']['p50']:.0f} us behind a run with {first['latency_us']['p50']:.0f}, valid")
PYTHON
