/* test_feed_band.c -- the feed at venues whose snapshots come in the stream: how a book begins, is lost, and is had anew, it alone.  Venue: mini_venue.h. */
#include "mini_venue.h"

#include "check.h"

#define BOOK (AATS_STREAM_DEPTH | AATS_STREAM_TRADE)

/* ---- refusals ---- */

TEST(diff_before_the_snapshot_is_no_book_and_nobody_is_asked_for_one)
{
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    REQUIRE(mini_begin(&x, &MINI, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL));
    CHECK_STR(x.said[0], "on 1 3 A\n");
    mini_text(&x, 0, "diff s=A p=10 l=11 b=50:1");
    mini_text(&x, 0, "ack i=1");
    mini_pass(&x, 1);
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_SYNCING);
    mini_text(&x, 0, "snap s=A l=11 b=50:1 a=51:1");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    CHECK_EQ_U64(x.asks, 0);
    CHECK_STR(x.said[0], "on 1 3 A\n");
    mini_end(&x);
}

TEST(best_bid_and_ask_that_is_numbered_apart_cannot_be_laid_over_the_book)
{
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    o.fuse_bbo = 1;
    CHECK(!mini_begin(&x, &MINI, &o));
    CHECK(strstr(x.why, "fuse_bbo") != NULL);
    mini_end(&x);
}

TEST(refused_depth_ends_the_symbol_and_another_refused_stream_does_not)
{
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    REQUIRE(mini_begin(&x, &MINI, &o));
    mini_subscribe_to(&x, "A");
    mini_subscribe_to(&x, "B");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL));
    mini_text(&x, 0, "err s=A st=2 v=7");
    mini_text(&x, 0, "err s=B st=1 v=7");
    mini_text(&x, 0, "ack s=A st=1");
    mini_text(&x, 0, "snap s=A l=10 b=50:1 a=51:1");
    mini_pass(&x, 1);
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), AATS_WHY_GONE);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_REFUSED), 2);
    for (int i = 0; i < 120; i++) mini_pass(&x, 100); /* 12 s: nothing waits for an acknowledgement that cannot come */
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_DROPS), 0);
    mini_end(&x);
}

/* ---- one symbol alone ---- */

TEST(gap_of_one_symbol_resubscribes_its_depth_alone_and_what_comes_in_between_is_no_book)
{
    mini_t x;
    aats_rec_t rec;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    x.said[0][0] = 0;
    mini_text(&x, 0, "diff s=A p=12 l=13 b=50:2"); /* 10 .. 12 are missing */
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_GAP);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_wait(&x, 600); /* not asked again within half a second of the first time */
    mini_pass(&x, 2);
    CHECK_STR(x.said[0], "off 2 1 A\n");
    mini_text(&x, 0, "diff s=A p=13 l=14 b=50:3");
    mini_text(&x, 0, "snap s=A l=14 b=40:1 a=41:1"); /* of the old stream */
    mini_text(&x, 0, "diff s=B p=10 l=11 b=50:9");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_GAP);
    CHECK_EQ_I64(mini_why(&x, 1, &rec), 0);
    CHECK_EQ_U64(rec.seq, 11);
    mini_text(&x, 0, "ack i=2");
    mini_pass(&x, 2);
    CHECK_STR(x.said[0], "off 2 1 A\non 3 1 A\n");
    mini_text(&x, 0, "ack i=3");
    mini_text(&x, 0, "snap s=A l=20 b=50:4 a=51:1");
    CHECK_EQ_I64(mini_why(&x, 0, &rec), 0);
    CHECK_EQ_U64(rec.seq, 20);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_GAPS), 1);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_RESUBSCRIBED), 1);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_DROPS), 0);
    mini_end(&x);
}

TEST(venue_that_does_not_acknowledge_the_giving_up_is_asked_all_the_same)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A p=12 l=13 b=50:2");
    for (int i = 0; i < 40; i++) mini_pass(&x, 100);
    CHECK(mini_said(&x, 0, "on 3 1 A\n"));
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_DROPS), 0);
    mini_end(&x);
}

TEST(acknowledgement_by_symbol_says_what_was_given_up)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A p=12 l=13 b=50:2");
    mini_wait(&x, 600);
    mini_pass(&x, 2);
    mini_text(&x, 0, "ack s=A st=1 v=1");
    mini_pass(&x, 2);
    CHECK(mini_said(&x, 0, "off 2 1 A\non 3 1 A\n"));
    mini_text(&x, 0, "snap s=A l=20 b=50:4 a=51:1"); /* before the word on the subscription */
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    mini_end(&x);
}

TEST(snapshot_that_does_not_come_is_asked_for_again)
{
    mini_t x;
    aats_feed_opts_t o = mini_opts(BOOK);
    REQUIRE(mini_begin(&x, &MINI, &o));
    mini_subscribe_to(&x, "A");
    mini_pass(&x, 1);
    REQUIRE(mini_upgrade(&x, 0, NULL));
    mini_text(&x, 0, "ack i=1");
    for (int i = 0; i < 120 && !mini_said(&x, 0, "off"); i++) mini_pass(&x, 100);
    CHECK(mini_said(&x, 0, "off 2 1 A\n"));
    mini_end(&x);
}

TEST(book_that_is_lost_time_and_again_is_asked_for_ever_more_seldom)
{
    mini_t x;
    unsigned cnt = 0;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    uint64_t id = 1;
    for (int i = 0; i < 200; i++) { /* 20 s of a venue whose every diff misses the one before */
        x.said[0][0] = 0;
        mini_pass(&x, 98);
        mini_text(&x, 0, "ack s=A st=1 v=1");
        mini_pass(&x, 2);
        cnt += mini_said(&x, 0, "off ");
        if (!mini_said(&x, 0, "on ") && i) continue;
        mini_text(&x, 0, "ack s=A st=1");
        char text[100];
        snprintf(text, sizeof text, "snap s=A l=%llu b=50:4 a=51:1", (unsigned long long)(id += 10));
        mini_text(&x, 0, text);
        mini_text(&x, 0, "diff s=A p=5 l=900000 b=50:3");
    }
    CHECK(cnt >= 3);
    CHECK_MSG(cnt <= 10, "asked %u times in 20 s", cnt);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_end(&x);
}

/* ---- checksums, numbers of the connection, what cannot be read ---- */

TEST(wrong_checksum_makes_the_book_bad_says_so_and_is_counted)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A p=10 l=11 b=49:2 c=199"); /* 50 + 51 + 98 */
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    mini_text(&x, 0, "diff s=A p=11 l=12 b=49:3 c=199");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_CHECKSUM);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_CHECKSUMS), 1);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_GAPS), 1);
    CHECK_EQ_U64(aats_feed_view(x.feed)->dir[0].gaps, 1);
    mini_wait(&x, 600);
    mini_pass(&x, 2);
    CHECK(mini_said(&x, 0, "off 2 1 A\n"));
    mini_end(&x);
}

TEST(hole_in_the_numbers_of_a_connection_costs_every_book_of_it)
{
    aats_venue_t v = MINI;
    mini_t x;
    v.seq = AATS_SEQ_NONE;
    v.check = NULL;
    REQUIRE(mini_live(&x, &v, BOOK));
    mini_text(&x, 0, "beat k=5");
    mini_text(&x, 0, "diff s=A k=6 b=50:2");
    mini_text(&x, 0, "diff s=A k=6 b=50:7"); /* the same frame again */
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    aats_rec_t rec;
    aats_level_t bids[20], asks[20];
    CHECK_EQ_I64(aats_latest_read(aats_feed_view(x.feed), 0, &rec, bids, asks, 20), AATS_OK);
    CHECK_EQ_I64(bids[0].qty_i, 2);
    mini_text(&x, 0, "other k=8");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_GAP);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), AATS_WHY_GAP);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_LINK_HOLES), 1);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_GAPS), 2);
    mini_wait(&x, 600);
    mini_pass(&x, 2);
    CHECK(mini_said(&x, 0, "off 2 1 A B\n"));
    mini_end(&x);
}

TEST(unreadable_change_of_a_book_without_numbers_or_sums_costs_the_book)
{
    aats_venue_t v = MINI;
    mini_t x;
    v.seq = AATS_SEQ_NONE;
    v.check = NULL;
    REQUIRE(mini_live(&x, &v, BOOK));
    mini_text(&x, 0, "diff s=A b=49:1 ?=1");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_NUMBER);
    mini_text(&x, 0, "diff s=A b=49:2");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_NUMBER);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_text(&x, 0, "@");
    CHECK_EQ_I64(mini_why(&x, 1, NULL), AATS_WHY_SUSPECT);
    mini_end(&x);
}

TEST(unreadable_change_is_vouched_for_by_the_next_previous_id)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A ?=1");
    CHECK(mini_why(&x, 0, NULL) != 0);
    mini_text(&x, 0, "diff s=A p=10 l=11 b=49:2 c=199");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_RESUBSCRIBED), 0);
    mini_end(&x);
}

TEST(checksum_over_the_top_of_a_book_does_not_vouch_for_an_unreadable_change_behind_it)
{
    aats_venue_t v = MINI;
    mini_t x;
    v.seq = AATS_SEQ_NONE;
    v.check_levels = 1;
    REQUIRE(mini_live(&x, &v, BOOK));
    mini_text(&x, 0, "diff s=A b=49:3 ?=1"); /* its level is none of those that the sum sees */
    CHECK(mini_why(&x, 0, NULL) != 0);
    mini_text(&x, 0, "diff s=A b=50:2 c=151");
    CHECK(mini_why(&x, 0, NULL) != 0);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_wait(&x, 600);
    mini_text(&x, 0, "ack i=2");
    mini_pass(&x, 2);
    mini_text(&x, 0, "ack i=3");
    mini_text(&x, 0, "snap s=A b=50:2 b=49:3 a=51:1 c=151");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    mini_end(&x);
}

TEST(several_messages_of_a_frame_are_all_taken)
{
    mini_t x;
    aats_rec_t rec;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A p=10 l=11 b=49:2|diff s=B p=10 l=12 b=48:1|trade s=A i=7 x=50:1");
    CHECK_EQ_I64(mini_why(&x, 0, &rec), 0);
    CHECK_EQ_U64(rec.seq, 11);
    CHECK_EQ_I64(mini_why(&x, 1, &rec), 0);
    CHECK_EQ_U64(rec.seq, 12);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_TICKS), 1);
    mini_end(&x);
}

/* ---- ends and halts ---- */

TEST(ended_stream_and_halted_market_are_told)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "status s=A v=1");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_HALTED);
    mini_text(&x, 0, "status s=A v=0");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    mini_text(&x, 0, "end s=B st=1");
    CHECK_EQ_I64(mini_why(&x, 1, NULL), AATS_WHY_GONE);
    CHECK_EQ_U64(mini_count(&x, AATS_MDC_ENDED), 1);
    mini_text(&x, 0, "end s=A st=2"); /* its trades: the book goes on */
    mini_text(&x, 0, "diff s=A p=10 l=11 b=49:2");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    mini_end(&x);
}

/* ---- stops and successors ---- */

TEST(snapshot_alone_does_not_end_the_suspicion_of_a_stop)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_pass(&x, 2000);
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_STALLED);
    mini_text(&x, 0, "snap s=A l=12 b=50:1 a=51:1"); /* it may have waited in the socket */
    mini_text(&x, 0, "diff s=B p=10 l=11 b=49:2");
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_STALLED);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), AATS_WHY_STALLED);
    mini_pong(&x, 0);
    CHECK_EQ_I64(mini_why(&x, 0, NULL), 0);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_end(&x);
}

TEST(successor_takes_over_without_a_bad_moment_once_its_snapshots_are_there)
{
    mini_t x;
    aats_rec_t rec;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A p=10 l=15 b=50:2");
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_RECONNECT, 0, 0, NULL, 0);
    mini_pass(&x, 2);
    REQUIRE(mini_upgrade(&x, 1, NULL));
    CHECK_STR(x.said[1], "on 1 3 A B\n");
    mini_text(&x, 1, "ack i=1");
    mini_text(&x, 1, "snap s=A l=12 b=50:1 a=51:1"); /* older than what readers know */
    mini_pass(&x, 2);
    mini_pong(&x, 0);
    mini_pass(&x, 2);
    CHECK_EQ_I64(aats_feed_view(x.feed)->dir[0].link, 0); /* B's is not there yet */
    mini_text(&x, 1, "snap s=B l=10 b=50:1 a=51:1");
    mini_text(&x, 1, "diff s=A p=12 l=15 b=50:2");
    mini_text(&x, 1, "diff s=A p=15 l=16 b=50:3");
    while (mini_rec(&x, AATS_REC_QUOTE, &rec)) {}
    mini_pass(&x, 2);
    CHECK_EQ_I64(aats_feed_view(x.feed)->dir[0].link, 1);
    int told = 0;
    while (mini_rec(&x, AATS_REC_QUOTE, &rec)) {
        CHECK(rec.sym != 0 || rec.seq == 16);
        told += rec.sym == 0;
    }
    CHECK_EQ_I64(told, 1);
    CHECK_EQ_I64(mini_why(&x, 0, &rec), 0);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_text(&x, 1, "diff s=A p=16 l=17 b=50:4");
    CHECK_EQ_I64(mini_why(&x, 0, &rec), 0);
    CHECK_EQ_U64(rec.seq, 17);
    mini_end(&x);
}

TEST(book_that_is_lost_while_a_successor_takes_over_is_told_at_once)
{
    mini_t x;
    REQUIRE(mini_live(&x, &MINI, BOOK));
    mini_text(&x, 0, "diff s=A p=12 l=13 b=50:2"); /* lost once already: the next time waits longer before it is had anew */
    mini_wait(&x, 600);
    mini_text(&x, 0, "ack i=2");
    mini_pass(&x, 2);
    mini_text(&x, 0, "ack i=3");
    mini_text(&x, 0, "snap s=A l=20 b=50:1 a=51:1");
    mini_pass(&x, 2);
    REQUIRE(mini_why(&x, 0, NULL) == 0);
    aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_RECONNECT, 0, 0, NULL, 0);
    mini_pass(&x, 2);
    REQUIRE(mini_upgrade(&x, 1, NULL));
    mini_text(&x, 1, "ack i=1");
    mini_text(&x, 1, "snap s=A l=20 b=50:1 a=51:1");
    mini_text(&x, 1, "snap s=B l=10 b=50:1 a=51:1");
    mini_text(&x, 1, "diff s=A p=22 l=23 b=50:3"); /* 21 and 22 are missing among what is put aside */
    mini_pass(&x, 2);
    mini_pong(&x, 0);
    mini_pass(&x, 2);
    CHECK_EQ_I64(aats_feed_view(x.feed)->dir[0].link, 1);
    CHECK_EQ_I64(mini_why(&x, 0, NULL), AATS_WHY_GAP);
    CHECK_EQ_I64(mini_why(&x, 1, NULL), 0);
    mini_end(&x);
}

RUN_ALL()
