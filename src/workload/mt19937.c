// SPDX-License-Identifier: MIT
// Matsumoto & Nishimura, "Mersenne Twister" (ACM TOMACS 8, 1998).
#include "workload/mt19937.h"

#include <math.h>

#define WORDS 624
#define MIDDLE 397

void mb_mt19937_init(mb_mt19937 *g, uint32_t seed) {
    g->state[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++)
        g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
    g->next = WORDS;
    g->spare_normal = 0;
    g->has_spare = false;
}

static void refill(mb_mt19937 *g) {
    uint32_t *s = g->state;
    for (unsigned i = 0; i < WORDS; i++) {
        const uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % WORDS] & 0x7fffffffu);
        s[i] = s[(i + MIDDLE) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    g->next = 0;
}

uint32_t mb_mt19937_bits(mb_mt19937 *g) {
    if (g->next == WORDS) refill(g);
    uint32_t y = g->state[g->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double mb_mt19937_uniform(mb_mt19937 *g) {
    const uint32_t high = mb_mt19937_bits(g) >> 5, low = mb_mt19937_bits(g) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

// The polar method; of a pair, the second factor is given out first.
double mb_mt19937_normal(mb_mt19937 *g) {
    if (g->has_spare) {
        g->has_spare = false;
        return g->spare_normal;
    }
    double u, v, s;
    do {
        u = 2 * mb_mt19937_uniform(g) - 1;
        v = 2 * mb_mt19937_uniform(g) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double factor = sqrt(-2 * log(s) / s);
    g->spare_normal = factor * u;
    g->has_spare = true;
    return factor * v;
}

double mb_mt19937_exponential(mb_mt19937 *g) {
    return -log(1.0 - mb_mt19937_uniform(g));
}

// Marsaglia & Tsang, "A simple method for generating gamma variables" (ACM TOMS 26, 2000).
double mb_mt19937_gamma(mb_mt19937 *g, double shape) {
    const double b = shape - 1.0 / 3.0, c = 1.0 / sqrt(9 * b);
    for (;;) {
        double x, v;
        do {
            x = mb_mt19937_normal(g);
            v = 1.0 + c * x;
        } while (v <= 0);
        v = v * v * v;
        const double u = mb_mt19937_uniform(g);
        if (u < 1.0 - 0.0331 * (x * x) * (x * x)) return b * v;
        if (log(u) < 0.5 * x * x + b * (1.0 - v + log(v))) return b * v;
    }
}
