// SPDX-License-Identifier: MIT
// The numbers behind a page's charts, as JSON that may stand within a page.
#pragma once
#include "page/gather.h"

struct json_t;

// Of one section; gathered: NULL where nothing was (results from a database). NULL: out of memory.
struct json_t *mb_page_data(const mb_results *results, const mb_gathered *gathered);
// Add it as text. No "<" is in it, so no text of a user ends the script that holds it.
bool mb_page_data_add(mb_strbuf *html, const struct json_t *data);
