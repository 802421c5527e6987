/* fuzz_journal.c -- any bytes into the reader of journals: it stays inside them, moves on, and numbers what it believes. */
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"

#define REQUIRE(cond)          \
    do {                       \
        if (!(cond)) abort();  \
    } while (0)

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

/* blank returns 1 where the rest is what a killed writer leaves: zeros, but for one record without its first word. */
static int blank(uint8_t const *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0 && (i < 8 || i >= AATS_JOURNAL_REC_MAX)) return 0;
    return 1;
}

/* walk reads all there is; returns the records believed. */
static uint64_t walk(uint8_t const *bytes, size_t size)
{
    size_t at = 0, payload_sz = 0;
    aats_jrec_t head = {0};
    void const *payload = NULL;
    uint64_t cnt = 0;
    for (;;) {
        size_t const before = at;
        int const rc = aats_journal_next(bytes, size, &at, &head, &payload, &payload_sz);
        REQUIRE(rc == 1 || rc == 0 || rc == AATS_E_SYNTAX);
        if (rc != 1) {
            REQUIRE(at == before && at <= size && (rc == 0) == blank(bytes + at, size - at));
            return cnt;
        }
        cnt++;
        REQUIRE(head.number == cnt && at > before && at <= size);
        REQUIRE((uint8_t const *)payload + payload_sz == bytes + at);
        uint64_t sum = 0;
        for (size_t i = 0; i < payload_sz; i++) sum += ((uint8_t const *)payload)[i];
        REQUIRE(sum <= 255 * payload_sz);
    }
}

/* The checksum keeps a mutator out, so the same bytes are tried with good ones: the first byte of each 64 says how long a record is. */
static void mended(uint8_t const *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    size_t at = 0;
    uint64_t number = 0;
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    while (size - at >= sizeof(aats_jrec_t)) {
        aats_jrec_t head;
        memcpy(&head, copy + at, sizeof head);
        if (head.number % 4 != 0) head.number = number + 1;
        if (head.instance % 4 != 0) head.instance = 1;
        if (head.size == 0 && head.kind == 0) break;
        if (head.size % 4 != 0) head.size = (uint32_t)sizeof head + head.size % 16 * 8;
        memcpy(copy + at, &head, sizeof head);
        size_t const rec_sz = head.size >= sizeof head && head.size <= size - at ? head.size : 0;
        if (rec_sz == 0) break;
        head.check = aats_jrec_check(&head, copy + at + sizeof head, (rec_sz - sizeof head) & ~(size_t)7);
        memcpy(copy + at, &head, sizeof head);
        number++;
        at += rec_sz;
    }
    (void)walk(copy, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    (void)walk(data, size);
    mended(data, size);
    return 0;
}
