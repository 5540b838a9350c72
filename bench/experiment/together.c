/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/together.h"

#include <pthread.h>
#include <stdatomic.h>

#include "bench/run/child.h"
#include "echo/clock.h"

enum { AT_ONCE_MAX = 64 };

/* A run begins with work: two processes, a network, a wire. Not all of them at the same time. */
#define APART_NS UINT64_C(100000000)

struct queue {
    struct together *tasks;
    unsigned count;
    atomic_uint next;
};

static void *take_tasks(void *argument) {
    struct queue *queue = argument;
    while (!options_interrupted) {
        const unsigned i = atomic_fetch_add(&queue->next, 1);
        if (i >= queue->count) break;
        struct together *task = &queue->tasks[i];
        task->run = child_run("/proc/self/exe", &task->options, task->why, sizeof task->why);
    }
    return NULL;
}

void together_run(struct together *tasks, unsigned count, unsigned at_once) {
    struct queue queue = {.tasks = tasks, .count = count};
    pthread_t threads[AT_ONCE_MAX];
    unsigned started = 0;
    if (at_once > AT_ONCE_MAX) at_once = AT_ONCE_MAX;
    while (started < at_once && started < count && !options_interrupted &&
           pthread_create(&threads[started], NULL, take_tasks, &queue) == 0) {
        started++;
        echo_clock_sleep_until(echo_clock_ns() + APART_NS);
    }
    if (started == 0) (void)take_tasks(&queue); /* no thread to be had: one after the other */
    for (unsigned i = 0; i < started; i++) (void)pthread_join(threads[i], NULL);
}
