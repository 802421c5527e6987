/* test_book.c -- the promises of csrc/book/book.h, seen from outside.  Where the array lies and moves is in test_book_moves.c, the parts
 * inside are in test_book_parts.c. */
#include "book_pair.h"

/* ---- refusals ----------------------------------------------------------------------------------------------------------- */

TEST(a_window_that_is_no_power_of_two_in_range_is_refused)
{
    uint64_t mem[4];
    uint32_t const wrong[] = {0, 1, 32, 63, 65, 8191, 100000, AATS_BOOK_WINDOW_MAX * 2, UINT32_MAX};
    for (size_t i = 0; i < CNT(wrong); i++) {
        CHECK_EQ_U64(aats_book_footprint(wrong[i]), 0);
        CHECK(aats_book_init(mem, wrong[i], 1) == NULL);
    }
    CHECK(aats_book_footprint(AATS_BOOK_WINDOW_MIN) > 0);
    CHECK(aats_book_footprint(AATS_BOOK_WINDOW_MAX) > 0);
}

TEST(bad_memory_and_a_negative_tick_are_refused)
{
    char *mem = malloc(aats_book_footprint(64) + 8);
    CHECK(aats_book_init(NULL, 64, 1) == NULL);
    CHECK(aats_book_init(mem + 4, 64, 1) == NULL);
    CHECK(aats_book_init(mem, 64, -1) == NULL);
    CHECK(aats_book_init(mem + 8, 64, 1) != NULL);
    free(mem);
}

TEST(a_negative_quantity_or_another_side_is_refused_and_changes_nothing)
{
    pair_t t;
    pair_init(&t, 64, 1);
    aats_level_t const good[] = {{100, 5}, {99, 4}}, bad[] = {{98, 1}, {97, -1}, {96, 1}};
    pair_load(&t, good, 2, NULL, 0);
    CHECK_EQ_I64(aats_book_set(t.book, AATS_BID, 100, -1), AATS_E_ARG);
    CHECK_EQ_I64(aats_book_set(t.book, AATS_BID, 100000, INT64_MIN), AATS_E_ARG);
    CHECK_EQ_I64(aats_book_set(t.book, 2, 100, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_book_set(t.book, -1, 100, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_book_load(t.book, bad, 3, NULL, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_book_load(t.book, NULL, 0, bad, 3), AATS_E_ARG);
    CHECK_EQ_I64(aats_book_load(t.book, NULL, 1, NULL, 0), AATS_E_ARG);
    pair_same(&t);
    CHECK_EQ_I64(aats_book_apply(t.book, AATS_BID, bad, 3), AATS_E_ARG);
    sorted_set(&t.model, AATS_BID, 98, 1); /* those before the refused one are applied */
    pair_same(&t);
    CHECK(!aats_book_broken(t.book));
    pair_fini(&t);
}

TEST(a_book_without_memory_says_that_it_is_broken_until_it_is_loaded_or_cleared)
{
    pair_t t;
    aats_level_t wide[12];
    for (int i = 0; i < 12; i++) wide[i] = (aats_level_t){1000000 - i * 1000, 1};
    pair_init(&t, 64, 1);
    aats_book_limit(t.book, 10);
    CHECK_EQ_I64(aats_book_load(t.book, wide, 12, NULL, 0), AATS_E_NOMEM); /* one of them is in the array */
    CHECK(aats_book_broken(t.book));
    CHECK_EQ_I64(aats_book_set(t.book, AATS_ASK, 5, 1), AATS_E_NOMEM);
    CHECK_EQ_I64(aats_book_set(t.book, AATS_BID, 5, 0), AATS_E_NOMEM);
    CHECK_EQ_I64(aats_book_apply(t.book, AATS_BID, wide, 1), AATS_E_NOMEM);
    pair_load(&t, wide, 11, NULL, 0);
    CHECK(!aats_book_broken(t.book));
    pair_same(&t);
    CHECK_EQ_I64(aats_book_set(t.book, AATS_BID, 7, 1), AATS_E_NOMEM);
    CHECK(aats_book_broken(t.book));
    aats_book_clear(t.book);
    CHECK(!aats_book_broken(t.book));
    CHECK_EQ_I64(aats_book_set(t.book, AATS_BID, 7, 1), AATS_OK);
    CHECK_EQ_U64(aats_book_cnt(t.book, AATS_BID), 1);
    pair_fini(&t);
}

/* ---- the path ----------------------------------------------------------------------------------------------------------- */

TEST(an_empty_and_a_one_sided_book_have_no_best_and_are_not_crossed)
{
    pair_t t;
    aats_level_t out = {-7, -7};
    pair_init(&t, 64, 0);
    CHECK_EQ_I64(aats_book_best(t.book, AATS_BID, &out), 0);
    CHECK_EQ_U64(aats_book_top(t.book, AATS_ASK, 1, &out), 0);
    CHECK(out.px_i == -7 && out.qty_i == -7);
    pair_same(&t);
    pair_set(&t, AATS_ASK, 10, 1);
    pair_same(&t);
    CHECK(!aats_book_crossed(t.book));
    pair_set(&t, AATS_BID, 9, 1);
    CHECK(!aats_book_crossed(t.book));
    pair_set(&t, AATS_BID, 10, 1);
    CHECK(aats_book_crossed(t.book));
    pair_set(&t, AATS_BID, 10, 0);
    CHECK(!aats_book_crossed(t.book));
    pair_same(&t);
    pair_fini(&t);
}

TEST(deleting_what_is_not_there_is_normal)
{
    pair_t t;
    aats_level_t const level = {100, 5};
    pair_init(&t, 64, 1);
    pair_set(&t, AATS_BID, 100, 0);
    pair_load(&t, &level, 1, NULL, 0);
    pair_set(&t, AATS_BID, 99, 0);       /* in the array's reach */
    pair_set(&t, AATS_BID, 5000000, 0);  /* out of it */
    pair_set(&t, AATS_BID, INT64_MIN, 0);
    pair_set(&t, AATS_ASK, 100, 0);
    pair_same(&t);
    CHECK_EQ_U64(aats_book_cnt(t.book, AATS_BID), 1);
    pair_fini(&t);
}

TEST(a_snapshot_in_any_order_gives_the_same_book_and_replaces_the_old_one)
{
    static aats_level_t levels[2][5000];
    pair_t t;
    pair_init(&t, 1024, 100);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 5000; i++) {
            int64_t at = round == 0 ? i : round == 1 ? 4999 - i : below(20000); /* best first, worst first, shuffled with doubles */
            levels[0][i] = (aats_level_t){6000000 - at * 100 - round, round > 1 ? below(4) : i + 1};
            levels[1][i] = (aats_level_t){6000100 + at * 100 + round, round > 1 ? below(4) : i + 1};
        }
        pair_load(&t, levels[0], 5000, levels[1], 5000);
        pair_same(&t);
    }
    pair_load(&t, NULL, 0, levels[1], 1);
    CHECK_EQ_U64(aats_book_cnt(t.book, AATS_BID), 0);
    pair_same(&t);
    pair_fini(&t);
}

TEST(of_a_price_that_stands_twice_in_a_snapshot_the_last_counts)
{
    pair_t t;
    aats_level_t const bids[] = {{100, 5}, {99, 1}, {100, 7}, {99, 0}, {98, 0}, {98, 2}}, asks[] = {{1000000, 1}, {101, 1}, {1000000, 3}};
    pair_init(&t, 64, 1);
    pair_load(&t, bids, CNT(bids), asks, CNT(asks));
    pair_same(&t);
    aats_level_t out[4];
    CHECK_EQ_U64(aats_book_top(t.book, AATS_BID, 4, out), 2);
    CHECK(out[0].px_i == 100 && out[0].qty_i == 7 && out[1].px_i == 98 && out[1].qty_i == 2);
    CHECK_EQ_U64(aats_book_top(t.book, AATS_ASK, 4, out), 2);
    CHECK(out[1].px_i == 1000000 && out[1].qty_i == 3);
    pair_fini(&t);
}

TEST(a_cut_forgets_the_worst_levels_wherever_they_lie)
{
    pair_t t;
    pair_init(&t, 64, 1); /* a narrow array: most levels lie in the overflow map */
    size_t gone = 0;
    for (int i = 0; i < 4000; i++) {
        int side = (int)below(2);
        pair_set(&t, side, below(4) ? 1000 + below(64) : below(100000) - 50000, below(5));
        size_t keep = (size_t)below(30), want = t.model.cnt[side] > keep ? t.model.cnt[side] - keep : 0;
        if (below(4)) continue;
        while (t.model.cnt[side] > keep) sorted_set(&t.model, side, t.model.px[side][0], 0);
        CHECK_EQ_U64(aats_book_cut(t.book, side, keep), want);
        gone += want;
        REQUIRE(pair_same(&t));
    }
    CHECK(gone > 1000);
    pair_fini(&t);
}

TEST(a_cut_of_levels_that_lie_close_forgets_the_worst_and_says_if_it_met_what_was_taken)
{
    pair_t t;
    aats_level_t taken[8];
    pair_init(&t, 4096, 1); /* all lie in the array */
    size_t gone = 0;
    for (int i = 0; i < 4000; i++) {
        int side = (int)below(2);
        for (int k = 0; k < 8; k++) pair_set(&t, side, 1000 + below(600), below(4));
        size_t keep = (size_t)below(200), had = t.model.cnt[side], want = had > keep ? had - keep : 0;
        size_t const depth = aats_book_take(t.book, side, 8, taken);
        aats_book_take(t.book, !side, 0, taken);
        while (t.model.cnt[side] > keep) sorted_set(&t.model, side, t.model.px[side][0], 0);
        CHECK_EQ_U64(aats_book_cut(t.book, side, keep), want);
        CHECK_EQ_I64(aats_book_moved(t.book) != 0, want > 0 && (keep < depth || depth < 8));
        gone += want;
        REQUIRE(pair_same(&t));
    }
    CHECK(gone > 1000);
    pair_fini(&t);
}

TEST(top_gives_as_many_as_asked_for_or_there_are)
{
    pair_t t;
    aats_level_t out[6];
    pair_init(&t, 64, 1);
    for (int i = 0; i < 5; i++) pair_set(&t, AATS_ASK, 100 + i * i * i * 10, i + 1);
    for (size_t n = 0; n <= 6; n++) {
        for (size_t i = 0; i < 6; i++) out[i] = (aats_level_t){-1, -1};
        CHECK_EQ_U64(aats_book_top(t.book, AATS_ASK, n, out), n < 5 ? n : 5);
        for (size_t i = 0; i < 6; i++) CHECK_EQ_I64(out[i].qty_i, i < n && i < 5 ? (int64_t)i + 1 : -1);
    }
    pair_fini(&t);
}

/* moved_rules runs with the levels in the array (placed) or in the overflow map. */
static void moved_rules(int placed)
{
    pair_t t;
    aats_level_t out[20];
    pair_init(&t, 64, 1);
    CHECK(aats_book_moved(t.book));
    aats_level_t const bid = {100, 1}, ask = {101, 1};
    aats_book_side_t look;
    if (placed) pair_load(&t, &bid, 1, &ask, 1);
    for (int i = 0; i < 5; i++) {
        pair_set(&t, AATS_BID, 100 - i, 1);
        pair_set(&t, AATS_ASK, 101 + i, 1);
    }
    aats_book_look(t.book, AATS_ASK, &look);
    CHECK_EQ_U64(look.far, placed ? 0 : 5);
    aats_book_take(t.book, AATS_BID, 3, out);
    CHECK(aats_book_moved(t.book)); /* the asks are not taken yet */
    aats_book_take(t.book, AATS_ASK, 3, out);
    CHECK(!aats_book_moved(t.book));
    pair_set(&t, AATS_BID, 97, 0); /* fourth */
    pair_set(&t, AATS_ASK, 104, 9);
    pair_set(&t, AATS_BID, -1000000, 9);
    pair_set(&t, AATS_BID, 98, 1); /* as it was */
    pair_set(&t, AATS_ASK, 100, 0); /* was not there */
    CHECK(!aats_book_moved(t.book));
    pair_set(&t, AATS_ASK, 103, 2); /* third */
    CHECK(aats_book_moved(t.book));
    aats_book_take(t.book, AATS_ASK, 3, out);
    CHECK(!aats_book_moved(t.book));
    pair_set(&t, AATS_BID, 1000000, 1); /* a new best, out of the array's reach */
    CHECK(aats_book_moved(t.book));
    aats_book_take(t.book, AATS_BID, 20, out); /* fewer are there: every new one counts */
    pair_set(&t, AATS_BID, INT64_MIN, 1);
    CHECK(aats_book_moved(t.book));
    aats_book_take(t.book, AATS_BID, 3, out);
    aats_book_clear(t.book);
    CHECK(aats_book_moved(t.book));
    pair_fini(&t);
}

TEST(moved_is_silent_exactly_while_the_taken_levels_are_right)
{
    moved_rules(0);
    moved_rules(1);
}

TEST(prices_at_the_ends_of_int64_are_levels_like_others)
{
    int64_t const ends[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN + 2, -1, 0, 1, INT64_MAX - 2, INT64_MAX - 1, INT64_MAX};
    int64_t const ticks[] = {0, 1, 2, 3, 1000, 1ll << 40, INT64_MAX / 64, INT64_MAX / 63, INT64_MAX};
    aats_level_t levels[CNT(ends)];
    for (size_t k = 0; k < CNT(ticks); k++) {
        for (size_t from = 0; from < CNT(ends); from++) { /* the anchor at each of them */
            for (int side = 0; side < 2; side++) {
                pair_t t;
                pair_init(&t, 64, ticks[k]);
                for (size_t i = 0; i < CNT(ends); i++) levels[i] = (aats_level_t){ends[i], (int64_t)i + 1};
                if (side == AATS_BID)
                    pair_load(&t, levels + from, 1, NULL, 0);
                else
                    pair_load(&t, NULL, 0, levels + from, 1);
                for (size_t i = 0; i < CNT(ends); i++) pair_set(&t, side, ends[i], INT64_MAX - (int64_t)i);
                pair_same(&t);
                for (int i = 0; i < 600; i++) pair_set(&t, side, ends[below(CNT(ends))] ^ below(256), below(2)); /* over several moves */
                pair_same(&t);
                pair_fini(&t);
            }
        }
    }
}

TEST(levels_off_the_tick_are_kept_between_those_on_it)
{
    pair_t t;
    aats_level_t const bids[] = {{1000, 1}, {900, 2}};
    pair_init(&t, 64, 100);
    pair_load(&t, bids, 2, NULL, 0);
    for (int px = 850; px < 1150; px += 7) pair_set(&t, AATS_BID, px, px);
    pair_same(&t);
    for (int px = 850; px < 1150; px += 14) pair_set(&t, AATS_BID, px, 0);
    pair_same(&t);
    pair_fini(&t);
}

TEST(all_levels_can_go_and_memory_stays_bounded)
{
    pair_t t;
    size_t held = 0;
    pair_init(&t, 64, 1);
    CHECK_EQ_U64(aats_book_memory(t.book), aats_book_footprint(64));
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 3000; i++) pair_set(&t, AATS_BID, i * 1000, 1);
        if (round == 0) pair_same(&t);
        for (int i = 0; i < 3000; i++) pair_set(&t, AATS_BID, (round % 2 ? 2999 - i : i) * 1000, 0);
        pair_same(&t);
        CHECK_EQ_U64(aats_book_cnt(t.book, AATS_BID), 0);
        if (round == 0) held = aats_book_memory(t.book);
    }
    CHECK_EQ_U64(aats_book_memory(t.book), held);
    CHECK(held > aats_book_footprint(64) && held < aats_book_footprint(64) + 3000 * 16 * 6);
    pair_fini(&t);
}

RUN_ALL()
