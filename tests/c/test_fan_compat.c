/* test_fan_compat.c -- what the published client gets: silence makes it one, then one record at a time, trades all, books newest. */
#include "fan_fixture.h"
#include "proto/compat.h"

#define OLD {.peer_max = 4, .log_sz = AATS_FAN_LOG_MIN, .own_max = AATS_FAN_OWN_MIN, .compat = 1, .datagrams = 1}
#define CID_A 1001
#define CID_B (-7)

static fan_t t;
static peer_view_t native;

/* record_t -- one record of that client's form. */
typedef struct {
    int type, cid, length, side;
    double px, qty; /* of a tick, or of the best bid */
    size_t sz;
} record_t;

static record_t read_record(uint8_t const *at, size_t n, int tcp)
{
    record_t r = {.type = -1};
    uint32_t sz = (uint32_t)n;
    int32_t cid, num;
    if (tcp) {
        memcpy(&sz, at, 4);
        if (sz + 4 != n) return r;
        at += 4;
    }
    memcpy(&cid, at + 1, 4);
    memcpy(&num, at + 5, 4);
    r = (record_t){.type = at[0], .cid = cid, .sz = sz};
    if (at[0] == 0) r.side = num, memcpy(&r.qty, at + 9, 8), memcpy(&r.px, at + 17, 8);
    else r.length = num;
    if (at[0] == 1 && num) memcpy(tcp ? &r.px : &r.qty, at + 9, 8), memcpy(tcp ? &r.qty : &r.px, at + 17, 8);
    if (at[0] == 1 && r.sz != 9 + 32 * (size_t)num) r.type = -1;
    return r;
}

/* next_record writes one record as the host does, in one piece; type -1: there is none. */
static record_t next_record(int peer)
{
    uint8_t const *at;
    size_t const n = aats_fan_output(t.fan, peer, &at);
    if (!n) return (record_t){.type = -1};
    record_t const r = read_record(at, n, 1);
    aats_fan_sent(t.fan, peer, n);
    return r;
}

static int start(void)
{
    if (!fan_open(&t, (aats_fan_opts_t)OLD, 20)) return 0;
    fan_symbol(&t, "AAUSDT", 20);
    fan_symbol(&t, "BBUSDT", 20);
    fan_symbol(&t, "CCUSDT", 20);
    return aats_fan_compat_symbol(t.fan, "AAUSDT.BINANCE", CID_A, 5) == AATS_OK && aats_fan_compat_symbol(t.fan, "BBUSDT.BINANCE", CID_B, 20) == AATS_OK;
}

static int silent_one(void)
{
    int const peer = aats_fan_join(t.fan, t.mono_ns);
    fan_pass(&t, AATS_HELLO_WAIT_NS - FAN_MS);
    CHECK(!aats_fan_is_compat(t.fan, peer));
    fan_pass(&t, 2 * FAN_MS);
    return peer;
}

TEST(symbols_that_cannot_be_are_refused)
{
    REQUIRE(start());
    CHECK_EQ_I64(aats_fan_compat_symbol(t.fan, "AAUSDT.BINANCE", 5, 5), AATS_E_ARG);
    CHECK_EQ_I64(aats_fan_compat_symbol(t.fan, "", 5, 5), AATS_E_ARG);
    CHECK_EQ_I64(aats_fan_compat_symbol(t.fan, "DDUSDT.BINANCE", 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_fan_compat_symbol(t.fan, "DDUSDT.BINANCE", 5, AATS_COMPAT_DEPTH_MAX + 1), AATS_E_ARG);
    fan_close(&t);
    REQUIRE(fan_open(&t, (aats_fan_opts_t){.peer_max = 4}, 5));
    CHECK_EQ_I64(aats_fan_compat_symbol(t.fan, "AAUSDT.BINANCE", 5, 5), AATS_E_ARG); /* without compat */
    fan_close(&t);
}

TEST(a_silent_connection_is_the_published_client_and_a_native_hello_is_not)
{
    REQUIRE(start());
    CHECK_EQ_I64(fan_connect(&t, &native, AATS_HELLO_STREAM), AATS_OK);
    int const old = silent_one();
    CHECK(aats_fan_is_compat(t.fan, old));
    CHECK(!aats_fan_is_compat(t.fan, native.peer));
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_COMPAT), 1);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SUBS), 1);
    fan_tick(&t, 0);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &native);
    CHECK_EQ_U64(native.ticks[0], 1);
    CHECK(!native.broken);
    aats_fan_leave(t.fan, old);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_COMPAT), 0);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_GONE), 1);
    fan_close(&t);
}

TEST(a_hello_that_began_in_time_may_end_later)
{
    REQUIRE(start());
    aats_hello_t const h = fan_hello(0);
    int const peer = aats_fan_join(t.fan, t.mono_ns);
    view_begin(&native, peer);
    fan_say(&t, peer, &h, 5);
    fan_pass(&t, AATS_HELLO_WAIT_NS + 100 * FAN_MS);
    CHECK(!aats_fan_is_compat(t.fan, peer));
    CHECK_EQ_I64(fan_say(&t, peer, (uint8_t const *)&h + 5, sizeof h - 5), AATS_OK);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_ACCEPTED), 1);

    int const old = silent_one(); /* and one that comes after it was taken for the other is reset: the stream would be mixed */
    CHECK_EQ_I64(fan_say(&t, old, &h, sizeof h), AATS_E_PROTO);
    CHECK_EQ_I64(aats_fan_want(t.fan, old), AATS_FAN_CUT);
    fan_close(&t);
}

TEST(it_begins_with_the_books_there_are_and_then_gets_every_trade_in_its_place)
{
    REQUIRE(start());
    fan_quote(&t, 0, 20);
    fan_quote(&t, 2, 20); /* a symbol that it did not ask for */
    uint64_t const first = t.seed - 1;
    int const old = silent_one();
    record_t r = next_record(old);
    CHECK_EQ_I64(r.type, 1);
    CHECK_EQ_I64(r.cid, CID_A);
    CHECK_EQ_I64(r.length, 5);
    CHECK(r.px == (double)(first * 4000) / 100);
    CHECK(r.qty == (double)first / 1000);
    CHECK_EQ_I64(next_record(old).type, -1); /* no book of B yet */

    fan_tick(&t, 1);
    fan_quote(&t, 1, 3);
    fan_tick(&t, 0);
    fan_tick(&t, 2);
    fan_pass(&t, FAN_MS);
    r = next_record(old);
    CHECK(r.type == 0 && r.cid == CID_B && r.side == -1 && r.px == (double)(t.seed - 3) / 100 && r.qty == (double)(t.seed - 3) / 1000);
    r = next_record(old);
    CHECK(r.type == 1 && r.cid == CID_B && r.length == 3);
    r = next_record(old);
    CHECK(r.type == 0 && r.cid == CID_A);
    CHECK_EQ_I64(next_record(old).type, -1);
    fan_close(&t);
}

TEST(a_slow_one_gets_the_newest_book_of_each_symbol_and_the_trades_in_between)
{
    REQUIRE(start());
    int const old = silent_one();
    while (next_record(old).type >= 0) {}
    for (int i = 0; i < 1000; i++) {
        fan_quote(&t, i % 2, 20);
        if (i % 100 == 0) fan_tick(&t, 0);
        if (i % 50 == 0) fan_pass(&t, FAN_MS);
    }
    fan_pass(&t, FAN_MS);
    int books = 0, ticks = 0;
    for (record_t r = next_record(old); r.type >= 0; r = next_record(old)) {
        ticks += r.type == 0;
        books += r.type == 1;
        if (r.type == 1) CHECK(r.px == (double)((t.seed - (r.cid == CID_A)) * 4000) / 100); /* A's is the last but one */
    }
    CHECK_EQ_I64(books, 2);
    CHECK_EQ_I64(ticks, 10);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SLOW), 0);
    fan_close(&t);
}

TEST(trades_that_nobody_takes_are_bounded_and_the_oldest_go)
{
    REQUIRE(start());
    int const old = silent_one();
    while (next_record(old).type >= 0) {}
    for (int i = 0; i < 5000; i++) {
        fan_tick(&t, 0);
        if (i % 100 == 0) fan_pass(&t, FAN_MS / 10);
    }
    fan_pass(&t, FAN_MS);
    record_t r = next_record(old);
    int ticks = 1;
    CHECK(r.px == (double)(t.seed - 4095) / 100);
    for (r = next_record(old); r.type >= 0; r = next_record(old)) ticks++;
    CHECK_EQ_I64(ticks, 4096);
    fan_close(&t);
}

TEST(a_book_that_is_not_valid_is_not_given)
{
    REQUIRE(start());
    int const old = silent_one();
    while (next_record(old).type >= 0) {}
    fan_quote(&t, 0, 5);
    fan_invalid(&t, 0);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_I64(next_record(old).type, -1);
    fan_quote(&t, 0, 5);
    fan_pass(&t, FAN_MS);
    CHECK_EQ_I64(next_record(old).type, 1);
    fan_close(&t);
}

TEST(after_a_lap_it_gets_every_book_again)
{
    REQUIRE(start());
    fan_quote(&t, 1, 5);
    int const old = silent_one();
    while (next_record(old).type >= 0) {}
    for (int i = 0; i < 2 * FAN_DEPTH; i++) fan_quote(&t, 0, 5);
    fan_pass(&t, FAN_MS);
    int seen = 0;
    for (record_t r = next_record(old); r.type >= 0; r = next_record(old)) seen |= r.cid == CID_A ? 1 : 2;
    CHECK_EQ_I64(seen, 3);
    fan_close(&t);
}

TEST(its_end_is_always_a_reset)
{
    REQUIRE(start());
    int const old = silent_one();
    fan_quote(&t, 0, 5);
    fan_pass(&t, FAN_MS);
    aats_fan_stop(t.fan, t.now_ns);
    CHECK_EQ_I64(aats_fan_want(t.fan, old), AATS_FAN_CUT);
    fan_close(&t);

    REQUIRE(start());
    int const lazy = silent_one();
    fan_quote(&t, 0, 5);
    for (int64_t ns = 0; ns <= AATS_FAN_STUCK_NS + 200 * FAN_MS; ns += 50 * FAN_MS) fan_pass(&t, 50 * FAN_MS);
    CHECK_EQ_I64(aats_fan_want(t.fan, lazy), AATS_FAN_CUT);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SLOW), 1);
    fan_close(&t);
}

/* ---- by datagram ---- */

static record_t sent[64];
static int sent_cnt;

static int net(void *arg, void const *bytes, size_t n)
{
    (void)arg;
    if (sent_cnt < 64) sent[sent_cnt++] = read_record(bytes, n, 0);
    return AATS_OK;
}

TEST(by_datagram_it_gets_one_record_each_quantity_first)
{
    REQUIRE(start());
    aats_fan_set_datagrams(t.fan, net, NULL);
    sent_cnt = 0;
    fan_quote(&t, 0, 20);
    fan_quote(&t, 0, 20);
    fan_tick(&t, 1);
    fan_quote(&t, 2, 20);
    fan_pass(&t, FAN_MS);
    REQUIRE(sent_cnt == 2);
    CHECK(sent[0].type == 1 && sent[0].cid == CID_A && sent[0].length == 5);
    CHECK(sent[0].px == (double)((t.seed - 2) * 4000) / 100 && sent[0].qty == (double)(t.seed - 2) / 1000);
    CHECK(sent[1].type == 0 && sent[1].cid == CID_B && sent[1].sz == 25);
    fan_close(&t);
}

RUN_ALL()
