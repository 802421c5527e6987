/* steps.h -- the named steps between a strategy's wish and the last event of its order: where tests kill.
 *
 * For: proving that a process may die at any of them.  A step costs one load and one branch that is never taken; nothing is armed unless a test
 * arms it (aats_steps_arm): no environment variable, no file does.
 * Not for: logging, statistics.
 *
 * Without a function the process is killed where it stands (SIGKILL), as if from outside; with one it is called, and the step goes on when it
 * returns: a world in virtual time freezes there what the outside has seen.
 * Threads: armed before the loop runs, read by its thread.
 */
#ifndef AATS_BASE_STEPS_H
#define AATS_BASE_STEPS_H

#include <stdint.h>

/* cdef-begin */
/* In the order in which an order passes them; docs/testing.md has the list with what holds at each. */
enum {
    AATS_STEP_NONE = 0,
    AATS_STEP_WISH = 1,        /* send_order was called: nothing is known of it anywhere */
    AATS_STEP_RESERVED = 2,    /* the risk gate counts it */
    AATS_STEP_JOURNALED = 3,   /* its intent is in the journal */
    AATS_STEP_ENCODED = 4,     /* its bytes are made, none has left */
    AATS_STEP_WRITTEN = 5,     /* place has returned: its bytes are in the socket, if the socket took them */
    AATS_STEP_SENT = 6,        /* sent_ns is set, send_order is about to return */
    AATS_STEP_MESSAGE = 7,     /* a message of the venue about an order was read, nothing is done with it */
    AATS_STEP_MACHINE = 8,     /* its state machine took it, nothing is written down */
    AATS_STEP_MONEY = 9,       /* a fill is in position and risk, not in the journal */
    AATS_STEP_NOTED = 10,      /* its events are in the journal, none was given out */
    AATS_STEP_GIVEN = 11,      /* an event is about to be delivered */
    AATS_STEP_DELIVERED = 12,  /* the callback has returned, TOLD is not written */
    AATS_STEP_TOLD = 13,       /* TOLD is written, the slot not freed */
    AATS_STEP_CANCEL_JOURNALED = 14,
    AATS_STEP_CANCEL_WRITTEN = 15,
    AATS_STEP_RELEASED = 16,   /* a closed order's reservation was returned */
    AATS_STEP_CHECKPOINT = 17, /* in the middle of a checkpoint of the journal */
    AATS_STEP_ROTATED = 18,    /* the checkpoint is complete, the old file is still there */
    AATS_STEP_CNT = 19
};

/* aats_steps_arm arms the nth time (from 1) that `step` is reached; hit NULL: SIGKILL.  step 0 disarms. */
void aats_steps_arm(int step, uint64_t nth, void (*hit)(int step, void *arg), void *arg);
char const *aats_step_name(int step); /* "journaled"; "?" for a number that is none */
/* cdef-end */

extern int aats_steps_armed;
void aats_steps_reached(int step);

static inline void aats_step(int step)
{
    if (__builtin_expect(aats_steps_armed == step, 0)) aats_steps_reached(step);
}

#endif
