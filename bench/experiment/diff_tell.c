/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/difference.h"
#include "bench/judge/difference_parts.h"
#include "bench/run/result.h"
#include "bench/tell/lines.h"

static void print_value(FILE *out, double value) {
    if (!isfinite(value)) {
        (void)fprintf(out, "%10s", "-");
    } else {
        (void)fprintf(out, "%10.*f", value < 10 ? 3 : value < 1e5 ? 2 : 0, value);
    }
}

/* The label stands for metric and role together. */
static const struct difference_metric *metric_of(const json_t *c) {
    const bool floor = strcmp(result_text(c, "role"), "floor") == 0;
    for (size_t i = 0; i < difference_metric_count; i++) {
        if (strcmp(difference_metrics[i].name, result_text(c, "metric")) != 0) continue;
        if (floor == (difference_metrics[i].measure == OF_FLOOR)) return &difference_metrics[i];
    }
    return &difference_metrics[0];
}

static const char *verdict_word(const json_t *c, bool counted) {
    const char *verdict = result_text(c, "verdict");
    if (!json_is_true(json_object_get(c, "judged"))) return "not judged";
    if (json_is_true(json_object_get(c, "regression"))) return "REGRESSION";
    if (strcmp(verdict, verdict_names[VERDICT_SAME]) == 0) return counted ? "equal" : "same";
    if (!counted) return verdict;
    if (strcmp(verdict, verdict_names[VERDICT_SLOWER]) == 0) return "more";
    if (strcmp(verdict, verdict_names[VERDICT_FASTER]) == 0) return "fewer";
    return "it wobbles";
}

/* At most six characters, so that two of them fit into their column. */
static const char *ratio_text(char text[16], double ratio) {
    if (ratio < 999999.5) {
        const int decimals = ratio < 9.9995 ? 3 : ratio < 99.995 ? 2 : ratio < 999.95 ? 1 : 0;
        (void)snprintf(text, 16, "%.*f", decimals, ratio);
    } else {
        (void)snprintf(text, 16, "%.0e", ratio);
    }
    return text;
}

static void print_row(FILE *out, const json_t *c) {
    const struct difference_metric *metric = metric_of(c);
    const double low = result_number(c, "ci_low", NAN);
    const double high = result_number(c, "ci_high", NAN);
    const double p = result_number(c, "p", NAN);
    const double ratio = result_number(c, "ratio", NAN);
    char texts[3][16];
    char interval[64] = "";
    char chance[16] = "";
    if (isfinite(low)) {
        (void)snprintf(interval, sizeof interval, "[%s, %s]", ratio_text(texts[0], low),
                       ratio_text(texts[1], high));
    }
    if (isfinite(p)) (void)snprintf(chance, sizeof chance, "%.3f", p);
    (void)fprintf(out, "  %-13s", metric->label);
    print_value(out, result_number(c, "base", NAN));
    print_value(out, result_number(c, "new", NAN));
    (void)fprintf(out, "%8s %-16s%6s  %s\n", isfinite(ratio) ? ratio_text(texts[2], ratio) : "-",
                  interval, chance, verdict_word(c, metric->measure == COUNTED));
}

/* The floor has none of our code in it: what changed there changed around the program. */
static void print_drift(FILE *out, const json_t *c) {
    const double low = result_number(c, "ci_low", NAN);
    const double high = result_number(c, "ci_high", NAN);
    if (metric_of(c)->measure != OF_FLOOR || !(low > 1 || high < 1)) return;
    lines_print(out, "    ", "The floor itself changed by %+.1f %%: the machine, not the program.",
                100 * (result_number(c, "ratio", NAN) - 1));
}

static void print_column(FILE *out, const json_t *comparisons, size_t first) {
    const json_t *column = json_array_get(comparisons, first);
    const bool other = *result_text(column, "build") != '\0'; /* of compare --against */
    (void)fprintf(out, "%s%s\n", result_text(column, "variant"), other ? " (other build)" : "");
    size_t end = first;
    while (difference_same_column(json_array_get(comparisons, end), column)) {
        print_row(out, json_array_get(comparisons, end));
        if (++end == json_array_size(comparisons)) break;
    }
    for (size_t i = first; i < end; i++) print_drift(out, json_array_get(comparisons, i));
}

static void print_only(FILE *out, const json_t *columns, const char *side) {
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        char *point = difference_point_text(column);
        lines_print(out, "", "%s has only %s: %s.", side, result_text(column, "variant"),
                    point == NULL ? "?" : point);
        free(point);
    }
}

static char *value_text(const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL ? strdup(text)
                        : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
}

static void print_environment(FILE *out, const json_t *changes) {
    size_t i;
    json_t *change;
    if (json_array_size(changes) > 0) (void)fputs("\nwhat differs around the program:\n", out);
    json_array_foreach(changes, i, change) {
        char *base = value_text(json_object_get(change, "base"));
        char *new = value_text(json_object_get(change, "new"));
        if (base != NULL && new != NULL) {
            lines_print(out, "  ", "%s: %s -> %s", result_text(change, "name"), base, new);
        }
        free(base);
        free(new);
    }
}

/* The level that all judged times share; NAN where there are none. */
static double level_of(const json_t *comparisons) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const double level = result_number(json_array_get(comparisons, i), "level", NAN);
        if (isfinite(level)) return level;
    }
    return NAN;
}

static void print_method(FILE *out, const json_t *difference) {
    const double level = level_of(json_object_get(difference, "comparisons"));
    const double base = result_number(difference, "sessions_base", 0);
    const double new = result_number(difference, "sessions_new", 0);
    if (!isfinite(level)) return;
    const double least = difference_least_p((size_t)base, (size_t) new);
    (void)fputc('\n', out);
    lines_print(out, "",
                "Verdicts are of Welch's intervals, at %.4g %% each and 95 %% together. "
                "p is of a permutation test and cannot be below %.2g here; it could reach "
                "%.2g with %zu sessions a side.",
                100 * level, least, 1 - level, difference_sessions_to_speak(level));
}

void difference_print(FILE *out, const json_t *difference) {
    const json_t *comparisons = json_object_get(difference, "comparisons");
    (void)fprintf(out, "%.0f base and %.0f new session(s), the median of each\n",
                  result_number(difference, "sessions_base", 0),
                  result_number(difference, "sessions_new", 0));
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (last == NULL || !difference_same_point(last, c)) {
            char *point = difference_point_text(c);
            (void)fputc('\n', out);
            lines_print(out, "", "%s", point == NULL ? "" : point);
            (void)fprintf(out, "%-15s%10s%10s%8s %-16s%6s  %s\n", "variant, metric", "base", "new",
                          "ratio", "interval", "p", "verdict");
            free(point);
        }
        if (last == NULL || !difference_same_column(last, c)) print_column(out, comparisons, i);
        last = c;
    }
    print_method(out, difference);
    print_only(out, json_object_get(difference, "only_base"), "BASE");
    print_only(out, json_object_get(difference, "only_new"), "NEW");
    print_environment(out, json_object_get(difference, "environment_difference"));
    (void)fputc('\n', out);
}

/* ---- the verdict ---- */

static const json_t *floor_of(const json_t *comparisons, const json_t *column) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (metric_of(c)->measure == OF_FLOOR && difference_same_column(c, column)) return c;
    }
    return NULL;
}

/* Whether every regression is one of bare time, whose floor has become slower as well. */
static bool all_by_the_machine(const json_t *comparisons) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (!json_is_true(json_object_get(c, "regression"))) continue;
        const json_t *floor = floor_of(comparisons, c);
        if (metric_of(c)->measure != TIMED || !(result_number(floor, "ci_low", NAN) > 1)) {
            return false;
        }
    }
    return true;
}

static void print_regression(FILE *out, const json_t *difference) {
    const json_t *comparisons = json_object_get(difference, "comparisons");
    const json_t *first = NULL;
    for (size_t i = 0; i < json_array_size(comparisons) && first == NULL; i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (json_is_true(json_object_get(c, "regression"))) first = c;
    }
    const char *whose = all_by_the_machine(comparisons)
                            ? "; their floor became slower too and nothing is slower over it: "
                              "the machine or its kernel, not the program"
                            : "";
    lines_print(out, "",
                "Regression: %.0f of %.0f comparisons are worse by more than %g %%, the first "
                "%s, %s: %.3f times [%.3f, %.3f]%s.",
                result_number(difference, "regressions", 0), result_number(difference, "judged", 0),
                100 * result_number(difference, "min_effect", 0), result_text(first, "variant"),
                metric_of(first)->label, result_number(first, "ratio", NAN),
                result_number(first, "ci_low", NAN), result_number(first, "ci_high", NAN), whose);
}

static void print_no_regression(FILE *out, const json_t *difference) {
    const json_t *comparisons = json_object_get(difference, "comparisons");
    unsigned same = 0;
    unsigned open = 0;
    double needed = 0;
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        const char *verdict = result_text(c, "verdict");
        if (!json_is_true(json_object_get(c, "judged"))) continue;
        if (strcmp(verdict, verdict_names[VERDICT_SAME]) == 0) same++;
        if (strcmp(verdict, verdict_names[VERDICT_NOT_DECIDED]) == 0) open++;
        needed = fmax(needed, result_number(c, "sessions_needed", 0));
    }
    char more[64] = "";
    if (needed > 0) {
        (void)snprintf(more, sizeof more, " (about %.0f sessions a side would decide all)", needed);
    }
    lines_print(out, "",
                "No regression was found: of %.0f comparisons none is worse by more than %g %% "
                "for sure; %u are the same within %g %%, %u not decided%s.",
                result_number(difference, "judged", 0),
                100 * result_number(difference, "min_effect", 0), same,
                100 * result_number(difference, "margin", 0), open, more);
}

void difference_print_verdict(FILE *out, const json_t *difference) {
    const double base = result_number(difference, "sessions_base", 0);
    const double new = result_number(difference, "sessions_new", 0);
    const double fewest = fmin(base, new);
    const double too_few = result_number(difference, "too_few_valid", 0);
    if (result_number(difference, "regressions", 0) > 0) {
        print_regression(out, difference);
    } else if (too_few > 0) {
        lines_print(out, "",
                    "Not judged: %.0f comparisons lack sessions in which at least half of the "
                    "runs are valid.",
                    too_few);
    } else if (result_number(difference, "judged", 0) > 0) {
        print_no_regression(out, difference);
    } else {
        lines_print(out, "", "Shown, not judged: %.0f session%s; at least %d a side are needed.",
                    fewest, fewest == 1 ? "" : "s", DIFFERENCE_SESSIONS_MIN);
    }
}
