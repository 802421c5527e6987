/* fuzz_kraken.c -- whatever Kraken sends, its parsers give a documented code, and what they accept keeps the promises of venue.h and order.h.
 *
 * Input: one text message, read as market data, as a message of the private socket, and as an answer of REST to every kind of request.
 * Aborts on an undocumented code, a count beyond its array, a text outside the frame, numbers that no record may hold, a `next` that finds something wrong,
 * a checksum that depends on anything but the book, or a verdict that changes when the text is read a second time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
    inside(text, n, m->text, m->text_len);
    demand(m->bid_cnt <= AATS_MSG_LEVELS && m->ask_cnt <= AATS_MSG_LEVELS);
    switch (m->kind) {
    case AATS_MSG_DEPTH: case AATS_MSG_SNAPSHOT:
        for (size_t i = 0; i < m->bid_cnt; i++) demand(bids[i].px_i > 0 && bids[i].qty_i >= 0);
        for (size_t i = 0; i < m->ask_cnt; i++) demand(asks[i].px_i > 0 && asks[i].qty_i >= 0);
        demand(m->sym && m->has == AATS_HAS_CHECK);
        demand(aats_venue_kraken.check(m, bids, m->bid_cnt < 10 ? m->bid_cnt : 10, asks, m->ask_cnt < 10 ? m->ask_cnt : 10) ==
               aats_venue_kraken.check(m, bids, m->bid_cnt, asks, m->ask_cnt));
        break;
    case AATS_MSG_BBO: demand(m->bid_cnt == 1 && m->ask_cnt == 1 && bids[0].px_i >= 0 && asks[0].qty_i >= 0 && m->sym); break;
    case AATS_MSG_TRADE: demand(m->px_i > 0 && m->qty_i >= 0 && m->side && m->sym); break;
    case AATS_MSG_STATUS: demand(m->sym != NULL); break;
    default: demand(!m->more);
    }
}

static void market(char const *text, size_t n)
{
    aats_msg_t m = {.bids = bids, .asks = asks};
    int const e = aats_venue_kraken.parse(text, n, &m);
    documented(e);
    demand(m.offset <= n);
    demand(aats_venue_kraken.parse(text, n, &m) == e);
    if (e) return;
    record_ok(text, n, &m);
    for (size_t i = 0; m.more; i++) {
        demand(i < n);
        demand(aats_venue_kraken.next(text, n, &m) == AATS_OK);
        record_ok(text, n, &m);
    }
}

/* ---- orders ---- */

static void said_ok(char const *text, size_t n, aats_oreply_t const *r)
{
    demand(r->msg_cnt <= AATS_OREPLY_MSGS);
    inside(text, n, r->result, r->result_len);
    for (size_t i = 0; i < r->msg_cnt; i++) {
        aats_omsg_t const *m = &r->msgs[i];
        demand(m->kind > AATS_OM_NONE && m->kind <= AATS_OM_POSITION);
        demand(memchr(m->remote_id, 0, sizeof m->remote_id) && memchr(m->text, 0, sizeof m->text) && memchr(m->fee_asset, 0, sizeof m->fee_asset));
        if (m->kind == AATS_OM_FILL) demand(m->px_i > 0 && m->qty_i > 0 && m->trade_id);
    }
}

static void orders(char const *text, size_t n)
{
    aats_order_t order = {.order_id = 1, .instance = 7, .px_exp = -8, .qty_exp = -8, .remote_id = "OABCDE-12345-FGHIJ"};
    aats_oreply_t r = {.msgs = msgs};
    int e = aats_order_venue_kraken.parse(text, n, &r);
    documented(e);
    demand(!e || r.msg_cnt == 0);
    if (!e) said_ok(text, n, &r);
    for (int kind = AATS_OR_TIME; kind < AATS_OR_CNT; kind++) {
        r = (aats_oreply_t){.msgs = msgs};
        e = aats_order_venue_kraken.parse_http(200, "", 0, text, n, kind, &r);
        documented(e);
        if (e || r.kind != AATS_OV_REPLY) continue;
        e = aats_order_venue_kraken.result(&r, kind, &order);
        documented(e);
        demand(!e || r.msg_cnt == 0);
        if (!e) said_ok(text, n, &r);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t n)
{
    char *text = malloc(n ? n : 1); /* its own block: a look beyond it is seen */
    if (!text) return 0;
    memcpy(text, data, n);
    market(text, n);
    orders(text, n);
    free(text);
    return 0;
}
