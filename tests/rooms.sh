#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rooms.sh [FOLDER]: holds every #include to the order of rooms, and finds
# circles between files (x.c and x.h are one). Prints what is wrong, a line
# each; exit status 1 if anything is.
export LC_ALL=C

# From top to ground; those of a line stand beside each other and do not meet.
order='tests
bench
bench/cli
bench/report
bench/experiment bench/lessons bench/micro
bench/hosts
bench/tell bench/session
bench/judge
bench/run
bench/load bench/serve bench/link
bench/measure
tcp udp
echo'

cd "${1:-.}" || exit 1
includes=$(find tests bench tcp udp echo \( -name '*.[ch]' -o -name '*.cc' \) 2> /dev/null |
    sort | xargs grep -H '^#include "' /dev/null | sed -E 's/:#include "([^"]*)".*/ \1/')

wrong=$(echo "$includes" | awk -v order="$order" '
    function room(path) { # a folder within a room is of it; bench itself has main.c alone
        sub("/[^/]*$", "", path)
        return path in rank || path !~ "/" || path ~ "^bench/[^/]*$" ? path : room(path) }
    BEGIN { n = split(order, lines, "\n")
            for (i = 1; i <= n; i++) { k = split(lines[i], names, " ")
                                       for (; k > 0; k--) rank[names[k]] = i } }
    { from = room($1); to = room($2) }
    !(from in rank) { print $1 " is in no room"; next }
    !(to in rank) { print $1 " includes " $2 ", which is in no room"; next }
    from != to && rank[from] >= rank[to] { print $1 " includes " $2 ": " to " is not below " from }')
circles=$(echo "$includes" | sed -E 's/\.(c|h|cc)( |$)/\2/g' | awk '$1 != $2' |
    tsort 2>&1 > /dev/null | sed -E 's/^tsort: (-: input contains a loop:)?//' |
    awk '$0 == "" { printf "%sa circle of files:", (n++ ? "\n" : ""); next } { printf " %s", $0 }')

[ -z "$wrong$circles" ] && exit 0
printf '%s\n' "$wrong" "$circles" | grep .
exit 1
