# SPDX-License-Identifier: GPL-3.0-or-later
# Messages per second above, messages per system call below, over the number outstanding.
NAME = "pipeline"; DATA = ARG1; OUT = ARG2; MODE = ARG3
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
    set logscale x 2
    set xtics 2
    set format x "%.0f"
    set size 1, 0.58; set origin 0, 0.42
    if (!DUMB) { set title HEADING font ',12' }
    set ylabel "messages/s"
    unset xlabel
    set format y "%.0s%c"
    eval ONE_TWO_FIVE_SI("y", "throughput_per_s")
    MODELLED = UNIQUE_WITH(FILE, WHO, "model_per_s")
    eval CURVES("OF", "pipeline", "throughput_per_s", "throughput_per_s_ci_low", "throughput_per_s_ci_high"). \
         (DUMB || MODELLED eq "" ? "" : ", for [name in MODELLED] FILE using (OF(name, 'pipeline')):(OF(name, 'model_per_s')) with lines linewidth 1 dashtype 3 linecolor rgb COLOUR(name) notitle")
    set ytics autofreq
    set size 1, 0.42; set origin 0, 0
    unset title
    set ylabel "messages\nper system call"
    set xlabel "messages outstanding"
    set format y "%g"
    eval ONE_TWO_FIVE("y", "messages_per_call")
    eval CURVES("OF", "pipeline", "messages_per_call", "messages_per_call_ci_low", "messages_per_call_ci_high")
    unset multiplot
}
