// SPDX-License-Identifier: MIT
#include "report/format.h"
#include "report/notes.h"
#include "report/party_table.h"
#include "report/regret.h"
#include "report/sheet.h"
#include "report/table.h"
#include "report/time_table.h"
#include "report/verdict.h"

#include <string.h>

// Text where Markdown would see marks of its own.
static void add_escaped(mb_strbuf *buffer, const char *text) {
    for (; *text; text++) {
        if (strchr("|*_`<>[]\\#", *text)) mb_strbuf_add(buffer, "\\");
        mb_strbuf_add_bytes(buffer, text, 1);
    }
}

// Sentences: line breaks end a paragraph's line; code spans stay.
static void add_sentence(mb_strbuf *buffer, const char *text) {
    for (bool code = false; *text; text++) {
        code ^= *text == '`';
        if (!code && strchr("|*_<>", *text)) mb_strbuf_add(buffer, "\\");
        mb_strbuf_add_bytes(buffer, text, 1);
        if (*text == '\n') mb_strbuf_add(buffer, "\n");
    }
}

void mb_markdown_sheet(const mb_sheet *sheet, mb_strbuf *text) {
    for (size_t column = 0; column < sheet->columns; column++) {
        mb_strbuf_add(text, "| ");
        add_escaped(text, sheet->heads[column]);
        if (*sheet->units[column]) mb_strbuf_printf(text, ", %s", sheet->units[column]);
        mb_strbuf_add(text, " ");
    }
    mb_strbuf_add(text, "|\n");
    for (size_t column = 0; column < sheet->columns; column++)
        mb_strbuf_add(text, column < sheet->text_columns ? "| --- " : "| ---: ");
    mb_strbuf_add(text, "|\n");
    for (size_t i = 0; i < sheet->rows * sheet->columns; i++) {
        const char *mark = sheet->best[i] ? "**" : "";
        mb_strbuf_printf(text, "| %s", mark);
        add_escaped(text, sheet->cells[i]);
        mb_strbuf_printf(text, "%s %s", mark, (i + 1) % sheet->columns ? "" : "|\n");
    }
}

static bool add_notes(mb_strbuf *text, const mb_results *results) {
    mb_notes notes = {0};
    mb_notes_collect(results, &notes);
    if (notes.count) mb_strbuf_add(text, "\n");
    for (size_t i = 0; i < notes.count; i++) {
        const mb_note *note = &notes.items[i];
        if (note->kind == MB_NOTE_TRACE) {
            mb_strbuf_add(text, "\n      "); // a code block within the list item
            for (const char *c = note->text; *c; c++)
                mb_strbuf_add(text, *c == '\n' ? "\n      " : (char[]){*c, '\0'});
            mb_strbuf_add(text, "\n\n");
            continue;
        }
        mb_strbuf_add(text, note->kind == MB_NOTE_WARNING ? "- **Warning:** " : "- ");
        add_sentence(text, note->text);
        mb_strbuf_add(text, "\n");
    }
    const bool failed = notes.failed;
    mb_notes_deinit(&notes);
    return !failed;
}

static bool add_extra(mb_strbuf *text, const mb_results *results,
                      void (*build)(const mb_results *, mb_sheet *),
                      void (*explain)(const mb_results *, mb_strbuf *)) {
    mb_sheet sheet;
    mb_strbuf explanation = {0};
    build(results, &sheet);
    if (!sheet.failed && sheet.columns) {
        mb_strbuf_add(text, "\n");
        mb_markdown_sheet(&sheet, text);
        explain(results, &explanation);
        mb_strbuf_add(text, "\n");
        if (explanation.text) add_sentence(text, explanation.text);
        mb_strbuf_add(text, "\n");
    }
    const bool complete = !sheet.failed && !explanation.failed;
    mb_strbuf_deinit(&explanation);
    mb_sheet_deinit(&sheet);
    return complete;
}

static void add_paragraph(mb_strbuf *text, const char *prefix, const char *paragraph) {
    if (!paragraph || !*paragraph) return;
    mb_strbuf_add(text, prefix);
    add_sentence(text, paragraph);
    mb_strbuf_add(text, "\n\n");
}

static bool compose(const mb_results *results, const mb_sheet *sheet, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    mb_strbuf description = {0}, verdict = {0};
    mb_sheet_describe(sheet, results, &description);
    mb_verdict(results, &verdict);
    add_paragraph(text, "## ", section->title);
    add_paragraph(text, "", section->question);
    add_paragraph(text, "", description.text);
    mb_markdown_sheet(sheet, text);
    if (verdict.length) {
        mb_strbuf_add(text, "\n");
        add_sentence(text, verdict.text);
        mb_strbuf_add(text, "\n");
    }
    if (sheet->any_best) {
        mb_strbuf star = {0};
        mb_sheet_explain_star(results, &star);
        mb_strbuf_add(text, "\nBold: ");
        if (star.text) add_sentence(text, star.text);
        mb_strbuf_add(text, "\n");
        mb_strbuf_deinit(&star);
    }
    mb_strbuf levels = {0};
    mb_sheet_explain_levels(sheet, results, &levels);
    if (levels.text) mb_strbuf_printf(text, "\n%s\n", levels.text);
    mb_strbuf_deinit(&levels);
    const bool extras = add_extra(text, results, mb_party_sheet, mb_party_explain) &&
                        add_extra(text, results, mb_time_sheet, mb_time_explain) &&
                        add_extra(text, results, mb_regret_sheet, mb_regret_explain);
    const bool complete =
        add_notes(text, results) && extras && !description.failed && !verdict.failed && !text->failed;
    mb_strbuf_deinit(&description);
    mb_strbuf_deinit(&verdict);
    return complete;
}

mb_status mb_report_markdown(const mb_results *results, FILE *out, mb_error *error) {
    mb_sheet sheet;
    mb_strbuf text = {0};
    const char *reason;
    mb_sheet_build(results, &sheet);
    const bool complete = !sheet.failed && compose(results, &sheet, &text);
    mb_sheet_deinit(&sheet);
    if (complete) {
        mb_make_printable(text.text, "\n\t"); // names may hold anything, and terminals obey
        fwrite(text.text, 1, text.length, out);
    }
    mb_strbuf_deinit(&text);
    if (!complete) return mb_fail_memory(error);
    if (mb_flushed(out, &reason)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the table: %s", reason);
}
