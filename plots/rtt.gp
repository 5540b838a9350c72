# SPDX-License-Identifier: GPL-3.0-or-later
# What a message takes over the delay of the wire: measured points on the lines of the model.
NAME = "rtt"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

set xlabel "round-trip time that the wire applied (ms)"
set ylabel "latency"
eval LOG("x")
eval LOG("y")
set format x "%g"
TIME(us) = us < 1e3 ? sprintf("%g us", us) : us < 1e6 ? sprintf("%g ms", us / 1e3) : sprintf("%g s", us / 1e6)
set ytics (TIME(1) 1)
do for [e = 0:7] { do for [m in "1 2 5"] { set ytics add (TIME(m * 10**e) m * 10**e) } }
eval ONE_TWO_FIVE("x", "rtt_applied_ms")
set offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05
X(name) = (x = OF(name, "rtt_applied_ms"), x > 0 ? x : NaN) # no delay has no place on this axis
MODEL_LINE = "with lines linewidth 1.5"
# Where two lines of the model are one, the dashes of the second show both.
LINE_DASH(name) = DUMB ? 1 : 1 + (STYLE(name) - 1) % 4

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot for [name in SERIES] FILE using (X(name)):(OF(name, 'model_us')) ".MODEL_LINE. \
         " dashtype LINE_DASH(name) linecolor rgb COLOUR(name) notitle". \
         INTERVALS("X(name)", "ci_low", "ci_high"). \
         ", for [name in SERIES] FILE using (X(name)):(OF(name, 'latency_us')) with points ".LOOK." title name". \
         ", NaN ".MODEL_LINE." linecolor rgb '#555555' title 'lines: the model'"
}
