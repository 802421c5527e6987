/* gate_text.h -- what gate.c reads that is no market data: the wrapping of a frame, its acknowledgements and errors, levels that are objects.
 *
 * Not for anybody else.  Facts: exchanges/gate.md, sections 1 and 2.
 */
#ifndef AATS_VENUE_GATE_TEXT_H
#define AATS_VENUE_GATE_TEXT_H

#include "venue/later.h"
#include "venue/venue.h"

/* The parts of a frame; what stood before its channel was known is kept unread. */
typedef struct {
    char const *channel, *event;
    size_t channel_len, event_len;
    later_t result, id, error, bids, asks, type;
} gate_frame_t;

/* "update" for what came about, "all" for a futures book that comes whole; nothing said: not known yet, or never. */
static inline int gate_is_update(gate_frame_t const *f) { return f->event && AATS_JSON_IS(f->event, f->event_len, "update"); }

/* A time in ms, whole or with a fraction, number or text (V-07 of gate.c), in ns. */
int gate_take_ms(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *ns);

/* An id that was noted; SHAPE if there is none. */
int gate_u64(aats_json_t *j, later_t const *v, uint64_t *out);

/* [{"p":"2.5178","s":0},..] into out; errors as aats_json_levels. */
int gate_objects(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap, size_t *cnt);

/* What is no market data: ACK, ERROR, PONG, SHUTDOWN; OTHER for the rest. */
int gate_control(aats_json_t *j, gate_frame_t const *f, aats_msg_t *m);

int gate_path(char *out, size_t cap, char const *path);

#endif
