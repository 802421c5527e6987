/* test_trader_session.c -- a trader's cancels, its connections and its leaving, and what readers of its segment see. */
#include "trader_fixture.h"

/* ---- cancels --------------------------------------------------------------------------------------------------------------------- */

TEST(a_cancel_of_what_is_not_open_gives_one_refusal)
{
    REQUIRE(open_trader(0, NULL));
    CHECK_EQ_I64(aats_trader_cancel(trader, 99, 2, now, now), AATS_OK);
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_CANCEL_REJECTED);
    CHECK_EQ_I64(ev.code, AATS_OC_UNKNOWN_ORDER);
    CHECK_EQ_I64(ev.order.order_id, 99);
    CHECK_EQ_I64(ev.order.strategy, 2);
    CHECK_STR(ev.order.symbol, "");
    CHECK_STR(told(), "");

    send(1);
    say_fill(1, 1, 20000 * UNIT, UNIT, "BTC", 0);
    step();
    aats_trader_cancel(trader, 1, 3, now, now); /* Closed is queued */
    CHECK_STR(told(), "Cax.j");
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_STR(told(), "j");
    CHECK_EQ_I64(venue.canceled, 0);
    close_trader();
}

TEST(a_cancel_goes_out_once_and_a_second_is_told_so)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    aats_trader_cancel(trader, 1, 3, now, now); /* before the ack: the gateway decides */
    CHECK_EQ_I64(venue.canceled, 1);
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_EQ_I64(venue.canceled, 1);
    CHECK_STR(told(), "Cccj");
    say(AATS_OM_ACK, 1);
    say(AATS_OM_CANCEL_ACK, 1);
    say(AATS_OM_DONE, 1)->code = AATS_OC_CANCELED;
    step();
    CHECK_STR(told(), "akd.");
    CHECK_EQ_U64(count(AATS_TDC_CANCELS), 2);
    close_trader();
}

TEST(a_cancel_that_cannot_be_sent_is_answered)
{
    REQUIRE(open_trader(0, NULL));
    send(1);
    venue.cancel_code = AATS_OC_BANNED;
    aats_trader_cancel(trader, 1, 3, now, now);
    next();
    next();
    CHECK_EQ_I64(next().code, AATS_OC_BANNED);
    venue.cancel_code = AATS_OK;
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_STR(told(), "c");
    CHECK_EQ_I64(venue.canceled, 2);
    close_trader();
}

TEST(cancel_all_asks_for_each_open_order_once)
{
    REQUIRE(open_trader(0, NULL));
    for (int i = 1; i <= 6; i++) send(i);
    say(AATS_OM_ACK, 2);
    say(AATS_OM_REJECT, 3);
    aats_omsg_t *m = say(AATS_OM_DONE, 4); /* ended, its fills are missing */
    m->code = AATS_OC_EXPIRED;
    m->cum_qty_i = UNIT / 2;
    step();
    aats_trader_cancel(trader, 5, 3, now, now);
    told();
    CHECK_EQ_I64(venue.canceled, 1);
    CHECK_EQ_I64(aats_trader_cancel_all(trader, now, now), 3); /* 1, 2, 6 */
    CHECK_EQ_I64(venue.canceled, 4);
    CHECK_STR(told(), "ccc");
    CHECK_EQ_I64(aats_trader_cancel_all(trader, now, now), 0);
    say(AATS_OM_CANCEL_ACK, 1); /* its end is on its way */
    step();
    CHECK_EQ_I64(aats_trader_cancel_all(trader, now, now), 0);
    CHECK_STR(told(), "ak");

    aats_order_t open[8];
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 5);
    CHECK_EQ_I64(aats_trader_list(trader, open, 8), 5);
    CHECK_EQ_I64(open[0].order_id, 1);
    CHECK_EQ_I64(open[4].order_id, 6);
    CHECK_EQ_I64(aats_trader_list(trader, open, 1), 5);
    close_trader();
}

/* ---- the session ------------------------------------------------------------------------------------------------------------------ */

TEST(losing_a_connection_is_news_only_after_it_was_ready)
{
    REQUIRE(open_trader(0, NULL));
    say(AATS_OM_DOWN, 0);
    say(AATS_OM_UP, 0);
    step();
    CHECK_STR(told(), "");
    say(AATS_OM_READY, 0);
    step();
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_RECONCILED);
    CHECK_STR(ev.order.symbol, "BINANCE");
    CHECK_EQ_I64(ev.order.order_id, 0);
    snprintf(say(AATS_OM_DOWN, 0)->text, 160, "the peer ended it");
    say(AATS_OM_UP, 0);
    say(AATS_OM_READY, 0);
    say(AATS_OM_READY, 0);
    step();
    CHECK_STR(next().msg, "the peer ended it");
    CHECK_STR(told(), "US");
    CHECK_EQ_U64(count(AATS_TDC_DISCONNECTS), 1);
    CHECK_EQ_U64(count(AATS_TDC_RECONCILED), 2);
    close_trader();
}

TEST(leaving_is_verified_by_every_gateway)
{
    REQUIRE(open_trader(0, NULL));
    fake_t other = {0};
    aats_gateway_t const face = fake_face(&other, "OTHER");
    CHECK_EQ_I64(aats_trader_gateway(trader, &face), 1);
    other.state = AATS_GW_STARTING;
    CHECK_EQ_I64(aats_trader_ready(trader), 0);
    CHECK_EQ_I64(aats_trader_gateway_state(trader, 1), AATS_GW_STARTING);
    CHECK_EQ_I64(aats_trader_gateway_state(trader, 2), AATS_E_ARG);
    other.state = AATS_GW_READY;
    CHECK_EQ_I64(aats_trader_ready(trader), 1);

    say(AATS_OM_READY, 0);
    step();
    CHECK_STR(told(), "S");
    CHECK_EQ_I64(aats_trader_verified(trader), 0);
    aats_trader_verify(trader);
    CHECK_EQ_I64(venue.verified + other.verified, 2);
    say(AATS_OM_READY, 0);
    step();
    CHECK_STR(told(), ""); /* an answer, no reconciliation */
    CHECK_EQ_I64(aats_trader_verified(trader), 0);
    other.said[other.said_cnt++] = (aats_omsg_t){.kind = AATS_OM_READY};
    step();
    CHECK_EQ_I64(aats_trader_verified(trader), 1);
    CHECK_EQ_I64(aats_trader_left(trader), 0);
    aats_trader_leave(trader);
    CHECK_EQ_I64(aats_trader_left(trader), 1);
    CHECK_EQ_I64(venue.left + other.left, 2);
    close_trader();
    CHECK_EQ_I64(venue.freed + other.freed, 2);
}

TEST(a_venue_speaks_of_its_own_orders_only)
{
    REQUIRE(open_trader(0, NULL));
    fake_t other = {0};
    aats_gateway_t const face = fake_face(&other, "OTHER");
    aats_rules_t const rules = rules_of("ETH", "BTC", "OTHER");
    aats_trader_gateway(trader, &face);
    CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 1), 1);
    aats_order_req_t const req = {.order_id = 1, .sym = 1, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px = given("20000"), .qty = given("1")};
    aats_trader_send(trader, &req, now, now);
    CHECK_EQ_I64(other.placed, 1);
    CHECK_EQ_I64(venue.placed, 0);
    say(AATS_OM_ACK, 1); /* BINANCE about an order of OTHER */
    step();
    CHECK_STR(told(), "C");
    CHECK_EQ_U64(count(AATS_TDC_STRANGE), 1);
    other.said[other.said_cnt++] = (aats_omsg_t){.kind = AATS_OM_ACK, .instance = INSTANCE, .order_id = 1};
    step();
    CHECK_STR(told(), "a");
    aats_trader_quote(trader, 1, NULL, 0, NULL, 0, 0, now);
    aats_trader_tick(trader, 1, AATS_SIDE_BUY, 1, 1, now);
    CHECK_EQ_I64(other.quotes + other.ticks, 2);
    CHECK_EQ_I64(venue.quotes + venue.ticks, 0);
    close_trader();
}

/* ---- the segment -------------------------------------------------------------------------------------------------------------------- */

static int64_t late_clock(void) { return now + 700; }

TEST(readers_see_orders_events_positions_fees_and_hops)
{
    static uint8_t segment[8 << 20] __attribute__((aligned(64)));
    char why[256];
    uint64_t const size = aats_td_size(4, 8, 64);
    memset(segment, 0, sizeof segment);
    REQUIRE(size > 0 && size <= sizeof segment && aats_td_init(segment, size, 4, 8, 64) == AATS_OK);
    aats_trader_opts_t const opts = {.instance = 0};
    CHECK(aats_trader_new(&opts, segment, 300, NULL, why, sizeof why) == NULL);
    CHECK(strstr(why, "300") != NULL);

    aats_trader_t *t = aats_trader_new(&opts, segment, size, NULL, why, sizeof why);
    REQUIRE(t != NULL);
    uint64_t const instance = aats_trader_instance(t);
    aats_td_t const *td = (aats_td_t const *)(void const *)(segment + sizeof(aats_seg_t));
    CHECK(instance != 0 && td->instance == instance);
    memset(&venue, 0, sizeof venue);
    aats_gateway_t const face = fake_face(&venue, "BINANCE");
    aats_rules_t const rules = rules_of("BTC", "USDT", "BINANCE");
    aats_trader_gateway(t, &face);
    CHECK_EQ_I64(aats_trader_add_symbol(t, &rules, 0), 0);
    CHECK_EQ_U64(td->pos_cnt, 1);
    aats_trader_set_clock(t, late_clock);
    aats_slow_t slow;
    aats_slow_init(&slow, (aats_td_t *)(void *)(segment + sizeof(aats_seg_t)));
    aats_slow_limit(&slow, AATS_HOP_RECV_SENT, 999, AATS_SLOW_TELL);
    aats_slow_limit(&slow, AATS_HOP_DECIDED_SENT, 700, AATS_SLOW_TELL);
    aats_trader_slow(t, &slow);

    aats_order_req_t const req = {.order_id = 5, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px = given("20000"), .qty = given("1"),
                                  .recv_ns = now - 300, .delivered_ns = now - 100};
    aats_trader_send(t, &req, now, now);
    aats_order_t o;
    CHECK_EQ_I64(aats_td_get_order(segment, 0, &o), 1);
    CHECK_EQ_I64(o.order_id, 5);
    CHECK_EQ_I64(o.sent_ns, now + 700);

    now += 5000;
    say_fill(5, 9, 20000 * UNIT, UNIT, "BTC", 123);
    venue.said[0].instance = instance;
    aats_trader_step(t, now, now);
    aats_oev_t ev;
    int const kinds[] = {AATS_OEV_CREATED, AATS_OEV_ACKED, AATS_OEV_EXEC, AATS_OEV_CLOSED};
    for (uint64_t n = 0; n < 4; n++) {
        CHECK_EQ_I64(aats_td_get_event(segment, n, &ev), 1);
        CHECK_EQ_I64(ev.kind, kinds[n]);
        CHECK_EQ_U64(ev.seq, n);
    }
    CHECK_EQ_I64(aats_td_get_order(segment, 0, &o), 1);
    CHECK_EQ_I64(o.state, AATS_ORD_CLOSED);
    while (aats_trader_event(t, &ev)) continue;
    CHECK_EQ_I64(aats_td_get_order(segment, 0, &o), 0);

    aats_pos_t p;
    aats_fee_t f;
    CHECK_EQ_I64(aats_td_get_pos(segment, 0, &p), 1);
    CHECK(aats_wide(p.bought) == UNIT);
    CHECK_EQ_U64(p.closed, 1);
    CHECK_EQ_I64(aats_td_get_fee(segment, 0, &f), 1);
    CHECK_STR(f.asset, "BTC");
    CHECK(aats_wide(f.amount) == 123);

    aats_hist_t const *h = (aats_hist_t const *)(void const *)(segment + td->stats_off);
    CHECK_EQ_U64(h[AATS_HIST_TD_DECIDED_SENT].max_ns, 700);
    CHECK_EQ_U64(h[AATS_HIST_TD_DELIVERED_DECIDED].max_ns, 100);
    CHECK_EQ_U64(h[AATS_HIST_TD_RECV_SENT].max_ns, 1000);
    CHECK_EQ_U64(h[AATS_HIST_TD_SENT_ACKED].max_ns, 4300);
    CHECK_EQ_U64(h[AATS_HIST_TD_ACKED_FILLED].count, 1);
    CHECK_EQ_U64(td->counters[AATS_TDC_FILLS], 1);
    CHECK(td->slow[AATS_HOP_RECV_SENT] == 1 && td->slow_worst_ns[AATS_HOP_RECV_SENT] == 1000 && td->slow[AATS_HOP_DECIDED_SENT] == 0);

    now += 10000;
    aats_order_req_t const early = {.order_id = 6, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px = given("20000"), .qty = given("1"),
                                    .recv_ns = now + 5000, .delivered_ns = now + 100}; /* of a clock that is ahead */
    aats_trader_send(t, &early, now, now);
    CHECK(h[AATS_HIST_TD_RECV_SENT].negative == 1 && h[AATS_HIST_TD_DELIVERED_DECIDED].negative == 1);
    CHECK_EQ_U64(h[AATS_HIST_TD_RECV_SENT].count, 1);
    aats_trader_free(t);
}

TEST(no_event_is_lost_however_many_wait)
{
    REQUIRE(open_trader(0, NULL));
    for (int i = 1; i <= 1000; i++) {
        send(i);
        say_fill(i, 1, 20000 * UNIT, UNIT, "BTC", 1);
        step();
    }
    aats_oev_t ev;
    for (int i = 1; i <= 1000; i++) {
        int const kinds[] = {AATS_OEV_CREATED, AATS_OEV_ACKED, AATS_OEV_EXEC, AATS_OEV_CLOSED};
        for (int k = 0; k < 4; k++) {
            CHECK_EQ_I64(aats_trader_event(trader, &ev), 1);
            CHECK_EQ_I64(ev.order.order_id, i);
            CHECK_EQ_I64(ev.kind, kinds[k]);
        }
    }
    CHECK_STR(told(), "");
    CHECK_EQ_I64(venue.gone, 1000);
    CHECK(aats_wide(pos().bought) == (__int128)1000 * UNIT);
    close_trader();
}

/* ---- anything ------------------------------------------------------------------------------------------------------------------ */

static uint64_t seed;

static int draw(int below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)(seed >> 33) % below;
}

/* babble has the venue say anything, true or not, of itself or of an order. */
static void babble(int64_t id)
{
    static int const KINDS[] = {AATS_OM_ACK, AATS_OM_REJECT, AATS_OM_FILL, AATS_OM_FILL, AATS_OM_DONE, AATS_OM_CANCEL_ACK, AATS_OM_CANCEL_REJECT,
                                AATS_OM_UNKNOWN, AATS_OM_OPEN, AATS_OM_ABSENT, AATS_OM_FAILED, AATS_OM_DOWN, AATS_OM_UP, AATS_OM_READY};
    static int const ENDS[] = {AATS_OC_CANCELED, AATS_OC_EXPIRED, AATS_OC_FILLED, AATS_OC_IOC_REST, AATS_OC_SELF_TRADE};
    int const kind = KINDS[draw(14)];
    aats_omsg_t *m = say(kind, kind >= AATS_OM_DOWN ? 0 : id);
    m->code = (uint32_t)(kind == AATS_OM_DONE ? ENDS[draw(5)] : kind == AATS_OM_CANCEL_REJECT ? AATS_OC_UNKNOWN_ORDER : AATS_OC_NONE);
    m->trade_id = 1 + (uint64_t)draw(6);
    m->px_i = draw(100) * UNIT;
    m->qty_i = draw(5) * UNIT / 4;
    if (draw(3) == 0) m->cum_qty_i = draw(6) * UNIT / 4;
    snprintf(m->fee_asset, sizeof m->fee_asset, "%s", draw(2) ? "BTC" : "USDT");
    m->fee_i = draw(100) - 10;
}

static uint8_t closed[4001];
static __int128 bought, spent, fees;

static void add_up(aats_oev_t const *ev)
{
    if (ev->kind == AATS_OEV_CLOSED) closed[ev->order.order_id]++;
    if (ev->kind != AATS_OEV_EXEC) return;
    bought += ev->fill_qty_i;
    spent += (__int128)ev->fill_px_i * ev->fill_qty_i;
    fees += ev->fee_i;
}

TEST(whatever_a_venue_says_each_order_is_closed_once_and_money_is_that_of_the_execs)
{
    REQUIRE(open_trader(50, NULL));
    seed = 7;
    int64_t ids = 0;
    aats_oev_t ev;
    for (int round = 0; round < 60000 || aats_trader_open_cnt(trader) > 0; round++) {
        REQUIRE(round < 200000);
        if (ids < 4000 && draw(4) == 0) send(++ids);
        if (draw(8) == 0) aats_trader_cancel(trader, 1 + draw((int)ids + 2), 3, now, now);
        aats_order_t list[64];
        uint32_t const open = aats_trader_list(trader, list, 64);
        CHECK_EQ_I64(open, aats_trader_open_cnt(trader));
        if (ids > 0) babble(open > 0 && draw(8) ? list[draw((int)open)].order_id : 1 + draw((int)ids));
        step();
        while (draw(3) && aats_trader_event(trader, &ev) == 1) add_up(&ev);
    }
    while (aats_trader_event(trader, &ev) == 1) add_up(&ev);
    CHECK_EQ_I64(ids, 4000);
    for (int64_t id = 1; id <= ids; id++) CHECK_MSG(closed[id] == 1, "order %d was closed %d times", (int)id, closed[id]);
    aats_pos_t const p = pos();
    CHECK(bought > 0 && aats_wide(p.bought) == bought && aats_wide(p.bought_notional) == spent);
    CHECK(aats_wide(p.fee_base) + aats_wide(p.fee_quote) == fees);
    CHECK_EQ_U64(p.orders, 4000);
    CHECK_EQ_U64(p.closed, 4000);
    CHECK_EQ_U64(p.acked + p.rejected >= 4000, 1);
    CHECK(venue.gone > 1000 && venue.asked > 100);
    for (int64_t id = 1; id <= ids; id += 97) CHECK_EQ_I64(aats_trader_find(trader, id, &ev.order), 0);
    close_trader();
}

RUN_ALL()
