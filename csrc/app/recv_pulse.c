/* recv_pulse.c -- is a path alive, how old is what it says, and how do the two clocks stand to each other.
 *
 * H1 over the network.  The feed takes its own pulse, then lets all records below `seq` go out, then the beat with that pulse and seq.  Here a beat
 * counts once all records below its seq were delivered (or given up, which made books invalid), and the heartbeat is stored after that.  So whoever sees
 * our heartbeat sees every invalidation that the feed had published before the pulse from which it is made.
 *
 * How old.  A pulse is as old as the beat says, plus its way.  The way cannot be measured one-sidedly, but how much longer than usual it was can:
 * arrived - sent of this message less that of the quickest one of the last minute; and where the clocks were compared (CLOCK), arrived - sent plus the
 * offset less its uncertainty cannot be shorter than the way.  The longer of both is taken off.  What remains unknown is the quickest way itself. */
#include "app/recv_state.h"

#include "base/atomics.h"
#include "shm/stats.h"

#define PART_NS      ((int64_t)10 * NS_S)
#define AGE_MAX_NS   ((int64_t)3600 * NS_S)
#define BACKWARD_MAX 3

void recv_pulse_reset(path_t *p)
{
    p->beat_seq = 0;
    p->backward = 0;
    p->applied_sent_ns = 0;
    p->beat_cnt = 0;
    p->pulse_mono_ns = 0;
    p->feed_state = AATS_STATE_FREE;
    memset(p->link_why, 0, sizeof p->link_why);
}

/* Another host: its clock is another one, and so is the way. */
void recv_pulse_host(path_t *p)
{
    p->has_quick = 0;
    p->best_rtt_ns = -1;
    p->offset_ns = p->pub.offset_ns = p->pub.offset_err_ns = 0;
    for (int i = 0; i < CLOCKS; i++) p->clock_rtt_ns[i] = -1;
}

int64_t recv_pulse_stale_ns(aats_recv_t const *r, path_t const *p)
{
    int64_t ns = p->has_beat ? (int64_t)p->beat.stale_ns : AATS_STALE_NS_DEFAULT;
    if (r->attached && (int64_t)r->view.stale_ns < ns) ns = (int64_t)r->view.stale_ns;
    return ns;
}

/* ---- delays ---- */

static void forget_quick(path_t *p)
{
    for (int i = 0; i < DELAY_PARTS; i++) p->quick_part[i] = -1;
    p->has_quick = 0;
}

static void find_quick(path_t *p, int64_t part)
{
    int64_t min = INT64_MAX;
    for (int i = 0; i < DELAY_PARTS; i++)
        if (p->quick_part[i] > part - DELAY_PARTS && p->quick_part[i] <= part && p->quick_ns[i] < min) min = p->quick_ns[i];
    p->quick_min_ns = min;
}

static int sent_ok(int64_t ns) { return ns > 0 && ns < EPOCH_MAX; }

void recv_pulse_delay(aats_recv_t *r, path_t *p, int64_t sent_ns, int64_t arrived_ns)
{
    if (!sent_ok(sent_ns)) return;
    int64_t const way = arrived_ns - sent_ns, part = r->mono_ns / PART_NS, at = part % DELAY_PARTS;
    if (!p->has_quick) forget_quick(p);
    if (!p->has_quick || p->quick_part[at] != part) {
        p->quick_part[at] = part;
        p->quick_ns[at] = way;
        p->has_quick = 1;
        find_quick(p, part);
    } else if (way < p->quick_ns[at]) {
        p->quick_ns[at] = way;
        if (way < p->quick_min_ns) p->quick_min_ns = way;
    }
    p->pub.delay_ns = way + p->offset_ns;
    if (r->attached) aats_hist_record(&r->view.hists[AATS_HIST_MD_WIRE_A + p->index], p->pub.delay_ns);
}

/* How much longer than it need be the way of a message was. */
static int64_t late_by(path_t const *p, int64_t sent_ns, int64_t arrived_ns)
{
    int64_t const way = arrived_ns - sent_ns;
    int64_t late = p->has_quick ? way - p->quick_min_ns : 0;
    if (p->best_rtt_ns >= 0) {
        int64_t const least = way + p->best_off_ns - p->best_rtt_ns / 2;
        if (least > late) late = least;
    }
    return late > 0 ? late : 0;
}

/* ---- clocks ---- */

static void find_best(aats_recv_t *r, path_t *p)
{
    p->best_rtt_ns = -1;
    for (int i = 0; i < CLOCKS; i++) {
        if (p->clock_rtt_ns[i] < 0 || r->mono_ns - p->clock_mono_ns[i] > 60 * (int64_t)NS_S) continue;
        if (p->best_rtt_ns >= 0 && p->clock_rtt_ns[i] >= p->best_rtt_ns) continue;
        p->best_rtt_ns = p->clock_rtt_ns[i];
        p->best_off_ns = p->clock_off_ns[i];
    }
    int64_t const err = p->best_rtt_ns / 2, off = p->best_off_ns;
    p->offset_ns = p->best_rtt_ns < 0 || (off <= err && -off <= err) ? 0 : off;
    p->pub.offset_ns = p->offset_ns;
    p->pub.offset_err_ns = p->best_rtt_ns < 0 ? 0 : err > 0 ? err : 1;
}

void recv_pulse_clock(aats_recv_t *r, path_t *p, aats_wire_clock_t const *c, int64_t arrived_ns)
{
    if (!p->clock_asked_ns || c->asked_ns != p->clock_asked_ns) return;
    p->clock_asked_ns = 0;
    if (!sent_ok(c->received_ns) || !sent_ok(c->answered_ns) || c->answered_ns < c->received_ns) return;
    int64_t const rtt = (arrived_ns - c->asked_ns) - (c->answered_ns - c->received_ns);
    int64_t const off = ((c->received_ns - c->asked_ns) + (c->answered_ns - arrived_ns)) / 2;
    if (rtt < 0 || rtt > 60 * (int64_t)NS_S) return;
    /* An earlier exchange that contradicts this one was made before a clock was set: it counts no more. */
    if (p->best_rtt_ns >= 0) {
        int64_t const apart = off > p->best_off_ns ? off - p->best_off_ns : p->best_off_ns - off;
        if (apart > rtt / 2 + p->best_rtt_ns / 2 + 10 * NS_MS) {
            for (int i = 0; i < CLOCKS; i++) p->clock_rtt_ns[i] = -1;
            forget_quick(p);
        }
    }
    uint32_t const at = p->clock_at++ % CLOCKS;
    p->clock_mono_ns[at] = r->mono_ns;
    p->clock_off_ns[at] = off;
    p->clock_rtt_ns[at] = rtt;
    find_best(r, p);
    p->dirty = 1;
}

/* ---- beats ---- */

static void apply(aats_recv_t *r, path_t *p, beat_t const *b)
{
    int64_t const after = b->sent_ns - p->applied_sent_ns;
    if (after < 0 && after > -(int64_t)NS_S) return; /* an older one that came late; by more, the feed's clock was set */
    p->applied_sent_ns = b->sent_ns;
    p->pulse_mono_ns = b->pulse_mono_ns;
    p->feed_state = b->said.state;
    recv_dir_links(r, p, b->said.links);
}

void recv_pulse_reached(aats_recv_t *r, path_t *p)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < p->beat_cnt; i++) {
        if (p->beats[i].seq <= p->next) apply(r, p, &p->beats[i]);
        else if (left != i) p->beats[left++] = p->beats[i];
        else left++;
    }
    p->beat_cnt = left;
}

/* The monotonic time of an arrival that was stamped in epoch time. */
static int64_t arrival(aats_recv_t const *r, int64_t arrived_ns)
{
    int64_t const ago = r->now_ns - arrived_ns;
    if (ago > 60 * (int64_t)NS_S || ago < -(int64_t)NS_S) return r->mono_ns; /* a clock was set */
    return r->mono_ns + (ago < 0 ? -ago : 0) - (ago > 0 ? ago : 0);
}

void recv_pulse_beat(aats_recv_t *r, path_t *p, aats_wire_t const *head, int64_t arrived_ns, aats_wire_beat_t const *said, int by)
{
    uint64_t const seq = head->seq;
    if (!r->attached || seq > SEQ_MAX || !sent_ok(head->sent_ns)) return;
    p->beat_seq = seq;
    int64_t age = said->feed_age_ns;
    if (age < 0) age = 0;
    if (age > AGE_MAX_NS) age = AGE_MAX_NS;
    beat_t b = {.seq = seq, .sent_ns = head->sent_ns, .said = *said};
    b.pulse_mono_ns = arrival(r, arrived_ns) - age - late_by(p, head->sent_ns, arrived_ns);
    /* A snapshot may have waited for us, and of its way nothing else may be known yet; but it was made after it was asked for. */
    if (p->snap == SNAP_COMING && b.pulse_mono_ns > p->snap_mono_ns - age) b.pulse_mono_ns = p->snap_mono_ns - age;
    if (!p->joined) {
        if (p->snap == SNAP_COMING) p->beats[0] = b, p->beat_cnt = 1; /* it counts when the snapshot has ended */
        return;
    }
    /* Records that are ahead of a beat sent after them were not this feed's. */
    p->backward = by == BY_DATAGRAM && seq < p->next && head->sent_ns > p->top_sent_ns ? p->backward + 1 : 0;
    if (p->backward >= BACKWARD_MAX) {
        recv_say(r, 1, "%s: record numbers went back; joins again", p->pub.addr);
        recv_rejoin(r, p);
        p->again = 1;
        return;
    }
    if (p->backward) return;
    recv_path_top(r, p, seq);
    if (seq <= p->next) apply(r, p, &b);
    else if (p->beat_cnt < BEATS) p->beats[p->beat_cnt++] = b;
}

/* ---- up and down ---- */

static char const *down_why(aats_recv_t const *r, path_t const *p)
{
    if (p->ended) return "the connection has ended";
    if (p->feed_state != AATS_STATE_RUN) return "its feed stops";
    return r->mono_ns - p->pulse_mono_ns > recv_pulse_stale_ns(r, p) ? "nothing is heard of its feed" : NULL;
}

/* recv_pulse_end lets the path come and go: books first, then its link, then (by the caller) the heartbeat. */
void recv_pulse_end(aats_recv_t *r, path_t *p)
{
    if (!r->attached || r->stopping) return;
    aats_link_t *link = &r->view.md->links[p->index];
    char const *down = !p->joined || !p->pulse_mono_ns ? "" : down_why(r, p);
    if (p->up && down) {
        p->up = 0;
        p->dirty = 1;
        p->pub.invalid++;
        recv_dir_judge_all(r, p);
        recv_merge_link(r, p, 0);
        recv_say(r, 1, "%s: %s; its books are not good", p->pub.addr, down[0] ? down : "joins again");
    } else if (!p->up && !down) {
        p->up = 1;
        p->dirty = 1;
        recv_dir_judge_all(r, p);
        recv_merge_link(r, p, 1);
        recv_say(r, 0, "%s: feed %s is up, records from number %llu on", p->pub.addr, p->pub.feed, (unsigned long long)p->next);
    }
    if (p->up) aats_store_release(&link->heard_mono_ns, (uint64_t)p->pulse_mono_ns); /* H1 */
}
