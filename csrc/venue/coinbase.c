/* coinbase.c -- Coinbase Advanced Trade over WebSocket: what it sends and what it wants.
 *
 * Facts: exchanges/coinbase.md, sections 1 to 4.  Read from the top: levels, one parser for each channel with the message it parses, the envelope,
 * requests.
 *
 * Odd behaviours, by number:
 *   V-01 sequence_num counts the frames of a connection, of all channels together; there is no number by product (3).
 *   V-02 the channel "level2" is called l2_data in its messages, and asks are "offer" (2).
 *   V-03 a trade's side is the maker's: the aggressor is the other one (2).
 *   V-04 trades of one message come newest first: they are given oldest first.  Those of a snapshot are old and passed over (2).
 *   V-05 a request has no number, and what acknowledges it is the whole set of subscriptions (2).
 *   V-06 the time of a heartbeat is no RFC 3339, its counter a number or a text (2): neither is read.
 *   V-07 there is no stream of the best bid and ask: ticker comes with trades alone (2), and is not asked for.
 *   V-08 one message may hold several events (3): each is a message of its own.
 */
#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "venue/decimal_fast.h"
#include "venue/take.h"
#include "venue/time_text.h"
#include "venue/venue.h"

#define PX_EXP  (-8)
#define QTY_EXP (-8)

/* ---- levels ---- */

/* A level in the one spelling that the venue uses.  Returns the byte behind its closing brace and its side; NULL: it is spelled otherwise. */
static char const *level_fast(char const *p, char const *end, aats_msg_t const *m, aats_level_t *out, int *side)
{
    static char const BID[] = "{\"side\":\"bid\",\"event_time\":\"", OFFER[] = "{\"side\":\"offer\",\"event_time\":\"";
    static char const PRICE[] = "\",\"price_level\":\"", QTY[] = "\",\"new_quantity\":\"";
    size_t const longest_time = 40;
    int dec;
    if ((size_t)(end - p) < sizeof OFFER + longest_time + sizeof PRICE + sizeof QTY + 2 * DECIMAL_FAST_ROOM) return NULL;
    if (!memcmp(p, BID, sizeof BID - 1)) *side = AATS_BID, p += sizeof BID - 1;
    else if (!memcmp(p, OFFER, sizeof OFFER - 1)) *side = AATS_ASK, p += sizeof OFFER - 1;
    else return NULL;
    p = memchr(p, '"', longest_time);
    if (!p || p[-1] == '\\' || memcmp(p, PRICE, sizeof PRICE - 1) != 0) return NULL;
    p = decimal_fast(p + sizeof PRICE - 1, m->px_exp, &out->px_i, &dec);
    if (!p || memcmp(p, QTY, sizeof QTY - 1) != 0) return NULL;
    p = decimal_fast(p + sizeof QTY - 1, m->qty_exp, &out->qty_i, &dec);
    if (!p || p[0] != '"' || p[1] != '}' || !out->px_i) return NULL;
    return p + 2;
}

/* {"side":"bid","event_time":"2026-08-09T21:05:48.170326Z","price_level":"65083.66","new_quantity":"0.20371215"} */
static void level(aats_json_t *j, aats_msg_t const *m, aats_level_t *out, int *side)
{
    char const *key, *name = NULL;
    size_t key_len, name_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("side")) take_str(j, &seen, 0, &name, &name_len);
        else if (IS("price_level")) take_num(j, &seen, 1, m->px_exp, &out->px_i);
        else if (IS("new_quantity")) take_num(j, &seen, 2, m->qty_exp, &out->qty_i);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return;
    *side = AATS_JSON_IS(name, name_len, "bid") ? AATS_BID : AATS_JSON_IS(name, name_len, "offer") ? AATS_ASK : -1; /* V-02 */
    if (*side < 0 || out->px_i <= 0 || out->qty_i < 0) aats_json_fail(j, AATS_E_SHAPE);
}

static void updates(aats_json_t *j, aats_msg_t *m)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        aats_level_t one;
        int side = 0;
        char const *behind = j->err ? NULL : level_fast(j->p, j->end, m, &one, &side);
        if (behind) j->p = behind;
        else level(j, m, &one, &side);
        if (j->err) return;
        size_t *cnt = side == AATS_BID ? &m->bid_cnt : &m->ask_cnt;
        if (*cnt == AATS_MSG_LEVELS) {
            aats_json_fail(j, AATS_E_TOO_BIG);
            return;
        }
        (side == AATS_BID ? m->bids : m->asks)[(*cnt)++] = one;
    }
}

/* ---- events ---- */

/* Numbers are read by the symbol, which may stand behind them: a look ahead, short where it stands first. */
static void find_product(aats_json_t look, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    aats_json_object(&look);
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("product_id")) {
            aats_json_str(&look, &m->sym, &m->sym_len);
            return;
        }
        aats_json_skip(&look);
    }
}

/* {"type":"update","product_id":"BTC-USD","updates":[{..}]} */
static void book_event(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *type = NULL;
    size_t key_len, type_len = 0;
    uint32_t seen = 0;
    m->sym = NULL;
    m->sym_len = 0;
    m->bid_cnt = m->ask_cnt = 0;
    find_product(*j, m);
    aats_msg_scale(m, PX_EXP, QTY_EXP);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("type")) take_str(j, &seen, 0, &type, &type_len);
        else if (IS("product_id")) take_str(j, &seen, 1, &m->sym, &m->sym_len);
        else if (IS("updates")) aats_json_seen(j, &seen, 2), updates(j, m);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return;
    if (AATS_JSON_IS(type, type_len, "snapshot")) m->kind = AATS_MSG_SNAPSHOT;
    else if (AATS_JSON_IS(type, type_len, "update")) m->kind = AATS_MSG_DEPTH;
    else aats_json_fail(j, AATS_E_SHAPE);
}

/* {"product_id":"BTC-USD","trade_id":"1068572091","price":"65083.67","size":"0.01034361","time":"2026-08-09T21:05:48.167634Z","side":"SELL"} */
static void trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *id = NULL, *time = NULL, *side = NULL;
    size_t key_len, id_len = 0, time_len = 0, side_len = 0;
    uint32_t seen = 0;
    m->sym = NULL;
    m->sym_len = 0;
    find_product(*j, m);
    aats_msg_scale(m, PX_EXP, QTY_EXP);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("product_id")) take_str(j, &seen, 0, &m->sym, &m->sym_len);
        else if (IS("trade_id")) take_str(j, &seen, 1, &id, &id_len);
        else if (IS("price")) take_num(j, &seen, 2, m->px_exp, &m->px_i);
        else if (IS("size")) take_num(j, &seen, 3, m->qty_exp, &m->qty_i);
        else if (IS("time")) take_str(j, &seen, 4, &time, &time_len);
        else if (IS("side")) take_str(j, &seen, 5, &side, &side_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x3f)) return;
    m->id = text_id64(id, id_len);
    m->first_id = m->last_id = m->id;
    m->exch_ns = time_text_ns(time, time_len);
    m->side = AATS_JSON_IS(side, side_len, "BUY") ? -1 : AATS_JSON_IS(side, side_len, "SELL") ? 1 : 0; /* V-03 */
    if (!m->side || m->px_i <= 0 || m->qty_i < 0) aats_json_fail(j, AATS_E_SHAPE);
}

/* Where each trade of a message begins is noted in the levels' room, which trades have no use for: the newest comes first in the text, and the oldest is
 * to be given first (V-04). */
static void note_trades(aats_json_t *j, aats_msg_t *m, size_t *cnt)
{
    size_t const first = *cnt;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (*cnt == AATS_MSG_LEVELS) {
            aats_json_fail(j, AATS_E_TOO_BIG);
            return;
        }
        m->asks[(*cnt)++].px_i = (int64_t)aats_json_offset(j);
        trade(j, m);
        if (j->err) return;
    }
    for (size_t a = first, b = *cnt; a + 1 < b; a++) {
        int64_t const early = m->asks[a].px_i;
        m->asks[a].px_i = m->asks[--b].px_i;
        m->asks[b].px_i = early;
    }
}

/* {"type":"update","trades":[{..}]} */
static void trades_event(aats_json_t *j, aats_msg_t *m, size_t *cnt)
{
    char const *key, *type = NULL;
    size_t key_len, type_len = 0, had = *cnt;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("type")) take_str(j, &seen, 0, &type, &type_len);
        else if (IS("trades")) aats_json_seen(j, &seen, 1), note_trades(j, m, cnt);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return;
    if (AATS_JSON_IS(type, type_len, "snapshot")) *cnt = had;
    else if (!AATS_JSON_IS(type, type_len, "update")) aats_json_fail(j, AATS_E_SHAPE);
}

/* ---- the envelope ---- */

enum { OTHER = 0, BOOK, TRADES, BEAT, ACK };

static int channel_of(char const *s, size_t n)
{
    if (AATS_JSON_IS(s, n, "l2_data")) return BOOK;
    if (AATS_JSON_IS(s, n, "market_trades")) return TRADES;
    if (AATS_JSON_IS(s, n, "heartbeats")) return BEAT;
    if (AATS_JSON_IS(s, n, "subscriptions")) return ACK;
    return OTHER;
}

/* Reads the events; of book events the one numbered `want` is left in m, after all have been judged. */
static void events(aats_json_t *j, aats_msg_t *m, int channel, size_t want)
{
    size_t cnt = 0, trades = 0;
    aats_json_t chosen = *j;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (channel == TRADES) trades_event(j, m, &trades);
        else if (channel == BOOK) {
            if (cnt == want) chosen = *j;
            book_event(j, m);
        } else aats_json_skip(j);
        if (j->err) return;
        cnt++;
    }
    if (j->err) return;
    switch (channel) {
    case BOOK:
        if (cnt > want + 1) book_event(&chosen, m); /* V-08: the last one had overwritten it */
        m->more = cnt > want + 1;
        m->cursor = want + 1;
        if (!cnt) m->kind = AATS_MSG_OTHER;
        break;
    case TRADES:
        m->kind = trades ? AATS_MSG_TRADE : AATS_MSG_OTHER;
        m->cursor = 0;
        m->cursor2 = trades;
        break;
    case BEAT: m->kind = AATS_MSG_BEAT; break;
    case ACK:  m->kind = AATS_MSG_ACK, m->code = 0; break;
    default:   m->kind = AATS_MSG_OTHER; break;
    }
}

/* The channel is looked for where it does not stand first. */
static int find_channel(aats_json_t look)
{
    char const *key, *s = "";
    size_t key_len, n = 0;
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("channel")) return aats_json_str(&look, &s, &n) ? OTHER : channel_of(s, n);
        aats_json_skip(&look);
    }
    return OTHER;
}

/* {"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","sequence_num":14,"events":[..]}   {"type":"error","message":"authentication failure"} */
static int read_frame(char const *text, size_t n, aats_msg_t *m, size_t want)
{
    aats_json_t j;
    char const *key, *time = NULL, *type = NULL, *channel_text = NULL;
    size_t key_len, time_len = 0, type_len = 0, channel_len = 0;
    uint32_t seen = 0;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    int const channel = find_channel(j);
    m->id = 0;
    m->sym = NULL;
    m->sym_len = 0;
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(&j, &seen, 0, &channel_text, &channel_len);
        else if (IS("timestamp")) take_str(&j, &seen, 1, &time, &time_len);
        else if (IS("sequence_num")) take_u64(&j, &seen, 2, &m->link_seq);
        else if (IS("events")) aats_json_seen(&j, &seen, 3), events(&j, m, channel, want);
        else if (IS("type") && aats_json_type(&j) == '"') take_str(&j, &seen, 4, &type, &type_len);
        else if (IS("message") && aats_json_type(&j) == '"') take_str(&j, &seen, 5, &m->text, &m->text_len);
        else aats_json_skip(&j);
    }
    aats_json_end(&j);
    if (!j.err && channel_text) {
        m->has |= seen & 4 ? AATS_HAS_LINK_SEQ : 0; /* V-01 */
        if (channel == BOOK) m->exch_ns = time_text_ns(time, time ? time_len : 0);
        if (channel != OTHER) whole(&j, seen, 0xf);
    } else if (!j.err && type && AATS_JSON_IS(type, type_len, "error")) {
        m->kind = AATS_MSG_ERROR;
        m->code = 0;
    } else if (!j.err) {
        m->kind = AATS_MSG_OTHER;
    }
    m->offset = aats_json_offset(&j);
    return j.err;
}

static int next(char const *text, size_t n, aats_msg_t *m)
{
    if (m->kind != AATS_MSG_TRADE) {
        int const e = read_frame(text, n, m, m->cursor);
        m->has = 0;
        return e;
    }
    aats_json_t j;
    size_t const at = (size_t)m->asks[m->cursor++].px_i;
    m->has = 0;
    m->more = m->cursor < m->cursor2;
    aats_json_init(&j, text + at, n - at);
    trade(&j, m);
    m->offset = at + aats_json_offset(&j);
    return j.err;
}

static int parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_msg_clear(m);
    m->streams = 0;
    int const e = read_frame(text, n, m, 0);
    if (e || m->kind != AATS_MSG_TRADE) return e;
    uint32_t const has = m->has;
    next(text, n, m);
    m->has = has;
    return AATS_OK;
}

/* ---- requests ---- */

static int path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/");
    return n < 0 || (size_t)n >= cap ? AATS_E_FULL : n;
}

/* Without heartbeats the channels of a quiet product are closed; and the first request must come within 5 s of connecting (1). */
static int hello(char *out, size_t cap)
{
    int n = snprintf(out, cap, "{\"type\":\"subscribe\",\"channel\":\"heartbeats\"}");
    return n < 0 || (size_t)n >= cap ? AATS_E_FULL : n;
}

/* {"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}: requests have no number (V-05). */
static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    (void)id;
    char const *channel = streams == AATS_STREAM_DEPTH ? "level2" : streams == AATS_STREAM_TRADE ? "market_trades" : NULL;
    if (!channel) return AATS_E_ARG;
    size_t at = 0;
    int n = snprintf(out, cap, "{\"type\":\"%s\",\"product_ids\":[", off ? "unsubscribe" : "subscribe");
    for (size_t i = 0;; i++) {
        if (n < 0 || (size_t)n >= cap - at) return AATS_E_FULL;
        at += (size_t)n;
        if (i == cnt) break;
        n = snprintf(out + at, cap - at, "%s\"%s\"", i ? "," : "", native[i]);
    }
    n = snprintf(out + at, cap - at, "],\"channel\":\"%s\"}", channel);
    if (n < 0 || (size_t)n >= cap - at) return AATS_E_FULL;
    return (int)at + n;
}

aats_venue_t const aats_venue_coinbase = {
    .name            = "COINBASE",
    .format          = "json",
    .px_exp          = PX_EXP,
    .qty_exp         = QTY_EXP,
    .scales          = 1,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE,
    .seq             = AATS_SEQ_NONE,
    .snapshots       = AATS_SNAP_STREAM,
    .trade_ids       = AATS_IDS_COUNT,
    .subscribe_one   = 1,
    .answers_in_order = 1,
    .hello           = hello,
    .parse           = parse,
    .next            = next,
    .path            = path,
    .subscribe       = subscribe,
    .ping_ns         = (int64_t)30 * 1000000000,        /* heartbeats come each second; channels close after 60 to 90 s of silence (1) */
    .rotate_ns       = 0,
    .sends_per_s     = 4,                               /* the limit is 8 messages without a log-on in a second and address (1) */
    .streams_max     = 400,
    .subscribe_batch = 20,
    .ban_ns          = (int64_t)60 * 1000000000,
};
