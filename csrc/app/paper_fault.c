/* paper_fault.c -- what goes wrong on the way because a test said so: messages wait, get lost, come twice or turned round.
 *
 *     request -> fault_arrives -> venue -> messages -> fault_next -> the trader
 *
 * A message that "gets lost" is kept until its order is asked for: asking a venue brings what it had said.  Not for use
 * without a test: where there is no memory, a message that is kept here is gone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app/paper_state.h"

#define ANSWER_NS 3000000000ll /* no answer for so long is a time-out, as at a venue */
#define ALL 0

struct aats_paper_faults {
    int hold, down, twice;
    int64_t lost_id;    /* what is said of this order is lost */
    int64_t refused_id; /* the next request of this order does not arrive */
    int64_t unsure_id;  /* of the next request of this order the venue says that it does not know */
    int64_t fill_id;    /* the next fill of this order is lost */
    aats_pipe_t held;   /* waits, for any reason */
    aats_pipe_t later;  /* time-outs, each due at its time */
    aats_pipe_t ready;  /* goes first */
};

void aats_paper_fault_free(aats_paper_t *p)
{
    if (p->faults == NULL) return;
    aats_pipe_fini(&p->faults->held);
    aats_pipe_fini(&p->faults->later);
    aats_pipe_fini(&p->faults->ready);
    free(p->faults);
    p->faults = NULL;
}

/* ---- helpers ---- */

static void put(aats_pipe_t *to, int64_t due_mono_ns, aats_omsg_t const *m)
{
    if (aats_pipe_room(to, 1) == AATS_OK) aats_pipe_put(to, due_mono_ns)->msg = *m;
}

static void put_unknown(aats_pipe_t *to, int64_t due_mono_ns, aats_omsg_t const *of, uint32_t code)
{
    aats_omsg_t m = {.kind = AATS_OM_UNKNOWN, .code = code, .instance = of->instance, .order_id = of->order_id, .cum_qty_i = -1};
    put(to, due_mono_ns, &m);
}

static void put_kind(aats_pipe_t *to, uint32_t kind, char const *text)
{
    aats_omsg_t m = {.kind = kind, .cum_qty_i = -1};
    snprintf(m.text, sizeof m.text, "%s", text);
    put(to, 0, &m);
}

/* Lets go of what is held of an order, or of ALL. */
static void release(aats_paper_faults_t *f, int64_t order_id, int backwards)
{
    aats_pipe_t old = f->held;
    f->held = (aats_pipe_t){0};
    uint64_t const cnt = old.tail - old.head;
    for (uint64_t i = 0; i < cnt; i++) {
        aats_omsg_t const *m = &old.at[(backwards ? old.tail - 1 - i : old.head + i) & (old.cap - 1)].msg;
        put(order_id == ALL || m->order_id == order_id ? &f->ready : &f->held, 0, m);
    }
    aats_pipe_fini(&old);
}

static int is_answer(aats_omsg_t const *m)
{
    return m->kind == AATS_OM_ACK || m->kind == AATS_OM_REJECT || m->kind == AATS_OM_CANCEL_ACK || m->kind == AATS_OM_CANCEL_REJECT;
}

static int is_request(uint32_t what) { return what == AATS_PAPER_PLACE || what == AATS_PAPER_CANCEL; }

/* Each request whose answer has not come is told as unknown, once; it arrives.  What is asked for from now on waits. */
static void go_down(aats_paper_t *p)
{
    aats_paper_faults_t *f = p->faults;
    put_kind(&f->ready, AATS_OM_DOWN, "the connection was cut");
    aats_pipe_t const *pipes[] = {&p->out, &p->back, &f->held};
    for (int k = 0; k < 3; k++) {
        for (uint64_t i = pipes[k]->head; i < pipes[k]->tail; i++) {
            aats_parcel_t const *at = &pipes[k]->at[i & (pipes[k]->cap - 1)];
            aats_omsg_t of = {.order_id = at->msg.order_id, .instance = at->msg.instance};
            if (k == 0 ? is_request(at->what) : is_answer(&at->msg)) put_unknown(&f->ready, 0, &of, AATS_OC_DISCONNECTED);
        }
    }
    for (; p->out.head != p->out.tail && aats_pipe_room(&p->back, ANSWERS) == AATS_OK; aats_pipe_drop(&p->out)) {
        aats_parcel_t const *at = &p->out.at[p->out.head & (p->out.cap - 1)];
        if (!aats_paper_fault_arrives(p, at)) aats_paper_arrive(p, at);
    }
    f->later.head = f->later.tail; /* they are told now */
    f->hold = 0;
    f->down = 1;
    p->state = AATS_GW_DOWN;
}

static void come_up(aats_paper_t *p)
{
    aats_paper_faults_t *f = p->faults;
    f->down = 0;
    p->state = AATS_GW_READY;
    f->lost_id = 0; /* everything is asked for */
    put_kind(&f->ready, AATS_OM_UP, "");
    release(f, ALL, 0);
    put_kind(&f->ready, AATS_OM_READY, "");
}

/* ---- the hooks ---- */

int aats_paper_fault(aats_paper_t *p, int fault, int64_t order_id)
{
    if (p->faults == NULL && (p->faults = calloc(1, sizeof *p->faults)) == NULL) return AATS_E_NOMEM;
    aats_paper_faults_t *f = p->faults;
    switch (fault) {
    case AATS_PF_HOLD:         f->hold = 1; return AATS_OK;
    case AATS_PF_RELEASE:      f->hold = 0; release(f, ALL, 0); return AATS_OK;
    case AATS_PF_BACKWARDS:    f->hold = 0; release(f, ALL, 1); return AATS_OK;
    case AATS_PF_TWICE:        f->twice = 1; return AATS_OK;
    case AATS_PF_LOST:         f->lost_id = order_id; return AATS_OK;
    case AATS_PF_REQUEST_LOST: f->refused_id = order_id; return AATS_OK;
    case AATS_PF_UNSURE:       f->unsure_id = order_id; return AATS_OK;
    case AATS_PF_FILL_LOST:    f->fill_id = order_id; return AATS_OK;
    case AATS_PF_DOWN:         if (!f->down) go_down(p); return AATS_OK;
    case AATS_PF_UP:           if (f->down) come_up(p); return AATS_OK;
    default:                   return AATS_E_ARG;
    }
}

int aats_paper_fault_down(aats_paper_t const *p) { return p->faults->down; }

int aats_paper_fault_arrives(aats_paper_t *p, aats_parcel_t const *parcel)
{
    aats_paper_faults_t *f = p->faults;
    int64_t const id = parcel->msg.order_id;
    if (!is_request(parcel->what)) {
        if (id == f->lost_id) f->lost_id = 0;
        if (!f->hold && !f->down) release(f, id, 0);
        return 0;
    }
    aats_omsg_t of = {.order_id = id, .instance = parcel->msg.instance};
    if (id == f->lost_id || id == f->refused_id)
        put_unknown(&f->later, p->mono_ns + ANSWER_NS - 2 * p->opts.latency_ns, &of, AATS_OC_TIMEOUT);
    if (id == f->unsure_id) {
        put_unknown(&f->later, p->mono_ns + p->opts.latency_ns, &of, AATS_OC_VENUE_UNSURE);
        f->unsure_id = 0;
        f->lost_id = id;
    }
    if (id != f->refused_id) return 0;
    f->refused_id = 0;
    return 1;
}

int aats_paper_fault_next(aats_paper_t *p, aats_omsg_t *out)
{
    aats_paper_faults_t *f = p->faults;
    aats_pipe_t *from;
    for (;;) {
        from = &f->ready;
        if (aats_pipe_due(from, p->mono_ns) != NULL) break;
        from = &f->later;
        if (!f->down && aats_pipe_due(from, p->mono_ns) != NULL) break;
        from = &p->back;
        aats_parcel_t const *parcel = aats_pipe_due(from, p->mono_ns);
        if (parcel == NULL) return 0;
        aats_omsg_t const *m = &parcel->msg;
        int const lost = m->order_id != 0 && (m->order_id == f->lost_id || (m->order_id == f->fill_id && m->kind == AATS_OM_FILL));
        if (lost && m->kind == AATS_OM_FILL) f->fill_id = 0;
        if (!f->hold && !f->down && !lost) break;
        put(&f->held, 0, m);
        aats_pipe_drop(from);
    }
    *out = aats_pipe_due(from, p->mono_ns)->msg;
    aats_pipe_drop(from);
    if (f->twice && from != &f->ready && out->order_id != 0) put(&f->ready, 0, out);
    return 1;
}

int64_t aats_paper_fault_next_ns(aats_paper_t const *p)
{
    int64_t const ready = aats_pipe_next_ns(&p->faults->ready), later = aats_pipe_next_ns(&p->faults->later);
    return ready < later ? ready : later;
}
