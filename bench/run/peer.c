/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load/load.h"
#include "bench/run/status.h"

enum { ADDRESSES_MAX = 16 };

/* What the commonest failure of a lone message says of who is there. */
static void say_why(FILE *why, const struct load_result *result, double deadline_ms) {
    static const struct {
        int error;
        const char *words;
    } known[] = {{ESHUTDOWN, "it closed the connection without a reply"},
                 {EPROTO, "what came back is no reply of this lab's protocol, version 1"},
                 {EBADMSG, "the reply is not the one to the request"}};
    for (int i = 0; i < EXCHANGE_DONE * LOAD_ERRNOS; i++) {
        const int error = i % LOAD_ERRNOS;
        const enum exchange_phase phase = i / LOAD_ERRNOS;
        if (error == 0 || result->errors[phase][error] == 0) continue;
        const char *words = strerror(error);
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            if (known[k].error == error) words = known[k].words;
        }
        (void)fprintf(why, "%s: %s", exchange_phase_names[phase], words);
        return;
    }
    if (result->corrupt > 0)
        (void)fputs("what came back is no reply of this lab's protocol, version 1", why);
    else
        (void)fprintf(why, "nothing came back in %.0f ms", deadline_ms);
}

/* One message, of the size that will be sent. */
static bool answers(const struct echo_address *address, const struct parameters *asked, FILE *why) {
    const uint64_t most_ns = 2000000000;
    uint8_t *payload = parameters_payload(asked);
    struct load_options wanted = {.transport = asked->variant->transport,
                                  .client = parameters_client(asked, payload),
                                  .connections = 1,
                                  .messages = 1,
                                  .deadline_ns =
                                      asked->deadline_ns < most_ns ? asked->deadline_ns : most_ns,
                                  .server = -1,
                                  .interrupted = &interrupted};
    struct load_result *result = NULL;
    wanted.client.depth = 1;
    wanted.client.server = *address;
    const int failed = payload == NULL ? -ENOMEM : load_run(&result, &wanted);
    const bool answered = failed == 0 && result->ok == 1;
    if (failed != 0) (void)fputs(strerror(-failed), why);
    if (failed == 0 && !answered) say_why(why, result, (double)wanted.deadline_ns / 1e6);
    load_free(result);
    free(payload);
    return answered;
}

int peer_choose(struct parameters *asked) {
    static char chosen[ECHO_ADDRESS_TEXT]; /* it lives as long as the command */
    struct echo_address all[ADDRESSES_MAX];
    char *why = NULL;
    size_t size = 0;
    const int family = asked->ipv4 ? AF_INET : asked->ipv6 ? AF_INET6 : AF_UNSPEC;
    const int found = echo_address_parse_all(all, ADDRESSES_MAX, asked->host, family);
    if (found <= 0) return complain("--host %s: %s", asked->host, echo_address_problem(found));
    FILE *out = open_memstream(&why, &size);
    if (out == NULL) return complain("no memory to try --host %s", asked->host);
    bool answered = false;
    for (int i = 0; i < found && !answered && !interrupted; i++) {
        (void)fprintf(out, "%s%s (", i > 0 ? ", " : "", echo_address_text(&all[i], chosen));
        answered = answers(&all[i], asked, out);
        (void)fputc(')', out);
    }
    (void)fclose(out);
    if (!answered && !interrupted) {
        (void)complain("no server answers %s at %s: start one with `echolab serve`",
                       asked->variant->name, why);
    }
    free(why);
    asked->host = chosen;
    return interrupted ? EXIT_INTERRUPTED : answered ? EXIT_DONE : EXIT_FAILED;
}
