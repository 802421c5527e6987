/* scan.h -- many bytes at once: price levels, quotes of four numbers, and plain ASCII, by the widest instructions that isa.h allows.
 *
 * For: json_levels.c, utf8.c, and venue files whose messages have a fixed shape.  Not a second parser: these never refuse.  They take what is
 * written as nearly every message is, and leave the rest, untouched, to the scalar code, which knows the reason; so a text means the same on every
 * machine, and the scalar code is the model that tests and fuzzing hold them to.
 *
 * How.  A number of 8 decimals is known by its point: the 16 characters from 7 before it to 8 behind it hold up to 7 digits, the point, and 8 more.
 *
 *     [ " 6 4 2 1 0 . 0 1 0 0 0 0 0 0 " , " 0 . 8 5 3 1 4 0 0 0 " ] , [ " 6 4 ...       one load of 64 characters, one compare with '.':
 *                   |                         |                               |        all points of two levels
 *         . . 6 4 2 1 0 . 0 1 0 0 0 0 0 0   the window; what stands before the number is masked away, the point counts as the digit 0:
 *                                            two numbers of 8 digits, multiplied together by pairs
 *
 * The distance of two points says how many digits are before the second one, so nothing is searched for; the punctuation between numbers is compared
 * whole.  The place of the next level hangs on the points alone (about 16 cycles for two levels); everything else overlaps.
 *
 * No byte at or behind `end` is read, none before `start`.  Pure; any thread.
 */
#ifndef AATS_PROTO_SCAN_H
#define AATS_PROTO_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"
#include "layout/layout.h"

typedef struct {
    /* levels takes levels ["px","qty"] of 8 decimals each, up to 7 digits before the points, px above 0, that follow each other with commas and no
     * white space.  *at is at the first one's bracket; afterwards behind the last one that was taken, wherever that is.  Returns how many were taken,
     * at most cap; 0 leaves *at. */
    size_t (*levels)(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap);

    /* loose takes levels likewise whose numbers have any count of decimals up to 8, or none and no point; NULL: there is none at this level. */
    size_t (*loose)(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap);

    /* quote takes four such numbers, px may be 0: the text 1","B":"2","a":"3","A":"4" from the first digit to behind the last one.  Returns the byte
     * behind it, or NULL with out untouched. */
    char const *(*quote)(char const *start, char const *at, char const *end, int64_t out[4]);

    /* ascii returns 1 if none of n bytes is above 0x7F. */
    int (*ascii)(void const *s, size_t n);
} aats_scan_t;

extern aats_scan_t const AATS_SCANS[4]; /* by AATS_ISA_*; all NULL where only the scalar code is there */

static inline aats_scan_t const *aats_scan(void) { return &AATS_SCANS[aats_isa()]; }

#endif
