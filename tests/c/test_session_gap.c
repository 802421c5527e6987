/* test_session_gap.c -- an order session after a gap, and with what it cannot know: every missed event once and in its order, patience that
 * ends, orders of an earlier run. */
#include "session_fixture.h"

#include "app/session_state.h"
#include "check.h"

static fx_t x;

#define TOLD(id, want) CHECK_STR(x.orders[id].told, want)
#define STATE(want) CHECK_EQ_I64(x.gw.state(x.gw.self), want)

static void refuse(char const *method, int cnt, int status, int code, char const *text)
{
    x.refuse = method;
    x.refuse_cnt = cnt;
    x.refuse_status = status;
    x.refuse_code = code;
    snprintf(x.refuse_text, sizeof x.refuse_text, "%s", text);
}

/* Two orders that rest, and a story that begins now. */
static int two_rest(void)
{
    if (!fx_ready(&x)) return 0;
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    memset(x.story, 0, sizeof x.story);
    return 1;
}

/* ---- missed events, once and in their order ---- */

TEST(missed_fills_of_two_orders_come_in_the_order_of_their_trades_before_ends_and_before_ready)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[1], FX_UNIT / 4, 0);
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 2, 0);
    fx_fill(&x, &x.at_venue[1], FX_UNIT / 4, 0);
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 2, 0);
    x.at_venue[1].status = FX_CANCELED;
    fx_run(&x, 1000);
    CHECK_STR(x.story, "DU2E1E2E1E1Z2K2ZR");
    CHECK_EQ_I64(x.orders[2].code, AATS_OC_CANCELED_OTHER);
    CHECK_EQ_I64(x.orders[2].cum_i, FX_UNIT / 2);
    fx_end(&x);
}

static int filling; /* an order of the first symbol is filled once, before this kind of request is done */

static void fill_before(fx_t *v, int kind)
{
    if (kind != filling) return;
    filling = 0;
    fx_fill(v, &v->at_venue[0], FX_UNIT / 4, 1);
}

TEST(a_fill_that_happens_while_the_gap_is_fetched_waits_for_those_before_it_and_counts_once)
{
    static int const WHEN[] = {AATS_OR_OPEN, AATS_OR_FILLS, AATS_OR_ACCOUNT};
    for (int i = 0; i < 3; i++) {
        REQUIRE(two_rest());
        fx_cut(&x, "gone");
        fx_fill(&x, &x.at_venue[0], FX_UNIT / 4, 0);
        fx_fill(&x, &x.at_venue[1], FX_UNIT, 0);
        filling = WHEN[i];
        x.before = fill_before;
        fx_run(&x, 1000);
        CHECK_MSG(strcmp(x.story, "DU1E2E2Z1ER") == 0, "filled before kind %d: %s", WHEN[i], x.story);
        CHECK_EQ_I64(x.orders[1].m.o.cum_qty_i, FX_UNIT / 2);
        CHECK_EQ_I64(x.orders[1].m.o.fill_cnt, 2);
        fx_end(&x);
    }
}

TEST(an_order_that_was_filled_away_is_found_though_the_venues_memory_of_it_lags)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0);
    x.at_venue[0].stale = 3;
    fx_run(&x, 1000);
    CHECK_STR(x.story, "DU1E1ZR");
    fx_end(&x);
}

TEST(an_order_that_was_canceled_away_is_found_by_a_second_look_where_the_first_has_lagged)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    x.at_venue[0].status = FX_CANCELED;
    x.at_venue[0].stale = 1;
    fx_run(&x, 1000);
    CHECK_STR(x.story, "DUR"); /* it lives, the venue has said */
    fx_run(&x, 2500);
    CHECK_STR(x.story, "DUR1K1Z");
    CHECK_EQ_I64(x.asked[AATS_OR_QUERY], 1);
    TOLD(2, "CA");
    fx_end(&x);
}

TEST(an_end_that_nobody_told_is_found_within_a_minute)
{
    uint8_t const ping[] = "1";
    REQUIRE(two_rest());
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0); /* its event is lost */
    fx_run(&x, 35000);
    fx_frame(&x, AATS_WS_PING, ping, 1);
    fx_run(&x, 26000);
    TOLD(1, "CAEZ");
    TOLD(2, "CA");
    CHECK_EQ_I64(x.asked[AATS_OR_OPEN], 2);
    CHECK_EQ_I64(x.downs, 0);
    fx_end(&x);
}

TEST(trades_that_cannot_be_had_keep_nobody_from_ready_each_order_is_asked_for)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0);
    refuse("myTrades", 1, 400, -1100, "Illegal characters found in a parameter.");
    fx_run(&x, 1000);
    CHECK_STR(x.story, "DU1E1ZR");
    CHECK_EQ_I64(x.connects, 2);
    fx_end(&x);
}

TEST(a_session_that_has_gone_deaf_is_down_until_it_has_caught_up)
{
    REQUIRE(two_rest());
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 2, 0);
    fx_text(&x, "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":1785312001020}}");
    x.hold = 1;
    fx_pass(&x, 1);
    STATE(AATS_GW_STARTING);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_NOT_CONNECTED);
    CHECK_STR(x.story, "D3C3J3Z");
    fx_release(&x);
    fx_run(&x, 1000);
    CHECK_STR(x.story, "D3C3J3ZU1ER");
    STATE(AATS_GW_READY);
    CHECK_EQ_I64(x.connects, 1);
    fx_end(&x);
}

/* ---- patience ---- */

TEST(an_order_of_which_the_venue_says_nothing_is_told_once_and_does_not_keep_ready_back_for_ever)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    x.at_venue[0].hidden = 1000000;
    refuse("order.status", 1000000, 503, -1001, "Internal error.");
    fx_run(&x, 59000);
    CHECK_STR(x.story, "DU");
    for (int i = 0; i < 4; i++) fx_run(&x, 30000), fx_frame(&x, AATS_WS_PING, "1", 1);
    CHECK_STR(x.story, "DU1UR");
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_TIMEOUT);
    char const *said = strstr(x.log, "is asked for every 8 s");
    CHECK(said && !strstr(said + 1, "is asked for every 8 s"));
    int before = x.asked[AATS_OR_QUERY];
    fx_run(&x, 16000);
    CHECK_EQ_I64(x.asked[AATS_OR_QUERY], before + 2);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OK);
    fx_run(&x, 20);

    fx_cut(&x, "gone again"); /* it is asked for once more, and not waited for */
    fx_run(&x, 3000);
    CHECK_EQ_I64(x.readies, 3);
    x.refuse_cnt = 0;
    x.at_venue[0].hidden = 0;
    fx_run(&x, 9000);
    TOLD(1, "CAU");
    CHECK_EQ_I64(aats_machine_asks(&x.orders[1].m), AATS_ASK_NOTHING);
    CHECK(!(x.orders[1].m.o.flags & AATS_OF_UNKNOWN));
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 3);
    fx_end(&x);
}

TEST(an_order_whose_fills_the_venue_counts_and_cannot_show_is_ended_with_what_was_told)
{
    REQUIRE(two_rest());
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 4, 1);
    fx_run(&x, 20);
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 4, 0);
    x.at_venue[0].status = FX_CANCELED;
    x.trades_hidden = 1;
    fx_run(&x, 59000);
    CHECK_STR(x.story, "1EDU");
    fx_run(&x, 15000);
    CHECK_STR(x.story, "1EDU1K1ZR");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_FILLS_MISSING);
    CHECK_EQ_I64(x.orders[1].cum_i, FX_UNIT / 4);
    CHECK(strstr(x.orders[1].m.o.msg, "counts 0.5 as filled, and shows trades of 0.25"));
    CHECK_EQ_I64(x.strange, 1);
    CHECK(x.asked[AATS_OR_FILLS] >= 6);
    fx_end(&x);
}

TEST(an_order_that_has_ended_and_is_then_denied_is_ended_all_the_same)
{
    REQUIRE(two_rest());
    fx_cancel(&x, 2);
    x.trades_hidden = 1;
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 4, 0);
    x.at_venue[0].status = FX_CANCELED;
    fx_event(&x, &x.at_venue[0], "CANCELED", 0);
    fx_run(&x, 100);
    CHECK_EQ_I64(x.orders[1].m.o.state, AATS_ORD_ENDING);
    x.at_venue[0].hidden = 1000000; /* a test network that was reset */
    fx_cut(&x, "gone");
    fx_run(&x, 35000);
    fx_frame(&x, AATS_WS_PING, "1", 1);
    fx_run(&x, 35000);
    TOLD(1, "CAKZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_FILLS_MISSING);
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(fills_that_come_late_end_the_order_with_all_of_them)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0);
    x.trades_hidden = 1;
    fx_run(&x, 50000);
    CHECK_STR(x.story, "DU");
    x.trades_hidden = 0;
    fx_run(&x, 9000);
    CHECK_STR(x.story, "DU1E1ZR");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_FILLED);
    fx_end(&x);
}

TEST(a_clock_that_jumps_while_orders_are_asked_for_is_asked_anew)
{
    REQUIRE(two_rest());
    fx_cut(&x, "gone");
    x.at_venue[0].status = FX_CANCELED;
    refuse("order.status", 3, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
    fx_run(&x, 9000);
    CHECK_EQ_I64(x.readies, 2);
    CHECK(x.asked[AATS_OR_TIME] >= 3);
    CHECK_EQ_I64(x.connects, 2);
    fx_end(&x);
}

/* ---- a cancel that went out before the order was known ---- */

TEST(an_order_that_a_cancel_before_its_ack_has_renamed_is_found_with_its_fills)
{
    REQUIRE(fx_ready(&x));
    x.hold = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 1);
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 4, 0);
    fx_cancel(&x, 1);
    fx_pass(&x, 1);
    CHECK_EQ_I64(x.at_venue[0].status, FX_CANCELED);
    fx_cut(&x, "gone");
    x.hold = x.held_cnt = 0;
    fx_run(&x, 10000);
    TOLD(1, "CcUAaEKZ");
    CHECK_EQ_I64(x.orders[1].cum_i, FX_UNIT / 4);
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_CANCELED);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 1);
    fx_end(&x);
}

TEST(an_order_that_neither_it_nor_its_cancel_has_reached_is_not_received)
{
    REQUIRE(fx_ready(&x));
    refuse("order.place", 1, 503, -1001, "Internal error.");
    fx_place(&x, 1, FX_UNIT);
    fx_cancel(&x, 1);
    fx_run(&x, 20000);
    TOLD(1, "CcUjJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_NOT_RECEIVED);
    fx_end(&x);
}

/* ---- orders of an earlier run ---- */

TEST(an_order_that_was_taken_over_is_known_by_its_own_client_id_and_not_canceled)
{
    char cid[AATS_CLIENT_ID_SZ];
    fx_begin(&x);
    aats_client_id_format(FX_EARLIER, 1, cid); /* order 1 of that run, order 5 of this */
    fx_venue_add(&x, cid, FX_UNIT);
    aats_client_id_format(FX_EARLIER, 2, cid); /* that nobody has taken over */
    fx_venue_add(&x, cid, FX_UNIT);
    fx_adopt(&x, 5, FX_EARLIER, 1, FX_UNIT);
    fx_run(&x, 1000);
    STATE(AATS_GW_READY);
    TOLD(5, "CUA");
    CHECK_EQ_I64(x.at_venue[0].status, FX_OPEN);
    CHECK_EQ_I64(x.at_venue[1].status, FX_CANCELED);
    fx_place(&x, 1, FX_UNIT); /* the number is this run's, too */
    fx_run(&x, 20);
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 2, 1);
    fx_run(&x, 20);
    TOLD(5, "CUAE");
    TOLD(1, "CA");
    fx_cancel(&x, 5);
    fx_run(&x, 20);
    TOLD(5, "CUAEcaKZ");
    CHECK_EQ_I64(x.at_venue[0].status, FX_CANCELED);
    CHECK_EQ_I64(x.at_venue[2].status, FX_OPEN);
    CHECK_EQ_I64(x.foreign + x.strange, 0);
    fx_end(&x);
}

TEST(an_order_that_was_taken_over_and_filled_meanwhile_is_told_before_ready)
{
    char cid[AATS_CLIENT_ID_SZ];
    fx_begin(&x);
    x.mono_ns = 100000 * (int64_t)FX_MS; /* this machine runs for a while */
    aats_client_id_format(FX_EARLIER, 77, cid);
    fx_venue_add(&x, cid, FX_UNIT);
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0);
    fx_adopt(&x, 1, FX_EARLIER, 77, FX_UNIT);
    fx_adopt(&x, 2, FX_EARLIER, 78, FX_UNIT); /* that has never arrived: who sent it died a moment ago, as far as we know */
    fx_run(&x, 5900);
    TOLD(1, "CUAEZ");
    TOLD(2, "CU");
    CHECK_EQ_I64(x.readies, 0);
    fx_run(&x, 6000);
    TOLD(1, "CUAEZ");
    TOLD(2, "CUJZ");
    STATE(AATS_GW_READY);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE] + x.asked[AATS_OR_CANCEL], 0);
    fx_end(&x);
}

TEST(any_number_of_orders_is_found_by_client_id_whatever_has_gone)
{
    enum { CNT = 300 };
    static aats_machine_t m[CNT];
    static int there[CNT];
    uint64_t seed = 7;
    fx_begin(&x);
    for (int i = 0; i < CNT; i++) {
        m[i].o = (aats_order_t){.instance = i % 3 ? FX_OWN : FX_EARLIER, .order_id = i + 1, .client_no = i % 3 ? 0 : i / 3 + 1};
        there[i] = 0;
    }
    for (int step = 0; step < 4000; step++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        int i = (int)((seed >> 33) % CNT);
        if (there[i]) know_gone(x.s, &m[i]);
        else CHECK(know_add(x.s, &m[i], &x.rules) != NULL);
        there[i] = !there[i];
        if (step % 97) continue;
        for (int k = 0; k < CNT; k++) {
            known_t *found = know_by_id(x.s, m[k].o.instance, aats_order_client_no(&m[k].o));
            CHECK_MSG((found ? found->m : NULL) == (there[k] ? &m[k] : NULL), "step %d: order %d", step, k);
        }
    }
    for (int i = 0; i < CNT; i++)
        if (there[i]) know_gone(x.s, &m[i]);
    fx_end(&x);
}

RUN_ALL()
