#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All measurements of `make bench`, one after the other, each to a file in
# build/results. QUICK=1: 45 s, for a first look; FULL=1: 20 minutes. A part that
# fails is named at the end, and the rest runs all the same; so is one that a
# restless machine made invalid, which is a result and no failure.
set -u

build=${BUILD:-build}
results=$build/results
echolab=$build/echolab
mkdir -p "$results"
failed=()
doubtful=()

# blocks of the core comparison, blocks of the others, and the times of a run
if [[ ${QUICK:-0} == 1 ]]; then
    core="--blocks 10 --duration 40ms --warmup 10ms" others="--blocks 6 --duration 20ms --warmup 5ms"
    rounds=1 micro="--benchmark_repetitions=3 --benchmark_min_time=0.005"
    echo "QUICK=1: short runs for a first look, with wider intervals."
elif [[ ${FULL:-0} == 1 ]]; then
    core="--blocks 120 --duration 200ms" others="--blocks 30 --duration 200ms"
    rounds=12 micro="--benchmark_repetitions=25"
else
    core="--blocks 15 --duration 200ms" others="--blocks 6 --duration 150ms --warmup 30ms"
    rounds=4 micro=""
fi

# part NAME COMMAND...: runs it, keeps what it prints, goes on whatever comes.
part() {
    local name=$1 start=$SECONDS
    shift
    echo
    echo "== $name: $*"
    "$@"
    case $? in
    0) ;;
    3 | 4) doubtful+=("$name") ;; # a control that failed; too few valid runs
    *) failed+=("$name") ;;
    esac
    echo "   ($((SECONDS - start)) s)"
}

part core $echolab compare $core --json "$results/core.json" --csv "$results/core.csv"
if [[ $(nproc) -gt 1 ]]; then
    part cross-core $echolab compare --placement cross-core $others --json "$results/cross-core.json"
    part spin $echolab compare --placement spin $others --json "$results/spin.json"
else
    echo "cross-core and spin need two CPUs and there is one: skipped"
fi
if [[ $(nproc) -gt 1 && -w /dev/cpu_dma_latency ]]; then
    part awake $echolab compare --placement awake $others --json "$results/awake.json"
else
    echo "awake holds /dev/cpu_dma_latency, root's alone: skipped (sudo make bench)"
fi
part connections $echolab sweep connections --at 1,16 $others --json "$results/connections.json"
part sizes $echolab sweep size $others --json "$results/size.json"
# shellcheck disable=SC2086 # several words
part codec "$build/micro" $micro --benchmark_out="$results/micro.json" --benchmark_out_format=json
part processes bench/process.sh "$results/hyperfine.json" "$rounds"
part controls $echolab check --json "$results/check.json"

echo
if [[ ${#doubtful[@]} -gt 0 ]]; then
    echo "bench: this machine was not quiet enough for: ${doubtful[*]} (see above)" >&2
fi
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "bench: these parts failed, see above: ${failed[*]}" >&2
    exit 1
fi
