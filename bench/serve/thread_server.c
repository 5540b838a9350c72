/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/thread_server.h"

#include <errno.h>
#include <stdlib.h>

struct thread {
    struct thread_server *server;
    struct thread *previous, *next; /* of all; who accepts keeps this list */
    struct thread *next_ended;
    pthread_t id;
    struct serving serving;
    struct echo_connection *connection;
};

struct thread_server {
    pthread_t id;
    struct serving accepting;
    struct thread *threads;
    pthread_mutex_t lock;
    struct thread *ended; /* wait to be joined; under the lock */
    uint64_t counts[ECHO_COUNTS];
};

static void *serve(void *argument) {
    struct thread *t = argument;
    serving_run(&t->serving, t->connection);
    (void)pthread_mutex_lock(&t->server->lock);
    t->next_ended = t->server->ended;
    t->server->ended = t;
    (void)pthread_mutex_unlock(&t->server->lock);
    return NULL;
}

static void forget(struct thread_server *s, struct thread *t) {
    if (t->previous != NULL) t->previous->next = t->next;
    if (t->previous == NULL) s->threads = t->next;
    if (t->next != NULL) t->next->previous = t->previous;
    serving_release(&t->serving, s->counts);
    free(t);
}

static void join_ended(struct thread_server *s) {
    (void)pthread_mutex_lock(&s->lock);
    struct thread *t = s->ended;
    s->ended = NULL;
    (void)pthread_mutex_unlock(&s->lock);
    while (t != NULL) {
        struct thread *next = t->next_ended;
        (void)pthread_join(t->id, NULL);
        forget(s, t);
        t = next;
    }
}

static int start_thread(struct thread_server *s, struct echo_connection *connection) {
    struct thread *t = calloc(1, sizeof *t);
    if (t == NULL) return -ENOMEM;
    t->server = s;
    t->connection = connection;
    serving_init(&t->serving, &s->accepting.options);
    t->serving.timed = s->accepting.timed;
    t->next = s->threads;
    if (t->next != NULL) t->next->previous = t;
    s->threads = t;
    const int failed = pthread_create(&t->id, NULL, serve, t);
    if (failed != 0) forget(s, t);
    return -failed;
}

static void *accept_all(void *argument) {
    struct thread_server *s = argument;
    struct echo_connection *connection;
    while (serving_accept(&s->accepting, &connection) == 0) {
        join_ended(s);
        /* Where there can be no further thread this one serves: late is better than not. */
        if (start_thread(s, connection) != 0) serving_run(&s->accepting, connection);
    }
    return NULL;
}

int thread_server_start(struct thread_server **server, const struct serving_options *options) {
    struct thread_server *s = calloc(1, sizeof *s);
    if (s == NULL) return -ENOMEM;
    serving_init(&s->accepting, options);
    (void)pthread_mutex_init(&s->lock, NULL);
    const int failed = pthread_create(&s->id, NULL, accept_all, s);
    if (failed != 0) {
        serving_release(&s->accepting, NULL);
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
        return -failed;
    }
    *server = s;
    return 0;
}

void thread_server_stop(struct thread_server *server, uint64_t *counts) {
    struct echo_server *listening = server->accepting.options.server;
    serving_end(&server->accepting);
    listening->steps->stop(listening);
    (void)pthread_join(server->id, NULL);
    /* From here on the list of all is ours. */
    for (struct thread *t = server->threads; t != NULL; t = t->next) serving_end(&t->serving);
    while (server->threads != NULL) {
        (void)pthread_join(server->threads->id, NULL);
        forget(server, server->threads);
    }
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += server->counts[i];
    serving_release(&server->accepting, counts);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}
