/* coinbase.c -- Coinbase Advanced Trade over WebSocket: the envelope that all messages come in, and what the venue wants.
 *
 * Facts: exchanges/coinbase.md, sections 1 to 4.  What stands in the envelopes is read by coinbase_items.c.
 *
 * Odd behaviours, by number:
 *   V-01 sequence_num counts the frames of a connection, of all channels together; there is no number by product (3).
 *   V-02 the channel "level2" is called l2_data in its messages, and asks are "offer" (2).
 *   V-03 a trade's side is the maker's: the aggressor is the other one (2).
 *   V-04 trades of one message come newest first: they are told oldest first.  Those of a snapshot are old and passed over (2).
 *   V-05 a request has no number, and what acknowledges it is the whole set of subscriptions (2).
 *   V-06 the time of a heartbeat is no RFC 3339, its counter a number or a text (2): neither is read.
 *   V-07 there is no stream of the best bid and ask: ticker comes with trades alone (2), and is not asked for.
 *   V-08 one message may hold several events (3): each is a message of its own.
 *   V-09 what is a halt is told by the channel "status", every few seconds anew for each product (2).
 *   V-10 BTC-USDC is another name of BTC-USD: its market data comes under the first name (4).  So it cannot be subscribed to; aats/venue/coinbase.py says so.
 */
#include "venue/coinbase.h"

#include <stdio.h>
#include <string.h>

#include "venue/time_text.h"

/* ---- the envelope ---- */

enum { OTHER = 0, BOOK, TRADES, STATUS, BEAT, ACK };

static int channel_of(char const *s, size_t n)
{
    if (AATS_JSON_IS(s, n, "l2_data")) return BOOK; /* V-02 */
    if (AATS_JSON_IS(s, n, "market_trades")) return TRADES;
    if (AATS_JSON_IS(s, n, "status")) return STATUS;
    if (AATS_JSON_IS(s, n, "heartbeats")) return BEAT;
    if (AATS_JSON_IS(s, n, "subscriptions")) return ACK;
    return OTHER;
}

/* Row number m->cursor of those that were noted: where it begins is in the levels' room, which trades and statuses have no use for. */
static int read_row(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j;
    size_t const at = (size_t)m->asks[m->cursor++].px_i;
    m->more = m->cursor < m->cursor2;
    aats_json_init(&j, text + at, n - at);
    if (m->kind == AATS_MSG_TRADE) coinbase_trade(&j, m);
    else coinbase_status(&j, m);
    m->offset = at + aats_json_offset(&j);
    return j.err;
}

/* The event of a book that begins at m->cursor; behind it comes a comma or the end of the list, for the frame has been judged (V-08). */
static int read_event(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j;
    aats_json_init(&j, text + m->cursor, n - m->cursor);
    coinbase_book(&j, m);
    size_t at = m->cursor + aats_json_offset(&j);
    while (at < n && text[at] != ',' && text[at] != ']') at++;
    m->more = at < n && text[at] == ',';
    m->cursor = at + 1;
    m->offset = at;
    return j.err;
}

/* Judges all events.  Of a book's m->cursor2 is their count and m->cursor where the first begins; of rows m->cursor2 is how many there are. */
static void read_events(aats_json_t *j, aats_msg_t *m, int channel)
{
    size_t cnt = 0, rows = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (!cnt++) m->cursor = aats_json_offset(j);
        switch (channel) {
        case BOOK:   coinbase_book(j, m); break;
        case TRADES: coinbase_trades(j, m, &rows); break;
        case STATUS: coinbase_statuses(j, m, &rows); break;
        default:     aats_json_skip(j); break;
        }
        if (j->err) return;
    }
    m->cursor2 = channel == BOOK ? cnt : rows;
}

/* The channel is looked for where it does not stand first. */
static int find_channel(aats_json_t look)
{
    static char const USUAL[] = "\"channel\":\"l2_data\"";
    char const *key, *s = "";
    size_t key_len, n = 0;
    if (!look.err && (size_t)(look.end - look.p) >= sizeof USUAL && !memcmp(look.p, USUAL, sizeof USUAL - 1)) return BOOK;
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("channel")) return aats_json_type(&look) != '"' || aats_json_str(&look, &s, &n) ? OTHER : channel_of(s, n);
        aats_json_skip(&look);
    }
    return OTHER;
}

typedef struct {
    char const *time, *type;
    size_t time_len, type_len;
    uint32_t seen; /* by SEEN_* */
} envelope_t;
enum { SEEN_CHANNEL = 1, SEEN_TIME = 2, SEEN_NUMBER = 4, SEEN_EVENTS = 8, SEEN_ALL = 15 };

static void read_envelope(aats_json_t *j, aats_msg_t *m, envelope_t *e, int channel)
{
    char const *key, *s;
    size_t key_len, n;
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(j, &e->seen, 0, &s, &n);
        else if (IS("timestamp")) take_str(j, &e->seen, 1, &e->time, &e->time_len);
        else if (IS("sequence_num")) take_u64(j, &e->seen, 2, &m->link_seq);
        else if (IS("events")) aats_json_seen(j, &e->seen, 3), read_events(j, m, channel);
        else if (IS("type") && aats_json_type(j) == '"') take_str(j, &e->seen, 4, &e->type, &e->type_len);
        else if (IS("message") && aats_json_type(j) == '"') take_str(j, &e->seen, 5, &m->text, &m->text_len);
        else aats_json_skip(j);
    }
    aats_json_end(j);
}

/* The first message of a frame that has been judged. */
static int first(char const *text, size_t n, aats_msg_t *m, int channel)
{
    switch (channel) {
    case BOOK:
        if (m->cursor2 > 1) return read_event(text, n, m); /* the last one stands in m */
        if (!m->cursor2) m->kind = AATS_MSG_OTHER;
        return AATS_OK;
    case TRADES: case STATUS:
        m->kind = !m->cursor2 ? AATS_MSG_OTHER : channel == TRADES ? AATS_MSG_TRADE : AATS_MSG_STATUS;
        m->cursor = 0;
        return m->cursor2 ? read_row(text, n, m) : AATS_OK;
    case BEAT: m->kind = AATS_MSG_BEAT; return AATS_OK;
    case ACK:  m->kind = AATS_MSG_ACK; return AATS_OK; /* V-05 */
    default:   return AATS_OK;
    }
}

/* Of a frame that could not be read: may its number be counted all the same, because nothing but what m names is lost with it?  That is so where the text is good
 * JSON and no other book stands in it; else the next number shows a hole. */
static void judge_number(char const *text, size_t n, aats_msg_t *m, int channel)
{
    aats_json_t j;
    char const *key;
    size_t key_len, books = 0;
    uint32_t seen = 0;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("sequence_num")) {
            take_u64(&j, &seen, 0, &m->link_seq);
        } else if (IS("events") && channel == BOOK) {
            aats_json_array(&j);
            while (aats_json_item(&j) == 1) books++, aats_json_skip(&j);
        } else {
            aats_json_skip(&j);
        }
    }
    if (!aats_json_end(&j) && seen && books <= 1) m->has |= AATS_HAS_LINK_SEQ;
}

/* {"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","sequence_num":14,"events":[..]}   {"type":"error","message":"authentication failure"} */
static int parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_json_t j;
    envelope_t e = {.time = "", .type = ""};
    aats_msg_clear(m);
    m->streams = 0;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    int const channel = find_channel(j);
    read_envelope(&j, m, &e, channel);
    if (!j.err && channel != OTHER) whole(&j, e.seen, SEEN_ALL);
    m->offset = aats_json_offset(&j);
    if (j.err) {
        if (m->kind == AATS_MSG_SNAPSHOT) m->kind = AATS_MSG_DEPTH;
        judge_number(text, n, m, channel);
        return j.err;
    }
    if (!(e.seen & SEEN_CHANNEL) && AATS_JSON_IS(e.type, e.type_len, "error")) {
        m->kind = AATS_MSG_ERROR;
        return AATS_OK;
    }
    if (channel == BOOK) m->exch_ns = time_text_ns(e.time, e.time_len);
    int const err = first(text, n, m, channel);
    if ((e.seen & SEEN_CHANNEL) && (e.seen & SEEN_NUMBER)) m->has |= AATS_HAS_LINK_SEQ; /* V-01 */
    return err;
}

static int next(char const *text, size_t n, aats_msg_t *m)
{
    m->has = 0;
    return m->kind == AATS_MSG_TRADE || m->kind == AATS_MSG_STATUS ? read_row(text, n, m) : read_event(text, n, m);
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
    char const *channel = streams == AATS_STREAM_DEPTH ? "level2" : streams == AATS_STREAM_TRADE ? "market_trades" : streams == AATS_STREAM_STATUS ? "status" : NULL;
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
    .name             = "COINBASE",
    .format           = "json",
    .px_exp           = COINBASE_EXP,
    .qty_exp          = COINBASE_EXP,
    .scales           = 1,
    .streams          = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_STATUS,
    .seq              = AATS_SEQ_NONE, /* the connection's numbers vouch (V-01) */
    .snapshots        = AATS_SNAP_STREAM,
    .trade_ids        = AATS_IDS_COUNT,
    .answers_in_order = 1,
    .subscribe_one    = 1,
    .hello            = hello,
    .parse            = parse,
    .next             = next,
    .path             = path,
    .subscribe        = subscribe,
    .ping_ns          = (int64_t)30 * 1000000000, /* heartbeats come each second; channels close after 60 to 90 s of silence (1) */
    .rotate_ns        = 0,
    .sends_per_s      = 4,                        /* the limit is 8 messages without a log-on in a second and address (1) */
    .streams_max      = 400,
    .subscribe_batch  = 20,
    .ban_ns           = (int64_t)60 * 1000000000,
};
