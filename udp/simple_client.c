/* SPDX-License-Identifier: MIT */
/*
 * The lecture's UDP client: socket, connect; for each line of input send, receive; then close.
 * --per-message does all of it for every line, which the server cannot tell: just another port.
 */
#include "echo/address.h"
#include "echo/message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char name[] = "udp-client", peer[] = "udp-server";
static uint8_t sent[ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX], received[sizeof sent + 1];

/* A request and its reply: the order both sides agreed on. NULL, or what went wrong. */
static const char *exchange(int server, size_t size) {
    /* send: one datagram, whole or not at all; that it was sent does not say that it arrives. */
    if (send(server, sent, size, 0) != (ssize_t)size) return strerror(errno);
    echo_make_reply(sent); /* what must come back: another header, the same payload */
    /* receive: one datagram, whole; damaged ones, and late replies to earlier lines, are not it. */
    for (ssize_t got = 0; (size_t)got != size || memcmp(received, sent, size) != 0;) {
        got = recv(server, received, sizeof received, 0);
        if (got < 0 && errno == EAGAIN) return "no answer within 2 s: lost, or no server";
        if (got < 0) return strerror(errno); /* refused: that host says nobody has the port */
    }
    return NULL;
}

int main(int count, char **words) {
    const int per_message = count > 1 && strcmp(words[1], "--per-message") == 0;
    const char *where = count > 1 + per_message ? words[1 + per_message] : "127.0.0.1";
    struct echo_address address;
    char text[ECHO_ADDRESS_TEXT], *line = NULL;
    size_t room = 0;
    if (count > 2 + per_message || *where == '-' || echo_address_parse(&address, where) != 0) {
        (void)fprintf(stderr, "usage: %s [--per-message] [HOST[:PORT]]\n", name);
        return 64;
    }
    struct echo_message request = {.kind = ECHO_REQUEST}; /* no CLOSE: nothing there to close */
    (void)echo_address_text(&address, text);
    (void)getentropy(&request.session, sizeof request.session);
    int server = -1, status = 0;
    for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
        if (line[length - 1] == '\n') length--;
        if ((size_t)length > sizeof sent - ECHO_HEADER_BYTES) {
            (void)fprintf(stderr, "%s: line longer than 65467 bytes skipped\n", name);
            continue;
        }
        request.payload_bytes = request.reply_bytes = (uint32_t)length;
        request.sequence++;
        echo_encode(sent, &request);
        memcpy(sent + ECHO_HEADER_BYTES, line, (size_t)length);
        const char *wrong = NULL;
        if (server < 0) {
            /* socket: an end for datagrams. A deadline: nobody repeats what is lost. */
            server = socket(address.any.sa_family, SOCK_DGRAM, 0);
            const struct timeval limit = {.tv_sec = 2};
            (void)setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            /* connect: no packet; notes the peer, so that nobody else's datagrams reach us. */
            if (connect(server, &address.any, address.size) != 0) wrong = strerror(errno);
        }
        if (wrong == NULL) wrong = exchange(server, ECHO_HEADER_BYTES + (size_t)length);
        if (wrong == NULL) {
            (void)fwrite(received + ECHO_HEADER_BYTES, 1, (size_t)length, stdout);
            (void)(putchar('\n') + fflush(stdout));
        } else {
            (void)fprintf(stderr, "%s: %s at %s (is %s running?)\n", name, wrong, text, peer);
            status = 1; /* no break: the next datagram does not depend on this one */
        }
        if (!per_message) continue;
        /* close: gives the port back; no packet, no TIME_WAIT, and the server does not notice. */
        (void)close(server);
        server = -1;
    }
    if (server >= 0) (void)close(server);
    free(line);
    return status;
}
