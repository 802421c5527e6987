/* fuzz_okx.c -- as fuzz_venue.c for OKX: documented codes, the promises of venue.h, the short way equal to the plain walk at every level of instructions, lists
 * read to their end; and the same text as an order message, to the order dialect.
 *
 * Input: one text message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "venue/okx_fast.h"
#include "venue/order.h"
#include "venue/venue.h"

static aats_level_t bids[AATS_MSG_LEVELS + 1], asks[AATS_MSG_LEVELS + 1], plain_bids[AATS_MSG_LEVELS], plain_asks[AATS_MSG_LEVELS];
static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_DUPKEY, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG};

static void demand(int cond)
{
    if (!cond) abort();
}

static void documented(int e)
{
    int known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
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

static void message_ok(char const *text, size_t size, aats_msg_t const *m)
{
    if (m->sym != m->room) inside(text, size, m->sym, m->sym_len);
    else demand(m->sym_len < sizeof m->room);
    inside(text, size, m->stream, m->stream_len);
    inside(text, size, m->text, m->text_len);
    if (m->kind == AATS_MSG_DEPTH || m->kind == AATS_MSG_SNAPSHOT || m->kind == AATS_MSG_PARTIAL) levels_ok(m->bids, m->bid_cnt), levels_ok(m->asks, m->ask_cnt);
    if (m->kind == AATS_MSG_DEPTH) demand(m->sym && (m->has & (AATS_HAS_PREV | AATS_HAS_CHECK)) && m->first_id <= m->last_id);
    if (m->kind == AATS_MSG_BBO) demand(m->bid_cnt == 1 && m->ask_cnt == 1 && m->bids[0].px_i >= 0 && m->asks[0].qty_i >= 0);
    if (m->kind == AATS_MSG_TRADE) demand(m->sym && m->px_i > 0 && m->qty_i >= 0 && m->side);
    if (m->kind == AATS_MSG_LIQUIDATION) demand(m->sym && m->px_i >= 0 && m->qty_i >= 0 && m->side);
    if (m->kind == AATS_MSG_MARK) demand(m->px_i >= 0 && m->index_px_i >= 0);
    if (m->kind == AATS_MSG_STATUS || m->kind == AATS_MSG_FUNDING) demand(m->sym != NULL);
    if (m->kind == AATS_MSG_ACK) demand(m->sym != NULL || m->id != 0);
}

/* Another exponent than the venue's own, as instruments with finer ticks have it. */
static void fine(void *arg, void *message)
{
    aats_msg_t *m = message;
    int const *exps = arg;
    m->px_exp = exps[0];
    m->qty_exp = exps[1];
}

static void same_on_each_level(char const *text, size_t size, int *exps)
{
    static char const *const LEVELS[] = {"scalar", "sse42", "avx2", "avx512"};
    aats_msg_t want = {.bids = plain_bids, .asks = plain_asks, .scale = exps ? fine : NULL, .scale_arg = exps};
    int const e = okx_parse_plain(text, size, &want);
    for (int i = 0; i < 4; i++) {
        aats_msg_t m = {.bids = bids, .asks = asks, .scale = want.scale, .scale_arg = exps};
        demand(aats_isa_use(LEVELS[i], NULL, 0) == AATS_OK);
        demand(aats_venue_okx.parse(text, size, &m) == e);
        if (e) continue;
        demand(m.kind == want.kind && m.bid_cnt == want.bid_cnt && m.ask_cnt == want.ask_cnt && m.has == want.has && m.more == want.more);
        demand(!m.bid_cnt || !memcmp(bids, plain_bids, m.bid_cnt * sizeof *bids));
        demand(!m.ask_cnt || !memcmp(asks, plain_asks, m.ask_cnt * sizeof *asks));
        demand(m.first_id == want.first_id && m.last_id == want.last_id && m.id == want.id && m.exch_ns == want.exch_ns && m.offset == want.offset);
        demand(m.px_i == want.px_i && m.qty_i == want.qty_i && m.side == want.side && m.stream == want.stream && m.stream_len == want.stream_len);
        demand(!(m.has & AATS_HAS_PREV) || m.prev_id == want.prev_id);
        demand(want.sym == want.room || (m.sym == want.sym && m.sym_len == want.sym_len));
    }
}

static void as_orders(char const *text, size_t size)
{
    static int const KINDS[] = {AATS_OR_PLACE, AATS_OR_CANCEL, AATS_OR_AMEND, AATS_OR_QUERY, AATS_OR_OPEN, AATS_OR_FILLS, AATS_OR_ACCOUNT, AATS_OR_POSITIONS, AATS_OR_TIME};
    aats_order_t const order = {.order_id = 1, .instance = 0x0011223344556677, .px_exp = -8, .qty_exp = -8};
    aats_oreply_t r = {.msgs = msgs};
    int e = aats_order_venue_okx.parse(text, size, &r);
    documented(e);
    demand(r.msg_cnt <= AATS_OREPLY_MSGS && (!e || r.msg_cnt == 0));
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        e = aats_order_venue_okx.parse_http(200, "", 0, text, size, KINDS[i], &r);
        documented(e);
        if (e || r.kind != AATS_OV_REPLY) continue;
        documented(aats_order_venue_okx.result(&r, KINDS[i], &order));
        inside(text, size, r.next, r.next_len);
        demand(r.msg_cnt <= AATS_OREPLY_MSGS);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    aats_level_t const guard = {-7, -7};
    int exps[2] = {-10, 0};
    char *text = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(text, data, size);
    bids[AATS_MSG_LEVELS] = asks[AATS_MSG_LEVELS] = guard;
    aats_msg_t m = {.bids = bids, .asks = asks};
    int const e = aats_venue_okx_swap.parse(text, size, &m);
    documented(e);
    demand(!memcmp(&bids[AATS_MSG_LEVELS], &guard, sizeof guard) && !memcmp(&asks[AATS_MSG_LEVELS], &guard, sizeof guard));
    demand(m.offset <= size && m.bids == bids && m.asks == asks);
    if (!e) {
        message_ok(text, size, &m);
        while (m.more) {
            uint32_t const left = m.more;
            demand(aats_venue_okx_swap.next(text, size, &m) == AATS_OK && m.more == left - 1);
            message_ok(text, size, &m);
        }
    }
    same_on_each_level(text, size, NULL);
    same_on_each_level(text, size, exps);
    as_orders(text, size);
    free(text);
    return 0;
}
