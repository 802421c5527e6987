/* card.h -- the network cards of this host: by name, by address, by the network that a broadcast address belongs to, by the default route.
 *
 * For: udp.h, which sends through one card and no other.  Not for routes or for changing anything.
 * Each call asks the system afresh; set-up only.  IPv4. */
#ifndef AATS_IO_CARD_H
#define AATS_IO_CARD_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */
#define AATS_CARD_SZ 16 /* a card's name with its final zero (IFNAMSIZ) */

/* aats_card_t -- one card; index 0: none. */
typedef struct {
    uint32_t index;
    char name[16];
} aats_card_t;

/* aats_card_named finds "eth0", or the card that has "192.0.2.2".  AATS_OK, or AATS_E_UNKNOWN. */
int aats_card_named(char const *name_or_ip, aats_card_t *out);

/* aats_card_of_broadcast finds the card on whose network `ip` ("192.0.2.255") is the broadcast address; with `only` (a card's name), that one if it is.
 * Networks of one or two addresses have none.  AATS_OK, AATS_E_UNKNOWN, AATS_E_ARG (no IPv4 address). */
int aats_card_of_broadcast(char const *ip, char const *only, aats_card_t *out);

/* aats_card_of_default_route finds the card of the default route, of several the one with the least metric.  AATS_OK, or AATS_E_UNKNOWN. */
int aats_card_of_default_route(aats_card_t *out);

/* aats_card_list writes "lo (127.0.0.1), eth0 (192.0.2.2)"; aats_card_broadcasts "127.255.255.255 (lo), 192.0.2.255 (eth0)".  Cut to cap. */
void aats_card_list(char *out, size_t cap);
void aats_card_broadcasts(char *out, size_t cap);
/* cdef-end */

#endif
