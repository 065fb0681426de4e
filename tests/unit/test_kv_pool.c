// SPDX-License-Identifier: MIT
// The KV pool against a list of the requests that it holds, on random operations.
#include "base/rng.h"
#include "model/kv_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HELD = 256, STEPS = 20000 };

typedef struct oracle {
    uint32_t held[HELD];
    size_t count;
    uint64_t peak;
} oracle;

// What the list says the pool should say.
static void compare(const mb_kv_pool *pool, oracle *list) {
    uint64_t used = 0;
    for (size_t i = 0; i < list->count; i++)
        used += list->held[i];
    const uint64_t reserved = pool->kind == MB_KV_CONTIGUOUS ? list->count * pool->max_length : used;
    if (reserved > list->peak) list->peak = reserved;
    assert_true(pool->used == used && pool->reserved == reserved && pool->peak == list->peak);
    assert_true(pool->reserved <= pool->capacity && pool->used <= pool->reserved);
    for (uint32_t tokens = 0; tokens < 130; tokens += 13) {
        const bool contiguous = pool->kind == MB_KV_CONTIGUOUS;
        const uint64_t need = contiguous ? pool->max_length : tokens;
        const bool short_enough = !contiguous || tokens <= pool->max_length;
        assert_true(mb_kv_need(pool, tokens) == need);
        assert_true(mb_kv_fits(pool, tokens) == (short_enough && reserved + need <= pool->capacity));
        assert_true(mb_kv_ever_fits(pool, tokens) == (short_enough && need <= pool->capacity));
    }
}

static void random_operations(mb_kv_kind kind, uint64_t capacity, uint64_t seed) {
    mb_kv_pool pool;
    mb_kv_pool_init(&pool, kind, capacity, 100);
    oracle list = {0};
    mb_rng rng;
    mb_rng_init(&rng, seed, 0, "kv");
    for (int i = 0; i < STEPS; i++) {
        const bool filling = mb_rng_below(&rng, 100) < (uint64_t)(i / 1000 % 2 ? 70 : 40);
        if (filling && list.count < HELD) {
            const uint32_t tokens = (uint32_t)mb_rng_below(&rng, 121);
            const bool fits = mb_kv_fits(&pool, tokens);
            const mb_kv_pool before = pool;
            assert_true(mb_kv_reserve(&pool, tokens) == fits);
            if (fits)
                list.held[list.count++] = tokens;
            else
                assert_memory_equal(&pool, &before, sizeof pool);
        } else if (list.count) {
            const size_t victim = (size_t)mb_rng_below(&rng, list.count);
            mb_kv_release(&pool, list.held[victim]);
            list.held[victim] = list.held[--list.count];
        }
        compare(&pool, &list);
    }
    while (list.count)
        mb_kv_release(&pool, list.held[--list.count]);
    assert_true(pool.used == 0 && pool.reserved == 0);
}

static void against_a_list(void **state) {
    (void)state;
    const uint64_t capacities[] = {0, 1, 99, 100, 1000, 5050, MB_UNLIMITED};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        random_operations(MB_KV_TOKENS, capacities[i], i);
        random_operations(MB_KV_CONTIGUOUS, capacities[i], i);
    }
}

static void at_the_edges(void **state) {
    (void)state;
    mb_kv_pool pool;
    mb_kv_pool_init(&pool, MB_KV_TOKENS, UINT32_MAX, 0);
    assert_true(mb_kv_reserve(&pool, UINT32_MAX));
    assert_false(mb_kv_reserve(&pool, 1));
    assert_true(mb_kv_reserve(&pool, 0)); // nothing always fits
    assert_true(mb_kv_ever_fits(&pool, 1));

    // Sums pass 2^32 without wrapping.
    mb_kv_pool_init(&pool, MB_KV_TOKENS, MB_UNLIMITED, 0);
    for (int i = 0; i < 3; i++)
        assert_true(mb_kv_reserve(&pool, UINT32_MAX));
    assert_true(pool.reserved == 3 * (uint64_t)UINT32_MAX && pool.peak == pool.reserved);

    mb_kv_pool_init(&pool, MB_KV_CONTIGUOUS, 100, 50);
    assert_true(mb_kv_ever_fits(&pool, 50));
    assert_false(mb_kv_ever_fits(&pool, 51));
    assert_true(mb_kv_reserve(&pool, 10) && mb_kv_reserve(&pool, 50));
    assert_false(mb_kv_reserve(&pool, 1));
    assert_true(pool.reserved - pool.used == 40); // internal fragmentation
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_list),
        cmocka_unit_test(at_the_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
