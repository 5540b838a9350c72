#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds result files to bench/session/echolab.schema.json.

    schema.py SCHEMA FILE.json...

A field that the schema does not describe is wrong, too, but not in FILE.json
behind --older: a later program may have given up what it wrote. Exit status 1
and a line for each that is wrong; 77 where python3-jsonschema is not there.
"""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)


def close(schema):
    """No object has more than its properties."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") is not None:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            close(inner)
    if isinstance(schema, list):
        for inner in schema:
            close(inner)


def deepest(error):
    """Of several shapes the one that fits best says what is wrong."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    return error


def load(path):
    def refuse(word):
        raise ValueError(f"{word} is no JSON")

    with open(path, encoding="utf-8") as file:
        return json.load(file, parse_constant=refuse)


def main(path, *files):
    schema = load(path)
    Draft202012Validator.check_schema(schema)
    lax, wrong = Draft202012Validator(load(path)), 0
    close(schema)
    validator = Draft202012Validator(schema)
    for name in files:
        if name == "--older":
            validator = lax
            continue
        for error in validator.iter_errors(load(name)):
            wrong, inner = wrong + 1, deepest(error)
            place = "/".join(str(step) for step in inner.absolute_path)
            print(f"{name}: {place}: {inner.message[:300]}")
    return 1 if wrong > 0 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
