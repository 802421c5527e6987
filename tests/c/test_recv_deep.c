/* test_recv_deep.c -- books of more levels than a record carries: a book here never has fewer levels than the feed's without saying so. */
#include "recv_fixture.h"

#define LEVELS 100

static net_t *begun(uint32_t kind, int no_repair)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, LEVELS, 2);
    x->opts.path[0].no_repair = (uint32_t)no_repair;
    net_begin(x, 1, kind);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    return x;
}

static unsigned bids(net_t *x, unsigned sym)
{
    aats_rec_t r = {0};
    return aats_latest_read(&x->view, sym, &r, NULL, NULL, 0) == AATS_OK ? r.bid_len : 0;
}

static int good_and_cut(net_t *x, unsigned sym) { return net_why(x, sym) == AATS_WHY_NONE && bids(x, sym) != LEVELS; }

static void follow(uint32_t kind)
{
    net_t *x = begun(kind, 0);
    net_feed_t *f = &x->feeds[0];
    for (int i = 0; i < 200; i++) {
        net_quote(f, i % 2);
        net_pass(x, NET_MS);
        for (unsigned s = 0; s < 2; s++) CHECK_MSG(!good_and_cut(x, s), "pass %d: symbol %u is good with %u levels", i, s, bids(x, s));
    }
    net_run(x, 20 * NET_MS);
    for (unsigned s = 0; s < 2; s++) {
        CHECK(net_same(x, f, s));
        CHECK_EQ_I64(net_why(x, net_here(x, f, s)), AATS_WHY_NONE);
    }
    CHECK_EQ_U64(net_path(x, 0)->invalid, 0);
    CHECK_EQ_U64(net_path(x, 0)->deep_lost, 0);
    net_end(x);
}

TEST(deep_books_by_datagram_are_whole) { follow(AATS_PATH_MULTIBROAD); }
TEST(deep_books_by_stream_are_whole) { follow(AATS_PATH_P2P); }

TEST(a_book_that_does_not_come_is_asked_for)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 0);
    net_feed_t *f = &x->feeds[0];
    f->drop_stream1 = 1;
    net_quote(f, 0);
    net_run(x, 40 * NET_MS);
    CHECK(net_same(x, f, 0));
    CHECK_EQ_I64(net_why(x, net_here(x, f, 0)), AATS_WHY_NONE);
    CHECK_EQ_U64(net_path(x, 0)->invalid, 0);
    net_end(x);
}

TEST(without_a_side_channel_it_is_bad_until_the_next_one)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 1);
    net_feed_t *f = &x->feeds[0];
    net_quote(f, 0);
    net_run(x, 20 * NET_MS);
    unsigned const here = net_here(x, f, 0);
    REQUIRE(net_why(x, here) == AATS_WHY_NONE);
    f->drop_stream1 = 1;
    net_quote(f, 0);
    net_run(x, 60 * NET_MS);
    CHECK_EQ_I64(net_why(x, here), AATS_WHY_LOSS);
    f->drop_stream1 = 0;
    net_quote(f, 0);
    net_run(x, 20 * NET_MS);
    CHECK_EQ_I64(net_why(x, here), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0));
    CHECK(net_path(x, 0)->deep_lost >= 3);
    net_end(x);
}

/* Words on the book overtake its levels: whatever they say, the old levels are not good, and the new ones come. */
static void overtaken(uint32_t kind, int64_t deep_delay_ns, uint8_t first, int more)
{
    net_t *x = begun(kind, 0);
    net_feed_t *f = &x->feeds[0];
    REQUIRE(net_same(x, f, 0));
    f->deep_delay_ns = deep_delay_ns;
    net_quote(f, 0);
    if (deep_delay_ns) net_pass(x, NET_MS);
    net_state(f, 0, first);
    if (more) net_state(f, 0, 0);
    for (int i = 0; i < 400; i++) {
        net_pass(x, NET_MS);
        if (i > 60) CHECK(net_why(x, net_here(x, f, 0)) != AATS_WHY_NONE || net_same_levels(x, f, 0));
    }
    CHECK(net_same_levels(x, f, 0));
    CHECK_EQ_I64(net_why(x, net_here(x, f, 0)), more ? 0 : first);
    net_end(x);
}

TEST(a_word_on_a_book_does_not_stand_for_its_levels)
{
    for (int64_t delay = 0; delay <= 10; delay += 10) {
        overtaken(AATS_PATH_MULTIBROAD, delay * NET_MS, 0, 0);
        overtaken(AATS_PATH_MULTIBROAD, delay * NET_MS, AATS_WHY_GAP, 0);
        overtaken(AATS_PATH_MULTIBROAD, delay * NET_MS, AATS_WHY_GAP, 1);
    }
    overtaken(AATS_PATH_P2P, 0, 0, 0);
    overtaken(AATS_PATH_P2P, 0, AATS_WHY_GAP, 1);
}

/* Books that lay in a queue: each is far behind the newest QUOTE, and none of them is called good. */
TEST(a_book_far_behind_its_newest_quote_is_not_good)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 1);
    net_feed_t *f = &x->feeds[0];
    net_quote(f, 0);
    net_run(x, 20 * NET_MS);
    unsigned const here = net_here(x, f, 0);
    REQUIRE(net_why(x, here) == AATS_WHY_NONE);
    f->deep_delay_ns = 400 * NET_MS;
    for (int i = 0; i < 1500; i++) {
        if (i % 100 == 0) net_quote(f, 0);
        net_pass(x, NET_MS);
        if (i > 60) CHECK_MSG(net_why(x, here) != AATS_WHY_NONE, "pass %d: a book of 400 ms ago is good", i);
    }
    net_run(x, 500 * NET_MS);
    CHECK_EQ_I64(net_why(x, here), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0));
    net_end(x);
}

TEST(under_loss_deep_books_come_back)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        net_t *x = begun(AATS_PATH_MULTIBROAD, 0);
        net_feed_t *f = &x->feeds[0];
        f->loss = 50, f->jitter_ns = 3 * NET_MS, f->dup = 20, f->rng = seed;
        for (int i = 0; i < 800; i++) {
            if (i % 5 == 0) net_quote(f, (unsigned)(i / 5) % 2);
            if (i % 7 == 0) net_trade(f, 0);
            net_pass(x, NET_MS);
            for (unsigned s = 0; s < 2; s++) CHECK_MSG(!good_and_cut(x, s), "seed %u, pass %d", (unsigned)seed, i);
        }
        f->loss = 0;
        net_run(x, 300 * NET_MS);
        for (unsigned s = 0; s < 2; s++) {
            CHECK(net_same(x, f, s));
            CHECK_EQ_I64(net_why(x, net_here(x, f, s)), AATS_WHY_NONE);
        }
        CHECK(net_path(x, 0)->deep_lost > 0);
        CHECK(net_balance(net_path(x, 0)));
        net_end(x);
    }
}

RUN_ALL()
