/* test_trader_wait.c -- orders that wait for their session: none overtakes another, none goes out twice or too late, and a cancel of one stays at home. */
#include "trader_journal.h"

#define SECOND INT64_C(1000000000)

static int open_patient(void)
{
    patience_ns = 5 * SECOND;
    int const ok = begin();
    patience_ns = 0;
    venue.state = AATS_GW_STARTING;
    return ok;
}

TEST(without_patience_an_order_is_refused_at_once)
{
    REQUIRE(begin());
    venue.state = AATS_GW_STARTING;
    venue.place_code = AATS_OC_NOT_CONNECTED;
    send(1);
    CHECK_STR(told(), "CR.");
    CHECK_EQ_U64(count(AATS_TDC_HELD), 0);
    finish();
}

TEST(orders_wait_and_go_out_in_their_order)
{
    REQUIRE(open_patient());
    for (int64_t id = 1; id <= 3; id++) send(id);
    CHECK_STR(told(), "CCC"); /* they are told at once */
    CHECK_EQ_I64(venue.placed, 0);
    CHECK_STR(written(), "S e1 e2 e3"); /* no intent: no byte can have left */
    CHECK_EQ_U64(count(AATS_TDC_HELD), 3);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 3);
    CHECK_EQ_I64(aats_trader_next_mono_ns(trader), 1000 + venue.placed); /* the gateway's own comes first */
    step();
    CHECK_EQ_I64(venue.placed, 0);

    venue.state = AATS_GW_READY;
    send(4); /* behind those that wait */
    CHECK_EQ_I64(venue.placed, 0);
    step();
    CHECK_EQ_I64(venue.placed, 4);
    CHECK_EQ_I64(venue.last->o.order_id, 4);
    CHECK(venue.last->o.sent_ns > 0);
    CHECK_STR(told(), "C");
    CHECK_STR(written(), "S e1 e2 e3 I1 I2 I3 I4 e4");
    step();
    CHECK_EQ_I64(venue.placed, 4);
    send(5);
    CHECK_EQ_I64(venue.placed, 5); /* nothing waits any more */
    for (int64_t id = 1; id <= 5; id++) say_fill(id, (uint64_t)id, 20000 * UNIT, UNIT, "USDT", 0);
    step();
    CHECK_STR(told(), "Cax.ax.ax.ax.ax.");
    finish();
}

TEST(who_has_waited_too_long_is_refused)
{
    REQUIRE(open_patient());
    send(1);
    now += 3 * SECOND;
    send(2);
    told();
    now += 2 * SECOND - 2000;
    step();
    CHECK_STR(told(), "");
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 2);
    now += 1000;
    step();
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_NOT_CONNECTED);
    CHECK_EQ_I64(ev.order.order_id, 1);
    CHECK(strstr(ev.msg, "5000 ms") != NULL);
    CHECK_STR(told(), ".");
    venue.state = AATS_GW_READY;
    step();
    CHECK_EQ_I64(venue.placed, 1);
    CHECK_EQ_I64(venue.last->o.order_id, 2);
    CHECK_STR(written(), "S e1 e2 e1 x1 T1 I2");
    finish();
}

TEST(a_cancel_of_what_has_not_gone_out_is_done_here)
{
    REQUIRE(open_patient());
    send(1);
    send(2);
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_STR(told(), "CCckR.");
    CHECK_EQ_I64(venue.canceled, 0);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 1);
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_STR(told(), "j"); /* it is closed */
    venue.state = AATS_GW_READY;
    step();
    CHECK_EQ_I64(venue.placed, 1);
    CHECK_EQ_I64(venue.last->o.order_id, 2);
    CHECK_EQ_I64(venue.canceled, 0);
    CHECK_STR(written(), "S e1 e2 e1 e1 e1 x1 T1 e1 I2"); /* no INTENT, no CANCEL of the first */
    finish();
}

TEST(a_venue_that_wants_us_to_wait_is_waited_for_and_nobody_overtakes)
{
    REQUIRE(open_patient());
    venue.state = AATS_GW_READY;
    venue.place_code = AATS_OC_RATE_LIMIT;
    send(1);
    CHECK_EQ_I64(venue.placed, 1); /* it was asked */
    send(2);
    CHECK_EQ_I64(venue.placed, 1);
    CHECK_STR(told(), "CC");
    step();
    CHECK_EQ_I64(venue.placed, 2); /* only the first tries again */
    CHECK_EQ_I64(venue.last->o.order_id, 1);
    venue.place_code = AATS_OK;
    step();
    CHECK_EQ_I64(venue.placed, 4);
    CHECK_STR(written(), "S I1 e1 e2 I2"); /* an intent once */
    venue.place_code = AATS_OC_BALANCE;
    send(3);
    CHECK_STR(told(), "CR."); /* waiting would not help */
    finish();
}

TEST(a_strategy_that_closes_sends_nothing_that_waited)
{
    REQUIRE(open_patient());
    send(1);
    aats_trader_close(trader);
    venue.state = AATS_GW_READY;
    step();
    CHECK_EQ_I64(venue.placed, 0);
    next();
    CHECK_EQ_I64(next().code, AATS_OC_CLOSING);
    CHECK_STR(told(), ".");
    finish();
}

TEST(cancel_all_reaches_those_that_wait)
{
    REQUIRE(open_patient());
    send(1);
    send(2);
    CHECK_EQ_I64(aats_trader_cancel_all(trader, now, now), 2);
    CHECK_STR(told(), "CCckR.ckR.");
    CHECK_EQ_I64(venue.canceled, 0);
    finish();
}

RUN_ALL()
