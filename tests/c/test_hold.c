/* test_hold.c -- what fills do to a holding, each case with its numbers (tests/trade/test_money.py holds the same functions to a model). */
#include "check.h"

#include "order/hold.h"
#include "order/wide.h"

#define UNIT INT64_C(100000000)
#define DAY  INT64_C(86400000000000)

static aats_hold_t h;

static void begin(void) { aats_hold_init(&h, "BTCUSDT.BINANCE", "BTC", "USDT", 3, 5, -8, -8); }

static aats_oev_t fill_of(int side, int64_t px_i, int64_t qty_i, char const *asset, int64_t fee_i, int fee_exp)
{
    aats_oev_t ev = {.ns = 100 * DAY + 1, .kind = AATS_OEV_EXEC, .fill_px_i = px_i, .fill_qty_i = qty_i, .fee_i = fee_i, .fee_exp = fee_exp};
    snprintf(ev.fee_asset, sizeof ev.fee_asset, "%s", asset);
    snprintf(ev.order.symbol, sizeof ev.order.symbol, "BTCUSDT.BINANCE");
    ev.order.side = (uint8_t)side;
    ev.order.strategy = 3;
    ev.order.px_exp = ev.order.qty_exp = -8;
    return ev;
}

static int fill(int side, int64_t px, int64_t qty_i, char const *asset, int64_t fee_i)
{
    aats_oev_t const ev = fill_of(side, px * UNIT, qty_i, asset, fee_i, -8);
    return aats_hold_fill(&h, &ev);
}

static int buy(int64_t px, int64_t qty_i) { return fill(AATS_SIDE_BUY, px, qty_i, "", 0); }
static int sell(int64_t px, int64_t qty_i) { return fill(AATS_SIDE_SELL, px, qty_i, "", 0); }

/* text returns an amount at its exponent as exact text. */
static char const *text(aats_i128_t v, int exp)
{
    static char out[4][AATS_WIDE_SZ];
    static int turn;
    char *at = out[turn++ % 4];
    return aats_wide_format(v, exp, at, AATS_WIDE_SZ) < 0 ? "refused" : at;
}

#define IS(want_size, want_cash, want_cost)              \
    do {                                                 \
        CHECK_STR(text(h.size, h.base_exp), want_size);  \
        CHECK_STR(text(h.cash, h.cash_exp), want_cash);  \
        CHECK_STR(text(h.cost, h.cash_exp), want_cost);  \
    } while (0)

/* ---- refusals ---- */

TEST(what_is_no_fill_of_this_holding_changes_nothing)
{
    begin();
    aats_hold_t const was = h;
    aats_oev_t ev = fill_of(AATS_SIDE_BUY, UNIT, UNIT, "", 0, -8);
    ev.kind = AATS_OEV_ACKED;
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_E_ARG);
    ev = fill_of(AATS_SIDE_BUY, UNIT, UNIT, "", 0, -8);
    ev.order.strategy = 2;
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_E_ARG);
    ev = fill_of(AATS_SIDE_BUY, UNIT, UNIT, "", 0, -8);
    snprintf(ev.order.symbol, sizeof ev.order.symbol, "ETHUSDT.BINANCE");
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_E_ARG);
    CHECK_MEM(&h, &was, sizeof h);
}

TEST(a_sum_that_leaves_128_bits_is_refused_and_changes_nothing)
{
    begin();
    CHECK_EQ_I64(buy(60000, UNIT), AATS_OK);
    h.cash = (aats_i128_t){0, INT64_MIN};
    aats_hold_t const was = h;
    CHECK_EQ_I64(buy(60000, UNIT), AATS_E_RANGE);
    CHECK_MEM(&h, &was, sizeof h);
    aats_oev_t const ev = fill_of(AATS_SIDE_BUY, UNIT, UNIT, "USDT", 1, -40); /* a fee so fine that the cash does not fit any more */
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_E_RANGE);
    CHECK_MEM(&h, &was, sizeof h);
}

/* ---- positions ---- */

TEST(it_grows_at_the_price_and_shrinks_by_its_share_of_the_cost)
{
    begin();
    CHECK_EQ_I64(buy(100, 2 * UNIT), AATS_OK);
    IS("2", "-200", "200");
    CHECK_EQ_I64(buy(130, UNIT), AATS_OK);
    IS("3", "-330", "330");
    CHECK_EQ_I64(sell(150, UNIT), AATS_OK); /* average 110: 40 made */
    IS("2", "-180", "220");
    CHECK_EQ_I64(sell(90, 2 * UNIT), AATS_OK);
    IS("0", "0", "0");
    CHECK_EQ_U64(h.fills, 4);
}

TEST(through_zero_the_rest_costs_what_it_was_traded_at)
{
    begin();
    CHECK_EQ_I64(buy(100, UNIT), AATS_OK);
    CHECK_EQ_I64(sell(120, 3 * UNIT), AATS_OK);
    IS("-2", "260", "-240"); /* 20 made; two short at 120 */
    CHECK_EQ_I64(sell(180, UNIT), AATS_OK);
    IS("-3", "440", "-420");
    CHECK_EQ_I64(buy(100, 5 * UNIT), AATS_OK);
    IS("2", "-60", "200"); /* 20 + 120 made */
}

TEST(a_share_of_the_cost_is_rounded_to_even_and_the_sum_of_both_stays_exact)
{
    begin();
    aats_oev_t ev = fill_of(AATS_SIDE_BUY, 1, 3, "", 0, -8); /* three units of 1e-8 at 1e-8 */
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    h.cost = (aats_i128_t){5, 0}; /* half of it, 2.5, goes to 2 */
    h.size = (aats_i128_t){2, 0};
    ev = fill_of(AATS_SIDE_SELL, 7, 1, "", 0, -8);
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    CHECK_EQ_I64((int64_t)h.cost.lo, 3);
    CHECK_EQ_I64((int64_t)aats_wide(h.cash), -3 + 7);
    h.cost = (aats_i128_t){7, 0}; /* 3.5 goes to 4 */
    h.size = (aats_i128_t){2, 0};
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    CHECK_EQ_I64((int64_t)h.cost.lo, 3);
}

/* ---- fees ---- */

TEST(a_fee_is_realised_at_once_whichever_asset_it_was_paid_in)
{
    begin();
    CHECK_EQ_I64(fill(AATS_SIDE_BUY, 100, UNIT, "BTC", UNIT / 1000), AATS_OK);
    IS("0.999", "-100", "99.9"); /* 0.1 paid */
    CHECK_STR(text(h.fee_base, h.base_exp), "0.001");
    begin();
    CHECK_EQ_I64(fill(AATS_SIDE_BUY, 100, UNIT, "USDT", UNIT / 10), AATS_OK);
    IS("1", "-100.1", "100");
    CHECK_STR(text(h.fee_quote, h.cash_exp), "0.1");
    begin();
    CHECK_EQ_I64(fill(AATS_SIDE_BUY, 100, UNIT, "BNB", UNIT / 10), AATS_OK);
    IS("1", "-100", "100");
    CHECK_STR(text(h.fee_quote, h.cash_exp), "0");
}

TEST(a_rebate_is_a_negative_fee)
{
    begin();
    CHECK_EQ_I64(fill(AATS_SIDE_SELL, 100, UNIT, "USDT", -UNIT / 10), AATS_OK);
    IS("-1", "100.1", "-100");
    CHECK_EQ_I64(fill(AATS_SIDE_BUY, 100, UNIT, "BTC", -UNIT / 10), AATS_OK);
    IS("0.1", "0.1", "10");
    CHECK_STR(text(h.fee_base, h.base_exp), "-0.1");
    CHECK_STR(text(h.fee_quote, h.cash_exp), "-0.1");
}

TEST(a_finer_fee_makes_the_amounts_finer_and_trailing_zeros_do_not)
{
    begin();
    aats_oev_t ev = fill_of(AATS_SIDE_BUY, 100 * UNIT, UNIT, "BTC", 1, -11);
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    IS("0.99999999999", "-100", "99.999999999");
    CHECK_EQ_I64(h.base_exp, -11);
    CHECK_EQ_I64(h.cash_exp - h.base_exp, -8); /* prices stay */
    ev = fill_of(AATS_SIDE_BUY, 100 * UNIT, UNIT, "USDT", 1, -22);
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    IS("1.99999999999", "-200.0000000000000000000001", "199.999999999");
    CHECK_EQ_I64(h.cash_exp, -22);
    begin();
    ev = fill_of(AATS_SIDE_BUY, 100 * UNIT, UNIT, "USDT", INT64_C(100000000000000000), -18);
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    IS("1", "-100.1", "100");
    CHECK_EQ_I64(h.cash_exp, -16);
}

TEST(a_symbol_whose_prices_became_finer_goes_on)
{
    aats_hold_init(&h, "BTCUSDT.BINANCE", "BTC", "USDT", 3, 5, -2, -5);
    aats_oev_t ev = fill_of(AATS_SIDE_BUY, 10000, 100000, "", 0, -8);
    ev.order.px_exp = -2;
    ev.order.qty_exp = -5;
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK);
    IS("1", "-100", "100");
    CHECK_EQ_I64(sell(110, UNIT / 2), AATS_OK); /* at -8, -8 */
    IS("0.5", "-45", "50");
    ev.fill_px_i = 20000;
    CHECK_EQ_I64(aats_hold_fill(&h, &ev), AATS_OK); /* a coarse one is still understood */
    IS("1.5", "-245", "250");
}

/* ---- the day ---- */

TEST(the_profit_of_a_day_is_what_came_since_it_began)
{
    begin();
    CHECK_EQ_I64(buy(100, UNIT), AATS_OK); /* day 100 begins with this fill, at 100 */
    CHECK_EQ_I64(aats_hold_profit(&h, 110 * UNIT, -8, -8), 10 * UNIT);
    CHECK_EQ_I64(aats_hold_profit(&h, 0, -8, -8), 0); /* as the day began */
    CHECK_EQ_I64(aats_hold_day(&h, 100 * DAY + 5, 111 * UNIT, -8), 0);
    CHECK_EQ_I64(aats_hold_day(&h, 101 * DAY, 120 * UNIT, -8), 1);
    CHECK_EQ_I64(aats_hold_day(&h, 100 * DAY, 90 * UNIT, -8), 0); /* a clock that goes back begins no day */
    CHECK_EQ_I64(aats_hold_profit(&h, 110 * UNIT, -8, -8), -10 * UNIT);
    CHECK_EQ_I64(aats_hold_profit(&h, 119999999999, -9, -8), INT64_C(-1)); /* 1e-9 below: rounded down */
}

TEST(a_day_that_begins_without_a_price_takes_the_first_one)
{
    begin();
    CHECK_EQ_I64(buy(100, UNIT), AATS_OK);
    CHECK_EQ_I64(aats_hold_day(&h, 101 * DAY, 0, -8), 1);
    CHECK_EQ_I64(h.day_px_i, 0);
    CHECK_EQ_I64(aats_hold_profit(&h, 130 * UNIT, -8, -8), 0);
    CHECK_EQ_I64(aats_hold_day(&h, 101 * DAY, 120 * UNIT, -8), 1);
    CHECK_EQ_I64(aats_hold_profit(&h, 130 * UNIT, -8, -8), 10 * UNIT);
}

TEST(a_profit_or_size_that_does_not_fit_saturates)
{
    begin();
    CHECK_EQ_I64(buy(100, UNIT), AATS_OK);
    h.cash = aats_wide_of((__int128)INT64_MAX * UNIT * UNIT);
    CHECK_EQ_I64(aats_hold_profit(&h, UNIT, -8, -8), INT64_MAX);
    h.cash = aats_wide_of(-(__int128)INT64_MAX * UNIT * UNIT);
    CHECK_EQ_I64(aats_hold_profit(&h, UNIT, -8, -8), INT64_MIN);
    h.size = aats_wide_of(-(__int128)INT64_MAX * 10);
    CHECK_EQ_I64(aats_hold_size_at(&h, -8), INT64_MIN);
    h.size = aats_wide_of(-15);
    CHECK_EQ_I64(aats_hold_size_at(&h, -7), -2);
    CHECK_EQ_I64(aats_hold_size_at(&h, 10), -1);
    CHECK_EQ_I64(aats_hold_size_at(&h, -9), -150);
}

RUN_ALL()
