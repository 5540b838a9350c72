/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/report.h"

#include <stdlib.h>

#include "bench/report/page.h"

static int report(const char *directory, bool text, const char *results, const char *data,
                  char error[REPORT_ERROR]) {
    struct measured measured;
    int result = figures_write(results, text ? NULL : data, &measured, error);
    if (result != 0) return result;
    if (text)
        page_print(&measured, directory, stdout);
    else
        result = page_write(&measured, directory, error);
    measured_free(&measured);
    return result;
}

int report_command(const char *directory, bool text) {
    char *results = NULL, *data = NULL, error[REPORT_ERROR] = "There is not enough memory.";
    int result = 1;
    if (asprintf(&results, "%s/results", directory) < 0) return 1;
    if (asprintf(&data, "%s/data", directory) > 0) {
        result = report(directory, text, results, data, error);
        free(data);
    }
    free(results);
    if (result != 0)
        (void)fprintf(stderr, "echolab: %s\n", error);
    else if (!text)
        printf("%s/report/index.html is written, its figures' data in %s/data.\n", directory,
               directory);
    return result == 0 ? 0 : 1;
}
