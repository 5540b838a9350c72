/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The n-th call fails. The linker sends the calls of all our objects through
 * here (-Wl,--wrap=send and so on: see test_faults.c); a thread that is not
 * armed gets the real ones. What can be armed is a row of the table in
 * faults.c.
 *
 *     struct fault fault = {.call = FAULT_RECEIVE, .nth = 3, .error = ECONNRESET};
 *     fault_arm(&fault);
 *     ...
 *     fault_arm(NULL);
 *     assert_true(fault_happened(&fault));
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>

enum fault_call {
    FAULT_SEND,    /* send, sendto, sendmsg */
    FAULT_RECEIVE, /* recv, recvfrom, recvmsg */
    FAULT_CONNECT,
    FAULT_ACCEPT,
    FAULT_SOCKET,
    FAULT_BIND, /* bind, listen */
    FAULT_OPTION,
    FAULT_MEMORY, /* malloc, calloc, realloc */
    FAULT_THREAD,
    FAULT_POLL,
    FAULT_PAIR,
    FAULT_FORK,
    FAULT_CALLS
};

extern const char *const fault_names[FAULT_CALLS];

/* FAULT_SEND and FAULT_RECEIVE on a stream: at most one byte goes, and that is no error. */
enum { FAULT_SHORT = 0 };

struct fault {
    enum fault_call call;
    unsigned nth; /* 1 is the first; 0: every one */
    int error;    /* errno, or FAULT_SHORT */
    atomic_uint calls, happened;
};

/* For the calls of this thread. NULL: no longer. */
void fault_arm(struct fault *fault);

/*
 * For the threads that this one starts from now on, and those that they
 * start; all count together. The fault must outlive them.
 */
void fault_arm_threads(struct fault *fault);

bool fault_happened(struct fault *fault);

#endif
