/* shm_fixture.h -- segments in private memory, for the tests of csrc/shm.
 *
 * For: tests/c and tests/race.  Not for segments with names in /dev/shm: those are Python's, and tested there.
 * Memory is zero-filled and on a line, as a fresh mapping is; it ends at a guard that AddressSanitizer watches. */
#ifndef AATS_TESTS_SHM_FIXTURE_H
#define AATS_TESTS_SHM_FIXTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "check.h"
#include "shm/control.h"
#include "shm/md.h"
#include "shm/segment.h"

#define FIXTURE_BOOT_ID "5b1d4a3e-7f6c-4c1e-9d2a-0c8f1e2d3b4a"

__attribute__((unused)) static uint64_t fixture_ident(uint64_t pid) { return aats_ident(pid, 1000 + pid); }

__attribute__((unused)) static void *fixture_zeroed(size_t size)
{
    void *mem = aligned_alloc(AATS_LINE, size);
    if (mem != NULL) memset(mem, 0, size);
    return mem;
}

/* fixture_md makes a ready md segment of generation 7 and attaches it; free(view->seg) ends it. */
__attribute__((unused)) static int fixture_md(aats_md_view_t *view, uint32_t ring_depth, uint32_t level_max, uint32_t dir_cap)
{
    int64_t const size = aats_md_size(ring_depth, level_max, dir_cap);
    aats_md_params_t const params = {.ring_depth = ring_depth, .level_max = level_max, .dir_cap = dir_cap, .venue = "BINANCE"};
    char why[200] = "";
    void *mem = fixture_zeroed((size_t)size);
    int code = aats_seg_init(mem, (uint64_t)size, AATS_KIND_MD, "binance", 7, fixture_ident(1), 1, FIXTURE_BOOT_ID, "1.0.0");
    if (code == AATS_OK) code = aats_md_init(mem, &params);
    if (code == AATS_OK) aats_seg_ready(mem);
    if (code == AATS_OK) code = aats_md_attach(mem, (uint64_t)size, view, why, sizeof why);
    if (code != AATS_OK) fprintf(stderr, "no md segment: %s %s\n", aats_err_name(code), why);
    return code;
}

/* fixture_ctl makes a ready control table and attaches it; free(view->seg) ends it. */
__attribute__((unused)) static int fixture_ctl(aats_ctl_view_t *view, uint32_t slot_cnt)
{
    int64_t const size = aats_ctl_size(slot_cnt);
    char why[200] = "";
    void *mem = fixture_zeroed((size_t)size);
    int code = aats_seg_init(mem, (uint64_t)size, AATS_KIND_CTL, "main", 1, fixture_ident(1), 1, FIXTURE_BOOT_ID, "1.0.0");
    if (code == AATS_OK) code = aats_ctl_init(mem, slot_cnt);
    if (code == AATS_OK) aats_seg_ready(mem);
    if (code == AATS_OK) code = aats_ctl_attach(mem, (uint64_t)size, view, why, sizeof why);
    if (code != AATS_OK) fprintf(stderr, "no control table: %s %s\n", aats_err_name(code), why);
    return code;
}

/* fixture_rec makes a record of a kind for a symbol whose every number tells its seed, and fixture_whole says whether
 * one still does. */
__attribute__((unused)) static aats_rec_t fixture_rec(int kind, uint16_t sym, uint64_t seed)
{
    aats_rec_t rec;
    memset(&rec, 0, sizeof rec);
    rec.kind = (uint8_t)kind;
    rec.sym = sym;
    rec.flags = AATS_F_VALID;
    rec.exch_ns = rec.recv_ns = rec.pub_ns = (int64_t)seed;
    rec.seq = rec.aux = seed, rec.parsed_ns = (int64_t)seed;
    rec.epoch = (uint32_t)seed;
    rec.px_i = rec.qty_i = (int64_t)seed;
    return rec;
}

__attribute__((unused)) static int fixture_whole(aats_rec_t const *rec, uint64_t seed)
{
    int64_t const s = (int64_t)seed;
    return rec->exch_ns == s && rec->recv_ns == s && rec->pub_ns == s && rec->seq == seed && rec->aux == seed && rec->parsed_ns == s &&
           rec->epoch == (uint32_t)seed && rec->px_i == s && rec->qty_i == s;
}

/* fixture_levels fills cnt levels that tell the seed; fixture_levels_whole says whether they still do. */
__attribute__((unused)) static void fixture_levels(aats_level_t *levels, uint32_t cnt, uint64_t seed)
{
    for (uint32_t i = 0; i < cnt; i++) levels[i] = (aats_level_t){.px_i = (int64_t)(seed * 10000 + i), .qty_i = (int64_t)(seed + i)};
}

__attribute__((unused)) static int fixture_levels_whole(aats_level_t const *levels, uint32_t cnt, uint64_t seed)
{
    for (uint32_t i = 0; i < cnt; i++) {
        if (levels[i].px_i != (int64_t)(seed * 10000 + i) || levels[i].qty_i != (int64_t)(seed + i)) return 0;
    }
    return 1;
}

#endif
