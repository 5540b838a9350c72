/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tell/words.h"

/* ---- by numbers: whatever runs are told apart by is one ---- */

typedef double key_of(const struct shown *one, const void *what);

static double by_axis(const struct shown *one, const void *axis) {
    return ((const struct selection_axis *)axis)->at(one->run);
}

static double by_parameter(const struct shown *one, const void *what) {
    const struct parameter *parameter = what;
    struct field field = parameter->field;
    field.nullable = false;
    if (field.kind == FIELD_CHOICE) field.kind = FIELD_UNSIGNED;
    /* An echo is one, whatever its size. */
    const bool echo = one->run->asked.reply_bytes == one->run->asked.size_bytes;
    if (echo && strcmp(parameter->option, "reply-size") == 0) return -1;
    return field_get(&field, &one->run->asked).number;
}

static double by_variant(const struct shown *one, const void *nothing) {
    (void)nothing;
    return (double)(one->run->asked.variant - variants);
}

static double by_depth(const struct shown *one, const void *nothing) {
    (void)nothing;
    return one->run->depth;
}

/* Another machine is another place than any of this one. */
static double by_place(const struct shown *one, const void *nothing) {
    (void)nothing;
    return one->run->asked.host != NULL;
}

static double by_session(const struct shown *one, const void *nothing) {
    (void)nothing;
    return (double)one->place;
}

static double by_messages(const struct shown *one, const void *nothing) {
    (void)nothing;
    return (double)one->run->sent;
}

static void add(struct selection *selection, struct shown one) {
    struct shown *more = reallocarray(selection->list, selection->count + 1, sizeof *more);
    if (more == NULL) return;
    selection->list = more;
    more[selection->count++] = one;
}

void selection_free(struct selection *selection) {
    free(selection->list);
    *selection = (struct selection){0};
}

static struct selection where(const struct selection *selection, key_of *key, const void *what,
                              double value) {
    struct selection some = {0};
    for (size_t i = 0; i < selection->count; i++) {
        if (key(&selection->list[i], what) == value) add(&some, selection->list[i]);
    }
    return some;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The distinct values, which ascend; malloc'd. NAN is none. */
static double *values_of(const struct selection *selection, key_of *key, const void *what,
                         size_t *count) {
    double *values = calloc(selection->count + 1, sizeof *values);
    *count = 0;
    for (size_t i = 0; values != NULL && i < selection->count; i++) {
        const double value = key(&selection->list[i], what);
        size_t k = 0;
        while (k < *count && values[k] != value) k++;
        if (k == *count && !isnan(value)) values[(*count)++] = value;
    }
    if (values != NULL) qsort(values, *count, sizeof *values, ascending);
    return values;
}

double *selection_points(const struct selection *selection, const struct selection_axis *axis,
                         size_t *count) {
    return values_of(selection, by_axis, axis, count);
}

/* Of several that are as usual the first. */
static void keep_usual(struct selection *selection, key_of *key, const void *what,
                       const struct selection_axis *axis) {
    struct selection best = {0};
    size_t count, best_points = 0;
    double *values = values_of(selection, key, what, &count);
    for (size_t i = 0; values != NULL && count > 1 && i < count; i++) {
        struct selection some = where(selection, key, what, values[i]);
        size_t points = 0;
        if (axis != NULL) free(values_of(&some, by_axis, axis, &points));
        const bool better = points != best_points ? points > best_points : some.count > best.count;
        struct selection *worse = better ? &best : &some;
        selection_free(worse);
        if (!better) continue;
        best = some;
        best_points = points;
    }
    free(values);
    if (count <= 1) return;
    selection_free(selection);
    *selection = best;
}

/* ---- the rules ---- */

/* A sweep is of its own axis and stays there. */
static bool is_about(const struct session *session, const struct selection_rule *rule) {
    if (session->axis == NULL) return strcmp(session->command, "compare") == 0 && !rule->sweep;
    return rule->axis != NULL && strcmp(session->axis, rule->axis->option) == 0;
}

/* Beside clients that say nothing there is an answer or none, and no time to compare. */
static bool fits(const struct run *run, const struct selection_rule *rule) {
    const struct parameters *asked = &run->asked;
    return asked->role == ROLE_VARIANT && !run->against && asked->silent == 0 &&
           asked->wire == rule->wire && (asked->loss_percent > 0) == rule->loses &&
           run_is_open(run) == rule->open;
}

struct selection selection_of(const struct selection_rule *rule, const struct results *results,
                              bool valid) {
    struct selection all = {0};
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        for (size_t k = 0; is_about(session, rule) && k < session->runs.count; k++) {
            const struct run *run = session->runs.list[k];
            if (fits(run, rule) && run_is_valid(run) == valid)
                add(&all, (struct shown){run, session, i});
        }
    }
    if (rule->one_session || rule->page) keep_usual(&all, by_session, NULL, rule->axis);
    if (rule->page) keep_usual(&all, by_messages, NULL, rule->axis);
    return all;
}

/* How deep a pipeline is and when to send again belong to the variant: each has its usual. */
static bool is_of_variant(const struct parameter *parameter) {
    return strcmp(parameter->option, "rto-floor") == 0 || strcmp(parameter->option, "dedup") == 0;
}

static void settle(struct selection *selection, const struct selection_axis *axis,
                   bool of_variant) {
    for (unsigned i = 0; i < parameter_count; i++) {
        const struct parameter *one = &parameters[i];
        const bool along = axis != NULL && strcmp(axis->option, one->option) == 0;
        if (one->identity && !along && is_of_variant(one) == of_variant)
            keep_usual(selection, by_parameter, one, axis);
    }
}

void selection_settle(struct selection *selection, const struct selection_axis *axis) {
    keep_usual(selection, by_place, NULL, axis);
    settle(selection, axis, false);
}

struct selection selection_of_variant(const struct selection *selection,
                                      const struct variant *variant,
                                      const struct selection_axis *axis) {
    struct selection own = where(selection, by_variant, NULL, (double)(variant - variants));
    settle(&own, axis, true);
    if (axis == NULL || strcmp(axis->option, "pipeline") != 0)
        keep_usual(&own, by_depth, NULL, axis);
    return own;
}

struct selection selection_at(const struct selection *selection, const struct selection_axis *axis,
                              double value) {
    return where(selection, by_axis, axis, value);
}

/* ---- in words ---- */

/* What a caption tells, in this order, by its name in a result file. */
static const struct {
    const char *option, *field;
} told[] = {{"rtt", "rtt_ms"},      {"loss", "loss_percent"},      {"rate", "offered_per_s"},
            {"delay", "delay_us"},  {"placement", "placement"},    {"connections", "connections"},
            {"size", "size_bytes"}, {"reply-size", "reply_bytes"}, {"engine", "engine"}};

static struct number condition_of(const struct selection *selection, const char *option,
                                  const char *name) {
    const struct parameters *asked = &selection->list[0].run->asked;
    const struct parameter *parameter = parameter_find(option);
    size_t count;
    free(values_of(selection, by_parameter, parameter, &count));
    if (count != 1 || by_parameter(selection->list, parameter) < 0) return (struct number){""};
    if (asked->host != NULL && strcmp(option, "placement") == 0) return (struct number){"remote"};
    const struct field_value value = field_get(&parameter->field, asked);
    return words_condition(name, value.number, value.text);
}

char *selection_conditions(const struct selection *selection, const struct selection_axis *axis) {
    char *text = NULL;
    size_t length = 0, count;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (size_t i = 0; selection->count > 0 && i < sizeof told / sizeof *told; i++) {
        if (axis != NULL && strcmp(axis->option, told[i].option) == 0) continue;
        const struct number words = condition_of(selection, told[i].option, told[i].field);
        if (*words.text != '\0') (void)fprintf(out, "%s%s", ftell(out) > 0 ? ", " : "", words.text);
    }
    free(values_of(selection, by_messages, NULL, &count));
    if (count == 1)
        (void)fprintf(out, ", %s",
                      words_counted((double)selection->list[0].run->sent, "message").text);
    if (selection->count > 0 && selection->list[0].run->asked.loss_percent > 0)
        (void)fprintf(out, ", a deadline of %g ms",
                      (double)selection->list[0].run->asked.deadline_ns / 1e6);
    (void)fclose(out);
    return text;
}

/* ---- numbers ---- */

struct middle selection_middle(const struct selection *selection,
                               double (*of)(const struct run *run)) {
    double *values = calloc(selection->count + 1, sizeof *values);
    size_t known = 0;
    for (size_t i = 0; values != NULL && i < selection->count; i++) {
        const double value = of(selection->list[i].run);
        if (isfinite(value)) values[known++] = value;
    }
    const struct middle middle = statistics_middle(values, known);
    free(values);
    return middle;
}

struct samples selection_samples(const struct selection *selection) {
    struct samples all = {0};
    for (size_t i = 0; i < selection->count; i++) {
        const struct samples one = run_samples(selection->list[i].run);
        samples_add(&all, &one);
    }
    return all;
}

/* ---- variants ---- */

static bool has_runs(const struct results *results, const struct variant *variant) {
    for (size_t i = 0; i < results->count; i++) {
        const struct runs *runs = &results->sessions[i]->runs;
        for (size_t k = 0; k < runs->count; k++) {
            const struct run *run = runs->list[k];
            if (run->asked.variant == variant && run->asked.role == ROLE_VARIANT &&
                run_is_valid(run))
                return true;
        }
    }
    return false;
}

size_t results_variants(const struct results *results, const struct variant **list, size_t room) {
    size_t count = 0;
    for (int core = 1; core >= 0; core--) {
        for (unsigned i = 0; i < variant_count && count < room; i++) {
            if (variants[i].core == core && has_runs(results, &variants[i]))
                list[count++] = &variants[i];
        }
    }
    return count;
}
