/* journal.c -- open, append, leave. */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/journal_file.h"
#include "shm/segment.h"

#define LIMIT_DEFAULT ((uint64_t)16 << 20)

static int failed(aats_journal_t *j, char const *what)
{
    int const number = errno;
    snprintf(j->error, sizeof j->error, "the journal cannot be %s: %s", what, strerror(number));
    return AATS_E_IO;
}

/* fits makes room for a record.  What is left of a full disk is kept for news of the orders that are out. */
static int fits(aats_journal_t *j, int kind, size_t size)
{
    size_t const wanted = size + (kind == AATS_JR_INTENT ? AATS_JFILE_RESERVE : 0);
    if (j->now.size - j->now.good >= wanted) return AATS_OK;
    if (aats_jfile_grow(&j->now, AATS_JFILE_STEP) != AATS_OK) return failed(j, "extended");
    j->no_more = 0;
    return AATS_OK;
}

int aats_journal_keep(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns)
{
    if (kind <= 0 || n > AATS_JOURNAL_REC_MAX - sizeof(aats_jrec_t) || (payload == NULL && n > 0)) return AATS_E_ARG;
    size_t const size = (sizeof(aats_jrec_t) + n + 7) & ~(size_t)7;
    int const rc = fits(j, kind, size);
    if (rc != AATS_OK) return rc;
    aats_jrec_t head = {.size = (uint32_t)size, .kind = (uint32_t)kind, .ns = now_ns, .instance = j->instance, .order_id = order_id};
    aats_jfile_put(&j->now, &head, payload, n);
    return AATS_OK;
}

int aats_journal_put(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns)
{
    size_t const good = j->now.good;
    uint64_t const number = j->now.number;
    int const rc = aats_journal_keep(j, kind, order_id, payload, n, now_ns);
    if (rc != AATS_OK || j->sync == AATS_SYNC_NEVER || (j->sync == AATS_SYNC_INTENT && kind != AATS_JR_INTENT)) return rc;
    if (aats_jfile_sync(&j->now) == AATS_OK) return AATS_OK;
    (void)failed(j, "brought to the disk");
    aats_jfile_undo(&j->now, good, number);
    return AATS_E_IO;
}

int aats_journal_flush(aats_journal_t *j)
{
    aats_jfile_warm(&j->now);
    if (!j->no_more && j->now.size - j->now.good < AATS_JFILE_AHEAD) j->no_more = aats_jfile_grow(&j->now, AATS_JFILE_STEP) != AATS_OK;
    if (j->sync != AATS_SYNC_ALL || aats_jfile_sync(&j->now) == AATS_OK) return AATS_OK;
    return failed(j, "brought to the disk");
}

aats_journal_t *aats_journal_open(char const *path, uint64_t instance, char const *text, int sync, int64_t now_ns, char *why, size_t why_sz)
{
    aats_journal_t *j = calloc(1, sizeof *j);
    if (j == NULL) {
        snprintf(why, why_sz, "no memory for a journal");
        return NULL;
    }
    *j = (aats_journal_t){.now.fd = -1, .old.fd = -1, .sync = sync, .instance = instance, .limit = LIMIT_DEFAULT, .full_at = LIMIT_DEFAULT};
    j->text_sz = strnlen(text, sizeof j->text);
    memcpy(j->text, text, j->text_sz);
    if (aats_jfile_make(&j->now, path) != AATS_OK) {
        snprintf(why, why_sz, "the journal %s cannot be made: %s", path, strerror(errno));
        free(j);
        return NULL;
    }
    int rc = aats_journal_put(j, AATS_JR_START, (int64_t)aats_seg_layout_hash(), j->text, j->text_sz, now_ns);
    if (rc == AATS_OK && sync != AATS_SYNC_NEVER && aats_jfile_folder_sync(path) != AATS_OK) rc = failed(j, "brought to the disk");
    if (rc == AATS_OK) return j;
    snprintf(why, why_sz, "%s: %s", path, j->error);
    unlink(path);
    aats_journal_close(j);
    return NULL;
}

/* whole_file reads a file: its bytes, to be freed, NULL with errno.  Not mapped: a writer that closes it meanwhile cuts it, and that would be a SIGBUS. */
static uint8_t *whole_file(char const *path, size_t *size)
{
    int const fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    uint8_t *bytes = fd >= 0 && fstat(fd, &st) == 0 ? malloc((size_t)st.st_size + 1) : NULL;
    ssize_t got = 1;
    for (*size = 0; bytes != NULL && *size < (size_t)st.st_size && got != 0; *size += (size_t)(got > 0 ? got : 0)) {
        got = read(fd, bytes + *size, (size_t)st.st_size - *size);
        if (got >= 0 || errno == EINTR) continue;
        free(bytes);
        bytes = NULL;
    }
    int const why = errno;
    if (fd >= 0) close(fd);
    errno = why;
    return bytes;
}

/* believed walks over a file: the bytes up to the first record that is wrong, with the last good one in head, and START's text; 0 with errno, which is 0 if
 * there is no such record. */
static size_t believed(char const *path, aats_journal_t *j, aats_jrec_t *head)
{
    size_t size, at = 0, payload_sz;
    uint8_t *bytes = whole_file(path, &size);
    void const *payload;
    if (bytes == NULL) return 0;
    while (aats_journal_next(bytes, size, &at, head, &payload, &payload_sz) == 1) {
        if (head->kind != AATS_JR_START) continue;
        j->text_sz = payload_sz;
        memcpy(j->text, payload, payload_sz);
    }
    free(bytes);
    errno = 0;
    return at;
}

aats_journal_t *aats_journal_resume(char const *path, char *why, size_t why_sz)
{
    aats_journal_t *j = calloc(1, sizeof *j);
    aats_jrec_t head = {0};
    size_t const good = j == NULL ? 0 : believed(path, j, &head);
    if (good == 0) {
        if (errno != 0) snprintf(why, why_sz, "the journal %s cannot be opened: %s", path, strerror(errno));
        else snprintf(why, why_sz, "%s holds no journal: its first record is not whole", path);
    } else if (aats_jfile_open(&j->now, path, good, head.number) != AATS_OK) {
        if (errno == EWOULDBLOCK) snprintf(why, why_sz, "the journal %s is being written by a process that lives", path);
        else snprintf(why, why_sz, "the journal %s cannot be gone on with: %s", path, strerror(errno));
    } else {
        j->old.fd = -1;
        j->instance = head.instance;
        j->limit = j->full_at = LIMIT_DEFAULT;
        j->part = aats_journal_part_of(path);
        return j;
    }
    free(j);
    return NULL;
}

void aats_journal_close(aats_journal_t *j)
{
    if (j == NULL) return;
    if (j->old.fd >= 0) aats_journal_unrotate(j);
    if (j->sync == AATS_SYNC_ALL) (void)aats_jfile_sync(&j->now);
    aats_jfile_close(&j->now, 1);
    free(j);
}

char const *aats_journal_error(aats_journal_t const *j) { return j->error; }
