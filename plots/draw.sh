#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Writes the page and draws its figures, each whatever comes of the others;
# those that could not be drawn are named at the end.
#
#     plots/draw.sh BUILD OUT          from BUILD/results and BUILD/ladder to OUT/NAME.svg and .png
#     plots/draw.sh BUILD OUT dumb     all of it on the terminal
set -u
build=$1 out=$2 mode=${3:-}
echolab=${ECHOLAB:-$build/echolab}
here=$(dirname "$0")
failed=()

# draw NAME SCRIPT ARGUMENT...: half a figure is none.
draw() {
    gnuplot -c "$here/$2" "${@:3}" && return
    failed+=("$1")
    if [[ -z $mode ]]; then rm -f "$out/$1".{svg,png}; fi
}

if [[ -n $mode ]]; then text=--text; else text=; fi
"$echolab" report "$build" $text || exit 1
if [[ -z $mode ]]; then mkdir -p "$out"; fi
shopt -s nullglob
for data in "$build"/data/*.tsv; do
    name=$(basename "$data" .tsv)
    if [[ -f $here/$name.gp ]]; then draw "$name" "$name.gp" "$build/data" "$out" "$mode"; fi
done
for data in "$build"/ladder/*.tsv; do
    name=ladder-$(basename "$data" .tsv)
    if [[ -z $mode ]]; then draw "$name" ladder.gp "$data" "$out/$name"; fi
done
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "plots: these figures could not be drawn, see above: ${failed[*]}" >&2
fi
exit 0
