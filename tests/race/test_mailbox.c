/* test_mailbox.c -- app/mailbox.h under every order that C11 allows: a mail that is seen is whole, none is lost, doubled or overtaken.
 *
 * The head of each mail moves by words that the machine models; a mail whose num and kind do not belong together was seen too early.
 * Mails are freed between the runs, so that the heap does not write into words that the machine watches. */
#include "app/mailbox.h"

#include "base/atomics.h"
#include "base/errors.h"
#include "check.h"

enum { GOT_MAX = 16 };

static struct {
    aats_mailbox_t box;
    uint32_t depth;
    int puts;                 /* what the putter tries */
    int tries;                /* how often the getter looks */
    int put_cnt;              /* results: plain, each of one thread */
    int got_cnt;
    aats_mail_t *got[GOT_MAX];
} w;

static void setup(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < w.got_cnt; i++) aats_mail_free(w.got[i]);
    w.put_cnt = w.got_cnt = 0;
    aats_mailbox_fini(&w.box);
    WEAK_ASSERT(aats_mailbox_init(&w.box, w.depth) == AATS_OK);
    weak_name(w.box.slots, w.depth * sizeof *w.box.slots, "slots");
}

static void put_some(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < w.puts; i++) {
        int const rc = aats_mailbox_put(&w.box, (uint32_t)w.put_cnt + 1, 0, (uint64_t)w.put_cnt + 1, NULL, 0);
        WEAK_ASSERT(rc == AATS_OK || rc == AATS_E_FULL);
        w.put_cnt += rc == AATS_OK;
    }
}

static void get_some(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < w.tries; i++) {
        aats_mail_t *mail;
        if (!aats_mailbox_get(&w.box, &mail)) continue;
        w.got[w.got_cnt++] = mail;
        aats_mail_t head = {0};
        aats_words_load(&head, mail, sizeof head / sizeof(uint64_t));
        WEAK_ASSERT(head.num == (uint64_t)w.got_cnt); /* the next one, neither doubled nor overtaken */
        WEAK_ASSERT(head.kind == (uint32_t)w.got_cnt && head.sym == 0 && head.size == 0);
    }
}

/* check_rest: what was put and not yet got is still there, in order. */
static void check_rest(void *ctx)
{
    (void)ctx;
    aats_mail_t *mail;
    while (aats_mailbox_get(&w.box, &mail)) {
        w.got[w.got_cnt++] = mail;
        WEAK_ASSERT(mail->num == (uint64_t)w.got_cnt);
    }
    WEAK_ASSERT(w.got_cnt >= w.put_cnt); /* a killed putter may have put one more than it could count */
    WEAK_ASSERT(w.got_cnt <= w.put_cnt + 1);
}

static weak_program_t program(uint32_t depth, int puts, int tries)
{
    w.depth = depth;
    w.puts = puts;
    w.tries = tries;
    return (weak_program_t){.setup = setup, .threads = {put_some, get_some}, .check = check_rest};
}

static void tidy(void)
{
    setup(NULL);
    aats_mailbox_fini(&w.box);
}

TEST(a_mail_that_is_seen_is_whole)
{
    weak_program_t const p = program(2, 2, 2);
    WEAK_HOLDS(&p, .max_runs = 500000);
    tidy();
}

TEST(a_slot_is_used_again_only_after_its_mail_was_taken)
{
    weak_program_t const p = program(1, 3, 3); /* one slot: every put meets the one before */
    WEAK_HOLDS(&p, .max_runs = 500000);
    tidy();
}

TEST(a_putter_that_dies_anywhere_leaves_whole_mails)
{
    weak_program_t const p = program(2, 2, 2);
    WEAK_HOLDS(&p, .max_runs = 500000, .kill = 1);
    tidy();
}

TEST(long_exchanges_keep_every_mail)
{
    weak_program_t const p = program(4, 10, 12);
    WEAK_HOLDS(&p, .random_runs = 3000, .seed = 11);
    tidy();
}

/* The same two lines without the edge: the machine would have told. */
static uint64_t bare_slot, bare_num;

static void bare_setup(void *ctx)
{
    (void)ctx;
    bare_slot = bare_num = 0;
}

static void bare_put(void *ctx)
{
    (void)ctx;
    aats_store_relaxed(&bare_num, 1);
    aats_store_relaxed(&bare_slot, 1);
}

static void bare_get(void *ctx)
{
    (void)ctx;
    if (aats_load_acquire(&bare_slot) != 0) WEAK_ASSERT(aats_load_relaxed(&bare_num) == 1);
}

TEST(without_the_release_a_mail_is_seen_too_early)
{
    weak_program_t const p = {.setup = bare_setup, .threads = {bare_put, bare_get}};
    WEAK_CAUGHT(&p, .max_runs = 1000);
}

RUN_ALL()
