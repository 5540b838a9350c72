/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be asked of other tools. */
#include "bench/experiment/crosscheck.h"

/* What the tests of a tool have in common. */
#define BECOME "exec \"$0\" "

#define SOCKPERF(test_, how_)                                                                      \
    .tool = "sockperf", .test = (test_), .server = TOOL_SOCKPERF, .client = TOOL_SOCKPERF,         \
    .serve = BECOME "sr " how_ "-i 127.0.0.1 -p $PORT",                                            \
    .ask = BECOME "pp " how_ "-i 127.0.0.1 -p $PORT -m $BYTES -t $SECONDS --full-rtt",             \
    .before = "sockperf: Summary: Round trip is", .figure = TOOL_ROUND_TRIP, .ours = METRIC_MEAN

#define QPERF(test_)                                                                               \
    .tool = "qperf", .test = (test_), .server = TOOL_QPERF, .client = TOOL_QPERF,                  \
    .serve = BECOME "-lp $PORT",                                                                   \
    .ask = BECOME "-lp $PORT -t $SECONDS -m $BYTES -e 6 127.0.0.1 " test_, .before = "latency",    \
    .figure = TOOL_ONE_WAY, .ours = METRIC_TIME

#define NETPERF(test_, how_)                                                                       \
    .tool = "netperf", .test = (test_), .server = TOOL_NETSERVER, .client = TOOL_NETPERF,          \
    .serve = BECOME "-D -4 -L 127.0.0.1 -p $PORT",                                                 \
    .ask = BECOME "-H 127.0.0.1 -p $PORT -l $SECONDS -P 0 -t " test_ " -- " how_                   \
                  "-r $BYTES,$BYTES -k THROUGHPUT",                                                \
    .before = "THROUGHPUT", .figure = TOOL_PER_SECOND, .ours = METRIC_TIME

#define NEPER(test_, program_, how_)                                                               \
    .tool = "neper", .test = (test_), .server = (program_), .client = (program_),                  \
    .serve = BECOME how_ "-C $OTHER -P $PORT -Q $BYTES -R $BYTES -l $SECONDS",                     \
    .ask = BECOME how_ "-c -H 127.0.0.1 -C $OTHER -P $PORT -Q $BYTES -R $BYTES -l $SECONDS",       \
    .before = "throughput", .figure = TOOL_PER_SECOND, .ours = METRIC_TIME

/*
 * One worker in the foreground, no log, everything in the directory it is started in.
 * Root, as in a user namespace there may be no other to give the folders to.
 */
#define NGINX(test_, how_)                                                                         \
    .tool = "nginx+ab", .test = (test_), .server = TOOL_NGINX, .client = TOOL_AB,                  \
    .serve = "cat > config << END\n"                                                               \
             "daemon off; master_process off; worker_processes 1;\n"                               \
             "user root; error_log stderr; pid nginx.pid;\n"                                       \
             "events { worker_connections 64; }\n"                                                 \
             "http {\n"                                                                            \
             "    access_log off; keepalive_requests 1000000000;\n"                                \
             "    client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;\n"              \
             "    uwsgi_temp_path t; scgi_temp_path t;\n"                                          \
             "    server { listen 127.0.0.1:$PORT; default_type text/plain;\n"                     \
             "             location / { return 200 \"$(printf %${PAYLOAD}s | tr ' ' x)\"; } }\n"   \
             "}\nEND\n" BECOME "-e stderr -p . -c $PWD/config",                                    \
    .ask = BECOME "-q " how_ "-t $SECONDS -n 10000000 http://127.0.0.1:$PORT/",                    \
    .before = "Requests per second:", .figure = TOOL_PER_SECOND, .ours = METRIC_TIME

#define UNCHECKED                                                                                  \
    "nothing is checked, ours encodes, checks and times every message: /floor in `compare` tells"
#define NAGLE_IDLE "TCP_NODELAY off; with one message in flight Nagle has nothing to hold"

const struct tool_row tool_rows[] = {
    {SOCKPERF("tcp", "--tcp "), .variant = "tcp-persistent",
     .notes = {"their mean from before send to after receive, by the CPU's cycle counter",
               "asked for whole round trips (it prints half unless told); TCP_NODELAY on"}},
    {SOCKPERF("udp", ""), .udp = true, .variant = "udp-persistent",
     .notes = {"their mean from before send to after receive, asked for whole round trips, "
               "without what was dropped or came out of order",
               "an address in every call, as its client does not connect (3 to 4 % in netperf)",
               "ours checks every reply"}},
    {QPERF("tcp_lat"), .variant = "tcp-persistent",
     .notes = {"elapsed time / (messages sent + received), doubled here", UNCHECKED, NAGLE_IDLE}},
    {QPERF("udp_lat"), .variant = "udp-persistent",
     .notes = {"elapsed time / (messages sent + received), doubled here", UNCHECKED,
               "no deadline: a lost datagram ends its exchanges"}},
    {NETPERF("TCP_RR", ""), .variant = "tcp-persistent",
     .notes = {"elapsed time / transactions", UNCHECKED, NAGLE_IDLE}},
    {NETPERF("UDP_RR", "-n "), .variant = "udp-persistent",
     .notes = {"elapsed time / transactions",
               "asked to connect the client's socket (-n), as ours is: else 3 to 4 % more",
               "a lost datagram stops it until its time is over"}},
    {NETPERF("TCP_CRR", ""), .variant = "tcp-per-message",
     .notes = {"both from before socket() to after close(), the server closes first",
               "theirs binds every socket to a port of its own choice (in silence to the next "
               "where it is taken) and asks for buffer sizes",
               "ours sets TCP_NODELAY and two timeouts and looks for unread bytes before "
               "closing"}},
    {NEPER("tcp_rr", TOOL_TCP_RR, "--no-delay "), .variant = "tcp-persistent",
     .notes = {"elapsed time / transactions; TCP_NODELAY asked for",
               "five epoll calls an exchange that ours has not (strace: 4 in its server, 1 in "
               "its client)"}},
    {NEPER("udp_rr", TOOL_UDP_RR, ""), .udp = true, .variant = "udp-persistent",
     .notes = {"elapsed time / transactions; epoll_wait before every receive on both sides",
               "without a timer: a lost datagram ends its flow"}},
    {NEPER("tcp_crr", TOOL_TCP_CRR, ""), .variant = "tcp-per-message",
     .notes = {"theirs: the client resets after the reply (8 packets), epoll on both sides",
               "ours: the server closes with FIN and the client waits for it (10)"}},
    {NEPER("tcp_rr/64", TOOL_TCP_RR, "-F 64 --no-delay "), .flows = 64, .variant = "tcp-persistent",
     .notes = {"64 connections, a core for each side, epoll on both; elapsed time / "
               "transactions",
               "TCP_NODELAY asked for"}},
    {NEPER("udp_rr/64", TOOL_UDP_RR, "-F 64 "), .udp = true, .flows = 64,
     .variant = "udp-persistent",
     .notes = {"64 sockets, a core for each side, epoll on both; theirs has no timer"}},
    {NEPER("tcp_crr/64", TOOL_TCP_CRR, "-F 64 "), .flows = 64, .variant = "tcp-per-message",
     .notes = {"64 at once, a core for each side, epoll on both",
               "theirs resets (8 packets), ours closes with FIN and waits for the other's (10)"}},
    {NGINX("", ""), .variant = "tcp-per-message",
     .notes = {"HTTP/1.0, elapsed time / requests, the server closes",
               "the body has our payload's size but the headers make it about 80 B up and 207 B "
               "down",
               "text is parsed and made, epoll on both sides"}},
    {NGINX("-k", "-k "), .variant = "tcp-persistent",
     .notes = {"HTTP/1.0 with keep-alive, elapsed time / requests",
               "bytes and epoll as without -k"}}};

const unsigned tool_row_count = sizeof tool_rows / sizeof tool_rows[0];
