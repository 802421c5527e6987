/* fuzz_budget.c -- whatever is taken, told, given back and held, and whenever: a budget of two intervals against a plain list of what was
 * taken when.
 *
 * Input: 4 bytes for the limits, then 4 bytes a step (what, lane, amount, time).  Aborts when more than a limit counts in some window, when
 * something is withheld that must be free, when a wait is none, or when the venue's word does not count. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "risk/budget.h"

#define SEC     ((int64_t)1000000000)
#define STEP_SZ 4
#define STEPS   400 /* the rest of a long input is left */

static void demand(int cond)
{
    if (!cond) abort();
}

static int64_t const SPANS[2] = {10 * SEC, 300 * SEC};
static struct { int64_t at_ns, cost; } list[2][STEPS]; /* of each interval: it may be told of alone */
static int cnt[2];

static int64_t width(int i) { return (SPANS[i] + AATS_BUDGET_SLACK_NS + 62) / 63; }
static int64_t window(int i) { return SPANS[i] + AATS_BUDGET_SLACK_NS; }

static int64_t since(int i, int64_t from)
{
    int64_t sum = 0;
    for (int k = cnt[i]; k-- > 0 && list[i][k].at_ns > from;) sum += list[i][k].cost;
    return sum;
}

static void note(int i, int64_t at_ns, int64_t cost)
{
    list[i][cnt[i]].at_ns = at_ns;
    list[i][cnt[i]++].cost = cost;
}

static int64_t cap(int64_t limit, int64_t reserve, int lane)
{
    int64_t const rest = limit - reserve;
    return lane == AATS_LANE_CANCEL ? limit : lane == AATS_LANE_BULK && reserve ? rest - rest / AATS_BUDGET_BULK_PART : rest;
}

static void take(aats_budget_t *b, int64_t const *limit, int64_t const *reserve, int lane, int64_t cost, int64_t now)
{
    int64_t const room = aats_budget_room(b, lane, cost, now), wait = aats_budget_take(b, lane, cost, now);
    int must_wait = 0;
    demand(room == wait && wait >= 0);
    for (int i = 0; i < 2; i++) {
        int64_t const top = cap(limit[i], reserve[i], lane);
        if (wait == 0) demand(since(i, now - window(i)) + cost <= top || (cost > top && since(i, now - window(i)) == 0));
        must_wait |= since(i, now - window(i) - 2 * width(i)) + cost > top;
        if (wait == 0) note(i, now, cost);
    }
    demand(wait == 0 || must_wait || aats_budget_wait(b, now, NULL) > 0);
    if (wait > 0 && aats_budget_wait(b, now, NULL) == 0) demand(aats_budget_room(b, lane, cost, now + wait) == 0);
}

static void tell(aats_budget_t *b, int i, int64_t used, int64_t begun, int64_t now)
{
    int64_t const have = since(i, now - (begun ? begun : SPANS[i])), before = aats_budget_used(b, SPANS[i], now);
    aats_budget_told(b, SPANS[i], used, begun, now);
    int64_t const more = aats_budget_used(b, SPANS[i], now) - before;
    demand(more >= 0 && more <= (used > have ? used - have : 0) && aats_budget_used(b, SPANS[i], now) >= used);
    if (more > 0) note(i, now, more);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);
int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static aats_budget_t b;
    int64_t limit[2], reserve[2], now = 10000 * SEC, held = 0;
    int told = 0; /* from then on the two lists differ */
    if (size < 4) return 0;
    memset(&b, 0, sizeof b);
    cnt[0] = cnt[1] = 0;
    for (int i = 0; i < 2; i++) {
        limit[i] = 1 + data[2 * i];
        reserve[i] = data[2 * i + 1] % limit[i];
        demand(aats_budget_limit(&b, SPANS[i], limit[i], reserve[i]) == AATS_OK);
    }
    for (size_t at = 4; at + STEP_SZ <= size && at < 4 + STEPS * STEP_SZ; at += STEP_SZ) {
        uint8_t const *p = &data[at];
        int const i = p[1] & 1;
        now += p[3] < 128 ? p[3] * (width(0) / 64) : (p[3] - 128) * width(i) / 4;
        switch (p[0] % 8) {
        case 0: tell(&b, i, p[2], p[1] & 2 ? SPANS[i] / (1 + p[1] / 4) : 0, now), told = 1; break;
        case 1:
            if (told || cnt[0] == 0) break;
            aats_budget_give(&b, list[0][cnt[0] - 1].cost, list[0][cnt[0] - 1].at_ns);
            list[0][cnt[0] - 1].cost = list[1][cnt[1] - 1].cost = 0;
            break;
        case 2:
            aats_budget_hold(&b, now + p[2] * SEC / 64, p[1] & 1);
            held = now + p[2] * SEC / 64 > held ? now + p[2] * SEC / 64 : held;
            demand(aats_budget_wait(&b, now, NULL) == (held > now ? held - now : 0));
            break;
        default: take(&b, limit, reserve, p[1] % AATS_LANE_CNT, 1 + p[2] % 16, now); break;
        }
        for (int k = 0; k < 2; k++) {
            demand(aats_budget_used(&b, SPANS[k], now) >= since(k, now - window(k)));
            demand(aats_budget_used(&b, SPANS[k], now) <= since(k, now - window(k) - 2 * width(k)));
        }
    }
    return 0;
}
