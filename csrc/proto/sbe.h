/* sbe.h -- Simple Binary Encoding, as pure bytes: the parts that a message is made of.
 *
 * For: taking a message apart in the order in which it was written: head, root block, groups, texts.  Not for: what its fields mean, which is the venue's
 * file (venue/binance_sbe.c), and not for writing: nothing here sends SBE.
 *
 *     +--------- head 8 ---------+---- root block ----+------------- group -------------+--- ... ---+------ text ------+
 *     | block_len  template      | fixed fields, then | block_len  cnt | entry | entry  | group     | length | bytes   |
 *     | schema     version       | what is newer      |                | each block_len |           |   1    |         |
 *     +--------------------------+--------------------+---------------------------------+-----------+------------------+
 *
 * Numbers are little-endian and unaligned.  A sender with a newer version of the same schema may make a block longer: what is known of it stands at its
 * beginning, and block_len leads over the rest (fixtrading.org, SBE 1.0, "schema extension mechanism").
 *
 * The cursor remembers its first fault, and every later step does nothing then, so a parser asks once at the end.  No byte outside [p, end) is read, no
 * memory is allocated; any thread.
 */
#ifndef AATS_PROTO_SBE_H
#define AATS_PROTO_SBE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/errors.h"
#include "base/scale.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers of SBE are read as they stand in memory"
#endif

typedef struct {
    uint8_t const *begin;
    uint8_t const *p;
    uint8_t const *end;
    int err; /* the first fault: AATS_E_SYNTAX, AATS_E_SHAPE; p stays there */
} aats_sbe_t;

typedef struct {
    uint16_t block_len;
    uint16_t template_id;
    uint16_t schema_id;
    uint16_t version;
} aats_sbe_head_t;

/* Entries of a group: number i stands at `at` + i * step. */
typedef struct {
    uint8_t const *at;
    uint32_t step;
    uint32_t cnt;
} aats_sbe_group_t;

static inline uint16_t aats_sbe_u16(uint8_t const *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t aats_sbe_u32(uint8_t const *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline int64_t aats_sbe_i64(uint8_t const *p)
{
    int64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void aats_sbe_init(aats_sbe_t *s, uint8_t const *bytes, size_t n)
{
    *s = (aats_sbe_t){.begin = bytes, .p = bytes, .end = bytes + n};
}

static inline size_t aats_sbe_left(aats_sbe_t const *s) { return (size_t)(s->end - s->p); }

static inline int aats_sbe_fail(aats_sbe_t *s, int err)
{
    if (!s->err) s->err = err;
    return s->err;
}

/* aats_sbe_take steps over n bytes and returns where they begin; NULL, and AATS_E_SYNTAX at the cursor, where the message ends before. */
static inline uint8_t const *aats_sbe_take(aats_sbe_t *s, size_t n)
{
    uint8_t const *at = s->p;
    if (s->err || aats_sbe_left(s) < n) {
        aats_sbe_fail(s, AATS_E_SYNTAX);
        return NULL;
    }
    s->p += n;
    return at;
}

/* aats_sbe_head reads the message's head: AATS_OK or the cursor's fault. */
static inline int aats_sbe_head(aats_sbe_t *s, aats_sbe_head_t *head)
{
    uint8_t const *at = aats_sbe_take(s, 8);
    if (at) *head = (aats_sbe_head_t){aats_sbe_u16(at), aats_sbe_u16(at + 2), aats_sbe_u16(at + 4), aats_sbe_u16(at + 6)};
    return s->err;
}

/* aats_sbe_block steps over a root block of `have` bytes of which `want` are known.  NULL: AATS_E_SHAPE where it is shorter, AATS_E_SYNTAX where the
 * message is. */
static inline uint8_t const *aats_sbe_block(aats_sbe_t *s, uint32_t have, uint32_t want)
{
    if (!s->err && have < want) aats_sbe_fail(s, AATS_E_SHAPE);
    return aats_sbe_take(s, have);
}

/* aats_sbe_group steps over a group whose entries have `want` known bytes each; wide: its count has 32 bits, else 16.  AATS_OK or the cursor's fault:
 * AATS_E_SHAPE where entries are shorter (a group without entries may say what it likes), AATS_E_SYNTAX where the message ends before the last one. */
static inline int aats_sbe_group(aats_sbe_t *s, int wide, uint32_t want, aats_sbe_group_t *g)
{
    uint8_t const *at = aats_sbe_take(s, wide ? 6 : 4);
    if (!at) return s->err;
    *g = (aats_sbe_group_t){.step = aats_sbe_u16(at), .cnt = wide ? aats_sbe_u32(at + 2) : aats_sbe_u16(at + 2)};
    if (g->cnt && g->step < want) return aats_sbe_fail(s, AATS_E_SHAPE);
    g->at = aats_sbe_take(s, (size_t)g->cnt * g->step);
    return s->err;
}

/* aats_sbe_text8 steps over a text with a length of one byte before it.  AATS_OK or the cursor's fault. */
static inline int aats_sbe_text8(aats_sbe_t *s, char const **text, size_t *n)
{
    uint8_t const *len = aats_sbe_take(s, 1);
    uint8_t const *at = len ? aats_sbe_take(s, *len) : NULL;
    if (!at) return s->err;
    *text = (char const *)at;
    *n = *len;
    return s->err;
}

/* The largest mantissa that fits at each power of ten. */
#define AATS_SBE_MAX_OF(pow) (INT64_MAX / INT64_C(pow))
static uint64_t const AATS_SBE_MAX[19] = {
    AATS_SBE_MAX_OF(1), AATS_SBE_MAX_OF(10), AATS_SBE_MAX_OF(100), AATS_SBE_MAX_OF(1000), AATS_SBE_MAX_OF(10000), AATS_SBE_MAX_OF(100000),
    AATS_SBE_MAX_OF(1000000), AATS_SBE_MAX_OF(10000000), AATS_SBE_MAX_OF(100000000), AATS_SBE_MAX_OF(1000000000), AATS_SBE_MAX_OF(10000000000),
    AATS_SBE_MAX_OF(100000000000), AATS_SBE_MAX_OF(1000000000000), AATS_SBE_MAX_OF(10000000000000), AATS_SBE_MAX_OF(100000000000000),
    AATS_SBE_MAX_OF(1000000000000000), AATS_SBE_MAX_OF(10000000000000000), AATS_SBE_MAX_OF(100000000000000000), AATS_SBE_MAX_OF(1000000000000000000),
};

#endif
