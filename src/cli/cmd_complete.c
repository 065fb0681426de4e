// SPDX-License-Identifier: MIT
// mbsand complete WORD...: what may stand in the place of the last word, a line each. For shells: see
// completions/. Nothing printed: a file may.
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "metrics/measures.h"
#include "plan/gpu.h"
#include "scenario/scenario_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// `before` and the candidate are one word; `begun` is what there is of it.
static void offer(const char *before, const char *candidate, const char *tail, const char *begun) {
    const size_t length = strlen(before);
    if (strncmp(before, begun, length) == 0 &&
        strncmp(candidate, begun + length, strlen(begun + length)) == 0)
        printf("%s%s%s\n", before, candidate, tail);
}

// "a|b|c"
static void offer_words(const char *words, const char *begun) {
    while (*words) {
        char word[64];
        const size_t length = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)length, words);
        offer("", word, "", begun);
        words += length + (words[length] == '|');
    }
}

static void offer_files(const char *root, const char *folder, const char *suffix, const char *before,
                        const char *begun) {
    char **names = NULL;
    size_t count = 0;
    mb_error ignored;
    if (mb_paths_list(root, folder, suffix, &names, &count, &ignored) != MB_OK) return;
    for (size_t i = 0; i < count; i++)
        offer(before, names[i], "", begun);
    mb_paths_free_names(names, count);
}

static void offer_gpus(const char *root, const char *before, const char *begun) {
    char *path = mb_paths_join(root, "data/gpus.csv");
    mb_gpu_table table;
    mb_error ignored;
    if (path && mb_gpu_table_read(path, &table, &ignored) == MB_OK) {
        for (size_t i = 0; i < table.count; i++)
            offer(before, table.items[i].name, "", begun);
        mb_gpu_table_free(&table);
    }
    free(path);
}

// The words in what `mbsand list keys` says of a key: "true or false; ...", '"a" or "b"', "predict.exact,
// lognormal or bins", 'trace.csv "FILE" {...}'.
static void offer_said(const char *text, const char *before, const char *begun) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    const char *dot = strchr(text, '.');
    const bool quoted = *text == '"', named = dot && strspn(text, letters) > (size_t)(dot - text) + 1;
    if (!quoted && !named && strncmp(text, "true or", 7) != 0) return;
    char last[64] = "";
    while (*text && *text != ';') {
        char word[64];
        if (*text == '{' || *text == '(') text += strcspn(text, "})");
        if (*text == '"' && !quoted) text += 1 + strcspn(text + 1, "\"");
        const size_t length = strspn(text, letters);
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        const char *name = strchr(word, '.') ? strchr(word, '.') + 1 : word;
        if (*name && strcmp(name, "or") != 0 && strcmp(name, last) != 0) {
            offer(before, name, "", begun);
            strcpy(last, name);
        }
        text += length > 0 ? length : *text != '\0';
    }
}

// "KEY=", and behind that what the key may hold: of --over after each comma.
static void offer_keys(const char *root, const char *begun) {
    const char *value = strchr(begun, '='), *comma = value ? strrchr(value, ',') : NULL;
    char before[256] = "";
    if (value) snprintf(before, sizeof before, "%.*s", (int)((comma ? comma : value) + 1 - begun), begun);
    if (value && strncmp(begun, "cluster.gpu=", 12) == 0) offer_gpus(root, before, begun);
    if (value && strncmp(begun, "cluster.model=", 14) == 0)
        offer_files(root, "data/models", ".json", before, begun);
    mb_strbuf text = {0};
    mb_error ignored;
    if (mb_scenario_keys(root, &text, &ignored) == MB_OK)
        for (char *line = strtok(text.text, "\n"); line; line = strtok(NULL, "\n")) {
            const size_t length = strcspn(line, "\t");
            line[length] = '\0';
            if (!value)
                offer("", line, "=", begun);
            else if (length == (size_t)(value - begun) && strncmp(line, begun, length) == 0)
                offer_said(line + length + 1, before, begun);
        }
    mb_strbuf_deinit(&text);
}

static void offer_measures(const char *begun) {
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        offer("", mb_measures[i].name, "", begun);
}

// The options that a verb's own --help names.
static void offer_options(int (*run)(int argc, char **argv), char *verb, const char *begun) {
    FILE *text = tmpfile();
    const int screen = text ? dup(STDOUT_FILENO) : -1;
    if (screen >= 0) {
        char *argv[] = {verb, (char[]){"--help"}, NULL};
        fflush(stdout);
        dup2(fileno(text), STDOUT_FILENO);
        run(2, argv);
        fflush(stdout);
        dup2(screen, STDOUT_FILENO);
        close(screen);
        rewind(text);
        char line[1024], told[4096] = " ";
        while (fgets(line, sizeof line, text))
            for (char *at = line; (at = strstr(at, "--")); at++) {
                char word[64], apart[66];
                const size_t length = 2 + strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
                snprintf(word, sizeof word, "%.*s", (int)length, at);
                snprintf(apart, sizeof apart, " %s ", word);
                at += length - 1;
                if (length < 4 || strstr(told, apart) || strlen(told) + length + 2 > sizeof told) continue;
                strcat(strcat(told, word), " ");
                offer("", word, "", begun);
            }
    }
    if (text) fclose(text);
}

// After an option that takes one of known words; false: any may come.
static bool offer_values(const char *root, const char *option, const char *begun) {
    static const struct {
        const char *options, *words;
    } fixed[] = {{"|--format|", "table|csv|json|md"},
                 {"|--dump|", "requests|batches|members|preemptions|decisions"},
                 {"|--live|--backend|", "cpu|cuda|llama"},
                 {"|--rules|", "vllm|kaito|kaito-2026|mlsysim"},
                 {"|--precision|--weights|--kv|", "fp32|fp16|bf16|fp8|int8|int4"}};
    char apart[64];
    snprintf(apart, sizeof apart, "|%s|", option);
    if (strstr("|-p|--policy|--only|--baseline|", apart))
        offer_files(root, "policies", ".lua", "", begun);
    else if (strcmp(option, "--like") == 0) {
        offer_files(root, "policies", ".lua", "", begun);
        offer_files(root, "policies/bins", ".lua", "", begun);
        offer_files(root, "scenarios", ".lua", "", begun);
    } else if (strstr("|-s|--set|--over|", apart))
        offer_keys(root, begun);
    else if (strstr("|--measure|--assert|--slo|", apart))
        offer_measures(begun);
    else if (strcmp(option, "--model") == 0)
        offer_files(root, "data/models", ".json", "", begun);
    else if (strstr("|--gpu|--gpus|", apart))
        offer_gpus(root, "", begun);
    else {
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
            if (strstr(fixed[i].options, apart)) {
                offer_words(fixed[i].words, begun);
                return true;
            }
        return false;
    }
    return true;
}

static void offer_arguments(const char *root, const char *verb, int before, const char *begun) {
    if (strcmp(verb, "list") == 0)
        offer_words("policies|bins|scenarios|models|gpus|keys|measures|schema", begun);
    if (strcmp(verb, "new") == 0 && before == 1) offer_words("policy|router|rule|scenario|test", begun);
    if (strcmp(verb, "check") == 0) offer_files(root, "policies", ".lua", "", begun);
    if (strstr("|run|sweep|search|explain|report|pack|repl|check|test|", verb) ||
        strcmp(verb, "show-scenario") == 0)
        offer_files(root, "scenarios", ".lua", "", begun);
}

int mb_complete(const mb_verb *verbs, size_t count, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL;
    if (argc < 2)
        return mb_cli_usage("", "complete needs the words of a command, the last of them unfinished");
    if (mb_paths_root(&root, &error) != MB_OK) return mb_cli_fail(&error);
    const char *begun = argv[argc - 1];
    const mb_verb *verb = &verbs[0]; // `run` may be left out
    for (size_t i = 0; i < count; i++)
        if (argc > 2 && strcmp(argv[1], verbs[i].name) == 0) verb = &verbs[i];
    if (argc > 2 && offer_values(root, argv[argc - 2], begun)) {
        // said
    } else if (argc == 2 && *begun != '-') {
        for (size_t i = 0; i < count; i++)
            offer("", verbs[i].name, "", begun);
        offer_files(root, "scenarios", ".lua", "", begun);
    } else if (argc == 2)
        offer_words("--help|--version", begun);
    else if (*begun == '-')
        offer_options(verb->run, argv[1], begun);
    else if (*argv[argc - 2] != '-') // whose value may be a file
        offer_arguments(root, verb->name, argc - 2, begun);
    free(root);
    return mb_cli_finish();
}
