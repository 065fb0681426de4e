// SPDX-License-Identifier: MIT
#include "report/labels.h"

#include <string.h>

typedef struct parts {
    size_t count;
    mb_slice names[MB_MAX_KEYS], values[MB_MAX_KEYS];
} parts;

// False where the label is not "key=value key=value ...".
static bool take_apart(const char *label, parts *found) {
    found->count = 0;
    while (*label) {
        const size_t length = strcspn(label, " ");
        const char *equals = memchr(label, '=', length);
        if (!equals || equals == label || found->count == MB_MAX_KEYS) return false;
        const size_t name = (size_t)(equals - label);
        found->names[found->count] = (mb_slice){label, name};
        found->values[found->count++] = (mb_slice){equals + 1, length - name - 1};
        label += length + (label[length] == ' ');
    }
    return found->count > 0;
}

bool mb_slice_equal(mb_slice a, mb_slice b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0);
}

static bool same_names(const parts *a, const parts *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!mb_slice_equal(a->names[i], b->names[i])) return false;
    return true;
}

static const char *label_of(const mb_section *section, size_t point) {
    const char *label = section->points[point].label;
    return label ? label : "";
}

mb_label_columns mb_label_columns_of(const mb_section *section) {
    mb_label_columns columns = {0};
    bool any = section->point_count > 1;
    for (size_t i = 0; i < section->point_count; i++)
        any = any || *label_of(section, i);
    if (!any) return columns;
    parts first, other;
    bool regular = take_apart(label_of(section, 0), &first);
    for (size_t i = 1; i < section->point_count && regular; i++)
        regular = take_apart(label_of(section, i), &other) && same_names(&first, &other);
    if (!regular) return (mb_label_columns){.count = 1, .names = {{"point", 5}}, .whole = true};
    columns.count = first.count;
    memcpy(columns.names, first.names, sizeof first.names);
    return columns;
}

mb_slice mb_label_value(const mb_label_columns *columns, const char *label, size_t column) {
    parts found;
    if (!label) return (mb_slice){"", 0};
    if (columns->whole) return (mb_slice){label, strlen(label)};
    if (!take_apart(label, &found) || column >= found.count) return (mb_slice){"", 0};
    return found.values[column];
}
