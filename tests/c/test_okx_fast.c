/* test_okx_fast.c -- the short way through OKX's frames says what the plain walk says: for frames as the venue writes them, and for each of them damaged. */
#include "base/isa.h"
#include "check.h"
#include "venue/okx_fast.h"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS], plain_bids[AATS_MSG_LEVELS], plain_asks[AATS_MSG_LEVELS];
static uint64_t state = 7;

static uint64_t dice(uint64_t n)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33) % n;
}

static int put_levels(char *at, int cnt)
{
    int n = 0;
    for (int i = 0; i < cnt; i++) {
        n += sprintf(at + n, i ? ",[\"" : "[\"");
        n += dice(9) ? sprintf(at + n, "%d.%d", (int)dice(100000), 1 + (int)dice(9)) : sprintf(at + n, "%d", 1 + (int)dice(9999999));
        n += sprintf(at + n, "\",\"");
        n += dice(3) ? sprintf(at + n, "%d.%0*d", (int)dice(3000), 1 + (int)dice(8), 1 + (int)dice(9)) : sprintf(at + n, "%d", (int)dice(40));
        n += sprintf(at + n, "\",\"0\",\"%d\"]", (int)dice(2000));
    }
    return n;
}

static int put_frame(char *at)
{
    int n = 0, kind = (int)dice(3);
    if (kind == 0) {
        n += sprintf(at, "{\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"},\"action\":\"update\",\"data\":[{\"asks\":[");
        n += put_levels(at + n, (int)dice(30));
        n += sprintf(at + n, "],\"bids\":[");
        n += put_levels(at + n, (int)dice(30));
        n += sprintf(at + n, "],\"ts\":\"1785312000130\",\"checksum\":0,\"prevSeqId\":%d,\"seqId\":%d}]}", (int)dice(1000000), (int)dice(1000000));
    } else if (kind == 1) {
        n += sprintf(at, "{\"arg\":{\"channel\":\"bbo-tbt\",\"instId\":\"BTC-USDT-SWAP\"},\"data\":[{\"asks\":[");
        n += put_levels(at + n, dice(9) ? 1 : 0);
        n += sprintf(at + n, "],\"bids\":[");
        n += put_levels(at + n, dice(9) ? 1 : 0);
        n += sprintf(at + n, "],\"ts\":\"1785312000131\",\"seqId\":78123456%d}]}", 10 + (int)dice(90));
    } else {
        n += sprintf(at, "{\"arg\":{\"channel\":\"trades\",\"instId\":\"BTC-USDT\"},\"data\":[{\"instId\":\"BTC-USDT\",\"tradeId\":\"%d\",\"px\":\"%d.%d\",\"sz\":\"%d.%d\","
                         "\"side\":\"%s\",\"ts\":\"1785312000129\"%s}]}", (int)dice(1000000), (int)dice(70000), (int)dice(100), (int)dice(9), 1 + (int)dice(99),
                     dice(2) ? "buy" : "sell", dice(2) ? ",\"count\":\"3\",\"source\":\"0\",\"seqId\":7812345630" : ",\"count\":\"1\"");
    }
    return n;
}

static void fine(void *arg, void *message)
{
    aats_msg_t *m = message;
    int const *exps = arg;
    m->px_exp = exps[0];
    m->qty_exp = exps[1];
}

/* Both ways over one text; returns 1 if the short way took it. */
static int both(char const *frame, size_t n, int *exps)
{
    char *text = malloc(n ? n : 1); /* its end is guarded */
    memcpy(text, frame, n);
    aats_msg_t want = {.bids = plain_bids, .asks = plain_asks, .scale = exps ? fine : NULL, .scale_arg = exps};
    aats_msg_t m = {.bids = bids, .asks = asks, .scale = want.scale, .scale_arg = exps};
    int const e = okx_parse_plain(text, n, &want);
    int const taken = okx_fast(text, n, &m);
    if (taken) {
        CHECK_EQ_I64(e, AATS_OK);
        CHECK_MSG(m.kind == want.kind && m.has == want.has && m.first_id == want.first_id && m.last_id == want.last_id && m.id == want.id, "%.*s", (int)n, frame);
        CHECK_MSG(m.bid_cnt == want.bid_cnt && m.ask_cnt == want.ask_cnt && m.exch_ns == want.exch_ns && m.side == want.side && m.offset == want.offset, "%.*s", (int)n, frame);
        CHECK_MSG(m.px_i == want.px_i && m.qty_i == want.qty_i && m.sym == want.sym && m.sym_len == want.sym_len && m.stream_len == want.stream_len, "%.*s", (int)n, frame);
        CHECK_MSG(!(m.has & AATS_HAS_PREV) || m.prev_id == want.prev_id, "%.*s", (int)n, frame);
        CHECK_MSG(!memcmp(bids, plain_bids, m.bid_cnt * sizeof *bids) && !memcmp(asks, plain_asks, m.ask_cnt * sizeof *asks), "%.*s", (int)n, frame);
    } else {
        CHECK_MSG(1, "left to the walk");
    }
    free(text);
    return taken;
}

static void at_each_level(void (*run)(void))
{
    static char const *const LEVELS[] = {"scalar", "avx2"};
    for (int i = 0; i < 2; i++) {
        aats_isa_use(LEVELS[i], NULL, 0);
        run();
    }
    aats_isa_use("avx512", NULL, 0);
}

static void ordinary(void)
{
    static char frame[8192];
    int taken = 0, all = 2000;
    for (int i = 0; i < all; i++) taken += both(frame, (size_t)put_frame(frame), NULL);
#if defined(__SSE2__)
    CHECK_MSG(taken > all * 3 / 5, "%d of %d", taken, all);
#endif
}

TEST(ordinary_frames_are_taken_and_read_alike) { at_each_level(ordinary); }

static void scaled(void)
{
    static char frame[8192];
    static int EXPS[][2] = {{-10, -8}, {-8, 0}, {-4, -4}, {-18, -18}};
    for (int i = 0; i < 1000; i++) both(frame, (size_t)put_frame(frame), EXPS[i % 4]);
}

TEST(instruments_with_exponents_of_their_own_are_read_alike) { at_each_level(scaled); }

static void damaged(void)
{
    static char frame[8192];
    static char const BYTES[] = "\"\",.0109[]{}:-eE \\n/";
    for (int i = 0; i < 4000; i++) {
        size_t n = (size_t)put_frame(frame);
        for (uint64_t k = 1 + dice(2); k > 0; k--) {
            size_t const at = dice(n);
            switch (dice(3)) {
            case 0: frame[at] = BYTES[dice(sizeof BYTES - 1)]; break;
            case 1: memmove(frame + at, frame + at + 1, n - at - 1), n--; break;
            default: memmove(frame + at + 1, frame + at, n - at), frame[at] = BYTES[dice(sizeof BYTES - 1)], n++; break;
            }
        }
        both(frame, n, NULL);
        both(frame, dice(n), NULL);
    }
}

TEST(damaged_frames_are_left_to_the_walk_or_read_alike) { at_each_level(damaged); }

RUN_ALL()
