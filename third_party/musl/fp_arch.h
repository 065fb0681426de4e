// SPDX-License-Identifier: MIT
// What musl has for each kind of processor, here for all: names of musl's own that are others in glibc's <math.h>, or in its
// library, which a static program has as well.
#define sinpi musl_sinpi // which C23 has as well
#define __sin musl_sin
#define __cos musl_cos
#define __tan musl_tan
#define __sinl musl_sinl
#define __cosl musl_cosl
#define __tanl musl_tanl
#define __math_divzero musl_divzero
#define __math_invalid musl_invalid
#define __math_oflow musl_oflow
#define __math_uflow musl_uflow
#define __math_xflow musl_xflow
