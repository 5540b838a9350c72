/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/lines.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void print_line(FILE *out, const char *indent, const char *text, size_t length) {
    (void)fputs(indent, out);
    for (size_t i = 0; i < length; i++) {
        (void)fputc((unsigned char)text[i] < ' ' ? '?' : text[i], out);
    }
    (void)fputc('\n', out);
}

static void print_wrapped(FILE *out, const char *indent, const char *text) {
    const size_t room = LINES_WIDTH - strlen(indent);
    do {
        size_t length = strlen(text);
        if (length > room) {
            length = room;
            while (length > room / 2 && text[length] != ' ') length--;
            if (text[length] != ' ') length = room;
        }
        print_line(out, indent, text, length);
        text += length;
        text += strspn(text, " ");
    } while (*text != '\0');
}

void lines_print(FILE *out, const char *indent, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) text = NULL;
    va_end(values);
    if (text != NULL) print_wrapped(out, indent, text);
    free(text);
}

const char *lines_time(char text[LINES_TIME], double us, int width) {
    /* Thresholds a little below the power of ten, where rounding would add a figure. */
    if (us < 99.95) {
        (void)snprintf(text, LINES_TIME, "%.1f", us);
    } else if (us < 9999.5) {
        (void)snprintf(text, LINES_TIME, "%.0f", us);
    } else if (us < 999500) {
        (void)snprintf(text, LINES_TIME, "%.*fms", us < 99950 && width > 5 ? 1 : 0, us / 1e3);
    } else {
        (void)snprintf(text, LINES_TIME, "%.*fs",
                       us < 9.995e6   ? 2
                       : us < 99.95e6 ? 1
                                      : 0,
                       us / 1e6);
    }
    return text;
}
