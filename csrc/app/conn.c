#include "app/conn.h"

#include <stdio.h>
#include <string.h>

#include "app/feed.h"
#include "base/clock.h"
#include "base/errors.h"

#define READS_A_PASS 16             /* socket reads of one connection before the others have their turn */
#define ASK_NS       5000000000
#define FRESH_NS     60000000000    /* an address is asked for anew when it is older */

int aats_conn_idle(aats_conn_t const *c) { return !c->active && c->face->want(c->self, c->link) == AATS_FEED_CONNECT; }

void aats_conn_close(aats_conn_t *c)
{
    if (!c->active) return;
    aats_tls_close(c->tls);
    aats_tcp_close(&c->tcp);
    c->tls = NULL;
    c->active = c->opened = 0;
}

void aats_conn_open(aats_conn_t *c, aats_conn_to_t const *to)
{
    c->face->connecting(c->self, c->link);
    c->active = 1;
    c->opened = c->left = 0;
    c->tls = NULL;
    int e = aats_tcp_open(&c->tcp, to->ip, to->port, to->busy_poll_us);
    if (e == AATS_OK) e = to->tls ? aats_tls_open(&c->tls, to->tls, to->host) : aats_tls_open_plain(&c->tls, to->host);
    if (e == AATS_OK) return;
    char const *why = aats_tcp_error(&c->tcp);
    c->face->closed(c->self, c->link, why[0] ? why : "no memory for TLS");
    c->face->forget_address(c->self, c->link);
    aats_conn_close(c);
}

/* What is still to go out goes out: after a refused certificate it is the alert that tells the peer why. */
static void end(aats_conn_t *c, char const *why)
{
    char text[AATS_TLS_TEXT_SZ];
    int never = !c->opened;
    aats_conn_flush(c);
    snprintf(text, sizeof text, "%s", why && why[0] ? why : "closed");
    aats_conn_close(c);
    c->face->closed(c->self, c->link, text);
    if (never) c->face->forget_address(c->self, c->link);
}

/* Steps 1 and 2: what the socket has, stamped, decrypted straight into the step function's buffer, one complete message after the other.  A read that
 * does not fill the room has emptied the socket: the next look is the next pass's, and a pass that finds nothing is one system call. */
static int pump_in(aats_conn_t *c)
{
    int work = 0;
    for (int k = 0; k < READS_A_PASS && c->active; k++) {
        uint8_t *at;
        size_t room = aats_tls_room(c->tls, &at);
        int n = room ? aats_tcp_read(&c->tcp, at, room) : 0;
        if (n == AATS_E_MORE && c->opened && !c->left) break;
        if (n > 0) {
            c->recv_ns = aats_now_ns();
            aats_tls_fed(c->tls, (size_t)n);
        } else if (n < 0 && n != AATS_E_MORE) aats_tls_feed_eof(c->tls);
        if (!c->opened) {
            int up = aats_tls_handshake(c->tls);
            if (up == 1) {
                c->opened = 1;
                c->face->opened(c->self, c->link);
            } else if (up < 0) {
                end(c, aats_tls_error(c->tls));
                return work + 1;
            }
        }
        int got = 0;
        while (c->opened) {
            uint8_t *plain;
            size_t cap = c->face->room(c->self, c->link, &plain);
            c->left = cap == 0;
            got = cap ? aats_tls_read(c->tls, plain, cap) : 0;
            if (got <= 0) break;
            work += 1 + c->face->received(c->self, c->link, (size_t)got, c->recv_ns);
        }
        if (got < 0 || (n < 0 && n != AATS_E_MORE)) {
            char const *why = c->tcp.os_err ? aats_tcp_error(&c->tcp) : aats_tls_error(c->tls);
            end(c, why[0] ? why : aats_tcp_error(&c->tcp));
            return work + 1;
        }
        if (n <= 0) break;
        work++;
        if ((size_t)n < room) break;
    }
    return work;
}

/* Step 10: what is to be sent into TLS, then whatever TLS has for the socket. */
int aats_conn_flush(aats_conn_t *c)
{
    uint8_t const *at;
    size_t n;
    int work = 0;
    if (!c->active) return 0;
    if (c->opened && (n = c->face->output(c->self, c->link, &at)) > 0) {
        int took = aats_tls_write(c->tls, at, n);
        if (took > 0) c->face->sent(c->self, c->link, (size_t)took), work++;
    }
    while ((n = aats_tls_pending(c->tls, &at)) > 0) {
        int took = aats_tcp_write(&c->tcp, at, n);
        if (took == AATS_E_MORE) break;
        if (took < 0) return work; /* the next read tells why */
        aats_tls_sent(c->tls, (size_t)took);
        work++;
    }
    return work;
}

int aats_conn_step(aats_conn_t *c)
{
    int work = 0;
    if (!c->active) {
        if (c->face->want(c->self, c->link) == AATS_FEED_CLOSE) c->face->closed(c->self, c->link, "closed");
        return 0;
    }
    int up = aats_tcp_connected(&c->tcp);
    if (up < 0) {
        end(c, aats_tcp_error(&c->tcp));
        return 1;
    }
    if (up == 0) {
        if (c->face->want(c->self, c->link) == AATS_FEED_CLOSE) end(c, "gave up connecting");
        return 0;
    }
    work += pump_in(c);
    if (c->active) work += aats_conn_flush(c);
    if (c->active && c->face->want(c->self, c->link) == AATS_FEED_CLOSE) {
        aats_tls_shutdown(c->tls);
        aats_conn_flush(c);
        end(c, "closed by us");
        work++;
    }
    return work;
}

int aats_conn_waits(aats_conn_t *c, aats_tcp_wait_t *out)
{
    uint8_t const *at;
    if (!c->active) return 0;
    int writes = aats_tcp_connected(&c->tcp) == 0 || aats_tls_pending(c->tls, &at) > 0;
    *out = (aats_tcp_wait_t){.fd = c->tcp.fd, .want = AATS_WANT_READ | (writes ? AATS_WANT_WRITE : 0)};
    return 1;
}

int aats_addr_have(aats_addr_t *a, char const *known, int64_t since_mono_ns, int64_t mono_ns, aats_mailbox_t *out, uint32_t way, char const *host)
{
    if (known && mono_ns - since_mono_ns < FRESH_NS) {
        snprintf(a->ip, sizeof a->ip, "%s", known);
        a->asked_mono_ns = 0;
        return 1;
    }
    if (a->asked_mono_ns && mono_ns - a->asked_mono_ns <= ASK_NS) return 0;
    a->asked_mono_ns = mono_ns;
    aats_mailbox_put(out, AATS_MAIL_RESOLVE, way, 0, host, strlen(host));
    return 0;
}
