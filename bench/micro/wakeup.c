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
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/micro/micro.h"

struct place {
    enum placement placement;
    struct placement_cpus cpus;
};

struct pair {
    pthread_t partner;
    cpu_set_t before; /* where our thread might run */
    int ping, pong;   /* eventfds: to the partner, and from it */
    int latency;      /* /dev/cpu_dma_latency, held open; -1 where it is not */
    int cpu;          /* the partner's */
    int failed;       /* the partner's errno */
};

static const uint64_t ring = 1, stop = 2; /* what the partner is sent */

static int send_value(int file, uint64_t value) {
    return write(file, &value, sizeof value) == sizeof value ? 0 : -errno;
}

static int wait_value(int file, uint64_t *value) {
    return read(file, value, sizeof *value) == sizeof *value ? 0 : -errno;
}

/* The first answer says that it is where it should be, or why not. */
static void *answer(void *argument) {
    struct pair *pair = argument;
    uint64_t value;
    pair->failed = placement_pin(pair->cpu);
    while (send_value(pair->pong, ring) == 0 && wait_value(pair->ping, &value) == 0) {
        if (value >= stop) break;
    }
    return NULL;
}

static int run(void *state, uint64_t iterations) {
    struct pair *pair = state;
    uint64_t value;
    int failed = 0;
    for (uint64_t i = 0; i < iterations && failed == 0; i += 2) {
        failed = send_value(pair->ping, ring);
        if (failed == 0) failed = wait_value(pair->pong, &value);
    }
    return failed;
}

static void close_all(struct pair *pair) {
    (void)sched_setaffinity(0, sizeof pair->before, &pair->before);
    if (pair->ping >= 0) (void)close(pair->ping);
    if (pair->pong >= 0) (void)close(pair->pong);
    if (pair->latency >= 0) (void)close(pair->latency); /* idle CPUs may sleep again */
    free(pair);
}

static void tear_down(void *state) {
    struct pair *pair = state;
    (void)send_value(pair->ping, stop);
    (void)pthread_join(pair->partner, NULL);
    close_all(pair);
}

/*
 * As placement_keep_awake, but only until it is closed: the rows are shuffled,
 * and the next one may want its idle CPUs to sleep. The file or -errno.
 */
static int keep_awake(void) {
    const int32_t latency_us = 0;
    const int file = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    if (write(file, &latency_us, sizeof latency_us) == sizeof latency_us) return file;
    const int failed = errno;
    (void)close(file);
    return -failed;
}

static int prepare(struct pair *pair, const struct place *place) {
    if (sched_getaffinity(0, sizeof pair->before, &pair->before) != 0) return -errno;
    pair->ping = eventfd(0, EFD_CLOEXEC);
    pair->pong = eventfd(0, EFD_CLOEXEC);
    if (pair->ping < 0 || pair->pong < 0) return -errno;
    if (place->placement == PLACEMENT_AWAKE) {
        pair->latency = keep_awake();
        if (pair->latency < 0) return pair->latency;
    }
    return placement_pin(place->cpus.client);
}

static int set_up(void **state, const struct micro_row *row, int64_t size) {
    (void)size;
    const struct place *place = row->subject;
    uint64_t value;
    struct pair *pair = malloc(sizeof *pair);
    if (pair == NULL) return -ENOMEM;
    *pair = (struct pair){.ping = -1, .pong = -1, .latency = -1, .cpu = place->cpus.server};
    int failed = prepare(pair, place);
    if (failed == 0) failed = -pthread_create(&pair->partner, NULL, answer, pair);
    if (failed != 0) {
        close_all(pair);
        return failed;
    }
    failed = wait_value(pair->pong, &value);
    if (failed == 0) failed = pair->failed;
    if (failed != 0) {
        tear_down(pair);
        return failed;
    }
    *state = pair;
    return 0;
}

/* Whether this placement can be had here; says why not. */
static bool available(struct place *place) {
    const char *name = placement_names[place->placement];
    if (placement_choose(&place->cpus, place->placement) != 0) {
        (void)fprintf(stderr, "wakeup/%s needs two CPUs and there is one: skipped\n", name);
        return false;
    }
    if (place->placement != PLACEMENT_AWAKE) return true;
    const int file = keep_awake();
    if (file < 0) {
        (void)fprintf(stderr, "wakeup/%s: /dev/cpu_dma_latency cannot be held (%s): skipped%s\n",
                      name, strerror(-file), file == -EACCES ? ", root can" : "");
        return false;
    }
    (void)close(file);
    return true;
}

struct micro_table micro_wakeup(void) {
    static struct place places[] = {{.placement = PLACEMENT_SAME_CORE},
                                    {.placement = PLACEMENT_CROSS_CORE},
                                    {.placement = PLACEMENT_AWAKE}};
    enum { PLACES = sizeof places / sizeof places[0], NAME_BYTES = 32 };
    static struct micro_row rows[PLACES];
    static char names[PLACES][NAME_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < PLACES; i++) {
        if (!available(&places[i])) continue;
        (void)snprintf(names[count], NAME_BYTES, "wakeup/%s", placement_names[places[i].placement]);
        rows[count] = (struct micro_row){.name = names[count],
                                         .subject = &places[i],
                                         .set_up = set_up,
                                         .run = run,
                                         .tear_down = tear_down};
        count++;
    }
    return (struct micro_table){rows, count};
}
