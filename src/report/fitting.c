// SPDX-License-Identifier: MIT
#include "report/fitting.h"

#include "base/strbuf.h"
#include "report/format.h"
#include "report/terminal.h"

#include <stdint.h>
#include <string.h>

enum {
    INDENT = 6,     // where the text's own columns leave no room
    FULL_LINE = 72, // of paragraphs
};

static size_t blanks(const char *text) {
    return strspn(text, " ");
}

// Where what is said of a name begins: after the first two blanks or more; after one where it did so in the
// entry before; else where the line itself does.
static size_t text_column(const char *line, size_t before) {
    const size_t length = strcspn(line, "\n"), own = blanks(line);
    for (const char *at = line + own; at < line + length; at++)
        if (at[0] == ' ' && at[1] == ' ') return (size_t)(at - line) + blanks(at);
    return before > own && before < length && line[before - 1] == ' ' ? before : own;
}

// How a text is laid out.
typedef struct layout {
    size_t most;   // columns of a line
    size_t full;   // where a line of paragraphs is at least that long it goes on in the next one
    size_t column; // of the entry at hand, where what is said of its name begins
} layout;

// Does the line `next` go on with the one before, whose `length` letters begin at `own`?
static bool goes_on(const layout *l, const char *next, size_t own, size_t length) {
    const size_t indent = blanks(next);
    return next[indent] && next[indent] != '\n' && indent == l->column &&
           (l->column > own || (!l->column && length > l->full));
}

// How much of a word stands in `room` columns: all of it, or up to a comma where it is too long for any line.
static size_t part_of(const char *word, size_t room) {
    const size_t length = strcspn(word, " ");
    for (size_t i = length > room ? room : 0; i; i--)
        if (word[i - 1] == ',') return i;
    return length;
}

static bool has_room(const char *text, size_t room) {
    for (; *text; text += blanks(text)) {
        const size_t length = strcspn(text, " ");
        if (length > room) return false;
        text += length;
    }
    return true;
}

// Words in lines of at most `most` columns. The first has `at` of them already; the others begin at `indent`.
static void print_words(FILE *out, char *text, size_t at, size_t indent, size_t most) {
    for (size_t gap = 0; *text; gap = blanks(text)) {
        char *word = text + gap, *end = word + part_of(word, most - indent);
        const char kept = *end;
        *end = '\0';
        const size_t columns = mb_text_width(word);
        const bool below = at > indent && at + gap + columns > most;
        fprintf(out, below ? "\n%*s%s" : "%*s%s", (int)(below ? indent : gap), "", word);
        at = (below ? indent : at + gap) + columns;
        *end = kept;
        text = end;
    }
}

// One line with a name and what is said of it from `column` on.
static void print_folded(FILE *out, char *line, size_t column, size_t most) {
    if (column <= most / 2 && has_room(line + column, most - column)) {
        fprintf(out, "%.*s", (int)column, line);
        print_words(out, line + column, column, column, most);
        return;
    }
    const size_t begins = blanks(line); // no room beside the name: below it
    if (begins < column) {
        line[column - 1] = '\0';
        for (size_t end = column - 1; end && line[end - 1] == ' '; end--)
            line[end - 1] = '\0';
        fprintf(out, "%*s", (int)begins, "");
        print_words(out, line + begins, begins, INDENT, most);
        fputc('\n', out);
    }
    fprintf(out, "%*s", INDENT, "");
    print_words(out, line + column, INDENT, INDENT, most);
}

// The line at `text`, with those that go on with it; where they end.
static const char *print_entry(FILE *out, const char *text, layout *l) {
    l->column = text_column(text, l->column);
    const char *end = text;
    mb_strbuf joined = {0}, line = {0};
    bool wide = false, more;
    do {
        const size_t length = strcspn(end, "\n");
        mb_strbuf_deinit(&line);
        mb_strbuf_add_bytes(&line, end, length);
        wide = wide || (line.text && mb_text_width(line.text) > l->most);
        if (joined.length && line.text)
            mb_strbuf_printf(&joined, " %s", line.text + blanks(line.text));
        else if (line.text)
            mb_strbuf_add(&joined, line.text);
        end += length;
        more = *end == '\n' && goes_on(l, end + 1, blanks(text), length);
        end += *end == '\n';
    } while (more);
    if (wide && joined.text && !joined.failed)
        print_folded(out, joined.text, l->column, l->most);
    else
        fwrite(text, 1, (size_t)(end - text), out);
    if (wide && joined.text && !joined.failed && end[-1] == '\n') fputc('\n', out);
    mb_strbuf_deinit(&joined);
    mb_strbuf_deinit(&line);
    return end;
}

static void print(FILE *out, const char *text, size_t full) {
    layout l = {.most = mb_terminal_width(out, SIZE_MAX), .full = full};
    mb_strbuf spelled = {0};
    mb_add_spelled(&spelled, text);
    // Where there is no memory left, that is what has to be said.
    for (const char *at = spelled.text && !spelled.failed ? spelled.text : text; *at;)
        at = print_entry(out, at, &l);
    mb_strbuf_deinit(&spelled);
}

void mb_print_fitting(FILE *out, const char *text) {
    print(out, text, SIZE_MAX);
}

void mb_print_help(const char *text) {
    print(stdout, text, FULL_LINE);
}
