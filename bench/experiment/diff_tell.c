/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/difference.h"
#include "bench/judge/metric.h"
#include "bench/tell/words.h"

/* What a session says, for short. */
struct said {
    const struct changed *list;
    size_t count;
    const struct difference *all;
};

static struct said said_of(const struct session *session) {
    return (struct said){session->lists[LIST_CHANGES].items, session->lists[LIST_CHANGES].count,
                         session->lists[LIST_DIFFERENCE].items};
}

/* ---- points and columns ---- */

static void put_point(FILE *out, const struct described *c) {
    const struct {
        const char *format;
        double value;
    } further[] = {
        {", %g messages per connection", c->per_connection},
        {", RTT %g ms", c->rtt_ms},
        {", loss %g %%", c->loss_percent},
        {", MTU %g", c->mtu_bytes},
        {", timer from %g ms", c->rto_floor_ms},
        {", %g ms between messages", c->gap_ms},
        {", %g idle beside", c->idle_connections},
        {", %g silent beside", c->silent_connections},
        {", closed after %g ms idle", c->idle_timeout_ms},
        {", %g us of service", c->delay_us},
        {", %g workers", c->workers},
        {", %.10g/s offered", c->offered_per_s},
        {", offered: rate %g of each session's own", c->point + 1},
    };
    const struct {
        const char *before, *text;
    } words[] = {{", arrivals ", c->arrivals},      {", assign ", c->assign},
                 {", design ", c->design},          {", lost: ", c->lost_packet},
                 {", ", c->dedup ? "dedup" : NULL}, {", ", c->placement}};
    (void)fprintf(out, "%.0f B payload", c->size_bytes);
    if (c->reply_bytes != c->size_bytes) (void)fprintf(out, " (reply %.0f)", c->reply_bytes);
    (void)fprintf(out, ", %s", words_counted(c->connections, "connection").text);
    if (c->pipeline != 1) (void)fprintf(out, ", pipeline %.0f", c->pipeline);
    for (size_t i = 0; i < sizeof further / sizeof further[0]; i++) {
        /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): all formats stand above */
        if (!isnan(further[i].value)) (void)fprintf(out, further[i].format, further[i].value);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].text != NULL) (void)fprintf(out, "%s%s", words[i].before, words[i].text);
    }
    (void)fprintf(out, ", %s engine", c->engine);
}

/* "tcp-persistent: 64 B payload, 1 connection, same-core, ..."; malloc'd, NULL without memory. */
static char *column_text(const struct described *column) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return NULL;
    (void)fprintf(out, "%s%s: ", column->variant, column->build == NULL ? "" : " (other build)");
    put_point(out, column);
    (void)fclose(out);
    return text;
}

static bool same_text(const char *one, const char *other) {
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* Columns of which the same is told. */
static bool same_column(const struct described *one, const struct described *other) {
    char *a = column_text(one), *b = column_text(other);
    const bool same = same_text(a, b);
    free(a);
    free(b);
    return same;
}

/* ---- the table ---- */

static bool of_floor(const struct changed *c) {
    return same_text(c->role, role_names[ROLE_FLOOR]);
}

static bool is_counted(const struct changed *c) {
    const struct metric *metric = metric_find(c->metric);
    return metric != NULL && metric->exact;
}

/* Metric and role together. */
static struct number label_of(const struct changed *c) {
    const struct metric *metric = metric_find(c->metric);
    struct number label = {"time / floor"};
    if (of_floor(c)) return (struct number){"the floor us"};
    if (metric == NULL) return label;
    (void)snprintf(label.text, sizeof label.text, "%s%s%s", metric->noun, metric->exact ? "" : " ",
                   metric->exact ? "" : metric->unit);
    return label;
}

static const char *verdict_word(const struct changed *c) {
    static const char *const counted[VERDICTS] = {[VERDICT_FASTER] = "fewer",
                                                  [VERDICT_SLOWER] = "more",
                                                  [VERDICT_SAME] = "equal",
                                                  [VERDICT_NOT_DECIDED] = "it wobbles"};
    if (!c->judged) return "not judged";
    if (c->regression) return "REGRESSION";
    if (is_counted(c)) return counted[c->verdict];
    return c->verdict == VERDICT_SAME ? "same" : verdict_names[c->verdict];
}

static void add_row(struct grid *grid, const struct changed *c) {
    grid_add(grid, "%s", label_of(c).text);
    grid_add(grid, "%s", words_number(c->base).text);
    grid_add(grid, "%s", words_number(c->new).text);
    grid_add(grid, "%s", words_ratio(c->ratio).text);
    grid_add(grid, isfinite(c->low) ? "%s to %s" : "-", words_ratio(c->low).text,
             words_ratio(c->high).text);
    grid_add(grid, isfinite(c->p) ? "%.3f" : "-", c->p);
    grid_add(grid, "%s", verdict_word(c));
}

/* The floor has none of our code in it: what changed there changed around the program. */
static void tell_drift(struct story *story, const struct changed *c) {
    if (!of_floor(c) || !(c->low > 1 || c->high < 1)) return;
    story_say(story, "The floor itself changed by %+.1f %%: the machine, not the program.",
              100 * (c->ratio - 1));
}

/* From the first of a column's numbers; where the next column begins. */
static size_t tell_column(struct story *story, const struct said *said, size_t first) {
    const struct described *column = &said->list[first].column;
    struct grid grid = grid_of("metric|base|new|ratio|interval|p|verdict");
    char *text = column_text(column);
    size_t end = first;
    story_say(story, "%s", text == NULL ? "" : text);
    free(text);
    for (; end < said->count && same_column(&said->list[end].column, column); end++) {
        add_row(&grid, &said->list[end]);
    }
    story_table(story, "", &grid);
    for (size_t i = first; i < end; i++) tell_drift(story, &said->list[i]);
    return end;
}

/* The level that all judged times share; NAN where there are none. */
static double level_of(const struct said *said) {
    for (size_t i = 0; i < said->count; i++) {
        if (isfinite(said->list[i].level)) return said->list[i].level;
    }
    return NAN;
}

static void tell_method(struct story *story, const struct said *said) {
    const double level = level_of(said);
    const struct difference *all = said->all;
    if (!isfinite(level)) return;
    story_say(story,
              "Verdicts are of Welch's intervals, at %.4g %% each and 95 %% together. p is of a "
              "permutation test and cannot be below %.2g here; it could reach %.2g with %zu "
              "sessions a side.",
              100 * level, difference_least_p(all->sessions_base, all->sessions_new), 1 - level,
              difference_sessions_to_speak(level));
}

static void tell_only(struct story *story, const struct session *session, enum list kind,
                      const char *side) {
    for (size_t i = 0; i < session->lists[kind].count; i++) {
        const struct only *only = SESSION_AT(session, kind, struct only, i);
        char *text = column_text(&only->column);
        story_say(story, "%s has only %s.", side, text == NULL ? "" : text);
        free(text);
    }
}

static void put_values(FILE *out, const struct facts *values) {
    for (size_t i = 0; i < values->count; i++) {
        const struct fact *fact = &values->list[i];
        if (i > 0) (void)fputs(" or ", out);
        switch (fact->kind) {
        case FACT_TEXT: (void)fputs(fact->text, out); break;
        case FACT_NUMBER: (void)fprintf(out, "%.4g", fact->number); break;
        case FACT_TRUTH: (void)fputs(fact->number != 0 ? "true" : "false", out); break;
        case FACT_UNKNOWN: (void)fputs("not known", out); break;
        }
    }
}

static void put_around(FILE *out, const void *what) {
    const struct environment_difference *one = what;
    (void)fprintf(out, "%s: ", one->name);
    put_values(out, &one->base);
    (void)fputs(" -> ", out);
    put_values(out, &one->new);
}

void diff_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    const struct said said = said_of(session);
    story_say(story, "%s and %s, the median of each",
              words_counted((double)said.all->sessions_base, "base session").text,
              words_counted((double)said.all->sessions_new, "new session").text);
    for (size_t i = 0; i < said.count;) i = tell_column(story, &said, i);
    tell_method(story, &said);
    tell_only(story, session, LIST_ONLY_BASE, "BASE");
    tell_only(story, session, LIST_ONLY_NEW, "NEW");
    if (session->around.count > 0) story_say(story, "What differs around the program:");
    for (size_t i = 0; i < session->around.count; i++) {
        story_tell(story, put_around, &session->around.list[i]);
    }
}

/* ---- the verdict ---- */

/* Whether every regression is one of bare time, whose floor has become slower as well. */
static bool all_by_the_machine(const struct said *said) {
    for (size_t i = 0; i < said->count; i++) {
        const struct changed *c = &said->list[i];
        bool slower = false; /* its floor */
        if (!c->regression) continue;
        for (size_t k = 0; k < said->count && !slower; k++) {
            const struct changed *floor = &said->list[k];
            slower = of_floor(floor) && floor->low > 1 && same_column(&floor->column, &c->column);
        }
        if (!slower || is_counted(c) || metric_find(c->metric) == NULL) return false;
    }
    return true;
}

static void tell_regression(struct story *story, const struct said *said) {
    const struct changed *first = said->list;
    while (!first->regression) first++;
    story_say(
        story,
        "Regression: %.0f of %s are worse by more than %g %%, the first %s, %s: %s times (%s to "
        "%s)%s.",
        (double)said->all->regressions, words_counted((double)said->all->judged, "comparison").text,
        100 * said->all->min_effect, first->column.variant, label_of(first).text,
        words_ratio(first->ratio).text, words_ratio(first->low).text, words_ratio(first->high).text,
        all_by_the_machine(said)
            ? "; their floor became slower too and nothing is slower over it: the machine or "
              "its kernel, not the program"
            : "");
}

static void tell_no_regression(struct story *story, const struct said *said) {
    unsigned count[VERDICTS] = {0};
    double needed = 0;
    char more[64] = "";
    for (size_t i = 0; i < said->count; i++) {
        if (!said->list[i].judged) continue;
        count[said->list[i].verdict]++;
        needed = fmax(needed, (double)said->list[i].sessions_needed);
    }
    if (needed > 0) {
        (void)snprintf(more, sizeof more, " (about %.0f sessions a side would decide all)", needed);
    }
    story_say(story,
              "No regression was found: of %s none is worse by more than %g %% for sure; %u are "
              "the same within %g %%, %u not decided%s.",
              words_counted((double)said->all->judged, "comparison").text,
              100 * said->all->min_effect, count[VERDICT_SAME], 100 * said->all->margin,
              count[VERDICT_NOT_DECIDED], more);
}

void diff_tell(struct story *story, const struct results *results) {
    const struct said said = said_of(results->sessions[0]);
    const uint64_t base = said.all->sessions_base, new = said.all->sessions_new;
    if (said.all->regressions > 0) {
        tell_regression(story, &said);
    } else if (said.all->too_few_valid > 0) {
        story_say(story,
                  "Not judged: %s lack sessions in which at least half of the runs are valid.",
                  words_counted((double)said.all->too_few_valid, "comparison").text);
    } else if (said.all->judged > 0) {
        tell_no_regression(story, &said);
    } else {
        story_say(story, "Shown, not judged: %s; at least %d a side are needed.",
                  words_counted((double)(base < new ? base : new), "session").text,
                  DIFFERENCE_SESSIONS_MIN);
    }
}
