"""``aats receive``: books of another process over the network are the feed's own, and never better than what is known of it.

Everything is on the loopback; losses are made elsewhere (``tests/net``), here it is processes that are killed, stopped and started again.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import numpy as np
import pytest

import aats
from aats import control, shm
from aats.errors import ControlError
from aats.layout import LAYOUT_HASH, Command, Mode, RecKind, State
from tests.live.looks import eventually, free_port, tool, tools_say
from tests.live.procs import FeedProc, Proc, Reader, Sim
from tests.live.receivers import BEAT, GROUP, WIRE, ReceiverProc, living, multicast, net_json, sender

SECOND = 1_000_000_000
BUSY, QUIET = "BTCUSDT", "LTCUSDT"  # QUIET never changes: the market has no event of it
OTHER = "239.255.77.2"


@pytest.fixture
def udp() -> int:
    return free_port(socket.SOCK_DGRAM)


def by_group(port: int, group: str = GROUP, *more: str, name: str = "rx") -> ReceiverProc:
    return ReceiverProc("multibroad", f"{group}:{port}", "--card", "lo", *more, name=name)


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("multibroad 10.1.2.3:15004", "224.0.0.0 to 239.255.255.255"),
        ("broadcast 10.1.2.3:15004", "255.255.255.255"),
        ("p2p 127.0.0.1", "IP:PORT"),
        ("p2p 127.0.0.1:0", "1 to 65535"),
        ("p2p nosuchhost.invalid:15004", "cannot be resolved"),
        (f"multibroad {GROUP}:15004 --card nosuchcard0", "no network card 'nosuchcard0'"),
        (f"multibroad {GROUP}:15004 --card-b lo", "name it with --b"),
        (f"multibroad {GROUP}:15004 --b multibroad {GROUP}:15004", "paths A and B are the same"),
        (f"multibroad {GROUP}:15004 --b shm {GROUP}:15005", "p2p, broadcast, multibroad"),
        (f"multibroad {GROUP}:15004 --name a/b", "cannot be a name"),
    ],
)
def test_impossible_command_line_is_refused_with_its_rule(words: str, says: str) -> None:
    done = tool("receive", *words.split())
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert says in done.stderr
    assert not living()


def test_receiver_that_hears_nothing_waits_and_says_so(udp: int) -> None:
    with by_group(udp) as receiver:
        eventually(lambda: "nothing heard" in receiver.entry.detail, why=lambda: receiver.entry.detail)
        assert receiver.entry.state == State.BOOT and receiver.entry.generation == 0
        assert control.find_feeds() == []
        row = net_json()["receivers"][0]
        assert row["name"] == "rx" and row["paths"] == [] and row["stale"]
        assert "nothing heard" in tool("net").stdout


def test_datagrams_of_another_layout_are_counted_and_said_and_make_no_segment(udp: int) -> None:
    head, beat = np.zeros(1, WIRE), np.zeros(1, BEAT)
    head["magic"], head["version"], head["kind"], head["parts"], head["cnt"] = 0x57544141, 2, 2, 1, 1
    head["layout_hash"], head["feed_id"], head["generation"], head["rec_cap"] = LAYOUT_HASH ^ 1, 7, 1, 5
    head["payload_sz"] = beat.nbytes
    with by_group(udp) as receiver, sender(GROUP, udp) as send:
        assert receiver.entry.state == State.BOOT

        def told() -> bool:
            send(head.tobytes() + beat.tobytes())
            return "layout" in receiver.entry.detail and "layout" in receiver.log()

        eventually(told, why=lambda: f"{receiver.entry.detail}; {receiver.log()}")
        assert receiver.entry.state == State.BOOT and receiver.entry.generation == 0


def test_receiver_is_ready_when_books_are_in_and_not_when_a_feed_is_heard(udp: int) -> None:
    """A feed that beats and whose fan-out cannot be reached: its segment can be made, its books cannot be had."""
    head, beat = np.zeros(1, WIRE), np.zeros(1, BEAT)
    head["magic"], head["version"], head["kind"], head["parts"], head["cnt"] = 0x57544141, 2, 2, 1, 1
    head["layout_hash"], head["feed_id"], head["generation"], head["rec_cap"], head["payload_sz"] = LAYOUT_HASH, 7, 1, 5, beat.nbytes
    beat["name"], beat["venue"], beat["mode"], beat["ring_levels"], beat["level_max"] = b"mute", b"BINANCE", int(Mode.SIM), 5, 5
    beat["dir_cap"], beat["dir_cnt"], beat["stale_ns"], beat["state"] = 64, 1, 500_000_000, int(State.RUN)
    beat["repair_ip"], beat["repair_port"] = b"127.0.0.1", free_port()
    with by_group(udp) as receiver, sender(GROUP, udp) as send:
        assert receiver.entry.state == State.BOOT

        def heard(also: bool) -> bool:
            head["sent_ns"] = time.time_ns()
            send(head.tobytes() + beat.tobytes())
            return also

        eventually(lambda: heard(receiver.entry.generation != 0), why=receiver.log)
        begin = time.monotonic()
        while time.monotonic() < begin + 1:
            assert heard(receiver.entry.state == State.BOOT), receiver.entry.detail
            time.sleep(0.05)
        assert control.find_feeds() == [] and "mute" in receiver.entry.detail


def test_commands_of_a_feed_are_refused_with_where_to_ask(udp: int) -> None:
    with Sim("--symbols", BUSY) as sim, FeedProc(sim, [BUSY], net=multicast(udp)), by_group(udp) as receiver:
        receiver.wait_run()
        assert control.command(receiver.entry, Command.PING) == "here"
        for op in (Command.SUBSCRIBE, Command.UNSUBSCRIBE, Command.SET_LEVEL, Command.OPEN_L2):
            with pytest.raises(ControlError, match=r"only receives what live sends.*feed's own host"):
                control.command(receiver.entry, op, f"{BUSY}.BINANCE 5")
        assert control.command(receiver.entry, Command.STOP) == "stopping"
        eventually(lambda: not receiver.running, why="STOP does not end it")
        assert receiver.process.returncode == 0


# ------------------------------------------------------------------------------------------------------ the same data


def ring(segment: shm.Segment, deep: str) -> list[tuple[Any, ...]]:
    """Return what a ring tells of the market: by record kind, symbol, the venue's number, and the levels; books of `deep` come by another stream."""
    names = [one.symbol for one in shm.symbols(segment)]
    out = []
    for one in shm.records(segment, 8192):
        head, kind = one["r"], int(one["r"]["kind"])
        if kind in (RecKind.STATE, RecKind.LINK) or (kind == RecKind.QUOTE and names[int(head["sym"])] == deep):
            continue
        levels = [tuple(map(tuple, one[side][: int(head[count])].tolist())) for side, count in (("bids", "bid_len"), ("asks", "ask_len"))]
        what = (kind, names[int(head["sym"])], int(head["seq"]), int(head["exch_ns"]), int(head["px_i"]), int(head["qty_i"]))
        out.append((*what, int(head["side"]), *levels))
    return out


def same_books(feed: FeedProc, receiver: FeedProc) -> bool:
    ours, theirs = receiver.books(), feed.books()
    return ours.keys() == theirs.keys() and all(
        ours[key].valid
        and theirs[key].valid
        and ours[key].seq == theirs[key].seq
        and np.array_equal(ours[key].bids_i, theirs[key].bids_i)
        and np.array_equal(ours[key].asks_i, theirs[key].asks_i)
        for key in ours
    )


@pytest.mark.parametrize("kind", ["multibroad", "p2p"])
def test_books_tops_and_ring_are_those_of_the_feed(kind: str, udp: int) -> None:
    net = multicast(udp) if kind == "multibroad" else {"send_type": "p2p", "ip": "127.0.0.1", "port": free_port()}
    with (
        Sim("--symbols", "BTCUSDT,ETHUSDT,LTCUSDT:0", "--rate", "15") as sim,
        FeedProc(sim, ["BTCUSDT:5", "ETHUSDT:40", "LTCUSDT"], net=net, open_l2=True) as feed,
    ):
        words = [f"{net['ip']}:{net['port']}", "--busy-poll", "20", "--hold-ms", "20"]
        if kind == "multibroad":
            words += ["--card", "lo", "--timestamps", "--buffer", "1000000"]
        with ReceiverProc(kind, *words) as receiver:
            receiver.wait_live(["BTCUSDT", "ETHUSDT", "LTCUSDT"])
            assert receiver.entry.mode == feed.entry.mode
            eventually(lambda: receiver.path().records >= 2000, why=lambda: receiver.path())
            sim.pause()  # the market holds its breath, and everything under way arrives
            eventually(lambda: same_books(feed, receiver), why=lambda: f"{feed.books()}\n{receiver.books()}")
            mine, theirs = (ring(one.segment(), "ETHUSDT.BINANCE") for one in (receiver, feed))
            count = min(len(mine), len(theirs), 1500)
            assert mine[-count:] == theirs[-count:] and {one[0] for one in mine} == {1, 2, 3, 4}
            assert tops(receiver) == tops(feed)
            path = receiver.path()
            assert (path.lost, path.given_up, path.damaged, path.foreign) == (0, 0, 0, 0) and path.feed == "live"
            assert path.source and f"{net['port']} <- live at {path.source}, 3 symbols" in receiver.entry.detail
            sim.resume()
            found = control.find_feeds(name="rx")[0]
            assert found.received and not control.find_feeds(name="live")[0].received
            assert set(found.symbols) == {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "LTCUSDT.BINANCE"}


def test_repair_port_that_is_another_than_the_datagrams_is_found_by_the_beats(udp: int) -> None:
    port = free_port()
    net = multicast(udp, repair_ip="127.0.0.1", repair_port=port)
    with Sim("--symbols", f"{BUSY},{QUIET}:0") as sim, FeedProc(sim, [BUSY, QUIET], net=net) as feed:
        feed.wait_live()
        with by_group(udp) as receiver:
            receiver.wait_live([BUSY, QUIET])  # nothing changes in QUIET: only a snapshot has it
            assert receiver.path().repair == f"127.0.0.1:{port}" and receiver.path().snapshots >= 1
            assert f"repair 127.0.0.1:{port}" in feed.entry.detail


def tops(feed: FeedProc) -> dict[str, tuple[int, ...]]:
    """Return best bid, best ask and last trade by symbol."""
    segment = feed.segment()
    rows = segment.array(aats.layout.TOP, int(segment.md.md.top_off), int(segment.md.dir_cap))
    keys = ("bbo_seq", "bid_px_i", "bid_qty_i", "ask_px_i", "ask_qty_i", "tick_seq", "tick_px_i", "tick_qty_i", "tick_side")
    return {one.symbol: tuple(int(rows[one.index][key]) for key in keys) for one in shm.symbols(segment)}


def test_tools_and_views_work_on_a_receiver_as_on_a_feed(udp: int) -> None:
    with Sim("--symbols", BUSY) as sim, FeedProc(sim, [f"{BUSY}:20"], net=multicast(udp)) as feed, by_group(udp) as receiver:
        receiver.wait_live([BUSY])
        eventually(lambda: tools_say(BUSY, "rx") == {"aats book": True, "tools.shm": True}, why="a tool does not see it")
        done = tool("check", "md.rx", module="tools.shm")
        assert done.returncode == 0, done.stdout
        book = aats.attach("rx").book(f"{BUSY}.BINANCE")
        eventually(book.poll, why="the view sees nothing new")
        assert book.copy().bids.shape == (20, 2) and int(book.view["bid_len"]) == 20
        assert "rx" in tool("ps").stdout

        # the path is there at once; delay and counters want some messages first
        eventually(lambda: net_json()["receivers"][0]["paths"][0]["delay"]["count"] > 10, why=net_json)
        said = net_json()
        sends, path = said["feeds"][0], said["receivers"][0]["paths"][0]
        assert (sends["name"], sends["send_type"], sends["address"]) == ("live", "multibroad", f"{GROUP}:{udp}")
        assert sends["datagrams"] > 0 and sends["errors"] == 0
        assert (path["kind"], path["state"], path["addr"], path["feed"]) == ("multibroad", "live", f"{GROUP}:{udp}", "live")
        assert path["source"] and path["records"] > 0 and path["win_rate"] is None
        assert path["delay"]["p50"] > 0 and path["offset_ns"] == 0, "one clock, so no offset can be told"
        shown = tool("net").stdout
        assert f"multibroad {GROUP}:{udp}" in shown and "GIVEN UP" in shown
        assert feed.running


# ------------------------------------------------------------------------------------------------ processes that die


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
@pytest.mark.parametrize("kind", ["multibroad", "p2p"])
def test_within_a_second_of_the_feeds_end_a_receivers_books_are_stale_and_come_back_by_themselves(how: str, kind: str, udp: int) -> None:
    net = multicast(udp) if kind == "multibroad" else {"send_type": "p2p", "ip": "127.0.0.1", "port": free_port()}
    words = [f"{net['ip']}:{net['port']}", *(["--card", "lo"] if kind == "multibroad" else [])]
    with (
        Sim("--symbols", f"{BUSY},{QUIET}:0") as sim,
        FeedProc(sim, [BUSY, QUIET], net=net) as feed,
        ReceiverProc(kind, *words) as receiver,
    ):
        receiver.wait_live([BUSY, QUIET])
        books = {symbol: aats.attach("rx").book(f"{symbol}.BINANCE") for symbol in (BUSY, QUIET)}
        with Reader([BUSY, QUIET], feed="rx", say_ms=10) as reader:
            for symbol in (BUSY, QUIET):
                reader.wait("quote", symbol)
            eventually(lambda: all(book.valid for book in books.values()), why="the views are not good")
            good = eventually(
                lambda: [one["t"] for one in reader.of("say")[-1:] if all(one["valid"].values())], why="to the reader they are not"
            )
            begin = feed.kill() if how == "SIGKILL" else feed.pause()
            last = watch(books, begin, 1.5)
            assert max(last.values()) < SECOND, f"called good after {last}"
            assert receiver.running and receiver.entry.state == State.RUN
            for symbol in (BUSY, QUIET):
                reader.wait("invalid", symbol, after=good[0])  # a busy host may have told it before the end
                assert not any(one["valid"][symbol] for one in reader.of("say", after=begin + SECOND))
            assert not any(tools_say(BUSY, "rx").values())
            eventually(lambda: heartbeat_ms("rx") > 2000, within_s=5, why="the receiver's heartbeat is its own, not the feed's")
            assert net_json()["receivers"][0]["stale"]
            again = time.monotonic_ns()
            if how == "SIGKILL":
                feed.start()
            else:
                feed.resume()
            eventually(lambda: all(book.valid for book in books.values()), why=lambda: f"{receiver.entry.detail}: {receiver.log()}")
            for symbol in (BUSY, QUIET):
                assert reader.wait("quote", symbol, after=again)["valid"]
            assert reader.running and receiver.running


def heartbeat_ms(name: str) -> float:
    return float(next(one["heartbeat_ms"] for one in control.processes() if one["name"] == name))


def watch(books: dict[str, aats.Book], begin_ns: int, seconds: float) -> dict[str, int]:
    """Look at books for some time after `begin_ns`; return how many ns after it each was last called good."""
    last = dict.fromkeys(books, 0)
    while time.monotonic_ns() - begin_ns < seconds * SECOND:
        for symbol, book in books.items():
            before = time.monotonic_ns()
            if book.valid or book.copy().valid:
                last[symbol] = before - begin_ns
        time.sleep(0.002)
    return last


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_strategy_sees_its_receiver_end_and_finds_the_next_one(how: str, udp: int) -> None:
    with Sim("--symbols", BUSY) as sim, FeedProc(sim, [BUSY], net=multicast(udp)) as feed, by_group(udp) as receiver:
        receiver.wait_live([BUSY])
        with Reader([BUSY], feed="rx", say_ms=10) as reader:
            reader.wait("quote", BUSY)
            begin = receiver.kill() if how == "SIGKILL" else receiver.pause()
            assert reader.wait("down", after=begin)["feed"] == "rx"
            reader.wait("invalid", BUSY, after=begin)
            said = eventually(lambda: reader.of("say", after=begin + 3 * SECOND // 2), why="it says nothing")
            assert not any(one["valid"][BUSY] for one in reader.of("say", after=begin + SECOND)), said
            again = time.monotonic_ns()
            if how == "SIGKILL":
                receiver.start()
            else:
                receiver.resume()
            reader.wait("up", after=again)
            assert reader.wait("quote", BUSY, after=again)["valid"]
            eventually(lambda: receiver.books()[BUSY].valid, why=receiver.log)
            assert reader.running and feed.running


def test_feed_with_deeper_books_makes_a_new_generation_of_the_receivers_segment(udp: int) -> None:
    with Sim("--symbols", BUSY) as sim, by_group(udp) as receiver:
        with FeedProc(sim, [f"{BUSY}:5"], net=multicast(udp)):
            receiver.wait_live([BUSY])
            first = receiver.entry.generation
            book = aats.attach("rx").book(f"{BUSY}.BINANCE")
            assert len(book.bids) == 5
        with FeedProc(sim, [f"{BUSY}:30"], net=multicast(udp)):
            eventually(lambda: book.valid and len(book.bids) == 30, why=lambda: f"{book}: {receiver.log()}")
            assert receiver.entry.generation > first and receiver.running
        assert list(shm.names(ns=shm.namespace(), label="rx")) == [receiver.entry.segment]


# ------------------------------------------------------------------------------------------------------- two senders


def test_of_two_feeds_one_dies_and_readers_see_nothing_of_it(udp: int) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with (
        Sim("--symbols", f"{BUSY},{QUIET}:0") as sim,
        FeedProc(sim, [BUSY, QUIET], name="a", net=multicast(udp)) as a,
        FeedProc(sim, [BUSY, QUIET], name="b", net=multicast(port, OTHER)),
        by_group(udp, GROUP, "--b", "multibroad", f"{OTHER}:{port}", "--card-b", "lo") as receiver,
    ):
        receiver.wait_live([BUSY, QUIET])
        eventually(lambda: [receiver.path(at).state.name for at in (0, 1)] == ["LIVE", "LIVE"], why=lambda: receiver.log())
        with Reader([BUSY, QUIET], feed="rx", say_ms=10) as reader:
            for symbol in (BUSY, QUIET):
                reader.wait("quote", symbol)
            seen = len(reader.of("quote", BUSY))
            eventually(lambda: len(reader.of("quote", BUSY)) > seen + 50, why="nothing comes")
            wins = [receiver.path(at).wins for at in (0, 1)]
            assert sum(wins) > 0 and sum(one["win_rate"] for one in net_json()["receivers"][0]["paths"]) == pytest.approx(1.0)
            begin = a.kill()
            eventually(lambda: receiver.path(0).state.name == "SILENT", why=lambda: receiver.path(0))
            eventually(lambda: receiver.path(1).wins > wins[1] + 50, why=lambda: receiver.path(1))
            assert reader.of("quote", BUSY, after=begin)
            for ev in ("invalid", "down", "lap"):
                assert not reader.of(ev, after=begin), reader.of(ev, after=begin)
            assert all(all(one["valid"].values()) for one in reader.of("say", after=begin))
            numbers = [one["seq"] for one in reader.of("quote", BUSY)]
            assert numbers == sorted(set(numbers)), "a book went back, or came twice"
            assert receiver.books()[QUIET].valid
            assert "silent" in receiver.entry.detail or eventually(
                lambda: "silent" in receiver.entry.detail, why=lambda: receiver.entry.detail
            )


def test_second_sender_on_the_same_group_is_counted_and_not_read(udp: int) -> None:
    with (
        Sim("--symbols", f"{BUSY},{QUIET}") as sim,
        FeedProc(sim, [BUSY], name="wanted", net=multicast(udp)),
        by_group(udp, GROUP, "--feed", "wanted") as receiver,
    ):
        receiver.wait_live([BUSY])
        with FeedProc(sim, [QUIET], name="stranger", net=multicast(udp)):
            eventually(lambda: receiver.path().foreign > 20, why=lambda: receiver.path())
            assert list(receiver.books()) == [BUSY] and receiver.books()[BUSY].valid
            path = receiver.path()
            assert (path.feed, path.lost, path.damaged) == ("wanted", 0, 0)
            assert receiver.log().count("another sender") == 1, "said once, not for each datagram"


# --------------------------------------------------------------------------------------------------------------- life


def test_receiver_that_nobody_reads_ends_by_itself(udp: int) -> None:
    with Sim("--symbols", BUSY) as sim, FeedProc(sim, [BUSY], net=multicast(udp)), by_group(udp, GROUP, "--linger", "2") as receiver:
        receiver.wait_live([BUSY])
        with Reader([BUSY], feed="rx") as reader:
            reader.wait("quote", BUSY)
            time.sleep(4)
            assert receiver.running, "it left its reader"
        eventually(lambda: not receiver.running, why="it stays though nobody reads")
        assert receiver.process.returncode == 0
        assert "rx" not in living() and not shm.names(ns=shm.namespace(), label="rx")


def test_name_is_one_receivers(udp: int) -> None:
    with by_group(udp) as receiver:
        assert receiver.entry.pid == receiver.pid
        with by_group(udp) as second:
            assert isinstance(second, Proc) and second.process.wait(30) == 1
        assert "already run by pid" in receiver.log()
        assert receiver.running


def test_token_that_is_not_the_feeds_gets_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    port, right = free_port(), "the right token of this test"
    with Sim("--symbols", BUSY) as sim:
        monkeypatch.setenv("AATS_TOKEN", right)
        with FeedProc(sim, [BUSY], net={"send_type": "p2p", "ip": "127.0.0.1", "port": port}) as feed:
            with ReceiverProc("p2p", f"127.0.0.1:{port}", env={"AATS_TOKEN": "a wrong token of this test"}) as receiver:
                eventually(lambda: "token" in receiver.log(), why=receiver.log)
                assert receiver.entry.state == State.BOOT and "token" in eventually(
                    lambda: receiver.entry.detail if "token" in receiver.entry.detail else "", why=lambda: receiver.entry.detail
                )
                assert shm.fan(feed.segment())["refused"] >= 1
                assert right not in receiver.log() + feed.log()
            with ReceiverProc("p2p", f"127.0.0.1:{port}", name="rx2") as receiver:
                receiver.wait_live([BUSY])
                assert right not in open(f"/proc/{receiver.pid}/cmdline").read() and os.getpid() != receiver.pid
