/* feed_book.c -- what a diff or snapshot does to a book: step 4 of the walk, and how trust in a book is lost and won back. */
#include <stdlib.h>
#include <string.h>

#include "app/feed_state.h"
#include "shm/directory.h"

#define STEADY_NS ((int64_t)30000000000) /* a book of the stream that lived so long may be had anew at once */
#define VERIFY_NS 1000000000 /* a suspect book that no diff has cleared by then gets a new snapshot */
#define ASK_MIN_NS ((int64_t)500000000) /* 64 bits wide: it is shifted */
#define ASK_MAX_NS ((int64_t)8000000000)

static aats_dir_t *dir_of(aats_feed_t *f, sym_t const *s) { return &f->view.dir[feed_index(f, s)]; }

/* ---- snapshots ---- */

void book_want_snapshot(aats_feed_t *f, sym_t *s, int64_t in_ns)
{
    int64_t at = f->mono_ns + in_ns;
    if (s->last_ask_mono_ns && at < s->last_ask_mono_ns + ASK_EVERY_NS) at = s->last_ask_mono_ns + ASK_EVERY_NS;
    if (s->asked_mono_ns || s->ask_mono_ns <= at) return;
    s->ask_mono_ns = at;
}

static void ask_again(aats_feed_t *f, sym_t *s)
{
    int64_t wait = ASK_MIN_NS << (s->ask_tries < 4 ? s->ask_tries : 4);
    s->ask_tries++;
    book_want_snapshot(f, s, feed_jitter(f, wait < ASK_MAX_NS ? wait : ASK_MAX_NS));
}

static int subscribed(aats_feed_t *f, sym_t *s)
{
    link_t *l = feed_carrier(f, s);
    return l && l->phase == LINK_OPEN && l->subs[feed_index(f, s)].live & AATS_STREAM_DEPTH;
}

/* The book of a stream is had anew by giving the stream up and asking for it again, this symbol's alone. */
static void renew(aats_feed_t *f, sym_t *s)
{
    if (s->sync.live) s->lost_why = s->suspect ? s->suspect : AATS_WHY_SYNCING;
    aats_sync_lost(&s->sync);
    s->suspect = 0;
    s->suspect_barrier = 0;
    if (!sub_renew(f, s)) return;
    s->asked_mono_ns = s->last_ask_mono_ns = f->mono_ns;
    pub_judge(f, s, 0, f->now_ns);
}

/* The request leaves only once the stream is live: then no update can fall between snapshot and stream. */
static void ask(aats_feed_t *f, sym_t *s)
{
    s->ask_mono_ns = INT64_MAX;
    if (!subscribed(f, s)) return;
    if (f->in_band) {
        renew(f, s);
        return;
    }
    aats_sync_keep(&s->sync);
    uint64_t no = ++f->ask_no;
    if (aats_mailbox_put(&f->out, AATS_MAIL_ASK, feed_index(f, s), no, NULL, 0) != AATS_OK) {
        s->ask_mono_ns = f->mono_ns + 10000000; /* the mailbox is full: a moment later */
        return;
    }
    s->ask_no = no;
    s->asked_mono_ns = s->last_ask_mono_ns = f->mono_ns;
    feed_count(f, AATS_MDC_SNAP_ASKED, 1);
}

void book_tick(aats_feed_t *f, sym_t *s)
{
    if (s->asked_mono_ns && f->mono_ns - s->asked_mono_ns > (f->in_band ? SNAP_NS : ASK_NS)) {
        s->asked_mono_ns = 0;
        ask_again(f, s);
    }
    if (f->mono_ns >= s->ask_mono_ns) ask(f, s);
    if (s->unanswered) feed_answer(f, s);
}

void book_snapshot_failed(aats_feed_t *f, sym_t *s, int64_t wait_ns)
{
    if (s->gone || !s->asked_mono_ns) return;
    s->asked_mono_ns = 0;
    feed_count(f, AATS_MDC_SNAP_FAILED, 1);
    if (wait_ns > 0) book_want_snapshot(f, s, wait_ns < WAIT_MAX_NS ? wait_ns : WAIT_MAX_NS);
    else ask_again(f, s);
}

/* ---- trust ---- */

/* A book of the stream that is lost soon after it was had waits longer each time: the next may be lost for the same reason. */
static void want_anew(aats_feed_t *f, sym_t *s)
{
    if (!f->in_band) {
        book_want_snapshot(f, s, s->ask_tries ? feed_jitter(f, ASK_MIN_NS) : 0);
        return;
    }
    if (f->mono_ns - s->last_ask_mono_ns > STEADY_NS) s->ask_tries = 0;
    if (s->ask_tries) ask_again(f, s);
    else s->ask_tries++, book_want_snapshot(f, s, 0);
}

static void gap(aats_feed_t *f, sym_t *s, uint8_t why, int64_t recv_ns)
{
    s->lost_why = why;
    feed_count(f, AATS_MDC_GAPS, 1);
    if (why == AATS_WHY_CHECKSUM) feed_count(f, AATS_MDC_CHECKSUMS, 1);
    aats_add_relaxed(&dir_of(f, s)->gaps, 1);
    feed_notice(f, 1, "%s: %s; asking for a new snapshot", s->info.symbol,
                why == AATS_WHY_CHECKSUM ? "the venue's checksum is not that of the book" :
                why == AATS_WHY_GAP ? "gap in the venue's sequence" : "a change of the book cannot be read");
    pub_judge(f, s, 0, recv_ns);
    want_anew(f, s);
}

/* One judgement; a book that turns out crossed is lost. */
static void settle(aats_feed_t *f, sym_t *s, int64_t exch_ns, int64_t recv_ns)
{
    pub_judge(f, s, exch_ns, recv_ns);
    if (f->quiet || s->why != AATS_WHY_CROSSED || !s->sync.live) return;
    aats_sync_lost(&s->sync);
    s->lost_why = AATS_WHY_CROSSED;
    feed_notice(f, 1, "%s: the book is crossed; asking for a new snapshot", s->info.symbol);
    if (f->in_band) want_anew(f, s);
    else if (s->reloaded) ask_again(f, s); /* the snapshot itself */
    else book_want_snapshot(f, s, 0);
}

void book_settle(aats_feed_t *f, sym_t *s)
{
    if (s->sync.live) settle(f, s, 0, f->now_ns);
    else pub_judge(f, s, 0, f->now_ns); /* it was lost meanwhile */
}

void book_bad_diff(aats_feed_t *f, sym_t *s, uint8_t why, int64_t recv_ns)
{
    if (s->gone) return;
    int vouched = f->venue->seq != AATS_SEQ_NONE; /* the next diff shows whether this one was of the book; a checksum, of the top alone, does not */
    if (vouched || !s->sync.live) {
        book_suspect(f, s, why, 0);
        return;
    }
    aats_sync_lost(&s->sync);
    gap(f, s, why, recv_ns);
}

void book_hole(aats_feed_t *f, link_t *l, int64_t recv_ns)
{
    feed_count(f, AATS_MDC_LINK_HOLES, 1);
    feed_notice(f, 1, "link %d: messages of the venue are missing; all its books are had anew", l->index);
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) {
        if (s->gone || feed_carrier(f, s) != l) continue;
        s->asked_mono_ns = 0; /* a snapshot that was on its way may have been among them */
        if (!s->sync.live) {
            want_anew(f, s);
            continue;
        }
        aats_sync_reset(&s->sync);
        gap(f, s, AATS_WHY_GAP, recv_ns);
    }
}

void book_suspect(aats_feed_t *f, sym_t *s, uint8_t why, int barrier)
{
    if (s->gone) return;
    if (!s->suspect_barrier) s->suspect = why; /* what a stop began, only its pong or a snapshot may end */
    s->suspect_barrier |= barrier;
    s->suspect_ask = s->asked_mono_ns ? s->ask_no : 0;
    s->continued = 0;
    pub_judge(f, s, 0, f->now_ns);
    book_want_snapshot(f, s, feed_jitter(f, VERIFY_NS));
}

/* The thread slept.  A snapshot that was asked for before tells of a time before: it is not waited for. */
void book_stalled(aats_feed_t *f, sym_t *s)
{
    if (s->gone) return;
    if (s->asked_mono_ns) {
        s->asked_mono_ns = 0;
        book_want_snapshot(f, s, 0);
    }
    if (s->sync.live) book_suspect(f, s, AATS_WHY_STALLED, 1);
}

static void clear_suspect(sym_t *s)
{
    s->suspect = 0;
    s->suspect_barrier = 0;
    if (!s->asked_mono_ns && s->sync.live) s->ask_mono_ns = INT64_MAX;
}

/* A diff continued the sequence: nothing of this symbol was missed before it. */
static void continued(aats_feed_t *f, sym_t *s, aats_msg_t const *m)
{
    if (f->venue->seq == AATS_SEQ_NONE && f->venue->check && !(m->has & AATS_HAS_CHECK)) return;
    s->continued = 1;
    s->behind = 0;
    if (s->suspect && !s->suspect_barrier) clear_suspect(s);
}

void book_barrier_passed(aats_feed_t *f, link_t *l)
{
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) {
        if (feed_carrier(f, s) != l || !s->suspect_barrier) continue;
        s->suspect_barrier = 0;
        if (s->suspect && s->continued) {
            clear_suspect(s);
            pub_judge(f, s, 0, f->now_ns);
        }
    }
}

void book_stream_lost(aats_feed_t *f, sym_t *s, int anew)
{
    aats_sync_reset(&s->sync);
    s->lost_why = AATS_WHY_SYNCING;
    s->suspect = 0;
    s->suspect_barrier = 0;
    s->asked_mono_ns = 0;
    s->ask_mono_ns = INT64_MAX;
    s->ask_tries = 0;
    s->behind = s->reloaded = 0;
    if (f->way_streams[f->book_way] & AATS_STREAM_BBO) s->bbo_id = 0;
    if (anew) s->restarted |= f->way_streams[f->book_way] & TRADES;
    pub_judge(f, s, 0, f->now_ns);
}

void book_stream_live(aats_feed_t *f, sym_t *s)
{
    pub_judge(f, s, 0, f->now_ns); /* from "link down" to "syncing" */
    if (s->sync.live || !(f->opts.streams & AATS_STREAM_DEPTH)) return;
    if (!f->in_band) book_want_snapshot(f, s, 0);
    else if (subscribed(f, s)) s->asked_mono_ns = s->last_ask_mono_ns = f->mono_ns; /* it comes by itself */
}

/* The books of a link that died lived on its bytes alone: what the new one brings may lie behind a hole that no diff has shown yet. */
void book_carried(aats_feed_t *f, sym_t *s, int proven)
{
    if (f->in_band && !proven) { /* its snapshot is still to come */
        book_stream_lost(f, s, 0);
        book_stream_live(f, s);
        return;
    }
    if (!proven && s->sync.live) book_suspect(f, s, AATS_WHY_SUSPECT, 0);
    if (!s->sync.live) book_want_snapshot(f, s, 0);
    pub_carrier(f, s);
}

/* ---- messages ---- */

/* After a snapshot: kept diffs over it, then one judgement.  A snapshot that was on its way when a message could not be read may be
 * older than what that message held: the book stays suspect, until the next diff continues it. */
static void replay(aats_feed_t *f, sym_t *s, int64_t recv_ns)
{
    aats_diff_t d;
    int e;
    int64_t exch_ns = 0;
    while ((e = aats_sync_replay(&s->sync, &d)) == 1) exch_ns = d.exch_ns;
    if (e < 0) {
        s->ask_tries++;
        gap(f, s, AATS_WHY_GAP, recv_ns);
        return;
    }
    if (s->suspect && s->suspect_ask == s->ask_no) book_want_snapshot(f, s, feed_jitter(f, VERIFY_NS));
    else clear_suspect(s);
    s->ask_tries = 0;
    s->behind = 0;
    s->reloaded = 1;
    settle(f, s, exch_ns, recv_ns);
}

static void take_snapshot(aats_feed_t *f, sym_t *s, uint64_t ask_no, char const *text, size_t n, int64_t recv_ns)
{
    if (s->gone || f->in_band || !s->asked_mono_ns || ask_no != s->ask_no) return; /* an answer to a question that nobody asks any more */
    s->asked_mono_ns = 0;
    aats_msg_t *m = &f->msg;
    f->asked = s;
    int e = feed_parse(f, text, n, 0, 0);
    f->asked = NULL;
    if (!e && m->kind != AATS_MSG_SNAPSHOT) e = AATS_E_SHAPE;
    f->parsed_ns = feed_stamp(f);
    if (!e) e = aats_follow_snapshot(f->venue, &s->sync, m, f->opts.snapshot_limit);
    if (e) {
        feed_count(f, AATS_MDC_SNAP_FAILED, 1);
        if (e == AATS_E_NOMEM) s->lost_why = AATS_WHY_LEVELS;
        if (e != AATS_E_STALE)
            feed_notice(f, 1, "%s: the snapshot cannot be used (%s at byte %zu); asking again", s->info.symbol, aats_err_name(e),
                        m->offset);
        if (!s->sync.live) pub_judge(f, s, 0, recv_ns);
        ask_again(f, s);
        return;
    }
    replay(f, s, recv_ns);
}

void book_snapshot(aats_feed_t *f, sym_t *s, uint64_t ask_no, char const *text, size_t n, int64_t recv_ns)
{
    take_snapshot(f, s, ask_no, text, n, recv_ns);
    f->parsed_ns = 0;
}

/* A few diffs that the book has already follow a snapshot or a change of links.  When they do not end, the book's id is from somewhere else
 * (an id misprinted upwards, a venue that counts anew) and would freeze it for ever. */
static void behind(aats_feed_t *f, sym_t *s, int64_t recv_ns)
{
    if (++s->behind < BEHIND_MAX) return;
    s->behind = 0;
    aats_sync_reset(&s->sync);
    gap(f, s, AATS_WHY_GAP, recv_ns);
}

/* A snapshot of the stream is newer than all that came before it, so it ends suspicion; but not that of a stop, in which it may have waited
 * with what was queued. */
void book_in_band(aats_feed_t *f, link_t *l, sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    if (!f->in_band || !sub_has(f, l, s, AATS_STREAM_DEPTH)) return; /* of the stream that is being given up */
    int e = aats_follow_snapshot(f->venue, &s->sync, m, 0);
    s->behind = 0;
    if (e == AATS_E_CHECKSUM) {
        s->asked_mono_ns = 0;
        gap(f, s, AATS_WHY_CHECKSUM, recv_ns);
    } else if (e) {
        s->asked_mono_ns = 0;
        s->lost_why = e == AATS_E_NOMEM ? AATS_WHY_LEVELS : AATS_WHY_SYNCING;
        feed_count(f, AATS_MDC_SNAP_FAILED, 1);
        feed_notice(f, 1, "%s: the snapshot cannot be used (%s); asking again", s->info.symbol, aats_err_name(e));
        pub_judge(f, s, m->exch_ns, recv_ns);
        ask_again(f, s);
    } else {
        s->asked_mono_ns = 0;
        s->ask_mono_ns = INT64_MAX;
        s->continued = 1;
        if (!s->suspect_barrier) clear_suspect(s);
        s->reloaded = 1;
        settle(f, s, m->exch_ns, recv_ns);
    }
}

void book_depth(aats_feed_t *f, sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    aats_diff_t d;
    int e = aats_follow_diff(f->venue, &s->sync, m, recv_ns, &d);
    switch (e) {
    case AATS_SYNC_APPLIED:
        aats_add_relaxed(&dir_of(f, s)->updates, 1);
        continued(f, s, m);
        if (f->opts.open_l2 && s->valid && !f->quiet) pub_changes(f, s, &d);
        settle(f, s, m->exch_ns, recv_ns);
        break;
    case AATS_SYNC_KEPT:
    case AATS_SYNC_EARLY: break;
    case AATS_SYNC_OLD: behind(f, s, recv_ns); break;
    case AATS_E_GAP: gap(f, s, AATS_WHY_GAP, recv_ns); break;
    case AATS_E_CHECKSUM: gap(f, s, AATS_WHY_CHECKSUM, recv_ns); break;
    case AATS_E_SHAPE: /* U > u: it cannot be applied, nor passed over */
        feed_count(f, AATS_MDC_PARSE_ERRORS, 1);
        aats_add_relaxed(&dir_of(f, s)->bad_frames, 1);
        book_bad_diff(f, s, AATS_WHY_SUSPECT, recv_ns);
        break;
    default:
        s->lost_why = AATS_WHY_LEVELS;
        pub_judge(f, s, m->exch_ns, recv_ns);
        ask_again(f, s);
    }
}
