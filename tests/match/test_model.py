"""The matching engine of csrc/match gives the same events as the plain model, whatever is done to it."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from aats._ffi import lib
from tests.match import model as m
from tests.match.engine import Engine

EXPS = [(-2, -3, -8), (-8, -8, -8), (-2, -3, -2), (0, 0, -6), (-1, -2, 0)]

prices = st.integers(97, 104)
quantities = st.integers(1, 9)
sides = st.sampled_from([m.BID, m.ASK])
order_sides = st.sampled_from([m.BUY, m.SELL])
ids = st.integers(1, 12)
rates = st.sampled_from([0, 1, 10_000, 99_999, 75_001, -33_333])


def _listed(side: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    levels = st.dictionaries(st.integers(95, 100) if side == m.BID else st.integers(100, 105), quantities, max_size=4)
    return levels.map(lambda d: sorted(d.items(), reverse=side == m.BID))


@st.composite
def orders(draw: st.DrawFn) -> dict[str, int]:
    tif = draw(st.sampled_from([m.IOC, m.POS, m.GTC, m.GTC, m.GTC, m.FOK, m.MARKET]))
    order = {
        "id": draw(ids), "owner": draw(st.integers(1, 2)), "side": draw(order_sides), "tif": tif, "stp": draw(st.integers(0, 4)),
        "px": draw(prices), "qty": draw(st.integers(1, 20)), "maker_rate": draw(rates), "taker_rate": draw(rates), "quote": 0, "lot": 0,
    }  # fmt: skip
    if tif == m.MARKET and draw(st.booleans()):
        order |= {"qty": 0, "quote": draw(st.integers(1, 2000)), "lot": draw(st.sampled_from([1, 1, 2, 5]))}
    return order


def _as(name: str) -> Any:
    return lambda values: (name, *values)


steps = st.one_of(
    orders().map(lambda o: ("place", o)),
    orders().map(lambda o: ("place", o)),
    st.tuples(sides, prices, st.integers(0, 9)).map(_as("level")),
    st.tuples(_listed(m.BID), _listed(m.ASK)).map(_as("book")),
    st.tuples(order_sides, prices, st.integers(1, 20)).map(_as("trade")),
    st.tuples(ids).map(_as("cancel")),
    st.tuples(ids, st.integers(0, 9)).map(_as("reduce")),
    st.just(("clear",)),
)


def same_view(engine: Engine, model: m.Model) -> None:
    """Compare all that can be looked at."""
    for side in (m.BID, m.ASK):
        for px in range(94, 107):
            assert lib.aats_match_public(engine.c, side, px) == model.public(side, px), (side, px)
            assert lib.aats_match_own(engine.c, side, px) == sum(o.left for o in model.resting(side, px)), (side, px)
        best = model.prices(side)[:1]
        assert engine.best(side) == (
            (best[0], model.public(side, best[0]) + sum(o.left for o in model.resting(side, best[0]))) if best else None
        )
    for order_side in (m.BUY, m.SELL):
        for px in range(94, 107):
            assert bool(lib.aats_match_would_take(engine.c, order_side, px)) == model.would_take(order_side, px)
    for o in model.own:
        assert lib.aats_match_ahead(engine.c, o.id) == model.ahead(o), o
    assert lib.aats_match_open_cnt(engine.c) == len(model.own)


def _order(order_id: int, side: int, tif: int, px: int, **more: int) -> tuple[str, dict[str, int]]:
    plain = {"owner": 1, "stp": 0, "qty": 1, "maker_rate": 0, "taker_rate": 0, "quote": 0, "lot": 0}
    return "place", {"id": order_id, "side": side, "tif": tif, "px": px, **plain, **more}


#: A market order by amount that meets only its owner's orders: each of them expires, and nothing was filled by that.
_BY_AMOUNT = [
    _order(1, m.SELL, m.POS, 98),
    _order(3, m.SELL, m.POS, 97),
    _order(2, m.BUY, m.MARKET, 97, stp=m.STP_MAKER, qty=0, quote=1, lot=1),
]


@settings(max_examples=400, deadline=None)
@example(exps=(-2, -3, -8), script=_BY_AMOUNT)
@given(exps=st.sampled_from(EXPS), script=st.lists(steps, max_size=30))
def test_engine_gives_the_models_events(exps: tuple[int, int, int], script: list[tuple[Any, ...]]) -> None:
    engine, model = Engine(exps), m.Model(*exps)
    for now, (verb, *args) in enumerate(script, 1):
        engine.now = model.now = now
        wanted = getattr(model, verb)(*([m.Order(**args[0])] if verb == "place" else args))
        assert getattr(engine, verb)(*args) == wanted, (verb, args)
        assert engine.events() == model.events, (verb, args)
        model.events.clear()
        same_view(engine, model)


@settings(max_examples=150, deadline=None)
@given(script=st.lists(steps, max_size=40))
def test_quantities_are_conserved_and_no_fill_is_worse_than_its_limit(script: list[tuple[Any, ...]]) -> None:
    engine = Engine((-2, -3, -8))
    size: dict[int, int] = {}  # of the order that has the id now
    given: dict[int, dict[str, int]] = {}
    pairs: dict[int, list[m.Event]] = {}
    for verb, *args in script:
        getattr(engine, verb)(*args)
        if verb == "place":
            asked = args[0]
        for ev in engine.events():
            if ev.kind == m.NEW:
                size[ev.id], given[ev.id] = ev.qty, asked
            elif ev.kind == m.REDUCED:
                size[ev.id] -= ev.qty
            if ev.kind == m.REJECTED:
                continue
            o = given[ev.id]
            by_quote = o["quote"] > 0
            if ev.kind in (m.NEW, m.TRADE, m.REDUCED) and not by_quote:
                assert ev.cum + ev.leaves == size[ev.id]
            if ev.kind in (m.EXPIRED, m.CANCELED) and not by_quote:
                assert ev.cum + ev.qty == size[ev.id]
            if ev.kind == m.TRADE:
                pairs.setdefault(ev.trade_no, []).append(ev)
                assert ev.qty > 0
                if o["tif"] != m.MARKET:
                    assert ev.px <= o["px"] if ev.side == m.BUY else ev.px >= o["px"]
                assert not (o["tif"] == m.POS and not ev.maker)
                if by_quote:
                    assert ev.notional <= o["quote"] * 10**3  # never spends, nor gets, more than it was to
    assert sorted(pairs) == list(range(1, len(pairs) + 1))
    for sides_of in pairs.values():
        if len(sides_of) == 1:
            assert sides_of[0].other == 0
        else:
            taker, maker = sides_of
            assert (taker.maker, maker.maker) == (0, 1)
            assert (taker.qty, taker.px, taker.other, maker.other) == (maker.qty, maker.px, maker.id, taker.id)
            assert {taker.side, maker.side} == {m.BUY, m.SELL}
