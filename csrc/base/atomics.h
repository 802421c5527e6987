/* atomics.h -- the only file that spells an atomic operation.
 *
 * Shared words are plain uint64_t / uint32_t / int64_t in memory (cffi and numpy read the same structs); what makes an access
 * atomic is that it goes through here.  Names say the order.  Whoever uses release/acquire names the edge and its partner.
 *
 * AATS_WEAK replaces every operation by one of the test scheduler's (tests/race/weak.h): per-thread store buffers and loads that may return any value
 * which C11 allows.  No product build defines it.
 *
 * Payloads move in relaxed 8-byte words (aats_words_*), so that a seqlock has no plain-access race at all.
 */
#ifndef AATS_BASE_ATOMICS_H
#define AATS_BASE_ATOMICS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef AATS_WEAK
#include "weak.h"
#else

static inline uint64_t aats_load_relaxed(uint64_t const *p)  { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint64_t aats_load_acquire(uint64_t const *p)  { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void aats_store_relaxed(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void aats_store_release(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

/* aats_cas stores `want` if *p equals `have`, acquire and release.  Returns 1 if it did. */
static inline int aats_cas(uint64_t *p, uint64_t have, uint64_t want)
{
    return __atomic_compare_exchange_n(p, &have, want, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* aats_fetch_add returns the value before; acquire and release. */
static inline uint64_t aats_fetch_add(uint64_t *p, uint64_t n) { return __atomic_fetch_add(p, n, __ATOMIC_ACQ_REL); }

static inline void aats_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
static inline void aats_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
static inline void aats_fence_full(void)    { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* aats_spin_hint tells the core that this is a spin loop. */
static inline void aats_spin_hint(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif /* AATS_WEAK */

/* aats_add_relaxed adds to a counter that has one writer; readers see some recent value. */
static inline void aats_add_relaxed(uint64_t *p, uint64_t n) { aats_store_relaxed(p, aats_load_relaxed(p) + n); }

/* aats_words_load copies `cnt` 8-byte words out of shared memory; aats_words_store into it.  Both sides 8-byte aligned.
 * Unrolled: 80 words, a book of 20 levels, take 23 ns instead of 60. */
static inline void aats_words_load(void *dst, void const *shared, size_t cnt)
{
    uint8_t *d = dst;
    uint64_t const *s = shared;
#pragma GCC unroll 8
    for (size_t i = 0; i < cnt; i++) {
        uint64_t const word = aats_load_relaxed(s + i);
        memcpy(d + 8 * i, &word, 8); /* the private side may be of any type */
    }
}

static inline void aats_words_store(void *shared, void const *src, size_t cnt)
{
    uint64_t *d = shared;
    uint8_t const *s = src;
#pragma GCC unroll 8
    for (size_t i = 0; i < cnt; i++) {
        uint64_t word;
        memcpy(&word, s + 8 * i, 8);
        aats_store_relaxed(d + i, word);
    }
}

#endif
