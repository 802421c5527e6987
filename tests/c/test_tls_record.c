/* test_tls_record.c -- records that io/tls_record.c reads itself: what a server with the right keys may not say, first; then what it may; then those that
 * io/tls_send.c writes.
 *
 * Each test runs in the three modes of AATS_TLS: with our cipher, with OpenSSL's, and with OpenSSL alone.  The same is expected of all three. */
#include "tls_forge.h"

#include "check.h"
#include "io/tls_priv.h"

enum { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

static char out[40000];

static int reads(forge_t *f, size_t cap) { return aats_tls_read(f->t, out, cap); }

/* both opens a connection that has carried one record already (so that it is read here, not watched), for each reader and cipher. */
static void both(void (*what)(forge_t *f))
{
    static char const *const MODES[] = {"vector", "records", "openssl"}, *const SUITES[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"};
    char why[200];
    for (int i = 0; i < 6; i++) {
        forge_t f;
        REQUIRE(aats_tls_use(MODES[i / 2], why, sizeof why) == AATS_OK);
        forge_open(&f, SUITES[i % 2]);
        forge_say(&f, DATA, "first", 5, 0);
        CHECK_EQ_I64(reads(&f, sizeof out), 5);
        CHECK_MEM(out, "first", 5);
        what(&f);
        forge_close(&f);
    }
    aats_tls_use("records", why, sizeof why);
}

/* refused: nothing is delivered, for good, and the peer is told why. */
static void refused(forge_t *f)
{
    uint8_t const *at;
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_PROTO);
    CHECK(strstr(aats_tls_error(f->t), "TLS with stream.test failed after its handshake: ") != NULL);
    CHECK(aats_tls_pending(f->t, &at) > 0);
    peer_turn(&f->peer, f->t);
    CHECK_EQ_I64(SSL_get_shutdown(f->peer.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN); /* a fatal alert that it could read */
    forge_say(f, DATA, "more", 4, 0);
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_PROTO);
    CHECK_EQ_I64(aats_tls_write(f->t, "x", 1), AATS_E_PROTO);
}

/* ---- what is refused ---- */

static uint8_t record[40000], second[40000];

static void replay(forge_t *f)
{
    size_t const n = forge_record(f, DATA, "again", 5, 0, record);
    aats_tls_feed(f->t, record, n);
    CHECK_EQ_I64(reads(f, sizeof out), 5);
    aats_tls_feed(f->t, record, n);
    refused(f);
}
TEST(a_record_that_comes_twice_is_refused) { both(replay); }

/* OpenSSL has not seen that one, and would take it. */
static void replay_first(forge_t *f)
{
    size_t const n = forge_record(f, DATA, "x", 1, 0, record);
    (void)n;
    f->seq = 0;
    forge_say(f, DATA, "first", 5, 0);
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_PROTO);
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_PROTO);
}
TEST(the_first_record_is_not_taken_again) { both(replay_first); }

static void lost(forge_t *f)
{
    forge_record(f, DATA, "lost", 4, 0, record);
    forge_say(f, DATA, "next", 4, 0);
    refused(f);
}
TEST(a_missing_record_is_noticed) { both(lost); }

static void swapped(forge_t *f)
{
    size_t const a = forge_record(f, DATA, "one", 3, 0, record), c = forge_record(f, DATA, "two", 3, 0, second);
    aats_tls_feed(f->t, second, c);
    aats_tls_feed(f->t, record, a);
    refused(f);
}
TEST(swapped_records_are_refused) { both(swapped); }

TEST(a_wrong_byte_anywhere_in_a_record_is_refused)
{
    for (size_t at = 0; at < 60; at += at < 6 ? 1 : 9) {
        if (at == 3 || at == 4) continue; /* another length: more is waited for */
        forge_t f;
        forge_open(&f, "TLS_AES_128_GCM_SHA256");
        forge_say(&f, DATA, "first", 5, 0);
        CHECK_EQ_I64(reads(&f, sizeof out), 5);
        size_t const n = forge_record(&f, DATA, "0123456789012345678901234567890123456789", 40, 0, record);
        record[at] ^= 0x40;
        aats_tls_feed(f.t, record, n);
        refused(&f);
        forge_close(&f);
    }
}

static void bad_head(forge_t *f, uint8_t type, uint8_t minor, size_t len)
{
    uint8_t const head[5] = {type, 3, minor, (uint8_t)(len >> 8), (uint8_t)len};
    memset(second, 'x', len);
    aats_tls_feed(f->t, head, 5);
    aats_tls_feed(f->t, second, len);
    refused(f);
}
static void head_type(forge_t *f) { bad_head(f, 22, 3, 40); }
static void head_ccs(forge_t *f) { bad_head(f, 20, 3, 1); }
static void head_short(forge_t *f) { bad_head(f, 23, 3, 16); }
static void head_long(forge_t *f) { bad_head(f, 23, 3, 16384 + 257); }
TEST(a_plain_record_after_the_handshake_is_refused) { both(head_type); }
TEST(a_change_of_cipher_after_the_handshake_is_refused) { both(head_ccs); }
TEST(a_record_without_a_type_is_refused) { both(head_short); }
TEST(a_record_above_the_limit_is_refused) { both(head_long); }

static void inner_type(forge_t *f) { forge_say(f, 24, "beat", 4, 0), refused(f); }
static void only_zeros(forge_t *f) { forge_say(f, 0, "\0\0\0\0", 4, 10), refused(f); }
TEST(an_unknown_type_within_is_refused) { both(inner_type); }
TEST(a_record_of_zeros_is_refused) { both(only_zeros); }

static void empties(forge_t *f)
{
    for (int i = 0; i < 32; i++) forge_say(f, DATA, "", 0, 3);
    CHECK_EQ_I64(reads(f, sizeof out), 0);
    forge_say(f, DATA, "text", 4, 0);
    CHECK_EQ_I64(reads(f, sizeof out), 4);
    for (int i = 0; i < 40; i++) forge_say(f, DATA, "", 0, 0);
    refused(f);
}
TEST(empty_records_without_end_are_refused) { both(empties); }

static void alert_of(forge_t *f, uint8_t what, char const *said)
{
    uint8_t const two[2] = {2, what};
    forge_say(f, ALERT, two, 2, 0);
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_PROTO);
    CHECK(strstr(aats_tls_error(f->t), said) != NULL);
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_PROTO);
}
static void alert_internal(forge_t *f) { alert_of(f, 80, "tlsv1 alert internal error"); }
static void alert_mac(forge_t *f) { alert_of(f, 20, "bad record mac"); }
static void alert_long(forge_t *f) { forge_say(f, ALERT, "\2\50\2\50", 4, 0), refused(f); }
TEST(an_alert_ends_it_and_is_named)
{
    both(alert_internal);
    both(alert_mac);
}
TEST(an_alert_of_another_length_is_refused) { both(alert_long); }

static void key_update_2(forge_t *f) { forge_say(f, HANDSHAKE, "\30\0\0\1\2", 5, 0), refused(f); }
static void key_update_tail(forge_t *f) { forge_say(f, HANDSHAKE, "\30\0\0\1\0\30", 6, 0), refused(f); }
static void request(forge_t *f) { forge_say(f, HANDSHAKE, "\15\0\0\3\0\0\0", 7, 0), refused(f); }
static void cut_in(forge_t *f)
{
    forge_say(f, HANDSHAKE, "\30\0\0", 3, 0);
    forge_say(f, DATA, "text", 4, 0);
    refused(f);
}
TEST(a_key_update_of_no_kind_is_refused) { both(key_update_2); }
TEST(a_key_update_inside_a_record_is_refused) { both(key_update_tail); }
TEST(a_request_for_a_certificate_is_refused) { both(request); }
TEST(data_between_the_pieces_of_a_message_is_refused) { both(cut_in); }

/* ---- what is taken ---- */

static void padded(forge_t *f)
{
    static char text[16384];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);
    for (size_t n = 1; n < sizeof text; n = n * 3 + 1) {
        forge_say(f, DATA, text, n, n % 5 * 40);
        CHECK_EQ_I64(reads(f, sizeof out), (int64_t)n);
        CHECK_MEM(out, text, n);
    }
    forge_say(f, DATA, text, sizeof text, 0);
    CHECK_EQ_I64(reads(f, sizeof out), sizeof text);
    CHECK_MEM(out, text, sizeof text);
}
TEST(padding_is_taken_off) { both(padded); }

static void small_room(forge_t *f)
{
    static char text[3000];
    size_t got = 0;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 11);
    for (size_t at = 0; at < sizeof text; at += 500) forge_say(f, DATA, text + at, 500, 9);
    for (int n; (n = aats_tls_read(f->t, out + got, 7 + got % 700)) > 0; got += (size_t)n) {
        uint8_t *at;
        aats_tls_room(f->t, &at); /* moves what waits */
    }
    CHECK_EQ_I64(got, sizeof text);
    CHECK_MEM(out, text, sizeof text);
}
TEST(text_waits_for_room) { both(small_room); }

static void canceled(forge_t *f)
{
    forge_say(f, ALERT, "\1\132", 2, 0);
    forge_say(f, DATA, "text", 4, 0);
    forge_say(f, ALERT, "\1\0", 2, 0);
    CHECK_EQ_I64(reads(f, sizeof out), 4);
    CHECK_EQ_I64(reads(f, sizeof out), AATS_E_CLOSED);
    CHECK_STR(aats_tls_error(f->t), "stream.test ended the TLS session (close_notify)");
}
TEST(text_before_a_close_is_delivered_and_a_cancel_is_passed_over) { both(canceled); }

static void updates(forge_t *f)
{
    uint8_t const *at;
    for (int i = 0; i < 10; i++) {
        int const asked = i % 2;
        aats_tls_sent(f->t, aats_tls_pending(f->t, &at));
        if (i % 3 == 0) { /* in pieces */
            forge_say(f, HANDSHAKE, "\30\0", 2, 0);
            forge_say(f, HANDSHAKE, asked ? "\0\1\1" : "\0\1\0", 3, 5);
        } else {
            forge_say(f, HANDSHAKE, asked ? "\30\0\0\1\1" : "\30\0\0\1\0", 5, 0);
        }
        forge_next_keys(f);
        forge_say(f, DATA, "after", 5, 0);
        CHECK_EQ_I64(reads(f, sizeof out), 5);
        CHECK_MEM(out, "after", 5);
        CHECK_EQ_I64(aats_tls_write(f->t, "mine", 4), 4);
        CHECK(aats_tls_pending(f->t, &at) > (asked ? 40u : 0u)); /* our own key update goes before it */
        int const said = f->peer.client_said;
        peer_turn(&f->peer, f->t);
        CHECK_EQ_I64(f->peer.client_said, said + 4);
    }
}
TEST(key_updates_are_obeyed_and_answered) { both(updates); }

TEST(tickets_that_come_late_are_passed_over)
{
    forge_t f;
    uint8_t ticket[300] = {4, 0, 1, 40};
    forge_open(&f, "TLS_AES_128_GCM_SHA256");
    forge_say(&f, DATA, "first", 5, 0);
    CHECK_EQ_I64(reads(&f, sizeof out), 5);
    forge_say(&f, HANDSHAKE, ticket, 300, 0);
    forge_say(&f, DATA, "text", 4, 0);
    forge_say(&f, HANDSHAKE, ticket, 3, 0);
    forge_say(&f, HANDSHAKE, ticket + 3, 100, 0);
    forge_say(&f, HANDSHAKE, ticket + 103, 197, 0);
    forge_say(&f, DATA, "more", 4, 0);
    CHECK_EQ_I64(reads(&f, sizeof out), 8);
    CHECK_MEM(out, "textmore", 8);
    forge_close(&f);
}

TEST(the_end_of_the_bytes_says_whether_it_cut_a_record)
{
    for (int cut = 0; cut < 2; cut++) {
        forge_t f;
        forge_open(&f, "TLS_AES_128_GCM_SHA256");
        forge_say(&f, DATA, "first", 5, 0);
        size_t const n = forge_record(&f, DATA, "half", 4, 0, record);
        if (cut) aats_tls_feed(f.t, record, n - 1);
        aats_tls_feed_eof(f.t);
        CHECK_EQ_I64(aats_tls_read(f.t, out, 0), 0); /* without room nothing is said yet */
        CHECK_EQ_I64(reads(&f, sizeof out), 5);
        CHECK_EQ_I64(reads(&f, sizeof out), AATS_E_CLOSED);
        CHECK_STR(aats_tls_error(f.t), cut ? "stream.test closed the connection in the middle of a TLS record"
                                           : "stream.test closed the connection without a TLS close_notify");
        forge_close(&f);
    }
}

/* ---- what is written ---- */

/* heard: the server has read `n` bytes more, the last of them those of `text`. */
static char back[70000];

static int hears(forge_t *f)
{
    uint8_t const *at;
    size_t const n = aats_tls_pending(f->t, &at);
    if (n > 0) BIO_write(SSL_get_rbio(f->peer.ssl), at, (int)n);
    aats_tls_sent(f->t, n);
    int got = 0;
    for (int k; (k = SSL_read(f->peer.ssl, back + got, (int)sizeof back - got)) > 0;) got += k;
    ERR_clear_error();
    return got;
}

TEST(what_is_written_before_and_after_the_take_over_arrives)
{
    static char text[20000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 13);
    for (int before = 0; before < 4; before++) {
        forge_t f;
        forge_open(&f, before % 2 ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384");
        for (int i = 0; i < before; i++) {
            CHECK_EQ_I64(aats_tls_write(f.t, text, 100 + (size_t)i), 100 + i);
            if (i != 1) CHECK(hears(&f) > 0); /* one stays pending over the take-over */
        }
        forge_say(&f, DATA, "first", 5, 0);
        CHECK_EQ_I64(reads(&f, sizeof out), 5);
        int const waits = before == 2 ? 101 : 0;
        for (size_t n = 1; n <= sizeof text; n = n * 4 + 1) {
            CHECK_EQ_I64(aats_tls_write(f.t, text, n), (int64_t)n);
            int const skip = n == 1 ? waits : 0;
            CHECK_EQ_I64(hears(&f), (int64_t)n + skip);
            CHECK_MEM(back + skip, text, n);
        }
        forge_close(&f);
    }
}

/* A full output takes less than it is given, and what it took arrives. */
static void full(forge_t *f)
{
    static char text[200000];
    size_t put = 0, got = 0;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 17 >> 3);
    while (put < sizeof text) {
        int const n = aats_tls_write(f->t, text + put, sizeof text - put);
        if (n > 0) put += (size_t)n;
        else CHECK_EQ_I64(n, AATS_E_FULL);
        if (n > 0) continue;
        int const k = hears(f);
        CHECK_MEM(back, text + got, k);
        got += (size_t)k;
    }
    got += (size_t)hears(f);
    CHECK_EQ_I64(got, sizeof text);
}
TEST(a_full_output_loses_nothing) { both(full); }

static void says_goodbye(forge_t *f)
{
    CHECK_EQ_I64(aats_tls_write(f->t, "last", 4), 4);
    aats_tls_shutdown(f->t);
    aats_tls_shutdown(f->t);
    CHECK_EQ_I64(aats_tls_write(f->t, "x", 1), AATS_E_CLOSED);
    CHECK_EQ_I64(hears(f), 4);
    CHECK_EQ_I64(SSL_get_shutdown(f->peer.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    forge_say(f, DATA, "still", 5, 0);
    CHECK_EQ_I64(reads(f, sizeof out), 5);
}
TEST(our_goodbye_arrives_once_and_ends_writing_only) { both(says_goodbye); }

/* A key seals so many records and no more; the server follows. */
TEST(a_key_that_has_sealed_enough_is_followed_by_the_next)
{
    forge_t f;
    forge_open(&f, "TLS_AES_256_GCM_SHA384");
    forge_say(&f, DATA, "first", 5, 0);
    CHECK_EQ_I64(reads(&f, sizeof out), 5);
    REQUIRE(f.t->send.own);
    f.t->send.renew_at = 3;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ_I64(aats_tls_write(f.t, "order", 5), 5);
        CHECK(f.t->send.keys.seq <= 3);
        CHECK_EQ_I64(hears(&f), 5);
    }
    forge_close(&f);
}

/* ---- who does it ---- */

TEST(an_unknown_mode_is_refused_with_the_known_ones)
{
    char why[200] = "";
    int const was = aats_tls_mode();
    CHECK_EQ_I64(aats_tls_use("fast", why, sizeof why), AATS_E_UNKNOWN);
    CHECK(strstr(why, "\"fast\"") != NULL && strstr(why, "openssl, records, vector") != NULL);
    CHECK_EQ_I64(aats_tls_mode(), was);
}

/* Our own cipher has to be asked for; what is in force is told; with OpenSSL alone no secret is kept. */
TEST(the_mode_says_whose_records_and_whose_cipher)
{
    static struct { char const *mode, *about; } const SAY[] = {{NULL, "GCM_SHA256 (own records)"}, {"openssl", "GCM_SHA256"}, {"records", "GCM_SHA256 (own records)"}};
    char why[200];
    if (getenv("AATS_TLS") != NULL) SKIP("AATS_TLS is set");
    for (int i = 0; i < 3; i++) {
        forge_t f;
        if (SAY[i].mode != NULL) REQUIRE(aats_tls_use(SAY[i].mode, why, sizeof why) == AATS_OK);
        forge_open(&f, "TLS_AES_128_GCM_SHA256");
        forge_say(&f, DATA, "first", 5, 0);
        CHECK_EQ_I64(reads(&f, sizeof out), 5);
        char const *about = aats_tls_about(f.t);
        CHECK_STR(about + strlen(about) - strlen(SAY[i].about), SAY[i].about);
        CHECK_EQ_I64(f.t->rec.keys.gcm.vectors, 0);
        uint8_t left = 0;
        for (size_t k = 0; k < 48; k++) left |= (uint8_t)(f.t->rec.keys.secret[k] | f.t->send.keys.secret[k]);
        CHECK_EQ_I64(left != 0, i != 1);
        forge_close(&f);
    }
    aats_tls_use("records", why, sizeof why);
}

/* The tickets that came before the first text are OpenSSL's, and are of use to the next connection. */
TEST(a_connection_whose_records_were_read_here_can_be_resumed)
{
    forge_t f;
    uint8_t bytes[4096];
    forge_open(&f, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(f.peer.ctx, 2);
    for (int again = 0; again < 3; again++) {
        aats_tls_close(f.t);
        peer_listen(&f.peer);
        REQUIRE(aats_tls_open(&f.t, f.ctx, "stream.test") == AATS_OK);
        REQUIRE(peer_shuttle(&f.peer, f.t) == 1);
        CHECK_EQ_I64(strstr(aats_tls_about(f.t), " resumed") != NULL, again > 0);
        SSL_write(f.peer.ssl, "text", 4);
        aats_tls_feed(f.t, bytes, (size_t)peer_take(&f.peer, bytes, sizeof bytes));
        CHECK_EQ_I64(reads(&f, sizeof out), 4);
        CHECK_EQ_I64(f.t->rec.state, TLS_RECORD_OWN);
        aats_tls_shutdown(f.t); /* after another end OpenSSL does not offer the session again */
    }
    forge_close(&f);
}

RUN_ALL()
