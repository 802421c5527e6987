/* binance_ask.h -- what a connection for Binance's market streams asks for: alike in text and in SBE but for the streams' names.
 *
 * For: binance.c, binance_sbe.c.  Not a contract with anybody else.
 */
#ifndef AATS_VENUE_BINANCE_ASK_H
#define AATS_VENUE_BINANCE_ASK_H

#include <stddef.h>
#include <stdint.h>

/* How the venue calls a stream of AATS_STREAM_*, behind "<symbol>@". */
typedef struct {
    unsigned bit;
    char const *suffix;
} binance_stream_t;

/* binance_path and binance_ask are path and subscribe of venue.h. */
int binance_path(char *out, size_t cap);
int binance_ask(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt,
                binance_stream_t const *names, size_t name_cnt);

#endif
