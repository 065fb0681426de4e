// SPDX-License-Identifier: MIT
// How things went over time, in the characters of a terminal.
#pragma once
#include "page/gather.h"

#include <stdio.h>

// Of each series a line for each policy at the first point, `width` columns wide at most.
void mb_terminal_plot(const mb_gathered *gathered, FILE *out, size_t width, bool utf8);
