// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), so that a manifest's hashes can be checked with `sha256sum`.
#pragma once
#include <stddef.h>

enum { MB_SHA256_TEXT = 65 }; // 64 hex digits and the end
void mb_sha256(const void *data, size_t size, char text[MB_SHA256_TEXT]);
