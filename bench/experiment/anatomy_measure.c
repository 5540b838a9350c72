/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/anatomy_measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/run/child.h"
#include "bench/run/result.h"

enum {
    FAR_NS = 20000000, /* the delay that is waited for */
    LOOP_MIN = 1000,
    LOOP_MAX = 20000
};

static const char *const echolab = "/proc/self/exe";

static struct options plain_run(const struct anatomy *a, const struct options *options,
                                uint64_t messages) {
    struct options run = *options;
    run.variants[0] = a->variant;
    run.variant_count = 1;
    run.role = ROLE_VARIANT;
    run.messages = messages;
    run.warmup_ns = 0;
    run.wire = false;
    return run;
}

/* ---- over the wire ---- */

/* Sums over a run of so many messages, and the round-trip time that was really applied. */
struct far_sums {
    double latency_us, elapsed_us, packets, ip_bytes, rtt_us;
};

static struct far_sums run_far(const struct anatomy *a, const struct options *options,
                               uint64_t messages, uint64_t rtt_ns) {
    struct options run = plain_run(a, options, messages);
    char ignored[ANATOMY_WORDS]; /* the run before this one has told, if there is no wire */
    run.wire = true;
    run.rtt_ns = rtt_ns;
    json_t *result = child_run(echolab, &run, ignored, sizeof ignored);
    const double n = (double)messages;
    const struct far_sums sums = {
        .latency_us = n * result_number(result, "latency_us.mean", NAN),
        .elapsed_us = n * result_number(result, "time_per_message_us", NAN),
        .packets = result_number(result, "wire.packets", NAN),
        .ip_bytes = result_number(result, "wire.ip_bytes", NAN),
        .rtt_us = 1e3 * result_number(result, "rtt_applied_ms", NAN),
    };
    json_decref(result);
    return sums;
}

/*
 * How many of the round trips that were added a message took: by two delays,
 * and by one batch (of one message, where none is pipelined) and LATER more, as
 * the first may have to connect.
 */
static void measure_waits(struct anatomy *a, const struct options *options) {
    enum { LATER = 10 };
    const double batch = result_number(a->wire, "pipeline", 1);
    const uint64_t one = (uint64_t)batch;
    const struct far_sums near_one = run_far(a, options, one, 0);
    const struct far_sums near_all = run_far(a, options, one * (1 + LATER), 0);
    const struct far_sums far_one = run_far(a, options, one, FAR_NS);
    const struct far_sums far_all = run_far(a, options, one * (1 + LATER), FAR_NS);
    a->packets_later = (near_all.packets - near_one.packets) / (LATER * batch);
    a->ip_bytes_later = (near_all.ip_bytes - near_one.ip_bytes) / (LATER * batch);
    const double one_us = batch * (far_one.rtt_us - near_one.rtt_us);
    const double all_us = batch * (far_all.rtt_us - near_all.rtt_us);
    a->waits_first = (far_one.latency_us - near_one.latency_us) / one_us;
    a->waits = ((far_all.latency_us - near_all.latency_us) / all_us - a->waits_first) / LATER;
    const double elapsed_first = (far_one.elapsed_us - near_one.elapsed_us) / one_us;
    a->elapsed = ((far_all.elapsed_us - near_all.elapsed_us) / all_us - elapsed_first) / LATER;
}

static void measure_packets(struct anatomy *a, const struct options *options) {
    struct options run = plain_run(a, options, a->messages);
    run.wire = true;
    a->wire = child_run(echolab, &run, a->no_wire, sizeof a->no_wire);
    if (a->wire != NULL && !options_interrupted) measure_waits(a, options);
}

/* ---- on the loopback ---- */

static double switches_so_far(void) {
    struct rusage usage; /* of the runs so far, and of their servers, which they waited for */
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0) return NAN;
    return (double)usage.ru_nvcsw + (double)usage.ru_nivcsw;
}

static void measure_loop(struct anatomy *a, const struct options *options) {
    uint64_t messages = 20 * a->messages;
    if (messages < LOOP_MIN) messages = LOOP_MIN;
    if (messages > LOOP_MAX) messages = LOOP_MAX;
    struct options run = plain_run(a, options, messages);
    const double before = switches_so_far();
    json_t *half = child_run(echolab, &run, a->no_loop, sizeof a->no_loop);
    const double between = switches_so_far();
    run.messages = 2 * messages;
    if (half != NULL) a->loop = child_run(echolab, &run, a->no_loop, sizeof a->no_loop);
    const double after = switches_so_far();
    a->switches = (after - between - (between - before)) / (double)messages;
    json_decref(half);
}

/* ---- under strace ---- */

static bool trace_once(struct anatomy *a, const struct options *options, const char *folder,
                       uint64_t messages, int which) {
    const struct options run = plain_run(a, options, messages);
    struct trace trace;
    bool untraceable;
    json_t *result =
        trace_run(&trace, folder, "all", &run, &untraceable, a->no_trace, sizeof a->no_trace);
    for (int side = 0; side < TRACE_SIDES && result != NULL; side++) {
        trace_count(&a->calls[side][which], &trace, (enum trace_side)side);
    }
    trace_release(&trace);
    json_decref(result);
    return result != NULL;
}

static void measure_calls(struct anatomy *a, const struct options *options) {
    char folder[256];
    const int failed = trace_folder_make(folder, sizeof folder);
    if (failed != 0) {
        (void)snprintf(a->no_trace, sizeof a->no_trace, "cannot make a folder in %s: %s",
                       "$TMPDIR or /tmp", strerror(-failed));
        return;
    }
    a->traced = trace_once(a, options, folder, a->messages, 0) &&
                trace_once(a, options, folder, 2 * a->messages, 1);
    trace_folder_remove(folder);
}

/* ---- all ---- */

/* From variant, sizes and sysctls alone; which were in force, the run tells. */
static void predict(struct anatomy *a) {
    const struct cost_model *model = a->variant->cost;
    const json_t *settings = json_object_get(a->wire, "settings");
    const char *name = model == NULL || model->setting == NULL ? "" : model->setting;
    const char *text = json_string_value(json_object_get(settings, name));
    const unsigned usual = 3;
    a->model = cost_in_force(model, text == NULL ? usual : (unsigned)strtoul(text, NULL, 0));
    const double depth = result_number(a->wire, "pipeline", 1);
    a->unpredicted = cost_predict(&a->predicted, a->model, a->size_bytes, a->reply_bytes,
                                  a->messages, (unsigned)depth);
}

void anatomy_measure(struct anatomy *a, const struct variant *variant,
                     const struct options *options) {
    *a = (struct anatomy){.variant = variant,
                          .size_bytes = options->size_bytes,
                          .reply_bytes = options->reply_bytes,
                          .messages = options->messages,
                          .packets_later = NAN,
                          .ip_bytes_later = NAN,
                          .waits_first = NAN,
                          .waits = NAN,
                          .elapsed = NAN,
                          .switches = NAN};
    measure_packets(a, options);
    predict(a);
    if (!options_interrupted) measure_loop(a, options);
    if (!options_interrupted) measure_calls(a, options);
}

void anatomy_release(struct anatomy *a) {
    json_decref(a->wire);
    json_decref(a->loop);
    *a = (struct anatomy){0};
}

uint64_t anatomy_packets(const struct anatomy *a, int kind, int direction) {
    char path[64];
    (void)snprintf(path, sizeof path, "wire.%s.%s.packets", wire_direction_names[direction],
                   wire_kind_names[kind]);
    return (uint64_t)result_number(a->wire, path, 0);
}

double anatomy_calls(const struct anatomy *a, enum trace_side side, const char *name) {
    const double once = (double)trace_count_of(&a->calls[side][0], name);
    const double twice = (double)trace_count_of(&a->calls[side][1], name);
    return (twice - once) / (double)a->messages;
}
