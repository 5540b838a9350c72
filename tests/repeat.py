#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes every command from a page of a bench and finds that its plan is its file's.

    tests/repeat.py [BUILD]     of BUILD/report/index.html; exit status 1: not so
"""
import html
import json
import re
import shlex
import subprocess
import sys

build = sys.argv[1] if len(sys.argv) > 1 else "build"
page = open(f"{build}/report/index.html", encoding="utf-8").read()
rows = re.findall(r"<tr><td[^>]*>(?:<code>)?([^<]+\.json)(?:</code>)?</td>.*?<code>(.*?)</code></td></tr>",
                  page[page.index("How to repeat it"):], re.S)
planned = re.compile(r"block (\d+) order (\d+) column (\d+)(?: point (\d+))? (\S+) (\S+).* seed (\d+)")
failed = 0


def plan_of(command):
    """What --dry-run prints, a tuple for each run."""
    out = subprocess.run(shlex.split(command) + ["--dry-run"], capture_output=True, text=True,
                         timeout=60, check=False)
    if out.returncode != 0:
        raise ValueError(out.stderr.strip())
    return [(int(b), int(o), int(c), v, r, int(s))
            for b, o, c, _, v, r, s in planned.findall(out.stdout)]


def runs_of(path):
    """The same of a file's runs; of several attempts the seed is that of the first."""
    with open(path, encoding="utf-8") as file:
        runs = [run for run in json.load(file).get("runs", []) if run.get("column") is not None]
    first = {}
    for run in runs:
        place = (run["block"], run["order"], run["column"], run["variant"], run["role"])
        first[place] = min(run["seed"], first.get(place, run["seed"]))
    return [(*place, seed) for place, seed in first.items()]


for path, command in rows:
    command = html.unescape(re.sub("<[^>]*>", "", command))
    try:
        plan, runs = plan_of(command), runs_of(path)
        if runs and sorted(plan) != sorted(runs):
            raise ValueError(f"plans {len(plan)} runs, which are not the {len(runs)} of the file")
        print(f"{path}: {len(plan)} runs planned, {len(runs)} in the file")
    except ValueError as problem:
        failed += 1
        print(f"{path}: FAIL: {command}: {problem}")
if not rows:
    sys.exit(f"{build}/report/index.html names no command")
sys.exit(1 if failed else 0)
