/* session.c -- an order session's life and its passes. */
#include "app/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "app/session_state.h"

#define TICK_NS    MS /* timers are looked at this often */
#define MAILS      64
#define STALL_NS   (SECOND / 4) /* a callback, or a starved machine: what has come in the meantime is still in the socket */

void aats_session_defaults(aats_session_opts_t *o)
{
    *o = (aats_session_opts_t){
        .venue          = "BINANCE",
        .connect_ns     = 5 * SECOND,
        .answer_ns      = 3 * SECOND,
        .query_min_ns   = SECOND / 2,
        .query_max_ns   = 8 * SECOND,
        .absent_ns      = SECOND,
        .unknown_ns     = 60 * SECOND,
        .backoff_min_ns = SECOND / 2,
        .backoff_max_ns = 30 * SECOND,
        .retry_fatal_ns = 60 * SECOND,
        .clock_every_ns = 60 * SECOND,
    };
}

/* ---- small things that every part uses ---- */

/* Long words that begin as the secret does are hidden too: a line may have been cut inside it. */
static void hide(char const *secret, char *text)
{
    size_t const key = strlen(secret), least = key < 8 ? key : 8;
    while (key && *text) {
        size_t same = 0;
        while (same < key && text[same] == secret[same]) same++;
        if (same >= least) memset(text, '*', same);
        text += same >= least ? same : 1;
    }
}

void session_hide_key(aats_session_t const *s, char *text)
{
    hide(s->auth.key, text);
    if (strlen(s->auth.passphrase) >= 4) hide(s->auth.passphrase, text); /* a shorter one would stand in any sentence */
    hide(s->auth.token, text);
}

/* A venue's words stand in some lines: they may not break out of theirs, and if they quote the key, the passphrase or a token, it is not shown. */
static int say(aats_session_t *s, char *out, size_t cap, char const *fmt, va_list args)
{
    int n = vsnprintf(out, cap, fmt, args);
    if (n >= (int)cap) n = (int)cap - 1;
    session_hide_key(s, out);
    for (int i = 0; i < n; i++)
        if ((uint8_t)out[i] < ' ' || out[i] == 0x7f) out[i] = '?';
    return n;
}

void session_notice(aats_session_t *s, int level, char const *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    int n = say(s, text, sizeof text, fmt, args);
    va_end(args);
    aats_mailbox_put(&s->out, AATS_MAIL_NOTICE, 0, (uint64_t)level, text, (size_t)n); /* a full mailbox loses lines, never data */
}

void session_last(aats_session_t *s, char const *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(s, s->last, sizeof s->last, fmt, args);
    va_end(args);
}

#define SPARE (sizeof s->spare / sizeof s->spare[0])

void session_random_ahead(aats_session_t *s)
{
    size_t const want = (SPARE - s->spare_cnt) * sizeof s->spare[0];
    if (s->opts.seed || s->spare_cnt >= SPARE / 2) return;
    if (getrandom(s->spare + s->spare_cnt, want, GRND_NONBLOCK) == (ssize_t)want) s->spare_cnt = SPARE;
}

/* Without a seed each number is the system's, and given out once (mask keys must not be guessed); with one, splitmix64, so that a run can be repeated. */
uint64_t session_random(aats_session_t *s)
{
    uint64_t z = 0;
    if (!s->spare_cnt) session_random_ahead(s);
    if (s->spare_cnt) {
        z = s->spare[--s->spare_cnt];
        s->spare[s->spare_cnt] = 0;
        return z;
    }
    if (!s->opts.seed && getrandom(&z, sizeof z, 0) == (ssize_t)sizeof z) return z;
    z = s->rng += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

int64_t session_jitter(aats_session_t *s, int64_t ns) { return ns / 2 + (int64_t)(session_random(s) % (uint64_t)(ns / 2 + 1)); }

int session_grow(void **array, uint32_t *cap, uint32_t need, size_t each)
{
    uint32_t to = *cap ? *cap : 16;
    if (need <= *cap) return 1;
    while (to < need) to *= 2;
    void *grown = realloc(*array, to * each);
    if (!grown) return 0;
    *array = grown;
    *cap = to;
    return 1;
}

uint32_t session_sym(aats_session_t *s, aats_rules_t const *rules)
{
    uint32_t i = 0;
    while (i < s->sym_cnt && strcmp(s->syms[i].native, rules->native) != 0) i++;
    if (i == s->sym_cnt) {
        if (!session_grow((void **)&s->syms, &s->sym_cap, i + 1, sizeof *s->syms)) return NONE;
        if (!session_grow((void **)&s->trade_ids, &s->trade_cap, i + 1, sizeof *s->trade_ids)) return NONE;
        s->trade_ids[s->sym_cnt++] = 0;
    }
    s->syms[i] = *rules;
    return i;
}

/* ---- life ---- */

aats_session_t *aats_session_new_at(aats_order_venue_t const *venue, aats_session_opts_t const *opts, char const *key, char const *secret,
                                    uint64_t const *earlier, size_t earlier_cnt, char *why, size_t why_sz)
{
    aats_session_t *s = calloc(1, sizeof *s);
    char reason[160] = "no memory";
    if (!s) {
        snprintf(why, why_sz, "%s", reason);
        return NULL;
    }
    s->opts = *opts;
    s->venue = venue;
    s->rng = opts->seed;
    conn_init(s);
    s->auth.recv_window_ms = opts->recv_window_ms;
    s->auth.sandbox = opts->sandbox;
    s->earlier = calloc(earlier_cnt + 1, sizeof *s->earlier);
    s->reply.msgs = calloc(AATS_OREPLY_MSGS, sizeof *s->reply.msgs);
    int ok = s->earlier && s->reply.msgs;
    if (ok) ok = aats_mailbox_init(&s->in, MAILS) == AATS_OK && aats_mailbox_init(&s->out, 1024) == AATS_OK;
    if (ok && strlen(key) >= sizeof s->auth.key) {
        snprintf(reason, sizeof reason, "the API key is longer than %zu characters", sizeof s->auth.key - 1);
        ok = 0;
    }
    if (ok && !key[0]) {
        snprintf(reason, sizeof reason, "the API key is empty");
        ok = 0;
    }
    if (ok) ok = (s->auth.signer = aats_signer_new_of(s->venue->sign, secret, strlen(secret), reason, sizeof reason)) != NULL;
    if (!ok) {
        snprintf(why, why_sz, "%s", reason);
        aats_session_free(s);
        return NULL;
    }
    snprintf(s->auth.key, sizeof s->auth.key, "%s", key);
    if (earlier_cnt) memcpy(s->earlier, earlier, earlier_cnt * sizeof *earlier);
    s->earlier_cnt = earlier_cnt;
    session_last(s, "%s: not connected yet", s->opts.host);
    return s;
}

aats_session_t *aats_session_new(aats_session_opts_t const *opts, char const *key, char const *secret, uint64_t const *earlier,
                                 size_t earlier_cnt, char *why, size_t why_sz)
{
    aats_order_venue_t const *venue = aats_order_venue_find(opts->venue);
    if (venue) return aats_session_new_at(venue, opts, key, secret, earlier, earlier_cnt, why, why_sz);
    snprintf(why, why_sz, "no orders can be sent to %s: its order session is not built in", opts->venue);
    return NULL;
}

void aats_session_free(aats_session_t *s)
{
    if (!s) return;
    if (s->close) s->close(s->host_arg);
    aats_signer_free(s->auth.signer);
    explicit_bzero(s->auth.key, sizeof s->auth.key);
    explicit_bzero(s->auth.passphrase, sizeof s->auth.passphrase);
    explicit_bzero(s->auth.token, sizeof s->auth.token);
    conn_fini(s);
    aats_mailbox_fini(&s->in);
    aats_mailbox_fini(&s->out);
    free(s->earlier);
    free(s->syms);
    page_lost(s);
    free(s->pages);
    free(s->flights);
    free(s->known);
    free(s->buckets);
    free(s->trade_ids);
    free(s->held);
    free(s->nameless);
    free(s->assets);
    free(s->strays);
    free(s->queue);
    free(s->reply.msgs);
    free(s);
}

int aats_session_symbol(aats_session_t *s, aats_rules_t const *rules) { return session_sym(s, rules) == NONE ? AATS_E_FULL : AATS_OK; }
void aats_session_own(aats_session_t *s, uint64_t instance) { s->own = instance; }
aats_mailbox_t *aats_session_in(aats_session_t *s) { return &s->in; }
aats_mailbox_t *aats_session_out(aats_session_t *s) { return &s->out; }
char const *aats_session_last(aats_session_t *s) { return s->last; }

uint32_t aats_session_links(aats_session_t const *s) { return s->link_cnt; }
uint32_t aats_session_way(aats_session_t const *s, uint32_t link) { return link < s->link_cnt ? s->links[link].way : 0; }

char const *aats_session_address(aats_session_t const *s, uint32_t way, int64_t *since_mono_ns)
{
    *since_mono_ns = s->addrs[way].mono_ns;
    return s->addrs[way].ip[0] ? s->addrs[way].ip : NULL;
}

void aats_session_forget_address(aats_session_t *s, uint32_t way) { s->addrs[way].ip[0] = 0; }

int aats_session_passphrase(aats_session_t *s, char const *text)
{
    size_t const n = strlen(text);
    if (n >= sizeof s->auth.passphrase) return AATS_E_TOO_BIG;
    memcpy(s->auth.passphrase, text, n + 1);
    return AATS_OK;
}

void aats_session_set_host(aats_session_t *s, int (*pass)(void *arg, int64_t now_ns, int64_t mono_ns), void (*close)(void *arg), void *arg)
{
    s->pass = pass;
    s->close = close;
    s->host_arg = arg;
}

void aats_session_set_flush(aats_session_t *s, void (*flush)(void *arg)) { s->flush = flush; }
void aats_session_set_clock(aats_session_t *s, int64_t (*mono)(void)) { s->clock = mono; }

int aats_session_state(aats_session_t *s)
{
    if (s->leaving && s->mono_ns >= s->at_mono_ns) return AATS_GW_LEFT;
    if (s->phase == LINK_LEFT && !extra_disarming(s)) return AATS_GW_LEFT;
    if (s->phase != LINK_OPEN) return AATS_GW_DOWN;
    return s->stage == STAGE_READY ? AATS_GW_READY : AATS_GW_STARTING;
}

/* ---- passes ---- */

static void take_mail(aats_session_t *s, aats_mail_t const *m)
{
    uint32_t const way = m->sym < s->way_cnt ? m->sym : 0;
    switch (m->kind) {
    case AATS_MAIL_ADDRESS:
        if (m->size >= sizeof s->addrs[way].ip) break;
        memcpy(s->addrs[way].ip, m->bytes, (size_t)m->size);
        s->addrs[way].ip[m->size] = 0;
        s->addrs[way].mono_ns = s->mono_ns;
        break;
    case AATS_MAIL_NO_ADDRESS:
        session_last(s, "%s: %.200s", conn_host(s, way), (char const *)m->bytes);
        session_notice(s, 1, "order session: %s: %.300s", conn_host(s, way), (char const *)m->bytes);
        break;
    case AATS_MAIL_RECONNECT: conn_renew(s, "it was told to", s->opts.answer_ns); break;
    default: break;
    }
}

int aats_session_begin(aats_session_t *s, int64_t now_ns, int64_t mono_ns)
{
    aats_mail_t *m;
    int cnt = 0;
    s->stalled = !s->stalled && s->begun_mono_ns && mono_ns - s->begun_mono_ns > STALL_NS;
    s->begun_mono_ns = mono_ns;
    s->now_ns = now_ns;
    s->mono_ns = mono_ns;
    while (cnt < MAILS && aats_mailbox_get(&s->in, &m) == 1) {
        take_mail(s, m);
        aats_mail_free(m);
        cnt++;
    }
    budget_look(s);
    if (mono_ns >= s->tick_mono_ns && !s->stalled) { /* after a stall bytes come first: the answer may be among them */
        s->tick_mono_ns = mono_ns + TICK_NS;
        conn_tick(s);
        ask_tick(s);
        extra_tick(s);
        session_random_ahead(s);
        if (s->unsure || s->stray_cnt || s->stage != STAGE_READY || mono_ns >= s->glance_mono_ns) s->known_look = 1;
    }
    if (s->known_look || s->dirty_cnt) way_tick(s);
    return cnt;
}

static int64_t earlier_of(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t aats_session_next_mono_ns(aats_session_t *s)
{
    int64_t next = s->mono_ns + SECOND / 10;
    if (s->phase != LINK_OPEN && s->phase != LINK_LEFT) next = earlier_of(next, s->at_mono_ns);
    for (owlink_t const *l = s->links; l < s->links + s->link_cnt; l++)
        if (l->phase == LINK_CONNECTING || l->phase == LINK_UPGRADING || l->phase == LINK_CLOSING) next = earlier_of(next, l->at_mono_ns);
    if (s->phase == LINK_OPEN) {
        next = earlier_of(next, earlier_of(s->rotate_mono_ns, s->clock_due_mono_ns));
        if (s->stage_mono_ns) next = earlier_of(next, s->stage_mono_ns);
        if (s->stage == STAGE_ORDERS || s->known_look || s->dirty_cnt) next = earlier_of(next, s->mono_ns + TICK_NS);
    }
    for (flight_t const *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (!f->late) next = earlier_of(next, f->sent_mono_ns + s->opts.answer_ns);
    for (known_t const *k = s->known; k < s->known + s->known_cnt; k++) /* a question, or a cancel, that waits for its time */
        if (k->ask_mono_ns || k->wish) next = earlier_of(next, k->wish ? k->cancel_mono_ns : k->ask_mono_ns);
    return next > s->mono_ns ? next : s->mono_ns + TICK_NS;
}
