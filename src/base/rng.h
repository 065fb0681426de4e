// SPDX-License-Identifier: MIT
// Random numbers: xoshiro256++ (Blackman & Vigna 2019), one named stream per purpose.
// A stream depends only on (seed, replication, name), so no policy can advance the workload's streams.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct mb_rng {
    uint64_t state[4];
    double spare_normal;
    bool has_spare;
} mb_rng;

void mb_rng_init(mb_rng *rng, uint64_t seed, uint64_t replication, const char *name);

static inline uint64_t mb_rng_rotate(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

// 64 uniform bits.
static inline uint64_t mb_rng_bits(mb_rng *rng) {
    uint64_t *s = rng->state;
    const uint64_t result = mb_rng_rotate(s[0] + s[3], 23) + s[0];
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = mb_rng_rotate(s[3], 45);
    return result;
}

// Uniform on [0, 1) with 53 bits.
static inline double mb_rng_uniform(mb_rng *rng) {
    return (double)(mb_rng_bits(rng) >> 11) * 0x1p-53;
}

// Uniform on (0, 1]: safe under log().
static inline double mb_rng_uniform_positive(mb_rng *rng) {
    return (double)((mb_rng_bits(rng) >> 11) + 1) * 0x1p-53;
}

uint64_t mb_rng_below(mb_rng *rng, uint64_t n);   // uniform on {0, ..., n-1}, unbiased; n >= 1
double mb_rng_exponential(mb_rng *rng);           // mean 1
double mb_rng_normal(mb_rng *rng);                // mean 0, variance 1 (Marsaglia's polar method)
double mb_rng_gamma(mb_rng *rng, double shape);   // scale 1 (Marsaglia & Tsang 2000); shape > 0
double mb_rng_weibull(mb_rng *rng, double shape); // scale 1; shape > 0
