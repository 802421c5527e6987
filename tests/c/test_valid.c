/* test_valid.c -- no book is called good unless record, feed, heartbeat and link all say so. */
#include "shm/latest.h"
#include "shm/publish.h"
#include "shm/valid.h"
#include "shm_fixture.h"

#define STALE ((int64_t)AATS_STALE_NS_DEFAULT)
#define LIMIT 9000
#define NOW   ((int64_t)1 << 40)

static aats_md_view_t md;
static aats_slot_t slot;

static void set_link(uint64_t up, int64_t heard, uint64_t limit)
{
    md.md->links[3].up = up;
    md.md->links[3].heard_mono_ns = (uint64_t)heard;
    md.md->links[3].limit_ns = limit;
}

/* all_good makes a feed of which every part is well at NOW; each test spoils one. */
static int all_good(void)
{
    if (fixture_md(&md, 4, 5, 1) != AATS_OK) return 0;
    memset(&slot, 0, sizeof slot);
    slot.owner = aats_ident_with(fixture_ident(1), AATS_STATE_RUN);
    slot.generation = md.generation;
    aats_ctl_beat(&slot, NOW);
    set_link(1, NOW, LIMIT);
    return 1;
}

static int why_at(uint8_t flags, uint8_t why, uint32_t link, int64_t now)
{
    aats_pulse_t pulse;
    aats_pulse_take(&md, &slot, &pulse);
    return aats_valid_why(flags, why, &pulse, link, now);
}

static int why(void) { return why_at(AATS_F_VALID, 0, 3, NOW); }

TEST(a_record_that_is_not_flagged_valid_says_why)
{
    REQUIRE(all_good());
    CHECK_EQ_I64(why_at(0, AATS_WHY_GAP, 3, NOW), AATS_WHY_GAP);
    CHECK_EQ_I64(why_at(0, 0, 3, NOW), AATS_WHY_NO_BOOK);
    CHECK_EQ_I64(why_at((uint8_t)~AATS_F_VALID, AATS_WHY_CROSSED, 3, NOW), AATS_WHY_CROSSED);
    CHECK_EQ_I64(why(), AATS_WHY_NONE);
    free(md.seg);
}

TEST(a_feed_that_does_not_run_has_no_good_book)
{
    static int const states[] = {AATS_STATE_FREE, AATS_STATE_BOOT, AATS_STATE_HALT, AATS_STATE_FAIL, AATS_STATE_REAP, 77};
    REQUIRE(all_good());
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        slot.owner = aats_ident_with(slot.owner, states[i]);
        CHECK_EQ_I64(why(), AATS_WHY_FEED_DOWN);
    }
    slot.owner = 0;
    CHECK_EQ_I64(why(), AATS_WHY_FEED_DOWN);
    aats_pulse_t pulse;
    aats_pulse_take(&md, NULL, &pulse);
    CHECK_EQ_I64(aats_valid_why(AATS_F_VALID, 0, &pulse, 3, NOW), AATS_WHY_FEED_DOWN);
    free(md.seg);
}

TEST(another_generation_or_a_successor_means_replaced)
{
    REQUIRE(all_good());
    slot.generation = md.generation + 1;
    CHECK_EQ_I64(why(), AATS_WHY_REPLACED);
    slot.generation = 0;
    CHECK_EQ_I64(why(), AATS_WHY_REPLACED);
    slot.generation = md.generation;
    CHECK_EQ_I64(why(), AATS_WHY_NONE);
    CHECK_EQ_I64(aats_seg_succeed(md.seg, md.generation + 1), AATS_OK);
    CHECK_EQ_I64(why(), AATS_WHY_REPLACED);
    slot.owner = 0; /* to remap is of more use than to know that the old one is down */
    CHECK_EQ_I64(why(), AATS_WHY_REPLACED);
    free(md.seg);
}

TEST(a_heartbeat_is_good_for_stale_ns_and_no_longer)
{
    REQUIRE(all_good());
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 3, NOW + 1), AATS_WHY_NONE);
    set_link(1, NOW, 0);
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 3, NOW + STALE), AATS_WHY_NONE);
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 3, NOW + STALE + 1), AATS_WHY_FEED_STALE);
    slot.heartbeat_mono_ns = 0;
    CHECK_EQ_I64(why(), AATS_WHY_FEED_STALE);
    free(md.seg);
}

TEST(a_heartbeat_of_another_clock_is_stale)
{
    static uint64_t const far[] = {NOW + STALE + 1, (uint64_t)1 << 62, INT64_MAX, (uint64_t)1 << 63, ((uint64_t)1 << 63) + NOW, UINT64_MAX};
    REQUIRE(all_good());
    slot.heartbeat_mono_ns = NOW + STALE; /* a reader that took its time a little before */
    CHECK_EQ_I64(why(), AATS_WHY_NONE);
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        slot.heartbeat_mono_ns = far[i];
        CHECK_MSG(why() == AATS_WHY_FEED_STALE, "%llx", (unsigned long long)far[i]);
    }
    free(md.seg);
}

TEST(a_link_that_is_down_or_not_there_has_no_good_book)
{
    REQUIRE(all_good());
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 2, NOW), AATS_WHY_LINK_DOWN);
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, AATS_LINK_MAX, NOW), AATS_WHY_LINK_DOWN);
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, UINT32_MAX, NOW), AATS_WHY_LINK_DOWN);
    set_link(0, NOW, LIMIT);
    CHECK_EQ_I64(why(), AATS_WHY_LINK_DOWN);
    md.md->links[3].up = 2; /* damaged */
    CHECK_EQ_I64(why(), AATS_WHY_LINK_DOWN);
    free(md.seg);
}

TEST(a_link_silent_for_longer_than_the_venue_allows_is_mute)
{
    REQUIRE(all_good());
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 3, NOW + LIMIT), AATS_WHY_NONE);
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 3, NOW + LIMIT + 1), AATS_WHY_VENUE_MUTE);
    set_link(1, NOW + 2, LIMIT);
    CHECK_EQ_I64(why_at(AATS_F_VALID, 0, 3, NOW + LIMIT + 1), AATS_WHY_NONE);
    md.md->links[3].heard_mono_ns = NOW + LIMIT + 1;
    CHECK_EQ_I64(why(), AATS_WHY_VENUE_MUTE);
    free(md.seg);
}

/* An old pulse may be kept: it never calls a book good that a new one would not have called good at some moment
 * within stale_ns. */
TEST(a_kept_pulse_only_grows_old)
{
    aats_pulse_t pulse;
    REQUIRE(all_good());
    aats_pulse_take(&md, &slot, &pulse);
    slot.owner = 0;
    CHECK_EQ_I64(aats_pulse_why(&pulse, NOW + 1), AATS_WHY_NONE);
    CHECK_EQ_I64(aats_pulse_why(&pulse, NOW + STALE + 1), AATS_WHY_FEED_STALE);
    free(md.seg);
}

TEST(one_look_at_a_book_judges_and_copies)
{
    aats_ring_writer_t w;
    aats_level_t b = {5, 6}, got = {0, 0};
    aats_rec_t rec = fixture_rec(AATS_REC_QUOTE, 0, 9), out;
    REQUIRE(all_good());
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    memset(&out, 0xff, sizeof out);
    CHECK_EQ_I64(aats_valid_latest(&md, &slot, 0, &out, &got, &got, 1, NOW), AATS_WHY_NO_BOOK);
    CHECK_EQ_U64(out.seq, 0);
    rec.link = 3;
    rec.bid_len = 1;
    CHECK_EQ_I64(aats_md_publish(&w, &rec, &b, NULL), AATS_OK);
    CHECK_EQ_I64(aats_valid_latest(&md, &slot, 0, &out, &got, NULL, 1, NOW), AATS_WHY_NONE);
    CHECK(fixture_whole(&out, 9) && got.px_i == 5);
    aats_md_latest(&md, 0)->stamp |= 1; /* died inside */
    CHECK_EQ_I64(aats_valid_latest(&md, &slot, 0, &out, &got, NULL, 1, NOW), AATS_WHY_NO_BOOK);
    CHECK_EQ_I64(aats_valid_latest(&md, &slot, 0, &out, &got, NULL, 1, NOW + STALE + 1), AATS_WHY_FEED_STALE);
    CHECK_EQ_I64(aats_valid_latest(&md, &slot, 1, &out, &got, NULL, 1, NOW), AATS_WHY_NO_BOOK);
    free(md.seg);
}

TEST(every_reason_has_a_name_of_its_own)
{
    static int const reasons[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 32, 33, 34, 35, 36};
    size_t const cnt = sizeof reasons / sizeof *reasons;
    CHECK_STR(aats_why_name(AATS_WHY_NONE), "");
    CHECK_STR(aats_why_name(AATS_WHY_FEED_STALE), "feed_stale");
    CHECK_STR(aats_why_name(99), "why_?");
    for (size_t i = 0; i < cnt; i++) {
        CHECK(strcmp(aats_why_name(reasons[i]), "why_?") != 0);
        for (size_t j = i + 1; j < cnt; j++) CHECK(strcmp(aats_why_name(reasons[i]), aats_why_name(reasons[j])) != 0);
    }
}

RUN_ALL()
