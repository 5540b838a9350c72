/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/ports.h"

#include <math.h>

#include "bench/measure/system.h"

enum { TIME_WAIT_S = 60, LOOPBACK_REUSE_S = 1, CONNECTIONS_PER_S = 60000, SOURCES_MAX = 250 };

unsigned ports_range(void) {
    unsigned first, last;
    const char *path = "/proc/sys/net/ipv4/ip_local_port_range";
    if (!system_scan(path, 2, "%u %u", &first, &last)) return 60999 - 32768 + 1;
    return last < first ? 1 : last - first + 1;
}

unsigned ports_sources(uint64_t connections) {
    /* connect tries every second port first: beyond those it searches for ever longer. */
    const uint64_t addresses = connections * 3 / ports_range();
    return addresses == 0 ? 0 : addresses > SOURCES_MAX ? SOURCES_MAX : (unsigned)addresses + 1;
}

struct ports ports_budget(const struct parameters *asked, uint64_t duration_ns) {
    struct ports ports = {.sources = ports_sources(asked->connections)};
    const bool fresh = asked->variant->lifetime != ECHO_PERSISTENT;
    const double most = asked->messages > 0 ? (double)asked->messages
                                            : (double)duration_ns / 1e9 * CONNECTIONS_PER_S;
    if (asked->variant->holds_ports || (fresh && asked->host != NULL))
        ports.sources = ports_sources((uint64_t)most);
    if (asked->variant->holds_ports || ports.sources > 0) ports.range = ports_range();
    ports.loopback_per_s = ports.network_per_s = (double)NAN;
    if (!asked->variant->holds_ports) return ports;
    ports.loopback_per_s = (double)ports.range / LOOPBACK_REUSE_S;
    ports.network_per_s = (double)ports.range / TIME_WAIT_S;
    return ports;
}
