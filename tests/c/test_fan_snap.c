/* test_fan_snap.c -- snapshots, laps and deep books: after each of them a receiver has the feed's books. */
#include <pthread.h>

#include "base/clock.h"
#include "fan_fixture.h"

#define SMALL {.peer_max = 8, .log_sz = 1 << 20, .own_max = AATS_FAN_OWN_MIN, .datagrams = 1}

static peer_view_t a, b;

static void talk(fan_t *t, int cnt, uint32_t levels)
{
    for (int i = 0; i < cnt; i++) {
        int const sym = (int)(t->seed * 7 % aats_dir_cnt(&t->view));
        if (t->seed % 5 == 0) fan_tick(t, sym);
        else if (t->seed % 23 == 0) fan_invalid(t, sym);
        else fan_quote(t, sym, 1 + (uint32_t)(t->seed % levels));
    }
}

static void symbols(fan_t *t, int cnt, uint32_t level_num)
{
    char name[8] = "AAUSDT";
    for (int i = 0; i < cnt; i++) name[0] = (char)('A' + i), fan_symbol(t, name, level_num);
}

TEST(a_snapshot_alone_is_every_book_entry_and_top)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 100));
    symbols(&t, 6, 100);
    talk(&t, 500, 100);
    fan_connect(&t, &a, 0);
    fan_ask(&t, a.peer, AATS_ASK_SNAPSHOT, 0, 0);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    CHECK(!a.broken);
    CHECK_EQ_U64(a.snap_seq, t.writer.next);
    CHECK_EQ_U64(a.snap_end_seq, t.writer.next);
    CHECK_EQ_U64(a.beat_seq, t.writer.next);
    for (int sym = 0; sym < 6; sym++) {
        aats_top_t top;
        CHECK_MSG(fan_same(&t, &a, sym), "book %d", sym);
        CHECK(a.dir[sym].state == AATS_DIR_LIVE);
        if (aats_top_read(&t.view, (uint32_t)sym, &top) == AATS_OK) CHECK_EQ_U64(a.top[sym].tick_seq, top.tick_seq);
    }
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SNAPSHOTS), 1);
    fan_close(&t);
}

TEST(answers_keep_the_order_of_their_questions_round_a_snapshot)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    symbols(&t, 1, 5);
    talk(&t, 50, 5);
    fan_connect(&t, &a, 0);
    fan_ask(&t, a.peer, AATS_ASK_RESEND, 0, 10);
    fan_ask(&t, a.peer, AATS_ASK_SNAPSHOT, 0, 0);
    fan_ask(&t, a.peer, AATS_ASK_CLOCK, 9, 0);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a); /* what was asked before */
    CHECK_EQ_U64(a.records, 10);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_SNAP], 0);
    fan_pass(&t, FAN_MS);
    fan_read(&t, &a, sizeof(aats_wire_t), 64);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_SNAP], 1);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_CLOCK], 0);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_SNAP_END], 1);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_CLOCK], 1);
    fan_close(&t);
}

TEST(a_lap_of_the_fan_out_is_a_hole_for_all_and_then_a_snapshot_for_each)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    symbols(&t, 3, 5);
    talk(&t, 20, 5);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_connect(&t, &b, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    fan_all(&t, &b);
    talk(&t, 30, 5);
    fan_pass(&t, FAN_MS); /* b has not read these yet */
    fan_all(&t, &a);
    talk(&t, 3 * FAN_DEPTH, 5); /* while the fan-out sleeps */
    for (int i = 0; i < 10; i++) {
        fan_pass(&t, FAN_MS);
        talk(&t, 5, 5);
        fan_all(&t, &a);
        fan_read(&t, &b, 999, 77);
    }
    fan_pass(&t, FAN_MS);
    for (int i = 0; i < 10; i++) {
        fan_pass(&t, FAN_MS);
        fan_all(&t, &a);
        fan_all(&t, &b);
    }
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_LAPS), 1);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_MISSED), 3 * FAN_DEPTH);
    peer_view_t *const both[] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        CHECK(!both[i]->broken);
        CHECK_EQ_U64(both[i]->kinds[AATS_WIRE_SNAP], 2);
        CHECK_EQ_U64(both[i]->missing, 3 * FAN_DEPTH);
        CHECK_EQ_U64(both[i]->holes, 1);
        CHECK_EQ_U64(both[i]->next, t.writer.next);
        for (int sym = 0; sym < 3; sym++) CHECK_MSG(fan_same(&t, both[i], sym), "receiver %d, book %d", i, sym);
    }
    CHECK_EQ_U64(a.ticks[0] + a.ticks[1] + a.ticks[2], b.ticks[0] + b.ticks[1] + b.ticks[2]); /* what b had not read before the lap was not lost */
    fan_close(&t);
}

/* ---- deep books ---- */

static uint8_t grams[4096][1500];
static size_t gram_sz[4096];
static int gram_cnt, gram_full;

static int net(void *arg, void const *bytes, size_t n)
{
    (void)arg;
    if (gram_full) return AATS_E_FULL;
    if (gram_cnt == 4096 || n > 1500) return AATS_E_TOO_BIG;
    memcpy(grams[gram_cnt], bytes, n);
    gram_sz[gram_cnt++] = n;
    return AATS_OK;
}

TEST(a_deep_book_follows_its_record_in_the_stream)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 1000));
    symbols(&t, 2, 1000);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    uint64_t const books = a.kinds[AATS_WIRE_BOOK];
    for (int i = 0; i < 60; i++) {
        fan_quote(&t, i % 2, 1000);
        fan_quote(&t, i % 2, 21);
        fan_quote(&t, i % 2, 20); /* not deep: in the record */
        fan_pass(&t, FAN_MS);
        fan_all(&t, &a);
        CHECK(fan_same(&t, &a, i % 2));
    }
    CHECK_EQ_U64(a.kinds[AATS_WIRE_BOOK] - books, 60); /* once a step: the newest */
    fan_quote(&t, 0, 999);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.book[0].bid_len, 999);
    CHECK(fan_same(&t, &a, 0));
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_DEEP), 61);
    CHECK(!a.broken);
    fan_close(&t);
}

TEST(deep_books_by_datagram_are_whole_in_parts_with_a_sequence_of_their_own)
{
    fan_t t;
    static aats_wire_parts_t parts;
    static aats_level_t bids[1000], asks[1000];
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 1000));
    symbols(&t, 2, 1000);
    aats_fan_set_datagrams(t.fan, net, NULL);
    CHECK(aats_fan_follows(t.fan)); /* without any subscriber */
    gram_cnt = gram_full = 0;
    fan_quote(&t, 1, 20);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_I64(gram_cnt, 0);
    fan_quote(&t, 1, 1000);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_I64(gram_cnt, 23);
    memset(&parts, 0, sizeof parts);
    int whole = 0;
    for (int i = 22; i >= 0; i--) { /* in any order */
        aats_wire_t h;
        REQUIRE(aats_wire_read(grams[i], gram_sz[i], aats_seg_layout_hash(), &h) == (int)gram_sz[i]);
        CHECK_EQ_U64(h.stream, 1);
        CHECK_EQ_U64(h.seq, (uint64_t)i);
        whole = aats_wire_join(&parts, &h, grams[i] + sizeof h);
    }
    aats_rec_t r;
    REQUIRE(whole > 0);
    CHECK_EQ_I64(aats_wire_unpack(parts.bytes, (size_t)whole, 1000, &r, bids, asks), whole);
    view_begin(&a, 0);
    view_book(&a, &r, bids, asks);
    CHECK(fan_same(&t, &a, 1));
    CHECK_EQ_U64(t.view.md->deep_seq, 23);

    gram_full = 1; /* lost at the card: the numbers are used up, so that receivers see the hole */
    fan_quote(&t, 1, 1000);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_NET_ERRORS), 23);
    CHECK_EQ_U64(t.view.md->deep_seq, 46);
    fan_close(&t);
}

/* ---- a feed that publishes while snapshots are made ---- */

typedef struct {
    fan_t *t;
    uint64_t stop;
} racing_t;

/* Each round brings one record of every symbol in turn, so record n is of symbol n % FAN_SYMS: below N the newest of each is known. */
static void *publish_all(void *arg)
{
    racing_t *r = arg;
    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) fan_quote(r->t, (int)(r->t->writer.next % FAN_SYMS), 400);
    return NULL;
}

TEST(each_book_of_a_snapshot_covers_all_records_below_its_number)
{
    static fan_t t;
    static racing_t race;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 1000));
    symbols(&t, FAN_SYMS, 1000);
    for (int i = 0; i < 4 * FAN_SYMS; i++) fan_quote(&t, i % FAN_SYMS, 400);
    memset(&race, 0, sizeof race);
    race.t = &t;
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, publish_all, &race) == 0);
    fan_connect(&t, &a, 0);
    int moved = 0, behind = 0;
    int64_t const by = aats_mono_ns() + INT64_C(20000000000);
    while (moved < 20 && !behind && aats_mono_ns() < by) {
        int const peer = a.peer;
        view_begin(&a, peer);
        fan_ask(&t, peer, AATS_ASK_SNAPSHOT, 0, 0);
        aats_fan_step(t.fan, t.now_ns, t.mono_ns);
        fan_all(&t, &a);
        REQUIRE(a.kinds[AATS_WIRE_SNAP_END] == 1);
        for (uint64_t sym = 0; sym < FAN_SYMS; sym++) {
            uint64_t const below = a.snap_seq - 1 - (a.snap_seq - 1 - sym) % FAN_SYMS; /* newest record of sym below N */
            if (a.book[sym].stamp == 0) continue;                                      /* its writer was at it for long */
            behind += a.book[sym].rec < below;
            CHECK_MSG(a.book[sym].rec >= below, "book %" PRIu64 " is record %" PRIu64 ", %" PRIu64 " was there", sym, a.book[sym].rec, below);
            if (a.book[sym].rec >= a.snap_seq) moved++;
        }
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_MSG(moved >= 20 || behind, "the feed never came in between: nothing was shown");
    fan_close(&t);
}

RUN_ALL()
