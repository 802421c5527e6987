#include "proto/num.h"

#include <string.h>

#include "proto/num_fast.h"

#define EXP_CLAMP 1000000000 /* a written exponent beyond this one moves every digit out of sight anyway */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* A number's text taken apart; exp10 is what its exponent says. */
typedef struct {
    char const *whole, *whole_end;
    char const *frac, *frac_end;
    int64_t exp10;
    int negative;
} parts_t;

static int split(char const *p, char const *end, parts_t *a)
{
    a->negative = p < end && *p == '-';
    p += a->negative;
    a->whole = p;
    while (p < end && is_digit(*p)) p++;
    a->whole_end = p;
    if (p == a->whole || (*a->whole == '0' && p - a->whole > 1)) return AATS_E_SYNTAX;

    a->frac = a->frac_end = p;
    if (p < end && *p == '.') {
        a->frac = ++p;
        while (p < end && is_digit(*p)) p++;
        a->frac_end = p;
        if (p == a->frac) return AATS_E_SYNTAX;
    }

    a->exp10 = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        int const minus = p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+')) p++;
        char const *const first = p;
        for (; p < end && is_digit(*p); p++) {
            if (a->exp10 < EXP_CLAMP) a->exp10 = a->exp10 * 10 + (*p - '0');
        }
        if (p == first) return AATS_E_SYNTAX;
        if (minus) a->exp10 = -a->exp10;
    }
    return p == end ? AATS_OK : AATS_E_SYNTAX;
}

/* Adds the digits [p, end), the first of which stands for 10^power in the result, to *v. */
static int add_digits(char const *p, char const *end, int64_t power, uint64_t *v)
{
    for (; p < end; p++, power--) {
        uint64_t const d = (uint64_t)(*p - '0');
        if (power < 0) {
            if (d != 0) return AATS_E_INEXACT;
        } else if (d != 0 || *v != 0) {
            if (__builtin_mul_overflow(*v, (uint64_t)10, v) || __builtin_add_overflow(*v, d, v)) return AATS_E_RANGE;
        }
    }
    return AATS_OK;
}

int aats_num_parse_plain(char const *s, size_t n, int exp, int64_t *out)
{
    parts_t a;
    uint64_t v = 0;
    if (!aats_num_exp_ok(exp)) return AATS_E_ARG;
    if (n == 0) return AATS_E_SYNTAX;
    int rc = split(s, s + n, &a);
    if (rc != AATS_OK) return rc;

    int64_t const shift = a.exp10 - exp; /* power of ten, in the result, of the digit before the point */
    rc = add_digits(a.whole, a.whole_end, shift + (a.whole_end - a.whole) - 1, &v);
    if (rc == AATS_E_RANGE) return rc;
    int rc2 = rc == AATS_OK ? add_digits(a.frac, a.frac_end, shift - 1, &v) : AATS_OK;
    if (rc2 == AATS_E_RANGE) return rc2;

    int64_t zeros = shift - (a.frac_end - a.frac); /* the text ended above 10^0 of the result */
    for (; v != 0 && zeros > 0; zeros--) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v)) return AATS_E_RANGE;
    }
    if (v > (uint64_t)INT64_MAX + (uint64_t)a.negative) return AATS_E_RANGE;
    if (rc != AATS_OK || rc2 != AATS_OK) return AATS_E_INEXACT;
    *out = a.negative ? (int64_t)(0 - v) : (int64_t)v;
    return AATS_OK;
}

int aats_num_parse(char const *s, size_t n, int exp, int64_t *out)
{
    if (!aats_num_exp_ok(exp)) return AATS_E_ARG;
    if (n == 0) return AATS_E_SYNTAX;
    size_t const minus = s[0] == '-';
    int64_t v;
    if (aats_num_fast(s + minus, s + n, exp, NULL, &v) == s + n) {
        *out = minus ? -v : v;
        return AATS_OK;
    }
    return aats_num_parse_plain(s, n, exp, out);
}

int aats_num_format(int64_t v, int exp, char *out, size_t cap)
{
    char digits[AATS_NUM_SZ], text[AATS_NUM_SZ];
    int n = 0, len = 0;
    if (!aats_num_exp_ok(exp)) return AATS_E_ARG;

    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    for (; exp < 0 && u % 10 == 0 && u != 0; exp++) u /= 10;
    if (u == 0) exp = 0;
    for (int i = 0; i < exp; i++) digits[n++] = '0'; /* digits: lowest first */
    do {
        digits[n++] = (char)('0' + u % 10);
        u /= 10;
    } while (u != 0);
    while (exp < 0 && n <= -exp) digits[n++] = '0';

    if (v < 0) text[len++] = '-';
    while (n > 0) {
        if (exp < 0 && n == -exp) text[len++] = '.';
        text[len++] = digits[--n];
    }
    if ((size_t)len >= cap) return AATS_E_FULL;
    memcpy(out, text, (size_t)len);
    out[len] = 0;
    return len;
}

int aats_num_u64(char const *s, size_t n, uint64_t *out)
{
    char const *p = s;
    char const *const end = s + n;
    uint64_t x, v;
    if (n == 0 || (*s == '0' && n > 1)) return AATS_E_SYNTAX;

    int k = aats_swar_digits(aats_swar_load(p, end), &x);
    if (k == 0) return AATS_E_SYNTAX;
    v = aats_swar_lead(x, k);
    p += k;
    if (k == 8 && p < end) {
        k = aats_swar_digits(aats_swar_load(p, end), &x);
        if (k > 0) v = v * (uint64_t)AATS_POW10_I[k] + aats_swar_lead(x, k);
        p += k;
    }
    int range = AATS_OK;
    for (; p < end && is_digit(*p); p++) {
        uint64_t const d = (uint64_t)(*p - '0');
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, d, &v)) range = AATS_E_RANGE;
    }
    if (p != end) return AATS_E_SYNTAX;
    if (range == AATS_OK) *out = v;
    return range;
}
