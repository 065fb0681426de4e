// SPDX-License-Identifier: MIT
// exp, log, pow and others: of the program's own (third_party/musl), and so the same bits on every processor
// and with every C library. Their values are near those of the C library's in long double; which of the
// doubles nearby they are is written down, as it came out alike on x86-64 and aarch64. What Lua calls, `^`
// included, is these.
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES = 20000 };

typedef struct {
    const char *name;
    double (*one)(double);
    long double (*wide)(long double);
    double low, high;
    double last; // how many units in the last place it may be off
    uint64_t bits;
    const char *in_lua;
} function;

static double power(double x) {
    return pow(x, 5 - x);
}

static long double wide_power(long double x) {
    return powl(x, 5 - (double)x);
}

static double angle(double x) {
    return atan2(x, 2 - x);
}

static long double wide_angle(long double x) {
    return atan2l(x, 2 - (double)x);
}

static const function functions[] = {
    {"exp", exp, expl, -20, 20, 1, 0x1c5563e093211a69, "math.exp(x)"},
    {"log", log, logl, 0x1p-20, 4, 1, 0x6575826173cae8d7, "math.log(x)"},
    {"pow", power, wide_power, 0, 10, 1, 0xda10d777dc795850, "x ^ (5 - x)"},
    {"log2", log2, log2l, 0x1p-20, 4, 1, 0x3fda6298590e24bb, NULL},
    {"log10", log10, log10l, 0x1p-20, 100, 1.5, 0x6fe3a08e6f536234, NULL},
    {"log1p", log1p, log1pl, -0.9, 4, 1, 0xe6cd838963e8c95a, NULL},
    {"expm1", expm1, expm1l, -4, 4, 1, 0xebe8de527437e762, NULL},
    {"erf", erf, erfl, -4, 4, 1, 0x9f3d765b39e36aaf, NULL},
    {"erfc", erfc, erfcl, -4, 4, 4, 0x0b249d72a7ddfffd, NULL},
    {"tgamma", tgamma, tgammal, 0.1, 20, 16, 0x63e49e7288fbcce7, NULL},
    {"sin", sin, sinl, -50, 50, 1, 0x4c74486d73644f61, "math.sin(x)"},
    {"cos", cos, cosl, -50, 50, 1, 0x80cfc900403144ce, "math.cos(x)"},
    {"tan", tan, tanl, -50, 50, 1, 0xf27293ee4102fd75, "math.tan(x)"},
    {"asin", asin, asinl, -1, 1, 1, 0xae5111d567906ddd, "math.asin(x)"},
    {"acos", acos, acosl, -1, 1, 1, 0x2fa662ef46a0c44f, "math.acos(x)"},
    {"atan", atan, atanl, -9, 9, 1, 0x1c89fde338bd639d, "math.atan(x)"},
    {"atan2", angle, wide_angle, -9, 9, 2, 0x58c3ce10fb38f370, NULL},
};

static double draw(uint64_t *state, const function *f) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return f->low + (f->high - f->low) * ((double)(*state >> 11) * 0x1p-53);
}

static void of_every_function(void (*check)(const function *f)) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        check(&functions[i]);
}

static void check_near(const function *f) {
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < VALUES; i++) {
        const double x = draw(&state, f), y = f->one(x);
        const long double unit = nextafter(fabs(y), INFINITY) - fabs(y), off = fabsl(y - f->wide(x));
        if (!(off <= (long double)f->last * unit)) fail_msg("%s(%.17g) is %.17g", f->name, x, y);
    }
}

static void near_the_wide_ones(void **state) {
    (void)state;
    of_every_function(check_near);
}

static void check_bits(const function *f) {
    uint64_t state = 88172645463325252U, hash = 1;
    for (int i = 0; i < VALUES; i++) {
        const double y = f->one(draw(&state, f));
        uint64_t bits;
        memcpy(&bits, &y, sizeof bits);
        hash = ((hash ^ bits) * 0x9E3779B97F4A7C15U) ^ (hash >> 31);
    }
    if (hash != f->bits) fail_msg("%s: 0x%016llx", f->name, (unsigned long long)hash);
}

static void the_same_bits_everywhere(void **state) {
    (void)state;
    of_every_function(check_bits);
}

static void check_in_lua(const function *f) {
    if (!f->in_lua) return;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_pushfstring(L, "local x = ... return %s", f->in_lua);
    assert_int_equal(luaL_loadstring(L, lua_tostring(L, -1)), 0);
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < VALUES / 4; i++) {
        const double x = draw(&state, f);
        lua_pushvalue(L, -1);
        lua_pushnumber(L, x);
        lua_call(L, 1, 1);
        if (lua_tonumber(L, -1) != f->one(x)) fail_msg("Lua's %s of %.17g is another", f->name, x);
        lua_pop(L, 1);
    }
    lua_close(L);
}

static void what_lua_calls(void **state) {
    (void)state;
    of_every_function(check_in_lua);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_the_wide_ones),
        cmocka_unit_test(the_same_bits_everywhere),
        cmocka_unit_test(what_lua_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
