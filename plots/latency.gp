# SPDX-License-Identifier: GPL-3.0-or-later
# The share of messages that took longer than a time, down to rare ones.
NAME = "latency"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

set xlabel "latency (us)"
set ylabel "messages that take longer (%)"
eval LOG("x")
eval LOG("y")
eval ONE_TWO_FIVE("x", "latency_us")
set format y "%g"
set offsets graph 0.03, graph 0.03, graph 0.03, 0

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    plot for [name in SERIES] FILE using (OF(name, "latency_us")):(OF(name, "longer_percent")) with lines \
             linewidth 2 dashtype DASH(name) linecolor rgb COLOUR(name) title name
}
