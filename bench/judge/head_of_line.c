/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/head_of_line.h"

#include <math.h>
#include <stdlib.h>

struct head_of_line_limits head_of_line_limits(double rtt_ms) {
    return (struct head_of_line_limits){
        .usual_ms = NAN,
        /* Far more than a busy machine adds, far less than the timers of TCP. */
        .slack_ms = fmax(5, rtt_ms / 4),
        /* A connection per message takes two round trips by itself. */
        .within_ms = 3 * rtt_ms};
}

static int by_due(const void *a, const void *b) {
    const struct near_loss *x = a, *y = b;
    return (x->due_ms > y->due_ms) - (x->due_ms < y->due_ms);
}

/* All messages of a run in the order in which they were due; malloc'd, or NULL. */
static struct near_loss *messages_of(const struct run *run, size_t *count) {
    struct near_loss *messages = calloc(run->series_count + 1, sizeof *messages);
    *count = messages == NULL ? 0 : run->series_count;
    for (size_t i = 0; i < *count; i++) {
        const uint64_t took_ns = run->series[i].latency_ns;
        messages[i].due_ms = (double)run->series[i].due_ns / 1e6;
        messages[i].latency_ms = took_ns == UINT64_MAX ? (double)NAN : (double)took_ns / 1e6;
    }
    if (*count > 0) qsort(messages, *count, sizeof *messages, by_due);
    return messages;
}

static double median_ms(const struct near_loss *messages, size_t count) {
    double *answered = calloc(count + 1, sizeof *answered);
    size_t many = 0;
    for (size_t i = 0; answered != NULL && i < count; i++)
        if (!isnan(messages[i].latency_ms)) answered[many++] = messages[i].latency_ms;
    const double median = statistics_median(answered, many);
    free(answered);
    return median;
}

double head_of_line_median_ms(const struct run *run) {
    size_t count;
    struct near_loss *messages = messages_of(run, &count);
    const double median = median_ms(messages, count);
    free(messages);
    return median;
}

/* Of no messages at all: 0. */
static size_t find_worst(const struct near_loss *messages, size_t count) {
    size_t worst = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(messages[i].latency_ms)) return i;
        if (messages[i].latency_ms > messages[worst].latency_ms) worst = i;
    }
    return worst;
}

/* Whether it was due while the lost message (NULL: any) was not answered; NAN: it never was. */
static bool could_wait_for(const struct near_loss *lost, const struct near_loss *message) {
    if (lost == NULL) return true;
    return message->due_ms >= lost->due_ms && !(message->due_ms > lost->due_ms + lost->latency_ms);
}

void head_of_line_add(struct head_of_line *sum, const struct run *run,
                      const struct head_of_line_limits *limits) {
    size_t count;
    struct near_loss *messages = messages_of(run, &count);
    const struct near_loss *lost = limits->single ? messages + find_worst(messages, count) : NULL;
    const double usual_ms = isnan(limits->usual_ms) ? median_ms(messages, count) : limits->usual_ms;
    double in_a_row = 0;
    for (size_t i = 0; i < count; i++) {
        const double latency_ms = messages[i].latency_ms;
        const bool answered = !isnan(latency_ms), in_time = latency_ms <= limits->within_ms;
        sum->sent++;
        sum->answered += answered;
        sum->unanswered += !answered;
        sum->in_time += in_time;
        in_a_row = in_time ? 0 : in_a_row + 1;
        sum->miss_pairs += in_a_row > 0 ? 2 * in_a_row - 1 : 0; /* k^2 is a sum of odd numbers */
        if (!answered || !could_wait_for(lost, &messages[i])) continue;
        sum->worst_ms = fmax(sum->worst_ms, latency_ms - usual_ms);
        sum->delayed += latency_ms > usual_ms + limits->slack_ms;
    }
    sum->packets_lost += (double)run->wire.all.dropped;
    sum->runs++;
    if (!isnan(usual_ms)) sum->usual_ms += (usual_ms - sum->usual_ms) / (double)sum->runs;
    free(messages);
}

struct interval head_of_line_share(const struct head_of_line *sum, double level) {
    const double misses = sum->sent - sum->in_time;
    if (sum->sent == 0) return (struct interval){NAN, NAN, NAN};
    const double together = misses > 0 ? sum->miss_pairs / misses : 1;
    return statistics_share_interval(sum->in_time / together, misses / together, level);
}

struct near_loss *head_of_line_near(const struct run *run, double before_ms, double after_ms,
                                    size_t *count) {
    size_t all;
    struct near_loss *messages = messages_of(run, &all);
    const double origin_ms = all == 0 ? 0 : messages[find_worst(messages, all)].due_ms;
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        const struct near_loss one = {messages[i].due_ms - origin_ms, messages[i].latency_ms};
        if (one.due_ms >= -before_ms && one.due_ms <= after_ms) messages[(*count)++] = one;
    }
    if (*count > 0) return messages;
    free(messages);
    return NULL;
}
