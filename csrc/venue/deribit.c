/* deribit.c -- Deribit's market channels (DERIBIT), JSON-RPC over WebSocket: what they send and what they want.
 *
 * Facts: exchanges/deribit.md, sections 1 to 3.  Market data only: no orders.
 *
 * Odd behaviours, by number:
 *   V-01 all numbers are JSON numbers as a program prints floats (42500.0, 1e-4): read as decimals, never as floats.
 *   V-02 a level of a book is [action, price, amount]; a deleted one has amount 0 (2).  The action tells nothing more, and is not believed.
 *   V-03 a book of top levels comes whole and without "type", its levels as [price, amount] (2): PARTIAL.
 *   V-04 change ids are only chained, never counted (3).
 *   V-05 prices of combos may be 0 or below.
 *   V-06 a side of the best bid and ask that is empty has price null or 0.0 (2).
 *   V-07 an answer lists the channels that were really subscribed and drops the others silently (2): an empty list is a refusal.
 *   V-08 "test_request" wants public/test in answer, or the connection is ended (1).
 *   V-09 trades of a kind ("trades.option.any.raw") are of several instruments: each trade names its own.
 */
#include <stdio.h>

#include "proto/num_fast.h"
#include "venue/later.h"
#include "venue/level_rows.h"
#include "venue/venue.h"

#define EXP (-8) /* of prices and amounts, unless the symbol has its own */

static void scale(aats_msg_t *m) { aats_msg_scale(m, EXP, EXP); }

/* ["new",42500.0,1000.0] in the one spelling that the venue uses.  Returns the byte behind it; NULL: it is spelled otherwise. */
__attribute__((always_inline)) static inline char const *
level_fast(char const *p, char const *end, aats_msg_t const *m, int *digits, int *decimals, int64_t *px_i, int64_t *qty_i)
{
    if (end - p < 16 || p[0] != '[' || p[1] != '"') return NULL;
    size_t const word = p[2] == 'n' ? 3 : 6;
    if (memcmp(p + 2, p[2] == 'n' ? "new\"," : p[2] == 'c' ? "change\"," : "delete\",", word + 2)) return NULL;
    int one = 1;
    p = aats_num_fast_alike(p + 4 + word, end, m->px_exp, digits, decimals, px_i);
    if (!p || end - p < 4 || *p != ',') return NULL;
    p = aats_num_fast_alike(p + 1, end, m->qty_exp, NULL, &one, qty_i);
    return p && p < end && *p == ']' ? p + 1 : NULL;
}

static int level(aats_json_t *j, aats_msg_t const *m, int64_t *px_i, int64_t *qty_i)
{
    char const *action;
    size_t n;
    aats_json_array(j);
    if (aats_json_item(j) != 1) return aats_json_fail(j, AATS_E_SHAPE);
    if (aats_json_type(j) == '"') {
        aats_json_str(j, &action, &n);
        if (aats_json_item(j) != 1) return aats_json_fail(j, AATS_E_SHAPE);
    }
    aats_json_num(j, m->px_exp, px_i);
    if (aats_json_item(j) != 1) return aats_json_fail(j, AATS_E_SHAPE);
    aats_json_num(j, m->qty_exp, qty_i);
    if (aats_json_item(j) != 0 || *qty_i < 0) return aats_json_fail(j, AATS_E_SHAPE);
    return j->err;
}

/* [["new",42500.0,1000.0],..] or [[42500.0,1000.0],..] (V-02, V-03) */
static int levels(aats_json_t *j, aats_msg_t const *m, aats_level_t *out, size_t *cnt)
{
    int64_t px_i = 0, qty_i = 0;
    int digits = 0, decimals = 0;
    int tries = LEVEL_ROWS_TRIES;
    size_t n = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        size_t const got = tries > 0 ? level_rows_actions(j->start, &j->p, j->end, m->px_exp, m->qty_exp, out + n, AATS_MSG_LEVELS - n) : 0;
        n += got;
        tries = got ? LEVEL_ROWS_TRIES : tries - 1;
        if (got) continue;
        char const *p = level_fast(j->p, j->end, m, &digits, &decimals, &px_i, &qty_i);
        if (!p && level(j, m, &px_i, &qty_i)) break;
        for (;;) { /* as far as they are spelled as always, with a comma between two of them */
            if (n == AATS_MSG_LEVELS) return aats_json_fail(j, AATS_E_TOO_BIG);
            out[n++] = (aats_level_t){px_i, qty_i};
            if (!p) break;
            j->p = p;
            if (p == j->end || *p != ',' || tries > 0) break;
            p = level_fast(p + 1, j->end, m, &digits, &decimals, &px_i, &qty_i);
            if (!p) break;
        }
    }
    *cnt = n;
    return j->err;
}

/* {"type":"change","timestamp":1699999999500,"instrument_name":"BTC-PERPETUAL","prev_change_id":123456789,"change_id":123456790,"bids":[..],"asks":[..]} */
static int book(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *type = "", *name = "";
    size_t key_len, type_len = 0, name_len = 0;
    uint32_t seen = 0;
    m->kind = AATS_MSG_DEPTH;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("type")) take_str(j, &seen, 4, &type, &type_len);
        else if (IS("timestamp")) take_ms(j, &seen, 5, &m->exch_ns);
        else if (IS("instrument_name")) take_str(j, &seen, 0, &name, &name_len);
        else if (IS("change_id")) take_u64(j, &seen, 1, &m->last_id);
        else if (IS("prev_change_id")) {
            aats_json_seen(j, &seen, 6);
            if (aats_json_type(j) == 'n') aats_json_null(j);
            else if (!aats_json_u64(j, &m->prev_id)) m->has |= AATS_HAS_PREV;
        } else if (IS("bids")) aats_json_seen(j, &seen, 2), levels(j, m, m->bids, &m->bid_cnt);
        else if (IS("asks")) aats_json_seen(j, &seen, 3), levels(j, m, m->asks, &m->ask_cnt);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0xf)) return j->err;
    if (name_len != m->sym_len || memcmp(name, m->sym, name_len)) return aats_json_fail(j, AATS_E_SHAPE);
    if (AATS_JSON_IS(type, type_len, "change")) {
        m->first_id = m->prev_id;
        return m->has & AATS_HAS_PREV ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
    }
    m->has = 0;
    m->kind = AATS_JSON_IS(type, type_len, "snapshot") ? AATS_MSG_SNAPSHOT : AATS_MSG_PARTIAL; /* V-03 */
    return type_len && m->kind == AATS_MSG_PARTIAL ? aats_json_fail(j, AATS_E_SHAPE) : AATS_OK;
}

/* {"timestamp":1765541767174,"instrument_name":"BTC-PERPETUAL","best_bid_price":92288.0,"best_bid_amount":133440.0,"best_ask_price":..,"best_ask_amount":..} */
static int quote(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    later_t v[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    m->kind = AATS_MSG_BBO;
    m->bid_cnt = m->ask_cnt = 1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("timestamp")) take_ms(j, &seen, 4, &m->exch_ns);
        else if (IS("best_bid_price")) take_later(j, &seen, 0, &v[0]);
        else if (IS("best_bid_amount")) take_later(j, &seen, 1, &v[1]);
        else if (IS("best_ask_price")) take_later(j, &seen, 2, &v[2]);
        else if (IS("best_ask_amount")) take_later(j, &seen, 3, &v[3]);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0xf)) return j->err;
    aats_level_t *sides[2] = {m->bids, m->asks};
    for (int i = 0; i < 2; i++) { /* V-06 */
        if (later_num(j, &v[2 * i], m->px_exp, AATS_OK, &sides[i]->px_i) || later_num(j, &v[2 * i + 1], m->qty_exp, AATS_OK, &sides[i]->qty_i)) return j->err;
        if (sides[i]->qty_i < 0) return aats_json_fail(j, AATS_E_SHAPE);
    }
    return AATS_OK;
}

/* {"trade_seq":271252854,"trade_id":"403691824","timestamp":1765531356452,"price":92294.5,"instrument_name":"BTC-PERPETUAL","direction":"sell","amount":10.0} */
static int trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *side = "";
    size_t key_len, side_len = 0;
    uint32_t seen = 0;
    later_t px = {NULL, 0}, qty = {NULL, 0};
    m->kind = AATS_MSG_TRADE;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("trade_seq")) take_u64(j, &seen, 0, &m->id);
        else if (IS("timestamp")) take_ms(j, &seen, 1, &m->exch_ns);
        else if (IS("price")) take_later(j, &seen, 2, &px);
        else if (IS("instrument_name")) take_str(j, &seen, 3, &m->sym, &m->sym_len);
        else if (IS("direction")) take_str(j, &seen, 4, &side, &side_len);
        else if (IS("amount")) take_later(j, &seen, 5, &qty);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x3f)) return j->err;
    scale(m);
    m->first_id = m->last_id = m->id;
    m->side = AATS_JSON_IS(side, side_len, "buy") ? 1 : AATS_JSON_IS(side, side_len, "sell") ? -1 : 0;
    if (later_num(j, &px, m->px_exp, AATS_E_SHAPE, &m->px_i) || later_num(j, &qty, m->qty_exp, AATS_E_SHAPE, &m->qty_i)) return j->err;
    return m->sym_len && m->side && m->qty_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* An array of trades (V-09): the first is told, the others by next. */
static int trades(aats_json_t *j, aats_msg_t *m, char const *text)
{
    aats_msg_t first = *m;
    uint32_t cnt = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (trade(j, m)) return j->err;
        if (cnt++) continue;
        first = *m;
        first.cursor = (size_t)(j->p - text);
    }
    if (j->err) return j->err;
    *m = first;
    m->more = cnt ? cnt - 1 : 0;
    return AATS_OK;
}

/* {"mark_price":0.001972,"index_price":2006.72,"instrument_name":..,"timestamp":..,..} */
static int ticker(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    later_t mark = {NULL, 0}, index = {NULL, 0};
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("mark_price")) take_later(j, &seen, 0, &mark);
        else if (IS("index_price")) take_later(j, &seen, 1, &index);
        else if (IS("timestamp")) take_ms(j, &seen, 2, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (j->err || !mark.s) return j->err; /* nothing that is used */
    m->kind = AATS_MSG_MARK;
    if (later_num(j, &mark, m->px_exp, AATS_OK, &m->px_i) || later_num(j, &index, m->px_exp, AATS_OK, &m->index_px_i)) return j->err;
    return m->px_i >= 0 && m->index_px_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* What a notification holds, by its channel: "book.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.raw", "quote.BTC-PERPETUAL". */
static int data(aats_json_t *j, aats_msg_t *m, char const *text)
{
    size_t head = 0;
    while (head < m->stream_len && m->stream[head] != '.') head++;
    char const *kind = m->stream, *name = m->stream + head + 1;
    size_t rest = head < m->stream_len ? m->stream_len - head - 1 : 0, n = 0;
    if (AATS_JSON_IS(kind, head, "trades")) return trades(j, m, text);
    while (n < rest && name[n] != '.') n++;
    if (!n || (!AATS_JSON_IS(kind, head, "book") && !AATS_JSON_IS(kind, head, "quote") && !AATS_JSON_IS(kind, head, "ticker"))) return aats_json_skip(j);
    m->sym = name;
    m->sym_len = n;
    scale(m);
    return kind[0] == 'b' ? book(j, m) : kind[0] == 'q' ? quote(j, m) : ticker(j, m);
}

/* {"channel":"book.BTC-PERPETUAL.100ms","data":{..}} of a notification, {"type":"test_request"} of a heartbeat */
static int params(aats_json_t *j, aats_msg_t *m, char const *text, char const **type, size_t *type_len)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    later_t early = {NULL, 0};
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(j, &seen, 0, &m->stream, &m->stream_len);
        else if (IS("data") && m->stream) aats_json_seen(j, &seen, 1), data(j, m, text);
        else if (IS("data")) take_later(j, &seen, 1, &early);
        else if (IS("type")) take_str(j, &seen, 2, type, type_len);
        else aats_json_skip(j);
    }
    if (j->err || !early.s || !m->stream) return j->err;
    aats_json_t inner;
    aats_json_init(&inner, early.s, early.n);
    data(&inner, m, text);
    return aats_json_end(&inner) ? aats_json_fail(j, inner.err) : AATS_OK;
}

/* {"code":11050,"message":"bad_request"} */
static int refusal(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->kind = AATS_MSG_ERROR;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("code")) aats_json_seen(j, &seen, 0), aats_json_i64(j, &m->code);
        else if (IS("message")) take_str(j, &seen, 1, &m->text, &m->text_len);
        else aats_json_skip(j);
    }
    return j->err;
}

/* The answer to a request: a list of channels (V-07), or what public/test says. */
static void answered(later_t const *result, aats_msg_t *m)
{
    static char const VERSION[] = "\"version\"";
    if (result->s[0] == '{') {
        if (memmem(result->s, result->n, VERSION, sizeof VERSION - 1)) m->kind = AATS_MSG_PONG;
    } else if (result->s[0] == '[') {
        int some = 0;
        for (size_t i = 1; i + 1 < result->n; i++) some |= result->s[i] == '"';
        m->kind = some ? AATS_MSG_ACK : AATS_MSG_ERROR;
        if (!some) m->text = result->s, m->text_len = result->n;
    }
}

static int parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j;
    char const *key, *method = NULL, *type = "";
    size_t key_len, method_len = 0, type_len = 0;
    uint32_t seen = 0;
    later_t result = {NULL, 0}, early = {NULL, 0};
    aats_msg_clear(m);
    scale(m);
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("method")) take_str(&j, &seen, 0, &method, &method_len);
        else if (IS("params") && method) {
            aats_json_seen(&j, &seen, 1);
            if (AATS_JSON_IS(method, method_len, "subscription") || AATS_JSON_IS(method, method_len, "heartbeat")) params(&j, m, text, &type, &type_len);
            else aats_json_skip(&j);
        } else if (IS("params")) take_later(&j, &seen, 1, &early);
        else if (IS("id") && aats_json_type(&j) == '0') take_u64(&j, &seen, 2, &m->id);
        else if (IS("result")) take_later(&j, &seen, 3, &result);
        else if (IS("error")) aats_json_seen(&j, &seen, 4), refusal(&j, m);
        else aats_json_skip(&j);
    }
    if (!aats_json_end(&j)) {
        aats_json_t inner;
        int const pushed = method && (AATS_JSON_IS(method, method_len, "subscription") || AATS_JSON_IS(method, method_len, "heartbeat"));
        if (early.s && pushed) {
            aats_json_init(&inner, early.s, early.n);
            params(&inner, m, text, &type, &type_len);
            if (aats_json_end(&inner)) aats_json_fail(&j, inner.err);
        }
        if (method && AATS_JSON_IS(method, method_len, "heartbeat")) m->kind = AATS_JSON_IS(type, type_len, "test_request") ? AATS_MSG_PING : AATS_MSG_BEAT; /* V-08 */
        else if (result.s && !method && !m->kind) answered(&result, m);
    }
    size_t const good = aats_json_offset(&j);
    m->offset = good < n ? good : n;
    return j.err;
}

static int next(char const *text, size_t n, aats_msg_t *m)
{
    size_t at = m->cursor;
    while (at < n && text[at] != '{') at++;
    aats_json_t j;
    aats_json_init(&j, text + at, n - at);
    m->has = 0;
    if (trade(&j, m)) return j.err;
    m->cursor = (size_t)(j.p - text);
    m->more--;
    return AATS_OK;
}

static int path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/ws/api/v2");
    return n < (int)cap ? n : AATS_E_FULL;
}

/* {"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.100ms","book.BTC-PERPETUAL.100ms"]}}
 * Raw channels want a key (2); these are the fastest without one. */
static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    static struct {
        unsigned bit;
        char const *head, *tail;
    } const CHANNELS[] = {{AATS_STREAM_DEPTH, "book.", ".100ms"}, {AATS_STREAM_TRADE, "trades.", ".100ms"}, {AATS_STREAM_BBO, "quote.", ""}, {AATS_STREAM_MARK, "ticker.", ".100ms"}};
    size_t at = 0;
    char const *comma = "";
    int n = snprintf(out, cap, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"public/%s\",\"params\":{\"channels\":[", (unsigned long long)id, off ? "unsubscribe" : "subscribe");
    for (size_t i = 0; i < cnt; i++) {
        for (size_t k = 0; k < sizeof CHANNELS / sizeof CHANNELS[0]; k++) {
            if (!(streams & CHANNELS[k].bit)) continue;
            at += (size_t)n;
            if (at >= cap) return AATS_E_FULL;
            n = snprintf(out + at, cap - at, "%s\"%s%s%s\"", comma, CHANNELS[k].head, native[i], CHANNELS[k].tail);
            comma = ",";
        }
    }
    at += (size_t)n;
    if (at >= cap) return AATS_E_FULL;
    n = snprintf(out + at, cap - at, "]}}");
    at += (size_t)n;
    return at < cap ? (int)at : AATS_E_FULL;
}

static int ping(char *out, size_t cap, uint64_t id)
{
    int n = snprintf(out, cap, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"public/test\",\"params\":{}}", (unsigned long long)id);
    return n < (int)cap ? n : AATS_E_FULL;
}

static int answer(char *out, size_t cap, aats_msg_t const *m)
{
    (void)m;
    return ping(out, cap, 0);
}

aats_venue_t const aats_venue_deribit = {
    .name            = "DERIBIT",
    .format          = "json",
    .px_exp          = EXP,
    .qty_exp         = EXP,
    .scales          = 1,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO | AATS_STREAM_MARK,
    .seq             = AATS_SEQ_PREV,
    .snapshots       = AATS_SNAP_STREAM,
    .trade_ids       = AATS_IDS_COUNT, /* trade_seq, by instrument (2) */
    .parse           = parse,
    .next            = next,
    .path            = path,
    .subscribe       = subscribe,
    .ping            = ping,
    .answer          = answer,
    .ping_every_ns   = (int64_t)30 * 1000000000, /* an idle connection is ended after 10 minutes (1) */
    .ping_ns         = (int64_t)60 * 1000000000,
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000,
    .sends_per_s     = 5,
    .streams_max     = 1500,
    .subscribe_batch = 100, /* the limit is 500 channels a request (2) */
    .ban_ns          = (int64_t)60 * 1000000000,
};
