/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/commands.h"

#include <stdio.h>

#include "bench/experiment/experiment.h"

const struct command commands[] = {
    {"serve", BY_SERVE, "", "the echo server, TCP and UDP on one port number"},
    {"send", BY_SEND, "VARIANT", "fixed work for a server, and one line of result"},
    {"compare", BY_COMPARE, "[VARIANT...]", "variants side by side, interleaved, with verdicts"},
    {"sweep", BY_SWEEPS, "AXIS [VARIANT...]", "compare at several points of an axis"},
    {"anatomy", BY_ANATOMY, "[VARIANT...]", "what a message costs, predicted beside measured"},
    {"ladder", BY_LADDER, "VARIANT", "one exchange, call by call and packet by packet"},
    {"check", BY_CHECK, "", "test the ruler itself"},
    {"diff", BY_DIFF | BY_HISTORY, "BASE... -- NEW...", "regression verdict over sessions"},
    {"crosscheck", BY_CROSSCHECK, "", "other tools beside ours, those that are here"},
    {"report", BY_REPORT, "DIR", "figure data and one HTML page from DIR/results"},
    {"variants", BY_VARIANTS, "", "the table of variants"},
    {"run", BY_RUN, "VARIANT", "one run as compare starts it; prints its JSON"}};

const unsigned command_count = sizeof commands / sizeof commands[0];

enum {
    WRITES_JSON =
        BY_COMPARE | BY_SWEEPS | BY_DIFF | BY_HISTORY | BY_CHECK | BY_CROSSCHECK | BY_ANATOMY,
    PLANS = BY_COMPARE | BY_SWEEPS
};

#define AT(kind_, member_)                                                                         \
    { NULL, FIELD_AT(request, kind_, member_) }

const struct parameter other_options[] = {
    {"blocks", "N", FORM_COUNT, AT(UNSIGNED, blocks), .least = 1, .most = BLOCKS_MOST,
     .takes = {{PLANS, "each compared variant once in each (15; sweep: 6); `until 2%`: as many as "
                       "make the intervals so narrow"},
               {BY_CROSSCHECK | BY_CHECK, "each once in each (crosscheck: 6; check: 20)"}}},
    {"within", "T", FORM_TIME, AT(TIME, within_ns), .least = 1e9, .usual = "600s",
     .takes = {{COMPARES, "the longest that --blocks until P goes on (600s)"}}},
    {"at", "LIST", FORM_TEXT, AT(TEXT, at),
     .takes = {{BY_SWEEPS & ~BY_PACKET, "the points, such as 64,1k,16k or 0ms,20ms"}}},
    {"margin", "P", FORM_PERCENT, AT(REAL, margin_percent), .usual = "1%",
     .takes = {{BY_COMPARE | BY_SWEEP | BY_RTT | BY_RATE | BY_DIFF | BY_CROSSCHECK,
                "differences within it are none (1%; crosscheck: 5%)"}}},
    {"min-effect", "P", FORM_PERCENT, AT(REAL, min_effect_percent), .usual = "2%",
     .takes = {{BY_DIFF, "what is smaller is no regression (2%)"}}},
    {"of",
     "WHAT",
     FORM_CHOICE,
     {NULL, FIELD_AT(request, CHOICE, of), .choices = difference_of_names,
      .choice_count = DIFFERENCE_OFS},
     .takes = {{BY_DIFF | BY_HISTORY,
                "what is tracked: build (counts, time / floor) or host (counts, times)"}}},
    {"history", "DIR", FORM_TEXT, AT(TEXT, history),
     .takes = {{BY_HISTORY, "instead of two sides: all sessions of DIR by their start, drawn, and "
                            "where a number changed"}}},
    {"metric", "NAME", FORM_TEXT, AT(TEXT, metric),
     .takes = {{BY_HISTORY, "of --history (time_per_floor; of a host time_per_message)"}}},
    {"against", "PROGRAM", FORM_TEXT, AT(TEXT, against),
     .takes = {{BY_COMPARE, "another build of echolab, in the same blocks"}}},
    {"counts", NULL, FORM_FLAG, AT(TRUTH, counts),
     .takes = {{BY_COMPARE, "count packets and system calls of each variant too, at the end"}}},
    {"packet", NULL, FORM_FLAG, AT(TRUTH, packet),
     .takes = {{BY_PACKET, "of loss: each packet of a lone message in turn"}}},
    {"json", "FILE", FORM_TEXT, AT(TEXT, json),
     .takes = {{WRITES_JSON, "write all results as JSON"}}},
    {"csv", "FILE", FORM_TEXT, AT(TEXT, csv),
     .takes = {{PLANS | BY_CROSSCHECK, "write a row per run as CSV"}}},
    {"dry-run", NULL, FORM_FLAG, AT(TRUTH, dry_run),
     .takes = {{PLANS | BY_ANATOMY | BY_CHECK | BY_CROSSCHECK,
                "print the plan with its time, and run nothing"}}},
    {"quiet", NULL, FORM_FLAG, AT(TRUTH, quiet),
     .takes = {{PLANS | BY_CROSSCHECK, "no progress line"}, {BY_DIFF, "only the verdict"}}},
    {"predict", NULL, FORM_FLAG, AT(TRUTH, predict),
     .takes = {{BY_ANATOMY, "ask for your numbers first"}}},
    {"output", "DIR", FORM_TEXT, AT(TEXT, output),
     .takes = {{BY_LADDER, "write VARIANT.txt, .tsv (to draw) and .pcap there"}}},
    {"output", "FILE", FORM_TEXT, AT(TEXT, output),
     .takes = {{BY_HISTORY, "of --history: the picture (DIR/history.png)"}}},
    {"host", "A", FORM_TEXT, AT(TEXT, listen),
     .takes = {{BY_SERVE, "where to listen (127.0.0.1)"}}},
    {"port", "N", FORM_COUNT, AT(UNSIGNED, port), .most = UINT16_MAX, .usual = "7007",
     .takes = {{BY_SERVE, "the port number, 0: any (7007)"}}},
    {"raw", NULL, FORM_FLAG, AT(TRUTH, raw),
     .takes = {{BY_SERVE, "plain RFC 862: bytes come back as they are; loopback only"}}},
    {"text", NULL, FORM_FLAG, AT(TRUTH, text),
     .takes = {{BY_REPORT, "print it in the terminal instead"}}},
    {"names", NULL, FORM_FLAG, AT(TRUTH, names),
     .takes = {{BY_VARIANTS, "only the names of the core ones, a line each"}}},
    {"pipe", NULL, FORM_FLAG, AT(TRUTH, pipe),
     .takes = {{BY_RUN, "the result as bytes, for the same program"}}}};

const unsigned other_option_count = sizeof other_options / sizeof other_options[0];

void commands_print(void) {
    puts("Usage: echolab COMMAND [OPTION...] [ARGUMENT...]\n"
         "What does it cost to carry a message over TCP or UDP, on a fresh connection\n"
         "or on one that stays open?\n");
    for (unsigned i = 0; i < command_count; i++)
        printf("  %-10s %-17s %s\n", commands[i].name, commands[i].arguments, commands[i].what);
    puts("\n`echolab COMMAND --help` lists the options of a command.\n"
         "Exit status: 0 done; 1 failed; 3 a regression, a control that failed; 4 the runs\n"
         "were not valid; 64 wrong usage; 130 interrupted (serve: 0).");
}
