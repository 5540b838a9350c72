/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What runs say of how a server is built, and of a client beside that connects and is silent. */
#include <math.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/series.h"
#include "bench/tell/words.h"

static bool has_silent(const struct session *session) {
    return session->runs.count > 0 && session->runs.list[0]->asked.silent > 0;
}

static bool has_none_silent(const struct session *session) {
    return session->runs.count > 0 && !has_silent(session);
}

/* ---- the time of a message ---- */

static struct middle time_of(const struct series_table *table, size_t series) {
    return series_middle(table, series, metrics[METRIC_TIME].of);
}

static void put_design(FILE *out, const struct series_table *table, size_t series) {
    const struct middle time = time_of(table, series);
    (void)fputs(words_time(time.value).text, out);
    words_put_support(out, &time, words_time);
    (void)fprintf(out, " (`%s`)", design_names[table->first[series]->asked.design]);
}

/* The range over the designs, of one variant. */
static void put_range(FILE *out, const struct series_table *table, const char *variant,
                      const char *what) {
    size_t least = table->count, most = table->count;
    for (size_t i = 0; (i = series_next(table, i, variant)) < table->count; i++) {
        const double us = time_of(table, i).value;
        if (isnan(us)) continue;
        if (least == table->count || us < time_of(table, least).value) least = i;
        if (most == table->count || us > time_of(table, most).value) most = i;
    }
    if (least == most) return;
    (void)fprintf(out, "%s%s takes, by how the server is built, ", ftell(out) > 0 ? " " : "", what);
    put_design(out, table, least);
    (void)fputs(" to ", out);
    put_design(out, table, most);
    (void)fputc('.', out);
}

static void put_designs(FILE *out, const void *what) {
    put_range(out, what, "tcp-per-message", "A message on a fresh connection");
    put_range(out, what, "tcp-persistent", "A message on a kept one");
}

void designs_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "design", has_none_silent);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    story_tell(story, put_designs, &table);
    series_free(&table);
}

/* ---- a client that connects and says nothing ---- */

/* Of all runs, valid or not: that nobody is answered is what is shown. */
struct beside {
    uint64_t sent, answered;
    unsigned runs;
};

static struct beside beside_of(const struct series_table *table, size_t series) {
    struct beside sum = {0};
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *run = series_run(table, series, block);
        if (run == NULL) continue;
        sum.sent += run->sent;
        sum.answered += run->ok;
        sum.runs++;
    }
    return sum;
}

static void put_silent(FILE *out, const void *what) {
    const struct series_table *table = what;
    size_t i = 0;
    while ((i = series_next(table, i, NULL)) < table->count &&
           table->first[i]->asked.design != DESIGN_ITERATIVE) {
        i++;
    }
    if (i == table->count) return;
    const struct parameters *asked = &table->first[i]->asked;
    const struct beside sum = beside_of(table, i);
    if (sum.sent == 0) return;
    (void)fprintf(out,
                  "Behind %s that connects and says nothing, an iterative server answered %s of %s "
                  "messages within %s (%s): it serves one connection to its end, and this one "
                  "does not end.",
                  words_counted(asked->silent, "client").text,
                  words_count((double)sum.answered).text, words_count((double)sum.sent).text,
                  words_time((double)asked->deadline_ns / 1e3).text,
                  words_counted(sum.runs, "run").text);
}

void silent_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "design", has_silent);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    struct grid grid = grid_of("behind a silent client|answered in time|runs");
    story_tell(story, put_silent, &table);
    for (size_t i = 0; (i = series_next(&table, i, NULL)) < table.count; i++) {
        const struct beside sum = beside_of(&table, i);
        grid_add(&grid, "`%s`", design_names[table.first[i]->asked.design]);
        grid_add(&grid, "%s of %s", words_count((double)sum.answered).text,
                 words_count((double)sum.sent).text);
        grid_add(&grid, "%u", sum.runs);
    }
    story_table(story, "numbers", &grid);
    series_free(&table);
}

void sweep_design_tell(struct story *story, const struct results *results) {
    designs_tell(story, results);
    silent_tell(story, results);
}
