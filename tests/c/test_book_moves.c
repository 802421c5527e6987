/* test_book_moves.c -- the book's arrays lie where the prices are, and moving them loses nothing. */
#include "book_pair.h"

TEST(a_venue_that_makes_its_tick_finer_gets_a_finer_array)
{
    pair_t t;
    aats_book_side_t look;
    pair_init(&t, 1024, 100);
    aats_level_t levels[100];
    for (int i = 0; i < 100; i++) levels[i] = (aats_level_t){100000 - i * 100, 1};
    pair_load(&t, levels, 100, NULL, 0);
    aats_book_look(t.book, AATS_BID, &look);
    CHECK_EQ_I64(look.tick_i, 100);
    CHECK_EQ_U64(look.far, 0);
    for (int i = 0; i < 5000; i++) pair_set(&t, AATS_BID, 100000 - below(300) * 10, below(3));
    aats_book_look(t.book, AATS_BID, &look);
    CHECK_EQ_I64(look.tick_i, 10);
    CHECK(look.levels > 100 && look.far * 4 < look.levels);
    pair_same(&t);
    pair_fini(&t);
}

TEST(an_unknown_tick_is_learned_from_the_best_prices)
{
    pair_t t;
    aats_book_side_t look;
    aats_level_t levels[300];
    pair_init(&t, 8192, 0);
    for (int i = 0; i < 290; i++) levels[i] = (aats_level_t){5000000 - i * 250, 1};
    for (int i = 290; i < 300; i++) levels[i] = (aats_level_t){3000001 - i * 3, 1}; /* from the days of a finer tick */
    pair_load(&t, levels, 300, NULL, 0);
    aats_book_look(t.book, AATS_BID, &look);
    CHECK_EQ_I64(look.tick_i, 250);
    CHECK_EQ_U64(look.far, 10);
    pair_same(&t);
    aats_book_clear(t.book); /* and without a snapshot, from the changes */
    sorted_clear(&t.model);
    for (int i = 0; i < 600; i++) pair_set(&t, AATS_ASK, 7000 + below(500) * 7, 1 + below(9));
    aats_book_look(t.book, AATS_ASK, &look);
    CHECK_EQ_I64(look.tick_i, 7);
    CHECK_EQ_U64(look.far, 0);
    pair_same(&t);
    pair_fini(&t);
}

TEST(the_array_follows_the_price_both_ways)
{
    pair_t t;
    aats_book_side_t look;
    pair_init(&t, 1024, 1);
    int64_t mid = 1000000;
    for (int step = 0; step < 40000; step++) {
        mid += step < 20000 ? 1 : -1;
        pair_set(&t, AATS_BID, mid - 1 - below(50), 1 + below(9));
        pair_set(&t, AATS_ASK, mid + 1 + below(50), 1 + below(9));
        pair_set(&t, step < 20000 ? AATS_ASK : AATS_BID, mid, 0); /* what the price runs over goes */
        if (step == 0 || step % 1000) continue;
        pair_same(&t);
        for (int side = 0; side < 2; side++) { /* the best may leave the array for as long as the misses are counted, no longer */
            aats_level_t best;
            aats_book_look(t.book, side, &look);
            CHECK(aats_book_best(t.book, side, &best));
            int64_t edge = side == AATS_BID ? look.hi_px_i - best.px_i : best.px_i - look.lo_px_i;
            int ok = edge > -AATS_BOOK_MISS_MAX - 50 && edge < 1024 + AATS_BOOK_MISS_MAX + 50;
            CHECK_MSG(ok, "best is %" PRId64 " ticks inside at step %d", edge, step);
        }
    }
    for (int side = 0; side < 2; side++) {
        aats_book_look(t.book, side, &look);
        CHECK(look.moves >= 20 && look.moves < 400);
    }
    pair_fini(&t);
}

TEST(a_few_prices_far_above_the_best_do_not_draw_the_array_away)
{
    pair_t t;
    aats_book_side_t look;
    aats_level_t levels[50];
    pair_init(&t, 1024, 1);
    for (int i = 0; i < 50; i++) levels[i] = (aats_level_t){50000 - i, 1};
    pair_load(&t, levels, 50, NULL, 0);
    for (int i = 0; i < 3000; i++) {
        pair_set(&t, AATS_BID, 9000000 + below(5), below(2));
        pair_set(&t, AATS_BID, 50000 - below(50), 1 + below(2));
    }
    aats_book_look(t.book, AATS_BID, &look);
    CHECK(look.lo_px_i <= 49950 && look.hi_px_i >= 50000);
    CHECK(look.far <= 5);
    pair_same(&t);
    pair_fini(&t);
}

/* pair_run does `ops` random changes and compares on the way.  `moved` must never be 0 while the taken levels differ. */
static void pair_run(pair_t *t, int ops, int64_t mid, int64_t tick, int spread, int drift)
{
    size_t const depth = 1 + (size_t)below(20);
    for (int i = 0; i < ops; i++) {
        int side = (int)below(2), roll = (int)below(1000);
        if (drift && roll < drift) mid += (below(2) * 2 - 1) * tick * below(64);
        int64_t off = tick * (roll < 30 ? below((uint64_t)spread * 40) : below((uint64_t)spread));
        int64_t px = side == AATS_BID ? mid - off : mid + off;
        if (below(100) == 0) px += below((uint64_t)tick * 3);
        pair_set(t, side, px, below(10) < 4 ? 0 : below(5) + 1);
        if (i % 64 == 0) {
            for (int s = 0; s < 2 && !aats_book_moved(t->book); s++) {
                aats_level_t now[20];
                size_t cnt = aats_book_top(t->book, s, depth, now);
                CHECK_EQ_U64(cnt, t->taken_cnt[s]);
                CHECK_MEM(now, t->taken[s], cnt * sizeof now[0]);
            }
            for (int s = 0; s < 2; s++) t->taken_cnt[s] = aats_book_take(t->book, s, depth, t->taken[s]);
        }
        if (i % 5000 == 0 && !pair_same(t)) return;
    }
    pair_same(t);
}

TEST(a_million_random_changes_leave_book_and_model_equal)
{
    struct { uint32_t window; int64_t given, tick, mid; int spread, drift, ops; } const runs[] = {
        {8192, 100,  100,     600000000, 300,  0,   300000}, /* a calm market */
        {1024, 0,    100,     600000000, 200,  100, 200000}, /* a wandering one, tick learned */
        {64,   1,    1,       0,         400,  300, 100000}, /* window smaller than the book, prices below 0 */
        {64,   10,   7,       100000,    100,  50,  100000}, /* a tick that is wrong */
        {256,  0,    1 << 20, -5,        60,   200, 100000}, /* prices that no tick fits */
        {8192, 3,    3,       INT64_MAX - 3000000, 500, 10, 100000},
        {8192, 5,    5,       INT64_MIN + 3000000, 500, 10, 100000},
        {262144, 1,  1,       1000000,   2000, 500, 50000},
    };
    for (size_t i = 0; i < CNT(runs); i++) {
        pair_t t;
        rng_state = 77 + i;
        pair_init(&t, runs[i].window, runs[i].given);
        pair_run(&t, runs[i].ops, runs[i].mid, runs[i].tick, runs[i].spread, runs[i].drift);
        pair_fini(&t);
    }
}

RUN_ALL()
