/* utf8.h -- is this text UTF-8?
 *
 * Strict (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF, no sequence cut off at the end. Not a
 * decoder.
 */
#ifndef AATS_PROTO_UTF8_H
#define AATS_PROTO_UTF8_H

#include <stddef.h>

/* aats_utf8_ok returns 1 if the n bytes at s are UTF-8, else 0.  Cost: 32 bytes a step while the text is ASCII. */
int aats_utf8_ok(void const *s, size_t n);

#endif
