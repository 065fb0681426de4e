// SPDX-License-Identifier: MIT
// Two databases of results side by side: what differs between what they rest on, and in their measures,
// paired by seed.
#pragma once
#include "sweep/record.h"

#include <stdio.h>

typedef enum mb_compare_format { MB_COMPARE_TABLE, MB_COMPARE_CSV, MB_COMPARE_MD } mb_compare_format;

// Policies at points that both have, by their labels.
mb_status mb_compare_stores(const char *first, const char *second, mb_compare_format format, bool color,
                            FILE *out, mb_error *error);
