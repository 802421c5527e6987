/* test_trader_adopt.c -- orders of an earlier life: told again as one whole story, asked for, never sent again, and counted once, wherever that life was cut off. */
#include "trader_journal.h"

#define PX (20000 * UNIT)

/* earlier lives a life under OLD up to where `live` leaves it, and gives what its journal says after `most` records. */
static legacy_t *earlier(void (*live)(void), int most)
{
    life = OLD;
    CHECK(begin());
    live();
    aats_trader_delivered(trader);
    legacy_t *legacy = legacy_of(most);
    finish();
    life = INSTANCE;
    return legacy;
}

/* adopt takes all of a legacy over as 101, 102 ... and ends the taking over. */
static void adopt(legacy_t *legacy)
{
    for (int i = 0; i < legacy->fill_cnt; i++) CHECK_EQ_I64(aats_trader_carry_fill(trader, 0, &legacy->fills[i]), AATS_OK);
    for (int i = 0; i < legacy->cnt; i++) {
        left_t const *left = &legacy->orders[i];
        if (!left->told) CHECK_EQ_I64(aats_trader_adopt(trader, 100 + left->id, &left->intent, left->evs, left->cnt, now), AATS_OK);
    }
    CHECK_EQ_I64(aats_trader_carried(trader, now), AATS_OK);
}

/* of_old puts a word about an order of the earlier life into the venue's mouth. */
static aats_omsg_t *of_old(int kind, int64_t id)
{
    aats_omsg_t *m = say(kind, id);
    m->instance = OLD;
    return m;
}

static void fill_of_old(int64_t id, uint64_t trade, int64_t qty_i)
{
    say_fill(id, trade, PX, qty_i, "USDT", UNIT / 100);
    venue.said[venue.said_cnt - 1].instance = OLD;
}

static __int128 held(void)
{
    aats_hold_t hold;
    return aats_trader_hold(trader, 3, 0, &hold) == 1 ? aats_wide(hold.size) : 0;
}

/* ---- lives ---- */

static void one_sent(void) { send(1); }

static void one_live(void)
{
    send(1);
    say(AATS_OM_ACK, 1);
    step();
    told();
}

static void half_filled(void)
{
    one_live();
    say_fill(1, 7, PX, UNIT / 2, "USDT", UNIT / 100);
    step();
    told();
}

static void canceling(void)
{
    half_filled();
    aats_trader_cancel(trader, 1, 3, now, now);
    told();
}

static void closed_untold(void)
{
    half_filled();
    say_fill(1, 8, PX, UNIT / 2, "USDT", UNIT / 100);
    step();
    CHECK_EQ_I64(next().kind, AATS_OEV_EXEC);
    CHECK_EQ_I64(next().kind, AATS_OEV_CLOSED);
    aats_journal_flush(journal);
}

/* ---- refusals ---- */

TEST(what_cannot_be_adopted_is_refused_and_changes_nothing)
{
    legacy_t const *legacy = earlier(one_live, STORY);
    left_t const *left = &legacy->orders[0];
    REQUIRE(begin());
    aats_order_t o = left->intent;
    CHECK_EQ_I64(aats_trader_adopt(trader, 0, &o, left->evs, left->cnt, now), AATS_E_ARG);
    o.instance = INSTANCE; /* our own */
    CHECK_EQ_I64(aats_trader_adopt(trader, 5, &o, left->evs, left->cnt, now), AATS_E_ARG);
    o = left->intent;
    memcpy(o.symbol, "ETHUSDT.BINANCE", 16);
    CHECK_EQ_I64(aats_trader_adopt(trader, 5, &o, left->evs, left->cnt, now), AATS_E_UNKNOWN);
    o = left->intent;
    o.qty_exp = -5; /* the symbol has been given other digits */
    CHECK_EQ_I64(aats_trader_adopt(trader, 5, &o, left->evs, left->cnt, now), AATS_E_UNKNOWN);
    CHECK_EQ_I64(send(5), AATS_OK);
    CHECK_STR(told(), "C");
    o = left->intent;
    CHECK_EQ_I64(aats_trader_adopt(trader, 5, &o, left->evs, left->cnt, now), AATS_E_ARG); /* the id is taken */
    CHECK_STR(told(), "");
    CHECK_EQ_U64(count(AATS_TDC_ADOPTED), 0);
    CHECK_EQ_I64(aats_trader_adopt(trader, 6, &o, left->evs, left->cnt, now), AATS_OK);
    CHECK_EQ_I64(aats_trader_adopt(trader, 7, &o, left->evs, left->cnt, now), AATS_E_ARG); /* twice */
    CHECK_STR(told(), "Cau");
    CHECK_EQ_U64(count(AATS_TDC_ADOPTED), 1);
    finish();

    REQUIRE(open_trader(1, NULL));
    send(1);
    CHECK_EQ_I64(aats_trader_adopt(trader, 6, &o, left->evs, left->cnt, now), AATS_E_FULL);
    close_trader();
}

TEST(a_word_of_another_instance_is_never_applied)
{
    legacy_t *legacy = earlier(one_live, STORY);
    REQUIRE(begin());
    adopt(legacy);
    CHECK_STR(told(), "Cau");
    fill_of_old(2, 50, UNIT); /* of an order that nobody has adopted */
    say_fill(101, 51, PX, UNIT, "USDT", 0); /* our instance, a number that we never sent: an adopted order has another client id */
    say_fill(1, 52, PX, UNIT, "USDT", 0);
    fill_of_old(101, 53, UNIT);
    step();
    CHECK_STR(told(), "");
    CHECK_EQ_U64(count(AATS_TDC_FILLS), 0);
    CHECK(held() == 0);
    CHECK_EQ_U64(count(AATS_TDC_FOREIGN), 2);
    fill_of_old(1, 54, UNIT);
    step();
    CHECK_STR(told(), "x.");
    CHECK(held() == UNIT);
    finish();
}

/* ---- the story ---- */

TEST(an_intent_without_a_word_is_asked_for_and_not_sent_again)
{
    legacy_t *legacy = earlier(one_sent, STORY);
    CHECK_EQ_I64(legacy->cnt, 1);
    CHECK_EQ_U64(legacy->orders[0].cnt, 0); /* killed before the first event was written */
    REQUIRE(begin());
    adopt(legacy);
    aats_oev_t ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_CREATED);
    CHECK(ev.order.flags & AATS_OF_REPLAYED);
    CHECK_EQ_I64(ev.order.order_id, 101);
    CHECK_EQ_I64(ev.order.client_no, 1);
    CHECK_EQ_U64(ev.order.instance, OLD);
    ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_UNKNOWN);
    CHECK(!(ev.order.flags & AATS_OF_REPLAYED)); /* that is news */
    CHECK(venue.asked > 0);
    for (int i = 0; i < 10; i++) step();
    CHECK_EQ_I64(venue.placed, 0);
    of_old(AATS_OM_ABSENT, 1);
    step();
    ev = next();
    CHECK_EQ_I64(ev.code, AATS_OC_NOT_RECEIVED);
    CHECK_STR(told(), ".");
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    finish();
}

TEST(what_an_earlier_life_has_sent_has_no_latency)
{
    aats_slow_t slow;
    aats_slow_told_t passed;
    legacy_t *legacy = earlier(one_sent, STORY);
    REQUIRE(begin());
    aats_slow_init(&slow, NULL);
    aats_slow_limit(&slow, AATS_HOP_SENT_ACKED, 1, AATS_SLOW_TELL);
    aats_slow_limit(&slow, AATS_HOP_ACKED_FILLED, 1, AATS_SLOW_TELL);
    aats_trader_slow(trader, &slow);
    adopt(legacy);
    now += 5000;
    of_old(AATS_OM_ACK, 1);
    step();
    now += 5000;
    fill_of_old(1, 7, UNIT);
    step();
    CHECK(strstr(told(), "A") != NULL || held() == UNIT);
    CHECK_EQ_I64(aats_slow_take(&slow, &passed), 0);
    send(2); /* one of this life has */
    now += 5000;
    say(AATS_OM_ACK, 2);
    step();
    CHECK_EQ_I64(aats_slow_take(&slow, &passed), 1);
    CHECK(passed.hop == AATS_HOP_SENT_ACKED && passed.worst_ns >= 5000);
    finish();
}

TEST(a_story_is_told_again_and_goes_on_with_what_is_new)
{
    legacy_t *legacy = earlier(half_filled, STORY);
    REQUIRE(begin());
    adopt(legacy);
    CHECK(held() == UNIT / 2); /* carried over, before anything is told */
    uint32_t const kinds[] = {AATS_OEV_CREATED, AATS_OEV_ACKED, AATS_OEV_EXEC};
    for (int i = 0; i < 3; i++) {
        aats_oev_t const ev = next();
        CHECK_EQ_I64(ev.kind, kinds[i]);
        CHECK(ev.order.flags & AATS_OF_REPLAYED);
        CHECK_EQ_I64(ev.order.strategy, 3);
    }
    CHECK_STR(told(), "u");
    CHECK(aats_wide(pos().bought) == 0); /* what this process has traded */
    CHECK(held() == UNIT / 2);

    fill_of_old(1, 7, UNIT / 2); /* the venue tells it again, too */
    of_old(AATS_OM_OPEN, 1)->cum_qty_i = UNIT / 2;
    step();
    CHECK_STR(told(), "");
    CHECK(held() == UNIT / 2);
    fill_of_old(1, 9, UNIT / 2);
    step();
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_EXEC);
    CHECK(!(ev.order.flags & AATS_OF_REPLAYED));
    CHECK_EQ_I64(ev.order.cum_qty_i, UNIT);
    CHECK_STR(told(), ".");
    CHECK(held() == UNIT);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    finish();
}

TEST(a_cancel_that_was_open_is_answered)
{
    legacy_t *legacy = earlier(canceling, STORY);
    REQUIRE(begin());
    adopt(legacy);
    CHECK_STR(told(), "Caxcu");
    aats_order_t o;
    REQUIRE(aats_trader_find(trader, 101, &o) == 1);
    CHECK_EQ_I64(o.cancel, AATS_CXL_ASKED); /* the session sends it again once the order is known to live */
    aats_trader_cancel(trader, 101, 3, now, now);
    CHECK_STR(told(), "cj"); /* pending */
    aats_omsg_t *done = of_old(AATS_OM_DONE, 1);
    done->code = AATS_OC_CANCELED;
    done->cum_qty_i = UNIT / 2;
    step();
    CHECK_STR(told(), "kd.");
    CHECK(held() == UNIT / 2);
    finish();
}

TEST(a_closed_that_was_not_told_is_told_and_nothing_is_asked)
{
    legacy_t *legacy = earlier(closed_untold, 7); /* without its TOLD */
    REQUIRE(begin());
    adopt(legacy);
    CHECK(held() == UNIT);
    CHECK_EQ_I64(venue.asked, 0);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    CHECK_STR(told(), "Caxx.");
    CHECK(held() == UNIT);
    CHECK_STR(written() + strlen(written()) - 4, "T101"); /* told in this life */
    finish();
}

TEST(a_story_cut_off_behind_its_end_gets_its_closed)
{
    legacy_t *legacy = earlier(canceling, STORY);
    left_t *left = &legacy->orders[0];
    left->evs[left->cnt] = left->evs[left->cnt - 1];
    left->evs[left->cnt].kind = AATS_OEV_CANCELED;
    left->evs[left->cnt].order.code = AATS_OC_CANCELED_OTHER;
    left->cnt++;
    REQUIRE(begin());
    adopt(legacy);
    CHECK_STR(told(), "Caxcdj."); /* the cancel is answered before Closed */
    CHECK_EQ_I64(venue.asked, 0);
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    finish();

    legacy = earlier(one_sent, STORY);
    left = &legacy->orders[0];
    left->evs[0] = (aats_oev_t){.kind = AATS_OEV_CREATED, .order = left->intent};
    left->evs[1] = (aats_oev_t){.kind = AATS_OEV_REJECTED, .code = AATS_OC_BALANCE, .order = left->intent};
    left->evs[1].order.code = AATS_OC_BALANCE;
    left->cnt = 2;
    REQUIRE(begin());
    adopt(legacy);
    next();
    next();
    aats_oev_t const ev = next();
    CHECK_EQ_I64(ev.kind, AATS_OEV_CLOSED);
    CHECK_EQ_I64(ev.code, AATS_OC_BALANCE);
    CHECK_STR(told(), "");
    finish();
}

TEST(many_are_found_by_their_client_ids)
{
    legacy_t const *legacy = earlier(one_live, STORY);
    left_t left = legacy->orders[0];
    REQUIRE(begin());
    for (int64_t id = 1; id <= 200; id++) {
        left.intent.instance = OLD + (uint64_t)(id % 3); /* of three lives */
        left.intent.client_no = id / 3 + 1;
        CHECK_EQ_I64(aats_trader_adopt(trader, 1000 + id, &left.intent, left.evs, left.cnt, now), AATS_OK);
    }
    CHECK_EQ_I64(aats_trader_carried(trader, now), AATS_OK);
    while (told()[0] != 0) continue;
    for (int64_t id = 1; id <= 200; id++) {
        aats_omsg_t *m = say(AATS_OM_FILL, id / 3 + 1);
        m->instance = OLD + (uint64_t)(id % 3);
        m->trade_id = (uint64_t)id;
        m->px_i = PX;
        m->qty_i = UNIT;
        step();
        aats_oev_t const ev = next();
        CHECK_EQ_I64(ev.kind, AATS_OEV_EXEC);
        CHECK_EQ_I64(ev.order.order_id, 1000 + id);
        CHECK_STR(told(), ".");
    }
    CHECK_EQ_U64(count(AATS_TDC_FOREIGN), 0);
    finish();
}

/* ---- what is written of it ---- */

TEST(what_was_taken_over_is_in_the_new_journal_before_it_says_so)
{
    legacy_t *legacy = earlier(half_filled, STORY);
    REQUIRE(begin());
    adopt(legacy);
    CHECK_STR(written(), "S h f d I101 e101 e101 e101 e101 a101 +");
    told();
    CHECK_STR(written(), "S h f d I101 e101 e101 e101 e101 a101 +"); /* no event twice */
    legacy_t *second = legacy_of(STORY); /* killed now: the third life takes it from here, under the client id of the first */
    CHECK_EQ_I64(second->cnt, 1);
    aats_order_t const intent = second->orders[0].intent;
    CHECK_EQ_U64(intent.instance, OLD);
    CHECK_EQ_I64(intent.client_no, 1);
    CHECK_EQ_I64(intent.order_id, 101);
    CHECK_EQ_I64(intent.qty_i, UNIT);
    finish();
    life = INSTANCE + 1;
    REQUIRE(begin());
    second->fill_cnt = 0; /* its HOLD has it */
    adopt(second);
    CHECK_STR(told(), "Caxuu");
    fill_of_old(1, 7, UNIT / 2);
    fill_of_old(1, 9, UNIT / 2);
    step();
    CHECK_STR(told(), "x.");
    finish();
    life = INSTANCE;
}

TEST(a_life_that_takes_nothing_over_says_so)
{
    REQUIRE(begin());
    CHECK_EQ_I64(aats_trader_carried(trader, now), AATS_OK);
    CHECK_STR(written(), "S d +");
    finish();
}

/* ---- cut off anywhere ---- */

/* everything lives through an order of each kind: one filled in two parts, one canceled, one refused, one that only was acked. */
static void everything(void)
{
    for (int64_t id = 1; id <= 4; id++) send(id);
    told();
    say(AATS_OM_ACK, 1);
    say_fill(1, 7, PX, UNIT / 2, "USDT", UNIT / 100);
    say(AATS_OM_ACK, 2);
    say(AATS_OM_REJECT, 3)->code = AATS_OC_BALANCE;
    step();
    told();
    aats_trader_cancel(trader, 2, 3, now, now);
    told();
    aats_omsg_t *done = say(AATS_OM_DONE, 2);
    done->code = AATS_OC_CANCELED;
    done->cum_qty_i = 0;
    say_fill(1, 8, PX, UNIT / 2, "USDT", UNIT / 100);
    say(AATS_OM_ACK, 4);
    step();
    told();
}

/* What the venue answers when it is asked for all of that. */
static void tell_all_again(legacy_t const *legacy)
{
    for (int i = 0; i < legacy->cnt; i++) {
        int64_t const id = legacy->orders[i].id;
        if (id == 1) {
            fill_of_old(1, 7, UNIT / 2);
            fill_of_old(1, 8, UNIT / 2);
        } else if (id == 3) {
            of_old(AATS_OM_ABSENT, 3);
        } else {
            aats_omsg_t *done = of_old(AATS_OM_DONE, id);
            done->code = AATS_OC_CANCELED;
            done->cum_qty_i = 0;
        }
    }
}

TEST(wherever_a_life_is_cut_off_the_next_one_closes_each_order_once_and_counts_each_fill_once)
{
    for (int cut = 0; cut < STORY; cut++) { /* its file has fewer records */
        legacy_t *legacy = earlier(everything, cut);
        REQUIRE(begin());
        adopt(legacy);
        tell_all_again(legacy);
        step();
        step();
        char lives[8][STORY] = {{0}};
        aats_oev_t ev;
        while (aats_trader_event(trader, &ev) == 1) {
            REQUIRE(ev.order.order_id >= 101 && ev.order.order_id <= 104);
            char *tale = lives[ev.order.order_id - 101];
            tale[strlen(tale)] = "?CaRxckjd.u"[ev.kind];
        }
        int sent_one = 0;
        for (int i = 0; i < legacy->cnt; i++) {
            left_t const *left = &legacy->orders[i];
            char const *tale = lives[left->id - 1];
            sent_one |= left->id == 1;
            if (left->told) {
                CHECK_STR(tale, "");
                continue;
            }
            CHECK_EQ_I64(tale[0], 'C');
            CHECK(strchr(tale, '.') == tale + strlen(tale) - 1); /* once, and last */
            int acks = 0, ends = 0, asked = 0, answered = 0;
            for (char const *at = tale; *at != 0; at++) {
                acks += *at == 'a';
                ends += *at == 'd' || *at == 'R';
                asked += *at == 'c';
                answered += *at == 'k' || *at == 'j';
            }
            CHECK(acks <= 1 && ends <= 1);
            CHECK_EQ_I64(asked, answered);
        }
        CHECK(held() == (sent_one ? UNIT : 0));
        CHECK_EQ_I64(venue.placed, 0);
        CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
        finish();
    }
}

RUN_ALL()
