/* test_trader_risk.c -- the trader and the risk gate: what is refused never reaches journal or venue; what is counted comes back, once, when it is over. */
#include "risk_fixture.h"
#include "trader_journal.h"

#define PX (20000 * UNIT)

static aats_gate_t *gate;

/* begin_risky opens a trader with a journal and a gate in the first of two seats, and shows it a book. */
static int begin_risky(void)
{
    aats_gate_free(gate);
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

static int send_book(int64_t id, int why)
{
    aats_order_req_t const req = {.order_id = id, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .strategy = 3, .px = given("20000"), .qty = given("1"),
                                  .book_why = (uint8_t)why};
    return aats_trader_send(trader, &req, now, now);
}

/* ---- refusals ---- */

TEST(an_order_beyond_a_limit_is_created_rejected_closed_and_nothing_else)
{
    REQUIRE(begin_risky());
    limit((aats_rlimits_t){.position = UNIT});
    send_as(1, AATS_SIDE_BUY, AATS_TIF_GTC, "20000", "1.5");
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_RISK_POSITION);
    CHECK(strstr(ev.msg, "position") != NULL);
    CHECK_STR(told(), ".");
    CHECK_EQ_I64(venue.placed, 0);
    CHECK_EQ_U64(count(AATS_TDC_DENIED), 1);
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_STR(written(), "S d + e1 e1 x1");
    send(2);
    CHECK_STR(told(), "C");
    CHECK_EQ_I64(venue.placed, 1);
    finish();
}

TEST(rules_come_before_limits)
{
    REQUIRE(begin_risky());
    limit((aats_rlimits_t){.position = 1});
    send_as(1, AATS_SIDE_BUY, AATS_TIF_GTC, "20000.001", "1");
    next();
    CHECK_EQ_I64(next().code, AATS_OC_OFF_TICK);
    told();
    CHECK_EQ_U64(count(AATS_TDC_DENIED), 0);
    finish();
}

TEST(no_order_goes_out_on_a_book_that_is_not_good)
{
    REQUIRE(begin_risky());
    send_book(1, AATS_WHY_FEED_STALE); /* as whoever sends it knows */
    next();
    CHECK_EQ_I64(next().code, AATS_OC_RISK_BOOK);
    told();
    aats_trader_quote(trader, 0, NULL, 0, NULL, 0, 0, now); /* as the trader was told */
    send_book(2, AATS_WHY_NONE);
    next();
    CHECK_EQ_I64(next().code, AATS_OC_RISK_BOOK);
    told();
    CHECK_EQ_I64(venue.placed, 0);
    finish();
}

TEST(cancels_beyond_their_limit_are_refused_but_not_those_of_leaving)
{
    REQUIRE(begin_risky());
    limit((aats_rlimits_t){.cancels_1s = 1});
    for (int64_t id = 1; id <= 4; id++) send(id);
    told();
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_STR(told(), "c");
    aats_trader_cancel(trader, 2, 3, now, now);
    CHECK_EQ_I64(next().kind, AATS_OEV_CANCEL_CREATED);
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_CANCEL_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_RISK_RATE);
    CHECK_EQ_I64(venue.canceled, 1);
    CHECK_EQ_I64(aats_trader_cancel_all(trader, now, now), 3);
    CHECK_EQ_I64(venue.canceled, 4);
    CHECK_STR(told(), "ccc");
    finish();
}

/* ---- counted and given back ---- */

TEST(a_reservation_lasts_from_before_the_journal_to_closed)
{
    REQUIRE(begin_risky());
    send(1);
    CHECK_EQ_I64(cell().buy_i, UNIT);
    CHECK_EQ_I64(cell().open_cnt, 1);
    say(AATS_OM_ACK, 1);
    step();
    CHECK_EQ_I64(cell().buy_i, UNIT); /* an ack frees nothing */
    say_fill(1, 1, PX, UNIT / 4, "BTC", UNIT / 1000);
    step();
    CHECK_EQ_I64(cell().buy_i, UNIT - UNIT / 4);
    CHECK_EQ_I64(cell().pos_i, UNIT / 4 - UNIT / 1000); /* the fee was paid in it */
    say(AATS_OM_UNKNOWN, 1)->code = AATS_OC_TIMEOUT;
    step();
    CHECK_EQ_I64(cell().buy_i, UNIT - UNIT / 4); /* nor does a doubt */
    aats_omsg_t *done = say(AATS_OM_DONE, 1);
    done->code = AATS_OC_CANCELED_OTHER;
    done->cum_qty_i = UNIT / 4;
    step();
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_EQ_I64(cell().open_cnt, 0);
    CHECK_EQ_I64(cell().pos_i, UNIT / 4 - UNIT / 1000);
    told();
    CHECK_EQ_I64(cell().pos_i, UNIT / 4 - UNIT / 1000);
    finish();
}

TEST(what_never_went_out_is_given_back_at_once)
{
    REQUIRE(begin_risky());
    venue.place_code = AATS_OC_NOT_CONNECTED;
    send(1);
    CHECK_STR(told(), "CR.");
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_EQ_I64(cell().open_cnt, 0);
    venue.place_code = AATS_OK;
    fill_disk();
    send(2);
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    CHECK_EQ_I64(next().code, AATS_OC_JOURNAL);
    empty_disk();
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_EQ_I64(cell().open_cnt, 0);
    finish();
}

TEST(orders_that_wait_are_counted)
{
    patience_ns = 1000000;
    REQUIRE(begin_risky());
    patience_ns = 0;
    venue.state = AATS_GW_STARTING;
    send(1);
    CHECK_EQ_I64(cell().buy_i, UNIT);
    now += 2000000;
    step();
    CHECK_STR(told(), "CR.");
    CHECK_EQ_I64(cell().buy_i, 0);
    finish();
}

TEST(an_order_that_has_waited_is_looked_at_again_before_it_goes_out)
{
    patience_ns = 1000000000;
    REQUIRE(begin_risky());
    patience_ns = 0;
    venue.state = AATS_GW_STARTING;
    send(1);
    CHECK_STR(told(), "C");
    REQUIRE(aats_risk_row_switch(&risk, 0, AATS_SWITCH_HALT, "meanwhile") == AATS_OK);
    venue.state = AATS_GW_READY;
    step();
    CHECK_EQ_I64(venue.placed, 0);
    aats_oev_t ev = next();
    while (ev.kind == AATS_OEV_RISK) ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_RISK_HALTED);
    CHECK_EQ_I64(cell().buy_i, 0);
    finish();
}

/* ---- from one life to the next ---- */

TEST(an_adopted_order_counts_in_full_until_it_is_closed)
{
    life = OLD;
    REQUIRE(begin_risky());
    send(1);
    say_fill(1, 5, PX, UNIT / 4, "USDT", 0);
    step();
    told();
    legacy_t *legacy = legacy_of(STORY);
    CHECK_EQ_I64(cell().buy_i, UNIT - UNIT / 4);
    aats_gate_free(gate); /* killed: its cell stays as it is */
    gate = NULL;
    aats_trader_risk(trader, NULL);
    finish();

    life = INSTANCE;
    char why[200];
    aats_seat_t const seat = seat_of("maker");
    aats_seat_t was;
    REQUIRE(aats_seat_read(&risk, 0, &was) == AATS_OK);
    REQUIRE(aats_seat_take(&risk, fixture_ident(20), &seat, was.owner, 0) == 0);
    gate = aats_gate_new(risk.seg, risk.seg->size, 0, fixture_ident(20), why, sizeof why);
    REQUIRE(gate != NULL && begin());
    aats_trader_risk(trader, gate);
    left_t const *left = &legacy->orders[0];
    CHECK_EQ_I64(aats_trader_carry_fill(trader, 0, &legacy->fills[0]), AATS_OK);
    CHECK(cell().buy_i >= UNIT - UNIT / 4); /* never less than it may be */
    CHECK_EQ_I64(aats_trader_adopt(trader, 101, &left->intent, left->evs, left->cnt, now), AATS_OK);
    CHECK(cell().buy_i >= UNIT - UNIT / 4);
    CHECK_EQ_I64(aats_trader_carried(trader, now), AATS_OK);
    CHECK_EQ_I64(cell().buy_i, UNIT - UNIT / 4);
    CHECK_EQ_I64(cell().open_cnt, 1);
    CHECK_EQ_I64(cell().pos_i, UNIT / 4);
    say_fill(1, 6, PX, UNIT / 4, "USDT", 0);
    venue.said[0].instance = OLD;
    step();
    CHECK_EQ_I64(cell().buy_i, UNIT / 2);
    CHECK_EQ_I64(cell().pos_i, UNIT / 2);
    aats_omsg_t *done = say(AATS_OM_DONE, 1);
    done->instance = OLD;
    done->code = AATS_OC_CANCELED;
    done->cum_qty_i = UNIT / 2;
    step();
    CHECK_EQ_I64(cell().buy_i, 0);
    CHECK_EQ_I64(cell().open_cnt, 0);
    CHECK_EQ_I64(cell().pos_i, UNIT / 2);
    finish();
}

TEST(who_has_lost_the_seat_sends_cancels_and_journals_nothing_more)
{
    REQUIRE(begin_risky());
    send(1);
    say(AATS_OM_ACK, 1);
    step();
    CHECK_STR(told(), "Ca");
    CHECK_EQ_I64(aats_trader_fenced(trader), 0);
    aats_seat_t was;
    REQUIRE(aats_seat_read(&risk, 0, &was) == AATS_OK);
    REQUIRE(aats_seat_claim(&risk, 0, was.owner, fixture_ident(99)) == AATS_OK);
    char before[200];
    snprintf(before, sizeof before, "%s", written());

    send(2); /* before any pass has looked */
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    CHECK_EQ_I64(next().code, AATS_OC_FENCED);
    CHECK_STR(told(), ".");
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_EQ_I64(next().kind, AATS_OEV_CANCEL_CREATED);
    CHECK_EQ_I64(next().code, AATS_OC_FENCED);
    step();
    CHECK_EQ_I64(aats_trader_fenced(trader), 1);
    say_fill(1, 1, PX, UNIT, "USDT", 0);
    step();
    CHECK_STR(told(), "x.");
    CHECK_EQ_I64(venue.placed, 1);
    CHECK_EQ_I64(venue.canceled, 0);
    CHECK_STR(written(), before); /* the file is the other one's to judge */
    finish();
}

TEST(news_of_the_limits_are_told)
{
    REQUIRE(begin_risky());
    step();
    told();
    REQUIRE(aats_risk_row_switch(&risk, 0, AATS_SWITCH_HALT, "the operator said so") == AATS_OK);
    now += 2000000;
    step();
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_RISK);
    CHECK_STR(ev.order.symbol, "halted");
    CHECK(strstr(ev.msg, "operator") != NULL);
    CHECK_STR(told(), "");
    send(1);
    next();
    CHECK_EQ_I64(next().code, AATS_OC_RISK_HALTED);
    finish();
}

RUN_ALL()
