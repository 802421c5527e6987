"""Strategy, exchange and feed killed, stopped and interrupted while orders are open: nothing is lost, doubled, or left behind."""

from __future__ import annotations

import concurrent.futures
import random
import signal
import time
from decimal import Decimal
from pathlib import Path

from aats import control, journal
from aats.journal import JournalKind
from tests.live.looks import eventually, pids_of, segments, tool
from tests.live.makers import Exchange, Maker, flatten, intents, runs
from tests.live.procs import FeedProc, Sim

SECOND = 1_000_000_000


def test_a_maker_that_is_killed_again_and_again_leaves_nothing_that_was_not_written_down(
    feed: FeedProc, exchange: Exchange, tmp_path: Path
) -> None:
    dice, left, starts_cut = random.Random(random.random()), [], 0  # pytest-randomly has seeded it, and says by what
    with Maker(tmp_path) as maker:
        for number in range(8):
            begin = time.monotonic_ns()
            if number:
                maker.start()
            if number in (2, 5):  # while it starts, and cancels what the last one left
                time.sleep(dice.uniform(0.3, 1.2))
            else:
                maker.wait("OrderAcked", after=maker.wait_own(after=begin))
                time.sleep(dice.uniform(0.0, 0.6))
            maker.kill()
            starts_cut += not maker.of("start", after=begin)
            left.append(set(exchange.open()))
        assert sum(map(bool, left)) >= 5 and starts_cut <= 2, (left, starts_cut)
        for older, newer in zip(left, left[2:], strict=False):
            assert not older & newer, "what a run left outlived the next one that sent something"

        status, said = flatten()
        assert (status, said["open"], said["canceled"]) == (0, [], len(left[-1])), said
        assert exchange.open() == []
        for expected in (left[-1], set()):  # the next start enters what they came to, and leaves nothing to the one behind it
            begin = time.monotonic_ns()
            maker.start()
            own = maker.wait_own(after=begin)
            ended = {one["client_id"] for one in maker.of("OrderClosed", after=begin) if one["t"] < own}
            assert ended >= expected and (expected or not ended), (ended, expected)
            maker.wait_busy(after=own)
            assert maker.leave() == 0, maker.log()
        assert "earlier" not in maker.log().rpartition("orders of BINANCE go to")[2]

    exchange.check_sound()
    orders, written = exchange.orders(), intents()
    assert len(written) == len(set(written)) and {one["clientOrderId"] for one in orders} <= set(written)
    over = 0  # when the last order of all earlier runs had ended, by the exchange's clock
    for _, instance, _ in runs():
        own = [one for one in orders if one["clientOrderId"].startswith(f"{instance:016x}")]
        if own:
            assert over <= min(one["time"] for one in own), "it sent an order before those of its last run were gone"
            over = max(over, *(one["updateTime"] for one in own))
    print(f"{len(orders)} orders, {len(written)} intents, left open at the kills: {[len(one) for one in left]}")


def test_an_exchange_that_dies_with_our_orders_is_told_and_survived(sim: Sim, feed: FeedProc, tmp_path: Path) -> None:
    with Maker(tmp_path) as maker:
        maker.wait_busy()
        killed = sim.kill()
        maker.wait("disconnect", after=killed)
        maker.wait("OrderRejected", after=killed)
        sim.restart()
        again = time.monotonic_ns()
        maker.wait("reconciled", after=again)
        maker.wait("OrderAcked", after=again)
        maker.wait_busy(after=again)
        assert maker.leave() == 0, maker.log()
        refused = [one for one in maker.of("OrderRejected", after=killed) if one["t"] < again]
        assert refused and {one["code"] for one in refused} <= {"not_connected", "risk_book"}  # its market data has gone, too
        assert len(maker.of("disconnect")) == len(maker.of("reconnect")) == len(maker.of("reconciled", after=killed)) == 1
        ends = [[one for one in told if one["ev"] == "OrderClosed"][-1] for told in maker.check_lives().values()]
        lost = [one for one in ends if one["t"] > killed and one["code"] == "canceled_other"]
        assert lost and all("does not know it any more" in one["msg"] for one in lost), ends
    with Exchange(sim) as exchange:
        exchange.check_sound()


def test_orders_are_managed_without_a_feed_and_a_new_feed_is_followed(feed: FeedProc, exchange: Exchange, tmp_path: Path) -> None:
    with Maker(tmp_path) as maker:
        before = exchange.totals()
        maker.wait_busy()
        killed = feed.kill()
        maker.wait("invalid", after=killed)
        maker.wait("down", after=killed)
        maker.wait("OrderCancelAcked", after=killed)
        maker.wait("OrderRejected", after=killed + SECOND)
        assert {one["code"] for one in maker.of("OrderRejected", after=killed + SECOND)} == {"risk_book"}, "an order went out on no book"
        assert not maker.of("disconnect") and not maker.of("quote", after=killed)
        feed.start()
        again = time.monotonic_ns()
        maker.wait("up", after=killed)
        maker.wait("quote", after=killed)
        maker.wait_busy(after=again)
        assert maker.leave() == 0, maker.log()
        lives = maker.check_lives()
        end = maker.of("stop")[0]
    went = {client_id for client_id, told in lives.items() if all(one["ev"] != "OrderRejected" for one in told)}
    assert {one["clientOrderId"] for one in exchange.orders()} == went
    exchange.check_sound()
    after = exchange.totals()
    assert [b - a for a, b in zip(before, after, strict=True)] == [Decimal(end["size"]), Decimal(end["cash"])]


def test_a_strategy_that_slept_longer_than_answers_may_take_loses_and_doubles_nothing(
    feed: FeedProc, exchange: Exchange, tmp_path: Path
) -> None:
    before = exchange.totals()
    with Maker(tmp_path, every_ms=5, keep=12) as maker:
        maker.wait_busy(fills=1)
        maker.pause()
        time.sleep(6)
        slept = time.monotonic_ns()
        maker.resume()
        maker.wait_busy(after=slept)
        assert maker.leave() == 0, maker.log()
        lives = maker.check_lives()
        end = maker.of("stop")[0]
        assert not maker.of("OrderRejected"), maker.of("OrderRejected")[:3]
    assert {one["clientOrderId"] for one in exchange.orders()} == set(lives) == set(intents())
    exchange.check_sound()
    after = exchange.totals()
    assert [b - a for a, b in zip(before, after, strict=True)] == [Decimal(end["size"]), Decimal(end["cash"])]


# ------------------------------------------------------------------------------------------------- asked to end, at any moment

#: What the shell may see: 0 where it left in order, else what tells that it was interrupted before there was anything to leave.
STATUS = {
    "SIGINT": {"start": {0, 130, -signal.SIGINT}, "run": {0}, "leave": {0}},
    "SIGTERM": {"start": {0, 128 + signal.SIGTERM, -signal.SIGTERM}, "run": {0}, "leave": {0}},
    "aats stop": {"start": {0}, "run": {0}, "leave": {0}},
}


def interrupt(folder: Path, how: str, moment: str, dice: random.Random) -> tuple[str, int, float, Maker]:
    """Start a maker, ask it to end at such a moment; return its name, status, and how long it took."""
    name = f"{how.lower().replace(' ', '_')}_{moment}"
    folder = folder / name
    folder.mkdir()

    def ask(how: str = how) -> None:
        if how == "aats stop" and moment == "leave":
            tool("stop", name, "--wait", "0.1")  # it takes longer, and is asked again
        elif how == "aats stop":
            done = tool("stop", name, "--wait", "20")
            assert done.returncode == 0, done.stdout + done.stderr
        elif maker.running:
            maker.process.send_signal(signal.Signals[how])

    with Maker(folder, name, tidy=moment != "leave") as maker:
        if moment == "import":
            time.sleep(dice.uniform(0.02, 0.3))
        elif moment == "start":
            eventually(lambda: any(one["name"] == name for one in control.processes()), why=maker.log)
            time.sleep(dice.uniform(0.0, 0.15))
        else:
            maker.wait_busy()
            time.sleep(dice.uniform(0.0, 0.3))
        begin = time.monotonic()
        ask()
        if moment == "leave":
            maker.wait("closing")
            time.sleep(dice.uniform(0.0, 0.2))
            ask("SIGINT" if how == "aats stop" else how)
        return name, maker.process.wait(40), time.monotonic() - begin, maker


def test_asked_to_end_at_any_moment_it_ends_in_time_and_leaves_nothing(
    feed: FeedProc, exchange: Exchange, tmp_path: Path, namespace: str
) -> None:
    dice = random.Random(random.random())
    cases = [(how, moment) for how in STATUS for moment in STATUS[how]] + [("SIGINT", "import"), ("SIGTERM", "import")]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda case: interrupt(tmp_path, case[0], case[1], random.Random(dice.random())), cases))
    assert exchange.open() == []
    for (how, moment), (name, status, took, maker) in zip(cases, done, strict=True):
        if moment == "import":  # Python itself ends with 1 where a signal meets its own start
            assert status in STATUS[how]["start"] | {1}, (name, status, maker.log())
        else:
            assert status in STATUS[how][moment], (name, status, maker.log())
        assert took < 20, (name, took, maker.log())
        assert "Traceback" not in maker.log() or moment == "import", maker.log()
        if moment in ("run", "leave"):
            assert maker.of("stop"), (name, maker.log())
            if how == "SIGTERM":
                maker.check_lives()
    assert pids_of("trade") == [] and not [name for name in segments(namespace) if ".td." in name]
    assert {one["clientOrderId"] for one in exchange.orders()} <= set(intents())
    for _, _, path in runs():
        said = journal.read(path)
        sent, told = ([one.order_id for one in said if one.kind == kind] for kind in (JournalKind.INTENT, JournalKind.TOLD))
        assert sorted(sent) == sorted(told), "an order whose Closed was not delivered, or twice"
        assert not sent or said[-1].kind == JournalKind.END, "it left in order and did not write it down"
    exchange.check_sound()
    print(", ".join(f"{name} {status} in {took:.1f} s" for name, status, took, _ in done))
