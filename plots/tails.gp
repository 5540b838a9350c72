# SPDX-License-Identifier: GPL-3.0-or-later
# Percentiles at one rate: of all runs together, and from the lowest to the highest of single runs.
NAME = "tails"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

PLACES = UNIQUE(FILE, "percent")
STEP = 0.8 / words(SERIES)
AT(name) = PLACE(PLACES, strcol("percent")) + (PLACE(SERIES, name) - (words(SERIES) + 1) / 2.0) * STEP
LABELLED = words(SERIES) * words(PLACES) <= 20 ? SERIES : ""
SHORT(us) = us < 1e3 ? sprintf("%.3g", us) : us < 1e6 ? sprintf("%.2gms", us / 1e3) : sprintf("%.2gs", us / 1e6)
ABOVE(name) = (high = OF(name, "run_high"), high == high ? high : OF(name, "latency_us"))

set xlabel "percentile of the latency, from when a request was due"
set ylabel "latency (us), and that of single runs"
set xrange [0.5:words(PLACES) + 0.5]
set xtics ("" 1)
do for [i = 1:words(PLACES)] { set xtics add ("p".word(PLACES, i) i) }
set grid noxtics
eval LOG("y")
eval ONE_TWO_FIVE("y", "latency_us")
set format y "%g"
set offsets 0, 0, graph 0.08, graph 0.05
if (!DUMB) { set key bottom center outside horizontal maxrows 1 samplen 1 width -2; set bmargin 6 } # the width is for the labels

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot for [name in SERIES] FILE using (AT(name)):(OF(name, 'latency_us')) with points ".LOOK." title name". \
         INTERVALS("AT(name)", "run_low", "run_high"). \
         ", for [name in LABELLED] FILE using (AT(name)):(ABOVE(name)):(SHORT(OF(name, 'latency_us')))". \
         " with labels offset 0, 1 font ',10' notitle"
}
