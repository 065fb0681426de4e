// SPDX-License-Identifier: MIT
#include "base/rng.h"

#include <math.h>

// splitmix64 (Steele, Lea & Flood 2014): spreads any 64-bit seed over the whole state.
static uint64_t splitmix(uint64_t *x) {
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void mb_rng_init(mb_rng *rng, uint64_t seed, uint64_t replication, const char *name) {
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a of the stream's name
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    uint64_t x = seed;
    x = splitmix(&x) ^ hash;
    x = splitmix(&x) ^ replication;
    for (int i = 0; i < 4; i++)
        rng->state[i] = splitmix(&x);
    rng->spare_normal = 0;
    rng->has_spare = false;
}

uint64_t mb_rng_below(mb_rng *rng, uint64_t n) {
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n; // reject the uneven rest
    uint64_t bits;
    do
        bits = mb_rng_bits(rng);
    while (bits >= limit);
    return bits % n;
}

double mb_rng_exponential(mb_rng *rng) {
    return -log(mb_rng_uniform_positive(rng));
}

double mb_rng_normal(mb_rng *rng) {
    if (rng->has_spare) {
        rng->has_spare = false;
        return rng->spare_normal;
    }
    double u, v, s;
    do {
        u = 2 * mb_rng_uniform(rng) - 1;
        v = 2 * mb_rng_uniform(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double factor = sqrt(-2 * log(s) / s);
    rng->spare_normal = v * factor;
    rng->has_spare = true;
    return u * factor;
}

double mb_rng_gamma(mb_rng *rng, double shape) {
    if (shape < 1) { // Gamma(a) = Gamma(a + 1) U^(1/a)
        const double u = mb_rng_uniform_positive(rng);
        return mb_rng_gamma(rng, shape + 1) * pow(u, 1 / shape);
    }
    const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = mb_rng_normal(rng);
        const double t = 1 + c * x;
        if (t <= 0) continue;
        const double v = t * t * t;
        if (log(mb_rng_uniform_positive(rng)) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

double mb_rng_weibull(mb_rng *rng, double shape) {
    return pow(mb_rng_exponential(rng), 1 / shape);
}
