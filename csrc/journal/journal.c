/* journal.c -- append, and cut off what was not written whole. */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/segment.h"

#define KEPT_SZ ((size_t)32 << 10)

struct aats_journal {
    int fd;
    int sync;
    uint64_t instance;
    uint64_t number;  /* of the last record in the file */
    off_t good;       /* bytes of whole records */
    int cut;          /* what stands behind `good` could not be cut off: nothing more is written */
    char error[160];
    uint64_t kept_number; /* of the last record in kept, `number` if that is empty */
    size_t kept_sz;
    uint64_t kept[KEPT_SZ / 8]; /* records to be written together */
};

/* check_of is FNV-1a, by words, over a record but its own word. */
static uint64_t check_of(void const *rec, size_t size)
{
    uint8_t const *at = rec;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, 8);
        if (i != offsetof(aats_jrec_t, check)) hash = (hash ^ word) * 1099511628211u;
    }
    return hash;
}

static void say(aats_journal_t *j, char const *what)
{
    int const number = errno;
    snprintf(j->error, sizeof j->error, "the journal cannot be %s: %s", what, strerror(number));
}

/* write_all writes n bytes at the file's end: 0, or -1 with errno; then some may stand there. */
static int write_all(int fd, void const *bytes, size_t n)
{
    uint8_t const *at = bytes;
    while (n > 0) {
        ssize_t const done = write(fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = ENOSPC;
        if (done <= 0) return -1;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

/* cut_off makes the file end with its last whole record. */
static void cut_off(aats_journal_t *j)
{
    int rc;
    do rc = ftruncate(j->fd, j->good);
    while (rc != 0 && errno == EINTR);
    j->cut = rc == 0 ? 0 : 1;
}

int aats_journal_keep(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns)
{
    if (kind <= 0 || n > AATS_JOURNAL_REC_MAX - sizeof(aats_jrec_t) || (payload == NULL && n > 0)) return AATS_E_ARG;
    size_t const size = (sizeof(aats_jrec_t) + n + 7) & ~(size_t)7;
    int const rc = size > KEPT_SZ - j->kept_sz ? aats_journal_flush(j) : AATS_OK;
    if (rc != AATS_OK) return rc;

    uint8_t *rec = (uint8_t *)j->kept + j->kept_sz;
    aats_jrec_t head = {.size = (uint32_t)size, .kind = (uint32_t)kind, .number = j->kept_number + 1, .ns = now_ns, .instance = j->instance,
                        .order_id = order_id};
    memset(rec + size - 8, 0, 8); /* what fills the record up */
    memcpy(rec, &head, sizeof head);
    if (n > 0) memcpy(rec + sizeof head, payload, n);
    head.check = check_of(rec, size);
    memcpy(rec + offsetof(aats_jrec_t, check), &head.check, 8);
    j->kept_sz += size;
    j->kept_number++;
    return AATS_OK;
}

/* forget drops what is kept, and what came of it into the file. */
static int forget(aats_journal_t *j, char const *what)
{
    say(j, what);
    cut_off(j);
    j->kept_sz = 0;
    j->kept_number = j->number;
    return AATS_E_IO;
}

int aats_journal_flush(aats_journal_t *j)
{
    if (j->kept_sz == 0) return AATS_OK;
    if (j->cut) cut_off(j);
    if (j->cut) return forget(j, "cut off behind its last whole record");
    if (write_all(j->fd, j->kept, j->kept_sz) != 0) return forget(j, "written");
    j->good += (off_t)j->kept_sz;
    j->number = j->kept_number;
    j->kept_sz = 0;
    return AATS_OK;
}

int aats_journal_put(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns)
{
    off_t const good = j->good;
    uint64_t const number = j->number;
    int rc = aats_journal_keep(j, kind, order_id, payload, n, now_ns);
    if (rc == AATS_OK) rc = aats_journal_flush(j);
    if (rc != AATS_OK || !j->sync || kind != AATS_JR_INTENT || fdatasync(j->fd) == 0) return rc;
    j->good = good;
    j->number = number;
    return forget(j, "brought to disk");
}

aats_journal_t *aats_journal_open(char const *path, uint64_t instance, char const *text, int sync, int64_t now_ns, char *why, size_t why_sz)
{
    aats_journal_t *j = calloc(1, sizeof *j);
    if (j == NULL) {
        snprintf(why, why_sz, "no memory for a journal");
        return NULL;
    }
    *j = (aats_journal_t){.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600), .sync = sync, .instance = instance};
    if (j->fd < 0) {
        snprintf(why, why_sz, "the journal %s cannot be made: %s", path, strerror(errno));
        free(j);
        return NULL;
    }
    size_t const room = AATS_JOURNAL_REC_MAX - sizeof(aats_jrec_t);
    size_t const n = strnlen(text, room);
    if (aats_journal_put(j, AATS_JR_START, (int64_t)aats_seg_layout_hash(), text, n, now_ns) != AATS_OK) {
        snprintf(why, why_sz, "%s: %s", path, j->error);
        unlink(path);
        aats_journal_close(j);
        return NULL;
    }
    return j;
}

/* believed walks over a file: the bytes up to the first record that is wrong, with the last good one in head. */
static size_t believed(int fd, size_t size, aats_jrec_t *head)
{
    size_t at = 0;
    void *bytes = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED) return 0;
    void const *payload;
    size_t payload_sz;
    while (aats_journal_next(bytes, size, &at, head, &payload, &payload_sz) == 1) continue;
    munmap(bytes, size);
    return at;
}

aats_journal_t *aats_journal_resume(char const *path, char *why, size_t why_sz)
{
    aats_journal_t *j = calloc(1, sizeof *j);
    int const fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    struct stat st;
    aats_jrec_t head;
    size_t good = 0;
    if (j == NULL || fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, why_sz, "the journal %s cannot be opened: %s", path, strerror(errno));
    } else if ((good = believed(fd, (size_t)st.st_size, &head)) == 0) {
        snprintf(why, why_sz, "%s holds no journal: its first record is not whole", path);
    } else {
        *j = (aats_journal_t){.fd = fd, .instance = head.instance, .number = head.number, .kept_number = head.number,
                              .good = (off_t)good};
        if ((size_t)st.st_size > good) cut_off(j);
        if (!j->cut) return j;
        snprintf(why, why_sz, "the end of the journal %s cannot be cut off: %s", path, strerror(errno));
    }
    if (fd >= 0) close(fd);
    free(j);
    return NULL;
}

void aats_journal_close(aats_journal_t *j)
{
    if (j == NULL) return;
    (void)aats_journal_flush(j);
    close(j->fd);
    free(j);
}

char const *aats_journal_error(aats_journal_t const *j) { return j->error; }

int aats_journal_next(void const *bytes, size_t n, size_t *at, aats_jrec_t *head, void const **payload, size_t *payload_sz)
{
    if (*at >= n) return 0;
    uint8_t const *rec = (uint8_t const *)bytes + *at;
    size_t const left = n - *at;
    aats_jrec_t found;
    if (left < sizeof found) return AATS_E_SYNTAX;
    memcpy(&found, rec, sizeof found);
    if (found.size < sizeof found || found.size > AATS_JOURNAL_REC_MAX || found.size % 8 != 0 || found.size > left) return AATS_E_SYNTAX;
    if (found.check != check_of(rec, found.size) || found.kind == 0) return AATS_E_SYNTAX;
    if (*at == 0 ? found.number != 1 || found.kind != AATS_JR_START
                 : found.number != head->number + 1 || found.instance != head->instance || found.kind == AATS_JR_START)
        return AATS_E_SYNTAX;
    *head = found;
    *payload = rec + sizeof found;
    *payload_sz = found.size - sizeof found;
    *at += found.size;
    return 1;
}
