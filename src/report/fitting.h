// SPDX-License-Identifier: MIT
// Texts of lines that are laid out already - help, answers, warnings - on a terminal that is narrower.
#pragma once
#include <stdio.h>

// As it is; but a line that is wider than the terminal that `out` is goes on below, behind as many blanks as
// its own columns begin at, with the lines that went on with it.
void mb_print_fitting(FILE *out, const char *text);
// The same on standard output; here long lines that begin at the left go on in the next one: paragraphs.
void mb_print_help(const char *text);
