/* journal.h -- what a strategy meant to do, in order, on disk before it is done.
 *
 * One append-only file a run: records with a number, a time and a checksum; write(2) before the bytes of the order are made,
 * so that kill -9 loses nothing that a venue could have seen (a power cut may: fsync is the caller's choice by `sync`).
 * Not for state: the newest record of an order says what is known, the venue says what is true.
 * Writer: the trade loop's thread, alone.  Readers: the next run, tools; they take the file as bytes.
 *
 *     START  instance, name, account        written when the file is made
 *     INTENT an order about to go out       before its bytes
 *     CANCEL a cancel request about to go out
 *     EVENT  an order event (layout.h)      before it is delivered
 *     TOLD   the Closed of an order was delivered
 *     END    left in order: nothing is open, the venue has said so
 *
 * Reading stops at the first record whose checksum or number is wrong: what a killed writer left behind is not believed.
 */
#ifndef AATS_JOURNAL_JOURNAL_H
#define AATS_JOURNAL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
typedef struct aats_journal aats_journal_t;

enum { AATS_JR_START = 1, AATS_JR_INTENT = 2, AATS_JR_CANCEL = 3, AATS_JR_EVENT = 4, AATS_JR_TOLD = 5, AATS_JR_END = 6 };

typedef struct {
    uint32_t size;      /* of the whole record, a multiple of 8 */
    uint32_t kind;      /* AATS_JR_* */
    uint64_t number;    /* counts from 1 */
    int64_t ns;
    uint64_t instance;
    int64_t order_id;   /* START: the layout hash of the writer's build; of another one the payloads are not ours to read */
    uint64_t check;     /* FNV-1a 64, by words of 8 bytes, of all others of the record */
} aats_jrec_t;          /* the payload follows: aats_order_t (INTENT), aats_oev_t (EVENT), text (START), filled up with zeros to 8 bytes */

#define AATS_JOURNAL_REC_MAX 1024 /* largest record with its head */

/* aats_journal_open makes a new file (0600, O_EXCL; its directory exists).  text is cut where it does not fit a record.
 * sync 1: fdatasync after each INTENT.  NULL and a sentence in why; then no file is left. */
aats_journal_t *aats_journal_open(char const *path, uint64_t instance, char const *text, int sync, int64_t now_ns, char *why, size_t why_sz);
/* aats_journal_resume goes on with the file of a run that is over: cuts off what cannot be believed and appends behind it, under its instance.
 * NULL and a sentence in why, also for a file without START, under which nothing was ever sent. */
aats_journal_t *aats_journal_resume(char const *path, char *why, size_t why_sz);
void aats_journal_close(aats_journal_t *j);

/* aats_journal_put appends a record.  AATS_OK, or AATS_E_IO (aats_journal_error says why): then nothing may be sent; AATS_E_ARG for a payload that
 * fits no record.  A record is written whole or, after a failure, cut off again; the next put may succeed. */
int aats_journal_put(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns);

/* aats_journal_keep is aats_journal_put that may wait: the record is written with those that follow, by flush, put or close, or when 32 KiB are full.
 * aats_journal_flush writes what is kept: AATS_OK, or AATS_E_IO; then all that was kept is dropped, as if it had never been said. */
int aats_journal_keep(aats_journal_t *j, int kind, int64_t order_id, void const *payload, size_t n, int64_t now_ns);
int aats_journal_flush(aats_journal_t *j);
char const *aats_journal_error(aats_journal_t const *j);

/* aats_journal_next walks over the bytes of a file, from *at = 0: *at is moved behind the record, and head must be as the last call left it (its number
 * and instance are what the next must fit).  1 with head and payload; 0 at the end; AATS_E_SYNTAX where the rest cannot be believed, *at unmoved.
 * Kinds unknown to this build are given, too.  payload_sz is the record's word: compare it with the struct before taking the payload for one. */
int aats_journal_next(void const *bytes, size_t n, size_t *at, aats_jrec_t *head, void const **payload, size_t *payload_sz);
/* cdef-end */

#endif
