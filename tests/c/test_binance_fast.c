/* test_binance_fast.c -- the short way through Binance's messages says what the plain walk says, whatever the text and the instructions. */
#include "check.h"

#include "each_isa.h"
#include "venue/binance_fast.h"

static char const *const MESSAGES[] = {
    "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"BTCUSDT\",\"U\":61530118801,\"u\":61530118837,"
    "\"b\":[[\"64210.01000000\",\"0.85314000\"],[\"64209.55000000\",\"0.00000000\"]],\"a\":[[\"64210.02000000\",\"2.10077000\"]]}}",
    "{\"stream\":\"1000satsusdt@bookTicker\",\"data\":{\"u\":61530118837,\"s\":\"1000SATSUSDT\",\"b\":\"0.00021010\",\"B\":\"0.85314000\","
    "\"a\":\"64210.02000000\",\"A\":\"1234567.10077000\"}}",
    "{\"stream\":\"ethusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":1785312000113,\"s\":\"ETHUSDT\",\"t\":5212345678,\"p\":\"3210.02000000\","
    "\"q\":\"0.01200000\",\"T\":1785312000112,\"m\":false,\"M\":true}}",
};

static aats_level_t bids[2][AATS_MSG_LEVELS], asks[2][AATS_MSG_LEVELS];

static void same(char const *text, size_t n)
{
    char *const copy = malloc(n ? n : 1); /* its end is guarded */
    if (n) memcpy(copy, text, n);
    aats_msg_t want = {.bids = bids[0], .asks = asks[0]};
    int const e = binance_parse_plain(copy, n, &want);
    for (int i = 0; i < EACH_ISA; i++) {
        char const *const name = isa_there(i);
        if (name == NULL) continue;
        aats_msg_t m = {.bids = bids[1], .asks = asks[1], .kind = 77, .code = 77, .id = 77, .text = "77", .offset = 77};
        int const got = aats_venue_binance.parse(copy, n, &m);
        CHECK_MSG(got == e, "%s: code %d, the plain walk says %d: %.*s", name, got, e, (int)n, text);
        if (m.bid_cnt == want.bid_cnt && m.ask_cnt == want.ask_cnt) {
            CHECK(!memcmp(bids[0], bids[1], m.bid_cnt * sizeof *bids[0]) && !memcmp(asks[0], asks[1], m.ask_cnt * sizeof *asks[0]));
        }
        m.bids = bids[0];
        m.asks = asks[0];
        CHECK_MSG(!memcmp(&m, &want, sizeof m), "%s: another field: %.*s", name, (int)n, text);
    }
    free(copy);
}

TEST(a_byte_changed_anywhere_means_what_the_plain_walk_says)
{
    static char const TO[] = "09a@S.,:\"]}- \\e\x80";
    char text[512];
    for (size_t m = 0; m < 3; m++) {
        size_t const n = strlen(MESSAGES[m]);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < sizeof TO; k++) { /* the final zero too */
                memcpy(text, MESSAGES[m], n);
                text[i] = TO[k];
                same(text, n);
            }
        }
    }
}

TEST(a_message_cut_off_or_gone_on_means_what_the_plain_walk_says)
{
    char text[512];
    for (size_t m = 0; m < 3; m++) {
        size_t const n = strlen(MESSAGES[m]);
        for (size_t i = 0; i < n; i++) same(MESSAGES[m], i);
        snprintf(text, sizeof text, "%s ", MESSAGES[m]);
        same(text, n + 1);
        snprintf(text, sizeof text, "%s}", MESSAGES[m]);
        same(text, n + 1);
    }
}

TEST(names_that_differ_or_do_not_belong_in_a_string_are_refused_as_ever)
{
    static char const *const NAMES[][2] = {
        {"btcusdt", "ETHUSDT"}, {"btcusdt", "BTCUSDT2"}, {"btcusdt", "BTCUSD"}, {"btc\\u0041", "BTC\\u0041"}, {"a\"b", "A\"B"}, {"a\nb", "A\nB"},
        {"", ""}, {"a", "A"}, {"abcdefgh", "ABCDEFGH"}, {"abcdefghijklmno", "ABCDEFGHIJKLMNO"}, {"abcdefghijklmnop", "ABCDEFGHIJKLMNOP"}, {"a`b", "A@B"},
        {"a{b", "A[B"}, {"BTCUSDT", "btcusdt"}, {"\xc3\xa4" "b", "\xc3\xa4" "B"}, {"a_b", "A\x7f" "B"},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char text[512];
        int n = snprintf(text, sizeof text, "{\"stream\":\"%s@bookTicker\",\"data\":{\"u\":61530118837,\"s\":\"%s\",\"b\":\"1.00000000\",\"B\":\"1.00000000\","
                         "\"a\":\"2.00000000\",\"A\":\"3.00000000\"}}", NAMES[i][0], NAMES[i][1]);
        same(text, (size_t)n);
        n = snprintf(text, sizeof text, "{\"stream\":\"%s@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"%s\",\"U\":1,\"u\":2,\"b\":[],\"a\":[]}}",
                     NAMES[i][0], NAMES[i][1]);
        same(text, (size_t)n);
    }
}

TEST(messages_as_they_come_are_taken_the_short_way)
{
    for (int i = 0; i < EACH_ISA; i++) {
        if (isa_there(i) == NULL) continue;
        for (size_t m = 0; m < 3; m++) {
            aats_msg_t msg = {.bids = bids[0], .asks = asks[0]};
            aats_msg_clear(&msg);
            CHECK_MSG(binance_fast(MESSAGES[m], strlen(MESSAGES[m]), &msg) == 1, "%s", MESSAGES[m]);
        }
    }
}

RUN_ALL()
