/* paper_state.h -- what paper trading holds; private to csrc/app/paper*.c.  The trade loop's thread owns all of it.
 *
 *     paper.c         the gateway's face: requests go out, messages come back, time passes
 *     paper_venue.c   what a request does when it arrives, and what the matching engine's events mean
 *     paper_pipe.c    what is on its way
 *     paper_fault.c   what goes wrong there when a test wants it
 */
#ifndef AATS_APP_PAPER_STATE_H
#define AATS_APP_PAPER_STATE_H

#include "app/paper.h"
#include "app/paper_pipe.h"

#define BUCKETS 1024 /* of the order table, by order_id */
#define ANSWERS 4    /* most messages that one event or request makes */

/* Where an order is, as the paper venue sees it. */
enum { TRAVELS = 0, HELD = 1, RESTS = 2, ENDED = 3, REFUSED = 4 };

typedef struct porder porder_t;
struct porder {
    aats_match_order_t o; /* o.id is the lower half of the client id */
    uint64_t instance;
    uint64_t number;      /* remote_id is P and this; 0: the engine has not taken it */
    int sym;
    int where;
    uint32_t end_code;    /* ENDED, REFUSED: AATS_OC_* */
    int64_t cum_i;
    int reduce;           /* it may only make a position smaller */
    int swept;            /* it could not any more, and is being canceled */
    int64_t until_mono_ns; /* HELD: so long it waits for a valid book */
    porder_t *chain;      /* of its bucket */
    porder_t *held_next;  /* of its symbol, by arrival */
};

typedef struct {
    aats_match_t *engine; /* NULL: not a symbol of ours */
    int valid;            /* the last quote said so */
    porder_t *held, *held_last;
    int32_t px_exp, qty_exp, fee_exp;
    /* a contract (order/rules.h): fees are parts of its worth, in what it settles in, and orders may be bound to reduce the position */
    int derivative, inverse;
    int64_t contract_i;
    int32_t contract_exp;
    int64_t pos_i;        /* what all orders here have made, at qty_exp */
    int reduces;          /* there has been an order that may only reduce */
    int moved;            /* a fill since the last sweep */
    char settle[16];
    char base[16];
    char quote[16];
    char native[24];
} psymbol_t;

typedef struct aats_paper_faults aats_paper_faults_t;

struct aats_paper {
    aats_paper_opts_t opts;
    int state;             /* AATS_GW_* */
    int verifying;
    int64_t now_ns;        /* of the last step, quote or tick */
    int64_t mono_ns;       /* of the last step */
    uint64_t number;       /* of the last order that an engine took */
    size_t live_cnt;       /* orders that travel, are held, or rest */
    aats_pipe_t out, back;
    psymbol_t *symbol;
    int symbol_cnt;
    porder_t *bucket[BUCKETS];
    aats_paper_faults_t *faults; /* NULL: nothing goes wrong */
};

/* aats_paper_bucket returns the chain that an order is in; aats_paper_find the order, NULL: not known (any more). */
static inline porder_t **aats_paper_bucket(aats_paper_t *p, uint64_t order_id) { return p->bucket + order_id % BUCKETS; }
porder_t *aats_paper_find(aats_paper_t *p, uint64_t order_id);
/* aats_paper_of is aats_paper_find for the order that a request is about: one of an earlier run may have the number of one of ours. */
porder_t *aats_paper_of(aats_paper_t *p, aats_parcel_t const *parcel);

/* aats_paper_say puts a message about an order (NULL: about all) on its way; there is room. */
aats_omsg_t *aats_paper_say(aats_paper_t *p, uint32_t kind, uint32_t code, porder_t const *o);

/* aats_paper_drain makes messages of what an engine says, as far as there is memory for them.  Returns how many events there were. */
int aats_paper_drain(aats_paper_t *p, psymbol_t *s);

/* aats_paper_arrive does what a request asks for; there is room for ANSWERS.  aats_paper_release lets held orders in when the book is valid,
 * and refuses those that have waited too long.  aats_paper_unhold takes an order out of those that are held. */
void aats_paper_arrive(aats_paper_t *p, aats_parcel_t const *parcel);
int aats_paper_release(aats_paper_t *p, psymbol_t *s);
void aats_paper_unhold(psymbol_t *s, porder_t *o);

/* Only where faults is not NULL.  aats_paper_fault_down: 1 if nothing passes; aats_paper_fault_arrives: 1 if the request gets lost on its
 * way; aats_paper_fault_next: as the gateway's next; aats_paper_fault_next_ns: when that has something to give. */
int aats_paper_fault_down(aats_paper_t const *p);
int aats_paper_fault_arrives(aats_paper_t *p, aats_parcel_t const *parcel);
int aats_paper_fault_next(aats_paper_t *p, aats_omsg_t *out);
int64_t aats_paper_fault_next_ns(aats_paper_t const *p);
void aats_paper_fault_free(aats_paper_t *p);

#endif
