/* compat.c -- see compat.h.  Bytes are put one field after the other: nothing in these records is aligned. */
#include "proto/compat.h"

#include <string.h>

#include "base/scale.h"

#define TICK_SZ 25
#define BOOK_SZ 9
#define SIZE_SZ 4

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian, as that client unpacks");
_Static_assert(AATS_COMPAT_MAX == SIZE_SZ + BOOK_SZ + 32 * AATS_COMPAT_DEPTH_MAX, "the largest book");

static uint8_t *put(uint8_t *at, void const *field, size_t sz)
{
    memcpy(at, field, sz);
    return at + sz;
}

static uint8_t *put_i32(uint8_t *at, int32_t v) { return put(at, &v, sizeof v); }
static uint8_t *put_f64(uint8_t *at, double v) { return put(at, &v, sizeof v); }

/* begin writes the size, where there is one, and the type; NULL without room for all of it. */
static uint8_t *begin(uint8_t *out, size_t cap, int form, int type, size_t sz)
{
    if (cap < sz + (form == AATS_COMPAT_TCP ? SIZE_SZ : 0)) return NULL;
    if (form == AATS_COMPAT_TCP) out = put_i32(out, (int32_t)sz);
    *out = (uint8_t)type;
    return out + 1;
}

int aats_compat_tick(uint8_t *out, size_t cap, int form, int32_t cid, aats_rec_t const *rec, int px_exp, int qty_exp)
{
    uint8_t *at = begin(out, cap, form, 0, TICK_SZ);
    if (!at) return AATS_E_FULL;
    at = put_i32(at, cid);
    at = put_i32(at, rec->flags & AATS_F_BUYER ? 1 : -1);
    at = put_f64(at, aats_scale(rec->qty_i, qty_exp));
    at = put_f64(at, aats_scale(rec->px_i, px_exp));
    return (int)(at - out);
}

static uint8_t *put_levels(uint8_t *at, int form, aats_level_t const *levels, uint32_t cnt, int px_exp, int qty_exp)
{
    for (uint32_t i = 0; i < cnt; i++) {
        double const px = aats_scale(levels[i].px_i, px_exp), qty = aats_scale(levels[i].qty_i, qty_exp);
        at = put_f64(at, form == AATS_COMPAT_TCP ? px : qty);
        at = put_f64(at, form == AATS_COMPAT_TCP ? qty : px);
    }
    return at;
}

int aats_compat_book(uint8_t *out, size_t cap, int form, int32_t cid, uint32_t depth, aats_rec_t const *rec, aats_level_t const *bids,
                     aats_level_t const *asks, int px_exp, int qty_exp)
{
    uint32_t cnt = depth < AATS_COMPAT_DEPTH_MAX ? depth : AATS_COMPAT_DEPTH_MAX;
    if (rec->bid_len < cnt) cnt = rec->bid_len;
    if (rec->ask_len < cnt) cnt = rec->ask_len;
    uint8_t *at = begin(out, cap, form, 1, BOOK_SZ + 32 * (size_t)cnt);
    if (!at) return AATS_E_FULL;
    at = put_i32(at, cid);
    at = put_i32(at, (int32_t)cnt);
    at = put_levels(at, form, bids, cnt, px_exp, qty_exp);
    at = put_levels(at, form, asks, cnt, px_exp, qty_exp);
    return (int)(at - out);
}
