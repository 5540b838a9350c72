/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/axis.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bench/link/wire.h"

enum { MS = 1000000 };

struct axis {
    const char *name;
    int (*parse)(const char *text, uint64_t *value);
    double least, most;
    double points[12]; /* up to point_count */
    unsigned point_count;
    void (*apply)(double point, struct options *options);
    bool waits;
    bool retries; /* only for variants that send again */
    bool wire;    /* at a round trip of 20 ms unless told */
};

static void apply_size(double point, struct options *options) {
    options->size_bytes = options->reply_bytes = (uint32_t)point;
}

static void apply_connections(double point, struct options *options) {
    options->connections = (unsigned)point;
}

/* A few messages at each: all they do is wait. The first, which connects, is not counted. */
static void apply_rtt(double point, struct options *options) {
    const uint64_t few = 12;
    const uint64_t many = 400;
    options->wire = true;
    options->rtt_ns = (uint64_t)point;
    options->warmup_ns = MS;
    if (options->messages == 0) options->messages = point >= MS ? few : many;
}

static void apply_rto_floor(double point, struct options *options) {
    options->rto_floor_ns = (uint64_t)point;
}

static void apply_rate(double point, struct options *options) {
    options->rate_per_s = point;
}

static void apply_pipeline(double point, struct options *options) {
    options->pipeline = (unsigned)point;
}

static void apply_design(double point, struct options *options) {
    options->design = (enum design)point;
}

static void apply_gap(double point, struct options *options) {
    options->gap_ns = (uint64_t)point;
}

static void apply_messages(double point, struct options *options) {
    options->messages = (uint64_t)point;
}

static int parse_design(const char *text, uint64_t *value) {
    for (int i = 0; i < DESIGNS; i++) {
        if (strcmp(text, design_names[i]) != 0) continue;
        *value = (uint64_t)i;
        return 0;
    }
    return -EINVAL;
}

static const struct axis axes[] = {
    {
        .name = "size",
        .parse = options_parse_size,
        .least = 0,
        .most = ECHO_PAYLOAD_MAX,
        .points = {64, 256, 1024, 4096, 16384, 61440},
        .point_count = 6,
        .apply = apply_size,
    },
    {
        .name = "connections",
        .parse = options_parse_count,
        .least = 1,
        .most = OPTIONS_CONNECTIONS_MAX,
        .points = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024},
        .point_count = 11,
        .apply = apply_connections,
    },
    {
        .name = "rtt",
        .parse = options_parse_time,
        .least = 0,
        .most = WIRE_RTT_MAX_NS,
        .points = {0, 5.0 * MS, 10.0 * MS, 20.0 * MS, 40.0 * MS},
        .point_count = 5,
        .apply = apply_rtt,
        .waits = true,
    },
    {
        /* Its own points are shares of what each variant can carry: see bench/experiment/compare.c.
         */
        .name = "rate",
        .parse = options_parse_count,
        .least = 1,
        .most = 100000000,
        .points = {0},
        .point_count = 0,
        .apply = apply_rate,
    },
    {
        .name = "pipeline",
        .parse = options_parse_count,
        .least = 1,
        .most = OPTIONS_PIPELINE_MAX,
        .points = {1, 2, 4, 8, 16, 32, 64, 128},
        .point_count = 8,
        .apply = apply_pipeline,
    },
    {
        .name = "design",
        .parse = parse_design,
        .least = 0,
        .most = DESIGNS - 1,
        .points = {DESIGN_ITERATIVE, DESIGN_POOL, DESIGN_THREAD, DESIGN_FORK, DESIGN_EPOLL},
        .point_count = 5,
        .apply = apply_design,
    },
    {
        /* Messages per second, of --rate: see bench/experiment/head_of_line.c. */
        .name = "loss",
        .parse = options_parse_count,
        .least = 1,
        .most = 100000,
        .points = {20, 200, 1000},
        .point_count = 3,
        .apply = apply_rate,
        .wire = true,
    },
    {
        /* The time since the last message: see bench/experiment/idle.c. */
        .name = "idle",
        .parse = options_parse_time,
        .least = 0,
        .most = 60000.0 * MS,
        .points = {1.0 * MS, 10.0 * MS, 100.0 * MS, 250.0 * MS, 500.0 * MS, 1000.0 * MS,
                   3000.0 * MS, 10000.0 * MS},
        .point_count = 8,
        .apply = apply_gap,
        .wire = true,
    },
    {
        /* Messages that a connection carries before it is closed: see bench/experiment/life.c. */
        .name = "life",
        .parse = options_parse_count,
        .least = 1,
        .most = 100000,
        .points = {1, 2, 3, 5, 10, 20, 50, 100},
        .point_count = 8,
        .apply = apply_messages,
    },
    {
        .name = "rto-floor",
        .parse = options_parse_time,
        .least = MS / 1000.0,
        .most = 60000.0 * MS,
        .points = {1.0 * MS, 200.0 * MS}, /* why people choose UDP, and TCP's own */
        .point_count = 2,
        .apply = apply_rto_floor,
        .retries = true,
    },
};

const char axis_names[] =
    "size, connections, rate, pipeline, design, rtt, rto-floor, loss, idle, life";

static const struct axis *find(const char *name) {
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++) {
        if (strcmp(axes[i].name, name) == 0) return &axes[i];
    }
    return NULL;
}

bool axis_is_loss(const char *name) {
    return strcmp(name, "loss") == 0;
}

bool axis_exists(const char *name) {
    return find(name) != NULL;
}

int axis_parse(const char *name, const char *text, double *point) {
    const struct axis *axis = find(name);
    uint64_t value = 0;
    const int failed = axis == NULL ? -EINVAL : axis->parse(text, &value);
    if (failed != 0) return failed;
    if ((double)value < axis->least || (double)value > axis->most) return -ERANGE;
    *point = (double)value;
    return 0;
}

void axis_default_points(const char *name, struct options *options) {
    const struct axis *axis = find(name);
    options->point_count = axis->point_count;
    memcpy(options->points, axis->points, axis->point_count * sizeof axis->points[0]);
}

void axis_apply(const char *name, double point, struct options *options) {
    find(name)->apply(point, options);
}

bool axis_is_rate(const char *name) {
    return strcmp(name, "rate") == 0;
}

bool axis_needs_wire(const char *name) {
    return find(name)->wire;
}

bool axis_waits(const char *name) {
    return find(name)->waits;
}

bool axis_retries(const char *name) {
    const struct axis *axis = find(name);
    return axis != NULL && axis->retries;
}
