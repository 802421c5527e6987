/* fan_compat.c -- see fan_compat.h. */
#include "app/fan_compat.h"

#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "proto/compat.h"
#include "shm/directory.h"
#include "shm/latest.h"

int compat_open(compat_t *c, uint32_t peer_max)
{
    size_t const outs = (size_t)peer_max + 1; /* and the datagrams */
    c->syms = calloc(AATS_DIR_MAX, sizeof *c->syms);
    c->of_dir = malloc(AATS_DIR_MAX * sizeof *c->of_dir);
    c->ticks = calloc(COMPAT_TICKS, sizeof *c->ticks);
    c->since = calloc(outs * AATS_DIR_MAX, sizeof *c->since);
    c->fifo = calloc(outs * AATS_DIR_MAX, sizeof *c->fifo);
    if (!c->syms || !c->of_dir || !c->ticks || !c->since || !c->fifo) return 0;
    for (int i = 0; i < AATS_DIR_MAX; i++) c->of_dir[i] = -1;
    compat_place(c, peer_max, &c->net);
    return 1;
}

void compat_close(compat_t *c)
{
    free(c->syms);
    free(c->of_dir);
    free(c->ticks);
    free(c->since);
    free(c->fifo);
}

void compat_place(compat_t *c, uint32_t peer, compat_out_t *out)
{
    *out = (compat_out_t){.since = c->since + (size_t)peer * AATS_DIR_MAX, .fifo = c->fifo + (size_t)peer * AATS_DIR_MAX};
}

int compat_add(compat_t *c, char const *symbol, int32_t cid, uint32_t depth)
{
    size_t const len = symbol ? strnlen(symbol, AATS_SYMBOL_SZ) : 0;
    if (!len || len == AATS_SYMBOL_SZ || depth < 1 || depth > AATS_COMPAT_DEPTH_MAX) return AATS_E_ARG;
    for (uint32_t i = 0; i < c->sym_cnt; i++)
        if (!strcmp(c->syms[i].symbol, symbol)) return AATS_E_ARG;
    if (c->sym_cnt == AATS_DIR_MAX) return AATS_E_FULL;
    compat_sym_t *s = &c->syms[c->sym_cnt++];
    *s = (compat_sym_t){.cid = cid, .depth = depth, .dir = -1};
    memcpy(s->symbol, symbol, len);
    return AATS_OK;
}

void compat_map(compat_t *c, aats_md_view_t const *view)
{
    uint32_t const cnt = aats_dir_cnt(view);
    for (; c->mapped < cnt; c->mapped++) {
        aats_dir_t d;
        if (aats_dir_read(view, c->mapped, &d) != AATS_OK) continue;
        for (uint32_t i = 0; i < c->sym_cnt; i++) {
            if (strcmp(c->syms[i].symbol, d.symbol)) continue;
            c->of_dir[c->mapped] = (int16_t)i;
            c->syms[i].dir = (int32_t)c->mapped;
            c->syms[i].px_exp = d.px_exp;
            c->syms[i].qty_exp = d.qty_exp;
        }
    }
}

void compat_changed(compat_t *c, compat_out_t *out, int sym)
{
    if (out->since[sym]) return; /* its older state waits to go out: the newer one will go in its place */
    out->since[sym] = c->event;
    out->fifo[(out->fifo_at + out->fifo_cnt++) % AATS_DIR_MAX] = (uint16_t)sym;
}

void compat_begin(compat_t *c, compat_out_t *out)
{
    memset(out->since, 0, AATS_DIR_MAX * sizeof *out->since);
    out->fifo_at = out->fifo_cnt = 0;
    out->tick_next = c->tick_end;
    c->event++;
    for (uint32_t i = 0; i < c->sym_cnt; i++) compat_changed(c, out, (int)i);
}

int compat_record(compat_t *c, aats_rec_t const *rec)
{
    if (rec->sym >= AATS_DIR_MAX || c->of_dir[rec->sym] < 0) return -1;
    int const sym = c->of_dir[rec->sym];
    if (rec->kind == AATS_REC_QUOTE) {
        c->event++;
        return sym;
    }
    if (rec->kind == AATS_REC_TICK) {
        c->ticks[c->tick_end++ % COMPAT_TICKS] = (compat_tick_t){
            .event = ++c->event, .sym = (uint32_t)sym, .flags = rec->flags, .px_i = rec->px_i, .qty_i = rec->qty_i};
    }
    return -1;
}

int compat_waits(compat_t const *c, compat_out_t const *out) { return out->fifo_cnt || out->tick_next < c->tick_end; }

static size_t next_tick(compat_t *c, compat_out_t *out, int form, uint8_t *bytes, size_t cap)
{
    compat_tick_t const *t = &c->ticks[out->tick_next++ % COMPAT_TICKS];
    compat_sym_t const *s = &c->syms[t->sym];
    aats_rec_t const rec = {.kind = AATS_REC_TICK, .flags = (uint8_t)t->flags, .px_i = t->px_i, .qty_i = t->qty_i};
    int const n = aats_compat_tick(bytes, cap, form, s->cid, &rec, s->px_exp, s->qty_exp);
    return n > 0 ? (size_t)n : 0;
}

static size_t next_book(compat_t *c, compat_out_t *out, aats_md_view_t const *view, int form, uint8_t *bytes, size_t cap)
{
    uint32_t const sym = out->fifo[out->fifo_at];
    compat_sym_t const *s = &c->syms[sym];
    aats_rec_t rec;
    out->fifo_at = (out->fifo_at + 1) % AATS_DIR_MAX;
    out->fifo_cnt--;
    out->since[sym] = 0; /* before the read: a change that comes after it puts the symbol there again */
    if (s->dir < 0 || aats_latest_read(view, (uint32_t)s->dir, &rec, c->levels[0], c->levels[1], s->depth) != AATS_OK) return 0;
    if (!(rec.flags & AATS_F_VALID)) return 0;
    if (rec.bid_len > s->depth) rec.bid_len = (uint16_t)s->depth;
    if (rec.ask_len > s->depth) rec.ask_len = (uint16_t)s->depth;
    int const n = aats_compat_book(bytes, cap, form, s->cid, s->depth, &rec, c->levels[0], c->levels[1], s->px_exp, s->qty_exp);
    return n > 0 ? (size_t)n : 0;
}

size_t compat_next(compat_t *c, compat_out_t *out, aats_md_view_t const *view, int form, uint8_t *bytes, size_t cap)
{
    size_t n = 0;
    if (c->tick_end - out->tick_next > COMPAT_TICKS) out->tick_next = c->tick_end - COMPAT_TICKS;
    while (!n && compat_waits(c, out)) {
        int const tick = out->tick_next < c->tick_end;
        uint64_t const tick_event = tick ? c->ticks[out->tick_next % COMPAT_TICKS].event : UINT64_MAX;
        uint64_t const book_event = out->fifo_cnt ? out->since[out->fifo[out->fifo_at]] : UINT64_MAX;
        n = tick_event < book_event ? next_tick(c, out, form, bytes, cap) : next_book(c, out, view, form, bytes, cap);
    }
    return n;
}
