#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All measurements of `make bench`, one after the other, each to a file in
# build/results. QUICK=1: a minute, for a first look; FULL=1: 20 minutes. A part that
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
    core=(--blocks 8 --duration 20ms --warmup 5ms)
    others=(--blocks 6 --duration 10ms --warmup 2ms)
    sizes=(--at 64,1k,16k,60k --blocks 3 --duration 10ms --warmup 2ms)
    rtts=(--blocks 2 --at "0ms,5ms,20ms") losses=1
    bytes=(64,64k,256k 64,1432,4k)
    loads=(--at 1,64,1024 --blocks 1 --duration 30ms --warmup 10ms)
    rates=(--blocks 1 --duration 100ms --warmup 10ms)
    tails=(--blocks 2 --duration 150ms --warmup 10ms)
    depths=(--at 1,8,32,128 --blocks 1 --duration 20ms --warmup 5ms)
    designs=(--blocks 2 --duration 20ms --warmup 5ms)
    page=(--rtt 20ms --blocks 1) waits=200 gaps=1ms,100ms,300ms lives=1,3,10
    calm=sweep_beside rounds=1 controls=2 micro=(--benchmark_repetitions=3 --benchmark_min_time=0.003)
    echo "QUICK=1: short runs for a first look, with wider intervals."
elif [[ ${FULL:-0} == 1 ]]; then
    core=(--blocks 300 --duration 45ms --warmup 10ms)
    others=(--blocks 40)
    sizes=(--blocks 40) rtts=(--blocks 20 --at "0ms,200us,5ms,10ms,20ms,40ms,100ms") losses=9
    bytes=(64,4k,14k,15k,32k,64k,128k,256k,512k,1M 64,1k,1432,1433,4k,16k,32k,60k)
    loads=(--blocks 6)
    rates=(--blocks 6 --duration 500ms)
    tails=(--blocks 15 --duration 1s)
    depths=(--blocks 6) designs=(--blocks 12)
    page=(--rtt 90ms --blocks 3) waits=20,200,1k gaps=1ms,100ms,300ms,1s,3s,10s
    lives=1,2,3,5,10,20,50,100
    calm=sweep rounds=12 controls=60 micro=(--benchmark_repetitions=25)
else
    core=(--blocks 52 --duration 40ms --warmup 8ms)
    others=(--blocks 6 --duration 80ms --warmup 15ms)
    sizes=(--blocks 5 --duration 60ms --warmup 10ms)
    rtts=(--blocks 3 --at "0ms,200us,5ms,20ms,40ms,100ms") losses=2
    bytes=(64,14k,15k,64k,256k,1M 64,1k,1432,1433,4k,16k,60k)
    loads=(--at 1,16,64,1024 --blocks 3 --duration 80ms --warmup 150ms)
    rates=(--blocks 2 --duration 350ms --warmup 20ms)
    tails=(--blocks 8 --duration 350ms --warmup 20ms)
    depths=(--at 1,2,4,8,16,32,128 --blocks 3 --duration 50ms --warmup 10ms)
    designs=(--blocks 6 --duration 50ms --warmup 10ms)
    page=(--rtt 90ms --blocks 1) waits=20,200,1k gaps=1ms,100ms,300ms,1s,3s
    lives=1,2,5,10,20
    calm=sweep rounds=4 controls=12 micro=(--benchmark_repetitions=9)
fi

# note NAME STATUS: a part that failed is no reason to stop.
note() {
    case $2 in
    0) ;;
    3) wrong+=("$1") ;;
    4) doubtful+=("$1") ;;
    130) exit 130 ;;
    *) failed+=("$1") ;;
    esac
}

# part NAME COMMAND...: runs it, and goes on whatever comes.
part() {
    local name=$1 start=$SECONDS
    shift
    echo
    echo "== $name: $*"
    "$@"
    note "$name" $?
    echo "   ($((SECONDS - start)) s)"
}

# beside NAME COMMAND...: starts a part that mostly waits, beside others that do; together: waits
# for all of them, and shows what they say one after the other.
names=() pids=()
beside() {
    { echo; echo "== $1: ${*:2}"; } > "$build/$1.log"
    "${@:2}" >> "$build/$1.log" 2>&1 &
    names+=("$1") pids+=($!)
}
together() {
    local i status start=$SECONDS
    for i in "${!pids[@]}"; do
        wait "${pids[i]}"
        status=$?
        cat "$build/${names[i]}.log"
        rm -f "$build/${names[i]}.log"
        note "${names[i]}" $status
    done
    echo "   ($((SECONDS - start)) s, these ${#pids[@]} beside each other)"
    names=() pids=()
}
# What runs in the background does not get the terminal's Control-C.
stop() {
    trap - INT TERM
    if [[ ${#pids[@]} -gt 0 ]]; then kill "${pids[@]}" 2> /dev/null; fi
    wait
    for name in "${names[@]}"; do rm -f "$build/$name.log"; done
    exit 130
}
trap stop INT TERM

# compare NAME OPTION... and sweep NAME AXIS OPTION...: a part with a result file
compare() { part "$1" "$echolab" compare --json "$results/$1.json" "${@:2}"; }
sweep() { part "$1" "$echolab" sweep "${@:2}" --json "$results/$1.json"; }
# Of a run that nobody answers there is a result, and it is not valid: here that is the finding.
silent() { "$echolab" sweep design tcp-persistent --silent 1 "$@" || [[ $? == 4 ]]; }
sweep_beside() { beside "$1" "$echolab" sweep "${@:2}" --json "$results/$1.json"; }

compare core "${core[@]}"
if [[ $(nproc) -gt 1 ]]; then
    compare cross-core --placement cross-core "${others[@]}"
    compare spin --placement spin "${others[@]}"
    sweep connections connections --engine epoll --placement cross-core "${loads[@]}"
    compare tails --rate half --arrivals fixed "${tails[@]}"
    # With nothing to do the server would be no slower than who asks: the knee would be the client's.
    sweep rate rate tcp-per-message tcp-persistent udp-persistent --delay 100us --connections 8 "${rates[@]}"
else
    echo "cross-core, spin, connections, tails and rate need two CPUs and there is one: skipped"
fi
if [[ $(nproc) -gt 1 && -w /dev/cpu_dma_latency ]]; then
    compare awake --placement awake "${others[@]}"
else
    echo "awake holds /dev/cpu_dma_latency, root's alone: skipped (sudo make bench)"
fi
sweep size size "${sizes[@]}"
sweep pipeline pipeline "${depths[@]}"
sweep designs design tcp-per-message tcp-persistent "${designs[@]}"
part silent silent --deadline 100ms --messages 10 --warmup 0s --blocks 1 \
    --json "$results/silent.json"
if "$echolab" run udp-persistent --wire --messages 1 --warmup 0s > /dev/null 2>&1; then
    sweep pipeline-wire pipeline --wire --at 32 --blocks 1 --messages 3200
    sweep rtt rtt "${rtts[@]}"
    sweep loss loss --packet --blocks "$losses" # alone: what is predicted to the ms stands beside it
    # Those that a busy neighbour disturbs most; a first look takes them all at once.
    "$calm" idle idle --at "$gaps" --blocks 1
    "$calm" size-rtt size tcp-per-message tcp-persistent --at "${bytes[0]}" --rtt 20ms \
        --messages 6 --blocks "$losses"
    "$calm" retry rto-floor --rtt 20ms --loss 5% --connections 20 --duration 1s --warmup 100ms \
        --blocks "$losses"
    "$calm" life life --at "$lives" --blocks 1
    sweep_beside who-waits loss --rate "$waits" --blocks 1
    sweep_beside objects connections tcp-per-message tcp-persistent tcp-pipelined --at 1,4,6 \
        --messages 43 --size 64 --reply-size 4k --warmup 0s "${page[@]}"
    sweep_beside size-loss size udp-persistent tcp-persistent --at "${bytes[1]}" --rtt 2ms \
        --loss 1% --deadline 300ms --messages 40 --blocks "$losses"
    together
else
    echo "what is on a wire needs a private network, which the system denies: skipped (sudo make bench)"
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
