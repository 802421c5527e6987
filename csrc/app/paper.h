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
/* cdef-end */

/* aats_paper_gateway gives the gateway's face; exchange is left to the caller. */
void aats_paper_gateway(aats_paper_t *p, aats_gateway_t *out);

#endif
