/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tell/words.h"

struct source fill_from(enum list kind, const void *finding) {
    return (struct source){finding_kinds[kind].fields, finding_kinds[kind].field_count, finding};
}

static bool ends_with(const char *name, size_t length, const char *end) {
    const size_t its = strlen(end);
    return length > its && strncmp(name + length - its, end, its) == 0;
}

static double in_us(const char *name, size_t length, double value) {
    static const struct {
        const char *end;
        double us;
    } units[] = {{"_ns", 1e-3}, {"_us", 1}, {"_ms", 1e3}, {"_s", 1e6}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (ends_with(name, length, units[i].end)) return value * units[i].us;
    return value;
}

/* "{name:how}": of `how` nothing may be there. */
struct place {
    const char *name, *how;
    size_t name_length, how_length;
};

static struct place place_of(const char *inside, size_t length) {
    const char *colon = memchr(inside, ':', length);
    if (colon == NULL) return (struct place){inside, "", length, 0};
    const size_t before = (size_t)(colon - inside);
    return (struct place){inside, colon + 1, before, length - before - 1};
}

/* `us`: the value, where it is a time. */
static struct number in_words(const char *how, double value, double us) {
    const int narrow = 6;
    if (*how == '\0') return words_number(value);
    if (strcmp(how, "time") == 0) return words_time(us);
    if (strcmp(how, "narrow") == 0) return words_narrow_time(us, narrow);
    if (strcmp(how, "ratio") == 0) return words_ratio(value);
    if (strcmp(how, "count") == 0) return words_count(value);
    if (strcmp(how, "each") == 0) return words_each(value);
    return words_counted(value, how);
}

static void put_number(FILE *out, const struct place *place, double value) {
    char how[32] = "";
    (void)snprintf(how, sizeof how, "%.*s", (int)place->how_length, place->how);
    const bool percent = strcmp(how, "percent") == 0;
    if (percent || *how == '%') {
        /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): templates stand in the program */
        (void)fprintf(out, percent ? "%.3g" : how, percent ? 100 * value : value);
        return;
    }
    const double us = in_us(place->name, place->name_length, value);
    (void)fputs(in_words(how, value, us).text, out);
}

/* False: it is not known. */
static bool put_value(FILE *out, const char *inside, size_t length, struct source source) {
    const struct place place = place_of(inside, length);
    const struct field *field =
        field_find(source.fields, source.field_count, place.name, place.name_length);
    if (field == NULL) return false;
    const struct field_value value = field_get(field, source.item);
    if (value.text != NULL) return fputs(value.text, out) >= 0;
    double number = value.number;
    if (isinf(number)) {
        const struct field *deadline =
            field_find(source.fields, source.field_count, "deadline_us", strlen("deadline_us"));
        number = deadline == NULL ? (double)NAN : field_get(deadline, source.item).number;
        if (isfinite(number)) (void)fputc('>', out);
    }
    if (!isfinite(number)) return false;
    put_number(out, &place, number);
    return true;
}

/* Up to `end`; false where something is not known. */
static bool put_part(FILE *out, const char *at, const char *end, struct source source) {
    bool known = true;
    while (at < end) {
        const bool bracket = at[0] == '[' && at[1] == '[';
        const bool place = *at == '{', maybe = *at == '[' && !bracket;
        const char *close =
            place || maybe ? memchr(at, place ? '}' : ']', (size_t)(end - at)) : NULL;
        if (close == NULL) {
            (void)fputc(*at, out);
            at += bracket ? 2 : 1;
            continue;
        }
        if (place) {
            known = put_value(out, at + 1, (size_t)(close - at - 1), source) && known;
        } else {
            char *part = NULL;
            size_t length = 0;
            FILE *inner = open_memstream(&part, &length);
            if (inner == NULL) return false;
            const bool all = put_part(inner, at + 1, close, source);
            (void)fclose(inner);
            if (all) (void)fputs(part, out);
            free(part);
        }
        at = close + 1;
    }
    return known;
}

static char *fill_part(const char *template, size_t length, struct source source) {
    char *text = NULL;
    size_t written = 0;
    FILE *out = open_memstream(&text, &written);
    if (out == NULL) return NULL;
    const bool known = put_part(out, template, template + length, source);
    (void)fclose(out);
    if (known) return text;
    free(text);
    return NULL;
}

char *fill(const char *template, struct source source) {
    return fill_part(template, strlen(template), source);
}

void fill_put(FILE *out, const char *template, struct source source) {
    char *text = fill(template, source);
    if (text != NULL) (void)fputs(text, out);
    free(text);
}

bool story_fill(struct story *story, const char *template, struct source source) {
    char *text = fill(template, source);
    if (text != NULL) story_paragraph(story, "p", text);
    free(text);
    return text != NULL;
}

void grid_fill(struct grid *grid, const char *cells, struct source source) {
    for (const char *at = cells;; at++) {
        const size_t length = strcspn(at, "|");
        char *text = fill_part(at, length, source);
        grid_add(grid, "%s", text == NULL ? "-" : text);
        free(text);
        at += length;
        if (*at == '\0') return;
    }
}
