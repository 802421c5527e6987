#include "base/clock.h"

#include <time.h>

#include "base/atomics.h"

static uint64_t now_fn, mono_fn, both_fn; /* aats_clock_fn, aats_clocks_fn; 0: the kernel's */

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t aats_system_now_ns(void) { return read_clock(CLOCK_REALTIME); }
int64_t aats_system_mono_ns(void) { return read_clock(CLOCK_MONOTONIC); }

void aats_clock_set(aats_clock_fn now_ns, aats_clock_fn mono_ns, aats_clocks_fn both)
{
    aats_store_release(&now_fn, (uint64_t)(uintptr_t)now_ns);
    aats_store_release(&mono_fn, (uint64_t)(uintptr_t)mono_ns);
    aats_store_release(&both_fn, (uint64_t)(uintptr_t)both);
}

int64_t aats_now_ns(void)
{
    uint64_t const fn = aats_load_acquire(&now_fn);
    return fn ? ((aats_clock_fn)(uintptr_t)fn)() : aats_system_now_ns();
}

int64_t aats_mono_ns(void)
{
    uint64_t const fn = aats_load_acquire(&mono_fn);
    return fn ? ((aats_clock_fn)(uintptr_t)fn)() : aats_system_mono_ns();
}

void aats_clocks_ns(int64_t *now_ns, int64_t *mono_ns)
{
    uint64_t const fn = aats_load_acquire(&both_fn);
    if (fn) {
        ((aats_clocks_fn)(uintptr_t)fn)(now_ns, mono_ns);
        return;
    }
    *now_ns = aats_system_now_ns();
    *mono_ns = aats_system_mono_ns();
}
