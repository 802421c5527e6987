/* test_session_page.c -- a list that comes in pages, as an order session reads it: all of it or nothing, and a page that fails is asked for again.  How each
 * venue says where the next page begins stands in its own test; the whole of it against the exchanges in tests/world/test_pages.py. */
#include "ways_fixture.h"

#include "check.h"

static wx_t x;
static int page, deaf_to_pages;
static char cursors[256];

static aats_oway_t const WAYS[] = {
    {.kinds = WX_TRADES | BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN), .events = 1, .path = wx_path_a},
    {.kind = AATS_OWAY_HTTP, .kinds = WX_ASKS},
};

static int encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    if (req->kind == AATS_OR_ACCOUNT || req->kind == AATS_OR_FILLS) page = req->cursor ? atoi(req->cursor) : 0;
    if (req->cursor) {
        size_t const at = strlen(cursors);
        snprintf(cursors + at, sizeof cursors - at, "%u:%s ", req->kind, req->cursor);
        x.ignore_kind = (int)req->kind;
        x.ignore_cnt = deaf_to_pages > 0 && deaf_to_pages--;
    }
    return wx_encode(req, auth, out, cap);
}

static void add(aats_oreply_t *r, char const *asset, uint64_t amount)
{
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    memset(m, 0, sizeof *m);
    m->kind = AATS_OM_BALANCE;
    m->fee_exp = -8;
    m->cum_qty_i = -1;
    m->amount.lo = amount;
    snprintf(m->fee_asset, sizeof m->fee_asset, "%s", asset);
}

/* Of one order, newest first: a trade on each of two pages. */
static int fills(aats_oreply_t *r, aats_order_t const *order)
{
    if (!order) return AATS_OK;
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    memset(m, 0, sizeof *m);
    *m = (aats_omsg_t){.kind = AATS_OM_FILL, .instance = order->instance, .order_id = aats_order_client_no(order), .cum_qty_i = -1, .fee_exp = -8, .px_i = 5,
                       .liquidity = AATS_LIQ_MAKER, .trade_id = page ? 5 : 6, .qty_i = page ? 3 : 1};
    memcpy(m->remote_id, order->remote_id, sizeof m->remote_id);
    r->next = page == 0 ? "1" : NULL;
    r->next_len = page == 0;
    return AATS_OK;
}

/* Two wallets of USDT, on two pages. */
static int result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    if (kind == AATS_OR_FILLS && r->status == 200) return fills(r, order);
    if (kind != AATS_OR_ACCOUNT || r->status != 200) return wx_result(r, kind, order);
    if (page == 0) add(r, "BTC", 1), add(r, "USDT", 10);
    else add(r, "USDT", 5), add(r, "ETH", 7);
    r->next = page == 0 ? "1" : NULL;
    r->next_len = page == 0;
    return AATS_OK;
}

static void begin(int deaf)
{
    wx_begin(&x, WAYS, 2);
    x.venue.encode = encode;
    x.venue.result = result;
    x.events = 1;
    deaf_to_pages = deaf;
    cursors[0] = 0;
}

TEST(account_that_does_not_come_to_its_end_is_not_known)
{
    begin(1000);
    wx_run(&x, 40000);
    CHECK(!wx_ready(&x));
    CHECK_STR(x.money, "");
    CHECK(strchr(x.words, 'R') == NULL);
    CHECK_MSG(strstr(x.log, "the account: ") || strstr(x.log, "the account in time"), "%s", x.log);
    deaf_to_pages = 0;
    wx_run(&x, 40000);
    CHECK(wx_ready(&x));
    wx_end(&x);
}

TEST(account_of_two_pages_is_told_when_both_are_there_and_none_of_it_becomes_zero)
{
    begin(0);
    wx_run(&x, 100);
    REQUIRE(wx_ready(&x));
    CHECK_STR(cursors, "4:1 ");
    CHECK_STR(x.money, "BTC=1 USDT=15 ETH=7 ");
    x.money[0] = 0;
    wx_cut(&x, 0);
    wx_run(&x, 3000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(x.money, "BTC=1 USDT=15 ETH=7 ");
    wx_end(&x);
}

TEST(page_without_an_answer_is_asked_for_again_and_the_one_before_it_is_not)
{
    begin(2);
    wx_run(&x, 12000);
    REQUIRE(wx_ready(&x));
    CHECK_STR(cursors, "4:1 4:1 4:1 ");
    CHECK_STR(x.money, "BTC=1 USDT=15 ETH=7 ");
    CHECK_STR(x.words, "UR");
    wx_end(&x);
}

TEST(answers_to_something_else_are_taken_while_an_orders_fills_are_read_page_by_page)
{
    char cid[AATS_CLIENT_ID_SZ], text[128];
    begin(0);
    wx_run(&x, 100);
    wx_place(&x, 1);
    wx_run(&x, 20);
    REQUIRE(!strcmp(x.orders[1].told, "CA"));
    deaf_to_pages = 1;
    aats_client_id_format(WX_OWN, 1, cid);
    snprintf(text, sizeof text, "E fill %s 7 2 6", cid); /* the venue counts 6, and has told 2 */
    wx_venue_order(&x, 1)->cum_i = 6;
    wx_event(&x, text);
    wx_run(&x, 500);
    CHECK_STR(x.orders[1].told, "CAE"); /* a page without the next is nothing yet */
    wx_cancel(&x, 1);
    wx_run(&x, 500);
    CHECK_STR(x.orders[1].told, "CAEca");
    wx_run(&x, 12000);
    CHECK_STR(x.orders[1].told, "CAEcaEEKZ");
    CHECK_EQ_I64(x.orders[1].code, AATS_OC_CANCELED);
    CHECK_EQ_I64(x.strange, 0);
    wx_end(&x);
}

RUN_ALL()
