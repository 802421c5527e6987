/* wide.c -- 128-bit sums and their texts; see wide.h. */
#include "order/wide.h"

#include <string.h>

typedef unsigned __int128 u128;

#define DIGITS_MAX 39 /* of 2^128 */

int aats_wide_add(aats_i128_t *sum, int64_t v)
{
    __int128 out;
    if (__builtin_add_overflow(aats_wide(*sum), (__int128)v, &out)) return AATS_E_RANGE;
    *sum = aats_wide_of(out);
    return AATS_OK;
}

int aats_wide_add_mul(aats_i128_t *sum, int64_t a, int64_t b)
{
    __int128 out;
    if (__builtin_add_overflow(aats_wide(*sum), (__int128)a * b, &out)) return AATS_E_RANGE;
    *sum = aats_wide_of(out);
    return AATS_OK;
}

int aats_wide_shift(aats_i128_t v, int up, aats_i128_t *out)
{
    __int128 wide = aats_wide(v);
    if (up < 0) return AATS_E_ARG;
    for (; up > 0 && wide != 0; up--)
        if (__builtin_mul_overflow(wide, (__int128)10, &wide)) return AATS_E_RANGE;
    *out = aats_wide_of(wide);
    return AATS_OK;
}

/* mul256 multiplies to 256 bits, in two halves. */
static void mul256(u128 a, u128 b, u128 *hi, u128 *lo)
{
    u128 const low = UINT64_MAX;
    u128 const ll = (a & low) * (b & low), lh = (a & low) * (b >> 64), hl = (a >> 64) * (b & low), hh = (a >> 64) * (b >> 64);
    u128 const mid = (ll >> 64) + (lh & low) + (hl & low);
    *lo = mid << 64 | (ll & low);
    *hi = hh + (lh >> 64) + (hl >> 64) + (mid >> 64);
}

/* div256 divides hi:lo by d, hi < d <= 2^127: a bit at a time, for sums that few ever reach. */
static u128 div256(u128 hi, u128 lo, u128 d, u128 *rest)
{
    u128 q = 0;
    for (int i = 0; i < 128; i++) {
        hi = hi << 1 | lo >> 127;
        lo <<= 1;
        q <<= 1;
        if (hi >= d) {
            hi -= d;
            q |= 1;
        }
    }
    *rest = hi;
    return q;
}

int aats_wide_share(aats_i128_t total, aats_i128_t part, aats_i128_t whole, aats_i128_t *out)
{
    __int128 const p = aats_wide(part), w = aats_wide(whole);
    if (w <= 0 || p < 0 || p > w) return AATS_E_ARG;
    if (p == w) { /* also where total is the least of all, whose share below would be half of 2^128 */
        *out = total;
        return AATS_OK;
    }
    int const negative = total.hi < 0;
    u128 const t = negative ? 0 - (u128)aats_wide(total) : (u128)aats_wide(total);
    u128 q, rest, hi, product;
    if (!__builtin_mul_overflow(t, (u128)p, &product)) {
        q = product / (u128)w;
        rest = product % (u128)w;
    } else {
        mul256(t, (u128)p, &hi, &product);
        q = div256(hi, product, (u128)w, &rest);
    }
    u128 const twice = rest * 2; /* rest < 2^127 */
    q += twice > (u128)w || (twice == (u128)w && q % 2 == 1);
    *out = negative ? aats_wide_of((__int128)(0 - q)) : aats_wide_of((__int128)q);
    return AATS_OK;
}

int aats_wide_format(aats_i128_t v, int exp, char *out, size_t cap)
{
    char digits[DIGITS_MAX + AATS_WIDE_EXP_MAX - AATS_WIDE_EXP_MIN + 1], text[sizeof digits + 2];
    int n = 0, len = 0;
    if (exp < AATS_WIDE_EXP_MIN || exp > AATS_WIDE_EXP_MAX) return AATS_E_ARG;

    u128 u = v.hi < 0 ? 0 - (u128)aats_wide(v) : (u128)aats_wide(v);
    for (; exp < 0 && u != 0 && u % 10 == 0; exp++) u /= 10;
    if (u == 0) exp = 0;
    for (int i = 0; i < exp; i++) digits[n++] = '0'; /* digits: lowest first */
    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u != 0);
    while (exp < 0 && n <= -exp) digits[n++] = '0';

    if (v.hi < 0) text[len++] = '-';
    while (n > 0) {
        if (exp < 0 && n == -exp) text[len++] = '.';
        text[len++] = digits[--n];
    }
    if ((size_t)len >= cap) return AATS_E_FULL;
    memcpy(out, text, (size_t)len);
    out[len] = 0;
    return len;
}

int aats_wide_average(aats_i128_t notional, int64_t qty_i, int px_exp, int qty_exp, char *out, size_t cap)
{
    (void)qty_exp; /* in both: it goes out */
    if (qty_i < 0) return AATS_E_ARG;
    if (qty_i == 0) return aats_wide_format((aats_i128_t){0, 0}, 0, out, cap);

    /* Schoolbook: the whole part, then four more digits of the rest, which is below qty_i. */
    int const negative = notional.hi < 0;
    u128 const n = negative ? 0 - (u128)aats_wide(notional) : (u128)aats_wide(notional);
    u128 const q = (u128)qty_i, rest = n % q * 10000, twice = rest % q * 2;
    u128 value;
    if (__builtin_mul_overflow(n / q, (u128)10000, &value) || __builtin_add_overflow(value, rest / q, &value)) return AATS_E_RANGE;
    value += twice > q || (twice == q && value % 2 == 1); /* half-even; value < 2^128 - 1: it was multiplied */
    if (value > (u128)1 << 126) return AATS_E_RANGE;
    return aats_wide_format(aats_wide_of(negative ? -(__int128)value : (__int128)value), px_exp - 4, out, cap);
}
