// SPDX-License-Identifier: MIT
// Lists of whole numbers as options write them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_list {
    uint64_t *values; // owned: free() it
    size_t count;
} mb_list;

// "1,2,4", "1..9", "1..9:2", "512..131072:x2", "32k" (x 1,024): numbers from 1 to 2^40, at most 4,096 of
// them. Replaces what the list held. False where the text is something else.
bool mb_list_parse(const char *text, mb_list *list);
