/* coinbase_items.c -- what stands in Coinbase's envelopes: levels and books, trades, statuses.
 *
 * Odd behaviours are numbered in coinbase.c. */
#include <string.h>

#include "proto/num_fast.h"
#include "venue/coinbase.h"
#include "venue/time_text.h"

/* ---- levels ---- */

/* What a row of levels has in common: the digits of prices before the point and behind it, and the time, which most levels of a message share. */
typedef struct {
    char const *time;
    size_t time_len; /* 0: none was seen yet */
    int px_digits, px_dec;
} row_t;

/* Are n bytes, 8 or more, the same?  By words, the last of which may lie over the one before: memcmp is called where n is beyond 16. */
__attribute__((always_inline)) static inline int same(char const *a, char const *b, size_t n)
{
    uint64_t x, y, differ = 0;
    for (size_t i = 0; i < n; i += 8) {
        size_t const at = i + 8 <= n ? i : n - 8;
        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        differ |= x ^ y;
    }
    return !differ;
}

#define TIME_ROOM  40
#define TIME_USUAL 28 /* "2026-08-09T21:05:48.170326Z" and its quote */

/* Remembers the text up to the next quote and passes over both.  A backslash or a control character in it, or none within TIME_ROOM: NULL. */
static char const *new_time(char const *p, row_t *row)
{
    size_t n = 0;
    while (n < TIME_ROOM && p[n] != '"' && p[n] != '\\' && (unsigned char)p[n] >= ' ') n++;
    if (n == TIME_ROOM || p[n] != '"') return NULL;
    row->time = p;
    row->time_len = n + 1;
    return p + n + 1;
}

/* TIME_ROOM bytes must be there. */
static inline char const *pass_time(char const *p, row_t *row)
{
    if (row->time_len == TIME_USUAL && same(p, row->time, TIME_USUAL)) return p + TIME_USUAL;
    return new_time(p, row);
}

#define PASS(lit) (same(p, lit, sizeof(lit) - 1) ? p + sizeof(lit) - 1 : NULL)
#define ENDS(lit) ((size_t)(end - p) >= sizeof(lit) - 1 && !memcmp(p, lit, sizeof(lit) - 1))

/* A level in the one spelling that the venue uses.  Returns the byte behind its closing brace and its side; NULL: it is spelled otherwise. */
__attribute__((always_inline)) static inline char const *
level_fast(char const *p, char const *end, aats_msg_t const *m, row_t *row, int64_t *px_i, int64_t *qty_i, int *side)
{
    static char const BID[] = "{\"side\":\"bid\",\"event_time\":\"", OFFER[] = "{\"side\":\"offer\",\"event_time\":\"";
    static char const PRICE[] = ",\"price_level\":\"", QTY[] = "\",\"new_quantity\":\"";
    if ((size_t)(end - p) < sizeof OFFER + TIME_ROOM + sizeof PRICE) return NULL;
    *side = p[9] == 'b' ? AATS_BID : AATS_ASK;
    p = *side == AATS_BID ? PASS(BID) : PASS(OFFER);
    if (!p || !(p = pass_time(p, row)) || !(p = PASS(PRICE))) return NULL;
    p = aats_num_fast_alike(p, end, m->px_exp, &row->px_digits, &row->px_dec, px_i);
    if (!p || (size_t)(end - p) < sizeof QTY || !(p = PASS(QTY))) return NULL;
    p = aats_num_fast(p, end, m->qty_exp, NULL, qty_i);
    return p && *px_i && ENDS("\"}") ? p + 2 : NULL;
}

/* {"side":"bid","event_time":"2026-08-09T21:05:48.170326Z","price_level":"65083.66","new_quantity":"0.20371215"} */
static void level(aats_json_t *j, aats_msg_t const *m, int64_t *px_i, int64_t *qty_i, int *side)
{
    char const *key, *name = "";
    size_t key_len, name_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("side")) take_str(j, &seen, 0, &name, &name_len);
        else if (IS("price_level")) take_num(j, &seen, 1, m->px_exp, px_i);
        else if (IS("new_quantity")) take_num(j, &seen, 2, m->qty_exp, qty_i);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return;
    *side = AATS_JSON_IS(name, name_len, "bid") ? AATS_BID : AATS_JSON_IS(name, name_len, "offer") ? AATS_ASK : -1; /* V-02 */
    if (*side < 0 || *px_i <= 0 || *qty_i < 0) aats_json_fail(j, AATS_E_SHAPE);
}

static inline int keep(aats_json_t *j, aats_msg_t *m, int64_t px_i, int64_t qty_i, int side)
{
    size_t *cnt = side == AATS_BID ? &m->bid_cnt : &m->ask_cnt;
    if (*cnt == AATS_MSG_LEVELS) return aats_json_fail(j, AATS_E_TOO_BIG);
    aats_level_t *const to = (side == AATS_BID ? m->bids : m->asks) + (*cnt)++;
    to->px_i = px_i;
    to->qty_i = qty_i;
    return AATS_OK;
}

static void updates(aats_json_t *j, aats_msg_t *m)
{
    row_t row = {0};
    int64_t px_i = 0, qty_i = 0; /* no struct: what is stored by halves and loaded whole waits for both */
    int side = AATS_BID;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        char const *p = level_fast(j->p, j->end, m, &row, &px_i, &qty_i, &side);
        if (!p) {
            level(j, m, &px_i, &qty_i, &side);
            if (j->err || keep(j, m, px_i, qty_i, side)) return;
        }
        while (p) { /* as far as they are spelled as always, with a comma between two of them */
            j->p = p;
            if (keep(j, m, px_i, qty_i, side)) return;
            p = p < j->end && *p == ',' ? level_fast(p + 1, j->end, m, &row, &px_i, &qty_i, &side) : NULL;
        }
    }
}

/* ---- books ---- */

/* Numbers are read by the symbol, which may stand behind them: a look ahead, short where it stands first. */
static void find_product(aats_json_t look, aats_msg_t *m, char const *name, size_t n)
{
    char const *key;
    size_t key_len;
    m->sym = NULL;
    m->sym_len = 0;
    if (look.err) return;
    aats_json_object(&look);
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (key_len == n && !memcmp(key, name, n)) {
            if (aats_json_str(&look, &m->sym, &m->sym_len)) m->sym = NULL, m->sym_len = 0;
            return;
        }
        aats_json_skip(&look);
    }
}

/* The product of an update as it is always spelled; 0: it is another text. */
static int product_fast(char const *p, char const *end, aats_msg_t *m)
{
    static char const HEAD[] = "{\"type\":\"update\",\"product_id\":\"";
    size_t const head = sizeof HEAD - 1, room = 24;
    if ((size_t)(end - p) < head + room || !same(p, HEAD, head)) return 0;
    p += head;
    char const *const quote = memchr(p, '"', room);
    if (!quote || memchr(p, '\\', (size_t)(quote - p))) return 0;
    m->sym = p;
    m->sym_len = (size_t)(quote - p);
    return 1;
}

/* {"type":"update","product_id":"BTC-USD","updates":[{..}]} */
void coinbase_book(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *type = "";
    size_t key_len, type_len = 0;
    uint32_t seen = 0;
    m->kind = AATS_MSG_DEPTH; /* an error is one of this symbol's book */
    m->bid_cnt = m->ask_cnt = 0;
    if (!product_fast(j->p, j->end, m)) find_product(*j, m, "product_id", 10);
    aats_msg_scale(m, COINBASE_EXP, COINBASE_EXP);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("type")) take_str(j, &seen, 0, &type, &type_len);
        else if (IS("product_id")) take_str(j, &seen, 1, &m->sym, &m->sym_len);
        else if (IS("updates")) aats_json_seen(j, &seen, 2), updates(j, m);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return;
    if (AATS_JSON_IS(type, type_len, "snapshot")) m->kind = AATS_MSG_SNAPSHOT;
    else if (!AATS_JSON_IS(type, type_len, "update") || !m->sym_len) aats_json_fail(j, AATS_E_SHAPE);
    if (!m->sym_len) aats_json_fail(j, AATS_E_SHAPE);
}

/* ---- rows that are told one by one ---- */

static int note(aats_json_t *j, aats_msg_t *m, size_t *cnt)
{
    if (*cnt == AATS_MSG_LEVELS) return aats_json_fail(j, AATS_E_TOO_BIG);
    m->asks[(*cnt)++].px_i = (int64_t)aats_json_offset(j);
    return AATS_OK;
}

/* {"product_id":"BTC-USD","trade_id":"1068572091","price":"65083.67","size":"0.01034361","time":"2026-08-09T21:05:48.167634Z","side":"SELL"} */
void coinbase_trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *id = "", *time = "", *side = "";
    size_t key_len, id_len = 0, time_len = 0, side_len = 0;
    uint32_t seen = 0;
    m->kind = AATS_MSG_TRADE;
    find_product(*j, m, "product_id", 10);
    aats_msg_scale(m, COINBASE_EXP, COINBASE_EXP);
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
    if (!m->side || m->px_i <= 0 || m->qty_i < 0 || !id_len || !m->sym_len) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"type":"update","trades":[{..}]}: the newest comes first in the text, and the oldest is to be told first (V-04). */
void coinbase_trades(aats_json_t *j, aats_msg_t *m, size_t *cnt)
{
    char const *key, *type = "";
    size_t key_len, type_len = 0, had = *cnt;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("type")) {
            take_str(j, &seen, 0, &type, &type_len);
        } else if (IS("trades")) {
            aats_json_seen(j, &seen, 1);
            aats_json_array(j);
            while (aats_json_item(j) == 1 && !note(j, m, cnt)) coinbase_trade(j, m);
        } else {
            aats_json_skip(j);
        }
    }
    if (whole(j, seen, 3)) return;
    for (size_t a = had, b = *cnt; a + 1 < b; a++) {
        int64_t const early = m->asks[a].px_i;
        m->asks[a].px_i = m->asks[--b].px_i;
        m->asks[b].px_i = early;
    }
    if (AATS_JSON_IS(type, type_len, "snapshot")) *cnt = had;
    else if (!AATS_JSON_IS(type, type_len, "update")) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"product_type":"SPOT","id":"BTC-USD",..,"status":"online","status_message":"",..}: "" stands for futures that are traded (4). */
void coinbase_status(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *status = "";
    size_t key_len, status_len = 0;
    uint32_t seen = 0;
    m->kind = AATS_MSG_STATUS;
    m->sym = NULL;
    m->sym_len = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("id")) take_str(j, &seen, 0, &m->sym, &m->sym_len);
        else if (IS("status")) take_str(j, &seen, 1, &status, &status_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return;
    m->code = status_len && !AATS_JSON_IS(status, status_len, "online");
    if (!m->sym_len) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"type":"snapshot","products":[{..}]} */
void coinbase_statuses(aats_json_t *j, aats_msg_t *m, size_t *cnt)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("products")) {
            aats_json_seen(j, &seen, 0);
            aats_json_array(j);
            while (aats_json_item(j) == 1 && !note(j, m, cnt)) coinbase_status(j, m);
        } else {
            aats_json_skip(j);
        }
    }
    whole(j, seen, 1);
}
