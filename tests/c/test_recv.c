/* test_recv.c -- a receiver without faults on the way: what it refuses, how it comes up, and that its segment is the feed's. */
#include "app/reader.h"
#include "recv_fixture.h"

static net_t *with_feeds(unsigned cnt, uint32_t levels, unsigned syms)
{
    net_t *x = calloc(1, sizeof *x);
    for (unsigned i = 0; i < cnt; i++) net_feed_begin(&x->feeds[i], i ? "192.0.2.2" : "192.0.2.1", 100 + i, 7, levels, syms);
    return x;
}

TEST(options_that_cannot_be_are_refused_with_a_sentence)
{
    char why[300];
    aats_recv_opts_t o = {.path_cnt = 0};
    CHECK(aats_recv_new(&o, why, sizeof why) == NULL && strstr(why, "1 or 2 paths"));
    o = (aats_recv_opts_t){.path_cnt = 1, .path[0] = {.kind = 9}};
    CHECK(aats_recv_new(&o, why, sizeof why) == NULL && strstr(why, "not a kind of path"));
    o = (aats_recv_opts_t){.path_cnt = 1, .path[0] = {.kind = AATS_PATH_P2P}};
    CHECK(aats_recv_new(&o, why, sizeof why) == NULL && strstr(why, "address and the port"));
    o = (aats_recv_opts_t){.path_cnt = 1, .path[0] = {.kind = AATS_PATH_MULTIBROAD, .port = 70000}};
    CHECK(aats_recv_new(&o, why, sizeof why) == NULL && strstr(why, "70000"));
}

TEST(a_segment_that_is_none_or_used_is_refused)
{
    net_t *x = with_feeds(1, 5, 1);
    char why[200] = "";
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    uint64_t zero[64] = {0};
    CHECK(aats_recv_attach(x->recv, zero, sizeof zero, NULL, why, sizeof why) < 0);
    net_quote(&x->feeds[0], 0);
    CHECK_EQ_I64(aats_recv_attach(x->recv, x->feeds[0].view.seg, x->feeds[0].view.size, NULL, why, sizeof why), AATS_E_ARG);
    CHECK(strstr(why, "fresh"));
    net_end(x);
}

TEST(foreign_and_broken_datagrams_are_counted_and_said_once)
{
    net_t *x = with_feeds(1, 5, 1);
    uint8_t junk[200] = {1, 2, 3};
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_LIVE);
    net_feed_t *other = calloc(1, sizeof *other);
    net_feed_begin(other, "192.0.2.9", 999, 7, 5, 1);
    other->mono_ns = x->mono_ns;
    net_quote(other, 0);
    aats_out_tick(other->out, NET_EPOCH_NS + x->mono_ns, x->mono_ns);
    unsigned const cnt = other->queue_cnt;
    for (unsigned i = 0; i < cnt; i++) aats_recv_datagram(x->recv, 0, other->ip, other->queue[i].bytes, other->queue[i].n, NET_EPOCH_NS + x->mono_ns);
    CHECK(cnt >= 2);
    CHECK_EQ_U64(net_path(x, 0)->foreign, cnt);
    for (unsigned i = 0; i < cnt; i++) { /* the same ones with another layout */
        other->queue[i].bytes[40] ^= 1;
        aats_recv_datagram(x->recv, 0, x->feeds[0].ip, other->queue[i].bytes, other->queue[i].n, 0);
    }
    for (int i = 0; i < 5; i++) aats_recv_datagram(x->recv, 0, x->feeds[0].ip, junk, sizeof junk, 0);
    CHECK_EQ_U64(net_path(x, 0)->damaged, cnt + 5);
    net_pass(x, NET_MS);
    CHECK(strstr(x->log, "another sender is heard there"));
    CHECK(strstr(x->log, "layouts differ"));
    char const *said = strstr(x->log, "another sender");
    CHECK(said && !strstr(said + 1, "another sender"));
    CHECK(aats_latest_read(&x->view, 0, &(aats_rec_t){0}, NULL, NULL, 0) == AATS_E_EMPTY);
    net_feed_end(other);
    free(other);
    net_end(x);
}

TEST(another_feed_of_the_same_sender_is_taken_only_after_silence)
{
    net_t *x = with_feeds(1, 5, 1);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    net_feed_end(&x->feeds[0]); /* its process dies; another one starts at once */
    aats_recv_closed(x->recv, 0, "connection reset");
    net_feed_begin(&x->feeds[0], "192.0.2.1", 555, 8, 5, 1);
    x->feeds[0].mono_ns = x->mono_ns;
    net_quote_of(&x->feeds[0], 0, 40);
    net_run(x, 200 * NET_MS);
    CHECK(net_path(x, 0)->foreign > 0);
    CHECK_EQ_U64(net_path(x, 0)->feed_id, 100);
    net_run(x, 900 * NET_MS);
    CHECK_EQ_U64(net_path(x, 0)->feed_id, 555);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(net_same(x, &x->feeds[0], 0));
    net_end(x);
}

static void equals(uint32_t kind, uint32_t levels)
{
    net_t *x = with_feeds(1, levels, 3);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, kind);
    net_quote(f, 0);
    net_trade(f, 0);
    net_bbo(f, 1);
    net_run(x, 400 * NET_MS); /* joined: a snapshot */
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_LIVE);
    for (unsigned sym = 0; sym < 3; sym++) CHECK_MSG(net_same(x, f, sym), "symbol %u after joining", sym);
    for (int i = 0; i < 500; i++) {
        for (int k = 0; k < i % 4; k++) {
            unsigned const sym = (unsigned)(i + k) % 3;
            switch ((i + k) % 5) {
            case 0:  net_trade(f, sym); break;
            case 1:  net_bbo(f, sym); break;
            case 2:  net_state(f, sym, i % 2 ? AATS_WHY_GAP : AATS_WHY_CROSSED); break;
            default: net_quote(f, sym); break;
            }
        }
        net_pass(x, NET_MS);
    }
    net_run(x, 300 * NET_MS);
    for (unsigned sym = 0; sym < 3; sym++) CHECK_MSG(net_same(x, f, sym), "symbol %u in the end", sym);
    for (unsigned sym = 0; sym < 3; sym++) {
        aats_rec_t r;
        aats_latest_read(&f->view, sym, &r, NULL, NULL, 0);
        CHECK_EQ_I64(net_why(x, sym), r.why);
    }
    aats_path_t const *p = net_path(x, 0);
    CHECK_EQ_U64(p->lost + p->given_up + p->foreign, 0);
    CHECK_EQ_U64(p->damaged, 0);
    CHECK_EQ_U64(p->repeated, 0);
    net_end(x);
}

TEST(the_segment_equals_the_feeds_by_multicast) { equals(AATS_PATH_MULTIBROAD, 5); }
TEST(the_segment_equals_the_feeds_by_stream) { equals(AATS_PATH_P2P, 5); }
TEST(the_segment_equals_the_feeds_with_twenty_levels) { equals(AATS_PATH_BROADCAST, 20); }

/* Kinds, numbers and order of what readers get are what the feed published. */
TEST(records_come_in_order_each_once)
{
    net_t *x = with_feeds(1, 5, 2);
    net_feed_t *f = &x->feeds[0];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_run(x, 300 * NET_MS);
    uint64_t there = f->writer.next, here = aats_ring_newest(&x->view);
    for (int i = 0; i < 300; i++) {
        if (i % 3 == 0) net_trade(f, 0);
        else if (i % 3 == 1) net_quote(f, 1);
        else net_bbo(f, 0);
        if (i % 7 == 0) net_pass(x, NET_MS);
    }
    net_run(x, 5 * NET_MS);
    CHECK_EQ_U64(aats_ring_newest(&x->view) - here, 300);
    for (int i = 0; i < 300; i++) {
        aats_rec20_t a, b;
        REQUIRE(aats_ring_poll(&f->view, there + (uint64_t)i, &a) == 1 && aats_ring_poll(&x->view, here + (uint64_t)i, &b) == 1);
        CHECK(a.r.kind == b.r.kind && a.r.seq == b.r.seq && a.r.sym == b.r.sym && a.r.px_i == b.r.px_i && a.r.exch_ns == b.r.exch_ns && b.r.link == 0);
    }
    net_end(x);
}

TEST(a_silent_feed_is_stale_and_comes_back_by_itself)
{
    net_t *x = with_feeds(1, 5, 1);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    x->feeds[0].asleep = 1;
    net_run(x, 605 * NET_MS);
    CHECK(net_why(x, 0) != AATS_WHY_NONE);
    CHECK_EQ_I64(net_path(x, 0)->state, AATS_PATH_SILENT);
    net_run(x, 3000 * NET_MS);
    CHECK(net_why(x, 0) != AATS_WHY_NONE);
    x->feeds[0].asleep = 0;
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK(net_same(x, &x->feeds[0], 0));
    net_end(x);
}

/* A queue in between makes books old, not young: beats arrive all the time, each a second after it was sent. */
TEST(what_arrives_late_is_not_young)
{
    net_t *x = with_feeds(1, 5, 1);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 500 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    x->feeds[0].delay_ns = 1000 * NET_MS;
    net_run(x, 1500 * NET_MS);
    for (int i = 0; i < 100; i++) {
        net_quote(&x->feeds[0], 0);
        net_pass(x, 10 * NET_MS);
        CHECK(net_why(x, 0) != AATS_WHY_NONE);
    }
    x->feeds[0].delay_ns = 100000;
    net_run(x, 2000 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    net_end(x);
}

/* What the feed's host knows of its venue is known here: a link that is down or mute makes its books bad. */
TEST(a_venue_link_that_is_mute_there_makes_books_bad_here)
{
    net_t *x = with_feeds(1, 5, 1);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    aats_link_t *l = &x->feeds[0].view.md->links[0];
    l->limit_ns = 1; /* older than that with every beat that comes after the next pass */
    x->feeds[0].mono_ns = 0;
    for (int i = 0; i < 300; i++) {
        x->mono_ns += NET_MS;
        l->heard_mono_ns = 5;
        net_feed_t *f = &x->feeds[0];
        aats_store_release(&f->slot.heartbeat_mono_ns, (uint64_t)x->mono_ns);
        f->mono_ns = x->mono_ns;
        aats_out_tick(f->out, NET_EPOCH_NS + x->mono_ns, x->mono_ns);
        aats_recv_begin(x->recv, NET_EPOCH_NS + x->mono_ns, x->mono_ns);
        net_deliver(x, 0, NET_EPOCH_NS + x->mono_ns);
        aats_recv_end(x->recv);
    }
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_VENUE_MUTE);
    l->limit_ns = 0;
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    l->up = 0;
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_LINK_DOWN);
    net_end(x);
}

TEST(the_clock_offset_is_told_and_taken_off)
{
    net_t *x = with_feeds(1, 5, 1);
    x->feeds[0].skew_ns = 3 * 1000 * NET_MS;
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 1500 * NET_MS);
    CHECK_EQ_I64(net_path(x, 0)->offset_ns, 3 * 1000 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    net_quote(&x->feeds[0], 0);
    int64_t const there = NET_EPOCH_NS + x->feeds[0].mono_ns;
    net_run(x, 3 * NET_MS);
    aats_rec_t r;
    aats_latest_read(&x->view, 0, &r, NULL, NULL, 0);
    CHECK_EQ_I64(r.recv_ns, there);
    CHECK_EQ_I64(r.parsed_ns, there + 700);
    CHECK_EQ_I64(net_path(x, 0)->delay_ns, 100000);
    net_end(x);
}

/* A strategy that was told INVALID gets the whole book when it is good again, though the feed has nothing new to say. */
TEST(a_book_that_is_good_again_is_told_to_readers)
{
    net_t *x = with_feeds(1, 5, 1);
    static uint64_t mem[1 << 16];
    char why[200];
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    aats_reader_t *rd = aats_reader_init(mem, 1);
    aats_event_t ev;
    REQUIRE(aats_reader_add(rd, "BTCUSDT.BINANCE", 1, 5, 0) == 0 && aats_reader_bind(rd, 0, 0) == AATS_OK);
    REQUIRE(aats_reader_attach(rd, 0, x->view.seg, x->view.size, &x->slot, why, sizeof why) == AATS_OK);
    int kinds[2] = {0, 0};
    for (int i = 0; i < 900; i++) {
        x->feeds[0].view.md->links[0].up = i < 100 || i > 500;
        net_pass(x, NET_MS);
        while (aats_reader_next(rd, x->mono_ns, &ev) == 1) {
            if (ev.kind == AATS_EV_INVALID) kinds[0]++;
            if (ev.kind != AATS_EV_QUOTE) continue;
            kinds[1]++;
            CHECK(ev.bid_len == 5 && ev.rec->seq == x->feeds[0].update && ev.rec->exch_ns > 0);
        }
    }
    CHECK_EQ_I64(kinds[0], 1);
    CHECK_EQ_I64(kinds[1], 2);
    net_end(x);
}

TEST(a_stream_of_another_feed_than_the_one_wanted_is_left)
{
    net_t *x = with_feeds(1, 5, 1);
    strcpy(x->opts.path[0].feed, "okx");
    net_begin(x, 1, AATS_PATH_P2P);
    net_quote(&x->feeds[0], 0);
    net_run(x, 3000 * NET_MS);
    CHECK_EQ_I64(aats_recv_needs(x->recv, NULL), 0);
    CHECK(strstr(x->log, "not the one that is wanted"));
    CHECK_EQ_U64(net_path(x, 0)->records, 0);
    net_end(x);
}

TEST(stop_makes_every_book_bad)
{
    net_t *x = with_feeds(1, 5, 2);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    aats_recv_stop(x->recv);
    aats_rec_t r;
    CHECK_EQ_I64(aats_latest_read(&x->view, 0, &r, NULL, NULL, 0), AATS_OK);
    CHECK(!(r.flags & AATS_F_VALID));
    CHECK(net_why(x, 0) != AATS_WHY_NONE);
    net_end(x);
}

RUN_ALL()
