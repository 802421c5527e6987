/* fuzz_venue.c -- whatever a venue sends, its parser gives a documented code, and what it accepts keeps the promises of venue.h.
 *
 * Input: one text message.  Aborts on an undocumented code, a count beyond its array, a text outside the frame, a price or quantity that no
 * book may hold, a verdict that changes when the text is read a second time, or one that hangs on the processor: with the instructions of each level
 * (base/isa.h) the venue's parser must say, to the last field and byte, what its plain walk says without any. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "venue/binance_fast.h"
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

static void levels_ok(aats_level_t const *levels, size_t cnt)
{
    demand(cnt <= AATS_MSG_LEVELS);
    for (size_t i = 0; i < cnt; i++) demand(levels[i].px_i > 0 && levels[i].qty_i >= 0);
}

static void same_levels(aats_level_t const *a, aats_level_t const *b, size_t cnt) { demand(cnt == 0 || !memcmp(a, b, cnt * sizeof *a)); }

static void same_on_each_level(char const *text, size_t size)
{
    static char const *const LEVELS[] = {"scalar", "sse42", "avx2", "avx512"};
    static aats_level_t plain_bids[AATS_MSG_LEVELS], plain_asks[AATS_MSG_LEVELS];
    aats_msg_t want = {.bids = plain_bids, .asks = plain_asks};
    demand(aats_isa_use("scalar", NULL, 0) == AATS_OK);
    int const e = binance_parse_plain(text, size, &want);
    for (int i = 0; i < 4; i++) {
        aats_msg_t m = {.bids = bids, .asks = asks};
        demand(aats_isa_use(LEVELS[i], NULL, 0) == AATS_OK);
        demand(aats_venue_binance.parse(text, size, &m) == e);
        same_levels(bids, plain_bids, m.bid_cnt);
        same_levels(asks, plain_asks, m.ask_cnt);
        m.bids = plain_bids;
        m.asks = plain_asks;
        demand(!memcmp(&m, &want, sizeof m)); /* both were cleared whole */
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_DUPKEY, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG};
    aats_level_t const guard = {-7, -7};
    aats_msg_t m = {.bids = bids, .asks = asks}, again = {.bids = bids, .asks = asks};
    char *text = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(text, data, size);
    bids[AATS_MSG_LEVELS] = asks[AATS_MSG_LEVELS] = guard;

    int e = aats_venue_binance.parse(text, size, &m), known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
    demand(!memcmp(&bids[AATS_MSG_LEVELS], &guard, sizeof guard) && !memcmp(&asks[AATS_MSG_LEVELS], &guard, sizeof guard));
    demand(m.offset <= size && m.bids == bids && m.asks == asks);
    inside(text, size, m.sym, m.sym_len);
    inside(text, size, m.stream, m.stream_len);
    inside(text, size, m.text, m.text_len);
    if (!e && (m.kind == AATS_MSG_DEPTH || m.kind == AATS_MSG_SNAPSHOT || m.kind == AATS_MSG_PARTIAL)) {
        levels_ok(bids, m.bid_cnt);
        levels_ok(asks, m.ask_cnt);
    }
    if (!e && (m.kind == AATS_MSG_TRADE || m.kind == AATS_MSG_AGG)) demand(m.px_i > 0 && m.qty_i >= 0 && m.first_id <= m.last_id && m.side);
    if (!e && m.kind == AATS_MSG_BBO) demand(m.bid_cnt == 1 && m.ask_cnt == 1 && bids[0].px_i >= 0 && asks[0].qty_i >= 0);
    if (!e && m.kind >= AATS_MSG_DEPTH && m.kind <= AATS_MSG_BBO && m.kind != AATS_MSG_SNAPSHOT) demand(m.sym && m.sym_len);
    demand(aats_venue_binance.parse(text, size, &again) == e && again.kind == m.kind && again.last_id == m.last_id);
    same_on_each_level(text, size);
    free(text);
    return 0;
}
