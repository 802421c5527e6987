/* test_fan.c -- connections, hello, questions, and that a stream is whole: refusals first. */
#include "fan_fixture.h"

#define SMALL {.peer_max = 4, .log_sz = AATS_FAN_LOG_MIN, .own_max = AATS_FAN_OWN_MIN}

static peer_view_t a, b;

/* ---- what cannot be made ---- */

static int made(aats_fan_opts_t opts)
{
    fan_t t;
    int const ok = fan_open(&t, opts, 5);
    fan_close(&t);
    return ok;
}

TEST(numbers_outside_their_range_are_refused)
{
    CHECK(!made((aats_fan_opts_t){.peer_max = AATS_FAN_PEERS_MAX + 1}));
    CHECK(!made((aats_fan_opts_t){.log_sz = AATS_FAN_LOG_MIN / 2}));
    CHECK(!made((aats_fan_opts_t){.log_sz = AATS_FAN_LOG_MIN + 8}));
    CHECK(!made((aats_fan_opts_t){.own_max = AATS_FAN_OWN_MIN - 1}));
    CHECK(made((aats_fan_opts_t){.peer_max = 1}));
}

/* ---- hello ---- */

/* refused says a hello and wants one BYE that has `word` in it, then the end. */
static void refused(aats_fan_opts_t opts, aats_hello_t const *hello, char const *word)
{
    fan_t t;
    REQUIRE(fan_open(&t, opts, 5));
    int const peer = aats_fan_join(t.fan, t.mono_ns);
    view_begin(&a, peer);
    CHECK_EQ_I64(fan_say(&t, peer, hello, sizeof *hello), AATS_E_PROTO);
    CHECK_EQ_I64(aats_fan_want(t.fan, peer), AATS_FAN_LAST);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.messages, 1);
    CHECK_MSG(strstr(a.bye, word) != NULL, "\"%s\" does not name %s", a.bye, word);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_REFUSED), 1);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_ACCEPTED), 0);
    CHECK_EQ_I64(fan_ask(&t, peer, AATS_ASK_SNAPSHOT, 0, 0), AATS_E_PROTO);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.messages, 1);
    aats_fan_leave(t.fan, peer);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_GONE), 0);
    fan_close(&t);
}

TEST(a_wrong_hello_is_answered_by_one_bye_with_the_reason)
{
    aats_hello_t h = fan_hello(AATS_HELLO_STREAM);
    h.magic++;
    refused((aats_fan_opts_t)SMALL, &h, "hello");
    h = fan_hello(AATS_HELLO_STREAM);
    h.version++;
    refused((aats_fan_opts_t)SMALL, &h, "version");
    h = fan_hello(AATS_HELLO_STREAM);
    h.layout_hash++;
    refused((aats_fan_opts_t)SMALL, &h, "layout");
}

TEST(a_token_that_differs_in_one_byte_is_refused)
{
    aats_fan_opts_t opts = SMALL;
    opts.need_proof = 1;
    for (int i = 0; i < 16; i++) opts.proof[i] = (uint8_t)(i * 7 + 1);
    for (int i = 0; i < 16; i++) {
        aats_hello_t h = fan_hello(AATS_HELLO_STREAM);
        memcpy(h.proof, opts.proof, 16);
        h.proof[i] ^= 0x10;
        refused(opts, &h, "token");
    }
    aats_hello_t const none = fan_hello(0);
    refused(opts, &none, "token");

    fan_t t;
    aats_hello_t h = fan_hello(0);
    memcpy(h.proof, opts.proof, 16);
    REQUIRE(fan_open(&t, opts, 5));
    int const peer = aats_fan_join(t.fan, t.mono_ns);
    CHECK_EQ_I64(fan_say(&t, peer, &h, sizeof h), AATS_OK);
    fan_close(&t);
}

TEST(one_connection_too_many_is_refused_and_its_place_is_used_again)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    for (int i = 0; i < 4; i++) CHECK_EQ_I64(aats_fan_join(t.fan, t.mono_ns), i);
    CHECK_EQ_I64(aats_fan_join(t.fan, t.mono_ns), AATS_E_FULL);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_REFUSED), 1);
    aats_fan_leave(t.fan, 2);
    CHECK_EQ_I64(aats_fan_join(t.fan, t.mono_ns), 2);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_PEERS), 4);
    fan_close(&t);
}

TEST(who_says_nothing_or_half_a_hello_is_ended_in_time)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    int const silent = aats_fan_join(t.fan, t.mono_ns), half = aats_fan_join(t.fan, t.mono_ns);
    aats_hello_t const h = fan_hello(0);
    view_begin(&a, half);
    fan_say(&t, half, &h, 31);
    for (int64_t ns = 0; ns < AATS_FAN_HELLO_NS - FAN_MS; ns += FAN_MS) fan_pass(&t, FAN_MS);
    CHECK_EQ_I64(aats_fan_want(t.fan, silent), AATS_FAN_KEEP);
    CHECK_EQ_I64(aats_fan_want(t.fan, half), AATS_FAN_KEEP);
    fan_pass(&t, FAN_MS);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_I64(aats_fan_want(t.fan, silent), AATS_FAN_CUT); /* the published client could not bear an orderly end */
    CHECK_EQ_I64(aats_fan_want(t.fan, half), AATS_FAN_LAST);
    fan_all(&t, &a);
    CHECK(a.bye[0] != 0);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_REFUSED), 2);
    fan_close(&t);
}

TEST(a_question_that_is_none_ends_its_asker_alone)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    CHECK_EQ_I64(fan_connect(&t, &a, 0), AATS_OK);
    CHECK_EQ_I64(fan_connect(&t, &b, 0), AATS_OK);
    CHECK_EQ_I64(fan_ask(&t, a.peer, 99, 0, 0), AATS_E_PROTO);
    fan_all(&t, &a);
    CHECK(a.bye[0] != 0);
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_LAST);
    CHECK_EQ_I64(fan_ask(&t, b.peer, AATS_ASK_CLOCK, 5, 0), AATS_OK);
    fan_all(&t, &b);
    CHECK_EQ_I64(b.clock.asked_ns, 5);
    fan_close(&t);
}

/* ---- a stream ---- */

/* talk publishes a mix for all symbols. */
static void talk(fan_t *t, int cnt, uint32_t levels)
{
    for (int i = 0; i < cnt; i++) {
        int const sym = (int)(t->seed * 7 % aats_dir_cnt(&t->view));
        if (t->seed % 5 == 0) fan_tick(t, sym);
        else if (t->seed % 23 == 0) fan_invalid(t, sym);
        else fan_quote(t, sym, 1 + (uint32_t)(t->seed % levels));
    }
}

TEST(a_stream_has_every_record_once_and_ends_with_the_feeds_books)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    for (int i = 0; i < 3; i++) fan_symbol(&t, (char const *[]){"AAUSDT", "BBUSDT", "CCUSDT"}[i], 5);
    talk(&t, 100, 5);
    CHECK_EQ_I64(fan_connect(&t, &a, AATS_HELLO_STREAM), AATS_OK);
    for (int i = 0; i < 400; i++) {
        talk(&t, 1 + i % 40, 5);
        fan_pass(&t, FAN_MS);
        fan_all(&t, &a);
    }
    CHECK(!a.broken);
    CHECK_EQ_U64(a.holes, 0);
    CHECK_EQ_U64(a.next, t.writer.next);
    CHECK(a.snap_seq >= 100 && a.snap_end_seq == a.snap_seq);
    CHECK_EQ_U64(a.records, t.writer.next - a.snap_seq);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_SNAP], 1);
    CHECK(a.kinds[AATS_WIRE_BEAT] >= 4);
    for (int sym = 0; sym < 3; sym++) CHECK_MSG(fan_same(&t, &a, sym), "book of symbol %d", sym);
    CHECK_STR(a.dir[2].symbol, "CCUSDT.BINANCE");
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SUBS), 1);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_LAPS), 0);
    aats_fan_leave(t.fan, a.peer);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SUBS), 0);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_GONE), 1);
    fan_close(&t);
}

TEST(an_entry_of_the_directory_comes_before_the_first_record_of_its_symbol)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    CHECK_EQ_I64(fan_connect(&t, &a, AATS_HELLO_STREAM), AATS_OK);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    for (int i = 0; i < 5; i++) {
        char name[8] = "AAUSDT";
        name[0] = (char)('A' + i);
        int const sym = fan_symbol(&t, name, 5);
        fan_tick(&t, sym);
        CHECK_EQ_U64(a.dir[sym].state, 0);
        fan_pass(&t, FAN_MS / 10);
        uint8_t const *at;
        aats_wire_t h;
        REQUIRE(aats_fan_output(t.fan, a.peer, &at) > sizeof h);
        memcpy(&h, at, sizeof h);
        CHECK_EQ_U64(h.kind, AATS_WIRE_DIR);
        fan_all(&t, &a);
        CHECK_EQ_U64(a.dir[sym].state, AATS_DIR_LIVE);
        CHECK_EQ_U64(a.ticks[sym], 1);
    }
    aats_dir_set_state(&t.view, 1, AATS_DIR_GONE);
    fan_pass(&t, 100 * FAN_MS); /* with the next beat */
    fan_all(&t, &a);
    CHECK_EQ_U64(a.dir[1].state, AATS_DIR_GONE);
    fan_close(&t);
}

/* cut has four receivers join in one step (each has a snapshot of its own then); three read in pieces, and not all there is. */
static void cut(size_t const *pieces)
{
    static peer_view_t v[4];
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, 20, 5);
    for (int i = 0; i < 4; i++) CHECK_EQ_I64(fan_connect(&t, &v[i], AATS_HELLO_STREAM), AATS_OK);
    for (int step = 0; step < 600; step++) { /* round the log some times */
        talk(&t, 5, 5);
        fan_pass(&t, FAN_MS);
        fan_all(&t, &v[3]);
        for (int i = 0; i < 3; i++) fan_read(&t, &v[i], step % 3 ? 1500 : 4000, pieces[i]);
    }
    for (int i = 0; i < 3; i++) fan_read(&t, &v[i], SIZE_MAX, pieces[i]);
    CHECK(v[3].bytes > 4 * AATS_FAN_LOG_MIN);
    for (int i = 0; i < 3; i++) {
        CHECK(!v[i].broken);
        CHECK_EQ_U64(v[i].bytes, v[3].bytes);
        CHECK_EQ_U64(v[i].digest, v[3].digest);
        CHECK_EQ_U64(v[i].next, t.writer.next);
    }
    fan_close(&t);
}

TEST(a_stream_cut_anywhere_says_the_same_as_the_whole)
{
    cut((size_t const[]){1, 3, 63});
    cut((size_t const[]){64, 65, 1000});
    cut((size_t const[]){31, 4097, 2048});
}

TEST(a_hello_and_questions_may_come_byte_by_byte)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, 50, 5);
    aats_hello_t const h = fan_hello(0);
    aats_ask_t const q[2] = {{.magic = AATS_ASK_MAGIC, .kind = AATS_ASK_CLOCK, .a = 123}, {.magic = AATS_ASK_MAGIC, .kind = AATS_ASK_RESEND, .a = 10, .b = 5}};
    uint8_t bytes[sizeof h + sizeof q];
    memcpy(bytes, &h, sizeof h);
    memcpy(bytes + sizeof h, q, sizeof q);
    int const peer = aats_fan_join(t.fan, t.mono_ns);
    view_begin(&a, peer);
    for (size_t i = 0; i < sizeof bytes; i++) CHECK_EQ_I64(fan_say(&t, peer, bytes + i, 1), AATS_OK);
    fan_all(&t, &a);
    CHECK_EQ_I64(a.clock.asked_ns, 123);
    CHECK_EQ_U64(a.next, 15);
    CHECK_EQ_U64(a.records, 5);
    fan_close(&t);
}

/* ---- questions ---- */

TEST(records_inside_the_window_come_again_and_those_outside_are_told_as_lost)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    talk(&t, 3 * FAN_DEPTH, 5);
    fan_connect(&t, &a, 0);
    uint64_t const newest = t.writer.next, oldest = newest - FAN_DEPTH;

    fan_ask(&t, a.peer, AATS_ASK_RESEND, oldest - 10, 30);
    fan_all(&t, &a);
    CHECK(!a.broken);
    CHECK_EQ_U64(a.lost_cnt, 10);
    CHECK_EQ_U64(a.lost_from, oldest - 10);
    CHECK_EQ_U64(a.records, 20);
    CHECK_EQ_U64(a.next, oldest + 20);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_RESENT), 20);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_TOO_LATE), 10);

    view_begin(&a, a.peer);
    fan_ask(&t, a.peer, AATS_ASK_RESEND, 0, 10); /* long gone */
    fan_all(&t, &a);
    CHECK_EQ_U64(a.lost_cnt, 10);
    CHECK_EQ_U64(a.records, 0);

    view_begin(&a, a.peer);
    fan_ask(&t, a.peer, AATS_ASK_RESEND, newest - 3, UINT64_MAX); /* what is not there yet is not waited for */
    fan_ask(&t, a.peer, AATS_ASK_RESEND, newest + 5, 10);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.records, 3);
    CHECK_EQ_U64(a.messages, 1);
    fan_close(&t);
}

TEST(a_book_that_is_asked_for_comes_whole_and_one_that_is_not_there_is_said_to_be_none)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    fan_symbol(&t, "BBUSDT", 5);
    fan_quote(&t, 0, 5);
    fan_connect(&t, &a, 0);
    fan_ask(&t, a.peer, AATS_ASK_BOOK, 0, 0);
    fan_all(&t, &a);
    CHECK(fan_same(&t, &a, 0));
    CHECK_EQ_U64(a.kinds[AATS_WIRE_LOST], 0);
    fan_ask(&t, a.peer, AATS_ASK_BOOK, 1, 0);
    fan_ask(&t, a.peer, AATS_ASK_BOOK, UINT64_MAX, 0);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_LOST], 2);
    CHECK_EQ_U64(a.lost_cnt, 0);
    fan_close(&t);
}

TEST(a_clock_is_answered_with_the_time_at_which_it_was_heard_and_is_answered)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_connect(&t, &a, 0);
    t.now_ns += 777;
    int64_t const heard = t.now_ns;
    fan_ask(&t, a.peer, AATS_ASK_CLOCK, 42, 0);
    t.now_ns += 1000; /* it was answered already */
    fan_all(&t, &a);
    CHECK_EQ_I64(a.clock.asked_ns, 42);
    CHECK_EQ_I64(a.clock.received_ns, heard);
    CHECK_EQ_I64(a.clock.answered_ns, heard);
    fan_close(&t);
}

/* ---- beats ---- */

TEST(a_beat_stands_behind_the_records_below_its_number)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t){.peer_max = 1, .log_sz = 1 << 20, .own_max = AATS_FAN_OWN_MIN}, 5));
    fan_symbol(&t, "AAUSDT", 5);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    uint64_t const beats = a.kinds[AATS_WIRE_BEAT];

    /* All that was published is read in one step: the beat goes behind it. */
    t.mono_ns += 150 * FAN_MS;
    t.now_ns += 150 * FAN_MS;
    t.slot.heartbeat_mono_ns = (uint64_t)(t.mono_ns - 40 * FAN_MS);
    talk(&t, 250, 5);
    uint64_t const newest = t.writer.next;
    aats_fan_step(t.fan, t.now_ns, t.mono_ns);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_BEAT], beats + 1);
    CHECK_EQ_U64(a.beat_seq, newest);
    CHECK_EQ_I64(a.beat.feed_age_ns, 40 * FAN_MS);
    CHECK_EQ_U64(a.next, newest);
    fan_close(&t);
}

TEST(a_beat_says_what_was_seen_before_the_records_below_its_number_were_read)
{
    fan_t t;
    char why[200];
    memset(&t, 0, sizeof t);
    REQUIRE(fixture_md(&t.view, 4096, 5, FAN_SYMS) == AATS_OK);
    aats_ring_open(&t.writer, &t.view);
    t.mono_ns = 1000 * FAN_MS;
    t.slot.heartbeat_mono_ns = (uint64_t)t.mono_ns;
    t.slot.owner = fixture_ident(5) | AATS_STATE_RUN;
    aats_fan_opts_t const opts = {.peer_max = 1, .log_sz = 1 << 20, .own_max = AATS_FAN_OWN_MIN};
    t.fan = aats_fan_new(&opts, &t.view, &t.slot, why, sizeof why);
    REQUIRE(t.fan != NULL);
    fan_symbol(&t, "AAUSDT", 5);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    uint64_t const beats = a.kinds[AATS_WIRE_BEAT];
    int64_t const beat_mono_ns = t.mono_ns;

    talk(&t, 1000, 5); /* more than one step takes */
    uint64_t const newest = t.writer.next;
    t.mono_ns += 100 * FAN_MS; /* a beat is due; the feed's own is 100 ms old */
    aats_fan_step(t.fan, t.now_ns, t.mono_ns);
    fan_all(&t, &a);
    CHECK_EQ_U64(a.kinds[AATS_WIRE_BEAT], beats);
    fan_invalid(&t, 0);
    for (int i = 0; i < 5; i++) {
        t.mono_ns += 10 * FAN_MS;
        t.slot.heartbeat_mono_ns = (uint64_t)t.mono_ns; /* the feed beats again, behind its word that the book is bad */
        aats_fan_step(t.fan, t.now_ns, t.mono_ns);
        fan_all(&t, &a);
        if (a.kinds[AATS_WIRE_BEAT] > beats) break;
    }
    CHECK_EQ_U64(a.kinds[AATS_WIRE_BEAT], beats + 1);
    CHECK(a.beat_seq >= newest);
    CHECK_EQ_I64(a.beat.feed_age_ns, t.mono_ns - beat_mono_ns);
    fan_close(&t);
}

TEST(beats_come_ten_times_a_second_and_name_the_feed)
{
    aats_fan_opts_t opts = SMALL;
    snprintf(opts.out.name, sizeof opts.out.name, "spot");
    fan_t t;
    REQUIRE(fan_open(&t, opts, 5));
    aats_fan_set_repair(t.fan, "192.0.2.7", 4242);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &a);
    uint64_t const before = a.kinds[AATS_WIRE_BEAT];
    for (int i = 0; i < 1000; i++) {
        fan_pass(&t, FAN_MS);
        fan_all(&t, &a);
    }
    CHECK(a.kinds[AATS_WIRE_BEAT] - before >= 9 && a.kinds[AATS_WIRE_BEAT] - before <= 10);
    CHECK_STR(a.beat.name, "spot");
    CHECK_STR(a.beat.venue, "BINANCE");
    CHECK_STR(a.beat.repair_ip, "192.0.2.7");
    CHECK_EQ_U64(a.beat.repair_port, 4242);
    CHECK_EQ_U64(a.beat.state, AATS_STATE_RUN);
    fan_close(&t);
}

/* ---- the end ---- */

TEST(at_the_end_each_gets_what_there_is_and_a_bye)
{
    fan_t t;
    REQUIRE(fan_open(&t, (aats_fan_opts_t)SMALL, 5));
    fan_symbol(&t, "AAUSDT", 5);
    fan_connect(&t, &a, AATS_HELLO_STREAM);
    fan_connect(&t, &b, 0);
    int const silent = aats_fan_join(t.fan, t.mono_ns);
    fan_pass(&t, FAN_MS);
    talk(&t, 30, 5);
    fan_pass(&t, FAN_MS);
    aats_fan_stop(t.fan, t.now_ns);
    CHECK_EQ_I64(aats_fan_want(t.fan, a.peer), AATS_FAN_LAST);
    CHECK_EQ_I64(aats_fan_want(t.fan, b.peer), AATS_FAN_LAST);
    CHECK_EQ_I64(aats_fan_want(t.fan, silent), AATS_FAN_CUT);
    fan_all(&t, &a);
    fan_all(&t, &b);
    CHECK_EQ_U64(a.next, t.writer.next);
    CHECK_STR(a.bye, "the feed ends");
    CHECK_STR(b.bye, "the feed ends");
    CHECK_EQ_I64(aats_fan_join(t.fan, t.mono_ns), AATS_E_FULL);
    fan_close(&t);
}

RUN_ALL()
