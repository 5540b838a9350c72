/* SPDX-License-Identifier: MIT */
/*
 * The contract between a transport and whoever uses it.
 *
 * A transport carries messages; it does not know when one is due, who waits
 * for it, or how long anything took. That is the driver's: it calls the steps
 * below, and a step that would have to wait says -EAGAIN and lets the driver
 * decide how (block, poll, spin). The same code therefore serves one blocking
 * socket with the fewest system calls, and many non-blocking ones.
 *
 * Every function returns 0 or -errno unless it says otherwise. None prints,
 * none exits. A client or a connection belongs to one thread at a time.
 */
#ifndef ECHO_SERVICE_H
#define ECHO_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "echo/address.h"
#include "echo/message.h"

/* How long a connection (or, without connections, a socket) lives. */
enum echo_lifetime {
    ECHO_PERSISTENT,    /* one for all messages (keep-alive), or for so many: per_connection */
    ECHO_SERVER_CLOSES, /* one per message, the server closes first (HTTP/1.0) */
    ECHO_CLIENT_CLOSES, /* one per message, the client closes first */
    ECHO_CLIENT_RESETS  /* one per message, the client throws it away (RST) */
};

/* ---- client ---- */

struct echo_client_options {
    struct echo_address server;
    enum echo_lifetime lifetime;
    struct echo_address source; /* size 0: the kernel's choice; else connections take */
    unsigned sources;           /* turns over so many addresses, counted up from it */
    bool nonblocking;
    uint64_t session;
    const uint8_t *payload; /* what every request carries; copied */
    uint32_t payload_bytes;
    uint32_t reply_bytes;    /* payload wanted back; an echo has reply_bytes = payload_bytes */
    uint32_t depth;          /* requests that may be outstanding; 0 means 1 */
    uint32_t per_connection; /* persistent: exchanges that a connection (a socket) carries before
                                it is made anew, as a connection per message is; 0: no limit */
    uint64_t patience_ns;    /* on a blocking socket a call waits about this long; 0: for ever */
    uint64_t rto_floor_ns;   /* of a client that retries: its shortest timer; 0: the usual */
    uint8_t attempts;        /* of such: datagrams of one request at most; 0: the usual */
};

/* A count that a client keeps, for a harness that copies it without knowing it. */
struct echo_counter {
    const char *name;
    uint64_t value;
};

/*
 * Those that every client has, counted as ECHO_SENDS and ECHO_RECEIVES are:
 * what moved nothing (EAGAIN, an error) is not in them.
 */
enum { ECHO_CLIENT_SENDS, ECHO_CLIENT_RECEIVES, ECHO_CLIENT_COUNTS, ECHO_CLIENT_COUNTS_MAX = 8 };

/* What a driver may look at. Transports keep more behind it. */
struct echo_client {
    const struct echo_client_steps *steps;
    int socket;            /* -1 while there is none */
    uint64_t sockets_made; /* tells a new socket from an old one with the same number */
    uint64_t wake_ns;      /* 0: none; else flush is to be called again at this time of
                              echo/clock.h, unless a reply has come */
    bool more;             /* a further reply is at hand: receive makes no system call for it */
    uint64_t left; /* requests that the connection may carry yet; 0: it is spent, and takes none
                      before finish has closed it */
    struct echo_counter counters[ECHO_CLIENT_COUNTS_MAX]; /* since open */
    unsigned counter_count;
    void *mode; /* not a driver's: what a further mode of a transport keeps; freed by close */
};

/* Exchanges that a connection carries: 1 per message, UINT64_MAX where there is no limit. */
uint64_t echo_per_connection(const struct echo_client_options *options);

struct echo_client_steps {
    /* On success *client is the caller's, released with close. No socket yet. */
    int (*open)(struct echo_client **client, const struct echo_client_options *options);

    /*
     * Makes a socket and connects it. -EINPROGRESS is success: flush will say
     * how it ended. Only where client->socket is -1.
     */
    int (*connect)(struct echo_client *client);

    /*
     * Queues and encodes one request; no system call. -ENOBUFS: `depth` are
     * queued already, or the connection is spent. The last that it may carry
     * asks the server to close it behind the reply.
     */
    int (*send)(struct echo_client *client, uint64_t sequence, uint64_t sent_ns);

    /* Writes what is queued and never blocks. -EAGAIN: wait for room or data. */
    int (*flush)(struct echo_client *client);

    /*
     * The next reply: one that has arrived already, else what one recv brings.
     *   0          *reply is it, its payload compared byte for byte
     *   -EAGAIN    none is whole yet; on a blocking socket perhaps because patience ended
     *   -EBADMSG   a damaged reply, thrown away; the next call goes on behind it
     *   -EPROTO    damaged so that the next message cannot be found: abandon
     *   -ESHUTDOWN the server has closed
     */
    int (*receive)(struct echo_client *client, struct echo_message *reply);

    /*
     * Nothing is outstanding any more. Where the connection is spent this
     * waits for the server's end of file (-EAGAIN: not there yet), or closes;
     * the driver connects anew as part of the next exchange. Else it does
     * nothing. A driver that wants whole connections stops where there is no
     * socket.
     */
    int (*finish)(struct echo_client *client);

    /* After a deadline or an error: nothing queued will be sent; TCP drops its socket, UDP one
       that is spent. */
    void (*abandon)(struct echo_client *client);

    void (*close)(struct echo_client *client); /* NULL is ignored */
};

/*
 * What lies under flush and receive and makes no system call, as open and send
 * make none: for who makes the calls in another way, many messages in one, or
 * told when they are complete, or who has no socket at all.
 */
struct echo_client_pure {
    /* What the next send is to take: a stream's bytes, all or any part; a datagram. 0: nothing. */
    size_t (*queued)(struct echo_client *client, uint8_t **bytes);

    void (*went)(struct echo_client *client, size_t size); /* so many of those bytes */

    /* Where what comes next is to be put, and how much of it. */
    size_t (*room)(struct echo_client *client, uint8_t **bytes);

    /* So many bytes were put there: a part of the stream, or a datagram. No end of file: not 0. */
    void (*arrived)(struct echo_client *client, size_t size);

    /* The next reply of what has arrived; see receive. */
    int (*take)(struct echo_client *client, struct echo_message *reply);

    /* The connection is no more, nor what was under way on it; the next one begins. */
    void (*forget)(struct echo_client *client);
};

/* ---- server ---- */

/* What a server counts; each has a name in echo_count_names. */
enum echo_count {
    ECHO_ACCEPTED,  /* connections; a UDP socket is none */
    ECHO_REQUESTS,  /* whole and valid */
    ECHO_REPLIES,   /* handed to the kernel whole */
    ECHO_REFUSED,   /* not a valid request: TCP closes, UDP stays silent */
    ECHO_TRUNCATED, /* the end of file came inside a message */
    ECHO_BROKEN,    /* recv or send failed */
    ECHO_DRAINED,   /* bytes read and thrown away so that a close would not reset */
    ECHO_EXECUTED,  /* requests whose work was done, --delay included */
    ECHO_REPEATED,  /* requests whose session and sequence were executed before */
    ECHO_TWICE,     /* sessions and sequences executed more than once */
    ECHO_RECEIVES,  /* system calls that brought bytes, a datagram, or a connection's end of file */
    ECHO_SENDS,     /* system calls that took replies, or a part of one */
    ECHO_COUNTS
};

static const char *const echo_count_names[ECHO_COUNTS] = {
    "accepted",      "requests", "replies",  "refused",        "truncated",     "broken",
    "drained_bytes", "executed", "repeated", "executed_twice", "receive_calls", "send_calls",
};

/*
 * What belongs to one serving thread: its counts, and the buffer that a
 * connection borrows while bytes of it are under way, so that an idle one
 * holds none. Zero it before use; at the end free(spare).
 */
struct echo_worker {
    uint64_t counts[ECHO_COUNTS];
    const atomic_bool *stopping; /* looked at during a service time; or NULL */
    uint8_t *spare;              /* malloc'd, or NULL */
    size_t spare_bytes;
};

/* A service time: work, not sleep, which ends early where the server stops. */
void echo_worker_work(const struct echo_worker *worker, uint64_t delay_ns);

/*
 * Lends the worker's buffer, or a new one of `least` bytes; nothing where
 * *bytes is one already. 0 or -ENOMEM.
 */
int echo_worker_borrow(struct echo_worker *worker, size_t least, uint8_t **bytes, size_t *size);

/* Takes `bytes` back (NULL is ignored): keeps one, frees a second. */
void echo_worker_give_back(struct echo_worker *worker, uint8_t *bytes, size_t size);

/* Keeps no buffer that is longer: a crowd of large messages leaves none behind. */
void echo_worker_trim(struct echo_worker *worker, size_t most);

/* Whether several servers listen on one port, each with sockets of its own (SO_REUSEPORT). */
enum echo_sharing {
    ECHO_ALONE,       /* whoever comes second is refused */
    ECHO_SHARES_PORT, /* binds alone, so that a stranger's port is not taken, then lets others in */
    ECHO_JOINS_PORT   /* binds beside one that shares */
};

/*
 * A receive buffer for many datagrams at once, as the usual one holds some 250
 * small ones. The kernel cuts it to net.core.rmem_max, as it cuts a backlog.
 */
enum { ECHO_RECEIVE_BYTES = 1 << 22 };

struct echo_server_options {
    struct echo_address address; /* port 0: the kernel's choice */
    enum echo_sharing sharing;
    unsigned sockets;       /* receive sockets where a transport has no accept; 0 means 1 */
    uint32_t receive_bytes; /* SO_RCVBUF where what does not fit is lost; 0: the system's */
    bool nonblocking;
    bool raw;            /* RFC 862: bytes come back as they are */
    uint64_t delay_ns;   /* spun before each reply: a service time */
    bool growing;        /* answer with more bytes than asked with, even beyond loopback */
    atomic_long *memory; /* left for all buffers that are longer than usual; NULL: no bound */
    bool dedup;          /* a repeated request is answered again, but not executed again */
    bool fastopen; /* take requests that come in the SYN; a transport without one ignores it */
};

struct echo_server {
    const struct echo_server_steps *steps;
    int socket; /* for poll and getsockname */
    struct echo_server_options options;
};

struct echo_connection {
    int socket;
    bool wants_room;  /* waiting to send, not to receive */
    uint64_t wake_ns; /* 0: none; else step is due at this time of echo/clock.h, socket or not */
    int over;         /* 0; else what step says once all replies are out, as none will follow */
    void *mode;       /* as a client's; freed by drop */
};

struct echo_server_steps {
    /* Binds and, where there is such a thing, listens. *server is the caller's. */
    int (*listen)(struct echo_server **server, const struct echo_server_options *options);

    /*
     * The next connection, the caller's until drop. A transport without
     * connections hands out each of its sockets once.
     * -EAGAIN: none is waiting; -ECANCELED: there will be no more.
     */
    int (*accept)(struct echo_server *server, struct echo_worker *worker,
                  struct echo_connection **connection);

    /*
     * Receives once, answers in place all that is whole, sends once.
     * 0: call again, at once or when the socket is ready; -EAGAIN: not before;
     * -ESHUTDOWN: over, as it should be; any other: over, and counted.
     */
    int (*step)(struct echo_connection *connection, struct echo_worker *worker);

    void (*drop)(struct echo_connection *connection, struct echo_worker *worker);

    /* Wakes whoever waits in accept. The server stays valid until release. */
    void (*stop)(struct echo_server *server);
    void (*release)(struct echo_server *server); /* NULL is ignored */
};

/*
 * What lies under accept, step and drop and makes no system call, as the pure
 * steps of a client. While anything is owed it waits for that to go, and for
 * nothing else; then, unless it is over, for more to arrive.
 */
struct echo_server_pure {
    /* A connection without a socket, the caller's until drop; NULL: no memory. It keeps `options`.
     */
    struct echo_connection *(*make)(const struct echo_server_options *options);

    /* Where what comes next is to be put, and how much of it; lent until drop. 0: no memory. */
    size_t (*room)(struct echo_connection *connection, struct echo_worker *worker, uint8_t **bytes);

    /* So many bytes were put there, or none: the end of file, an empty datagram. Answers. */
    void (*arrived)(struct echo_connection *connection, struct echo_worker *worker, size_t size);

    /* What the next send is to take: a stream's bytes, all or any part; a datagram. 0: nothing. */
    size_t (*owed)(struct echo_connection *connection, uint8_t **bytes);

    /* So many of those bytes went. */
    void (*went)(struct echo_connection *connection, struct echo_worker *worker, size_t size);
};

/*
 * ---- floor: the same system calls with the same bytes, and nothing else ----
 *
 * With options->depth above 1 a batch of so many messages goes and comes as the
 * mode sends it; all counts are of messages. `way` is the transport's own.
 */

struct echo_floor_way; /* in which a mode of a transport makes its calls */

struct echo_floor_steps {
    /*
     * Makes exchanges with a floor server until *stop is set or `most` are
     * done; their number, or -errno. Nothing is encoded, checked or timed.
     */
    int64_t (*exchange)(const struct echo_floor_way *way, const struct echo_client_options *options,
                        const atomic_bool *stop, uint64_t most);

    /*
     * Serves on `listener` (of listen above) until an error: shutdown(2) ends a
     * blocking one, *stop one that polls.
     */
    void (*serve)(const struct echo_floor_way *way, int listener,
                  const struct echo_client_options *options, const atomic_bool *stop);

    /*
     * The same of the epoll engine: a bare level-triggered loop over so many
     * connections (or sockets), and its server. `options` ask for non-blocking
     * sockets; `listener` is one, and *stop is looked at ten times a second at
     * least.
     */
    int64_t (*exchange_many)(const struct echo_floor_way *way,
                             const struct echo_client_options *options, unsigned connections,
                             const atomic_bool *stop, uint64_t most);
    void (*serve_many)(const struct echo_floor_way *way, int listener,
                       const struct echo_client_options *options, const atomic_bool *stop);
};

/* A transport: what variants name. */
struct echo_transport {
    const char *name;
    uint32_t payload_max;
    const struct echo_client_steps *client;
    const struct echo_server_steps *server;
    const struct echo_floor_steps *floor;
    const struct echo_floor_way *floor_way;
};

#endif
