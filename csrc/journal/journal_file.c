/* journal_file.c -- room ahead, a record into it, and what brings it to the disk. */
#include "journal/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomics.h"

#define PAGE ((size_t)4096) /* or a part of one */

static int cut_at(int fd, size_t size)
{
    int rc;
    do rc = ftruncate(fd, (off_t)size);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? AATS_OK : AATS_E_IO;
}

int aats_jfile_grow(aats_jfile_t *f, size_t more)
{
    int rc;
    do rc = posix_fallocate(f->fd, (off_t)f->size, (off_t)more);
    while (rc == EINTR);
    /* The window moves on: what lies behind is let go of bit by bit, not 16 MiB of it when the file is full. */
    size_t const page = (size_t)sysconf(_SC_PAGESIZE), at = f->good / page * page, size = f->size + more;
    void *map = MAP_FAILED;
    if (rc == 0) {
        map = mmap(NULL, size - at, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, (off_t)at);
        rc = errno;
    }
    if (map == MAP_FAILED) {
        (void)cut_at(f->fd, f->size); /* some of it may be there */
        errno = rc;
        return AATS_E_IO;
    }
    if (f->map != NULL) munmap(f->map, f->size - f->map_at);
    f->map = map;
    f->map_at = at;
    f->size = size;
    f->warm = at;
    if (f->good > at) *(uint64_t volatile *)(void *)(f->map + (f->good - at)) = 0;
    aats_jfile_warm(f);
    return AATS_OK;
}

void aats_jfile_warm(aats_jfile_t *f)
{
    size_t const from = f->warm > f->good ? f->warm : f->good, wanted = f->good + AATS_JFILE_WARM, to = wanted < f->size ? wanted : f->size;
    for (size_t at = (from + PAGE - 1) / PAGE * PAGE; at < to; at += PAGE) {
        *(uint8_t volatile *)(f->map + (at - f->map_at)) = 0; /* there are zeros: only the page is wanted */
        f->warm = at + PAGE;
    }
}

/* begin takes a descriptor: locked, cut behind its records, and with room.  The name goes again if it cannot be had and `made` says
 * that it is ours. */
static int begin(aats_jfile_t *f, int fd, char const *path, size_t good, uint64_t number, int made)
{
    *f = (aats_jfile_t){.fd = fd, .owner = getpid(), .good = good, .number = number};
    int const locked = fd >= 0 && (f->path = strdup(path)) != NULL && flock(fd, LOCK_EX | LOCK_NB) == 0;
    int rc = locked && cut_at(fd, good) == AATS_OK ? AATS_OK : AATS_E_IO;
    if (rc == AATS_OK) rc = aats_jfile_grow(f, (good / AATS_JFILE_STEP + 1) * AATS_JFILE_STEP);
    if (rc == AATS_OK) return rc;
    int const why = errno;
    if (fd >= 0 && made) unlink(path);
    if (fd >= 0) close(fd);
    free(f->path);
    *f = (aats_jfile_t){.fd = -1};
    errno = why;
    return rc;
}

int aats_jfile_make(aats_jfile_t *f, char const *path)
{
    return begin(f, open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path, 0, 0, 1);
}

int aats_jfile_open(aats_jfile_t *f, char const *path, size_t good, uint64_t number)
{
    return begin(f, open(path, O_RDWR | O_CLOEXEC), path, good, number, 0);
}

void aats_jfile_put(aats_jfile_t *f, aats_jrec_t *head, void const *payload, size_t n)
{
    uint8_t *rec = f->map + (f->good - f->map_at);
    size_t const payload_sz = head->size - sizeof *head;
    head->number = f->number + 1;
    if (n > 0) memcpy(rec + sizeof *head, payload, n); /* behind it are zeros: nobody ever wrote there, or it was undone */
    head->check = aats_jrec_check(head, rec + sizeof *head, payload_sz);
    uint64_t first;
    memcpy(&first, head, 8);
    memcpy(rec + 8, (uint8_t const *)head + 8, sizeof *head - 8);
    aats_store_release((uint64_t *)(void *)rec, first); /* killed before this, it is not there; after it, it is whole */
    f->good += head->size;
    f->number++;
    f->unsynced = 1;
}

void aats_jfile_undo(aats_jfile_t *f, size_t good, uint64_t number)
{
    if (f->good > good) {
        uint8_t *rec = f->map + (good - f->map_at);
        aats_store_release((uint64_t *)(void *)rec, 0);
        memset(rec, 0, f->good - good);
    }
    f->good = good;
    f->number = number;
}

int aats_jfile_sync(aats_jfile_t *f)
{
    int rc = 0;
    if (f->unsynced) do rc = fdatasync(f->fd); /* of mapped pages, too */
    while (rc != 0 && errno == EINTR);
    if (rc != 0) return AATS_E_IO;
    f->unsynced = 0;
    return AATS_OK;
}

int aats_jfile_folder_sync(char const *path)
{
    char *copy = strdup(path);
    if (copy == NULL) return AATS_E_IO;
    int const fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int const rc = fd >= 0 && fsync(fd) == 0 ? AATS_OK : AATS_E_IO;
    int const why = errno;
    if (fd >= 0) close(fd);
    free(copy);
    errno = why;
    return rc;
}

void aats_jfile_close(aats_jfile_t *f, int cut)
{
    if (f->fd < 0) return;
    munmap(f->map, f->size - f->map_at);
    if (cut && f->owner == getpid()) (void)cut_at(f->fd, f->good);
    close(f->fd);
    free(f->path);
    *f = (aats_jfile_t){.fd = -1};
}
