/* test_session_http.c -- an order session whose orders go by HTTP, and its events by a WebSocket: each way in which an answer can be cut, late, strange or refused. */
#include "ways_fixture.h"

#include "check.h"

static wx_t x;

/* Link 0: events; 1: HTTP, anything; 2: HTTP, orders and cancels alone. */
static aats_oway_t const WAYS[] = {
    {.kinds = BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN), .events = 1, .at = AATS_OAT_PRIVATE, .path = wx_path_b},
    {.kind = AATS_OWAY_HTTP, .kinds = WX_TRADES | WX_ASKS},
};
/* Orders by WebSocket, questions by HTTP, and a token. */
static aats_oway_t const THREE[] = {
    {.kinds = WX_TRADES | BIT(AATS_OR_LOGON), .path = wx_path_a},
    {.kinds = BIT(AATS_OR_LISTEN), .events = 1, .token = 1, .path = wx_path_token},
    {.kind = AATS_OWAY_HTTP, .kinds = WX_ASKS | BIT(AATS_OR_TOKEN)},
};

static void ready(void)
{
    wx_begin(&x, WAYS, 2);
    wx_run(&x, 50);
    if (!wx_ready(&x)) abort();
    x.asked[0] = 0;
}

TEST(requests_go_over_kept_connections_with_their_host_and_what_stands_before_the_path)
{
    wx_begin(&x, THREE, 3);
    x.has |= BIT(AATS_OR_TOKEN);
    wx_run(&x, 50);
    REQUIRE(wx_ready(&x));
    CHECK_EQ_I64(aats_session_links(x.s), 4);
    CHECK_STR(x.asked, "1/2 2/0 13/2 3/1 5/2 4/2 ");
    CHECK_STR(x.wires[2].target, "/before/api/4");
    CHECK(strstr(x.wires[2].head, "Host: third.example:8443\r\n") != NULL);
    CHECK_EQ_I64(x.wires[2].connects, 1);
    CHECK_EQ_I64(x.wires[2].requests, 4);
    CHECK_EQ_I64(x.wires[3].requests, 0);
    CHECK_STR(x.wires[1].target, "/ws/tok1");
    wx_end(&x);
}

TEST(orders_and_cancels_do_not_wait_behind_a_slow_question)
{
    ready();
    x.wires[1].hold = 1;
    x.venue.ping_ns = 0;
    wx_run(&x, 60100); /* the clock is asked for, and what is open is looked at */
    CHECK(x.wires[1].in_sz > 0);
    CHECK_EQ_I64(wx_place(&x, 1), AATS_OK);
    wx_run(&x, 20);
    wx_cancel(&x, 1);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CAcaKZ");
    CHECK_EQ_I64(x.wires[2].requests, 2);
    wx_end(&x);
}

TEST(more_orders_than_connections_wait_their_turn_and_a_cancel_goes_first)
{
    ready();
    wx_place(&x, 1);
    wx_run(&x, 20);
    x.asked[0] = 0;
    x.wires[1].hold = x.wires[2].hold = 1;
    for (int id = 2; id <= 5; id++) CHECK_EQ_I64(wx_place(&x, id), AATS_OK);
    wx_cancel(&x, 1);
    wx_run(&x, 20);
    x.wires[1].hold = x.wires[2].hold = 0;
    wx_run(&x, 50);
    CHECK_STR(x.asked, "6/1 6/1 7/1 6/1 6/1 ");
    for (int id = 2; id <= 5; id++) CHECK_STR(x.orders[id].told, "CA");
    CHECK_STR(x.orders[1].told, "CAcaKZ");
    wx_end(&x);
}

TEST(order_that_no_connection_was_free_for_has_failed_and_nothing_of_it_went_out)
{
    ready();
    x.wires[1].hold = x.wires[2].hold = 1;
    for (int id = 1; id <= 3; id++) CHECK_EQ_I64(wx_place(&x, id), AATS_OK);
    wx_run(&x, 3100);
    CHECK_STR(x.orders[3].told, "CJZ");
    CHECK_EQ_I64(x.orders[3].code, AATS_OC_NOT_CONNECTED);
    CHECK_STR(x.orders[1].told, "CU");
    x.wires[1].hold = x.wires[2].hold = 0;
    wx_run(&x, 30000); /* those two never arrived, as it turns out */
    CHECK(wx_venue_order(&x, 3) == NULL);
    CHECK_STR(x.orders[1].told, "CUJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_NOT_RECEIVED);
    wx_end(&x);
}

/* Wherever in its answer the connection is cut: the order is unknown, asked for, and never sent twice. */
TEST(order_whose_connection_is_cut_anywhere_in_its_answer_is_unknown_and_asked_for)
{
    for (int64_t cut = 1; cut < 130; cut += 7) {
        ready();
        x.chunked = cut & 1;
        wx_place(&x, 1);
        x.wires[2].to_session = cut;
        wx_run(&x, 2000);
        CHECK_STR(x.orders[1].told, x.wires[2].connects > 1 ? "CUA" : "CA");
        CHECK_EQ_I64(wx_venue_order(&x, 1)->placed, 1);
        CHECK_STR(x.words, "UR");
        wx_end(&x);
    }
}

TEST(question_whose_connection_is_cut_is_asked_again_by_the_next_one)
{
    wx_begin(&x, WAYS, 2);
    wx_pass(&x, 0);
    x.lose_kind = AATS_OR_OPEN;
    x.lose_cnt = 1;
    wx_pass(&x, 10);
    wx_cut(&x, 1);
    wx_run(&x, 1000);
    CHECK(wx_ready(&x));
    CHECK_STR(x.words, "UR");
    wx_end(&x);
}

TEST(answers_in_chunks_behind_a_100_continue_and_with_a_good_bye_are_read)
{
    wx_begin(&x, WAYS, 2);
    x.chunked = x.continue_first = x.close_after = 1;
    wx_run(&x, 200);
    REQUIRE(wx_ready(&x));
    CHECK_EQ_I64(x.wires[1].connects, x.wires[1].requests + 1); /* a new one for each, and one that waits */
    wx_place(&x, 1);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CA");
    CHECK_EQ_I64(x.strange, 0);
    wx_end(&x);
}

TEST(idle_connection_that_the_venue_closes_is_opened_again_and_nobody_is_told)
{
    ready();
    for (int i = 0; i < 5; i++) {
        wx_run(&x, 6000);
        wx_cut(&x, 1);
        wx_cut(&x, 2);
        wx_run(&x, 20);
    }
    CHECK_EQ_I64(x.wires[2].connects, 6);
    CHECK_EQ_I64(wx_place(&x, 1), AATS_OK);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CA");
    CHECK_STR(x.words, "UR");
    wx_raw(&x, &x.wires[2], "HTTP/1.1 408 Request Timeout\r\n\r\n", 32); /* some say so */
    wx_run(&x, 20);
    CHECK_EQ_I64(x.strange, 0);
    CHECK_EQ_I64(wx_place(&x, 2), AATS_OK);
    wx_run(&x, 20);
    CHECK_STR(x.orders[2].told, "CA");
    wx_end(&x);
}

TEST(orders_are_refused_while_no_connection_for_them_can_be_made)
{
    ready();
    x.refuse_way = 1;
    wx_cut(&x, 1);
    wx_cut(&x, 2);
    wx_run(&x, 2000);
    CHECK_EQ_I64(wx_place(&x, 1), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "connection refused") != NULL);
    x.refuse_way = -1;
    wx_run(&x, 20000);
    CHECK_EQ_I64(wx_place(&x, 2), AATS_OK);
    wx_end(&x);
}

TEST(late_answer_ends_its_connection_and_is_not_taken_for_the_next_one)
{
    ready();
    x.lose_kind = AATS_OR_PLACE;
    x.lose_cnt = 1;
    wx_place(&x, 1);
    wx_run(&x, 3100);
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_TIMEOUT);
    CHECK_EQ_I64(x.wires[2].connects, 2);
    wx_run(&x, 1000);
    CHECK_STR(x.orders[1].told, "CUA");
    CHECK_EQ_I64(wx_venue_order(&x, 1)->placed, 1);
    wx_end(&x);
}

#define PAGE "<html><head><title>503 Service Temporarily Unavailable</title></head></html>"

TEST(page_in_html_leaves_an_order_unknown_and_is_no_rejection)
{
    ready();
    x.answer_kind = AATS_OR_PLACE;
    snprintf(x.answer_raw, sizeof x.answer_raw, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n\r\n%s", strlen(PAGE), PAGE);
    wx_place(&x, 1);
    wx_run(&x, 1000);
    CHECK_STR(x.orders[1].told, "CUA");
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_VENUE_UNSURE);
    CHECK_EQ_I64(wx_venue_order(&x, 1)->placed, 1);
    wx_end(&x);
}

TEST(maintenance_on_the_way_to_ready_is_waited_for_as_long_as_the_venue_says)
{
    wx_begin(&x, WAYS, 2);
    x.answer_kind = AATS_OR_OPEN;
    snprintf(x.answer_raw, sizeof x.answer_raw, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 20\r\nContent-Length: %zu\r\n\r\n%s", strlen(PAGE), PAGE);
    wx_run(&x, 19000);
    CHECK(!wx_ready(&x));
    CHECK(strstr(x.log, "wants us to wait 20000 ms") != NULL);
    wx_run(&x, 3000);
    CHECK(wx_ready(&x));
    wx_end(&x);
}

TEST(retry_after_of_a_429_holds_orders_back)
{
    ready();
    x.answer_kind = AATS_OR_PLACE;
    snprintf(x.answer_raw, sizeof x.answer_raw, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    wx_place(&x, 1);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CJZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_RATE_LIMIT);
    wx_run(&x, 6000);
    CHECK_EQ_I64(wx_place(&x, 2), AATS_OC_RATE_LIMIT);
    wx_run(&x, 1100);
    CHECK_EQ_I64(wx_place(&x, 3), AATS_OK);
    wx_end(&x);
}

TEST(answer_that_is_no_http_or_none_of_the_venues_leaves_the_order_unknown)
{
    static char const *const BAD[] = {
        "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        ready();
        x.answer_kind = AATS_OR_PLACE;
        strcpy(x.answer_raw, BAD[i]);
        wx_place(&x, 1);
        wx_run(&x, 1000);
        CHECK_MSG(!strcmp(x.orders[1].told, "CUA"), "case %zu: told %s", i, x.orders[1].told);
        CHECK_EQ_I64(wx_venue_order(&x, 1)->placed, 1);
        CHECK_STR(x.words, "UR");
        wx_end(&x);
    }
}

TEST(loss_of_the_events_fails_what_waits_and_keeps_what_is_under_way_by_http)
{
    ready();
    x.wires[1].hold = x.wires[2].hold = 1;
    for (int id = 1; id <= 3; id++) wx_place(&x, id);
    wx_run(&x, 20);
    wx_cut(&x, 0);
    x.wires[1].hold = x.wires[2].hold = 0;
    wx_run(&x, 3000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.orders[3].told, "CJZ");
    CHECK_STR(x.orders[1].told, "CA");
    CHECK_STR(x.words, "URDUR");
    CHECK(wx_venue_order(&x, 3) == NULL);
    wx_end(&x);
}

TEST(cancel_whose_connection_is_cut_is_asked_for_and_sent_again_only_if_the_order_lives)
{
    ready();
    wx_place(&x, 1);
    wx_run(&x, 20);
    x.ignore_kind = AATS_OR_CANCEL;
    x.ignore_cnt = 1;
    wx_cancel(&x, 1);
    wx_pass(&x, 1);
    wx_cut(&x, 2);
    wx_run(&x, 3000);
    CHECK_STR(x.orders[1].told, "CAcUaKZ");
    CHECK_EQ_I64(wx_venue_order(&x, 1)->cancels, 1);
    wx_end(&x);
}

TEST(good_bye_ends_http_connections_too)
{
    ready();
    x.gw.leave(x.gw.self);
    wx_run(&x, 2000);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_LEFT);
    CHECK_EQ_I64(x.wires[0].connected + x.wires[1].connected + x.wires[2].connected, 0);
    wx_end(&x);
}

/* A switch of each symbol, by HTTP. */
static aats_oway_t const SWITCH[] = {
    {.kinds = BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN), .events = 1, .path = wx_path_b},
    {.kind = AATS_OWAY_HTTP, .kinds = WX_TRADES | WX_ASKS | BIT(AATS_OR_DEADMAN)},
};
static char armed[64], off[64];
static int by_symbol(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    if (req->kind == AATS_OR_DEADMAN && !req->rules) return AATS_E_ARG;
    char *to = req->deadman_ms ? armed : off;
    if (req->kind == AATS_OR_DEADMAN) to[strlen(to)] = req->rules->native[0];
    return wx_encode(req, auth, out, cap);
}
TEST(good_bye_turns_the_switch_of_every_symbol_off_before_it_leaves)
{
    wx_begin(&x, SWITCH, 2);
    x.has |= BIT(AATS_OR_DEADMAN);
    x.venue.deadman_ms = 1000;
    x.venue.encode = by_symbol;
    for (int i = 0; i < 4; i++) {
        aats_rules_t r = x.rules;
        r.native[0] = (char)('C' + i), r.symbol[0] = (char)('C' + i);
        aats_session_symbol(x.s, &r);
    }
    aats_session_deadman(x.s, 6000 * (int64_t)1000000);
    wx_run(&x, 500);
    REQUIRE(wx_ready(&x));
    CHECK_STR(armed, "BCDEF");
    x.asked[0] = 0;
    x.gw.leave(x.gw.self);
    wx_run(&x, 2000);
    CHECK_STR(off, "BCDEF");
    CHECK_STR(x.asked, "11/1 11/1 11/1 11/1 11/1 ");
    wx_end(&x);
}

/* arming_held begins with a request that arms the switch and is not answered.  The connection that it went by, 0: there was no session. */
static uint32_t arming_held(void)
{
    wx_begin(&x, SWITCH, 2);
    x.has |= BIT(AATS_OR_DEADMAN);
    x.venue.deadman_ms = 1000;
    wx_run(&x, 100);
    if (!wx_ready(&x)) return 0;
    aats_session_deadman(x.s, 6000 * (int64_t)1000000);
    for (int link = 1; link < 3; link++) x.wires[link].hold = 1;
    wx_run(&x, 20);
    return x.wires[1].in_sz ? 1 : 2;
}

TEST(switch_that_was_turned_off_is_not_armed_again_by_a_request_that_was_lost_before)
{
    uint32_t const arming = arming_held();
    REQUIRE(arming);
    aats_session_deadman(x.s, 0);
    wx_run(&x, 20);
    CHECK_EQ_I64((int64_t)x.wires[3 - arming].in_sz, 0); /* by the other connection it could arrive first, and the switch would stay armed */
    for (int link = 1; link < 3; link++) x.wires[link].hold = 0;
    x.asked[0] = 0;
    wx_cut(&x, arming);
    wx_run(&x, 200);
    CHECK_STR(x.asked, "11/1 ");
    wx_end(&x);
}

TEST(switch_whose_request_was_lost_is_armed_anew_at_once)
{
    uint32_t const arming = arming_held();
    REQUIRE(arming);
    for (int link = 1; link < 3; link++) x.wires[link].hold = 0;
    x.asked[0] = 0;
    wx_cut(&x, arming);
    wx_run(&x, 200);
    CHECK_STR(x.asked, "11/1 ");
    wx_end(&x);
}

static int room; /* requests of the switch that find a token */
static int with_room(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    if (req->kind == AATS_OR_DEADMAN && !req->rules) return AATS_E_ARG;
    if (req->kind == AATS_OR_DEADMAN && room-- <= 0) return AATS_E_BUSY;
    return by_symbol(req, auth, out, cap);
}

static void four_symbols(void)
{
    armed[0] = off[0] = 0;
    memset(armed, 0, sizeof armed);
    memset(off, 0, sizeof off);
    wx_begin(&x, SWITCH, 2);
    x.has |= BIT(AATS_OR_DEADMAN);
    x.venue.deadman_ms = 1000;
    x.venue.encode = with_room;
    for (int i = 0; i < 3; i++) {
        aats_rules_t r = x.rules;
        r.native[0] = (char)('C' + i), r.symbol[0] = (char)('C' + i);
        aats_session_symbol(x.s, &r);
    }
    aats_session_deadman(x.s, 60000 * (int64_t)1000000);
}

TEST(switch_of_symbols_goes_on_where_there_was_no_token_and_none_is_left_armed)
{
    four_symbols();
    room = 2;
    wx_run(&x, 500);
    REQUIRE(wx_ready(&x));
    CHECK_STR(armed, "BC");
    room = 100;
    wx_run(&x, 100);
    CHECK_STR(armed, "BCDE");
    room = 1;
    x.gw.leave(x.gw.self);
    wx_run(&x, 200);
    CHECK_STR(off, "B");
    CHECK(x.gw.state(x.gw.self) != AATS_GW_LEFT);
    room = 100;
    wx_run(&x, 100);
    CHECK_STR(off, "BCDE");
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_LEFT);
    wx_end(&x);

    four_symbols(); /* armed for one alone: turned off all the same */
    room = 1;
    wx_run(&x, 500);
    CHECK_STR(armed, "B");
    room = 100;
    aats_session_deadman(x.s, 0);
    wx_run(&x, 50);
    CHECK_STR(off, "BCDE");
    CHECK_STR(armed, "B");
    wx_end(&x);
}

TEST(switch_that_cannot_be_turned_off_before_the_end_says_so)
{
    four_symbols();
    room = 100;
    wx_run(&x, 500);
    room = 0;
    x.gw.leave(x.gw.self);
    wx_run(&x, 900);
    CHECK(strstr(x.log, "could not be turned off") == NULL);
    wx_run(&x, 300);
    CHECK(strstr(x.log, "could not be turned off in time: the venue cancels every order in 60 s") != NULL);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_LEFT);
    wx_end(&x);
}

TEST(turning_off_that_was_not_answered_is_said_again)
{
    wx_begin(&x, SWITCH, 2);
    x.has |= BIT(AATS_OR_DEADMAN);
    x.venue.deadman_ms = 1000;
    aats_session_deadman(x.s, 60000 * (int64_t)1000000);
    wx_run(&x, 100);
    REQUIRE(wx_ready(&x));
    x.asked[0] = 0;
    x.ignore_kind = AATS_OR_DEADMAN;
    x.ignore_cnt = 1;
    aats_session_deadman(x.s, 0);
    wx_run(&x, 5000);
    CHECK_STR(x.asked, "11/1 11/1 ");
    wx_end(&x);
}

TEST(position_mode_that_the_venue_does_not_tell_is_said_and_leaves_it_to_the_venue)
{
    static aats_oway_t const ASKED[] = {
        {.kinds = BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN), .events = 1, .path = wx_path_b},
        {.kind = AATS_OWAY_HTTP, .kinds = WX_TRADES | WX_ASKS | BIT(AATS_OR_MODE)},
    };
    wx_begin(&x, ASKED, 2);
    x.has |= BIT(AATS_OR_MODE);
    x.answer_kind = AATS_OR_MODE;
    strcpy(x.answer_raw, "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope");
    wx_run(&x, 100);
    CHECK(wx_ready(&x));
    CHECK(strstr(x.log, "does not tell the position mode") != NULL);
    wx_end(&x);
}

RUN_ALL()
