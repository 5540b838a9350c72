/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparisons in words, and in the tables of the page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/experiment/gather.h"
#include "bench/judge/compared.h"

/* ---- the sentence ---- */

/* Where a comparison was made, as a sentence begins with it. Other places are named as they are. */
static void put_place(FILE *out, const struct compared *c) {
    static const struct {
        const char *placement, *words;
    } places[] = {
        {"same-core", "On the same core"},
        {"cross-core", "On two cores, both sides blocking,"},
        {"spin", "On two cores, both sides polling,"},
        {"awake", "On two cores that are kept awake, both sides blocking,"},
        {"remote", "Over the network"},
    };
    const char *words = "Measured side by side,";
    for (size_t i = 0; c->placement != NULL && i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(places[i].placement, c->placement) == 0) words = places[i].words;
    }
    (void)fputs(words, out);
    if (isfinite(c->rtt_ms)) (void)fprintf(out, " over a wire of %.4g ms", c->rtt_ms);
}

void compare_put_support(FILE *out, double level, struct interval interval, uint64_t blocks,
                         struct number (*in_words)(double value)) {
    (void)fputs(" (", out);
    if (blocks > 1 && isfinite(interval.low) && isfinite(interval.high)) {
        (void)fprintf(out, "%.3g %% interval %s to %s, ", 100 * level, in_words(interval.low).text,
                      in_words(interval.high).text);
    }
    (void)fprintf(out, "%s%s)", words_counted((double)blocks, "block").text,
                  blocks == 1 ? ", too few for an interval" : "");
}

void compare_put_ratio(FILE *out, const struct ratio *ratio) {
    (void)fprintf(out, "%s times", words_ratio(ratio->times.value).text);
    compare_put_support(out, ratio->level, ratio->times, ratio->blocks, words_ratio);
}

/* ", 46.1 us (44.2 to 48.0) less" */
static void put_difference(FILE *out, const struct compared *c) {
    const bool less = c->diff < 0;
    if (!isfinite(c->diff)) return;
    struct interval far = {fabs(c->diff), less ? -c->diff_high : c->diff_low,
                           less ? -c->diff_low : c->diff_high};
    if (c->blocks <= 1) far.low = NAN;
    (void)fprintf(out, ", %s us", words_number(far.value).text);
    if (isfinite(far.low) && isfinite(far.high)) {
        (void)fprintf(out, " (%s to %s)", words_number(far.low).text, words_number(far.high).text);
    }
    (void)fputs(less ? " less" : " more", out);
}

struct number compare_verdict_words(const struct compared *c) {
    struct number words;
    char finds[32] = "", would[32] = "";
    if (c->verdict == VERDICT_NOT_DECIDED && !isnan(c->detectable)) {
        (void)snprintf(finds, sizeof finds, "finds %.16s", words_percent(c->detectable).text);
    }
    if (c->blocks_needed > 0 && c->blocks_needed != FIELD_UNKNOWN) {
        (void)snprintf(would, sizeof would, "about %.0f blocks would", (double)c->blocks_needed);
    }
    const bool both = *finds != '\0' && *would != '\0', any = *finds != '\0' || *would != '\0';
    (void)snprintf(words.text, sizeof words.text, "%s%s%s%s%s%s", verdict_names[c->verdict],
                   any ? " (" : "", finds, both ? "; " : "", would, any ? ")" : "");
    return words;
}

void compare_put_sentence(FILE *out, const void *compared) {
    const struct compared *c = compared;
    const struct metric *metric = metric_find(c->metric);
    if (metric == NULL || metric->subject == NULL) return;
    put_place(out, c);
    (void)fprintf(out, " %s `%s` %s %s times", metric->subject, c->variant, metric->verb,
                  words_ratio(c->ratio).text);
    compare_put_support(out, c->level, (struct interval){c->ratio, c->low, c->high}, c->blocks,
                        words_ratio);
    if (compared_with_other_build(c)) {
        (void)fprintf(out, " %s the other build", metric->than);
    } else {
        (void)fprintf(out, " %s `%s`", metric->than, c->baseline);
    }
    if (isfinite(c->baseline_offered_per_s)) (void)fputs(", each at a rate of its own", out);
    put_difference(out, c);
    (void)fprintf(out, ": %s.", compare_verdict_words(c).text);
}

/* ---- the answer ---- */

static bool is_answer(const struct answers *answers, const struct compared *c,
                      const struct metric *metric) {
    return answers_central(answers, c) && strcmp(c->metric, metric->name) == 0;
}

static bool same_place(const struct compared *a, const struct compared *b) {
    return a->placement == NULL || b->placement == NULL ? a->placement == b->placement
                                                        : strcmp(a->placement, b->placement) == 0;
}

/* Placement by placement, in the order of the first of each. */
static void tell_answers(struct story *story, const struct answers *answers,
                         const struct metric *metric) {
    if (story->html) (void)fputs("<ul class=\"answer\">\n", story->out);
    for (size_t i = 0; i < answers->count; i++) {
        size_t first = 0;
        while (!same_place(answers->list[first], answers->list[i])) first++;
        for (size_t k = i; first == i && k < answers->count; k++) {
            const struct compared *c = answers->list[k];
            if (!same_place(c, answers->list[i]) || !is_answer(answers, c, metric)) continue;
            story_tell_as(story, "li", compare_put_sentence, c);
        }
    }
    if (story->html) (void)fputs("</ul>\n", story->out);
}

void compare_tell(struct story *story, const struct results *results) {
    struct answers answers = gather_answers(results);
    const struct metric *metric = answers_metric(&answers);
    if (metric != NULL || story->directory != NULL) story_heading(story, 2, "The answer");
    if (metric != NULL) {
        tell_answers(story, &answers, metric);
    } else if (story->directory != NULL) {
        story_say(story,
                  "No comparison has been run. `echolab compare --json %s/results/core.json` makes "
                  "one.",
                  story->directory);
    }
    answers_free(&answers);
}

/* ---- as tables ---- */

struct number compare_ratio_words(const struct compared *c) {
    const double low = c->blocks > 1 ? c->low : (double)NAN;
    return words_interval((struct interval){c->ratio, low, c->high}, words_ratio);
}

struct number compare_difference_words(const struct compared *c) {
    const double low = c->blocks > 1 ? c->diff_low : (double)NAN;
    return words_interval((struct interval){c->diff, low, c->diff_high}, words_number);
}

enum { WHERE_BYTES = 160 };

/* "same-core, 64 bytes, 1 connection"; of those that are all at one point, where they ran alone. */
static const char *where_of(const struct compared *c, bool place, bool point,
                            char text[WHERE_BYTES]) {
    const struct number parts[] = {
        words_condition("placement", NAN, place ? c->placement : ""),
        words_condition("size_bytes", point ? c->size_bytes : (double)NAN, NULL),
        words_condition("connections", point ? c->connections : (double)NAN, NULL),
        words_condition("engine", NAN, place && point ? c->engine : NULL),
    };
    size_t length = 0;
    *text = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (*parts[i].text == '\0') continue;
        length += (size_t)snprintf(text + length, WHERE_BYTES - length, "%s%s",
                                   length > 0 ? ", " : "", parts[i].text);
    }
    return text;
}

static struct grid comparisons_grid(const struct answers *answers, bool central) {
    struct grid grid = grid_of("where|metric|variant|against|ratio, interval|difference in "
                               "us|blocks|verdict");
    for (size_t i = 0; i < answers->count; i++) {
        const struct compared *c = answers->list[i];
        const struct metric *metric = metric_find(c->metric);
        char where[WHERE_BYTES];
        if (answers_central(answers, c) != central) continue;
        grid_add(&grid, "%s", where_of(c, true, !central, where));
        grid_add(&grid, "%s", metric == NULL ? c->metric : metric->title);
        grid_add(&grid, "`%s`", c->variant);
        grid_add(&grid, "`%s`", c->baseline);
        grid_add(&grid, "%s", compare_ratio_words(c).text);
        grid_add(&grid, "%s", compare_difference_words(c).text);
        grid_add(&grid, "%.0f", (double)c->blocks);
        grid_add(&grid, "%s", verdict_names[c->verdict]);
    }
    return grid;
}

/* What is not central is long: on a terminal it is only counted. */
static void tell_others(struct story *story, struct grid *others) {
    const size_t count = grid_rows(others) - 1;
    char summary[80];
    (void)snprintf(summary, sizeof summary,
                   "%zu others: sweeps, the floor, a variant against itself", count);
    if (story->html) {
        story_fold(story, summary, "comparisons", others);
        return;
    }
    if (count > 0) story_say(story, "%s: they are on the page.", summary);
    grid_free(others);
}

void comparisons_tell(struct story *story, const struct results *results) {
    struct answers answers = gather_answers(results);
    char point[WHERE_BYTES];
    if (answers.count > 0) {
        struct grid central = comparisons_grid(&answers, true);
        struct grid others = comparisons_grid(&answers, false);
        story_heading(story, 2, "The comparisons");
        story_say(story, "A ratio above 1: the variant takes more than what it stands against. "
                         "Variants were run in turns within each block and are compared within "
                         "it; the interval is the verdict's own.");
        story_say(story, "All with %s:", where_of(answers_most(&answers), false, true, point));
        story_table(story, "comparisons", &central);
        tell_others(story, &others);
    }
    answers_free(&answers);
}
