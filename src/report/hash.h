// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), so that a manifest's hashes can be checked with `sha256sum`.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MB_SHA256_TEXT = 65 }; // 64 hex digits and the end
void mb_sha256(const void *data, size_t size, char text[MB_SHA256_TEXT]);

// The same, piece by piece.
typedef struct mb_sha256_state {
    uint32_t words[8];
    unsigned char tail[64]; // of size % 64 bytes
    uint64_t size;
} mb_sha256_state;
void mb_sha256_start(mb_sha256_state *hash);
void mb_sha256_add(mb_sha256_state *hash, const void *data, size_t size);
void mb_sha256_end(mb_sha256_state *hash, char text[MB_SHA256_TEXT]);
