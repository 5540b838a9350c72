/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "tests/made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80 };

struct run *made_run(struct session *session, const char *variant, unsigned block,
                     unsigned column) {
    struct run *run = run_new();
    assert_non_null(run);
    run->asked.variant = variant_find(variant);
    assert_non_null(run->asked.variant);
    run->block = block;
    run->order = run->column = run->point = column;
    run->sent = run->ok = 1000;
    run->elapsed_ns = 1000000000;
    runs_add(&session->runs, run);
    return run;
}

void made_took(struct run *run, uint64_t count, double us) {
    struct samples *samples = &run->samples;
    const uint64_t upper_ns =
        histogram_upper_bound_ns(histogram_bucket_of((uint64_t)lround(us * 1e3)));
    samples->buckets = reallocarray(samples->buckets, samples->count + 1, sizeof *samples->buckets);
    assert_non_null(samples->buckets);
    samples->buckets[samples->count++] = (struct samples_bucket){upper_ns, count};
    samples->answered += count;
}

void made_load(struct run *run, double per_s, double p50_us) {
    run->ok = run->sent = (uint64_t)lround(per_s);
    run->latency.p50_ns = (uint64_t)lround(p50_us * 1e3);
    run->latency.mean_ns = p50_us * 1e3;
}

void made_invalid(struct run *run, const char *why) {
    (void)snprintf(run->validity.reason[run->validity.count++], VALIDITY_REASON_BYTES, "%s", why);
}

static void set_asked(struct parameters *asked, const struct making *m) {
    asked->role = m->role;
    if (m->size_bytes > 0) asked->size_bytes = m->size_bytes;
    if (m->connections > 0) asked->connections = m->connections;
    asked->per_connection = m->per_connection;
    asked->engine = m->engine;
    asked->design = m->design;
    asked->rate_per_s = m->rate_per_s;
    asked->placement = PLACEMENT_CROSS_CORE;
    asked->wire = m->wired;
    asked->rtt_ns = m->wired ? 20000000 : 0;
}

struct run *made_column(struct session *session, const struct making *m, unsigned block,
                        unsigned column) {
    const double wobble = 1 + 0.001 * ((block * 7 + column * 3) % 5), us = m->us * wobble;
    struct run *run = made_run(session, m->variant, block, column);
    set_asked(&run->asked, m);
    run->against = m->against;
    run->point = m->point == NOWHERE ? RUN_NOWHERE : (unsigned)m->point;
    run->depth = m->pipeline > 0 ? m->pipeline : 1;
    run->capacity_per_s = m->capacity_per_s > 0 ? m->capacity_per_s : (double)NAN;
    run->ok = m->ok > 0 ? m->ok : 6000;
    run->lost = m->lost;
    run->sent = run->ok + run->lost;
    run->elapsed_ns = (uint64_t)((double)run->ok * us * 1e3);
    run->latency.p50_ns = (uint64_t)(us * 1e3);
    run->latency.mean_ns = us * 1e3;
    run->client_cpu_ns = run->server_cpu_ns = run->elapsed_ns / 8;
    made_took(run, run->ok - m->slow, us);
    if (m->slow > 0) made_took(run, m->slow, m->slow_us * wobble);
    if (m->invalid) made_invalid(run, "made so");
    return run;
}

static void assert_fits(const char *text) {
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (length > COLUMNS) fail_msg("%zu columns: %.*s", length, (int)length, line);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
}

char *made_told(void (*tell)(struct story *story, const struct results *results),
                struct session **sessions, size_t count, bool joined) {
    char *text = NULL;
    size_t length = 0;
    const struct results results = {.sessions = sessions, .count = count};
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    struct story story = {.out = out, .apart = true};
    tell(&story, &results);
    assert_int_equal(fclose(out), 0);
    assert_fits(text);
    for (char *c = text; joined && *c != '\0'; c++) {
        if (*c == '\n') *c = ' ';
    }
    return text;
}

void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) fail_msg("\"%s\" is not in:\n%s", words, text);
}

void assert_says_not(const char *text, const char *words) {
    const char *found = strstr(text, words);
    if (found != NULL) fail_msg("there is: %.200s", found);
}

void assert_near(double found, double wanted, double within) {
    if (!(fabs(found - wanted) <= within)) fail_msg("%.9g is not %.9g", found, wanted);
}
