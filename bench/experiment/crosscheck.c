/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab crosscheck: every tool that is here beside the variant it can be
 * compared with, back to back, in shuffled blocks. A tool that stalls or refuses
 * is said to, and ours goes on.
 */
#include "bench/experiment/crosscheck.h"

#include <errno.h>
#include <ftw.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/experiment/all.h"
#include "echo/message.h"

enum { PAIRS_MAX = 32, MISSES_MAX = 2 };

static const uint64_t second_ns = 1000000000;

/* Who is asked, beside what the session keeps of them. */
struct asked {
    struct lab *lab;
    char paths[TOOL_PROGRAMS][TOOL_PATH]; /* or why there is none */
    bool here[TOOL_PROGRAMS];
    char directory[TOOL_PATH];         /* for the tools to work in */
    struct placement_cpus cpus, apart; /* for one flow; for many */
    const struct tool_row *rows[PAIRS_MAX];
    unsigned missed_in_a_row[PAIRS_MAX];
    struct tool_beside *pairs; /* of the session, one a row */
    unsigned count;
};

/* For free; NULL without memory. */
static struct asked *find_tools(struct lab *lab) {
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked == NULL) return NULL;
    asked->lab = lab;
    /* With one CPU there are no rows that need two. */
    if (placement_choose(&asked->apart, PLACEMENT_CROSS_CORE) != 0) asked->apart.client = -1;
    for (int i = 0; i < TOOL_PROGRAMS; i++)
        asked->here[i] = tool_find((enum tool_program)i, asked->paths[i]) == 0;
    for (unsigned i = 0; i < tool_row_count && asked->count < PAIRS_MAX; i++) {
        const struct tool_row *row = &tool_rows[i];
        if (asked->here[row->server] && asked->here[row->client] &&
            (row->flows <= 1 || asked->apart.client >= 0))
            asked->rows[asked->count++] = row;
    }
    return asked;
}

static double *no_figures(struct session *session, unsigned blocks) {
    double *figures = session_memory(session, blocks, sizeof *figures);
    for (unsigned i = 0; figures != NULL && i < blocks; i++) figures[i] = NAN;
    return figures;
}

static int prepare(struct asked *asked) {
    const char *folder = getenv("TMPDIR");
    const int failed = placement_choose(&asked->cpus, asked->lab->request->run.placement);
    if (failed != 0) return complain("cannot choose a CPU: %s", strerror(-failed));
    if (folder == NULL || *folder != '/') folder = "/tmp"; /* they start in another directory */
    (void)snprintf(asked->directory, sizeof asked->directory, "%s/echolab-XXXXXX", folder);
    if (mkdtemp(asked->directory) == NULL) {
        asked->directory[0] = '\0';
        return complain("no directory for the tools in %s: %s", folder, strerror(errno));
    }
    /* What the session keeps: of each pair, and of each tool that is not here. */
    struct session *session = asked->lab->session;
    const unsigned blocks = asked->lab->request->blocks;
    for (unsigned i = 0; i < asked->count; i++) {
        const struct tool_row *row = asked->rows[i];
        struct tool_beside *pair = findings_add(&session->lists[LIST_TOOLS], LIST_TOOLS);
        if (pair == NULL) return complain("no memory");
        *pair = (struct tool_beside){.tool = row->tool,
                                     .test = row->test,
                                     .variant = row->variant,
                                     .theirs_us = no_figures(session, blocks),
                                     .ours_us = no_figures(session, blocks),
                                     .blocks = blocks};
        if (pair->theirs_us == NULL || pair->ours_us == NULL) return complain("no memory");
        memcpy(pair->notes, row->notes, sizeof row->notes);
    }
    asked->pairs = session->lists[LIST_TOOLS].items;
    for (int i = 0; i < TOOL_PROGRAMS; i++) {
        struct missing *missing = NULL;
        if (!asked->here[i]) missing = findings_add(&session->lists[LIST_MISSING], LIST_MISSING);
        if (missing != NULL) missing->what = session_text(session, "%s", asked->paths[i]);
    }
    return EXIT_DONE;
}

static int remove_entry(const char *path, const struct stat *its, int kind, struct FTW *where) {
    (void)its, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

static unsigned whole_seconds(const struct parameters *run) {
    return (unsigned)((run->duration_ns + second_ns - 1) / second_ns);
}

static void run_theirs(struct asked *asked, unsigned block, unsigned i) {
    const struct parameters *run = &asked->lab->request->run;
    const struct tool_row *row = asked->rows[i];
    struct tool_beside *pair = &asked->pairs[i];
    struct tool_outcome outcome;
    const struct tool_job job = {.row = row,
                                 .server = asked->paths[row->server],
                                 .client = asked->paths[row->client],
                                 .directory = asked->directory,
                                 .cpus = row->flows > 1 ? asked->apart : asked->cpus,
                                 .profile = run->profile,
                                 .payload_bytes = run->size_bytes,
                                 .seconds = whole_seconds(run),
                                 .ready_ns = 5 * second_ns,
                                 .figure_ns = 5 * second_ns};
    if (asked->missed_in_a_row[i] >= MISSES_MAX) return; /* each may cost many seconds */
    tool_run(&job, &outcome);
    if (interrupted) return;
    const bool missed = outcome.problem[0] != '\0';
    asked->missed_in_a_row[i] = missed ? asked->missed_in_a_row[i] + 1 : 0;
    pair->missed += missed;
    if (missed)
        pair->problem = session_text(asked->lab->session, "%s", outcome.problem);
    else
        pair->theirs_us[block] = outcome.us;
}

static void run_ours(struct asked *asked, unsigned block, unsigned i) {
    struct lab *lab = asked->lab;
    const struct tool_row *row = asked->rows[i];
    struct parameters one = lab->request->run;
    one.variant = variant_find(row->variant);
    if (row->flows > 1) {
        one.connections = row->flows;
        one.engine = ENGINE_EPOLL;
        one.design = DESIGN_EPOLL;
        one.placement = PLACEMENT_CROSS_CORE;
    }
    struct run *run = lab_run(lab, &one);
    if (run == NULL) return;
    run->block = block;
    run->column = i;
    run->tool = session_text(lab->session, "%s %s", row->tool, row->test);
    if (run_is_valid(run))
        asked->pairs[i].ours_us[block] = metrics[row->ours].of(run);
    else
        (void)snprintf(lab->why, sizeof lab->why, "%s", run->validity.reason[0]);
}

static void run_blocks(struct asked *asked) {
    struct lab *lab = asked->lab;
    const unsigned all = lab->request->blocks * asked->count;
    unsigned shuffled[PAIRS_MAX];
    for (unsigned i = 0; i < asked->count; i++) shuffled[i] = i;
    while (lab->done < all && !interrupted) {
        const unsigned block = lab->done / asked->count, at = lab->done % asked->count;
        if (at == 0) gsl_ran_shuffle(lab->random, shuffled, asked->count, sizeof shuffled[0]);
        const struct tool_row *row = asked->rows[shuffled[at]];
        const bool theirs_first = gsl_rng_uniform_int(lab->random, 2) == 0;
        lab_progress(lab, "block %u/%u  pair %u/%u  %s %s", block + 1, lab->request->blocks,
                     ++lab->done, all, row->tool, row->test);
        if (theirs_first) run_theirs(asked, block, shuffled[at]);
        if (!interrupted) run_ours(asked, block, shuffled[at]);
        if (!theirs_first && !interrupted) run_theirs(asked, block, shuffled[at]);
    }
    lab_progress(lab, "%s", "");
}

int crosscheck_measure(struct lab *lab) {
    const int descriptors = 8;
    struct asked *asked = find_tools(lab);
    if (asked == NULL) return complain("no memory for a session");
    const int status = prepare(asked);
    if (status == EXIT_DONE) run_blocks(asked);
    if (asked->directory[0] != '\0')
        (void)nftw(asked->directory, remove_entry, descriptors, FTW_DEPTH | FTW_PHYS);
    free(asked);
    return status;
}

int crosscheck_preview(struct lab *lab) {
    const struct request *r = lab->request;
    struct asked *asked = find_tools(lab);
    if (asked == NULL) return complain("no memory for a plan");
    const double pair_s = whole_seconds(&r->run) +
                          (double)(r->run.duration_ns + r->run.warmup_ns) / (double)second_ns;
    for (unsigned i = 0; i < asked->count; i++)
        printf("%s %s beside %s\n", asked->rows[i]->tool, asked->rows[i]->test,
               asked->rows[i]->variant);
    printf("%u pairs in %u blocks, shuffled, about %.0f s, seed %llu\n", r->blocks * asked->count,
           r->blocks, ceil(r->blocks * asked->count * pair_s), (unsigned long long)r->run.seed);
    free(asked);
    return EXIT_DONE;
}

/* Two tools agree when the whole interval lies within the margin. */
static const char *agreement(const struct comparison *c) {
    const double low = 1 - c->margin, high = 1 + c->margin;
    if (c->blocks < STATISTICS_BLOCKS_MIN) return "too few blocks to say";
    if (c->ratio.low >= low && c->ratio.high <= high) return "agree";
    return c->ratio.high < low || c->ratio.low > high ? "differ" : "not decided";
}

/* How many blocks have both figures; they go to `theirs` and `ours` (NULL: nowhere). */
static size_t both_of(const struct tool_beside *pair, double *theirs, double *ours) {
    size_t count = 0;
    for (size_t i = 0; i < pair->blocks; i++) {
        if (!isfinite(pair->ours_us[i]) || !isfinite(pair->theirs_us[i])) continue;
        if (theirs != NULL) theirs[count] = pair->theirs_us[i];
        if (ours != NULL) ours[count] = pair->ours_us[i];
        count++;
    }
    return count;
}

void crosscheck_conclude(struct lab *lab) {
    struct session *session = lab->session;
    const struct tool_beside *pairs = session->lists[LIST_TOOLS].items;
    const size_t count = session->lists[LIST_TOOLS].count, blocks = lab->request->blocks;
    double *theirs = calloc(2 * blocks + 1, sizeof *theirs), *ours = theirs + blocks;
    unsigned compared = 0;
    for (size_t i = 0; i < count; i++) compared += both_of(&pairs[i], NULL, NULL) > 0;
    for (size_t i = 0; theirs != NULL && i < count; i++) {
        const size_t both = both_of(&pairs[i], theirs, ours);
        struct agreed *one = NULL;
        if (both > 0) one = findings_add(&session->lists[LIST_AGREEMENTS], LIST_AGREEMENTS);
        if (one == NULL) continue;
        const struct tool_row *row = tool_rows;
        while (row->tool != pairs[i].tool || row->test != pairs[i].test) row++;
        one->metric = row->ours == METRIC_MEAN ? "mean_latency" : "time_per_message";
        one->baseline = session_text(session, "%s %s", pairs[i].tool, pairs[i].test);
        one->variant = pairs[i].variant;
        one->blocks = both;
        one->comparison = statistics_compare(ours, theirs, both, 1 - 0.05 / compared,
                                             lab->request->margin_percent / 100);
        one->agreement = agreement(&one->comparison);
    }
    free(theirs);
}

int crosscheck_status(const struct lab *lab) {
    unsigned failed = lab->failed;
    for (size_t i = 0; i < lab->session->runs.count; i++)
        failed += !run_is_valid(lab->session->runs.list[i]);
    if (failed > 0) (void)complain("%u of our own runs are not valid: %s", failed, lab->why);
    return 2 * failed > lab->done ? EXIT_NOT_VALID : EXIT_DONE;
}

static void add_median(struct grid *grid, const double *figures, size_t blocks) {
    double *known = calloc(blocks + 1, sizeof *known);
    size_t count = 0;
    for (size_t i = 0; known != NULL && i < blocks; i++)
        if (isfinite(figures[i])) known[count++] = figures[i];
    grid_add(grid, "%s", words_number(statistics_median(known, count)).text);
    free(known);
}

static void put_pair(FILE *out, const void *what) {
    const struct tool_beside *pair = what;
    (void)fprintf(out, "%s %s", pair->tool, pair->test);
    for (int i = 0; pair->notes[i] != NULL; i++)
        (void)fprintf(out, "%s%s", i > 0 ? "; " : ": ", pair->notes[i]);
    (void)fputc('.', out);
    if (pair->missed == 0) return;
    (void)fprintf(
        out, " Theirs without a figure %s%s: %s", words_counted((double)pair->missed, "time").text,
        pair->missed >= MISSES_MAX ? ", the rest left out after two in a row" : "", pair->problem);
}

void crosscheck_tell(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    const struct run *run = session->runs.count == 0 ? NULL : session->runs.list[0];
    const struct findings *tools = &session->lists[LIST_TOOLS],
                          *missing = &session->lists[LIST_MISSING];
    const struct tool_beside *pairs = tools->items;
    const struct agreed *agreed = session->lists[LIST_AGREEMENTS].items, *next = agreed;
    struct grid grid = grid_of("theirs|ours|theirs us|ours us|ratio|blocks|agreement");
    if (tools->count == 0) story_say(story, "No other tool is here, so nothing was compared.");
    if (run != NULL)
        story_say(story,
                  "Other tools beside ours, %u bytes on the wire each way (nginx and ab: see "
                  "there), on %s.",
                  ECHO_HEADER_BYTES + run->asked.size_bytes,
                  run->network == NETWORK_PRIVATE
                      ? "private networks"
                      : "the host's loopback (private networks are denied: not isolated)");
    for (size_t i = 0; i < tools->count; i++) {
        const bool both = both_of(&pairs[i], NULL, NULL) > 0;
        grid_fill(&grid, "{tool} {test}|`{variant}`", fill_from(LIST_TOOLS, &pairs[i]));
        add_median(&grid, pairs[i].theirs_us, pairs[i].blocks);
        add_median(&grid, pairs[i].ours_us, pairs[i].blocks);
        grid_fill(&grid, both ? "{ratio:ratio~}|{blocks:count}|{agreement}" : "-|0|-",
                  fill_from(LIST_AGREEMENTS, next));
        next += both;
    }
    story_table(story, "numbers", &grid);
    if (next > agreed)
        story_say(story,
                  "In us per whole exchange, medians over blocks; the ratio is ours over theirs, "
                  "its interval at %.1f %%, together "
                  "95 %%. They agree when the whole interval lies within %g %%.",
                  100 * agreed->comparison.level, 100 * agreed->comparison.margin);
    for (size_t i = 0; i < tools->count; i++) story_tell(story, put_pair, &pairs[i]);
    for (size_t i = 0; i < missing->count; i++)
        story_paragraph(story, i == 0 ? "p" : "li",
                        ((const struct missing *)missing->items)[i].what);
}
