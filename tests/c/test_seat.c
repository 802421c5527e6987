/* test_seat.c -- risk/seat.h: segments that are refused, symbols, rows of limits, and the life of a seat.  (Every order of events between processes:
 * tests/race/test_gate.c.) */
#include "risk_fixture.h"
#include "risk/rate.h"

#define ME   fixture_ident(10)
#define DEAD fixture_ident(20)
#define HEIR fixture_ident(30)

/* ---- refusals ---- */

TEST(a_segment_whose_geometry_does_not_fit_is_refused)
{
    aats_risk_view_t view;
    char why[300] = "";
    REQUIRE(fixture_risk(2, 3, 4) == AATS_OK);
    uint64_t const size = risk.seg->size;
    CHECK_EQ_I64(aats_risk_attach(risk.seg, 256, &view, why, sizeof why), AATS_E_LAYOUT);
    CHECK(why[0] != 0);
    risk.risk->seat_cap = 0;
    CHECK_EQ_I64(aats_risk_attach(risk.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    risk.risk->seat_cap = 1000;
    CHECK_EQ_I64(aats_risk_attach(risk.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    risk.risk->seat_cap = 2;
    risk.risk->cell_off += 64;
    CHECK_EQ_I64(aats_risk_attach(risk.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    risk.risk->cell_off -= 64;
    CHECK_EQ_I64(aats_risk_attach(risk.seg, size, &view, why, sizeof why), AATS_OK);
    CHECK_EQ_I64(aats_risk_size(0, 1, 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_risk_size(1, 5000, 1, 1), AATS_E_ARG);
}

TEST(a_seat_without_a_name_or_for_nobody_is_refused)
{
    aats_seat_t seat = seat_of("maker");
    REQUIRE(fixture_risk(2, 1, 1) == AATS_OK);
    CHECK_EQ_I64(aats_seat_take(&risk, 0, &seat, 0, 0), AATS_E_ARG);
    memset(seat.name, 'x', sizeof seat.name); /* no end */
    CHECK_EQ_I64(aats_seat_take(&risk, ME, &seat, 0, 0), AATS_E_ARG);
    seat.name[0] = 0;
    CHECK_EQ_I64(aats_seat_take(&risk, ME, &seat, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_seat_find(&risk, "", ""), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_seat_claim(&risk, 0, 0, ME), AATS_E_BUSY);
    CHECK_EQ_I64(aats_seat_claim(&risk, 9, DEAD, ME), AATS_E_BUSY);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, ME, AATS_SEAT_LIVE), AATS_E_STALE);
}

/* ---- symbols and rows ---- */

TEST(a_symbol_has_one_place_for_each_mode)
{
    REQUIRE(fixture_risk(1, 3, 1) == AATS_OK);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8), 0);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "ETHBTC.BINANCE", "BTC", AATS_MODE_SIM, -8, -8), 1);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8), 0);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_DIRECT, -8, -8), 2);
    CHECK(risk.syms[0].quote_at != risk.syms[1].quote_at && risk.syms[0].quote_at != risk.syms[2].quote_at); /* modes do not mix */
    CHECK_EQ_I64(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -5), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "LTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8), AATS_E_FULL);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "", "USDT", AATS_MODE_SIM, -8, -8), AATS_E_ARG);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "X", "USDT", AATS_RISK_MODES, -8, -8), AATS_E_ARG);
}

TEST(symbols_of_one_quote_asset_share_its_sum_and_too_many_assets_are_refused)
{
    char name[48], quote[16];
    REQUIRE(fixture_risk(1, 40, 1) == AATS_OK);
    for (int i = 0; i < AATS_RISK_QUOTES; i++) {
        snprintf(name, sizeof name, "A%d", i);
        snprintf(quote, sizeof quote, "Q%d", i);
        CHECK_EQ_I64(aats_risk_symbol(&risk, name, quote, AATS_MODE_SIM, -8, -8), i);
        CHECK_EQ_U64(risk.syms[i].quote_at, (uint64_t)i);
    }
    CHECK_EQ_I64(aats_risk_symbol(&risk, "ONE", "MORE", AATS_MODE_SIM, -8, -8), AATS_E_FULL);
    int const at = aats_risk_symbol(&risk, "OTHER", "Q3", AATS_MODE_SIM, -8, -8);
    CHECK(at > 0);
    CHECK_EQ_U64(risk.syms[at].quote_at, 3);
}

TEST(a_symbol_whose_maker_died_half_way_is_given_up)
{
    REQUIRE(fixture_risk(1, 4, 1) == AATS_OK);
    risk.syms[0].state = DEAD; /* killed before its last step */
    CHECK_EQ_I64(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8), 1);
    CHECK_EQ_I64(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8), 1);
}

TEST(a_row_of_limits_is_found_by_scope_and_name)
{
    aats_rlimits_t row = {.order_notional = 5, .swtch = AATS_SWITCH_HALT}, out;
    REQUIRE(fixture_risk(1, 1, 3) == AATS_OK);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_HOST, "", 0), 0);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_HOST, "x", 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_STRATEGY, "", 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_STRATEGY, "maker", 0), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_STRATEGY, "maker", 1), 1);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_SYMBOL, "maker", 1), 2);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_STRATEGY, "maker", 1), 1);
    CHECK_EQ_I64(aats_risk_row(&risk, AATS_SCOPE_SYMBOL, "other", 1), AATS_E_FULL);

    uint64_t const news = risk.risk->news;
    CHECK_EQ_I64(aats_risk_row_put(&risk, 1, &row), AATS_OK);
    aats_risk_row_read(&risk, 1, &out);
    CHECK_EQ_I64(out.order_notional, 5);
    CHECK_EQ_U64(out.swtch, AATS_SWITCH_ACTIVE); /* limits do not move a switch */
    CHECK_EQ_I64(aats_risk_row_switch(&risk, 0, AATS_SWITCH_HALT, "why"), AATS_OK);
    aats_risk_row_read(&risk, 0, &out);
    CHECK_EQ_U64(out.swtch, AATS_SWITCH_HALT);
    CHECK_EQ_U64(risk.risk->swtch, AATS_SWITCH_HALT);
    CHECK_STR(out.reason, "why");
    CHECK_EQ_U64(risk.risk->news, news + 2);
    CHECK_EQ_I64(aats_risk_row_put(&risk, 7, &row), AATS_E_ARG);
    CHECK_EQ_I64(aats_risk_row_switch(&risk, 0, 9, ""), AATS_E_ARG);
}

/* ---- seats ---- */

static aats_rcell_t const STAKE = {.pos_i = 3 * ONE, .buy_i = ONE, .open_cnt = 2, .exposure_i = 400 * ONE};

TEST(a_seat_that_is_taken_is_somebody_s)
{
    aats_seat_t out;
    REQUIRE(fixture_risk(2, 1, 1) == AATS_OK);
    CHECK_EQ_I64(take_seat("maker", 10), 0);
    CHECK(aats_seat_mine(&risk.seats[0], ME));
    CHECK(!aats_seat_mine(&risk.seats[0], HEIR));
    CHECK_EQ_I64(aats_seat_read(&risk, 0, &out), AATS_OK);
    CHECK_STR(out.name, "maker");
    CHECK_EQ_U64(out.instance, 77);
    CHECK_EQ_U64(out.owner, aats_ident_with(ME, AATS_SEAT_LIVE));
    CHECK_EQ_I64(take_seat("maker", 30), AATS_E_BUSY); /* its owner lives, as far as anybody has said */
    CHECK_EQ_I64(take_seat("taker", 30), 1);
    CHECK_EQ_I64(take_seat("third", 40), AATS_E_FULL);
    CHECK_EQ_I64(aats_seat_find(&risk, "taker", "BINANCE-1a2b3c4d"), 1);
    CHECK_EQ_I64(aats_seat_find(&risk, "taker", "BINANCE-other"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_seat_read(&risk, 5, &out), AATS_E_EMPTY);
}

TEST(a_seat_given_back_with_nothing_in_it_is_free_and_zero)
{
    static aats_seat_t const zero;
    REQUIRE(fixture_risk(1, 2, 1) == AATS_OK);
    CHECK_EQ_I64(take_seat("maker", 10), 0);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, HEIR, AATS_SEAT_FREE), AATS_E_STALE);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, ME, AATS_SEAT_FREE), AATS_OK);
    CHECK(memcmp(&risk.seats[0], &zero, sizeof zero) == 0);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, ME, AATS_SEAT_LIVE), AATS_E_STALE);
    CHECK_EQ_I64(take_seat("other", 20), 0);
}

TEST(a_seat_given_back_with_a_position_is_parked_and_goes_on_counting)
{
    aats_rcell_t sum;
    REQUIRE(fixture_risk(1, 2, 1) == AATS_OK);
    REQUIRE(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8) == 0);
    REQUIRE(take_seat("maker", 10) == 0);
    aats_cell_set(&risk, 0, 0, &STAKE);
    CHECK_EQ_I64(risk.seats[0].open_cnt, 2);
    CHECK_EQ_I64(risk.seats[0].exposure_i[0], 400 * ONE);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, ME, AATS_SEAT_FREE), AATS_OK);
    CHECK_EQ_U64(aats_ident_state(risk.seats[0].owner), AATS_SEAT_PARKED);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, ME, AATS_SEAT_FREE), AATS_E_STALE); /* given away */
    aats_cell_sum(&risk, 0, &sum);
    CHECK_EQ_I64(sum.pos_i, 3 * ONE);
    CHECK_EQ_I64(take_seat("other", 20), AATS_E_FULL); /* what holds something is never reclaimed */
    CHECK_EQ_I64(take_seat("maker", 30), 0);           /* but is its name's */
    CHECK(aats_seat_mine(&risk.seats[0], HEIR));
    aats_cell_sum(&risk, 0, &sum);
    CHECK_EQ_I64(sum.pos_i, 3 * ONE);
    CHECK_EQ_I64(sum.buy_i, ONE);
}

TEST(what_a_strategy_did_today_goes_on_counting_until_its_seat_is_needed)
{
    REQUIRE(fixture_risk(2, 1, 1) == AATS_OK);
    for (uint64_t i = 0; i < 2; i++) {
        REQUIRE(take_seat(i == 0 ? "old" : "new", 10 + i) == (int)i);
        aats_rate_count(&risk.seats[i].orders, MONO, 20000);
        risk.seats[i].beat_mono_ns = 100 + i;
        CHECK_EQ_I64(aats_seat_move(&risk, (uint32_t)i, fixture_ident(10 + i), AATS_SEAT_FREE), AATS_OK);
        CHECK_EQ_U64(aats_ident_state(risk.seats[i].owner), AATS_SEAT_PARKED);
    }
    CHECK_EQ_I64(take_seat("third", 30), 0); /* in the place of the one left longest ago */
    CHECK_EQ_I64(aats_seat_find(&risk, "old", "BINANCE-1a2b3c4d"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_seat_find(&risk, "new", "BINANCE-1a2b3c4d"), 1);
    CHECK_EQ_I64(aats_rate_today(&risk.seats[0].orders, 20000), 0);
}

TEST(a_dead_owner_s_seat_is_claimed_once_and_its_cells_stay)
{
    aats_rcell_t cell;
    REQUIRE(fixture_risk(1, 1, 1) == AATS_OK);
    REQUIRE(aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8) == 0);
    REQUIRE(take_seat("maker", 20) == 0);
    aats_cell_set(&risk, 0, 0, &STAKE);
    uint64_t const seen = risk.seats[0].owner;
    CHECK_EQ_I64(aats_seat_claim(&risk, 0, seen, HEIR), AATS_OK);
    CHECK_EQ_I64(aats_seat_claim(&risk, 0, seen, ME), AATS_E_BUSY);
    CHECK(!aats_seat_mine(&risk.seats[0], DEAD));
    CHECK(!aats_seat_mine(&risk.seats[0], HEIR)); /* CLEARING sends nothing */
    aats_cell_read(&risk, 0, 0, &cell);
    CHECK_EQ_I64(cell.pos_i, 3 * ONE);
    CHECK_EQ_I64(cell.buy_i, ONE);
    CHECK_EQ_I64(cell.open_cnt, 2);
    CHECK_EQ_U64(risk.seats[0].instance, 77); /* whose orders they are */
    CHECK_EQ_I64(aats_seat_move(&risk, 0, HEIR, AATS_SEAT_PARKED), AATS_OK);
    CHECK_EQ_I64(aats_seat_claim(&risk, 0, risk.seats[0].owner, ME), AATS_E_BUSY); /* parked: nobody's orders */
}

TEST(a_restart_takes_the_seat_of_its_dead_self_and_nobody_else_s)
{
    aats_seat_t seat = seat_of("maker");
    REQUIRE(fixture_risk(2, 1, 1) == AATS_OK);
    REQUIRE(take_seat("maker", 20) == 0);
    uint64_t const seen = risk.seats[0].owner;
    seat.instance = 78;
    CHECK_EQ_I64(aats_seat_take(&risk, HEIR, &seat, aats_ident_with(seen, AATS_SEAT_CLEARING), 0), AATS_E_BUSY); /* the whole word, as read */
    CHECK_EQ_I64(aats_seat_take(&risk, HEIR, &seat, seen, 1), 0);
    CHECK_EQ_U64(aats_ident_state(risk.seats[0].owner), AATS_SEAT_CLEARING);
    CHECK_EQ_U64(risk.seats[0].instance, 78);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, HEIR, AATS_SEAT_LIVE), AATS_OK);
    CHECK_EQ_I64(aats_seat_take(&risk, ME, &seat, seen, 0), AATS_E_BUSY);
}

TEST(a_seat_left_in_boot_can_be_cleared)
{
    REQUIRE(fixture_risk(1, 1, 1) == AATS_OK);
    risk.seats[0].owner = aats_ident_with(DEAD, AATS_SEAT_BOOT); /* killed while it took the seat */
    strcpy(risk.seats[0].name, "ma");
    CHECK_EQ_I64(take_seat("maker", 10), AATS_E_FULL);
    CHECK_EQ_I64(aats_seat_claim(&risk, 0, risk.seats[0].owner, HEIR), AATS_OK);
    CHECK_EQ_I64(aats_seat_move(&risk, 0, HEIR, AATS_SEAT_FREE), AATS_OK);
    CHECK_EQ_I64(take_seat("maker", 10), 0);
}

TEST(sums_that_do_not_fit_are_above_every_limit)
{
    aats_rcell_t const huge = {.pos_i = INT64_MAX, .buy_i = INT64_MAX, .open_cnt = INT64_MAX, .exposure_i = INT64_MAX};
    aats_rcell_t sum;
    REQUIRE(fixture_risk(2, 2, 1) == AATS_OK);
    REQUIRE(aats_risk_symbol(&risk, "A", "USDT", AATS_MODE_SIM, -8, -8) == 0 && aats_risk_symbol(&risk, "B", "USDT", AATS_MODE_SIM, -8, -8) == 1);
    REQUIRE(take_seat("maker", 10) == 0 && take_seat("taker", 20) == 1);
    for (uint32_t seat = 0; seat < 2; seat++) {
        for (uint32_t sym = 0; sym < 2; sym++) aats_cell_set(&risk, seat, sym, &huge);
    }
    aats_cell_sum(&risk, 0, &sum);
    CHECK(sum.pos_i == INT64_MAX && sum.buy_i == INT64_MAX && sum.open_cnt == INT64_MAX && sum.exposure_i == INT64_MAX);
    CHECK(risk.seats[0].exposure_i[0] == INT64_MAX && risk.seats[0].open_cnt == INT64_MAX);
}

/* ---- rates ---- */

TEST(a_sliding_second_never_holds_less_than_was_counted_in_it)
{
    static aats_rrate_t rate;
    static int64_t when[4000];
    uint64_t seed = 1;
    int64_t now = MONO;
    int cnt = 0;
    memset(&rate, 0, sizeof rate);
    for (; cnt < 4000; cnt++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        now += (int64_t)(seed >> 33) % (SEC / 20);
        aats_rate_count(&rate, now, 20000);
        when[cnt] = now;
        int64_t in_second = 0, in_part_more = 0;
        for (int i = cnt; i >= 0 && now - when[i] <= SEC + 2 * ((int64_t)1 << AATS_RATE_PART_BITS); i--) {
            in_second += now - when[i] < SEC;
            in_part_more++;
        }
        int64_t const told = aats_rate_second(&rate, now);
        CHECK(told >= in_second && told <= in_part_more);
    }
    CHECK_EQ_I64(aats_rate_today(&rate, 20000), 4000);
    CHECK_EQ_I64(aats_rate_today(&rate, 20001), 0);
    CHECK_EQ_I64(aats_rate_today(&rate, 19999), 4000); /* a clock that was set back */
    CHECK_EQ_I64(aats_rate_second(&rate, now + 2 * SEC), 0);
}

TEST(what_was_taken_back_does_not_count)
{
    aats_rrate_t rate = {0};
    aats_rate_count(&rate, MONO, 20000);
    aats_rate_count(&rate, MONO, 20000);
    aats_rate_uncount(&rate, MONO, 20000);
    CHECK_EQ_I64(aats_rate_second(&rate, MONO), 1);
    CHECK_EQ_I64(aats_rate_today(&rate, 20000), 1);
    aats_rate_uncount(&rate, MONO + 5 * SEC, 20001); /* neither of that second nor of that day */
    CHECK_EQ_I64(aats_rate_second(&rate, MONO), 1);
    CHECK_EQ_I64(aats_rate_today(&rate, 20000), 1);
    aats_rate_carry(&rate, 20000, 41);
    CHECK_EQ_I64(aats_rate_today(&rate, 20000), 42);
    aats_rate_carry(&rate, 19999, 7); /* a day that is over counts in the one that runs: too much, not too little */
    CHECK(aats_rate_today(&rate, 20000) >= 42);
}

RUN_ALL()
