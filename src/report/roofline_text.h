// SPDX-License-Identifier: MIT
// What a reader must know of step times that are a roofline's.
#pragma once
#include "base/strbuf.h"
#include "model/roofline.h"

// How far off it was where it was measured. True where nothing more uncertain is behind it than that:
// measured efficiencies of this GPU, for a model of the kind that they were fitted to.
bool mb_roofline_text(const mb_roofline *roofline, mb_strbuf *text);
// The same is to be said of both.
bool mb_roofline_alike(const mb_roofline *a, const mb_roofline *b);
