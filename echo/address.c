/* SPDX-License-Identifier: MIT */
#include "echo/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find_all(struct echo_address *list, unsigned most, const char *host, uint16_t port,
                    int family) {
    if (host == NULL || *host == '\0') host = "127.0.0.1";
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    unsigned count = 0;
    const int failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed != 0) return failed;
    for (const struct addrinfo *one = found; one != NULL && count < most; one = one->ai_next) {
        list[count] = (struct echo_address){.size = one->ai_addrlen};
        memcpy(&list[count].storage, one->ai_addr, one->ai_addrlen);
        echo_address_set_port(&list[count++], port);
    }
    freeaddrinfo(found);
    return (int)count;
}

int echo_address_find(struct echo_address *address, const char *host, uint16_t port) {
    const int found = find_all(address, 1, host, port, AF_UNSPEC);
    return found < 0 ? found : 0;
}

static int parse_port(const char *text, uint16_t *port) {
    char *end;
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > 65535) return -EINVAL;
    *port = (uint16_t)number;
    return 0;
}

/* Where the port begins, or NULL. More than one colon without brackets is a bare IPv6 address. */
static const char *port_in(const char *text) {
    if (*text == '[') {
        const char *end = strchr(text, ']');
        return end != NULL && end[1] == ':' ? end + 2 : NULL;
    }
    const char *colon = strchr(text, ':');
    return colon != NULL && strchr(colon + 1, ':') == NULL ? colon + 1 : NULL;
}

int echo_address_parse_all(struct echo_address *list, unsigned most, const char *text, int family) {
    uint16_t port = ECHO_PORT;
    const char *digits = port_in(text);
    if (digits != NULL && parse_port(digits, &port) != 0) return -EINVAL;

    const char *from = *text == '[' ? text + 1 : text;
    size_t length = digits != NULL ? (size_t)(digits - 1 - from) : strlen(from);
    if (length > 0 && from[length - 1] == ']') length--;
    char host[256];
    if (length >= sizeof host) return EAI_NONAME;
    memcpy(host, from, length);
    host[length] = '\0';
    return find_all(list, most, host, port, family);
}

const char *echo_address_problem(int failed) {
    return failed == -EINVAL ? "the port must be 1 to 65535" : gai_strerror(failed);
}

int echo_address_parse(struct echo_address *address, const char *text) {
    const int found = echo_address_parse_all(address, 1, text, AF_UNSPEC);
    return found < 0 ? found : 0;
}

static const struct sockaddr_in *as_ipv4(const struct echo_address *address) {
    return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *as_ipv6(const struct echo_address *address) {
    return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

uint16_t echo_address_port(const struct echo_address *address) {
    if (address->any.sa_family == AF_INET) return ntohs(as_ipv4(address)->sin_port);
    if (address->any.sa_family == AF_INET6) return ntohs(as_ipv6(address)->sin6_port);
    return 0;
}

void echo_address_set_port(struct echo_address *address, uint16_t port) {
    if (address->any.sa_family == AF_INET) {
        ((struct sockaddr_in *)(void *)&address->storage)->sin_port = htons(port);
    } else if (address->any.sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)&address->storage)->sin6_port = htons(port);
    }
}

void echo_address_advance(struct echo_address *address, uint32_t steps) {
    if (address->any.sa_family != AF_INET) return;
    struct in_addr *ip = &((struct sockaddr_in *)(void *)&address->storage)->sin_addr;
    ip->s_addr = htonl(ntohl(ip->s_addr) + steps);
}

bool echo_address_is_loopback(const struct echo_address *address) {
    if (address->any.sa_family == AF_INET) {
        return ntohl(as_ipv4(address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&as_ipv6(address)->sin6_addr);
}

bool echo_address_is_wildcard(const struct echo_address *address) {
    if (address->any.sa_family == AF_INET)
        return as_ipv4(address)->sin_addr.s_addr == htonl(INADDR_ANY);
    return address->any.sa_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&as_ipv6(address)->sin6_addr);
}

int echo_address_of_socket(struct echo_address *address, int socket) {
    *address = (struct echo_address){.size = sizeof address->storage};
    return getsockname(socket, &address->any, &address->size) == 0 ? 0 : -errno;
}

const char *echo_address_text(const struct echo_address *address, char *text) {
    char host[INET6_ADDRSTRLEN + 12];
    const int failed =
        getnameinfo(&address->any, address->size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    const char *shape = address->any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u";
    (void)snprintf(text, ECHO_ADDRESS_TEXT, shape, failed == 0 ? host : "?",
                   (unsigned)echo_address_port(address));
    return text;
}
