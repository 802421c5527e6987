/* make_frames.c -- writes a frames file of made traffic (traffic.h), so that servers and clients in any language measure with the same bytes.
 *
 *     make_frames --out FILE [--symbols N] [--messages N] [--levels N] [--changes N] [--depth PCT] [--bbo PCT] [--seed N] */
#include "traffic.h"

int main(int argc, char **argv)
{
    traffic_opts_t o = traffic_defaults();
    traffic_t t = {0};
    char const *out = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        struct {
            char const *name;
            uint32_t *to;
        } const KNOWN[] = {{"--symbols", &o.syms},   {"--messages", &o.msgs}, {"--levels", &o.levels},
                           {"--changes", &o.changes}, {"--depth", &o.depth_pct}, {"--bbo", &o.bbo_pct}};
        size_t k = 0;
        while (k < sizeof KNOWN / sizeof KNOWN[0] && strcmp(KNOWN[k].name, argv[i]) != 0) k++;
        if (k < sizeof KNOWN / sizeof KNOWN[0]) *KNOWN[k].to = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) o.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--out") == 0) out = argv[i + 1];
        else return fprintf(stderr, "make_frames: %s is unknown\n", argv[i]), 2;
    }
    if (out == NULL || o.syms < 1 || o.syms > TRAFFIC_SYMS_MAX || o.changes > 200 || o.levels > 5000)
        return fprintf(stderr, "make_frames: see its first comment\n"), 2;
    traffic_make(&t, &o);
    if (!traffic_write(&t, out)) return fprintf(stderr, "make_frames: %s cannot be written\n", out), 1;
    printf("{\"frames\":%u,\"bytes\":%zu}\n", t.cnt, t.sz);
    traffic_free(&t);
    return 0;
}
