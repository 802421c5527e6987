/* pages.h -- memory that is there before it is needed, and stays.
 *
 * For: the jitter guard of a trade process (segments, stack, tables), before the loop begins.  Not for the loop: each verb is a system call
 * or touches every page.
 * No verb changes a byte.  The pages of a segment may be written by others meanwhile: touching for writing is the kernel's
 * MADV_POPULATE_WRITE, or an atomic addition of 0 where it has none. */
#ifndef AATS_SHM_PAGES_H
#define AATS_SHM_PAGES_H

#include <stdint.h>

/* cdef-begin */
/* aats_pages_touch maps every page of [mem, mem + size) in; for_write: ready for writing (the mapping must allow it).  AATS_OK, AATS_E_ARG. */
int aats_pages_touch(void *mem, uint64_t size, int for_write);

/* aats_pages_lock keeps them in memory.  AATS_OK; AATS_E_FULL where RLIMIT_MEMLOCK is in the way; AATS_E_IO. */
int aats_pages_lock(void const *mem, uint64_t size);

/* aats_pages_stack touches so much of the calling thread's stack below here (up to 1 MiB), and locks it if it is to. */
int aats_pages_stack(uint64_t size, int lock);

/* aats_pages_lock_all keeps all that this process has mapped, each page from when it is first used, and all that it will map unless RLIMIT_MEMLOCK binds it:
 * memory that is wanted later is had, locked or not.  Codes as above. */
int aats_pages_lock_all(void);
void aats_pages_unlock_all(void);
/* cdef-end */

#endif
