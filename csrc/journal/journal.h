/* journal.h -- what a strategy meant to do, in order, written down before it is done.
 *
 * A run has one file at first, later the newest of several: records with a number, a time and a checksum, stored into a mapping of the
 * file before the bytes of the order are made.  A store is there for every reader the moment it is made and outlives its process, so
 * that kill -9 at any instruction loses nothing that a venue could have seen.  A power cut is another matter: AATS_SYNC_*,
 * docs/journal.md.
 * Not for state: the newest record of an order says what is known, the venue says what is true.
 * Writer: the trade loop's thread, alone; the file is locked (flock) while it is open.  Readers: the next run, tools; they take the
 * file as bytes.
 *
 *     START  instance, name, account        written when the file is made
 *     INTENT an order about to go out       before its bytes
 *     CANCEL a cancel request about to go out
 *     EVENT  an order event (layout.h)      before it is delivered
 *     TOLD   the Closed of an order was delivered
 *     END    left in order: nothing is open, the venue has said so
 *     HOLD, FEE, DAY, ADOPTED, CHECKED      checkpoints, see below
 *
 * Payload and head are stored first, the word with the record's size last (release): killed before it, the record is not there; after
 * it, it is whole.  Behind the last record stand zeros, allocated ahead on the disk.  Reading stops at the first record whose checksum
 * or number is wrong.
 */
#ifndef AATS_JOURNAL_JOURNAL_H
#define AATS_JOURNAL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
typedef struct aats_journal aats_journal_t;

enum {
    AATS_JR_START = 1, AATS_JR_INTENT = 2, AATS_JR_CANCEL = 3, AATS_JR_EVENT = 4, AATS_JR_TOLD = 5, AATS_JR_END = 6,
    /* a checkpoint: what the records before it came to; every file but a run's first begins with one, and counts only with CHECKED */
    AATS_JR_HOLD = 7,    /* aats_hold_t */
    AATS_JR_FEE = 8,     /* aats_fee_t */
    AATS_JR_DAY = 9,     /* aats_jday_t: day totals */
    AATS_JR_CHECKED = 10, /* the checkpoint is complete: payload empty; INTENT and EVENT records of orders that are not told precede it */
    AATS_JR_ADOPTED = 11, /* order_id: ours now; payload aats_jadopt_t: an order of an earlier run goes on in this one */
    AATS_JR_AMEND = 12    /* payload aats_jamend_t: that is asked of the venue next; the order's next Amended or AmendRejected answers it */
};

/* Policies on power loss: when the records are brought to the disk. */
enum { AATS_SYNC_NEVER = 0, AATS_SYNC_INTENT = 1, AATS_SYNC_ALL = 2 };

typedef struct {
    int64_t day;           /* UTC days since the epoch */
    uint64_t orders;       /* sent */
    uint64_t cancels;
    uint64_t pad;
} aats_jday_t;

typedef struct {
    uint64_t instance;     /* of the run that sent it */
    int64_t client_no;
} aats_jadopt_t;

typedef struct {
    int64_t px_i;          /* at the order's exponents */
    int64_t qty_i;
} aats_jamend_t;

typedef struct {
    uint32_t size;      /* of the whole record, a multiple of 8; stored last, with kind */
    uint32_t kind;      /* AATS_JR_* */
    uint64_t number;    /* counts from 1 */
    int64_t ns;
    uint64_t instance;
    int64_t order_id;   /* START: the layout hash of the writer's build; of another one the payloads are not ours to read */
    uint64_t check;     /* of all other words of the record: read.c; never 0 */
} aats_jrec_t;          /* the payload follows: aats_order_t (INTENT), aats_oev_t (EVENT), text (START), filled up with zeros to 8 bytes */

#define AATS_JOURNAL_REC_MAX 1024 /* largest record with its head */

/* aats_journal_open makes a new file (0600, O_EXCL; its directory exists).  text is cut where it does not fit a record.
 * NULL and a sentence in why (a full disk shows here, too); then no file is left. */
aats_journal_t *aats_journal_open(char const *path, uint64_t instance, char const *text, int sync, int64_t now_ns, char *why,
                                  size_t why_sz);
/* aats_journal_resume goes on with the newest file of a run that is over: cuts off what cannot be believed and appends behind it, under
 * its instance. NULL and a sentence in why, also for a file that a living process writes, and for one without START, under which
 * nothing was ever sent. */
aats_journal_t *aats_journal_resume(char const *path, char *why, size_t why_sz);
void aats_journal_close(aats_journal_t *j); /* the file ends behind its last record then */

/* aats_journal_put appends a record: no system call, unless the room ahead is used up or the policy asks for the disk.  AATS_OK: it is
 * visible to every reader, and on the disk if the policy says so.  AATS_E_IO (aats_journal_error says why): it is not there, nothing
 * may be sent; the next put may succeed. AATS_E_ARG for a payload that fits no record.  The last 64 KiB of a full disk take no INTENT
 * any more, only what becomes of the orders that are out. */
int aats_journal_put(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns);

/* aats_journal_keep is aats_journal_put that never waits for the disk: the record is visible, and safe from kill -9.
 * aats_journal_flush is called between orders: it makes room ahead (a page fault each 4 KiB, a few system calls each 256), and brings
 * what was kept to the disk under AATS_SYNC_ALL.  AATS_OK, or AATS_E_IO: the records are there, but may not be after a power cut. */
int aats_journal_keep(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns);
int aats_journal_flush(aats_journal_t *j);
char const *aats_journal_error(aats_journal_t const *j);

/* ---- rotation ----
 * aats_journal_full returns 1 when the file has grown so large that the next should begin.  aats_journal_rotate makes it (beside the
 * old one, unseen by readers); from then on records go into it.  The caller puts the checkpoint: HOLD, FEE, DAY, the INTENT and EVENT
 * records of every order whose Closed is not TOLD, and aats_journal_checked, which writes CHECKED and makes the file the run's newest
 * in one step (rename): a kill before it leaves the old file whole and newest, after it the new one.  Nothing may be sent in between.
 * AATS_OK or AATS_E_IO; after a failure of any of them, aats_journal_unrotate goes on with the old file, and full stays 0 for a while.
 * Old files are left for whoever looks back; journal.clean removes them.  The first file of a run may begin with a checkpoint, too: what
 * was carried over (aats_journal_checked without rotate writes CHECKED alone). */
int aats_journal_full(aats_journal_t const *j);
int aats_journal_rotate(aats_journal_t *j, int64_t now_ns);
int aats_journal_checked(aats_journal_t *j, int64_t now_ns);
void aats_journal_unrotate(aats_journal_t *j);
/* aats_journal_limit sets the size at which it is full (tests; default 16 MiB). */
void aats_journal_limit(aats_journal_t *j, uint64_t bytes);

/* aats_journal_next walks over the bytes of a file, from *at = 0: *at is moved behind the record, and head must be as the last call
 * left it (its number and instance are what the next must fit).  1 with head and payload; 0 at the end, where zeros follow, but for one
 * record that a killed writer had begun; AATS_E_SYNTAX where the rest cannot be believed, *at unmoved: no kill of a writer does that, a
 * lost power or another hand does. Kinds unknown to this build are given, too.  payload_sz is the record's word: compare it with the
 * struct before taking the payload for one. */
int aats_journal_next(void const *bytes, size_t n, size_t *at, aats_jrec_t *head, void const **payload, size_t *payload_sz);

/* aats_jrec_check returns the checksum of a record; payload_sz is a multiple of 8.  For tests and fuzz targets. */
uint64_t aats_jrec_check(aats_jrec_t const *head, void const *payload, size_t payload_sz);
/* cdef-end */

#endif
