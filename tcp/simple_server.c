/* SPDX-License-Identifier: MIT */
/*
 * The lecture's TCP server: socket, bind, listen; for each client accept, receive, send, close.
 * Iterative: one client is served to its end while the next ones wait in the queue of listen.
 * Left out: replies longer than requests (that client is refused), draining before close.
 */
#include "echo/address.h"
#include "echo/message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char name[] = "tcp-server";
static uint8_t bytes[ECHO_HEADER_BYTES + ECHO_PAYLOAD_MAX]; /* one message */

static bool refuse(const char *why) {
    (void)fprintf(stderr, "%s: %s: connection closed\n", name, why);
    return false;
}

/* receive: TCP is a stream; a recv may bring part of a message, so ask until it is whole. */
static bool receive(int client, struct echo_message *request) {
    size_t have = 0, whole = ECHO_HEADER_BYTES;
    while (have < whole) {
        const ssize_t got = recv(client, bytes + have, whole - have, 0);
        if (got == 0 && have == 0) return false; /* end of file between messages: the usual end */
        if (got <= 0) return refuse(got == 0 ? "end of file inside a message" : strerror(errno));
        have += (size_t)got;
        const enum echo_decoded decoded = echo_decode(request, bytes, have);
        if (decoded == ECHO_BAD) return refuse("not a message");
        if (decoded == ECHO_WHOLE) whole = ECHO_HEADER_BYTES + (size_t)request->payload_bytes;
    }
    if (request->kind != ECHO_REQUEST) return refuse("not a request");
    return request->reply_bytes <= request->payload_bytes || refuse("reply longer than request");
}

static void serve(int client) {
    struct echo_message request = {0};
    while ((request.flags & ECHO_CLOSE) == 0 && receive(client, &request)) {
        echo_make_reply(bytes);
        const size_t size = ECHO_HEADER_BYTES + (size_t)request.reply_bytes;
        /* send: a blocking one takes all, or the client is gone. */
        if (send(client, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) return;
    }
}

int main(int count, char **words) {
    struct echo_address address;
    char text[ECHO_ADDRESS_TEXT], *end = "";
    const long port = count > 1 ? strtol(words[1], &end, 10) : ECHO_PORT;
    if (count > 3 || end == words[1] || *end != '\0' || port < 0 || port > UINT16_MAX ||
        echo_address_find(&address, count > 2 ? words[2] : NULL, (uint16_t)port) != 0) {
        (void)fprintf(stderr, "usage: %s [PORT [HOST]]\n", name);
        return 64;
    }
    (void)echo_address_text(&address, text);
    /* socket: an end for connections. Ours from before hold the port in TIME_WAIT: reuse it. */
    const int server = socket(address.any.sa_family, SOCK_STREAM, 0);
    (void)setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    /* bind: where clients find us. listen: from now on the kernel connects and queues them. */
    if (bind(server, &address.any, address.size) != 0 || listen(server, SOMAXCONN) != 0) {
        (void)fprintf(stderr, "%s: cannot bind %s: %s; ", name, text, strerror(errno));
        const char *advice = "stop the other server or choose another port";
        (void)fprintf(stderr, "%s: %s %ld\n", advice, name, port % UINT16_MAX + 1);
        (void)close(server);
        return 1;
    }
    (void)echo_address_of_socket(&address, server);
    (void)printf("%s: listening on %s\n", name, echo_address_text(&address, text));
    (void)fflush(stdout);
    for (;;) { /* until Ctrl-C; then the kernel closes what is open */
        /* accept: a new socket for the first in the queue, while `server` goes on waiting. */
        const int client = accept(server, NULL, NULL);
        if (client >= 0) serve(client);
        /* close: tells the client by an end of file. Who closes first keeps the TIME_WAIT. */
        (void)close(client);
    }
}
