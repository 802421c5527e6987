/* test_session_doubt.c -- an order session and what it must not take at its word: messages that cannot be read, waits, absence. */
#include "session_fixture.h"

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

/* What a fill looks like whose size has become something else. */
#define UNREADABLE "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":1785312001020,\"s\":\"BTCUSDT\",\"l\":{}}}"

/* ---- what cannot be read may have been a fill ---- */

TEST(event_that_cannot_be_read_has_every_open_order_asked_for)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    x.at_venue[0].cum_i = FX_UNIT;
    x.at_venue[0].status = FX_FILLED;
    fx_text(&x, UNREADABLE);
    fx_run(&x, 100);
    CHECK_EQ_I64(x.strange, 1);
    TOLD(1, "CAEZ");
    TOLD(2, "CA");
    CHECK_EQ_I64(x.asked[AATS_OR_QUERY], 2);
    STATE(AATS_GW_READY); /* others go on meanwhile */
    fx_end(&x);
}

TEST(a_venue_that_is_never_understood_is_asked_seldom_and_the_last_message_is_asked_about_too)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    for (int i = 0; i < 200; i++) {
        if (i == 199) x.at_venue[0].cum_i = FX_UNIT, x.at_venue[0].status = FX_FILLED;
        fx_text(&x, UNREADABLE);
        fx_pass(&x, 50);
    }
    CHECK_MSG(x.asked[AATS_OR_QUERY] <= 3, "%d questions in ten seconds", x.asked[AATS_OR_QUERY]);
    fx_run(&x, 9000);
    TOLD(1, "CAEZ");
    fx_end(&x);
}

TEST(an_answer_from_before_the_message_that_could_not_be_read_settles_nothing)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    refuse("order.cancel", 1, 400, -2011, "Unknown order sent.");
    fx_cancel(&x, 1);
    fx_move_out(&x);
    fx_serve(&x); /* refused: its state is asked for */
    x.hold = 1;
    fx_pass(&x, 1);
    CHECK_EQ_I64(x.asked[AATS_OR_QUERY], 1);
    CHECK_EQ_I64(x.held_cnt, 1); /* it lives, says the answer that is under way */
    x.at_venue[0].cum_i = FX_UNIT;
    x.at_venue[0].status = FX_FILLED;
    fx_text(&x, UNREADABLE);
    fx_pass(&x, 1);
    fx_release(&x);
    fx_run(&x, 2000);
    TOLD(1, "CAcjEZ");
    fx_end(&x);
}

/* ---- the subscription that is there ---- */

TEST(a_subscription_that_is_active_already_counts_as_listening)
{
    fx_begin(&x);
    refuse("userDataStream.subscribe.signature", 1, 400, -2035, "User Data Stream subscription already active.");
    fx_run(&x, 20);
    STATE(AATS_GW_READY);
    CHECK_EQ_I64(x.connects, 1);
    fx_end(&x);
}

/* ---- a venue that quotes the key ---- */

TEST(a_key_that_the_venue_quotes_is_told_to_nobody_not_even_where_a_line_is_cut_inside_it)
{
    for (int pad = 0; pad < 100; pad++) {
        char text[200];
        fx_begin(&x);
        snprintf(text, sizeof text, "%.*s KEY-OF-THE-TEST is none", pad,
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        refuse("account.status", 1, 401, -2015, text);
        fx_run(&x, 20);
        CHECK(x.downs == 1);
        CHECK_MSG(!strstr(x.log, "KEY-OF-T"), "%s", x.log);
        CHECK(!strstr(aats_session_last(x.s), "KEY-OF-T"));
        fx_end(&x);
    }
}

/* ---- absence ---- */

TEST(an_order_is_not_called_absent_while_the_venue_may_still_take_it)
{
    REQUIRE(fx_ready(&x));
    refuse("order.place", 1, 503, -1001, "Internal error."); /* its stamp is good for five seconds more */
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 5900);
    TOLD(1, "CU");
    fx_run(&x, 3000);
    TOLD(1, "CUJZ");
    fx_end(&x);
}

TEST(a_narrow_window_lets_absence_be_believed_sooner)
{
    aats_session_opts_t o = fx_opts();
    o.recv_window_ms = 1000;
    fx_begin_with(&x, &o, FX_SECRET);
    fx_run(&x, 20);
    refuse("order.place", 1, 503, -1001, "Internal error.");
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 2900); /* not before an answer would be late */
    TOLD(1, "CU");
    fx_run(&x, 2000);
    TOLD(1, "CUJZ");
    fx_end(&x);
}

/* ---- waiting ---- */

TEST(a_shorter_wait_does_not_end_a_ban)
{
    char text[300];
    REQUIRE(fx_ready(&x));
    x.lose = "order.place";
    x.lose_cnt = 2;
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_pass(&x, 1);
    snprintf(text, sizeof text, "{\"id\":5,\"status\":418,\"error\":{\"code\":-1003,\"msg\":\"banned\",\"data\":{\"retryAfter\":%lld}}}",
             (long long)((FX_EPOCH_NS + x.mono_ns) / FX_MS + 30000));
    fx_text(&x, text);
    fx_text(&x, "{\"id\":6,\"status\":429,\"error\":{\"code\":-1003,\"msg\":\"too much\"}}");
    fx_run(&x, 20000);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_BANNED);
    CHECK_STR(x.methods, "TSOAPP");
    fx_run(&x, 11000);
    CHECK_EQ_I64(fx_place(&x, 4, FX_UNIT), AATS_OK);
    fx_end(&x);
}

/* ---- limits on orders ---- */

TEST(too_many_orders_keep_no_cancel_back)
{
    REQUIRE(fx_ready(&x));
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    refuse("order.place", 1, 429, -1015, "Too many new orders; current limit is 200000 orders per 1 DAY.");
    x.refuse_retry_ms = (FX_EPOCH_NS + x.mono_ns) / FX_MS + 3600000;
    fx_place(&x, 2, FX_UNIT);
    fx_run(&x, 20);
    TOLD(2, "CJZ");
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_RATE_LIMIT);
    fx_cancel(&x, 1);
    fx_run(&x, 20);
    TOLD(1, "CAcaKZ");
    for (int i = 0; i < 60; i++) fx_run(&x, 20000), fx_frame(&x, AATS_WS_PING, "1", 1); /* twenty minutes */
    CHECK_EQ_I64(fx_place(&x, 4, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 2);
    fx_end(&x);
}

#define LIMITED(id, tail) \
    "{\"id\":" id ",\"status\":400,\"error\":{\"code\":-2010,\"msg\":\"no\"},\"rateLimits\":[{\"rateLimitType\":\"ORDERS\"," tail "}]}"

TEST(a_limit_of_the_day_counts_for_the_day_beside_that_of_ten_seconds)
{
    REQUIRE(fx_ready(&x));
    x.lose = "order.place";
    x.lose_cnt = 2;
    fx_place(&x, 1, FX_UNIT);
    fx_place(&x, 2, FX_UNIT);
    fx_pass(&x, 1);
    fx_text(&x, LIMITED("5", "\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":20,\"count\":19"));
    fx_text(&x, LIMITED("6", "\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":2,\"count\":2"));
    fx_pass(&x, 1);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK(strstr(x.why, "2 orders in 10 s") != NULL);
    fx_run(&x, 11000);
    x.lose_cnt = 1;
    CHECK_EQ_I64(fx_place(&x, 4, FX_UNIT), AATS_OK); /* the twentieth */
    CHECK_EQ_I64(fx_place(&x, 5, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK(strstr(x.why, "20 orders in 86400 s") != NULL);
    fx_end(&x);
}

RUN_ALL()
