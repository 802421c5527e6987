/* trader_money.c -- positions and fees: each fill once, exactly. */
#include <string.h>

#include "app/trader_state.h"
#include "order/wide.h"
#include "shm/td.h"

/* shifted returns v * 10^up, or AATS_E_RANGE with out untouched; up is 0 or more. */
static int shifted(aats_i128_t v, int up, aats_i128_t *out)
{
    __int128 wide = aats_wide(v);
    for (; up > 0 && wide != 0; up--)
        if (__builtin_mul_overflow(wide, (__int128)10, &wide)) return AATS_E_RANGE;
    *out = aats_wide_of(wide);
    return AATS_OK;
}

static int plus(aats_i128_t *sum, aats_i128_t v)
{
    __int128 total;
    if (__builtin_add_overflow(aats_wide(*sum), aats_wide(v), &total)) return AATS_E_RANGE;
    *sum = aats_wide_of(total);
    return AATS_OK;
}

/* add_fee adds a fee to a sum at *exp.  A finer fee makes the sum finer; other (may be NULL) is a second sum at the same exponent. */
static int add_fee(aats_i128_t *sum, aats_i128_t *other, int64_t *exp, int64_t fee_i, int fee_exp)
{
    aats_i128_t fee = aats_wide_of(fee_i), finer = *sum, other_finer = other != NULL ? *other : *sum;
    if (fee_exp < *exp) {
        if (shifted(finer, (int)(*exp - fee_exp), &finer) || shifted(other_finer, (int)(*exp - fee_exp), &other_finer)) return AATS_E_RANGE;
    } else if (shifted(fee, (int)(fee_exp - *exp), &fee)) {
        return AATS_E_RANGE;
    }
    if (plus(&finer, fee) != AATS_OK) return AATS_E_RANGE;
    *sum = finer;
    if (other != NULL) *other = other_finer;
    if (fee_exp < *exp) *exp = fee_exp;
    return AATS_OK;
}

/* fee_total adds a fee to the table by assets; one asset too many is counted, the position still has it where it is its base or quote. */
static int fee_total(aats_trader_t *t, aats_oev_t const *ev)
{
    for (uint32_t i = 0; i < AATS_FEE_CAP; i++) {
        aats_fee_t *f = &t->fees[i];
        if (f->asset[0] == 0) {
            memcpy(f->asset, ev->fee_asset, sizeof f->asset);
            f->fee_exp = ev->fee_exp;
        } else if (strncmp(f->asset, ev->fee_asset, sizeof f->asset) != 0) {
            continue;
        }
        int const rc = add_fee(&f->amount, NULL, &f->fee_exp, ev->fee_i, ev->fee_exp);
        aats_td_put_fee(t->td, i, f);
        return rc;
    }
    return AATS_E_FULL;
}

/* aats_trader_fill enters a fill: the position's shown copy is changed by aats_trader_queue_put, with its counts. */
void aats_trader_fill(aats_trader_t *t, aats_oev_t const *ev)
{
    aats_pos_t *p = &t->symbols[ev->order.sym].pos;
    int const buy = ev->order.side == AATS_SIDE_BUY;
    int rc = aats_wide_add(buy ? &p->bought : &p->sold, ev->fill_qty_i);
    if (rc == AATS_OK) rc = aats_wide_add_mul(buy ? &p->bought_notional : &p->sold_notional, ev->fill_px_i, ev->fill_qty_i);

    if (rc == AATS_OK && ev->fee_i != 0 && ev->fee_asset[0] != 0) {
        int64_t exp = p->fee_exp;
        if (strncmp(ev->fee_asset, p->base, sizeof p->base) == 0) rc = add_fee(&p->fee_base, &p->fee_quote, &exp, ev->fee_i, ev->fee_exp);
        else if (strncmp(ev->fee_asset, p->quote, sizeof p->quote) == 0) rc = add_fee(&p->fee_quote, &p->fee_base, &exp, ev->fee_i, ev->fee_exp);
        p->fee_exp = (int32_t)exp;
        int const total = fee_total(t, ev);
        if (rc == AATS_OK) rc = total;
    }
    if (rc != AATS_OK) aats_trader_count(t, AATS_TDC_STRANGE); /* 10^38 units, or the 17th fee asset */
}

/* aats_trader_balance notes what the account holds before the gateway first is ready; what comes later is trading. */
void aats_trader_balance(aats_trader_t *t, int gate, aats_omsg_t const *m)
{
    if (t->gates[gate].was_ready) return;
    t->gates[gate].balances = 1;
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        aats_pos_t *p = &t->symbols[i].pos;
        if (t->symbols[i].gate != gate) continue;
        if (strncmp(m->fee_asset, p->base, sizeof p->base) == 0) p->start_base = m->amount;
        if (strncmp(m->fee_asset, p->quote, sizeof p->quote) == 0) p->start_quote = m->amount;
    }
}

/* aats_trader_balances_known: an asset that the venue did not name is one of which the account holds nothing. */
void aats_trader_balances_known(aats_trader_t *t, int gate)
{
    if (!t->gates[gate].balances) return;
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        if (t->symbols[i].gate != gate) continue;
        t->symbols[i].pos.known = 1;
        aats_td_put_pos(t->td, i, &t->symbols[i].pos);
    }
}
