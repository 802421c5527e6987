#include "py/stall.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define PAGES 64 /* that are touched to see what a fault costs: from 0.25 us on metal to several in a virtual machine */

static uint32_t fault_cost(void)
{
    size_t const page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t volatile *mem = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED) return 0;
    int64_t best = INT64_MAX; /* of four parts: one may have been interrupted */
    for (size_t part = 0; part < 4; part++) {
        int64_t const begin = aats_mono_ns();
        for (size_t i = 0; i < PAGES / 4; i++) mem[(part * (PAGES / 4) + i) * page] = 1;
        int64_t const each = (aats_mono_ns() - begin) / (PAGES / 4);
        if (each < best) best = each;
    }
    munmap((void *)(uintptr_t)mem, PAGES * page);
    return best < 100 ? 100 : best > 10000 ? 10000 : (uint32_t)best;
}

void aats_stall_init(aats_stall_guard_t *g, aats_td_t *td, int64_t limit_ns)
{
    memset(g, 0, sizeof *g);
    g->td = limit_ns > 0 ? td : NULL;
    g->limit_ns = g->td ? limit_ns : INT64_MAX;
    g->last_mono_ns = AATS_STALL_NEVER;
    if (g->td) g->fault_ns = fault_cost();
}

void aats_stall_begin(aats_stall_guard_t *g)
{
    aats_stall_waited(g);
    aats_stall_renew(g);
}

void aats_stall_renew(aats_stall_guard_t *g)
{
    struct rusage ru;
    if (!g->td || getrusage(RUSAGE_THREAD, &ru) != 0) return;
    g->minor = ru.ru_minflt, g->major = ru.ru_majflt;
    g->involuntary = ru.ru_nivcsw, g->voluntary = ru.ru_nvcsw;
}

static uint32_t grown(int64_t now, int64_t was) { return now > was ? (uint32_t)(now - was) : 0; }

void aats_stall_found(aats_stall_guard_t *g, int64_t mono)
{
    uint64_t const last = aats_load_relaxed(&g->last_mono_ns);
    aats_stall_guard_t const was = *g;
    aats_stall_renew(g);
    int const gc = aats_load_relaxed(&g->gc_at) == last;
    uint64_t const gap_ns = (uint64_t)mono - last, gc_ns = gc ? aats_load_relaxed(&g->gc_ns) : 0;
    aats_stall_facts_t const facts = {
        .ns          = aats_now_ns(),
        .gap_ns      = gap_ns,
        .gc_ns       = gc_ns < gap_ns ? gc_ns : gap_ns, /* another thread's began before the gap */
        .generation  = gc ? g->gc_generation : 0,
        .minor       = grown(g->minor, was.minor),
        .major       = grown(g->major, was.major),
        .involuntary = grown(g->involuntary, was.involuntary),
        .voluntary   = grown(g->voluntary, was.voluntary),
        .gil         = was.gil_at == last,
        .called      = was.called_at == last,
        .worked      = was.worked_at == last,
        .fault_ns    = g->fault_ns,
    };
    if (g->td) aats_stall_put(g->td, &facts);
}

int aats_stall_collecting(aats_stall_guard_t *g, PyObject *phase, PyObject *info)
{
    if (!g->td || !PyUnicode_Check(phase) || !PyDict_Check(info)) return 0;
    uint64_t const now = (uint64_t)aats_mono_ns(), last = aats_load_relaxed(&g->last_mono_ns);
    if (PyUnicode_CompareWithASCIIString(phase, "start") == 0) {
        g->gc_begin_ns = now;
        return 0;
    }
    if (!g->gc_begin_ns) return 0; /* it began before we listened */
    PyObject *which = PyDict_GetItemString(info, "generation"); /* borrowed */
    uint32_t const generation = which ? (uint32_t)PyLong_AsLong(which) : 0;
    if (PyErr_Occurred()) return -1;
    if (g->gc_at != last) {
        aats_store_relaxed(&g->gc_at, last);
        aats_store_relaxed(&g->gc_ns, 0);
        g->gc_generation = 0;
    }
    if (generation > g->gc_generation) g->gc_generation = generation;
    aats_add_relaxed(&g->gc_ns, now - g->gc_begin_ns);
    g->gc_begin_ns = 0;
    return 0;
}
