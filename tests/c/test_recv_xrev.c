#include "recv_fixture.h"
#define LEVELS 100
static net_t *begun(uint32_t kind, int no_repair)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, LEVELS, 2);
    x->opts.path[0].no_repair = (uint32_t)no_repair;
    net_begin(x, 1, kind);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    return x;
}
/* QUOTE (deep), then a STATE that is good (carrier change) before the fan-out has read the book */
TEST(carrier_change_right_behind_a_deep_quote)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 0);
    net_feed_t *f = &x->feeds[0];
    REQUIRE(net_same(x, f, 0));
    net_quote(f, 0);
    net_state(f, 0, 0);
    net_run(x, 400 * NET_MS);
    unsigned const here = net_here(x, f, 0);
    printf("A why %d same %d\n", net_why(x, here), net_same(x, f, 0));
    CHECK(net_why(x, here) != AATS_WHY_NONE || net_same(x, f, 0));
    net_end(x);
}
TEST(carrier_change_after_the_book_was_read)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 0);
    net_feed_t *f = &x->feeds[0];
    f->deep_delay_ns = 10 * NET_MS;
    net_quote(f, 0);
    net_pass(x, NET_MS);
    net_state(f, 0, 0);
    net_run(x, 400 * NET_MS);
    unsigned const here = net_here(x, f, 0);
    printf("B why %d same %d\n", net_why(x, here), net_same(x, f, 0));
    CHECK(net_why(x, here) != AATS_WHY_NONE || net_same(x, f, 0));
    net_end(x);
}
TEST(bad_then_good_state_behind_deep)
{
    net_t *x = begun(AATS_PATH_MULTIBROAD, 0);
    net_feed_t *f = &x->feeds[0];
    f->deep_delay_ns = 10 * NET_MS;
    net_quote(f, 0);
    net_pass(x, NET_MS);
    net_state(f, 0, AATS_WHY_GAP);
    net_state(f, 0, 0);
    net_run(x, 400 * NET_MS);
    unsigned const here = net_here(x, f, 0);
    printf("C why %d same %d\n", net_why(x, here), net_same(x, f, 0));
    CHECK(net_why(x, here) != AATS_WHY_NONE || net_same(x, f, 0));
    net_end(x);
}
TEST(p2p_carrier)
{
    net_t *x = begun(AATS_PATH_P2P, 0);
    net_feed_t *f = &x->feeds[0];
    net_quote(f, 0);
    net_state(f, 0, 0);
    net_run(x, 400 * NET_MS);
    unsigned const here = net_here(x, f, 0);
    printf("D why %d same %d\n", net_why(x, here), net_same(x, f, 0));
    CHECK(net_why(x, here) != AATS_WHY_NONE || net_same(x, f, 0));
    net_end(x);
}
RUN_ALL()
