/* gcm_vaes.c -- AES-GCM by the vector forms of AES and carry-less multiplication: four blocks in a register, four registers at a time; see gcm.h.
 *
 * The hash.  GHASH works on bits in reverse order.  Blocks are turned round byte by byte (swap), and the hash key is multiplied by x once, beforehand
 * (twist); then the product of a block and a key, as polynomials over plain 128-bit numbers, is reduced by two folds with the constant below:
 *
 *     lo = aL*bL   mi = aL*bH + aH*bL   hi = aH*bH        fold: the lower half of lo goes into mi, then that of mi into hi
 *
 * Sixteen blocks are multiplied by the 16th to the first power of the key and reduced together; the powers are twisted, too, so that a product of two is again.
 * (NIST SP 800-38D, 6.3; Gueron and Kounavis, "Carry-Less Multiplication and Its Usage for Computing the GCM Mode".) */
#include "io/gcm.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "base/isa.h"

#define VECTORS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,aes,pclmul,ssse3,sse4.1")))
#define INLINE  static inline VECTORS __attribute__((always_inline))

int gcm_vaes_can(void)
{
    return aats_isa() >= AATS_ISA_AVX512 && __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("aes") &&
           __builtin_cpu_supports("pclmul");
}

/* ---- the hash ---- */

INLINE __m128i swap(__m128i x) { return _mm_shuffle_epi8(x, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)); }

INLINE __m512i swap4(__m512i x)
{
    return _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

INLINE __m128i halves(__m128i x) { return _mm_shuffle_epi32(x, 0x4e); }

INLINE __m128i reduce(__m128i lo, __m128i mi, __m128i hi)
{
    __m128i const poly = _mm_set_epi64x((int64_t)0xc200000000000000u, 0);
    mi = _mm_xor_si128(mi, _mm_xor_si128(halves(lo), _mm_clmulepi64_si128(poly, lo, 0x01)));
    return _mm_xor_si128(hi, _mm_xor_si128(halves(mi), _mm_clmulepi64_si128(poly, mi, 0x01)));
}

INLINE __m128i mul(__m128i a, __m128i b)
{
    __m128i const mi = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10));
    return reduce(_mm_clmulepi64_si128(a, b, 0x00), mi, _mm_clmulepi64_si128(a, b, 0x11));
}

typedef struct {
    __m512i lo, mi, hi;
} sums_t;

INLINE void add_products(sums_t *s, __m512i x, __m512i h)
{
    s->lo = _mm512_xor_si512(s->lo, _mm512_clmulepi64_epi128(x, h, 0x00));
    s->hi = _mm512_xor_si512(s->hi, _mm512_clmulepi64_epi128(x, h, 0x11));
    s->mi = _mm512_ternarylogic_epi64(s->mi, _mm512_clmulepi64_epi128(x, h, 0x01), _mm512_clmulepi64_epi128(x, h, 0x10), 0x96);
}

INLINE __m128i lanes(__m512i x)
{
    __m256i const y = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

INLINE __m128i reduce_sums(sums_t const *s) { return reduce(lanes(s->lo), lanes(s->mi), lanes(s->hi)); }

/* ---- the key ---- */

/* The next round key from the one before (16 bytes back for AES-128, 32 for AES-256) and the word that AESKEYGENASSIST made. */
INLINE __m128i next_key(__m128i k, __m128i word)
{
    for (int i = 0; i < 3; i++) k = _mm_xor_si128(k, _mm_slli_si128(k, 4));
    return _mm_xor_si128(k, word);
}

#define ROTATED(k, rcon) _mm_shuffle_epi32(_mm_aeskeygenassist_si128(k, rcon), 0xff)
#define PLAIN(k)         _mm_shuffle_epi32(_mm_aeskeygenassist_si128(k, 0), 0xaa)

VECTORS static void expand(aats_gcm_t *g, uint8_t const *key, size_t key_len)
{
    __m128i k[15];
    k[0] = _mm_loadu_si128((__m128i const *)(void const *)key);
    if (key_len == 16) {
        g->rounds = 10;
        k[1] = next_key(k[0], ROTATED(k[0], 0x01));
        k[2] = next_key(k[1], ROTATED(k[1], 0x02));
        k[3] = next_key(k[2], ROTATED(k[2], 0x04));
        k[4] = next_key(k[3], ROTATED(k[3], 0x08));
        k[5] = next_key(k[4], ROTATED(k[4], 0x10));
        k[6] = next_key(k[5], ROTATED(k[5], 0x20));
        k[7] = next_key(k[6], ROTATED(k[6], 0x40));
        k[8] = next_key(k[7], ROTATED(k[7], 0x80));
        k[9] = next_key(k[8], ROTATED(k[8], 0x1b));
        k[10] = next_key(k[9], ROTATED(k[9], 0x36));
    } else {
        g->rounds = 14;
        k[1] = _mm_loadu_si128((__m128i const *)(void const *)(key + 16));
        k[2] = next_key(k[0], ROTATED(k[1], 0x01));
        k[3] = next_key(k[1], PLAIN(k[2]));
        k[4] = next_key(k[2], ROTATED(k[3], 0x02));
        k[5] = next_key(k[3], PLAIN(k[4]));
        k[6] = next_key(k[4], ROTATED(k[5], 0x04));
        k[7] = next_key(k[5], PLAIN(k[6]));
        k[8] = next_key(k[6], ROTATED(k[7], 0x08));
        k[9] = next_key(k[7], PLAIN(k[8]));
        k[10] = next_key(k[8], ROTATED(k[9], 0x10));
        k[11] = next_key(k[9], PLAIN(k[10]));
        k[12] = next_key(k[10], ROTATED(k[11], 0x20));
        k[13] = next_key(k[11], PLAIN(k[12]));
        k[14] = next_key(k[12], ROTATED(k[13], 0x40));
    }
    for (uint32_t i = 0; i <= g->rounds; i++) _mm_store_si128((__m128i *)(void *)g->round_keys[i], k[i]);
}

INLINE __m128i round_key(aats_gcm_t const *g, uint32_t i) { return _mm_load_si128((__m128i const *)(void const *)g->round_keys[i]); }

INLINE __m128i encrypt(aats_gcm_t const *g, __m128i x)
{
    x = _mm_xor_si128(x, round_key(g, 0));
    for (uint32_t i = 1; i < g->rounds; i++) x = _mm_aesenc_si128(x, round_key(g, i));
    return _mm_aesenclast_si128(x, round_key(g, g->rounds));
}

VECTORS void gcm_vaes_key(aats_gcm_t *g, uint8_t const *key, size_t key_len)
{
    expand(g, key, key_len);
    __m128i const h = swap(encrypt(g, _mm_setzero_si128()));
    /* twist: times x, reduced */
    __m128i const carry = _mm_slli_si128(_mm_srli_epi64(h, 63), 8), doubled = _mm_or_si128(_mm_slli_epi64(h, 1), carry);
    __m128i const over = _mm_srai_epi32(_mm_shuffle_epi32(h, 0xff), 31);
    __m128i const first = _mm_xor_si128(doubled, _mm_and_si128(over, _mm_set_epi64x((int64_t)0xc200000000000000u, 1)));
    __m128i power = first;
    for (int i = 15; i >= 0; i--) {
        _mm_store_si128((__m128i *)(void *)g->powers[i], power);
        power = mul(power, first);
    }
    memset(g->powers[16], 0, 4 * 16);
}

/* ---- a message ---- */

typedef struct {
    __m512i b[4];
} blocks_t;

/* The key stream of `regs` registers of counters; ctr holds four counters, the last word as a number. */
INLINE blocks_t stream(aats_gcm_t const *g, __m512i *ctr, int regs)
{
    __m512i const four = _mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, 4));
    blocks_t x;
    __m512i k = _mm512_broadcast_i32x4(round_key(g, 0));
    for (int i = 0; i < regs; i++) {
        x.b[i] = _mm512_xor_si512(swap4(*ctr), k);
        *ctr = _mm512_add_epi32(*ctr, four);
    }
    for (uint32_t r = 1; r < g->rounds; r++) {
        k = _mm512_broadcast_i32x4(round_key(g, r));
        for (int i = 0; i < regs; i++) x.b[i] = _mm512_aesenc_epi128(x.b[i], k);
    }
    k = _mm512_broadcast_i32x4(round_key(g, g->rounds));
    for (int i = 0; i < regs; i++) x.b[i] = _mm512_aesenclast_epi128(x.b[i], k);
    return x;
}

INLINE __m512i powers(aats_gcm_t const *g, size_t from) { return _mm512_loadu_si512(g->powers[from]); }

/* The last `n` bytes, up to 255; acc is the hash so far.  What is hashed is the sealed text, whichever side that is. */
INLINE __m128i rest(aats_gcm_t const *g, __m512i *ctr, uint8_t const *in, size_t n, uint8_t *out, __m128i acc, int seals)
{
    size_t from = 16 - (n + 15) / 16;
    sums_t s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    __m512i add = _mm512_zextsi128_si512(acc);
    while (n > 0) {
        size_t const part = n < 64 ? n : 64;
        __mmask64 const mask = part == 64 ? ~(__mmask64)0 : ((__mmask64)1 << part) - 1;
        blocks_t const key = stream(g, ctr, 1);
        __m512i const text = _mm512_maskz_loadu_epi8(mask, in);
        __m512i const made = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(text, key.b[0]));
        add_products(&s, _mm512_xor_si512(swap4(seals ? made : text), add), powers(g, from));
        _mm512_mask_storeu_epi8(out, mask, made);
        add = _mm512_setzero_si512();
        in += part, out += part, n -= part, from += 4;
    }
    return reduce_sums(&s);
}

/* run makes `out` of `in`, and returns the tag. */
INLINE __m128i run(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t *out, int seals)
{
    uint8_t first[16] = {0}, extra[16] = {0};
    memcpy(first, nonce, AATS_GCM_NONCE);
    first[15] = 1;
    memcpy(extra, aad, aad_len);
    __m128i const zero = _mm_loadu_si128((__m128i *)(void *)first), h = _mm_load_si128((__m128i const *)(void const *)g->powers[15]);
    __m128i const lengths = _mm_set_epi64x((int64_t)aad_len * 8, (int64_t)n * 8);
    __m128i acc = aad_len > 0 ? mul(swap(_mm_loadu_si128((__m128i *)(void *)extra)), h) : _mm_setzero_si128();
    __m512i ctr = _mm512_add_epi32(_mm512_broadcast_i32x4(swap(zero)), _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1));

    for (; n >= 256; n -= 256, in += 256, out += 256) {
        blocks_t const key = stream(g, &ctr, 4);
        sums_t s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
        __m512i add = _mm512_zextsi128_si512(acc);
        for (int i = 0; i < 4; i++) {
            __m512i const text = _mm512_loadu_si512(in + 64 * i), made = _mm512_xor_si512(text, key.b[i]);
            add_products(&s, _mm512_xor_si512(swap4(seals ? made : text), add), powers(g, 4 * (size_t)i));
            _mm512_storeu_si512(out + 64 * i, made);
            add = _mm512_setzero_si512();
        }
        acc = reduce_sums(&s);
    }
    if (n > 0) acc = rest(g, &ctr, in, n, out, acc, seals);
    acc = mul(_mm_xor_si128(acc, lengths), h);
    return _mm_xor_si128(swap(acc), encrypt(g, zero));
}

VECTORS int gcm_vaes_open(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t const *tag,
                          uint8_t *out)
{
    __m128i const want = _mm_loadu_si128((__m128i const *)(void const *)tag); /* before out is written: it may lie there */
    __m128i const wrong = _mm_xor_si128(run(g, nonce, aad, aad_len, in, n, out, 0), want);
    return _mm_testz_si128(wrong, wrong);
}

VECTORS void gcm_vaes_seal(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t *out, uint8_t *tag)
{
    _mm_storeu_si128((__m128i *)(void *)tag, run(g, nonce, aad, aad_len, in, n, out, 1));
}

#else

int  gcm_vaes_can(void) { return 0; }
void gcm_vaes_key(aats_gcm_t *g, uint8_t const *key, size_t key_len) { (void)g, (void)key, (void)key_len; }
int  gcm_vaes_open(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t const *tag, uint8_t *out)
{
    (void)g, (void)nonce, (void)aad, (void)aad_len, (void)in, (void)n, (void)tag, (void)out;
    return 0;
}
void gcm_vaes_seal(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t *out, uint8_t *tag)
{
    (void)g, (void)nonce, (void)aad, (void)aad_len, (void)in, (void)n, (void)out, (void)tag;
}

#endif
