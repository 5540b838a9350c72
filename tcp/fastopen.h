/* SPDX-License-Identifier: MIT */
/*
 * tcp-fastopen: a connection per message whose request travels in the SYN
 * (RFC 7413), so that a message waits one round trip and not two.
 *
 * The first connection asks the server for a cookie and carries nothing early;
 * the kernel keeps it per pair of addresses, and every later connect(2)
 * returns at once and leaves the SYN to the first send. What the client may do
 * is bit 1 of net.ipv4.tcp_fastopen, what the server may is bit 2 and its own
 * TCP_FASTOPEN option. Where either is missing, or a box on the way drops what
 * it does not know, it falls back to the usual handshake without a word:
 * TCPFastOpenActive of /proc/net/netstat is how to tell.
 *
 * The price (RFC 7413, section 2.1): a SYN with data that the network copies
 * after the server has forgotten the connection is executed a second time.
 * That is rare, and a request that may be repeated (an echo, an HTTP GET) does
 * not mind, but it is no longer at-most-once. Rare is Fast Open itself: few
 * clients use it and middleboxes break it. TLS 1.3 and QUIC carry the idea on
 * as 0-RTT, with the same caveat.
 */
#ifndef TCP_FASTOPEN_MODE_H
#define TCP_FASTOPEN_MODE_H

#include "echo/service.h"

/* As tcp_client_steps; connect does not wait, but for the cookie of the first. */
extern const struct echo_client_steps tcp_fastopen_steps;

/*
 * The server's side: requests may come in the SYN and are handed out before the
 * handshake has ended; SOMAXCONN may be in that state. Without bit 2 of
 * net.ipv4.tcp_fastopen this has no effect and no error: SYNs come empty.
 * 0 or -errno.
 */
int tcp_fastopen_take(int listener);

#endif
