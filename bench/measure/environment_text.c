/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure/environment_parts.h"

/* ---- files ---- */

char *environment_line(const char *path_format, ...) {
    char *path;
    char *line = NULL;
    size_t room = 0;
    va_list arguments;
    va_start(arguments, path_format);
    const int length = vasprintf(&path, path_format, arguments);
    va_end(arguments);
    if (length < 0) return NULL;
    FILE *file = fopen(path, "re");
    free(path);
    if (file == NULL) return NULL;
    if (getline(&line, &room, file) <= 0) {
        free(line);
        line = NULL;
    }
    (void)fclose(file);
    if (line == NULL) return NULL;
    line[strcspn(line, "\n")] = '\0';
    for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;) *tab = ' ';
    return line;
}

struct fact environment_file(const char *path) {
    return fact_of(environment_line("%s", path));
}

struct fact environment_cpuinfo(const char *key) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = NULL;
    size_t room = 0;
    struct fact found = {0};
    if (file == NULL) return found;
    while (found.kind == FACT_UNKNOWN && getline(&line, &room, file) > 0) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        found = fact_text(colon + 1 + strspn(colon + 1, " \t"));
    }
    free(line);
    (void)fclose(file);
    return found;
}

struct fact environment_sysctl(const char *name) {
    char *path = strdup(name);
    if (path == NULL) return (struct fact){0};
    for (char *dot = path; (dot = strchr(dot, '.')) != NULL;) *dot = '/';
    struct fact fact = fact_of(environment_line("/proc/sys/%s", path));
    free(path);
    return fact;
}

/* ---- words that would name a user, a host or a place of this machine ---- */

static bool is_private(const char *word) {
    static const char *const marks[] = {"/", "UUID=", "hostname", "machine_id", "@"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(word, marks[i]) != NULL) return true;
    }
    return strncmp(word, "ip=", 3) == 0;
}

/* Of a private word only what stands before its `=` or its first slash. */
static void put_word(FILE *out, const char *word) {
    const char *separator = ftell(out) == 0 ? "" : " ";
    if (!is_private(word)) {
        (void)fprintf(out, "%s%s", separator, word);
        return;
    }
    int length = (int)strcspn(word, "=/@");
    if (word[length] == '@') length = 0; /* a user stands before it */
    (void)fprintf(out, "%s%.*s%s", separator, length, word, word[length] == '=' ? "=..." : "...");
}

struct fact environment_without_private(const char *text) {
    char *copy = strdup(text);
    char *kept = NULL;
    char *rest = copy;
    size_t size = 0;
    FILE *out = open_memstream(&kept, &size);
    const char *word;
    while (out != NULL && (word = strsep(&rest, " ")) != NULL && strcmp(word, "--") != 0) {
        if (*word != '\0') put_word(out, word);
    }
    if (out != NULL) (void)fclose(out);
    free(copy);
    return fact_of(kept);
}

struct fact environment_file_without_private(const char *path) {
    char *line = environment_line("%s", path);
    struct fact fact = line == NULL ? fact_of(NULL) : environment_without_private(line);
    free(line);
    return fact;
}
