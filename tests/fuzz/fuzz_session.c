/* fuzz_session.c -- a venue that may say anything, to an order session with orders under way: it neither crashes nor grows without
 * bound, its state is one of the documented, each order is told what the grammar of callbacks allows, and no order goes out twice.
 *
 * Input: what a server sends behind READY, a stream of frames.  It is given in pieces whose sizes the input itself tells, with time
 * going by in between; a connection that it has lost comes up again at a venue that behaves. */
#include "../c/session_fixture.h"

static void demand(int cond)
{
    if (!cond) abort();
}

/* Created (Rejected | Acked Exec* Canceled?) Closed, with cancels and Unknown anywhere between. */
static void look(fx_t const *x)
{
    int state = x->gw.state(x->gw.self);
    demand(state >= AATS_GW_DOWN && state <= AATS_GW_LEFT);
    for (int id = 1; id <= FX_ORDERS; id++) {
        int acked = 0, ended = 0, closed = 0;
        char const *told = x->orders[id].told;
        if (!told[0]) continue;
        demand(told[0] == 'C');
        for (char const *c = told + 1; *c; c++) {
            demand(*c != 'C' && !closed);
            if (*c == 'A') demand(!acked++);
            if (*c == 'E') demand(acked && !ended);
            if (*c == 'J') demand(!acked && !ended++);
            if (*c == 'K') demand(acked && !ended++);
            if (*c == 'Z') closed = 1;
        }
        fx_venue_order_t const *v = fx_venue_by_id((fx_t *)x, FX_OWN, id);
        demand(!v || v->placed <= 1);
    }
    demand(x->asked[AATS_OR_PLACE] <= 3);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static fx_t x;
    if (!fx_ready(&x)) abort();
    fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 10);
    fx_cancel(&x, 1);
    x.hold = 1; /* 5: answered; 6, 7, 8: a cancel and two orders that wait */
    for (int id = 2; id <= 3; id++) fx_place(&x, id, FX_UNIT);
    fx_pass(&x, 10);
    for (size_t at = 0; at < size;) {
        uint8_t *room;
        size_t n = 1 + data[at] * (size_t)3;
        if (n > size - at) n = size - at;
        if (x.connected == 2 && x.out_sz + n < sizeof x.out / 2) fx_raw(&x, data + at, n);
        at += n;
        fx_pass(&x, n & 8 ? 600 : 20);
        if (x.connected == 2) demand(aats_session_room(x.s, 0, &room) <= (size_t)16 << 20);
        look(&x);
        if (at % 5 == 0) x.gw.verify(x.gw.self);
        if (x.log[0] && strlen(x.log) > sizeof x.log / 2) x.log[0] = 0;
        if (strlen(x.words) > sizeof x.words / 2) memset(x.words, 0, sizeof x.words);
    }
    fx_release(&x);
    for (int i = 0; i < 10; i++) fx_pass(&x, 1000);
    look(&x);
    demand(aats_session_next_mono_ns(x.s) > x.mono_ns);
    fx_end(&x);
    return 0;
}
