/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

struct number words_number(double value) {
    struct number number;
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
    if (value > 1000) return (struct number){">1,000"};
    if (value < 0.001) return (struct number){"<0.001"};
    if (fabs(value - 1) >= 0.1) return words_number(value);
    (void)snprintf(number.text, sizeof number.text, "%.3f", value);
    return number;
}

struct number words_time(double us) {
    struct number number;
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

struct number words_json(const json_t *value) {
    struct number number = {"-"};
    if (json_is_number(value)) return words_number(json_number_value(value));
    return number;
}

json_t *words_string(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    json_t *string = json_vsprintf(format, arguments);
    va_end(arguments);
    return string;
}

static const struct condition {
    const char *field, *before, *one, *many;
    bool zero_goes_without_saying;
} conditions_in_words[] = {
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

void words_count(FILE *out, double value) {
    if (value != floor(value) || value < 1000) {
        (void)fprintf(out, "%.10g", value);
        return;
    }
    words_count(out, floor(value / 1000));
    (void)fprintf(out, ",%03.0f", fmod(value, 1000));
}

void words_condition(FILE *out, const char *field, const json_t *value) {
    const struct condition *words = conditions_in_words;
    const struct condition *end = words + sizeof conditions_in_words / sizeof *words;
    while (words < end && strcmp(words->field, field) != 0) words++;
    const double number = json_number_value(value);
    if (words == end || json_is_null(value)) return;
    if (json_is_number(value) && number == 0 && words->zero_goes_without_saying) return;
    (void)fputs(words->before, out);
    if (json_is_string(value))
        (void)fputs(json_string_value(value), out);
    else
        words_count(out, number);
    (void)fputs(json_is_number(value) && number == 1 ? words->one : words->many, out);
}

json_t *words_cell(const json_t *value) {
    if (json_is_string(value)) return words_string("%s", json_string_value(value));
    return json_is_number(value) ? words_string("%.10g", json_number_value(value))
                                 : json_string("-");
}

/* "latency_p50_us" is read more easily as words. */
