/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of echolab. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/link/namespace.h"
#include "bench/link/profile.h"
#include "bench/report/report.h"

struct command {
    const char *name;
    int (*run)(const struct options *options);
};

static int command_report(const struct options *options) {
    return report_command(options->directory, options->text) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static const struct command commands[] = {
    {"serve", command_serve},
    {"send", command_send},
    {"run", command_run},
    {"compare", command_compare},
    {"sweep", command_compare},
    {"report", command_report},
    {"variants", command_variants},
    {"diff", command_diff},
    {"crosscheck", command_crosscheck},
    {"check", command_check},
    {"anatomy", command_anatomy},
    {"ladder", command_ladder},
};

int command_variants(const struct options *options) {
    for (unsigned i = 0; i < variant_count; i++) {
        if (options->names && variants[i].core) puts(variants[i].name);
        if (!options->names) printf("%-18s %s\n", variants[i].name, variants[i].what);
    }
    return EXIT_DONE;
}

/* Output that did not arrive is a failure, too: a full disk. Here, as argp exits by itself. */
static void check_output(int status, void *nothing) {
    (void)nothing;
    const bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (lost && status == EXIT_DONE) _exit(complain("cannot write the output"));
}

/*
 * Runs another program in a private network with the lab's settings, for the
 * scripts of this project: hyperfine is to meet what compare meets.
 */
static int inside(char **words) {
    struct profile_values host;
    profile_read(&host);
    if (namespace_enter() == 0) {
        profile_apply(PROFILE_LAB, &host);
    } else {
        (void)complain("no private network is to be had: %s runs on the host's", words[0]);
    }
    (void)execvp(words[0], words);
    return complain("cannot run %s", words[0]);
}

int main(int argc, char **argv) {
    (void)on_exit(check_output, NULL);
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "inside") == 0 && argc > 2) return inside(argv + 2);
    if (strcmp(name, "--version") == 0) {
        puts(ECHOLAB_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "--usage") == 0 || strcmp(name, "help") == 0) {
        options_print_commands();
        return argc > 1 ? EXIT_DONE : EXIT_WRONG_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        struct options options;
        options_parse(&options, argc - 1, argv + 1);
        return commands[i].run(&options);
    }
    (void)complain("there is no command '%s'; `echolab --help` lists them", name);
    return EXIT_WRONG_USAGE;
}
