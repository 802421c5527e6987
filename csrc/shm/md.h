/* md.h -- geometry of a market-data segment, and the checked view through which everything else reaches it.
 *
 * For: where the parts lie.  Not for what happens in them: ring.h, latest.h, directory.h, stats.h, publish.h.
 * Writer: the feed, once, between aats_seg_init and aats_seg_ready.  The place of each part follows from four
 * numbers, so a reader computes every offset itself and compares: a damaged or hostile segment is refused at attach,
 * and what is scribbled into the geometry afterwards moves nobody, since a view keeps its own copy of all that an
 * address is made from. */
#ifndef AATS_SHM_MD_H
#define AATS_SHM_MD_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */
#define AATS_SYM_NONE 65535 /* rec.sym of a LINK record */
#define AATS_RING_DEPTH_MIN 2
#define AATS_RING_DEPTH_MAX 16777216
#define AATS_STALE_NS_DEFAULT 500000000
#define AATS_STALE_NS_MAX 60000000000 /* a longer one would call dead books good */

/* aats_md_params_t -- what the maker of a segment chooses. */
typedef struct {
    uint32_t ring_depth; /* power of two */
    uint32_t level_max;  /* deepest level_num, 1..AATS_LEVEL_MAX: up to 5 makes slots of 256 bytes, more of 768 */
    uint32_t dir_cap;    /* symbols, 1..AATS_DIR_MAX */
    uint32_t ctl_slot;
    uint32_t mode;
    uint32_t pad;
    uint64_t stale_ns; /* 0: AATS_STALE_NS_DEFAULT */
    uint64_t feed_id;
    char venue[32];
} aats_md_params_t;

/* aats_md_view_t -- one mapping of one md segment, in private memory.  Valid while the mapping is; shared by all
 * threads once attached. */
typedef struct {
    aats_seg_t *seg;
    aats_md_t *md;
    aats_dir_t *dir;     /* dir_cap entries */
    uint8_t *latest;     /* dir_cap slots of latest_sz bytes */
    aats_top_t *top;     /* dir_cap */
    uint8_t *ring;       /* ring_depth slots of slot_sz bytes */
    aats_hist_t *hists;  /* AATS_MD_HISTS */
    uint64_t size;       /* of the segment, at most what is mapped */
    uint64_t generation;
    uint64_t ring_mask;  /* ring_depth - 1 */
    uint64_t stale_ns;
    uint32_t ring_depth;
    uint32_t ring_levels;
    uint32_t slot_sz;
    uint32_t level_max;
    uint32_t latest_sz;
    uint32_t dir_cap;
    uint32_t ctl_slot;
    uint32_t mode;
} aats_md_view_t;

/* aats_md_size returns the bytes of a segment of that geometry, AATS_E_ARG if a number is outside its range. */
int64_t aats_md_size(uint32_t ring_depth, uint32_t level_max, uint32_t dir_cap);

/* aats_md_init writes aats_md_t into a zero-filled segment whose head aats_seg_init has made.  AATS_OK, or AATS_E_ARG
 * if a parameter is outside its range, the head is of another kind, or its size is not what aats_md_size says. */
int aats_md_init(void *mem, aats_md_params_t const *params);

/* aats_md_attach checks the segment (aats_seg_check, then each number and offset) and fills *view; its maker attaches
 * as well, once it is ready.
 *
 * AATS_OK; AATS_E_EMPTY or AATS_E_LAYOUT with a sentence in why, as of aats_seg_check; *view is zero then. */
int aats_md_attach(void *mem, uint64_t mapped_sz, aats_md_view_t *view, char *why, size_t cap);
/* cdef-end */

/* aats_md_latest returns the head of the latest-book slot of sym < view->dir_cap; its bids and asks lie behind,
 * level_max each. */
static inline aats_rec_t *aats_md_latest(aats_md_view_t const *view, uint32_t sym)
{
    return (aats_rec_t *)(void *)(view->latest + (size_t)sym * view->latest_sz);
}

/* aats_md_slot returns the head of the ring slot in which record n lives; its bids and asks lie behind, ring_levels
 * each. */
static inline aats_rec_t *aats_md_slot(aats_md_view_t const *view, uint64_t n)
{
    return (aats_rec_t *)(void *)(view->ring + (n & view->ring_mask) * view->slot_sz);
}

/* aats_rec_bids and aats_rec_asks return the levels behind a slot head that has room for cap a side. */
static inline aats_level_t *aats_rec_bids(aats_rec_t *head) { return (aats_level_t *)(void *)(head + 1); }
static inline aats_level_t *aats_rec_asks(aats_rec_t *head, uint32_t cap) { return aats_rec_bids(head) + cap; }

#endif
