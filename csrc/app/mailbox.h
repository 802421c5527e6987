/* mailbox.h -- messages between two threads of one process: one puts, one gets, nobody waits.
 *
 * For: the control plane (a Python thread) and the thread that steps a feed or an order session, one mailbox for each direction.
 * Not for: market data (shm/ring.h), other processes, several putters (let a lock stand before `put`).
 *
 * A mail is a heap block.  put makes it, get hands it over, and whoever got it frees it.  Between the two it belongs to its slot:
 *
 *     slots   [ 0 | mail | mail | mail | 0 | 0 | 0 | 0 ]      0: free to put, else the address of a mail
 *                   ^ tail: the getter's own  ^ head: the putter's own
 *
 * Memory order.  The slot's word is all that the threads share; head and tail are private, each on its side's cache line.
 *   E1  put: release store of the address  ->  get: acquire load of the slot
 *       whoever sees the address sees the whole mail.
 * The way back needs no edge.  get stores 0, and a put that reads this 0 puts into the slot: the values of one word have one order
 * for all threads (address, 0, next address), and nothing but the word is given back.
 *
 * Order: mails are got in the order in which they were put.  Full: put says so, counts it, and has taken nothing.
 * Cost: put allocates and copies, get is one load; both are for things that happen some times a second.
 */
#ifndef AATS_APP_MAILBOX_H
#define AATS_APP_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */
#define AATS_MAIL_MAX 33554432 /* bytes of the largest mail: 32 MB, more than any venue's snapshot */

/* aats_mail_t -- what kind, sym and num mean is said where the kinds are listed (feed.h). */
typedef struct {
    uint32_t kind;
    uint32_t sym;
    uint64_t num;
    uint64_t size;   /* bytes that follow; behind them stands one 0 that is not counted, so that text can be printed */
    uint8_t bytes[]; /* 8-byte aligned */
} aats_mail_t;

typedef struct {
    uint64_t *slots; /* addresses of mails; depth of them */
    uint64_t mask;   /* depth - 1 */
    uint64_t pad0[6];
    uint64_t head;   /* putter: the next slot to fill */
    uint64_t full;   /* putter: puts refused with AATS_E_FULL; any thread may read it by aats_mailbox_full */
    uint64_t pad1[6];
    uint64_t tail;   /* getter: the next slot to empty */
    uint64_t pad2[7];
} aats_mailbox_t;

/* aats_mailbox_init makes an empty mailbox of `depth` slots, a power of two from 1 to 65536.
 * Returns AATS_OK, AATS_E_ARG, AATS_E_NOMEM.  Before the second thread starts. */
int aats_mailbox_init(aats_mailbox_t *m, uint32_t depth);

/* aats_mailbox_fini frees it with all that was not got.  After both threads have ended; harmless on a zeroed mailbox, and twice. */
void aats_mailbox_fini(aats_mailbox_t *m);

/* aats_mailbox_put copies n bytes (NULL allowed when n is 0) into a new mail.  The putter's thread.
 * Returns AATS_OK; AATS_E_FULL: try again later; AATS_E_TOO_BIG: n above AATS_MAIL_MAX; AATS_E_NOMEM; AATS_E_ARG.
 * On failure nothing was put. */
int aats_mailbox_put(aats_mailbox_t *m, uint32_t kind, uint32_t sym, uint64_t num, void const *bytes, size_t n);

/* aats_mailbox_get takes the oldest mail.  The getter's thread.
 * Returns 1 and the mail, to be freed by aats_mail_free; or 0 and NULL when there is none. */
int aats_mailbox_get(aats_mailbox_t *m, aats_mail_t **out);

/* aats_mail_free frees a mail that was got; NULL is allowed. */
void aats_mail_free(aats_mail_t *mail);

/* aats_mailbox_full returns how many puts were refused because all slots were taken.  Any thread. */
uint64_t aats_mailbox_full(aats_mailbox_t const *m);
/* cdef-end */

#endif
