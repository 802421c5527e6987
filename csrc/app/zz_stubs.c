/* zz_stubs.c -- weak stand-ins while the network parts are being written; each goes when its strong twin exists. */
#include <stdlib.h>
#include "app/fan_host.h"
#include "app/recv_host.h"
#include "proto/compat.h"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wreturn-type"

/* proto/wire.h */
__attribute__((weak)) void aats_wire_head(aats_wire_t *out, aats_wire_from_t const *from, uint32_t kind, uint64_t seq, int64_t sent_ns, uint32_t payload_sz) { abort(); }
__attribute__((weak)) int aats_wire_read(uint8_t const *bytes, size_t n, uint64_t layout_hash, aats_wire_t *head) { abort(); }
__attribute__((weak)) size_t aats_wire_rec_sz(uint32_t bid_len, uint32_t ask_len) { abort(); }
__attribute__((weak)) int aats_wire_pack(uint8_t *out, size_t cap, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks) { abort(); }
__attribute__((weak)) int aats_wire_unpack(uint8_t const *bytes, size_t n, uint32_t cap, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks) { abort(); }
__attribute__((weak)) int aats_wire_join(aats_wire_parts_t *parts, aats_wire_t const *head, uint8_t const *payload) { abort(); }

/* proto/compat.h */
__attribute__((weak)) int aats_compat_tick(uint8_t *out, size_t cap, int form, int32_t cid, aats_rec_t const *rec, int px_exp, int qty_exp) { abort(); }
__attribute__((weak)) int aats_compat_book(uint8_t *out, size_t cap, int form, int32_t cid, uint32_t depth, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks, int px_exp, int qty_exp) { abort(); }

/* app/out.h */
__attribute__((weak)) int aats_out_init(aats_out_t *o, aats_out_opts_t const *opts, aats_md_view_t const *view, aats_slot_t const *slot, uint64_t layout_hash, aats_out_send_t send, void *arg) { abort(); }
__attribute__((weak)) void aats_out_record(aats_out_t *o, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks) { abort(); }
__attribute__((weak)) void aats_out_flush(aats_out_t *o, int64_t now_ns) { abort(); }
__attribute__((weak)) int aats_out_tick(aats_out_t *o, int64_t now_ns, int64_t mono_ns) { abort(); }
__attribute__((weak)) void aats_out_beat(aats_md_view_t const *view, aats_slot_t const *slot, aats_out_opts_t const *opts, int64_t mono_ns, aats_wire_beat_t *beat) { abort(); }

/* app/fan.h */
__attribute__((weak)) aats_fan_t *aats_fan_new(aats_fan_opts_t const *opts, aats_md_view_t const *view, aats_slot_t const *slot, char *why, size_t why_sz) { abort(); }
__attribute__((weak)) void aats_fan_free(aats_fan_t *f) { abort(); }
__attribute__((weak)) int aats_fan_step(aats_fan_t *f, int64_t now_ns, int64_t mono_ns) { abort(); }
__attribute__((weak)) int64_t aats_fan_next_mono_ns(aats_fan_t const *f) { abort(); }
__attribute__((weak)) int aats_fan_join(aats_fan_t *f, int64_t mono_ns) { abort(); }
__attribute__((weak)) int aats_fan_received(aats_fan_t *f, int peer, void const *bytes, size_t n, int64_t now_ns, int64_t mono_ns) { abort(); }
__attribute__((weak)) size_t aats_fan_output(aats_fan_t *f, int peer, uint8_t const **at) { abort(); }
__attribute__((weak)) void aats_fan_sent(aats_fan_t *f, int peer, size_t n) { abort(); }
__attribute__((weak)) int aats_fan_is_compat(aats_fan_t const *f, int peer) { abort(); }
__attribute__((weak)) int aats_fan_want(aats_fan_t const *f, int peer) { abort(); }
__attribute__((weak)) void aats_fan_leave(aats_fan_t *f, int peer) { abort(); }
__attribute__((weak)) void aats_fan_stop(aats_fan_t *f, int64_t now_ns) { abort(); }
__attribute__((weak)) void aats_fan_set_datagrams(aats_fan_t *f, aats_out_send_t send, void *arg) { abort(); }
__attribute__((weak)) int aats_fan_compat_symbol(aats_fan_t *f, char const *symbol, int32_t cid, uint32_t depth) { abort(); }

/* app/fan_host.h */
__attribute__((weak)) aats_fan_host_t *aats_fan_host_new(aats_fan_t *fan, aats_fan_host_opts_t const *opts, char *why, size_t why_sz) { abort(); }
__attribute__((weak)) void aats_fan_host_free(aats_fan_host_t *h) { abort(); }
__attribute__((weak)) uint32_t aats_fan_host_port(aats_fan_host_t const *h) { abort(); }
__attribute__((weak)) int aats_fan_host_step(aats_fan_host_t *h) { abort(); }
__attribute__((weak)) void aats_fan_host_run(aats_fan_host_t *h) { abort(); }
__attribute__((weak)) void aats_fan_host_stop(aats_fan_host_t *h) { abort(); }
__attribute__((weak)) void aats_fan_host_set_wait(aats_fan_host_t *h, uint32_t wait) { abort(); }

/* app/recv.h */
__attribute__((weak)) aats_recv_t *aats_recv_new(aats_recv_opts_t const *opts, char *why, size_t why_sz) { abort(); }
__attribute__((weak)) void aats_recv_free(aats_recv_t *r) { abort(); }
__attribute__((weak)) aats_mailbox_t *aats_recv_notices(aats_recv_t *r) { abort(); }
__attribute__((weak)) int aats_recv_needs(aats_recv_t const *r, aats_recv_need_t *need) { abort(); }
__attribute__((weak)) int aats_recv_attach(aats_recv_t *r, void *mem, size_t size, aats_slot_t *slot, char *why, size_t why_sz) { abort(); }
__attribute__((weak)) void aats_recv_begin(aats_recv_t *r, int64_t now_ns, int64_t mono_ns) { abort(); }
__attribute__((weak)) void aats_recv_end(aats_recv_t *r) { abort(); }
__attribute__((weak)) int aats_recv_datagram(aats_recv_t *r, int path, char const *source, void const *bytes, size_t n, int64_t arrived_ns) { abort(); }
__attribute__((weak)) int aats_recv_want(aats_recv_t *r, int path) { abort(); }
__attribute__((weak)) int aats_recv_address(aats_recv_t const *r, int path, char *ip, size_t ip_sz, uint32_t *port) { abort(); }
__attribute__((weak)) void aats_recv_connecting(aats_recv_t *r, int path) { abort(); }
__attribute__((weak)) void aats_recv_opened(aats_recv_t *r, int path) { abort(); }
__attribute__((weak)) void aats_recv_closed(aats_recv_t *r, int path, char const *why) { abort(); }
__attribute__((weak)) size_t aats_recv_room(aats_recv_t *r, int path, uint8_t **at) { abort(); }
__attribute__((weak)) int aats_recv_received(aats_recv_t *r, int path, size_t n, int64_t recv_ns) { abort(); }
__attribute__((weak)) size_t aats_recv_output(aats_recv_t *r, int path, uint8_t const **at) { abort(); }
__attribute__((weak)) void aats_recv_sent(aats_recv_t *r, int path, size_t n) { abort(); }
__attribute__((weak)) void aats_recv_kernel_drops(aats_recv_t *r, int path, uint64_t drops) { abort(); }
__attribute__((weak)) aats_path_t const *aats_recv_path(aats_recv_t const *r, int path) { abort(); }
__attribute__((weak)) void aats_recv_stop(aats_recv_t *r) { abort(); }
__attribute__((weak)) int64_t aats_recv_next_mono_ns(aats_recv_t const *r) { abort(); }
__attribute__((weak)) void aats_recv_set_clock(aats_recv_t *r, int64_t (*clock)(void)) { abort(); }

/* app/recv_host.h */
__attribute__((weak)) aats_recv_host_t *aats_recv_host_new(aats_recv_t *recv, aats_recv_opts_t const *recv_opts, aats_recv_host_opts_t const *opts, char *why, size_t why_sz) { abort(); }
__attribute__((weak)) void aats_recv_host_free(aats_recv_host_t *h) { abort(); }
__attribute__((weak)) aats_recv_t *aats_recv_host_recv(aats_recv_host_t *h) { abort(); }
__attribute__((weak)) int aats_recv_host_step(aats_recv_host_t *h) { abort(); }
__attribute__((weak)) int aats_recv_host_run(aats_recv_host_t *h) { abort(); }
__attribute__((weak)) void aats_recv_host_stop(aats_recv_host_t *h) { abort(); }
__attribute__((weak)) void aats_recv_host_set_wait(aats_recv_host_t *h, uint32_t wait) { abort(); }
