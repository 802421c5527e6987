/* risk_fixture.h -- a risk segment in private memory, seats in it, gates over them, orders for them.
 *
 * For: tests/c/test_seat.c, test_gate.c, tests/race/test_gate.c, tests/bench.  Prices and sizes are given in whole units: both have exponent -8. */
#ifndef AATS_TESTS_RISK_FIXTURE_H
#define AATS_TESTS_RISK_FIXTURE_H

#include "risk/gate.h"
#include "shm_fixture.h"

#define ONE  INT64_C(100000000) /* 1 at exponent -8 */
#define SEC  INT64_C(1000000000)
#define DAY  (INT64_C(20000) * 86400 * SEC) /* a midnight */
#define MONO (INT64_C(5000) * SEC)

static aats_risk_view_t risk;

/* fixture_risk makes a ready risk segment and attaches it. */
__attribute__((unused)) static int fixture_risk(uint32_t seats, uint32_t syms, uint32_t limits)
{
    int64_t const size = (aats_risk_size(seats, syms, limits, 1) + 63) / 64 * 64;
    char why[300] = "";
    free(risk.seg);
    void *mem = fixture_zeroed((size_t)size);
    int code = aats_seg_init(mem, (uint64_t)size, AATS_KIND_RISK, "host", 1, fixture_ident(1), 1, FIXTURE_BOOT_ID, "1.0.0");
    if (code == AATS_OK) code = aats_risk_init(mem, (uint64_t)size, seats, syms, limits, 1);
    if (code == AATS_OK) aats_seg_ready(mem);
    if (code == AATS_OK) code = aats_risk_attach(mem, (uint64_t)size, &risk, why, sizeof why);
    if (code != AATS_OK) fprintf(stderr, "no risk segment: %s %s\n", aats_err_name(code), why);
    return code;
}

__attribute__((unused)) static aats_seat_t seat_of(char const *name)
{
    aats_seat_t seat = {.instance = 77, .mode = AATS_MODE_SIM, .grace_ms = 2000, .hang_ms = 10000, .account = "BINANCE-1a2b3c4d"};
    snprintf(seat.name, sizeof seat.name, "%s", name);
    return seat;
}

__attribute__((unused)) static int take_seat(char const *name, uint64_t pid)
{
    aats_seat_t const seat = seat_of(name);
    return aats_seat_take(&risk, fixture_ident(pid), &seat, 0, 0);
}

__attribute__((unused)) static aats_rules_t rules_for(char const *symbol)
{
    aats_rules_t rules = {.base = "BTC", .quote = "USDT", .px_exp = -8, .qty_exp = -8};
    snprintf(rules.symbol, sizeof rules.symbol, "%s", symbol);
    return rules;
}

/* gate_for takes a seat for a process of that pid and makes its gate. */
__attribute__((unused)) static aats_gate_t *gate_for(char const *name, uint64_t pid)
{
    char why[300] = "";
    int const at = take_seat(name, pid);
    aats_gate_t *g = at < 0 ? NULL : aats_gate_new(risk.seg, risk.seg->size, (uint32_t)at, fixture_ident(pid), why, sizeof why);
    if (g == NULL) fprintf(stderr, "no gate: seat %d %s\n", at, why);
    return g;
}

/* order_of makes an order; px 0: a market order. */
__attribute__((unused)) static aats_order_t order_of(int side, double px, double qty)
{
    static int64_t next;
    return (aats_order_t){.order_id = ++next, .side = (uint8_t)side, .px_exp = -8, .qty_exp = -8, .px_i = (int64_t)(px * 1e8 + 0.5),
                          .qty_i = (int64_t)(qty * 1e8 + 0.5)};
}

__attribute__((unused)) static aats_gbook_t book_of(double bid, double ask)
{
    return (aats_gbook_t){.bid_px_i = (int64_t)(bid * 1e8 + 0.5), .ask_px_i = (int64_t)(ask * 1e8 + 0.5)};
}

#endif
