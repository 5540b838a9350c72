/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of this machine, whatever it is; and what counts as a difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/session/environment.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    json_t *environment = environment_read();
    assert_non_null(environment);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (json_object_get(environment, names[i]) == NULL) print_error("%s\n", names[i]);
        assert_non_null(json_object_get(environment, names[i]));
    }
    json_decref(environment);
}

static void it_can_be_written_as_json(void **state) {
    (void)state;
    json_t *environment = environment_read();
    environment_after(environment);
    char *text = json_dumps(environment, 0); /* NULL were there anything that JSON has not */
    assert_non_null(text);
    json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(again));
    assert_true(json_is_object(json_object_get(again, "after")));
    free(text);
    json_decref(again);
    json_decref(environment);
}

static void what_every_linux_has_is_not_null(void **state) {
    (void)state;
    json_t *environment = environment_read();
    assert_true(json_integer_value(json_object_get(environment, "cpus")) >= 1);
    assert_true(json_number_value(json_object_get(environment, "clock_cost_ns")) > 0);
    assert_true(json_is_string(json_object_get(environment, "kernel")));
    assert_true(json_is_string(json_object_get(environment, "load")));
    assert_true(json_is_string(json_object_get(environment, "binary_hash")));
    json_decref(environment);
}

static void the_same_program_has_the_same_hash(void **state) {
    (void)state;
    json_t *one = environment_read();
    json_t *other = environment_read();
    assert_true(
        json_equal(json_object_get(one, "binary_hash"), json_object_get(other, "binary_hash")));
    json_decref(one);
    json_decref(other);
}

static void assert_no_path(const char *name, const json_t *value) {
    const char *key;
    json_t *member;
    const char *text = json_string_value(value);
    json_object_foreach((json_t *)value, key, member) {
        assert_no_path(key, member);
    }
    /* Slashes separate other things too: "usercopy/swapgs", "1/91" of the load. */
    const bool path = text != NULL && (*text == '/' || strstr(text, " /") != NULL ||
                                       strstr(text, "=/") != NULL || strstr(text, "/home") != NULL);
    if (path) print_error("%s: %s\n", name, text);
    assert_false(path);
}

static void it_names_no_host_and_no_path(void **state) {
    (void)state;
    enum { LONG_ENOUGH = 5 }; /* a host named "vm" may well be a part of some word */
    char host[256] = "";
    json_t *environment = environment_read();
    char *text = json_dumps(environment, 0);
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    if (strlen(host) >= LONG_ENOUGH) assert_null(strstr(text, host));
    assert_no_path("", environment);
    free(text);
    json_decref(environment);
}

static void after_has_load_pressure_and_steal(void **state) {
    (void)state;
    json_t *environment = environment_read();
    assert_null(json_object_get(environment, "after"));
    environment_after(environment);
    const json_t *after = json_object_get(environment, "after");
    assert_int_equal(json_object_size(after), 3);
    assert_non_null(json_object_get(after, "load"));
    assert_non_null(json_object_get(after, "pressure"));
    const json_t *steal = json_object_get(after, "steal_s");
    assert_true(json_is_null(steal) ||
                json_number_value(steal) >=
                    json_number_value(json_object_get(environment, "steal_s")));
    json_decref(environment);
}

/* ---- what differs ---- */

/* Of two environments as texts; several of a side with commas between. */
static json_t *difference(const char *base, const char *new) {
    char text[1024];
    (void)snprintf(text, sizeof text, "[%s]", base);
    json_t *before = json_loads(text, 0, NULL);
    (void)snprintf(text, sizeof text, "[%s]", new);
    json_t *after = json_loads(text, 0, NULL);
    assert_non_null(before);
    assert_non_null(after);
    json_t *differences = environment_difference(before, after);
    json_decref(before);
    json_decref(after);
    return differences;
}

static void assert_difference(const char *base, const char *new, const char *expected) {
    json_t *differences = difference(base, new);
    char *text = json_dumps(differences, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(differences);
}

static void an_environment_does_not_differ_from_itself(void **state) {
    (void)state;
    json_t *one = environment_read();
    json_t *again = environment_read(); /* load, pressure and steal have moved on */
    (void)json_object_set(again, "clock_cost_ns", json_object_get(one, "clock_cost_ns"));
    environment_after(again);
    json_t *base = json_pack("[o]", one);
    json_t *new = json_pack("[o]", again);
    json_t *differences = environment_difference(base, new);
    assert_int_equal(json_array_size(differences), 0);
    json_decref(differences);
    json_decref(base);
    json_decref(new);
}

static void another_kernel_is_a_difference(void **state) {
    (void)state;
    assert_difference("{\"kernel\":\"a\",\"cpus\":2}", "{\"kernel\":\"b\",\"cpus\":2}",
                      "[{\"name\":\"kernel\",\"base\":\"a\",\"new\":\"b\"}]");
}

static void a_difference_inside_is_named_with_dots(void **state) {
    (void)state;
    assert_difference("{\"haltpoll\":{\"ns\":\"0\"}}", "{\"haltpoll\":{\"ns\":\"200000\"}}",
                      "[{\"name\":\"haltpoll.ns\",\"base\":\"0\",\"new\":\"200000\"}]");
}

static void what_one_side_lacks_is_null_there(void **state) {
    (void)state;
    assert_difference("{}", "{\"governor\":\"performance\"}",
                      "[{\"name\":\"governor\",\"base\":null,\"new\":\"performance\"}]");
    assert_difference("{}", "{\"governor\":null}", "[]");
}

static void what_changes_by_itself_is_no_difference(void **state) {
    (void)state;
    assert_difference("{\"load\":\"0.1\",\"pressure\":{\"cpu\":\"a\"},\"steal_s\":1}",
                      "{\"load\":\"0.2\",\"pressure\":{\"cpu\":\"b\"},\"steal_s\":2,"
                      "\"after\":{\"load\":\"9\"}}",
                      "[]");
}

static void a_clock_within_a_fifth_is_the_same(void **state) {
    (void)state;
    assert_difference("{\"clock_cost_ns\":20.0}", "{\"clock_cost_ns\":23.5}", "[]");
    assert_difference("{\"clock_cost_ns\":20.0}", "{\"clock_cost_ns\":24.5}",
                      "[{\"name\":\"clock_cost_ns\",\"base\":20.0,\"new\":24.5}]");
    assert_difference("{\"clock_cost_ns\":20.0}", "{\"clock_cost_ns\":16.5}",
                      "[{\"name\":\"clock_cost_ns\",\"base\":20.0,\"new\":16.5}]");
    assert_difference("{\"clock_cost_ns\":20.0},{\"clock_cost_ns\":20.5},{\"clock_cost_ns\":90.0}",
                      "{\"clock_cost_ns\":21.0}", "[]"); /* one session that was disturbed */
}

static void a_side_of_two_minds_lists_both(void **state) {
    (void)state;
    assert_difference("{\"kernel\":\"a\"},{\"kernel\":\"b\"}", "{\"kernel\":\"b\"}",
                      "[{\"name\":\"kernel\",\"base\":[\"a\",\"b\"],\"new\":\"b\"}]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_promised_name_is_there),
        cmocka_unit_test(it_can_be_written_as_json),
        cmocka_unit_test(what_every_linux_has_is_not_null),
        cmocka_unit_test(the_same_program_has_the_same_hash),
        cmocka_unit_test(it_names_no_host_and_no_path),
        cmocka_unit_test(after_has_load_pressure_and_steal),
        cmocka_unit_test(an_environment_does_not_differ_from_itself),
        cmocka_unit_test(another_kernel_is_a_difference),
        cmocka_unit_test(a_difference_inside_is_named_with_dots),
        cmocka_unit_test(what_one_side_lacks_is_null_there),
        cmocka_unit_test(what_changes_by_itself_is_no_difference),
        cmocka_unit_test(a_clock_within_a_fifth_is_the_same),
        cmocka_unit_test(a_side_of_two_minds_lists_both),
    };
    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
