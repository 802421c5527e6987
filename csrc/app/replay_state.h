/* replay_state.h -- inside of a replayer: what replay.c, replay_names.c and replay_scale.c share.  Not for anybody else. */
#ifndef AATS_APP_REPLAY_STATE_H
#define AATS_APP_REPLAY_STATE_H

#include "app/follow.h"
#include "app/replay.h"

/* Digits behind the point as numbers of one symbol were written: fewest and most; -1: none was seen. */
typedef struct {
    int32_t least, most;
} aats_replay_digits_t;

/* A book, or the trades of a symbol. */
typedef struct {
    aats_replay_symbol_t told; /* counters; what aats_replay_look derives is left 0 here */
    aats_sync_t sync;
    void *book_mem;
    int suspect;
    int lost;  /* a hole was counted since the book was last live */
    int early; /* a snapshot was too old for the diffs, and no hole was counted for that yet */
    uint32_t depth; /* levels a side that were subscribed, by the venue's own word; 0: it has not told */
    uint64_t trade_id, agg_id; /* newest seen, 0: none */
    aats_replay_digits_t px_digits, qty_digits;
    aats_replay_mark_t *marks;
    size_t mark_cap;
} aats_replay_sym_t;

/* Exponents that the tape has taught for one symbol, and the messages that did. */
typedef struct {
    char native[AATS_SYMBOL_SZ];
    int32_t px_exp, qty_exp;
    uint32_t lessons; /* how many messages have taught it */
} aats_replay_scale_t;

typedef struct {
    char *text;
    size_t n;
    uint32_t scale; /* index of its symbol's */
    int rest;       /* an answer: it does not name its symbol */
} aats_replay_lesson_t;

#define AATS_REPLAY_LESSONS 64 /* of one symbol */

struct aats_replay {
    aats_venue_t const *venue;
    aats_msg_t msg;
    int by_topic;
    int fold;  /* names are told in any case, and kept upper */
    int again; /* the tape has taught something that earlier messages were read without */
    aats_replay_sym_t **syms;
    uint32_t sym_cnt, sym_cap;
    uint32_t *names; /* open hash: index + 1; at most half full */
    uint32_t names_cap;
    uint64_t *link_no; /* by connection */
    uint32_t link_cnt;
    char const *asked; /* symbol of the answer that is being read */
    aats_replay_scale_t *scales;
    uint32_t scale_cnt;
    aats_replay_lesson_t *lessons;
    uint32_t lesson_cnt;
};

/* replay_names.c.  aats_replay_sym finds the entry of a name on a connection (books of snapshots on request: connection 0), or makes it if `make`;
 * *out is NULL if there is none.  Errors as aats_replay_frame.  aats_replay_clear forgets all entries. */
int aats_replay_sym(aats_replay_t *r, uint32_t conn, char const *name, size_t n, int make, aats_replay_sym_t **out);
void aats_replay_clear(aats_replay_t *r);

/* replay_scale.c.  aats_replay_scale_of is the m->scale of the parser.  aats_replay_learn looks for exponents at which a refused message, and all
 * that were refused before, can be read: returns 1 if it found some that are new.  aats_replay_spelling notes the digits of a message's levels. */
void aats_replay_scale_of(void *arg, void *msg);
int aats_replay_learn(aats_replay_t *r, char const *text, size_t n);
void aats_replay_spelling(aats_replay_t const *r, aats_replay_sym_t *s, char const *text, size_t n);

#endif
