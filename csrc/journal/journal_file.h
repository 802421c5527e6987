/* journal_file.h -- one file of a journal as its writer has it: how much of it is records, and a mapping of the room behind them.
 *
 * For: journal.c and rotate.c.  Not for readers: they take the file as bytes (aats_journal_next).
 *
 *     | START | INTENT | ... | EVENT | a record | 0 0 0 zeros 0 0 0 | 0 0 0 zeros, no page in memory yet 0 0 0 |
 *     0                  map_at                 good                warm                                       size
 *
 * Allocated before it is used (posix_fallocate): a full disk shows there, as an error, and not later as a SIGBUS.  Whoever cuts a file
 * that is being written kills its writer: nobody does, the lock (flock, for the life of the descriptor) tells aats_journal_resume that
 * a writer lives.
 * Threads: one.  A child that fork made may hold a copy; closing it there leaves the file alone.
 */
#ifndef AATS_JOURNAL_FILE_H
#define AATS_JOURNAL_FILE_H

#include <sys/types.h>

#include "journal/journal.h"

#define AATS_JFILE_STEP    ((size_t)256 << 10) /* it grows by so much */
#define AATS_JFILE_AHEAD   ((size_t)128 << 10) /* and before less than this is left */
#define AATS_JFILE_WARM    ((size_t)32 << 10)  /* so much of it has its pages in memory, where an order would wait for them */
#define AATS_JFILE_RESERVE ((size_t)64 << 10)  /* of a full disk's last room: for what becomes of orders that are out, not for new ones */

typedef struct {
    int fd;          /* -1: none */
    pid_t owner;
    uint8_t *map;
    size_t map_at;   /* offset of its first byte; it ends with the file */
    size_t size;     /* bytes of the file, all allocated */
    size_t good;     /* bytes of whole records */
    size_t warm;
    int unsynced;    /* 1: some records may not be on the disk */
    uint64_t number; /* of the last record */
    char *path;
} aats_jfile_t;

struct aats_journal {
    aats_jfile_t now;  /* records go here */
    aats_jfile_t old;  /* while a checkpoint is written into `now`: the file that counts; else none */
    int sync;
    int no_more;       /* the disk was full when it was last asked for more ahead of need */
    uint64_t instance;
    uint64_t limit;    /* aats_journal_limit */
    uint64_t full_at;  /* bytes at which it is full */
    uint64_t part;     /* of `now`, or of `old` while there is one: 0 is the run's first file */
    size_t text_sz;
    char text[AATS_JOURNAL_REC_MAX - sizeof(aats_jrec_t)]; /* of START */
    char error[256];
};

/* aats_jfile_make makes a new file (0600, O_EXCL) with room; aats_jfile_open takes one that is there, whose first `good` bytes are
 * records, and cuts off the rest.  AATS_OK, or AATS_E_IO with errno (EWOULDBLOCK: a writer has it); then nothing is left open, and of
 * make no file. */
int aats_jfile_make(aats_jfile_t *f, char const *path);
int aats_jfile_open(aats_jfile_t *f, char const *path, size_t good, uint64_t number);
/* aats_jfile_grow adds `more` bytes of room: AATS_OK, or AATS_E_IO with errno; then all is as before. */
int aats_jfile_grow(aats_jfile_t *f, size_t more);
/* aats_jfile_warm brings the next pages into memory, 4 us each; none if there are enough. */
void aats_jfile_warm(aats_jfile_t *f);
/* aats_jfile_put writes a record behind the last; there is room.  It is there for every reader when its first word is, which is stored
 * last. */
void aats_jfile_put(aats_jfile_t *f, aats_jrec_t *head, void const *payload, size_t n);
/* aats_jfile_undo takes back all behind `good`. */
void aats_jfile_undo(aats_jfile_t *f, size_t good, uint64_t number);
/* aats_jfile_sync waits until all records are on the disk: AATS_OK, or AATS_E_IO with errno. */
int aats_jfile_sync(aats_jfile_t *f);
/* aats_jfile_folder_sync waits until the file's name is. */
int aats_jfile_folder_sync(char const *path);
/* aats_jfile_close lets go of it; cut 1: the file ends behind its last record then (a millisecond: not while somebody trades). */
void aats_jfile_close(aats_jfile_t *f, int cut);

/* aats_journal_part_of returns the number in a path: 0 of a first file. */
uint64_t aats_journal_part_of(char const *path);

#endif
