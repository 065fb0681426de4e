// SPDX-License-Identifier: MIT
// Who reads: how wide the terminal is, and which letters it shows.
#pragma once
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// Columns of the terminal that `out` is; of anything else `otherwise`.
size_t mb_terminal_width(FILE *out, size_t otherwise);
// Does the locale have UTF-8? `unsaid`: where no variable says.
bool mb_locale_utf8(bool unsaid);
// Between a value and its interval: "±", or "+/-" where the locale says that it has no such letter.
const char *mb_plus_minus(void);
// `text` in the letters that there are: +/- for ± where that is not among them.
void mb_add_spelled(mb_strbuf *buffer, const char *text);
