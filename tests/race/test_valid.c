/* test_valid.c -- a stale book is called good in no order of events: heartbeat and link against the books they vouch
 * for (H1), and a slot that changes hands while it is judged (C2). */
#include "weak.h"

#include "race_fixture.h"
#include "shm/valid.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

#define NOW  ((int64_t)1 << 40)
#define LONG (NOW - 4 * (int64_t)AATS_STALE_NS_DEFAULT) /* ago: before the feed slept */
#define LINK 0

static uint64_t const OLD = (uint64_t)90 << 42 | (uint64_t)1 << 8, NEW = (uint64_t)91 << 42 | (uint64_t)2 << 8;
static aats_slot_t *slot;

/* setup: the feed has published a good book, and then slept. */
THREAD(setup)
{
    race_md_reset();
    race_ctl_reset();
    slot = &ctl.slots[0];
    slot->owner = aats_ident_with(OLD, AATS_STATE_RUN);
    slot->generation = md.generation;
    slot->heartbeat_mono_ns = (uint64_t)LONG;
    weak_name(&slot->heartbeat_mono_ns, 8, "heartbeat");
    weak_name(&slot->generation, 8, "generation");
    race_quote(0);
    md.md->links[LINK].up = 1;
    weak_name(&md.md->links[LINK].up, 8, "link up");
}

static void invalidate(void)
{
    aats_rec_t bad = fixture_rec(AATS_REC_STATE, 0, 90);
    bad.flags = 0;
    bad.why = AATS_WHY_STALLED;
    aats_md_publish(&writer, &bad, NULL, NULL);
}

/* wake is the first pass of a feed after a sleep: the old books first, then the heartbeat. */
THREAD(wake)
{
    invalidate();
    aats_ctl_beat(slot, NOW);
}

THREAD(judge_slot)
{
    aats_pulse_t pulse;
    aats_rec_t rec;
    aats_pulse_take(&md, slot, &pulse);
    if (aats_latest_try(&md, 0, &rec, NULL, NULL, 0) != 1) return;
    WEAK_ASSERT(aats_valid_why(rec.flags, rec.why, &pulse, rec.link, NOW) != AATS_WHY_NONE);
}

/* judge_ring: a young pulse, then the ring: the record after the good one is there, and says that it is bad. */
THREAD(judge_ring)
{
    aats_pulse_t pulse;
    aats_rec20_t rec;
    aats_pulse_take(&md, slot, &pulse);
    if (aats_pulse_why(&pulse, NOW) != AATS_WHY_NONE) return;
    WEAK_ASSERT(aats_ring_poll(&md, 1, &rec) == 1 && !(rec.r.flags & AATS_F_VALID));
}

TEST(a_feed_that_wakes_never_vouches_for_books_from_before_its_sleep)
{
    REQUIRE(race_md_init(4, 5, 1) && race_ctl_init(1));
    weak_program_t const by_slot = {.setup = setup, .threads = {wake, judge_slot}};
    WEAK_HOLDS(&by_slot, .random_runs = 8000, .seed = 1, .kill = 1);
    weak_program_t const by_ring = {.setup = setup, .threads = {wake, judge_ring}};
    WEAK_HOLDS(&by_ring, .random_runs = 8000, .seed = 2, .kill = 1);
}

/* relink: the connection fell, its books are invalid, a new one is up. */
THREAD(setup_link)
{
    setup(ctx);
    slot->heartbeat_mono_ns = (uint64_t)NOW;
    md.md->links[LINK].up = 0;
}

THREAD(relink)
{
    invalidate();
    aats_store_release(&md.md->links[LINK].up, 1); /* as app/feed_pub.c does */
}

THREAD(judge_ring_by_link)
{
    aats_pulse_t pulse;
    aats_rec20_t rec;
    aats_pulse_take(&md, slot, &pulse);
    if (pulse.links[LINK].up != 1) return;
    WEAK_ASSERT(aats_ring_poll(&md, 1, &rec) == 1 && !(rec.r.flags & AATS_F_VALID));
}

TEST(a_link_that_comes_back_never_vouches_for_books_from_before_it_fell)
{
    REQUIRE(race_md_init(4, 5, 1) && race_ctl_init(1));
    weak_program_t const by_slot = {.setup = setup_link, .threads = {relink, judge_slot}};
    WEAK_HOLDS(&by_slot, .random_runs = 8000, .seed = 3, .kill = 1);
    weak_program_t const by_ring = {.setup = setup_link, .threads = {relink, judge_ring_by_link}};
    WEAK_HOLDS(&by_ring, .random_runs = 8000, .seed = 6, .kill = 1);
}

/* hand_over: the feed is dead; another process reaps its slot, takes it for something else, and beats. */
THREAD(hand_over)
{
    if (aats_ctl_reap_begin(slot, aats_ident_with(OLD, AATS_STATE_RUN), NEW) != AATS_OK) return;
    if (aats_ctl_reap_end(slot, NEW) != AATS_OK) return;
    if (aats_ctl_claim(&ctl, NEW, AATS_ROLE_TRADE, "maker", 1) != 0) return;
    aats_ctl_move(slot, NEW, AATS_STATE_RUN);
    aats_ctl_beat(slot, NOW);
}

TEST(the_heartbeat_of_the_slot_s_next_owner_keeps_no_dead_feed_young)
{
    REQUIRE(race_md_init(4, 5, 1) && race_ctl_init(1));
    weak_program_t const program = {.setup = setup, .threads = {judge_slot, hand_over}};
    WEAK_HOLDS(&program, .random_runs = 30000, .seed = 4);
    WEAK_HOLDS(&program, .random_runs = 8000, .seed = 4, .kill = 2);
}

/* The other order of reading, which valid.h forbids, is caught by the same program: so the tests above can see what
 * they look for. */
THREAD(judge_in_the_wrong_order)
{
    aats_pulse_t pulse;
    aats_rec_t rec;
    if (aats_latest_try(&md, 0, &rec, NULL, NULL, 0) != 1) return;
    aats_pulse_take(&md, slot, &pulse);
    WEAK_ASSERT(aats_valid_why(rec.flags, rec.why, &pulse, rec.link, NOW) != AATS_WHY_NONE);
}

TEST(record_before_pulse_would_call_a_stale_book_good)
{
    REQUIRE(race_md_init(4, 5, 1) && race_ctl_init(1));
    weak_program_t const program = {.setup = setup, .threads = {wake, judge_in_the_wrong_order}};
    WEAK_CAUGHT(&program, .random_runs = 8000, .seed = 5);
}

RUN_ALL()
