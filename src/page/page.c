// SPDX-License-Identifier: MIT
#include "page/page.h"

#include "page/assets.h"
#include "page/data.h"
#include "page/html.h"
#include "page/percentiles.h"
#include "report/notes.h"
#include "report/regret.h"
#include "report/time_table.h"
#include "report/verdict.h"

#include <jansson.h>
#include <string.h>

// --- a section -------------------------------------------------------------------------------------------

static bool add_notes(mb_strbuf *html, const mb_results *results) {
    mb_notes notes = {0};
    mb_notes_collect(results, &notes);
    if (notes.count) mb_strbuf_add(html, "<ul class=\"notes\">\n");
    for (size_t i = 0; i < notes.count; i++) {
        const mb_note *note = &notes.items[i];
        mb_strbuf_add(html, note->kind == MB_NOTE_WARNING ? "<li class=\"warning\"><strong>Warning:</strong> "
                            : note->kind == MB_NOTE_TRACE ? "<li class=\"trace\"><pre tabindex=\"0\">"
                                                          : "<li>");
        mb_html_text(html, note->text);
        mb_strbuf_add(html, note->kind == MB_NOTE_TRACE ? "</pre></li>\n" : "</li>\n");
    }
    if (notes.count) mb_strbuf_add(html, "</ul>\n");
    const bool complete = !notes.failed;
    mb_notes_deinit(&notes);
    return complete;
}

// What a function writes, line by line as paragraphs.
static void add_lines(mb_strbuf *html, const char *class_name, const mb_strbuf *text) {
    for (const char *line = text->text; line && *line;) {
        const size_t length = strcspn(line, "\n");
        mb_strbuf one = {0};
        mb_strbuf_add_bytes(&one, line, length);
        if (length) {
            mb_strbuf_printf(html, "<p class=\"%s\">", class_name);
            mb_html_text(html, one.text ? one.text : "");
            mb_strbuf_add(html, "</p>\n");
        }
        html->failed = html->failed || one.failed;
        mb_strbuf_deinit(&one);
        line += length + (line[length] == '\n');
    }
    html->failed = html->failed || text->failed;
}

static void add_sheet(mb_strbuf *html, const mb_results *results, const char *caption,
                      void (*build)(const mb_results *, mb_sheet *),
                      void (*explain)(const mb_results *, mb_strbuf *)) {
    mb_sheet sheet;
    mb_strbuf text = {0};
    build(results, &sheet);
    mb_html_sheet(html, &sheet, caption);
    if (!sheet.failed && sheet.columns && explain) explain(results, &text);
    add_lines(html, "small", &text);
    mb_strbuf_deinit(&text);
    mb_sheet_deinit(&sheet);
}

static void add_main_sheet(mb_strbuf *html, const mb_results *results, const mb_sheet *sheet) {
    mb_html_sheet(html, sheet, "Results by policy");
    mb_strbuf star = {0}, levels = {0};
    if (sheet->any_best) {
        mb_strbuf_add(&star, "* ");
        mb_sheet_explain_star(results, &star);
    }
    mb_sheet_explain_levels(sheet, results, &levels);
    add_lines(html, "small", &star);
    add_lines(html, "small", &levels);
    mb_strbuf_deinit(&star);
    mb_strbuf_deinit(&levels);
}

static void add_answer(mb_strbuf *html, const mb_page_section *section) {
    mb_strbuf verdict = {0};
    mb_verdict(section->results, &verdict);
    if (verdict.length || section->answer)
        mb_strbuf_add(html, "<div class=\"answer\" role=\"group\" aria-label=\"The answer\">\n");
    add_lines(html, "verdict", &verdict);
    if (section->answer)
        mb_html_element(html, "pre tabindex=\"0\" aria-label=\"What the scenario prints\"", section->answer);
    if (verdict.length || section->answer) mb_strbuf_add(html, "</div>\n");
    mb_strbuf_deinit(&verdict);
}

// The only one has its title above it already.
static void add_title(mb_strbuf *html, const mb_section *section, bool only) {
    const bool titled = section->title && *section->title, asked = section->question && *section->question;
    mb_html_element(html, "h2",
                    only && asked     ? section->question
                    : titled && !only ? section->title
                                      : "Results");
    if (!only) mb_html_element(html, "p class=\"question\"", section->question);
}

static bool add_section(mb_strbuf *html, const mb_page_section *section, size_t number, bool only) {
    const mb_results *results = section->results;
    mb_sheet sheet;
    mb_strbuf description = {0};
    mb_sheet_build(results, &sheet);
    if (!sheet.failed) mb_sheet_describe(&sheet, results, &description);
    mb_strbuf_printf(html, "<section id=\"section-%zu\">\n", number);
    add_title(html, mb_results_section(results), only);
    add_answer(html, section);
    add_lines(html, "description", &description);
    add_main_sheet(html, results, &sheet);
    const bool noted = add_notes(html, results);
    mb_strbuf_printf(html, "<div class=\"charts\" data-section=\"%zu\"></div>\n", number - 1);
    mb_strbuf_add(html, "<details><summary>Mean and percentiles of all times</summary>\n");
    add_sheet(html, results, "Times of requests, in seconds, by policy", mb_percentile_sheet, NULL);
    mb_strbuf_add(html, "</details>\n");
    add_sheet(html, results, "Where the time of requests went", mb_time_sheet, mb_time_explain);
    add_sheet(html, results, "How far from the best possible", mb_regret_sheet, mb_regret_explain);
    mb_strbuf_add(html, "</section>\n");
    const bool complete = !sheet.failed && !description.failed && noted;
    mb_sheet_deinit(&sheet);
    mb_strbuf_deinit(&description);
    return complete && !html->failed;
}

// --- the page --------------------------------------------------------------------------------------------

// Nothing may be fetched, whatever is in it; what runs is what stands in it.
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n<title>";

static void add_head(mb_strbuf *html, const char *title) {
    mb_strbuf_add(html, head);
    mb_html_text(html, title);
    mb_strbuf_add(html, "</title>\n<style>\n");
    mb_strbuf_add(html, mb_asset_uplot_css);
    mb_strbuf_add(html, mb_asset_page_css);
    mb_strbuf_add(html, "</style>\n</head>\n<body>\n<header>\n<p class=\"made\">mbsand " MB_VERSION "</p>\n"
                        "<button type=\"button\" id=\"theme\" hidden>Dark</button>\n</header>\n<main>\n<h1>");
    mb_html_text(html, title);
    mb_strbuf_add(html, "</h1>\n");
}

static void add_end(mb_strbuf *html, const mb_page_options *options) {
    mb_strbuf_add(
        html, "<noscript><p>The charts need JavaScript; the tables above hold the results.</p></noscript>\n"
              "</main>\n<footer>\n<p>Made of <code>");
    mb_html_text(html, options->source);
    mb_strbuf_add(html, "</code> by <code>");
    mb_html_text(html, options->command);
    mb_strbuf_add(html, "</code>. Every number is of a simulation.</p>\n"
                        "<details><summary>Charts by uPlot; its licence</summary>\n");
    mb_html_element(html, "pre tabindex=\"0\"", mb_asset_uplot_licence);
    mb_strbuf_add(html, "</details>\n</footer>\n");
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

mb_status mb_page_write(const mb_page_section *sections, size_t count, const mb_page_options *options,
                        mb_strbuf *html, mb_error *error) {
    const mb_section *first = count ? mb_results_section(sections[0].results) : NULL;
    json_t *list = json_array();
    bool complete = list != NULL;
    const bool titled = count == 1 && first->title && *first->title;
    add_head(html, titled ? first->title : base_name(options->source));
    for (size_t i = 0; i < count && complete; i++) {
        complete = add_section(html, &sections[i], i + 1, count == 1);
        json_t *data = complete ? mb_page_data(&sections[i]) : NULL;
        complete = data && json_array_append_new(list, data) == 0;
    }
    add_end(html, options);
    mb_strbuf_add(html, "<script type=\"application/json\" id=\"data\">");
    complete = complete && mb_page_data_add(html, list);
    json_decref(list);
    mb_strbuf_add(html, "</script>\n<script>\n");
    mb_strbuf_add(html, mb_asset_uplot_js);
    mb_strbuf_add(html, "</script>\n<script>\n");
    mb_strbuf_add(html, mb_asset_maps_js);
    mb_strbuf_add(html, mb_asset_page_js);
    mb_strbuf_add(html, "</script>\n</body>\n</html>\n");
    return complete && !html->failed ? MB_OK : mb_fail_memory(error);
}
