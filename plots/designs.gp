# SPDX-License-Identifier: GPL-3.0-or-later
# Bars: the time of a message by the design of the server.
NAME = "designs"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

TIME = "time_per_message_us"
PLACES = UNIQUE(FILE, "design")
STEP = 0.8 / words(SERIES)
AT(name) = PLACE(PLACES, strcol("design")) + (PLACE(SERIES, name) - (words(SERIES) + 1) / 2.0) * STEP
ABOVE(name) = (high = OF(name, "ci_high"), high == high ? high : OF(name, TIME))

set xlabel "design of the server"
set ylabel "time per message (us)"
set xrange [0.5:words(PLACES) + 0.5]
set yrange [0:*]
set xtics ("" 1)
do for [i = 1:words(PLACES)] { set xtics add (word(PLACES, i) i) }
set grid noxtics
set offsets 0, 0, graph 0.08, 0
if (!DUMB) { set key bottom center outside horizontal maxrows 1 samplen 1; set bmargin 6 }

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot for [name in SERIES] FILE using (AT(name)):(OF(name, TIME)):(STEP * 0.9) with boxes linecolor rgb COLOUR(name) title name". \
         (DUMB ? "" : ", for [name in SERIES] FILE using (AT(name)):(OF(name, 'ci_low')):(0):(OF(name, 'ci_high') - OF(name, 'ci_low')) with vectors heads size screen 0.006, 90 fixed linewidth 1.5 linecolor rgb '#222222' notitle"). \
         ", for [name in SERIES] FILE using (AT(name)):(ABOVE(name)):(sprintf('%.3g', OF(name, TIME))) with labels offset 0, 0.7 font ',11' notitle"
}
