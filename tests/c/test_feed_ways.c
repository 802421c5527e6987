/* test_feed_ways.c -- what else the contract of a venue may say: several ways, answers without numbers, pings of its own, decimals by symbol,
 * trades without numbers, the records of perpetuals.  Venue: mini_venue.h. */
#include "mini_venue.h"

#include "check.h"

#define BOOK  (AATS_STREAM_DEPTH | AATS_STREAM_TRADE)
#define PERPS (AATS_STREAM_MARK | AATS_STREAM_FUNDING | AATS_STREAM_LIQUIDATION)

static aats_venue_t two_ways(void)
{
    aats_venue_t v = MINI;
    v.way_cnt = 2;
    v.ways[0] = (aats_way_t){AATS_STREAM_DEPTH | AATS_STREAM_BBO, mini_path};
    v.ways[1] = (aats_way_t){AATS_STREAM_TRADE | PERPS, mini_path2};
    return v;
}

/* ---- ways ---- */

TEST(each_way_has_its_own_connection_and_path_and_the_book_hangs_on_the_one_with_its_depth)
{
    aats_venue_t v = two_ways();
    aats_feed_opts_t o = mini_opts(BOOK);
    mini_t x;
    char target[200] = "";
    aats_rec_t rec;
    strcpy(o.prefix, "/sim");
    strcpy(o.way_host[1], "other.example");
    REQUIRE(mini_begin(&x, &v, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    CHECK_EQ_I64(aats_feed_way(x.feed, 0), 0);
    CHECK_EQ_I64(aats_feed_way(x.feed, 2), 1);
    REQUIRE(mini_upgrade(&x, 0, target));
    CHECK_STR(target, "/sim/one");
    REQUIRE(mini_upgrade(&x, 2, target));
    CHECK_STR(target, "/two"); /* a host of its own has a prefix of its own */
    CHECK_STR(x.said[0], "on 1 1 A\n");
    CHECK_STR(x.said[2], "on 1 2 A\n");
    mini_text(&x, 0, "ack i=1");
    mini_text(&x, 2, "ack i=1");
    mini_text(&x, 0, "snap s=A l=10 b=50:1 a=51:1");
    mini_text(&x, 2, "trade s=A i=5 x=50:1");
    REQUIRE(mini_rec(&x, AATS_REC_TICK, &rec));
    CHECK_EQ_I64(rec.link, 2);
    mini_text(&x, 0, "trade s=A i=6 x=50:1"); /* on the wrong way: another's by now, or nobody's */
    aats_feed_closed(x.feed, 2, "gone");
    CHECK_EQ_I64(mini_why(&x, 0, &rec), 0);
    CHECK_EQ_I64(rec.link, 0);
    aats_feed_closed(x.feed, 0, "gone");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_LINK_DOWN);
    mini_end(&x);
}

TEST(trades_that_begin_anew_on_their_way_are_not_taken_for_a_hole_of_the_old_ones)
{
    aats_venue_t v = two_ways();
    aats_feed_opts_t o = mini_opts(BOOK);
    mini_t x;
    REQUIRE(mini_begin(&x, &v, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL) && mini_upgrade(&x, 2, NULL));
    mini_text(&x, 2, "trade s=A i=500 x=50:1");
    aats_feed_closed(x.feed, 2, "gone");
    for (int i = 0; i < 50 && aats_feed_want(x.feed, 2) != AATS_FEED_CONNECT; i++) mini_pass(&x, 100);
    REQUIRE(mini_upgrade(&x, 2, NULL));
    mini_text(&x, 2, "trade s=A i=3 x=50:1");
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_TICKS), 2);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_TRADE_GAPS), 0);
    mini_end(&x);
}

TEST(way_of_which_nothing_was_asked_for_has_no_connection)
{
    aats_venue_t v = two_ways();
    aats_feed_opts_t o = mini_opts(AATS_STREAM_DEPTH);
    mini_t x;
    REQUIRE(mini_begin(&x, &v, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL));
    for (int link = 1; link < LINKS; link++) CHECK_EQ_I64(aats_feed_want(x.feed, link), AATS_FEED_NOTHING);
    mini_end(&x);
}

TEST(token_path_of_the_control_plane_is_asked_for_instead_of_the_venues_own)
{
    mini_t x;
    char target[200] = "";
    aats_feed_opts_t o = mini_opts(BOOK);
    int64_t since;
    REQUIRE(mini_begin(&x, &MINI, &o));
    mini_subscribe_to(&x, "A");
    static char const TOLD[] = "192.0.2.1 /feed?token=abc", LONG[300] = "192.0.2.1";
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_ADDRESS, 0, 0, TOLD, sizeof TOLD - 1);
    mini_pass(&x, 1);
    CHECK_STR(aats_feed_address(x.feed, 0, &since), "192.0.2.1");
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_ADDRESS, 0, 0, LONG, sizeof LONG); /* no address is so long */
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_ADDRESS, 77, 0, TOLD, sizeof TOLD - 1);
    mini_pass(&x, 1);
    CHECK_STR(aats_feed_address(x.feed, 0, &since), "192.0.2.1");
    REQUIRE(mini_upgrade(&x, 0, target));
    CHECK_STR(target, "/feed?token=abc");
    mini_end(&x);
}

/* ---- requests and answers ---- */

TEST(answers_without_numbers_are_to_the_oldest_request)
{
    aats_venue_t v = MINI;
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    v.hello = mini_hello;
    v.answers_in_order = 1;
    v.subscribe_one = 1;
    REQUIRE(mini_begin(&x, &v, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL));
    mini_pass(&x, 2);
    CHECK_STR(x.said[0], "hello\non 2 1 A\non 3 2 A\n");
    mini_text(&x, 0, "ack");       /* to the hello */
    mini_text(&x, 0, "ack");       /* to the depth */
    mini_text(&x, 0, "err v=400"); /* to the trades */
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_REFUSED), 1);
    mini_text(&x, 0, "err v=400"); /* to nothing that is still open */
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_REFUSED), 1);
    mini_text(&x, 0, "snap s=A l=10 b=50:1 a=51:1");
    mini_wait(&x, 12000);
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_DROPS), 0);
    mini_end(&x);
}

TEST(subscription_that_is_not_acknowledged_ends_the_connection)
{
    aats_venue_t v = MINI;
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    v.subscribe_one = 1;
    REQUIRE(mini_begin(&x, &v, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL));
    mini_text(&x, 0, "ack i=2"); /* the trades' alone */
    mini_wait(&x, 10200);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_DROPS), 1);
    CHECK(strstr(x.log, "a subscription was not acknowledged") != NULL);
    mini_end(&x);
}

TEST(pings_of_the_venues_own_kind_are_sent_answered_and_prove_what_was_queued)
{
    aats_venue_t v = MINI;
    mini_t x;
    v.ping = mini_ping;
    v.answer = mini_answer;
    v.ping_every_ns = 5000000000;
    v.barrier_text = 1;
    REQUIRE(mini_live(&x, &v, BOOK));
    mini_text(&x, 0, "ping i=77");
    mini_pass(&x, 1);
    CHECK(mini_said(&x, 0, "pong 77\n"));
    mini_wait(&x, 5100);
    CHECK(mini_said(&x, 0, "ping 1\n"));
    mini_pass(&x, 2000); /* a stop: a ping is the barrier */
    CHECK(mini_said(&x, 0, "ping 2\n"));
    CHECK(!mini_said(&x, 0, "PING"));
    mini_text(&x, 0, "diff s=A p=10 l=11 b=49:2");
    mini_text(&x, 0, "pong"); /* the oldest: number 1 */
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_STALLED);
    mini_text(&x, 0, "pong i=9");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_STALLED);
    mini_text(&x, 0, "pong");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    mini_end(&x);
}

/* ---- numbers ---- */

TEST(symbol_has_its_own_exponents_and_the_directory_shows_them)
{
    aats_venue_t v = MINI;
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    for (int scales = 0; scales < 2; scales++) {
        v.scales = scales;
        v.px_exp = -8;
        v.qty_exp = -8;
        REQUIRE(mini_begin(&x, &v, &o));
        aats_feed_symbol_t s = {.symbol = "A.MINI", .native = "A", .level_num = 5, .px_exp = -2, .qty_exp = -3, .px_dec = 2, .qty_dec = 1};
        aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SUBSCRIBE, 0, 0, &s, sizeof s);
        mini_pass(&x, 1);
        aats_dir_t const *dir = &aats_feed_view(x.feed)->dir[0];
        CHECK_EQ_I64(dir->px_exp, scales ? -2 : -8);
        CHECK_EQ_I64(dir->qty_exp, scales ? -3 : -8);
        CHECK_EQ_I64(dir->px_dec, 2);
        CHECK_EQ_I64(dir->qty_dec, 1);
        REQUIRE(mini_upgrade(&x, 0, NULL));
        mini_text(&x, 0, "ack i=1");
        char text[100]; /* its sum counts the exponent that the parser was given */
        snprintf(text, sizeof text, "snap s=A l=1 b=50:1 a=51:1 c=%u", (unsigned)(101 - (scales ? 2 : 0)));
        mini_text(&x, 0, text);
        CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
        mini_end(&x);
    }
}

TEST(trades_without_numbers_are_numbered_by_their_time_and_never_called_missing)
{
    aats_venue_t v = MINI;
    aats_rec_t rec;
    mini_t x;
    v.trade_ids = AATS_IDS_NONE;
    REQUIRE(mini_live(&x, &v, BOOK));
    static char const *const TEXTS[] = {"trade s=A x=50:1 t=1000", "trade s=A x=50:2 t=1000", "trade s=A x=50:0 t=1500", "trade s=A x=50:3 t=2000"};
    static uint64_t const SEQS[] = {1000, 1001, 2000}; /* quantity 0 only counts */
    for (int i = 0; i < 4; i++) mini_text(&x, 0, TEXTS[i]);
    for (int i = 0; i < 3; i++) {
        REQUIRE(mini_rec(&x, AATS_REC_TICK, &rec));
        CHECK_EQ_U64(rec.seq, SEQS[i]);
        CHECK_EQ_I64(rec.qty_i, i + 1);
    }
    CHECK(!mini_rec(&x, AATS_REC_TICK, &rec));
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_TRADE_GAPS), 0);
    CHECK_EQ_U64(aats_feed_view(x.feed)->dir[0].trade_ids, AATS_IDS_NONE);
    mini_end(&x);
}

TEST(rising_trade_numbers_have_no_holes_and_counted_ones_do)
{
    for (int rise = 0; rise < 2; rise++) {
        aats_venue_t v = MINI;
        mini_t x;
        v.trade_ids = rise ? AATS_IDS_RISE : AATS_IDS_COUNT;
        REQUIRE(mini_live(&x, &v, BOOK));
        mini_text(&x, 0, "trade s=A i=5 x=50:1");
        mini_text(&x, 0, "trade s=A i=5 x=50:1");
        mini_text(&x, 0, "trade s=A i=9 x=50:1");
        CHECK_EQ_U64(mini_count(&x, AATS_MDC_TICKS), 2);
        CHECK_EQ_U64(mini_count(&x, AATS_MDC_TRADE_GAPS), (uint64_t)!rise);
        mini_end(&x);
    }
}

TEST(best_bid_and_ask_without_a_number_is_told_each_time)
{
    aats_rec_t rec;
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK | AATS_STREAM_BBO));
    mini_text(&x, 0, "bbo s=A b=50:1 a=51:1 t=1000");
    mini_text(&x, 0, "bbo s=A b=50:2 a=51:1 t=1000");
    mini_text(&x, 0, "bbo s=B l=7 b=50:2 a=51:1");
    mini_text(&x, 0, "bbo s=B l=6 b=50:3 a=51:1"); /* older */
    REQUIRE(mini_rec(&x, AATS_REC_BBO, &rec));
    uint64_t first = rec.seq;
    REQUIRE(mini_rec(&x, AATS_REC_BBO, &rec));
    CHECK_EQ_U64(rec.seq, first + 1);
    REQUIRE(mini_rec(&x, AATS_REC_BBO, &rec));
    CHECK_EQ_U64(rec.seq, 7);
    CHECK(!mini_rec(&x, AATS_REC_BBO, &rec));
    mini_end(&x);
}

/* ---- perpetuals ---- */

TEST(mark_funding_and_liquidation_are_records_where_they_were_asked_for)
{
    aats_rec_t rec;
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK | AATS_STREAM_MARK | AATS_STREAM_LIQUIDATION));
    mini_text(&x, 0, "mark s=A x=505:0 j=504 t=11|fund s=A q=1000000000000 z=99");
    mini_text(&x, 0, "liq s=A x=49:3 t=12 n=1");
    mini_text(&x, 0, "liq s=A x=49:4 t=13");
    REQUIRE(mini_rec(&x, AATS_REC_MARK, &rec));
    CHECK_EQ_I64(rec.px_i, 505);
    CHECK_EQ_I64(rec.qty_i, 504);
    CHECK_EQ_I64(rec.exch_ns, 11);
    REQUIRE(mini_rec(&x, AATS_REC_LIQUIDATION, &rec));
    CHECK(!(rec.flags & AATS_F_BUYER));
    CHECK_EQ_I64(rec.qty_i, 3);
    REQUIRE(mini_rec(&x, AATS_REC_LIQUIDATION, &rec));
    CHECK(rec.flags & AATS_F_BUYER);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_MARKS), 1);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_LIQUIDATIONS), 2);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_FUNDINGS), 0); /* it came with the mark, and nobody asked for it */
    mini_end(&x);
    REQUIRE(mini_live(&x, &MINI, BOOK | PERPS));
    mini_text(&x, 0, "mark s=A x=505:0|fund s=A q=1000000000000 z=99");
    REQUIRE(mini_rec(&x, AATS_REC_FUNDING, &rec));
    CHECK_EQ_I64(rec.px_i, 1000000000000);
    CHECK_EQ_U64(rec.aux, 99);
    mini_end(&x);
}

RUN_ALL()
