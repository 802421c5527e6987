/* bybit.c -- Bybit V5 market streams (BYBIT: spot, BYBIT_SWAP: linear perpetuals): what they send and what they want.
 *
 * Facts: exchanges/bybit_v5.md, sections 1 to 3.  Read from the top: control texts, the frame around each topic's data (bybit_data.c),
 * requests.
 *
 * Odd behaviours, by number:
 *   V-01 the order of a message's keys varies: "type" and "ts" may stand before or behind "data" (2); "topic" stood first so far.
 *   V-02 a book begins with a snapshot in the stream, and a later one, or any message with u = 1 (the service was started anew), begins
 *        it again (3).
 *   V-03 u counts each topic's messages by one.  The venue's pages promise only that it is "always in sequence"; seq has gaps (3).
 *   V-04 orderbook.1 is all snapshots; with nothing new it comes again after 3 s with the same u; a side without orders is an empty
 *        array (2, 3).
 *   V-05 a ticker of a contract is a delta: what is missing has not changed; "" is no value (2).
 *   V-06 S of a trade is the side of the taker; S of a liquidation is the position's: "Buy", a long one, is closed by selling (2).
 *   V-07 a trade's id is a UUID on contracts and a number on spot: text_id64 makes a number of either.
 *   V-08 the pong to {"op":"ping"} has op "ping" and ret_msg "pong" on public sockets, op "pong" on others (1).
 *   V-09 an answer says "success", spot with the word "subscribe", contracts with "", options by a list of topics (2).
 *   V-10 orderbook.rpi has a third number in each level and counts orders that take no part in this book: passed over, like
 *        orderbook.full (2).
 *   V-11 options stream trades and tickers by the asset ("publicTrade.BTC"): such a row is its own symbol's (2).
 *
 * Not here: inverse contracts.  They have a socket of their own, and which one a symbol is on is not a matter of streams.
 */
#include <stdio.h>
#include <string.h>

#include "proto/num.h"
#include "venue/bybit_data.h"
#include "venue/bybit_fast.h"
#include "venue/take.h"

typedef struct {
    char const *data;    /* inside the text; NULL: it was read in passing, or there was none */
    size_t data_len;
    int of;              /* OF_* */
    int snapshot, delta; /* what "type" says */
    int64_t ts_ns, cts_ns;
} frame_t;

/* ---- what is no market data ---- */

/* {"success":true,"ret_msg":"subscribe","conn_id":"..","req_id":"7","op":"subscribe"}   {"success":false,"ret_msg":"Invalid topic: ..",..}
 * {"success":true,"ret_msg":"pong","conn_id":"..","req_id":"7","op":"ping"}             (V-08)
 * {"success":true,"conn_id":"..","data":{"failTopics":[],"successTopics":[..]},"type":"COMMAND_RESP"}   (V-09) */
typedef struct {
    char const *op, *said;
    size_t op_len, said_len;
    int success, fails;
    uint32_t seen;
} control_t;

static void request_id(aats_json_t *j, uint32_t *seen, aats_msg_t *m)
{
    char const *s;
    size_t n;
    if (aats_json_type(j) != '"') aats_json_skip(j);
    else if (!take_str(j, seen, 0, &s, &n) && aats_num_u64(s, n, &m->id)) m->id = 0;
}

static void fail_topics(aats_json_t *j, control_t *c)
{
    char const *key;
    size_t key_len;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (!IS("failTopics") || aats_json_type(j) != '[') {
            aats_json_skip(j);
            continue;
        }
        aats_json_array(j);
        while (aats_json_item(j) == 1) c->fails = 1, aats_json_skip(j);
    }
}

static void judge(control_t const *c, aats_msg_t *m)
{
    int const pong = AATS_JSON_IS(c->said, c->said_len, "pong") || AATS_JSON_IS(c->op, c->op_len, "pong");
    m->kind = pong ? AATS_MSG_PONG : !(c->seen & 2) ? AATS_MSG_OTHER : c->success && !c->fails ? AATS_MSG_ACK : AATS_MSG_ERROR;
    if (m->kind != AATS_MSG_ERROR) return;
    m->text = c->said;
    m->text_len = c->said_len;
}

/* ---- a whole text ---- */

static void take_data(aats_json_t *j, uint32_t *seen, frame_t *f, control_t *c, aats_msg_t *m)
{
    aats_json_seen(j, seen, 1);
    if (f->of) bybit_payload(j, f->of, m);
    else if (m->stream) aats_json_skip(j);
    else if (c->seen && aats_json_type(j) == '{') fail_topics(j, c);
    else aats_json_raw(j, &f->data, &f->data_len); /* V-01 */
}

static int finish(aats_json_t *j, frame_t const *f, uint32_t seen, aats_msg_t *m)
{
    if (f->of == OF_OTHER || whole(j, seen, 3)) return j->err;
    if (m->kind != AATS_MSG_TRADE && m->kind != AATS_MSG_LIQUIDATION) m->exch_ns = f->cts_ns ? f->cts_ns : f->ts_ns;
    if (f->of != OF_BOOK && f->of != OF_TOP) return AATS_OK;
    if (f->snapshot == f->delta || (f->of == OF_TOP && f->delta)) return aats_json_fail(j, AATS_E_SHAPE); /* V-04 */
    if (f->of == OF_BOOK && (f->snapshot || m->last_id == 1)) m->kind = AATS_MSG_SNAPSHOT; /* V-02 */
    if (m->last_id == 1) m->has |= AATS_HAS_RESET;
    return AATS_OK;
}

int bybit_parse_plain(char const *text, size_t n, aats_msg_t *m)
{
    char const *key, *s;
    size_t key_len, s_len;
    uint32_t seen = 0, asked = 0;
    frame_t f = {.data = NULL};
    control_t c = {.op = "", .said = ""};
    aats_json_t j;
    aats_msg_clear(m);
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("topic")) {
            take_str(&j, &seen, 0, &m->stream, &m->stream_len);
            if (!j.err) f.of = bybit_topic(m);
        } else if (IS("data")) take_data(&j, &seen, &f, &c, m);
        else if (IS("type") && aats_json_type(&j) == '"') {
            take_str(&j, &seen, 2, &s, &s_len);
            f.snapshot = !j.err && AATS_JSON_IS(s, s_len, "snapshot");
            f.delta = !j.err && AATS_JSON_IS(s, s_len, "delta");
        } else if (IS("ts") && aats_json_type(&j) == '0') take_ms(&j, &seen, 3, &f.ts_ns);
        else if (IS("cts") && aats_json_type(&j) == '0') take_ms(&j, &seen, 4, &f.cts_ns);
        else if (IS("success") && aats_json_type(&j) == 't') aats_json_seen(&j, &c.seen, 1), aats_json_bool(&j, &c.success);
        else if (IS("op") && aats_json_type(&j) == '"') take_str(&j, &c.seen, 2, &c.op, &c.op_len);
        else if (IS("ret_msg") && aats_json_type(&j) == '"') take_str(&j, &c.seen, 3, &c.said, &c.said_len);
        else if (IS("req_id")) request_id(&j, &asked, m);
        else aats_json_skip(&j);
    }
    if (!aats_json_end(&j)) {
        if (f.data && m->stream) {
            aats_json_t inner;
            aats_json_init(&inner, f.data, f.data_len);
            inner.start = text;
            bybit_payload(&inner, f.of, m);
            if (aats_json_end(&inner)) aats_json_fail(&j, inner.err), j.p = inner.p;
        }
        if (m->stream) finish(&j, &f, seen, m);
        else judge(&c, m);
    }
    m->offset = aats_json_offset(&j);
    return j.err;
}

static int bybit_parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_msg_clear(m);
    return bybit_fast(text, n, m) ? AATS_OK : bybit_parse_plain(text, n, m);
}

/* Rows one by one; the funding of a ticker behind its mark price. */
static int bybit_next(char const *text, size_t n, aats_msg_t *m)
{
    m->more = 0;
    if (m->kind == AATS_MSG_MARK) {
        m->kind = AATS_MSG_FUNDING;
        return AATS_OK;
    }
    aats_json_t j;
    aats_json_init(&j, text, n);
    j.p = text + m->cursor;
    if (bybit_row(&j, m)) return j.err;
    while (j.p < j.end && (*j.p == ' ' || *j.p == '\n' || *j.p == '\r' || *j.p == '\t')) j.p++;
    if (j.p < j.end && *j.p == ',') {
        m->more = 1;
        m->cursor = aats_json_offset(&j) + 1;
    }
    return AATS_OK;
}

/* ---- requests ---- */

static int spot_path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/v5/public/spot");
    return n < (int)cap ? n : AATS_E_FULL;
}

static int linear_path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/v5/public/linear");
    return n < (int)cap ? n : AATS_E_FULL;
}

/* {"req_id":"7","op":"subscribe","args":["orderbook.50.BTCUSDT","publicTrade.BTCUSDT"]}; mark and funding come in one topic. */
static int bybit_subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    static struct { unsigned bits; char const *head; } const TOPICS[] = {
        {AATS_STREAM_DEPTH, "orderbook.50."}, {AATS_STREAM_TRADE, "publicTrade."}, {AATS_STREAM_BBO, "orderbook.1."},
        {AATS_STREAM_MARK | AATS_STREAM_FUNDING, "tickers."}, {AATS_STREAM_LIQUIDATION, "allLiquidation."},
    };
    size_t at = 0;
    char const *comma = "";
    int n = snprintf(out, cap, "{\"req_id\":\"%llu\",\"op\":\"%s\",\"args\":[", (unsigned long long)id, off ? "unsubscribe" : "subscribe");
    for (size_t i = 0; i < cnt; i++) {
        for (size_t k = 0; k < sizeof TOPICS / sizeof TOPICS[0]; k++) {
            if (!(streams & TOPICS[k].bits)) continue;
            at += (size_t)n;
            if (at >= cap) return AATS_E_FULL;
            n = snprintf(out + at, cap - at, "%s\"%s%.*s\"", comma, TOPICS[k].head, AATS_SYMBOL_SZ - 1, native[i]);
            comma = ",";
        }
    }
    at += (size_t)n;
    if (at >= cap) return AATS_E_FULL;
    at += (size_t)snprintf(out + at, cap - at, "]}");
    return at < cap ? (int)at : AATS_E_FULL;
}

static int bybit_ping(char *out, size_t cap, uint64_t id)
{
    int n = snprintf(out, cap, "{\"req_id\":\"%llu\",\"op\":\"ping\"}", (unsigned long long)id);
    return n < (int)cap ? n : AATS_E_FULL;
}

#define SPOT_STREAMS (AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO)

#define BOTH                                                                                                                  \
    .format = "json", .px_exp = BYBIT_EXP, .qty_exp = BYBIT_EXP, .scales = 1, .seq = AATS_SEQ_NEXT,                           \
    .snapshots = AATS_SNAP_STREAM, .trade_ids = AATS_IDS_NONE, .parse = bybit_parse, .next = bybit_next,                      \
    .subscribe = bybit_subscribe, .ping = bybit_ping,                                                                         \
    .ping_every_ns = 20000000000,              /* "every 20 s" (1) */                                                         \
    .ping_ns       = 20000000000,              /* their pongs: two of them missing is a dead link */                          \
    .barrier_text  = 1,                        /* whether WebSocket pings are answered, and by whom, is not known (9) */      \
    .sends_per_s   = 10,                       /* no limit is documented */                                                   \
    .streams_max   = 600,                      /* "<= 21000 characters per connection" (1), of up to 35 each */               \
    .ban_ns        = (int64_t)600 * 1000000000 /* "wait >= 10 min" (1) */

aats_venue_t const aats_venue_bybit = {
    BOTH,
    .name            = "BYBIT",
    .streams         = SPOT_STREAMS,
    .path            = spot_path,
    .subscribe_batch = 3, /* "spot <= 10 args per request" (1) */
};

aats_venue_t const aats_venue_bybit_swap = {
    BOTH,
    .name            = "BYBIT_SWAP",
    .streams         = SPOT_STREAMS | AATS_STREAM_MARK | AATS_STREAM_FUNDING | AATS_STREAM_LIQUIDATION,
    .path            = linear_path,
    .subscribe_batch = 10,
};
