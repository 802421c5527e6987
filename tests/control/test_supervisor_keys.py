"""The way that keys take to the supervisor, how they lie there, and whom it is for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from aats import config
from aats._ffi import ffi, text
from aats.errors import ConfigError, ControlError
from aats.layout import Mode
from aats.supervisor_job import Job
from aats.supervisor_keys import FRAME_MAX, Inbox, Locked, address, peer_of, reach, send_keys, send_line, take_line
from aats.supervisor_link import SupervisorLink, Watched, wanted
from aats.supervisor_ring import KeyRing

KEY, SECRET = "the-key-of-the-test", "the-secret-of-the-test"
ACCOUNT = "binance-" + hashlib.sha256(KEY.encode()).hexdigest()[:8]


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
    assert ring.take(*frame)[1] is True
    return ring, inbox


def test_a_key_arrives_whole_and_stands_in_no_repr(tmp_path: Path) -> None:
    one = watched(tmp_path)
    ring, inbox = handed_over(one)
    key = ring.all_of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ()))["BINANCE"]
    assert (ffi.string(key.key), ffi.string(key.secret)) == (KEY.encode(), SECRET.encode())
    assert ring.folder(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ())) == tmp_path
    for shown in (repr(one), repr(key), repr(ring), repr(inbox), str(one.head())):
        assert KEY not in shown and SECRET not in shown


def test_what_is_not_needed_any_more_is_overwritten(tmp_path: Path) -> None:
    ring, inbox = handed_over(watched(tmp_path))
    pages = ring.all_of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ()))["BINANCE"].pages
    assert SECRET.encode() in bytes(pages.memory)
    ring.keep({("maker", "binance-another0")}, {"binance-another1"})
    assert not any(bytes(pages.memory))
    assert inbox.take() is None and not any(bytes(inbox._pages.memory)), "the frame, as soon as the next is asked for"
    with pytest.raises(ConfigError, match="no key of account"):
        ring.all_of(Job(0, "maker", ACCOUNT, int(Mode.DIRECT), 1, ()))


def test_a_secret_or_an_address_that_has_changed_is_noticed(tmp_path: Path) -> None:
    ring = KeyRing()

    def taken(**change: object) -> bool:
        one = dataclasses.replace(watched(tmp_path), **change)  # type: ignore[arg-type]
        raw = ffi.new("char[]", one.key.encode() + b"\0" + one.secret.encode() + b"\0")
        return ring.take(one.head(), raw, len(one.key) + len(one.secret) + 2)[1]

    assert [taken(), taken(), taken(secret="another"), taken(secret="another"), taken(secret="another", wsapi="wss://localhost:2")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_passphrase_arrives_beside_the_key_and_so_do_all_addresses(tmp_path: Path) -> None:
    plain = watched(tmp_path)
    more = dataclasses.replace(plain, rest="https://localhost:2", private="wss://localhost:3", passphrase="the passphrase")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_keys(ours, more.head(), more.key, more.secret, more.passphrase)
        inbox = Inbox()
        assert inbox.receive(theirs)
    frame = inbox.take()
    assert frame is not None
    key, news = KeyRing().take(*frame)
    assert news and "passphrase" not in repr(key)
    assert (text(key.secret), text(key.passphrase)) == (SECRET, "the passphrase")
    assert (key.endpoints.rest, key.endpoints.wsapi, key.endpoints.private) == (
        "https://localhost:2",
        "wss://localhost:1",
        "wss://localhost:3",
    )
    ring, _ = handed_over(plain)
    assert text(ring._keys[ACCOUNT].passphrase) == ""


def with_others(tmp_path: Path) -> tuple[KeyRing, str]:
    """A strategy on two venues, and another strategy on a third; the account of the second."""
    ring, _ = handed_over(watched(tmp_path))
    other = f"bybit-{hashlib.sha256(b'other-key').hexdigest()[:8]}"
    strange = f"okx-{hashlib.sha256(b'other-key').hexdigest()[:8]}"
    for name, account in (("maker", other), ("taker", strange)):
        one = dataclasses.replace(watched(tmp_path, key="other-key"), name=name, account=account, venue=account.partition("-")[0].upper())
        raw = ffi.from_buffer(b"other-key\0secret\0")
        ring.take(one.head(), raw, len(raw))
    return ring, other


def test_a_seat_is_cleared_at_every_venue_that_its_strategy_trades(tmp_path: Path) -> None:
    ring, other = with_others(tmp_path)
    found = ring.all_of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ()))
    assert [key.account for key in found.values()] == [ACCOUNT, other], "another strategy's venue is not its business"


def test_as_long_as_a_seat_is_held_the_keys_of_all_its_venues_are_kept(tmp_path: Path) -> None:
    ring, other = with_others(tmp_path)
    ring.keep({("maker", ACCOUNT)}, set())  # its process is dead: its line is gone
    assert list(ring.all_of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ()))) == ["BINANCE", "BYBIT"]
    ring.keep(set(), {other})
    with pytest.raises(ConfigError, match="no key of account"):
        ring.all_of(Job(0, "maker", ACCOUNT, int(Mode.SIM), 1, ()))


def test_a_seat_with_orders_at_a_venue_whose_key_is_missing_is_not_claimed(tmp_path: Path, home: Path) -> None:
    ring, _ = with_others(tmp_path)
    job = Job(0, "maker", ACCOUNT, int(Mode.DIRECT), 1, ("XBTUSD.KRAKEN", "BTCUSDT.BYBIT"), ("XBTUSD.KRAKEN",))
    with pytest.raises(ConfigError, match="no key of KRAKEN, where it has orders"):
        ring.all_of(job)
    assert ring.all_of(dataclasses.replace(job, open=("BTCUSDT.BYBIT",)))


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


def flags_of(address: int) -> set[str]:
    """Return the kernel's flags of the mapping that holds an address."""
    holds = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        span = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if span:
            holds = int(span[1], 16) <= address < int(span[2], 16)
        elif holds and line.startswith("VmFlags:"):
            return set(line.split()[1:])
    raise AssertionError("no mapping holds it")


def test_locked_pages_are_left_out_of_core_dumps_of_children_and_of_swap() -> None:
    pages = Locked(4096)
    flags = flags_of(int(ffi.cast("uintptr_t", pages.pointer)))
    assert {"dd", "dc"} <= flags, flags
    assert not pages.locked or "lo" in flags, flags


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


def test_a_supervisor_that_stands_still_is_told_once(home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    here, there = socket.socketpair()
    link = SupervisorLink("maker", [watched(home)], control_at=("127.0.0.1", 1))
    link._sock = here
    age_s = [1.0]
    monkeypatch.setattr(
        "aats.supervisor_link.running", lambda: SimpleNamespace(pid=7, heartbeat_mono_ns=time.monotonic_ns() - int(age_s[0] * 1e9))
    )
    link.look()
    assert not caplog.messages
    age_s[0] = 6.0
    link.look()
    link.look()
    assert [message for message in caplog.messages if "mute" in message] == caplog.messages and len(caplog.messages) == 1
    age_s[0] = 0.1
    link.look()
    assert "awake" in caplog.messages[-1]
    link.close()
    there.close()
