"""The supervisor's rules, as a step function over seats that only exist here; and the way that keys take to it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import socket
from pathlib import Path

import pytest

from aats import config
from aats._ffi import ffi, lib
from aats.errors import ConfigError, ControlError
from aats.layout import Mode
from aats.supervisor import WINDOW_NS, Job, Supervisor
from aats.supervisor_keys import FRAME_MAX, Inbox, Locked, address, peer_of, reach, send_keys, send_line, take_line
from aats.supervisor_link import SupervisorLink, Watched, wanted
from aats.supervisor_ring import KeyRing
from tests.seats import MS, SECOND, SUPERVISOR, Fake, Seats

KEY, SECRET = "the-key-of-the-test", "the-secret-of-the-test"
ACCOUNT = "binance-" + hashlib.sha256(KEY.encode()).hexdigest()[:8]
MAKER, AGAIN = int(lib.aats_ident(1001, 11)), int(lib.aats_ident(1002, 12))


class World:
    """A supervisor, its seats, and time."""

    def __init__(self) -> None:
        self.seats, self.fake = Seats(), Fake()
        self.mono_ns = 1000 * SECOND
        self.supervisor = Supervisor(self.seats.view, SUPERVISOR, self.fake)

    def run(self, ns: int) -> None:
        """Let time go by in steps of the supervisor's own loop."""
        end = self.mono_ns + ns
        while self.mono_ns < end:
            self.mono_ns = min(end, self.mono_ns + 20 * MS)
            self.supervisor.step(self.mono_ns, self.mono_ns)

    def die(self, owner: int = MAKER) -> None:
        self.fake.dead.add(owner)


@pytest.fixture
def world() -> World:
    return World()


# ------------------------------------------------------------------------------------------------- what it leaves alone


def test_a_process_that_runs_is_left_alone_even_if_its_loop_is_slow(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    for _ in range(20):
        world.seats.beat(at, world.mono_ns)
        world.run(900 * MS)
    assert world.seats.owner(at) == lib.aats_ident_with(MAKER, lib.AATS_SEAT_LIVE) and not world.fake.begun
    assert world.supervisor.watched == 1 and world.supervisor.detail == "watches 1"


def test_without_a_beat_ever_or_a_limit_nobody_hangs(world: World) -> None:
    never = world.seats.take(MAKER, "never", hang_ms=1000)
    unbound = world.seats.take(AGAIN, "unbound", hang_ms=0)
    world.seats.beat(unbound, world.mono_ns)
    world.run(100 * SECOND)
    assert [world.seats.state(at) for at in (never, unbound)] == [lib.AATS_SEAT_LIVE] * 2


def test_a_process_that_starts_or_leaves_may_be_silent_longer(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    world.seats.beat(at, world.mono_ns)
    world.fake.slow.add(MAKER)
    world.run(59 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(2 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING


def test_orders_are_kept_where_that_is_asked_for_and_it_is_said_once(world: World) -> None:
    at = world.seats.take(MAKER, on_death=lib.AATS_DEATH_KEEP)
    sym = world.seats.symbol()
    world.seats.cell(at, sym, buy_i=5, open_cnt=1)
    world.die()
    world.run(30 * SECOND)
    assert world.seats.owner(at) == lib.aats_ident_with(MAKER, lib.AATS_SEAT_LIVE) and not world.fake.begun
    assert world.seats.cell(at, sym).buy_i == 5
    assert len(world.fake.said) == 1 and "kept" in world.fake.said[0][1]


def test_a_supervisor_that_was_stopped_itself_blames_nobody_for_the_time_it_did_not_see(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    world.run(SECOND)
    world.seats.beat(at, world.mono_ns)
    world.mono_ns += 60 * SECOND  # the machine slept, all of it
    world.run(900 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING


# ------------------------------------------------------------------------------------------------------- grace and claim


def test_a_dead_process_has_its_grace_and_not_a_moment_more(world: World) -> None:
    at = world.seats.take(MAKER, grace_ms=2000)
    world.run(SECOND)
    world.die()
    world.run(1980 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(100 * MS)
    assert world.seats.owner(at) == lib.aats_ident_with(SUPERVISOR, lib.AATS_SEAT_CLEARING)
    assert [one.job.name for one in world.fake.begun] == ["maker"]


def test_a_restart_inside_the_grace_has_the_seat_and_its_own_grace(world: World) -> None:
    at = world.seats.take(MAKER, grace_ms=2000)
    world.die()
    world.run(1900 * MS)
    assert world.seats.take(AGAIN, instance=2, grace_ms=2000, dead=world.seats.owner(at)) == at
    world.run(10 * SECOND)
    assert world.seats.owner(at) == lib.aats_ident_with(AGAIN, lib.AATS_SEAT_LIVE) and not world.fake.begun
    world.die(AGAIN)
    world.run(1900 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(200 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING and world.fake.begun[0].job.instance == 2


def test_of_a_restart_and_the_supervisor_exactly_one_has_the_seat(world: World) -> None:
    at = world.seats.take(MAKER)
    seen = world.seats.owner(at)
    world.die()
    world.run(100 * MS)  # it has claimed
    assert world.seats.take(AGAIN, instance=2, dead=seen) == lib.AATS_E_BUSY
    world.fake.begun[0].clean = True
    world.run(100 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE
    assert world.seats.take(AGAIN, instance=2) >= 0


def test_a_restart_that_comes_between_the_look_and_the_claim_has_the_seat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = world.seats.take(MAKER)
    seen = world.seats.owner(at)
    took = []

    def restarted(job: Job) -> str:
        took.append(world.seats.take(AGAIN, instance=2, dead=seen))
        return ""

    monkeypatch.setattr(world.fake, "lacks", restarted)
    world.die()
    world.run(SECOND)
    assert took == [at] and not world.fake.begun
    assert world.seats.owner(at) == lib.aats_ident_with(AGAIN, lib.AATS_SEAT_LIVE)


def test_a_hung_process_is_fenced_after_hang_and_grace(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000, grace_ms=500)
    world.seats.beat(at, world.mono_ns)
    world.fake.there.add(1)
    world.run(1400 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(200 * MS)
    assert world.seats.owner(at) == lib.aats_ident_with(SUPERVISOR, lib.AATS_SEAT_CLEARING)
    assert "hung" in world.fake.said[0][1]


def test_a_hung_process_that_goes_on_in_its_grace_keeps_its_seat(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000, grace_ms=1000)
    world.seats.beat(at, world.mono_ns)
    world.run(1500 * MS)
    world.seats.beat(at, world.mono_ns)
    world.run(900 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE and not world.fake.begun


# -------------------------------------------------------------------------------------------------------------- clearing


def test_when_nothing_is_open_the_seat_is_free_and_nothing_of_it_counts(world: World) -> None:
    at, sym = world.seats.take(MAKER), world.seats.symbol()
    world.seats.cell(at, sym, buy_i=7, sell_i=3, open_cnt=4, exposure_i=100)
    world.die()
    world.run(SECOND)
    assert world.seats.cell(at, sym).buy_i == 7, "what is reserved counts until the venue's word is in"
    assert world.fake.begun[0].job == Job(at, "maker", "binance-0badcafe", int(Mode.SIM), 1, ("BTCUSDT.BINANCE",))
    world.fake.begun[0].clean = True
    world.run(100 * MS)
    cell = world.seats.cell(at, sym)
    assert (cell.buy_i, cell.sell_i, cell.open_cnt, cell.exposure_i, cell.pos_i) == (0, 0, 0, 0, 0)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE and world.fake.begun[0].closed and not world.supervisor.busy


def test_a_position_stays_with_the_fills_that_the_process_never_saw(world: World) -> None:
    at, sym = world.seats.take(MAKER), world.seats.symbol(mark_px_i=50_000 * 10**8)
    world.seats.cell(at, sym, pos_i=2 * 10**8, buy_i=10**8, open_cnt=1)
    world.die()
    world.run(100 * MS)
    world.fake.begun[0].moved, world.fake.begun[0].clean = 10**8, True
    world.run(100 * MS)
    cell = world.seats.cell(at, sym)
    assert (cell.pos_i, cell.buy_i, cell.open_cnt) == (3 * 10**8, 0, 0)
    assert cell.exposure_i == 150_000 * 10**8
    assert world.seats.state(at) == lib.AATS_SEAT_PARKED


def test_without_a_key_it_claims_nothing_so_that_a_restart_need_not_wait(world: World) -> None:
    at = world.seats.take(MAKER)
    world.fake.missing = "no key of account binance-0badcafe is here"
    world.die()
    world.run(30 * SECOND)
    assert world.seats.owner(at) == lib.aats_ident_with(MAKER, lib.AATS_SEAT_LIVE) and not world.fake.begun
    assert "maker on binance-0badcafe is not cleared: no key" in world.supervisor.detail
    assert [level for level, _ in world.fake.said] == [2], "said once, as an error"
    world.fake.missing = ""  # another process of the account has brought it
    world.run(SECOND)
    assert len(world.fake.begun) == 1 and "no key" not in world.supervisor.detail


def test_a_seat_of_paper_is_freed_without_a_venue(world: World) -> None:
    at, sym = world.seats.take(MAKER, mode=Mode.PAPER, hang_ms=1000), world.seats.symbol()
    world.seats.cell(at, sym, pos_i=5, buy_i=7, open_cnt=1)
    world.seats.beat(at, world.mono_ns)
    world.run(10 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE, "nobody is hurt by one that hangs"
    world.die()
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE and not world.fake.begun


def test_a_seat_that_was_being_taken_or_given_back_by_the_dead_is_freed(world: World) -> None:
    at = world.seats.take(MAKER)
    world.seats.view.seats[at].owner = lib.aats_ident_with(MAKER, lib.AATS_SEAT_BOOT)
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_BOOT, "it lives"
    world.die()
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE and not world.fake.begun


def test_a_key_that_has_changed_is_taken_up_at_once(world: World) -> None:
    world.seats.take(MAKER)
    world.die()
    world.run(SECOND)
    world.supervisor.renewed("binance-another0")
    world.run(SECOND)
    assert len(world.fake.begun) == 1
    world.supervisor.renewed("binance-0badcafe")
    world.run(SECOND)
    assert len(world.fake.begun) == 2 and world.fake.begun[0].closed


def test_it_never_gives_up_and_says_what_keeps_it(world: World) -> None:
    world.seats.take(MAKER)
    world.fake.refuse = "no key of that account is here"
    world.die()
    world.run(60 * SECOND)
    assert "no key of that account is here" in world.supervisor.detail
    assert [level for level, _ in world.fake.said] == [1, 2], "said once, not at each attempt"
    world.fake.refuse = ""
    world.run(9 * SECOND)
    assert len(world.fake.begun) == 1


def test_a_fault_of_its_own_with_one_seat_costs_no_other_its_watch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.seats.take(MAKER)
    other = world.seats.take(AGAIN, "other", instance=2)
    world.die()
    world.run(100 * MS)
    monkeypatch.setattr(world.fake.begun[0], "step", lambda *_: 1 // 0)
    world.run(SECOND)
    assert world.fake.begun[0].closed and "ZeroDivisionError" in world.fake.said[-1][1]
    world.die(AGAIN)
    world.run(100 * MS)
    assert world.seats.state(other) == lib.AATS_SEAT_CLEARING
    assert [one.job.instance for one in world.fake.begun] == [1, 1, 2], "and it is tried again itself"


def test_several_that_die_at_once_are_cleared_side_by_side(world: World) -> None:
    owners = [int(lib.aats_ident(2000 + i, i + 1)) for i in range(4)]
    ats = [world.seats.take(owner, f"s{i}", instance=10 + i) for i, owner in enumerate(owners)]
    for owner in owners:
        world.die(owner)
    world.run(100 * MS)
    assert sorted(one.job.instance for one in world.fake.begun) == [10, 11, 12, 13]
    for one in world.fake.begun[1:]:
        one.clean = True
    world.run(100 * MS)
    first = world.fake.begun[0].job.at
    assert all(world.seats.state(at) == (lib.AATS_SEAT_CLEARING if at == first else lib.AATS_SEAT_FREE) for at in ats)


def test_the_orders_of_a_stopped_process_are_looked_at_until_it_is_fenced_and_the_window_is_over(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    world.seats.beat(at, world.mono_ns)
    world.fake.there.add(1)
    world.run(2 * SECOND)
    clearing = world.fake.begun[0]
    for _ in range(30):
        clearing.clean = True
        world.run(SECOND)
        assert world.seats.state(at) == lib.AATS_SEAT_CLEARING
    looks = clearing.looks
    assert looks >= 4, "it goes on looking while the process may wake"
    world.seats.view.seats[at].fenced = 1
    fenced_ns = world.mono_ns
    while world.seats.state(at) == lib.AATS_SEAT_CLEARING and world.mono_ns < fenced_ns + 20 * SECOND:
        clearing.clean = True
        world.run(20 * MS)
    assert world.mono_ns - fenced_ns >= WINDOW_NS and clearing.looks > looks, "the last look came after the window"
    assert world.seats.state(at) == lib.AATS_SEAT_FREE


def test_an_order_that_may_still_be_on_its_way_is_waited_for(world: World) -> None:
    at = world.seats.take(MAKER)
    world.die()
    world.run(100 * MS)
    clearing = world.fake.begun[0]
    clearing.doubtful = True
    begin_ns = world.mono_ns
    while world.seats.state(at) == lib.AATS_SEAT_CLEARING and world.mono_ns < begin_ns + 20 * SECOND:
        clearing.clean = True
        world.run(20 * MS)
    assert world.mono_ns - begin_ns >= WINDOW_NS - 200 * MS and clearing.looks >= 2


def test_the_next_supervisor_goes_on_where_one_was_killed(world: World) -> None:
    at = world.seats.take(MAKER, grace_ms=5000)
    world.die()
    world.run(6 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING
    other = int(lib.aats_ident(78, 9))
    second = Supervisor(world.seats.view, other, world.fake)
    for _ in range(10):
        world.mono_ns += 20 * MS
        second.step(world.mono_ns, world.mono_ns)
    assert world.seats.owner(at) == lib.aats_ident_with(SUPERVISOR, lib.AATS_SEAT_CLEARING), "the first one lives"
    world.die(SUPERVISOR)
    for _ in range(10):
        world.mono_ns += 20 * MS
        second.step(world.mono_ns, world.mono_ns)
    assert world.seats.owner(at) == lib.aats_ident_with(other, lib.AATS_SEAT_CLEARING), "without a second grace"
    world.fake.begun[-1].clean = True
    for _ in range(10):
        world.mono_ns += 20 * MS
        second.step(world.mono_ns, world.mono_ns)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE


# ------------------------------------------------------------------------------------------------------------------ keys


def watched(folder: Path, key: str = KEY) -> Watched:
    return Watched("maker", ACCOUNT, "BINANCE", Mode.SIM, "wss://localhost:1", "", folder, key, SECRET)


def handed_over(one: Watched) -> tuple[KeyRing, Inbox]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_keys(ours, one.head(), one.key, one.secret)
        inbox = Inbox()
        assert inbox.receive(theirs)
    ring = KeyRing()
    frame = inbox.take()
    assert frame is not None
    assert ring.take(*frame)[1] is False
    return ring, inbox


def test_a_key_arrives_whole_and_stands_in_no_repr(tmp_path: Path) -> None:
    one = watched(tmp_path)
    ring, inbox = handed_over(one)
    key = ring.of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ()))
    assert (ffi.string(key.key), ffi.string(key.secret)) == (KEY.encode(), SECRET.encode())
    assert ring.folder(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ())) == tmp_path
    for shown in (repr(one), repr(key), repr(ring), repr(inbox), str(one.head())):
        assert KEY not in shown and SECRET not in shown


def test_what_is_not_needed_any_more_is_overwritten(tmp_path: Path) -> None:
    ring, inbox = handed_over(watched(tmp_path))
    pages = ring.of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ())).pages
    assert SECRET.encode() in bytes(pages.memory)
    ring.drop({"binance-another0"})
    assert not any(bytes(pages.memory))
    assert inbox.take() is None and not any(bytes(inbox._pages.memory)), "the frame, as soon as the next is asked for"
    with pytest.raises(ConfigError, match="no key of account"):
        ring.of(Job(0, "maker", ACCOUNT, int(Mode.DIRECT), 1, ()))


def test_a_secret_or_an_address_that_has_changed_is_noticed(tmp_path: Path) -> None:
    ring = KeyRing()

    def taken(**change: object) -> bool:
        one = dataclasses.replace(watched(tmp_path), **change)  # type: ignore[arg-type]
        raw = ffi.new("char[]", one.key.encode() + b"\0" + one.secret.encode() + b"\0")
        return ring.take(one.head(), raw, len(one.key) + len(one.secret) + 2)[1]

    assert [taken(), taken(), taken(secret="another"), taken(secret="another"), taken(secret="another", wsapi="wss://localhost:2")] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_key_of_another_account_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="not that of account"):
        handed_over(watched(tmp_path, key="another-key"))


@pytest.mark.parametrize("raw", [b"\0\0\0\1x", b"\0\0\0\4\0\2{]", b"\0\0\0\4\xff\xffxx", b"\0\0\0\4\0\x02[]"])
def test_bytes_that_are_no_frame_are_refused(raw: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(raw)
        inbox = Inbox()
        assert inbox.receive(theirs)
        with pytest.raises(ControlError, match="no frame"):
            inbox.take()


def test_a_frame_that_is_too_long_ends_the_line_and_one_in_pieces_is_joined(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="longer than"):
        send_keys(socket.socket(socket.AF_UNIX), {}, "k", "s" * FRAME_MAX)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall((FRAME_MAX + 1).to_bytes(4, "big"))
        assert Inbox().receive(theirs) is False
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_keys(ours, watched(tmp_path).head(), KEY, SECRET)
        raw = theirs.recv(FRAME_MAX)
        inbox = Inbox()
        for at in range(0, len(raw), 7):
            assert inbox.take() is None
            ours.sendall(raw[at : at + 7])
            assert inbox.receive(theirs)
        assert inbox.take() is not None


def test_locked_pages_are_left_out_of_core_dumps_and_swap(tmp_path: Path) -> None:
    pages = Locked(4096)
    at = int(ffi.cast("uintptr_t", pages.pointer))
    blocks = Path("/proc/self/smaps").read_text().split("VmFlags: ")
    heads = [block.rpartition("\n")[2] if False else block for block in blocks]
    for block, flags in zip(heads, heads[1:], strict=False):
        span = next(
            (line.split()[0] for line in reversed(block.splitlines()) if "-" in line.split(" ")[0] and not line.startswith("Vm")), ""
        )
        low, _, high = span.partition("-")
        if low and int(low, 16) <= at < int(high, 16):
            shown = flags.splitlines()[0].split()
            assert "dd" in shown and "dc" in shown, shown
            assert not pages.locked or "lo" in shown, shown
            return
    pytest.fail("the pages are not in /proc/self/smaps")


def test_the_socket_is_in_a_folder_of_our_own_and_its_owner_is_checked(home: Path, namespace: str) -> None:
    with address() as (path, short):
        assert path == config.run_dir() / f"supervisor-{namespace}.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(short)
    listener.listen(1)
    with listener:
        with pytest.raises(ControlError, match=f"answered by pid {os.getpid()}, not by the supervisor"):
            reach(1, 1.0)
        with reach(os.getpid(), 1.0) as sock:
            assert peer_of(sock) == (os.getpid(), os.getuid())
    config.run_dir().chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"), address():
        pass


def test_an_answer_comes_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_line(ours, {"ok": True, "pid": 5})
        raw, whole = theirs.recv(4096), bytearray()
    for byte in raw[:-1]:
        whole.append(byte)
        assert take_line(whole) is None
    whole.append(raw[-1])
    assert take_line(whole) == {"ok": True, "pid": 5} and not whole


# -------------------------------------------------------------------------------------------------------- whom it is for


@pytest.mark.parametrize(
    ("modes", "asked", "said", "expected"),
    [
        ([Mode.DIRECT], None, "", True),
        ([Mode.SANDBOX], None, "", True),
        ([Mode.SIM], None, "", False),
        ([Mode.SIM], True, "", True),
        ([Mode.SIM], None, "on", True),
        ([Mode.DIRECT], None, "off", False),
        ([Mode.DIRECT], False, "on", False),
        ([Mode.PAPER], True, "on", False),
        ([Mode.PAPER, Mode.SIM], None, "on", True),
        ([], True, "on", False),
    ],
)
def test_real_money_has_a_supervisor_unless_it_is_told_not_to(
    modes: list[Mode], asked: bool | None, said: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AATS_SUPERVISOR", said) if said else monkeypatch.delenv("AATS_SUPERVISOR", raising=False)
    assert wanted(modes, asked) is expected


def test_a_wrong_word_for_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_SUPERVISOR", "yes")
    with pytest.raises(ConfigError, match="AATS_SUPERVISOR"):
        wanted([Mode.DIRECT])


def test_without_a_supervisor_the_start_is_refused_with_the_way_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> bool:
        raise ControlError("the control server cannot listen on 127.0.0.1:1: it is busy")

    monkeypatch.setattr("aats.control_client.ensure", nobody)
    link = SupervisorLink("maker", [watched(home)], control_at=("127.0.0.1", 1))
    with pytest.raises(ConfigError, match=r"it is busy \(TradeService\(supervisor=False\) or AATS_SUPERVISOR=off") as wrong:
        link.open(0.2)
    assert not link.up and KEY not in str(wrong.value)
