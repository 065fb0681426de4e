// SPDX-License-Identifier: MIT
#include "policy/dialect.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct scanner {
    const char *at, *end;
    unsigned long line;
    const char *wrong; // what is wrong at this line; NULL: nothing yet
    char number[64];   // the numeral that is wrong, for the message
    bool in_names;     // between `local` and what ends its list of names
    bool may_begin;    // a statement, but no `;` of LuaJIT's: at the start, after `do`, `then`, `else` or `;`
} scanner;

static char peek(const scanner *s, size_t ahead) {
    return (size_t)(s->end - s->at) > ahead ? s->at[ahead] : '\0';
}

static void next(scanner *s) {
    s->line += *s->at == '\n';
    s->at++;
}

// The number of '=' in a long bracket that opens here, or -1.
static int long_bracket(const scanner *s) {
    if (peek(s, 0) != '[') return -1;
    size_t level = 0;
    while (peek(s, level + 1) == '=')
        level++;
    return peek(s, level + 1) == '[' ? (int)level : -1;
}

static void skip_long(scanner *s, int level) {
    s->at += level + 2;
    for (; s->at < s->end; next(s)) {
        if (*s->at != ']') continue;
        int found = 0;
        while (found < level && peek(s, (size_t)found + 1) == '=')
            found++;
        if (found < level || peek(s, (size_t)found + 1) != ']') continue;
        s->at += level + 2;
        return;
    }
}

static void skip_comment(scanner *s) {
    s->at += 2;
    const int level = long_bracket(s);
    if (level >= 0)
        skip_long(s, level);
    else
        while (s->at < s->end && *s->at != '\n')
            s->at++;
}

static void skip_quoted(scanner *s) {
    const char quote = *s->at;
    for (next(s); s->at < s->end && *s->at != quote && *s->at != '\n'; next(s)) {
        if (*s->at != '\\' || s->end - s->at < 2) continue;
        next(s); // and what follows it, a newline for one; of \z all white space
        const bool blank = *s->at == 'z';
        while (blank && s->end - s->at > 1 && isspace((unsigned char)s->at[1]))
            next(s);
    }
    if (s->at < s->end && *s->at == quote) s->at++;
}

static bool is_name(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

// Numerals: LuaJIT has binary, 64-bit and imaginary ones, and no integers above 2^53.
static void scan_number(scanner *s) {
    const char *start = s->at;
    const bool hex = *start == '0' && (peek(s, 1) == 'x' || peek(s, 1) == 'X');
    while (s->at < s->end) {
        const char c = *s->at;
        const bool exponent = hex ? c == 'p' || c == 'P' : c == 'e' || c == 'E';
        if (!is_name(c) && c != '.') break;
        s->at++;
        if (exponent && (peek(s, 0) == '+' || peek(s, 0) == '-')) s->at++;
    }
    const size_t length = (size_t)(s->at - start);
    snprintf(s->number, sizeof s->number, "%.*s", (int)(length < 60 ? length : 60), start);
    const char last = s->number[strlen(s->number) - 1];
    const bool whole = hex ? !strpbrk(s->number, ".pP") : !strpbrk(s->number, ".eE");
    if (last == 'l' || last == 'L' || last == 'i' || last == 'I' || s->number[1] == 'b' ||
        s->number[1] == 'B')
        s->wrong = "is a number of LuaJIT alone; write it in decimal, without letters";
    else if (whole && length < 60 && strtoull(s->number, NULL, hex ? 16 : 10) > UINT64_C(1) << 53)
        s->wrong =
            "is above 2^53, where Lua 5.4 and LuaJIT count differently; write 1e16 for a number so large";
}

static void scan_name(scanner *s) {
    const char *start = s->at;
    while (s->at < s->end && is_name(*s->at))
        s->at++;
    const size_t length = (size_t)(s->at - start);
    if (length == 5 && memcmp(start, "local", 5) == 0)
        s->in_names = true;
    else if (length == 8 && memcmp(start, "function", 8) == 0)
        s->in_names = false;
    static const char *const openers[] = {"do", "then", "else", "repeat"};
    s->may_begin = false;
    for (size_t i = 0; i < sizeof openers / sizeof *openers; i++)
        if (strlen(openers[i]) == length && memcmp(start, openers[i], length) == 0) s->may_begin = true;
}

// Operators, and attributes of local variables, of Lua 5.3 and 5.4.
static const char *foreign_symbol(const scanner *s) {
    const char c = *s->at, after = peek(s, 1);
    if (c == '/' && after == '/') return "'//' is of Lua 5.3 and later; write math.floor(a / b)";
    if (c == '&') return "'&' is of Lua 5.3 and later; for a power of two, a % 2^n keeps the lowest n bits";
    if (c == '|') return "'|' is of Lua 5.3 and later; write + for bits that exclude each other";
    if (c == '~' && after != '=') return "'~' is of Lua 5.3 and later; \"not equal\" is ~=, \"not\" is not";
    if (c == '<' && after == '<') return "'<<' is of Lua 5.3 and later; write a * 2^n";
    if (c == '>' && after == '>') return "'>>' is of Lua 5.3 and later; write math.floor(a / 2^n)";
    if (c == ';' && s->may_begin)
        return "a ';' with no statement before it is of Lua 5.2 and later; leave it out";
    if (c == '<' && s->in_names) return "'<const>' and '<close>' are of Lua 5.4; leave them out";
    return NULL;
}

static void scan_one(scanner *s) {
    const char c = *s->at;
    if (c == '-' && peek(s, 1) == '-') {
        skip_comment(s);
    } else if (c == '"' || c == '\'') {
        s->in_names = s->may_begin = false;
        skip_quoted(s);
    } else if (long_bracket(s) >= 0) {
        s->in_names = s->may_begin = false;
        skip_long(s, long_bracket(s));
    } else if (isdigit((unsigned char)c)) {
        s->may_begin = false;
        scan_number(s);
    } else if (is_name(c)) {
        scan_name(s);
    } else {
        s->number[0] = '\0';
        s->wrong = foreign_symbol(s);
        if (!isspace((unsigned char)c)) s->may_begin = c == ';';
        if (!isspace((unsigned char)c) && c != ',') s->in_names = false;
        if (!s->wrong) next(s);
    }
}

mb_status mb_dialect_check(const char *text, size_t length, const char *name, mb_error *error) {
    scanner s = {.at = text, .end = text + length, .line = 1, .may_begin = true};
    while (s.at < s.end && !s.wrong)
        scan_one(&s);
    if (!s.wrong) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s:%lu: %s%s%s. Policies run on Lua 5.4 and on LuaJIT", name, s.line,
                   s.number, s.number[0] ? " " : "", s.wrong);
}
