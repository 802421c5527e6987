/* bench_orders.c -- the risk gate and the order's state machine, one operation at a time, next to an atomic add in the same run (bench_journal.c).
 *
 * For: tools/bench_orders.py.  Not a test: it passes no judgement.
 *
 * "risk check" is aats_gate_reserve with every limit set, against the cells of eight seats of which one is ours: nobody else writes at that moment.
 * "state" is aats_machine_take of an ack, a fill, and the fill that ends the order; its events are made, not delivered.
 *
 * Options: bench_orders [rounds]. */
#include "base/atomics.h"
#include "order/machine.h"
#include "risk_fixture.h"
#include "samples.h"

#define SEATS 8

static void set_limits(void)
{
    aats_rlimits_t *l = &risk.limits[0];
    l->order_notional = l->exposure = l->loss_1d = INT64_C(1) << 60;
    l->order_qty = l->position = INT64_C(1) << 60;
    l->open_orders = l->orders_1s = l->orders_1d = l->cancels_1s = l->cancels_1d = INT64_C(1) << 40;
    l->collar_ppm = 500000;
    l->duplicate_ms = 1;
    aats_store_release(&l->scope, AATS_SCOPE_HOST);
    aats_store_release(&risk.risk->news, aats_load_relaxed(&risk.risk->news) + 1);
}

static int gates(int rounds)
{
    samples_t reserve = samples_new("risk check: reserve"), back = samples_new("risk check: unreserve"), cancel = samples_new("risk check: cancel");
    aats_gate_t *all[SEATS];
    aats_rules_t const rules = rules_for("BTCUSDT.BINANCE");
    aats_gbook_t const book = book_of(64199, 64201);
    int sym = -1;
    if (fixture_risk(16, 16, 8) != AATS_OK) return 1;
    set_limits();
    for (int s = 0; s < SEATS; s++) {
        char name[16];
        char msg[300];
        snprintf(name, sizeof name, "maker%d", s);
        if ((all[s] = gate_for(name, (uint64_t)s + 1)) == NULL || (sym = aats_gate_symbol(all[s], &rules, AATS_MODE_SIM)) < 0) return 1;
        aats_order_t const o = order_of(AATS_SIDE_BUY, 64200, 0.01);
        if (aats_gate_reserve(all[s], sym, &o, &book, DAY, MONO, msg, sizeof msg) != AATS_OC_NONE) {
            fprintf(stderr, "%s\n", msg);
            return 1;
        }
    }
    for (int i = 1; i <= rounds; i++) {
        char msg[300];
        aats_order_t const o = order_of(i & 1 ? AATS_SIDE_BUY : AATS_SIDE_SELL, 64200 + i % 100, 0.01);
        int64_t const now = DAY + i * INT64_C(10000000), mono = MONO + i * INT64_C(10000000);
        int64_t t = aats_mono_ns();
        int const code = aats_gate_reserve(all[3], sym, &o, &book, now, mono, msg, sizeof msg);
        samples_add(&reserve, t, aats_mono_ns());
        if (code != AATS_OC_NONE) {
            fprintf(stderr, "%s\n", msg);
            return 1;
        }
        t = aats_mono_ns();
        (void)aats_gate_cancel(all[3], sym, now, mono, msg, sizeof msg);
        samples_add(&cancel, t, aats_mono_ns());
        t = aats_mono_ns();
        aats_gate_unreserve(all[3], sym, &o);
        samples_add(&back, t, aats_mono_ns());
    }
    samples_print(&reserve);
    samples_print(&back);
    samples_print(&cancel);
    for (int s = 0; s < SEATS; s++) aats_gate_free(all[s]);
    free(risk.seg);
    return 0;
}

static int machines(int rounds)
{
    samples_t ack = samples_new("state: ack"), fill = samples_new("state: fill"), end = samples_new("state: last fill, closed");
    aats_oev_t out[AATS_MACHINE_OUT];
    for (int i = 1; i <= rounds; i++) {
        aats_machine_t m;
        aats_order_t const o = {.order_id = i, .instance = 7, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px_exp = -8, .qty_exp = -8, .px_i = 6420000000000,
                                .qty_i = 200, .symbol = "BTCUSDT.BINANCE"};
        aats_omsg_t msg = {.kind = AATS_OM_ACK, .instance = 7, .order_id = i, .recv_ns = i, .cum_qty_i = 0, .remote_id = "123456789"};
        if (aats_machine_new(&m, &o, out) != 1) return 1;
        m.o.sent_ns = 1;
        int64_t t = aats_mono_ns();
        int const acked = aats_machine_take(&m, &msg, i, out);
        samples_add(&ack, t, aats_mono_ns());
        msg = (aats_omsg_t){.kind = AATS_OM_FILL, .instance = 7, .order_id = i, .recv_ns = i, .cum_qty_i = 100, .px_i = 6420000000000, .qty_i = 100,
                            .fee_exp = -8, .fee_i = 5, .fee_asset = "BNB", .trade_id = (uint64_t)(2 * i)};
        t = aats_mono_ns();
        int const filled = aats_machine_take(&m, &msg, i, out);
        samples_add(&fill, t, aats_mono_ns());
        msg.trade_id++;
        msg.cum_qty_i = 200;
        t = aats_mono_ns();
        int const closed = aats_machine_take(&m, &msg, i, out);
        samples_add(&end, t, aats_mono_ns());
        if (acked != 1 || filled != 1 || closed != 2) {
            fprintf(stderr, "the machine made %d, %d and %d events\n", acked, filled, closed);
            return 1;
        }
        aats_machine_fini(&m);
    }
    samples_print(&ack);
    samples_print(&fill);
    samples_print(&end);
    return 0;
}

int main(int argc, char **argv)
{
    int const rounds = argc > 1 ? atoi(argv[1]) : 100000;
    (void)check_main; /* the fixture brings it along */
    samples_begin();
    return gates(rounds) || machines(rounds);
}
