/* binance_order_place.c -- order.place as a template filled in place: what binance_order.c writes of an ordinary order, in a third of the time.
 *
 * Only side, type, price, quantity, ids and time stamp differ from order to order, and all names stand in one known order, so there is nothing to collect and
 * nothing to sort: each value is formatted once, straight into the text that is signed, and copied from there into the JSON.  Whatever is not ordinary (other
 * exponents, a key or symbol that cannot stand in JSON as it is, a missing signer, little room, an order that is to be refused) is left to the encoder in
 * binance_order.c, which is also the model that the tests hold this one to, byte for byte.
 */
#include <string.h>

#include "order/client_id.h"
#include "proto/put.h"
#include "venue/binance_order.h"

#define ROOM    1280 /* more than any text below can have: 250 of names, a key of 135, a symbol of 47, a signature of 88, numbers of at most 20 */
#define KEY_MAX 135

/* A value inside the signed text. */
typedef struct {
    char const *s;
    size_t n;
} value_t;

/* Names and values are short: copies of known size cost less than a call. */
static inline __attribute__((always_inline)) char *text(char *p, char const *s, size_t n)
{
    memcpy(p, s, n);
    return p + n;
}

#define LIT(p, lit) text(p, lit, sizeof(lit) - 1)

static inline char *copy(char *p, value_t v)
{
    memcpy(p, v.s, 32);
    if (__builtin_expect(v.n > 32, 0)) memcpy(p + 32, v.s + 32, v.n - 32);
    return p + v.n;
}

/* is_plain: nothing in it that JSON or the signed text would have to care for, and one byte a character.  Written so that compilers make it wide. */
static int is_plain(char const *s, size_t n)
{
    uint8_t bad = n == 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t const c = (uint8_t)s[i];
        bad |= (uint8_t)((c <= ' ') | (c >= 0x7f) | (c == '"') | (c == '\\') | (c == '&') | (c == '='));
    }
    return !bad;
}

static int is_ordinary(aats_oreq_t const *req, aats_oauth_t const *auth, size_t key_n, size_t symbol_n)
{
    aats_order_t const *o = req->order;
    int const priced = o->tif == AATS_TIF_MARKET || (o->px_exp == BINANCE_EXP && o->px_i > 0);
    int const known = (o->side == AATS_SIDE_BUY || o->side == AATS_SIDE_SELL) && o->tif >= AATS_TIF_IOC && o->tif <= AATS_TIF_MARKET;
    if (!known || !priced || o->qty_exp != BINANCE_EXP || o->qty_i <= 0 || req->time_ms <= 0) return 0;
    if (symbol_n == sizeof req->rules->native || !is_plain(req->rules->native, symbol_n)) return 0;
    return auth->logged_on || (auth->signer && key_n <= KEY_MAX && is_plain(auth->key, key_n));
}

int binance_place(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    char query[ROOM], signature[AATS_SIGN_SZ];
    aats_order_t const *o = req->order;
    if (!o || !req->rules || cap < ROOM) return 0;
    size_t const key_n = auth->logged_on ? 0 : strnlen(auth->key, sizeof auth->key), symbol_n = strnlen(req->rules->native, sizeof req->rules->native);
    if (!is_ordinary(req, auth, key_n, symbol_n)) return 0;
    int const sell = o->side == AATS_SIDE_SELL, market = o->tif == AATS_TIF_MARKET, timed = !market && o->tif != AATS_TIF_POS;
    char const *const tif = o->tif == AATS_TIF_IOC ? "IOC" : o->tif == AATS_TIF_FOK ? "FOK" : "GTC";
    int sign_n = 0;

    /* apiKey=vmPU..&newClientOrderId=0123..cdef&newOrderRespType=FULL&price=64200.01&...&timestamp=1785312000301&type=LIMIT */
    char *p = query;
    value_t client, price = {p, 0}, quantity, window = {p, 0}, symbol, stamp;
    if (!auth->logged_on) {
        p = LIT(p, "apiKey=");
        memcpy(p, auth->key, key_n);
        p = LIT(p + key_n, "&");
    }
    p = LIT(p, "newClientOrderId=");
    client.s = p;
    p = aats_put_hex64(aats_put_hex64(p, o->instance), (uint64_t)aats_order_client_no(o));
    client.n = (size_t)(p - client.s);
    p = LIT(p, "&newOrderRespType=FULL&");
    if (!market) {
        p = LIT(p, "price=");
        price.s = p;
        p = aats_put_decimal8(p, (uint64_t)o->px_i);
        price.n = (size_t)(p - price.s);
        *p++ = '&';
    }
    p = LIT(p, "quantity=");
    quantity.s = p;
    p = aats_put_decimal8(p, (uint64_t)o->qty_i);
    quantity.n = (size_t)(p - quantity.s);
    if (auth->recv_window_ms) {
        p = LIT(p, "&recvWindow=");
        window.s = p;
        p = aats_put_u64(p, auth->recv_window_ms);
        window.n = (size_t)(p - window.s);
    }
    p = sell ? LIT(p, "&side=SELL&symbol=") : LIT(p, "&side=BUY&symbol=");
    symbol = (value_t){p, symbol_n};
    p = copy(p, (value_t){req->rules->native, symbol_n});
    if (timed) {
        p = LIT(p, "&timeInForce=");
        memcpy(p, tif, 3);
        p += 3;
    }
    p = LIT(p, "&timestamp=");
    stamp.s = p;
    p = aats_put_u64(p, (uint64_t)req->time_ms);
    stamp.n = (size_t)(p - stamp.s);
    p = market ? LIT(p, "&type=MARKET") : timed ? LIT(p, "&type=LIMIT") : LIT(p, "&type=LIMIT_MAKER");
    if (!auth->logged_on && (sign_n = aats_sign(auth->signer, query, (size_t)(p - query), signature, sizeof signature)) < 0) return sign_n;

    /* {"id":7,"method":"order.place","params":{"apiKey":"vmPU..","newClientOrderId":"0123..cdef",...,"type":"LIMIT"}} */
    p = aats_put_u64(LIT(out, "{\"id\":"), req->id);
    p = LIT(p, ",\"method\":\"order.place\",\"params\":{\"");
    if (sign_n) {
        p = LIT(p, "apiKey\":\"");
        memcpy(p, auth->key, key_n);
        p = LIT(p + key_n, "\",\"");
    }
    p = copy(LIT(p, "newClientOrderId\":\""), client);
    p = LIT(p, "\",\"newOrderRespType\":\"FULL\",\"");
    if (!market) p = LIT(copy(LIT(p, "price\":\""), price), "\",\"");
    p = copy(LIT(p, "quantity\":\""), quantity);
    p = LIT(p, "\",\"");
    if (window.n) p = LIT(copy(LIT(p, "recvWindow\":"), window), ",\"");
    p = sell ? LIT(p, "side\":\"SELL\",\"") : LIT(p, "side\":\"BUY\",\"");
    if (sign_n) {
        p = LIT(p, "signature\":\"");
        memcpy(p, signature, sizeof signature);
        p = LIT(p + sign_n, "\",\"");
    }
    p = LIT(copy(LIT(p, "symbol\":\""), symbol), "\",\"");
    if (timed) {
        p = LIT(p, "timeInForce\":\"");
        memcpy(p, tif, 3);
        p = LIT(p + 3, "\",\"");
    }
    p = copy(LIT(p, "timestamp\":"), stamp);
    p = market ? LIT(p, ",\"type\":\"MARKET\"}}") : timed ? LIT(p, ",\"type\":\"LIMIT\"}}") : LIT(p, ",\"type\":\"LIMIT_MAKER\"}}");
    *p = 0;
    return (int)(p - out);
}
