// SPDX-License-Identifier: MIT
#include "page/html.h"

#include <stdlib.h>
#include <string.h>

void mb_html_text(mb_strbuf *html, const char *text) {
    static const char marks[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    char *copy = mb_strdup(text);
    if (!copy) {
        html->failed = true;
        return;
    }
    mb_make_printable(copy, "\n\t");
    for (const char *c = copy; *c; c++) {
        const char *mark = strchr(marks, *c);
        if (mark)
            mb_strbuf_add(html, names[mark - marks]);
        else
            mb_strbuf_add_bytes(html, c, 1);
    }
    free(copy);
}

void mb_html_element(mb_strbuf *html, const char *tag, const char *text) {
    if (!text || !*text) return;
    mb_strbuf_printf(html, "<%s>", tag);
    mb_html_text(html, text);
    mb_strbuf_printf(html, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

static void add_head(mb_strbuf *html, const mb_sheet *sheet) {
    mb_strbuf_add(html, "<thead><tr>");
    for (size_t i = 0; i < sheet->columns; i++) {
        mb_strbuf_add(html,
                      i < sheet->text_columns ? "<th scope=\"col\" class=\"name\">" : "<th scope=\"col\">");
        mb_html_text(html, sheet->heads[i]);
        if (*sheet->units[i]) {
            mb_strbuf_add(html, " <small>");
            mb_html_text(html, sheet->units[i]);
            mb_strbuf_add(html, "</small>");
        }
        mb_strbuf_add(html, "</th>");
    }
    mb_strbuf_add(html, "</tr></thead>\n");
}

static void add_row(mb_strbuf *html, const mb_sheet *sheet, size_t row) {
    mb_strbuf_add(html, sheet->group[row] && row ? "<tr class=\"group\">" : "<tr>");
    for (size_t i = 0; i < sheet->columns; i++) {
        const bool name = i < sheet->text_columns, best = sheet->best[row * sheet->columns + i];
        mb_strbuf_add(html, name   ? "<th scope=\"row\" class=\"name\">"
                            : best ? "<td class=\"best\">"
                                   : "<td>");
        mb_html_text(html, sheet->cells[row * sheet->columns + i]);
        if (best) mb_strbuf_add(html, "*");
        mb_strbuf_add(html, name ? "</th>" : "</td>");
    }
    mb_strbuf_add(html, "</tr>\n");
}

void mb_html_sheet(mb_strbuf *html, const mb_sheet *sheet, const char *caption) {
    if (sheet->failed) html->failed = true;
    if (sheet->failed || !sheet->columns) return;
    mb_strbuf_add(html, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    mb_html_text(html, caption);
    mb_strbuf_add(html, "\">\n<table>\n");
    mb_html_element(html, "caption", caption);
    add_head(html, sheet);
    mb_strbuf_add(html, "<tbody>\n");
    for (size_t row = 0; row < sheet->rows; row++)
        add_row(html, sheet, row);
    mb_strbuf_add(html, "</tbody></table></div>\n");
}
