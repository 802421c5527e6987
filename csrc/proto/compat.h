/* compat.h -- market data in the form that the published client (aats 0.1.2) reads, as pure bytes.
 *
 * For: the fan-out's silent subscribers and datagrams of a feed with compatibility on.  Not for our own receivers: wire.h.  Nothing else in the data plane
 * is bent for that client.
 *
 *   tick  `<B i i d d`  type 0, cid, tradeType (1 the aggressor bought, -1 sold), qty, px                       25 bytes
 *   book  `<B i i`      type 1, cid, length, then for each of the bids, then of the asks, two doubles         9 + 32 * length
 *         both sides have `length` levels: the thicker one is cut; price, quantity on TCP; quantity, price by datagram
 *
 * On TCP each record has its size before it, 4 bytes little-endian.
 */
#ifndef AATS_PROTO_COMPAT_H
#define AATS_PROTO_COMPAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
#define AATS_COMPAT_DEPTH_MAX 100  /* deeper records do not survive that client's splitter */
#define AATS_COMPAT_MAX       3213 /* bytes of the largest record with its size before it */
enum { AATS_COMPAT_TCP = 0, AATS_COMPAT_UDP = 1 };

/* aats_compat_tick and aats_compat_book write one record (with its size before it on TCP) and return its bytes, or AATS_E_FULL with nothing written.  A book
 * of which one side is empty has length 0.  bids and asks hold rec->bid_len and rec->ask_len levels; at most `depth` of them go out.  px_exp, qty_exp are of
 * the symbol's directory entry; a double is the one that the decimal text of the number would give (base/scale.h). */
int aats_compat_tick(uint8_t *out, size_t cap, int form, int32_t cid, aats_rec_t const *rec, int px_exp, int qty_exp);
int aats_compat_book(uint8_t *out, size_t cap, int form, int32_t cid, uint32_t depth, aats_rec_t const *rec, aats_level_t const *bids,
                     aats_level_t const *asks, int px_exp, int qty_exp);
/* cdef-end */

#endif
