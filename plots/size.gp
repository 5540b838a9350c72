# SPDX-License-Identifier: GPL-3.0-or-later
# Latency above, bytes carried below, over the size of the payload.
NAME = "size"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

eval LOG("y")
set format y "%g"
set mytics 1
set lmargin 11
set rmargin DUMB ? 2 : LEGEND_WIDTH
HEADING = TITLE."\n".CONDITIONS

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,50 noenhanced }
    set multiplot
    if (!DUMB) { eval LEGEND; unset key }
    eval BYTES_X
    set size 1, 0.54; set origin 0, 0.46
    if (!DUMB) { set title HEADING font ',12' }
    set ylabel "latency (us)"
    unset xlabel
    eval ONE_TWO_FIVE("y", "latency_p50_us")
    eval CURVES("SIZE", "size_bytes", "latency_p50_us", "latency_p50_us_ci_low", "latency_p50_us_ci_high")
    set ytics autofreq
    set size 1, 0.46; set origin 0, 0
    unset title
    set ylabel "payload (MB/s)"
    set xlabel "payload (bytes, k = 1,024)"
    eval CURVES("SIZE", "size_bytes", "payload_MB_per_s", "payload_MB_per_s_ci_low", "payload_MB_per_s_ci_high")
    unset multiplot
}
