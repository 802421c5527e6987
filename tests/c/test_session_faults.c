/* test_session_faults.c -- an order session when answers are lost, connections go, and the venue refuses, lags or shuts down. */
#include "session_fixture.h"

#include "check.h"

static fx_t x;

#define TOLD(id, want) CHECK_STR(x.orders[id].told, want)
#define STATE(want) CHECK_EQ_I64(x.gw.state(x.gw.self), want)
#define PLACED(id) (fx_venue_by_id(&x, FX_OWN, id) ? fx_venue_by_id(&x, FX_OWN, id)->placed : 0)

static void refuse(char const *method, int cnt, int status, int code, char const *text)
{
    x.refuse = method;
    x.refuse_cnt = cnt;
    x.refuse_status = status;
    x.refuse_code = code;
    snprintf(x.refuse_text, sizeof x.refuse_text, "%s", text);
}

/* ---- no answer ---- */

TEST(order_whose_answer_is_lost_is_unknown_then_asked_for_and_never_sent_again)
{
    REQUIRE(fx_ready(&x));
    x.lose = "order.place";
    x.lose_cnt = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 2900);
    TOLD(1, "C");
    fx_run(&x, 200);
    TOLD(1, "CUA");
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_TIMEOUT);
    fx_run(&x, 30000);
    CHECK_EQ_I64(PLACED(1), 1);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 1);
    CHECK_STR(x.methods, "TSOAPQ");
    fx_end(&x);
}

TEST(answer_that_came_while_this_process_slept_is_read_before_its_time_is_over)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    x.gw.step(x.gw.self, FX_EPOCH_NS + x.mono_ns, x.mono_ns);
    fx_move_out(&x);
    fx_serve(&x); /* the answer lies in the socket */
    fx_pass(&x, 20000);
    TOLD(1, "CA");
    fx_end(&x);
}

TEST(questions_come_half_a_second_to_eight_seconds_apart)
{
    REQUIRE(fx_ready(&x));
    x.lose = "order.place";
    x.lose_cnt = 1;
    fx_place(&x, 1, FX_UNIT);
    refuse("order.status", 1000, 503, -1001, "Internal error.");
    int64_t last = 0, gap[8];
    int cnt = 0;
    for (int i = 0; i < 6000 && cnt < 8; i++) {
        int before = x.asked[AATS_OR_QUERY];
        fx_run(&x, 10);
        if (x.asked[AATS_OR_QUERY] == before) continue;
        gap[cnt++] = last ? (x.mono_ns - last) / FX_MS : 0;
        last = x.mono_ns;
    }
    REQUIRE(cnt == 8);
    static int64_t const WANT[] = {0, 500, 1000, 2000, 4000, 8000, 8000, 8000};
    for (int i = 1; i < 8; i++) CHECK_MSG(gap[i] >= WANT[i] && gap[i] <= WANT[i] + 20, "gap %d is %lld ms", i, (long long)gap[i]);
    TOLD(1, "CU");
    fx_end(&x);
}

TEST(late_answer_is_taken)
{
    REQUIRE(fx_ready(&x));
    x.hold = 1;
    fx_place(&x, 1, FX_UNIT);
    x.at_venue[0].hidden = 1000;
    fx_run(&x, 3500);
    x.at_venue[0].hidden = 1000;
    TOLD(1, "CU");
    fx_release(&x);
    fx_run(&x, 20);
    TOLD(1, "CUA");
    CHECK_EQ_I64(PLACED(1), 1);
    fx_end(&x);
}

TEST(venue_that_does_not_know_itself_is_asked_and_its_order_is_not_rejected)
{
    REQUIRE(fx_ready(&x));
    refuse("order.place", 1, 504, -1007, "Timeout waiting for response from backend server.");
    x.refuse_done = 1;
    x.fill_at_once = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 1000);
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_VENUE_UNSURE);
    TOLD(1, "CUAEZ");
    CHECK_EQ_I64(PLACED(1), 1);
    fx_end(&x);
}

TEST(order_is_absent_only_when_the_venue_has_said_so_twice_and_late_enough)
{
    REQUIRE(fx_ready(&x));
    refuse("order.place", 1, 503, -1001, "Internal error."); /* not executed, and nobody knows */
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 2900);
    TOLD(1, "CU");
    CHECK(x.asked[AATS_OR_QUERY] >= 2);
    fx_run(&x, 6000);
    TOLD(1, "CUJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_NOT_RECEIVED);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 1);
    fx_end(&x);
}

TEST(order_that_comes_to_life_after_it_was_called_absent_is_canceled)
{
    for (int late_answer = 0; late_answer < 2; late_answer++) {
        REQUIRE(fx_ready(&x));
        x.hold = 1;
        fx_place(&x, 1, FX_UNIT);
        fx_pass(&x, 10);
        x.hold = 0;
        x.at_venue[0].hidden = 1000;
        fx_run(&x, 9000);
        TOLD(1, "CUJZ");
        x.at_venue[0].hidden = 0;
        CHECK_EQ_I64(x.at_venue[0].status, FX_OPEN);
        if (late_answer) fx_release(&x);
        else fx_event(&x, &x.at_venue[0], "NEW", 0);
        fx_run(&x, 100);
        CHECK_EQ_I64(x.at_venue[0].status, FX_CANCELED);
        CHECK_EQ_I64(x.at_venue[0].cancels, 1);
        TOLD(1, "CUJZ");
        STATE(AATS_GW_READY);
        CHECK(fx_said(&x, "of this run is open; it is canceled"));
        fx_end(&x);
    }
}

TEST(acknowledged_order_that_the_venue_has_lost_is_ended_after_ten_seconds_of_asking_and_canceled_if_it_is_seen_again)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 100);
    TOLD(1, "CA");
    x.at_venue[0].hidden = 1000;
    fx_cut(&x, "gone");
    fx_run(&x, 9900);
    TOLD(1, "CA");
    CHECK(x.asked[AATS_OR_QUERY] >= 3);
    CHECK_EQ_I64(x.readies, 1);
    fx_run(&x, 1500);
    TOLD(1, "CAKZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_CANCELED_OTHER);
    CHECK_EQ_I64(x.readies, 2);
    CHECK(fx_said(&x, "does not know it any more"));
    x.at_venue[0].hidden = 0;
    fx_event(&x, &x.at_venue[0], "NEW", 0);
    fx_run(&x, 100);
    CHECK_EQ_I64(x.at_venue[0].status, FX_CANCELED);
    fx_end(&x);
}

TEST(order_that_the_venue_remembers_late_is_found)
{
    REQUIRE(fx_ready(&x));
    x.lose = "order.place";
    x.lose_cnt = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 10);
    x.at_venue[0].hidden = 1; /* the first question is answered with "does not exist" */
    fx_run(&x, 3500);
    TOLD(1, "CU");
    CHECK_EQ_I64(x.asked[AATS_OR_QUERY], 1);
    fx_run(&x, 1000);
    TOLD(1, "CUA");
    fx_end(&x);
}

TEST(cancel_whose_answer_is_lost_is_asked_for)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    x.lose = "order.cancel";
    x.lose_cnt = 1;
    fx_cancel(&x, 1);
    fx_run(&x, 3500);
    TOLD(1, "CAcUaKZ");
    CHECK_EQ_I64(x.at_venue[0].cancels, 1);
    fx_end(&x);
}

TEST(cancel_that_never_arrived_goes_out_again_once_the_order_is_known_to_live)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    refuse("order.cancel", 1, 503, -1001, "Internal error.");
    fx_cancel(&x, 1);
    fx_run(&x, 2000);
    TOLD(1, "CAcUaKZ");
    CHECK_EQ_I64(x.asked[AATS_OR_CANCEL], 2);
    fx_end(&x);
}

TEST(answer_that_cannot_be_read_leaves_the_order_unknown_and_is_counted)
{
    REQUIRE(fx_ready(&x));
    x.lose = "order.place";
    x.lose_cnt = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 1);
    fx_text(&x, "{\"id\":5,\"status\":200,\"result\":{\"orderId\":\"what\"}}");
    fx_text(&x, "{\"id\":77,\"status\":200,\"result\":{}}");
    fx_text(&x, "{\"id\":\"seven\",\"status\":200,\"result\":{}}");
    fx_text(&x, "no json");
    fx_text(&x, "{\"subscriptionId\":0,\"event\":{\"e\":\"somethingNew\",\"E\":1}}");
    fx_run(&x, 1000);
    TOLD(1, "CUA");
    CHECK_EQ_I64(x.strange, 4);
    STATE(AATS_GW_READY);
    fx_end(&x);
}

/* ---- connections that go ---- */

TEST(open_order_survives_a_lost_connection_and_ready_comes_after_the_look)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    fx_cut(&x, "reset by peer");
    STATE(AATS_GW_DOWN);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "reset by peer") != NULL);
    x.refuse_connect = 1;
    fx_run(&x, 3000);
    x.refuse_connect = 0;
    fx_run(&x, 10000);
    STATE(AATS_GW_READY);
    CHECK_STR(x.words, "URDUR"); /* DOWN once, however often it was tried */
    CHECK_STR(x.methods, "TSOAPTSOFAO"); /* and a look by the way */
    TOLD(1, "CA");
    CHECK(x.connects > 2);
    fx_end(&x);
}

TEST(order_that_was_filled_while_nobody_listened_is_filled_before_ready)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0);
    fx_fill(&x, &x.at_venue[1], FX_UNIT / 4, 0);
    for (int i = 0; i < 200 && x.readies < 2; i++) fx_pass(&x, 10);
    TOLD(1, "CAEZ");
    TOLD(2, "CAE");
    CHECK_EQ_I64(x.orders[2].m.o.cum_qty_i, FX_UNIT / 4);
    CHECK_EQ_I64(x.asked[AATS_OR_FILLS], 1);
    CHECK_STR(x.words, "URDUR");
    fx_end(&x);
}

TEST(order_that_was_canceled_while_nobody_listened_is_closed_before_ready)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    fx_cut(&x, "gone");
    x.at_venue[0].status = FX_CANCELED;
    for (int i = 0; i < 200 && x.readies < 2; i++) fx_pass(&x, 10);
    TOLD(1, "CAKZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_CANCELED_OTHER);
    fx_end(&x);
}

TEST(ready_waits_for_the_last_order_to_be_known)
{
    REQUIRE(fx_ready(&x));
    x.hold = 1;
    fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 1);
    fx_cut(&x, "gone");
    TOLD(1, "C");
    x.hold = x.held_cnt = 0;
    x.at_venue[0].hidden = 2; /* neither the look nor the first questions show it */
    fx_run(&x, 1000);
    TOLD(1, "CU");
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_DISCONNECTED);
    CHECK(x.asked[AATS_OR_QUERY] >= 1);
    CHECK_EQ_I64(x.readies, 1);
    fx_run(&x, 5000);
    TOLD(1, "CUA");
    CHECK_EQ_I64(x.readies, 2);
    CHECK_EQ_I64(PLACED(1), 1);
    fx_end(&x);
}

TEST(cancel_while_down_is_kept_until_ready_and_forgotten_if_the_order_has_ended)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    fx_cut(&x, "gone");
    fx_cancel(&x, 1);
    fx_cancel(&x, 2);
    x.at_venue[1].status = FX_CANCELED;
    fx_run(&x, 2000);
    CHECK_EQ_I64(x.readies, 2);
    CHECK_STR(x.methods, "TSOAPPTSOFACQ"); /* not before it is known that it lives */
    TOLD(1, "CAcaKZ");
    CHECK_EQ_I64(x.at_venue[0].cancels, 1);
    CHECK_EQ_I64(x.at_venue[1].cancels, 0);
    CHECK(x.orders[2].closed);
    fx_end(&x);
}

TEST(mute_connection_is_given_up_after_two_pings)
{
    REQUIRE(fx_ready(&x));
    uint8_t const ping[] = "123";
    for (int i = 0; i < 5; i++) {
        fx_run(&x, 20000);
        fx_frame(&x, AATS_WS_PING, ping, 3);
    }
    CHECK_EQ_I64(x.connects, 1);
    x.lose = "time";
    x.lose_cnt = 1000;
    fx_run(&x, 39900);
    CHECK_EQ_I64(x.connects, 1);
    fx_run(&x, 3000);
    CHECK_EQ_I64(x.connects, 2);
    CHECK(fx_said(&x, "1 order session down: mute"));
    fx_end(&x);
}

TEST(deaf_session_listens_again_and_asks_for_everything_anew)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    fx_fill(&x, &x.at_venue[0], FX_UNIT, 0); /* nobody was told */
    fx_text(&x, "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":1785312001020}}");
    fx_pass(&x, 1);
    fx_run(&x, 1000);
    CHECK_STR(x.methods, "TSOAPSOFA");
    CHECK_STR(x.words, "URDUR");
    CHECK_EQ_I64(x.connects, 1); /* the connection did not go */
    TOLD(1, "CAEZ");
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(shut_down_is_answered_by_a_new_connection_without_a_doubt_about_orders)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    x.hold = 1;
    fx_place(&x, 2, FX_UNIT);
    fx_text(&x, "{\"event\":{\"e\":\"serverShutdown\",\"E\":1770123456789}}");
    fx_run(&x, 500);
    CHECK_EQ_I64(x.connects, 1); /* an answer is still on its way */
    fx_release(&x);
    fx_run(&x, 500);
    CHECK_EQ_I64(x.connects, 2);
    STATE(AATS_GW_READY);
    TOLD(1, "CA");
    TOLD(2, "CA");
    fx_end(&x);
}

/* ---- refusals of the venue ---- */

TEST(wrong_key_is_said_once_and_not_tried_again_for_a_minute)
{
    fx_begin(&x);
    refuse("userDataStream.subscribe.signature", 1000, 401, -2015, "Invalid API-key KEY-OF-THE-TEST, IP, or permissions for action.");
    fx_run(&x, 59000);
    CHECK_EQ_I64(x.connects, 1);
    STATE(AATS_GW_DOWN);
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "-2015") != NULL && !strstr(x.why, "KEY-OF-THE-TEST"));
    fx_run(&x, 5000);
    CHECK_EQ_I64(x.connects, 2);
    char const *first = strstr(x.log, "2 order session:");
    CHECK(first && strstr(first, "-2015") && !strstr(first + 1, "\n2 "));
    CHECK(!strstr(x.log, "KEY-OF-THE-TEST") && !strstr(x.log, FX_SECRET));
    x.refuse_cnt = 0;
    fx_run(&x, 61000);
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(key_that_may_not_trade_rejects_one_order_and_refuses_the_next)
{
    REQUIRE(fx_ready(&x));
    refuse("order.place", 1, 401, -2015, "Invalid API-key, IP, or permissions for action.");
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    TOLD(1, "CJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_AUTH);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OC_AUTH);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 1);
    fx_run(&x, 61000);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OK);
    fx_end(&x);
}

TEST(key_that_is_revoked_ends_the_connection)
{
    REQUIRE(fx_ready(&x));
    fx_text(&x, "{\"id\":null,\"status\":401,\"error\":{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}}");
    fx_run(&x, 2000);
    STATE(AATS_GW_DOWN);
    CHECK_EQ_I64(x.connects, 1);
    fx_end(&x);
}

TEST(refused_stamp_rejects_the_order_and_has_the_clock_asked_anew)
{
    REQUIRE(fx_ready(&x));
    x.venue_ahead_ms = 8000; /* it has jumped */
    refuse("order.place", 1, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    TOLD(1, "CJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_TIMESTAMP);
    CHECK_STR(x.methods, "TSOAPT");
    x.stamps_off = 0;
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    TOLD(2, "CA");
    CHECK_EQ_I64(x.stamps_off, 0);
    refuse("order.cancel", 1, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
    fx_cancel(&x, 2); /* a cancel that was not executed is not lost */
    fx_run(&x, 1000);
    TOLD(2, "CAcaKZ");
    fx_end(&x);
}

TEST(refused_stamp_on_the_way_to_ready_begins_again_with_the_clock)
{
    fx_begin(&x);
    refuse("account.status", 1, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
    fx_run(&x, 20);
    CHECK_STR(x.methods, "TSOATSOA");
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(ban_is_obeyed_to_its_end)
{
    REQUIRE(fx_ready(&x));
    refuse("order.place", 1, 418, -1003, "Way too much request weight used; IP banned.");
    x.refuse_retry_ms = (FX_EPOCH_NS + x.mono_ns) / FX_MS + 30000;
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    TOLD(1, "CJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_BANNED);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OC_BANNED);
    fx_run(&x, 29900);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_BANNED);
    CHECK_STR(x.methods, "TSOAP"); /* not a word in between */
    fx_run(&x, 200);
    CHECK_EQ_I64(fx_place(&x, 4, FX_UNIT), AATS_OK);
    fx_end(&x);
}

TEST(cancel_that_the_venue_is_too_busy_for_waits_and_is_not_refused)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    refuse("order.cancel", 1, 429, -1003, "Too much request weight used.");
    x.refuse_retry_ms = (FX_EPOCH_NS + x.mono_ns) / FX_MS + 5000;
    fx_cancel(&x, 1);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OK); /* the venue has not answered yet */
    fx_run(&x, 4900);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_RATE_LIMIT);
    TOLD(1, "CAc");
    CHECK_EQ_I64(x.asked[AATS_OR_CANCEL], 1);
    fx_run(&x, 1000);
    TOLD(1, "CAcaKZ");
    CHECK_EQ_I64(x.asked[AATS_OR_CANCEL], 2);
    fx_end(&x);
}

TEST(refused_upgrade_tells_how_long_to_wait)
{
    fx_begin(&x);
    strcpy(x.upgrade, "HTTP/1.1 418 I'm a teapot\r\nRetry-After: 40\r\nContent-Length: 0\r\n\r\n");
    fx_run(&x, 39000);
    CHECK_EQ_I64(x.connects, 1);
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OC_BANNED);
    CHECK(fx_said(&x, "the upgrade was answered with HTTP 418 I'm a teapot"));
    x.upgrade[0] = 0;
    fx_run(&x, 2000);
    STATE(AATS_GW_READY);
    fx_end(&x);
}

TEST(connections_back_off_up_to_half_a_minute)
{
    fx_begin(&x);
    x.refuse_connect = 1;
    fx_run(&x, 1000);
    CHECK(x.connects >= 2);
    fx_run(&x, 119000);
    int most = x.connects;
    CHECK_MSG(most >= 8 && most <= 14, "%d attempts in two minutes", most);
    fx_end(&x);
}

RUN_ALL()
