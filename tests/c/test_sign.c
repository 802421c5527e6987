/* test_sign.c -- signatures: which secrets are refused, then published vectors and those of the exchange's fact sheet. */
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "check.h"
#include "proto/sign.h"

/* RFC 8032, test 1, as PKCS#8, as a public key, and behind a passphrase; an EC key made for this file and used nowhere. */
#define PEM(kind, body) "-----BEGIN " kind "-----\n" body "\n-----END " kind "-----\n"
#define ED25519 PEM("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g")
#define ED25519_PUBLIC PEM("PUBLIC KEY", "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
#define EC \
    PEM("PRIVATE KEY", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUx8xIqw8QSc82Qho\n" \
    "/dn3eXBSY/z06RUtSzakO1mJEG6hRANCAAROivA62KPYDFTLMe2d2BBRMSMiWWU1\n" \
    "4/f7FX3052pOBrhvLrio/6UHOyy0mWd9Sf8S4hb0Fbg9xRGGkhgRehev")
#define LOCKED \
    PEM("ENCRYPTED PRIVATE KEY", "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAPCIXZ3fQz+k2GbFTD\n" \
    "P3uqAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQfoRNeRAjmFygv0Va\n" \
    "bqKXjwRAafpXfbsPxNy0rtNpVUnAzpv9ZrBNBLOp3ce2VG3x4Ay9j/mMvVq6Tvpq\n" \
    "dK43URURRFdnr5qr2O51SlqWZhm68A==")

#define SECRET "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"

static char why[256];
static char text[AATS_SIGN_SZ];

static aats_signer_t *signer(char const *secret) { return aats_signer_new(secret, strlen(secret), why, sizeof why); }

/* ---- refusals ---- */

TEST(secret_that_cannot_sign_is_refused_with_a_sentence_that_does_not_contain_it)
{
    static struct { char const *secret, *words; } const BAD[] = {
        {"", "empty"},
        {SECRET "\n", "white space"},
        {" " SECRET, "white space"},
        {ED25519_PUBLIC, "no private key"},
        {"-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n", "no private key"},
        {"-----BEGIN PRIVATE KEY-----", "no private key"},
        {LOCKED, "passphrase"},
        {EC, "another kind"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        why[0] = 0;
        aats_signer_t *s = signer(BAD[i].secret);
        CHECK_MSG(s == NULL, "%.40s was taken", BAD[i].secret);
        CHECK_MSG(strstr(why, BAD[i].words) != NULL, "%.40s: %s", BAD[i].secret, why);
        CHECK_MSG(strlen(BAD[i].secret) < 60 || !strstr(why, "MC4C"), "the sentence tells the secret: %s", why);
        CHECK_MSG(!strstr(why, SECRET), "the sentence tells the secret: %s", why);
        aats_signer_free(s);
    }
    CHECK(aats_signer_new(NULL, 0, why, sizeof why) == NULL);
    CHECK(aats_signer_new("", 0, NULL, 0) == NULL);
}

TEST(signature_without_room_is_refused_and_nothing_is_written)
{
    static struct { char const *secret; int len; } const KINDS[] = {{SECRET, 64}, {ED25519, 88}};
    for (size_t i = 0; i < 2; i++) {
        aats_signer_t *s = signer(KINDS[i].secret);
        REQUIRE(s);
        char *tight = malloc((size_t)KINDS[i].len + 1); /* AddressSanitizer stands at its end */
        memset(tight, 'x', (size_t)KINDS[i].len + 1);
        CHECK_EQ_I64(aats_sign(s, "a", 1, tight, (size_t)KINDS[i].len), AATS_E_FULL);
        CHECK_EQ_I64(tight[0], 'x');
        CHECK_EQ_I64(aats_sign(s, "a", 1, tight, (size_t)KINDS[i].len + 1), KINDS[i].len);
        CHECK_EQ_U64(strlen(tight), KINDS[i].len);
        CHECK(KINDS[i].len < AATS_SIGN_SZ);
        free(tight);
        aats_signer_free(s);
    }
    aats_signer_free(NULL);
}

/* ---- vectors ---- */

static void signs(char const *secret, char const *payload, char const *want)
{
    aats_signer_t *s = signer(secret);
    REQUIRE(s);
    CHECK_EQ_I64(aats_sign(s, payload, strlen(payload), text, sizeof text), strlen(want));
    CHECK_STR(text, want);
    aats_signer_free(s);
}

TEST(hmac_of_rfc_4231)
{
    signs("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    signs("Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(hmac_of_the_venue)
{
    signs(SECRET, "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
          "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71");
}

TEST(ed25519_of_rfc_8032_and_of_the_venue)
{
    signs(ED25519, "", "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw==");
    signs(ED25519, "apiKey=4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO&timestamp=1649729878532",
          "NBJq5sX1RkU7ta3XDctruMgnrhyBcouMvvPIxxQSCUbVWxhp3ai6W7a0Iip/3nOwmJxkVIv6n20cekYCOa5qAg==");
}

TEST(signer_gives_the_same_signature_again_whatever_it_signed_between)
{
    static char const *const SECRETS[] = {SECRET, ED25519};
    for (size_t i = 0; i < 2; i++) {
        char first[AATS_SIGN_SZ], other[AATS_SIGN_SZ];
        aats_signer_t *s = signer(SECRETS[i]);
        REQUIRE(s);
        CHECK_EQ_I64(aats_signer_kind(s), i ? AATS_SIGN_ED25519 : AATS_SIGN_HMAC);
        REQUIRE(aats_sign(s, "one", 3, first, sizeof first) > 0 && aats_sign(s, "two", 3, other, sizeof other) > 0);
        CHECK(strcmp(first, other) != 0);
        CHECK(aats_sign(s, "one", 3, other, sizeof other) > 0);
        CHECK_STR(other, first);
        aats_signer_free(s);
    }
}

/* What OpenSSL's own HMAC says of it. */
static char const *hmac_of(char const *secret, char const *payload, size_t n)
{
    static char hex[65];
    uint8_t raw[32];
    unsigned raw_sz = sizeof raw;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (uint8_t const *)payload, n, raw, &raw_sz);
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    return hex;
}

TEST(hmac_is_openssls_own_whatever_the_secrets_length_and_whatever_was_signed_before)
{
    char secret[201] = "", payload[400];
    for (size_t k = 1; k <= 200; k++) {
        secret[k - 1] = (char)('a' + k * 7 % 26);
        aats_signer_t *s = signer(secret);
        REQUIRE(s);
        for (int round = 0; round < 40; round++) { /* texts that begin alike, that differ in the last byte of their first block, short ones */
            size_t const n = (size_t)(round * 37 % 300);
            memset(payload, 'x', sizeof payload);
            if (round % 3 == 1) payload[63] = (char)('a' + round % 5);
            if (round % 4 == 3) payload[0] = (char)('a' + round % 5);
            payload[n ? n - 1 : 0] = (char)('A' + round % 26);
            CHECK_EQ_I64(aats_sign(s, payload, n, text, sizeof text), 64);
            CHECK_STR(text, hmac_of(secret, payload, n));
        }
        aats_signer_free(s);
    }
}

/* ---- HMAC-SHA512 over a base64 secret: exchanges/kraken_v2.md section 6, vector 1 ---- */

#define SECRET512 "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="

TEST(secret_that_is_no_base64_is_refused_where_the_venue_has_such)
{
    static char const *const BAD[] = {"", "kQH5", "kQH5HW/8p1u*", "kQH5HW/8p1uG=", "====", "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSU "};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        aats_signer_t *s = aats_signer_new_of(AATS_SIGN_HMAC512, BAD[i], strlen(BAD[i]), why, sizeof why);
        if (i == 1) CHECK_MSG(s != NULL, "four good characters are three bytes");
        else CHECK_MSG(s == NULL, "%s was taken", BAD[i]);
        aats_signer_free(s);
    }
}

TEST(hmac_sha512_is_the_venues_vector)
{
    static char const BODY[] = "1616492376594nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    uint8_t message[64] = "/0/private/AddOrder";
    size_t n = strlen((char *)message);
    unsigned sha_sz = 0;
    EVP_Digest(BODY, strlen(BODY), message + n, &sha_sz, EVP_sha256(), NULL);
    aats_signer_t *s = aats_signer_new_of(AATS_SIGN_HMAC512, SECRET512, strlen(SECRET512), why, sizeof why);
    CHECK(s != NULL);
    if (!s) return;
    CHECK_EQ_I64(aats_sign(s, message, n + sha_sz, text, sizeof text), 88);
    CHECK_STR(text, "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==");
    CHECK_EQ_I64(aats_sign(s, message, n + sha_sz, text, 88), AATS_E_FULL);
    aats_signer_free(s);
}

/* ---- ES256 ---- */

static int from_url(char const *s, uint8_t *out)
{
    char padded[96];
    size_t n = strlen(s);
    memcpy(padded, s, n);
    for (size_t i = 0; i < n; i++) padded[i] = s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i];
    while (n % 4) padded[n++] = '=';
    return EVP_DecodeBlock(out, (unsigned char *)padded, (int)n);
}

TEST(es256_is_r_and_s_of_a_signature_that_verifies)
{
    static char const MESSAGE[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJjZHAifQ";
    aats_signer_t *s = aats_signer_new_of(AATS_SIGN_ES256, EC, strlen(EC), why, sizeof why);
    CHECK_MSG(s != NULL, "%s", why);
    if (!s) return;
    BIO *bio = BIO_new_mem_buf(EC, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    for (int i = 0; i < 200; i++) { /* r or s begins with a zero byte once in 128 */
        uint8_t raw[72];
        CHECK_EQ_I64(aats_sign(s, MESSAGE, strlen(MESSAGE), text, sizeof text), 86);
        CHECK(!strpbrk(text, "+/="));
        CHECK_EQ_I64(from_url(text, raw), 66);
        ECDSA_SIG *sig = ECDSA_SIG_new();
        ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
        uint8_t der[80], *at = der;
        int der_sz = i2d_ECDSA_SIG(sig, &at);
        ECDSA_SIG_free(sig);
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        CHECK(EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(c, der, (size_t)der_sz, (uint8_t const *)MESSAGE, strlen(MESSAGE)) == 1);
        EVP_MD_CTX_free(c);
    }
    EVP_PKEY_free(key);
    aats_signer_free(s);
    CHECK(aats_signer_new_of(AATS_SIGN_ES256, ED25519, strlen(ED25519), why, sizeof why) == NULL);
    CHECK(strstr(why, "another kind") != NULL);
    CHECK(aats_signer_new_of(AATS_SIGN_ES256, SECRET, strlen(SECRET), why, sizeof why) == NULL);
}

RUN_ALL()
