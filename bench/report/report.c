/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"

/* ---- texts that are compiled in, so that an installed program needs no file ---- */

enum { NAME_ROOM = 32 };

extern const char template_page[], template_plan[];

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

static char *template_between(const char *text, const char *before, const char *behind) {
    const char *begin = strstr(text, before);
    if (begin == NULL) return strdup("");
    begin += strlen(before);
    const char *end = strstr(begin, behind);
    return end == NULL ? strdup("") : strndup(begin, (size_t)(end - begin));
}

static char *template_part(const char *name) {
    char mark[NAME_ROOM + 16];
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
    {.tell = origin_tell_restless},
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
    {.heading = "Runs that do not count", .tell = origin_tell_excluded},
    {.heading = "How to repeat it", .tell = origin_tell_commands},
    {.heading = "Where it was measured", .tell = origin_tell_environment}};

enum { PARTS = sizeof parts / sizeof *parts };

/* ---- a figure ---- */

struct picture {
    const struct drawing *drawing;
    const char *caption;
};

static bool put_picture(FILE *out, const char *name, const void *what) {
    const struct picture *picture = what;
    const char *conditions = picture->drawing->conditions;
    if (strcmp(name, "name") == 0) {
        (void)fputs(picture->drawing->figure->name, out);
    } else if (strcmp(name, "conditions") == 0) {
        story_html(out, conditions == NULL ? "" : conditions);
        if (conditions != NULL && *conditions != '\0') (void)fputs(" · ", out);
    } else if (strcmp(name, "caption") == 0) {
        for (const char *c = picture->caption; *c != '\0'; c++)
            if (*c != '`') story_escape(out, *c);
    } else {
        return false;
    }
    return true;
}

static void tell_figure(struct story *story, const struct drawing *drawing) {
    char *caption = caption_of(drawing), *part = template_part("figure");
    const struct picture picture = {drawing, caption == NULL ? "" : caption};
    char *html = part == NULL ? NULL : template_filled(part, put_picture, &picture);
    story_paragraph(story, "p", picture.caption);
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
