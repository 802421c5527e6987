/* kraken_data.c -- books, trades, best bid and ask, statuses of Kraken's WebSocket v2.  The checksum of its books is kraken_sum.c's.
 *
 * Facts: exchanges/kraken_v2.md, sections 2 to 4; odd behaviours by their numbers in kraken.c.
 */
#include "venue/kraken_data.h"

#include <string.h>

#include "proto/num_fast.h"
#include "venue/level_rows.h"
#include "venue/take.h"
#include "venue/time_text.h"

#define ROOM 24 /* bytes that are there behind the beginning of a number that is read the short way */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- numbers ---- */

/* The number that comes next, at 10^exp; *dec: its digits behind the point, -1 for one with an exponent. */
static int take_plain(aats_json_t *j, int exp, int64_t *out, int *dec)
{
    if (aats_json_type(j) != '0') return aats_json_fail(j, AATS_E_SHAPE);
    char const *p = j->p;
    *dec = 0;
    while (p < j->end && (is_digit(*p) || *p == '-')) p++;
    if (p < j->end && *p == '.') {
        char const *point = p++;
        while (p < j->end && is_digit(*p)) p++;
        *dec = (int)(p - point) - 1;
    }
    if (p < j->end && (*p == 'e' || *p == 'E')) *dec = -1;
    return aats_json_num(j, exp, out);
}

/* Digits as the venue prints them: the most that a message shows. */
static void learn(int32_t *known, int dec)
{
    if (dec > *known) *known = dec;
}

/* ---- book ---- */

/* {"price":62802.5,"qty":0.02987767} */
static void level(aats_json_t *j, aats_msg_t *m, aats_level_t *out, int32_t told[2])
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int px_dec = -1, qty_dec = -1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("price")) aats_json_seen(j, &seen, 0), take_plain(j, m->px_exp, &out->px_i, &px_dec);
        else if (IS("qty")) aats_json_seen(j, &seen, 1), take_plain(j, m->qty_exp, &out->qty_i, &qty_dec);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return;
    if (out->px_i <= 0 || out->qty_i < 0) aats_json_fail(j, AATS_E_SHAPE);
    learn(&told[0], px_dec);
    if (out->qty_i) learn(&told[1], qty_dec); /* V-05 */
}

/* How many digits the last level's numbers had, before the point and behind it: where the next text stands hangs on a predicted branch then. */
typedef struct {
    int px, px_frac, qty, qty_frac;
} alike_t;

/* The digits behind the point of a number that ends before `behind`, of which there are `frac` if it has a point. */
static int decimals(char const *begin, char const *behind, int frac) { return behind - begin > frac && behind[-1 - frac] == '.' ? frac : 0; }

/* A level in the one spelling that the venue uses, without a cursor's care.  Returns the byte behind its closing brace, or NULL: it is spelled otherwise. */
static inline char const *level_fast(char const *p, char const *end, aats_msg_t const *m, aats_level_t *out, alike_t *as, int32_t told[2])
{
    static char const HEAD[] = "{\"price\":", MIDDLE[] = ",\"qty\":";
    if ((size_t)(end - p) < sizeof HEAD + sizeof MIDDLE + 2 * ROOM || memcmp(p, HEAD, sizeof HEAD - 1) != 0) return NULL;
    char const *px = p + sizeof HEAD - 1;
    p = aats_num_fast_alike(px, end, m->px_exp, &as->px, &as->px_frac, &out->px_i);
    if (!p || memcmp(p, MIDDLE, sizeof MIDDLE - 1) != 0) return NULL;
    int const px_dec = decimals(px, p, as->px_frac);
    char const *qty = p + sizeof MIDDLE - 1;
    p = aats_num_fast_alike(qty, end, m->qty_exp, &as->qty, &as->qty_frac, &out->qty_i);
    if (!p || *p != '}' || out->px_i <= 0) return NULL;
    learn(&told[0], px_dec);
    if (out->qty_i) learn(&told[1], decimals(qty, p, as->qty_frac)); /* V-05 */
    return p + 1;
}

/* Many at once, else one in the usual spelling, else any; of the usual ones the commas between them, too, are passed over here. */
static void levels(aats_json_t *j, aats_msg_t *m, aats_level_t *out, size_t *cnt, int32_t told[2])
{
    alike_t as = {5, 2, 1, 8};
    size_t n = 0;
    int tries = LEVEL_ROWS_TRIES;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        char const *behind = NULL, *p = j->p;
        size_t const got = tries > 0 ? level_rows_objects(j->start, &j->p, j->end, m->px_exp, m->qty_exp, out + n, AATS_MSG_LEVELS - n, told) : 0;
        n += got;
        tries = got ? LEVEL_ROWS_TRIES : tries - 1;
        if (got) continue;
        size_t const cap = tries > 0 && n < AATS_MSG_LEVELS ? n + 1 : AATS_MSG_LEVELS;
        while (n < cap && (p = level_fast(p, j->end, m, &out[n], &as, told)) != NULL) {
            behind = p;
            n++;
            if (*p != ',') break;
            p++;
        }
        if (behind) {
            j->p = behind;
            continue;
        }
        if (n == AATS_MSG_LEVELS) aats_json_fail(j, AATS_E_TOO_BIG);
        else level(j, m, &out[n], told);
        if (j->err) break;
        n++;
    }
    *cnt = n;
}

/* The symbol stands first today, but nothing promises it: numbers are read by it, so it is looked for. */
void kraken_find_symbol(aats_json_t look, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    aats_json_object(&look);
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("symbol")) {
            aats_json_str(&look, &m->sym, &m->sym_len);
            return;
        }
        aats_json_skip(&look);
    }
}

static void take_time(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    char const *s = NULL;
    size_t n = 0;
    take_str(j, seen, bit, &s, &n);
    if (!j->err) *out = time_text_ns(s, n);
}

/* {"symbol":"BTC/USD","bids":[{"price":62802.5,"qty":0.02987767}],"asks":[],"checksum":975661613,"timestamp":"2026-08-16T23:37:04.316445Z"} */
void kraken_book(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    uint64_t check = 0;
    int32_t told[2] = {-1, -1};
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) take_str(j, &seen, 0, &m->sym, &m->sym_len);
        else if (IS("bids")) aats_json_seen(j, &seen, 1), levels(j, m, m->bids, &m->bid_cnt, told);
        else if (IS("asks")) aats_json_seen(j, &seen, 2), levels(j, m, m->asks, &m->ask_cnt, told);
        else if (IS("checksum")) take_u64(j, &seen, 3, &check);
        else if (IS("timestamp")) take_time(j, &seen, 4, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0xf)) return;
    if (check > UINT32_MAX) {
        aats_json_fail(j, AATS_E_SHAPE);
        return;
    }
    if (told[0] >= 0) m->px_dec = told[0]; /* the text itself goes before what the instrument list says (V-02) */
    if (told[1] >= 0) m->qty_dec = told[1];
    m->check = (uint32_t)check;
    m->has |= AATS_HAS_CHECK;
}

/* ---- trades, best bid and ask, instruments ---- */

/* {"symbol":"BTC/USD","side":"buy","price":105944.20,"qty":0.00027625,"ord_type":"limit","trade_id":10218208,"timestamp":"2023-10-06T17:35:55.440295Z"} */
void kraken_trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *side = NULL;
    size_t key_len, side_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) take_str(j, &seen, 0, &m->sym, &m->sym_len);
        else if (IS("side")) take_str(j, &seen, 1, &side, &side_len);
        else if (IS("price")) take_num(j, &seen, 2, m->px_exp, &m->px_i);
        else if (IS("qty")) take_num(j, &seen, 3, m->qty_exp, &m->qty_i);
        else if (IS("trade_id")) take_u64(j, &seen, 4, &m->id);
        else if (IS("timestamp")) take_time(j, &seen, 5, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x3f)) return;
    if (AATS_JSON_IS(side, side_len, "buy")) m->side = 1; /* V-07 */
    else if (AATS_JSON_IS(side, side_len, "sell")) m->side = -1;
    m->first_id = m->last_id = m->id;
    if (!m->side || m->px_i <= 0 || m->qty_i < 0) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.30,"ask_qty":3.2,"last":105899.40,...,"timestamp":".."} */
void kraken_ticker(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->bid_cnt = m->ask_cnt = 1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) take_str(j, &seen, 0, &m->sym, &m->sym_len);
        else if (IS("bid")) take_num(j, &seen, 1, m->px_exp, &m->bids[0].px_i);
        else if (IS("bid_qty")) take_num(j, &seen, 2, m->qty_exp, &m->bids[0].qty_i);
        else if (IS("ask")) take_num(j, &seen, 3, m->px_exp, &m->asks[0].px_i);
        else if (IS("ask_qty")) take_num(j, &seen, 4, m->qty_exp, &m->asks[0].qty_i);
        else if (IS("timestamp")) take_time(j, &seen, 5, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x1f)) return;
    if (m->bids[0].px_i < 0 || m->bids[0].qty_i < 0 || m->asks[0].px_i < 0 || m->asks[0].qty_i < 0) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online",...}: online and the restrictions under which orders of some kind still pass. */
void kraken_pair(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *status = NULL;
    size_t key_len, status_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) take_str(j, &seen, 0, &m->sym, &m->sym_len);
        else if (IS("status")) take_str(j, &seen, 1, &status, &status_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return;
    int const trades = AATS_JSON_IS(status, status_len, "online") || AATS_JSON_IS(status, status_len, "limit_only") ||
                       AATS_JSON_IS(status, status_len, "reduce_only") || AATS_JSON_IS(status, status_len, "post_only");
    m->code = !trades;
    m->text = status;
    m->text_len = status_len;
}
