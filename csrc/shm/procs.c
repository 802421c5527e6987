/* procs.c -- identity words and /proc/PID/stat; see procs.h. */
#include "shm/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/errors.h"

#define PID_BITS   22
#define TICKS_BITS 34
#define STATE_BITS 8
#define MASK(bits) (((uint64_t)1 << (bits)) - 1)

uint64_t aats_ident(uint64_t pid, uint64_t start_ticks)
{
    if (pid == 0 || pid > MASK(PID_BITS)) return 0;
    return pid << (TICKS_BITS + STATE_BITS) | (start_ticks & MASK(TICKS_BITS)) << STATE_BITS;
}

uint64_t aats_ident_pid(uint64_t word)              { return word >> (TICKS_BITS + STATE_BITS); }
uint64_t aats_ident_start_ticks(uint64_t word)      { return word >> STATE_BITS & MASK(TICKS_BITS); }
uint64_t aats_ident_state(uint64_t word)            { return word & MASK(STATE_BITS); }
uint64_t aats_ident_bare(uint64_t word)             { return word & ~MASK(STATE_BITS); }
uint64_t aats_ident_with(uint64_t word, int state)  { return aats_ident_bare(word) | ((uint64_t)state & MASK(STATE_BITS)); }

uint64_t aats_ident_self(void)
{
    uint64_t const pid = (uint64_t)getpid();
    uint64_t ticks;
    return aats_proc_start_ticks(pid, &ticks) == AATS_OK ? aats_ident(pid, ticks) : 0;
}

int aats_proc_parse_stat(char const *text, size_t len, char *state, uint64_t *start_ticks)
{
    size_t at = len;
    while (at > 0 && text[at - 1] != ')') at--; /* the name may hold anything: its end is the last one */
    if (at == 0 || at + 2 > len || text[at] != ' ') return AATS_E_SYNTAX;
    at++;
    *state = text[at];
    for (int field = 3; field < 22; field++) {
        while (at < len && text[at] != ' ') at++;
        if (at == len) return AATS_E_SYNTAX;
        at++;
    }
    uint64_t ticks = 0;
    size_t const first = at;
    while (at < len && text[at] >= '0' && text[at] <= '9' && at - first < 19) ticks = ticks * 10 + (uint64_t)(text[at++] - '0');
    if (at == first || (at < len && text[at] != ' ' && text[at] != '\n')) return AATS_E_SYNTAX;
    *start_ticks = ticks;
    return AATS_OK;
}

int aats_proc_start_ticks(uint64_t pid, uint64_t *start_ticks)
{
    char path[40], text[1024];
    if (pid == 0 || pid > MASK(PID_BITS)) return AATS_E_DEAD;
    snprintf(path, sizeof path, "/proc/%u/stat", (unsigned)pid);

    int const fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ESRCH ? AATS_E_DEAD : AATS_E_IO;
    ssize_t const got = read(fd, text, sizeof text);
    int const gone = got < 0 && errno == ESRCH; /* it ended between open and read */
    close(fd);
    if (gone) return AATS_E_DEAD;

    char state;
    if (got <= 0 || aats_proc_parse_stat(text, (size_t)got, &state, start_ticks) != AATS_OK) return AATS_E_IO;
    return state == 'Z' || state == 'X' || state == 'x' ? AATS_E_DEAD : AATS_OK;
}

int aats_proc_alive(uint64_t word)
{
    uint64_t ticks;
    int const code = aats_proc_start_ticks(aats_ident_pid(word), &ticks);
    if (code == AATS_E_DEAD) return 0;
    if (code != AATS_OK) return 1;
    return (ticks & MASK(TICKS_BITS)) == aats_ident_start_ticks(word);
}
