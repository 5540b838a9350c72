/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: one table of options, of which each command takes its
 * share. Sizes: k is 1,024; counts: k is 1,000; times need a unit.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <signal.h>
#include <stdint.h>

#include "bench/measure/placement.h"
#include "bench/run/variant.h"
#include "bench/serve/design.h"

/* What `--version` says: builds that say the same understand each other's runs. */
#define ECHOLAB_VERSION "echolab, wire format 1, results echolab/1"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_REGRESSION = 3,
    EXIT_NOT_VALID = 4,
    EXIT_WRONG_USAGE = 64,
    EXIT_INTERRUPTED = 130
};

enum {
    OPTIONS_VARIANTS_MAX = 32,
    OPTIONS_POINTS_MAX = 64,
    OPTIONS_FILES_MAX = 64,
    OPTIONS_CONNECTIONS_MAX = 1000000, /* far more than files or ports allow */
    OPTIONS_PIPELINE_MAX = 65536
};

/* Whose network settings a private network has. */
enum profile { PROFILE_LAB, PROFILE_HOST, PROFILES };

extern const char *const profile_names[PROFILES];

enum role { ROLE_VARIANT, ROLE_FLOOR, ROLE_A_A, ROLE_CONTROL, ROLES };

extern const char *const role_names[ROLES];

/* Who drives the sockets: threads that block, or one loop over many. */
enum engine { ENGINE_BLOCKING, ENGINE_EPOLL, ENGINES };

extern const char *const engine_names[ENGINES];

/* How a server of an engine is built, unless told. */
enum design engine_design(enum engine engine);

/* When the requests of an open loop are due. */
enum arrivals { ARRIVALS_POISSON, ARRIVALS_FIXED, ARRIVALS };

extern const char *const arrivals_names[ARRIVALS];

/* Which connection takes a request that is due. */
enum assign { ASSIGN_FREE, ASSIGN_CONNECTION, ASSIGNS };

extern const char *const assign_names[ASSIGNS];

struct options {
    const struct variant *variants[OPTIONS_VARIANTS_MAX]; /* the core four unless named */
    unsigned variant_count;
    const char *axis;                     /* of sweep */
    const char *directory;                /* of report */
    const char *files[OPTIONS_FILES_MAX]; /* of diff: the base ones, then the new ones */
    unsigned file_count, base_count;

    uint32_t size_bytes, reply_bytes;
    unsigned connections;
    uint64_t messages; /* 0: by duration */
    uint64_t duration_ns, warmup_ns, deadline_ns;
    unsigned blocks;
    enum placement placement;
    enum engine engine;
    double rate_per_s; /* of an open loop; 0: closed */
    bool rate_half;    /* ... half of what the slowest variant can carry, found out first */
    enum arrivals arrivals;
    enum assign assign;
    unsigned pipeline;    /* messages outstanding on a connection; 0: the variant's own */
    uint64_t gap_ns;      /* of run: between the end of an exchange and the next */
    unsigned idle;        /* of run: connections beside, on which nothing happens */
    uint64_t late_max_ns; /* of run: an open loop's p99 beyond which it is not valid; 0: usual */
    bool series;          /* of run: every message with its time, in the result */
    enum design design;   /* of the server */
    unsigned silent;      /* of run: connections beside, that never say what they want */
    uint64_t idle_timeout_ns; /* of the server; 0: none */
    double margin, min_effect;
    const char *against; /* another build of echolab */
    enum profile profile;
    uint64_t delay_ns;     /* of serve and run: spun per message */
    uint64_t rto_floor_ns; /* of variants that retry */
    bool dedup;            /* the server executes a repeated request once */
    uint64_t seed;
    double points[OPTIONS_POINTS_MAX]; /* --at */
    unsigned point_count;

    const char *host; /* NULL: a server of its own; of serve: where to listen */
    uint16_t port;    /* of serve */
    unsigned workers; /* of the server: threads that each have a socket */
    bool raw, port_given;

    const char *json, *csv; /* paths, or NULL */
    bool quiet, text, names;
    bool predict;       /* of anatomy: asks first */
    const char *output; /* of ladder: the folder for its files, or NULL */
    bool wire;          /* over bench/link/wire.h instead of the loopback */
    uint64_t rtt_ns;
    double loss_percent;
    unsigned mtu_bytes;
    const char *pcap;  /* of run: where to write the packets, or NULL */
    unsigned drop[3];  /* of run: kind + 1, direction + 1 and number of a packet to lose; 0: none */
    bool packet;       /* of sweep loss: one packet at a time; or ... */
    bool who_waits;    /* ... lost under traffic, at the rates in `points` */
    uint64_t stall_ns; /* of run: how long the server is stopped, in the middle */
    bool shared_network; /* of run: stay in the caller's */
    enum role role;      /* of run */
};

/* Set by SIGINT and SIGTERM once options_catch_signals was called. */
extern volatile sig_atomic_t options_interrupted;
void options_catch_signals(void);

/*
 * Fills *options from argv, whose argv[0] is the command's name. Prints and
 * exits (64) on wrong usage, (0) after --help.
 */
void options_parse(struct options *options, int argc, char **argv);

/* The parsers, for tests. 0, or -EINVAL / -ERANGE with *value untouched. */
int options_parse_size(const char *text, uint64_t *value);
int options_parse_count(const char *text, uint64_t *value);
int options_parse_time(const char *text, uint64_t *ns);

/* One line per command, and the exit statuses: `echolab --help`. */
void options_print_commands(void);

#endif
