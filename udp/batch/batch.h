/* SPDX-License-Identifier: MIT */
/*
 * Many messages in a system call, in three ways:
 *
 *   mmsg    sendmmsg(2), recvmmsg(2): a call takes up to UDP_BATCH_CALL
 *           datagrams; each still goes down and up the stack by itself
 *   gso     UDP_SEGMENT, UDP_GRO (udp(7)): one large buffer goes down the stack
 *           and is cut into datagrams of one size below it, and the reverse
 *   packed  a datagram holds one or more whole messages, one behind the other:
 *           what TCP does by itself. It is a wire format of its own, answered
 *           by this mode's server only (a plain one refuses), and one loss
 *           takes all that travelled together
 *
 * With mmsg and gso the wire sees plain datagrams, so either side may be plain.
 * A single message goes as it would without. None of the servers is raw.
 */
#ifndef UDP_BATCH_H
#define UDP_BATCH_H

#include "echo/service.h"

enum {
    UDP_BATCH_CALL = 64, /* datagrams of one call: older kernels cut no more */
    /*
     * What packed fills a datagram to, so that an Ethernet frame holds it: a
     * longer one is cut into fragments, of which none may be lost. A message
     * that is longer by itself travels alone.
     */
    UDP_PACKED_BYTES = 1472,     /* 1500 less IPv4's 20 and UDP's 8 */
    UDP_PACKED_IPV6_BYTES = 1452 /* 1500 less IPv6's 40 and UDP's 8 */
};

extern const struct echo_client_steps udp_mmsg_steps, udp_gso_steps, udp_packed_steps;
extern const struct echo_server_steps udp_mmsg_server_steps, udp_gso_server_steps,
    udp_packed_server_steps;
extern const struct echo_floor_way udp_floor_mmsg, udp_floor_gso, udp_floor_packed;

/* Messages of so many bytes that packed puts into one datagram: 1 at least. */
size_t udp_packed_count(const struct echo_address *to, size_t message_bytes);

/* Sets UDP_GRO; a kernel older than 5.0 hands out each datagram by itself. 0 or -errno. */
int udp_gso_prepare(int socket);

#endif
