# SPDX-License-Identifier: GPL-3.0-or-later
# What share is answered in time over the size of the payload, and the largest that is one packet.
NAME = "size_loss"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

ONE_PACKET = 1432 # bytes of payload; FIGURE_ONE_PACKET in C
set xlabel "payload (bytes, k = 1,024)"
set ylabel "answered within the deadline (%)"
eval BYTES_X
do for [e = 2:26:4] { set xtics add (BYTES(e) 2**e) }
set yrange [0:102]
set offsets graph 0.03, graph 0.03, 0, 0
if (!DUMB) { set title TITLE."\n".system(sprintf("echo '%s' | fold -s -w 66", CONDITIONS)) }
set arrow from ONE_PACKET, graph 0 to ONE_PACKET, graph 1 nohead linewidth 1.5 dashtype 2 linecolor "#555555"
set label "1,432 bytes: a datagram\nof 1,472, one packet" at ONE_PACKET, graph 0.12 left offset 1, 0 textcolor "#555555"
MODEL_LINE = "with lines linewidth 1.5 dashtype 3"

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval CURVES("SIZE", "size_bytes", "answered_percent", "ci_low", "ci_high"). \
         (DUMB ? "" : ", for [name in SERIES] FILE using (SIZE(name, 'size_bytes')):(OF(name, 'predicted_percent')) ".MODEL_LINE." linecolor rgb COLOUR(name) notitle". \
                      ", NaN ".MODEL_LINE." linecolor rgb '#555555' title 'dots: the model'")
}
