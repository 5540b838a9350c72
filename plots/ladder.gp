# SPDX-License-Identifier: GPL-3.0-or-later
# The time-sequence diagram of one run, as `echolab ladder VARIANT --output DIR`
# has written it:
#
#     gnuplot -c plots/ladder.gp DIR/VARIANT.tsv OUT_STEM     OUT_STEM.svg and OUT_STEM.png
#
# Columns: what, side, from, to, at_ms, to_ms, flags, bytes, label. Places are
# given; nothing is computed here. It looks as style.gp has it, but its size
# follows its contents, and it has no axes.

FILE = ARG1; STEM = ARG2
set encoding utf8
set datafile separator "\t"
set datafile missing "-"

CELL(what) = system(sprintf("awk -F'\\t' '$1 == \"%s\" { print $9 }' '%s'", what, FILE))
stats FILE skip 3 using 3 name "FROM" nooutput
stats FILE skip 3 using 4 name "TO" nooutput
DOWN = FROM_max > TO_max ? FROM_max : TO_max
WIDTH = 640
HEIGHT = int(130 + 19 * (DOWN + 2))

CLIENT = "#0072B2"; SERVER = "#D55E00"; DARK = "#222222"; LOST = "#B00020"

set border 0; unset tics; unset key
set style textbox opaque noborder fillcolor rgb "#ffffff" margins 0.2, 0.02
set xrange [-0.95:1.95]; set yrange [DOWN + 1.2:-1.8]
set lmargin screen 0.01; set rmargin screen 0.99; set bmargin screen 16.0 / HEIGHT; set tmargin screen 1 - 62.0 / HEIGHT
set title CELL("title")."\n".CELL("caption").", times in ms, not to scale"
set label 1 "client" at 0, -1.1 center textcolor rgb CLIENT font ",15"
set label 2 "server" at 1, -1.1 center textcolor rgb SERVER font ",15"
set arrow 1 from 0, -0.6 to 0, DOWN + 0.9 nohead linewidth 1.5 linecolor rgb "#555555" back
set arrow 2 from 1, -0.6 to 1, DOWN + 0.9 nohead linewidth 1.5 linecolor rgb "#555555" back

# Rows that are `what` (and of `side`), at a value; all others are left out.
IS(what, side, value) = strcol(1) eq what && (side eq "" || strcol(2) eq side) ? value : NaN
X(side) = side eq "client" ? 0 : 1
CALLED(what) = what eq "call" || what eq "enter" || what eq "return"
TIME(c) = valid(c) ? sprintf("%.2f", column(c)) : ""
LEFT(side) = strcol(9)."  ".TIME(5)
RIGHT(side) = TIME(5).(valid(5) ? "  " : "").strcol(9)

do for [terminal_name in "svg png"] {
    if (terminal_name eq "svg") {
        set terminal svg size WIDTH, HEIGHT noenhanced font 'DejaVu Sans,12' background '#ffffff'
    } else {
        set terminal pngcairo size 2 * WIDTH, 2 * HEIGHT noenhanced font 'DejaVu Sans,12' fontscale 2 linewidth 2 pointscale 2
    }
    set output STEM.".".terminal_name
    plot FILE skip 1 using (IS("enter", "", X(strcol(2)))):3:(0):($4 - $3) with vectors nohead linewidth 7 \
             linecolor rgb "#C9D6DE", \
         FILE skip 1 using (IS("packet", "", X(strcol(2)))):3:(strcol(2) eq "client" ? 1 : -1):($4 - $3) \
             with vectors head filled size screen 0.016, 18 linewidth 1.4 linecolor rgb DARK, \
         FILE skip 1 using (IS("lost", "", X(strcol(2)))):3:(strcol(2) eq "client" ? 0.4 : -0.4):(2.8) \
             with vectors nohead linewidth 1.4 dashtype 2 linecolor rgb LOST, \
         FILE skip 1 using (IS("lost", "", strcol(2) eq "client" ? 0.4 : 0.6)):($3 + 2.8) with points pointtype 2 pointsize 1.2 linewidth 2 linecolor rgb LOST, \
         FILE skip 1 using (CALLED(strcol(1)) && strcol(2) eq "client" ? 0 : NaN):3:(LEFT("client")) with labels right \
             offset character -0.6, 0 textcolor rgb CLIENT font ",11", \
         FILE skip 1 using (CALLED(strcol(1)) && strcol(2) eq "server" ? 1 : NaN):3:(RIGHT("server")) with labels left \
             offset character 0.6, 0 textcolor rgb SERVER font ",11", \
         for [w in "packet lost"] FILE skip 1 using (IS(w, "client", 0)):3:(" ".strcol(9)."  ".TIME(5)) with labels left \
             offset character 1.2, 0.25 textcolor rgb DARK font ",10" boxed, \
         for [w in "packet lost"] FILE skip 1 using (IS(w, "server", 1)):3:(strcol(9)."  ".TIME(5)." ") with labels right \
             offset character -1.2, 0.25 textcolor rgb DARK font ",10" boxed
    unset output
}
