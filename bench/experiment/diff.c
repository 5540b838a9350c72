/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab diff: sessions of a base and of something new, and whether that is a regression. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/experiment/all.h"
#include "bench/judge/difference.h"
#include "bench/judge/metric.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

/* What was read; copies of a session are not among them. */
struct sides {
    struct session *list[REQUEST_FILES_MAX]; /* the base ones, then the new ones */
    size_t base_count, count;
};

/* ---- reading ---- */

/* A variant that `one` ran and `other` did not; NULL: there is none. */
static const char *missing_in(const struct session *one, const struct session *other) {
    for (size_t i = 0; i < one->runs.count; i++) {
        const struct parameters *asked = &one->runs.list[i]->asked;
        bool there = asked->role != ROLE_VARIANT;
        for (size_t j = 0; j < other->runs.count && !there; j++) {
            const struct parameters *its = &other->runs.list[j]->asked;
            there = its->role == ROLE_VARIANT && its->variant == asked->variant;
        }
        if (!there) return asked->variant->name;
    }
    return NULL;
}

/* What was silently left out of a comparison could be what regressed. */
static int check_variants(const struct session *session, const struct session *first) {
    const char *extra = missing_in(session, first), *lacking = missing_in(first, session);
    if (extra == NULL && lacking == NULL) return EXIT_DONE;
    return complain("%s: it ran other variants: %s%s, which %s %s", session->file,
                    extra == NULL ? "not " : "", extra == NULL ? lacking : extra, first->file,
                    extra == NULL ? "ran" : "did not run");
}

bool diff_is_copy(const struct session *one, const struct session *other) {
    bool same = one->runs.count == other->runs.count;
    for (size_t i = 0; i < one->runs.count && same; i++) {
        const struct run *a = one->runs.list[i], *b = other->runs.list[i];
        same = series_same(a, b) && a->block == b->block && a->order == b->order &&
               a->sent == b->sent && a->elapsed_ns == b->elapsed_ns;
    }
    return same;
}

int diff_check_server(const struct session *session, const struct session *first) {
    static const char own[] = "a server of its own";
    const char *its = session->server == NULL ? own : session->server;
    const char *firsts = first->server == NULL ? own : first->server;
    if (strcmp(its, firsts) == 0) return EXIT_DONE;
    return complain("%s: it measured %s, and %s %s: sessions with one and the same server can be "
                    "compared",
                    session->file, its, first->file, firsts);
}

/* Takes the session. */
static int take_session(struct sides *sides, struct session *session, bool base) {
    int status = sides->count == 0 ? EXIT_DONE : check_variants(session, sides->list[0]);
    size_t i = 0;
    while (i < sides->count && !diff_is_copy(session, sides->list[i])) i++;
    if (status == EXIT_DONE && sides->count > 0)
        status = diff_check_server(session, sides->list[0]);
    if (status == EXIT_DONE && i == sides->count) {
        sides->list[sides->count++] = session;
        sides->base_count += base;
        return status;
    }
    if (status == EXIT_DONE && (i < sides->base_count) == base) {
        (void)complain("%s: it has the same runs as another file of its side and counts once",
                       session->file);
    } else if (status == EXIT_DONE) {
        status = complain("%s: it has the same runs as %s: a session is of one side alone; leave "
                          "out one of the two",
                          session->file, sides->list[i]->file);
    }
    session_free(session);
    return status;
}

static int read_files(const struct request *request, struct sides *sides) {
    int status = EXIT_DONE;
    for (unsigned i = 0; i < request->file_count && status == EXIT_DONE; i++) {
        char why[SESSION_WHY];
        struct session *session = session_read(request->files[i], why);
        if (session != NULL && session_has_runs(session, why)) {
            status = take_session(sides, session, i < request->base_count);
        } else {
            status = complain("%s", why);
            session_free(session);
        }
    }
    return status;
}

bool diff_would_overwrite(const char *path, const char *file) {
    struct stat a, b;
    return path != NULL && stat(path, &a) == 0 && stat(file, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int check_output(const struct request *request) {
    for (unsigned i = 0; i < request->file_count; i++) {
        if (!diff_would_overwrite(request->json, request->files[i])) continue;
        return complain("--json %s would overwrite one of the sessions; name another file",
                        request->json);
    }
    return EXIT_DONE;
}

/* ---- comparing ---- */

static int compare_sides(struct lab *lab, const struct sides *sides) {
    struct side_session all[REQUEST_FILES_MAX];
    const struct facts *facts[REQUEST_FILES_MAX];
    const struct request *request = lab->request;
    struct session *session = lab->session;
    const size_t base = sides->base_count, new = sides->count - base;
    for (size_t i = 0; i < sides->count; i++) {
        all[i] = (struct side_session){&sides->list[i]->runs, sides->list[i]->reference_us};
        facts[i] = &sides->list[i]->environment;
    }
    difference_conclude(session->lists, &(struct side){all, base}, &(struct side){all + base, new},
                        (struct difference_terms){request->of, request->margin_percent / 100,
                                                  request->min_effect_percent / 100});
    session->around = environment_differences(facts, base, facts + base, new);
    if (session->lists[LIST_DIFFERENCE].count == 0) return complain("no memory for the difference");
    const struct difference *found = session->lists[LIST_DIFFERENCE].items;
    if (session->lists[LIST_CHANGES].count > 0 || found->too_few_valid > 0) return EXIT_DONE;
    return complain("the two sides have no point in common: sizes, connections, placement or "
                    "network differ");
}

int diff_measure(struct lab *lab) {
    struct sides sides = {.count = 0};
    int status = check_output(lab->request);
    if (status == EXIT_DONE) status = read_files(lab->request, &sides);
    if (status == EXIT_DONE) status = compare_sides(lab, &sides);
    for (size_t i = 0; i < sides.count; i++) session_free(sides.list[i]);
    return status;
}

int diff_status(const struct lab *lab) {
    const struct difference *all = lab->session->lists[LIST_DIFFERENCE].items;
    if (all->regressions > 0) return EXIT_REGRESSION;
    return all->too_few_valid > 0 ? EXIT_NOT_VALID : EXIT_DONE;
}

/* ---- the table ---- */

/* What a session says, for short. */
struct said {
    const struct changed *list;
    size_t count;
    const struct difference *all;
};

static struct said said_of(const struct results *results) {
    const struct findings *lists = results->sessions[0]->lists;
    return (struct said){lists[LIST_CHANGES].items, lists[LIST_CHANGES].count,
                         lists[LIST_DIFFERENCE].items};
}

char *diff_column_text(const struct described *column) {
    char *text = NULL;
    size_t size = 0;
    const struct source source = fill_from(LIST_ONLY_BASE, column); /* the same, and no more */
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return NULL;
    fill_put(out, column->build == NULL ? "{variant}: " : "{variant} (other build): ", source);
    fill_put(out,
             "{size_bytes:count} bytes there, {reply_bytes:count} back, {connections:connection}"
             "[, {per_connection:message} on each]",
             source);
    if (column->pipeline != 1) fill_put(out, ", pipeline {pipeline:count}", source);
    fill_put(out,
             "[, RTT {rtt_ms:%g} ms][, loss {loss_percent:%g} %][, MTU {mtu_bytes:count}]"
             "[, timer from {rto_floor_ms:%g} ms][, {gap_ms:%g} ms between messages]"
             "[, {idle_connections:count} idle beside][, {silent_connections:count} silent beside]"
             "[, closed after {idle_timeout_ms:%g} ms idle][, {delay_us:%g} us of service]"
             "[, {workers:worker}][, {offered_per_s:count}/s offered]"
             "[, offered: each session's own rate, {point:%.0f} from 0][, arrivals {arrivals}]"
             "[, assign {assign}][, design {design}][, lost: {lost_packet}]",
             source);
    if (column->dedup) (void)fputs(", dedup", out);
    fill_put(out, "[, {placement}], {engine} engine", source);
    (void)fclose(out);
    return text;
}

/* Columns of which the same is told. */
static bool same_column(const struct changed *one, const struct changed *other) {
    char *a = diff_column_text(&one->column), *b = diff_column_text(&other->column);
    const bool same = a != NULL && b != NULL && strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}

static bool of_floor(const struct changed *c) {
    return strcmp(c->role, role_names[ROLE_FLOOR]) == 0;
}

static bool is_counted(const struct changed *c) {
    const struct metric *metric = metric_find(c->metric);
    return metric != NULL && metric->exact;
}

struct number diff_label(const char *metric) {
    const struct metric *known = metric_find(metric);
    struct number label = {"time / floor"};
    if (strcmp(metric, "time_per_reference") == 0) return (struct number){"time / pipe"};
    if (known != NULL) {
        (void)snprintf(label.text, sizeof label.text, "%s%s%s", known->noun,
                       known->exact ? "" : " ", known->exact ? "" : known->unit);
    }
    return label;
}

/* Metric and role together. */
static struct number label_of(const struct changed *c) {
    if (of_floor(c)) return (struct number){"the floor us"};
    return diff_label(c->metric);
}

static void add_row(struct grid *grid, const struct changed *c) {
    static const char *const counted[VERDICTS] = {"fewer", "more", "equal", "it wobbles"};
    const struct source source = fill_from(LIST_CHANGES, c);
    const bool undecided = c->verdict == VERDICT_NOT_DECIDED && isfinite(c->detectable);
    grid_add(grid, "%s", label_of(c).text);
    grid_fill(grid, "{base}|{new}|{ratio:ratio}|{ci_low:ratio} to {ci_high:ratio}|{p:%.3f}",
              source);
    grid_add(grid, undecided ? "%s (finds %s)" : "%s",
             !c->judged      ? "not judged"
             : c->regression ? "REGRESSION"
             : is_counted(c) ? counted[c->verdict]
                             : verdict_names[c->verdict],
             words_percent(c->detectable).text);
}

/* From the first of a column's numbers; where the next column begins. */
static size_t tell_column(struct story *story, const struct said *said, size_t first) {
    struct grid grid = grid_of("metric|base|new|ratio|interval|p|verdict");
    char *text = diff_column_text(&said->list[first].column);
    size_t end = first;
    story_say(story, "%s", text == NULL ? "" : text);
    free(text);
    for (; end < said->count && same_column(&said->list[end], &said->list[first]); end++) {
        add_row(&grid, &said->list[end]);
    }
    story_table(story, "", &grid);
    /* The floor has none of our code in it: what changed there changed around the program. */
    for (const struct changed *c = &said->list[first]; c < &said->list[end]; c++) {
        if (!of_floor(c) || !(c->low > 1 || c->high < 1)) continue;
        story_say(story, "The floor itself changed by %+.1f %%: the machine, not the program.",
                  100 * (c->ratio - 1));
    }
    return end;
}

static void tell_method(struct story *story, const struct said *said) {
    const struct difference *all = said->all;
    const struct changed *c = said->list, *end = said->list + said->count;
    story_say(story, "%s",
              strcmp(all->of, difference_of_names[DIFFERENCE_OF_HOST]) == 0
                  ? "Judged is a host, its kernel, a driver or a setting: by counts, times, and "
                    "time over an exchange through pipes, in which no socket is; the rest is "
                    "shown."
                  : "Judged are builds of echolab: by counts and time over the floor, or by times "
                    "where there is no floor; the rest is shown. `--of host` judges a kernel, a "
                    "driver or a setting.");
    while (c < end && isnan(c->level)) c++; /* all times share one */
    if (c == end) return;
    story_say(story,
              "Intervals are Welch's, at %.4g %% each and 95 %% together. p is of a permutation "
              "test and cannot be below %.2g here; it could reach %.2g with %zu sessions a side.",
              100 * c->level, difference_least_p(all->sessions_base, all->sessions_new),
              1 - c->level, difference_sessions_to_speak(c->level));
}

/* What does not wobble is said of one session a side, too. */
static void tell_counts(struct story *story, const struct said *said) {
    const struct changed *differs = NULL, *wobbles = NULL;
    unsigned counts = 0, differ = 0, wobble = 0;
    for (const struct changed *c = said->list; c < said->list + said->count; c++) {
        if (!is_counted(c)) continue;
        const double step = DIFFERENCE_COUNT_STEP;
        const bool apart = c->diff_low > step || c->diff_high < -step;
        const bool equal = c->diff_low >= -step && c->diff_high <= step;
        counts++;
        differ += apart;
        wobble += !apart && !equal;
        if (apart && differs == NULL) differs = c;
        if (!apart && !equal && wobbles == NULL) wobbles = c;
    }
    if (counts == 0)
        story_say(story, "Packets and system calls were not counted on both sides: `make "
                         "sessions` counts them, by `echolab compare --counts`.");
    else if (differs != NULL)
        story_say(story,
                  "Packets or system calls per message differ: %u of %s, the first %s by `%s`, %s "
                  "and now %s.",
                  differ, words_counted(counts, "count").text, label_of(differs).text,
                  differs->column.variant, words_each(differs->base).text,
                  words_each(differs->new).text);
    else if (wobbles == NULL)
        story_say(story, "Packets and system calls per message are equal on both sides: all %s.",
                  words_counted(counts, "count").text);
    else
        story_say(story,
                  "Packets and system calls per message are equal on both sides, but for %u of %s "
                  "that wobble from session to session, the first %s by `%s`.",
                  wobble, words_counted(counts, "count").text, label_of(wobbles).text,
                  wobbles->column.variant);
}

static void tell_only(struct story *story, const struct session *session, enum list kind,
                      const char *side) {
    for (size_t i = 0; i < session->lists[kind].count; i++) {
        char *text = diff_column_text(&SESSION_AT(session, kind, struct only, i)->column);
        story_say(story, "%s has only %s.", side, text == NULL ? "" : text);
        free(text);
    }
}

void diff_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    const struct said said = said_of(results);
    struct grid around = grid_of("differs around the program|base|new");
    (void)story_fill(story,
                     "{sessions_base:base session} and {sessions_new:new session}, the median of "
                     "each",
                     fill_from(LIST_DIFFERENCE, said.all));
    tell_counts(story, &said);
    for (size_t i = 0; i < said.count;) i = tell_column(story, &said, i);
    tell_method(story, &said);
    tell_only(story, session, LIST_ONLY_BASE, "BASE");
    tell_only(story, session, LIST_ONLY_NEW, "NEW");
    for (size_t i = 0; i < session->around.count; i++) {
        const struct environment_difference *one = &session->around.list[i];
        grid_add(&around, "%s", one->name);
        words_cell_facts(&around, one->base.list, one->base.count);
        words_cell_facts(&around, one->new.list, one->new.count);
    }
    story_table(story, "", &around);
}

/* ---- the verdict ---- */

/* Whether every regression is one of bare time, whose floor has become slower as well. */
static bool all_by_the_machine(const struct said *said) {
    const struct changed *end = said->list + said->count;
    for (const struct changed *c = said->list; c < end; c++) {
        const struct changed *floor = said->list;
        while (floor < end && !(of_floor(floor) && floor->low > 1 && same_column(floor, c)))
            floor++;
        if (!c->regression) continue;
        if (floor == end || is_counted(c) || metric_find(c->metric) == NULL) return false;
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
            ? "; their floor became slower too: the machine or its kernel, not the program"
            : "");
}

static void tell_no_regression(struct story *story, const struct said *said) {
    unsigned count[VERDICTS] = {0};
    double needed = 0;
    char more[64] = "";
    for (size_t i = 0; i < said->count; i++) {
        if (!said->list[i].judged || !said->list[i].gates) continue;
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

/* How much could have been found, of the clearest and of the least clear. */
static void tell_power(struct story *story, const struct said *said) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < said->count; i++) {
        if (!said->list[i].gates) continue;
        least = fmin(least, said->list[i].detectable); /* of a number and NAN it is the number */
        most = fmax(most, said->list[i].detectable);
    }
    if (isinf(least)) return;
    story_say(story,
              "With 80 %% power these sessions find differences of time from %s on at the "
              "clearest, and from %s at the least clear; to be a regression, %g %% more.",
              words_percent(least).text, words_percent(most).text, 100 * said->all->min_effect);
}

void diff_tell(struct story *story, const struct results *results) {
    const struct said said = said_of(results);
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
    tell_power(story, &said);
}
