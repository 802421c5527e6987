/* test_stalls.c -- why a loop stood still, and the ring that tells it; memory that is there before it is needed. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/errors.h"
#include "shm/pages.h"
#include "shm/stalls.h"

#define GAP 100000

static uint32_t cause(aats_stall_facts_t facts)
{
    facts.gap_ns = GAP;
    return aats_stall_cause(&facts);
}

TEST(a_gap_that_nothing_explains_is_the_hosts) { CHECK_EQ_I64(cause((aats_stall_facts_t){0}), AATS_STALL_HOST); }

TEST(each_fact_alone_names_its_cause)
{
    CHECK_EQ_I64(cause((aats_stall_facts_t){.gc_ns = GAP / 2}), AATS_STALL_GC);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.major = 1}), AATS_STALL_FAULT);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.minor = GAP / 2 / AATS_STALL_FAULT_NS}), AATS_STALL_FAULT);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.involuntary = 1}), AATS_STALL_SWITCH);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.gil = 1, .voluntary = 1}), AATS_STALL_GIL);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.called = 1}), AATS_STALL_CALLBACK);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.worked = 1}), AATS_STALL_LOOP);
}

TEST(what_took_less_than_half_of_a_gap_is_not_its_cause)
{
    CHECK_EQ_I64(cause((aats_stall_facts_t){.gc_ns = GAP / 2 - 1, .called = 1}), AATS_STALL_CALLBACK);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.minor = GAP / 2 / AATS_STALL_FAULT_NS - 1, .worked = 1}), AATS_STALL_LOOP);
}

TEST(page_faults_count_with_what_one_costs_here)
{
    CHECK_EQ_I64(cause((aats_stall_facts_t){.minor = 100, .fault_ns = 499, .called = 1}), AATS_STALL_CALLBACK);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.minor = 100, .fault_ns = 500, .called = 1}), AATS_STALL_FAULT);
}

TEST(sleeping_is_a_callbacks_own_doing_but_nobody_elses)
{
    CHECK_EQ_I64(cause((aats_stall_facts_t){.voluntary = 1, .called = 1}), AATS_STALL_CALLBACK);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.voluntary = 1, .gil = 1}), AATS_STALL_GIL);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.voluntary = 1}), AATS_STALL_SWITCH);
}

TEST(a_lock_that_was_free_is_no_cause)
{
    CHECK_EQ_I64(cause((aats_stall_facts_t){.gil = 1, .worked = 1}), AATS_STALL_LOOP);
    CHECK_EQ_I64(cause((aats_stall_facts_t){.gil = 1, .called = 1}), AATS_STALL_CALLBACK);
}

TEST(of_several_facts_the_first_in_the_list_is_the_cause)
{
    aats_stall_facts_t all = {.gc_ns = GAP, .major = 1, .involuntary = 1, .voluntary = 1, .gil = 1, .called = 1, .worked = 1};
    CHECK_EQ_I64(cause(all), AATS_STALL_GC);
    all.gc_ns = 0;
    CHECK_EQ_I64(cause(all), AATS_STALL_FAULT);
    all.major = 0;
    CHECK_EQ_I64(cause(all), AATS_STALL_SWITCH);
    all.involuntary = 0;
    CHECK_EQ_I64(cause(all), AATS_STALL_GIL);
    all.gil = 0;
    CHECK_EQ_I64(cause(all), AATS_STALL_CALLBACK);
    all.called = 0;
    CHECK_EQ_I64(cause(all), AATS_STALL_LOOP);
}

TEST(the_ring_keeps_the_newest_and_the_sums_keep_all)
{
    static aats_td_t td;
    aats_stall_t out;
    CHECK_EQ_I64(aats_stall_get(&td, 0, &out), 0);
    uint64_t const cnt = AATS_STALLS_KEPT + 3;
    for (uint64_t n = 0; n < cnt; n++) {
        aats_stall_facts_t const gap = {.ns = (int64_t)n, .gap_ns = 1000 + n, .gc_ns = n % 2 ? 1000 + n : 0, .generation = 2, .called = 1};
        aats_stall_put(&td, &gap);
    }
    CHECK_EQ_U64(aats_stall_head(&td), cnt);
    CHECK_EQ_I64(aats_stall_get(&td, 2, &out), AATS_E_LAPPED);
    CHECK_EQ_I64(aats_stall_get(&td, cnt, &out), 0);
    for (uint64_t n = 3; n < cnt; n++) {
        REQUIRE(aats_stall_get(&td, n, &out) == 1);
        CHECK_EQ_I64(out.ns, (int64_t)n);
        CHECK_EQ_U64(out.gap_ns, 1000 + n);
        CHECK_EQ_I64(out.cause, n % 2 ? AATS_STALL_GC : AATS_STALL_CALLBACK);
    }
    CHECK_EQ_U64(td.stalls[AATS_STALL_GC] + td.stalls[AATS_STALL_CALLBACK], cnt);
    CHECK_EQ_U64(td.stall_ns[AATS_STALL_GC] + td.stall_ns[AATS_STALL_CALLBACK], 1000 * cnt + cnt * (cnt - 1) / 2);
}

/* ---- pages.h ---- */

static size_t resident(void *mem, size_t pages)
{
    unsigned char in[64];
    size_t cnt = 0;
    if (pages > sizeof in || mincore(mem, pages * (size_t)sysconf(_SC_PAGESIZE), in) != 0) return 0;
    for (size_t i = 0; i < pages; i++) cnt += in[i] & 1;
    return cnt;
}

TEST(nothing_is_no_memory)
{
    CHECK_EQ_I64(aats_pages_touch(NULL, 10, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_pages_touch(&(int){0}, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_pages_lock(NULL, 10), AATS_E_ARG);
}

TEST(touched_pages_are_there_and_hold_what_they_held)
{
    size_t const page = (size_t)sysconf(_SC_PAGESIZE), size = 32 * page;
    uint8_t *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mem != MAP_FAILED);
    mem[5 * page] = 7;
    CHECK(resident(mem, 32) < 32);
    CHECK_EQ_I64(aats_pages_touch(mem, size, 1), AATS_OK);
    CHECK_EQ_U64(resident(mem, 32), 32);
    CHECK_EQ_I64(mem[5 * page], 7);
    CHECK_EQ_I64(mem[6 * page], 0);
    munmap(mem, size);
}

TEST(memory_that_may_only_be_read_is_touched_by_reading)
{
    size_t const page = (size_t)sysconf(_SC_PAGESIZE);
    void *mem = mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mem != MAP_FAILED);
    CHECK_EQ_I64(aats_pages_touch(mem, 4 * page, 0), AATS_OK);
    munmap(mem, 4 * page);
}

TEST(a_stack_is_touched_below_the_caller) { CHECK_EQ_I64(aats_pages_stack(64 << 10, 0), AATS_OK); }

RUN_ALL()
