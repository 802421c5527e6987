/* coinbase_order_parse.c -- messages of the user socket; answers of REST, and what their errors mean.
 *
 * Odd behaviours are numbered in coinbase_order.c. */
#include <string.h>

#include "venue/coinbase_order.h"
#include "venue/text.h"
#include "venue/time_text.h"

/* ---- words ---- */

static int says(char const *s, size_t n, char const *word)
{
    size_t const k = strlen(word);
    for (size_t i = 0; i + k <= n; i++)
        if (!memcmp(s + i, word, k)) return 1;
    return 0;
}

uint32_t coinbase_code(char const *words, size_t n)
{
    static struct { char const *word; uint32_t code; } const WORDS[] = {
        {"POST_ONLY", AATS_OC_WOULD_CROSS},         {"POSTONLY", AATS_OC_WOULD_CROSS},            {"INSUFFICIENT_FUND", AATS_OC_BALANCE},
        {"ORDER_NOT_FOUND", AATS_OC_UNKNOWN_ORDER}, {"UNKNOWN_CANCEL_ORDER", AATS_OC_UNKNOWN_ORDER}, {"ORDER_ALREADY_FILLED", AATS_OC_ORDER_CLOSED},
        {"CANNOT_EDIT_TO_BELOW_FILLED_SIZE", AATS_OC_FILTER}, {"INVALID_EDITED", AATS_OC_FILTER}, {"PRECISION", AATS_OC_FILTER},
        {"TOO_SMALL", AATS_OC_FILTER},              {"TOO_LARGE", AATS_OC_FILTER},                {"rate_limit", AATS_OC_RATE_LIMIT},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (says(words, n, WORDS[i].word)) return WORDS[i].code;
    return AATS_OC_VENUE;
}

/* ---- the user socket ---- */

/* {"type":"update","orders":[{..}],"positions":{..}} */
static void user_event(aats_json_t *j, int64_t venue_ns, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    coinbase_item_t item;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (!IS("orders") || aats_json_type(j) != '[') {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, 0);
        aats_json_array(j);
        while (aats_json_item(j) == 1)
            if (!coinbase_item(j, &item)) coinbase_order(j, &item, SAY_EVENT, venue_ns, r, NULL);
    }
}

/* Does a set of subscriptions, [{"subscriptions":{"user":["*"],"heartbeats":["heartbeats"]}}], hold the channel of orders? */
static int listens(aats_json_t *j)
{
    char const *key;
    size_t key_len;
    int found = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (!IS("subscriptions")) {
                aats_json_skip(j);
                continue;
            }
            aats_json_object(j);
            while (aats_json_key(j, &key, &key_len) == 1) {
                found |= IS("user");
                aats_json_skip(j);
            }
        }
    }
    return found;
}

/* An error says no more than words: of the key, or of too much that was asked (V-30). */
static void complaint(aats_oreply_t *r)
{
    r->kind = AATS_OV_REPLY;
    r->answers = AATS_OR_LISTEN;
    r->status = 401;
    r->busy = says(r->text, r->text_len, "rate limit") || says(r->text, r->text_len, "too many");
    r->fatal = !r->busy;
    r->oc = r->busy ? AATS_OC_RATE_LIMIT : AATS_OC_AUTH;
    if (r->busy) r->status = 429;
}

/* {"channel":"user","client_id":"","timestamp":"2026-04-07T14:30:06.000000Z","sequence_num":1,"events":[..]}   {"type":"error","message":".."} */
static int walk(char const *text, size_t n, aats_oreply_t *r)
{
    aats_json_t j, events;
    char const *key, *channel = "", *type = "", *time = "";
    size_t key_len, channel_len = 0, type_len = 0, time_len = 0;
    uint32_t seen = 0;
    aats_json_init(&j, text, n);
    events = j;
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(&j, &seen, 0, &channel, &channel_len);
        else if (IS("timestamp") && aats_json_type(&j) == '"') take_str(&j, &seen, 1, &time, &time_len);
        else if (IS("events")) aats_json_seen(&j, &seen, 2), events = j, aats_json_skip(&j);
        else if (IS("type") && aats_json_type(&j) == '"') take_str(&j, &seen, 3, &type, &type_len);
        else if (IS("message") && aats_json_type(&j) == '"') take_str(&j, &seen, 4, &r->text, &r->text_len);
        else aats_json_skip(&j);
    }
    if (aats_json_end(&j)) return j.err;
    if (!(seen & 1)) {
        if (AATS_JSON_IS(type, type_len, "error")) complaint(r);
        return AATS_OK;
    }
    int const user = AATS_JSON_IS(channel, channel_len, "user");
    if (!user && !AATS_JSON_IS(channel, channel_len, "subscriptions")) return AATS_OK;
    if (!(seen & 4)) return AATS_E_SHAPE;
    if (!user) {
        if (listens(&events)) r->kind = AATS_OV_REPLY, r->answers = AATS_OR_LISTEN, r->status = 200, r->result = text, r->result_len = n;
        return events.err;
    }
    r->kind = AATS_OV_EVENT;
    aats_json_array(&events);
    while (aats_json_item(&events) == 1) user_event(&events, time_text_ns(time, time_len), r);
    return events.err;
}

static void fresh(aats_oreply_t *r)
{
    *r = (aats_oreply_t){.orders_used = -1, .orders_limit = -1, .msgs = r->msgs, .way = r->way, .scale = r->scale, .scale_arg = r->scale_arg};
}

int coinbase_order_parse(char const *text, size_t n, aats_oreply_t *r)
{
    fresh(r);
    int const e = walk(text, n, r);
    if (e) r->msg_cnt = 0;
    return e;
}

/* ---- REST ---- */

/* What an answer says of its success, wherever it says it. */
typedef struct {
    uint32_t seen;
    int success, refused;
    char const *why[4]; /* in the order in which they are believed: the error, reasons of the preview and of the new order, the message */
    size_t why_len[4];
} said_t;
enum { SEEN_SUCCESS = 1 };
enum { WHY_ERROR = 0, WHY_PREVIEW, WHY_NEW, WHY_MESSAGE, WHY_CNT };

static void take_why(aats_json_t *j, said_t *s, int which)
{
    if (aats_json_type(j) != '"') aats_json_skip(j);
    else aats_json_str(j, &s->why[which], &s->why_len[which]);
}

static void success(aats_json_t *j, said_t *s)
{
    int ok = 0;
    if (aats_json_bool(j, &ok)) return;
    s->seen |= SEEN_SUCCESS;
    s->success |= ok;
    s->refused |= !ok;
}

/* {"error":"INSUFFICIENT_FUND","message":"..","preview_failure_reason":"..","new_order_failure_reason":".."}, and the rows of batch_cancel and edit:
 * {"success":false,"failure_reason":"UNKNOWN_CANCEL_ORDER","order_id":".."}   {"edit_failure_reason":"ORDER_ALREADY_FILLED","preview_failure_reason":""}
 * {"id":"rate_limit_exceeded","message":"Too many requests"} */
static void reasons(aats_json_t *j, said_t *s)
{
    char const *key;
    size_t key_len;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("error") || IS("failure_reason") || IS("edit_failure_reason") || IS("id")) take_why(j, s, WHY_ERROR);
        else if (IS("preview_failure_reason")) take_why(j, s, WHY_PREVIEW);
        else if (IS("new_order_failure_reason")) take_why(j, s, WHY_NEW);
        else if (IS("message")) take_why(j, s, WHY_MESSAGE);
        else if (IS("success") && aats_json_type(j) == 't') success(j, s);
        else aats_json_skip(j);
    }
}

static void row(aats_json_t *j, said_t *s)
{
    if (aats_json_type(j) == '{') reasons(j, s);
    else aats_json_skip(j);
}

static int answer(aats_json_t *j, said_t *s, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    uint64_t ms = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        int const type = aats_json_type(j);
        if (IS("success") && type == 't') aats_json_seen(j, &seen, 0), success(j, s);
        else if (IS("error_response")) aats_json_seen(j, &seen, 1), row(j, s);
        else if (IS("error")) aats_json_seen(j, &seen, 2), take_why(j, s, WHY_ERROR);
        else if (IS("message")) aats_json_seen(j, &seen, 3), take_why(j, s, WHY_MESSAGE);
        else if (IS("epochMillis")) take_text_u64(j, &seen, 4, &ms);
        else if ((IS("results") || IS("errors")) && type == '[') {
            aats_json_seen(j, &seen, 5);
            aats_json_array(j);
            while (aats_json_item(j) == 1) row(j, s);
        } else aats_json_skip(j);
    }
    if (ms <= INT64_MAX) r->server_ms = (int64_t)ms;
    return aats_json_end(j);
}

/* The words that say most: "UNKNOWN_..." says nothing, unless it is all that there is (V-22). */
static void choose(said_t const *s, aats_oreply_t *r)
{
    r->text = "(no reason was given)";
    r->text_len = strlen(r->text);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < WHY_CNT; i++) {
            int const vague = s->why_len[i] >= 8 && !memcmp(s->why[i], "UNKNOWN_", 8) && !AATS_JSON_IS(s->why[i], s->why_len[i], "UNKNOWN_CANCEL_ORDER");
            if (!s->why_len[i] || (vague && !pass)) continue;
            r->text = s->why[i];
            r->text_len = s->why_len[i];
            r->oc = coinbase_code(r->text, r->text_len);
            return;
        }
}

/* 401 and 403 are the key's, 429 was not taken, of a 5xx nobody knows (7). */
static void judge(int status, aats_oreply_t *r)
{
    if (status == 401 || status == 403) r->fatal = 1, r->oc = AATS_OC_AUTH;
    else if (status == 429) r->busy = 1, r->oc = AATS_OC_RATE_LIMIT;
    else if (status >= 500) r->unsure = 1, r->oc = AATS_OC_VENUE_UNSURE;
    else if (status == 404) r->oc = AATS_OC_UNKNOWN_ORDER;
}

int coinbase_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    aats_json_t j;
    said_t s = {.why = {"", "", "", ""}};
    int const acts = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_AMEND, good = status >= 200 && status < 300;
    (void)head, (void)head_len;
    fresh(r);
    if (aats_order_http(status, body, n, kind, r)) return AATS_OK;
    aats_json_init(&j, body, n);
    if (answer(&j, &s, r)) return j.err;
    if (good && acts && !(s.seen & SEEN_SUCCESS)) return AATS_E_SHAPE;
    if (good && (!acts || !s.refused)) {
        r->status = 200;
        r->result = body;
        r->result_len = n;
        return AATS_OK;
    }
    r->oc = AATS_OC_VENUE;
    choose(&s, r);
    if (good) r->status = 400;
    else judge(status, r);
    return AATS_OK;
}
