/* SPDX-License-Identifier: MIT */
/*
 * Host and port to a socket address and back: IPv4, IPv6 and names.
 */
#ifndef ECHO_ADDRESS_H
#define ECHO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    ECHO_PORT = 7007,      /* where the lab's server listens unless told */
    ECHO_ADDRESS_TEXT = 64 /* bytes that hold "[IPv6%scope]:port" and its end */
};

struct echo_address {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    };
    socklen_t size; /* 0: no address */
};

/*
 * Finds the first address of `host` (a name or a literal; "" or NULL is
 * 127.0.0.1) and sets `port`. 0, or a negative EAI_* code for gai_strerror.
 */
int echo_address_find(struct echo_address *address, const char *host, uint16_t port);

/*
 * All addresses of one text, at most `most`, in the resolver's order (RFC 6724):
 * "host", "host:port", "[IPv6]:port" or a bare IPv6 literal, with its scope
 * where it needs one. `family` is AF_INET, AF_INET6, or AF_UNSPEC for both.
 * Their number, or what echo_address_problem explains.
 */
int echo_address_parse_all(struct echo_address *list, unsigned most, const char *text, int family);

/* Why there is none, in words. */
const char *echo_address_problem(int failed);

/* The first of them: 0, or what echo_address_problem explains. */
int echo_address_parse(struct echo_address *address, const char *text);

/* The port in host order; 0 where there is none. */
uint16_t echo_address_port(const struct echo_address *address);
void echo_address_set_port(struct echo_address *address, uint16_t port);

/* The IPv4 address `steps` further on; any other is left as it is. */
void echo_address_advance(struct echo_address *address, uint32_t steps);

/* 127.0.0.0/8 or ::1. */
bool echo_address_is_loopback(const struct echo_address *address);

/* 0.0.0.0 or :: */
bool echo_address_is_wildcard(const struct echo_address *address);

/* What `socket` is bound to. 0 or -errno. */
int echo_address_of_socket(struct echo_address *address, int socket);

/* "127.0.0.1:7007" or "[::1]:7007" into `text` of ECHO_ADDRESS_TEXT bytes; returns `text`. */
const char *echo_address_text(const struct echo_address *address, char *text);

#endif
