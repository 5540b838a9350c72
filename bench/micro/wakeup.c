/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to wake another thread: a ping-pong through two eventfds, both
 * sides blocking, on the CPUs of each placement. No protocol is in it, and
 * every message of a blocking exchange waits for two of them.
 *
 * An iteration is one wake-up, in one direction: half of a ping-pong. Read the
 * real time: the CPU time is ours alone.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/micro/micro.h"

struct place {
    enum placement placement;
    struct placement_cpus cpus;
};

static struct pair {
    pthread_t partner;
    cpu_set_t before; /* where our thread might run */
    int ping, pong;   /* eventfds: to the partner, and from it */
    int latency;      /* /dev/cpu_dma_latency, held open; -1 where it is not */
    int cpu;          /* the partner's */
    int failed;       /* the partner's errno */
} pair;

static const uint64_t ring = 1, stop = 2; /* what the partner is sent */

static int send_value(int file, uint64_t value) {
    return write(file, &value, sizeof value) == sizeof value ? 0 : -errno;
}

static int wait_value(int file, uint64_t *value) {
    return read(file, value, sizeof *value) == sizeof *value ? 0 : -errno;
}

/* The first answer says that it is where it should be, or why not. */
static void *answer(void *nothing) {
    uint64_t value = ring;
    pair.failed = placement_pin(pair.cpu);
    while (value < stop && send_value(pair.pong, ring) == 0) {
        if (wait_value(pair.ping, &value) != 0) break;
    }
    return nothing;
}

static int run(uint64_t iterations) {
    uint64_t value;
    int failed = 0;
    for (uint64_t i = 0; i < iterations && failed == 0; i += 2) {
        failed = send_value(pair.ping, ring);
        if (failed == 0) failed = wait_value(pair.pong, &value);
    }
    return failed;
}

static void close_all(void) {
    (void)sched_setaffinity(0, sizeof pair.before, &pair.before);
    if (pair.ping >= 0) (void)close(pair.ping);
    if (pair.pong >= 0) (void)close(pair.pong);
    if (pair.latency >= 0) (void)close(pair.latency); /* idle CPUs may sleep again */
}

static void tear_down(void) {
    (void)send_value(pair.ping, stop);
    (void)pthread_join(pair.partner, NULL);
    close_all();
}

static int prepare(const struct place *place) {
    pair.ping = eventfd(0, EFD_CLOEXEC);
    pair.pong = eventfd(0, EFD_CLOEXEC);
    if (pair.ping < 0 || pair.pong < 0) return -errno;
    /* Not longer than this row: they are shuffled, and the next one may want idle CPUs to sleep. */
    if (place->placement == PLACEMENT_AWAKE) pair.latency = placement_hold_awake();
    if (place->placement == PLACEMENT_AWAKE && pair.latency < 0) return pair.latency;
    const int failed = placement_pin(place->cpus.client);
    return failed != 0 ? failed : -pthread_create(&pair.partner, NULL, answer, NULL);
}

static int set_up(const struct micro_row *row, size_t size) {
    (void)size;
    const struct place *place = row->subject;
    uint64_t value;
    pair = (struct pair){.ping = -1, .pong = -1, .latency = -1, .cpu = place->cpus.server};
    if (sched_getaffinity(0, sizeof pair.before, &pair.before) != 0) return -errno;
    int failed = prepare(place);
    if (failed != 0) {
        close_all();
        return failed;
    }
    failed = wait_value(pair.pong, &value);
    if (failed == 0) failed = pair.failed;
    if (failed != 0) tear_down();
    return failed;
}

/* Whether this placement can be had here; says why not. */
static bool available(struct place *place) {
    const char *name = placement_names[place->placement];
    if (placement_choose(&place->cpus, place->placement) != 0) {
        (void)fprintf(stderr, "wakeup/%s needs two CPUs and there is one: skipped\n", name);
        return false;
    }
    if (place->placement != PLACEMENT_AWAKE) return true;
    const int file = placement_hold_awake();
    if (file >= 0) return close(file) == 0;
    (void)fprintf(stderr, "wakeup/%s: /dev/cpu_dma_latency cannot be held (%s): skipped%s\n", name,
                  strerror(-file), file == -EACCES ? ", root can" : "");
    return false;
}

struct micro_table micro_wakeup(void) {
    static struct place places[] = {{.placement = PLACEMENT_SAME_CORE},
                                    {.placement = PLACEMENT_CROSS_CORE},
                                    {.placement = PLACEMENT_AWAKE}};
    enum { PLACES = sizeof places / sizeof places[0] };
    static struct micro_row rows[PLACES];
    size_t count = 0;
    for (size_t i = 0; i < PLACES; i++) {
        char *name;
        if (!available(&places[i])) continue;
        if (asprintf(&name, "wakeup/%s", placement_names[places[i].placement]) < 0) continue;
        rows[count++] = (struct micro_row){name, .subject = &places[i], .set_up = set_up,
                                           .run = run, .tear_down = tear_down};
    }
    return (struct micro_table){rows, count};
}
