/* fuzz_gate.c -- as fuzz_venue.c for Gate, spot and futures: documented codes, the promises of venue.h, next for each message more. */
#include "market_only.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    market_only(&aats_venue_gate, data, size, 0);
    market_only(&aats_venue_gate_swap, data, size, 0);
    return 0;
}
