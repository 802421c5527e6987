/* traffic.h -- market messages for the benches: made from a seed, or read from a frames file.
 *
 * For: bench_feed.c, bench_sbe.c, bench_wire.c, and the programs in ref/ that must not know the project; so no project header, only libc.  Not for
 * tests of correctness: tests/world and the tapes have those.
 *
 * A frames file is a row of records, each a head of 8 bytes and `len` bytes:
 *
 *   off  size  field
 *     0     4  len     little endian
 *     4     1  kind    0 WebSocket text {"stream":..,"data":..}, 1 body of a REST snapshot, 2 binary
 *     5     1  sym     number of the symbol, by first appearance: low 8 bits
 *     6     2  sym     the higher bits
 *
 * What is made: first a snapshot of each symbol, `levels` a side on consecutive ticks; then `msgs` messages, symbols in turn.  A depth message
 * changes 2 x `changes` levels: half of them within 10 ticks of the best price, 97 % within 100, the rest anywhere among the first `levels`; 30 %
 * are deletions.  Update ids continue each other from the snapshot on and have 11 digits.
 *
 * Round and round: the price of a symbol goes the same way back in the second half, and each step deletes the prices it has crossed, there or
 * not.  So after the last message the first one may follow again with its ids raised (traffic_raise), and no book is ever crossed.
 *
 * Times: "E" has 13 digits (ms), or 16 (us) with opts.us; a server may write its own stamp over them. */
#ifndef AATS_BENCH_TRAFFIC_H
#define AATS_BENCH_TRAFFIC_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAFFIC_TEXT = 0, TRAFFIC_REST = 1, TRAFFIC_BINARY = 2 };

#define TRAFFIC_SYMS_MAX 1000
#define TRAFFIC_FIRST_ID 50000000000ULL /* lastUpdateId of every snapshot */
#define TRAFFIC_MID      6000000        /* ticks of 0.01 */
#define TRAFFIC_STEPS    256            /* the price is never further from TRAFFIC_MID */

typedef struct {
    uint64_t seed;
    uint32_t syms;      /* 1 .. TRAFFIC_SYMS_MAX */
    uint32_t msgs;
    uint32_t depth_pct; /* of the messages, in %; bbo_pct likewise; the rest are trades */
    uint32_t bbo_pct;
    uint32_t changes;   /* levels a side of a depth message, up to 200 */
    uint32_t levels;    /* a side of the snapshot, up to 5000 */
    int us;             /* times in us */
} traffic_opts_t;

typedef struct {
    uint8_t *data;
    size_t sz, cap;
    uint32_t cnt;
} traffic_t;

typedef struct {
    uint32_t len, sym;
    int kind;
    char *bytes;
} traffic_frame_t;

__attribute__((unused)) static traffic_opts_t traffic_defaults(void)
{
    return (traffic_opts_t){.seed = 1, .syms = 1, .msgs = 1024, .depth_pct = 100, .changes = 20, .levels = 1000};
}

/* ---- records ---- */

static void traffic_room(traffic_t *t, size_t need)
{
    if (t->sz + need <= t->cap) return;
    while (t->cap < t->sz + need) t->cap = t->cap ? 2 * t->cap : (size_t)1 << 20;
    t->data = realloc(t->data, t->cap);
    if (!t->data) abort();
}

static void traffic_add(traffic_t *t, int kind, uint32_t sym, void const *bytes, size_t len)
{
    uint8_t const head[8] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), (uint8_t)(len >> 24), (uint8_t)kind,
                             (uint8_t)sym, (uint8_t)(sym >> 8), (uint8_t)(sym >> 16)};
    traffic_room(t, sizeof head + len);
    memcpy(t->data + t->sz, head, sizeof head);
    memcpy(t->data + t->sz + sizeof head, bytes, len);
    t->sz += sizeof head + len;
    t->cnt++;
}

/* traffic_next gives the record at *at (0 for the first) and steps over it: 1, 0 behind the last, -1 for a cut one. */
__attribute__((unused)) static int traffic_next(traffic_t const *t, size_t *at, traffic_frame_t *out)
{
    if (*at == t->sz) return 0;
    uint8_t const *p = t->data + *at;
    if (t->sz - *at < 8) return -1;
    out->len = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    out->kind = p[4];
    out->sym = p[5] | (uint32_t)p[6] << 8 | (uint32_t)p[7] << 16;
    if (t->sz - *at - 8 < out->len) return -1;
    out->bytes = (char *)t->data + *at + 8;
    *at += 8 + (size_t)out->len;
    return 1;
}

__attribute__((unused)) static void traffic_free(traffic_t *t)
{
    free(t->data);
    *t = (traffic_t){0};
}

/* traffic_write returns 1 if the whole file was written; traffic_read 1 if it is one of whole records. */
__attribute__((unused)) static int traffic_write(traffic_t const *t, char const *path)
{
    FILE *f = fopen(path, "wb");
    if (!f) return 0;
    int const ok = fwrite(t->data, 1, t->sz, f) == t->sz;
    return fclose(f) == 0 && ok;
}

__attribute__((unused)) static int traffic_read(traffic_t *t, char const *path)
{
    char chunk[65536];
    size_t got, at = 0;
    traffic_frame_t frame;
    FILE *f = fopen(path, "rb");
    *t = (traffic_t){0};
    if (!f) return 0;
    while ((got = fread(chunk, 1, sizeof chunk, f)) > 0) {
        traffic_room(t, got);
        memcpy(t->data + t->sz, chunk, got);
        t->sz += got;
    }
    fclose(f);
    int rc;
    while ((rc = traffic_next(t, &at, &frame)) == 1) t->cnt++;
    return rc == 0 && t->cnt > 0;
}

/* ---- ids and names ---- */

/* traffic_digits finds the digits behind `key` ("\"u\":") in a frame; returns how many, *at is their place. */
__attribute__((unused)) static int traffic_digits(traffic_frame_t const *f, char const *key, char **at)
{
    char *p = memmem(f->bytes, f->len, key, strlen(key));
    int n = 0;
    if (!p) return 0;
    for (*at = p += strlen(key); p + n < f->bytes + f->len && p[n] >= '0' && p[n] <= '9';) n++;
    return n;
}

__attribute__((unused)) static uint64_t traffic_id(traffic_frame_t const *f, char const *key)
{
    char *at;
    uint64_t v = 0;
    for (int i = 0, n = traffic_digits(f, key, &at); i < n; i++) v = 10 * v + (uint64_t)(at[i] - '0');
    return v;
}

/* traffic_raise adds to the update ids ("U", "u") and the trade id ("t") of a text, in place: the number of digits stays. */
__attribute__((unused)) static void traffic_raise(traffic_frame_t *f, uint64_t by)
{
    static char const *const KEYS[] = {"\"U\":", "\"u\":", "\"t\":"};
    for (int k = 0; k < 3; k++) {
        char *at;
        int n = traffic_digits(f, KEYS[k], &at);
        uint64_t v = n ? traffic_id(f, KEYS[k]) + by : 0;
        for (; n > 0; n--, v /= 10) at[n - 1] = (char)('0' + v % 10);
    }
}

/* traffic_name writes the native name of a symbol that was made here; traffic_name_of takes it from a file's first text of that symbol, in
 * capitals: 1, or 0 if there is none. */
__attribute__((unused)) static void traffic_name(uint32_t sym, char out[24])
{
    if (sym < 2) snprintf(out, 24, "%s", sym ? "ETHUSDT" : "BTCUSDT");
    else snprintf(out, 24, "C%03" PRIu32 "USDT", sym);
}

__attribute__((unused)) static int traffic_name_of(traffic_t const *t, uint32_t sym, char out[48])
{
    static char const HEAD[] = "{\"stream\":\"";
    traffic_frame_t f;
    for (size_t at = 0; traffic_next(t, &at, &f) == 1;) {
        if (f.kind != TRAFFIC_TEXT || f.sym != sym || f.len < sizeof HEAD || memcmp(f.bytes, HEAD, sizeof HEAD - 1)) continue;
        char const *s = f.bytes + sizeof HEAD - 1, *end = memchr(s, '@', f.len - sizeof HEAD);
        if (!end || end - s > 47) continue;
        for (size_t i = 0; i < (size_t)(end - s); i++) out[i] = (char)(s[i] >= 'a' && s[i] <= 'z' ? s[i] - 32 : s[i]);
        out[end - s] = 0;
        return 1;
    }
    return 0;
}

/* traffic_is says whether a frame is a text of a stream: "@depth" is the diffs ("@depth", "@depth@100ms"), not "@depth20". */
__attribute__((unused)) static int traffic_is(traffic_frame_t const *f, char const *stream)
{
    size_t const n = strlen(stream);
    char const *at = f->kind == TRAFFIC_TEXT && f->len > 64 ? memchr(f->bytes, '@', 48) : NULL;
    return at && !memcmp(at, stream, n) && (at[n] == '"' || at[n] == '@');
}

/* traffic_tick returns the spacing of the prices in a symbol's snapshot, at 1e-8 (the venue prints 8 decimals), as an instrument list would say; 0: none. */
__attribute__((unused)) static int64_t traffic_tick(traffic_t const *t, uint32_t sym)
{
    traffic_frame_t f;
    int64_t tick = 0, px, rest;
    for (size_t at = 0; traffic_next(t, &at, &f) == 1;) {
        if (f.kind != TRAFFIC_REST || f.sym != sym) continue;
        char const *p = f.bytes, *const end = f.bytes + f.len;
        while ((p = memmem(p, (size_t)(end - p), "[\"", 2))) {
            for (px = 0, p += 2; p < end && *p != '"'; p++)
                if (*p != '.') px = 10 * px + (*p - '0');
            for (; px; px = rest) rest = tick % px, tick = px;
        }
        return tick;
    }
    return 0;
}

/* ---- making ---- */

typedef struct {
    uint64_t rng, id, trade;
    uint64_t told;      /* id up to which the depth messages have told */
    uint32_t msgs, at;  /* of this symbol */
    int16_t *way;       /* distance of the price from TRAFFIC_MID, for the first half of them */
    int64_t mid;        /* best bid in ticks; the best ask is one above */
} traffic_sym_t;

static uint64_t traffic_rand(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static int64_t traffic_near(uint64_t *rng, uint32_t levels)
{
    uint64_t const roll = traffic_rand(rng) % 100;
    uint64_t const span = roll < 50 ? 10 : roll < 97 ? 100 : levels;
    return (int64_t)(traffic_rand(rng) % (span < levels ? span : levels));
}

static int traffic_by_value(void const *a, void const *b)
{
    int64_t const x = *(int64_t const *)a, y = *(int64_t const *)b;
    return (x > y) - (x < y);
}

/* One level as Binance prints it: ["60000.01000000","0.85314000"], qty in units of 0.00001. */
static char *traffic_level(char *p, int64_t tick, uint64_t qty)
{
    return p + sprintf(p, "[\"%" PRId64 ".%02d000000\",\"%" PRIu64 ".%05d000\"],", tick / 100, (int)(tick % 100), qty / 100000, (int)(qty % 100000));
}

/* One side of a depth message, best first: the prices that the step has crossed, then `changes` different ones. */
static char *traffic_side(char *p, traffic_sym_t *s, traffic_opts_t const *o, int side, int crossed)
{
    int64_t off[200] = {0};
    char *const first = p;
    for (int i = crossed; i > 0; i--) p = traffic_level(p, side ? s->mid + 1 - i : s->mid + i, 0);
    for (uint32_t n = (uint32_t)crossed, i; n < o->changes;) {
        off[n] = traffic_near(&s->rng, o->levels);
        for (i = (uint32_t)crossed; i < n && off[i] != off[n];) i++;
        n += i == n;
    }
    if ((uint32_t)crossed < o->changes) qsort(off + crossed, o->changes - (uint32_t)crossed, sizeof *off, traffic_by_value);
    for (uint32_t n = (uint32_t)crossed; n < o->changes; n++) {
        uint64_t const qty = traffic_rand(&s->rng) % 10 < 3 ? 0 : 1 + traffic_rand(&s->rng) % 500000;
        p = traffic_level(p, side ? s->mid + 1 + off[n] : s->mid - off[n], qty);
    }
    return p - (p > first); /* without the last comma */
}

static size_t traffic_message(char *p, traffic_sym_t *s, traffic_opts_t const *o, uint32_t sym, uint64_t ms, int roll)
{
    char *const first = p;
    char name[24], low[24], time[24];
    traffic_name(sym, name);
    for (int i = 0; i < 24; i++) low[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    snprintf(time, sizeof time, o->us ? "%" PRIu64 "000" : "%" PRIu64, ms);
    uint32_t const back = s->msgs - 1 - s->at, half = s->at < back ? s->at : back;
    int64_t const mid = TRAFFIC_MID + s->way[half], up = mid - s->mid;
    s->at++;
    if (roll < (int)o->depth_pct || (!back && o->depth_pct)) { /* the last one takes the price home */
        s->mid = mid;
        uint64_t const from = s->told + 1;
        s->told = s->id += 2 * o->changes + traffic_rand(&s->rng) % 20;
        p += sprintf(p, "{\"stream\":\"%s@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":%s,\"s\":\"%s\",\"U\":%" PRIu64 ",\"u\":%" PRIu64 ",\"b\":[",
                     low, time, name, from, s->id);
        p = traffic_side(p, s, o, 0, up < 0 ? (int)-up : 0);
        p += sprintf(p, "],\"a\":[");
        p = traffic_side(p, s, o, 1, up > 0 ? (int)up : 0);
        p += sprintf(p, "]}}");
    } else if (roll < (int)(o->depth_pct + o->bbo_pct)) {
        char lv[2][64];
        int64_t const bid = s->mid - (int64_t)(traffic_rand(&s->rng) % 3), ask = s->mid + 1 + (int64_t)(traffic_rand(&s->rng) % 3);
        for (int i = 0; i < 2; i++) traffic_level(lv[i], i ? ask : bid, 1 + traffic_rand(&s->rng) % 500000);
        char *bid_qty = strchr(lv[0], ',') + 1, *ask_qty = strchr(lv[1], ',') + 1;
        p += sprintf(p, "{\"stream\":\"%s@bookTicker\",\"data\":{\"u\":%" PRIu64 ",\"s\":\"%s\",\"b\":%.*s,\"B\":%.*s,\"a\":%.*s,\"A\":%.*s}}", low,
                     s->id += 1 + (o->depth_pct ? 0 : traffic_rand(&s->rng) % 20), name, (int)(bid_qty - lv[0] - 2), lv[0] + 1, (int)strcspn(bid_qty, "]"),
                     bid_qty, (int)(ask_qty - lv[1] - 2), lv[1] + 1, (int)strcspn(ask_qty, "]"), ask_qty);
    } else {
        char lv[64];
        traffic_level(lv, s->mid + (int64_t)(traffic_rand(&s->rng) & 1), 1 + traffic_rand(&s->rng) % 500000);
        char *qty = strchr(lv, ',') + 1;
        p += sprintf(p, "{\"stream\":\"%s@trade\",\"data\":{\"e\":\"trade\",\"E\":%s,\"s\":\"%s\",\"t\":%" PRIu64 ",\"p\":%.*s,\"q\":%.*s,\"T\":%s,\"m\":%s,\"M\":true}}",
                     low, time, name, ++s->trade, (int)(qty - lv - 2), lv + 1, (int)strcspn(qty, "]"), qty, time, traffic_rand(&s->rng) & 1 ? "true" : "false");
    }
    return (size_t)(p - first);
}

static size_t traffic_snapshot(char *p, traffic_sym_t *s, traffic_opts_t const *o)
{
    char *const first = p;
    p += sprintf(p, "{\"lastUpdateId\":%" PRIu64, s->id);
    for (int side = 0; side < 2; side++) {
        p += sprintf(p, ",\"%s\":[", side ? "asks" : "bids");
        for (uint32_t i = 0; i < o->levels; i++)
            p = traffic_level(p, side ? s->mid + 1 + i : s->mid - i, 1 + traffic_rand(&s->rng) % 500000);
        p += sprintf(p - 1, "]") - 1;
    }
    p += sprintf(p, "}");
    return (size_t)(p - first);
}

/* traffic_make appends what the options say to *t.  A bookTicker takes an id, which the next depth message covers. */
__attribute__((unused)) static void traffic_make(traffic_t *t, traffic_opts_t const *o)
{
    traffic_sym_t *syms = calloc(o->syms, sizeof *syms);
    char *text = malloc(256 + 80 * (2 * (size_t)o->levels + 2 * (size_t)o->changes + 16));
    if (!syms || !text) abort();
    for (uint32_t i = 0; i < o->syms; i++) {
        traffic_sym_t *s = &syms[i];
        *s = (traffic_sym_t){.rng = o->seed * 1000003 + i, .id = TRAFFIC_FIRST_ID, .told = TRAFFIC_FIRST_ID, .trade = 5000000000, .mid = TRAFFIC_MID};
        s->msgs = o->msgs / o->syms + (i < o->msgs % o->syms);
        s->way = calloc(s->msgs / 2 + 1, sizeof *s->way);
        if (!s->way) abort();
        for (uint32_t k = 1; k < s->msgs / 2 + 1; k++) {
            int const step = traffic_rand(&s->rng) % 4 ? 0 : traffic_rand(&s->rng) & 1 ? 1 : -1;
            int const to = s->way[k - 1] + step;
            s->way[k] = (int16_t)(to > TRAFFIC_STEPS || to < -TRAFFIC_STEPS ? s->way[k - 1] : to);
        }
        traffic_add(t, TRAFFIC_REST, i, text, traffic_snapshot(text, s, o));
    }
    uint64_t rng = o->seed;
    for (uint32_t m = 0; m < o->msgs; m++) {
        uint32_t const sym = m % o->syms;
        traffic_add(t, TRAFFIC_TEXT, sym, text, traffic_message(text, &syms[sym], o, sym, 1785312000000 + m / 20, (int)(traffic_rand(&rng) % 100)));
    }
    for (uint32_t i = 0; i < o->syms; i++) free(syms[i].way);
    free(syms);
    free(text);
}

#endif
