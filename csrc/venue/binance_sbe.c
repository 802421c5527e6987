/* binance_sbe.c -- Binance Spot market streams in Simple Binary Encoding: the market data of binance.c without its text.
 *
 * Facts: the venue's page "SBE Market Data Streams" (github.com/binance/binance-spot-api-docs, sbe-market-data-streams.md) and its schema
 * sbe/schemas/stream_1_0.xml, id 1, version 0, both as of July 2026; docs/sbe.md has the tables.  No live byte has been seen by who wrote this: the
 * tests' bytes come from two encoders of their own (tests/venue/sbe_schema.py, aats/sim/sbe.py).
 *
 * Events come in binary frames, everything else (answers to requests, errors, serverShutdown) in text frames, as on the JSON streams; snapshots come
 * over REST as JSON.  Update ids and the rule that joins diffs to a snapshot are those of JSON.  Times are in us.
 *
 * Odd behaviours, by number:
 *   V-20 the symbol stands behind the groups, so a frame's bones are walked first, and a bad number is still laid at the right symbol's door.
 *   V-21 one trade event may hold several trades: they are its parts (venue.h).
 *   V-22 isBestMatch is constant: it takes no byte.
 *   V-23 price = mantissa * 10^exponent, one exponent for all prices of a message and one for its quantities; it may differ between messages.
 *   V-24 a message of a newer version is read by its block lengths, and may end later than we know; one of another schema id is refused.
 *   V-25 best bid/ask is culled under load: of what waits for a symbol only the newest is sent.  Its ids jump anyway; nothing follows from it here.
 *   V-26 groups of levels count in 16 bits, the group of trades in 32.
 *   V-27 depth has no speed in its name; the venue sends it each 20 ms (100 ms in text).
 */
#include "proto/sbe.h"
#include "proto/utf8.h"
#include "venue/binance_ask.h"
#include "venue/binance_text.h"
#include "venue/venue.h"

enum { SCHEMA_ID = 1 };
enum { TRADES = 10000, BEST_BID_ASK = 10001, DEPTH_SNAPSHOT = 10002, DEPTH_DIFF = 10003 };

/* What is known of each block, and where its fields stand. */
enum { TRADES_SZ = 18, TRADES_TIME = 8, TRADES_EXPS = 16 };           /* eventTime, transactTime, priceExponent, qtyExponent */
enum { TRADE_SZ = 25, TRADE_PX = 8, TRADE_QTY = 16, TRADE_MAKER = 24 }; /* id, price, qty, isBuyerMaker (V-22) */
enum { BBO_SZ = 50, BBO_ID = 8, BBO_EXPS = 16, BBO_BID = 18, BBO_ASK = 34 }; /* eventTime, bookUpdateId, exponents, price and qty twice */
enum { BOOK_SZ = 18, BOOK_ID = 8, BOOK_EXPS = 16 };                   /* eventTime, bookUpdateId, exponents */
enum { DIFF_SZ = 26, DIFF_FIRST = 8, DIFF_LAST = 16, DIFF_EXPS = 24 }; /* eventTime, firstBookUpdateId, lastBookUpdateId, exponents */
enum { LEVEL_SZ = 16 };                                               /* price, qty */

/* How far mantissas are from our scale (V-23). */
typedef struct {
    int px;
    int qty;
} shift_t;

static shift_t shift_of(uint8_t const *exps) { return (shift_t){(int8_t)exps[0] - BINANCE_EXP, (int8_t)exps[1] - BINANCE_EXP}; }

/* A fault of the value at `at`: the bones before it were good. */
static int bad(aats_sbe_t *s, uint8_t const *at, int err)
{
    if (!s->err) s->p = at;
    return aats_sbe_fail(s, err);
}

static void take_id(aats_sbe_t *s, uint8_t const *at, uint64_t *out)
{
    int64_t v = aats_sbe_i64(at);
    if (v < 0) bad(s, at, AATS_E_RANGE);
    *out = (uint64_t)v;
}

static void take_us(aats_sbe_t *s, uint8_t const *at, int64_t *ns)
{
    int64_t us = aats_sbe_i64(at);
    if (us < 0 || us > INT64_MAX / 1000) bad(s, at, AATS_E_RANGE);
    else *ns = us * 1000;
}

/* A price and the quantity behind it, the price at least `low`. */
static void take_pair(aats_sbe_t *s, uint8_t const *at, shift_t shift, int64_t low, int64_t *px_i, int64_t *qty_i)
{
    int64_t px = aats_sbe_i64(at), qty = aats_sbe_i64(at + 8);
    if (px < low) bad(s, at, AATS_E_SHAPE);
    if (qty < 0) bad(s, at + 8, AATS_E_SHAPE);
    int e = aats_shift10(px, shift.px, px_i);
    if (e) bad(s, at, e);
    e = aats_shift10(qty, shift.qty, qty_i);
    if (e) bad(s, at + 8, e);
}

/* Levels whose exponents are ours or coarser, if all of them are good: a multiplication each.  Returns how many: all, or none, and take_levels finds out
 * why.  Cost: a whole message of 40 levels is read in 70 ns with it, in 180 where take_pair reads them one by one. */
static size_t many_levels(aats_sbe_group_t const *g, shift_t shift, aats_level_t *out)
{
    if (shift.px < 0 || shift.px > 18 || shift.qty < 0 || shift.qty > 18) return 0;
    uint64_t const px_by = (uint64_t)AATS_POW10_I[shift.px], px_max = AATS_SBE_MAX[shift.px];
    uint64_t const qty_by = (uint64_t)AATS_POW10_I[shift.qty], qty_max = AATS_SBE_MAX[shift.qty];
    uint64_t signs = 0; /* the highest bit: a price outside [1, px_max], a quantity outside [0, qty_max] */
    uint8_t const *at = g->at;
    for (uint32_t i = 0; i < g->cnt; i++, at += g->step) {
        uint64_t const px = (uint64_t)aats_sbe_i64(at), qty = (uint64_t)aats_sbe_i64(at + 8);
        out[i].px_i = (int64_t)(px * px_by);
        out[i].qty_i = (int64_t)(qty * qty_by);
        signs |= (px - 1) | (px_max - px) | qty | (qty_max - qty);
    }
    return signs >> 63 ? 0 : g->cnt;
}

static void take_levels(aats_sbe_t *s, aats_sbe_group_t const *g, shift_t shift, aats_level_t *out, size_t *cnt)
{
    if (g->cnt > AATS_MSG_LEVELS) bad(s, g->at, AATS_E_TOO_BIG);
    if (s->err) return;
    size_t i = many_levels(g, shift, out);
    for (; i < g->cnt && !s->err; i++) take_pair(s, g->at + i * g->step, shift, 1, &out[i].px_i, &out[i].qty_i);
    *cnt = g->cnt;
}

/* The end of the bones: the symbol, and behind it nothing that version 0 does not know (V-24). */
static int take_sym(aats_sbe_t *s, aats_sbe_head_t const *head, aats_msg_t *m)
{
    char const *sym = NULL;
    size_t n = 0;
    if (aats_sbe_text8(s, &sym, &n)) return s->err;
    if (!n) return aats_sbe_fail(s, AATS_E_SHAPE);
    if (!aats_utf8_ok(sym, n)) return aats_sbe_fail(s, AATS_E_UTF8);
    if (!head->version && aats_sbe_left(s)) return aats_sbe_fail(s, AATS_E_SHAPE);
    m->sym = sym;
    m->sym_len = n;
    return AATS_OK;
}

static void one_trade(aats_sbe_t *s, uint8_t const *at, shift_t shift, aats_msg_t *m)
{
    take_id(s, at, &m->id);
    take_pair(s, at + TRADE_PX, shift, 1, &m->px_i, &m->qty_i);
    if (at[TRADE_MAKER] > 1) bad(s, at + TRADE_MAKER, AATS_E_SHAPE);
    m->side = at[TRADE_MAKER] ? -1 : 1; /* the buyer was the maker: the aggressor sold */
    m->first_id = m->last_id = m->id;
}

/* TradesStreamEvent: eventTime transactTime priceExponent qtyExponent, trades {id price qty isBuyerMaker}, symbol */
static void trades(aats_sbe_t *s, aats_sbe_head_t const *head, uint32_t part, aats_msg_t *m)
{
    aats_sbe_group_t g = {0};
    uint8_t const *root = aats_sbe_block(s, head->block_len, TRADES_SZ);
    m->kind = AATS_MSG_TRADE;
    aats_sbe_group(s, 1, TRADE_SZ, &g);
    if (take_sym(s, head, m)) return;
    if (!g.cnt) { /* nothing was traded */
        m->kind = AATS_MSG_OTHER;
        return;
    }
    shift_t shift = shift_of(root + TRADES_EXPS);
    take_us(s, root + TRADES_TIME, &m->exch_ns);
    m->parts = g.cnt; /* V-21 */
    if (part >= g.cnt) return;
    uint32_t from = part ? part : g.cnt - 1; /* part 0 judges them all, from the last to the first, which it is */
    for (uint32_t i = from + 1; i-- > part && !s->err;) one_trade(s, g.at + (size_t)i * g.step, shift, m);
}

/* BestBidAskStreamEvent: eventTime bookUpdateId priceExponent qtyExponent bidPrice bidQty askPrice askQty, symbol */
static void best(aats_sbe_t *s, aats_sbe_head_t const *head, aats_msg_t *m)
{
    uint8_t const *root = aats_sbe_block(s, head->block_len, BBO_SZ);
    m->kind = AATS_MSG_BBO;
    if (take_sym(s, head, m)) return;
    shift_t shift = shift_of(root + BBO_EXPS);
    take_us(s, root, &m->exch_ns);
    take_id(s, root + BBO_ID, &m->last_id);
    take_pair(s, root + BBO_BID, shift, 0, &m->bids[0].px_i, &m->bids[0].qty_i);
    take_pair(s, root + BBO_ASK, shift, 0, &m->asks[0].px_i, &m->asks[0].qty_i);
    m->bid_cnt = m->ask_cnt = 1;
}

/* DepthDiffStreamEvent: eventTime firstBookUpdateId lastBookUpdateId priceExponent qtyExponent, bids {price qty}, asks {price qty}, symbol
 * DepthSnapshotStreamEvent: eventTime bookUpdateId priceExponent qtyExponent, bids, asks, symbol */
static void depth(aats_sbe_t *s, aats_sbe_head_t const *head, aats_msg_t *m)
{
    int diff = head->template_id == DEPTH_DIFF;
    aats_sbe_group_t bids = {0}, asks = {0};
    uint8_t const *root = aats_sbe_block(s, head->block_len, diff ? DIFF_SZ : BOOK_SZ);
    m->kind = diff ? AATS_MSG_DEPTH : AATS_MSG_PARTIAL;
    aats_sbe_group(s, 0, LEVEL_SZ, &bids);
    aats_sbe_group(s, 0, LEVEL_SZ, &asks);
    if (take_sym(s, head, m)) return;
    shift_t shift = shift_of(root + (diff ? DIFF_EXPS : BOOK_EXPS));
    take_us(s, root, &m->exch_ns);
    if (diff) take_id(s, root + DIFF_FIRST, &m->first_id);
    take_id(s, root + (diff ? DIFF_LAST : BOOK_ID), &m->last_id);
    take_levels(s, &bids, shift, m->bids, &m->bid_cnt);
    take_levels(s, &asks, shift, m->asks, &m->ask_cnt);
}

/* Codes: AATS_E_SYNTAX (it ends too early), AATS_E_SHAPE (another schema, a block that is too short, bytes behind the end, no symbol, a value that no
 * message has), AATS_E_RANGE, AATS_E_INEXACT (a number that our scale cannot hold), AATS_E_TOO_BIG (levels), AATS_E_UTF8 (the symbol), AATS_E_ARG (no such
 * part). */
static int parse_binary(uint8_t const *bytes, size_t n, uint32_t part, aats_msg_t *m)
{
    aats_sbe_t s;
    aats_sbe_head_t head;
    aats_msg_clear(m);
    m->parts = 1;
    aats_sbe_init(&s, bytes, n);
    if (!aats_sbe_head(&s, &head)) {
        if (head.schema_id != SCHEMA_ID) bad(&s, bytes + 4, AATS_E_SHAPE); /* V-24 */
        else if (head.template_id == DEPTH_DIFF || head.template_id == DEPTH_SNAPSHOT) depth(&s, &head, m);
        else if (head.template_id == BEST_BID_ASK) best(&s, &head, m);
        else if (head.template_id == TRADES) trades(&s, &head, part, m);
        else s.p = s.end; /* a message of a later day: AATS_MSG_OTHER */
        if (part >= m->parts) aats_sbe_fail(&s, AATS_E_ARG);
    }
    m->offset = (size_t)(s.p - bytes);
    return s.err;
}

/* Answers, errors and good-byes are those of the JSON streams. */
static int parse(char const *text, size_t n, aats_msg_t *m) { return aats_venue_binance.parse(text, n, m); }

static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    static binance_stream_t const NAMES[] = {{AATS_STREAM_DEPTH, "depth"}, {AATS_STREAM_TRADE, "trade"}, {AATS_STREAM_BBO, "bestBidAsk"}}; /* V-27 */
    return binance_ask(out, cap, id, off, streams, native, cnt, NAMES, sizeof NAMES / sizeof NAMES[0]);
}

aats_venue_t const aats_venue_binance_sbe = {
    .name            = "BINANCE",
    .format          = "sbe",
    .px_exp          = BINANCE_EXP,
    .qty_exp         = BINANCE_EXP,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO, /* no aggregated trades */
    .fuses           = 1,
    .parse           = parse,
    .parse_binary    = parse_binary,
    .path            = binance_path,
    .subscribe       = subscribe,
    .key_field       = "X-MBX-APIKEY",                  /* the key alone: "timestamp and signature are not necessary" */
    .ping_ns         = 20000000000,                     /* "ping frame every 20 seconds" */
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000, /* "only valid for 24 hours": replaced at about 23 */
    .sends_per_s     = 3,                               /* the limit is 5; pongs and our own pings are not held back */
    .streams_max     = 1020,                            /* the limit is 1024 */
    .subscribe_batch = 100,
    .ban_ns          = (int64_t)120 * 1000000000,       /* as the JSON streams */
};
