// SPDX-License-Identifier: MIT
#include "fit/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 480, LEFT = 80, TOP = 40, WIDTH = 600, HEIGHT = 590 };

// A decade of the axes, in powers of ten of a second.
typedef struct scale {
    double low, high;
} scale;

static double x_of(const scale *s, double seconds) {
    return LEFT + SIDE * (log10(seconds) - s->low) / (s->high - s->low);
}

static double y_of(const scale *s, double seconds) {
    return TOP + SIDE - SIDE * (log10(seconds) - s->low) / (s->high - s->low);
}

static void add_text(mb_strbuf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '<')
            mb_strbuf_add(out, "&lt;");
        else if (*text == '&')
            mb_strbuf_add(out, "&amp;");
        else if ((unsigned char)*text >= ' ')
            mb_strbuf_add_bytes(out, text, 1);
    }
}

static scale scale_of(const mb_fit_point *points, size_t count) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < count; i++) {
        least = fmin(least, fmin(points[i].measured_s, points[i].fitted_s));
        most = fmax(most, fmax(points[i].measured_s, points[i].fitted_s));
    }
    const scale s = {floor(log10(least)), ceil(log10(most))};
    return s.high > s.low ? s : (scale){s.low, s.low + 1};
}

static void add_axes(mb_strbuf *out, const scale *s) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    for (int power = (int)s->low; power <= (int)s->high; power++) {
        const double seconds = pow(10, power);
        const int unit = power >= 0 ? 3 : power < -9 ? 0 : 3 - (2 - power) / 3;
        const double shown = seconds * pow(10, 3 * (3 - unit));
        mb_strbuf_printf(out,
                         "<path d=\"M%.1f %d v%d M%d %.1f h%d\" stroke=\"#ddd\"/>\n"
                         "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g %s</text>\n"
                         "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g %s</text>\n",
                         x_of(s, seconds), TOP, SIDE, LEFT, y_of(s, seconds), SIDE, x_of(s, seconds),
                         TOP + SIDE + 20, shown, units[unit], LEFT - 8, y_of(s, seconds) + 4, shown,
                         units[unit]);
    }
    // Within 10 %, and the diagonal.
    const double low = pow(10, s->low), high = pow(10, s->high);
    mb_strbuf_printf(
        out, "<polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\" fill=\"#cde\" opacity=\"0.6\"/>\n",
        x_of(s, low), y_of(s, 1.1 * low), x_of(s, high), y_of(s, 1.1 * high), x_of(s, high),
        y_of(s, 0.9 * high), x_of(s, low), y_of(s, 0.9 * low));
    mb_strbuf_printf(out, "<path d=\"M%d %d L%d %d\" stroke=\"#357\"/>\n", LEFT, TOP + SIDE, LEFT + SIDE,
                     TOP);
}

void mb_fit_plot(mb_strbuf *out, const char *title, const mb_fit_point *points, size_t count) {
    const scale s = scale_of(points, count);
    mb_strbuf_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n<text x=\"%d\" y=\"24\" font-size=\"14\">",
        WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
    add_text(out, title);
    mb_strbuf_add(out, "</text>\n");
    add_axes(out, &s);
    for (size_t i = 0; i < count; i++) {
        mb_strbuf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#c40\" opacity=\"0.7\"><title>",
                         x_of(&s, points[i].measured_s), y_of(&s, points[i].fitted_s));
        add_text(out, points[i].name);
        mb_strbuf_printf(out, ": %.4g s measured, %.4g s fitted, %+.1f %%</title></circle>\n",
                         points[i].measured_s, points[i].fitted_s,
                         100 * (points[i].fitted_s / points[i].measured_s - 1));
    }
    mb_strbuf_printf(out,
                     "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">measured</text>\n"
                     "<text transform=\"translate(16 %d) rotate(-90)\" text-anchor=\"middle\">fitted (band: "
                     "10 %%)</text>\n</svg>\n",
                     LEFT + SIDE / 2, TOP + SIDE + 44, TOP + SIDE / 2);
}
