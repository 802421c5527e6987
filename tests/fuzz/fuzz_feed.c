/* fuzz_feed.c -- a server that may say anything: the feed neither crashes nor grows without bound, and no book of it is good unless its
 * levels are a book's.
 *
 * Input: what a server sends behind its 101, a stream of frames.  It is given in pieces whose sizes the input itself tells, with a snapshot
 * for each question and time going by in between. */
#include "../c/feed_fixture.h"

static void demand(int cond)
{
    if (!cond) abort();
}

static void look(fixture_feed_t *x)
{
    aats_rec_t rec;
    aats_level_t bids[20], asks[20];
    aats_md_view_t const *view = aats_feed_view(x->feed);
    if (aats_latest_read(view, 0, &rec, bids, asks, 20) != AATS_OK || !(rec.flags & AATS_F_VALID)) return;
    demand(rec.bid_len <= 5 && rec.ask_len <= 5);
    for (int i = 0; i < rec.bid_len; i++) demand(bids[i].px_i > 0 && bids[i].qty_i > 0 && (!i || bids[i].px_i < bids[i - 1].px_i));
    for (int i = 0; i < rec.ask_len; i++) demand(asks[i].px_i > 0 && asks[i].qty_i > 0 && (!i || asks[i].px_i > asks[i - 1].px_i));
    if (rec.bid_len && rec.ask_len) demand(bids[0].px_i < asks[0].px_i);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static char const SNAPSHOT[] = "{\"lastUpdateId\":100,\"bids\":[[\"10\",\"1\"]],\"asks\":[[\"11\",\"1\"]]}";
    fixture_feed_t x;
    aats_feed_opts_t o = fixture_opts();
    o.fuse_bbo = size & 1;
    o.open_l2 = size >> 1 & 1;
    fixture_begin(&x, &o);
    if (!fixture_live(&x)) abort();
    uint64_t asked = x.ask_no[0];
    for (size_t at = 0; at < size;) {
        size_t n = 1 + data[at] * (size_t)3;
        if (n > size - at) n = size - at;
        uint8_t *room;
        demand(aats_feed_room(x.feed, 0, &room) > 0);
        fixture_bytes(&x, 0, data + at, n);
        at += n;
        demand(aats_feed_room(x.feed, 0, &room) <= (size_t)64 << 20);
        look(&x);
        fixture_pass(&x, n & 8 ? 600 : 20);
        look(&x);
        x.sent_sz = 0;
        if (x.ask_no[0] != asked) {
            asked = x.ask_no[0];
            aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_SNAPSHOT, 0, asked, SNAPSHOT, sizeof SNAPSHOT - 1);
        }
        if (aats_feed_want(x.feed, 0) == AATS_FEED_CLOSE) aats_feed_closed(x.feed, 0, "closed by us");
    }
    fixture_end(&x);
    return 0;
}
