/* test_ring.c -- the event ring in one thread: lengths, laps, damaged records; orders of events are in
 * tests/race/test_ring.c. */
#include "shm/latest.h"
#include "shm/publish.h"
#include "shm_fixture.h"

static aats_level_t bids[AATS_LEVEL_MAX], asks[AATS_LEVEL_MAX];
static aats_rec20_t got;

/* publish_quote publishes record number `seed` of a quote with these lengths. */
static int publish_quote(aats_ring_writer_t *w, uint16_t sym, uint16_t bid_len, uint16_t ask_len, uint64_t seed)
{
    aats_rec_t rec = fixture_rec(AATS_REC_QUOTE, sym, seed);
    rec.bid_len = bid_len;
    rec.ask_len = ask_len;
    fixture_levels(bids, bid_len, seed);
    fixture_levels(asks, ask_len, seed + 1);
    return aats_md_publish(w, &rec, bids, asks);
}

TEST(records_that_cannot_be_are_refused_and_write_nothing)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    REQUIRE(fixture_md(&md, 4, 5, 2) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    CHECK_EQ_I64(publish_quote(&w, 2, 1, 1, 0), AATS_E_ARG);
    CHECK_EQ_I64(publish_quote(&w, 0, 6, 1, 0), AATS_E_ARG);
    CHECK_EQ_I64(publish_quote(&w, AATS_SYM_NONE, 1, 1, 0), AATS_E_ARG);
    static struct { uint8_t kind; uint16_t sym, bid_len; } const bad[] = {
        {0, 0, 0}, {AATS_REC_LIQUIDATION + 1, 0, 0}, {AATS_REC_LINK, 0, 0}, {AATS_REC_TICK, 0, 1}, {AATS_REC_STATE, 0, 1}, {AATS_REC_BBO, 0, 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        aats_rec_t rec = fixture_rec(bad[i].kind, bad[i].sym, 1);
        rec.bid_len = bad[i].bid_len;
        CHECK_MSG(aats_md_publish(&w, &rec, bids, asks) == AATS_E_ARG, "case %zu", i);
    }
    CHECK_EQ_U64(w.next, 0);
    CHECK_EQ_U64(aats_ring_newest(&md), 0);
    CHECK_EQ_U64(md.md->counters[AATS_MDC_RECORDS], 0);
    CHECK_EQ_I64(aats_ring_poll(&md, 0, &got), 0);
    free(md.seg);
}

TEST(a_ring_with_records_is_never_continued)
{
    aats_md_view_t md;
    aats_ring_writer_t w, again;
    REQUIRE(fixture_md(&md, 4, 5, 1) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    CHECK_EQ_I64(publish_quote(&w, 0, 1, 1, 0), AATS_OK);
    CHECK_EQ_I64(aats_ring_open(&again, &md), AATS_E_STALE);
    free(md.seg);
}

TEST(a_record_that_is_not_there_leaves_out_alone)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    REQUIRE(fixture_md(&md, 4, 5, 1) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    memset(&got, 0x5a, sizeof got);
    aats_rec20_t const before = got;
    CHECK_EQ_I64(aats_ring_poll(&md, 0, &got), 0);
    CHECK_EQ_I64(publish_quote(&w, 0, 1, 1, 0), AATS_OK);
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), 0);
    CHECK_EQ_I64(aats_ring_poll(&md, 4, &got), 0); /* the same slot, next round */
    CHECK_MEM(&got, &before, sizeof got);
    aats_md_slot(&md, 1)->stamp = 3; /* a writer that died inside record 1 */
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), 0);
    CHECK_MEM(&got, &before, sizeof got);
    free(md.seg);
}

TEST(every_pair_of_lengths_comes_out_as_it_went_in)
{
    static uint32_t const depths[] = {1, 3, 5, 6, 20, 25, 1000};
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        aats_md_view_t md;
        aats_ring_writer_t w;
        uint32_t const max = depths[d], step = max > 100 ? 331 : 1;
        REQUIRE(fixture_md(&md, 8, max, 1) == AATS_OK);
        REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
        for (uint32_t b = 0; b <= max; b += step) {
            for (uint32_t a = 0; a <= max; a += step) {
                uint64_t const n = w.next;
                REQUIRE(publish_quote(&w, 0, (uint16_t)b, (uint16_t)a, n) == AATS_OK);
                REQUIRE(aats_ring_poll(&md, n, &got) == 1);
                uint32_t const cap = md.ring_levels;
                uint32_t const want_b = b < cap ? b : cap, want_a = a < cap ? a : cap;
                CHECK(fixture_whole(&got.r, n));
                CHECK_EQ_U64(got.r.rec, n);
                CHECK_EQ_U64(got.r.stamp, 2 * n + 2);
                CHECK_EQ_U64(got.r.bid_len, want_b);
                CHECK_EQ_U64(got.r.ask_len, want_a);
                CHECK(fixture_levels_whole(got.bids, want_b, n));
                CHECK(fixture_levels_whole(got.asks, want_a, n + 1));
                CHECK_EQ_I64((got.r.flags & AATS_F_DEEP) != 0, b > cap || a > cap);
            }
        }
        free(md.seg);
    }
}

/* A slot that held a longer book before shows nothing of it beyond the new lengths. */
TEST(levels_beyond_the_lengths_are_not_touched)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    REQUIRE(fixture_md(&md, 2, 20, 1) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    REQUIRE(publish_quote(&w, 0, 20, 20, 0) == AATS_OK);
    REQUIRE(publish_quote(&w, 0, 20, 20, 1) == AATS_OK);
    REQUIRE(publish_quote(&w, 0, 1, 2, 2) == AATS_OK);
    memset(&got, 0x5a, sizeof got);
    REQUIRE(aats_ring_poll(&md, 2, &got) == 1);
    CHECK_EQ_I64(got.bids[1].px_i, 0x5a5a5a5a5a5a5a5a);
    CHECK_EQ_I64(got.asks[2].px_i, 0x5a5a5a5a5a5a5a5a);
    free(md.seg);
}

TEST(a_lapped_reader_is_told_and_resumes_at_the_newest)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    REQUIRE(fixture_md(&md, 4, 5, 1) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    for (uint64_t n = 0; n < 11; n++) REQUIRE(publish_quote(&w, 0, 1, 1, n) == AATS_OK);
    for (uint64_t n = 0; n < 7; n++) CHECK_EQ_I64(aats_ring_poll(&md, n, &got), AATS_E_LAPPED);
    for (uint64_t n = 7; n < 11; n++) CHECK_EQ_I64(aats_ring_poll(&md, n, &got), 1);
    CHECK_EQ_U64(aats_ring_newest(&md), 11);
    CHECK_EQ_I64(aats_ring_poll(&md, 11, &got), 0);

    aats_md_slot(&md, 7)->stamp = 2 * 11 + 1; /* record 11 is being written where 7 was */
    CHECK_EQ_I64(aats_ring_poll(&md, 7, &got), AATS_E_LAPPED);
    free(md.seg);
}

TEST(a_damaged_record_is_refused_and_nothing_beyond_its_slot_is_read)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    REQUIRE(fixture_md(&md, 2, 5, 2) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    REQUIRE(publish_quote(&w, 0, 5, 5, 0) == AATS_OK);
    REQUIRE(publish_quote(&w, 0, 5, 5, 1) == AATS_OK); /* the last slot: behind it the histograms, and then the end */
    aats_rec_t *slot = aats_md_slot(&md, 1);
    slot->bid_len = 65535;
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), AATS_E_LAYOUT);
    slot->bid_len = 5;
    slot->ask_len = 6;
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), AATS_E_LAYOUT);
    slot->ask_len = 5;
    slot->sym = 2;
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), AATS_E_LAYOUT);
    slot->sym = 1;
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), 1);
    md.md->ring_depth = 1 << 20; /* scribbled over after attach: the view has its own numbers */
    md.md->ring_off = UINT64_MAX;
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), 1);
    CHECK_EQ_I64(aats_ring_poll(&md, UINT64_MAX / 2 - 1, &got), 0);
    free(md.seg);
}

TEST(each_kind_goes_where_readers_look_for_it)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    aats_rec_t rec, head;
    aats_top_t top;
    aats_level_t b[2], a[2];
    REQUIRE(fixture_md(&md, 16, 5, 2) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);

    REQUIRE(publish_quote(&w, 1, 2, 1, 0) == AATS_OK);
    CHECK_EQ_I64(aats_latest_read(&md, 1, &head, b, a, 2), AATS_OK);
    CHECK_EQ_U64(head.rec, 0);
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, b, a, 2), AATS_E_EMPTY);

    rec = fixture_rec(AATS_REC_STATE, 1, 5);
    rec.flags = 0;
    rec.why = AATS_WHY_GAP;
    CHECK_EQ_I64(aats_md_publish(&w, &rec, NULL, NULL), AATS_OK);
    CHECK_EQ_I64(aats_latest_read(&md, 1, &head, b, a, 2), AATS_OK);
    CHECK_EQ_U64(head.rec, 1);
    CHECK_EQ_I64(head.why, AATS_WHY_GAP);
    CHECK_EQ_I64(head.flags & AATS_F_VALID, 0);
    CHECK_EQ_I64(head.bid_len, 2); /* the levels as they were */
    CHECK(fixture_levels_whole(b, 2, 0) && fixture_levels_whole(a, 1, 1));

    rec = fixture_rec(AATS_REC_TICK, 0, 6);
    rec.flags |= AATS_F_BUYER;
    CHECK_EQ_I64(aats_md_publish(&w, &rec, NULL, NULL), AATS_OK);
    rec = fixture_rec(AATS_REC_BBO, 0, 7);
    rec.bid_len = 1;
    fixture_levels(bids, 1, 7);
    CHECK_EQ_I64(aats_md_publish(&w, &rec, bids, NULL), AATS_OK);
    CHECK_EQ_I64(aats_top_read(&md, 0, &top), AATS_OK);
    CHECK_EQ_U64(top.tick_rec, 3);
    CHECK_EQ_I64(top.tick_px_i, 6);
    CHECK_EQ_I64(top.tick_side, 1);
    CHECK_EQ_U64(top.bbo_rec, 4);
    CHECK_EQ_I64(top.bid_px_i, 70000);
    CHECK_EQ_I64(top.ask_px_i, 0);
    CHECK_EQ_I64(aats_latest_read(&md, 0, &head, NULL, NULL, 0), AATS_E_EMPTY);

    rec = fixture_rec(AATS_REC_L2, 0, 8);
    CHECK_EQ_I64(aats_md_publish(&w, &rec, NULL, NULL), AATS_OK);
    rec = fixture_rec(AATS_REC_LINK, AATS_SYM_NONE, 9);
    CHECK_EQ_I64(aats_md_publish(&w, &rec, NULL, NULL), AATS_OK);
    CHECK_EQ_U64(rec.rec, 5);
    CHECK_EQ_I64(aats_ring_poll(&md, 5, &got), 1);
    CHECK_EQ_U64(got.r.sym, AATS_SYM_NONE);

    CHECK_EQ_U64(md.md->counters[AATS_MDC_RECORDS], 6);
    CHECK_EQ_U64(md.md->counters[AATS_MDC_QUOTES], 1);
    CHECK_EQ_U64(md.md->counters[AATS_MDC_TICKS], 1);
    CHECK_EQ_U64(md.md->counters[AATS_MDC_BBOS], 1);
    CHECK_EQ_U64(md.md->counters[AATS_MDC_L2S], 1);
    CHECK_EQ_U64(md.dir[1].quotes, 1);
    CHECK_EQ_U64(md.dir[0].ticks, 1);
    free(md.seg);
}

/* What the lap rule of the feed readers rests on: newest cursor first, slots after it, and no book is missing. */
TEST(after_a_lap_the_slots_hold_every_book_below_the_cursor)
{
    aats_md_view_t md;
    aats_ring_writer_t w;
    uint64_t last[3] = {0};
    REQUIRE(fixture_md(&md, 4, 5, 3) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    for (uint64_t n = 0; n < 40; n++) {
        uint16_t const sym = n == 1 ? 2 : (uint16_t)(n & 1); /* 2 is quiet after its first book */
        REQUIRE(publish_quote(&w, sym, 1, 1, n) == AATS_OK);
        last[sym] = n;
    }
    CHECK_EQ_I64(aats_ring_poll(&md, 1, &got), AATS_E_LAPPED);
    uint64_t const cursor = aats_ring_newest(&md);
    CHECK_EQ_U64(cursor, 40);
    for (uint32_t sym = 0; sym < 3; sym++) {
        aats_rec_t head;
        CHECK_EQ_I64(aats_latest_read(&md, sym, &head, NULL, NULL, 0), AATS_OK);
        CHECK_EQ_U64(head.rec, last[sym]);
    }
    free(md.seg);
}

RUN_ALL()
