/* test_session_amend.c -- an amendment on its way to a venue: answered, lost, never arrived, told by an event alone; and events that name an order by the venue's number. */
#include "ways_fixture.h"

#include "check.h"

static wx_t x;

static aats_oway_t const TWO[] = {
    {.kinds = WX_TRADES | WX_ASKS | BIT(AATS_OR_LOGON), .path = wx_path_a},
    {.kinds = BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN), .events = 1, .at = AATS_OAT_PRIVATE, .path = wx_path_b},
};

static void ready_with_one(void)
{
    wx_begin(&x, TWO, 2);
    wx_run(&x, 50);
    wx_place(&x, 1);
    wx_run(&x, 20);
    if (strcmp(x.orders[1].told, "CA")) abort();
    x.asked[0] = 0;
}

static int amend(int id, int64_t px, int64_t qty)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    aats_omsg_t refused = {.kind = AATS_OM_AMEND_REJECT, .instance = WX_OWN, .order_id = id, .cum_qty_i = -1};
    int go = 0;
    wx_note(&x, id, ev, aats_machine_amend(&x.orders[id].m, px, qty, WX_EPOCH_NS + x.mono_ns, ev, &go));
    int const code = go ? x.gw.amend(x.gw.self, &x.orders[id].m, &x.rules, x.why, sizeof x.why) : AATS_OC_NONE;
    refused.code = (uint32_t)code;
    if (code != AATS_OK) wx_note(&x, id, ev, aats_machine_take(&x.orders[id].m, &refused, WX_EPOCH_NS, ev));
    return code;
}

TEST(amendment_is_refused_where_the_venue_has_none_or_the_session_is_not_ready)
{
    ready_with_one();
    x.has &= ~BIT(AATS_OR_AMEND);
    CHECK_EQ_I64(amend(1, 90, 10), AATS_OC_UNSUPPORTED);
    x.has |= BIT(AATS_OR_AMEND);
    wx_cut(&x, 1);
    CHECK_EQ_I64(amend(1, 90, 10), AATS_OC_NOT_CONNECTED);
    CHECK_STR(x.orders[1].told, "CAmm");
    CHECK_EQ_I64(wx_venue_order(&x, 1)->amends, 0);
    wx_end(&x);
}

TEST(amendment_is_made_once_and_told)
{
    ready_with_one();
    CHECK_EQ_I64(amend(1, 90, 20), AATS_OK);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CAM");
    CHECK_EQ_I64(wx_venue_order(&x, 1)->qty_i, 20);
    CHECK_EQ_I64(x.orders[1].m.o.px_i, 90);
    wx_end(&x);
}

TEST(amendment_that_was_made_and_not_answered_is_found_by_asking_and_not_sent_again)
{
    ready_with_one();
    x.lose_kind = AATS_OR_AMEND;
    x.lose_cnt = 1;
    amend(1, 90, 20);
    wx_run(&x, 4000);
    CHECK_STR(x.orders[1].told, "CAUM");
    CHECK_EQ_I64(x.orders[1].unknown_code, AATS_OC_TIMEOUT);
    CHECK_EQ_I64(wx_venue_order(&x, 1)->amends, 1);
    wx_end(&x);
}

TEST(amendment_that_never_arrived_is_rejected_when_its_stamp_is_too_old_to_be_taken)
{
    ready_with_one();
    x.ignore_kind = AATS_OR_AMEND;
    x.ignore_cnt = 1;
    amend(1, 90, 20);
    wx_run(&x, 5500); /* asked for, and shown as it was: it may still be taken */
    CHECK_STR(x.orders[1].told, "CAU");
    wx_run(&x, 10000);
    CHECK_STR(x.orders[1].told, "CAUm");
    CHECK_EQ_I64(x.orders[1].m.o.qty_i, 10);
    CHECK_EQ_I64(wx_venue_order(&x, 1)->amends, 0);
    wx_end(&x);
}

TEST(amendment_under_way_when_the_connection_goes_is_known_before_long)
{
    ready_with_one();
    x.lose_kind = AATS_OR_AMEND;
    x.lose_cnt = 1;
    amend(1, 90, 20);
    wx_pass(&x, 1);
    wx_cut(&x, 0);
    wx_run(&x, 3000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.orders[1].told, "CAUM");
    CHECK_STR(x.words, "URDUR");
    wx_end(&x);
}

TEST(view_of_an_order_that_is_older_than_its_amendment_changes_nothing)
{
    ready_with_one();
    wx_cut(&x, 1);
    wx_run(&x, 600);
    x.wires[0].hold = 1; /* the look at open orders is asked for, and not answered yet */
    wx_run(&x, 3000);
    x.wires[0].hold = 0;
    wx_run(&x, 5000);
    REQUIRE(wx_ready(&x));
    amend(1, 90, 20);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CAM");
    wx_run(&x, 70000); /* looks by the way */
    CHECK_STR(x.orders[1].told, "CAM");
    wx_end(&x);
}

/* Order 1 is of a run that was killed: its amendment was written down, and nothing says whether a byte of it left. */
static void taken_over(int made)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    aats_order_t o = {.order_id = 1, .instance = WX_OWN, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px_exp = -8, .qty_exp = -8, .px_i = 100, .qty_i = 10,
                      .created_ns = WX_EPOCH_NS, .sent_ns = WX_EPOCH_NS, .symbol = "BTCUSDT.MADEUP"};
    aats_omsg_t doubt = {.kind = AATS_OM_UNKNOWN, .code = AATS_OC_DISCONNECTED, .instance = WX_OWN, .order_id = 1, .cum_qty_i = -1};
    int go = 0;
    wx_begin(&x, TWO, 2);
    wx_note(&x, 1, ev, aats_machine_new(&x.orders[1].m, &o, ev));
    x.orders[1].m.o.sent_ns = WX_EPOCH_NS;
    wx_note(&x, 1, ev, aats_machine_take(&x.orders[1].m, &doubt, WX_EPOCH_NS, ev));
    wx_note(&x, 1, ev, aats_machine_amend(&x.orders[1].m, 90, 20, WX_EPOCH_NS, ev, &go));
    x.gw.ask(x.gw.self, &x.orders[1].m, &x.rules);
    aats_client_id_format(WX_OWN, 1, x.at_venue[0].cid);
    x.at_venue[0].open = x.at_venue[0].placed = 1;
    x.at_venue[0].px_i = made ? 90 : 100;
    x.at_venue[0].qty_i = made ? 20 : 10;
    wx_run(&x, 500);
}

TEST(amendment_of_an_earlier_run_is_known_to_have_been_made_or_never_to_have_arrived)
{
    taken_over(1);
    REQUIRE(wx_ready(&x));
    CHECK_EQ_I64(x.orders[1].m.amend_qty_i, 0);
    CHECK_EQ_I64(x.orders[1].m.o.qty_i, 20);
    wx_end(&x);

    taken_over(0);
    REQUIRE(wx_ready(&x));
    CHECK_EQ_I64(x.orders[1].m.amend_qty_i, 20); /* it may still be taken */
    wx_run(&x, 20000);
    CHECK_EQ_I64(x.orders[1].m.amend_qty_i, 0);
    CHECK_EQ_I64(x.orders[1].m.o.qty_i, 10);
    CHECK_EQ_I64(amend(1, 90, 30), AATS_OK);
    wx_run(&x, 20);
    CHECK_EQ_I64(x.orders[1].m.o.qty_i, 30);
    wx_end(&x);
}

/* ---- the venue's number alone ---- */

static void number_of(int id, char *out, size_t cap) { snprintf(out, cap, "r-%08x", (unsigned)id); }

static int nameless_parse(char const *text, size_t n, aats_oreply_t *r)
{
    int const e = wx_parse(text, n, r);
    if (e == AATS_OK && r->kind == AATS_OV_EVENT) r->msgs[0].instance = 0, r->msgs[0].order_id = 0;
    return e;
}

TEST(event_that_names_an_order_by_the_venues_number_is_its_own_also_before_the_number_is_told)
{
    char number[32], line[128];
    ready_with_one();
    x.venue.parse = nameless_parse;
    number_of(1, number, sizeof number);
    CHECK_STR(x.orders[1].m.o.remote_id, number);
    snprintf(line, sizeof line, "E fill %016llx%016x 7 4 4", (unsigned long long)WX_OWN, 1);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CAE");

    x.wires[0].hold = 1; /* the answer that tells the number of the next one is late */
    wx_place(&x, 2);
    wx_run(&x, 20);
    snprintf(line, sizeof line, "E fill %016llx%016x 8 4 4", (unsigned long long)WX_OWN, 2);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_STR(x.orders[2].told, "C");
    x.wires[0].hold = 0;
    wx_run(&x, 20);
    CHECK_STR(x.orders[2].told, "CAE");
    wx_end(&x);
}

static int others_parse(char const *text, size_t n, aats_oreply_t *r)
{
    int const e = nameless_parse(text, n, r);
    if (e == AATS_OK && r->kind == AATS_OV_EVENT) strcpy(r->msgs[0].symbol, "ETHUSDT");
    return e;
}

TEST(somebody_elses_order_of_another_symbol_with_the_same_number_is_not_ours)
{
    char line[128];
    ready_with_one();
    x.venue.parse = others_parse;
    snprintf(line, sizeof line, "E done %016llx%016x", (unsigned long long)WX_OWN, 1);
    wx_text(&x, &x.wires[1], line);
    snprintf(line, sizeof line, "E fill %016llx%016x 7 4 4", (unsigned long long)WX_OWN, 1);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CA");
    wx_end(&x);
}

TEST(numbers_of_an_event_without_a_symbol_are_the_venues_and_become_the_symbols)
{
    char line[128];
    ready_with_one();
    x.venue.parse = nameless_parse;
    x.venue.qty_exp = -10;
    snprintf(line, sizeof line, "E fill %016llx%016x 7 400 650", (unsigned long long)WX_OWN, 1);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_STR(x.orders[1].told, "CAE");
    CHECK_EQ_I64(x.orders[1].m.o.cum_qty_i, 4);
    CHECK_EQ_I64(x.orders[1].m.venue_cum_i, 0); /* 6.5 is no number of lots: not told */
    snprintf(line, sizeof line, "E fill %016llx%016x 8 200 900", (unsigned long long)WX_OWN, 1);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_EQ_I64(x.orders[1].m.o.cum_qty_i, 6);
    CHECK_EQ_I64(x.orders[1].m.venue_cum_i, 9);
    wx_end(&x);
}

TEST(event_that_waited_for_a_number_is_told_before_the_end_that_brings_it)
{
    char line[128];
    ready_with_one();
    x.wires[0].hold = 1;
    wx_place(&x, 2);
    wx_run(&x, 20);
    x.venue.parse = nameless_parse;
    snprintf(line, sizeof line, "E fill %016llx%016x 8 4 4", (unsigned long long)WX_OWN, 2);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_STR(x.orders[2].told, "C");
    x.venue.parse = wx_parse;
    snprintf(line, sizeof line, "E done %016llx%016x", (unsigned long long)WX_OWN, 2);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 20);
    CHECK_STR(x.orders[2].told, "CAEKZ");
    CHECK_EQ_I64(x.orders[2].m.o.cum_qty_i, 4);
    wx_end(&x);
}

TEST(event_that_came_late_waits_for_its_number_as_long_as_one_that_came_early)
{
    char line[128];
    ready_with_one();
    x.wires[0].hold = 1;
    wx_place(&x, 2);
    wx_run(&x, 20);
    x.venue.parse = nameless_parse;
    wx_text(&x, &x.wires[1], "E fill 99992222333344440000000077777777 6 1 1"); /* somebody else's */
    wx_run(&x, 2500);
    snprintf(line, sizeof line, "E fill %016llx%016x 8 4 4", (unsigned long long)WX_OWN, 2);
    wx_text(&x, &x.wires[1], line);
    wx_run(&x, 1000);
    CHECK_STR(x.orders[2].told, "CU");
    x.wires[0].hold = 0;
    wx_run(&x, 20);
    CHECK_STR(x.orders[2].told, "CUAE");
    wx_end(&x);
}

RUN_ALL()
