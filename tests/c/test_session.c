/* test_session.c -- the order session over a venue that remembers what it was sent: refusals, the way to READY, orders and cancels,
 * good-byes. What goes wrong on the wire and at the venue: test_session_faults.c; a wire cut at every byte: test_session_cut.c. */
#include "session_fixture.h"

#include "check.h"

static fx_t x;

#define TOLD(id, want) CHECK_STR(x.orders[id].told, want)
#define STATE(want) CHECK_EQ_I64(x.gw.state(x.gw.self), want)

/* ---- refusals ---- */

TEST(session_is_refused_with_a_sentence_that_does_not_show_the_secret)
{
    char why[200] = "";
    aats_session_opts_t o = fx_opts();
    strcpy(o.venue, "NOSUCH");
    CHECK(aats_session_new(&o, "k", "s", NULL, 0, why, sizeof why) == NULL);
    CHECK(strstr(why, "NOSUCH") != NULL);
    o = fx_opts();
    CHECK(aats_session_new(&o, "", "s", NULL, 0, why, sizeof why) == NULL);
    CHECK_STR(why, "the API key is empty");
    CHECK(aats_session_new(&o, "k", "", NULL, 0, why, sizeof why) == NULL);
    CHECK(why[0] != 0);
    char const *pem = "-----BEGIN PRIVATE KEY-----\nUNREADABLE\n-----END PRIVATE KEY-----\n";
    CHECK(aats_session_new(&o, "k", pem, NULL, 0, why, sizeof why) == NULL);
    CHECK(why[0] != 0 && !strstr(why, "UNREADABLE"));
    char key[200];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    CHECK(aats_session_new(&o, key, "s", NULL, 0, why, sizeof why) == NULL);
    CHECK(strstr(why, "longer than") != NULL && !strstr(why, "kkk"));
}

TEST(order_before_ready_is_refused_with_the_reason_and_nothing_goes_out)
{
    fx_begin(&x);
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "not connected yet") != NULL);
    x.refuse_connect = 1;
    fx_run(&x, 20);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "connection refused") != NULL);
    x.refuse_connect = 0;
    x.lose = "openOrders.status";
    x.lose_cnt = 1;
    fx_run(&x, 1000);
    STATE(AATS_GW_STARTING);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "reconciled") != NULL);
    fx_run(&x, 10000);
    STATE(AATS_GW_READY);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 0);
    TOLD(3, "CJZ");
    fx_end(&x);
}

TEST(orders_beyond_what_the_venue_allows_are_refused_until_its_interval_is_over)
{
    REQUIRE(fx_ready(&x));
    x.orders_limit = 2;
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    fx_run(&x, 20);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OK); /* on its way, and counted */
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_RATE_LIMIT);
    fx_run(&x, 20);
    CHECK_EQ_I64(fx_place(&x, 4, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 2);
    fx_run(&x, 10000);
    CHECK_EQ_I64(fx_place(&x, 5, FX_UNIT), AATS_OK);
    fx_end(&x);
}

/* ---- the way to READY ---- */

TEST(events_are_listened_to_before_anything_is_asked_and_ready_comes_last)
{
    REQUIRE(fx_ready(&x));
    CHECK_STR(x.methods, "TSOA");
    CHECK_STR(x.words, "UR");
    CHECK_EQ_I64(x.balances, 1);
    CHECK_STR(aats_session_last(x.s), "");
    CHECK(fx_said(&x, "0 order session up: test.example"));
    CHECK(fx_said(&x, "0 order session ready: test.example, 0 orders known"));
    fx_end(&x);
}

TEST(ed25519_key_logs_on_first_and_signs_nothing_afterwards)
{
    aats_session_opts_t o = fx_opts();
    fx_begin_with(&x, &o, FX_PEM);
    fx_run(&x, 20);
    CHECK_STR(x.methods, "TLSOA");
    STATE(AATS_GW_READY);
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    CHECK(strstr(x.last_request, "order.place") && !strstr(x.last_request, "signature") && strstr(x.last_request, "timestamp"));
    fx_cut(&x, "gone");
    fx_run(&x, 2000);
    CHECK_STR(x.methods, "TLSOAPTLSOFA"); /* a new connection has to log on anew */
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(stamps_are_of_the_venues_clock_however_far_ours_is_off)
{
    static int64_t const AHEAD_MS[] = {-300000, -2000, 0, 2000, 300000};
    for (int i = 0; i < 5; i++) {
        fx_begin(&x);
        x.venue_ahead_ms = AHEAD_MS[i];
        fx_run(&x, 20);
        STATE(AATS_GW_READY);
        fx_place(&x, 1, FX_UNIT);
        fx_run(&x, 61000); /* the venue's clock is looked at again */
        CHECK_EQ_I64(x.asked[AATS_OR_TIME], 2);
        fx_cancel(&x, 1);
        fx_run(&x, 20);
        TOLD(1, "CAcaKZ");
        CHECK_EQ_I64(x.stamps_off, 0);
        CHECK_EQ_I64(x.stamp_ms, (FX_EPOCH_NS + x.mono_ns) / FX_MS + AHEAD_MS[i] - 20);
        fx_end(&x);
    }
}

static int64_t late_clock(void) { return x.mono_ns + 60000 * (int64_t)FX_MS; }

TEST(order_out_of_a_callback_that_took_a_minute_has_the_stamp_of_its_sending)
{
    REQUIRE(fx_ready(&x));
    aats_session_set_clock(x.s, late_clock);
    fx_place(&x, 1, FX_UNIT);
    x.mono_ns = late_clock();
    aats_session_set_clock(x.s, NULL);
    fx_run(&x, 2900);
    CHECK_EQ_I64(x.stamp_ms, (FX_EPOCH_NS + x.mono_ns) / FX_MS - 2900);
    TOLD(1, "CA");
    fx_end(&x);
}

TEST(open_order_of_an_earlier_run_is_canceled_and_looked_for_again_before_ready)
{
    char cid[AATS_CLIENT_ID_SZ];
    fx_begin(&x);
    aats_client_id_format(FX_EARLIER, 77, cid);
    fx_venue_add(&x, cid, FX_UNIT);
    fx_venue_add(&x, "web_of_another_hand", FX_UNIT);
    aats_client_id_format(0x5555, 3, cid); /* of the same kind, but of nobody that we know */
    fx_venue_add(&x, cid, FX_UNIT);
    fx_run(&x, 20);
    CHECK_STR(x.methods, "TSOACO");
    STATE(AATS_GW_READY);
    CHECK_EQ_I64(x.at_venue[0].status, FX_CANCELED);
    CHECK_EQ_I64(x.at_venue[1].status, FX_OPEN);
    CHECK_EQ_I64(x.at_venue[2].status, FX_OPEN);
    CHECK_EQ_I64(x.foreign, 2);
    CHECK(fx_said(&x, "BTCUSDT.BINANCE: order aaaabbbbccccdddd000000000000004d of an earlier run is open; it is canceled"));
    fx_end(&x);
}

TEST(open_order_of_an_earlier_run_that_stays_open_keeps_it_from_ready)
{
    char cid[AATS_CLIENT_ID_SZ];
    fx_begin(&x);
    aats_client_id_format(FX_EARLIER, 77, cid);
    fx_venue_add(&x, cid, FX_UNIT);
    x.refuse = "order.cancel";
    x.refuse_cnt = 3;
    x.refuse_status = 400;
    x.refuse_code = -2011;
    strcpy(x.refuse_text, "Unknown order sent.");
    fx_run(&x, 1000);
    STATE(AATS_GW_STARTING);
    CHECK_EQ_I64(x.readies, 0);
    fx_run(&x, 5000);
    STATE(AATS_GW_READY);
    CHECK_EQ_I64(x.at_venue[0].status, FX_CANCELED);
    fx_end(&x);
}

/* ---- orders and cancels ---- */

TEST(order_is_acked_filled_and_closed_by_its_answer_alone)
{
    REQUIRE(fx_ready(&x));
    x.fill_at_once = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    TOLD(1, "CAEZ");
    CHECK_EQ_I64(x.orders[1].cum_i, FX_UNIT);
    fx_run(&x, 5000);
    CHECK_STR(x.methods, "TSOAP");
    fx_end(&x);
}

TEST(events_and_answers_may_come_in_any_order)
{
    REQUIRE(fx_ready(&x));
    x.events = x.hold = 1; /* the event overtakes the answer, and the answers one another */
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    TOLD(1, "CA");
    fx_cancel(&x, 1);
    fx_run(&x, 20);
    TOLD(1, "CAcaKZ"); /* by the event */
    fx_fill(&x, &x.at_venue[1], FX_UNIT, 1);
    fx_run(&x, 20);
    TOLD(2, "CAEZ");
    CHECK_EQ_I64(x.held_cnt, 3);
    fx_release(&x);
    fx_run(&x, 5000);
    TOLD(1, "CAcaKZ");
    TOLD(2, "CAEZ");
    CHECK_EQ_I64(x.strange, 0);
    CHECK_EQ_I64(x.asked[AATS_OR_QUERY], 0);
    fx_end(&x);
}

TEST(cancel_follows_its_order_at_once_and_arrives_behind_it)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_cancel(&x, 1);
    fx_run(&x, 20);
    CHECK_STR(x.methods, "TSOAPC");
    TOLD(1, "CcAaKZ");
    fx_end(&x);
}

TEST(refused_order_carries_the_venues_words_and_a_code_that_nobody_knows_is_venue)
{
    REQUIRE(fx_ready(&x));
    x.refuse = "order.place";
    x.refuse_cnt = 1;
    x.refuse_status = 400;
    x.refuse_code = -4711;
    strcpy(x.refuse_text, "Something new.");
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    TOLD(1, "CJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_VENUE);
    CHECK(strstr(x.orders[1].m.o.msg, "-4711") && strstr(x.orders[1].m.o.msg, "Something new."));
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(events_of_orders_that_were_never_sent_change_nothing)
{
    fx_venue_order_t other = {.cid = "web_1", .status = FX_OPEN, .qty_i = FX_UNIT};
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    x.at_venue[5] = other;
    fx_event(&x, &x.at_venue[5], "NEW", 0);
    aats_client_id_format(FX_OWN, 8, x.at_venue[5].cid); /* of this process, but no order of it */
    fx_event(&x, &x.at_venue[5], "NEW", 0);
    aats_client_id_format(FX_EARLIER, 1, x.at_venue[5].cid); /* of an earlier one, with the number of one of ours */
    fx_event(&x, &x.at_venue[5], "CANCELED", 0);
    fx_run(&x, 20);
    CHECK_EQ_I64(x.foreign, 3);
    TOLD(1, "CA");
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(messages_come_with_the_time_of_the_read_that_brought_them)
{
    aats_omsg_t m;
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    x.recv_ns = 4711;
    x.gw.step(x.gw.self, FX_EPOCH_NS + x.mono_ns, x.mono_ns);
    fx_move_out(&x);
    fx_serve(&x);
    fx_move_in(&x);
    REQUIRE(x.gw.next(x.gw.self, &m) == 1);
    CHECK_EQ_I64(m.kind, AATS_OM_ACK);
    CHECK_EQ_I64(m.recv_ns, 4711);
    fx_end(&x);
}

TEST(bytes_may_come_one_by_one)
{
    fx_begin(&x);
    x.piece = 1;
    for (int i = 0; i < 400; i++) fx_pass(&x, 1);
    STATE(AATS_GW_READY);
    fx_place(&x, 1, FX_UNIT);
    for (int i = 0; i < 200; i++) fx_pass(&x, 1);
    TOLD(1, "CA");
    fx_end(&x);
}

/* ---- good-byes ---- */

TEST(verify_cancels_what_is_open_and_is_ready_when_a_look_shows_nothing)
{
    REQUIRE(fx_ready(&x));
    for (int id = 1; id <= 3; id++) fx_place(&x, id, FX_UNIT);
    fx_run(&x, 20);
    x.lose = "order.cancel";
    x.lose_cnt = 1;
    for (int id = 1; id <= 2; id++) fx_cancel(&x, id); /* 3 was forgotten; of 1 the answer is lost */
    x.gw.verify(x.gw.self);
    CHECK_EQ_I64(fx_place(&x, 4, FX_UNIT), AATS_OC_NOT_CONNECTED);
    STATE(AATS_GW_STARTING);
    fx_run(&x, 10000);
    STATE(AATS_GW_READY);
    CHECK_STR(x.words, "URR");
    for (int i = 0; i < 3; i++) CHECK_EQ_I64(x.at_venue[i].status, FX_CANCELED);
    for (int id = 1; id <= 3; id++) CHECK_MSG(x.orders[id].closed, "order %d: %s", id, x.orders[id].told);
    fx_end(&x);
}

TEST(verify_of_nothing_is_one_look)
{
    REQUIRE(fx_ready(&x));
    x.gw.verify(x.gw.self);
    fx_run(&x, 20);
    CHECK_STR(x.methods, "TSOAO");
    CHECK_STR(x.words, "URR");
    fx_end(&x);
}

TEST(leaving_takes_a_second_at_most_whether_the_venue_answers_or_not)
{
    REQUIRE(fx_ready(&x));
    x.gw.leave(x.gw.self);
    fx_run(&x, 20);
    STATE(AATS_GW_LEFT);
    CHECK_EQ_I64(x.connected, 0);
    CHECK_STR(x.words, "UR"); /* nobody has to hear that it is down */
    fx_run(&x, 5000);
    CHECK_EQ_I64(x.connects, 1);
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OC_NOT_CONNECTED);
    fx_end(&x);

    REQUIRE(fx_ready(&x)); /* nobody moves its bytes any more */
    x.gw.leave(x.gw.self);
    x.gw.step(x.gw.self, FX_EPOCH_NS, x.mono_ns + 999 * FX_MS);
    CHECK(x.gw.state(x.gw.self) != AATS_GW_LEFT);
    x.gw.step(x.gw.self, FX_EPOCH_NS, x.mono_ns + 1000 * FX_MS);
    STATE(AATS_GW_LEFT);
    fx_end(&x);

    fx_begin(&x); /* never connected */
    x.gw.leave(x.gw.self);
    STATE(AATS_GW_LEFT);
    fx_end(&x);
}

TEST(old_connection_is_replaced_when_nothing_is_under_way)
{
    aats_session_opts_t o = fx_opts();
    o.rotate_ns = 10000 * (int64_t)FX_MS;
    fx_begin_with(&x, &o, FX_SECRET);
    fx_run(&x, 20);
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    fx_run(&x, 11000);
    CHECK_EQ_I64(x.connects, 2);
    CHECK_STR(x.words, "URDUR");
    TOLD(1, "CA");
    CHECK(fx_said(&x, "0 order session down: it is replaced"));
    fx_end(&x);

    fx_begin_with(&x, &o, FX_SECRET);
    fx_run(&x, 9300);
    x.hold = 1;
    fx_place(&x, 1, FX_UNIT); /* its answer is late: it is waited for */
    fx_run(&x, 1000);
    CHECK_EQ_I64(x.connects, 1);
    fx_release(&x);
    fx_run(&x, 100);
    CHECK_EQ_I64(x.connects, 2);
    TOLD(1, "CA");
    fx_end(&x);
}

RUN_ALL()
