/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/words.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct number words_number(double value) {
    struct number number;
    if (isnan(value)) return (struct number){"-"};
    if (fabs(value) < 1000) {
        const double size = fabs(value);
        const int places = size == 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
        if (size > 0 && size < 0.1)
            (void)snprintf(number.text, sizeof number.text, "%#.3g", value);
        else
            (void)snprintf(number.text, sizeof number.text, "%.*f", places, value);
        return number;
    }
    if (fabs(value) >= 1e12) {
        (void)snprintf(number.text, sizeof number.text, "%.3g", value);
        return number;
    }
    char digits[32];
    const double unit = pow(10, floor(log10(fabs(value))) - 2);
    (void)snprintf(digits, sizeof digits, "%.0f", round(value / unit) * unit);
    const size_t length = strlen(digits);
    char *to = number.text;
    for (size_t i = 0; i < length && to < number.text + sizeof number.text - 3; i++) {
        *to++ = digits[i];
        if (digits[i] != '-' && (length - 1 - i) % 3 == 0 && i + 1 < length) *to++ = ',';
    }
    *to = '\0';
    return number;
}

struct number words_ratio(double value) {
    struct number number;
    if (isnan(value)) return (struct number){"-"};
    if (value > 1000) return (struct number){">1,000"};
    if (value < 0.001) return (struct number){"<0.001"};
    if (fabs(value - 1) >= 0.1) return words_number(value);
    (void)snprintf(number.text, sizeof number.text, "%.3f", value);
    return number;
}

struct number words_percent(double share) {
    struct number number;
    if (isnan(share)) return (struct number){"-"};
    if (share > 10) return (struct number){">1,000 %"};
    (void)snprintf(number.text, sizeof number.text, share < 0.0995 ? "%.2g %%" : "%.0f %%",
                   100 * share);
    return number;
}

struct number words_time(double us) {
    struct number number;
    if (isnan(us)) return (struct number){"-"};
    const double size = fabs(us);
    const double unit = size >= 1e6 ? 1e6 : size >= 1000 ? 1000 : 1;
    number = words_number(us / unit);
    const size_t length = strlen(number.text);
    (void)snprintf(number.text + length, sizeof number.text - length, " %s",
                   size >= 1e6    ? "s"
                   : size >= 1000 ? "ms"
                                  : "us");
    return number;
}

struct number words_narrow_time(double us, int width) {
    struct number number = {"-"};
    const size_t room = sizeof number.text;
    /* Thresholds a little below the power of ten, where rounding would add a figure. */
    if (isnan(us)) return number;
    if (us < 99.95) {
        (void)snprintf(number.text, room, "%.1f", us);
    } else if (us < 9999.5) {
        (void)snprintf(number.text, room, "%.0f", us);
    } else if (us < 999500) {
        (void)snprintf(number.text, room, "%.*fms", us < 99950 && width > 5 ? 1 : 0, us / 1e3);
    } else {
        const int places = us < 9.995e6 ? 2 : us < 99.95e6 ? 1 : 0;
        (void)snprintf(number.text, room, "%.*fs", places, us / 1e6);
    }
    return number;
}

struct number words_interval(struct interval interval, struct number (*in_words)(double value)) {
    struct number number = in_words(interval.value);
    const size_t length = strlen(number.text);
    if (isfinite(interval.value) && isfinite(interval.low) && isfinite(interval.high)) {
        (void)snprintf(number.text + length, sizeof number.text - length, " (%.16s to %.16s)",
                       in_words(interval.low).text, in_words(interval.high).text);
    }
    return number;
}

static const struct condition {
    const char *field, *before, *one, *many;
    bool zero_goes_without_saying;
} conditions[] = {
    {"size_bytes", "", " byte", " bytes", false},
    {"reply_bytes", "answers of ", " byte", " bytes", false},
    {"bytes", "", " byte", " bytes", false},
    {"connections", "", " connection", " connections", false},
    {"messages", "", " message", " messages", false},
    {"messages.sent", "", " message", " messages", false},
    {"pipeline", "", " outstanding", " outstanding", false},
    {"placement", "", "", "", false},
    {"engine", "", " engine", " engine", false},
    {"rtt_ms", "a round-trip time of ", " ms", " ms", true},
    {"loss_percent", "", " % loss", " % loss", true},
    {"delay_us", "a service of ", " us", " us", true},
    {"offered_per_s", "", " offered/s", " offered/s", true},
};

struct number words_count(double value) {
    struct number number;
    if (isnan(value)) return (struct number){"-"};
    if (value != floor(value) || value < 1000) {
        (void)snprintf(number.text, sizeof number.text, "%.10g", value);
        return number;
    }
    number = words_count(floor(value / 1000));
    const size_t length = strlen(number.text);
    (void)snprintf(number.text + length, sizeof number.text - length, ",%03.0f", fmod(value, 1000));
    return number;
}

struct number words_each(double value) {
    const double unit = value > 0 ? fmin(1, pow(10, floor(log10(value)) - 3)) : 1;
    return words_count(round(value / unit) * unit);
}

struct number words_counted(double count, const char *one) {
    struct number number = words_count(count);
    const size_t length = strlen(number.text);
    (void)snprintf(number.text + length, sizeof number.text - length, " %s%s", one,
                   count == 1 ? "" : "s");
    return number;
}

void words_cell_middle(struct grid *grid, const struct middle *middle,
                       struct number (*words)(double)) {
    const struct interval interval = {middle->value, middle->low, middle->high};
    grid_add(grid, "%s", words_interval(interval, words).text);
}

struct number words_support(const struct middle *middle, struct number (*words)(double)) {
    struct number interval = {""}, support;
    if (!isnan(middle->low))
        (void)snprintf(interval.text, sizeof interval.text, "95 %% interval %.16s to %.16s, ",
                       words(middle->low).text, words(middle->high).text);
    (void)snprintf(support.text, sizeof support.text, " (%.48s%.12s)", interval.text,
                   words_counted((double)middle->count, "run").text);
    return support;
}

static void put_fact(FILE *out, const struct fact *fact) {
    switch (fact->kind) {
    case FACT_TEXT: (void)fputs(fact->text, out); break;
    case FACT_NUMBER: (void)fprintf(out, "%.6g", fact->number); break;
    case FACT_TRUTH: (void)fputs(fact->number != 0 ? "true" : "false", out); break;
    case FACT_UNKNOWN: (void)fputc('-', out); break;
    }
}

void words_cell_facts(struct grid *grid, const struct fact *values, size_t count) {
    const size_t most = 3;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; out != NULL && i < count && i < most; i++) {
        if (i > 0) (void)fputs("; ", out);
        put_fact(out, &values[i]);
    }
    if (out != NULL && count > most) (void)fprintf(out, "; and %zu more", count - most);
    if (out != NULL) (void)fclose(out);
    grid_add(grid, "%s", text == NULL ? "" : text);
    free(text);
}

struct number words_condition(const char *field, double value, const char *text) {
    const struct condition *words = conditions;
    const struct condition *end = words + sizeof conditions / sizeof *words;
    struct number number = {""};
    while (words < end && strcmp(words->field, field) != 0) words++;
    if (words == end || (text == NULL && isnan(value))) return number;
    if (text == NULL && value == 0 && words->zero_goes_without_saying) return number;
    (void)snprintf(number.text, sizeof number.text, "%s%s%s", words->before,
                   text == NULL ? words_count(value).text : text,
                   text == NULL && value == 1 ? words->one : words->many);
    return number;
}
