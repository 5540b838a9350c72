/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The experiments. */
#include <string.h>

#include "bench/experiment/all.h"

const struct experiment experiments[] = {
    {"compare", NULL, BY_COMPARE, .blocks = 15, .plan = compare_plan, .after = anatomy_count,
     .conclude = compare_conclude, .table = compare_table, .tell = compare_tell},
    {"sweep", NULL, BY_SWEEP, .blocks = 6, .plan = compare_plan, .conclude = compare_conclude,
     .table = compare_table},
    {"sweep", "size", BY_SWEEP, .blocks = 6, .plan = compare_plan, .conclude = compare_conclude,
     .table = compare_table, .tell = size_tell},
    {"sweep", "rtt", BY_RTT, .blocks = 6, .plan = compare_plan, .conclude = rtt_conclude,
     .table = rtt_table, .tell = rtt_tell},
    {"sweep", "per-connection", BY_SWEEP, .blocks = 6, .plan = compare_plan,
     .conclude = per_connection_conclude, .table = per_connection_table,
     .tell = per_connection_tell},
    {"sweep", "rate", BY_RATE, .blocks = 6, .plan = compare_plan, .conclude = rate_conclude,
     .table = rate_table, .tell = rate_tell},
    {"sweep", "connections", BY_SWEEP, .blocks = 6, .plan = compare_plan,
     .conclude = compare_conclude, .table = compare_table, .tell = sweep_connections_tell},
    {"sweep", "pipeline", BY_SWEEP, .blocks = 6, .plan = compare_plan, .conclude = compare_conclude,
     .table = compare_table, .tell = pipeline_tell},
    {"sweep", "design", BY_SWEEP, .blocks = 6, .plan = compare_plan, .conclude = compare_conclude,
     .table = compare_table, .tell = sweep_design_tell},
    {"sweep", "loss", BY_PACKET, .blocks = 6, .plan = loss_plan, .conclude = loss_conclude,
     .tell = loss_tell},
    {"sweep", "loss", BY_TRAFFIC, .blocks = 6, .plan = head_of_line_plan,
     .conclude = head_of_line_conclude, .table = head_of_line_table, .tell = head_of_line_tell},
    {"sweep", "idle", BY_IDLE,
     .blocks = 3, /* each waits as long as the others, and shows the same steps */
     .plan = idle_plan, .conclude = idle_conclude, .tell = idle_tell},
    {"anatomy", NULL, BY_ANATOMY, .blocks = 1, .plan = anatomy_plan, .measure = anatomy_measure,
     .table = anatomy_table, .tell = anatomy_tell, .status = anatomy_status},
    {"ladder", NULL, BY_LADDER, .measure = ladder_measure, .tell = ladders_tell},
    {"check", NULL, BY_CHECK, .blocks = 20, .measure = check_measure, .preview = check_preview,
     .tell = check_tell, .status = check_status},
    {"diff", NULL, BY_DIFF, .measure = diff_measure, .reads_files = true, .table = diff_table,
     .tell = diff_tell, .status = diff_status},
    {"diff", NULL, BY_HISTORY, .measure = history_measure, .reads_files = true,
     .tell = history_tell},
    {"crosscheck", NULL, BY_CROSSCHECK, .blocks = 6, .measure = crosscheck_measure,
     .preview = crosscheck_preview, .conclude = crosscheck_conclude, .tell = crosscheck_tell,
     .status = crosscheck_status}};

const unsigned experiment_count = sizeof experiments / sizeof experiments[0];

/* A sweep of one axis has two rows, and so has diff: `taker` tells them apart. */
static bool is_meant(const struct experiment *experiment, const struct request *request) {
    if (experiment->taker == BY_PACKET) return request->packet;
    if (experiment->taker == BY_TRAFFIC) return !request->packet;
    if (experiment->taker == BY_HISTORY) return request->history != NULL;
    if (experiment->taker == BY_DIFF) return request->history == NULL;
    return true;
}

const struct experiment *experiment_of(const char *command, const struct request *request) {
    const struct experiment *usual = NULL;
    for (unsigned i = 0; i < experiment_count; i++) {
        const struct experiment *one = &experiments[i];
        if (strcmp(one->command, command) != 0) continue;
        if (one->axis == NULL && is_meant(one, request)) usual = one;
        if (one->axis == NULL || request->axis == NULL) continue;
        if (strcmp(one->axis, request->axis) == 0 && is_meant(one, request)) return one;
    }
    return usual;
}
