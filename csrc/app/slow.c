#include "app/slow.h"

#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"

#define UP_TO_DELIVERED                                                                                                            \
    (1u << AATS_HOP_EXCH_RECV | 1u << AATS_HOP_RECV_PARSED | 1u << AATS_HOP_PARSED_PUB | 1u << AATS_HOP_RECV_PUB |                \
     1u << AATS_HOP_PUB_DELIVERED | 1u << AATS_HOP_RECV_DELIVERED)

static char const *const NAMES[AATS_HOP_CNT] = {
    [AATS_HOP_EXCH_RECV]     = "exch_recv",     [AATS_HOP_RECV_PARSED]       = "recv_parsed",
    [AATS_HOP_PARSED_PUB]    = "parsed_pub",    [AATS_HOP_RECV_PUB]          = "recv_pub",
    [AATS_HOP_PUB_DELIVERED] = "pub_delivered", [AATS_HOP_RECV_DELIVERED]    = "recv_delivered",
    [AATS_HOP_DELIVERED_DECIDED] = "delivered_decided", [AATS_HOP_DECIDED_SENT] = "decided_sent",
    [AATS_HOP_SENT_ACKED]    = "sent_acked",    [AATS_HOP_RECV_SENT]         = "recv_sent",
    [AATS_HOP_ACKED_FILLED]  = "acked_filled",
};

char const *aats_slow_hop_name(uint32_t hop) { return hop < AATS_HOP_CNT && NAMES[hop] ? NAMES[hop] : ""; }

void aats_slow_init(aats_slow_t *s, aats_td_t *td)
{
    memset(s, 0, sizeof *s);
    s->td = td;
    for (uint32_t hop = 0; hop < AATS_HOP_CNT; hop++) aats_slow_limit(s, hop, 1, AATS_SLOW_NONE);
}

int aats_slow_limit(aats_slow_t *s, uint32_t hop, int64_t limit_ns, uint32_t action)
{
    if (hop >= AATS_HOP_CNT || limit_ns < 1 || action > AATS_SLOW_HALT) return AATS_E_ARG;
    if (action != AATS_SLOW_NONE && NAMES[hop] == NULL) return AATS_E_ARG;
    uint64_t const bit = (uint64_t)1 << hop;
    s->limit_ns[hop] = action == AATS_SLOW_NONE ? INT64_MAX : limit_ns;
    s->action[hop] = action;
    s->market = action == AATS_SLOW_NONE ? s->market & ~bit : s->market | (bit & UP_TO_DELIVERED);
    s->urgent &= ~bit, s->patient &= ~bit;
    if (s->td != NULL) aats_store_relaxed(&s->td->slow_limit_ns[hop], action == AATS_SLOW_NONE ? 0 : (uint64_t)limit_ns);
    return AATS_OK;
}

void aats_slow_note(aats_slow_t *s, uint32_t hop, int64_t ns)
{
    uint64_t const bit = (uint64_t)1 << hop;
    if (!((s->urgent | s->patient) & bit)) s->cnt[hop] = 0, s->worst_ns[hop] = 0;
    *(s->action[hop] == AATS_SLOW_WARN ? &s->patient : &s->urgent) |= bit;
    s->cnt[hop]++;
    if (ns > s->worst_ns[hop]) s->worst_ns[hop] = ns;
    if (s->td == NULL) return;
    aats_add_relaxed(&s->td->slow[hop], 1);
    if ((uint64_t)ns > aats_load_relaxed(&s->td->slow_worst_ns[hop])) aats_store_relaxed(&s->td->slow_worst_ns[hop], (uint64_t)ns);
}

void aats_slow_record(aats_slow_t *s, aats_rec_t const *rec, int64_t delivered_ns)
{
    struct { uint32_t hop; int64_t from, to; } const hops[] = {
        {AATS_HOP_EXCH_RECV, rec->exch_ns, rec->recv_ns},      {AATS_HOP_RECV_PARSED, rec->recv_ns, rec->parsed_ns},
        {AATS_HOP_PARSED_PUB, rec->parsed_ns, rec->pub_ns},    {AATS_HOP_RECV_PUB, rec->recv_ns, rec->pub_ns},
        {AATS_HOP_PUB_DELIVERED, rec->pub_ns, delivered_ns},   {AATS_HOP_RECV_DELIVERED, rec->recv_ns, delivered_ns},
    };
    for (size_t i = 0; i < sizeof hops / sizeof hops[0]; i++)
        if (hops[i].from > 0 && hops[i].to > 0) aats_slow_check(s, hops[i].hop, hops[i].to - hops[i].from);
}

int aats_slow_take(aats_slow_t *s, aats_slow_told_t *out)
{
    uint64_t const passed = s->urgent | s->patient;
    if (passed == 0) return 0;
    uint32_t const hop = (uint32_t)__builtin_ctzll(passed);
    s->urgent &= ~((uint64_t)1 << hop), s->patient &= ~((uint64_t)1 << hop);
    *out = (aats_slow_told_t){.hop = hop, .action = s->action[hop], .cnt = s->cnt[hop], .worst_ns = s->worst_ns[hop], .limit_ns = s->limit_ns[hop]};
    return 1;
}
