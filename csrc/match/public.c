/* public.c -- the public: its levels as they are told, its trades, and what both do to own orders that rest. */
#include "match/engine.h"

#define KEEP 4096 /* levels of a side that aats_match_book keeps at least: deeper ones are forgotten at twice as many */

static int is_side(int side) { return side == AATS_BID || side == AATS_ASK; }

/* ---- levels ---- */

/* bound lets no own order of a queue stand behind more than `stands`; `gone` of the level went without a trade that explains it. */
static void bound(aats_match_t *m, int side, int64_t px_i, int64_t stands, int64_t gone, int64_t now_ns)
{
    aats_queue_t *q = aats_owns_queue(&m->owns, side, px_i);
    if (q == NULL) return;
    aats_me_freshen(m, q, now_ns);
    for (aats_own_t *own = q->first; own != NULL; own = own->next) {
        if (own->ahead_i <= stands) continue;
        if (m->late_ns > 0 && gone > 0 && own->ahead_i != AATS_AHEAD_UNKNOWN) {
            own->lost_i += aats_me_min(own->ahead_i - stands, gone);
            q->lost_ns = now_ns;
        }
        own->ahead_i = stands;
    }
}

/* tell gives the level at *pos, or the place where it belongs, the quantity told.  *pos is the level's, or where it was. */
static int tell(aats_match_t *m, int side, size_t pos, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    aats_levels_t *l = &m->pub[side];
    if (pos == l->cnt || l->at[pos].px_i != px_i) {
        if (qty_i > 0 && aats_levels_insert(l, pos, px_i, qty_i) != AATS_OK) return AATS_E_NOMEM;
        if (m->owns.queue_cnt[side] > 0) bound(m, side, px_i, qty_i, 0, now_ns);
        return AATS_OK;
    }
    aats_pub_t *p = l->at + pos;
    int64_t gone = p->told_i - qty_i - p->traded_i; /* what public trades have not explained */
    if (gone < 0) gone = 0;
    int64_t const back = aats_me_min(gone, p->taken_i);
    p->taken_i -= back;
    p->traded_i = 0;
    p->told_i = qty_i;
    int64_t const stands = aats_levels_queue(p);
    if (qty_i == 0) aats_levels_remove(l, pos);
    if (m->owns.queue_cnt[side] > 0) bound(m, side, px_i, stands, gone - back, now_ns);
    return AATS_OK;
}

/* cross lets own orders trade with public levels of the other side that have come to their price. */
static int cross(aats_match_t *m, int side, int64_t now_ns)
{
    aats_queue_t *q;
    aats_pub_t *pub;
    while ((q = aats_owns_best(&m->owns, !side)) != NULL && (pub = aats_levels_best(&m->pub[side])) != NULL) {
        aats_own_t *own = q->first;
        if (!aats_me_reaches(!side, own->o.px_i, pub->px_i)) break;
        if (aats_me_room(m, AATS_ME_STEP) != AATS_OK) return AATS_E_NOMEM;
        int64_t const qty_i = aats_me_min(own->left_i, aats_levels_left(pub));
        pub->taken_i += qty_i;
        m->trade_no++;
        aats_me_fill(m, own, own->o.px_i, qty_i, 1, 0, now_ns);
        if (own->left_i == 0) aats_owns_drop(&m->owns, own, 1);
    }
    return AATS_OK;
}

int aats_match_level(aats_match_t *m, int side, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    if (!is_side(side) || px_i <= 0 || qty_i < 0) return AATS_E_ARG;
    aats_levels_t *l = &m->pub[side];
    aats_levels_forget(l); /* who tells single levels begins with nothing after a gap */
    l->known = AATS_KNOWN_ALL;
    l->singly = 1;
    int const code = tell(m, side, aats_levels_pos(l, px_i), px_i, qty_i, now_ns);
    return code == AATS_OK ? cross(m, side, now_ns) : code;
}

static int sorted(int side, aats_level_t const *levels, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++) {
        if (levels[i].px_i <= 0 || levels[i].qty_i <= 0) return 0;
        if (i > 0 && aats_px_key(side, levels[i].px_i) >= aats_px_key(side, levels[i - 1].px_i)) return 0;
    }
    return 1;
}

/* load_side makes the known part of a side what is listed, best first. */
static int load_side(aats_match_t *m, int side, aats_level_t const *levels, size_t cnt, int64_t now_ns)
{
    aats_levels_t *l = &m->pub[side];
    size_t pos = l->cnt; /* stored levels from here on are done */
    for (size_t i = 0; i <= cnt; i++) {
        int64_t const key = i < cnt ? aats_px_key(side, levels[i].px_i) : cnt > 0 ? INT64_MAX : INT64_MIN;
        for (; pos > 0 && aats_px_key(side, l->at[pos - 1].px_i) > key; pos--) (void)tell(m, side, pos - 1, l->at[pos - 1].px_i, 0, now_ns);
        if (i == cnt) break;
        if (pos > 0 && l->at[pos - 1].px_i == levels[i].px_i) {
            pos--;
            if (l->at[pos].told_i == levels[i].qty_i) continue; /* as it was: trades that it does not show yet still count */
        }
        int const code = tell(m, side, pos, levels[i].px_i, levels[i].qty_i, now_ns);
        if (code != AATS_OK) return code;
    }
    if (l->singly) return AATS_OK; /* all of it was known, and is */
    if (l->cnt > 2 * KEEP) aats_levels_trim(l, KEEP);
    aats_levels_t const before = *l;
    l->known = cnt > 0 ? AATS_KNOWN_EDGE : AATS_KNOWN_ALL;
    l->edge_px_i = cnt > 0 ? levels[cnt - 1].px_i : 0;
    for (size_t i = m->owns.queue_cnt[side]; i > 0; i--) { /* own orders at prices that are known from now on */
        int64_t const px_i = m->owns.queue[side][i - 1].px_i;
        if (aats_levels_knows(&before, px_i)) continue;
        if (!aats_levels_knows(l, px_i)) break;
        bound(m, side, px_i, aats_levels_queue(aats_levels_find(l, px_i)), 0, now_ns);
    }
    return AATS_OK;
}

int aats_match_book(aats_match_t *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, int64_t now_ns)
{
    if (!sorted(AATS_BID, bids, bid_cnt) || !sorted(AATS_ASK, asks, ask_cnt)) return AATS_E_ARG;
    int code = load_side(m, AATS_BID, bids, bid_cnt, now_ns);
    if (code == AATS_OK) code = load_side(m, AATS_ASK, asks, ask_cnt, now_ns);
    if (code == AATS_OK) code = cross(m, AATS_BID, now_ns);
    if (code == AATS_OK) code = cross(m, AATS_ASK, now_ns);
    return code;
}

void aats_match_clear(aats_match_t *m)
{
    m->pub[AATS_BID].known = m->pub[AATS_ASK].known = AATS_KNOWN_NONE;
    m->pub[AATS_BID].singly = m->pub[AATS_ASK].singly = 0;
}

/* ---- trades ---- */

/* give fills a resting order in a public trade at the order's own price. */
static int64_t give(aats_match_t *m, aats_own_t *own, int64_t qty_i, int64_t now_ns)
{
    qty_i = aats_me_min(qty_i, own->left_i);
    m->trade_no++;
    aats_me_fill(m, own, own->o.px_i, qty_i, 1, 0, now_ns);
    if (own->left_i == 0) aats_owns_drop(&m->owns, own, 1);
    return qty_i;
}

/* pass moves the orders of a queue forward by what the public before them gave: first what they lost already, then what still stands. */
static void pass(aats_queue_t *q, int64_t qty_i)
{
    for (aats_own_t *own = q->first; own != NULL; own = own->next) {
        int64_t const known = aats_me_min(own->lost_i, qty_i);
        own->lost_i -= known;
        if (own->ahead_i != AATS_AHEAD_UNKNOWN) own->ahead_i -= aats_me_min(own->ahead_i, qty_i - known);
    }
}

/* trade_at lets a public trade eat into the queue of its own price.  Returns what own orders gave, or AATS_E_NOMEM. */
static int64_t trade_at(aats_match_t *m, int side, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    aats_queue_t *q = aats_owns_queue(&m->owns, side, px_i);
    int64_t given = 0, before = 0; /* before: the public quantity ahead of the order looked at, with what it lost */
    if (q != NULL) {
        aats_me_settle(m, side, q);
        aats_me_freshen(m, q, now_ns);
    }
    for (; q != NULL; q = aats_owns_queue(&m->owns, side, px_i)) {
        aats_own_t *own = q->first;
        int64_t const stood = own->ahead_i + aats_me_min(own->lost_i, INT64_MAX - own->ahead_i);
        if (stood > before) before = stood;
        if (qty_i - given <= before) break;
        if (aats_me_room(m, AATS_ME_STEP) != AATS_OK) return AATS_E_NOMEM;
        int const whole = own->left_i <= qty_i - given - before;
        given += give(m, own, qty_i - given - before, now_ns);
        if (!whole) break;
    }
    q = aats_owns_queue(&m->owns, side, px_i);
    if (q != NULL) pass(q, qty_i - given);
    aats_pub_t *pub = aats_levels_find(&m->pub[side], px_i);
    if (pub != NULL) pub->traded_i += aats_me_min(qty_i - given, aats_levels_left(pub));
    return given;
}

int64_t aats_match_trade(aats_match_t *m, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    if ((aggressor != AATS_SIDE_BUY && aggressor != AATS_SIDE_SELL) || px_i <= 0 || qty_i <= 0) return AATS_E_ARG;
    int const side = aggressor == AATS_SIDE_BUY ? AATS_ASK : AATS_BID;
    int64_t given = 0;
    aats_queue_t *q;
    while (given < qty_i && (q = aats_owns_best(&m->owns, side)) != NULL && aats_px_key(side, q->px_i) > aats_px_key(side, px_i)) {
        if (aats_me_room(m, AATS_ME_STEP) != AATS_OK) return AATS_E_NOMEM;
        given += give(m, q->first, qty_i - given, now_ns);
    }
    if (given == qty_i) return given;
    int64_t const at = trade_at(m, side, px_i, qty_i - given, now_ns);
    return at < 0 ? at : given + at;
}
