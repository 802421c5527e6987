/* feed_mail.c -- what the control plane asks of a feed: symbols that come and go, levels, snapshots, options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed_state.h"
#include "proto/swar.h"
#include "shm/directory.h"

/* ---- names ---- */

/* A name in lower case as two words: its first 8 characters and its last 8, or the halves of a shorter one.  Names of up to 16 characters are the same if
 * words and lengths are. */
static name_key_t key_of(char const *s, size_t n)
{
    uint64_t first = 0, last = 0;
    if (n >= 8) {
        first = aats_swar_load8(s);
        last = aats_swar_load8(s + n - 8);
    } else if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, s, 4);
        memcpy(&high, s + n - 4, 4);
        first = low | (uint64_t)high << 32;
    } else {
        for (size_t i = 0; i < n; i++) first |= (uint64_t)(uint8_t)s[i] << (8 * i);
    }
    return (name_key_t){aats_swar_lower(first), aats_swar_lower(last), (uint32_t)n, 0};
}

static uint32_t hash_of(name_key_t k)
{
    uint64_t const h = (k.first ^ (k.last + k.len) * 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
    return (uint32_t)(h >> 32);
}

static int same_name(char const *have, char const *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char a = have[i], b = s[i];
        if (a >= 'A' && a <= 'Z') a += 32;
        if (b >= 'A' && b <= 'Z') b += 32;
        if (a != b || !a) return 0;
    }
    return !have[n];
}

sym_t *feed_find(aats_feed_t *f, char const *native, size_t n)
{
    if (n >= AATS_SYMBOL_SZ) return NULL;
    name_key_t const k = key_of(native, n);
    for (uint32_t at = hash_of(k);; at++) {
        name_key_t const *have = &f->names[at & f->names_mask];
        if (!have->index) return NULL;
        if (have->first != k.first || have->last != k.last || have->len != k.len) continue;
        sym_t *s = &f->syms[have->index - 1];
        if (n <= 16 || same_name(s->info.native, native, n)) return s;
    }
}

/* ---- symbols ---- */

/* The first group of a way with room for one more symbol's streams, else one that is nobody's yet; who comes back goes where it was, if it can. */
static int group_for(aats_feed_t *f, sym_t const *back, int way)
{
    uint32_t per_sym = (uint32_t)__builtin_popcount(f->way_streams[way]), used[AATS_LINK_MAX / 2] = {0};
    for (uint32_t i = 0; i < f->sym_cnt; i++)
        if (!f->syms[i].gone && f->syms[i].group[way] != NONE) used[f->syms[i].group[way]] += per_sym;
    if (back && back->group[way] != NONE && used[back->group[way]] + per_sym <= f->venue->streams_max) return back->group[way];
    for (int g = 0; g < AATS_LINK_MAX / 2; g++)
        if ((f->carrier[g] == NONE || f->way_of[g] == way) && used[g] + per_sym <= f->venue->streams_max) return g;
    return NONE;
}

/* A place for it on every way by which something of it comes.  Returns 0 if there is none left. */
static int groups_for(aats_feed_t *f, sym_t const *back, int8_t out[WAYS])
{
    int taken = NONE;
    for (int w = 0; w < WAYS; w++) {
        out[w] = NONE;
        if (w >= f->way_cnt || !f->way_streams[w]) continue;
        int g = group_for(f, back, w);
        if (g != NONE && g == taken) { /* two ways want the same free one */
            for (g++; g < AATS_LINK_MAX / 2 && f->carrier[g] != NONE; g++) {}
            if (g == AATS_LINK_MAX / 2) g = NONE;
        }
        if (g == NONE) return 0;
        if (f->carrier[g] == NONE) taken = g;
        out[w] = (int8_t)g;
    }
    return 1;
}

static void begin_group(aats_feed_t *f, int group, int way)
{
    link_t *l = &f->links[2 * group];
    if (f->carrier[group] != NONE) return;
    f->carrier[group] = l->index;
    f->way_of[group] = way;
    l->phase = LINK_WAIT;
    l->at_mono_ns = f->mono_ns;
}

/* Its own exponents where the venue's parser asks for them, and where there are some. */
static void set_scale(aats_feed_t const *f, aats_feed_symbol_t *info)
{
    if (f->venue->scales && (info->px_exp || info->qty_exp)) return;
    info->px_exp = f->venue->px_exp;
    info->qty_exp = f->venue->qty_exp;
}

static int new_symbol(aats_feed_t *f, aats_feed_symbol_t const *info, int8_t const group[WAYS])
{
    if (f->sym_cnt >= f->view.dir_cap) return AATS_E_FULL;
    sym_t *s = &f->syms[f->sym_cnt];
    *s = (sym_t){.info = *info, .lost_why = AATS_WHY_SYNCING, .why = AATS_WHY_NO_BOOK, .ask_mono_ns = INT64_MAX};
    memcpy(s->group, group, sizeof s->group);
    set_scale(f, &s->info);
    s->book_mem = calloc(1, aats_book_footprint(f->opts.book_window));
    s->told[0] = calloc(f->view.level_max, sizeof(aats_level_t));
    s->told[1] = calloc(f->view.level_max, sizeof(aats_level_t));
    aats_dir_t entry = {.state = AATS_DIR_SYNCING, .tick_i = info->tick_i, .lot_i = info->lot_i, .px_exp = s->info.px_exp,
                        .qty_exp = s->info.qty_exp, .level_num = info->level_num, .link = (uint32_t)(2 * group[f->book_way]),
                        .px_dec = info->px_dec, .qty_dec = info->qty_dec, .trade_ids = (uint32_t)f->venue->trade_ids};
    memcpy(entry.symbol, info->symbol, sizeof entry.symbol);
    memcpy(entry.native, info->native, sizeof entry.native);
    int e = s->book_mem && s->told[0] && s->told[1] ? aats_dir_add(&f->view, &entry) : AATS_E_NOMEM;
    if (e < 0) {
        free(s->book_mem);
        free(s->told[0]);
        free(s->told[1]);
        return e;
    }
    aats_sync_init(&s->sync, aats_book_init_zeroed(s->book_mem, f->opts.book_window, info->tick_i > 0 ? info->tick_i : 0));
    aats_follow_begin(f->venue, &s->sync);
    name_key_t key = key_of(info->native, strlen(info->native));
    uint32_t at = hash_of(key);
    while (f->names[at & f->names_mask].index) at++;
    key.index = ++f->sym_cnt;
    f->names[at & f->names_mask] = key;
    return (int)f->sym_cnt - 1;
}

/* A name goes into a request as it is: nothing in it may end a string or a stream's name. */
static int name_ok(char const *name, size_t cap)
{
    size_t n = strnlen(name, cap);
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)name[i] <= ' ' || strchr("\"\\@!,", name[i])) return 0;
    return n > 0 && n < cap;
}

/* What is shown changes at once, not with the venue's next message. */
static void set_level(aats_feed_t *f, sym_t *s, uint32_t level_num)
{
    s->info.level_num = level_num;
    aats_dir_set_level(&f->view, feed_index(f, s), level_num);
    if (s->valid) pub_judge_again(f, s);
}

static int add_symbol(aats_feed_t *f, aats_feed_symbol_t const *info)
{
    if (f->stopping) return AATS_E_CLOSED;
    if (!name_ok(info->symbol, sizeof info->symbol) || !name_ok(info->native, sizeof info->native)) return AATS_E_ARG;
    if (!info->level_num || info->level_num > f->view.level_max) return AATS_E_TOO_BIG;
    sym_t *s = feed_find(f, info->native, strlen(info->native));
    if (s && !s->gone) {
        if (info->level_num > s->info.level_num) set_level(f, s, info->level_num);
        return (int)feed_index(f, s);
    }
    int8_t group[WAYS];
    if (!groups_for(f, s, group)) return AATS_E_FULL;
    int i = s ? (int)feed_index(f, s) : new_symbol(f, info, group);
    if (i < 0) return i;
    if (s) { /* it was given up, and comes back */
        s->gone = s->halted = 0;
        s->part = 0;
        s->refused = 0;
        memcpy(s->group, group, sizeof s->group);
        set_level(f, s, info->level_num);
        book_stream_lost(f, s, 1);
    }
    for (int w = 0; w < WAYS; w++)
        if (group[w] != NONE) begin_group(f, group[w], w);
    return i;
}

static void drop_symbol(aats_feed_t *f, sym_t *s)
{
    s->gone = 1;
    s->unanswered = 0;
    sub_drop(f, s);
    pub_judge(f, s, 0, f->now_ns);
    aats_sync_reset(&s->sync);
    s->ask_mono_ns = INT64_MAX;
    s->asked_mono_ns = 0;
}

void feed_answer(aats_feed_t *f, sym_t *s)
{
    s->unanswered = aats_mailbox_put(&f->out, AATS_MAIL_ADDED, feed_index(f, s), 0, s->info.symbol, strlen(s->info.symbol)) != AATS_OK;
}

static void subscribe(aats_feed_t *f, aats_mail_t const *m)
{
    aats_feed_symbol_t info;
    if (m->size != sizeof info) return;
    memcpy(&info, m->bytes, sizeof info);
    int i = add_symbol(f, &info);
    if (i >= 0) feed_answer(f, &f->syms[i]);
    else aats_mailbox_put(&f->out, AATS_MAIL_ADDED, 0, (uint64_t)(int64_t)i, info.symbol, strnlen(info.symbol, sizeof info.symbol));
}

/* "192.0.2.1" or "192.0.2.1 /path?token=..." */
static void take_address(aats_feed_t *f, aats_mail_t const *m)
{
    if (m->sym >= WAYS || !m->size) return;
    char const *text = (char const *)m->bytes, *space = memchr(text, ' ', m->size);
    size_t ip = space ? (size_t)(space - text) : m->size, path = space ? m->size - ip - 1 : 0;
    if (ip >= sizeof f->address[0] || path >= sizeof f->token_path[0]) {
        feed_notice(f, 2, "the control plane gave an address of %zu and a path of %zu characters: too long", ip, path);
        return;
    }
    snprintf(f->address[m->sym], sizeof f->address[0], "%.*s", (int)ip, text);
    snprintf(f->token_path[m->sym], sizeof f->token_path[0], "%.*s", (int)path, space ? space + 1 : "");
    f->address_mono_ns[m->sym] = f->mono_ns;
}

void feed_take(aats_feed_t *f, aats_mail_t const *m)
{
    sym_t *s = m->sym < f->sym_cnt ? &f->syms[m->sym] : NULL;
    switch (m->kind) {
    case AATS_MAIL_SUBSCRIBE:   subscribe(f, m); break;
    case AATS_MAIL_UNSUBSCRIBE: if (s && !s->gone) drop_symbol(f, s); break;
    case AATS_MAIL_SET_LEVEL:   if (s && !s->gone && m->num >= 1 && m->num <= f->view.level_max) set_level(f, s, (uint32_t)m->num); break;
    case AATS_MAIL_SNAPSHOT:    if (s) book_snapshot(f, s, m->num, (char const *)m->bytes, m->size, f->now_ns); break;
    case AATS_MAIL_SNAP_FAILED: if (s) book_snapshot_failed(f, s, (int64_t)m->num); break;
    case AATS_MAIL_ADDRESS:     take_address(f, m); break;
    case AATS_MAIL_NO_ADDRESS:
        if (m->sym >= WAYS) break;
        feed_notice(f, 1, "%s cannot be resolved: %.*s", f->opts.way_host[m->sym][0] ? f->opts.way_host[m->sym] : f->opts.host, (int)(m->size < 200 ? m->size : 200), (char const *)m->bytes);
        break;
    case AATS_MAIL_OPEN_L2:     f->opts.open_l2 = 1; break;
    case AATS_MAIL_HALT:
        if (s) {
            s->halted = m->num != 0;
            pub_judge(f, s, 0, f->now_ns);
        }
        break;
    case AATS_MAIL_RECONNECT:
        for (int g = 0; g < AATS_LINK_MAX / 2; g++)
            if (f->carrier[g] != NONE) link_rotate(f, &f->links[f->carrier[g]], "asked for");
        break;
    default: break;
    }
}
