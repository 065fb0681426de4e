// SPDX-License-Identifier: MIT
#include "report/roofline_text.h"

#include <math.h>

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

bool mb_roofline_alike(const mb_roofline *a, const mb_roofline *b) {
    return same(a->prompt_error, b->prompt_error) && same(a->decode_error, b->decode_error) &&
           a->pooled == b->pooled && a->unfitted == b->unfitted;
}

bool mb_roofline_text(const mb_roofline *roofline, mb_strbuf *text) {
    const bool known = !isnan(roofline->prompt_error), unfitted = roofline->unfitted > 0;
    mb_strbuf_add(text, "step times are a roofline's: ");
    if (!known)
        mb_strbuf_add(text, "the scenario gives its efficiencies, so nobody knows how far off it is");
    else
        mb_strbuf_printf(text, "prompts %.0f %%, decodes %.0f %% off in the median on %s (docs/fidelity.md)",
                         100 * roofline->prompt_error, 100 * roofline->decode_error,
                         roofline->pooled > 0 ? "other GPUs, for nobody measured this one"
                                              : "what was left out of its fit");
    if (known && unfitted)
        mb_strbuf_add(text, "; it was fitted to dense models in 16 bits: for mixtures of experts and other "
                            "precisions its error is not known");
    return known && roofline->pooled == 0 && !unfitted;
}
