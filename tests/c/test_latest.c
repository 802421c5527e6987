/* test_latest.c -- latest-book slots and tops in one thread: sizes, emptiness, dead writers; orders of events are in
 * tests/race. */
#include "shm/latest.h"
#include "shm_fixture.h"

static aats_level_t bids[AATS_LEVEL_MAX], asks[AATS_LEVEL_MAX], got_bids[AATS_LEVEL_MAX], got_asks[AATS_LEVEL_MAX];

static void write_book(aats_md_view_t const *md, uint16_t sym, uint16_t bid_len, uint16_t ask_len, uint64_t seed)
{
    aats_rec_t rec = fixture_rec(AATS_REC_QUOTE, sym, seed);
    rec.bid_len = bid_len;
    rec.ask_len = ask_len;
    rec.rec = seed;
    fixture_levels(bids, bid_len, seed);
    fixture_levels(asks, ask_len, seed + 1);
    aats_latest_write(md, &rec, bids, asks);
}

TEST(a_symbol_without_a_book_or_without_a_slot_says_so)
{
    aats_md_view_t md;
    aats_rec_t head;
    aats_top_t top;
    REQUIRE(fixture_md(&md, 4, 5, 2) == AATS_OK);
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, NULL, NULL, 0), AATS_E_EMPTY);
    CHECK_EQ_I64(aats_latest_read(&md, 2, &head, NULL, NULL, 0), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_latest_read(&md, UINT32_MAX, &head, NULL, NULL, 0), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_top_read(&md, 1, &top), AATS_E_EMPTY);
    CHECK_EQ_I64(aats_top_read(&md, 2, &top), AATS_E_UNKNOWN);
    free(md.seg);
}

TEST(a_writer_that_died_inside_is_given_up_after_a_while)
{
    aats_md_view_t md;
    aats_rec_t head;
    aats_top_t top;
    REQUIRE(fixture_md(&md, 4, 5, 1) == AATS_OK);
    write_book(&md, 0, 1, 1, 4);
    aats_md_latest(&md, 0)->stamp = 2 * 5 + 1;
    md.top[0].stamp = 1;
    CHECK_EQ_I64(aats_latest_try(&md, 0, &head, got_bids, got_asks, 5), 0);
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, got_bids, got_asks, 5), AATS_E_BUSY);
    CHECK_EQ_I64(aats_top_read(&md, 0, &top), AATS_E_BUSY);
    free(md.seg);
}

TEST(a_slot_with_lengths_that_cannot_be_is_refused)
{
    aats_md_view_t md;
    aats_rec_t head;
    REQUIRE(fixture_md(&md, 4, 1000, 1) == AATS_OK);
    write_book(&md, 0, 3, 3, 4);
    aats_md_latest(&md, 0)->ask_len = 1001;
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, got_bids, got_asks, 1000), AATS_E_LAYOUT);
    aats_md_latest(&md, 0)->ask_len = 3;
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, got_bids, got_asks, 1000), AATS_OK);
    free(md.seg);
}

TEST(every_depth_is_copied_whole_and_not_beyond_the_caller_s_room)
{
    static uint16_t const depths[] = {1, 2, 5, 6, 20, 21, 999, 1000};
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        aats_md_view_t md;
        aats_rec_t head;
        uint16_t const max = depths[d];
        REQUIRE(fixture_md(&md, 2, max, 2) == AATS_OK);
        write_book(&md, 0, max, max, 50); /* must stay as it is beside its neighbour */
        for (uint32_t len = 0; len <= max; len += 1 + max / 7) {
            uint32_t const cap = (len * 7 + 3) % (max + 1);
            write_book(&md, 1, (uint16_t)len, (uint16_t)(max - len), 100 + len);
            memset(got_bids, 0x5a, sizeof got_bids);
            memset(got_asks, 0x5a, sizeof got_asks);
            CHECK_EQ_I64(aats_latest_read(&md, 1, &head, got_bids, got_asks, cap), AATS_OK);
            CHECK(fixture_whole(&head, 100 + len));
            CHECK_EQ_U64(head.bid_len, len);
            CHECK_EQ_U64(head.ask_len, max - len);
            uint32_t const b = len < cap ? len : cap, a = max - len < cap ? max - len : cap;
            CHECK(fixture_levels_whole(got_bids, b, 100 + len) && fixture_levels_whole(got_asks, a, 101 + len));
            CHECK(b == AATS_LEVEL_MAX || got_bids[b].px_i == 0x5a5a5a5a5a5a5a5a);
            CHECK(a == AATS_LEVEL_MAX || got_asks[a].px_i == 0x5a5a5a5a5a5a5a5a);
        }
        CHECK_EQ_I64(aats_latest_read(&md, 0, &head, got_bids, got_asks, max), AATS_OK);
        CHECK(fixture_levels_whole(got_bids, max, 50) && fixture_levels_whole(got_asks, max, 51));
        free(md.seg);
    }
}

TEST(a_book_marked_bad_before_its_first_quote_has_no_levels)
{
    aats_md_view_t md;
    aats_rec_t rec = fixture_rec(AATS_REC_STATE, 0, 3), head;
    REQUIRE(fixture_md(&md, 4, 5, 1) == AATS_OK);
    rec.flags = 0;
    rec.why = AATS_WHY_SYNCING;
    aats_latest_mark(&md, &rec);
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, got_bids, got_asks, 5), AATS_OK);
    CHECK(head.bid_len == 0 && head.ask_len == 0 && head.why == AATS_WHY_SYNCING);
    free(md.seg);
}

TEST(trade_and_best_prices_of_a_top_do_not_disturb_each_other)
{
    aats_md_view_t md;
    aats_top_t top;
    REQUIRE(fixture_md(&md, 4, 5, 1) == AATS_OK);
    aats_level_t const bid = {100, 1}, ask = {101, 2};
    aats_rec_t bbo = fixture_rec(AATS_REC_BBO, 0, 11), tick = fixture_rec(AATS_REC_TICK, 0, 12), l2 = fixture_rec(AATS_REC_L2, 0, 13);
    bbo.bid_len = bbo.ask_len = 1;
    bbo.rec = 20;
    tick.rec = 21;
    aats_top_write(&md, &bbo, &bid, &ask);
    CHECK_EQ_I64(aats_top_read(&md, 0, &top), AATS_OK);
    CHECK(top.bbo_rec == 21 && top.tick_rec == 0 && top.tick_side == 0);
    aats_top_write(&md, &tick, NULL, NULL);
    aats_top_write(&md, &l2, NULL, NULL);
    CHECK_EQ_I64(aats_top_read(&md, 0, &top), AATS_OK);
    CHECK_EQ_U64(top.stamp, 4);
    CHECK(top.bbo_rec == 21 && top.bid_px_i == 100 && top.bid_qty_i == 1 && top.ask_px_i == 101 && top.ask_qty_i == 2 && top.bbo_seq == 11);
    CHECK(top.tick_rec == 22 && top.tick_px_i == 12 && top.tick_qty_i == 12 && top.tick_side == -1 && top.tick_exch_ns == 12);
    free(md.seg);
}

RUN_ALL()
