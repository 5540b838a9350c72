/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tell/words.h"

struct source fill_from(enum list kind, const void *finding) {
    return (struct source){finding_kinds[kind].fields, finding_kinds[kind].field_count, finding,
                           NULL};
}

struct source fill_from_run(const struct outside *run) {
    return (struct source){run_fields, run_field_count, run, NULL};
}

struct source fill_from_series(const struct series_table *table, size_t series) {
    return (struct source){run_fields, run_field_count, &table->first[series], table};
}

static const struct field *field_of(struct source source, const char *name, size_t length) {
    return field_find(source.fields, source.field_count, name, length);
}

static double in_us(const char *name, size_t length, double value) {
    static const struct {
        const char *end;
        double us;
    } units[] = {{"_ns", 1e-3}, {"_us", 1}, {"_ms", 1e3}, {"_s", 1e6}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t its = strlen(units[i].end);
        if (length > its && strncmp(name + length - its, units[i].end, its) == 0)
            return value * units[i].us;
    }
    return value;
}

/* "{name:how+}": of `how` nothing may be there. */
struct place {
    const char *name;
    size_t length;
    char how[32], sure; /* '+', '~', or neither */
};

static struct place place_of(const char *inside, size_t length) {
    const char *colon = memchr(inside, ':', length);
    struct place place = {.name = inside, .length = length};
    if (colon == NULL) return place;
    place.length = (size_t)(colon - inside);
    size_t left = length - place.length - 1;
    if (left > 0 && strchr("+~", colon[left]) != NULL) place.sure = colon[left--];
    (void)snprintf(place.how, sizeof place.how, "%.*s", (int)left, colon + 1);
    return place;
}

static struct number in_words(const struct place *place, double value) {
    static const struct {
        const char *how;
        struct number (*words)(double value);
        bool time;
    } kinds[] = {{"", words_number, false},     {"time", words_time, true},
                 {"ratio", words_ratio, false}, {"narrow", words_narrow_time, true},
                 {"count", words_count, false}, {"each", words_each, false}};
    const char *how = place->how;
    const bool percent = strcmp(how, "percent") == 0;
    struct number number;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].how, how) == 0)
            return kinds[i].words(kinds[i].time ? in_us(place->name, place->length, value) : value);
    if (strcmp(how, "share") == 0) return words_number(100 * value);
    if (!percent && *how != '%') return words_counted(value, how);
    /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): templates stand in the program */
    (void)snprintf(number.text, sizeof number.text, percent ? "%.3g" : how,
                   percent ? 100 * value : value);
    return number;
}

static void put_sure(FILE *out, const struct place *place, const struct middle *middle) {
    char within[2 * sizeof(struct number)] = "";
    if (!isnan(middle->low))
        (void)snprintf(within, sizeof within, "%.60s to %.60s", in_words(place, middle->low).text,
                       in_words(place, middle->high).text);
    const bool known = *within != '\0';
    if (place->sure == '+')
        (void)fprintf(out, " (%s%s%s%s)", known ? "95 % interval " : "", within, known ? ", " : "",
                      words_counted((double)middle->count, "run").text);
    else if (known)
        (void)fprintf(out, " (%s)", within);
}

static struct middle middle_of(const struct field *field, struct source source) {
    const struct series_table *table = source.table;
    if (table == NULL) return *(const struct middle *)((const char *)source.item + field->offset);
    const size_t series = (size_t)((const struct run **)source.item - table->first);
    double *known = calloc(table->blocks + 1, sizeof *known);
    size_t count = 0;
    for (size_t block = 0; known != NULL && block < table->blocks; block++) {
        const struct run *run = series_valid(table, series, block);
        if (run == NULL) continue;
        const struct outside outside = outside_of(run);
        const double number = field_get(field, &outside).number;
        if (!isnan(number)) known[count++] = number;
    }
    const struct middle middle = statistics_middle(known, count);
    free(known);
    return middle;
}

static struct field_value value_of(const struct field *field, struct source source) {
    if (source.table == NULL) return field_get(field, source.item);
    const struct outside first = outside_of(*(const struct run **)source.item);
    struct field_value value = field_get(field, &first);
    if (value.text == NULL) value.number = middle_of(field, source).value;
    return value;
}

/* False: it is not known. */
static bool put_value(FILE *out, const char *inside, size_t length, struct source source) {
    const struct place place = place_of(inside, length);
    const struct field *field = field_of(source, place.name, place.length);
    if (field == NULL) return false;
    const struct field_value value = value_of(field, source);
    if (value.text != NULL) return fputs(value.text, out) >= 0;
    double number = value.number;
    if (isinf(number)) {
        const struct field *deadline = field_of(source, "deadline_us", strlen("deadline_us"));
        number = deadline == NULL ? (double)NAN : value_of(deadline, source).number;
        if (isfinite(number)) (void)fputc('>', out);
    }
    if (!isfinite(number)) return false;
    if (place.sure != '+') (void)fputs(in_words(&place, number).text, out);
    if (place.sure == '\0') return true;
    const struct middle middle = middle_of(field, source);
    put_sure(out, &place, &middle);
    return true;
}

/* malloc'd; NULL where something is not known. */
static char *fill_part(const char *at, size_t length, struct source source) {
    char *text = NULL;
    size_t written = 0;
    FILE *out = open_memstream(&text, &written);
    bool known = out != NULL;
    for (const char *end = at + length; out != NULL && at < end;) {
        const bool bracket = at[0] == '[' && at[1] == '[';
        const bool place = *at == '{', maybe = *at == '[' && !bracket;
        const char *close =
            place || maybe ? memchr(at, place ? '}' : ']', (size_t)(end - at)) : NULL;
        if (close == NULL) {
            (void)fputc(*at, out);
            at += bracket ? 2 : 1;
            continue;
        }
        const size_t inside = (size_t)(close - at - 1);
        char *part = maybe ? fill_part(at + 1, inside, source) : NULL;
        if (place) known = put_value(out, at + 1, inside, source) && known;
        if (part != NULL) (void)fputs(part, out);
        free(part);
        at = close + 1;
    }
    if (out != NULL) (void)fclose(out);
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
