/* feed_plain.c -- the shortest loop that takes a venue's frames and publishes books: the yardstick of bench_feed.c.
 *
 * No project header.  It knows one schema, in one order of keys, and numbers of 8 decimals; a book side is an array by tick with the best one
 * remembered, searched linearly; a slot of 256 bytes gets a head and 5 levels a side between two stamps.  It checks the update ids and next to
 * nothing else: no UTF-8, no repeated key, no overflow, no tick off the grid, no histogram.  Included as a file.  Not for the product. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLAIN_TICKS  65536
#define PLAIN_TICK   1000000LL /* 0.01 at 1e-8 */
#define PLAIN_SLOTS  8192
#define PLAIN_LEVELS 5

typedef struct {
    uint64_t stamp;
    int64_t exch_ns, recv_ns, pub_ns;
    uint64_t seq;
    uint32_t bid_len, ask_len;
    int64_t pad[6];
    int64_t level[2][PLAIN_LEVELS][2];
} plain_slot_t;

typedef struct {
    int64_t *qty[2];
    int64_t base; /* tick of entry 0 */
    int32_t best[2];
    uint64_t id, bbo_id, n;
    plain_slot_t *ring, latest;
} plain_feed_t;

static void plain_feed_init(plain_feed_t *f, int64_t mid_tick, uint64_t id)
{
    *f = (plain_feed_t){.base = mid_tick - PLAIN_TICKS / 2, .id = id, .best = {0, PLAIN_TICKS - 1}};
    for (int s = 0; s < 2; s++) f->qty[s] = calloc(PLAIN_TICKS, sizeof(int64_t));
    f->ring = aligned_alloc(64, PLAIN_SLOTS * sizeof *f->ring);
    if (!f->qty[0] || !f->qty[1] || !f->ring) abort();
    memset(f->ring, 0, PLAIN_SLOTS * sizeof *f->ring);
}

__attribute__((unused)) static void plain_feed_fini(plain_feed_t *f)
{
    free(f->qty[0]);
    free(f->qty[1]);
    free(f->ring);
}

static inline char const *plain_uint(char const *p, uint64_t *out)
{
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++) v = 10 * v + (uint64_t)(*p - '0');
    *out = v;
    return p;
}

/* "60000.01000000" with its quotes */
static inline char const *plain_px(char const *p, int64_t *out)
{
    uint64_t v;
    p = plain_uint(p + 1, &v);
    for (int i = 1; i <= 8; i++) v = 10 * v + (uint64_t)(p[i] - '0');
    *out = (int64_t)v;
    return p + 10;
}

static inline void plain_set(plain_feed_t *f, int side, int64_t px, int64_t qty)
{
    int64_t const i = px / PLAIN_TICK - f->base;
    if (i < 0 || i >= PLAIN_TICKS) return;
    f->qty[side][i] = qty;
    int32_t const at = (int32_t)i;
    if (side == 0) {
        if (qty && at > f->best[0]) f->best[0] = at;
        else if (!qty && at == f->best[0]) while (f->best[0] > 0 && !f->qty[0][f->best[0]]) f->best[0]--;
    } else {
        if (qty && at < f->best[1]) f->best[1] = at;
        else if (!qty && at == f->best[1]) while (f->best[1] < PLAIN_TICKS - 1 && !f->qty[1][f->best[1]]) f->best[1]++;
    }
}

/* [["px","qty"],...] */
static inline char const *plain_levels(plain_feed_t *f, int side, char const *p)
{
    if (p[1] == ']') return p + 2;
    do {
        int64_t px, qty;
        p = plain_px(p + 2, &px);
        p = plain_px(p + 1, &qty);
        plain_set(f, side, px, qty);
        p++;
    } while (*p == ',');
    return p + 1;
}

static void plain_store(plain_slot_t *slot, plain_slot_t const *from, uint64_t n)
{
    __atomic_store_n(&slot->stamp, 2 * n + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy((uint8_t *)slot + 8, (uint8_t const *)from + 8, sizeof *slot - 8);
    __atomic_store_n(&slot->stamp, 2 * n + 2, __ATOMIC_RELEASE);
}

static void plain_publish_slot(plain_feed_t *f, plain_slot_t *s)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    s->pub_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    plain_store(&f->latest, s, f->n);
    plain_store(&f->ring[f->n % PLAIN_SLOTS], s, f->n);
    f->n++;
}

/* One text.  Returns 1 if it was published, 0 if the ids do not fit. */
static int plain_text(plain_feed_t *f, char const *p, size_t n, int64_t recv_ns)
{
    plain_slot_t s = {.recv_ns = recv_ns};
    (void)n;
    p = strchr(p + 11, '@') + 1;
    if (*p == 'd') {
        uint64_t ms, from, to;
        p = strchr(p, ':') + 1;              /* "data": */
        p = plain_uint(p + 23, &ms);         /* {"e":"depthUpdate","E": */
        p = strchr(p + 6, '"');              /* ,"s":"BTCUSDT" */
        p = plain_uint(p + 6, &from);        /* ","U": */
        p = plain_uint(p + 5, &to);          /* ,"u": */
        if (from > f->id + 1 || to <= f->id) return 0;
        p = plain_levels(f, 0, p + 5);       /* ,"b": */
        plain_levels(f, 1, p + 5);           /* ,"a": */
        f->id = s.seq = to;
        s.exch_ns = (int64_t)ms * 1000000;
        for (int32_t i = f->best[0]; i > 0 && s.bid_len < PLAIN_LEVELS; i--) {
            if (!f->qty[0][i]) continue;
            s.level[0][s.bid_len][0] = (f->base + i) * PLAIN_TICK;
            s.level[0][s.bid_len++][1] = f->qty[0][i];
        }
        for (int32_t i = f->best[1]; i < PLAIN_TICKS && s.ask_len < PLAIN_LEVELS; i++) {
            if (!f->qty[1][i]) continue;
            s.level[1][s.ask_len][0] = (f->base + i) * PLAIN_TICK;
            s.level[1][s.ask_len++][1] = f->qty[1][i];
        }
    } else {
        p = strchr(p, ':') + 1;
        p = plain_uint(p + 5, &s.seq);       /* {"u": */
        p = strchr(p + 6, '"');              /* ,"s":"BTCUSDT" */
        for (int i = 0; i < 2; i++) {
            p = plain_px(p + 6, &s.level[i][0][0]);
            p = plain_px(p + 5, &s.level[i][0][1]);
            p--;
        }
        if (s.seq <= f->bbo_id) return 0;
        f->bbo_id = s.seq;
        s.bid_len = s.ask_len = 1;
    }
    plain_publish_slot(f, &s);
    return 1;
}

/* One WebSocket frame, unmasked, whole.  Returns its size. */
__attribute__((noinline)) static size_t plain_frame(plain_feed_t *f, uint8_t const *p, int64_t recv_ns, int *good)
{
    size_t n = p[1] & 127, head = 2;
    if (n == 126) n = (size_t)p[2] << 8 | p[3], head = 4;
    *good += plain_text(f, (char const *)p + head, n, recv_ns);
    return head + n;
}
