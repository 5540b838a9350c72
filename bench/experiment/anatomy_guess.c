/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/experiment/anatomy.h"
#include "bench/tell/words.h"

static const char *const questions[GUESSES] = {
    [GUESS_PACKETS] = "packets on the wire, both ways, per message",
    [GUESS_ROUND_TRIPS] = "round trips a message waits",
    [GUESS_CALLS] = "system calls of the client per message",
};

/* ---- asking ---- */

static bool someone_answers(void) {
    struct stat input;
    if (isatty(STDIN_FILENO)) return true;
    if (fstat(STDIN_FILENO, &input) != 0) return false;
    return S_ISFIFO(input.st_mode) || S_ISREG(input.st_mode) || S_ISSOCK(input.st_mode);
}

/* A number; NAN for anything else, as nobody has to know. False: the input has ended. */
static bool ask(const char *question, double *guess) {
    char line[128];
    printf("  %s? ", question);
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) return false;
    char *end;
    const double number = strtod(line, &end);
    if (end != line && isfinite(number)) *guess = number;
    if (!isatty(STDIN_FILENO)) (void)putchar('\n');
    return true;
}

int anatomy_ask(const struct request *request, double guessed[][GUESSES]) {
    bool more = true;
    unsigned answers = 0;
    if (!someone_answers()) {
        return complain("--predict asks on standard input, which is neither a terminal nor a "
                        "pipe; leave it out or pipe numbers in, a line each");
    }
    puts("Your numbers first, of a message that is not the first. An empty line: no idea.");
    for (unsigned i = 0; i < request->variant_count; i++) {
        const struct variant *variant = request->variants[i];
        if (more) printf("%s: %s\n", variant->name, variant->what);
        for (int q = 0; q < GUESSES; q++) {
            more = more && ask(questions[q], &guessed[i][q]);
            answers += isfinite(guessed[i][q]);
        }
    }
    (void)putchar('\n');
    if (answers > 0) return EXIT_DONE;
    return complain("--predict got no number; type one behind a question, or leave it out");
}

/* ---- the score ---- */

struct score {
    unsigned asked, right;
};

static void score_one(struct grid *grid, struct score *score, const struct consists *one) {
    const double truth[GUESSES] = {[GUESS_PACKETS] = one->packets_later,
                                   [GUESS_ROUND_TRIPS] = one->waited.measured,
                                   [GUESS_CALLS] = one->calls_client};
    for (int q = 0; q < GUESSES; q++) {
        const double off = fabs(one->guessed[q] - truth[q]);
        if (!isfinite(off)) continue;
        const bool hit = off < 0.5;
        const bool close = off <= 0.25 * truth[q] + 0.5;
        score->asked++;
        score->right += hit;
        grid_add(grid, "`%s`", one->variant);
        grid_add(grid, "%s", questions[q]);
        grid_add(grid, "%s", words_count(one->guessed[q]).text);
        grid_add(grid, "%s", words_number(truth[q]).text);
        grid_add(grid, "%s", hit ? "yes" : close ? "near" : "no");
    }
}

void anatomy_score(struct story *story, const struct session *session) {
    struct score score = {0};
    struct grid grid = grid_of("variant|question|yours|measured|right");
    for (size_t i = 0; i < session->lists[LIST_ANATOMY].count; i++) {
        score_one(&grid, &score, SESSION_AT(session, LIST_ANATOMY, struct consists, i));
    }
    if (score.asked > 0) story_say(story, "Your numbers:");
    story_table(story, "numbers", &grid);
    if (score.asked == 0) return;
    story_say(story, "%u of %u. %s", score.right, score.asked,
              score.right == score.asked       ? "Nothing here is news to you."
              : 2 * score.right >= score.asked ? "Well seen; `echolab ladder` shows where the "
                                                 "rest goes."
                                               : "Most people miss the ACKs and the farewell: "
                                                 "`echolab ladder` shows them.");
}
