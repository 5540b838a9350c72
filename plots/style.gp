# SPDX-License-Identifier: GPL-3.0-or-later
# What all figures share. A figure is drawn with
#
#     gnuplot -c plots/NAME.gp DATA_DIR OUT_DIR         NAME.svg and NAME.png
#     gnuplot -c plots/NAME.gp DATA_DIR OUT_DIR dumb    on the terminal, 79 columns
#
# and its script begins with
#
#     NAME = "throughput"; DATA = ARG1; OUT = ARG2; MODE = ARG3
#     load system("dirname '".ARG0."'")."/style.gp"
#     do for [terminal_name in TERMINALS] { eval OPEN(terminal_name); plot ... }
#
# Scripts draw columns of DATA_DIR/NAME.tsv by their names and compute nothing.
# The first column is who: mostly the variant. Title and conditions come from
# figures.tsv, and a variant has the colour of its place in variants.tsv, the
# same in all figures.

set encoding utf8
set datafile separator "\t"
set datafile missing "-"
set datafile columnheaders

FILE = sprintf("%s/%s.tsv", DATA, NAME)
TERMINALS = MODE eq "dumb" ? "dumb" : "svg png"
DUMB = MODE eq "dumb"

OPEN(name) = name eq "dumb" ? "set terminal dumb size 79,32 noenhanced" : \
    name eq "svg" ? sprintf("set terminal svg size 900,560 noenhanced font 'DejaVu Sans,14' background '#ffffff'; set output '%s/%s.svg'", OUT, NAME) : \
    sprintf("set terminal pngcairo size 1800,1120 noenhanced font 'DejaVu Sans,14' fontscale 2 linewidth 2 pointscale 2; set output '%s/%s.png'", OUT, NAME)

# Words and numbers, from the data; what is asked for is in column c, others in at["name"].
ASK(file, column, program) = system(sprintf("awk -F'\\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; c = at[\"%s\"]; next } %s' '%s'", column, program, file))
UNIQUE_WITH(file, column, known) = ASK(file, column, sprintf("$at[\"%s\"] != \"-\" && !seen[$c]++ { print $c }", known)) # of rows in which `known` is
UNIQUE(file, column) = ASK(file, column, "!seen[$c]++ { print $c }")
CELL(column) = ASK(FILE, column, "{ print $c; exit }") # of the first row
CELL_OF(name, column) = ASK(FILE, column, sprintf("$1 == \"%s\" && $c != \"-\" { print $c; exit }", name))
ABOUT(column) = ASK(DATA."/figures.tsv", column, sprintf("$1 == \"%s\" { print $c }", NAME))
# Of what is above 0, as only that has a place on a logarithmic axis; 1 where nothing is.
LEAST(column) = real(ASK(FILE, column, "$c + 0 > 0 && (!m || $c < m) { m = $c + 0 } END { print m ? m : 1 }"))
MOST(column) = real(ASK(FILE, column, "$c + 0 > m { m = $c + 0 } END { print m ? m : 1 }"))
PLACE(list, name) = (place = 0, sum [i = 1:words(list)] (word(list, i) eq name ? (place = i) : 0), place)

VARIANTS = UNIQUE(DATA."/variants.tsv", "variant")
WHO = system(sprintf("head -n 1 '%s' | cut -f 1", FILE))
SERIES = UNIQUE(FILE, WHO)
STYLE(name) = (s = PLACE(VARIANTS, name), s > 0 ? s : PLACE(SERIES, name) > 0 ? PLACE(SERIES, name) : 1)

# Okabe and Ito's colours, told apart with every kind of colour vision (their
# yellow is darkened: it is lost on white); the points differ as well, for print and for more series than colours.
COLOURS = "#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000 #8A7F00"
POINTS = "7 5 9 13 11 15 6 4 8 12"
DASH(name) = DUMB ? 1 : 1 + (STYLE(name) - 1) / words(COLOURS)
COLOUR(name) = word(COLOURS, 1 + (STYLE(name) - 1) % words(COLOURS))
POINT(name) = DUMB ? STYLE(name) : int(word(POINTS, 1 + (STYLE(name) - 1) % words(POINTS)))

# A row belongs to a series or is left out; so is a value that is missing.
OF(name, c) = strcol(WHO) eq name ? column(c) : NaN
# Nothing (0 bytes) has a place on a logarithmic axis too, left of the one.
SIZE(name, c) = (v = OF(name, c), v == 0 ? 0.5 : v)

CONDITIONS = ABOUT("conditions")
TITLE = ABOUT("title")
set title TITLE.(CONDITIONS eq "" ? "" : "\n".CONDITIONS) font ',12' # conditions are long
set border 3 linecolor "#555555"
set tics nomirror
set grid linetype 1 linewidth 0.5 linecolor "#dddddd"
set style fill solid noborder
set offsets graph 0.03, graph 0.03, graph 0.03, 0 # no point lies on the frame
if (DUMB) { unset grid; unset title; set key under maxcols 3 } else { set key outside right top Left reverse samplen 2 }

# A logarithmic axis, as wide as the data.
LOGGED = ""
LOG(axis) = sprintf("set logscale %s; set %srange [*:*] noextend; LOGGED = LOGGED.'%s'", axis, axis, axis).(axis eq "y" ? "; set offsets graph 0.03, graph 0.03, graph 0.03, graph 0.03" : "")
# A logarithmic axis where the largest is more than 4 times the smallest; else it begins at 0.
LOG_OR_ZERO(axis, column) = MOST(column) > 4 * LEAST(column) ? LOG(axis) : sprintf("set %srange [0:*]", axis)
# Marks at 1, 2, 5, 10 ... on a logarithmic axis where there is room for them; with k and M where wanted.
SI(value) = value < 1e3 ? sprintf("%g", value) : value < 1e6 ? sprintf("%gk", value / 1e3) : sprintf("%gM", value / 1e6)
PLAIN(value) = sprintf("%g", value)
MARKS(axis, column, words) = !strstrt(LOGGED, axis) || MOST(column) >= 1000 * LEAST(column) ? "" : \
    sprintf("set %stics (1); do for [e = floor(log10(LEAST('%s'))):ceil(log10(MOST('%s')))] { do for [m in '1 2 5'] { set %stics add (%s(m * 10**e) m * 10**e) } }", axis, column, column, axis, words)
ONE_TWO_FIVE(axis, column) = MARKS(axis, column, "PLAIN")
ONE_TWO_FIVE_SI(axis, column) = MARKS(axis, column, "SI")
# 0, 1, 16, 256, 4k, 64k, 1M: k is 1,024 as in --size.
BYTES(e) = e < 10 ? sprintf("%d", 2**e) : e < 20 ? sprintf("%dk", 2**(e - 10)) : sprintf("%dM", 2**(e - 20))
BYTES_X = LOG("x")."; set logscale x 2; set xtics ('0' 0.5); do for [e = 0:28:4] { set xtics add (BYTES(e) 2**e) }"

# The interval of each point, where there is one. Arrows with flat heads, because
# error bars clear the ground around their point, and so hide a narrow interval.
INTERVALS(x, low, high) = DUMB ? "" : sprintf(", for [name in SERIES] FILE using (%s):(OF(name, '%s')):(0):(OF(name, '%s') - OF(name, '%s')) with vectors heads size screen 0.006, 90 fixed linewidth 1.5 linecolor rgb COLOUR(name) notitle", x, low, high, low)

# A line with points for each series, and its intervals.
LOOK = "linecolor rgb COLOUR(name) pointtype POINT(name) pointsize 0.7"
CURVES(x, axis, value, low, high) = sprintf("plot for [name in SERIES] FILE using (%s(name, '%s')):(OF(name, '%s')) with linespoints linewidth 2 dashtype DASH(name) %s title name", x, axis, value, LOOK). \
    INTERVALS(sprintf("%s(name, '%s')", x, axis), low, high)

# Room for it at the right, in characters.
LEGEND_WIDTH = (longest = 0, sum [i = 1:words(SERIES)] (longest = strlen(word(SERIES, i)) > longest ? strlen(word(SERIES, i)) : longest), longest + 8)

# The legend alone, as high as the picture, for several plots in one. Draw it first: it forgets xtics and ytics.
LEGEND = "set size 1, 1; set origin 0, 0; unset title; unset border; unset tics; unset grid; unset xlabel; unset ylabel; ". \
    "set key on; plot [1:2] [1:2] for [name in SERIES] 1 / 0 with linespoints linewidth 2 dashtype DASH(name) ".LOOK." title name; ". \
    "set border 3; set xtics nomirror; set ytics nomirror; set grid"
