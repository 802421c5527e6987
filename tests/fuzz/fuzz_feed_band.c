/* fuzz_feed_band.c -- a venue of the stream that may say anything at any time: the feed neither crashes nor calls a book good whose last diff did
 * not fit, whatever it was asked, acknowledged, refused or ended.
 *
 * Input: a byte a message of the made-up venue (tests/c/mini_venue.h), which tells kind, symbol and how far its number is off. */
#include "../c/mini_venue.h"

static void demand(int cond)
{
    if (!cond) abort();
}

static void look(mini_t *x)
{
    aats_rec_t rec;
    aats_level_t bids[20], asks[20];
    for (uint32_t sym = 0; sym < 2; sym++) {
        if (aats_latest_read(aats_feed_view(x->feed), sym, &rec, bids, asks, 20) != AATS_OK || !(rec.flags & AATS_F_VALID)) continue;
        for (int i = 0; i < rec.bid_len; i++) demand(bids[i].qty_i > 0 && (!i || bids[i].px_i < bids[i - 1].px_i));
        for (int i = 0; i < rec.ask_len; i++) demand(asks[i].qty_i > 0 && (!i || asks[i].px_i > asks[i - 1].px_i));
        if (rec.bid_len && rec.ask_len) demand(bids[0].px_i < asks[0].px_i);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    mini_t x;
    aats_venue_t v = MINI;
    uint64_t id[2] = {10, 10}, link_no = 1;
    if (size < 2) return 0;
    v.seq = data[0] & 3;
    v.depth_max = data[0] & 4 ? 3 : 0;
    v.subscribe_one = data[0] >> 3 & 1;
    v.answers_in_order = data[0] >> 4 & 1;
    v.trade_ids = (data[0] >> 5) % 3;
    if (!mini_live(&x, &v, AATS_STREAM_DEPTH | AATS_STREAM_TRADE)) {
        mini_end(&x); /* one request a stream: other answers are wanted */
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        unsigned op = data[i] & 15, sym = data[i] >> 4 & 1, off = data[i] >> 5;
        unsigned long long was = id[sym], next = was + (off == 7 ? 2 : 1);
        char text[200], s = (char)('A' + sym);
        int link = aats_feed_view(x.feed)->dir[sym].link & 1;
        switch (op) {
        case 0: snprintf(text, sizeof text, "snap s=%c l=%llu b=50:1 a=5%u:1", s, was, off); break;
        case 1: snprintf(text, sizeof text, "ack s=%c st=%u v=%u", s, off & 3, off >> 2); break;
        case 2: snprintf(text, sizeof text, "ack i=%u", off); break;
        case 3: snprintf(text, sizeof text, "err s=%c st=2 v=1", s); break;
        case 4: snprintf(text, sizeof text, "err v=1%s", off ? "" : " i=2"); break;
        case 5: snprintf(text, sizeof text, "trade s=%c i=%llu x=50:1 t=%u", s, was, off); break;
        case 6: snprintf(text, sizeof text, "diff s=%c ?=1", s); break;
        case 7: snprintf(text, sizeof text, off ? "beat k=%llu" : "@%llu", (unsigned long long)(link_no += off > 5 ? 2 : 1)); break;
        case 8: snprintf(text, sizeof text, "status s=%c v=%u", s, off & 1); break;
        case 9: snprintf(text, sizeof text, "diff s=%c f=%llu p=%llu l=%llu b=49:1 c=%u", s, was + 1, was, next, off); break;
        case 10: aats_mailbox_put(aats_feed_in(x.feed), AATS_MAIL_RECONNECT, 0, 0, NULL, 0); text[0] = 0; break;
        default: snprintf(text, sizeof text, "diff s=%c f=%llu p=%llu l=%llu b=4%u:%u", s, was + 1, off == 6 ? was - 1 : was, next, off, op & 1);
            id[sym] = next;
            break;
        }
        uint8_t *at;
        for (int k = 0; k < 2; k++) mini_upgrade(&x, k, NULL);
        if (text[0] && aats_feed_want(x.feed, link) == AATS_FEED_NOTHING && aats_feed_room(x.feed, link, &at) > 200) mini_text(&x, link, text);
        look(&x);
        mini_pass(&x, off == 5 ? 700 : 20);
        if (off == 4) mini_pong(&x, link);
        look(&x);
        for (int k = 0; k < LINKS; k++) x.said[k][0] = 0;
        x.log[0] = 0;
    }
    mini_end(&x);
    return 0;
}
