/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/compared.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure/statistics.h"
#include "bench/report/result.h"

/* What is compared: smaller is better for each. */
struct metric {
    const char *name;
    const char *path;
    const char *noun;
};

static const struct metric metrics[] = {
    {"time_per_message", "time_per_message_us", "time"},
    {"p50", "latency_us.p50", "p50"},
    {"cpu_per_message", "per_message.cpu_us", "CPU"},
};

enum { METRICS = sizeof metrics / sizeof metrics[0] };

/* One column of the experiment: the runs of one variant in one role at one point. */
struct series {
    const char *variant, *role;
    const char *build; /* "against" for the runs of the other program, else "" */
    double size_bytes, connections;
    double rto_floor_ms;         /* 0 where nothing is sent again */
    double rtt_ms, loss_percent; /* of the wire; NAN on the loopback */
};

static struct series series_of(const json_t *run) {
    return (struct series){
        .variant = result_text(run, "variant"),
        .role = result_text(run, "role"),
        .build = result_text(run, "build"),
        .size_bytes = result_number(run, "size_bytes", 0),
        .connections = result_number(run, "connections", 1),
        .rto_floor_ms = result_number(run, "rto_floor_ms", 0),
        .rtt_ms = result_number(run, "rtt_ms", NAN),
        .loss_percent = result_number(run, "loss_percent", NAN),
    };
}

static bool same_point(const struct series *a, const struct series *b) {
    /* One that never sends again has no floor, and stands beside one that does. */
    const bool same_floor =
        a->rto_floor_ms == b->rto_floor_ms || a->rto_floor_ms == 0 || b->rto_floor_ms == 0;
    return a->size_bytes == b->size_bytes && a->connections == b->connections && same_floor;
}

static bool same_series(const struct series *a, const struct series *b) {
    return same_point(a, b) && strcmp(a->variant, b->variant) == 0 &&
           strcmp(a->role, b->role) == 0 && strcmp(a->build, b->build) == 0;
}

/*
 * All series in the order of first appearance in block 0's plan, which the
 * runs record as `column`: shuffled runs do not shuffle the table.
 */
static size_t find_series(const json_t *runs, struct series **list) {
    size_t count = 0;
    *list = calloc(json_array_size(runs) + 1, sizeof **list);
    if (*list == NULL) return 0;
    for (double column = 0; column < 10000 && count < json_array_size(runs); column++) {
        const size_t before = count;
        for (size_t i = 0; i < json_array_size(runs) && count == before; i++) {
            const json_t *run = json_array_get(runs, i);
            if (result_number(run, "column", -1) == column) (*list)[count++] = series_of(run);
        }
        if (count == before && column > (double)json_array_size(runs)) break;
    }
    return count;
}

/* ---- samples ---- */

static const json_t *run_of(const json_t *runs, const struct series *series, long block) {
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        const struct series its = series_of(run);
        if (result_number(run, "block", -1) != (double)block || !same_series(&its, series))
            continue;
        return json_is_true(json_object_get(run, "valid")) ? run : NULL;
    }
    return NULL;
}

static long last_block(const json_t *runs) {
    double last = -1;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        last = fmax(last, result_number(json_array_get(runs, i), "block", -1));
    }
    return (long)last;
}

/* The values of valid runs; their number. `values` has room for every block. */
static size_t collect(const json_t *runs, const struct series *series, const char *path,
                      double *values) {
    size_t count = 0;
    const long last = last_block(runs);
    for (long block = 0; block <= last; block++) {
        const double value = result_number(run_of(runs, series, block), path, NAN);
        if (isfinite(value)) values[count++] = value;
    }
    return count;
}

/* Pairs of the blocks in which both runs are valid and have the value. */
static size_t collect_pairs(const json_t *runs, const struct series *one,
                            const struct series *other, const char *path, double *of_one,
                            double *of_other) {
    size_t count = 0;
    const long last = last_block(runs);
    for (long block = 0; block <= last; block++) {
        const double a = result_number(run_of(runs, one, block), path, NAN);
        const double b = result_number(run_of(runs, other, block), path, NAN);
        if (!(a > 0 && b > 0)) continue;
        of_one[count] = a;
        of_other[count] = b;
        count++;
    }
    return count;
}

/* ---- comparisons ---- */

static json_t *number(double value) {
    json_t *real = json_real(value);
    return real == NULL ? json_null() : real;
}

static bool is_floor(const struct series *series) {
    return strcmp(series->role, "floor") == 0;
}

static bool is_other_build(const struct series *series) {
    return *series->build != '\0';
}

/* How a comparison names what it is measured against. */
static const char *baseline_name(const struct series *baseline) {
    return is_floor(baseline) ? "floor" : is_other_build(baseline) ? "against" : baseline->variant;
}

static json_t *comparison_json(const struct series *variant, const struct series *baseline,
                               const struct metric *metric, const struct comparison *c) {
    json_t *object = json_object();
    (void)json_object_set_new(object, "metric", json_string(metric->name));
    (void)json_object_set_new(object, "baseline", json_string(baseline_name(baseline)));
    (void)json_object_set_new(object, "variant", json_string(variant->variant));
    (void)json_object_set_new(object, "role", json_string(variant->role));
    (void)json_object_set_new(object, "size_bytes", number(variant->size_bytes));
    (void)json_object_set_new(object, "connections", number(variant->connections));
    (void)json_object_set_new(object, "rtt_ms", number(variant->rtt_ms));
    (void)json_object_set_new(object, "loss_percent", number(variant->loss_percent));
    if (variant->rto_floor_ms > 0) {
        (void)json_object_set_new(object, "rto_floor_ms", number(variant->rto_floor_ms));
    }
    (void)json_object_set_new(object, "blocks", json_integer((json_int_t)c->blocks));
    (void)json_object_set_new(object, "ratio", number(c->ratio.value));
    (void)json_object_set_new(object, "ci_low", number(c->ratio.low));
    (void)json_object_set_new(object, "ci_high", number(c->ratio.high));
    (void)json_object_set_new(object, "level", number(c->level));
    (void)json_object_set_new(object, "diff", number(c->diff.value));
    (void)json_object_set_new(object, "diff_ci_low", number(c->diff.low));
    (void)json_object_set_new(object, "diff_ci_high", number(c->diff.high));
    (void)json_object_set_new(object, "p", number(c->p));
    (void)json_object_set_new(object, "margin", number(c->margin));
    (void)json_object_set_new(object, "verdict", json_string(verdict_names[c->verdict]));
    (void)json_object_set_new(object, "blocks_needed", json_integer((json_int_t)c->blocks_needed));
    return object;
}

/* The first variant of the same point; or, where two builds are compared, the other build's. */
static const struct series *baseline_of(const struct series *list, size_t count,
                                        const struct series *variant) {
    const bool control = strcmp(variant->role, "a-a") == 0;
    for (size_t i = 0; i < count && !control; i++) {
        if (is_other_build(&list[i]) && strcmp(list[i].variant, variant->variant) == 0 &&
            same_point(&list[i], variant)) {
            return &list[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].role, "variant") == 0 && same_point(&list[i], variant)) return &list[i];
    }
    return NULL;
}

static const struct series *floor_of(const struct series *list, size_t count,
                                     const struct series *variant) {
    for (size_t i = 0; i < count; i++) {
        if (is_floor(&list[i]) && same_point(&list[i], variant) &&
            strcmp(list[i].variant, variant->variant) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

struct planned {
    const struct series *variant, *baseline;
    const struct metric *metric;
};

static size_t plan(const struct series *list, size_t count, struct planned *all) {
    size_t planned = 0;
    for (size_t i = 0; i < count; i++) {
        const struct series *variant = &list[i];
        if (is_floor(variant) || is_other_build(variant)) continue;
        const struct series *first = baseline_of(list, count, variant);
        const struct series *floor = floor_of(list, count, variant);
        for (int m = 0; m < METRICS && first != NULL && first != variant; m++) {
            all[planned++] = (struct planned){variant, first, &metrics[m]};
        }
        if (floor != NULL && strcmp(variant->role, "variant") == 0) {
            all[planned++] = (struct planned){variant, floor, &metrics[0]};
        }
    }
    return planned;
}

json_t *compared_list(const json_t *runs, double margin) {
    struct series *list;
    const size_t count = find_series(runs, &list);
    const size_t blocks = (size_t)(last_block(runs) + 1);
    struct planned *all = calloc(count * (METRICS + 1) + 1, sizeof *all);
    double *values = calloc(2 * blocks + 1, sizeof *values);
    json_t *comparisons = json_array();
    const size_t planned =
        list != NULL && all != NULL && values != NULL ? plan(list, count, all) : 0;
    for (size_t i = 0; i < planned; i++) {
        const struct planned *p = &all[i];
        const size_t pairs =
            collect_pairs(runs, p->variant, p->baseline, p->metric->path, values, values + blocks);
        if (pairs == 0) continue;
        const double level = 1 - 0.05 / (double)planned;
        const struct comparison c =
            statistics_compare(values, values + blocks, pairs, level, margin);
        (void)json_array_append_new(comparisons,
                                    comparison_json(p->variant, p->baseline, p->metric, &c));
    }
    free(values);
    free(all);
    free(list);
    return comparisons;
}

/* ---- printing ---- */

static const json_t *comparison_of(const json_t *comparisons, const struct series *variant,
                                   const char *metric, bool with_floor) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        const struct series its = series_of(c);
        const bool floor = strcmp(result_text(c, "baseline"), "floor") == 0;
        if (floor == with_floor && same_series(&its, variant) &&
            strcmp(result_text(c, "metric"), metric) == 0) {
            return c;
        }
    }
    return NULL;
}

static double median_of(const json_t *runs, const struct series *series, const char *path) {
    double *values = calloc((size_t)(last_block(runs) + 2), sizeof *values);
    if (values == NULL) return NAN;
    const size_t count = collect(runs, series, path, values);
    const double median = count == 0 ? NAN : statistics_median(values, count);
    free(values);
    return median;
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

/* "1.234 [1.201, 1.268]" */
static void print_ratio(FILE *out, double ratio, double low, double high) {
    char texts[3][SHORT_TEXT];
    (void)fprintf(out, "%s [%s, %s]", short_text(texts[0], ratio, 3), short_text(texts[1], low, 3),
                  short_text(texts[2], high, 3));
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

static void print_row(FILE *out, const json_t *runs, const json_t *comparisons,
                      const struct series *series) {
    const double per_s = median_of(runs, series, "throughput_per_s");
    const json_t *floor = comparison_of(comparisons, series, metrics[0].name, true);
    const json_t *first = comparison_of(comparisons, series, metrics[0].name, false);
    const bool control = strcmp(series->role, "a-a") == 0;
    (void)fprintf(out, "%-18s",
                  control                  ? "(the first again)"
                  : is_other_build(series) ? "(the other build)"
                                           : series->variant);
    print_number(out, 8, 0, per_s);
    print_number(out, 8, 2, per_s * series->size_bytes / 1e6);
    print_number(out, 8, 2, median_of(runs, series, "latency_us.p50"));
    print_number(out, 8, 2, median_of(runs, series, "per_message.cpu_us"));
    print_number(out, 8, 3, result_number(floor, "ratio", NAN));
    if (first == NULL) {
        (void)fputs("  1\n", out);
        return;
    }
    (void)fputs("  ", out);
    print_ratio(out, result_number(first, "ratio", NAN), result_number(first, "ci_low", NAN),
                result_number(first, "ci_high", NAN));
    (void)fputc('\n', out);
}

static void print_verdict(FILE *out, const json_t *c, const char *noun) {
    (void)fprintf(out, "  %-5s%-19s", noun, result_text(c, "verdict"));
    print_ratio(out, result_number(c, "ratio", NAN), result_number(c, "ci_low", NAN),
                result_number(c, "ci_high", NAN));
    (void)fputs("  ", out);
    print_difference(out, c);
    (void)fputc('\n', out);
    const double needed = result_number(c, "blocks_needed", 0);
    if (needed > 0) (void)fprintf(out, "%7sabout %.0f blocks would decide\n", "", needed);
}

static void print_verdicts(FILE *out, const json_t *comparisons, const struct series *series) {
    for (int m = 0; m < METRICS; m++) {
        const json_t *c = comparison_of(comparisons, series, metrics[m].name, false);
        if (c == NULL) continue;
        if (m == 0) {
            (void)fprintf(out, "%s against %s\n", series->variant,
                          strcmp(result_text(c, "baseline"), "against") == 0
                              ? "the other build"
                              : result_text(c, "baseline"));
        }
        print_verdict(out, c, metrics[m].noun);
    }
}

/* In words, the slower one first: what a person would say. */
static void print_sentence(FILE *out, const json_t *c) {
    const double ratio = result_number(c, "ratio", 1);
    const bool less = ratio < 1;
    const double low = less ? 1 / result_number(c, "ci_high", 1) : result_number(c, "ci_low", 1);
    const double high = less ? 1 / result_number(c, "ci_low", 1) : result_number(c, "ci_high", 1);
    const char *verdict = result_text(c, "verdict");
    if (strcmp(verdict, verdict_names[VERDICT_FASTER]) != 0 &&
        strcmp(verdict, verdict_names[VERDICT_SLOWER]) != 0) {
        return;
    }
    (void)fprintf(out, "A message by %s takes %.2f times [%.2f, %.2f]\n  as long as by %s.\n",
                  result_text(c, less ? "baseline" : "variant"), less ? 1 / ratio : ratio, low,
                  high, result_text(c, less ? "variant" : "baseline"));
}

/* The first variant against itself in the same blocks: an alarm, not a gate. */
static void print_alarm(FILE *out, const json_t *comparisons, const struct series *series) {
    const json_t *c = comparison_of(comparisons, series, metrics[0].name, false);
    const char *verdict = result_text(c, "verdict");
    const bool alarm = strcmp(verdict, verdict_names[VERDICT_FASTER]) == 0 ||
                       strcmp(verdict, verdict_names[VERDICT_SLOWER]) == 0;
    if (c == NULL) return;
    (void)fprintf(out, "A/A: %s against itself: ", series->variant);
    print_ratio(out, result_number(c, "ratio", NAN), result_number(c, "ci_low", NAN),
                result_number(c, "ci_high", NAN));
    (void)fprintf(out, ": %s\n", alarm ? "THIS SESSION IS NOT QUIET" : "no alarm");
}

static void print_point(FILE *out, const json_t *runs, const json_t *comparisons,
                        const struct series *list, size_t count, const struct series *point) {
    (void)fprintf(out, "\n%.0f B payload, %.0f connection%s", point->size_bytes, point->connections,
                  point->connections > 1 ? "s" : "");
    if (isfinite(point->rtt_ms)) {
        (void)fprintf(out, ", over a wire of %.4g ms that loses %.4g %%", point->rtt_ms,
                      point->loss_percent);
    }
    if (point->rto_floor_ms > 0) {
        (void)fprintf(out, ",\nretransmission timeout at least %.4g ms", point->rto_floor_ms);
    }
    (void)fputc('\n', out);
    (void)fputs("variant            msg/s    MB/s  p50 us  CPU us  /floor  time / first's\n", out);
    for (size_t i = 0; i < count; i++) {
        if (same_point(&list[i], point) && !is_floor(&list[i])) {
            print_row(out, runs, comparisons, &list[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!same_point(&list[i], point)) continue;
        if (strcmp(list[i].role, "a-a") == 0) print_alarm(out, comparisons, &list[i]);
    }
    (void)fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        if (!same_point(&list[i], point) || strcmp(list[i].role, "variant") != 0) continue;
        if (!is_other_build(&list[i])) print_verdicts(out, comparisons, &list[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *c = comparison_of(comparisons, &list[i], metrics[0].name, false);
        if (!same_point(&list[i], point) || strcmp(list[i].role, "variant") != 0) continue;
        if (c != NULL && strcmp(result_text(c, "baseline"), "against") != 0) print_sentence(out, c);
    }
}

static void print_level(FILE *out, const json_t *comparisons) {
    const double level = result_number(json_array_get(comparisons, 0), "level", NAN);
    if (!isfinite(level)) return;
    (void)fprintf(
        out,
        "\nTimes are per message; intervals [low, high] hold at %.2f %% each, so that all\n"
        "%zu hold together at 95 %%. /floor: times what the same system calls cost bare.\n",
        100 * level, json_array_size(comparisons));
}

void compared_print(FILE *out, const json_t *runs, const json_t *comparisons) {
    struct series *list;
    const size_t count = find_series(runs, &list);
    for (size_t i = 0; i < count; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++) first = first && !same_point(&list[j], &list[i]);
        if (first) print_point(out, runs, comparisons, list, count, &list[i]);
    }
    print_level(out, comparisons);
    free(list);
}
