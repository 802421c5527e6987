/* test_match.c -- the matching engine: what is refused, who is filled first, how much, at which price and fee. */
#include "check.h"
#include "match/match.h"

enum { OUT = 0, ME = 1, YOU = 2 }; /* owners */

/* A bench: an engine with prices at 1e-2, sizes at 1e-3, fees at 1e-8, and the last events that it gave. */
static aats_match_t *engine;
static aats_match_ev_t ev[64];
static int ev_cnt;

static void open_engine(void) { engine = aats_match_new(-2, -3, -8), ev_cnt = 0; }
static void close_engine(void) { aats_match_free(engine), engine = NULL; }

static int drain(void)
{
    for (ev_cnt = 0; ev_cnt < 64 && aats_match_next(engine, &ev[ev_cnt]);) ev_cnt++;
    return ev_cnt;
}

static aats_match_order_t order(uint64_t id, int side, int tif, int64_t px_i, int64_t qty_i)
{
    return (aats_match_order_t){.id = id, .owner = ME, .side = (uint32_t)side, .tif = (uint32_t)tif, .px_i = px_i, .qty_i = qty_i};
}

static int put(aats_match_order_t o)
{
    CHECK_EQ_I64(aats_match_place(engine, &o, 1), AATS_OK);
    return drain();
}

static int place(uint64_t id, int side, int tif, int64_t px_i, int64_t qty_i) { return put(order(id, side, tif, px_i, qty_i)); }

static int place_of(uint64_t owner, uint64_t id, int side, int tif, int64_t px_i, int64_t qty_i)
{
    aats_match_order_t o = order(id, side, tif, px_i, qty_i);
    o.owner = owner;
    return put(o);
}

static void level(int side, int64_t px_i, int64_t qty_i) { CHECK_EQ_I64(aats_match_level(engine, side, px_i, qty_i, 1), AATS_OK); }

static void is_event(int at, uint32_t kind, uint64_t id, int64_t px_i, int64_t qty_i, int64_t leaves_i)
{
    CHECK_MSG(at < ev_cnt, "event %d of %d", at, ev_cnt);
    if (at >= ev_cnt) return;
    CHECK_EQ_U64(ev[at].kind, kind);
    CHECK_EQ_U64(ev[at].id, id);
    CHECK_EQ_I64(ev[at].px_i, px_i);
    CHECK_EQ_I64(ev[at].qty_i, qty_i);
    CHECK_EQ_I64(ev[at].leaves_i, leaves_i);
}

enum { BUY = AATS_SIDE_BUY, SELL = AATS_SIDE_SELL };
enum { IOC = AATS_TIF_IOC, POS = AATS_TIF_POS, GTC = AATS_TIF_GTC, FOK = AATS_TIF_FOK, MKT = AATS_TIF_MARKET };

/* ---- refusals ---- */

TEST(an_order_that_is_none_is_refused_with_one_event)
{
    open_engine();
    aats_match_order_t bad[12];
    for (int i = 0; i < 12; i++) bad[i] = order(7, BUY, GTC, 100, 5);
    bad[0].side = 0, bad[1].side = 3, bad[2].tif = 0, bad[3].tif = 6, bad[4].stp = 5, bad[5].px_i = 0, bad[6].px_i = -1;
    bad[7].qty_i = 0, bad[8].qty_i = -5;
    bad[9].taker_rate_i = 100000001, bad[10].maker_rate_i = -100000001;
    bad[11].tif = MKT, bad[11].qty_i = 0;
    for (int i = 0; i < 12; i++) {
        CHECK_EQ_I64(put(bad[i]), 1);
        CHECK_EQ_U64(ev[0].kind, AATS_ME_REJECTED);
        CHECK_EQ_U64(ev[0].why, AATS_MR_BAD);
    }
    CHECK_EQ_U64(aats_match_open_cnt(engine), 0);
    close_engine();
}

TEST(an_id_that_rests_is_refused_and_free_again_when_it_has_ended)
{
    open_engine();
    place(7, BUY, GTC, 100, 5);
    CHECK_EQ_I64(place(7, SELL, GTC, 200, 5), 1);
    CHECK_EQ_U64(ev[0].why, AATS_MR_DUPLICATE);
    CHECK_EQ_I64(aats_match_cancel(engine, 7, 1), AATS_OK);
    drain();
    place(7, SELL, GTC, 200, 5);
    is_event(0, AATS_ME_NEW, 7, 200, 5, 5);
    close_engine();
}

TEST(post_only_never_takes)
{
    open_engine();
    level(AATS_ASK, 101, 5);
    CHECK_EQ_I64(place(1, BUY, POS, 101, 5), 1);
    CHECK_EQ_U64(ev[0].kind, AATS_ME_REJECTED);
    CHECK_EQ_U64(ev[0].why, AATS_MR_WOULD_CROSS);
    CHECK_EQ_I64(place(2, BUY, POS, 100, 5), 1);
    is_event(0, AATS_ME_NEW, 2, 100, 5, 5);
    CHECK_EQ_I64(place_of(YOU, 3, SELL, POS, 100, 5), 1); /* an own order is liquidity too */
    CHECK_EQ_U64(ev[0].why, AATS_MR_WOULD_CROSS);
    close_engine();
}

TEST(words_about_the_public_that_cannot_be_are_refused)
{
    aats_level_t const rising[2] = {{100, 1}, {101, 1}}, same[2] = {{100, 1}, {100, 2}}, zero[1] = {{100, 0}};
    open_engine();
    CHECK_EQ_I64(aats_match_level(engine, 2, 100, 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_level(engine, AATS_BID, 0, 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_level(engine, AATS_BID, 100, -1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_book(engine, rising, 2, NULL, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_book(engine, same, 2, NULL, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_book(engine, NULL, 0, zero, 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_trade(engine, 0, 100, 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_trade(engine, BUY, 0, 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_trade(engine, BUY, 100, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_cancel(engine, 1, 1), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_match_reduce(engine, 1, 1, 1), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), AATS_E_UNKNOWN);
    CHECK_EQ_I64(drain(), 0);
    CHECK(aats_match_new(1, 0, 0) == NULL);
    CHECK(aats_match_new(0, -19, 0) == NULL);
    close_engine();
}

/* ---- the queue ---- */

TEST(the_public_ahead_is_filled_first_then_own_by_time)
{
    open_engine();
    level(AATS_BID, 100, 5);
    place(1, BUY, GTC, 100, 1);
    level(AATS_BID, 100, 7);
    place_of(YOU, 2, BUY, GTC, 100, 3);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 5);
    CHECK_EQ_I64(aats_match_ahead(engine, 2), 7);
    CHECK_EQ_I64(aats_match_own(engine, AATS_BID, 100), 4);

    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 5, 2), 0);
    CHECK_EQ_I64(drain(), 0);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 4, 3), 2); /* own 1, public 2, own 1 of 3 */
    drain();
    is_event(0, AATS_ME_TRADE, 1, 100, 1, 0);
    is_event(1, AATS_ME_TRADE, 2, 100, 1, 2);
    CHECK_EQ_U64(ev[0].maker, 1);
    CHECK_EQ_U64(ev[0].other, 0);
    CHECK_EQ_U64(ev[1].trade_no, ev[0].trade_no + 1);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 100), 0);
    close_engine();
}

TEST(a_level_that_shrinks_is_taken_from_behind)
{
    open_engine();
    level(AATS_ASK, 100, 10);
    place(1, SELL, GTC, 100, 5);
    level(AATS_ASK, 100, 30);
    level(AATS_ASK, 100, 12);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 10);
    level(AATS_ASK, 100, 4);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 4);
    level(AATS_ASK, 100, 0);
    level(AATS_ASK, 100, 9);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 0);
    CHECK_EQ_I64(aats_match_trade(engine, BUY, 100, 2, 2), 2);
    close_engine();
}

TEST(a_trade_and_the_level_that_shows_it_count_once)
{
    open_engine();
    level(AATS_BID, 100, 10);
    place(1, BUY, GTC, 100, 5);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 4, 2), 0);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 100), 6);
    level(AATS_BID, 100, 6);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 6);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 100), 6);
    close_engine();
}

TEST(a_late_trade_takes_nothing_that_the_level_has_taken_already)
{
    open_engine();
    aats_match_late(engine, 100);
    level(AATS_BID, 100, 10);
    place(1, BUY, GTC, 100, 5);
    level(AATS_BID, 100, 4); /* 6 gone, and the trade of 6 comes after it */
    place(2, BUY, GTC, 100, 5);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 6, 50), 0);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 4);
    CHECK_EQ_I64(aats_match_ahead(engine, 2), 4);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 5, 60), 1);
    level(AATS_BID, 100, 20);
    level(AATS_BID, 100, 1); /* a cancel: no trade comes in time */
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 2, 5000), 2);
    close_engine();
}

TEST(an_own_order_at_a_better_price_than_the_trade_is_filled_first_at_its_own)
{
    open_engine();
    level(AATS_BID, 100, 10);
    level(AATS_ASK, 110, 10);
    place(1, BUY, GTC, 105, 3);
    place(2, BUY, GTC, 103, 3);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 5, 2), 5);
    drain();
    is_event(0, AATS_ME_TRADE, 1, 105, 3, 0);
    is_event(1, AATS_ME_TRADE, 2, 103, 2, 1);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 100), 10);
    close_engine();
}

TEST(a_level_that_comes_through_an_own_order_fills_it_once)
{
    open_engine();
    place(1, BUY, GTC, 100, 5);
    place(2, BUY, GTC, 101, 2);
    level(AATS_ASK, 99, 4);
    drain();
    is_event(0, AATS_ME_TRADE, 2, 101, 2, 0);
    is_event(1, AATS_ME_TRADE, 1, 100, 2, 3);
    level(AATS_ASK, 99, 4);
    CHECK_EQ_I64(drain(), 0);
    level(AATS_ASK, 99, 5);
    drain();
    is_event(0, AATS_ME_TRADE, 1, 100, 1, 2);
    level(AATS_ASK, 99, 3); /* 2 of the 5 that were used are gone: 3 stay used */
    level(AATS_ASK, 99, 4);
    drain();
    is_event(0, AATS_ME_TRADE, 1, 100, 1, 1);
    level(AATS_ASK, 99, 0);
    level(AATS_ASK, 99, 1);
    drain();
    is_event(0, AATS_ME_TRADE, 1, 100, 1, 0);
    close_engine();
}

/* ---- takers ---- */

TEST(a_taker_gets_the_makers_price_by_price_then_time)
{
    open_engine();
    level(AATS_ASK, 101, 2);
    place_of(YOU, 1, SELL, GTC, 101, 1);
    level(AATS_ASK, 101, 4);
    place_of(YOU, 2, SELL, GTC, 100, 1);
    level(AATS_ASK, 102, 9);
    CHECK_EQ_I64(place(9, BUY, GTC, 101, 10), 1 + 2 + 1 + 2 + 1);
    is_event(0, AATS_ME_NEW, 9, 101, 10, 10);
    is_event(1, AATS_ME_TRADE, 9, 100, 1, 9);
    is_event(2, AATS_ME_TRADE, 2, 100, 1, 0);
    is_event(3, AATS_ME_TRADE, 9, 101, 2, 7);
    is_event(4, AATS_ME_TRADE, 9, 101, 1, 6);
    is_event(5, AATS_ME_TRADE, 1, 101, 1, 0);
    is_event(6, AATS_ME_TRADE, 9, 101, 2, 4);
    CHECK_EQ_U64(ev[1].trade_no, ev[2].trade_no);
    CHECK_EQ_U64(ev[1].other, 2);
    CHECK_EQ_U64(ev[2].other, 9);
    CHECK_EQ_U64(ev[3].other, 0);
    CHECK_EQ_I64(ev[6].cum_qty_i, 6);
    CHECK_EQ_U64(ev[6].cum_notional.lo, 100 + 5 * 101);
    CHECK_EQ_I64(aats_match_own(engine, AATS_BID, 101), 4);
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 101), 0);
    close_engine();
}

TEST(what_was_taken_of_a_level_is_not_given_twice)
{
    open_engine();
    level(AATS_ASK, 100, 10);
    place(1, BUY, IOC, 100, 6);
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 100), 4);
    level(AATS_ASK, 100, 10); /* told again: it still shows */
    place(2, BUY, IOC, 100, 10);
    is_event(1, AATS_ME_TRADE, 2, 100, 4, 6);
    is_event(2, AATS_ME_EXPIRED, 2, 100, 6, 0);
    level(AATS_ASK, 100, 12);
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 100), 2);
    level(AATS_ASK, 100, 5); /* shrunk by 7: so much of the taken 10 is gone for good */
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 100), 2);
    CHECK_EQ_I64(aats_match_trade(engine, BUY, 100, 1, 2), 0);
    level(AATS_ASK, 100, 4); /* shrunk by the public trade, not by ours */
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 100), 1);
    level(AATS_ASK, 100, 0);
    level(AATS_ASK, 100, 3);
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 100), 3);
    close_engine();
}

TEST(fok_is_filled_whole_or_not_at_all)
{
    open_engine();
    level(AATS_ASK, 100, 5);
    level(AATS_ASK, 101, 5);
    place_of(YOU, 1, SELL, GTC, 101, 2);
    CHECK_EQ_I64(place(2, BUY, FOK, 101, 13), 2);
    is_event(0, AATS_ME_NEW, 2, 101, 13, 13);
    is_event(1, AATS_ME_EXPIRED, 2, 101, 13, 0);
    CHECK_EQ_U64(ev[1].why, AATS_MR_FOK);
    CHECK_EQ_I64(place(3, BUY, FOK, 100, 6), 2);
    CHECK_EQ_U64(ev[1].why, AATS_MR_FOK);
    CHECK_EQ_I64(aats_match_public(engine, AATS_ASK, 100), 5);
    place(4, BUY, FOK, 101, 12);
    CHECK_EQ_I64(ev[ev_cnt - 2].cum_qty_i, 12);
    CHECK_EQ_I64(ev[ev_cnt - 2].leaves_i, 0);
    close_engine();
}

TEST(ioc_and_market_never_rest)
{
    open_engine();
    level(AATS_BID, 100, 3);
    place(1, SELL, IOC, 100, 5);
    is_event(2, AATS_ME_EXPIRED, 1, 100, 2, 0);
    CHECK_EQ_U64(ev[2].why, AATS_MR_REST);
    place(2, SELL, MKT, 0, 5);
    is_event(1, AATS_ME_EXPIRED, 2, 0, 5, 0);
    CHECK_EQ_U64(ev[1].why, AATS_MR_NO_LIQUIDITY);
    CHECK_EQ_U64(aats_match_open_cnt(engine), 0);
    close_engine();
}

TEST(market_by_quote_spends_what_it_may_in_whole_lots)
{
    open_engine();
    level(AATS_ASK, 10000, 1000); /* 1.000 at 100.00 */
    level(AATS_ASK, 20000, 9000);
    aats_match_order_t o = order(1, BUY, MKT, 0, 0);
    o.quote_i = 45055, o.lot_i = 10; /* 450.55: 1 at 100, then 350.55 / 200 = 1.75275 -> 1.750 */
    CHECK_EQ_I64(put(o), 3);
    is_event(1, AATS_ME_TRADE, 1, 10000, 1000, 3500); /* the rest would get 3.5055 -> 3.500 at this price */
    is_event(2, AATS_ME_TRADE, 1, 20000, 1750, 0);
    o.quote_i = 150, o.id = 2; /* 1.50 buys less than 0.010 at 200 */
    CHECK_EQ_I64(put(o), 2);
    is_event(1, AATS_ME_EXPIRED, 2, 0, 0, 0);
    CHECK_EQ_U64(ev[1].why, AATS_MR_REST);
    o.quote_i = INT64_MAX, o.id = 3;
    CHECK_EQ_I64(put(o), 3);
    CHECK_EQ_U64(ev[2].why, AATS_MR_NO_LIQUIDITY);
    level(AATS_ASK, 10000, 0);
    level(AATS_ASK, 20000, 0);
    level(AATS_ASK, 10000, 500); /* the last of the budget does not buy a lot at the next price: filled all the same */
    level(AATS_ASK, 20000, 500);
    o.quote_i = 5150, o.id = 4;
    CHECK_EQ_I64(put(o), 2);
    is_event(1, AATS_ME_TRADE, 4, 10000, 500, 0);
    close_engine();
}

/* ---- self-trade prevention ---- */

static void meet_oneself(uint32_t stp, int64_t maker_qty_i, int64_t taker_qty_i)
{
    open_engine();
    place(1, SELL, GTC, 100, maker_qty_i);
    level(AATS_ASK, 101, 9);
    aats_match_order_t o = order(2, BUY, GTC, 101, taker_qty_i);
    o.stp = stp;
    put(o);
}

TEST(self_trade_prevention_none_trades_with_oneself)
{
    meet_oneself(AATS_STP_NONE, 3, 5);
    is_event(1, AATS_ME_TRADE, 2, 100, 3, 2);
    is_event(2, AATS_ME_TRADE, 1, 100, 3, 0);
    CHECK_EQ_U64(ev[1].trade_no, ev[2].trade_no);
    close_engine();
}

TEST(self_trade_prevention_expires_whom_its_mode_names)
{
    meet_oneself(AATS_STP_EXPIRE_TAKER, 3, 5);
    CHECK_EQ_I64(ev_cnt, 2);
    is_event(1, AATS_ME_EXPIRED, 2, 101, 5, 0);
    CHECK_EQ_U64(ev[1].why, AATS_MR_STP);
    CHECK_EQ_I64(aats_match_own(engine, AATS_ASK, 100), 3);
    close_engine();

    meet_oneself(AATS_STP_EXPIRE_MAKER, 3, 5);
    is_event(1, AATS_ME_EXPIRED, 1, 100, 3, 0);
    is_event(2, AATS_ME_TRADE, 2, 101, 5, 0);
    close_engine();

    meet_oneself(AATS_STP_EXPIRE_BOTH, 3, 5);
    CHECK_EQ_I64(ev_cnt, 3);
    is_event(1, AATS_ME_EXPIRED, 1, 100, 3, 0);
    is_event(2, AATS_ME_EXPIRED, 2, 101, 5, 0);
    CHECK_EQ_U64(aats_match_open_cnt(engine), 0);
    close_engine();
}

TEST(self_trade_prevention_decrement_takes_the_smaller_off_both)
{
    meet_oneself(AATS_STP_DECREMENT, 3, 5);
    is_event(1, AATS_ME_EXPIRED, 1, 100, 3, 0);
    is_event(2, AATS_ME_REDUCED, 2, 101, 3, 2);
    is_event(3, AATS_ME_TRADE, 2, 101, 2, 0);
    close_engine();

    meet_oneself(AATS_STP_DECREMENT, 5, 3);
    is_event(1, AATS_ME_REDUCED, 1, 100, 3, 2);
    is_event(2, AATS_ME_EXPIRED, 2, 101, 3, 0);
    CHECK_EQ_I64(ev_cnt, 3);
    close_engine();

    meet_oneself(AATS_STP_DECREMENT, 3, 3);
    is_event(1, AATS_ME_EXPIRED, 1, 100, 3, 0);
    is_event(2, AATS_ME_EXPIRED, 2, 101, 3, 0);
    close_engine();
}

TEST(fok_does_not_count_what_self_trade_prevention_keeps_from_it)
{
    static uint32_t const MODES[4] = {AATS_STP_EXPIRE_TAKER, AATS_STP_EXPIRE_MAKER, AATS_STP_EXPIRE_BOTH, AATS_STP_DECREMENT};
    for (int i = 0; i < 4; i++) {
        open_engine();
        place(1, SELL, GTC, 100, 3);
        level(AATS_ASK, 101, 4);
        aats_match_order_t o = order(2, BUY, FOK, 101, 5);
        o.stp = MODES[i];
        put(o);
        CHECK_EQ_I64(ev_cnt, 2);
        CHECK_EQ_U64(ev[1].why, AATS_MR_FOK);
        o.id = 3, o.qty_i = 4;
        put(o); /* only where the maker goes away is the level behind it reached */
        CHECK_EQ_U64(ev[ev_cnt - 1].kind, MODES[i] == AATS_STP_EXPIRE_MAKER ? AATS_ME_TRADE : AATS_ME_EXPIRED);
        close_engine();
    }
}

/* ---- fees, cancels, what is not known ---- */

TEST(fees_are_exact_in_the_received_asset_and_rounded_down)
{
    open_engine();
    level(AATS_ASK, 333, 7);
    aats_match_order_t o = order(1, BUY, IOC, 333, 7);
    o.taker_rate_i = 99999; /* 0.00099999 x 0.007 = 0.00000699993 */
    put(o);
    CHECK_EQ_I64(ev[1].fee_i, 699);
    CHECK_EQ_U64(ev[1].fee_in_base, 1);
    CHECK_EQ_U64(ev[1].maker, 0);
    o = order(2, SELL, GTC, 333, 7);
    o.maker_rate_i = 75001, o.taker_rate_i = 1; /* 3.33 x 0.007 x 0.00075001 = 0.0000174827331 */
    put(o);
    CHECK_EQ_I64(aats_match_trade(engine, BUY, 333, 7, 1), 7); /* the public 7 before it were taken by order 1 */
    drain();
    CHECK_EQ_I64(ev[0].fee_i, 1748);
    CHECK_EQ_U64(ev[0].fee_in_base, 0);
    o = order(3, BUY, GTC, 332, 7);
    o.maker_rate_i = -99999; /* a rebate is rounded down too: 0.00000699 */
    put(o);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 332, 7, 1), 7);
    drain();
    CHECK_EQ_I64(ev[0].fee_i, -699);
    close_engine();

    engine = aats_match_new(-2, -3, -4); /* fees coarser than what they are of: 9.99 x 9.999 x 0.00099999 = 0.0998890... */
    level(AATS_BID, 999, 9999);
    o = order(4, SELL, IOC, 999, 9999);
    o.taker_rate_i = 99999;
    put(o);
    CHECK_EQ_I64(ev[1].fee_i, 998);
    close_engine();
}

TEST(the_largest_numbers_overflow_nothing)
{
    engine = aats_match_new(-8, -8, -18);
    level(AATS_BID, INT64_MAX, INT64_MAX);
    aats_match_order_t o = order(1, SELL, IOC, 1, INT64_MAX);
    o.taker_rate_i = 100000000;
    put(o);
    is_event(1, AATS_ME_TRADE, 1, INT64_MAX, INT64_MAX, 0);
    CHECK_EQ_I64(ev[1].fee_i, INT64_MAX);
    place(2, SELL, GTC, INT64_MAX, INT64_MAX);
    place(3, SELL, GTC, INT64_MAX, INT64_MAX);
    CHECK_EQ_I64(aats_match_own(engine, AATS_ASK, INT64_MAX), INT64_MAX);
    level(AATS_ASK, INT64_MAX, INT64_MAX);
    int64_t px_i, qty_i;
    CHECK_EQ_I64(aats_match_best(engine, AATS_ASK, &px_i, &qty_i), 1);
    CHECK_EQ_I64(qty_i, INT64_MAX);
    CHECK_EQ_I64(aats_match_trade(engine, BUY, INT64_MAX, INT64_MAX, 1), INT64_MAX);
    close_engine();
}

TEST(cancel_gives_back_what_was_left_and_reduce_keeps_the_place)
{
    open_engine();
    level(AATS_BID, 100, 4);
    place(1, BUY, GTC, 100, 5);
    place_of(YOU, 2, BUY, GTC, 100, 5);
    CHECK_EQ_I64(aats_match_reduce(engine, 1, 5, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_reduce(engine, 1, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_match_reduce(engine, 1, 3, 1), AATS_OK);
    drain();
    is_event(0, AATS_ME_REDUCED, 1, 100, 2, 3);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 100, 8, 1), 4);
    drain();
    is_event(0, AATS_ME_TRADE, 1, 100, 3, 0);
    is_event(1, AATS_ME_TRADE, 2, 100, 1, 4);
    CHECK_EQ_I64(aats_match_reduce(engine, 2, 1, 1), AATS_E_ARG); /* filled already */
    CHECK_EQ_I64(aats_match_cancel(engine, 2, 1), AATS_OK);
    drain();
    is_event(0, AATS_ME_CANCELED, 2, 100, 4, 0);
    CHECK_EQ_I64(aats_match_cancel(engine, 2, 1), AATS_E_UNKNOWN);
    close_engine();
}

TEST(a_book_replaces_what_lies_within_it_and_keeps_quiet_about_the_rest)
{
    aats_level_t const bids[3] = {{100, 5}, {99, 5}, {95, 5}}, asks[2] = {{101, 5}, {103, 5}};
    aats_level_t const bids2[2] = {{100, 5}, {98, 2}};
    open_engine();
    CHECK_EQ_I64(aats_match_book(engine, bids, 3, asks, 2, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_book(engine, bids2, 2, asks, 2, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 99), 0);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 98), 2);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 95), 0); /* not known any more: nobody takes there */
    place(1, SELL, IOC, 90, 100);
    CHECK_EQ_I64(ev[ev_cnt - 1].cum_qty_i, 7);
    CHECK_EQ_I64(aats_match_book(engine, bids, 3, asks, 2, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 95), 5);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 100), 0); /* taken, and told the same again */
    CHECK_EQ_I64(aats_match_book(engine, NULL, 0, asks, 2, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 95), 0);
    close_engine();
}

TEST(an_order_beyond_the_published_levels_is_behind_all_that_will_be_told_there)
{
    aats_level_t const bids[2] = {{100, 5}, {99, 5}}, low[2] = {{95, 8}, {94, 5}}, asks[1] = {{110, 5}};
    open_engine();
    CHECK_EQ_I64(aats_match_book(engine, bids, 2, asks, 1, 1), AATS_OK);
    place(1, BUY, GTC, 95, 3);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), INT64_MAX);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 95, 100, 1), 0);
    CHECK_EQ_I64(aats_match_book(engine, low, 2, asks, 1, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 8);
    aats_match_clear(engine);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 8);
    CHECK_EQ_I64(aats_match_would_take(engine, BUY, 1000), 0);
    CHECK_EQ_I64(aats_match_book(engine, bids, 2, asks, 1, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_ahead(engine, 1), 8);
    CHECK_EQ_I64(aats_match_trade(engine, SELL, 94, 2, 1), 2);
    close_engine();
}

TEST(a_book_of_the_best_prices_leaves_alone_what_single_levels_have_told)
{
    aats_level_t const bids[1] = {{98, 3}}, asks[1] = {{101, 5}};
    open_engine();
    for (int i = 0; i < 4; i++) level(AATS_BID, 100 - i, 5);
    CHECK_EQ_I64(aats_match_book(engine, bids, 1, asks, 1, 1), AATS_OK);
    CHECK_EQ_I64(aats_match_public(engine, AATS_BID, 99), 0);
    place(1, SELL, IOC, 97, 10);
    is_event(1, AATS_ME_TRADE, 1, 98, 3, 7);
    is_event(2, AATS_ME_TRADE, 1, 97, 5, 2);
    place(2, BUY, GTC, 97, 10);
    CHECK_EQ_I64(aats_match_ahead(engine, 2), 0);
    close_engine();
}

/* ---- many ---- */

TEST(a_thousand_orders_are_filled_by_price_then_time)
{
    enum { N = 1000 };
    open_engine();
    for (uint64_t i = 0; i < N; i++) {
        aats_match_order_t o = order(i + 1, SELL, GTC, 1000 + (int64_t)(i * 7919 % 10), 1);
        CHECK_EQ_I64(aats_match_place(engine, &o, 1), AATS_OK);
    }
    aats_match_order_t o = order(N + 1, BUY, IOC, 2000, N);
    CHECK_EQ_I64(aats_match_place(engine, &o, 1), AATS_OK);
    aats_match_ev_t e;
    int64_t px_i = 0, cnt = 0;
    uint64_t id = 0;
    while (aats_match_next(engine, &e)) {
        if (e.kind != AATS_ME_TRADE || e.maker == 0) continue;
        CHECK(e.px_i > px_i || (e.px_i == px_i && e.id > id));
        px_i = e.px_i, id = e.id, cnt++;
    }
    CHECK_EQ_I64(cnt, N);
    CHECK_EQ_U64(aats_match_open_cnt(engine), 0);
    close_engine();
}

RUN_ALL()
