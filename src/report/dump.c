// SPDX-License-Identifier: MIT
#include "report/dump.h"

#include "report/exact.h"
#include "report/files.h"
#include "report/format.h"
#include "report/hash.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum file_kind { REQUESTS, BATCHES, MEMBERS, PREEMPTIONS, DECISIONS, KINDS } file_kind;

static const char *const kind_names[KINDS] = {"requests", "batches", "members", "preemptions", "decisions"};
static const char *const headers[KINDS] = {
    "id,client,arrival_s,prompt_tokens,output_tokens,predicted_output,replica,start_s,first_token_s,end_s,"
    "batch,"
    "preemptions,why\n",
    "batch,replica,start_s,end_s,tbt_s,requests,longest_tokens,useful_tokens,padding,kv_reserved,steps\n",
    "batch,request,prompt_tokens,output_tokens\n",
    "time_s,replica,request,how,computed_tokens,lost_tokens\n",
    "time_s,replica,name,value\n",
};

struct mb_dump {
    mb_output_file files[KINDS]; // file NULL: not asked for
    const char *(*client_name)(void *self, uint32_t client);
    void *client_self;
    bool why;
    const mb_workload *classes;
    mb_strbuf quoted; // for names
};

// --- opening and closing ---------------------------------------------------------------------------------

// A label as a part of a file name. One that had to be changed has a piece of its hash at the end, so that
// two of them stay two.
static void add_safe_name(mb_strbuf *name, const char *label) {
    enum { LONGEST = 80 };
    const size_t length = strlen(label);
    bool changed = length > LONGEST || length == 0;
    for (size_t i = 0; i < length && i < LONGEST; i++) {
        const unsigned char c = (unsigned char)label[i];
        const bool safe =
            c < 128 && (isalnum(c) || c == '_' || c == '-' || c == '+' || c == '=' || (c == '.' && i));
        mb_strbuf_add_bytes(name, safe ? label + i : "_", 1);
        changed = changed || !safe;
    }
    if (!changed) return;
    char hash[MB_SHA256_TEXT];
    mb_sha256(label, length, hash);
    mb_strbuf_printf(name, "-%.8s", hash);
}

static mb_status open_one(const mb_dump_options *options, file_kind kind, mb_output_file *file,
                          mb_error *error) {
    mb_strbuf name = {0};
    if (options->point) mb_strbuf_printf(&name, "point%zu-", options->point);
    mb_strbuf_printf(&name, "%s-", kind_names[kind]);
    add_safe_name(&name, options->policy);
    mb_strbuf_printf(&name, "-%u.csv", options->seed);
    const mb_status status =
        name.failed ? mb_fail_memory(error) : mb_output_open(options->dir, name.text, file, error);
    mb_strbuf_deinit(&name);
    if (status != MB_OK) return status;
    const char *header = headers[kind];
    fprintf(file->file, "%.*s", (int)strcspn(header, "\n"), header);
    for (int i = 0; options->why && kind == REQUESTS && i < MB_PARTS; i++)
        fprintf(file->file, ",%s_s", mb_time_part_name((mb_time_part)i));
    if (options->classes && kind == REQUESTS) fputs(",class", file->file);
    fputc('\n', file->file);
    return status;
}

mb_status mb_dump_open(const mb_dump_options *options, mb_dump **dump, mb_error *error) {
    *dump = NULL;
    mb_dump *made = calloc(1, sizeof *made);
    if (!made) return mb_fail_memory(error);
    made->client_name = options->client_name;
    made->client_self = options->client_self;
    made->why = options->why;
    made->classes = options->classes;
    mb_status status = MB_OK;
    for (int kind = 0; kind < KINDS && status == MB_OK; kind++)
        if (options->what & 1u << kind)
            status = open_one(options, (file_kind)kind, &made->files[kind], error);
    if (status == MB_OK) {
        *dump = made;
        return MB_OK;
    }
    for (int kind = 0; kind < KINDS; kind++)
        mb_output_abandon(&made->files[kind]);
    free(made);
    return status;
}

// The first failure is the one to tell.
mb_status mb_dump_close(mb_dump *dump, bool whole, mb_error *error) {
    mb_status status = MB_OK;
    if (!dump) return status;
    for (int kind = 0; kind < KINDS; kind++) {
        if (!dump->files[kind].file) continue;
        mb_error *told = status == MB_OK ? error : NULL;
        const mb_status one =
            whole ? mb_output_commit(&dump->files[kind], told) : mb_output_keep(&dump->files[kind], told);
        if (status == MB_OK) status = one;
    }
    mb_strbuf_deinit(&dump->quoted);
    free(dump);
    return status;
}

// --- rows ------------------------------------------------------------------------------------------------

// Enough for every row's numbers; names are written beside it.
typedef struct csv_row {
    char text[512];
    size_t length;
} csv_row;

static void put_text(csv_row *row, const char *text) {
    const size_t length = strlen(text);
    memcpy(row->text + row->length, text, length);
    row->length += length;
}

static void put_count(csv_row *row, uint64_t value) {
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        row->text[row->length++] = digits[--count];
    row->text[row->length++] = ',';
}

static void put_time(csv_row *row, double value) {
    if (!isnan(value)) row->length += mb_format_exact(row->text + row->length, value);
    row->text[row->length++] = ',';
}

// Whole nanoseconds, as seconds with all their digits.
static void put_part(csv_row *row, const int64_t *parts, int part) {
    row->text[row->length++] = ',';
    if (!parts) return;
    row->length +=
        (size_t)snprintf(row->text + row->length, 32, "%lld.%09lld", (long long)(parts[part] / 1000000000),
                         (long long)(parts[part] % 1000000000));
}

static mb_status write_row(mb_output_file *file, const csv_row *row, mb_error *error) {
    if (fwrite(row->text, 1, row->length, file->file) == row->length) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write %s: %s", file->path, strerror(errno));
}

// A name, quoted where it must be, and what ends it.
static bool write_name(mb_dump *dump, mb_output_file *file, const char *name, const char *end) {
    dump->quoted.length = 0;
    mb_add_csv(&dump->quoted, name);
    mb_strbuf_add(&dump->quoted, end);
    if (!dump->quoted.failed) fwrite(dump->quoted.text, 1, dump->quoted.length, file->file);
    return !dump->quoted.failed;
}

static mb_status dump_request(void *self, const mb_finished *record, mb_error *error) {
    mb_dump *dump = self;
    mb_output_file *file = &dump->files[REQUESTS];
    const mb_request *request = record->request;
    csv_row row = {.length = 0};
    put_count(&row, request->id);
    if (dump->client_name) {
        const mb_status status = write_row(file, &row, error);
        if (status != MB_OK) return status;
        if (!write_name(dump, file, dump->client_name(dump->client_self, request->client), ","))
            return mb_fail_memory(error);
        row.length = 0;
    } else {
        put_count(&row, request->client);
    }
    put_time(&row, request->arrival_s);
    put_count(&row, request->prompt_tokens);
    put_count(&row, request->output_tokens);
    put_count(&row, request->predicted_output);
    if (isnan(request->start_s)) // never in a batch: the replica means nothing
        put_text(&row, ",");
    else
        put_count(&row, (uint64_t)request->replica + 1);
    put_time(&row, request->start_s);
    put_time(&row, record->first_token_s);
    put_time(&row, record->end_s);
    if (record->batch)
        put_count(&row, record->batch);
    else
        put_text(&row, ",");
    put_count(&row, request->preemptions);
    put_text(&row, record->why);
    for (int i = 0; dump->why && i < MB_PARTS; i++)
        put_part(&row, record->parts, i);
    if (!dump->classes) {
        put_text(&row, "\n");
        return write_row(file, &row, error);
    }
    put_text(&row, ",");
    mb_status status = write_row(file, &row, error);
    if (status == MB_OK &&
        !write_name(dump, file, mb_workload_class_name(dump->classes, request->class_index), "\n"))
        status = mb_fail_memory(error);
    return status;
}

static mb_status dump_batch(void *self, const mb_batch_record *record, mb_error *error) {
    mb_dump *dump = self;
    // The rows of an engine's steps are not padded.
    const uint64_t positions =
        record->longest_tokens ? (uint64_t)record->requests * record->longest_tokens : record->useful_tokens;
    csv_row row = {.length = 0};
    put_count(&row, record->batch);
    put_count(&row, (uint64_t)record->replica + 1);
    put_time(&row, record->start_s);
    put_time(&row, record->end_s);
    put_time(&row, record->tbt_s);
    put_count(&row, record->requests);
    put_count(&row, record->longest_tokens);
    put_count(&row, record->useful_tokens);
    put_count(&row, positions - record->useful_tokens);
    put_count(&row, record->kv_reserved);
    put_count(&row, record->steps);
    row.text[row.length - 1] = '\n';
    return write_row(&dump->files[BATCHES], &row, error);
}

static mb_status dump_member(void *self, const mb_member_record *record, mb_error *error) {
    mb_dump *dump = self;
    csv_row row = {.length = 0};
    put_count(&row, record->batch);
    put_count(&row, record->id);
    put_count(&row, record->prompt_tokens);
    put_count(&row, record->output_tokens);
    row.text[row.length - 1] = '\n';
    return write_row(&dump->files[MEMBERS], &row, error);
}

static mb_status dump_preempted(void *self, const mb_preempted *record, mb_error *error) {
    mb_dump *dump = self;
    csv_row row = {.length = 0};
    put_time(&row, record->time_s);
    put_count(&row, (uint64_t)record->replica + 1);
    put_count(&row, record->id);
    put_text(&row, record->how);
    put_text(&row, ",");
    put_count(&row, record->computed_tokens);
    put_count(&row, record->lost_tokens);
    row.text[row.length - 1] = '\n';
    return write_row(&dump->files[PREEMPTIONS], &row, error);
}

static mb_status dump_decision(void *self, double now_s, uint32_t replica, const char *name, double value,
                               mb_error *error) {
    mb_dump *dump = self;
    mb_output_file *file = &dump->files[DECISIONS];
    csv_row row = {.length = 0};
    put_time(&row, now_s);
    if (replica == MB_NONE) // a decision about the whole cluster
        put_text(&row, ",");
    else
        put_count(&row, (uint64_t)replica + 1);
    const mb_status status = write_row(file, &row, error);
    if (status != MB_OK) return status;
    if (!write_name(dump, file, name, ",")) return mb_fail_memory(error);
    row.length = 0;
    put_time(&row, value);
    row.text[row.length - 1] = '\n';
    return write_row(file, &row, error);
}

mb_observer mb_dump_observer(mb_dump *dump) {
    return (mb_observer){
        .finished = dump->files[REQUESTS].file ? dump_request : NULL,
        .batch = dump->files[BATCHES].file ? dump_batch : NULL,
        .member = dump->files[MEMBERS].file ? dump_member : NULL,
        .preempted = dump->files[PREEMPTIONS].file ? dump_preempted : NULL,
        .decision = dump->files[DECISIONS].file ? dump_decision : NULL,
        .self = dump,
    };
}

mb_status mb_dump_parse(const char *list, unsigned *what, mb_error *error) {
    *what = 0;
    for (const char *word = list;; word++) {
        const size_t length = strcspn(word, ",");
        int kind = 0;
        while (kind < KINDS &&
               (strlen(kind_names[kind]) != length || memcmp(kind_names[kind], word, length) != 0))
            kind++;
        if (kind == KINDS)
            return mb_fail(error, MB_BAD_INPUT,
                           "--dump does not know \"%.*s\"; expected a list of requests, batches, members, "
                           "preemptions, decisions",
                           (int)(length < 40 ? length : 40), word);
        *what |= 1u << kind;
        if (kind == BATCHES) *what |= 1u << MEMBERS; // whose they are
        word += length;
        if (!*word) return MB_OK;
    }
}
