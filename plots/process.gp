# SPDX-License-Identifier: GPL-3.0-or-later
# A whole process from start to exit: where the line begins is the start, its slope the message.
NAME = "process"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

set xlabel "messages sent by the process"
set ylabel "time from start to exit (s)"
set xrange [0:*]
set yrange [0:*]
set format x "%.0s%c"

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval CURVES("OF", "messages", "time_s", "ci_low", "ci_high")
}
