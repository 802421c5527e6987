/* wire_play.c -- the replay: a file of frames, sent again and again to each /stream connection; see wire.h.
 *
 * The file: records of {u32 LE length, u8 kind (0 text, 1 REST snapshot, 2 binary), u8 sym, u16 0} and the bytes; symbols are numbered by first appearance.
 * At its end it begins anew, with the ids of its messages (U, u of depth and bookTicker, t of trades) raised by what the file spans: whoever follows sees one
 * sequence without end.  That its books fit is the file's business: its last frames have to lead back to its snapshots.  Ids keep their number of digits.
 *
 * Modes: flood (as fast as the socket takes them, `batch` frames a send), paced (one frame each pace_ns), answer (one for each wire_next_frame). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define PLAY_SYMS  1024
#define PLAY_LOOK  400       /* ids stand in the first bytes of a message */
#define SETTLE_NS  300000000 /* without a stamps file: how long after the last question for a snapshot the replay begins */

typedef struct {
    uint8_t *bytes; /* WebSocket head and payload */
    uint32_t len;
    uint16_t sym;
    uint16_t ids;   /* of id[] in use */
    struct {
        uint32_t at, digits;
        uint64_t base;
        int trade;
    } id[2];
    uint64_t u; /* of a depth frame, else 0 */
} play_frame_t;

typedef struct {
    char name[32]; /* BTCUSDT */
    char *snapshot;
    size_t snapshot_len;
    uint64_t low, high, trade_low, trade_high;
    int asked;
} play_sym_t;

enum { PLAY_FLOOD, PLAY_PACED, PLAY_ANSWER };

static struct {
    play_frame_t *frames;
    size_t cnt;
    play_sym_t syms[PLAY_SYMS];
    uint32_t sym_cnt;
    int mode;
    uint32_t batch;
    int64_t pace_ns;
    uint64_t limit; /* frames a connection; 0: none */
    wire_stamps_t *stamps, own;
    int has_file;   /* `go` is the client's */
    int64_t last_out_ns;
    uint64_t last_id;
} play;

/* ---- the file ---- */

/* play_id finds "key":digits in the first bytes of a message. */
static void play_id(play_frame_t *f, char const *text, size_t n, size_t head, char const *key, int trade)
{
    char const *at = memmem(text, n < PLAY_LOOK ? n : PLAY_LOOK, key, strlen(key));
    if (!at) return;
    at += strlen(key);
    uint32_t digits = 0;
    uint64_t v = 0;
    while (digits < 19 && at[digits] >= '0' && at[digits] <= '9') v = v * 10 + (uint64_t)(at[digits++] - '0');
    if (!digits) return;
    f->id[f->ids].at = (uint32_t)(head + (size_t)(at - text));
    f->id[f->ids].digits = digits;
    f->id[f->ids].base = v;
    f->id[f->ids++].trade = trade;
}

static void play_ids(play_frame_t *f, char const *text, size_t n, size_t head)
{
    play_sym_t *s = &play.syms[f->sym];
    char const *name = memmem(text, n < 64 ? n : 64, "\"stream\":\"", 10), *at = name ? memchr(name, '@', 48) : NULL;
    if (!at) return;
    name += 10;
    for (size_t i = 0; !s->name[i] && i < sizeof s->name - 1 && name + i < at; i++) s->name[i] = (char)(name[i] >= 'a' ? name[i] - 32 : name[i]);
    if (!strncmp(at, "@depth\"", 7) || !strncmp(at, "@depth@", 7)) {
        play_id(f, text, n, head, "\"U\":", 0);
        play_id(f, text, n, head, "\"u\":", 0);
        if (f->ids != 2) return;
        f->u = f->id[1].base;
        if (!s->low || f->id[0].base < s->low) s->low = f->id[0].base;
        if (f->u > s->high) s->high = f->u;
    } else if (!strncmp(at, "@bookTicker", 11)) {
        play_id(f, text, n, head, "\"u\":", 0);
    } else if (!strncmp(at, "@trade", 6)) {
        play_id(f, text, n, head, "\"t\":", 1);
        if (f->ids != 1) return;
        if (!s->trade_low || f->id[0].base < s->trade_low) s->trade_low = f->id[0].base;
        if (f->id[0].base > s->trade_high) s->trade_high = f->id[0].base;
    }
}

/* play_load reads the file; 0 if it is none. */
static int play_load(char const *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t h[8];
    size_t cap = 0;
    if (!file) return 0;
    while (fread(h, 1, 8, file) == 8) {
        size_t const n = (size_t)h[0] | (size_t)h[1] << 8 | (size_t)h[2] << 16 | (size_t)h[3] << 24;
        uint16_t const sym = (uint16_t)(h[5] | h[6] << 8);
        if (n > (64u << 20) || sym >= PLAY_SYMS || h[4] > 2) return 0;
        uint8_t *bytes = malloc(n + 16);
        if (!bytes) return 0;
        if (sym >= play.sym_cnt) play.sym_cnt = sym + 1u;
        if (h[4] == 1) {
            play_sym_t *s = &play.syms[sym];
            if (fread(bytes, 1, n, file) != n) return 0;
            free(s->snapshot);
            s->snapshot = (char *)bytes;
            s->snapshot_len = n;
            continue;
        }
        size_t const head = net_head(bytes, h[4] == 2 ? 2 : 1, n);
        if (fread(bytes + head, 1, n, file) != n) return 0;
        if (play.cnt == cap) {
            cap = cap ? 2 * cap : 4096;
            play.frames = realloc(play.frames, cap * sizeof *play.frames);
            if (!play.frames) return 0;
        }
        play_frame_t *f = &play.frames[play.cnt++];
        *f = (play_frame_t){.bytes = bytes, .len = (uint32_t)(head + n), .sym = sym};
        if (h[4] == 0) play_ids(f, (char *)bytes + head, n, head);
    }
    fclose(file);
    return play.cnt > 0;
}

/* ---- sending ---- */

/* play_frame makes the connection's next frame ready; returns its id. */
static uint64_t play_frame(wire_conn_t *c, play_frame_t const **out)
{
    play_frame_t const *f = *out = &play.frames[c->next];
    play_sym_t const *s = &play.syms[f->sym];
    uint64_t const span = s->high - s->low + 1, trade_span = s->trade_high - s->trade_low + 1;
    for (unsigned i = 0; i < f->ids; i++) {
        uint64_t v = f->id[i].base + c->round * (f->id[i].trade ? trade_span : span);
        for (uint32_t d = f->id[i].digits; d-- > 0; v /= 10) f->bytes[f->id[i].at + d] = (uint8_t)('0' + v % 10);
        if (v) c->dead = 1; /* one digit more: a sequence that cannot go on */
    }
    if (++c->next == play.cnt) c->next = 0, c->round++;
    return f->u ? f->u + (f == &play.frames[play.cnt - 1] && c->next == 0 ? c->round - 1 : c->round) * span : 0;
}

static uint64_t play_may(wire_conn_t const *c, uint64_t n)
{
    uint64_t const go = __atomic_load_n(&play.stamps->go, __ATOMIC_ACQUIRE), sent = play.stamps->sent;
    if (play.has_file && n > go - sent) n = go > sent ? go - sent : 0;
    if (play.limit && n > play.limit - c->cnt) n = play.limit - c->cnt;
    return n;
}

/* play_out sends up to n frames in one write; each has the stamp of that write. */
static void play_out(wire_conn_t *c, uint64_t n)
{
    uint64_t const from = play.stamps->sent;
    n = play_may(c, n);
    if (!n || c->tx_end) return;
    for (uint64_t i = 0; i < n && !c->dead; i++) {
        play_frame_t const *f;
        uint64_t const id = play_frame(c, &f);
        net_plain(c, f->bytes, f->len);
        play.stamps->at[(from + i) % WIRE_STAMPS].id = play.last_id = id;
    }
    play.last_out_ns = wire_now_ns();
    for (uint64_t i = 0; i < n; i++) play.stamps->at[(from + i) % WIRE_STAMPS].out_ns = play.last_out_ns;
    __atomic_store_n(&play.stamps->sent, from + n, __ATOMIC_RELEASE); /* before the send: who has the frame has its stamp */
    c->cnt += n;
    net_flush(c);
}

/* play_begins says whether a connection's replay has begun: the client's business with a stamps file, else once the snapshots have been fetched. */
static int play_begins(wire_conn_t *c, int64_t now_ns)
{
    if (c->playing) return 1;
    if (!c->asked_ns) return 0;
    if (!play.has_file) {
        if (now_ns - c->asked_ns < SETTLE_NS) return 0;
        for (uint32_t i = 0; i < play.sym_cnt; i++)
            if (play.syms[i].snapshot && !play.syms[i].asked && now_ns - c->asked_ns < 20 * (int64_t)SETTLE_NS) return 0;
    }
    c->due_ns = now_ns;
    return c->playing = 1;
}

static void play_tick(wire_conn_t *c, int64_t now_ns)
{
    if (!play_begins(c, now_ns)) return;
    if (play.mode == PLAY_FLOOD) play_out(c, play.batch);
    else if (play.mode == PLAY_PACED && now_ns >= c->due_ns) {
        play_out(c, 1);
        c->due_ns += play.pace_ns;
        if (c->due_ns < now_ns) c->due_ns = now_ns + play.pace_ns; /* late: no burst follows */
    }
}

static void wire_next_frame(void)
{
    for (wire_conn_t *c = conns; c < conns + CONNS_MAX; c++)
        if (c->kind == WIRE_STREAM && c->playing) play_out(c, 1);
}

static int64_t wire_last_out_ns(void) { return play.last_out_ns; }
static uint64_t wire_last_id(void) { return play.last_id; }
