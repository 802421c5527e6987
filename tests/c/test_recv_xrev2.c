#include "recv_fixture.h"
TEST(wrong_feed_id_p2p)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, 5, 2);
    x->opts.path[0].feed_id = 999;
    net_begin(x, 1, AATS_PATH_P2P);
    net_quote(&x->feeds[0], 0);
    net_run(x, 10000 * NET_MS);
    printf("A snapshots made by fan %u foreign %u\nlog:\n%.900s\n", (unsigned)x->feeds[0].view.md->fan[AATS_FAN_SNAPSHOTS], (unsigned)net_path(x,0)->foreign, x->log);
    net_end(x);
}
TEST(exponents_change_over_restart)
{
    net_t *x = calloc(1, sizeof *x);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 100, 7, 5, 1);
    net_begin(x, 1, AATS_PATH_MULTIBROAD);
    net_quote(&x->feeds[0], 0);
    net_run(x, 300 * NET_MS);
    CHECK_EQ_I64(net_why(x, 0), AATS_WHY_NONE);
    net_cut(x, 0, "reset");
    net_feed_end(&x->feeds[0]);
    net_run(x, 3000 * NET_MS);
    net_feed_begin(&x->feeds[0], "192.0.2.1", 101, 8, 5, 0);
    net_feed_t *f = &x->feeds[0];
    aats_dir_t d = {.state = AATS_DIR_SYNCING, .px_exp = -3, .qty_exp = -8, .level_num = 5, .link = 0, .symbol = "BTCUSDT.BINANCE", .native = "BTCUSDT"};
    aats_dir_add(&f->view, &d);
    f->mono_ns = x->mono_ns;
    x->log[0] = 0;
    for (int i = 0; i < 50; i++) { net_quote(f, 0); net_run(x, 100 * NET_MS); }
    printf("B why %d same %d gen %u\n%.600s\n", net_why(x, 0), net_same(x, f, 0), (unsigned)x->generation, x->log);
    net_end(x);
}
RUN_ALL()
