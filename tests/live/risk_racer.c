/* risk_racer.c -- one of the processes that race for a limit in tests/live/test_risk_race.py: gate, journal and a very small exchange, as fast as they go.
 *
 *     risk_racer make FILE LIMIT                                   a world: risk segment and exchange, with room for LIMIT orders at a time
 *     risk_racer run  FILE WHO ATTEMPTS SEED STEP JOURNAL OLD...   who is 0 or 1; OLD: journals of the runs before, newest first; killed at STEP ("-": not)
 *     risk_racer look FILE                                         one line of what is there: JSON
 *
 * The exchange is one word of the file: a bit an order that it has, 32 for each process.  An order reaches it by one atomic addition, which also tells how
 * many it had before: so the most that were ever there together is exact, whoever is killed when.
 *
 * An attempt: reserve; INTENT into the journal; the bit is set (the write).  Or one of the own orders is canceled: the bit is taken, CLOSED into the
 * journal, released.  A start after a kill takes the dead one's seat, adopts every INTENT without a CLOSED of the newest journal that is CHECKED, and is
 * CHECKED itself then; asks the exchange about each, and gives back what it does not have; what it has goes on, and counts. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "journal/journal.h"
#include "risk/gate.h"
#include "shm/segment.h"

#define ONE INT64_C(100000000)
#define SLOTS 32 /* orders that one process may have open */
#define SYMBOL "BTCUSDT.BINANCE"

/* behind the risk segment in the file */
typedef struct {
    uint64_t open;        /* a bit an order */
    uint64_t most;        /* orders that it ever had together */
    uint64_t placed[2];
    uint64_t attempts[2];
    uint64_t refused[2];
} exchange_t;

static uint8_t *mem;
static uint64_t risk_sz;
static exchange_t *exchange;
static aats_risk_view_t risk;
static uint64_t limit;

static void die(char const *what)
{
    fprintf(stderr, "risk_racer: %s\n", what);
    exit(2);
}

static void map(char const *path, int make)
{
    risk_sz = ((uint64_t)aats_risk_size(2, 1, 2, 1) + 4095) / 4096 * 4096;
    int const fd = open(path, O_RDWR | (make ? O_CREAT | O_EXCL : 0), 0600);
    if (fd < 0 || (make && ftruncate(fd, (off_t)(risk_sz + 4096)) != 0)) die(path);
    mem = mmap(NULL, risk_sz + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mem == MAP_FAILED) die("mmap");
    exchange = (exchange_t *)(void *)(mem + risk_sz);
}

static void attach(void)
{
    char why[300] = "";
    if (aats_risk_attach(mem, risk_sz, &risk, why, sizeof why) != AATS_OK) die(why);
    aats_rlimits_t row;
    aats_risk_row_read(&risk, 0, &row);
    limit = (uint64_t)row.open_orders;
}

static int make(char const *path, char const *orders)
{
    map(path, 1);
    aats_rlimits_t const host = {.open_orders = atoll(orders), .any_book = 1};
    aats_rlimits_t const symbol = {.position = atoll(orders) * ONE};
    int code = aats_seg_init(mem, risk_sz, AATS_KIND_RISK, "host", 1, aats_ident_self(), 1, "5b1d4a3e-7f6c-4c1e-9d2a-0c8f1e2d3b4a", "1.0.0");
    if (code == AATS_OK) code = aats_risk_init(mem, risk_sz, 2, 1, 2, 1);
    if (code != AATS_OK) die("no segment");
    aats_seg_ready(mem);
    attach();
    aats_risk_row_put(&risk, 0, &host);
    aats_risk_row_put(&risk, (uint32_t)aats_risk_row(&risk, AATS_SCOPE_SYMBOL, SYMBOL, 1), &symbol);
    return 0;
}

static int look(void)
{
    attach();
    static aats_seat_t const nobody;
    aats_rcell_t cell[2] = {{0}, {0}};
    aats_seat_t const *seat[2] = {&nobody, &nobody};
    for (int i = 0; i < 2; i++) {
        char const name[] = {'r', 'a', 'c', 'e', 'r', (char)('0' + i), 0};
        int const at = aats_seat_find(&risk, name, "BINANCE-1");
        if (at < 0) continue;
        aats_cell_read(&risk, (uint32_t)at, 0, &cell[i]);
        seat[i] = &risk.seats[at];
    }
    uint64_t const open = aats_load_acquire(&exchange->open);
    printf("{\"limit\": %llu, \"most\": %llu, \"open\": [%d, %d], \"counted\": [%lld, %lld], \"buying\": [%lld, %lld], \"seats\": [%lld, %lld], \"attempts\": [%llu, %llu], "
           "\"placed\": [%llu, %llu], \"refused\": [%llu, %llu]}\n",
           (unsigned long long)limit, (unsigned long long)exchange->most, __builtin_popcount((uint32_t)open), __builtin_popcount((uint32_t)(open >> SLOTS)),
           (long long)cell[0].open_cnt, (long long)cell[1].open_cnt, (long long)(cell[0].buy_i / ONE), (long long)(cell[1].buy_i / ONE),
           (long long)seat[0]->open_cnt, (long long)seat[1]->open_cnt, (unsigned long long)exchange->attempts[0],
           (unsigned long long)exchange->attempts[1], (unsigned long long)exchange->placed[0], (unsigned long long)exchange->placed[1],
           (unsigned long long)exchange->refused[0], (unsigned long long)exchange->refused[1]);
    return 0;
}

/* ---- one process ---- */

static int who;
static aats_gate_t *gate;
static aats_journal_t *journal;
static aats_order_t orders[SLOTS]; /* by slot; order_id 0: none */
static int64_t next_id = 1;
static char const *step_of_death = "";

static void step(char const *name)
{
    if (strcmp(step_of_death, name) == 0) kill(getpid(), SIGKILL);
}

static uint64_t bit_of(int slot) { return (uint64_t)1 << (who * SLOTS + slot); }

static aats_order_t order_in(int slot)
{
    aats_order_t o = {.order_id = next_id++, .side = AATS_SIDE_BUY, .px_exp = -8, .qty_exp = -8, .px_i = 100 * ONE, .qty_i = ONE};
    o.client_no = slot; /* where it is at the exchange */
    return o;
}

static void put(int kind, aats_order_t const *o)
{
    if (aats_journal_put(journal, kind, o->order_id, o, sizeof *o, aats_now_ns()) != AATS_OK) die(aats_journal_error(journal));
}

static void place(int slot)
{
    aats_order_t const o = order_in(slot);
    aats_add_relaxed(&exchange->attempts[who], 1);
    if (aats_gate_reserve(gate, 0, &o, NULL, aats_now_ns(), aats_mono_ns(), NULL, 0) != AATS_OC_NONE) {
        aats_add_relaxed(&exchange->refused[who], 1);
        return;
    }
    step("reserved");
    put(AATS_JR_INTENT, &o);
    step("journaled");
    uint64_t const before = aats_fetch_add(&exchange->open, bit_of(slot)), cnt = (uint64_t)__builtin_popcountll(before) + 1;
    step("written");
    for (uint64_t most; cnt > (most = aats_load_relaxed(&exchange->most)) && !aats_cas(&exchange->most, most, cnt);) {}
    aats_add_relaxed(&exchange->placed[who], 1);
    orders[slot] = o;
}

static void cancel(int slot)
{
    aats_fetch_add(&exchange->open, 0 - bit_of(slot));
    step("gone");
    put(AATS_JR_TOLD, &orders[slot]);
    step("told");
    aats_gate_release(gate, 0, &orders[slot]);
    step("released");
    orders[slot].order_id = 0;
}

/* read_journal leaves in orders what a run announced and did not see end; 0: it never came to its CHECKED, the one before it counts. */
static int read_journal(char const *path)
{
    int const fd = open(path, O_RDONLY);
    struct stat about;
    if (fd < 0) return 0; /* killed before it had one */
    uint8_t const *bytes = fstat(fd, &about) != 0 || about.st_size == 0 ? NULL : mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == NULL) return 0;
    size_t at = 0, n;
    aats_jrec_t head = {0};
    void const *payload;
    int checked = 0;
    memset(orders, 0, sizeof orders);
    while (aats_journal_next(bytes, (size_t)about.st_size, &at, &head, &payload, &n) == 1) {
        aats_order_t o;
        checked |= head.kind == AATS_JR_CHECKED;
        if (head.kind != AATS_JR_INTENT && head.kind != AATS_JR_TOLD) continue;
        memcpy(&o, payload, sizeof o);
        orders[o.client_no] = o;
        if (head.kind == AATS_JR_TOLD) orders[o.client_no].order_id = 0;
    }
    if (!checked) memset(orders, 0, sizeof orders);
    return checked;
}

/* adopt_left goes on with the orders of the runs before: all of them count; then the exchange is asked. */
static void adopt_left(char **paths, int cnt)
{
    for (int i = 0; i < cnt && !read_journal(paths[i]); i++) {}
    for (int slot = 0; slot < SLOTS; slot++) {
        if (orders[slot].order_id == 0) continue;
        orders[slot].order_id = next_id++;
        put(AATS_JR_INTENT, &orders[slot]);
        aats_gate_adopt(gate, 0, &orders[slot]);
    }
    step("adopted");
    if (aats_journal_checked(journal, aats_now_ns()) != AATS_OK) die(aats_journal_error(journal));
    aats_gate_settled(gate);
    step("settled");
    for (int slot = 0; slot < SLOTS; slot++) {
        if (orders[slot].order_id == 0 || (aats_load_acquire(&exchange->open) & bit_of(slot)) != 0) continue;
        put(AATS_JR_TOLD, &orders[slot]); /* it never arrived */
        aats_gate_release(gate, 0, &orders[slot]);
        orders[slot].order_id = 0;
    }
    step("resolved");
}

static int run(char **words, int cnt)
{
    char why[300] = "";
    who = atoi(words[0]);
    uint64_t const self = aats_ident_self();
    uint64_t x = (uint64_t)atoll(words[2]) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    int64_t const attempts = atoll(words[1]);
    step_of_death = words[3];
    attach();

    aats_seat_t seat = {.instance = (uint64_t)atoll(words[2]), .mode = AATS_MODE_SIM, .account = "BINANCE-1"};
    snprintf(seat.name, sizeof seat.name, "racer%d", who);
    int const known = aats_seat_find(&risk, seat.name, seat.account);
    uint64_t const word = known < 0 ? 0 : aats_load_acquire(&risk.seats[known].owner);
    int const at = aats_seat_take(&risk, self, &seat, word != 0 && !aats_proc_alive(word) ? word : 0, 0);
    if (at < 0) die(aats_err_name(at));
    step("seated");
    gate = aats_gate_new(mem, risk_sz, (uint32_t)at, self, why, sizeof why);
    if (gate == NULL) die(why);
    aats_rules_t const rules = {.symbol = SYMBOL, .base = "BTC", .quote = "USDT", .px_exp = -8, .qty_exp = -8};
    if (aats_gate_symbol(gate, &rules, AATS_MODE_SIM) != 0) die("no symbol");
    journal = aats_journal_open(words[4], seat.instance, "racer", AATS_SYNC_NEVER, aats_now_ns(), why, sizeof why);
    if (journal == NULL) die(why);
    adopt_left(words + 5, cnt - 5);

    for (int64_t i = 0; i < attempts;) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int const slot = (int)(x >> 59); /* of 32 */
        if (orders[slot].order_id != 0) {
            cancel(slot);
        } else {
            place(slot);
            i++;
        }
    }
    return 0; /* its orders stay where they are, and its seat is a dead one's */
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "make") == 0) return make(argv[2], argv[3]);
    if (argc < 3) die("make | run | look");
    map(argv[2], 0);
    if (strcmp(argv[1], "look") == 0) return look();
    if (strcmp(argv[1], "run") == 0 && argc >= 8) return run(argv + 3, argc - 3);
    die("make | run | look");
    return 2;
}
