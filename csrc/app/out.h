/* out.h -- step 6 of the walk by datagram: a feed's records, batched, and its beats; multicast and broadcast.
 *
 * For: the feed loop (host.c), after the shared-memory write.  Not for: TCP, retransmission, deep books: those are the fan-out's (fan.h), which reads
 * the ring like any reader.  Not for sockets: `send` is given.
 *
 *   record (the sink) --> pack behind the last one --full, or the oldest is AATS_WIRE_HOLD_NS old, or the pass ends--> one datagram
 *
 * Held: aats_out_record and aats_out_due look at the age of the oldest; the feed calls the sink after each venue message, so a record waits no longer than
 * AATS_WIRE_HOLD_NS and what one message takes.
 *
 * Sequence: head.seq is the ring number of the first record in the datagram; the ring numbers every record, so a receiver that knows the next number
 * knows exactly what is missing, and the ring itself is the window from which it can be had again (fan.h).
 * A datagram that the card does not take is lost, counted (NET_ERRORS), and repaired by the receivers like any other loss.
 *
 * Every AATS_WIRE_BEAT_NS a BEAT (aats_wire_beat_t) goes out, busy or idle, behind all records before it, and with it entries of the directory in turn, as
 * many as one datagram holds.  An entry that is new goes out before the first record of its symbol, one that has changed (state, level_num, link) in the
 * same pass or, where no record tells of it, with the next beat.  So a receiver without a side channel learns everything too, only later.
 *
 * Memory: the caller's struct.  Thread: the one that steps the feed.
 */
#ifndef AATS_APP_OUT_H
#define AATS_APP_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/wire.h"
#include "shm/md.h"

/* cdef-begin */

/* What sends one datagram: 0 or a negative code, which loses it. */
typedef int (*aats_out_send_t)(void *arg, void const *bytes, size_t n);

typedef struct {
    char name[48];        /* of the feed; "": as its segment */
    char repair_ip[48];   /* where its fan-out listens; "": the address that datagrams come from */
    uint32_t repair_port; /* 0: none */
    uint32_t datagram;    /* bytes of the largest one: a head with a full record or a beat at least; 0: AATS_WIRE_DATAGRAM */
} aats_out_opts_t;

typedef struct {
    aats_md_view_t const *view;
    aats_slot_t const *slot; /* the feed's, for its state; NULL: RUN */
    aats_out_opts_t opts;
    aats_wire_from_t from;
    aats_out_send_t send;
    void *arg;
    uint64_t next;         /* ring number after the last record taken */
    int64_t first_ns;      /* pub_ns of the oldest record that waits */
    int64_t beat_mono_ns;  /* when the next beat is due */
    uint32_t dir_turn;     /* the entry whose turn is next */
    uint32_t dir_look;     /* 1: an entry may have changed: look at the end of this pass */
    uint32_t cnt;          /* records that wait */
    uint32_t sz;           /* bytes that wait, head included */
    uint64_t dir_state[1024]; /* state, level_num and link as last told; 0: never */
    uint8_t bytes[65536];
} aats_out_t;

/* aats_out_init: AATS_OK, or AATS_E_ARG for a datagram size that cannot be.  view and slot outlive it. */
int aats_out_init(aats_out_t *o, aats_out_opts_t const *opts, aats_md_view_t const *view, aats_slot_t const *slot, uint64_t layout_hash,
                  aats_out_send_t send, void *arg);

/* aats_out_record takes a record as aats_md_publish has left it (its number, lengths as in the ring), with its levels.  What waits goes out first if the
 * record does not fit behind it, and with it if the oldest is due by rec->pub_ns. */
void aats_out_record(aats_out_t *o, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks);

/* aats_out_due sends what waits if the oldest is AATS_WIRE_HOLD_NS old; after each venue message. */
void aats_out_due(aats_out_t *o, int64_t now_ns);

/* aats_out_flush sends what waits; at the end of each pass. */
void aats_out_flush(aats_out_t *o, int64_t now_ns);

/* aats_out_tick sends the beat when it is due, and what changed in the directory; once a pass, after aats_out_flush.  now_ns was read BEFORE mono_ns: a thread
 * that is stopped between the two must look late, not young.  Returns 1 if something was sent. */
int aats_out_tick(aats_out_t *o, int64_t now_ns, int64_t mono_ns);

/* aats_out_wants_tick: would aats_out_tick do anything?  A compare or two, so that a pass without need reads no clock. */
int aats_out_wants_tick(aats_out_t const *o, int64_t mono_ns);

/* aats_out_beat fills a beat from segment and slot: shared with the fan-out.  links and the feed's heartbeat are loaded first (H1): the caller reads the ring
 * up to the beat's seq after it, or is the thread that writes it.  deep_seq comes from the segment, where the fan-out keeps it. */
void aats_out_beat(aats_md_view_t const *view, aats_slot_t const *slot, aats_out_opts_t const *opts, int64_t mono_ns, aats_wire_beat_t *beat);
/* cdef-end */

#endif
