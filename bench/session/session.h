/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session: what one invocation measured and concluded, and where. It is what
 * a result file holds ("schema": "echolab/1"), read and written here and
 * nowhere else: this room alone knows JSON.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include "bench/judge/environment_difference.h"
#include "bench/judge/findings.h"
#include "bench/run/run.h"

#define SESSION_SCHEMA "echolab/1"

enum { SESSION_WHY = 1024 };

struct session {
    char *file;              /* where it was read; NULL: made here */
    const char *command;     /* "compare", "sweep", ... */
    const char *axis;        /* of a sweep, else NULL */
    const char *const *argv; /* the whole command line, ended by NULL; NULL: an older file */
    const char *started;     /* UTC, "2026-01-31T12:34:56Z"; NULL: an older file */
    const char *host;        /* the machine's name; NULL likewise */
    const char *server;      /* the address of --host; NULL: servers of its own */
    uint64_t seed;           /* FIELD_UNKNOWN: none */
    double reference_us;     /* an exchange through pipes (bench/run/reference.h); NAN: none */
    double rtt_ms;           /* of a sweep over one wire; NAN: none, or several */
    bool interrupted;
    struct facts environment; /* read before the first run; "after.": behind the last; or none */
    struct runs runs;
    struct findings lists[LISTS];
    struct environment_differences around; /* of diff: what differs around the program */
    void **memory;                         /* what it owns, for session_memory */
    size_t memory_count;
    void *beside; /* what a file holds beyond all this */
};

/* Empty; for session_free. NULL without memory. */
struct session *session_new(const char *command, const char *axis);
void session_free(struct session *session); /* NULL is ignored */

/* Takes what was malloc'd: it lives as long as the session; NULL without memory. */
void *session_keep(struct session *session, void *memory);

/* Zeroed bytes that live as long as the session; NULL without memory. */
void *session_memory(struct session *session, size_t count, size_t size);

/* A text that does; "" without memory. */
const char *session_text(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The i-th finding of a kind, `type` being its struct. */
#define SESSION_AT(session, kind, type, i) (&((type *)(session)->lists[kind].items)[i])

/*
 * Reads a result file. What comes out can be worked with without another
 * look: every field that is promised is there and has a value that it can
 * have. Nothing is repaired; what an older file lacks is the usual, or not
 * known. NULL: `why` (SESSION_WHY bytes) is a sentence that names the file,
 * the place in it and what is wrong there.
 */
struct session *session_read(const char *path, char *why);

/* Whether its runs can be compared: at least one, as of `compare` or `sweep`. */
bool session_has_runs(const struct session *session, char *why);

/* Replaces `path` whole or not at all. 0 or -errno. */
int session_write(const struct session *session, const char *path);

/* One row per run, fixed columns: see README. 0 or -errno. */
int session_write_csv(const struct session *session, const char *path);

/* ---- files that are whole or absent: written under another name, then renamed ---- */

/* Whether a file could be written at `path`: 0 or -errno. Leaves nothing behind. */
int output_check(const char *path);

/* "-", or what the standard output is: then what else is told goes to the standard error. */
bool output_is_stdout(const char *path);

/* Replaces `path` by `text`. 0 or -errno; an older file stays untouched then. */
int output_write(const char *path, const char *text, size_t size);

/* ---- one run alone: `echolab run`, and what another build of it prints ---- */

/* NULL: it is none; then `why` (SESSION_WHY bytes) says what is wrong. */
struct run *session_run_of(const char *text, size_t length, const struct parameters *asked,
                           char *why);

/* As one line of JSON on stdout; 0 or -errno. */
int session_print_run(const struct run *run);

#endif
