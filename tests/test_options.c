/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: numbers with units, and what the built program ($BUILD,
 * default: build) says to right and wrong usage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/cli/options.h"
#include "bench/run/parameters.h"
#include "tests/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNTOUCHED = 4711, COLUMNS = 80, COMMANDS_MAX = 32 };

struct number {
    const char *text;
    uint64_t value;
};

static void assert_numbers(enum form form, const struct number *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double value = UNTOUCHED;
        const int failed = form_read(form, rows[i].text, &value);
        if (failed != 0 || value != (double)rows[i].value) {
            fail_msg("'%s' is %.0f (%d)", rows[i].text, value, failed);
        }
    }
}

static void assert_refused(enum form form, const char *text) {
    double value = UNTOUCHED;
    const int failed = form_read(form, text, &value);
    if (failed != -EINVAL && failed != -ERANGE) fail_msg("'%s' is accepted (%d)", text, failed);
    assert_true(value == UNTOUCHED);
}

#define COUNT_OF(rows) (sizeof(rows) / sizeof *(rows))

static void k_is_1024_in_sizes(void **state) {
    (void)state;
    static const struct number rows[] = {
        {"0", 0},         {"1", 1},
        {"64", 64},       {"1k", 1024},
        {"16k", 16384},   {"1.5k", 1536},
        {"1M", 1 << 20},  {"0.5M", 1 << 19},
        {"65467", 65467}, {"9000000000000000", UINT64_C(9000000000000000)},
    };
    assert_numbers(FORM_SIZE, rows, COUNT_OF(rows));
}

static void k_is_1000_in_counts(void **state) {
    (void)state;
    static const struct number rows[] = {
        {"0", 0}, {"7", 7}, {"1k", 1000}, {"2.5k", 2500}, {"1.005k", 1005}, {"3M", 3000000},
    };
    assert_numbers(FORM_COUNT, rows, COUNT_OF(rows));
}

static void times_have_a_unit(void **state) {
    (void)state;
    static const struct number rows[] = {
        {"0s", 0},
        {"17ns", 17},
        {"1us", 1000},
        {"2.5us", 2500},
        {"200ms", 200000000},
        {"0.2s", 200000000},
        {"1s", 1000000000},
        {"1.5min", 90000000000},
        {"1h", 3600000000000},
        {"3600s", UINT64_C(3600000000000)},
    };
    assert_numbers(FORM_TIME, rows, COUNT_OF(rows));
}

/* Few decimal fractions are whole in binary: 1.005 x 10^9 is a hair less than 1005000000. */
static void decimal_fractions_are_taken_at_their_word(void **state) {
    (void)state;
    for (uint64_t thousandths = 0; thousandths < 20000; thousandths++) {
        char text[32];
        double value = UNTOUCHED;
        (void)snprintf(text, sizeof text, "%llu.%03llus", (unsigned long long)thousandths / 1000,
                       (unsigned long long)thousandths % 1000);
        if (form_read(FORM_TIME, text, &value) != 0 || value != (double)thousandths * 1e6) {
            fail_msg("%s is %.0f ns", text, value);
        }
    }
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",     " ",      "x",   "k",     "nan", "inf",     "-1",
                                        "-1k",  "1kk",    "1 k", "64B",   "64K", "1,5",     "1e400",
                                        "1e30", "9.1e15", "--1", "1.2.3", "64 ", "1G",      "-inf",
                                        "0x10", " 5",     "+5",  "\t5",   "1p3", "infinity"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_refused(FORM_SIZE, texts[i]);
        assert_refused(FORM_COUNT, texts[i]);
        assert_refused(FORM_TIME, texts[i]);
    }
    static const char *const times[] = {"5",    "0",    "1m",     "1mins", "1hour", "s",   "-1s",
                                        "nans", "infs", "1e400s", "1e10s", "0.5ns", "1sec"};
    for (size_t i = 0; i < COUNT_OF(times); i++) assert_refused(FORM_TIME, times[i]);
    static const char *const parts[] = {"1.5", "0.1", "1.0001k", "1000000000.5"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        assert_refused(FORM_SIZE, parts[i]);
        assert_refused(FORM_COUNT, parts[i]);
    }
}

/* ---- the program ---- */

static void assert_columns(const char *text) {
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (length > COLUMNS) fail_msg("%zu columns: %.*s", length, (int)length, line);
        line += length;
        line += *line == '\n';
    }
}

/* The names in the list that `echolab --help` prints: lines of two spaces and a word. */
static size_t list_commands(char names[COMMANDS_MAX][16]) {
    static struct ran ran;
    echolab_run(&ran, "--help");
    assert_int_equal(ran.status, 0);
    size_t count = 0;
    for (char *line = strtok(ran.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (count < COMMANDS_MAX && sscanf(line, "  %15[a-z]", names[count]) == 1 &&
            strncmp(line, "  ", 2) == 0) {
            count++;
        }
    }
    return count;
}

static void every_command_explains_itself_in_80_columns(void **state) {
    (void)state;
    static struct ran ran;
    char names[COMMANDS_MAX][16];
    const size_t count = list_commands(names);
    assert_in_range(count, 7, COMMANDS_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        static const char *const words[] = {"--help", "--usage"};
        for (size_t j = 0; j < 2; j++) {
            echolab_run(&ran, "%s %s", names[i], words[j]);
            if (ran.status != 0) fail_msg("%s %s: %s", names[i], words[j], ran.err);
            assert_string_equal(ran.err, "");
            assert_non_null(strstr(ran.out, "Usage: echolab "));
            assert_non_null(strstr(ran.out, names[i]));
            assert_columns(ran.out);
        }
    }
}

static void program_lists_its_commands(void **state) {
    (void)state;
    static struct ran ran;
    static const char *const words[] = {"--help", "--usage", "help"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        echolab_run(&ran, "%s", words[i]);
        assert_int_equal(ran.status, 0);
        assert_non_null(strstr(ran.out, "  compare "));
        assert_string_equal(ran.err, "");
        assert_columns(ran.out);
    }
    struct words nothing;
    char path[256];
    char **argv = words_split(&nothing, "%s", program_built(path, sizeof path, "echolab"));
    assert_int_equal(program_run(argv, NULL, ran.out, sizeof ran.out, ran.err, sizeof ran.err), 64);
}

/* The first line is the sentence; argp may add one that says where help is. */
static void assert_complaint(const struct ran *ran, const char *line, const char *word) {
    char sentence[512];
    (void)snprintf(sentence, sizeof sentence, "%.*s", (int)strcspn(ran->err, "\n"), ran->err);
    if (ran->status != 64) fail_msg("'%s' ends with %d: %s", line, ran->status, ran->err);
    if (strstr(sentence, word) == NULL) fail_msg("'%s': '%s' is not in: %s", line, word, sentence);
    assert_memory_equal(sentence, "echolab", 7);
    assert_string_equal(ran->out, "");
    const char *rest = ran->err + strlen(sentence);
    if (strncmp(rest, "\nTry `echolab ", 13) != 0 && strcmp(rest, "\n") != 0) {
        fail_msg("'%s' complains at length: %s", line, ran->err);
    }
}

static void wrong_usage_exits_64_and_names_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *line, *word;
    } rows[] = {
        {"frobnicate", "'frobnicate'"},
        {"compare tcp-carrier-pigeon", "'tcp-carrier-pigeon'"},
        {"compare --blocks 0", "--blocks 0"},
        {"compare --blocks 1.5", "--blocks 1.5"},
        {"compare --blocks -3", "--blocks -3"},
        {"compare --blocks=", "--blocks"},
        {"compare --size 70000", "udp-per-message"},
        {"compare --size 70000", "--size"},
        {"compare udp-persistent --reply-size 70000", "--reply-size"},
        {"compare tcp-persistent --size 2M", "--size 2M"},
        {"compare --size 1.5", "--size 1.5"},
        {"compare --size -1", "--size -1"},
        {"compare --size nan", "--size nan"},
        {"compare --connections 0", "--connections 0"},
        {"compare --connections 2 --placement spin", "--connections 1"},
        {"sweep connections --placement spin", "--connections 1"},
        {"compare --placement moon", "--placement moon"},
        {"compare --engine steam", "--engine steam"},
        {"compare --duration 5", "--duration 5"},
        {"compare --duration 0s", "--duration 0s"},
        {"compare --duration 2h", "--duration 2h"},
        {"compare --deadline 0s", "--deadline 0s"},
        {"compare --warmup x", "--warmup x"},
        {"compare --messages 0", "--messages 0"},
        {"compare --margin nan", "--margin nan"},
        {"compare --margin 101", "--margin 101"},
        {"compare --margin 1x", "--margin 1x"},
        {"compare --seed -1", "--seed -1"},
        {"compare --frobnicate", "--frobnicate"},
        {"compare --raw", "--raw"}, /* an option of another command */
        {"compare --json", "--json"},
        {"send tcp-persistent", "--messages"},
        {"send --messages 5", "one variant"},
        {"send tcp-persistent udp-persistent --messages 5", "one variant"},
        {"send tcp-persistent --messages 5 --blocks 3", "--blocks"},
        {"serve extra", "'extra'"},
        {"serve --port 65536", "--port 65536"},
        {"serve --port http", "--port http"},
        {"serve --workers 0", "--workers 0"},
        {"variants extra", "'extra'"},
        {"sweep", "size, connections, per-connection, rate, pipeline, design, rtt, rto-floor"},
        {"sweep", "loss, idle"},
        {"sweep colour", "'colour'"},
        {"sweep size --at 64,,128", "--at 64,,128"},
        {"sweep size --at 64,2M", "--at"},
        {"sweep size --at 64,70k", "--at"},
        {"sweep connections --at 0", "--at"},
        {"sweep connections --at 1,2M", "--at"},
        {"sweep --at 1,2M connections", "'2M'"}, /* a count's M, whatever stands first */
        {"report", "folder"},
        {"compare --counts --connections 2", "--counts"},
        {"compare --counts --rate half", "--counts"},
        {"compare --counts --loss 1%", "--counts"},
        {"compare --counts --placement spin", "--counts"},
        {"compare --counts --against old", "--counts"},
        {"diff --of cow a -- b", "--of cow"},
        {"diff --metric p50 a -- b", "--metric"},
        {"diff --output a.png a -- b", "--output"},
        {"diff --history sessions a.json", "no files beside"},
        {"diff --history sessions --margin 1%", "--margin"},
        {"diff --history sessions --metric cow", "cow"},
        {"diff --history sessions --output -", "the standard output has the words"},
    };
    static struct ran ran;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        echolab_run(&ran, "%s", rows[i].line);
        assert_complaint(&ran, rows[i].line, rows[i].word);
    }
}

/* ---- what is not taken ---- */

/* A value that the option takes, where it is taken. */
static const char *value_of(const struct parameter *option) {
    switch (option->form) {
    case FORM_SIZE: return "64";
    case FORM_COUNT: return option->least > 64 ? "1500" : "7";
    case FORM_TIME: return "30ms";
    case FORM_PERCENT: return "1%";
    case FORM_RATE: return "100";
    case FORM_CHOICE: return option->field.choices[0];
    case FORM_DROP: return "syn:to_server:1";
    default: return "x";
    }
}

/* Where the words of an experiment's command line end. */
static int words_of(const struct experiment *experiment, const char *axis, char *words[]) {
    int count = 0;
    words[count++] = (char *)experiment->command;
    if (axis != NULL) words[count++] = (char *)axis;
    if (experiment->taker == BY_PACKET) words[count++] = (char *)"--packet";
    if (experiment->taker == BY_TRAFFIC) words[count++] = (char *)"--rate";
    if (experiment->taker == BY_LADDER) words[count++] = (char *)"tcp-persistent";
    if (experiment->taker == BY_HISTORY) words[count++] = (char *)"--history=sessions";
    return count;
}

/* How the parser of options, which exits, ends with them. */
static int status_of(char **words, int count) {
    static struct request request;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)freopen("/dev/null", "w", stderr);
        _exit(options_parse(&request, count, words) ? EXIT_DONE : EXIT_FAILED);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refuse_all_but_its_own(const struct experiment *experiment, const char *axis) {
    char option[128];
    char *words[8] = {NULL};
    const int count = words_of(experiment, axis, words);
    if (status_of(words, count) != EXIT_DONE) fail_msg("%s", experiment->command);
    for (unsigned i = 0; i < parameter_count; i++) {
        const struct parameter *one = &parameters[i];
        const bool own = experiment->taker == BY_TRAFFIC && strcmp(one->option, "rate") == 0;
        if (own || (parameter_takers(one) & (int)experiment->taker) != 0) continue;
        (void)snprintf(option, sizeof option, "--%s%s%s", one->option,
                       one->form == FORM_FLAG ? "" : "=",
                       one->form == FORM_FLAG ? "" : value_of(one));
        words[count] = option;
        if (status_of(words, count + 1) == EXIT_WRONG_USAGE) continue;
        fail_msg("%s %s takes %s", experiment->command, axis == NULL ? "" : axis, option);
    }
}

/* By a row of its own, or by the one for all other axes. */
static void an_experiment_refuses_every_option_that_it_does_not_take(void **state) {
    (void)state;
    for (unsigned i = 0; i < experiment_count; i++) {
        const struct experiment *one = &experiments[i];
        const bool sweeps = strcmp(one->command, "sweep") == 0;
        if (one->taker == BY_DIFF) continue; /* its arguments are files */
        if (!sweeps || one->axis != NULL) refuse_all_but_its_own(one, one->axis);
        for (unsigned k = 0; sweeps && one->axis == NULL && k < axis_count; k++) {
            const struct request request = {.axis = axes[k].name};
            if (experiment_of("sweep", &request) != one) continue;
            refuse_all_but_its_own(one, axes[k].name);
        }
    }
}

/* What one command lists in its help and another does not, the other refuses. */
static void what_is_not_in_the_help_is_refused(void **state) {
    (void)state;
    static struct ran helps[COMMANDS_MAX];
    char names[COMMANDS_MAX][16];
    const size_t count = list_commands(names);
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) echolab_run(&helps[i], "%s --help", names[i]);
    for (size_t i = 0; i < count * count; i++) {
        const char *help = helps[i / count].out;
        char option[40];
        for (const char *at = help; (at = strstr(at, "--")) != NULL; at += 2) {
            if (sscanf(at, "%31[a-z-]", option) != 1 || strlen(option) < 4) continue;
            if (strstr(helps[i % count].out, option) != NULL) continue;
            char *words[] = {names[i % count], option, (char *)"1"};
            assert_int_equal(status_of(words, 3), EXIT_WRONG_USAGE);
            refused++;
        }
    }
    assert_true(refused > 100);
}

/* ---- what a run's process is told ---- */

static bool has_word(char *const *words, const char *wanted) {
    for (; *words != NULL; words++) {
        if (strcmp(*words, wanted) == 0) return true;
    }
    return false;
}

static void arguments_are_told_whole(void **state) {
    (void)state;
    char host[83 + 7], path[201], wanted[256];
    struct parameters asked;
    memset(host, 'h', 83);
    memcpy(host + 83, ":17007", 7);
    memset(path, 'p', 200);
    path[200] = '\0';
    parameters_usual(&asked);
    asked.variant = variant_find("tcp-persistent");
    asked.host = host;
    asked.pcap = path;
    char **words = parameters_arguments(&asked, (char *[]){"echolab", NULL}, NULL);
    assert_non_null(words);
    assert_string_equal(words[0], "echolab");
    assert_string_equal(words[1], "run");
    assert_string_equal(words[2], "tcp-persistent");
    (void)snprintf(wanted, sizeof wanted, "--host=%s", host);
    assert_true(has_word(words, wanted));
    (void)snprintf(wanted, sizeof wanted, "--pcap=%s", path);
    assert_true(has_word(words, wanted));
    arguments_free(words);
}

/* What is told is read back as it was. */
static void arguments_are_the_parameters(void **state) {
    (void)state;
    struct parameters asked;
    struct request read;
    parameters_usual(&asked);
    asked.variant = variant_find("tcp-persistent");
    asked.size_bytes = asked.reply_bytes = 12345;
    asked.per_connection = 17;
    asked.duration_ns = 123456789;
    asked.placement = PLACEMENT_CROSS_CORE;
    asked.wire = true;
    asked.rtt_ns = 20000001;
    asked.loss_percent = 0.25;
    asked.drop = (struct drop){WIRE_REPLY, WIRE_TO_CLIENT, 3};
    asked.design = DESIGN_FORK;
    asked.seed = UINT64_C(4503599627370497);
    char **words = parameters_arguments(&asked, (char *[]){"echolab", NULL}, NULL);
    int count = 0;
    while (words[count] != NULL) count++;
    assert_true(options_parse(&read, count - 1, words + 1));
    assert_ptr_equal(read.variants[0], asked.variant);
    read.run.variant = asked.variant;
    assert_true(parameters_same(&read.run, &asked));
    assert_int_equal(read.run.seed, asked.seed);
    assert_int_equal(read.run.duration_ns, asked.duration_ns);
    assert_memory_equal(&read.run.drop, &asked.drop, sizeof asked.drop);
    arguments_free(words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k_is_1024_in_sizes),
        cmocka_unit_test(k_is_1000_in_counts),
        cmocka_unit_test(times_have_a_unit),
        cmocka_unit_test(decimal_fractions_are_taken_at_their_word),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(every_command_explains_itself_in_80_columns),
        cmocka_unit_test(program_lists_its_commands),
        cmocka_unit_test(wrong_usage_exits_64_and_names_what_is_wrong),
        cmocka_unit_test(an_experiment_refuses_every_option_that_it_does_not_take),
        cmocka_unit_test(what_is_not_in_the_help_is_refused),
        cmocka_unit_test(arguments_are_told_whole),
        cmocka_unit_test(arguments_are_the_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
