# SPDX-License-Identifier: GPL-3.0-or-later
# Latency over the offered rate, from when a request was due, with the curve of a queue; below, the share answered.
NAME = "rate"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

eval LOG("y")
set lmargin 13
set rmargin DUMB ? 2 : LEGEND_WIDTH
HEADING = TITLE.(CONDITIONS eq "" ? "" : "\n".CONDITIONS)
OFFERED(name) = OF(name, "offered_per_s") / 1e3
WHERE_OVER(name, c, over) = column("overloaded") == over ? OF(name, c) : NaN
LIST_OF(condition) = ASK(FILE, WHO, condition." && !seen[$c]++ { print $c }")
KNOWN(c) = sprintf("$at[\"%s\"] != \"-\"", c)
# Only what has points is drawn: gnuplot warns of the rest.
TAILS = LIST_OF(KNOWN("p99_us"))
KEPT_UP = LIST_OF(KNOWN("mean_us")." && $at[\"overloaded\"] == 0")
OVER = LIST_OF(KNOWN("mean_us")." && $at[\"overloaded\"] == 1")
FITTED = LIST_OF(KNOWN("queue_us"))
KNEES = LIST_OF(KNOWN("knee_low"))
PER_MS(name, column) = real(CELL_OF(name, column)) / 1e3
CURVE(name, x) = real(CELL_OF(name, "idle_us")) + real(CELL_OF(name, "queue_us")) * x / (PER_MS(name, "capacity_per_s") - x)
FURTHEST = MOST("offered_per_s") / 1e3 * 1.05
HIGHEST = MOST("mean_us") > MOST("p99_us") ? MOST("mean_us") : MOST("p99_us")
SAME = "linecolor rgb COLOUR(name)"

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,50 noenhanced }
    set multiplot
    if (!DUMB) { eval LEGEND; unset key }
    unset offsets
    set logscale y
    set xrange [0:FURTHEST]
    set xtics autofreq
    set size 1, 0.62; set origin 0, 0.38
    if (!DUMB) { set title HEADING font ',10' }
    set ylabel "latency (us)"
    unset xlabel
    set format y "%g"
    set yrange [LEAST("mean_us") / 1.5:HIGHEST * 1.5]
    eval ONE_TWO_FIVE("y", "mean_us")
    PANEL = ""
    ADD(list, what) = words(list) > 0 ? PANEL.(PANEL eq "" ? "plot " : ", ").what : PANEL
    PANEL = ADD(KEPT_UP, "for [name in KEPT_UP] FILE using (OFFERED(name)):(WHERE_OVER(name, 'mean_us', 0)) with points pointtype POINT(name) pointsize 0.9 ".SAME." title name")
    PANEL = ADD(OVER, "for [name in OVER] FILE using (OFFERED(name)):(WHERE_OVER(name, 'mean_us', 1)) with points pointtype 6 pointsize 0.9 ".SAME." notitle")
    if (!DUMB) {
        PANEL = ADD(TAILS, "for [name in TAILS] FILE using (OFFERED(name)):(OF(name, 'p99_us')) with lines linewidth 0.8 dashtype 2 ".SAME." notitle")
        PANEL = ADD(FITTED, "for [name in FITTED] [0:0.98 * PER_MS(name, 'capacity_per_s')] CURVE(name, x) with lines linewidth 2 ".SAME." notitle")
        PANEL = ADD(KNEES, "for [name in KNEES] FILE using (OF(name, 'knee_low') / 1e3):(2 * OF(name, 'idle_us')):((OF(name, 'knee_high') - OF(name, 'knee_low')) / 1e3):(0) with vectors heads size screen 0.008, 90 fixed linewidth 1.5 ".SAME." notitle")
    }
    eval PANEL
    set ytics autofreq
    unset logscale y
    set size 1, 0.38; set origin 0, 0
    unset title
    set ylabel "answered within\nthe deadline (%)" offset -1
    set xlabel "offered (thousand/s)"
    set yrange [LEAST("answered_percent") > 90 ? 90 : 0:101]
    plot for [name in SERIES] FILE using (OFFERED(name)):(OF(name, "answered_percent")) with linespoints linewidth 1.5 dashtype DASH(name) @LOOK notitle
    unset multiplot
}
