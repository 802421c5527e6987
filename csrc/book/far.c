#include "book/far.h"

#include <stdlib.h>
#include <string.h>

#define LEAF_HALF  (AATS_FAR_LEAF / 2)
#define LEAF_LOW   (AATS_FAR_LEAF / 4)     /* a leaf this empty looks for a neighbour to join */
#define LEAF_JOINT (AATS_FAR_LEAF * 3 / 4) /* two leaves become one if this holds both: room is left, or the next insertion splits it */

void aats_far_init(aats_far_t *far, uint32_t limit)
{
    memset(far, 0, sizeof *far);
    far->limit = limit;
}

void aats_far_fini(aats_far_t *far)
{
    free(far->pool);
    free(far->dir);
    aats_far_init(far, far->limit);
}

void aats_far_clear(aats_far_t *far)
{
    far->dir_cnt = far->used = far->free = far->cnt = 0;
}

size_t aats_far_memory(aats_far_t const *far)
{
    return far->cap * (sizeof *far->pool + sizeof *far->dir);
}

/* dir_find returns the directory position whose leaf holds `key` or would take it.  The directory is not empty. */
static uint32_t dir_find(aats_far_t const *far, int64_t key)
{
    uint32_t at = 0;
    for (uint32_t left = far->dir_cnt; left > 1;) {
        uint32_t half = left / 2;
        at += far->dir[at + half].first <= key ? half : 0;
        left -= half;
    }
    return at;
}

/* leaf_find returns the position of the first key at or above `key`, cnt if there is none. */
static uint32_t leaf_find(aats_far_leaf_t const *leaf, int64_t key)
{
    uint32_t at = 0;
    for (uint32_t left = leaf->cnt; left > 0;) {
        uint32_t half = (left + 1) / 2;
        at += leaf->key[at + half - 1] < key ? half : 0;
        left -= half;
    }
    return at;
}

static void leaf_move(aats_far_leaf_t *to, uint32_t to_pos, aats_far_leaf_t const *from, uint32_t from_pos, uint32_t cnt)
{
    memmove(to->key + to_pos, from->key + from_pos, cnt * sizeof to->key[0]);
    memmove(to->qty + to_pos, from->qty + from_pos, cnt * sizeof to->qty[0]);
}

static int grow(aats_far_t *far)
{
    uint32_t cap = far->cap ? far->cap * 2 : 4;
    void *pool = realloc(far->pool, cap * sizeof *far->pool);
    if (pool == NULL) return AATS_E_NOMEM;
    far->pool = pool;
    void *dir = realloc(far->dir, cap * sizeof *far->dir);
    if (dir == NULL) return AATS_E_NOMEM;
    far->dir = dir;
    far->cap = cap;
    return AATS_OK;
}

/* leaf_new enters an empty leaf at directory position `at`.  May move the pool: pointers to leaves end here. */
static int leaf_new(aats_far_t *far, uint32_t at, int64_t first)
{
    if (far->free == 0 && far->used == far->cap && grow(far) != AATS_OK) return AATS_E_NOMEM;
    uint32_t leaf = far->free ? far->free - 1 : far->used++;
    if (far->free) far->free = far->pool[leaf].next_free;
    far->pool[leaf].cnt = 0;
    memmove(far->dir + at + 1, far->dir + at, (far->dir_cnt - at) * sizeof *far->dir);
    far->dir[at] = (aats_far_dir_t){.first = first, .leaf = leaf};
    far->dir_cnt++;
    return AATS_OK;
}

static void leaf_drop(aats_far_t *far, uint32_t at)
{
    uint32_t leaf = far->dir[at].leaf;
    far->pool[leaf].next_free = far->free;
    far->free = leaf + 1;
    far->dir_cnt--;
    memmove(far->dir + at, far->dir + at + 1, (far->dir_cnt - at) * sizeof *far->dir);
}

/* leaf_join empties the leaf after `at` into the one at `at` if both are there and small enough. */
static int leaf_join(aats_far_t *far, uint32_t at)
{
    if (at + 1 >= far->dir_cnt) return 0;
    aats_far_leaf_t *low = far->pool + far->dir[at].leaf;
    aats_far_leaf_t *high = far->pool + far->dir[at + 1].leaf;
    if (low->cnt + high->cnt > LEAF_JOINT) return 0;
    leaf_move(low, low->cnt, high, 0, high->cnt);
    low->cnt += high->cnt;
    leaf_drop(far, at + 1);
    return 1;
}

/* leaf_split makes room for `key`, which belongs at *pos of the full leaf at *at; both then say where it goes.  A key at either end of the
 * whole map gets a leaf of its own, so that levels which come in order fill their leaves. */
static int leaf_split(aats_far_t *far, uint32_t *at, uint32_t *pos, int64_t key)
{
    if (*pos == AATS_FAR_LEAF && *at + 1 == far->dir_cnt) {
        *at += 1;
        *pos = 0;
        return leaf_new(far, *at, key);
    }
    if (*pos == 0 && *at == 0) {
        int64_t second = far->pool[far->dir[0].leaf].key[0];
        if (leaf_new(far, 0, key) != AATS_OK) return AATS_E_NOMEM;
        far->dir[1].first = second; /* what stood there may be below `key`: a first level that has gone */
        return AATS_OK;
    }
    int64_t first = far->pool[far->dir[*at].leaf].key[LEAF_HALF];
    if (leaf_new(far, *at + 1, first) != AATS_OK) return AATS_E_NOMEM;
    aats_far_leaf_t *low = far->pool + far->dir[*at].leaf;
    aats_far_leaf_t *high = far->pool + far->dir[*at + 1].leaf;
    leaf_move(high, 0, low, LEAF_HALF, AATS_FAR_LEAF - LEAF_HALF);
    high->cnt = AATS_FAR_LEAF - LEAF_HALF;
    low->cnt = LEAF_HALF;
    if (*pos > LEAF_HALF) {
        *at += 1;
        *pos -= LEAF_HALF;
    }
    return AATS_OK;
}

static int insert(aats_far_t *far, uint32_t at, uint32_t pos, int64_t key, int64_t qty)
{
    if (far->cnt >= far->limit) return AATS_E_NOMEM;
    if (far->dir_cnt == 0) {
        if (leaf_new(far, 0, key) != AATS_OK) return AATS_E_NOMEM;
    } else if (far->pool[far->dir[at].leaf].cnt == AATS_FAR_LEAF) {
        if (leaf_split(far, &at, &pos, key) != AATS_OK) return AATS_E_NOMEM;
    }
    aats_far_leaf_t *leaf = far->pool + far->dir[at].leaf;
    leaf_move(leaf, pos + 1, leaf, pos, leaf->cnt - pos);
    leaf->key[pos] = key;
    leaf->qty[pos] = qty;
    leaf->cnt++;
    far->cnt++;
    if (key < far->dir[at].first) far->dir[at].first = key;
    return AATS_OK;
}

static void take_out(aats_far_t *far, uint32_t at, uint32_t pos)
{
    aats_far_leaf_t *leaf = far->pool + far->dir[at].leaf;
    leaf->cnt--;
    far->cnt--;
    leaf_move(leaf, pos, leaf, pos + 1, leaf->cnt - pos);
    if (leaf->cnt == 0)
        leaf_drop(far, at);
    else if (leaf->cnt <= LEAF_LOW && !leaf_join(far, at) && at > 0)
        leaf_join(far, at - 1);
}

int aats_far_set(aats_far_t *far, int64_t key, int64_t qty, int64_t *old)
{
    uint32_t at = 0, pos = 0;
    *old = 0;
    if (far->dir_cnt > 0) {
        at = dir_find(far, key);
        aats_far_leaf_t *leaf = far->pool + far->dir[at].leaf;
        pos = leaf_find(leaf, key);
        if (pos < leaf->cnt && leaf->key[pos] == key) {
            *old = leaf->qty[pos];
            if (qty)
                leaf->qty[pos] = qty;
            else
                take_out(far, at, pos);
            return AATS_OK;
        }
    }
    return qty ? insert(far, at, pos, key, qty) : AATS_OK;
}

int aats_far_ceil(aats_far_t const *far, int64_t key, int64_t *found_key, int64_t *found_qty)
{
    if (far->dir_cnt == 0) return 0;
    uint32_t at = dir_find(far, key);
    uint32_t pos = leaf_find(far->pool + far->dir[at].leaf, key);
    if (pos == far->pool[far->dir[at].leaf].cnt) {
        if (++at == far->dir_cnt) return 0;
        pos = 0;
    }
    aats_far_leaf_t const *leaf = far->pool + far->dir[at].leaf;
    *found_key = leaf->key[pos];
    *found_qty = leaf->qty[pos];
    return 1;
}
