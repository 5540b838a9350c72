/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of the page: what does not count, how to repeat it, and where it was measured. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/environment_difference.h"
#include "bench/measure/environment.h"
#include "bench/report/report.h"
#include "bench/tell/words.h"

/* ---- runs that do not count ---- */

static bool same_refusal(const struct run *one, const struct run *other) {
    if (run_is_valid(other) || one->asked.variant != other->asked.variant) return false;
    if (one->asked.role != other->asked.role || one->validity.count != other->validity.count)
        return false;
    for (unsigned i = 0; i < one->validity.count; i++)
        if (!validity_same_reason(one->validity.reason[i], other->validity.reason[i])) return false;
    return true;
}

static size_t count_like(const struct run *run, const struct runs *runs, size_t from, size_t to) {
    size_t count = 0;
    for (size_t i = from; i < to; i++) count += same_refusal(run, runs->list[i]);
    return count;
}

static void add_reasons(struct grid *grid, const struct validity *validity) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    for (unsigned i = 0; out != NULL && i < validity->count; i++)
        (void)fprintf(out, "%s%s", i > 0 ? "; " : "", validity->reason[i]);
    if (out != NULL) (void)fclose(out);
    grid_add(grid, "%s", text == NULL ? "" : text);
    free(text);
}

/* Runs that differ in the numbers of their reasons alone are one row with a count. */
static void add_refused(struct grid *grid, const struct session *session) {
    const struct runs *runs = &session->runs;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (run_is_valid(run) || count_like(run, runs, 0, i) > 0) continue;
        grid_add(grid, "%zu", count_like(run, runs, i, runs->count));
        grid_add(grid, "`%s`", run->asked.variant->name);
        grid_add(grid, "%s", role_names[run->asked.role]);
        add_reasons(grid, &run->validity);
        grid_add(grid, "%s", session->file);
    }
}

/* Experiments that are no plan of runs have runs that are theirs to judge. */
static bool is_planned(const struct session *session) {
    return strcmp(session->command, "compare") == 0 || strcmp(session->command, "sweep") == 0;
}

/* What a session finds when it compares a variant with itself; NAN: it did not, or in few blocks.
 */
static double own_difference(const struct session *session) {
    const struct findings *list = &session->lists[LIST_COMPARISONS];
    const struct compared *all = list->items;
    for (size_t i = 0; i < list->count; i++) {
        const bool itself = all[i].role != NULL && strcmp(all[i].role, role_names[ROLE_A_A]) == 0;
        const size_t enough = 15;
        if (itself && all[i].comparison.blocks >= enough) return all[i].comparison.detectable;
    }
    return NAN;
}

void origin_tell_restless(struct story *story, const struct results *results) {
    const double usual = 0.05; /* on a quiet machine less than half of it */
    size_t all = 0, refused = 0;
    double worst = 0;
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (!is_planned(session)) continue;
        for (size_t k = 0; k < session->runs.count; k++)
            refused += !run_is_valid(session->runs.list[k]);
        all += session->runs.count;
        worst = fmax(worst, own_difference(session));
    }
    const bool many = 10 * refused > all, unsure = worst > usual;
    if (!many && !unsure) return;
    char *found = NULL;
    if (unsure &&
        asprintf(&found, ", and differences below %s are not seen", words_percent(worst).text) < 0)
        found = NULL;
    story_say(
        story,
        "This machine was not quiet: %zu of %zu runs do not count%s. What is shown is made of "
        "the rest, with the intervals that it gives; below, \"Runs that do not count\" says "
        "why.",
        refused, all, found == NULL ? "" : found);
    free(found);
}

void origin_tell_excluded(struct story *story, const struct results *results) {
    struct grid grid = grid_of("runs|variant|role|why|file");
    size_t all = 0, refused = 0, shown = 0;
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (!is_planned(session)) continue;
        add_refused(&grid, session);
        all += session->runs.count;
        for (size_t k = 0; k < session->runs.count; k++) {
            const struct run *run = session->runs.list[k];
            refused += !run_is_valid(run);
            shown += run_is_valid(run) && run->asked.role == ROLE_VARIANT;
        }
    }
    story_say(story,
              "Of %zu runs %zu are not valid and count nowhere. In the figures are the %zu of the "
              "variants themselves; those of floors and of a variant beside itself are in the "
              "comparisons.",
              all, refused, shown);
    story_table(story, "grey", &grid);
}

/* ---- how to repeat it ---- */

/* As a shell takes it again. */
static void put_word(FILE *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=+.,:/%@";
    const bool quoted = *word == '\0' || word[strspn(word, plain)] != '\0';
    if (quoted) (void)fputc('\'', out);
    for (; *word != '\0'; word++) (void)fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, out);
    if (quoted) (void)fputc('\'', out);
}

static bool is_given(const char *const *argv, const char *option) {
    const size_t length = strlen(option);
    for (; *argv != NULL; argv++)
        if (strncmp(*argv, option, length) == 0 && ((*argv)[length] == '=' || !(*argv)[length]))
            return true;
    return false;
}

char *origin_command(const struct session *session) {
    char *text = NULL;
    size_t length = 0;
    if (session->argv == NULL) return NULL;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (size_t i = 0; session->argv[i] != NULL; i++) {
        if (i > 0) (void)fputc(' ', out);
        put_word(out, session->argv[i]);
    }
    if (session->seed != FIELD_UNKNOWN && !is_given(session->argv, "--seed"))
        (void)fprintf(out, " --seed %llu", (unsigned long long)session->seed);
    (void)fclose(out);
    return text;
}

void origin_tell_commands(struct story *story, const struct results *results) {
    struct grid grid = grid_of("file|started|command");
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        char *command = origin_command(session);
        grid_add(&grid, "%s", session->file);
        grid_add(&grid, "%s", session->started == NULL ? "-" : session->started);
        grid_add(&grid, command == NULL ? "not recorded" : "`%s`", command);
        free(command);
    }
    story_table(story, "commands", &grid);
}

/* ---- where it was measured ---- */

/* What is known of before and after the runs is one row. */
static void tell_facts(struct story *story, const struct facts *facts) {
    static const char after[] = "after.";
    struct grid grid = grid_of("name|value|after the runs");
    for (size_t i = 0; i < facts->count; i++) {
        char later[128];
        const char *name = facts->list[i].name;
        if (strncmp(name, after, strlen(after)) == 0) continue;
        (void)snprintf(later, sizeof later, "%s%s", after, name);
        const struct fact *then = facts_find(facts, later);
        grid_add(&grid, "%s", name);
        words_cell_facts(&grid, &facts->list[i], 1);
        words_cell_facts(&grid, then, then == NULL ? 0 : 1);
    }
    story_table(story, "environment", &grid);
}

static void tell_differences(struct story *story, const struct facts *const *all, size_t count,
                             const char *file) {
    struct environment_differences differences =
        environment_differences(all, 1, all + 1, count - 1);
    struct grid grid = grid_of("differs");
    grid_head(&grid, "%s", file);
    grid_head(&grid, "the other files");
    for (size_t i = 0; i < differences.count; i++) {
        const struct environment_difference *one = &differences.list[i];
        grid_add(&grid, "%s", one->name);
        words_cell_facts(&grid, one->base.list, one->base.count);
        words_cell_facts(&grid, one->new.list, one->new.count);
    }
    if (differences.count > 0)
        story_say(story, "Not everything on this page was measured in the same surroundings:");
    else
        story_say(story, "In all %zu files that say where they were measured it is the same place.",
                  count);
    story_table(story, "environment", &grid);
    environment_differences_free(&differences);
}

/* Of the files that say so: the first, and what is otherwise in the others. */
void origin_tell_environment(struct story *story, const struct results *results) {
    const struct facts **all = calloc(results->count + 1, sizeof(struct facts *));
    const char *file = "";
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (session->environment.count == 0) continue;
        if (count == 0) file = session->file;
        all[count++] = &session->environment;
    }
    if (count > 1) tell_differences(story, all, count, file);
    if (count > 0)
        tell_facts(story, all[0]);
    else
        story_say(story, "The result files do not say.");
    free(all);
}
