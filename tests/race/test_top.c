/* test_top.c -- best prices and last trade under weak memory: each of the two is whole, and they are of one moment. */
#include "weak.h"

#include "race_fixture.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

THREAD(setup) { race_md_reset(); }

static void publish_bbo(uint64_t seed)
{
    aats_rec_t rec = fixture_rec(AATS_REC_BBO, 0, seed);
    aats_level_t const bid = {(int64_t)seed, (int64_t)seed}, ask = {(int64_t)seed + 1, (int64_t)seed};
    rec.bid_len = rec.ask_len = 1;
    aats_md_publish(&writer, &rec, &bid, &ask);
}

static void publish_tick(uint64_t seed)
{
    aats_rec_t rec = fixture_rec(AATS_REC_TICK, 0, seed);
    aats_md_publish(&writer, &rec, NULL, NULL);
}

THREAD(write_one) { publish_tick(1); }

/* The seed of write number k is k: bbo 1, tick 2, bbo 3, tick 4. */
THREAD(write_four)
{
    publish_bbo(1);
    publish_tick(2);
    publish_bbo(3);
    publish_tick(4);
}

static void check_top(aats_top_t const *top, uint64_t bbo, uint64_t tick)
{
    int64_t const b = (int64_t)bbo, t = (int64_t)tick;
    WEAK_ASSERT(top->bbo_rec == bbo && top->bbo_seq == bbo && top->bbo_exch_ns == b && top->bbo_recv_ns == b);
    WEAK_ASSERT(top->bid_px_i == b && top->bid_qty_i == b && top->ask_px_i == (b ? b + 1 : 0) && top->ask_qty_i == b);
    WEAK_ASSERT(top->tick_rec == tick && top->tick_seq == tick && top->tick_exch_ns == t && top->tick_recv_ns == t);
    WEAK_ASSERT(top->tick_px_i == t && top->tick_qty_i == t && top->tick_side == (tick ? -1 : 0));
}

THREAD(read_one)
{
    aats_top_t top;
    int const got = aats_top_try(&md, 0, &top);
    WEAK_ASSERT(got == 0 || got == 1 || got == AATS_E_EMPTY);
    if (got == 1) check_top(&top, 0, 1);
}

THREAD(read_twice)
{
    uint64_t seen = 0;
    for (int turn = 0; turn < 2; turn++) {
        aats_top_t top;
        int const got = aats_top_try(&md, 0, &top);
        WEAK_ASSERT(got == 0 || got == 1 || (got == AATS_E_EMPTY && seen == 0));
        if (got != 1) continue;
        uint64_t const writes = top.stamp / 2;
        WEAK_ASSERT(top.stamp >= seen && writes >= 1 && writes <= 4);
        seen = top.stamp;
        check_top(&top, writes - (writes % 2 == 0), writes - (writes % 2 == 1));
    }
}

TEST(a_first_trade_is_seen_whole_or_not_at_all)
{
    REQUIRE(race_md_init(2, 5, 1));
    weak_program_t const program = {.setup = setup, .threads = {write_one, read_one}};
    WEAK_HOLDS(&program, .kill = 1);
}

TEST(best_prices_and_trade_of_a_copy_are_of_one_moment)
{
    REQUIRE(race_md_init(4, 5, 1));
    weak_program_t const program = {.setup = setup, .threads = {write_four, read_twice}};
    WEAK_HOLDS(&program, .random_runs = 6000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 2, .kill = 1);
}

RUN_ALL()
