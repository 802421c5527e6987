"""A strategy's numbers against a symbol's rules: csrc/order/rules.c and wide.c are held to models in exact fractions."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aats._ffi import ffi, lib, text
from aats.layout import OrderSide, OrderTif

BUY, SELL = OrderSide.BUY, OrderSide.SELL
GTC, MARKET = OrderTif.GTC, OrderTif.MARKET
NEAR = Fraction(1, 10**9)
OFF = {"tick_i": 0, "lot_i": 0}
BTC = {
    "tick_i": 1_000_000,  # 0.01
    "lot_i": 1_000,  # 0.00001
    "min_px_i": 1_000_000,
    "max_px_i": 100_000_000_000_000,
    "min_qty_i": 1_000,
    "max_qty_i": 900_000_000_000,
    "min_notional_i": 500_000_000,  # 5
}


def rules(px_exp: int = -8, qty_exp: int = -8, **numbers: int) -> Any:
    one = ffi.new("aats_rules_t *")
    one.symbol = b"BTCUSDT.BINANCE"
    one.px_exp, one.qty_exp, one.fee_exp = px_exp, qty_exp, -8
    for name, value in numbers.items():
        setattr(one, name, value)
    return one


class Fit:
    """One call of aats_rules_fit."""

    def __init__(
        self,
        on: Any,
        px: object,
        qty: object,
        *,
        side: int = BUY,
        tif: int = GTC,
        reference: int = 0,
        strict: bool = False,
        room: int = 160,
    ) -> None:
        self.keep: list[Any] = []
        px_i, qty_i, fitted = ffi.new("int64_t *"), ffi.new("int64_t *"), ffi.new("int *")
        msg = ffi.new("char[]", b"#" * room)
        self.code = lib.aats_rules_fit(
            on, side, tif, self.given(px), self.given(qty), reference, int(strict), px_i, qty_i, fitted, msg, room
        )
        self.px_i, self.qty_i, self.fitted, self.msg = px_i[0], qty_i[0], fitted[0], text(msg)

    def given(self, value: object) -> Any:
        one = ffi.new("aats_given_t *")
        if isinstance(value, float):
            one.kind, one.f = lib.AATS_GIVEN_FLOAT, value
        elif value is not None:
            raw = str(value).encode()
            self.keep.append(ffi.new("char[]", raw))
            one.kind, one.text, one.text_len = lib.AATS_GIVEN_TEXT, self.keep[-1], len(raw)
        self.keep.append(one)
        return one

    @property
    def name(self) -> str:
        return text(lib.aats_code_name(self.code))


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " 1",
        "1 ",
        "0x1",
        "1e400",
        "nan",
        "inf",
        "-1",
        "-0.5",
        "+1",
        ".5",
        "5.",
        "007",
        "1e",
        "1,5",
        "1_000",
        "9" * 400,
        "1.2.3",
        "Infinity",
    ],
)
@pytest.mark.parametrize("which", ["price", "size"])
def test_a_text_that_is_no_number_of_ours_is_refused(bad: str, which: str) -> None:
    fit = Fit(rules(**BTC), bad, "1") if which == "price" else Fit(rules(**BTC), "60000", bad)
    assert fit.name == "number"
    assert fit.msg.startswith(which)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0, -1e-300, 1e300, 1e11])
@pytest.mark.parametrize("strict", [False, True])
def test_a_float_that_is_no_price_is_refused(bad: float, strict: bool) -> None:
    assert Fit(rules(**BTC), bad, 1.0, strict=strict).name == "number"
    assert Fit(rules(**BTC), 60000.0, bad, strict=strict).name == "number"


@pytest.mark.parametrize(
    ("px", "qty", "more", "name", "word"),
    [
        ("61837.641", "1", {}, "off_tick", "the nearest are 61837.64 and 61837.65"),
        ("61837.6400000001", "1", {}, "off_tick", "the nearest are 61837.64 and 61837.65"),
        ("61837.64", "0.000015", {}, "off_lot", "the nearest are 0.00001 and 0.00002"),
        ("61837.64", "1e-12", {}, "off_lot", "the nearest are 0 and 0.00001"),
        ("0", "1", {}, "price_range", "must be above 0"),
        (None, "1", {}, "price_range", "no price"),
        ("60000", None, {}, "size_range", "no size"),
        ("60000", "0", {}, "size_range", "must be above 0"),
        (60000.0, 0.000009, {}, "size_range", "comes to 0 with the lot 0.00001"),
        (0.009, 1.0, {}, "price_range", "comes to 0 with the tick 0.01"),
        ("1000000.01", "1", {}, "price_range", "above the maximum 1000000"),
        ("0.02", "1", {"min_px_i": 3_000_000}, "price_range", "below the minimum 0.03"),
        ("60000", "9000.00001", {}, "size_range", "above the maximum 9000"),
        ("60000", "0.00008", {}, "notional", "notional 4.8 (60000 x 0.00008) is below the minimum 5"),
        ("60000", "10", {"max_notional_i": 59_999_900_000_000}, "notional", "above the maximum 599999"),
        ("66000.01", "1", {"bid_up_i": 110_000_000}, "price_band", "above 66000, which is 1.1 of the reference price 60000"),
        ("53999.99", "1", {"bid_down_i": 90_000_000}, "price_band", "below 54000"),
        ("60000", "1", {"halted": 1}, "halted", "takes no orders"),
    ],
)
def test_a_broken_rule_is_named_with_the_numbers(px: object, qty: object, more: dict[str, int], name: str, word: str) -> None:
    fit = Fit(rules(**{**BTC, **more}), px, qty, reference=6_000_000_000_000)
    assert fit.name == name
    assert word in fit.msg


def test_the_band_is_the_sides_own_and_needs_a_reference() -> None:
    on = rules(**BTC, bid_up_i=110_000_000, ask_up_i=500_000_000)
    assert Fit(on, "66000.01", "1", reference=6_000_000_000_000).name == "price_band"
    assert Fit(on, "66000.01", "1", side=SELL, reference=6_000_000_000_000).name == ""
    assert Fit(on, "66000.01", "1").name == ""


@pytest.mark.parametrize(("side", "tif"), [(0, GTC), (3, GTC), (BUY, 0), (BUY, 6)])
def test_a_side_or_tif_that_is_none_is_the_callers_mistake(side: int, tif: int) -> None:
    assert Fit(rules(**BTC), "60000", "1", side=side, tif=tif).code == lib.AATS_E_ARG


@pytest.mark.parametrize("room", [1, 2, 10, 40])
def test_a_sentence_is_cut_to_its_room(room: int) -> None:
    assert len(Fit(rules(**BTC), "61837.641", "1", room=room).msg) == room - 1


# ------------------------------------------------------------------------------------------------------------- path


def test_a_float_that_is_nearly_a_multiple_is_that_multiple() -> None:
    fit = Fit(rules(**BTC), 61837.65 - 0.01, 0.1 + 0.2)
    assert (fit.code, fit.px_i, fit.qty_i, fit.fitted, fit.msg) == (0, 6_183_764_000_000, 30_000_000, 0, "")


@pytest.mark.parametrize(
    ("side", "px_i", "way"), [(BUY, 6_183_145_000_000, "down to 61831.45"), (SELL, 6_183_146_000_000, "up to 61831.46")]
)
def test_any_other_float_goes_to_the_passive_side_and_says_so(side: int, px_i: int, way: str) -> None:
    fit = Fit(rules(**BTC), 61837.64 * 0.9999, 0.123456789, side=side)
    assert (fit.code, fit.px_i, fit.qty_i, fit.fitted) == (0, px_i, 12_345_000, 1)
    assert way in fit.msg and "size 0.123456789 goes down to 0.12345" in fit.msg


def test_strict_takes_a_float_as_its_shortest_decimal() -> None:
    assert Fit(rules(**BTC), 61837.64, 0.3, strict=True).px_i == 6_183_764_000_000
    assert Fit(rules(**BTC), 61837.65 - 0.01, 0.3, strict=True).name == ("off_tick" if repr(61837.65 - 0.01) != "61837.64" else "")
    assert Fit(rules(**BTC), 61837.64, 0.1 + 0.2, strict=True).name == "off_lot"


def test_a_market_order_has_lots_and_bounds_of_its_own_and_no_price() -> None:
    on = rules(**BTC, market_lot_i=100_000, market_max_qty_i=10_000_000_000, min_notional_market=0)
    fit = Fit(on, "nonsense", 0.1234567, tif=MARKET)
    assert (fit.code, fit.px_i, fit.qty_i) == (0, 0, 12_300_000)
    assert Fit(on, None, "101", tif=MARKET).name == "size_range"
    assert Fit(on, "60000", "101").name == ""
    assert Fit(on, None, "0.001", tif=MARKET, reference=100_000_000_000).name == ""
    on.min_notional_market = 1
    assert Fit(on, None, "0.001", tif=MARKET, reference=100_000_000_000).name == "notional"  # 1000 x 0.001 < 5
    assert Fit(on, None, "0.001", tif=MARKET).name == ""  # unknown: the venue says


EXPONENTS = st.integers(-12, 4)
STEPS = st.one_of(st.integers(1, 10**6), st.sampled_from([1, 5, 10, 25, 100, 10**6, 10**8, 10**10]))


def model(x: Fraction, exp: int, step: int, up: bool) -> int | None:
    """Return the float rule's multiple of `step`, None where it leaves 64 bits."""
    unit = Fraction(step) * Fraction(10) ** exp
    n = math.floor(x / unit)
    nearest = n if x - n * unit <= (n + 1) * unit - x else n + 1
    if abs(x - nearest * unit) <= NEAR * x:
        n = nearest
    elif up and n * unit != x:
        n += 1
    return n * step if math.floor(x / unit) * step < 2**63 - 1 - step else None


@settings(max_examples=1500, deadline=None)
@given(EXPONENTS, STEPS, st.sampled_from([BUY, SELL]), st.data())
def test_the_float_rule_is_the_models(exp: int, step: int, side: int, data: st.DataObject) -> None:
    unit = step * 10.0**exp
    near = st.builds(
        lambda n, d: abs(n * unit * (1 + d)), st.integers(1, 10**7), st.sampled_from([0.0, 1e-16, -1e-15, 5e-10, -5e-10, 2e-9, -2e-9, 1e-6])
    )
    value = data.draw(st.one_of(near, st.floats(0, 1e9), st.floats(0, 1e-3)))
    want_px, want_qty = model(Fraction(value), exp, step, side == SELL), model(Fraction(value), exp, step, False)
    fit = Fit(rules(exp, exp, tick_i=step, lot_i=step), value, value, side=side)
    if want_qty is None or want_px is None:
        assert fit.name == "number"
    elif want_qty == 0:
        assert fit.name == "size_range"
    else:
        assert (fit.name, fit.qty_i, fit.px_i) == ("", want_qty, want_px)
        moved = abs(Fraction(value) - Fraction(want_px) * Fraction(10) ** exp) > NEAR * Fraction(value)
        moved |= abs(Fraction(value) - Fraction(want_qty) * Fraction(10) ** exp) > NEAR * Fraction(value)
        assert fit.fitted == int(moved)
        assert bool(fit.msg) == moved


@settings(max_examples=1000, deadline=None)
@given(
    EXPONENTS,
    STEPS,
    st.decimals(0, 10**6, places=14, allow_nan=False) | st.decimals(0, 10**3, places=2) | st.integers(0, 10**6),
    st.integers(-5, 5),
)
def test_text_is_exact_or_refused_between_its_neighbours(exp: int, step: int, value: Decimal | int, power: int) -> None:
    written = f"{value}e{power}" if power and "E" not in str(value) else str(value)
    x = Fraction(Decimal(written)) if power else Fraction(value)
    unit = Fraction(step) * Fraction(10) ** exp
    n = x / unit
    fit = Fit(rules(exp, -8, tick_i=step), written, "1")
    if math.floor(n) * step >= 2**63 - 1 - step:
        assert fit.name == "number"
    elif n.denominator != 1:
        assert fit.name == "off_tick"
        below, above = (Fraction(Decimal(word)) for word in fit.msg.split("the nearest are ")[1].split(" and "))
        assert (below, above) == (math.floor(n) * unit, math.ceil(n) * unit)
    elif n == 0:
        assert fit.name == "price_range"
    else:
        assert (fit.name, fit.px_i, fit.fitted) == ("", int(n) * step, 0)


@settings(max_examples=1000, deadline=None)
@given(
    st.integers(-12, 12),
    st.integers(-12, 12),
    st.integers(1, 2**62 - 1),
    st.integers(1, 2**62 - 1),
    st.integers(0, 2**62),
    st.integers(0, 2**62),
)
def test_notional_is_judged_exactly(px_exp: int, qty_exp: int, px: int, qty: int, low: int, high: int) -> None:
    on = rules(px_exp, qty_exp, min_notional_i=low, max_notional_i=high)
    worth = Fraction(px) * qty * Fraction(10) ** qty_exp  # at px_exp, as the bounds
    fit = Fit(on, f"{px}e{px_exp}", f"{qty}e{qty_exp}")
    assert fit.name == ("notional" if (low and worth < low) or (high and worth > high) else "")


# ------------------------------------------------------------------------------------------------------------- sums


def i128(value: int) -> Any:
    one = ffi.new("aats_i128_t *")
    one.lo, one.hi = value & (2**64 - 1), value >> 64
    return one


def of_i128(one: Any) -> int:
    return (int(one.hi) << 64) | int(one.lo)


def plain(value: Decimal) -> str:
    with localcontext(Context(prec=200)):
        word = format(value, "f")
        word = word.rstrip("0").rstrip(".") if "." in word else word
        return "0" if word in ("-0", "") else word


WIDE = st.integers(-(2**127), 2**127 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)


def out_text(call: Any, *args: Any) -> str | int:
    out = ffi.new("char[]", lib.AATS_WIDE_SZ)
    rc = call(*args, out, lib.AATS_WIDE_SZ)
    return text(out) if rc >= 0 else rc


@settings(max_examples=700, deadline=None)
@given(WIDE | st.integers(-1000, 1000), I64, I64)
def test_sums_are_exact_or_refused(start: int, a: int, b: int) -> None:
    for more, call in ((a, lambda s: lib.aats_wide_add(s, a)), (a * b, lambda s: lib.aats_wide_add_mul(s, a, b))):
        total = i128(start)
        rc = call(total)
        fits = -(2**127) <= start + more < 2**127
        assert (rc, of_i128(total)) == ((lib.AATS_OK, start + more) if fits else (lib.AATS_E_RANGE, start))


@settings(max_examples=700, deadline=None)
@given(WIDE | st.integers(-1000, 1000), st.integers(-36, 18))
def test_a_wide_text_is_the_decimal_itself(value: int, exp: int) -> None:
    assert out_text(lib.aats_wide_format, i128(value)[0], exp) == plain(Decimal(f"{value}e{exp}"))


def test_a_wide_text_without_room_or_with_a_strange_exponent_is_refused() -> None:
    out = ffi.new("char[]", 8)
    assert lib.aats_wide_format(i128(1234567)[0], 0, out, 8) == 7
    assert lib.aats_wide_format(i128(12345678)[0], 0, out, 8) == lib.AATS_E_FULL
    assert lib.aats_wide_format(i128(1)[0], 19, out, 8) == lib.AATS_E_ARG
    assert lib.aats_wide_format(i128(1)[0], -37, out, 8) == lib.AATS_E_ARG


@settings(max_examples=1500, deadline=None)
@given(
    st.integers(-(2**100), 2**100) | st.integers(-(10**6), 10**6), st.integers(1, 2**63 - 1) | st.integers(1, 20000), st.integers(-12, 4)
)
def test_the_average_is_half_even_at_four_more_digits(notional: int, qty: int, px_exp: int) -> None:
    with localcontext(Context(prec=200)):
        exact = Fraction(notional, qty) * 10**4
        half_even = round(exact)  # Fraction rounds half to even
        want = plain(Decimal(half_even).scaleb(px_exp - 4))
        assert Decimal(half_even) == Decimal(half_even).to_integral_value(ROUND_HALF_EVEN)
    assert out_text(lib.aats_wide_average, i128(notional)[0], qty, px_exp, -8) == want


def test_the_average_of_nothing_is_zero() -> None:
    assert out_text(lib.aats_wide_average, i128(0)[0], 0, -8, -8) == "0"
    assert out_text(lib.aats_wide_average, i128(5)[0], -1, -8, -8) == lib.AATS_E_ARG
    assert out_text(lib.aats_wide_average, i128(2**127 - 1)[0], 1, -8, -8) == lib.AATS_E_RANGE
