/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of echolab. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/cli/options.h"
#include "bench/experiment/all.h"
#include "bench/link/namespace.h"
#include "bench/measure/environment.h"
#include "bench/report/report.h"
#include "bench/run/peer.h"
#include "bench/run/run.h"

static int command_run(const struct request *request) {
    struct parameters asked = request->run;
    struct run *run = NULL;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    asked.variant = request->variants[0];
    const int status = measure_run(&asked, &run);
    if (status != EXIT_DONE) return status;
    const int failed = request->pipe ? run_write(run, stdout) : session_print_run(run);
    run_free(run);
    return failed == 0 ? EXIT_DONE : complain("cannot write the result of the run");
}

static int command_variants(const struct request *request) {
    for (unsigned i = 0; i < variant_count; i++) {
        if (request->names && variants[i].core) puts(variants[i].name);
        if (!request->names) printf("%-18s %s\n", variants[i].name, variants[i].what);
    }
    return EXIT_DONE;
}

/* What is no experiment. */
static const struct {
    const char *name;
    int (*run)(const struct request *request);
} plain[] = {{"serve", command_serve},
             {"send", command_send},
             {"run", command_run},
             {"report", command_report},
             {"variants", command_variants}};

/* Once for the whole of a command; its runs are told what was found. */
static int find_peer(struct request *request) {
    if (request->run.host == NULL || request->pipe || request->dry_run) return EXIT_DONE;
    request->run.variant = request->variants[0];
    return peer_choose(&request->run);
}

static int obey(const char *name, struct request *request) {
    const struct experiment *experiment = experiment_of(name, request);
    const int found = find_peer(request);
    if (found != EXIT_DONE) return found;
    if (experiment != NULL) return experiment_run(experiment, request);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(name, plain[i].name) == 0) return plain[i].run(request);
    return EXIT_WRONG_USAGE;
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
    if (profile_enter(PROFILE_LAB) != 0)
        (void)complain("no private network is to be had: %s runs on the host's", words[0]);
    (void)execvp(words[0], words);
    return complain("cannot run %s", words[0]);
}

int main(int argc, char **argv) {
    (void)on_exit(check_output, NULL);
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "inside") == 0 && argc > 2) return inside(argv + 2);
    if (strcmp(name, "--version") == 0) {
        puts(ECHOLAB_VERSION);
        printf("commit %s\n", environment_commit());
        return EXIT_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "--usage") == 0 ||
        strcmp(name, "help") == 0) {
        commands_print();
        return argc > 1 ? EXIT_DONE : EXIT_WRONG_USAGE;
    }
    struct request request;
    if (!options_parse(&request, argc - 1, argv + 1)) {
        (void)complain("there is no command '%s'; `echolab --help` lists them", name);
        return EXIT_WRONG_USAGE;
    }
    return obey(name, &request);
}
