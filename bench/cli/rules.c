/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/rules.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OPEN_CONNECTIONS = 64 /* of an open loop: enough that few requests wait for one */ };

const struct parameter *given(const struct given *given, const char *option) {
    for (unsigned i = 0; i < given->count; i++) {
        if (strcmp(given->list[i]->option, option) == 0) return given->list[i];
    }
    return NULL;
}

/* What the rules look at. */
struct usage {
    struct request *request;
    int takers;
    const struct given *given;
    char *why;
};

static bool refuse(const struct usage *u, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Always false. */
static bool refuse(const struct usage *u, const char *format, ...) {
    va_list values;
    va_start(values, format);
    (void)vsnprintf(u->why, RULES_WHY, format, values);
    va_end(values);
    return false;
}

static bool was_given(const struct usage *u, const char *option) {
    return given(u->given, option) != NULL;
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

static bool take_variants(const struct usage *u) {
    struct request *r = u->request;
    const int some = BY_COMPARE | BY_SWEEPS | BY_ANATOMY;
    if (r->variant_count > 0 || (u->takers & some) == 0) return true;
    for (unsigned i = 0; i < variant_count; i++) {
        if (is_usual(u, &variants[i])) r->variants[r->variant_count++] = &variants[i];
    }
    return true;
}

static bool take_reply(const struct usage *u) {
    struct parameters *run = &u->request->run;
    if (!was_given(u, "reply-size")) run->reply_bytes = run->size_bytes;
    if (u->takers == BY_SEND && !was_given(u, "warmup")) run->warmup_ns = 0;
    return true;
}

static bool is_open(const struct usage *u) {
    return u->request->run.rate_per_s > 0 || u->request->rate_half || along(u, "rate");
}

/* On one CPU the generator and the server are in each other's way. */
static bool take_open_loop(const struct usage *u) {
    struct parameters *run = &u->request->run;
    if (u->request->rates) {
        run->engine = ENGINE_EPOLL;
        if (!was_given(u, "connections")) run->connections = 0; /* see head_of_line.c */
    } else if (is_open(u)) {
        if (was_given(u, "engine") && run->engine != ENGINE_EPOLL) {
            return refuse(u, "an open loop (--rate) is driven by the epoll engine; leave out "
                             "--engine");
        }
        run->engine = ENGINE_EPOLL;
        if (!was_given(u, "connections")) run->connections = OPEN_CONNECTIONS;
        if (!was_given(u, "placement")) run->placement = PLACEMENT_CROSS_CORE;
    } else if (was_given(u, "arrivals") || was_given(u, "assign")) {
        return refuse(u, "--arrivals and --assign are of an open loop: give --rate too");
    }
    if (!was_given(u, "design")) run->design = engine_design(run->engine);
    return true;
}

/* ---- what is taken ---- */

static const char *name_of_sweep(const struct usage *u) {
    return u->takers == BY_PACKET    ? "loss --packet"
           : u->takers == BY_TRAFFIC ? "loss --rate"
                                     : u->request->axis;
}

static bool check_taken(const struct usage *u) {
    for (unsigned i = 0; i < u->given->count; i++) {
        const struct parameter *option = u->given->list[i];
        const struct axis *axis = axis_find(u->request->axis);
        const bool own = u->takers == BY_TRAFFIC && strcmp(option->option, "rate") == 0;
        if (axis != NULL && !own && strcmp(option->option, axis->option) == 0) {
            return refuse(u, "--%s is what the sweep goes along: give its points with --at",
                          option->option);
        }
        if (own || (parameter_takers(option) & u->takers) != 0) continue;
        return refuse(u, "sweep %s does not take --%s; leave it out", name_of_sweep(u),
                      option->option);
    }
    return true;
}

static bool check_arguments(const struct usage *u) {
    const struct request *r = u->request;
    if ((u->takers & (BY_SEND | BY_RUN | BY_LADDER)) != 0 && r->variant_count != 1) {
        return refuse(u, "exactly one variant is wanted; `echolab variants` lists them");
    }
    if (u->takers == BY_SEND && r->run.messages == 0) return refuse(u, "send needs --messages N");
    if (u->takers == BY_DIFF && (r->base_count == 0 || r->base_count == r->file_count)) {
        return refuse(u, "diff takes files on both sides: BASE.json... -- NEW.json...");
    }
    if (u->takers == BY_REPORT && r->directory == NULL) return refuse(u, "report which folder?");
    return true;
}

static bool check_variants_of_axis(const struct usage *u) {
    const struct axis *axis = axis_find(u->request->axis);
    for (unsigned i = 0; axis != NULL && i < u->request->variant_count; i++) {
        const struct variant *variant = u->request->variants[i];
        if (axis->retries && !variant->retries) {
            return refuse(u, "%s never sends again: it has no place on the axis %s", variant->name,
                          axis->name);
        }
        if (axis->kept && !is_kept(variant)) {
            return refuse(u,
                          "%s has a connection for every message: it has no place on the axis "
                          "%s",
                          variant->name, axis->name);
        }
    }
    return true;
}

/* What is the server's to do, which another host has started already. */
static bool check_host(const struct usage *u) {
    static const char *const of_server[] = {"delay",   "dedup",   "design",
                                            "workers", "profile", "placement",
                                            "idle",    "silent",  "idle-timeout"};
    if (u->request->run.host == NULL) return true;
    if (u->request->run.wire) {
        return refuse(u, "--host names a real path: it takes no --rtt, --loss or --mtu");
    }
    /* A run's process is told everything, by whoever has checked what was given. */
    if (u->takers == BY_RUN) return true;
    for (size_t i = 0; i < sizeof of_server / sizeof of_server[0]; i++) {
        if (!was_given(u, of_server[i])) continue;
        return refuse(u,
                      "--%s is of a server of our own; with --host leave it out, or give it to "
                      "`echolab serve` there",
                      of_server[i]);
    }
    if (along(u, "design")) {
        return refuse(u, "--host names one server, whose design is what it is: leave it out");
    }
    return true;
}

/* ---- what the engines can do ---- */

static double most_of(const struct usage *u, const char *axis, double own) {
    double most = own;
    for (unsigned i = 0; along(u, axis) && i < u->request->point_count; i++) {
        most = fmax(most, u->request->points[i]);
    }
    return most;
}

static bool check_engine(const struct usage *u) {
    const struct parameters *run = &u->request->run;
    if (run->engine == ENGINE_EPOLL && run->gap_ns > 0) {
        return refuse(u, "--gap is a pause in the closed loop of the blocking engine");
    }
    if (run->placement != PLACEMENT_SPIN) return true;
    if (run->engine == ENGINE_EPOLL) {
        return refuse(u, "spin polls one socket on each side, epoll waits for many: choose one");
    }
    if (most_of(u, "connections", run->connections) > 1) {
        return refuse(u, "spin polls one socket on each side: it takes --connections 1");
    }
    return true;
}

static bool check_pipeline(const struct usage *u) {
    const bool pipelined = u->request->run.pipeline > 0 || along(u, "pipeline");
    for (unsigned i = 0; pipelined && i < u->request->variant_count; i++) {
        if (u->request->variants[i]->depth > 0) continue;
        return refuse(u, "%s carries one message at a time: leave it out, or --pipeline",
                      u->request->variants[i]->name);
    }
    return true;
}

static bool check_per_connection(const struct usage *u) {
    for (unsigned i = 0; i < u->request->variant_count; i++) {
        const struct variant *variant = u->request->variants[i];
        if (u->request->run.per_connection == 0 || is_kept(variant)) continue;
        return refuse(u,
                      "%s has a connection for every message: leave it out, or "
                      "--per-connection",
                      variant->name);
    }
    return true;
}

static bool check_retry(const struct usage *u) {
    const bool wanted = was_given(u, "rto-floor") || was_given(u, "dedup");
    if (!wanted || u->takers == BY_SERVE) return true;
    for (unsigned i = 0; i < u->request->variant_count; i++) {
        if (u->request->variants[i]->retries) return true;
    }
    return refuse(u, "--rto-floor and --dedup are for a variant that retries, such as udp-retry; "
                     "leave them out or add one");
}

static bool check_sizes(const struct usage *u) {
    const struct parameters *run = &u->request->run;
    const double largest = fmax(most_of(u, "size", run->size_bytes), run->reply_bytes);
    for (unsigned i = 0; i < u->request->variant_count; i++) {
        const struct variant *variant = u->request->variants[i];
        const uint32_t most = variant->transport->payload_max;
        if (largest <= most) continue;
        return refuse(u,
                      "%s carries at most %u bytes of payload in a message; leave it out or "
                      "choose a smaller %s",
                      variant->name, most,
                      u->request->axis == NULL ? "--size or --reply-size" : "--size or --at");
    }
    return true;
}

bool rules_complete(struct request *request, int takers, const struct given *given, char *why) {
    static bool (*const rules[])(const struct usage *u) = {
        check_taken,    check_arguments, take_variants, take_reply,     check_variants_of_axis,
        take_open_loop, check_host,      check_engine,  check_pipeline, check_per_connection,
        check_retry,    check_sizes};
    const struct usage usage = {request, takers, given, why};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!rules[i](&usage)) return false;
    }
    return true;
}
