/* clock_page.c -- the line through the samples; see clock_page.h for its edges and its keeper. */
#include "shm/clock_page.h"

#include "shm/procs.h"

#define NS_S 1000000000
#define WRITING 1 /* low byte of `keeper` */

__extension__ typedef unsigned __int128 u128;

static int64_t size_of(int64_t ns) { return ns < 0 ? -ns : ns; }

static uint64_t ticks_of(int64_t ns, uint64_t mult) { return (uint64_t)(((u128)(uint64_t)ns << 32) / mult); }

/* ---- the rate ---- */

static int begin_again(aats_clock_rate_t *rate, aats_clock_sample_t const *s)
{
    *rate = (aats_clock_rate_t){.from = *s, .middle = *s, .last = *s, .cnt = 1};
    return 0;
}

int aats_clock_rate_add(aats_clock_rate_t *rate, aats_clock_sample_t const *s)
{
    int64_t const gone = s->mono_ns - rate->last.mono_ns, base = s->mono_ns - rate->from.mono_ns;
    int64_t const ticks = (int64_t)(s->ticks - rate->last.ticks);
    if (rate->cnt != 0 && ticks == 0) return rate->mult != 0 && rate->holds;
    if (rate->cnt == 0 || ticks < 0 || gone <= 0 || gone > AATS_CLOCK_GAP_NS) return begin_again(rate, s);

    if (rate->mult != 0) {
        int64_t const predicted = rate->last.mono_ns + (int64_t)((u128)(uint64_t)ticks * rate->mult >> 32);
        if (size_of(s->mono_ns - predicted) > AATS_CLOCK_DOUBT_NS) return begin_again(rate, s);
        rate->holds = 1;
    }
    if (base >= AATS_CLOCK_BASE_NS) rate->mult = (uint64_t)(((u128)(uint64_t)base << 32) / (s->ticks - rate->from.ticks));
    rate->last = *s;
    rate->cnt++;
    if (s->mono_ns - rate->middle.mono_ns > NS_S) { /* the rate is that of the last second or two */
        rate->from = rate->middle;
        rate->middle = *s;
    }
    return rate->mult != 0 && rate->holds;
}

/* ---- the keeper ---- */

int aats_clock_page_old(aats_clock_page_t const *page, uint64_t ticks)
{
    uint64_t const seq = aats_seq_read_begin(&page->seq); /* L1 */
    uint64_t const then = aats_load_relaxed(&page->tsc), good = aats_load_relaxed(&page->good_ticks);
    if (!aats_seq_read_end(&page->seq, seq)) return 0; /* somebody is at work */
    if (seq == 0 || seq & 1 || good == 0) return 1;
    return ticks - then + AATS_CLOCK_EARLY > good / 2 + AATS_CLOCK_EARLY;
}

int aats_clock_page_hold(aats_clock_page_t *page, uint64_t self, uint64_t ticks, int (*alive)(uint64_t word))
{
    uint64_t const word = aats_load_acquire(&page->keeper);
    int const mine = aats_ident_bare(word) == aats_ident_bare(self), writing = aats_ident_state(word) == WRITING;
    if (aats_ident_bare(self) == 0 || (mine && writing)) return 0;
    if (!mine && word != 0 && !aats_clock_page_old(page, ticks)) return 0;
    if (writing && alive(word)) return 0;
    return aats_cas(&page->keeper, word, aats_ident_with(self, WRITING)); /* L3 */
}

void aats_clock_page_release(aats_clock_page_t *page, uint64_t self) { aats_store_release(&page->keeper, aats_ident_bare(self)); /* L3 */ }

/* write stores the words; seq is odd already where a predecessor has died inside. */
static void write_page(aats_clock_page_t *page, aats_clock_page_t const *now)
{
    uint64_t const seq = aats_load_relaxed(&page->seq), odd = seq & 1 ? seq + 2 : seq + 1;
    aats_seq_write_begin(&page->seq, odd); /* L2 */
    aats_words_store(&page->tsc, &now->tsc, (offsetof(aats_clock_page_t, keeper) - offsetof(aats_clock_page_t, tsc)) / 8);
    aats_seq_write_end(&page->seq, odd + 1); /* L1 */
}

static void load_page(aats_clock_page_t *out, aats_clock_page_t const *page) { aats_words_load(out, page, sizeof *page / 8); }

void aats_clock_page_withdraw(aats_clock_page_t *page)
{
    aats_clock_page_t now;
    load_page(&now, page); /* nobody else writes */
    now.good_ticks = 0;
    now.writes++;
    write_page(page, &now);
}

void aats_clock_page_put(aats_clock_page_t *page, aats_clock_rate_t const *rate, aats_clock_sample_t const *s)
{
    aats_clock_page_t was;
    load_page(&was, page); /* nobody else writes */
    aats_clock_page_t now = {.tsc = s->ticks, .real_ns = s->real_ns, .mono_ns = s->mono_ns, .mult = rate->mult,
                             .err_ns = (uint64_t)aats_clock_line(1, (int64_t)s->err_ticks, rate->mult),
                             .good_ticks = ticks_of(AATS_CLOCK_GOOD_NS, rate->mult), .writes = was.writes + 1};

    /* Go on where the old line is, if it can be read at all: with a slope that meets the clock at the next renewal. */
    uint64_t const gone = s->ticks - was.tsc;
    if (was.seq != 0 && !(was.seq & 1) && gone <= was.good_ticks) {
        int64_t const line = aats_clock_line(was.mono_ns, (int64_t)gone, was.mult), ahead = line - s->mono_ns;
        if (size_of(ahead) <= AATS_CLOCK_DOUBT_NS) {
            int64_t const slower = ahead * ((int64_t)1 << 32) / (int64_t)ticks_of(AATS_CLOCK_RENEW_NS, rate->mult);
            now.mono_ns = line;
            now.mult = (uint64_t)((int64_t)now.mult - slower);
            now.real_ns += ahead;
        }
        /* The distance of the two clocks is constant but for steps: noise of a sample is none. */
        int64_t const apart = was.real_ns - was.mono_ns, seen = now.real_ns - now.mono_ns;
        if (size_of(seen - apart) <= (int64_t)(2 * (now.err_ns + was.err_ns))) now.real_ns = now.mono_ns + apart;
    }
    write_page(page, &now);
}
