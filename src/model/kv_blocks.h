// SPDX-License-Identifier: MIT
// Paged KV memory of one replica: a number of equal blocks, and what the free ones still hold.
//
// Blocks are taken from the head of a free list and given back to its tail, the last block of a request first
// (Kwon et al., SOSP 2023; vLLM's free-block queue). A free block keeps its content until it is taken again,
// so a request that was preempted finds its leading blocks, a conversation finds its last turn, and requests
// with a common prefix share it. The list is kept in runs of blocks, not block by block: taking and giving
// back cost the number of runs that they touch.
//
// What a block holds is known by names: a request's prompt is a chain of units, ids[i] naming the tokens
// [i u, min((i + 1) u, prompt)) and everything before them. Units are shared with reference counts; only
// whole blocks of a unit are. The rest (of the prompt, and the generated tokens) is a request's own. An id
// names every token from the beginning, so requests that share unit i share all units before it. A request
// takes its units in order and gives them back in reverse, so what is lost first is always the end of a
// chain. A request of a session has no units: what it leaves is found by the session alone.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MB_KV_NO_RUN UINT32_MAX

// What names a request's tokens. All zero: nothing is shared, and only the request itself finds its content
// again.
typedef struct mb_kv_names {
    const uint64_t *ids; // of the prompt's units, in order
    uint32_t count;
    uint32_t unit_tokens;   // u; a block that ends in a unit is that unit's
    uint32_t prompt_tokens; // the last unit may be shorter than u
    uint64_t session;       // not 0: the content left by the last request of this session begins this one,
                            // and the ids are not looked at
} mb_kv_names;

// What one request holds. Zero-initialise, with `left` = MB_KV_NO_RUN.
typedef struct mb_kv_hold {
    uint32_t own;    // blocks of its own
    uint32_t shared; // blocks of shared units that it relies on: own + shared cover its tokens
    uint32_t units;  // leading units that it holds; of the last one perhaps not all blocks (until `share`)
    uint32_t left;   // the run that it left when it was released with MB_KV_KEEP
} mb_kv_hold;

// Names whose content has changed, for who wants to know (kv_mirror.h); some may stand in it twice.
typedef struct mb_kv_note {
    uint64_t name;
    bool session;
} mb_kv_note;
typedef struct mb_kv_notes {
    mb_kv_note *list; // owned by who asks
    uint32_t count, capacity;
    bool cleared; // before these everything went
    bool out_of_memory;
} mb_kv_notes;

typedef struct mb_kv_run mb_kv_run; // private to kv_blocks.c

typedef struct mb_kv_blocks {
    uint32_t block_tokens;
    uint64_t total, free; // blocks; a free block may hold content, and then is lost when it is taken
    bool keep;            // whether freed blocks keep their content
    mb_kv_run *runs;
    uint32_t run_count, run_capacity, run_free; // the pool of runs: in use, in all, the first unused one
    uint32_t head, tail;                        // of the free list
    struct mb_kv_table *units, *sessions;       // name -> run
    mb_kv_notes *notes;                         // NULL: nobody wants to know
} mb_kv_blocks;

// False when out of memory (release with deinit all the same). total >= 1, block_tokens >= 1.
bool mb_kv_blocks_init(mb_kv_blocks *pool, uint64_t total, uint32_t block_tokens, bool keep);
void mb_kv_blocks_deinit(mb_kv_blocks *pool);
// All blocks are free, and nobody knows their content: no hold of before may be used any more. False when out
// of memory.
bool mb_kv_blocks_clear(mb_kv_blocks *pool);
// Blocks that are kept of a unit, or session; 0: none.
uint32_t mb_kv_blocks_named(const mb_kv_blocks *pool, uint64_t name, bool session);

// So many blocks can be taken, and no content is lost.
uint64_t mb_kv_blocks_blank(const mb_kv_blocks *pool);

// Blocks that `tokens` tokens fill or begin.
static inline uint64_t mb_kv_blocks_for(const mb_kv_blocks *pool, uint64_t tokens) {
    return (tokens + pool->block_tokens - 1) / pool->block_tokens;
}

// Does no cache know anything of a request with these names and this hold? Then there is nothing to match,
// reuse or share.
static inline bool mb_kv_unknown(const mb_kv_names *names, const mb_kv_hold *hold) {
    return !names->session && !names->count && hold->left == MB_KV_NO_RUN;
}

typedef struct mb_kv_match {
    uint32_t blocks; // leading blocks found; whole ones, and never the block of the last known token
    uint32_t idle;   // of these, those in the free list: reusing them takes them out of `free`
} mb_kv_match;

// How much of the first `known_tokens` tokens the cache holds: of what the request itself left (hold->left,
// checked first), else of its session, else of its chain of units, in the first of these that has a block.
// At most (known_tokens - 1) / block blocks, so that a token is left to compute. The hold is empty. Nothing
// changes. (A request that held units when it left something finds that only behind these units: the match
// is the units and what it left, or, where not all of these are there any more, the chain alone.)
mb_kv_match mb_kv_blocks_match(const mb_kv_blocks *pool, const mb_kv_hold *hold, const mb_kv_names *names,
                               uint32_t known_tokens);
// Take hold of what mb_kv_blocks_match finds; the number of blocks. What a request or session left becomes
// its own (blocks of that run beyond the match stay in the free list, nameless); units are referenced, which
// takes all their blocks out of the free list (if the match ends inside a unit that nobody holds, the rest of
// it stays there, nameless: reuse takes exactly match.idle). What the request left is forgotten if not used.
uint32_t mb_kv_blocks_reuse(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names,
                            uint32_t known_tokens);
// Own more, so that own + shared >= blocks; all or nothing. False if not so many are free.
bool mb_kv_blocks_grow(mb_kv_blocks *pool, mb_kv_hold *hold, uint64_t blocks);
// Blocks without a holder yet: the caller adds them to a hold's `own` before it is released. count <=
// pool->free.
void mb_kv_blocks_take(mb_kv_blocks *pool, uint64_t count);
// The first `computed_tokens` tokens are (being) computed: share the units that they complete, i.e. whose
// last token is among them. A unit that another request stored meanwhile is shared with it, and this
// request's copy given back. False when out of memory (the run ends then). Does nothing unless pool->keep.
bool mb_kv_blocks_share(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names,
                        uint32_t computed_tokens);

typedef enum mb_kv_fate {
    MB_KV_FORGET, // the content is of no use to anybody (shared units stay known)
    MB_KV_KEEP,   // the request will come back for it: hold->left finds it
    // The session's next request will look for it under names->session (forget, where that is 0).
    MB_KV_SESSION
} mb_kv_fate;

// Give all blocks back: own ones first, then the units from the last to the first (those that nobody else
// holds go to the free list). Of the own blocks, those filled by the first `computed_tokens` tokens keep
// their content, unless the fate is MB_KV_FORGET; what a session had before becomes nameless. False when out
// of memory.
bool mb_kv_blocks_release(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names,
                          uint32_t computed_tokens, mb_kv_fate fate);
// The same of one that holds no unit, whose content is of no use to anybody.
bool mb_kv_blocks_give_up(mb_kv_blocks *pool, mb_kv_hold *hold);
// The request leaves for good: what it left becomes nameless (its place in the free list stays). Also safe
// when nothing was left.
void mb_kv_blocks_forget(mb_kv_blocks *pool, mb_kv_hold *hold);
