// SPDX-License-Identifier: MIT
#include "base/python_heap.h"

#include <stdlib.h>

void mb_python_heap_deinit(mb_python_heap *heap) {
    free(heap->events);
}

// Move the event at `at` towards the root while it is earlier than its parent.
static void rise(mb_python_heap *heap, size_t at) {
    mb_python_event *events = heap->events;
    const mb_python_event event = events[at];
    for (; at > 0 && event.time_s < events[(at - 1) / 2].time_s; at = (at - 1) / 2)
        events[at] = events[(at - 1) / 2];
    events[at] = event;
}

bool mb_python_heap_push(mb_python_heap *heap, double time_s, uint64_t what) {
    if (heap->count == heap->capacity) {
        const size_t more = heap->capacity ? 2 * heap->capacity : 1024;
        mb_python_event *events = realloc(heap->events, more * sizeof *events);
        if (!events) return false;
        heap->events = events;
        heap->capacity = more;
    }
    heap->events[heap->count] = (mb_python_event){time_s, what};
    rise(heap, heap->count++);
    return true;
}

// The last event takes the root's place, sinks to a leaf - past the right child unless the left one is
// earlier - and rises from there.
mb_python_event mb_python_heap_pop(mb_python_heap *heap) {
    mb_python_event *events = heap->events;
    const mb_python_event first = events[0], last = events[--heap->count];
    const size_t count = heap->count;
    if (count == 0) return first;
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && !(events[child].time_s < events[child + 1].time_s)) child++;
        events[at] = events[child];
        at = child;
    }
    events[at] = last;
    rise(heap, at);
    return first;
}
