/* trader_state.h -- what a trader holds; private to csrc/app/trader*.c.  The trade loop's thread owns all of it.
 *
 *     trader.c         opening, symbols, gateways; a new order, a cancel; passes
 *     trader_table.c   slots of the orders that are not closed and told, found by id; the ids ever seen
 *     trader_msgs.c    what gateways say
 *     trader_queue.c   order events: counted, shown in the td segment, journaled, given out
 *     trader_money.c   what a fill does to position and fees
 *     trader_look.c    leaving; looking
 */
#ifndef AATS_APP_TRADER_STATE_H
#define AATS_APP_TRADER_STATE_H

#include "app/trader.h"
#include "base/atomics.h"
#include "order/machine.h"

#define GATEWAYS 8
#define NONE     (-1)
#define REASON_SZ 160 /* of a sentence in an order event */

/* One order that is not closed and told.  Its machine keeps its address until then: a gateway knows it by that. */
typedef struct {
    aats_machine_t m;
    int placed;          /* a gateway may know the machine */
    int32_t chain;       /* next slot of the same hash */
    int32_t older, newer;
} slot_t;

/* Where orders of an exchange go. */
typedef struct {
    aats_gateway_t face;
    int was_ready; /* at least once: before that, losing a connection is no news */
    int up;        /* READY came, and no DOWN since */
    int verifying; /* 1 asked, 2 the venue has said that nothing is open */
    int balances;  /* some were told before it first was ready */
} gate_t;

typedef struct {
    aats_rules_t rules;
    int gate;
    aats_pos_t pos;       /* as in the segment */
    int64_t mid_px_i;     /* of the last valid quote, 0: none yet */
    int64_t last_px_i;    /* of the last tick, 0: none yet */
} symbol_t;

/* An order event that waits to be given out. */
typedef struct {
    aats_oev_t ev;
    int32_t slot;         /* Closed of an order in the table: freed once it is delivered; else NONE */
    uint32_t silent;      /* not journaled: of an order that was refused under another one's id */
} waiting_t;

/* 512 order ids, a bit each. */
typedef struct {
    int64_t page; /* id >> 9, + 1: 0 is an empty place */
    uint64_t bits[8];
} id_page_t;

struct aats_trader {
    uint64_t instance;
    int strict;
    int closing;
    int leaving;
    int ended;             /* END is in the journal */
    int placed;            /* a gateway was given an order: END waits for its word that nothing is open */
    aats_journal_t *journal;
    int64_t (*clock)(void);
    int64_t now_ns;        /* of the pass */

    void *td;
    void *own_td;          /* td, if it is private memory */
    uint64_t *counters;    /* AATS_TDC_*, in the segment */
    aats_hist_t *hists;    /* AATS_HIST_TD_*, in the segment */

    gate_t gates[GATEWAYS];
    int gate_cnt;
    symbol_t *symbols;
    uint32_t symbol_cap, symbol_cnt;

    slot_t *slots;
    uint32_t slot_cap, used_cnt;
    uint32_t open_cnt;     /* of those, orders whose Closed is not queued yet */
    int32_t *buckets;      /* first slot of each hash */
    uint32_t bucket_mask;
    int32_t oldest, newest, free_slot; /* free ones hang together by chain */

    id_page_t *seen;
    uint32_t seen_mask, seen_cnt;

    waiting_t *queue;      /* ring of queue_cap, a power of two */
    uint64_t queue_cap, queue_head, queue_tail; /* head: oldest not given; tail: next free */
    uint64_t queue_noted;  /* those before it are in the journal */
    int given;             /* the event before head was given out and is not delivered yet */
    int32_t given_slot;
    int64_t given_id;

    aats_fee_t fees[AATS_FEE_CAP];
};

/* ---- trader_table.c ---- */
int aats_trader_table_init(aats_trader_t *t, uint32_t cap);
void aats_trader_table_fini(aats_trader_t *t);
int32_t aats_trader_table_take(aats_trader_t *t, int64_t order_id); /* a slot, entered under its id; NONE when all are in use */
void aats_trader_table_drop(aats_trader_t *t, int32_t slot);
int32_t aats_trader_table_find(aats_trader_t const *t, int64_t order_id);
/* aats_trader_ids_add enters an id: 1 if it was new, 0 if it was seen before, AATS_E_NOMEM. */
int aats_trader_ids_add(aats_trader_t *t, int64_t order_id);
int aats_trader_ids_has(aats_trader_t const *t, int64_t order_id);

/* ---- trader_queue.c ---- */
int aats_trader_queue_room(aats_trader_t *t, uint64_t cnt); /* AATS_OK, or AATS_E_NOMEM */
/* aats_trader_queue_put takes events of one order into the queue, for which there is room; slot NONE: it is not in the table. */
void aats_trader_queue_put(aats_trader_t *t, aats_oev_t *evs, int cnt, int32_t slot, int silent);
void aats_trader_queue_note(aats_trader_t *t); /* journals all that waits, in one write */
void aats_trader_end(aats_trader_t *t); /* writes END where nothing is left */

/* ---- trader_money.c ---- */
void aats_trader_fill(aats_trader_t *t, aats_oev_t const *ev);
void aats_trader_balance(aats_trader_t *t, int gate, aats_omsg_t const *m);
void aats_trader_balances_known(aats_trader_t *t, int gate);

/* ---- trader_msgs.c ---- */
void aats_trader_take(aats_trader_t *t, int gate, aats_omsg_t const *m, int64_t now_ns);
/* aats_trader_machine_did shows what a step of an order's machine made: events, its slot in the segment, questions to the venue. */
void aats_trader_machine_did(aats_trader_t *t, int32_t slot, aats_oev_t *evs, int cnt);

static inline void aats_trader_count(aats_trader_t *t, int which)
{
    aats_add_relaxed(&t->counters[which], 1);
}

#endif
