// SPDX-License-Identifier: MIT
// A binary heap that gives equal times back in the order in which Python's heapq does: its moves, step by
// step, on items that are compared by time alone. For replays of a simulator written with it; everybody else
// wants base/heap.h.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_python_event {
    double time_s;
    uint64_t what;
} mb_python_event;

typedef struct mb_python_heap {
    mb_python_event *events;
    size_t count, capacity;
} mb_python_heap;

void mb_python_heap_deinit(mb_python_heap *heap);
// False when out of memory.
bool mb_python_heap_push(mb_python_heap *heap, double time_s, uint64_t what);
// The heap must not be empty.
mb_python_event mb_python_heap_pop(mb_python_heap *heap);
