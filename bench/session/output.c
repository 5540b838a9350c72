/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/run/caller.h"

/* "PATH.XXXXXX", malloc'd, and in *file the file that was made of it; NULL and -errno. */
static char *create_beside(const char *path, int *file) {
    const size_t size = strlen(path) + sizeof ".XXXXXX";
    char *name = malloc(size);
    *file = -ENOMEM;
    if (name == NULL) return NULL;
    (void)snprintf(name, size, "%s.XXXXXX", path);
    *file = mkostemp(name, O_CLOEXEC);
    if (*file >= 0) return name;
    *file = -errno;
    free(name);
    return NULL;
}

int output_check(const char *path) {
    struct stat there;
    /* A device or a pipe would be replaced by a file, not written to. */
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return S_ISDIR(there.st_mode) ? -EISDIR : -EINVAL;
    }
    int file;
    char *name = create_beside(path, &file);
    if (name == NULL) return file;
    (void)close(file);
    (void)unlink(name);
    free(name);
    return 0;
}

static int write_all(int file, const char *text, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t written = write(file, text + at, size - at);
        if (written < 0 && errno != EINTR) return -errno;
        if (written > 0) at += (size_t)written;
    }
    return fsync(file) == 0 ? 0 : -errno;
}

/* Under sudo the results are the caller's, who will want to write there again. */
static void give_to_caller(int file) {
    uid_t uid;
    gid_t gid;
    if (!caller_find(&uid, &gid)) return;
    if (fchown(file, uid, gid) != 0) return; /* then it stays root's, and readable */
}

int output_write(const char *path, const char *text, size_t size) {
    int file;
    char *name = create_beside(path, &file);
    if (name == NULL) return file;
    int failed = write_all(file, text, size);
    if (failed == 0 && fchmod(file, 0644) != 0) failed = -errno;
    give_to_caller(file);
    if (close(file) != 0 && failed == 0) failed = -errno;
    if (failed == 0 && rename(name, path) != 0) failed = -errno;
    if (failed != 0) (void)unlink(name);
    free(name);
    return failed;
}

int output_write_json(const char *path, const json_t *object) {
    char *text = json_dumps(object, JSON_INDENT(1));
    if (text == NULL) return -ENOMEM;
    const int failed = output_write(path, text, strlen(text));
    free(text);
    return failed;
}

/* ---- CSV ---- */

/* Adds the leaves of `value` to the flat object `row` under their dotted names. */
static void flatten(json_t *row, const char *name, json_t *value) {
    if (json_is_array(value)) return;
    if (!json_is_object(value)) {
        (void)json_object_set(row, name, value);
        return;
    }
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member) {
        json_t *dotted = *name == '\0' ? json_string(key) : json_sprintf("%s.%s", name, key);
        flatten(row, json_string_value(dotted), member);
        json_decref(dotted);
    }
}

static void put_field(FILE *out, const json_t *value) {
    if (value == NULL || json_is_null(value)) return;
    const char *text = json_string_value(value);
    if (text == NULL) {
        (void)json_dumpf(value, out, JSON_ENCODE_ANY);
        return;
    }
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void put_rows(FILE *out, const json_t *rows, json_t *columns) {
    const char *separator = "";
    const char *name;
    json_t *ignored;
    json_object_foreach(columns, name, ignored) {
        (void)fprintf(out, "%s%s", separator, name);
        separator = ",";
    }
    (void)fputc('\n', out);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        separator = "";
        json_object_foreach(columns, name, ignored) {
            (void)fputs(separator, out);
            put_field(out, json_object_get(json_array_get(rows, i), name));
            separator = ",";
        }
        (void)fputc('\n', out);
    }
}

int output_write_csv(const char *path, const json_t *runs) {
    json_t *rows = json_array();
    json_t *columns = json_object(); /* the union of all, as some runs have errors and others not */
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *row = json_object();
        flatten(row, "", json_array_get(runs, i));
        (void)json_object_update_missing(columns, row);
        (void)json_array_append_new(rows, row);
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int failed = out == NULL ? -ENOMEM : 0;
    if (out != NULL) {
        put_rows(out, rows, columns);
        if (fclose(out) != 0) failed = -ENOMEM;
    }
    if (failed == 0) failed = output_write(path, text, size);
    free(text);
    json_decref(rows);
    json_decref(columns);
    return failed;
}
