// SPDX-License-Identifier: MIT
#include "report/exact.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIGNIFICANT = 17 };

static size_t put_integer(char *text, uint64_t value) {
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    for (size_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    return count;
}

// Round the digits up by one in the last place. False where all are nines: another digit would be needed.
static bool round_up(char *text, size_t length) {
    while (length--) {
        if (text[length] == '.') continue;
        if (text[length] != '9') {
            text[length]++;
            return true;
        }
        text[length] = '0';
    }
    return false;
}

// Digits after the point that make 17 significant ones.
static unsigned decimals_of(double value, size_t whole_digits) {
    if (value >= 1) return SIGNIFICANT - (unsigned)whole_digits;
    return value >= 0.1     ? SIGNIFICANT
           : value >= 0.01  ? SIGNIFICANT + 1
           : value >= 0.001 ? SIGNIFICANT + 2
                            : SIGNIFICANT + 3;
}

// 2^-10 <= value < 2^53. The fraction has at most 63 binary digits, so it fits an integer, and its decimal
// digits fall out of exact multiplications by powers of ten, nine at a time.
static size_t put_fraction(char *text, double value) {
    __extension__ typedef unsigned __int128 wide;
    static const uint64_t powers[] = {1,      10,      100,      1000,      10000,
                                      100000, 1000000, 10000000, 100000000, 1000000000};
    const uint64_t whole = (uint64_t)value;
    size_t length = put_integer(text, whole);
    uint64_t fraction = (uint64_t)ldexp(value - (double)whole, 63); // exact: both steps only move the point
    if (!fraction) return length;
    unsigned left = decimals_of(value, length);
    text[length++] = '.';
    while (fraction && left) {
        const unsigned count = left < 9 ? left : 9;
        const wide product = (wide)fraction * powers[count];
        uint32_t digits = (uint32_t)(product >> 63);
        fraction = (uint64_t)product & ((UINT64_C(1) << 63) - 1);
        for (unsigned i = count; i-- > 0; digits /= 10)
            text[length + i] = (char)('0' + digits % 10);
        length += count;
        left -= count;
    }
    const uint64_t half = UINT64_C(1) << 62;
    const bool odd = text[length - 1] % 2 != 0; // the character's code is odd where the digit is
    if ((fraction > half || (fraction == half && odd)) && !round_up(text, length)) return 0;
    while (text[length - 1] == '0')
        length--;
    return text[length - 1] == '.' ? length - 1 : length;
}

size_t mb_format_exact(char text[MB_EXACT_SIZE], double value) {
    size_t length = 0;
    if (value == 0 && !signbit(value)) {
        text[length++] = '0';
    } else if (value >= 0x1p-10 && value < 0x1p53) {
        length = put_fraction(text, value);
    }
    if (!length) return (size_t)snprintf(text, MB_EXACT_SIZE, "%.17g", value);
    text[length] = '\0';
    return length;
}
