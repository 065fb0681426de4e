// SPDX-License-Identifier: MIT
#include "report/hash.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned by) {
    return x >> by | x << (32 - by);
}

static void add_block(uint32_t state[8], const unsigned char block[64]) {
    uint32_t w[64], s[8];
    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (size_t i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    for (size_t i = 0; i < 64; i++) {
        const uint32_t mix_e = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
        const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        const uint32_t first = s[7] + mix_e + choice + round_constants[i] + w[i];
        const uint32_t mix_a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        const uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += first;
        s[0] = first + mix_a + majority;
    }
    for (size_t i = 0; i < 8; i++)
        state[i] += s[i];
}

void mb_sha256_start(mb_sha256_state *hash) {
    *hash = (mb_sha256_state){.words = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                        0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void mb_sha256_add(mb_sha256_state *hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    size_t used = (size_t)(hash->size % 64);
    hash->size += size;
    while (size) {
        const size_t room = 64 - used, some = size < room ? size : room;
        memcpy(hash->tail + used, bytes, some);
        used += some;
        bytes += some;
        size -= some;
        if (used < 64) return;
        add_block(hash->words, hash->tail);
        used = 0;
    }
}

void mb_sha256_end(mb_sha256_state *hash, char text[MB_SHA256_TEXT]) {
    // The rest, a 1 bit, zeros, and the length in bits: one block or two.
    const uint64_t bits = hash->size * 8;
    unsigned char rest[72] = {0x80};
    const size_t used = (size_t)(hash->size % 64), zeros = (used < 56 ? 56 : 120) - used;
    for (size_t i = 0; i < 8; i++)
        rest[zeros + i] = (unsigned char)(bits >> (56 - 8 * i));
    mb_sha256_add(hash, rest, zeros + 8);
    for (size_t i = 0; i < 8; i++)
        snprintf(text + 8 * i, 9, "%08x", (unsigned)hash->words[i]);
}

void mb_sha256(const void *data, size_t size, char text[MB_SHA256_TEXT]) {
    mb_sha256_state hash;
    mb_sha256_start(&hash);
    mb_sha256_add(&hash, data, size);
    mb_sha256_end(&hash, text);
}
