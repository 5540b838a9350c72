#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The second ruler: hyperfine times whole client processes from outside, at N
# and at 2N messages for each core variant, on the CPU that the placement
# `same-core` uses. (t(2N) - t(N)) / N is then the time per message with
# nothing of our own clocks in it, and with the start of the process gone: the
# report computes it.
#
#     bench/process.sh [build/results/hyperfine.json [ROUNDS [RUNS]]]
#
# hyperfine runs one command after the other, and a disturbed second would fall
# on one of them alone. So there are several short rounds, every other one in
# reverse, each with its own file: hyperfine-1.json, hyperfine-2.json, ...
# The report takes a line through N and 2N of each file, by the medians of the
# equal `command`s ("VARIANT MESSAGES"), and then the median over the files.
set -euo pipefail

stem=${1:-build/results/hyperfine.json}
stem=${stem%.json}
rounds=${2:-3}
runs=${3:-2}
echolab=${ECHOLAB:-build/echolab}

readonly BUSY_US=75000 # what one process shall take at least, at N messages
readonly MESSAGES_MOST=1000000

fail() {
    echo "process.sh: $*" >&2
    exit 1
}

# In a private network with the lab's settings, as compare's runs are.
if [[ ${ECHOLAB_INSIDE:-} != 1 && -x $echolab ]]; then
    ECHOLAB_INSIDE=1 exec "$echolab" inside "$0" "$@"
fi
command -v hyperfine >/dev/null ||
    fail "hyperfine is not installed, so no whole process was timed: run 'make deps' and try again"
[[ -x $echolab ]] || fail "there is no $echolab: run 'make' first"

mkdir -p "$(dirname "$stem")"
work=$(mktemp -d "$stem.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The highest numbered CPU that we may use, as placement_choose does. What is
# started from here on inherits it; bash and hyperfine only wait.
allowed=$(taskset -cp $$)
taskset -cp "${allowed##*[!0-9]}" $$ >/dev/null

# The first line that the server prints says where it listens, and that it does.
# It stays readable, so that the server can go on printing, and ends with us.
exec 3< <(exec setpriv --pdeathsig TERM "$echolab" serve --port 0)
read -r -t 10 line <&3 || fail "$echolab serve ended, or did not say within 10 s where it listens"
[[ $line =~ 127\.0\.0\.1:[0-9]+ ]] || fail "$echolab serve said '$line', and no address"
address=${BASH_REMATCH[0]}

# The first of 1,000, 2,000, 4,000 ... messages that takes long enough, so that
# slow and fast variants need no list here. It is the warm-up as well.
messages_for() { # VARIANT
    local messages=500 before_us took_us=0
    while ((took_us < BUSY_US && messages < MESSAGES_MOST)); do
        messages=$((2 * messages))
        before_us=${EPOCHREALTIME/[.,]/}
        "$echolab" send "$1" --messages "$messages" --host "$address" >"$work/sent" 2>&1 ||
            fail "$echolab send $1 --messages $messages failed: $(tail -n 1 "$work/sent")"
        took_us=$((${EPOCHREALTIME/[.,]/} - before_us))
    done
    echo "$messages"
}

forward=() backward=()
for variant in $("$echolab" variants --names); do
    messages=$(messages_for "$variant")
    for count in "$messages" $((2 * messages)); do
        timed=(-n "$variant $count" "$echolab send $variant --messages $count --host $address")
        forward+=("${timed[@]}")
        backward=("${timed[@]}" "${backward[@]}")
    done
done
for ((round = 1; round <= rounds; round++)); do
    if ((round % 2 == 1)); then commands=("${forward[@]}"); else commands=("${backward[@]}"); fi
    hyperfine -N --runs "$runs" --style none --export-json "$work/$round.json" "${commands[@]}"
done

# All rounds or none, and none of an earlier session.
rm -f "$stem"-[0-9]*.json
for ((round = 1; round <= rounds; round++)); do
    mv "$work/$round.json" "$stem-$round.json"
done
echo "$stem-N.json: $((rounds * runs)) runs of each whole process, in $rounds rounds"
