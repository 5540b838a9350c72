/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/template.h"

enum plan_column { NAME, NEEDS, COMMAND, QUICK, USUAL };

/* The n-th word between tabs; its length. */
static const char *column_of(const char *line, enum plan_column column, size_t *length) {
    for (int i = 0; i < (int)column; i++) {
        line += strcspn(line, "\t\n");
        line += *line == '\t';
    }
    *length = strcspn(line, "\t\n");
    return line;
}

static const char *find(const char *name) {
    for (const char *line = template_plan; *line != '\0'; line += strcspn(line, "\n") + 1) {
        size_t length;
        const char *one = column_of(line, NAME, &length);
        if (*line != '#' && strlen(name) == length && strncmp(name, one, length) == 0) return line;
    }
    return NULL;
}

char *plan_needs(const char *name) {
    const char *line = find(name);
    size_t length;
    if (line == NULL) return NULL;
    const char *needs = column_of(line, NEEDS, &length);
    return *needs == '-' ? strdup("") : strndup(needs, length);
}

/* DIR is the folder. */
static void put_words(FILE *out, const char *words, size_t length, const char *directory) {
    for (size_t i = 0; i < length; i++) {
        if (strncmp(words + i, "DIR/", 4) != 0) {
            (void)fputc(words[i], out);
            continue;
        }
        (void)fputs(directory, out);
        i += 2;
    }
}

char *plan_command(const char *name, const char *directory) {
    const char *line = find(name);
    char *text = NULL;
    size_t size = 0, length, more;
    FILE *out = line == NULL ? NULL : open_memstream(&text, &size);
    if (out == NULL) return NULL;
    const char *command = column_of(line, COMMAND, &length);
    const char *options = column_of(line, USUAL, &more);
    put_words(out, command, length, directory);
    if (more == 1 && *options == '-') more = 0; /* not in the usual bench */
    if (more > 0) (void)fputc(' ', out);
    put_words(out, options, more, directory);
    /* A part that says nothing of a file has one of its name. */
    if (memmem(command, length, "DIR/", 4) == NULL)
        (void)fprintf(out, " --json %s/results/%s.json", directory, name);
    (void)fclose(out);
    return text;
}
