#include "app/reader.h"

#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/control.h"
#include "shm/directory.h"
#include "shm/latest.h"
#include "shm/md.h"
#include "shm/ring.h"
#include "shm/segment.h"
#include "shm/valid.h"

#define PENDING_BOOK 1u
#define PENDING_TOP  2u
#define PENDING_TELL 4u      /* the book is given even if it is no news: after a lap */

#define SKIP_MAX 256         /* ring records passed over in one turn of a feed */
#define PREFETCH_SZ 256      /* of a record that has arrived: all of 5 levels a side */
#define RETRY_NS 100000      /* a latest slot was being written: look again */
#define RETRY_DOWN_NS 1000000 /* ... and its feed stands still */

enum { TOLD_NOTHING = 0, TOLD_UP = 1, TOLD_DOWN = 2 };

typedef struct {
    int attached;
    int told;                /* TOLD_* */
    uint32_t why;            /* as last judged; AATS_WHY_NONE: up */
    uint32_t mapped;         /* directory entries looked at */
    aats_md_view_t md;
    aats_slot_t const *slot;
    aats_pulse_t pulse;
    uint64_t next;           /* ring record to read next */
    int64_t pulse_mono_ns;   /* when the pulse was taken, 0: never */
    int64_t check_mono_ns;   /* when to take the next one */
    int64_t retry_mono_ns;   /* when to look at slots that were being written */
    uint64_t lapped;         /* records missed, to be told */
    int todo;                /* something is to be told or looked at before the ring goes on */
    uint32_t at;             /* sub at which the walk over what is to do goes on */
    int left;                /* the walk passed a slot that was being written */
    uint32_t links;          /* connections that carry a sub, a bit each */
    uint8_t link_why[AATS_LINK_MAX]; /* of these, as last judged */
    int16_t sub_of[AATS_DIR_MAX];
} feed_t;

struct aats_reader {
    uint32_t sub_cap, sub_cnt;
    uint32_t turn, feed_cnt;
    uint64_t missed, missed_ticks, damaged;
    aats_rec_t none;         /* what event.rec points to where there is no record */
    aats_rec20_t slot;       /* a ring record */
    aats_rec_t head;         /* of a latest slot or a top */
    aats_level_t bids[AATS_LEVEL_MAX], asks[AATS_LEVEL_MAX];
    feed_t feeds[AATS_FEED_MAX];
    aats_reader_sub_t subs[];
};

/* ---- set-up ------------------------------------------------------------------------------------------------------ */

size_t aats_reader_footprint(uint32_t sub_cap)
{
    if (sub_cap < 1 || sub_cap > AATS_READER_SUBS_MAX) return 0;
    return sizeof(aats_reader_t) + sub_cap * sizeof(aats_reader_sub_t);
}

aats_reader_t *aats_reader_init(void *mem, uint32_t sub_cap)
{
    size_t const sz = aats_reader_footprint(sub_cap);
    if (!mem || !sz || (uintptr_t)mem % 8) return NULL;
    memset(mem, 0, sz);
    aats_reader_t *r = mem;
    r->sub_cap = sub_cap;
    for (int f = 0; f < AATS_FEED_MAX; f++) r->feeds[f].why = AATS_WHY_FEED_DOWN;
    return r;
}

int aats_reader_add(aats_reader_t *r, char const *symbol, int64_t cid, uint32_t level_num, uint32_t take)
{
    size_t const len = symbol ? strnlen(symbol, AATS_SYMBOL_SZ) : 0;
    if (len == 0 || len == AATS_SYMBOL_SZ || level_num < 1 || level_num > AATS_LEVEL_MAX) return AATS_E_ARG;
    for (uint32_t i = 0; i < r->sub_cnt; i++)
        if (strcmp(r->subs[i].symbol, symbol) == 0) return AATS_E_BUSY;
    if (r->sub_cnt == r->sub_cap) return AATS_E_FULL;
    aats_reader_sub_t *s = &r->subs[r->sub_cnt];
    memset(s, 0, sizeof *s);
    memcpy(s->symbol, symbol, len);
    s->cid = cid, s->level_num = level_num, s->take = take, s->feed = -1, s->dir = -1;
    return (int)r->sub_cnt++;
}

int aats_reader_bind(aats_reader_t *r, int sub, int feed)
{
    if (sub < 0 || (uint32_t)sub >= r->sub_cnt || feed < 0 || feed >= AATS_FEED_MAX) return AATS_E_ARG;
    if (r->subs[sub].feed >= 0) return AATS_E_BUSY;
    r->subs[sub].feed = feed;
    r->feeds[feed].mapped = 0; /* the directory is searched again */
    if ((uint32_t)feed >= r->feed_cnt) r->feed_cnt = (uint32_t)feed + 1;
    return AATS_OK;
}

/* look_again has every latest slot and top of a feed looked at before its ring goes on. */
static void look_again(aats_reader_t *r, int feed, uint32_t pending)
{
    for (uint32_t i = 0; i < r->sub_cnt; i++)
        if (r->subs[i].feed == feed && r->subs[i].dir >= 0) r->subs[i].pending |= pending;
    feed_t *f = &r->feeds[feed];
    f->todo = 1, f->at = 0, f->left = 0, f->retry_mono_ns = 0;
}

void aats_reader_detach(aats_reader_t *r, int feed)
{
    if (feed < 0 || feed >= AATS_FEED_MAX) return;
    feed_t *f = &r->feeds[feed];
    if (!f->attached) return;
    f->attached = 0, f->slot = NULL, f->lapped = 0, f->links = 0;
    if (f->why == AATS_WHY_NONE) f->why = AATS_WHY_REPLACED;
    for (uint32_t i = 0; i < r->sub_cnt; i++) {
        aats_reader_sub_t *s = &r->subs[i];
        if (s->feed != feed) continue;
        s->dir = -1, s->pending = 0, s->book_next = s->bbo_next = 0;
        s->lapped = s->trade_seq != 0; /* what the venue trades until we are back, we miss */
    }
    f->todo = 1, f->at = 0, f->left = 0, f->retry_mono_ns = 0;
}

int aats_reader_attach(aats_reader_t *r, int feed, void *mem, uint64_t mapped_sz, aats_slot_t const *slot, char *why, size_t cap)
{
    if (feed < 0 || feed >= AATS_FEED_MAX) return AATS_E_ARG;
    aats_reader_detach(r, feed);
    feed_t *f = &r->feeds[feed];
    int const rc = aats_md_attach(mem, mapped_sz, &f->md, why, cap);
    if (rc != AATS_OK) return rc;
    f->attached = 1, f->slot = slot, f->mapped = 0;
    f->pulse_mono_ns = f->check_mono_ns = 0;
    aats_pulse_take(&f->md, slot, &f->pulse);
    f->next = aats_ring_newest(&f->md); /* E3: what lies before it stands in the latest slots, which are read after this */
    memset(f->sub_of, 0xff, sizeof f->sub_of);
    if ((uint32_t)feed >= r->feed_cnt) r->feed_cnt = (uint32_t)feed + 1;
    return AATS_OK;
}

int aats_reader_down(aats_reader_t const *r, int feed)
{
    return feed < 0 || feed >= AATS_FEED_MAX ? AATS_WHY_FEED_DOWN : (int)r->feeds[feed].why;
}

int aats_reader_why(aats_reader_t const *r, int sub, int64_t now_mono_ns)
{
    aats_reader_sub_t const *s = aats_reader_sub(r, sub);
    feed_t const *f = s == NULL || s->feed < 0 ? NULL : &r->feeds[s->feed];
    if (f == NULL || !f->attached) return AATS_WHY_NO_BOOK;
    if (f->why != AATS_WHY_NONE) return (int)f->why;
    if (!s->valid) return AATS_WHY_NO_BOOK;
    if (now_mono_ns < f->check_mono_ns) return aats_valid_why(AATS_F_VALID, 0, &f->pulse, s->link, now_mono_ns);
    aats_pulse_t pulse;
    aats_pulse_take(&f->md, f->slot, &pulse);
    return aats_valid_why(AATS_F_VALID, 0, &pulse, s->link, now_mono_ns);
}

uint32_t aats_reader_sub_cnt(aats_reader_t const *r) { return r->sub_cnt; }
aats_reader_sub_t const *aats_reader_sub(aats_reader_t const *r, int sub)
{
    return sub < 0 || (uint32_t)sub >= r->sub_cnt ? NULL : &r->subs[sub];
}
uint64_t aats_reader_missed(aats_reader_t const *r) { return r->missed; }
uint64_t aats_reader_missed_ticks(aats_reader_t const *r) { return r->missed_ticks; }
uint64_t aats_reader_damaged(aats_reader_t const *r) { return r->damaged; }

/* ---- events ------------------------------------------------------------------------------------------------------ */

static int give(aats_reader_t *r, aats_event_t *out, uint32_t kind, int feed, uint32_t why)
{
    memset(out, 0, sizeof *out);
    out->kind = kind, out->sub = -1, out->feed = feed, out->why = why, out->cid = -1;
    out->rec = &r->none, out->bids = r->bids, out->asks = r->asks;
    return 1;
}

static int give_sub(aats_reader_t *r, aats_event_t *out, uint32_t kind, aats_reader_sub_t const *s, aats_rec_t const *rec,
                    aats_level_t const *bids, aats_level_t const *asks, uint32_t more_flags)
{
    out->kind = kind, out->sub = (int32_t)(s - r->subs), out->feed = s->feed, out->why = AATS_WHY_NONE;
    out->cid = s->cid, out->missed = 0, out->px_exp = s->px_exp, out->qty_exp = s->qty_exp;
    out->bid_len = rec->bid_len < s->level_num ? rec->bid_len : s->level_num;
    out->ask_len = rec->ask_len < s->level_num ? rec->ask_len : s->level_num;
    out->flags = rec->flags | more_flags, out->pad = 0;
    out->rec = rec, out->bids = bids, out->asks = asks;
    return 1;
}

static int give_invalid(aats_reader_t *r, aats_event_t *out, aats_reader_sub_t *s, uint32_t why)
{
    s->valid = 0;
    give_sub(r, out, AATS_EV_INVALID, s, &r->none, r->bids, r->asks, 0);
    out->why = why;
    return 1;
}

/* ---- the pulse of a feed ----------------------------------------------------------------------------------------- */

/* map_directory finds the subs' entries among the directory entries that are new. */
static void map_directory(aats_reader_t *r, int feed)
{
    feed_t *f = &r->feeds[feed];
    uint32_t const cnt = aats_dir_cnt(&f->md);
    for (; f->mapped < cnt; f->mapped++) {
        aats_dir_t entry;
        if (f->sub_of[f->mapped] >= 0 || aats_dir_read(&f->md, f->mapped, &entry) != AATS_OK) continue;
        for (uint32_t i = 0; i < r->sub_cnt; i++) {
            aats_reader_sub_t *s = &r->subs[i];
            if (s->feed != feed || s->dir >= 0 || !aats_dir_means(&entry, s->symbol)) continue;
            s->dir = (int32_t)f->mapped, s->link = entry.link < AATS_LINK_MAX ? entry.link : 0;
            s->px_exp = entry.px_exp, s->qty_exp = entry.qty_exp, s->tick_i = entry.tick_i, s->lot_i = entry.lot_i;
            s->uncounted = entry.trade_ids;
            s->pending = PENDING_BOOK | PENDING_TOP;
            f->sub_of[f->mapped] = (int16_t)i, f->links |= 1u << s->link;
            f->todo = 1, f->at = 0;
            break;
        }
    }
}

/* judge notes why each connection that we live on is bad, and why the feed as a whole is: its process, else the worst
 * connection.  The connections of a receiver are its paths, and one that is good carries the books: only without any is it
 * down.  1 if any of it is other than it was. */
static int judge(feed_t *f, int64_t now_mono_ns)
{
    uint32_t worst = (uint32_t)aats_pulse_why(&f->pulse, now_mono_ns);
    uint64_t const paths = aats_load_acquire(&f->md.md->path_cnt);
    uint32_t worst_link = AATS_WHY_NONE;
    int changed = 0, carried = 0;
    for (uint32_t link = 0; link < AATS_LINK_MAX; link++) {
        if (!(f->links >> link & 1) && link >= paths) continue;
        uint8_t const why = (uint8_t)aats_valid_why(AATS_F_VALID, 0, &f->pulse, link, now_mono_ns);
        if (link < paths && why == AATS_WHY_NONE) carried = 1;
        if (!(f->links >> link & 1)) continue;
        changed |= why != f->link_why[link];
        f->link_why[link] = why;
        if (worst_link == AATS_WHY_NONE) worst_link = why;
    }
    if (worst == AATS_WHY_NONE && !carried) worst = worst_link;
    changed |= worst != f->why;
    f->why = worst;
    return changed;
}

/* check takes the pulse (H1: before any record that it will judge) and notes what must be told.
 *
 * A reader that was itself stopped for longer than half a stale time finds good records of before in the ring, whose
 * feed may have slept as well: it looks at the latest slots first, which pass over them. */
static void check(aats_reader_t *r, int feed, int64_t now_mono_ns)
{
    feed_t *f = &r->feeds[feed];
    int64_t const away_ns = now_mono_ns - f->pulse_mono_ns;
    int const slept = f->pulse_mono_ns != 0 && away_ns > (int64_t)(f->md.stale_ns / 2);
    f->pulse_mono_ns = now_mono_ns, f->check_mono_ns = now_mono_ns + AATS_READER_CHECK_NS;
    aats_pulse_take(&f->md, f->slot, &f->pulse);
    map_directory(r, feed);

    if (judge(f, now_mono_ns) || slept) look_again(r, feed, PENDING_BOOK | PENDING_TOP);
}

/* ---- what comes before the ring ---------------------------------------------------------------------------------- */

/* settle_ticks counts the trades lost to a lap, once they are known: ids below the one before `seq`. */
static void settle_ticks(aats_reader_t *r, aats_reader_sub_t *s, uint64_t seq)
{
    if (s->lapped && s->trade_seq && seq > s->trade_seq && !s->uncounted) r->missed_ticks += seq - s->trade_seq - 1;
    s->lapped = 0;
}

/* take_book looks at a sub's latest slot.  1 event given, 0 nothing to tell, AATS_E_BUSY while it is being written. */
static int take_book(aats_reader_t *r, feed_t *f, aats_reader_sub_t *s, int64_t now_mono_ns, uint32_t more_flags, aats_event_t *out)
{
    int const rc = aats_latest_read(&f->md, (uint32_t)s->dir, &r->head, r->bids, r->asks, s->level_num);
    if (rc == AATS_E_BUSY) return rc;
    int const tell = (s->pending & PENDING_TELL) != 0;
    s->pending &= ~(PENDING_BOOK | PENDING_TELL);
    if (rc != AATS_OK) { /* nothing was ever written: the ring will tell; or damaged */
        r->damaged += rc != AATS_E_EMPTY;
        return 0;
    }
    int const why = aats_valid_why(r->head.flags, r->head.why, &f->pulse, r->head.link, now_mono_ns);
    if (r->head.link < AATS_LINK_MAX) s->link = r->head.link, f->links |= 1u << s->link;
    int const news = r->head.rec >= s->book_next;
    if (news) s->book_next = r->head.rec + 1;
    if (why != AATS_WHY_NONE) return s->valid ? give_invalid(r, out, s, (uint32_t)why) : 0;
    if (s->valid && !news && !tell) return 0;
    s->valid = 1;
    return give_sub(r, out, AATS_EV_QUOTE, s, &r->head, r->bids, r->asks, more_flags);
}

/* take_top brings best bid/ask up to date and settles which trades were lost.  Returns as take_book. */
static int take_top(aats_reader_t *r, feed_t *f, aats_reader_sub_t *s, int64_t now_mono_ns, aats_event_t *out)
{
    aats_top_t top;
    int const rc = aats_top_read(&f->md, (uint32_t)s->dir, &top);
    if (rc == AATS_E_BUSY) return rc;
    s->pending &= ~PENDING_TOP;
    if (rc != AATS_OK || aats_valid_why(AATS_F_VALID, 0, &f->pulse, s->link, now_mono_ns) != AATS_WHY_NONE) return 0;
    if (s->lapped && top.tick_rec && top.tick_rec - 1 < f->next && top.tick_seq > s->trade_seq) { /* the last one is lost too */
        settle_ticks(r, s, top.tick_seq + 1);
        s->trade_seq = top.tick_seq;
    }
    if (!(s->take & AATS_TAKE_BBO) || top.bbo_rec <= s->bbo_next) return 0; /* bbo_rec is one more than the record's number */
    s->bbo_next = top.bbo_rec;
    memset(&r->head, 0, sizeof r->head);
    r->head.kind = AATS_REC_BBO, r->head.sym = (uint16_t)s->dir, r->head.flags = AATS_F_VALID, r->head.rec = top.bbo_rec - 1;
    r->head.exch_ns = top.bbo_exch_ns, r->head.recv_ns = top.bbo_recv_ns, r->head.seq = top.bbo_seq;
    r->head.bid_len = top.bid_qty_i != 0 || top.bid_px_i != 0, r->head.ask_len = top.ask_qty_i != 0 || top.ask_px_i != 0;
    r->bids[0] = (aats_level_t){top.bid_px_i, top.bid_qty_i};
    r->asks[0] = (aats_level_t){top.ask_px_i, top.ask_qty_i};
    return give_sub(r, out, AATS_EV_BBO, s, &r->head, r->bids, r->asks, AATS_F_RECOVERED);
}

/* catch_up tells what is owed before the ring goes on: lap, feed up or down, then sub by sub.  1 event given, 0 all
 * told. */
static int catch_up(aats_reader_t *r, int feed, int64_t now_mono_ns, aats_event_t *out)
{
    feed_t *f = &r->feeds[feed];
    if (f->lapped) {
        give(r, out, AATS_EV_LAP, feed, 0);
        out->missed = f->lapped, f->lapped = 0;
        return 1;
    }
    if (f->why != AATS_WHY_NONE && f->told != TOLD_DOWN) {
        f->told = TOLD_DOWN;
        return give(r, out, AATS_EV_FEED_DOWN, feed, f->why);
    }
    if (f->why == AATS_WHY_NONE && f->told != TOLD_UP) {
        int const first = f->told == TOLD_NOTHING; /* that it is up when we start is no event */
        f->told = TOLD_UP;
        if (!first) return give(r, out, AATS_EV_FEED_UP, feed, 0);
    }
    if (f->left && f->at == 0 && now_mono_ns < f->retry_mono_ns) return 0;
    if (f->at == 0) f->left = 0;
    for (; f->at < r->sub_cnt; f->at++) {
        aats_reader_sub_t *s = &r->subs[f->at];
        if (s->feed != feed) continue;
        if (!f->attached) {
            if (s->valid) return give_invalid(r, out, s, f->why);
            continue;
        }
        if (s->pending & PENDING_BOOK) {
            int const rc = take_book(r, f, s, now_mono_ns, AATS_F_RECOVERED, out);
            if (rc == 1) return 1;
            if (rc < 0) {
                f->left = 1;
                uint32_t const why = (uint32_t)aats_valid_why(AATS_F_VALID, 0, &f->pulse, s->link, now_mono_ns);
                if (s->valid && why != AATS_WHY_NONE) return give_invalid(r, out, s, why); /* its writer died or sleeps inside */
            }
        }
        if (s->pending & PENDING_TOP) {
            int const rc = take_top(r, f, s, now_mono_ns, out);
            if (rc == 1) return 1;
            if (rc < 0) f->left = 1;
        }
    }
    f->at = 0;
    if (f->left) f->retry_mono_ns = now_mono_ns + (f->why == AATS_WHY_NONE ? RETRY_NS : RETRY_DOWN_NS);
    else f->todo = 0;
    return 0;
}

/* ---- the ring ---------------------------------------------------------------------------------------------------- */

static void fall_back(aats_reader_t *r, int feed)
{
    feed_t *f = &r->feeds[feed];
    uint64_t const newest = aats_ring_newest(&f->md); /* E3, as at attach */
    uint64_t const missed = newest > f->next ? newest - f->next : 0;
    f->lapped += missed, r->missed += missed;
    f->next = newest;
    for (uint32_t i = 0; i < r->sub_cnt; i++)
        if (r->subs[i].feed == feed) r->subs[i].lapped = r->subs[i].trade_seq != 0;
    look_again(r, feed, PENDING_BOOK | PENDING_TOP | PENDING_TELL);
}

/* take_record turns ring record n into an event.  1 event given, 0 passed over. */
static int take_record(aats_reader_t *r, int feed, uint64_t n, int64_t now_mono_ns, aats_event_t *out)
{
    feed_t *f = &r->feeds[feed];
    aats_rec_t const *rec = &r->slot.r;
    if (rec->kind == AATS_REC_LINK) {
        f->check_mono_ns = 0; /* a connection came or went: look now */
        return 0;
    }
    if (rec->sym >= f->md.dir_cap) return 0;
    if (rec->sym >= f->mapped) map_directory(r, feed);
    if (f->sub_of[rec->sym] < 0) return 0;
    aats_reader_sub_t *s = &r->subs[f->sub_of[rec->sym]];

    switch (rec->kind) {
    case AATS_REC_QUOTE:
    case AATS_REC_STATE: {
        if (n < s->book_next || (f->left && s->pending & PENDING_BOOK)) return 0; /* its slot, being written, will tell this and more */
        if (s->link != rec->link && rec->link < AATS_LINK_MAX) s->link = rec->link, f->links |= 1u << rec->link;
        int const why = aats_valid_why(rec->flags, rec->why, &f->pulse, rec->link, now_mono_ns);
        if (why != AATS_WHY_NONE) {
            s->book_next = n + 1;
            return s->valid ? give_invalid(r, out, s, (uint32_t)why) : 0;
        }
        if (rec->kind == AATS_REC_STATE) return 0; /* good news come with a QUOTE */
        if (rec->flags & AATS_F_DEEP && s->level_num > f->md.ring_levels) {
            int const rc = take_book(r, f, s, now_mono_ns, AATS_F_DEEP, out);
            if (rc == AATS_E_BUSY) s->pending |= PENDING_BOOK, f->todo = 1, f->at = 0, f->left = 0;
            return rc == 1;
        }
        s->book_next = n + 1, s->valid = 1;
        return give_sub(r, out, AATS_EV_QUOTE, s, rec, r->slot.bids, r->slot.asks, 0);
    }
    case AATS_REC_TICK:
        settle_ticks(r, s, rec->seq);
        s->trade_seq = rec->seq;
        return s->take & AATS_TAKE_TICK ? give_sub(r, out, AATS_EV_TICK, s, rec, r->slot.bids, r->slot.asks, 0) : 0;
    case AATS_REC_BBO:
        if (n < s->bbo_next || !(s->take & AATS_TAKE_BBO)) return 0;
        s->bbo_next = n + 1;
        return give_sub(r, out, AATS_EV_BBO, s, rec, r->slot.bids, r->slot.asks, 0);
    case AATS_REC_L2:
        return s->take & AATS_TAKE_L2 ? give_sub(r, out, AATS_EV_L2, s, rec, r->slot.bids, r->slot.asks, 0) : 0;
    case AATS_REC_MARK:
    case AATS_REC_FUNDING:
    case AATS_REC_LIQUIDATION: {
        static struct { uint32_t take, kind; } const OF[] = {{AATS_TAKE_MARK, AATS_EV_MARK}, {AATS_TAKE_FUNDING, AATS_EV_FUNDING},
                                                             {AATS_TAKE_LIQUIDATION, AATS_EV_LIQUIDATION}};
        int const which = rec->kind - AATS_REC_MARK;
        return s->take & OF[which].take ? give_sub(r, out, OF[which].kind, s, rec, r->slot.bids, r->slot.asks, 0) : 0;
    }
    default:
        return 0;
    }
}

static int turn(aats_reader_t *r, int feed, int64_t now_mono_ns, aats_event_t *out)
{
    feed_t *f = &r->feeds[feed];
    if (f->attached && now_mono_ns >= f->check_mono_ns) check(r, feed, now_mono_ns);
    if (f->todo && catch_up(r, feed, now_mono_ns, out)) return 1;
    if (!f->attached) return 0;
    for (int i = 0; i < SKIP_MAX; i++) {
        int const rc = aats_ring_poll(&f->md, f->next, &r->slot);
        if (rc == 0) return 0;
        if (rc == AATS_E_LAPPED) {
            fall_back(r, feed);
            return catch_up(r, feed, now_mono_ns, out);
        }
        uint64_t const n = f->next++;
        if (rc != 1) r->damaged++;
        else if (take_record(r, feed, n, now_mono_ns, out)) return 1;
    }
    return 0;
}

int aats_reader_next(aats_reader_t *r, int64_t now_mono_ns, aats_event_t *out)
{
    for (uint32_t i = 0; i < r->feed_cnt; i++) {
        int const feed = (int)r->turn;
        r->turn = r->turn + 1 < r->feed_cnt ? r->turn + 1 : 0;
        if (turn(r, feed, now_mono_ns, out)) return 1;
    }
    return 0;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* arrived says whether the record that a feed's cursor waits for is there, or already overwritten: only a hint, without
 * edge; aats_ring_poll looks again. */
static inline int arrived(feed_t const *f)
{
    return f->attached && aats_load_relaxed(&aats_md_slot(&f->md, f->next)->stamp) >= 2 * f->next + 2;
}

int aats_reader_due(aats_reader_t const *r, int64_t now_mono_ns)
{
    for (uint32_t i = 0; i < r->feed_cnt; i++) {
        feed_t const *f = &r->feeds[i];
        if (arrived(f) || (f->attached && now_mono_ns >= f->check_mono_ns)) return 1;
        if (f->todo && !(f->left && f->at == 0 && now_mono_ns < f->retry_mono_ns)) return 1;
    }
    return 0;
}

int aats_reader_spin(aats_reader_t const *r, uint32_t turns)
{
    for (; turns > 0; turns--) {
        for (uint32_t i = 0; i < r->feed_cnt; i++) {
            feed_t const *f = &r->feeds[i];
            if (!arrived(f)) continue;
            uint8_t const *slot = (uint8_t const *)aats_md_slot(&f->md, f->next);
            for (uint32_t at = AATS_LINE; at < PREFETCH_SZ; at += AATS_LINE) __builtin_prefetch(slot + at);
            return 1;
        }
        aats_spin_hint();
    }
    return 0;
}
