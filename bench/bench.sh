#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All of `make bench`: the parts of plots/plan.tsv, one after the other, each
# to a file in build/results, then the page. QUICK=1: two minutes, for a first
# look; FULL=1: half an hour. A part that fails is named at the end, and the rest
# runs all the same; so is one that a restless machine made invalid, which is a
# result and no failure.
#
#     bench/bench.sh            measures and draws
#     bench/bench.sh --files    names the result files that it would leave here
set -u

# Ends with who started it; so does all that is started here.
with_us=(setpriv --pdeathsig TERM)
if [[ ${BENCH_BOUND:-} != 1 ]]; then BENCH_BOUND=1 exec "${with_us[@]}" "$0" "$@"; fi

here=$(dirname "$0")
build=${BUILD:-build}
echolab=$build/echolab
mode=usual
if [[ ${QUICK:-0} == 1 ]]; then mode=quick; elif [[ ${FULL:-0} == 1 ]]; then mode=full; fi

# has NEEDS: whether this machine has what a part needs.
has_wire=
has() {
    case $1 in
    -) ;;
    "two CPUs") [[ $(nproc) -gt 1 ]] ;;
    "two CPUs, and /dev/cpu_dma_latency (root)") [[ $(nproc) -gt 1 && -w /dev/cpu_dma_latency ]] ;;
    "a private network (root)")
        if [[ -z $has_wire ]]; then
            "$echolab" run udp-persistent --wire --messages 1 --warmup 0s > /dev/null 2>&1
            has_wire=$?
        fi
        [[ $has_wire == 0 ]]
        ;;
    *) echo "bench: nobody knows what '$1' is" >&2; return 1 ;;
    esac
}

# note NAME STATUS: a part that failed is no reason to stop.
failed=() doubtful=() wrong=()
note() {
    case $2 in
    0) ;;
    3) wrong+=("$1") ;; # a control of the ruler
    # Too few valid runs. Behind a silent client nobody is answered, and that is the finding.
    4) [[ $1 == silent ]] || doubtful+=("$1") ;;
    130) stop ;;
    *) failed+=("$1") ;;
    esac
}

# What runs: in the background, so that a signal is heard at once.
pid=
stop() {
    trap - INT TERM HUP
    if [[ -n $pid ]]; then kill "$pid" 2> /dev/null; fi
    wait
    exit 130
}
trap stop INT TERM HUP

# part NAME COMMAND...: runs it, and goes on whatever comes.
part() {
    local before=$SECONDS
    printf '\n== %s: %s\n' "$1" "${*:2}"
    "${with_us[@]}" "${@:2}" &
    pid=$!
    wait "$pid"
    note "$1" $?
    pid=
    echo "   ($((SECONDS - before)) s)"
}

mapfile -t plan < <(grep -v '^#' "$here/../plots/plan.tsv" | tail -n +2 | tr '\t' '\37')
mkdir -p "$build/results" "$build/ladder"
if [[ $mode == quick && $# == 0 ]]; then
    echo "QUICK=1: short runs for a first look, with wider intervals."
fi
for row in "${plan[@]}"; do
    IFS=$'\37' read -r name needs command quick usual full <<< "$row"
    options=${!mode}
    if [[ $options == - ]]; then continue; fi
    if [[ $command != *DIR/* ]]; then options+=" --json DIR/results/$name.json"; fi
    read -r -a words <<< "$command $options"
    words=("${words[@]//DIR\//$build/}")
    if [[ ${words[0]} == echolab ]]; then words[0]=$echolab; fi
    if [[ $# -gt 0 ]]; then
        if has "$needs"; then printf '%s\n' "${words[@]}" | grep "results/.*json$" | sed 's/.*=//'; fi
        continue
    fi
    if ! has "$needs"; then
        printf '\n== %s: skipped, it needs %s\n' "$name" "$needs"
        continue
    fi
    part "$name" "${words[@]}"
done
if [[ $# -gt 0 ]]; then exit 0; fi

echo
"$here/../plots/draw.sh" "$build" "$build/report" || failed+=("the page")
say() { if [[ $# -gt 1 ]]; then echo "bench: $1: ${*:2} (see above)" >&2; fi; }
say "this machine was not quiet enough for" "${doubtful[@]}"
say "THE RULER IS NOT TO BE TRUSTED HERE" "${wrong[@]}"
say "these parts failed" "${failed[@]}"
printf '\nopen %s/report/index.html (or: make view)\n' "$build"
[[ ${#failed[@]} -eq 0 ]]
