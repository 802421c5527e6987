/* test_trader_journal.c -- what a trader writes down, and when: before the bytes, before the callback, after the callback. */
#include "trader_journal.h"

TEST(the_intent_is_on_disk_before_the_gateway_makes_bytes)
{
    REQUIRE(begin());
    written();
    long const before = (long)file_sz;
    send(1);
    CHECK_EQ_I64(venue.placed, 1);
    CHECK_EQ_I64(venue.journal_sz, before + (long)(sizeof(aats_jrec_t) + sizeof(aats_order_t)));
    CHECK_STR(written(), "S I1");
    finish();
}

TEST(an_intent_that_cannot_be_written_refuses_the_order)
{
    REQUIRE(begin());
    fill_disk();
    send(1);
    empty_disk();
    CHECK_EQ_I64(venue.placed, 0);
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_JOURNAL);
    CHECK(strstr(ev.msg, "journal") != NULL);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    CHECK_STR(told(), "");
    CHECK_EQ_I64(venue.gone, 0); /* it was never shown to the gateway */
    send(2);
    CHECK_EQ_I64(venue.placed, 1);
    finish();
}

TEST(an_event_is_on_disk_before_it_is_given_and_told_after_the_next_is_asked_for)
{
    REQUIRE(begin());
    send(1);
    CHECK_EQ_I64(next().kind, AATS_OEV_CREATED);
    CHECK_STR(written(), "S I1 e1");
    say_fill(1, 1, 20000 * UNIT, UNIT, "BTC", 0);
    step();
    CHECK_EQ_I64(next().kind, AATS_OEV_ACKED);
    CHECK_STR(written(), "S I1 e1 h e1 e1 x1");
    next();
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    CHECK_STR(written(), "S I1 e1 h e1 e1 x1"); /* killed now, it is told again */
    CHECK(!aats_trader_has_event(trader));
    aats_oev_t ev;
    CHECK_EQ_I64(aats_trader_event(trader, &ev), 0);
    CHECK_STR(written(), "S I1 e1 h e1 e1 x1 T1");
    CHECK_EQ_I64(aats_trader_event(trader, &ev), 0);
    aats_trader_delivered(trader);
    CHECK_STR(written(), "S I1 e1 h e1 e1 x1 T1"); /* once */
    finish();
}

TEST(a_cancel_is_written_before_it_goes_and_only_if_it_goes)
{
    REQUIRE(begin());
    send(1);
    aats_trader_cancel(trader, 1, 0, now, now);
    CHECK_STR(written(), "S I1 e1 e1 K1"); /* CancelCreated before it: the next life knows whose cancel it was */
    aats_trader_cancel(trader, 1, 0, now, now); /* pending */
    CHECK_STR(written(), "S I1 e1 e1 K1");
    CHECK_EQ_I64(venue.canceled, 1);
    finish();
}

TEST(an_order_refused_under_anothers_id_leaves_no_trace_of_it)
{
    REQUIRE(begin());
    send(1);
    send(1);
    CHECK_STR(told(), "CCR.");
    CHECK_STR(written(), "S I1 e1"); /* the first is open: its Closed must not stand there */
    finish();
}

TEST(an_order_refused_here_has_no_intent)
{
    REQUIRE(begin());
    send_as(1, AATS_SIDE_BUY, AATS_TIF_GTC, "0", "1");
    CHECK_STR(told(), "CR.");
    CHECK_STR(written(), "S e1 e1 x1");
    finish();
}

TEST(end_is_written_when_nothing_is_left_and_only_then)
{
    REQUIRE(begin());
    send(1);
    CHECK_STR(told(), "C");
    aats_trader_leave(trader);
    step();
    CHECK_STR(written(), "S I1 e1"); /* one is open */
    say(AATS_OM_REJECT, 1);
    step();
    CHECK_STR(written(), "S I1 e1");
    CHECK_STR(told(), "R.");
    CHECK_STR(written(), "S I1 e1 e1 x1 T1"); /* as far as we know: the venue has not said so */
    step();
    finish();

    REQUIRE(begin());
    send(1);
    say(AATS_OM_REJECT, 1);
    step();
    CHECK_STR(told(), "CR.");
    aats_trader_verify(trader);
    say(AATS_OM_READY, 0);
    step();
    CHECK_STR(told(), "S");
    aats_trader_leave(trader);
    step();
    CHECK_STR(written(), "S I1 e1 e1 x1 T1 e0 E");
    finish();

    REQUIRE(begin());
    step();
    CHECK_STR(written(), "S");
    aats_trader_leave(trader);
    aats_trader_leave(trader);
    step();
    CHECK_STR(written(), "S E");
    finish();
}

TEST(a_trader_that_is_freed_with_orders_open_writes_no_end)
{
    REQUIRE(begin());
    send(1);
    told();
    aats_trader_leave(trader);
    say(AATS_OM_ACK, 1);
    step();
    close_trader();
    CHECK_STR(written(), "S I1 e1 e1"); /* nobody took Acked, but the next run knows of it */
    aats_journal_close(journal);
    journal = NULL;
    unlink(path);
}

TEST(what_has_happened_is_told_and_written_down_though_the_disk_is_full)
{
    REQUIRE(begin());
    send(1);
    fill_disk(); /* new orders are refused, and there is room for what becomes of this one */
    size_t const before = strlen(written());
    say_fill(1, 1, 20000 * UNIT, UNIT, "BTC", 0);
    step();
    aats_trader_cancel(trader, 99, 0, now, now);
    CHECK_STR(told(), "Cax.j");
    char const *after = written() + before;
    CHECK(strstr(after, " x1") != NULL && strstr(after, " T1") != NULL);

    static uint8_t const pad[AATS_JOURNAL_REC_MAX - sizeof(aats_jrec_t)];
    while (aats_journal_put(journal, AATS_JR_EVENT, 999, pad, sizeof pad, now) == AATS_OK) continue; /* now not even that */
    size_t const full = strlen(written());
    aats_trader_cancel(trader, 98, 0, now, now);
    CHECK_STR(told(), "j");
    empty_disk();
    CHECK(aats_wide(pos().bought) == UNIT);
    CHECK(strlen(written()) <= full + 8);
    finish();
}

RUN_ALL()
