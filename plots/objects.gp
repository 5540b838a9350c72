# SPDX-License-Identifier: GPL-3.0-or-later
# Bars: the time of a page of objects above, its packets below, over the number of connections.
NAME = "objects"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

PLACES = UNIQUE(FILE, "connections")
STEP = 0.8 / words(SERIES)
AT(name) = PLACE(PLACES, strcol("connections")) + (PLACE(SERIES, name) - (words(SERIES) + 1) / 2.0) * STEP
HEADING = TITLE."\n".CONDITIONS
BARS(column, format) = sprintf("plot for [name in SERIES] FILE using (AT(name)):(OF(name, '%s')):(STEP * 0.9) with boxes linecolor rgb COLOUR(name) title name", column). \
    sprintf(", for [name in SERIES] FILE using (AT(name)):(OF(name, '%s')):(sprintf('%s', OF(name, '%s'))) with labels offset 0, 0.7 font ',11' notitle", column, format, column)

set lmargin 11
set rmargin 2

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,50 noenhanced }
    set multiplot
    unset key; unset bmargin
    set xrange [0.5:words(PLACES) + 0.5]
    set xtics ("" 1)
    do for [i = 1:words(PLACES)] { set xtics add (word(PLACES, i) i) }
    set grid noxtics
    set yrange [0:*]
    set offsets 0, 0, graph 0.1, 0
    set size 1, 0.52; set origin 0, 0.48
    if (!DUMB) { set title HEADING font ',11' }
    set ylabel "time of the page (ms)"
    unset xlabel
    eval BARS("page_ms", "%.0f").", for [name in SERIES] FILE using (AT(name) - STEP * 0.45):(OF(name, 'model_ms')):(STEP * 0.9):(0) with vectors nohead linewidth 2 linecolor rgb '#222222' notitle"
    set size 1, 0.48; set origin 0, 0
    unset title
    set key bottom center outside horizontal maxrows 1 samplen 1 # the width is for the heading
    set bmargin 5.5
    set ylabel "packets, both ways"
    set xlabel "connections at once"
    eval BARS("packets", "%.0f")
    unset multiplot
}
