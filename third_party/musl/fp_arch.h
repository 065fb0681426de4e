// SPDX-License-Identifier: MIT
// What musl has for each kind of processor, here for all: names of musl's own that are others in glibc's <math.h>.
#define __sin musl_sin
#define __cos musl_cos
#define __tan musl_tan
#define __sinl musl_sinl
#define __cosl musl_cosl
#define __tanl musl_tanl
