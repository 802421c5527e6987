"""Fault runs over real TLS: processes of the product, kill -9 at named steps and at random moments, stops, cuts, a venue that falls silent.

For: ``python -m tools.faults --tls N`` and test_faults_tls.py.  The same question as in virtual time (tests/world/fault_world.py): is what two strategies
believe, through all their lives, what the exchange holds?  Believed is what they say when they leave in order, what their journals say, and what was told;
the exchange speaks by signed REST: every order, every trade, the balances.

One exchange with faults of its own and one feed serve all runs; a run is two makers (tests/live/makers.py) that trade one account under names of their own.
"""

from __future__ import annotations

import concurrent.futures
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aats import journal
from aats._ffi import lib, text
from aats.journal import JournalKind
from tests.live.looks import end_all
from tests.live.makers import Exchange, Maker
from tests.live.procs import FeedProc, Sim

#: What the exchange does to every so-maniest order; the numbers have no common divisor with anything that is regular here.
FAULTS = ("order-lost=41", "order-late=23", "order-unsure=67", "order-cut=59", "order-5xx=37", "user-cut=83")
#: A checkpoint in the middle of a life takes a journal that is full; the first life's is written before the strategy begins to act.
STEPS = tuple(text(lib.aats_step_name(step)) for step in range(1, lib.AATS_STEP_CHECKPOINT))
AT_ONCE = 3  # runs; two processes each
#: Runs of one exchange: each leaves two names with a position, whose seats go on counting, and a host has 64 seats.
TOGETHER = 20
LEAVES = 5  # so often a maker may be started again to leave with nothing open
LEAST_ORDERS, LEAST_FAULTS = 30, 5


class Differ(AssertionError):
    """The two sides do not agree."""


@contextmanager
def surroundings(folder: Path) -> Iterator[tuple[Sim, Exchange]]:
    """Run the exchange and the feed that all runs share."""
    words = ("--orders-limit", "1000000", "--weight", "10000000", "--connects", "1000000", "--certs", str(folder / "certs"))
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    with Sim("--symbols", "BTCUSDT:20", *words, *faults) as sim, patch.dict(os.environ, sim.env):  # other tests share this process
        with FeedProc(sim, ["BTCUSDT:5"]) as feed, Exchange(sim) as exchange:
            feed.wait_live()
            yield sim, exchange


class TlsRun:
    """One run: two makers through a few lives each."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.rng = seed, random.Random(f"tls {seed}")
        self.folder = folder / f"run{seed}"
        self.folder.mkdir()
        self.happened: Counter[str] = Counter()
        self.makers: list[Maker] = []

    def go(self) -> None:
        """Live through it, up to the end of both makers."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self._maker, number, self.rng.getrandbits(32)) for number in range(2)]:
                done.result()

    def _maker(self, number: int, seed: int) -> None:
        rng, name = random.Random(seed), f"tls{self.seed}{'ab'[number]}"
        folder = self.folder / name
        folder.mkdir()
        trade = {"on_restart": rng.choice(("cancel", "adopt"))}
        kills = [f"{rng.choice(STEPS)} {rng.randrange(1, 9)}" if rng.random() < 0.7 else "" for _ in range(rng.choice((2, 3)))]
        with Maker(folder, name, trade=trade, arm=kills[0]) as maker:
            self.makers.append(maker)
            begin = 0
            for at, arm in enumerate(kills):
                self._kill(maker, rng, arm, begin)
                begin = time.monotonic_ns()
                following = kills[at + 1] if at + 1 < len(kills) else ""
                maker.write(arm=following) if following else maker.write()
                maker.start()
            maker.wait_busy(after=begin)
            if rng.random() < 0.5:
                maker.pause()
                time.sleep(rng.uniform(0.3, 4))
                maker.resume()
                self.happened["hang"] += 1
            self._until_enough(maker)
            self._leave(maker)

    def _leave(self, maker: Maker) -> None:
        """Let it leave in order: where it must go before the venue has said that nothing is open (status 1), its next start sees to that."""
        for _ in range(LEAVES):
            status = maker.leave(within_s=60)
            if status == 0:
                return
            if status != 1 or "orders may still be open" not in maker.log():
                break
            self.happened["left in doubt"] += 1
            begin = time.monotonic_ns()
            maker.start()
            maker.wait("start", after=begin)
        raise Differ(f"{maker.name} left with status {status}: {maker.log()[-3000:]}")

    def _kill(self, maker: Maker, rng: random.Random, arm: str, begin: int) -> None:
        """See it die at its step, or kill it at a random moment (also when it does not come to the step)."""
        if arm:
            try:
                status = maker.process.wait(15)
            except Exception:
                maker.kill()
                self.happened["kill"] += 1
            else:
                if status != -signal.SIGKILL:
                    raise Differ(f"{maker.name} was to die at {arm}, and ended with status {status}: {maker.log()[-3000:]}")
                self.happened[f"crash {arm.split()[0]}"] += 1
            return
        maker.wait("OrderAcked", after=begin)
        time.sleep(rng.uniform(0.0, 0.8))
        maker.kill()
        self.happened["kill"] += 1

    @staticmethod
    def _until_enough(maker: Maker) -> None:
        deadline = time.monotonic() + 20
        while len(maker.lives()) < LEAST_ORDERS and time.monotonic() < deadline:
            time.sleep(0.05)


# ----------------------------------------------------------------------------------------------------- the comparison


def trades_of(exchange: Exchange) -> dict[int, list[dict[str, Any]]]:
    """Return every trade of the account by order id."""
    found: dict[int, list[dict[str, Any]]] = {}
    last = 0
    while True:
        page = exchange.account._call("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT", "fromId": str(last), "limit": "1000"})
        for row in page:
            found.setdefault(row["orderId"], []).append(row)
            last = row["id"] + 1
        if len(page) < 1000:
            return found


def journals_of(maker: Maker) -> dict[int, list[journal.Record]]:
    """Return the records of each run of a maker, by instance."""
    found: dict[int, list[journal.Record]] = {}
    for _, strategy, folder in journal.folders():
        if strategy == maker.name:
            for path in sorted(folder.glob("*.aj")):
                found.setdefault(int(path.name[:16], 16), []).extend(journal.read(path))
    return found


def compare(run: TlsRun, orders: Sequence[dict[str, Any]], trades: dict[int, list[dict[str, Any]]]) -> Counter[str]:
    """Hold what each maker believes against the exchange; return what it came to."""
    total: Counter[str] = Counter()
    for maker in run.makers:
        runs = journals_of(maker)
        announced = {
            f"{record.instance:016x}{record.order_id:016x}"
            for rows in runs.values()
            for record in rows
            if record.kind == JournalKind.INTENT
        }
        own = {one["clientOrderId"]: one for one in orders if int(one["clientOrderId"][:16], 16) in runs}
        unknown = own.keys() - announced
        if unknown:
            raise Differ(f"{maker.name}: the exchange has orders that no journal announced: {sorted(unknown)}")
        size = cash = Decimal(0)
        for one in own.values():
            if one["status"] not in ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"):
                raise Differ(f"{maker.name}: left {one}")
            for row in trades.get(one["orderId"], ()):
                sign = 1 if row["isBuyer"] else -1
                size += sign * Decimal(row["qty"]) - (Decimal(row["commission"]) if row["commissionAsset"] == "BTC" else 0)
                cash -= sign * Decimal(row["qty"]) * Decimal(row["price"]) + (
                    Decimal(row["commission"]) if row["commissionAsset"] == "USDT" else 0
                )
        held = [Decimal(word) for word in maker.of("stop")[-1]["held"]]
        if held != [size, cash]:
            raise Differ(f"{maker.name} believes to hold {held}, by the exchange's trades it is {[size, cash]}")
        total += compare_told(maker, own, trades)
        total["restarts"] += len(runs) - 1
    total["faults"] += sum(run.happened.values())
    for kind, n in run.happened.items():
        total[f"crash_{kind[6:]}" if kind.startswith("crash ") else f"fault_{kind}"] += n
    return total


def compare_told(maker: Maker, own: dict[str, dict[str, Any]], trades: dict[int, list[dict[str, Any]]]) -> Counter[str]:
    """Hold every order's last story against the exchange."""
    total: Counter[str] = Counter()
    ended = set()
    for client_id, told in maker.lives().items():
        last = told[max(at for at, one in enumerate(told) if one["ev"] == "OrderCreated") :]  # of the newest life that was told of it
        total["orders"] += 1
        total["unknown"] += sum(one["ev"] == "OrderUnknown" for one in told)
        if not any(one["ev"] == "OrderClosed" for one in told):
            if client_id in own:
                raise Differ(f"{maker.name}: {own[client_id]} was never told to be closed: {told}")
            continue
        ended.add(client_id)
        if last[-1]["ev"] != "OrderClosed":
            continue  # told whole before, and told again to a life that was killed in the middle of it
        fills = sorted((one["fill_size"], one["fill_price"]) for one in last if one["ev"] == "OrderExec")
        theirs = own.get(client_id)
        rows = trades.get(theirs["orderId"], []) if theirs else []
        there = sorted((f"{Decimal(row['qty']).normalize():f}", f"{Decimal(row['price']).normalize():f}") for row in rows)
        if fills != there:
            raise Differ(f"{maker.name}, order {client_id}: told fills {fills}, the exchange has {there}")
        words = {one["ev"] for one in last}
        if ("OrderAcked" in words) != (theirs is not None):
            raise Differ(f"{maker.name}, order {client_id}: told {[one['ev'] for one in last]}, the exchange has {theirs}")
        total["fills"] += len(fills)
        total["acked"] += "OrderAcked" in words
        total["rejected"] += "OrderRejected" in words
        total["canceled"] += "OrderCanceled" in words
        total["adopted"] += bool(last[0].get("replayed"))
        total["filled"] += theirs is not None and theirs["status"] == "FILLED"
    missing = own.keys() - ended
    if missing:
        raise Differ(f"{maker.name}: the exchange has orders whose end nobody was told: {sorted(missing)}")
    return total


def tls_runs(seeds: Sequence[int], folder: Path) -> Iterator[tuple[Counter[str], dict[int, str]]]:
    """Live through runs, `AT_ONCE` at a time, and yield what each came to; the environment (namespace, home) is the caller's."""
    with surroundings(folder) as (sim, exchange):
        before = exchange.totals()
        runs: list[TlsRun] = []
        failed: dict[int, str] = {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = {}
            for seed in seeds:
                run = TlsRun(seed, folder)
                runs.append(run)
                waiting[pool.submit(run.go)] = run
            for future in concurrent.futures.as_completed(waiting):
                wrong = future.exception()
                if wrong is not None:
                    failed[waiting[future].seed] = f"{type(wrong).__name__}: {wrong}"
        exchange.check_sound()
        orders, trades = exchange.orders(), trades_of(exchange)
        size = cash = Decimal(0)
        for run in runs:
            counts: Counter[str] = Counter()
            if run.seed not in failed:
                try:
                    counts = compare(run, orders, trades)
                except Differ as wrong:
                    failed[run.seed] = str(wrong)
                for maker in run.makers:
                    held = maker.of("stop")[-1]["held"]
                    size, cash = size + Decimal(held[0]), cash + Decimal(held[1])
            yield counts, {run.seed: failed[run.seed]} if run.seed in failed else {}
        after = exchange.totals()
        gained = after[0] - before[0], after[1] - before[1]
        wrong_sum = {0: f"all makers believe to hold {(size, cash)}, the account has gained {gained}"}
        counted = Counter({f"fault_{kind}": n for kind, n in exchange_faults(exchange, sim).items()})
        counted["faults"] = sum(counted.values())
        yield counted, wrong_sum if not failed and gained != (size, cash) else {}


def exchange_faults(exchange: Exchange, sim: Sim) -> dict[str, int]:
    """Return the faults that the exchange has made."""
    import httpx

    state = httpx.get(sim.ready["rest"] + "/sim/state", verify=exchange._trust).json()
    return {str(kind): int(n) for kind, n in state["faults"].items()}


def all_tls_runs(seeds: range) -> Iterator[tuple[Counter[str], dict[int, str]]]:
    """The same for the command, some at a time, each time in a namespace and a home of their own that are cleared away at the end."""
    for at in range(0, len(seeds), TOGETHER):
        folder = Path(tempfile.mkdtemp(prefix="aats-faults-"))
        home = folder / "home"
        home.mkdir(mode=0o700)
        os.environ.update(AATS_NS=f"faults{os.getpid()}x{at}", AATS_HOME=str(home), AATS_WAIT="sleep", AATS_MODE="sim")
        try:
            yield from tls_runs(seeds[at : at + TOGETHER], folder)
        finally:
            end_all()
            shutil.rmtree(folder, ignore_errors=True)
