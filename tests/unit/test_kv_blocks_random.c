// SPDX-License-Identifier: MIT
// KV blocks: random operations against a pool of real blocks, each of which knows its content; everything is
// found by looking at every block.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/kv_blocks.h"

#include <string.h>

enum { BLOCKS = 48, REQUESTS = 10, UNITS = 6, SESSIONS = 4, LONGEST = 3 * BLOCKS, STEPS = 4000 };

typedef enum content { NOTHING, LEFT, TURN, PREFIX } content;

typedef struct block {
    content content;
    uint32_t at; // PREFIX: number in its unit; else in the sequence
    uint64_t name;
} block;

typedef struct request {
    uint64_t id;
    uint64_t ids[UNITS];
    mb_kv_names names;
    uint32_t known, computed; // tokens
    bool runs;
    mb_kv_hold hold;
    // The same, naively:
    uint32_t held[LONGEST], count; // blocks, in order of the sequence
    uint32_t shared, units;        // of these the first are those of units
} request;

typedef struct world {
    mb_kv_blocks pool;
    mb_rng rng;
    uint64_t requests_made;
    uint32_t total, size, unit; // blocks, tokens of a block, of a unit
    bool keep;
    block blocks[BLOCKS];
    uint32_t list[BLOCKS], free; // free blocks, the next to be taken first
    request requests[REQUESTS];
} world;

static uint32_t below(world *w, uint64_t n) {
    return (uint32_t)mb_rng_below(&w->rng, n);
}

static uint32_t find(const world *w, content kind, uint64_t name, uint32_t at) {
    for (uint32_t i = 0; i < w->total; i++)
        if (w->blocks[i].at == at && w->blocks[i].name == name && w->blocks[i].content == kind) return i;
    return BLOCKS;
}

static bool is_free(const world *w, uint32_t which) {
    for (uint32_t i = 0; i < w->free; i++)
        if (w->list[i] == which) return true;
    return false;
}

static void remove_free(world *w, uint32_t which) {
    uint32_t i = 0;
    while (i < w->free && w->list[i] != which)
        i++;
    if (i == w->free) return;
    w->free--;
    memmove(w->list + i, w->list + i + 1, (w->free - i) * sizeof *w->list);
}

static void append_free(world *w, uint32_t which) {
    w->list[w->free++] = which;
}

static void clear(world *w, content kind, uint64_t name) {
    for (uint32_t i = 0; i < w->total; i++)
        if (w->blocks[i].content == kind && w->blocks[i].name == name) w->blocks[i] = (block){0};
}

static uint32_t naive_take(world *w) {
    const uint32_t which = w->list[0];
    remove_free(w, which);
    w->blocks[which] = (block){0};
    return which;
}

// Whether block `at` of the sequence is a whole block of a unit; which one, and its number in that.
static bool in_unit(const world *w, const mb_kv_names *names, uint32_t at, uint32_t *unit, uint32_t *number) {
    if (names->session || names->count == 0) return false;
    *unit = at * w->size / names->unit_tokens;
    uint32_t end = (*unit + 1) * names->unit_tokens;
    if (end > names->prompt_tokens) end = names->prompt_tokens;
    *number = at - *unit * names->unit_tokens / w->size;
    return *unit < names->count && (at + 1) * w->size <= end;
}

static uint32_t chain_block(const world *w, const mb_kv_names *names, uint32_t at) {
    uint32_t unit, number;
    return in_unit(w, names, at, &unit, &number) ? find(w, PREFIX, names->ids[unit], number) : BLOCKS;
}

static uint32_t naive_holders(const world *w, uint64_t unit) {
    uint32_t holders = 0;
    for (uint32_t i = 0; i < REQUESTS; i++)
        for (uint32_t k = 0; k < w->requests[i].units; k++)
            holders += w->requests[i].ids[k] == unit;
    return holders;
}

// The blocks found, in order; of these the first `shared` belong to units.
typedef struct finding {
    uint32_t blocks[LONGEST], count, shared, idle;
    content from;
} finding;

static uint32_t chain_length(const world *w, const mb_kv_names *names, uint32_t most) {
    uint32_t count = 0;
    while (count < most && chain_block(w, names, count) < BLOCKS)
        count++;
    return count;
}

static void naive_match(const world *w, uint64_t id, const mb_kv_names *names, uint32_t known, finding *out) {
    uint32_t most = 0, start = 0;
    while ((most + 1) * w->size < known)
        most++;
    while (start < most && find(w, LEFT, id, start) == BLOCKS)
        start++;
    out->from = PREFIX;
    uint64_t name = id;
    if (start < most && chain_length(w, names, start) == start) {
        out->from = LEFT;
    } else if (names->session && find(w, TURN, names->session, 0) < BLOCKS) {
        out->from = TURN;
        name = names->session;
        start = 0;
    } else
        start = most;
    out->shared = chain_length(w, names, start);
    out->count = out->idle = 0;
    for (uint32_t at = 0; at < most; at++) {
        uint32_t which = BLOCKS;
        if (at < out->shared)
            which = chain_block(w, names, at);
        else if (out->from != PREFIX)
            which = find(w, out->from, name, at);
        if (which == BLOCKS) break;
        out->blocks[out->count++] = which;
        out->idle += is_free(w, which);
    }
}

static void naive_reuse(world *w, request *r) {
    finding found;
    naive_match(w, r->id, &r->names, r->known, &found);
    for (uint32_t at = 0; at < found.count; at++) {
        r->held[at] = found.blocks[at];
        remove_free(w, found.blocks[at]);
        if (at >= found.shared) w->blocks[found.blocks[at]] = (block){0};
    }
    r->count = found.count;
    r->shared = found.shared;
    uint32_t unit = 0, number = 0;
    if (found.shared && in_unit(w, &r->names, found.shared - 1, &unit, &number)) {
        // The end of a unit that nobody held, beyond the match.
        for (uint32_t at = number + 1; at < BLOCKS && !naive_holders(w, r->ids[unit]); at++) {
            const uint32_t which = find(w, PREFIX, r->ids[unit], at);
            if (which < BLOCKS) w->blocks[which] = (block){0};
        }
        r->units = unit + 1;
    }
    clear(w, LEFT, r->id);
    if (found.from == TURN && found.count) clear(w, TURN, r->names.session);
}

static void naive_share(world *w, request *r, uint32_t computed) {
    uint32_t unit, number;
    while (w->keep && in_unit(w, &r->names, r->shared, &unit, &number)) {
        const uint32_t end = (unit + 1) * r->names.unit_tokens;
        if (computed < (end < r->names.prompt_tokens ? end : r->names.prompt_tokens)) return;
        const uint32_t stored = find(w, PREFIX, r->ids[unit], number);
        if (stored < BLOCKS) {
            remove_free(w, stored); // where it was free
            append_free(w, r->held[r->shared]);
            r->held[r->shared] = stored;
        } else
            w->blocks[r->held[r->shared]] = (block){PREFIX, number, r->ids[unit]};
        r->shared++;
        r->units = unit + 1;
    }
}

static void naive_release(world *w, request *r, mb_kv_fate fate) {
    content kind = fate == MB_KV_KEEP ? LEFT : fate == MB_KV_SESSION && r->names.session ? TURN : NOTHING;
    if (!w->keep) kind = NOTHING;
    if (kind == TURN) clear(w, TURN, r->names.session);
    while (r->count > r->shared) {
        const uint32_t at = --r->count, which = r->held[at];
        if (kind && (at + 1) * w->size <= r->computed)
            w->blocks[which] = (block){kind, at, kind == LEFT ? r->id : r->names.session};
        append_free(w, which);
    }
    while (r->units) {
        const uint64_t name = r->ids[--r->units];
        for (uint32_t at = BLOCKS; at-- > 0 && !naive_holders(w, name);) {
            const uint32_t which = find(w, PREFIX, name, at);
            if (which < BLOCKS) append_free(w, which);
        }
    }
    r->count = r->shared = 0;
}

// --- the requests ---

// A tree of prompts with two branches at each unit; a unit's id is its path in base 3. A prompt's last unit,
// where shorter, has its length in the id.
static void name_chain(world *w, request *r) {
    r->names.unit_tokens = w->unit;
    r->names.count = 1 + below(w, UNITS);
    const uint32_t last = below(w, 2) ? w->unit : 1 + below(w, w->unit);
    r->names.prompt_tokens = (r->names.count - 1) * w->unit + last;
    uint64_t path = 1;
    for (uint32_t i = 0; i < r->names.count; i++)
        r->ids[i] = path = path * 3 + below(w, 5) / 4;
    if (last < w->unit) r->ids[r->names.count - 1] |= (uint64_t)last << 32;
}

#define PREAMBLE (UINT64_C(1) << 63) // ids of units that stand alone

static void name_preamble(world *w, request *r) {
    const uint64_t which = below(w, 3);
    r->names.count = 1;
    r->names.unit_tokens = (uint32_t)(1 + (which + 1) * (w->size + 5));
    r->names.prompt_tokens = 1 + below(w, 2 * r->names.unit_tokens);
    uint32_t length = r->names.prompt_tokens;
    if (length > r->names.unit_tokens) length = r->names.unit_tokens;
    r->ids[0] = PREAMBLE | which << 32 | length;
}

static void make_request(world *w, request *r) {
    *r = (request){.id = ++w->requests_made, .hold = {.left = MB_KV_NO_RUN}};
    const uint32_t choice = below(w, 8);
    if (choice < 4)
        name_chain(w, r);
    else if (choice < 5)
        name_preamble(w, r);
    else
        r->names.prompt_tokens = 1 + below(w, w->total * w->size / 2 + 1);
    if (choice == 6) r->names.session = 1 + below(w, SESSIONS);
    if (choice == 7) { // the ids of a session's request count for nothing
        name_chain(w, r);
        r->names.session = 1 + below(w, SESSIONS);
    }
    r->names.ids = r->ids;
    r->known = r->names.prompt_tokens + below(w, 3) * below(w, w->size + 2);
}

// Own blocks for so many tokens. The naive pool has as many.
static bool grow(world *w, request *r, uint32_t tokens) {
    const uint32_t blocks = (tokens + w->size - 1) / w->size;
    const bool fits = blocks <= r->count + w->free && blocks <= LONGEST;
    if (blocks > LONGEST) return false;
    assert_int_equal(mb_kv_blocks_grow(&w->pool, &r->hold, blocks), fits);
    while (fits && r->count < blocks)
        r->held[r->count++] = naive_take(w);
    return fits;
}

static void step(world *w, request *r) {
    if (r->computed == r->known) r->known++;
    const uint32_t todo = r->known - r->computed;
    const uint32_t chunk = below(w, 2) ? todo : 1 + below(w, todo);
    const uint32_t reserve = below(w, 4) ? 0 : below(w, 3 * w->size);
    if (!grow(w, r, r->computed + chunk + reserve)) return;
    r->computed += chunk;
    assert_true(mb_kv_blocks_share(&w->pool, &r->hold, &r->names, r->computed));
    naive_share(w, r, r->computed);
}

static void admit(world *w, request *r) {
    const uint64_t free = w->pool.free;
    const mb_kv_match match = mb_kv_blocks_match(&w->pool, &r->hold, &r->names, r->known);
    assert_int_equal(mb_kv_blocks_reuse(&w->pool, &r->hold, &r->names, r->known), match.blocks);
    assert_int_equal(w->pool.free, free - match.idle);
    assert_int_equal(r->hold.left, MB_KV_NO_RUN);
    naive_reuse(w, r);
    r->computed = match.blocks * w->size;
    r->runs = true;
    if (below(w, 8)) step(w, r);
}

static void release(world *w, request *r, mb_kv_fate fate) {
    assert_true(mb_kv_blocks_release(&w->pool, &r->hold, &r->names, r->computed, fate));
    naive_release(w, r, fate);
    r->computed = 0;
    r->runs = false;
}

static void leave(world *w, request *r) {
    mb_kv_blocks_forget(&w->pool, &r->hold);
    assert_int_equal(r->hold.left, MB_KV_NO_RUN);
    clear(w, LEFT, r->id);
    make_request(w, r);
}

static void take(world *w, request *r) {
    const uint32_t count = below(w, (w->free < 5 ? w->free : 5) + 1);
    if (r->count + count > LONGEST) return;
    mb_kv_blocks_take(&w->pool, count);
    r->hold.own += count;
    for (uint32_t i = 0; i < count; i++)
        r->held[r->count++] = naive_take(w);
}

static void operate(world *w) {
    request *r = &w->requests[below(w, REQUESTS)];
    const uint32_t choice = below(w, 16);
    if (!r->runs) {
        if (choice < 14)
            admit(w, r);
        else
            leave(w, r);
    } else if (choice < 8) {
        step(w, r);
    } else if (choice < 9) {
        take(w, r);
    } else if (choice < 12) {
        release(w, r, MB_KV_KEEP);
    } else {
        release(w, r, choice < 14 ? MB_KV_SESSION : MB_KV_FORGET);
        leave(w, r);
    }
}

// --- comparison ---

static void probe(const world *w, const request *r, uint32_t known) {
    finding found;
    naive_match(w, r->id, &r->names, known, &found);
    const mb_kv_match match = mb_kv_blocks_match(&w->pool, &r->hold, &r->names, known);
    assert_int_equal(match.blocks, found.count);
    assert_int_equal(match.idle, found.idle);
}

// A block of a unit has the one before it in the cache, a unit the unit before it. Returns an upper bound for
// the runs that have names.
static uint32_t check_chains(const world *w) {
    uint32_t names = 0;
    for (uint32_t i = 0; i < w->total; i++) {
        const block *b = &w->blocks[i];
        if (b->content == NOTHING) continue;
        names += b->at == 0 || b->content == LEFT;
        if (b->content != PREFIX) continue;
        const uint64_t parent = (uint32_t)b->name / 3;
        if (b->at > 0)
            assert_true(find(w, PREFIX, b->name, b->at - 1) < BLOCKS);
        else if (!(b->name & PREAMBLE) && parent > 1)
            assert_true(find(w, PREFIX, parent, 0) < BLOCKS);
    }
    return names + REQUESTS; // what was taken from a waiting request entirely still has its run
}

static void compare(world *w) {
    assert_int_equal(w->pool.free, w->free);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        const request *r = &w->requests[i];
        assert_int_equal(r->hold.own, r->count - r->shared);
        assert_int_equal(r->hold.shared, r->shared);
        assert_int_equal(r->hold.units, r->units);
        if (!r->runs && below(w, 4) == 0) probe(w, r, below(w, 2) ? r->known : below(w, r->known + 1));
    }
    request newcomer;
    make_request(w, &newcomer);
    probe(w, &newcomer, below(w, 2) ? newcomer.known : below(w, 3 * w->total * w->size));
    assert_true(w->pool.run_count <= 2 * check_chains(w) + 1);
}

static void run_world(uint32_t total, uint32_t size, bool keep, uint64_t seed) {
    world w = {.total = total, .size = size, .keep = keep, .free = total};
    mb_rng_init(&w.rng, seed, 0, "kv blocks");
    w.unit = size * (1 + (uint32_t)seed % 3);
    assert_true(mb_kv_blocks_init(&w.pool, total, size, keep));
    for (uint32_t i = 0; i < total; i++)
        w.list[i] = i;
    for (uint32_t i = 0; i < REQUESTS; i++)
        make_request(&w, &w.requests[i]);
    for (uint32_t i = 0; i < STEPS; i++) {
        operate(&w);
        compare(&w);
    }
    for (uint32_t i = 0; i < REQUESTS; i++) {
        release(&w, &w.requests[i], MB_KV_KEEP);
        compare(&w);
    }
    assert_int_equal(w.pool.free, total);
    for (uint32_t i = 0; i < REQUESTS; i++)
        leave(&w, &w.requests[i]);
    mb_kv_blocks_take(&w.pool, total); // the list holds what `free` says, and names go with their blocks
    assert_true(w.pool.free == 0 && w.pool.head == MB_KV_NO_RUN && w.pool.tail == MB_KV_NO_RUN);
    assert_int_equal(w.pool.run_count, 0);
    mb_kv_blocks_deinit(&w.pool);
}

static void test_random_operations(void **state) {
    (void)state;
    const uint32_t totals[] = {1, 5, 17, 30, BLOCKS};
    for (uint64_t seed = 0; seed < 105; seed++)
        run_world(totals[seed % 5], seed / 5 % 2 ? 1 : 16, seed % 7 != 6, seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
