/* seat.c -- seats and cells of the risk segment; see seat.h for states and edges. */
#include "risk/seat.h"

#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "risk/rate.h"

#define WORDS(field) (sizeof(field) / 8)
#define READ_TRIES 100

/* the words of a seat that its owner writes, behind the owner word */
#define OWNED_OFF offsetof(aats_seat_t, instance)
#define OWNED_WORDS ((sizeof(aats_seat_t) - OWNED_OFF) / 8)

#define AT(field) offsetof(aats_seat_t, field)
_Static_assert(AT(name) % 8 == 0 && AT(account) == AT(name) + 48, "names lie together");
_Static_assert(AT(mode) % 8 == 0 && AT(on_death) == AT(mode) + 4, "one word");
_Static_assert(AT(grace_ms) % 8 == 0 && AT(hang_ms) == AT(grace_ms) + 4, "one word");

/* a name on an account, as it lies in a seat */
typedef struct {
    char name[48];
    char account[48];
} who_t;

static int who_of(who_t *who, char const *name, char const *account)
{
    memset(who, 0, sizeof *who);
    size_t const len = strnlen(name, sizeof who->name), account_len = strnlen(account, sizeof who->account);
    if (len == 0 || len == sizeof who->name || account_len == sizeof who->account) return AATS_E_ARG;
    memcpy(who->name, name, len);
    memcpy(who->account, account, account_len);
    return AATS_OK;
}

static int is_who(aats_seat_t const *seat, who_t const *who)
{
    who_t have;
    aats_words_load(&have, seat->name, WORDS(have));
    return memcmp(&have, who, sizeof have) == 0;
}

static int find(aats_risk_view_t const *v, who_t const *who, int64_t but)
{
    for (uint32_t i = 0; i < v->risk->seat_cap; i++) {
        if (i == but || aats_load_acquire(&v->seats[i].owner) == 0) continue; /* S1 */
        if (is_who(&v->seats[i], who)) return (int)i;
    }
    return AATS_E_UNKNOWN;
}

int aats_seat_find(aats_risk_view_t const *v, char const *name, char const *account)
{
    who_t who;
    return who_of(&who, name, account) == AATS_OK ? find(v, &who, -1) : AATS_E_UNKNOWN;
}

static void fill(aats_seat_t *seat, aats_seat_t const *from)
{
    aats_store_relaxed(&seat->instance, from->instance);
    aats_words_store(&seat->mode, &from->mode, 1);
    aats_words_store(&seat->grace_ms, &from->grace_ms, 1);
    aats_store_relaxed(&seat->fenced, 0);
    aats_store_relaxed(&seat->beat_mono_ns, from->beat_mono_ns);
    aats_store_relaxed(&seat->passes, 0);
}

/* again takes seat `at`, which has that name, from whoever left it: parked, or dead as the caller says. */
static int again(aats_risk_view_t const *v, uint32_t at, who_t const *who, uint64_t self, aats_seat_t const *from, uint64_t dead,
                 int clearing)
{
    aats_seat_t *seat = &v->seats[at];
    uint64_t const word = aats_load_acquire(&seat->owner), mine = aats_ident_with(self, AATS_SEAT_CLEARING);
    if (word == 0 || (aats_ident_state(word) != AATS_SEAT_PARKED && (dead == 0 || word != dead))) return AATS_E_BUSY;
    if (!aats_cas(&seat->owner, word, mine)) return AATS_E_BUSY; /* S1 */
    if (!is_who(seat, who)) { /* it was another's meanwhile */
        aats_cas(&seat->owner, mine, word);
        return AATS_E_BUSY;
    }
    fill(seat, from);
    if (!clearing && !aats_cas(&seat->owner, mine, aats_ident_with(self, AATS_SEAT_LIVE))) return AATS_E_BUSY; /* S1 */
    return (int)at;
}

/* wipe zeroes an own seat, that holds nothing, and gives it away. */
static int wipe(aats_risk_view_t const *v, uint32_t at, uint64_t word)
{
    uint64_t const boot = aats_ident_with(word, AATS_SEAT_BOOT);
    if (!aats_cas(&v->seats[at].owner, word, boot)) return AATS_E_STALE; /* before the first word: it may have been claimed */
    uint64_t *owned = (uint64_t *)(void *)((uint8_t *)&v->seats[at] + OWNED_OFF);
    uint64_t *cells = (uint64_t *)(void *)&v->cells[(size_t)at * v->risk->sym_cap];
    for (size_t i = 0; i < v->risk->sym_cap * sizeof(aats_rcell_t) / 8; i++) {
        if (aats_load_relaxed(cells + i) != 0) aats_store_relaxed(cells + i, 0);
    }
    for (size_t i = 0; i < OWNED_WORDS; i++) aats_store_relaxed(owned + i, 0);
    return aats_cas(&v->seats[at].owner, boot, 0) ? AATS_OK : AATS_E_STALE; /* S1 */
}

enum { NOTHING, TODAY, OPEN };

/* at_stake says what of a seat has to go on counting: OPEN orders or a position; what it did on its last day; or NOTHING. */
static int at_stake(aats_risk_view_t const *v, uint32_t at)
{
    int most = NOTHING;
    for (uint32_t sym = 0; sym < v->risk->sym_cap; sym++) {
        aats_rcell_t cell;
        aats_cell_read(v, at, sym, &cell);
        if (cell.pos_i != 0 || cell.buy_i != 0 || cell.sell_i != 0 || cell.open_cnt != 0) return OPEN;
        if (cell.profit_i != 0) most = TODAY;
    }
    if (aats_load_relaxed(&v->seats[at].orders.day) != 0 || aats_load_relaxed(&v->seats[at].cancels.day) != 0) most = TODAY;
    return most;
}

/* reclaim frees the parked seat that was left longest ago, of those that hold neither position nor order.  AATS_OK or AATS_E_FULL. */
static int reclaim(aats_risk_view_t const *v, uint64_t self)
{
    uint64_t oldest = UINT64_MAX, word = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < v->risk->seat_cap; i++) {
        uint64_t const owner = aats_load_acquire(&v->seats[i].owner), beat = aats_load_relaxed(&v->seats[i].beat_mono_ns);
        if (aats_ident_state(owner) != AATS_SEAT_PARKED || beat >= oldest || at_stake(v, i) == OPEN) continue;
        oldest = beat;
        word   = owner;
        at     = i;
    }
    uint64_t const mine = aats_ident_with(self, AATS_SEAT_CLEARING);
    if (word == 0 || !aats_cas(&v->seats[at].owner, word, mine)) return AATS_E_FULL;
    return wipe(v, at, mine);
}

int aats_seat_take(aats_risk_view_t const *v, uint64_t self, aats_seat_t const *from, uint64_t dead, int clearing)
{
    who_t who;
    if (aats_ident_bare(self) == 0 || from->mode >= AATS_RISK_MODES) return AATS_E_ARG;
    if (who_of(&who, from->name, from->account) != AATS_OK) return AATS_E_ARG;
    int const known = find(v, &who, -1);
    if (known >= 0) return again(v, (uint32_t)known, &who, self, from, dead, clearing);

    uint64_t const boot = aats_ident_with(self, AATS_SEAT_BOOT);
    uint32_t at = 0;
    while (at < v->risk->seat_cap && !aats_cas(&v->seats[at].owner, 0, boot)) { /* S1 */
        at++;
        if (at == v->risk->seat_cap && reclaim(v, self) == AATS_OK) at = 0;
    }
    if (at == v->risk->seat_cap) return AATS_E_FULL;
    aats_seat_t *seat = &v->seats[at];
    aats_words_store(seat->name, &who, WORDS(who));
    fill(seat, from);
    for (;;) {
        uint64_t const hi = aats_load_relaxed(&v->risk->seat_hi);
        if (hi > at || aats_cas(&v->risk->seat_hi, hi, at + 1)) break;
    }

    aats_fence_full(); /* of two that bring the same name, at least one sees the other */
    if (find(v, &who, at) >= 0) {
        wipe(v, at, boot);
        return AATS_E_BUSY;
    }
    uint64_t const mine = aats_ident_with(self, clearing ? AATS_SEAT_CLEARING : AATS_SEAT_LIVE);
    return aats_cas(&seat->owner, boot, mine) ? (int)at : AATS_E_BUSY; /* S1 */
}

int aats_seat_claim(aats_risk_view_t const *v, uint32_t at, uint64_t seen, uint64_t self)
{
    if (at >= v->risk->seat_cap || aats_ident_bare(self) == 0) return AATS_E_BUSY;
    if (seen == 0 || aats_ident_state(seen) == AATS_SEAT_PARKED) return AATS_E_BUSY; /* nobody's */
    return aats_cas(&v->seats[at].owner, seen, aats_ident_with(self, AATS_SEAT_CLEARING)) ? AATS_OK : AATS_E_BUSY; /* S1 */
}

int aats_seat_move(aats_risk_view_t const *v, uint32_t at, uint64_t self, uint32_t state)
{
    if (at >= v->risk->seat_cap || state > AATS_SEAT_PARKED) return AATS_E_STALE;
    aats_seat_t *seat = &v->seats[at];
    uint64_t const word = aats_load_acquire(&seat->owner);
    if (aats_ident_bare(word) != aats_ident_bare(self) || word == 0 || aats_ident_state(word) == AATS_SEAT_PARKED) return AATS_E_STALE;
    if (state == AATS_SEAT_FREE && at_stake(v, at) != NOTHING) state = AATS_SEAT_PARKED; /* too much may count, never too little */
    if (state == AATS_SEAT_FREE) return wipe(v, at, word);
    return aats_cas(&seat->owner, word, aats_ident_with(self, (int)state)) ? AATS_OK : AATS_E_STALE; /* S1 */
}

int aats_seat_read(aats_risk_view_t const *v, uint32_t at, aats_seat_t *out)
{
    if (at >= v->risk->seat_cap) return AATS_E_EMPTY;
    aats_seat_t const *seat = &v->seats[at];
    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t const word = aats_load_acquire(&seat->owner); /* S1 */
        if (word == 0) return AATS_E_EMPTY;
        aats_words_load(&out->instance, &seat->instance, OWNED_WORDS);
        aats_fence_acquire();
        if (aats_load_relaxed(&seat->owner) == word) {
            out->owner = word;
            out->name[sizeof out->name - 1] = out->account[sizeof out->account - 1] = 0;
            return AATS_OK;
        }
        aats_spin_hint();
    }
    return AATS_E_BUSY;
}

int aats_seat_mine(aats_seat_t const *seat, uint64_t self)
{
    return aats_load_acquire(&seat->owner) == aats_ident_with(self, AATS_SEAT_LIVE); /* S1 */
}

/* ---- cells ---- */

static aats_rcell_t *cell_at(aats_risk_view_t const *v, uint32_t seat, uint32_t sym)
{
    return &v->cells[(size_t)seat * v->risk->sym_cap + sym];
}

static void put(int64_t *at, int64_t value) { aats_store_relaxed((uint64_t *)(void *)at, (uint64_t)value); }
static void put_release(int64_t *at, int64_t value) { aats_store_release((uint64_t *)(void *)at, (uint64_t)value); }
static int64_t get(int64_t const *at) { return (int64_t)aats_load_relaxed((uint64_t const *)(void const *)at); }
static int64_t get_acquire(int64_t const *at) { return (int64_t)aats_load_acquire((uint64_t const *)(void const *)at); }

void aats_cell_publish(aats_rcell_t *cell, aats_rcell_t const *from)
{
    put(&cell->pos_i, from->pos_i);
    put_release(&cell->buy_i, from->buy_i); /* S4: what was reserved is position before it is not reserved any more */
    put_release(&cell->sell_i, from->sell_i);
    put(&cell->open_cnt, from->open_cnt);
    put(&cell->exposure_i, from->exposure_i);
}

void aats_cell_read(aats_risk_view_t const *v, uint32_t seat, uint32_t sym, aats_rcell_t *out)
{
    aats_rcell_t const *cell = cell_at(v, seat, sym);
    *out = (aats_rcell_t){
        .buy_i      = get_acquire(&cell->buy_i), /* S4 */
        .sell_i     = get_acquire(&cell->sell_i),
        .open_cnt   = get(&cell->open_cnt),
        .exposure_i = get(&cell->exposure_i),
        .profit_i   = get(&cell->profit_i),
        .day        = get(&cell->day),
    };
    out->pos_i = get(&cell->pos_i); /* S4: after what is reserved */
}

static int64_t clamped(__int128 x) { return x > INT64_MAX ? INT64_MAX : x < INT64_MIN ? INT64_MIN : (int64_t)x; }

void aats_cell_set(aats_risk_view_t const *v, uint32_t seat, uint32_t sym, aats_rcell_t const *cell)
{
    aats_rcell_t *to = cell_at(v, seat, sym);
    aats_cell_publish(to, cell);
    put(&to->profit_i, cell->profit_i);
    put(&to->day, cell->day);
    aats_seat_sums(v, seat);
}

void aats_seat_sums(aats_risk_view_t const *v, uint32_t at)
{
    aats_seat_t *seat = &v->seats[at];
    __int128 exposure[AATS_RISK_QUOTES] = {0}, profit[AATS_RISK_QUOTES] = {0}, open = 0;
    int64_t day = 0;
    for (uint32_t sym = 0; sym < v->risk->sym_cap; sym++) {
        int64_t const its = get(&cell_at(v, at, sym)->day);
        if (its > day) day = its;
    }
    for (uint32_t sym = 0; sym < v->risk->sym_cap; sym++) {
        aats_rcell_t cell;
        uint32_t const quote = v->syms[sym].quote_at;
        if (aats_ident_state(aats_load_acquire(&v->syms[sym].state)) != 1 || quote >= AATS_RISK_QUOTES) continue; /* S3 */
        aats_cell_read(v, at, sym, &cell);
        exposure[quote] += cell.exposure_i;
        open += cell.open_cnt;
        if (cell.day == day) profit[quote] += cell.profit_i;
    }
    for (int q = 0; q < AATS_RISK_QUOTES; q++) {
        put(&seat->exposure_i[q], clamped(exposure[q]));
        put(&seat->profit_i[q], clamped(profit[q]));
    }
    put(&seat->open_cnt, clamped(open));
    put(&seat->day, day);
}

void aats_cell_sum(aats_risk_view_t const *v, uint32_t sym, aats_rcell_t *out)
{
    uint64_t const hi = aats_load_acquire(&v->risk->seat_hi);
    __int128 pos = 0, buy = 0, sell = 0, open = 0, exposure = 0, profit = 0;
    int64_t day = 0;
    for (uint32_t i = 0; i < hi; i++) {
        aats_rcell_t cell;
        aats_cell_read(v, i, sym, &cell);
        pos += cell.pos_i;
        buy += cell.buy_i;
        sell += cell.sell_i;
        open += cell.open_cnt;
        exposure += cell.exposure_i;
        if (cell.day > day) day = cell.day, profit = 0;
        if (cell.day == day) profit += cell.profit_i;
    }
    *out = (aats_rcell_t){clamped(pos), clamped(buy), clamped(sell), clamped(open), clamped(exposure), clamped(profit), day, 0};
}
