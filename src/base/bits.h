// SPDX-License-Identifier: MIT
// A set of small numbers, one bit each, and a bit for each word of them that is not empty: the next member is
// found in a few steps also where there are few among many.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define MB_BITS_NONE UINT32_MAX

typedef struct mb_bits {
    uint64_t *words, *full; // full: bit w is set where words[w] is not 0
    uint32_t word_count;
} mb_bits;

// Room for 0 .. n - 1; false when out of memory (release with deinit all the same).
static inline bool mb_bits_init(mb_bits *bits, uint32_t n) {
    bits->word_count = (n + 63) / 64;
    bits->words = calloc(bits->word_count, sizeof *bits->words);
    bits->full = calloc((bits->word_count + 63) / 64, sizeof *bits->full);
    return bits->words && bits->full;
}

// Room for 0 .. n - 1, n no less than before; false when out of memory: then nothing has changed.
static inline bool mb_bits_grow(mb_bits *bits, uint32_t n) {
    const uint32_t old_words = bits->word_count, old_full = (old_words + 63) / 64;
    const uint32_t words = (n + 63) / 64, full = (words + 63) / 64;
    if (words <= old_words) return true;
    uint64_t *grown = realloc(bits->words, words * sizeof *grown);
    if (!grown) return false;
    bits->words = grown;
    if (full > old_full) {
        uint64_t *grown_full = realloc(bits->full, full * sizeof *grown_full);
        if (!grown_full) return false;
        bits->full = grown_full;
    }
    for (uint32_t i = old_words; i < words; i++)
        bits->words[i] = 0;
    for (uint32_t i = old_full; i < full; i++)
        bits->full[i] = 0;
    bits->word_count = words;
    return true;
}

static inline void mb_bits_deinit(mb_bits *bits) {
    free(bits->words);
    free(bits->full);
}

static inline void mb_bits_add(mb_bits *bits, uint32_t i) {
    bits->words[i / 64] |= UINT64_C(1) << (i % 64);
    bits->full[i / 4096] |= UINT64_C(1) << (i / 64 % 64);
}

static inline void mb_bits_remove(mb_bits *bits, uint32_t i) {
    bits->words[i / 64] &= ~(UINT64_C(1) << (i % 64));
    if (!bits->words[i / 64]) bits->full[i / 4096] &= ~(UINT64_C(1) << (i / 64 % 64));
}

static inline bool mb_bits_has(const mb_bits *bits, uint32_t i) {
    return bits->words[i / 64] >> (i % 64) & 1;
}

// Is there any member? Of a set with room for one at least.
static inline bool mb_bits_any(const mb_bits *bits) {
    if (bits->full[0]) return true;
    for (uint32_t i = 64; i < bits->word_count; i += 64)
        if (bits->full[i / 64]) return true;
    return false;
}

// The smallest member from `from` on, or MB_BITS_NONE.
static inline uint32_t mb_bits_next(const mb_bits *bits, uint32_t from) {
    uint32_t word = from / 64;
    if (word >= bits->word_count) return MB_BITS_NONE;
    const uint64_t here = bits->words[word] & ~UINT64_C(0) << (from % 64);
    if (here) return word * 64 + (uint32_t)__builtin_ctzll(here);
    for (word++; word < bits->word_count; word = (word / 64 + 1) * 64) {
        const uint64_t left = bits->full[word / 64] & ~UINT64_C(0) << (word % 64);
        if (!left) continue;
        word = word / 64 * 64 + (uint32_t)__builtin_ctzll(left);
        return word * 64 + (uint32_t)__builtin_ctzll(bits->words[word]);
    }
    return MB_BITS_NONE;
}
