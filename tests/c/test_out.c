/* test_out.c -- app/out.h: what becomes a datagram and when, numbers that are the ring's, beats, the directory; over a real segment. */
#include "app/out.h"

#include "base/atomics.h"
#include "shm/directory.h"
#include "shm/procs.h"
#include "shm/publish.h"
#include "shm_fixture.h"

#define HASH 77
#define DATAGRAMS 512

typedef struct {
    aats_md_view_t view;
    aats_ring_writer_t writer;
    aats_slot_t slot;
    aats_out_t out;
    int refuse; /* the card takes nothing */
    int cnt;
    aats_wire_t head[DATAGRAMS];
    size_t sz[DATAGRAMS];
    uint8_t bytes[DATAGRAMS][AATS_WIRE_DATAGRAM];
} world_t;

static world_t W;

static int take(void *arg, void const *bytes, size_t n)
{
    (void)arg;
    if (W.refuse) return AATS_E_FULL;
    if (W.cnt == DATAGRAMS || n > AATS_WIRE_DATAGRAM) {
        CHECK_MSG(0, "datagram %d of %zu bytes", W.cnt, n);
        return AATS_E_FULL;
    }
    CHECK_EQ_I64(aats_wire_read(bytes, n, HASH, &W.head[W.cnt]), (int64_t)n);
    memcpy(W.bytes[W.cnt], bytes, n);
    W.sz[W.cnt++] = n;
    return AATS_OK;
}

static int add(char const *symbol, uint32_t level_num)
{
    aats_dir_t d = {.state = AATS_DIR_SYNCING, .px_exp = -2, .qty_exp = -5, .level_num = level_num};
    snprintf(d.symbol, sizeof d.symbol, "%s.BINANCE", symbol);
    snprintf(d.native, sizeof d.native, "%s", symbol);
    return aats_dir_add(&W.view, &d);
}

static int begin_with(aats_out_opts_t opts, uint32_t level_max)
{
    memset(&W, 0, sizeof W);
    if (fixture_md(&W.view, 1024, level_max, 64) != AATS_OK || aats_ring_open(&W.writer, &W.view) != AATS_OK) return AATS_E_ARG;
    W.slot.owner = aats_ident_with(fixture_ident(1), AATS_STATE_RUN);
    return aats_out_init(&W.out, &opts, &W.view, &W.slot, HASH, take, NULL);
}

static int begin(void) { return begin_with((aats_out_opts_t){.name = "one", .repair_ip = "192.0.2.1", .repair_port = 15004}, 5); }
static void end(void) { free(W.view.seg); }

/* quiet sends what is due at the beginning and forgets it. */
static void quiet(void)
{
    aats_out_tick(&W.out, 0, 1);
    W.cnt = 0;
}

/* publish puts a record with so many levels a side into the ring, at a time, and hands it to the sender. */
static aats_rec_t publish(int kind, uint16_t sym, uint32_t levels, int64_t pub_ns)
{
    static aats_level_t bids[AATS_LEVEL_MAX], asks[AATS_LEVEL_MAX];
    aats_rec_t r = fixture_rec(kind, sym, W.writer.next + 1);
    fixture_levels(bids, levels, r.seq);
    fixture_levels(asks, levels, r.seq + 1);
    r.pub_ns = pub_ns;
    r.bid_len = r.ask_len = (uint16_t)levels;
    CHECK_EQ_I64(aats_md_publish(&W.writer, &r, bids, asks), AATS_OK);
    aats_out_record(&W.out, &r, bids, asks);
    return r;
}

static uint64_t counter(int which) { return W.view.md->counters[which]; }

static aats_wire_beat_t beat_in(int datagram)
{
    aats_wire_beat_t b;
    memcpy(&b, W.bytes[datagram] + 64, sizeof b);
    return b;
}

/* ---- refusals ---- */

TEST(a_datagram_that_holds_no_full_record_or_no_beat_is_refused)
{
    CHECK_EQ_I64(begin_with((aats_out_opts_t){.datagram = 455}, 5), AATS_E_ARG), end(); /* a beat and its head are 456 */
    CHECK_EQ_I64(begin_with((aats_out_opts_t){.datagram = 456}, 5), AATS_OK), end();
    CHECK_EQ_I64(begin_with((aats_out_opts_t){.datagram = 799}, 20), AATS_E_ARG), end(); /* 64 + 96 + 40 levels are 800 */
    CHECK_EQ_I64(begin_with((aats_out_opts_t){.datagram = 800}, 20), AATS_OK), end();
    CHECK_EQ_I64(begin_with((aats_out_opts_t){.datagram = 65508}, 5), AATS_E_ARG), end();
    CHECK_EQ_I64(begin_with((aats_out_opts_t){.datagram = 0}, 20), AATS_OK);
    CHECK_EQ_U64(W.out.opts.datagram, AATS_WIRE_DATAGRAM);
    end();
}

TEST(a_datagram_that_the_card_refuses_is_lost_counted_and_a_hole_in_the_numbers)
{
    REQUIRE(begin() == AATS_OK);
    quiet();
    uint64_t const sent = counter(AATS_MDC_NET_SENT);
    publish(AATS_REC_LINK, AATS_SYM_NONE, 0, 10);
    W.refuse = 1;
    aats_out_flush(&W.out, 10);
    W.refuse = 0;
    CHECK_EQ_U64(counter(AATS_MDC_NET_ERRORS), 1);
    CHECK_EQ_U64(counter(AATS_MDC_NET_SENT), sent);
    publish(AATS_REC_LINK, AATS_SYM_NONE, 0, 20);
    aats_out_flush(&W.out, 20);
    REQUIRE(W.cnt == 1);
    CHECK_EQ_U64(W.head[0].seq, 1); /* record 0 is what is missing */
    CHECK_EQ_U64(counter(AATS_MDC_NET_SENT), sent + 1);
    end();
}

/* ---- records ---- */

TEST(a_record_arrives_as_it_stands_in_the_ring)
{
    REQUIRE(begin_with((aats_out_opts_t){0}, 20) == AATS_OK);
    add("BTCUSDT", 20);
    quiet();
    aats_rec_t const r = publish(AATS_REC_QUOTE, 0, 20, 10);
    aats_out_flush(&W.out, 10);
    REQUIRE(W.cnt == 1 && W.head[0].kind == AATS_WIRE_RECORDS);
    aats_rec_t got;
    aats_level_t bids[20], asks[20];
    REQUIRE(aats_wire_unpack(W.bytes[0] + 64, W.sz[0] - 64, 20, &got, bids, asks) == 96 + 40 * 16);
    aats_rec20_t ring;
    REQUIRE(aats_ring_poll(&W.view, r.rec, &ring) == 1);
    ring.r.stamp = 0;
    CHECK(memcmp(&got, &ring.r, sizeof got) == 0);
    CHECK(memcmp(bids, ring.bids, sizeof bids) == 0 && memcmp(asks, ring.asks, sizeof asks) == 0);
    end();
}

TEST(a_deep_record_travels_with_the_levels_of_the_ring_and_says_so)
{
    REQUIRE(begin_with((aats_out_opts_t){0}, 100) == AATS_OK);
    add("BTCUSDT", 100);
    quiet();
    publish(AATS_REC_QUOTE, 0, 100, 10);
    aats_out_flush(&W.out, 10);
    REQUIRE(W.cnt == 1);
    aats_rec_t got;
    aats_level_t bids[20], asks[20];
    REQUIRE(aats_wire_unpack(W.bytes[0] + 64, W.sz[0] - 64, 20, &got, bids, asks) > 0);
    CHECK(got.flags & AATS_F_DEEP);
    CHECK(got.bid_len == 20 && fixture_levels_whole(bids, 20, got.seq) && fixture_levels_whole(asks, 20, got.seq + 1));
    end();
}

TEST(numbers_are_the_rings_and_no_record_is_left_out_or_sent_twice)
{
    REQUIRE(begin() == AATS_OK);
    add("BTCUSDT", 5);
    quiet();
    uint64_t next = 0;
    for (int i = 0; i < 400; i++) {
        publish(i % 3 ? AATS_REC_QUOTE : AATS_REC_TICK, 0, i % 3 ? (uint32_t)i % 6 : 0, 1000 + i * 7000);
        if (i % 11 == 0) aats_out_flush(&W.out, 1000 + i * 7000);
    }
    aats_out_flush(&W.out, 9999999);
    for (int d = 0; d < W.cnt; d++) {
        if (W.head[d].kind != AATS_WIRE_RECORDS) continue;
        CHECK_EQ_U64(W.head[d].seq, next);
        size_t at = 64;
        for (uint16_t k = 0; k < W.head[d].cnt; k++) {
            aats_rec_t r;
            aats_level_t bids[5], asks[5];
            int const n = aats_wire_unpack(W.bytes[d] + at, W.sz[d] - at, 5, &r, bids, asks);
            REQUIRE(n > 0);
            CHECK_EQ_U64(r.rec, next++);
            at += (size_t)n;
        }
        CHECK_EQ_U64(at, W.sz[d]);
    }
    CHECK_EQ_U64(next, 400);
    end();
}

TEST(records_share_a_datagram_until_it_is_full)
{
    REQUIRE(begin() == AATS_OK);
    add("BTCUSDT", 5);
    quiet();
    for (int i = 0; i < 12; i++) publish(AATS_REC_QUOTE, 0, 5, 100); /* 256 bytes each: 5 go into 1472 - 64 */
    CHECK_EQ_I64(W.cnt, 2);
    for (int d = 0; d < W.cnt; d++) CHECK_EQ_U64(W.head[d].cnt, 5);
    aats_out_flush(&W.out, 100);
    aats_out_flush(&W.out, 100); /* nothing waits */
    REQUIRE(W.cnt == 3);
    CHECK_EQ_U64(W.head[2].cnt, 2);
    CHECK_EQ_U64(W.head[2].seq, 10);
    end();
}

TEST(no_record_is_held_longer_than_the_limit)
{
    REQUIRE(begin() == AATS_OK);
    add("BTCUSDT", 5);
    quiet();
    publish(AATS_REC_TICK, 0, 0, 1000000);
    publish(AATS_REC_TICK, 0, 0, 1000000 + AATS_WIRE_HOLD_NS - 1);
    CHECK_EQ_I64(W.cnt, 0);
    publish(AATS_REC_TICK, 0, 0, 1000000 + AATS_WIRE_HOLD_NS); /* by the next record */
    REQUIRE(W.cnt == 1);
    CHECK_EQ_U64(W.head[0].cnt, 3);
    publish(AATS_REC_TICK, 0, 0, 5000000);
    aats_out_due(&W.out, 5000000 + AATS_WIRE_HOLD_NS - 1);
    CHECK_EQ_I64(W.cnt, 1);
    aats_out_due(&W.out, 5000000 + AATS_WIRE_HOLD_NS); /* or without one */
    CHECK_EQ_I64(W.cnt, 2);
    publish(AATS_REC_TICK, 0, 0, 9000000);
    aats_out_due(&W.out, 8000000); /* the clock was set back: rather at once than never */
    CHECK_EQ_I64(W.cnt, 3);
    end();
}

/* ---- beats ---- */

TEST(a_beat_goes_out_every_tenth_of_a_second_behind_what_waits)
{
    REQUIRE(begin() == AATS_OK);
    CHECK_EQ_I64(aats_out_tick(&W.out, 5, 1000), 1); /* at once */
    REQUIRE(W.cnt == 1 && W.head[0].kind == AATS_WIRE_BEAT);
    CHECK_EQ_I64(W.head[0].sent_ns, 5);
    CHECK_EQ_I64(aats_out_wants_tick(&W.out, 1000 + AATS_WIRE_BEAT_NS - 1), 0);
    CHECK_EQ_I64(aats_out_tick(&W.out, 6, 1000 + AATS_WIRE_BEAT_NS - 1), 0);
    publish(AATS_REC_LINK, AATS_SYM_NONE, 0, 6);
    CHECK_EQ_I64(W.cnt, 1);
    CHECK_EQ_I64(aats_out_wants_tick(&W.out, 1000 + AATS_WIRE_BEAT_NS), 1);
    CHECK_EQ_I64(aats_out_tick(&W.out, 7, 1000 + AATS_WIRE_BEAT_NS), 1);
    REQUIRE(W.cnt == 3);
    CHECK_EQ_U64(W.head[1].kind, AATS_WIRE_RECORDS);
    CHECK_EQ_U64(W.head[2].kind, AATS_WIRE_BEAT);
    CHECK_EQ_U64(W.head[2].seq, 1); /* all below it were sent before */
    end();
}

TEST(a_beat_tells_the_feed_its_links_and_where_to_ask)
{
    REQUIRE(begin() == AATS_OK);
    add("BTCUSDT", 5);
    W.slot.heartbeat_mono_ns = 400;
    W.view.md->links[1] = (aats_link_t){.up = 1, .heard_mono_ns = 300, .limit_ns = 9};
    W.view.md->links[2] = (aats_link_t){.up = 1, .heard_mono_ns = 5000}; /* heard after the clock was read: no age below 0 */
    W.view.md->deep_seq = 12;
    aats_out_tick(&W.out, 5, 1000);
    aats_wire_beat_t b = beat_in(0);
    CHECK_STR(b.name, "one");
    CHECK_STR(b.venue, "BINANCE");
    CHECK_STR(b.repair_ip, "192.0.2.1");
    CHECK_EQ_U64(b.repair_port, 15004);
    CHECK(b.ring_levels == 5 && b.level_max == 5 && b.dir_cap == 64 && b.dir_cnt == 1);
    CHECK_EQ_U64(b.stale_ns, AATS_STALE_NS_DEFAULT);
    CHECK_EQ_I64(b.feed_age_ns, 600);
    CHECK_EQ_U64(b.deep_seq, 12);
    CHECK_EQ_U64(b.state, AATS_STATE_RUN);
    CHECK(b.links[1].up == 1 && b.links[1].age_ns == 700 && b.links[1].limit_ns == 9);
    CHECK(b.links[2].age_ns == 0 && b.links[0].up == 0);
    W.slot.owner = aats_ident_with(fixture_ident(1), AATS_STATE_HALT);
    aats_out_tick(&W.out, 6, 1000 + AATS_WIRE_BEAT_NS);
    b = beat_in(W.cnt - 2); /* behind it the directory's turn */
    CHECK_EQ_U64(b.state, AATS_STATE_HALT);
    end();
}

/* ---- the directory ---- */

static int told(int datagram, uint32_t at)
{
    aats_wire_dir_t d;
    memcpy(&d, W.bytes[datagram] + 64 + at * sizeof d, sizeof d);
    return (int)d.index;
}

TEST(an_entry_is_told_before_the_first_record_of_its_symbol)
{
    REQUIRE(begin() == AATS_OK);
    quiet();
    publish(AATS_REC_LINK, AATS_SYM_NONE, 0, 10);
    add("BTCUSDT", 5);
    publish(AATS_REC_STATE, 0, 0, 11);
    aats_out_flush(&W.out, 12);
    REQUIRE(W.cnt == 2);
    CHECK(W.head[0].kind == AATS_WIRE_DIR && told(0, 0) == 0);
    CHECK(W.head[1].kind == AATS_WIRE_RECORDS && W.head[1].cnt == 2);
    end();
}

TEST(an_entry_that_has_changed_is_told_in_the_same_pass_or_with_the_next_beat)
{
    REQUIRE(begin() == AATS_OK);
    add("BTCUSDT", 5);
    add("ETHUSDT", 5);
    quiet();
    publish(AATS_REC_STATE, 1, 0, 10);
    aats_dir_set_state(&W.view, 1, AATS_DIR_HALTED); /* as the feed does: the record first */
    aats_out_flush(&W.out, 11);
    CHECK_EQ_I64(aats_out_wants_tick(&W.out, 2), 1);
    CHECK_EQ_I64(aats_out_tick(&W.out, 11, 2), 1);
    REQUIRE(W.cnt == 2 && W.head[1].kind == AATS_WIRE_DIR && W.head[1].cnt == 1);
    CHECK_EQ_I64(told(1, 0), 1);
    CHECK_EQ_I64(aats_out_tick(&W.out, 12, 3), 0); /* told once */
    aats_dir_set_level(&W.view, 0, 3);            /* no record tells of it */
    CHECK_EQ_I64(aats_out_tick(&W.out, 13, 4), 0);
    W.cnt = 0;
    aats_out_tick(&W.out, 14, 1 + AATS_WIRE_BEAT_NS);
    REQUIRE(W.cnt == 3);
    CHECK(W.head[0].kind == AATS_WIRE_BEAT && W.head[1].kind == AATS_WIRE_DIR && W.head[1].cnt == 1 && told(1, 0) == 0);
    end();
}

TEST(every_entry_has_its_turn)
{
    REQUIRE(begin() == AATS_OK);
    char name[16];
    for (int i = 0; i < 13; i++) snprintf(name, sizeof name, "S%d", i), add(name, 5);
    quiet();
    int seen[13] = {0};
    for (int beat = 1; beat <= 3; beat++) {
        W.cnt = 0;
        aats_out_tick(&W.out, beat, 1 + beat * (int64_t)AATS_WIRE_BEAT_NS);
        REQUIRE(W.cnt == 2 && W.head[1].kind == AATS_WIRE_DIR);
        for (uint32_t k = 0; k < W.head[1].cnt; k++) seen[told(1, k)]++;
    }
    for (int i = 0; i < 13; i++) CHECK_MSG(seen[i] >= 1, "entry %d was not told in three beats", i);
    end();
}

TEST(many_new_entries_are_told_over_several_passes)
{
    REQUIRE(begin() == AATS_OK);
    char name[16];
    for (int i = 0; i < 60; i++) snprintf(name, sizeof name, "S%d", i), add(name, 5);
    int seen[60] = {0};
    for (int pass = 0; pass < 4; pass++) {
        int const before = W.cnt;
        aats_out_tick(&W.out, pass, 1 + pass);
        CHECK(W.cnt - before <= 6);
    }
    for (int d = 0; d < W.cnt; d++)
        for (uint32_t k = 0; W.head[d].kind == AATS_WIRE_DIR && k < W.head[d].cnt; k++) seen[told(d, k)]++;
    for (int i = 0; i < 60; i++) CHECK_MSG(seen[i] >= 1, "entry %d was not told", i);
    CHECK_EQ_I64(aats_out_tick(&W.out, 9, 9), 0);
    end();
}

RUN_ALL()
