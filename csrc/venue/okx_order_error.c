/* okx_order_error.c -- what OKX's error numbers mean for an order.
 *
 * Facts: exchanges/okx.md, sections 5.2, 5.3 and 7.  Odd behaviours are numbered in okx_order.c. */
#include "venue/okx_order.h"

enum { UNSURE = 1, FATAL = 2, BUSY = 4, CLOCK = 8, FULL = 16 };

/* From `from` to `to`, both included; the first row that fits. */
static struct { int from, to; unsigned what; uint32_t oc; } const CODES[] = {
    {50001, 50001, BUSY, AATS_OC_RATE_LIMIT},
    {50004, 50004, UNSURE, AATS_OC_NONE},
    {50005, 50005, BUSY, AATS_OC_RATE_LIMIT},
    {50011, 50011, BUSY, AATS_OC_RATE_LIMIT},
    {50013, 50013, BUSY, AATS_OC_RATE_LIMIT},
    {50026, 50026, UNSURE, AATS_OC_NONE}, /* "system error": whether it was before or after the order is not said */
    {50061, 50061, BUSY | FULL, AATS_OC_RATE_LIMIT},
    {50102, 50102, CLOCK, AATS_OC_TIMESTAMP},
    {50100, 50114, FATAL, AATS_OC_AUTH},
    {51006, 51006, 0, AATS_OC_PRICE_BAND},
    {51008, 51008, 0, AATS_OC_BALANCE},
    {51016, 51016, UNSURE, AATS_OC_NONE}, /* V-55 */
    {51020, 51020, 0, AATS_OC_FILTER},
    {51022, 51022, 0, AATS_OC_HALTED},
    {51027, 51030, 0, AATS_OC_HALTED},
    {51054, 51054, UNSURE, AATS_OC_NONE},
    {51116, 51116, 0, AATS_OC_PRICE_BAND},
    {51120, 51121, 0, AATS_OC_FILTER},
    {51127, 51127, 0, AATS_OC_BALANCE},
    {51131, 51131, 0, AATS_OC_BALANCE},
    {51137, 51138, 0, AATS_OC_PRICE_BAND},
    {51149, 51149, UNSURE, AATS_OC_NONE},
    {51169, 51170, 0, AATS_OC_REDUCE_ONLY},
    {51400, 51400, 0, AATS_OC_UNKNOWN_ORDER},
    {51503, 51503, 0, AATS_OC_UNKNOWN_ORDER},
    {51509, 51510, 0, AATS_OC_UNKNOWN_ORDER},
    {51603, 51603, 0, AATS_OC_UNKNOWN_ORDER},
    {60006, 60006, CLOCK, AATS_OC_TIMESTAMP},
    {60004, 60009, FATAL, AATS_OC_AUTH},
    {60014, 60014, BUSY, AATS_OC_RATE_LIMIT},
    {60024, 60024, FATAL, AATS_OC_AUTH},
    {60032, 60032, FATAL, AATS_OC_AUTH},
};

void okx_judge(aats_oreply_t *r)
{
    unsigned what = 0;
    int known = 0;
    r->oc = AATS_OC_VENUE;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0] && !known; i++) {
        if (r->code < CODES[i].from || r->code > CODES[i].to) continue;
        known = 1;
        what = CODES[i].what;
        r->oc = CODES[i].oc;
    }
    /* What the status says holds where the number says nothing. */
    if (!known && r->status >= 500) what = UNSURE;
    else if (!known && r->status == 429) what = BUSY, r->oc = AATS_OC_RATE_LIMIT;
    else if (!known && (r->status == 401 || r->status == 403)) what = FATAL, r->oc = AATS_OC_AUTH;
    if (what & UNSURE) r->oc = AATS_OC_VENUE_UNSURE;
    r->unsure = (what & UNSURE) != 0;
    r->fatal = (what & FATAL) != 0;
    r->busy = (what & BUSY) != 0;
    r->full = (what & FULL) != 0;
    r->clock = (what & CLOCK) != 0;
}
