/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep loss --packet: a lone message that loses one packet. For each
 * variant and each packet of an exchange, how long the message takes when
 * exactly that packet is lost; beside it what the timers predict. What a loss
 * does to the messages behind it is another question.
 */
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cli/commands.h"
#include "bench/experiment/together.h"
#include "bench/judge/loss_model.h"
#include "bench/judge/statistics.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"

enum { LOSSES_MAX = 64, REPEATS_MAX = 16, TOGETHER = 8 };

struct loss {
    const struct variant *variant;
    const struct lost_packet *lost;
    struct loss_prediction predicted;
    double ms[REPEATS_MAX];
    size_t count;
};

static struct options options_of(const struct options *options, const struct loss *loss,
                                 uint64_t seed) {
    struct options one = *options;
    one.variants[0] = loss->variant;
    one.variant_count = 1;
    one.messages = loss->lost->nth;
    one.warmup_ns = 0;
    one.drop[0] = (unsigned)loss->lost->kind + 1;
    one.drop[1] = (unsigned)loss->lost->direction + 1;
    one.drop[2] = loss->lost->nth;
    one.seed = seed;
    return one;
}

/* The message that lost its packet is the longest; one that nobody answered took the deadline. */
static void keep(struct loss *loss, json_t *run, json_t *runs) {
    if (run == NULL) return;
    const bool lost = result_number(run, "messages.lost", 0) > 0;
    const double ms = lost ? result_number(run, "deadline_ms", NAN)
                           : result_number(run, "latency_us.max", NAN) / 1e3;
    const bool dropped = result_number(run, "wire.dropped", 0) == 1;
    if (isfinite(ms) && dropped) loss->ms[loss->count++] = ms;
    (void)json_object_set_new(run, "role", json_string(role_names[ROLE_CONTROL]));
    (void)json_object_set_new(run, "lost_packet", json_string(loss->lost->what));
    (void)json_array_append_new(runs, run);
}

static unsigned plan(const struct options *options, struct loss *losses) {
    unsigned count = 0;
    for (unsigned i = 0; i < options->variant_count; i++) {
        const struct lost_packet *lost = loss_model_find(options->variants[i]->name);
        for (; lost != NULL && lost->what != NULL && count < LOSSES_MAX; lost++) {
            losses[count] = (struct loss){.variant = options->variants[i], .lost = lost};
            losses[count].predicted = loss_model_predict(lost, (double)options->rtt_ns / 1e6,
                                                         (double)options->deadline_ns / 1e6);
            count++;
        }
    }
    return count;
}

static json_t *loss_json(struct loss *loss) {
    const struct interval ms = statistics_median_interval(loss->ms, loss->count, 0.95);
    return json_pack("{s:s,s:s,s:f,s:f,s:f,s:f,s:f,s:i,s:b}", "variant", loss->variant->name,
                     "lost", loss->lost->what, "predicted_low_ms", loss->predicted.low_ms,
                     "predicted_high_ms", loss->predicted.high_ms, "measured_ms", ms.value,
                     "low_ms", ms.low, "high_ms", ms.high, "runs", (int)loss->count, "answered",
                     !loss->lost->unanswered);
}

static void print_loss(struct loss *loss) {
    const struct interval ms = statistics_median_interval(loss->ms, loss->count, 0.95);
    if (loss->count == 0) {
        printf("%-16s %-20s %8.1f to %6.1f        no result\n", loss->variant->name,
               loss->lost->what, loss->predicted.low_ms, loss->predicted.high_ms);
        return;
    }
    const bool as_predicted =
        ms.value >= loss->predicted.low_ms - 1 && ms.value <= loss->predicted.high_ms;
    printf("%-16s %-20s %7.0f to %4.0f %8.1f [%.1f, %.1f] %s\n", loss->variant->name,
           loss->lost->what, loss->predicted.low_ms, loss->predicted.high_ms, ms.value, ms.low,
           ms.high,
           loss->lost->unanswered ? "lost"
           : as_predicted         ? "="
                                  : "differs");
}

static int write_losses(const struct options *options, json_t *runs, struct loss *losses,
                        unsigned count) {
    if (options->json == NULL) return EXIT_DONE;
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) {
        if (losses[i].count > 0) (void)json_array_append_new(list, loss_json(&losses[i]));
    }
    json_t *file = json_pack("{s:s,s:s,s:s,s:I,s:f,s:o,s:O,s:[],s:o}", "schema", "echolab/1",
                             "command", "sweep", "axis", "loss", "seed", (json_int_t)options->seed,
                             "rtt_ms", (double)options->rtt_ns / 1e6, "environment",
                             environment_read(), "runs", runs, "comparisons", "lost_packets", list);
    const int failed = output_write_json(options->json, file);
    json_decref(file);
    return failed == 0 ? EXIT_DONE
                       : complain("cannot write %s: %s", options->json, strerror(-failed));
}

static int tell(const struct options *options, struct loss *losses, unsigned count,
                const struct together *tasks, json_t *runs) {
    if (json_array_size(runs) == 0) return complain("%s", tasks[0].why);
    printf("a lone message that loses one packet, RTT %.0f ms, %u runs each, seed %llu\n"
           "variant          lost packet          predicted ms  measured [95 %%] ms\n",
           (double)options->rtt_ns / 1e6, options->blocks, (unsigned long long)options->seed);
    for (unsigned i = 0; i < count; i++) print_loss(&losses[i]);
    puts("A datagram is repeated by nobody but the application: the deadline ends it.");
    return write_losses(options, runs, losses, count);
}

int command_loss(const struct options *options) {
    const int failed = options->json == NULL ? 0 : output_check(options->json);
    if (failed != 0) return complain("cannot write %s: %s", options->json, strerror(-failed));
    struct loss *losses = calloc(LOSSES_MAX, sizeof *losses);
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    struct options all = *options;
    if (all.blocks > REPEATS_MAX) all.blocks = REPEATS_MAX;
    const unsigned count = losses == NULL ? 0 : plan(&all, losses);
    struct together *tasks = calloc((size_t)count * all.blocks + 1, sizeof *tasks);
    json_t *runs = json_array();
    int status = EXIT_FAILED;
    if (random != NULL && tasks != NULL && count > 0) {
        gsl_rng_set(random, all.seed);
        const unsigned planned = count * all.blocks;
        for (unsigned i = 0; i < planned; i++) {
            tasks[i].options = options_of(&all, &losses[i % count], gsl_rng_get(random));
        }
        options_catch_signals();
        together_run(tasks, planned, TOGETHER); /* they only wait */
        for (unsigned i = 0; i < planned; i++) keep(&losses[i % count], tasks[i].run, runs);
        status = tell(&all, losses, count, tasks, runs);
    } else {
        status = complain("none of these variants has a model of lost packets");
    }
    json_decref(runs);
    free(tasks);
    free(losses);
    if (random != NULL) gsl_rng_free(random);
    return options_interrupted ? EXIT_INTERRUPTED : status;
}
