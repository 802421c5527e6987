/* fuzz_bybit.c -- whatever Bybit sends, its parsers give a documented code, and what they accept keeps the promises of venue.h and order.h.
 *
 * Input: one text message, read as market data, as a message of the order sockets of both categories, and as an answer of REST to every kind of request.
 * Aborts where the short way says anything else than the plain walk, on an undocumented code, a count beyond its array, a text outside the frame, numbers that no record may hold, a `next` that finds something wrong,
 * or a verdict that changes when the text is read a second time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "venue/bybit_fast.h"
#include "venue/order.h"
#include "venue/venue.h"

static aats_level_t bids[AATS_MSG_LEVELS + 1], asks[AATS_MSG_LEVELS + 1];
static aats_omsg_t msgs[AATS_OREPLY_MSGS + 1];

static void demand(int cond)
{
    if (!cond) abort();
}

static void documented(int e)
{
    static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_DUPKEY, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG};
    int known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
}

static void inside(char const *text, size_t n, char const *part, size_t part_n)
{
    if (part) demand(part >= text && part_n <= n && part + part_n <= text + n);
}

/* ---- market data ---- */

static void record_ok(char const *text, size_t n, aats_msg_t const *m)
{
    inside(text, n, m->sym, m->sym_len);
    inside(text, n, m->stream, m->stream_len);
    inside(text, n, m->text, m->text_len);
    demand(m->bid_cnt <= AATS_MSG_LEVELS && m->ask_cnt <= AATS_MSG_LEVELS);
    switch (m->kind) {
    case AATS_MSG_DEPTH: case AATS_MSG_SNAPSHOT:
        for (size_t i = 0; i < m->bid_cnt; i++) demand(bids[i].px_i > 0 && bids[i].qty_i >= 0);
        for (size_t i = 0; i < m->ask_cnt; i++) demand(asks[i].px_i > 0 && asks[i].qty_i >= 0);
        demand(m->first_id == m->last_id && m->sym && m->sym_len);
        break;
    case AATS_MSG_BBO: demand(m->bid_cnt == 1 && m->ask_cnt == 1 && bids[0].px_i >= 0 && asks[0].qty_i >= 0 && m->sym); break;
    case AATS_MSG_TRADE: demand(m->px_i > 0 && m->qty_i >= 0 && m->side && m->id && m->sym); break;
    case AATS_MSG_LIQUIDATION: demand(m->px_i > 0 && m->qty_i >= 0 && m->side && m->sym); break;
    case AATS_MSG_MARK: demand(m->px_i >= 0 && m->index_px_i >= 0 && m->sym); break;
    case AATS_MSG_FUNDING: demand(m->next_ns >= 0 && m->sym); break;
    default: demand(!m->more);
    }
}

static void same_levels(aats_level_t const *a, aats_level_t const *b, size_t cnt) { demand(cnt == 0 || !memcmp(a, b, cnt * sizeof *a)); }

/* With the instructions of each level the parser must say, to the last field and byte, what its plain walk says without any. */
static void same_on_each_level(char const *text, size_t n)
{
    static char const *const LEVELS[] = {"scalar", "sse42", "avx2", "avx512"};
    static aats_level_t plain_bids[AATS_MSG_LEVELS], plain_asks[AATS_MSG_LEVELS];
    aats_msg_t want = {.bids = plain_bids, .asks = plain_asks};
    demand(aats_isa_use("scalar", NULL, 0) == AATS_OK);
    int const e = bybit_parse_plain(text, n, &want);
    for (int i = 0; i < 4; i++) {
        aats_msg_t m = {.bids = bids, .asks = asks};
        demand(aats_isa_use(LEVELS[i], NULL, 0) == AATS_OK);
        demand(aats_venue_bybit.parse(text, n, &m) == e);
        same_levels(bids, plain_bids, m.bid_cnt);
        same_levels(asks, plain_asks, m.ask_cnt);
        m.bids = plain_bids;
        m.asks = plain_asks;
        demand(e || !memcmp(&m, &want, sizeof m)); /* both were cleared whole */
    }
}

static void market(char const *text, size_t n)
{
    aats_level_t const guard = {-7, -7};
    aats_msg_t m = {.bids = bids, .asks = asks}, again = {.bids = bids, .asks = asks};
    bids[AATS_MSG_LEVELS] = asks[AATS_MSG_LEVELS] = guard;
    int e = aats_venue_bybit.parse(text, n, &m);
    documented(e);
    demand(!memcmp(&bids[AATS_MSG_LEVELS], &guard, sizeof guard) && !memcmp(&asks[AATS_MSG_LEVELS], &guard, sizeof guard));
    demand(m.offset <= n && m.bids == bids && m.asks == asks);
    demand(aats_venue_bybit_swap.parse(text, n, &again) == e && again.kind == m.kind && again.last_id == m.last_id && again.more == m.more);
    for (size_t cnt = 0; !e; cnt++) {
        record_ok(text, n, &m);
        if (!m.more) break;
        demand(cnt <= n && aats_venue_bybit.next(text, n, &m) == AATS_OK);
    }
}

/* ---- orders ---- */

static void messages_ok(int e, aats_oreply_t const *r)
{
    static aats_omsg_t const untouched;
    documented(e);
    demand(r->msgs == msgs && r->msg_cnt <= AATS_OREPLY_MSGS && (!e || r->msg_cnt == 0));
    demand(!memcmp(&msgs[AATS_OREPLY_MSGS], &untouched, sizeof untouched));
    for (aats_omsg_t const *m = msgs; m < msgs + r->msg_cnt; m++) {
        demand(m->kind != AATS_OM_NONE && m->code < AATS_OC_CNT && m->venue_ns >= 0 && m->cum_qty_i >= -1);
        demand(memchr(m->remote_id, 0, sizeof m->remote_id) && memchr(m->symbol, 0, sizeof m->symbol));
        demand(memchr(m->fee_asset, 0, sizeof m->fee_asset) && memchr(m->text, 0, sizeof m->text));
        if (m->kind == AATS_OM_ACK || m->kind == AATS_OM_OPEN || m->kind == AATS_OM_FILL) demand(m->remote_id[0] != 0);
        if (m->kind == AATS_OM_FILL) demand(m->px_i > 0 && m->qty_i > 0 && m->liquidity && m->trade_id);
        if (m->kind == AATS_OM_DONE || m->kind == AATS_OM_REJECT || m->kind == AATS_OM_UNKNOWN) demand(m->code != AATS_OC_NONE);
        if (m->kind == AATS_OM_BALANCE || m->kind == AATS_OM_FOREIGN) demand(m->order_id == 0);
    }
}

static void results(char const *text, size_t n, aats_order_venue_t const *v, aats_oreply_t *r, int only)
{
    aats_order_t const order = {.order_id = 1, .instance = 0x0011223344556677, .px_exp = -8, .qty_exp = -8};
    if (r->kind != AATS_OV_REPLY) return;
    demand(r->status >= 100 && r->status <= 999 && r->msg_cnt == 0 && (r->status == 200) == (r->result && !r->oc));
    demand(!(r->unsure && (r->busy || r->fatal || r->clock)));
    inside(text, n, r->result, r->result_len);
    for (int kind = only ? only : AATS_OR_NONE + 1; kind < (only ? only + 1 : AATS_OR_CNT); kind++) {
        messages_ok(v->result(r, kind, &order), r);
        inside(text, n, r->next, r->next_len);
    }
}

static void orders(char const *text, size_t n, aats_order_venue_t const *v)
{
    aats_oreply_t r = {.msgs = msgs}, again = {.msgs = msgs};
    int e = v->parse(text, n, &again);
    demand(v->parse(text, n, &r) == e && r.kind == again.kind && r.id == again.id && r.msg_cnt == again.msg_cnt);
    messages_ok(e, &r);
    if (!e) results(text, n, v, &r, 0);
    static int const STATUSES[] = {200, 403, 429, 503};
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++)
        for (int kind = AATS_OR_NONE + 1; kind < AATS_OR_CNT; kind++) {
            e = v->parse_http(STATUSES[i], "", 0, text, n, kind, &r);
            documented(e);
            if (!e) results(text, n, v, &r, kind);
        }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(text, data, size);
    market(text, size);
    same_on_each_level(text, size);
    orders(text, size, &aats_order_venue_bybit);
    orders(text, size, &aats_order_venue_bybit_swap);
    free(text);
    return 0;
}
