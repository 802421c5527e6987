/* mailbox.c -- see mailbox.h. */
#include "app/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "base/limits.h"

#define HEAD_WORDS (sizeof(aats_mail_t) / sizeof(uint64_t))

_Static_assert(sizeof(aats_mail_t) == 24, "head of whole words, bytes aligned");
_Static_assert(offsetof(aats_mailbox_t, head) == AATS_LINE && offsetof(aats_mailbox_t, tail) == 2 * AATS_LINE, "a line for each writer");

int aats_mailbox_init(aats_mailbox_t *m, uint32_t depth)
{
    memset(m, 0, sizeof *m);
    if (depth == 0 || depth > 65536 || (depth & (depth - 1)) != 0) return AATS_E_ARG;
    m->slots = calloc(depth, sizeof *m->slots);
    if (m->slots == NULL) return AATS_E_NOMEM;
    m->mask = depth - 1;
    return AATS_OK;
}

void aats_mailbox_fini(aats_mailbox_t *m)
{
    aats_mail_t *mail;
    if (m->slots == NULL) return;
    while (aats_mailbox_get(m, &mail)) aats_mail_free(mail);
    free(m->slots);
    memset(m, 0, sizeof *m);
}

int aats_mailbox_put(aats_mailbox_t *m, uint32_t kind, uint32_t sym, uint64_t num, void const *bytes, size_t n)
{
    if (m->slots == NULL || (bytes == NULL && n > 0)) return AATS_E_ARG;
    if (n > AATS_MAIL_MAX) return AATS_E_TOO_BIG;
    uint64_t *slot = &m->slots[m->head & m->mask];
    if (aats_load_relaxed(slot) != 0) {
        aats_add_relaxed(&m->full, 1);
        return AATS_E_FULL;
    }
    aats_mail_t *mail = malloc(sizeof *mail + n + 1);
    if (mail == NULL) return AATS_E_NOMEM;
    aats_mail_t const head = {.kind = kind, .sym = sym, .num = num, .size = n};
    aats_words_store(mail, &head, HEAD_WORDS); /* by words: the weak-memory runs see these, and with them E1 */
    if (n > 0) memcpy(mail->bytes, bytes, n);
    mail->bytes[n] = 0;
    aats_store_release(slot, (uint64_t)(uintptr_t)mail); /* E1 put */
    m->head++;
    return AATS_OK;
}

int aats_mailbox_get(aats_mailbox_t *m, aats_mail_t **out)
{
    *out = NULL;
    if (m->slots == NULL) return 0;
    uint64_t *slot = &m->slots[m->tail & m->mask];
    uint64_t const at = aats_load_acquire(slot); /* E1 get */
    if (at == 0) return 0;
    aats_store_relaxed(slot, 0);
    m->tail++;
    *out = (aats_mail_t *)(uintptr_t)at;
    return 1;
}

void aats_mail_free(aats_mail_t *mail) { free(mail); }

uint64_t aats_mailbox_full(aats_mailbox_t const *m) { return aats_load_relaxed(&m->full); }
