/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/story.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 79, GRID_COLUMNS = 12 };

void story_escape(FILE *out, char c) {
    switch (c) {
    case '&': (void)fputs("&amp;", out); break;
    case '<': (void)fputs("&lt;", out); break;
    case '>': (void)fputs("&gt;", out); break;
    case '"': (void)fputs("&quot;", out); break;
    default: (void)fputc(c, out);
    }
}

void story_html(FILE *out, const char *text) {
    bool code = false;
    for (; *text != '\0'; text++) {
        if (*text != '`') {
            story_escape(out, *text);
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
    return text[at] == ' ' ||
           (in_table && text[at] == '-' && at > 0 && text[at - 1] >= 'a' && text[at - 1] <= 'z');
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
    for (size_t i = 0; i < bytes; i++)
        if (text[i] != '`') (void)fputc((unsigned char)text[i] < ' ' ? ' ' : text[i], out);
}

static void put_element(struct story *story, const char *element, const char *text) {
    (void)fprintf(story->out, "<%s>", element);
    story_html(story->out, text);
    (void)fprintf(story->out, "</%.*s>\n", (int)strcspn(element, " "), element);
}

/* On a terminal a blank line is between paragraphs, and none below a heading. */
static void leave_blank(struct story *story) {
    if (!story->apart) (void)fputc('\n', story->out);
    story->apart = false;
}

void story_heading(struct story *story, unsigned level, const char *text) {
    const char element[] = {'h', (char)('0' + level), '\0'};
    if (story->html) {
        put_element(story, element, text);
        return;
    }
    leave_blank(story);
    (void)fprintf(story->out, "%s\n", text);
    for (size_t i = width_of(text, strlen(text)); i > 0; i--)
        (void)fputc(level == 1 ? '=' : '-', story->out);
    (void)fputc('\n', story->out);
    story->apart = true;
}

void story_paragraph(struct story *story, const char *element, const char *text) {
    if (story->html) {
        put_element(story, element, text);
        return;
    }
    const char *mark = element[0] == 'l' ? "* " : "";
    if (element[0] == 'p') leave_blank(story);
    (void)fputs(mark, story->out);
    for (size_t room = COLUMNS - strlen(mark); *text != '\0'; room = COLUMNS) {
        const size_t bytes = line_bytes(text, room, false);
        put_plain(story->out, text, without_blank(text, bytes));
        (void)fputc('\n', story->out);
        text += bytes + strspn(text + bytes, " ");
    }
    story->apart = false;
}

void story_say(struct story *story, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) >= 0) story_paragraph(story, "p", text);
    va_end(values);
    free(text);
}

void story_tell_as(struct story *story, const char *element,
                   void (*put)(FILE *out, const void *what), const void *what) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    put(out, what);
    (void)fclose(out);
    if (length > 0) story_paragraph(story, element, text);
    free(text);
}

void story_tell(struct story *story, void (*put)(FILE *out, const void *what), const void *what) {
    story_tell_as(story, "p", put, what);
}

__attribute__((format(printf, 2, 0))) static void add_cell(struct grid *grid, const char *format,
                                                           va_list values) {
    char *text = NULL, **more = reallocarray(grid->cells, grid->count + 1, sizeof *more);
    if (more == NULL) return;
    grid->cells = more;
    more[grid->count++] = vasprintf(&text, format, values) < 0 ? NULL : text;
}

struct grid grid_of(const char *heads, ...) {
    struct grid grid = {0};
    char *text = NULL;
    va_list values;
    va_start(values, heads);
    if (vasprintf(&text, heads, values) < 0) text = NULL;
    va_end(values);
    char *rest = text;
    for (char *head; (head = strsep(&rest, "|")) != NULL && *head != '\0';)
        grid_head(&grid, "%s", head);
    free(text);
    return grid;
}

void grid_free(struct grid *grid) {
    for (size_t i = 0; i < grid->count; i++) free(grid->cells[i]);
    free(grid->cells);
    *grid = (struct grid){0};
}

void grid_add(struct grid *grid, const char *format, ...) {
    va_list values;
    va_start(values, format);
    add_cell(grid, format, values);
    va_end(values);
}

void grid_head(struct grid *grid, const char *format, ...) {
    va_list values;
    va_start(values, format);
    add_cell(grid, format, values);
    va_end(values);
    grid->columns++;
}

size_t grid_rows(const struct grid *grid) {
    return grid->columns == 0 ? 0 : (grid->count + grid->columns - 1) / grid->columns;
}

static const char *cell_of(const struct grid *grid, size_t row, size_t column) {
    const size_t at = row * grid->columns + column;
    const char *text = at < grid->count ? grid->cells[at] : NULL;
    return text == NULL ? "" : text;
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

/* Each as wide as its widest cell; then the widest, best one whose words stay whole, give way. */
static void fit_columns(const struct grid *grid, size_t columns, size_t widths[GRID_COLUMNS]) {
    size_t total = 2 * (columns - 1), words[GRID_COLUMNS] = {0};
    for (size_t k = 0; k < columns; k++) {
        widths[k] = words[k] = 1;
        for (size_t i = 0; i < grid_rows(grid); i++) {
            const char *text = cell_of(grid, i, k);
            const size_t width = width_of(text, strlen(text)), word = longest_word(text);
            if (width > widths[k]) widths[k] = width;
            if (word > words[k]) words[k] = word;
        }
        total += widths[k];
    }
    for (; total > COLUMNS; total--) {
        size_t widest = 0, best = columns;
        for (size_t k = 0; k < columns; k++) {
            if (widths[k] > widths[widest]) widest = k;
            if (widths[k] > words[k] && (best == columns || widths[k] > widths[best])) best = k;
        }
        widths[best == columns ? widest : best]--;
    }
}

static void plain_table(FILE *out, const struct grid *grid) {
    size_t widths[GRID_COLUMNS] = {0};
    const size_t columns = grid->columns > GRID_COLUMNS ? GRID_COLUMNS : grid->columns;
    fit_columns(grid, columns, widths);
    for (size_t row = 0; row < grid_rows(grid); row++) {
        const char *rest[GRID_COLUMNS];
        for (size_t k = 0; k < columns; k++) rest[k] = cell_of(grid, row, k);
        for (bool more = true; more;) {
            size_t owed = 0; /* blanks, which nothing may follow */
            more = false;
            for (size_t k = 0; k < columns; k++) {
                const size_t bytes = line_bytes(rest[k], widths[k], true);
                const size_t shown = without_blank(rest[k], bytes);
                if (shown > 0) (void)fprintf(out, "%*s", (int)owed, "");
                put_plain(out, rest[k], shown);
                owed = (shown > 0 ? 0 : owed) + widths[k] + 2 - width_of(rest[k], shown);
                rest[k] += bytes + strspn(rest[k] + bytes, " ");
                more = more || *rest[k] != '\0';
            }
            (void)fputc('\n', out);
        }
    }
}

static void html_table(FILE *out, const char *class, const struct grid *grid) {
    (void)fprintf(out, "<div class=\"wide\"><table class=\"%s\">\n", class);
    for (size_t i = 0; i < grid_rows(grid) * grid->columns; i++) {
        const size_t row = i / grid->columns, k = i % grid->columns;
        const char *text = cell_of(grid, row, k);
        const bool number = *text == '\0' || strchr("0123456789-+.<>", *text) != NULL;
        (void)fputs(k == 0 ? "<tr>" : "", out);
        (void)fputs(row == 0 ? "<th>" : number ? "<td class=\"number\">" : "<td>", out);
        story_html(out, text);
        (void)fputs(row == 0 ? "</th>" : "</td>", out);
        (void)fputs(k + 1 == grid->columns ? "</tr>\n" : "", out);
    }
    (void)fputs("</table></div>\n", out);
}

bool story_table(struct story *story, const char *class, struct grid *grid) {
    const bool any = grid_rows(grid) > 1;
    if (any && story->html) html_table(story->out, class, grid);
    if (any && !story->html) {
        leave_blank(story);
        plain_table(story->out, grid);
    }
    grid_free(grid);
    return any;
}

void story_fold(struct story *story, const char *summary, const char *class, struct grid *grid) {
    const bool folds = story->html && grid_rows(grid) > 1;
    if (folds) {
        (void)fputs("<details>", story->out);
        put_element(story, "summary", summary);
    }
    (void)story_table(story, class, grid);
    if (folds) (void)fputs("</details>\n", story->out);
}

void story_numbers(struct story *story, struct grid *grid) {
    story_fold(story, "The numbers", "numbers", grid);
}
