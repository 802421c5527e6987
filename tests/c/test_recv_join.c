/* test_recv_join.c -- coming in, and coming in again: with and without a side channel, a new generation, a larger segment, new symbols. */
#include "recv_fixture.h"

static net_t *one(uint32_t levels, unsigned syms)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, levels, syms);
    return x;
}

TEST(records_of_before_the_first_beat_lock_nothing)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    x->mono_ns += NET_MS;
    f->mono_ns = x->mono_ns;
    net_quote(f, 0);
    aats_out_flush(f->out, NET_EPOCH_NS + x->mono_ns);
    for (unsigned i = 0; i < f->queue_cnt; i++) f->queue[i].due_ns = x->mono_ns;
    aats_recv_begin(x->recv, NET_EPOCH_NS + x->mono_ns, x->mono_ns);
    net_deliver(x, 0, NET_EPOCH_NS + x->mono_ns);
    aats_recv_end(x->recv);
    aats_recv_need_t need;
    CHECK_EQ_I64(aats_recv_needs(x->recv, &need), 0);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0));
    net_end(x);
}

TEST(the_need_is_what_the_beat_says)
{
    net_t *x = one(20, 1);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    aats_recv_need_t need = {0};
    x->mono_ns += NET_MS;
    net_feeds(x);
    aats_recv_begin(x->recv, NET_EPOCH_NS + x->mono_ns, x->mono_ns);
    x->mono_ns += NET_MS;
    net_deliver(x, 0, NET_EPOCH_NS + x->mono_ns);
    aats_recv_end(x->recv);
    REQUIRE(aats_recv_needs(x->recv, &need) == 1);
    CHECK_EQ_U64(need.level_max, 20);
    CHECK_EQ_U64(need.dir_cap, 8);
    CHECK_EQ_U64(need.mode, AATS_MODE_SIM);
    CHECK_EQ_U64(need.stale_ns, AATS_STALE_NS_DEFAULT);
    CHECK_STR(need.venue, "BINANCE");
    CHECK_STR(need.feed, "binance");
    net_end(x);
}

TEST(a_feed_of_another_name_or_id_is_not_heard)
{
    for (int what = 0; what < 3; what++) {
        net_t *x = one(5, 1);
        if (what == 0) strcpy(x->opts.path[0].feed, "okx");
        if (what == 1) x->opts.path[0].feed_id = 4;
        if (what == 2) strcpy(x->opts.path[0].source, "192.0.2.77");
        net_begin(x, 1, AATS_PATH_MULTIBROAD);
        net_run(x, 500 * NET_MS);
        CHECK_EQ_I64(aats_recv_needs(x->recv, NULL), 0);
        CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_SEARCHING);
        CHECK(net_path(x, 0)->foreign > 0);
        net_end(x);
    }
}

TEST(a_joiner_has_all_books_without_any_new_record)
{
    net_t *x = one(5, 4);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    f->mute = 1; /* all this happened before it came */
    for (unsigned s = 0; s < 3; s++) net_quote(f, s);
    net_state(f, 2, AATS_WHY_CROSSED);
    net_trade(f, 1);
    net_bbo(f, 0);
    net_run(x, 200 * NET_MS);
    f->mute = 0;
    net_run(x, 300 * NET_MS);
    for (unsigned s = 0; s < 4; s++) CHECK_MSG(net_same(x, f, s), "symbol %u", s);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 0)), AATS_WHY_NONE);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 2)), AATS_WHY_CROSSED);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 3)), AATS_WHY_NO_BOOK);
    CHECK_EQ_U64(net_path(x, 0)->snapshots, 1);
    net_end(x);
}

/* Old trades of a snapshot are no events of now. */
TEST(a_trade_of_before_is_shown_but_not_told)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    f->mute = 1;
    net_trade(f, 0);
    net_run(x, 20 * NET_MS);
    f->mute = 0;
    net_run(x, 300 * NET_MS);
    aats_top_t top = {0};
    CHECK_EQ_I64(aats_top_read(&x->view, 0, &top), AATS_OK);
    CHECK_EQ_U64(top.tick_seq, 1);
    for (uint64_t n = 0; n < aats_ring_newest(&x->view); n++) {
        aats_rec20_t r;
        REQUIRE(aats_ring_poll(&x->view, n, &r) == 1);
        CHECK(r.r.kind != AATS_REC_TICK);
    }
    net_end(x);
}

TEST(without_a_side_channel_it_joins_by_beats_and_books_come_with_their_next_quote)
{
    net_t *x = one(5, 2);
    net_feed_t *f = &x->feeds[0];
    x->opts.path[0].no_repair = 1;
    net_begin(x, 1, AATS_PATH_BROADCAST);
    f->mute = 1;
    net_quote(f, 0);
    net_quote(f, 1);
    net_run(x, 20 * NET_MS);
    f->mute = 0;
    net_run(x, 400 * NET_MS);
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_LIVE);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 0)), AATS_WHY_NO_BOOK);
    net_quote(f, 0);
    net_run(x, 200 * NET_MS);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 0)), AATS_WHY_NONE);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 1)), AATS_WHY_NO_BOOK);
    CHECK_EQ_U64(f->asks, 0);
    net_end(x);
}

TEST(a_side_channel_that_cannot_be_reached_does_not_keep_it_out_for_ever)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    f->tcp = 0;
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_run(x, 6000 * NET_MS);
    net_quote(f, 0);
    net_run(x, 200 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(strstr(x->log, "joins by datagrams alone"));
    f->tcp = 1;
    net_run(x, 6000 * NET_MS);
    CHECK(net_path(x, 0)->snapshots >= 1);
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_LIVE);
    net_end(x);
}

/* A record that comes between the snapshot and its use is neither lost nor told twice. */
TEST(joining_under_traffic_misses_nothing)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        net_t *x = one(5, 2);
        net_feed_t *f = &x->feeds[0];
        f->loss = 50, f->jitter_ns = 3 * NET_MS, f->rng = seed;
        net_begin(x, 1, AATS_PATH_MULTIBROAD);
        for (int i = 0; i < 600; i++) {
            net_quote(f, i % 2);
            net_trade(f, 1);
            net_pass(x, NET_MS);
        }
        f->loss = 0;
        net_run(x, 300 * NET_MS);
        uint64_t last = 0;
        for (uint64_t n = 0; n < aats_ring_newest(&x->view); n++) { /* trades: from the first one on all, in order */
            aats_rec20_t r;
            REQUIRE(aats_ring_poll(&x->view, n, &r) == 1);
            if (r.r.kind != AATS_REC_TICK) continue;
            CHECK_MSG(!last || r.r.seq == last + 1, "seed %u: trade %u after %u", (unsigned)seed, (unsigned)r.r.seq, (unsigned)last);
            last = r.r.seq;
        }
        CHECK_EQ_U64(last, f->trade);
        CHECK(net_same(x, f, 0) && net_same(x, f, 1));
        CHECK(net_balance(net_path(x, 0)));
        net_end(x);
    }
}

TEST(a_new_generation_of_the_feed_is_joined_at_once)
{
    net_t *x = one(5, 2);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(f, 0);
    net_run(x, 300 * NET_MS);
    net_feed_end(f);
    aats_recv_closed(x->recv, 0, "connection reset");
    net_feed_begin(f, "192.0.2.1", 100, 8, 5, 3); /* the same process, another segment, one symbol more */
    f->mono_ns = x->mono_ns;
    net_quote_of(f, 2, 50);
    net_run(x, 10 * NET_MS);
    CHECK(net_why(x, 0) != AATS_WHY_NONE); /* nothing vouches for the old book */
    net_quote_of(f, 0, 51);
    net_run(x, 500 * NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->generation, 8);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 0)), AATS_WHY_NONE);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 2)), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0) && net_same(x, f, 2));
    net_end(x);
}

TEST(a_feed_that_grew_deeper_gets_a_larger_segment)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_P2P);
    net_quote(f, 0);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_U64(x->view.level_max, 5);
    net_cut(x, 0, "connection reset");
    net_feed_end(f);
    net_feed_begin(f, "192.0.2.1", 101, 9, 20, 1);
    f->mono_ns = x->mono_ns;
    net_quote_of(f, 0, 50);
    net_run(x, 1000 * NET_MS);
    CHECK_EQ_U64(x->view.level_max, 20);
    CHECK_EQ_U64(x->generation, 2);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0));
    net_end(x);
}

/* Joining anew in the middle of a hole: what was missing, and what was held behind it, is counted. */
TEST(what_is_missing_when_a_feed_begins_anew_is_given_up)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_run(x, 300 * NET_MS);
    f->tcp = 0;
    f->drop_next = 1;
    net_quote(f, 0);
    net_pass(x, NET_MS);
    net_quote(f, 0);
    net_pass(x, NET_MS);
    net_pass(x, NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->lost, 1);
    CHECK(!net_balance(net_path(x, 0)));
    net_feed_end(f);
    net_feed_begin(f, "192.0.2.1", 100, 8, 20, 1); /* and a larger segment is needed, too */
    f->mono_ns = x->mono_ns;
    net_run(x, 400 * NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->generation, 8);
    CHECK_EQ_U64(net_path(x, 0)->lost, 2);
    CHECK_EQ_U64(net_path(x, 0)->given_up, 2);
    net_end(x);
}

TEST(a_symbol_that_comes_later_is_entered_and_followed)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_run(x, 300 * NET_MS);
    net_symbol(f, "DOGEUSDT", 3);
    f->drop_next = 0;
    net_quote(f, 1);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 1)), AATS_WHY_NONE);
    CHECK(net_same(x, f, 1));
    aats_dir_set_level(&f->view, 1, 2);
    net_run(x, 500 * NET_MS);
    aats_dir_t d;
    aats_dir_read(&x->view, net_here(x, f, 1), &d);
    CHECK_EQ_U64(d.level_num, 2);
    net_end(x);
}

/* A name in a directory is ours: what another symbol is called by its venue is not meant. */
TEST(a_symbol_is_not_taken_for_another_one_that_its_venue_calls_so)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    aats_dir_t d = {.state = AATS_DIR_SYNCING, .px_exp = -2, .qty_exp = -3, .level_num = 3};
    strcpy(d.symbol, "ETHUSDTSWAP.BINANCE"), strcpy(d.native, "ETHUSDT");
    REQUIRE(aats_dir_add(&f->view, &d) == 1);
    net_symbol(f, "ETHUSDT", 3);
    net_quote(f, 1);
    net_quote(f, 2);
    net_run(x, 600 * NET_MS);
    REQUIRE(net_here(x, f, 1) != net_here(x, f, 2));
    CHECK(net_same(x, f, 1) && net_same(x, f, 2));
    net_end(x);
}

/* The entry is lost, its record is there: the side channel is asked. */
TEST(a_record_of_an_unknown_symbol_makes_it_ask)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_run(x, 300 * NET_MS);
    uint64_t const before = net_path(x, 0)->snapshots;
    net_symbol(f, "DOGEUSDT", 5);
    f->mute = 1;
    aats_out_tick(f->out, NET_EPOCH_NS + x->mono_ns, x->mono_ns + 200 * NET_MS);
    net_quote(f, 1);
    f->mute = 0;
    net_quote(f, 1);
    aats_out_flush(f->out, NET_EPOCH_NS + x->mono_ns);
    net_run(x, 30 * NET_MS);
    CHECK(net_path(x, 0)->snapshots > before);
    CHECK_EQ_I64(net_why(x, net_here(x, f, 1)), AATS_WHY_NONE);
    net_end(x);
}

/* The venue has changed its tick, and the feed was started again. */
TEST(a_feed_that_comes_back_with_other_exponents_gets_a_fresh_segment)
{
    net_t *x = one(5, 1);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(f, 0);
    net_run(x, 300 * NET_MS);
    REQUIRE(net_why(x, 0) == AATS_WHY_NONE);
    net_cut(x, 0, "connection reset");
    net_feed_end(f);
    net_run(x, 3000 * NET_MS);
    net_feed_begin(f, "192.0.2.1", 101, 8, 5, 0);
    aats_dir_t d = {.state = AATS_DIR_SYNCING, .px_exp = -3, .qty_exp = -8, .level_num = 5, .symbol = "BTCUSDT.BINANCE", .native = "BTCUSDT"};
    REQUIRE(aats_dir_add(&f->view, &d) == 0);
    f->mono_ns = x->mono_ns;
    net_quote(f, 0);
    net_run(x, 1000 * NET_MS);
    CHECK_EQ_U64(x->generation, 2);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(net_same(x, f, 0));
    char const *said = strstr(x->log, "other exponents");
    CHECK(said && !strstr(said + 1, "other exponents"));
    net_end(x);
}

/* Each refusal costs the feed a connection and a snapshot, and the log a line. */
TEST(a_stream_of_a_feed_that_is_not_wanted_is_tried_ever_more_rarely)
{
    net_t *x = one(5, 1);
    x->opts.path[0].feed_id = 999;
    net_begin(x, 1, AATS_PATH_P2P);
    net_run(x, 10000 * NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->records, 0);
    CHECK(net_path(x, 0)->foreign >= 3 && net_path(x, 0)->foreign < 20);
    char const *said = strstr(x->log, "not the one that is wanted");
    CHECK(said && !strstr(said + 1, "not the one that is wanted"));
    net_end(x);
}

RUN_ALL()
