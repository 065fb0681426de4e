// SPDX-License-Identifier: MIT
// A file that was not there before.
#pragma once
#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

mb_status mb_new_file(const char *path, const char *text, size_t length, mode_t mode, mb_error *error);
mb_status mb_not_written(const char *path, int reason, mb_error *error); // the sentence
