// SPDX-License-Identifier: MIT
// A timeline as rows of characters: replicas from top to bottom, time from left to right, a letter a request.
#pragma once
#include "explain/timeline.h"

#include <stdio.h>

enum { MB_CHART_LETTERS = 26, MB_CHART_LEAST_WIDTH = 40, MB_CHART_MOST_WIDTH = 400 };

typedef struct mb_chart_style {
    size_t width; // columns, labels and all
    bool utf8, color;
    double end_s; // of the axis
} mb_chart_style;

// "A", "B", ..., then "#" for all others.
char mb_chart_letter(size_t request);
void mb_chart_axis(const mb_chart_style *style, FILE *out);
mb_status mb_chart_rows(const mb_timeline *timeline, const mb_chart_style *style, FILE *out, mb_error *error);
// What the marks mean, of those kinds of pieces that are there: "A prefill, a decode, . waits".
void mb_chart_marks(const bool there[MB_DOING_COUNT], const mb_chart_style *style, FILE *out);
