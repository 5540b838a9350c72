/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "bench/experiment/experiment.h"

#define MS 1e6

/* A few messages at each: all they do is wait. The first, which connects, is not counted. */
static void few_messages(double point, struct parameters *run) {
    const uint64_t few = 12;
    const uint64_t many = 400;
    run->wire = true;
    run->warmup_ns = (uint64_t)MS;
    if (run->messages == 0) run->messages = point >= MS ? few : many;
}

/* An echo: what is asked for is as long as what is sent. */
static void reply_alike(double point, struct parameters *run) {
    run->reply_bytes = (unsigned)point;
}

const struct axis axes[] = {
    {"size", "size", "64,256,1k,4k,16k,61440", .apply = reply_alike},
    {"connections", "connections", .points = "1,2,4,8,16,32,64,128,256,512,1024"},
    {"per-connection", "per-connection", "1,2,5,10,20,50,100,none", .kept = true, .floors = true},
    {"rate", .option = "rate"}, /* its own points are shares of what each variant can carry */
    {"pipeline", "pipeline", "1,2,4,8,16,32,64,128", .pipelines = true},
    {"design", "design", .points = "iterative,pool,thread,fork,epoll"},
    {"rtt", "rtt", "0ms,5ms,10ms,20ms,40ms", .apply = few_messages},
    {"rto-floor", "rto-floor", "1ms,200ms", .retries = true}, /* why people choose UDP; TCP's own */
    {"loss", "rate", "20,200,1k", .most = 100000, .wire = true}, /* of --rate: see head_of_line.c */
    {"idle", "gap", "1ms,10ms,100ms,250ms,500ms,1s,3s,10s", .most = 60000 * MS, .wire = true}};

const unsigned axis_count = sizeof axes / sizeof axes[0];

const struct axis *axis_find(const char *name) {
    for (unsigned i = 0; name != NULL && i < axis_count; i++)
        if (strcmp(axes[i].name, name) == 0) return &axes[i];
    return NULL;
}

/* A point is the parameter's value as it lies there, a choice by its number. */
static struct field field_of(const struct axis *axis) {
    const struct parameter *parameter = parameter_find(axis->option);
    struct field field = parameter->field;
    field.unit = 1;
    field.nullable = false;
    if (parameter->form == FORM_CHOICE) field.kind = FIELD_UNSIGNED;
    return field;
}

int axis_parse(const struct axis *axis, const char *text, double *point) {
    struct parameters scratch = {.variant = NULL};
    const struct field field = field_of(axis);
    const bool none = axis->kept && strcmp(text, "none") == 0; /* no limit, which is 0 */
    const int failed = none ? 0 : parameter_parse(parameter_find(axis->option), text, &scratch);
    if (failed != 0) return failed;
    *point = field_get(&field, &scratch).number;
    return axis->most > 0 && *point > axis->most ? -ERANGE : 0;
}

void axis_apply(const struct axis *axis, double point, struct parameters *run) {
    const struct field field = field_of(axis);
    (void)field_set(&field, run, (struct field_value){.number = point});
    if (axis->apply != NULL) axis->apply(point, run);
}
