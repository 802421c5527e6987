/* okx_text.h -- how the parts of OKX's market data see each other; the contract with everybody else is venue/venue.h.
 *
 *     okx.c        the venue's tables; what a frame is; books and best bid and ask
 *     okx_fast.c   books, best bid and ask and trades once more, in the spelling in which they come all day
 *     okx_levels.c their levels
 *     okx_items.c  what comes in lists: trades, marks, funding, liquidations, states of instruments
 *     okx_ask.c    what is asked for
 */
#ifndef AATS_VENUE_OKX_TEXT_H
#define AATS_VENUE_OKX_TEXT_H

#include "venue/text.h"
#include "venue/venue.h"

#define OKX_EXP (-8) /* of prices and quantities, where the instrument has none of its own */

/* What a channel's data is read by. */
enum {
    CH_OTHER = 0, CH_BOOK, CH_TOP, CH_BBO, CH_TRADE, CH_MARK, CH_INDEX, CH_FUNDING, CH_LIQUIDATION, CH_INSTRUMENT
};

typedef struct {
    char const *name;
    int channel;
    unsigned stream; /* AATS_STREAM_* that it belongs to; 0: none that we ask for */
} okx_channel_t;

/* okx_channel returns the channel of that name; its `channel` is CH_OTHER, and its name "", if we read none of that name. */
okx_channel_t const *okx_channel(char const *name, size_t n);

/* okx_items reads the list `data` of a channel: the first of its messages into *m, the others are only judged.  text: the frame. */
int okx_items(aats_json_t *j, char const *text, okx_channel_t const *channel, aats_msg_t *m);
/* okx_next is `next` of venue.h. */
int okx_next(char const *text, size_t n, aats_msg_t *m);

/* okx_index_symbol makes m->sym, an index ("BTC-USDT"), the perpetual that it belongs to (V-36). */
void okx_index_symbol(aats_msg_t *m);

/* path, ping and subscribe of venue.h. */
int okx_path(char *out, size_t cap);
int okx_ping(char *out, size_t cap, uint64_t id);
int okx_subscribe_spot(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt);
int okx_subscribe_swap(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt);

#endif
