/* okx_items.c -- what OKX sends in lists: trades, mark and index prices, funding, liquidations, states of instruments.
 *
 * A list holds nearly always one item, and is promised to nobody as such: the first message goes to the caller at once, the rest are judged then and read
 * later (okx_next).  m->cursor is where the item begins that the message after this one is in, m->cursor2 says which of its messages that is, and by which channel.
 * Odd behaviours are numbered in okx.c.
 */
#include "venue/okx_text.h"

#define CHANNEL_SHIFT 32

void okx_index_symbol(aats_msg_t *m)
{
    static char const TAIL[] = "-SWAP";
    if (m->sym_len + sizeof TAIL > sizeof m->room) {
        m->sym = NULL;
        return;
    }
    memmove(m->room, m->sym, m->sym_len);
    memcpy(m->room + m->sym_len, TAIL, sizeof TAIL);
    m->sym = m->room;
    m->sym_len += sizeof TAIL - 1;
}

/* A decimal that may be an empty string: then *has stays 0 (V-30). */
static void take_maybe(aats_json_t *j, uint32_t *seen, unsigned bit, int exp, int64_t *out, int *has)
{
    aats_json_seen(j, seen, bit);
    if (j->err) return;
    if (aats_json_type(j) == '"') {
        aats_json_t look = *j;
        char const *s;
        size_t n;
        if (!aats_json_str(&look, &s, &n) && n == 0) {
            aats_json_skip(j);
            return;
        }
    }
    *has = aats_json_num(j, exp, out) == AATS_OK;
}

/* The name that the item gives itself must be the one in its frame's "arg". */
static int named(aats_json_t *j, char const *s, size_t n, aats_msg_t *m)
{
    if (j->err) return j->err;
    if (n == m->sym_len && !memcmp(s, m->sym, n)) return AATS_OK;
    m->sym = NULL;
    return aats_json_fail(j, AATS_E_SHAPE);
}

/* The symbol of an item in a list of many instruments (V-37), found before its numbers are read. */
static int own_name(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    aats_json_t look = *j;
    m->sym = NULL;
    aats_json_object(&look);
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("instId")) {
            if (aats_json_str(&look, &m->sym, &m->sym_len)) m->sym = NULL;
            break;
        }
        aats_json_skip(&look);
    }
    if (look.err) return aats_json_fail(j, look.err);
    return m->sym ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

static int side_of(aats_json_t *j, uint32_t *seen, unsigned bit)
{
    char const *s;
    size_t n;
    if (take_str(j, seen, bit, &s, &n)) return 0;
    if (AATS_JSON_IS(s, n, "buy")) return 1;
    if (AATS_JSON_IS(s, n, "sell")) return -1;
    aats_json_fail(j, AATS_E_SHAPE);
    return 0;
}

/* {"instId":"BTC-USDT-SWAP","tradeId":"1987654321","px":"64210.2","sz":"1.2","side":"buy","ts":"1785312000129","count":"3","source":"0","seqId":7812345630} */
static int trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *inst;
    size_t key_len, inst_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("instId")) take_str(j, &seen, 0, &inst, &inst_len);
        else if (IS("tradeId")) take_text_u64(j, &seen, 1, &m->id);
        else if (IS("px")) aats_json_seen(j, &seen, 2), aats_json_num(j, m->px_exp, &m->px_i);
        else if (IS("sz")) aats_json_seen(j, &seen, 3), aats_json_num(j, m->qty_exp, &m->qty_i);
        else if (IS("side")) m->side = side_of(j, &seen, 4);
        else if (IS("ts")) take_text_ms(j, &seen, 5, &m->exch_ns);
        else aats_json_skip(j);
    }
    m->first_id = m->last_id = m->id;
    if (whole(j, seen, 0x3f) || named(j, inst, inst_len, m)) return j->err;
    return m->px_i > 0 && m->qty_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"64205.4","ts":"1785312000200"}
 * {"instId":"BTC-USDT","idxPx":"64204.9","high24h":"..",...,"ts":"1785312000200"}   the index */
static int mark(aats_json_t *j, int is_index, aats_msg_t *m, size_t *cnt)
{
    char const *key, *inst;
    size_t key_len, inst_len = 0;
    uint32_t seen = 0;
    int has = 0;
    int64_t *const px = is_index ? &m->index_px_i : &m->px_i;
    m->px_i = m->index_px_i = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("instId")) take_str(j, &seen, 0, &inst, &inst_len);
        else if (is_index ? IS("idxPx") : IS("markPx")) take_maybe(j, &seen, 1, m->px_exp, px, &has);
        else if (IS("ts")) take_text_ms(j, &seen, 2, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return j->err;
    if (is_index) { /* V-36: what stands in `arg` has got its tail already */
        if (m->sym_len < inst_len || memcmp(m->sym, inst, inst_len)) return aats_json_fail(j, AATS_E_SHAPE);
    } else if (named(j, inst, inst_len, m)) return j->err;
    *cnt = has ? 1 : 0;
    return *px >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"instType":"SWAP","instId":"BTC-USDT-SWAP","fundingRate":"0.00008","nextFundingRate":"","fundingTime":"1785340800000",...,"ts":"1785312000000"} */
static int funding(aats_json_t *j, aats_msg_t *m, size_t *cnt)
{
    char const *key, *inst;
    size_t key_len, inst_len = 0;
    uint32_t seen = 0;
    int has = 0;
    m->next_ns = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("instId")) take_str(j, &seen, 0, &inst, &inst_len);
        else if (IS("fundingRate")) take_maybe(j, &seen, 1, -AATS_RATE_EXP, &m->rate_i, &has);
        else if (IS("fundingTime")) take_text_ms(j, &seen, 2, &m->next_ns);
        else if (IS("ts")) take_text_ms(j, &seen, 3, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7) || named(j, inst, inst_len, m)) return j->err;
    *cnt = has ? 1 : 0;
    return AATS_OK;
}

/* {"side":"sell","posSide":"long","bkPx":"63900.1","sz":"12.4","bkLoss":"0","ccy":"","ts":"1785312001999"} */
static int detail(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("side")) m->side = side_of(j, &seen, 0);
        else if (IS("bkPx")) aats_json_seen(j, &seen, 1), aats_json_num(j, m->px_exp, &m->px_i);
        else if (IS("sz")) aats_json_seen(j, &seen, 2), aats_json_num(j, m->qty_exp, &m->qty_i);
        else if (IS("ts")) take_text_ms(j, &seen, 3, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 15)) return j->err;
    return m->px_i >= 0 && m->qty_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"instType":"SWAP","instId":"BTC-USDT-SWAP","instFamily":"BTC-USDT","uly":"BTC-USDT","details":[{..},..]}: one message for each detail; the one numbered
 * `want`, or the last if there are not so many, is left in m. */
static int liquidation(aats_json_t *j, size_t want, aats_msg_t *m, size_t *cnt)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    if (own_name(j, m)) return j->err;
    aats_msg_scale(m, OKX_EXP, OKX_EXP);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (!IS("details")) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, 0);
        aats_json_array(j);
        while (aats_json_item(j) == 1) {
            int64_t const px = m->px_i, qty = m->qty_i, at = m->exch_ns;
            int const side = m->side;
            if (detail(j, m)) return j->err;
            if ((*cnt)++ > want) m->px_i = px, m->qty_i = qty, m->exch_ns = at, m->side = side;
        }
    }
    return whole(j, seen, 1);
}

/* {"instType":"SPOT","instId":"BTC-USDT","state":"live","tickSz":"0.1",...} */
static int instrument(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *state = "";
    size_t key_len, state_len = 0;
    uint32_t seen = 0;
    if (own_name(j, m)) return j->err;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("state")) take_str(j, &seen, 0, &state, &state_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 1)) return j->err;
    m->code = AATS_JSON_IS(state, state_len, "live") ? 0 : 1;
    m->text = state;
    m->text_len = state_len;
    return AATS_OK;
}

/* One item: message number `want` of it into m, and how many it makes. */
static int item(aats_json_t *j, int channel, size_t want, aats_msg_t *m, size_t *cnt)
{
    *cnt = 1;
    switch (channel) {
    case CH_TRADE: return trade(j, m);
    case CH_MARK: return mark(j, 0, m, cnt);
    case CH_INDEX: return mark(j, 1, m, cnt);
    case CH_FUNDING: return funding(j, m, cnt);
    case CH_INSTRUMENT: return instrument(j, m);
    default: *cnt = 0; return liquidation(j, want, m, cnt);
    }
}

/* Those behind the first: judged, not kept. */
static __attribute__((noinline)) int judge(aats_json_t *j, int channel, aats_msg_t *m, size_t *cnt)
{
    aats_msg_t other = *m;
    if (other.sym == m->room) other.sym = other.room;
    if (!item(j, channel, 0, &other, cnt)) return AATS_OK;
    m->sym = other.sym == other.room ? m->sym : other.sym; /* at whose door it lies */
    m->sym_len = other.sym_len;
    return j->err;
}

int okx_items(aats_json_t *j, char const *text, okx_channel_t const *channel, aats_msg_t *m)
{
    static uint8_t const KINDS[] = {
        [CH_TRADE] = AATS_MSG_TRADE, [CH_MARK] = AATS_MSG_MARK, [CH_INDEX] = AATS_MSG_MARK, [CH_FUNDING] = AATS_MSG_FUNDING,
        [CH_LIQUIDATION] = AATS_MSG_LIQUIDATION, [CH_INSTRUMENT] = AATS_MSG_STATUS,
    };
    int const c = channel->channel, of_one = c != CH_LIQUIDATION && c != CH_INSTRUMENT;
    size_t total = 0;
    if (of_one) {
        if (!m->sym) return aats_json_fail(j, AATS_E_SHAPE);
        aats_msg_scale(m, OKX_EXP, OKX_EXP);
    }
    m->kind = KINDS[c];
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        size_t const at = (size_t)(j->p - text);
        size_t cnt = 0;
        if (total == 0) {
            item(j, c, 0, m, &cnt);
            m->cursor = at;
            m->cursor2 = (uint64_t)c << CHANNEL_SHIFT | 1;
        } else judge(j, c, m, &cnt);
        total += cnt;
    }
    if (total == 0) m->kind = AATS_MSG_OTHER;
    m->more = total > 1 ? (uint32_t)(total - 1) : 0;
    return j->err;
}

int okx_next(char const *text, size_t n, aats_msg_t *m)
{
    int const channel = (int)(m->cursor2 >> CHANNEL_SHIFT);
    size_t want = (uint32_t)m->cursor2;
    if (!m->more) return AATS_E_ARG;
    for (;;) {
        aats_json_t j;
        size_t cnt = 0;
        while (m->cursor < n && (text[m->cursor] == ',' || (uint8_t)text[m->cursor] <= ' ')) m->cursor++;
        aats_json_init(&j, text + m->cursor, n - m->cursor);
        if (item(&j, channel, want, m, &cnt)) return j.err;
        if (want < cnt) break;
        m->cursor += (size_t)(j.p - j.start);
        want = 0;
    }
    m->cursor2 = (uint64_t)channel << CHANNEL_SHIFT | (want + 1);
    m->more--;
    return AATS_OK;
}
