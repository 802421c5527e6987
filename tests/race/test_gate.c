/* test_gate.c -- seats and limits under weak memory: no order of events lets two processes pass a limit together, takes a seat twice, enters a symbol
 * twice or forgets a fill on its way to the position; and with a kill at each step, too much may count, never too little. */
#include "weak.h"

#include "../c/risk_fixture.h"
#include "base/atomics.h"
#include "risk/rate.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))
#define NOT_YET 1000

static int got[WEAK_THREAD_MAX];
static uint64_t me(void) { return fixture_ident(100 + (uint64_t)weak_thread()); }
static uint64_t ident_of(int thread) { return fixture_ident(100 + (uint64_t)thread); }

static uint8_t *picture;

/* keep makes what is in the risk segment now the state in which each run begins. */
static int keep(void)
{
    free(picture);
    picture = malloc((size_t)risk.seg->size);
    if (picture != NULL) memcpy(picture, risk.seg, (size_t)risk.seg->size);
    return picture != NULL;
}

static void fresh(void)
{
    memcpy(risk.seg, picture, (size_t)risk.seg->size);
    for (int i = 0; i < WEAK_THREAD_MAX; i++) got[i] = NOT_YET;
    weak_name(risk.seats, risk.risk->seat_cap * sizeof *risk.seats, "seat");
    weak_name(risk.cells, risk.risk->seat_cap * risk.risk->sym_cap * sizeof *risk.cells, "cell");
    weak_name(risk.syms, risk.risk->sym_cap * sizeof *risk.syms, "symbol");
    weak_name(risk.limits, risk.risk->limits_cap * sizeof *risk.limits, "limits");
    weak_name(risk.risk, sizeof *risk.risk, "risk");
}

/* ---- S2 and S4, the words alone: every order of events ---- */

static int64_t seen[WEAK_THREAD_MAX];

static int two_seats(void)
{
    if (fixture_risk(2, 1, 3) != AATS_OK) return 0;
    if (aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8) != 0) return 0;
    return take_seat("a", 100) == 0 && take_seat("b", 101) == 1 && keep();
}

THREAD(setup)
{
    fresh();
    for (int i = 0; i < WEAK_THREAD_MAX; i++) seen[i] = -1;
}

static void announce(int fenced)
{
    aats_rcell_t const mine = {.buy_i = 1};
    aats_rcell_t sum;
    aats_cell_publish(&risk.cells[weak_thread()], &mine);
    if (fenced) aats_fence_full();
    aats_cell_sum(&risk, 0, &sum);
    seen[weak_thread()] = sum.buy_i;
}

THREAD(announce_fenced) { announce(1); }
THREAD(announce_bare)   { announce(0); }
THREAD(check_one_sees)  { WEAK_ASSERT(seen[0] == 2 || seen[1] == 2); }

TEST(of_two_that_announce_at_least_one_sees_the_other)
{
    REQUIRE(two_seats());
    weak_program_t const good = {.setup = setup, .threads = {announce_fenced, announce_fenced}, .check = check_one_sees};
    WEAK_HOLDS(&good, .max_runs = 3000000);
    weak_program_t const bad = {.setup = setup, .threads = {announce_bare, announce_bare}, .check = check_one_sees};
    WEAK_CAUGHT(&bad, .max_runs = 1000000);
}

THREAD(setup_reserved)
{
    setup(ctx);
    risk.cells[0].buy_i = 1;
}

THREAD(fill)
{
    aats_rcell_t const filled = {.pos_i = 1};
    aats_cell_publish(&risk.cells[0], &filled);
}

THREAD(fill_reserved_first) /* as aats_cell_publish must not */
{
    aats_store_release((uint64_t *)(void *)&risk.cells[0].buy_i, 0);
    aats_store_release((uint64_t *)(void *)&risk.cells[0].pos_i, 1);
}

THREAD(sum_up)
{
    aats_rcell_t sum;
    aats_cell_sum(&risk, 0, &sum);
    seen[1] = sum.pos_i + sum.buy_i;
}

THREAD(check_counts) { WEAK_ASSERT(seen[1] == -1 || seen[1] >= 1); }

TEST(a_fill_on_its_way_to_the_position_counts_at_least_once)
{
    REQUIRE(two_seats());
    weak_program_t const good = {.setup = setup_reserved, .threads = {fill, sum_up}, .check = check_counts};
    WEAK_HOLDS(&good, .max_runs = 3000000);
    WEAK_HOLDS(&good, .max_runs = 3000000, .kill = 1);
    weak_program_t const bad = {.setup = setup_reserved, .threads = {fill_reserved_first, sum_up}, .check = check_counts};
    WEAK_CAUGHT(&bad, .max_runs = 1000000);
}

/* ---- whole gates that race for one limit ---- */

static aats_gate_t *gates[2];
static int limit;       /* orders that fit */
static int outstanding; /* orders let out and not over; the coroutines share one real thread, so this is exact */

/* two_gates: seats a and b, each with room for orders of 1 at 100, of which `fit` may be out together by the limit that is set. */
static int two_gates(int fit, aats_rlimits_t const *host, aats_rlimits_t const *symbol)
{
    if (!two_seats()) return 0;
    limit = fit;
    if (host != NULL) aats_risk_row_put(&risk, 0, host);
    if (symbol != NULL) aats_risk_row_put(&risk, (uint32_t)aats_risk_row(&risk, AATS_SCOPE_SYMBOL, "BTCUSDT.BINANCE", 1), symbol);
    return keep();
}

THREAD(setup_gates)
{
    aats_rules_t const rules = rules_for("BTCUSDT.BINANCE");
    char why[200];
    fresh();
    outstanding = 0;
    for (uint32_t i = 0; i < 2; i++) {
        aats_gate_free(gates[i]);
        gates[i] = aats_gate_new(risk.seg, risk.seg->size, i, ident_of((int)i), why, sizeof why);
        WEAK_ASSERT(gates[i] != NULL && aats_gate_symbol(gates[i], &rules, AATS_MODE_SIM) == 0);
        aats_gate_settled(gates[i]);
    }
}

static int let_out(aats_order_t const *o)
{
    aats_gbook_t const book = book_of(99, 101);
    int const code = aats_gate_reserve(gates[weak_thread()], 0, o, &book, DAY, MONO, NULL, 0);
    if (code != AATS_OC_NONE) return 0;
    outstanding++;
    WEAK_ASSERT(outstanding <= limit);
    return 1;
}

static aats_order_t order(void) { return order_of(AATS_SIDE_BUY, 100, 1); }

THREAD(one_order)
{
    aats_order_t const o = order();
    let_out(&o);
}

THREAD(two_orders)
{
    aats_order_t const o = order(), p = order();
    let_out(&o);
    let_out(&p);
}

/* an order that is filled, one that is canceled, and another */
THREAD(a_life)
{
    aats_gate_t *g = gates[weak_thread()];
    aats_order_t o = order();
    aats_order_t const p = order(), q = order();
    if (let_out(&o)) {
        aats_gate_fill(g, 0, &o, 100 * ONE, ONE, ONE); /* out of the orders into the position: it goes on counting */
        o.cum_qty_i = o.qty_i;
        aats_gate_release(g, 0, &o);
    }
    if (let_out(&p)) {
        outstanding--;
        aats_gate_release(g, 0, &p);
    }
    let_out(&q);
}

THREAD(check_sums)
{
    aats_rcell_t sum;
    aats_cell_sum(&risk, 0, &sum);
    WEAK_ASSERT(outstanding <= limit);
    WEAK_ASSERT(sum.pos_i + sum.buy_i >= (int64_t)outstanding * ONE); /* whoever was killed: never too little */
}

static void race(int fit, aats_rlimits_t const *host, aats_rlimits_t const *symbol, uint64_t seed)
{
    REQUIRE(two_gates(fit, host, symbol));
    weak_program_t const one = {.setup = setup_gates, .threads = {one_order, one_order}, .check = check_sums};
    WEAK_HOLDS(&one, .random_runs = 2000, .seed = seed);
    WEAK_HOLDS(&one, .random_runs = 1000, .seed = seed + 1, .kill = 1);
    weak_program_t const two = {.setup = setup_gates, .threads = {two_orders, two_orders}, .check = check_sums};
    WEAK_HOLDS(&two, .random_runs = 1000, .seed = seed + 2, .kill = 3);
}

TEST(no_two_pass_a_limit_on_the_position_together)
{
    aats_rlimits_t const symbol = {.position = ONE};
    race(1, NULL, &symbol, 10);
    aats_rlimits_t const three = {.position = 3 * ONE};
    REQUIRE(two_gates(3, NULL, &three));
    weak_program_t const lives = {.setup = setup_gates, .threads = {a_life, a_life}, .check = check_sums};
    WEAK_HOLDS(&lives, .random_runs = 2000, .seed = 20);
    WEAK_HOLDS(&lives, .random_runs = 2000, .seed = 21, .kill = 3);
}

TEST(no_two_pass_a_limit_on_open_orders_together)
{
    aats_rlimits_t const host = {.open_orders = 1};
    race(1, &host, NULL, 30);
}

TEST(no_two_pass_a_limit_on_exposure_together)
{
    aats_rlimits_t const host = {.exposure = 250 * ONE};
    race(2, &host, NULL, 40);
}

TEST(no_two_pass_a_limit_on_the_day_s_orders_together)
{
    aats_rlimits_t const host = {.orders_1d = 1};
    race(1, &host, NULL, 50);
}

TEST(no_two_pass_a_limit_on_the_second_s_orders_together)
{
    aats_rlimits_t const host = {.orders_1s = 2};
    race(2, &host, NULL, 60);
}

/* Two that race for the last place are not both refused for ever: with the pauses in between, in nearly every order of events one has it. */
static int both_refused, runs;
THREAD(check_somebody)
{
    check_sums(ctx);
    runs++;
    both_refused += outstanding == 0;
}

TEST(of_two_that_race_for_the_last_place_one_has_it)
{
    aats_rlimits_t const symbol = {.position = ONE};
    REQUIRE(two_gates(1, NULL, &symbol));
    both_refused = runs = 0;
    weak_program_t const one = {.setup = setup_gates, .threads = {one_order, one_order}, .check = check_somebody};
    WEAK_HOLDS(&one, .random_runs = 2000, .seed = 70);
    CHECK_MSG(both_refused * 4 < runs, "both refused in %d of %d", both_refused, runs);
}

/* ---- the day's loss ---- */

THREAD(lose) { aats_gate_profit(gates[weak_thread()], 0, -60 * ONE, DAY); }
THREAD(check_thrown)
{
    WEAK_ASSERT(risk.risk->swtch == AATS_SWITCH_REDUCE);
    WEAK_ASSERT(risk.risk->trips == 1);
}

TEST(a_loss_that_only_both_together_have_throws_the_switch_once)
{
    aats_rlimits_t const host = {.loss_1d = 100 * ONE};
    REQUIRE(two_gates(1, &host, NULL));
    weak_program_t const program = {.setup = setup_gates, .threads = {lose, lose}, .check = check_thrown};
    WEAK_HOLDS(&program, .random_runs = 5000, .seed = 80);
}

/* ---- seats ---- */

static aats_rcell_t const STAKE = {.pos_i = 5, .buy_i = 3, .open_cnt = 2, .exposure_i = 800};

static void take(char const *name, uint64_t dead, int clearing)
{
    aats_seat_t const seat = seat_of(name);
    got[weak_thread()] = aats_seat_take(&risk, me(), &seat, dead, clearing);
}

THREAD(setup_seats) { fresh(); }
THREAD(take_new) { take("maker", 0, 0); }

/* nobody_twice: no two seats have one name, unless one of the two died before it was its. */
THREAD(check_name)
{
    int const won = (got[0] != NOT_YET && got[0] >= 0) + (got[1] != NOT_YET && got[1] >= 0);
    WEAK_ASSERT(won <= 1);
    for (int t = 0; t < 2; t++) {
        WEAK_ASSERT(got[t] == NOT_YET || got[t] == AATS_E_BUSY || got[t] >= 0);
        if (got[t] == NOT_YET || got[t] < 0) continue;
        WEAK_ASSERT(risk.seats[got[t]].owner == aats_ident_with(ident_of(t), AATS_SEAT_LIVE));
        WEAK_ASSERT(strcmp(risk.seats[got[t]].name, "maker") == 0 && risk.seats[got[t]].instance == 77);
    }
    /* whoever is dead can be cleared, and then the name is free or taken again */
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t const word = risk.seats[i].owner;
        if (word == 0) continue;
        WEAK_ASSERT(aats_seat_claim(&risk, i, word, ident_of(50)) == AATS_OK);
        WEAK_ASSERT(aats_seat_move(&risk, i, ident_of(50), AATS_SEAT_FREE) == AATS_OK);
    }
    aats_seat_t const seat = seat_of("maker");
    WEAK_ASSERT(aats_seat_take(&risk, ident_of(51), &seat, 0, 0) >= 0);
}

TEST(two_that_bring_the_same_name_are_never_both_let_in)
{
    REQUIRE(fixture_risk(2, 1, 1) == AATS_OK && keep());
    weak_program_t const program = {.setup = setup_seats, .threads = {take_new, take_new}, .check = check_name};
    WEAK_HOLDS(&program, .random_runs = 3000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 3000, .seed = 2, .kill = 1);
    WEAK_HOLDS(&program, .random_runs = 3000, .seed = 3, .kill = 2);
}

#define OLD fixture_ident(90)

/* a seat of a process that died with orders open */
static int dead_seat(uint32_t state)
{
    if (fixture_risk(1, 1, 1) != AATS_OK || aats_risk_symbol(&risk, "BTCUSDT.BINANCE", "USDT", AATS_MODE_SIM, -8, -8) != 0) return 0;
    if (take_seat("maker", 90) != 0) return 0;
    aats_cell_set(&risk, 0, 0, &STAKE);
    risk.seats[0].owner = aats_ident_with(OLD, (int)state);
    return keep();
}

THREAD(restart) { take("maker", aats_ident_with(OLD, AATS_SEAT_LIVE), 0); }
THREAD(supervise) { got[weak_thread()] = aats_seat_claim(&risk, 0, aats_ident_with(OLD, AATS_SEAT_LIVE), me()); }
THREAD(unpark) { take("maker", 0, 0); }

static int won(int t) { return got[t] != NOT_YET && got[t] >= 0; }

THREAD(check_stake)
{
    aats_rcell_t cell;
    aats_cell_read(&risk, 0, 0, &cell);
    WEAK_ASSERT(cell.pos_i == STAKE.pos_i && cell.buy_i == STAKE.buy_i && cell.open_cnt == STAKE.open_cnt && cell.exposure_i == STAKE.exposure_i);
    for (int t = 0; t < 2; t++) {
        WEAK_ASSERT(got[t] == NOT_YET || got[t] >= 0 || got[t] == AATS_E_BUSY);
        if (won(t)) WEAK_ASSERT(aats_ident_bare(risk.seats[0].owner) == ident_of(t));
    }
    WEAK_ASSERT(!(won(0) && won(1)));
}

THREAD(check_exactly_one)
{
    check_stake(ctx);
    WEAK_ASSERT(won(0) + won(1) == 1);
}

TEST(of_a_restart_and_a_supervisor_exactly_one_has_the_dead_one_s_orders)
{
    REQUIRE(dead_seat(AATS_SEAT_LIVE));
    weak_program_t const both = {.setup = setup_seats, .threads = {restart, supervise}, .check = check_exactly_one};
    WEAK_HOLDS(&both, .random_runs = 5000, .seed = 1);
    weak_program_t const claims = {.setup = setup_seats, .threads = {supervise, supervise}, .check = check_exactly_one};
    WEAK_HOLDS(&claims, .max_runs = 1000000);
    weak_program_t const killed = {.setup = setup_seats, .threads = {restart, supervise}, .check = check_stake};
    WEAK_HOLDS(&killed, .random_runs = 3000, .seed = 2, .kill = 1);
    WEAK_HOLDS(&killed, .random_runs = 3000, .seed = 3, .kill = 2);
}

TEST(a_parked_seat_is_taken_once)
{
    REQUIRE(dead_seat(AATS_SEAT_PARKED));
    weak_program_t const both = {.setup = setup_seats, .threads = {unpark, unpark}, .check = check_exactly_one};
    WEAK_HOLDS(&both, .random_runs = 5000, .seed = 1);
    weak_program_t const killed = {.setup = setup_seats, .threads = {unpark, unpark}, .check = check_stake};
    WEAK_HOLDS(&killed, .random_runs = 3000, .seed = 2, .kill = 1);
}

/* A process that was thought dead wakes up and leaves, while another has claimed its seat. */
THREAD(setup_asleep)
{
    fresh();
    risk.seats[0].owner = aats_ident_with(ident_of(0), AATS_SEAT_LIVE);
    aats_rcell_t const nothing = {0};
    memcpy(&risk.cells[0], &nothing, sizeof nothing);
}

THREAD(wake_and_leave) { got[0] = aats_seat_move(&risk, 0, me(), AATS_SEAT_FREE); }

THREAD(claim_asleep)
{
    got[1] = aats_seat_claim(&risk, 0, aats_ident_with(ident_of(0), AATS_SEAT_LIVE), me());
    if (got[1] == AATS_OK) aats_store_relaxed(&risk.seats[0].instance, 123);
}

THREAD(check_not_wiped)
{
    WEAK_ASSERT(!(got[0] == AATS_OK && got[1] == AATS_OK));
    if (got[1] == AATS_OK) WEAK_ASSERT(risk.seats[0].instance == 123 && strcmp(risk.seats[0].name, "maker") == 0);
}

TEST(who_wakes_up_late_wipes_nothing_of_the_next_owner)
{
    REQUIRE(dead_seat(AATS_SEAT_LIVE));
    weak_program_t const program = {.setup = setup_asleep, .threads = {wake_and_leave, claim_asleep}, .check = check_not_wiped};
    WEAK_HOLDS(&program, .random_runs = 5000, .seed = 1);
}

/* ---- symbols ---- */

static void enter(char const *symbol, char const *quote) { got[weak_thread()] = aats_risk_symbol(&risk, symbol, quote, AATS_MODE_SIM, -8, -8); }
THREAD(enter_btc) { enter("BTCUSDT.BINANCE", "USDT"); }
THREAD(enter_eth) { enter("ETHUSDT.BINANCE", "USDT"); }
THREAD(enter_cross) { enter("ETHBTC.BINANCE", "BTC"); }

THREAD(check_same)
{
    WEAK_ASSERT(got[0] == NOT_YET || got[1] == NOT_YET || got[0] == got[1]);
    WEAK_ASSERT(got[0] == NOT_YET || got[0] >= 0);
    int there = 0;
    for (uint64_t i = 0; i < 4; i++) {
        if (aats_ident_state(risk.syms[i].state) != 1) continue;
        WEAK_ASSERT(risk.risk->sym_cnt > i);
        there++;
    }
    WEAK_ASSERT(there <= 1);
}

THREAD(check_apart)
{
    for (int t = 0; t < 2; t++) WEAK_ASSERT(got[t] == NOT_YET || got[t] >= 0);
    if (got[0] == NOT_YET || got[1] == NOT_YET) return;
    WEAK_ASSERT(got[0] != got[1]);
    WEAK_ASSERT(risk.risk->sym_cnt > (uint64_t)got[0] && risk.risk->sym_cnt > (uint64_t)got[1]);
    WEAK_ASSERT(strcmp(risk.syms[got[0]].symbol, "BTCUSDT.BINANCE") == 0);
}

THREAD(check_quotes_same)
{
    check_apart(ctx);
    if (got[0] != NOT_YET && got[1] != NOT_YET) WEAK_ASSERT(risk.syms[got[0]].quote_at == risk.syms[got[1]].quote_at);
}

THREAD(check_quotes_apart)
{
    check_apart(ctx);
    if (got[0] != NOT_YET && got[1] != NOT_YET) WEAK_ASSERT(risk.syms[got[0]].quote_at != risk.syms[got[1]].quote_at);
}

TEST(a_symbol_is_entered_once_and_its_quote_asset_has_one_sum)
{
    REQUIRE(fixture_risk(1, 4, 1) == AATS_OK && keep());
    weak_program_t const same = {.setup = setup_seats, .threads = {enter_btc, enter_btc}, .check = check_same};
    WEAK_HOLDS(&same, .random_runs = 3000, .seed = 1);
    WEAK_HOLDS(&same, .random_runs = 2000, .seed = 2, .kill = 1);
    weak_program_t const one_quote = {.setup = setup_seats, .threads = {enter_btc, enter_eth}, .check = check_quotes_same};
    WEAK_HOLDS(&one_quote, .random_runs = 3000, .seed = 3);
    weak_program_t const two_quotes = {.setup = setup_seats, .threads = {enter_btc, enter_cross}, .check = check_quotes_apart};
    WEAK_HOLDS(&two_quotes, .random_runs = 3000, .seed = 4);
    WEAK_HOLDS(&two_quotes, .random_runs = 2000, .seed = 5, .kill = 2);
}

RUN_ALL()
