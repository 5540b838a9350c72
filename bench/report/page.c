/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/page.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>

#include "bench/report/page_parts.h"

static page_part *const parts[] = {
    page_fresh_connection,
    page_situations,
    page_round_trips,
    page_lost,
    page_who_waits,
    page_what_would_change_it,
    page_keeping,
    page_answer,
    page_load,
    page_batches,
    page_designs,
    page_anatomy,
    page_figures,
    page_ruler,
    page_comparisons,
    page_excluded,
    page_not_run,
    page_commands,
    page_environment,
};

static void tell(struct story *story, const struct measured *measured) {
    story_heading(story, 1, "Echolab: one echo, over TCP and over UDP");
    story_paragraph(story, "p class=\"question\"",
                    "What does it cost to make a connection for every message, as HTTP/1.0 did, "
                    "instead of keeping one open? And what does TCP cost over UDP?");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) parts[i](story, measured);
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
    "white-space: nowrap }\n.command { font-size: .82rem }\n.command code { white-space: normal "
    "}\ntd code { overflow-wrap: anywhere }\n"
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
    ".ladders { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; align-items: start }\n"
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

int page_write(const struct measured *measured, const char *directory, char error[REPORT_ERROR]) {
    char *folder = NULL, *text = NULL;
    size_t length = 0;
    int result = -ENOMEM;
    (void)snprintf(error, REPORT_ERROR, "There is not enough memory.");
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
