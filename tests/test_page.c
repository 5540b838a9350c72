/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page as a person has it: drawn from results, in a real browser; and what
 * stands on it and in README beside what is really run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/models.h"
#include "bench/report/report.h"
#include "bench/session/session.h"
#include "tests/made.h"
#include "tests/support.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 1 << 18 };

static char folder[256]; /* $BUILD/page: recorded results, and what is drawn of them */
static char output[OUTPUT_BYTES], errors[OUTPUT_BYTES];

/* A line of shell, with $echolab and $folder; its exit status. */
static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *format, ...) {
    char line[8192], program[256], *script = NULL;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(line, sizeof line, format, values);
    va_end(values);
    program_built(program, sizeof program, "echolab");
    assert_true(asprintf(&script, "export ECHOLAB=%s; echolab=%s; folder=%s; %s", program, program,
                         folder, line) > 0);
    const int status = program_run((char *[]){"bash", "-c", script, NULL}, NULL, output,
                                   sizeof output, errors, sizeof errors);
    free(script);
    return status;
}

static void draw(void) {
    assert_int_equal(shell("plots/draw.sh $folder $folder/report"), 0);
}

static bool has(const char *program) {
    if (shell("command -v %s", program) == 0) return true;
    print_message("skipped: there is no %s here\n", program);
    return false;
}

/* A run of a session that will be written. */
static struct run *put_run(struct session *session, const char *variant, unsigned point) {
    struct run *run = made_run(session, variant, 0, point);
    parameters_usual(&run->asked);
    run->asked.variant = variant_find(variant);
    run->depth = 1;
    return run;
}

static void put_session(struct session *session, const char *file) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(session_write(session, path), 0);
    session_free(session);
}

/* The curve that the recorded results do not have. */
static void put_curve(void) {
    struct session *session = session_new("sweep", "per-connection");
    for (unsigned i = 0; i < 3; i++) {
        struct run *run = put_run(session, "tcp-persistent", i);
        run->asked.per_connection = i == 2 ? 0 : i + 1;
        run->elapsed_ns /= i + 1;
    }
    per_connection_list(&session->lists[LIST_PER_CONNECTION], &session->runs);
    put_session(session, "results/per-connection.json");
}

/* Recorded results, and a curve that they do not have. */
static int record(void **state) {
    (void)state;
    const char *build = getenv("BUILD");
    (void)snprintf(folder, sizeof folder, "%s/page", build == NULL ? "build" : build);
    assert_int_equal(shell("rm -rf $folder && mkdir -p $folder && tar -C $folder -xzf "
                           "tests/golden/two-cores.tar.gz --strip-components=1"),
                     0);
    put_curve();
    return 0;
}

/* ---- in a browser ---- */

/*
 * The page in frames of both widths, as a window has a least width of its own.
 * It tells by its console how wide it is, and what it could not load.
 */
static const char measure[] =
    "<script>addEventListener('load', () => { const root = document.documentElement;"
    "console.log(`width ${root.scrollWidth} of ${innerWidth}`);"
    "console.log(`picture at ${Math.round(document.images[0].getBoundingClientRect().top)} "
    "of ${innerWidth}`);"
    "for (const image of document.images)"
    " if (image.naturalWidth == 0) console.error(`no picture: ${image.src}`); })</script>";

static void the_page_fits_a_wide_and_a_narrow_window_and_complains_of_nothing(void **state) {
    (void)state;
    if (!has("chromium") || !has("gnuplot")) skip();
    draw();
    assert_int_equal(
        shell("cd $folder/report && { cat index.html; cat <<'E'\n%s\nE\n} > copy.html && for width "
              "in 1280 390; do echo \"<iframe width=$width height=800 src=copy.html></iframe>\"; "
              "done > frames.html && rm -rf ../profile && timeout 60 chromium --headless "
              "--no-sandbox --disable-gpu --no-first-run --disable-background-networking "
              "--disable-component-update --disable-sync --user-data-dir=../profile "
              "--enable-logging=stderr --window-size=1400,1800 --dump-dom "
              "\"file://$PWD/frames.html\" 2>&1 | sed -n 's/.*CONSOLE[^\"]*\"\\(.*\\)\", "
              "source.*/\\1/p'",
              measure),
        0);
    int said = 0, width, of, top = 0;
    char *rest = output;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; said++) {
        if (sscanf(line, "width %d of %d", &width, &of) == 2) {
            if (width > of) fail_msg("%d pixels wide in a window of %d", width, of);
        } else if (sscanf(line, "picture at %d of %d", &top, &of) != 2) {
            fail_msg("in the console: %s", line);
        } else if (of == 1280 && top > 800) {
            fail_msg("the first picture is at %d, below the first screen", top);
        }
    }
    assert_int_equal(said, 4); /* of each frame its width and its picture */
}

/* ---- figures without a number ---- */

/* One row of a comparison; a sweep of zeros, or of nothing that is known. */
static void put_poor(uint64_t p50_ns) {
    struct session *one = session_new("compare", NULL), *size = session_new("sweep", "size");
    (void)put_run(one, "tcp-persistent", 0);
    for (unsigned i = 0; i < 2; i++) {
        struct run *run = put_run(size, "tcp-persistent", i);
        run->asked.size_bytes = run->asked.reply_bytes = 128U << i;
        run->latency.p50_ns = p50_ns;
    }
    assert_int_equal(shell("rm -rf $folder/poor; mkdir -p $folder/poor/results"), 0);
    put_session(one, "poor/results/core.json");
    put_session(size, "poor/results/size.json");
}

static void a_figure_without_a_number_is_named_and_stops_nothing(void **state) {
    (void)state;
    static const struct {
        uint64_t p50_ns;
        const char *why;
    } cases[] = {{0, "is 0 everywhere, on a logarithmic axis"},
                 {FIELD_UNKNOWN, "is known nowhere"}};
    if (!has("gnuplot")) skip();
    for (size_t i = 0; i < 2; i++) {
        put_poor(cases[i].p50_ns);
        if (shell("plots/draw.sh $folder/poor $folder/poor/report") != 0) fail_msg("%s", errors);
        assert_string_equal(errors, "");
        assert_says(output, "Not measured, as the page says: per_connection, rtt, who_waits");
        assert_int_equal(shell("cat $folder/poor/report/index.html"), 0);
        assert_says(output, cases[i].why);
        assert_says(output, "one row alone is no figure");
        assert_says_not(output, "size.svg");
        /* What `make view` does without a display. */
        if (shell("plots/draw.sh $folder/poor - dumb") != 0) fail_msg("%s", errors);
        assert_string_equal(errors, "");
    }
}

/* A gnuplot that fails for one figure. */
static void a_figure_that_cannot_be_drawn_is_in_a_list_at_the_end(void **state) {
    (void)state;
    if (!has("gnuplot")) skip();
    const char *failing = "mkdir -p $folder/bin && real=$(command -v gnuplot) && printf "
                          "'#!/bin/sh\\ncase $2 in */rtt.gp|*/size.gp) exit 1;; esac\\nexec %%s "
                          "\"$@\"\\n' $real > $folder/bin/gnuplot && chmod +x $folder/bin/gnuplot "
                          "&& rm -f $folder/report/*.svg && PATH=$folder/bin:$PATH plots/draw.sh "
                          "$folder $folder/report";
    if (shell(failing, "") != 0) fail_msg("%s", errors);
    assert_string_equal(errors, "plots: these figures could not be drawn, see above: rtt size\n");
    assert_int_equal(shell("[[ -s $folder/report/phases.svg && ! -e $folder/report/rtt.svg ]]"), 0);
}

/* ---- commands ---- */

/* The plan of a command, a line a run, is what its file has. */
static void check_plan(const struct session *session, const char *command) {
    char line[256], seed[32];
    assert_int_equal(shell("%s --dry-run", command), 0);
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        (void)snprintf(line, sizeof line, "block %u order %u column %u point %u %s %s", run->block,
                       run->order, run->column, run->point, run->asked.variant->name,
                       role_names[run->asked.role]);
        (void)snprintf(seed, sizeof seed, "seed %llu ", (unsigned long long)run->asked.seed);
        assert_says(output, line);
        assert_says(output, seed);
    }
    size_t planned = 0;
    for (const char *at = output; (at = strstr(at, "block ")) != NULL; at++) planned++;
    assert_int_equal(planned, session->runs.count);
}

static void commands_of_the_page_plan_the_runs_of_its_files(void **state) {
    (void)state;
    static const char *const commands[] = {
        "compare tcp-persistent udp-persistent --blocks 2 --messages 20 --warmup 0s",
        "sweep size tcp-persistent --at 64,1k --blocks 1 --messages 20 --warmup 0s"};
    char why[SESSION_WHY] = "", path[512];
    for (size_t i = 0; i < 2; i++) {
        const int status = shell("rm -rf $folder/again; mkdir -p $folder/again/results; $echolab "
                                 "%s --quiet --json $folder/again/results/one.json",
                                 commands[i]);
        assert_true(status == 0 || status == 4); /* the machine may be restless */
        (void)snprintf(path, sizeof path, "%s/again/results/one.json", folder);
        struct session *session = session_read(path, why);
        if (session == NULL) {
            fail_msg("%s", why);
            return;
        }
        char *command = origin_command(session);
        assert_int_equal(shell("$echolab report $folder/again > $folder/said && cat "
                               "$folder/again/report/index.html"),
                         0);
        assert_says(output, command);
        check_plan(session, command);
        free(command);
        session_free(session);
    }
}

/* Every part is a line of README, and every such line a part. */
static void readme_lists_what_make_bench_runs(void **state) {
    (void)state;
    (void)shell("diff <(grep -v '^#' plots/plan.tsv | tail -n +2 | cut -f 3 | sed 's/ladder "
                "[a-z-]*/ladder VARIANT/; s|DIR/|build/|g; s|^echolab|build/echolab|' | uniq) "
                "<(sed '1,/^`make bench` runs/d; /^    /!{/./Q}; s/^    //; s/ *#.*//' README.md | "
                "sed ':a; /\\\\$/N; s/ *\\\\\\n */ /; ta' | grep .)");
    assert_string_equal(output, "");
}

/* ---- make bench ---- */

static void bench_ends_with_who_started_it_and_leaves_nobody(void **state) {
    (void)state;
    char line[512] = "", script[2048], program[256];
    pid_t started[8];
    int count = 0;
    struct program shell_of;
    program_built(program, sizeof program, "echolab");
    (void)snprintf(script, sizeof script,
                   "mkdir -p %s/bench; ln -sf $(realpath %s) %s/bench/echolab; BUILD=%s/bench "
                   "QUICK=1 bench/bench.sh 2>&1 & echo $!; wait",
                   folder, program, folder, folder);
    assert_int_equal(program_start(&shell_of, (char *[]){"bash", "-c", script, NULL}), 0);
    assert_true(program_line(shell_of.out, line, sizeof line, TEST_DEADLINE_MS) > 0);
    const pid_t bench = atoi(line);
    while (strncmp(line, "== core", 7) != 0)
        assert_true(program_line(shell_of.out, line, sizeof line, TEST_DEADLINE_MS) >= 0);
    for (int i = 0; count <= 0 && i < TEST_DEADLINE_MS; i++) {
        count = program_children(bench, started, 8);
        (void)poll(NULL, 0, 1);
    }
    assert_true(count > 0);
    assert_int_equal(kill(shell_of.pid, SIGKILL), 0);
    assert_true(program_ends(bench, TEST_DEADLINE_MS));
    for (int i = 0; i < count; i++) assert_true(program_ends(started[i], TEST_DEADLINE_MS));
    (void)program_stop(&shell_of, SIGKILL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_fits_a_wide_and_a_narrow_window_and_complains_of_nothing),
        cmocka_unit_test(a_figure_without_a_number_is_named_and_stops_nothing),
        cmocka_unit_test(a_figure_that_cannot_be_drawn_is_in_a_list_at_the_end),
        cmocka_unit_test(commands_of_the_page_plan_the_runs_of_its_files),
        cmocka_unit_test(readme_lists_what_make_bench_runs),
        cmocka_unit_test(bench_ends_with_who_started_it_and_leaves_nobody),
    };
    return cmocka_run_group_tests_name("page", tests, record, NULL);
}
