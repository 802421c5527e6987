/* test_mailbox.c -- app/mailbox.h: what put refuses, that nothing is lost, changed or overtaken, and two real threads.
 * (Every order of events: tests/race/test_mailbox.c.) */
#include "app/mailbox.h"

#include <pthread.h>
#include <sched.h>

#include "base/errors.h"
#include "check.h"

TEST(depth_that_is_no_power_of_two_is_refused)
{
    static uint32_t const wrong[] = {0, 3, 6, 1000, 65537, 131072, 0xffffffffu};
    aats_mailbox_t m;
    aats_mail_t *mail;
    for (int i = 0; i < 7; i++) {
        CHECK_EQ_I64(aats_mailbox_init(&m, wrong[i]), AATS_E_ARG);
        CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 0, NULL, 0), AATS_E_ARG); /* a mailbox without slots takes nothing */
        CHECK_EQ_I64(aats_mailbox_get(&m, &mail), 0);
        aats_mailbox_fini(&m);
    }
}

TEST(what_put_refuses_is_not_there)
{
    aats_mailbox_t m;
    aats_mail_t *mail = (void *)1;
    REQUIRE(aats_mailbox_init(&m, 2) == AATS_OK);
    CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 0, NULL, 5), AATS_E_ARG);
    CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 0, "x", (size_t)AATS_MAIL_MAX + 1), AATS_E_TOO_BIG);
    CHECK_EQ_I64(aats_mailbox_get(&m, &mail), 0);
    CHECK_EQ_PTR(mail, NULL);
    aats_mailbox_fini(&m);
}

TEST(a_full_mailbox_refuses_counts_and_keeps_what_it_has)
{
    aats_mailbox_t m;
    aats_mail_t *mail;
    REQUIRE(aats_mailbox_init(&m, 4) == AATS_OK);
    for (uint64_t i = 0; i < 4; i++) CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, i, NULL, 0), AATS_OK);
    CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 4, NULL, 0), AATS_E_FULL);
    CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 4, NULL, 0), AATS_E_FULL);
    CHECK_EQ_U64(aats_mailbox_full(&m), 2);
    REQUIRE(aats_mailbox_get(&m, &mail) == 1);
    CHECK_EQ_U64(mail->num, 0);
    aats_mail_free(mail);
    CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 4, NULL, 0), AATS_OK); /* one place is free again, and only one */
    CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 5, NULL, 0), AATS_E_FULL);
    for (uint64_t i = 1; i <= 4; i++) {
        REQUIRE(aats_mailbox_get(&m, &mail) == 1);
        CHECK_EQ_U64(mail->num, i);
        aats_mail_free(mail);
    }
    CHECK_EQ_I64(aats_mailbox_get(&m, &mail), 0);
    aats_mailbox_fini(&m);
}

TEST(a_mail_is_a_copy_aligned_and_ended_by_a_zero)
{
    aats_mailbox_t m;
    aats_mail_t *mail;
    char text[] = "a snapshot";
    REQUIRE(aats_mailbox_init(&m, 1) == AATS_OK);
    CHECK_EQ_I64(aats_mailbox_put(&m, 4, 17, UINT64_MAX, text, strlen(text)), AATS_OK);
    memset(text, '-', sizeof text);
    REQUIRE(aats_mailbox_get(&m, &mail) == 1);
    CHECK_EQ_U64(mail->kind, 4);
    CHECK_EQ_U64(mail->sym, 17);
    CHECK_EQ_U64(mail->num, UINT64_MAX);
    CHECK_EQ_U64(mail->size, 10);
    CHECK_STR((char *)mail->bytes, "a snapshot");
    CHECK_EQ_U64((uintptr_t)mail->bytes % 8, 0);
    aats_mail_free(mail);
    aats_mailbox_fini(&m);
}

TEST(fini_frees_what_nobody_got)
{
    aats_mailbox_t m;
    REQUIRE(aats_mailbox_init(&m, 8) == AATS_OK);
    for (int i = 0; i < 5; i++) CHECK_EQ_I64(aats_mailbox_put(&m, 1, 0, 0, "left over", 9), AATS_OK); /* LeakSanitizer looks */
    aats_mailbox_fini(&m);
    aats_mailbox_fini(&m);
    CHECK_EQ_PTR(m.slots, NULL);
}

/* ---- two threads ------------------------------------------------------------------------------------------------------ */

enum { MAILS = 20000 };

static void *put_all(void *arg)
{
    aats_mailbox_t *m = arg;
    uint8_t bytes[97];
    for (uint64_t i = 0; i < MAILS; i++) {
        size_t const n = i % sizeof bytes;
        memset(bytes, (int)(i & 0xff), n);
        while (aats_mailbox_put(m, (uint32_t)(i % 7), (uint32_t)(i % 11), i, bytes, n) == AATS_E_FULL) sched_yield();
    }
    return NULL;
}

TEST(two_threads_exchange_every_mail_whole_and_in_order)
{
    aats_mailbox_t m;
    pthread_t putter;
    REQUIRE(aats_mailbox_init(&m, 8) == AATS_OK);
    REQUIRE(pthread_create(&putter, NULL, put_all, &m) == 0);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < MAILS;) {
        aats_mail_t *mail;
        if (!aats_mailbox_get(&m, &mail)) {
            sched_yield();
            continue;
        }
        wrong += mail->num != i || mail->kind != i % 7 || mail->sym != i % 11 || mail->size != i % 97 || mail->bytes[mail->size] != 0;
        for (uint64_t k = 0; k < mail->size; k++) wrong += mail->bytes[k] != (i & 0xff);
        aats_mail_free(mail);
        i++;
    }
    pthread_join(putter, NULL);
    CHECK_EQ_U64(wrong, 0);
    aats_mail_t *mail;
    CHECK_EQ_I64(aats_mailbox_get(&m, &mail), 0);
    aats_mailbox_fini(&m);
}

RUN_ALL()
