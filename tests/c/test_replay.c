/* app/replay: what is refused, what makes a book lost, and what brings it back. */
#include "app/replay.h"

#include "check.h"
#include "venue/venue.h"

static aats_replay_t *fresh(void)
{
    aats_replay_t *r = aats_replay_open("BINANCE");
    CHECK(r != NULL);
    return r;
}

static int frame(aats_replay_t *r, char const *text) { return aats_replay_frame(r, 0, text, strlen(text), 1); }

/* A diff U..u of a symbol that sets one bid. */
static int diff(aats_replay_t *r, char const *sym, int first, int last, char const *px, char const *qty)
{
    char text[400];
    snprintf(text, sizeof text,
             "{\"stream\":\"%s@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"%s\",\"U\":%d,\"u\":%d,\"b\":[[\"%s\",\"%s\"]],\"a\":[]}}",
             sym, sym, first, last, px, qty);
    return frame(r, text);
}

static int trade(aats_replay_t *r, char const *sym, int id)
{
    char text[300];
    snprintf(text, sizeof text,
             "{\"stream\":\"%s@trade\",\"data\":{\"e\":\"trade\",\"E\":1,\"s\":\"%s\",\"t\":%d,\"p\":\"1\",\"q\":\"1\",\"T\":1,\"m\":false}}", sym, sym, id);
    return frame(r, text);
}

static int snapshot(aats_replay_t *r, char const *sym, int last)
{
    char text[200];
    snprintf(text, sizeof text, "{\"lastUpdateId\":%d,\"bids\":[[\"10.00\",\"1.0\"]],\"asks\":[[\"11.00\",\"2.0\"]]}", last);
    return aats_replay_snapshot(r, sym, text, strlen(text));
}

static aats_replay_symbol_t look(aats_replay_t *r, uint32_t i)
{
    aats_replay_symbol_t s = {0};
    CHECK_EQ_I64(aats_replay_look(r, i, &s), AATS_OK);
    return s;
}

TEST(an_unknown_venue_is_no_replayer)
{
    CHECK(aats_replay_open("NOWHERE") == NULL);
    aats_replay_close(NULL);
}

TEST(what_cannot_be_read_is_refused_and_makes_nothing)
{
    aats_replay_t *r = fresh();
    char const *bad[] = {"", "{", "\xff\xfe", "{\"stream\":\"x@depth\",\"data\":{\"s\":\"X\"}}", "{\"stream\":\"x@trade\",\"data\":[]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(frame(r, bad[i]) < 0);
    CHECK_EQ_I64(aats_replay_snapshot(r, "X", "{\"code\":-1003,\"msg\":\"no\"}", 25), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_replay_snapshot(r, "", "{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}", 38), AATS_E_SHAPE);
    CHECK_EQ_I64(diff(r, "A23456789012345678901234567890123456789012345678", 1, 1, "1", "1"), AATS_E_TOO_BIG);
    CHECK_EQ_I64(aats_replay_count(r), 0);
    aats_replay_symbol_t s;
    aats_replay_mark_t m;
    CHECK_EQ_I64(aats_replay_look(r, 0, &s), AATS_E_ARG);
    CHECK_EQ_I64(aats_replay_mark(r, 0, 0, &m, 1), AATS_E_ARG);
    aats_replay_close(r);
}

TEST(a_snapshot_without_a_symbol_needs_a_tape_of_one)
{
    aats_replay_t *r = fresh();
    CHECK_EQ_I64(snapshot(r, NULL, 5), AATS_E_UNKNOWN);
    diff(r, "AB", 6, 7, "9.5", "1");
    CHECK_EQ_I64(snapshot(r, NULL, 5), 1);
    CHECK_EQ_I64(look(r, 0).valid, 1);
    diff(r, "CD", 1, 2, "9.5", "1");
    CHECK_EQ_I64(snapshot(r, NULL, 9), AATS_E_UNKNOWN);
    aats_replay_close(r);
}

TEST(diffs_before_and_after_the_snapshot_make_the_book)
{
    aats_replay_t *r = fresh();
    CHECK_EQ_I64(diff(r, "AB", 4, 5, "9.90", "7.0"), AATS_MSG_DEPTH); /* held by the snapshot */
    diff(r, "AB", 6, 7, "9.50", "3.0");
    CHECK_EQ_I64(look(r, 0).valid, 0);
    CHECK_EQ_I64(snapshot(r, "ab", 5), 1);
    diff(r, "AB", 8, 8, "10.00", "0.0");
    diff(r, "AB", 8, 8, "10.00", "4.0"); /* nothing newer than 8: dropped */
    aats_replay_symbol_t s = look(r, 0);
    CHECK_STR(s.native, "AB");
    CHECK_EQ_I64(s.valid, 1);
    CHECK_EQ_I64(s.updates, 2);
    CHECK_EQ_I64(s.olds, 1);
    CHECK_EQ_I64(s.snapshot_id, 5);
    CHECK_EQ_I64(s.final_id, 8);
    CHECK_EQ_I64(s.bid_top_cnt, 1);
    CHECK_EQ_I64(s.bids[0].px_i, 950000000);
    CHECK_EQ_I64(s.ask_cnt, 1);
    aats_level_t side[2];
    CHECK_EQ_I64(aats_replay_levels(r, 0, AATS_ASK, side, 2), 1);
    CHECK_EQ_I64(side[0].qty_i, 200000000);
    CHECK_EQ_I64(aats_replay_levels(r, 0, 2, side, 2), AATS_E_ARG);
    CHECK_EQ_I64(aats_replay_levels(r, 1, AATS_BID, side, 2), AATS_E_ARG);
    CHECK_EQ_I64(s.px_decimals, 2);
    CHECK_EQ_I64(s.qty_decimals, 1);
    aats_replay_close(r);
}

TEST(a_hole_is_one_gap_until_a_later_snapshot_and_touches_no_other_symbol)
{
    aats_replay_t *r = fresh();
    snapshot(r, "AB", 5);
    snapshot(r, "CD", 5);
    diff(r, "CD", 6, 6, "9", "1");
    diff(r, "AB", 7, 8, "9", "1");
    diff(r, "AB", 12, 13, "9", "1");
    CHECK_EQ_I64(snapshot(r, "AB", 4), 0); /* too early to bridge the hole: the same trouble, not a second gap */
    CHECK_EQ_I64(look(r, 0).gaps, 1);
    CHECK_EQ_I64(look(r, 0).valid, 0);
    CHECK_EQ_I64(look(r, 1).gaps, 0);
    CHECK_EQ_I64(look(r, 1).valid, 1);
    CHECK_EQ_I64(snapshot(r, "AB", 13), 1);
    CHECK_EQ_I64(look(r, 0).valid, 1);
    CHECK_EQ_I64(look(r, 0).gaps, 1);
    aats_replay_close(r);
}

TEST(a_snapshot_too_early_for_the_stream_is_a_gap_only_if_none_mends_it)
{
    aats_replay_t *r = fresh();
    diff(r, "AB", 7, 8, "9", "1");
    CHECK_EQ_I64(snapshot(r, "AB", 5), 0);
    CHECK_EQ_I64(snapshot(r, "AB", 5), 0);
    CHECK_EQ_I64(look(r, 0).gaps, 1);
    CHECK_EQ_I64(look(r, 0).valid, 0);
    CHECK_EQ_I64(snapshot(r, "AB", 7), 1);
    CHECK_EQ_I64(look(r, 0).gaps, 0);
    CHECK_EQ_I64(look(r, 0).valid, 1);
    aats_replay_close(r);
}

TEST(a_hole_among_kept_diffs_is_found_when_the_snapshot_comes)
{
    aats_replay_t *r = fresh();
    diff(r, "AB", 6, 6, "9", "1");
    diff(r, "AB", 8, 8, "9", "2");
    CHECK_EQ_I64(snapshot(r, "AB", 5), 1);
    CHECK_EQ_I64(look(r, 0).gaps, 1);
    CHECK_EQ_I64(look(r, 0).updates, 1);
    CHECK_EQ_I64(look(r, 0).valid, 0);
    aats_replay_close(r);
}

TEST(a_crossed_book_is_lost)
{
    aats_replay_t *r = fresh();
    snapshot(r, "AB", 5);
    diff(r, "AB", 6, 6, "11.00", "1");
    diff(r, "AB", 7, 7, "11.00", "0");
    CHECK_EQ_I64(look(r, 0).crossed, 1);
    CHECK_EQ_I64(look(r, 0).gaps, 0);
    CHECK_EQ_I64(look(r, 0).valid, 0);
    aats_replay_close(r);
}

TEST(after_an_unreadable_frame_a_book_is_good_again_once_its_sequence_goes_on)
{
    aats_replay_t *r = fresh();
    snapshot(r, "AB", 5);
    snapshot(r, "CD", 5);
    CHECK(frame(r, "{\"stream\":\"ab@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"s\":\"AB\",\"U\":6") < 0);
    CHECK_EQ_I64(look(r, 0).valid, 0);
    CHECK_EQ_I64(look(r, 1).valid, 1); /* it was not its own */
    diff(r, "AB", 6, 6, "9", "1");
    CHECK_EQ_I64(look(r, 0).valid, 1);
    CHECK(frame(r, "{\"st") < 0); /* anybody's */
    CHECK_EQ_I64(look(r, 0).valid, 0);
    CHECK_EQ_I64(look(r, 1).valid, 0);
    diff(r, "AB", 7, 7, "9", "1");
    CHECK_EQ_I64(look(r, 0).valid, 1);
    CHECK_EQ_I64(diff(r, "AB", 9, 8, "9", "1"), AATS_E_SHAPE); /* ids run backwards */
    CHECK_EQ_I64(look(r, 0).valid, 0);
    aats_replay_close(r);
}

TEST(trade_ids_that_jump_are_gaps_and_those_that_repeat_are_not)
{
    aats_replay_t *r = fresh();
    int ids[] = {7, 8, 8, 10, 9, 11};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) CHECK_EQ_I64(trade(r, "AB", ids[i]), AATS_MSG_TRADE);
    aats_replay_symbol_t s = look(r, 0);
    CHECK_EQ_I64(s.trade_gaps, 1);
    CHECK_EQ_I64(s.trades, 4);
    CHECK_EQ_I64(s.trades_again, 2);
    CHECK_EQ_I64(s.has_book, 0);
    CHECK_EQ_I64(s.valid, 0);
    aats_replay_close(r);
}

TEST(marks_stand_at_every_two_hundredth_update)
{
    aats_replay_t *r = fresh();
    char px[16];
    snapshot(r, "AB", 0);
    for (int i = 1; i <= 650; i++) {
        snprintf(px, sizeof px, "%d.%02d", 9, i % 100);
        diff(r, "AB", i, i, px, "1");
    }
    aats_replay_mark_t m[4];
    CHECK_EQ_I64(look(r, 0).mark_cnt, 3);
    CHECK_EQ_I64(aats_replay_mark(r, 0, 0, m, 2), 2);
    CHECK_EQ_I64(m[1].updates, 400);
    CHECK_EQ_I64(aats_replay_mark(r, 0, 2, m, 4), 1);
    CHECK_EQ_I64(m[0].updates, 600);
    CHECK_EQ_I64(m[0].bid.px_i, 1000000000);
    CHECK_EQ_I64(aats_replay_mark(r, 0, 3, m, 4), 0);
    CHECK_EQ_I64(aats_replay_mark(r, 0, 4, m, 4), AATS_E_ARG);
    aats_replay_close(r);
}

TEST(many_symbols_are_found_again)
{
    aats_replay_t *r = fresh();
    char name[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 70; i++) {
            snprintf(name, sizeof name, "%s%d", i % 2 ? "SYM" : "sym", i);
            trade(r, name, 1 + round);
        }
    CHECK_EQ_I64(aats_replay_count(r), 70);
    for (uint32_t i = 0; i < 70; i++) CHECK_EQ_I64(look(r, i).trades, 2);
    aats_replay_close(r);
}

RUN_ALL()
