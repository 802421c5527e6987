/* order_error.c -- what venues' refusals have in common: HTTP answers that are no JSON, and the messages that an error becomes.
 *
 * For: each venue's parse_http and result.  Not for what a venue's own numbers mean: that is in its files. */
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"
#include "venue/order.h"

/* ---- answers without a venue's words ---- */

static int changes_something(int kind)
{
    return kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_CANCEL_ALL || kind == AATS_OR_AMEND;
}

static void judge(int status, int kind, aats_oreply_t *r)
{
    r->oc = AATS_OC_VENUE;
    if (status == 418) r->busy = 1, r->oc = AATS_OC_BANNED;
    else if (status == 429 || (status == 503 && !changes_something(kind))) r->busy = 1, r->oc = AATS_OC_RATE_LIMIT;
    else if (status >= 500) r->unsure = 1, r->oc = AATS_OC_VENUE_UNSURE;
    else if (status == 401 || status == 403) r->fatal = 1, r->oc = AATS_OC_AUTH;
    else if (status >= 200 && status < 300) r->unsure = 1, r->oc = AATS_OC_VENUE_UNSURE; /* taken, by the status; what came of it is not said */
}

/* The first words of a page are its title or its markup: shown to people, cut. */
static void words(char const *body, size_t n, aats_oreply_t *r)
{
    r->text = n ? body : "(an empty answer)";
    r->text_len = n ? n : strlen(r->text);
    if (r->text_len > 120) r->text_len = 120;
    while (r->text_len && !aats_utf8_ok(r->text, r->text_len)) r->text_len--;
}

int aats_order_http(int status, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    r->kind = AATS_OV_REPLY;
    r->status = status;
    while (n && (*body == ' ' || *body == '\t' || *body == '\r' || *body == '\n')) body++, n--;
    if (n && (*body == '{' || *body == '[')) return 0;
    judge(status, kind, r);
    words(body, n, r);
    if (status >= 200 && status < 300) r->status = 502; /* a 200 without an answer is none */
    return 1;
}

/* ---- messages ---- */

/* "51000: Parameter px error", on one line, cut between two characters where it is too long. */
static void sentence(aats_oreply_t const *r, char *out, size_t cap)
{
    int at = r->code ? snprintf(out, cap, "%lld: ", (long long)r->code) : 0;
    size_t room = cap - 1 - (size_t)at, n = r->text_len < room ? r->text_len : room;
    while (n > 0 && n < r->text_len && ((unsigned char)r->text[n] & 0xc0) == 0x80) n--;
    for (size_t i = 0; i < n; i++) out[(size_t)at + i] = (unsigned char)r->text[i] < ' ' || r->text[i] == 0x7f ? ' ' : r->text[i];
    out[(size_t)at + n] = 0;
}

int aats_order_refused(aats_oreply_t *r, int kind, aats_order_t const *order, int absent)
{
    uint32_t as = AATS_OM_NONE, code = r->oc ? r->oc : AATS_OC_VENUE;
    switch (kind) {
    case AATS_OR_PLACE: as = r->unsure ? AATS_OM_UNKNOWN : AATS_OM_REJECT; break;
    case AATS_OR_CANCEL: as = r->unsure ? AATS_OM_UNKNOWN : AATS_OM_CANCEL_REJECT; break;
    case AATS_OR_AMEND: as = r->unsure ? AATS_OM_UNKNOWN : AATS_OM_AMEND_REJECT; break;
    case AATS_OR_QUERY:
        if (absent) as = AATS_OM_ABSENT, code = AATS_OC_NOT_RECEIVED;
        break;
    default: break;
    }
    if (as == AATS_OM_UNKNOWN) code = AATS_OC_VENUE_UNSURE;
    if (as == AATS_OM_NONE || !order || !r->msgs) return AATS_OK;
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    memset(m, 0, sizeof *m);
    m->kind = as;
    m->code = code;
    m->instance = order->instance;
    m->order_id = order->client_no != 0 ? order->client_no : order->order_id;
    m->cum_qty_i = -1;
    sentence(r, m->text, sizeof m->text);
    return AATS_OK;
}

void aats_order_unfit(aats_oreply_t *r)
{
    static char const WHY[] = "the account is in hedge mode (two-sided positions), and orders are sent for one-way mode: switch its position mode at the venue";
    r->unfit = 1;
    r->text = WHY;
    r->text_len = sizeof WHY - 1;
}
