/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/faults.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

const char *const fault_names[FAULT_CALLS] = {"send",           "recv",  "connect",    "accept4",
                                              "socket",         "bind",  "setsockopt", "malloc",
                                              "pthread_create", "ppoll", "socketpair", "fork"};

static _Thread_local struct fault *armed, *for_threads;

void fault_arm(struct fault *fault) {
    armed = fault;
}

void fault_arm_threads(struct fault *fault) {
    for_threads = fault;
}

bool fault_happened(struct fault *fault) {
    return atomic_load(&fault->happened) > 0;
}

/* Whether this call is the one. */
static bool strikes(enum fault_call call) {
    struct fault *fault = armed;
    if (fault == NULL || fault->call != call) return false;
    const unsigned number = atomic_fetch_add(&fault->calls, 1) + 1;
    if (fault->nth != 0 && number != fault->nth) return false;
    (void)atomic_fetch_add(&fault->happened, 1);
    return true;
}

/* Whether this call fails, with errno set. */
static bool fails(enum fault_call call) {
    if (!strikes(call)) return false;
    errno = armed->error;
    return true;
}

/* As for `fails`; a short one is let through with *size cut to a byte instead. */
static bool transfer_fails(enum fault_call call, size_t *size) {
    if (!strikes(call)) return false;
    errno = armed->error;
    if (armed->error != FAULT_SHORT) return true;
    if (*size > 1) *size = 1;
    return false;
}

/*
 * The linker's names. The real ones are weak, so that this file links with
 * programs that wrap nothing; it is never called there.
 */
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
#define REAL(type, name, ...)                                                                      \
    __attribute__((weak)) type __real_##name(__VA_ARGS__);                                         \
    type __wrap_##name(__VA_ARGS__);

REAL(ssize_t, send, int, const void *, size_t, int)
REAL(ssize_t, sendto, int, const void *, size_t, int, const struct sockaddr *, socklen_t)
REAL(int, sendmmsg, int, struct mmsghdr *, unsigned, int)
REAL(int, recvmmsg, int, struct mmsghdr *, unsigned, int, struct timespec *)
REAL(ssize_t, sendmsg, int, const struct msghdr *, int)
REAL(ssize_t, recv, int, void *, size_t, int)
REAL(ssize_t, recvfrom, int, void *, size_t, int, struct sockaddr *, socklen_t *)
REAL(ssize_t, recvmsg, int, struct msghdr *, int)
REAL(int, connect, int, const struct sockaddr *, socklen_t)
REAL(int, accept4, int, struct sockaddr *, socklen_t *, int)
REAL(int, socket, int, int, int)
REAL(int, bind, int, const struct sockaddr *, socklen_t)
REAL(int, listen, int, int)
REAL(int, setsockopt, int, int, int, const void *, socklen_t)
REAL(void *, malloc, size_t)
REAL(void *, calloc, size_t, size_t)
REAL(void *, realloc, void *, size_t)
REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)
REAL(int, ppoll, struct pollfd *, nfds_t, const struct timespec *, const sigset_t *)
REAL(int, socketpair, int, int, int, int *)
REAL(pid_t, fork, void)

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags) {
    if (transfer_fails(FAULT_SEND, &size)) return -1;
    return __real_send(fd, bytes, size, flags);
}

ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to,
                      socklen_t to_size) {
    return fails(FAULT_SEND) ? -1 : __real_sendto(fd, bytes, size, flags, to, to_size);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    return fails(FAULT_SEND) ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags) {
    if (transfer_fails(FAULT_RECEIVE, &size)) return -1;
    return __real_recv(fd, bytes, size, flags);
}

ssize_t __wrap_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *from,
                        socklen_t *from_size) {
    return fails(FAULT_RECEIVE) ? -1 : __real_recvfrom(fd, bytes, size, flags, from, from_size);
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    return fails(FAULT_SEND) ? -1 : __real_sendmmsg(fd, messages, count, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags) {
    return fails(FAULT_RECEIVE) ? -1 : __real_recvmsg(fd, message, flags);
}

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout) {
    return fails(FAULT_RECEIVE) ? -1 : __real_recvmmsg(fd, messages, count, flags, timeout);
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t size) {
    return fails(FAULT_CONNECT) ? -1 : __real_connect(fd, to, size);
}

int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *size, int flags) {
    return fails(FAULT_ACCEPT) ? -1 : __real_accept4(fd, from, size, flags);
}

int __wrap_socket(int domain, int type, int protocol) {
    return fails(FAULT_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *at, socklen_t size) {
    return fails(FAULT_BIND) ? -1 : __real_bind(fd, at, size);
}

int __wrap_listen(int fd, int backlog) {
    return fails(FAULT_BIND) ? -1 : __real_listen(fd, backlog);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    return fails(FAULT_OPTION) ? -1 : __real_setsockopt(fd, level, name, value, size);
}

void *__wrap_malloc(size_t size) {
    return fails(FAULT_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails(FAULT_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails(FAULT_MEMORY) ? NULL : __real_realloc(old, size);
}

int __wrap_ppoll(struct pollfd *at, nfds_t count, const struct timespec *left,
                 const sigset_t *mask) {
    return fails(FAULT_POLL) ? -1 : __real_ppoll(at, count, left, mask);
}

int __wrap_socketpair(int domain, int type, int protocol, int *ends) {
    return fails(FAULT_PAIR) ? -1 : __real_socketpair(domain, type, protocol, ends);
}

pid_t __wrap_fork(void) {
    return fails(FAULT_FORK) ? -1 : __real_fork();
}

struct start {
    struct fault *fault;
    void *(*body)(void *);
    void *argument;
};

static void *start_armed(void *argument) {
    const struct start start = *(const struct start *)argument;
    free(argument);
    armed = for_threads = start.fault;
    return start.body(start.argument);
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *argument) {
    if (fails(FAULT_THREAD)) return errno; /* it returns what others set */
    if (for_threads == NULL) return __real_pthread_create(id, attributes, body, argument);
    struct start *start = __real_malloc(sizeof *start);
    if (start == NULL) return ENOMEM;
    *start = (struct start){.fault = for_threads, .body = body, .argument = argument};
    const int failed = __real_pthread_create(id, attributes, start_armed, start);
    if (failed != 0) free(start);
    return failed;
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
