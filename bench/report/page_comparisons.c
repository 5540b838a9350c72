/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

/* What a ratio of each metric means: "... takes 4.2 times (...) as long as ...". */
static const struct metric_words {
    const char *metric, *name, *before, *after;
} metric_words[] = {
    {"time_per_message", "time per message", "a message by `%s` takes", "as long as one by"},
    {"p50", "median latency", "the median latency of `%s` is", "that of"},
    {"cpu_per_message", "CPU time per message", "`%s` uses", "the CPU time per message of"},
};

static struct metric_words words_of(const json_t *comparison) {
    const char *metric = json_string_value(json_object_get(comparison, "metric"));
    if (metric == NULL) metric = "ratio";
    for (size_t i = 0; i < sizeof metric_words / sizeof *metric_words; i++) {
        if (strcmp(metric_words[i].metric, metric) == 0) return metric_words[i];
    }
    return (struct metric_words){metric, metric, "this value of `%s` is", "that of"};
}

/* Where a comparison was made, as a sentence begins with it. Other places are named as they are. */
static void put_place(FILE *out, const json_t *comparison) {
    static const struct {
        const char *placement, *words;
    } places[] = {
        {"same-core", "On the same core"},
        {"cross-core", "On two cores, both sides blocking,"},
        {"spin", "On two cores, both sides polling,"},
        {"awake", "On two cores that are kept awake, both sides blocking,"},
    };
    const char *placement = query_text(comparison, "placement", "");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strcmp(places[i].placement, placement) == 0) {
            (void)fputs(places[i].words, out);
            return;
        }
    }
    if (*placement == '\0')
        (void)fputs("Measured side by side,", out);
    else
        (void)fprintf(out, "With placement `%s`", placement);
}

/* "(95 % interval 4.18 to 4.28, 15 blocks)"; a single block has no interval. */
static void put_support(FILE *out, double level, double low, double high, double blocks) {
    (void)fputs(" (", out);
    if (blocks > 1)
        (void)fprintf(out, "%.3g %% interval %s to %s, ", 100 * level, words_ratio(low).text,
                      words_ratio(high).text);
    (void)fprintf(out, "%.0f block%s)", blocks, blocks == 1 ? ", too few for an interval" : "s");
}

/* ", 46.1 us (44.2 to 48.0) less" */
static void put_difference(FILE *out, const json_t *comparison) {
    const json_t *diff = query_field(comparison, "diff");
    if (!json_is_number(diff)) return;
    const double value = json_number_value(diff), sign = value < 0 ? -1 : 1;
    const char *const ends[] = {value < 0 ? "diff_ci_high" : "diff_ci_low",
                                value < 0 ? "diff_ci_low" : "diff_ci_high"};
    (void)fprintf(out, ", %s us", words_number(fabs(value)).text);
    if (query_number(comparison, "blocks") > 1 && json_is_number(query_field(comparison, ends[0])))
        (void)fprintf(out, " (%s to %s)",
                      words_number(sign * query_number(comparison, ends[0])).text,
                      words_number(sign * query_number(comparison, ends[1])).text);
    (void)fputs(value < 0 ? " less" : " more", out);
}

static void put_comparison(FILE *out, const json_t *comparison) {
    const struct metric_words words = words_of(comparison);
    const char *hole = strstr(words.before, "%s");
    put_place(out, comparison);
    (void)fprintf(out, " %.*s%s%s ", (int)(hole - words.before), words.before,
                  query_text(comparison, "variant", "?"), hole + 2);
    (void)fprintf(out, "%s times", words_ratio(query_number(comparison, "ratio")).text);
    put_support(out, query_number(comparison, "level"), query_number(comparison, "ci_low"),
                query_number(comparison, "ci_high"), query_number(comparison, "blocks"));
    (void)fprintf(out, " %s `%s`", words.after, query_text(comparison, "baseline", "?"));
    put_difference(out, comparison);
    (void)fprintf(out, ": %s", query_text(comparison, "verdict", "no verdict"));
    if (query_number(comparison, "blocks_needed") > 0)
        (void)fprintf(out, " (about %.0f blocks would)", query_number(comparison, "blocks_needed"));
    (void)fputs(".", out);
}

static bool is_complete(const json_t *comparison) {
    const char *const needed[] = {"ratio", "ci_low", "ci_high", "level", "blocks"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!json_is_number(query_field(comparison, needed[i]))) return false;
    }
    return true;
}

static bool equal_in(const json_t *a, const json_t *b, const char *const *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!json_equal(query_field(a, fields[i]), query_field(b, fields[i]))) return false;
    }
    return true;
}

/* Of the comparisons that ask the same, the one with the most blocks answers. */
static bool is_best(const struct measured *measured, const json_t *comparison) {
    const char *const asks[] = {"metric",    "variant",    "baseline",    "role",
                                "placement", "size_bytes", "connections", "engine"};
    bool before = true;
    size_t i;
    json_t *other;
    json_array_foreach(measured->comparisons, i, other) {
        if (other == comparison) before = false;
        if (other == comparison || !is_complete(other)) continue;
        if (!equal_in(other, comparison, asks, sizeof asks / sizeof *asks)) continue;
        const double more = query_number(other, "blocks") - query_number(comparison, "blocks");
        if (more > 0 || (more == 0 && before)) return false;
    }
    return true;
}

/* Where the lab looked most closely: the other sizes and connections are sweeps. */
static const json_t *most_blocks(const struct measured *measured) {
    const json_t *most = NULL;
    size_t i;
    json_t *one;
    json_array_foreach(measured->comparisons, i, one) {
        if (!is_complete(one)) continue;
        if (most == NULL || query_number(one, "blocks") > query_number(most, "blocks")) most = one;
    }
    return most;
}

/*
 * What the answer is made of: one variant against another, none against its
 * floor or itself, at the size and connections with the most blocks.
 */
static bool is_central(const struct measured *measured, const json_t *comparison) {
    const char *const point[] = {"size_bytes", "connections", "engine"};
    const json_t *most = most_blocks(measured);
    return is_complete(comparison) && equal_in(comparison, most, point, 3) &&
           strcmp(query_text(comparison, "role", "variant"), "variant") == 0 &&
           query_contains_text(measured->variants, query_text(comparison, "baseline", "")) &&
           is_best(measured, comparison);
}

/* The first of the metrics in words that was compared. */
static const char *central_metric(const struct measured *measured) {
    size_t i;
    json_t *one;
    for (size_t k = 0; k < sizeof metric_words / sizeof *metric_words; k++) {
        json_array_foreach(measured->comparisons, i, one) {
            if (is_central(measured, one) &&
                strcmp(words_of(one).metric, metric_words[k].metric) == 0)
                return metric_words[k].metric;
        }
    }
    const json_t *most = most_blocks(measured);
    return most == NULL ? "" : words_of(most).metric;
}

/* The central comparisons of the metric that stands first; the others are in the tables. */
static void tell_sentence(struct story *story, const json_t *comparison) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    if (!story->html) (void)fputs("* ", out);
    put_comparison(out, comparison);
    (void)fclose(out);
    story_paragraph(story, "li", text);
    free(text);
}

/* Placement by placement, in the order of the first of each. */
void page_answer(struct story *story, const struct measured *measured) {
    const char *metric = central_metric(measured);
    json_t *placements = query_values(measured->comparisons, "placement"), *placement, *one;
    bool any = false;
    size_t i, k;
    story_heading(story, 2, "The answer");
    if (story->html) (void)fputs("<ul class=\"answer\">\n", story->out);
    json_array_foreach(placements, i, placement) {
        json_array_foreach(measured->comparisons, k, one) {
            if (!json_equal(query_field(one, "placement"), placement)) continue;
            if (!is_central(measured, one) || strcmp(words_of(one).metric, metric) != 0) continue;
            any = true;
            tell_sentence(story, one);
        }
    }
    if (story->html) (void)fputs("</ul>\n", story->out);
    json_decref(placements);
    if (!any) {
        story_say(story,
                  "No comparison has been run. `echolab compare --json %s/results/core.json` makes "
                  "one.",
                  story->directory);
    }
}

/* Pairs that other parts ask for */

static bool is_pair(const json_t *comparison, const char *placement, const char *baseline,
                    const char *variant) {
    return is_complete(comparison) &&
           strcmp(query_text(comparison, "metric", ""), "time_per_message") == 0 &&
           strcmp(query_text(comparison, "role", "variant"), "variant") == 0 &&
           strcmp(query_text(comparison, "placement", ""), placement) == 0 &&
           strcmp(query_text(comparison, "baseline", ""), baseline) == 0 &&
           strcmp(query_text(comparison, "variant", ""), variant) == 0;
}

static double number_or_nan(const json_t *comparison, const char *path) {
    const json_t *value = query_field(comparison, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct page_ratio as_made(const json_t *comparison) {
    return (struct page_ratio){
        .value = query_number(comparison, "ratio"),
        .low = query_number(comparison, "ci_low"),
        .high = query_number(comparison, "ci_high"),
        .diff_us = number_or_nan(comparison, "diff"),
        .diff_low_us = number_or_nan(comparison, "diff_ci_low"),
        .diff_high_us = number_or_nan(comparison, "diff_ci_high"),
        .level = query_number(comparison, "level"),
        .blocks = query_number(comparison, "blocks"),
        .verdict = query_text(comparison, "verdict", "no verdict"),
    };
}

static struct page_ratio turned_round(struct page_ratio made) {
    struct page_ratio ratio = made;
    ratio.value = 1 / made.value;
    ratio.low = made.high > 0 ? 1 / made.high : 0;
    ratio.high = made.low > 0 ? 1 / made.low : INFINITY;
    ratio.diff_us = -made.diff_us;
    ratio.diff_low_us = -made.diff_high_us;
    ratio.diff_high_us = -made.diff_low_us;
    return ratio;
}

bool page_ratio_find(const struct measured *measured, const char *placement, const char *numerator,
                     const char *denominator, struct page_ratio *ratio) {
    const json_t *most = most_blocks(measured);
    const char *const point[] = {"size_bytes", "connections", "engine"};
    bool found = false;
    size_t i;
    json_t *one;
    json_array_foreach(measured->comparisons, i, one) {
        const bool same = is_pair(one, placement, denominator, numerator);
        if (!same && !is_pair(one, placement, numerator, denominator)) continue;
        if (!equal_in(one, most, point, 3) || query_number(one, "ratio") <= 0) continue;
        if (found && ratio->blocks >= query_number(one, "blocks")) continue;
        found = true;
        *ratio = same ? as_made(one) : turned_round(as_made(one));
    }
    return found;
}

void page_put_ratio(FILE *out, const struct page_ratio *ratio) {
    (void)fprintf(out, "%s times", words_ratio(ratio->value).text);
    put_support(out, ratio->level, ratio->low, ratio->high, ratio->blocks);
}

/* As tables */

/* "same-core, 64 bytes, 1 connection": what the given fields say. To be freed. */
static char *where_of(const json_t *comparison, const char *const *fields, size_t count) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = query_field(comparison, fields[i]);
        if (json_is_null(value)) continue;
        if (ftell(out) > 0) (void)fputs(", ", out);
        words_condition(out, fields[i], value);
    }
    (void)fclose(out);
    return text;
}

/* "4.23 (4.18 to 4.28)", as far as it is known. */
static json_t *interval_cell(const json_t *comparison, const char *value, const char *low,
                             const char *high, struct number (*in_words)(double)) {
    const char *const paths[] = {value, low, high};
    const bool single = query_number(comparison, "blocks") <= 1; /* has no interval */
    for (size_t i = 0; i < 3; i++) {
        if (json_is_number(query_field(comparison, paths[i])) && (i == 0 || !single)) continue;
        return i == 0 ? json_string("-")
                      : json_string(in_words(query_number(comparison, value)).text);
    }
    return words_string("%s (%s to %s)", in_words(query_number(comparison, value)).text,
                        in_words(query_number(comparison, low)).text,
                        in_words(query_number(comparison, high)).text);
}

static json_t *comparison_row(const json_t *one, bool central) {
    const char *const fields[] = {"placement", "size_bytes", "connections", "engine"};
    char *where = where_of(one, fields, central ? 1 : sizeof fields / sizeof *fields);
    json_t *row = json_pack("[s, s]", where == NULL ? "" : where, words_of(one).name);
    free(where);
    json_array_append_new(row, words_string("`%s`", query_text(one, "variant", "?")));
    json_array_append_new(row, words_string("`%s`", query_text(one, "baseline", "?")));
    json_array_append_new(row, interval_cell(one, "ratio", "ci_low", "ci_high", words_ratio));
    json_array_append_new(row,
                          interval_cell(one, "diff", "diff_ci_low", "diff_ci_high", words_number));
    json_array_append_new(row, words_cell(query_field(one, "blocks")));
    json_array_append_new(row, json_string(query_text(one, "verdict", "-")));
    return row;
}

static json_t *comparison_rows(const struct measured *measured, bool central) {
    json_t *rows = json_pack("[[s, s, s, s, s, s, s, s]]", "where", "metric", "variant", "against",
                             "ratio, interval", "difference in us", "blocks", "verdict");
    size_t i;
    json_t *one;
    json_array_foreach(measured->comparisons, i, one) {
        if (is_central(measured, one) == central)
            (void)json_array_append_new(rows, comparison_row(one, central));
    }
    return rows;
}

static void tell_point(struct story *story, const json_t *most) {
    const char *const fields[] = {"size_bytes", "connections"};
    char *where = most == NULL ? NULL : where_of(most, fields, sizeof fields / sizeof *fields);
    if (where != NULL && *where != '\0') story_say(story, "All with %s:", where);
    free(where);
}

void page_comparisons(struct story *story, const struct measured *measured) {
    if (json_array_size(measured->comparisons) == 0) return;
    json_t *central = comparison_rows(measured, true), *others = comparison_rows(measured, false);
    story_heading(story, 2, "The comparisons");
    story_say(
        story,
        "A ratio above 1: the variant takes more than what it stands against. Variants were run in "
        "turns within each block and are compared within it; the interval is the verdict's own.");
    tell_point(story, most_blocks(measured));
    story_table(story, "comparisons", central);
    if (json_array_size(others) > 1 && story->html) {
        (void)fprintf(
            story->out,
            "<details><summary>%zu others: sweeps, the floor, a variant against itself</summary>\n",
            json_array_size(others) - 1);
        story_table(story, "comparisons", others);
        (void)fputs("</details>\n", story->out);
    } else if (json_array_size(others) > 1) {
        story_say(
            story,
            "%zu others, of sweeps, with the floor and of a variant with itself, are on the page.",
            json_array_size(others) - 1);
    }
    json_decref(central);
    json_decref(others);
}
