/* test_recv_loss.c -- datagrams that are lost, late, twice, out of order: what is repaired, what is given up, and that no book is called good meanwhile. */
#include "recv_fixture.h"

static net_t *begun(uint32_t kind, unsigned syms)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, 5, syms);
    net_begin(x, 1, kind);
    for (unsigned s = 0; s < syms; s++) net_quote(&x->feeds[0], s);
    net_run(x, 300 * NET_MS);
    return x;
}

TEST(an_open_hole_is_never_called_good_for_longer_than_hold_ns)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 2);
    net_feed_t *f = &x->feeds[0];
    REQUIRE(net_why(x, 0) == AATS_WHY_NONE);
    f->tcp = 0; /* nobody to ask */
    net_pass(x, NET_MS);
    f->drop_next = 1;
    net_quote(f, 0);
    net_pass(x, NET_MS);
    net_quote(f, 1); /* symbol 0 is the one that is missing; this one shows the hole */
    net_run(x, 2 * NET_MS);
    aats_rec_t r;
    aats_latest_read(&x->view, 1, &r, NULL, NULL, 0);
    CHECK(r.seq < f->update); /* what is behind a hole waits */
    net_run(x, 50 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_LOSS);
    CHECK_EQ_I64(net_why(x, 1), AATS_WHY_NONE); /* a whole book came behind it */
    CHECK_EQ_U64(net_path(x, 0)->given_up, 1);
    net_run(x, 5000 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_LOSS); /* and stays until news come */
    net_quote(f, 0);
    net_run(x, 2 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0));
    CHECK(net_balance(net_path(x, 0)));
    net_end(x);
}

/* The levels of a lost QUOTE are not had by words that come behind it. */
TEST(words_behind_a_loss_do_not_make_the_old_levels_good)
{
    for (int repair = 0; repair < 2; repair++) {
        net_t *x = begun(AATS_PATH_MULTIBROAD, 1);
        net_feed_t *f = &x->feeds[0];
        f->tcp = 0;
        net_pass(x, NET_MS);
        f->drop_next = 1;
        net_quote(f, 0);
        net_pass(x, NET_MS);
        net_state(f, 0, AATS_WHY_GAP);
        net_state(f, 0, 0);
        net_run(x, 200 * NET_MS);
        CHECK_EQ_I64(net_why(x, 0), AATS_WHY_LOSS);
        f->tcp = repair;
        net_run(x, 8000 * NET_MS);
        CHECK_EQ_I64(net_why(x, 0), repair ? AATS_WHY_NONE : AATS_WHY_LOSS);
        if (repair) CHECK(net_same(x, f, 0));
        net_end(x);
    }
}

/* Beats come all the time, but what they vouch for is not all here: the pulse of before the hole is the newest that counts. */
TEST(while_a_hole_is_open_the_heartbeat_stands_still)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, 5, 1);
    x->opts.hold_ns = INT64_C(3600) * 1000 * NET_MS;
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_feed_t *f = &x->feeds[0];
    net_quote(f, 0);
    net_run(x, 300 * NET_MS);
    REQUIRE(net_why(x, 0) == AATS_WHY_NONE);
    f->tcp = 0;
    f->drop_next = 1;
    net_state(f, 0, AATS_WHY_CROSSED);
    net_run(x, 600 * NET_MS);
    CHECK(net_why(x, 0) != AATS_WHY_NONE);
    CHECK_EQ_U64(net_path(x, 0)->lost, 1);
    f->tcp = 1;
    net_run(x, 6000 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_CROSSED);
    CHECK_EQ_U64(net_path(x, 0)->repaired, 1);
    net_end(x);
}

TEST(the_last_record_before_quiet_is_missed_by_the_beat)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 1);
    net_feed_t *f = &x->feeds[0];
    f->drop_next = 1;
    net_quote(f, 0);
    net_run(x, 110 * NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->lost, 1);
    CHECK_EQ_U64(net_path(x, 0)->repaired, 1);
    CHECK(net_same(x, f, 0));
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    net_end(x);
}

TEST(a_hole_is_repaired_and_order_kept)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 2);
    net_feed_t *f = &x->feeds[0];
    uint64_t const there = f->writer.next, here = aats_ring_newest(&x->view);
    for (int i = 0; i < 200; i++) {
        f->drop_next = i % 10 == 3;
        if (i & 1) net_quote(f, 0);
        else net_trade(f, 1);
        net_pass(x, NET_MS);
    }
    net_run(x, 200 * NET_MS);
    aats_path_t const *p = net_path(x, 0);
    CHECK_EQ_U64(p->lost, 20);
    CHECK_EQ_U64(p->repaired, 20);
    CHECK_EQ_U64(p->given_up, 0);
    CHECK_EQ_U64(p->invalid, 0);
    CHECK_EQ_U64(aats_ring_newest(&x->view) - here, 200);
    for (uint64_t i = 0; i < 200; i++) {
        aats_rec20_t a, b;
        REQUIRE(aats_ring_poll(&f->view, there + i, &a) == 1 && aats_ring_poll(&x->view, here + i, &b) == 1);
        CHECK(a.r.kind == b.r.kind && a.r.seq == b.r.seq);
    }
    net_end(x);
}

TEST(what_comes_twice_is_published_once)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 1);
    net_feed_t *f = &x->feeds[0];
    f->dup = 1000;
    uint64_t const here = aats_ring_newest(&x->view);
    for (int i = 0; i < 50; i++) {
        net_quote(f, 0);
        net_trade(f, 0);
        net_pass(x, NET_MS);
    }
    net_run(x, 10 * NET_MS);
    CHECK_EQ_U64(aats_ring_newest(&x->view) - here, 100);
    CHECK_EQ_U64(net_path(x, 0)->repeated, 100);
    CHECK_EQ_U64(net_path(x, 0)->lost, 0);
    net_end(x);
}

TEST(out_of_order_is_late_not_lost)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 1);
    net_feed_t *f = &x->feeds[0];
    f->tcp = 0;
    f->jitter_ns = 8 * NET_MS;
    uint64_t const here = aats_ring_newest(&x->view);
    for (int i = 0; i < 300; i++) {
        net_quote(f, 0);
        net_pass(x, NET_MS);
    }
    net_run(x, 100 * NET_MS);
    aats_path_t const *p = net_path(x, 0);
    CHECK(p->late > 10);
    CHECK_EQ_U64(p->late, p->lost);
    CHECK_EQ_U64(p->given_up + p->repaired, 0);
    CHECK_EQ_U64(aats_ring_newest(&x->view) - here, 300);
    CHECK(net_same(x, f, 0));
    net_end(x);
}

/* The feed has moved on by more than its ring holds: the question is answered by LOST, and a snapshot makes all books good again. */
TEST(what_is_gone_from_the_ring_is_given_up_and_a_snapshot_repairs_the_books)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 2);
    net_feed_t *f = &x->feeds[0];
    f->mute = 1;
    for (int i = 0; i < 3000; i++) net_quote(f, 0);
    net_state(f, 1, AATS_WHY_GAP);
    for (int i = 0; i < 1100; i++) net_trade(f, 0);
    net_pass(x, NET_MS);
    f->mute = 0;
    net_run(x, 400 * NET_MS);
    aats_path_t const *p = net_path(x, 0);
    CHECK_EQ_U64(p->lost, 3000 + 1 + 1100);
    CHECK(p->given_up >= 3000);
    CHECK(net_balance(p));
    CHECK_EQ_U64(p->snapshots, 2);
    CHECK(p->invalid >= 1);
    CHECK(net_same(x, f, 0));
    CHECK(net_same(x, f, 1));
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK_EQ_I64(net_why(x, 1), AATS_WHY_GAP);
    CHECK_EQ_I64(p->state, AATS_PATH_LIVE);
    net_end(x);
}

/* More than hold_max behind a hole: given up at once, not after hold_ns. */
TEST(a_full_hold_gives_up_and_goes_on)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, 5, 1);
    x->opts.hold_max = 1; /* 64 records at least */
    x->opts.hold_ns = INT64_C(3600) * 1000 * NET_MS;
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_feed_t *f = &x->feeds[0];
    net_quote(f, 0);
    net_run(x, 300 * NET_MS);
    f->tcp = 0;
    net_pass(x, NET_MS);
    f->drop_next = 1;
    net_trade(f, 0);
    net_pass(x, NET_MS);
    uint64_t const here = aats_ring_newest(&x->view);
    for (int i = 0; i < 63; i++) net_trade(f, 0), net_pass(x, NET_MS);
    CHECK_EQ_U64(aats_ring_newest(&x->view), here);
    net_trade(f, 0);
    net_run(x, 2 * NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->given_up, 1);
    CHECK(aats_ring_newest(&x->view) >= here + 64); /* and a word on the book */
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_LOSS);
    CHECK(net_balance(net_path(x, 0)));
    net_end(x);
}

static void storm(uint64_t seed, int repair, uint32_t kind)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100 + seed, 7, 5, 4);
    net_feed_t *f = &x->feeds[0];
    x->opts.path[0].no_repair = !repair;
    net_begin(x, 1, kind);
    f->loss = 50, f->dup = 20, f->jitter_ns = 4 * NET_MS, f->delay_ns = 2 * NET_MS;
    uint64_t rng = seed;
    uint64_t told[4] = {0};
    for (int i = 0; i < 3000; i++) {
        for (uint64_t k = net_random(&rng) % 4; k; k--) {
            unsigned const sym = (unsigned)(net_random(&rng) % 4);
            switch (net_random(&rng) % 8) {
            case 0:  net_state(f, sym, net_random(&rng) % 2 ? AATS_WHY_GAP : AATS_WHY_CROSSED); break;
            case 1:
            case 2:  net_trade(f, sym); break;
            case 3:  net_bbo(f, sym); break;
            default: net_quote(f, sym); break;
            }
        }
        net_pass(x, NET_MS);
        for (unsigned sym = 0; sym < 4 && i > 500; sym++) { /* never backward, never ahead of the feed */
            aats_rec_t r;
            if (aats_latest_read(&x->view, sym, &r, NULL, NULL, 0) != AATS_OK) continue;
            CHECK_MSG(r.seq >= told[sym] && r.seq <= f->update, "seed %u, pass %d, symbol %u: %u after %u",
                      (unsigned)seed, i, sym, (unsigned)r.seq, (unsigned)told[sym]);
            told[sym] = r.seq;
        }
    }
    f->loss = 0;
    net_run(x, 700 * NET_MS);
    if (!repair) for (unsigned s = 0; s < 4; s++) net_quote(f, s);
    net_run(x, 100 * NET_MS);
    aats_path_t const *p = net_path(x, 0);
    for (unsigned sym = 0; sym < 4; sym++) {
        aats_rec_t r;
        aats_latest_read(&f->view, sym, &r, NULL, NULL, 0);
        CHECK_MSG(net_why(x, net_here(x, f, sym)) == r.why, "seed %u: symbol %u is %s, there %s",
                  (unsigned)seed, sym, aats_why_name(net_why(x, net_here(x, f, sym))), aats_why_name(r.why));
    }
    CHECK_EQ_U64(p->lost, p->repaired + p->late + p->given_up);
    CHECK(p->lost > 20);
    if (repair) {
        CHECK_EQ_U64(p->given_up, 0);
        for (unsigned sym = 0; sym < 4; sym++) CHECK_MSG(net_same(x, f, sym), "seed %u: symbol %u differs", (unsigned)seed, sym);
    }
    net_end(x);
}

TEST(under_loss_delay_disorder_and_copies_every_book_is_the_feeds) { for (uint64_t seed = 1; seed <= 4; seed++) storm(seed, 1, AATS_PATH_MULTIBROAD); }
TEST(without_a_side_channel_books_come_back_with_their_next_quote) { for (uint64_t seed = 1; seed <= 3; seed++) storm(seed, 0, AATS_PATH_BROADCAST); }

/* A stream that breaks: books are bad at once, and good again with the snapshot of the next connection. */
TEST(a_stream_that_ends_is_silent_at_once_and_comes_back_with_a_snapshot)
{
    net_t *x = begun(AATS_PATH_P2P, 2);
    net_feed_t *f = &x->feeds[0];
    REQUIRE(net_why(x, 0) == AATS_WHY_NONE);
    f->tcp = 0;
    net_pass(x, NET_MS);
    CHECK(net_why(x, 0) != AATS_WHY_NONE);
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_SILENT);
    net_quote(f, 1);
    net_state(f, 0, AATS_WHY_GAP);
    net_run(x, 3000 * NET_MS);
    CHECK(net_why(x, 1) != AATS_WHY_NONE);
    f->tcp = 1;
    net_run(x, 6000 * NET_MS);
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_LIVE);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_GAP);
    CHECK_EQ_I64(net_why(x, 1), AATS_WHY_NONE);
    CHECK(net_same(x, f, 1));
    CHECK_EQ_U64(net_path(x, 0)->lost, 2);
    CHECK(net_balance(net_path(x, 0)));
    net_end(x);
}

RUN_ALL()
