/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a run is asked for, as one table: command line, help, the arguments of
 * a run's process, the conditions that are told and the identity of a series
 * read it. To add a parameter is to add a row.
 */
#ifndef BENCH_PARAMETERS_H
#define BENCH_PARAMETERS_H

#include "bench/link/namespace.h"
#include "bench/link/wire.h"
#include "bench/measure/placement.h"
#include "bench/run/field.h"
#include "bench/run/variant.h"
#include "bench/serve/design.h"

enum role { ROLE_VARIANT, ROLE_FLOOR, ROLE_A_A, ROLE_CONTROL, ROLES };

/* Who drives the sockets: threads that block, or one loop over many. */
enum engine { ENGINE_BLOCKING, ENGINE_EPOLL, ENGINES };

/* When the requests of an open loop are due, and which connection takes one. */
enum arrivals { ARRIVALS_POISSON, ARRIVALS_FIXED, ARRIVALS };
enum assign { ASSIGN_MRU, ASSIGN_LRU, ASSIGN_CONNECTION, ASSIGNS };

extern const char *const role_names[ROLES], *const engine_names[ENGINES];
extern const char *const arrivals_names[ARRIVALS], *const assign_names[ASSIGNS];

enum design engine_design(enum engine engine); /* how its server is built, unless told */

struct parameters {
    const struct variant *variant;
    enum role role;
    unsigned size_bytes, reply_bytes;
    unsigned connections;
    unsigned per_connection; /* exchanges of a kept connection before it is made anew; 0: all */
    unsigned pipeline;       /* messages outstanding on a connection; 0: the variant's own */
    uint64_t messages;       /* the total of the run; 0: by duration */
    uint64_t duration_ns, warmup_ns, deadline_ns;
    enum placement placement;
    enum engine engine;
    double rate_per_s; /* of an open loop; 0: closed */
    enum arrivals arrivals;
    enum assign assign;
    uint64_t late_max_ns;  /* that the generator of an open loop may be late; 0: the usual */
    bool series;           /* every message with its time, in the result */
    uint64_t gap_ns;       /* between the end of an exchange and the next */
    unsigned idle, silent; /* connections beside: never used; never saying what they want */

    enum design design; /* of the server, and what follows too */
    unsigned workers;   /* threads that each have a socket */
    uint64_t idle_timeout_ns, delay_ns, stall_ns;
    uint64_t rto_floor_ns; /* of variants that retry */
    bool dedup;

    enum profile profile;
    bool shared_network; /* stay in the caller's */
    bool wire;           /* over bench/link/wire.h instead of the loopback */
    uint64_t rtt_ns;
    double loss_percent;
    unsigned mtu_bytes;
    struct drop drop;
    const char *pcap; /* where to write the packets, or NULL */

    const char *host; /* of a server that runs already; NULL: one of its own */
    bool ipv4, ipv6;  /* only such addresses of it */
    uint64_t seed;
};

/* Who takes an option: a command, or an experiment of `sweep`. */
enum taker {
    BY_SERVE = 1 << 0,
    BY_SEND = 1 << 1,
    BY_RUN = 1 << 2,
    BY_COMPARE = 1 << 3,
    BY_SWEEP = 1 << 4,   /* along an ordinary axis */
    BY_RTT = 1 << 5,     /* sweep rtt */
    BY_RATE = 1 << 6,    /* sweep rate */
    BY_PACKET = 1 << 7,  /* sweep loss --packet */
    BY_TRAFFIC = 1 << 8, /* sweep loss --rate */
    BY_IDLE = 1 << 9,    /* sweep idle */
    BY_ANATOMY = 1 << 10,
    BY_LADDER = 1 << 11,
    BY_CHECK = 1 << 12,
    BY_DIFF = 1 << 13,
    BY_CROSSCHECK = 1 << 14,
    BY_REPORT = 1 << 15,
    BY_VARIANTS = 1 << 16,
    BY_HISTORY = 1 << 17, /* diff --history */
    BY_SWEEPS = BY_SWEEP | BY_RTT | BY_RATE | BY_PACKET | BY_TRAFFIC | BY_IDLE,
    BY_PLANNED = BY_COMPARE | BY_SWEEP | BY_RTT | BY_RATE, /* a plan of the caller's runs */
    BY_LOADS = BY_RUN | BY_PLANNED
};

/* How a value is written on the command line; those before FORM_CHOICE are numbers. */
enum form {
    FORM_SIZE,    /* bytes; k is 1,024 */
    FORM_COUNT,   /* k is 1,000 */
    FORM_TIME,    /* with its unit */
    FORM_PERCENT, /* kept as percent */
    FORM_RATE,    /* per second, a whole number; kept as a double */
    FORM_CHOICE,
    FORM_FLAG,
    FORM_TEXT,
    FORM_DROP /* "reply:to_client:1" */
};

struct parameter {
    const char *option;   /* --OPTION */
    const char *argument; /* what help calls its value; NULL: a flag */
    enum form form;
    struct field field; /* where it lies; and, where it has a name, how a run of a file has it */
    double least, most; /* of the value as it is kept; most 0: no bound but the form's */
    const char *usual;  /* as it is written; NULL: 0, or found from others */
    bool identity;      /* runs that differ in it are no one series */
    bool wire;          /* whoever gives it wants a wire */
    bool always;        /* told to a run's process even where it is the usual */
    bool (*meant)(const struct parameters *parameters); /* else not told; NULL: where not usual */
    struct {
        int takers; /* of enum taker; 0 at the end */
        const char *help;
    } takes[3];
};

extern const struct parameter parameters[];
extern const unsigned parameter_count;

/*
 * Numbers with units, as people write them: 16k bytes, 10k requests, 200ms. Of
 * a form before FORM_CHOICE: 0, or -EINVAL / -ERANGE with *number untouched.
 */
int form_read(enum form form, const char *text, double *number);

int parameter_takers(const struct parameter *parameter);    /* all of them */
const struct parameter *parameter_find(const char *option); /* NULL: there is none */

/* Reads `text` into its place. 0; or -EINVAL, -ERANGE, and nothing has changed. */
int parameter_parse(const struct parameter *parameter, const char *text, void *structure);

/* What parse wants, as a person is told. */
const char *parameter_wanted(const struct parameter *parameter, char *text, size_t size);

/* The value as parse reads it, malloc'd; NULL without memory, and of a flag. */
char *parameter_text(const struct parameter *parameter, const void *structure);

/* Sets what has a usual value to that; all: an echo of 64 bytes, no variant and seed 0. */
void parameter_usual(const struct parameter *parameter, void *structure);
void parameters_usual(struct parameters *parameters);

/* Whether the two would be one series: equal in all that is identity, the variant too. */
bool parameters_same(const struct parameters *one, const struct parameters *other);

/*
 * `BEFORE... run` with all that was asked, and `more` (NULL: nothing): malloc'd
 * words, ended by NULL; NULL without memory. What is not asked for is not said,
 * as an older build may not know it.
 */
char **parameters_arguments(const struct parameters *parameters, char *const before[],
                            const char *more);
void arguments_free(char **arguments);

unsigned parameters_depth(const struct parameters *parameters); /* outstanding on a connection */

/* What a client of these is to do, but for the server's address and the payload's life. */
struct echo_client_options parameters_client(const struct parameters *parameters,
                                             const uint8_t *payload);

/* The random bytes that all requests of a seed carry, malloc'd; NULL without memory. */
uint8_t *parameters_payload(const struct parameters *parameters);

#endif
