/* feed_sub.c -- what is asked of the venue for each symbol and stream, what it answers, and how a book's stream is asked for anew. */
#include "app/feed_state.h"
#include "shm/directory.h"

#define SECOND   1000000000
#define ACK_NS   ((int64_t)10 * SECOND)
#define LEAVE_NS ((int64_t)3 * SECOND) /* not every venue acknowledges that a stream was given up */

static unsigned streams_of(aats_feed_t const *f, link_t const *l, sym_t const *s) { return f->way_streams[link_way(f, l)] & ~s->refused; }

int sub_ready(aats_feed_t const *f, link_t const *l, sym_t const *s)
{
    sub_t const *sub = &l->subs[feed_index(f, s)];
    return sub->known && !(streams_of(f, l, s) & ~(unsigned)sub->live);
}

int sub_has(aats_feed_t const *f, link_t const *l, sym_t const *s, unsigned streams)
{
    sub_t const *sub = &l->subs[feed_index(f, s)];
    return ((sub->sent | sub->live) & streams) != 0;
}

/* ---- asking ---- */

static void sent(aats_feed_t *f, sub_t *sub, int off, unsigned mask, uint32_t id)
{
    if (off) {
        sub->drop &= (uint8_t)~mask;
        sub->leaving |= (uint8_t)(sub->renew & mask);
        sub->renew &= (uint8_t)~mask;
    } else {
        sub->want &= (uint8_t)~mask;
        sub->sent |= (uint8_t)mask;
    }
    for (int b = 0; b < STREAMS; b++)
        if (mask >> b & 1) sub->id[b] = id;
    sub->sent_mono_ns = f->mono_ns;
}

/* One request: the first symbols whose pending streams are the same.  Returns 1 if there was something to ask. */
static int send_some(aats_feed_t *f, link_t *l, int off)
{
    char const *names[256];
    uint32_t which[256];
    uint32_t cnt = 0, part = 0, cap = f->venue->subscribe_batch < 256 ? f->venue->subscribe_batch : 256;
    unsigned mask = 0;
    for (uint32_t i = 0; i < f->sym_cnt && cnt < cap; i++) {
        sub_t *sub = &l->subs[i];
        sym_t *s = &f->syms[i];
        int mine = feed_mine(f, l, s);
        if (!off && mine && !sub->known) {
            sub->known = 1;
            sub->want = (uint8_t)streams_of(f, l, s);
        }
        unsigned pending = off ? sub->drop : mine ? sub->want : 0;
        if (f->venue->subscribe_one) pending &= -pending;
        if (!pending || (cnt && (pending != mask || (!off && s->part != part)))) continue;
        mask = pending;
        part = s->part;
        names[cnt] = s->info.native;
        which[cnt++] = i;
    }
    if (!cnt) return 0;
    if (!link_may_send(f, l)) return 1;
    char text[32768];
    uint32_t id = ++l->next_id;
    int n = f->venue->subscribe(text, sizeof text, id, off, mask, names, cnt);
    if (n < 0) return 0;
    link_send(f, l, AATS_WS_TEXT, text, (size_t)n);
    for (uint32_t i = 0; i < cnt; i++) sent(f, &l->subs[which[i]], off, mask, id);
    return 1;
}

/* First what is given up: the venue limits the streams of a connection.  The rest, and what is wanted, with the next tick. */
void sub_send(aats_feed_t *f, link_t *l)
{
    if (!send_some(f, l, 1)) send_some(f, l, 0);
}

void sub_drop(aats_feed_t *f, sym_t *s)
{
    uint32_t i = feed_index(f, s);
    for (int w = 0; w < f->way_cnt; w++) {
        if (s->group[w] == NONE) continue;
        for (int k = 2 * s->group[w]; k < 2 * s->group[w] + 2; k++) {
            sub_t *sub = &f->links[k].subs[i];
            sub->drop |= sub->sent | sub->live;
            sub->known = sub->want = sub->sent = sub->live = sub->renew = sub->leaving = 0;
        }
    }
}

int sub_renew(aats_feed_t *f, sym_t *s)
{
    link_t *l = feed_carrier(f, s);
    sub_t *sub = l && l->phase == LINK_OPEN ? &l->subs[feed_index(f, s)] : NULL;
    if (!sub || !(sub->live & AATS_STREAM_DEPTH)) return 0;
    sub->live &= (uint8_t)~AATS_STREAM_DEPTH;
    sub->drop |= AATS_STREAM_DEPTH;
    sub->renew |= AATS_STREAM_DEPTH;
    feed_count(f, AATS_MDC_RESUBSCRIBED, 1);
    return 1;
}

/* ---- answers ---- */

static void left(sub_t *sub, unsigned bits)
{
    bits &= sub->leaving;
    sub->leaving &= (uint8_t)~bits;
    sub->want |= (uint8_t)bits;
}

static void taken(aats_feed_t *f, link_t *l, sym_t *s, unsigned bits)
{
    sub_t *sub = &l->subs[feed_index(f, s)];
    bits &= sub->sent;
    if (!bits) return;
    sub->sent &= (uint8_t)~bits;
    sub->live |= (uint8_t)bits;
    sub->sent_mono_ns = f->mono_ns;
    s->part = 0;
    if (feed_carrier(f, s) == l) book_stream_live(f, s);
}

/* The streams of a symbol that a request was for. */
static unsigned bits_of(sub_t const *sub, uint64_t id)
{
    unsigned bits = 0;
    for (int b = 0; b < STREAMS; b++)
        if (((sub->sent | sub->leaving) >> b & 1) && sub->id[b] == id) bits |= 1u << b;
    return bits;
}

/* The number of the request that an answer is to; it may name none. */
static uint64_t request_of(link_t *l, aats_msg_t const *m, int answers)
{
    uint64_t id = m->id ? m->id : answers ? (uint64_t)l->answered + 1 : 0;
    if (id > l->answered && id <= l->next_id) l->answered = (uint32_t)id;
    return id;
}

static sym_t *named(aats_feed_t *f, link_t const *l, aats_msg_t const *m)
{
    sym_t *s = m->sym ? feed_find(f, m->sym, m->sym_len) : NULL;
    return s && feed_mine(f, l, s) ? s : NULL;
}

void sub_acked(aats_feed_t *f, link_t *l, aats_msg_t const *m)
{
    if (m->sym) {
        sym_t *s = named(f, l, m);
        unsigned bits = m->streams ? m->streams : ~0u;
        if (s && m->code == 1) left(&l->subs[feed_index(f, s)], bits);
        else if (s) taken(f, l, s, bits);
        return;
    }
    uint64_t id = request_of(l, m, 1);
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        unsigned bits = bits_of(&l->subs[i], id);
        if (!bits) continue;
        left(&l->subs[i], bits);
        taken(f, l, &f->syms[i], bits);
    }
}

static void give_up(aats_feed_t *f, sym_t *s)
{
    s->gone = 1;
    sub_drop(f, s);
    pub_judge(f, s, 0, f->now_ns);
}

/* Without its depth a symbol is nothing; without another stream it goes on. */
static void refuse(aats_feed_t *f, link_t *l, sym_t *s, unsigned bits)
{
    l->subs[feed_index(f, s)].sent &= (uint8_t)~bits;
    feed_count(f, AATS_MDC_REFUSED, 1);
    s->refused |= bits;
    if (bits & AATS_STREAM_DEPTH || !(f->opts.streams & ~s->refused)) {
        feed_notice(f, 2, "%s: the venue refuses to stream it", s->info.symbol);
        s->refused = 0; /* who asks for it again asks for all of it */
        give_up(f, s);
        return;
    }
    feed_notice(f, 2, "%s: the venue refuses one of its streams (%u); the others go on", s->info.symbol, bits);
}

static void refused_by_name(aats_feed_t *f, link_t *l, aats_msg_t const *m)
{
    sym_t *s = named(f, l, m);
    if (!s) return;
    sub_t *sub = &l->subs[feed_index(f, s)];
    unsigned bits = m->streams ? m->streams : ~0u;
    if (sub->leaving & bits) left(sub, bits); /* it was not there to be given up */
    else if (sub->sent & bits) refuse(f, l, s, sub->sent & bits);
}

/* A refused request of many symbols is repeated in two halves, so that the culprit is found; a refused symbol is given up.  The halves are
 * the symbols' own, not the connection's: the venue may end that with its refusal. */
static void refused_by_number(aats_feed_t *f, link_t *l, uint64_t id)
{
    uint32_t hit = 0;
    for (uint32_t i = 0; i < f->sym_cnt; i++) hit += bits_of(&l->subs[i], id) & l->subs[i].sent ? 1 : 0;
    uint32_t part = hit / 2, halves[2] = {0, 0};
    if (hit > 1) halves[0] = ++f->parts, halves[1] = ++f->parts;
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        sub_t *sub = &l->subs[i];
        unsigned bits = bits_of(sub, id), asked = bits & sub->sent;
        left(sub, bits);
        if (!asked) continue;
        if (hit == 1) {
            refuse(f, l, &f->syms[i], asked);
            continue;
        }
        sub->sent &= (uint8_t)~asked;
        sub->want |= (uint8_t)asked;
        f->syms[i].part = part ? halves[0] : halves[1];
        part -= part > 0;
    }
}

void sub_refused(aats_feed_t *f, link_t *l, aats_msg_t const *m)
{
    uint64_t id = request_of(l, m, f->venue->answers_in_order && !m->sym && l->answered < l->next_id);
    feed_count(f, AATS_MDC_VENUE_ERRORS, 1);
    feed_notice(f, 2, "link %d: the venue refuses request %llu%s%.*s: code %lld %.*s", l->index, (unsigned long long)id, m->sym ? " for " : "",
                (int)(m->sym ? m->sym_len < 47 ? m->sym_len : 47 : 0), m->sym ? m->sym : "", (long long)m->code,
                (int)(m->text_len < 200 ? m->text_len : 200), m->text ? m->text : "");
    if (m->sym) refused_by_name(f, l, m);
    else if (id) refused_by_number(f, l, id);
}

void sub_ended(aats_feed_t *f, link_t *l, aats_msg_t const *m)
{
    sym_t *s = named(f, l, m);
    if (!s) {
        feed_count(f, AATS_MDC_UNKNOWN, 1);
        return;
    }
    sub_t *sub = &l->subs[feed_index(f, s)];
    unsigned bits = m->streams ? m->streams : AATS_STREAM_DEPTH;
    if (sub->leaving & bits) {
        left(sub, bits);
        return;
    }
    if (!sub_has(f, l, s, bits)) return;
    feed_count(f, AATS_MDC_ENDED, 1);
    feed_notice(f, 2, "%s: the venue has ended its stream: code %lld %.*s", s->info.symbol, (long long)m->code,
                (int)(m->text_len < 200 ? m->text_len : 200), m->text ? m->text : "");
    sub->sent &= (uint8_t)~bits;
    sub->live &= (uint8_t)~bits;
    if (bits & AATS_STREAM_DEPTH) give_up(f, s);
    else s->refused |= bits;
}

/* ---- time ---- */

void sub_stalled(aats_feed_t *f, link_t *l)
{
    for (uint32_t i = 0; i < f->sym_cnt; i++)
        if (l->subs[i].sent | l->subs[i].leaving) l->subs[i].sent_mono_ns = f->mono_ns;
}

/* An acknowledgement that does not come means that the connection is not what it seems; a stream that stays silent is only told to the log:
 * the venue acknowledges well-formed names that do not exist. */
void sub_watch(aats_feed_t *f, link_t *l)
{
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        sub_t *sub = &l->subs[i];
        sym_t *s = &f->syms[i];
        int64_t age_ns = f->mono_ns - sub->sent_mono_ns;
        if (!feed_mine(f, l, s)) continue;
        if (sub->sent && age_ns > ACK_NS) {
            link_fail(f, l, AATS_WS_NORMAL, "a subscription was not acknowledged");
            return;
        }
        if (sub->leaving && age_ns > LEAVE_NS) left(sub, sub->leaving);
        if (sub->heard || sub->told || !sub_ready(f, l, s) || age_ns < f->opts.first_message_ns) continue;
        sub->told = 1;
        long long waited_s = f->opts.first_message_ns / SECOND;
        feed_notice(f, 1, "%s: subscribed, but no message within %lld s", s->info.symbol, waited_s);
    }
}
