/* md.c -- where the parts of a market-data segment lie; see md.h. */
#include "shm/md.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/segment.h"
#include "shm/stats.h"

#define MD_OFF sizeof(aats_seg_t)

/* geometry_t -- all that follows from the three numbers. */
typedef struct {
    uint32_t ring_levels, slot_sz, latest_sz;
    uint64_t dir_off, latest_off, top_off, ring_off, stats_off, size;
} geometry_t;

static uint64_t line_up(uint64_t sz) { return (sz + AATS_LINE - 1) / AATS_LINE * AATS_LINE; }

static int geometry(uint32_t ring_depth, uint32_t level_max, uint32_t dir_cap, geometry_t *g)
{
    if (ring_depth < AATS_RING_DEPTH_MIN || ring_depth > AATS_RING_DEPTH_MAX || (ring_depth & (ring_depth - 1)) != 0) return AATS_E_ARG;
    if (level_max < 1 || level_max > AATS_LEVEL_MAX || dir_cap < 1 || dir_cap > AATS_DIR_MAX) return AATS_E_ARG;

    g->ring_levels = level_max <= 5 ? 5 : 20;
    g->slot_sz     = level_max <= 5 ? sizeof(aats_rec5_t) : sizeof(aats_rec20_t);
    g->latest_sz   = (uint32_t)line_up(sizeof(aats_rec_t) + 2 * sizeof(aats_level_t) * level_max);
    g->dir_off     = MD_OFF + sizeof(aats_md_t);
    g->latest_off  = g->dir_off + (uint64_t)dir_cap * sizeof(aats_dir_t);
    g->top_off     = g->latest_off + (uint64_t)dir_cap * g->latest_sz;
    g->ring_off    = g->top_off + (uint64_t)dir_cap * sizeof(aats_top_t);
    g->stats_off   = g->ring_off + (uint64_t)ring_depth * g->slot_sz;
    g->size        = g->stats_off + AATS_MD_HISTS * sizeof(aats_hist_t);
    return AATS_OK;
}

int64_t aats_md_size(uint32_t ring_depth, uint32_t level_max, uint32_t dir_cap)
{
    geometry_t g;
    return geometry(ring_depth, level_max, dir_cap, &g) == AATS_OK ? (int64_t)g.size : AATS_E_ARG;
}

int aats_md_init(void *mem, aats_md_params_t const *params)
{
    aats_seg_t const *seg = mem;
    aats_md_t *md = (aats_md_t *)(void *)((uint8_t *)mem + MD_OFF);
    geometry_t g;
    if (geometry(params->ring_depth, params->level_max, params->dir_cap, &g) != AATS_OK) return AATS_E_ARG;
    if (seg->kind != AATS_KIND_MD || seg->size != g.size || params->stale_ns > AATS_STALE_NS_MAX) return AATS_E_ARG;
    if (strnlen(params->venue, sizeof params->venue) == sizeof params->venue) return AATS_E_ARG;

    md->ring_depth  = params->ring_depth;
    md->slot_sz     = g.slot_sz;
    md->ring_levels = g.ring_levels;
    md->level_max   = params->level_max;
    md->dir_cap     = params->dir_cap;
    md->latest_sz   = g.latest_sz;
    md->ctl_slot    = params->ctl_slot;
    md->mode        = params->mode;
    md->dir_off     = g.dir_off;
    md->latest_off  = g.latest_off;
    md->top_off     = g.top_off;
    md->ring_off    = g.ring_off;
    md->stats_off   = g.stats_off;
    md->stale_ns    = params->stale_ns == 0 ? AATS_STALE_NS_DEFAULT : params->stale_ns;
    md->feed_id     = params->feed_id;
    memcpy(md->venue, params->venue, sizeof md->venue);

    aats_hist_t *hists = (aats_hist_t *)(void *)((uint8_t *)mem + g.stats_off);
    aats_hist_init(&hists[AATS_HIST_MD_RECV_PUB], "recv_pub");
    aats_hist_init(&hists[AATS_HIST_MD_EXCH_RECV], "exch_recv");
    aats_hist_init(&hists[AATS_HIST_MD_WIRE_A], "wire_a");
    aats_hist_init(&hists[AATS_HIST_MD_WIRE_B], "wire_b");
    aats_hist_init(&hists[AATS_HIST_MD_RECV_PARSED], "recv_parsed");
    aats_hist_init(&hists[AATS_HIST_MD_PARSED_PUB], "parsed_pub");
    return AATS_OK;
}

#define REFUSE(...)                                               \
    do {                                                          \
        if (why != NULL && cap > 0) snprintf(why, cap, __VA_ARGS__); \
        return AATS_E_LAYOUT;                                     \
    } while (0)

#define SAME(field, want)                                                                                                          \
    do {                                                                                                                           \
        if ((uint64_t)md.field != (uint64_t)(want)) {                                                                              \
            REFUSE("the segment says " #field " %" PRIu64 ", but its geometry makes it %" PRIu64, (uint64_t)md.field, (uint64_t)(want)); \
        }                                                                                                                          \
    } while (0)

int aats_md_attach(void *mem, uint64_t mapped_sz, aats_md_view_t *view, char *why, size_t cap)
{
    memset(view, 0, sizeof *view);
    int const code = aats_seg_check(mem, mapped_sz, AATS_KIND_MD, why, cap);
    if (code != AATS_OK) return code;

    uint8_t *base = mem;
    aats_seg_t *seg = mem;
    uint64_t const size = seg->size;
    aats_md_t md;
    geometry_t g;
    if (size > mapped_sz || size < MD_OFF + sizeof md) {
        REFUSE("the segment's head says %" PRIu64 " bytes, %" PRIu64 " are mapped and %zu needed", size, mapped_sz, MD_OFF + sizeof md);
    }
    /* Everything is judged on one private copy, which is also what the view is made from. */
    aats_words_load(&md, base + MD_OFF, offsetof(aats_md_t, head) / 8);
    if (geometry(md.ring_depth, md.level_max, md.dir_cap, &g) != AATS_OK) {
        REFUSE("the segment says ring_depth %u, level_max %u, dir_cap %u; expected a power of two in [%d, %d], 1..%d, 1..%d", md.ring_depth,
               md.level_max, md.dir_cap, AATS_RING_DEPTH_MIN, AATS_RING_DEPTH_MAX, AATS_LEVEL_MAX, AATS_DIR_MAX);
    }
    SAME(slot_sz, g.slot_sz);
    SAME(ring_levels, g.ring_levels);
    SAME(latest_sz, g.latest_sz);
    SAME(dir_off, g.dir_off);
    SAME(latest_off, g.latest_off);
    SAME(top_off, g.top_off);
    SAME(ring_off, g.ring_off);
    SAME(stats_off, g.stats_off);
    if (size != g.size) REFUSE("the segment has %" PRIu64 " bytes, its geometry makes them %" PRIu64, size, g.size);
    if (md.stale_ns == 0 || md.stale_ns > AATS_STALE_NS_MAX) {
        REFUSE("the segment says stale_ns %" PRIu64 ", expected 1..%" PRIu64, md.stale_ns, (uint64_t)AATS_STALE_NS_MAX);
    }

    *view = (aats_md_view_t){
        .seg = seg,
        .md = (aats_md_t *)(void *)(base + MD_OFF),
        .dir = (aats_dir_t *)(void *)(base + g.dir_off),
        .latest = base + g.latest_off,
        .top = (aats_top_t *)(void *)(base + g.top_off),
        .ring = base + g.ring_off,
        .hists = (aats_hist_t *)(void *)(base + g.stats_off),
        .size = size,
        .generation = seg->generation,
        .ring_mask = md.ring_depth - 1,
        .stale_ns = md.stale_ns,
        .ring_depth = md.ring_depth,
        .ring_levels = g.ring_levels,
        .slot_sz = g.slot_sz,
        .level_max = md.level_max,
        .latest_sz = g.latest_sz,
        .dir_cap = md.dir_cap,
        .ctl_slot = md.ctl_slot,
        .mode = md.mode,
    };
    return AATS_OK;
}
