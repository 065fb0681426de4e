// SPDX-License-Identifier: MIT
// When the tokens of each request came (model/reader.h), without a look at each step: the decodes advance
// together, so one list of the pieces that they went through serves them all, as far back as the oldest of
// them needs it. Only where around->readings is set.
#pragma once
#include "engine/state.h"

// A request joins the decodes, after it emitted its last token.
void mb_pieces_join(const mb_stepper *stepper, uint32_t slot);
// It leaves them: the tokens that it emitted with them are added.
void mb_pieces_part(const mb_stepper *stepper, uint32_t slot);
// The tokens of one that runs here, up to where the run stands.
mb_reading mb_pieces_so_far(const mb_stepper *stepper, const mb_request *request);
// It emits a token by itself, now.
void mb_pieces_token(const mb_stepper *stepper, uint32_t slot);
// A piece of a run with decodes is over.
void mb_pieces_close(mb_stepper *stepper);
