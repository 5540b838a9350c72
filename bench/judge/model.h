/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is predicted without measuring: how many round trips a message waits
 * for, from its start to its verified reply. It depends on no machine.
 */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

/* 0: the model does not know this variant. */
double model_round_trips(const char *variant);

/* Work on one core, then the round trips. */
double model_latency_us(const char *variant, double work_us, double rtt_ms);

/* Protocols that the lab does not carry. */
struct model_protocol {
    const char *name;
    double round_trips;
};

extern const struct model_protocol model_protocols[]; /* ends with a name of NULL */

#endif
