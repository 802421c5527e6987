/* test_money.c -- what a trader makes of fills and of the venue's word on balances: holdings, fees, balances, sums for the risk gate. */
#include "trader_fixture.h"

#include "app/trader_state.h"


#define DAY INT64_C(86400000000000)

static aats_hold_t hold_of(uint32_t strategy)
{
    aats_hold_t h = {0};
    CHECK_EQ_I64(aats_trader_hold(trader, strategy, 0, &h), 1);
    return h;
}

static char const *text(aats_i128_t v, int exp)
{
    static char out[8][AATS_WIDE_SZ];
    static int turn;
    char *at = out[turn++ % 8];
    return aats_wide_format(v, exp, at, AATS_WIDE_SZ) < 0 ? "refused" : at;
}

static char const *size_of(uint32_t strategy)
{
    aats_hold_t const h = hold_of(strategy);
    return text(h.size, h.base_exp);
}

static char const *cash_of(uint32_t strategy)
{
    aats_hold_t const h = hold_of(strategy);
    return text(h.cash, h.cash_exp);
}

/* trade sends an order of a strategy, and has it acked and filled. */
static void trade(uint32_t strategy, int64_t id, int side, int64_t px, int64_t qty_i, char const *asset, int64_t fee_i)
{
    char price[32], size[32];
    snprintf(price, sizeof price, "%lld", (long long)px);
    snprintf(size, sizeof size, "%lld.%08lld", (long long)(qty_i / UNIT), (long long)(qty_i % UNIT));
    aats_order_req_t const req = {.order_id = id, .side = (uint8_t)side, .tif = AATS_TIF_GTC, .strategy = (uint8_t)strategy, .px = given(price),
                                  .qty = given(size)};
    CHECK_EQ_I64(aats_trader_send(trader, &req, now, now), AATS_OK);
    say(AATS_OM_ACK, id);
    say_fill(id, (uint64_t)id, px * UNIT, qty_i, asset, fee_i);
    step();
    told();
}

static void balance(char const *asset, int64_t total, int64_t locked, int64_t venue_ns)
{
    aats_omsg_t *m = say(AATS_OM_BALANCE, 0);
    snprintf(m->fee_asset, sizeof m->fee_asset, "%s", asset);
    m->amount = aats_wide_of(total);
    m->locked = aats_wide_of(locked);
    m->venue_ns = venue_ns;
}

/* told_of returns "free locked" of an asset of the first gateway, "none" where nothing was told. */
static char const *told_of(char const *asset)
{
    static char out[2 * AATS_WIDE_SZ];
    aats_bal_t b;
    if (aats_trader_balance_of(trader, 0, asset, &b) != 1) return "none";
    snprintf(out, sizeof out, "%s %s", text(b.free, b.exp), text(b.locked, b.exp));
    return out;
}

/* ---- holdings ---- */

TEST(what_was_never_traded_is_no_holding)
{
    aats_hold_t h;
    REQUIRE(open_trader(8, NULL));
    CHECK_EQ_I64(aats_trader_hold(trader, 3, 0, &h), 0);
    CHECK_EQ_I64(aats_trader_hold(trader, 3, 1, &h), 0);
    CHECK_EQ_I64(aats_trader_hold(trader, 3, -1, &h), 0);
    CHECK_EQ_I64(aats_trader_hold_at(trader, 0, &h), 0);
    CHECK_EQ_I64(aats_trader_profit(trader, 0), 0);
    CHECK_EQ_I64(aats_trader_size(trader, 0), 0);
    close_trader();
}

TEST(each_strategy_holds_its_own_and_the_position_has_all)
{
    REQUIRE(open_trader(8, NULL));
    trade(0, 1, AATS_SIDE_BUY, 20000, UNIT, "BTC", UNIT / 1000);
    trade(1, 2, AATS_SIDE_SELL, 21000, 2 * UNIT, "USDT", 42 * UNIT);
    CHECK_STR(size_of(0), "0.999");
    CHECK_STR(cash_of(0), "-20000");
    CHECK_STR(size_of(1), "-2");
    CHECK_STR(cash_of(1), "41958");
    CHECK_EQ_I64(aats_trader_size(trader, 0), -UNIT - UNIT / 1000);
    CHECK_STR(text(pos().bought, -8), "1");
    CHECK_STR(text(pos().sold, -8), "2");
    close_trader();
}

TEST(a_fill_that_is_told_twice_is_entered_once)
{
    REQUIRE(open_trader(8, NULL));
    CHECK_EQ_I64(send(1), AATS_OK);
    say(AATS_OM_ACK, 1);
    say_fill(1, 7, 20000 * UNIT, UNIT / 2, "USDT", UNIT);
    say_fill(1, 7, 20000 * UNIT, UNIT / 2, "USDT", UNIT);
    step();
    told();
    CHECK_STR(size_of(3), "0.5");
    CHECK_STR(cash_of(3), "-10001");
    CHECK_EQ_U64(hold_of(3).fills, 1);
    close_trader();
}

TEST(readers_of_the_segment_see_holdings_and_balances)
{
    static uint8_t segment[1 << 20] __attribute__((aligned(64)));
    char why[200];
    memset(segment, 0, sizeof segment);
    REQUIRE(aats_td_init(segment, sizeof segment, 4, 8, 64) == AATS_OK);
    aats_trader_opts_t const opts = {.instance = INSTANCE};
    aats_rules_t const rules = rules_of("BTC", "USDT", "BINANCE");
    memset(&venue, 0, sizeof venue);
    aats_gateway_t const face = fake_face(&venue, "BINANCE");
    trader = aats_trader_new(&opts, segment, sizeof segment, NULL, why, sizeof why);
    REQUIRE(trader != NULL && aats_trader_gateway(trader, &face) == 0 && aats_trader_add_symbol(trader, &rules, 0) == 0);
    trade(4, 1, AATS_SIDE_BUY, 20000, UNIT, "BTC", UNIT / 1000);
    balance("BTC", 5 * UNIT, UNIT, 77);
    step();
    aats_hold_t h;
    aats_bal_t b;
    REQUIRE(aats_td_get_hold(segment, 0, &h) == 1 && aats_td_get_bal(segment, 0, &b) == 1);
    CHECK_STR(h.symbol, "BTCUSDT.BINANCE");
    CHECK_EQ_I64(h.strategy, 4);
    CHECK_STR(text(h.size, h.base_exp), "0.999");
    CHECK_STR(b.asset, "BTC");
    CHECK_STR(b.exchange, "BINANCE");
    CHECK_EQ_I64(b.venue_ns, 77);
    CHECK_STR(text(b.free, b.exp), "4");
    close_trader();
}

TEST(the_profit_of_the_day_is_that_at_the_last_middle)
{
    aats_level_t bid = {.px_i = 20010 * UNIT, .qty_i = UNIT}, ask = {.px_i = 20030 * UNIT, .qty_i = UNIT};
    REQUIRE(open_trader(8, NULL));
    trade(0, 1, AATS_SIDE_BUY, 20000, UNIT, "USDT", UNIT);
    trade(1, 2, AATS_SIDE_BUY, 20000, UNIT, "USDT", 0);
    CHECK_EQ_I64(aats_trader_profit(trader, 0), -UNIT); /* no price yet but the fills' own */
    aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
    CHECK_EQ_I64(aats_trader_profit(trader, 0), 39 * UNIT);
    now += DAY;
    step();
    CHECK_EQ_I64(aats_trader_profit(trader, 0), 0); /* a new day began, at that price */
    bid.px_i -= 30 * UNIT;
    ask.px_i -= 30 * UNIT;
    aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
    CHECK_EQ_I64(aats_trader_profit(trader, 0), -60 * UNIT);
    close_trader();
}

/* ---- carried over ---- */

TEST(carrying_and_going_on_is_as_one_run)
{
    aats_hold_t one, carried;
    REQUIRE(open_trader(8, NULL));
    trade(3, 1, AATS_SIDE_BUY, 20000, UNIT, "BTC", UNIT / 1000);
    trade(3, 2, AATS_SIDE_SELL, 21000, UNIT / 3, "USDT", 7 * UNIT);
    aats_hold_t const half = hold_of(3);
    trade(3, 3, AATS_SIDE_SELL, 22000, UNIT, "USDT", 9 * UNIT);
    one = hold_of(3);
    close_trader();

    REQUIRE(open_trader(8, NULL));
    CHECK_EQ_I64(aats_trader_carry(trader, &half), AATS_OK);
    CHECK_EQ_I64(aats_trader_carry(trader, &half), AATS_E_BUSY); /* once */
    CHECK_EQ_I64(aats_trader_size(trader, 0), aats_wide(half.size));
    CHECK_EQ_I64(aats_wide(pos().bought), 0); /* positions are of this run alone */
    trade(3, 3, AATS_SIDE_SELL, 22000, UNIT, "USDT", 9 * UNIT);
    carried = hold_of(3);
    CHECK_EQ_I64(carried.runs, 1);
    carried.runs = 0;
    CHECK_MEM(&carried.symbol, &one.symbol, sizeof one - sizeof one.stamp);
    close_trader();
}

TEST(a_fill_journaled_after_the_checkpoint_is_entered_as_if_it_came_now)
{
    aats_oev_t ev = {.ns = now, .kind = AATS_OEV_EXEC, .fill_px_i = 20000 * UNIT, .fill_qty_i = UNIT, .fee_i = UNIT / 1000, .fee_exp = -8};
    memcpy(ev.fee_asset, "BTC", 4);
    memcpy(ev.order.symbol, "BTCUSDT.BINANCE", 16);
    ev.order.side = AATS_SIDE_BUY;
    ev.order.strategy = 2;
    ev.order.px_exp = ev.order.qty_exp = -8;
    REQUIRE(open_trader(8, NULL));
    CHECK_EQ_I64(aats_trader_carry_fill(trader, -1, &ev), AATS_E_UNKNOWN); /* of what it is, nobody knows */
    CHECK_EQ_I64(aats_trader_carry_fill(trader, 7, &ev), AATS_E_ARG);
    CHECK_EQ_I64(aats_trader_carry_fill(trader, 0, &ev), AATS_OK);
    CHECK_STR(size_of(2), "0.999");
    CHECK_EQ_I64(aats_trader_carry_fill(trader, -1, &ev), AATS_OK); /* now it is known */
    CHECK_STR(size_of(2), "1.998");
    close_trader();
}

TEST(a_holding_of_a_symbol_that_is_traded_no_more_is_kept)
{
    aats_hold_t h = {0};
    REQUIRE(open_trader(8, NULL));
    CHECK_EQ_I64(aats_trader_carry(trader, &h), AATS_E_ARG); /* of nothing */
    memcpy(h.symbol, "ETHUSDT.BINANCE", 16);
    h.strategy = 1;
    h.base_exp = -8;
    h.cash_exp = -16;
    h.size = aats_wide_of(5);
    CHECK_EQ_I64(aats_trader_carry(trader, &h), AATS_OK);
    trade(0, 1, AATS_SIDE_BUY, 20000, UNIT, "BTC", 0);
    REQUIRE(aats_trader_hold_at(trader, 0, &h) == 1);
    CHECK_STR(h.symbol, "ETHUSDT.BINANCE");
    CHECK_EQ_I64(h.sym, AATS_HOLD_NO_SYM);
    CHECK_EQ_I64(aats_trader_hold_at(trader, 1, &h), 1);
    CHECK_EQ_I64(aats_trader_hold_at(trader, 2, &h), 0);
    CHECK_EQ_I64(aats_trader_size(trader, 0), UNIT);
    close_trader();
}

/* ---- balances ---- */

TEST(balances_are_those_told_last_also_while_it_runs)
{
    REQUIRE(open_trader(8, NULL));
    CHECK_STR(told_of("BTC"), "none");
    balance("BTC", 3 * UNIT, UNIT, 5);
    say(AATS_OM_READY, 0);
    step();
    CHECK_STR(told_of("BTC"), "2 1");
    CHECK_STR(told_of("USDT"), "0 0"); /* traded, and not named: nothing is there */
    CHECK_STR(told_of("BNB"), "none");
    balance("BTC", 4 * UNIT, 0, 6);
    balance("BNB", UNIT, UNIT, 6);
    step();
    CHECK_STR(told_of("BTC"), "4 0");
    CHECK_STR(told_of("BNB"), "0 1");
    CHECK_STR(text(pos().start_base, -8), "3"); /* the start stays */
    close_trader();
}

TEST(an_asset_that_went_while_the_session_was_away_is_nothing)
{
    REQUIRE(open_trader(8, NULL));
    balance("BTC", 3 * UNIT, 0, 5);
    balance("BNB", 2 * UNIT, 0, 5);
    say(AATS_OM_READY, 0);
    step();
    balance("BNB", 3 * UNIT, 0, 6);
    step();
    say(AATS_OM_DOWN, 0);
    say(AATS_OM_UP, 0);
    balance("BTC", UNIT, 0, 9);
    step();
    CHECK_STR(told_of("BNB"), "3 0"); /* not ready: what was known stays */
    say(AATS_OM_READY, 0);
    step();
    CHECK_STR(told_of("BTC"), "1 0");
    CHECK_STR(told_of("BNB"), "0 0");
    say(AATS_OM_DOWN, 0);
    say(AATS_OM_UP, 0);
    say(AATS_OM_READY, 0); /* nothing was told at all: nothing is concluded */
    step();
    CHECK_STR(told_of("BTC"), "1 0");
    close_trader();
}

TEST(hundreds_of_empty_assets_take_no_room_and_what_is_traded_always_has_some)
{
    char asset[16];
    REQUIRE(open_trader(8, NULL));
    for (int i = 0; i < 600; i++) {
        snprintf(asset, sizeof asset, "E%d", i);
        balance(asset, 0, 0, 1);
        if (venue.said_cnt == SAID_MAX) step();
    }
    step();
    CHECK_STR(told_of("E1"), "none");
    for (int i = 0; i < 600; i++) {
        snprintf(asset, sizeof asset, "F%d", i);
        balance(asset, UNIT, 0, 1);
        if (venue.said_cnt == SAID_MAX) step();
    }
    balance("BTC", 5 * UNIT, 0, 1);
    step();
    CHECK_STR(told_of("F0"), "none"); /* gave way */
    CHECK_STR(told_of("F1"), "1 0");
    CHECK_STR(told_of("F599"), "none");
    CHECK_STR(told_of("BTC"), "5 0");
    close_trader();
}

/* ---- fees ---- */

TEST(fees_are_summed_by_strategy_and_asset_and_carried)
{
    aats_fee_t fee = {.asset = "BNB", .amount = {5, 0}, .fee_exp = -9, .strategy = 1};
    static uint8_t segment[1 << 20] __attribute__((aligned(64)));
    char why[200];
    memset(segment, 0, sizeof segment);
    REQUIRE(aats_td_init(segment, sizeof segment, 4, 8, 64) == AATS_OK);
    aats_trader_opts_t const opts = {.instance = INSTANCE};
    aats_rules_t const rules = rules_of("BTC", "USDT", "BINANCE");
    memset(&venue, 0, sizeof venue);
    aats_gateway_t const face = fake_face(&venue, "BINANCE");
    trader = aats_trader_new(&opts, segment, sizeof segment, NULL, why, sizeof why);
    REQUIRE(trader != NULL && aats_trader_gateway(trader, &face) == 0 && aats_trader_add_symbol(trader, &rules, 0) == 0);
    CHECK_EQ_I64(aats_trader_carry_fee(trader, &fee), AATS_OK);
    trade(1, 1, AATS_SIDE_BUY, 20000, UNIT, "BNB", 7);
    trade(2, 2, AATS_SIDE_BUY, 20000, UNIT, "BNB", 9);
    aats_fee_t first, second;
    REQUIRE(aats_td_get_fee(segment, 0, &first) == 1 && aats_td_get_fee(segment, 1, &second) == 1);
    CHECK_STR(text(first.amount, (int)first.fee_exp), "0.000000075");
    CHECK_EQ_I64(first.strategy, 1);
    CHECK_STR(text(second.amount, (int)second.fee_exp), "0.00000009");
    CHECK_EQ_I64(aats_td_get_fee(segment, 2, &second), 0);
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 0);
    memset(fee.asset, 0, sizeof fee.asset);
    CHECK_EQ_I64(aats_trader_carry_fee(trader, &fee), AATS_E_ARG);
    close_trader();
}

RUN_ALL()
