/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/ports.h"

#include "bench/measure/system.h"

enum { TIME_WAIT_S = 60, LOOPBACK_REUSE_S = 1, CONNECTIONS_PER_S = 60000, SOURCES_MAX = 250 };

unsigned ports_range(void) {
    unsigned first, last;
    const char *path = "/proc/sys/net/ipv4/ip_local_port_range";
    if (!system_scan(path, 2, "%u %u", &first, &last)) return 60999 - 32768 + 1;
    return last < first ? 1 : last - first + 1;
}

struct ports ports_budget(const struct variant *variant, uint64_t messages, uint64_t duration_ns) {
    struct ports ports = {0};
    if (!variant->holds_ports) return ports;
    ports.range = ports_range();
    ports.loopback_per_s = (double)ports.range / LOOPBACK_REUSE_S;
    ports.network_per_s = (double)ports.range / TIME_WAIT_S;
    const double most =
        messages > 0 ? (double)messages : (double)duration_ns / 1e9 * CONNECTIONS_PER_S;
    /*
     * A range that is nearly used up makes connect search: a third of it, taken
     * in turn over enough addresses, keeps the search out of the measurement.
     */
    const double addresses = most / (ports.range / 3.0);
    if (addresses > 1)
        ports.sources = addresses > SOURCES_MAX ? SOURCES_MAX : (unsigned)addresses + 1;
    return ports;
}
