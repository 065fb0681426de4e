// SPDX-License-Identifier: MIT
// Numbers and words as people read them.
#pragma once
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MB_TEXT_SIZE = 64 };

// Decimals that a value deserves: its half width's first digit (the first two where that digit is a 1); four
// significant digits where there is no half width (NAN) or it is zero. 0 .. 9.
int mb_decimals(double value, double half_width);
// "12.3", or "-" for NAN.
void mb_format_value(char text[MB_TEXT_SIZE], double value, int decimals);
// "12.3±0.4" where the two arms differ by less than a fifth (the longer), else "37 (4..340)"; "12.3" where
// there is no interval (NAN) or it is a point.
void mb_format_interval(char text[MB_TEXT_SIZE], double value, double low, double high);
// "10,000"; fractions are rounded.
void mb_format_count(char text[MB_TEXT_SIZE], double value);
// "+12", "-0.4": a percentage with its sign and about two digits.
void mb_format_percent(char text[MB_TEXT_SIZE], double percent);

// Columns that a text takes on a terminal: UTF-8 characters count as one.
size_t mb_text_width(const char *text);

// `text` as a field of a CSV file: quoted where it holds a comma, a quote or a line break.
void mb_add_csv(mb_strbuf *buffer, const char *text);

// Does a terminal listen, and may it be coloured (NO_COLOR)?
bool mb_wants_color(FILE *out);

// Flush; false when anything written to the file since it was opened was lost. `reason` says why (errno's
// text).
bool mb_flushed(FILE *out, const char **reason);
