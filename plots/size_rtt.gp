# SPDX-License-Identifier: GPL-3.0-or-later
# What a message takes over the size of its payload where each round trip takes long: slow start.
NAME = "size_rtt"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

set xlabel "payload (bytes, k = 1,024)"
eval BYTES_X
do for [e = 2:26:4] { set xtics add (BYTES(e) 2**e) }
set yrange [0:*]
# Tics at whole round trips: both columns are in the data, the first row has their ratio.
RTT_MS = CELL("latency_us") / 1e3 / CELL("round_trips")
STEP = ceil(MOST("round_trips") / 8)
set ytics STEP * RTT_MS
set format y "%.4g"
set ylabel sprintf("latency (ms), a mark each %s", STEP > 1 ? sprintf("%d round trips", STEP) : "round trip")
MS(name, c) = OF(name, c) / 1e3
MODEL_LINE = "with lines linewidth 1.5"

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval "plot for [name in SERIES] FILE using (SIZE(name, 'size_bytes')):(MS(name, 'model_us')) ".MODEL_LINE." dashtype DASH(name) linecolor rgb COLOUR(name) notitle". \
         ", for [name in SERIES] FILE using (SIZE(name, 'size_bytes')):(MS(name, 'latency_us')) with points ".LOOK." title name". \
         (DUMB ? "" : ", for [name in SERIES] FILE using (SIZE(name, 'size_bytes')):(MS(name, 'latency_us_ci_low')):(0):(MS(name, 'latency_us_ci_high') - MS(name, 'latency_us_ci_low')) with vectors heads size screen 0.006, 90 fixed linewidth 1.5 linecolor rgb COLOUR(name) notitle". \
              ", NaN ".MODEL_LINE." linecolor rgb '#555555' title 'lines: the model'")
}
