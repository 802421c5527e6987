/* test_gcm.c -- io/gcm.h: what it refuses, then both of its ways against what OpenSSL has sealed. */
#include "io/gcm.h"

#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/errors.h"
#include "check.h"

static uint8_t const KEY[32] = "0123456789abcdefghijklmnopqrstu", NONCE[12] = "nonce of 12";

static uint64_t state = 1;

static uint8_t some(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(state >> 56);
}

static void seal(size_t key_len, uint8_t const *aad, size_t aad_len, uint8_t const *text, size_t n, uint8_t *out, uint8_t *tag)
{
    int k;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(c, key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, KEY, NONCE);
    if (aad_len > 0) EVP_EncryptUpdate(c, NULL, &k, aad, (int)aad_len);
    if (n > 0) EVP_EncryptUpdate(c, out, &k, text, (int)n);
    EVP_EncryptFinal_ex(c, tag, &k);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(c);
}

/* ways runs `what` for each way that this processor has. */
static void ways(size_t key_len, void (*what)(aats_gcm_t *g, size_t key_len))
{
    for (int vectors = 0; vectors <= gcm_vaes_can(); vectors++) {
        aats_gcm_t g;
        REQUIRE(aats_gcm_init(&g, KEY, key_len, 0, vectors) == AATS_OK);
        what(&g, key_len);
        aats_gcm_fini(&g);
    }
}

TEST(keys_of_other_lengths_are_refused)
{
    aats_gcm_t g;
    for (size_t n = 0; n <= 40; n++)
        if (n != 16 && n != 32) CHECK_EQ_I64(aats_gcm_init(&g, KEY, n, n % 2, 0), AATS_E_ARG);
    aats_gcm_fini(&g);
    uint8_t tag[16] = {0}, out[1];
    CHECK_EQ_I64(aats_gcm_open(&g, NONCE, "", 0, "", 0, tag, out), AATS_E_ARG); /* after fini there is no key */
}

static void too_much(aats_gcm_t *g, size_t key_len)
{
    (void)key_len;
    static uint8_t in[(1 << 20) + 1];
    uint8_t tag[16] = {0};
    CHECK_EQ_I64(aats_gcm_open(g, NONCE, in, AATS_GCM_AAD + 1, in, 1, tag, in), AATS_E_ARG);
    CHECK_EQ_I64(aats_gcm_open(g, NONCE, in, 0, in, sizeof in, tag, in), AATS_E_ARG);
}

TEST(more_than_its_limits_is_refused) { ways(16, too_much); }

TEST(a_key_serves_one_purpose)
{
    aats_gcm_t g;
    uint8_t tag[16] = {0}, out[4];
    for (int seals = 0; seals < 2; seals++) {
        REQUIRE(aats_gcm_init(&g, KEY, 16, seals, 0) == AATS_OK);
        CHECK_EQ_I64(aats_gcm_seal(&g, NONCE, "", 0, "text", 4, out, tag), seals ? AATS_OK : AATS_E_ARG);
        if (seals) CHECK_EQ_I64(aats_gcm_open(&g, NONCE, "", 0, "text", 4, tag, out), AATS_E_ARG);
        CHECK_EQ_I64(aats_gcm_seal(&g, NONCE, "", AATS_GCM_AAD + 1, "text", 4, out, tag), AATS_E_ARG);
        aats_gcm_fini(&g);
    }
}

/* One bit of any part is wrong: no text comes out. */
static void forged(aats_gcm_t *g, size_t key_len)
{
    enum { N = 300 };
    uint8_t text[N], sealed[N], out[N], tag[16], aad[5] = {23, 3, 3, 1, 60}, nonce[12], none[N] = {0};
    for (int i = 0; i < N; i++) text[i] = some();
    seal(key_len, aad, sizeof aad, text, N, sealed, tag);
    memcpy(nonce, NONCE, 12);
    struct { uint8_t *at; size_t n; } const parts[] = {{tag, 16}, {sealed, N}, {aad, sizeof aad}, {nonce, 12}};
    for (size_t p = 0; p < 4; p++) {
        for (size_t bit = 0; bit < 8 * parts[p].n; bit += p == 1 ? 7 : 1) {
            parts[p].at[bit / 8] ^= (uint8_t)(1 << bit % 8);
            memset(out, 'x', N);
            CHECK_EQ_I64(aats_gcm_open(g, nonce, aad, sizeof aad, sealed, N, tag, out), AATS_E_PROTO);
            CHECK_MEM(out, none, N);
            parts[p].at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    CHECK_EQ_I64(aats_gcm_open(g, nonce, aad, sizeof aad, sealed, N, tag, out), AATS_OK);
}

TEST(a_wrong_bit_anywhere_is_refused_and_gives_no_text)
{
    ways(16, forged);
    ways(32, forged);
}

/* The GCM specification's test case 3. */
TEST(the_specifications_own_example_comes_out)
{
    static uint8_t const key[16] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
    static uint8_t const nonce[12] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
    static uint8_t const sealed[64] = {
        0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c, 0xe3, 0xaa, 0x21, 0x2f, 0x2c, 0x02,
        0xa4, 0xe0, 0x35, 0xc1, 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e, 0x21, 0xd5, 0x14, 0xb2, 0x54, 0x66, 0x93, 0x1c, 0x7d, 0x8f, 0x6a, 0x5a,
        0xac, 0x84, 0xaa, 0x05, 0x1b, 0xa3, 0x0b, 0x39, 0x6a, 0x0a, 0xac, 0x97, 0x3d, 0x58, 0xe0, 0x91, 0x47, 0x3f, 0x59, 0x85};
    static uint8_t const tag[16] = {0x4d, 0x5c, 0x2a, 0xf3, 0x27, 0xcd, 0x64, 0xa6, 0x2c, 0xf3, 0x5a, 0xbd, 0x2b, 0xa6, 0xfa, 0xb4};
    static uint8_t const begins[8] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5}, ends[4] = {0x1a, 0xaf, 0xd2, 0x55};
    for (int vectors = 0; vectors <= gcm_vaes_can(); vectors++) {
        aats_gcm_t g;
        uint8_t out[64];
        REQUIRE(aats_gcm_init(&g, key, 16, 0, vectors) == AATS_OK);
        CHECK_EQ_I64(aats_gcm_open(&g, nonce, "", 0, sealed, 64, tag, out), AATS_OK);
        CHECK_MEM(out, begins, 8);
        CHECK_MEM(out + 60, ends, 4);
        aats_gcm_fini(&g);
    }
}

/* Every length of the first thousand, some longer ones; apart and in place; behind the input there is no page, behind the output nothing is touched. */
static void lengths(aats_gcm_t *g, size_t key_len)
{
    enum { MAX = 17000 };
    static uint8_t text[MAX], sealed[MAX], out[MAX + 64];
    size_t const page = (size_t)sysconf(_SC_PAGESIZE), room = (MAX + 2 * page - 1) / page * page;
    uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), tag[16], aad[16];
    REQUIRE(map != MAP_FAILED && mprotect(map + room, page, PROT_NONE) == 0);
    for (size_t i = 0; i < MAX; i++) text[i] = some();
    for (size_t n = 0; n <= MAX; n += n < 1000 ? 1 : 397) {
        size_t const aad_len = n % 17;
        for (size_t i = 0; i < aad_len; i++) aad[i] = some();
        seal(key_len, aad, aad_len, text, n, sealed, tag);
        uint8_t *in = map + room - n;
        memcpy(in, sealed, n);
        memset(out, 'x', sizeof out);
        CHECK_EQ_I64(aats_gcm_open(g, NONCE, aad, aad_len, in, n, tag, out), AATS_OK);
        CHECK_MEM(out, text, n);
        CHECK(out[n] == 'x' && out[n + 63] == 'x');
        CHECK_EQ_I64(aats_gcm_open(g, NONCE, aad, aad_len, in, n, tag, in), AATS_OK);
        CHECK_MEM(in, text, n);
    }
    munmap(map, room + page);
}

TEST(every_length_opens_apart_and_in_place)
{
    ways(16, lengths);
    ways(32, lengths);
}

/* Both ways seal what OpenSSL seals, apart and in place, and touch nothing behind it. */
static void seals(size_t key_len)
{
    enum { MAX = 17000 };
    static uint8_t text[MAX], want[MAX], out[MAX + 64];
    uint8_t tag[16], made[16], aad[16];
    for (size_t i = 0; i < MAX; i++) text[i] = some();
    for (int vectors = 0; vectors <= gcm_vaes_can(); vectors++) {
        aats_gcm_t g;
        REQUIRE(aats_gcm_init(&g, KEY, key_len, 1, vectors) == AATS_OK);
        for (size_t n = 0; n <= MAX; n += n < 600 ? 1 : 397) {
            size_t const aad_len = n % 17;
            for (size_t i = 0; i < aad_len; i++) aad[i] = some();
            seal(key_len, aad, aad_len, text, n, want, tag);
            memset(out, 'x', sizeof out);
            CHECK_EQ_I64(aats_gcm_seal(&g, NONCE, aad, aad_len, text, n, out, made), AATS_OK);
            CHECK_MEM(out, want, n);
            CHECK_MEM(made, tag, 16);
            CHECK(out[n] == 'x' && out[n + 63] == 'x');
            memcpy(out, text, n);
            CHECK_EQ_I64(aats_gcm_seal(&g, NONCE, aad, aad_len, out, n, out, out + n), AATS_OK);
            CHECK_MEM(out, want, n);
            CHECK_MEM(out + n, tag, 16);
        }
        aats_gcm_fini(&g);
    }
}

TEST(every_length_is_sealed_as_openssl_does)
{
    seals(16);
    seals(32);
}

RUN_ALL()
