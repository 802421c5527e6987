/* fuzz_deribit.c -- as fuzz_venue.c for Deribit: documented codes, the promises of venue.h, next for each trade more. */
#include "market_only.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    market_only(&aats_venue_deribit, data, size, 1);
    return 0;
}
