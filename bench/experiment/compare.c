/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab compare, and sweep along an ordinary axis: every variant, its floor
 * and a second run of the first, once per block in shuffled order.
 */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/compared.h"
#include "bench/judge/models.h"

/*
 * A remote server is no floor server, a floor keeps no schedule and meets no
 * loss; and where two builds or many points are compared the time is better
 * spent on them.
 */
static bool with_floors(const struct request *r) {
    const struct axis *axis = axis_find(r->axis);
    if (r->run.rate_per_s > 0 || r->rate_half || r->run.loss_percent > 0) return false;
    if (r->run.host != NULL || r->against != NULL) return false;
    return axis == NULL || axis->floors;
}

/* Where a sweep of the rate asks each variant unless told: shares of what it carries. */
static const double shares[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.1};

static bool add_point(struct lab *lab, const struct axis *axis, unsigned point) {
    const struct request *r = lab->request;
    const unsigned all = r->variant_count;
    const struct {
        enum role role;
        unsigned count;
        bool against;
    } rows[] = {{ROLE_VARIANT, all, false},
                {ROLE_VARIANT, r->against != NULL ? all : 0, true},
                {ROLE_FLOOR, with_floors(r) ? all : 0, false},
                {ROLE_A_A, axis == NULL, false}}; /* the first alone */
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        for (unsigned i = 0; i < rows[k].count; i++) {
            struct column *column = lab_add(lab, r->variants[i], rows[k].role);
            if (column == NULL) return false;
            column->against = rows[k].against;
            column->point = point;
            if (axis != NULL && r->point_count == 0) {
                column->share = shares[point];
                continue;
            }
            if (axis != NULL) axis_apply(axis, r->points[point], &column->run);
        }
    }
    return true;
}

int compare_plan(struct lab *lab) {
    const struct request *r = lab->request;
    const struct axis *axis = axis_find(r->axis);
    const bool own = axis != NULL && r->point_count == 0;
    const unsigned points = axis == NULL ? 1
                            : own        ? sizeof shares / sizeof *shares
                                         : r->point_count;
    lab->plan.needs_capacity = r->rate_half || own;
    /* Nothing is compared within a block there, so what waits need not wait for what works. */
    if (r->axis != NULL && strcmp(r->axis, "rtt") == 0) lab->plan.order = ORDER_HEAVIEST;
    for (unsigned p = 0; p < points; p++) {
        if (!add_point(lab, axis, p)) return complain("no memory for the plan");
    }
    if (lab->plan.count <= COLUMNS_MAX) return EXIT_DONE;
    return complain("%u runs in every block are too many: leave out points or variants",
                    lab->plan.count);
}

void compare_conclude(struct lab *lab) {
    compared_list(&lab->session->lists[LIST_COMPARISONS], &lab->session->runs,
                  lab->request->margin_percent / 100);
}

void rtt_conclude(struct lab *lab) {
    fits_list(&lab->session->lists[LIST_FITS], &lab->session->runs);
}

void per_connection_conclude(struct lab *lab) {
    compare_conclude(lab);
    per_connection_list(&lab->session->lists[LIST_PER_CONNECTION], &lab->session->runs);
}
