/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/session/environment.h"
#include "bench/tell/words.h"

char *page_command(const struct story *story, const char *command) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (const char *c = command; *c != '\0'; c++) {
        if (c[0] == '%' && c[1] == 's') {
            (void)fputs(story->directory, out);
            c++;
        } else {
            (void)fputc(*c, out);
        }
    }
    (void)fclose(out);
    return text;
}

void page_tell(struct story *story, const char *command) {
    char *whole = page_command(story, command), *text = NULL;
    if (whole != NULL && asprintf(&text, "To repeat it: `%s`", whole) > 0)
        story_paragraph(story, "p class=\"command\"", text);
    free(text);
    free(whole);
}

void page_tell_command(struct story *story, const char *figure) {
    page_tell(story, figure_find(figure)->command);
}

static void add_missing(const struct story *story, json_t *rows, const char *what,
                        const char *command) {
    char *text = page_command(story, command);
    json_array_append_new(
        rows, json_pack("[s, o]", what, words_string("`%s`", text == NULL ? command : text)));
    free(text);
}

void page_not_run(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s]]", "what", "the command that measures it");
    for (const struct figure *figure = figures; figure->name != NULL; figure++) {
        if (json_object_get(measured->tables, figure->name) == NULL)
            add_missing(story, rows, figure->title, figure->command);
    }
    json_t *wakeups = figure_benchmarks(measured, "wakeup/");
    if (json_array_size(wakeups) == 0)
        add_missing(story, rows, "What a wake-up costs",
                    "%s/micro --benchmark_out=%s/results/micro.json --benchmark_out_format=json");
    if (!page_has_silent(measured))
        add_missing(story, rows, "One silent client, by the design of the server",
                    page_silent_command);
    if (json_array_size(measured->checks) == 0)
        add_missing(story, rows, "Is the ruler right?",
                    "echolab check --json %s/results/check.json");
    if (json_array_size(rows) > 1) {
        story_heading(story, 2, "Not run");
        story_table(story, "", rows);
    }
    json_decref(wakeups);
    json_decref(rows);
}

static json_t *reasons_of(const json_t *run) {
    char *text = NULL;
    size_t length = 0, i;
    json_t *reason;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return json_string("");
    json_array_foreach(query_field(run, "invalid_because"), i, reason) {
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
        json_array_append_new(one, words_string("`%s`", query_text(run, "variant", "?")));
        json_array_append(one, query_field(run, "role"));
        json_array_append_new(one, reasons_of(run));
        json_array_append(one, query_field(run, "file"));
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
            words_string("%" JSON_INTEGER_FORMAT, json_integer_value(json_array_get(counts, i))));
        json_array_append(rows, kind);
    }
    json_decref(kinds);
    json_decref(counts);
    return rows;
}

void page_excluded(struct story *story, const struct measured *measured) {
    const size_t excluded = json_array_size(measured->excluded);
    story_heading(story, 2, "Runs that do not count");
    story_say(story,
              "Of %zu runs %zu are not valid and count nowhere. In the figures are the %zu of the "
              "variants themselves; those of floors and of a variant beside itself are in the "
              "comparisons.",
              measured->run_count, excluded, json_array_size(measured->runs));
    if (excluded == 0) return;
    json_t *rows = excluded_rows(measured);
    story_table(story, "grey", rows);
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

/* Names that differ between files, and do not change by themselves. */
static void tell_differences(struct story *story, const struct measured *measured) {
    json_t *first = json_array(), *others = json_array(), *one, *environment;
    const char *file = "?";
    size_t i;
    json_array_foreach(measured->origins, i, one) {
        environment = query_field(one, "environment");
        if (!json_is_object(environment)) continue;
        if (json_array_size(first) == 0) file = query_text(one, "file", "?");
        json_array_append(json_array_size(first) == 0 ? first : others, environment);
    }
    json_t *differences =
        json_array_size(others) > 0 ? environment_difference(first, others) : NULL;
    json_t *rows = json_pack("[[s, s, s]]", "differs", file, "the other files");
    json_array_foreach(differences, i, one) {
        json_t *base = json_pack("[O]", query_field(one, "base"));
        json_t *new = query_field(one, "new");
        new = json_is_array(new) ? json_incref(new) : json_pack("[O]", new);
        json_array_append_new(rows, json_pack("[s, o, o]", query_text(one, "name", "?"),
                                              values_cell(base), values_cell(new)));
        json_decref(base);
        json_decref(new);
    }
    if (json_array_size(rows) > 1) {
        story_say(story, "Not everything on this page was measured in the same surroundings:");
        story_table(story, "environment", rows);
    } else if (json_array_size(others) > 0) {
        story_say(story, "In all %zu files that say where they were measured it is the same place.",
                  json_array_size(others) + 1);
    }
    json_decref(rows);
    json_decref(differences);
    json_decref(first);
    json_decref(others);
}

static const char after_prefix[] = "after.";

/* What is known of before and after the runs is one row. */
static json_t *environment_rows(const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s]]", "name", "value", "after the runs"), *values;
    const char *name;
    json_object_foreach(measured->environment, name, values) {
        char *later = NULL;
        if (strncmp(name, after_prefix, strlen(after_prefix)) == 0 &&
            json_object_get(measured->environment, name + strlen(after_prefix)) != NULL)
            continue;
        if (asprintf(&later, "%s%s", after_prefix, name) < 0) break;
        json_array_append_new(
            rows, json_pack("[s, o, o]", name, values_cell(values),
                            values_cell(json_object_get(measured->environment, later))));
        free(later);
    }
    return rows;
}

void page_environment(struct story *story, const struct measured *measured) {
    story_heading(story, 2, "Where it was measured");
    tell_differences(story, measured);
    json_t *rows = environment_rows(measured);
    if (json_array_size(rows) > 1)
        story_table(story, "environment", rows);
    else
        story_say(story, "The result files do not say.");
    json_decref(rows);
}

/* "echolab sweep size --seed 7": what the file knows of how it was made. */
static json_t *command_cell(const json_t *one) {
    const char *axis = query_text(one, "axis", ""), *placement = query_text(one, "placement", "");
    const json_t *seed = query_field(one, "seed");
    char words[32] = "";
    if (json_is_integer(seed))
        (void)snprintf(words, sizeof words, " --seed %" JSON_INTEGER_FORMAT,
                       json_integer_value(seed));
    return words_string("`echolab %s%s%s%s%s%s`", query_text(one, "command", "?"),
                        *axis == '\0' ? "" : " ", axis, *placement == '\0' ? "" : " --placement ",
                        placement, words);
}

void page_commands(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s]]", "file", "command"), *one;
    size_t i;
    if (json_array_size(measured->commands) > 0) story_heading(story, 2, "How to repeat it");
    json_array_foreach(measured->commands, i, one) {
        json_array_append_new(rows,
                              json_pack("[s, o]", query_text(one, "file", "?"), command_cell(one)));
    }
    story_table(story, "", rows);
    json_decref(rows);
}
