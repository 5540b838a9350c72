/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const char near_name[] = "wire0"; /* the host's end: has the address */
static const char far_name[] = "wire1";  /* the process's end */

enum { QUEUE_PACKETS = 100000 };

/* ---- rtnetlink(7): only what the older ioctls cannot do ---- */

struct request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    uint8_t attributes[512];
};

static struct request request_new(uint16_t type, uint16_t flags) {
    return (struct request){
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                   .nlmsg_type = type,
                   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags)},
    };
}

static struct rtattr *request_add(struct request *request, uint16_t type, const void *data,
                                  size_t size) {
    uint8_t *end = (uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len);
    struct rtattr *attribute = (struct rtattr *)(void *)end;
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len =
        (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

/* All that was added since belongs inside `attribute`. */
static void request_close(const struct request *request, struct rtattr *attribute) {
    const uint8_t *end = (const uint8_t *)request + request->header.nlmsg_len;
    attribute->rta_len = (uint16_t)(end - (const uint8_t *)attribute);
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
    int failed = done < 0 ? -errno : 0;
    (void)close(kernel);
    if (failed == 0)
        failed = answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
    return failed;
}

static void add_end(struct request *request, const char *name, uint32_t mtu_bytes) {
    const uint32_t queue = QUEUE_PACKETS; /* a veth has none; should someone give it one */
    (void)request_add(request, IFLA_IFNAME, name, strlen(name) + 1);
    (void)request_add(request, IFLA_MTU, &mtu_bytes, sizeof mtu_bytes);
    (void)request_add(request, IFLA_TXQLEN, &queue, sizeof queue);
}

static int make_pair(uint32_t mtu_bytes) {
    const struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
    struct request request = request_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    add_end(&request, near_name, mtu_bytes);
    struct rtattr *info = request_add(&request, IFLA_LINKINFO, NULL, 0);
    (void)request_add(&request, IFLA_INFO_KIND, "veth", strlen("veth"));
    struct rtattr *data = request_add(&request, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = request_add(&request, VETH_INFO_PEER, &peer, sizeof peer);
    add_end(&request, far_name, mtu_bytes);
    request_close(&request, other);
    request_close(&request, data);
    request_close(&request, info);
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
    struct rtattr *families = request_add(&request, IFLA_AF_SPEC, NULL, 0);
    struct rtattr *ipv6 = request_add(&request, AF_INET6, NULL, 0);
    (void)request_add(&request, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
    request_close(&request, ipv6);
    request_close(&request, families);
    (void)request_do(&request); /* refused where there is no IPv6: as good */
}

/* ---- netdevice(7) ---- */

static struct ifreq named(const char *name) {
    struct ifreq request = {0};
    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return request;
}

/*
 * What leaves is what would be on a cable: whole checksums, since nobody adds
 * them later, and segments no longer than the MTU, so that packets can be
 * counted. Receive offload would merge them again.
 */
static int offloads_off(int any, const char *name) {
    static const uint32_t commands[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct ethtool_value off = {.cmd = commands[i], .data = 0};
        struct ifreq request = named(name);
        request.ifr_data = (void *)&off;
        if (ioctl(any, SIOCETHTOOL, &request) != 0) return -errno;
    }
    return 0;
}

static int set_address(int any, unsigned long what, const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    (void)inet_pton(AF_INET, text, &address.sin_addr);
    struct ifreq request = named(near_name);
    memcpy(&request.ifr_addr, &address, sizeof address);
    return ioctl(any, what, &request) == 0 ? 0 : -errno;
}

/*
 * Without ARP, frames are addressed to their sender. At the far end they are
 * somebody else's, which the kernel there ignores; and they need no new
 * Ethernet header on the way back.
 */
static int bring_up(int any, const char *name) {
    struct ifreq request = named(name);
    request.ifr_flags = IFF_UP | IFF_NOARP;
    return ioctl(any, SIOCSIFFLAGS, &request) == 0 ? 0 : -errno;
}

/*
 * An end whose peer comes up later is activated by a worker some time after,
 * and until then swallows packets without a word. Asking for the state of the
 * link has that done first.
 */
static int wait_for_link(int any, const char *name) {
    struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
    struct ifreq request = named(name);
    request.ifr_data = (void *)&link;
    if (ioctl(any, SIOCETHTOOL, &request) != 0) return -errno;
    return link.data != 0 ? 0 : -ENETDOWN;
}

static int set_up(int any) {
    static const char *const ends[] = {near_name, far_name};
    int failed = 0;
    for (int i = 0; failed == 0 && i < 2; i++) {
        quiet_ipv6(ends[i]);
        failed = offloads_off(any, ends[i]);
        if (failed == 0) failed = bring_up(any, ends[i]);
    }
    for (int i = 0; failed == 0 && i < 2; i++) failed = wait_for_link(any, ends[i]);
    if (failed == 0) failed = set_address(any, SIOCSIFADDR, WIRE_SERVER_HOST);
    if (failed == 0) failed = set_address(any, SIOCSIFNETMASK, "255.255.255.0");
    return failed;
}

int wire_device_make(unsigned mtu_bytes) {
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) return -errno;
    int failed = make_pair(mtu_bytes);
    if (failed == 0) {
        failed = set_up(any);
        if (failed != 0) wire_device_remove();
    }
    (void)close(any);
    return failed;
}

void wire_device_remove(void) {
    struct request request = request_new(RTM_DELLINK, 0);
    request.link.ifi_index = (int)if_nametoindex(near_name);
    if (request.link.ifi_index > 0) (void)request_do(&request); /* the other end goes too */
}

uint64_t wire_device_drops(void) {
    FILE *file = fopen("/proc/net/dev", "re");
    if (file == NULL) return 0;
    uint64_t drops = 0;
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        char name[IFNAMSIZ + 1];
        unsigned long long received, sent;
        /* bytes packets errs drop fifo frame compressed multicast | bytes packets errs drop */
        const int found =
            sscanf(line, " %16[^:]: %*u %*u %*u %llu %*u %*u %*u %*u %*u %*u %*u %llu", name,
                   &received, &sent);
        if (found != 3) continue;
        if (strcmp(name, near_name) == 0 || strcmp(name, far_name) == 0) drops += received + sent;
    }
    (void)fclose(file);
    return drops;
}

/* ---- packet(7) ---- */

enum {
    RING_BYTES = 16 << 20, /* 8,192 packets of 1,500: 80 ms unread at 100,000 a second */
    FRAMES_LEAST = 512,
    BLOCK_BYTES = 1 << 16 /* a multiple of a page; holds whole frames */
};

static int ring_map(struct wire_ring *ring, unsigned mtu_bytes) {
    const size_t heads = sizeof(struct tpacket2_hdr) + sizeof(struct sockaddr_ll) + ETH_HLEN;
    const size_t longest = heads + 3UL * TPACKET_ALIGNMENT + mtu_bytes; /* each is aligned */
    ring->frame_bytes = 2048;
    while (ring->frame_bytes < longest) ring->frame_bytes *= 2;
    ring->frame_count = (unsigned)(RING_BYTES / ring->frame_bytes);
    if (ring->frame_count < FRAMES_LEAST) ring->frame_count = FRAMES_LEAST;
    const size_t block = ring->frame_bytes > BLOCK_BYTES ? ring->frame_bytes : BLOCK_BYTES;
    const size_t size = ring->frame_bytes * ring->frame_count;
    const struct tpacket_req wanted = {.tp_block_size = (unsigned)block,
                                       .tp_block_nr = (unsigned)(size / block),
                                       .tp_frame_size = (unsigned)ring->frame_bytes,
                                       .tp_frame_nr = ring->frame_count};
    if (setsockopt(ring->socket, SOL_PACKET, PACKET_RX_RING, &wanted, sizeof wanted) != 0) {
        return -errno;
    }
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->socket, 0);
    if (map == MAP_FAILED) return -errno;
    ring->frames = map;
    return 0;
}

static int ring_bind(const struct wire_ring *ring) {
    const struct sockaddr_ll far = {.sll_family = AF_PACKET,
                                    .sll_protocol = htons(ETH_P_ALL), /* foreign ones count */
                                    .sll_ifindex = (int)if_nametoindex(far_name)};
    return bind(ring->socket, (const struct sockaddr *)&far, sizeof far) == 0 ? 0 : -errno;
}

int wire_ring_open(struct wire_ring *ring, unsigned mtu_bytes) {
    const int version = TPACKET_V2, on = 1;
    *ring = (struct wire_ring){.socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    if (ring->socket < 0) return -errno;
    int failed = 0;
    if (setsockopt(ring->socket, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(ring->socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0) {
        failed = -errno;
    }
    if (failed == 0) failed = ring_map(ring, mtu_bytes);
    if (failed == 0) failed = ring_bind(ring);
    if (failed != 0) {
        wire_ring_unmap(ring);
        (void)close(ring->socket);
    }
    return failed;
}

void wire_ring_unmap(struct wire_ring *ring) {
    if (ring->frames != NULL) (void)munmap(ring->frames, ring->frame_bytes * ring->frame_count);
    ring->frames = NULL;
}

static struct tpacket2_hdr *current(const struct wire_ring *ring) {
    return (struct tpacket2_hdr *)(void *)(ring->frames + ring->next * ring->frame_bytes);
}

bool wire_ring_peek(const struct wire_ring *ring, struct wire_frame *frame) {
    struct tpacket2_hdr *header = current(ring);
    if ((__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return false;
    *frame = (struct wire_frame){
        .bytes = (uint8_t *)header + header->tp_mac,
        .size = header->tp_snaplen,
        .whole = header->tp_snaplen == header->tp_len,
        .stamp_ns = header->tp_sec * UINT64_C(1000000000) + header->tp_nsec,
    };
    return true;
}

void wire_ring_advance(struct wire_ring *ring) {
    __atomic_store_n(&current(ring)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    ring->next = (ring->next + 1) % ring->frame_count;
}
