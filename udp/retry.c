/* SPDX-License-Identifier: MIT */
#include "udp/retry.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "echo/clock.h"
#include "udp/mode.h"
#include "udp/rto.h"

enum {
    GRANULARITY_NS = 1 /* of CLOCK_MONOTONIC, see clock_getres(2) */
};

enum count { TIMEOUTS = ECHO_CLIENT_COUNTS, RETRIES, RECOVERED, NEEDLESS, EXHAUSTED, REFUSED };

static const char *const count_names[] = {
    "timeouts",  /* waits in vain */
    "retries",   /* datagrams sent again */
    "recovered", /* answered, though not at the first attempt ... */
    "needless",  /* ... and to an earlier one than the last */
    "exhausted", /* all attempts made and no reply in time */
    "refused",   /* by ICMP: nobody has the port */
};

/* A request from send until its reply. */
struct request {
    enum { NONE, QUEUED, SENT } state;
    uint8_t attempt; /* that is queued, or was sent last */
    uint64_t sequence;
    uint64_t due_ns; /* once sent: when to try again; UINT64_MAX: not again */
};

/* What it keeps beside the plain client, which connects, receives and verifies. */
struct retry {
    struct echo_client_options options;
    uint8_t *datagram; /* header and payload; all requests share it, as all carry the same */
    size_t datagram_bytes;
    uint64_t first, end; /* sequences: none outstanding is outside [first, end) */
    bool fresh;          /* sent, and nobody has waited since */
    struct udp_rto rto;
    struct request requests[]; /* depth of them; of sequence s at s % depth */
};

static struct retry *of(struct echo_client *client) {
    return client->mode;
}

static struct request *request_of(struct retry *r, uint64_t sequence) {
    return &r->requests[sequence % r->options.depth];
}

static void count(struct echo_client *client, enum count which) {
    client->counters[which].value++;
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    struct echo_client_options wanted = *options;
    if (wanted.depth == 0) wanted.depth = 1;
    if (wanted.attempts == 0) wanted.attempts = UDP_RETRY_ATTEMPTS;
    wanted.nonblocking = true; /* A retry may be due before anything comes: the driver waits. */
    const size_t requests_bytes = wanted.depth * sizeof(struct request);
    const size_t datagram_bytes = ECHO_HEADER_BYTES + (size_t)wanted.payload_bytes;
    const int failed = udp_mode_open(client, &wanted, &udp_retry_steps,
                                     sizeof(struct retry) + requests_bytes + datagram_bytes);
    if (failed != 0) return failed;
    struct retry *r = of(*client);
    for (size_t i = 0; i < sizeof count_names / sizeof *count_names; i++) {
        udp_mode_count(*client, count_names[i]);
    }
    r->options = wanted;
    r->datagram = (uint8_t *)&r->requests[wanted.depth];
    r->datagram_bytes = datagram_bytes;
    udp_rto_init(&r->rto, options->rto_floor_ns, GRANULARITY_NS);
    if (options->payload_bytes > 0) {
        memcpy(r->datagram + ECHO_HEADER_BYTES, options->payload, options->payload_bytes);
    }
    return 0;
}

static int send_client(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    (void)sent_ns; /* every attempt has a time of its own */
    struct retry *r = of(client);
    if (r->first == r->end) r->first = r->end = sequence;
    if (sequence - r->first >= r->options.depth || client->left == 0) return -ENOBUFS;
    client->left--;
    *request_of(r, sequence) = (struct request){.state = QUEUED, .sequence = sequence};
    r->end = sequence + 1;
    return 0;
}

/* What is due is queued again, as the next attempt, while there is one. */
static void time_out(struct echo_client *client, uint64_t now_ns) {
    struct retry *r = of(client);
    bool any = false;
    for (uint64_t s = r->first; s != r->end; s++) {
        struct request *request = request_of(r, s);
        if (request->state != SENT || now_ns < request->due_ns) continue;
        any = true;
        count(client, TIMEOUTS);
        if (request->attempt + 1U < r->options.attempts) {
            request->attempt++;
            request->state = QUEUED;
        } else {
            count(client, EXHAUSTED);
            request->due_ns = UINT64_MAX;
        }
    }
    /* One doubling for all that were lost together, as in TCP, whose timer is one as well. */
    if (any) udp_rto_back_off(&r->rto);
}

static int send_request(struct echo_client *client, struct request *request, uint64_t now_ns) {
    struct retry *r = of(client);
    const struct echo_message header = {
        .kind = ECHO_REQUEST,
        .attempt = request->attempt,
        .payload_bytes = r->options.payload_bytes,
        .reply_bytes = r->options.reply_bytes,
        .session = r->options.session,
        .sequence = request->sequence,
        .sent_ns = now_ns,
    };
    echo_encode(r->datagram, &header);
    ssize_t sent;
    do {
        sent = send(client->socket, r->datagram, r->datagram_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return -errno;
    client->counters[ECHO_CLIENT_SENDS].value++;
    if (request->attempt > 0) count(client, RETRIES);
    r->fresh = true;
    request->state = SENT;
    request->due_ns = now_ns + r->rto.rto_ns;
    return 0;
}

static int flush_client(struct echo_client *client) {
    struct retry *r = of(client);
    const uint64_t now_ns = echo_clock_ns();
    if (client->wake_ns != 0 && now_ns >= client->wake_ns) time_out(client, now_ns);
    int failed = 0;
    uint64_t wake_ns = UINT64_MAX;
    for (uint64_t s = r->first; s != r->end; s++) {
        struct request *request = request_of(r, s);
        if (request->state == QUEUED && failed == 0) failed = send_request(client, request, now_ns);
        if (request->state == SENT && request->due_ns < wake_ns) wake_ns = request->due_ns;
    }
    client->wake_ns = wake_ns == UINT64_MAX ? 0 : wake_ns;
    if (failed == -ECONNREFUSED) count(client, REFUSED);
    return failed;
}

static void answered(struct echo_client *client, struct request *request,
                     const struct echo_message *reply) {
    struct retry *r = of(client);
    if (request->attempt > 0) count(client, RECOVERED);
    if (reply->attempt < request->attempt) count(client, NEEDLESS);
    request->state = NONE;
    while (r->first != r->end && request_of(r, r->first)->state == NONE) r->first++;
    /* With others outstanding it may now be early; flush will find that nothing is due. */
    if (r->first == r->end) client->wake_ns = 0;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct retry *r = of(client);
    /* Directly after a send recv could only say no, unless so much time has gone already. */
    const bool futile = r->fresh && echo_clock_ns() < client->wake_ns;
    r->fresh = false;
    if (futile) return -EAGAIN;
    const int failed = udp_client_steps.receive(client, reply);
    if (failed == -ECONNREFUSED) count(client, REFUSED);
    if (failed != 0 || reply->session != r->options.session) return failed;
    /* Every reply tells of a round trip, a late one too: its timestamp says of which. */
    const uint64_t now_ns = echo_clock_ns();
    if (reply->sent_ns <= now_ns) udp_rto_sample(&r->rto, now_ns - reply->sent_ns);
    struct request *request = request_of(r, reply->sequence);
    const bool awaited = request->state != NONE && request->sequence == reply->sequence;
    if (awaited) answered(client, request, reply);
    return 0;
}

/* What was learnt of the path stays, the back-off too: the next exchange starts with it. */
static void abandon_client(struct echo_client *client) {
    struct retry *r = of(client);
    for (uint32_t i = 0; i < r->options.depth; i++) r->requests[i].state = NONE;
    r->first = r->end = 0;
    client->wake_ns = 0;
    udp_mode_abandon(client);
}

const struct echo_client_steps udp_retry_steps = {
    .open = open_client,
    .connect = udp_mode_connect,
    .send = send_client,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_mode_finish,
    .abandon = abandon_client,
    .close = udp_mode_close,
};
