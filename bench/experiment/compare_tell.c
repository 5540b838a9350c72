/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparisons in words, and in the tables of the page; and what other rulers say beside them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"

struct number compare_verdict(const struct compared *compared) {
    const struct comparison *c = &compared->comparison;
    struct number words;
    char finds[18] = "", would[28] = "";
    if (c->verdict == VERDICT_NOT_DECIDED && !isnan(c->detectable))
        (void)snprintf(finds, sizeof finds, "finds %.11s", words_percent(c->detectable).text);
    if (c->blocks_needed > 0 && c->blocks_needed != FIELD_UNKNOWN)
        (void)snprintf(would, sizeof would, "about %.0f blocks would", (double)c->blocks_needed);
    const bool both = *finds != '\0' && *would != '\0', none = *finds == '\0' && *would == '\0';
    (void)snprintf(words.text, sizeof words.text, none ? "%.20s" : "%.11s (%s%s%s)",
                   verdict_names[c->verdict], finds, both ? "; " : "", would);
    return words;
}

void compare_fill(struct grid *grid, const char *cells, const struct compared *compared) {
    static const struct source nothing;
    grid_fill(grid, cells, compared == NULL ? nothing : fill_from(LIST_COMPARISONS, compared));
}

void compare_put(FILE *out, const char *words, const char *low_to_high,
                 const struct compared *compared) {
    char *template = NULL;
    if (asprintf(&template, "%s ([{level:percent} %% interval %s, ]{blocks:block}%s)", words,
                 low_to_high,
                 compared->comparison.blocks == 1 ? ", too few for an interval" : "") < 0)
        return;
    fill_put(out, template, fill_from(LIST_COMPARISONS, compared));
    free(template);
}

/* Where a comparison was made, as a sentence begins with it. Other places are named as they are. */
static const char *place_words(const struct compared *c) {
    static const char *const places[][2] = {
        {"same-core", "On the same core"},
        {"cross-core", "On two cores, both sides blocking,"},
        {"spin", "On two cores, both sides polling,"},
        {"awake", "On two cores that are kept awake, both sides blocking,"},
        {"remote", "Over the network"}};
    for (size_t i = 0; c->placement != NULL && i < sizeof places / sizeof places[0]; i++)
        if (strcmp(places[i][0], c->placement) == 0) return places[i][1];
    return "Measured side by side,";
}

void compare_put_sentence(FILE *out, const void *compared) {
    struct compared shown = *(const struct compared *)compared;
    const struct metric *metric = metric_find(shown.metric);
    struct interval *diff = &shown.comparison.diff;
    const bool less = diff->value < 0;
    if (metric == NULL || metric->subject == NULL) return;
    if (less) *diff = (struct interval){-diff->value, -diff->high, -diff->low};
    const struct source source = fill_from(LIST_COMPARISONS, &shown);
    (void)fputs(place_words(&shown), out);
    fill_put(out, "[ over a wire of {rtt_ms:%.4g} ms]", source);
    (void)fprintf(out, " %s `%s` %s ", metric->subject, shown.variant, metric->verb);
    compare_put(out, "{ratio:ratio} times", "{ci_low:ratio} to {ci_high:ratio}", compared);
    (void)fprintf(out, " %s ", metric->than);
    fill_put(out, compared_with_other_build(&shown) ? "the other build" : "`{baseline}`", source);
    if (isfinite(shown.baseline_offered_per_s)) (void)fputs(", each at a rate of its own", out);
    fill_put(out, ", {diff} us[ ({diff_ci_low} to {diff_ci_high})]", source);
    if (isfinite(diff->value)) (void)fputs(less ? " less" : " more", out);
    (void)fprintf(out, ": %s.", compare_verdict(&shown).text);
}

/* What else can make a message dear: the rate, the depth, the design. */
static bool shows_work(const struct session *session) {
    return session->axis == NULL || strcmp(session->axis, "size") == 0 ||
           strcmp(session->axis, "connections") == 0;
}

/* Of work alone: in a closed loop on this machine, no wire between. */
static void add_answers(struct findings *answers, const struct session *session, bool work) {
    const struct compared *all = session->lists[LIST_COMPARISONS].items;
    for (size_t i = 0; i < session->lists[LIST_COMPARISONS].count; i++) {
        const struct compared *c = &all[i];
        if (!(c->comparison.ratio.value > 0) || !isfinite(c->comparison.level) ||
            (work && (c->offered_per_s > 0 || !isnan(c->rtt_ms) || !isnan(c->per_connection))))
            continue;
        struct compared *one = findings_add(answers, LIST_COMPARISONS);
        if (one != NULL) *one = *c;
    }
}

/*
 * Those that are an answer: of work, without sweeps of what only their own
 * figures show; where there are none, those of the first session. Its items
 * are to be freed.
 */
static struct findings answers_of(const struct results *results) {
    struct findings answers = {0};
    for (size_t i = 0; i < results->count; i++)
        if (shows_work(results->sessions[i])) add_answers(&answers, results->sessions[i], true);
    if (answers.count == 0 && results->count > 0)
        add_answers(&answers, results->sessions[0], false);
    return answers;
}

/*
 * Where the lab looked most closely, with the most blocks: other sizes and
 * connections are sweeps. NULL: there is no comparison.
 */
static const struct compared *find_most(const struct findings *answers) {
    const struct compared *all = answers->items, *most = NULL;
    for (size_t i = 0; i < answers->count; i++)
        if (most == NULL || all[i].comparison.blocks > most->comparison.blocks) most = &all[i];
    return most;
}

/* Made there, one variant against another (or another build), none against its floor or itself. */
static bool is_of_most(const struct findings *answers, const struct compared *c) {
    return findings_agree(LIST_COMPARISONS, "size_bytes connections per_connection engine", c,
                          find_most(answers)) &&
           c->role != NULL && strcmp(c->role, role_names[ROLE_VARIANT]) == 0 &&
           !compared_with_floor(c);
}

/* And of those that ask the same the one with the most blocks; of equals the first. */
static bool is_central(const struct findings *answers, const struct compared *c) {
    static const char same[] =
        "size_bytes connections per_connection engine metric variant baseline role placement";
    const struct compared *all = answers->items;
    bool best = is_of_most(answers, c);
    for (size_t i = 0; i < answers->count && best; i++) {
        const uint64_t its = all[i].comparison.blocks, ours = c->comparison.blocks;
        if (its > ours || (its == ours && &all[i] < c))
            best = !findings_agree(LIST_COMPARISONS, same, &all[i], c);
    }
    return best;
}

bool compare_ratio(const struct results *results, const char *placement, const char *numerator,
                   const char *denominator, struct compared *ratio) {
    struct findings answers = answers_of(results);
    bool found = false;
    for (size_t i = 0; i < answers.count; i++) {
        const struct compared *c = &((const struct compared *)answers.items)[i];
        const bool turned = strcmp(c->variant, denominator) == 0;
        if (!is_of_most(&answers, c) || c->placement == NULL || c->baseline == NULL ||
            strcmp(c->metric, metrics[METRIC_TIME].name) != 0 ||
            strcmp(c->placement, placement) != 0 ||
            strcmp(turned ? c->baseline : c->variant, numerator) != 0 ||
            strcmp(turned ? c->variant : c->baseline, denominator) != 0 ||
            (found && ratio->comparison.blocks >= c->comparison.blocks))
            continue;
        found = true;
        *ratio = *c;
        if (!turned) continue;
        const struct interval *its = &c->comparison.ratio, *diff = &c->comparison.diff;
        ratio->variant = numerator;
        ratio->baseline = denominator;
        ratio->comparison.ratio = (struct interval){1 / its->value, 1 / its->high, 1 / its->low};
        ratio->comparison.diff = (struct interval){-diff->value, -diff->high, -diff->low};
    }
    free(answers.items);
    return found;
}

struct work {
    const char *variant;
    const struct compared *most;
};

static bool is_work(const struct run *run, const void *key) {
    const struct work *work = key;
    const struct parameters *asked = &run->asked;
    const unsigned beside = asked->idle + asked->silent + asked->per_connection;
    return series_is_of(run, work->variant) && asked->placement == PLACEMENT_SAME_CORE &&
           asked->host == NULL && !asked->wire && !run_is_open(run) && beside == 0 &&
           asked->delay_ns == 0 && asked->design == engine_design(asked->engine) &&
           asked->size_bytes == work->most->size_bytes &&
           asked->connections == work->most->connections &&
           strcmp(engine_names[asked->engine], work->most->engine) == 0;
}

struct middle compare_work(const struct results *results, const char *variant,
                           double (*of)(const struct run *run)) {
    struct findings answers = answers_of(results);
    const struct work work = {variant, find_most(&answers)};
    struct middle middle = {.count = 0};
    const bool known = work.most != NULL && work.most->engine != NULL;
    for (size_t i = 0; known && i < results->count && middle.count == 0; i++) {
        const struct session *session = results->sessions[i];
        if (shows_work(session)) middle = runs_middle(&session->runs, of, is_work, &work);
    }
    free(answers.items);
    return middle;
}

/* Placement by placement, in the order of the first of each; false: the metric is not central. */
static bool tell_answers(struct story *story, const struct findings *answers,
                         const struct metric *metric) {
    const struct compared *all = answers->items;
    bool told = false;
    for (size_t i = 0; i < answers->count; i++) {
        if (findings_first(answers, LIST_COMPARISONS, "placement", &all[i]) != &all[i]) continue;
        for (size_t k = i; k < answers->count; k++) {
            if (!findings_agree(LIST_COMPARISONS, "placement", &all[k], &all[i]) ||
                strcmp(all[k].metric, metric->name) != 0 || !is_central(answers, &all[k]))
                continue;
            if (!told) story_heading(story, 2, "The answer");
            if (!told && story->html) (void)fputs("<ul class=\"answer\">\n", story->out);
            told = true;
            story_tell_as(story, "li", compare_put_sentence, &all[k]);
        }
    }
    if (told && story->html) (void)fputs("</ul>\n", story->out);
    return told;
}

void compare_tell(struct story *story, const struct results *results) {
    /* The time a message takes; where a schedule gives that, its tail. */
    static const enum metric_id order[] = {METRIC_TIME, METRIC_P99, METRIC_P50, METRIC_CPU};
    struct findings answers = answers_of(results);
    bool told = false;
    for (size_t i = 0; i < sizeof order / sizeof order[0] && !told; i++)
        told = tell_answers(story, &answers, &metrics[order[i]]);
    if (!told && story->directory != NULL) {
        story_heading(story, 2, "The answer");
        story_say(story,
                  "No comparison has been run. `echolab compare --json %s/results/core.json` makes "
                  "one.",
                  story->directory);
    }
    free(answers.items);
}

/* Those that are central were all made at one point: where they ran is their placement. */
static struct grid comparisons_grid(const struct findings *answers, bool central) {
    const struct compared *all = answers->items;
    struct grid grid = grid_of("where|metric|variant|against|ratio, interval|difference in "
                               "us|blocks|verdict");
    for (size_t i = 0; i < answers->count; i++) {
        const struct metric *metric = metric_find(all[i].metric);
        if (is_central(answers, &all[i]) != central) continue;
        compare_fill(&grid,
                     central ? "[{placement}]"
                             : "[{placement}, ]{size_bytes:byte}, {connections:connection}[, "
                               "{engine} engine]",
                     &all[i]);
        grid_add(&grid, "%s", metric == NULL ? all[i].metric : metric->title);
        compare_fill(&grid,
                     "`{variant}`|`{baseline}`|{ratio:ratio~}|{diff:~}|{blocks:count}|{verdict}",
                     &all[i]);
    }
    return grid;
}

void comparisons_tell(struct story *story, const struct results *results) {
    struct findings answers = answers_of(results);
    if (answers.count == 0) return;
    struct grid central = comparisons_grid(&answers, true);
    struct grid others = comparisons_grid(&answers, false);
    const size_t count = grid_rows(&others) - 1;
    char summary[80];
    (void)snprintf(summary, sizeof summary,
                   "%zu others: sweeps, the floor, a variant against itself", count);
    story_heading(story, 2, "The comparisons");
    story_say(story, "A ratio above 1: the variant takes more than what it stands against. "
                     "Variants were run in turns within each block and are compared within "
                     "it; the interval is the verdict's own.");
    (void)story_fill(story, "All with {size_bytes:byte}, {connections:connection}:",
                     fill_from(LIST_COMPARISONS, find_most(&answers)));
    story_table(story, "comparisons", &central);
    /* What is not central is long: on a terminal it is only counted. */
    if (!story->html && count > 0) story_say(story, "%s: they are on the page.", summary);
    if (story->html)
        story_fold(story, summary, "comparisons", &others);
    else
        grid_free(&others);
    free(answers.items);
}

static bool on_virtual_machine(const struct results *results) {
    for (size_t i = 0; i < results->count; i++) {
        const char *text = facts_text(&results->sessions[i]->environment, "hypervisor");
        if (*text != '\0' && strcmp(text, "none") != 0) return true;
    }
    return false;
}

void placement_tell(struct story *story, const struct results *results) {
    static const char family[] = "wakeup/";
    struct grid grid =
        grid_of("to wake another thread|one way (one standard deviation)|repetitions");
    for (size_t i = 0; i < results->benchmark_count; i++) {
        const struct benchmark *row = &results->benchmarks[i];
        if (strncmp(row->name, family, strlen(family)) != 0) continue;
        const struct interval us = {row->ns / 1e3, (row->ns - row->deviation_ns) / 1e3,
                                    (row->ns + row->deviation_ns) / 1e3};
        grid_add(&grid, "`%s`", row->name + strlen(family));
        grid_add(&grid, "%s us (%s to %s)", words_number(us.value).text, words_number(us.low).text,
                 words_number(us.high).text);
        grid_add(&grid, "%u", row->repetitions);
    }
    if (!story_table(story, "numbers", &grid)) return;
    story_say(
        story,
        "A wake-up is half of a ping-pong between two threads through eventfds, and every "
        "message waits for two. %s So what was compared may be the wake-ups, and not the "
        "protocols.",
        on_virtual_machine(results)
            ? "This is a virtual machine: every wake-up of an idle CPU is an interrupt and an "
              "exit to the hypervisor, which can be more than all of the protocol."
            : "An idle CPU sleeps, and has to leave its sleep first.");
}

/* Whether work alone counts, as it does in what hyperfine times. */
static bool is_core(const struct session *session) {
    const struct run *run = session->runs.count == 0 ? NULL : session->runs.list[0];
    return run != NULL && run->asked.placement == PLACEMENT_SAME_CORE && !run->asked.wire &&
           run->asked.host == NULL && !run_is_open(run);
}

/* 0: it is no command of that variant. */
static double messages_of(const struct timed_command *command, const struct variant *variant) {
    const size_t length = strlen(variant->name);
    char *end = NULL;
    if (strncmp(command->command, variant->name, length) != 0) return 0;
    if (command->command[length] != ' ' || command->count == 0) return 0;
    const double messages = strtod(command->command + length + 1, &end);
    return *end == '\0' ? messages : 0;
}

static double median_s(const struct timed_command *command) {
    double *times = calloc(command->count + 1, sizeof *times);
    if (times == NULL) return NAN;
    memcpy(times, command->times_s, command->count * sizeof *times);
    const double median = statistics_median(times, command->count);
    free(times);
    return median;
}

/* That of twice as many messages in the same round; NULL: there is none. */
static const struct timed_command *twice(const struct results *results,
                                         const struct timed_command *once,
                                         const struct variant *variant) {
    const double messages = 2 * messages_of(once, variant);
    for (size_t i = 0; messages > 0 && i < results->command_count; i++) {
        if (results->commands[i].file != once->file) continue;
        if (messages_of(&results->commands[i], variant) == messages) return &results->commands[i];
    }
    return NULL;
}

static bool is_beside(const struct run *run, const void *variant) {
    return run->asked.variant == variant && series_is_of(run, NULL);
}

struct process_line {
    struct middle message_us, start_ms; /* of the rounds in which there were both N and 2 N */
    struct middle compare_us;           /* of the runs beside */
    double more_percent;                /* a message by hyperfine over one by compare */
};

/* (t(2 N) - t(N)) / N is a message, 2 t(N) - t(2 N) the start of a process: by rounds. */
static struct process_line line_of(const struct results *results, const struct variant *variant,
                                   const struct runs *beside) {
    const size_t count = results->command_count;
    double *messages_us = calloc(2 * count + 1, sizeof *messages_us);
    double *starts_ms = messages_us + count;
    size_t rounds = 0;
    for (size_t i = 0; messages_us != NULL && i < count; i++) {
        const struct timed_command *once = &results->commands[i];
        const struct timed_command *other = twice(results, once, variant);
        if (other == NULL) continue;
        const double once_s = median_s(once), twice_s = median_s(other);
        messages_us[rounds] = 1e6 * (twice_s - once_s) / messages_of(once, variant);
        starts_ms[rounds++] = 1e3 * (2 * once_s - twice_s);
    }
    struct process_line line = {
        statistics_middle(messages_us, rounds), statistics_middle(starts_ms, rounds),
        runs_middle(beside, metrics[METRIC_TIME].of, is_beside, variant), NAN};
    line.more_percent = 100 * (line.message_us.value / line.compare_us.value - 1);
    free(messages_us);
    return line;
}

void processes_tell(struct story *story, const struct results *results) {
    static const struct field fields[] = {
        {"message_us", FIELD_AT(process_line, REAL, message_us.value)},
        {"rounds", FIELD_AT(process_line, COUNT, message_us.count)},
        {"compare_us", FIELD_AT(process_line, REAL, compare_us.value)},
        {"runs", FIELD_AT(process_line, COUNT, compare_us.count)},
        {"more_percent", FIELD_AT(process_line, REAL, more_percent)},
        {"start_ms", FIELD_AT(process_line, REAL, start_ms.value)}};
    struct grid grid = grid_of("variant|hyperfine, us per message|compare, us per message|"
                               "hyperfine over compare|a start, ms");
    const struct session *work = results_where(results, "compare", NULL, is_core);
    const struct runs none = {0};
    for (unsigned i = 0; i < variant_count; i++) {
        const struct process_line line =
            line_of(results, &variants[i], work == NULL ? &none : &work->runs);
        if (line.message_us.count == 0) continue;
        grid_add(&grid, "`%s`", variants[i].name);
        grid_fill(&grid,
                  "{message_us:~}, {rounds:round}|{compare_us:~}, {runs:run}|"
                  "{more_percent:%+.1f} %|{start_ms:~}",
                  (struct source){fields, sizeof fields / sizeof fields[0], &line, NULL});
    }
    if (grid_rows(&grid) > 1) {
        story_say(story,
                  "An independent ruler: hyperfine times whole client processes, at N and at 2 N "
                  "messages one after the other in each round. (t(2 N) - t(N)) / N is then a "
                  "message, 2 t(N) - t(2 N) what starting a process costs. The median of the "
                  "rounds, with its 95 %% interval from six rounds on; compare's is that of the "
                  "runs on the same core.");
    }
    story_table(story, "numbers", &grid);
}
