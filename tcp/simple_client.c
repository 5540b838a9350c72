/* SPDX-License-Identifier: MIT */
/*
 * The lecture's TCP client: socket, connect; for each line of input send, receive; then close.
 * --per-message does all of it for every line, as HTTP/1.0 did, and lets the server close first.
 */
#include "echo/address.h"
#include "echo/message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char name[] = "tcp-client", peer[] = "tcp-server";
static uint8_t sent[ECHO_HEADER_BYTES + ECHO_PAYLOAD_MAX], received[sizeof sent];

/* A request and its reply: the order both sides agreed on. NULL, or what went wrong. */
static const char *exchange(int server, size_t size) {
    /* send: hands over a piece of the stream; it takes all, or the connection is broken. */
    if (send(server, sent, size, MSG_NOSIGNAL) != (ssize_t)size) return strerror(errno);
    echo_make_reply(sent); /* what must come back: another header, the same payload */
    /* receive: a stream has no boundaries, a recv may bring part of a message: ask for the rest. */
    for (size_t have = 0; have < size;) {
        const ssize_t got = recv(server, received + have, size - have, 0);
        if (got <= 0) return got < 0 ? strerror(errno) : "connection closed by the server";
        have += (size_t)got;
    }
    return memcmp(received, sent, size) == 0 ? NULL : "a wrong reply";
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
    struct echo_message request = {.kind = ECHO_REQUEST, .flags = per_message ? ECHO_CLOSE : 0};
    (void)echo_address_text(&address, text);
    (void)getentropy(&request.session, sizeof request.session);
    int server = -1, status = 0;
    for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
        if (line[length - 1] == '\n') length--;
        if ((size_t)length > sizeof sent - ECHO_HEADER_BYTES) {
            (void)fprintf(stderr, "%s: line longer than 1048576 bytes skipped\n", name);
            continue;
        }
        request.payload_bytes = request.reply_bytes = (uint32_t)length;
        request.sequence++;
        echo_encode(sent, &request);
        memcpy(sent + ECHO_HEADER_BYTES, line, (size_t)length);
        const char *wrong = NULL;
        if (server < 0) {
            /* socket: an end for a connection. No deadline: TCP repeats by itself, or gives up. */
            server = socket(address.any.sa_family, SOCK_STREAM, 0);
            /* connect: three packets, a round trip before our first byte; fails with no server. */
            if (connect(server, &address.any, address.size) != 0) wrong = strerror(errno);
        }
        if (wrong == NULL) wrong = exchange(server, ECHO_HEADER_BYTES + (size_t)length);
        if (wrong == NULL) {
            (void)fwrite(received + ECHO_HEADER_BYTES, 1, (size_t)length, stdout);
            (void)(putchar('\n') + fflush(stdout));
        } else {
            (void)fprintf(stderr, "%s: %s at %s (is %s running?)\n", name, wrong, text, peer);
            status = 1;
            break; /* the connection is of no more use */
        }
        if (!per_message) continue;
        /* close: after the server's end of file (CLOSE asked for it), so the TIME_WAIT is its. */
        (void)recv(server, received, 1, 0);
        (void)close(server);
        server = -1;
    }
    if (server >= 0) (void)close(server);
    free(line);
    return status;
}
