/* test_gate.c -- risk/gate.h: each limit at each scope refuses what would pass it and nothing else, with its sentence; what an order holds comes back
 * exactly; switches, news, the day's loss.  (Races: tests/race/test_gate.c; real processes: tests/live/test_risk_race.py.) */
#include "risk_fixture.h"
#include "risk/rate.h"

#define BUY AATS_SIDE_BUY
#define SELL AATS_SIDE_SELL
#define NEVER INT64_MAX

static aats_gate_t *a, *b;   /* two processes of one mode */
static int sym;
static char msg[200];
static aats_gbook_t book;
static int64_t now_ns, mono_ns;

/* fresh: two strategies, maker and taker, on BTCUSDT at 99 / 101, and no limit. */
static void fresh(void)
{
    aats_rules_t const rules = rules_for("BTCUSDT.BINANCE");
    aats_gate_free(a);
    aats_gate_free(b);
    REQUIRE(fixture_risk(4, 4, 8) == AATS_OK);
    a = gate_for("maker", 10);
    b = gate_for("taker", 20);
    REQUIRE(a != NULL && b != NULL);
    sym = aats_gate_symbol(a, &rules, AATS_MODE_SIM);
    REQUIRE(sym == 0 && aats_gate_symbol(b, &rules, AATS_MODE_SIM) == 0);
    book    = book_of(99, 101);
    now_ns  = DAY;
    mono_ns = MONO;
}

static int send(aats_gate_t *g, aats_order_t const *o) { return aats_gate_reserve(g, sym, o, &book, now_ns, mono_ns, msg, sizeof msg); }

static int try(aats_gate_t *g, int side, double px, double qty)
{
    aats_order_t const o = order_of(side, px, qty);
    return send(g, &o);
}

/* limit sets one limit of a scope; the others of that row go. */
#define LIMIT(scope, name, field, value)                                                        \
    do {                                                                                        \
        aats_rlimits_t const row_ = {.field = (value)};                                         \
        int const at_ = aats_risk_row(&risk, scope, name, 1);                                   \
        REQUIRE(at_ >= 0 && aats_risk_row_put(&risk, (uint32_t)at_, &row_) == AATS_OK);         \
    } while (0)
#define HOST_LIMIT(field, value) LIMIT(AATS_SCOPE_HOST, "", field, value)
#define SYMBOL_LIMIT(field, value) LIMIT(AATS_SCOPE_SYMBOL, "BTCUSDT.BINANCE", field, value)
#define MAKER_LIMIT(field, value) LIMIT(AATS_SCOPE_STRATEGY, "maker", field, value)

static void throw_switch(uint32_t scope, char const *name, uint64_t swtch, char const *reason)
{
    int const at = aats_risk_row(&risk, scope, name, 1);
    REQUIRE(at >= 0 && aats_risk_row_switch(&risk, (uint32_t)at, swtch, reason) == AATS_OK);
}

static aats_rcell_t cell_of(uint32_t seat)
{
    aats_rcell_t cell;
    aats_cell_read(&risk, seat, (uint32_t)sym, &cell);
    return cell;
}

/* ---- refusals ---- */

TEST(a_gate_without_an_own_seat_is_refused)
{
    char why[300] = "";
    fresh();
    CHECK(aats_gate_new(risk.seg, risk.seg->size, 0, fixture_ident(20), why, sizeof why) == NULL); /* maker's */
    CHECK(strstr(why, "seat 0") != NULL);
    CHECK(aats_gate_new(risk.seg, risk.seg->size, 99, fixture_ident(10), why, sizeof why) == NULL);
    CHECK(aats_gate_new(risk.seg, 300, 0, fixture_ident(10), why, sizeof why) == NULL);
    aats_rules_t rules = rules_for("BTCUSDT.BINANCE");
    rules.qty_exp = -5;
    CHECK_EQ_I64(aats_gate_symbol(a, &rules, AATS_MODE_SIM), AATS_E_SHAPE);
    aats_order_t const o = order_of(BUY, 100, 1);
    CHECK_EQ_I64(aats_gate_reserve(a, 3, &o, &book, now_ns, mono_ns, msg, sizeof msg), AATS_OC_RISK_FULL);
    CHECK_EQ_I64(aats_gate_reserve(a, -1, &o, &book, now_ns, mono_ns, msg, sizeof msg), AATS_OC_RISK_FULL);
}

TEST(an_order_s_size_is_limited_by_its_symbol)
{
    fresh();
    SYMBOL_LIMIT(order_qty, 2 * ONE);
    CHECK_EQ_I64(try(a, BUY, 100, 2.00000001), AATS_OC_RISK_SIZE);
    CHECK_STR(msg, "order_qty of symbol BTCUSDT.BINANCE is 2 BTC: with this it would be 2.00000001");
    CHECK_EQ_I64(try(a, BUY, 100, 2), AATS_OC_NONE);
    CHECK_STR(msg, "");
    CHECK_EQ_U64(risk.risk->denied[0], 1);
}

TEST(an_order_s_notional_is_limited_at_each_scope_and_rounded_up)
{
    fresh();
    HOST_LIMIT(order_notional, 200 * ONE);
    CHECK_EQ_I64(try(a, BUY, 100.00000001, 2), AATS_OC_RISK_NOTIONAL);
    CHECK_STR(msg, "order_notional of the host is 200 USDT: with this it would be 200.00000002");
    CHECK_EQ_I64(try(a, BUY, 33.33333333, 6.00000001), AATS_OC_RISK_NOTIONAL); /* 200.00000031 */
    CHECK_EQ_I64(try(a, SELL, 100, 2), AATS_OC_NONE);
    MAKER_LIMIT(order_notional, 100 * ONE);
    CHECK_EQ_I64(try(a, SELL, 100, 2), AATS_OC_RISK_NOTIONAL);
    CHECK(strstr(msg, "strategy maker is 100 USDT") != NULL);
    CHECK_EQ_I64(try(b, SELL, 100, 2), AATS_OC_NONE); /* the taker is not the maker */
    SYMBOL_LIMIT(order_notional, 50 * ONE);
    CHECK_EQ_I64(try(b, SELL, 100, 1), AATS_OC_RISK_NOTIONAL);
    CHECK(strstr(msg, "symbol BTCUSDT.BINANCE is 50 USDT") != NULL);
    CHECK_EQ_I64(try(b, SELL, 100, 0.5), AATS_OC_NONE);
    HOST_LIMIT(order_notional, 1); /* a smallest unit: what is less than it is rounded up to it, what is more is not */
    SYMBOL_LIMIT(order_notional, 0);
    CHECK_EQ_I64(try(b, BUY, 0.00000001, 0.5), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 0.00000003, 0.5), AATS_OC_RISK_NOTIONAL);
}

TEST(a_market_order_is_valued_at_the_book_s_other_side)
{
    fresh();
    HOST_LIMIT(order_notional, 100 * ONE);
    CHECK_EQ_I64(try(a, BUY, 0, 1), AATS_OC_RISK_NOTIONAL); /* 101 */
    CHECK_EQ_I64(try(a, SELL, 0, 1), AATS_OC_NONE);         /* 99 */
    book.ask_px_i = 0;
    CHECK_EQ_I64(try(a, BUY, 0, 0.1), AATS_OC_RISK_BOOK);
    CHECK(strstr(msg, "no ask") != NULL);
}

TEST(a_sell_below_the_market_is_valued_at_what_the_market_pays)
{
    fresh();
    HOST_LIMIT(order_notional, 100 * ONE);
    CHECK_EQ_I64(try(a, SELL, 33, 2), AATS_OC_RISK_NOTIONAL); /* 66 by its price, 198 by the bid */
    CHECK_EQ_I64(try(a, SELL, 33, 1), AATS_OC_NONE);
    HOST_LIMIT(exposure, 250 * ONE);
    CHECK_EQ_I64(try(a, SELL, 33, 2), AATS_OC_RISK_EXPOSURE); /* 300 at the mark with the one before */
    CHECK_EQ_I64(try(a, SELL, 33, 1), AATS_OC_NONE);
}

TEST(no_price_for_a_market_order_where_money_is_limited_is_a_refusal)
{
    aats_rlimits_t const row = {.any_book = 1, .exposure = 100 * ONE};
    fresh();
    aats_risk_row_put(&risk, 0, &row);
    book.why = AATS_WHY_GAP;
    CHECK_EQ_I64(try(a, BUY, 0, 0.1), AATS_OC_RISK_BOOK);
    CHECK(strstr(msg, "no price") != NULL);
    CHECK_EQ_I64(try(a, BUY, 100, 0.1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 0, 0.1), AATS_OC_NONE); /* valued at what the last order said */
}

TEST(a_position_is_limited_over_all_strategies_with_open_orders_counted)
{
    fresh();
    SYMBOL_LIMIT(position, 3 * ONE);
    aats_gate_position(a, sym, ONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1.5), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 100, 0.50000001), AATS_OC_RISK_POSITION);
    CHECK_STR(msg, "position of symbol BTCUSDT.BINANCE is 3 BTC: with this it would be 3.00000001");
    CHECK_EQ_I64(try(a, BUY, 100, 0.5), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, SELL, 100, 4), AATS_OC_NONE); /* from 1 to -3 */
    CHECK_EQ_I64(try(b, SELL, 100, 0.00000001), AATS_OC_RISK_POSITION);
    CHECK(strstr(msg, "would be -3.00000001") != NULL);
}

TEST(a_refused_order_leaves_nothing_behind)
{
    fresh();
    SYMBOL_LIMIT(position, ONE);
    aats_rcell_t const before = cell_of(0);
    CHECK_EQ_I64(try(a, BUY, 100, 2), AATS_OC_RISK_POSITION);
    aats_rcell_t const after = cell_of(0);
    CHECK(memcmp(&before, &after, sizeof after) == 0);
    CHECK_EQ_I64(risk.seats[0].open_cnt, 0);
    CHECK_EQ_I64(risk.seats[0].exposure_i[0], 0);
    CHECK_EQ_I64(aats_rate_today(&risk.risk->orders[AATS_MODE_SIM], 20000), 0);
    CHECK_EQ_I64(aats_rate_second(&risk.seats[0].orders, mono_ns), 0);
    CHECK_EQ_U64(risk.risk->denied[AATS_OC_RISK_POSITION - AATS_OC_RISK_SIZE], 1);
}

TEST(exposure_is_the_worst_case_of_position_and_open_orders)
{
    fresh();
    HOST_LIMIT(exposure, 1000 * ONE);
    aats_gate_position(a, sym, 4 * ONE);
    CHECK_EQ_I64(try(a, BUY, 100, 2), AATS_OC_NONE);            /* mark 100: 400 + 200 */
    CHECK_EQ_I64(risk.seats[0].exposure_i[0], 600 * ONE);
    CHECK_EQ_I64(try(b, SELL, 160, 2.50000001), AATS_OC_RISK_EXPOSURE); /* 400.0000016 of another strategy */
    CHECK(strstr(msg, "exposure of the host is 1000 USDT: with this it would be 1000.0000016") != NULL);
    CHECK_EQ_I64(try(b, SELL, 160, 2.5), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, SELL, 100, 9), AATS_OC_NONE);           /* 4 - 9 = -5: 500, not worse than 600 */
    CHECK_EQ_I64(try(a, SELL, 100, 1.5), AATS_OC_RISK_EXPOSURE); /* -6.5: 650 */
    MAKER_LIMIT(exposure, 550 * ONE);                           /* below what there is: nothing that makes it worse */
    HOST_LIMIT(exposure, 0);
    CHECK_EQ_I64(try(a, BUY, 100, 0.1), AATS_OC_RISK_EXPOSURE);
    CHECK(strstr(msg, "strategy maker is 550") != NULL);
    CHECK_EQ_I64(try(a, SELL, 100, 0.1), AATS_OC_NONE);
    SYMBOL_LIMIT(exposure, 1000 * ONE);
    CHECK_EQ_I64(try(b, SELL, 80, 0.1), AATS_OC_RISK_EXPOSURE);
    CHECK(strstr(msg, "symbol BTCUSDT.BINANCE is 1000") != NULL);
}

TEST(open_orders_are_limited_at_each_scope)
{
    fresh();
    HOST_LIMIT(open_orders, 3);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 100, 2), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_OPEN);
    CHECK_STR(msg, "open_orders of the host is 3: with this it would be 4");
    HOST_LIMIT(open_orders, 0);
    MAKER_LIMIT(open_orders, 2);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_OPEN);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    SYMBOL_LIMIT(open_orders, 4);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_OPEN);
    CHECK(strstr(msg, "symbol BTCUSDT.BINANCE is 4") != NULL);
}

TEST(modes_do_not_mix)
{
    aats_rules_t const rules = rules_for("BTCUSDT.BINANCE");
    aats_seat_t seat = seat_of("live");
    fresh();
    seat.mode = AATS_MODE_DIRECT;
    int const at = aats_seat_take(&risk, fixture_ident(40), &seat, 0, 0);
    aats_gate_t *live = aats_gate_new(risk.seg, risk.seg->size, (uint32_t)at, fixture_ident(40), msg, sizeof msg);
    REQUIRE(live != NULL);
    int const there = aats_gate_symbol(live, &rules, AATS_MODE_DIRECT);
    CHECK(there != sym);
    SYMBOL_LIMIT(position, ONE);
    HOST_LIMIT(open_orders, 1);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    aats_order_t const o = order_of(BUY, 100, 1);
    CHECK_EQ_I64(aats_gate_reserve(live, there, &o, &book, now_ns, mono_ns, msg, sizeof msg), AATS_OC_NONE); /* as if the simulated one were not there */
    CHECK_EQ_I64(aats_gate_reserve(live, there, &o, &book, now_ns, mono_ns, msg, sizeof msg), AATS_OC_RISK_POSITION);
    aats_gate_free(live);
}

TEST(orders_a_second_are_those_of_any_second)
{
    fresh();
    HOST_LIMIT(orders_1s, 3);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    mono_ns += SEC / 2;
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 2), AATS_OC_NONE);
    mono_ns += SEC / 2 - 1;
    CHECK_EQ_I64(try(a, BUY, 100, 3), AATS_OC_RISK_RATE);
    CHECK_STR(msg, "orders_1s of the host is 3: with this it would be 4");
    mono_ns += SEC / 10; /* the first is gone, the others are not */
    CHECK_EQ_I64(try(a, BUY, 100, 3), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 100, 4), AATS_OC_RISK_RATE);
    MAKER_LIMIT(orders_1s, 1);
    HOST_LIMIT(orders_1s, 0);
    CHECK_EQ_I64(try(a, BUY, 100, 5), AATS_OC_RISK_RATE);
    CHECK_EQ_I64(try(b, BUY, 100, 5), AATS_OC_NONE);
    SYMBOL_LIMIT(orders_1s, 2);
    CHECK_EQ_I64(try(b, BUY, 100, 6), AATS_OC_RISK_RATE);
}

TEST(orders_a_day_begin_again_at_midnight_utc)
{
    fresh();
    now_ns = DAY + 86400 * SEC - 1;
    HOST_LIMIT(orders_1d, 2);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_RATE);
    now_ns++;
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    now_ns--; /* a clock that is set back over midnight gives nothing back */
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_RATE);
}

TEST(cancels_have_limits_of_their_own_and_no_switch)
{
    fresh();
    throw_switch(AATS_SCOPE_HOST, "", AATS_SWITCH_HALT, "");
    HOST_LIMIT(cancels_1s, 2);
    for (int i = 0; i < 2; i++) CHECK_EQ_I64(aats_gate_cancel(a, sym, now_ns, mono_ns, msg, sizeof msg), AATS_OC_NONE);
    CHECK_EQ_I64(aats_gate_cancel(b, sym, now_ns, mono_ns, msg, sizeof msg), AATS_OC_RISK_RATE);
    CHECK_STR(msg, "cancels_1s of the host is 2: with this it would be 3");
    HOST_LIMIT(cancels_1d, 3);
    CHECK_EQ_I64(aats_gate_cancel(b, sym, now_ns, mono_ns + 2 * SEC, msg, sizeof msg), AATS_OC_NONE);
    CHECK_EQ_I64(aats_gate_cancel(b, sym, now_ns, mono_ns + 4 * SEC, msg, sizeof msg), AATS_OC_RISK_RATE);
    CHECK_EQ_I64(aats_rate_today(&risk.risk->cancels[AATS_MODE_SIM], 20000), 3);
    CHECK_EQ_I64(aats_rate_today(&risk.risk->orders[AATS_MODE_SIM], 20000), 0);
}

TEST(a_price_beyond_the_other_side_is_collared_and_a_passive_one_is_not)
{
    fresh();
    HOST_LIMIT(collar_ppm, 10000); /* 1 % */
    CHECK_EQ_I64(try(a, BUY, 102.01, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 102.01000001, 1), AATS_OC_RISK_COLLAR);
    CHECK_STR(msg, "collar_ppm of the host is 10000: a buy at 102.01000001 is farther from the ask 101");
    CHECK_EQ_I64(try(a, SELL, 98.01, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, SELL, 98.00999999, 1), AATS_OC_RISK_COLLAR);
    CHECK_EQ_I64(try(a, BUY, 1, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, SELL, 5000, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 0, 1), AATS_OC_NONE);
    SYMBOL_LIMIT(collar_ppm, 1000); /* the strictest counts */
    CHECK_EQ_I64(try(a, BUY, 102, 1), AATS_OC_RISK_COLLAR);
    SYMBOL_LIMIT(collar_ppm, 100000);
    CHECK_EQ_I64(try(a, BUY, 103, 1), AATS_OC_RISK_COLLAR);
}

TEST(no_order_goes_out_on_a_book_that_is_not_good_unless_allowed)
{
    fresh();
    book.why = AATS_WHY_GAP;
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_BOOK);
    CHECK(strstr(msg, "any_book") != NULL);
    aats_order_t const o = order_of(BUY, 100, 1);
    CHECK_EQ_I64(aats_gate_reserve(a, sym, &o, NULL, now_ns, mono_ns, msg, sizeof msg), AATS_OC_RISK_BOOK);
    MAKER_LIMIT(any_book, 1);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(aats_gate_reserve(a, sym, &o, NULL, now_ns, mono_ns, msg, sizeof msg), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_BOOK);
}

TEST(the_same_order_again_too_soon_is_refused)
{
    fresh();
    HOST_LIMIT(duplicate_ms, 100);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    mono_ns += 99999999;
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_DUPLICATE);
    CHECK_STR(msg, "duplicate_ms of the host is 100: the same order went out 99 ms ago");
    CHECK_EQ_I64(try(a, SELL, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 100, 1.1), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, BUY, 100.1, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE); /* another process's order is no duplicate */
    mono_ns += 1;
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE); /* a refused one did not begin the time anew */
}

TEST(an_order_of_which_no_byte_went_out_is_no_duplicate_and_counts_nowhere)
{
    fresh();
    HOST_LIMIT(duplicate_ms, 100);
    aats_order_t const o = order_of(BUY, 100, 1);
    CHECK_EQ_I64(send(a, &o), AATS_OC_NONE);
    aats_gate_unreserve(a, sym, &o);
    CHECK_EQ_I64(aats_rate_today(&risk.risk->orders[AATS_MODE_SIM], 20000), 0);
    aats_rcell_t const cell = cell_of(0);
    CHECK(cell.buy_i == 0 && cell.open_cnt == 0 && cell.exposure_i == 0);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
}

/* ---- switches ---- */

TEST(halted_at_any_scope_lets_nothing_out)
{
    fresh();
    throw_switch(AATS_SCOPE_HOST, "", AATS_SWITCH_HALT, "exchange is down");
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_HALTED);
    CHECK_STR(msg, "the host is halted: exchange is down");
    throw_switch(AATS_SCOPE_HOST, "", AATS_SWITCH_ACTIVE, "");
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    throw_switch(AATS_SCOPE_STRATEGY, "maker", AATS_SWITCH_HALT, "");
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_HALTED);
    CHECK_STR(msg, "strategy maker is halted");
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    throw_switch(AATS_SCOPE_SYMBOL, "BTCUSDT.BINANCE", AATS_SWITCH_HALT, "");
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_HALTED);
    throw_switch(AATS_SCOPE_SYMBOL, "BTCUSDT.BINANCE", AATS_SWITCH_REDUCE, ""); /* the strictest counts */
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_HALTED);
}

TEST(a_state_that_could_not_be_read_halts)
{
    fresh();
    risk.risk->unread = 1;
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_HALTED);
    CHECK(strstr(msg, "aats risk resume") != NULL);
    risk.risk->unread = 0;
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
}

TEST(reduce_only_lets_out_what_can_only_shrink_the_position)
{
    fresh();
    aats_gate_position(a, sym, 2 * ONE);
    CHECK_EQ_I64(try(a, SELL, 100, 0.5), AATS_OC_NONE);
    throw_switch(AATS_SCOPE_HOST, "", AATS_SWITCH_REDUCE, "");
    CHECK_EQ_I64(try(a, BUY, 100, 0.1), AATS_OC_REDUCE_ONLY);
    CHECK_STR(msg, "the host is reduce only: the position is 2, open on this side are 0");
    CHECK_EQ_I64(try(a, SELL, 100, 1.50000001), AATS_OC_REDUCE_ONLY); /* with the 0.5 that are open it would turn */
    CHECK_EQ_I64(try(a, SELL, 100, 1.5), AATS_OC_NONE);
    CHECK_EQ_I64(try(a, SELL, 100, 0.00000001), AATS_OC_REDUCE_ONLY);
    CHECK_EQ_I64(try(b, SELL, 100, 0.1), AATS_OC_REDUCE_ONLY); /* flat: nothing to reduce */
    aats_gate_position(b, sym, -ONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(try(b, BUY, 100, 0.1), AATS_OC_REDUCE_ONLY);
}

TEST(news_of_switches_and_limits_is_told_once_to_whom_it_concerns)
{
    char text[400];
    uint32_t state;
    fresh();
    CHECK_EQ_I64(aats_gate_news(a, &state, text, sizeof text), 0);
    throw_switch(AATS_SCOPE_HOST, "", AATS_SWITCH_REDUCE, "careful");
    CHECK_EQ_I64(aats_gate_news(a, &state, text, sizeof text), 1);
    CHECK_EQ_U64(state, AATS_SWITCH_REDUCE);
    CHECK_STR(text, "the host is reduce only: careful");
    CHECK_EQ_I64(aats_gate_news(a, &state, text, sizeof text), 0);
    throw_switch(AATS_SCOPE_STRATEGY, "maker", AATS_SWITCH_HALT, "");
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_HALTED); /* an order in between eats no news */
    CHECK_EQ_I64(aats_gate_news(a, &state, text, sizeof text), 1);
    CHECK_EQ_U64(state, AATS_SWITCH_HALT);
    CHECK_EQ_I64(aats_gate_news(b, &state, text, sizeof text), 1); /* the host's */
    CHECK_EQ_U64(state, AATS_SWITCH_REDUCE);
    CHECK(strstr(text, "maker") == NULL);
    throw_switch(AATS_SCOPE_STRATEGY, "maker", AATS_SWITCH_ACTIVE, "");
    CHECK_EQ_I64(aats_gate_news(b, &state, text, sizeof text), 0);
    CHECK_EQ_I64(aats_gate_news(a, &state, text, sizeof text), 1);
    SYMBOL_LIMIT(position, 3 * ONE / 2);
    CHECK_EQ_I64(aats_gate_news(b, &state, text, sizeof text), 1);
    CHECK_STR(text, "position of symbol BTCUSDT.BINANCE is 1.5 (was none)");
}

TEST(a_gate_made_while_the_switch_stands_is_told_so)
{
    char text[400];
    uint32_t state;
    fresh();
    throw_switch(AATS_SCOPE_HOST, "", AATS_SWITCH_HALT, "night");
    aats_gate_t *late = gate_for("late", 30);
    REQUIRE(late != NULL);
    CHECK_EQ_I64(aats_gate_news(late, &state, text, sizeof text), 1);
    CHECK_EQ_U64(state, AATS_SWITCH_HALT);
    aats_gate_free(late);
}

/* ---- the day's loss ---- */

TEST(the_day_s_loss_of_all_strategies_throws_the_switch_to_reduce_only)
{
    char text[400];
    uint32_t state;
    fresh();
    HOST_LIMIT(loss_1d, 100 * ONE);
    aats_gate_position(a, sym, ONE);
    aats_gate_profit(a, sym, -60 * ONE, now_ns);
    aats_gate_profit(b, sym, -40 * ONE + 1, now_ns);
    CHECK_EQ_U64(risk.risk->swtch, AATS_SWITCH_ACTIVE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
    aats_gate_profit(b, sym, -40 * ONE, now_ns);
    CHECK_EQ_U64(risk.risk->swtch, AATS_SWITCH_REDUCE);
    CHECK_EQ_U64(risk.risk->trips, 1);
    CHECK_EQ_I64(risk.risk->trip[1].value, -100 * ONE);
    CHECK_EQ_I64(risk.risk->trip[1].limit, 100 * ONE);
    CHECK_EQ_I64(aats_gate_news(a, &state, text, sizeof text), 1);
    CHECK(strstr(text, "the host is reduce only: the day's result is -100 USDT, loss_1d is 100") != NULL);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_LOSS);
    CHECK_STR(msg, "loss_1d of the host is 100 USDT: the day's result is -100");
    CHECK_EQ_I64(try(a, SELL, 100, 1), AATS_OC_NONE); /* it reduces */
    aats_gate_profit(b, sym, 500 * ONE, now_ns);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_REDUCE_ONLY); /* it stays thrown until somebody resumes */
    aats_gate_profit(b, sym, -41 * ONE, now_ns);
    CHECK_EQ_U64(risk.risk->trips, 1);
}

TEST(a_loss_is_forgotten_at_midnight_and_a_strategy_s_limit_is_its_own)
{
    fresh();
    MAKER_LIMIT(loss_1d, 10 * ONE);
    aats_gate_profit(b, sym, -50 * ONE, now_ns);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    aats_gate_profit(a, sym, -10 * ONE, now_ns);
    CHECK_EQ_U64(risk.limits[1].swtch, AATS_SWITCH_REDUCE);
    CHECK_EQ_U64(risk.risk->swtch, AATS_SWITCH_ACTIVE);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_RISK_LOSS);
    now_ns += 86400 * SEC;
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_REDUCE_ONLY);
    throw_switch(AATS_SCOPE_STRATEGY, "maker", AATS_SWITCH_ACTIVE, "");
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    aats_gate_profit(a, sym, -9 * ONE, now_ns);
    CHECK_EQ_U64(risk.limits[1].swtch, AATS_SWITCH_ACTIVE);
    SYMBOL_LIMIT(loss_1d, 9 * ONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_LOSS); /* of the symbol, whoever lost it */
}

/* ---- an order's life ---- */

TEST(fills_move_what_is_reserved_to_the_position_and_the_end_gives_the_rest_back)
{
    fresh();
    aats_order_t o = order_of(BUY, 100, 3);
    CHECK_EQ_I64(send(a, &o), AATS_OC_NONE);
    aats_gate_fill(a, sym, &o, 100 * ONE, ONE, ONE - ONE / 1000); /* a fee in the base asset */
    o.cum_qty_i = ONE;
    aats_rcell_t cell = cell_of(0);
    CHECK(cell.pos_i == ONE - ONE / 1000 && cell.buy_i == 2 * ONE && cell.open_cnt == 1 && cell.exposure_i == 300 * ONE - ONE / 10);
    aats_gate_fill(a, sym, &o, 100 * ONE, ONE, ONE);
    o.cum_qty_i = 2 * ONE;
    aats_gate_release(a, sym, &o); /* canceled */
    cell = cell_of(0);
    CHECK(cell.pos_i == 2 * ONE - ONE / 1000 && cell.buy_i == 0 && cell.open_cnt == 0 && cell.exposure_i == 200 * ONE - ONE / 10);
    CHECK_EQ_I64(risk.seats[0].open_cnt, 0);
    CHECK_EQ_I64(risk.seats[0].exposure_i[0], 200 * ONE - ONE / 10);
}

/* Any history of orders, fills and ends of two symbols leaves exactly the position, and nothing reserved; and never less was counted than was open. */
TEST(whatever_the_history_only_the_position_is_left)
{
    aats_rules_t const other = rules_for("ETHUSDT.BINANCE");
    for (uint64_t seed = 1; seed <= 50; seed++) {
        aats_order_t open[32];
        int cnt = 0, at[2];
        int64_t pos[2] = {0, 0};
        uint64_t x = seed;
        fresh();
        at[0] = sym;
        at[1] = aats_gate_symbol(a, &other, AATS_MODE_SIM);
        REQUIRE(at[1] == 1);
        for (int step = 0; step < 400 || cnt > 0; step++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            uint32_t const r = (uint32_t)(x >> 33);
            if (step < 400 && cnt < 32 && r % 3 == 0) {
                aats_order_t o = order_of(r & 8 ? BUY : SELL, r & 16 ? 0 : 50 + r % 1000 / 10.0, 0.001 + r % 777 / 1000.0);
                o.sym = r >> 20 & 1;
                CHECK_EQ_I64(aats_gate_reserve(a, at[o.sym], &o, &book, now_ns, mono_ns, msg, sizeof msg), AATS_OC_NONE);
                open[cnt++] = o;
            } else if (cnt > 0) {
                int const i = (int)(r % (uint32_t)cnt);
                aats_order_t *o = &open[i];
                int64_t const left = o->qty_i - o->cum_qty_i;
                if (r & 64) {
                    int64_t const qty = r & 128 ? left : left / 3 + 1;
                    aats_gate_fill(a, at[o->sym], o, 77 * ONE, qty, o->side == BUY ? qty : -qty);
                    o->cum_qty_i += qty;
                    pos[o->sym] += o->side == BUY ? qty : -qty;
                }
                if (r & 256 || o->cum_qty_i == o->qty_i) {
                    aats_gate_release(a, at[o->sym], o);
                    open[i] = open[--cnt];
                }
            }
            int64_t buys[2] = {0, 0}, sells[2] = {0, 0};
            for (int i = 0; i < cnt; i++) *(open[i].side == BUY ? &buys[open[i].sym] : &sells[open[i].sym]) += open[i].qty_i - open[i].cum_qty_i;
            for (int s = 0; s < 2; s++) {
                aats_rcell_t cell;
                aats_cell_read(&risk, 0, (uint32_t)at[s], &cell);
                CHECK(cell.pos_i == pos[s] && cell.buy_i == buys[s] && cell.sell_i == sells[s]);
            }
            CHECK_EQ_I64(risk.seats[0].open_cnt, cnt);
        }
        aats_rcell_t cell[2];
        for (int s = 0; s < 2; s++) {
            aats_cell_read(&risk, 0, (uint32_t)at[s], &cell[s]);
            CHECK(cell[s].buy_i == 0 && cell[s].sell_i == 0 && cell[s].open_cnt == 0);
            CHECK_EQ_I64(cell[s].exposure_i, (pos[s] < 0 ? -pos[s] : pos[s]) * 100); /* at the mark, 100 */
        }
        CHECK_EQ_I64(risk.seats[0].exposure_i[0], cell[0].exposure_i + cell[1].exposure_i);
    }
}

TEST(what_does_not_fit_is_above_every_limit)
{
    fresh();
    aats_order_t huge = order_of(BUY, 1, 1);
    huge.px_i = huge.qty_i = INT64_MAX;
    HOST_LIMIT(order_notional, INT64_MAX);
    CHECK_EQ_I64(send(a, &huge), AATS_OC_RISK_NOTIONAL);
    HOST_LIMIT(exposure, INT64_MAX);
    CHECK_EQ_I64(send(a, &huge), AATS_OC_RISK_EXPOSURE);
    HOST_LIMIT(exposure, 0);
    SYMBOL_LIMIT(position, INT64_MAX);
    CHECK_EQ_I64(send(a, &huge), AATS_OC_RISK_POSITION);
    SYMBOL_LIMIT(position, 0);
    aats_order_t const again = huge;
    CHECK_EQ_I64(send(a, &huge), AATS_OC_NONE);
    CHECK_EQ_I64(send(b, &again), AATS_OC_NONE);
    aats_gate_release(a, sym, &huge);
    aats_gate_release(b, sym, &again);
    for (uint32_t seat = 0; seat < 2; seat++) {
        aats_rcell_t const cell = cell_of(seat);
        CHECK(cell.buy_i == 0 && cell.exposure_i == 0 && cell.open_cnt == 0);
        CHECK_EQ_I64(risk.seats[seat].exposure_i[0], 0);
    }
}

/* ---- lives before and after ---- */

/* again makes the gate of maker's next run in seat 0, as a restart does. */
static void again(void)
{
    aats_seat_t const seat = seat_of("maker");
    aats_rules_t const rules = rules_for("BTCUSDT.BINANCE");
    REQUIRE(aats_seat_take(&risk, fixture_ident(11), &seat, risk.seats[0].owner, 0) == 0);
    aats_gate_free(a);
    a = aats_gate_new(risk.seg, risk.seg->size, 0, fixture_ident(11), msg, sizeof msg);
    REQUIRE(a != NULL && aats_gate_symbol(a, &rules, AATS_MODE_SIM) == sym);
}

TEST(what_a_dead_run_left_counts_until_all_of_it_is_adopted)
{
    fresh();
    aats_order_t const kept = order_of(BUY, 100, 1), lost = order_of(BUY, 100, 2);
    aats_gate_position(a, sym, 5 * ONE);
    CHECK_EQ_I64(send(a, &kept), AATS_OC_NONE);
    CHECK_EQ_I64(send(a, &lost), AATS_OC_NONE); /* killed before its intent was written */
    again();
    CHECK_EQ_I64(cell_of(0).buy_i, 3 * ONE);
    aats_gate_adopt(a, sym, &kept);
    CHECK(cell_of(0).buy_i >= 3 * ONE); /* too much, never too little */
    aats_gate_position(a, sym, 5 * ONE);
    aats_rcell_t const cell = cell_of(0);
    CHECK(cell.pos_i == 5 * ONE && cell.buy_i == ONE && cell.open_cnt == 1);
    CHECK_EQ_I64(risk.seats[0].open_cnt, 1);
    aats_gate_release(a, sym, &kept);
    CHECK(cell_of(0).buy_i == 0 && cell_of(0).open_cnt == 0 && risk.seats[0].open_cnt == 0);
}

TEST(a_run_with_nothing_to_adopt_settles_with_its_first_order)
{
    fresh();
    aats_order_t const lost = order_of(BUY, 100, 2);
    CHECK_EQ_I64(send(a, &lost), AATS_OC_NONE);
    again();
    SYMBOL_LIMIT(position, 2 * ONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_RISK_POSITION);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_NONE);
    CHECK_EQ_I64(cell_of(0).buy_i, ONE);
    CHECK_EQ_I64(try(b, BUY, 100, 1), AATS_OC_NONE);
}

TEST(a_process_that_was_thought_dead_is_fenced_and_writes_nothing_more)
{
    fresh();
    aats_order_t const o = order_of(BUY, 100, 1);
    CHECK_EQ_I64(send(a, &o), AATS_OC_NONE);
    CHECK_EQ_I64(aats_gate_mine(a), 1);
    CHECK_EQ_I64(aats_seat_claim(&risk, 0, risk.seats[0].owner, fixture_ident(50)), AATS_OK);
    CHECK_EQ_I64(aats_gate_mine(a), 0);
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_FENCED);
    CHECK_EQ_I64(aats_gate_cancel(a, sym, now_ns, mono_ns, msg, sizeof msg), AATS_OC_FENCED);
    CHECK_EQ_U64(risk.seats[0].fenced, 77);
    risk.seats[0].instance = 78; /* of the next owner: its own instance stands in the note of the fenced one */
    CHECK_EQ_I64(try(a, BUY, 100, 1), AATS_OC_FENCED);
    CHECK_EQ_U64(risk.seats[0].fenced, 77);
    aats_rcell_t const truth = {.pos_i = 7 * ONE};
    aats_cell_set(&risk, 0, (uint32_t)sym, &truth);
    aats_gate_fill(a, sym, &o, 100 * ONE, ONE, ONE);
    aats_gate_release(a, sym, &o);
    aats_gate_position(a, sym, ONE);
    aats_gate_profit(a, sym, -ONE, now_ns);
    aats_gate_beat(a, 123);
    aats_rcell_t const cell = cell_of(0);
    CHECK(cell.pos_i == 7 * ONE && cell.buy_i == 0 && cell.profit_i == 0);
    CHECK(risk.seats[0].beat_mono_ns != 123);
}

TEST(the_heartbeat_is_stamped)
{
    fresh();
    aats_gate_beat(a, 555);
    aats_gate_beat(a, 556);
    CHECK_EQ_U64(risk.seats[0].beat_mono_ns, 556);
    CHECK_EQ_U64(risk.seats[0].passes, 2);
    CHECK_EQ_U64(aats_gate_seat(a), 0);
    CHECK_EQ_U64(aats_gate_seat(b), 1);
}

RUN_ALL()
