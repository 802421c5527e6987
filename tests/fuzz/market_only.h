/* market_only.h -- what the fuzz targets of the venues with market data alone demand of their parsers: the promises of venue.h. */
#ifndef AATS_TESTS_FUZZ_MARKET_ONLY_H
#define AATS_TESTS_FUZZ_MARKET_ONLY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "venue/venue.h"

static aats_level_t bids[AATS_MSG_LEVELS + 1], asks[AATS_MSG_LEVELS + 1];

static void demand(int cond)
{
    if (!cond) abort();
}

static void inside(char const *text, size_t n, char const *part, size_t part_n)
{
    if (part) demand(part >= text && part_n <= n && part + part_n <= text + n);
}

/* Prices may be below 0 only where `any_px` (combos). */
static void promises(char const *text, size_t size, aats_msg_t const *m, int any_px)
{
    aats_level_t const *sides[2] = {bids, asks};
    size_t cnt[2] = {m->bid_cnt, m->ask_cnt};
    inside(text, size, m->sym, m->sym_len);
    inside(text, size, m->stream, m->stream_len);
    inside(text, size, m->text, m->text_len);
    int const book = m->kind == AATS_MSG_DEPTH || m->kind == AATS_MSG_SNAPSHOT || m->kind == AATS_MSG_PARTIAL;
    for (int side = 0; side < 2 && book; side++) {
        demand(cnt[side] <= AATS_MSG_LEVELS);
        for (size_t i = 0; i < cnt[side]; i++) demand(sides[side][i].qty_i >= 0 && (any_px || sides[side][i].px_i > 0));
    }
    if (m->kind == AATS_MSG_DEPTH) demand(m->sym && m->sym_len && (m->has & AATS_HAS_PREV || m->first_id <= m->last_id));
    if (m->kind == AATS_MSG_TRADE) demand(m->sym && m->sym_len && m->side && m->qty_i >= 0 && (any_px || m->px_i > 0));
    if (m->kind == AATS_MSG_BBO) demand(m->sym && m->bid_cnt == 1 && m->ask_cnt == 1 && bids[0].qty_i >= 0 && asks[0].qty_i >= 0);
    if (m->kind == AATS_MSG_MARK) demand(m->sym && m->px_i >= 0 && m->index_px_i >= 0);
    demand(!m->more || m->kind == AATS_MSG_TRADE);
}

static void market_only(aats_venue_t const *v, uint8_t const *data, size_t size, int any_px)
{
    static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_DUPKEY, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG};
    aats_level_t const guard = {-7, -7};
    aats_msg_t m = {.bids = bids, .asks = asks}, again = {.bids = bids, .asks = asks};
    char *text = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(text, data, size);
    bids[AATS_MSG_LEVELS] = asks[AATS_MSG_LEVELS] = guard;
    int const e = v->parse(text, size, &again);
    int known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
    demand(v->parse(text, size, &m) == e && again.kind == m.kind && again.last_id == m.last_id && again.more == m.more);
    demand(m.offset <= size && m.bids == bids && m.asks == asks);
    if (!e) promises(text, size, &m, any_px);
    while (!e && m.more) {
        uint32_t const left = m.more;
        demand(v->next && v->next(text, size, &m) == AATS_OK && m.more == left - 1 && m.kind == AATS_MSG_TRADE);
        promises(text, size, &m, any_px);
    }
    demand(!memcmp(&bids[AATS_MSG_LEVELS], &guard, sizeof guard) && !memcmp(&asks[AATS_MSG_LEVELS], &guard, sizeof guard));
    free(text);
}

#endif
