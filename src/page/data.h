// SPDX-License-Identifier: MIT
// The numbers behind a page's charts, as JSON that may stand within a page.
#pragma once
#include "page/section.h"

struct json_t;

// NULL: out of memory.
struct json_t *mb_page_data(const mb_page_section *section);
// Add it as text. No "<" is in it, so no text of a user ends the script that holds it.
bool mb_page_data_add(mb_strbuf *html, const struct json_t *data);
