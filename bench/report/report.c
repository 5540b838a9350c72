/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/report.h"

#include <stdlib.h>

#include "bench/report/page.h"

/* The figures that are not there, so that nobody looks for them. */
static void print_missing(const struct drawing *drawings) {
    const char *before = "Not measured, as the page says: ";
    for (unsigned i = 0; i < figure_count; i++) {
        if (drawings[i].missing == NULL) continue;
        printf("%s%s", before, figures[i].name);
        before = ", ";
    }
    if (before[0] == ',') puts(".");
}

static int write_all(const struct drawing *drawings, const char *directory, const char *page,
                     char *why) {
    int result = drawings_write(drawings, directory, why);
    if (result == 0) result = report_save(directory, "report", "index.html", page, why);
    if (result != 0) return result;
    printf("%s/report/index.html is written, its figures' data in %s/data.\n", directory,
           directory);
    print_missing(drawings);
    return 0;
}

static int show(const struct results *results, const struct request *request, char *why) {
    struct drawing *drawings = calloc(figure_count, sizeof *drawings);
    int result = -1;
    for (unsigned i = 0; drawings != NULL && i < figure_count; i++)
        drawings[i] = figure_fill(&figures[i], results);
    char *page = drawings == NULL ? NULL : page_text(drawings, request->directory, !request->text);
    if (page == NULL)
        (void)snprintf(why, SESSION_WHY, "There is not enough memory.");
    else if (request->text)
        result = fputs(page, stdout) < 0 ? -1 : 0;
    else
        result = write_all(drawings, request->directory, page, why);
    for (unsigned i = 0; drawings != NULL && i < figure_count; i++) drawing_free(&drawings[i]);
    free(drawings);
    free(page);
    return result;
}

int command_report(const struct request *request) {
    struct results results;
    char *folder = NULL, why[SESSION_WHY] = "There is not enough memory.";
    int result = -1;
    if (asprintf(&folder, "%s/results", request->directory) > 0) {
        result = results_read(folder, &results, why);
        if (result == 0) result = show(&results, request, why);
        results_free(&results);
        free(folder);
    }
    return result == 0 ? EXIT_DONE : complain("%s", why);
}
