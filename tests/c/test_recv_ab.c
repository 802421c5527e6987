/* test_recv_ab.c -- two feeds of the same symbols: the first valid record wins, one that dies is not missed, nothing is told twice. */
#include "app/reader.h"
#include "recv_fixture.h"

static net_t *two(unsigned syms)
{
    net_t *x = calloc(1, sizeof *x);
    for (unsigned i = 0; i < 2; i++) net_feed_begin(&x->feeds[i], i ? "192.0.2.2" : "192.0.2.1", 100 + i, 7, 5, syms);
    net_begin(x, 2, AATS_PATH_MULTIBROAD);
    return x;
}

static void both(net_t *x, unsigned sym, uint64_t update)
{
    net_quote_of(&x->feeds[0], sym, update);
    net_quote_of(&x->feeds[1], sym, update);
}

static uint64_t seq_of(net_t *x, unsigned sym)
{
    aats_rec_t r = {0};
    aats_latest_read(&x->view, sym, &r, NULL, NULL, 0);
    return r.seq;
}

static int link_of(net_t *x, unsigned sym)
{
    aats_rec_t r = {0};
    aats_latest_read(&x->view, sym, &r, NULL, NULL, 0);
    return r.link;
}

TEST(a_symbol_with_other_exponents_is_refused_and_said_once)
{
    net_t *x = calloc(1, sizeof *x);
    for (unsigned i = 0; i < 2; i++) net_feed_begin(&x->feeds[i], i ? "192.0.2.2" : "192.0.2.1", 100 + i, 7, 5, 1);
    x->feeds[1].view.dir[0].px_exp = -3;
    x->feeds[1].delay_ns = 300 * NET_MS; /* comes second */
    net_begin(x, 2, AATS_PATH_MULTIBROAD);
    net_run(x, 1000 * NET_MS);
    net_quote_of(&x->feeds[1], 0, 9);
    net_run(x, 600 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NO_BOOK);
    char const *said = strstr(x->log, "exponents");
    CHECK(said && !strstr(said + 1, "exponents"));
    net_quote_of(&x->feeds[0], 0, 8);
    net_run(x, 5 * NET_MS);
    CHECK_EQ_U64(seq_of(x, 0), 8);
    net_end(x);
}

TEST(a_feed_of_another_mode_is_not_mixed_in)
{
    net_t *x = calloc(1, sizeof *x);
    for (unsigned i = 0; i < 2; i++) net_feed_begin(&x->feeds[i], i ? "192.0.2.2" : "192.0.2.1", 100 + i, 7, 5, 1);
    x->feeds[1].view.mode = AATS_MODE_DIRECT;
    x->feeds[1].delay_ns = 50 * NET_MS;
    net_begin(x, 2, AATS_PATH_MULTIBROAD);
    net_run(x, 1000 * NET_MS);
    CHECK(strstr(x->log, "another mode"));
    CHECK_EQ_I64(net_path(x, 1)->state, AATS_PATH_SEARCHING);
    net_end(x);
}

TEST(each_update_goes_out_once_from_whoever_is_first)
{
    net_t *x = two(2);
    both(x, 0, 1);
    net_run(x, 400 * NET_MS);
    uint64_t const here = aats_ring_newest(&x->view), wins0 = net_path(x, 0)->wins, wins1 = net_path(x, 1)->wins;
    for (uint64_t i = 0; i < 200; i++) {
        x->feeds[0].delay_ns = i % 3 ? 100000 : 5 * NET_MS;
        x->feeds[1].delay_ns = i % 3 ? 5 * NET_MS : 100000;
        both(x, 0, 2 + i);
        net_trade(&x->feeds[0], 1);
        net_trade(&x->feeds[1], 1);
        net_run(x, 10 * NET_MS);
        CHECK_EQ_U64(seq_of(x, 0), 2 + i);
    }
    CHECK_EQ_U64(aats_ring_newest(&x->view) - here, 400);
    uint64_t const won0 = net_path(x, 0)->wins - wins0, won1 = net_path(x, 1)->wins - wins1;
    CHECK_EQ_U64(won0 + won1, 400);
    CHECK(won0 > won1 && won1 > 100);
    uint64_t last = 0;
    for (uint64_t n = here; n < here + 400; n++) {
        aats_rec20_t r;
        REQUIRE(aats_ring_poll(&x->view, n, &r) == 1);
        if (r.r.kind != AATS_REC_QUOTE) continue;
        CHECK(r.r.seq > last);
        last = r.r.seq;
    }
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    net_end(x);
}

TEST(what_is_told_of_perpetuals_goes_out_once)
{
    static uint8_t const KINDS[] = {AATS_REC_MARK, AATS_REC_FUNDING, AATS_REC_LIQUIDATION};
    net_t *x = two(2);
    both(x, 0, 1);
    net_run(x, 400 * NET_MS);
    for (int64_t i = 1; i <= 20; i++) {
        uint64_t const here = aats_ring_newest(&x->view);
        for (unsigned f = 0; f < 2; f++)
            for (unsigned k = 0; k < 3; k++) {
                aats_rec_t r = {.kind = KINDS[k], .sym = 0, .flags = AATS_F_VALID, .px_i = 100 * i + k, .qty_i = i, .aux = (uint64_t)i};
                net_publish(&x->feeds[(unsigned)(i & 1) ^ f], &r, NULL, NULL);
            }
        net_run(x, 10 * NET_MS);
        REQUIRE(aats_ring_newest(&x->view) - here == 3);
        for (unsigned k = 0; k < 3; k++) {
            aats_rec20_t r;
            REQUIRE(aats_ring_poll(&x->view, here + k, &r) == 1);
            CHECK_EQ_I64(r.r.kind, KINDS[k]);
            CHECK_EQ_I64(r.r.px_i, 100 * i + k);
            CHECK_EQ_U64(r.r.aux, (uint64_t)i);
        }
    }
    net_end(x);
}

TEST(the_older_book_of_the_slower_path_changes_nothing)
{
    net_t *x = two(1);
    both(x, 0, 1);
    net_run(x, 400 * NET_MS);
    net_quote_of(&x->feeds[0], 0, 10);
    net_run(x, 2 * NET_MS);
    uint64_t const here = aats_ring_newest(&x->view);
    for (uint64_t u = 2; u < 10; u++) net_quote_of(&x->feeds[1], 0, u);
    net_run(x, 5 * NET_MS);
    CHECK_EQ_U64(seq_of(x, 0), 10);
    CHECK_EQ_U64(aats_ring_newest(&x->view), here);
    CHECK(net_path(x, 1)->repeated >= 8);
    net_end(x);
}

/* One path dies, and the reader of a strategy sees no word of it: no INVALID, no FEED_DOWN, every update once. */
TEST(a_path_that_dies_is_not_missed)
{
    for (int who = 0; who < 2; who++) {
        net_t *x = two(2);
        static uint64_t mem[1 << 16];
        char why[200];
        both(x, 0, 1);
        both(x, 1, 1);
        net_run(x, 400 * NET_MS);
        REQUIRE(aats_reader_footprint(4) <= sizeof mem);
        aats_reader_t *rd = aats_reader_init(mem, 4);
        int const a = aats_reader_add(rd, "BTCUSDT.BINANCE", 1, 5, 0), b = aats_reader_add(rd, "ETHUSDT.BINANCE", 2, 5, 0);
        REQUIRE(aats_reader_bind(rd, a, 0) == AATS_OK && aats_reader_bind(rd, b, 0) == AATS_OK);
        REQUIRE(aats_reader_attach(rd, 0, x->view.seg, x->view.size, &x->slot, why, sizeof why) == AATS_OK);
        uint64_t seen = 0, update = 1;
        int bad = 0;
        for (int i = 0; i < 2000; i++) {
            if (i == 500) x->feeds[who].asleep = 1;
            if (i % 4 == 0) {
                update++;
                for (int f = 0; f < 2; f++)
                    if (!x->feeds[f].asleep) net_quote_of(&x->feeds[f], 0, update);
            }
            net_pass(x, NET_MS);
            aats_event_t ev;
            while (aats_reader_next(rd, x->mono_ns, &ev) == 1) {
                bad += ev.kind == AATS_EV_INVALID || ev.kind == AATS_EV_FEED_DOWN;
                if (ev.kind != AATS_EV_QUOTE || ev.sub != a) continue;
                CHECK(ev.rec->seq >= seen);
                seen = ev.rec->seq;
            }
            CHECK_MSG(aats_reader_why(rd, b, x->mono_ns) == AATS_WHY_NONE || i < 3, "pass %d: %s", i, aats_why_name(aats_reader_why(rd, b, x->mono_ns)));
        }
        CHECK_EQ_I64(bad, 0);
        CHECK_EQ_U64(seen, update);
        CHECK_EQ_I64(net_path(x, who)->state, AATS_PATH_SILENT);
        CHECK_EQ_I64(link_of(x, 0), 1 - who);
        CHECK_EQ_I64(link_of(x, 1), 1 - who); /* it had no update since: handed over by a word */
        CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
        CHECK_EQ_I64(net_why(x, 1), AATS_WHY_NONE);
        x->feeds[1 - who].asleep = 1;
        net_run(x, 700 * NET_MS);
        CHECK(net_why(x, 0) != AATS_WHY_NONE && net_why(x, 1) != AATS_WHY_NONE);
        net_end(x);
    }
}

TEST(a_book_that_is_bad_on_one_path_is_shown_from_the_other)
{
    net_t *x = two(1);
    both(x, 0, 1);
    net_run(x, 400 * NET_MS);
    x->feeds[1].delay_ns = 300000;
    both(x, 0, 2);
    net_run(x, 5 * NET_MS);
    int const by = link_of(x, 0);
    net_state(&x->feeds[by], 0, AATS_WHY_GAP);
    net_run(x, 3 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK_EQ_I64(link_of(x, 0), 1 - by);
    net_state(&x->feeds[1 - by], 0, AATS_WHY_CROSSED);
    net_run(x, 3 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_CROSSED);
    net_quote_of(&x->feeds[by], 0, 3);
    net_run(x, 3 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    CHECK_EQ_U64(seq_of(x, 0), 3);
    net_end(x);
}

static void change(net_feed_t *f, uint64_t seq, int64_t px, int last)
{
    aats_rec_t r = {.kind = AATS_REC_L2, .sym = 0, .flags = AATS_F_VALID | (last ? AATS_F_LAST : 0), .seq = seq, .px_i = px, .qty_i = 1};
    net_publish(f, &r, NULL, NULL);
}

/* Level changes of one venue message are from one path, whole, each message once, none passed over. */
TEST(level_changes_of_a_message_come_from_one_path)
{
    net_t *x = two(1);
    both(x, 0, 1);
    net_run(x, 400 * NET_MS);
    uint64_t const here = aats_ring_newest(&x->view);
    uint64_t rng = 5, done[2] = {0, 0}, part[2] = {0, 0};
    while (done[0] < 300 || done[1] < 300) { /* three changes a message; each feed goes at its own pace */
        int const i = net_random(&rng) % 2;
        if (done[i] == 300 || done[i] > done[1 - i] + 5) continue;
        change(&x->feeds[i], 10 + done[i], (int64_t)part[i], part[i] == 2);
        if (++part[i] == 3) part[i] = 0, done[i]++;
        if (net_random(&rng) % 3 == 0) net_pass(x, NET_MS / 4);
    }
    net_run(x, 10 * NET_MS);
    uint64_t want = 10, n = 0;
    int64_t px = 0;
    for (uint64_t k = here; k < aats_ring_newest(&x->view); k++) {
        aats_rec20_t r;
        REQUIRE(aats_ring_poll(&x->view, k, &r) == 1);
        if (r.r.kind != AATS_REC_L2) continue;
        n++;
        CHECK_MSG(r.r.seq == want && r.r.px_i == px, "change %u: message %u part %d, expected %u part %d",
                  (unsigned)n, (unsigned)r.r.seq, (int)r.r.px_i, (unsigned)want, (int)px);
        if (++px == 3) px = 0, want++;
    }
    CHECK_EQ_U64(n, 900);
    net_end(x);
}

TEST(under_loss_on_both_paths_books_are_the_venues)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        net_t *x = two(3);
        for (int i = 0; i < 2; i++) {
            x->feeds[i].loss = 80, x->feeds[i].jitter_ns = 4 * NET_MS, x->feeds[i].rng = seed * 7 + (uint64_t)i;
            x->opts.path[i].no_repair = seed % 2;
        }
        uint64_t rng = seed, last[3] = {0};
        for (uint64_t u = 1; u <= 1500; u++) {
            unsigned const sym = (unsigned)(net_random(&rng) % 3);
            both(x, sym, u);
            net_pass(x, NET_MS);
            for (unsigned s = 0; s < 3; s++) {
                uint64_t const seq = seq_of(x, s);
                CHECK_MSG(seq >= last[s] && seq <= u, "seed %u, update %u: %u after %u", (unsigned)seed, (unsigned)u, (unsigned)seq, (unsigned)last[s]);
                last[s] = seq;
            }
        }
        x->feeds[0].loss = x->feeds[1].loss = 0;
        for (unsigned s = 0; s < 3; s++) both(x, s, 2000 + s);
        net_run(x, 500 * NET_MS);
        for (unsigned s = 0; s < 3; s++) {
            CHECK(net_same(x, &x->feeds[0], s));
            CHECK_EQ_I64(net_why(x, net_here(x, &x->feeds[0], s)), AATS_WHY_NONE);
        }
        CHECK(net_balance(net_path(x, 0)) && net_balance(net_path(x, 1)));
        net_end(x);
    }
}

RUN_ALL()
