// SPDX-License-Identifier: MIT
#include "report/format.h"

#include "report/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The end of an interval with more than MANY is shown by its power of ten, which a table has room for.
enum { MAX_DECIMALS = 9, MANY_DECIMALS = 5 };
// Arms of an interval that differ by less than this are shown as one, the longer: on the scales of positive
// values and of shares that stays within the range.
#define NEARLY_EQUAL 0.8

// Exponent of the first significant digit: 2 for 123, -2 for 0.0123.
static int exponent_of(double value) {
    return (int)floor(log10(fabs(value)) + 1e-12);
}

int mb_decimals(double value, double half_width) {
    int decimals;
    if (isfinite(half_width) && half_width > 0) {
        const int exponent = exponent_of(half_width);
        const bool starts_with_one = half_width / pow(10, exponent) < 1.95;
        decimals = -exponent + (starts_with_one ? 1 : 0);
    } else if (isfinite(value) && value != 0) {
        decimals = 3 - exponent_of(value);
    } else {
        decimals = 0;
    }
    if (decimals < 0) return 0;
    return decimals > MAX_DECIMALS ? MAX_DECIMALS : decimals;
}

void mb_format_value(char text[MB_TEXT_SIZE], double value, int decimals) {
    if (isnan(value))
        snprintf(text, MB_TEXT_SIZE, "-");
    else if (isfinite(value) && fabs(value) >= 1e9)
        snprintf(text, MB_TEXT_SIZE, "%.4g", value);
    else
        snprintf(text, MB_TEXT_SIZE, "%.*f", decimals, value + 0.0); // + 0.0: no "-0"
}

void mb_format_interval(char text[MB_TEXT_SIZE], double value, double low, double high) {
    const double half_width = (high - low) / 2;
    char middle[MB_TEXT_SIZE], below[MB_TEXT_SIZE], above[MB_TEXT_SIZE];
    if (!isfinite(half_width) ||
        !(half_width > 1e-6 * fabs(value))) { // rounding, and nothing that was measured
        mb_format_value(text, value, mb_decimals(value, NAN));
        return;
    }
    const double arm = fmax(high - value, value - low), other = fmin(high - value, value - low);
    int decimals = mb_decimals(value, arm);
    if (other >= NEARLY_EQUAL * arm) {
        mb_format_value(middle, value, decimals);
        mb_format_value(above, arm, decimals);
        snprintf(text, MB_TEXT_SIZE, "%.28s%s%.28s", middle, mb_plus_minus(), above);
        return;
    }
    decimals = mb_decimals(value, other);
    mb_format_value(middle, value, decimals);
    const int below_decimals = mb_decimals(low, fmin(low, value - low));
    if (below_decimals > MANY_DECIMALS && low > 0)
        snprintf(below, sizeof below, "%.1g", low);
    else
        mb_format_value(below, low, below_decimals);
    mb_format_value(above, high, mb_decimals(high, high - value));
    snprintf(text, MB_TEXT_SIZE, "%.20s (%.19s..%.19s)", middle, below, above);
}

void mb_format_count(char text[MB_TEXT_SIZE], double value) {
    char digits[MB_TEXT_SIZE];
    mb_format_value(digits, value, 0);
    const size_t length = strlen(digits);
    if (!isfinite(value) || fabs(value) >= 1e9) {
        memcpy(text, digits, MB_TEXT_SIZE);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        text[at++] = digits[i];
        const size_t left = length - 1 - i;
        if (left && left % 3 == 0 && digits[i] != '-') text[at++] = ',';
    }
    text[at] = '\0';
}

void mb_format_percent(char text[MB_TEXT_SIZE], double percent) {
    int decimals = 0;
    if (fabs(percent) < 9.95) decimals = 1;
    if (fabs(percent) < 0.095) decimals = 2;
    snprintf(text, MB_TEXT_SIZE, "%+.*f", decimals, percent);
    if (strspn(text + 1, "0.") == strlen(text + 1)) snprintf(text, MB_TEXT_SIZE, "0");
}

size_t mb_text_width(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80; // not a continuation byte
    return width;
}

void mb_add_csv(mb_strbuf *buffer, const char *text) {
    if (!text[strcspn(text, ",\"\r\n")]) {
        mb_strbuf_add(buffer, text);
        return;
    }
    mb_strbuf_add(buffer, "\"");
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        mb_strbuf_add_bytes(buffer, text, (size_t)(quote + 1 - text));
        mb_strbuf_add(buffer, "\"");
    }
    mb_strbuf_add(buffer, text);
    mb_strbuf_add(buffer, "\"");
}

bool mb_wants_color(FILE *out) {
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_color && *no_color) return false;
    if (terminal && strcmp(terminal, "dumb") == 0) return false;
    return isatty(fileno(out)) == 1;
}

bool mb_flushed(FILE *out, const char **reason) {
    // A write that failed before left its mark on the stream, and its reason in errno unless something came
    // between.
    const bool failed_before = ferror(out) != 0;
    if (!failed_before) errno = 0;
    const bool flushed = fflush(out) == 0;
    if (flushed && !failed_before) return true;
    *reason = errno ? strerror(errno) : "a write failed";
    return false;
}
