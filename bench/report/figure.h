/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A figure is a row of figures.c: which runs it shows, along which axis, and
 * what a row of its data has. The data become DIR/data/NAME.tsv, which
 * plots/NAME.gp draws. To add a figure is to add a row, and that script.
 *
 * Which runs a figure shows: valid ones of variants, alike in all parameters
 * that make runs a series of their own (bench/run/parameters.h) but the one
 * along the axis. Of each the usual value counts: that under which most points
 * of the axis were run, and of two equal in this the one with more runs.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include "bench/session/results.h"
#include "bench/tell/fill.h"

/* ---- table.c: named columns, and in each row cells that are a number, a text or nothing ---- */

enum { TABLE_COLUMNS = 20 };

struct cell {
    double number; /* NAN: none */
    char *text;    /* malloc'd, of a cell that is a text; else NULL */
};

struct table {
    char *columns[TABLE_COLUMNS];   /* malloc'd */
    char *templates[TABLE_COLUMNS]; /* of tell/fill.h, malloc'd; NULL: the member of that name */
    size_t width;
    struct cell *cells; /* malloc'd, row by row */
    size_t count;
};

void table_free(struct table *table);

/* One more column; only before the first cell. */
void table_column(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Several at once, with bars between: "variant|latency_us|runs". Behind a name
 * may stand a template (tell/fill.h) of its cells: "where=[RTT {rtt_ms} ms]".
 */
void table_columns(struct table *table, const char *columns);

/* A row from a described struct; what a template says, "none" where that is nothing. */
void table_row(struct table *table, struct source source);

/* The next cell. What is not finite is nothing. */
void table_number(struct table *table, double number);
void table_text(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t table_rows(const struct table *table);

/* NAN, "": there is none, or no such column. */
double table_get(const struct table *table, size_t row, const char *column);
const char *table_word(const struct table *table, size_t row, const char *column);

/* Whether the row and the one before it are of one series: begin alike. */
bool table_goes_on(const struct table *table, size_t row);

/* The row for a template; `fields` is for its description. */
struct source table_source(const struct table *table, size_t row,
                           struct field fields[TABLE_COLUMNS]);

/* Tabs between, "-" for nothing, the names first; malloc'd, NULL without memory. */
char *table_text_of(const struct table *table);

/* ---- figures ---- */

/* Along which a figure goes. */
struct selection_axis {
    const char *column;                  /* in the data */
    const char *option;                  /* the parameter, and the sweep along it */
    double (*at)(const struct run *run); /* NULL: by the parameter */
    const char *const *names;            /* of its values, ended by NULL; NULL: they are numbers */
};

struct selection_rule {
    const struct selection_axis *axis; /* NULL: none */
    bool sweep;                        /* of sweeps along it alone, else of compare, too */
    unsigned points;                   /* fewer are no figure */
    bool wire, loses, open;            /* over a wire, that loses, in an open loop; else not */
    bool one_session;                  /* whose blocks are one series */
    bool page;                         /* of equally many messages, and of one session */
};

enum {
    FIGURE_METRICS = 4,
    FIGURE_DRAWN = 3,
    FIGURE_ONE_PACKET = 1432 /* bytes of the largest payload whose datagram is one packet */
};

/* A figure's data. */
struct drawing {
    const struct figure *figure;
    const struct results *results;
    struct table table;
    char *conditions;           /* what all its runs share, in words; malloc'd, or NULL */
    const struct session *from; /* of its first run, or its finding; NULL: no session's */
    const struct runs *own;     /* of the variant whose rows are filled */
    char *missing;              /* why there is nothing to draw; NULL: there is */
};

typedef void figure_row(struct drawing *drawing, const struct runs *here);

/* A number of a run, shown as a median over runs with its interval. */
struct figure_metric {
    const char *column;
    double (*of)(const struct run *run);
};

struct figure {
    const char *name;
    const char *plan; /* the part of `make bench` that measures it */
    const char *unit; /* of its first metric, in words */
    bool numbers;     /* on the page its data are a table, too */
    const char *title;
    const char *caption; /* with {braces}: see captions.c */
    struct selection_rule runs;
    const struct finding_kind *findings; /* instead of runs: a row each, of all sessions */
    const char *conditions;              /* then: in words, a template of the first */
    const char *columns; /* as table_columns takes them; NULL: who, axis, metrics, runs */
    struct figure_metric metrics[FIGURE_METRICS];

    /* What must have numbers, or there is nothing to draw; on a logarithmic axis above 0. */
    struct {
        const char *column;
        bool logarithmic;
    } drawn[FIGURE_DRAWN];

    /* Rows of the runs at a point, of one variant; NULL: medians. Of a finding. Of neither. */
    figure_row *row;
    void (*tell)(struct drawing *drawing, const void *finding); /* NULL: its columns */
    void (*fill)(struct drawing *drawing);
    struct {
        const char *column, *why; /* why a point may be off it, in words */
        double (*of)(const struct drawing *drawing, const struct runs *here);
    } model; /* of its first metric; `of` NULL: of none */
};

extern const struct figure figures[];
extern const unsigned figure_count;

/* Its data; for drawing_free. */
struct drawing figure_fill(const struct figure *figure, const struct results *results);
void drawing_free(struct drawing *drawing);

/* NULL: there is none of that name. */
const struct drawing *drawing_find(const struct drawing *drawings, const char *name);

const struct session *figure_session_of(const struct results *results, const struct run *run);

/* Three cells, of which what is not known is nothing. */
void table_interval(struct table *table, double value, double low, double high);
void table_middle(struct table *table, struct middle middle);

/* Where a run is on the axis; NAN: nowhere. */
double figure_at(const struct selection_axis *axis, const struct run *run);

/* The cells of who and where a row is: the variant, and the place on the axis. */
void table_place(struct table *table, const struct selection_axis *axis, const struct run *run);

/*
 * DIR/data/: a table for each figure that can be drawn, variants.tsv and
 * figures.tsv (name, title, conditions); those of an older measurement are
 * removed. 0, or -errno and a sentence in `why` (SESSION_WHY bytes).
 */
int drawings_write(const struct drawing *drawings, const char *directory, char *why);

/* Replaces DIR/FOLDER/NAME whole or not at all; makes the folder. 0, or -errno and a sentence. */
int report_save(const char *directory, const char *folder, const char *name, const char *text,
                char *why);

#endif
