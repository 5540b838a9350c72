# SPDX-License-Identifier: GPL-3.0-or-later
# The same variants where client and server run on one core, on two, and polling. Each has its own
# place within its placement, so that a label stands above its point and beside the others.
NAME = "placement"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

P50 = "latency_p50_us"
PLACES = UNIQUE(FILE, "placement")
STEP = 0.9 / words(SERIES)
AT(name) = PLACE(PLACES, strcol("placement")) + (PLACE(SERIES, name) - (words(SERIES) + 1) / 2.0) * STEP
LABELLED = words(SERIES) * words(PLACES) <= 16 ? SERIES : "" # while there is room

set xlabel "placement of client and server" offset 0, 0.8
set ylabel "median latency (us), with its 95 % interval"
set xrange [0.5:words(PLACES) + 0.5]
set xtics ("" 1)
do for [i = 1:words(PLACES)] { set xtics add (word(PLACES, i) i) }
set grid noxtics
eval LOG_OR_ZERO("y", P50)
eval ONE_TWO_FIVE("y", P50)
set offsets 0, 0, graph 0.08, graph 0.05
if (!DUMB) { set key bottom center outside horizontal maxrows 1 samplen 1 } # the width is for the labels
ABOVE(name) = (high = OF(name, "ci_high"), high == high ? high : OF(name, P50)) # the interval, where there is one

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot for [name in SERIES] FILE using (AT(name)):(OF(name, P50)) with points ".LOOK." title name". \
         INTERVALS("AT(name)", "ci_low", "ci_high"). \
         ", for [name in LABELLED] FILE using (AT(name)):(ABOVE(name)):(sprintf('%.3g', OF(name, P50)))". \
         " with labels offset 0, 1 font ',11' notitle"
}
