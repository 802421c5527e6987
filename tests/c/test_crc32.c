/* test_crc32.c -- the checksum of IEEE 802.3: its known sum, and that it does not matter how a text is cut. */
#include "check.h"
#include "proto/crc32.h"

TEST(the_sum_of_nothing_is_zero) { CHECK_EQ_U64(aats_crc32(0, "", 0), 0); }

TEST(the_sum_is_the_one_that_everybody_has)
{
    CHECK_EQ_U64(aats_crc32(0, "123456789", 9), 0xCBF43926u);
    CHECK_EQ_U64(aats_crc32(0, "3366.1:7:3366.8:9:3368:8:3372:8", 31), 831078360u);
}

TEST(a_text_in_two_parts_has_the_sum_of_the_whole)
{
    uint8_t text[64];
    for (unsigned i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 37 + 11);
    uint32_t const whole = aats_crc32(0, text, sizeof text);
    for (size_t at = 0; at <= sizeof text; at++) CHECK_EQ_U64(aats_crc32(aats_crc32(0, text, at), text + at, sizeof text - at), whole);
}

RUN_ALL()
