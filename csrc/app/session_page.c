/* session_page.c -- lists that come in pages: the next one is asked for until there is none, and only then is anything said.
 *
 *     answer with `next` --> kept --> the next page --> kept --> .... --> answer without --> all of it is delivered, as if it were one answer
 *                                       ^    | busy, lost, no answer in time
 *                                       '----'   that page again, PAGE_TRIES times
 *
 * What the list is for decides who asks on:
 *     OPEN, ACCOUNT, POSITIONS, FILLS of a symbol   the session itself, at once or when there is a token for it: the stage waits for the last page
 *     FILLS, QUERY of an order                      the next question about that order (session_want.c), which takes up the page
 *
 * Fills come newest first from who has pages, so they are delivered from the last page on.  Those of an order are read as far back as fills are missing, those
 * of a symbol as long as a page has brought something new: each order is looked after anyway.  A list without an end (PAGES_MAX, or a cursor that comes again)
 * is nothing that is known: that is said, and a session that needs it does not become READY.
 */
#include <stdlib.h>
#include <string.h>

#include "app/session_state.h"
#include "order/wide.h"
#include "proto/num.h"

#define PAGE_TRIES 6
#define OVERLAP    512 /* fills by which two pages can overlap at most: those that were made while they were asked for */

/* ---- the table ---- */

static void let_go(page_t *p)
{
    free(p->msgs);
    *p = (page_t){0};
}

/* The list that this answer continues; NULL: it is a first page, or one that was asked for twice. */
static page_t *page_of(aats_session_t *s, flight_t const *f)
{
    page_t *p = f->page && f->page <= s->page_cnt ? &s->pages[f->page - 1] : NULL;
    return p && p->serial == f->page_serial ? p : NULL;
}

static page_t *page_new(aats_session_t *s, flight_t const *f)
{
    uint32_t at = 0;
    while (at < s->page_cnt && s->pages[at].serial) at++;
    if (at == s->page_cnt) {
        if (!session_grow((void **)&s->pages, &s->page_cap, s->page_cnt + 1, sizeof *s->pages)) return NULL;
        s->page_cnt++;
    }
    s->pages[at] = (page_t){.kind = f->kind, .sym = f->sym, .look = f->look, .by_the_way = f->by_the_way, .of_order = f->order_id != 0,
                            .sent_mono_ns = f->sent_mono_ns, .from_id = f->from_id};
    return &s->pages[at];
}

void page_drop(aats_session_t *s, uint32_t *page)
{
    if (*page) let_go(&s->pages[*page - 1]);
    *page = 0;
}

void page_lost(aats_session_t *s)
{
    for (page_t *p = s->pages; p < s->pages + s->page_cnt; p++) let_go(p);
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) k->page = 0;
}

uint32_t page_for(aats_session_t *s, known_t *k, uint32_t kind)
{
    if (k->page && s->pages[k->page - 1].kind != kind) page_drop(s, &k->page);
    return k->page;
}

/* ---- what has come ---- */

/* Both halves of a trade between two orders of ours have its number. */
static int was_kept(page_t const *p, aats_omsg_t const *m)
{
    for (uint32_t i = p->msg_cnt > OVERLAP ? p->msg_cnt - OVERLAP : 0; i < p->msg_cnt; i++)
        if (p->msgs[i].trade_id == m->trade_id && !strcmp(p->msgs[i].remote_id, m->remote_id)) return 1;
    return 0;
}

/* Keeps what this page says.  Returns 0 where there is no memory for it. */
static int keep(aats_session_t *s, page_t *p, aats_oreply_t const *r, known_t const *k)
{
    size_t const n = r->msg_cnt < AATS_OREPLY_MSGS ? r->msg_cnt : AATS_OREPLY_MSGS;
    if (n && !session_grow((void **)&p->msgs, &p->msg_cap, p->msg_cnt + (uint32_t)n, sizeof *p->msgs)) return 0;
    p->news = 0;
    for (size_t i = 0; i < n; i++) {
        aats_omsg_t const *m = &r->msgs[p->kind == AATS_OR_FILLS ? n - 1 - i : i]; /* newest first, as the pages are */
        if (p->kind == AATS_OR_FILLS) {
            if (was_kept(p, m)) continue;
            known_t const *of = k ? k : know_by_number(s, p->sym, m->remote_id);
            int const fresh = of && !aats_machine_seen(of->m, m->trade_id);
            p->news |= (uint32_t)fresh;
            if (k && fresh && __builtin_add_overflow(p->sum_i, m->qty_i, &p->sum_i)) p->sum_i = INT64_MAX;
        }
        p->msgs[p->msg_cnt++] = *m;
    }
    return 1;
}

/* Are these fills enough?  Of an order: all that were missing; of a symbol: a page without anything new. */
static int enough(page_t const *p, known_t const *k)
{
    if (p->kind != AATS_OR_FILLS) return 0;
    if (!p->of_order) return !p->news;
    return k && k->m->venue_cum_i > 0 && p->sum_i >= k->m->venue_cum_i - k->m->o.cum_qty_i;
}

/* ---- what comes next ---- */

/* Where the next page begins.  Returns 0 if that cannot be said, or leads nowhere. */
static int turn(page_t *p, aats_oreply_t const *r)
{
    char to[AATS_CURSOR_SZ];
    p->rows += r->next_rows;
    if (r->next && (r->next_len == 0 || r->next_len >= sizeof to)) return 0;
    if (r->next) memcpy(to, r->next, r->next_len), to[r->next_len] = 0;
    else if (aats_num_format(p->rows, 0, to, sizeof to) < 0) return 0;
    p->cnt++;
    if (!strcmp(to, p->cursor) || p->cnt >= PAGES_MAX) return 0;
    memcpy(p->cursor, to, sizeof to);
    p->tries = 0;
    return 1;
}

/* Asks for the next page of a list that is no order's, or says when. */
static int ask_next(aats_session_t *s, page_t *p)
{
    int e = session_waits(s) ? AATS_E_BUSY : ask_page(s, p->kind, p->sym, NULL, NULL, p->from_id, (uint32_t)(p - s->pages) + 1);
    p->at_mono_ns = 0;
    if (e == AATS_E_BUSY) p->at_mono_ns = session_waits(s) ? s->hold_mono_ns : s->mono_ns + s->token_wait_ns;
    return e == AATS_E_BUSY ? AATS_OK : e;
}

/* Nobody asks on; what the account holds is wanted all the same, later. */
static void give_up(aats_session_t *s, page_t *p)
{
    if (p->kind == AATS_OR_ACCOUNT && p->by_the_way && !s->account_mono_ns) s->account_mono_ns = s->mono_ns + s->opts.query_max_ns;
    let_go(p);
}

/* A list that cannot be read to its end.  Returns 1 where what was read of it is to be told: of fills, each order knows how many there must be. */
static int endless(aats_session_t *s, page_t *p, known_t *k)
{
    int const wanted = !p->by_the_way && !p->of_order && p->kind != AATS_OR_FILLS;
    session_notice(s, wanted ? 2 : 1, "order session: %s: %s: the venue's list cannot be read to its end: %u pages, %u rows",
                   p->sym == NONE ? s->opts.host : s->syms[p->sym].symbol, ask_name(p->kind), p->cnt, p->msg_cnt);
    if (k) k->page_fails = PAGE_TRIES;
    if (p->kind == AATS_OR_FILLS) {
        if (k) k->full_cnt = FILLS_FULL; /* more of them will not be found */
        return 1;
    }
    if (k) k->page = 0;
    give_up(s, p);
    if (wanted) conn_fail(s, AATS_WS_NORMAL, "a list of the venue's cannot be read to its end");
    return 0;
}

int page_take(aats_session_t *s, flight_t *f, aats_oreply_t *r)
{
    known_t *k = f->order_id ? know_by_id(s, f->instance, f->order_id) : NULL;
    page_t *p = page_of(s, f);
    int const more = r->next || r->next_rows;
    if (!p && f->page) return 1;                       /* that page has come already, or nobody reads that list any more */
    if (!p && k && k->page) return more || s->pages[k->page - 1].kind == f->kind; /* of what is being read already, once more; or of something else */
    if (!p && (!more || (f->order_id && !k))) return 0;
    if (!p && !f->order_id && f->look != s->look) { /* of a look that is over: half of it is nothing */
        if (f->kind == AATS_OR_ACCOUNT && !s->account_mono_ns) s->account_mono_ns = s->mono_ns;
        return 1;
    }
    if (!p && !(p = page_new(s, f))) {
        conn_fail(s, AATS_WS_NORMAL, "no memory for a list of the venue's");
        return 1;
    }
    p->serial = ++s->page_serial;
    f->page = (uint32_t)(p - s->pages) + 1;
    f->page_serial = p->serial;
    if (k) k->page = f->page;
    if (!keep(s, p, r, k)) {
        conn_fail(s, AATS_WS_NORMAL, "no memory for a list of the venue's");
        return 1;
    }
    if (!more || enough(p, k)) return 0;
    if (!turn(p, r)) return !endless(s, p, k);
    if (k) {
        k->ask_mono_ns = 0; /* the next question goes on there, at once */
        if (k->page_fails < PAGE_TRIES) k->since_mono_ns = s->mono_ns;
        return 1;
    }
    if (ask_next(s, p) < 0) {
        let_go(p);
        conn_fail(s, AATS_WS_NORMAL, "a request could not be made or signed");
    }
    return 1;
}

int page_again(aats_session_t *s, flight_t const *f, int fatal)
{
    page_t *p = page_of(s, f);
    if (!p || p->of_order) return 0;
    if (!p->by_the_way && p->look != s->look) return 0;
    if (fatal || ++p->tries >= PAGE_TRIES) {
        give_up(s, p);
        return 0;
    }
    p->at_mono_ns = s->mono_ns + want_pause(s, p->tries - 1);
    return 1;
}

void page_refused(aats_session_t *s, flight_t const *f)
{
    known_t *k = f->order_id && page_of(s, f) ? know_by_id(s, f->instance, f->order_id) : NULL;
    if (!k || !k->page) return;
    page_drop(s, &k->page);
    k->page_fails++;
}

void page_tick(aats_session_t *s)
{
    for (uint32_t i = 0; i < s->page_cnt; i++) {
        page_t *p = &s->pages[i];
        if (!p->serial || p->of_order) continue;
        if (p->look != s->look) give_up(s, p);
        else if (p->at_mono_ns && s->mono_ns >= p->at_mono_ns && ask_next(s, p) < 0) give_up(s, p);
    }
}

/* ---- all of it ---- */

/* Of a currency that stood on two pages the sums are one balance (coinbase_order_reply.c has those of one page). */
static void add_up(page_t *p)
{
    uint32_t cnt = 0;
    for (uint32_t i = 0; i < p->msg_cnt; i++) {
        aats_omsg_t const *m = &p->msgs[i];
        uint32_t at = 0;
        while (at < cnt && (m->kind != AATS_OM_BALANCE || memcmp(p->msgs[at].fee_asset, m->fee_asset, sizeof m->fee_asset) != 0)) at++;
        if (at == cnt) {
            p->msgs[cnt++] = *m;
            continue;
        }
        p->msgs[at].amount = aats_wide_of(aats_wide(p->msgs[at].amount) + aats_wide(m->amount));
        p->msgs[at].locked = aats_wide_of(aats_wide(p->msgs[at].locked) + aats_wide(m->locked));
    }
    p->msg_cnt = cnt;
}

page_t page_whole(aats_session_t *s, flight_t *f)
{
    page_t *p = page_of(s, f), out = {0};
    if (!p) return out;
    known_t *k = f->order_id ? know_by_id(s, f->instance, f->order_id) : NULL;
    if (k) k->page = 0;
    f->sent_mono_ns = p->sent_mono_ns; /* what it says is as old as its first page */
    out = *p;
    *p = (page_t){0};
    if (out.kind == AATS_OR_ACCOUNT) add_up(&out);
    return out;
}

int page_next(page_t *p, aats_oreply_t *r)
{
    r->msg_cnt = 0;
    for (; p->at < p->msg_cnt && r->msg_cnt < AATS_OREPLY_MSGS; p->at++) {
        uint32_t const i = p->kind == AATS_OR_FILLS ? p->msg_cnt - 1 - p->at : p->at;
        r->msgs[r->msg_cnt++] = p->msgs[i];
    }
    if (r->msg_cnt) return 1;
    free(p->msgs);
    p->msgs = NULL;
    return 0;
}
