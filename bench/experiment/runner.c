/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs what experiments plan: see experiment.h. */
#include <errno.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/experiment/all.h"
#include "bench/judge/estimate.h"
#include "bench/measure/environment.h"
#include "bench/run/reference.h"
#include "echo/address.h"
#include "echo/clock.h"

/* ---- the plan ---- */

struct column *lab_add(struct lab *lab, const struct variant *variant, enum role role) {
    struct plan *plan = &lab->plan;
    struct column *more = reallocarray(plan->columns, plan->count + 1U, sizeof *more);
    struct column *column = more == NULL ? &plan->nowhere : &more[plan->count++];
    plan->failed = plan->failed || more == NULL;
    if (more != NULL) plan->columns = more;
    *column = (struct column){.run = lab->request->run};
    column->run.variant = variant;
    column->run.role = role;
    return column;
}

unsigned plan_row_end(const struct plan *plan, unsigned column) {
    unsigned end = column + 1;
    while (end < plan->count && plan->columns[end].again) end++;
    return end;
}

/* One run to be made. */
struct task {
    struct lab *lab;
    const struct column *column;
    unsigned block, order;
    uint64_t seed;
    pthread_t thread;
    bool started;
    unsigned neighbours; /* the most that went on beside it */
};

/* All of them, in the order in which they begin. */
struct tasks {
    struct task *list;
    unsigned count;
};

enum { NEIGHBOURS_MOST = 7 };

/*
 * How many runs may go on beside one, so that they delay it by less than 1 %:
 * some beside a lone closed loop that waits 5 ms or more for each exchange,
 * none beside others. A round trip takes some 500 us of a CPU, most of that
 * for the wire, which spins before a packet is due; each KiB one us more. What
 * meets one of them waits for half of that. And each that begins, with its
 * processes and its network, holds up the others once, for some 6 ms.
 */
static unsigned neighbours_of(const struct column *column) {
    const struct parameters *run = &column->run;
    const double trip_ns = 5e5, byte_ns = 1, least_ns = 5e6, start_ns = 6e6;
    const double delayed = 0.01;
    const double trips = run->variant->round_trips;
    const double wait_ns = (double)run->gap_ns + (run->wire ? trips * (double)run->rtt_ns : 0);
    const double busy_ns = trips * trip_ns + byte_ns * (run->size_bytes + run->reply_bytes);
    const bool lone = run->connections <= 1 && parameters_depth(run) <= 1 && run->host == NULL &&
                      run->idle == 0 && run->silent == 0;
    if (!lone || run->rate_per_s > 0 || wait_ns < least_ns) return 0;
    const double run_ns = run->messages == 0     ? (double)run->duration_ns
                          : column->waits_ns > 0 ? column->waits_ns
                                                 : (double)run->messages * wait_ns;
    const double beside = 2 * delayed * wait_ns * wait_ns / (busy_ns * busy_ns);
    return (unsigned)fmin(NEIGHBOURS_MOST, fmin(beside, delayed * run_ns / start_ns));
}

/* Of what may go on at once: 1 is alone. */
static double weight_of(const struct task *task) {
    return task->column->share > 0 ? 1 : 1.0 / (1 + neighbours_of(task->column));
}

static int heaviest_first(const void *a, const void *b) {
    const struct task *x = a, *y = b;
    const double one = weight_of(x), other = weight_of(y);
    if (one != other) return one < other ? 1 : -1;
    return (x->seed > y->seed) - (x->seed < y->seed); /* else by chance */
}

/* Column by column, all blocks of each: what waits longest begins first. */
static int by_column(const void *a, const void *b) {
    const struct task *x = a, *y = b;
    if (x->column != y->column) return x->column > y->column ? 1 : -1;
    return (x->block > y->block) - (x->block < y->block);
}

/* The random numbers do not depend on what is measured: a plan can be made twice. */
static struct tasks plan_tasks(struct lab *lab) {
    const struct plan *plan = &lab->plan;
    const size_t all = (size_t)plan->blocks * plan->count;
    struct tasks tasks = {.list = calloc(all + 1, sizeof *tasks.list)};
    unsigned *shuffled = calloc(plan->count + 1U, sizeof *shuffled);
    const bool memory = tasks.list != NULL && shuffled != NULL;
    for (unsigned block = 0; memory && block < plan->blocks; block++) {
        struct task *first = &tasks.list[tasks.count];
        for (unsigned i = 0; i < plan->count; i++) shuffled[i] = i;
        if (plan->order == ORDER_SHUFFLED) {
            gsl_ran_shuffle(lab->random, shuffled, plan->count, sizeof *shuffled);
        }
        for (unsigned i = 0; i < plan->count; i++) {
            first[i] = (struct task){.lab = lab,
                                     .column = &plan->columns[shuffled[i]],
                                     .block = block,
                                     .seed = gsl_rng_get(lab->random)};
        }
        if (plan->order == ORDER_HEAVIEST) {
            qsort(first, plan->count, sizeof *first, heaviest_first);
        }
        for (unsigned i = 0; i < plan->count; i++) first[i].order = i;
        tasks.count += plan->count;
    }
    if (memory && plan->order == ORDER_AS_PLANNED) {
        qsort(tasks.list, tasks.count, sizeof *tasks.list, by_column);
    }
    free(shuffled);
    return tasks;
}

/* ---- progress ---- */

void lab_progress(const struct lab *lab, const char *format, ...) {
    va_list values;
    if (lab->request->quiet || isatty(STDERR_FILENO) == 0) return;
    (void)fputs("\r\033[K", stderr);
    va_start(values, format);
    (void)vfprintf(stderr, format, values);
    va_end(values);
}

/* ---- running ---- */

/* What the runs that go on at once share. */
struct running {
    struct lab *lab;
    struct tasks tasks;
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct task *under_way[NEIGHBOURS_MOST + 1]; /* whose weights are one together at most */
    unsigned count;                              /* of those */
    uint64_t start_ns;
};

static bool has_room(const struct running *r, const struct task *task) {
    const double hair = 1e-9; /* so that eight eighths are one */
    double sum = weight_of(task);
    for (unsigned i = 0; i < r->count; i++) sum += weight_of(r->under_way[i]);
    return r->count == 0 || sum <= 1 + hair;
}

static void note_begin(struct running *r, struct task *task) {
    r->under_way[r->count++] = task;
    for (unsigned i = 0; i < r->count; i++)
        if (r->under_way[i]->neighbours < r->count - 1) r->under_way[i]->neighbours = r->count - 1;
}

static void note_end(struct running *r, const struct task *task) {
    unsigned at = 0;
    while (r->under_way[at] != task) at++;
    r->under_way[at] = r->under_way[--r->count];
    r->lab->done++;
    (void)pthread_cond_signal(&r->room);
}

static void show(const struct running *r, const struct task *task) {
    const struct lab *lab = r->lab;
    const double gone_s = (double)(echo_clock_ns() - r->start_ns) / 1e9;
    const double left_s = lab->done == 0 ? 0 : gone_s / lab->done * (r->tasks.count - lab->done);
    if (lab->request->until_percent > 0) {
        lab_progress(lab, "block %u, until intervals are %g %% wide", task->block + 1,
                     lab->request->until_percent);
        return;
    }
    lab_progress(lab, "block %u/%u  run %u/%u  %s %s %u B  %.0f s left", task->block + 1,
                 lab->plan.blocks, lab->done + 1, r->tasks.count, task->column->run.variant->name,
                 role_names[task->column->run.role], task->column->run.size_bytes, left_s);
}

static double capacity_of(const struct lab *lab, const struct variant *variant) {
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        if (lab->request->variants[i] == variant) return lab->capacity_per_s[i];
    }
    return 0;
}

/* Whether another attempt is wanted. Takes the run. */
static bool keep(struct task *task, struct run *run, const char *why) {
    struct lab *lab = task->lab;
    const struct column *column = task->column;
    if (run == NULL) {
        lab->failed++;
        (void)snprintf(lab->why, sizeof lab->why, "%s", why);
        return false;
    }
    const double capacity_per_s = capacity_of(lab, column->run.variant);
    const bool valid = run_is_valid(run);
    const bool counts = valid && (lab->plan.counts == NULL || lab->plan.counts(column, run));
    run->asked.role = column->run.role;
    run->block = task->block;
    run->order = task->order;
    run->column = (unsigned)(column - lab->plan.columns);
    run->point = column->point;
    run->against = column->against;
    run->lost_packet = column->lost_packet;
    run->neighbours = task->neighbours;
    run->capacity_per_s = capacity_per_s > 0 ? capacity_per_s : (double)NAN;
    if (valid && !counts) {
        (void)strcpy(run->validity.reason[run->validity.count++],
                     "not what this experiment asks for");
    }
    runs_add(&lab->session->runs, run);
    return !counts;
}

/*
 * Whether a run counts does not depend on what is asked of it, so trying again
 * is no choice among results.
 */
static void *run_task(void *argument) {
    struct task *task = argument;
    struct lab *lab = task->lab;
    struct running *r = lab->plan.running;
    const unsigned own = task->column->attempts;
    const unsigned attempts = own > 0 ? own : lab->plan.attempts > 0 ? lab->plan.attempts : 1;
    bool again = true;
    for (unsigned i = 0; i < attempts && again && !interrupted; i++) {
        struct parameters asked = task->column->run;
        char why[CHILD_WHY] = "";
        asked.seed = task->seed + i;
        if (asked.role == ROLE_A_A) asked.role = ROLE_VARIANT;
        if (task->column->share > 0) {
            asked.rate_per_s =
                fmax(1, floor(task->column->share * capacity_of(lab, asked.variant)));
        }
        struct run *run = task->column->against ? against_run(lab->request->against, &asked, why)
                                                : child_run(&asked, why);
        (void)pthread_mutex_lock(&r->lock);
        if (interrupted)
            run_free(run);
        else
            again = keep(task, run, why);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_lock(&r->lock);
    note_end(r, task);
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* The first that still fits beside those under way; of shuffled ones only the next. */
static struct task *find_next(const struct running *r) {
    for (unsigned i = 0; i < r->tasks.count; i++) {
        struct task *task = &r->tasks.list[i];
        if (task->started) continue;
        if (has_room(r, task)) return task;
        if (r->lab->plan.order == ORDER_SHUFFLED) break;
    }
    return NULL;
}

/* NULL: none is to begin any more. */
static struct task *wait_for_room(struct running *r) {
    struct task *task;
    (void)pthread_mutex_lock(&r->lock);
    while ((task = find_next(r)) == NULL) (void)pthread_cond_wait(&r->room, &r->lock);
    /* The first run that cannot even start says what is wrong with all. */
    const bool hopeless = r->lab->failed > 0 && r->lab->session->runs.count == 0;
    if (!hopeless) show(r, task);
    note_begin(r, task);
    (void)pthread_mutex_unlock(&r->lock);
    return hopeless || interrupted ? NULL : task;
}

/* Of the intervals that answer the question, time per message or the median, the widest. */
static double widest_interval(const struct lab *lab) {
    const struct runs *runs = &lab->session->runs;
    const bool open = runs->count > 0 && run_is_open(runs->list[0]);
    const struct metric *metric = &metrics[open ? METRIC_P50 : METRIC_TIME];
    struct findings list = {0};
    double widest = 0;
    compared_list(&list, runs, lab->request->margin_percent / 100);
    const struct compared *all = list.items;
    for (size_t i = 0; i < list.count; i++) {
        const struct interval *ratio = &all[i].comparison.ratio;
        if (strcmp(all[i].metric, metric->name) != 0 || compared_with_floor(&all[i])) continue;
        widest = fmax(widest, isnan(ratio->low) ? INFINITY : ratio->high / ratio->low - 1);
    }
    free(list.items);
    return widest > 0 ? widest : INFINITY;
}

/* Before a block of --blocks until P: whether there have been enough, or the time is over. */
static bool is_enough(struct running *r, unsigned blocks) {
    const struct request *request = r->lab->request;
    const double wanted = request->until_percent / 100;
    if (!(wanted > 0) || blocks == 0) return false;
    const bool over = echo_clock_ns() - r->start_ns >= request->within_ns;
    if (!over && !estimate_may_look(blocks)) return false;
    (void)pthread_mutex_lock(&r->lock);
    const double widest = widest_interval(r->lab);
    (void)pthread_mutex_unlock(&r->lock);
    if (over && widest > wanted) {
        (void)complain("%.0f s are over, and the widest interval is %.1f %%, not %g %%: give more "
                       "time by --within, or a quieter machine",
                       (double)request->within_ns / 1e9, 100 * widest, request->until_percent);
    }
    return over || widest <= wanted;
}

static void run_plan(struct lab *lab) {
    const uint64_t apart_ns = 50000000;
    struct running r = {.lab = lab,
                        .tasks = plan_tasks(lab),
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .room = PTHREAD_COND_INITIALIZER,
                        .start_ns = echo_clock_ns()};
    lab->plan.running = &r;
    for (unsigned i = 0; i < r.tasks.count; i++) {
        const unsigned blocks = i / lab->plan.count;
        if (i % lab->plan.count == 0 && is_enough(&r, blocks)) {
            lab->plan.blocks = blocks;
            break;
        }
        struct task *task = wait_for_room(&r);
        if (task == NULL) break;
        task->started = pthread_create(&task->thread, NULL, run_task, task) == 0;
        if (!task->started) {
            (void)snprintf(lab->why, sizeof lab->why, "no thread for a run");
            break;
        }
        /* It begins with work, also where it then waits: two processes, a network, a wire. */
        if (weight_of(task) < 1) echo_clock_sleep_until(echo_clock_ns() + apart_ns);
    }
    for (unsigned i = 0; i < r.tasks.count; i++) {
        if (r.tasks.list[i].started) (void)pthread_join(r.tasks.list[i].thread, NULL);
    }
    lab->plan.running = NULL;
    lab_progress(lab, "%s", "");
    free(r.tasks.list);
}

/* Of compare, as of what is tracked: between two readings of what depends on no socket. */
static void run_planned(struct lab *lab) {
    const struct parameters *asked = &lab->request->run;
    const bool tracked = lab->experiment->taker == BY_COMPARE && asked->host == NULL;
    const double before_us = tracked ? reference_us(asked->placement) : (double)NAN;
    run_plan(lab);
    const bool both = isfinite(before_us) && !interrupted;
    const double after_us = both ? reference_us(asked->placement) : (double)NAN;
    lab->session->reference_us = (before_us + after_us) / 2;
}

struct run *lab_run(struct lab *lab, const struct parameters *asked) {
    struct parameters one = *asked;
    one.seed = gsl_rng_get(lab->random);
    struct run *run = interrupted ? NULL : child_run(&one, lab->why);
    if (run == NULL) {
        lab->failed++;
        return NULL;
    }
    run->column = run->point = RUN_NOWHERE;
    runs_add(&lab->session->runs, run);
    return run;
}

/* ---- --dry-run ---- */

/*
 * What a run takes at least; and a process with its network, seen to take about
 * 30 ms. Connections of a limited life are whole ones: one warms up, three count.
 */
static double seconds_of(const struct parameters *asked) {
    const double start_s = 0.03;
    const double message_s =
        (asked->variant->round_trips * (double)asked->rtt_ns + (double)asked->gap_ns) / 1e9;
    const double warm_s = (double)asked->warmup_ns / 1e9;
    const double counted_s = asked->messages > 0
                                 ? (double)asked->messages / asked->connections * message_s
                                 : (double)asked->duration_ns / 1e9;
    const double life_s = asked->messages > 0 ? 0 : asked->per_connection * message_s;
    return start_s + fmax(warm_s, life_s) + fmax(counted_s, 3 * life_s);
}

static void print_task(const struct lab *lab, const struct task *task) {
    const struct column *column = task->column;
    const struct parameters *run = &column->run;
    printf("block %u order %u column %u", task->block, task->order,
           (unsigned)(column - lab->plan.columns));
    if (column->point != RUN_NOWHERE) printf(" point %u", column->point);
    printf(" %s %s%s%s seed %llu", run->variant->name, role_names[run->role],
           column->against ? " against" : "", column->lost_packet == NULL ? "" : " loses a packet",
           (unsigned long long)task->seed);
    if (column->share > 0)
        printf(" at %g x capacity", column->share);
    else if (lab->request->rate_half)
        printf(" at half of the slowest's capacity");
    else if (run->rate_per_s > 0)
        printf(" at %.0f/s", run->rate_per_s);
    if (run->messages > 0) printf(" %llu messages", (unsigned long long)run->messages);
    if (run->wire) printf(" over %g ms", (double)run->rtt_ns / 1e6);
    if (column->under != NULL) printf(" under %s", column->under);
    putchar('\n');
}

static int print_plan(struct lab *lab) {
    if (lab->request->until_percent > 0) {
        lab->plan.blocks = ESTIMATE_LOOK_FIRST;
        printf("so many blocks at least, then until intervals are %g %% wide, within %.0f s:\n",
               lab->request->until_percent, (double)lab->request->within_ns / 1e9);
    }
    struct tasks tasks = plan_tasks(lab);
    double seconds = 0, longest = 0;
    for (unsigned i = 0; lab->plan.needs_capacity && i < lab->request->variant_count; i++) {
        const struct parameters asked = capacity_loop(lab, lab->request->variants[i]);
        seconds += CAPACITY_RUNS * seconds_of(&asked);
    }
    for (unsigned i = 0; i < tasks.count; i++) {
        const double run_s = seconds_of(&tasks.list[i].column->run);
        print_task(lab, &tasks.list[i]);
        seconds += run_s * weight_of(&tasks.list[i]);
        longest = fmax(longest, run_s);
    }
    if (lab->request->counts) puts("then packets and system calls of each variant, counted alone");
    printf("%u runs in %u blocks, about %.0f s, seed %llu\n", tasks.count, lab->plan.blocks,
           ceil(fmax(seconds, longest)), (unsigned long long)lab->request->run.seed);
    free(tasks.list);
    return EXIT_DONE;
}

/* ---- around it ---- */

static int written(const char *path, int failed) {
    return failed == 0 ? EXIT_DONE : complain("cannot write %s: %s", path, strerror(-failed));
}

static void read_surroundings(struct lab *lab) {
    struct session *session = lab->session;
    char host[256] = "", when[32], text[ECHO_ADDRESS_TEXT];
    struct echo_address address;
    struct tm utc;
    const time_t now = time(NULL);
    (void)gethostname(host, sizeof host - 1);
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    session->argv = lab->request->argv;
    session->started = session_text(session, "%s", when);
    session->host = session_text(session, "%s", host);
    if (lab->experiment->reads_files) return;
    session->seed = lab->request->run.seed;
    const struct axis *axis = axis_find(lab->request->axis);
    if (axis != NULL && axis->wire) session->rtt_ms = (double)lab->request->run.rtt_ns / 1e6;
    const char *server = lab->request->run.host;
    if (server != NULL && echo_address_parse(&address, server) == 0) {
        session->server = session_text(session, "%s", echo_address_text(&address, text));
    }
    environment_read(&session->environment);
}

/* A row has lost half of its runs, so that its blocks are no longer a sample. */
static bool too_few(const struct lab *lab) {
    const struct plan *plan = &lab->plan;
    for (unsigned c = 0, end; c < plan->count; c = end) {
        unsigned valid = 0;
        end = plan_row_end(plan, c);
        for (size_t i = 0; i < lab->session->runs.count; i++) {
            const struct run *run = lab->session->runs.list[i];
            valid += run->column >= c && run->column < end && run_is_valid(run);
        }
        if (2 * valid <= plan->blocks) return true;
        if (plan->blocks >= STATISTICS_BLOCKS_MIN && valid < STATISTICS_BLOCKS_MIN) return true;
    }
    return false;
}

static int conclude(struct lab *lab) {
    struct session *session = lab->session;
    const bool planned = lab->experiment->measure == NULL;
    session->interrupted = interrupted != 0;
    if (planned && session->runs.count == 0) {
        return interrupted ? EXIT_INTERRUPTED : complain("%s", lab->why);
    }
    series_check_halves(&session->runs);
    if (lab->experiment->conclude != NULL) lab->experiment->conclude(lab);
    /* Files first: who reads the table may go away in the middle of it (`| head`). */
    const char *json = lab->request->json, *csv = lab->request->csv;
    int status = json == NULL ? EXIT_DONE : written(json, session_write(session, json));
    if (csv != NULL && written(csv, session_write_csv(session, csv)) != EXIT_DONE)
        status = EXIT_FAILED;
    struct results results = {.sessions = &session, .count = 1};
    const bool taken = output_is_stdout(json) || output_is_stdout(csv);
    struct story story = {.out = taken ? stderr : stdout, .apart = true};
    const bool brief = lab->experiment->reads_files && lab->request->quiet;
    if (lab->experiment->table != NULL && !brief) lab->experiment->table(&story, &results);
    if (lab->experiment->tell != NULL) lab->experiment->tell(&story, &results);
    if (planned && lab->failed > 0) {
        (void)complain("%u runs gave no result: %s", lab->failed, lab->why);
    }
    if (interrupted) return EXIT_INTERRUPTED;
    if (status == EXIT_DONE && planned && too_few(lab)) {
        unsigned invalid = lab->failed;
        const unsigned all = (unsigned)session->runs.count;
        for (unsigned i = 0; i < all; i++) invalid += !run_is_valid(session->runs.list[i]);
        (void)complain("%u of %u runs are not valid: too few are left", invalid, all + lab->failed);
        status = EXIT_NOT_VALID;
    }
    if (status != EXIT_DONE || lab->experiment->status == NULL) return status;
    return lab->experiment->status(lab);
}

static int go(struct lab *lab) {
    const struct experiment *experiment = lab->experiment;
    int status = experiment->plan == NULL ? EXIT_DONE : experiment->plan(lab);
    if (status == EXIT_DONE && lab->plan.failed) status = complain("no memory for the plan");
    if (status == EXIT_DONE && lab->request->dry_run) {
        return experiment->preview != NULL ? experiment->preview(lab) : print_plan(lab);
    }
    if (status == EXIT_DONE) read_surroundings(lab);
    if (status == EXIT_DONE && lab->plan.needs_capacity) status = capacity_find(lab);
    if (status == EXIT_DONE && experiment->measure == NULL) run_planned(lab);
    if (status == EXIT_DONE && experiment->measure != NULL) status = experiment->measure(lab);
    if (status == EXIT_DONE && experiment->after != NULL) experiment->after(lab);
    if (status != EXIT_DONE) return interrupted ? EXIT_INTERRUPTED : status;
    if (!experiment->reads_files) environment_after(&lab->session->environment);
    return conclude(lab);
}

int experiment_run(const struct experiment *experiment, const struct request *request) {
    struct lab lab = {.experiment = experiment, .request = request};
    char why[CHILD_WHY];
    const char *const paths[] = {request->json, request->csv};
    if (output_is_stdout(request->json) && output_is_stdout(request->csv))
        return complain("--json and --csv cannot both go to the standard output");
    for (int i = 0; i < 2; i++) { /* better now than after a minute of measuring */
        const int status = paths[i] == NULL ? EXIT_DONE : written(paths[i], output_check(paths[i]));
        if (status != EXIT_DONE) return status;
    }
    if (request->against != NULL && against_check(request->against, why) != 0) {
        return complain("--against: %s", why);
    }
    lab.session = session_new(experiment->command, request->axis);
    lab.random = gsl_rng_alloc(gsl_rng_mt19937);
    lab.plan.blocks = request->blocks;
    if (lab.random != NULL) gsl_rng_set(lab.random, request->run.seed);
    interrupt_catch();
    const bool memory = lab.session != NULL && lab.random != NULL;
    const int status = memory ? go(&lab) : complain("no memory for a session");
    free(lab.plan.columns);
    session_free(lab.session);
    gsl_rng_free(lab.random);
    return status;
}
