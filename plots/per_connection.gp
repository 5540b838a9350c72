# SPDX-License-Identifier: GPL-3.0-or-later
# What a message takes over how many its connection carries: points measured, lines the model. A panel a place.
NAME = "per_connection"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

HEADING = TITLE."\n".CONDITIONS
PANELS = UNIQUE_WITH(FILE, "rtt_ms", "time_us") # "none": the loopback
# Without limit is the right end: three times the most there is.
NONE = 3 * MOST("per_connection")
X(name) = strcol("per_connection") eq "none" ? NONE : column("per_connection")
Y(name, rtt, c) = strcol(WHO) eq name && strcol("rtt_ms") eq rtt ? column(c) / SCALE : NaN
MODEL_LINE = "with lines linewidth 1.5"

unset title
set logscale x
set xtics ("none" NONE)
do for [e = 0:floor(log10(NONE))] { do for [m in "1 2 5"] { if (m * 10**e < 0.6 * NONE) { set xtics add (sprintf("%g", m * 10**e) m * 10**e) } } }
set xrange [0.8:NONE * 1.25]
set yrange [0:*]
set offsets 0, 0, graph 0.03, 0
set xlabel "messages that a connection carries"
if (!DUMB) { set key inside right top Left reverse samplen 2; set lmargin 9; set rmargin 2 }

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,50 noenhanced; set multiplot layout words(PANELS), 1 } else { set multiplot layout 1, words(PANELS) title HEADING }
    do for [rtt in PANELS] {
        SCALE = rtt eq "none" ? 1.0 : 1e3
        set title rtt eq "none" ? "loopback" : sprintf("round-trip time %s ms", rtt)
        set ylabel sprintf("time per message (%s)", rtt eq "none" ? "us" : "ms")
        eval "plot for [name in SERIES] FILE using (X(name)):(Y(name, rtt, 'model_us')) ".MODEL_LINE." linecolor rgb COLOUR(name) notitle". \
             (DUMB ? "" : ", for [name in SERIES] FILE using (X(name)):(Y(name, rtt, 'ci_low')):(0):(Y(name, rtt, 'ci_high') - Y(name, rtt, 'ci_low')) with vectors heads size screen 0.006, 90 fixed linewidth 1.5 linecolor rgb COLOUR(name) notitle"). \
             ", for [name in SERIES] FILE using (X(name)):(Y(name, rtt, 'time_us')) with points ".LOOK." title name". \
             (DUMB ? "" : ", NaN ".MODEL_LINE." linecolor rgb '#555555' title 'lines: the model'")
    }
    unset multiplot
}
