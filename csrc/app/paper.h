/* paper.h -- paper trading: a gateway whose venue is the matching engine, fed by the market data that the trade loop reads.
 *
 * For: mode paper.  Its fills obey match/match.h: price-time priority behind the quantity displayed.  The published levels
 * are all it knows of a book; orders beyond them rest and wait.  An order comes to the engine latency_ns after it was sent,
 * its answer latency_ns after that, both in the time of the steps.  Requests arrive in the order in which they were sent.
 * A book that is not valid takes no orders: they wait in the gateway until it is valid, or time out as at a venue (rejected,
 * not_connected).  Cancels pass.
 *
 *     place -> [latency] -> HELD (book not valid) -> engine -> events -> [latency] -> messages (order/omsg.h)
 *
 * Balances are unlimited.  All orders are one account's; an order ends that would trade with another of them (stp).
 * Nothing gets lost on the way, so that asking only repeats what was said.
 * One thread, the trade loop's; step functions: no clock, no socket.
 */
#ifndef AATS_APP_PAPER_H
#define AATS_APP_PAPER_H

#include "app/gateway.h"
#include "app/trader.h"
#include "match/match.h"

/* cdef-begin */
typedef struct {
    int64_t latency_ns;     /* one way */
    int64_t maker_rate_i;   /* parts of the notional at 1e-8 */
    int64_t taker_rate_i;
    uint32_t stp;           /* AATS_STP_* */
    uint32_t pad;
    int64_t wait_ns;        /* an order waits so long for a valid book, then it is rejected */
    int64_t late_ns;        /* a trade may come so long after the book that shows it (aats_match_late) */
} aats_paper_opts_t;

/* aats_paper_defaults: 1 ms each way, fees 0.1 %, EXPIRE_MAKER, 3 s, 200 ms. */
void aats_paper_defaults(aats_paper_opts_t *opts);
aats_paper_t *aats_paper_new(aats_paper_opts_t const *opts); /* NULL without memory */
void aats_paper_free(aats_paper_t *p);                       /* not after a trader has taken it over */

/* aats_paper_symbol adds a symbol; sym is the trader's index, fees are in rules' base and quote.  AATS_OK, AATS_E_BUSY (twice), AATS_E_ARG
 * (sym, or exponents that no engine takes), AATS_E_NOMEM. */
int aats_paper_symbol(aats_paper_t *p, int sym, aats_rules_t const *rules);

/* aats_paper_fault makes something go wrong on the way between the trader and the venue, for tests (tests/transcripts); nothing does by
 * itself.  AATS_OK, AATS_E_ARG, AATS_E_NOMEM. */
enum {
    AATS_PF_HOLD = 1,         /* what the venue says waits, until RELEASE, or BACKWARDS: the newest first */
    AATS_PF_RELEASE = 2,
    AATS_PF_BACKWARDS = 3,
    AATS_PF_TWICE = 4,        /* from now on it says everything of orders twice */
    AATS_PF_LOST = 5,         /* what it says of this order is lost until it is asked; its requests time out */
    AATS_PF_REQUEST_LOST = 6, /* the next request of this order does not arrive, and times out */
    AATS_PF_UNSURE = 7,       /* the next request of this order arrives, but the venue says that it does not know; then as LOST */
    AATS_PF_DOWN = 8,         /* the connection is cut: what was sent has arrived, what was not answered is unknown */
    AATS_PF_UP = 9,           /* it is there again, and everything is asked for */
    AATS_PF_FILL_LOST = 10    /* the next fill of this order is lost until it is asked for */
};
int aats_paper_fault(aats_paper_t *p, int fault, int64_t order_id);
/* cdef-end */

/* aats_paper_gateway gives the gateway's face; exchange is left to the caller. */
void aats_paper_gateway(aats_paper_t *p, aats_gateway_t *out);

#endif
