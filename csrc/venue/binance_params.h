/* binance_params.h -- parameters of a request to Binance: collected, sorted by name, then written twice, as the text that is signed and as JSON or a query.
 *
 * For: binance_order.c, binance_futures_order.c.  Not a contract with anybody else.  Facts: exchanges/binance_spot.md 5 and 6.
 * Owner: the caller's stack.  The first error sticks in err: a request is built without looking, and judged once.
 */
#ifndef AATS_VENUE_BINANCE_PARAMS_H
#define AATS_VENUE_BINANCE_PARAMS_H

#include "venue/order.h"

#define BINANCE_PARAM_CNT 16 /* most that one request has: a signed LIMIT order of futures has 13 */
#define BINANCE_PARAM_SZ  264 /* a listen key is the longest */

typedef struct {
    char const *name;
    int bare; /* a JSON number: no quotes */
    char text[BINANCE_PARAM_SZ];
} binance_param_t;

typedef struct {
    binance_param_t at[BINANCE_PARAM_CNT]; /* as they were added */
    uint8_t by_name[BINANCE_PARAM_CNT];    /* their indices, sorted by name */
    int cnt;
    int err;                               /* the first error sticks */
} binance_params_t;

static inline void binance_params_init(binance_params_t *ps) { ps->cnt = ps->err = 0; }

/* binance_param_slot gives the room for one more parameter's text; NULL after an error. */
char *binance_param_slot(binance_params_t *ps, char const *name, int bare);

/* One more parameter: a text (it ends with a zero byte or after cap bytes), a number, a decimal above 0, the symbol of the request's rules, the order's client
 * id, the venue's number of it. */
void binance_param_text(binance_params_t *ps, char const *name, char const *s, size_t cap);
void binance_param_int(binance_params_t *ps, char const *name, int64_t v);
void binance_param_decimal(binance_params_t *ps, char const *name, int64_t v, int exp);
void binance_param_symbol(binance_params_t *ps, aats_oreq_t const *req);
void binance_param_client_id(binance_params_t *ps, char const *name, aats_order_t const *o);
void binance_param_remote(binance_params_t *ps, aats_order_t const *o);
#define BINANCE_PARAM_LIT(ps, name, lit) binance_param_text(ps, name, lit, BINANCE_PARAM_SZ)

/* binance_params_sign adds apiKey and signature: over all other parameters, "name=value" joined with "&", values as they stand in the JSON (6). */
void binance_params_sign(binance_params_t *ps, aats_oauth_t *auth);

/* binance_params_json writes {"id":7,"method":"order.place","params":{"newClientOrderId":"0123..cdef","price":"64200.01",...}}: its length or an error. */
int binance_params_json(binance_params_t const *ps, uint64_t id, char const *method, char *out, size_t cap);

/* binance_params_http writes a whole request whose parameters stand in the query, in the order in which they were added, and behind them the signature over just
 * that text (signed_ 1); the key goes in its field.  Its length or an error. */
int binance_params_http(binance_params_t const *ps, aats_oauth_t *auth, char const *method, char const *path, char const *host, int signed_, char *out, size_t cap);

#endif
