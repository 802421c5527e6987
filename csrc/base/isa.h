/* isa.h -- which instructions the fast paths may use: asked of the processor once, the same answer for the whole process.
 *
 * For: code that exists in several versions beside a plain one (proto/scan.h).  The build itself stays portable: such a version carries
 * __attribute__((target(...))) and is only called where this says so.  Not for choosing by feature: a level stands for a set of them.
 *
 *   scalar   nothing but what the compiler was told; the only level on other processors than x86-64
 *   sse42    SSE 4.2, POPCNT
 *   avx2     + AVX2, FMA, BMI1, BMI2, LZCNT
 *   avx512   + AVX-512 F, BW, VL, DQ
 *
 * AATS_ISA names the highest level to use, for comparing them and for a machine that is slow with wide registers; what the processor does not
 * have is never used.  An unknown name leaves the level at scalar, and aats_isa_refused says why: whoever starts a process asks.
 *
 * Threads: set before main by the loader; aats_isa_use is for tests and benches, in one thread.
 */
#ifndef AATS_BASE_ISA_H
#define AATS_BASE_ISA_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */
enum { AATS_ISA_SCALAR = 0, AATS_ISA_SSE42 = 1, AATS_ISA_AVX2 = 2, AATS_ISA_AVX512 = 3 };

/* aats_isa_name returns the name of the level in force, aats_isa_best_name of the highest that this processor has.  Static memory. */
char const *aats_isa_name(void);
char const *aats_isa_best_name(void);

/* aats_isa_use puts the level of that name in force, or the highest below it that the processor has.  AATS_OK; AATS_E_UNKNOWN with a sentence that lists
 * the names in why, and nothing changed. */
int aats_isa_use(char const *name, char *why, size_t cap);

/* aats_isa_refused returns the sentence about an unknown name in AATS_ISA, NULL if there is nothing to say. */
char const *aats_isa_refused(void);
/* cdef-end */

extern int aats_isa_level; /* AATS_ISA_* in force; written by isa.c alone */

static inline int aats_isa(void) { return aats_isa_level; }

#endif
