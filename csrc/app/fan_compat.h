/* fan_compat.h -- what the published client (aats 0.1.2) is given, and when: each trade, and of books always the newest state.
 *
 * For: fan.c.  Not for the form of a record (proto/compat.h), nor for who is that client (fan_peer.c).  Off the path of everybody else.
 *
 * Each of its connections, and the datagram outlet, is a compat_out_t: a place in the common queue of trades (the last COMPAT_TICKS of them: who is further
 * behind loses the oldest), and a list of symbols whose book has changed since it was given.  Both carry the number of the event that put them there, and the
 * lower one goes out first.  A book is read from its latest slot at the moment at which it goes out; one that is not valid does not go out.
 */
#ifndef AATS_APP_FAN_COMPAT_H
#define AATS_APP_FAN_COMPAT_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"
#include "shm/md.h"

#define COMPAT_TICKS 4096 /* a power of two */

/* compat_sym_t -- a symbol as that client knows it. */
typedef struct {
    char symbol[48];
    int32_t cid;
    uint32_t depth;
    int32_t px_exp, qty_exp;
    int32_t dir; /* index in the directory, -1: not there yet */
} compat_sym_t;

typedef struct {
    uint64_t event;
    uint32_t sym; /* of compat_sym_t */
    uint32_t flags;
    int64_t px_i, qty_i;
} compat_tick_t;

typedef struct {
    uint64_t tick_next;
    uint64_t *since;  /* by compat_sym_t: the event that changed its book, 0: given */
    uint16_t *fifo;   /* those, oldest change first */
    uint32_t fifo_at, fifo_cnt;
} compat_out_t;

typedef struct {
    uint32_t sym_cnt;
    uint32_t mapped;  /* directory entries looked at */
    uint64_t event;
    uint64_t tick_end; /* trades so far; the last COMPAT_TICKS are in ticks */
    compat_sym_t *syms; /* AATS_DIR_MAX; NULL: no compatibility */
    int16_t *of_dir;
    compat_tick_t *ticks;
    uint64_t *since;
    uint16_t *fifo;
    compat_out_t net; /* the datagram outlet */
    aats_level_t levels[2][100];
} compat_t;

/* compat_open makes room for peer_max connections; compat_place gives the lists of one to its compat_out_t.  1, 0: no memory. */
int  compat_open(compat_t *c, uint32_t peer_max);
void compat_close(compat_t *c);
void compat_place(compat_t *c, uint32_t peer, compat_out_t *out);

int compat_add(compat_t *c, char const *symbol, int32_t cid, uint32_t depth);

/* compat_map looks up symbols that the directory did not have before. */
void compat_map(compat_t *c, aats_md_view_t const *view);

/* compat_begin: a connection begins with every book there is, and with the trades from now on. */
void compat_begin(compat_t *c, compat_out_t *out);

/* compat_record notes a trade in the queue, and returns the compat_sym_t of a book that has changed, -1 for anything else; compat_changed tells one outlet. */
int  compat_record(compat_t *c, aats_rec_t const *rec);
void compat_changed(compat_t *c, compat_out_t *out, int sym);

int compat_waits(compat_t const *c, compat_out_t const *out);

/* compat_next writes the next record for an outlet: its bytes, 0: nothing (more) to give. */
size_t compat_next(compat_t *c, compat_out_t *out, aats_md_view_t const *view, int form, uint8_t *bytes, size_t cap);

#endif
