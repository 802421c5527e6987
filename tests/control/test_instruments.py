"""Instruments: what is kept on disk is what was listed, damage costs nothing but a question, and names are found or refused with near ones."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aats import instrument_store
from aats.errors import ConfigError
from aats.instruments import exponents
from aats.venue import Instrument, OrderLimits, find_listed, our_name, wanted_name

SWAP = Instrument(
    symbol="BTCUSDTSWAP.BINANCE",
    native="BTC-USDT-SWAP",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.01"),
    trading=True,
    limits=OrderLimits(min_qty=Decimal("0.01"), min_notional_market=True),
    status="live",
    kind="perpetual",
    settle="USDT",
    contract_size=Decimal("0.01"),
    contract_unit="BTC",
    px_decimals=1,
)
SPOT = Instrument("BTCUSDT.BINANCE", "BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), False)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_HOME", str(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"version":2,"venue":"BINANCE","instruments":{}}', b'{"version":1,"venue":"BINANCE","instruments":{"A":{}}}'],
)
def test_a_file_that_cannot_be_read_counts_as_absent_and_is_replaced(damage: bytes) -> None:
    instrument_store.path_of("BINANCE", "direct").write_bytes(damage)
    assert instrument_store.kept("BINANCE", "direct") == {}
    instrument_store.remember("BINANCE", "direct", "https://x", [SPOT])
    assert instrument_store.look("BINANCE", "BTCUSDT") == SPOT


@pytest.mark.parametrize("field", ["tick", "trading", "px_decimals"])
def test_a_value_of_another_type_is_no_value(field: str) -> None:
    instrument_store.remember("BINANCE", "direct", "https://x", [SWAP])
    path = instrument_store.path_of("BINANCE", "direct")
    body = json.loads(path.read_text())
    body["instruments"]["BTC-USDT-SWAP"][field] = [1]
    path.write_text(json.dumps(body))
    assert instrument_store.kept("BINANCE", "direct") == {}


def test_what_is_kept_is_what_was_listed() -> None:
    instrument_store.remember("BINANCE", "direct", "https://x", [SWAP, SPOT])
    assert [one.instrument for one in instrument_store.kept("BINANCE", "direct").values()] == [SWAP, SPOT]
    for name in ("BTC-USDT-SWAP", "btc-usdt-swap", "BTCUSDTSWAP", "BTCUSDTSWAP.BINANCE"):
        assert instrument_store.look("BINANCE", name) == SWAP
    assert instrument_store.look("BINANCE", "ETHUSDT") is None and instrument_store.look("OKX", "BTCUSDT") is None


def test_a_part_is_added_and_a_whole_list_replaces() -> None:
    instrument_store.remember("BINANCE", "direct", "https://x", [SWAP])
    instrument_store.remember("BINANCE", "direct", "https://x", [SPOT])
    assert set(instrument_store.kept("BINANCE", "direct")) == {"BTC-USDT-SWAP", "BTCUSDT"}
    instrument_store.remember("BINANCE", "direct", "https://x", [SPOT], whole=True)
    assert set(instrument_store.kept("BINANCE", "direct")) == {"BTCUSDT"}


def test_a_folder_that_takes_no_file_costs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(instrument_store, "cache_home", lambda: tmp_path / "file")
    instrument_store.remember("BINANCE", "direct", "https://x", [SPOT])
    assert "cannot be kept on disk" in caplog.text


def test_both_spellings_mean_the_instrument_and_others_are_refused_with_near_ones() -> None:
    for name in ("BTCUSDTSWAP", "btc-usdt-swap", "BTC-USDT-SWAP", "BTCUSDTSWAP.BINANCE"):
        assert find_listed("OKX", "https://x", [name], [SWAP, SPOT]) == {name: SWAP}
    with pytest.raises(ConfigError, match=r"'BTCUSDTSWAPS' is not listed on OKX at https://x \(near ones: BTCUSDTSWAP"):
        find_listed("OKX", "https://x", ["BTCUSDTSWAPS"], [SWAP, SPOT])


def test_a_name_of_two_instruments_is_refused_but_for_the_venues_own() -> None:
    other = Instrument("BTCUSDT.X", "BTC_USDT", "BTC", "USDT", Decimal(1), Decimal(1), True)
    third = Instrument("BTCUSDT.X", "BTC-USDT", "BTC", "USDT", Decimal(1), Decimal(1), True)
    with pytest.raises(ConfigError, match="means BTC_USDT and BTC-USDT on X"):
        find_listed("X", "here", ["BTCUSDT"], [other, third])
    assert find_listed("X", "here", ["BTC-USDT"], [other, third]) == {"BTC-USDT": third}
    assert find_listed("X", "here", ["BTCUSDT"], [other, SPOT])["BTCUSDT"] is SPOT


def test_names_are_base_and_quote_and_what_a_contract_is() -> None:
    assert our_name("OKX", "BTC", "USDT") == "BTCUSDT.OKX"
    assert our_name("OKX_SWAP", "btc", "USDT", "perpetual") == "BTCUSDTSWAP.OKX_SWAP"
    assert our_name("BINANCE_COINM", "BTC", "USD", "future", "_240628") == "BTCUSD_240628.BINANCE_COINM"
    assert [wanted_name(one) for one in ("BTCUSDT.BINANCE", "BTC/USD.KRAKEN", "BTC-USDT", "kBONK.x")] == [
        "BTCUSDT",
        "BTC/USD",
        "BTC-USDT",
        "kBONK.x",
    ]


def test_a_venue_with_one_scale_has_it_for_every_symbol() -> None:
    assert exponents("BINANCE", SWAP) == exponents("BINANCE") == (-8, -8)


def test_the_list_is_shown_and_kept(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from aats.cli import main
    from aats.venue import CLIENTS

    class Client:
        def __init__(self, *args: Any, **named: Any) -> None: ...

        @classmethod
        def endpoints_of(cls, mode: str) -> Any:
            return None

        def listing(self) -> list[Instrument]:
            return [SWAP, SPOT]

        def close(self) -> None: ...

    monkeypatch.setitem(CLIENTS, "BINANCE", Client)  # type: ignore[arg-type]
    assert main(["instruments", "BINANCE", "--cached"]) == 1
    assert "nothing is kept of BINANCE direct" in capsys.readouterr().err
    assert main(["instruments", "BINANCE"]) == 1
    assert "set AATS_ENDPOINT_BINANCE_DIRECT_REST" in capsys.readouterr().err
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", "https://x")
    assert main(["instruments", "BINANCE", "btc-*", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["symbol"], row["tick"], row["contract_size"], row["limits"]["min_qty"]) == ("BTCUSDTSWAP.BINANCE", "0.1", "0.01", "0.01")
    assert main(["instruments", "BINANCE", "--cached"]) == 0
    shown = capsys.readouterr().out
    assert "BTC-USDT-SWAP" in shown and "halted (no orders)" in shown and "as told up to" in shown
    assert main(["instruments", "BINANCE", "BTCUSDC"]) == 1
    assert "near ones: BTCUSDT" in capsys.readouterr().err
