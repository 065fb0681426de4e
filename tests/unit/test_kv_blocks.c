// SPDX-License-Identifier: MIT
// KV blocks: small cases worked by hand, and large pools. (Random operations: test_kv_blocks_random.c.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/kv_blocks.h"

static const mb_kv_names NO_NAMES = {0};

static mb_kv_hold empty_hold(void) {
    return (mb_kv_hold){.left = MB_KV_NO_RUN};
}

static uint32_t matched(const mb_kv_blocks *pool, const mb_kv_hold *hold, const mb_kv_names *names,
                        uint32_t known) {
    return mb_kv_blocks_match(pool, hold, names, known).blocks;
}

// A request computes `tokens` tokens from what it finds.
static void compute(mb_kv_blocks *pool, mb_kv_hold *hold, const mb_kv_names *names, uint32_t tokens) {
    mb_kv_blocks_reuse(pool, hold, names, tokens);
    assert_true(mb_kv_blocks_grow(pool, hold, mb_kv_blocks_for(pool, tokens)));
    assert_true(mb_kv_blocks_share(pool, hold, names, tokens));
}

static void assert_hold(const mb_kv_hold *hold, uint32_t own, uint32_t shared, uint32_t units) {
    assert_int_equal(hold->own, own);
    assert_int_equal(hold->shared, shared);
    assert_int_equal(hold->units, units);
}

// --- by hand ---

static void test_grow_and_release(void **state) {
    (void)state;
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 10, 16, true));
    assert_int_equal(mb_kv_blocks_for(&pool, 0), 0);
    assert_int_equal(mb_kv_blocks_for(&pool, 16), 1);
    assert_int_equal(mb_kv_blocks_for(&pool, 17), 2);
    mb_kv_hold a = empty_hold(), b = empty_hold();
    assert_true(mb_kv_blocks_grow(&pool, &a, 7));
    assert_false(mb_kv_blocks_grow(&pool, &b, 4)); // all or nothing
    assert_hold(&b, 0, 0, 0);
    assert_int_equal(pool.free, 3);
    assert_true(mb_kv_blocks_grow(&pool, &b, 3));
    assert_true(mb_kv_blocks_grow(&pool, &b, 2)); // has more
    assert_int_equal(b.own, 3);
    assert_true(mb_kv_blocks_release(&pool, &a, &NO_NAMES, 100, MB_KV_FORGET));
    assert_int_equal(pool.free, 7);
    mb_kv_blocks_take(&pool, 2);
    b.own += 2;
    assert_true(mb_kv_blocks_release(&pool, &b, &NO_NAMES, 0, MB_KV_KEEP));
    assert_int_equal(pool.free, 10);
    assert_int_equal(pool.run_count, 1); // nothing was computed, so nothing has a name
    assert_int_equal(b.left, MB_KV_NO_RUN);
    mb_kv_blocks_deinit(&pool);
}

// Five blocks of a preempted request lie behind five others; what is left of them when others take k.
static void test_preempted(void **state) {
    (void)state;
    for (uint32_t k = 0; k <= 10; k++) {
        mb_kv_blocks pool;
        assert_true(mb_kv_blocks_init(&pool, 10, 16, true));
        mb_kv_hold request = empty_hold(), other = empty_hold();
        compute(&pool, &request, &NO_NAMES, 80);
        assert_true(mb_kv_blocks_release(&pool, &request, &NO_NAMES, 80, MB_KV_KEEP));
        assert_hold(&request, 0, 0, 0);
        assert_int_equal(pool.free, 10);
        assert_true(mb_kv_blocks_grow(&pool, &other, k));
        const uint32_t left = k <= 5 ? 5 : 10 - k;
        for (uint32_t known = 0; known < 120; known++) {
            const uint32_t most = known ? (known - 1) / 16 : 0;
            const mb_kv_match match = mb_kv_blocks_match(&pool, &request, &NO_NAMES, known);
            assert_int_equal(match.blocks, left < most ? left : most);
            assert_int_equal(match.idle, match.blocks);
        }
        const uint32_t found = left < 4 ? left : 4; // 65 tokens: the fifth block holds the last of them
        assert_int_equal(mb_kv_blocks_reuse(&pool, &request, &NO_NAMES, 65), found);
        assert_hold(&request, found, 0, 0);
        assert_int_equal(request.left, MB_KV_NO_RUN);
        assert_int_equal(pool.free, 10 - k - found);
        assert_true(mb_kv_blocks_release(&pool, &request, &NO_NAMES, 65, MB_KV_FORGET));
        assert_true(mb_kv_blocks_release(&pool, &other, &NO_NAMES, 0, MB_KV_FORGET));
        assert_int_equal(pool.free, 10);
        assert_int_equal(pool.run_count, 1);
        mb_kv_blocks_deinit(&pool);
    }
}

// A run that was taken entirely stays its owner's, so its number is given to nobody else.
static void test_lost_entirely(void **state) {
    (void)state;
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 8, 16, true));
    mb_kv_hold a = empty_hold(), b = empty_hold(), c = empty_hold();
    compute(&pool, &a, &NO_NAMES, 48);
    assert_true(mb_kv_blocks_release(&pool, &a, &NO_NAMES, 48, MB_KV_KEEP));
    compute(&pool, &b, &NO_NAMES, 128);
    assert_int_equal(matched(&pool, &a, &NO_NAMES, 100), 0);
    assert_true(mb_kv_blocks_release(&pool, &b, &NO_NAMES, 128, MB_KV_KEEP));
    assert_int_not_equal(a.left, b.left);
    assert_int_equal(matched(&pool, &a, &NO_NAMES, 100), 0);
    assert_int_equal(matched(&pool, &b, &NO_NAMES, 1000), 8);
    mb_kv_blocks_forget(&pool, &a);
    mb_kv_blocks_forget(&pool, &a); // nothing left: also safe
    mb_kv_blocks_forget(&pool, &c);
    mb_kv_blocks_forget(&pool, &b);
    assert_int_equal(pool.free, 8);
    assert_int_equal(pool.run_count, 1);
    mb_kv_blocks_deinit(&pool);
}

// Three units of 32 tokens and a fourth of 20: two blocks each, and one.
static void test_units(void **state) {
    (void)state;
    const uint64_t ids[] = {11, 12, 13, 14};
    const mb_kv_names names = {.ids = ids, .count = 4, .unit_tokens = 32, .prompt_tokens = 116};
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 20, 16, true));
    mb_kv_hold a = empty_hold(), b = empty_hold();
    assert_true(mb_kv_blocks_grow(&pool, &a, 8));
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 31));
    assert_hold(&a, 8, 0, 0);
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 95));
    assert_hold(&a, 4, 4, 2);
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 115));
    assert_hold(&a, 2, 6, 3);
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 116));
    assert_hold(&a, 1, 7, 4);

    const mb_kv_match match = mb_kv_blocks_match(&pool, &b, &names, 116);
    assert_true(match.blocks == 7 && match.idle == 0); // (116 - 1) / 16 = 7
    assert_int_equal(matched(&pool, &b, &names, 97), 6);
    assert_int_equal(matched(&pool, &b, &names, 96), 5);
    assert_int_equal(mb_kv_blocks_reuse(&pool, &b, &names, 96), 5);
    assert_hold(&b, 0, 5, 3);
    assert_int_equal(pool.free, 12);
    assert_true(mb_kv_blocks_grow(&pool, &b, 6));
    assert_true(mb_kv_blocks_share(&pool, &b, &names, 96)); // the sixth block is a copy
    assert_hold(&b, 0, 6, 3);
    assert_int_equal(pool.free, 12);

    assert_true(mb_kv_blocks_release(&pool, &a, &names, 128, MB_KV_FORGET));
    assert_int_equal(pool.free, 14); // b holds six
    assert_true(mb_kv_blocks_release(&pool, &b, &names, 96, MB_KV_FORGET));
    assert_int_equal(pool.free, 20);
    // In the list: 12 garbage, a's own, the fourth unit, third, second, first: 13 + 1 + 2 + 2 + 2.
    for (uint32_t taken = 0; taken <= 20; taken++) {
        const uint32_t left = 20 - taken < 7 ? 20 - taken : 7;
        const mb_kv_match rest = mb_kv_blocks_match(&pool, &b, &names, 200);
        assert_true(rest.blocks == left && rest.idle == left);
        if (taken < 20) mb_kv_blocks_take(&pool, 1);
    }
    assert_int_equal(pool.run_count, 0);
    mb_kv_blocks_deinit(&pool);
}

// Units shorter than a block: whoever has the unit that a block ends in has all before it.
static void test_short_units(void **state) {
    (void)state;
    const uint64_t ids[] = {21, 22, 23, 24}, others[] = {21, 22, 33, 34}; // to tokens 3, 6, 9 and 10
    const mb_kv_names names = {.ids = ids, .count = 4, .unit_tokens = 3, .prompt_tokens = 10};
    const mb_kv_names like = {.ids = others, .count = 4, .unit_tokens = 3, .prompt_tokens = 10};
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 6, 4, true));
    mb_kv_hold a = empty_hold(), b = empty_hold();
    assert_true(mb_kv_blocks_grow(&pool, &a, 3));
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 5));
    assert_hold(&a, 3, 0, 0);
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 10)); // tokens 1 to 4 and 5 to 8 are blocks
    assert_hold(&a, 1, 2, 3);
    assert_int_equal(matched(&pool, &b, &names, 10), 2);
    assert_int_equal(matched(&pool, &b, &names, 8), 1);
    assert_int_equal(matched(&pool, &b, &like, 10), 1); // the second block ends in 23, or 33
    compute(&pool, &b, &like, 10);
    assert_hold(&b, 1, 2, 3);
    assert_int_equal(pool.free, 1); // of 3 + 3 blocks one is both's
    assert_true(mb_kv_blocks_release(&pool, &a, &names, 10, MB_KV_FORGET));
    assert_int_equal(pool.free, 3);
    assert_true(mb_kv_blocks_release(&pool, &b, &like, 10, MB_KV_FORGET));
    assert_int_equal(pool.free, 6);
    mb_kv_blocks_deinit(&pool);
}

// Two requests compute the same prompt at once: the second one's copy goes back.
static void test_copies(void **state) {
    (void)state;
    const uint64_t id = 0; // also a name
    const mb_kv_names names = {.ids = &id, .count = 1, .unit_tokens = 50, .prompt_tokens = 90};
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 20, 16, true));
    mb_kv_hold a = empty_hold(), b = empty_hold(), c = empty_hold();
    assert_true(mb_kv_blocks_grow(&pool, &a, 6) && mb_kv_blocks_grow(&pool, &b, 6));
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 90));
    assert_hold(&a, 3, 3, 1); // 50 tokens: three whole blocks, two tokens of the fourth are its own
    assert_int_equal(pool.free, 8);
    assert_true(mb_kv_blocks_share(&pool, &b, &names, 90));
    assert_hold(&b, 3, 3, 1);
    assert_int_equal(pool.free, 11);
    assert_true(mb_kv_blocks_release(&pool, &a, &names, 90, MB_KV_FORGET));
    assert_true(mb_kv_blocks_release(&pool, &b, &names, 90, MB_KV_FORGET));
    assert_int_equal(pool.free, 20);

    // The unit loses its last block; one of two that hold the rest completes it.
    mb_kv_blocks_take(&pool, 18);
    assert_true(mb_kv_blocks_reuse(&pool, &a, &names, 90) == 2 &&
                mb_kv_blocks_reuse(&pool, &b, &names, 90) == 2);
    assert_int_equal(pool.free, 0);
    c.own = 18; // the blocks taken
    assert_true(mb_kv_blocks_release(&pool, &c, &NO_NAMES, 0, MB_KV_FORGET));
    assert_true(mb_kv_blocks_grow(&pool, &a, 4) && mb_kv_blocks_grow(&pool, &b, 4));
    assert_true(mb_kv_blocks_share(&pool, &b, &names, 50));
    assert_hold(&b, 1, 3, 1);
    assert_int_equal(pool.free, 14);
    assert_true(mb_kv_blocks_share(&pool, &a, &names, 64));
    assert_hold(&a, 1, 3, 1);
    assert_int_equal(pool.free, 15);
    assert_true(mb_kv_blocks_release(&pool, &a, &names, 64, MB_KV_FORGET));
    assert_true(mb_kv_blocks_release(&pool, &b, &names, 64, MB_KV_FORGET));
    assert_int_equal(pool.free, 20);
    assert_int_equal(matched(&pool, &c, &names, 90), 3);
    mb_kv_blocks_deinit(&pool);
}

// What a preempted request computed of its own continues the units that it held.
static void test_preempted_with_units(void **state) {
    (void)state;
    const uint64_t id = 7;
    const mb_kv_names names = {.ids = &id, .count = 1, .unit_tokens = 32, .prompt_tokens = 100};
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 10, 16, true));
    mb_kv_hold a = empty_hold(), b = empty_hold();
    compute(&pool, &a, &names, 110);
    assert_hold(&a, 5, 2, 1);
    assert_true(mb_kv_blocks_release(&pool, &a, &names, 110, MB_KV_KEEP)); // six blocks are filled
    assert_int_equal(matched(&pool, &a, &names, 120), 6);
    assert_int_equal(matched(&pool, &b, &names, 120), 2);
    mb_kv_blocks_take(&pool, 5); // 3 garbage, then the unfilled block and the sixth
    assert_int_equal(matched(&pool, &a, &names, 120), 5);
    assert_int_equal(matched(&pool, &a, &names, 40), 2);
    assert_int_equal(mb_kv_blocks_reuse(&pool, &a, &names, 120), 5);
    assert_hold(&a, 3, 2, 1);
    assert_int_equal(pool.free, 0);
    a.own += 5;
    assert_true(mb_kv_blocks_release(&pool, &a, &names, 0, MB_KV_FORGET));
    assert_int_equal(pool.free, 10);
    mb_kv_blocks_deinit(&pool);
}

static void test_session(void **state) {
    (void)state;
    const mb_kv_names names = {.session = 5, .prompt_tokens = 40}, others = {.session = 6};
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 20, 16, true));
    mb_kv_hold turn = empty_hold();
    compute(&pool, &turn, &names, 40);
    assert_true(mb_kv_blocks_release(&pool, &turn, &names, 39, MB_KV_SESSION));
    assert_int_equal(matched(&pool, &turn, &names, 100), 2); // the third block was not full
    assert_int_equal(matched(&pool, &turn, &others, 100), 0);
    compute(&pool, &turn, &names, 100);
    assert_hold(&turn, 7, 0, 0);
    mb_kv_hold stray = empty_hold();
    assert_int_equal(matched(&pool, &stray, &names, 100), 0); // taken over
    compute(&pool, &stray, &names, 64);
    assert_true(mb_kv_blocks_release(&pool, &stray, &names, 64, MB_KV_SESSION));
    assert_int_equal(matched(&pool, &stray, &names, 100), 4);
    assert_true(mb_kv_blocks_release(&pool, &turn, &names, 100, MB_KV_SESSION)); // replaces that
    assert_int_equal(matched(&pool, &stray, &names, 1000), 6);
    assert_int_equal(pool.free, 20);
    assert_int_equal(pool.run_count, 2);
    mb_kv_blocks_deinit(&pool);
}

static void test_forgetful(void **state) {
    (void)state;
    const uint64_t id = 3;
    const mb_kv_names names = {.ids = &id, .count = 1, .unit_tokens = 64, .prompt_tokens = 64};
    const mb_kv_names session = {.session = 1};
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 20, 16, false));
    mb_kv_hold a = empty_hold();
    compute(&pool, &a, &names, 64);
    assert_hold(&a, 4, 0, 0);
    assert_true(mb_kv_blocks_release(&pool, &a, &names, 64, MB_KV_KEEP));
    assert_int_equal(matched(&pool, &a, &names, 100), 0);
    compute(&pool, &a, &session, 64);
    assert_true(mb_kv_blocks_release(&pool, &a, &session, 64, MB_KV_SESSION));
    assert_int_equal(matched(&pool, &a, &session, 100), 0);
    assert_true(pool.free == 20 && pool.run_count == 1);
    mb_kv_blocks_deinit(&pool);
}

// --- as large as one likes ---

static void test_unlimited(void **state) {
    (void)state;
    const uint64_t unlimited = UINT64_C(1) << 40;
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, unlimited, 16, true));
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "unlimited");
    mb_kv_hold holds[16];
    for (size_t i = 0; i < 16; i++)
        holds[i] = empty_hold();
    for (uint32_t i = 0; i < 1000000; i++) {
        mb_kv_hold *hold = &holds[mb_rng_below(&rng, 16)];
        if (hold->left != MB_KV_NO_RUN) mb_kv_blocks_reuse(&pool, hold, &NO_NAMES, 2000);
        assert_true(mb_kv_blocks_grow(&pool, hold, hold->own + mb_rng_below(&rng, 100)));
        const mb_kv_fate fate = i % 2 ? MB_KV_KEEP : MB_KV_FORGET;
        if (i % 3 == 0) assert_true(mb_kv_blocks_release(&pool, hold, &NO_NAMES, 1000, fate));
    }
    assert_true(pool.run_count <= 2 * 16 + 1 && pool.run_capacity <= 64);
    for (size_t i = 0; i < 16; i++) {
        assert_true(mb_kv_blocks_release(&pool, &holds[i], &NO_NAMES, 0, MB_KV_FORGET));
        mb_kv_blocks_forget(&pool, &holds[i]);
    }
    assert_true(pool.free == unlimited && pool.run_count == 1);

    mb_kv_hold all = empty_hold();
    assert_true(mb_kv_blocks_grow(&pool, &all, UINT32_MAX));
    assert_true(mb_kv_blocks_release(&pool, &all, &NO_NAMES, UINT32_MAX, MB_KV_KEEP));
    assert_int_equal(matched(&pool, &all, &NO_NAMES, UINT32_MAX), UINT32_MAX / 16);
    assert_int_equal(pool.free, unlimited);
    mb_kv_blocks_deinit(&pool);
}

// Many names at once: the tables grow, and shrink to nothing with the blocks.
static void test_many_names(void **state) {
    (void)state;
    enum { MANY = 20000 };
    mb_kv_blocks pool;
    assert_true(mb_kv_blocks_init(&pool, 2 * MANY, 16, true));
    for (uint64_t i = 0; i < 3 * MANY; i++) {
        const uint64_t id = i << 32 | 5;
        const mb_kv_names unit = {.ids = &id, .count = 1, .unit_tokens = 16, .prompt_tokens = 16};
        const mb_kv_names turn = {.session = i + 1, .prompt_tokens = 16};
        const mb_kv_names *names = i % 2 ? &unit : &turn;
        mb_kv_hold hold = empty_hold();
        compute(&pool, &hold, names, 16);
        assert_true(mb_kv_blocks_release(&pool, &hold, names, 16, MB_KV_SESSION));
        assert_int_equal(matched(&pool, &hold, names, 17), 1);
    }
    const mb_kv_hold hold = empty_hold();
    for (uint64_t i = 0; i < 3 * MANY; i++) {
        const uint64_t id = i << 32 | 5;
        const mb_kv_names unit = {.ids = &id, .count = 1, .unit_tokens = 16, .prompt_tokens = 16};
        const mb_kv_names turn = {.session = i + 1, .prompt_tokens = 16};
        assert_int_equal(matched(&pool, &hold, i % 2 ? &unit : &turn, 17), i >= MANY);
    }
    assert_int_equal(pool.run_count, 2 * MANY);
    mb_kv_blocks_take(&pool, 2 * MANY);
    assert_int_equal(pool.run_count, 0);
    mb_kv_blocks_deinit(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow_and_release),
        cmocka_unit_test(test_preempted),
        cmocka_unit_test(test_lost_entirely),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_short_units),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_preempted_with_units),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_forgetful),
        cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
