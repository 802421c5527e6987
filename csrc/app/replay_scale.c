/* replay_scale.c -- how a tape writes its numbers: exponents that hold every price and size of a symbol, and digits behind the point.
 *
 * A live feed has an instrument list; a tape has only itself.  Exponents begin as the venue's own.  When a message is refused because a number
 * does not fit, the nearest exponents are sought at which it can be read, together with every message that was refused before; the tape is
 * then run again from its beginning.  Nothing is rounded: a symbol whose numbers fit no exponents stays unreadable.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/replay_state.h"
#include "proto/num.h"

static int same(char const *have, char const *s, size_t n) { return !strncasecmp(have, s, n) && !have[n]; }

void aats_replay_scale_of(void *arg, void *msg)
{
    aats_replay_t const *r = arg;
    aats_msg_t *m = msg;
    char const *name = m->sym ? m->sym : r->asked;
    if (!name) return;
    size_t n = m->sym ? m->sym_len : strlen(name);
    if (n >= AATS_SYMBOL_SZ) return;
    for (uint32_t i = 0; i < r->scale_cnt; i++) {
        if (!same(r->scales[i].native, name, n)) continue;
        m->px_exp = r->scales[i].px_exp;
        m->qty_exp = r->scales[i].qty_exp;
        return;
    }
}

static int scale_make(aats_replay_t *r, char const *name, size_t n, uint32_t *out)
{
    for (*out = 0; *out < r->scale_cnt; ++*out)
        if (same(r->scales[*out].native, name, n)) return AATS_OK;
    aats_replay_scale_t *grown = realloc(r->scales, (r->scale_cnt + 1) * sizeof *grown);
    if (!grown) return AATS_E_NOMEM;
    r->scales = grown;
    aats_replay_scale_t *s = &grown[r->scale_cnt++];
    *s = (aats_replay_scale_t){.px_exp = r->venue->px_exp, .qty_exp = r->venue->qty_exp};
    memcpy(s->native, name, n);
    return AATS_OK;
}

/* Can every lesson of the symbol be read now? */
static int all_read(aats_replay_t *r, uint32_t scale)
{
    char const *asked = r->asked;
    int ok = 1;
    for (uint32_t i = 0; ok && i < r->lesson_cnt; i++) {
        aats_replay_lesson_t const *l = &r->lessons[i];
        if (l->scale != scale) continue;
        r->asked = l->rest ? r->scales[scale].native : NULL;
        ok = r->venue->parse(l->text, l->n, &r->msg) == AATS_OK;
    }
    r->asked = asked;
    return ok;
}

static int seek(aats_replay_t *r, uint32_t scale)
{
    aats_replay_scale_t was = r->scales[scale];
    for (int32_t far = 0; far <= 36; far++) {
        for (int32_t px = -far; px <= far; px++) {
            int32_t rest = far - abs(px);
            for (int32_t sign = -1; sign <= 1; sign += 2) {
                aats_replay_scale_t *s = &r->scales[scale];
                s->px_exp = r->venue->px_exp + px;
                s->qty_exp = r->venue->qty_exp + sign * rest;
                if (s->px_exp < AATS_NUM_EXP_MIN || s->px_exp > 0 || s->qty_exp < AATS_NUM_EXP_MIN || s->qty_exp > 6) continue;
                if (all_read(r, scale)) return s->px_exp != was.px_exp || s->qty_exp != was.qty_exp;
            }
        }
    }
    r->scales[scale] = was;
    return 0;
}

int aats_replay_learn(aats_replay_t *r, char const *text, size_t n)
{
    aats_msg_t const *m = &r->msg;
    char const *name = m->sym ? m->sym : r->asked;
    size_t name_len = m->sym ? m->sym_len : name ? strlen(name) : 0;
    uint32_t scale;
    if (!name_len || name_len >= AATS_SYMBOL_SZ) return 0;
    if (scale_make(r, name, name_len, &scale) || r->scales[scale].lessons == AATS_REPLAY_LESSONS) return 0;
    aats_replay_lesson_t *grown = realloc(r->lessons, (r->lesson_cnt + 1) * sizeof *grown);
    if (grown) r->lessons = grown;
    char *copy = grown ? malloc(n ? n : 1) : NULL;
    if (!copy) return 0;
    memcpy(copy, text, n);
    r->lessons[r->lesson_cnt++] = (aats_replay_lesson_t){copy, n, scale, !m->sym};
    int found = seek(r, scale);
    if (!found) {
        free(copy);
        r->lesson_cnt--;
    } else r->scales[scale].lessons++;
    r->venue->parse(text, n, &r->msg); /* the caller's again */
    return found;
}

/* ---- how levels were written ---- */

typedef struct {
    int64_t px_i, qty_i; /* its value as a price, as a size */
    int px_ok, qty_ok;
    int of_key;     /* it is the value of a key, not in an array */
    int32_t digits; /* behind the point; -1: zero (written as it pleases everywhere), or with an exponent */
} number_t;

/* Reads the next number of a text.  Returns the place behind it, NULL at the end. */
static char const *number(char const *text, char const *p, char const *end, aats_replay_symbol_t const *told, number_t *out)
{
    while (p < end && (*p < '0' || *p > '9')) p++;
    if (p == end) return NULL;
    char const *start = p > text && p[-1] == '-' ? p - 1 : p;
    int point = 0, plain = 1, zero = 1;
    out->digits = 0;
    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9') {
            out->digits += point;
            zero &= *p == '0';
        } else if (*p == '.' && !point) point = 1;
        else if (*p == 'e' || *p == 'E' || ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E'))) plain = 0;
        else break;
    }
    out->px_ok = !aats_num_parse(start, (size_t)(p - start), told->px_exp, &out->px_i);
    out->qty_ok = !aats_num_parse(start, (size_t)(p - start), told->qty_exp, &out->qty_i);
    if (zero || !plain) out->digits = -1;
    if (start > text && start[-1] == '"') start--;
    out->of_key = start > text && start[-1] == ':';
    return p;
}

static int is_level(number_t const *px, number_t const *qty, aats_level_t const *level)
{
    return px->px_ok && qty->qty_ok && px->px_i == level->px_i && qty->qty_i == level->qty_i;
}

static void see(aats_replay_digits_t *d, int32_t digits)
{
    if (digits < 0) return;
    if (d->least < 0 || digits < d->least) d->least = digits;
    if (digits > d->most) d->most = digits;
}

/* Scaled integers have forgotten how they were written.  Levels are found in the text by their values: two numbers that follow each other, the price
 * first, or in an object (an id may equal the size behind it). */
void aats_replay_spelling(aats_replay_t const *r, aats_replay_sym_t *s, char const *text, size_t n)
{
    aats_msg_t const *m = &r->msg;
    char const *end = text + n, *p = text;
    aats_level_t const *sides[2] = {m->bids, m->asks};
    size_t cnt[2] = {m->bid_cnt, m->ask_cnt}, at[2] = {0, 0};
    number_t before = {0}, now = {0};
    int have = 0; /* numbers behind the last level */
    while (at[0] < cnt[0] || at[1] < cnt[1]) {
        if (!(p = number(text, p, end, &s->told, &now))) return;
        have++;
        for (int side = 0; side < 2 && have > 1; side++) {
            if (at[side] == cnt[side]) continue;
            aats_level_t const *level = &sides[side][at[side]];
            int price_first = is_level(&before, &now, level);
            if (!price_first && !(now.of_key && is_level(&now, &before, level))) continue;
            see(&s->px_digits, price_first ? before.digits : now.digits);
            see(&s->qty_digits, price_first ? now.digits : before.digits);
            at[side]++;
            have = 0;
        }
        before = now;
    }
}
