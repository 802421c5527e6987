/* kraken.c -- Kraken spot over WebSocket v2: what it sends and what it wants.
 *
 * Facts: exchanges/kraken_v2.md, sections 1 to 4.  Read from the top: numbers, one parser for each channel with the message it parses, control
 * answers, the checksum, requests.
 *
 * Odd behaviours, by number:
 *   V-01 there are no sequence numbers: TCP's order and the checksum of the top ten levels are all (3).
 *   V-02 numbers are JSON numbers, and their trailing zeros are part of the checksum: a message tells how many digits they have (1, 3).
 *   V-03 a level that falls behind the subscribed depth is not deleted by the venue: the book is cut (3).
 *   V-04 one price may come twice in a message: in the order of the text, the last one counts (3).
 *   V-05 a quantity of 0 may be spelled 0 or 0.00000000: it says nothing about digits (3).
 *   V-06 each symbol of a request is acknowledged by a message of its own, all with the request's number (2).
 *   V-07 a trade's side is the taker's (2).
 *   V-08 "data" of the instrument channel is an object, of all others an array (4).
 *   V-09 the trades of a snapshot are old ones: they are passed over.
 *   V-10 other protocols of this venue (v1: arrays; futures: "feed") are not read here: an array is refused, an object without channel and
 *        method is nothing that was asked for.
 */
#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "venue/kraken_data.h"
#include "venue/take.h"
#include "venue/venue.h"

#define PX_EXP  (-8)
#define QTY_EXP (-8)
#define DEPTH   100 /* 10, 25, 100, 500 or 1000 (2) */

/* ---- elements of "data" ---- */

/* One element, by the kind that the channel has given m; the level arrays and what a feed does not read of other kinds are set anew. */
static void element(aats_json_t *j, aats_msg_t *m)
{
    m->side = 0;
    m->bid_cnt = m->ask_cnt = 0;
    m->has = 0;
    m->exch_ns = 0;
    m->sym = NULL;
    m->sym_len = 0;
    aats_json_t look = *j;
    if (m->kind != AATS_MSG_STATUS) kraken_find_symbol(look, m);
    aats_msg_scale(m, PX_EXP, QTY_EXP);
    switch (m->kind) {
    case AATS_MSG_TRADE:  kraken_trade(j, m); break;
    case AATS_MSG_BBO:    kraken_ticker(j, m); break;
    case AATS_MSG_STATUS: kraken_pair(j, m); break;
    default:              kraken_book(j, m); break;
    }
}

/* Where the next element begins, seen from the byte behind one; 0: there is none. */
static size_t next_at(char const *text, size_t at, size_t n)
{
    while (at < n && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) at++;
    if (at >= n || text[at] != ',') return 0;
    for (at++; at < n && text[at] != '{'; at++) {
    }
    return at < n ? at : 0;
}

static int next(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j;
    size_t const at = m->cursor;
    aats_json_init(&j, text + at, n - at);
    element(&j, m);
    m->offset = at + aats_json_offset(&j);
    m->cursor = next_at(text, m->offset, n);
    m->more = m->cursor != 0;
    return j.err;
}

/* All elements are read for their faults, then the first one (again, if there was another). */
static void elements(aats_json_t *j, aats_msg_t *m)
{
    size_t first = 0, cnt = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (aats_json_type(j) != '{') {
            aats_json_fail(j, AATS_E_SHAPE);
            return;
        }
        if (!cnt++) first = aats_json_offset(j);
        element(j, m);
        if (j->err) return;
    }
    if (j->err) return;
    if (!cnt) m->kind = AATS_MSG_OTHER;
    m->more = cnt > 1;
    m->cursor = first;
}

/* {"assets":[..],"pairs":[{..}]} (V-08) */
static void instruments(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("pairs")) aats_json_seen(j, &seen, 0), elements(j, m);
        else aats_json_skip(j);
    }
    if (!j->err && !seen) m->kind = AATS_MSG_OTHER;
}

static int kind_of(char const *channel, size_t n, int snapshot)
{
    if (AATS_JSON_IS(channel, n, "book")) return snapshot ? AATS_MSG_SNAPSHOT : AATS_MSG_DEPTH;
    if (AATS_JSON_IS(channel, n, "trade")) return snapshot ? AATS_MSG_OTHER : AATS_MSG_TRADE; /* V-09 */
    if (AATS_JSON_IS(channel, n, "ticker")) return AATS_MSG_BBO;
    if (AATS_JSON_IS(channel, n, "instrument")) return AATS_MSG_STATUS;
    if (AATS_JSON_IS(channel, n, "heartbeat")) return AATS_MSG_BEAT;
    return AATS_MSG_OTHER;
}

/* ---- control ---- */

static unsigned stream_of(char const *channel, size_t n)
{
    switch (kind_of(channel, n, 0)) {
    case AATS_MSG_DEPTH:  return AATS_STREAM_DEPTH;
    case AATS_MSG_TRADE:  return AATS_STREAM_TRADE;
    case AATS_MSG_BBO:    return AATS_STREAM_BBO;
    case AATS_MSG_STATUS: return AATS_STREAM_STATUS;
    default:              return 0;
    }
}

/* {"channel":"book","symbol":"BTC/USD","depth":10,"snapshot":true} */
static void ack_result(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *channel = "";
    size_t key_len, channel_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(j, &seen, 0, &channel, &channel_len);
        else if (IS("symbol")) take_str(j, &seen, 1, &m->sym, &m->sym_len);
        else aats_json_skip(j);
    }
    m->streams = stream_of(channel, channel_len);
}

/* {"method":"subscribe","req_id":1,"success":true,"result":{..},"time_in":"..","time_out":".."} (V-06)
 * {"method":"subscribe","req_id":1,"success":false,"error":"Currency pair not supported FOO/BAR","symbol":"FOO/BAR",..}
 * {"method":"pong","req_id":42,..}   {"Error":"Exceeded msg rate"}
 * {"channel":"book","type":"update","data":[..]}   {"channel":"heartbeat"} */
typedef struct {
    char const *method, *channel, *type;
    size_t method_len, channel_len, type_len;
    int success, has_data;
    aats_json_t data; /* a cursor before its value */
} envelope_t;

static void control(aats_msg_t *m, envelope_t const *e)
{
    if (AATS_JSON_IS(e->method, e->method_len, "pong")) m->kind = AATS_MSG_PONG;
    else if (e->success == 0) m->kind = AATS_MSG_ERROR;
    else if (e->success == 1) {
        m->kind = AATS_MSG_ACK;
        m->code = AATS_JSON_IS(e->method, e->method_len, "unsubscribe");
    }
}

static void envelope(aats_json_t *j, aats_msg_t *m, envelope_t *e)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(j, &seen, 0, &e->channel, &e->channel_len);
        else if (IS("type")) take_str(j, &seen, 1, &e->type, &e->type_len);
        else if (IS("data")) {
            aats_json_seen(j, &seen, 2);
            e->has_data = 1;
            if (e->channel && (e->type || AATS_JSON_IS(e->channel, e->channel_len, "heartbeat"))) {
                m->kind = kind_of(e->channel, e->channel_len, e->type && AATS_JSON_IS(e->type, e->type_len, "snapshot"));
                if (m->kind == AATS_MSG_OTHER || m->kind == AATS_MSG_BEAT) aats_json_skip(j);
                else if (m->kind == AATS_MSG_STATUS) instruments(j, m);
                else elements(j, m);
                e->has_data = 2; /* read */
            } else {
                e->data = *j;
                aats_json_skip(j);
            }
        } else if (IS("method")) take_str(j, &seen, 3, &e->method, &e->method_len);
        else if (IS("success")) aats_json_seen(j, &seen, 4), aats_json_bool(j, &e->success);
        else if (IS("result") && aats_json_type(j) == '{') aats_json_seen(j, &seen, 5), ack_result(j, m);
        else if (IS("req_id") && aats_json_type(j) == '0') take_u64(j, &seen, 6, &m->id);
        else if (IS("error") && aats_json_type(j) == '"') take_str(j, &seen, 7, &m->text, &m->text_len);
        else if (IS("symbol") && aats_json_type(j) == '"') take_str(j, &seen, 8, &m->sym, &m->sym_len);
        else if (IS("Error") && aats_json_type(j) == '"') take_str(j, &seen, 9, &m->text, &m->text_len), e->success = 0, e->method = "";
        else aats_json_skip(j);
    }
}

static int parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j;
    envelope_t e = {.success = -1};
    aats_msg_clear(m);
    m->streams = 0;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    envelope(&j, m, &e);
    aats_json_end(&j);
    if (!j.err && e.method) control(m, &e);
    else if (!j.err && e.channel && e.has_data == 1) { /* "data" came before "channel" or "type" */
        if (!e.type) aats_json_fail(&j, AATS_E_SHAPE);
        m->kind = kind_of(e.channel, e.channel_len, e.type && AATS_JSON_IS(e.type, e.type_len, "snapshot"));
        if (j.err || m->kind == AATS_MSG_OTHER || m->kind == AATS_MSG_BEAT) {
        } else if (m->kind == AATS_MSG_STATUS) instruments(&e.data, m);
        else elements(&e.data, m);
        if (e.data.err) j.err = e.data.err;
    } else if (!j.err && e.channel && !e.has_data) {
        m->kind = kind_of(e.channel, e.channel_len, 0) == AATS_MSG_BEAT ? AATS_MSG_BEAT : AATS_MSG_OTHER;
    }
    m->offset = aats_json_offset(&j);
    if (!j.err && m->more) return next(text, n, m);
    return j.err;
}

/* ---- requests ---- */

static int path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/v2");
    return n < 0 || (size_t)n >= cap ? AATS_E_FULL : n;
}

static int ping(char *out, size_t cap, uint64_t id)
{
    int n = snprintf(out, cap, "{\"method\":\"ping\",\"req_id\":%llu}", (unsigned long long)id);
    return n < 0 || (size_t)n >= cap ? AATS_E_FULL : n;
}

/* Statuses of all pairs come by one channel without symbols (4). */
static int hello(char *out, size_t cap)
{
    int n = snprintf(out, cap, "{\"method\":\"subscribe\",\"params\":{\"channel\":\"instrument\"},\"req_id\":0}");
    return n < 0 || (size_t)n >= cap ? AATS_E_FULL : n;
}

/* One stream of some symbols. */
static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    char const *channel = streams == AATS_STREAM_DEPTH ? "book" : streams == AATS_STREAM_TRADE ? "trade" : streams == AATS_STREAM_BBO ? "ticker" : NULL;
    if (!channel) return AATS_E_ARG;
    size_t at = 0;
    int n = snprintf(out, cap, "{\"method\":\"%s\",\"params\":{\"channel\":\"%s\",\"symbol\":[", off ? "unsubscribe" : "subscribe", channel);
    for (size_t i = 0;; i++) {
        if (n < 0 || (size_t)n >= cap - at) return AATS_E_FULL;
        at += (size_t)n;
        if (i == cnt) break;
        n = snprintf(out + at, cap - at, "%s\"%s\"", i ? "," : "", native[i]);
    }
    char options[64] = "";
    if (streams == AATS_STREAM_DEPTH) snprintf(options, sizeof options, ",\"depth\":%d", DEPTH); /* an unsubscribe must repeat it (2) */
    char const *more = off ? "" : streams == AATS_STREAM_BBO ? ",\"event_trigger\":\"bbo\"" : streams == AATS_STREAM_TRADE ? ",\"snapshot\":false" : "";
    n = snprintf(out + at, cap - at, "]%s%s},\"req_id\":%llu}", options, more, (unsigned long long)id);
    if (n < 0 || (size_t)n >= cap - at) return AATS_E_FULL;
    return (int)at + n;
}

aats_venue_t const aats_venue_kraken = {
    .name            = "KRAKEN",
    .format          = "json",
    .px_exp          = PX_EXP,
    .qty_exp         = QTY_EXP,
    .scales          = 1,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO,
    .seq             = AATS_SEQ_NONE,
    .snapshots       = AATS_SNAP_STREAM,
    .trade_ids       = AATS_IDS_COUNT,
    .subscribe_one   = 1,
    .depth_max       = DEPTH,
    .depth_silent    = 1, /* V-03 */
    .check_levels    = 10,
    .check           = kraken_check,
    .parse           = parse,
    .next            = next,
    .path            = path,
    .subscribe       = subscribe,
    .hello           = hello,
    .ping            = ping,
    .ping_every_ns   = (int64_t)10 * 1000000000,        /* a connection without pings and subscriptions is dropped after a minute (1) */
    .barrier_text    = 1,
    .ping_ns         = (int64_t)5 * 1000000000,         /* a heartbeat each second when nothing else flows: silence for 10 s is a dead link (1) */
    .rotate_ns       = 0,                               /* no age is documented */
    .sends_per_s     = 20,                              /* what another client keeps to; the venue publishes none (1) */
    .streams_max     = 1000,
    .subscribe_batch = 50,
    .ban_ns          = (int64_t)600 * 1000000000,       /* "a ban of 10 min" after too many connections (1) */
};
