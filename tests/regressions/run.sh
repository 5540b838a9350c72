#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the scripts beside it, or those named, one by one: E=PROGRAM tests/regressions/run.sh [rNN...]
# A line each as tests/run.sh reads it, what was seen before it, and a summary.
here=$(cd "$(dirname "$0")" && pwd)
: "${E:?say which program: E=PROGRAM $0}"
right=0 wrong=0 skipped=0
for script in "${@:-r}"; do scripts+=("$here/$script"*.sh); done
for script in "${scripts[@]}"; do
    [[ $script == */run.sh ]] && continue
    name=$(basename "$script" .sh) begun=${EPOCHREALTIME/./}
    echo "[ RUN      ] $name"
    seen=$(E=$E timeout 60 bash "$script" 2>&1)
    status=$?
    ms=$(((${EPOCHREALTIME/./} - begun) / 1000))
    case $status in
    0) right=$((right + 1)) word='      OK' seen= ;;
    77) skipped=$((skipped + 1)) word=' SKIPPED' ;;
    *) wrong=$((wrong + 1)) word=' FAILED ' ;;
    esac
    [[ $status == 77 ]] && seen="skipped: $seen"
    [[ -n $seen ]] && echo "$seen"
    echo "[ $word ] $name ($ms ms)"
done
echo "regressions: $right right, $wrong wrong, $skipped skipped"
exit $((wrong > 0))
