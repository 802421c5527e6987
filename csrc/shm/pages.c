#include "shm/pages.h"

#include <alloca.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomics.h"
#include "base/errors.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4 /* Linux 4.4 */
#endif

#define STACK_MAX ((uint64_t)1 << 20)

int aats_pages_touch(void *mem, uint64_t size, int for_write)
{
    if (mem == NULL || size == 0) return AATS_E_ARG;
    uintptr_t const page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)mem & ~(page - 1), end = (uintptr_t)mem + size;
    if (madvise((void *)first, end - first, for_write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0) return AATS_OK;
    for (uintptr_t at = first; at < end; at += page) {
        uintptr_t const word = (at < (uintptr_t)mem ? (uintptr_t)mem + 7 : at) & ~(uintptr_t)7;
        if (word + 8 > end) break;
        if (for_write) (void)aats_fetch_add((uint64_t *)word, 0);
        else (void)aats_load_relaxed((uint64_t const *)word);
    }
    return AATS_OK;
}

static int refused(void) { return errno == ENOMEM || errno == EPERM || errno == EAGAIN ? AATS_E_FULL : AATS_E_IO; }

int aats_pages_lock(void const *mem, uint64_t size)
{
    if (mem == NULL || size == 0) return AATS_E_ARG;
    return mlock(mem, size) == 0 ? AATS_OK : refused();
}

__attribute__((noinline)) int aats_pages_stack(uint64_t size, int lock)
{
    if (size > STACK_MAX) size = STACK_MAX;
    if (size < 4096) size = 4096;
    uint8_t volatile *room = alloca(size);
    for (uint64_t at = size; at >= 2048; at -= 2048) room[at - 1] = 0; /* downward, as a stack grows */
    return lock ? aats_pages_lock((void const *)(uintptr_t)room, size) : AATS_OK;
}

int aats_pages_lock_all(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? AATS_OK : refused(); }

void aats_pages_unlock_all(void) { munlockall(); }
