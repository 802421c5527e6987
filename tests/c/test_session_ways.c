/* test_session_ways.c -- an order session at venues of two and three WebSockets: which request goes by which, log-on and subscription on each, tokens, pings, and what
 * the loss of one means. */
#include "ways_fixture.h"

#include "check.h"

static wx_t x;

/* A way for orders and one for events, each with its own log-on; questions go by the first. */
static aats_oway_t const TWO[] = {
    {.kinds = WX_TRADES | WX_ASKS | BIT(AATS_OR_LOGON), .path = wx_path_a},
    {.kinds = BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN), .events = 1, .at = AATS_OAT_PRIVATE, .path = wx_path_b},
};
/* Events come by a connection that can be opened with a token alone. */
static aats_oway_t const TOKEN[] = {
    {.kinds = WX_TRADES | WX_ASKS | BIT(AATS_OR_LOGON) | BIT(AATS_OR_TOKEN) | BIT(AATS_OR_TOKEN_KEEP), .path = wx_path_a},
    {.kinds = BIT(AATS_OR_LISTEN), .events = 1, .token = 1, .path = wx_path_token},
};

static void two(void)
{
    wx_begin(&x, TWO, 2);
    x.events = 1;
    wx_run(&x, 50);
}

static void token(void)
{
    wx_begin(&x, TOKEN, 2);
    x.has |= BIT(AATS_OR_TOKEN) | BIT(AATS_OR_TOKEN_KEEP);
    x.venue.token_keep_ns = 1800 * (int64_t)1000000000;
    wx_run(&x, 50);
}

TEST(requests_go_by_their_ways_and_ready_comes_after_log_on_and_subscription_on_each)
{
    two();
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.asked, "1/0 2/1 2/0 3/1 5/0 4/0 ");
    CHECK_STR(x.wires[0].target, "/trade");
    CHECK_STR(x.wires[1].target, "/private");
    CHECK_STR(x.words, "UR");
    CHECK_EQ_I64(wx_place(&x, 1), AATS_OK);
    wx_run(&x, 20);
    wx_cancel(&x, 1);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CAcaKZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_CANCELED);
    wx_end(&x);
}

TEST(order_is_refused_until_every_connection_is_there)
{
    wx_begin(&x, TWO, 2);
    x.refuse_way = 1;
    wx_run(&x, 50);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_DOWN);
    CHECK_EQ_I64(wx_place(&x, 1), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.log, "second.example: connection refused") != NULL);
    CHECK_STR(x.words, "");
    x.refuse_way = -1;
    wx_run(&x, 3000);
    CHECK(wx_ready(&x));
    wx_end(&x);
}

TEST(loss_of_the_events_way_is_a_gap_and_everything_is_asked_for_before_ready)
{
    two();
    wx_place(&x, 1);
    wx_run(&x, 20);
    x.asked[0] = 0;
    wx_cut(&x, 1);
    wx_pass(&x, 0);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_DOWN);
    wx_venue_order(&x, 1)->open = 0; /* while nobody listens */
    wx_run(&x, 3000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.words, "URDUR");
    CHECK_EQ_I64(x.wires[0].connects, 2); /* they live and die together */
    CHECK_EQ_I64(x.wires[1].connects, 2);
    CHECK(strstr(x.asked, "2/1 2/0 3/1 5/0") != NULL);
    CHECK_STR(x.orders[1].told, "CAKZ");
    wx_end(&x);
}

TEST(order_under_way_when_the_orders_way_goes_is_unknown_then_asked_for_and_never_sent_again)
{
    two();
    x.lose_kind = AATS_OR_PLACE;
    x.lose_cnt = 1;
    x.events = 0;
    wx_place(&x, 1);
    wx_pass(&x, 1);
    wx_cut(&x, 0);
    wx_run(&x, 3000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.orders[1].told, "CUA");
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_DISCONNECTED);
    CHECK_EQ_I64(wx_venue_order(&x, 1)->placed, 1);
    wx_end(&x);
}

TEST(order_that_was_taken_without_a_word_is_asked_for_when_no_event_tells_of_it)
{
    two();
    x.no_news = 1;
    x.events = 0;
    wx_place(&x, 1);
    wx_run(&x, 2900);
    CHECK_STR(x.orders[1].told, "C");
    CHECK(strstr(x.asked, "9/0") == NULL);
    wx_run(&x, 300);
    CHECK(strstr(x.asked, "9/0") != NULL);
    CHECK_STR(x.orders[1].told, "CA");
    x.events = 1;
    x.asked[0] = 0;
    wx_place(&x, 2);
    wx_run(&x, 6000);
    CHECK_STR(x.orders[2].told, "CA");
    CHECK(strstr(x.asked, "9/0") == NULL);
    wx_end(&x);
}

TEST(answer_without_an_id_is_that_of_the_oldest_greeting_of_its_way)
{
    wx_begin(&x, TWO, 2);
    x.ignore_kind = AATS_OR_LOGON;
    x.ignore_cnt = 2;
    wx_run(&x, 20);
    CHECK_STR(x.asked, "1/0 2/1 2/0 ");
    wx_text(&x, &x.wires[1], "A 0 200");
    wx_run(&x, 20);
    CHECK_STR(x.asked, "1/0 2/1 2/0 ");
    wx_text(&x, &x.wires[0], "A 2 200");
    wx_run(&x, 20);
    CHECK(wx_ready(&x));
    wx_text(&x, &x.wires[0], "A 2 200"); /* nobody has asked */
    wx_run(&x, 20);
    CHECK_EQ_I64(x.strange, 1);
    wx_end(&x);
}

TEST(token_is_asked_for_before_its_way_is_opened_and_stands_in_the_path)
{
    token();
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.asked, "1/0 2/0 13/0 3/1 5/0 4/0 ");
    CHECK_STR(x.wires[1].target, "/ws/tok1");
    wx_cut(&x, 1);
    wx_run(&x, 3000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.wires[1].target, "/ws/tok2");
    CHECK_STR(x.words, "URDUR");
    CHECK(strstr(x.log, "tok") == NULL);
    wx_end(&x);
}

TEST(token_is_kept_alive_and_a_venue_that_does_not_keep_it_is_connected_to_anew)
{
    token();
    x.asked[0] = 0;
    x.venue.ping_ns = 0;
    x.mono_ns += 1800 * (int64_t)1000000000;
    wx_run(&x, 50);
    CHECK(strstr(x.asked, "14/0") != NULL);
    CHECK(wx_ready(&x));
    CHECK_EQ_I64(x.tokens, 1);
    wx_text(&x, &x.wires[1], "deaf");
    wx_run(&x, 3000);
    CHECK(wx_ready(&x));
    CHECK_EQ_I64(x.tokens, 2);
    CHECK_STR(x.words, "URDUR");
    wx_end(&x);
}

TEST(venue_that_gives_no_token_is_tried_again_later)
{
    wx_begin(&x, TOKEN, 2);
    x.has |= BIT(AATS_OR_TOKEN);
    x.ignore_kind = AATS_OR_TOKEN;
    x.ignore_cnt = 1;
    wx_run(&x, 3040);
    CHECK(strstr(x.log, "no answer to a token in time") != NULL);
    CHECK_EQ_I64(x.wires[1].connects, 0);
    wx_run(&x, 3000);
    CHECK(wx_ready(&x));
    wx_end(&x);
}

TEST(way_with_a_ping_of_its_own_is_kept_alive_by_it_and_one_that_is_mute_is_given_up)
{
    aats_oway_t ways[2] = {TWO[0], TWO[1]};
    for (int i = 0; i < 2; i++) ways[i].ping = wx_ping, ways[i].ping_every_ns = 5000000000, ways[i].silence_ns = 12000000000;
    wx_begin(&x, ways, 2);
    x.venue.ping_ns = 0;
    wx_run(&x, 30000);
    CHECK_STR(x.words, "UR");
    CHECK(wx_ready(&x));
    x.wires[1].hold = 1;
    wx_run(&x, 13000);
    CHECK_STR(x.words, "URD");
    CHECK(strstr(x.log, "mute") != NULL);
    wx_end(&x);
}

TEST(stages_that_a_venue_does_not_have_are_passed_over)
{
    wx_begin(&x, TWO, 2);
    x.has = WX_TRADES | BIT(AATS_OR_OPEN) | BIT(AATS_OR_QUERY);
    wx_run(&x, 50);
    CHECK(wx_ready(&x));
    CHECK_STR(x.asked, "5/0 ");
    wx_end(&x);
}

TEST(positions_are_asked_for_where_there_are_any)
{
    aats_oway_t ways[2] = {TWO[0], TWO[1]};
    ways[0].kinds |= BIT(AATS_OR_POSITIONS);
    wx_begin(&x, ways, 2);
    x.has |= BIT(AATS_OR_POSITIONS);
    wx_run(&x, 50);
    CHECK(wx_ready(&x));
    CHECK_EQ_I64(x.positions, 1);
    wx_end(&x);
}

TEST(good_bye_closes_every_connection)
{
    two();
    x.gw.leave(x.gw.self);
    wx_run(&x, 50);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_LEFT);
    CHECK_EQ_I64(x.wires[0].connected + x.wires[1].connected, 0);
    wx_run(&x, 5000);
    CHECK_EQ_I64(x.wires[0].connects, 1);
    wx_end(&x);
}

static int refused_parse(char const *text, size_t n, aats_oreply_t *r)
{
    (void)text, (void)n;
    r->kind = AATS_OV_REPLY, r->status = 400, r->fatal = 1, r->code = 7;
    r->answers = AATS_OR_LOGON;
    r->text = "Invalid passphrase: PASSPHRASE-OF-THE-TEST for KEY-OF-THE-TEST", r->text_len = strlen(r->text);
    return AATS_OK;
}
TEST(neither_passphrase_nor_token_is_in_a_line)
{
    wx_begin(&x, TWO, 2);
    aats_session_passphrase(x.s, "PASSPHRASE-OF-THE-TEST");
    x.venue.parse = refused_parse;
    wx_run(&x, 50);
    CHECK(strstr(x.log, "Invalid passphrase") != NULL);
    CHECK(strstr(x.log, "PASSPHRASE-OF") == NULL);
    CHECK(strstr(x.log, "KEY-OF") == NULL);
    wx_end(&x);
}

/* ---- the position mode ---- */

static int hedged;

static int mode_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    if (kind == AATS_OR_MODE && hedged) aats_order_unfit(r);
    return wx_result(r, kind, order);
}

TEST(account_in_hedge_mode_gets_no_session_and_is_told_why)
{
    aats_oway_t ways[2] = {TWO[0], TWO[1]};
    ways[0].kinds |= BIT(AATS_OR_MODE);
    wx_begin(&x, ways, 2);
    x.has |= BIT(AATS_OR_MODE);
    x.venue.result = mode_result;
    hedged = 1;
    wx_run(&x, 30000);
    CHECK(!wx_ready(&x));
    CHECK_STR(x.words, "");
    CHECK_STR(x.asked, "1/0 2/1 2/0 16/0 "); /* nothing was listened to, and it is not asked again at once */
    CHECK_EQ_I64(wx_place(&x, 1), AATS_OC_NOT_CONNECTED);
    CHECK(strstr(x.why, "hedge mode") != NULL);
    CHECK(strstr(x.log, "switch its position mode at the venue; no order is sent until that is so") != NULL);
    hedged = 0;
    wx_run(&x, 40000);
    CHECK(wx_ready(&x));
    wx_end(&x);
}

TEST(position_mode_of_symbols_is_asked_of_each)
{
    aats_oway_t ways[2] = {TWO[0], TWO[1]};
    ways[0].kinds |= BIT(AATS_OR_MODE);
    wx_begin(&x, ways, 2);
    x.has |= BIT(AATS_OR_MODE);
    x.venue.mode_by_symbol = 1;
    aats_rules_t other = x.rules;
    other.native[0] = other.symbol[0] = 'E';
    aats_session_symbol(x.s, &other);
    wx_run(&x, 50);
    CHECK(wx_ready(&x));
    CHECK_STR(x.asked, "1/0 2/1 2/0 16/0 16/0 3/1 5/0 5/0 4/0 ");
    wx_end(&x);
}

RUN_ALL()
