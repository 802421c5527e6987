/* test_machine.c -- whatever a venue says and in whatever order, a strategy hears the grammar of machine.h, each fill once, and one end. */
#include "check.h"

#include "base/errors.h"
#include "order/machine.h"
#include "order/wide.h"

#define NOW INT64_C(1700000000000000000)

static aats_machine_t m;
static aats_oev_t out[AATS_MACHINE_OUT + 1];
static char told[400]; /* what was told so far, in one letter an event */

/* Letters of events: C created, A acked, R rejected, X exec, D canceled, Z closed, ? unknown; of a cancel: c created, a acked, r rejected; of an amendment:
 * M made, m rejected. */
static char letter(uint32_t kind)
{
    static char const LETTERS[] = {
        [AATS_OEV_CREATED]        = 'C', [AATS_OEV_ACKED]        = 'A', [AATS_OEV_REJECTED]        = 'R', [AATS_OEV_EXEC]   = 'X',
        [AATS_OEV_CANCEL_CREATED] = 'c', [AATS_OEV_CANCEL_ACKED] = 'a', [AATS_OEV_CANCEL_REJECTED] = 'r', [AATS_OEV_CLOSED] = 'Z',
        [AATS_OEV_CANCELED]       = 'D', [AATS_OEV_UNKNOWN]      = '?', [AATS_OEV_AMENDED]         = 'M', [AATS_OEV_AMEND_REJECTED] = 'm',
    };
    return kind < sizeof LETTERS && LETTERS[kind] ? LETTERS[kind] : '!';
}

static int note(int cnt)
{
    for (int i = 0; i < cnt; i++) {
        size_t const len = strlen(told);
        if (len + 2 < sizeof told) told[len] = letter(out[i].kind), told[len + 1] = 0;
    }
    return cnt;
}

/* fresh begins an order of 10 at 100; its Created is told. */
static void fresh(void)
{
    aats_order_t o = {.order_id = 7, .instance = 3, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .created_ns = NOW};
    o.px_i = 100;
    o.qty_i = 10;
    strcpy(o.symbol, "BTCUSDT.BINANCE");
    aats_machine_fini(&m);
    told[0] = 0;
    note(aats_machine_new(&m, &o, out));
}

static aats_omsg_t msg(uint32_t kind, uint32_t code, int64_t cum)
{
    aats_omsg_t one = {.kind = kind, .code = code, .order_id = 7, .instance = 3, .cum_qty_i = cum, .recv_ns = NOW + 5, .venue_ns = NOW + 4};
    return one;
}

static int take(uint32_t kind, uint32_t code, int64_t cum)
{
    aats_omsg_t const one = msg(kind, code, cum);
    return note(aats_machine_take(&m, &one, NOW + 6, out));
}

static int fill(uint64_t trade_id, int64_t qty, int64_t cum)
{
    aats_omsg_t one = msg(AATS_OM_FILL, 0, cum);
    one.trade_id = trade_id;
    one.px_i = 100;
    one.qty_i = qty;
    one.fee_i = 3;
    one.liquidity = AATS_LIQ_MAKER;
    strcpy(one.fee_asset, "BNB");
    return note(aats_machine_take(&m, &one, NOW + 6, out));
}

static int amend(int64_t px, int64_t qty)
{
    int go = -1;
    note(aats_machine_amend(&m, px, qty, NOW + 6, out, &go));
    return go;
}

/* A message that also tells the order's price and whole size. */
static int take_sized(uint32_t kind, uint32_t code, int64_t cum, int64_t px, int64_t qty)
{
    aats_omsg_t one = msg(kind, code, cum);
    one.px_i = px;
    one.qty_i = qty;
    return note(aats_machine_take(&m, &one, NOW + 6, out));
}

static int cancel(void)
{
    int go = -1;
    note(aats_machine_cancel(&m, NOW + 6, out, &go));
    return go;
}

/* ---- refusals: what cannot be true changes nothing ---- */

static int unchanged(aats_machine_t const *was) { return memcmp(&was->o, &m.o, sizeof m.o) == 0 && was->seen_cnt == m.seen_cnt; }

TEST(a_fill_that_cannot_be_true_is_refused_and_changes_nothing)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    fill(1, 4, 4);
    aats_machine_t const was = m;
    CHECK_EQ_I64(fill(2, 7, -1), AATS_E_SHAPE);  /* 4 + 7 > 10 */
    CHECK_EQ_I64(fill(2, 0, -1), AATS_E_SHAPE);
    CHECK_EQ_I64(fill(2, -1, -1), AATS_E_SHAPE);
    CHECK_EQ_I64(fill(2, 1, 11), AATS_E_SHAPE);  /* the venue counts more than the order has */
    CHECK_EQ_I64(fill(2, INT64_MAX, -1), AATS_E_SHAPE);
    aats_omsg_t free_of_charge = msg(AATS_OM_FILL, 0, -1);
    free_of_charge.trade_id = 2;
    free_of_charge.qty_i = 1;
    free_of_charge.px_i = -1;
    CHECK_EQ_I64(aats_machine_take(&m, &free_of_charge, NOW, out), AATS_E_SHAPE);
    CHECK(unchanged(&was));
    CHECK_STR(told, "CAX");
}

TEST(a_message_of_another_order_or_of_the_session_is_refused)
{
    fresh();
    aats_machine_t const was = m;
    aats_omsg_t one = msg(AATS_OM_ACK, 0, 0);
    one.order_id = 8;
    CHECK_EQ_I64(aats_machine_take(&m, &one, NOW, out), AATS_E_ARG);
    CHECK_EQ_I64(take(AATS_OM_NONE, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(take(AATS_OM_DOWN, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(take(AATS_OM_STRANGE, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(take(12345, 0, 0), AATS_E_ARG);
    CHECK(unchanged(&was));
    CHECK_EQ_I64(aats_machine_action(AATS_ORD_FREE, AATS_OM_ACK), AATS_E_ARG);
    CHECK_EQ_I64(aats_machine_action(AATS_ORD_CLOSED + 1, AATS_OM_ACK), AATS_E_ARG);
    CHECK_EQ_I64(aats_machine_action(AATS_ORD_NEW, AATS_OM_AMEND_REJECT + 1), AATS_E_ARG);
}

TEST(an_end_below_what_was_told_is_refused_and_the_status_is_asked_for)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    fill(1, 4, 4);
    aats_machine_t const was = m;
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_CANCELED, 3), AATS_E_SHAPE);
    CHECK(unchanged(&was));
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_STATUS);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_CANCELED, 11), AATS_E_SHAPE);
    CHECK_EQ_I64(take(AATS_OM_OPEN, 0, 11), AATS_E_SHAPE);
    CHECK_STR(told, "CAX");
}

TEST(a_reject_after_the_ack_or_a_fill_is_stale)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    CHECK_EQ_I64(take(AATS_OM_REJECT, AATS_OC_VENUE, 0), AATS_E_STALE);
    CHECK_EQ_I64(take(AATS_OM_FAILED, AATS_OC_NOT_CONNECTED, 0), AATS_E_STALE);
    fresh();
    fill(1, 4, 4);
    CHECK_EQ_I64(take(AATS_OM_REJECT, AATS_OC_VENUE, 0), AATS_E_STALE);
    CHECK_EQ_I64(m.o.state, AATS_ORD_LIVE);
    CHECK_STR(told, "CAX");
}

TEST(only_an_order_that_was_not_sent_can_be_refused_here)
{
    fresh();
    m.o.sent_ns = NOW;
    CHECK_EQ_I64(aats_machine_refuse(&m, AATS_OC_CLOSING, "closing", NOW, out), AATS_E_ARG);
    m.o.sent_ns = 0;
    CHECK_EQ_I64(note(aats_machine_refuse(&m, AATS_OC_CLOSING, "after close()", NOW + 1, out)), 2);
    CHECK_STR(out[0].msg, "after close()");
    CHECK_EQ_U64(out[0].code, AATS_OC_CLOSING);
    CHECK_EQ_U64(out[1].order.code, AATS_OC_CLOSING);
    CHECK_STR(told, "CRZ");
    CHECK_EQ_I64(aats_machine_refuse(&m, AATS_OC_CLOSING, NULL, NOW, out), AATS_E_ARG);
}

/* ---- the path ---- */

TEST(an_order_that_is_filled_in_parts_closes_by_itself)
{
    fresh();
    CHECK_EQ_I64(take(AATS_OM_ACK, 0, 0), 1);
    CHECK_EQ_I64(fill(1, 4, 4), 1);
    CHECK_EQ_I64(out[0].fill_qty_i, 4);
    CHECK_EQ_I64(out[0].order.cum_qty_i, 4);
    CHECK_EQ_I64(out[0].fee_i, 3);
    CHECK_STR(out[0].fee_asset, "BNB");
    CHECK_EQ_I64(fill(2, 6, 10), 2);
    CHECK_STR(told, "CAXXZ");
    CHECK_EQ_U64(out[1].code, AATS_OC_FILLED);
    CHECK(aats_wide(m.o.cum_notional) == 1000);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_FILLED, 10), AATS_E_STALE);
    CHECK_EQ_I64(m.o.acked_ns, NOW + 5);
    CHECK_EQ_U64(m.o.fill_cnt, 2);
}

TEST(a_fill_that_overtakes_the_ack_tells_acked_first_and_the_ack_then_nothing)
{
    fresh();
    CHECK_EQ_I64(fill(1, 10, 10), 3);
    CHECK_EQ_U64(out[0].kind, AATS_OEV_ACKED);
    CHECK_EQ_I64(out[0].order.cum_qty_i, 0); /* the order as it was after each event */
    CHECK_EQ_I64(out[1].order.cum_qty_i, 10);
    CHECK_EQ_U64(out[1].order.state, AATS_ORD_LIVE);
    CHECK_EQ_U64(out[2].order.state, AATS_ORD_CLOSED);
    CHECK_EQ_I64(take(AATS_OM_ACK, 0, 0), AATS_E_STALE);
    CHECK_STR(told, "CAXZ");
}

TEST(a_late_ack_teaches_the_venues_id_silently)
{
    fresh();
    fill(1, 4, 4);
    aats_omsg_t one = msg(AATS_OM_ACK, 0, 0);
    strcpy(one.remote_id, "4711");
    CHECK_EQ_I64(aats_machine_take(&m, &one, NOW, out), 0);
    CHECK_STR(m.o.remote_id, "4711");
    CHECK_EQ_I64(aats_machine_take(&m, &one, NOW, out), AATS_E_STALE);
}

TEST(a_fill_is_told_once_by_its_trade_id)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    for (uint64_t id = 9; id > 0; id--) CHECK_EQ_I64(fill(id, 1, -1), 1); /* sorted in, from above */
    for (uint64_t id = 1; id < 10; id++) CHECK_EQ_I64(fill(id, 1, -1), AATS_E_STALE);
    CHECK_EQ_I64(m.o.cum_qty_i, 9);
    CHECK_EQ_I64(fill(10, 1, -1), 2);
    CHECK_EQ_I64(fill(10, 1, -1), AATS_E_STALE);
    CHECK_EQ_I64(fill(11, 1, -1), AATS_E_SHAPE); /* a new one of a closed order */
    CHECK_STR(told, "CAXXXXXXXXXXZ");
}

TEST(a_cancel_is_answered_before_what_it_caused)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    CHECK_EQ_I64(cancel(), 1);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_CANCELED, 0), 3);
    CHECK_STR(told, "CAcaDZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_CANCELED);
    CHECK_EQ_I64(take(AATS_OM_CANCEL_ACK, 0, 0), AATS_E_STALE);
    CHECK_EQ_I64(cancel(), 0); /* of a closed order: refused alone */
    CHECK_STR(told, "CAcaDZr");
    CHECK_EQ_U64(out[0].code, AATS_OC_UNKNOWN_ORDER);
}

TEST(an_ack_of_the_cancel_and_then_the_end_are_three_callbacks)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    cancel();
    CHECK_EQ_I64(take(AATS_OM_CANCEL_ACK, 0, -1), 1);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_CANCELED, -1), 2);
    CHECK_STR(told, "CAcaDZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_CANCELED);
}

TEST(a_cancel_in_new_waits_and_its_ack_implies_the_orders)
{
    fresh();
    CHECK_EQ_I64(cancel(), 1);
    CHECK_EQ_I64(cancel(), 0);
    CHECK_EQ_U64(out[1].code, AATS_OC_CANCEL_PENDING);
    take(AATS_OM_CANCEL_ACK, 0, 0);
    take(AATS_OM_DONE, AATS_OC_CANCELED, 0);
    CHECK_STR(told, "CccrAaDZ");
}

TEST(a_cancel_that_lost_the_race_is_answered_order_closed_before_closed)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    cancel();
    fill(1, 10, 10);
    CHECK_STR(told, "CAcXrZ");
    CHECK_EQ_U64(out[1].code, AATS_OC_ORDER_CLOSED);
    CHECK_EQ_I64(take(AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER, 0), AATS_E_STALE);

    fresh();
    take(AATS_OM_ACK, 0, 0);
    cancel();
    take(AATS_OM_DONE, AATS_OC_EXPIRED, 0);
    CHECK_STR(told, "CAcDrZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_EXPIRED);
}

TEST(a_cancel_of_an_order_that_the_venue_does_not_know_asks_for_its_status)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    cancel();
    CHECK_EQ_I64(take(AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER, 0), 1);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_STATUS);
    CHECK_EQ_I64(take(AATS_OM_OPEN, 0, 0), 0);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_NOTHING);
    CHECK_STR(told, "CAcr");
}

TEST(a_rejected_order_answers_its_cancel)
{
    fresh();
    cancel();
    aats_omsg_t one = msg(AATS_OM_REJECT, AATS_OC_BALANCE, 0);
    strcpy(one.text, "Account has insufficient balance (-2010)");
    CHECK_EQ_I64(note(aats_machine_take(&m, &one, NOW, out)), 3);
    CHECK_STR(told, "CcRrZ");
    CHECK_STR(m.o.msg, one.text);
    CHECK_STR(out[0].msg, one.text);
    CHECK_EQ_U64(out[2].code, AATS_OC_BALANCE);
}

TEST(a_cancel_by_somebody_else_is_called_that)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    take(AATS_OM_DONE, AATS_OC_CANCELED, 0);
    CHECK_EQ_U64(m.o.code, AATS_OC_CANCELED_OTHER);
    CHECK_STR(told, "CADZ");
}

TEST(an_end_with_fills_missing_waits_for_them)
{
    fresh();
    cancel();
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_CANCELED, 7), 2);
    CHECK_EQ_I64(m.o.state, AATS_ORD_ENDING);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_FILLS);
    CHECK_EQ_I64(cancel(), 0);
    CHECK_EQ_U64(out[1].code, AATS_OC_ORDER_CLOSED);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_CANCELED, 7), AATS_E_STALE);
    CHECK_EQ_I64(fill(5, 3, -1), 1);
    CHECK_EQ_I64(fill(5, 3, -1), AATS_E_STALE);
    CHECK_EQ_I64(fill(4, 4, -1), 3);
    CHECK_STR(told, "CcAacrXXDZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_CANCELED);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_NOTHING);
}

TEST(filled_without_its_fills_waits_for_them_and_is_not_canceled)
{
    fresh();
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_FILLED, -1), 1);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_FILLS);
    fill(1, 10, 10);
    CHECK_STR(told, "CAXZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_FILLED);
}

TEST(filled_below_the_size_is_the_end_of_an_order_that_somebody_made_smaller)
{
    fresh();
    fill(1, 4, 4);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_FILLED, 7), 0);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_FILLS);
    fill(2, 3, 7);
    CHECK_STR(told, "CAXXDZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_CANCELED_OTHER);
}

TEST(fills_that_nobody_can_show_end_an_order_that_waits_for_them_with_what_was_told)
{
    fresh();
    cancel();
    fill(1, 4, 4);
    take(AATS_OM_DONE, AATS_OC_CANCELED, 7);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_FILLS_MISSING, 5), AATS_E_STALE); /* not what was told */
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_FILLS_MISSING, 4), 2);
    CHECK_STR(told, "CcAXaDZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_FILLS_MISSING);
    CHECK_EQ_U64(out[0].code, AATS_OC_FILLS_MISSING);
    CHECK_EQ_I64(fill(2, 3, 7), AATS_E_SHAPE); /* told as missing: it is counted, and not applied */
}

TEST(a_message_is_about_an_order_by_its_client_id_alone)
{
    aats_order_t o = {.order_id = 7, .instance = 9, .client_no = 2, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .created_ns = NOW, .px_i = 100, .qty_i = 10};
    aats_machine_fini(&m);
    told[0] = 0;
    note(aats_machine_new(&m, &o, out)); /* of an earlier run: 2 there, 7 here */
    aats_omsg_t one = msg(AATS_OM_ACK, 0, 0);
    CHECK_EQ_I64(aats_machine_take(&m, &one, NOW, out), AATS_E_ARG); /* 7 of instance 3 */
    one.instance = 9;
    CHECK_EQ_I64(aats_machine_take(&m, &one, NOW, out), AATS_E_ARG);
    one.order_id = 2;
    one.instance = 3;
    CHECK_EQ_I64(aats_machine_take(&m, &one, NOW, out), AATS_E_ARG);
    one.instance = 9;
    CHECK_EQ_I64(note(aats_machine_take(&m, &one, NOW, out)), 1);
    CHECK_STR(told, "CA");
    CHECK_EQ_I64(out[0].order.order_id, 7);
}

TEST(a_later_end_may_count_more)
{
    fresh();
    take(AATS_OM_DONE, AATS_OC_EXPIRED, 5);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_EXPIRED, 6), 0);
    fill(1, 5, -1);
    CHECK_EQ_I64(m.o.state, AATS_ORD_ENDING);
    fill(2, 1, -1);
    CHECK_STR(told, "CAXXDZ");
}

TEST(a_hole_in_what_the_venue_counts_asks_for_fills)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    fill(2, 3, 5);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_FILLS);
    fill(1, 2, 2);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_NOTHING);
    CHECK_EQ_I64(take(AATS_OM_OPEN, 0, 5), AATS_E_STALE);
    CHECK_EQ_I64(take(AATS_OM_OPEN, 0, 6), 0);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_FILLS);
}

TEST(unknown_is_told_once_an_episode_and_an_answer_ends_it)
{
    fresh();
    CHECK_EQ_I64(take(AATS_OM_UNKNOWN, AATS_OC_TIMEOUT, -1), 1);
    CHECK_EQ_U64(out[0].code, AATS_OC_TIMEOUT);
    CHECK(out[0].order.flags & AATS_OF_UNKNOWN);
    CHECK_EQ_I64(take(AATS_OM_UNKNOWN, AATS_OC_DISCONNECTED, -1), AATS_E_STALE);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_STATUS);
    CHECK_EQ_I64(take(AATS_OM_OPEN, 0, 0), 1);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_NOTHING);
    CHECK(!(m.o.flags & AATS_OF_UNKNOWN));
    CHECK_EQ_I64(take(AATS_OM_UNKNOWN, AATS_OC_DISCONNECTED, -1), 1);
    CHECK_EQ_I64(take(AATS_OM_DONE, AATS_OC_EXPIRED, 0), 2);
    CHECK(!(out[1].order.flags & AATS_OF_UNKNOWN));
    CHECK_STR(told, "C?A?DZ");
}

TEST(an_order_that_never_arrived_is_rejected_and_one_that_did_is_not)
{
    fresh();
    take(AATS_OM_UNKNOWN, AATS_OC_TIMEOUT, -1);
    CHECK_EQ_I64(take(AATS_OM_ABSENT, 0, 0), 2);
    CHECK_EQ_U64(m.o.code, AATS_OC_NOT_RECEIVED);
    CHECK_STR(told, "C?RZ");
    CHECK_EQ_I64(take(AATS_OM_ACK, 0, 0), AATS_E_SHAPE); /* a ghost: people must look */
    CHECK_EQ_I64(take(AATS_OM_OPEN, 0, 0), AATS_E_SHAPE);
    CHECK_EQ_I64(fill(1, 1, -1), AATS_E_SHAPE);

    fresh();
    take(AATS_OM_ACK, 0, 0);
    take(AATS_OM_UNKNOWN, AATS_OC_DISCONNECTED, -1);
    CHECK_EQ_I64(take(AATS_OM_ABSENT, 0, 0), AATS_E_STALE);
    CHECK(m.o.flags & AATS_OF_UNKNOWN);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_STATUS);
    CHECK_EQ_U64(m.absent_cnt, 1);
}

TEST(what_could_not_be_sent_is_rejected)
{
    fresh();
    CHECK_EQ_I64(take(AATS_OM_FAILED, AATS_OC_NOT_CONNECTED, 0), 2);
    CHECK_STR(told, "CRZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_NOT_CONNECTED);
}

/* ---- amendments ---- */

TEST(an_amendment_that_cannot_be_is_refused_here)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    fill(1, 4, 4);
    CHECK_EQ_I64(amend(101, 4), 0);
    CHECK_EQ_U64(out[0].code, AATS_OC_SIZE_RANGE);
    CHECK_EQ_I64(amend(101, 8), 1);
    CHECK_EQ_I64(amend(102, 8), 0);
    CHECK_EQ_U64(out[0].code, AATS_OC_AMEND_PENDING);
    CHECK_STR(told, "CAXmm");
    take(AATS_OM_DONE, AATS_OC_EXPIRED, 4);
    CHECK_STR(told, "CAXmmDmZ");
    CHECK_EQ_I64(amend(102, 8), 0);
    CHECK_EQ_U64(out[0].code, AATS_OC_UNKNOWN_ORDER);
    fresh();
    take(AATS_OM_ACK, 0, 0);
    cancel();
    CHECK_EQ_I64(amend(101, 8), 0);
    CHECK_EQ_U64(out[0].code, AATS_OC_CANCEL_PENDING);
}

TEST(an_amended_order_has_its_new_price_and_size_and_ends_by_them)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    CHECK_EQ_I64(amend(101, 6), 1);
    CHECK_EQ_I64(take(AATS_OM_AMENDED, 0, -1), 1); /* told without numbers: as it was asked */
    CHECK_EQ_I64(out[0].order.px_i, 101);
    CHECK_EQ_I64(out[0].order.qty_i, 6);
    CHECK_EQ_I64(take_sized(AATS_OM_AMENDED, 0, -1, 101, 6), AATS_E_STALE);
    fill(1, 6, 6);
    CHECK_STR(told, "CAMXZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_FILLED);
}

TEST(a_refused_amendment_leaves_the_order_as_it_is)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    amend(101, 6);
    CHECK_EQ_I64(take(AATS_OM_AMEND_REJECT, AATS_OC_VENUE, -1), 1);
    CHECK_EQ_I64(m.o.qty_i, 10);
    CHECK_EQ_I64(take(AATS_OM_AMEND_REJECT, AATS_OC_VENUE, -1), AATS_E_STALE);
    CHECK_EQ_I64(amend(101, 6), 1);
    take(AATS_OM_AMEND_REJECT, AATS_OC_UNKNOWN_ORDER, -1);
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_STATUS);
    CHECK_STR(told, "CAmm");
}

TEST(fills_that_only_the_amended_order_can_have_queue_amended_first)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    amend(101, 20);
    fill(1, 15, 15);
    CHECK_STR(told, "CAMX");
    CHECK_EQ_I64(m.o.qty_i, 20);
    CHECK_EQ_I64(fill(2, 6, 21), AATS_E_SHAPE);
    CHECK_EQ_I64(take(AATS_OM_AMENDED, 0, -1), AATS_E_STALE);
    fill(2, 5, 20);
    CHECK_STR(told, "CAMXXZ");
}

TEST(an_order_filled_to_its_old_size_waits_for_the_answer_to_its_amendment)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    amend(100, 20);
    fill(1, 10, 10);
    CHECK_STR(told, "CAX");
    CHECK_EQ_I64(aats_machine_asks(&m), AATS_ASK_STATUS);
    take(AATS_OM_AMEND_REJECT, AATS_OC_UNKNOWN_ORDER, -1);
    CHECK_STR(told, "CAXmZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_FILLED);

    fresh();
    take(AATS_OM_ACK, 0, 0);
    amend(100, 20);
    fill(1, 10, 10);
    take(AATS_OM_AMENDED, 0, -1);
    fill(2, 10, 20);
    CHECK_STR(told, "CAXMXZ");
}

TEST(an_answer_to_asking_tells_what_became_of_an_amendment)
{
    fresh();
    take(AATS_OM_ACK, 0, 0);
    amend(101, 20);
    take(AATS_OM_UNKNOWN, AATS_OC_TIMEOUT, -1);
    CHECK_EQ_I64(take_sized(AATS_OM_OPEN, 0, 0, 100, 10), 0); /* not yet, or not: whoever asks knows when to give up */
    CHECK_EQ_I64(m.amend_qty_i, 20);
    CHECK_EQ_I64(take_sized(AATS_OM_OPEN, 0, 0, 101, 20), 1);
    CHECK_STR(told, "CA?M");
    CHECK_EQ_I64(take_sized(AATS_OM_OPEN, 0, 0, 100, 10), AATS_E_STALE); /* late news of what it was */
    CHECK_EQ_I64(m.o.qty_i, 20);
    CHECK_EQ_I64(take_sized(AATS_OM_OPEN, 0, 0, 99, 7), 1); /* somebody else's hand */
    CHECK_EQ_I64(take_sized(AATS_OM_DONE, AATS_OC_FILLED, 5, 99, 5), 1);
    fill(1, 5, 5);
    CHECK_STR(told, "CA?MMMXZ");
    CHECK_EQ_U64(m.o.code, AATS_OC_FILLED);
}

/* ---- any order of anything ---- */

/* Says what is wrong with what was told of a whole or unfinished life; NULL if nothing. */
static char const *grammar(char const *s)
{
    int acked = 0, rejected = 0, canceled = 0, closed = 0, open = 0;
    if (*s++ != 'C') return "Created is not first";
    for (; *s != 0; s++) {
        if (closed && *s != 'r' && *s != 'm') return "something after Closed but a refused cancel or amendment";
        switch (*s) {
        case 'A': if (acked++ || rejected) return "a second Acked, or one after Rejected"; break;
        case 'R': if (rejected++ || acked) return "a second Rejected, or one after Acked"; break;
        case 'X': if (!acked || canceled) return "a fill before Acked or after Canceled"; break;
        case 'D': if (!acked || canceled++) return "Canceled before Acked, or twice"; break;
        case 'Z':
            if (!acked && !rejected) return "Closed without Acked or Rejected";
            if (open) return "Closed with a cancel request unanswered";
            closed = 1;
            break;
        case 'c': open++; break;
        case 'a': if (--open < 0) return "an answer without a request"; break;
        case 'r': if (!closed && --open < 0) return "an answer without a request"; break;
        case 'M': if (!acked || canceled) return "Amended before Acked or after Canceled"; break;
        case '?': case 'm': break;
        default: return "an event that is none of these";
        }
    }
    return NULL;
}

static uint64_t dice_state;

static uint32_t dice(uint32_t n)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice_state >> 33) % n;
}

/* anything makes a random message, true or not; ids and sums repeat often. */
static aats_omsg_t anything(void)
{
    static uint32_t const CODES[] = {AATS_OC_NONE, AATS_OC_CANCELED, AATS_OC_EXPIRED, AATS_OC_FILLED, AATS_OC_UNKNOWN_ORDER, AATS_OC_VENUE};
    aats_omsg_t one = msg(1 + dice(AATS_OM_AMEND_REJECT), CODES[dice(6)], (int64_t)dice(13) - 1);
    one.trade_id = dice(8);
    one.qty_i = (int64_t)dice(6);
    one.px_i = 1 + dice(200);
    if (dice(4) == 0) one.cum_qty_i = -1;
    if (one.kind != AATS_OM_DONE && one.code == AATS_OC_FILLED) one.code = AATS_OC_VENUE; /* no venue refuses with that */
    return one;
}

TEST(a_hundred_thousand_random_lives_keep_the_grammar_and_the_sums)
{
    dice_state = 1;
    uint32_t closed_lives = 0, endings = 0;
    for (int life = 0; life < 100000; life++) {
        fresh();
        int64_t sum = 0, notional = 0, asked = 0, amends = 0, answers = 0;
        uint32_t ids = 0, closes = 0;
        char const *why = NULL;
        for (int step = 0; step < 24 && why == NULL; step++) {
            int cnt, go;
            aats_omsg_t const one = anything();
            aats_machine_t const was = m;
            int const by_us = dice(6) == 0, ours = !by_us && dice(8) == 0;
            int64_t const px = 1 + dice(3), size = 1 + dice(14);
            memset(&out[AATS_MACHINE_OUT], 0x5a, sizeof out[0]);
            cnt = by_us ? aats_machine_cancel(&m, NOW, out, &go) : ours ? aats_machine_amend(&m, px, size, NOW, out, &go) : aats_machine_take(&m, &one, NOW, out);
            if (by_us && go) asked++;
            amends += ours;
            note(cnt);
            if (cnt > AATS_MACHINE_OUT || out[AATS_MACHINE_OUT].ns != 0x5a5a5a5a5a5a5a5a) why = "more events than there is room for";
            if (cnt < 0 && !unchanged(&was)) why = "a refused message changed the order";
            if (cnt < 0 && cnt != AATS_E_STALE && cnt != AATS_E_SHAPE) why = "an undocumented code";
            for (int i = 0; i < cnt; i++) {
                closes += out[i].kind == AATS_OEV_CLOSED;
                answers += out[i].kind == AATS_OEV_AMEND_REJECTED;
                if (out[i].kind != AATS_OEV_EXEC) continue;
                if (ids >> out[i].trade_id & 1) why = "a fill told twice";
                ids |= 1u << out[i].trade_id;
                sum += out[i].fill_qty_i;
                notional += out[i].fill_qty_i * out[i].fill_px_i;
                if (out[i].order.cum_qty_i != sum) why = "cum_qty_i is not the sum of the fills told";
            }
            if (sum > m.o.qty_i) why = "filled beyond its size";
            if (m.o.cum_qty_i != sum || aats_wide(m.o.cum_notional) != notional) why = "the order's sums are not those of the fills told";
            if (closes != (m.o.state == AATS_ORD_CLOSED)) why = "Closed does not go with the state";
            int const closed = m.o.state == AATS_ORD_CLOSED, asks = aats_machine_asks(&m);
            if (closed && (m.o.code == AATS_OC_FILLED) != (sum == m.o.qty_i)) why = "closed as filled and is not, or the reverse";
            if (closed && m.amend_qty_i != 0) why = "closed with an amendment unanswered";
            if (answers > amends) why = "an answer to no amendment";
            if (!closed && sum == m.o.qty_i && asks == AATS_ASK_NOTHING) why = "whole, not closed, and nobody asks";
            if (m.o.state == AATS_ORD_ENDING && asks != AATS_ASK_FILLS) why = "ENDING and nobody asks";
            if (!closed && m.o.flags & AATS_OF_UNKNOWN && asks == AATS_ASK_NOTHING) why = "UNKNOWN and nobody asks";
            endings += m.o.state == AATS_ORD_ENDING;
        }
        if (why == NULL) why = grammar(told);
        CHECK_MSG(why == NULL, "life %d: %s: %s", life, told, why == NULL ? "" : why);
        closed_lives += closes;
    }
    CHECK(closed_lives > 50000 && endings > 10000); /* the lives are not dull */
}

/* A venue's true story, as messages in any order and doubled, ends in the same order: filled sums, one Closed. */
TEST(the_order_and_the_number_of_true_messages_do_not_matter)
{
    dice_state = 7;
    for (int life = 0; life < 20000; life++) {
        aats_omsg_t story[24];
        int n = 0, sum = 0;
        int const whole = (int)dice(2);
        story[n++] = msg(AATS_OM_ACK, 0, 0);
        for (uint64_t id = 1; sum < 10 && id < 6; id++) {
            int qty = 1 + (int)dice(4);
            if (sum + qty > 10) qty = 10 - sum;
            if (!whole && sum + qty >= 10) break;
            sum += qty;
            story[n] = msg(AATS_OM_FILL, 0, sum);
            story[n].trade_id = id;
            story[n].qty_i = qty;
            story[n++].px_i = 100;
        }
        story[n++] = msg(AATS_OM_DONE, sum == 10 ? AATS_OC_FILLED : AATS_OC_EXPIRED, sum);
        for (int extra = (int)dice(8); extra > 0; extra--, n++) story[n] = story[dice((uint32_t)n)];
        for (int i = n - 1; i > 0; i--) {
            int const j = (int)dice((uint32_t)i + 1);
            aats_omsg_t const swap = story[i];
            story[i] = story[j];
            story[j] = swap;
        }
        fresh();
        for (int i = 0; i < n; i++) {
            int const cnt = note(aats_machine_take(&m, &story[i], NOW, out));
            CHECK(cnt >= 0 || cnt == AATS_E_STALE);
        }
        CHECK_MSG(m.o.state == AATS_ORD_CLOSED && m.o.cum_qty_i == sum && grammar(told) == NULL, "life %d: %s: sum %d of %d", life, told,
                  (int)m.o.cum_qty_i, sum);
        CHECK_EQ_U64(m.o.code, sum == 10 ? AATS_OC_FILLED : AATS_OC_EXPIRED);
    }
}

RUN_ALL()
