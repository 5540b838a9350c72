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
doubtful=() # too few valid runs
wrong=()    # controls of the ruler that failed

if [[ ${QUICK:-0} == 1 ]]; then
    core=(--blocks 10 --duration 25ms --warmup 5ms)
    others=(--blocks 6 --duration 15ms --warmup 3ms)
    sizes=(--at 64,1k,16k,60k) rtts=(--blocks 2 --at "0ms,5ms,20ms") losses=1
    bytes=(64,64k,256k 64,1432,4k)
    rounds=1 controls=2 micro=(--benchmark_repetitions=3 --benchmark_min_time=0.003)
    echo "QUICK=1: short runs for a first look, with wider intervals."
elif [[ ${FULL:-0} == 1 ]]; then
    core=(--blocks 300 --duration 45ms --warmup 10ms)
    others=(--blocks 40)
    sizes=() rtts=(--blocks 20 --at "0ms,200us,5ms,10ms,20ms,40ms,100ms") losses=9
    bytes=(64,4k,14k,15k,32k,64k,128k,256k,512k,1M 64,1k,1432,1433,4k,16k,32k,60k)
    rounds=12 controls=60 micro=(--benchmark_repetitions=25)
else
    core=(--blocks 60 --duration 45ms --warmup 10ms)
    others=(--blocks 8 --duration 80ms --warmup 15ms)
    sizes=() rtts=(--blocks 4 --at "0ms,200us,5ms,20ms,40ms,100ms") losses=2
    bytes=(64,4k,14k,15k,64k,256k,1M 64,1k,1432,1433,4k,16k,60k)
    rounds=4 controls=20 micro=()
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
    3) wrong+=("$name") ;;
    4) doubtful+=("$name") ;;
    130) exit 130 ;;
    *) failed+=("$name") ;;
    esac
    echo "   ($((SECONDS - start)) s)"
}

# compare NAME OPTION... and sweep NAME AXIS OPTION...: a part with a result file
compare() { part "$1" "$echolab" compare --json "$results/$1.json" "${@:2}"; }
sweep() { part "$1" "$echolab" sweep "${@:2}" --json "$results/$1.json"; }

compare core "${core[@]}"
if [[ $(nproc) -gt 1 ]]; then
    compare cross-core --placement cross-core "${others[@]}"
    compare spin --placement spin "${others[@]}"
else
    echo "cross-core and spin need two CPUs and there is one: skipped"
fi
if [[ $(nproc) -gt 1 && -w /dev/cpu_dma_latency ]]; then
    compare awake --placement awake "${others[@]}"
else
    echo "awake holds /dev/cpu_dma_latency, root's alone: skipped (sudo make bench)"
fi
sweep connections connections --at 1,16 "${others[@]}"
sweep size size "${sizes[@]}" "${others[@]}"
if "$echolab" run udp-persistent --wire --messages 1 --warmup 0s > /dev/null 2>&1; then
    sweep rtt rtt "${rtts[@]}"
    sweep loss loss --packet --blocks "$losses"
    sweep retry rto-floor --rtt 20ms --loss 5% --connections 20 --duration 1s --warmup 100ms \
        --blocks "$losses"
    if [[ ${#bytes[@]} -gt 0 ]]; then
        sweep size-rtt size tcp-per-message tcp-persistent --at "${bytes[0]}" --rtt 20ms \
            --messages 6 --blocks "$losses"
        sweep size-loss size udp-persistent tcp-persistent --at "${bytes[1]}" --rtt 2ms --loss 1% --deadline 300ms \
            --messages 40 --blocks "$losses"
    fi
else
    echo "rtt and loss need a private network, which the system denies: skipped (sudo make bench)"
fi
part anatomy "$echolab" anatomy --json "$results/anatomy.json"
mkdir -p "$build/ladder"
for variant in $("$echolab" variants --names); do
    part "ladder of $variant" "$echolab" ladder "$variant" --output "$build/ladder"
done
part codec "$build/micro" "${micro[@]}" --benchmark_out="$results/micro.json" \
    --benchmark_out_format=json
part processes bench/process.sh "$results/hyperfine.json" "$rounds"
part controls "$echolab" check --blocks "$controls" --json "$results/check.json"

echo
if [[ ${#doubtful[@]} -gt 0 ]]; then
    echo "bench: this machine was not quiet enough for: ${doubtful[*]} (see above)" >&2
fi
if [[ ${#wrong[@]} -gt 0 ]]; then
    echo "bench: THE RULER IS NOT TO BE TRUSTED HERE: ${wrong[*]} (see FAIL above)" >&2
fi
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "bench: these parts failed, see above: ${failed[*]}" >&2
    exit 1
fi
