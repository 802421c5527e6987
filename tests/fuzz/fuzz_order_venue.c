/* fuzz_order_venue.c -- whatever a venue answers to orders, its parser gives a documented code, and the messages that come out hold what
 * omsg.h promises.
 *
 * Input: one text message, which each house of Binance reads.  A reply is read as the answer to every kind of request, and the text as the body of an HTTP answer.  Aborts on an undocumented code, messages after an error, a
 * text outside the message, a kind, number or text that no message may hold, or a verdict that changes when the text is read a second time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "venue/order.h"

static aats_omsg_t msgs[AATS_OREPLY_MSGS + 1];

static void demand(int cond)
{
    if (!cond) abort();
}

static void documented(int e)
{
    static int const CODES[] = {AATS_OK, AATS_E_SYNTAX, AATS_E_SHAPE, AATS_E_DUPKEY, AATS_E_RANGE, AATS_E_INEXACT, AATS_E_TOO_BIG};
    int known = 0;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) known |= e == CODES[i];
    demand(known);
}

static void message_ok(aats_omsg_t const *m)
{
    int const of_order = (m->kind >= AATS_OM_ACK && m->kind <= AATS_OM_ABSENT) || m->kind == AATS_OM_AMENDED || m->kind == AATS_OM_AMEND_REJECT;
    int const of_account = m->kind == AATS_OM_BALANCE || m->kind == AATS_OM_FOREIGN || m->kind == AATS_OM_POSITION || m->kind == AATS_OM_STRANGE;
    demand(of_order || of_account);
    demand(m->code < AATS_OC_CNT);
    demand(memchr(m->remote_id, 0, sizeof m->remote_id) && memchr(m->symbol, 0, sizeof m->symbol));
    demand(memchr(m->fee_asset, 0, sizeof m->fee_asset) && memchr(m->text, 0, sizeof m->text));
    demand(m->cum_qty_i >= -1 && m->venue_ns >= 0);
    if (m->kind == AATS_OM_ACK || m->kind == AATS_OM_OPEN || m->kind == AATS_OM_FILL) demand(m->remote_id[0] != 0);
    if (m->kind == AATS_OM_FILL) demand(m->px_i > 0 && m->qty_i > 0 && m->liquidity && m->fee_exp == -8);
    if (m->kind == AATS_OM_DONE || m->kind == AATS_OM_REJECT || m->kind == AATS_OM_UNKNOWN) demand(m->code != AATS_OC_NONE);
    if (of_account) demand(m->order_id == 0);
}

static void messages_ok(int e, aats_oreply_t const *r)
{
    static aats_omsg_t const untouched;
    documented(e);
    demand(r->msgs == msgs && r->msg_cnt <= AATS_OREPLY_MSGS && (!e || r->msg_cnt == 0));
    demand(!memcmp(&msgs[AATS_OREPLY_MSGS], &untouched, sizeof untouched));
    for (size_t i = 0; i < r->msg_cnt; i++) message_ok(&msgs[i]);
}

static void inside(char const *text, size_t n, char const *part, size_t part_n)
{
    if (part) demand(part >= text && part_n <= n && part + part_n <= text + n);
}

static void answered(aats_order_venue_t const *v, char const *text, size_t size, int e, aats_oreply_t *r)
{
    aats_order_t const order = {.order_id = 1, .instance = 0x0011223344556677, .px_exp = -8, .qty_exp = -8};
    messages_ok(e, r);
    inside(text, size, r->text, r->text_len);
    inside(text, size, r->result, r->result_len);
    if (e || r->kind != AATS_OV_REPLY) return;
    demand(r->status >= 100 && r->status <= 999 && r->msg_cnt == 0 && (r->status == 200) == (r->result && !r->oc));
    demand(!(r->unsure && (r->busy || r->fatal || r->clock)));
    for (int kind = AATS_OR_NONE + 1; kind < AATS_OR_CNT; kind++) {
        messages_ok(v->result(r, kind, &order), r);
        inside(text, size, r->token, r->token_len);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static aats_order_venue_t const *const HOUSES[] = {&aats_order_venue_binance, &aats_order_venue_binanceus, &aats_order_venue_binance_swap};
    static char const HEAD[] = "HTTP/1.1 200 OK\r\nX-MBX-USED-WEIGHT-1M: 27\r\n\r\n";
    char *text = malloc(size ? size : 1); /* its end is guarded */
    if (size) memcpy(text, data, size);
    for (size_t i = 0; i < sizeof HOUSES / sizeof HOUSES[0]; i++) {
        aats_oreply_t r = {.msgs = msgs}, again = {.msgs = msgs};
        int e = HOUSES[i]->parse(text, size, &again);
        demand(HOUSES[i]->parse(text, size, &r) == e && r.kind == again.kind && r.id == again.id && r.msg_cnt == again.msg_cnt);
        answered(HOUSES[i], text, size, e, &r);
        for (int status = 200; HOUSES[i]->parse_http && status <= 500; status += 100) {
            e = HOUSES[i]->parse_http(status, HEAD, sizeof HEAD - 1, text, size, AATS_OR_PLACE, &r);
            if (e || r.text == NULL || size) messages_ok(e, &r);
            if (!e && r.result) answered(HOUSES[i], text, size, e, &r);
        }
    }
    free(text);
    return 0;
}
