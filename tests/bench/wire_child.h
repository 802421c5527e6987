/* wire_child.h -- what bench_wire.c and bench_venue_wire.c have beside the client: options, how it ends, the frames that are played, and the server (wire.c) as
 * its child.
 *
 * For: these two, as their first header: it takes wire.c in.  The folder `dir` holds certificate, stamps and frames, and is gone when the program ends. */
#ifndef AATS_BENCH_WIRE_CHILD_H
#define AATS_BENCH_WIRE_CHILD_H

#define WIRE_INCLUDED 1
#include "wire.c"

#include <errno.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "shm/clock.h"
#include "traffic.h"

static struct {
    int quick, plain, rounds, level_num;
    int server_core, client_core;
    char const *frames, *rows[2]; /* rows: those under way */
    jmp_buf back;
    char dir[128];
    traffic_t recorded, traffic;
    uint64_t msg_cnt; /* texts in `traffic` */
    uint32_t sym_cnt;
    /* the server */
    pid_t pid;
    uint16_t port;
    char ca[160], stamps_path[160], frames_path[4096];
    wire_stamps_t *stamps;
} b;

static void tidy(void)
{
    unlink(b.ca);
    unlink(b.stamps_path);
    unlink(b.frames_path);
    rmdir(b.dir);
}

static __attribute__((noreturn)) void die(char const *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    if (b.pid > 0) kill(b.pid, SIGKILL);
    tidy();
    exit(1);
}

/* unfit goes back to main: the recording is not one that the rows under way can be measured with, which they say.  With made traffic it is as die. */
__attribute__((unused)) static __attribute__((noreturn)) void unfit(char const *why)
{
    if (!b.frames) die(why);
    for (int i = 0; i < 2; i++)
        if (b.rows[i]) printf("{\"row\":\"%s\",\"who\":\"aats\",\"value\":null,\"why\":\"%s\"}\n", b.rows[i], why);
    longjmp(b.back, 1);
}

static void on_signal(int sig)
{
    tidy();
    _exit(128 + sig); /* the server ends with its parent */
}

/* set_up reads --quick and --cores, makes the folder, and moves to the client's core. */
static void set_up(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) b.quick |= !strcmp(argv[i], "--quick");
    b.client_core = 1;
    if (sscanf(wire_arg(argc, argv, "--cores", "0,1"), "%d,%d", &b.server_core, &b.client_core) != 2) die("--cores SERVER,CLIENT");
    char const *tmp = getenv("TMPDIR");
    if (snprintf(b.dir, sizeof b.dir, "%s/aats-wire-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= (int)sizeof b.dir) die("TMPDIR is too long");
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (!mkdtemp(b.dir)) die("no folder");
    snprintf(b.ca, sizeof b.ca, "%s/ca.pem", b.dir);
    snprintf(b.stamps_path, sizeof b.stamps_path, "%s/stamps", b.dir);
    aats_clock_local();
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)b.client_core, &set);
    sched_setaffinity(0, sizeof set, &set); /* a core that is not there: it runs where it may */
}

/* ---- the frames ---- */

/* frames_make writes what the server plays: made messages, or of the recording what the rows are about. */
__attribute__((unused)) static void frames_make(int depth_only)
{
    traffic_frame_t f;
    traffic_free(&b.traffic);
    b.msg_cnt = b.sym_cnt = 0;
    if (b.frames) {
        for (size_t at = 0; traffic_next(&b.recorded, &at, &f) == 1;) {
            int const stream = traffic_is(&f, "@depth") || (!depth_only && (traffic_is(&f, "@bookTicker") || traffic_is(&f, "@trade")));
            if (stream || f.kind == TRAFFIC_REST) traffic_add(&b.traffic, f.kind, f.sym, f.bytes, f.len);
        }
    } else {
        traffic_opts_t o = traffic_defaults();
        o.msgs = 4096;
        traffic_make(&b.traffic, &o);
    }
    snprintf(b.frames_path, sizeof b.frames_path, "%s/frames", b.dir);
    if (!traffic_write(&b.traffic, b.frames_path)) die("the frames cannot be written");
    for (size_t at = 0; traffic_next(&b.traffic, &at, &f) == 1;) {
        b.msg_cnt += f.kind == TRAFFIC_TEXT;
        if (f.sym >= b.sym_cnt) b.sym_cnt = f.sym + 1;
    }
}

/* ---- the server ---- */

static void server_start(char const *mode)
{
    int out[2];
    char core[16];
    unlink(b.stamps_path); /* the last server's is still mapped */
    if (pipe(out) != 0) die("no pipe");
    snprintf(core, sizeof core, "%d", b.server_core);
    fflush(NULL); /* or the child would print it, too */
    b.pid = fork();
    if (b.pid < 0) die("no child");
    if (b.pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        char *args[] = {"wire", "--frames", b.frames_path, "--mode", (char *)mode, "--stamps", b.stamps_path, "--ca-out", b.ca, "--core", core, NULL};
        exit(wire_main((int)(sizeof args / sizeof args[0]) - 1, args));
    }
    close(out[1]);
    FILE *told = fdopen(out[0], "r");
    unsigned port = 0;
    if (!told || fscanf(told, "{\"port\":%u}", &port) != 1) die("the server did not start");
    b.port = (uint16_t)port;
    fclose(told);
    int const fd = open(b.stamps_path, O_RDWR | O_CLOEXEC);
    b.stamps = mmap(NULL, sizeof *b.stamps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (fd < 0 || b.stamps == MAP_FAILED) die("the stamps file cannot be mapped");
    close(fd);
}

static void server_stop(void)
{
    if (b.pid <= 0) return;
    kill(b.pid, SIGTERM);
    waitpid(b.pid, NULL, 0);
    b.pid = 0;
    munmap(b.stamps, sizeof *b.stamps);
}

static void let_go(uint64_t n) { __atomic_fetch_add(&b.stamps->go, n, __ATOMIC_ACQ_REL); }
__attribute__((unused)) static uint64_t sent(void) { return __atomic_load_n(&b.stamps->sent, __ATOMIC_ACQUIRE); }

#endif
