"""The seeded market: what it promises of its books, and that a seed means the same bytes."""

from __future__ import annotations

import time

import pytest

from aats.errors import ConfigError
from aats.sim import Generator, Spec
from aats.sim.market import DEPTH
from tests.sim.wire import MS, SECOND, T0


@pytest.mark.parametrize("symbols", [[], ["BTCUSDT", "btcusdt"], ["NOQUOTE"], ["USDT"], ["BTC-USDT"], ["BTCUSDT:many"]])
def test_impossible_symbols_are_refused(symbols: list[str]) -> None:
    with pytest.raises(ConfigError):
        Generator(1, symbols)


def test_unknown_names_get_a_market_of_their_own() -> None:
    symbols = Generator(1, ["PEPEUSDC", "ABCBTC"]).symbols
    assert [(s.base, s.quote) for s in symbols.values()] == [("PEPE", "USDC"), ("ABC", "BTC")]


def _events(market: Generator, steps: list[int]) -> list[bytes]:
    market.start(T0)
    return [e.data for at in steps for e in market.advance(T0 + at)]


def test_seed_decides_everything_and_steps_nothing() -> None:
    coarse, fine = [5 * SECOND], list(range(0, 5 * SECOND + 1, 7 * MS)) + [5 * SECOND]
    one = _events(Generator(3), coarse)
    assert sorted(one) == sorted(_events(Generator(3), fine))
    assert one == _events(Generator(3), coarse)
    assert one != _events(Generator(4), coarse)
    assert len(one) > 200


def test_symbols_do_not_disturb_each_other() -> None:
    alone = _events(Generator(3, ["ETHUSDT"]), [3 * SECOND])
    both = [e for e in _events(Generator(3, ["BTCUSDT", "ETHUSDT"]), [3 * SECOND]) if b"ETHUSDT" in e]
    assert alone == both


@pytest.mark.parametrize("spec", ["BTCUSDT:400", "ETHBTC:400", Spec("XUSDT", "X", "USDT", 40, 2, 0, 9, 400)])
def test_book_is_never_crossed_one_sided_or_thin(spec: str | Spec) -> None:
    """Also where prices are close to zero."""
    market = Generator(11, [spec], depth=30)
    name = next(iter(market.symbols))
    market.start(T0)
    for n in range(1, 600):
        market.advance(T0 + n * 20 * MS)
        book = market.snapshot(name, 5000)
        bids, asks = [float(p) for p, _ in book.bids], [float(p) for p, _ in book.asks]
        assert bids and asks and 0 < bids[-1] and bids[0] < asks[0]
        assert len(asks) >= 30
        assert len(bids) >= 30 or bids[-1] < 0.1 * asks[0]
        assert all(float(q) > 0 for _, q in book.bids + book.asks)


def test_btc_book_looks_like_the_real_one() -> None:
    market = Generator()
    book = market.snapshot("BTCUSDT", 5000)
    assert len(book.bids) >= 1000 and len(book.asks) >= 1000
    assert book.bids[0][0].startswith("61000.") or book.bids[0][0].startswith("60999.")


def test_held_market_stands_still_until_it_is_started() -> None:
    market = Generator(1, hold=True)
    before = market.snapshot("BTCUSDT", 100)
    assert market.advance(T0) == [] and market.next_ns() is None
    assert market.snapshot("BTCUSDT", 100) == before
    market.start(T0)
    assert market.advance(T0 + SECOND)


def test_levels_are_deleted_that_no_diff_ever_showed() -> None:
    """BS-4: zero quantity for an unknown level is normal."""
    market = Generator(2, ["BTCUSDT:300"], depth=50)
    market.start(T0)
    start = market.snapshot("BTCUSDT", 5000)
    known = {px for px, _ in start.bids + start.asks}
    strange = 0
    for event in market.advance(T0 + 20 * SECOND):
        if event.kind == DEPTH:
            for px, qty in [*event.bids, *event.asks]:
                if float(qty) == 0 and px not in known:
                    strange += 1
                known.add(px)
    assert strange


def test_half_a_minute_of_two_symbols_is_cheap() -> None:
    """A time limit ten times above what is usual: it fails for a slip in complexity, not for a busy machine."""
    market = Generator()
    market.start(T0)
    begin = time.process_time()
    assert len(market.advance(T0 + 30 * SECOND)) > 1000
    assert time.process_time() - begin < 1.5
