// SPDX-License-Identifier: MIT
#include "explain/record.h"

#include <stdlib.h>
#include <string.h>

mb_status mb_record_init(mb_record *record, size_t requests, bool wants_parts, mb_error *error) {
    *record = (mb_record){.count = requests, .wants_parts = wants_parts};
    record->services = calloc(requests + 1, sizeof *record->services);
    if (wants_parts) record->taken = calloc(requests + 1, sizeof *record->taken);
    return record->services && (record->taken || !wants_parts) ? MB_OK : mb_fail_memory(error);
}

void mb_record_deinit(mb_record *record) {
    free(record->services);
    free(record->parts);
    free(record->put_off);
    free(record->taken);
    free(record->turned);
    *record = (mb_record){0};
}

static mb_status take_finished(void *self, const mb_finished *finished, mb_error *error) {
    (void)error;
    mb_record *record = self;
    const mb_request *request = finished->request;
    if (request->id >= record->count) return MB_OK;
    mb_service *service = &record->services[request->id];
    *service = (mb_service){.start_s = request->start_s,
                            .first_token_s = finished->first_token_s,
                            .end_s = finished->end_s,
                            .output_tokens = request->output_tokens,
                            .replica = request->replica,
                            .preemptions = request->preemptions,
                            .seen = true,
                            .served = strcmp(finished->why, "done") == 0,
                            .rejected = strcmp(finished->why, "rejected") == 0};
    if (finished->parts) memcpy(service->spent_ns, finished->parts, sizeof service->spent_ns);
    return MB_OK;
}

static mb_status take_batch(void *self, const mb_batch_record *batch, mb_error *error) {
    (void)error;
    ((mb_record *)self)->batch = *batch;
    return MB_OK;
}

// Room for one more of a list's items.
static bool room(void **items, size_t size, size_t count, size_t *capacity) {
    if (count < *capacity) return true;
    const size_t more = *capacity ? 2 * *capacity : 256;
    void *grown = realloc(*items, more * size);
    if (!grown) return false;
    *items = grown;
    *capacity = more;
    return true;
}

static mb_status take_member(void *self, const mb_member_record *member, mb_error *error) {
    mb_record *record = self;
    const mb_batch_record *batch = &record->batch;
    void *items = record->parts;
    const bool fits = room(&items, sizeof *record->parts, record->part_count, &record->part_capacity);
    record->parts = items;
    if (!fits) return mb_fail_memory(error);
    record->parts[record->part_count++] = (mb_work){.request = (size_t)member->id,
                                                    .from_s = batch->start_s,
                                                    .to_s = batch->end_s,
                                                    .replica = batch->replica,
                                                    .batch = batch->batch,
                                                    .prompt = member->prompt_tokens > 0,
                                                    .whole_batch = batch->longest_tokens > 0};
    return MB_OK;
}

static mb_status take_preempted(void *self, const mb_preempted *preempted, mb_error *error) {
    mb_record *record = self;
    void *items = record->put_off;
    const bool fits = room(&items, sizeof *record->put_off, record->put_off_count, &record->put_off_capacity);
    record->put_off = items;
    if (!fits) return mb_fail_memory(error);
    record->put_off[record->put_off_count++] =
        (mb_put_off){(size_t)preempted->id, preempted->time_s, preempted->replica, preempted->how};
    return MB_OK;
}

static void take_taken(void *self, const mb_taken *taken) {
    mb_record *record = self;
    if (taken->id < record->count) record->taken[taken->id] = *taken;
}

static void add_turned(mb_record *record, mb_turned turned) {
    void *items = record->turned;
    const bool fits = room(&items, sizeof *record->turned, record->turned_count, &record->turned_capacity);
    record->turned = items;
    record->failed = record->failed || !fits;
    if (fits) record->turned[record->turned_count++] = turned;
}

static void take_refused(void *self, double now_s, uint32_t replica, uint64_t id, mb_refusal why) {
    add_turned(self, (mb_turned){.request = (size_t)id, .time_s = now_s, .replica = replica, .why = why});
}

// Where a refusal ended it, that has been noted of the request.
static void take_asked(void *self, double now_s, uint32_t replica, uint32_t taken, mb_stop stop) {
    mb_record *record = self;
    const mb_turned *last = record->turned_count ? &record->turned[record->turned_count - 1] : NULL;
    const bool noted = last && last->request != SIZE_MAX && last->time_s == now_s && last->replica == replica;
    const bool limited = stop == MB_STOP_CAP || stop == MB_STOP_B_SLA || stop == MB_STOP_B_MEM;
    if (taken && limited && !noted)
        add_turned(record,
                   (mb_turned){.request = SIZE_MAX, .time_s = now_s, .replica = replica, .stop = stop});
}

mb_observer mb_record_observer(mb_record *record) {
    return (mb_observer){.finished = take_finished,
                         .batch = record->wants_parts ? take_batch : NULL,
                         .member = record->wants_parts ? take_member : NULL,
                         .preempted = record->wants_parts ? take_preempted : NULL,
                         .taken = record->wants_parts ? take_taken : NULL,
                         .refused = record->wants_parts ? take_refused : NULL,
                         .asked = record->wants_parts ? take_asked : NULL,
                         .self = record};
}
