/* test_directory.c -- symbols that are added while others look: an entry is whole or not there. */
#include "weak.h"

#include "race_fixture.h"
#include "shm/directory.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

static char const *const symbols[] = {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "BNBUSDT.BINANCE"};
static uint64_t adds;

static aats_dir_t entry_of(uint32_t i)
{
    aats_dir_t entry = {.state = AATS_DIR_SYNCING, .tick_i = 10 + i, .lot_i = 20 + i, .px_exp = -8, .qty_exp = -8,
                        .level_num = i + 1, .link = i};
    snprintf(entry.symbol, sizeof entry.symbol, "%s", symbols[i]);
    snprintf(entry.native, sizeof entry.native, "%.7s", symbols[i]);
    return entry;
}

THREAD(setup) { race_md_reset(); }

THREAD(add)
{
    for (uint32_t i = 0; i < adds; i++) {
        aats_dir_t const entry = entry_of(i);
        WEAK_ASSERT(aats_dir_add(&md, &entry) == (int)i);
        if (i == 0) aats_dir_set_state(&md, 0, AATS_DIR_LIVE);
    }
}

static void check_entry(uint32_t i)
{
    aats_dir_t out;
    aats_dir_t const want = entry_of(i);
    WEAK_ASSERT(aats_dir_read(&md, i, &out) == AATS_OK);
    WEAK_ASSERT(memcmp(out.symbol, want.symbol, sizeof out.symbol) == 0 && memcmp(out.native, want.native, sizeof out.native) == 0);
    WEAK_ASSERT(out.tick_i == want.tick_i && out.lot_i == want.lot_i && out.px_exp == -8 && out.qty_exp == -8);
    WEAK_ASSERT(out.level_num == want.level_num && out.link == want.link);
}

THREAD(look_by_state)
{
    if (aats_dir_state(&md, 0) != AATS_DIR_EMPTY) check_entry(0);
}

THREAD(look_by_count)
{
    uint32_t const cnt = aats_dir_cnt(&md);
    for (uint32_t i = 0; i < cnt; i++) {
        check_entry(i);
        WEAK_ASSERT(aats_dir_find(&md, symbols[i]) == (int)i);
    }
}

TEST(whoever_sees_a_state_sees_the_whole_entry)
{
    REQUIRE(race_md_init(2, 5, 3));
    adds = 1;
    weak_program_t const program = {.setup = setup, .threads = {add, look_by_state}};
    WEAK_HOLDS(&program, .kill = 1);
}

TEST(whoever_sees_a_count_sees_all_entries_below_it)
{
    REQUIRE(race_md_init(2, 5, 3));
    adds = 1;
    weak_program_t const program = {.setup = setup, .threads = {add, look_by_count}};
    WEAK_HOLDS(&program, .kill = 1);
    adds = 3;
    WEAK_HOLDS(&program, .random_runs = 2000, .seed = 1, .kill = 1);
}

RUN_ALL()
