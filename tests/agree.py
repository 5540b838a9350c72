#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether sessions of a bench contradict each other.

    tests/agree.py DIR...     folders of result files, one a session

Two sessions contradict each other where one finds a variant faster and the
other slower than the same other one at the same point. "Not decided" agrees with
all; what is the same within its margin agrees with a difference that
is not beyond that margin. Exit status 1: they do.
"""
import collections
import glob
import json
import os
import sys

IDENTITY = ("metric", "variant", "baseline", "role", "point", "size_bytes", "connections",
            "per_connection", "pipeline", "placement", "engine", "design", "rtt_ms",
            "loss_percent", "rto_floor_ms")
seen = collections.defaultdict(list)
files = 0
for folder in sys.argv[1:]:
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path, encoding="utf-8") as file:
            session = json.load(file)
        if not str(session.get("schema", "")).startswith("echolab/"):
            continue
        files += 1
        for one in session.get("comparisons") or []:
            key = (os.path.basename(path),) + tuple(one.get(name) for name in IDENTITY)
            seen[key].append((folder, one))


def contradicts(one, other):
    """Both are comparisons of the same things."""
    verdicts = {one["verdict"], other["verdict"]}
    if verdicts == {"faster", "slower"}:
        return True
    if "same within margin" not in verdicts or not verdicts & {"faster", "slower"}:
        return False
    same, differs = sorted((one, other), key=lambda c: c["verdict"] != "same within margin")
    margin = 1 + same["margin"]
    return differs["ci_low"] > margin or differs["ci_high"] < 1 / margin


counts = collections.Counter(one["verdict"] for all_of in seen.values() for _, one in all_of)
against = []
for key, all_of in seen.items():
    for i, (folder, one) in enumerate(all_of):
        for other_folder, other in all_of[:i]:
            if contradicts(one, other):
                against.append((key, folder, one, other_folder, other))
print(f"{len(sys.argv) - 1} sessions, {files} files, {len(seen)} comparisons made in them, "
      f"{sum(counts.values())} verdicts:", ", ".join(f"{n} {v}" for v, n in counts.most_common()))
for key, folder, one, other_folder, other in against:
    words = [f"{name} {value}" for name, value in zip(("file",) + IDENTITY, key) if value is not None]
    print("contradiction:", ", ".join(words))
    for place, c in ((folder, one), (other_folder, other)):
        print(f"    {place}: {c['verdict']}, {c['ratio']} ({c['ci_low']} to {c['ci_high']}), "
              f"{c['blocks']} blocks")
print(f"{len(against)} pairs contradict each other")
sys.exit(1 if against else 0)
