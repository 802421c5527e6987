/* trader_state.h -- what a trader holds; private to csrc/app/trader*.c.  The trade loop's thread owns all of it.
 *
 *     trader.c         opening, symbols, gateways; a new order, a cancel; passes
 *     trader_amend.c   price and size of an open order changed
 *     trader_table.c   slots of the orders that are not closed and told, found by id; the ids ever seen
 *     trader_msgs.c    what gateways say
 *     trader_queue.c   order events: counted, shown in the td segment, journaled, given out
 *     trader_risk.c    the risk gate: what is reserved, filled, returned; news of it
 *     trader_wait.c    orders that wait for their session
 *     trader_keep.c    what is kept of open orders for a checkpoint, and the checkpoint
 *     trader_adopt.c   orders of earlier runs
 *     trader_money.c   what a fill does to position and fees
 *     trader_look.c    leaving; looking
 */
#ifndef AATS_APP_TRADER_STATE_H
#define AATS_APP_TRADER_STATE_H

#include "app/trader.h"
#include "base/atomics.h"
#include "order/client_id.h"
#include "order/machine.h"
#include "shm/stats.h"
#include "shm/td.h"

#define GATEWAYS 8
#define NONE     (-1)
#define REASON_SZ 160 /* of a sentence in an order event */

/* One order that is not closed and told.  Its machine keeps its address until then: a gateway knows it by that. */
typedef struct {
    aats_machine_t m;
    uint8_t placed;      /* a gateway may know the machine */
    uint8_t intent;      /* it is in the journal, or would be if there were one */
    uint8_t counted;     /* the risk gate counts it */
    uint8_t waits;       /* for its session: nothing of it went out; AATS_OC_* says why */
    uint8_t lost;        /* no memory for one of its events: no checkpoint can be made while it is there */
    uint8_t unwritten;   /* the journal has not taken one of its events: it may not be told as told before a checkpoint has them */
    int64_t until_mono_ns; /* waits so long at most */
    int64_t gate_px_i, gate_qty_i; /* the risk gate counts it as if these were its price and size: an amendment is under way; 0: as it is */
    int64_t recv_ns, delivered_ns; /* of the event that it answers, for the hops; while it waits 0 */
    aats_oev_t *kept;    /* its events that are in the journal, for the next checkpoint */
    uint32_t kept_cnt, kept_cap;
    int32_t chain;       /* next slot of the same hash */
    int32_t alias;       /* likewise by client id: adopted orders only */
    int32_t older, newer;
} slot_t;

/* Where orders of an exchange go. */
typedef struct {
    aats_gateway_t face;
    int was_ready; /* at least once: before that, losing a connection is no news */
    int up;        /* READY came, and no DOWN since */
    int verifying; /* 1 asked, 2 the venue has said that nothing is open */
    int balances;  /* some were told before it first was ready */
    uint32_t waiting; /* orders that wait for it */
    uint64_t waits;             /* of the gateway, as counted last */
} gate_t;

typedef struct {
    aats_rules_t rules;
    int gate;
    aats_pos_t pos;       /* as in the segment */
    int64_t mid_px_i;     /* of the last valid quote, 0: none yet */
    int64_t last_px_i;    /* of the last tick, 0: none yet */
    aats_gbook_t book;    /* as the last quote left it */
    int risk;             /* its index in the risk gate, below 0: it could not be entered */
    int64_t venue_pos_i;  /* of a contract: the account's position as the venue told it last */
    int venue_told;       /* ... since the session was last lost */
} symbol_t;

/* An order event that waits to be given out. */
typedef struct {
    aats_oev_t ev;
    int32_t slot;         /* Closed of an order in the table: freed once it is delivered; else NONE */
    int32_t of;           /* slot of the order that it is of; NONE */
    uint32_t how;         /* HOW_* */
} waiting_t;

enum {
    HOW_SILENT = 1,  /* not journaled: of an order that was refused under another one's id */
    HOW_LATER = 2,   /* the checkpoint journals it: of an order that is being adopted */
    HOW_COUNTED = 4  /* an earlier run has counted it */
};

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
    int ended;             /* END is in the journal, and nothing more is written */
    int fenced;            /* the seat is somebody else's: nothing more is sent, nothing more written */
    int patient;           /* orders wait for their session */
    uint32_t mode;
    int64_t queue_ns;
    int placed;            /* a gateway was given an order: END waits for its word that nothing is open */
    aats_journal_t *journal;
    int64_t (*clock)(void);
    int64_t now_ns, mono_ns; /* of the pass */
    int64_t full_mono_ns;  /* the next checkpoint is tried, not before */
    int unwritten;         /* the journal has not taken an event: only a checkpoint cures that, and END may not stand before it */
    int day_due;           /* a holding has begun a day, or got its price: only a checkpoint keeps that */
    int64_t day_mono_ns;   /* such a checkpoint is made, not before */
    int64_t begun_day;     /* the UTC day that all holdings have begun */
    aats_jday_t day;

    aats_gate_t *gate;     /* NULL: none */
    int64_t news_mono_ns, profit_mono_ns;

    void *td;
    void *own_td;          /* td, if it is private memory */
    uint64_t *counters;    /* AATS_TDC_*, in the segment */
    aats_hist_t *hists;    /* AATS_HIST_TD_*, in the segment */
    aats_slow_t *slow;     /* NULL: no hop has a limit */

    gate_t gates[GATEWAYS];
    int gate_cnt;
    symbol_t *symbols;
    uint32_t symbol_cap, symbol_cnt;

    slot_t *slots;
    uint32_t slot_cap, used_cnt;
    uint32_t open_cnt;     /* of those, orders whose Closed is not queued yet */
    int32_t *buckets;      /* first slot of each hash */
    int32_t *aliases;      /* likewise by client id */
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
    aats_hold_t holds[AATS_TD_HOLDS];   /* as in the segment */
    uint32_t hold_cnt;
    uint32_t bal_cnt;
    aats_bal_t bals[AATS_BAL_CAP];      /* as in the segment */
    uint8_t bal_fresh[AATS_BAL_CAP];    /* 1: told since the gateway was last lost */
};

/* ---- trader_table.c ---- */
int aats_trader_table_init(aats_trader_t *t, uint32_t cap);
void aats_trader_table_fini(aats_trader_t *t);
int32_t aats_trader_table_take(aats_trader_t *t, int64_t order_id); /* a slot, entered under its id; NONE when all are in use */
void aats_trader_table_drop(aats_trader_t *t, int32_t slot);
int32_t aats_trader_table_find(aats_trader_t const *t, int64_t order_id);
/* aats_trader_table_alias enters an adopted order's client id; _client finds any order by its client id. */
void aats_trader_table_alias(aats_trader_t *t, int32_t slot);
int32_t aats_trader_table_client(aats_trader_t const *t, uint64_t instance, int64_t client_no);
/* aats_trader_ids_add enters an id: 1 if it was new, 0 if it was seen before, AATS_E_NOMEM. */
int aats_trader_ids_add(aats_trader_t *t, int64_t order_id);
int aats_trader_ids_has(aats_trader_t const *t, int64_t order_id);

/* ---- trader_queue.c ---- */
int aats_trader_queue_room(aats_trader_t *t, uint64_t cnt); /* AATS_OK, or AATS_E_NOMEM */
/* aats_trader_queue_put takes events of one order into the queue, for which there is room; slot NONE: it is not in the table. */
void aats_trader_queue_put(aats_trader_t *t, aats_oev_t *evs, int cnt, int32_t slot, int how);
void aats_trader_queue_note(aats_trader_t *t); /* journals all that waits, in one write */
aats_journal_t *aats_trader_journal(aats_trader_t *t); /* NULL: there is none, it is not ours any more, or END is in it */
void aats_trader_end(aats_trader_t *t); /* writes END where nothing is left */

/* ---- trader.c ---- */
/* aats_trader_go writes an order's intent down and hands it to its gateway: AATS_OK, or a code with a sentence in msg; then nothing went out. */
int aats_trader_go(aats_trader_t *t, int32_t slot, char *msg, size_t msg_sz);
/* aats_trader_sent stamps an order whose bytes are made; aats_trader_refuse ends one of which none were. */
void aats_trader_sent(aats_trader_t *t, int32_t slot);
void aats_trader_refuse(aats_trader_t *t, int32_t slot, int code, char const *msg);
/* aats_trader_cancel_slot asks for an open order's cancel; checked: the limits on cancels count. */
void aats_trader_cancel_slot(aats_trader_t *t, int32_t slot, int checked);

/* ---- trader_amend.c ---- */
void aats_trader_amended(aats_trader_t *t, aats_oev_t const *ev, int32_t slot); /* Amended or AmendRejected was told: the risk gate counts it anew */
aats_order_t aats_trader_counted(aats_trader_t const *t, int32_t slot, aats_order_t const *o); /* o as the gate counts it */

/* ---- trader_risk.c ---- */
/* aats_trader_risk_symbol enters a symbol into the gate, where there is one. */
void aats_trader_risk_symbol(aats_trader_t *t, symbol_t *s);
/* aats_trader_risk_reserve has the gate check and count an order: a code and a sentence, or AATS_OC_NONE. */
int aats_trader_risk_reserve(aats_trader_t *t, aats_order_t const *o, int book_why, int64_t mono_ns, char *msg, size_t msg_sz);
/* aats_trader_risk_recheck has it looked at again when its wait is over. */
int aats_trader_risk_recheck(aats_trader_t *t, int32_t slot, char *msg, size_t msg_sz);
void aats_trader_risk_unreserve(aats_trader_t *t, int32_t slot);
int aats_trader_is_fenced(aats_trader_t *t); /* the seat was lost: sticky */
int aats_trader_risk_cancel(aats_trader_t *t, aats_order_t const *o, char *msg, size_t msg_sz);
void aats_trader_risk_fill(aats_trader_t *t, int32_t slot, aats_oev_t const *ev, int64_t delta); /* delta: of the position, from aats_trader_fill */
void aats_trader_risk_closed(aats_trader_t *t, int32_t slot);
void aats_trader_risk_carried(aats_trader_t *t); /* the position that the holdings are */
void aats_trader_risk_pass(aats_trader_t *t); /* the seat's beat, news, profit */

/* ---- trader_wait.c ---- */
int aats_trader_must_wait(aats_trader_t const *t, int gate, int code); /* code: place's answer, AATS_OC_NONE before it was asked */
void aats_trader_wait(aats_trader_t *t, int32_t slot, int code);
void aats_trader_wait_pass(aats_trader_t *t);
void aats_trader_wait_cancel(aats_trader_t *t, int32_t slot);
int64_t aats_trader_wait_next(aats_trader_t const *t);

/* ---- trader_keep.c ---- */
void aats_trader_keep(aats_trader_t *t, int32_t slot, aats_oev_t const *ev);
void aats_trader_keep_pass(aats_trader_t *t); /* begins the next file when this one is full */
/* aats_trader_keep_state puts holdings, fees, day totals and all that is known of orders that are not told into the journal: AATS_OK or AATS_E_*. */
int aats_trader_keep_state(aats_trader_t *t);
void aats_trader_day(aats_trader_t *t, int orders, int cancels);

/* ---- trader_money.c ---- */
/* aats_trader_fill enters a fill, once: position, holding, fees.  Returns by how much the position at qty_exp has changed (fees in the base asset taken
 * off), for the risk gate: its sum never drifts from the holding. */
int64_t aats_trader_fill(aats_trader_t *t, aats_oev_t const *ev);
/* aats_trader_profit returns the day's profit in a symbol over all strategies, at AATS_RISK_MONEY_EXP of the quote asset; it also begins a new UTC day.
 * aats_trader_size returns the position of all strategies at qty_exp, carried over ones included. */
int64_t aats_trader_profit(aats_trader_t *t, int sym);
void aats_trader_begin_day(aats_trader_t *t); /* in every holding, if it is a new one */
int64_t aats_trader_size(aats_trader_t const *t, int sym);
/* aats_trader_hold_of finds or makes a strategy's holding of a symbol, NULL where there is no room; aats_trader_put_hold shows it in the segment.
 * aats_trader_hold_at gives the i-th holding, also of symbols that are not traded in this run: 1, or 0: no more. */
aats_hold_t *aats_trader_hold_of(aats_trader_t *t, uint32_t strategy, int sym);
void aats_trader_put_hold(aats_trader_t *t, aats_hold_t const *h);
int aats_trader_hold_at(aats_trader_t const *t, uint32_t i, aats_hold_t *out);
/* aats_trader_balance takes what the venue told of an asset; aats_trader_balances_known: the gateway is ready (again), and what it did not name since it
 * was lost is nothing. */
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

/* aats_trader_hop records a sample of a hop (AATS_HIST_TD_*, AATS_HOP_*) and checks it against its limit. */
static inline void aats_trader_hop(aats_trader_t *t, int hist, uint32_t hop, int64_t ns)
{
    aats_hist_record(&t->hists[hist], ns);
    if (t->slow != NULL) aats_slow_check(t->slow, hop, ns);
}

#endif
