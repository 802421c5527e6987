/* binance_us_order.c -- order entry at Binance US: spot's dialect as it was in 2023, with a listen key for the events.
 *
 * Facts: exchanges/binance_spot.md, section 9; the rest as binance_order.c.
 *
 *     way 0  WebSocket API   everything that is asked
 *     way 1  user data       events, unwrapped; its path holds a listen key
 *
 * Not there: session.logon (each request is signed), a dead-man switch, amendments.  Odd behaviours, by number (those of binance_order.c hold too):
 *   V-40 weights are the old, smaller ones, and so is the limit (9).
 *   V-41 a listen key lives 60 minutes; its end is an event on a socket that then stays silent (9).
 */
#include <stdio.h>

#include "venue/binance_order.h"
#include "venue/binance_params.h"

static int encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    binance_params_t ps;
    binance_params_init(&ps);
    if (req->id == 0) return AATS_E_ARG;
    switch (req->kind) {
    case AATS_OR_LOGON:
    case AATS_OR_LISTEN: return 0;
    case AATS_OR_TOKEN:
        binance_param_text(&ps, "apiKey", auth->key, sizeof auth->key);
        return ps.err ? ps.err : binance_params_json(&ps, req->id, "userDataStream.start", out, cap);
    case AATS_OR_TOKEN_KEEP:
        binance_param_text(&ps, "apiKey", auth->key, sizeof auth->key);
        binance_param_text(&ps, "listenKey", auth->token, sizeof auth->token);
        return ps.err ? ps.err : binance_params_json(&ps, req->id, "userDataStream.ping", out, cap);
    case AATS_OR_ACCOUNT: /* without omitZeroBalances, which is younger than these documents */
        if (auth->recv_window_ms) binance_param_int(&ps, "recvWindow", auth->recv_window_ms);
        binance_param_int(&ps, "timestamp", req->time_ms);
        binance_params_sign(&ps, auth);
        return ps.err ? ps.err : binance_params_json(&ps, req->id, "account.status", out, cap);
    default: return aats_order_venue_binance.encode(req, auth, out, cap);
    }
}

/* {"listenKey":"xs0mRXdAKlIPDRFrlPcw0qI41Eh3ixNntmymGyhrhgqo7L6FuLaWArTD7RLP"} */
static int token(aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_t j;
    aats_json_init(&j, r->result, r->result_len);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("listenKey")) aats_json_seen(&j, &seen, 0), aats_json_str(&j, &r->token, &r->token_len);
        else aats_json_skip(&j);
    }
    if (aats_json_end(&j) || whole(&j, seen, 1)) return j.err;
    return r->token_len && !j.escaped ? AATS_OK : AATS_E_SHAPE;
}

static int result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    if (kind != AATS_OR_TOKEN && kind != AATS_OR_TOKEN_KEEP) return binance_order_result(r, kind, order);
    r->msg_cnt = 0;
    if (r->kind != AATS_OV_REPLY) return AATS_E_ARG;
    return r->status == 200 && kind == AATS_OR_TOKEN ? token(r) : AATS_OK;
}

/* Half of today's (V-40). */
static int64_t weight(aats_oreq_t const *req)
{
    static uint8_t const OF[AATS_OR_CNT] = {
        [AATS_OR_TIME]  = 1, [AATS_OR_TOKEN]  = 1, [AATS_OR_TOKEN_KEEP] = 1, [AATS_OR_ACCOUNT] = 10, [AATS_OR_OPEN]  = 3,
        [AATS_OR_PLACE] = 1, [AATS_OR_CANCEL] = 1, [AATS_OR_CANCEL_ALL] = 1, [AATS_OR_QUERY]   = 2,  [AATS_OR_FILLS] = 10,
    };
    if (req->kind == AATS_OR_OPEN && !req->rules) return 40;
    return req->kind < AATS_OR_CNT ? OF[req->kind] : 0;
}

/* (9), and rateLimits of its exchangeInfo as recorded. */
static aats_olimit_t const LIMITS[] = {
    {.kind = AATS_OL_WEIGHT,   .span_ms = 60000,    .limit = 1200},
    {.kind = AATS_OL_REQUESTS, .span_ms = 300000,   .limit = 6100},
    {.kind = AATS_OL_ORDERS,   .span_ms = 10000,    .limit = 100},
    {.kind = AATS_OL_ORDERS,   .span_ms = 86400000, .limit = 200000},
};

static int api_path(aats_oauth_t const *auth, char *out, size_t cap)
{
    (void)auth;
    int n = snprintf(out, cap, "/ws-api/v3");
    return n < (int)cap ? n : AATS_E_FULL;
}

static int events_path(aats_oauth_t const *auth, char *out, size_t cap)
{
    int n = snprintf(out, cap, "/ws/%s", auth->token);
    return n < (int)cap ? n : AATS_E_FULL;
}

#define MIN_NS ((int64_t)60 * 1000000000)
#define BY_API                                                                                                                                     \
    (1u << AATS_OR_TIME | 1u << AATS_OR_TOKEN | 1u << AATS_OR_TOKEN_KEEP | 1u << AATS_OR_ACCOUNT | 1u << AATS_OR_OPEN | 1u << AATS_OR_PLACE |          \
     1u << AATS_OR_CANCEL | 1u << AATS_OR_CANCEL_ALL | 1u << AATS_OR_QUERY | 1u << AATS_OR_FILLS)

aats_order_venue_t const aats_order_venue_binanceus = {
    .name            = "BINANCEUS",
    .px_exp          = BINANCE_EXP,
    .qty_exp         = BINANCE_EXP,
    .fee_exp         = BINANCE_EXP,
    .path            = "/ws-api/v3",
    .way_cnt         = 2,
    .ways            = {{.kind = AATS_OWAY_WS, .at = AATS_OAT_WSAPI, .kinds = BY_API, .path = api_path, .ping_every_ns = 20000000000, .silence_ns = MIN_NS},
                        {.kind = AATS_OWAY_WS, .at = AATS_OAT_PRIVATE, .events = 1, .token = 1, .path = events_path, .ping_every_ns = 20000000000, .silence_ns = MIN_NS}},
    .token_keep_ns   = 30 * MIN_NS, /* "valid 60 min, renew every 30 min" (9) */
    .encode          = encode,
    .parse           = binance_order_parse,
    .result          = result,
    .weight          = weight,
    .limits          = LIMITS,
    .limit_cnt       = sizeof LIMITS / sizeof LIMITS[0],
    .connect_weight  = 2,
    .ping_ns         = 3 * MIN_NS,  /* "server ping every 3 minutes" (9) */
    .rotate_ns       = (int64_t)23 * 60 * MIN_NS,
    .ban_ns          = 2 * MIN_NS,
    .clock_margin_ms = 1000,
    .window_ms       = 5000,
};
