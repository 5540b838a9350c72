/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files that `compare` writes, as a stranger's program reads them. What was
 * measured is not judged here, so runs are as short as they can be; such runs
 * may be found not valid, which is a result as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/session/session.h"
#include "tests/made.h"
#include "tests/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 256, TEXT_ROOM = 1 << 20, BLOCKS = 2, FIELDS_MAX = 256, NOT_VALID = 4 };

static char folder[] = "/tmp/echolab-test-XXXXXX";

static const char *in_folder(char *path, const char *name) {
    (void)snprintf(path, PATH_ROOM, "%s/%s", folder, name);
    return path;
}

/* ---- a session of all core variants ---- */

struct written {
    json_t *file, *runs, *comparisons;
    char csv[TEXT_ROOM];
};

static void read_text(const char *path, char *text) {
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const size_t size = fread(text, 1, TEXT_ROOM - 1, file);
    text[size] = '\0';
    assert_true(size < TEXT_ROOM - 1);
    (void)fclose(file);
}

static json_t *read_json(const char *path) {
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) fail_msg("%s:%d: %s", path, error.line, error.text);
    return file;
}

static struct written *written_by(const char *options) {
    static struct ran ran;
    char json[PATH_ROOM], csv[PATH_ROOM];
    struct written *session = calloc(1, sizeof *session);
    assert_non_null(session);
    echolab_run(&ran, "compare --blocks %d --warmup 2ms --json %s --csv %s %s", BLOCKS,
                in_folder(json, "x.json"), in_folder(csv, "x.csv"), options);
    if (ran.status != 0 && ran.status != NOT_VALID) {
        fail_msg("compare %s: %d: %s", options, ran.status, ran.err);
    }
    session->file = read_json(json);
    session->runs = json_object_get(session->file, "runs");
    session->comparisons = json_object_get(session->file, "comparisons");
    read_text(csv, session->csv);
    (void)unlink(json);
    (void)unlink(csv);
    return session;
}

static void written_free(struct written *session) {
    json_decref(session->file);
    free(session);
}

/* ---- the schema ---- */

struct promised {
    const char *path; /* dots between levels */
    const char *kind; /* Integer, Number, String, Boolean, Object, Array; ? where it may be null */
};

static const struct promised promised_of_run[] = {
    {"variant", "S"},
    {"role", "S"},
    {"size_bytes", "I"},
    {"reply_bytes", "I"},
    {"connections", "I"},
    {"pipeline", "I"},
    {"engine", "S"},
    {"placement", "S"},
    {"rtt_ms", "N?"},
    {"loss_percent", "N?"},
    {"offered_per_s", "N?"},
    {"deadline_ms", "N"},
    {"block", "I"},
    {"order", "I"},
    {"messages.sent", "I"},
    {"messages.ok", "I"},
    {"messages.lost", "I"},
    {"messages.failed", "I"},
    {"messages.late", "I"},
    {"messages.duplicate", "I"},
    {"messages.corrupt", "I"},
    {"errors", "O"},
    {"elapsed_s", "N"},
    {"throughput_per_s", "N"},
    {"latency_us.p50", "N?"},
    {"latency_us.p90", "N?"},
    {"latency_us.p99", "N?"},
    {"latency_us.p999", "N?"},
    {"latency_us.max", "N?"},
    {"latency_us.mean", "N?"},
    {"cycle_us.p50", "N?"},
    {"cycle_us.p90", "N?"},
    {"cycle_us.p99", "N?"},
    {"cycle_us.p999", "N?"},
    {"cycle_us.max", "N?"},
    {"cycle_us.mean", "N?"},
    {"service_us.p50", "N?"},
    {"service_us.p90", "N?"},
    {"service_us.p99", "N?"},
    {"service_us.p999", "N?"},
    {"service_us.max", "N?"},
    {"service_us.mean", "N?"},
    {"phases_us.connect.p50", "N?"},
    {"phases_us.connect.mean", "N?"},
    {"phases_us.exchange.p50", "N?"},
    {"phases_us.exchange.mean", "N?"},
    {"phases_us.close.p50", "N?"},
    {"phases_us.close.mean", "N?"},
    {"per_message.packets", "N?"},
    {"per_message.wire_bytes", "N?"},
    {"per_message.syscalls", "N?"},
    {"per_message.cpu_us", "N?"},
    {"per_message.client_cpu_us", "N?"},
    {"per_message.server_cpu_us", "N?"},
    {"histogram_ns", "A"},
    {"counters", "O"},
    {"valid", "B"},
    {"invalid_because", "A"},
};

static const struct promised comparison_fields[] = {
    {"metric", "S"}, {"baseline", "S"},     {"variant", "S"},       {"blocks", "I"},
    {"ratio", "N"},  {"ci_low", "N?"},      {"ci_high", "N?"},      {"level", "N"},
    {"diff", "N"},   {"diff_ci_low", "N?"}, {"diff_ci_high", "N?"}, {"p", "N"},
    {"margin", "N"}, {"verdict", "S"},      {"estimate", "S"},      {"detectable", "N?"},
};

static const struct promised file_fields[] = {
    {"schema", "S"},      {"command", "S"}, {"seed", "I"},
    {"environment", "O"}, {"runs", "A"},    {"comparisons", "A"},
};

#define COUNT_OF(rows) (sizeof(rows) / sizeof *(rows))

/* Names may have dots themselves, such as those of kernel settings and of counters. */
static json_t *at(const json_t *object, const char *path) {
    json_t *found = json_object_get(object, path);
    for (const char *dot = strchr(path, '.'); found == NULL && dot != NULL;
         dot = strchr(dot + 1, '.')) {
        const json_t *member = json_object_getn(object, path, (size_t)(dot - path));
        if (member != NULL) found = at(member, dot + 1);
    }
    return found;
}

static json_int_t whole(const json_t *run, const char *path) {
    assert_true(json_is_integer(at(run, path)));
    return json_integer_value(at(run, path));
}

static const char *text(const json_t *run, const char *path) {
    assert_true(json_is_string(at(run, path)));
    return json_string_value(at(run, path));
}

static bool is_of_kind(const json_t *value, const char *kind) {
    if (json_is_null(value)) return kind[1] == '?';
    switch (*kind) {
    case 'S': return json_is_string(value);
    case 'I': return json_is_integer(value) && json_integer_value(value) >= 0;
    case 'N': return json_is_number(value) && isfinite(json_number_value(value));
    case 'B': return json_is_boolean(value);
    case 'O': return json_is_object(value);
    default: return json_is_array(value);
    }
}

static void assert_fields(const json_t *object, const struct promised *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!is_of_kind(at(object, fields[i].path), fields[i].kind)) {
            fail_msg("%s is missing or no %s", fields[i].path, fields[i].kind);
        }
    }
}

/* Whatever the design has added since: no number anywhere is infinite or not one. */
static void assert_finite(json_t *value) {
    const char *name;
    json_t *member;
    size_t i;
    json_object_foreach(value, name, member) assert_finite(member);
    json_array_foreach(value, i, member) assert_finite(member);
    assert_true(!json_is_real(value) || isfinite(json_real_value(value)));
}

static void assert_file(const struct written *session) {
    assert_non_null(session);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the assertion does not return. */
    assert_fields(session->file, file_fields, COUNT_OF(file_fields));
    assert_string_equal(text(session->file, "schema"), "echolab/1");
    assert_string_equal(text(session->file, "command"), "compare");
    size_t i;
    json_t *each;
    json_array_foreach(session->runs, i, each) {
        assert_fields(each, promised_of_run, COUNT_OF(promised_of_run));
    }
    json_array_foreach(session->comparisons, i, each) {
        assert_fields(each, comparison_fields, COUNT_OF(comparison_fields));
        for (size_t k = 0; k < COUNT_OF(comparison_fields); k++) {
            const bool is_null = json_is_null(json_object_get(each, comparison_fields[k].path));
            const bool may = comparison_fields[k].kind[1] == '?';
            assert_int_equal(is_null, may && whole(each, "blocks") == 1);
        }
    }
    assert_finite(session->file);
}

static void file_has_every_field_of_the_schema(void **state) {
    const struct written *session = *state;
    assert_file(session);
    /* Four variants, their floors, and the first again. */
    assert_int_equal(json_array_size(session->runs), BLOCKS * 9);
    assert_true(json_array_size(session->comparisons) <= 16); /* none where no run is valid */
    assert_int_equal(whole(session->file, "seed"), 7);
}

static void every_variant_is_there_in_its_role(void **state) {
    const struct written *session = *state;
    for (unsigned v = 0; v < variant_count; v++) {
        if (!variants[v].core) continue;
        unsigned roles[2] = {0};
        size_t i;
        json_t *run;
        json_array_foreach(session->runs, i, run) {
            if (strcmp(text(run, "variant"), variants[v].name) != 0) continue;
            roles[0] += strcmp(text(run, "role"), "variant") == 0;
            roles[1] += strcmp(text(run, "role"), "floor") == 0;
        }
        assert_int_equal(roles[0], BLOCKS);
        assert_int_equal(roles[1], BLOCKS);
    }
}

static void messages_add_up(void **state) {
    const struct written *session = *state;
    size_t i;
    json_t *run;
    json_array_foreach(session->runs, i, run) {
        const json_int_t ok = whole(run, "messages.ok");
        assert_true(ok > 0 || !json_is_true(at(run, "valid")));
        assert_int_equal(whole(run, "messages.sent"),
                         ok + whole(run, "messages.lost") + whole(run, "messages.failed"));
        const double elapsed_s = json_number_value(at(run, "elapsed_s"));
        const double per_s = json_number_value(at(run, "throughput_per_s"));
        assert_true(fabs(per_s * elapsed_s - (double)ok) <= 1e-6 * (double)ok);
        assert_int_equal(json_is_true(at(run, "valid")),
                         json_array_size(at(run, "invalid_because")) == 0);
    }
}

static void histogram_counts_every_answered_message(void **state) {
    const struct written *session = *state;
    size_t i, j;
    json_t *run, *pair;
    json_array_foreach(session->runs, i, run) {
        json_int_t sum = 0, last = -1;
        double below_us = 0;
        json_array_foreach(at(run, "histogram_ns"), j, pair) {
            assert_int_equal(json_array_size(pair), 2);
            const json_int_t bound = json_integer_value(json_array_get(pair, 0));
            const json_int_t count = json_integer_value(json_array_get(pair, 1));
            assert_true(bound > last && count > 0);
            last = bound;
            sum += count;
            below_us = (double)bound / 1e3;
        }
        const bool floor = strcmp(text(run, "role"), "floor") == 0;
        assert_int_equal(sum, floor ? 0 : whole(run, "messages.ok"));
        if (!floor) assert_true(json_number_value(at(run, "latency_us.max")) <= below_us);
    }
}

static void latency_is_within_the_cycle_and_service_within_the_latency(void **state) {
    const struct written *session = *state;
    size_t i;
    json_t *run;
    json_array_foreach(session->runs, i, run) {
        if (strcmp(text(run, "role"), "floor") == 0) continue;
        const double latency_us = json_number_value(at(run, "latency_us.mean"));
        assert_true(latency_us <= json_number_value(at(run, "cycle_us.mean")) + 1e-6);
        assert_true(json_number_value(at(run, "service_us.mean")) <= latency_us + 1e-6);
    }
}

/* Where in its block each column was run; the runs of a block are 9. */
static void note_orders(const struct written *session, json_int_t orders[BLOCKS][9]) {
    unsigned seen[BLOCKS] = {0};
    size_t i;
    json_t *run;
    memset(orders, -1, sizeof(json_int_t) * BLOCKS * 9);
    json_array_foreach(session->runs, i, run) {
        const json_int_t block = whole(run, "block"), order = whole(run, "order");
        assert_in_range(block, 0, BLOCKS - 1);
        assert_in_range(order, 0, 8);
        assert_int_equal(orders[block][order], -1);
        orders[block][order] = whole(run, "column");
        seen[block] |= 1U << whole(run, "column");
    }
    for (size_t block = 0; block < BLOCKS; block++) assert_int_equal(seen[block], (1U << 9) - 1);
}

static void order_is_a_permutation_that_the_seed_decides(void **state) {
    json_int_t one[BLOCKS][9], again[BLOCKS][9], other[BLOCKS][9];
    note_orders(*state, one);
    struct written *same = written_by("--messages 10 --seed 7");
    note_orders(same, again);
    written_free(same);
    struct written *different = written_by("--messages 10 --seed 8");
    note_orders(different, other);
    written_free(different);
    assert_memory_equal(one, again, sizeof one);
    assert_memory_not_equal(one, other, sizeof one);
    assert_memory_not_equal(one[0], one[1], sizeof one[0]); /* shuffled anew in every block */
}

static void messages_is_how_many_there_are(void **state) {
    (void)state;
    struct written *session = written_by("--messages 50 --connections 3");
    assert_file(session);
    size_t i;
    json_t *run;
    json_array_foreach(session->runs, i, run) {
        assert_int_equal(whole(run, "messages.sent"), 50);
        assert_int_equal(whole(run, "connections"), 3);
    }
    written_free(session);
}

/* ---- CSV ---- */

/* Cuts a row in place, RFC 4180: a quoted field may hold commas, and quotes doubled. */
static size_t cut_row(char *row, char *fields[FIELDS_MAX]) {
    size_t count = 0;
    for (char *from = row; from != NULL && count < FIELDS_MAX;) {
        char *to = from;
        fields[count++] = from;
        if (*from == '"') {
            for (from++; *from != '\0' && !(from[0] == '"' && from[1] != '"'); from++) {
                if (*from == '"') from++;
                *to++ = *from;
            }
            assert_int_equal(*from, '"');
            from++;
        } else {
            to = from += strcspn(from, ",");
        }
        assert_true(*from == ',' || *from == '\0');
        char *next = *from == ',' ? from + 1 : NULL;
        *to = '\0';
        from = next;
    }
    return count;
}

static void assert_counters(const char *field, const json_t *counters) {
    const char *name;
    json_t *count;
    assert_true(json_object_size(counters) > 0);
    json_object_foreach((json_t *)counters, name, count) {
        char one[128];
        (void)snprintf(one, sizeof one, "%s=%lld", name, (long long)json_integer_value(count));
        if (!json_is_null(count)) assert_says(field, one);
    }
}

static void assert_reasons(const char *field, const json_t *list) {
    char reasons[TEXT_ROOM / 64] = "";
    for (size_t i = 0, at = 0; i < json_array_size(list); i++) {
        at += (size_t)snprintf(reasons + at, sizeof reasons - at, "%s%s", i > 0 ? "; " : "",
                               json_string_value(json_array_get(list, i)));
    }
    assert_string_equal(field, reasons);
}

/* In a cell of the CSV as in the JSON; reasons one after the other. */
static void assert_field(const char *name, const char *field, const json_t *value) {
    char *end;
    if (value == NULL || json_is_null(value)) {
        assert_string_equal(field, "");
    } else if (json_is_number(value)) {
        assert_true(strtod(field, &end) == json_number_value(value) && *end == '\0');
    } else if (json_is_boolean(value)) {
        assert_string_equal(field, json_is_true(value) ? "true" : "false");
    } else if (json_is_object(value)) {
        assert_counters(field, value);
    } else if (json_is_array(value)) {
        assert_reasons(field, value);
    } else if (strcmp(json_string_value(value), field) != 0) {
        fail_msg("%s is %s", name, field);
    }
}

static void assert_csv(const struct written *session) {
    char *copy = strdup(session->csv), *rest = copy, *names[FIELDS_MAX], *fields[FIELDS_MAX];
    assert_non_null(copy);
    const size_t count = cut_row(strsep(&rest, "\n"), names);
    /* Every leaf of the schema has its column. */
    for (size_t i = 0; i < COUNT_OF(promised_of_run); i++) {
        if (*promised_of_run[i].kind == 'A' || *promised_of_run[i].kind == 'O') continue;
        size_t j = 0;
        while (j < count && strcmp(names[j], promised_of_run[i].path) != 0) j++;
        if (j == count) fail_msg("no column %s", promised_of_run[i].path);
    }
    for (size_t i = 0; i < json_array_size(session->runs); i++) {
        char *row = strsep(&rest, "\n");
        assert_non_null(row);
        assert_int_equal(cut_row(row, fields), count);
        for (size_t j = 0; j < count; j++) {
            const json_t *run = json_array_get(session->runs, i);
            const bool of_session = strcmp(names[j], "session_seed") == 0;
            assert_field(names[j], fields[j],
                         of_session ? at(session->file, "seed") : at(run, names[j]));
        }
    }
    assert_string_equal(rest, ""); /* the last row ends with a newline, and nothing follows */
    free(copy);
}

static void csv_has_a_row_per_run_with_the_same_values(void **state) {
    assert_csv(*state);
}

static void csv_quotes_text_and_leaves_empty_what_is_not_known(void **state) {
    (void)state;
    char path[PATH_ROOM], *names[FIELDS_MAX], *fields[FIELDS_MAX];
    static char written[TEXT_ROOM];
    struct session *session = session_new("sweep", "si\"ze");
    struct run *run = made_run(session, "tcp-persistent", 0, 0);
    made_invalid(run, "a \"b\", c");
    made_invalid(run, "d");
    session->seed = 7;
    assert_int_equal(session_write_csv(session, in_folder(path, "q.csv")), 0);
    session_free(session);
    read_text(path, written);
    (void)unlink(path);
    char *rest = written;
    const size_t count = cut_row(strsep(&rest, "\n"), names);
    assert_int_equal(cut_row(strsep(&rest, "\n"), fields), count);
    for (size_t i = 0; i < count; i++) {
        const char *name = names[i];
        if (strcmp(name, "variant") == 0) assert_string_equal(fields[i], "tcp-persistent");
        if (strcmp(name, "invalid_because") == 0) assert_string_equal(fields[i], "a \"b\", c; d");
        if (strcmp(name, "axis") == 0) assert_string_equal(fields[i], "si\"ze");
        if (strcmp(name, "session_seed") == 0) assert_string_equal(fields[i], "7");
        if (strncmp(name, "wire.", 5) == 0) assert_string_equal(fields[i], "");
        if (strncmp(name, "open_loop.", 10) == 0) assert_string_equal(fields[i], "");
        if (strcmp(name, "latency_us.p99") == 0) assert_string_equal(fields[i], "");
        assert_null(strstr(name, "histogram"));
    }
    assert_string_equal(rest, "");
}

/* ---- another locale ---- */

/* From here on programs are started in it. German numbers have a comma. Debian has the definition,
 * but rarely the locale itself. */
static bool make_locale(void) {
    struct words words;
    char out[1024], err[8192], path[PATH_ROOM];
    char **argv =
        words_split(&words, "localedef -i de_DE -f UTF-8 %s", in_folder(path, "de_DE.UTF-8"));
    (void)program_run(argv, NULL, out, sizeof out, err, sizeof err);
    (void)setenv("LOCPATH", folder, 1);
    (void)setenv("LC_ALL", "de_DE.UTF-8", 1);
    argv = words_split(&words, "locale decimal_point");
    return program_run(argv, NULL, out, sizeof out, err, sizeof err) == 0 &&
           strcmp(out, ",\n") == 0;
}

static void decimal_comma_of_the_locale_changes_nothing(void **state) {
    (void)state;
    const bool german = make_locale();
    struct written *session = NULL;
    if (german) {
        session = written_by("--messages 20 --margin 1.5% --deadline 1.5s");
    }
    (void)unsetenv("LC_ALL");
    (void)unsetenv("LOCPATH");
    if (!german) {
        print_message("skipped: no de_DE.UTF-8 and localedef makes none; apt install locales\n");
        skip();
    }
    assert_file(session);
    assert_csv(session);
    const json_t *first = json_array_get(session->comparisons, 0);
    if (first != NULL) assert_true(json_number_value(at(first, "margin")) == 0.015);
    written_free(session);
}

/* ---- whole or absent ---- */

static int entries(const char *path) {
    int count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}

/* Writes `size` bytes while no file may be larger than `limit`; as on a full disk, with EFBIG. */
static int write_limited(const char *path, const char *bytes, size_t size, rlim_t limit) {
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit low = {.rlim_cur = limit, .rlim_max = before.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    const int failed = output_write(path, bytes, size);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    return failed;
}

static void failed_write_leaves_the_old_file_and_no_other(void **state) {
    (void)state;
    char place[PATH_ROOM], path[PATH_ROOM];
    static char read_back[TEXT_ROOM], much[65536];
    memset(much, 'x', sizeof much);
    assert_int_equal(mkdir(in_folder(place, "whole"), 0700), 0);
    assert_int_equal(output_write(in_folder(path, "whole/file"), "old\n", 4), 0);
    static const rlim_t limits[] = {0, 1, 4096, sizeof much - 1};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        assert_int_equal(write_limited(path, much, sizeof much, limits[i]), -EFBIG);
        read_text(path, read_back);
        assert_string_equal(read_back, "old\n");
        assert_int_equal(entries(place), 1);
    }
    assert_int_equal(write_limited(path, much, sizeof much, sizeof much), 0);
    read_text(path, read_back);
    assert_int_equal(strlen(read_back), sizeof much);
    assert_int_equal(entries(place), 1);
    (void)unlink(path);
    (void)rmdir(place);
}

static void place_that_takes_no_file_is_told_and_left_alone(void **state) {
    (void)state;
    char place[PATH_ROOM], path[PATH_ROOM];
    assert_int_equal(mkdir(in_folder(place, "odd"), 0700), 0);
    assert_int_equal(output_check(in_folder(path, "odd/new")), 0);
    assert_int_equal(output_check(place), -EISDIR);
    assert_int_equal(output_write(place, "x", 1), -EISDIR); /* by the rename, at the very end */
    assert_int_equal(output_check(in_folder(path, "none/new")), -ENOENT);
    assert_int_equal(output_write(path, "x", 1), -ENOENT);
    assert_int_equal(output_check("/proc/new"), -ENOENT);
    assert_int_equal(entries(place), 0);
    assert_int_equal(rmdir(place), 0);
    assert_int_equal(entries(folder), 0);
}

/* A link is followed, also to what is not there yet; a pipe is written to, and stays one. */
static void what_the_path_is_stays_what_it_is(void **state) {
    (void)state;
    char place[PATH_ROOM], link[PATH_ROOM], real[PATH_ROOM];
    static char read_back[TEXT_ROOM];
    struct stat there;
    assert_int_equal(mkdir(in_folder(place, "links"), 0700), 0);
    assert_int_equal(symlink("real.json", in_folder(link, "links/latest.json")), 0);
    (void)in_folder(real, "links/real.json");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(output_check(link), 0);
        assert_int_equal(output_write(link, "{}\n", 3), 0);
        assert_int_equal(lstat(link, &there), 0);
        assert_true(S_ISLNK(there.st_mode));
        read_text(real, read_back);
        assert_string_equal(read_back, "{}\n");
    }
    (void)unlink(real);
    (void)unlink(link);
    assert_int_equal(symlink("latest.json", link), 0); /* to itself */
    assert_int_equal(output_check(link), -ELOOP);
    (void)unlink(link);

    assert_int_equal(mkfifo(link, 0600), 0);
    assert_int_equal(output_check(link), 0);
    assert_int_equal(output_write(link, "x", 1), -ENXIO); /* nobody reads it */
    const int reader = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(output_write(link, "x", 1), 0);
    assert_int_equal(read(reader, read_back, 2), 1);
    assert_int_equal(lstat(link, &there), 0);
    assert_true(S_ISFIFO(there.st_mode));
    (void)close(reader);
    (void)unlink(link);
    assert_int_equal(rmdir(place), 0);
}

static void dash_is_the_standard_output(void **state) {
    (void)state;
    static const char *const paths[] = {"-", "/dev/stdout"};
    static struct ran ran;
    char place[PATH_ROOM];
    for (size_t i = 0; i < 2; i++) {
        char why[SESSION_WHY];
        echolab_run(&ran, "compare udp-persistent --blocks 1 --messages 5 --warmup 0s --json %s",
                    paths[i]);
        assert_int_equal(output_write(in_folder(place, "out.json"), ran.out, strlen(ran.out)), 0);
        struct session *session = session_read(place, why);
        if (session == NULL) fail_msg("%s", why);
        session_free(session);
        (void)unlink(place);
        assert_non_null(strstr(ran.err, "Closed loop")); /* the table goes there */
    }
    echolab_run(&ran, "compare udp-persistent --blocks 1 --messages 5 --json - --csv -");
    assert_int_equal(ran.status, 1);
    assert_int_equal(access(in_folder(place, "-"), F_OK), -1);
}

static int set_up(void **state) {
    if (mkdtemp(folder) == NULL) return -1;
    *state = written_by("--duration 10ms --seed 7");
    return 0;
}

static int tear_down(void **state) {
    written_free(*state);
    return rmdir(folder);
}

static int remove_locale(void **state) {
    struct words words;
    char path[PATH_ROOM];
    (void)state;
    char **argv = words_split(&words, "rm -rf %s", in_folder(path, "de_DE.UTF-8"));
    return program_run(argv, NULL, NULL, 0, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_has_every_field_of_the_schema),
        cmocka_unit_test(every_variant_is_there_in_its_role),
        cmocka_unit_test(messages_add_up),
        cmocka_unit_test(histogram_counts_every_answered_message),
        cmocka_unit_test(latency_is_within_the_cycle_and_service_within_the_latency),
        cmocka_unit_test(order_is_a_permutation_that_the_seed_decides),
        cmocka_unit_test(messages_is_how_many_there_are),
        cmocka_unit_test(csv_has_a_row_per_run_with_the_same_values),
        cmocka_unit_test(csv_quotes_text_and_leaves_empty_what_is_not_known),
        cmocka_unit_test_teardown(decimal_comma_of_the_locale_changes_nothing, remove_locale),
        cmocka_unit_test(failed_write_leaves_the_old_file_and_no_other),
        cmocka_unit_test(what_the_path_is_stays_what_it_is),
        cmocka_unit_test(dash_is_the_standard_output),
        cmocka_unit_test(place_that_takes_no_file_is_told_and_left_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
