// SPDX-License-Identifier: MIT
// What works on whole tables.
#pragma once
#include "policy/library_parts.h"

extern const mb_replacement mb_library_tables[];
