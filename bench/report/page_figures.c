/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

/* Sentences of the figures: what stands in {braces} in a caption */

static const char *samples_of(const struct figure *figure) {
    return figure->samples == NULL ? "runs" : figure->samples;
}

static size_t first_value(const struct figure *figure) {
    return figure->axis == NULL ? 1 : 2;
}

/* "15 runs", "1 run" */
static void put_samples(FILE *out, const struct figure *figure, const json_t *count) {
    const char *name = samples_of(figure);
    const double number = json_number_value(count);
    (void)fprintf(out, "%.0f %.*s", number, (int)(strlen(name) - (number == 1 ? 1 : 0)), name);
}

static void put_interval(FILE *out, const struct figure *figure, const json_t *row, size_t column) {
    const json_t *low = json_array_get(row, column + 1), *high = json_array_get(row, column + 2);
    const json_t *samples = json_array_get(row, json_array_size(row) - 1);
    (void)fputs(" (", out);
    if (json_is_number(low) && json_is_number(high)) {
        (void)fprintf(out, "%s %s to %s, ",
                      figure->interval == NULL ? "95 % interval" : figure->interval,
                      words_json(low).text, words_json(high).text);
    }
    put_samples(out, figure, samples);
    (void)fputc(')', out);
}

static void put_row(FILE *out, const struct figure *figure, const json_t *row) {
    const size_t column = first_value(figure);
    (void)fprintf(out, "%s %s", words_json(json_array_get(row, column)).text, figure->unit);
    put_interval(out, figure, row, column);
    (void)fprintf(out, " by `%s`", story_cell(row, 0));
    if (figure->axis == NULL) return;
    (void)fputs(" at ", out);
    words_condition(out, figure->axis, json_array_get(row, 1));
}

static void put_extreme(FILE *out, const struct figure *figure, const json_t *rows, int sign) {
    const size_t column = first_value(figure);
    const json_t *best = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const json_t *value = json_array_get(row, column);
        if (!json_is_number(value) || json_is_null(json_array_get(row, 1))) continue;
        if (best == NULL ||
            sign * (json_number_value(value) - json_number_value(json_array_get(best, column))) > 0)
            best = row;
    }
    if (best != NULL)
        put_row(out, figure, best);
    else
        (void)fputs("nothing", out);
}

static void put_highest(FILE *out, const struct figure *figure, const json_t *rows) {
    put_extreme(out, figure, rows, 1);
}

static void put_lowest(FILE *out, const struct figure *figure, const json_t *rows) {
    put_extreme(out, figure, rows, -1);
}

/* The first row of `name` with a share of at most `percent`; the rows of a variant descend in it.
 */
static const json_t *tail_row(const json_t *rows, const char *name, double percent) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(story_cell(row, 0), name) == 0 &&
            json_number_value(json_array_get(row, 2)) <= percent)
            return row;
    }
    return NULL;
}

static void put_tails(FILE *out, const struct figure *figure, const json_t *rows) {
    (void)figure;
    const char *name = "", *between = "";
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(name, story_cell(row, 0)) == 0) continue;
        name = story_cell(row, 0);
        const json_t *half = tail_row(rows, name, 50), *slow = tail_row(rows, name, 1);
        (void)fprintf(out, "%s`%s` %s us and %s us (", between, name,
                      words_json(json_array_get(half, 1)).text,
                      words_json(json_array_get(slow, 1)).text);
        words_count(out, json_number_value(json_array_get(row, 3)));
        (void)fputs(" messages)", out);
        between = "; ";
    }
}

/* "60.3 us (58.8 to 64.0)" */
static void put_range(FILE *out, const json_t *row, size_t column, const char *unit) {
    const json_t *low = json_array_get(row, column + 1), *high = json_array_get(row, column + 2);
    (void)fprintf(out, "%s %s", words_json(json_array_get(row, column)).text, unit);
    if (json_is_number(low) && json_is_number(high))
        (void)fprintf(out, " (%s to %s)", words_json(low).text, words_json(high).text);
}

/* The variant that spends the largest share outside the exchange: before it and after it. */
static void put_largest_overhead(FILE *out, const struct figure *figure, const json_t *rows) {
    const json_t *most = NULL;
    double most_share = -1, most_sum = 0;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        double part[FIGURE_METRICS] = {0}, sum = 0;
        for (size_t k = 0; k < 3; k++)
            sum += part[k] = json_number_value(json_array_get(row, 1 + 3 * k));
        const double share = sum > 0 ? (part[0] + part[2]) / sum : 0;
        if (share <= most_share) continue;
        most = row;
        most_share = share;
        most_sum = sum;
    }
    if (most == NULL) return;
    (void)fprintf(out, "a message by `%s` takes %s %s, of which %.0f %% are spent on connecting, ",
                  story_cell(most, 0), words_number(most_sum).text, figure->unit, 100 * most_share);
    put_range(out, most, 1, figure->unit);
    (void)fputs(", and closing, ", out);
    put_range(out, most, 7, figure->unit);
    (void)fputs(" (with 95 % intervals", out);
    (void)fputs("; ", out);
    put_samples(out, figure, json_array_get(most, json_array_size(most) - 1));
    (void)fputc(')', out);
}

/* The line that is furthest from the model, as it is the one to look at. */
static void put_rtt(FILE *out, const struct figure *figure, const json_t *rows) {
    const json_t *worst = NULL;
    double worst_off = -1;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const double model = json_number_value(json_array_get(row, RTT_MODEL_US));
        const double latency = json_number_value(json_array_get(row, RTT_LATENCY_US));
        if (model <= 0) continue;
        const double off = latency > model ? latency / model - 1 : 1 - latency / model;
        if (off <= worst_off) continue;
        worst = row;
        worst_off = off;
    }
    if (worst == NULL) {
        (void)fputs("The work on one core was not measured, so there are no lines", out);
        return;
    }
    const double model = json_number_value(json_array_get(worst, RTT_MODEL_US));
    const double latency = json_number_value(json_array_get(worst, RTT_LATENCY_US));
    (void)fprintf(out, "Furthest from the model is `%s` at %.4g ms: %s us measured",
                  story_cell(worst, 0), json_number_value(json_array_get(worst, RTT_MS)),
                  words_number(latency).text);
    put_interval(out, figure, worst, RTT_LATENCY_US);
    (void)fprintf(out, ", %s us predicted (%+.1f %%)", words_number(model).text,
                  100 * (latency / model - 1));
}

/* A message by the slope of each variant, and what a process costs to start. */
static void put_slopes(FILE *out, const struct figure *figure, const json_t *rows) {
    (void)figure;
    const char *name = "", *between = "";
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(name, story_cell(row, 0)) == 0) continue;
        name = story_cell(row, 0);
        const double files = json_number_value(json_array_get(row, PROCESS_FILES));
        if (files == 0) continue;
        (void)fprintf(out, "%s`%s` ", between, name);
        put_range(out, row, PROCESS_SLOPE_US, "us");
        (void)fputs(" and ", out);
        put_range(out, row, PROCESS_START_MS, "ms");
        (void)fprintf(out, " in %.0f round%s", files, files == 1 ? "" : "s");
        between = "; ";
    }
    if (*between == '\0') (void)fputs("no file has N and 2 N messages, so there is no slope", out);
}

static double cell_of(const json_t *row, size_t column) {
    return json_number_value(json_array_get(row, column));
}

/* The last row of `name`, of the largest size; the rows of a variant ascend in it. */
static const json_t *largest_of(const json_t *rows, const char *name) {
    const json_t *last = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(story_cell(row, 0), name) == 0) last = row;
    }
    return last;
}

static void put_bytes(FILE *out, double bytes) {
    words_count(out, bytes);
    (void)fputs(bytes == 1 ? " byte" : " bytes", out);
}

/* The first two sizes of `name` between which there is a round trip more. */
static void put_first_step(FILE *out, const json_t *rows, const char *name) {
    const json_t *before = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(story_cell(row, 0), name) != 0) continue;
        const double more = before == NULL ? 0
                                           : cell_of(row, SIZE_RTT_ROUND_TRIPS) -
                                                 cell_of(before, SIZE_RTT_ROUND_TRIPS);
        if (more >= 0.5) {
            (void)fprintf(out, " (the first step, of %s, is between ", words_number(more).text);
            words_count(out, cell_of(before, 1));
            (void)fputs(" and ", out);
            put_bytes(out, cell_of(row, 1));
            (void)fputc(')', out);
            return;
        }
        before = row;
    }
    (void)fputs(" (no step)", out);
}

/* In round trips, what the smallest and the largest payload take by each variant. */
static void put_steps(FILE *out, const struct figure *figure, const json_t *rows) {
    (void)figure;
    const char *name = "";
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(name, story_cell(row, 0)) == 0) continue;
        (void)fputs(*name == '\0' ? "In round trips, " : "; ", out);
        name = story_cell(row, 0);
        const json_t *largest = largest_of(rows, name);
        (void)fprintf(out, "`%s` takes %s for ", name,
                      words_number(cell_of(row, SIZE_RTT_ROUND_TRIPS)).text);
        put_bytes(out, cell_of(row, 1));
        (void)fprintf(out, " and %s for ",
                      words_number(cell_of(largest, SIZE_RTT_ROUND_TRIPS)).text);
        put_bytes(out, cell_of(largest, 1));
        put_first_step(out, rows, name);
    }
}

static void put_answered_row(FILE *out, const json_t *row) {
    const json_t *predicted = json_array_get(row, SIZE_LOSS_PREDICTED);
    const double fragments = cell_of(row, SIZE_LOSS_FRAGMENTS);
    (void)fprintf(out, "%.1f %% (95 %% interval %.1f to %.1f", cell_of(row, SIZE_LOSS_ANSWERED),
                  cell_of(row, SIZE_LOSS_ANSWERED + 1), cell_of(row, SIZE_LOSS_ANSWERED + 2));
    if (json_is_number(predicted))
        (void)fprintf(out, ", predicted %.1f", json_number_value(predicted));
    (void)fputs(") with ", out);
    put_bytes(out, cell_of(row, 1));
    if (fragments > 0) (void)fprintf(out, " in %.3g fragments", fragments);
}

/* Of each variant the share with the most in one packet, and with the largest payload. */
static void put_answered(FILE *out, const struct figure *figure, const json_t *rows) {
    (void)figure;
    const char *name = "", *between = "Of all messages, ";
    const json_t *whole = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(name, story_cell(row, 0)) != 0) whole = NULL;
        if (cell_of(row, 1) <= FIGURE_ONE_PACKET) whole = row;
        const json_t *largest = largest_of(rows, name = story_cell(row, 0));
        if (row != largest) continue;
        (void)fprintf(out, "%s`%s` answers ", between, name);
        between = "; ";
        if (whole != NULL && whole != largest) {
            put_answered_row(out, whole);
            (void)fputs(", and ", out);
        }
        put_answered_row(out, largest);
    }
}

static const struct blank {
    const char *name;
    void (*put)(FILE *out, const struct figure *figure, const json_t *rows);
} blanks[] = {
    {"highest", put_highest}, {"lowest", put_lowest},
    {"tails", put_tails},     {"largest_overhead", put_largest_overhead},
    {"rtt", put_rtt},         {"slopes", put_slopes},
    {"steps", put_steps},     {"answered", put_answered},
};

static void put_caption(FILE *out, const struct figure *figure, const json_t *rows) {
    for (const char *c = figure->caption; *c != '\0'; c++) {
        if (*c != '{') {
            (void)fputc(*c, out);
            continue;
        }
        const size_t length = strcspn(++c, "}");
        for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
            if (strlen(blanks[i].name) == length && strncmp(blanks[i].name, c, length) == 0) {
                blanks[i].put(out, figure, rows);
            }
        }
        c += length;
    }
}

/* To be freed; NULL without memory. */
static char *caption_of(const struct figure *figure, const json_t *rows) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    put_caption(out, figure, rows);
    (void)fclose(out);
    return text;
}

/* The numbers of a figure */

static json_t *value_cell(const json_t *row, size_t column) {
    const json_t *low = json_array_get(row, column + 1), *high = json_array_get(row, column + 2);
    const struct number value = words_json(json_array_get(row, column));
    if (!json_is_number(low) || !json_is_number(high)) return json_string(value.text);
    return words_string("%s (%s to %s)", value.text, words_json(low).text, words_json(high).text);
}

static json_t *head_of(const char *column) {
    char words[64];
    (void)snprintf(words, sizeof words, "%s", column);
    for (char *c = words; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    return json_string(words);
}

static json_t *numbers_of(const struct figure *figure, const json_t *rows) {
    json_t *table_rows = json_array(), *head = json_array(), *row;
    size_t i;
    json_array_append_new(head, head_of(figure->who == NULL ? "variant" : figure->who));
    if (figure->axis != NULL) json_array_append_new(head, head_of(figure->axis));
    for (i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        json_array_append_new(head, head_of(figure->metrics[i].column));
    }
    json_array_append_new(head, head_of(samples_of(figure)));
    json_array_append_new(table_rows, head);
    json_array_foreach(rows, i, row) {
        json_t *cells = json_array();
        const size_t last = json_array_size(row) - 1;
        json_array_append_new(cells, words_string("`%s`", story_cell(row, 0)));
        if (figure->axis != NULL) json_array_append_new(cells, words_cell(json_array_get(row, 1)));
        for (size_t k = first_value(figure); k < last; k += 3)
            json_array_append_new(cells, value_cell(row, k));
        json_array_append_new(cells, words_cell(json_array_get(row, last)));
        json_array_append_new(table_rows, cells);
    }
    return table_rows;
}

static void html_picture(struct story *story, const struct figure *figure, const char *caption,
                         const char *conditions) {
    (void)fprintf(
        story->out,
        "<figure><a href=\"%s.svg\"><img src=\"%s.svg\" width=\"900\" height=\"560\" alt=\"",
        figure->name, figure->name);
    for (const char *c = caption; *c != '\0'; c++)
        if (*c != '`') story_escape(story->out, *c);
    (void)fputs("\"></a>\n<figcaption>", story->out);
    story_html(story->out, conditions);
    (void)fprintf(story->out,
                  "%s<a href=\"%s.png\">PNG</a> · <a "
                  "href=\"../data/%s.tsv\">data</a></figcaption></figure>\n",
                  *conditions == '\0' ? "" : " · ", figure->name, figure->name);
}

static void tell_figure(struct story *story, const struct measured *measured,
                        const struct figure *figure, const json_t *rows, const char *conditions,
                        page_part *lead) {
    char *caption = caption_of(figure, rows);
    story_heading(story, 3, figure->title);
    if (lead != NULL) lead(story, measured);
    if (caption != NULL) story_paragraph(story, "p", caption);
    if (story->html)
        html_picture(story, figure, caption == NULL ? "" : caption, conditions);
    else if (*conditions != '\0')
        story_say(story, "Measured with: %s.", conditions);
    free(caption);
    if (figure->header != NULL) return; /* a curve is no table to read */
    json_t *numbers = numbers_of(figure, rows);
    if (story->html) (void)fputs("<details><summary>The numbers</summary>\n", story->out);
    story_table(story, "numbers", numbers);
    if (story->html) (void)fputs("</details>\n", story->out);
    json_decref(numbers);
}

bool page_figure_led(struct story *story, const struct measured *measured, const char *name,
                     page_part *lead) {
    const json_t *rows = json_object_get(measured->tables, name);
    const char *conditions = json_string_value(json_object_get(measured->conditions, name));
    if (rows == NULL) return false;
    tell_figure(story, measured, figure_find(name), rows, conditions == NULL ? "" : conditions,
                lead);
    return true;
}

bool page_figure(struct story *story, const struct measured *measured, const char *name) {
    return page_figure_led(story, measured, name, NULL);
}

/* What follows a figure, and what stands elsewhere. */
static const struct {
    const char *name;
    page_part *after;
    bool elsewhere;
} special[] = {{"placement", page_placement, false},
               {"rtt", NULL, true},
               {"who_waits", NULL, true},
               {"throughput", NULL, true},
               {"rate", NULL, true},
               {"tails", NULL, true},
               {"pipeline", NULL, true},
               {"objects", NULL, true},
               {"designs", NULL, true},
               {"idle", NULL, true},
               {"life", NULL, true}};

void page_figures(struct story *story, const struct measured *measured) {
    story_heading(story, 2, "The figures");
    for (const struct figure *figure = figures; figure->name != NULL; figure++) {
        page_part *after = NULL;
        bool elsewhere = false;
        for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
            if (strcmp(special[i].name, figure->name) != 0) continue;
            after = special[i].after;
            elsewhere = special[i].elsewhere;
        }
        if (!elsewhere) (void)page_figure(story, measured, figure->name);
        if (after != NULL) after(story, measured);
    }
}
