/* test_trader.c -- every order has its events, once and in order; money follows fills; nothing goes out unwritten. */
#include "trader_fixture.h"

/* ---- refusals ---------------------------------------------------------------------------------------------------------------- */

TEST(what_is_no_order_is_refused_before_it_is_one)
{
    REQUIRE(open_trader(0, NULL));
    aats_order_req_t req = {.order_id = 1, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px = given("1"), .qty = given("1")};
    req.sym = 1;
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_E_ARG);
    req.sym = -1;
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_E_ARG);
    req.sym = 0;
    for (int side = 0; side < 256; side += side == 0 ? 3 : 1) {
        req.side = (uint8_t)side;
        CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_E_ARG);
    }
    req.side = AATS_SIDE_SELL;
    req.tif = 0;
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_E_ARG);
    req.tif = AATS_TIF_MARKET + 1;
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_E_ARG);
    CHECK_EQ_I64(send(0), AATS_E_ARG);
    CHECK_EQ_I64(send(-1), AATS_E_ARG);
    CHECK_STR(told(), "");
    CHECK_EQ_I64(venue.placed, 0);
    close_trader();
}

TEST(the_second_send_of_an_id_is_refused_and_the_first_is_not_touched)
{
    REQUIRE(open_trader(0, NULL));
    send(7);
    say(AATS_OM_ACK, 7);
    step();
    CHECK_STR(told(), "Ca");
    CHECK_EQ_I64(send_as(7, AATS_SIDE_SELL, AATS_TIF_IOC, "30000", "2"), AATS_OK);
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_CREATED);
    CHECK_EQ_I64(ev.order.side, AATS_SIDE_SELL);
    CHECK_EQ_I64(ev.order.qty_i, 2 * UNIT);
    ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_DUPLICATE_ID);
    CHECK(strstr(ev.msg, "7") != NULL);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    CHECK_STR(told(), "");

    CHECK_EQ_I64(venue.placed, 1);
    CHECK_EQ_I64(venue.gone, 0);
    aats_order_t o;
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 1);
    REQUIRE(aats_trader_find(trader, 7, &o) == 1);
    CHECK_EQ_I64(o.state, AATS_ORD_LIVE);
    CHECK_EQ_I64(o.side, AATS_SIDE_BUY);
    say_fill(7, 1, 20000 * UNIT, UNIT, "BTC", 0);
    step();
    CHECK_STR(told(), "x.");
    CHECK_EQ_I64(send(7), AATS_OK); /* also after its end: this process ever */
    CHECK_STR(told(), "CR.");
    CHECK_EQ_I64(venue.placed, 1);
    close_trader();
}

TEST(ids_are_remembered_in_any_order_and_with_any_gaps)
{
    REQUIRE(open_trader(0, NULL));
    venue.place_code = AATS_OC_NOT_CONNECTED; /* each ends at once */
    uint64_t seed = 1;
    int64_t ids[3000];
    for (int i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ids[i] = i % 3 == 0 ? 1 + i : i % 3 == 1 ? (int64_t)(seed >> 1 | 1) : 1000000 - 7 * i;
        CHECK_EQ_I64(send(ids[i]), AATS_OK);
        CHECK_STR(told(), "CR.");
    }
    CHECK_EQ_I64(venue.placed, 3000);
    for (int i = 0; i < 3000; i++) {
        send(ids[i]);
        next();
        CHECK_EQ_I64(next().code, AATS_OC_DUPLICATE_ID);
        next();
    }
    CHECK_EQ_I64(venue.placed, 3000);
    send(INT64_MAX);
    CHECK_EQ_I64(venue.placed, 3001);
    close_trader();
}

/* refused sends an order that must end here: its code, with the sentence in *ev. */
static int refused(int64_t id, char const *px, char const *qty, aats_oev_t *ev)
{
    int const placed = venue.placed;
    CHECK_EQ_I64(send_as(id, AATS_SIDE_BUY, AATS_TIF_GTC, px, qty), AATS_OK);
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    *ev = next();
    CHECK_EQ_I64(ev->kind, AATS_OEV_REJECTED);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    CHECK_STR(told(), "");
    CHECK_EQ_I64(venue.placed, placed);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    return (int)ev->code;
}

TEST(the_rules_are_asked_before_the_venue)
{
    REQUIRE(open_trader(0, NULL));
    aats_oev_t ev;
    CHECK_EQ_I64(refused(1, "20000.001", "1", &ev), AATS_OC_OFF_TICK);
    CHECK(ev.msg[0] != 0);
    CHECK_EQ_I64(refused(2, "20000", "0.000015", &ev), AATS_OC_OFF_LOT);
    CHECK_EQ_I64(refused(3, "20000", "0.0001", &ev), AATS_OC_NOTIONAL);
    CHECK_EQ_I64(refused(4, "nan", "1", &ev), AATS_OC_NUMBER);
    CHECK_EQ_U64(count(AATS_TDC_REJECTED), 4);
    CHECK_EQ_U64(count(AATS_TDC_ORDERS), 4);
    CHECK_EQ_U64(pos().closed, 4);
    CHECK_EQ_U64(pos().filled, 0);
    close_trader();
}

TEST(the_percent_price_filter_uses_the_mid_of_the_last_valid_quote)
{
    REQUIRE(open_trader(0, NULL));
    aats_rules_t rules = rules_of("BTC", "USDT", "BINANCE");
    rules.bid_up_i = UNIT + UNIT / 10;
    rules.bid_down_i = UNIT - UNIT / 10;
    CHECK_EQ_I64(aats_trader_set_rules(trader, 0, &rules), AATS_OK);
    aats_oev_t ev;
    send_as(1, AATS_SIDE_BUY, AATS_TIF_GTC, "50000", "1"); /* no price is known yet: left to the venue */
    CHECK_STR(told(), "C");
    say(AATS_OM_REJECT, 1);
    step();
    told();
    aats_trader_tick(trader, 0, AATS_SIDE_BUY, 50000 * UNIT, UNIT, now);
    CHECK_EQ_I64(refused(2, "60000", "1", &ev), AATS_OC_PRICE_BAND);
    aats_level_t const bid = {19990 * UNIT, UNIT}, ask = {20010 * UNIT, UNIT};
    aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
    aats_trader_quote(trader, 0, &ask, 1, NULL, 0, 0, now); /* not valid */
    CHECK_EQ_I64(refused(3, "50000", "1", &ev), AATS_OC_PRICE_BAND);
    send_as(4, AATS_SIDE_BUY, AATS_TIF_GTC, "21999", "1");
    CHECK_STR(told(), "C");
    close_trader();
}

TEST(margin_is_refused_and_a_symbol_that_does_not_trade)
{
    REQUIRE(open_trader(0, NULL));
    aats_order_req_t const req = {.order_id = 1, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .margin = 1, .px = given("20000"), .qty = given("1")};
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_OK);
    aats_oev_t ev = next();
    CHECK(ev.order.flags & AATS_OF_MARGIN);
    CHECK_EQ_I64(next().code, AATS_OC_MARGIN);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);

    aats_rules_t rules = rules_of("BTC", "USDT", "BINANCE");
    rules.halted = 1;
    CHECK_EQ_I64(aats_trader_set_rules(trader, 0, &rules), AATS_OK);
    CHECK_EQ_I64(refused(2, "20000", "1", &ev), AATS_OC_HALTED);
    CHECK(strstr(ev.msg, "BTCUSDT.BINANCE") != NULL);
    rules.halted = 0;
    CHECK_EQ_I64(aats_trader_set_rules(trader, 0, &rules), AATS_OK);
    send(3);
    CHECK_STR(told(), "C");
    close_trader();
}

TEST(a_full_table_refuses_until_a_closed_was_delivered)
{
    REQUIRE(open_trader(2, NULL));
    send(1);
    send(2);
    CHECK_STR(told(), "CC");
    send(3);
    next();
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_ORDERS_FULL);
    CHECK(strstr(ev.msg, "2 orders") != NULL);
    next();

    say(AATS_OM_REJECT, 1)->code = AATS_OC_BALANCE;
    step();
    CHECK_EQ_I64(next().kind, AATS_OEV_REJECTED);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    send(4); /* inside the callback of Closed its slot is not free yet */
    next();
    CHECK_EQ_I64(next().code, AATS_OC_ORDERS_FULL);
    next();
    aats_trader_delivered(trader);
    send(5);
    CHECK_STR(told(), "C");
    CHECK_EQ_I64(venue.gone, 1);
    CHECK_EQ_I64(venue.placed, 3);
    close_trader();
}

TEST(what_the_gateway_refuses_is_rejected_with_its_words)
{
    REQUIRE(open_trader(0, NULL));
    venue.place_code = AATS_OC_RATE_LIMIT;
    send(1);
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_RATE_LIMIT);
    CHECK_STR(ev.msg, "the venue is away");
    CHECK_EQ_I64(ev.order.sent_ns, 0);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    CHECK_STR(told(), "");
    CHECK_EQ_I64(venue.gone, 1);
    close_trader();
}

TEST(after_close_no_order_is_taken_but_cancels_pass)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    say(AATS_OM_ACK, 1);
    step();
    CHECK_STR(told(), "Ca");
    aats_trader_close(trader);
    aats_order_t o;
    CHECK_EQ_I64(send(2), AATS_OK);
    next();
    CHECK_EQ_I64(next().code, AATS_OC_CLOSING);
    next();
    CHECK_EQ_I64(aats_trader_find(trader, 2, &o), 0);
    CHECK_EQ_I64(venue.placed, 1);
    CHECK_EQ_I64(aats_trader_cancel(trader, 1, 3, now, now), AATS_OK);
    CHECK_STR(told(), "c");
    CHECK_EQ_I64(venue.canceled, 1);
    close_trader();
}

TEST(symbols_are_entered_once_and_rules_keep_their_exponents)
{
    REQUIRE(open_trader(0, NULL));
    aats_rules_t rules = rules_of("BTC", "USDT", "BINANCE");
    CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 0), AATS_E_BUSY);
    CHECK_EQ_I64(aats_trader_set_rules(trader, 1, &rules), AATS_E_ARG);
    rules.px_exp = -7;
    CHECK_EQ_I64(aats_trader_set_rules(trader, 0, &rules), AATS_E_ARG);
    rules = rules_of("ETH", "USDT", "BINANCE");
    CHECK_EQ_I64(aats_trader_set_rules(trader, 0, &rules), AATS_E_ARG);
    CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 0), 1);
    for (int i = 2; i < AATS_TD_POSITIONS; i++) {
        char base[16];
        snprintf(base, sizeof base, "X%d", i);
        rules = rules_of(base, "USDT", "BINANCE");
        CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 0), i);
    }
    rules = rules_of("LAST", "USDT", "BINANCE");
    CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 0), AATS_E_FULL);
    close_trader();
}

/* ---- an order's life ----------------------------------------------------------------------------------------------------------- */

TEST(nothing_is_told_inside_send_and_each_event_once)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    CHECK(aats_trader_has_event(trader));
    aats_oev_t const created = next();
    CHECK_EQ_I64(created.kind, AATS_OEV_CREATED);
    CHECK_EQ_I64(created.order.order_id, 1);
    CHECK_EQ_U64(created.order.instance, INSTANCE);
    CHECK_EQ_I64(created.order.strategy, 3);
    CHECK_EQ_I64(created.order.px_i, 20000 * UNIT);
    CHECK_STR(created.order.symbol, "BTCUSDT.BINANCE");
    CHECK(!aats_trader_has_event(trader));

    snprintf(say(AATS_OM_ACK, 1)->remote_id, 40, "4711");
    say_fill(1, 10, 20000 * UNIT, UNIT / 2, "BTC", 1000);
    say_fill(1, 10, 20000 * UNIT, UNIT / 2, "BTC", 1000);
    say_fill(1, 11, 19999 * UNIT, UNIT / 2, "BTC", 2000);
    say_fill(1, 11, 19999 * UNIT, UNIT / 2, "BTC", 2000);
    CHECK_EQ_I64(step(), 5);
    CHECK_STR(next().order.remote_id, "4711");
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_EXEC);
    CHECK_EQ_I64(ev.order.cum_qty_i, UNIT / 2);
    CHECK_EQ_I64(next().kind, AATS_OEV_EXEC);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    aats_order_t o;
    CHECK_EQ_I64(aats_trader_find(trader, 1, &o), 1); /* until Closed was delivered */
    ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_CLOSED);
    CHECK_EQ_I64(ev.code, AATS_OC_FILLED);
    CHECK_EQ_I64(aats_trader_find(trader, 1, &o), 1);
    CHECK_EQ_I64(venue.gone, 0);
    CHECK_STR(told(), "");
    CHECK_EQ_I64(aats_trader_find(trader, 1, &o), 0);
    CHECK_EQ_I64(venue.gone, 1);

    say_fill(1, 12, 20000 * UNIT, UNIT, "BTC", 1000); /* the venue's other channel, late */
    step();
    CHECK_STR(told(), "");
    CHECK_EQ_U64(count(AATS_TDC_FILLS), 2);
    CHECK_EQ_U64(count(AATS_TDC_FILLED), 1);
    CHECK_EQ_U64(count(AATS_TDC_CLOSED), 1);
    close_trader();
}

TEST(a_fill_changes_position_cash_and_fees_once_and_exactly)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    say_fill(1, 10, 20000 * UNIT + 1000000, UNIT / 4, "BTC", 25000);
    say_fill(1, 10, 20000 * UNIT + 1000000, UNIT / 4, "BTC", 25000);
    step();
    send_as(2, AATS_SIDE_SELL, AATS_TIF_GTC, "19000", "0.5");
    say_fill(2, 11, 19000 * UNIT, UNIT / 2, "USDT", 950 * UNIT / 100);
    say_fill(2, 12, 19000 * UNIT, UNIT / 2, "USDT", 950 * UNIT / 100); /* more than was sent */
    step();
    CHECK_STR(told(), "CaxCax.");

    aats_pos_t const p = pos();
    CHECK(aats_wide(p.bought) == UNIT / 4);
    CHECK(aats_wide(p.sold) == UNIT / 2);
    CHECK(aats_wide(p.bought_notional) == (__int128)(20000 * UNIT + 1000000) * (UNIT / 4));
    CHECK(aats_wide(p.sold_notional) == (__int128)(19000 * UNIT) * (UNIT / 2));
    CHECK(aats_wide(p.fee_base) == 25000);
    CHECK(aats_wide(p.fee_quote) == 950 * UNIT / 100);
    CHECK_EQ_U64(p.orders, 2);
    CHECK_EQ_U64(p.acked, 2);
    CHECK_EQ_U64(p.fills, 2);
    CHECK_EQ_U64(p.filled, 1);
    CHECK_EQ_U64(p.closed, 1);
    close_trader();
}

TEST(fees_are_added_up_by_asset_also_at_a_finer_exponent)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    say_fill(1, 1, 20000 * UNIT, UNIT / 4, "BTC", 5);
    say_fill(1, 2, 20000 * UNIT, UNIT / 4, "BTC", 7);
    venue.said[1].fee_exp = -10;
    say_fill(1, 3, 20000 * UNIT, UNIT / 8, "BTC", -2); /* a rebate */
    venue.said[2].fee_exp = -8;
    say_fill(1, 4, 20000 * UNIT, UNIT / 8, "BNB", 11);
    say_fill(1, 5, 20000 * UNIT, UNIT / 8, "USDT", 3);
    step();
    aats_pos_t const p = pos();
    CHECK_EQ_I64(p.fee_exp, -10);
    CHECK(aats_wide(p.fee_base) == 500 + 7 - 200);
    CHECK(aats_wide(p.fee_quote) == 300);
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 0);
    close_trader();
}

TEST(balances_before_the_first_ready_are_what_it_began_with)
{
    REQUIRE(open_trader(0, NULL));
    CHECK_EQ_I64(pos().known, 0);
    aats_omsg_t *m = say(AATS_OM_BALANCE, 0);
    snprintf(m->fee_asset, sizeof m->fee_asset, "USDT");
    m->amount = aats_wide_of((__int128)1000000 * UNIT);
    m = say(AATS_OM_BALANCE, 0);
    snprintf(m->fee_asset, sizeof m->fee_asset, "DOGE");
    m->amount = aats_wide_of(99);
    step();
    CHECK_EQ_I64(pos().known, 0);
    say(AATS_OM_READY, 0);
    step();
    CHECK_EQ_I64(pos().known, 1);
    CHECK(aats_wide(pos().start_quote) == (__int128)1000000 * UNIT);
    CHECK(aats_wide(pos().start_base) == 0);
    m = say(AATS_OM_BALANCE, 0);
    snprintf(m->fee_asset, sizeof m->fee_asset, "USDT");
    m->amount = aats_wide_of(1);
    step();
    CHECK(aats_wide(pos().start_quote) == (__int128)1000000 * UNIT);
    close_trader();
}

TEST(a_float_that_was_moved_is_told_with_created)
{
    REQUIRE(open_trader(0, NULL));
    aats_order_req_t const req = {.order_id = 1, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px = {.kind = AATS_GIVEN_FLOAT, .f = 20000.0199},
                                  .qty = {.kind = AATS_GIVEN_FLOAT, .f = 1.0}};
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_OK);
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.order.px_i, 20000 * UNIT + 1000000);
    CHECK(ev.order.flags & AATS_OF_FITTED);
    CHECK(strstr(ev.msg, "20000.01") != NULL);
    say(AATS_OM_ACK, 1);
    say(AATS_OM_DONE, 1)->code = AATS_OC_EXPIRED;
    step();
    next();
    CHECK_STR(next().msg, ""); /* Canceled: its reason, not the float */
    send(2);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    CHECK(!(next().order.flags & AATS_OF_FITTED));
    close_trader();
}

TEST(what_is_unknown_is_asked_for)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    say(AATS_OM_UNKNOWN, 1)->code = AATS_OC_TIMEOUT;
    step();
    CHECK_STR(told(), "Cu");
    CHECK_EQ_I64(venue.asked, 1);
    say(AATS_OM_ABSENT, 1);
    step();
    CHECK_STR(told(), "R.");
    CHECK_EQ_I64(venue.asked, 1);

    send(2);
    say(AATS_OM_ACK, 2);
    aats_omsg_t *m = say(AATS_OM_DONE, 2);
    m->code = AATS_OC_EXPIRED;
    m->cum_qty_i = UNIT / 2;
    step();
    CHECK_STR(told(), "Ca");
    CHECK_EQ_I64(venue.asked, 2); /* for the fills that it counts */
    say_fill(2, 5, 20000 * UNIT, UNIT / 2, "BTC", 0);
    step();
    CHECK_STR(told(), "xd.");
    CHECK_EQ_U64(count(AATS_TDC_UNKNOWN), 1);
    CHECK_EQ_U64(count(AATS_TDC_CANCELED), 1);
    CHECK_EQ_U64(count(AATS_TDC_FILLED), 0);
    close_trader();
}

TEST(messages_of_others_and_nonsense_are_counted_and_change_nothing)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    told();
    say_fill(1, 1, 1, 1, "BTC", 0);
    venue.said[0].instance = INSTANCE + 1;
    say(AATS_OM_FOREIGN, 0);
    step();
    CHECK_EQ_U64(count(AATS_TDC_FOREIGN), 2);
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 0);

    say(AATS_OM_STRANGE, 0);
    say(99, 1);
    say(AATS_OM_ACK, 2);                             /* never sent */
    say_fill(1, 1, 20000 * UNIT, 2 * UNIT, "BTC", 0); /* more than there is */
    step();
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 4);
    CHECK_STR(told(), "");
    say(AATS_OM_ACK, 1);
    say(AATS_OM_ACK, 1);
    step();
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 4); /* a word said twice is none */
    say(AATS_OM_REJECT, 1);
    step();
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 5);
    CHECK_STR(told(), "a");
    CHECK(aats_wide(pos().bought) == 0);
    close_trader();
}

RUN_ALL()
