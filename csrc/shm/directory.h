/* directory.h -- the symbols of a feed: index in records <-> name, exponents, state.
 *
 * For: the table of one md segment.  Not for a process's own symbol numbers (cid): those are Python's.
 * Writer: the feed.  Entries are only appended; index, names and exponents of one never change in a generation, so a
 * reader may keep a copy.  State, level_num and counters move on.
 *
 * Memory order.
 *   D1  add: words of the entry, then release store of state, then of dir_cnt  ->  acquire load of state, or of dir_cnt
 *       whoever sees a state other than EMPTY, or a count above i, sees entry i whole.
 * Crash: a feed that dies inside add leaves state EMPTY: there is no such entry. */
#ifndef AATS_SHM_DIRECTORY_H
#define AATS_SHM_DIRECTORY_H

#include <stdint.h>

#include "shm/md.h"

/* cdef-begin */

/* aats_dir_add appends a symbol.  From *entry it takes symbol, native, tick_i, lot_i, px_exp, qty_exp, level_num,
 * link and state (SYNCING, LIVE or HALTED); counters start at 0.
 *
 * Returns the index; AATS_E_FULL; AATS_E_BUSY if the symbol is there already (a symbol that was GONE comes back by
 * aats_dir_set_state); AATS_E_ARG if a name is empty or not ended, level_num is not in [1, level_max], link not below
 * AATS_LINK_MAX, or the state is none of the three. */
int aats_dir_add(aats_md_view_t const *view, aats_dir_t const *entry);

/* The feed's changes to an entry: AATS_OK; AATS_E_UNKNOWN if there is no such entry; AATS_E_ARG. */
int aats_dir_set_state(aats_md_view_t const *view, uint32_t sym, uint64_t state);
int aats_dir_set_level(aats_md_view_t const *view, uint32_t sym, uint32_t level_num);
int aats_dir_set_link(aats_md_view_t const *view, uint32_t sym, uint32_t link);

/* aats_dir_cnt returns how many entries there are, at most dir_cap (D1). */
uint32_t aats_dir_cnt(aats_md_view_t const *view);

/* aats_dir_find returns the index of "BTCUSDTSWAP.OKX_SWAP", or of the venue's spelling with the venue, "BTC-USDT-SWAP.OKX_SWAP"; AATS_E_UNKNOWN if it is not
 * there.  A name of ours goes first. */
int aats_dir_find(aats_md_view_t const *view, char const *symbol);

/* aats_dir_find_ours is the same by our name alone: for names that come from a directory. */
int aats_dir_find_ours(aats_md_view_t const *view, char const *symbol);

/* aats_dir_means returns 1 if an entry that was read is called so: by our name, or by the venue's spelling with the venue. */
int aats_dir_means(aats_dir_t const *entry, char const *symbol);

/* aats_dir_state returns the state of an entry (D1), AATS_DIR_EMPTY for one that is not there. */
int aats_dir_state(aats_md_view_t const *view, uint32_t sym);

/* aats_dir_read copies an entry; its texts are ended, whatever the segment holds.  AATS_OK, or AATS_E_EMPTY. */
int aats_dir_read(aats_md_view_t const *view, uint32_t sym, aats_dir_t *out);
/* cdef-end */

#endif
