# SPDX-License-Identifier: GPL-3.0-or-later
# What the scripts beside it share. Each is one wrong that was found, with what is
# right: E=PROGRAM bash rNN-WORDS.sh. It exits 0: right; 1: wrong, with a sentence
# on what was seen; 77: cannot be tried here, with the reason.
E=$(realpath "${E:?say which program: E=PROGRAM}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export work
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

wrong() { echo "$*"; exit 1; }
skip() { echo "$*"; exit 77; }
needs_network() { unshare -rn true 2> /dev/null || skip "the system denies private networks"; }

# Python on standard input, below what look.py defines: its end is the script's.
judge() { cat "$here/look.py" - | python3 - || exit $?; }

# Results that 8c329d9 recorded, to be spoiled: recorded NAME... copies them to results/.
recorded() {
    mkdir -p results
    tar -xzf "$here/../golden/two-cores.tar.gz" --strip-components=2 -C results \
        "${@/#/two-cores/results/}" || skip "tests/golden/two-cores.tar.gz cannot be read"
}
