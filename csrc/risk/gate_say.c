/* gate_say.c -- the sentences of a refusal: which limit, whose, its value, and what would be. */
#include <stdarg.h>
#include <stdio.h>

#include "order/wide.h"
#include "risk/gate_state.h"

void aats_gate_text(i128 value, int exp, char *out, size_t cap)
{
    if (aats_wide_format(aats_wide_of(value), exp, out, cap) < 0) snprintf(out, cap, "?");
}

char const *aats_gate_scope(aats_gate_t const *g, gsym_t const *s, int scope, char *out, size_t cap)
{
    switch (scope) {
    case STRATEGY: snprintf(out, cap, "strategy %s", g->name); break;
    case SYMBOL:   snprintf(out, cap, "symbol %s", s->name); break;
    default:       snprintf(out, cap, "the host"); break;
    }
    return out;
}

int aats_gate_deny(aats_gate_t *g, int code, char const *format, ...)
{
    va_list args;
    va_start(args, format);
    if (g->msg_sz > 0) vsnprintf(g->msg, g->msg_sz, format, args);
    va_end(args);
    return code;
}

int aats_gate_over(aats_gate_t *g, gsym_t const *s, over_t const *over)
{
    int const counts = over->counts, exp = counts == MONEY ? AATS_RISK_MONEY_EXP : counts == QTY ? AATS_RISK_QTY_EXP : 0;
    char const *unit = counts == MONEY ? s->quote : counts == QTY ? s->base : "";
    char whose[64], is[AATS_WIDE_SZ], be[AATS_WIDE_SZ];
    aats_gate_text(over->allowed, exp, is, sizeof is);
    aats_gate_text(over->would, counts == QTY ? s->qty_exp : exp, be, sizeof be);
    return aats_gate_deny(g, over->code, "%s of %s is %s%s%s: with this it would be %s", over->limit,
                          aats_gate_scope(g, s, over->scope, whose, sizeof whose), is, unit[0] == 0 ? "" : " ", unit, be);
}
