/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/template.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 32 };

/* Files of the checkout, so that an installed program needs none. */
#define EMBED(name, file)                                                                          \
    __asm__(".pushsection .rodata\n.global " #name "\n" #name ":\n.incbin \"" file                 \
            "\"\n.byte 0\n.popsection")
EMBED(template_page, "bench/report/page.html");
EMBED(template_plan, "plots/plan.tsv");

char *template_filled(const char *text, template_put *put, const void *what) {
    char *filled = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&filled, &size);
    while (out != NULL && *text != '\0') {
        char name[NAME_ROOM] = "";
        const size_t length = *text == '{' ? strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
        const bool place = length > 0 && length < NAME_ROOM && text[length + 1] == '}';
        if (place) memcpy(name, text + 1, length);
        if (place && put(out, name, what)) {
            text += length + 2;
            continue;
        }
        (void)fputc(*text++, out);
    }
    if (out != NULL) (void)fclose(out);
    return filled;
}

char *template_between(const char *text, const char *before, const char *behind) {
    const char *begin = strstr(text, before);
    if (begin == NULL) return strdup("");
    begin += strlen(before);
    const char *end = strstr(begin, behind);
    return end == NULL ? strdup("") : strndup(begin, (size_t)(end - begin));
}

char *template_part(const char *name) {
    char mark[NAME_ROOM + 16];
    (void)snprintf(mark, sizeof mark, "\n<!-- %s -->\n", name);
    return template_between(template_page, mark, "\n<!--");
}
