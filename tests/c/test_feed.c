/* test_feed.c -- the step function of a feed, one step at a time, under the sanitizers.  Whole lives of it: tests/world. */
#include "feed_fixture.h"

#include "check.h"

#define DIFF(first, last, px, qty) \
    "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"BTCUSDT\"," \
    "\"U\":" #first ",\"u\":" #last ",\"b\":[[\"" px "\",\"" qty "\"]],\"a\":[]}}"

static int said(fixture_feed_t const *x, char const *line) { return strstr(x->log, line) != NULL; }

static uint64_t count(fixture_feed_t const *x, int counter) { return aats_feed_view(x->feed)->md->counters[counter]; }

/* ---- refusals ---- */

TEST(feed_is_refused_with_a_sentence_that_names_the_culprit)
{
    size_t size;
    void *mem = fixture_segment(20, 8, &size);
    char why[200] = "";
    aats_feed_opts_t o = fixture_opts();
    strcpy(o.venue, "NOSUCH");
    CHECK(aats_feed_new(&o, mem, size, NULL, why, sizeof why) == NULL);
    CHECK_STR(why, "no venue NOSUCH is built in");
    o = fixture_opts();
    o.book_window = 1000;
    CHECK(aats_feed_new(&o, mem, size, NULL, why, sizeof why) == NULL);
    CHECK(strstr(why, "book_window 1000") != NULL);
    o = fixture_opts();
    CHECK(aats_feed_new(&o, mem, size - 64, NULL, why, sizeof why) == NULL);
    CHECK(strstr(why, "mapped") != NULL);
    aats_feed_t *f = aats_feed_new(&o, mem, size, NULL, why, sizeof why);
    REQUIRE(f != NULL);
    aats_feed_begin(f, 1, 1);
    aats_feed_end(f); /* without a slot there is nowhere to beat */
    aats_feed_free(f);
    free(mem);
}

TEST(segment_that_was_written_before_is_not_continued)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    char why[200] = "";
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    size_t size = (size_t)aats_feed_view(x.feed)->size;
    CHECK(aats_feed_new(&o, x.mem, size, NULL, why, sizeof why) == NULL);
    CHECK(strstr(why, "new generation") != NULL);
    fixture_end(&x);
}

TEST(mail_of_another_size_or_for_no_symbol_changes_nothing)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    aats_mailbox_t *in = aats_feed_in(x.feed);
    aats_mailbox_put(in, AATS_MAIL_SUBSCRIBE, 0, 0, "short", 5);
    uint32_t const kinds[] = {AATS_MAIL_UNSUBSCRIBE, AATS_MAIL_SET_LEVEL, AATS_MAIL_SNAPSHOT, AATS_MAIL_SNAP_FAILED, AATS_MAIL_HALT, 999};
    for (int i = 0; i < 6; i++) aats_mailbox_put(in, kinds[i], 4000000000u, 1, "{}", 2);
    fixture_pass(&x, 1);
    CHECK_EQ_U64(x.added, 0);
    CHECK_EQ_U64(aats_feed_view(x.feed)->md->head, 0);
    fixture_end(&x);
}

TEST(directory_that_is_full_refuses_one_more_symbol)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    for (int i = 0; i < 9; i++) {
        char name[32];
        snprintf(name, sizeof name, "S%dUSDT", i);
        fixture_subscribe(&x, name, 5);
    }
    fixture_pass(&x, 1);
    CHECK_EQ_U64(x.added, 9);
    CHECK_EQ_I64(x.added_code, AATS_E_FULL);
    fixture_end(&x);
}

/* ---- the walk ---- */

TEST(book_lives_after_snapshot_and_shows_each_diff)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_U64(rec.seq, 100);
    CHECK(rec.flags & AATS_F_SNAPSHOT);
    fixture_text(&x, 0, DIFF(101, 103, "10.5", "2"));
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_U64(rec.seq, 103);
    CHECK_EQ_I64(rec.bid_len, 3);
    CHECK_EQ_I64(rec.recv_ns, FEED_EPOCH_NS + x.mono_ns);
    CHECK_EQ_U64(x.asks, 1);
    CHECK(said(&x, "link 0 up: test.example"));
    fixture_end(&x);
}

static int64_t clock_ns;
static int64_t next_ns(void) { return clock_ns += 10; }

TEST(record_says_when_its_message_had_been_read_and_none_where_there_was_no_message)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    clock_ns = FEED_EPOCH_NS + (int64_t)3600 * 1000 * FEED_MS;
    aats_feed_set_clock(x.feed, next_ns);
    REQUIRE(fixture_live(&x));
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK(rec.parsed_ns > rec.recv_ns && rec.parsed_ns < rec.pub_ns); /* the snapshot, too, is a message */
    fixture_text(&x, 0, DIFF(101, 103, "10.5", "2"));
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_I64(rec.pub_ns - rec.parsed_ns, 10);
    aats_hist_t const *hists = aats_feed_view(x.feed)->hists;
    CHECK_EQ_U64(hists[AATS_HIST_MD_RECV_PARSED].count, 2);
    CHECK_EQ_U64(hists[AATS_HIST_MD_PARSED_PUB].count, 2);
    CHECK_EQ_U64(hists[AATS_HIST_MD_PARSED_PUB].max_ns, 10);
    aats_feed_stop(x.feed);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_LINK_DOWN);
    CHECK_EQ_I64(rec.parsed_ns, 0);
    CHECK_EQ_U64(hists[AATS_HIST_MD_PARSED_PUB].count, 2);
    fixture_end(&x);
}

TEST(snapshot_is_asked_for_only_when_the_stream_is_acknowledged)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    fixture_subscribe(&x, "BTCUSDT", 5);
    fixture_pass(&x, 1);
    REQUIRE(fixture_upgrade(&x));
    for (int i = 0; i < 50; i++) fixture_pass(&x, 100);
    fixture_text(&x, 0, DIFF(101, 103, "10.5", "2")); /* data may come before the acknowledgement; it is none */
    fixture_pass(&x, 1);
    CHECK_EQ_U64(x.asks, 0);
    fixture_text(&x, 0, "{\"result\":null,\"id\":1}");
    fixture_pass(&x, 1);
    CHECK_EQ_U64(x.asks, 1);
    fixture_end(&x);
}

TEST(gap_makes_the_book_bad_at_once_and_asks_anew)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    fixture_text(&x, 0, DIFF(102, 103, "10.5", "2"));
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_GAP);
    CHECK_EQ_U64(count(&x, AATS_MDC_GAPS), 1);
    for (int i = 0; i < 49; i++) fixture_pass(&x, 10);
    CHECK(said(&x, "BTCUSDT.BINANCE: gap in the venue's sequence"));
    CHECK_EQ_U64(x.asks, 1); /* half a second from one question to the next */
    for (int i = 0; i < 2; i++) fixture_pass(&x, 10);
    CHECK_EQ_U64(x.asks, 2);
    fixture_end(&x);
}

TEST(answer_to_an_old_question_is_not_taken)
{
    static char const SNAPSHOT[] = "{\"lastUpdateId\":500,\"bids\":[[\"10\",\"1\"]],\"asks\":[[\"11\",\"1\"]]}";
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    uint64_t old = x.ask_no[0];
    fixture_text(&x, 0, DIFF(102, 103, "10.5", "2"));
    for (int i = 0; i < 8; i++) fixture_pass(&x, 100);
    REQUIRE(x.ask_no[0] != old);
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SNAPSHOT, 0, old, SNAPSHOT, sizeof SNAPSHOT - 1);
    fixture_pass(&x, 1);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_GAP);
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SNAPSHOT, 0, x.ask_no[0], SNAPSHOT, sizeof SNAPSHOT - 1);
    fixture_pass(&x, 1);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    fixture_end(&x);
}

TEST(crossed_book_is_bad_and_asked_for_anew)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    fixture_text(&x, 0, DIFF(101, 101, "11", "1")); /* a bid at the best ask */
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_CROSSED);
    fixture_text(&x, 0, DIFF(102, 102, "11", "0"));
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_CROSSED); /* it does not mend by itself: something was wrong */
    CHECK_EQ_U64(count(&x, AATS_MDC_CROSSED), 1);
    for (int i = 0; i < 6; i++) fixture_pass(&x, 100);
    CHECK_EQ_U64(x.asks, 2);
    fixture_end(&x);
}

/* ---- the horizon ---- */

/* Bids 100, 99 ... 89 of a snapshot that was cut at twelve levels, as a new answer; asks 101 and 102 are all there are. */
static void cut_snapshot(fixture_feed_t *x, unsigned id)
{
    char text[1024], *at = text + snprintf(text, sizeof text, "{\"lastUpdateId\":%u,\"bids\":[[\"100\",\"1\"]", id);
    for (int px = 99; px >= 89; px--) at += snprintf(at, (size_t)(text + sizeof text - at), ",[\"%d\",\"1\"]", px);
    snprintf(at, (size_t)(text + sizeof text - at), "],\"asks\":[[\"101\",\"1\"],[\"102\",\"1\"]]}");
    aats_mailbox_put(aats_feed_in(x->feed), AATS_MAIL_SNAPSHOT, 0, x->ask_no[0], text, strlen(text));
    fixture_pass(x, 1);
}

/* A bid of that price and quantity, which continues the book. */
static void bid(fixture_feed_t *x, unsigned id, int px, int qty)
{
    char text[300];
    snprintf(text, sizeof text, "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"BTCUSDT\","
             "\"U\":%u,\"u\":%u,\"b\":[[\"%d\",\"%d\"]],\"a\":[]}}", id, id, px, qty);
    fixture_text(x, 0, text);
}

/* A book whose snapshot was cut; then 11 s go by, in which it may not be asked for anew. */
static int cut_live(fixture_feed_t *x)
{
    aats_feed_opts_t o = fixture_opts();
    o.snapshot_limit = 12;
    fixture_begin(x, &o);
    fixture_subscribe(x, "BTCUSDT", 5);
    fixture_pass(x, 1);
    if (!fixture_upgrade(x)) return 0;
    fixture_pass(x, 1);
    fixture_text(x, 0, "{\"result\":null,\"id\":1}");
    fixture_pass(x, 1);
    cut_snapshot(x, 100);
    for (unsigned i = 0; i < 110; i++) {
        fixture_pass(x, 100);
        bid(x, 101 + i, 80, 1 + (int)(i & 1));
    }
    return x->asks == 1;
}

TEST(snapshot_is_asked_for_before_the_horizon_costs_a_level)
{
    fixture_feed_t x;
    aats_rec_t rec;
    REQUIRE(cut_live(&x));
    for (unsigned i = 0; i < 5; i++) bid(&x, 211 + i, 100 - (int)i, 0); /* the fifth is 91 by now, 2 before the horizon, once 7 */
    fixture_pass(&x, 10);
    CHECK_EQ_U64(x.asks, 1);
    bid(&x, 216, 95, 0);
    fixture_pass(&x, 10);
    CHECK_EQ_U64(x.asks, 2);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_I64(rec.bid_len, 5);
    cut_snapshot(&x, 216);
    bid(&x, 217, 100, 0);
    for (int i = 0; i < 20; i++) fixture_pass(&x, 10);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_U64(rec.seq, 217);
    CHECK_EQ_U64(x.asks, 2); /* the new one is far off again */
    fixture_end(&x);
}

TEST(feeds_whose_snapshots_differ_know_differently_many_levels_never_different_ones)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_level_t bids[20], asks[20];
    REQUIRE(cut_live(&x));
    for (unsigned i = 0; i < 8; i++) bid(&x, 211 + i, 100 - (int)i, 0);
    CHECK_EQ_I64(aats_latest_read(aats_feed_view(x.feed), 0, &rec, bids, asks, 20), AATS_OK);
    CHECK(rec.flags & AATS_F_VALID);
    CHECK_EQ_I64(rec.bid_len, 4); /* 92 to 89; 80 was told, but 88 to 81 may hold others */
    CHECK_EQ_I64(bids[3].px_i, (int64_t)89 * 100000000);
    CHECK_EQ_U64(rec.seq, 218);
    fixture_pass(&x, 10);
    REQUIRE(x.asks == 2);
    static char const WHOLE[] = "{\"lastUpdateId\":218,\"bids\":[[\"92\",\"1\"],[\"91\",\"1\"],[\"90\",\"1\"],[\"89\",\"1\"],[\"85\",\"3\"],[\"80\",\"2\"]],"
                                "\"asks\":[[\"101\",\"1\"],[\"102\",\"1\"]]}";
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SNAPSHOT, 0, x.ask_no[0], WHOLE, sizeof WHOLE - 1);
    fixture_pass(&x, 1);
    CHECK_EQ_I64(aats_latest_read(aats_feed_view(x.feed), 0, &rec, bids, asks, 20), AATS_OK);
    CHECK_EQ_I64(rec.bid_len, 5);
    CHECK_EQ_I64(bids[4].px_i, (int64_t)85 * 100000000);
    fixture_end(&x);
}

/* What begin has done can be seen before end has beaten: the order that edge H1 stands on. */
TEST(books_are_bad_before_the_heartbeat_of_a_feed_that_slept)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    uint64_t beat = x.slot.heartbeat_mono_ns;
    int64_t woke = x.mono_ns + 501 * FEED_MS;
    aats_feed_begin(x.feed, FEED_EPOCH_NS + woke, woke);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_STALLED);
    CHECK_EQ_U64(x.slot.heartbeat_mono_ns, beat);
    aats_feed_end(x.feed);
    CHECK_EQ_U64(x.slot.heartbeat_mono_ns, (uint64_t)woke);
    fixture_take_mail(&x);
    CHECK(said(&x, "this feed did not run for 501 ms"));
    fixture_end(&x);
}

TEST(book_is_good_after_a_stop_once_a_diff_and_the_pong_behind_it_have_come)
{
    for (int first = 0; first < 2; first++) { /* 0: the diff, 1: the pong */
        fixture_feed_t x;
        aats_rec_t rec;
        aats_feed_opts_t o = fixture_opts();
        fixture_begin(&x, &o);
        REQUIRE(fixture_live(&x));
        x.sent_sz = 0;
        fixture_pass(&x, 501);
        aats_ws_frame_t ping;
        REQUIRE(aats_ws_next_server(x.sent, x.sent_sz, 200, &ping) == 1);
        CHECK_EQ_I64(ping.opcode, AATS_WS_PING);
        uint8_t pong[200];
        int n = aats_ws_encode(pong, sizeof pong, AATS_WS_PONG, 1, ping.payload, ping.payload_len, NULL);
        if (first == 0) fixture_text(&x, 0, DIFF(101, 103, "10.5", "2"));
        else fixture_bytes(&x, 0, pong, (size_t)n);
        CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_STALLED);
        if (first == 1) fixture_text(&x, 0, DIFF(101, 103, "10.5", "2"));
        else fixture_bytes(&x, 0, pong, (size_t)n);
        CHECK_EQ_I64(fixture_why(&x, &rec), 0);
        CHECK_EQ_U64(rec.seq, 103);
        fixture_end(&x);
    }
}

TEST(snapshot_that_was_asked_for_before_a_stop_is_not_taken_after_it)
{
    static char const SNAPSHOT[] = "{\"lastUpdateId\":103,\"bids\":[[\"10\",\"1\"]],\"asks\":[[\"11\",\"1\"]]}";
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    fixture_text(&x, 0, DIFF(102, 103, "10.5", "2"));
    for (int i = 0; i < 6; i++) fixture_pass(&x, 100);
    REQUIRE(x.asks == 2);
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SNAPSHOT, 0, x.ask_no[0], SNAPSHOT, sizeof SNAPSHOT - 1);
    fixture_pass(&x, 501);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_GAP);
    for (int i = 0; i < 6; i++) fixture_pass(&x, 100);
    CHECK_EQ_U64(x.asks, 3);
    fixture_end(&x);
}

TEST(unreadable_message_after_a_stop_does_not_shorten_the_proof)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    fixture_pass(&x, 501);
    fixture_text(&x, 0, "<html>");
    fixture_text(&x, 0, DIFF(101, 103, "10.5", "2"));
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_STALLED);
    fixture_end(&x);
}

TEST(snapshot_that_was_on_its_way_when_a_message_was_unreadable_waits_for_a_diff)
{
    static char const *const SNAPSHOT = "{\"lastUpdateId\":102,\"bids\":[[\"10\",\"1\"]],\"asks\":[[\"11\",\"1\"]]}";
    for (int hidden = 0; hidden < 2; hidden++) { /* 1: the unreadable diff was 103, and the snapshot has not got it */
        fixture_feed_t x;
        aats_rec_t rec;
        aats_feed_opts_t o = fixture_opts();
        fixture_begin(&x, &o);
        fixture_subscribe(&x, "BTCUSDT", 5);
        fixture_pass(&x, 1);
        REQUIRE(fixture_upgrade(&x));
        fixture_pass(&x, 1);
        fixture_text(&x, 0, "{\"result\":null,\"id\":1}");
        fixture_pass(&x, 1);
        REQUIRE(x.ask_no[0] != 0);
        fixture_text(&x, 0, "<html>");
        aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SNAPSHOT, 0, x.ask_no[0], SNAPSHOT, strlen(SNAPSHOT));
        fixture_pass(&x, 1);
        CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_SUSPECT);
        if (hidden) fixture_text(&x, 0, DIFF(104, 105, "10.5", "2"));
        else fixture_text(&x, 0, DIFF(103, 105, "10.5", "2"));
        CHECK_EQ_I64(fixture_why(&x, &rec), hidden ? AATS_WHY_GAP : 0);
        fixture_end(&x);
    }
}

TEST(stream_means_the_same_in_whatever_pieces_it_comes)
{
    static char const *const TEXTS[] = {DIFF(101, 103, "10.5", "2"), "{\"e\":\"news\"}", DIFF(104, 104, "9", "0"), "<html>",
                                        DIFF(105, 110, "8", "3")};
    uint8_t stream[4096];
    size_t sz = 0;
    for (int i = 0; i < 5; i++)
        sz += (size_t)aats_ws_encode(stream + sz, sizeof stream - sz, AATS_WS_TEXT, 1, TEXTS[i], strlen(TEXTS[i]), NULL);
    for (size_t cut = 0; cut <= sz; cut += 1 + cut / 40) {
        fixture_feed_t x;
        aats_rec_t rec;
        aats_feed_opts_t o = fixture_opts();
        fixture_begin(&x, &o);
        REQUIRE(fixture_live(&x));
        fixture_bytes(&x, 0, stream, cut);
        fixture_pass(&x, 1);
        fixture_bytes(&x, 0, stream + cut, sz - cut);
        CHECK_EQ_I64(fixture_why(&x, &rec), 0);
        CHECK_EQ_U64(rec.seq, 110);
        CHECK_EQ_I64(rec.bid_len, 3);
        CHECK_EQ_U64(count(&x, AATS_MDC_PARSE_ERRORS), 1);
        CHECK_EQ_U64(count(&x, AATS_MDC_UNKNOWN), 1);
        CHECK_EQ_U64(count(&x, AATS_MDC_FRAMES), 6);
        fixture_end(&x);
    }
}

TEST(message_of_sixteen_megabytes_is_taken_and_a_longer_one_ends_the_connection)
{
    for (int more = 0; more < 2; more++) {
        size_t n = ((size_t)16 << 20) + (size_t)more;
        uint8_t *frame = malloc(n + AATS_WS_HEAD_MAX), *payload = malloc(n);
        memset(payload, ' ', n);
        memcpy(payload, "{}", 2);
        int sz = aats_ws_encode(frame, n + AATS_WS_HEAD_MAX, AATS_WS_TEXT, 1, payload, n, NULL);
        fixture_feed_t x;
        aats_feed_opts_t o = fixture_opts();
        fixture_begin(&x, &o);
        REQUIRE(fixture_live(&x));
        fixture_bytes(&x, 0, frame, (size_t)sz);
        fixture_pass(&x, 1);
        CHECK_EQ_U64(count(&x, AATS_MDC_DROPS), (uint64_t)more);
        CHECK_EQ_U64(count(&x, AATS_MDC_UNKNOWN), (uint64_t)!more);
        fixture_end(&x);
        free(frame);
        free(payload);
    }
}

#define TRADE(id, px) \
    "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"s\":\"BTCUSDT\",\"t\":" #id "," \
    "\"p\":\"" px "\",\"q\":\"1\",\"T\":1,\"m\":true}}"

TEST(trade_is_told_once_and_holes_are_counted)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    aats_dir_t const *entry = &aats_feed_view(x.feed)->dir[0];
    fixture_text(&x, 0, TRADE(7, "10"));
    fixture_text(&x, 0, TRADE(7, "10")); /* doubled */
    fixture_text(&x, 0, TRADE(6, "10")); /* swapped */
    CHECK_EQ_U64(entry->ticks, 1);
    CHECK_EQ_U64(entry->trade_gaps, 0);
    fixture_text(&x, 0, TRADE(8, "10"));
    fixture_text(&x, 0, TRADE(11, "10")); /* 9 and 10 are missing */
    CHECK_EQ_U64(entry->ticks, 3);
    CHECK_EQ_U64(entry->trade_gaps, 1);
    CHECK_EQ_U64(count(&x, AATS_MDC_TRADE_GAPS), 1);
    aats_rec_t rec;
    CHECK_EQ_I64(fixture_why(&x, &rec), 0); /* it is no fault of the book */
    fixture_end(&x);
}

TEST(ping_is_answered_with_its_payload)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    uint8_t ping[64];
    int n = aats_ws_encode(ping, sizeof ping, AATS_WS_PING, 1, "1785312000112", 13, NULL);
    fixture_bytes(&x, 0, ping, (size_t)n);
    x.sent_sz = 0;
    fixture_pass(&x, 1);
    aats_ws_frame_t pong;
    REQUIRE(aats_ws_next_server(x.sent, x.sent_sz, 200, &pong) == 1);
    CHECK_EQ_I64(pong.opcode, AATS_WS_PONG);
    CHECK_EQ_U64(pong.payload_len, 13);
    CHECK(!memcmp(pong.payload, "1785312000112", 13));
    fixture_end(&x);
}

TEST(words_of_the_venue_stay_in_their_line_of_the_log)
{
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    fixture_begin(&x, &o);
    REQUIRE(fixture_live(&x));
    uint8_t frame[64];
    char const reason[] = "bye\nfeed: all is well\x1b[2J";
    int n = aats_ws_encode_close(frame, sizeof frame, 1001, reason, sizeof reason - 1, NULL);
    REQUIRE(n > 0);
    fixture_bytes(&x, 0, frame, (size_t)n);
    fixture_pass(&x, 1);
    CHECK(strstr(x.log, "code 1001 bye?feed: all is well?[2J"));
    fixture_end(&x);
}

RUN_ALL()
