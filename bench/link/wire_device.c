/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/link/wire.h"
#include "bench/measure/system.h"

enum { DEEPEST = 4 };

/* The host's end, which has the address, and the process's. */
static const char *const ends[] = {"wire0", WIRE_FAR_END};

/* ---- rtnetlink(7): only what the older ioctls cannot do ---- */

struct request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    uint8_t attributes[512];
    struct rtattr *inside[DEEPEST]; /* not sent: the last one that was added at each depth */
};

static struct request request_new(uint16_t type, uint16_t flags) {
    return (struct request){
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                   .nlmsg_type = type,
                   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags)}};
}

/* Belongs inside the last one that was added at the depth before. */
static void add(struct request *request, unsigned depth, uint16_t type, const void *data,
                size_t size) {
    struct rtattr *one =
        (struct rtattr *)(void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    one->rta_type = type;
    one->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(one), data, size);
    request->header.nlmsg_len =
        (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(one->rta_len));
    request->inside[depth] = one;
    while (depth-- > 0) request->inside[depth]->rta_len += (uint16_t)RTA_ALIGN(one->rta_len);
}

static int request_do(const struct request *request) {
    const int kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (kernel < 0) return -errno;
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[1024];
    } answer = {0};
    ssize_t done = send(kernel, request, request->header.nlmsg_len, 0);
    if (done >= 0) done = recv(kernel, &answer, sizeof answer, 0);
    const int failed = done < 0                                  ? -errno
                       : answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error
                                                                 : -EPROTO;
    (void)close(kernel);
    return failed;
}

static void add_end(struct request *request, unsigned depth, const char *name, uint32_t mtu_bytes) {
    add(request, depth, IFLA_IFNAME, name, strlen(name) + 1);
    add(request, depth, IFLA_MTU, &mtu_bytes, sizeof mtu_bytes);
}

static int make_pair(uint32_t mtu_bytes) {
    const struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
    struct request request = request_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    add_end(&request, 0, ends[0], mtu_bytes);
    add(&request, 0, IFLA_LINKINFO, NULL, 0);
    add(&request, 1, IFLA_INFO_KIND, "veth", strlen("veth"));
    add(&request, 1, IFLA_INFO_DATA, NULL, 0);
    add(&request, 2, VETH_INFO_PEER, &peer, sizeof peer);
    add_end(&request, 3, ends[1], mtu_bytes);
    return request_do(&request);
}

/*
 * Without an IPv6 address it sends no router solicitations. The switch under
 * /proc/sys would do, but containers often mount that read-only.
 */
static void quiet_ipv6(const char *name) {
    const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
    struct request request = request_new(RTM_NEWLINK, 0);
    request.link.ifi_index = (int)if_nametoindex(name);
    add(&request, 0, IFLA_AF_SPEC, NULL, 0);
    add(&request, 1, AF_INET6, NULL, 0);
    add(&request, 2, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
    (void)request_do(&request); /* refused where there is no IPv6: as good */
}

/* ---- netdevice(7) ---- */

static int ethtool(const char *name, uint32_t command, uint32_t *value) {
    struct ethtool_value what = {.cmd = command, .data = *value};
    struct ifreq request = {.ifr_data = (void *)&what};
    const int failed = system_device(name, SIOCETHTOOL, &request);
    *value = what.data;
    return failed;
}

/*
 * What leaves is what would be on a cable: whole checksums, since nobody adds
 * them later, and segments no longer than the MTU, so that packets can be
 * counted. Receive offload would merge them again.
 *
 * Without ARP, frames are addressed to their sender. At the far end they are
 * somebody else's, which the kernel there ignores; and they need no new
 * Ethernet header on the way back.
 */
static int bring_up(const char *name) {
    static const uint32_t offloads[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    struct ifreq up = {.ifr_flags = IFF_UP | IFF_NOARP};
    uint32_t off = 0;
    int failed = 0;
    quiet_ipv6(name);
    for (size_t i = 0; failed == 0 && i < sizeof offloads / sizeof *offloads; i++) {
        failed = ethtool(name, offloads[i], &off);
    }
    return failed != 0 ? failed : system_device(name, SIOCSIFFLAGS, &up);
}

/*
 * An end whose peer comes up later is activated by a worker some time after,
 * and until then swallows packets without a word. Asking for the state of the
 * link has that done first.
 */
static int wait_for_link(const char *name) {
    uint32_t up = 0;
    const int failed = ethtool(name, ETHTOOL_GLINK, &up);
    return failed == 0 && up == 0 ? -ENETDOWN : failed;
}

static int set_address(unsigned long what, const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct ifreq request = {0};
    (void)inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&request.ifr_addr, &address, sizeof address);
    return system_device(ends[0], what, &request);
}

int wire_device_make(unsigned mtu_bytes) {
    int failed = make_pair(mtu_bytes);
    if (failed != 0) return failed;
    for (int i = 0; failed == 0 && i < 2; i++) failed = bring_up(ends[i]);
    for (int i = 0; failed == 0 && i < 2; i++) failed = wait_for_link(ends[i]);
    if (failed == 0) failed = set_address(SIOCSIFADDR, WIRE_SERVER_HOST);
    if (failed == 0) failed = set_address(SIOCSIFNETMASK, "255.255.255.0");
    if (failed != 0) wire_device_remove();
    return failed;
}

void wire_device_remove(void) {
    struct request request = request_new(RTM_DELLINK, 0);
    request.link.ifi_index = (int)if_nametoindex(ends[0]);
    if (request.link.ifi_index > 0) (void)request_do(&request); /* the other end goes too */
}

uint64_t wire_device_drops(void) {
    uint64_t drops = 0;
    for (int i = 0; i < 2; i++) {
        /* bytes packets errs drop fifo frame compressed multicast | bytes packets errs drop */
        const char *numbers = "%*u %*u %*u %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64;
        uint64_t received, sent;
        char format[128];
        (void)snprintf(format, sizeof format, " %s: %s", ends[i], numbers);
        if (system_scan("/proc/net/dev", 2, format, &received, &sent)) drops += received + sent;
    }
    return drops;
}
