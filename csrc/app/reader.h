/* reader.h -- step 7 of the walk: follow some feeds, give one event after another, never call a bad book good.
 *
 * For: the callback loop (py/loop) and the iterator of aats.books.  Not for mapping segments or finding feeds (Python
 * does), nor for one look at one book (shm/valid.h).
 *
 *     ring of feed 0 ----+
 *     ring of feed 1 ----+--> aats_reader_next --> QUOTE TICK BBO L2 | INVALID LAP FEED_DOWN FEED_UP
 *     latest slots, tops +         one at a time, feeds in turn
 *
 * A symbol (a "sub") has the caller's own cid and comes from one feed.  What is promised for each sub:
 *   - QUOTE comes only while the book is valid (shm/valid.h); a book that turns invalid gives one INVALID, then no
 *     QUOTE until it is valid again, and then first one with the whole book.  A book that was never valid is not
 *     announced as invalid.
 *   - A joiner, a lapped reader, one whose feed was replaced, and one that was itself stopped for long get each book
 *     from its latest slot (flag RECOVERED), and ring records that are not newer than it are passed over.  Books and
 *     best bid/ask are then current; trades and level changes in between are lost and counted: exactly, where the venue
 *     numbers its trades.
 *   - Validity is judged when a record comes and, every AATS_READER_CHECK_NS, when none does.
 *
 * Order within a feed: LAP before what it makes necessary; FEED_DOWN before the INVALIDs it causes; FEED_UP before
 * the QUOTEs.
 *
 * Memory: the caller's block; nothing is allocated after aats_reader_init, nothing freed.  Mappings are the caller's:
 * one must stay until its feed is detached or attached anew.  Owner: one thread at a time.  Writes nothing shared. */
#ifndef AATS_APP_READER_H
#define AATS_APP_READER_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */
#define AATS_READER_CHECK_NS 1000000 /* between two looks at a feed's pulse */
#define AATS_READER_SUBS_MAX 4096

enum {
    AATS_EV_QUOTE = 1, AATS_EV_TICK = 2, AATS_EV_BBO = 3, AATS_EV_L2 = 4, AATS_EV_INVALID = 5, AATS_EV_LAP = 6,
    AATS_EV_FEED_DOWN = 7, AATS_EV_FEED_UP = 8, AATS_EV_MARK = 9, AATS_EV_FUNDING = 10, AATS_EV_LIQUIDATION = 11
};

/* What a sub is wanted for; QUOTE, INVALID and the feed's events come always. */
enum { AATS_TAKE_TICK = 1, AATS_TAKE_BBO = 2, AATS_TAKE_L2 = 4, AATS_TAKE_MARK = 8, AATS_TAKE_FUNDING = 16, AATS_TAKE_LIQUIDATION = 32 };

/* aats_event_t -- one event.  Pointers are good until the next call with the same reader. */
typedef struct {
    uint32_t kind;  /* AATS_EV_* */
    int32_t sub;    /* -1: of the feed as a whole */
    int32_t feed;
    uint32_t why;   /* INVALID, FEED_DOWN: AATS_WHY_* */
    int64_t cid;
    uint64_t missed; /* LAP: ring records */
    int32_t px_exp;
    int32_t qty_exp;
    uint32_t bid_len; /* QUOTE: at most the sub's level_num.  BBO: 0 or 1 */
    uint32_t ask_len;
    uint32_t flags;   /* the record's, and AATS_F_RECOVERED */
    uint32_t pad;
    aats_rec_t const *rec; /* the record's head; all zero where there is none */
    aats_level_t const *bids;
    aats_level_t const *asks;
} aats_event_t;

/* aats_reader_sub_t -- what the reader knows of a symbol; read-only for the caller. */
typedef struct {
    char symbol[48];
    int64_t cid;
    int32_t feed;       /* -1: none yet */
    int32_t dir;        /* index in that feed's directory, -1: not there yet */
    uint32_t level_num;
    uint32_t take;      /* AATS_TAKE_* */
    int32_t px_exp;
    int32_t qty_exp;
    int64_t tick_i;
    int64_t lot_i;
    uint32_t valid;     /* the last word to the caller was a QUOTE */
    uint32_t pending;   /* bits: look at the latest slot, at the top, tell the book in any case */
    uint32_t link;
    uint32_t lapped;    /* trades were missed, how many is not known yet */
    uint64_t book_next; /* ring records below it are no news for the book; bbo_next likewise */
    uint64_t bbo_next;
    uint64_t trade_seq; /* id of the last trade, 0: none */
    uint64_t uncounted; /* the venue does not number trades by one: how many were missed cannot be told */
} aats_reader_sub_t;

typedef struct aats_reader aats_reader_t;

/* aats_reader_footprint returns the bytes for a reader of up to sub_cap symbols, 0 if sub_cap is not in [1,
 * AATS_READER_SUBS_MAX]. */
size_t aats_reader_footprint(uint32_t sub_cap);

/* aats_reader_init makes a reader in mem (8-byte aligned), without symbols and feeds.  NULL for a bad argument. */
aats_reader_t *aats_reader_init(void *mem, uint32_t sub_cap);

/* aats_reader_add enters a symbol and returns its sub, counting from 0.  AATS_E_ARG, AATS_E_FULL, AATS_E_BUSY if the
 * symbol is there. */
int aats_reader_add(aats_reader_t *r, char const *symbol, int64_t cid, uint32_t level_num, uint32_t take);

/* aats_reader_bind says which feed (index 0 .. AATS_FEED_MAX-1, attached or not) serves a sub; once.  AATS_OK or
 * AATS_E_ARG, AATS_E_BUSY. */
int aats_reader_bind(aats_reader_t *r, int sub, int feed);

/* aats_reader_attach starts, or starts anew, to follow a feed through a mapped md segment and the control slot of its
 * process (NULL: the feed is down).
 *
 * Begins with the newest record and with each bound symbol's latest slot.  AATS_OK; AATS_E_ARG; else what
 * aats_md_attach says, with its sentence in why, the feed being detached then. */
int aats_reader_attach(aats_reader_t *r, int feed, void *mem, uint64_t mapped_sz, aats_slot_t const *slot, char *why, size_t cap);

/* aats_reader_detach stops using the mapping and the slot; books of the feed become invalid (REPLACED).  Harmless if
 * it was not attached. */
void aats_reader_detach(aats_reader_t *r, int feed);

/* aats_reader_next gives the next event.  1, or 0 if there is none now.  now_mono_ns is of CLOCK_MONOTONIC and
 * sampled after the last event was dealt with. Never blocks, never allocates.  Cost: an empty turn is one load a
 * feed; a quote of five levels some 30 ns and its cache misses. */
int aats_reader_next(aats_reader_t *r, int64_t now_mono_ns, aats_event_t *out);

/* aats_reader_due says whether aats_reader_next has something to do at that time: a record, something to tell, a look
 * at a pulse.  For whoever can wait otherwise; a 1 may turn out to be no event.  Cost: one load a feed. */
int aats_reader_due(aats_reader_t const *r, int64_t now_mono_ns);

/* aats_reader_spin waits for a record for up to `turns` looks, with a pause between them, and without any clock: 1 once
 * there is one, whose lines are then on their way, else 0.  What is due by time alone it does not see. */
int aats_reader_spin(aats_reader_t const *r, uint32_t turns);

/* aats_reader_down returns AATS_WHY_* of a feed as last told, AATS_WHY_NONE when it is up, AATS_WHY_FEED_DOWN when it
 * is not attached.  Whoever can map segments looks for a new generation while it is FEED_DOWN or REPLACED. */
int aats_reader_down(aats_reader_t const *r, int feed);

/* aats_reader_why returns why a sub's book is not good at this moment, AATS_WHY_NONE if it is: whoever is about to act on it asks, because events of a
 * loop that was busy come late.  Its feed's pulse is taken anew if it is older than AATS_READER_CHECK_NS. */
int aats_reader_why(aats_reader_t const *r, int sub, int64_t now_mono_ns);

uint32_t aats_reader_sub_cnt(aats_reader_t const *r);
aats_reader_sub_t const *aats_reader_sub(aats_reader_t const *r, int sub); /* NULL for an index that is not there */

/* aats_reader_missed returns the ring records lost to laps so far; _missed_ticks the trades known to be lost;
 * _damaged the records that could not be. */
uint64_t aats_reader_missed(aats_reader_t const *r);
uint64_t aats_reader_missed_ticks(aats_reader_t const *r);
uint64_t aats_reader_damaged(aats_reader_t const *r);
/* cdef-end */

#endif
