// SPDX-License-Identifier: MIT
// What every page has in it, as it was when the program was built: the library that draws
// (third_party/uplot), what is done with it, and how it looks.
#pragma once

extern const char mb_asset_uplot_js[], mb_asset_uplot_css[], mb_asset_uplot_licence[];
extern const char mb_asset_maps_js[], mb_asset_page_js[], mb_asset_page_css[];
