/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `echolab diff` on sessions made here, of which the right answer is known:
 * files of a temporary folder, given to the command as a user gives them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/difference.h"
#include "bench/run/status.h"
#include "bench/session/session.h"
#include "tests/support.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 8192, BLOCKS = 3, WIDTH = 80 };

static const char *const names[] = {"tcp-persistent", "udp-persistent"};

/* ---- sessions ---- */

/* What a session is made of; zero means the usual. */
struct making {
    double machine;      /* how much slower everything is: 1.2 */
    double sockets;      /* how much slower variants and floors are, and not the pipes */
    double program;      /* how much slower the variants are, and not their floors */
    double packets;      /* per message of the first variant; 0: not counted */
    double calls;        /* likewise */
    unsigned size_bytes; /* 64 */
    unsigned invalid;    /* so many of the runs of each column are not valid */
    const char *kernel;  /* of its environment */
    const char *variant; /* instead of the second */
    const char *network; /* "private" */
    bool one_variant;    /* only the first */
    bool no_floor;
    bool uneven; /* the machine is half as slow again from block to block */
};

/* Between sessions the machine wobbles by 3 %, the program by 0.2 %: fixed, and of mean 0. */
static double wobble(unsigned number, double size) {
    static const double pattern[] = {0.4, -1, 1, -0.6, 0.5, -0.3};
    return exp(size * pattern[number % 6]);
}

static json_t *one_run(const struct making *m, unsigned number, unsigned block, unsigned column,
                       const char *variant, bool floor) {
    /* No two take as many nanoseconds. */
    const double of_machine =
        (m->machine == 0 ? 1 : m->machine) * wobble(number, 0.03) * (1 + 1e-7 * number);
    const double of_program = (m->program == 0 ? 1 : m->program) * wobble(number + 2, 0.002);
    const double of_block = 1 + (m->uneven ? 0.5 : 0.001) * block;
    const double of_sockets = m->sockets == 0 ? 1 : m->sockets;
    const double us = (floor ? 20 : 21 * of_program) * of_sockets * of_machine * of_block;
    const bool valid = block >= m->invalid;
    const bool first = column == 0 && !floor;
    json_t *run = json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:n, s:n, s:n, s:f, s:i, s:i, s:i}",
        "variant", variant, "role", floor ? "floor" : "variant", "size_bytes",
        m->size_bytes == 0 ? 64 : (int)m->size_bytes, "reply_bytes", 64, "connections", 1,
        "pipeline", 1, "engine", "blocking", "placement", "same-core", "network",
        m->network == NULL ? "private" : m->network, "rtt_ms", "loss_percent", "offered_per_s",
        "deadline_ms", 2000.0, "block", (int)block, "order", 0, "column", (int)column);
    json_t *rest = json_pack(
        "{s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i}, s:{}, s:f, s:f, s:f, s:{s:f, s:f}, "
        "s:{s:o, s:n, s:o, s:f, s:f, s:f}, s:[[i, i]], s:{s:i}, s:b, s:[]}",
        "messages", "sent", 1000, "ok", 1000, "lost", 0, "failed", 0, "late", 0, "duplicate", 0,
        "corrupt", 0, "errors", "elapsed_s", us / 1e3, "throughput_per_s", 1e6 / us,
        "time_per_message_us", us, "latency_us", "p50", us, "mean", us, "per_message", "packets",
        first && m->packets > 0 ? json_real(m->packets) : json_null(), "wire_bytes", "syscalls",
        first && m->calls > 0 ? json_real(m->calls) : json_null(), "cpu_us", us, "client_cpu_us",
        us / 2, "server_cpu_us", us / 2, "histogram_ns", 21000, 1000, "counters", "server.requests",
        1000, "valid", valid ? 1 : 0, "invalid_because");
    assert_non_null(run);
    assert_non_null(rest);
    (void)json_object_update(run, rest);
    json_decref(rest);
    return run;
}

static json_t *session_make(const struct making *m, unsigned number) {
    json_t *runs = json_array();
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = m->one_variant ? 1 : 2; i-- > 0;) { /* last first: shuffled */
            const char *name = i == 1 && m->variant != NULL ? m->variant : names[i];
            (void)json_array_append_new(runs, one_run(m, number, block, i, name, false));
            if (m->no_floor) continue;
            (void)json_array_append_new(runs, one_run(m, number, block, 2 + i, name, true));
        }
    }
    json_t *session = json_pack(
        "{s:s, s:s, s:i, s:f, s:{s:s}, s:o, s:[]}", "schema", "echolab/1", "command", "compare",
        "seed", (int)number, "reference_us",
        9 * (m->machine == 0 ? 1 : m->machine) * wobble(number, 0.03), "environment", "kernel",
        m->kernel == NULL ? "Linux 6.1" : m->kernel, "runs", runs, "comparisons");
    assert_non_null(session);
    return session;
}

static char *path_of(char *path, const char *name) {
    (void)snprintf(path, ROOM, "%s/%s", own_folder, name);
    return path;
}

static void write_text(const char *name, const char *text, size_t size) {
    char path[ROOM];
    FILE *file = fopen(path_of(path, name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_session(const char *name, json_t *session) {
    char *text = json_dumps(session, JSON_INDENT(1));
    assert_non_null(text);
    write_text(name, text, strlen(text));
    free(text);
    json_decref(session);
}

/* ---- the command ---- */

struct ask {
    struct making base, new;
    unsigned base_count, new_count;
    double min_effect; /* 0: 2 % */
    bool quiet, host;
};

struct said {
    int status;
    const char *out, *err; /* of the last run */
    json_t *json;          /* NULL: none was written */
};

static void read_back(const char *name, char *text) {
    char path[ROOM];
    FILE *file = fopen(path_of(path, name), "re");
    assert_non_null(file);
    text[fread(text, 1, ROOM - 1, file)] = '\0';
    (void)fclose(file);
}

/* `echolab diff WORDS`, @ being the directory; its result is diff.json where they say so. */
static void run_diff(struct said *said, const char *words) {
    static struct ran ran;
    char whole[ROOM] = "", path[ROOM];
    for (size_t length = 0; *words != '\0'; words++, length = strlen(whole)) {
        (void)snprintf(whole + length, sizeof whole - length, "%.*s%s", *words != '@', words,
                       *words == '@' ? own_folder : "");
    }
    echolab_run(&ran, "diff %s", whole);
    *said = (struct said){.status = ran.status, .out = ran.out, .err = ran.err};
    if (strstr(whole, "diff.json") != NULL) {
        said->json = json_load_file(path_of(path, "diff.json"), 0, NULL);
    }
}

static void diff(struct said *said, const struct ask *ask) {
    char words[ROOM], json[ROOM];
    const double effect = ask->min_effect == 0 ? 0.02 : ask->min_effect;
    (void)unlink(path_of(json, "diff.json"));
    int length =
        snprintf(words, sizeof words, "--json @/diff.json --min-effect %g%%%s%s", 100 * effect,
                 ask->quiet ? " --quiet" : "", ask->host ? " --of host" : "");
    for (unsigned i = 0; i < ask->base_count + ask->new_count; i++) {
        const bool base = i < ask->base_count;
        const unsigned number = base ? i : i - ask->base_count;
        char name[64];
        (void)snprintf(name, sizeof name, "%s%u.json", base ? "base" : "new", number);
        /* What wobbles is not the same on both sides. */
        write_session(name,
                      session_make(base ? &ask->base : &ask->new, base ? number : number + 9));
        length += snprintf(words + length, sizeof words - (size_t)length, "%s @/%s",
                           i == ask->base_count ? " --" : "", name);
    }
    run_diff(said, words);
}

static const json_t *comparison(const struct said *said, const char *metric, const char *role) {
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(said->json, "comparisons"), i, c) {
        if (strcmp(json_string_value(json_object_get(c, "metric")), metric) == 0 &&
            strcmp(json_string_value(json_object_get(c, "role")), role) == 0 &&
            strcmp(json_string_value(json_object_get(c, "variant")), names[0]) == 0) {
            return c;
        }
    }
    return NULL;
}

static const char *verdict(const struct said *said, const char *metric, const char *role) {
    return json_string_value(json_object_get(comparison(said, metric, role), "verdict"));
}

static bool regressed(const struct said *said, const char *metric) {
    return json_is_true(json_object_get(comparison(said, metric, "variant"), "regression"));
}

static double number(const struct said *said, const char *metric, const char *field) {
    return json_number_value(json_object_get(comparison(said, metric, "variant"), field));
}

/* cmocka's own is of floats. */
static void assert_near(double value, double expected, double within) {
    if (!(fabs(value - expected) <= within)) print_error("%.9g is not %.9g\n", value, expected);
    assert_true(fabs(value - expected) <= within);
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) print_error("\"%s\" is not in:\n%s\n", part, text);
    assert_non_null(strstr(text, part));
}

/* Lines break where they have to: `part` with one space where the output may have a new line. */
static void assert_says_wrapped(const char *text, const char *part) {
    char flat[ROOM];
    (void)snprintf(flat, sizeof flat, "%s", text);
    for (char *at = flat; (at = strchr(at, '\n')) != NULL;) *at = ' ';
    assert_says(flat, part);
}

static void assert_fits(const char *text) {
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (length > WIDTH) print_error("%zu columns: %.*s\n", length, (int)length, line);
        assert_true(length <= WIDTH);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
}

/* ---- verdicts ---- */

static void one_session_a_side_is_shown_and_not_judged(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 1, .new_count = 1, .new = {.program = 1.5}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_says(said.out, "Shown, not judged: 1 session; at least 6 a side are needed.");
    assert_string_equal(verdict(&said, "time_per_message", "variant"), "not decided");
    assert_true(
        json_is_null(json_object_get(comparison(&said, "time_per_message", "variant"), "ci_low")));
    assert_true(number(&said, "time_per_floor", "ratio") > 1.45);
    assert_fits(said.out);
    json_decref(said.json);
}

/* Three a side are enough to see how much they could have found. */
static void three_sessions_a_side_are_shown_and_not_judged(void **state) {
    (void)state;
    for (unsigned count = 2; count <= 6; count++) {
        struct said said;
        const struct ask ask = {
            .base_count = count, .new_count = count + 1, .new = {.program = 1.5}};
        diff(&said, &ask);
        const json_t *c = comparison(&said, "time_per_floor", "variant");
        const bool judged = json_is_true(json_object_get(c, "judged"));
        assert_int_equal(judged, count == 6);
        assert_int_equal(said.status, judged ? EXIT_REGRESSION : EXIT_DONE);
        assert_int_equal(json_is_null(json_object_get(c, "ci_low")), count < 3);
        assert_int_equal(json_is_null(json_object_get(c, "detectable")), count < 3);
        assert_string_equal(verdict(&said, "time_per_floor", "variant"),
                            judged ? "slower" : "not decided");
        assert_int_equal(strstr(said.out, "sessions; at least 6 a side") != NULL, !judged);
        assert_int_equal(strstr(said.out, "With 80 % power these sessions find") != NULL,
                         count >= 3);
        assert_fits(said.out);
        json_decref(said.json);
    }
}

static void equal_sides_are_no_regression(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "same within margin");
    assert_string_equal(verdict(&said, "time_per_message", "variant"), "not decided");
    assert_true(number(&said, "time_per_message", "sessions_needed") > 6);
    assert_says_wrapped(said.out, "No regression was found");
    json_decref(said.json);
}

static void five_percent_slower_is_a_regression(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.program = 1.05}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_true(regressed(&said, "time_per_floor"));
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "slower");
    assert_near(number(&said, "time_per_floor", "ratio"), 1.05, 0.002);
    assert_true(number(&said, "time_per_floor", "ci_low") < 1.05);
    assert_true(number(&said, "time_per_floor", "ci_high") > 1.05);
    /* Two variants of one time each that may be a regression: Bonferroni. */
    assert_near(number(&said, "time_per_floor", "level"), 1 - 0.05 / 2, 1e-9);
    assert_says(said.out, "Regression:");
    assert_fits(said.out);
    json_decref(said.json);
}

static void five_percent_are_found_on_a_machine_that_became_a_fifth_slower(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {
        .base_count = 6, .new_count = 6, .new = {.program = 1.05, .machine = 1.2}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_true(regressed(&said, "time_per_floor"));
    assert_near(number(&said, "time_per_floor", "ratio"), 1.05, 0.002);
    assert_near(number(&said, "time_per_message", "ratio"), 1.26, 0.05);
    assert_string_equal(verdict(&said, "time_per_message", "floor"), "slower");
    assert_says(said.out, "The floor itself changed by +");
    assert_null(strstr(said.out, "nothing is slower over it"));
    json_decref(said.json);
}

static void a_slower_machine_is_no_regression_of_a_build(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.machine = 1.2}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_string_equal(verdict(&said, "time_per_message", "variant"), "slower");
    assert_false(regressed(&said, "time_per_message"));
    assert_says_wrapped(said.out, "the rest is shown");
    assert_says_wrapped(said.out, "The floor itself changed by");
    assert_fits(said.out);
    json_decref(said.json);
}

/* The floor of a slow kernel is slow as well. */
static void slower_sockets_are_a_regression_of_the_host(void **state) {
    (void)state;
    struct said said;
    struct ask ask = {.base_count = 6, .new_count = 6, .new = {.sockets = 1.2}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    json_decref(said.json);
    ask.host = true;
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_true(regressed(&said, "time_per_message"));
    assert_true(regressed(&said, "time_per_reference"));
    assert_false(regressed(&said, "time_per_floor"));
    assert_near(number(&said, "time_per_reference", "ratio"), 1.2, 0.005);
    /* Two variants of four times each: over the pipe, alone, the median, the CPU's. */
    assert_near(number(&said, "time_per_reference", "level"), 1 - 0.05 / 8, 1e-9);
    assert_string_equal(json_string_value(json_object_get(said.json, "of")), "host");
    json_decref(said.json);
}

static void a_slower_machine_alone_is_called_the_machine(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.machine = 1.2}, .host = true};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_false(regressed(&said, "time_per_reference"));
    assert_false(regressed(&said, "time_per_floor"));
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "same within margin");
    assert_true(regressed(&said, "time_per_message"));
    assert_says_wrapped(said.out, "the machine or its kernel, not the program");
    assert_fits(said.out);
    json_decref(said.json);
}

static void faster_is_no_regression(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.program = 0.9}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "faster");
    json_decref(said.json);
}

static void slower_within_min_effect_is_no_regression(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {
        .base_count = 6, .new_count = 6, .new = {.program = 1.05}, .min_effect = 0.1};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "slower");
    assert_false(regressed(&said, "time_per_floor"));
    json_decref(said.json);
}

static void the_near_end_of_the_interval_has_to_be_beyond_min_effect(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {
        .base_count = 6, .new_count = 6, .new = {.program = 1.05}, .min_effect = 0.0495};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_true(number(&said, "time_per_floor", "ratio") > 1.0495);
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "slower");
    json_decref(said.json);
}

static void a_variant_is_compared_with_the_floor_of_its_own_block(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.uneven = true}};
    diff(&said, &ask);
    assert_string_equal(verdict(&said, "time_per_floor", "variant"), "same within margin");
    assert_near(number(&said, "time_per_floor", "ratio"), 1, 1e-6);
    json_decref(said.json);
}

/* ---- counts ---- */

static void equal_packets_are_equal(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6,
                            .new_count = 6,
                            .base = {.packets = 2.0008},
                            .new = {.packets = 2.0011}}; /* of fewer messages, the same opening */
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_string_equal(verdict(&said, "packets_per_message", "variant"), "same within margin");
    json_decref(said.json);
}

static void one_packet_more_is_a_regression_and_comes_first(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {
        .base_count = 6, .new_count = 6, .base = {.packets = 10}, .new = {.packets = 11}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_true(regressed(&said, "packets_per_message"));
    assert_true(
        json_is_null(json_object_get(comparison(&said, "packets_per_message", "variant"), "p")));
    const json_t *first = json_array_get(json_object_get(said.json, "comparisons"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "metric")), "packets_per_message");
    assert_true(strstr(said.out, "packets") < strstr(said.out, "time / floor"));
    json_decref(said.json);
}

static void what_is_equal_and_what_differs_of_counts_is_said(void **state) {
    (void)state;
    struct said said;
    struct ask ask = {.base_count = 1,
                      .new_count = 1,
                      .base = {.packets = 2, .calls = 4},
                      .new = {.packets = 2, .calls = 4}};
    diff(&said, &ask);
    assert_says_wrapped(said.out, "Packets and system calls per message are equal on both sides: "
                                  "all 2 counts.");
    json_decref(said.json);
    ask.new.calls = 5;
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE); /* one session is shown and not judged */
    assert_says_wrapped(said.out, "Packets or system calls per message differ: 1 of 2 counts, the "
                                  "first system calls by tcp-persistent, 4 and now 5.");
    json_decref(said.json);
    ask.base_count = ask.new_count = 6;
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_true(regressed(&said, "syscalls_per_message"));
    json_decref(said.json);
    /* The machine paused in one of them. */
    json_t *other = session_make(&(struct making){.packets = 2.02, .calls = 4}, 1);
    write_session("base0.json", session_make(&ask.base, 0));
    write_session("base1.json", other);
    write_session("new0.json", session_make(&ask.base, 2));
    run_diff(&said, "--json @/diff.json @/base0.json @/base1.json -- @/new0.json");
    assert_says_wrapped(said.out, "are equal on both sides, but for 1 of 2 counts that wobble from "
                                  "session to session, the first packets by tcp-persistent.");
    json_decref(said.json);
}

static void packets_that_nobody_counted_are_left_out(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6};
    diff(&said, &ask);
    assert_null(comparison(&said, "packets_per_message", "variant"));
    assert_null(comparison(&said, "syscalls_per_message", "variant"));
    assert_says_wrapped(said.out, "were not counted on both sides: make sessions counts them");
    json_decref(said.json);
}

/* ---- what cannot be judged ---- */

static void without_floors_times_are_compared_as_they_are(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6,
                            .new_count = 6,
                            .base = {.no_floor = true},
                            .new = {.no_floor = true, .program = 1.5}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_null(comparison(&said, "time_per_floor", "variant"));
    assert_true(regressed(&said, "time_per_message"));
    json_decref(said.json);
}

static void too_few_valid_runs_are_not_judged(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.invalid = 2}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_NOT_VALID);
    assert_says(said.out, "Not judged:");
    json_decref(said.json);
}

/* They were counted apart. */
static void counts_stand_beside_runs_that_are_not_valid(void **state) {
    (void)state;
    struct said said;
    const struct making base = {.packets = 10, .calls = 14, .invalid = BLOCKS};
    const struct making new = {.packets = 11, .calls = 14, .invalid = BLOCKS};
    const struct ask ask = {.base_count = 6, .new_count = 6, .base = base, .new = new};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_REGRESSION);
    assert_true(regressed(&said, "packets_per_message"));
    assert_string_equal(verdict(&said, "syscalls_per_message", "variant"), "same within margin");
    assert_null(comparison(&said, "time_per_floor", "variant"));
    json_decref(said.json);
}

static void one_invalid_run_of_three_is_left_out(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 6, .new_count = 6, .new = {.invalid = 1}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_DONE);
    assert_true(
        json_is_true(json_object_get(comparison(&said, "time_per_floor", "variant"), "judged")));
    json_decref(said.json);
}

static void copies_of_a_session_count_once(void **state) {
    (void)state;
    struct said said;
    const struct making slow = {.program = 1.5};
    write_session("base0.json", session_make(&(struct making){0}, 0));
    write_session("new0.json", session_make(&slow, 0));
    run_diff(&said,
             "@/base0.json @/base0.json @/base0.json -- @/new0.json @/new0.json @/new0.json");
    assert_int_equal(said.status, EXIT_DONE);
    assert_says(said.out, "Shown, not judged: 1 session");
    assert_says(said.err, "counts once");
}

static void a_session_on_both_sides_is_refused(void **state) {
    (void)state;
    struct said said;
    write_session("base0.json", session_make(&(struct making){0}, 0));
    write_session("new0.json", session_make(&(struct making){0}, 0)); /* another file, the same */
    run_diff(&said, "@/base0.json -- @/new0.json");
    assert_int_equal(said.status, EXIT_FAILED);
    assert_says(said.err, "new0.json: it has the same runs as ");
    assert_says(said.err, "base0.json: a session is of one side alone");
    run_diff(&said, "@/base0.json -- @/base0.json");
    assert_int_equal(said.status, EXIT_FAILED);
    assert_says(said.err, "a session is of one side alone");
}

static void sessions_of_other_servers_are_refused(void **state) {
    (void)state;
    struct said said;
    json_t *other = session_make(&(struct making){0}, 1);
    (void)json_object_set_new(other, "server", json_string("192.0.2.1:7007"));
    write_session("base0.json", session_make(&(struct making){0}, 0));
    write_session("base1.json", json_incref(other));
    write_session("new0.json", session_make(&(struct making){0}, 2));
    run_diff(&said, "@/base0.json @/base1.json -- @/new0.json");
    assert_int_equal(said.status, EXIT_FAILED);
    assert_says(said.err, "base1.json: it measured 192.0.2.1:7007, and ");
    assert_says(said.err, "base0.json a server of its own");
    run_diff(&said, "@/base1.json -- @/new0.json");
    assert_int_equal(said.status, EXIT_FAILED);
    assert_says(said.err, "new0.json: it measured a server of its own, and ");
    json_decref(other);
}

static void sides_without_a_common_point_are_refused(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 1, .new_count = 1, .new = {.size_bytes = 1024}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_FAILED);
    assert_says(said.err, "no point in common");
    assert_null(said.json);
}

static void a_shared_machine_and_a_private_network_are_not_mixed(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 1, .new_count = 1, .new = {.network = "host"}};
    diff(&said, &ask);
    assert_int_equal(said.status, EXIT_FAILED);
}

static void one_side_alone_is_wrong_usage(void **state) {
    (void)state;
    struct said said;
    run_diff(&said, "@/base0.json");
    assert_int_equal(said.status, EXIT_WRONG_USAGE);
}

/* ---- output ---- */

static void json_is_whole_and_has_the_names_of_the_design(void **state) {
    (void)state;
    static const char *const fields[] = {"metric", "baseline",    "variant",       "blocks",
                                         "ratio",  "ci_low",      "ci_high",       "level",
                                         "diff",   "diff_ci_low", "diff_ci_high",  "p",
                                         "margin", "verdict",     "sessions_base", "sessions_new"};
    struct said said;
    const struct ask ask = {.base_count = 3, .new_count = 4};
    diff(&said, &ask);
    assert_non_null(said.json);
    assert_string_equal(json_string_value(json_object_get(said.json, "schema")), "echolab/1");
    assert_string_equal(json_string_value(json_object_get(said.json, "command")), "diff");
    assert_int_equal(json_integer_value(json_object_get(said.json, "sessions_base")), 3);
    assert_int_equal(json_integer_value(json_object_get(said.json, "sessions_new")), 4);
    const json_t *c = comparison(&said, "time_per_floor", "variant");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        assert_non_null(json_object_get(c, fields[i]));
    }
    assert_int_equal(json_integer_value(json_object_get(c, "sessions_new")), 4);
    json_decref(said.json);
}

static void what_differs_around_the_program_is_printed(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 1, .new_count = 1, .new = {.kernel = "Linux 6.2"}};
    diff(&said, &ask);
    assert_says(said.out, "kernel                      Linux 6.1  Linux 6.2");
    const json_t *change = json_array_get(json_object_get(said.json, "environment_difference"), 0);
    assert_string_equal(json_string_value(json_object_get(change, "name")), "kernel");
    json_decref(said.json);
}

static void quiet_prints_the_verdict_alone(void **state) {
    (void)state;
    struct said said;
    const struct ask ask = {.base_count = 1, .new_count = 1, .quiet = true};
    diff(&said, &ask);
    assert_true(strncmp(said.out, "Shown, not judged", 17) == 0);
    json_decref(said.json);
}

static void a_session_is_never_overwritten(void **state) {
    (void)state;
    struct said said;
    char before[ROOM];
    char after[ROOM];
    write_session("base0.json", session_make(&(struct making){0}, 0));
    write_session("new0.json", session_make(&(struct making){0}, 1));
    read_back("base0.json", before);
    run_diff(&said, "--json @/base0.json @/base0.json -- @/new0.json");
    read_back("base0.json", after);
    assert_int_equal(said.status, EXIT_FAILED);
    assert_string_equal(before, after);
    assert_says(said.err, "would overwrite");
    json_decref(said.json);
}

/* ---- bad files ---- */

static json_t *first_run(json_t *session) {
    return json_array_get(json_object_get(session, "runs"), 0);
}

static void set_schema(json_t *session) {
    (void)json_object_set_new(session, "schema", json_string("echolab/2"));
}

static void drop_schema(json_t *session) {
    (void)json_object_del(session, "schema");
}

static void drop_runs(json_t *session) {
    (void)json_object_del(session, "runs");
}

static void empty_runs(json_t *session) {
    (void)json_array_clear(json_object_get(session, "runs"));
}

static void unknown_variant(json_t *session) {
    (void)json_object_set_new(first_run(session), "variant", json_string("quic-persistent"));
}

static void unknown_role(json_t *session) {
    (void)json_object_set_new(first_run(session), "role", json_string("extra"));
}

static void negative_lost(json_t *session) {
    json_t *messages = json_object_get(first_run(session), "messages");
    (void)json_object_set_new(messages, "lost", json_integer(-1));
}

static void negative_error(json_t *session) {
    json_t *errors = json_object_get(first_run(session), "errors");
    (void)json_object_set_new(errors, "connect ETIMEDOUT", json_integer(-2));
}

static void negative_counter(json_t *session) {
    json_t *counters = json_object_get(first_run(session), "counters");
    (void)json_object_set_new(counters, "server.requests", json_integer(-3));
}

static void negative_bucket(json_t *session) {
    json_t *histogram = json_object_get(first_run(session), "histogram_ns");
    (void)json_array_append_new(histogram, json_pack("[i, i]", 22000, -4));
}

static void negative_time(json_t *session) {
    (void)json_object_set_new(first_run(session), "time_per_message_us", json_real(-20.5));
}

static void lost_more_than_sent(json_t *session) {
    json_t *messages = json_object_get(first_run(session), "messages");
    (void)json_object_set_new(messages, "lost", json_integer(5));
}

static void set_time(json_t *session, const char *object, const char *name, double us) {
    json_t *run = first_run(session);
    if (json_object_get(run, object) == NULL) {
        (void)json_object_set_new(run, object, json_object());
    }
    (void)json_object_set_new(json_object_get(run, object), name, json_real(us));
}

static void p50_above_p99(json_t *session) {
    set_time(session, "latency_us", "p99", 20);
}

static void mean_above_max(json_t *session) {
    set_time(session, "latency_us", "max", 20.5);
}

static void p99_above_max(json_t *session) {
    set_time(session, "cycle_us", "p99", 30);
    set_time(session, "cycle_us", "max", 29);
}

static void faster_than_it_took(json_t *session) {
    (void)json_object_set_new(first_run(session), "throughput_per_s", json_real(60000));
}

static void slower_than_it_took(json_t *session) {
    (void)json_object_set_new(first_run(session), "time_per_message_us", json_real(30));
}

static void more_under_way_than_there_was(json_t *session) {
    set_time(session, "cycle_us", "mean", 40);
    (void)json_object_set_new(first_run(session), "outstanding", json_real(1));
}

static void valid_and_not(json_t *session) {
    (void)json_array_append_new(json_object_get(first_run(session), "invalid_because"),
                                json_string("RetransSegs rose by 3"));
}

static void more_latencies_than_messages(json_t *session) {
    json_t *histogram = json_object_get(first_run(session), "histogram_ns");
    (void)json_array_append_new(histogram, json_pack("[i, i]", 22000, 4));
}

static void drop_messages(json_t *session) {
    (void)json_object_del(first_run(session), "messages");
}

static void count_as_text(json_t *session) {
    (void)json_object_set_new(first_run(session), "connections", json_string("1"));
}

static void valid_as_text(json_t *session) {
    (void)json_object_set_new(first_run(session), "valid", json_string("yes"));
}

static void run_as_number(json_t *session) {
    (void)json_array_set_new(json_object_get(session, "runs"), 2, json_integer(7));
}

static void drop_environment(json_t *session) {
    (void)json_object_del(session, "environment");
}

static const struct {
    void (*spoil)(json_t *session);
    const char *says;
} spoiled[] = {
    {set_schema, "its schema is \"echolab/2\"; this echolab reads \"echolab/1\""},
    {drop_schema, "no result file of echolab"},
    {drop_runs, "\"runs\" is missing"},
    {empty_runs, "\"runs\" is empty"},
    {unknown_variant, "runs[0].variant is \"quic-persistent\", which this echolab does not have"},
    {unknown_role, "runs[0].role is \"extra\", which this echolab does not know"},
    {negative_lost, "runs[0].messages.lost is -1"},
    {negative_error, "runs[0].errors.connect ETIMEDOUT is -2"},
    {negative_counter, "runs[0].counters.server.requests is -3"},
    {negative_bucket, "runs[0].histogram_ns[1] is [22000,-4]"},
    {negative_time, "runs[0].time_per_message_us is -20.5"},
    {lost_more_than_sent, "runs[0].messages: sent is 1000, but ok + lost + failed is 1000 + 5 + 0"},
    {p50_above_p99, "runs[0] contradicts itself: latency_us.p50 is "},
    {mean_above_max, "runs[0] contradicts itself: latency_us.mean is "},
    {p99_above_max, "runs[0] contradicts itself: cycle_us.p99 is 30 and max only 29"},
    {faster_than_it_took, "runs[0] contradicts itself: throughput_per_s is 60000 and"},
    {slower_than_it_took, "and time_per_message_us 30, of 1000 messages"},
    {more_under_way_than_there_was, "runs[0] contradicts itself: throughput_per_s x cycle_us.mean"},
    {valid_and_not, "it is valid, and not because RetransSegs rose by 3"},
    {more_latencies_than_messages, "histogram_ns has 1004 messages and messages.ok is 1000"},
    {drop_messages, "runs[0].messages is missing"},
    {count_as_text, "runs[0].connections is \"1\"; it has to be a whole number"},
    {valid_as_text, "runs[0].valid is \"yes\"; it has to be true or false"},
    {run_as_number, "runs[2] is no object"},
    {drop_environment, "\"environment\" is missing"},
};

static void refuse(const char *name, const char *says) {
    char path[ROOM];
    char why[SESSION_WHY] = "";
    struct session *session = session_read(path_of(path, name), why);
    assert_true(session == NULL || !session_has_runs(session, why));
    session_free(session);
    assert_says(why, path);
    assert_says(why, says);
}

static void a_spoiled_file_is_refused_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof spoiled / sizeof spoiled[0]; i++) {
        json_t *session = session_make(&(struct making){0}, 0);
        spoiled[i].spoil(session);
        write_session("bad.json", session);
        refuse("bad.json", spoiled[i].says);
    }
}

static void a_whole_file_is_taken(void **state) {
    (void)state;
    char path[ROOM];
    char why[SESSION_WHY] = "";
    json_t *session = session_make(&(struct making){0}, 0);
    write_session("good.json", json_incref(session));
    struct session *loaded = session_read(path_of(path, "good.json"), why);
    assert_non_null(loaded);
    assert_true(session_has_runs(loaded, why));
    assert_string_equal(why, "");
    assert_int_equal(loaded->runs.count, json_array_size(json_object_get(session, "runs")));
    json_decref(session);
    session_free(loaded);
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    json_t *session = session_make(&(struct making){.one_variant = true, .no_floor = true}, 0);
    char *text = json_dumps(session, JSON_INDENT(1));
    char path[ROOM];
    char why[SESSION_WHY];
    for (size_t size = 0; size < strlen(text); size += 7) {
        write_text("cut.json", text, size);
        assert_null(session_read(path_of(path, "cut.json"), why));
    }
    write_text("cut.json", text, strlen(text) / 2);
    refuse("cut.json", "it is truncated: it ends in line ");
    free(text);
    json_decref(session);
}

static void what_is_no_file_of_json_is_refused(void **state) {
    (void)state;
    char why[SESSION_WHY] = "";
    write_text("text.json", "hello\n", 6);
    refuse("text.json", "it is not JSON: line 1");
    write_text("twice.json", "{\"a\": 1, \"a\": 2}", 16);
    refuse("twice.json", "it is not JSON: line 1");
    write_text("list.json", "[]", 2);
    refuse("list.json", "no result file of echolab");
    refuse("absent.json", "cannot be read: No such file or directory");
    assert_null(session_read(own_folder, why));
    assert_says(why, "cannot be read");
}

static void a_bad_file_fails_and_overwrites_nothing(void **state) {
    (void)state;
    struct said said;
    char kept[ROOM];
    write_session("base0.json", session_make(&(struct making){0}, 0));
    write_text("new0.json", "{\"schema\": \"echolab/1\", ", 24);
    write_text("diff.json", "older", 5);
    run_diff(&said, "--json @/diff.json @/base0.json -- @/new0.json");
    read_back("diff.json", kept);
    assert_int_equal(said.status, EXIT_FAILED);
    assert_string_equal(kept, "older");
    assert_string_equal(said.out, "");
    assert_says(said.err, "new0.json: it is truncated");
}

static void a_file_of_other_variants_is_refused(void **state) {
    (void)state;
    struct said said;
    const struct ask others[] = {
        {.base_count = 1, .new_count = 1, .new = {.variant = "udp-per-message"}},
        {.base_count = 1, .new_count = 1, .new = {.one_variant = true}},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        diff(&said, &others[i]);
        assert_int_equal(said.status, EXIT_FAILED);
        assert_says(said.err, "new0.json: it ran other variants");
        assert_null(said.json);
    }
}

/* ---- arithmetic ---- */

static void welch_agrees_with_a_sum_by_hand(void **state) {
    (void)state;
    /* Means 2 and 5; variances 1 and 4, over 3 and 3; so 5/3 of error squared, 50/17 degrees. */
    const double base[] = {1, 2, 3};
    const double new[] = {3, 5, 7};
    const struct estimate interval = estimate_welch(base, 3, new, 3, 0.95);
    assert_near(interval.value, 3, 1e-12);
    /* R: t.test(c(3, 5, 7), c(1, 2, 3))$conf.int gives half of this width: qt(.975, 50 / 17) */
    assert_near((interval.high - interval.low) / 2, 3.21876 * sqrt(5.0 / 3), 1e-4);
}

static void permutation_counts_the_arrangements(void **state) {
    (void)state;
    const double base[] = {1, 2, 3};
    const double above[] = {4, 5, 6};
    const double among[] = {1.5, 2, 2.5};
    const double five[] = {11, 12, 13, 14, 15};
    const double low[] = {1, 2, 3, 4, 5};
    assert_near(difference_permutation(base, 3, above, 3), 2.0 / 20, 1e-12);
    assert_near(difference_permutation(base, 3, among, 3), 1, 1e-12);
    assert_near(difference_permutation(low, 5, five, 5), 2.0 / 252, 1e-12);
}

static void many_sessions_are_permuted_at_random(void **state) {
    (void)state;
    enum { MANY = 20 };
    double low[MANY];
    double high[MANY];
    for (int i = 0; i < MANY; i++) low[i] = i;
    for (int i = 0; i < MANY; i++) high[i] = i + 100;
    const double p = difference_permutation(low, MANY, high, MANY);
    assert_true(p > 0 && p < 1e-4);
    assert_near(difference_permutation(low, MANY, high, MANY), p, 1e-12); /* fixed seed */
    assert_true(difference_permutation(low, MANY, low, MANY) > 0.9);
}

static void sessions_that_agree_to_the_digit_leave_no_doubt(void **state) {
    (void)state;
    const double base[] = {2, 2, 2};
    const double new[] = {3, 3, 3};
    const struct estimate interval = estimate_welch(base, 3, new, 3, 0.99);
    assert_near(interval.low, 1, 0);
    assert_near(interval.high, 1, 0);
    assert_near(interval.detectable, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_session_a_side_is_shown_and_not_judged),
        cmocka_unit_test(three_sessions_a_side_are_shown_and_not_judged),
        cmocka_unit_test(equal_sides_are_no_regression),
        cmocka_unit_test(five_percent_slower_is_a_regression),
        cmocka_unit_test(five_percent_are_found_on_a_machine_that_became_a_fifth_slower),
        cmocka_unit_test(a_slower_machine_is_no_regression_of_a_build),
        cmocka_unit_test(slower_sockets_are_a_regression_of_the_host),
        cmocka_unit_test(a_slower_machine_alone_is_called_the_machine),
        cmocka_unit_test(faster_is_no_regression),
        cmocka_unit_test(slower_within_min_effect_is_no_regression),
        cmocka_unit_test(the_near_end_of_the_interval_has_to_be_beyond_min_effect),
        cmocka_unit_test(a_variant_is_compared_with_the_floor_of_its_own_block),
        cmocka_unit_test(equal_packets_are_equal),
        cmocka_unit_test(one_packet_more_is_a_regression_and_comes_first),
        cmocka_unit_test(what_is_equal_and_what_differs_of_counts_is_said),
        cmocka_unit_test(packets_that_nobody_counted_are_left_out),
        cmocka_unit_test(without_floors_times_are_compared_as_they_are),
        cmocka_unit_test(too_few_valid_runs_are_not_judged),
        cmocka_unit_test(counts_stand_beside_runs_that_are_not_valid),
        cmocka_unit_test(one_invalid_run_of_three_is_left_out),
        cmocka_unit_test(copies_of_a_session_count_once),
        cmocka_unit_test(a_session_on_both_sides_is_refused),
        cmocka_unit_test(sessions_of_other_servers_are_refused),
        cmocka_unit_test(sides_without_a_common_point_are_refused),
        cmocka_unit_test(a_shared_machine_and_a_private_network_are_not_mixed),
        cmocka_unit_test(one_side_alone_is_wrong_usage),
        cmocka_unit_test(json_is_whole_and_has_the_names_of_the_design),
        cmocka_unit_test(what_differs_around_the_program_is_printed),
        cmocka_unit_test(quiet_prints_the_verdict_alone),
        cmocka_unit_test(a_session_is_never_overwritten),
        cmocka_unit_test(a_spoiled_file_is_refused_with_its_place),
        cmocka_unit_test(a_whole_file_is_taken),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_no_file_of_json_is_refused),
        cmocka_unit_test(a_bad_file_fails_and_overwrites_nothing),
        cmocka_unit_test(a_file_of_other_variants_is_refused),
        cmocka_unit_test(welch_agrees_with_a_sum_by_hand),
        cmocka_unit_test(permutation_counts_the_arrangements),
        cmocka_unit_test(many_sessions_are_permuted_at_random),
        cmocka_unit_test(sessions_that_agree_to_the_digit_leave_no_doubt),
    };
    return cmocka_run_group_tests_name("diff", tests, own_folder_make, own_folder_remove);
}
