/* fuzz_md.c -- a market-data segment that somebody scribbled over: it is refused, or read without leaving it.
 *
 * The input is a list of stray stores, 10 bytes each: a 16-bit place and the word that lands there; the first half of
 * them hits before a reader attaches, the rest after it.  Then everything that a reader can do is done.  The mapping
 * ends where the segment does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "shm/directory.h"
#include "shm/procs.h"
#include "shm/publish.h"
#include "shm/ring.h"
#include "shm/segment.h"
#include "shm/stats.h"
#include "shm/valid.h"

#define DEPTH  4
#define LEVELS 20
#define SYMS   2
#define STORE  10
#define HEAD_WORDS ((sizeof(aats_seg_t) + sizeof(aats_md_t)) / 8)

static uint8_t *picture, *mem;
static int64_t size;

static void prepare(void)
{
    aats_md_params_t const params = {.ring_depth = DEPTH, .level_max = LEVELS, .dir_cap = SYMS, .venue = "X"};
    aats_dir_t entry = {.state = AATS_DIR_LIVE, .symbol = "A.X", .native = "A", .level_num = LEVELS};
    aats_level_t levels[LEVELS] = {{1, 1}};
    aats_md_view_t view;
    aats_ring_writer_t writer;
    size = aats_md_size(DEPTH, LEVELS, SYMS);
    picture = aligned_alloc(AATS_LINE, (size_t)size);
    mem = aligned_alloc(AATS_LINE, (size_t)size);
    if (size < 0 || picture == NULL || mem == NULL) abort();
    memset(picture, 0, (size_t)size);
    if (aats_seg_init(picture, (uint64_t)size, AATS_KIND_MD, "x", 1, aats_ident(1, 1), 1, "boot", "1.0.0") != AATS_OK) abort();
    if (aats_md_init(picture, &params) != AATS_OK) abort();
    aats_seg_ready(picture);
    if (aats_md_attach(picture, (uint64_t)size, &view, NULL, 0) != AATS_OK || aats_dir_add(&view, &entry) != 0) abort();
    if (aats_ring_open(&writer, &view) != AATS_OK) abort();
    for (int i = 0; i < DEPTH + 1; i++) {
        aats_rec_t rec = {.kind = AATS_REC_QUOTE, .flags = AATS_F_VALID, .bid_len = LEVELS, .ask_len = LEVELS};
        if (aats_md_publish(&writer, &rec, levels, levels) != AATS_OK) abort();
    }
}

static void scribble(uint8_t const *stores, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++, stores += STORE) {
        uint64_t const place = (uint64_t)stores[0] | (uint64_t)stores[1] << 8;
        uint64_t const words = place & 1 ? HEAD_WORDS : (uint64_t)size / 8; /* half of them where it hurts most */
        memcpy(mem + place / 2 % words * 8, stores + 2, 8);
    }
}

static void must(int ok)
{
    if (!ok) abort();
}

static void read_all(aats_md_view_t const *view)
{
    static aats_level_t bids[LEVELS], asks[LEVELS];
    static aats_hist_t hist;
    aats_rec20_t rec;
    aats_rec_t head;
    aats_top_t top;
    aats_dir_t entry;
    aats_pulse_t pulse;
    uint64_t const newest = aats_ring_newest(view);
    for (uint64_t back = 0; back <= DEPTH; back++) {
        if (aats_ring_poll(view, newest - back, &rec) == 1) must(rec.r.bid_len <= LEVELS && rec.r.ask_len <= LEVELS);
        (void)aats_ring_poll(view, back, &rec);
    }
    must(aats_dir_cnt(view) <= SYMS);
    must(aats_dir_find(view, "A.X") < SYMS);
    for (uint32_t sym = 0; sym <= SYMS; sym++) {
        if (aats_latest_try(view, sym, &head, bids, asks, LEVELS) == 1) must(head.bid_len <= LEVELS && head.ask_len <= LEVELS);
        (void)aats_top_try(view, sym, &top);
        if (aats_dir_read(view, sym, &entry) == AATS_OK) must(strlen(entry.symbol) < sizeof entry.symbol);
    }
    aats_pulse_take(view, NULL, &pulse);
    must(aats_valid_why(AATS_F_VALID, 0, &pulse, 0, 1) != AATS_WHY_NONE); /* no feed, no good book */
    for (int i = 0; i < AATS_MD_HISTS; i++) {
        aats_hist_copy(&hist, &view->hists[i]);
        (void)aats_hist_percentile(&hist, 0.99);
        must(strlen(hist.name) < sizeof hist.name);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t sz);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t sz)
{
    aats_md_view_t view;
    char why[200];
    size_t const stores = sz / STORE;
    if (mem == NULL) prepare();
    memcpy(mem, picture, (size_t)size);
    scribble(data, stores / 2);
    int const code = aats_md_attach(mem, (uint64_t)size, &view, why, sizeof why);
    must(code == AATS_OK || code == AATS_E_LAYOUT || code == AATS_E_EMPTY);
    must(strlen(why) < sizeof why && (code == AATS_OK) == (why[0] == 0));
    if (code != AATS_OK) return 0;
    scribble(data + stores / 2 * STORE, stores - stores / 2);
    read_all(&view);
    return 0;
}
