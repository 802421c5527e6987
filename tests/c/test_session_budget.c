/* test_session_budget.c -- an order session and the host's rate budgets: what is refused, what waits and for how long, what answers do to
 * the counts, and that one session's 429 holds the other.  (The counting itself: test_budget.c; eight strategies:
 * tests/world/test_budget.py.) */
#include "risk/budget.h"

#include "check.h"
#include "session_fixture.h"
#include "shm/segment.h"

#define SEC ((int64_t)1000000000)

static uint64_t memory[1 << 17] __attribute__((aligned(64)));
static aats_risk_view_t view;

static void segment(void)
{
    char why[200] = "";
    int64_t const size = aats_risk_size(2, 2, 2, 16);
    memset(memory, 0, sizeof memory);
    REQUIRE(size > 0 && (size_t)size <= sizeof memory);
    REQUIRE(aats_seg_init((aats_seg_t *)memory, (uint64_t)size, AATS_KIND_RISK, "host", 1, aats_ident_self(), 1, "boot", "test") == AATS_OK);
    REQUIRE(aats_risk_init(memory, (uint64_t)size, 2, 2, 2, 16) == AATS_OK);
    aats_seg_ready((aats_seg_t *)memory);
    REQUIRE(aats_risk_attach(memory, (uint64_t)size, &view, why, sizeof why) == AATS_OK);
}

static aats_budget_t *of(char const *name) { return aats_budget_find(&view, name); }
static aats_budget_t *weight(void) { return of("addr test weight"); }
static aats_budget_t *orders(void) { return of("acc orders"); }
static int64_t used(aats_budget_t *b, int64_t span_s, fx_t const *x) { return aats_budget_used(b, span_s * SEC, x->mono_ns); }

static void give(fx_t *x) { REQUIRE(aats_session_budgets(x->s, memory, sizeof memory, "acc", "addr test") == AATS_OK); }

/* A session with budgets; begin it before the limits are changed, run it to READY afterwards. */
static void begin(fx_t *x)
{
    fx_begin(x);
    give(x);
}

static int ready(fx_t *x)
{
    fx_run(x, 20);
    return x->gw.state(x->gw.self) == AATS_GW_READY;
}

static void empty(aats_budget_t *b, int64_t span_s, int lane, fx_t const *x)
{
    while (aats_budget_take(b, lane, 1, x->mono_ns) == 0) {}
    CHECK(aats_budget_room(b, lane, 1, x->mono_ns) > 0);
    CHECK(used(b, span_s, x) > 0);
}

TEST(a_segment_that_is_none_gives_no_budgets)
{
    static fx_t x;
    segment();
    fx_begin(&x);
    CHECK(aats_session_budgets(x.s, memory, 128, "acc", "addr test") < 0);
    CHECK_EQ_I64(aats_session_budgets(x.s, memory, sizeof memory, "acc", "an address whose name leaves no room for more"), AATS_E_FULL);
    CHECK(ready(&x)); /* it counts for itself */
    fx_end(&x);
}

TEST(until_the_venue_says_so_limits_are_those_of_the_documentation_or_of_exchange_info)
{
    static fx_t x;
    segment();
    REQUIRE(aats_budget_limit(of("addr test orders"), 10 * SEC, 77, 0) == AATS_OK);
    begin(&x);
    CHECK_EQ_U64(weight()->spans[0].limit, 6000);
    CHECK_EQ_U64(weight()->spans[0].reserve, 300);
    CHECK_EQ_U64(of("addr test connects")->spans[0].limit, 300);
    CHECK_EQ_U64(orders()->spans[0].limit, 77);
    CHECK_EQ_U64(orders()->spans[1].limit, 160000);
    fx_end(&x);
}

TEST(every_request_on_the_way_to_ready_is_taken_by_its_weight)
{
    static fx_t x;
    segment();
    begin(&x);
    CHECK(ready(&x));
    CHECK_EQ_I64(used(weight(), 60, &x), 2 + 1 + 2 + 20 + 6); /* connect, time, listen, account, open */
    CHECK_EQ_I64(used(of("addr test requests"), 300, &x), 4);
    CHECK_EQ_I64(used(of("addr test connects"), 300, &x), 1);
    CHECK_EQ_I64(used(orders(), 10, &x), 0);
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    CHECK_EQ_I64(used(orders(), 10, &x), 1);
    CHECK_EQ_I64(used(orders(), 86400, &x), 1);
    CHECK_EQ_I64(used(weight(), 60, &x), 32);
    fx_run(&x, 10);
    CHECK_EQ_I64(used(weight(), 60, &x), 31); /* it succeeded: it weighs nothing */
    fx_cancel(&x, 1);
    CHECK_EQ_I64(used(weight(), 60, &x), 32);
    fx_run(&x, 10);
    CHECK_EQ_I64(used(weight(), 60, &x), 31);
    CHECK_EQ_I64(used(orders(), 10, &x), 1);
    CHECK_EQ_U64(aats_session_waits(x.s), 0);
    fx_end(&x);
}

TEST(an_order_without_a_token_is_refused_with_the_wait_and_no_byte_of_it_leaves)
{
    static fx_t x;
    segment();
    begin(&x);
    CHECK(ready(&x));
    empty(orders(), 10, AATS_LANE_ORDER, &x);
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK(strstr(x.why, "acc orders") != NULL && strstr(x.why, " ms") != NULL);
    fx_run(&x, 20);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 0);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK_EQ_U64(orders()->waits[AATS_LANE_ORDER], 2); /* ours, and empty()'s own */
    for (int i = 0; i < 12; i++) fx_pass(&x, 1000);
    CHECK_EQ_I64(fx_place(&x, 3, FX_UNIT), AATS_OK);
    fx_end(&x);
}

TEST(orders_leave_the_address_reserve_to_cancels)
{
    static fx_t x;
    segment();
    begin(&x);
    CHECK(ready(&x));
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    fx_run(&x, 20);
    empty(weight(), 60, AATS_LANE_ORDER, &x);
    CHECK_EQ_I64(fx_place(&x, 2, FX_UNIT), AATS_OC_RATE_LIMIT);
    CHECK(strstr(x.why, "addr test weight") != NULL);
    fx_cancel(&x, 1);
    fx_pass(&x, 0);
    CHECK_EQ_I64(x.asked[AATS_OR_CANCEL], 1);
    CHECK(x.orders[1].closed);
    CHECK_EQ_U64(aats_session_waits(x.s), 0);
    fx_end(&x);
}

TEST(a_cancel_without_a_token_waits_and_goes_out_in_the_first_pass_that_has_one)
{
    static fx_t x;
    segment();
    begin(&x);
    CHECK(ready(&x));
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    fx_run(&x, 20);
    empty(weight(), 60, AATS_LANE_CANCEL, &x);
    fx_cancel(&x, 1);
    int64_t room;
    int passes = 0;
    while ((room = aats_budget_room(weight(), AATS_LANE_CANCEL, 1, x.mono_ns)) > 0 && passes++ < 20000) {
        CHECK_EQ_I64(x.asked[AATS_OR_CANCEL], 0);
        fx_pass(&x, room > 100 * (int64_t)FX_MS ? 50 : 1);
    }
    CHECK(passes > 100);
    CHECK_EQ_I64(x.asked[AATS_OR_CANCEL], 1); /* in the pass in which the clock reached it */
    CHECK(x.orders[1].closed);
    CHECK(aats_session_waits(x.s) >= 1 && aats_session_waits(x.s) < 5); /* not asked for in each pass */
    CHECK_EQ_U64(x.gw.waits(x.gw.self), aats_session_waits(x.s));
    fx_end(&x);
}

TEST(reconciling_waits_in_the_middle_of_its_questions_and_goes_on)
{
    static fx_t x;
    segment();
    begin(&x);
    REQUIRE(aats_budget_limit(weight(), 10 * SEC, 2 + 1 + 2 + 5, 0) == AATS_OK); /* enough to connect and to listen */
    fx_run(&x, 1000);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_STARTING);
    CHECK_EQ_I64(x.asked[AATS_OR_LISTEN], 1);
    CHECK_EQ_I64(x.asked[AATS_OR_OPEN] + x.asked[AATS_OR_ACCOUNT], 0);
    CHECK(aats_session_waits(x.s) > 0);
    for (int i = 0; i < 30 && x.gw.state(x.gw.self) != AATS_GW_READY; i++) fx_pass(&x, 1000);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_READY);
    CHECK_EQ_I64(x.connects, 1); /* on the same connection, and nothing was asked for twice */
    CHECK_EQ_I64(x.asked[AATS_OR_LISTEN] + x.asked[AATS_OR_OPEN] + x.asked[AATS_OR_ACCOUNT], 3);
    fx_end(&x);
}

TEST(an_attempt_to_connect_is_taken_once_and_waits_for_its_token)
{
    static fx_t x;
    segment();
    begin(&x);
    aats_budget_t *connects = of("addr test connects");
    REQUIRE(aats_budget_limit(connects, 300 * SEC, 1, 0) == AATS_OK);
    CHECK(ready(&x));
    CHECK_EQ_I64(used(connects, 300, &x), 1);
    fx_cut(&x, "the wire was cut");
    for (int i = 0; i < 100; i++) fx_pass(&x, 1000);
    CHECK_EQ_I64(x.connects, 1);
    CHECK(strstr(aats_session_last(x.s), "the next attempt is in") != NULL);
    for (int i = 0; i < 220; i++) fx_pass(&x, 1000);
    CHECK_EQ_I64(x.connects, 2);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_READY);
    fx_end(&x);
}

TEST(what_the_venue_tells_one_session_of_waiting_holds_the_other_at_once)
{
    static fx_t x, y;
    segment();
    begin(&x);
    begin(&y);
    CHECK(ready(&x) && ready(&y));
    CHECK_EQ_I64(fx_place(&y, 1, FX_UNIT), AATS_OK);
    fx_run(&y, 20);
    x.refuse = "order.place";
    x.refuse_cnt = 1, x.refuse_status = 429, x.refuse_code = -1003;
    strcpy(x.refuse_text, "Too much request weight used");
    x.refuse_retry_ms = (FX_EPOCH_NS + x.mono_ns) / FX_MS + 30000;
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    fx_run(&x, 20);
    y.mono_ns = x.mono_ns;
    CHECK_EQ_I64(fx_place(&y, 2, FX_UNIT), AATS_OC_RATE_LIMIT);
    fx_cancel(&y, 1);
    for (int i = 0; i < 29; i++) fx_pass(&y, 1000);
    CHECK_EQ_I64(y.asked[AATS_OR_CANCEL], 0);
    for (int i = 0; i < 2; i++) fx_pass(&y, 1000);
    CHECK_EQ_I64(y.asked[AATS_OR_CANCEL], 1);
    CHECK_EQ_I64(fx_place(&y, 3, FX_UNIT), AATS_OK);
    CHECK_EQ_U64(weight()->holds, 1);
    fx_end(&x);
    fx_end(&y);
}

TEST(a_word_on_orders_holds_orders_of_the_account_and_no_cancel)
{
    static fx_t x, y;
    segment();
    begin(&x);
    begin(&y);
    CHECK(ready(&x) && ready(&y));
    CHECK_EQ_I64(fx_place(&y, 1, FX_UNIT), AATS_OK);
    fx_run(&y, 20);
    x.refuse = "order.place";
    x.refuse_cnt = 1, x.refuse_status = 429, x.refuse_code = -1015;
    strcpy(x.refuse_text, "Too many new orders");
    x.refuse_retry_ms = (FX_EPOCH_NS + x.mono_ns) / FX_MS + 8000;
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    fx_run(&x, 20);
    y.mono_ns = x.mono_ns;
    CHECK_EQ_I64(fx_place(&y, 2, FX_UNIT), AATS_OC_RATE_LIMIT);
    fx_cancel(&y, 1);
    fx_pass(&y, 0);
    CHECK_EQ_I64(y.asked[AATS_OR_CANCEL], 1);
    CHECK(y.orders[1].closed);
    fx_end(&x);
    fx_end(&y);
}

TEST(limits_and_counts_of_answers_are_taken)
{
    static fx_t x;
    segment();
    begin(&x);
    CHECK(ready(&x));
    x.orders_used = 90, x.orders_limit = 95;
    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    fx_run(&x, 20);
    CHECK_EQ_U64(orders()->spans[0].limit, 95);
    CHECK(used(orders(), 10, &x) >= 90);
    int placed = 0;
    for (int i = 2; i <= FX_ORDERS; i++) placed += fx_place(&x, i, FX_UNIT) == AATS_OK;
    CHECK(placed <= 5);
    fx_end(&x);
}

RUN_ALL()
