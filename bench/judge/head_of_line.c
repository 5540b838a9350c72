/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/head_of_line.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/judge/query.h"

struct who_waits_limits who_waits_limits(double rtt_ms) {
    return (struct who_waits_limits){
        .usual_ms = NAN,
        /* Far more than a busy machine adds, far less than the timers of TCP. */
        .slack_ms = fmax(5, rtt_ms / 4),
        /* A connection per message takes two round trips by itself. */
        .within_ms = 3 * rtt_ms,
    };
}

struct message {
    double due_ms, latency_ms; /* NAN: unanswered */
};

static int by_due(const void *a, const void *b) {
    const struct message *x = a, *y = b;
    return (x->due_ms > y->due_ms) - (x->due_ms < y->due_ms);
}

/* All messages of a run in the order in which they were due, to be freed; NULL: none. */
static struct message *read_messages(const json_t *run, size_t *count) {
    const json_t *series = query_field(run, "open_loop.series_us");
    size_t i;
    json_t *point;
    *count = json_array_size(series);
    struct message *messages = calloc(*count + 1, sizeof *messages);
    if (messages == NULL) *count = 0;
    for (i = 0; i < *count; i++) {
        point = json_array_get(series, i);
        const json_t *latency = json_array_get(point, 1);
        messages[i].due_ms = json_number_value(json_array_get(point, 0)) / 1e3;
        messages[i].latency_ms =
            json_is_number(latency) ? json_number_value(latency) / 1e3 : (double)NAN;
    }
    if (*count > 0) qsort(messages, *count, sizeof *messages, by_due);
    return messages;
}

static double median_ms(const struct message *messages, size_t count) {
    double *answered = calloc(count + 1, sizeof *answered);
    size_t many = 0;
    for (size_t i = 0; answered != NULL && i < count; i++) {
        if (!isnan(messages[i].latency_ms)) answered[many++] = messages[i].latency_ms;
    }
    const double median = many == 0 ? (double)NAN : statistics_median(answered, many);
    free(answered);
    return median;
}

double who_waits_median_ms(const json_t *run) {
    size_t count;
    struct message *messages = read_messages(run, &count);
    const double median = median_ms(messages, count);
    free(messages);
    return median;
}

/* Of no messages at all: 0. */
static size_t find_worst(const struct message *messages, size_t count) {
    size_t worst = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(messages[i].latency_ms)) return i;
        if (messages[i].latency_ms > messages[worst].latency_ms) worst = i;
    }
    return worst;
}

/* When what is late was due: at any time, or while the lost message was not answered. */
struct span {
    double from_ms, to_ms;
};

static struct span find_span(const struct message *messages, size_t count,
                             const struct who_waits_limits *limits) {
    struct span span = {-INFINITY, INFINITY};
    if (!limits->single || count == 0) return span;
    const struct message *lost = &messages[find_worst(messages, count)];
    span.from_ms = lost->due_ms;
    if (!isnan(lost->latency_ms)) span.to_ms = lost->due_ms + lost->latency_ms;
    return span;
}

static void add_message(struct who_waits *sum, const struct message *message, double usual_ms,
                        const struct who_waits_limits *limits, const struct span *span) {
    const double latency_ms = message->latency_ms;
    const bool waited = message->due_ms >= span->from_ms && message->due_ms <= span->to_ms;
    sum->sent++;
    if (isnan(latency_ms)) {
        sum->unanswered++;
        return;
    }
    sum->answered++;
    if (latency_ms <= limits->within_ms) sum->in_time++;
    if (!waited) return;
    sum->worst_ms = fmax(sum->worst_ms, latency_ms - usual_ms);
    if (latency_ms > usual_ms + limits->slack_ms) sum->delayed++;
}

void who_waits_add(struct who_waits *sum, const json_t *run,
                   const struct who_waits_limits *limits) {
    size_t count;
    struct message *messages = read_messages(run, &count);
    const double own_ms = median_ms(messages, count);
    const double usual_ms = isnan(limits->usual_ms) ? own_ms : limits->usual_ms;
    const struct span span = find_span(messages, count, limits);
    double in_a_row = 0;
    for (size_t i = 0; i < count; i++) {
        const double before = sum->in_time;
        add_message(sum, &messages[i], usual_ms, limits, &span);
        in_a_row = sum->in_time == before ? in_a_row + 1 : 0;
        sum->miss_pairs += in_a_row > 0 ? 2 * in_a_row - 1 : 0; /* k^2 is a sum of odd numbers */
    }
    sum->packets_lost += query_number(run, "wire.dropped");
    sum->runs++;
    if (!isnan(usual_ms)) sum->usual_ms += (usual_ms - sum->usual_ms) / sum->runs;
    free(messages);
}

struct interval who_waits_share(const struct who_waits *sum, double level) {
    const double misses = sum->sent - sum->in_time;
    if (sum->sent == 0) return (struct interval){NAN, NAN, NAN};
    const double together = misses > 0 ? sum->miss_pairs / misses : 1;
    return statistics_share_interval(sum->in_time / together, misses / together, level);
}

json_t *who_waits_near(const json_t *run, double before_ms, double after_ms) {
    size_t count;
    struct message *messages = read_messages(run, &count);
    const size_t worst = find_worst(messages, count);
    json_t *near = json_array();
    for (size_t i = 0; i < count; i++) {
        const double ms = messages[i].due_ms - messages[worst].due_ms;
        const double latency_ms = messages[i].latency_ms;
        if (ms < -before_ms || ms > after_ms) continue;
        (void)json_array_append_new(
            near, json_pack("[f,o]", ms, isnan(latency_ms) ? json_null() : json_real(latency_ms)));
    }
    free(messages);
    return near;
}
