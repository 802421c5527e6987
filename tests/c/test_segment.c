/* test_segment.c -- the head of a segment, and the geometry of an md segment: what is not exactly ours is refused
 * with both sides' values. */
#include "shm_fixture.h"

static char why[300];

/* check_md attaches a copy of the segment after one change, to a mapping of exactly mapped_sz bytes. */
static int attach_changed(aats_md_view_t const *good, size_t off, uint64_t value, size_t value_sz, uint64_t mapped_sz)
{
    uint8_t *mem = fixture_zeroed((mapped_sz + 63) / 64 * 64);
    aats_md_view_t view;
    memcpy(mem, good->seg, mapped_sz < good->size ? mapped_sz : good->size);
    if (value_sz > 0) memcpy(mem + off, &value, value_sz);
    memset(&view, 0xff, sizeof view);
    int const code = aats_md_attach(mem, mapped_sz, &view, why, sizeof why);
    CHECK(code == AATS_OK || view.seg == NULL);
    CHECK(code == AATS_OK || strlen(why) > 20);
    free(mem);
    return code;
}

TEST(a_head_that_cannot_be_is_not_written)
{
    uint64_t const owner = fixture_ident(1);
    char long_name[64];
    memset(long_name, 'x', sizeof long_name);
    long_name[48] = 0;
    uint8_t *mem = fixture_zeroed(512);
    CHECK_EQ_I64(aats_seg_init(NULL, 512, AATS_KIND_MD, "a", 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem + 8, 256, AATS_KIND_MD, "a", 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 192, AATS_KIND_MD, "a", 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 500, AATS_KIND_MD, "a", 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 512, 0, "a", 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 512, AATS_KIND_MD, "", 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 512, AATS_KIND_MD, long_name, 1, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 512, AATS_KIND_MD, "a", 0, owner, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 512, AATS_KIND_MD, "a", 1, 3, 0, "b", "1"), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_init(mem, 512, AATS_KIND_MD, "a", 1, owner, 0, NULL, "1"), AATS_E_ARG);
    CHECK_EQ_U64(((aats_seg_t *)(void *)mem)->magic, 0);
    free(mem);
}

TEST(a_segment_without_its_magic_is_not_ready)
{
    uint8_t *mem = fixture_zeroed(512);
    CHECK_EQ_I64(aats_seg_init(mem, 512, AATS_KIND_TD, "maker", 3, fixture_ident(1), 5, "boot", "1.0.0"), AATS_OK);
    CHECK_EQ_I64(aats_seg_check(mem, 512, AATS_KIND_TD, why, sizeof why), AATS_E_EMPTY);
    aats_seg_ready(mem);
    CHECK_EQ_I64(aats_seg_check(mem, 512, AATS_KIND_TD, why, sizeof why), AATS_OK);
    CHECK_STR(why, "");
    CHECK_EQ_I64(aats_seg_check(mem, 512, 0, NULL, 0), AATS_OK);
    free(mem);
}

TEST(a_refusal_names_both_sides)
{
    aats_md_view_t md;
    REQUIRE(fixture_md(&md, 8, 5, 2) == AATS_OK);
    CHECK_EQ_I64(attach_changed(&md, 0, 0, 0, md.size), AATS_OK);

    CHECK_EQ_I64(attach_changed(&md, 0, 0x4142434445464748, 8, md.size), AATS_E_LAYOUT);
    CHECK(strstr(why, "0x4142434445464748") != NULL && strstr(why, "0x3130475353544141") != NULL);

    CHECK_EQ_I64(attach_changed(&md, offsetof(aats_seg_t, layout_hash), 0x77, 8, md.size), AATS_E_LAYOUT);
    CHECK(strstr(why, "0x0000000000000077") != NULL && strstr(why, "this build") != NULL && strstr(why, "1.0.0") != NULL);

    CHECK_EQ_I64(attach_changed(&md, offsetof(aats_seg_t, kind), AATS_KIND_CTL, 4, md.size), AATS_E_LAYOUT);
    CHECK(strstr(why, "ctl") != NULL && strstr(why, "md") != NULL);

    CHECK_EQ_I64(attach_changed(&md, offsetof(aats_seg_t, size), md.size + 64, 8, md.size), AATS_E_LAYOUT);
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)md.size + 64);
    CHECK(strstr(why, number) != NULL);

    CHECK_EQ_I64(attach_changed(&md, offsetof(aats_seg_t, generation), 0, 8, md.size), AATS_E_LAYOUT);
    free(md.seg);
}

TEST(a_sentence_is_cut_to_its_room)
{
    char tiny[8];
    memset(tiny, 'x', sizeof tiny);
    uint8_t *mem = fixture_zeroed(256);
    CHECK_EQ_I64(aats_seg_check(mem, 256, 0, tiny, 4), AATS_E_EMPTY);
    CHECK_EQ_U64(strlen(tiny), 3);
    CHECK_EQ_I64(tiny[4], 'x');
    free(mem);
}

TEST(a_cut_mapping_is_refused_at_every_length)
{
    aats_md_view_t md;
    REQUIRE(fixture_md(&md, 8, 5, 2) == AATS_OK);
    for (uint64_t sz = 0; sz < md.size; sz += sz < 1200 ? 64 : 4096) {
        int const code = attach_changed(&md, 0, 0, 0, sz);
        CHECK_MSG(code == AATS_E_LAYOUT, "%llu bytes: %d", (unsigned long long)sz, code);
    }
    free(md.seg);
}

/* Every word of the geometry, set to values that an attacker or a stray write would choose, is refused; nothing
 * beyond the mapping is read. */
TEST(a_geometry_that_does_not_add_up_is_refused)
{
    static struct { size_t off, sz; } const fields[] = {
#define FIELD(name) {sizeof(aats_seg_t) + offsetof(aats_md_t, name), sizeof(((aats_md_t *)0)->name)}
        FIELD(ring_depth), FIELD(slot_sz), FIELD(ring_levels), FIELD(level_max), FIELD(dir_cap), FIELD(latest_sz), FIELD(dir_off),
        FIELD(latest_off), FIELD(top_off), FIELD(ring_off), FIELD(stats_off), FIELD(stale_ns)};
    static uint64_t const values[] = {0, 1, 3, 63, 255, 1025, 1 << 20, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 63};
    aats_md_view_t md;
    REQUIRE(fixture_md(&md, 8, 5, 2) == AATS_OK);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            uint64_t was = 0;
            memcpy(&was, (uint8_t *)md.seg + fields[f].off, fields[f].sz);
            uint64_t const now = fields[f].sz == 4 ? (uint32_t)values[v] : values[v];
            int const stale_ok = f == 11 && now > 0 && now <= AATS_STALE_NS_MAX;
            if (now == was || stale_ok) continue;
            int const code = attach_changed(&md, fields[f].off, now, fields[f].sz, md.size);
            /* level_max 1 to 5 may make the same geometry only if it is the same number */
            CHECK_MSG(code == AATS_E_LAYOUT, "field %zu set to %llx: %d", f, (unsigned long long)now, code);
        }
    }
    free(md.seg);
}

TEST(parameters_outside_their_range_have_no_size)
{
    CHECK_EQ_I64(aats_md_size(0, 5, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(1, 5, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(12, 5, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(UINT32_MAX, 5, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(8, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(8, AATS_LEVEL_MAX + 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(8, 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_md_size(8, 5, AATS_DIR_MAX + 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_size(0), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_size(AATS_SLOT_MAX + 1), AATS_E_ARG);
}

TEST(every_depth_from_1_to_1000_makes_a_segment_on_lines)
{
    for (uint32_t levels = 1; levels <= AATS_LEVEL_MAX; levels += levels < 30 ? 1 : 97) {
        aats_md_view_t md;
        REQUIRE(fixture_md(&md, 4, levels, 3) == AATS_OK);
        CHECK_EQ_U64(md.ring_levels, levels <= 5 ? 5 : 20);
        CHECK_EQ_U64(md.slot_sz, levels <= 5 ? 256 : 768);
        CHECK(md.latest_sz % 64 == 0 && md.latest_sz >= 96 + 32 * levels);
        CHECK((uintptr_t)md.latest % 64 == 0 && (uintptr_t)md.top % 64 == 0);
        CHECK((uintptr_t)md.ring % 64 == 0 && (uintptr_t)md.hists % 64 == 0);
        CHECK_EQ_PTR((uint8_t *)(md.hists + AATS_MD_HISTS), (uint8_t *)md.seg + md.size);
        CHECK_EQ_U64(md.stale_ns, AATS_STALE_NS_DEFAULT);
        CHECK_STR(md.md->venue, "BINANCE");
        free(md.seg);
    }
}

TEST(a_geometry_needs_a_head_and_a_magic)
{
    aats_md_params_t const params = {.ring_depth = 8, .level_max = 20, .dir_cap = 4, .stale_ns = 100, .venue = "X"};
    int64_t const size = aats_md_size(8, 20, 4);
    void *mem = fixture_zeroed((size_t)size);
    aats_md_view_t view;
    CHECK_EQ_I64(aats_md_init(mem, &params), AATS_E_ARG); /* no head yet */
    CHECK_EQ_I64(aats_seg_init(mem, (uint64_t)size, AATS_KIND_MD, "x", 1, fixture_ident(1), 0, "b", "1"), AATS_OK);
    CHECK_EQ_I64(aats_md_init(mem, &params), AATS_OK);
    CHECK_EQ_I64(aats_md_attach(mem, (uint64_t)size, &view, why, sizeof why), AATS_E_EMPTY);
    aats_seg_ready(mem);
    CHECK_EQ_I64(aats_md_attach(mem, (uint64_t)size, &view, why, sizeof why), AATS_OK);
    CHECK_EQ_U64(view.stale_ns, 100);
    free(mem);
}

TEST(an_old_generation_names_one_successor_once)
{
    aats_md_view_t md;
    REQUIRE(fixture_md(&md, 8, 5, 2) == AATS_OK);
    CHECK_EQ_U64(aats_seg_successor(md.seg), 0);
    CHECK_EQ_I64(aats_seg_succeed(md.seg, 7), AATS_E_ARG);
    CHECK_EQ_I64(aats_seg_succeed(md.seg, 8), AATS_OK);
    CHECK_EQ_U64(aats_seg_successor(md.seg), 8);
    CHECK_EQ_I64(aats_seg_succeed(md.seg, 9), AATS_E_STALE);
    CHECK_EQ_U64(aats_seg_successor(md.seg), 8);
    free(md.seg);
}

TEST(kinds_have_the_names_that_segments_carry)
{
    CHECK_STR(aats_seg_kind_name(AATS_KIND_CTL), "ctl");
    CHECK_STR(aats_seg_kind_name(AATS_KIND_MD), "md");
    CHECK_STR(aats_seg_kind_name(AATS_KIND_TD), "td");
    CHECK_STR(aats_seg_kind_name(AATS_KIND_RISK), "risk");
    CHECK_STR(aats_seg_kind_name(99), "?");
}

RUN_ALL()
