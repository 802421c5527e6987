/* fuzz_binance_futures.c -- as fuzz_venue.c for Binance's futures: documented codes, the promises of venue.h, and the short way equal to the plain walk at
 * every level of instructions; a frame of two messages gives both. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "venue/binance_futures.h"

static aats_level_t bids[AATS_MSG_LEVELS + 1], asks[AATS_MSG_LEVELS + 1], plain_bids[AATS_MSG_LEVELS], plain_asks[AATS_MSG_LEVELS];

static void demand(int cond)
{
    if (!cond) abort();
}

static void inside(char const *text, size_t n, char const *part, size_t part_n)
{
    if (part) demand(part >= text && part_n <= n && part + part_n <= text + n);
}

static void levels_ok(aats_level_t const *levels, size_t cnt)
{
    demand(cnt <= AATS_MSG_LEVELS);
    for (size_t i = 0; i < cnt; i++) demand(levels[i].px_i > 0 && levels[i].qty_i >= 0);
}

static void promises(char const *text, size_t size, int e, aats_msg_t *m)
{
    static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_DUPKEY, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG};
    int known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
    demand(m->offset <= size && m->bids == bids && m->asks == asks);
    inside(text, size, m->sym, m->sym_len);
    inside(text, size, m->stream, m->stream_len);
    inside(text, size, m->text, m->text_len);
    if (e) return;
    if (m->kind == AATS_MSG_DEPTH || m->kind == AATS_MSG_SNAPSHOT || m->kind == AATS_MSG_PARTIAL) levels_ok(bids, m->bid_cnt), levels_ok(asks, m->ask_cnt);
    if (m->kind == AATS_MSG_DEPTH) demand(m->has & AATS_HAS_PREV);
    if (m->kind == AATS_MSG_TRADE) demand(m->px_i >= 0 && m->qty_i >= 0 && m->side && (m->px_i || !m->qty_i));
    if (m->kind == AATS_MSG_AGG || m->kind == AATS_MSG_LIQUIDATION) demand(m->px_i > 0 && m->qty_i >= 0 && m->first_id <= m->last_id && m->side);
    if (m->kind == AATS_MSG_BBO) demand(m->bid_cnt == 1 && m->ask_cnt == 1 && bids[0].px_i >= 0 && asks[0].qty_i >= 0);
    if (m->kind == AATS_MSG_MARK) demand(m->px_i >= 0 && m->index_px_i >= 0);
    demand(!m->more || m->kind == AATS_MSG_MARK);
    int const of_symbol = m->kind >= AATS_MSG_DEPTH && m->kind != AATS_MSG_SNAPSHOT && (m->kind <= AATS_MSG_BBO || m->kind == AATS_MSG_MARK || m->kind == AATS_MSG_LIQUIDATION);
    if (of_symbol) demand(m->sym && m->sym_len);
    if (m->more) demand(aats_venue_binance_swap.next(text, size, m) == AATS_OK && m->kind == AATS_MSG_FUNDING && !m->more && m->sym);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static char const *const LEVELS[] = {"scalar", "sse42", "avx2", "avx512"};
    aats_level_t const guard = {-7, -7};
    char *text = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(text, data, size);
    bids[AATS_MSG_LEVELS] = asks[AATS_MSG_LEVELS] = guard;
    aats_msg_t want = {.bids = plain_bids, .asks = plain_asks};
    demand(aats_isa_use("scalar", NULL, 0) == AATS_OK);
    int const e = binance_futures_plain(text, size, &want);
    for (int i = 0; i < 4; i++) {
        aats_msg_t m = {.bids = bids, .asks = asks};
        demand(aats_isa_use(LEVELS[i], NULL, 0) == AATS_OK);
        demand(aats_venue_binance_swap.parse(text, size, &m) == e);
        demand(m.bid_cnt == want.bid_cnt && m.ask_cnt == want.ask_cnt);
        demand(!m.bid_cnt || !memcmp(bids, plain_bids, m.bid_cnt * sizeof *bids));
        demand(!m.ask_cnt || !memcmp(asks, plain_asks, m.ask_cnt * sizeof *asks));
        want.bids = bids, want.asks = asks;
        demand(e || !memcmp(&m, &want, sizeof m)); /* both were cleared whole */
        want.bids = plain_bids, want.asks = plain_asks;
        promises(text, size, e, &m);
    }
    demand(!memcmp(&bids[AATS_MSG_LEVELS], &guard, sizeof guard) && !memcmp(&asks[AATS_MSG_LEVELS], &guard, sizeof guard));
    free(text);
    return 0;
}
