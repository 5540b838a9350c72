#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs test programs, all of them whatever fails, and ends with one list:
#     tests/run.sh ALONE... -- TWO... -- OTHERS...
# Those before the first -- run one by one: they need a quiet machine. Those up to
# the second run two at a time: who counts every packet is disturbed by much beside
# it, and counts again. The rest mostly wait, and run four at a time. What a
# program printed is in PROGRAM.log, whose last line is how it ended.
trap 'exit 130' INT TERM
run() {
    xargs -r -P "$1" -n 1 sh -c '
        "$0" > "$0.log" 2>&1
        status=$?
        echo "[  STATUS  ] $status" >> "$0.log"
        if [ $status -eq 0 ]; then echo "  TEST  $0"; else echo "  FAIL  $0"; cat "$0.log"; fi'
}
at_once=1 group= before=
for program in "$@" --; do
    if [ "$program" != -- ]; then
        group="$group $program"
        continue
    fi
    printf '%s\n' $group | run $at_once
    before="$before $group"
    at_once=$((at_once * 2)) group=
done

# cmocka has a line for how each test ended, "[  SKIPPED ] name", and lists some
# once more at its end. Why, the test has said before.
for program in $before; do echo "$program.log"; done | xargs awk '
    FNR == 1 {
        name = FILENAME
        gsub(/.*\/|\.log$/, "", name)
        listed = before = 0
    }
    /^\[ RUN/ { why = "" }
    /^\[=+\] .* run\.$/ { listed = 1 }
    /^\[       OK/ { passed++ }
    /^\[  SKIPPED/ && !listed { skipped++; skips = skips "skipped: " name ": " $4 why "\n" }
    /^\[  FAILED/ && !listed { failed++; before++; fails = fails "failed: " name ": " $4 "\n" }
    /^\[  STATUS/ && $4 != 0 && !before { failed++; fails = fails "failed: " name ": status " $4 "\n" }
    /: counted again/ { notes = notes "repeated: " name ": " $0 "\n" }
    !/^\[/ && NF > 0 { why = $0; sub(/^(skipped: )?/, ": ", why) }
    END {
        printf "\n%s%s%s%d passed, %d failed", notes, skips, fails, passed, failed
        if (skipped > 0) printf ", %d skipped", skipped
        print ""
        exit failed > 0
    }' || exit 1
