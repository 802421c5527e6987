/* wire.h -- messages between a feed and receivers on other hosts, as pure bytes.
 *
 * For: writing and reading heads, records, books in parts.  Not for: sequence, loss, repair (app/recv.h), when to send (app/out.h, app/fan.h), sockets.
 * The structs and the offset table are in layout/layout.h.
 *
 *     +------------- 64 -------------+----------------------- payload_sz -----------------------+
 *     | aats_wire_t: kind, seq, cnt  | rec head 96 | bids 16 each | asks 16 each | rec head ...  |
 *     +------------------------------+-----------------------------------------------------------+
 *
 * A record is packed: the head as it stands in its ring slot, then bid_len bids and ask_len asks; what a slot has beyond its lengths does not travel.
 * The stamp in a packed head is 0.  Numbers are little-endian, as on every machine that this runs on (a static assertion says so).
 *
 * Nothing here trusts a byte: each reader checks sizes and lengths before it copies, and gives one of the codes named.
 */
#ifndef AATS_PROTO_WIRE_H
#define AATS_PROTO_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
#define AATS_WIRE_PARTS_MAX 64 /* of one book; 1000 levels a side are 23 */

/* aats_wire_from_t -- what all heads of one sender say. */
typedef struct {
    uint64_t feed_id;
    uint64_t generation;
    uint64_t layout_hash;
    uint32_t rec_cap;
    uint32_t pad;
} aats_wire_from_t;

/* aats_wire_head writes a head for a whole message of stream 0 with cnt 1; the caller changes what is otherwise. */
void aats_wire_head(aats_wire_t *out, aats_wire_from_t const *from, uint32_t kind, uint64_t seq, int64_t sent_ns, uint32_t payload_sz);

/* aats_wire_read looks at the beginning of n bytes for one message and copies its head.
 *
 * Returns the bytes of the whole message (head and payload, at most n); AATS_E_MORE: not all of it is there (*head is filled once 64 bytes are);
 * AATS_E_PROTO: another magic or version (seen from the first 6 bytes on), an unknown kind, a stream above 1 or 1 for anything but BOOK, part >= parts,
 * parts of anything but a BOOK of stream 1, cnt 0, a rec_cap that is 0 or above AATS_RING_LEVELS, a payload that its kind cannot have (see PAYLOAD in
 * wire.c: the sizes are exact but for RECORDS, BOOK and BYE); AATS_E_LAYOUT: another layout hash than `layout_hash`; AATS_E_TOO_BIG: longer than
 * AATS_WIRE_MSG_MAX.  magic and version are judged first, then the layout, so a message of another version is told from a broken one: *head is filled then
 * too, where 64 bytes are there. */
int aats_wire_read(uint8_t const *bytes, size_t n, uint64_t layout_hash, aats_wire_t *head);

/* aats_wire_rec_sz returns the packed size of a record with these lengths. */
size_t aats_wire_rec_sz(uint32_t bid_len, uint32_t ask_len);

/* aats_wire_pack writes one packed record.  bids and asks hold rec->bid_len and rec->ask_len levels (not read where the length is 0).
 * Returns the bytes written, a multiple of 8; AATS_E_FULL if cap is too small (nothing written). */
int aats_wire_pack(uint8_t *out, size_t cap, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks);

/* aats_wire_unpack reads one packed record; bids and asks have room for `cap` levels each.
 * Returns the bytes read; AATS_E_MORE: n ends before the record does; AATS_E_SHAPE: a length above cap, a kind that is none, or a stamp that is not 0. */
int aats_wire_unpack(uint8_t const *bytes, size_t n, uint32_t cap, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks);

/* aats_wire_parts_t -- one deep book being put together from its parts; the latest one begun, parts of older ones are dropped. */
typedef struct {
    uint64_t first_seq; /* sequence of its part 0 */
    uint32_t parts;     /* 0: none begun (all zero: a fresh one, as after a change of the generation, whose numbers begin anew) */
    uint32_t have;      /* = parts: it was complete and is done */
    uint32_t sz;
    uint32_t pad;
    uint64_t got[1];    /* bit i: part i is here */
    uint8_t bytes[89600];   /* AATS_WIRE_PARTS_MAX parts */
} aats_wire_parts_t;

/* aats_wire_join takes one BOOK datagram (head, payload).  Parts may come in any order, twice, or never: part i of a book has sequence first + i.
 * Returns the bytes of the packed book in parts->bytes when the last one has come (its lengths agree with its size: aats_wire_unpack takes just so many);
 * 0: more are missing; AATS_E_STALE: of an older book than the one begun, or of one that is done; AATS_E_SHAPE: sizes that do not fit.  A newer book that
 * begins while one is unfinished replaces it (the caller sees the hole by sequence). */
int aats_wire_join(aats_wire_parts_t *parts, aats_wire_t const *head, uint8_t const *payload);
/* cdef-end */

#endif
