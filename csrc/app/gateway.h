/* gateway.h -- where orders go: the face that the order session and paper trading both have, as the trader (trader.h) sees it.
 *
 * A gateway sends requests and gives back messages (order/omsg.h); it decides nothing about an order's state.  It asks for what is not known by
 * itself: a request without an answer gives UNKNOWN, and then it asks until OPEN, DONE, REJECT, FILLs or ABSENT can be said.
 * One thread, the trade loop's, calls all of it.
 */
#ifndef AATS_APP_GATEWAY_H
#define AATS_APP_GATEWAY_H

#include <stddef.h>
#include <stdint.h>

#include "order/machine.h"
#include "order/rules.h"

/* cdef-begin */
enum { AATS_GW_DOWN = 0, AATS_GW_STARTING = 1, AATS_GW_READY = 2, AATS_GW_LEFT = 3 };
/* cdef-end */

/* One order as a gateway needs it: the machine's order stays where it is until Closed was delivered. */
typedef struct aats_gateway aats_gateway_t;
struct aats_gateway {
    void *self;
    char exchange[32]; /* "BINANCE" */

    /* place sends a new order.  AATS_OK: the bytes are made (o->sent_ns is set by the trader); else an AATS_OC_* code (> 0) with a sentence in
     * msg, and nothing goes out. */
    int (*place)(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz);
    /* cancel asks for an order to be canceled; a gateway that is not ready keeps the wish until it is. */
    int (*cancel)(void *self, aats_machine_t *m, aats_rules_t const *rules);
    /* amend asks for an order's price and size to be changed to the machine's amend_px_i and amend_qty_i.  AATS_OK; else an AATS_OC_* code with a sentence in msg, and
     * nothing goes out.  NULL: it cannot. */
    int (*amend)(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz);
    /* ask has the order's outcome asked for, by aats_machine_asks; the gateway goes on until the machine wants nothing more. */
    void (*ask)(void *self, aats_machine_t *m, aats_rules_t const *rules);
    /* gone: the machine is about to be freed, forget its address. */
    void (*gone)(void *self, aats_machine_t *m);

    /* step makes a pass: time, bytes, time-outs.  Returns the work done.  next gives the oldest message: 1 or 0. */
    int (*step)(void *self, int64_t now_ns, int64_t mono_ns);
    int (*next)(void *self, aats_omsg_t *out);

    int (*state)(void *self);                       /* AATS_GW_* */
    int64_t (*next_mono_ns)(void *self);            /* when step is due although nothing comes */
    /* verify: after the cancels at the end, ask the venue for what is open of our instances; READY comes again (AATS_OM_READY) when nothing is. */
    void (*verify)(void *self);
    void (*leave)(void *self);                      /* say good-bye; state becomes LEFT */
    uint64_t (*waits)(void *self);                  /* requests that had to wait for a rate budget so far; NULL: none ever */
    /* quote and tick: market data of a traded symbol (paper trading); NULL where it is not wanted. */
    void (*quote)(void *self, int sym, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, int valid, int64_t now_ns);
    void (*tick)(void *self, int sym, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns);
    void (*free)(void *self);
};

#endif
