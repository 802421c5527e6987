/* fuzz_kucoin.c -- as fuzz_venue.c for KuCoin: documented codes, the promises of venue.h. */
#include "market_only.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    market_only(&aats_venue_kucoin, data, size, 0);
    return 0;
}
