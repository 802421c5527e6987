/* session_fixture.h -- an order session, a trader of a few orders, and the venue of session_venue.h behind a wire that can be cut.
 *
 * For: tests/c/test_session*.c and tests/fuzz/fuzz_session.c.  Time stands still but for fx_pass. */
#ifndef AATS_TESTS_SESSION_FIXTURE_H
#define AATS_TESTS_SESSION_FIXTURE_H

#include "app/feed.h"
#include "session_venue.h"

/* ---- the trader ---- */

FX_UNUSED static void fx_note(fx_t *x, fx_order_t *o, aats_oev_t const *ev, int cnt)
{
    static char const LETTER[] = "?CAJEcajKZU";
    for (int i = 0; i < cnt; i++) {
        size_t at = strlen(o->told), story = strlen(x->story);
        if (at < sizeof o->told - 1) o->told[at] = LETTER[ev[i].kind];
        if (story < sizeof x->story - 3) snprintf(x->story + story, 3, "%d%c", (int)(o - x->orders), LETTER[ev[i].kind]);
        if (ev[i].kind == AATS_OEV_UNKNOWN) o->unknown_code = ev[i].code;
        if (ev[i].kind == AATS_OEV_CLOSED) o->closed = 1, o->code = ev[i].order.code, o->cum_i = ev[i].order.cum_qty_i;
    }
}

/* The order that a message is about, by its client id; NULL: none of ours. */
FX_UNUSED static fx_order_t *fx_order_of(fx_t *x, aats_omsg_t const *m)
{
    for (fx_order_t *o = x->orders + 1; o <= x->orders + FX_ORDERS; o++)
        if (o->used && o->instance == m->instance && o->client_no == m->order_id) return o;
    return NULL;
}

FX_UNUSED static void fx_drain(fx_t *x)
{
    aats_omsg_t m;
    aats_oev_t ev[AATS_MACHINE_OUT];
    aats_mail_t *mail;
    while (x->gw.next(x->gw.self, &m)) {
        char word = m.kind == AATS_OM_DOWN ? 'D' : m.kind == AATS_OM_UP ? 'U' : m.kind == AATS_OM_READY ? 'R' : 0;
        if ((m.kind == AATS_OM_STRANGE || m.kind == AATS_OM_DOWN) && strlen(x->log) < 8000) strcat(strcat(x->log, m.text), "\n");
        if (word) x->words[strlen(x->words)] = word;
        if (word && strlen(x->story) < sizeof x->story - 2) x->story[strlen(x->story)] = word;
        x->downs += m.kind == AATS_OM_DOWN;
        x->ups += m.kind == AATS_OM_UP;
        x->readies += m.kind == AATS_OM_READY;
        x->balances += m.kind == AATS_OM_BALANCE;
        if (m.kind == AATS_OM_BALANCE) x->balance = m;
        x->foreign += m.kind == AATS_OM_FOREIGN;
        x->strange += m.kind == AATS_OM_STRANGE;
        if (m.kind >= AATS_OM_DOWN) continue;
        fx_order_t *o = fx_order_of(x, &m);
        if (!o) {
            x->foreign++;
            continue;
        }
        if (o->closed) continue;
        int n = aats_machine_take(&o->m, &m, FX_EPOCH_NS + x->mono_ns, ev);
        x->stale += n == AATS_E_STALE;
        x->shape += n == AATS_E_SHAPE;
        if (n > 0) fx_note(x, o, ev, n);
        if (o->closed) {
            x->gw.gone(x->gw.self, &o->m);
            aats_machine_fini(&o->m);
        } else if (aats_machine_asks(&o->m)) {
            x->gw.ask(x->gw.self, &o->m, &x->rules);
        }
    }
    while (aats_mailbox_get(aats_session_out(x->s), &mail) == 1) {
        size_t at = strlen(x->log);
        if (mail->kind == AATS_MAIL_NOTICE)
            snprintf(x->log + at, sizeof x->log - at, "%llu %s\n", (unsigned long long)mail->num, (char const *)mail->bytes);
        aats_mail_free(mail);
    }
}

/* fx_place sends order `id` (1 .. FX_ORDERS): buy `qty_i` at 100.  Returns the gateway's code; its sentence is in why. */
FX_UNUSED static int fx_place(fx_t *x, int id, int64_t qty_i)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    fx_order_t *f = &x->orders[id];
    aats_order_t o = {.order_id = id, .instance = FX_OWN, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px_exp = -8, .qty_exp = -8,
                      .px_i = 100LL * FX_UNIT, .qty_i = qty_i, .created_ns = FX_EPOCH_NS + x->mono_ns, .symbol = "BTCUSDT.BINANCE"};
    memset(f, 0, sizeof *f);
    f->used = 1;
    f->instance = FX_OWN;
    f->client_no = id;
    fx_note(x, f, ev, aats_machine_new(&f->m, &o, ev));
    x->why[0] = 0;
    int code = x->gw.place(x->gw.self, &f->m, &x->rules, x->why, sizeof x->why);
    if (code == AATS_OK) f->m.o.sent_ns = FX_EPOCH_NS + x->mono_ns;
    else fx_note(x, f, ev, aats_machine_refuse(&f->m, code, x->why, FX_EPOCH_NS + x->mono_ns, ev)), x->gw.gone(x->gw.self, &f->m);
    return code;
}

/* fx_adopt takes over an order of an earlier run as order `id`: sent then, as number `client_no`, and unknown now. */
FX_UNUSED static void fx_adopt(fx_t *x, int id, uint64_t instance, int64_t client_no, int64_t qty_i)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    fx_order_t *f = &x->orders[id];
    aats_omsg_t doubt = {.kind = AATS_OM_UNKNOWN, .code = AATS_OC_DISCONNECTED, .instance = instance, .order_id = client_no, .cum_qty_i = -1};
    aats_order_t o = {.order_id = id, .instance = instance, .client_no = client_no, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px_exp = -8,
                      .qty_exp = -8, .px_i = 100LL * FX_UNIT, .qty_i = qty_i, .created_ns = FX_EPOCH_NS, .symbol = "BTCUSDT.BINANCE"};
    memset(f, 0, sizeof *f);
    f->used = 1;
    f->instance = instance;
    f->client_no = client_no;
    fx_note(x, f, ev, aats_machine_new(&f->m, &o, ev));
    f->m.o.sent_ns = FX_EPOCH_NS;
    fx_note(x, f, ev, aats_machine_take(&f->m, &doubt, FX_EPOCH_NS, ev));
    x->gw.ask(x->gw.self, &f->m, &x->rules);
}

FX_UNUSED static void fx_cancel(fx_t *x, int id)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    fx_order_t *f = &x->orders[id];
    int go = 0, n = aats_machine_cancel(&f->m, FX_EPOCH_NS + x->mono_ns, ev, &go);
    fx_note(x, f, ev, n);
    if (go) x->gw.cancel(x->gw.self, &f->m, &x->rules);
}

/* ---- time and bytes ---- */

FX_UNUSED static void fx_cut(fx_t *x, char const *why)
{
    x->connected = 0;
    x->in_sz = x->out_sz = 0;
    x->to_venue = x->to_session = -1;
    aats_session_closed(x->s, 0, why);
}

FX_UNUSED static int fx_move_out(fx_t *x)
{
    uint8_t const *at;
    size_t n = aats_session_output(x->s, 0, &at), room = sizeof x->in - x->in_sz;
    if (n > room) n = room;
    if (x->to_venue >= 0 && n > (size_t)x->to_venue) n = (size_t)x->to_venue;
    memcpy(x->in + x->in_sz, at, n);
    x->in_sz += n;
    aats_session_sent(x->s, 0, n);
    if (x->to_venue >= 0 && (x->to_venue -= (int64_t)n) == 0) {
        fx_serve(x); /* what came whole is done, and its answer is lost */
        fx_cut(x, "the wire was cut");
        return 1;
    }
    return n > 0;
}

FX_UNUSED static int fx_move_in(fx_t *x)
{
    uint8_t *at;
    size_t room = aats_session_room(x->s, 0, &at), n = x->out_sz < room ? x->out_sz : room;
    if (x->piece && n > x->piece) n = x->piece;
    if (x->to_session >= 0 && n > (size_t)x->to_session) n = (size_t)x->to_session;
    if (n) {
        memcpy(at, x->out, n);
        memmove(x->out, x->out + n, x->out_sz - n);
        x->out_sz -= n;
        aats_session_received(x->s, 0, n, x->recv_ns ? x->recv_ns : FX_EPOCH_NS + x->mono_ns);
    }
    if (x->to_session >= 0 && (x->to_session -= (int64_t)n) == 0) {
        fx_cut(x, "the wire was cut");
        return 1;
    }
    return n > 0;
}

/* fx_pass lets `ms` go by and makes passes until nothing moves. */
FX_UNUSED static void fx_pass(fx_t *x, int ms)
{
    x->mono_ns += ms * (int64_t)FX_MS;
    for (int i = 0, quiet = 0; i < 10000 && quiet < 3; i++) {
        int work = x->gw.step(x->gw.self, FX_EPOCH_NS + x->mono_ns, x->mono_ns);
        int want = aats_session_want(x->s, 0);
        if (want == AATS_FEED_CONNECT && !x->connected) {
            x->connects++;
            aats_session_connecting(x->s, 0);
            if (x->refuse_connect) {
                aats_session_closed(x->s, 0, "connection refused");
            } else {
                x->connected = 1;
                x->logged_on = 0;
                aats_session_opened(x->s, 0);
            }
            work = 1;
        }
        if (x->connected) work += fx_move_out(x);
        if (x->connected) fx_serve(x);
        if (x->connected) work += fx_move_in(x);
        if (aats_session_want(x->s, 0) == AATS_FEED_CLOSE) {
            x->connected = 0;
            x->in_sz = x->out_sz = 0;
            aats_session_closed(x->s, 0, "closed by us");
            work = 1;
        }
        fx_drain(x);
        quiet = work ? 0 : quiet + 1;
    }
}

/* fx_run lets `ms` go by in steps of 10 ms. */
FX_UNUSED static void fx_run(fx_t *x, int ms)
{
    for (int i = 0; i < ms; i += 10) fx_pass(x, 10);
}

FX_UNUSED static aats_session_opts_t fx_opts(void)
{
    aats_session_opts_t o;
    aats_session_defaults(&o);
    strcpy(o.host, "test.example");
    o.seed = 1;
    return o;
}

#define FX_SECRET "SECRET-OF-THE-TEST"
#define FX_PEM "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"

FX_UNUSED static void fx_begin_at(fx_t *x, aats_order_venue_t const *venue, aats_session_opts_t const *opts, char const *secret)
{
    static uint64_t const EARLIER[] = {FX_EARLIER};
    memset(x, 0, sizeof *x);
    x->mono_ns = 1000 * (int64_t)FX_MS;
    x->to_venue = x->to_session = -1;
    x->rules = (aats_rules_t){.symbol = "BTCUSDT.BINANCE", .native = "BTCUSDT", .base = "BTC", .quote = "USDT", .px_exp = -8, .qty_exp = -8,
                              .fee_exp = -8};
    x->s = aats_session_new_at(venue, opts, "KEY-OF-THE-TEST", secret, EARLIER, 1, x->why, sizeof x->why);
    if (!x->s) abort();
    aats_session_own(x->s, FX_OWN);
    aats_session_symbol(x->s, &x->rules);
    aats_session_gateway(x->s, &x->gw);
}

FX_UNUSED static void fx_begin_with(fx_t *x, aats_session_opts_t const *opts, char const *secret)
{
    fx_begin_at(x, &aats_order_venue_binance, opts, secret);
}

FX_UNUSED static void fx_begin(fx_t *x)
{
    aats_session_opts_t o = fx_opts();
    fx_begin_with(x, &o, FX_SECRET);
}

/* fx_ready begins a session that has come to READY over a venue without orders.  Returns 1. */
FX_UNUSED static int fx_ready(fx_t *x)
{
    fx_begin(x);
    fx_run(x, 20);
    return x->gw.state(x->gw.self) == AATS_GW_READY;
}

FX_UNUSED static void fx_end(fx_t *x)
{
    for (int i = 1; i <= FX_ORDERS; i++) {
        if (!x->orders[i].used || x->orders[i].closed) continue;
        x->gw.gone(x->gw.self, &x->orders[i].m);
        aats_machine_fini(&x->orders[i].m);
    }
    x->gw.free(x->gw.self);
}

FX_UNUSED static int fx_said(fx_t const *x, char const *line) { return strstr(x->log, line) != NULL; }

#endif
