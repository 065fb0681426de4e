// SPDX-License-Identifier: MIT
// mbsand help WORD...: where something is said of it: verbs, measures, keys, scripts, the API, the pages.
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "metrics/measures.h"
#include "report/columns.h"
#include "report/terminal.h"
#include "scenario/scenario_keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OF_A_KIND = 12 };

typedef struct quest {
    char **words;
    int word_count;
    size_t width;
    size_t found, of_kind; // all, and of the kind at hand
} quest;

static bool same_letters(const char *text, const char *word) {
    for (; *word; text++, word++)
        if (tolower((unsigned char)*text) != tolower((unsigned char)*word)) return false;
    return true;
}

static bool has_all(const quest *q, const char *text) {
    for (int i = 0; i < q->word_count; i++) {
        const char *at = text;
        while (*at && !same_letters(at, q->words[i]))
            at++;
        if (!*at) return false;
    }
    return true;
}

// A line of the answer, cut where the page ends, below the name of its kind.
static void tell(quest *q, const char *kind, const char *where, const char *text) {
    mb_strbuf line = {0};
    q->found++;
    if (++q->of_kind > MOST_OF_A_KIND) return;
    if (q->of_kind == 1) printf("%s\n", kind);
    mb_strbuf_printf(&line, "  %s%s%s", where, *where ? "  " : "", text + strspn(text, " \t-|"));
    const size_t room = q->width > 4 ? q->width - 4 : 0;
    if (line.text && line.length > room) {
        size_t end = room;
        while (end && ((unsigned char)line.text[end] & 0xC0) == 0x80)
            end--; // within a letter
        line.text[end] = '\0';
        mb_cli_say(stdout, "%s ...\n", line.text);
    } else if (line.text)
        mb_cli_say(stdout, "%s\n", line.text);
    mb_strbuf_deinit(&line);
}

static void end_kind(quest *q) {
    if (q->of_kind > MOST_OF_A_KIND) printf("  and %zu more\n", q->of_kind - MOST_OF_A_KIND);
    q->of_kind = 0;
}

static void search_lines(quest *q, const char *kind, const char *where, char *text) {
    int number = 0;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        number++;
        if (!has_all(q, line)) continue;
        char place[128];
        snprintf(place, sizeof place, "%s:%d", where, number);
        tell(q, kind, *where ? place : "", line);
    }
}

// By what heads its column in a table, too.
static void search_measures(quest *q) {
    for (int i = 0; i < MB_MEASURE_COUNT; i++) {
        const mb_measure *measure = &mb_measures[i];
        const mb_column column = mb_column_of(i, 0);
        char where[96];
        snprintf(where, sizeof where, "%s, in tables \"%s\"", measure->name, column.label);
        if (has_all(q, column.label))
            tell(q, "measures", where, measure->meaning);
        else if (has_all(q, measure->name) || has_all(q, measure->meaning))
            tell(q, "measures", measure->name, measure->meaning);
    }
    end_kind(q);
}

static void search_files(quest *q, const char *kind, const char *root, const char *folder,
                         const char *suffix) {
    char **names = NULL;
    size_t count = 0;
    mb_error ignored;
    if (mb_paths_list(root, folder, suffix, &names, &count, &ignored) != MB_OK) return;
    for (size_t i = 0; i < count; i++) {
        char place[128], path[4096];
        mb_strbuf text = {0};
        snprintf(place, sizeof place, "%s/%s%s", folder, names[i], suffix);
        snprintf(path, sizeof path, "%s/%s", root, place);
        if (mb_paths_read(path, 1u << 20, &text, &ignored) == MB_OK) search_lines(q, kind, place, text.text);
        mb_strbuf_deinit(&text);
    }
    mb_paths_free_names(names, count);
    end_kind(q);
}

// What was likely meant: a verb, a measure, something that is bundled, or a part of a scenario's key.
static int say_nothing(const mb_verb *verbs, size_t verb_count, const char *root, const char *word) {
    const char *known[2048];
    size_t count = 0, lengths[2] = {0};
    char **lists[2] = {NULL, NULL};
    mb_error ignored;
    mb_strbuf keys = {0};
    for (size_t i = 0; i < verb_count; i++)
        known[count++] = verbs[i].name;
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        known[count++] = mb_measures[i].name;
    mb_paths_list(root, "policies", ".lua", &lists[0], &lengths[0], &ignored);
    mb_paths_list(root, "scenarios", ".lua", &lists[1], &lengths[1], &ignored);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; lists[i] && j < lengths[i] && count < 1024; j++)
            known[count++] = lists[i][j];
    if (mb_scenario_keys(root, &keys, &ignored) == MB_OK)
        for (char *line = keys.text, *next; line && *line && count < 2048; line = next) {
            next = strchr(line, '\n');
            if (next) next++;
            line[strcspn(line, "\t")] = '\0';
            const char *dot = strrchr(line, '.');
            known[count++] = dot ? dot + 1 : line;
        }
    const char *near = mb_misspelt_word(word, known, count);
    const int code = near ? mb_cli_usage("", "nothing is said of '%s'; did you mean '%s'?", word, near)
                          : mb_cli_usage("", "nothing is said of '%s'", word);
    mb_strbuf_deinit(&keys);
    for (size_t i = 0; i < 2; i++)
        if (lists[i]) mb_paths_free_names(lists[i], lengths[i]);
    return code;
}

int mb_help(const mb_verb *verbs, size_t count, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL;
    for (size_t i = 0; i < count && argc == 2; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(2, (char *[]){argv[1], (char[]){"--help"}, NULL});
    if (mb_paths_root(&root, &error) != MB_OK) return mb_cli_fail(&error);
    quest q = {.words = argv + 1, .word_count = argc - 1, .width = mb_terminal_width(stdout, 110)};
    for (size_t i = 0; i < count; i++)
        if (has_all(&q, verbs[i].name) || has_all(&q, verbs[i].summary))
            tell(&q, "verbs", verbs[i].name, verbs[i].summary);
    end_kind(&q);
    search_measures(&q);
    mb_strbuf keys = {0};
    if (mb_scenario_keys(root, &keys, &error) == MB_OK) search_lines(&q, "keys of a scenario", "", keys.text);
    mb_strbuf_deinit(&keys);
    end_kind(&q);
    search_files(&q, "policies", root, "policies", ".lua");
    search_files(&q, "scenarios", root, "scenarios", ".lua");
    search_files(&q, "what scripts can call", root, "lua/meta", ".lua");
    search_files(&q, "pages", root, "docs", ".md");
    const int code = q.found ? mb_cli_finish() : say_nothing(verbs, count, root, argv[1]);
    free(root);
    return code;
}
