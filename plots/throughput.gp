# SPDX-License-Identifier: GPL-3.0-or-later
# Messages per second above, their latency below, over the number of connections.
NAME = "throughput"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

eval LOG("y")
set mytics 1
set lmargin 11
set rmargin DUMB ? 2 : LEGEND_WIDTH
HEADING = TITLE."\n".CONDITIONS

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,50 noenhanced }
    set multiplot
    if (!DUMB) { eval LEGEND; unset key }
    eval LOG("x")
    set xtics 4
    set logscale x 2
    set format x "%.0f"
    set size 1, 0.54; set origin 0, 0.46
    if (!DUMB) { set title HEADING font ',12' }
    set ylabel "messages/s"
    unset xlabel
    set format y "%.0s%c"
    eval ONE_TWO_FIVE_SI("y", "throughput_per_s")
    eval CURVES("OF", "connections", "throughput_per_s", "throughput_per_s_ci_low", "throughput_per_s_ci_high")
    set ytics autofreq
    set size 1, 0.46; set origin 0, 0
    unset title
    set ylabel "median latency (us)"
    set xlabel "connections, one message outstanding on each"
    set format y "%g"
    eval CURVES("OF", "connections", "latency_p50_us", "latency_p50_us_ci_low", "latency_p50_us_ci_high")
    unset multiplot
}
