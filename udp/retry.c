/* SPDX-License-Identifier: MIT */
#include "udp/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "echo/clock.h"
#include "udp/client.h"
#include "udp/rto.h"

enum {
    GRANULARITY_NS = 1 /* of CLOCK_MONOTONIC, see clock_getres(2) */
};

enum count { TIMEOUTS, RETRIES, RECOVERED, NEEDLESS, EXHAUSTED, REFUSED, SENDS, RECEIVES, COUNTS };

/* A request from send until its reply. */
struct request {
    enum { NONE, QUEUED, SENT } state;
    uint8_t attempt; /* that is queued, or was sent last */
    uint64_t sequence;
    uint64_t due_ns; /* once sent: when to try again; UINT64_MAX: not again */
};

struct client {
    struct echo_client base;
    struct echo_client *plain; /* its socket is ours; it connects, receives and verifies */
    struct echo_client_options options;
    uint8_t *datagram; /* header and payload; all requests share it, as all carry the same */
    size_t datagram_bytes;
    struct request *requests; /* of sequence s at s % depth */
    uint64_t first, end;      /* sequences: none outstanding is outside [first, end) */
    bool fresh;               /* sent, and nobody has waited since */
    struct udp_rto rto;
    struct echo_counter counters[COUNTS];
};

static struct client *of(struct echo_client *client) {
    return (struct client *)(void *)client;
}

static struct request *request_of(const struct client *c, uint64_t sequence) {
    return &c->requests[sequence % c->options.depth];
}

static void count(struct client *c, enum count which) {
    c->counters[which].value++;
}

/* What a driver looks at is the plain client's. */
static void mirror(struct client *c) {
    c->base.socket = c->plain->socket;
    c->base.sockets_made = c->plain->sockets_made;
    c->base.spent = c->plain->spent;
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL) return -ENOMEM;
    *c = (struct client){
        .base = {.steps = &udp_retry_steps, .socket = -1, .counter_count = COUNTS},
        .options = *options,
        .datagram_bytes = ECHO_HEADER_BYTES + (size_t)options->payload_bytes,
        .counters = {[TIMEOUTS] = {"timeouts", 0},   /* waits in vain */
                     [RETRIES] = {"retries", 0},     /* datagrams sent again */
                     [RECOVERED] = {"recovered", 0}, /* answered, though not at the first attempt */
                     [NEEDLESS] = {"needless", 0},   /* ... and to an earlier one than the last */
                     [EXHAUSTED] = {"exhausted", 0}, /* all attempts made and no reply in time */
                     [REFUSED] = {"refused", 0},     /* by ICMP: nobody has the port */
                     [SENDS] = {"send_calls", 0},
                     [RECEIVES] = {"receive_calls", 0}},
    };
    c->base.counters = c->counters;
    if (c->options.depth == 0) c->options.depth = 1;
    if (c->options.attempts == 0) c->options.attempts = UDP_RETRY_ATTEMPTS;
    udp_rto_init(&c->rto, options->rto_floor_ns, GRANULARITY_NS);
    /* Never blocks in recv, as a retry may be due first: the driver waits for both. */
    struct echo_client_options plain = *options;
    plain.nonblocking = true;
    int failed = udp_client_steps.open(&c->plain, &plain);
    c->datagram = calloc(1, c->datagram_bytes);
    c->requests = calloc(c->options.depth, sizeof *c->requests);
    if (failed == 0 && (c->datagram == NULL || c->requests == NULL)) failed = -ENOMEM;
    if (failed != 0) {
        c->base.steps->close(&c->base);
        return failed;
    }
    if (options->payload_bytes > 0) {
        memcpy(c->datagram + ECHO_HEADER_BYTES, options->payload, options->payload_bytes);
    }
    *client = &c->base;
    return 0;
}

static int connect_client(struct echo_client *client) {
    struct client *c = of(client);
    const int failed = udp_client_steps.connect(c->plain);
    mirror(c);
    return failed;
}

static int send_client(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    (void)sent_ns; /* every attempt has a time of its own */
    struct client *c = of(client);
    if (c->first == c->end) c->first = c->end = sequence;
    if (sequence - c->first >= c->options.depth) return -ENOBUFS;
    if (udp_client_carry(c->plain) != 0) return -ENOBUFS;
    mirror(c);
    *request_of(c, sequence) = (struct request){.state = QUEUED, .sequence = sequence};
    c->end = sequence + 1;
    return 0;
}

/* What is due is queued again, as the next attempt, while there is one. */
static void time_out(struct client *c, uint64_t now_ns) {
    bool any = false;
    for (uint64_t s = c->first; s != c->end; s++) {
        struct request *r = request_of(c, s);
        if (r->state != SENT || now_ns < r->due_ns) continue;
        any = true;
        count(c, TIMEOUTS);
        if (r->attempt + 1U < c->options.attempts) {
            r->attempt++;
            r->state = QUEUED;
        } else {
            count(c, EXHAUSTED);
            r->due_ns = UINT64_MAX;
        }
    }
    /* One doubling for all that were lost together, as in TCP, whose timer is one as well. */
    if (any) udp_rto_back_off(&c->rto);
}

static int send_request(struct client *c, struct request *r, uint64_t now_ns) {
    const struct echo_message header = {
        .kind = ECHO_REQUEST,
        .attempt = r->attempt,
        .payload_bytes = c->options.payload_bytes,
        .reply_bytes = c->options.reply_bytes,
        .session = c->options.session,
        .sequence = r->sequence,
        .sent_ns = now_ns,
    };
    echo_encode(c->datagram, &header);
    ssize_t sent;
    do {
        sent = send(c->base.socket, c->datagram, c->datagram_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return -errno;
    count(c, SENDS);
    if (r->attempt > 0) count(c, RETRIES);
    c->fresh = true;
    r->state = SENT;
    r->due_ns = now_ns + c->rto.rto_ns;
    return 0;
}

static int flush_client(struct echo_client *client) {
    struct client *c = of(client);
    const uint64_t now_ns = echo_clock_ns();
    if (client->wake_ns != 0 && now_ns >= client->wake_ns) time_out(c, now_ns);
    int failed = 0;
    uint64_t wake_ns = UINT64_MAX;
    for (uint64_t s = c->first; s != c->end; s++) {
        struct request *r = request_of(c, s);
        if (r->state == QUEUED && failed == 0) failed = send_request(c, r, now_ns);
        if (r->state == SENT && r->due_ns < wake_ns) wake_ns = r->due_ns;
    }
    client->wake_ns = wake_ns == UINT64_MAX ? 0 : wake_ns;
    if (failed == -ECONNREFUSED) count(c, REFUSED);
    return failed;
}

static void answered(struct client *c, struct request *r, const struct echo_message *reply) {
    if (r->attempt > 0) count(c, RECOVERED);
    if (reply->attempt < r->attempt) count(c, NEEDLESS);
    r->state = NONE;
    while (c->first != c->end && request_of(c, c->first)->state == NONE) c->first++;
    /* With others outstanding it may now be early; flush will find that nothing is due. */
    if (c->first == c->end) c->base.wake_ns = 0;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct client *c = of(client);
    /* Directly after a send recv could only say no, unless so much time has gone already. */
    const bool futile = c->fresh && echo_clock_ns() < client->wake_ns;
    c->fresh = false;
    if (futile) return -EAGAIN;
    const int failed = udp_client_steps.receive(c->plain, reply);
    c->counters[RECEIVES].value = c->plain->counters[UDP_RECEIVE_CALLS].value;
    if (failed == -ECONNREFUSED) count(c, REFUSED);
    if (failed != 0 || reply->session != c->options.session) return failed;
    /* Every reply tells of a round trip, a late one too: its timestamp says of which. */
    const uint64_t now_ns = echo_clock_ns();
    if (reply->sent_ns <= now_ns) udp_rto_sample(&c->rto, now_ns - reply->sent_ns);
    struct request *r = request_of(c, reply->sequence);
    if (r->state != NONE && r->sequence == reply->sequence) answered(c, r, reply);
    return 0;
}

static void forget_requests(struct client *c) {
    for (uint32_t i = 0; i < c->options.depth; i++) c->requests[i].state = NONE;
    c->first = c->end = 0;
    c->base.wake_ns = 0;
}

static int finish_client(struct echo_client *client) {
    struct client *c = of(client);
    const int failed = udp_client_steps.finish(c->plain);
    mirror(c);
    return failed;
}

/* What was learnt of the path stays, the back-off too: the next exchange starts with it. */
static void abandon_client(struct echo_client *client) {
    struct client *c = of(client);
    forget_requests(c);
    udp_client_steps.abandon(c->plain);
    mirror(c);
}

static void close_client(struct echo_client *client) {
    if (client == NULL) return;
    struct client *c = of(client);
    udp_client_steps.close(c->plain);
    free(c->datagram);
    free(c->requests);
    free(c);
}

const struct echo_client_steps udp_retry_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = send_client,
    .flush = flush_client,
    .receive = receive_client,
    .finish = finish_client,
    .abandon = abandon_client,
    .close = close_client,
};
