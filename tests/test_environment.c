/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of this machine, whatever it is; and what counts as a difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/measure/environment.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/judge/environment_difference.h"

static struct facts environment(void) {
    struct facts facts = {0};
    environment_read(&facts);
    return facts;
}

static double number_of(const struct facts *facts, const char *name) {
    const struct fact *fact = facts_find(facts, name);
    return fact != NULL && fact->kind == FACT_NUMBER ? fact->number : (double)NAN;
}

/* A group is there when something in it is, or when it is said that nothing is. */
static bool is_there(const struct facts *facts, const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < facts->count; i++) {
        const char *one = facts->list[i].name;
        if (strncmp(one, name, length) == 0 && strchr(".", one[length]) != NULL) return true;
    }
    return false;
}

static void every_promised_name_is_there(void **state) {
    (void)state;
    static const char *const names[] = {
        "kernel",       "kernel_command_line",
        "hypervisor",   "cpu",
        "cpus",         "thread_siblings",
        "caches",       "idle_driver",
        "haltpoll",     "governor",
        "clock_source", "clock_cost_ns",
        "mitigations",  "congestion_control",
        "local_ports",  "somaxconn",
        "loopback_mtu", "loopback_offloads",
        "limits",       "cgroup_quota_cpus",
        "compiler",     "flags",
        "binary_hash",  "commit",
        "load",         "pressure",
        "steal_s",      "sysctls",
    };
    struct facts facts = environment();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!is_there(&facts, names[i])) print_error("%s\n", names[i]);
        assert_true(is_there(&facts, names[i]));
    }
    facts_free(&facts);
}

/* As JSON wants it: no name twice, no text that is empty, no number that is none. */
static void it_can_be_written_down(void **state) {
    (void)state;
    struct facts facts = environment();
    environment_after(&facts);
    for (size_t i = 0; i < facts.count; i++) {
        const struct fact *fact = &facts.list[i];
        assert_ptr_equal(facts_find(&facts, fact->name), fact);
        assert_true(isfinite(fact->number));
        assert_int_equal(fact->kind == FACT_TEXT, fact->text != NULL && *fact->text != '\0');
    }
    facts_free(&facts);
}

static void what_every_linux_has_is_known(void **state) {
    (void)state;
    struct facts facts = environment();
    assert_true(number_of(&facts, "cpus") >= 1);
    assert_true(number_of(&facts, "clock_cost_ns") > 0);
    assert_string_not_equal(facts_text(&facts, "kernel"), "");
    assert_string_not_equal(facts_text(&facts, "load"), "");
    assert_non_null(strstr(facts_text(&facts, "binary_hash"), "build-id "));
    facts_free(&facts);
}

static void the_same_program_has_the_same_hash(void **state) {
    (void)state;
    struct facts one = environment();
    struct facts other = environment();
    assert_string_equal(facts_text(&one, "binary_hash"), facts_text(&other, "binary_hash"));
    facts_free(&one);
    facts_free(&other);
}

/* Slashes separate other things too: "usercopy/swapgs", "1/91" of the load. */
static bool has_path(const char *text) {
    return *text == '/' || strstr(text, " /") != NULL || strstr(text, "=/") != NULL ||
           strstr(text, "/home") != NULL;
}

static void it_names_no_host_and_no_path(void **state) {
    (void)state;
    enum { LONG_ENOUGH = 5 }; /* a host named "vm" may well be a part of some word */
    char host[256] = "";
    struct facts facts = environment();
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    for (size_t i = 0; i < facts.count; i++) {
        const char *name = facts.list[i].name;
        const char *text = facts_text(&facts, name);
        if (has_path(text)) print_error("%s: %s\n", name, text);
        assert_false(has_path(text));
        if (strlen(host) < LONG_ENOUGH) continue;
        assert_null(strstr(name, host));
        assert_null(strstr(text, host));
    }
    facts_free(&facts);
}

static void words_that_name_a_place_are_masked(void **state) {
    (void)state;
    static const char *const words[][2] = {
        {"quiet  mitigations=off", "quiet mitigations=off"},
        {"root=/dev/vda1 resume=UUID=7f ro", "root=... resume=... ro"},
        {"ip=10.0.0.2 systemd.hostname=box", "ip=... systemd.hostname=..."},
        {"-I/home/me/include /boot/vmlinuz", "-I... ..."},
        {"netconsole=1@10.0.0.2/eth0 me@box me@box:/src", "netconsole=... ... ..."},
        {"quiet -- init=/bin/sh me", "quiet"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct fact fact = environment_without_private(words[i][0]);
        assert_string_equal(fact.text, words[i][1]);
        free(fact.text);
    }
    assert_int_equal(environment_without_private("-- all of it").kind, FACT_UNKNOWN);
}

static void after_has_load_pressure_and_steal(void **state) {
    (void)state;
    struct facts facts = environment();
    const size_t before = facts.count;
    assert_false(is_there(&facts, "after"));
    environment_after(&facts);
    assert_int_equal(facts.count - before, 5);
    assert_true(is_there(&facts, "after.load"));
    assert_true(is_there(&facts, "after.pressure"));
    assert_true(facts_find(&facts, "after.steal_s")->kind == FACT_UNKNOWN ||
                number_of(&facts, "after.steal_s") >= number_of(&facts, "steal_s"));
    facts_free(&facts);
}

/* ---- what differs ---- */

/* Of "kernel=a cpus=2 governor=?": a text, a number, and what is not known. */
static struct facts facts_of(char *words) {
    struct facts facts = {0};
    for (char *word; (word = strsep(&words, " ")) != NULL;) {
        char *end, *value = word;
        const char *name = strsep(&value, "=");
        if (value == NULL) continue;
        const double number = strtod(value, &end);
        facts_take(&facts,
                   *value == '?'  ? fact_text(NULL)
                   : *end == '\0' ? fact_number(number)
                                  : fact_text(value),
                   "%s", name);
    }
    return facts;
}

enum { SIDE_MAX = 4 };

/* Several environments of a side have bars between them. */
struct side {
    struct facts facts[SIDE_MAX];
    const struct facts *list[SIDE_MAX];
    size_t count;
};

static void make_side(struct side *side, const char *text) {
    char *copy = strdup(text), *rest = copy;
    for (side->count = 0; rest != NULL; side->count++) {
        side->facts[side->count] = facts_of(strsep(&rest, "|"));
        side->list[side->count] = &side->facts[side->count];
    }
    free(copy);
}

static void free_side(struct side *side) {
    for (size_t i = 0; i < side->count; i++) facts_free(&side->facts[i]);
}

static void put_values(FILE *out, const char *before, const struct facts *values) {
    for (size_t i = 0; i < values->count; i++, before = ",") {
        const struct fact *fact = &values->list[i];
        (void)fputs(before, out);
        if (fact->kind == FACT_NUMBER) (void)fprintf(out, "%g", fact->number);
        if (fact->kind != FACT_NUMBER) (void)fputs(fact->text == NULL ? "?" : fact->text, out);
    }
}

/* "kernel a,b -> b": all that differs between two sides. */
static void assert_difference(const char *base, const char *new, const char *expected) {
    struct side sides[2];
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    make_side(&sides[0], base);
    make_side(&sides[1], new);
    struct environment_differences differences =
        environment_differences(sides[0].list, sides[0].count, sides[1].list, sides[1].count);
    for (size_t i = 0; i < differences.count; i++) {
        (void)fputs(differences.list[i].name, out);
        put_values(out, " ", &differences.list[i].base);
        put_values(out, " -> ", &differences.list[i].new);
    }
    (void)fclose(out);
    assert_string_equal(text, expected);
    free(text);
    environment_differences_free(&differences);
    free_side(&sides[0]);
    free_side(&sides[1]);
}

static void an_environment_does_not_differ_from_itself(void **state) {
    (void)state;
    struct facts one = environment();
    struct facts again = environment(); /* load, pressure and steal have moved on */
    environment_after(&again);
    for (size_t i = 0; i < one.count; i++) {
        if (strcmp(one.list[i].name, "clock_cost_ns") == 0)
            again.list[i].number = one.list[i].number;
    }
    const struct facts *base[] = {&one}, *new[] = {&again};
    struct environment_differences differences = environment_differences(base, 1, new, 1);
    assert_int_equal(differences.count, 0);
    environment_differences_free(&differences);
    facts_free(&one);
    facts_free(&again);
}

static void another_kernel_is_a_difference(void **state) {
    (void)state;
    assert_difference("kernel=a cpus=2", "kernel=b cpus=2", "kernel a -> b");
}

static void a_difference_inside_is_named_with_dots(void **state) {
    (void)state;
    assert_difference("haltpoll.ns=off", "haltpoll.ns=on", "haltpoll.ns off -> on");
}

static void what_one_side_lacks_is_not_known_there(void **state) {
    (void)state;
    assert_difference("", "governor=performance", "governor ? -> performance");
    assert_difference("", "governor=?", "");
}

static void what_changes_by_itself_is_no_difference(void **state) {
    (void)state;
    assert_difference("load=low pressure.cpu=a steal_s=1",
                      "load=high pressure.cpu=b steal_s=2 after.load=9", "");
}

static void a_clock_within_a_fifth_is_the_same(void **state) {
    (void)state;
    assert_difference("clock_cost_ns=20", "clock_cost_ns=23.5", "");
    assert_difference("clock_cost_ns=20", "clock_cost_ns=24.5", "clock_cost_ns 20 -> 24.5");
    assert_difference("clock_cost_ns=20", "clock_cost_ns=16.5", "clock_cost_ns 20 -> 16.5");
    assert_difference("clock_cost_ns=20|clock_cost_ns=20.5|clock_cost_ns=90", "clock_cost_ns=21",
                      ""); /* one session that was disturbed */
    assert_difference("clock_cost_ns=?", "", "");
    assert_difference("", "clock_cost_ns=20", "clock_cost_ns ? -> 20");
}

static void a_side_of_two_minds_lists_both(void **state) {
    (void)state;
    assert_difference("kernel=a|kernel=b", "kernel=b", "kernel a,b -> b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_promised_name_is_there),
        cmocka_unit_test(it_can_be_written_down),
        cmocka_unit_test(what_every_linux_has_is_known),
        cmocka_unit_test(the_same_program_has_the_same_hash),
        cmocka_unit_test(it_names_no_host_and_no_path),
        cmocka_unit_test(words_that_name_a_place_are_masked),
        cmocka_unit_test(after_has_load_pressure_and_steal),
        cmocka_unit_test(an_environment_does_not_differ_from_itself),
        cmocka_unit_test(another_kernel_is_a_difference),
        cmocka_unit_test(a_difference_inside_is_named_with_dots),
        cmocka_unit_test(what_one_side_lacks_is_not_known_there),
        cmocka_unit_test(what_changes_by_itself_is_no_difference),
        cmocka_unit_test(a_clock_within_a_fifth_is_the_same),
        cmocka_unit_test(a_side_of_two_minds_lists_both),
    };
    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
