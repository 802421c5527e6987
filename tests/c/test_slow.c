/* test_slow.c -- limits of hops: what is above is counted and told once, what is not is left alone. */
#include "app/slow.h"

#include "shm_fixture.h"

static aats_td_t td;
static aats_slow_t slow;
static aats_slow_told_t told;

static void fresh(void)
{
    memset(&td, 0, sizeof td);
    memset(&told, 0, sizeof told);
    aats_slow_init(&slow, &td);
}

TEST(a_limit_of_nothing_or_of_no_time_is_refused)
{
    fresh();
    CHECK_EQ_I64(aats_slow_limit(&slow, AATS_HOP_CNT, 1, AATS_SLOW_WARN), AATS_E_ARG);
    CHECK_EQ_I64(aats_slow_limit(&slow, AATS_HOP_ACKED_FILLED + 1, 1, AATS_SLOW_WARN), AATS_E_ARG); /* a number without a hop */
    CHECK_EQ_I64(aats_slow_limit(&slow, AATS_HOP_RECV_SENT, 0, AATS_SLOW_WARN), AATS_E_ARG);
    CHECK_EQ_I64(aats_slow_limit(&slow, AATS_HOP_RECV_SENT, 1, AATS_SLOW_HALT + 1), AATS_E_ARG);
    CHECK_STR(aats_slow_hop_name(AATS_HOP_CNT), "");
    CHECK_STR(aats_slow_hop_name(AATS_HOP_RECV_SENT), "recv_sent");
}

TEST(without_a_limit_nothing_is_slow)
{
    fresh();
    for (uint32_t hop = 0; hop < AATS_HOP_CNT; hop++) aats_slow_check(&slow, hop, INT64_MAX);
    CHECK(slow.urgent == 0 && slow.patient == 0 && slow.market == 0);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 0);
    CHECK_EQ_U64(td.slow[AATS_HOP_RECV_SENT], 0);
}

TEST(what_is_above_is_counted_and_told_once_with_its_worst)
{
    fresh();
    CHECK_EQ_I64(aats_slow_limit(&slow, AATS_HOP_RECV_SENT, 1000, AATS_SLOW_HALT), AATS_OK);
    CHECK_EQ_U64(td.slow_limit_ns[AATS_HOP_RECV_SENT], 1000);
    int64_t const samples[] = {-5, 0, 999, 1000, 1001, 5000, 1002};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) aats_slow_check(&slow, AATS_HOP_RECV_SENT, samples[i]);
    CHECK_EQ_U64(td.slow[AATS_HOP_RECV_SENT], 3); /* the limit itself is not above it */
    CHECK_EQ_U64(td.slow_worst_ns[AATS_HOP_RECV_SENT], 5000);
    CHECK(slow.urgent != 0);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 1);
    CHECK(told.hop == AATS_HOP_RECV_SENT && told.cnt == 3 && told.worst_ns == 5000 && told.limit_ns == 1000 && told.action == AATS_SLOW_HALT);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 0);
    CHECK_EQ_U64(slow.urgent, 0);
    aats_slow_check(&slow, AATS_HOP_RECV_SENT, 1500);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 1);
    CHECK(told.cnt == 1 && told.worst_ns == 1500); /* since it was told last */
    CHECK_EQ_U64(td.slow_worst_ns[AATS_HOP_RECV_SENT], 5000);
}

TEST(only_what_calls_somebody_is_told_after_the_pass)
{
    fresh();
    aats_slow_limit(&slow, AATS_HOP_SENT_ACKED, 10, AATS_SLOW_WARN);
    aats_slow_check(&slow, AATS_HOP_SENT_ACKED, 11);
    CHECK(slow.urgent == 0 && slow.patient != 0);
    aats_slow_limit(&slow, AATS_HOP_DECIDED_SENT, 10, AATS_SLOW_TELL);
    aats_slow_check(&slow, AATS_HOP_DECIDED_SENT, 11);
    CHECK(slow.urgent != 0);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 1);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 1);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 0);
}

TEST(a_limit_that_is_taken_away_tells_nothing_more)
{
    fresh();
    aats_slow_limit(&slow, AATS_HOP_PUB_DELIVERED, 10, AATS_SLOW_TELL);
    CHECK(slow.market != 0);
    aats_slow_check(&slow, AATS_HOP_PUB_DELIVERED, 11);
    aats_slow_limit(&slow, AATS_HOP_PUB_DELIVERED, 10, AATS_SLOW_NONE);
    CHECK(slow.market == 0 && slow.urgent == 0 && td.slow_limit_ns[AATS_HOP_PUB_DELIVERED] == 0);
    aats_slow_check(&slow, AATS_HOP_PUB_DELIVERED, INT64_MAX);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 0);
}

TEST(a_records_hops_are_judged_from_its_own_stamps)
{
    aats_rec_t rec = {.exch_ns = 1000, .recv_ns = 1500, .parsed_ns = 1520, .pub_ns = 1600};
    struct { uint32_t hop; int64_t ns; } const hops[] = {
        {AATS_HOP_EXCH_RECV, 500},  {AATS_HOP_RECV_PARSED, 20},    {AATS_HOP_PARSED_PUB, 80},
        {AATS_HOP_RECV_PUB, 100},   {AATS_HOP_PUB_DELIVERED, 400}, {AATS_HOP_RECV_DELIVERED, 500},
    };
    for (size_t i = 0; i < sizeof hops / sizeof hops[0]; i++) {
        fresh();
        aats_slow_limit(&slow, hops[i].hop, hops[i].ns, AATS_SLOW_TELL);
        aats_slow_record(&slow, &rec, 2000);
        CHECK_EQ_I64(aats_slow_take(&slow, &told), 0); /* just within */
        aats_slow_limit(&slow, hops[i].hop, hops[i].ns - 1, AATS_SLOW_TELL);
        aats_slow_record(&slow, &rec, 2000);
        CHECK_EQ_I64(aats_slow_take(&slow, &told), 1);
        CHECK(told.hop == hops[i].hop && told.worst_ns == hops[i].ns);
    }
}

TEST(a_time_that_is_not_known_makes_no_hop)
{
    fresh();
    for (uint32_t hop = 0; hop <= AATS_HOP_RECV_DELIVERED; hop++) aats_slow_limit(&slow, hop, 1, AATS_SLOW_TELL);
    aats_rec_t const rec = {.recv_ns = 0, .pub_ns = 0};
    aats_slow_record(&slow, &rec, 2000);
    CHECK_EQ_I64(aats_slow_take(&slow, &told), 0);
    aats_rec_t const part = {.exch_ns = 0, .recv_ns = 1500, .parsed_ns = 0, .pub_ns = 1600}; /* of no message, without the venue's time */
    aats_slow_record(&slow, &part, 2000);
    CHECK_EQ_U64(td.slow[AATS_HOP_EXCH_RECV] + td.slow[AATS_HOP_RECV_PARSED] + td.slow[AATS_HOP_PARSED_PUB], 0);
    CHECK_EQ_U64(td.slow[AATS_HOP_RECV_PUB] + td.slow[AATS_HOP_PUB_DELIVERED] + td.slow[AATS_HOP_RECV_DELIVERED], 3);
}

RUN_ALL()
