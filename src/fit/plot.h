// SPDX-License-Identifier: MIT
// Measured against fitted times as a picture.
#pragma once
#include "base/strbuf.h"

#include <stddef.h>

typedef struct mb_fit_point {
    double measured_s, fitted_s;
    char name[64]; // shown where a pointer rests on the point
} mb_fit_point;

// An SVG with logarithmic axes: a point on the diagonal is fitted exactly, one in the band to 10 %.
void mb_fit_plot(mb_strbuf *out, const char *title, const mb_fit_point *points, size_t count);
