// SPDX-License-Identifier: MIT
// libFuzzer: no scenario makes its reader crash, or fail without a sentence; one that loads has requests that
// can be read. Inputs are changed word by word, with the words of lua/mbsand/vocabulary.lua, so that most
// stay Lua.
#include "fuzz.h"
#include "scenario/scenario.h"

#include <ctype.h>
#include <math.h>

enum { MOST_WORDS = 2000, MOST_TOKENS = 4000, MOST_ARRIVALS = 200 };

static char words_text[1 << 17];
static const char *words[MOST_WORDS];
static size_t word_count;

static const char *const VALUES[] = {
    "0",     "1",   "-1",    "2",        "0.5",    "1e-320",  "1e15",  "2^53",    "2^32",      "-2^63",
    "1e308", "1/0", "-1/0",  "0/0",      "1e6",    "65536",   "true",  "false",   "nil",       "\"\"",
    "\"a\"", "{}",  "{ 1 }", "{ 2, 1 }", "{ {} }", "\"1e9\"", "print", "\"\\0\"", "\"\\27[\"", "4096",
};
enum { VALUE_COUNT = sizeof VALUES / sizeof *VALUES };

// --- changing word by word

typedef struct token {
    const char *start;
    size_t length;
} token;

static size_t token_length(const char *text, size_t left) {
    size_t n = 1;
    if (isalnum((unsigned char)*text) || *text == '_')
        while (n < left && (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == '.'))
            n++;
    else if (*text == '"') {
        while (n < left && text[n] != '"' && text[n] != '\n')
            n++;
        n += n < left;
    } else if (isspace((unsigned char)*text))
        while (n < left && isspace((unsigned char)text[n]))
            n++;
    return n;
}

static size_t split(const char *text, size_t size, token *tokens) {
    size_t count = 0;
    for (size_t at = 0; at < size && count < MOST_TOKENS; count++) {
        const size_t length = token_length(text + at, size - at);
        tokens[count] = (token){text + at, length};
        at += length;
    }
    return count;
}

static bool is_space(const token *t) {
    return isspace((unsigned char)*t->start);
}

// From a word to the comma behind it: `key = { ... },`.
static size_t entry_end(const token *tokens, size_t count, size_t from) {
    int depth = 0;
    for (size_t i = from; i < count; i++) {
        const char c = *tokens[i].start;
        depth += c == '{' || c == '(';
        depth -= c == '}' || c == ')';
        if (depth < 0) return i;
        if (depth == 0 && c == ',') return i + 1;
    }
    return count;
}

typedef struct output {
    char *text;
    size_t used, most;
} output;

static void add(output *out, const char *text, size_t length) {
    if (out->used + length > out->most) return;
    memcpy(out->text + out->used, text, length);
    out->used += length;
}

static void add_tokens(output *out, const token *tokens, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        add(out, tokens[i].start, tokens[i].length);
}

static void add_random(output *out, unsigned *seed, bool name) {
    const char *text = !name || word_count == 0 ? VALUES[(unsigned)rand_r(seed) % VALUE_COUNT]
                                                : words[(size_t)rand_r(seed) % word_count];
    add(out, text, strlen(text));
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerInitialize(int *argc, char ***argv);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static token tokens[MOST_TOKENS];
    static char copy[1 << 16];
    const unsigned how = (unsigned)rand_r(&seed) % 16;
    if (how == 0 || size == 0 || size > sizeof copy) return LLVMFuzzerMutate(data, size, most);
    memcpy(copy, data, size);
    const size_t count = split(copy, size, tokens);
    size_t at = (size_t)rand_r(&seed) % count;
    while (at + 1 < count && is_space(&tokens[at]))
        at++;
    const size_t end = entry_end(tokens, count, at);
    const bool name = isalpha((unsigned char)*tokens[at].start) && rand_r(&seed) % 2;
    output out = {(char *)data, 0, most};
    add_tokens(&out, tokens, 0, at);
    if (how < 9) { // another word, or value
        add_random(&out, &seed, name);
        add_tokens(&out, tokens, at + 1, count);
    } else if (how < 11) { // another value of this key
        add(&out, tokens[at].start, tokens[at].length);
        add(&out, " = ", 3);
        add_random(&out, &seed, false);
        add(&out, ", ", 2);
        add_tokens(&out, tokens, end, count);
    } else if (how < 13) { // without it
        add_tokens(&out, tokens, end, count);
    } else if (how < 14) { // twice
        add_tokens(&out, tokens, at, end);
        add_tokens(&out, tokens, at, count);
    } else { // one more
        add_random(&out, &seed, true);
        add(&out, " = ", 3);
        add_random(&out, &seed, false);
        add(&out, ", ", 2);
        add_tokens(&out, tokens, at, count);
    }
    return out.used;
}

// Words of the vocabulary; all of them are among the identifiers of its source.
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    FILE *file = fopen("lua/mbsand/vocabulary.lua", "rb");
    if (!file) return 0;
    const size_t size = fread(words_text, 1, sizeof words_text - 1, file);
    fclose(file);
    for (size_t at = 0; at < size && word_count < MOST_WORDS;) {
        size_t n = token_length(words_text + at, size - at);
        if (isalpha((unsigned char)words_text[at])) words[word_count++] = words_text + at;
        at += n;
        if (at < size && !isalnum((unsigned char)words_text[at])) words_text[at++] = '\0';
    }
    return 0;
}

// --- the target

// A scenario is a program of the user's own, with the whole language: what could change files or never end is
// left out.
static bool is_table(const char *text) {
    static const char *const refused[] = {
        "os.", "io.",  "debug",  "package",   "dofile",  "load",   "while",   "repeat", "goto", "for",
        "rep", "func", "string", "coroutine", "collect", "table.", "require", "_G",     "_ENV", ".."};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strstr(text, refused[i])) return false;
    return true;
}

static void read_arrivals(const mb_experiment *experiment) {
    mb_error error = {0};
    mb_source *source = NULL;
    mb_status status = mb_source_open(&experiment->workload, experiment->seed, 0, &source, &error);
    bool end = false;
    double before_s = -INFINITY;
    for (int i = 0; i < MOST_ARRIVALS && !status && !end; i++) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, &error);
        if (status || end) break;
        check(isfinite(arrival.time_s) && arrival.time_s >= before_s);
        before_s = arrival.time_s;
    }
    check(status == MB_OK || strlen(error.message) > 10);
    mb_source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    const bool table = strlen(text) == size && is_table(text);
    free(text);
    if (!table) return 0;
    const fuzz_path file = input_file("scenario.lua", data, size);
    mb_error error = {0};
    mb_scenario *scenario = NULL;
    if (mb_scenario_load(file.text, NULL, &scenario, &error) == MB_OK) {
        for (size_t i = 0; i < mb_scenario_section_count(scenario); i++) {
            const mb_section *section = mb_scenario_section(scenario, i);
            for (size_t j = 0; j < section->point_count && j < 4; j++) {
                const mb_experiment *experiment = &section->points[j].experiment;
                check(experiment->groups->hardware.replicas >= 1 && experiment->seeds >= 1 &&
                      experiment->policy_count >= 1);
                check(strlen(experiment->description) > 10);
                read_arrivals(experiment);
            }
        }
    } else
        check(scenario == NULL && strlen(error.message) > 10);
    mb_scenario_free(scenario);
    unlink(file.text);
    return 0;
}
