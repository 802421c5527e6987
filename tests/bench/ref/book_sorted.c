/* book_sorted.c -- the plain book: two sorted arrays, best last, searched from the best.
 *
 * For: the model that tests and fuzzing compare csrc/book with, and the reference that bench_book.c measures it against.  It orders by
 * price, knows no tick and no window, and shares no code with the product.  Included as a file.  Not for the product.
 *
 * Owner: the test.  `cap` levels a side are there from the start; more ends the program.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t cap;
    size_t cnt[2];
    int64_t *px[2]; /* side 0 ascending, side 1 descending */
    int64_t *qty[2];
} sorted_t;

__attribute__((unused)) static void sorted_init(sorted_t *book, size_t cap)
{
    book->cap = cap;
    for (int s = 0; s < 2; s++) {
        book->cnt[s] = 0;
        book->px[s] = malloc(cap * sizeof(int64_t));
        book->qty[s] = malloc(cap * sizeof(int64_t));
    }
}

__attribute__((unused)) static void sorted_fini(sorted_t *book)
{
    for (int s = 0; s < 2; s++) {
        free(book->px[s]);
        free(book->qty[s]);
    }
}

__attribute__((unused)) static void sorted_clear(sorted_t *book) { book->cnt[0] = book->cnt[1] = 0; }

static void sorted_set(sorted_t *book, int s, int64_t px, int64_t qty)
{
    int64_t *p = book->px[s], *q = book->qty[s];
    size_t i = book->cnt[s]; /* levels [i, cnt) are better than px */
    if (s == 0)
        while (i > 0 && p[i - 1] > px) i--;
    else
        while (i > 0 && p[i - 1] < px) i--;
    size_t better = book->cnt[s] - i;
    if (i > 0 && p[i - 1] == px) {
        if (qty) {
            q[i - 1] = qty;
            return;
        }
        memmove(p + i - 1, p + i, better * sizeof *p);
        memmove(q + i - 1, q + i, better * sizeof *q);
        book->cnt[s]--;
    } else if (qty) {
        if (book->cnt[s] == book->cap) {
            fprintf(stderr, "book_sorted.c: more than %zu levels on a side\n", book->cap);
            abort();
        }
        memmove(p + i + 1, p + i, better * sizeof *p);
        memmove(q + i + 1, q + i, better * sizeof *q);
        p[i] = px;
        q[i] = qty;
        book->cnt[s]++;
    }
}
