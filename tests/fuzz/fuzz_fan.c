/* fuzz_fan.c -- any bytes from a peer, in any pieces: the fan-out stays whole, its memory bounded, and what it sends is readable.
 *
 * Input: the first byte chooses the set-up (hello said for the peer or not, compatibility, level depth, what the feed does meanwhile), the second the size
 * of the pieces; the rest is what the peer says.  Aborts on an undocumented code, on bytes that a receiver cannot read, and when a second peer, which behaves,
 * misses a record. */
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* of check.h, whose main is not wanted here */
#include "../c/fan_fixture.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

static void demand(int cond)
{
    if (!cond) abort();
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static fan_t t;
    static peer_view_t good, bad;
    if (size < 2) return 0;
    uint8_t const how = data[0];
    size_t const piece = 1 + data[1] % 97;
    data += 2, size -= 2;
    uint32_t const levels = how & 2 ? 60 : 5;
    aats_fan_opts_t const opts = {.peer_max = 3, .log_sz = AATS_FAN_LOG_MIN, .own_max = AATS_FAN_OWN_MIN, .compat = how & 4 ? 1 : 0};
    demand(fan_open(&t, opts, levels));
    fan_symbol(&t, "AAUSDT", levels);
    if (opts.compat) aats_fan_compat_symbol(t.fan, "AAUSDT.BINANCE", 1, 5);
    for (int i = 0; i < 300; i++) fan_quote(&t, 0, levels);
    demand(fan_connect(&t, &good, AATS_HELLO_STREAM) == AATS_OK);
    fan_pass(&t, FAN_MS);
    fan_all(&t, &good);
    if (how & 1) demand(fan_connect(&t, &bad, how & 8 ? AATS_HELLO_STREAM : 0) == AATS_OK);
    else view_begin(&bad, aats_fan_join(t.fan, t.mono_ns));

    for (size_t at = 0; at < size; at += piece) {
        size_t const n = size - at < piece ? size - at : piece;
        if (bad.peer >= 0) {
            int const rc = fan_say(&t, bad.peer, data + at, n);
            demand(rc == AATS_OK || rc == AATS_E_PROTO);
            if (!aats_fan_is_compat(t.fan, bad.peer)) fan_read(&t, &bad, how & 16 ? 100 : SIZE_MAX, 1000);
            if (rc != AATS_OK && aats_fan_want(t.fan, bad.peer) == AATS_FAN_CUT) aats_fan_leave(t.fan, bad.peer), bad.peer = -1;
        }
        if (how & 32) fan_quote(&t, 0, levels);
        fan_pass(&t, how & 64 ? 50 * FAN_MS : FAN_MS);
        fan_all(&t, &good);
        demand(!bad.broken && !good.broken);
    }
    demand(good.next == t.writer.next && good.holes == 0 && fan_same(&t, &good, 0));
    demand(aats_fan_want(t.fan, good.peer) == AATS_FAN_KEEP);
    aats_fan_stop(t.fan, t.now_ns);
    fan_all(&t, &good);
    demand(!strcmp(good.bye, "the feed ends"));
    fan_close(&t);
    return 0;
}
