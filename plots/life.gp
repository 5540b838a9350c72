# SPDX-License-Identifier: GPL-3.0-or-later
# What share of its cost a connection still is after so many messages: lines computed, points measured.
NAME = "life"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

set xlabel "messages that the connection carried"
eval LOG("x")
set format x "%g"
eval ONE_TWO_FIVE("x", 2)
set yrange [0:*]
set ylabel "share of the time that was spent on having it (%)"
LITTLE = 10 # percent
# Where two lines are one, the dashes of the second show both.
LINE_DASH(name) = DUMB ? 1 : 1 + (STYLE(name) - 1) % 4

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot ".LITTLE." with lines linewidth 1 dashtype 3 linecolor rgb '#555555' title '".LITTLE." %'". \
         ", for [name in SERIES] FILE using (OF(name, 2)):(OF(name, 3)) with lines linewidth 1.5 dashtype LINE_DASH(name) linecolor rgb COLOUR(name) title name". \
         ", for [name in SERIES] FILE using (OF(name, 2)):(OF(name, 4)) with points ".LOOK." notitle". \
         INTERVALS("OF(name, 2)", 5)
}
