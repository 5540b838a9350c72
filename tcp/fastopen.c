/* SPDX-License-Identifier: MIT */
#include "tcp/fastopen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tcp/client.h"

int tcp_fastopen_take(int listener) {
    const int most = SOMAXCONN;
    return setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &most, sizeof most) == 0 ? 0 : -errno;
}

/* It is the plain client, told apart by its steps; three of them differ. */
static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    const int failed = tcp_client_steps.open(client, options);
    if (failed == 0) (*client)->steps = &tcp_fastopen_steps;
    return failed;
}

/* With a cookie at hand connect(2) sends nothing and says 0 (tcp(7), TCP_FASTOPEN_CONNECT). */
static int put_off_syn(int socket) {
    const int on = 1;
    if (setsockopt(socket, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) == 0) return 0;
    return errno == EOPNOTSUPP ? 0 : -errno; /* the client may not: the usual handshake then */
}

/* Connecting is part of the exchange: no time of its own is to be noted. */
static int connect_client(struct echo_client *client) {
    const int failed = tcp_client_connect(client, put_off_syn);
    return failed == 0 ? -EINPROGRESS : failed;
}

static int send_client(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    return tcp_client_steps.send(client, sequence, sent_ns);
}

/* The first bytes go in the SYN, as many as fit; the rest has to wait for the SYN-ACK. */
static int flush_client(struct echo_client *client) {
    const int failed = tcp_client_steps.flush(client);
    return failed == -EINPROGRESS ? -EAGAIN : failed; /* the cookie has gone: an empty SYN went */
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    return tcp_client_steps.receive(client, reply);
}

static int finish_client(struct echo_client *client) {
    return tcp_client_steps.finish(client);
}

static void abandon_client(struct echo_client *client) {
    tcp_client_steps.abandon(client);
}

static void close_client(struct echo_client *client) {
    tcp_client_steps.close(client);
}

const struct echo_client_steps tcp_fastopen_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = send_client,
    .flush = flush_client,
    .receive = receive_client,
    .finish = finish_client,
    .abandon = abandon_client,
    .close = close_client,
};
