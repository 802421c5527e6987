#include "io/card.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/errors.h"

_Static_assert(AATS_CARD_SZ == IFNAMSIZ, "a card's name fits");

static int found(uint32_t index, aats_card_t *out)
{
    *out = (aats_card_t){.index = index};
    if (index != 0 && if_indextoname(index, out->name) != NULL) return AATS_OK;
    out->index = 0;
    return AATS_E_UNKNOWN;
}

static uint32_t addr_of(struct sockaddr const *a)
{
    struct sockaddr_in in;
    memcpy(&in, a, sizeof in);
    return ntohl(in.sin_addr.s_addr);
}

static int is_ipv4(struct ifaddrs const *a) { return a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET; }

/* broadcast_of gives the address that means everybody on the network of *a; 0: it has none. */
static uint32_t broadcast_of(struct ifaddrs const *a)
{
    if (!is_ipv4(a) || a->ifa_netmask == NULL) return 0;
    uint32_t const hosts = ~addr_of(a->ifa_netmask);
    return hosts < 2 ? 0 : addr_of(a->ifa_addr) | hosts;
}

int aats_card_named(char const *name_or_ip, aats_card_t *out)
{
    struct in_addr want;
    uint32_t index = 0;
    if (inet_pton(AF_INET, name_or_ip, &want) == 1) {
        struct ifaddrs *addrs = NULL;
        if (getifaddrs(&addrs) != 0) addrs = NULL;
        for (struct ifaddrs *a = addrs; a != NULL && index == 0; a = a->ifa_next)
            if (is_ipv4(a) && addr_of(a->ifa_addr) == ntohl(want.s_addr)) index = if_nametoindex(a->ifa_name);
        if (addrs != NULL) freeifaddrs(addrs);
    } else {
        index = if_nametoindex(name_or_ip);
    }
    return found(index, out);
}

int aats_card_of_broadcast(char const *ip, char const *only, aats_card_t *out)
{
    struct in_addr want;
    struct ifaddrs *addrs = NULL;
    uint32_t index = 0;
    *out = (aats_card_t){0};
    if (inet_pton(AF_INET, ip, &want) != 1 || want.s_addr == 0) return AATS_E_ARG;
    if (getifaddrs(&addrs) != 0) addrs = NULL;
    for (struct ifaddrs *a = addrs; a != NULL && index == 0; a = a->ifa_next) {
        if (broadcast_of(a) != ntohl(want.s_addr)) continue;
        if (only != NULL && only[0] != '\0' && strcmp(a->ifa_name, only) != 0) continue;
        index = if_nametoindex(a->ifa_name);
    }
    if (addrs != NULL) freeifaddrs(addrs);
    return found(index, out);
}

int aats_card_of_default_route(aats_card_t *out)
{
    char line[256], name[AATS_CARD_SZ], best[AATS_CARD_SZ] = "";
    unsigned dest, gateway, flags, metric, mask, least = 0;
    *out = (aats_card_t){0};
    FILE *f = fopen("/proc/thread-self/net/route", "re");
    if (f == NULL) return AATS_E_UNKNOWN;
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%15s %x %x %x %*d %*d %u %x", name, &dest, &gateway, &flags, &metric, &mask) != 6) continue;
        if (dest != 0 || mask != 0 || !(flags & 1)) continue; /* 1: the route is up */
        if (best[0] != '\0' && metric >= least) continue;
        least = metric;
        memcpy(best, name, sizeof best);
    }
    fclose(f);
    return found(best[0] != '\0' ? if_nametoindex(best) : 0, out);
}

void aats_card_list(char *out, size_t cap)
{
    struct if_nameindex *names = if_nameindex();
    struct ifaddrs *addrs = NULL;
    size_t at = 0;
    out[0] = '\0';
    if (getifaddrs(&addrs) != 0) addrs = NULL;
    for (struct if_nameindex *i = names; i != NULL && i->if_index != 0 && at + 1 < cap; i++) {
        at += (size_t)snprintf(out + at, cap - at, "%s%s", i == names ? "" : ", ", i->if_name);
        for (struct ifaddrs *a = addrs; a != NULL && at + 1 < cap; a = a->ifa_next) {
            char ip[INET_ADDRSTRLEN];
            if (!is_ipv4(a) || strcmp(a->ifa_name, i->if_name) != 0) continue;
            inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr, ip, sizeof ip);
            at += (size_t)snprintf(out + at, cap - at, " (%s)", ip);
        }
    }
    if (names != NULL) if_freenameindex(names);
    if (addrs != NULL) freeifaddrs(addrs);
}

void aats_card_broadcasts(char *out, size_t cap)
{
    struct ifaddrs *addrs = NULL;
    size_t at = 0;
    out[0] = '\0';
    if (getifaddrs(&addrs) != 0) addrs = NULL;
    for (struct ifaddrs *a = addrs; a != NULL && at + 1 < cap; a = a->ifa_next) {
        char ip[INET_ADDRSTRLEN];
        struct in_addr const all = {.s_addr = htonl(broadcast_of(a))};
        if (all.s_addr == 0) continue;
        inet_ntop(AF_INET, &all, ip, sizeof ip);
        at += (size_t)snprintf(out + at, cap - at, "%s%s (%s)", at ? ", " : "", ip, a->ifa_name);
    }
    if (addrs != NULL) freeifaddrs(addrs);
}
