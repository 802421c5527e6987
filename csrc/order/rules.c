/* rules.c -- a strategy's numbers against a symbol's rules; see rules.h. */
#include "order/rules.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "base/scale.h"
#include "layout/layout.h"
#include "order/wide.h"

typedef unsigned __int128 u128;

#define EXP_MAX    18         /* of px_exp and qty_exp, either way */
#define NEAR       1000000000 /* a float is a multiple if it lies within one part of this many */
#define BAND_ONE   100000000  /* a percent filter's 1.0 */
#define SHOWN_MAX  48         /* characters of a strategy's own text that a sentence repeats */
#define POWER_MAX  100000     /* a written exponent beyond this moves every digit out of sight */

/* n is at most EXP_MAX */
static uint64_t pow10_u(int n) { return (uint64_t)AATS_POW10_I[n]; }

/* ---- sentences ---- */

/* note_t -- the caller's message, which grows by sentences. */
typedef struct {
    char *at;
    size_t sz, len;
} note_t;

__attribute__((format(printf, 2, 3))) static void say(note_t *note, char const *fmt, ...)
{
    va_list ap;
    if (note->at == NULL || note->len + 1 >= note->sz) return;
    va_start(ap, fmt);
    int const n = vsnprintf(note->at + note->len, note->sz - note->len, fmt, ap);
    va_end(ap);
    if (n > 0) note->len = (size_t)n < note->sz - note->len ? note->len + (size_t)n : note->sz - 1;
}

/* Drops what was said so far: a refusal says only why. */
static void restart(note_t *note)
{
    note->len = 0;
    if (note->sz > 0) note->at[0] = 0;
}

/* text_t -- the text of one number, for a sentence. */
typedef struct {
    char s[AATS_WIDE_SZ];
} text_t;

static text_t wide_text(__int128 v, int exp)
{
    text_t t;
    if (aats_wide_format(aats_wide_of(v), exp, t.s, sizeof t.s) < 0) t.s[0] = 0;
    return t;
}

/* The shortest decimal that is this double, as a person would have typed it; the C library's comma of some locales becomes a point. */
static text_t float_text(double f)
{
    text_t t;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(t.s, sizeof t.s, "%.*g", digits, f);
        if (strtod(t.s, NULL) == f) break;
    }
    for (char *p = t.s; *p != 0; p++) {
        if (*p == ',') *p = '.';
    }
    return t;
}

static text_t given_text(aats_given_t const *g)
{
    text_t t;
    if (g->kind == AATS_GIVEN_FLOAT) return float_text(g->f);
    size_t const len = g->text_len < SHOWN_MAX ? g->text_len : SHOWN_MAX;
    for (size_t i = 0; i < len; i++) t.s[i] = g->text[i] >= ' ' && g->text[i] <= '~' ? g->text[i] : '?';
    memcpy(t.s + len, g->text_len > len ? ".." : "", g->text_len > len ? 3 : 1);
    return t;
}

/* ---- one number onto a grid ---- */

/* grid_t -- multiples of `step` at 10^exp, and what they are called. */
typedef struct {
    char const *what; /* "price" */
    char const *rule; /* "tick" */
    int exp;
    int64_t step;
    int up;           /* a float between two goes to the upper one */
    int off;          /* the code of a number that is between two */
} grid_t;

/* spot_t -- where a number lies on a grid: `below` is the multiple at or under it; exact: it is that one. */
typedef struct {
    int64_t below;
    int exact;
    int near_below, near_above; /* within 1e-9 relative of that multiple */
} spot_t;

static int bits_of(u128 v)
{
    uint64_t const high = (uint64_t)(v >> 64), low = (uint64_t)v;
    return high != 0 ? 128 - __builtin_clzll(high) : low != 0 ? 64 - __builtin_clzll(low) : 0;
}

/* Divides num by unit: the compiler's division of 128 bits takes five times as long as a guess that is put right.  The guess is the quotient in doubles; below
 * 2^52 it is wrong by 3 at most, so that the product is below num + 3 * unit, and fits. */
static u128 divide(u128 num, u128 unit, double guess, u128 *rest)
{
    if (!(guess < 4503599627370496.0) || bits_of(unit) > 120) {
        *rest = num % unit;
        return num / unit;
    }
    u128 q = (u128)(uint64_t)guess, product = q * unit;
    while (product > num) product -= unit, q--;
    while (num - product >= unit) product += unit, q++;
    *rest = num - product;
    return q;
}

/* Whether part is one NEARth of num at most. */
static int is_near(u128 part, u128 num) { return bits_of(part) <= 97 ? part * NEAR <= num : part <= num / NEAR; }

/* Places f >= 0, by its bits: f = num / 2^shift at 10^exp.  0, or AATS_E_RANGE. */
static int place_float(double f, grid_t const *g, spot_t *spot)
{
    int e;
    uint64_t m = (uint64_t)(frexp(f, &e) * 9007199254740992.0); /* f = m * 2^(e - 53), 53 bits */
    e -= 53;
    *spot = (spot_t){.exact = 1};
    if (m == 0) return AATS_OK;
    int const zeros = __builtin_ctzll(m);
    m >>= zeros, e += zeros;

    u128 num = (u128)m * pow10_u(g->exp < 0 ? -g->exp : 0); /* below 2^113 */
    u128 unit = (u128)g->step * pow10_u(g->exp > 0 ? g->exp : 0);
    if (e > 0) {
        if (bits_of(num) + e > 127) return AATS_E_RANGE;
        num <<= e;
    } else if (bits_of(unit) - e > 127) { /* far below one step */
        *spot = (spot_t){.exact = 0};
        return AATS_OK;
    } else {
        unit <<= -e;
    }

    double const scaled = g->exp < 0 ? f * (double)pow10_u(-g->exp) : f / (double)pow10_u(g->exp);
    u128 rest;
    u128 const steps = divide(num, unit, scaled / (double)g->step, &rest);
    if (steps >= (uint64_t)INT64_MAX / (uint64_t)g->step) return AATS_E_RANGE; /* the multiple above fits too */
    spot->below = (int64_t)steps * g->step;
    spot->exact = rest == 0;
    spot->near_below = rest <= unit - rest && is_near(rest, num);
    spot->near_above = rest > unit - rest && is_near(unit - rest, num);
    return AATS_OK;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Places the text of a number >= 0 in JSON's grammar (proto/num.h, without its fast paths).  0, AATS_E_SYNTAX, or AATS_E_RANGE. */
static int place_text(char const *s, size_t n, grid_t const *g, spot_t *spot)
{
    char const *p = s, *const end = s + n;
    char const *const whole = p;
    while (p < end && is_digit(*p)) p++;
    char const *const whole_end = p;
    if (p == whole || (*whole == '0' && p - whole > 1)) return AATS_E_SYNTAX;
    char const *frac = p, *frac_end = p;
    if (p < end && *p == '.') {
        frac = ++p;
        while (p < end && is_digit(*p)) p++;
        frac_end = p;
        if (frac == frac_end) return AATS_E_SYNTAX;
    }
    int64_t power = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        int const minus = p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+')) p++;
        char const *const first = p;
        for (; p < end && is_digit(*p); p++) power = power < POWER_MAX ? power * 10 + (*p - '0') : power;
        if (p == first) return AATS_E_SYNTAX;
        if (minus) power = -power;
    }
    if (p != end) return AATS_E_SYNTAX;

    /* digits at 10^exp and above make v, the others only say whether something is left */
    int64_t at = power - g->exp + (whole_end - whole) - 1;
    uint64_t v = 0;
    int rest = 0;
    for (char const *d = whole; d < frac_end; d++) {
        if (!is_digit(*d)) continue;
        if (at < 0) {
            rest |= *d != '0';
        } else if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)(*d - '0'), &v)) {
            return AATS_E_RANGE;
        }
        at--;
    }
    for (; v != 0 && at >= 0; at--) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v)) return AATS_E_RANGE;
    }
    uint64_t const step = (uint64_t)g->step;
    if (v / step >= (uint64_t)INT64_MAX / step) return AATS_E_RANGE;
    *spot = (spot_t){.below = (int64_t)(v / step * step), .exact = v % step == 0 && !rest};
    return AATS_OK;
}

static int refuse_number(grid_t const *g, aats_given_t const *given, int rc, note_t *note)
{
    restart(note);
    if (rc == AATS_E_RANGE) say(note, "%s %s does not fit 64 bits at exponent %d", g->what, given_text(given).s, g->exp);
    else say(note, "%s '%s' is not a number of 0 or more", g->what, given_text(given).s);
    return AATS_OC_NUMBER;
}

/* Puts a given number on a grid: *out, or a code with its sentence.  *moved is 1 if a float had to give way. */
static int put_on(grid_t const *g, aats_given_t const *given, int strict, int64_t *out, int *moved, note_t *note)
{
    int const is_float = given->kind == AATS_GIVEN_FLOAT, exactly = !is_float || strict;
    spot_t spot;
    int rc;
    if (is_float && (!isfinite(given->f) || given->f < 0)) rc = AATS_E_SYNTAX;
    else if (!exactly) rc = place_float(given->f, g, &spot);
    else if (is_float) rc = place_text(float_text(given->f).s, strlen(float_text(given->f).s), g, &spot);
    else rc = given->text == NULL ? AATS_E_SYNTAX : place_text(given->text, given->text_len, g, &spot);
    if (rc != AATS_OK) return refuse_number(g, given, rc, note);

    int64_t const above = spot.below + g->step;
    if (spot.exact || spot.near_below || spot.near_above) {
        *out = spot.near_above ? above : spot.below;
        return AATS_OC_NONE;
    }
    if (exactly) {
        restart(note);
        say(note, "%s %s is not a multiple of the %s %s: the nearest are %s and %s", g->what, given_text(given).s, g->rule,
            wide_text(g->step, g->exp).s, wide_text(spot.below, g->exp).s, wide_text(above, g->exp).s);
        return g->off;
    }
    *out = g->up ? above : spot.below;
    *moved = 1;
    say(note, "%s%s %s goes %s to %s, a multiple of the %s %s", note->len > 0 ? "; " : "", g->what, given_text(given).s,
        g->up ? "up" : "down", wide_text(*out, g->exp).s, g->rule, wide_text(g->step, g->exp).s);
    return AATS_OC_NONE;
}

/* ---- the rules ---- */

static int within(grid_t const *g, aats_given_t const *given, int64_t v, int64_t low, int64_t high, int code, note_t *note)
{
    if (v > 0 && v >= low && (high == 0 || v <= high)) return AATS_OC_NONE;
    restart(note);
    if (v <= 0) {
        say(note, "%s %s comes to 0 with the %s %s: it must be above 0", g->what, given_text(given).s, g->rule,
            wide_text(g->step, g->exp).s);
    } else {
        int const under = v < low;
        say(note, "%s %s is %s the %s %s", g->what, wide_text(v, g->exp).s, under ? "below" : "above", under ? "minimum" : "maximum",
            wide_text(under ? low : high, g->exp).s);
    }
    return code;
}

static int64_t least(int64_t a, int64_t b) { return a == 0 ? b : b == 0 || a < b ? a : b; } /* 0: off */
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int in_band(aats_rules_t const *r, int side, int64_t px_i, int64_t reference_i, note_t *note)
{
    int64_t const up = side == AATS_SIDE_BUY ? r->bid_up_i : r->ask_up_i, down = side == AATS_SIDE_BUY ? r->bid_down_i : r->ask_down_i;
    __int128 const v = (__int128)px_i * BAND_ONE, high = (__int128)reference_i * up, low = (__int128)reference_i * down;
    if (reference_i <= 0 || ((up == 0 || v <= high) && (down == 0 || v >= low))) return AATS_OC_NONE;
    restart(note);
    int const above = up != 0 && v > high;
    say(note, "price %s is %s %s, which is %s of the reference price %s: the percent price filter", wide_text(px_i, r->px_exp).s,
        above ? "above" : "below", wide_text(above ? high : low, r->px_exp - 8).s, wide_text(above ? up : down, -8).s,
        wide_text(reference_i, r->px_exp).s);
    return AATS_OC_PRICE_BAND;
}

static int worth(aats_rules_t const *r, int market, int64_t px_i, int64_t qty_i, note_t *note)
{
    int64_t const low = market && !r->min_notional_market ? 0 : r->min_notional_i;
    int64_t const high = market && !r->max_notional_market ? 0 : r->max_notional_i;
    if (px_i <= 0 || (low == 0 && high == 0) || r->inverse) return AATS_OC_NONE; /* an inverse contract's bounds are those of its size */

    /* both sides at the finer of px_exp and px_exp + qty_exp; what leaves 128 bits there is above every maximum */
    int const more_exp = r->derivative ? r->contract_exp : 0, scale = r->qty_exp + more_exp;
    __int128 v = (__int128)px_i * qty_i;
    __int128 const one = scale < 0 && scale >= -EXP_MAX ? (__int128)pow10_u(-scale) : 1;
    if (scale < -EXP_MAX) return AATS_OC_NONE; /* finer than anything that is traded: the venue judges */
    int huge = r->derivative && __builtin_mul_overflow(v, (__int128)r->contract_i, &v);
    huge = huge || (scale > 0 && __builtin_mul_overflow(v, (__int128)pow10_u(scale), &v));
    int const under = low != 0 && !huge && v < low * one, over = high != 0 && (huge || v > high * one);
    if (!under && !over) return AATS_OC_NONE;
    restart(note);
    int const exp = r->px_exp + (scale < 0 ? scale : 0);
    say(note, "notional %s (%s x %s) is %s the %s %s", huge ? "beyond 128 bits" : wide_text(v, exp).s, wide_text(px_i, r->px_exp).s,
        wide_text(qty_i, r->qty_exp).s, under ? "below" : "above", under ? "minimum" : "maximum",
        wide_text(under ? low : high, r->px_exp).s);
    return AATS_OC_NOTIONAL;
}

/* What was given, cut to the exponent: for the message of an order that is refused.  0 where it is no number. */
static int64_t as_given(aats_given_t const *given, int exp)
{
    grid_t const plain = {.exp = exp, .step = 1};
    spot_t spot = {0};
    int rc = AATS_E_SYNTAX;
    if (given->kind == AATS_GIVEN_FLOAT && isfinite(given->f) && given->f > 0) rc = place_float(given->f, &plain, &spot);
    if (given->kind == AATS_GIVEN_TEXT && given->text != NULL) rc = place_text(given->text, given->text_len, &plain, &spot);
    return rc != AATS_OK ? 0 : spot.below + (spot.near_above ? 1 : 0);
}

/* Fits both; *px_i and *qty_i stay below 0 where it does not come to them. */
static int fit(aats_rules_t const *r, int side, int market, aats_given_t const *px, aats_given_t const *qty, int64_t reference_px_i, int strict, int64_t *px_i,
               int64_t *qty_i, int *fitted, note_t *note)
{
    int const sell = side == AATS_SIDE_SELL;
    int moved = 0, code;
    if (r->halted) {
        say(note, "%s takes no orders now", r->symbol);
        return AATS_OC_HALTED;
    }

    int64_t const lot = market && r->market_lot_i > 0 ? r->market_lot_i : r->lot_i;
    grid_t const sizes = {"size", "lot", r->qty_exp, lot > 0 ? lot : 1, 0, AATS_OC_OFF_LOT};
    grid_t const prices = {"price", "tick", r->px_exp, r->tick_i > 0 ? r->tick_i : 1, sell, AATS_OC_OFF_TICK};

    if (qty->kind == AATS_GIVEN_NONE) {
        say(note, "no size");
        return AATS_OC_SIZE_RANGE;
    }
    code = put_on(&sizes, qty, strict, qty_i, &moved, note);
    if (code != AATS_OC_NONE) return code;
    int64_t const qty_min = market ? most(r->min_qty_i, r->market_min_qty_i) : r->min_qty_i;
    int64_t const qty_max = market ? least(r->max_qty_i, r->market_max_qty_i) : r->max_qty_i;
    code = within(&sizes, qty, *qty_i, qty_min, qty_max, AATS_OC_SIZE_RANGE, note);
    if (code != AATS_OC_NONE) return code;

    if (!market && px->kind == AATS_GIVEN_NONE) {
        restart(note);
        say(note, "no price: only a market order goes without");
        return AATS_OC_PRICE_RANGE;
    }
    if (!market) {
        code = put_on(&prices, px, strict, px_i, &moved, note);
        if (code == AATS_OC_NONE) code = within(&prices, px, *px_i, r->min_px_i, r->max_px_i, AATS_OC_PRICE_RANGE, note);
        if (code == AATS_OC_NONE) code = in_band(r, side, *px_i, reference_px_i, note);
        if (code != AATS_OC_NONE) return code;
    }
    code = worth(r, market, market ? reference_px_i : *px_i, *qty_i, note);
    *fitted = code == AATS_OC_NONE && moved;
    return code;
}

int aats_rules_fit(aats_rules_t const *r, int side, int tif, aats_given_t const *px, aats_given_t const *qty,
                   int64_t reference_px_i, int strict, int64_t *px_i, int64_t *qty_i, int *fitted, char *msg, size_t msg_sz)
{
    note_t note = {.at = msg, .sz = msg != NULL ? msg_sz : 0};
    int const market = tif == AATS_TIF_MARKET;
    *px_i = *qty_i = 0;
    *fitted = 0;
    restart(&note);
    if (side != AATS_SIDE_BUY && side != AATS_SIDE_SELL) return AATS_E_ARG;
    if (tif < AATS_TIF_IOC || tif > AATS_TIF_MARKET) return AATS_E_ARG;
    if (r->px_exp < -EXP_MAX || r->px_exp > EXP_MAX || r->qty_exp < -EXP_MAX || r->qty_exp > EXP_MAX) return AATS_E_ARG;
    *px_i = market ? 0 : -1;
    *qty_i = -1;
    int const code = fit(r, side, market, px, qty, reference_px_i, strict, px_i, qty_i, fitted, &note);
    if (*px_i < 0) *px_i = as_given(px, r->px_exp);
    if (*qty_i < 0) *qty_i = as_given(qty, r->qty_exp);
    return code;
}
