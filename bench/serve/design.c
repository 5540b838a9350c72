/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/design.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench/serve/epoll_server.h"
#include "bench/serve/fork_server.h"
#include "bench/serve/iterative_server.h"
#include "bench/serve/pool.h"
#include "bench/serve/thread_server.h"

const char *const design_names[DESIGNS] = {"pool", "epoll", "iterative", "fork", "thread"};

struct design_server {
    enum design design;
    struct echo_server *server; /* NULL: the workers of the epoll engine have one each */
    union {
        struct pool *pool;
        struct epoll_server *epoll;
        struct iterative_server *iterative;
        struct fork_server *fork;
        struct thread_server *thread;
    } is;
};

static int start_epoll(struct design_server *d, const struct design_options *options,
                       struct echo_address *address) {
    const struct epoll_server_options wanted = {.transport = options->transport,
                                                .server = options->server,
                                                .workers = options->workers,
                                                .idle_timeout_ns = options->idle_timeout_ns};
    return epoll_server_start(&d->is.epoll, &wanted, address);
}

static int start_serving(struct design_server *d, const struct serving_options *options) {
    switch (d->design) {
    case DESIGN_POOL: return pool_start(&d->is.pool, options);
    case DESIGN_ITERATIVE: return iterative_server_start(&d->is.iterative, options);
    case DESIGN_FORK: return fork_server_start(&d->is.fork, options);
    case DESIGN_THREAD: return thread_server_start(&d->is.thread, options);
    default: return -EINVAL;
    }
}

static int start_blocking(struct design_server *d, const struct design_options *options,
                          struct echo_address *address) {
    struct echo_server_options listening = options->server;
    listening.nonblocking = options->spin;
    /* A further socket needs a further thread that waits at it: only the pool has such. */
    listening.sockets = d->design == DESIGN_POOL ? options->workers : 1;
    int failed = options->transport->server->listen(&d->server, &listening);
    if (failed != 0) return failed;
    const struct serving_options serving = {
        .server = d->server, .spin = options->spin, .idle_timeout_ns = options->idle_timeout_ns};
    failed = echo_address_of_socket(address, d->server->socket);
    if (failed == 0) failed = start_serving(d, &serving);
    if (failed != 0) d->server->steps->release(d->server);
    return failed;
}

int design_start(struct design_server **server, const struct design_options *options,
                 struct echo_address *address) {
    struct design_server *d = calloc(1, sizeof *d);
    if (d == NULL) return -ENOMEM;
    d->design = options->design;
    const int failed = d->design == DESIGN_EPOLL ? start_epoll(d, options, address)
                                                 : start_blocking(d, options, address);
    if (failed != 0) {
        free(d);
        return failed;
    }
    *server = d;
    return 0;
}

void design_stop(struct design_server *server, uint64_t *counts) {
    switch (server->design) {
    case DESIGN_POOL: pool_stop(server->is.pool, counts); break;
    case DESIGN_EPOLL: epoll_server_stop(server->is.epoll, counts); break;
    case DESIGN_ITERATIVE: iterative_server_stop(server->is.iterative, counts); break;
    case DESIGN_FORK: fork_server_stop(server->is.fork, counts); break;
    case DESIGN_THREAD: thread_server_stop(server->is.thread, counts); break;
    default: break;
    }
    if (server->server != NULL) server->server->steps->release(server->server);
    free(server);
}

void design_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
