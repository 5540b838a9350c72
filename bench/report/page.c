/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/page.h"

#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/report/captions.h"
#include "bench/report/plan.h"
#include "bench/report/template.h"

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
    const size_t length = strlen(name);
    for (size_t i = 0; i < results->count; i++) {
        const char *file = strrchr(results->sessions[i]->file, '/');
        if (file != NULL && strncmp(file + 1, name, length) == 0 &&
            strcmp(file + 1 + length, ".json") == 0)
            return results->sessions[i];
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
    char *needs = plan_needs(plan), *command = plan_command(plan, story->directory), *text = NULL;
    const char *which = needs == NULL || *needs == '\0' ? "" : ", which needs ";
    if (needs != NULL && command != NULL &&
        asprintf(&text, "Not measured, as %s: `%s`%s%s", why, command, which, needs) > 0)
        story_paragraph(story, "p class=\"missing\"", text);
    free(text);
    free(command);
    free(needs);
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
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i].figure != NULL && strcmp(parts[i].figure, figure) == 0) return true;
    }
    return false;
}

static void tell(struct story *story, const struct drawing *drawings) {
    static const struct part alone = {.plan = NULL};
    const struct results *results = drawings[0].results;
    for (size_t i = 0; i < PARTS; i++) {
        const struct part *part = &parts[i];
        if (part->heading != NULL) story_heading(story, 2, part->heading);
        for (unsigned k = 0; part->figures && k < figure_count; k++) {
            if (!has_row(figures[k].name)) tell_part(story, &alone, &drawings[k], results);
        }
        if (part->figures) continue;
        tell_part(story, part, part->figure == NULL ? NULL : drawing_find(drawings, part->figure),
                  results);
    }
}

/* ---- the whole ---- */

struct whole {
    const struct drawing *drawings;
    const char *directory;
};

static bool put_story(FILE *out, const char *name, const void *what) {
    const struct whole *whole = what;
    struct story story = {.out = out, .html = true, .directory = whole->directory};
    if (strcmp(name, "story") != 0) return false;
    tell(&story, whole->drawings);
    return true;
}

/* Title and question are those of the page. */
static void put_plain(FILE *out, const struct whole *whole) {
    struct story story = {.out = out, .directory = whole->directory, .apart = true};
    char *title = template_between(template_page, "<h1>", "</h1>");
    char *question = template_between(template_page, "<p class=\"question\">", "</p>");
    story_heading(&story, 1, title == NULL ? "" : title);
    story_paragraph(&story, "p", question == NULL ? "" : question);
    tell(&story, whole->drawings);
    free(question);
    free(title);
}

static char *plain_text(const struct whole *whole) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    put_plain(out, whole);
    (void)fclose(out);
    return text;
}

char *page_text(const struct drawing *drawings, const char *directory, bool html) {
    const struct whole whole = {drawings, directory};
    char *page = template_part("page");
    char *text = !html          ? plain_text(&whole)
                 : page == NULL ? NULL
                                : template_filled(page, put_story, &whole);
    free(page);
    return text;
}
