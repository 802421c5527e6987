#include "shm/pages.h"

#include <alloca.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

/* Is this process bound by RLIMIT_MEMLOCK?  Asked of the kernel by locking a page too many, which is given back. */
static int limited(void)
{
    struct rlimit most;
    if (getrlimit(RLIMIT_MEMLOCK, &most) != 0 || most.rlim_cur == RLIM_INFINITY) return 0;
    size_t const size = (size_t)most.rlim_cur + (size_t)sysconf(_SC_PAGESIZE);
    void *mem = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_LOCKED, -1, 0);
    if (mem == MAP_FAILED) return 1;
    munmap(mem, size);
    return 0;
}

/* Under a limit what comes later is not locked: with MCL_FUTURE the kernel would refuse the memory itself once the limit is reached. */
int aats_pages_lock_all(void)
{
    int const later = limited() ? 0 : MCL_FUTURE;
    return mlockall(MCL_CURRENT | later | MCL_ONFAULT) == 0 ? AATS_OK : refused();
}

void aats_pages_unlock_all(void) { munlockall(); }
