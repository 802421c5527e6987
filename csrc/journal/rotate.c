/* rotate.c -- the next file of a run: made out of sight, filled with a checkpoint, then given its name in one step.
 *
 *     0123456789abcdef.aj  0123456789abcdef.1.aj  0123456789abcdef.2.aj ...        .0123456789abcdef.3.tmp: in the making
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/journal_file.h"
#include "shm/segment.h"

#define SUFFIX ".aj"

/* stem_of returns the length of a path without ".aj" and without the number of a part, which goes to *part; 0 if it has no ".aj". */
static size_t stem_of(char const *path, uint64_t *part)
{
    size_t n = strlen(path);
    *part = 0;
    if (n <= strlen(SUFFIX) || strcmp(path + n - strlen(SUFFIX), SUFFIX) != 0) return 0;
    n -= strlen(SUFFIX);
    size_t digits = n;
    while (digits > 0 && isdigit((unsigned char)path[digits - 1])) digits--;
    if (digits == n || digits == 0 || path[digits - 1] != '.') return n;
    *part = strtoull(path + digits, NULL, 10);
    return digits - 1;
}

uint64_t aats_journal_part_of(char const *path)
{
    uint64_t part;
    (void)stem_of(path, &part);
    return part;
}

/* name writes the path of a part, or of its temporary. */
static int name(char out[PATH_MAX], char const *path, uint64_t part, int temporary)
{
    uint64_t own;
    size_t const stem = stem_of(path, &own);
    size_t base = stem;
    while (base > 0 && path[base - 1] != '/') base--;
    unsigned long long const number = part;
    int const n = temporary ? snprintf(out, PATH_MAX, "%.*s.%.*s.%llu.tmp", (int)base, path, (int)(stem - base), path + base, number)
                            : snprintf(out, PATH_MAX, "%.*s.%llu" SUFFIX, (int)stem, path, number);
    errno = ENAMETOOLONG;
    return stem > 0 && n > 0 && n < PATH_MAX ? AATS_OK : AATS_E_IO;
}

static int failed(aats_journal_t *j, char const *what)
{
    int const number = errno;
    snprintf(j->error, sizeof j->error, "the journal's next file cannot be %s: %s", what, strerror(number));
    return AATS_E_IO;
}

void aats_journal_limit(aats_journal_t *j, uint64_t bytes) { j->limit = j->full_at = bytes; }

int aats_journal_full(aats_journal_t const *j) { return j->old.fd < 0 && j->now.good >= j->full_at; }

int aats_journal_rotate(aats_journal_t *j, int64_t now_ns)
{
    char path[PATH_MAX];
    if (j->old.fd >= 0) return AATS_E_ARG;
    if (name(path, j->now.path, j->part + 1, 1) != AATS_OK) return failed(j, "named");
    (void)unlink(path); /* of an earlier attempt */
    aats_jfile_t next;
    if (aats_jfile_make(&next, path) != AATS_OK) return failed(j, "made");
    j->old = j->now;
    j->now = next;
    return aats_journal_keep(j, AATS_JR_START, (int64_t)aats_seg_layout_hash(), j->text, j->text_sz, now_ns);
}

/* The name is what makes it the newest: all it stands for is in the file by then, and on the disk if the policy asks for that. */
static int publish(aats_journal_t *j)
{
    char path[PATH_MAX];
    if (name(path, j->old.path, j->part + 1, 0) != AATS_OK) return failed(j, "named");
    char *copy = strdup(path);
    if (copy == NULL || (j->sync != AATS_SYNC_NEVER && aats_jfile_sync(&j->now) != AATS_OK) || rename(j->now.path, path) != 0) {
        free(copy);
        return failed(j, "brought to the disk");
    }
    free(j->now.path);
    j->now.path = copy;
    return j->sync == AATS_SYNC_NEVER || aats_jfile_folder_sync(path) == AATS_OK ? AATS_OK : failed(j, "brought to the disk");
}

int aats_journal_checked(aats_journal_t *j, int64_t now_ns)
{
    if (j->old.fd < 0) { /* of the first file: what was carried over */
        int const rc = aats_journal_keep(j, AATS_JR_CHECKED, 0, NULL, 0, now_ns);
        return rc != AATS_OK || j->sync == AATS_SYNC_NEVER || aats_jfile_sync(&j->now) == AATS_OK ? rc : failed(j, "brought to the disk");
    }
    int rc = aats_journal_keep(j, AATS_JR_CHECKED, 0, NULL, 0, now_ns);
    if (rc == AATS_OK) rc = publish(j);
    if (rc != AATS_OK) return rc;
    aats_jfile_close(&j->old, 0);
    j->part++;
    /* A checkpoint of very many orders may be full at once: the next one is worth it when as much again was written. */
    j->full_at = 2 * j->now.good > j->limit ? 2 * j->now.good : j->limit;
    return AATS_OK;
}

void aats_journal_unrotate(aats_journal_t *j)
{
    if (j->old.fd < 0) return;
    unlink(j->now.path);
    aats_jfile_close(&j->now, 0);
    j->now = j->old;
    j->old = (aats_jfile_t){.fd = -1};
    j->full_at = j->now.good + j->limit / 16 + 1; /* not at every pass again */
}
