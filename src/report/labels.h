// SPDX-License-Identifier: MIT
// The label of a sweep's point, "cluster.gpus=4 params.bins=8", taken apart into columns.
#pragma once
#include "scenario/scenario.h"

enum { MB_MAX_KEYS = 16 };

typedef struct mb_slice {
    const char *text;
    size_t length;
} mb_slice;

// The columns that the labels of a section's points fill: one per swept key; none where nothing is swept; a
// single column "point" with whole labels where they are not lists of the same keys.
typedef struct mb_label_columns {
    size_t count;
    mb_slice names[MB_MAX_KEYS];
    bool whole;
} mb_label_columns;

mb_label_columns mb_label_columns_of(const mb_section *section);
// What a label holds for a column.
mb_slice mb_label_value(const mb_label_columns *columns, const char *label, size_t column);
bool mb_slice_equal(mb_slice a, mb_slice b);
