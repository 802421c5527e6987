/* steps.c -- see steps.h. */
#include "base/steps.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

int aats_steps_armed;
static uint64_t left;
static void (*on_hit)(int step, void *arg);
static void *hit_arg;

void aats_steps_arm(int step, uint64_t nth, void (*hit)(int step, void *arg), void *arg)
{
    left = nth;
    on_hit = hit;
    hit_arg = arg;
    aats_steps_armed = step;
}

void aats_steps_reached(int step)
{
    if (left > 1) {
        left--;
        return;
    }
    aats_steps_armed = AATS_STEP_NONE;
    if (on_hit != NULL) on_hit(step, hit_arg);
    else kill(getpid(), SIGKILL);
}

char const *aats_step_name(int step)
{
    static char const *const NAMES[AATS_STEP_CNT] = {
        "none", "wish", "reserved", "journaled", "encoded", "written", "sent", "message", "machine", "money", "noted", "given", "delivered",
        "told", "cancel_journaled", "cancel_written", "released", "checkpoint", "rotated",
    };
    return step >= 0 && step < AATS_STEP_CNT ? NAMES[step] : "?";
}
