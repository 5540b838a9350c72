# SPDX-License-Identifier: GPL-3.0-or-later
# Latency over the offered rate, from when a request was due; thin, from its first byte sent. A panel a variant.
NAME = "rate"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

SERIES = UNIQUE_WITH(FILE, WHO, "p50_us")
COLUMNS = words(SERIES) > 3 ? 3 : words(SERIES)
ROWS = (words(SERIES) + COLUMNS - 1) / COLUMNS
KNEE(name) = CELL_OF(name, "knee_per_s")
# Some four marks: 1, 2 or 5 times a power of ten apart.
NICE(x) = (e = floor(log10(x)), m = x / 10**e, (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10) * 10**e)
BOX = "set size 1, 1; set origin 0, 0; unset border; unset tics; unset grid; unset xlabel; unset ylabel; "
WHERE(name, c, overloaded) = column("overloaded") == overloaded ? OF(name, c) : NaN
OFFERED = "offered_per_s"
LINE(name, column, width, dash, title) = sprintf("FILE using (OF('%s', OFFERED) / 1e3):(OF('%s', '%s')) with lines linewidth %g dashtype %d linecolor rgb COLOUR('%s') title '%s'", name, name, column, width, dash, name, title)
DOTS(name, column, overloaded) = sprintf("FILE using (OF('%s', OFFERED) / 1e3):(WHERE('%s', '%s', %d)) with points pointtype %d pointsize 0.7 linecolor rgb COLOUR('%s') notitle", name, name, column, overloaded, overloaded ? 6 : 7, name)

# One scale for all panels, so that they can be compared.
LOWEST = LEAST("p50_us"); HIGHEST = MOST("p50_us")
do for [c in "p99_us service_p50_us service_p99_us"] {
    if (MOST(c) != 1) { LOWEST = LEAST(c) < LOWEST ? LEAST(c) : LOWEST; HIGHEST = MOST(c) > HIGHEST ? MOST(c) : HIGHEST }
}
HEADING = TITLE.(CONDITIONS eq "" ? "" : "\n".CONDITIONS)

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    if (DUMB) { set terminal dumb size 79,60 noenhanced; COLUMNS = 1; ROWS = words(SERIES) }
    set multiplot
    TOP = DUMB ? 1.0 : 0.86; BOTTOM = DUMB ? 0.0 : 0.1
    if (!DUMB) {
        set title HEADING
        set key bottom center outside horizontal maxrows 1 samplen 3
        eval BOX
        plot [1:2] [1:2] 1 / 0 with lines linewidth 2 dashtype 1 linecolor rgb "#333333" title "p99 from due", \
             1 / 0 with lines linewidth 2 dashtype 3 linecolor rgb "#333333" title "p50 from due", \
             1 / 0 with lines linewidth 0.7 dashtype 1 linecolor rgb "#333333" title "p99 service", \
             1 / 0 with lines linewidth 0.7 dashtype 3 linecolor rgb "#333333" title "p50 service", \
             1 / 0 with points pointtype 6 pointsize 0.7 linecolor rgb "#333333" title "overloaded"
        unset key; unset title; set border 3; set grid
        set xtics nomirror; set ytics nomirror
    }
    unset offsets
    set logscale y
    set format y "%g"
    do for [i = 1:words(SERIES)] {
        name = word(SERIES, i)
        COLUMN = (i - 1) % COLUMNS; ROW = (i - 1) / COLUMNS
        LEFT = DUMB ? 0 : 0.02
        set size (1.0 - LEFT) / COLUMNS, (TOP - BOTTOM) / ROWS
        set origin LEFT + COLUMN * (1.0 - LEFT) / COLUMNS, TOP - (ROW + 1) * (TOP - BOTTOM) / ROWS
        set lmargin 8; set rmargin 1.5
        set title name
        set xlabel "offered (thousand/s)"
        if (COLUMN == 0) { set ylabel "latency (us)" } else { unset ylabel }
        set xrange [*:*]; set yrange [*:*] # stats leaves out what is beyond them
        RATES_max = real(ASK(FILE, OFFERED, sprintf("$1 == \"%s\" { m = $c } END { print m }", name))) / 1e3 # they ascend
        set xrange [0:RATES_max * 1.05]
        set xtics 0, NICE(RATES_max / 3.5)
        set yrange [LOWEST / 1.3:HIGHEST * 1.6]
        unset arrow; unset label
        knee = KNEE(name)
        SIDE = knee ne "" && real(knee) / 1e3 < RATES_max / 2 ? "left" : "right"
        if (knee ne "") {
            set arrow from (real(knee) / 1e3), graph 0 to (real(knee) / 1e3), graph 1 nohead linewidth 1 dashtype 2 linecolor rgb "#777777"
            eval sprintf("set label ' knee %.3gk/s ' at %g, graph 0.96 %s font ',11' textcolor rgb '#555555'", real(knee) / 1e3, real(knee) / 1e3, SIDE)
        }
        eval "plot ".LINE(name, "p99_us", 2, 1, "p99").", ".LINE(name, "p50_us", 2, 3, "p50").", ".LINE(name, "service_p99_us", 0.7, 1, "p99 service").", ".LINE(name, "service_p50_us", 0.7, 3, "p50 service"). \
             (DUMB ? "" : ", ".DOTS(name, "p99_us", 0).", ".DOTS(name, "p99_us", 1).", ".DOTS(name, "p50_us", 0).", ".DOTS(name, "p50_us", 1))
    }
    unset multiplot
}
