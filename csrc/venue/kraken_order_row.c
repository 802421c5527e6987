/* kraken_order_row.c -- rows of Kraken's executions and balances channels, names of assets, and what its error texts mean.
 *
 * Odd behaviours are numbered in kraken_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "proto/num.h"
#include "venue/kraken_order.h"
#include "venue/time_text.h"

/* ---- errors ---- */

static int starts(char const *text, size_t n, char const *with)
{
    size_t const k = strlen(with);
    return n >= k && !memcmp(text, with, k);
}

void kraken_order_error(aats_oreply_t *r, char const *text, size_t n)
{
    enum { FATAL = 1, BUSY = 2, UNSURE = 4, CLOCK = 8, FULL = 16 };
    static struct { char const *with; uint32_t oc; int what; } const ERRORS[] = {
        {"EAPI:Invalid key", AATS_OC_AUTH, FATAL},
        {"EAPI:Invalid signature", AATS_OC_AUTH, FATAL},
        {"EGeneral:Permission denied", AATS_OC_AUTH, FATAL},
        {"EAPI:Invalid nonce", AATS_OC_TIMESTAMP, BUSY}, /* V-15 */
        {"ESession:Invalid session", AATS_OC_AUTH, BUSY},
        {"EAPI:Rate limit exceeded", AATS_OC_RATE_LIMIT, BUSY},
        {"EOrder:Rate limit exceeded", AATS_OC_RATE_LIMIT, BUSY | FULL},
        {"EOrder:Orders limit exceeded", AATS_OC_RATE_LIMIT, BUSY | FULL},
        {"EGeneral:Temporary lockout", AATS_OC_BANNED, BUSY},
        {"EService:Market in", AATS_OC_HALTED, 0},
        {"EService:", AATS_OC_VENUE_UNSURE, UNSURE}, /* V-14 */
        {"EGeneral:Internal error", AATS_OC_VENUE_UNSURE, UNSURE},
        {"EOrder:Insufficient", AATS_OC_BALANCE, 0},
        {"EOrder:Post only order", AATS_OC_WOULD_CROSS, 0},
        {"EOrder:Order minimum", AATS_OC_FILTER, 0},
        {"EOrder:Cost minimum", AATS_OC_FILTER, 0},
        {"EOrder:Tick size", AATS_OC_FILTER, 0},
        {"EOrder:Invalid price", AATS_OC_FILTER, 0},
        {"EOrder:Deadline elapsed", AATS_OC_TIMESTAMP, 0},
        {"EOrder:Invalid cl_ord_id", AATS_OC_VENUE_DUPLICATE, 0},
        {"EOrder:Unknown order", AATS_OC_UNKNOWN_ORDER, 0},
        {"EQuery:Unknown asset pair", AATS_OC_HALTED, 0},
    };
    int what = 0;
    r->oc = AATS_OC_VENUE;
    r->text = text;
    r->text_len = n;
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        if (!starts(text, n, ERRORS[i].with)) continue;
        r->oc = ERRORS[i].oc;
        what = ERRORS[i].what;
        break;
    }
    r->fatal = (what & FATAL) != 0;
    r->busy = (what & BUSY) != 0;
    r->full = (what & FULL) != 0;
    r->unsure = (what & UNSURE) != 0;
    r->status = r->fatal ? 401 : r->busy ? 429 : r->unsure ? 503 : 400;
}

/* ---- names and numbers ---- */

int kraken_asset(char const *s, size_t n, char *out, size_t cap)
{
    if (n == 4 && (s[0] == 'X' || s[0] == 'Z')) s++, n--; /* V-16: XXBT, XETH, ZUSD */
    if (n == 3 && !memcmp(s, "XBT", 3)) s = "BTC";
    else if (n == 3 && !memcmp(s, "XDG", 3)) s = "DOGE", n = 4;
    if (n == 0 || n >= cap) return 0;
    memcpy(out, s, n);
    out[n] = 0;
    return 1;
}

int64_t kraken_number(kraken_text_t text, int exp, int64_t none)
{
    int64_t v;
    return text.n && aats_num_parse(text.s, text.n, exp, &v) == AATS_OK && v >= 0 ? v : none;
}

aats_omsg_t *kraken_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code)
{
    if (r->msg_cnt == AATS_OREPLY_MSGS) {
        if (j) aats_json_fail(j, AATS_E_TOO_BIG);
        return NULL;
    }
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    *m = *like;
    m->kind = kind;
    m->code = code;
    return m;
}

static void copy(char *out, size_t cap, kraken_text_t text)
{
    size_t const n = text.n < cap ? text.n : cap - 1;
    if (n) memcpy(out, text.s, n);
    out[n] = 0;
}

/* ---- executions ---- */

typedef struct {
    kraken_text_t order_id, client_id, symbol, type, reason, qty, cum, px, last_qty, last_px, liquidity, time, fee_asset, fee;
    uint64_t trade_id;
    uint32_t seen;
} row_t;

/* [{"asset":"USD","qty":0.3458}]: of several the first (a fee is taken in one asset). */
static void fees(aats_json_t *j, row_t *row)
{
    char const *key;
    size_t key_len;
    int cnt = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (cnt++) {
            aats_json_skip(j);
            continue;
        }
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("asset") && aats_json_type(j) == '"') aats_json_str(j, &row->fee_asset.s, &row->fee_asset.n);
            else if (IS("qty") && aats_json_type(j) == '0') aats_json_raw(j, &row->fee.s, &row->fee.n);
            else aats_json_skip(j);
        }
    }
}

static void read_row(aats_json_t *j, row_t *row)
{
    char const *key;
    size_t key_len;
    struct { char const *name; kraken_text_t *to; int number; } const WANTED[] = {
        {"order_id", &row->order_id, 0},   {"cl_ord_id", &row->client_id, 0}, {"symbol", &row->symbol, 0},     {"exec_type", &row->type, 0},
        {"reason", &row->reason, 0},       {"order_qty", &row->qty, 1},       {"cum_qty", &row->cum, 1},       {"limit_price", &row->px, 1},
        {"last_qty", &row->last_qty, 1},   {"last_price", &row->last_px, 1},  {"liquidity_ind", &row->liquidity, 0}, {"timestamp", &row->time, 0},
    };
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        unsigned k = 0;
        while (k < sizeof WANTED / sizeof WANTED[0] && (strlen(WANTED[k].name) != key_len || memcmp(WANTED[k].name, key, key_len) != 0)) k++;
        int const type = aats_json_type(j);
        if (k < sizeof WANTED / sizeof WANTED[0] && type == (WANTED[k].number ? '0' : '"')) {
            aats_json_seen(j, &row->seen, k);
            if (type == '"') aats_json_str(j, &WANTED[k].to->s, &WANTED[k].to->n);
            else aats_json_raw(j, &WANTED[k].to->s, &WANTED[k].to->n);
        } else if (IS("trade_id") && type == '0') {
            aats_json_seen(j, &row->seen, 16);
            aats_json_u64(j, &row->trade_id);
        } else if (IS("fees") && type == '[') {
            aats_json_seen(j, &row->seen, 17);
            fees(j, row);
        } else {
            aats_json_skip(j);
        }
    }
}

#define TYPE(lit) AATS_JSON_IS(row.type.s, row.type.n, lit)

static int holds(kraken_text_t text, char const *word)
{
    size_t const k = strlen(word);
    for (size_t i = 0; i + k <= text.n; i++)
        if (!memcmp(text.s + i, word, k)) return 1;
    return 0;
}

/* What the reason of an end says; the texts beyond "Post only order" are not documented (5). */
static uint32_t end_code(kraken_text_t reason)
{
    if (holds(reason, "Post only")) return AATS_OC_WOULD_CROSS;
    if (holds(reason, "mmediate") || holds(reason, "IOC")) return AATS_OC_IOC_REST;
    if (holds(reason, "ill or kill") || holds(reason, "FOK") || holds(reason, "iquidity")) return AATS_OC_EXPIRED;
    if (holds(reason, "elf trade") || holds(reason, "STP")) return AATS_OC_SELF_TRADE;
    if (!reason.n || holds(reason, "ser requested")) return AATS_OC_CANCELED;
    return AATS_OC_CANCELED_OTHER;
}

static void say_fill(aats_json_t *j, aats_oreply_t *r, row_t const *row, aats_omsg_t *m, int px_exp, int qty_exp)
{
    static int const EXPS[] = {-8, -12, -15, -18};
    int e = row->fee.n ? AATS_E_INEXACT : AATS_OK;
    m->px_i = kraken_number(row->last_px, px_exp, 0);
    m->qty_i = kraken_number(row->last_qty, qty_exp, 0);
    if (m->px_i <= 0 || m->qty_i <= 0 || !row->trade_id || !row->symbol.n) {
        aats_json_fail(j, AATS_E_SHAPE);
        return;
    }
    m->trade_id = row->trade_id;
    m->liquidity = AATS_JSON_IS(row->liquidity.s, row->liquidity.n, "m") ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    for (size_t i = 0; i < sizeof EXPS / sizeof EXPS[0] && e == AATS_E_INEXACT; i++) {
        m->fee_exp = EXPS[i];
        e = aats_num_parse(row->fee.s, row->fee.n, EXPS[i], &m->fee_i);
    }
    if (e) aats_json_fail(j, e);
    copy(m->fee_asset, sizeof m->fee_asset, row->fee_asset);
    kraken_add(r, j, m, AATS_OM_FILL, AATS_OC_NONE);
}

int kraken_execution(aats_json_t *j, aats_oreply_t *r)
{
    row_t row;
    aats_omsg_t m;
    int32_t px_exp = KRAKEN_EXP, qty_exp = KRAKEN_EXP;
    memset(&row, 0, sizeof row);
    memset(&m, 0, sizeof m);
    row.type.s = row.liquidity.s = "";
    read_row(j, &row);
    if (j->err) return j->err;
    if (!row.order_id.n || row.order_id.n >= sizeof m.remote_id || !row.type.n) return aats_json_fail(j, AATS_E_SHAPE);
    copy(m.remote_id, sizeof m.remote_id, row.order_id);
    copy(m.symbol, sizeof m.symbol, row.symbol);
    m.venue_ns = time_text_ns(row.time.s, row.time.n);
    m.fee_exp = KRAKEN_EXP;
    m.cum_qty_i = -1;
    if (row.client_id.n && aats_client_id_parse(row.client_id.s, row.client_id.n, &m.instance, &m.order_id) != AATS_OK) {
        m.instance = 0;
        m.order_id = 0;
        copy(m.text, sizeof m.text, row.client_id);
        kraken_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE);
        return j->err;
    }
    int const told = row.symbol.n > 0, sized = told || !m.order_id; /* V-11 */
    if (told) aats_oreply_scale(r, row.symbol.s, row.symbol.n, &px_exp, &qty_exp);
    if (TYPE("trade")) {
        m.cum_qty_i = kraken_number(row.cum, qty_exp, -1);
        say_fill(j, r, &row, &m, px_exp, qty_exp);
    } else if (TYPE("pending_new")) {
        kraken_add(r, j, &m, AATS_OM_ACK, AATS_OC_NONE);
    } else if (TYPE("new") || ((TYPE("amended") || TYPE("restated")) && sized && (row.px.n || row.qty.n))) {
        if (sized) m.px_i = kraken_number(row.px, px_exp, 0);
        if (sized) m.qty_i = kraken_number(row.qty, qty_exp, 0);
        if (sized && TYPE("new")) m.cum_qty_i = kraken_number(row.cum, qty_exp, -1);
        kraken_add(r, j, &m, TYPE("new") ? AATS_OM_OPEN : AATS_OM_AMENDED, AATS_OC_NONE);
    } else if (TYPE("canceled") || TYPE("expired")) {
        uint32_t const code = TYPE("expired") ? AATS_OC_EXPIRED : end_code(row.reason);
        if (sized) m.cum_qty_i = kraken_number(row.cum, qty_exp, -1);
        copy(m.text, sizeof m.text, row.reason);
        if (code == AATS_OC_WOULD_CROSS) { /* V-12: never traded */
            m.cum_qty_i = 0;
            kraken_add(r, j, &m, AATS_OM_REJECT, code);
        }
        kraken_add(r, j, &m, AATS_OM_DONE, code);
    } /* V-13, and kinds that change nothing (5) */
    return j->err;
}

/* ---- balances ---- */

/* {"asset":"BTC","asset_class":"currency","balance":1.2,"wallets":[..]} (V-19) */
int kraken_balance(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    kraken_text_t asset = {"", 0}, amount = {"", 0};
    aats_omsg_t m;
    __int128 sum = 0;
    memset(&m, 0, sizeof m);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("asset")) take_str(j, &seen, 0, &asset.s, &asset.n);
        else if (IS("balance")) aats_json_seen(j, &seen, 1), aats_json_raw(j, &amount.s, &amount.n);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return j->err;
    if (!kraken_asset(asset.s, asset.n, m.fee_asset, sizeof m.fee_asset)) return AATS_OK;
    int const e = text_amount(amount.s, amount.n, &sum);
    if (e) return aats_json_fail(j, e);
    m.amount = aats_wide_of(sum);
    m.fee_exp = KRAKEN_EXP;
    m.cum_qty_i = -1;
    kraken_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
    return j->err;
}
