// SPDX-License-Identifier: MIT
#include "report/table.h"

#include "report/format.h"
#include "report/notes.h"
#include "report/party_table.h"
#include "report/regret.h"
#include "report/sheet.h"
#include "report/terminal.h"
#include "report/time_table.h"
#include "report/verdict.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_WIDTH = 110,  // a wider table goes on below; of a terminal, its width
    TEXT_WIDTH = 100, // sentences are wrapped here, or where a narrower terminal ends
    MAX_NAME = 40,    // a longer name is cut
    LEAST_NAME = 6,   // not below this, however narrow the terminal
};

typedef struct palette {
    const char *bold, *best, *warning, *dim, *off;
} palette;

static const palette colors = {"\033[1m", "\033[32m", "\033[33m", "\033[2m", "\033[0m"};
static const palette plain = {"", "", "", "", ""};

// --- sentences -------------------------------------------------------------------------------------------

// Print wrapped at spaces, in the letters that there are; every line after the first is indented.
void mb_print_wrapped(FILE *out, const char *raw, size_t indent) {
    mb_strbuf spelled = {0};
    mb_add_spelled(&spelled, raw);
    const char *text = spelled.text && !spelled.failed ? spelled.text : raw; // also without memory
    size_t column = 0, most = mb_terminal_width(out, TEXT_WIDTH);
    if (most > TEXT_WIDTH) most = TEXT_WIDTH;
    while (*text) {
        const size_t word = strcspn(text, " ");
        char part[256];
        size_t width = 0;
        for (size_t done = 0; done < word; done += sizeof part - 1) { // mb_text_width wants a terminated text
            const size_t some = word - done < sizeof part - 1 ? word - done : sizeof part - 1;
            memcpy(part, text + done, some);
            part[some] = '\0';
            width += mb_text_width(part);
        }
        if (column && column + 1 + width > most) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += width;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
    mb_strbuf_deinit(&spelled);
}

// Prints what was composed, and frees it; false if there was no memory for all of it.
static bool print_composed(FILE *out, mb_strbuf *text, size_t indent) {
    const bool whole = !text->failed;
    if (text->length) mb_print_wrapped(out, text->text, indent);
    mb_strbuf_deinit(text);
    return whole;
}

static bool print_printable(FILE *out, const char *text, size_t indent) {
    mb_strbuf clean = {0};
    if (text) mb_add_printable(&clean, text);
    return print_composed(out, &clean, indent);
}

// --- the terminal's table --------------------------------------------------------------------------------

static size_t cell_width(const mb_sheet *sheet, size_t row, size_t column) {
    const size_t width = mb_text_width(sheet->cells[row * sheet->columns + column]);
    if (column < sheet->text_columns) return width < MAX_NAME ? width : MAX_NAME;
    return width + sheet->any_best; // room for the star
}

static size_t column_width(const mb_sheet *sheet, size_t column) {
    size_t width = mb_text_width(sheet->heads[column]);
    const size_t star = column >= sheet->text_columns && sheet->any_best;
    const size_t unit = mb_text_width(sheet->units[column]);
    if (unit > width) width = unit;
    width += star;
    for (size_t row = 0; row < sheet->rows; row++) {
        const size_t cell = cell_width(sheet, row, column);
        if (cell > width) width = cell;
    }
    return width;
}

static void spaces(FILE *out, size_t count) {
    fprintf(out, "%*s", (int)count, "");
}

// Names to the left, cut where they are too long.
static void print_name(FILE *out, const char *text, size_t width, bool last) {
    const size_t length = mb_text_width(text);
    if (length > width) {
        size_t bytes = 0, columns = 0;
        while (columns + 1 < width || ((unsigned char)text[bytes] & 0xC0) == 0x80)
            columns += ((unsigned char)text[bytes++] & 0xC0) != 0x80;
        fwrite(text, 1, bytes, out);
        fputs(mb_locale_utf8(true) ? "…" : "~", out);
        return;
    }
    fputs(text, out);
    if (!last) spaces(out, width - length);
}

// One piece of the table: its names, and the measures from `first` to before `end`.
typedef struct piece {
    const mb_sheet *sheet;
    const size_t *widths;
    size_t first, end;
    bool remarks;
} piece;

static bool in_piece(const piece *p, size_t column) {
    return column < p->sheet->text_columns || (column >= p->first && column < p->end);
}

static void print_heads(FILE *out, const piece *p, char *const *texts, const palette *paint) {
    const mb_sheet *sheet = p->sheet;
    fputs(paint->bold, out);
    for (size_t column = 0; column < sheet->columns; column++) {
        if (!in_piece(p, column)) continue;
        if (column) fputs("  ", out);
        if (column < sheet->text_columns) {
            print_name(out, texts[column], p->widths[column], false);
            continue;
        }
        spaces(out, p->widths[column] - mb_text_width(texts[column]) - sheet->any_best);
        fputs(texts[column], out);
        if (sheet->any_best && column + 1 < p->end) fputc(' ', out);
    }
    fprintf(out, "%s\n", paint->off);
}

static void print_row(FILE *out, const piece *p, size_t row, const palette *paint) {
    const mb_sheet *sheet = p->sheet;
    for (size_t column = 0; column < sheet->columns; column++) {
        if (!in_piece(p, column)) continue;
        const char *text = sheet->cells[row * sheet->columns + column];
        const bool best = sheet->best[row * sheet->columns + column], last = column + 1 == p->end;
        if (column) fputs("  ", out);
        if (column < sheet->text_columns) {
            // A point's label stands in its first row only; the last text column is the policy's.
            const bool repeated = !sheet->group[row] && column + 1 < sheet->text_columns;
            print_name(out, repeated ? "" : text, p->widths[column], last);
            continue;
        }
        spaces(out, p->widths[column] - mb_text_width(text) - sheet->any_best);
        fprintf(out, "%s%s%s", best ? paint->best : "", text,
                best                       ? "*"
                : sheet->any_best && !last ? " "
                                           : "");
        if (best) fputs(paint->off, out);
    }
    if (p->remarks) fprintf(out, "  %s", sheet->remarks[row] ? sheet->remarks[row] : "");
    fputc('\n', out);
}

static bool has_units(const mb_sheet *sheet) {
    for (size_t column = 0; column < sheet->columns; column++)
        if (*sheet->units[column]) return true;
    return false;
}

static void print_piece(FILE *out, const piece *p, const palette *paint) {
    const mb_sheet *sheet = p->sheet;
    print_heads(out, p, sheet->heads, paint);
    if (has_units(sheet)) print_heads(out, p, sheet->units, paint);
    bool large_groups = false;
    for (size_t row = 1; row < sheet->rows; row++)
        large_groups = large_groups || !sheet->group[row];
    for (size_t row = 0; row < sheet->rows; row++) {
        if (row && large_groups && sheet->group[row]) fputc('\n', out);
        print_row(out, p, row, paint);
    }
}

// Is there room for every row's remark behind a table of `width` columns?
static bool remarks_fit(const mb_sheet *sheet, size_t width, size_t most) {
    for (size_t row = 0; row < sheet->rows; row++)
        if (sheet->remarks[row] && width + 2 + mb_text_width(sheet->remarks[row]) > most) return false;
    return true;
}

// Of the widest names as much as the widest measure needs to stand beside them; how much it was.
static size_t shorten_names(const mb_sheet *sheet, size_t *widths, size_t names, size_t most) {
    size_t measure = 0, taken = 0;
    for (size_t column = sheet->text_columns; column < sheet->columns; column++)
        if (widths[column] > measure) measure = widths[column];
    for (; names - taken + 2 + measure > most; taken++) {
        size_t widest = 0;
        for (size_t column = 0; column < sheet->text_columns; column++)
            if (widths[column] > widths[widest]) widest = column;
        if (!sheet->text_columns || widths[widest] <= LEAST_NAME) break;
        widths[widest]--;
    }
    return taken;
}

// As many measures side by side as there is room for, the others below.
static void print_pieces(FILE *out, const mb_sheet *sheet, const palette *paint, size_t most) {
    size_t widths[MB_MEASURE_COUNT + 32], names = 0;
    const size_t room = sizeof widths / sizeof *widths;
    if (!sheet->columns || sheet->columns > room) return;
    for (size_t column = 0; column < sheet->columns; column++) {
        widths[column] = column_width(sheet, column);
        if (column < sheet->text_columns) names += widths[column] + (column ? 2 : 0);
    }
    names -= shorten_names(sheet, widths, names, most);
    size_t first = sheet->text_columns;
    bool remarks = sheet->remarks != NULL;
    do {
        size_t width = names, end = first;
        while (end < sheet->columns && (end == first || width + 2 + widths[end] <= most))
            width += 2 + widths[end++];
        if (first > sheet->text_columns) fputc('\n', out);
        remarks = remarks && end == sheet->columns && first == sheet->text_columns &&
                  remarks_fit(sheet, width, most);
        print_piece(out, &(piece){sheet, widths, first, end, remarks}, paint);
        first = end;
    } while (first < sheet->columns);
    if (sheet->remarks && !remarks) fprintf(out, "\nno room for %s\n", sheet->remark);
}

void mb_print_sheet(const mb_sheet *sheet, FILE *out, bool color) {
    print_pieces(out, sheet, color ? &colors : &plain, mb_terminal_width(out, MAX_WIDTH));
}

void mb_add_sheet(const mb_sheet *sheet, size_t width, mb_strbuf *text) {
    char *drawn = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&drawn, &length);
    if (out) print_pieces(out, sheet, &plain, width);
    if (out && fclose(out) == 0)
        mb_strbuf_add_bytes(text, drawn, length);
    else
        text->failed = true;
    free(drawn);
}

static void print_lines(FILE *out, char *text) {
    for (char *line = text; line && *line;) {
        const size_t length = strcspn(line, "\n");
        const bool more = line[length] == '\n';
        line[length] = '\0';
        mb_print_wrapped(out, line, 0);
        line += length + more;
    }
}

static bool print_verdict(FILE *out, const mb_results *results, const palette *paint) {
    mb_strbuf verdict = {0};
    mb_verdict(results, &verdict);
    if (verdict.length) fprintf(out, "\n%s", paint->bold);
    print_lines(out, verdict.text);
    if (verdict.length) fputs(paint->off, out);
    const bool whole = !verdict.failed;
    mb_strbuf_deinit(&verdict);
    return whole;
}

static bool print_trace(FILE *out, const char *text, const char *indent) {
    bool whole = true;
    while (*text) {
        const size_t length = strcspn(text, "\n");
        mb_strbuf raw = {0}, clean = {0};
        mb_strbuf_add_bytes(&raw, text, length);
        for (char *c = raw.text; c && *c; c++)
            if (*c == '\t') *c = ' ';
        if (raw.text) mb_add_printable(&clean, raw.text);
        fprintf(out, "%s%s\n", indent, clean.text ? clean.text : "");
        whole = whole && !raw.failed && !clean.failed;
        mb_strbuf_deinit(&raw);
        mb_strbuf_deinit(&clean);
        text += length + (text[length] == '\n');
    }
    return whole;
}

static bool print_notes(FILE *out, const mb_results *results, const palette *paint) {
    mb_notes notes = {0};
    mb_notes_collect(results, &notes);
    if (notes.count) fputc('\n', out);
    bool whole = !notes.failed;
    for (size_t i = 0; i < notes.count; i++) {
        const mb_note *note = &notes.items[i];
        if (note->kind == MB_NOTE_TRACE) {
            whole = print_trace(out, note->text, "    ") && whole;
            continue;
        }
        const bool warning = note->kind == MB_NOTE_WARNING;
        fputs(warning ? paint->warning : "", out);
        mb_strbuf line = {0};
        mb_strbuf_printf(&line, "%s: %s", warning ? "warning" : "note", note->text);
        whole = print_composed(out, &line, 2) && whole;
        fputs(warning ? paint->off : "", out);
    }
    mb_notes_deinit(&notes);
    return whole;
}

bool mb_report_extras(const mb_results *results, FILE *out, bool color) {
    static const struct {
        void (*build)(const mb_results *results, mb_sheet *sheet);
        void (*explain)(const mb_results *results, mb_strbuf *text);
    } extras[] = {{mb_party_sheet, mb_party_explain},
                  {mb_time_sheet, mb_time_explain},
                  {mb_regret_sheet, mb_regret_explain}};
    const palette *paint = color ? &colors : &plain;
    bool complete = true;
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        mb_sheet sheet;
        mb_strbuf text = {0};
        extras[i].build(results, &sheet);
        if (!sheet.failed && sheet.columns) {
            fputc('\n', out);
            mb_print_sheet(&sheet, out, color);
            extras[i].explain(results, &text);
            fputs(paint->dim, out);
            print_lines(out, text.text);
            fputs(paint->off, out);
        }
        complete = complete && !sheet.failed && !text.failed;
        mb_strbuf_deinit(&text);
        mb_sheet_deinit(&sheet);
    }
    return complete;
}

static mb_status finish(FILE *out, bool memory, mb_error *error) {
    const char *reason;
    if (!memory) return mb_fail_memory(error);
    if (mb_flushed(out, &reason)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the table: %s", reason);
}

mb_status mb_report_table(const mb_results *results, FILE *out, bool color, mb_error *error) {
    const mb_section *section = mb_results_section(results);
    const palette *paint = color ? &colors : &plain;
    mb_sheet sheet;
    mb_sheet_build(results, &sheet);
    if (sheet.failed) {
        mb_sheet_deinit(&sheet);
        return mb_fail_memory(error);
    }
    mb_strbuf description = {0}, star = {0}, levels = {0};
    fputs(paint->bold, out);
    bool whole = print_printable(out, section->title, 0);
    fputs(paint->off, out);
    whole = print_printable(out, section->question, 0) && whole;
    mb_sheet_describe(&sheet, results, &description);
    whole = print_composed(out, &description, 0) && whole;
    fputc('\n', out);
    mb_print_sheet(&sheet, out, color);
    whole = print_verdict(out, results, paint) && whole;
    fputs(paint->dim, out);
    if (sheet.any_best) {
        mb_strbuf_add(&star, "* ");
        mb_sheet_explain_star(results, &star);
    }
    whole = print_composed(out, &star, 2) && whole;
    mb_sheet_explain_levels(&sheet, results, &levels);
    whole = print_composed(out, &levels, 0) && whole;
    fputs(paint->off, out);
    mb_sheet_deinit(&sheet);
    whole = mb_report_extras(results, out, color) && whole;
    return finish(out, print_notes(out, results, paint) && whole, error);
}
