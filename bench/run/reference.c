/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/reference.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "bench/measure/histogram.h"
#include "bench/measure/system.h"
#include "bench/run/process.h"
#include "echo/clock.h"

struct reference {
    struct placement_cpus cpus;
    bool awake;
    double us;
};

static bool pass(int from, int to) {
    char byte = 0;
    return read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1;
}

/* The median exchange; the first tenth of the time warms up. */
static double exchange_us(int to, int from) {
    static struct histogram took;
    const uint64_t warm_ns = 10000000, long_ns = 110000000, first_ns = echo_clock_ns();
    uint64_t start_ns = first_ns, now_ns = first_ns;
    char byte = 0;
    for (; now_ns < first_ns + long_ns; start_ns = now_ns) {
        if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) return NAN;
        now_ns = echo_clock_ns();
        if (start_ns >= first_ns + warm_ns) histogram_record(&took, now_ns - start_ns);
    }
    struct samples samples = samples_of(&took);
    const double us = samples_percentile_ns(&samples, 50) / 1e3;
    samples_free(&samples);
    return us;
}

static void measure(void *result) {
    struct reference *r = result;
    int there[2], back[2];
    if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0) return;
    if (r->awake && placement_hold_awake() < 0) return;
    const pid_t other = system_fork();
    if (other == 0) {
        (void)close(there[1]); /* so that the end of this process is the end of the file */
        if (placement_pin(r->cpus.server) != 0) _exit(1);
        while (pass(there[0], back[1])) continue;
        _exit(0);
    }
    (void)close(back[1]);
    if (other > 0 && placement_pin(r->cpus.client) == 0) r->us = exchange_us(there[1], back[0]);
    (void)close(there[1]);
    if (other > 0) (void)system_reap(other);
}

double reference_us(enum placement placement) {
    struct reference r = {.awake = placement == PLACEMENT_AWAKE, .us = NAN};
    if (placement_choose(&r.cpus, placement) != 0) return NAN;
    (void)process_apart(measure, &r, sizeof r);
    return r.us;
}
