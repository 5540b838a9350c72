/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab diff: sessions of a base and of something new, and whether that is a regression. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/cli/commands.h"
#include "bench/judge/difference.h"
#include "bench/run/result.h"
#include "bench/session/output.h"
#include "bench/session/session.h"

enum { WHY_BYTES = 1024 };

/* ---- reading ---- */

/* The names of the variants that a session ran, as an object. */
static json_t *variants_of(const json_t *session) {
    json_t *names = json_object();
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(session, "runs"), i, run) {
        if (strcmp(result_text(run, "role"), "variant") != 0) continue;
        (void)json_object_set_new(names, result_text(run, "variant"), json_true());
    }
    return names;
}

/* A name that `from` has and `other` has not; NULL: there is none. It lives as long as `from`. */
static const char *missing_in(json_t *from, const json_t *other) {
    const char *name;
    json_t *ignored;
    json_object_foreach(from, name, ignored) {
        if (json_object_get(other, name) == NULL) return name;
    }
    return NULL;
}

/* What was silently left out of a comparison could be what regressed. */
static int check_variants(const char *path, const json_t *session, const char *first_path,
                          const json_t *first) {
    int status = EXIT_DONE;
    json_t *its = variants_of(session);
    json_t *wanted = variants_of(first);
    const char *extra = missing_in(its, wanted);
    const char *lacking = missing_in(wanted, its);
    if (extra != NULL) {
        status = complain("%s: it ran other variants: %s, which %s did not run", path, extra,
                          first_path);
    } else if (lacking != NULL) {
        status =
            complain("%s: it ran other variants: not %s, which %s ran", path, lacking, first_path);
    }
    json_decref(its);
    json_decref(wanted);
    return status;
}

/* A copy of a session is no second session. */
static bool is_copy(const json_t *side, const json_t *session) {
    for (size_t i = 0; i < json_array_size(side); i++) {
        const json_t *runs = json_object_get(json_array_get(side, i), "runs");
        if (json_equal(runs, json_object_get(session, "runs")) != 0) return true;
    }
    return false;
}

static int take_file(const struct options *options, unsigned number, json_t *base, json_t *new) {
    const char *path = options->files[number];
    json_t *side = number < options->base_count ? base : new;
    char why[WHY_BYTES];
    json_t *session = session_load(path, why, sizeof why);
    if (session == NULL) return complain("%s", why);
    int status = EXIT_DONE;
    if (json_array_size(base) > 0) {
        status = check_variants(path, session, options->files[0], json_array_get(base, 0));
    }
    if (status == EXIT_DONE && is_copy(side, session)) {
        (void)complain("%s: it has the same runs as another file of its side and counts once",
                       path);
    } else if (status == EXIT_DONE) {
        (void)json_array_append(side, session);
    }
    json_decref(session);
    return status;
}

/* ---- writing ---- */

static bool same_file(const char *one, const char *other) {
    struct stat a;
    struct stat b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int check_output(const struct options *options) {
    if (options->json == NULL) return EXIT_DONE;
    for (unsigned i = 0; i < options->file_count; i++) {
        if (same_file(options->json, options->files[i])) {
            return complain("--json %s would overwrite one of the sessions; name another file",
                            options->json);
        }
    }
    const int failed = output_check(options->json);
    return failed == 0 ? EXIT_DONE
                       : complain("cannot write %s: %s", options->json, strerror(-failed));
}

static int write_json(const struct options *options, json_t *difference) {
    json_t *file = json_pack("{s:s, s:s, s:n, s:n, s:[]}", "schema", "echolab/1", "command", "diff",
                             "seed", "environment", "runs");
    (void)json_object_update(file, difference);
    const int failed = file == NULL ? -1 : output_write_json(options->json, file);
    json_decref(file);
    return failed == 0 ? EXIT_DONE
                       : complain("cannot write %s: %s", options->json, strerror(-failed));
}

/* ---- the command ---- */

static int conclude(const struct options *options, json_t *difference) {
    if (!options->quiet) difference_print(stdout, difference);
    difference_print_verdict(stdout, difference);
    const int status = options->json == NULL ? EXIT_DONE : write_json(options, difference);
    if (status != EXIT_DONE) return status;
    if (result_number(difference, "regressions", 0) > 0) return EXIT_REGRESSION;
    return result_number(difference, "too_few_valid", 0) > 0 ? EXIT_NOT_VALID : EXIT_DONE;
}

static int compare_sides(const struct options *options, const json_t *base, const json_t *new) {
    const struct difference_options how = {.margin = options->margin,
                                           .min_effect = options->min_effect};
    json_t *difference = difference_of(base, new, &how);
    if (difference == NULL) return complain("no memory for the difference");
    const bool empty = json_array_size(json_object_get(difference, "comparisons")) == 0 &&
                       result_number(difference, "too_few_valid", 0) == 0;
    const int status = empty ? complain("the two sides have no point in common: sizes, "
                                        "connections, placement or network differ")
                             : conclude(options, difference);
    json_decref(difference);
    return status;
}

int command_diff(const struct options *options) {
    if (options->base_count == 0 || options->base_count >= options->file_count) {
        (void)complain("diff needs files on both sides: BASE... -- NEW...");
        return EXIT_WRONG_USAGE;
    }
    json_t *base = json_array();
    json_t *new = json_array();
    int status = check_output(options);
    for (unsigned i = 0; i < options->file_count && status == EXIT_DONE; i++) {
        status = take_file(options, i, base, new);
    }
    if (status == EXIT_DONE) status = compare_sides(options, base, new);
    json_decref(base);
    json_decref(new);
    return status;
}
