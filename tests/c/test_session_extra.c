/* test_session_extra.c -- an order session beside orders: balances, the dead-man switch; and the hooks of kill tests. */
#include "session_fixture.h"

#include "app/session_state.h"
#include "base/steps.h"
#include "check.h"
#include "order/wide.h"

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

/* ---- balances ---- */

static int64_t amount(aats_i128_t v) { return (int64_t)aats_wide(v); }

TEST(balances_are_told_with_what_is_locked_of_them_also_while_it_runs)
{
    REQUIRE(fx_ready(&x));
    CHECK_STR(x.balance.fee_asset, "USDT");
    CHECK_EQ_I64(amount(x.balance.amount), 11LL * FX_UNIT);
    CHECK_EQ_I64(amount(x.balance.locked), FX_UNIT);
    fx_text(&x, "{\"subscriptionId\":0,\"event\":{\"e\":\"outboundAccountPosition\",\"E\":1785312001021,\"u\":1785312001019,\"B\":"
                "[{\"a\":\"BTC\",\"f\":\"1.50000000\",\"l\":\"0.25000000\"}]}}");
    fx_run(&x, 20);
    CHECK_EQ_I64(x.balances, 2);
    CHECK_STR(x.balance.fee_asset, "BTC");
    CHECK_EQ_I64(amount(x.balance.amount), 175000000);
    CHECK_EQ_I64(amount(x.balance.locked), 25000000);
    CHECK_EQ_I64(x.balance.venue_ns, 1785312001021 * (int64_t)FX_MS);
    fx_end(&x);
}

TEST(an_asset_that_the_account_names_no_more_has_become_zero)
{
    REQUIRE(fx_ready(&x));
    fx_text(&x, "{\"subscriptionId\":0,\"event\":{\"e\":\"outboundAccountPosition\",\"E\":1785312001021,\"u\":1785312001019,\"B\":"
                "[{\"a\":\"BTC\",\"f\":\"1.50000000\",\"l\":\"0.25000000\"}]}}");
    fx_run(&x, 20);
    fx_cut(&x, "gone");
    fx_run(&x, 1000);
    CHECK_EQ_I64(x.balances, 4); /* USDT, BTC; USDT, and no BTC */
    CHECK_STR(x.balance.fee_asset, "BTC");
    CHECK_EQ_I64(amount(x.balance.amount), 0);
    fx_cut(&x, "gone");
    fx_run(&x, 2000);
    CHECK_EQ_I64(x.balances, 5); /* that was said */
    fx_end(&x);
}

#define DEPOSIT(t) "{\"subscriptionId\":0,\"event\":{\"e\":\"balanceUpdate\",\"E\":" t ",\"a\":\"USDT\",\"d\":\"5\",\"T\":1785312001020}}"

TEST(a_deposit_has_the_account_asked_for)
{
    REQUIRE(fx_ready(&x));
    fx_text(&x, DEPOSIT("1785312001021"));
    fx_text(&x, DEPOSIT("1785312001022"));
    fx_run(&x, 1000);
    CHECK_STR(x.methods, "TSOAA");
    CHECK_EQ_I64(x.balances, 2);
    fx_end(&x);
}

/* ---- the dead-man switch ---- */

static int switch_encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    if (req->kind != AATS_OR_DEADMAN) return aats_order_venue_binance.encode(req, auth, out, cap);
    return snprintf(out, cap, "{\"id\":%llu,\"method\":\"deadman.set\",\"params\":{\"after\":%lld}}", (unsigned long long)req->id,
                    (long long)req->deadman_ms);
}

static void begin_with_switch(void)
{
    static aats_order_venue_t venue;
    aats_session_opts_t o = fx_opts();
    venue = aats_order_venue_binance;
    venue.encode = switch_encode;
    venue.deadman_ms = 5000;
    fx_begin_at(&x, &venue, &o, FX_SECRET);
}

TEST(binance_has_no_dead_mans_switch_and_says_so)
{
    fx_begin(&x);
    CHECK_EQ_I64(aats_session_deadman(x.s, 10000 * (int64_t)FX_MS), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_session_deadman(x.s, 0), AATS_OK);
    fx_run(&x, 20000);
    CHECK_STR(x.methods, "TSOA");
    fx_end(&x);
}

TEST(a_dead_mans_switch_is_armed_when_ready_and_again_every_third_of_its_time)
{
    begin_with_switch();
    CHECK_EQ_I64(aats_session_deadman(x.s, 9000 * (int64_t)FX_MS), AATS_OK);
    fx_run(&x, 20);
    CHECK_STR(x.methods, "TSOAD");
    CHECK_EQ_I64(x.deadman_ms, 9000);
    fx_run(&x, 30000);
    CHECK_EQ_I64(x.asked[AATS_OR_DEADMAN], 11);
    CHECK(x.mono_ns - x.deadman_at_ns <= 3000 * (int64_t)FX_MS);
    CHECK_EQ_I64(x.strange, 0);
    fx_end(&x);

    begin_with_switch(); /* sooner than the venue can: as soon as it can */
    CHECK_EQ_I64(aats_session_deadman(x.s, 1), AATS_OK);
    fx_run(&x, 20);
    CHECK_EQ_I64(x.deadman_ms, 5000);
    fx_end(&x);
}

TEST(a_session_that_is_not_stepped_lets_the_switch_run_out)
{
    begin_with_switch();
    aats_session_deadman(x.s, 9000 * (int64_t)FX_MS);
    fx_run(&x, 20);
    x.mono_ns += 10000 * (int64_t)FX_MS;
    fx_serve(&x);
    CHECK(x.mono_ns - x.deadman_at_ns > x.deadman_ms * FX_MS);
    CHECK_EQ_I64(x.asked[AATS_OR_DEADMAN], 1);
    fx_end(&x);
}

TEST(the_switch_is_set_again_as_soon_as_a_new_connection_listens)
{
    begin_with_switch();
    aats_session_deadman(x.s, 60000 * (int64_t)FX_MS);
    fx_run(&x, 20);
    fx_place(&x, 1, FX_UNIT);
    fx_run(&x, 20);
    fx_cut(&x, "gone");
    x.at_venue[0].hidden = 1000000; /* READY takes its time */
    refuse("order.status", 1000000, 503, -1001, "Internal error.");
    fx_run(&x, 2000);
    CHECK_EQ_I64(x.readies, 1);
    CHECK_EQ_I64(x.asked[AATS_OR_DEADMAN], 2);
    fx_end(&x);
}

static int by_value(void const *a, void const *b)
{
    uint64_t const v = *(uint64_t const *)a, w = *(uint64_t const *)b;
    return v < w ? -1 : v > w;
}

TEST(each_random_word_of_the_system_is_given_out_once_and_then_gone)
{
    static uint64_t words[5000];
    aats_session_opts_t o = fx_opts();
    o.seed = 0;
    fx_begin_with(&x, &o, FX_SECRET);
    for (int i = 0; i < 5000; i++) {
        words[i] = session_random(x.s);
        CHECK_EQ_U64(x.s->spare[x.s->spare_cnt], 0);
        if (i % 7 == 0) session_random_ahead(x.s); /* as a pass does */
    }
    qsort(words, 5000, sizeof words[0], by_value);
    for (int i = 1; i < 5000; i++) CHECK_MSG(words[i] != words[i - 1], "given out twice: %llx", (unsigned long long)words[i]);
    aats_session_free(x.s);
}

TEST(whoever_leaves_disarms_the_switch)
{
    begin_with_switch();
    aats_session_deadman(x.s, 9000 * (int64_t)FX_MS);
    fx_run(&x, 20);
    x.gw.leave(x.gw.self);
    fx_run(&x, 20);
    CHECK_EQ_I64(x.asked[AATS_OR_DEADMAN], 2);
    CHECK_EQ_I64(x.deadman_ms, 0);
    STATE(AATS_GW_LEFT);
    fx_end(&x);
}

TEST(a_switch_that_the_venue_refuses_is_said_once_and_tried_again)
{
    begin_with_switch();
    aats_session_deadman(x.s, 9000 * (int64_t)FX_MS);
    refuse("deadman.set", 3, 400, -4711, "Not today.");
    fx_run(&x, 7000);
    char const *said = strstr(x.log, "refused the dead-man switch: -4711 Not today.");
    CHECK(said && !strstr(said + 20, "dead-man"));
    STATE(AATS_GW_READY);
    fx_run(&x, 3000);
    CHECK_EQ_I64(x.deadman_ms, 9000);
    fx_end(&x);
}

/* ---- the hooks of kill tests ---- */

static int hit, bytes_then;

static void on_step(int step, void *arg)
{
    uint8_t const *at;
    (void)arg;
    hit = step;
    bytes_then = (int)aats_session_output(x.s, 0, &at);
}

static void flushed(void *arg)
{
    (void)arg;
    fx_move_out(&x);
}

TEST(an_orders_bytes_are_made_before_any_has_left_and_a_cancels_have_left_when_its_step_is_reached)
{
    REQUIRE(fx_ready(&x));
    aats_session_set_flush(x.s, flushed);
    hit = 0;
    aats_steps_arm(AATS_STEP_ENCODED, 1, on_step, NULL);
    fx_place(&x, 1, FX_UNIT);
    CHECK_EQ_I64(hit, AATS_STEP_ENCODED);
    CHECK_EQ_I64(bytes_then, 0);
    fx_run(&x, 20);
    hit = 0;
    aats_steps_arm(AATS_STEP_CANCEL_WRITTEN, 1, on_step, NULL);
    fx_cancel(&x, 1);
    CHECK_EQ_I64(hit, AATS_STEP_CANCEL_WRITTEN);
    CHECK(x.in_sz > 0);
    aats_steps_arm(AATS_STEP_NONE, 0, NULL, NULL);
    fx_run(&x, 20);
    TOLD(1, "CAcaKZ");
    fx_end(&x);
}

RUN_ALL()
