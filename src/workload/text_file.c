// SPDX-License-Identifier: MIT
#include "workload/text_file.h"

#include "base/stopped.h"
#include "workload/compressed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- reading

mb_status mb_text_fill(mb_text_file *file, mb_error *error) {
    if (mb_stopped()) return mb_fail(error, MB_FAILED, "interrupted while %s was read", file->path);
    file->at = file->filled = 0;
    const mb_status status =
        mb_compressed_read(file->file, file->buffer, MB_TEXT_BUFFER, file->line, &file->filled, error);
    file->at_eof = !status && file->filled == 0;
    return status;
}

static bool join(mb_text_file *file, size_t already, const char *text, size_t count) {
    const size_t needed = already + count + 1;
    if (needed > file->joined_capacity) {
        size_t capacity = file->joined_capacity ? file->joined_capacity : 1024;
        while (capacity < needed)
            capacity *= 2;
        char *grown = realloc(file->joined, capacity);
        if (!grown) return false;
        file->joined = grown;
        file->joined_capacity = capacity;
    }
    memcpy(file->joined + already, text, count);
    return true;
}

mb_status mb_text_next_line(mb_text_file *file, size_t most, const char **text, size_t *length, bool *end,
                            mb_error *error) {
    size_t joined = 0;
    *text = "";
    *length = 0;
    *end = false;
    for (;;) {
        if (file->at == file->filled) {
            const mb_status status = file->at_eof ? MB_OK : mb_text_fill(file, error);
            if (status) return status;
        }
        const char *start = file->buffer + file->at;
        const size_t available = file->filled - file->at;
        const char *newline = available ? memchr(start, '\n', available) : NULL;
        const size_t count = newline ? (size_t)(newline - start) : available;
        if (joined + count > most)
            return mb_fail_at(error, MB_BAD_INPUT, file->path, file->line,
                              "a line of more than %zu MiB; expected one object a line", most >> 20);
        file->at += count + (newline != NULL);
        *text = start;
        *length = count;
        if (!newline || joined) {
            if (available && !join(file, joined, start, count)) return mb_fail_memory(error);
            joined += count;
            *text = file->joined;
            *length = joined;
        }
        if (newline || file->at_eof) break;
    }
    if (file->at_eof && *length == 0) *end = true;
    file->line++;
    if (*length && (*text)[*length - 1] == '\r') --*length;
    return MB_OK;
}

// ---- opening

static mb_status open_file(mb_text_file *file, const char *what, mb_error *error) {
    const char *path = file->path;
    struct stat about;
    if (stat(path, &about))
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: is a directory; expected %s", path, what);
    if (!S_ISREG(about.st_mode)) // opening a pipe would also wait for its writer
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: is not a regular file; expected one, since it is read several times", path);
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    return mb_compressed_open(descriptor, file->path, &file->file, error);
}

// What people have under the name of a table, and how to make one of it.
static const struct {
    const char *start;
    size_t length;
    const char *is, *advice;
} others[] = {
#define STARTS(text, is, advice)                                                                             \
    { text, sizeof(text) - 1, is, advice }
    STARTS("\xff\xfe\0\0", "in UTF-32", "UTF-8 (convert it with iconv)"),
    STARTS("\0\0\xfe\xff", "in UTF-32", "UTF-8 (convert it with iconv)"),
    STARTS("\xff\xfe", "in UTF-16", "UTF-8 (convert it with iconv)"),
    STARTS("\xfe\xff", "in UTF-16", "UTF-8 (convert it with iconv)"),
    STARTS("PK\3\4", "a zip archive, or a spreadsheet such as .xlsx", "it unpacked, or exported as CSV"),
    STARTS("PAR1", "a Parquet file", "it exported as CSV or JSON lines"),
    STARTS("ARROW1", "an Arrow (Feather) file", "it exported as CSV or JSON lines"),
    STARTS("Obj\1", "an Avro file", "it exported as CSV or JSON lines"),
    STARTS("ORC", "an ORC file", "it exported as CSV or JSON lines"),
    STARTS("\x89HDF\r\n\x1a\n", "an HDF5 file", "it exported as CSV"),
    STARTS("\x93NUMPY", "a NumPy file", "it exported as CSV"),
    STARTS("SQLite format 3", "an SQLite database", "a table of it exported as CSV"),
    STARTS("\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "it exported as CSV"),
    STARTS("%PDF", "a PDF document", "the table itself"),
    STARTS("BZh", "compressed with bzip2", "it unpacked (bunzip2), or as gzip or zstd"),
    STARTS("\xfd"
           "7zXZ",
           "compressed with xz", "it unpacked (unxz), or as gzip or zstd"),
    STARTS("7z\xbc\xaf", "a 7-Zip archive", "it unpacked, or as gzip or zstd"),
    STARTS("\x04\x22\x4d\x18", "compressed with lz4", "it unpacked (unlz4), or as gzip or zstd"),
    STARTS("\x1f\x9d", "compressed with compress", "it unpacked, or as gzip or zstd"),
    STARTS("\x1f\x8b", "compressed with gzip twice", "it unpacked once (gunzip)"),
    STARTS("\x28\xb5\x2f\xfd", "compressed with zstd twice", "it unpacked once (unzstd)"),
    STARTS("version https://git-lfs", "a Git LFS pointer and not the file", "the file (git lfs pull)"),
#undef STARTS
};

static bool is_tar(const mb_text_file *file) {
    return file->filled > 262 && memcmp(file->buffer + 257, "ustar", 5) == 0;
}

// The first character of a web page, or of XML, is "<"; no header of a table begins so.
static bool is_markup(const mb_text_file *file) {
    const char *start = file->buffer + file->at, *end = file->buffer + file->filled;
    while (start < end && (*start == ' ' || *start == '\t' || *start == '\r' || *start == '\n'))
        start++;
    return start + 1 < end && *start == '<' && strchr("!?hHbB", start[1]) != NULL;
}

static mb_status check_content(const mb_text_file *file, const char *what, mb_error *error) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (file->filled >= others[i].length && memcmp(file->buffer, others[i].start, others[i].length) == 0)
            return mb_fail(error, MB_BAD_INPUT, "%s: is %s; expected %s", file->path, others[i].is,
                           others[i].advice);
    if (is_tar(file))
        return mb_fail(error, MB_BAD_INPUT, "%s: is a tar archive; expected a file of it, unpacked",
                       file->path);
    if (is_markup(file))
        return mb_fail(error, MB_BAD_INPUT, "%s: is a web page (HTML) or XML; expected %s", file->path, what);
    // Text in UTF-16 whose mark was lost: every other byte is 0.
    if (file->filled >= 4 && (file->buffer[0] == 0) != (file->buffer[1] == 0) &&
        (file->buffer[0] == 0) == (file->buffer[2] == 0) && (file->buffer[1] == 0) == (file->buffer[3] == 0))
        return mb_fail(error, MB_BAD_INPUT, "%s: is in UTF-16; expected UTF-8 (convert it with iconv)",
                       file->path);
    return MB_OK;
}

static mb_status skip_byte_order_mark(mb_text_file *file, const char *what, mb_error *error) {
    const mb_status status = mb_text_fill(file, error);
    if (status) return status;
    if (file->filled >= 3 && memcmp(file->buffer, "\xef\xbb\xbf", 3) == 0) file->at = 3;
    return check_content(file, what, error);
}

mb_status mb_text_open(mb_text_file *file, const char *path, const char *what, mb_error *error) {
    *file = (mb_text_file){.line = 1};
    file->path = mb_strdup(path);
    file->buffer = malloc(MB_TEXT_BUFFER);
    if (!file->path || !file->buffer) return mb_fail_memory(error);
    const mb_status status = open_file(file, what, error);
    return status ? status : skip_byte_order_mark(file, what, error);
}

void mb_text_close(mb_text_file *file) {
    mb_compressed_close(file->file);
    free(file->joined);
    free(file->buffer);
    free(file->path);
    *file = (mb_text_file){0};
}

// ---- text for people

// Length of the valid, printable UTF-8 character at text, or 0.
static size_t printable_length(const unsigned char *text, size_t left) {
    const unsigned char c = text[0];
    if (c < 0x80) return c >= 0x20 && c != 0x7f;
    const size_t length = c >= 0xc2 && c < 0xe0   ? 2
                          : c >= 0xe0 && c < 0xf0 ? 3
                          : c >= 0xf0 && c < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xc2 && text[1] < 0xa0) || (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
        (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
        return 0; // control characters, overlong forms, surrogates, beyond Unicode
    return length;
}

void mb_text_add_safe(mb_strbuf *buffer, const char *text, size_t length, size_t most) {
    for (size_t i = 0; i < length;) {
        if (i >= most) {
            mb_strbuf_add(buffer, "...");
            break;
        }
        const size_t count = printable_length((const unsigned char *)text + i, length - i);
        if (count)
            mb_strbuf_add_bytes(buffer, text + i, count);
        else
            mb_strbuf_printf(buffer, "\\x%02x", (unsigned char)text[i]);
        i += count ? count : 1;
    }
}

void mb_text_add_quoted(mb_strbuf *buffer, const char *text, size_t length) {
    mb_strbuf_add(buffer, "\"");
    mb_text_add_safe(buffer, text, length, 60);
    mb_strbuf_add(buffer, "\"");
}
