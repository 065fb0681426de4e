// SPDX-License-Identifier: MIT
#include "model/kv_mirror.h"

#include <stdlib.h>

void mb_kv_mirror_deinit(mb_kv_mirror *mirror) {
    for (int i = 0; i < 2; i++) {
        mb_kv_table_deinit(&mirror->published[i]);
        mb_kv_table_deinit(&mirror->seen[i]);
    }
    free(mirror->notes.list);
    free(mirror->changes);
}

static bool set(mb_kv_table tables[2], const mb_kv_change *change) {
    if (change->cleared) {
        mb_kv_table_deinit(&tables[0]);
        mb_kv_table_deinit(&tables[1]);
        return true;
    }
    mb_kv_table *table = &tables[change->session];
    if (change->blocks) return mb_kv_table_put(table, change->name, change->blocks);
    if (mb_kv_table_find(table, change->name) != MB_KV_ABSENT) mb_kv_table_remove(table, change->name);
    return true;
}

static bool add(mb_kv_mirror *mirror, const mb_kv_change *change) {
    if (mirror->count == mirror->capacity) {
        const uint32_t kept = mirror->count - mirror->first;
        for (uint32_t i = 0; mirror->first && i < kept; i++)
            mirror->changes[i] = mirror->changes[mirror->first + i];
        mirror->first = 0;
        mirror->count = kept;
        if (2 * kept >= mirror->capacity) {
            const uint32_t more = mirror->capacity ? 2 * mirror->capacity : 64;
            mb_kv_change *list = realloc(mirror->changes, more * sizeof *list);
            if (!list) return false;
            mirror->changes = list;
            mirror->capacity = more;
        }
    }
    mirror->changes[mirror->count++] = *change;
    return set(mirror->published, change);
}

bool mb_kv_mirror_publish(mb_kv_mirror *mirror, const mb_kv_blocks *pool, uint64_t publication) {
    mb_kv_notes *notes = &mirror->notes;
    bool done = !notes->out_of_memory;
    if (notes->cleared)
        done = done && add(mirror, &(mb_kv_change){.publication = publication, .cleared = true});
    for (uint32_t i = 0; i < notes->count && done; i++) {
        const mb_kv_note *note = &notes->list[i];
        const uint32_t blocks = mb_kv_blocks_named(pool, note->name, note->session);
        const uint32_t known = mb_kv_table_find(&mirror->published[note->session], note->name);
        if (blocks == (known == MB_KV_ABSENT ? 0 : known)) continue; // noted twice, or as it was
        done = add(mirror, &(mb_kv_change){publication, note->name, blocks, note->session, false});
    }
    notes->count = 0;
    notes->cleared = false;
    return done;
}

bool mb_kv_mirror_see(mb_kv_mirror *mirror, uint64_t publication) {
    bool done = true;
    while (done && mirror->first < mirror->count && mirror->changes[mirror->first].publication <= publication)
        done = set(mirror->seen, &mirror->changes[mirror->first++]);
    return done;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

uint32_t mb_kv_mirror_match(const mb_kv_mirror *mirror, const mb_kv_names *names, uint32_t block_tokens,
                            uint32_t known_tokens) {
    const uint32_t most = known_tokens ? (known_tokens - 1) / block_tokens : 0;
    if (names->session) {
        const uint32_t found = mb_kv_table_find(&mirror->seen[1], names->session);
        return found == MB_KV_ABSENT ? 0 : least(found, most);
    }
    uint32_t blocks = 0;
    for (uint32_t unit = 0; unit < names->count && blocks < most; unit++) {
        const uint64_t end = (unit + UINT64_C(1)) * names->unit_tokens;
        const uint32_t full =
            (end < names->prompt_tokens ? (uint32_t)end : names->prompt_tokens) / block_tokens - blocks;
        if (full == 0) continue; // no block ends in it
        const uint32_t found = mb_kv_table_find(&mirror->seen[0], names->ids[unit]);
        if (found == MB_KV_ABSENT) break;
        const uint32_t used = least(least(found, full), most - blocks);
        blocks += used;
        if (used < full || used == 0) break;
    }
    return blocks;
}
