#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# R15: corrupt replies, a second half many times slower: valid. Right: each is a reason.
. "$(dirname "$0")/lib.sh"
cat > server.py << 'PYTHON'
# Echoes datagrams: each once more with a damaged payload; or slowly, 25 ms after a client's first.
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
open(sys.argv[1], "w").write(str(s.getsockname()[1]))
first = {}
while True:
    data, who = s.recvfrom(65536)
    begun = first.setdefault(data[16:24], time.monotonic())
    reply = data[:3] + b"\x02" + b"\0\0" + data[6:]
    if sys.argv[2] == "damaged":
        s.sendto(reply[:-1] + bytes([reply[-1] ^ 1]), who)
    elif time.monotonic() - begun > 0.025:
        time.sleep(0.0003)
    s.sendto(reply, who)
PYTHON
start() {
    python3 server.py "$1" "$1" &
    for _ in $(seq 100); do [[ -s $1 ]] && return; sleep 0.02; done
    skip "no server of ours came up"
}
start damaged
start slowing
"$E" run udp-persistent --host 127.0.0.1:$(< damaged) --messages 200 --warmup 0s > damaged.json
"$E" compare udp-persistent --host 127.0.0.1:$(< slowing) --blocks 6 --duration 40ms --warmup 5ms \
    --quiet --json slowing.json > slowing.txt 2>&1
judge << 'PYTHON'
run = load("damaged.json")
if run["messages"]["ok"] and not any("corrupt" in reason for reason in run["invalid_because"]):
    wrong(f"{run['messages']['corrupt']} corrupt replies beside {run['messages']['ok']} right ones: "
          + ("valid" if run["valid"] else f"not valid for {run['invalid_because']}"))
reasons = [reason for run in load("slowing.json")["runs"] for reason in run["invalid_because"]]
if not any("stationary" in reason for reason in reasons) and "stationary" not in text("slowing.txt"):
    wrong("each run's second half is many times slower, and nothing says so")
PYTHON
