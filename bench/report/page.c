/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/page.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 79, TABLE_COLUMNS = 12 };

/* Where the story goes. In its texts `names` stand in backticks, and are set as code. */
struct story {
    FILE *out;
    bool html;
    const char *directory;
};

/* Writing for either reader */

static void put_escaped(FILE *out, char c) {
    switch (c) {
    case '&': (void)fputs("&amp;", out); break;
    case '<': (void)fputs("&lt;", out); break;
    case '>': (void)fputs("&gt;", out); break;
    case '"': (void)fputs("&quot;", out); break;
    default: (void)fputc(c, out);
    }
}

static void put_html(FILE *out, const char *text) {
    bool code = false;
    for (; *text != '\0'; text++) {
        if (*text != '`') {
            put_escaped(out, *text);
            continue;
        }
        code = !code;
        (void)fputs(code ? "<code>" : "</code>", out);
    }
    if (code) (void)fputs("</code>", out);
}

/* Columns on a terminal: bytes that continue a UTF-8 character take none, backticks are not shown.
 */
static size_t width_of(const char *text, size_t bytes) {
    size_t width = 0;
    for (size_t i = 0; i < bytes; i++)
        width += ((unsigned char)text[i] & 0xC0U) != 0x80U && text[i] != '`';
    return width;
}

/* After a space; in a table also within a name such as tcp-per-message, but not after a minus. */
static bool may_break_after(const char *text, size_t at, bool in_table) {
    if (text[at] == ' ') return true;
    return in_table && text[at] == '-' && at > 0 && text[at - 1] >= 'a' && text[at - 1] <= 'z';
}

/* Bytes of the next line of at most `room` columns; breaks where it may, else where it must. */
static size_t line_bytes(const char *text, size_t room, bool in_table) {
    size_t end = 0, place = 0;
    while (text[end] != '\0' && width_of(text, end + 1) <= room) {
        end++;
        if (may_break_after(text, end - 1, in_table)) place = end;
    }
    while (((unsigned char)text[end] & 0xC0U) == 0x80U) end++;
    if (text[end] == '\0' || text[end] == ' ') return end;
    if (place > 0) return place;
    return end > 0 ? end : 1;
}

static size_t without_blank(const char *text, size_t bytes) {
    return bytes > 0 && text[bytes - 1] == ' ' ? bytes - 1 : bytes;
}

static void put_plain(FILE *out, const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '`') (void)fputc((unsigned char)text[i] < ' ' ? ' ' : text[i], out);
    }
}

static void put_wrapped(FILE *out, const char *text) {
    while (*text != '\0') {
        const size_t bytes = line_bytes(text, COLUMNS, false);
        put_plain(out, text, without_blank(text, bytes));
        (void)fputc('\n', out);
        text += bytes;
        while (*text == ' ') text++;
    }
}

static void put_element(struct story *story, const char *element, const char *text) {
    (void)fprintf(story->out, "<%s>", element);
    put_html(story->out, text);
    (void)fprintf(story->out, "</%.*s>\n", (int)strcspn(element, " "), element);
}

static void heading(struct story *story, unsigned level, const char *text) {
    const char element[] = {'h', (char)('0' + level), '\0'};
    if (story->html) {
        put_element(story, element, text);
        return;
    }
    (void)fprintf(story->out, "\n%s\n", text);
    for (size_t i = width_of(text, strlen(text)); i > 0; i--)
        (void)fputc(level == 1 ? '=' : '-', story->out);
    (void)fputs("\n", story->out);
}

static void paragraph(struct story *story, const char *element, const char *text) {
    if (story->html)
        put_element(story, element, text);
    else
        put_wrapped(story->out, text);
}

__attribute__((format(printf, 2, 3))) static void say(struct story *story, const char *format,
                                                      ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    if (text == NULL) return;
    paragraph(story, "p", text);
    free(text);
}

/* Tables: an array of rows of strings, the first being the heads */

static const char *cell_at(const json_t *row, size_t column) {
    const char *text = json_string_value(json_array_get(row, column));
    return text == NULL ? "" : text;
}

static bool looks_like_number(const char *text) {
    return *text == '\0' || strchr("0123456789-+.", *text) != NULL;
}

static void html_table(struct story *story, const char *class, const json_t *rows) {
    size_t i, k;
    json_t *row, *cell;
    (void)fprintf(story->out, "<div class=\"wide\"><table class=\"%s\">\n", class);
    json_array_foreach(rows, i, row) {
        (void)fputs("<tr>", story->out);
        json_array_foreach(row, k, cell) {
            const char *text = cell_at(row, k);
            if (i == 0)
                (void)fputs("<th>", story->out);
            else
                (void)fputs(looks_like_number(text) ? "<td class=\"number\">" : "<td>", story->out);
            put_html(story->out, text);
            (void)fputs(i == 0 ? "</th>" : "</td>", story->out);
        }
        (void)fputs("</tr>\n", story->out);
    }
    (void)fputs("</table></div>\n", story->out);
}

/* The widest piece that is not broken unless it must be. */
static size_t longest_word(const char *text) {
    size_t longest = 1, start = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (!may_break_after(text, i, true) && text[i + 1] != '\0') continue;
        const size_t width = width_of(text + start, without_blank(text + start, i + 1 - start));
        if (width > longest) longest = width;
        start = i + 1;
    }
    return longest;
}

/* Takes one from the widest column that need not break a word for it; else from the widest. */
static void narrow(size_t columns, size_t widths[TABLE_COLUMNS],
                   const size_t words[TABLE_COLUMNS]) {
    size_t widest = 0, best = columns;
    for (size_t k = 0; k < columns; k++) {
        if (widths[k] > widths[widest]) widest = k;
        if (widths[k] > words[k] && (best == columns || widths[k] > widths[best])) best = k;
    }
    widths[best == columns ? widest : best]--;
}

/* Each as wide as its widest cell, then narrower until a line fits. */
static void fit_columns(const json_t *rows, size_t columns, size_t widths[TABLE_COLUMNS]) {
    size_t i, total = 2 * (columns - 1), words[TABLE_COLUMNS] = {0};
    json_t *row;
    for (size_t k = 0; k < columns; k++) {
        widths[k] = words[k] = 1;
        json_array_foreach(rows, i, row) {
            const char *text = cell_at(row, k);
            const size_t width = width_of(text, strlen(text)), word = longest_word(text);
            if (width > widths[k]) widths[k] = width;
            if (word > words[k]) words[k] = word;
        }
        total += widths[k];
    }
    for (; total > COLUMNS; total--) narrow(columns, widths, words);
}

/* The next line of a cell, after the blanks owed by those before it; returns what it owes itself.
 */
static size_t plain_cell(FILE *out, const char **text, size_t width, size_t owed) {
    if (**text == '\0') return owed + width + 2;
    const size_t bytes = line_bytes(*text, width, true), shown = without_blank(*text, bytes);
    (void)fprintf(out, "%*s", (int)owed, "");
    put_plain(out, *text, shown);
    const size_t used = width_of(*text, shown);
    *text += bytes;
    while (**text == ' ') (*text)++;
    return (width > used ? width - used : 0) + 2;
}

static void plain_row(struct story *story, const json_t *row, size_t columns,
                      const size_t widths[TABLE_COLUMNS]) {
    const char *rest[TABLE_COLUMNS];
    for (size_t k = 0; k < columns; k++) rest[k] = cell_at(row, k);
    for (bool more = true; more;) {
        size_t owed = 0;
        more = false;
        for (size_t k = 0; k < columns; k++) {
            owed = plain_cell(story->out, &rest[k], widths[k], owed);
            more = more || *rest[k] != '\0';
        }
        (void)fputc('\n', story->out);
    }
}

static void table(struct story *story, const char *class, const json_t *rows) {
    size_t i, widths[TABLE_COLUMNS] = {0}, columns = json_array_size(json_array_get(rows, 0));
    json_t *row;
    if (json_array_size(rows) < 2) return;
    if (story->html) {
        html_table(story, class, rows);
        return;
    }
    if (columns > TABLE_COLUMNS) columns = TABLE_COLUMNS;
    fit_columns(rows, columns, widths);
    (void)fputc('\n', story->out);
    json_array_foreach(rows, i, row) plain_row(story, row, columns, widths);
}

/* Numbers in words */

struct number {
    char text[48];
};

/* Three digits that count, with commas between thousands: 0.00412, 4.21, 268,000. */
static struct number number_of(double value) {
    struct number number;
    if (fabs(value) < 1000) {
        const double size = fabs(value);
        const int places = size == 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
        if (size > 0 && size < 0.1)
            (void)snprintf(number.text, sizeof number.text, "%#.3g", value);
        else
            (void)snprintf(number.text, sizeof number.text, "%.*f", places, value);
        return number;
    }
    char digits[32];
    const double unit = pow(10, floor(log10(fabs(value))) - 2);
    (void)snprintf(digits, sizeof digits, "%.0f", round(value / unit) * unit);
    const size_t length = strlen(digits);
    char *to = number.text;
    for (size_t i = 0; i < length && to < number.text + sizeof number.text - 3; i++) {
        *to++ = digits[i];
        if (digits[i] != '-' && (length - 1 - i) % 3 == 0 && i + 1 < length) *to++ = ',';
    }
    *to = '\0';
    return number;
}

/* Near 1 the third decimal is the news. */
static struct number ratio_of(double value) {
    if (fabs(value - 1) >= 0.1) return number_of(value);
    struct number number;
    (void)snprintf(number.text, sizeof number.text, "%.3f", value);
    return number;
}

static struct number json_number_of(const json_t *value) {
    struct number number = {"-"};
    if (json_is_number(value)) return number_of(json_number_value(value));
    return number;
}

static json_t *string_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static json_t *string_of(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    json_t *string = json_vsprintf(format, arguments);
    va_end(arguments);
    return string;
}

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
                      json_number_of(low).text, json_number_of(high).text);
    }
    put_samples(out, figure, samples);
    (void)fputc(')', out);
}

static void put_row(FILE *out, const struct figure *figure, const json_t *row) {
    const size_t column = first_value(figure);
    (void)fprintf(out, "%s %s", json_number_of(json_array_get(row, column)).text, figure->unit);
    put_interval(out, figure, row, column);
    (void)fprintf(out, " by `%s`", cell_at(row, 0));
    if (figure->axis == NULL) return;
    (void)fputs(" at ", out);
    figure_condition(out, figure->axis, json_array_get(row, 1));
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
        if (strcmp(cell_at(row, 0), name) == 0 &&
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
        if (strcmp(name, cell_at(row, 0)) == 0) continue;
        name = cell_at(row, 0);
        const json_t *half = tail_row(rows, name, 50), *slow = tail_row(rows, name, 1);
        (void)fprintf(out, "%s`%s` %s us and %s us (", between, name,
                      json_number_of(json_array_get(half, 1)).text,
                      json_number_of(json_array_get(slow, 1)).text);
        figure_count(out, json_number_value(json_array_get(row, 3)));
        (void)fputs(" messages)", out);
        between = "; ";
    }
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
    (void)fprintf(
        out,
        "a message by `%s` takes %s %s, of which %.0f %% are spent on connecting (%s %s) and "
        "closing (%s %s",
        cell_at(most, 0), number_of(most_sum).text, figure->unit, 100 * most_share,
        json_number_of(json_array_get(most, 1)).text, figure->unit,
        json_number_of(json_array_get(most, 7)).text, figure->unit);
    (void)fputs("; ", out);
    put_samples(out, figure, json_array_get(most, json_array_size(most) - 1));
    (void)fputc(')', out);
}

static const struct blank {
    const char *name;
    void (*put)(FILE *out, const struct figure *figure, const json_t *rows);
} blanks[] = {
    {"highest", put_highest},
    {"lowest", put_lowest},
    {"tails", put_tails},
    {"largest_overhead", put_largest_overhead},
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
    const struct number value = json_number_of(json_array_get(row, column));
    if (!json_is_number(low) || !json_is_number(high)) return json_string(value.text);
    return string_of("%s (%s to %s)", value.text, json_number_of(low).text,
                     json_number_of(high).text);
}

static json_t *axis_cell(const json_t *value) {
    if (json_is_string(value)) return string_of("%s", json_string_value(value));
    return json_is_number(value) ? string_of("%.10g", json_number_value(value)) : json_string("-");
}

/* "latency_p50_us" is read more easily as words. */
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
        json_array_append_new(cells, string_of("`%s`", cell_at(row, 0)));
        if (figure->axis != NULL) json_array_append_new(cells, axis_cell(json_array_get(row, 1)));
        for (size_t k = first_value(figure); k < last; k += 3)
            json_array_append_new(cells, value_cell(row, k));
        json_array_append_new(cells, axis_cell(json_array_get(row, last)));
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
        if (*c != '`') put_escaped(story->out, *c);
    (void)fputs("\"></a>\n<figcaption>", story->out);
    put_html(story->out, conditions);
    (void)fprintf(story->out,
                  "%s<a href=\"%s.png\">PNG</a> · <a "
                  "href=\"../data/%s.tsv\">data</a></figcaption></figure>\n",
                  *conditions == '\0' ? "" : " · ", figure->name, figure->name);
}

static void tell_figure(struct story *story, const struct figure *figure, const json_t *rows,
                        const char *conditions) {
    char *caption = caption_of(figure, rows);
    heading(story, 3, figure->title);
    if (caption != NULL) paragraph(story, "p", caption);
    if (story->html)
        html_picture(story, figure, caption == NULL ? "" : caption, conditions);
    else if (*conditions != '\0')
        say(story, "Measured with: %s.", conditions);
    free(caption);
    if (figure->header != NULL) return; /* a curve is no table to read */
    json_t *numbers = numbers_of(figure, rows);
    if (story->html) (void)fputs("<details><summary>The numbers</summary>\n", story->out);
    table(story, "numbers", numbers);
    if (story->html) (void)fputs("</details>\n", story->out);
    json_decref(numbers);
}

/* Comparisons */

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

static const char *text_of(const json_t *object, const char *path, const char *otherwise) {
    const char *text = json_string_value(figure_field(object, path));
    return text == NULL ? otherwise : text;
}

/* Where a comparison was made, as a sentence begins with it. Other places are named as they are. */
static void put_place(FILE *out, const json_t *comparison) {
    static const struct {
        const char *placement, *words;
    } places[] = {
        {"same-core", "On the same core"},
        {"cross-core", "On two cores, both sides blocking,"},
        {"spin", "On two cores, both sides polling,"},
    };
    const char *placement = text_of(comparison, "placement", "");
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

static double number_at(const json_t *object, const char *path) {
    return json_number_value(figure_field(object, path));
}

static void put_comparison(FILE *out, const json_t *comparison) {
    const struct metric_words words = words_of(comparison);
    const char *hole = strstr(words.before, "%s");
    put_place(out, comparison);
    (void)fprintf(out, " %.*s%s%s ", (int)(hole - words.before), words.before,
                  text_of(comparison, "variant", "?"), hole + 2);
    (void)fprintf(out, "%s times (%.3g %% interval %s to %s, %.0f blocks) %s `%s`",
                  ratio_of(number_at(comparison, "ratio")).text,
                  100 * number_at(comparison, "level"),
                  ratio_of(number_at(comparison, "ci_low")).text,
                  ratio_of(number_at(comparison, "ci_high")).text, number_at(comparison, "blocks"),
                  words.after, text_of(comparison, "baseline", "?"));
    if (json_is_number(figure_field(comparison, "diff"))) {
        const double diff = number_at(comparison, "diff");
        (void)fprintf(out, ", %s us %s", number_of(fabs(diff)).text, diff < 0 ? "less" : "more");
    }
    (void)fprintf(out, ": %s.", text_of(comparison, "verdict", "no verdict"));
}

static bool is_complete(const json_t *comparison) {
    const char *const needed[] = {"ratio", "ci_low", "ci_high", "level", "blocks"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!json_is_number(figure_field(comparison, needed[i]))) return false;
    }
    return true;
}

static bool contains_text(const json_t *names, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(names, i, one) if (strcmp(json_string_value(one), name) == 0) return true;
    return false;
}

static bool equal_in(const json_t *a, const json_t *b, const char *const *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!json_equal(figure_field(a, fields[i]), figure_field(b, fields[i]))) return false;
    }
    return true;
}

/* Of the comparisons that ask the same, the one with the most blocks answers. */
static bool is_best(const struct measured *measured, const json_t *comparison) {
    const char *const asks[] = {"metric",    "variant",    "baseline",   "role",
                                "placement", "size_bytes", "connections"};
    bool before = true;
    size_t i;
    json_t *other;
    json_array_foreach(measured->comparisons, i, other) {
        if (other == comparison) before = false;
        if (other == comparison || !is_complete(other)) continue;
        if (!equal_in(other, comparison, asks, sizeof asks / sizeof *asks)) continue;
        const double more = number_at(other, "blocks") - number_at(comparison, "blocks");
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
        if (most == NULL || number_at(one, "blocks") > number_at(most, "blocks")) most = one;
    }
    return most;
}

/*
 * What the answer is made of: one variant against another, none against its
 * floor or itself, at the size and connections with the most blocks.
 */
static bool is_central(const struct measured *measured, const json_t *comparison) {
    const char *const point[] = {"size_bytes", "connections"};
    const json_t *most = most_blocks(measured);
    return is_complete(comparison) && equal_in(comparison, most, point, 2) &&
           strcmp(text_of(comparison, "role", "variant"), "variant") == 0 &&
           contains_text(measured->variants, text_of(comparison, "baseline", "")) &&
           is_best(measured, comparison);
}

/* The central comparisons of the metric that stands first; the others are in the tables. */
static void tell_answer(struct story *story, const struct measured *measured) {
    const json_t *most = most_blocks(measured);
    const char *metric = most == NULL ? "" : words_of(most).metric;
    bool any = false;
    size_t i;
    json_t *one;
    heading(story, 2, "The answer");
    if (story->html) (void)fputs("<ul class=\"answer\">\n", story->out);
    json_array_foreach(measured->comparisons, i, one) {
        if (!is_central(measured, one) || strcmp(words_of(one).metric, metric) != 0) continue;
        any = true;
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        if (out == NULL) return;
        if (!story->html) (void)fputs("* ", out);
        put_comparison(out, one);
        (void)fclose(out);
        paragraph(story, "li", text);
        free(text);
    }
    if (story->html) (void)fputs("</ul>\n", story->out);
    if (!any) {
        say(story,
            "No comparison has been run. `echolab compare --json %s/results/core.json` makes one.",
            story->directory);
    }
}

/* "same-core, 64 bytes, 1 connection": what the given fields say. To be freed. */
static char *where_of(const json_t *comparison, const char *const *fields, size_t count) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = figure_field(comparison, fields[i]);
        if (json_is_null(value)) continue;
        if (ftell(out) > 0) (void)fputs(", ", out);
        figure_condition(out, fields[i], value);
    }
    (void)fclose(out);
    return text;
}

/* "4.23 (4.18 to 4.28)", as far as it is known. */
static json_t *interval_cell(const json_t *comparison, const char *value, const char *low,
                             const char *high, struct number (*in_words)(double)) {
    const char *const paths[] = {value, low, high};
    for (size_t i = 0; i < 3; i++) {
        if (json_is_number(figure_field(comparison, paths[i]))) continue;
        return i == 0 ? json_string("-") : json_string(in_words(number_at(comparison, value)).text);
    }
    return string_of("%s (%s to %s)", in_words(number_at(comparison, value)).text,
                     in_words(number_at(comparison, low)).text,
                     in_words(number_at(comparison, high)).text);
}

static json_t *comparison_row(const json_t *one, bool central) {
    const char *const fields[] = {"placement", "size_bytes", "connections"};
    char *where = where_of(one, fields, central ? 1 : sizeof fields / sizeof *fields);
    json_t *row = json_pack("[s, s]", where == NULL ? "" : where, words_of(one).name);
    free(where);
    json_array_append_new(row, string_of("`%s`", text_of(one, "variant", "?")));
    json_array_append_new(row, string_of("`%s`", text_of(one, "baseline", "?")));
    json_array_append_new(row, interval_cell(one, "ratio", "ci_low", "ci_high", ratio_of));
    json_array_append_new(row,
                          interval_cell(one, "diff", "diff_ci_low", "diff_ci_high", number_of));
    json_array_append_new(row, axis_cell(figure_field(one, "blocks")));
    json_array_append_new(row, json_string(text_of(one, "verdict", "-")));
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
    if (where != NULL && *where != '\0') say(story, "All with %s:", where);
    free(where);
}

static void tell_comparisons(struct story *story, const struct measured *measured) {
    if (json_array_size(measured->comparisons) == 0) return;
    json_t *central = comparison_rows(measured, true), *others = comparison_rows(measured, false);
    heading(story, 2, "The comparisons");
    say(story,
        "A ratio above 1: the variant takes more than what it stands against. Variants were run in "
        "turns within each block and are compared within it; the interval is the verdict's own.");
    tell_point(story, most_blocks(measured));
    table(story, "comparisons", central);
    if (json_array_size(others) > 1 && story->html) {
        (void)fprintf(
            story->out,
            "<details><summary>%zu others: sweeps, the floor, a variant against itself</summary>\n",
            json_array_size(others) - 1);
        table(story, "comparisons", others);
        (void)fputs("</details>\n", story->out);
    } else if (json_array_size(others) > 1) {
        (void)fputc('\n', story->out);
        say(story,
            "%zu others, of sweeps, with the floor and of a variant with itself, are on the page.",
            json_array_size(others) - 1);
    }
    json_decref(central);
    json_decref(others);
}

/* The rest */

static void tell_figures(struct story *story, const struct measured *measured) {
    if (json_object_size(measured->tables) > 0) heading(story, 2, "The figures");
    for (const struct figure *figure = figures; figure->name != NULL; figure++) {
        const json_t *rows = json_object_get(measured->tables, figure->name);
        if (rows == NULL) continue;
        const char *conditions =
            json_string_value(json_object_get(measured->conditions, figure->name));
        tell_figure(story, figure, rows, conditions == NULL ? "" : conditions);
    }
}

static void tell_not_run(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s]]", "figure", "the command that measures it");
    for (const struct figure *figure = figures; figure->name != NULL; figure++) {
        if (json_object_get(measured->tables, figure->name) != NULL) continue;
        json_t *row = json_pack("[s]", figure->title);
        const char *hole = strstr(figure->command, "%s");
        const size_t before =
            hole == NULL ? strlen(figure->command) : (size_t)(hole - figure->command);
        json_array_append_new(row, string_of("`%.*s%s%s`", (int)before, figure->command,
                                             hole == NULL ? "" : story->directory,
                                             hole == NULL ? "" : hole + 2));
        json_array_append_new(rows, row);
    }
    if (json_array_size(rows) > 1) {
        heading(story, 2, "Not run");
        table(story, "", rows);
    }
    json_decref(rows);
}

static json_t *reasons_of(const json_t *run) {
    char *text = NULL;
    size_t length = 0, i;
    json_t *reason;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return json_string("");
    json_array_foreach(figure_field(run, "invalid_because"), i, reason) {
        const char *words = json_string_value(reason);
        (void)fprintf(out, "%s%s", i > 0 ? "; " : "", words == NULL ? "?" : words);
    }
    (void)fclose(out);
    json_t *string = json_string(length > 0 ? text : "no reason given");
    free(text);
    return string;
}

/* Runs that differ in nothing shown here become one row with a count. */
static json_t *excluded_rows(const struct measured *measured) {
    json_t *kinds = json_array(),
           *rows = json_pack("[[s, s, s, s, s]]", "runs", "variant", "role", "why", "file");
    json_t *counts = json_array(), *run, *kind;
    size_t i, k;
    json_array_foreach(measured->excluded, i, run) {
        json_t *one = json_array();
        json_array_append_new(one, string_of("`%s`", text_of(run, "variant", "?")));
        json_array_append(one, figure_field(run, "role"));
        json_array_append_new(one, reasons_of(run));
        json_array_append(one, figure_field(run, "file"));
        for (k = 0; k < json_array_size(kinds) && !json_equal(json_array_get(kinds, k), one);) k++;
        if (k == json_array_size(kinds)) {
            json_array_append(kinds, one);
            json_array_append_new(counts, json_integer(0));
        }
        json_integer_set(json_array_get(counts, k),
                         json_integer_value(json_array_get(counts, k)) + 1);
        json_decref(one);
    }
    json_array_foreach(kinds, i, kind) {
        json_array_insert_new(
            kind, 0,
            string_of("%" JSON_INTEGER_FORMAT, json_integer_value(json_array_get(counts, i))));
        json_array_append(rows, kind);
    }
    json_decref(kinds);
    json_decref(counts);
    return rows;
}

static void tell_excluded(struct story *story, const struct measured *measured) {
    const size_t excluded = json_array_size(measured->excluded);
    heading(story, 2, "Runs that do not count");
    say(story, "Of the variants %zu runs count; not valid, and in no figure: %zu.",
        json_array_size(measured->runs), excluded);
    if (excluded == 0) return;
    json_t *rows = excluded_rows(measured);
    table(story, "grey", rows);
    json_decref(rows);
}

/* Values of a name, as the file wrote them. */
static json_t *values_cell(const json_t *values) {
    char *text = NULL;
    size_t length = 0, i;
    json_t *value;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return json_string("");
    json_array_foreach(values, i, value) {
        char *dump = json_is_string(value)
                         ? NULL
                         : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        (void)fprintf(out, "%s%s", i > 0 ? "; " : "",
                      dump == NULL          ? json_string_value(value)
                      : json_is_null(value) ? "-"
                                            : dump);
        free(dump);
    }
    (void)fclose(out);
    json_t *string = json_string(text);
    free(text);
    return string;
}

static void tell_environment(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s]]", "name", "value"), *values;
    const char *name;
    heading(story, 2, "Where it was measured");
    json_object_foreach(measured->environment, name, values) {
        json_t *row = json_pack("[s]", name);
        json_array_append_new(row, values_cell(values));
        json_array_append_new(rows, row);
    }
    if (json_array_size(rows) > 1)
        table(story, "environment", rows);
    else
        say(story, "The result files do not say.");
    json_decref(rows);
}

static void tell_commands(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s]]", "file", "command", "seed"), *one;
    size_t i;
    if (json_array_size(measured->commands) > 0) heading(story, 2, "How to repeat it");
    json_array_foreach(measured->commands, i, one) {
        json_t *row = json_array();
        json_array_append(row, json_array_get(one, 0));
        json_array_append_new(row, string_of("`%s`", cell_at(one, 1)));
        json_array_append_new(row, axis_cell(json_array_get(one, 2)));
        json_array_append_new(rows, row);
    }
    table(story, "", rows);
    json_decref(rows);
}

static void tell(struct story *story, const struct measured *measured) {
    heading(story, 1, "Echolab: one echo, over TCP and over UDP");
    paragraph(story, "p class=\"question\"",
              "What does it cost to make a connection for every message, as HTTP/1.0 did, instead "
              "of keeping "
              "one open? And what does TCP cost over UDP?");
    tell_answer(story, measured);
    tell_figures(story, measured);
    tell_comparisons(story, measured);
    tell_excluded(story, measured);
    tell_not_run(story, measured);
    tell_commands(story, measured);
    tell_environment(story, measured);
}

static const char page_begin[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Echolab: one echo, over TCP and over UDP</title>\n<style>\n"
    ":root { --text: #1c1c1c; --quiet: #6a6a6a; --line: #d8d8d8; --shade: #f4f4f2; --page: "
    "#ffffff; --link: #005a8f }\n"
    "@media (prefers-color-scheme: dark) { :root { --text: #e4e4e2; --quiet: #9c9c9c; --line: "
    "#3c3c3c; "
    "--shade: #262626; --page: #181818; --link: #7cc4f0 } }\n"
    "body { font: 17px/1.55 Georgia, 'DejaVu Serif', serif; color: var(--text); background: "
    "var(--page); "
    "max-width: 57rem; margin: 2.5rem auto; padding: 0 1.2rem }\n"
    "h1, h2, h3, table, figcaption, summary { font-family: system-ui, 'DejaVu Sans', sans-serif }\n"
    "h1 { font-size: 1.7rem; line-height: 1.25 }\n"
    "h2 { font-size: 1.3rem; margin-top: 2.8rem; border-bottom: 1px solid var(--line); "
    "padding-bottom: .2rem }\n"
    "h3 { font-size: 1.08rem; margin: 2.2rem 0 .3rem }\np { margin: .5rem 0 }\na { color: "
    "var(--link) }\n"
    ".question { font-size: 1.2rem; font-style: italic; color: var(--quiet) }\n"
    ".answer li { margin: .5rem 0 }\n"
    "code { font: .88em/1 ui-monospace, 'DejaVu Sans Mono', monospace }\np code, li code { "
    "white-space: nowrap }\ntd code { overflow-wrap: anywhere }\n"
    "figure { margin: .8rem 0 .4rem }\n"
    "img { display: block; width: 100%; height: auto; background: #fff; border-radius: 4px }\n"
    "figcaption, summary { font-size: .82rem; color: var(--quiet); padding: .3rem 0 }\n"
    ".wide { overflow-x: auto }\n"
    "table { border-collapse: collapse; font-size: .82rem; line-height: 1.35; margin: .6rem 0 }\n"
    "th, td { text-align: left; vertical-align: top; padding: .28rem .7rem .28rem 0; "
    "border-bottom: 1px solid var(--line) }\n"
    "th { font-weight: 600; white-space: nowrap }\n.number { font-variant-numeric: tabular-nums }\n"
    ".numbers td, .comparisons code { white-space: nowrap }\n"
    ".environment td + td { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; "
    "overflow-wrap: anywhere }\n"
    ".grey td { color: var(--quiet) }\n"
    "@media print { body { font-size: 10.5pt; margin: 0; max-width: none } figure, tr { "
    "break-inside: avoid } "
    "h2, h3 { break-after: avoid } .wide { overflow: visible } summary { display: none } }\n"
    "</style>\n</head>\n<body>\n";

/* Decimal points, whatever the user's locale. */
static void tell_in_c_locale(struct story *story, const struct measured *measured) {
    const locale_t numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(numbers);
    tell(story, measured);
    uselocale(before);
    freelocale(numbers);
}

int page_write(const struct measured *measured, const char *directory, char error[FIGURES_ERROR]) {
    char *folder = NULL, *text = NULL;
    size_t length = 0;
    int result = -ENOMEM;
    (void)snprintf(error, FIGURES_ERROR, "There is not enough memory.");
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return result;
    struct story story = {.out = out, .html = true, .directory = directory};
    (void)fputs(page_begin, out);
    tell_in_c_locale(&story, measured);
    (void)fputs("</body>\n</html>\n", out);
    (void)fclose(out);
    if (asprintf(&folder, "%s/report", directory) > 0) {
        result = figure_save(folder, "index.html", text, length, error);
        free(folder);
    }
    free(text);
    return result;
}

void page_print(const struct measured *measured, const char *directory, FILE *out) {
    struct story story = {.out = out, .html = false, .directory = directory};
    tell_in_c_locale(&story, measured);
}
