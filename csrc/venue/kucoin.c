/* kucoin.c -- KuCoin's classic spot market streams (KUCOIN): what they send and what they want.
 *
 * Facts: exchanges/kucoin.md, sections 1 to 3.  Market data only: no orders.
 *
 * Odd behaviours, by number:
 *   V-01 recorded frames have "data" in front of "topic" and "subject": it is then kept unread until they are known.
 *   V-02 a change with price "0" changes nothing, it only moves the sequence on (2).
 *   V-03 the third element of a change is the number of that level's last change, and changes are not sorted by it (3): all are applied, since what the
 *        snapshot already holds of a diff that overlaps it is absolute and the same.
 *   V-04 times of trades are texts in ns, all others numbers in ms (2).
 *   V-05 trades have names of 24 hex digits (to 2023) or numbers (2): their first 64 bits or their hash, in no order.
 *   V-06 level1 holds one level a side, without an array around it, and no symbol: the topic tells (2).
 *   V-07 a depth answer names no symbol; an empty book may be null, its sequence "0" (2).
 *   V-08 acknowledgements name a request by text, and nothing else (1).
 */
#include <stdio.h>

#include "proto/num_fast.h"
#include "venue/later.h"
#include "venue/level_rows.h"
#include "venue/text.h"
#include "venue/venue.h"

#define EXP (-8) /* of prices and sizes, unless the symbol has its own */

static void scale(aats_msg_t *m) { aats_msg_scale(m, EXP, EXP); }

/* ["67993.3","1.21427407","14701689783"] or ["67993.3","1.21427407"] in the one spelling that the venue uses.  Returns the byte behind it; NULL: it is spelled
 * otherwise. */
__attribute__((always_inline)) static inline char const *
change_fast(char const *p, char const *end, aats_msg_t const *m, int *digits, int *decimals, int64_t *px_i, int64_t *qty_i)
{
    if (end - p < 12 || p[0] != '[' || p[1] != '"') return NULL;
    p = aats_num_fast_alike(p + 2, end, m->px_exp, digits, decimals, px_i);
    if (!p || end - p < 8 || memcmp(p, "\",\"", 3)) return NULL;
    p = aats_num_fast(p + 3, end, m->qty_exp, NULL, qty_i);
    if (!p || end - p < 3 || *p++ != '"') return NULL;
    if (*p == ']') return p + 1;
    if (p[0] != ',' || p[1] != '"') return NULL;
    for (p += 2; end - p >= 8;) {
        uint64_t word;
        int const k = aats_swar_digits(aats_swar_load8(p), &word);
        p += k;
        if (k < 8) break;
    }
    return end - p >= 2 && p[0] == '"' && p[1] == ']' ? p + 2 : NULL;
}

static int change(aats_json_t *j, aats_msg_t const *m, int64_t *px_i, int64_t *qty_i)
{
    int at = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (at == 0) aats_json_num(j, m->px_exp, px_i);
        else if (at == 1) aats_json_num(j, m->qty_exp, qty_i);
        else aats_json_skip(j);
        at++;
    }
    return j->err || at < 2 || *px_i < 0 || *qty_i < 0 ? aats_json_fail(j, AATS_E_SHAPE) : AATS_OK;
}

/* [["67993.3","1.21427407","14701689783"],..]; null for none (V-07) */
static int changes(aats_json_t *j, aats_msg_t const *m, aats_level_t *out, size_t *cnt)
{
    int64_t px_i = 0, qty_i = 0;
    int digits = 0, decimals = 0;
    int tries = LEVEL_ROWS_TRIES;
    size_t n = 0;
    if (aats_json_type(j) == 'n') return aats_json_null(j);
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        size_t const got = tries > 0 ? level_rows_numbered(j->start, &j->p, j->end, m->px_exp, m->qty_exp, out + n, AATS_MSG_LEVELS - n) : 0;
        n += got;
        tries = got ? LEVEL_ROWS_TRIES : tries - 1;
        if (got) continue;
        char const *p = change_fast(j->p, j->end, m, &digits, &decimals, &px_i, &qty_i);
        if (!p && change(j, m, &px_i, &qty_i)) break;
        for (;;) { /* as far as they are spelled as always, with a comma between two of them */
            if (n == AATS_MSG_LEVELS) return aats_json_fail(j, AATS_E_TOO_BIG);
            out[n] = (aats_level_t){px_i, qty_i};
            n += px_i > 0; /* V-02 */
            if (!p) break;
            j->p = p;
            if (p == j->end || *p != ',' || tries > 0) break;
            p = change_fast(p + 1, j->end, m, &digits, &decimals, &px_i, &qty_i);
            if (!p) break;
        }
    }
    *cnt = n;
    return j->err;
}

/* {"asks":[..],"bids":[..]} of a diff */
static int sides(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("asks")) aats_json_seen(j, &seen, 0), changes(j, m, m->asks, &m->ask_cnt);
        else if (IS("bids")) aats_json_seen(j, &seen, 1), changes(j, m, m->bids, &m->bid_cnt);
        else aats_json_skip(j);
    }
    return whole(j, seen, 3);
}

/* {"changes":{"asks":[["67993.3","1.21427407","14701689783"]],"bids":[]},"sequenceEnd":14701689783,"sequenceStart":14701689783,"symbol":"BTC-USDT","time":1729816425625} */
static int l2update(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    char const *symbol = "";
    size_t symbol_len = 0;
    m->kind = AATS_MSG_DEPTH;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("changes")) aats_json_seen(j, &seen, 0), sides(j, m);
        else if (IS("sequenceStart")) take_text_u64(j, &seen, 1, &m->first_id);
        else if (IS("sequenceEnd")) take_text_u64(j, &seen, 2, &m->last_id);
        else if (IS("symbol")) take_str(j, &seen, 3, &symbol, &symbol_len);
        else if (IS("time")) take_text_ms(j, &seen, 4, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0xf)) return j->err;
    int const same = symbol_len == m->sym_len && !memcmp(symbol, m->sym, symbol_len);
    return same && m->first_id <= m->last_id ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"price":"67523","sequence":"11067996711960577","side":"buy","size":"0.003","symbol":"BTC-USDT","time":"1729843222921000000","tradeId":"..","type":"match"} */
static int match(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *side = "", *name = "", *symbol = "";
    size_t key_len, side_len = 0, name_len = 0, symbol_len = 0;
    uint32_t seen = 0;
    uint64_t ns = 0;
    m->kind = AATS_MSG_TRADE;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("price")) take_num(j, &seen, 0, m->px_exp, &m->px_i);
        else if (IS("size")) take_num(j, &seen, 1, m->qty_exp, &m->qty_i);
        else if (IS("side")) take_str(j, &seen, 2, &side, &side_len);
        else if (IS("tradeId")) take_str(j, &seen, 3, &name, &name_len);
        else if (IS("symbol")) take_str(j, &seen, 4, &symbol, &symbol_len);
        else if (IS("time")) take_text_u64(j, &seen, 5, &ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x3f)) return j->err;
    m->exch_ns = ns <= INT64_MAX ? (int64_t)ns : 0; /* V-04 */
    m->id = m->first_id = m->last_id = text_id64(name, name_len); /* V-05 */
    m->side = AATS_JSON_IS(side, side_len, "buy") ? 1 : AATS_JSON_IS(side, side_len, "sell") ? -1 : 0;
    int const same = symbol_len == m->sym_len && !memcmp(symbol, m->sym, symbol_len);
    return same && name_len && m->side && m->px_i > 0 && m->qty_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* ["68145.8","0.51987471"]; an empty side: [] or null (V-06) */
static int best(aats_json_t *j, aats_msg_t const *m, aats_level_t *out)
{
    int at = 0;
    out->px_i = out->qty_i = 0;
    if (aats_json_type(j) == 'n') return aats_json_null(j);
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (at == 0) aats_json_num(j, m->px_exp, &out->px_i);
        else if (at == 1) aats_json_num(j, m->qty_exp, &out->qty_i);
        else aats_json_skip(j);
        at++;
    }
    return !j->err && (at == 1 || out->px_i < 0 || out->qty_i < 0) ? aats_json_fail(j, AATS_E_SHAPE) : j->err;
}

/* {"asks":["68145.8","0.51987471"],"bids":["68145.7","1.29267802"],"timestamp":1729816058766} */
static int level1(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->kind = AATS_MSG_BBO;
    m->bid_cnt = m->ask_cnt = 1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("asks")) aats_json_seen(j, &seen, 0), best(j, m, m->asks);
        else if (IS("bids")) aats_json_seen(j, &seen, 1), best(j, m, m->bids);
        else if (IS("timestamp")) take_text_ms(j, &seen, 2, &m->exch_ns);
        else aats_json_skip(j);
    }
    return whole(j, seen, 3);
}

/* {"time":1729176273859,"sequence":"14610502970","bids":[["66976.4","0.69109872"]],"asks":[..]}   the answer's "data" (V-07)
 * The answer of the futures host names its symbol, and is none of ours. */
static int snapshot(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int named = 0;
    m->kind = AATS_MSG_SNAPSHOT;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("sequence")) take_text_u64(j, &seen, 0, &m->last_id);
        else if (IS("bids")) aats_json_seen(j, &seen, 1), changes(j, m, m->bids, &m->bid_cnt);
        else if (IS("asks")) aats_json_seen(j, &seen, 2), changes(j, m, m->asks, &m->ask_cnt);
        else if (IS("time")) take_text_ms(j, &seen, 3, &m->exch_ns);
        else if (IS("symbol")) named = 1, aats_json_skip(j);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return j->err;
    if (named) m->kind = AATS_MSG_OTHER;
    return AATS_OK;
}

typedef struct {
    char const *topic, *subject, *type;
    size_t topic_len, subject_len, type_len;
    later_t id, code;
    later_t data;
} frame_t;

/* What a message holds, by its topic and subject: a topic "/market/level2:BTC-USDT" names the symbol of all of it. */
static int message(aats_json_t *j, frame_t const *f, aats_msg_t *m)
{
    static struct {
        char const *topic, *subject;
        int (*parse)(aats_json_t *j, aats_msg_t *m);
    } const KINDS[] = {{"/market/level2:", "trade.l2update", l2update}, {"/market/match:", "trade.l3match", match}, {"/spotMarket/level1:", "level1", level1}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        size_t const t = strlen(KINDS[i].topic), s = strlen(KINDS[i].subject);
        if (f->topic_len <= t || memcmp(f->topic, KINDS[i].topic, t) || f->subject_len != s || memcmp(f->subject, KINDS[i].subject, s)) continue;
        m->stream = f->topic;
        m->stream_len = f->topic_len;
        m->sym = f->topic + t;
        m->sym_len = f->topic_len - t;
        scale(m);
        return KINDS[i].parse(j, m);
    }
    return aats_json_skip(j);
}

/* A number that stands as text or bare; 0 for anything else. */
static uint64_t number(later_t const *v)
{
    uint64_t out = 0;
    size_t const q = v->n >= 2 && v->s[0] == '"';
    if (v->s && aats_num_u64(v->s + q, v->n - 2 * q, &out)) return 0;
    return out;
}

/* {"id":"1545910660739","type":"ack"}   {"id":"..","type":"error","code":401,"data":"token is expired"} */
static void control(frame_t const *f, aats_msg_t *m)
{
    m->id = number(&f->id);
    if (AATS_JSON_IS(f->type, f->type_len, "ack")) m->kind = AATS_MSG_ACK;
    else if (AATS_JSON_IS(f->type, f->type_len, "pong")) m->kind = AATS_MSG_PONG;
    else if (AATS_JSON_IS(f->type, f->type_len, "error")) {
        m->kind = AATS_MSG_ERROR;
        m->code = (int64_t)number(&f->code);
        if (f->data.s && f->data.s[0] == '"') m->text = f->data.s + 1, m->text_len = f->data.n - 2;
    }
}

static int parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j, inner;
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int taken = 0;
    frame_t f = {0};
    aats_msg_clear(m);
    scale(m);
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("topic")) take_str(&j, &seen, 0, &f.topic, &f.topic_len);
        else if (IS("subject")) take_str(&j, &seen, 1, &f.subject, &f.subject_len);
        else if (IS("type")) take_str(&j, &seen, 2, &f.type, &f.type_len);
        else if (IS("data") && f.topic && f.subject && f.type && AATS_JSON_IS(f.type, f.type_len, "message")) aats_json_seen(&j, &seen, 3), taken = 1, message(&j, &f, m);
        else if (IS("data")) take_later(&j, &seen, 3, &f.data); /* V-01 */
        else if (IS("id")) take_later(&j, &seen, 4, &f.id);
        else if (IS("code")) take_later(&j, &seen, 5, &f.code);
        else aats_json_skip(&j);
    }
    if (!aats_json_end(&j) && !taken) {
        int const data = f.data.s && f.data.s[0] == '{';
        int const pushed = f.topic && f.subject && f.type && AATS_JSON_IS(f.type, f.type_len, "message");
        if (f.data.s) aats_json_init(&inner, f.data.s, f.data.n);
        if (data && pushed) message(&inner, &f, m);
        else if (data && !f.type && f.code.s && number(&f.code) == 200000 && memmem(f.data.s, f.data.n, "\"bids\"", 6)) snapshot(&inner, m);
        else {
            if (f.type) control(&f, m);
            f.data.s = NULL;
        }
        if (f.data.s && aats_json_end(&inner)) aats_json_fail(&j, inner.err);
    }
    size_t const good = aats_json_offset(&j);
    m->offset = good < n ? good : n;
    return j.err;
}

/* The address comes with its token from /api/v1/bullet-public (1); this is what stands behind its host. */
static int path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/");
    return n < (int)cap ? n : AATS_E_FULL;
}

/* {"id":"1545910660739","type":"subscribe","topic":"/market/level2:BTC-USDT,ETH-USDT","privateChannel":false,"response":true} */
static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    char const *topic = streams & AATS_STREAM_DEPTH ? "/market/level2" : streams & AATS_STREAM_TRADE ? "/market/match" : "/spotMarket/level1";
    size_t at = 0;
    int n = snprintf(out, cap, "{\"id\":\"%llu\",\"type\":\"%s\",\"topic\":\"%s:", (unsigned long long)id, off ? "unsubscribe" : "subscribe", topic);
    for (size_t i = 0; i < cnt; i++) {
        at += (size_t)n;
        if (at >= cap) return AATS_E_FULL;
        n = snprintf(out + at, cap - at, "%s%s", i ? "," : "", native[i]);
    }
    at += (size_t)n;
    if (at >= cap) return AATS_E_FULL;
    n = snprintf(out + at, cap - at, "\",\"privateChannel\":false,\"response\":true}");
    at += (size_t)n;
    return at < cap ? (int)at : AATS_E_FULL;
}

static int ping(char *out, size_t cap, uint64_t id)
{
    int n = snprintf(out, cap, "{\"id\":\"%llu\",\"type\":\"ping\"}", (unsigned long long)id);
    return n < (int)cap ? n : AATS_E_FULL;
}

aats_venue_t const aats_venue_kucoin = {
    .name            = "KUCOIN",
    .format          = "json",
    .px_exp          = EXP,
    .qty_exp         = EXP,
    .scales          = 1,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO,
    .trade_ids       = AATS_IDS_NONE,
    .subscribe_one   = 1,
    .parse           = parse,
    .path            = path,
    .subscribe       = subscribe,
    .ping            = ping,
    .ping_every_ns   = (int64_t)15 * 1000000000, /* the venue asks for one every 18 s (1) */
    .ping_ns         = (int64_t)30 * 1000000000,
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000, /* "at most 24 h" (1) */
    .sends_per_s     = 8,                        /* the limit is 100 in 10 s (1) */
    .streams_max     = 380,                      /* the limit is 400 topics (1) */
    .subscribe_batch = 90,                       /* the limit is 100 (1) */
    .ban_ns          = (int64_t)60 * 1000000000,
};
