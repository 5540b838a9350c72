# SPDX-License-Identifier: GPL-3.0-or-later
# Connect, exchange and close, one after the other.
NAME = "phases"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

PARTS = 3
COLUMNS = "connect_us exchange_us close_us"
PART(k) = column(word(COLUMNS, k + 1))
UNTIL(k) = k < 0 ? 0 : sum [i = 0:k] PART(i)
PART_NAME(k) = (n = word(COLUMNS, k + 1), n[1:strlen(n) - 3])
PART_COLOURS = "#9DB8C9 #3C5A6E #D9C7A3"

set xlabel "mean time (us)"
set xrange [0:*]
if (MOST("exchange_us") > 5000) { set format x "%.0s%c" }
set yrange [words(SERIES) - 0.4:-0.6] # the first on top
set grid noytics
set offsets 0, graph 0.1, 0, 0

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    plot for [k = 0:PARTS - 1] FILE \
             using (UNTIL(k)):0:(UNTIL(k - 1)):(UNTIL(k)):($0 - 0.3):($0 + 0.3):ytic(1) with boxxyerror \
             linecolor rgb word(PART_COLOURS, k + 1) title PART_NAME(k), \
         FILE using (UNTIL(PARTS - 1)):0:(sprintf(" %.1f", UNTIL(PARTS - 1))) with labels left notitle
}
