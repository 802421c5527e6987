/* rate.c -- counting requests in shared words; see rate.h. */
#include "risk/rate.h"

#include "base/atomics.h"

#define COUNT_BITS 20 /* of a part; a day has 32 */
#define DAY_BITS 32

/* add counts n more (or one less) under `number`, which a word takes on where it stands on an older one. */
static void add(uint64_t *word, int bits, uint64_t number, int64_t n)
{
    uint64_t const top = ((uint64_t)1 << bits) - 1;
    for (;;) {
        uint64_t const was = aats_load_relaxed(word), at = was >> bits, cnt = was & top;
        uint64_t want;
        if (at < number) {
            if (n < 0) return;
            want = number << bits | (uint64_t)n;
        } else if (n < 0) {
            if (at != number || cnt == 0) return;
            want = was - 1;
        } else {
            if (cnt == top) return; /* as many as it can say */
            want = was + (uint64_t)n;
        }
        if (aats_cas(word, was, want)) return;
    }
}

static uint64_t part_of(int64_t mono_ns) { return (uint64_t)mono_ns >> AATS_RATE_PART_BITS; }

void aats_rate_count(aats_rrate_t *r, int64_t mono_ns, int64_t day)
{
    uint64_t const part = part_of(mono_ns);
    add(&r->part[part % AATS_RATE_PARTS], COUNT_BITS, part, 1);
    add(&r->day, DAY_BITS, (uint64_t)day, 1);
}

void aats_rate_uncount(aats_rrate_t *r, int64_t mono_ns, int64_t day)
{
    uint64_t const part = part_of(mono_ns);
    add(&r->part[part % AATS_RATE_PARTS], COUNT_BITS, part, -1);
    add(&r->day, DAY_BITS, (uint64_t)day, -1);
}

int64_t aats_rate_second(aats_rrate_t const *r, int64_t mono_ns)
{
    uint64_t const part = part_of(mono_ns), oldest = part < AATS_RATE_PARTS ? 0 : part - (AATS_RATE_PARTS - 1);
    uint64_t sum = 0;
    for (int i = 0; i < AATS_RATE_PARTS; i++) {
        uint64_t const word = aats_load_relaxed(&r->part[i]);
        if (word >> COUNT_BITS >= oldest) sum += word & (((uint64_t)1 << COUNT_BITS) - 1);
    }
    return (int64_t)sum;
}

int64_t aats_rate_today(aats_rrate_t const *r, int64_t day)
{
    uint64_t const word = aats_load_relaxed(&r->day);
    return word >> DAY_BITS >= (uint64_t)day ? (int64_t)(word & UINT32_MAX) : 0;
}

void aats_rate_carry(aats_rrate_t *r, int64_t day, int64_t cnt)
{
    if (cnt > 0) add(&r->day, DAY_BITS, (uint64_t)day, cnt);
}
