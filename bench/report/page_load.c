/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/table.h"
#include "bench/tell/words.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

/* Connections */

static void put_over_connections(FILE *out, const struct measured *measured, const char *variant,
                                 const char *before) {
    json_t *rows = table_rows(measured, "throughput", variant);
    const json_t *first = json_array_get(rows, 0), *last = table_last(rows);
    const json_t *best = table_highest(rows, THROUGHPUT_PER_S);
    if (best != NULL && first != last) {
        (void)fprintf(out, "%s`%s` carries %s messages/s", before, variant,
                      words_number(table_cell(first, THROUGHPUT_PER_S)).text);
        table_put_support(out, first, THROUGHPUT_PER_S, THROUGHPUT_RUNS);
        (void)fputs(" over ", out);
        table_put_count(out, table_cell(first, 1), "connection");
        if (best != first) {
            (void)fprintf(out, ", and at most %s", words_number(table_cell(best, 2)).text);
            table_put_support(out, best, THROUGHPUT_PER_S, THROUGHPUT_RUNS);
            (void)fputs(" over ", out);
            words_count(out, table_cell(best, 1));
        } else {
            (void)fputs(", and over more of them less", out);
        }
        (void)fprintf(out, "; its median latency goes from %s",
                      words_time(table_cell(first, THROUGHPUT_P50_US)).text);
        (void)fprintf(out, " to %s over ", words_time(table_cell(last, THROUGHPUT_P50_US)).text);
        words_count(out, table_cell(last, 1));
        (void)fputc('.', out);
    }
    json_decref(rows);
}

static void put_connections(FILE *out, const struct measured *measured) {
    put_over_connections(out, measured, kept, "");
    put_over_connections(out, measured, fresh, " ");
}

/* The rate */

/* "1.20 ms", or ">2.00 s" where it is beyond the deadline; "-" where too few were counted. */
static struct number time_within(double us, double deadline_us) {
    struct number number = words_time(us < deadline_us ? us : deadline_us);
    if (isnan(us)) return (struct number){"-"};
    if (us < deadline_us) return number;
    memmove(number.text + 1, number.text, sizeof number.text - 2); /* and its end stays 0 */
    number.text[0] = '>';
    return number;
}

static struct number rate_time(const json_t *row, size_t column) {
    return time_within(table_cell(row, column), table_cell(row, RATE_DEADLINE_US));
}

/* "single runs 1.10 ms to 1.30 ms, 6 runs)"; a single one has no spread. */
static void put_single_runs(FILE *out, struct number low, struct number high, double runs) {
    const bool spread = runs > 1 && *low.text != '-' && *high.text != '-';
    if (spread) (void)fprintf(out, "single runs %s to %s, ", low.text, high.text);
    table_put_count(out, runs, "run");
    (void)fputc(')', out);
}

/* The row of the knee; without a knee the highest rate at which it is not overloaded. */
static const json_t *row_before_overload(const json_t *rows) {
    const json_t *found = NULL;
    const double knee = table_cell(json_array_get(rows, 0), RATE_KNEE_PER_S);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (table_cell(row, RATE_OVERLOADED) > 0) break;
        if (!isnan(knee) && table_cell(row, RATE_OFFERED_PER_S) > knee) break;
        found = row;
    }
    return found;
}

static void put_rate_of(FILE *out, const json_t *rows, const char *variant) {
    const json_t *row = row_before_overload(rows), *last = table_last(rows);
    if (row == NULL) return;
    const bool knee = !isnan(table_cell(row, RATE_KNEE_PER_S));
    if (ftell(out) > 0) (void)fputc(' ', out);
    (void)fprintf(out, "%s %s requests/s", knee ? "Up to its knee," : "Offered",
                  words_number(table_cell(row, RATE_OFFERED_PER_S)).text);
    if (!isnan(table_cell(row, RATE_SHARE)))
        (void)fprintf(out, ", %.2f times what it carries in a closed loop",
                      table_cell(row, RATE_SHARE));
    /* Short runs have no messages enough for a p99. */
    const bool tail = !isnan(table_cell(row, RATE_P99_US)) && !isnan(table_cell(last, RATE_P99_US));
    const size_t column = tail ? RATE_P99_US : RATE_P50_US;
    const size_t service = tail ? RATE_SERVICE_P99_US : RATE_SERVICE_P50_US;
    (void)fprintf(out, ", `%s` has a %s of %s (", variant, tail ? "p99" : "median",
                  rate_time(row, column).text);
    const struct number none = {.text = "-"};
    put_single_runs(out, tail ? rate_time(row, column + 1) : none,
                    tail ? rate_time(row, column + 2) : none, table_cell(row, RATE_RUNS));
    if (last != row) {
        (void)fprintf(out, "; offered %s/s it is %s, of which the service time has %s",
                      words_number(table_cell(last, RATE_OFFERED_PER_S)).text,
                      rate_time(last, column).text, rate_time(last, service).text);
    }
    (void)fputc('.', out);
}

static void put_rate(FILE *out, const struct measured *measured) {
    const char *const both[] = {kept, fresh};
    for (size_t i = 0; i < 2; i++) {
        json_t *rows = table_rows(measured, "rate", both[i]);
        put_rate_of(out, rows, both[i]);
        json_decref(rows);
    }
}

static json_t *rate_row(const json_t *row) {
    const bool overloaded = table_cell(row, RATE_OVERLOADED) > 0;
    const double share = table_cell(row, RATE_SHARE);
    return json_pack(
        "[o, o, o, o, s, s, s, o]", words_string("`%s`", story_cell(row, 0)),
        words_string("%s%s", words_number(table_cell(row, RATE_OFFERED_PER_S)).text,
                     overloaded ? " *" : ""),
        isnan(share) ? json_string("-") : words_string("%.2f", share),
        words_string("%.2f", floor(100 * table_cell(row, RATE_ANSWERED_PERCENT)) / 100),
        rate_time(row, RATE_P50_US).text, rate_time(row, RATE_P99_US).text,
        rate_time(row, RATE_SERVICE_P99_US).text, words_cell(json_array_get(row, RATE_RUNS)));
}

static void tell_rates(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s, s, s, s, s, s]]", "variant", "offered/s", "share",
                             "answered %", "p50", "p99", "service p99", "runs");
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(measured->tables, "rate"), i, row) {
        json_array_append_new(rows, rate_row(row));
    }
    table_tell_folded(story, rows);
    story_say(story, "share: of what the variant carries in a closed loop; *: overloaded; -: fewer "
                     "than 20 messages beyond.");
    json_decref(rows);
}

/* Tails */

static const json_t *tail_at(const json_t *rows, double percent) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (table_cell(row, TAILS_PERCENT) == percent) return row;
    }
    return NULL;
}

static struct number tail_time(const json_t *row, size_t column) {
    return time_within(table_cell(row, column), table_cell(row, TAILS_DEADLINE_US));
}

static void put_tail_of(FILE *out, const struct measured *measured, const char *variant,
                        const char *before) {
    json_t *rows = table_rows(measured, "tails", variant);
    const json_t *slow = tail_at(rows, 99), *half = tail_at(rows, 50);
    if (slow != NULL && half != NULL) {
        (void)fprintf(out, "%s%s in the median and %s in p99 (", before,
                      tail_time(half, TAILS_US).text, tail_time(slow, TAILS_US).text);
        put_single_runs(out, tail_time(slow, TAILS_US + 1), tail_time(slow, TAILS_US + 2),
                        table_cell(slow, TAILS_RUNS));
        (void)fprintf(out, " by `%s`", variant);
    }
    json_decref(rows);
}

/* "p99: 0.71 times (95 % interval ...), faster": what compare concluded for these two. */
static void put_tail_verdict(FILE *out, const struct measured *measured) {
    size_t i;
    json_t *one;
    json_array_foreach(measured->open_comparisons, i, one) {
        if (strcmp(query_text(one, "metric", ""), "p99") != 0) continue;
        if (strcmp(query_text(one, "variant", ""), kept) != 0 ||
            strcmp(query_text(one, "baseline", ""), fresh) != 0)
            continue;
        (void)fprintf(out, " The p99 of `%s` is %s times", kept,
                      words_ratio(query_number(one, "ratio")).text);
        if (query_number(one, "blocks") > 1)
            (void)fprintf(out, " (%.4g %% interval %s to %s, ", 100 * query_number(one, "level"),
                          words_ratio(query_number(one, "ci_low")).text,
                          words_ratio(query_number(one, "ci_high")).text);
        else
            (void)fputs(" (", out);
        table_put_count(out, query_number(one, "blocks"), "block");
        (void)fputc(')', out);
        (void)fprintf(out, " that of `%s`: %s.", fresh, query_text(one, "verdict", "no verdict"));
        return;
    }
}

static void put_tails(FILE *out, const struct measured *measured) {
    const json_t *first = json_array_get(json_object_get(measured->tables, "tails"), 0);
    char *text = NULL;
    size_t length = 0;
    FILE *both = open_memstream(&text, &length);
    if (both == NULL) return;
    put_tail_of(both, measured, kept, "");
    put_tail_of(both, measured, fresh, ftell(both) > 0 ? ", and " : "");
    (void)fclose(both);
    if (length > 0)
        (void)fprintf(out, "At %s requests/s for all a message takes %s.",
                      words_number(table_cell(first, TAILS_OFFERED_PER_S)).text, text);
    put_tail_verdict(out, measured);
    free(text);
}

/* "59.1 us [55.0 us, 63.2 us]": in brackets single runs, for the tail alone. */
static json_t *tail_cell(const json_t *row) {
    if (row == NULL) return json_string("-");
    if (isnan(table_cell(row, TAILS_US + 1)) || table_cell(row, TAILS_PERCENT) < 99)
        return json_string(tail_time(row, TAILS_US).text);
    return words_string("%s [%s, %s]", tail_time(row, TAILS_US).text,
                        tail_time(row, TAILS_US + 1).text, tail_time(row, TAILS_US + 2).text);
}

static json_t *tails_row(const struct measured *measured, const char *variant) {
    static const double percents[] = {50, 90, 99, 99.9};
    json_t *rows = table_rows(measured, "tails", variant);
    const json_t *first = json_array_get(rows, 0);
    json_t *row = json_pack("[o]", words_string("`%s`", variant));
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++)
        json_array_append_new(row, tail_cell(tail_at(rows, percents[i])));
    json_array_append_new(
        row, words_string("%.2f", floor(100 * table_cell(first, TAILS_ANSWERED_PERCENT)) / 100));
    json_array_append_new(row, words_cell(json_array_get(first, TAILS_MESSAGES)));
    json_array_append_new(row, words_cell(json_array_get(first, TAILS_RUNS)));
    json_decref(rows);
    return row;
}

static void tell_tails(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s, s, s, s, s, s]]", "variant", "p50", "p90",
                             "p99 [single runs]", "p99.9", "answered %", "messages", "runs");
    json_t *names = table_names(measured, "tails"), *name;
    size_t i;
    json_array_foreach(names, i, name) {
        json_array_append_new(rows, tails_row(measured, json_string_value(name)));
    }
    story_table(story, "numbers", rows);
    json_decref(names);
    json_decref(rows);
}

static void lead_connections(struct story *story, const struct measured *measured) {
    table_tell(story, put_connections, measured);
}

static void lead_rate(struct story *story, const struct measured *measured) {
    table_tell(story, put_rate, measured);
}

static void lead_tails(struct story *story, const struct measured *measured) {
    table_tell(story, put_tails, measured);
}

void page_load(struct story *story, const struct measured *measured) {
    const bool any = table_has(measured, "throughput") || table_has(measured, "rate") ||
                     table_has(measured, "tails");
    if (any) story_heading(story, 2, "Under load");
    if (page_figure_led(story, measured, "throughput", lead_connections))
        page_tell_command(story, "throughput");
    if (page_figure_led(story, measured, "rate", lead_rate)) {
        tell_rates(story, measured);
        page_tell_command(story, "rate");
    }
    if (page_figure_led(story, measured, "tails", lead_tails)) {
        tell_tails(story, measured);
        page_tell_command(story, "tails");
    }
}
