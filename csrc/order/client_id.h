/* client_id.h -- the id by which a venue knows our orders: 128 bits as 32 lower-case hex digits, never reused.
 *
 * Upper half: the instance, random, of one process's life.  Lower half: the order_id that it had in that life.  Pure.
 * An order that was adopted from an earlier run has a new order_id, but the client id under which the venue knows it stays.
 */
#ifndef AATS_ORDER_CLIENT_ID_H
#define AATS_ORDER_CLIENT_ID_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
#define AATS_CLIENT_ID_SZ 33

/* aats_client_id_format writes 32 digits and a final zero byte. */
void aats_client_id_format(uint64_t instance, int64_t order_id, char out[33]);
/* aats_client_id_parse reads them back: AATS_OK, or AATS_E_SYNTAX for anything that we cannot have written (another length or alphabet). */
int aats_client_id_parse(char const *s, size_t n, uint64_t *instance, int64_t *order_id);
/* cdef-end */

/* aats_order_client_no returns the lower half of an order's client id. */
static inline int64_t aats_order_client_no(aats_order_t const *o) { return o->client_no != 0 ? o->client_no : o->order_id; }

#endif
