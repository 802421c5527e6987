/* bybit_data.c -- what stands in "data" of Bybit's topics; odd behaviours are numbered in bybit.c. */
#include "venue/bybit_data.h"

#include <string.h>

#include "proto/num.h"
#include "venue/take.h"

#define EXP BYBIT_EXP

static int begins(char const *s, size_t n, char const *lit) { return n > strlen(lit) && !memcmp(s, lit, strlen(lit)); }

/* orderbook.50.BTCUSDT   publicTrade.BTCUSDT   tickers.BTCUSDT   allLiquidation.BTCUSDT: the symbol stands behind the last point. */
int bybit_topic(aats_msg_t *m)
{
    static struct { char const *head; int of, kind; } const TOPICS[] = {
        {"orderbook.1.", OF_TOP, AATS_MSG_BBO},     {"orderbook.", OF_BOOK, AATS_MSG_DEPTH},
        {"publicTrade.", OF_TRADES, AATS_MSG_TRADE}, {"tickers.", OF_TICKER, AATS_MSG_MARK},
        {"allLiquidation.", OF_LIQUIDATIONS, AATS_MSG_LIQUIDATION},
    };
    for (size_t i = 0; i < sizeof TOPICS / sizeof TOPICS[0]; i++) {
        if (!begins(m->stream, m->stream_len, TOPICS[i].head)) continue;
        size_t at = strlen(TOPICS[i].head);
        if (TOPICS[i].of == OF_BOOK) {
            size_t const first = at;
            while (at < m->stream_len && m->stream[at] >= '0' && m->stream[at] <= '9') at++;
            if (at == first || at == m->stream_len || m->stream[at++] != '.') return OF_OTHER; /* V-10 */
        }
        if (at == m->stream_len || memchr(m->stream + at, '.', m->stream_len - at)) return OF_OTHER;
        m->sym = m->stream + at;
        m->sym_len = m->stream_len - at;
        m->cursor2 = m->sym_len;
        m->kind = TOPICS[i].kind;
        aats_msg_scale(m, EXP, EXP);
        return TOPICS[i].of;
    }
    return OF_OTHER;
}

/* The payload's own symbol must be the topic's (its last cursor2 bytes), or an option's of that asset (V-11); if not, one of the two is wrong,
 * so it may be anybody's. */
static int same_symbol(aats_json_t *j, uint32_t *seen, unsigned bit, aats_msg_t *m)
{
    char const *s;
    size_t n, len = (size_t)m->cursor2;
    if (take_str(j, seen, bit, &s, &n)) return j->err;
    int const same = n >= len && !memcmp(s, m->stream + m->stream_len - len, len);
    if (same && n == len) return AATS_OK;
    if (same && s[len] == '-') {
        m->sym = s;
        m->sym_len = n;
        return AATS_OK;
    }
    m->sym = NULL;
    return aats_json_fail(j, AATS_E_SHAPE);
}

/* {"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1785312000131,"data":{"s":"BTCUSDT","b":[["64210.10","3.204"],["64209.80","0"]],
 *  "a":[["64210.20","1.877"]],"u":48211377,"seq":512345678901},"cts":1785312000127} */
static int book(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("s")) same_symbol(j, &seen, 0, m);
        else if (IS("b")) {
            aats_json_seen(j, &seen, 1);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->bids, AATS_MSG_LEVELS, &m->bid_cnt);
        } else if (IS("a")) {
            aats_json_seen(j, &seen, 2);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->asks, AATS_MSG_LEVELS, &m->ask_cnt);
        } else if (IS("u")) take_u64(j, &seen, 3, &m->last_id);
        else aats_json_skip(j);
    }
    m->first_id = m->last_id;
    return whole(j, seen, 15);
}

/* The same for the top alone (V-04): one level a side, 0 and 0 where there is none. */
static int top(aats_json_t *j, aats_msg_t *m)
{
    if (book(j, m)) return j->err;
    if (m->bid_cnt > 1 || m->ask_cnt > 1) return aats_json_fail(j, AATS_E_SHAPE);
    if (!m->bid_cnt) m->bids[0] = (aats_level_t){0, 0};
    if (!m->ask_cnt) m->asks[0] = (aats_level_t){0, 0};
    m->bid_cnt = m->ask_cnt = 1;
    return AATS_OK;
}

/* A row of publicTrade:    {"T":1785312000136,"s":"BTCUSDT","S":"Buy","v":"0.120","p":"64210.20","L":"PlusTick",
 *                           "i":"0d1f6a2e-6d0e-5b4e-9c53-3a9f7c1e2b11","BT":false,"RPI":false,"seq":512345678950}
 * A row of allLiquidation: {"T":1785312001999,"s":"BTCUSDT","S":"Buy","v":"0.014","p":"63900.00"} */
int bybit_row(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *side = "", *id = "";
    size_t key_len, side_len = 0, id_len = 0;
    uint32_t seen = 0;
    int const trade = m->kind == AATS_MSG_TRADE;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("T")) take_ms(j, &seen, 0, &m->exch_ns);
        else if (IS("s")) same_symbol(j, &seen, 1, m);
        else if (IS("S")) take_str(j, &seen, 2, &side, &side_len);
        else if (IS("v")) take_num(j, &seen, 3, m->qty_exp, &m->qty_i);
        else if (IS("p")) take_num(j, &seen, 4, m->px_exp, &m->px_i);
        else if (trade && IS("i")) take_str(j, &seen, 5, &id, &id_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, trade ? 0x3f : 0x1f)) return j->err;
    m->side = AATS_JSON_IS(side, side_len, "Buy") ? 1 : AATS_JSON_IS(side, side_len, "Sell") ? -1 : 0;
    if (!m->side || m->px_i <= 0 || m->qty_i < 0 || (trade && !id_len)) return aats_json_fail(j, AATS_E_SHAPE);
    if (trade) m->id = m->first_id = m->last_id = text_id64(id, id_len);
    else m->side = -m->side; /* V-06 */
    return AATS_OK;
}

/* All rows are read, so that `next` finds nothing wrong; what is kept is the first, and where the second begins. */
static int rows(aats_json_t *j, aats_msg_t *m)
{
    aats_msg_t rest;
    size_t cnt = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (cnt == 1) {
            rest = *m;
            m->more = 1;
            m->cursor = aats_json_offset(j);
        }
        if (cnt++ == 0) bybit_row(j, m);
        else if (bybit_row(j, &rest)) m->sym = rest.sym;
    }
    if (!cnt && !j->err) m->kind = AATS_MSG_OTHER;
    return j->err;
}

/* A number, in a string or not, or "": no value (V-05).  1 in *told if there was one. */
static void maybe(aats_json_t *j, uint32_t *seen, unsigned bit, int exp, int64_t *out, int *told)
{
    char const *s;
    size_t n;
    *told = 1;
    if (aats_json_type(j) != '"') {
        take_num(j, seen, bit, exp, out);
        return;
    }
    if (take_str(j, seen, bit, &s, &n)) return;
    *told = n > 0;
    int const e = n ? aats_num_parse(s, n, exp, out) : AATS_OK;
    if (e) aats_json_fail(j, e);
}

/* {"topic":"tickers.BTCUSDT","type":"delta","ts":1785312000200,"cs":512345679000,"data":{"symbol":"BTCUSDT","markPrice":"64205.41",
 *  "indexPrice":"64201.11","bid1Price":"64210.10",..,"fundingRate":"0.000081","nextFundingTime":"1785340800000"}}
 * A MARK, a FUNDING, both or neither. */
static int ticker(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int64_t next_ms = 0;
    int mark = 0, index = 0, rate = 0, next = 0;
    m->index_px_i = m->rate_i = m->next_ns = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) same_symbol(j, &seen, 0, m);
        else if (IS("markPrice")) maybe(j, &seen, 1, m->px_exp, &m->px_i, &mark);
        else if (IS("indexPrice")) maybe(j, &seen, 2, m->px_exp, &m->index_px_i, &index);
        else if (IS("fundingRate")) maybe(j, &seen, 3, -AATS_RATE_EXP, &m->rate_i, &rate);
        else if (IS("nextFundingTime")) maybe(j, &seen, 4, 0, &next_ms, &next);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 1)) return j->err;
    if (m->px_i < 0 || m->index_px_i < 0 || next_ms < 0) return aats_json_fail(j, AATS_E_SHAPE);
    m->next_ns = text_ms_ns((uint64_t)next_ms);
    mark |= index;
    m->kind = mark ? AATS_MSG_MARK : rate ? AATS_MSG_FUNDING : AATS_MSG_OTHER;
    m->more = mark && rate;
    return AATS_OK;
}

int bybit_payload(aats_json_t *j, int of, aats_msg_t *m)
{
    switch (of) {
    case OF_BOOK: return book(j, m);
    case OF_TOP: return top(j, m);
    case OF_TRADES: case OF_LIQUIDATIONS: return rows(j, m);
    case OF_TICKER: return ticker(j, m);
    default: return aats_json_skip(j);
    }
}
