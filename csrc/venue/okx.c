/* okx.c -- OKX's public channels (OKX: spot, OKX_SWAP: perpetuals), API v5: what they send, and the rules of its books.
 *
 * Facts: exchanges/okx.md, sections 1 to 3.  Read from the top: books with the message they parse, what stands around them, the venue's numbers.
 * Lists of small messages are in okx_items.c, requests in okx_ask.c.  One parser serves both names: what is subscribed tells them apart.
 *
 * Odd behaviours, by number:
 *   V-30 numbers are strings, an empty one is no value; seqId, prevSeqId and checksum are numbers (head of the sheet).
 *   V-31 the checksum is 0 since June 2026, which means that there is none; before seqId came, a frame had nothing else to vouch for it, and the sum of
 *        an empty book is 0 (3): a frame without numbers always has a sum, one with numbers has one if it is not 0.
 *   V-32 about every 60 s without a change an update comes whose prevSeqId is its seqId: a sign of life (3).
 *   V-33 maintenance may count anew: the chain holds, but seqId is below prevSeqId (3).
 *   V-34 the checksum is over the strings as they were received; the venue writes them without zeros at the end (3).
 *   V-35 a side of bbo-tbt may be empty (2): price and quantity 0.
 *   V-36 an index is named after its pair, a perpetual has -SWAP behind it (2).
 *   V-37 liquidations and states of instruments are subscribed by kind, not by name: they come for every instrument (2).
 *   V-38 a trade may stand for several matches of one taker order at one price, under the id of the last (2): ids rise, they do not count.
 *   V-39 "ping" is answered with "pong", neither of them JSON (1).
 *   V-40 an error names its instrument in its sentence, if at all (2).
 */
#include "venue/okx_text.h"

#include "proto/crc32.h"
#include "venue/okx_fast.h"

#define STREAMS_SPOT (AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO | AATS_STREAM_STATUS)
#define STREAMS_SWAP (STREAMS_SPOT | AATS_STREAM_MARK | AATS_STREAM_FUNDING | AATS_STREAM_LIQUIDATION)

enum { CHECK_LEVELS = 25 };

okx_channel_t const *okx_channel(char const *name, size_t n)
{
    static okx_channel_t const CHANNELS[] = {
        {"books", CH_BOOK, AATS_STREAM_DEPTH},
        {"bbo-tbt", CH_BBO, AATS_STREAM_BBO},
        {"trades", CH_TRADE, AATS_STREAM_TRADE},
        {"mark-price", CH_MARK, AATS_STREAM_MARK},
        {"index-tickers", CH_INDEX, AATS_STREAM_MARK},
        {"funding-rate", CH_FUNDING, AATS_STREAM_FUNDING},
        {"liquidation-orders", CH_LIQUIDATION, AATS_STREAM_LIQUIDATION},
        {"instruments", CH_INSTRUMENT, AATS_STREAM_STATUS},
        {"books-l2-tbt", CH_BOOK, 0},
        {"books50-l2-tbt", CH_BOOK, 0},
        {"books5", CH_TOP, 0},
        {"trades-all", CH_TRADE, 0},
    };
    static okx_channel_t const OTHER = {"", CH_OTHER, 0};
    for (size_t i = 0; i < sizeof CHANNELS / sizeof CHANNELS[0]; i++)
        if (strlen(CHANNELS[i].name) == n && !memcmp(CHANNELS[i].name, name, n)) return &CHANNELS[i];
    return &OTHER;
}

/* ---- books ---- */

enum { ASKS = 1, BIDS = 2, TS = 4, SEQ = 8, PREV = 16, CHECK = 32 };

/* What the numbers of a book say of it: last_id, prev_id, check, and whether it is a diff or a whole. */
static int book_numbers(aats_json_t *j, uint32_t seen, int64_t seq, int64_t prev, int64_t sum, aats_msg_t *m)
{
    if ((seen & SEQ) && seq < 0) return aats_json_fail(j, AATS_E_SHAPE);
    m->last_id = (seen & SEQ) ? (uint64_t)seq : 0;
    if (m->kind == AATS_MSG_PARTIAL || m->kind == AATS_MSG_BBO) return AATS_OK;
    if (sum < INT32_MIN || sum > UINT32_MAX) return aats_json_fail(j, AATS_E_RANGE);
    if ((seen & CHECK) && (sum != 0 || !(seen & SEQ))) { /* V-31 */
        m->has |= AATS_HAS_CHECK;
        m->check = (uint32_t)sum;
    }
    if (!(seen & SEQ)) return (m->has & AATS_HAS_CHECK) ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
    if (m->kind == AATS_MSG_SNAPSHOT) return AATS_OK;
    if (!(seen & PREV) || prev < 0) return aats_json_fail(j, AATS_E_SHAPE);
    m->has |= AATS_HAS_PREV;
    m->prev_id = m->first_id = (uint64_t)prev;
    if (m->last_id < m->prev_id) { /* V-33 */
        m->has |= AATS_HAS_RESET;
        m->first_id = m->last_id;
    }
    return AATS_OK;
}

/* The one element of `data`:
 * [{"asks":[["64210.2","188.4","0","12"]],"bids":[["64209.5","0","0","0"]],"ts":"1785312000130","checksum":0,"prevSeqId":7812345601,"seqId":7812345633}] */
static int book(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *inst = NULL;
    size_t key_len, inst_len = 0;
    uint32_t seen = 0;
    int64_t seq = 0, prev = -1, sum = 0;
    aats_msg_scale(m, OKX_EXP, OKX_EXP);
    aats_json_array(j);
    if (aats_json_item(j) != 1) return aats_json_fail(j, AATS_E_SHAPE);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("asks")) {
            aats_json_seen(j, &seen, 0);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->asks, AATS_MSG_LEVELS, &m->ask_cnt);
        } else if (IS("bids")) {
            aats_json_seen(j, &seen, 1);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->bids, AATS_MSG_LEVELS, &m->bid_cnt);
        } else if (IS("ts")) take_text_ms(j, &seen, 2, &m->exch_ns);
        else if (IS("seqId")) aats_json_seen(j, &seen, 3), aats_json_i64(j, &seq);
        else if (IS("prevSeqId")) aats_json_seen(j, &seen, 4), aats_json_i64(j, &prev);
        else if (IS("checksum")) aats_json_seen(j, &seen, 5), aats_json_i64(j, &sum);
        else if (IS("instId")) take_str(j, &seen, 6, &inst, &inst_len);
        else aats_json_skip(j);
    }
    if (aats_json_item(j) != 0) return aats_json_fail(j, AATS_E_SHAPE); /* two states of one book in one frame: which is the later? */
    if (whole(j, seen, ASKS | BIDS | TS)) return j->err;
    if (inst && m->sym && (inst_len != m->sym_len || memcmp(inst, m->sym, inst_len))) {
        m->sym = NULL; /* one of the two is wrong, so it may be anybody's */
        return aats_json_fail(j, AATS_E_SHAPE);
    }
    return book_numbers(j, seen, seq, prev, sum, m);
}

/* {"arg":{"channel":"bbo-tbt",..},"data":[{"asks":[["64210.2","188.4","0","12"]],"bids":[],"ts":"1785312000131","seqId":7812345633}]}   (V-35) */
static int best(aats_json_t *j, aats_msg_t *m)
{
    m->kind = AATS_MSG_BBO;
    m->bids[0] = m->asks[0] = (aats_level_t){0, 0};
    if (book(j, m)) return j->err;
    if (m->bid_cnt > 1 || m->ask_cnt > 1) return aats_json_fail(j, AATS_E_SHAPE);
    if (m->bid_cnt == 0) m->bids[0] = (aats_level_t){0, 0};
    if (m->ask_cnt == 0) m->asks[0] = (aats_level_t){0, 0};
    m->bid_cnt = m->ask_cnt = 1;
    return AATS_OK;
}

static uint32_t okx_check(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt)
{
    char text[CHECK_LEVELS * 4 * AATS_NUM_SZ], *at = text;
    for (size_t i = 0; i < CHECK_LEVELS; i++) {
        aats_level_t const *const pair[2] = {i < bid_cnt ? &bids[i] : NULL, i < ask_cnt ? &asks[i] : NULL};
        for (int side = 0; side < 2; side++) {
            if (!pair[side]) continue;
            at += aats_num_format(pair[side]->px_i, m->px_exp, at, AATS_NUM_SZ);
            *at++ = ':';
            at += aats_num_format(pair[side]->qty_i, m->qty_exp, at, AATS_NUM_SZ);
            *at++ = ':';
        }
    }
    return at == text ? 0 : aats_crc32(0, text, (size_t)(at - 1 - text));
}

/* ---- what a frame is ---- */

/* A frame's parts, in whichever order they came. */
typedef struct {
    char const *text;
    char const *event, *data;
    size_t event_len, data_len;
    okx_channel_t const *channel; /* NULL: there was no "arg" */
    int action;                   /* AATS_MSG_SNAPSHOT, AATS_MSG_DEPTH; 0: none was told */
    int read;                     /* 1: the data have been read */
    int of_order;                 /* 1: "op": an answer that has no business here */
    int coded;
} frame_t;

/* {"channel":"books","instId":"BTC-USDT-SWAP"}   {"channel":"liquidation-orders","instType":"SWAP"} */
static void take_arg(aats_json_t *j, frame_t *f, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(j, &seen, 0, &m->stream, &m->stream_len);
        else if (IS("instId")) take_str(j, &seen, 1, &m->sym, &m->sym_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 1)) return;
    f->channel = okx_channel(m->stream, m->stream_len);
    if (m->sym && m->sym_len == 0) m->sym = NULL;
    if (f->channel->channel == CH_INDEX && m->sym) okx_index_symbol(m);
}

static int read_data(aats_json_t *j, frame_t *f, aats_msg_t *m)
{
    switch (f->channel->channel) {
    case CH_OTHER: return aats_json_skip(j);
    case CH_BOOK: m->kind = f->action; return m->sym ? book(j, m) : aats_json_fail(j, AATS_E_SHAPE);
    case CH_TOP: m->kind = AATS_MSG_PARTIAL; return m->sym ? book(j, m) : aats_json_fail(j, AATS_E_SHAPE);
    case CH_BBO: return m->sym ? best(j, m) : aats_json_fail(j, AATS_E_SHAPE);
    default: return okx_items(j, f->text, f->channel, m);
    }
}

/* Data can be read where they stand as soon as it is known what they are; else they wait. */
static void take_data(aats_json_t *j, frame_t *f, aats_msg_t *m)
{
    if (f->channel && (f->channel->channel != CH_BOOK || f->action)) read_data(j, f, m), f->read = 1;
    else aats_json_raw(j, &f->data, &f->data_len);
}

static void take_action(aats_json_t *j, frame_t *f)
{
    char const *s;
    size_t n;
    if (aats_json_str(j, &s, &n)) return;
    if (AATS_JSON_IS(s, n, "update")) f->action = AATS_MSG_DEPTH;
    else if (AATS_JSON_IS(s, n, "snapshot")) f->action = AATS_MSG_SNAPSHOT;
    else aats_json_fail(j, AATS_E_SHAPE);
}

/* A code is a number in a string; what is none is nobody's. */
static void take_code(aats_json_t *j, frame_t *f, aats_msg_t *m)
{
    if (aats_json_type(j) != '"' && aats_json_type(j) != '0') {
        aats_json_skip(j);
        return;
    }
    f->coded = aats_json_num(j, 0, &m->code) == AATS_OK;
}

/* Our ids are numbers; of what is another's nothing is known. */
static void take_id(aats_json_t *j, aats_msg_t *m)
{
    char const *s;
    size_t n;
    if (aats_json_type(j) != '"') aats_json_skip(j);
    else if (!aats_json_str(j, &s, &n) && aats_num_u64(s, n, &m->id)) m->id = 0;
}

/* The word behind `mark` in an error's sentence; its length, 0 if there is none. */
static size_t word_behind(aats_msg_t const *m, char const *mark, char const **word)
{
    size_t const k = strlen(mark);
    for (size_t i = 0; i + k <= m->text_len; i++) {
        if (memcmp(m->text + i, mark, k)) continue;
        size_t n = 0, left = m->text_len - i - k;
        *word = m->text + i + k;
        while (n < left && (*word)[n] > ' ' && !strchr(",.;:\"\\", (*word)[n])) n++;
        return n;
    }
    return 0;
}

/* "..channel:books,instId:BTC-XYZ doesn't exist.."   (V-40) */
static void blame(aats_msg_t *m)
{
    char const *word;
    size_t n = word_behind(m, "instId:", &word);
    if (!n) return;
    m->sym = word;
    m->sym_len = n;
    n = word_behind(m, "channel:", &word);
    okx_channel_t const *channel = okx_channel(n ? word : "", n);
    if (channel->channel == CH_INDEX) okx_index_symbol(m);
    m->streams = channel->stream;
}

/* {"id":"17","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"connId":"a4d3ae55"}
 * {"id":"17","event":"error","code":"60018","msg":"..","connId":"a4d3ae55"}
 * {"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":".."} */
static int event(aats_json_t *j, frame_t const *f, aats_msg_t *m)
{
    m->kind = AATS_MSG_OTHER;
    if (AATS_JSON_IS(f->event, f->event_len, "subscribe") || AATS_JSON_IS(f->event, f->event_len, "unsubscribe")) {
        if (!f->channel) return aats_json_fail(j, AATS_E_SHAPE);
        if (!m->sym && (!m->id || f->event[0] == 'u')) return AATS_OK;
        m->kind = AATS_MSG_ACK; /* V-37: without a symbol it is of the last channels of a request, and so of the whole */
        m->streams = f->channel->stream;
        m->code = f->event[0] == 'u';
    } else if (AATS_JSON_IS(f->event, f->event_len, "error")) {
        m->kind = AATS_MSG_ERROR;
        m->streams = 0;
        if (!m->sym) blame(m);
    } else if (AATS_JSON_IS(f->event, f->event_len, "notice") && m->code == 64008) {
        m->kind = AATS_MSG_SHUTDOWN;
    }
    return AATS_OK;
}

/* An answer over REST: {"code":"0","msg":"","data":[{"asks":[..],"bids":[..],"ts":"1785312000130","seqId":7812345633}]}; other answers are nothing to us. */
static int answer(aats_json_t *j, frame_t const *f, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    if (f->of_order || !f->coded) return AATS_OK;
    if (m->code != 0) {
        m->kind = AATS_MSG_ERROR;
        return AATS_OK;
    }
    if (!f->data) return AATS_OK;
    aats_json_t look;
    aats_json_init(&look, f->data, f->data_len);
    if (aats_json_type(&look) != '[' || aats_json_array(&look) || aats_json_item(&look) != 1 || aats_json_type(&look) != '{') return AATS_OK;
    aats_json_object(&look);
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("asks") || IS("bids")) {
            m->kind = AATS_MSG_SNAPSHOT;
            aats_json_init(&look, f->data, f->data_len);
            if (!book(&look, m) && !aats_json_end(&look)) return AATS_OK;
            return aats_json_fail(j, look.err);
        }
        aats_json_skip(&look);
    }
    return AATS_OK;
}

static int whole_frame(aats_json_t *j, frame_t *f, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("arg")) aats_json_seen(j, &seen, 0), take_arg(j, f, m);
        else if (IS("action")) aats_json_seen(j, &seen, 1), take_action(j, f);
        else if (IS("data")) aats_json_seen(j, &seen, 2), take_data(j, f, m);
        else if (IS("event")) take_str(j, &seen, 3, &f->event, &f->event_len);
        else if (IS("id")) aats_json_seen(j, &seen, 4), take_id(j, m);
        else if (IS("code")) aats_json_seen(j, &seen, 5), take_code(j, f, m);
        else if (IS("msg") && aats_json_type(j) == '"') take_str(j, &seen, 6, &m->text, &m->text_len);
        else if (IS("op")) f->of_order = 1, aats_json_skip(j);
        else aats_json_skip(j);
    }
    if (aats_json_end(j)) return j->err;
    if (f->event) return event(j, f, m);
    if (f->of_order) return AATS_OK;
    if (!f->channel) return answer(j, f, m);
    if (f->read) return AATS_OK;
    if (!f->data) return aats_json_fail(j, AATS_E_SHAPE);
    if (f->channel->channel == CH_BOOK && !f->action) return aats_json_fail(j, AATS_E_SHAPE);
    aats_json_t inner;
    aats_json_init(&inner, f->data, f->data_len);
    read_data(&inner, f, m);
    return aats_json_end(&inner) ? aats_json_fail(j, inner.err) : AATS_OK;
}

int okx_parse_plain(char const *text, size_t n, aats_msg_t *m)
{
    aats_msg_clear(m);
    if (n == 4 && !memcmp(text, "pong", 4)) { /* V-39 */
        m->kind = AATS_MSG_PONG;
        m->offset = n;
        return AATS_OK;
    }
    aats_json_t j;
    frame_t f = {.text = text};
    aats_json_init(&j, text, n);
    whole_frame(&j, &f, m);
    m->offset = aats_json_offset(&j);
    return j.err;
}

static int okx_parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_msg_clear(m);
    return okx_fast(text, n, m) ? AATS_OK : okx_parse_plain(text, n, m);
}

/* ---- the venue's numbers ---- */

#define OKX_ALIKE                                                                                                                       \
    .format = "json", .px_exp = OKX_EXP, .qty_exp = OKX_EXP, .scales = 1, .seq = AATS_SEQ_PREV, .snapshots = AATS_SNAP_STREAM,          \
    .trade_ids = AATS_IDS_RISE, .fuses = 1,                                                                                             \
    .depth_max = 400, .check_levels = CHECK_LEVELS, .check = okx_check, .next = okx_next, .ping = okx_ping,                             \
    .ping_every_ns = 15000000000, .barrier_text = 1, .parse = okx_parse, .path = okx_path,                                              \
    .ping_ns = 15000000000,                              /* "closes after 30 s without any push" (1): so do we */                       \
    .rotate_ns = (int64_t)7 * 24 * 3600 * 1000000000,    /* "no fixed 24 h cut" (1) */                                                  \
    .sends_per_s = 3,                                    /* 480 requests an hour (1) */                                                 \
    .streams_max = 84,                                   /* fewer than 30 depth channels a connection (1): 21 spot symbols, 12 perpetuals with all of theirs */\
    .subscribe_batch = 30, .ban_ns = (int64_t)120 * 1000000000

aats_venue_t const aats_venue_okx = {.name = "OKX", .streams = STREAMS_SPOT, .subscribe = okx_subscribe_spot, OKX_ALIKE};
aats_venue_t const aats_venue_okx_swap = {.name = "OKX_SWAP", .streams = STREAMS_SWAP, .subscribe = okx_subscribe_swap, OKX_ALIKE};
