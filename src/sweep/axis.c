// SPDX-License-Identifier: MIT
#include "sweep/axis.h"

#include "base/strbuf.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1000, MOST_ITEMS = 4096 };

static bool read_number(const char *text, size_t length, double *value) {
    char copy[MB_AXIS_TEXT], *end = NULL;
    if (!length || length >= sizeof copy) return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    errno = 0;
    *value = strtod(copy, &end);
    return end != copy && !*end && !errno && isfinite(*value) && !strpbrk(copy, "xXnN \t");
}

static bool written_whole(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] == '.' || text[i] == 'e' || text[i] == 'E') return false;
    return true;
}

static bool add_item(mb_axis *axis, const char *text, size_t length) {
    if (!length || length >= MB_AXIS_TEXT || axis->levels == MOST_ITEMS) return false;
    char **items = realloc(axis->items, (axis->levels + 1) * sizeof *items);
    if (!items) return false;
    axis->items = items;
    items[axis->levels] = malloc(length + 1);
    if (!items[axis->levels]) return false;
    memcpy(items[axis->levels], text, length);
    items[axis->levels++][length] = '\0';
    for (size_t i = 0; i + 1 < axis->levels; i++) // the same twice is a slip of the pen
        if (strcmp(items[i], items[axis->levels - 1]) == 0) return false;
    return true;
}

// "lo..hi:3" and "lo..hi:x2": the numbers in between.
static bool add_steps(mb_axis *axis, double low, double high, const char *step) {
    const bool factor = *step == 'x';
    double by;
    if (!read_number(step + factor, strlen(step + factor), &by)) return false;
    if (factor ? !(by > 1 && low > 0) : !(by > 0)) return false;
    const double slack = 1e-9 * fmax(fabs(low), fabs(high));
    for (size_t i = 0;; i++) {
        const double value = factor ? low * pow(by, (double)i) : low + (double)i * by;
        char text[MB_AXIS_TEXT];
        if (value > high + slack) return axis->levels > 1;
        snprintf(text, sizeof text, "%.12g", value);
        if (!add_item(axis, text, strlen(text))) return false;
    }
}

static bool read_range(mb_axis *axis, const char *text, const char *dots) {
    const char *second = dots + 2, *colon = strchr(second, ':');
    const size_t first_length = (size_t)(dots - text),
                 second_length = colon ? (size_t)(colon - second) : strlen(second);
    double low, high;
    if (!read_number(text, first_length, &low) || !read_number(second, second_length, &high)) return false;
    if (!(high > low)) return false;
    axis->low = low;
    axis->high = high;
    axis->logarithmic = colon && strcmp(colon, ":log") == 0;
    if (axis->logarithmic && !(low > 0)) return false;
    if (colon && !axis->logarithmic) {
        axis->kind = MB_AXIS_LIST;
        return add_steps(axis, low, high, colon + 1);
    }
    const bool whole = written_whole(text, first_length) && written_whole(second, second_length);
    if (whole && high - low >= 0x1p52) return false;
    axis->kind = whole ? MB_AXIS_WHOLE : MB_AXIS_REAL;
    axis->levels = whole ? (size_t)(high - low) + 1 : STEPS + 1;
    return true;
}

static bool read_items(mb_axis *axis, const char *text) {
    bool numbers = true;
    double value, before = 0;
    int direction = 0;
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        if (!add_item(axis, at, length)) return false;
        numbers = numbers && read_number(at, length, &value);
        if (numbers && axis->levels > 1) { // numbers in no order have no neighbours
            const int way = value > before ? 1 : -1;
            numbers = !direction || way == direction;
            direction = way;
        }
        if (numbers) before = value;
        at += length;
        if (!*at) break;
    }
    axis->kind = numbers ? MB_AXIS_LIST : MB_AXIS_WORDS;
    return axis->levels > 1;
}

// What is judged by is no knob of a policy: with another load the same policy would look better.
static bool is_knob(const char *key, size_t length) {
    return (strncmp(key, "params.", 7) == 0 && length > 7) ||
           (strncmp(key, "cluster.", 8) == 0 && length > 8);
}

mb_status mb_axis_parse(const char *text, mb_axis *axis, mb_error *error) {
    *axis = (mb_axis){0};
    const char *equals = strchr(text, '='), *values = equals ? equals + 1 : "";
    const size_t length = equals ? (size_t)(equals - text) : strlen(text);
    if (equals && length > 0 && length < sizeof axis->key && !is_knob(text, length))
        return mb_fail(error, MB_BAD_INPUT,
                       "--tune %s: what can be tuned are parameters of policies (params.x) and keys of the "
                       "cluster (cluster.x); everything else is what policies are judged on",
                       text);
    const char *dots = strstr(values, "..");
    bool good = equals && length > 0 && length < sizeof axis->key && strlen(values) > 0;
    if (good) {
        memcpy(axis->key, text, length);
        good = dots ? read_range(axis, values, dots) : read_items(axis, values);
    }
    if (good) return MB_OK;
    return mb_fail(
        error, MB_BAD_INPUT,
        "--tune %s: expected key=low..high (numbers, low below high), low..high:log (low above 0), "
        "low..high:step, low..high:xfactor, or at least two different values with commas between, as "
        "in params.bins=1..32",
        text);
}

void mb_axis_deinit(mb_axis *axis) {
    for (size_t i = 0; axis->items && i < axis->levels; i++)
        free(axis->items[i]);
    free(axis->items);
    *axis = (mb_axis){0};
}

void mb_axis_take_fractions(mb_axis *axis) {
    if (axis->kind != MB_AXIS_WHOLE) return;
    axis->kind = MB_AXIS_REAL;
    axis->levels = STEPS + 1;
}

static double value_of(const mb_axis *axis, size_t level) {
    if (axis->kind == MB_AXIS_WHOLE) return axis->low + (double)level;
    const double share = (double)level / STEPS;
    return axis->logarithmic ? axis->low * pow(axis->high / axis->low, share)
                             : axis->low + (axis->high - axis->low) * share;
}

void mb_axis_text(const mb_axis *axis, size_t level, char text[MB_AXIS_TEXT]) {
    if (axis->items)
        snprintf(text, MB_AXIS_TEXT, "%s", axis->items[level]);
    else
        snprintf(text, MB_AXIS_TEXT, axis->kind == MB_AXIS_WHOLE ? "%.0f" : "%.6g", value_of(axis, level));
}

bool mb_axis_find(const mb_axis *axis, const char *text, size_t *level) {
    double wanted, value;
    const bool number = read_number(text, strlen(text), &wanted);
    for (size_t i = 0; axis->items && i < axis->levels; i++) {
        *level = i;
        if (strcmp(axis->items[i], text) == 0) return true;
        if (number && read_number(axis->items[i], strlen(axis->items[i]), &value) && value == wanted)
            return true;
    }
    if (axis->items || !number || wanted < axis->low || wanted > axis->high) return false;
    if (axis->kind == MB_AXIS_WHOLE) {
        *level = (size_t)(wanted - axis->low);
        return wanted == floor(wanted);
    }
    char own[MB_AXIS_TEXT], given[MB_AXIS_TEXT];
    *level = mb_axis_nearest(axis, axis->logarithmic ? log(wanted / axis->low) / log(axis->high / axis->low)
                                                     : (wanted - axis->low) / (axis->high - axis->low));
    mb_axis_text(axis, *level, own);
    snprintf(given, sizeof given, "%.6g", wanted);
    return strcmp(own, given) == 0;
}

double mb_axis_position(const mb_axis *axis, size_t level) {
    if (axis->kind == MB_AXIS_WHOLE && axis->logarithmic)
        return log(value_of(axis, level) / axis->low) / log(axis->high / axis->low);
    return (double)level / (double)(axis->levels - 1);
}

size_t mb_axis_nearest(const mb_axis *axis, double position) {
    const double last = (double)(axis->levels - 1), clamped = fmin(fmax(position, 0), 1);
    if (axis->kind == MB_AXIS_WHOLE && axis->logarithmic)
        return (size_t)fmin(round(axis->low * pow(axis->high / axis->low, clamped)) - axis->low, last);
    return (size_t)fmin(round(clamped * last), last);
}

bool mb_axis_at_edge(const mb_axis *axis, size_t level) {
    return axis->kind != MB_AXIS_WORDS && (level == 0 || level + 1 == axis->levels);
}
