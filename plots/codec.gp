# SPDX-License-Identifier: GPL-3.0-or-later
# Encoding and decoding alone, without a socket.
NAME = "codec"; DATA = ARG1; OUT = ARG2; MODE = ARG3
load system("dirname '".ARG0."'")."/style.gp"

eval BYTES_X
set xlabel "payload (bytes, k = 1,024)"
set ylabel "CPU time per operation (ns)"
eval LOG("y")
set format y "%g"
# Operations without a size are in the table, not here.
SERIES = UNIQUE_WITH(FILE, WHO, "bytes")

do for [terminal_name in TERMINALS] {
    eval OPEN(terminal_name)
    eval CURVES("SIZE", "bytes", "time_ns", "low", "high")
}
