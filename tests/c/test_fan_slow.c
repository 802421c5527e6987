/* test_fan_slow.c -- one who does not read, one who asks for too much, and the others beside them. */
#include "fan_fixture.h"

#define SMALL {.peer_max = 16, .log_sz = AATS_FAN_LOG_MIN, .own_max = AATS_FAN_OWN_MIN}

static peer_view_t a, b;

static void talk(fan_t *t, int cnt)
{
    for (int i = 0; i < cnt; i++) fan_quote(t, 0, 5);
}

TEST(one_who_never_reads_is_cut_and_counted_while_the_others_go_on)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_connect(&t, &b, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &b); /* its snapshot, and then nothing any more */
    int steps = 0;
    for (; steps < 100 && aats_fan_want(t.fan, b.peer) == AATS_FAN_KEEP; steps++) {
        talk(&t, 20);
        fan_pass(&t, FAN_MS);
        fan_all(&t, &a);
    }
    CHECK_EQ_I64(aats_fan_want(t.fan, b.peer), AATS_FAN_CUT);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SLOW), 1);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SUBS), 1);
    uint8_t const *at;
    CHECK_EQ_U64(aats_fan_output(t.fan, b.peer, &at), 0);
    aats_fan_leave(t.fan, b.peer);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_GONE), 0);
    for (int i = 0; i < 50; i++) {
        talk(&t, 20);
        fan_pass(&t, FAN_MS);
        fan_all(&t, &a);
    }
    CHECK(!a.broken);
    CHECK_EQ_U64(a.holes, 0);
    CHECK_EQ_U64(a.next, t.writer.next);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SLOW), 1);
    fan_close(&t);
}

TEST(one_whose_place_is_overwritten_in_the_middle_of_a_message_is_given_nothing_more)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    talk(&t, 50);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_U64(fan_read(&t, &a, 100, 100), 100); /* stands in a message of fifty records */
    fan_ask(&t, a.peer, 99, 0, 0);                 /* and is to be ended, behind that message */
    for (int i = 0; i < 30; i++) {
        fan_connect(&t, &b, AATS_HELLO_STREAM);
        talk(&t, 50);
        fan_pass(&t, FAN_MS);
        fan_all(&t, &b);
        aats_fan_leave(t.fan, b.peer);
    }
    fan_connect(&t, &b, AATS_HELLO_STREAM);
    for (int i = 0; i < 30; i++) {
        talk(&t, 50);
        fan_pass(&t, FAN_MS);
        fan_all(&t, &b);
    }
    fan_all(&t, &a);
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_CUT);
    CHECK(!a.broken);
    CHECK(!b.broken);
    fan_close(&t);
}

TEST(one_who_takes_nothing_of_an_idle_feed_is_cut_in_the_end)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t){.peer_max = 2, .log_sz = 1 << 24, .own_max = AATS_FAN_OWN_MIN}, 5));
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_connect(&t, &b, 0); /* has nothing to take */
    fan_pass(&t, FAN_MS);
    int64_t const stuck = AATS_FAN_STUCK_NS / (100 * FAN_MS);
    for (int64_t i = 0; i < stuck - 1; i++) fan_pass(&t, 100 * FAN_MS);
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_KEEP);
    fan_pass(&t, 100 * FAN_MS);
    fan_pass(&t, 100 * FAN_MS);
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_CUT);
    CHECK_EQ_I64(aats_fan_want(t.fan, b.peer), AATS_FAN_KEEP);
    fan_close(&t);
}

TEST(questions_without_end_that_nobody_reads_the_answers_of_cut_their_asker)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, FAN_DEPTH);
    fan_connect(&t, &a, 0);
    int rc = AATS_OK, asked = 0;
    for (; asked < 10000 && rc == AATS_OK; asked++) rc = fan_ask(&t, a.peer, AATS_ASK_RESEND, 0, FAN_DEPTH);
    CHECK_EQ_I64(rc, AATS_E_PROTO);
    CHECK(asked >= AATS_FAN_ASKS);
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_CUT);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SLOW), 1);
    fan_close(&t);
}

TEST(a_peer_with_many_questions_open_is_better_not_heard)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, FAN_DEPTH);
    fan_connect(&t, &a, 0);
    CHECK(aats_fan_hears(t.fan, a.peer));
    int asked = 0;
    for (; asked < 10000 && aats_fan_hears(t.fan, a.peer); asked++) fan_ask(&t, a.peer, AATS_ASK_RESEND, 0, FAN_DEPTH);
    CHECK(asked < 1000);
    for (int i = 0; i < 2000 && !aats_fan_hears(t.fan, a.peer); i++) {
        fan_all(&t, &a);
        fan_pass(&t, FAN_MS / 10);
    }
    CHECK(aats_fan_hears(t.fan, a.peer));
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_KEEP);
    fan_close(&t);
}

TEST(one_who_asks_for_the_whole_ring_again_and_again_delays_nobody)
{
    fan_t t;
    static peer_view_t greedy[8];
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, FAN_DEPTH);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_connect(&t, &b, 0);
    for (int i = 0; i < 8; i++) fan_connect(&t, &greedy[i], 0);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    uint64_t made_max = 0;
    for (int step = 0; step < 200; step++) {
        for (int i = 0; i < 8; i++)
            while (aats_fan_hears(t.fan, greedy[i].peer) && aats_fan_want(t.fan, greedy[i].peer) == AATS_FAN_KEEP) {
                fan_ask(&t, greedy[i].peer, AATS_ASK_RESEND, 0, UINT64_MAX);
            }
        uint64_t const resent = fan_counter(&t, AATS_FAN_RESENT);
        talk(&t, 10);
        fan_ask(&t, b.peer, AATS_ASK_RESEND, t.writer.next - 5, 5);
        fan_pass(&t, FAN_MS);
        uint64_t const made = fan_counter(&t, AATS_FAN_RESENT) - resent;
        if (made > made_max) made_max = made;
        fan_all(&t, &a);
        fan_all(&t, &b);
        for (int i = 0; i < 8; i++) fan_all(&t, &greedy[i]);
        CHECK_EQ_U64(a.next, t.writer.next); /* in the step in which it was published */
        CHECK_EQ_U64(b.resent_cnt + b.records, 5 * (uint64_t)(step + 1));
    }
    for (int i = 0; i < 8; i++) CHECK(greedy[i].records + greedy[i].resent_cnt > FAN_DEPTH);
    CHECK_MSG(made_max <= 9 * AATS_FAN_SHARE / 256 + 5, "one step sent %" PRIu64 " records again", made_max);
    fan_close(&t);
}

TEST(a_snapshot_that_is_not_read_does_not_keep_others_from_theirs)
{
    fan_t t;
    static peer_view_t lazy[AATS_FAN_SNAPS];
    REQUIRE(fan_open(&t, (aats_fan_opts_t){.peer_max = 16, .log_sz = 1 << 24, .own_max = AATS_FAN_OWN_MIN}, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, 10);
    for (int i = 0; i < AATS_FAN_SNAPS; i++) fan_connect(&t, &lazy[i], i % 2 ? AATS_HELLO_STREAM : 0);
    for (int i = 0; i < AATS_FAN_SNAPS; i += 2) fan_ask(&t, lazy[i].peer, AATS_ASK_SNAPSHOT, 0, 0);
    fan_pass(&t, FAN_MS);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_SNAP], 0); /* no buffer is free */
    for (int64_t ns = 0; ns <= AATS_FAN_SNAP_NS + 200 * FAN_MS && !a.kinds[AATS_WIRE_SNAP]; ns += 50 * FAN_MS) {
        fan_pass(&t, 50 * FAN_MS);
        fan_all(&t, &a);
    }
    CHECK_EQ_U64(a.kinds[AATS_WIRE_SNAP_END], 1);
    CHECK(fan_same(&t, &a, 0));
    CHECK(fan_counter(&t, AATS_FAN_SLOW) >= 1);
    fan_close(&t);
}

TEST(snapshots_for_many_come_in_turn)
{
    fan_t t;
    static peer_view_t v[16];
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, 10);
    for (int i = 0; i < 16; i++) fan_connect(&t, &v[i], AATS_HELLO_STREAM);
    for (int step = 0; step < 12; step++) {
        talk(&t, 1);
        fan_pass(&t, FAN_MS);
        for (int i = 0; i < 16; i++) fan_all(&t, &v[i]);
    }
    for (int i = 0; i < 16; i++) {
        CHECK_EQ_U64(v[i].kinds[AATS_WIRE_SNAP_END], 1);
        CHECK_EQ_U64(v[i].next, t.writer.next);
        CHECK_EQ_U64(v[i].holes, 0);
        CHECK(fan_same(&t, &v[i], 0));
    }
    fan_close(&t);
}

RUN_ALL()
