#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs test programs, all of them whatever fails, and ends with one list:
#     tests/run.sh ALONE... -- OTHERS...
# Those before the -- run one by one: who counts every packet is disturbed by
# another program beside it. The rest mostly wait, and run four at a time. What
# a program printed is in PROGRAM.log, whose last line is how it ended.
trap 'exit 130' INT TERM
run() {
    xargs -r -P "$1" -n 1 sh -c '
        "$0" > "$0.log" 2>&1
        status=$?
        echo "[  STATUS  ] $status" >> "$0.log"
        if [ $status -eq 0 ]; then echo "  TEST  $0"; else echo "  FAIL  $0"; cat "$0.log"; fi'
}
alone=
for program; do
    shift
    if [ "$program" = -- ]; then break; fi
    alone="$alone $program"
done
printf '%s\n' $alone | run 1
printf '%s\n' "$@" | run 4

# cmocka has a line for how each test ended, "[  SKIPPED ] name", and lists some
# once more at its end. Why, the test has said before.
for program in $alone "$@"; do echo "$program.log"; done | xargs awk '
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
