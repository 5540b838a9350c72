/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/rules.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_CONNECTIONS = 64 /* of an open loop: enough that few requests wait for one */ };

void wrong(const struct argp_state *state, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) >= 0) argp_error(state, "%s", text);
    va_end(values);
    exit(EXIT_WRONG_USAGE);
}

bool was_given(const struct usage *u, const char *option) {
    for (unsigned i = 0; i < u->given_count; i++) {
        if (strcmp(u->given[i]->option, option) == 0) return true;
    }
    return false;
}

static bool along(const struct usage *u, const char *axis) {
    return u->request->axis != NULL && strcmp(u->request->axis, axis) == 0;
}

/* ---- usual values ---- */

void rules_usual(struct request *request, int takers) {
    const uint64_t second_ns = 1000000000;
    if (takers == BY_CROSSCHECK) {
        request->run.duration_ns = second_ns;
        request->margin_percent = 5;
    }
    if (takers == BY_LADDER) {
        request->run.wire = true;
        request->run.rtt_ns = 20000000;
    }
}

/* A fresh socket that costs no round trip is no other case than a kept one. */
static bool waits_or_not(const struct variant *variant) {
    const bool fresh = variant->lifetime != ECHO_PERSISTENT;
    return (variant->core || variant->retries) && !(fresh && variant->round_trips == 1);
}

static bool is_kept(const struct variant *variant) {
    return variant->lifetime == ECHO_PERSISTENT;
}

static bool is_usual(const struct usage *u, const struct variant *variant) {
    const struct axis *axis = axis_find(u->request->axis);
    if (axis == NULL) return variant->core;
    if (axis->retries) return variant->retries;
    if (axis->pipelines) return variant->depth > 1;
    if (axis->kept) return variant->core && is_kept(variant);
    return u->request->rates ? waits_or_not(variant) : variant->core;
}

static void take_variants(const struct usage *u) {
    struct request *r = u->request;
    const int some = BY_COMPARE | BY_SWEEPS | BY_ANATOMY;
    if (r->variant_count > 0 || (u->takers & some) == 0) return;
    for (unsigned i = 0; i < variant_count; i++) {
        if (is_usual(u, &variants[i])) r->variants[r->variant_count++] = &variants[i];
    }
}

/* On one CPU the generator and the server are in each other's way. */
static void take_open_loop(const struct usage *u) {
    struct parameters *run = &u->request->run;
    const bool open = run->rate_per_s > 0 || u->request->rate_half || along(u, "rate");
    if (u->request->rates) {
        run->engine = ENGINE_EPOLL;
        if (!was_given(u, "connections")) run->connections = 0; /* see head_of_line.c */
    } else if (open) {
        if (was_given(u, "engine") && run->engine != ENGINE_EPOLL) {
            wrong(u->state, "an open loop (--rate) is driven by the epoll engine; leave out "
                            "--engine");
        }
        run->engine = ENGINE_EPOLL;
        if (!was_given(u, "connections")) run->connections = OPEN_CONNECTIONS;
        if (!was_given(u, "placement")) run->placement = PLACEMENT_CROSS_CORE;
    } else if (was_given(u, "arrivals") || was_given(u, "assign") || was_given(u, "lateness")) {
        wrong(u->state, "--arrivals, --assign and --lateness are of an open loop: give --rate too");
    }
    if (!was_given(u, "design")) run->design = engine_design(run->engine);
}

/* ---- what is taken ---- */

static void check_taken(const struct usage *u) {
    const struct axis *axis = axis_find(u->request->axis);
    for (unsigned i = 0; i < u->given_count; i++) {
        const struct parameter *option = u->given[i];
        const bool own = u->takers == BY_TRAFFIC && strcmp(option->option, "rate") == 0;
        if (axis != NULL && !own && strcmp(option->option, axis->option) == 0) {
            wrong(u->state, "--%s is what the sweep goes along: give its points with --at",
                  option->option);
        }
        if (own || (parameter_takers(option) & u->takers) != 0) continue;
        wrong(u->state, "%s%s does not take --%s; leave it out",
              u->request->axis != NULL  ? "sweep "
              : u->takers == BY_HISTORY ? "diff --history"
                                        : "diff of two sides",
              u->takers == BY_PACKET     ? "loss --packet"
              : u->takers == BY_TRAFFIC  ? "loss --rate"
              : u->request->axis != NULL ? u->request->axis
                                         : "",
              option->option);
    }
}

static void check_metric(const struct usage *u) {
    char names[256] = "";
    for (int i = 0, at = 0; difference_metrics[i] != NULL; i++) {
        if (strcmp(u->request->metric, difference_metrics[i]) == 0) return;
        at += snprintf(names + at, sizeof names - (size_t)at, "%s%s", i > 0 ? ", " : "",
                       difference_metrics[i]);
    }
    wrong(u->state, "--metric %s: there are %s", u->request->metric, names);
}

static void check_arguments(const struct usage *u) {
    const struct request *r = u->request;
    if ((u->takers & (BY_SEND | BY_RUN | BY_LADDER)) != 0 && r->variant_count != 1) {
        wrong(u->state, "exactly one variant is wanted; `echolab variants` lists them");
    }
    if (u->takers == BY_SEND && r->run.messages == 0) wrong(u->state, "send needs --messages N");
    if (u->takers == BY_DIFF && (r->base_count == 0 || r->base_count == r->file_count)) {
        wrong(u->state, "diff takes files on both sides: BASE.json... -- NEW.json...");
    }
    if (u->takers == BY_HISTORY && r->file_count > 0) {
        wrong(u->state, "diff --history takes all sessions of its folder, and no files beside");
    }
    if (r->metric != NULL) check_metric(u);
    if (u->takers == BY_REPORT && r->directory == NULL) wrong(u->state, "report which folder?");
}

/* What of a message alone is the same every time. */
static void check_counts(const struct usage *u) {
    const struct request *r = u->request;
    const struct parameters *run = &r->run;
    const bool alone = run->connections == 1 && run->rate_per_s == 0 && !r->rate_half &&
                       run->loss_percent == 0 && run->placement != PLACEMENT_SPIN &&
                       run->host == NULL && r->against == NULL;
    if (!r->counts || alone) return;
    wrong(u->state, "--counts is of messages that do not vary, of this build and a server of its "
                    "own: leave out --connections, --rate, --loss, --host, --against and spin");
}

/* What is the server's to do, which another host has started already. */
static void check_host(const struct usage *u) {
    static const char *const of_server[] = {"delay",   "dedup",   "design",
                                            "workers", "profile", "placement",
                                            "idle",    "silent",  "idle-timeout"};
    if (u->request->run.host == NULL && (was_given(u, "ipv4") || was_given(u, "ipv6")))
        wrong(u->state, "-4 and -6 choose among the addresses of --host: give that, too");
    if (was_given(u, "ipv4") && was_given(u, "ipv6"))
        wrong(u->state, "-4 and -6 exclude each other");
    if (u->request->run.host == NULL) return;
    if (u->request->run.wire) {
        wrong(u->state, "--host names a real path: it takes no --rtt, --loss or --mtu");
    }
    if (u->takers == BY_RUN) return; /* it is told all, whether or not it matters there */
    for (size_t i = 0; i < sizeof of_server / sizeof of_server[0]; i++) {
        if (!was_given(u, of_server[i])) continue;
        wrong(u->state,
              "--%s is of a server of our own; with --host leave it out, or give it to "
              "`echolab serve` there",
              of_server[i]);
    }
    if (along(u, "design")) {
        wrong(u->state, "--host names one server, whose design is what it is: leave it out");
    }
}

/* ---- what the engines and the variants can do ---- */

static double most_of(const struct usage *u, const char *axis, double own) {
    for (unsigned i = 0; along(u, axis) && i < u->request->point_count; i++) {
        own = fmax(own, u->request->points[i]);
    }
    return own;
}

static void check_engine(const struct usage *u) {
    const struct parameters *run = &u->request->run;
    const bool many = run->engine == ENGINE_EPOLL, spins = run->placement == PLACEMENT_SPIN;
    if (many && run->gap_ns > 0) {
        wrong(u->state, "--gap is a pause in the closed loop of the blocking engine");
    }
    if (spins && many) {
        wrong(u->state, "spin polls one socket on each side, epoll waits for many: choose one");
    }
    if (spins && most_of(u, "connections", run->connections) > 1) {
        wrong(u->state, "spin polls one socket on each side: it takes --connections 1");
    }
}

static void check_variant(const struct usage *u, const struct variant *variant) {
    const struct parameters *run = &u->request->run;
    const struct axis *axis = axis_find(u->request->axis);
    const bool pipelined = run->pipeline > 0 || along(u, "pipeline");
    if (axis != NULL && axis->retries && !variant->retries) {
        wrong(u->state, "%s never sends again: it has no place on the axis %s", variant->name,
              axis->name);
    }
    if (axis != NULL && axis->kept && !is_kept(variant)) {
        wrong(u->state, "%s has a connection for every message: it has no place on the axis %s",
              variant->name, axis->name);
    }
    if (pipelined && variant->depth == 0) {
        wrong(u->state, "%s carries one message at a time: leave it out, or --pipeline",
              variant->name);
    }
    if (run->per_connection > 0 && !is_kept(variant)) {
        wrong(u->state, "%s has a connection for every message: leave it out, or --per-connection",
              variant->name);
    }
    if (fmax(most_of(u, "size", run->size_bytes), run->reply_bytes) >
        variant->transport->payload_max) {
        wrong(u->state,
              "%s carries at most %u bytes of payload in a message; leave it out or choose a "
              "smaller %s",
              variant->name, variant->transport->payload_max,
              axis == NULL ? "--size or --reply-size" : "--size or --at");
    }
}

void rules_complete(const struct usage *u) {
    struct parameters *run = &u->request->run;
    check_taken(u);
    check_arguments(u);
    take_variants(u);
    if (!was_given(u, "reply-size")) run->reply_bytes = run->size_bytes;
    if (u->takers == BY_SEND && !was_given(u, "warmup")) run->warmup_ns = 0;
    if (u->takers == BY_SEND && run->host == NULL) run->host = "127.0.0.1";
    take_open_loop(u);
    check_host(u);
    check_engine(u);
    check_counts(u);
    bool retries = u->takers == BY_SERVE;
    for (unsigned i = 0; i < u->request->variant_count; i++) {
        check_variant(u, u->request->variants[i]);
        retries = retries || u->request->variants[i]->retries;
    }
    if (!retries && (was_given(u, "rto-floor") || was_given(u, "dedup"))) {
        wrong(u->state, "--rto-floor and --dedup are for a variant that retries, such as "
                        "udp-retry; leave them out or add one");
    }
}
