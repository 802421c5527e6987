/* race_fixture.h -- an md segment or a control table that each run of the weak-memory scheduler starts afresh.
 *
 * For: tests/race.  race_md_init makes one segment and keeps a picture of it; race_md_reset, called from a program's
 * setup, puts the picture back (histograms aside: nobody touches them here). */
#ifndef AATS_TESTS_RACE_FIXTURE_H
#define AATS_TESTS_RACE_FIXTURE_H

#include "../c/shm_fixture.h"
#include "shm/publish.h"

static aats_md_view_t md;
static aats_ring_writer_t writer;
static uint8_t *md_picture;
static size_t md_picture_sz;

__attribute__((unused)) static int race_md_init(uint32_t ring_depth, uint32_t level_max, uint32_t dir_cap)
{
    free(md.seg);
    free(md_picture);
    if (fixture_md(&md, ring_depth, level_max, dir_cap) != AATS_OK) return 0;
    md_picture_sz = (size_t)((uint8_t *)md.hists - (uint8_t *)md.seg);
    md_picture = malloc(md_picture_sz);
    if (md_picture != NULL) memcpy(md_picture, md.seg, md_picture_sz);
    return md_picture != NULL;
}

__attribute__((unused)) static void race_md_reset(void)
{
    memcpy(md.seg, md_picture, md_picture_sz);
    writer = (aats_ring_writer_t){.view = &md};
    weak_name(&md.md->head, 8, "head");
    weak_name(&md.md->dir_cnt, 8, "dir_cnt");
    weak_name(md.ring, (uint64_t)md.ring_depth * md.slot_sz, "ring");
    weak_name(md.latest, (uint64_t)md.dir_cap * md.latest_sz, "latest");
    weak_name(md.top, md.dir_cap * sizeof *md.top, "top");
    weak_name(md.dir, md.dir_cap * sizeof *md.dir, "dir");
}

/* race_quote publishes a book of one bid and one ask of which every number tells the record's number. */
__attribute__((unused)) static void race_quote(uint16_t sym)
{
    uint64_t const n = writer.next;
    aats_rec_t rec = fixture_rec(AATS_REC_QUOTE, sym, n + 1);
    aats_level_t bid, ask;
    rec.bid_len = rec.ask_len = 1;
    fixture_levels(&bid, 1, n + 1);
    fixture_levels(&ask, 1, n + 2);
    aats_md_publish(&writer, &rec, &bid, &ask);
}

/* race_is_quote says whether a copy is all of what race_quote wrote as record n. */
__attribute__((unused)) static int race_is_quote(aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks, uint64_t n)
{
    return rec->rec == n && rec->bid_len == 1 && rec->ask_len == 1 && fixture_whole(rec, n + 1) && fixture_levels_whole(bids, 1, n + 1) &&
           fixture_levels_whole(asks, 1, n + 2);
}

static aats_ctl_view_t ctl;

__attribute__((unused)) static int race_ctl_init(uint32_t slot_cnt)
{
    free(ctl.seg);
    return fixture_ctl(&ctl, slot_cnt) == AATS_OK;
}

__attribute__((unused)) static void race_ctl_reset(void)
{
    memset(ctl.slots, 0, ctl.slot_cnt * sizeof *ctl.slots);
    ctl.ctl->closing = ctl.ctl->next_generation = 0;
    weak_name(&ctl.ctl->closing, 8, "closing");
    weak_name(ctl.slots, ctl.slot_cnt * sizeof *ctl.slots, "slots");
}

#endif
