/* driver.c -- runs a fuzz target where there is no libFuzzer (gcc has none).
 *
 * For: tests/fuzz/fuzz_*.c, each of which defines LLVMFuzzerTestOneInput and no main; tools.fuzz links them with this file
 * under gcc, or with libFuzzer under clang.  Not a rival of either: a seeded mutator that keeps the inputs which reach new code.
 *
 *     fuzz_json [-runs=N] [-seed=S] [-max_total_time=T] [-max_len=L] [-artifact_prefix=P] [FOLDER | FILE]...
 *
 * Files of a FOLDER are the seeds.  With FILEs only, each is run once, as is: that is how a finding is looked at again.  The
 * options mean what they mean to libFuzzer.  Without -runs and -max_total_time it runs for 10 seconds.
 *
 * A finding (sanitizer, abort, signal, an input that takes longer than TIMEOUT_S) is written to P + "crash-" + its hash,
 * and ends the process with a code that is not 0.  The same seed, seeds' folder and -runs give the same inputs.
 *
 * The target's objects are compiled with -fsanitize-coverage=trace-pc; this file is not. */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S  20
#define CORPUS_MAX 20000
#define MAP_SZ     (1u << 16)

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void));

typedef struct {
    uint8_t *data;
    size_t   size;
} input_t;

static input_t corpus[CORPUS_MAX];
static size_t  corpus_cnt;

static uint8_t *current; /* what the target is working on, for the artifact */
static size_t   current_sz;
static size_t   max_len = 16384;
static char const *artifact_prefix = "./";

/* Things that parsers of JSON, numbers, HTTP and WebSocket treat specially. */
static char const *const TOKENS[] = {
    "0", "-0", "-1", "1e5", "1E-9", "0.00000001", ".5", "5.", "00", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "18446744073709551616", "123456789012345678901234567890", "99999999999.99999999", "NaN", "null",
    "true", "false", "{", "}", "[", "]", "[]", "{}", ",", ":", "\"", "\\\"", "\\\\", "\\u0000", "\\ud800", "\\u00e9", "\\n", "\xc3\xa9",
    "\xed\xa0\x80", "\xff", "\xf4\x90\x80\x80", "\"e\":", "\"E\":", "\"u\":", "\"U\":", "\"b\":", "\"a\":",
    "\"data\":", "\"stream\":", "\"result\":", "\"id\":", "\"error\":", "[\"1\",\"2\"]", "\r\n", "\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n", "HTTP/1.1 403 Forbidden\r\n",
    "Content-Length: ", "Transfer-Encoding: chunked\r\n", "Connection: Upgrade\r\n", "Upgrade: websocket\r\n", "Retry-After: 5\r\n",
    "\x81\x05", "\x81\x7e", "\x81\x7f", "\x88\x02\x03\xe8", "\x89\x00", "\x8a\x7d", "\x01", "\x80", "\x00",
};
#define TOKEN_CNT (sizeof TOKENS / sizeof TOKENS[0])

/* ---- coverage ---------------------------------------------------------------------------------------------------------- */

static uint8_t   hits[MAP_SZ]; /* by this input                          */
static uint8_t   seen[MAP_SZ]; /* bit n: some input hit it 2^n times     */
static uintptr_t last_pc;

/* Called by the compiler at each edge of the target. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    uintptr_t const pc = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__sanitizer_cov_trace_pc; /* the same in each run */
    uint8_t *hit = &hits[(pc ^ last_pc) * 0x9E3779B1u >> 8 & (MAP_SZ - 1)];
    if (*hit < 255) ++*hit;
    last_pc = pc >> 1;
}

/* is_new returns 1 when the last input went somewhere, or somewhere more often, than all before it. */
static int is_new(void)
{
    uint64_t const *words = (uint64_t const *)(void const *)hits;
    int found = 0;
    for (size_t w = 0; w < MAP_SZ / 8; w++) {
        if (words[w] == 0) continue;
        for (size_t i = 8 * w; i < 8 * w + 8; i++) {
            if (hits[i] == 0) continue;
            uint8_t const bit = (uint8_t)(1u << (31 - __builtin_clz(hits[i])));
            if (!(seen[i] & bit)) found = 1;
            seen[i] |= bit;
        }
    }
    return found;
}

/* ---- findings ------------------------------------------------------------------------------------------------------------ */

static void write_artifact(void)
{
    static int once;
    if (once++ || current == NULL) return;
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < current_sz; i++) hash = (hash ^ current[i]) * 1099511628211u;
    char path[4096];
    snprintf(path, sizeof path, "%scrash-%016" PRIx64, artifact_prefix, hash);
    FILE *f = fopen(path, "wb");
    if (f != NULL) {
        fwrite(current, 1, current_sz, f);
        fclose(f);
    }
    fprintf(stderr, "driver: the input of %zu bytes is in %s\n", current_sz, path);
}

static void on_signal(int number)
{
    fprintf(stderr, "driver: %s\n", number == SIGALRM ? "one input took too long" : strsignal(number));
    write_artifact();
    _exit(77);
}

/* ---- inputs ---------------------------------------------------------------------------------------------------------------- */

static void keep(uint8_t const *data, size_t size)
{
    if (corpus_cnt == CORPUS_MAX) return;
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) abort();
    memcpy(copy, data, size);
    corpus[corpus_cnt++] = (input_t){copy, size};
}

/* run gives one input to the target, in a buffer of exactly its size so that ASan sees every byte read beyond it. */
static int run(uint8_t const *data, size_t size)
{
    current = malloc(size ? size : 1);
    if (current == NULL) abort();
    memcpy(current, data, size);
    current_sz = size;
    memset(hits, 0, sizeof hits);
    last_pc = 0;
    alarm(TIMEOUT_S);
    LLVMFuzzerTestOneInput(current, size);
    alarm(0);
    free(current);
    current = NULL;
    return is_new();
}

static int by_name(void const *a, void const *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* take adds a file, or the files of a folder in the order of their names; returns 1 for a folder, 0 for a file. */
static int take(char const *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        exit(2);
    }
    if (!S_ISDIR(st.st_mode)) {
        uint8_t *data = malloc((size_t)st.st_size + 1);
        FILE *f = fopen(path, "rb");
        if (data == NULL || f == NULL) {
            perror(path);
            exit(2);
        }
        keep(data, fread(data, 1, (size_t)st.st_size, f));
        fclose(f);
        free(data);
        return 0;
    }
    char *found[CORPUS_MAX];
    size_t cnt = 0;
    DIR *folder = opendir(path);
    for (struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL && cnt < CORPUS_MAX;) {
        if (e->d_name[0] == '.') continue;
        if (asprintf(&found[cnt], "%s/%s", path, e->d_name) < 0) abort();
        cnt++;
    }
    if (folder != NULL) closedir(folder);
    qsort(found, cnt, sizeof found[0], by_name);
    for (size_t i = 0; i < cnt; i++) {
        take(found[i]);
        free(found[i]);
    }
    return 1;
}

/* ---- mutation -------------------------------------------------------------------------------------------------------------- */

static uint64_t rng;

static size_t draw(size_t below) /* splitmix64 */
{
    uint64_t z = (rng += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return below == 0 ? 0 : (size_t)((z ^ (z >> 31)) % below);
}

/* replace puts `cnt` bytes of src in the place of `gone` bytes at `at`; returns the new size, the old one if it does not fit. */
static size_t replace(uint8_t *buf, size_t size, size_t at, size_t gone, void const *src, size_t cnt)
{
    if (size - gone + cnt > max_len) return size;
    memmove(buf + at + cnt, buf + at + gone, size - at - gone);
    memcpy(buf + at, src, cnt);
    return size - gone + cnt;
}

static size_t mutate(uint8_t *buf, size_t size)
{
    size_t const at = draw(size + 1);
    size_t const left = size - at;
    switch (draw(9)) {
    case 0: /* flip a bit */
        if (left) buf[at] ^= (uint8_t)(1u << draw(8));
        return size;
    case 1: /* another byte */
        if (left) buf[at] = (uint8_t)draw(256);
        return size;
    case 2: /* a bit more or less */
        if (left) buf[at] = (uint8_t)(buf[at] + draw(17) - 8);
        return size;
    case 3: { /* a token, inserted or over what is there */
        char const *token = TOKENS[draw(TOKEN_CNT)];
        size_t const cnt = *token ? strlen(token) : 1;
        return replace(buf, size, at, draw(2) && cnt <= left ? cnt : 0, token, cnt);
    }
    case 4: /* cut out */
        return left ? replace(buf, size, at, 1 + draw(left < 32 || !draw(8) ? left : 32), "", 0) : size;
    case 5: /* the end is missing */
        return draw(4) ? size : at;
    case 6: { /* a piece twice */
        size_t const cnt = left ? 1 + draw(left < 64 ? left : 64) : 0;
        uint8_t piece[64];
        memcpy(piece, buf + at, cnt);
        return replace(buf, size, draw(size + 1), 0, piece, cnt);
    }
    case 7: { /* a piece of another input */
        input_t const *other = &corpus[draw(corpus_cnt)];
        size_t const from = draw(other->size + 1);
        size_t const cnt = draw((other->size - from < 256 ? other->size - from : 256) + 1);
        return replace(buf, size, at, draw(2) && cnt <= left ? cnt : 0, other->data + from, cnt);
    }
    default: { /* digits: another number of them, or another number */
        size_t i = at;
        while (i < size && (buf[i] < '0' || buf[i] > '9')) i++;
        if (i == size) return size;
        uint8_t const digit = (uint8_t)('0' + draw(10));
        return replace(buf, size, i, draw(2), &digit, draw(8) ? 1 : 0);
    }
    }
}

/* ---- main ------------------------------------------------------------------------------------------------------------------ */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int option(char const *arg, char const *name, char const **value)
{
    size_t const sz = strlen(name);
    if (strncmp(arg, name, sz) != 0 || arg[sz] != '=') return 0;
    *value = arg + sz + 1;
    return 1;
}

int main(int argc, char **argv)
{
    uint64_t runs = 0, done = 0;
    double max_time = 0;
    int folders = 0;
    for (int i = 1; i < argc; i++) {
        char const *value;
        if (option(argv[i], "-runs", &value)) runs = strtoull(value, NULL, 10);
        else if (option(argv[i], "-seed", &value)) rng = strtoull(value, NULL, 10);
        else if (option(argv[i], "-max_total_time", &value)) max_time = strtod(value, NULL);
        else if (option(argv[i], "-max_len", &value)) max_len = strtoull(value, NULL, 10);
        else if (option(argv[i], "-artifact_prefix", &value)) artifact_prefix = value;
        else if (argv[i][0] == '-') fprintf(stderr, "driver: %s has no meaning here\n", argv[i]);
        else folders += take(argv[i]);
    }
    if (runs == 0 && max_time == 0) max_time = 10;
    __sanitizer_set_death_callback(write_artifact);
    int const deadly[] = {SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) signal(deadly[i], on_signal);

    size_t const seed_cnt = corpus_cnt;
    for (size_t i = 0; i < seed_cnt; i++) run(corpus[i].data, corpus[i].size);
    if (seed_cnt > 0 && folders == 0) {
        printf("driver: %zu file(s) run, nothing found\n", seed_cnt);
        return 0;
    }
    run((uint8_t const *)"", 0);
    if (seed_cnt == 0) keep((uint8_t const *)"", 0);

    uint8_t *buf = malloc(max_len + 1);
    if (buf == NULL) abort();
    double const begin = seconds();
    while ((runs == 0 || done < runs) && (max_time == 0 || done % 64 != 0 || seconds() - begin < max_time)) {
        input_t const *from = &corpus[draw(2) ? draw(corpus_cnt) : corpus_cnt - 1 - draw(corpus_cnt < 16 ? corpus_cnt : 16)];
        size_t size = from->size < max_len ? from->size : max_len;
        memcpy(buf, from->data, size);
        for (size_t n = 1 + draw(4); n > 0; n--) size = mutate(buf, size);
        done++;
        if (run(buf, size)) keep(buf, size);
    }
    double const took = seconds() - begin;
    free(buf);
    printf("driver: %" PRIu64 " inputs in %.1f s (%.0f a second), %zu seeds, %zu kept, nothing found\n", done, took,
           (double)done / (took > 0 ? took : 1), seed_cnt, corpus_cnt - seed_cnt);
    return 0;
}
