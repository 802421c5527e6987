"""A recorded market through a bad network: whatever is lost, delayed, turned round or doubled, every receiver has the feed's books.

Three hosts (``lab.py``): exchange and feed on the first, a receiver on each of the others; the kernel's own multicast and broadcast between them, 5 % loss.
Where network namespaces are not allowed, a seeded relay of datagrams on lo stands before each receiver: MULTIBROAD only, and the test's warning says so.

What the network did is counted by the relay, what became of it by the receivers: each record of a datagram that was dropped is one that the receiver
called lost, and then had by asking or gave up; none of it costs the exchange a question.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aats._ffi import ffi, lib, text
from aats.layout import PathState, dtype_of
from tests.live import truth
from tests.live.looks import eventually, free_port
from tests.live.procs import FeedProc, Sim
from tests.live.receivers import ReceiverProc
from tests.net.lab import CARD, Host, Lab, Resent, can_namespace, living_on, on, why_no_namespace

HFT = "binance-spot/hftbacktest/btcusdt_20240808.gz"
HFT_KEY = f"{HFT}+binance-spot/hftbacktest/btcusdt_20240809.gz"
CRYPTOFEED = "binance-spot/cryptofeed/binance_spot_2021-04-05.jsonl.gz"
GROUP, PORT = "239.77.0.1", 15004
BAD = {"loss": 0.05, "delay_ms": 1, "jitter_ms": 2, "reorder": 0.05, "reorder_ms": 8, "dup": 0.02}
WIRE = dtype_of("aats_wire_t")
LEVEL_SZ = 16


class Follower(threading.Thread):
    """Reads every record of a segment's ring, and of deep books the whole ones that it is in time for.

    Attributes
    ----------
    quotes : dict
        symbol -> (seq, levels, good) of each quote, and (seq before, None, False) where the book was said to be bad.
    ticks : dict
        symbol -> trade ids.
    whole : dict
        symbol -> seq -> both sides of the latest book, packed.
    """

    def __init__(self, proc: FeedProc) -> None:
        super().__init__(name=f"follower of {proc.name}")
        self.segment = proc.segment()
        self.view = self.segment.md
        self.quotes: dict[str, list[tuple[int, Any, bool]]] = {}
        self.ticks: dict[str, list[int]] = {}
        self.whole: dict[str, dict[int, tuple[bytes, bytes]]] = {}
        self.next = self.missed = 0
        self.done = threading.Event()
        self._out, self._rec = ffi.new("aats_rec20_t *"), ffi.new("aats_rec_t *")
        self._sides = [ffi.new("aats_level_t[]", 1000) for _ in "ba"]

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.done.set()
        self.join(10)

    def run(self) -> None:
        while not self.done.is_set():
            self._drain()
            time.sleep(0.002)
        self._drain()

    def _drain(self) -> None:
        while (code := lib.aats_ring_poll(self.view, self.next, self._out)) != 0:
            if code == 1:
                self._take(self._out)
                self.next += 1
            else:
                newest = int(lib.aats_ring_newest(self.view))
                self.missed += newest - self.next
                self.next = newest

    def _take(self, out: Any) -> None:
        rec = out.r
        if rec.kind == lib.AATS_REC_LINK:
            return
        symbol = text(self.view.dir[rec.sym].native)
        quotes = self.quotes.setdefault(symbol, [])
        if rec.kind == lib.AATS_REC_TICK:
            self.ticks.setdefault(symbol, []).append(int(rec.seq))
        elif rec.kind == lib.AATS_REC_STATE and not rec.flags & lib.AATS_F_VALID:
            quotes.append((int(rec.seq), None, False))
        elif rec.kind == lib.AATS_REC_QUOTE:
            sides = tuple(
                tuple((one.px_i, one.qty_i) for one in side[0:cnt]) for side, cnt in ((out.bids, rec.bid_len), (out.asks, rec.ask_len))
            )
            quotes.append((int(rec.seq), sides, bool(rec.flags & lib.AATS_F_VALID)))
            if rec.flags & lib.AATS_F_DEEP and lib.aats_latest_read(self.view, rec.sym, self._rec, *self._sides, 1000) == 0:
                whole = tuple(
                    bytes(ffi.buffer(side, cnt * LEVEL_SZ)) for side, cnt in zip(self._sides, (self._rec.bid_len, self._rec.ask_len))
                )
                if self._rec.flags & lib.AATS_F_VALID:
                    self.whole.setdefault(symbol, {})[int(self._rec.seq)] = whole  # type: ignore[assignment]

    def at(self, symbol: str, seq: int) -> tuple[int, Any, bool] | None:
        """Return what stood there when the venue's number was `seq`."""
        found = None
        for one in self.quotes.get(symbol, ()):
            if one[0] > seq:
                break
            found = one
        return found


def latest(proc: FeedProc) -> dict[str, Any]:
    """Return every book as exact levels, by symbol; None for one that is not good."""
    return {symbol: (book.seq, book.bids_i.tolist(), book.asks_i.tolist()) if book.valid else None for symbol, book in proc.books().items()}


def exchange_state(sim: Sim) -> dict[str, Any]:
    """Ask the exchange, from its own host, what it was asked."""
    script = "import ssl,sys,urllib.request as u; print(u.urlopen(sys.argv[1], context=ssl._create_unverified_context()).read().decode())"
    command = [sys.executable, "-c", script, f"{sim.ready['rest']}/sim/state"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def dropped(heads: list[bytes], since_ns: int) -> tuple[int, int]:
    """Return how many records and how many datagrams of deep books were in datagrams that were dropped after a moment."""
    records = deep = 0
    for head in heads:
        if len(head) == WIRE.itemsize:
            one = np.frombuffer(head, WIRE)[0]
            if int(one["magic"]) == lib.AATS_WIRE_MAGIC and int(one["sent_ns"]) > since_ns:
                records += int(one["cnt"]) if int(one["kind"]) == lib.AATS_WIRE_RECORDS else 0
                deep += int(one["stream"])
    return records, deep


class Network:
    """Hosts, or what stands in for them."""

    def __init__(self, stack: ExitStack, receivers: int, seed: int, *, hosts: bool) -> None:
        self.lab: Lab | None = None
        self.resent: list[Resent] = []
        if hosts and can_namespace():
            self.lab = stack.enter_context(Lab(1 + receivers, seed=seed, **BAD))
            return
        if hosts:
            warnings.warn(f"no network namespaces here ({why_no_namespace()}): seeded relays of datagrams on lo instead", stacklevel=2)
        self.come = ("239.255.77.9", free_port())
        self.go = [(f"239.255.77.{10 + number}", free_port()) for number in range(receivers)]
        self.resent = [stack.enter_context(Resent(self.come, go, seed=seed + number, **BAD)) for number, go in enumerate(self.go)]

    def host(self, number: int) -> Host | None:
        return self.lab.host(number) if self.lab else None

    def net(self, kind: str) -> dict[str, Any]:
        """Return the feed's table [net]."""
        if self.lab is None:
            return {"send_type": "multibroad", "ip": self.come[0], "port": self.come[1], "netcard": "lo"}
        return {"send_type": kind, "ip": GROUP if kind == "multibroad" else "255.255.255.255", "port": PORT, "netcard": CARD}

    def words(self, kind: str, number: int) -> list[str]:
        """Return a receiver's words."""
        if self.lab is None:
            return ["multibroad", "{}:{}".format(*self.go[number]), "--card", "lo"]
        return [kind, f"{GROUP if kind == 'multibroad' else '255.255.255.255'}:{PORT}", "--card", CARD]

    def counts(self, number: int) -> dict[str, int]:
        return self.lab.counts()[1 + number] if self.lab else self.resent[number].counts()

    def lost(self, number: int) -> list[bytes]:
        return self.lab.lost(1 + number) if self.lab else self.resent[number].lost()


@pytest.mark.parametrize(
    ("kind", "levels", "tape", "key", "hosts"),
    [
        ("multibroad", 5, CRYPTOFEED, CRYPTOFEED, True),
        ("broadcast", 100, CRYPTOFEED, CRYPTOFEED, True),
        ("multibroad", 20, HFT, HFT_KEY, True),
        ("multibroad", 100, CRYPTOFEED, CRYPTOFEED, False),
    ],
    ids=["multibroad", "broadcast-deep", "multibroad-hftbacktest", "relays-on-lo"],
)
def test_every_receivers_book_is_the_feeds_at_every_checkpoint_of_a_lossy_network(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, kind: str, levels: int, tape: str, key: str, hosts: bool
) -> None:
    if kind == "broadcast" and not can_namespace():
        pytest.skip(f"broadcast needs network namespaces: {why_no_namespace()}")
    monkeypatch.setenv("AATS_TOKEN", "of the lab, sixteen letters")
    market = truth.read(data_dir, (tape,), key)
    symbols = sorted(market)
    with ExitStack() as stack:
        network = Network(stack, 2, seed=5, hosts=hosts)
        receivers: list[ReceiverProc] = []
        for number in range(2):
            words = network.words(kind, number)
            rx = living_on(network.host(1 + number), lambda words=words, name=f"rx{number}": ReceiverProc(*words, name=name))  # type: ignore[misc]
            receivers.append(stack.enter_context(rx))
        there, speed = network.host(0), ("--speed", "20", "--once", "--weight", "1000000")
        sim = stack.enter_context(living_on(there, lambda: Sim("--tape", str(data_dir / tape), *speed)))
        wanted, net = [f"{symbol}:{levels}" for symbol in symbols], network.net(kind)
        feed = stack.enter_context(living_on(there, lambda: FeedProc(sim, wanted, ring_depth=65536, net=net, level_num=truth.WHOLE)))
        with on(there):
            followers = [stack.enter_context(Follower(feed))]
        joined_ns = []
        for number, receiver in enumerate(receivers):
            with on(network.host(1 + number)):
                receiver.wait_run(within_s=60)
                joined_ns.append(time.time_ns())
                followers.append(stack.enter_context(Follower(receiver)))
        with on(there):
            feed.wait_live()
            asked = feed.counters()["snap_asked"]
            before = exchange_state(sim)
            run_to_the_end(feed)
        ends = check_rest(network, feed, receivers)
        with on(there):
            after = exchange_state(sim)
            assert feed.counters()["snap_asked"] == asked
            assert feed.counters()["net_errors"] == 0
        assert after["http_requests"] - before["http_requests"] == 1, "one is this very question"
        assert after["upgraded"] == before["upgraded"]
        for number, receiver in enumerate(receivers):
            with on(network.host(1 + number)):
                check_counts(receiver, network, number, joined_ns[number], deep=levels > 20)
                given_up = receiver.path().given_up
            followers[0].done.set()
            check_told(followers[0], followers[1 + number], market, given_up, levels)
        assert all(end == ends[0] for end in ends) and None not in ends[0].values()


def run_to_the_end(feed: FeedProc) -> None:
    """Wait until the tape stands still."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(feed.counters()["records"])
        time.sleep(0.1)
        return len(seen) > 20 and seen[-1] == seen[-15]

    eventually(still, within_s=120, why=lambda: f"{feed.counters()} {feed.log()[-2000:]}")


def check_rest(network: Network, feed: FeedProc, receivers: list[ReceiverProc]) -> list[dict[str, Any]]:
    """Wait until every book is good everywhere and the same; return the books of each host."""

    def books() -> list[dict[str, Any]]:
        found = []
        for number, proc in enumerate([feed, *receivers]):
            with on(network.host(number)):
                found.append(latest(proc))
        return found

    def same() -> bool:
        found = books()
        return all(one == found[0] and None not in one.values() for one in found)

    eventually(same, within_s=20, why=lambda: [receiver.log()[-600:] for receiver in receivers])
    return books()


def check_counts(receiver: ReceiverProc, network: Network, number: int, joined_ns: int, *, deep: bool) -> None:
    """What the relay dropped, the receiver knows of."""
    eventually(lambda: receiver.path().state == PathState.LIVE, why="the path is not at rest")
    path, counts = receiver.path(), network.counts(number)
    assert counts["refused"] == counts.get("unseen", 0) == counts["cut"] == 0, counts
    assert min(counts["dropped"], counts["delayed"], counts["duplicated"], counts["overtaken"]) > 10, counts
    records, parts = dropped(network.lost(number), joined_ns)
    assert records > 20 and (not deep or parts > 20), "nothing was lost: this run says nothing"
    assert path.lost == path.repaired + path.late + path.given_up, path
    assert path.repaired + path.given_up >= records, f"{records} records were in dropped datagrams: {path}"
    assert path.repeated > 0 and path.damaged == path.foreign == 0, path
    if deep:
        assert path.deep_lost >= parts, f"{parts} datagrams of deep books were dropped: {path}"


def check_told(feed: Follower, receiver: Follower, market: dict[str, truth.Symbol], given_up: int, levels: int) -> None:
    """Every quote is the feed's of that number and the recorded one; at each checkpoint the same stood in both places."""
    assert feed.missed == receiver.missed == 0, "the test itself read too slowly"
    equal = bad = deep = 0
    missing = 0
    for symbol, one in market.items():
        shown = {seq: sides for seq, sides, good in feed.quotes[symbol] if good}
        for seq, sides, good in receiver.quotes[symbol]:
            if good:
                assert sides == shown[seq], f"{symbol} at {seq}"
                assert tuple(side[: truth.DEPTH] for side in sides) == one.tops[seq], f"{symbol} at {seq}: not the recorded book"
        for point in one.checkpoints:
            there, here = feed.at(symbol, point.seq), receiver.at(symbol, point.seq)
            if there is None or not there[2] or here is None:
                continue  # before the feed, or the receiver, was there
            if here[2] and here[0] < there[0] and levels > 20:
                continue  # of a deep book that changes quickly not every state travels
            if here[2]:
                assert here == there, f"{symbol} at checkpoint {point.seq}"
                equal += 1
            else:
                bad += 1
        ticks = receiver.ticks.get(symbol, [])
        all_ticks = feed.ticks.get(symbol, [])
        if ticks:
            assert ticks == sorted(set(ticks)) and set(ticks) <= set(all_ticks), f"{symbol}: trades twice, out of order or never made"
            missing += len([seq for seq in all_ticks if seq >= ticks[0]]) - len(ticks)
        for seq, whole in receiver.whole.get(symbol, {}).items():
            if seq in feed.whole.get(symbol, {}):
                assert whole == feed.whole[symbol][seq], f"{symbol} at {seq}: the deep book"
                deep += 1
    assert equal >= 10 and equal > bad, (equal, bad)
    assert missing <= given_up, f"{missing} trades were never told, {given_up} records given up"
    assert levels <= 20 or deep >= 20, f"{deep} deep books seen in both places"
