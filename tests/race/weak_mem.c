#include "weak_mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weak.h"

#define TS_GAP   ((uint64_t)1 << 24) /* between neighbours in modification order, so that others fit between */
#define HASH_CNT (4 * WEAK_LOC_MAX)

typedef struct {
    uint64_t value;
    uint64_t ts;     /* place in modification order */
    uint32_t view;   /* 1 + index of its view in the pool, 0: none */
    uint32_t sealed; /* a cas or add stands right behind it: nothing comes between */
} message_t;

typedef struct {
    uint64_t  *p;
    message_t *m; /* in modification order */
    int        cnt, cap;
} loc_t;

/* view_t -- the oldest readable ts of each word; words beyond cnt: 0. */
typedef struct {
    uint64_t ts[WEAK_LOC_MAX];
    int      cnt;
} view_t;

typedef struct {
    view_t   now, pending, fenced;
    uint16_t read[WEAK_LOC_MAX];   /* words read since the last hint  */
    uint64_t read_ts[WEAK_LOC_MAX]; /* 1 + ts of the first such read, by word; 0: none */
    int      read_cnt;
} thread_t;

static loc_t    locs[WEAK_LOC_MAX];
static int      loc_cnt;
static int      hash[HASH_CNT]; /* 1 + index into locs */
static thread_t threads[WEAK_THREAD_MAX];
static view_t   everyones;

/* Views of messages, one after the other: a length, then that many ts. */
static uint64_t *pool;
static size_t    pool_cnt, pool_cap;

static void die(char const *text)
{
    fprintf(stderr, "weak_mem: %s\n", text);
    exit(2);
}

void weak_mem_reset(int thread_cnt)
{
    for (int i = 0; i < loc_cnt; i++) locs[i].cnt = 0;
    memset(hash, 0, sizeof hash);
    for (int t = 0; t < thread_cnt; t++) {
        thread_t *th = &threads[t];
        th->now.cnt = th->pending.cnt = th->fenced.cnt = 0;
        for (int i = 0; i < th->read_cnt; i++) th->read_ts[th->read[i]] = 0;
        th->read_cnt = 0;
    }
    everyones.cnt = 0;
    loc_cnt = 0;
    pool_cnt = 0;
}

/* ---- views --------------------------------------------------------------------------------------------------------------- */

static void view_raise(view_t *v, int loc, uint64_t ts)
{
    while (v->cnt <= loc) v->ts[v->cnt++] = 0;
    if (v->ts[loc] < ts) v->ts[loc] = ts;
}

static uint64_t view_at(view_t const *v, int loc) { return loc < v->cnt ? v->ts[loc] : 0; }

static void view_join(view_t *v, uint64_t const *ts, int cnt)
{
    if (cnt > 0) view_raise(v, cnt - 1, 0);
    for (int i = 0; i < cnt; i++) {
        if (v->ts[i] < ts[i]) v->ts[i] = ts[i];
    }
}

static void view_copy(view_t *v, view_t const *from)
{
    v->cnt = from->cnt;
    memcpy(v->ts, from->ts, (size_t)from->cnt * sizeof *v->ts);
}

static void join_message(view_t *v, message_t const *m)
{
    if (m->view != 0) view_join(v, pool + m->view, (int)pool[m->view - 1]);
}

/* pool_put keeps a copy of v for a message and returns its number. */
static uint32_t pool_put(view_t const *v)
{
    if (v->cnt == 0) return 0;
    size_t const need = pool_cnt + 1 + (size_t)v->cnt;
    if (need > pool_cap) {
        pool_cap = need * 2;
        pool = realloc(pool, pool_cap * sizeof *pool);
        if (pool == NULL) die("out of memory");
    }
    pool[pool_cnt] = (uint64_t)v->cnt;
    memcpy(pool + pool_cnt + 1, v->ts, (size_t)v->cnt * sizeof *pool);
    uint32_t const number = (uint32_t)pool_cnt + 1;
    pool_cnt = need;
    return number;
}

/* ---- words --------------------------------------------------------------------------------------------------------------- */

static message_t *insert(loc_t *loc, int at, message_t m)
{
    if (loc->cnt == loc->cap) {
        loc->cap = loc->cap == 0 ? 16 : loc->cap * 2;
        loc->m = realloc(loc->m, (size_t)loc->cap * sizeof *loc->m);
        if (loc->m == NULL) die("out of memory");
    }
    memmove(loc->m + at + 1, loc->m + at, (size_t)(loc->cnt - at) * sizeof *loc->m);
    loc->m[at] = m;
    loc->cnt++;
    return &loc->m[at];
}

/* find returns the index of a word, entering it with its present value if it is new. */
static int find(uint64_t *p)
{
    size_t h = ((uintptr_t)p >> 3) * 0x9E3779B97F4A7C15u % HASH_CNT;
    while (hash[h] != 0) {
        if (locs[hash[h] - 1].p == p) return hash[h] - 1;
        h = (h + 1) % HASH_CNT;
    }
    if (loc_cnt == WEAK_LOC_MAX) die("more words than WEAK_LOC_MAX");
    loc_t *loc = &locs[loc_cnt];
    loc->p = p;
    loc->cnt = 0;
    insert(loc, 0, (message_t){.value = *p, .ts = 0});
    hash[h] = ++loc_cnt;
    return loc_cnt - 1;
}

/* behind returns the ts for a message right behind number i, 0 when there is no place. */
static uint64_t behind(loc_t const *loc, int i)
{
    if (loc->m[i].sealed) return 0;
    if (i == loc->cnt - 1) return loc->m[i].ts + TS_GAP;
    uint64_t const gap = loc->m[i + 1].ts - loc->m[i].ts;
    return gap < 2 ? 0 : loc->m[i].ts + gap / 2;
}

/* possible returns 1 when op, by a thread that may read message i, can take that message (store: the place behind it). */
static int possible(loc_t const *loc, int i, weak_op_t const *op)
{
    switch (op->kind) {
    case WEAK_LOAD:
    case WEAK_LOAD_ACQUIRE: return 1;
    case WEAK_CAS:          return loc->m[i].value != op->have || behind(loc, i) != 0;
    default:                return behind(loc, i) != 0;
    }
}

/* pick returns the message of a choice, -1 when there are fewer; *cnt the number of choices up to there.  Newest first. */
static int pick(int t, weak_op_t const *op, int l, int choice, int *cnt)
{
    loc_t const *loc = &locs[l];
    uint64_t const oldest = view_at(&threads[t].now, l);
    *cnt = 0;
    for (int i = loc->cnt - 1; i >= 0 && loc->m[i].ts >= oldest; i--) {
        if (!possible(loc, i, op)) continue;
        if ((*cnt)++ == choice) return i;
    }
    return -1;
}

/* news returns the word of a choice among those read since the last hint that have a message newer than that read; -1 beyond.
 * The first read counts, not the last: a loop that saw a word change would take another way the next time. */
static int news(int t, int choice, int *cnt)
{
    thread_t const *th = &threads[t];
    *cnt = 0;
    for (int i = 0; i < th->read_cnt; i++) {
        loc_t const *loc = &locs[th->read[i]];
        if (loc->m[loc->cnt - 1].ts < th->read_ts[th->read[i]]) continue;
        if ((*cnt)++ == choice) return th->read[i];
    }
    return -1;
}

int weak_mem_choices(int t, weak_op_t const *op)
{
    int cnt;
    if (op->kind == WEAK_HINT) {
        news(t, -1, &cnt);
        return cnt;
    }
    if (op->p == NULL) return 1;
    int const l = find(op->p);
    if (*op->p != locs[l].m[locs[l].cnt - 1].value) return -1;
    pick(t, op, l, -1, &cnt);
    return cnt; /* at least 1: nothing stands behind the newest message */
}

/* ---- operations ---------------------------------------------------------------------------------------------------------- */

static void fence(thread_t *th, weak_kind_t kind)
{
    if (kind != WEAK_FENCE_RELEASE) view_join(&th->now, th->pending.ts, th->pending.cnt);
    if (kind == WEAK_FENCE_FULL) {
        view_join(&th->now, everyones.ts, everyones.cnt);
        view_copy(&everyones, &th->now);
    }
    if (kind != WEAK_FENCE_ACQUIRE) view_copy(&th->fenced, &th->now);
}

static void read_message(thread_t *th, int l, message_t const *m, int acquire)
{
    view_raise(&th->now, l, m->ts);
    join_message(&th->pending, m);
    if (acquire) join_message(&th->now, m);
    if (th->read_ts[l] == 0) {
        th->read_ts[l] = m->ts + 1;
        th->read[th->read_cnt++] = (uint16_t)l;
    }
}

static void write_message(thread_t *th, int l, int at, uint64_t value, int release)
{
    loc_t *loc = &locs[l];
    message_t m = {.value = value, .ts = behind(loc, at)};
    view_raise(&th->now, l, m.ts);
    m.view = pool_put(release ? &th->now : &th->fenced);
    insert(loc, at + 1, m);
    *loc->p = loc->m[loc->cnt - 1].value;
}

void weak_mem_apply(int t, weak_op_t *op, int choice)
{
    thread_t *th = &threads[t];
    int cnt;
    if (op->kind == WEAK_HINT) {
        int const l = news(t, choice, &cnt);
        if (l >= 0) { /* the next message of this one word has arrived; others may stay old */
            int i = 0;
            while (locs[l].m[i].ts < th->read_ts[l]) i++;
            view_raise(&th->now, l, locs[l].m[i].ts);
        }
        for (int i = 0; i < th->read_cnt; i++) th->read_ts[th->read[i]] = 0;
        th->read_cnt = 0;
        return;
    }
    if (op->p == NULL) {
        fence(th, op->kind);
        return;
    }
    int const l = find(op->p);
    int const at = pick(t, op, l, choice, &cnt);
    uint64_t const value = locs[l].m[at].value;
    switch (op->kind) {
    case WEAK_STORE:
    case WEAK_STORE_RELEASE:
        write_message(th, l, at, op->want, op->kind == WEAK_STORE_RELEASE);
        return;
    case WEAK_CAS:
    case WEAK_ADD:
        read_message(th, l, &locs[l].m[at], 1);
        op->done = op->kind == WEAK_ADD || value == op->have;
        if (op->done) {
            write_message(th, l, at, op->kind == WEAK_ADD ? value + op->want : op->want, 1);
            locs[l].m[at].sealed = 1;
        }
        break;
    default:
        read_message(th, l, &locs[l].m[at], op->kind == WEAK_LOAD_ACQUIRE);
    }
    op->out = value;
}

static int writes(weak_op_t const *op)
{
    return op->kind == WEAK_STORE || op->kind == WEAK_STORE_RELEASE || op->kind == WEAK_CAS || op->kind == WEAK_ADD;
}

int weak_mem_conflict(weak_op_t const *a, weak_op_t const *b)
{
    if (a->kind == WEAK_FENCE_FULL && b->kind == WEAK_FENCE_FULL) return 1;
    if (a->kind == WEAK_HINT) return writes(b);
    if (b->kind == WEAK_HINT) return writes(a);
    return a->p != NULL && a->p == b->p && (writes(a) || writes(b));
}
