/* test_trader_amend.c -- an open order's price and size changed: what is refused here, what is written down first, what the risk gate counts meanwhile; and what
 * contracts are worth to rules, gate and holdings. */
#include "order/hold.h"
#include "risk_fixture.h"
#include "trader_journal.h"

#define PX (20000 * UNIT)

static aats_gate_t *gate;

static int begin_risky(void)
{
    aats_gate_free(gate);
    gate = NULL;
    if (fixture_risk(2, 4, 8) != AATS_OK || (gate = gate_for("maker", 10)) == NULL || !begin()) return 0;
    aats_trader_risk(trader, gate);
    aats_level_t const bid = {.px_i = PX, .qty_i = UNIT}, ask = {.px_i = PX + UNIT, .qty_i = UNIT};
    aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
    return aats_trader_carried(trader, now) == AATS_OK;
}

static void limit(aats_rlimits_t row)
{
    int const at = aats_risk_row(&risk, AATS_SCOPE_SYMBOL, "BTCUSDT.BINANCE", 1);
    CHECK(at >= 0 && aats_risk_row_put(&risk, (uint32_t)at, &row) == AATS_OK);
}

static aats_rcell_t cell(void)
{
    aats_rcell_t out;
    aats_cell_read(&risk, 0, 0, &out);
    return out;
}

/* NULL: that number stays as it is. */
static int amend(int64_t id, char const *px, char const *qty)
{
    aats_amend_req_t req = {.order_id = id, .strategy = 3};
    if (px != NULL) req.px = given(px);
    if (qty != NULL) req.qty = given(qty);
    return aats_trader_amend(trader, &req, now, now);
}

static void open_one(void)
{
    send(1);
    say(AATS_OM_ACK, 1);
    step();
    CHECK_STR(told(), "Ca");
}

/* ---- refusals ---- */

TEST(an_amendment_of_nothing_or_against_the_rules_is_rejected_and_nothing_goes_out)
{
    REQUIRE(begin());
    CHECK_EQ_I64(amend(9, "1", NULL), AATS_OK);
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_AMEND_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_UNKNOWN_ORDER);
    open_one();
    amend(1, "20000.001", NULL);
    ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_OFF_TICK);
    CHECK_EQ_I64(ev.order.px_i, PX);
    amend(1, NULL, "0.0001");
    CHECK_EQ_I64(next().code, AATS_OC_NOTIONAL);
    amend(1, "20000", "1");
    CHECK_EQ_I64(next().code, AATS_OC_NUMBER);
    aats_trader_close(trader);
    amend(1, "19000", NULL);
    CHECK_EQ_I64(next().code, AATS_OC_CLOSING);
    CHECK_EQ_I64(venue.amended, 0);
    CHECK(strstr(written(), "M1") == NULL);
    finish();
}

TEST(a_gateway_that_amends_nothing_says_unsupported)
{
    char why[256];
    aats_trader_opts_t const opts = {.instance = life};
    aats_rules_t const rules = rules_of("BTC", "USDT", "BINANCE");
    fake_t fake = {0};
    aats_gateway_t face = fake_face(&fake, "BINANCE");
    face.amend = NULL;
    aats_trader_t *t = aats_trader_new(&opts, NULL, 0, NULL, why, sizeof why);
    REQUIRE(t != NULL && aats_trader_gateway(t, &face) == 0 && aats_trader_add_symbol(t, &rules, 0) == 0);
    aats_order_req_t const req = {.order_id = 1, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px = given("20000"), .qty = given("1")};
    aats_trader_send(t, &req, now, now);
    aats_amend_req_t const wish = {.order_id = 1, .px = given("19000")};
    aats_trader_amend(t, &wish, now, now);
    aats_oev_t ev;
    CHECK_EQ_I64(aats_trader_event(t, &ev), 1);
    CHECK_EQ_I64(aats_trader_event(t, &ev), 1);
    CHECK_EQ_I64(ev.kind, AATS_OEV_AMEND_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_UNSUPPORTED);
    aats_trader_free(t);
}

TEST(an_order_that_may_only_reduce_is_refused_on_spot)
{
    REQUIRE(begin());
    aats_order_req_t const req = {.order_id = 1, .side = AATS_SIDE_SELL, .tif = AATS_TIF_GTC, .px = given("20000"), .qty = given("1"), .reduce = 1};
    aats_trader_send(trader, &req, now, now);
    next();
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_UNSUPPORTED);
    CHECK(ev.order.flags & AATS_OF_REDUCE);
    CHECK_EQ_I64(venue.placed, 0);
    finish();
}

/* ---- the way ---- */

TEST(the_intent_to_amend_is_in_the_journal_before_it_is_handed_over_and_its_answer_behind)
{
    REQUIRE(begin());
    open_one();
    amend(1, "19000", NULL);
    CHECK_EQ_I64(venue.amended, 1);
    CHECK_EQ_I64(venue.last->amend_px_i, 19000 * UNIT);
    CHECK_EQ_I64(venue.last->amend_qty_i, UNIT);
    CHECK_STR(told(), "");
    amend(1, "18000", NULL);
    CHECK_EQ_I64(next().code, AATS_OC_AMEND_PENDING);
    say(AATS_OM_AMENDED, 1);
    step();
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_AMENDED);
    CHECK_EQ_I64(ev.order.px_i, 19000 * UNIT);
    CHECK_STR(told(), "");
    CHECK_STR(written(), "S I1 e1 e1 M1 e1 e1");
    finish();
}

TEST(an_amendment_that_the_journal_cannot_hold_is_rejected)
{
    REQUIRE(begin());
    open_one();
    fill_disk();
    while (aats_journal_put(journal, AATS_JR_CANCEL, 999, NULL, 0, now) == AATS_OK) continue; /* to the last byte */
    amend(1, "19000", NULL);
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_AMEND_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_JOURNAL);
    CHECK_EQ_I64(venue.amended, 0);
    empty_disk();
    finish();
}

TEST(what_the_gateway_does_not_take_leaves_the_order_as_it_was)
{
    REQUIRE(begin());
    open_one();
    venue.amend_code = AATS_OC_NOT_CONNECTED;
    amend(1, "19000", "2");
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_NOT_CONNECTED);
    CHECK_STR(ev.msg, "the venue is away");
    CHECK_EQ_I64(ev.order.qty_i, UNIT);
    venue.amend_code = AATS_OK;
    amend(1, "19000", "2");
    CHECK_EQ_I64(venue.amended, 2);
    finish();
}

TEST(all_open_orders_of_a_strategy_are_canceled_and_no_others)
{
    REQUIRE(begin());
    open_one();
    send(2);
    aats_order_req_t const other = {.order_id = 3, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .strategy = 4, .px = given("20000"), .qty = given("1")};
    aats_trader_send(trader, &other, now, now);
    CHECK_EQ_I64(aats_trader_cancel_of(trader, 3, 1, now, now), 0);
    CHECK_EQ_I64(aats_trader_cancel_of(trader, 3, 0, now, now), 2);
    CHECK_EQ_I64(aats_trader_cancel_of(trader, 3, -1, now, now), 0);
    CHECK_EQ_I64(venue.canceled, 2);
    finish();
}

/* ---- the gate ---- */

TEST(while_an_amendment_is_open_the_larger_of_both_is_counted_and_then_what_came_of_it)
{
    REQUIRE(begin_risky());
    open_one();
    CHECK_EQ_I64(cell().buy_i, UNIT);
    amend(1, "19000", "3");
    CHECK_EQ_I64(cell().buy_i, 3 * UNIT);
    CHECK_EQ_I64(cell().open_cnt, 1);
    CHECK_EQ_I64(cell().exposure_i, 60000 * UNIT);
    say(AATS_OM_AMEND_REJECT, 1)->code = AATS_OC_VENUE;
    step();
    CHECK_EQ_I64(cell().buy_i, UNIT);
    amend(1, "19000", "3");
    say(AATS_OM_AMENDED, 1);
    step();
    CHECK_EQ_I64(cell().buy_i, 3 * UNIT);
    CHECK_EQ_I64(cell().exposure_i, 57000 * UNIT);
    say_fill(1, 1, 19000 * UNIT, UNIT, "USDT", 0);
    step();
    CHECK_EQ_I64(cell().buy_i, 2 * UNIT);
    CHECK_EQ_I64(cell().pos_i, UNIT);
    aats_omsg_t *m = say(AATS_OM_DONE, 1);
    m->code = AATS_OC_EXPIRED;
    step();
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_EQ_I64(cell().open_cnt, 0);
    CHECK_STR(told(), "mMxd.");
    finish();
}

TEST(fills_and_an_end_while_an_amendment_is_open_leave_nothing_counted)
{
    REQUIRE(begin_risky());
    open_one();
    amend(1, NULL, "3");
    say_fill(1, 1, PX, UNIT / 2, "USDT", 0);
    step();
    CHECK_EQ_I64(cell().buy_i, 5 * UNIT / 2);
    say(AATS_OM_DONE, 1)->code = AATS_OC_EXPIRED;
    step();
    CHECK_STR(told(), "xdm.");
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_EQ_I64(cell().open_cnt, 0);
    finish();
}

TEST(an_amendment_beyond_a_limit_is_rejected_and_the_order_counts_as_before)
{
    REQUIRE(begin_risky());
    limit((aats_rlimits_t){.position = 2 * UNIT});
    step();
    told(); /* the news of it */
    open_one();
    amend(1, NULL, "2.5");
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_AMEND_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_RISK_POSITION);
    CHECK_EQ_I64(venue.amended, 0);
    CHECK_EQ_I64(cell().buy_i, UNIT);
    amend(1, NULL, "2"); /* the order itself is not counted beside its amendment */
    CHECK_EQ_I64(venue.amended, 1);
    finish();
}

/* ---- contracts ---- */

/* A contract of 0.01 BTC (linear), or of 100 USD (inverse). */
static aats_rules_t contract(int inverse)
{
    aats_rules_t r = rules_of("BTC", inverse ? "USD" : "USDT", "SWAP");
    r.derivative = 1;
    r.inverse = (uint32_t)inverse;
    r.contract_i = inverse ? 100 : 1;
    r.contract_exp = inverse ? 0 : -2;
    r.lot_i = r.min_qty_i = UNIT;
    snprintf(r.settle, sizeof r.settle, "%s", inverse ? "BTC" : "USDT");
    return r;
}

static aats_hold_t trade_contracts(int inverse, aats_rcell_t *open)
{
    char why[256];
    aats_trader_opts_t const opts = {.instance = life, .mode = AATS_MODE_SIM};
    aats_rules_t const rules = contract(inverse);
    aats_gateway_t face;
    aats_hold_t hold = {0};
    aats_gate_free(gate);
    gate = NULL;
    if (fixture_risk(2, 4, 8) == AATS_OK) gate = gate_for("maker", 10);
    if (trader != NULL) close_trader();
    venue = (fake_t){0};
    face = fake_face(&venue, "SWAP");
    trader = aats_trader_new(&opts, NULL, 0, NULL, why, sizeof why);
    aats_trader_risk(trader, gate);
    CHECK(aats_trader_gateway(trader, &face) == 0 && aats_trader_add_symbol(trader, &rules, 0) == 0);
    aats_level_t const bid = {.px_i = PX, .qty_i = UNIT}, ask = {.px_i = PX + UNIT, .qty_i = UNIT};
    aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
    CHECK_EQ_I64(aats_trader_carried(trader, now), AATS_OK);
    send_as(1, AATS_SIDE_BUY, AATS_TIF_GTC, "20000", "50");
    *open = cell();
    aats_omsg_t m = {.kind = AATS_OM_FILL, .instance = life, .order_id = 1, .trade_id = 1, .px_i = PX, .qty_i = 50 * UNIT, .cum_qty_i = 50 * UNIT, .fee_i = UNIT,
                     .fee_exp = -8};
    snprintf(m.fee_asset, sizeof m.fee_asset, "%s", rules.settle);
    venue.said[venue.said_cnt++] = m;
    step();
    CHECK_EQ_I64(aats_trader_hold(trader, 3, 0, &hold), 1);
    return hold;
}

TEST(a_linear_contract_counts_for_what_it_is_worth)
{
    aats_rcell_t open;
    aats_hold_t h = trade_contracts(0, &open);
    CHECK_EQ_I64(open.exposure_i, 10000 * UNIT); /* 50 x 0.01 x 20000 */
    CHECK_EQ_I64(cell().pos_i, 50 * UNIT);
    CHECK_EQ_I64(aats_hold_size_at(&h, -8), 50 * UNIT);
    CHECK_EQ_I64(aats_hold_profit(&h, PX, -8, -8), -UNIT);                 /* the fee */
    CHECK_EQ_I64(aats_hold_profit(&h, PX + 100 * UNIT, -8, -8), 49 * UNIT); /* 50 x 0.01 x 100 */
    close_trader();
}

TEST(an_inverse_contract_is_exposed_by_its_face_value_and_no_fee_is_taken_off_its_size)
{
    aats_rcell_t open;
    aats_hold_t h = trade_contracts(1, &open);
    CHECK_EQ_I64(open.exposure_i, 5000 * UNIT); /* 50 x 100, whatever the price */
    CHECK_EQ_I64(aats_hold_size_at(&h, -8), 50 * UNIT);
    CHECK_EQ_I64(aats_hold_profit(&h, 2 * PX, -8, -8), 0);
    close_trader();
}

TEST(a_position_that_differs_from_the_accounts_is_told_when_the_session_is_ready_and_changes_nothing)
{
    aats_rcell_t open;
    trade_contracts(0, &open);
    aats_omsg_t m = {.kind = AATS_OM_POSITION, .qty_i = 50 * UNIT};
    strcpy(m.symbol, "BTCUSDT");
    told();
    venue.said[venue.said_cnt++] = m;
    venue.said[venue.said_cnt++] = (aats_omsg_t){.kind = AATS_OM_READY};
    step();
    CHECK_STR(next().msg, "");
    m.qty_i = -3 * UNIT;
    venue.said[venue.said_cnt++] = (aats_omsg_t){.kind = AATS_OM_DOWN};
    venue.said[venue.said_cnt++] = m;
    venue.said[venue.said_cnt++] = (aats_omsg_t){.kind = AATS_OM_READY};
    step();
    CHECK_EQ_I64(next().kind, AATS_OEV_DISCONNECT);
    CHECK_STR(next().msg, "BTCUSDT.SWAP: the account holds -3, this process 50");
    CHECK_EQ_I64(cell().pos_i, 50 * UNIT);
    close_trader();
}

TEST(the_notional_of_a_contract_is_that_of_what_it_is_worth)
{
    aats_rules_t r = contract(0);
    aats_given_t const px = given("20000"), one = given("1"), two = given("2");
    int64_t px_i, qty_i;
    int fitted;
    char msg[200];
    r.min_notional_i = 300 * UNIT;
    CHECK_EQ_I64(aats_rules_fit(&r, AATS_SIDE_BUY, AATS_TIF_GTC, &px, &one, 0, 0, &px_i, &qty_i, &fitted, msg, sizeof msg), AATS_OC_NOTIONAL);
    CHECK_EQ_I64(aats_rules_fit(&r, AATS_SIDE_BUY, AATS_TIF_GTC, &px, &two, 0, 0, &px_i, &qty_i, &fitted, msg, sizeof msg), AATS_OC_NONE);
}

RUN_ALL()
