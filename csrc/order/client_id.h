/* client_id.h -- the id by which a venue knows our orders: 128 bits as 32 lower-case hex digits, never reused.
 *
 * Upper half: the instance, random, of one process's life.  Lower half: order_id.  Pure.
 */
#ifndef AATS_ORDER_CLIENT_ID_H
#define AATS_ORDER_CLIENT_ID_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

/* cdef-begin */
#define AATS_CLIENT_ID_SZ 33

/* aats_client_id_format writes 32 digits and a final zero byte. */
void aats_client_id_format(uint64_t instance, int64_t order_id, char out[33]);
/* aats_client_id_parse reads them back: AATS_OK, or AATS_E_SYNTAX for anything that we cannot have written (another length or alphabet). */
int aats_client_id_parse(char const *s, size_t n, uint64_t *instance, int64_t *order_id);
/* cdef-end */

#endif
