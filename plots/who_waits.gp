# SPDX-License-Identifier: GPL-3.0-or-later
# One request lost under traffic: a point is a message, a panel a variant.
NAME = "who_waits"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

HEADING = ABOUT(2)."\n".CONDITIONS
ROWS = (words(SERIES) + 1) / 2
LAST = words(SERIES)
PANEL(name) = system(sprintf("awk -F'\\t' '$1 == \"%s\" { print $6; exit }' '%s'", name, FILE))
TOP = real(CELL(FILE, 2, 7))
stats FILE skip 1 using 2 name "DUE" nooutput
# A variant that is in no other figure has a colour of its own all the same.
STYLE(name) = (s = PLACE(VARIANTS, name), s > 0 ? s : words(VARIANTS) + PLACE(SERIES, name))
unset key
unset title
set offsets 0, 0, 0, 0
set xrange [DUE_min:DUE_max]
set yrange [0:TOP * 1.12]
# What has no latency is lost; what has a longer one than is shown stands at the top.
LOST(name) = strcol(1) eq name && !valid(3) ? column(4) : NaN
HIGH(name) = strcol(1) eq name && valid(3) && column(3) > column(4) ? column(4) : NaN
SEEN(name) = strcol(1) eq name && valid(3) && column(3) <= column(4) ? column(4) : NaN
LABEL(name) = strcol(1) eq name && strlen(strcol(5)) > 1 ? column(4) : NaN
TEXT(label) = strlen(label) > 1 ? label : ""

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,60 noenhanced }
    if (DUMB) { set multiplot layout LAST, 1 } else { set multiplot layout ROWS, 2 title HEADING margins 0.1, 0.97, 0.13, 0.84 spacing 0.1, 0.15 }
    do for [i = 1:LAST] {
        name = word(SERIES, i)
        set title PANEL(name) offset 0, -0.6
        if (DUMB || i > LAST - 2) { set xlabel "due (ms after the lost request)" } else { unset xlabel }
        if (DUMB || i % 2 == 1) { set ylabel "latency (ms)" offset 0.5, 0 } else { unset ylabel }
        plot FILE using 2:(SEEN(name)) with points pointtype (DUMB ? 1 : 7) pointsize 0.4 linecolor rgb COLOUR(name), \
             FILE using 2:(HIGH(name)) with points pointtype (DUMB ? 2 : 9) pointsize 1 linecolor rgb COLOUR(name), \
             FILE using 2:(LOST(name)) with points pointtype (DUMB ? 3 : 2) pointsize 1.2 linewidth 2 linecolor rgb "#000000", \
             FILE using 2:(LABEL(name)):(TEXT(strcol(5))) with labels left offset 1.2, 0.4
    }
    unset multiplot
}
