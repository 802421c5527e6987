#include "app/wait.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/atomics.h"

void aats_wait_init(aats_wait_t *w, uint32_t wanted, uint32_t cores)
{
    memset(w, 0, sizeof *w);
    w->wanted = wanted, w->cores = cores ? cores : 1;
    w->mode = wanted != AATS_WAIT_NONE ? wanted : AATS_WAIT_YIELD;
}

uint32_t aats_wait_choose(uint32_t wanted, uint32_t cores, uint32_t other_spinners)
{
    if (wanted != AATS_WAIT_NONE) return wanted;
    return other_spinners + 2 <= cores ? AATS_WAIT_SPIN : AATS_WAIT_YIELD;
}

void aats_wait_look(aats_wait_t *w, aats_ctl_view_t const *ctl, aats_slot_t *slot, int64_t now_mono_ns)
{
    if (now_mono_ns < w->look_mono_ns) return;
    w->look_mono_ns = now_mono_ns + AATS_WAIT_LOOK_NS;
    uint32_t others = ctl ? aats_ctl_spinners(ctl) : 0;
    if (slot && others && aats_load_relaxed(&slot->wait) == AATS_WAIT_SPIN) others--;
    w->mode = aats_wait_choose(w->wanted, w->cores, others);
    if (slot) aats_ctl_wait(slot, w->mode);
}

void aats_wait_idle(aats_wait_t *w, int64_t now_mono_ns)
{
    if (!w->idle_mono_ns) w->idle_mono_ns = now_mono_ns;
    if (w->mode == AATS_WAIT_SPIN) {
        aats_spin_hint();
    } else if (w->mode == AATS_WAIT_YIELD && now_mono_ns - w->idle_mono_ns < AATS_WAIT_YIELD_NS) {
        sched_yield();
    } else {
        struct timespec const nap = {0, AATS_WAIT_SLEEP_NS};
        nanosleep(&nap, NULL);
    }
}

void aats_wait_busy(aats_wait_t *w) { w->idle_mono_ns = 0; }
