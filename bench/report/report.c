/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/environment_difference.h"
#include "bench/tell/words.h"

/* ---- texts that are compiled in, so that an installed program needs no file ---- */

extern const char template_page[], template_plan[];

#define EMBED(name, file)                                                                          \
    __asm__(".pushsection .rodata\n.global " #name "\n" #name ":\n.incbin \"" file                 \
            "\"\n.byte 0\n.popsection")
EMBED(template_page, "bench/report/page.html");
EMBED(template_plan, "plots/plan.tsv");

static char *template_between(const char *text, const char *before, const char *behind) {
    const char *begin = strstr(text, before);
    if (begin == NULL) return strdup("");
    begin += strlen(before);
    const char *end = strstr(begin, behind);
    return end == NULL ? strdup("") : strndup(begin, (size_t)(end - begin));
}

static char *template_part(const char *name) {
    char mark[64];
    (void)snprintf(mark, sizeof mark, "\n<!-- %s -->\n", name);
    return template_between(template_page, mark, "\n<!--");
}

/* ---- the plan of `make bench` ---- */

enum plan_column { NAME, NEEDS, COMMAND, QUICK, USUAL, PLAN_COLUMNS };

/* A copy of the line of that name, cut into its columns; malloc'd. NULL: there is no such part. */
static char *plan_find(const char *name, char *columns[PLAN_COLUMNS]) {
    for (const char *line = template_plan; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char *copy = strndup(line, strcspn(line, "\n")), *rest = copy;
        for (int i = 0; i < PLAN_COLUMNS; i++) columns[i] = strsep(&rest, "\t");
        if (copy != NULL && columns[USUAL] != NULL && strcmp(columns[NAME], name) == 0) return copy;
        free(copy);
    }
    return NULL;
}

/* DIR is the folder. */
static void put_words(FILE *out, const char *words, const char *directory) {
    for (const char *place; (place = strstr(words, "DIR/")) != NULL; words = place + 3)
        (void)fprintf(out, "%.*s%s", (int)(place - words), words, directory);
    (void)fputs(words, out);
}

char *plan_command(const char *name, const char *directory) {
    char *columns[PLAN_COLUMNS], *line = plan_find(name, columns), *text = NULL;
    size_t size = 0;
    FILE *out = line == NULL ? NULL : open_memstream(&text, &size);
    if (out != NULL) {
        put_words(out, columns[COMMAND], directory);
        if (*columns[USUAL] != '\0' && strcmp(columns[USUAL], "-") != 0) {
            (void)fputc(' ', out);
            put_words(out, columns[USUAL], directory);
        }
        /* A part that says nothing of a file has one of its name. */
        if (strstr(columns[COMMAND], "DIR/") == NULL)
            (void)fprintf(out, " --json %s/results/%s.json", directory, name);
        (void)fclose(out);
    }
    free(line);
    return text;
}

/* ---- runs that do not count ---- */

static bool same_refusal(const struct run *one, const struct run *other) {
    if (run_is_valid(other) || one->asked.variant != other->asked.variant) return false;
    if (one->asked.role != other->asked.role || one->validity.count != other->validity.count)
        return false;
    for (unsigned i = 0; i < one->validity.count; i++)
        if (!validity_same_reason(one->validity.reason[i], other->validity.reason[i])) return false;
    return true;
}

static size_t count_like(const struct run *run, const struct runs *runs, size_t from, size_t to) {
    size_t count = 0;
    for (size_t i = from; i < to; i++) count += same_refusal(run, runs->list[i]);
    return count;
}

static void add_reasons(struct grid *grid, const struct validity *validity) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    for (unsigned i = 0; out != NULL && i < validity->count; i++)
        (void)fprintf(out, "%s%s", i > 0 ? "; " : "", validity->reason[i]);
    if (out != NULL) (void)fclose(out);
    grid_add(grid, "%s", text == NULL ? "" : text);
    free(text);
}

/* Runs that differ in the numbers of their reasons alone are one row with a count. */
static void add_refused(struct grid *grid, const struct session *session) {
    const struct runs *runs = &session->runs;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (run_is_valid(run) || count_like(run, runs, 0, i) > 0) continue;
        grid_add(grid, "%zu", count_like(run, runs, i, runs->count));
        grid_add(grid, "`%s`", run->asked.variant->name);
        grid_add(grid, "%s", role_names[run->asked.role]);
        add_reasons(grid, &run->validity);
        grid_add(grid, "%s", session->file);
    }
}

/* Experiments that are no plan of runs have runs that are theirs to judge. */
static bool is_planned(const struct session *session) {
    return strcmp(session->command, "compare") == 0 || strcmp(session->command, "sweep") == 0;
}

/* What a session finds when it compares a variant with itself; NAN: it did not, or in few blocks.
 */
static double own_difference(const struct session *session) {
    const struct findings *list = &session->lists[LIST_COMPARISONS];
    const struct compared *all = list->items;
    for (size_t i = 0; i < list->count; i++) {
        const bool itself = all[i].role != NULL && strcmp(all[i].role, role_names[ROLE_A_A]) == 0;
        const size_t enough = 15;
        if (itself && all[i].comparison.blocks >= enough) return all[i].comparison.detectable;
    }
    return NAN;
}

/* Nothing where the machine was quiet. */
static void tell_restless(struct story *story, const struct results *results) {
    const double usual = 0.05; /* on a quiet machine less than half of it */
    size_t all = 0, refused = 0;
    double worst = 0;
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (!is_planned(session)) continue;
        for (size_t k = 0; k < session->runs.count; k++)
            refused += !run_is_valid(session->runs.list[k]);
        all += session->runs.count;
        worst = fmax(worst, own_difference(session));
    }
    const bool many = 10 * refused > all, unsure = worst > usual;
    if (!many && !unsure) return;
    char *found = NULL;
    if (unsure &&
        asprintf(&found, ", and differences below %s are not seen", words_percent(worst).text) < 0)
        found = NULL;
    story_say(
        story,
        "This machine was not quiet: %zu of %zu runs do not count%s. What is shown is made of "
        "the rest, with the intervals that it gives; below, \"Runs that do not count\" says "
        "why.",
        refused, all, found == NULL ? "" : found);
    free(found);
}

static void tell_excluded(struct story *story, const struct results *results) {
    struct grid grid = grid_of("runs|variant|role|why|file");
    size_t all = 0, refused = 0, shown = 0;
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (!is_planned(session)) continue;
        add_refused(&grid, session);
        all += session->runs.count;
        for (size_t k = 0; k < session->runs.count; k++) {
            const struct run *run = session->runs.list[k];
            refused += !run_is_valid(run);
            shown += run_is_valid(run) && run->asked.role == ROLE_VARIANT;
        }
    }
    story_say(story,
              "Of %zu runs %zu are not valid and count nowhere. In the figures are the %zu of the "
              "variants themselves; those of floors and of a variant beside itself are in the "
              "comparisons.",
              all, refused, shown);
    story_table(story, "grey", &grid);
}

/* ---- how to repeat it ---- */

/* As a shell takes it again. */
static void put_word(FILE *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=+.,:/%@";
    const bool quoted = *word == '\0' || word[strspn(word, plain)] != '\0';
    if (quoted) (void)fputc('\'', out);
    for (; *word != '\0'; word++) (void)fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, out);
    if (quoted) (void)fputc('\'', out);
}

static bool is_given(const char *const *argv, const char *option) {
    const size_t length = strlen(option);
    for (; *argv != NULL; argv++)
        if (strncmp(*argv, option, length) == 0 && ((*argv)[length] == '=' || !(*argv)[length]))
            return true;
    return false;
}

char *origin_command(const struct session *session) {
    char *text = NULL;
    size_t length = 0;
    if (session->argv == NULL) return NULL;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (size_t i = 0; session->argv[i] != NULL; i++) {
        if (i > 0) (void)fputc(' ', out);
        put_word(out, session->argv[i]);
    }
    if (session->seed != FIELD_UNKNOWN && !is_given(session->argv, "--seed"))
        (void)fprintf(out, " --seed %llu", (unsigned long long)session->seed);
    (void)fclose(out);
    return text;
}

static void tell_commands(struct story *story, const struct results *results) {
    struct grid grid = grid_of("file|started|command");
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        char *command = origin_command(session);
        grid_add(&grid, "%s", session->file);
        grid_add(&grid, "%s", session->started == NULL ? "-" : session->started);
        grid_add(&grid, command == NULL ? "not recorded" : "`%s`", command);
        free(command);
    }
    story_table(story, "commands", &grid);
}

/* ---- where it was measured ---- */

/* What is known of before and after the runs is one row. */
static void tell_facts(struct story *story, const struct facts *facts) {
    static const char after[] = "after.";
    struct grid grid = grid_of("name|value|after the runs");
    for (size_t i = 0; i < facts->count; i++) {
        char later[128];
        const char *name = facts->list[i].name;
        if (strncmp(name, after, strlen(after)) == 0) continue;
        (void)snprintf(later, sizeof later, "%s%s", after, name);
        const struct fact *then = facts_find(facts, later);
        grid_add(&grid, "%s", name);
        words_cell_facts(&grid, &facts->list[i], 1);
        words_cell_facts(&grid, then, then == NULL ? 0 : 1);
    }
    story_table(story, "environment", &grid);
}

static void tell_differences(struct story *story, const struct facts *const *all, size_t count,
                             const char *file) {
    struct environment_differences differences =
        environment_differences(all, 1, all + 1, count - 1);
    struct grid grid = grid_of("differs");
    grid_head(&grid, "%s", file);
    grid_head(&grid, "the other files");
    for (size_t i = 0; i < differences.count; i++) {
        const struct environment_difference *one = &differences.list[i];
        grid_add(&grid, "%s", one->name);
        words_cell_facts(&grid, one->base.list, one->base.count);
        words_cell_facts(&grid, one->new.list, one->new.count);
    }
    if (differences.count > 0)
        story_say(story, "Not everything on this page was measured in the same surroundings:");
    else
        story_say(story, "In all %zu files that say where they were measured it is the same place.",
                  count);
    story_table(story, "environment", &grid);
    environment_differences_free(&differences);
}

/* Of the files that say so: the first, and what is otherwise in the others. */
static void tell_environment(struct story *story, const struct results *results) {
    const struct facts **all = calloc(results->count + 1, sizeof(struct facts *));
    const char *file = "";
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (session->environment.count == 0) continue;
        if (count == 0) file = session->file;
        all[count++] = &session->environment;
    }
    if (count > 1) tell_differences(story, all, count, file);
    if (count > 0)
        tell_facts(story, all[0]);
    else
        story_say(story, "The result files do not say.");
    free(all);
}

/* ---- the order of the page ---- */

typedef void tell_results(struct story *story, const struct results *results);

/*
 * The order of the page. A row is a heading above it, a finding, a figure, and
 * what else there is to read; where there is nothing to tell, the part of
 * `make bench` that measures it. On a terminal a figure is its words and
 * numbers.
 */
static const struct part {
    const char *heading; /* of a new section; NULL: the section goes on */
    const char *title;   /* of what has no figure; NULL: none */
    const char *figure;
    bool figures; /* all that no row names */
    tell_results *tell, *table;
    const char *plan; /* of what has no figure; NULL: it goes without saying */
} parts[] = {
    /* the first screen */
    {.tell = tell_restless},
    {.tell = headline_tell},
    {.figure = "per_connection", .table = per_connection_tell},
    {.tell = situations_tell},
    {.figure = "rtt", .table = round_trips_tell},
    {.title = "One packet lost, a lone message", .tell = loss_tell, .plan = "loss"},
    {.figure = "who_waits", .tell = head_of_line_tell},
    {.tell = changes_tell},

    {.heading = "The price of keeping", .figure = "idle", .tell = idle_tell_points},
    {.tell = idle_tell_race},
    {.tell = idle_tell_beside},
    {.tell = compare_tell, .plan = "core"},
    {.heading = "Under load", .figure = "throughput", .tell = connections_tell},
    {.figure = "rate", .tell = rate_tell, .table = rate_numbers},
    {.figure = "tails", .tell = tails_tell, .table = tails_table},
    {.heading = "Several at once", .figure = "pipeline", .tell = pipeline_tell},
    {.figure = "objects", .tell = objects_tell},
    {.heading = "How a server is built", .figure = "designs", .tell = designs_tell},
    {.tell = silent_tell, .plan = "silent"},
    {.tell = anatomy_tell, .plan = "anatomy"},
    {.tell = ladders_tell, .plan = "ladder-tcp-per-message"},
    {.heading = "The figures", .figures = true},
    {.figure = "placement", .tell = placement_tell},
    {.heading = "Is the ruler right?", .tell = check_tell, .plan = "check"},
    {.figure = "process", .table = processes_tell},
    {.tell = comparisons_tell},
    {.heading = "Runs that do not count", .tell = tell_excluded},
    {.heading = "How to repeat it", .tell = tell_commands},
    {.heading = "Where it was measured", .tell = tell_environment}};

enum { PARTS = sizeof parts / sizeof *parts };

/* ---- a figure ---- */

static void tell_figure(struct story *story, const struct drawing *drawing) {
    char *caption = drawing_text(drawing, drawing->figure->caption),
         *part = template_part("figure");
    char *html = part == NULL ? NULL : drawing_text(drawing, part);
    story_paragraph(story, "p", caption == NULL ? "" : caption);
    if (story->html)
        (void)fputs(html == NULL ? "" : html, story->out);
    else if (drawing->conditions != NULL && *drawing->conditions != '\0')
        story_say(story, "Measured with: %s.", drawing->conditions);
    if (drawing->figure->numbers) {
        struct grid numbers = caption_numbers(drawing);
        story_numbers(story, &numbers);
    }
    free(html);
    free(part);
    free(caption);
}

/* ---- a part ---- */

/* The session that `make bench` wrote under the name of the part; else that of the figure. */
static const struct session *session_of(const struct results *results, const char *name,
                                        const struct drawing *drawing) {
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "/%s.json", name);
    for (size_t i = 0; i < results->count; i++) {
        const char *file = strrchr(results->sessions[i]->file, '/');
        if (file != NULL && strcmp(file, wanted) == 0) return results->sessions[i];
    }
    return drawing == NULL ? NULL : drawing->from;
}

static void tell_command(struct story *story, const struct session *session) {
    char *command = session == NULL ? NULL : origin_command(session), *text = NULL;
    if (command != NULL && asprintf(&text, "To repeat it: `%s`", command) > 0)
        story_paragraph(story, "p class=\"command\"", text);
    free(text);
    free(command);
}

/* "Not measured, as ...: `echolab ...`, which needs two CPUs" */
static void tell_missing(struct story *story, const char *why, const char *plan) {
    char *columns[PLAN_COLUMNS], *line = plan_find(plan, columns);
    char *command = plan_command(plan, story->directory), *text = NULL;
    const bool needs = line != NULL && *columns[NEEDS] != '-';
    if (command != NULL && asprintf(&text, "Not measured, as %s: `%s`%s%s", why, command,
                                    needs ? ", which needs " : "", needs ? columns[NEEDS] : "") > 0)
        story_paragraph(story, "p class=\"missing\"", text);
    free(text);
    free(command);
    free(line);
}

static void tell_part(struct story *story, const struct part *part, const struct drawing *drawing,
                      const struct results *results) {
    const bool drawn = drawing != NULL && drawing->missing == NULL;
    const char *title = drawing == NULL ? part->title : drawing->figure->title;
    const char *plan = drawing == NULL ? part->plan : drawing->figure->plan;
    if (title != NULL) story_heading(story, 3, title);
    const long before = ftell(story->out);
    if (part->tell != NULL) part->tell(story, results);
    if (drawn) tell_figure(story, drawing);
    if (part->table != NULL) part->table(story, results);
    const bool told = ftell(story->out) > before;
    if (plan == NULL) return;
    if (drawing != NULL && !drawn)
        tell_missing(story, drawing->missing, plan);
    else if (!told)
        tell_missing(story, "no result file has it", plan);
    if (told) tell_command(story, session_of(results, plan, drawing));
}

static bool has_row(const char *figure) {
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].figure != NULL && strcmp(parts[i].figure, figure) == 0) return true;
    return false;
}

static void tell_all(struct story *story, const struct drawing *drawings) {
    static const struct part alone = {.plan = NULL};
    const struct results *results = drawings[0].results;
    for (size_t i = 0; i < PARTS; i++) {
        const struct part *part = &parts[i];
        if (part->heading != NULL) story_heading(story, 2, part->heading);
        for (unsigned k = 0; part->figures && k < figure_count; k++)
            if (!has_row(figures[k].name)) tell_part(story, &alone, &drawings[k], results);
        if (part->figures) continue;
        tell_part(story, part, part->figure == NULL ? NULL : drawing_find(drawings, part->figure),
                  results);
    }
}

/* ---- the whole ---- */

/* Title and question are those of the page. */
static void head_plain(struct story *story) {
    char *title = template_between(template_page, "<h1>", "</h1>");
    char *question = template_between(template_page, "<p class=\"question\">", "</p>");
    story_heading(story, 1, title == NULL ? "" : title);
    story_paragraph(story, "p", question == NULL ? "" : question);
    free(question);
    free(title);
}

char *page_text(const struct drawing *drawings, const char *directory, bool html) {
    static const char place[] = "{story}";
    char *text = NULL, *page = template_part("page");
    size_t length = 0;
    FILE *out = page == NULL ? NULL : open_memstream(&text, &length);
    if (out != NULL) {
        struct story story = {.out = out, .html = html, .directory = directory, .apart = !html};
        const char *at = strstr(page, place);
        if (html)
            (void)fprintf(out, "%.*s", (int)(at - page), page);
        else
            head_plain(&story);
        tell_all(&story, drawings);
        if (html) (void)fputs(at + strlen(place), out);
        (void)fclose(out);
    }
    free(page);
    return text;
}

/* ---- the command ---- */

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
    if (drawings == NULL) return -1;
    for (unsigned i = 0; i < figure_count; i++) drawings[i] = figure_fill(&figures[i], results);
    char *page = page_text(drawings, request->directory, !request->text);
    const int result = page == NULL    ? -1
                       : request->text ? (fputs(page, stdout) < 0 ? -1 : 0)
                                       : write_all(drawings, request->directory, page, why);
    for (unsigned i = 0; i < figure_count; i++) drawing_free(&drawings[i]);
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
