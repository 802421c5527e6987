/* test_paper.c -- paper trading as the trader sees it: messages, their order and their times. */
#include "app/paper.h"
#include "check.h"

#define MS 1000000ll
enum { BUY = AATS_SIDE_BUY, SELL = AATS_SIDE_SELL };
enum { IOC = AATS_TIF_IOC, POS = AATS_TIF_POS, GTC = AATS_TIF_GTC, FOK = AATS_TIF_FOK, MKT = AATS_TIF_MARKET };

/* A gateway over one symbol, prices at 1e-2, sizes at 1e-3; time goes only when `pass` says so. */
static aats_gateway_t gw;
static aats_rules_t rules;
static int64_t mono_ns;
static aats_omsg_t got[64];
static int got_cnt;

static void open_paper(int64_t latency_ns)
{
    aats_paper_opts_t opts;
    aats_paper_defaults(&opts);
    opts.latency_ns = latency_ns;
    aats_paper_t *p = aats_paper_new(&opts);
    rules = (aats_rules_t){.px_exp = -2, .qty_exp = -3, .fee_exp = -8};
    strcpy(rules.symbol, "BTCUSDT.BINANCE"), strcpy(rules.native, "BTCUSDT"), strcpy(rules.base, "BTC"), strcpy(rules.quote, "USDT");
    CHECK_EQ_I64(aats_paper_symbol(p, 0, &rules), AATS_OK);
    aats_paper_gateway(p, &gw);
    mono_ns = 1000 * MS;
    got_cnt = 0;
}

static void close_paper(void) { gw.free(gw.self); }

/* pass lets time go on by ns and takes what comes. */
static int pass(int64_t ns)
{
    mono_ns += ns;
    gw.step(gw.self, 5000 * MS + mono_ns, mono_ns);
    for (got_cnt = 0; got_cnt < 64 && gw.next(gw.self, &got[got_cnt]);) got_cnt++;
    return got_cnt;
}

static void quote(int64_t bid_px, int64_t bid_qty, int64_t ask_px, int64_t ask_qty)
{
    aats_level_t const bid[1] = {{bid_px, bid_qty}}, ask[1] = {{ask_px, ask_qty}};
    gw.quote(gw.self, 0, bid, 1, ask, 1, 1, 5000 * MS + mono_ns);
}
static void no_quote(void) { gw.quote(gw.self, 0, NULL, 0, NULL, 0, 0, 5000 * MS + mono_ns); }
static void tick(int aggressor, int64_t px_i, int64_t qty_i) { gw.tick(gw.self, 0, aggressor, px_i, qty_i, 5000 * MS + mono_ns); }

static aats_machine_t machine(int64_t id, int side, int tif, int64_t px_i, int64_t qty_i)
{
    aats_machine_t m = {0};
    m.o = (aats_order_t){.order_id = id, .instance = 77, .side = (uint8_t)side, .tif = (uint8_t)tif, .px_i = px_i, .qty_i = qty_i};
    return m;
}

static aats_machine_t place(int64_t id, int side, int tif, int64_t px_i, int64_t qty_i)
{
    char msg[160] = "";
    aats_machine_t m = machine(id, side, tif, px_i, qty_i);
    CHECK_EQ_I64(gw.place(gw.self, &m, &rules, msg, sizeof msg), AATS_OK);
    return m;
}

static void is_msg(int at, uint32_t kind, uint32_t code, int64_t id)
{
    CHECK_MSG(at < got_cnt, "message %d of %d", at, got_cnt);
    if (at >= got_cnt) return;
    CHECK_EQ_U64(got[at].kind, kind);
    CHECK_EQ_U64(got[at].code, code);
    CHECK_EQ_I64(got[at].order_id, id);
    if (id != 0) CHECK_EQ_U64(got[at].instance, 77);
}

/* ---- refusals ---- */

TEST(an_order_of_an_unknown_symbol_is_refused_before_it_goes)
{
    char msg[160] = "";
    open_paper(MS);
    aats_machine_t m = machine(1, BUY, GTC, 100, 5);
    m.o.sym = 1;
    CHECK_EQ_I64(gw.place(gw.self, &m, &rules, msg, sizeof msg), AATS_OC_NOT_CONNECTED);
    CHECK(msg[0] != 0);
    m.o.sym = 0;
    gw.leave(gw.self);
    CHECK_EQ_I64(gw.state(gw.self), AATS_GW_LEFT);
    CHECK_EQ_I64(gw.place(gw.self, &m, &rules, msg, sizeof msg), AATS_OC_NOT_CONNECTED);
    close_paper();
}

TEST(a_symbol_is_added_once_and_with_exponents_that_an_engine_takes)
{
    aats_paper_opts_t opts;
    aats_paper_defaults(&opts);
    aats_paper_t *p = aats_paper_new(&opts);
    aats_rules_t r = {.px_exp = -8, .qty_exp = -8, .fee_exp = -8};
    CHECK_EQ_I64(aats_paper_symbol(p, -1, &r), AATS_E_ARG);
    CHECK_EQ_I64(aats_paper_symbol(p, 3, &r), AATS_OK);
    CHECK_EQ_I64(aats_paper_symbol(p, 3, &r), AATS_E_BUSY);
    r.fee_exp = 1;
    CHECK_EQ_I64(aats_paper_symbol(p, 4, &r), AATS_E_ARG);
    aats_paper_free(p);
}

TEST(a_post_only_order_that_would_trade_is_rejected)
{
    open_paper(0);
    quote(10000, 5000, 10001, 5000);
    pass(0);
    place(1, BUY, POS, 10001, 1000);
    CHECK_EQ_I64(pass(0), 1);
    is_msg(0, AATS_OM_REJECT, AATS_OC_WOULD_CROSS, 1);
    CHECK(got[0].text[0] != 0);
    close_paper();
}

TEST(without_a_valid_book_an_order_waits_and_is_rejected_in_time)
{
    open_paper(0);
    pass(0);
    place(1, BUY, GTC, 10000, 1000);
    CHECK_EQ_I64(pass(0), 0);
    CHECK_EQ_I64(gw.next_mono_ns(gw.self), mono_ns + 3000 * MS);
    CHECK_EQ_I64(pass(2999 * MS), 0);
    CHECK_EQ_I64(pass(1 * MS), 1);
    is_msg(0, AATS_OM_REJECT, AATS_OC_NOT_CONNECTED, 1);

    place(2, BUY, GTC, 10000, 1000);
    place(3, SELL, GTC, 10005, 1000);
    CHECK_EQ_I64(pass(100 * MS), 0);
    quote(9999, 1, 10001, 1);
    CHECK_EQ_I64(pass(0), 2);
    is_msg(0, AATS_OM_ACK, 0, 2);
    is_msg(1, AATS_OM_ACK, 0, 3);
    close_paper();
}

TEST(a_cancel_of_what_does_not_rest_is_rejected_and_an_unknown_order_absent)
{
    open_paper(0);
    pass(0);
    aats_machine_t m = machine(9, BUY, GTC, 10000, 1000);
    CHECK_EQ_I64(gw.cancel(gw.self, &m, &rules), AATS_OK);
    gw.ask(gw.self, &m, &rules);
    CHECK_EQ_I64(pass(0), 2);
    is_msg(0, AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER, 9);
    is_msg(1, AATS_OM_ABSENT, 0, 9);
    close_paper();
}

/* ---- the path ---- */

TEST(ready_comes_with_the_first_step_and_an_answer_after_both_ways)
{
    open_paper(10 * MS);
    CHECK_EQ_I64(gw.state(gw.self), AATS_GW_STARTING);
    CHECK_EQ_I64(pass(0), 1);
    is_msg(0, AATS_OM_READY, 0, 0);
    CHECK_EQ_I64(gw.state(gw.self), AATS_GW_READY);
    quote(10000, 5000, 10001, 5000);
    place(1, BUY, IOC, 10001, 1000);
    CHECK_EQ_I64(gw.next_mono_ns(gw.self), mono_ns + 10 * MS);
    CHECK_EQ_I64(pass(9 * MS), 0);
    quote(10000, 5000, 10002, 5000); /* what it was sent for has gone when it arrives */
    CHECK_EQ_I64(pass(1 * MS), 0);
    CHECK_EQ_I64(gw.next_mono_ns(gw.self), mono_ns + 10 * MS);
    CHECK_EQ_I64(pass(9 * MS), 0);
    CHECK_EQ_I64(pass(1 * MS), 2);
    is_msg(0, AATS_OM_ACK, 0, 1);
    CHECK_STR(got[0].remote_id, "P1");
    is_msg(1, AATS_OM_DONE, AATS_OC_IOC_REST, 1);
    CHECK_EQ_I64(got[1].cum_qty_i, 0);
    CHECK_EQ_I64(got[0].venue_ns, got[0].recv_ns - 10 * MS);
    CHECK_EQ_I64(gw.next_mono_ns(gw.self), INT64_MAX);
    close_paper();
}

TEST(a_fill_carries_price_size_fee_and_side_of_the_market)
{
    open_paper(0);
    pass(0);
    quote(10000, 5000, 10001, 700);
    place(1, BUY, IOC, 10002, 1000);
    CHECK_EQ_I64(pass(0), 3);
    is_msg(1, AATS_OM_FILL, 0, 1);
    CHECK_EQ_I64(got[1].px_i, 10001);
    CHECK_EQ_I64(got[1].qty_i, 700);
    CHECK_EQ_I64(got[1].cum_qty_i, 700);
    CHECK_EQ_U64(got[1].liquidity, AATS_LIQ_TAKER);
    CHECK_STR(got[1].fee_asset, "BTC");
    CHECK_EQ_I64(got[1].fee_i, 70000); /* 0.1 % of 0.7 at 1e-8 */
    CHECK_EQ_I64(got[1].fee_exp, -8);
    is_msg(2, AATS_OM_DONE, AATS_OC_IOC_REST, 1);

    place(2, SELL, GTC, 10003, 1000);
    CHECK_EQ_I64(pass(0), 1);
    tick(BUY, 10004, 1500);
    CHECK_EQ_I64(pass(0), 1); /* a whole fill needs no DONE */
    is_msg(0, AATS_OM_FILL, 0, 2);
    CHECK_EQ_I64(got[0].px_i, 10003);
    CHECK_EQ_U64(got[0].liquidity, AATS_LIQ_MAKER);
    CHECK_STR(got[0].fee_asset, "USDT");
    CHECK_EQ_I64(got[0].fee_i, 10003000); /* 0.1 % of 100.03 */
    CHECK(got[0].trade_id != 0);
    close_paper();
}

static void open_contract(int inverse, int contract_exp, int64_t contract_i)
{
    open_paper(MS);
    rules.derivative = 1, rules.inverse = (uint32_t)inverse, rules.contract_i = contract_i, rules.contract_exp = contract_exp;
    strcpy(rules.settle, inverse ? "BTC" : "USDT");
    CHECK_EQ_I64(aats_paper_symbol(gw.self, 1, &rules), AATS_OK);
    aats_level_t const bid[1] = {{6000000, 100000}}, ask[1] = {{6100000, 100000}};
    pass(MS);
    gw.quote(gw.self, 1, bid, 1, ask, 1, 1, 5000 * MS + mono_ns);
}

static void contract_order(int64_t id, int side, int tif, int64_t px_i, int64_t qty_i, uint32_t flags)
{
    char msg[160] = "";
    aats_machine_t m = machine(id, side, tif, px_i, qty_i);
    m.o.sym = 1, m.o.flags = flags;
    CHECK_EQ_I64(gw.place(gw.self, &m, &rules, msg, sizeof msg), AATS_OK);
}

/* 3 contracts of 0.01 BTC at 61000: 1830 USDT, of which 0.1 % is 1.83; bought or sold, it is paid in what the contract settles in. */
TEST(a_fee_of_a_contract_is_a_part_of_its_worth_in_what_it_settles_in)
{
    open_contract(0, -2, 1);
    contract_order(1, AATS_SIDE_BUY, AATS_TIF_IOC, 6100000, 3000, 0);
    pass(MS);
    REQUIRE(pass(MS) == 2);
    CHECK_EQ_I64(got[1].fee_i, 183000000);
    CHECK_STR(got[1].fee_asset, "USDT");
    close_paper();
    open_contract(1, 2, 1); /* 3 contracts of 100 USD: 300 / 61000 BTC, 0.1 %, rounded up */
    contract_order(1, AATS_SIDE_BUY, AATS_TIF_IOC, 6100000, 3000, 0);
    pass(MS);
    REQUIRE(pass(MS) == 2);
    CHECK_EQ_I64(got[1].fee_i, 492);
    CHECK_STR(got[1].fee_asset, "BTC");
    close_paper();
}

TEST(an_order_that_may_only_reduce_never_turns_a_position)
{
    open_contract(0, -2, 1);
    contract_order(1, AATS_SIDE_SELL, AATS_TIF_IOC, 6000000, 1000, AATS_OF_REDUCE);
    pass(MS);
    REQUIRE(pass(MS) == 1);
    CHECK_EQ_U64(got[0].kind, AATS_OM_REJECT);
    CHECK_EQ_U64(got[0].code, AATS_OC_REDUCE_ONLY);
    contract_order(2, AATS_SIDE_BUY, AATS_TIF_IOC, 6100000, 3000, 0);
    pass(MS), pass(MS);
    contract_order(3, AATS_SIDE_SELL, AATS_TIF_IOC, 6000000, 4000, AATS_OF_REDUCE);
    contract_order(4, AATS_SIDE_BUY, AATS_TIF_IOC, 6100000, 1000, AATS_OF_REDUCE);
    contract_order(5, AATS_SIDE_SELL, AATS_TIF_GTC, 6200000, 3000, AATS_OF_REDUCE);
    pass(MS);
    REQUIRE(pass(MS) == 3);
    CHECK_EQ_U64(got[0].code, AATS_OC_REDUCE_ONLY);
    CHECK_EQ_U64(got[1].code, AATS_OC_REDUCE_ONLY);
    CHECK_EQ_U64(got[2].kind, AATS_OM_ACK);
    contract_order(6, AATS_SIDE_SELL, AATS_TIF_IOC, 6000000, 1000, AATS_OF_REDUCE);
    pass(MS);
    REQUIRE(pass(MS) == 3); /* with 2 left, the one of 3 that rests could turn it */
    CHECK_EQ_U64(got[1].kind, AATS_OM_FILL);
    CHECK_EQ_U64(got[2].kind, AATS_OM_DONE);
    CHECK_EQ_U64(got[2].code, AATS_OC_CANCELED_OTHER);
    CHECK_EQ_I64(got[2].order_id, 5);
    close_paper();
}

TEST(a_cancel_sent_with_its_order_comes_after_it)
{
    open_paper(10 * MS);
    pass(0);
    quote(10000, 5000, 10001, 5000);
    aats_machine_t m = place(1, BUY, GTC, 9999, 1000);
    CHECK_EQ_I64(gw.cancel(gw.self, &m, &rules), AATS_OK);
    CHECK_EQ_I64(pass(10 * MS), 0);
    CHECK_EQ_I64(pass(10 * MS), 3);
    is_msg(0, AATS_OM_ACK, 0, 1);
    is_msg(1, AATS_OM_CANCEL_ACK, 0, 1);
    is_msg(2, AATS_OM_DONE, AATS_OC_CANCELED, 1);
    CHECK_EQ_I64(got[2].cum_qty_i, 0);

    no_quote();
    m = place(2, BUY, GTC, 9999, 1000);
    pass(10 * MS);
    CHECK_EQ_I64(gw.cancel(gw.self, &m, &rules), AATS_OK); /* one that waits for a valid book */
    pass(10 * MS);
    CHECK_EQ_I64(pass(10 * MS), 2);
    is_msg(0, AATS_OM_CANCEL_ACK, 0, 2);
    is_msg(1, AATS_OM_DONE, AATS_OC_CANCELED, 2);
    quote(10000, 5000, 10001, 5000);
    CHECK_EQ_I64(pass(30 * MS), 0);
    close_paper();
}

TEST(fok_and_market_that_cannot_be_filled_expire)
{
    open_paper(0);
    pass(0);
    quote(10000, 5000, 10001, 500);
    place(1, BUY, FOK, 10001, 501);
    CHECK_EQ_I64(pass(0), 2);
    is_msg(1, AATS_OM_DONE, AATS_OC_EXPIRED, 1);
    place(2, BUY, MKT, 0, 501);
    CHECK_EQ_I64(pass(0), 3);
    is_msg(2, AATS_OM_DONE, AATS_OC_EXPIRED, 2);
    CHECK_EQ_I64(got[2].cum_qty_i, 500);
    close_paper();
}

TEST(own_orders_do_not_trade_with_each_other)
{
    open_paper(0);
    pass(0);
    quote(10000, 5000, 10010, 5000);
    place(1, BUY, GTC, 10005, 1000);
    place(2, SELL, GTC, 10004, 1000);
    CHECK_EQ_I64(pass(0), 3);
    is_msg(0, AATS_OM_ACK, 0, 1);
    is_msg(1, AATS_OM_ACK, 0, 2);
    is_msg(2, AATS_OM_DONE, AATS_OC_SELF_TRADE, 1);
    close_paper();
}

TEST(asking_repeats_how_things_stand)
{
    open_paper(0);
    pass(0);
    quote(10000, 5000, 10010, 5000);
    aats_machine_t m = place(1, BUY, GTC, 10005, 1000);
    pass(0);
    tick(SELL, 10005, 300);
    CHECK_EQ_I64(pass(0), 1);
    gw.ask(gw.self, &m, &rules);
    CHECK_EQ_I64(pass(0), 1);
    is_msg(0, AATS_OM_OPEN, 0, 1);
    CHECK_EQ_I64(got[0].cum_qty_i, 300);
    gw.cancel(gw.self, &m, &rules);
    pass(0);
    gw.ask(gw.self, &m, &rules);
    CHECK_EQ_I64(pass(0), 1);
    is_msg(0, AATS_OM_DONE, AATS_OC_CANCELED, 1);
    CHECK_EQ_I64(got[0].cum_qty_i, 300);
    gw.gone(gw.self, &m);
    gw.ask(gw.self, &m, &rules);
    CHECK_EQ_I64(pass(0), 1);
    is_msg(0, AATS_OM_ABSENT, 0, 1);
    close_paper();
}

TEST(verified_when_nothing_rests)
{
    open_paper(MS);
    pass(0);
    quote(10000, 5000, 10010, 5000);
    aats_machine_t m = place(1, BUY, GTC, 10005, 1000);
    gw.verify(gw.self);
    pass(MS);
    CHECK_EQ_I64(pass(5 * MS), 1);
    is_msg(0, AATS_OM_ACK, 0, 1);
    gw.cancel(gw.self, &m, &rules);
    pass(MS);
    CHECK_EQ_I64(pass(MS), 3);
    is_msg(2, AATS_OM_READY, 0, 0); /* after the order's end */
    CHECK_EQ_I64(pass(5 * MS), 0);
    close_paper();
}

TEST(an_order_forgotten_while_it_lives_leaves_nothing_behind)
{
    open_paper(0);
    pass(0);
    quote(10000, 5000, 10010, 5000);
    aats_machine_t resting = place(1, BUY, GTC, 10005, 1000);
    pass(0);
    no_quote();
    aats_machine_t held = place(2, BUY, GTC, 10005, 1000);
    pass(0);
    aats_machine_t travels = place(3, BUY, GTC, 10005, 1000);
    gw.gone(gw.self, &resting), gw.gone(gw.self, &held), gw.gone(gw.self, &travels);
    gw.verify(gw.self);
    CHECK_EQ_I64(pass(0), 1);
    is_msg(0, AATS_OM_READY, 0, 0);
    quote(10000, 5000, 10010, 5000);
    tick(SELL, 9000, 100000);
    CHECK_EQ_I64(pass(0), 0);
    close_paper();
}

RUN_ALL()
