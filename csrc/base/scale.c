#include "base/scale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

double const AATS_POW10[AATS_SCALE_EXP_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

double aats_scale_slow(int64_t value_i, int exp)
{
    int64_t const edge = INT64_C(1) << 53;
    if (value_i >= -edge && value_i <= edge && exp <= 0 && exp >= AATS_SCALE_EXP_MIN) return (double)value_i / AATS_POW10[-exp];
    if (value_i >= -edge && value_i <= edge && exp > 0 && exp <= AATS_SCALE_EXP_MAX) return (double)value_i * AATS_POW10[exp];

    /* Two roundings (to double, then by the division) would differ from the decimal's own: let the C library read the
     * text. */
    char text[48];
    snprintf(text, sizeof text, "%" PRId64 "e%d", value_i, exp);
    return strtod(text, NULL);
}

void aats_scale_array(int64_t const *in, size_t stride_in, double *out, size_t stride_out, size_t cnt, int exp)
{
    for (size_t i = 0; i < cnt; i++) out[i * stride_out] = aats_scale(in[i * stride_in], exp);
}
