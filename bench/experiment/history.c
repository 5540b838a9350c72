/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab diff --history: one number over all sessions of a folder in the order
 * of time, as a picture, and from where on it was another. What gnuplot gets
 * are numbers, and texts of this program: no name of a file, nothing of a session.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/experiment/all.h"
#include "bench/judge/change_point.h"
#include "bench/run/process.h"
#include "bench/tell/fill.h"

enum { DRAWN_MAX = 16 };

/* Of the checkout, so that an installed program needs no file. */
__asm__(
    ".pushsection .rodata\nhistory_script:\n.incbin \"plots/history.gp\"\n.byte 0\n.popsection");
extern const char history_script[];

/* ---- sessions ---- */

struct dated {
    const struct session *session;
    time_t start_s;
};

struct history {
    struct dated *list; /* malloc'd, in the order of time */
    size_t count;
};

static int by_start(const void *a, const void *b) {
    const struct dated *x = a, *y = b;
    if (x->start_s != y->start_s) return x->start_s < y->start_s ? -1 : 1;
    return strcmp(x->session->file, y->session->file);
}

/* False: it does not say. */
static bool read_start(const struct session *session, time_t *start_s) {
    struct tm utc = {0};
    const char *end =
        session->started == NULL ? NULL : strptime(session->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    *start_s = timegm(&utc);
    return end != NULL && *end == '\0';
}

static int take_session(struct history *history, const struct session *session) {
    time_t start_s;
    if (session->runs.count == 0) return EXIT_DONE; /* of a control, or of diff itself */
    for (size_t i = 0; i < history->count; i++) {
        if (!diff_is_copy(session, history->list[i].session)) continue;
        (void)complain("%s: it has the same runs as %s and counts once", session->file,
                       history->list[i].session->file);
        return EXIT_DONE;
    }
    if (!read_start(session, &start_s)) {
        (void)complain("%s: it does not say when it began and is left out", session->file);
        return EXIT_DONE;
    }
    history->list[history->count++] = (struct dated){session, start_s};
    return diff_check_server(session, history->list[0].session);
}

/* Sessions are not to be written over; what else is there may be. */
static int check_outputs(const struct history *history, const char *const paths[2]) {
    for (size_t i = 0; i < 2 * history->count; i++) {
        const char *path = paths[i % 2], *file = history->list[i / 2].session->file;
        if (!diff_would_overwrite(path, file)) continue;
        return complain("%s would overwrite one of the sessions; name another file", path);
    }
    return EXIT_DONE;
}

static int read_folder(const char *folder, struct results *results, struct history *history) {
    char why[SESSION_WHY];
    int status = EXIT_DONE;
    const int failed = results_read(folder, results, why);
    if (failed == -ENOENT) {
        return complain("%s: there are no sessions (*.json); `make sessions TO=%s` measures six",
                        folder, folder);
    }
    if (failed != 0) return complain("%s", why);
    history->list = calloc(results->count + 1, sizeof *history->list);
    if (history->list == NULL) return complain("no memory for the sessions");
    for (size_t i = 0; i < results->count && status == EXIT_DONE; i++) {
        status = take_session(history, results->sessions[i]);
    }
    if (status != EXIT_DONE) return status;
    qsort(history->list, history->count, sizeof *history->list, by_start);
    return EXIT_DONE;
}

/* ---- what is drawn ---- */

/* Of one column: those sessions that have the number. */
struct line {
    const char *variant, *column; /* in words */
    const struct dated **sessions;
    double *values;
    size_t count;
};

struct drawing {
    struct line lines[DRAWN_MAX];
    size_t count;
    const char *metric;
    double level; /* of each */
};

/* Between quotation marks gnuplot would run what is between backquotes. */
static void put_text(FILE *out, const char *text) {
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text >= ' ' && *text <= '~' && strchr("\"\\`$", *text) == NULL)
            (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void put_sessions(FILE *out, const struct drawing *d) {
    (void)fputs("$sessions << EOD\n", out);
    for (size_t i = 0; i < d->count; i++) {
        const struct line *line = &d->lines[i];
        for (size_t k = 0; k < line->count; k++) {
            (void)fprintf(out, "%lld\t%.9g\n", (long long)line->sessions[k]->start_s,
                          line->values[k]);
        }
        (void)fputs("\n\n", out);
    }
    (void)fputs("EOD\n", out);
}

static void put_stretches(FILE *out, const struct drawing *d, const struct findings *list) {
    const struct stretch *one = list->items, *end = one + list->count;
    (void)fputs("$stretches << EOD\n", out);
    for (size_t i = 0; i < d->count; i++) {
        size_t k = 0;
        for (; one < end && strcmp(one->column, d->lines[i].column) == 0; one++) {
            const struct dated *const *first = &d->lines[i].sessions[k];
            k += one->sessions;
            (void)fprintf(out, "%lld\t%.9g\n%lld\t%.9g\n\n", (long long)first[0]->start_s,
                          one->value, (long long)first[one->sessions - 1]->start_s, one->value);
        }
        (void)fputc('\n', out);
    }
    (void)fputs("EOD\n", out);
}

/* A variant alone where it has no other column. */
static const char *name_of(const struct drawing *d, size_t i) {
    size_t same = 0;
    for (size_t k = 0; k < d->count; k++) same += d->lines[k].variant == d->lines[i].variant;
    return same > 1 ? d->lines[i].column : d->lines[i].variant;
}

static void put_script(FILE *out, const struct drawing *d, const struct findings *stretches) {
    put_sessions(out, d);
    put_stretches(out, d, stretches);
    (void)fprintf(out, "array NAMES[%zu]\n", d->count);
    for (size_t i = 0; i < d->count; i++) {
        (void)fprintf(out, "NAMES[%zu] = ", i + 1);
        put_text(out, name_of(d, i));
        (void)fputc('\n', out);
    }
    (void)fputs("METRIC = ", out);
    put_text(out, diff_label(d->metric).text);
    (void)fputs("\nTITLE = \"Sessions in the order of time, and levels between change points\"\n",
                out);
    (void)fputs(history_script, out);
}

/* Through a file that has no name; the picture comes back as what gnuplot says. */
static int draw(const struct lab *lab, const struct drawing *d, const char *path) {
    const uint64_t limit_ns = 60000000000;
    char script[64], why[512];
    struct process_end end;
    const int file = memfd_create("script", 0);
    FILE *out = file < 0 ? NULL : fdopen(dup(file), "we");
    if (out == NULL) return complain("no memory for the drawing");
    put_script(out, d, &lab->session->lists[LIST_HISTORY]);
    (void)fclose(out);
    (void)snprintf(script, sizeof script, "/proc/self/fd/%d", file);
    process_run(NULL, (char *[]){"gnuplot", "--default-settings", script, NULL}, limit_ns, &end);
    (void)close(file);
    int status = EXIT_DONE;
    if (!process_ended_well(&end) || end.length == 0) {
        process_explain(&end, "gnuplot", why, sizeof why);
        (void)complain("the picture could not be drawn: %s; `make deps` installs gnuplot", why);
    } else {
        const int failed = output_write(path, end.text, end.length);
        if (failed != 0) status = complain("cannot write %s: %s", path, strerror(-failed));
        FILE *told = output_is_stdout(lab->request->json) ? stderr : stdout;
        if (failed == 0) (void)fprintf(told, "The picture: %s\n\n", path);
    }
    process_free(&end);
    return status;
}

/* ---- what it says ---- */

static void add_stretch(struct session *session, const struct drawing *d, const struct line *line,
                        size_t first, size_t end, double p) {
    struct findings *list = &session->lists[LIST_HISTORY];
    struct stretch *one = findings_add(list, LIST_HISTORY);
    double *values = calloc(end - first, sizeof *values);
    if (one == NULL || values == NULL) {
        free(values);
        return;
    }
    memcpy(values, line->values + first, (end - first) * sizeof *values);
    *one = (struct stretch){
        .variant = line->variant,
        .column = line->column,
        .metric = d->metric,
        .file = session_text(session, "%s", line->sessions[first]->session->file),
        .from = session_text(session, "%s", line->sessions[first]->session->started),
        .to = session_text(session, "%s", line->sessions[end - 1]->session->started),
        .sessions = end - first,
        .value = statistics_median(values, end - first),
        .ratio = NAN,
        .p = p,
        .level = d->level};
    if (first > 0) one->ratio = one->value / one[-1].value;
    free(values);
}

static void find_changes(struct session *session, const struct drawing *d) {
    for (size_t i = 0; i < d->count; i++) {
        const struct line *line = &d->lines[i];
        size_t found, first = 0;
        struct change_point *points = change_points(line->values, line->count, d->level, &found);
        double p = NAN;
        for (size_t k = 0; k <= found; k++) {
            const size_t end = k < found ? points[k].at : line->count;
            add_stretch(session, d, line, first, end, p);
            first = end;
            if (k < found) p = points[k].p;
        }
        free(points);
    }
}

/* Takes the values. */
static int add_line(struct lab *lab, struct drawing *d, const struct history *history,
                    struct tracked *tracked) {
    struct session *session = lab->session;
    char *column = diff_column_text(&tracked->column);
    struct line line = {.variant = tracked->column.variant,
                        .column = session_text(session, "%s", column == NULL ? "" : column),
                        .sessions =
                            session_memory(session, history->count, sizeof(const struct dated *)),
                        .values = session_memory(session, history->count, sizeof *line.values)};
    for (size_t i = 0; line.sessions != NULL && line.values != NULL && i < history->count; i++) {
        if (isnan(tracked->values[i])) continue;
        line.values[line.count] = tracked->values[i];
        line.sessions[line.count++] = &history->list[i];
    }
    free(column);
    if (line.count == 0) return EXIT_DONE;
    if (d->count == DRAWN_MAX) {
        return complain("%s: its sessions have more than %d columns, too many to look at: keep "
                        "those of one `compare` apart",
                        lab->request->history, DRAWN_MAX);
    }
    d->lines[d->count++] = line;
    return EXIT_DONE;
}

static int collect(struct lab *lab, struct drawing *d, const struct history *history) {
    struct side_session *of = calloc(history->count + 1, sizeof *of);
    size_t count = 0;
    int status = of == NULL ? complain("no memory for the sessions") : EXIT_DONE;
    for (size_t i = 0; of != NULL && i < history->count; i++) {
        const struct session *session = history->list[i].session;
        of[i] = (struct side_session){&session->runs, session->reference_us};
    }
    struct tracked *all = NULL;
    if (of != NULL) all = difference_tracked(&(struct side){of, history->count}, d->metric, &count);
    for (size_t i = 0; i < count; i++) {
        if (status == EXIT_DONE) status = add_line(lab, d, history, &all[i]);
        free(all[i].values);
    }
    free(all);
    free(of);
    if (status == EXIT_DONE && d->count == 0) {
        status = complain("%s: no session in it has %s", lab->request->history, d->metric);
    }
    return status;
}

int history_measure(struct lab *lab) {
    const struct request *r = lab->request;
    const char *usual = r->of == DIFFERENCE_OF_HOST ? "time_per_message" : "time_per_floor";
    struct drawing d = {.metric = r->metric == NULL ? usual : r->metric};
    struct history history = {0};
    struct results results = {0};
    const char *beside = session_text(lab->session, "%s/history.png", r->history);
    const char *path = r->output == NULL ? beside : r->output;
    int status = read_folder(r->history, &results, &history);
    const int failed = status == EXIT_DONE ? output_check(path) : 0;
    if (failed != 0) status = complain("cannot write %s: %s", path, strerror(-failed));
    if (status == EXIT_DONE) status = check_outputs(&history, (const char *[]){path, r->json});
    if (status == EXIT_DONE) status = collect(lab, &d, &history);
    if (status == EXIT_DONE) {
        d.level = CHANGE_LEVEL / (double)d.count;
        find_changes(lab->session, &d);
        status = draw(lab, &d, path);
    }
    free(history.list);
    results_free(&results);
    return status;
}

static void tell_changes(struct story *story, const struct findings *list) {
    const struct stretch *one = list->items, *end = one + list->count;
    unsigned points = 0;
    for (; one < end; one++) {
        points += story_fill(story,
                             "Change point: from {from} on, {file}, `{variant}` has {ratio:ratio} "
                             "times the {metric} of before (p {p:%.2g}).",
                             fill_from(LIST_HISTORY, one));
    }
    if (points == 0) story_say(story, "No change point was found.");
    story_say(story,
              "Sought by Pettitt's rank test at every split, at least %d sessions on either side, "
              "and a p of at most %.2g. In a hundred sessions without a change about %g are false "
              "if they are looked at once, %g if again after each session (simulated).",
              CHANGE_STRETCH_MIN, ((const struct stretch *)list->items)->level, CHANGE_LEVEL,
              CHANGE_FALSE_PER_100);
}

void history_tell(struct story *story, const struct results *results) {
    const struct findings *list = &results->sessions[0]->lists[LIST_HISTORY];
    const struct stretch *one = list->items, *end = one + list->count;
    while (one < end) {
        const char *column = one->column;
        struct grid grid = grid_of("from|to|sessions");
        grid_head(&grid, "%s", diff_label(one->metric).text);
        grid_head(&grid, "to before");
        grid_head(&grid, "p");
        story_say(story, "%s", column);
        for (; one < end && one->column == column; one++) {
            grid_fill(&grid, "{from}|{to}|{sessions:count}|{value}|{ratio:ratio}|{p:%.2g}",
                      fill_from(LIST_HISTORY, one));
        }
        story_table(story, "", &grid);
    }
    if (list->count > 0) tell_changes(story, list);
}
