// SPDX-License-Identifier: MIT
#include "page/assets.h"

// The assembler reads the files; paths are relative to the project's folder, in which everything is built.
#ifdef __wasm__ // whose assembler has words of its own
#define MB_ASSET(name, path)                                                                                 \
    __asm__(".section .rodata." #name ",\"\",@\n.globl " #name "\n.p2align 4\n" #name ":\n.incbin \"" path   \
            "\"\n.int8 0\n.size " #name ", .-" #name "\n")
#else
#define MB_ASSET(name, path)                                                                                 \
    __asm__(".section .rodata\n.global " #name "\n.balign 16\n" #name ":\n.incbin \"" path                   \
            "\"\n.byte 0\n.previous\n")
#endif

MB_ASSET(mb_asset_uplot_js, "third_party/uplot/uPlot.iife.min.js");
MB_ASSET(mb_asset_uplot_css, "third_party/uplot/uPlot.min.css");
MB_ASSET(mb_asset_uplot_licence, "third_party/uplot/LICENSE");
MB_ASSET(mb_asset_maps_js, "src/page/maps.js");
MB_ASSET(mb_asset_page_js, "src/page/page.js");
MB_ASSET(mb_asset_page_css, "src/page/page.css");
