// SPDX-License-Identifier: MIT
// The Mersenne twister as numpy's legacy np.random uses it (seed, random_sample, normal), to the last bit.
// Only for repeating results that were made with it; everything else draws from base/rng.h.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct mb_mt19937 {
    uint32_t state[624];
    unsigned next; // index of the next word to give out
    double spare_normal;
    bool has_spare;
} mb_mt19937;

void mb_mt19937_init(mb_mt19937 *generator, uint32_t seed); // np.random.seed(seed)
uint32_t mb_mt19937_bits(mb_mt19937 *generator);            // 32 uniform bits
double mb_mt19937_uniform(mb_mt19937 *generator);           // np.random.random_sample(): [0, 1), 53 bits
double mb_mt19937_normal(mb_mt19937 *generator);            // np.random.normal()
double mb_mt19937_exponential(mb_mt19937 *generator);       // np.random.standard_exponential()
double mb_mt19937_gamma(mb_mt19937 *generator,
                        double shape); // np.random.standard_gamma(shape), shape above 1
