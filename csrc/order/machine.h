/* machine.h -- what becomes of an order: one table of states and messages, and the callback grammar that comes out of it.
 *
 * Pure: an order, a message of the venue (omsg.h) or a wish of the strategy in, order events (layout.h) out.  No
 * table of orders, no clock, no bytes: app/trader.c holds the orders, a gateway holds the venue.  docs/orders.md
 * shows the table and the reasons.
 *
 *            send                 ack                     end, all fills there
 *     FREE --------> NEW ----------------> LIVE -----------------------------------> CLOSED --delivered--> FREE
 *                     |  \                   |  \ end, fills are missing               ^
 *                     |   \ reject           |   `------------> ENDING ---- fills -----'
 *                     |    `-----------------+------------------------------------------^
 *                     `--- UNKNOWN is a flag of NEW, LIVE and ENDING, not a state: what is known stays known
 *
 * What comes out, whatever comes in and in whatever order:
 *     the order     Created (Rejected | Acked Exec* Canceled?) Closed
 *     each cancel   CancelCreated (CancelAcked | CancelRejected), between Created and Closed
 *     each amend    Amended | AmendRejected, between Created and Closed; Amended also where somebody else has changed the order
 *     Unknown       anywhere between Created and Closed
 *   - A fill, an end or the answer to a cancel that overtakes the ack queues Acked first.  CancelAcked comes before
 *     the Canceled that it caused.
 *   - A cancel request still open when the order ends is answered before Closed: CancelAcked if it was canceled by us, else
 *     CancelRejected order_closed.
 *   - An amend request that is open does not hide anything: a fill beyond the size that only the amended order can have queues Amended first; an order that is
 *     filled to its old size waits for the answer.  It is answered before Closed (AmendRejected order_closed).
 *   - A fill is told once: by trade id, and never beyond the order's size.  A second ack, end, or reject changes nothing.
 *   - Who has asked long enough for fills that the venue counts and does not have says DONE fills_missing with what was told:
 *     Canceled, Closed, by that code.
 *   - ABSENT after an ack or a fill is no answer (the venue's memory lags): the flag stays, whoever asks asks again.
 */
#ifndef AATS_ORDER_MACHINE_H
#define AATS_ORDER_MACHINE_H

#include <stddef.h>

#include "layout/layout.h"
#include "order/codes.h"
#include "order/omsg.h"

/* cdef-begin */
#define AATS_MACHINE_OUT 8 /* most events that one step makes */

/* bits of `want` */
#define AATS_WANT_STATUS 1 /* whether it lives, and how much of it was filled */

/* aats_machine_t -- an order and what the machine remembers of it beside the published part; owned by the order table. */
typedef struct {
    aats_order_t o;
    uint64_t *seen;        /* trade ids told, sorted; grown by the machine, freed by aats_machine_fini */
    uint32_t seen_cnt;
    uint32_t seen_cap;
    uint32_t cancel_by_us; /* a cancel request of ours was acked */
    uint32_t want;         /* AATS_WANT_*: read it through aats_machine_asks */
    int64_t venue_cum_i;   /* the most that the venue said was filled in all */
    int64_t amend_px_i;    /* what an amend request that is open asks for */
    int64_t amend_qty_i;   /* 0: none is open */
    int64_t was_px_i;      /* what it was before the last amendment: late news of that is no news */
    int64_t was_qty_i;     /* 0: it was never amended */
    int64_t ask_mono_ns;   /* from here on the asker's own */
    int64_t ask_since_mono_ns;
    uint32_t ask_tries;
    uint32_t absent_cnt;   /* ABSENT answers that were none: after an ack or a fill; the machine counts */
} aats_machine_t;

enum { AATS_ASK_NOTHING = 0, AATS_ASK_STATUS = 1, AATS_ASK_FILLS = 2 };

/* What the table says is done with a message; docs/orders.md has a sentence for each. */
enum {
    AATS_ACT_STALE = 0, AATS_ACT_ACK = 1, AATS_ACT_KNOWN = 2, AATS_ACT_REFUSE = 3, AATS_ACT_FILL = 4, AATS_ACT_END = 5, AATS_ACT_MORE = 6,
    AATS_ACT_CANCELED = 7, AATS_ACT_KEPT = 8, AATS_ACT_DOUBT = 9, AATS_ACT_ALIVE = 10, AATS_ACT_ABSENT = 11, AATS_ACT_LAG = 12,
    AATS_ACT_LATE_FILL = 13, AATS_ACT_GHOST = 14, AATS_ACT_AMENDED = 15, AATS_ACT_UNCHANGED = 16,
    AATS_ACT_CNT = 17
};

/* aats_machine_action returns the table's entry: AATS_ACT_* for a state (AATS_ORD_NEW .. CLOSED) and a message
 * (AATS_OM_ACK .. AMEND_REJECT); AATS_E_ARG for another state or kind.  aats_machine_action_name returns it in small
 * letters ("late_fill"), "?" for a number that is none. */
int aats_machine_action(int state, int kind);
char const *aats_machine_action_name(int action);

/* aats_machine_new begins an order from o (identity, symbol, numbers, tif, flags, created_ns; msg: what is to be said
 * with Created): NEW, with Created in out.  Returns the events made. */
int aats_machine_new(aats_machine_t *m, aats_order_t const *o, aats_oev_t *out);

/* aats_machine_refuse ends an order that never left us: Rejected, Closed.  Returns the events made; AATS_E_ARG unless
 * it is NEW and sent_ns is 0. */
int aats_machine_refuse(aats_machine_t *m, int code, char const *msg, int64_t now_ns, aats_oev_t *out);

/* aats_machine_cancel takes a cancel request.  Returns the events made: CancelCreated; and CancelRejected at once
 * where one is open already (cancel_pending) or the order has ended at the venue (order_closed); CancelRejected alone
 * (unknown_order) where it is CLOSED. *go is 1 if the request is to be sent to the venue (in NEW too: the gateway
 * holds it until the venue can know the order). */
int aats_machine_cancel(aats_machine_t *m, int64_t now_ns, aats_oev_t *out, int *go);

/* aats_machine_amend takes a request to give the order this price and whole size.  Returns the events made: none where it is to be sent to the venue (*go 1: it is
 * open until it is answered); AmendRejected where the order is not there (unknown_order), has ended (order_closed), is being canceled (cancel_pending), amended
 * (amend_pending), or has so much filled already (size_range). */
int aats_machine_amend(aats_machine_t *m, int64_t px_i, int64_t qty_i, int64_t now_ns, aats_oev_t *out, int *go);

/* aats_machine_take takes a message of the venue about this order, and writes up to AATS_MACHINE_OUT events to out.
 *
 * Returns the events made (0: something was learned that nobody is told), or with no event
 *   AATS_E_STALE  the message changes nothing: a second one, or one that the past has overtaken
 *   AATS_E_SHAPE  it cannot be true: a fill beyond the size or after the end, numbers below zero, an end with less
 *                 than was told, life after a refusal.  Count it and tell people; after a DONE the order's status is
 *                 asked for
 *   AATS_E_ARG    not about this order (its client id, both halves), or of the session
 *   AATS_E_NOMEM  a trade id could not be remembered; come again with the same message */
int aats_machine_take(aats_machine_t *m, aats_omsg_t const *msg, int64_t now_ns, aats_oev_t *out);

/* aats_machine_asks returns AATS_ASK_*: what must be asked of the venue before this order is known.  STATUS comes
 * before FILLS. */
int aats_machine_asks(aats_machine_t const *m);

/* aats_machine_fini frees what the machine grew; the order may be in any state. */
void aats_machine_fini(aats_machine_t *m);
/* cdef-end */

/* aats_machine_seen returns whether a trade of this id was told. */
int aats_machine_seen(aats_machine_t const *m, uint64_t trade_id);

#endif
