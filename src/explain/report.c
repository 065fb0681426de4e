// SPDX-License-Identifier: MIT
#include "explain/report.h"

#include "explain/waits.h"
#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMED = 8, MOST_LISTED = 2 * MB_CHART_LETTERS }; // requests in a sentence; in the table

static const char *const measured[] = {[MB_EXPLAIN_E2E] = "end-to-end latency",
                                       [MB_EXPLAIN_TTFT] = "time to the first token",
                                       [MB_EXPLAIN_TBT] = "time between tokens"};
static const char *const heads[] = {
    [MB_EXPLAIN_E2E] = "E2E", [MB_EXPLAIN_TTFT] = "TTFT", [MB_EXPLAIN_TBT] = "TBT"};

mb_status mb_explanation_make(mb_duel *duel, mb_found *found, const char *title, mb_explanation *explanation,
                              mb_error *error) {
    *explanation = (mb_explanation){.title = title, .duel = duel, .found = found};
    mb_trial *stretch = &found->stretch;
    explanation->arrivals = calloc(stretch->count + 1, sizeof *explanation->arrivals);
    if (!explanation->arrivals) return mb_fail_memory(error);
    const mb_arrival *all = duel->requests->arrivals;
    for (size_t i = 0; i < stretch->count; i++)
        explanation->arrivals[i] = all[stretch->numbers[i]].time_s - all[stretch->numbers[0]].time_s;
    mb_status status = MB_OK;
    for (int p = 0; p < 2 && status == MB_OK; p++)
        status =
            mb_timeline_make(&stretch->records[p], explanation->arrivals, &explanation->timelines[p], error);
    return status;
}

void mb_explanation_deinit(mb_explanation *explanation) {
    free(explanation->arrivals);
    for (int p = 0; p < 2; p++)
        mb_timeline_deinit(&explanation->timelines[p]);
}

static const char *label_of(const mb_explanation *e, int policy) {
    return e->duel->experiment->policies[policy].label;
}

static void add_seconds(mb_strbuf *text, double seconds) {
    mb_strbuf_digits(text, seconds, 3);
    mb_strbuf_add(text, " s");
}

static void add_count(mb_strbuf *text, size_t count, const char *what) {
    char number[MB_TEXT_SIZE];
    mb_format_count(number, (double)count);
    mb_strbuf_printf(text, "%s %s%s", number, what, count == 1 ? "" : "s");
}

// A sentence, without what would steer a terminal.
static mb_status print_sentence(mb_strbuf *text, size_t indent, FILE *out, mb_error *error) {
    mb_strbuf clean = {0};
    if (text->text) mb_add_printable(&clean, text->text);
    const bool failed = text->failed || clean.failed || !clean.text;
    if (!failed) {
        fprintf(out, "%*s", (int)(indent ? indent - 2 : 0), "");
        mb_print_wrapped(out, clean.text, indent);
    }
    mb_strbuf_deinit(&clean);
    mb_strbuf_deinit(text);
    return failed ? mb_fail_memory(error) : MB_OK;
}

// --- who wins by how much

// "a 3.1 s, b 7.3 s (-58 %)": the winner of the stretch comes first.
static void add_means(mb_strbuf *text, const mb_explanation *e, const mb_gap *gap, int winner) {
    char percent[MB_TEXT_SIZE];
    mb_format_percent(percent, -100 * mb_gap_share(gap, winner));
    add_seconds(text, gap->mean[winner]);
    mb_strbuf_printf(text, " with %s, ", label_of(e, winner));
    add_seconds(text, gap->mean[1 - winner]);
    mb_strbuf_printf(text, " with %s (%s %%)", label_of(e, 1 - winner), percent);
}

static void add_alone(mb_strbuf *text, const mb_explanation *e, const mb_gap *gap) {
    for (int p = 0; p < 2; p++) {
        if (!gap->alone[p]) continue;
        mb_strbuf_add(text, "; ");
        add_count(text, gap->alone[p], "request");
        mb_strbuf_printf(text, " that only %s served %s not in these means", label_of(e, p),
                         gap->alone[p] == 1 ? "is" : "are");
    }
}

static mb_status print_winner(const mb_explanation *e, FILE *out, mb_error *error) {
    const mb_found *found = e->found;
    const mb_trial *stretch = &found->stretch;
    const int winner = found->winner;
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s wins on ", label_of(e, winner));
    if (stretch->count == found->requests && stretch->count > 1) mb_strbuf_add(&text, "all ");
    add_count(&text, stretch->count, "request");
    mb_strbuf_printf(&text, ": mean %s ", measured[e->duel->measure]);
    add_means(&text, e, &stretch->gap, winner);
    add_alone(&text, e, &stretch->gap);
    mb_strbuf_add(&text, ". On the whole run of ");
    add_count(&text, found->requests, "request");
    mb_strbuf_add(&text, ": ");
    add_means(&text, e, &found->whole, winner);
    add_alone(&text, e, &found->whole);
    mb_strbuf_add(&text, ".");
    mb_status status = print_sentence(&text, 0, out, error);
    if (status != MB_OK) return status;
    if (found->lesser)
        mb_strbuf_printf(
            &text,
            "No stretch of at most %d requests was found that keeps half of the largest difference "
            "(%.3g %%); this one is for its length",
            MB_EXPLAIN_DRAWN, 100 * found->largest);
    else
        mb_strbuf_printf(&text,
                         "No shorter stretch was found that keeps half of the largest difference (%.3g %%)",
                         100 * found->largest);
    mb_strbuf_printf(&text, ", by %zu pairs of runs%s.", found->trials,
                     found->cut_short ? "; their bound ended the search, so one may exist" : "");
    bool noise = false;
    for (size_t i = 0; i < e->duel->experiment->group_count; i++)
        noise = noise || e->duel->experiment->groups[i].latency.noise > 0;
    if (noise)
        mb_strbuf_add(&text, " Step times have noise here, so that a part of the difference is chance.");
    return print_sentence(&text, 0, out, error);
}

static mb_status print_draw(const mb_explanation *e, FILE *out, mb_error *error) {
    const mb_found *found = e->found;
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s and %s do not differ: ", label_of(e, 0), label_of(e, 1));
    if (found->same_schedule)
        mb_strbuf_add(&text, "the same schedule for all ");
    else
        mb_strbuf_printf(&text, "the schedules do, but not the %s of any of the ",
                         measured[e->duel->measure]);
    add_count(&text, found->requests, "request");
    mb_strbuf_add(&text, ".");
    return print_sentence(&text, 0, out, error);
}

// --- the charts

static mb_status print_charts(const mb_explanation *e, mb_chart_style *style, FILE *out, mb_error *error) {
    bool there[MB_DOING_COUNT] = {false};
    style->end_s = fmax(e->timelines[0].end_s, e->timelines[1].end_s);
    fputc('\n', out);
    mb_chart_axis(style, out);
    mb_status status = MB_OK;
    for (int p = 0; p < 2 && status == MB_OK; p++) {
        const mb_timeline *timeline = &e->timelines[p];
        mb_strbuf text = {0};
        mb_strbuf_add(&text, label_of(e, p));
        status = print_sentence(&text, 0, out, error);
        if (status == MB_OK) status = mb_chart_rows(timeline, style, out, error);
        for (size_t i = 0; i < timeline->count; i++)
            there[timeline->pieces[i].doing] = true;
    }
    if (status == MB_OK) mb_chart_marks(there, style, out);
    return status;
}

// --- the requests

static void put_number(mb_sheet *sheet, char **cell, double value, int digits) {
    char text[MB_TEXT_SIZE] = "-";
    if (!isnan(value)) mb_digits(text, sizeof text, value, digits);
    mb_sheet_put(sheet, cell, text);
}

// Where it waited: "2 of 4" of bins, "queue 3", "own 1"; "" in the simulation's first queue.
static void write_queue(const mb_taken *taken, char text[MB_TEXT_SIZE]) {
    *text = '\0';
    if (taken->bin)
        snprintf(text, MB_TEXT_SIZE, "bin %u of %u", taken->bin, taken->bins);
    else if (taken->owner != MB_NONE)
        snprintf(text, MB_TEXT_SIZE, "of replica %u", taken->owner + 1);
    else if (taken->queue != MB_NONE)
        snprintf(text, MB_TEXT_SIZE, "%u", taken->queue);
}

// Is there more than one queue to wait in?
static bool has_queues(const mb_record *record) {
    bool any = false;
    for (size_t i = 0; i < record->count; i++)
        any = any || record->taken[i].bin || record->taken[i].queue != record->taken[0].queue;
    return any;
}

enum { FIXED = 6 }; // columns before those of the policies

static void put_request(const mb_explanation *e, mb_sheet *sheet, size_t index, const bool queues[2]) {
    const mb_trial *stretch = &e->found->stretch;
    const mb_arrival *arrival = &e->duel->requests->arrivals[stretch->numbers[index]];
    char **cells = &sheet->cells[index * sheet->columns];
    const char letter[2] = {mb_chart_letter(index), '\0'};
    mb_sheet_put(sheet, &cells[0], letter);
    put_number(sheet, &cells[1], (double)stretch->numbers[index], 15);
    put_number(sheet, &cells[2], e->arrivals[index], 4);
    put_number(sheet, &cells[3], arrival->prompt_tokens, 10);
    put_number(sheet, &cells[4], arrival->output_tokens, 10);
    put_number(sheet, &cells[5], arrival->predicted_output, 10);
    cells += FIXED;
    for (int p = 0; p < 2; p++) {
        char text[MB_TEXT_SIZE];
        const mb_record *record = &stretch->records[p];
        write_queue(&record->taken[index], text);
        if (queues[p]) mb_sheet_put(sheet, cells++, text);
        put_number(sheet, cells++,
                   mb_explain_value(e->duel->measure, &record->services[index], e->arrivals[index]), 4);
    }
}

static void put_heads(const mb_explanation *e, mb_sheet *sheet, const bool queues[2]) {
    static const char *const names[FIXED] = {"", "request", "arrival", "prompt", "output", "predicted"};
    static const char *const units[FIXED] = {"", "id", "s", "tokens", "tokens", "tokens"};
    size_t at = 0;
    for (; at < FIXED; at++) {
        mb_sheet_put(sheet, &sheet->heads[at], names[at]);
        mb_sheet_put(sheet, &sheet->units[at], units[at]);
    }
    for (int p = 0; p < 2; p++) {
        char head[MB_TEXT_SIZE];
        if (queues[p]) {
            mb_sheet_put(sheet, &sheet->heads[at], "queue");
            mb_sheet_put(sheet, &sheet->units[at++], "");
        }
        snprintf(head, sizeof head, "%s %.40s", heads[e->duel->measure], label_of(e, p));
        mb_sheet_put(sheet, &sheet->heads[at], head);
        mb_sheet_put(sheet, &sheet->units[at++], "s");
    }
}

static mb_status print_requests(const mb_explanation *e, const mb_chart_style *style, FILE *out,
                                mb_error *error) {
    const mb_trial *stretch = &e->found->stretch;
    const size_t count = stretch->count, shown = count < MOST_LISTED ? count : MOST_LISTED;
    const bool queues[2] = {has_queues(&stretch->records[0]), has_queues(&stretch->records[1])};
    mb_sheet sheet = {
        .text_columns = 1, .columns = FIXED + 2 + (size_t)queues[0] + (size_t)queues[1], .rows = shown};
    if (!mb_sheet_allocate(&sheet)) {
        mb_sheet_deinit(&sheet);
        return mb_fail_memory(error);
    }
    put_heads(e, &sheet, queues);
    for (size_t i = 0; i < shown; i++)
        put_request(e, &sheet, i, queues);
    const bool failed = sheet.failed;
    fputc('\n', out);
    if (!failed) mb_print_sheet(&sheet, out, style->color);
    if (shown < count) fprintf(out, "(%zu more requests)\n", count - shown);
    mb_sheet_deinit(&sheet);
    return failed ? mb_fail_memory(error) : MB_OK;
}

// --- where their time went

static double mean_spent(const mb_record *record, int part) {
    double sum = 0, served = 0;
    for (size_t i = 0; i < record->count; i++) {
        if (!record->services[i].served) continue;
        sum += (double)record->services[i].spent_ns[part] / 1e9;
        served++;
    }
    return served > 0 ? sum / served : (double)NAN;
}

// A row for each policy, a column for each part that some request spent time in.
static mb_status print_spent(const mb_explanation *e, const mb_chart_style *style, FILE *out,
                             mb_error *error) {
    const mb_record *records = e->found->stretch.records;
    int parts[MB_PARTS], count = 0;
    for (int i = 0; i < MB_PARTS; i++)
        if (mean_spent(&records[0], i) > 0 || mean_spent(&records[1], i) > 0) parts[count++] = i;
    mb_sheet sheet = {.text_columns = 1, .columns = (size_t)count + 1, .rows = 2};
    if (!mb_sheet_allocate(&sheet)) {
        mb_sheet_deinit(&sheet);
        return mb_fail_memory(error);
    }
    mb_sheet_put(&sheet, &sheet.heads[0], "mean time spent in");
    mb_sheet_put(&sheet, &sheet.units[0], "");
    for (int i = 0; i < count; i++) {
        mb_sheet_put(&sheet, &sheet.heads[1 + i], mb_time_part_name((mb_time_part)parts[i]));
        mb_sheet_put(&sheet, &sheet.units[1 + i], "s");
    }
    for (int p = 0; p < 2; p++) {
        char **cells = &sheet.cells[(size_t)p * sheet.columns];
        mb_sheet_put(&sheet, &cells[0], label_of(e, p));
        for (int i = 0; i < count; i++)
            put_number(&sheet, &cells[1 + i], mean_spent(&records[p], parts[i]), 4);
    }
    const bool failed = sheet.failed;
    fputc('\n', out);
    if (!failed) mb_print_sheet(&sheet, out, style->color);
    mb_sheet_deinit(&sheet);
    return failed ? mb_fail_memory(error) : MB_OK;
}

// --- what they waited for

// "A, C and 3 more".
static size_t add_letters(mb_strbuf *text, const unsigned char *others, size_t count, unsigned bit) {
    size_t all = 0, named = 0;
    for (size_t i = 0; i < count; i++)
        all += (others[i] & bit) != 0;
    for (size_t i = 0; i < count && text; i++) {
        if (!(others[i] & bit) || i >= MB_CHART_LETTERS || named == MOST_NAMED) continue;
        const bool last = named + 1 == all;
        mb_strbuf_printf(text, "%s%c", named == 0 ? "" : last ? " and " : ", ", mb_chart_letter(i));
        named++;
    }
    if (text && named < all)
        mb_strbuf_printf(text, "%s%zu %s", named ? " and " : "", all - named, named ? "more" : "others");
    return all;
}

static const char *const hindrances[MB_HINDRANCES] = {
    [MB_HINDER_MEMORY] = "its KV memory was not free",
    [MB_HINDER_REQUESTS] = "as many ran as may",
    [MB_HINDER_TOKENS] = "the step's token budget was used up",
    [MB_HINDER_LATE] = "the next step had been composed",
    [MB_HINDER_CAP] = "the batch was at the policy's limit",
    [MB_HINDER_SLA] = "the batch was at the policy's limit for the time between tokens",
    [MB_HINDER_PLANNED] = "the batch was at the policy's limit for the memory that it expects to need"};

static void add_wait(mb_strbuf *text, const mb_explanation *e, int policy, size_t request,
                     const mb_wait *wait, const unsigned char *others) {
    const size_t count = e->found->stretch.count;
    mb_strbuf_printf(text, "%c waited ", mb_chart_letter(request));
    add_seconds(text, wait->seconds);
    if (!wait->ran) {
        mb_strbuf_printf(text, " and never ran with %s", label_of(e, policy));
        return;
    }
    const char *join = ": ";
    bool passed = add_letters(NULL, others, count, MB_WAIT_BEHIND | MB_WAIT_OVERTAKEN) > 0;
    for (int i = 0; i < MB_HINDRANCES; i++)
        passed = passed || wait->hindered[i];
    if (wait->steps == 1 && !passed && wait->idle_s == 0) {
        mb_strbuf_add(text, " for what ");
        add_letters(text, others, count, MB_WAIT_BUSY);
        mb_strbuf_printf(text, " had under way on replica %u", wait->replica + 1);
        return;
    }
    if (add_letters(NULL, others, count, MB_WAIT_BUSY)) {
        mb_strbuf_printf(text, "%sreplica %u was busy with ", join, wait->replica + 1);
        add_letters(text, others, count, MB_WAIT_BUSY);
        join = "; ";
    }
    if (add_letters(NULL, others, count, MB_WAIT_BEHIND)) {
        mb_strbuf_printf(text, "%squeued behind ", join);
        add_letters(text, others, count, MB_WAIT_BEHIND);
        join = "; ";
    }
    if (add_letters(NULL, others, count, MB_WAIT_OVERTAKEN)) {
        mb_strbuf_printf(text, "%sovertaken by ", join);
        add_letters(text, others, count, MB_WAIT_OVERTAKEN);
        mb_strbuf_add(text, ", which came later");
        join = "; ";
    }
    for (int i = 0; i < MB_HINDRANCES; i++) {
        if (!wait->hindered[i]) continue;
        mb_strbuf_printf(text, "%s%s", join, hindrances[i]);
        join = "; ";
    }
    if (wait->idle_s > 0) {
        mb_strbuf_printf(text, "%sreplica %u ran nothing for ", join, wait->replica + 1);
        add_seconds(text, wait->idle_s);
        mb_strbuf_add(text, " of that: the policy held it back");
    }
}

static mb_status print_waits_of(const mb_explanation *e, int policy, unsigned char *others, FILE *out,
                                mb_error *error) {
    const mb_trial *stretch = &e->found->stretch;
    bool any = false;
    for (size_t i = 0; i < stretch->count && i < MB_CHART_LETTERS; i++) {
        mb_wait wait;
        mb_strbuf text = {0};
        mb_status status = mb_wait_of(&stretch->records[policy], e->arrivals, i, others, &wait, error);
        if (status != MB_OK) return status;
        if (!(wait.seconds > 0)) continue;
        any = true;
        add_wait(&text, e, policy, i, &wait, others);
        status = print_sentence(&text, 4, out, error);
        if (status != MB_OK) return status;
    }
    if (!any) fputs("  nobody waited\n", out);
    return MB_OK;
}

static mb_status print_waits(const mb_explanation *e, FILE *out, mb_error *error) {
    unsigned char *others = calloc(e->found->stretch.count + 1, 1);
    mb_status status = others ? MB_OK : mb_fail_memory(error);
    for (int p = 0; p < 2 && status == MB_OK; p++) {
        mb_strbuf text = {0};
        mb_strbuf_printf(&text, "%s:", label_of(e, p));
        fputc('\n', out);
        status = print_sentence(&text, 0, out, error);
        if (status == MB_OK) status = print_waits_of(e, p, others, out, error);
    }
    free(others);
    return status;
}

static mb_status print_head(const mb_explanation *e, FILE *out, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s%s%s against %s", e->title ? e->title : "", e->title ? ": " : "",
                     label_of(e, 0), label_of(e, 1));
    mb_status status = print_sentence(&text, 0, out, error);
    if (status != MB_OK) return status;
    mb_strbuf_add(&text, e->duel->experiment->description);
    status = print_sentence(&text, 0, out, error);
    fputc('\n', out);
    return status;
}

mb_status mb_explain_text(const mb_explanation *e, mb_chart_style style, FILE *out, mb_error *error) {
    mb_status status = print_head(e, out, error);
    if (status != MB_OK) return status;
    if (!e->found->stretch.count) return print_draw(e, out, error);
    status = print_winner(e, out, error);
    if (status == MB_OK) status = print_charts(e, &style, out, error);
    if (status == MB_OK) status = print_requests(e, &style, out, error);
    if (status == MB_OK) status = print_spent(e, &style, out, error);
    if (status == MB_OK) status = print_waits(e, out, error);
    return status;
}
