/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab diff: sessions of a base and of something new, and whether that is a regression. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/experiment/all.h"
#include "bench/judge/difference.h"

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
    const char *extra = missing_in(session, first);
    const char *lacking = missing_in(first, session);
    if (extra != NULL) {
        return complain("%s: it ran other variants: %s, which %s did not run", session->file, extra,
                        first->file);
    }
    if (lacking == NULL) return EXIT_DONE;
    return complain("%s: it ran other variants: not %s, which %s ran", session->file, lacking,
                    first->file);
}

static bool same_run(const struct run *one, const struct run *other) {
    const struct samples *a = &one->samples, *b = &other->samples;
    return series_same(one, other) && one->block == other->block && one->order == other->order &&
           one->asked.seed == other->asked.seed && one->sent == other->sent &&
           one->elapsed_ns == other->elapsed_ns && a->count == b->count &&
           (a->count == 0 || memcmp(a->buckets, b->buckets, a->count * sizeof *a->buckets) == 0);
}

/* A copy of a session is no second session. */
static bool is_copy(const struct session *one, const struct session *other) {
    bool same = one->runs.count == other->runs.count;
    for (size_t i = 0; i < one->runs.count && same; i++) {
        same = same_run(one->runs.list[i], other->runs.list[i]);
    }
    return same;
}

/* Takes the session. */
static int take_session(struct sides *sides, struct session *session, bool base) {
    const int status = sides->count == 0 ? EXIT_DONE : check_variants(session, sides->list[0]);
    bool copy = false;
    for (size_t i = base ? 0 : sides->base_count; i < sides->count; i++) {
        copy = copy || is_copy(session, sides->list[i]);
    }
    if (status == EXIT_DONE && !copy) {
        sides->list[sides->count++] = session;
        sides->base_count += base;
        return status;
    }
    if (status == EXIT_DONE) {
        (void)complain("%s: it has the same runs as another file of its side and counts once",
                       session->file);
    }
    session_free(session);
    return status;
}

static int read_files(const struct request *request, struct sides *sides) {
    int status = EXIT_DONE;
    for (unsigned i = 0; i < request->file_count && status == EXIT_DONE; i++) {
        char why[SESSION_WHY];
        struct session *session = session_read(request->files[i], why);
        const bool usable = session != NULL && session_has_runs(session, why);
        if (usable) {
            status = take_session(sides, session, i < request->base_count);
        } else {
            status = complain("%s", why);
            session_free(session);
        }
    }
    return status;
}

static int check_output(const struct request *request) {
    struct stat a, b;
    if (request->json == NULL || stat(request->json, &a) != 0) return EXIT_DONE;
    for (unsigned i = 0; i < request->file_count; i++) {
        if (stat(request->files[i], &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
            continue;
        }
        return complain("--json %s would overwrite one of the sessions; name another file",
                        request->json);
    }
    return EXIT_DONE;
}

/* ---- comparing ---- */

static int compare_sides(struct lab *lab, const struct sides *sides) {
    const struct runs *runs[REQUEST_FILES_MAX];
    const struct facts *facts[REQUEST_FILES_MAX];
    struct session *session = lab->session;
    const size_t base = sides->base_count, new = sides->count - base;
    for (size_t i = 0; i < sides->count; i++) {
        runs[i] = &sides->list[i]->runs;
        facts[i] = &sides->list[i]->environment;
    }
    difference_conclude(session->lists, &(struct side){runs, base},
                        &(struct side){runs + base, new}, lab->request->margin_percent / 100,
                        lab->request->min_effect_percent / 100);
    session->around = environment_differences(facts, base, facts + base, new);
    if (session->lists[LIST_DIFFERENCE].count == 0) return complain("no memory for the difference");
    const struct difference *all = session->lists[LIST_DIFFERENCE].items;
    if (session->lists[LIST_CHANGES].count > 0 || all->too_few_valid > 0) return EXIT_DONE;
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
