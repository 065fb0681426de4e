// SPDX-License-Identifier: MIT
#include "workload/parse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool mb_parse_whole(const char *text, size_t length, uint64_t *value) {
    if (length == 0 || length > 18) return false; // 18 digits always fit in 64 bits
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i])) return false;
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    }
    *value = sum;
    return true;
}

// The odd forms: exponents, and more digits than a double can hold exactly. strtod also takes hexadecimal,
// "inf", "nan" and leading spaces, so the form is checked first.
static bool parse_long_number(const char *text, size_t length, double *value) {
    size_t i = 0, digits = 0;
    if (i < length && (text[i] == '+' || text[i] == '-')) i++;
    for (; i < length && is_digit(text[i]); i++)
        digits++;
    if (i < length && text[i] == '.')
        for (i++; i < length && is_digit(text[i]); i++)
            digits++;
    if (digits == 0) return false;
    if (i < length && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        if (i < length && (text[i] == '+' || text[i] == '-')) i++;
        if (i == length) return false;
        while (i < length && is_digit(text[i]))
            i++;
    }
    if (i != length) return false;
    const double number = strtod(text, NULL);
    if (!isfinite(number)) return false;
    *value = number;
    return true;
}

bool mb_parse_number(const char *text, size_t length, double *value) {
    static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
    // Up to 2^53 over a power of ten up to 10^22 is one correctly rounded division (Clinger 1990), so these
    // common forms come out as strtod gives them.
    if (length == 0 || length > 17) return parse_long_number(text, length, value);
    uint64_t mantissa = 0;
    size_t point = length; // index of the decimal point
    for (size_t i = 0; i < length; i++) {
        if (is_digit(text[i]))
            mantissa = mantissa * 10 + (uint64_t)(text[i] - '0');
        else if (text[i] == '.' && point == length)
            point = i;
        else
            return parse_long_number(text, length, value);
    }
    const bool has_point = point < length;
    if (mantissa > (UINT64_C(1) << 53) || (has_point && length == 1))
        return parse_long_number(text, length, value);
    *value = has_point ? (double)mantissa / powers[length - point - 1] : (double)mantissa;
    return true;
}

// `count` digits as a number, or -1.
static int digits_at(const char *text, size_t count) {
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(text[i])) return -1;
        sum = sum * 10 + (text[i] - '0');
    }
    return sum;
}

// Days since 1970-01-01 of the proleptic Gregorian calendar (H. Hinnant's days_from_civil).
static int64_t days_since_1970(int year, int month, int day) {
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400, year_of_era = y - era * 400; // y > 0 here
    const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

// The zone at text[0 .. length), in seconds east of UTC.
static bool parse_zone(const char *text, size_t length, int *offset_s) {
    *offset_s = 0;
    if (length > 0 && text[0] == ' ') text++, length--;
    if (length == 0) return true;
    if (length == 1 && (text[0] == 'Z' || text[0] == 'z')) return true;
    if (text[0] != '+' && text[0] != '-') return false;
    const bool colon = length == 6 && text[3] == ':';
    if (length != 3 && length != 5 && !colon) return false;
    const int hours = digits_at(text + 1, 2),
              minutes = length == 3 ? 0 : digits_at(text + (colon ? 4 : 3), 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    *offset_s = (hours * 60 + minutes) * (text[0] == '-' ? -60 : 60);
    return true;
}

bool mb_parse_date(const char *text, size_t length, int64_t *nanoseconds) {
    if (length < 19 || text[4] != '-' || text[7] != '-' || (text[10] != ' ' && text[10] != 'T') ||
        text[13] != ':' || text[16] != ':')
        return false;
    const int year = digits_at(text, 4), month = digits_at(text + 5, 2), day = digits_at(text + 8, 2);
    const int hour = digits_at(text + 11, 2), minute = digits_at(text + 14, 2),
              second = digits_at(text + 17, 2);
    if (year < 1700 || year > 2250 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false; // 60: leap
    size_t i = 19;
    int64_t fraction = 0;
    if (i < length && (text[i] == '.' || text[i] == ',')) { // both are ISO 8601
        int64_t unit = 100000000;
        for (i++; i < length && is_digit(text[i]); i++, unit /= 10)
            fraction += unit * (text[i] - '0');
        if (i == 20) return false; // a point without digits
    }
    int offset_s;
    if (!parse_zone(text + i, length - i, &offset_s)) return false;
    const int64_t seconds =
        days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    *nanoseconds = seconds * 1000000000 + fraction;
    return true;
}

// ---- exact stamps

// Digits of a stamp, whatever its exponent: digit i of the number that has its point after `point` digits.
typedef struct digits {
    const char *text; // from the first one
    size_t count;     // without the point,
    size_t skip;      // which stands before this one
    int64_t point;
} digits;

static int digit_of(const digits *d, int64_t i) {
    if (i < 0 || i >= (int64_t)d->count) return 0;
    const size_t at = (size_t)i;
    return d->text[at < d->skip ? at : at + 1] - '0';
}

static digits find_digits(const char *text, size_t length) {
    digits d = {.text = text};
    if (length && text[0] == '+') d.text = ++text, length--;
    size_t i = 0;
    while (i < length && is_digit(text[i]))
        i++;
    d.count = d.skip = i;
    d.point = (int64_t)i;
    if (i < length && text[i] == '.')
        for (i++; i < length && is_digit(text[i]); i++)
            d.count++;
    if (i == length) return d;
    int64_t exponent = 0; // mb_parse_number has checked the form
    const bool negative = text[i + 1] == '-';
    i += negative || text[i + 1] == '+' ? 2 : 1;
    for (; i < length; i++)
        if (exponent < 1000000) exponent = exponent * 10 + (text[i] - '0');
    d.point += negative ? -exponent : exponent;
    return d;
}

bool mb_parse_stamp(const char *text, size_t length, mb_stamp *value) {
    uint64_t whole;
    if (mb_parse_whole(text, length, &whole)) {
        *value = (mb_stamp){(int64_t)whole, 0};
        return true;
    }
    double number;
    if (!mb_parse_number(text, length, &number) || text[0] == '-' || !(number < 0x1p63)) return false;
    const digits d = find_digits(text, length);
    whole = 0;
    for (int64_t i = 0; i < d.point && number >= 1; i++) {
        const uint64_t digit = (uint64_t)digit_of(&d, i);
        if (whole > (INT64_MAX - digit) / 10) return false;
        whole = whole * 10 + digit;
    }
    int64_t fraction = 0;
    for (int64_t i = d.point; i < d.point + 18; i++)
        fraction = fraction * 10 + digit_of(&d, i);
    *value = (mb_stamp){(int64_t)whole, fraction};
    return true;
}

mb_stamp mb_stamp_of_seconds(double seconds) {
    const double whole = floor(seconds);
    const int64_t fraction = (int64_t)((seconds - whole) * (double)MB_STAMP_ONE);
    return (mb_stamp){(int64_t)whole, fraction < MB_STAMP_ONE ? fraction : MB_STAMP_ONE - 1};
}

mb_stamp mb_stamp_minus(mb_stamp a, mb_stamp b) {
    mb_stamp result = {a.whole - b.whole, a.fraction - b.fraction};
    if (result.fraction >= 0) return result;
    return (mb_stamp){result.whole - 1, result.fraction + MB_STAMP_ONE};
}

mb_time_unit mb_time_unit_of(double seconds) {
    const double per_second = nearbyint(1 / seconds);
    const bool whole = per_second >= 1 && fabs(per_second * seconds - 1) < 1e-12;
    return (mb_time_unit){seconds, whole ? per_second : 0};
}

// With more digits than a double has: rounded once, by who knows how.
static double rounded(mb_stamp value) {
    char text[48];
    if (value.whole < 0) return (double)value.whole + (double)value.fraction / (double)MB_STAMP_ONE;
    snprintf(text, sizeof text, "%lld.%018lld", (long long)value.whole, (long long)value.fraction);
    return strtod(text, NULL);
}

double mb_stamp_seconds(mb_stamp value, mb_time_unit unit) {
    const double per_second = unit.per_second > 0 ? unit.per_second : 1;
    if (value.fraction == 0 && value.whole < INT64_C(1) << 53 && value.whole > -(INT64_C(1) << 53))
        return unit.per_second > 0 ? (double)value.whole / per_second : (double)value.whole * unit.seconds;
    // Decimals by threes until nothing is left: 2^53 over a whole number below that is rounded once.
    for (int64_t scale = 1, rest = MB_STAMP_ONE; scale <= 1000000000000; scale *= 1000, rest /= 1000) {
        const int64_t most = (INT64_C(1) << 53) / scale;
        if (value.whole >= most || value.whole <= -most || (double)scale * per_second > 0x1p53) break;
        if (value.fraction % rest) continue;
        const double result =
            (double)(value.whole * scale + value.fraction / rest) / ((double)scale * per_second);
        return unit.per_second > 0 ? result : result * unit.seconds;
    }
    const double result = rounded(value) / per_second;
    return unit.per_second > 0 ? result : result * unit.seconds;
}
