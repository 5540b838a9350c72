/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/epoll_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/serve/epoll_worker.h"

struct epoll_server {
    const struct echo_transport *transport;
    struct echo_server **servers; /* one per worker */
    struct epoll_worker *workers;
    pthread_t *threads;
    unsigned count, started;
    int wake; /* an eventfd that all watch; written once */
    atomic_bool stopping;
};

int epoll_server_listen(struct echo_server **servers, unsigned count,
                        const struct echo_transport *transport,
                        const struct echo_server_options *options, struct echo_address *address) {
    struct echo_server_options wanted = *options;
    wanted.nonblocking = true;
    wanted.sockets = 1;
    wanted.sharing = count > 1 ? ECHO_SHARES_PORT : ECHO_ALONE;
    int failed = 0;
    unsigned made = 0;
    while (failed == 0 && made < count) {
        failed = transport->server->listen(&servers[made], &wanted);
        if (failed != 0) break;
        if (made == 0) failed = echo_address_of_socket(&wanted.address, servers[0]->socket);
        wanted.sharing = ECHO_JOINS_PORT; /* on the port that the first one got */
        made++;
    }
    if (failed == 0) *address = wanted.address;
    while (failed != 0 && made > 0) {
        transport->server->release(servers[--made]);
        servers[made] = NULL;
    }
    return failed;
}

static void *work(void *argument) {
    epoll_worker_run(argument);
    return NULL;
}

static int start_worker(struct epoll_server *s, unsigned i, uint64_t idle_timeout_ns) {
    struct epoll_worker *w = &s->workers[i];
    w->server = s->servers[i];
    w->stopping = &s->stopping;
    w->wake = s->wake;
    w->idle_timeout_ns = idle_timeout_ns;
    int failed = epoll_worker_open(w);
    if (failed != 0) return failed;
    failed = pthread_create(&s->threads[i], NULL, work, w);
    if (failed != 0) epoll_worker_close(w, NULL);
    return -failed;
}

/* Not calloc: it does not know of cache lines. */
static struct epoll_worker *make_workers(unsigned count) {
    struct epoll_worker *workers =
        aligned_alloc(alignof(struct epoll_worker), count * sizeof *workers);
    if (workers != NULL) memset(workers, 0, count * sizeof *workers);
    return workers;
}

static int make(struct epoll_server **server, const struct epoll_server_options *options) {
    struct epoll_server *s = calloc(1, sizeof *s);
    if (s == NULL) return -ENOMEM;
    s->transport = options->transport;
    s->count = options->workers == 0 ? 1 : options->workers;
    s->servers = calloc(s->count, sizeof(struct echo_server *));
    s->threads = calloc(s->count, sizeof *s->threads);
    s->workers = make_workers(s->count);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *server = s;
    if (s->servers == NULL || s->threads == NULL || s->workers == NULL) return -ENOMEM;
    return s->wake < 0 ? -errno : 0;
}

int epoll_server_start(struct epoll_server **server, const struct epoll_server_options *options,
                       struct echo_address *address) {
    struct epoll_server *s = NULL;
    int failed = make(&s, options);
    if (failed == 0) {
        failed = epoll_server_listen(s->servers, s->count, s->transport, &options->server, address);
    }
    while (failed == 0 && s->started < s->count) {
        failed = start_worker(s, s->started, options->idle_timeout_ns);
        s->started += failed == 0;
    }
    if (failed != 0 && s != NULL) epoll_server_stop(s, NULL);
    if (failed == 0) *server = s;
    return failed;
}

void epoll_server_stop(struct epoll_server *server, uint64_t *counts) {
    const uint64_t one = 1;
    atomic_store(&server->stopping, true);
    if (server->wake >= 0) (void)!write(server->wake, &one, sizeof one);
    for (unsigned i = 0; i < server->started; i++) {
        (void)pthread_join(server->threads[i], NULL);
        epoll_worker_close(&server->workers[i], counts);
    }
    for (unsigned i = 0; server->servers != NULL && i < server->count; i++) {
        server->transport->server->release(server->servers[i]);
    }
    if (server->wake >= 0) (void)close(server->wake);
    free(server->workers);
    free(server->threads);
    free(server->servers);
    free(server);
}
