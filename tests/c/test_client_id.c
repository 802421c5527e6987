/* test_client_id.c -- a client id is 32 hex digits of ours, and nothing else is taken for one. */
#include "check.h"

#include "order/client_id.h"
#include "order/codes.h"

TEST(what_we_cannot_have_written_is_refused)
{
    static char const *const BAD[] = {
        "",
        "1",
        "00000000000000ab000000000000000",
        "00000000000000ab00000000000000010",
        "00000000000000AB0000000000000001",
        "00000000000000ab000000000000000g",
        "00000000000000ab 000000000000001",
        "00000000000000ab0000000000000000",
        "00000000000000ab8000000000000000",
        "x0000000000000ab0000000000000001",
        "web_1234567890abcdef1234567890ab", "0x000000000000ab0000000000000001",
    };
    uint64_t instance = 5;
    int64_t order_id = 6;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_MSG(aats_client_id_parse(BAD[i], strlen(BAD[i]), &instance, &order_id) == AATS_E_SYNTAX, "taken: %s", BAD[i]);
    }
    CHECK(instance == 5 && order_id == 6);
}

TEST(every_id_comes_back)
{
    uint64_t const instances[] = {0, 1, 0x0123456789abcdef, UINT64_MAX};
    int64_t const ids[] = {1, 2, 0x7edcba9876543210, INT64_MAX};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++) {
            char text[AATS_CLIENT_ID_SZ];
            uint64_t instance;
            int64_t order_id;
            memset(text, '#', sizeof text);
            aats_client_id_format(instances[i], ids[k], text);
            CHECK_EQ_U64(strlen(text), 32);
            CHECK_EQ_I64(aats_client_id_parse(text, 32, &instance, &order_id), AATS_OK);
            CHECK(instance == instances[i] && order_id == ids[k]);
        }
    }
    char text[AATS_CLIENT_ID_SZ];
    aats_client_id_format(0xab, 0xc, text);
    CHECK_STR(text, "00000000000000ab000000000000000c");
}

TEST(codes_have_names_of_their_own)
{
    int named = 0;
    CHECK_STR(aats_code_name(AATS_OC_NONE), "");
    CHECK_STR(aats_code_name(-1), "?");
    CHECK_STR(aats_code_name(AATS_OC_CNT), "?");
    CHECK_STR(aats_code_name(AATS_OC_OFF_TICK), "off_tick");
    for (int a = 1; a < AATS_OC_CNT; a++) {
        if (aats_code_name(a)[0] == '?') continue;
        named++;
        for (int b = 1; b < a; b++) CHECK(strcmp(aats_code_name(a), aats_code_name(b)) != 0);
    }
    CHECK(named > 30);
}

RUN_ALL()
