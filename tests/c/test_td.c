/* test_td.c -- a trade process's segment is checked before it is read, and gives back what was put into it. */
#include "shm_fixture.h"

#include "shm/stats.h"
#include "shm/td.h"

static uint8_t *mem;
static uint64_t size;

static aats_td_t *td(void) { return (aats_td_t *)(void *)(mem + sizeof(aats_seg_t)); }

static int make(uint32_t pos_cap, uint32_t order_cap, uint32_t depth)
{
    free(mem);
    size = aats_td_size(pos_cap, order_cap, depth);
    mem = size > 0 ? fixture_zeroed((size_t)size) : NULL; /* its end is guarded */
    return mem != NULL && aats_td_init(mem, size, pos_cap, order_cap, depth) == AATS_OK;
}

/* ---- refusals ---- */

TEST(a_geometry_out_of_range_has_no_size_and_is_not_laid_out)
{
    static uint32_t const BAD[][3] = {{0, 1, 2}, {AATS_DIR_MAX + 1, 1, 2}, {1, 0, 2}, {1, AATS_TD_ORDERS_MAX + 1, 2},
                                      {1, 1, 0}, {1, 1, 1}, {1, 1, 3}, {1, 1, AATS_TD_EVENTS_MAX * 2}, {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    REQUIRE(make(1, 1, 2));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_U64(aats_td_size(BAD[i][0], BAD[i][1], BAD[i][2]), 0);
        CHECK_EQ_I64(aats_td_init(mem, size, BAD[i][0], BAD[i][1], BAD[i][2]), AATS_E_ARG);
    }
    CHECK_EQ_I64(aats_td_init(mem, size - 1, 1, 1, 2), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_init(NULL, size, 1, 1, 2), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_init(mem + 8, size, 1, 1, 2), AATS_E_ARG);
}

TEST(a_damaged_geometry_is_named_with_both_numbers)
{
    char why[200] = "";
    REQUIRE(make(2, 3, 4));
    CHECK_EQ_I64(aats_td_check(mem, size, why, sizeof why), AATS_OK);
    CHECK_EQ_I64(aats_td_check(mem, size - 1, why, sizeof why), AATS_E_LAYOUT);
    CHECK(strstr(why, "its geometry makes them") != NULL);
    CHECK_EQ_I64(aats_td_check(mem, sizeof(aats_seg_t), why, sizeof why), AATS_E_LAYOUT);
    CHECK_EQ_I64(aats_td_check(mem, sizeof(aats_seg_t), NULL, 0), AATS_E_LAYOUT);

    uint64_t *const offsets[] = {&td()->pos_off, &td()->fee_off, &td()->hold_off, &td()->bal_off, &td()->order_off, &td()->oev_off, &td()->stats_off};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        *offsets[i] += 64;
        CHECK_EQ_I64(aats_td_check(mem, size, why, sizeof why), AATS_E_LAYOUT);
        *offsets[i] -= 64;
    }
    uint32_t *const caps[] = {&td()->pos_cap, &td()->hold_cap, &td()->order_cap, &td()->oev_depth};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        uint32_t const was = *caps[i];
        *caps[i] = was * 2;
        CHECK_EQ_I64(aats_td_check(mem, size, why, sizeof why), AATS_E_LAYOUT);
        *caps[i] = 0;
        CHECK_EQ_I64(aats_td_check(mem, size, why, sizeof why), AATS_E_LAYOUT);
        CHECK(strstr(why, "expected 1..") != NULL);
        *caps[i] = was;
    }
    CHECK_EQ_I64(aats_td_check(mem, size, why, sizeof why), AATS_OK);
}

TEST(an_index_out_of_range_is_refused_and_written_nowhere)
{
    REQUIRE(make(2, 3, 4));
    aats_order_t o = {.state = AATS_ORD_LIVE};
    aats_pos_t p = {.known = 1};
    aats_fee_t f = {.asset = "BNB"};
    aats_hold_t h = {.symbol = "BTCUSDT.BINANCE"};
    aats_bal_t b = {.asset = "BTC"};
    uint8_t *was = malloc((size_t)size);
    memcpy(was, mem, (size_t)size);
    aats_td_put_order(mem, 3, &o);
    aats_td_put_pos(mem, 2, &p);
    aats_td_put_fee(mem, AATS_FEE_CAP, &f);
    aats_td_put_hold(mem, AATS_TD_HOLDS, &h);
    aats_td_put_bal(mem, AATS_BAL_CAP, &b);
    CHECK_MEM(mem, was, size);
    CHECK_EQ_I64(aats_td_get_order(mem, 3, &o), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_try_order(mem, 3, &o), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_get_pos(mem, 2, &p), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_get_fee(mem, AATS_FEE_CAP, &f), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_get_hold(mem, AATS_TD_HOLDS, &h), AATS_E_ARG);
    CHECK_EQ_I64(aats_td_get_bal(mem, AATS_BAL_CAP, &b), AATS_E_ARG);
    free(was);
}

TEST(a_slot_whose_writer_died_inside_is_given_up)
{
    REQUIRE(make(1, 1, 2));
    aats_order_t o = {.state = AATS_ORD_LIVE};
    aats_td_put_order(mem, 0, &o);
    aats_order_t *slot = (aats_order_t *)(void *)(mem + td()->order_off);
    slot->stamp++;
    CHECK_EQ_I64(aats_td_get_order(mem, 0, &o), AATS_E_BUSY);
    CHECK_EQ_I64(aats_td_try_order(mem, 0, &o), AATS_E_BUSY);
}

/* ---- the path ---- */

TEST(the_parts_lie_on_lines_one_behind_the_other)
{
    REQUIRE(make(5, 7, 8));
    aats_td_t const *t = td();
    uint64_t const ends[] = {
        sizeof(aats_seg_t) + sizeof(aats_td_t),         t->pos_off + 5 * sizeof(aats_pos_t),
        t->fee_off + AATS_FEE_CAP * sizeof(aats_fee_t), t->hold_off + AATS_TD_HOLDS * sizeof(aats_hold_t),
        t->bal_off + AATS_BAL_CAP * sizeof(aats_bal_t), t->order_off + 7 * sizeof(aats_order_t),
        t->oev_off + 8 * sizeof(aats_oev_t),            t->stats_off + AATS_TD_HISTS * sizeof(aats_hist_t),
    };
    uint64_t const begins[] = {t->pos_off, t->fee_off, t->hold_off, t->bal_off, t->order_off, t->oev_off, t->stats_off, size};
    for (int i = 0; i < 8; i++) {
        CHECK_EQ_U64(ends[i], begins[i]);
        CHECK_EQ_U64(begins[i] % AATS_LINE, 0);
    }
    aats_hist_t const *hists = (aats_hist_t const *)(void *)(mem + t->stats_off);
    CHECK_STR(hists[AATS_HIST_TD_SENT_ACKED].name, "sent_acked");
    CHECK_STR(hists[AATS_HIST_TD_ACKED_FILLED].name, "acked_filled");
    CHECK_STR(hists[AATS_HIST_TD_ACKED_FILLED + 1].name, "");
}

TEST(an_order_is_there_until_its_slot_is_freed)
{
    REQUIRE(make(1, 3, 2));
    aats_order_t o = {.order_id = 9, .state = AATS_ORD_NEW, .stamp = 99}, got;
    CHECK_EQ_I64(aats_td_get_order(mem, 1, &got), 0);
    aats_td_put_order(mem, 1, &o);
    REQUIRE(aats_td_get_order(mem, 1, &got) == 1);
    CHECK_EQ_U64(got.stamp, 2);
    CHECK_MEM(&got.order_id, &o.order_id, sizeof o - 8);
    CHECK_EQ_I64(aats_td_get_order(mem, 0, &got), 0);
    CHECK_EQ_I64(aats_td_get_order(mem, 2, &got), 0);
    o.state = AATS_ORD_FREE;
    aats_td_put_order(mem, 1, &o);
    CHECK_EQ_I64(aats_td_get_order(mem, 1, &got), 0);
}

TEST(events_come_back_by_number_until_they_are_overwritten)
{
    REQUIRE(make(1, 1, 4));
    aats_oev_t ev = {0}, got;
    CHECK_EQ_U64(aats_td_newest(mem), 0);
    for (uint64_t n = 0; n < 11; n++) {
        CHECK_EQ_I64(aats_td_get_event(mem, n, &got), 0);
        ev.kind = AATS_OEV_EXEC;
        ev.fill_px_i = (int64_t)n;
        ev.order.closed_ns = (int64_t)n;
        aats_td_put_event(mem, &ev);
        CHECK_EQ_U64(ev.seq, n);
        CHECK_EQ_U64(aats_td_newest(mem), n + 1);
        for (uint64_t k = 0; k <= n; k++) {
            int const rc = aats_td_get_event(mem, k, &got);
            CHECK_EQ_I64(rc, k + 4 > n ? 1 : AATS_E_LAPPED);
            if (rc == 1) CHECK(got.seq == k && got.fill_px_i == (int64_t)k && got.order.closed_ns == (int64_t)k);
        }
    }
}

TEST(positions_and_fees_are_there_once_written)
{
    REQUIRE(make(3, 1, 2));
    aats_pos_t p = {.symbol = "BTCUSDT.BINANCE", .fills = 3, .pad[11] = 5}, pos;
    aats_fee_t f = {.asset = "BNB", .amount = {7, -1}, .strategy = 5, .pad[0] = 6}, fee;
    CHECK_EQ_I64(aats_td_get_pos(mem, 2, &pos), 0);
    CHECK_EQ_I64(aats_td_get_fee(mem, AATS_FEE_CAP - 1, &fee), 0);
    aats_td_put_pos(mem, 2, &p);
    aats_td_put_fee(mem, AATS_FEE_CAP - 1, &f);
    REQUIRE(aats_td_get_pos(mem, 2, &pos) == 1 && aats_td_get_fee(mem, AATS_FEE_CAP - 1, &fee) == 1);
    CHECK_MEM(pos.symbol, p.symbol, sizeof p - 8);
    CHECK_MEM(fee.asset, f.asset, sizeof f - 8);
    CHECK_EQ_U64(td()->pos_cnt, 3);
    CHECK_EQ_I64(aats_td_get_pos(mem, 1, &pos), 0);
}

TEST(holdings_and_balances_are_there_once_written)
{
    REQUIRE(make(1, 1, 2));
    aats_hold_t h = {.symbol = "BTCUSDT.BINANCE", .size = {7, -1}, .fills = 3, .pad[7] = 5}, hold;
    aats_bal_t b = {.asset = "BNB", .free = {9, 0}, .pad[1] = 6}, bal;
    CHECK_EQ_I64(aats_td_get_hold(mem, AATS_TD_HOLDS - 1, &hold), 0);
    CHECK_EQ_I64(aats_td_get_bal(mem, AATS_BAL_CAP - 1, &bal), 0);
    aats_td_put_hold(mem, AATS_TD_HOLDS - 1, &h);
    aats_td_put_bal(mem, AATS_BAL_CAP - 1, &b);
    REQUIRE(aats_td_get_hold(mem, AATS_TD_HOLDS - 1, &hold) == 1 && aats_td_get_bal(mem, AATS_BAL_CAP - 1, &bal) == 1);
    CHECK_MEM(hold.symbol, h.symbol, sizeof h - 8);
    CHECK_MEM(bal.asset, b.asset, sizeof b - 8);
    CHECK_EQ_U64(td()->hold_cnt, AATS_TD_HOLDS);
    CHECK_EQ_I64(aats_td_get_hold(mem, 0, &hold), 0);
    CHECK_EQ_I64(aats_td_get_bal(mem, 0, &bal), 0);
}

RUN_ALL()
