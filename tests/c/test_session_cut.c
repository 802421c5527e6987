/* test_session_cut.c -- the wire is cut between every two bytes of a request and of an answer: each order ends known, none twice, none
 * sent again. */
#include "session_fixture.h"

#include "check.h"

static fx_t x;

#define PLACED(id) (fx_venue_by_id(&x, FX_OWN, id) ? fx_venue_by_id(&x, FX_OWN, id)->placed : 0)

static void settle(int readies)
{
    for (int i = 0; i < 600 && x.readies < readies; i++) fx_pass(&x, 50);
}

/* Is what the trader believes of order `id` what the venue has? */
static int agrees(int id)
{
    fx_order_t const *o = &x.orders[id];
    fx_venue_order_t const *v = fx_venue_by_id(&x, FX_OWN, id);
    if (!v) return o->closed && o->code == AATS_OC_NOT_RECEIVED;
    int lives = !o->closed && o->m.o.state == AATS_ORD_LIVE && !aats_machine_asks(&o->m);
    if (v->status == FX_OPEN) return lives && o->m.o.cum_qty_i == v->cum_i;
    return o->closed && o->cum_i == v->cum_i && o->code == (v->status == FX_FILLED ? AATS_OC_FILLED : AATS_OC_CANCELED);
}

static int once(char const *told, char what)
{
    char const *at = strchr(told, what);
    return !at || !strchr(at + 1, what);
}

/* One life: place (and cancel) with the wire cut after n bytes in one direction.  Returns 1 if the cut came. */
static int life(int request, int64_t n, int cancel, int fill)
{
    if (!fx_ready(&x)) return 0;
    x.fill_at_once = fill;
    if (cancel) {
        fx_place(&x, 1, FX_UNIT);
        fx_pass(&x, 10);
    }
    if (request) x.to_venue = n;
    else x.to_session = n;
    if (cancel) fx_cancel(&x, 1);
    else fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 10);
    int cut = !x.connected;
    x.to_venue = x.to_session = -1;
    settle(1 + cut);
    fx_pass(&x, 50);
    CHECK_MSG(x.readies == 1 + cut, "cut at %lld: READY %d times", (long long)n, x.readies);
    CHECK_MSG(agrees(1), "cut at %lld: told %s, venue %d", (long long)n, x.orders[1].told, x.at_venue[0].status);
    CHECK_MSG(PLACED(1) <= 1 && x.asked[AATS_OR_PLACE] <= 1, "cut at %lld: sent %d times", (long long)n, x.asked[AATS_OR_PLACE]);
    CHECK_MSG(once(x.orders[1].told, 'A') && once(x.orders[1].told, 'E') && once(x.orders[1].told, 'Z'), "cut at %lld: %s", (long long)n,
              x.orders[1].told);
    if (cancel) CHECK_MSG(x.at_venue[0].status == FX_CANCELED, "cut at %lld: the cancel was forgotten", (long long)n);
    fx_end(&x);
    return cut;
}

/* Every place of the cut until none comes any more: the bytes are all through. */
static void everywhere(int request, int cancel, int fill)
{
    int64_t n = 1;
    while (n < 4000 && life(request, n, cancel, fill)) n++;
    CHECK_MSG(n > 100 && n < 4000, "%lld bytes", (long long)n);
}

TEST(order_is_known_wherever_its_request_is_cut)              { everywhere(1, 0, 0); }
TEST(order_is_known_wherever_its_answer_is_cut)               { everywhere(0, 0, 0); }
TEST(filled_order_is_filled_once_wherever_its_answer_is_cut)  { everywhere(0, 0, 1); }
TEST(cancel_reaches_its_order_wherever_its_request_is_cut)    { everywhere(1, 1, 0); }
TEST(cancel_is_told_once_wherever_its_answer_is_cut)          { everywhere(0, 1, 0); }

/* The way to READY, with an open order of this run and one of an earlier one: cut anywhere, it is gone again from the beginning. */
static int64_t way(int request, int64_t n)
{
    char cid[AATS_CLIENT_ID_SZ];
    if (!fx_ready(&x)) return 0;
    fx_place(&x, 1, FX_UNIT);
    fx_pass(&x, 10);
    fx_cut(&x, "gone");
    fx_fill(&x, &x.at_venue[0], FX_UNIT / 2, 0);
    aats_client_id_format(FX_EARLIER, 77, cid);
    fx_venue_add(&x, cid, FX_UNIT);
    if (request) x.to_venue = n;
    else x.to_session = n;
    settle(2);
    int64_t left = request ? x.to_venue : x.to_session;
    x.to_venue = x.to_session = -1;
    CHECK_MSG(x.readies == 2, "cut at %lld: READY %d times", (long long)n, x.readies);
    CHECK_MSG(agrees(1) && x.at_venue[1].status == FX_CANCELED, "cut at %lld: %s", (long long)n, x.orders[1].told);
    CHECK_MSG(x.ups == x.downs + 1, "cut at %lld: %s", (long long)n, x.words);
    CHECK_EQ_I64(x.asked[AATS_OR_PLACE], 1);
    fx_end(&x);
    return left < 0; /* it came to the cut */
}

TEST(way_to_ready_is_gone_again_wherever_its_requests_are_cut)
{
    int64_t n = 1;
    while (n < 8000 && way(1, n)) n += 3;
    CHECK_MSG(n > 1000 && n < 8000, "%lld bytes", (long long)n);
}

TEST(way_to_ready_is_gone_again_wherever_its_answers_are_cut)
{
    int64_t n = 1;
    while (n < 8000 && way(0, n)) n += 3;
    CHECK_MSG(n > 1000 && n < 8000, "%lld bytes", (long long)n);
}

RUN_ALL()
