/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What experiments conclude, as rows that a file keeps and both readers are
 * told: each list is a struct and the description of its members. To add a
 * field: a member here, and F(STRUCT, MEMBER) in its row of finding_kinds; files,
 * their check and templates have it then. Texts are borrowed, from a table of
 * the program or from the session they stand in. What is not known is NAN,
 * FIELD_UNKNOWN or NULL.
 */
#ifndef BENCH_FINDINGS_H
#define BENCH_FINDINGS_H

#include "bench/judge/statistics.h"
#include "bench/link/wire.h"
#include "bench/run/run.h"

/* Two series of one point, block by block. Smaller is better: a ratio above 1 is slower. */
struct compared {
    const char *metric, *baseline, *variant, *role, *placement, *engine, *design;
    double size_bytes, connections, per_connection, rtt_ms, loss_percent, point, pipeline;
    double rto_floor_ms, offered_per_s, baseline_offered_per_s;
    struct comparison comparison;
};

/* Round trips as a slope: time over the delay that the wire applied. */
struct fit {
    const char *variant, *metric; /* "latency" (what a message waits) or "time_per_message" */
    struct slope line;            /* in us; its slope is round trips */
    double model;
};

/* A message when each connection carries so many; NAN: as many as there are. */
struct per_connection {
    const char *variant;
    double size_bytes, rtt_ms, messages;
    struct middle time_us;
    double model_us;         /* from the variant's two ends */
    double share_percent;    /* of it is spent on having a connection */
    double below_10_percent; /* by the model: from so many messages on */
};

/* What a variant carries in a closed loop: the median of its valid runs, the least, the most. */
struct capacity {
    const char *variant;
    struct interval per_s;
    uint64_t runs;
};

/* Up to which rate a variant keeps its latency, by idle_us + queue_us x load / (capacity - load).
 */
struct knee {
    const char *variant, *build, *because, *rule; /* because: why there is none */
    struct interval capacity_per_s;               /* low, high: of single runs */
    double capacity_runs;                         /* NAN: not told */
    struct interval knee_per_s;
    double share, idle_us, queue_us;
    double runs;                     /* that the curve goes through */
    double held_per_s, broken_per_s; /* before, and the first that is overloaded */
};

/* A lone message that lost one packet. */
struct lost_message {
    const char *variant, *lost;
    double predicted_low_ms, predicted_high_ms;
    double probed_low_ms, probed_high_ms; /* after a tail loss probe; NAN: it changes nothing */
    double probed, as_predicted;          /* of its runs; NAN: likewise, or not told */
    struct middle measured_ms;
    bool answered;
};

/* A message near a loss: when it was due and how long it took, NAN: never answered. */
struct near_loss {
    double due_ms, latency_ms;
};

/* Who waited, summed over runs: see bench/judge/head_of_line.h. */
struct head_of_line {
    uint64_t runs;
    double sent, answered, unanswered, delayed, in_time, packets_lost;
    double usual_ms;   /* of the limits, or the mean of the runs' own */
    double worst_ms;   /* beyond the usual, of the answered */
    double miss_pairs; /* of messages not in time: the square of how many come in a row, summed */
};

/* A variant at a rate with a loss: who waits for the lost packet (head-of-line blocking). */
struct behind_loss {
    const char *variant, *situation, *arrivals;
    double rate_per_s, loss_percent;
    struct head_of_line sum;
    double delayed_per_loss, delayed_beyond_ms, within_ms, lateness_max_ms;
    struct interval within_share;
    double level;
    double rtt_ms, deadline_ms, connections, pipeline, duration_s;
    struct near_loss *series; /* of the session's memory; NULL: none */
    size_t series_count;
};

/* The next message after a pause. */
struct idle_point {
    const char *variant;
    uint64_t size_bytes, reply_bytes;
    double gap_ms, rtt_ms, round_trips, model_round_trips, model_ms;
    struct middle latency_ms; /* of messages */
};

/* A server that closes what is idle just as the client sends. */
struct idle_race {
    double rtt_ms, idle_timeout_ms, gap_ms;
    uint64_t connections, sent, sent_after_pause, met_closed, answered, executed;
    bool retry_safe;
    const char *errors; /* "receive ECONNRESET: 12, ..."; NULL: not known */
};

/* Many idle connections, and a load beside them. */
struct idle_beside {
    uint64_t connections, load_connections, runs;
    double server_bytes, kernel_bytes, p99_alone_us, p99_beside_us;
};

/*
 * A column of an experiment in words that sessions of different days have in
 * common. NAN and NULL: not told, or the usual.
 */
struct described {
    const char *variant, *build, *engine, *placement, *network, *profile;
    const char *design, *arrivals, *assign, *lost_packet;
    double size_bytes, reply_bytes, connections, per_connection, pipeline;
    double rtt_ms, loss_percent, mtu_bytes, offered_per_s, point, deadline_ms, rto_floor_ms;
    double workers, idle_timeout_ms, delay_us, idle_connections, silent_connections, gap_ms;
    bool dedup;
};

/* A column that the sessions of one side have, and none of the other's. */
struct only {
    struct described column;
};

/* A number of a column in sessions of two sides: medians of one value a session. */
struct changed {
    struct described column;
    const char *metric, *baseline, *role;
    double blocks; /* NAN: sessions are the sample */
    uint64_t sessions_base, sessions_new;
    double base, new;
    double ratio, low, high, level; /* of counts the extremes, and no level */
    double detectable;              /* as of struct compared; NAN of counts */
    double diff, diff_low, diff_high, p, margin, min_effect;
    bool judged, gates, regression; /* gates: it may be a regression */
    enum verdict verdict;
    uint64_t sessions_needed; /* as blocks_needed */
};

/* Sessions in the order of time between which a number of a column did not change. */
struct stretch {
    const char *variant, *column, *metric; /* the column in words */
    const char *file, *from, *to; /* of its first session; and when that and the last began */
    uint64_t sessions;
    double value;           /* the median */
    double ratio, p, level; /* to the stretch before; NAN: it is the first */
};

/* What all of them amount to. */
struct difference {
    const char *of; /* what is tracked: see difference.h */
    uint64_t sessions_base, sessions_new;
    double margin, min_effect;
    uint64_t judged, regressions;
    uint64_t too_few_valid; /* lack sessions: more than half of their runs are not valid */
};

/* Another tool's test and the variant beside it, by block: us per whole exchange. */
struct tool_beside {
    const char *tool, *test, *variant;
    double *theirs_us, *ours_us; /* of the session's memory; NAN: no figure */
    size_t blocks;
    uint64_t missed;      /* of theirs */
    const char *problem;  /* of the last of these; NULL: none */
    const char *notes[6]; /* how the definitions differ; ended by NULL */
};

/* Whether the two agree: the ratio is ours over theirs. */
struct agreed {
    const char *metric, *baseline, *variant, *agreement;
    uint64_t blocks;
    struct comparison comparison;
};

/* A tool that is not here, and how to come by it. */
struct missing {
    const char *what;
};

/* A control of the ruler, or its negative: a case that the same detector must refuse. */
struct checked {
    const char *name, *injected, *found;
    bool negative, detected, pass;
};

/* A count beside what was predicted before the run. */
struct counted {
    double predicted, measured; /* NAN: not known */
    bool equal;
};

enum { CALLS_MAX = 24 };

struct counted_call {
    const char *name;
    struct counted per_message;
};

/* What a reader may be asked of a message that is not the first, before it is measured. */
enum guess { GUESS_PACKETS, GUESS_ROUND_TRIPS, GUESS_CALLS, GUESSES };

/* What a message consists of. */
struct consists {
    const char *variant;
    uint64_t size_bytes, reply_bytes, messages;
    struct counted packets, ip_bytes;
    struct counted kinds[WIRE_DIRECTIONS][WIRE_KINDS];
    double payload_percent, packets_per_message, ip_bytes_per_message;
    double packets_later, ip_bytes_later;
    struct counted waited_first, waited, of_time; /* round trips */
    const char *not_predicted_because, *wire_skipped_because, *explanation;
    struct counted_call calls[2][CALLS_MAX]; /* of client and server; ended by a name of NULL */
    double calls_client, calls_server;
    const char *calls_skipped_because, *loopback_skipped_because;
    double context_switches, client_cpu_us, server_cpu_us;
    struct {
        double p50, mean;
    } connect_us, exchange_us, close_us;
    double guessed[GUESSES];
};

/* The kinds of lists; each has a description in finding_kinds. */
enum list {
    LIST_COMPARISONS,
    LIST_FITS,
    LIST_PER_CONNECTION,
    LIST_CAPACITIES,
    LIST_KNEES,
    LIST_LOST,
    LIST_BEHIND_LOSS,
    LIST_IDLE_POINTS,
    LIST_IDLE_RACE,
    LIST_IDLE_BESIDE,
    LIST_CHECKS,
    LIST_ANATOMY,
    LIST_CHANGES,
    LIST_ONLY_BASE,
    LIST_ONLY_NEW,
    LIST_DIFFERENCE,
    LIST_HISTORY,
    LIST_TOOLS,
    LIST_AGREEMENTS,
    LIST_MISSING,
    LISTS
};

struct finding_kind {
    const char *name;    /* in a result file; NULL: its members are the file's own */
    const char *command; /* of whose files it is; NULL: of all others */
    bool single;         /* one object, no list */
    bool texts;          /* a list of texts: a struct's only member, whose field has no name */
    size_t size;
    const struct field *fields; /* what they do not describe is bench/session's to know */
    unsigned field_count;
};

extern const struct finding_kind finding_kinds[LISTS];

struct findings {
    void *items;
    size_t count;
};

/* A new one at the end, all unknown; NULL without memory. Earlier addresses are void then. */
void *findings_add(struct findings *findings, enum list kind);

/* What it has in common with a run, by name (bench/run/run.h), is the run's. */
void findings_describe(enum list kind, void *finding, const struct run *run);

/* Whether two of a kind agree in these fields: "variant size_bytes". What neither knows is equal.
 */
bool findings_agree(enum list kind, const char *names, const void *one, const void *other);

/* The first that agrees so with `one`, which may be among them; NULL: none does. */
const void *findings_first(const struct findings *findings, enum list kind, const char *names,
                           const void *one);

#endif
