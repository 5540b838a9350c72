/* SPDX-License-Identifier: MIT */
/*
 * The lecture's UDP server: socket, bind; then receive and send, whoever the client is.
 * Iterative: one datagram after the other; the next ones wait in the socket, or are dropped.
 * Left out: replies longer than requests (silence): forged senders would have us flood others.
 */
#include "echo/address.h"
#include "echo/message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char name[] = "udp-server";
static uint8_t bytes[ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX + 1]; /* + 1: too long is seen */

static bool refuse(const char *why) {
    (void)fprintf(stderr, "%s: %s: no answer\n", name, why);
    return false;
}

/* receive: UDP keeps boundaries; a datagram is whole or damaged: no more of it will come. */
static bool receive(int server, struct echo_message *request, struct echo_address *client) {
    client->size = sizeof client->storage;
    const ssize_t got = recvfrom(server, bytes, sizeof bytes, 0, &client->any, &client->size);
    if (got < 0) return refuse(strerror(errno));
    const enum echo_decoded decoded = echo_decode(request, bytes, (size_t)got);
    if (decoded != ECHO_WHOLE || got == sizeof bytes) return refuse("not a message");
    const size_t whole = ECHO_HEADER_BYTES + (size_t)request->payload_bytes;
    if ((size_t)got != whole) return refuse("not the size its header says");
    if ((request->flags & ECHO_CLOSE) != 0) return refuse("no connection that CLOSE could end");
    if (request->kind != ECHO_REQUEST) return refuse("not a request");
    return request->reply_bytes <= request->payload_bytes || refuse("reply longer than request");
}

static void serve(int server) {
    struct echo_message request;
    struct echo_address client;
    if (receive(server, &request, &client)) {
        echo_make_reply(bytes);
        const size_t size = ECHO_HEADER_BYTES + (size_t)request.reply_bytes;
        /* send: to the address it came from; whether it arrives nobody will say. */
        (void)sendto(server, bytes, size, 0, &client.any, client.size);
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
    /* socket: an end for datagrams. No TIME_WAIT, and SO_REUSEADDR would let two share the port. */
    const int server = socket(address.any.sa_family, SOCK_DGRAM, 0);
    /* bind: where clients find us. No listen: nobody connects, datagrams queue from now on. */
    if (bind(server, &address.any, address.size) != 0) {
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
        /* No accept: all clients share `server`; each datagram says who sent it. */
        serve(server);
        /* No close: there is no connection to end, and nobody who waits to be told. */
    }
}
