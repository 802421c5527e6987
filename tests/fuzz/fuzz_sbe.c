/* fuzz_sbe.c -- whatever comes in a binary frame, its parser gives a documented code, and what it accepts keeps the promises of venue.h.
 *
 * Input: one frame's payload.  Aborts on an undocumented code, a count beyond its array, a text outside the frame, a price or quantity that no book may
 * hold, a part that is refused after part 0 was good, or a verdict that changes when the frame is read a second time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "venue/venue.h"

static aats_level_t bids[AATS_MSG_LEVELS + 1], asks[AATS_MSG_LEVELS + 1];

static void demand(int cond)
{
    if (!cond) abort();
}

static void levels_ok(aats_level_t const *levels, size_t cnt)
{
    demand(cnt <= AATS_MSG_LEVELS);
    for (size_t i = 0; i < cnt; i++) demand(levels[i].px_i > 0 && levels[i].qty_i >= 0);
}

static void trade_ok(aats_msg_t const *m)
{
    demand(m->px_i > 0 && m->qty_i >= 0 && (m->side == 1 || m->side == -1) && m->first_id == m->id && m->last_id == m->id);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG, AATS_E_UTF8};
    aats_venue_t const *venue = &aats_venue_binance_sbe;
    aats_level_t const guard = {-7, -7};
    aats_msg_t m = {.bids = bids, .asks = asks}, again = {.bids = bids, .asks = asks};
    uint8_t *bytes = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(bytes, data, size);
    bids[AATS_MSG_LEVELS] = asks[AATS_MSG_LEVELS] = guard;

    int e = venue->parse_binary(bytes, size, 0, &m), known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
    demand(!memcmp(&bids[AATS_MSG_LEVELS], &guard, sizeof guard) && !memcmp(&asks[AATS_MSG_LEVELS], &guard, sizeof guard));
    demand(m.offset <= size && m.bids == bids && m.asks == asks && !m.stream && !m.text);
    if (m.sym) demand(m.sym_len && (uint8_t const *)m.sym >= bytes && (uint8_t const *)m.sym + m.sym_len <= bytes + size);
    if (!e && m.kind != AATS_MSG_OTHER) demand(m.sym && m.exch_ns >= 0 && m.parts);
    if (!e && (m.kind == AATS_MSG_DEPTH || m.kind == AATS_MSG_PARTIAL)) {
        levels_ok(bids, m.bid_cnt);
        levels_ok(asks, m.ask_cnt);
    }
    if (!e && m.kind == AATS_MSG_BBO) demand(m.bid_cnt == 1 && m.ask_cnt == 1 && bids[0].px_i >= 0 && asks[0].qty_i >= 0);
    if (!e && m.kind == AATS_MSG_TRADE) {
        trade_ok(&m);
        for (uint32_t part = 0; part < m.parts; part++) {
            demand(venue->parse_binary(bytes, size, part, &again) == AATS_OK && again.kind == AATS_MSG_TRADE && again.parts == m.parts);
            trade_ok(&again);
        }
    }
    if (!e) demand(venue->parse_binary(bytes, size, m.parts > 1 ? m.parts : 1, &again) == AATS_E_ARG);
    demand(venue->parse_binary(bytes, size, 0, &again) == e && again.kind == m.kind && again.last_id == m.last_id);
    free(bytes);
    return 0;
}
