/* bench_hop.c -- the reference of the rows hop_callback, callbacks_4reads and callbacks_empty as a program; see
 * ref/hop_plain.c for what it measures.
 *
 * For: aats/bench/rows/hop.py and callbacks.py, which run it beside the trade loop.
 * Options: bench_hop [--rows hop,stream] [--cnt 2000] [--warm 8400] [--pace-ns 100000] [--cores A,B]
 * A: publisher, B: poller; not pinned without. */
#include "ref/hop_plain.c"

static char const *option(int argc, char **argv, char const *name, char const *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return otherwise;
}

int main(int argc, char **argv)
{
    char const *rows = option(argc, argv, "--rows", "hop,stream");
    uint64_t const cnt = strtoull(option(argc, argv, "--cnt", "2000"), NULL, 10);
    uint64_t const warm = strtoull(option(argc, argv, "--warm", "8400"), NULL, 10);
    int64_t const pace_ns = atoll(option(argc, argv, "--pace-ns", "100000"));
    int from = -1, to = -1;
    sscanf(option(argc, argv, "--cores", "-1,-1"), "%d,%d", &from, &to);
    if (cnt == 0) return 2;
    if (strstr(rows, "hop") != NULL) hop(cnt, warm, pace_ns, from, to);
    if (strstr(rows, "stream") != NULL) stream(to);
    return 0;
}
