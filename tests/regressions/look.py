# SPDX-License-Identifier: GPL-3.0-or-later
# Before the Python of each script: see judge in lib.sh.
import csv, json, math, os, re, sys

os.chdir(os.environ["work"])


def wrong(sentence):
    sys.exit(print(sentence) or 1)


def load(name):
    try:
        with open(name) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        wrong(f"no result: {error}")


def text(name):
    """What was printed, its lines and blanks joined."""
    with open(name) as file:
        return " ".join(file.read().split())


def table(name, delimiter="\t"):
    try:
        with open(name) as file:
            return list(csv.DictReader(file, delimiter=delimiter))
    except OSError:
        return []
