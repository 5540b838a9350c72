/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/rooms.sh, on trees that are right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PATH_ROOM = 512 };

static char tree[] = "/tmp/echolab-rooms.XXXXXX";

static int make_tree(void **state) {
    (void)state;
    return mkdtemp(tree) == NULL ? -1 : 0;
}

static int remove_tree(void **state) {
    char out[64], err[256];
    (void)state;
    return program_run((char *[]){"rm", "-r", tree, NULL}, NULL, out, sizeof out, err, sizeof err);
}

/* A file of one line, and the folders that it lies in. */
static void put_file(const char *name, const char *line) {
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/%s", tree, name);
    for (char *slash = path + strlen(tree) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    (void)fprintf(out, "%s\n", line);
    assert_int_equal(fclose(out), 0);
}

static void assert_found(int status, const char *wrong) {
    char out[4096], err[4096];
    const int ended = program_run((char *[]){"tests/rooms.sh", tree, NULL}, NULL, out, sizeof out,
                                  err, sizeof err);
    assert_string_equal(err, "");
    assert_string_equal(out, wrong);
    assert_int_equal(ended, status);
}

static void put_right_tree(void) {
    put_file("bench/main.c", "#include \"bench/cli/options.h\"");
    put_file("bench/cli/options.h", "#include \"bench/run/run.h\"");
    put_file("bench/run/run.h", "#include <stdio.h>");
    put_file("bench/run/run.c", "#include \"bench/run/run.h\"");
    put_file("bench/load/load.c", "#include \"udp/batch/batch.h\"");
    put_file("udp/batch/batch.h", "#include \"echo/service.h\"");
    put_file("echo/service.h", "");
    put_file("tests/test_x.c", "#include \"bench/cli/options.h\"");
}

static void a_tree_in_order_is_right(void **state) {
    (void)state;
    put_right_tree();
    assert_found(0, "");
}

static void a_room_that_includes_one_above_is_named(void **state) {
    (void)state;
    put_right_tree();
    put_file("bench/run/run.c", "#include \"bench/cli/options.h\"");
    put_file("udp/batch/batch.h", "#include \"tcp/client.h\"");
    put_file("echo/service.h", "#include \"bench/attic/old.h\"");
    assert_found(1,
                 "bench/run/run.c includes bench/cli/options.h: bench/cli is not below bench/run\n"
                 "echo/service.h includes bench/attic/old.h, which is in no room\n"
                 "udp/batch/batch.h includes tcp/client.h: tcp is not below udp\n"
                 "a circle of files: bench/cli/options bench/run/run\n");
}

static void a_circle_through_a_third_file_is_found(void **state) {
    (void)state;
    put_right_tree();
    put_file("bench/load/load.c", "#include \"bench/load/open.h\"");
    put_file("bench/load/open.c", "#include \"bench/load/many.h\"");
    put_file("bench/load/many.h", "#include \"bench/load/load.h\"");
    assert_found(1, "a circle of files: bench/load/load bench/load/open bench/load/many\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_in_order_is_right),
        cmocka_unit_test(a_room_that_includes_one_above_is_named),
        cmocka_unit_test(a_circle_through_a_third_file_is_found),
    };
    return cmocka_run_group_tests_name("rooms", tests, make_tree, remove_tree);
}
