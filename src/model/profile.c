// SPDX-License-Identifier: MIT
#include "model/profile.h"

mb_status mb_profile_read(const char *directory, uint32_t layers, mb_profile **profile, mb_error *error) {
    (void)layers;
    *profile = NULL;
    return mb_fail(error, MB_BAD_INPUT, "%s: profiles cannot be read yet", directory);
}

void mb_profile_free(mb_profile *profile) {
    (void)profile;
}

double mb_profile_seconds(const mb_profile *profile, const mb_step_shape *shape, uint32_t padded_decodes,
                          bool *extrapolated) {
    (void)profile, (void)shape, (void)padded_decodes, (void)extrapolated;
    return 1;
}
