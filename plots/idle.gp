# SPDX-License-Identifier: GPL-3.0-or-later
# What the next message takes over the time since the last: a window that closes again.
NAME = "idle"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

MODELLED = UNIQUE_WITH(FILE, WHO, "model_ms")
# Points come as they were waited for, the longest first.
FILE = sprintf("< head -n 1 '%s'; tail -n +2 '%s' | sort -t '\t' -k 1,1 -k 2,2g", FILE, FILE)

set xlabel "time since the last message"
eval LOG("x")
TIME(ms) = ms < 1 ? sprintf("%g us", ms * 1e3) : ms < 1e3 ? sprintf("%g ms", ms) : sprintf("%g s", ms / 1e3)
set xtics (TIME(0.001) 0.001)
do for [e = -2:5] { set xtics add (TIME(10**e) 10**e) }
set yrange [0:*]
set ylabel "latency (ms)"
set grid noxtics
# No pause at all has no place on this axis.
X(name) = (x = OF(name, "gap_ms"), x > 0 ? x : NaN)

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot for [name in SERIES] FILE using (X(name)):(OF(name, 'latency_ms')) with linespoints linewidth 2 dashtype DASH(name) ".LOOK." title name". \
         INTERVALS("X(name)", "low_ms", "high_ms"). \
         (DUMB || MODELLED eq "" ? "" : ", for [name in MODELLED] FILE using (X(name)):(OF(name, 'model_ms')) with lines linewidth 1 dashtype 3 linecolor rgb COLOUR(name) notitle")
}
