/* control.c -- slots, closing, commands; see control.h for states and edges. */
#include "shm/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/segment.h"

#define CTL_OFF   sizeof(aats_seg_t)
#define SLOTS_OFF (CTL_OFF + sizeof(aats_ctl_t))
#define READ_TRIES 100

/* the words of a slot that belong to its owner: all from role up to the command */
#define OWNED_OFF   offsetof(aats_slot_t, role)
#define OWNED_WORDS ((offsetof(aats_slot_t, cmd_lock) - OWNED_OFF) / 8)
#define WORDS(field) (sizeof(((aats_slot_t *)0)->field) / 8)

/* role and mode, port and uid share a word each */
_Static_assert(offsetof(aats_slot_t, role) % 8 == 0 && offsetof(aats_slot_t, mode) == offsetof(aats_slot_t, role) + 4, "one word");
_Static_assert(offsetof(aats_slot_t, port) % 8 == 0 && offsetof(aats_slot_t, uid) == offsetof(aats_slot_t, port) + 4, "one word");
_Static_assert(offsetof(aats_slot_t, name) % 8 == 0 && offsetof(aats_slot_t, detail) % 8 == 0, "whole words");
_Static_assert(offsetof(aats_slot_t, cmd_arg) % 8 == 0 && offsetof(aats_slot_t, ans_text) % 8 == 0, "whole words");

static void text_store(char *shared, size_t cap, char const *text)
{
    char padded[256] = {0};
    size_t const len = text == NULL ? 0 : strnlen(text, cap - 1);
    memcpy(padded, text == NULL ? "" : text, len);
    aats_words_store(shared, padded, cap / 8);
}

static void text_load(char *out, size_t cap, char const *shared, size_t shared_cap)
{
    char padded[256];
    if (cap == 0) return;
    aats_words_load(padded, shared, shared_cap / 8);
    padded[shared_cap - 1] = 0;
    snprintf(out, cap, "%s", padded);
}

static int is_free(uint64_t owner) { return aats_ident_state(owner) == AATS_STATE_FREE; }

/* ---- the table ---- */

int64_t aats_ctl_size(uint32_t slot_cnt)
{
    if (slot_cnt < 1 || slot_cnt > AATS_SLOT_MAX) return AATS_E_ARG;
    return (int64_t)(SLOTS_OFF + slot_cnt * sizeof(aats_slot_t));
}

int aats_ctl_init(void *mem, uint32_t slot_cnt)
{
    aats_seg_t const *seg = mem;
    aats_ctl_t *ctl = (aats_ctl_t *)(void *)((uint8_t *)mem + CTL_OFF);
    int64_t const size = aats_ctl_size(slot_cnt);
    if (size < 0 || seg->kind != AATS_KIND_CTL || seg->size != (uint64_t)size) return AATS_E_ARG;
    ctl->slot_cnt = slot_cnt;
    return AATS_OK;
}

int aats_ctl_attach(void *mem, uint64_t mapped_sz, aats_ctl_view_t *view, char *why, size_t cap)
{
    memset(view, 0, sizeof *view);
    int const code = aats_seg_check(mem, mapped_sz, AATS_KIND_CTL, why, cap);
    if (code != AATS_OK) return code;

    aats_seg_t *seg = mem;
    uint8_t *base = mem;
    uint64_t const size = seg->size;
    if (size <= SLOTS_OFF || (size - SLOTS_OFF) % sizeof(aats_slot_t) != 0) {
        if (why != NULL && cap > 0) snprintf(why, cap, "the control table has %" PRIu64 " bytes, which are no whole slots", size);
        return AATS_E_LAYOUT;
    }
    aats_ctl_t *ctl = (aats_ctl_t *)(void *)(base + CTL_OFF);
    uint64_t const slot_cnt = aats_load_relaxed(&ctl->slot_cnt);
    if (slot_cnt != (size - SLOTS_OFF) / sizeof(aats_slot_t) || slot_cnt > AATS_SLOT_MAX) {
        if (why != NULL && cap > 0) {
            snprintf(why, cap, "the control table says %" PRIu64 " slots, its %" PRIu64 " bytes hold %" PRIu64 ", at most %d are expected",
                     slot_cnt, size, (size - SLOTS_OFF) / sizeof(aats_slot_t), AATS_SLOT_MAX);
        }
        return AATS_E_LAYOUT;
    }
    *view = (aats_ctl_view_t){.seg = seg, .ctl = ctl, .slots = (aats_slot_t *)(void *)(base + SLOTS_OFF), .slot_cnt = slot_cnt};
    return AATS_OK;
}

uint64_t aats_ctl_next_generation(aats_ctl_view_t const *view) { return aats_fetch_add(&view->ctl->next_generation, 1) + 1; }

uint64_t aats_ctl_closing(aats_ctl_view_t const *view) { return aats_load_acquire(&view->ctl->closing); }

static int all_free(aats_ctl_view_t const *view)
{
    for (uint64_t i = 0; i < view->slot_cnt; i++) {
        if (!is_free(aats_load_acquire(&view->slots[i].owner))) return 0;
    }
    return 1;
}

int aats_ctl_close(aats_ctl_view_t const *view, uint64_t self, uint64_t dead)
{
    uint64_t *closing = &view->ctl->closing;
    uint64_t const me = aats_ident_bare(self);
    for (uint64_t from = aats_ident_bare(dead);; from = 0) {
        aats_fence_full(); /* the own slot was freed before this: if the swap fails, its holder looks once more below and sees that */
        if (!aats_cas(closing, from, me)) return 0;
        aats_fence_full(); /* C3 */
        if (all_free(view)) return 1;
        aats_cas(closing, me, 0);
        aats_fence_full();
        if (!all_free(view)) return 0; /* whoever is left closes; who left in between was turned away above, so go round for him */
    }
}

/* ---- slots: their owner ---- */

/* owned says whether the slot is self's, and leaves its whole owner word in *word. */
static int owned(aats_slot_t const *slot, uint64_t self, uint64_t *word)
{
    *word = aats_load_acquire(&slot->owner);
    return aats_ident_bare(*word) == aats_ident_bare(self) && !is_free(*word);
}

/* clear zeroes the owner's words of a slot that `word` holds, and frees it.  The command and its answer stay: their
 * two sides count on them. */
static int clear(aats_slot_t *slot, uint64_t word)
{
    uint64_t *at = (uint64_t *)(void *)((uint8_t *)slot + OWNED_OFF);
    for (size_t i = 0; i < OWNED_WORDS; i++) aats_store_relaxed(at + i, 0);
    return aats_cas(&slot->owner, word, 0) ? AATS_OK : AATS_E_STALE; /* C2 */
}

static int has_name(aats_slot_t const *slot, uint32_t role, char const padded[AATS_NAME_SZ])
{
    uint32_t pair[2];
    char name[AATS_NAME_SZ];
    aats_words_load(pair, &slot->role, 1);
    aats_words_load(name, slot->name, WORDS(name));
    return pair[0] == role && memcmp(name, padded, AATS_NAME_SZ) == 0;
}

int aats_ctl_claim(aats_ctl_view_t const *view, uint64_t self, uint32_t role, char const *name, int unique)
{
    char padded[AATS_NAME_SZ] = {0};
    uint64_t const boot = aats_ident_with(self, AATS_STATE_BOOT);
    size_t const len = name == NULL ? 0 : strnlen(name, AATS_NAME_SZ);
    if (len == 0 || len == AATS_NAME_SZ || aats_ident_bare(self) == 0) return AATS_E_ARG;
    if (role < AATS_ROLE_FEED || role > AATS_ROLE_OTHER) return AATS_E_ARG;
    memcpy(padded, name, len);
    if (aats_ctl_closing(view) != 0) return AATS_E_CLOSED;

    uint64_t at = 0;
    while (at < view->slot_cnt && !aats_cas(&view->slots[at].owner, 0, boot)) at++; /* C2, C3 */
    if (at == view->slot_cnt) return AATS_E_FULL;
    aats_slot_t *slot = &view->slots[at];
    aats_fence_release(); /* C4 */
    uint32_t const pair[2] = {role, AATS_MODE_NONE};
    aats_words_store(slot->name, padded, WORDS(name));
    aats_words_store(&slot->role, pair, 1);

    aats_fence_full(); /* C3; and of two that bring the same name, at least one sees the other */
    int refused = aats_ctl_closing(view) != 0 ? AATS_E_CLOSED : AATS_OK;
    for (uint64_t i = 0; unique && refused == AATS_OK && i < view->slot_cnt; i++) {
        if (i == at || is_free(aats_load_acquire(&view->slots[i].owner))) continue;
        if (has_name(&view->slots[i], role, padded)) refused = AATS_E_BUSY;
    }
    if (refused == AATS_OK) return (int)at;
    aats_ctl_release(slot, self);
    return refused;
}

int aats_ctl_fill(aats_slot_t *slot, uint64_t self, aats_slot_t const *from)
{
    uint64_t word;
    uint32_t role_mode[2];
    if (!owned(slot, self, &word)) return AATS_E_STALE;
    aats_words_load(role_mode, &slot->role, 1);
    role_mode[1] = from->mode;
    aats_words_store(&slot->role, role_mode, 1);
    aats_words_store(&slot->port, (uint32_t[2]){from->port, from->uid}, 1);
    aats_store_relaxed(&slot->generation, from->generation);
    aats_words_store(&slot->started_ns, &from->started_ns, 1);
    aats_store_relaxed(&slot->ns_id, from->ns_id);
    char detail[sizeof from->detail + 1] = {0};
    memcpy(detail, from->detail, sizeof from->detail);
    text_store(slot->detail, sizeof slot->detail, detail);
    return AATS_OK;
}

int aats_ctl_move(aats_slot_t *slot, uint64_t self, uint32_t state)
{
    uint64_t word;
    if (state < AATS_STATE_BOOT || state > AATS_STATE_FAIL) return AATS_E_ARG;
    if (!owned(slot, self, &word) || aats_ident_state(word) == AATS_STATE_REAP) return AATS_E_STALE;
    return aats_cas(&slot->owner, word, aats_ident_with(self, (int)state)) ? AATS_OK : AATS_E_STALE; /* C1 */
}

void aats_ctl_beat(aats_slot_t *slot, int64_t now_mono_ns)
{
    aats_store_release(&slot->heartbeat_mono_ns, (uint64_t)now_mono_ns); /* H1 */
    aats_add_relaxed(&slot->passes, 1);
}

void aats_ctl_wait(aats_slot_t *slot, uint64_t wait) { aats_store_relaxed(&slot->wait, wait); }

uint32_t aats_ctl_spinners(aats_ctl_view_t const *view)
{
    uint32_t cnt = 0;
    for (uint64_t i = 0; i < view->slot_cnt; i++) {
        aats_slot_t const *slot = &view->slots[i];
        if (aats_ident_state(aats_load_acquire(&slot->owner)) != AATS_STATE_RUN) continue; /* C1 */
        if (aats_load_relaxed(&slot->wait) == AATS_WAIT_SPIN) cnt++;
    }
    return cnt;
}

int aats_ctl_release(aats_slot_t *slot, uint64_t self)
{
    int const code = aats_ctl_move(slot, self, AATS_STATE_HALT);
    if (code != AATS_OK) return code;
    aats_fence_release(); /* C4 */
    return clear(slot, aats_ident_with(self, AATS_STATE_HALT));
}

/* ---- slots: readers and reapers ---- */

int aats_ctl_read(aats_slot_t const *slot, aats_slot_t *out)
{
    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t const word = aats_load_acquire(&slot->owner); /* C1 */
        if (is_free(word)) return AATS_E_EMPTY;
        aats_words_load(&out->role, &slot->role, (sizeof *slot - OWNED_OFF) / 8);
        aats_fence_acquire(); /* C4 */
        if (aats_load_relaxed(&slot->owner) != word) continue;
        out->owner = word;
        out->name[sizeof out->name - 1] = 0;
        out->detail[sizeof out->detail - 1] = 0;
        out->cmd_arg[sizeof out->cmd_arg - 1] = 0;
        out->ans_text[sizeof out->ans_text - 1] = 0;
        return AATS_OK;
    }
    return AATS_E_BUSY;
}

int aats_ctl_reap_begin(aats_slot_t *slot, uint64_t seen, uint64_t self)
{
    if (is_free(seen) || aats_ident_bare(self) == 0) return AATS_E_ARG;
    return aats_cas(&slot->owner, seen, aats_ident_with(self, AATS_STATE_REAP)) ? AATS_OK : AATS_E_BUSY;
}

int aats_ctl_reap_end(aats_slot_t *slot, uint64_t self)
{
    uint64_t const mine = aats_ident_with(self, AATS_STATE_REAP);
    if (aats_load_acquire(&slot->owner) != mine) return AATS_E_STALE;
    aats_fence_release(); /* C4 */
    return clear(slot, mine);
}

/* ---- commands ---- */

uint64_t aats_cmd_holder(aats_slot_t const *slot) { return aats_load_acquire(&slot->cmd_lock); }

int aats_cmd_lock(aats_slot_t *slot, uint64_t self, uint64_t dead)
{
    uint64_t const me = aats_ident_bare(self);
    if (me == 0) return AATS_E_ARG;
    if (!aats_cas(&slot->cmd_lock, aats_ident_bare(dead), me)) return AATS_E_BUSY;

    /* A command that is still to be answered must not be written over: its owner may be reading it.  The sum of 0
     * reads the newest number, also one that a dead holder stored after it took the lock. */
    uint64_t const asked = aats_fetch_add(&slot->cmd_seq, 0);
    if (aats_load_acquire(&slot->ans_seq) == asked) return AATS_OK; /* K2 */
    aats_cmd_unlock(slot, self);
    return AATS_E_BUSY;
}

void aats_cmd_unlock(aats_slot_t *slot, uint64_t self) { aats_cas(&slot->cmd_lock, aats_ident_bare(self), 0); }

int aats_cmd_send(aats_slot_t *slot, uint64_t self, uint64_t to, uint32_t op, char const *arg, uint64_t *seq)
{
    uint64_t word;
    if (op == AATS_CMD_NONE || op > 255) return AATS_E_ARG;
    if (arg != NULL && strnlen(arg, sizeof slot->cmd_arg) == sizeof slot->cmd_arg) return AATS_E_ARG;
    if (aats_load_acquire(&slot->cmd_lock) != aats_ident_bare(self)) return AATS_E_STALE;
    if (!owned(slot, to, &word) || aats_ident_state(word) == AATS_STATE_REAP) return AATS_E_DEAD;

    *seq = aats_load_relaxed(&slot->cmd_seq) + 1;
    text_store(slot->cmd_arg, sizeof slot->cmd_arg, arg);
    aats_store_relaxed(&slot->cmd_op, aats_ident_with(to, (int)op));
    aats_store_release(&slot->cmd_seq, *seq); /* K1 */
    return AATS_OK;
}

int aats_cmd_answer(aats_slot_t const *slot, uint64_t to, uint64_t seq, int64_t *code, char *text, size_t cap)
{
    uint64_t word;
    if (aats_load_acquire(&slot->ans_seq) < seq) { /* K2 */
        if (owned(slot, to, &word) && aats_ident_state(word) != AATS_STATE_REAP) return 0;
        if (aats_load_acquire(&slot->ans_seq) < seq) return AATS_E_DEAD; /* not even with its last breath */
    }
    aats_words_load(code, &slot->ans_code, 1);
    text_load(text, cap, slot->ans_text, sizeof slot->ans_text);
    return 1;
}

int aats_cmd_poll(aats_slot_t *slot, uint64_t self, char *arg, size_t cap)
{
    uint64_t const asked = aats_load_acquire(&slot->cmd_seq); /* K1 */
    if (asked == aats_load_relaxed(&slot->ans_seq)) return AATS_CMD_NONE;
    uint64_t const op = aats_load_relaxed(&slot->cmd_op);
    if (aats_ident_bare(op) != aats_ident_bare(self)) {
        aats_cmd_reply(slot, AATS_E_DEAD, "the process that this was for is gone");
        return AATS_CMD_NONE;
    }
    text_load(arg, cap, slot->cmd_arg, sizeof slot->cmd_arg);
    return (int)aats_ident_state(op);
}

void aats_cmd_reply(aats_slot_t *slot, int64_t code, char const *text)
{
    uint64_t const asked = aats_load_relaxed(&slot->cmd_seq);
    aats_words_store(&slot->ans_code, &code, 1);
    text_store(slot->ans_text, sizeof slot->ans_text, text);
    aats_store_release(&slot->ans_seq, asked); /* K2 */
}
