/* test_directory.c -- the symbol table in one thread; the order of its stores is in tests/race/test_directory.c. */
#include "shm/directory.h"
#include "shm_fixture.h"

static aats_dir_t entry_of(char const *symbol)
{
    aats_dir_t entry = {.state = AATS_DIR_SYNCING, .tick_i = 1000000, .lot_i = 10, .px_exp = -8, .qty_exp = -8, .level_num = 5, .link = 1};
    snprintf(entry.symbol, sizeof entry.symbol, "%s", symbol);
    snprintf(entry.native, sizeof entry.native, "n-%.40s", symbol);
    return entry;
}

TEST(an_entry_that_cannot_be_is_refused)
{
    aats_md_view_t md;
    REQUIRE(fixture_md(&md, 4, 20, 2) == AATS_OK);
    aats_dir_t const good = entry_of("BTCUSDT.BINANCE");
    aats_dir_t bad = good;
    bad.symbol[0] = 0;
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    bad = good;
    memset(bad.native, 'x', sizeof bad.native);
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    bad = good;
    bad.level_num = 0;
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    bad.level_num = 21;
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    bad = good;
    bad.link = AATS_LINK_MAX;
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    bad = good;
    bad.state = AATS_DIR_EMPTY;
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    bad.state = AATS_DIR_GONE;
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_ARG);
    CHECK_EQ_U64(aats_dir_cnt(&md), 0);

    CHECK_EQ_I64(aats_dir_add(&md, &good), 0);
    CHECK_EQ_I64(aats_dir_add(&md, &good), AATS_E_BUSY);
    bad = entry_of("ETHUSDT.BINANCE");
    CHECK_EQ_I64(aats_dir_add(&md, &bad), 1);
    bad = entry_of("BNBUSDT.BINANCE");
    CHECK_EQ_I64(aats_dir_add(&md, &bad), AATS_E_FULL);
    free(md.seg);
}

TEST(an_entry_that_is_not_there_is_not_changed_or_read)
{
    aats_md_view_t md;
    aats_dir_t out;
    REQUIRE(fixture_md(&md, 4, 5, 3) == AATS_OK);
    aats_dir_t const good = entry_of("BTCUSDT.BINANCE");
    REQUIRE(aats_dir_add(&md, &good) == 0);
    CHECK_EQ_I64(aats_dir_set_state(&md, 1, AATS_DIR_LIVE), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_set_level(&md, 1, 1), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_set_link(&md, 1, 1), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_set_state(&md, 0, AATS_DIR_EMPTY), AATS_E_ARG);
    CHECK_EQ_I64(aats_dir_set_state(&md, 0, AATS_DIR_GONE + 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_dir_set_level(&md, 0, 6), AATS_E_ARG);
    CHECK_EQ_I64(aats_dir_set_link(&md, 0, AATS_LINK_MAX), AATS_E_ARG);
    CHECK_EQ_I64(aats_dir_read(&md, 1, &out), AATS_E_EMPTY);
    CHECK_EQ_I64(aats_dir_read(&md, UINT32_MAX, &out), AATS_E_EMPTY);
    CHECK_EQ_I64(aats_dir_state(&md, 1), AATS_DIR_EMPTY);
    CHECK_EQ_I64(aats_dir_state(&md, 3), AATS_DIR_EMPTY);
    CHECK_EQ_I64(aats_dir_find(&md, "ETHUSDT.BINANCE"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_find(&md, "BTCUSDT.BINANC"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_find(&md, ""), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_find(&md, NULL), AATS_E_UNKNOWN);
    char far_too_long[100];
    memset(far_too_long, 'B', sizeof far_too_long);
    CHECK_EQ_I64(aats_dir_find(&md, far_too_long), AATS_E_UNKNOWN);
    free(md.seg);
}

TEST(a_symbol_is_found_by_our_name_and_by_the_venues_own_and_ours_goes_first)
{
    aats_md_view_t md;
    REQUIRE(fixture_md(&md, 4, 5, 8) == AATS_OK);
    aats_dir_t swap = entry_of("BTCUSDTSWAP.OKX_SWAP"), spot = entry_of("BTCUSDT.OKX"), odd = entry_of("BTC-USDT.OKX");
    strcpy(swap.native, "BTC-USDT-SWAP");
    strcpy(spot.native, "BTC-USDT");
    strcpy(odd.native, "ODD");
    CHECK_EQ_I64(aats_dir_add(&md, &swap), 0);
    CHECK_EQ_I64(aats_dir_add(&md, &spot), 1);
    CHECK_EQ_I64(aats_dir_find(&md, "BTC-USDT-SWAP.OKX_SWAP"), 0);
    CHECK_EQ_I64(aats_dir_find(&md, "BTC-USDT.OKX"), 1);
    CHECK_EQ_I64(aats_dir_find(&md, "BTC-USDT.OKX_SWAP"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_find(&md, "BTC-USDT-SWAP.OKX"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_find(&md, "BTC-USDT"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_add(&md, &odd), 2);
    CHECK_EQ_I64(aats_dir_find(&md, "BTC-USDT.OKX"), 2);
    CHECK_EQ_I64(aats_dir_find_ours(&md, "BTC-USDT-SWAP.OKX_SWAP"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_find_ours(&md, "BTCUSDTSWAP.OKX_SWAP"), 0);
    CHECK_EQ_I64(aats_dir_find_ours(&md, NULL), AATS_E_UNKNOWN);
    CHECK(aats_dir_means(&swap, "BTC-USDT-SWAP.OKX_SWAP") && aats_dir_means(&swap, "BTCUSDTSWAP.OKX_SWAP"));
    CHECK(!aats_dir_means(&swap, "BTC-USDT-SWAP.OKX") && !aats_dir_means(&swap, "BTC-USDT-SWAP"));
    CHECK(!aats_dir_means(&spot, "BTC-USDT-SWAP.OKX"));
    free(md.seg);
}

TEST(a_full_directory_finds_each_of_its_symbols)
{
    aats_md_view_t md;
    char symbol[AATS_SYMBOL_SZ];
    REQUIRE(fixture_md(&md, 4, 5, AATS_DIR_MAX) == AATS_OK);
    for (int i = 0; i < AATS_DIR_MAX; i++) {
        snprintf(symbol, sizeof symbol, "S%dUSDT.BINANCE", i);
        aats_dir_t const entry = entry_of(symbol);
        REQUIRE(aats_dir_add(&md, &entry) == i);
    }
    CHECK_EQ_U64(aats_dir_cnt(&md), AATS_DIR_MAX);
    for (int i = 0; i < AATS_DIR_MAX; i += 31) {
        aats_dir_t out;
        snprintf(symbol, sizeof symbol, "S%dUSDT.BINANCE", i);
        CHECK_EQ_I64(aats_dir_find(&md, symbol), i);
        CHECK_EQ_I64(aats_dir_read(&md, (uint32_t)i, &out), AATS_OK);
        CHECK_STR(out.symbol, symbol);
        CHECK(out.px_exp == -8 && out.qty_exp == -8 && out.tick_i == 1000000 && out.lot_i == 10);
    }
    free(md.seg);
}

TEST(state_level_and_link_move_alone)
{
    aats_md_view_t md;
    aats_dir_t out;
    REQUIRE(fixture_md(&md, 4, 20, 1) == AATS_OK);
    aats_dir_t good = entry_of("BTCUSDT.BINANCE");
    good.quotes = 77; /* counters are not taken over */
    REQUIRE(aats_dir_add(&md, &good) == 0);
    CHECK_EQ_I64(aats_dir_set_level(&md, 0, 20), AATS_OK);
    CHECK_EQ_I64(aats_dir_set_link(&md, 0, 7), AATS_OK);
    CHECK_EQ_I64(aats_dir_set_state(&md, 0, AATS_DIR_GONE), AATS_OK);
    CHECK_EQ_I64(aats_dir_set_state(&md, 0, AATS_DIR_SYNCING), AATS_OK); /* subscribed again */
    CHECK_EQ_I64(aats_dir_state(&md, 0), AATS_DIR_SYNCING);
    CHECK_EQ_I64(aats_dir_read(&md, 0, &out), AATS_OK);
    CHECK(out.level_num == 20 && out.link == 7 && out.quotes == 0);
    CHECK_STR(out.symbol, good.symbol);
    CHECK_STR(out.native, good.native);
    free(md.seg);
}

TEST(a_damaged_directory_is_read_within_its_bounds)
{
    aats_md_view_t md;
    aats_dir_t out;
    REQUIRE(fixture_md(&md, 4, 5, 2) == AATS_OK);
    memset(md.dir, 'A', 2 * sizeof *md.dir);
    md.md->dir_cnt = UINT64_MAX;
    CHECK_EQ_U64(aats_dir_cnt(&md), 2);
    CHECK_EQ_I64(aats_dir_find(&md, "BTCUSDT.BINANCE"), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_dir_read(&md, 1, &out), AATS_OK);
    CHECK_EQ_U64(strlen(out.symbol), sizeof out.symbol - 1);
    CHECK_EQ_U64(strlen(out.native), sizeof out.native - 1);
    free(md.seg);
}

RUN_ALL()
