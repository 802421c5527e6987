/* test_td.c -- a trade process's segment under weak memory: an order, holding or event that is seen is of one write, and a lost
 * event is known to be lost. */
#include "weak.h"

#include "../c/shm_fixture.h"
#include "shm/td.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

#define EVENTS 2 /* the smallest ring: it laps soonest */

static uint8_t *mem, *picture;
static size_t size;

static int make(void)
{
    free(mem);
    free(picture);
    size = (size_t)aats_td_size(1, 1, EVENTS);
    mem = fixture_zeroed(size);
    picture = malloc(size);
    if (mem == NULL || picture == NULL || aats_td_init(mem, size, 1, 1, EVENTS) != AATS_OK) return 0;
    memcpy(picture, mem, size);
    return 1;
}

THREAD(setup)
{
    aats_td_t const *td = (aats_td_t const *)(void *)(picture + sizeof(aats_seg_t));
    size_t const used = (size_t)td->stats_off; /* nobody touches the histograms here */
    memcpy(mem, picture, used);
    weak_name(mem + offsetof(aats_td_t, oev_head) + sizeof(aats_seg_t), 8, "oev_head");
    weak_name(mem + td->order_off, sizeof(aats_order_t), "order");
    weak_name(mem + td->hold_off, sizeof(aats_hold_t), "holding");
    weak_name(mem + td->oev_off, EVENTS * sizeof(aats_oev_t), "events");
}

/* Words at the beginning, in the middle and at the end of an order tell the seed. */
static aats_order_t order(uint64_t seed)
{
    aats_order_t o;
    memset(&o, 0, sizeof o);
    o.state = AATS_ORD_LIVE;
    o.order_id = o.px_i = o.cum_qty_i = o.closed_ns = (int64_t)seed;
    o.instance = o.end_code = o.pad[5] = seed;
    o.cum_notional = (aats_i128_t){seed, (int64_t)seed};
    return o;
}

static int is_order(aats_order_t const *o, uint64_t seed)
{
    aats_order_t const want = order(seed);
    return memcmp(&o->order_id, &want.order_id, sizeof *o - sizeof o->stamp) == 0;
}

static void put_order(uint64_t seed)
{
    aats_order_t o = order(seed);
    aats_td_put_order(mem, 0, &o);
}

THREAD(write_one) { put_order(1); }

/* write_four: an order, the same changed, its slot freed, another order. */
THREAD(write_four)
{
    put_order(1);
    put_order(2);
    aats_order_t gone = order(3);
    gone.state = AATS_ORD_FREE;
    aats_td_put_order(mem, 0, &gone);
    put_order(4);
}

THREAD(read_thrice)
{
    uint64_t seen = 0;
    for (int turn = 0; turn < 3; turn++) {
        aats_order_t o;
        memset(&o, 0, sizeof o);
        int const got = aats_td_try_order(mem, 0, &o);
        WEAK_ASSERT(got == 0 || got == 1 || got == AATS_E_BUSY);
        if (got != 1) continue;
        WEAK_ASSERT(o.stamp % 2 == 0 && o.stamp >= seen && o.stamp != 6); /* never back, never a free one */
        seen = o.stamp;
        WEAK_ASSERT(is_order(&o, o.stamp / 2));
    }
}

/* The n-th write of a holding tells n: money that does not fit together is worse than none. */
static aats_hold_t hold(uint64_t seed)
{
    aats_hold_t h;
    memset(&h, 0, sizeof h);
    h.symbol[0] = 'B';
    h.strategy = (uint16_t)seed;
    h.size = h.cash = h.cost = h.day_size = (aats_i128_t){seed, (int64_t)seed};
    h.fills = h.pad[7] = seed;
    return h;
}

THREAD(write_holding)
{
    for (uint64_t n = 1; n <= 3; n++) {
        aats_hold_t const h = hold(n);
        aats_td_put_hold(mem, 0, &h);
    }
}

THREAD(read_holding)
{
    uint64_t seen = 0;
    for (int turn = 0; turn < 2; turn++) {
        aats_hold_t h;
        memset(&h, 0, sizeof h);
        int const got = aats_td_get_hold(mem, 0, &h);
        WEAK_ASSERT(got == 0 || got == 1 || got == AATS_E_BUSY);
        if (got != 1) continue;
        WEAK_ASSERT(h.stamp % 2 == 0 && h.stamp >= seen);
        seen = h.stamp;
        aats_hold_t const want = hold(h.stamp / 2);
        WEAK_ASSERT(memcmp(h.symbol, want.symbol, sizeof h - sizeof h.stamp) == 0);
    }
}

/* Event n tells n + 1. */
THREAD(write_events)
{
    for (uint64_t n = 0; n < 5; n++) {
        aats_oev_t ev;
        memset(&ev, 0, sizeof ev);
        ev.ns = ev.fill_px_i = (int64_t)n + 1;
        ev.order = order(n + 1);
        ev.order.stamp = n + 1;
        aats_td_put_event(mem, &ev);
        WEAK_ASSERT(ev.seq == n && ev.stamp == 2 * n + 2);
    }
}

static void check_event(aats_oev_t const *ev, uint64_t n)
{
    WEAK_ASSERT(ev->stamp == 2 * n + 2 && ev->seq == n && ev->ns == (int64_t)n + 1 && ev->fill_px_i == (int64_t)n + 1);
    WEAK_ASSERT(ev->order.stamp == n + 1 && is_order(&ev->order, n + 1));
}

/* follow: from the first event on; a lost one is lost because a head far enough ahead can be seen. */
THREAD(follow)
{
    uint64_t next = 0;
    for (int turn = 0; turn < 5; turn++) {
        aats_oev_t ev;
        int const got = aats_td_get_event(mem, next, &ev);
        WEAK_ASSERT(got == 0 || got == 1 || got == AATS_E_LAPPED);
        if (got == 1) check_event(&ev, next++);
        if (got != AATS_E_LAPPED) continue;
        uint64_t const head = aats_td_newest(mem);
        WEAK_ASSERT(head >= next + EVENTS); /* T4 */
        next = head - 1;
    }
}

/* join: what newest names is there, or overwritten, but never unpublished. */
THREAD(join)
{
    for (int turn = 0; turn < 2; turn++) {
        aats_oev_t ev;
        uint64_t const head = aats_td_newest(mem);
        if (head == 0) continue;
        int const got = aats_td_get_event(mem, head - 1, &ev);
        WEAK_ASSERT(got == 1 || got == AATS_E_LAPPED); /* T3 */
        if (got == 1) check_event(&ev, head - 1);
    }
}

TEST(a_first_order_is_seen_whole_or_not_at_all)
{
    REQUIRE(make());
    weak_program_t const program = {.setup = setup, .threads = {write_one, read_thrice}};
    WEAK_HOLDS(&program, .kill = 1);
}

TEST(a_copy_of_an_order_is_of_one_write_through_changes_frees_and_deaths)
{
    REQUIRE(make());
    weak_program_t const program = {.setup = setup, .threads = {write_four, read_thrice}};
    WEAK_HOLDS(&program, .random_runs = 2500, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 1200, .seed = 2, .kill = 1);
}

TEST(a_copy_of_a_holding_is_of_one_write)
{
    REQUIRE(make());
    weak_program_t const program = {.setup = setup, .threads = {write_holding, read_holding}};
    WEAK_HOLDS(&program, .random_runs = 1500, .seed = 6);
}

TEST(an_event_that_is_seen_is_whole_and_a_lost_one_is_known_to_be_lost)
{
    REQUIRE(make());
    weak_program_t const program = {.setup = setup, .threads = {write_events, follow}};
    WEAK_HOLDS(&program, .random_runs = 2000, .seed = 3);
    WEAK_HOLDS(&program, .random_runs = 1000, .seed = 4, .kill = 1);
}

TEST(the_newest_event_that_a_joiner_is_told_of_is_there)
{
    REQUIRE(make());
    weak_program_t const program = {.setup = setup, .threads = {write_events, join}};
    WEAK_HOLDS(&program, .random_runs = 2000, .seed = 5);
}

RUN_ALL()
