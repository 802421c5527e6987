/* app/reader: what a reader is told, and in which order; a feed is played by the C writers on segments in private memory. */
#include "app/reader.h"

#include "base/atomics.h"
#include "check.h"
#include "shm/directory.h"
#include "shm/latest.h"
#include "shm/publish.h"
#include "shm/segment.h"
#include "shm/valid.h"
#include "shm_fixture.h"

#define MS INT64_C(1000000)
#define STALE_MS 500

/* ---- a feed that is played --------------------------------------------------------------------------------------- */

typedef struct {
    aats_md_view_t view;
    aats_ring_writer_t writer;
    aats_slot_t slot;
    uint64_t generation;
} feed_t;

static int64_t now_ns; /* CLOCK_MONOTONIC of these tests */

static void link_set(feed_t *f, int link, uint64_t up)
{
    aats_link_t *l = &f->view.md->links[link];
    aats_store_relaxed(&l->heard_mono_ns, (uint64_t)now_ns);
    aats_store_relaxed(&l->limit_ns, (uint64_t)(60000 * MS));
    aats_store_release(&l->up, up);
}

static void beat(feed_t *f)
{
    aats_store_release(&f->view.md->links[0].heard_mono_ns, (uint64_t)now_ns);
    aats_ctl_beat(&f->slot, now_ns);
}

static void add(feed_t *f, char const *symbol, uint32_t level_num, uint32_t link)
{
    aats_dir_t entry = {.state = AATS_DIR_LIVE, .px_exp = -2, .qty_exp = -3, .level_num = level_num, .link = link, .tick_i = 1, .lot_i = 1};
    snprintf(entry.symbol, sizeof entry.symbol, "%s", symbol);
    snprintf(entry.native, sizeof entry.native, "%s", symbol);
    CHECK(aats_dir_add(&f->view, &entry) >= 0);
}

static void feed_open(feed_t *f, uint32_t ring_depth, uint32_t level_max)
{
    memset(f, 0, sizeof *f);
    CHECK_EQ_I64(fixture_md(&f->view, ring_depth, level_max, 8), AATS_OK);
    CHECK_EQ_I64(aats_ring_open(&f->writer, &f->view), AATS_OK);
    f->slot.owner = aats_ident_with(fixture_ident(1), AATS_STATE_RUN);
    f->slot.generation = 7;
    link_set(f, 0, 1);
    beat(f);
}

static void feed_close(feed_t *f) { free(f->view.seg); }

static uint64_t put(feed_t *f, aats_rec_t rec, int64_t px_i, uint32_t levels)
{
    aats_level_t bids[AATS_LEVEL_MAX], asks[AATS_LEVEL_MAX];
    for (uint32_t i = 0; i < levels; i++) bids[i] = (aats_level_t){px_i - 1 - i, 10 + i}, asks[i] = (aats_level_t){px_i + 1 + i, 20 + i};
    rec.bid_len = rec.ask_len = (uint16_t)levels;
    rec.pub_ns = 1;
    CHECK_EQ_I64(aats_md_publish(&f->writer, &rec, bids, asks), AATS_OK);
    return rec.rec;
}

static uint64_t quote(feed_t *f, uint16_t sym, int64_t px_i, uint32_t levels)
{
    return put(f, (aats_rec_t){.kind = AATS_REC_QUOTE, .sym = sym, .flags = AATS_F_VALID, .seq = (uint64_t)px_i}, px_i, levels);
}

static void turn_bad(feed_t *f, uint16_t sym, uint8_t why) { put(f, (aats_rec_t){.kind = AATS_REC_STATE, .sym = sym, .why = why}, 0, 0); }

static void tick(feed_t *f, uint16_t sym, uint64_t id)
{
    put(f, (aats_rec_t){.kind = AATS_REC_TICK, .sym = sym, .flags = AATS_F_VALID, .seq = id, .px_i = 5, .qty_i = 6}, 0, 0);
}

static void bbo(feed_t *f, uint16_t sym, int64_t px_i)
{
    put(f, (aats_rec_t){.kind = AATS_REC_BBO, .sym = sym, .flags = AATS_F_VALID, .seq = (uint64_t)px_i}, px_i, 1);
}

/* ---- a reader, and what it said ---------------------------------------------------------------------------------- */

static aats_reader_t *reader_open(char const *const *symbols, int cnt, uint32_t level_num)
{
    aats_reader_t *r = aats_reader_init(fixture_zeroed((aats_reader_footprint((uint32_t)cnt) + 63) / 64 * 64), (uint32_t)cnt);
    for (int i = 0; i < cnt; i++) {
        CHECK_EQ_I64(aats_reader_add(r, symbols[i], 1000 + i, level_num, AATS_TAKE_TICK | AATS_TAKE_BBO | AATS_TAKE_L2), i);
        CHECK_EQ_I64(aats_reader_bind(r, i, 0), AATS_OK);
    }
    return r;
}

static void follow(aats_reader_t *r, int feed, feed_t *f)
{
    char why[200] = "";
    CHECK_EQ_I64(aats_reader_attach(r, feed, f->view.seg, f->view.size, &f->slot, why, sizeof why), AATS_OK);
}

/* told writes what the reader says until it says nothing, a word an event: "Q1000:500" a quote and its seq, "R" one that
 * was recovered, "T" tick, "B" bbo, "L" l2, "I1000:gap" invalid, "LAP0:21" lap of feed 0 and the records missed, "DOWN0:why", "UP0". */
static char const *told(aats_reader_t *r)
{
    static char text[8192];
    size_t at = 0;
    aats_event_t ev;
    text[0] = 0;
    for (int i = 0; i < 400 && at < sizeof text; i++) {
        int const due = aats_reader_due(r, now_ns);
        if (!aats_reader_next(r, now_ns, &ev)) break;
        CHECK_MSG(due, "an event of kind %u that was not due", ev.kind); /* whoever waits for due misses nothing */
        char const *quote = ev.flags & AATS_F_RECOVERED ? "R" : "Q", *why = aats_why_name((int)ev.why);
        char const *kind[] = {"?", quote, "T", "B", "L", "I", "LAP", "DOWN", "UP"};
        long long const of = ev.sub < 0 ? ev.feed : ev.cid;
        unsigned long long const number = ev.kind == AATS_EV_LAP ? ev.missed : ev.rec->seq;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s%lld", at ? " " : "", kind[ev.kind], of);
        if (at >= sizeof text || ev.kind == AATS_EV_FEED_UP) continue;
        if (why[0]) at += (size_t)snprintf(text + at, sizeof text - at, ":%s", why);
        else at += (size_t)snprintf(text + at, sizeof text - at, ":%llu", number);
    }
    return text;
}

static void pass_ms(feed_t *f, int64_t ms)
{
    now_ns += ms * MS;
    if (f) beat(f);
}

static char const *const BTC[] = {"BTCUSDT.BINANCE"};
static char const *const TWO[] = {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE"};

#define BEGIN(ring, level)                                                                                             \
    now_ns = 1000000 * MS;                                                                                             \
    feed_t f;                                                                                                          \
    feed_open(&f, ring, level);                                                                                        \
    add(&f, TWO[0], level, 0);                                                                                         \
    add(&f, TWO[1], level, 0)

#define END()                                                                                                          \
    free(r);                                                                                                           \
    feed_close(&f)

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

TEST(what_cannot_be_is_refused)
{
    BEGIN(16, 5);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    char why[200] = "", longest[64];
    memset(longest, 'A', sizeof longest);
    longest[63] = 0;
    CHECK_EQ_U64(aats_reader_footprint(0), 0);
    CHECK_EQ_U64(aats_reader_footprint(AATS_READER_SUBS_MAX + 1), 0);
    CHECK_EQ_PTR(aats_reader_init(NULL, 1), NULL);
    CHECK_EQ_I64(aats_reader_add(r, TWO[0], 1, 5, 0), AATS_E_BUSY);
    CHECK_EQ_I64(aats_reader_add(r, "NEW.BINANCE", 1, 5, 0), AATS_E_FULL);
    CHECK_EQ_I64(aats_reader_add(r, "", 1, 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_add(r, longest, 1, 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_add(r, "NEW.BINANCE", 1, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_add(r, "NEW.BINANCE", 1, 1001, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_bind(r, 0, 1), AATS_E_BUSY);
    CHECK_EQ_I64(aats_reader_bind(r, 2, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_bind(r, 0, AATS_FEED_MAX), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_attach(r, -1, f.view.seg, f.view.size, &f.slot, why, sizeof why), AATS_E_ARG);
    CHECK_EQ_I64(aats_reader_attach(r, 0, f.view.seg, f.view.size - 64, &f.slot, why, sizeof why), AATS_E_LAYOUT);
    CHECK(why[0] != 0);
    CHECK_STR(told(r), "");
    CHECK_EQ_PTR(aats_reader_sub(r, 2), NULL);
    END();
}

/* ---- joining ----------------------------------------------------------------------------------------------------- */

TEST(a_joiner_gets_each_valid_book_once_and_then_what_is_new)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    bbo(&f, 0, 510);
    turn_bad(&f, 1, AATS_WHY_GAP);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    follow(r, 0, &f);
    CHECK_STR(told(r), "R1000:500 B1000:510"); /* ETH was never good to this reader: nothing is said of it */
    CHECK_STR(told(r), "");
    quote(&f, 0, 501, 5);
    tick(&f, 1, 77);
    CHECK_STR(told(r), "Q1000:501 T1001:77");
    END();
}

TEST(a_book_written_before_the_feed_beats_again_is_not_given)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    pass_ms(NULL, STALE_MS + 1);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    CHECK_STR(told(r), "DOWN0:feed_stale");
    CHECK_EQ_I64(aats_reader_down(r, 0), AATS_WHY_FEED_STALE);
    END();
}

TEST(a_symbol_that_the_feed_adds_later_is_found)
{
    now_ns = 1000000 * MS;
    feed_t f;
    feed_open(&f, 16, 5);
    add(&f, "OTHER.BINANCE", 5, 0);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    CHECK_STR(told(r), "");
    add(&f, BTC[0], 5, 0);
    quote(&f, 0, 400, 5);
    quote(&f, 1, 500, 5);
    CHECK_STR(told(r), "Q1000:500");
    END();
}

TEST(a_symbol_is_followed_by_the_venues_own_spelling)
{
    now_ns = 1000000 * MS;
    static char const *const native[] = {"XBT/USD.KRAKEN"};
    feed_t f;
    feed_open(&f, 16, 5);
    add(&f, "XBTUSD.OTHER", 5, 0);
    aats_dir_t entry = {.state = AATS_DIR_LIVE, .px_exp = -2, .qty_exp = -3, .level_num = 5, .tick_i = 1, .lot_i = 1};
    strcpy(entry.symbol, "BTCUSD.KRAKEN"), strcpy(entry.native, "XBT/USD");
    CHECK_EQ_I64(aats_dir_add(&f.view, &entry), 1);
    aats_reader_t *r = reader_open(native, 1, 5);
    follow(r, 0, &f);
    quote(&f, 0, 400, 5);
    quote(&f, 1, 500, 5);
    CHECK_STR(told(r), "R1000:500");
    END();
}

TEST(levels_are_cut_to_what_was_asked_for)
{
    BEGIN(16, 20);
    quote(&f, 0, 500, 20);
    aats_reader_t *r = reader_open(BTC, 1, 3);
    follow(r, 0, &f);
    aats_event_t ev;
    for (int i = 0; i < 2; i++) { /* from the latest slot, then from the ring */
        CHECK_EQ_I64(aats_reader_next(r, now_ns, &ev), 1);
        CHECK_EQ_U64(ev.bid_len, 3);
        CHECK_EQ_U64(ev.ask_len, 3);
        CHECK_EQ_I64(ev.bids[2].px_i, 500 + i - 3);
        CHECK_EQ_I64(ev.asks[2].qty_i, 22);
        CHECK_EQ_I64(ev.px_exp, -2);
        CHECK_EQ_I64(ev.qty_exp, -3);
        quote(&f, 0, 501 + i, 20);
    }
    END();
}

TEST(a_deep_book_comes_whole_and_once_from_the_latest_slot)
{
    BEGIN(16, 100);
    aats_reader_t *r = reader_open(BTC, 1, 100);
    follow(r, 0, &f);
    told(r);
    quote(&f, 0, 1000, 100);
    quote(&f, 0, 1001, 100);
    aats_event_t ev;
    CHECK_EQ_I64(aats_reader_next(r, now_ns, &ev), 1);
    CHECK_EQ_U64(ev.rec->seq, 1001); /* the slot is newer than the ring record that led to it */
    CHECK_EQ_U64(ev.bid_len, 100);
    CHECK_EQ_I64(ev.bids[99].px_i, 1001 - 100);
    CHECK(ev.flags & AATS_F_DEEP);
    CHECK_STR(told(r), "");
    quote(&f, 0, 1002, 8); /* thin now */
    CHECK_EQ_I64(aats_reader_next(r, now_ns, &ev), 1);
    CHECK_EQ_U64(ev.bid_len, 8);
    CHECK(!(ev.flags & AATS_F_DEEP));
    END();
}

/* ---- validity ---------------------------------------------------------------------------------------------------- */

TEST(a_book_that_turns_invalid_is_told_once_and_comes_back_whole)
{
    BEGIN(32, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    turn_bad(&f, 0, AATS_WHY_GAP);
    turn_bad(&f, 0, AATS_WHY_SYNCING);
    put(&f, (aats_rec_t){.kind = AATS_REC_QUOTE, .sym = 0, .why = AATS_WHY_SYNCING, .seq = 501}, 501, 5);
    CHECK_STR(told(r), "I1000:gap");
    CHECK_EQ_U64(aats_reader_sub(r, 0)->valid, 0);
    tick(&f, 0, 9);
    quote(&f, 0, 502, 5);
    CHECK_STR(told(r), "T1000:9 Q1000:502");
    END();
}

TEST(a_dead_feed_makes_its_books_invalid_without_a_record)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    pass_ms(&f, STALE_MS);
    CHECK_STR(told(r), "");
    for (int i = 0; i < STALE_MS + 2; i++) {
        pass_ms(NULL, 1);
        char const *said = told(r);
        if (i < STALE_MS - 1) CHECK_STR(said, "");
        if (said[0]) {
            CHECK_STR(said, "DOWN0:feed_stale I1000:feed_stale");
            CHECK(i <= STALE_MS + 1);
            END();
            return;
        }
    }
    CHECK_MSG(0, "never told");
    END();
}

TEST(a_feed_that_goes_on_gives_its_books_again_only_if_it_still_calls_them_good)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    quote(&f, 1, 600, 5);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    follow(r, 0, &f);
    CHECK_STR(told(r), "R1000:500 R1001:600");
    for (int i = 0; i < 600; i++) pass_ms(NULL, 1), told(r);
    /* it wakes, calls BTC suspect, and only then beats */
    turn_bad(&f, 0, AATS_WHY_SUSPECT);
    pass_ms(&f, 1);
    CHECK_STR(told(r), "UP0 R1001:600");
    quote(&f, 0, 501, 5);
    CHECK_STR(told(r), "Q1000:501");
    END();
}

TEST(a_reader_that_slept_as_long_as_its_feed_gives_no_book_of_before)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    quote(&f, 0, 501, 5); /* published, not yet read */
    pass_ms(NULL, 5000);  /* both sleep */
    turn_bad(&f, 0, AATS_WHY_SUSPECT);
    beat(&f);
    CHECK_STR(told(r), "I1000:suspect");
    END();
}

TEST(a_reader_that_slept_gives_no_book_of_before_while_the_newest_is_being_written)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    quote(&f, 0, 501, 5);
    pass_ms(NULL, 5000);
    turn_bad(&f, 0, AATS_WHY_SUSPECT);
    beat(&f);
    aats_md_latest(&f.view, 0)->stamp |= 1; /* its writer is inside */
    CHECK_STR(told(r), "");
    aats_md_latest(&f.view, 0)->stamp &= ~1ULL;
    pass_ms(&f, 1);
    CHECK_STR(told(r), "I1000:suspect");
    END();
}

TEST(a_link_that_falls_takes_only_its_own_books)
{
    now_ns = 1000000 * MS;
    feed_t f;
    feed_open(&f, 16, 5);
    link_set(&f, 1, 1);
    link_set(&f, 2, 1);
    char const *const three[] = {"A.X", "B.X", "C.X"};
    for (uint32_t i = 0; i < 3; i++) add(&f, three[i], 5, i);
    for (uint16_t i = 0; i < 3; i++)
        put(&f, (aats_rec_t){.kind = AATS_REC_QUOTE, .sym = i, .flags = AATS_F_VALID, .seq = 1, .link = (uint8_t)i}, 500, 5);
    aats_reader_t *r = reader_open(three, 3, 5);
    follow(r, 0, &f);
    CHECK_STR(told(r), "R1000:1 R1001:1 R1002:1");
    link_set(&f, 1, 0);
    pass_ms(&f, 2);
    CHECK_STR(told(r), "DOWN0:link_down I1001:link_down");
    link_set(&f, 2, 0);
    pass_ms(&f, 2);
    CHECK_STR(told(r), "I1002:link_down"); /* the feed was down already, for who listens to all of it */
    link_set(&f, 1, 1);
    link_set(&f, 2, 1);
    pass_ms(&f, 2);
    CHECK_STR(told(r), "UP0 R1001:1 R1002:1");
    END();
}

TEST(a_link_record_is_looked_at_at_once)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    link_set(&f, 0, 0);
    put(&f, (aats_rec_t){.kind = AATS_REC_LINK, .sym = AATS_SYM_NONE}, 0, 0);
    told(r); /* no time passes: the record itself is no event */
    CHECK_STR(told(r), "DOWN0:link_down I1000:link_down");
    END();
}

/* ---- laps -------------------------------------------------------------------------------------------------------- */

TEST(a_lapped_reader_gets_every_book_again_also_the_quiet_ones)
{
    BEGIN(8, 5);
    quote(&f, 0, 500, 5);
    quote(&f, 1, 600, 5);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    follow(r, 0, &f);
    told(r);
    quote(&f, 0, 501, 5); /* BTC moves once, then is quiet while ETH laps the ring */
    for (int i = 0; i < 20; i++) quote(&f, 1, 700 + i, 5);
    CHECK_STR(told(r), "LAP0:21 R1000:501 R1001:719");
    CHECK_EQ_U64(aats_reader_missed(r), 21);
    for (int i = 0; i < 9; i++) quote(&f, 1, 800 + i, 5); /* and with nothing new for BTC at all */
    CHECK_STR(told(r), "LAP0:9 R1000:501 R1001:808");
    quote(&f, 0, 502, 5);
    CHECK_STR(told(r), "Q1000:502");
    END();
}

TEST(a_book_that_turned_invalid_inside_a_lap_is_told)
{
    BEGIN(8, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    follow(r, 0, &f);
    told(r);
    turn_bad(&f, 0, AATS_WHY_GAP);
    for (int i = 0; i < 20; i++) tick(&f, 1, 1 + (uint64_t)i);
    CHECK_STR(told(r), "LAP0:21 I1000:gap");
    END();
}

TEST(trades_lost_to_a_lap_are_counted_by_their_ids)
{
    BEGIN(8, 5);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    follow(r, 0, &f);
    tick(&f, 0, 100);
    CHECK_STR(told(r), "T1000:100");
    for (uint64_t i = 101; i <= 110; i++) tick(&f, 0, i); /* lost; the last of them stands in the top */
    told(r);
    CHECK_EQ_U64(aats_reader_missed_ticks(r), 10);
    tick(&f, 0, 111);
    CHECK_STR(told(r), "T1000:111");
    CHECK_EQ_U64(aats_reader_missed_ticks(r), 10);
    for (int i = 0; i < 9; i++) bbo(&f, 1, 5);
    CHECK_STR(told(r), "LAP0:9 B1001:5");
    tick(&f, 0, 112);
    CHECK_STR(told(r), "T1000:112");
    CHECK_EQ_U64(aats_reader_missed_ticks(r), 10); /* a lap without a lost trade */
    END();
}

TEST(best_bid_and_ask_are_current_after_a_lap)
{
    BEGIN(8, 5);
    aats_reader_t *r = reader_open(TWO, 2, 5);
    follow(r, 0, &f);
    bbo(&f, 0, 500);
    CHECK_STR(told(r), "B1000:500");
    bbo(&f, 0, 501);
    for (int i = 0; i < 20; i++) tick(&f, 1, 1);
    CHECK_STR(told(r), "LAP0:21 B1000:501");
    END();
}

/* Random writes and reads against a plain model: at each quiet moment what was last told of a book is what the feed last said of it. */
TEST(whatever_happens_the_last_word_on_each_book_is_the_feeds)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        BEGIN(8, 5);
        uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15), said[2] = {0, 0}, heard[2] = {0, 0};
        aats_reader_t *r = reader_open(TWO, 2, 5);
        follow(r, 0, &f);
        for (int i = 0; i < 400; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            uint16_t const sym = x & 1;
            switch (x >> 8 & 7) {
            case 0: turn_bad(&f, sym, AATS_WHY_GAP), said[sym] = 0; break;
            case 1: tick(&f, sym, (uint64_t)i); break;
            case 2: bbo(&f, sym, i); break;
            case 3: pass_ms(&f, (int64_t)(x >> 16 & 3)); break;
            default: quote(&f, sym, 1000 + i, 5), said[sym] = 1000 + (uint64_t)i; break;
            }
            if ((x >> 20 & 7) != 0) continue;
            aats_event_t ev;
            int valid[2] = {heard[0] != 0, heard[1] != 0};
            while (aats_reader_next(r, now_ns, &ev)) {
                if (ev.kind == AATS_EV_QUOTE) CHECK(ev.rec->seq >= heard[ev.sub]); /* no book goes back */
                if (ev.kind == AATS_EV_QUOTE) heard[ev.sub] = ev.rec->seq, valid[ev.sub] = 1;
                if (ev.kind == AATS_EV_INVALID) {
                    CHECK_MSG(valid[ev.sub], "seed %llu: invalid twice", (unsigned long long)seed);
                    heard[ev.sub] = 0, valid[ev.sub] = 0;
                }
            }
            CHECK_EQ_U64(heard[0], said[0]);
            CHECK_EQ_U64(heard[1], said[1]);
        }
        END();
    }
}

/* ---- generations and several feeds ------------------------------------------------------------------------------- */

TEST(a_new_generation_is_followed_and_the_old_books_are_invalid_meanwhile)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    tick(&f, 0, 100);
    told(r);
    CHECK_EQ_I64(aats_seg_succeed(f.view.seg, 8), AATS_OK);
    pass_ms(&f, 2);
    CHECK_STR(told(r), "DOWN0:replaced I1000:replaced");
    feed_t next;
    feed_open(&next, 16, 5);
    add(&next, "OTHER.BINANCE", 5, 0); /* another place in the directory */
    add(&next, BTC[0], 5, 0);
    follow(r, 0, &next);
    CHECK_STR(told(r), "UP0");
    tick(&next, 1, 104);
    quote(&next, 1, 300, 5); /* a number below the old one's is news all the same */
    CHECK_STR(told(r), "T1000:104 Q1000:300");
    CHECK_EQ_U64(aats_reader_missed_ticks(r), 3);
    feed_close(&next);
    END();
}

TEST(detaching_makes_the_books_invalid_and_touches_the_mapping_no_more)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    aats_reader_detach(r, 0);
    feed_close(&f); /* a touch is a use after free */
    pass_ms(NULL, 5);
    CHECK_STR(told(r), "DOWN0:replaced I1000:replaced");
    CHECK_STR(told(r), "");
    CHECK(aats_reader_down(r, 0) != AATS_WHY_NONE);
    aats_reader_detach(r, 0);
    free(r);
}

TEST(feeds_are_served_in_turn)
{
    BEGIN(64, 5);
    feed_t g;
    feed_open(&g, 64, 5);
    add(&g, "LTCUSDT.OTHER", 5, 0);
    aats_reader_t *r = aats_reader_init(fixture_zeroed((aats_reader_footprint(2) + 63) / 64 * 64), 2);
    aats_reader_add(r, TWO[0], 1, 5, AATS_TAKE_TICK);
    aats_reader_add(r, "LTCUSDT.OTHER", 2, 5, AATS_TAKE_TICK);
    aats_reader_bind(r, 0, 0);
    aats_reader_bind(r, 1, 1);
    follow(r, 0, &f);
    follow(r, 1, &g);
    for (uint64_t i = 0; i < 6; i++) tick(&f, 0, i);
    for (uint64_t i = 0; i < 2; i++) tick(&g, 0, i);
    CHECK_STR(told(r), "T1:0 T2:0 T1:1 T2:1 T1:2 T1:3 T1:4 T1:5");
    feed_close(&g);
    END();
}

TEST(what_nobody_asked_for_is_passed_over)
{
    BEGIN(16, 5);
    aats_reader_t *r = aats_reader_init(fixture_zeroed((aats_reader_footprint(1) + 63) / 64 * 64), 1);
    aats_reader_add(r, BTC[0], 1, 5, 0);
    aats_reader_bind(r, 0, 0);
    follow(r, 0, &f);
    CHECK_STR(told(r), "");
    tick(&f, 0, 1);
    bbo(&f, 0, 5);
    put(&f, (aats_rec_t){.kind = AATS_REC_L2, .sym = 0, .flags = AATS_F_VALID}, 0, 0);
    quote(&f, 1, 600, 5);
    quote(&f, 0, 500, 5);
    CHECK_STR(told(r), "Q1:500");
    END();
}

TEST(nothing_is_due_when_all_was_told_until_a_record_or_a_look_is)
{
    BEGIN(16, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    CHECK(!aats_reader_spin(r, 3)); /* no feed */
    follow(r, 0, &f);
    CHECK(aats_reader_due(r, now_ns) && !aats_reader_spin(r, 3));
    told(r);
    CHECK(!aats_reader_due(r, now_ns) && !aats_reader_spin(r, 3));
    CHECK(!aats_reader_due(r, now_ns + AATS_READER_CHECK_NS - 1) && aats_reader_due(r, now_ns + AATS_READER_CHECK_NS));
    quote(&f, 0, 500, 5);
    CHECK(aats_reader_due(r, now_ns) && aats_reader_spin(r, 1) && !aats_reader_spin(r, 0));
    CHECK_STR(told(r), "Q1000:500");
    for (int i = 0; i < 40; i++) quote(&f, 0, 600 + i, 5); /* overrun: the slot has a later record */
    CHECK(aats_reader_due(r, now_ns) && aats_reader_spin(r, 1));
    CHECK_STR(told(r), "LAP0:40 R1000:639");
    aats_reader_detach(r, 0);
    quote(&f, 0, 700, 5);
    CHECK(!aats_reader_spin(r, 3) && aats_reader_due(r, now_ns)); /* that it is gone is to be told */
    END();
}

TEST(a_latest_slot_that_is_being_written_is_not_due_until_the_next_look)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    aats_md_latest(&f.view, 0)->stamp |= 1;
    CHECK_STR(told(r), "");
    CHECK(!aats_reader_due(r, now_ns)); /* or a loop would never rest while its writer sleeps inside */
    CHECK(aats_reader_due(r, now_ns + AATS_READER_CHECK_NS));
    END();
}

TEST(a_slot_that_its_dead_writer_left_half_written_is_never_given)
{
    BEGIN(16, 5);
    quote(&f, 0, 500, 5);
    aats_reader_t *r = reader_open(BTC, 1, 5);
    follow(r, 0, &f);
    told(r);
    aats_md_latest(&f.view, 0)->stamp |= 1; /* killed inside */
    for (int i = 0; i < 520; i++) pass_ms(NULL, 1), told(r);
    CHECK_EQ_U64(aats_reader_sub(r, 0)->valid, 0);
    CHECK_EQ_I64(aats_reader_down(r, 0), AATS_WHY_FEED_STALE);
    END();
}

RUN_ALL()
