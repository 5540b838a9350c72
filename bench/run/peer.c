/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/load/load.h"
#include "bench/run/status.h"

enum { ADDRESSES_MAX = 16 };

/* The rule that a first answer breaks, and how it begins where that can be read. */
static void say_fault(FILE *why, const uint8_t *bytes, size_t size,
                      const struct echo_message *asked) {
    struct echo_message reply;
    const char *fault = echo_fault(bytes, size);
    if (fault == NULL && echo_decode(&reply, bytes, size) == ECHO_WHOLE) {
        fault = reply.session != asked->session             ? "the session is another one"
                : reply.sequence != asked->sequence         ? "the sequence is another one"
                : reply.payload_bytes != asked->reply_bytes ? "the payload is not as long as asked"
                                                            : "the payload is not the request's";
    }
    (void)fprintf(why, "what came back is no reply: %s", fault == NULL ? "it is cut off" : fault);
    size_t readable = 0;
    while (readable < size && readable < 24 && bytes[readable] >= ' ' && bytes[readable] <= '~')
        readable++;
    if (readable > 3)
        (void)fprintf(why, ", it begins \"%.*s\"", (int)readable, (const char *)bytes);
}

/* The same request once more, with nothing between us and what comes back. */
static void look_at_answer(FILE *why, const struct echo_address *address,
                           const struct parameters *asked, const uint8_t *payload) {
    const bool stream = strncmp(asked->variant->transport->name, "tcp", 3) == 0;
    const struct timeval patience = {.tv_sec = 1};
    const struct echo_message request = {.kind = ECHO_REQUEST,
                                         .payload_bytes = asked->size_bytes,
                                         .reply_bytes = asked->reply_bytes,
                                         .session = asked->seed,
                                         .sequence = 1};
    const size_t size = ECHO_HEADER_BYTES + asked->size_bytes;
    uint8_t *bytes = malloc(size + ECHO_HEADER_BYTES);
    const int to =
        socket(address->any.sa_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    ssize_t got = -1;
    if (bytes != NULL && to >= 0) {
        echo_encode(bytes, &request);
        memcpy(bytes + ECHO_HEADER_BYTES, payload, asked->size_bytes);
        (void)setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)setsockopt(to, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(to, &address->any, address->size) == 0 &&
            send(to, bytes, size, MSG_NOSIGNAL) == (ssize_t)size)
            got = recv(to, bytes, size, 0);
    }
    if (got > 0)
        say_fault(why, bytes, (size_t)got, &request);
    else
        (void)fputs("what came back is no reply of this lab", why);
    if (to >= 0) (void)close(to);
    free(bytes);
}

/* What became of a lone message says who is there; false: something came back. */
static bool say_why(FILE *why, const struct load_result *result, double deadline_ms) {
    if (result->corrupt + result->late > 0) return false;
    for (int i = 0; i < EXCHANGE_DONE * LOAD_ERRNOS; i++) {
        const int error = i % LOAD_ERRNOS;
        const int phase = i / LOAD_ERRNOS;
        if (error == 0 || result->errors[phase][error] == 0) continue;
        if (error == EPROTO || error == EBADMSG) return false;
        (void)fprintf(why, "%s: %s", exchange_phase_names[phase],
                      error == ESHUTDOWN   ? "it closed the connection without a reply"
                      : error == ETIMEDOUT ? "nothing came in time"
                                           : strerror(error));
        return true;
    }
    (void)fprintf(why, "nothing came back in %.0f ms", deadline_ms);
    return true;
}

/* One message, of the size that will be sent. */
static bool answers(const struct echo_address *address, const struct parameters *asked, FILE *why) {
    const uint64_t most_ns = 2000000000;
    uint8_t *payload = parameters_payload(asked);
    struct load_options wanted = {.transport = asked->variant->transport,
                                  .client = parameters_client(asked, payload),
                                  .connections = 1,
                                  .messages = 1,
                                  .deadline_ns =
                                      asked->deadline_ns < most_ns ? asked->deadline_ns : most_ns,
                                  .server = -1,
                                  .interrupted = &interrupted};
    struct load_result *result = NULL;
    wanted.client.depth = 1;
    wanted.client.server = *address;
    const int failed = payload == NULL ? -ENOMEM : load_run(&result, &wanted);
    const bool answered = failed == 0 && result->ok == 1;
    if (failed != 0) (void)fputs(strerror(-failed), why);
    if (failed == 0 && !answered && !say_why(why, result, (double)wanted.deadline_ns / 1e6))
        look_at_answer(why, address, asked, payload);
    load_free(result);
    free(payload);
    return answered;
}

int peer_choose(struct parameters *asked) {
    static char chosen[ECHO_ADDRESS_TEXT]; /* it lives as long as the command */
    struct echo_address all[ADDRESSES_MAX];
    char *why = NULL;
    size_t size = 0;
    const int family = asked->ipv4 ? AF_INET : asked->ipv6 ? AF_INET6 : AF_UNSPEC;
    const int found = echo_address_parse_all(all, ADDRESSES_MAX, asked->host, family);
    if (found <= 0) return complain("--host %s: %s", asked->host, echo_address_problem(found));
    FILE *out = open_memstream(&why, &size);
    if (out == NULL) return complain("no memory to try --host %s", asked->host);
    bool answered = false;
    for (int i = 0; i < found && !answered && !interrupted; i++) {
        (void)fprintf(out, "%s%s (", i > 0 ? ", " : "", echo_address_text(&all[i], chosen));
        answered = answers(&all[i], asked, out);
        (void)fputc(')', out);
    }
    (void)fclose(out);
    if (!answered && !interrupted) {
        (void)complain("no server answers %s at %s: start one with `echolab serve`",
                       asked->variant->name, why);
    }
    free(why);
    asked->host = chosen;
    return interrupted ? EXIT_INTERRUPTED : answered ? EXIT_DONE : EXIT_FAILED;
}
