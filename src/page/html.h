// SPDX-License-Identifier: MIT
// Pieces of a page. Texts of users - names of policies, questions, errors - go through mb_html_text alone.
#pragma once
#include "report/sheet.h"

// A text as what is read between tags, or within the quotes of an attribute.
void mb_html_text(mb_strbuf *html, const char *text);
// <tag>text</tag>, a line break where the text has one; nothing for NULL and "".
void mb_html_element(mb_strbuf *html, const char *tag, const char *text);
// A table that scrolls in its own box; `caption` says what it is.
void mb_html_sheet(mb_strbuf *html, const mb_sheet *sheet, const char *caption);
