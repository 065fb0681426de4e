// SPDX-License-Identifier: MIT
#pragma once

// How many processors this program may use. Asks the kernel itself: the C library reads it from a file, and
// makes a number up where no handle is left for that.
long mb_processors(void);
