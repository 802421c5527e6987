/* segment.c -- making, checking and replacing the head of a segment; see segment.h. */
#include "shm/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/procs.h"

/* text_put copies a text into a zeroed field; AATS_E_ARG if it is empty or leaves no room for its end. */
static int text_put(char *field, size_t cap, char const *text)
{
    size_t const len = text == NULL ? 0 : strnlen(text, cap);
    if (len == 0 || len == cap) return AATS_E_ARG;
    memcpy(field, text, len);
    memset(field + len, 0, cap - len);
    return AATS_OK;
}

char const *aats_seg_kind_name(uint32_t kind)
{
    switch (kind) {
    case AATS_KIND_CTL:  return "ctl";
    case AATS_KIND_MD:   return "md";
    case AATS_KIND_TD:   return "td";
    case AATS_KIND_RISK: return "risk";
    default:             return "?";
    }
}

uint64_t aats_seg_layout_hash(void) { return AATS_LAYOUT_HASH; }

int aats_seg_init(void *mem, uint64_t size, uint32_t kind, char const *name, uint64_t generation, uint64_t owner, int64_t created_ns,
                  char const *boot_id, char const *version)
{
    aats_seg_t *seg = mem;
    if (mem == NULL || (uintptr_t)mem % AATS_LINE != 0 || size < sizeof *seg || size % AATS_LINE != 0) return AATS_E_ARG;
    if (kind < AATS_KIND_CTL || kind > AATS_KIND_RISK || generation == 0 || aats_ident_bare(owner) == 0) return AATS_E_ARG;

    if (text_put(seg->name, sizeof seg->name, name) != AATS_OK) return AATS_E_ARG;
    if (text_put(seg->boot_id, sizeof seg->boot_id, boot_id) != AATS_OK) return AATS_E_ARG;
    if (text_put(seg->version, sizeof seg->version, version) != AATS_OK) return AATS_E_ARG;
    seg->header_sz = sizeof *seg;
    seg->kind = kind;
    seg->layout_hash = AATS_LAYOUT_HASH;
    seg->size = size;
    seg->generation = generation;
    seg->created_ns = created_ns;
    seg->owner = aats_ident_bare(owner);
    return AATS_OK;
}

void aats_seg_ready(void *mem)
{
    aats_seg_t *seg = mem;
    aats_store_release(&seg->magic, AATS_SEG_MAGIC); /* S1 */
}

#define REFUSE(code, ...)                                         \
    do {                                                          \
        if (why != NULL && cap > 0) snprintf(why, cap, __VA_ARGS__); \
        return (code);                                            \
    } while (0)

int aats_seg_check(void const *mem, uint64_t mapped_sz, uint32_t kind, char *why, size_t cap)
{
    aats_seg_t const *seg = mem;
    if (mem == NULL || (uintptr_t)mem % AATS_LINE != 0) REFUSE(AATS_E_LAYOUT, "the segment is not mapped on a line of %d bytes", AATS_LINE);
    if (mapped_sz < sizeof *seg) {
        REFUSE(AATS_E_LAYOUT, "the segment has %" PRIu64 " bytes, its head alone needs %zu", mapped_sz, sizeof *seg);
    }
    uint64_t const magic = aats_load_acquire(&seg->magic); /* S1 */
    if (magic == 0) REFUSE(AATS_E_EMPTY, "the segment is not ready: its maker has not finished, or died while making it");
    if (magic != (uint64_t)AATS_SEG_MAGIC) {
        REFUSE(AATS_E_LAYOUT, "not a segment of AATS: its magic is 0x%016" PRIx64 ", expected 0x%016" PRIx64, magic,
               (uint64_t)AATS_SEG_MAGIC);
    }
    if (seg->header_sz != sizeof *seg || seg->layout_hash != AATS_LAYOUT_HASH) {
        REFUSE(AATS_E_LAYOUT,
               "the segment was made by version %.39s with layout 0x%016" PRIx64 " and a head of %u bytes; this build has layout "
               "0x%016" PRIx64 " and a head of %zu bytes",
               seg->version, seg->layout_hash, seg->header_sz, (uint64_t)AATS_LAYOUT_HASH, sizeof *seg);
    }
    if (kind != 0 && seg->kind != kind) {
        REFUSE(AATS_E_LAYOUT, "the segment is of kind %s (%u), expected %s (%u)", aats_seg_kind_name(seg->kind), seg->kind,
               aats_seg_kind_name(kind), kind);
    }
    if (seg->size < sizeof *seg || seg->size > mapped_sz) {
        REFUSE(AATS_E_LAYOUT, "the segment's head says %" PRIu64 " bytes, %" PRIu64 " are mapped", seg->size, mapped_sz);
    }
    if (seg->generation == 0) REFUSE(AATS_E_LAYOUT, "the segment's head says generation 0, expected 1 or more");
    if (why != NULL && cap > 0) why[0] = 0;
    return AATS_OK;
}

int aats_seg_succeed(void *old_mem, uint64_t generation)
{
    aats_seg_t *seg = old_mem;
    if (generation <= seg->generation) return AATS_E_ARG;
    return aats_cas(&seg->successor, 0, generation) ? AATS_OK : AATS_E_STALE; /* S2 */
}

uint64_t aats_seg_successor(void const *mem)
{
    aats_seg_t const *seg = mem;
    return aats_load_acquire(&seg->successor); /* S2 */
}
