# SPDX-License-Identifier: GPL-3.0-or-later
# Messages per second over the number of connections.
NAME = "throughput"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

set xlabel "connections"
set ylabel "throughput (messages/s)"
set logscale x 2
eval ROOM_FOR_ONE("x", 2)
set format y "%.0s%c"
eval LOG_OR_ZERO("y", 3)

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval CURVES("OF", 3)
}
