/* gate_state.h -- what a gate holds; private to csrc/risk/gate*.c.  The trade loop's thread owns all of it.
 *
 *     gate.c         an order's life: counted, filled, released
 *     gate_check.c   the checks before it
 *     gate_limits.c  limits and switches as they are now; news; the day's loss
 *     gate_say.c     the sentences of a refusal
 */
#ifndef AATS_RISK_GATE_STATE_H
#define AATS_RISK_GATE_STATE_H

#include "risk/gate.h"
#include "risk/rate.h"

typedef __int128 i128;

/* The three scopes whose limits an order meets. */
enum { HOST, STRATEGY, SYMBOL, SCOPES };

#define DUPLICATES 1024 /* orders remembered; a power of two */
#define DUPLICATE_WAYS 8
#define NO_ROW (-1)

/* What is open on one side, exact: a cell holds it cut to 64 bits. */
typedef struct {
    i128 qty;
    i128 money;  /* of the limit orders, at AATS_RISK_MONEY_EXP */
    i128 market; /* quantity of the market orders: they are valued at the mark */
} side_t;

/* A traded symbol. */
typedef struct {
    int used;
    aats_rsym_t *shared;
    aats_rcell_t *cell;         /* the own one, shared */
    uint32_t quote_at;
    int32_t px_exp, qty_exp;
    char name[48];
    char base[16], quote[16];
    unsigned __int128 div, mul; /* px_i * qty_i to AATS_RISK_MONEY_EXP: one of them is 1 */
    i128 qty_mul, limit_mul;    /* a quantity and a limit to one exponent, likewise */
    i128 pos;
    side_t buy, sell;
    int64_t open;
    aats_rcell_t left;          /* what the run before had open here, until it is settled */
    int64_t px_i;               /* of the last order: values a position before anybody has seen a price */
    int64_t exposure, profit, day;
    int row;                    /* of the limits table, NO_ROW: none */
    aats_rlimits_t limits, told;
    uint64_t contract;   /* what one unit of quantity is worth, at contract_exp of the rules, which is in div and mul; 1: spot */
    int inverse;         /* ... of the quote asset, whatever the price */
} gsym_t;

/* An order that went out, for the duplicate guard. */
typedef struct {
    int64_t px_i, qty_i;
    int64_t mono_ns;            /* 0: an empty place */
    int32_t sym;
    int32_t side;
} again_t;

/* What a limit counts: amounts of the quote asset, of the base asset, or numbers. */
enum { MONEY, QTY, NUMBER };

/* A limit that would be passed. */
typedef struct {
    int code, scope;
    char const *limit; /* its name */
    int64_t allowed;
    i128 would;        /* be; a QTY at the symbol's qty_exp */
    int counts;
} over_t;

struct aats_gate {
    char *msg;                  /* where the sentence of a refusal goes, during a call */
    size_t msg_sz;
    aats_risk_view_t v;
    uint32_t at;                /* own seat */
    uint64_t self, instance;
    aats_seat_t *seat;
    char name[48];
    uint32_t mode;
    int settled;
    uint64_t news, told_news;   /* refreshed at, told at */
    uint32_t told_state;
    int row;                    /* of the strategy */
    aats_rlimits_t host, strategy, told_host, told_strategy;
    i128 exposure[AATS_RISK_QUOTES], profit[AATS_RISK_QUOTES]; /* of the own cells, the latter of `day` */
    int64_t day;
    int64_t open;
    /* the last order counted, so that it can be taken back */
    int64_t last_id, last_mono_ns, last_day;
    again_t *last_again;
    again_t again[DUPLICATES];
    gsym_t syms[AATS_RISK_SYMS];
};

/* gate_check.c: see there; `grew`: the order has made the own exposure larger */
int aats_gate_check_switches(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t day);
int aats_gate_check_book(aats_gate_t *g, gsym_t *s, aats_order_t const *o, aats_gbook_t const *book);
int aats_gate_check_value(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t px_i);
int aats_gate_check_duplicate(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t mono_ns);
int aats_gate_check_sums(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int grew);
int aats_gate_check_rates(aats_gate_t *g, gsym_t *s, int cancels, int64_t mono_ns, int64_t day);
i128 aats_gate_money(gsym_t const *s, i128 qty, int64_t px_i); /* of a quantity at a price, rounded away from zero */
int64_t aats_gate_mark(gsym_t const *s);                       /* what a position is valued at */
again_t *aats_gate_same(aats_gate_t *g, int sym, aats_order_t const *o, int *found);

/* gate_limits.c */
void aats_gate_refresh(aats_gate_t *g);
uint32_t aats_gate_switch(aats_gate_t const *g, gsym_t const *s, int *scope); /* the strictest, and whose it is */
i128 aats_gate_loss(aats_gate_t const *g, gsym_t const *s, int scope, int64_t day); /* the day's profit of a scope, negative: a loss */

/* gate_say.c: both write the sentence of a refusal and return its code */
int aats_gate_deny(aats_gate_t *g, int code, char const *format, ...) __attribute__((format(printf, 3, 4)));
int aats_gate_over(aats_gate_t *g, gsym_t const *s, over_t const *over);
char const *aats_gate_scope(aats_gate_t const *g, gsym_t const *s, int scope, char *out, size_t cap);
void aats_gate_text(i128 value, int exp, char *out, size_t cap);

/* aats_gate_limits returns the limits of a scope as they were refreshed last. */
static inline aats_rlimits_t const *aats_gate_limits(aats_gate_t const *g, gsym_t const *s, int scope)
{
    return scope == HOST ? &g->host : scope == STRATEGY ? &g->strategy : &s->limits;
}

static inline int64_t aats_gate_leaves(aats_order_t const *o) { return o->qty_i > o->cum_qty_i ? o->qty_i - o->cum_qty_i : 0; }
static inline int64_t clamp64(i128 x) { return x > INT64_MAX ? INT64_MAX : x < INT64_MIN ? INT64_MIN : (int64_t)x; }
static inline i128 abs128(i128 x) { return x < 0 ? -x : x; }

#endif
