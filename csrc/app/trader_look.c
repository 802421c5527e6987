/* trader_look.c -- leaving, and what is asked from outside. */
#include "app/trader_state.h"

void aats_trader_close(aats_trader_t *t) { t->closing = 1; }

uint32_t aats_trader_open_cnt(aats_trader_t const *t) { return t->open_cnt; }

void aats_trader_verify(aats_trader_t *t)
{
    for (int i = 0; i < t->gate_cnt; i++) {
        t->gates[i].verifying = 1;
        t->gates[i].face.verify(t->gates[i].face.self);
    }
}

int aats_trader_verified(aats_trader_t const *t)
{
    for (int i = 0; i < t->gate_cnt; i++)
        if (t->gates[i].verifying != 2) return 0;
    return 1;
}

void aats_trader_leave(aats_trader_t *t)
{
    if (t->leaving) return;
    t->closing = t->leaving = 1;
    for (int i = 0; i < t->gate_cnt; i++) t->gates[i].face.leave(t->gates[i].face.self);
    aats_trader_end(t);
}

int aats_trader_left(aats_trader_t const *t)
{
    if (!t->leaving) return 0;
    for (int i = 0; i < t->gate_cnt; i++)
        if (t->gates[i].face.state(t->gates[i].face.self) != AATS_GW_LEFT) return 0;
    return 1;
}

int aats_trader_ready(aats_trader_t const *t)
{
    for (int i = 0; i < t->gate_cnt; i++)
        if (t->gates[i].face.state(t->gates[i].face.self) != AATS_GW_READY) return 0;
    return 1;
}

int aats_trader_gateway_state(aats_trader_t const *t, int gateway)
{
    if (gateway < 0 || gateway >= t->gate_cnt) return AATS_E_ARG;
    return t->gates[gateway].face.state(t->gates[gateway].face.self);
}

int aats_trader_find(aats_trader_t const *t, int64_t order_id, aats_order_t *out)
{
    int32_t const slot = aats_trader_table_find(t, order_id);
    if (slot == NONE) return 0;
    *out = t->slots[slot].m.o;
    return 1;
}

uint32_t aats_trader_list(aats_trader_t const *t, aats_order_t *out, uint32_t cap)
{
    uint32_t cnt = 0;
    for (int32_t at = t->oldest; at != NONE; at = t->slots[at].newer) {
        if (t->slots[at].m.o.state == AATS_ORD_CLOSED) continue;
        if (cnt < cap) out[cnt] = t->slots[at].m.o;
        cnt++;
    }
    return cnt;
}

int aats_trader_pos(aats_trader_t const *t, int sym, aats_pos_t *out)
{
    if (sym < 0 || (uint32_t)sym >= t->symbol_cnt) return AATS_E_ARG;
    *out = t->symbols[sym].pos;
    return AATS_OK;
}

uint64_t aats_trader_instance(aats_trader_t const *t) { return t->instance; }

uint64_t aats_trader_counter(aats_trader_t const *t, int which)
{
    return which >= 0 && which < AATS_TDC_CNT ? t->counters[which] : 0;
}
