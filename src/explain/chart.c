// SPDX-License-Identifier: MIT
#include "explain/chart.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Columns before the axis, and after it, where its last label ends; columns between two ticks, at least.
enum { LABEL = 12, MARGIN = 6, TICK = 10, MOST_ROWS = 40 };

typedef struct mark {
    const char *utf8, *ascii; // NULL: the request's letter
    const char *meaning;
} mark;

static const mark marks[MB_DOING_COUNT] = {
    [MB_DOING_WAIT] = {"·", ".", "waits"},
    [MB_DOING_PROMPT] = {NULL, NULL, "prefill"},
    [MB_DOING_DECODE] = {NULL, NULL, "decode"},
    [MB_DOING_LEFT] = {"–", "-", "left out of the steps"},
    [MB_DOING_LOST] = {"×", "!", "preempted, to be computed again"},
    [MB_DOING_SWAPPED] = {"≈", "~", "preempted, swapped to the host"},
    [MB_DOING_PAUSED] = {"=", "=", "preempted, memory kept"},
};

char mb_chart_letter(size_t request) {
    return request < MB_CHART_LETTERS ? (char)('A' + (int)request) : '#';
}

static size_t columns_of(const mb_chart_style *style) {
    return style->width - LABEL - MARGIN;
}

static double seconds_per_column(const mb_chart_style *style) {
    return style->end_s > 0 ? style->end_s / (double)columns_of(style) : 1;
}

// --- the axis

// 1, 2 or 5 times a power of ten, at least TICK columns wide.
static double tick_of(const mb_chart_style *style) {
    const double least = TICK * seconds_per_column(style), power = pow(10, floor(log10(least)));
    const double steps[] = {1, 2, 5, 10};
    for (int i = 0; i < 3; i++)
        if (steps[i] * power >= least) return steps[i] * power;
    return 10 * power;
}

void mb_chart_axis(const mb_chart_style *style, FILE *out) {
    const size_t columns = columns_of(style);
    const double tick = tick_of(style), column_s = seconds_per_column(style);
    fprintf(out, "%*s", LABEL, "");
    size_t at = 0;
    for (int i = 0;; i++) {
        const size_t column = (size_t)(i * tick / column_s + 0.5);
        char label[32];
        const bool last = (size_t)((i + 1) * tick / column_s + 0.5) >= columns;
        const int length = snprintf(label, sizeof label, "%.6g%s", i * tick, last ? " s" : "");
        fprintf(out, "%*s%s", (int)(column - at), "", label);
        at = column + (size_t)length;
        if (last) break;
    }
    fprintf(out, "\n%*s", LABEL, "");
    double next = 0;
    for (size_t column = 0; column < columns; column++) {
        const bool ticks = column == (size_t)(next / column_s + 0.5);
        fputs(ticks ? style->utf8 ? "┼" : "+" : style->utf8 ? "─" : "-", out);
        if (ticks) next += tick;
    }
    fputc('\n', out);
}

// --- rows

// Pieces of one request side by side on one replica: they share a row.
typedef struct stay {
    size_t first, count; // pieces
    uint32_t replica;
    size_t from, to; // columns, both included
    size_t row;      // of its replica
} stay;

typedef struct cell {
    size_t request;
    mb_doing doing;
    double seconds; // of the column; below 0: nothing is there
} cell;

static size_t column_of(const mb_chart_style *style, double time_s) {
    const size_t column = (size_t)(time_s / seconds_per_column(style));
    return column < columns_of(style) ? column : columns_of(style) - 1;
}

static size_t find_stays(const mb_timeline *timeline, const mb_chart_style *style, stay *stays) {
    size_t count = 0;
    for (size_t i = 0; i < timeline->count; i++) {
        const mb_piece *piece = &timeline->pieces[i];
        stay *last = count ? &stays[count - 1] : NULL;
        const bool more = last && timeline->pieces[last->first].request == piece->request &&
                          last->replica == piece->replica;
        if (!more) {
            stays[count] = (stay){.first = i, .replica = piece->replica};
            stays[count].from = column_of(style, piece->from_s);
            last = &stays[count++];
        }
        last->count++;
        const size_t end = column_of(style, piece->to_s);
        const bool within =
            (double)end * seconds_per_column(style) < piece->to_s; // else it ends before the column
        last->to = within || end == last->from ? end : end - 1;
    }
    return count;
}

static int by_place(const void *left, const void *right) {
    const stay *a = left, *b = right;
    if (a->replica != b->replica) return a->replica < b->replica ? -1 : 1;
    if (a->from != b->from) return a->from < b->from ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

// The first row of the replica in which the stay has room.
static mb_status find_rows(stay *stays, size_t count, mb_error *error) {
    size_t *free_from = calloc(count + 1, sizeof *free_from); // the first free column of each row
    if (!free_from) return mb_fail_memory(error);
    size_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || stays[i].replica != stays[i - 1].replica) rows = 0;
        size_t row = 0;
        while (row < rows && free_from[row] > stays[i].from)
            row++;
        if (row == rows) rows++;
        stays[i].row = row;
        free_from[row] = stays[i].to + 1;
    }
    free(free_from);
    return MB_OK;
}

// What took most of each column; but where it first ran its letter is seen.
static void draw_stay(const mb_timeline *timeline, const mb_chart_style *style, const stay *one,
                      cell *cells) {
    const double column_s = seconds_per_column(style);
    bool begun = false;
    for (size_t i = one->first; i < one->first + one->count; i++) {
        const mb_piece *piece = &timeline->pieces[i];
        const bool works = piece->doing == MB_DOING_PROMPT || piece->doing == MB_DOING_DECODE;
        for (size_t c = column_of(style, piece->from_s); c <= one->to; c++) {
            const double from = fmax(piece->from_s, (double)c * column_s);
            const double seconds = fmin(piece->to_s, (double)(c + 1) * column_s) - from;
            const bool first = works && !begun;
            if (seconds <= 0 && !first) break;
            if (first) // a prefill may be too short to be seen
                cells[c] = (cell){piece->request, MB_DOING_PROMPT, INFINITY};
            else if (seconds > cells[c].seconds)
                cells[c] = (cell){piece->request, piece->doing, seconds};
            begun = begun || works;
        }
    }
}

static void print_cell(const cell *one, const mb_chart_style *style, FILE *out) {
    if (one->seconds < 0) {
        fputc(' ', out);
        return;
    }
    const mark *m = &marks[one->doing];
    const bool letter = !m->ascii;
    if (style->color && letter) fprintf(out, "\033[%dm", 31 + (int)(one->request % 6));
    if (style->color && !letter) fputs("\033[2m", out);
    if (letter) {
        const int upper = mb_chart_letter(one->request);
        fputc(one->doing == MB_DOING_DECODE ? tolower(upper) : upper, out);
    } else
        fputs(style->utf8 ? m->utf8 : m->ascii, out);
    if (style->color) fputs("\033[0m", out);
}

static void print_row(const cell *cells, const mb_chart_style *style, const char *label, FILE *out) {
    size_t used = columns_of(style);
    while (used && cells[used - 1].seconds < 0)
        used--;
    fprintf(out, "%-*s", LABEL, label);
    for (size_t c = 0; c < used; c++)
        print_cell(&cells[c], style, out);
    fputc('\n', out);
}

static void clear(cell *cells, size_t columns) {
    for (size_t c = 0; c < columns; c++)
        cells[c] = (cell){.seconds = -1};
}

// The row of the stay at `at`, and of all others in it.
static void print_one(const mb_timeline *timeline, const mb_chart_style *style, const stay *stays,
                      size_t count, size_t at, cell *cells, FILE *out) {
    char label[LABEL + 8] = "";
    clear(cells, columns_of(style));
    for (size_t i = at; i < count && stays[i].replica == stays[at].replica; i++)
        if (stays[i].row == stays[at].row) draw_stay(timeline, style, &stays[i], cells);
    if (stays[at].replica == MB_NONE)
        snprintf(label, sizeof label, "%s", stays[at].row ? "" : "never ran");
    else if (stays[at].row == 0)
        snprintf(label, sizeof label, "replica %u", stays[at].replica + 1);
    print_row(cells, style, label, out);
}

mb_status mb_chart_rows(const mb_timeline *timeline, const mb_chart_style *style, FILE *out,
                        mb_error *error) {
    stay *stays = calloc(timeline->count + 1, sizeof *stays);
    cell *cells = calloc(columns_of(style), sizeof *cells);
    mb_status status = stays && cells ? MB_OK : mb_fail_memory(error);
    const size_t count = status == MB_OK ? find_stays(timeline, style, stays) : 0;
    qsort(stays, count, sizeof *stays, by_place);
    if (status == MB_OK) status = find_rows(stays, count, error);
    size_t rows = 0, next_row = 0;
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        if (i == 0 || stays[i].replica != stays[i - 1].replica) next_row = 0;
        if (stays[i].row != next_row) continue; // rows are first used in their order
        next_row++;
        if (rows++ < MOST_ROWS) print_one(timeline, style, stays, count, i, cells, out);
    }
    if (rows > MOST_ROWS) fprintf(out, "%*s(%zu more rows)\n", LABEL, "", rows - MOST_ROWS);
    free(stays);
    free(cells);
    return status;
}

void mb_chart_marks(const bool there[MB_DOING_COUNT], const mb_chart_style *style, FILE *out) {
    fputs("A prefill, a decode", out);
    for (int i = 0; i < MB_DOING_COUNT; i++)
        if (there[i] && marks[i].ascii)
            fprintf(out, ", %s %s", style->utf8 ? marks[i].utf8 : marks[i].ascii, marks[i].meaning);
    fputc('\n', out);
}
