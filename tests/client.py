# SPDX-License-Identifier: GPL-3.0-or-later
"""A client written from the wire format alone: client.py tcp|udp HOST PORT TEXT"""
import os, socket, struct, sys

HEADER = struct.Struct("!HBBHBBIIQQQ")  # README, "The wire format", field by field

def internet_sum(header):  # RFC 1071: add 16-bit words, carry around
    total = sum(struct.unpack("!20H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)

transport, host, port, payload = sys.argv[1], sys.argv[2], int(sys.argv[3]), os.fsencode(sys.argv[4])
session = int.from_bytes(os.urandom(8), "big")
fields = [0x4543, 1, 1, 0, 0, 0, len(payload), len(payload), session, 1, 0]
fields[3] = internet_sum(HEADER.pack(*fields)) ^ 0xFFFF or 0xFFFF
kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as server:
    server.settimeout(5)
    server.connect((host, port))
    server.sendall(HEADER.pack(*fields) + payload)  # over UDP: one datagram
    reply = server.recv(65507)
    while transport == "tcp" and len(reply) < 40 + len(payload):
        reply += server.recv(65507) or sys.exit("connection closed inside the reply")
got = HEADER.unpack(reply[:40])
assert got[:3] == (0x4543, 1, 2) and got[6] == len(payload) and got[8:10] == (session, 1), got
assert got[3] == 0 or internet_sum(reply[:40]) == 0xFFFF, "wrong check"
assert reply[40:] == payload, "wrong payload"
sys.stdout.buffer.write(reply[40:] + b"\n")
