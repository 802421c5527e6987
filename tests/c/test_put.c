/* test_put.c -- numbers and hex written eight characters at a time, held to the plain formats of num.c and client_id.c. */
#include "check.h"
#include "order/client_id.h"
#include "proto/num.h"
#include "proto/put.h"

static uint64_t rng = 88172645463325252ULL;

static uint64_t next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

/* Numbers of every length, and those at the edges of a power of ten. */
static uint64_t number(int i)
{
    uint64_t edge = 1;
    for (int k = 0; k < i % 19; k++) edge *= 10;
    return i % 4 == 0 ? edge : i % 4 == 1 ? edge - 1 : i % 4 == 2 ? edge * (1 + next() % 9) : (next() >> 1) % (edge + 1);
}

static void same(char const *end, char *text, char const *model, uint64_t v)
{
    CHECK_MSG((size_t)(end - text) == strlen(model) && !memcmp(text, model, (size_t)(end - text)), "%llu: %.*s, not %s", (unsigned long long)v,
              (int)(end - text), text, model);
}

TEST(every_integer_and_decimal_is_written_as_the_plain_format_writes_it)
{
    for (int i = 0; i < 200000; i++) {
        char text[AATS_NUM_SZ + AATS_PUT_SLACK], model[AATS_NUM_SZ];
        uint64_t const v = number(i) & INT64_MAX;
        REQUIRE(aats_num_format((int64_t)v, 0, model, sizeof model) > 0);
        same(aats_put_u64(text, v), text, model, v);
        REQUIRE(aats_num_format((int64_t)v, -8, model, sizeof model) > 0);
        same(aats_put_decimal8(text, v), text, model, v);
    }
    char text[AATS_NUM_SZ + AATS_PUT_SLACK];
    same(aats_put_u64(text, UINT64_MAX), text, "18446744073709551615", UINT64_MAX);
}

TEST(nothing_is_written_beyond_the_slack)
{
    for (int i = 0; i < 2000; i++) {
        uint64_t const v = number(i) & INT64_MAX;
        char model[AATS_NUM_SZ];
        int const n = aats_num_format((int64_t)v, -8, model, sizeof model);
        char *tight = malloc((size_t)n + AATS_PUT_SLACK); /* AddressSanitizer stands at its end */
        REQUIRE(tight && n > 0);
        same(aats_put_decimal8(tight, v), tight, model, v);
        free(tight);
    }
    char *hex = malloc(16);
    REQUIRE(hex);
    CHECK(aats_put_hex64(hex, 0x0123456789abcdefULL) == hex + 16 && !memcmp(hex, "0123456789abcdef", 16));
    free(hex);
}

TEST(hex_is_the_client_ids)
{
    for (int i = 0; i < 20000; i++) {
        uint64_t const a = next(), b = next() >> 1;
        char text[33] = "", model[AATS_CLIENT_ID_SZ];
        aats_client_id_format(a, (int64_t)b, model);
        CHECK(aats_put_hex64(aats_put_hex64(text, a), b) == text + 32);
        CHECK_STR(text, model);
    }
}

RUN_ALL()
