// SPDX-License-Identifier: MIT
// mbsand list: names of what there is.
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "metrics/measures.h"
#include "plan/gpu.h"
#include "plan/model_config.h"
#include "report/fitting.h"
#include "report/format.h"
#include "report/table.h"
#include "report/terminal.h"
#include "scenario/scenario_keys.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand list policies|bins|scenarios|models|gpus|keys|measures|schema\n\n"
        "Names of what is bundled: scripts with their first sentence, models and GPUs with their figures; "
        "and the\n"
        "keys that --set and --over take, with what they may hold, the measures, with what they mean, and "
        "the\n"
        "JSON Schema of what `mbsand show-scenario --resolved` prints.\n");
}

// Add the comment that a script starts with, as one line of text.
static void read_comment(const char *path, mb_strbuf *text) {
    FILE *file = fopen(path, "r");
    if (!file) return;
    char line[512];
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#' && !text->length) continue; // a shebang line
        if (strncmp(line, "--", 2) != 0) break;
        const char *start = line + 2 + strspn(line + 2, " ");
        if (text->length) mb_strbuf_add(text, " ");
        mb_strbuf_add_bytes(text, start, strcspn(start, "\r\n"));
    }
    fclose(file);
}

// Length of the first sentence, or of all there is.
static size_t sentence_length(const char *text) {
    for (const char *stop = text; (stop = strpbrk(stop, ".?")); stop++)
        if (stop[1] == ' ') return (size_t)(stop - text) + 1;
    return strlen(text);
}

// Words of `text` in lines that end before `width`, each but the first behind `indent` blanks.
static void print_wrapped(const char *text, size_t length, size_t indent, size_t width) {
    size_t column = indent;
    const char *end = text + length;
    for (const char *word = text; word < end;) {
        const char *blank = memchr(word, ' ', (size_t)(end - word));
        const size_t letters = (size_t)((blank ? blank : end) - word);
        if (column > indent && column + 1 + letters > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)letters, word);
        column += letters;
        word += letters + strspn(word + letters, " ");
    }
    putchar('\n');
}

// A name, and beside it what it means; below it where the terminal is narrow.
static void print_pair(const char *name, const char *meaning, size_t length, size_t indent) {
    enum { BELOW = 6 };
    const size_t width = mb_terminal_width(stdout, 100);
    if (2 * indent <= width) {
        printf("  %-*s", (int)indent - 2, name);
    } else {
        printf("  %s\n%*s", name, BELOW, "");
        indent = BELOW;
    }
    print_wrapped(meaning, length, indent, width);
}

// The first sentence of a script's first comment, without the script's own name in front: what it is.
static void print_summary(const char *path, const char *name, size_t indent) {
    mb_strbuf comment = {0};
    read_comment(path, &comment);
    const char *text = comment.text ? comment.text : "";
    const char *own = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    const char *colon = strstr(text, ": ");
    if (colon && strncmp(text, own, strlen(own)) == 0) text = colon + 2;
    print_pair(name, text, sentence_length(text), indent);
    mb_strbuf_deinit(&comment);
}

static mb_status list(const char *folder, mb_error *error) {
    char *root = NULL, **names = NULL;
    size_t count = 0, longest = 0;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_list(root, folder, ".lua", &names, &count, error);
    for (size_t i = 0; i < count && status == MB_OK; i++)
        if (strlen(names[i]) > longest) longest = strlen(names[i]);
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s/%s.lua", root, folder, names[i]);
        print_summary(path, names[i], longest + 4);
    }
    mb_paths_free_names(names, count);
    free(root);
    return status;
}

// --- models and GPUs
// -------------------------------------------------------------------------------------------

#define GIB 1073741824.0

// A table of names, numbers and where they are from, to be filled.
static bool open_sheet(mb_sheet *sheet, const char *const heads[][2], size_t columns, size_t rows,
                       const char *remark) {
    *sheet = (mb_sheet){.text_columns = 1, .columns = columns, .rows = rows, .remark = remark};
    if (!mb_sheet_allocate(sheet)) return false;
    sheet->remarks = calloc(rows + 1, sizeof *sheet->remarks);
    sheet->failed = !sheet->remarks;
    for (size_t i = 0; i < columns; i++) {
        mb_sheet_put(sheet, &sheet->heads[i], heads[i][0]);
        mb_sheet_put(sheet, &sheet->units[i], heads[i][1]);
    }
    return !sheet->failed;
}

static void put(mb_sheet *sheet, size_t row, size_t column, const char *format, double value) {
    char text[MB_TEXT_SIZE];
    snprintf(text, sizeof text, format, value);
    mb_sheet_put(sheet, &sheet->cells[row * sheet->columns + column], value > 0 ? text : "-");
}

// Of a terminal its width; a pipe is given all there is.
static mb_status close_sheet(mb_sheet *sheet, mb_status status, mb_error *error) {
    mb_strbuf text = {0};
    if (!status && !sheet->failed) mb_add_sheet(sheet, mb_terminal_width(stdout, SIZE_MAX), &text);
    if (!status && (sheet->failed || text.failed)) status = mb_fail_memory(error);
    if (!status && text.text) fputs(text.text, stdout);
    mb_strbuf_deinit(&text);
    mb_sheet_deinit(sheet);
    return status;
}

static mb_status put_model(mb_sheet *sheet, size_t row, const char *root, const char *name, mb_error *error) {
    char *path = NULL;
    mb_model_config model = {0};
    mb_status status = mb_paths_find_model(root, NULL, name, &path, error);
    if (!status) status = mb_model_config_read(path, &model, error);
    if (!status) {
        char **cells = sheet->cells + row * sheet->columns, text[MB_TEXT_SIZE];
        mb_sheet_put(sheet, &cells[0], name);
        put(sheet, row, 1, "%.4g", mb_model_parameters(&model).total / 1e9);
        put(sheet, row, 2, "%.1f", mb_model_weight_bytes(&model, 0) / GIB);
        mb_format_count(text, mb_model_kv_bytes(&model, model.dtype_bytes, 1, UINT64_MAX, 1));
        mb_sheet_put(sheet, &cells[3], text);
        mb_format_count(text, (double)model.max_positions);
        mb_sheet_put(sheet, &cells[4], text);
        mb_sheet_put(sheet, &sheet->remarks[row], model.source ? model.source : "");
    }
    free(path);
    mb_model_config_deinit(&model);
    return status;
}

static mb_status list_models(const char *root, mb_error *error) {
    static const char *const heads[][2] = {{"model", ""},
                                           {"params", "1e9"},
                                           {"weights", "GiB"},
                                           {"KV bytes", "per token"},
                                           {"positions", "tokens"}};
    char **names = NULL;
    size_t count = 0;
    mb_sheet sheet = {0};
    mb_status status = mb_paths_list(root, "data/models", ".json", &names, &count, error);
    if (!status && open_sheet(&sheet, heads, 5, count, "the source of each"))
        for (size_t i = 0; i < count && !status; i++)
            status = put_model(&sheet, i, root, names[i], error);
    mb_paths_free_names(names, count);
    return close_sheet(&sheet, status, error);
}

static void put_gpu(mb_sheet *sheet, size_t row, const mb_gpu *gpu) {
    mb_sheet_put(sheet, &sheet->cells[row * sheet->columns], gpu->name);
    put(sheet, row, 1, "%.4g", gpu->memory_bytes / GIB);
    put(sheet, row, 2, "%.4g", gpu->bandwidth / 1e9);
    put(sheet, row, 3, "%.4g", gpu->fp16 / 1e12);
    put(sheet, row, 4, "%.4g", gpu->fp8 / 1e12);
    put(sheet, row, 5, "%.4g", gpu->link / 1e9);
    put(sheet, row, 6, "%.0f", gpu->per_node);
    put(sheet, row, 7, "%.2f", gpu->usd_per_hour);
    mb_sheet_put(sheet, &sheet->remarks[row], gpu->title);
}

static mb_status list_gpus(const char *root, mb_error *error) {
    static const char *const heads[][2] = {{"GPU", ""},           {"memory", "GiB"},  {"bandwidth", "GB/s"},
                                           {"FP16", "TFLOP/s"},   {"FP8", "TFLOP/s"}, {"link", "GB/s"},
                                           {"GPUs in", "a node"}, {"USD", "/hour"}};
    char *path = mb_paths_join(root, "data/gpus.csv");
    if (!path) return mb_fail_memory(error);
    mb_gpu_table table;
    mb_sheet sheet = {0};
    const mb_status status = mb_gpu_table_read(path, &table, error);
    free(path);
    if (!status && open_sheet(&sheet, heads, 8, table.count, "the full name of each"))
        for (size_t i = 0; i < table.count; i++)
            put_gpu(&sheet, i, &table.items[i]);
    mb_gpu_table_free(&table);
    return close_sheet(&sheet, status, error);
}

// --- words

static void list_measures(void) {
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        print_pair(mb_measures[i].name, mb_measures[i].meaning, strlen(mb_measures[i].meaning), 24);
}

static mb_status list_keys(const char *root, mb_error *error) {
    mb_strbuf text = {0};
    const mb_status status = mb_scenario_keys(root, &text, error);
    for (char *line = status == MB_OK ? text.text : NULL; line && *line;) {
        char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
        *tab = *end = '\0';
        print_pair(line, tab + 1, strlen(tab + 1), 40);
        line = end + 1;
    }
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status print_schema(const char *root, mb_error *error) {
    mb_strbuf text = {0};
    const mb_status status = mb_scenario_schema(root, &text, error);
    if (status == MB_OK) fputs(text.text, stdout);
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status list_one(const char *what, bool *known, mb_error *error) {
    static const char *const folders[][2] = {
        {"policies", "policies"}, {"bins", "policies/bins"}, {"scenarios", "scenarios"}};
    *known = true;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strcmp(what, folders[i][0]) == 0) return list(folders[i][1], error);
    static const char *const words[] = {"models", "gpus", "keys", "measures", "schema"};
    *known = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        *known = *known || strcmp(what, words[i]) == 0;
    if (!*known) return MB_OK;
    if (strcmp(what, "measures") == 0) {
        list_measures();
        return MB_OK;
    }
    char *root = NULL;
    mb_status status = mb_paths_root(&root, error);
    if (!status && strcmp(what, "keys") == 0)
        status = list_keys(root, error);
    else if (!status && strcmp(what, "schema") == 0)
        status = print_schema(root, error);
    else if (!status)
        status = strcmp(what, "models") == 0 ? list_models(root, error) : list_gpus(root, error);
    free(root);
    return status;
}

int mb_cmd_list(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return mb_cli_wrong_option("list", options, option, argv);
        print_help();
        return mb_cli_finish();
    }
    if (optind + 1 != argc)
        return mb_cli_usage(
            "list", "list needs one of: policies, bins, scenarios, models, gpus, keys, measures, schema");
    bool known;
    mb_error error = {0};
    if (list_one(argv[optind], &known, &error)) return mb_cli_fail(&error);
    if (known) return mb_cli_finish();
    return mb_cli_usage(
        "list",
        "'%s' cannot be listed; expected policies, bins, scenarios, models, gpus, keys, measures or schema",
        argv[optind]);
}
