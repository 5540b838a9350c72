# SPDX-License-Identifier: GPL-3.0-or-later
# One number over all sessions of a folder, a colour a column: what `echolab diff
# --history` draws. The program has it compiled in, and puts before it what is to
# be drawn: the blocks $sessions (one a column: time, value) and $stretches
# (between two change points: time, median), and the texts TITLE, METRIC and
# NAMES. It reads no file, names none and calls nothing: the picture goes to stdout.

set encoding utf8
set terminal pngcairo size 1800,1120 noenhanced font 'DejaVu Sans,14' fontscale 2 linewidth 2 pointscale 2
set datafile separator "\t"

# Okabe and Ito's colours, as in style.gp.
array COLOURS[8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A7F00"]
COLOUR(i) = COLOURS[1 + (i - 1) % 8]

set title TITLE
set ylabel METRIC
set xlabel "start of the session (UTC)"
stats $sessions using 1 nooutput
set xdata time
set timefmt "%s"
set format x (STATS_max - STATS_min < 3 * 86400 ? "%H:%M\n%d %b" : "%d %b\n%Y")
if (STATS_max == STATS_min) { set xrange [STATS_min - 3600:STATS_max + 3600] }
set border 3 linecolor "#555555"
set tics nomirror
set grid linetype 1 linewidth 0.5 linecolor "#dddddd"
set offsets graph 0.03, graph 0.03, graph 0.1, graph 0.1
set key under maxcols 2 samplen 2

plot for [i = 1:|NAMES|] $sessions index i - 1 using 1:2 with points pointtype 7 pointsize 0.8 linecolor rgb COLOUR(i) title NAMES[i], \
     for [i = 1:|NAMES|] $stretches index i - 1 using 1:2 with lines linewidth 2 linecolor rgb COLOUR(i) notitle
