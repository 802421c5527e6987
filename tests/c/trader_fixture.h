/* trader_fixture.h -- a trader over a venue that says what a test tells it to say. */
#ifndef AATS_TESTS_TRADER_FIXTURE_H
#define AATS_TESTS_TRADER_FIXTURE_H

#include <unistd.h>

#include "app/trader.h"
#include "check.h"
#include "order/wide.h"
#include "shm/stats.h"
#include "shm/td.h"

#define SAID_MAX 64

/* A gateway that remembers what it was asked for, and says what was put into `said`. */
typedef struct {
    int placed, canceled, amended, asked, gone, steps, verified, left, freed;
    int place_code;       /* what place answers */
    int cancel_code;
    int amend_code;
    int state;
    aats_machine_t *last; /* of the last place */
    char journal[128];    /* how many bytes of records are in this journal when place is called */
    long journal_sz;
    aats_omsg_t said[SAID_MAX];
    int said_cnt, said_at;
    int quotes, ticks;
} fake_t;

static inline int fake_place(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz)
{
    fake_t *f = self;
    (void)rules;
    f->placed++;
    f->last = m;
    if (f->journal[0]) {
        static uint8_t bytes[1 << 20];
        FILE *file = fopen(f->journal, "rb");
        if (file != NULL) {
            size_t at = 0, n = fread(bytes, 1, sizeof bytes, file), payload_sz;
            aats_jrec_t head = {0};
            void const *payload;
            fclose(file);
            while (aats_journal_next(bytes, n, &at, &head, &payload, &payload_sz) == 1) continue;
            f->journal_sz = (long)at;
        }
    }
    if (f->place_code != AATS_OK) snprintf(msg, msg_sz, "the venue is away");
    return f->place_code;
}

static inline int fake_cancel(void *self, aats_machine_t *m, aats_rules_t const *rules)
{
    fake_t *f = self;
    (void)rules;
    f->canceled++;
    f->last = m;
    return f->cancel_code;
}

static inline int fake_amend(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz)
{
    fake_t *f = self;
    (void)rules;
    f->amended++;
    f->last = m;
    if (f->amend_code != AATS_OK) snprintf(msg, msg_sz, "the venue is away");
    return f->amend_code;
}

static inline void fake_ask(void *self, aats_machine_t *m, aats_rules_t const *rules)
{
    fake_t *f = self;
    (void)m, (void)rules;
    f->asked++;
}

static inline void fake_gone(void *self, aats_machine_t *m)
{
    fake_t *f = self;
    (void)m;
    f->gone++;
}

static inline int fake_step(void *self, int64_t now_ns, int64_t mono_ns)
{
    fake_t *f = self;
    (void)now_ns, (void)mono_ns;
    f->steps++;
    return 0;
}

static inline int fake_next(void *self, aats_omsg_t *out)
{
    fake_t *f = self;
    if (f->said_at == f->said_cnt) {
        f->said_at = f->said_cnt = 0;
        return 0;
    }
    *out = f->said[f->said_at++];
    return 1;
}

static inline int fake_state(void *self) { return ((fake_t *)self)->state; }
static inline int64_t fake_due(void *self) { return 1000 + ((fake_t *)self)->placed; }
static inline void fake_verify(void *self) { ((fake_t *)self)->verified++; }
static inline void fake_free(void *self) { ((fake_t *)self)->freed++; }

static inline void fake_leave(void *self)
{
    ((fake_t *)self)->left++;
    ((fake_t *)self)->state = AATS_GW_LEFT;
}

static inline void fake_quote(void *self, int sym, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, int valid,
                              int64_t now_ns)
{
    (void)sym, (void)bids, (void)bid_cnt, (void)asks, (void)ask_cnt, (void)valid, (void)now_ns;
    ((fake_t *)self)->quotes++;
}

static inline void fake_tick(void *self, int sym, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    (void)sym, (void)aggressor, (void)px_i, (void)qty_i, (void)now_ns;
    ((fake_t *)self)->ticks++;
}

static inline aats_gateway_t fake_face(fake_t *f, char const *exchange)
{
    aats_gateway_t face = {.self = f, .place = fake_place, .cancel = fake_cancel, .amend = fake_amend, .ask = fake_ask, .gone = fake_gone, .step = fake_step,
                           .next = fake_next, .state = fake_state, .next_mono_ns = fake_due, .verify = fake_verify, .leave = fake_leave,
                           .quote = fake_quote, .tick = fake_tick, .free = fake_free};
    snprintf(face.exchange, sizeof face.exchange, "%s", exchange);
    f->state = AATS_GW_READY;
    return face;
}

/* ---- one trader, one symbol: BTCUSDT, tick 0.01, lot 0.00001, at exponents -8 ---- */

#define INSTANCE UINT64_C(0x1122334455667788)
#define UNIT     INT64_C(100000000)

static fake_t venue;
static aats_trader_t *trader;
static int64_t now = 1700000000000000000;
static uint64_t life = INSTANCE;  /* of the next trader */
static int64_t patience_ns;       /* of its orders, while its session is not ready */

static inline aats_rules_t rules_of(char const *base, char const *quote, char const *exchange)
{
    aats_rules_t r = {.px_exp = -8, .qty_exp = -8, .fee_exp = -8, .tick_i = 1000000, .lot_i = 1000, .min_qty_i = 1000, .max_qty_i = 9000 * UNIT,
                      .min_px_i = 1000000, .max_px_i = 1000000 * UNIT, .min_notional_i = 5 * UNIT};
    snprintf(r.symbol, sizeof r.symbol, "%s%s.%s", base, quote, exchange);
    snprintf(r.native, sizeof r.native, "%s%s", base, quote);
    snprintf(r.base, sizeof r.base, "%s", base);
    snprintf(r.quote, sizeof r.quote, "%s", quote);
    return r;
}

static inline int open_trader(uint32_t orders_max, aats_journal_t *journal)
{
    char why[256];
    aats_trader_opts_t const opts = {.instance = life, .orders_max = orders_max, .queue = patience_ns > 0, .queue_ns = patience_ns, .mode = AATS_MODE_SIM};
    aats_rules_t const rules = rules_of("BTC", "USDT", "BINANCE");
    if (trader != NULL) aats_trader_free(trader);
    memset(&venue, 0, sizeof venue);
    aats_gateway_t const face = fake_face(&venue, "BINANCE");
    trader = aats_trader_new(&opts, NULL, 0, journal, why, sizeof why);
    return trader != NULL && aats_trader_gateway(trader, &face) == 0 && aats_trader_add_symbol(trader, &rules, 0) == 0;
}

static inline void close_trader(void)
{
    aats_trader_free(trader);
    trader = NULL;
}

static inline aats_given_t given(char const *text) { return (aats_given_t){.kind = AATS_GIVEN_TEXT, .text = text, .text_len = strlen(text)}; }

static inline int send_as(int64_t id, int side, int tif, char const *px, char const *qty)
{
    aats_order_req_t const req = {.order_id = id, .side = (uint8_t)side, .tif = (uint8_t)tif, .strategy = 3, .px = given(px), .qty = given(qty)};
    return aats_trader_send(trader, &req, now, now);
}

static inline int send(int64_t id) { return send_as(id, AATS_SIDE_BUY, AATS_TIF_GTC, "20000", "1"); }

/* say puts a word about an order into the venue's mouth; it is heard at the next step. */
static inline aats_omsg_t *say(int kind, int64_t id)
{
    aats_omsg_t *m = &venue.said[venue.said_cnt++];
    *m = (aats_omsg_t){.kind = (uint32_t)kind, .instance = life, .order_id = id, .recv_ns = now, .cum_qty_i = -1, .fee_exp = -8};
    if (id == 0) m->instance = 0;
    return m;
}

static inline void say_fill(int64_t id, uint64_t trade, int64_t px_i, int64_t qty_i, char const *asset, int64_t fee_i)
{
    aats_omsg_t *m = say(AATS_OM_FILL, id);
    m->trade_id = trade;
    m->px_i = px_i;
    m->qty_i = qty_i;
    m->fee_i = fee_i;
    m->liquidity = AATS_LIQ_MAKER;
    snprintf(m->fee_asset, sizeof m->fee_asset, "%s", asset);
}

static inline int step(void)
{
    now += 1000;
    return aats_trader_step(trader, now, now);
}

/* told returns the kinds of the events that wait, as letters: C a R x c k j d . u (Created Acked Rejected eXec, cancel: created acked rejected,
 * canceleD, Closed, Unknown; M m an amendment made, rejected), session: D disconnect U up S reconciled; ! news of the risk gate. */
static inline char const *told(void)
{
    static char const LETTERS[] = "?CaRxckjd.uMmDUS!";
    static char text[1024];
    aats_oev_t ev;
    int n = 0;
    while (n < 1023 && aats_trader_event(trader, &ev) == 1) text[n++] = ev.kind < sizeof LETTERS - 1 ? LETTERS[ev.kind] : '?';
    text[n] = 0;
    return text;
}

/* next gives the next event; a test that asked for one too many fails. */
static inline aats_oev_t next(void)
{
    aats_oev_t ev = {0};
    CHECK(aats_trader_event(trader, &ev) == 1);
    return ev;
}

static inline uint64_t count(int which) { return aats_trader_counter(trader, which); }

static inline aats_pos_t pos(void)
{
    aats_pos_t p = {0};
    CHECK(aats_trader_pos(trader, 0, &p) == AATS_OK);
    return p;
}

#endif
