# SPDX-License-Identifier: GPL-3.0-or-later
# One request lost under traffic: a point is a message, a panel a variant.
NAME = "who_waits"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

HEADING = TITLE."\n".CONDITIONS
ROWS = (words(SERIES) + 1) / 2
LAST = words(SERIES)
LOST(name) = real(CELL_OF(name, "lost"))
PANEL(name) = (LOST(name) > 0 ? sprintf("%s: %.3g never answered, ", name, LOST(name)) : name.": ").sprintf("%.3g late", real(CELL_OF(name, "late")))
TOP = real(CELL("top_ms"))
stats FILE using "due_ms" name "DUE" nooutput
# A variant that is in no other figure has a colour of its own all the same.
STYLE(name) = (s = PLACE(VARIANTS, name), s > 0 ? s : words(VARIANTS) + PLACE(SERIES, name))
unset key
unset title
set offsets 0, 0, 0, 0
set xrange [DUE_min:DUE_max]
set yrange [0:TOP * 1.12]
# What has no latency is lost, and never came; what has a longer one than is shown stands at the top.
LATENCY = "latency_ms"
NEVER(name) = strcol(WHO) eq name && strcol(LATENCY) eq "never" ? TOP : NaN
HIGH(name) = strcol(WHO) eq name && column(LATENCY) > TOP ? TOP : NaN
SEEN(name) = strcol(WHO) eq name && column(LATENCY) <= TOP ? column(LATENCY) : NaN
# The message at time 0 has its time beside it: it is the one that suffered most.
WORST(name) = strcol(WHO) eq name && column("due_ms") == 0 && column(LATENCY) > column("late_beyond_ms") ? (column(LATENCY) > TOP ? TOP : column(LATENCY)) : NaN

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,60 noenhanced }
    if (DUMB) { set multiplot layout LAST, 1 } else { set multiplot layout ROWS, 2 title HEADING margins 0.1, 0.97, 0.13, 0.84 spacing 0.1, 0.15 }
    do for [i = 1:LAST] {
        name = word(SERIES, i)
        set title PANEL(name) offset 0, -0.6
        if (DUMB || i > LAST - 2) { set xlabel "due (ms after the lost request)" } else { unset xlabel }
        if (DUMB || i % 2 == 1) { set ylabel "latency (ms)" offset 0.5, 0 } else { unset ylabel }
        plot FILE using "due_ms":(SEEN(name)) with points pointtype (DUMB ? 1 : 7) pointsize 0.4 linecolor rgb COLOUR(name), \
             FILE using "due_ms":(HIGH(name)) with points pointtype (DUMB ? 2 : 9) pointsize 1 linecolor rgb COLOUR(name), \
             FILE using "due_ms":(NEVER(name)) with points pointtype (DUMB ? 3 : 2) pointsize 1.2 linewidth 2 linecolor rgb "#000000", \
             FILE using "due_ms":(NEVER(name)):("never answered") with labels left offset 1.2, 0.4, \
             FILE using "due_ms":(WORST(name)):(sprintf("%.0f ms", column(LATENCY))) with labels left offset 1.2, 0.4
    }
    unset multiplot
}
