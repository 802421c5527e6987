#include "venue/level_rows.h"

#include "base/isa.h"

#if defined(__x86_64__)
#include "proto/scan_two.h"

#define TARGET SCAN_TWO_TARGET
#define INLINE SCAN_TWO_INLINE

/* A level's shape: where its numbers are (into t), and the byte behind it.  Returns 0: it is another shape. */
typedef int shape_t(char const *p, scan_look_t look, scan_two_t *t, uint64_t *behind);

INLINE int object(char const *p, scan_look_t look, scan_two_t *t, uint64_t *behind)
{
    uint64_t const px_end = _tzcnt_u64(scan_marks(look, ',')), qty_end = _tzcnt_u64(scan_marks(look, '}'));
    if (px_end > SCAN_PX_MAX || qty_end > SCAN_QTY_MAX) return 0;
    if (scan_differs(p, "{\"price\"") | scan_differs(p + 8, ":") | scan_differs(p + px_end, ",\"qty\":")) return 0;
    t->px_at = 9, t->px_end = px_end, t->qty_at = px_end + 7, t->qty_end = qty_end;
    *behind = qty_end + 1;
    return 1;
}

INLINE uint64_t digits(scan_look_t x)
{
    __m256i const nine = _mm256_set1_epi8(9), zero = _mm256_set1_epi8('0');
    __m256i const low = _mm256_sub_epi8(x.low, zero), high = _mm256_sub_epi8(x.high, zero);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(low, nine), low)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(high, nine), high)) << 32;
}

INLINE int numbered(char const *p, scan_look_t look, scan_two_t *t, uint64_t *behind)
{
    uint64_t const quotes = scan_marks(look, '"'), px_end = _tzcnt_u64(quotes & ~3ULL), qty_end = _tzcnt_u64(quotes & ~0ULL << ((px_end + 3) & 63));
    if (px_end > SCAN_PX_MAX || qty_end > SCAN_QTY_MAX) return 0;
    uint64_t const no = qty_end + 3, last = _tzcnt_u64(quotes & ~0ULL << no);
    if (last > SCAN_LOOK - 2 || last == no || (~digits(look) & (~0ULL << no) & ~(~0ULL << last))) return 0;
    if (scan_differs(p, "[\"") | scan_differs(p + px_end, "\",\"") | scan_differs(p + qty_end, "\",\"") | scan_differs(p + last, "\"]")) return 0;
    t->px_at = 2, t->px_end = px_end, t->qty_at = px_end + 3, t->qty_end = qty_end;
    *behind = last + 2;
    return 1;
}

INLINE int action(char const *p, scan_look_t look, scan_two_t *t, uint64_t *behind)
{
    uint64_t const commas = scan_marks(look, ','), first = _tzcnt_u64(commas), px_end = _tzcnt_u64(_blsr_u64(commas));
    uint64_t const qty_end = _tzcnt_u64(scan_marks(look, ']'));
    if (px_end > SCAN_PX_MAX || qty_end > SCAN_QTY_MAX) return 0;
    uint64_t const changes = scan_differs(p + 1, "\"change\"") | (first ^ 9), deletes = scan_differs(p + 1, "\"delete\"") | (first ^ 9);
    uint64_t const news = scan_differs(p + 1, "\"new\"") | (first ^ 6);
    if ((p[0] != '[') | ((changes != 0) & (deletes != 0) & (news != 0))) return 0;
    t->px_at = first + 1, t->px_end = px_end, t->qty_at = px_end + 1, t->qty_end = qty_end;
    *behind = qty_end + 1;
    return 1;
}

/* Levels of one shape; told is NULL where nobody asks. */
INLINE size_t rows(char const *start, char const **at, char const *end, shape_t *shape, aats_level_t *out, size_t cap, int32_t told[2])
{
    char const *p = *at;
    int64_t px_most = -1, qty_most = -1;
    size_t n = 0;
    if (p - start < SCAN_BEFORE) return 0;
    while (n < cap && end - p >= SCAN_LOOK) {
        scan_look_t const look = scan_look(p);
        scan_two_t two;
        uint64_t behind;
        if (!shape(p, look, &two, &behind) || !scan_two(p, scan_marks(look, '.'), &two, &out[n])) break;
        if (told) { /* a frac counts its point */
            int64_t const px = (int64_t)two.px_frac - (two.px_frac > 0), qty = out[n].qty_i ? (int64_t)two.qty_frac - (two.qty_frac > 0) : -1;
            px_most = px > px_most ? px : px_most;
            qty_most = qty > qty_most ? qty : qty_most;
        }
        n++;
        *at = p + behind;
        if (**at != ',') break;
        p = *at + 1;
    }
    if (told && px_most > told[0]) told[0] = (int32_t)px_most;
    if (told && qty_most > told[1]) told[1] = (int32_t)qty_most;
    return n;
}

TARGET static size_t rows_objects(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap, int32_t told[2])
{
    return rows(start, at, end, object, out, cap, told);
}

TARGET static size_t rows_numbered(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap, int32_t told[2])
{
    (void)told;
    return rows(start, at, end, numbered, out, cap, NULL);
}

TARGET static size_t rows_actions(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap, int32_t told[2])
{
    (void)told;
    return rows(start, at, end, action, out, cap, NULL);
}

typedef size_t rows_t(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap, int32_t told[2]);

/* All of them at the symbol's own exponents, or none. */
static size_t scaled(rows_t *take, char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap, int32_t told[2])
{
    if (aats_isa() < AATS_ISA_AVX2) return 0;
    char const *const from = *at;
    int32_t const had[2] = {told ? told[0] : 0, told ? told[1] : 0};
    size_t const n = take(start, at, end, out, cap, told);
    if (px_exp == -8 && qty_exp == -8) return n;
    for (size_t i = 0; i < n; i++) {
        if (level_from8(px_exp, &out[i].px_i) && level_from8(qty_exp, &out[i].qty_i) && out[i].px_i > 0) continue;
        *at = from;
        if (told) told[0] = had[0], told[1] = had[1];
        return 0;
    }
    return n;
}

size_t level_rows_objects(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap, int32_t told[2])
{
    return scaled(rows_objects, start, at, end, px_exp, qty_exp, out, cap, told);
}

size_t level_rows_numbered(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    return scaled(rows_numbered, start, at, end, px_exp, qty_exp, out, cap, NULL);
}

size_t level_rows_actions(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    return scaled(rows_actions, start, at, end, px_exp, qty_exp, out, cap, NULL);
}

#else

size_t level_rows_objects(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap, int32_t told[2])
{
    (void)start, (void)at, (void)end, (void)px_exp, (void)qty_exp, (void)out, (void)cap, (void)told;
    return 0;
}

size_t level_rows_numbered(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    return level_rows_objects(start, at, end, px_exp, qty_exp, out, cap, NULL);
}

size_t level_rows_actions(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    return level_rows_objects(start, at, end, px_exp, qty_exp, out, cap, NULL);
}

#endif
