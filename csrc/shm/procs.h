/* procs.h -- which process: the identity word, and whether that process still runs.
 *
 * For: everybody who writes or judges an `owner` word (control.h, the segment head).  Not for starting, signalling or
 * describing processes: Python does that.  A pid alone names nobody, because pids come back; pid and start time do,
 * within one boot and one pid namespace.
 *
 *   bits 63..42  pid (22: the kernel's own limit)
 *        41..8   start time in clock ticks since boot (34: 5.4 years at 100 Hz), field 22 of /proc/PID/stat
 *         7..0   a state or an operation of whoever carries the word; 0 in a bare identity
 *
 * Nothing here touches shared memory. */
#ifndef AATS_SHM_PROCS_H
#define AATS_SHM_PROCS_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */

/* aats_ident makes a bare identity.  0, which is nobody, if pid is not in [1, 2^22). */
uint64_t aats_ident(uint64_t pid, uint64_t start_ticks);
uint64_t aats_ident_pid(uint64_t word);
uint64_t aats_ident_start_ticks(uint64_t word);
uint64_t aats_ident_state(uint64_t word);           /* the low byte */
uint64_t aats_ident_with(uint64_t word, int state); /* the same process, another low byte */
uint64_t aats_ident_bare(uint64_t word);

/* aats_ident_self returns the identity of the calling process, 0 if /proc cannot be read. */
uint64_t aats_ident_self(void);

/* aats_proc_start_ticks reads the start time of a pid.
 *
 * Returns AATS_OK; AATS_E_DEAD if no such process runs (a zombie is dead: it executes nothing any more); AATS_E_IO if
 * /proc does not say. */
int aats_proc_start_ticks(uint64_t pid, uint64_t *start_ticks);

/* aats_proc_alive says whether the process of an identity word (any low byte) runs: 1 or 0.  When /proc does not say,
 * 1: to reap the living is worse than to wait.  The answer 0 is final; the answer 1 is old as soon as it is given. */
int aats_proc_alive(uint64_t word);

/* aats_proc_parse_stat takes the text of /proc/PID/stat apart: *state is the letter of field 3, *start_ticks field
 * 22.  The name in field 2 may hold blanks and parentheses.  AATS_OK or AATS_E_SYNTAX. */
int aats_proc_parse_stat(char const *text, size_t len, char *state, uint64_t *start_ticks);
/* cdef-end */

#endif
