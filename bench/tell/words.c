/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 1, 2))) static struct number number(const char *format, ...) {
    struct number number;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(number.text, sizeof number.text, format, values);
    va_end(values);
    return number;
}

struct number words_number(double value) {
    const double size = fabs(value);
    if (isnan(value)) return number("-");
    if (size >= 1e12) return number("%.3g", value);
    if (size > 0 && size < 0.1) return number("%#.3g", value);
    if (size < 1000) {
        const int places = size == 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
        return number("%.*f", places, value);
    }
    const double unit = pow(10, floor(log10(size)) - 2);
    return number("%s%s", value < 0 ? "-" : "", words_count(round(size / unit) * unit).text);
}

struct number words_ratio(double value) {
    if (isnan(value)) return number("-");
    if (value > 1000) return number(">1,000");
    if (value < 0.001) return number("<0.001");
    return fabs(value - 1) >= 0.1 ? words_number(value) : number("%.3f", value);
}

struct number words_percent(double share) {
    if (isnan(share)) return number("-");
    if (share > 10) return number(">1,000 %%");
    return share < 0.0995 ? number("%.2g %%", 100 * share) : number("%.0f %%", 100 * share);
}

struct number words_time(double us) {
    const double size = fabs(us);
    if (isnan(us)) return number("-");
    if (size >= 1e6) return number("%s s", words_number(us / 1e6).text);
    if (size >= 1e3) return number("%s ms", words_number(us / 1e3).text);
    return number("%s us", words_number(us).text);
}

struct number words_narrow_time(double us) {
    /* Thresholds a little below the power of ten, where rounding would add a figure. */
    if (isnan(us)) return number("-");
    if (us < 99.95) return number("%.1f", us);
    if (us < 9999.5) return number("%.0f", us);
    if (us < 999500) return number("%.*fms", us < 99950 ? 1 : 0, us / 1e3);
    return number("%.*fs", us < 9.995e6 ? 2 : us < 99.95e6 ? 1 : 0, us / 1e6);
}

struct number words_interval(struct interval interval, struct number (*in_words)(double value)) {
    const bool known =
        isfinite(interval.value) && isfinite(interval.low) && isfinite(interval.high);
    if (!known) return in_words(interval.value);
    return number("%.20s (%.16s to %.16s)", in_words(interval.value).text,
                  in_words(interval.low).text, in_words(interval.high).text);
}

struct number words_count(double value) {
    if (isnan(value)) return number("-");
    if (value != floor(value) || value < 1000) return number("%.10g", value);
    return number("%.56s,%03.0f", words_count(floor(value / 1000)).text, fmod(value, 1000));
}

struct number words_each(double value) {
    const double unit = value > 0 ? fmin(1, pow(10, floor(log10(value)) - 3)) : 1;
    return words_count(round(value / unit) * unit);
}

struct number words_counted(double count, const char *one) {
    return number("%.32s %s%s", words_count(count).text, one, count == 1 ? "" : "s");
}

void words_cell_middle(struct grid *grid, const struct middle *middle,
                       struct number (*words)(double)) {
    const struct interval interval = {middle->value, middle->low, middle->high};
    grid_add(grid, "%s", words_interval(interval, words).text);
}

void words_cell_facts(struct grid *grid, const struct fact *values, size_t count) {
    const size_t most = 3;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; out != NULL && i < count && i < most; i++) {
        if (i > 0) (void)fputs("; ", out);
        switch (values[i].kind) {
        case FACT_TEXT: (void)fputs(values[i].text, out); break;
        case FACT_NUMBER: (void)fprintf(out, "%.6g", values[i].number); break;
        case FACT_TRUTH: (void)fputs(values[i].number != 0 ? "true" : "false", out); break;
        case FACT_UNKNOWN: (void)fputc('-', out); break;
        }
    }
    if (out != NULL && count > most) (void)fprintf(out, "; and %zu more", count - most);
    if (out != NULL) (void)fclose(out);
    grid_add(grid, "%s", text == NULL ? "" : text);
    free(text);
}

struct number words_condition(const char *field, double value, const char *text) {
    static const struct {
        const char *field, *before, *one;
        bool counted, zero_goes_without_saying; /* counted: the word has a plural */
    } all[] = {{"size_bytes", "", " byte", true, false},
               {"reply_bytes", "answers of ", " byte", true, false},
               {"bytes", "", " byte", true, false},
               {"connections", "", " connection", true, false},
               {"messages", "", " message", true, false},
               {"messages.sent", "", " message", true, false},
               {"pipeline", "", " outstanding", false, false},
               {"placement", "", "", false, false},
               {"engine", "", " engine", false, false},
               {"rtt_ms", "a round-trip time of ", " ms", false, true},
               {"loss_percent", "", " % loss", false, true},
               {"delay_us", "a service of ", " us", false, true},
               {"offered_per_s", "", " offered/s", false, true}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].field, field) != 0) continue;
        if (text == NULL && (isnan(value) || (value == 0 && all[i].zero_goes_without_saying)))
            break;
        return number("%s%s%s%s", all[i].before, text == NULL ? words_count(value).text : text,
                      all[i].one, all[i].counted && value != 1 ? "s" : "");
    }
    return number("%s", "");
}
