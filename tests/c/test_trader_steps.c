/* test_trader_steps.c -- each named step (base/steps.h) lies where its comment says: what the journal, the venue and the risk gate have at that moment. */
#include "base/steps.h"
#include "risk_fixture.h"
#include "trader_journal.h"

#define PX (20000 * UNIT)

static aats_gate_t *gate;

typedef struct {
    int step;
    char const *journal; /* as written() says it */
    int placed, canceled;
    int64_t buy, pos;    /* of the gate's cell, in hundredths */
} at_t;

static at_t seen;
static char seen_journal[16384];

static aats_rcell_t cell(void)
{
    aats_rcell_t out;
    aats_cell_read(&risk, 0, 0, &out);
    return out;
}

static void look(int step, void *arg)
{
    (void)arg;
    aats_rcell_t const c = cell();
    snprintf(seen_journal, sizeof seen_journal, "%s", written());
    seen = (at_t){.step = step, .placed = venue.placed, .canceled = venue.canceled, .buy = c.buy_i * 100 / UNIT, .pos = c.pos_i * 100 / UNIT};
}

/* live sends an order, half of it is filled, it is canceled, and all of it is told. */
static void live(void)
{
    send(1);
    CHECK_STR(told(), "C");
    say_fill(1, 1, PX, UNIT / 2, "USDT", 0);
    step();
    CHECK_STR(told(), "ax");
    aats_trader_cancel(trader, 1, 3, now, now);
    CHECK_STR(told(), "c");
    aats_omsg_t *done = say(AATS_OM_DONE, 1);
    done->code = AATS_OC_CANCELED;
    done->cum_qty_i = UNIT / 2;
    step();
    CHECK_STR(told(), "kd.");
}

TEST(each_step_lies_where_its_comment_says)
{
    static at_t const WANT[] = {
        {AATS_STEP_WISH,             "S d +",                                      0, 0, 0,   0},
        {AATS_STEP_RESERVED,         "S d +",                                      0, 0, 100, 0},
        {AATS_STEP_JOURNALED,        "S d + I1",                                   0, 0, 100, 0},
        {AATS_STEP_WRITTEN,          "S d + I1",                                   1, 0, 100, 0},
        {AATS_STEP_SENT,             "S d + I1",                                   1, 0, 100, 0},
        {AATS_STEP_NOTED,            "S d + I1 e1",                                1, 0, 100, 0},
        {AATS_STEP_GIVEN,            "S d + I1 e1",                                1, 0, 100, 0},
        {AATS_STEP_DELIVERED,        "S d + I1 e1",                                1, 0, 100, 0},
        {AATS_STEP_MESSAGE,          "S d + I1 e1",                                1, 0, 100, 0},
        {AATS_STEP_MACHINE,          "S d + I1 e1",                                1, 0, 100, 0},
        {AATS_STEP_MONEY,            "S d + I1 e1 h",                              1, 0, 50,  50},
        {AATS_STEP_CANCEL_JOURNALED, "S d + I1 e1 h e1 e1 e1 K1",                  1, 0, 50,  50},
        {AATS_STEP_RELEASED,         "S d + I1 e1 h e1 e1 e1 K1",                  1, 1, 0,   50},
        {AATS_STEP_TOLD,             "S d + I1 e1 h e1 e1 e1 K1 e1 e1 x1 T1",      1, 1, 0,   50},
    };
    for (size_t i = 0; i < sizeof WANT / sizeof WANT[0]; i++) {
        at_t const *want = &WANT[i];
        aats_gate_free(gate);
        REQUIRE(fixture_risk(2, 4, 8) == AATS_OK && (gate = gate_for("maker", 10)) != NULL && begin());
        aats_trader_risk(trader, gate);
        aats_level_t const bid = {.px_i = PX, .qty_i = UNIT}, ask = {.px_i = PX + UNIT, .qty_i = UNIT};
        aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
        REQUIRE(aats_trader_carried(trader, now) == AATS_OK);
        seen = (at_t){0};
        aats_steps_arm(want->step, 1, look, NULL);
        live();
        aats_steps_arm(AATS_STEP_NONE, 0, NULL, NULL);
        CHECK_EQ_I64(seen.step, want->step);
        CHECK_STR(seen_journal, want->journal);
        CHECK_EQ_I64(seen.placed, want->placed);
        CHECK_EQ_I64(seen.canceled, want->canceled);
        CHECK_EQ_I64(seen.buy, want->buy);
        CHECK_EQ_I64(seen.pos, want->pos);
        finish();
    }
}

RUN_ALL()
