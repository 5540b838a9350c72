/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/compared.h"
#include "bench/judge/compared_parts.h"
#include "bench/judge/open_loop.h"
#include "bench/judge/statistics.h"
#include "bench/run/result.h"
#include "bench/tell/lines.h"

static double median_of(const struct table *table, const struct series *series, const char *path) {
    double *values = calloc(table->blocks + 1, sizeof *values);
    size_t count = 0;
    for (size_t block = 0; values != NULL && block < table->blocks; block++) {
        const double value = result_number(table_valid_run(table, series, block), path, NAN);
        if (isfinite(value)) values[count++] = value;
    }
    const double median = count == 0 ? NAN : statistics_median(values, count);
    free(values);
    return median;
}

static const json_t *comparison_of(const json_t *comparisons, const struct series *variant,
                                   const struct compared_metric *metric, bool with_floor) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        const bool floor = strcmp(result_text(c, "baseline"), "floor") == 0;
        if (floor != with_floor || strcmp(result_text(c, "metric"), metric->name) != 0) continue;
        const struct series its = series_of(c);
        if (series_same(&its, variant)) return c;
    }
    return NULL;
}

static void print_number(FILE *out, int width, int decimals, double value) {
    if (isfinite(value)) {
        while (decimals > 0 && snprintf(NULL, 0, "%.*f", decimals, value) >= width) decimals--;
        (void)fprintf(out, "%*.*f", width, decimals, value);
    } else {
        (void)fprintf(out, "%*s", width, "-");
    }
}

enum { FIGURES = 4, SHORT_TEXT = 16 };

/*
 * With at most `decimals`, and no more than four figures: the interval of few
 * blocks may reach anywhere, and the table has 80 columns all the same.
 */
static const char *short_text(char *text, double value, int decimals) {
    const double size = fabs(value);
    const int before = size < 10 ? 1 : size < 100 ? 2 : size < 1000 ? 3 : 4;
    if (decimals > FIGURES - before) decimals = FIGURES - before;
    if (size < 1e4) {
        (void)snprintf(text, SHORT_TEXT, "%.*f", decimals, value);
    } else {
        (void)snprintf(text, SHORT_TEXT, "%.0e", value);
    }
    return text;
}

enum { RATIO_TEXT = 4 * SHORT_TEXT };

/* "1.234 [1.201, 1.268]" */
static const char *ratio_text(char text[RATIO_TEXT], const json_t *c) {
    char texts[3][SHORT_TEXT];
    (void)snprintf(text, RATIO_TEXT, "%s [%s, %s]",
                   short_text(texts[0], result_number(c, "ratio", NAN), 3),
                   short_text(texts[1], result_number(c, "ci_low", NAN), 3),
                   short_text(texts[2], result_number(c, "ci_high", NAN), 3));
    return text;
}

/* "+1.23 us [+1.10, +1.36]" */
static void print_difference(FILE *out, const json_t *c) {
    static const char *const names[] = {"diff", "diff_ci_low", "diff_ci_high"};
    static const char *const before[] = {"", " us [", ", "};
    for (int i = 0; i < 3; i++) {
        char text[SHORT_TEXT];
        const double value = result_number(c, names[i], NAN);
        (void)fprintf(out, "%s%s%s", before[i], signbit(value) ? "" : "+",
                      short_text(text, value, 2));
    }
    (void)fputc(']', out);
}

static bool is_control(const struct series *series) {
    return strcmp(series->role, "a-a") == 0;
}

static const char *row_name(const struct series *series) {
    return is_control(series)              ? "(the first again)"
           : series_is_other_build(series) ? "(the other build)"
                                           : series->variant;
}

static void print_closed_row(FILE *out, const struct table *table, const json_t *comparisons,
                             const struct series *series) {
    const double per_s = median_of(table, series, "throughput_per_s");
    const json_t *floor = comparison_of(comparisons, series, compared_floor_metric(), true);
    const json_t *first = comparison_of(comparisons, series, &compared_metrics[0], false);
    (void)fprintf(out, "%-18s", row_name(series));
    print_number(out, 8, 0, per_s);
    print_number(out, 8, 2, per_s * series->size_bytes / 1e6);
    print_number(out, 8, 2, median_of(table, series, "latency_us.p50"));
    print_number(out, 8, 2, median_of(table, series, "per_message.cpu_us"));
    print_number(out, 8, 3, result_number(floor, "ratio", NAN));
    if (first == NULL) {
        (void)fputs("  1\n", out);
        return;
    }
    char ratio[RATIO_TEXT];
    (void)fprintf(out, "  %s\n", ratio_text(ratio, first));
}

static void print_open_row(FILE *out, const struct table *table, const struct series *series) {
    json_t *runs = json_array();
    for (size_t block = 0; block < table->blocks; block++) {
        json_t *run = table_run(table, series, block);
        if (run != NULL) (void)json_array_append(runs, run);
    }
    open_loop_print_row(out, row_name(series), runs);
    json_decref(runs);
}

static void print_verdict(FILE *out, const json_t *c, const char *noun) {
    char ratio[RATIO_TEXT];
    (void)fprintf(out, "  %-5s%-19s%s  ", noun, result_text(c, "verdict"), ratio_text(ratio, c));
    print_difference(out, c);
    (void)fputc('\n', out);
    const double needed = result_number(c, "blocks_needed", 0);
    if (needed > 0) (void)fprintf(out, "%7sabout %.0f blocks would decide\n", "", needed);
}

static bool both_valid_somewhere(const struct table *table, const struct series *one,
                                 const struct series *other) {
    for (size_t block = 0; block < table->blocks; block++) {
        if (table_valid_run(table, one, block) != NULL &&
            table_valid_run(table, other, block) != NULL) {
            return true;
        }
    }
    return false;
}

/* Why there is no verdict on a percentile. */
static void print_no_verdict(FILE *out, const struct table *table, const struct series *series,
                             const struct series *baseline, const struct compared_metric *metric) {
    (void)fprintf(out, "  %-5sno verdict: ", metric->noun);
    if (!both_valid_somewhere(table, series, baseline)) {
        (void)fputs("in no block both runs are valid\n", out);
    } else if (compared_both_missed(table, series, baseline, metric)) {
        (void)fputs("beyond the deadline with both\n", out);
    } else {
        /* 20 have to lie beyond it. */
        (void)fprintf(out, "a run needs %.0f messages\n", 20 / (1 - metric->percent / 100));
    }
}

static void print_verdicts(FILE *out, const struct table *table, const json_t *comparisons,
                           const struct series *series) {
    const struct series *baseline = compared_baseline_of(table, series);
    if (baseline == NULL || baseline == series) return;
    bool named = false;
    for (int m = 0; m < COMPARED_METRICS; m++) {
        const json_t *c = comparison_of(comparisons, series, &compared_metrics[m], false);
        if (!compared_metric_is_for(&compared_metrics[m], series)) continue;
        if (c == NULL && compared_metrics[m].percent <= 0) continue;
        if (!named) {
            (void)fprintf(out, "%s against %s\n", series->variant,
                          series_is_other_build(baseline) ? "the other build" : baseline->variant);
        }
        named = true;
        if (c == NULL) {
            print_no_verdict(out, table, series, baseline, &compared_metrics[m]);
        } else {
            print_verdict(out, c, compared_metrics[m].noun);
        }
    }
}

static bool is_decided(const json_t *c) {
    const char *verdict = result_text(c, "verdict");
    return strcmp(verdict, verdict_names[VERDICT_FASTER]) == 0 ||
           strcmp(verdict, verdict_names[VERDICT_SLOWER]) == 0;
}

/* In words, the slower one first: what a person would say. */
static void print_sentence(FILE *out, const json_t *c, const struct compared_metric *metric) {
    const double ratio = result_number(c, "ratio", 1);
    const bool less = ratio < 1;
    const double low = less ? 1 / result_number(c, "ci_high", 1) : result_number(c, "ci_low", 1);
    const double high = less ? 1 / result_number(c, "ci_low", 1) : result_number(c, "ci_high", 1);
    if (!is_decided(c)) return;
    lines_print(out, "", "%s %s %s %.2f times [%.2f, %.2f]", metric->subject,
                result_text(c, less ? "baseline" : "variant"), metric->verb,
                less ? 1 / ratio : ratio, low, high);
    const bool apart = json_object_get(c, "baseline_offered_per_s") != NULL;
    lines_print(out, "  ", "%s %s%s.", metric->than, result_text(c, less ? "variant" : "baseline"),
                apart ? ", each at a rate of its own" : "");
}

static void print_sentences(FILE *out, const json_t *comparisons, const struct series *series) {
    for (int m = 0; m < COMPARED_METRICS; m++) {
        if (compared_metrics[m].subject == NULL ||
            !compared_metric_is_for(&compared_metrics[m], series))
            continue;
        const json_t *c = comparison_of(comparisons, series, &compared_metrics[m], false);
        if (c == NULL || strcmp(result_text(c, "baseline"), "against") == 0) continue;
        print_sentence(out, c, &compared_metrics[m]);
    }
}

/* The first variant against itself in the same blocks: an alarm, not a gate. */
static void print_alarm(FILE *out, const json_t *comparisons, const struct series *series) {
    int m = 0;
    while (!compared_metric_is_for(&compared_metrics[m], series)) m++;
    const json_t *c = comparison_of(comparisons, series, &compared_metrics[m], false);
    if (c == NULL) return;
    char ratio[RATIO_TEXT];
    (void)fprintf(out, "A/A: %s against itself: %s%s\n", series->variant, ratio_text(ratio, c),
                  is_decided(c) ? ":\n  THIS SESSION IS NOT QUIET" : ": no alarm");
}

/* ---- what a point is ---- */

struct range {
    double least, most;
};

static void extend(struct range *range, double value) {
    range->least = fmin(range->least, value); /* of a number and NAN it is the number */
    range->most = fmax(range->most, value);
}

/* What the variants of a point, or of all points, have in common. */
struct extent {
    struct range pipeline, offered_per_s, rto_floor_ms;
    struct range share; /* of each variant's capacity, NAN where not known */
    bool same_design;   /* at all of them */
};

static struct extent extent_of(const struct table *table, const struct series *point,
                               bool everywhere) {
    struct extent extent = {.pipeline = {NAN, NAN},
                            .offered_per_s = {NAN, NAN},
                            .rto_floor_ms = {NAN, NAN},
                            .share = {NAN, NAN},
                            .same_design = true};
    for (size_t i = 0; i < table->count; i++) {
        const struct series *one = &table->list[i];
        if (series_is_floor(one) || !(everywhere || series_same_point(one, point))) continue;
        extend(&extent.pipeline, one->pipeline);
        extend(&extent.offered_per_s, one->offered_per_s);
        extend(&extent.rto_floor_ms, one->rto_floor_ms);
        extend(&extent.share, one->offered_per_s / one->capacity_per_s);
        if (strcmp(one->design, table->list[0].design) != 0) extent.same_design = false;
    }
    return extent;
}

static void write_pipeline(FILE *out, const struct range *here, const struct range *all) {
    if (!(all->most > 1)) return; /* nowhere more than one: it goes without saying */
    if (here->least == here->most) {
        (void)fprintf(out, ", pipeline %.0f", here->most);
    } else {
        (void)fprintf(out, ", each variant's own pipeline (%.0f to %.0f)", here->least, here->most);
    }
}

static bool is_usual_design(const struct series *point) {
    const char *usual = strcmp(point->engine, "epoll") == 0 ? "epoll" : "pool";
    return *point->design == '\0' || strcmp(point->design, usual) == 0;
}

/* Shares that round to the same; a rate is a whole number. */
static const double share_step = 0.01;

static void write_rate(FILE *out, const struct extent *here) {
    const struct range *rate = &here->offered_per_s;
    if (isnan(rate->most)) return;
    if (rate->least == rate->most) {
        (void)fprintf(out, ", %.10g/s offered", rate->most);
    } else if (here->share.most - here->share.least < share_step) {
        (void)fprintf(out, ", each at %.2f of its closed-loop capacity", here->share.most);
    } else {
        (void)fputs(", each at a rate of its own", out);
    }
}

/* malloc'd; NULL without memory. */
static char *point_text(const struct table *table, const struct series *point) {
    const struct extent here = extent_of(table, point, false);
    const struct extent all = extent_of(table, point, true);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return NULL;
    (void)fprintf(out, "%.0f B payload, %.0f connection%s", point->size_bytes, point->connections,
                  point->connections > 1 ? "s" : "");
    write_pipeline(out, &here.pipeline, &all.pipeline);
    if (!is_usual_design(point) || !all.same_design) {
        (void)fprintf(out, ", design %s", point->design);
    }
    write_rate(out, &here);
    if (isfinite(point->rtt_ms)) {
        (void)fprintf(out, ", over a wire of %.4g ms that loses %.4g %%", point->rtt_ms,
                      point->loss_percent);
    }
    if (here.rto_floor_ms.most > 0) {
        (void)fprintf(out, ", retransmission timeout at least %.4g ms", here.rto_floor_ms.most);
    }
    (void)fclose(out);
    return text;
}

static void print_point_head(FILE *out, const struct table *table, const struct series *point) {
    char *text = point_text(table, point);
    (void)fputc('\n', out);
    if (text != NULL) lines_print(out, "", "%s", text);
    free(text);
    if (series_is_open(point)) {
        open_loop_print_head(out);
    } else {
        (void)fputs("variant            msg/s    MB/s  p50 us  CPU us  /floor  time / first's\n",
                    out);
    }
}

static void print_point(FILE *out, const struct table *table, const json_t *comparisons,
                        const struct series *point) {
    const struct series *end = table->list + table->count;
    print_point_head(out, table, point);
    for (const struct series *s = table->list; s < end; s++) {
        if (!series_same_point(s, point) || series_is_floor(s)) continue;
        if (series_is_open(s)) {
            print_open_row(out, table, s);
        } else {
            print_closed_row(out, table, comparisons, s);
        }
    }
    for (const struct series *s = table->list; s < end; s++) {
        if (series_same_point(s, point) && is_control(s)) print_alarm(out, comparisons, s);
    }
    (void)fputc('\n', out);
    for (const struct series *s = table->list; s < end; s++) {
        if (!series_same_point(s, point) || strcmp(s->role, "variant") != 0) continue;
        if (!series_is_other_build(s)) print_verdicts(out, table, comparisons, s);
    }
    for (const struct series *s = table->list; s < end; s++) {
        if (!series_same_point(s, point) || strcmp(s->role, "variant") != 0) continue;
        if (!series_is_other_build(s)) print_sentences(out, comparisons, s);
    }
}

static void print_level(FILE *out, const struct table *table, const json_t *comparisons) {
    const double level = result_number(json_array_get(comparisons, 0), "level", NAN);
    bool open = false;
    bool closed = false;
    for (size_t i = 0; i < table->count; i++) {
        open = open || series_is_open(&table->list[i]);
        closed = closed || !series_is_open(&table->list[i]);
    }
    if (open || isfinite(level)) (void)fputc('\n', out);
    if (open) open_loop_print_notes(out);
    if (!isfinite(level)) return;
    lines_print(
        out, "", "%sntervals [low, high] hold at %.2f %% each, all %zu together at 95 %%.%s",
        closed ? "Times are per message; i" : "I", 100 * level, json_array_size(comparisons),
        closed ? " /floor: times what the same system calls cost bare." : "");
}

void compared_print(FILE *out, const json_t *runs, const json_t *comparisons) {
    struct table table = table_of(runs);
    for (size_t i = 0; i < table.count; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++)
            first = first && !series_same_point(&table.list[j], &table.list[i]);
        if (first) print_point(out, &table, comparisons, &table.list[i]);
    }
    print_level(out, &table, comparisons);
    table_free(&table);
}
