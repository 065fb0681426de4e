// SPDX-License-Identifier: MIT
#include "model/kv_blocks.h"

#include "base/apart.h"
#include "model/kv_table.h"

#include <assert.h>
#include <stdlib.h>

#define NONE MB_KV_NO_RUN

typedef enum run_kind {
    NAMELESS, // garbage; two such runs are never neighbours in the free list
    LEFT,     // by a preempted request, which knows its index
    SESSION,  // in pool->sessions
    UNIT,     // in pool->units; in the free list while nobody holds it
} run_kind;

// Blocks with consecutive content. They are taken from the end, so that what is left is a beginning.
struct mb_kv_run {
    uint64_t blocks; // 0 only in a LEFT run that was taken entirely: then it is in no list
    uint64_t name;   // of a UNIT or SESSION
    uint32_t previous, next;
    uint32_t holders; // of a UNIT
    uint32_t start;   // LEFT: number of blocks of shared units that come before it
    run_kind kind;
};

static uint64_t min64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// --- runs ---

static bool enlarge(mb_kv_blocks *pool) {
    if (pool->run_capacity > UINT32_MAX / 4) return false;
    const uint32_t capacity = pool->run_capacity ? pool->run_capacity * 2 : 64;
    mb_kv_run *runs = realloc(pool->runs, capacity * sizeof *runs);
    if (!runs) return false;
    pool->runs = runs;
    for (uint32_t i = capacity; i-- > pool->run_capacity;) {
        runs[i].next = pool->run_free;
        pool->run_free = i;
    }
    pool->run_capacity = capacity;
    return true;
}

// In no list; NONE when out of memory. Moves pool->runs.
static uint32_t new_run(mb_kv_blocks *pool, run_kind kind, uint64_t blocks) {
    if (pool->run_free == NONE && !enlarge(pool)) return NONE;
    const uint32_t index = pool->run_free;
    pool->run_free = pool->runs[index].next;
    pool->runs[index] = (mb_kv_run){.blocks = blocks, .kind = kind, .previous = NONE, .next = NONE};
    pool->run_count++;
    return index;
}

static void recycle(mb_kv_blocks *pool, uint32_t index) {
    pool->runs[index].next = pool->run_free;
    pool->run_free = index;
    pool->run_count--;
}

// --- who wants to know ---

static void note(mb_kv_blocks *pool, uint64_t name, bool session) {
    mb_kv_notes *notes = pool->notes;
    if (notes->count == notes->capacity) {
        const uint32_t more = notes->capacity ? 2 * notes->capacity : 64;
        mb_kv_note *list = realloc(notes->list, more * sizeof *list);
        notes->out_of_memory |= !list;
        if (!list) return;
        notes->list = list;
        notes->capacity = more;
    }
    notes->list[notes->count++] = (mb_kv_note){name, session};
}

// What a run with a name holds is going to change, or has.
static void note_run(mb_kv_blocks *pool, const mb_kv_run *run) {
    if (pool->notes && (run->kind == UNIT || run->kind == SESSION))
        note(pool, run->name, run->kind == SESSION);
}

// --- the free list ---

// Between two neighbours, either of which may be NONE.
static void link_run(mb_kv_blocks *pool, uint32_t index, uint32_t previous, uint32_t next) {
    pool->runs[index].previous = previous;
    pool->runs[index].next = next;
    *(previous == NONE ? &pool->head : &pool->runs[previous].next) = index;
    *(next == NONE ? &pool->tail : &pool->runs[next].previous) = index;
}

static void append(mb_kv_blocks *pool, uint32_t index) {
    link_run(pool, index, pool->tail, NONE);
    pool->free += pool->runs[index].blocks;
}

// Garbage next to garbage is one run.
static void join(mb_kv_blocks *pool, uint32_t first, uint32_t second) {
    if (first == NONE || second == NONE) return;
    mb_kv_run *a = &pool->runs[first];
    const mb_kv_run *b = &pool->runs[second];
    if (a->kind != NAMELESS || b->kind != NAMELESS) return;
    a->blocks += b->blocks;
    a->next = b->next;
    *(b->next == NONE ? &pool->tail : &pool->runs[b->next].previous) = first;
    recycle(pool, second);
}

// Its blocks, too, leave the list.
static void unlink_run(mb_kv_blocks *pool, uint32_t index) {
    const uint32_t previous = pool->runs[index].previous, next = pool->runs[index].next;
    *(previous == NONE ? &pool->head : &pool->runs[previous].next) = next;
    *(next == NONE ? &pool->tail : &pool->runs[next].previous) = previous;
    pool->free -= pool->runs[index].blocks;
    join(pool, previous, next);
}

// A run in the list loses its name, but not its place. (It is in no table any more.)
static void make_nameless(mb_kv_blocks *pool, uint32_t index) {
    const uint32_t previous = pool->runs[index].previous;
    pool->runs[index].kind = NAMELESS;
    join(pool, index, pool->runs[index].next);
    join(pool, previous, index);
}

static bool give_back(mb_kv_blocks *pool, uint64_t count) {
    if (count == 0) return true;
    if (pool->tail != NONE && pool->runs[pool->tail].kind == NAMELESS) {
        pool->runs[pool->tail].blocks += count;
        pool->free += count;
        return true;
    }
    const uint32_t index = new_run(pool, NAMELESS, count);
    if (index == NONE) return false;
    append(pool, index);
    return true;
}

// A run at the head was taken entirely.
static void lose(mb_kv_blocks *pool, uint32_t index) {
    unlink_run(pool, index);
    const mb_kv_run *run = &pool->runs[index];
    if (run->kind == LEFT) return; // its request knows the index, and comes for it
    if (run->kind == UNIT) mb_kv_table_remove(pool->units, run->name);
    if (run->kind == SESSION) mb_kv_table_remove(pool->sessions, run->name);
    recycle(pool, index);
}

MB_APART static void take_runs(mb_kv_blocks *pool, uint64_t count) {
    while (count > 0) {
        const uint32_t index = pool->head;
        mb_kv_run *run = &pool->runs[index];
        const uint64_t part = min64(run->blocks, count);
        note_run(pool, run);
        run->blocks -= part;
        pool->free -= part;
        count -= part;
        if (run->blocks == 0) lose(pool, index);
    }
}

void mb_kv_blocks_take(mb_kv_blocks *pool, uint64_t count) {
    assert(count <= pool->free);
    if (count == 0) return;
    mb_kv_run *first = &pool->runs[pool->head];
    if (count >= first->blocks || pool->notes) {
        take_runs(pool, count);
        return;
    }
    first->blocks -= count; // nearly always
    pool->free -= count;
}

uint64_t mb_kv_blocks_blank(const mb_kv_blocks *pool) {
    return pool->free && pool->runs[pool->head].kind == NAMELESS ? pool->runs[pool->head].blocks : 0;
}

// --- units ---

static uint32_t unit_count(const mb_kv_names *names) {
    return names->session ? 0 : names->count;
}

// Tokens and whole blocks of the first `units` units.
static uint64_t tokens_before(const mb_kv_names *names, uint32_t units) {
    return min64((uint64_t)units * names->unit_tokens, names->prompt_tokens);
}

static uint32_t blocks_before(const mb_kv_blocks *pool, const mb_kv_names *names, uint32_t units) {
    return (uint32_t)(tokens_before(names, units) / pool->block_tokens);
}

// Whole blocks that end in a unit: none of one that is shorter than a block may.
static uint32_t blocks_in(const mb_kv_blocks *pool, const mb_kv_names *names, uint32_t unit) {
    return blocks_before(pool, names, unit + 1) - blocks_before(pool, names, unit);
}

// One unit of a chain, as the first `limit` blocks of the chain see it.
typedef struct link {
    uint32_t run;    // NONE: no block ends in it, or the chain ends before it
    uint32_t blocks; // of the run
    bool last;       // the chain ends here
} link;

static link chain_link(const mb_kv_blocks *pool, const mb_kv_names *names, uint32_t unit, uint32_t limit) {
    const uint32_t before = blocks_before(pool, names, unit);
    if (unit >= unit_count(names) || before >= limit) return (link){.run = NONE, .last = true};
    const uint32_t full = blocks_in(pool, names, unit);
    if (full == 0) return (link){.run = NONE};
    const uint32_t run = mb_kv_table_find(pool->units, names->ids[unit]);
    if (run == NONE) return (link){.run = NONE, .last = true};
    const uint32_t found = (uint32_t)min64(pool->runs[run].blocks, full);
    const uint32_t used = (uint32_t)min64(found, limit - before);
    return (link){.run = run, .blocks = used, .last = used < full};
}

static mb_kv_match match_chain(const mb_kv_blocks *pool, const mb_kv_names *names, uint32_t limit) {
    mb_kv_match match = {0};
    link at = {0};
    for (uint32_t unit = 0; !at.last; unit++) {
        at = chain_link(pool, names, unit, limit);
        match.blocks += at.blocks;
        if (at.run != NONE && pool->runs[at.run].holders == 0) match.idle += at.blocks;
    }
    return match;
}

// Take a unit that nobody holds out of the free list, with its first `blocks` blocks; the rest stays where it
// is. False when out of memory (nothing changed then).
static bool pick_up(mb_kv_blocks *pool, uint32_t index, uint32_t blocks) {
    const uint64_t rest = pool->runs[index].blocks - blocks;
    if (rest > 0) {
        const uint32_t garbage = new_run(pool, NAMELESS, rest);
        if (garbage == NONE) return false;
        note_run(pool, &pool->runs[index]);
        pool->runs[index].blocks = blocks;
        link_run(pool, garbage, pool->runs[index].previous, index);
        join(pool, pool->runs[garbage].previous, garbage);
    }
    unlink_run(pool, index);
    return true;
}

static void hold_chain(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names, uint32_t limit) {
    link at = {0};
    for (uint32_t unit = 0; !at.last; unit++) {
        at = chain_link(pool, names, unit, limit);
        if (at.run == NONE) continue;
        // Without memory for its rest, the unit counts as not found.
        if (pool->runs[at.run].holders == 0 && !pick_up(pool, at.run, at.blocks)) return;
        pool->runs[at.run].holders++;
        hold->units = unit + 1;
        hold->shared += at.blocks;
    }
}

// --- matching ---

typedef struct source {
    uint32_t chain; // the most blocks that come from units
    uint32_t own;   // then so many from the beginning of `run`
    uint32_t run;
} source;

static source find_source(const mb_kv_blocks *pool, const mb_kv_hold *hold, const mb_kv_names *names,
                          uint32_t known_tokens) {
    const uint32_t most = known_tokens ? (known_tokens - 1) / pool->block_tokens : 0;
    if (hold->left != NONE) {
        const mb_kv_run *left = &pool->runs[hold->left];
        if (left->blocks > 0 && left->start < most &&
            match_chain(pool, names, left->start).blocks == left->start)
            return (source){left->start, (uint32_t)min64(left->blocks, most - left->start), hold->left};
    }
    const uint32_t run = names->session ? mb_kv_table_find(pool->sessions, names->session) : NONE;
    if (run != NONE) return (source){0, (uint32_t)min64(pool->runs[run].blocks, most), run};
    return (source){most, 0, NONE};
}

mb_kv_match mb_kv_blocks_match(const mb_kv_blocks *pool, const mb_kv_hold *hold, const mb_kv_names *names,
                               uint32_t known_tokens) {
    const source from = find_source(pool, hold, names, known_tokens);
    mb_kv_match match = match_chain(pool, names, from.chain);
    match.blocks += from.own;
    match.idle += from.own;
    return match;
}

// The first blocks of a named run become a request's own, the others garbage.
static void take_over(mb_kv_blocks *pool, mb_kv_hold *hold, uint32_t index, uint32_t blocks) {
    mb_kv_run *run = &pool->runs[index];
    note_run(pool, run);
    if (run->kind == SESSION) mb_kv_table_remove(pool->sessions, run->name);
    hold->own += blocks;
    run->blocks -= blocks;
    pool->free -= blocks;
    if (run->blocks > 0) {
        make_nameless(pool, index);
        return;
    }
    unlink_run(pool, index);
    recycle(pool, index);
}

uint32_t mb_kv_blocks_reuse(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names,
                            uint32_t known_tokens) {
    assert(hold->own == 0 && hold->shared == 0 && hold->units == 0);
    const source from = find_source(pool, hold, names, known_tokens);
    hold_chain(pool, hold, names, from.chain);
    if (from.own > 0 && hold->shared == from.chain) { // unequal only when out of memory
        if (from.run == hold->left) hold->left = NONE;
        take_over(pool, hold, from.run, from.own);
    }
    mb_kv_blocks_forget(pool, hold);
    return hold->own + hold->shared;
}

// --- holding ---

bool mb_kv_blocks_grow(mb_kv_blocks *pool, mb_kv_hold *hold, uint64_t blocks) {
    const uint64_t held = (uint64_t)hold->own + hold->shared;
    if (blocks <= held) return true;
    if (blocks - held > pool->free) return false;
    assert(blocks <= UINT32_MAX);
    mb_kv_blocks_take(pool, blocks - held);
    hold->own += (uint32_t)(blocks - held);
    return true;
}

// Hold a unit that has just been computed: as found, or an empty one. NONE when out of memory.
static uint32_t hold_unit(mb_kv_blocks *pool, uint64_t name) {
    uint32_t index = mb_kv_table_find(pool->units, name);
    if (index == NONE) {
        index = new_run(pool, UNIT, 0);
        if (index == NONE) return NONE;
        pool->runs[index].name = name;
        if (!mb_kv_table_put(pool->units, name, index)) {
            recycle(pool, index);
            return NONE;
        }
    } else if (pool->runs[index].holders == 0)
        unlink_run(pool, index);
    pool->runs[index].holders++;
    return index;
}

bool mb_kv_blocks_share(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names,
                        uint32_t computed_tokens) {
    if (!pool->keep) return true;
    for (;;) {
        // The last unit may be held in part: what is missing was computed by now.
        const bool part = hold->shared < blocks_before(pool, names, hold->units);
        uint32_t unit = hold->units - part;
        while (unit < unit_count(names) && blocks_in(pool, names, unit) == 0)
            unit++;
        if (unit >= unit_count(names) || computed_tokens < tokens_before(names, unit + 1)) return true;
        const uint32_t before = blocks_before(pool, names, unit);
        const uint32_t full = blocks_in(pool, names, unit);
        const uint32_t index =
            part ? mb_kv_table_find(pool->units, names->ids[unit]) : hold_unit(pool, names->ids[unit]);
        if (index == NONE) return false;
        const uint32_t computed = before + full - hold->shared;
        assert(computed <= hold->own);
        hold->units = unit + 1;
        hold->shared += computed;
        hold->own -= computed;
        mb_kv_run *run = &pool->runs[index];
        const uint32_t missing = (uint32_t)(full - min64(full, run->blocks));
        if (missing) note_run(pool, run);
        run->blocks += missing;
        // The others are copies of blocks that somebody else stored.
        if (!give_back(pool, computed - missing)) return false;
    }
}

// --- leaving ---

static void forget_session(mb_kv_blocks *pool, uint64_t name) {
    const uint32_t index = mb_kv_table_find(pool->sessions, name);
    if (index == NONE) return;
    note_run(pool, &pool->runs[index]);
    mb_kv_table_remove(pool->sessions, name);
    make_nameless(pool, index);
}

static void release_units(mb_kv_blocks *pool, const mb_kv_hold *hold, const mb_kv_names *names) {
    for (uint32_t unit = hold->units; unit-- > 0;) {
        if (blocks_in(pool, names, unit) == 0) continue;
        const uint32_t index = mb_kv_table_find(pool->units, names->ids[unit]);
        assert(index != NONE && pool->runs[index].holders > 0);
        if (--pool->runs[index].holders == 0) append(pool, index);
    }
}

bool mb_kv_blocks_release(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names,
                          uint32_t computed_tokens, mb_kv_fate fate) {
    if (!pool->keep || (fate == MB_KV_SESSION && !names->session)) fate = MB_KV_FORGET;
    const uint32_t filled = computed_tokens / pool->block_tokens;
    const uint32_t filled_own = filled > hold->shared ? filled - hold->shared : 0;
    const uint32_t kept = fate == MB_KV_FORGET ? 0 : (uint32_t)min64(hold->own, filled_own);
    if (fate == MB_KV_SESSION) forget_session(pool, names->session);
    if (!give_back(pool, hold->own - kept)) return false; // the last blocks first
    if (kept > 0) {
        const uint32_t index = new_run(pool, fate == MB_KV_KEEP ? LEFT : SESSION, kept);
        if (index == NONE) return false;
        pool->runs[index].name = names->session;
        pool->runs[index].start = hold->shared;
        if (fate == MB_KV_KEEP) {
            mb_kv_blocks_forget(pool, hold);
            hold->left = index;
        } else if (!mb_kv_table_put(pool->sessions, names->session, index)) {
            recycle(pool, index);
            return false;
        }
        note_run(pool, &pool->runs[index]);
        append(pool, index);
    }
    release_units(pool, hold, names);
    hold->own = hold->shared = hold->units = 0;
    return true;
}

bool mb_kv_blocks_give_up(mb_kv_blocks *pool, mb_kv_hold *hold) {
    assert(!hold->units && !hold->shared);
    if (!give_back(pool, hold->own)) return false;
    hold->own = 0;
    return true;
}

void mb_kv_blocks_forget(mb_kv_blocks *pool, mb_kv_hold *hold) {
    if (hold->left == NONE) return;
    if (pool->runs[hold->left].blocks > 0)
        make_nameless(pool, hold->left);
    else
        recycle(pool, hold->left);
    hold->left = NONE;
}

// --- the pool ---

bool mb_kv_blocks_init(mb_kv_blocks *pool, uint64_t total, uint32_t block_tokens, bool keep) {
    assert(total >= 1 && block_tokens >= 1);
    *pool = (mb_kv_blocks){.block_tokens = block_tokens,
                           .total = total,
                           .keep = keep,
                           .run_free = NONE,
                           .head = NONE,
                           .tail = NONE,
                           .units = calloc(1, sizeof(mb_kv_table)),
                           .sessions = calloc(1, sizeof(mb_kv_table))};
    return pool->units && pool->sessions && give_back(pool, total);
}

void mb_kv_blocks_deinit(mb_kv_blocks *pool) {
    if (pool->units) mb_kv_table_deinit(pool->units);
    if (pool->sessions) mb_kv_table_deinit(pool->sessions);
    free(pool->units);
    free(pool->sessions);
    free(pool->runs);
    *pool = (mb_kv_blocks){0};
}

bool mb_kv_blocks_clear(mb_kv_blocks *pool) {
    const mb_kv_blocks old = *pool;
    mb_kv_blocks_deinit(pool);
    const bool done = mb_kv_blocks_init(pool, old.total, old.block_tokens, old.keep);
    pool->notes = old.notes;
    if (pool->notes) pool->notes->cleared = true;
    if (pool->notes) pool->notes->count = 0;
    return done;
}

uint32_t mb_kv_blocks_named(const mb_kv_blocks *pool, uint64_t name, bool session) {
    const uint32_t run = mb_kv_table_find(session ? pool->sessions : pool->units, name);
    return run == NONE ? 0 : (uint32_t)pool->runs[run].blocks;
}
