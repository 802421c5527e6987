/* ring_plain.c -- the shortest seqlock ring that moves records of 256 or 768 bytes: the yardstick of bench_ring.c.
 *
 * No project header, whole records by memcpy, no kinds, no latest slots, no checks.  Not correct by C11 (its payload
 * races), which is why the product copies word by word; on x86-64 it happens to work, and shows what that costs. */
#include <stdint.h>
#include <string.h>

typedef struct {
    uint8_t *slots; /* depth x size; the first word of each is its stamp */
    uint64_t mask, size, next;
} plain_t;

static inline void plain_publish(plain_t *p, void const *rec)
{
    uint64_t const n = p->next++;
    uint8_t *slot = p->slots + (n & p->mask) * p->size;
    __atomic_store_n((uint64_t *)(void *)slot, 2 * n + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(slot + 8, (uint8_t const *)rec + 8, p->size - 8);
    __atomic_store_n((uint64_t *)(void *)slot, 2 * n + 2, __ATOMIC_RELEASE);
}

static inline int plain_poll(plain_t const *p, uint64_t n, void *out)
{
    uint8_t const *slot = p->slots + (n & p->mask) * p->size;
    uint64_t const *stamp = (uint64_t const *)(void const *)slot;
    if (__atomic_load_n(stamp, __ATOMIC_ACQUIRE) != 2 * n + 2) return 0;
    memcpy(out, slot, p->size);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(stamp, __ATOMIC_RELAXED) == 2 * n + 2;
}
