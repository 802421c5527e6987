/* binance_frame.h -- the envelope of Binance's market streams: what is round a payload, on spot and futures alike.
 *
 * For: binance.c, binance_futures.c, which say what the payloads are.  Not a contract with anybody else.  Facts: exchanges/binance_spot.md 2.1,
 * exchanges/binance_usdm_futures.md 2.
 *
 *     {"stream":"btcusdt@trade","data":{...}}          a payload, by the name of its stream
 *     {"lastUpdateId":..,"bids":[..],"asks":[..]}      a REST snapshot
 *     {"result":null,"id":1}  {"code":2,"msg":".."}    what the venue says to us
 */
#ifndef AATS_VENUE_BINANCE_FRAME_H
#define AATS_VENUE_BINANCE_FRAME_H

#include "proto/json.h"
#include "venue/binance_text.h"
#include "venue/venue.h"

typedef struct {
    /* by_stream reads the payload at the cursor; m->stream is known.  Where it sets m->sym, the stream's own name must say the same. */
    int (*by_stream)(aats_json_t *j, aats_msg_t *m);
    /* whole_book reads a REST snapshot at the cursor; m->kind is set. */
    int (*whole_book)(aats_json_t *j, aats_msg_t *m);
} binance_frame_t;

/* binance_frame clears m and reads one text: `parse` of venue.h. */
int binance_frame(char const *text, size_t n, aats_msg_t *m, binance_frame_t const *of);

/* binance_split takes m->stream apart at its "@": the symbol becomes m->sym, what stands behind comes back with its length in *n; NULL without an "@". */
char const *binance_split(aats_msg_t *m, size_t *n);

/* binance_usual gives m the exponents of its symbol, and tells whether they are the venue's own, at which the short way has read it.  A feed has no
 * others; a tape may hold sizes beyond them (9 * 10^10 and more of a cheap coin), and its reader has then learned exponents for that symbol. */
static inline int binance_usual(aats_msg_t *m)
{
    aats_msg_scale(m, BINANCE_EXP, BINANCE_EXP);
    return m->px_exp == BINANCE_EXP && m->qty_exp == BINANCE_EXP;
}

/* binance_suffix_is: does a stream's suffix ("depth@100ms") begin with `lit`, then end or go on with a digit or "@"? */
int binance_suffix_is(char const *s, size_t n, char const *lit);

/* binance_other passes over a payload that nobody uses; binance_nameless one of a stream without an "@": a notice of the venue's end, or such. */
int binance_other(aats_json_t *j, aats_msg_t *m);
int binance_nameless(aats_json_t *j, aats_msg_t *m);

/* binance_take_sym takes the payload's symbol as wanted key number `bit`. */
int binance_take_sym(aats_json_t *j, uint32_t *seen, unsigned bit, aats_msg_t *m);

#endif
