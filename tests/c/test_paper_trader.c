/* test_paper_trader.c -- paper trading behind the trader: the callback grammar, the money, and leaving, over a market that moves. */
#include "app/paper.h"
#include "check.h"
#include "order/wide.h"

#define MS 1000000ll
enum { BUY = AATS_SIDE_BUY, SELL = AATS_SIDE_SELL, IDS = 4096 };

static aats_trader_t *trader;
static int64_t now_ns;
static uint64_t rng_state;

/* What the events have told. */
/* letters: C created, a acked, x exec, R rejected, c cancel created, A cancel acked, N cancel rejected, K canceled, . closed */
static char seen[IDS][24];
static __int128 bought, sold, fee_base, fee_quote;

static uint64_t rng(void)
{
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return rng_state >> 33;
}

static aats_given_t given(char const *text) { return (aats_given_t){.kind = AATS_GIVEN_TEXT, .text = text, .text_len = strlen(text)}; }

static int open_trader(int64_t latency_ns)
{
    char why[200] = "";
    aats_trader_opts_t const opts = {.instance = 77};
    aats_paper_opts_t paper;
    aats_paper_defaults(&paper);
    paper.latency_ns = latency_ns;
    aats_rules_t rules = {.px_exp = -2, .qty_exp = -3, .fee_exp = -8, .tick_i = 1, .lot_i = 1};
    strcpy(rules.symbol, "BTCUSDT.BINANCE"), strcpy(rules.native, "BTCUSDT"), strcpy(rules.base, "BTC"), strcpy(rules.quote, "USDT");
    memset(seen, 0, sizeof seen);
    bought = sold = fee_base = fee_quote = 0;
    now_ns = 1000 * MS;
    trader = aats_trader_new(&opts, NULL, 0, NULL, why, sizeof why);
    aats_paper_t *p = aats_paper_new(&paper);
    CHECK_MSG(trader != NULL, "%s", why);
    CHECK_EQ_I64(aats_trader_paper(trader, "BINANCE", p), 0);
    CHECK_EQ_I64(aats_trader_add_symbol(trader, &rules, 0), 0);
    CHECK_EQ_I64(aats_paper_symbol(p, 0, &rules), AATS_OK);
    return trader != NULL;
}

static void note(aats_oev_t const *ev)
{
    static char const LETTER[] = {[AATS_OEV_CREATED] = 'C',        [AATS_OEV_ACKED] = 'a',           [AATS_OEV_REJECTED] = 'R',
                                  [AATS_OEV_EXEC] = 'x',           [AATS_OEV_CANCEL_CREATED] = 'c',  [AATS_OEV_CANCEL_ACKED] = 'A',
                                  [AATS_OEV_CANCEL_REJECTED] = 'N', [AATS_OEV_CANCELED] = 'K',       [AATS_OEV_CLOSED] = '.'};
    if (ev->kind >= sizeof LETTER || LETTER[ev->kind] == 0) {
        CHECK_MSG(ev->kind == AATS_OEV_RECONCILED, "event of kind %u", ev->kind);
        return;
    }
    char *word = seen[ev->order.order_id];
    char const letter[2] = {LETTER[ev->kind], 0};
    size_t const len = strlen(word);
    int const repeats = letter[0] == 'x' && len > 0 && word[len - 1] == 'x';
    if (!repeats && len < sizeof seen[0] - 1) strcat(word, letter);
    if (ev->kind != AATS_OEV_EXEC) return;
    *(ev->order.side == BUY ? &bought : &sold) += ev->fill_qty_i;
    *(strcmp(ev->fee_asset, "BTC") == 0 ? &fee_base : &fee_quote) += ev->fee_i;
    CHECK_EQ_I64(strcmp(ev->fee_asset, ev->order.side == BUY ? "BTC" : "USDT"), 0);
}

static void pass(int64_t ns)
{
    aats_oev_t ev;
    now_ns += ns;
    aats_trader_step(trader, now_ns, now_ns);
    while (aats_trader_event(trader, &ev)) note(&ev);
    aats_trader_delivered(trader);
}

static void quote(int64_t mid, int valid)
{
    aats_level_t bids[5], asks[5];
    for (int i = 0; i < 5; i++) {
        bids[i] = (aats_level_t){mid - 1 - i, 1 + (int64_t)(rng() % 40)};
        asks[i] = (aats_level_t){mid + 1 + i, 1 + (int64_t)(rng() % 40)};
    }
    aats_trader_quote(trader, 0, bids, 5, asks, 5, valid, now_ns);
}

static void send(int64_t id, int side, int tif, int64_t px_i, int64_t qty_i)
{
    char px[32], qty[32];
    snprintf(px, sizeof px, "%lld.%02lld", (long long)(px_i / 100), (long long)(px_i % 100));
    snprintf(qty, sizeof qty, "0.%03lld", (long long)qty_i);
    aats_order_req_t req = {.order_id = id, .side = (uint8_t)side, .tif = (uint8_t)tif, .px = given(px), .qty = given(qty)};
    CHECK_EQ_I64(aats_trader_send(trader, &req, now_ns, now_ns), AATS_OK);
}

TEST(each_way_of_an_order_has_its_word)
{
    if (!open_trader(0)) return;
    pass(0);
    CHECK_EQ_I64(aats_trader_ready(trader), 1);
    aats_level_t const bid[1] = {{10000, 50}}, ask[1] = {{10002, 50}};
    aats_trader_quote(trader, 0, bid, 1, ask, 1, 1, now_ns);
    send(1, BUY, AATS_TIF_IOC, 10002, 20);
    send(2, BUY, AATS_TIF_IOC, 10002, 40);
    send(3, BUY, AATS_TIF_POS, 10003, 20);
    send(4, SELL, AATS_TIF_POS, 10003, 20);
    send(5, BUY, AATS_TIF_FOK, 10002, 20);
    pass(1);
    pass(1);
    CHECK_STR(seen[1], "Cax.");
    CHECK_STR(seen[2], "CaxK.");
    CHECK_STR(seen[3], "Ca");  /* the level at 10002 is used up: it rests */
    CHECK_STR(seen[4], "CR.");
    CHECK_STR(seen[5], "CaK.");
    aats_trader_tick(trader, 0, SELL, 10003, 7, now_ns);
    aats_trader_cancel(trader, 3, 0, now_ns, now_ns);
    pass(1);
    pass(1);
    CHECK_STR(seen[3], "CacxAK.");
    CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
    aats_trader_free(trader);
}

TEST(over_a_market_that_moves_each_order_closes_once_and_the_money_adds_up)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rng_state = seed;
        if (!open_trader((int64_t)(seed % 4) * MS)) return;
        int64_t mid = 10000, id = 0;
        for (int i = 0; i < 400; i++) {
            if (rng() % 3 == 0) mid += (int64_t)(rng() % 5) - 2;
            quote(mid, rng() % 20 != 0);
            for (uint64_t n = rng() % 3; n > 0; n--)
                aats_trader_tick(trader, 0, rng() & 1 ? BUY : SELL, mid + (int64_t)(rng() % 7) - 3, 1 + (int64_t)(rng() % 50), now_ns);
            int64_t const px_i = mid + (int64_t)(rng() % 9) - 4, qty_i = 1 + (int64_t)(rng() % 30);
            if (rng() % 2) send(++id, rng() & 1 ? BUY : SELL, 1 + (int)(rng() % 5), px_i, qty_i);
            if (id > 0 && rng() % 3 == 0) aats_trader_cancel(trader, 1 + (int64_t)(rng() % (uint64_t)id), 0, now_ns, now_ns);
            pass((int64_t)(rng() % 3) * MS);
        }
        aats_trader_close(trader);
        aats_trader_cancel_all(trader, now_ns, now_ns);
        aats_trader_verify(trader);
        for (int i = 0; i < 100 && !aats_trader_verified(trader); i++) pass(100 * MS);
        CHECK_EQ_I64(aats_trader_verified(trader), 1);
        CHECK_EQ_I64(aats_trader_open_cnt(trader), 0);
        CHECK_EQ_U64(aats_trader_counter(trader, AATS_TDC_STRANGE), 0);
        CHECK_EQ_U64(aats_trader_counter(trader, AATS_TDC_CLOSED), (uint64_t)id);
        for (int64_t i = 1; i <= id; i++) {
            char const *end = strchr(seen[i], '.');
            int const once = seen[i][0] == 'C' && end != NULL && strspn(end + 1, "N") == strlen(end + 1);
            CHECK_MSG(once, "seed %d order %d: %s", (int)seed, (int)i, seen[i]);
        }
        aats_pos_t pos;
        CHECK_EQ_I64(aats_trader_pos(trader, 0, &pos), AATS_OK);
        CHECK(bought > 0 && sold > 0);
        CHECK(aats_wide(pos.bought) == bought && aats_wide(pos.sold) == sold);
        CHECK(aats_wide(pos.fee_base) == fee_base && aats_wide(pos.fee_quote) == fee_quote);
        aats_trader_leave(trader);
        CHECK_EQ_I64(aats_trader_left(trader), 1);
        aats_trader_free(trader);
    }
}

RUN_ALL()
