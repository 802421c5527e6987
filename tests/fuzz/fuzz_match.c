/* fuzz_match.c -- whatever is done to a matching engine: quantities are conserved, limits held, no order rests that
 * would trade, and a second engine gives the same events.
 *
 * Input: byte 0 extreme prices or near ones, and late_ns; then operations of 5 bytes: what, side and kind, price,
 * quantity, id and owner.  Aborts on a difference, or on a code that match.h does not name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "match/match.h"

#define INPUT_MAX 2048
#define IDS 16

/* What the events have told of an order. */
typedef struct {
    int open;
    aats_match_order_t o;
    int64_t size;
    int64_t cum;
    uint64_t last_trade;
} told_t;

static void demand(int cond)
{
    if (!cond) abort();
}

static void take_event(told_t *told, aats_match_order_t const *placed, aats_match_ev_t const *ev)
{
    told_t *t = &told[ev->id % IDS];
    int const by_quote = t->open && t->o.quote_i > 0;
    switch (ev->kind) {
    case AATS_ME_NEW:
        demand(!t->open && placed != NULL && placed->id == ev->id);
        *t = (told_t){.open = 1, .o = *placed, .size = placed->qty_i};
        return;
    case AATS_ME_REJECTED: demand(ev->why != AATS_MR_DUPLICATE || t->open); return;
    case AATS_ME_TRADE:
        demand(t->open && ev->qty_i > 0 && ev->trade_no > t->last_trade);
        t->last_trade = ev->trade_no;
        t->cum += ev->qty_i;
        demand(t->cum == ev->cum_qty_i && (by_quote || t->cum + ev->leaves_i == t->size));
        if (t->o.tif != AATS_TIF_MARKET) demand(ev->side == AATS_SIDE_BUY ? ev->px_i <= t->o.px_i : ev->px_i >= t->o.px_i);
        if (t->o.tif == AATS_TIF_POS) demand(ev->maker == 1);
        if (ev->maker) demand(ev->px_i == t->o.px_i && (t->o.tif == AATS_TIF_GTC || t->o.tif == AATS_TIF_POS));
        t->open = ev->leaves_i > 0;
        return;
    case AATS_ME_EXPIRED:
        if (t->o.tif == AATS_TIF_FOK) demand(t->cum == 0 || ev->why == AATS_MR_STP);
        demand(t->open && (by_quote || t->cum + ev->qty_i == t->size));
        t->open = 0;
        return;
    case AATS_ME_CANCELED:
        demand(t->open && t->cum + ev->qty_i == t->size);
        t->open = 0;
        return;
    case AATS_ME_REDUCED:
        t->size -= ev->qty_i;
        demand(t->open && ev->qty_i > 0 && ev->leaves_i > 0 && (by_quote || t->cum + ev->leaves_i == t->size));
        return;
    default: abort();
    }
}

static int is_code(int64_t code)
{
    return code >= 0 || code == AATS_E_ARG || code == AATS_E_UNKNOWN;
}

/* act does one operation to one engine; the order placed goes to *o. */
static int64_t act(aats_match_t *m, uint8_t const *op, int64_t mid, uint64_t step, int64_t now_ns, aats_match_order_t *o)
{
    int const side = op[1] & 1;
    int64_t const px_i = (int64_t)((uint64_t)mid + ((uint64_t)(op[2] & 15) - 8) * step);
    int64_t const qty_i = op[3] & 128 ? INT64_MAX - (op[3] & 7) : op[3] & 31;
    uint64_t const id = op[4] % IDS;
    aats_level_t books[2][4];
    memset(o, 0, sizeof *o);
    switch (op[0] & 7) {
    case 0: return aats_match_level(m, side, px_i, qty_i, now_ns);
    case 1: return aats_match_trade(m, side ? AATS_SIDE_SELL : AATS_SIDE_BUY, px_i, qty_i, now_ns);
    case 2:
        if (op[4] & 1) return aats_match_cancel(m, op[2] % IDS, now_ns);
        return aats_match_reduce(m, op[2] % IDS, qty_i, now_ns);
    case 3:
        if (op[0] & 128) aats_match_clear(m);
        for (int i = 0; i < 4; i++) {
            books[AATS_BID][i] = (aats_level_t){(int64_t)((uint64_t)px_i - (uint64_t)i * step), op[3] >> i & 15};
            books[AATS_ASK][i] = (aats_level_t){(int64_t)((uint64_t)px_i + (uint64_t)(i + 1) * step), (op[4] >> i & 15) + 1};
        }
        return aats_match_book(m, books[0], op[1] >> 2 & 3, books[1], op[1] >> 4 & 3, now_ns);
    default:
        *o = (aats_match_order_t){.id = id, .owner = op[4] >> 4 & 1, .side = 1 + (uint32_t)side, .tif = (op[1] >> 1) % 7,
                                  .stp = (op[1] >> 4) % 6, .px_i = px_i, .qty_i = qty_i,
                                  .maker_rate_i = -(int64_t)op[3], .taker_rate_i = 100000000 - op[3]};
        if (op[0] & 64 && o->tif == AATS_TIF_MARKET) o->qty_i = 0, o->quote_i = px_i / 2 + op[3], o->lot_i = 1 + (op[4] >> 5);
        return aats_match_place(m, o, now_ns);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static int64_t const MID[] = {100, 6000000000000, INT64_MAX - 8, 8};
    if (size < 1) return 0;
    if (size > INPUT_MAX) size = INPUT_MAX;
    int64_t const mid = MID[data[0] & 3];
    uint64_t const step = data[0] & 4 ? 1 : mid > 1000 && mid < INT64_MAX / 2 ? 1000000 : 1;
    aats_match_t *m = aats_match_new(-8, -8, data[0] & 8 ? -18 : -8), *twin = aats_match_new(-8, -8, data[0] & 8 ? -18 : -8);
    aats_match_late(m, data[0] & 16 ? 3 : 0), aats_match_late(twin, data[0] & 16 ? 3 : 0);
    told_t told[IDS] = {0};
    aats_match_ev_t ev, same;
    aats_match_order_t o;
    int64_t now_ns = 1;

    for (size_t at = 1; at + 5 <= size; at += 5, now_ns++) {
        int64_t const code = act(m, data + at, mid, step, now_ns, &o);
        demand(is_code(code) && act(twin, data + at, mid, step, now_ns, &o) == code);
        while (aats_match_next(m, &ev)) {
            demand(aats_match_next(twin, &same) && memcmp(&ev, &same, sizeof ev) == 0);
            take_event(told, o.tif != 0 || o.side != 0 ? &o : NULL, &ev);
        }
        demand(!aats_match_next(twin, &same));
        size_t open = 0;
        for (int i = 0; i < IDS; i++) {
            int64_t const ahead = aats_match_ahead(m, (uint64_t)i);
            demand((ahead != AATS_E_UNKNOWN) == told[i].open);
            if (!told[i].open) continue;
            open++;
            demand(ahead >= 0);
            demand(!aats_match_would_take(m, (int)told[i].o.side, told[i].o.px_i));
            demand(aats_match_own(m, told[i].o.side == AATS_SIDE_BUY ? AATS_BID : AATS_ASK, told[i].o.px_i) >= told[i].size - told[i].cum);
        }
        demand(open == aats_match_open_cnt(m));
        for (int side = AATS_BID; side <= AATS_ASK; side++) {
            int64_t px_i, qty_i;
            demand(!aats_match_best(m, side, &px_i, &qty_i) || (px_i > 0 && qty_i > 0));
            demand(aats_match_public(m, side, mid) >= 0);
        }
    }
    aats_match_free(m);
    aats_match_free(twin);
    return 0;
}
