"""A strategy's TOML file: read, checked, and made into a TradeService.

    [trade]                                        [exchange.BINANCE]            [params]
    strategy = "simple_maker.py:Maker"             mode      = "sim"             size = "0.001"
    symbols  = ["BTCUSDT:5", "ETHUSDT"]            taker_fee = 0.001
    listen   = ["LTCUSDT"]                         maker_fee = 0.001
    name     = "maker"                             [risk]
                                                   position  = "0.5"
                                                   [latency]
                                                   recv_sent = ["100us", "halt"]
                                                   [guard]
                                                   cpu = "auto"

For: `aats trade FILE.toml`.  Not for keys: they come from the environment or the key file (aats/keys.py), never from a file that is shown and shared.
Every mistake is a `ConfigError` that names file, key, rule and value, and near matches where there are any.  Nothing here defaults to ``direct``: it must be
spelled out in the file, and the command line can only replace it by a mode without real money.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aats import config, risk
from aats.base.const import TradeType
from aats.base_strategy import BaseStrategy
from aats.config.read import tables_of
from aats.config.rules import Rule, apply, choice, name, near, symbol, text
from aats.errors import ConfigError
from aats.trade_policy import KEYS, Policy
from aats.trade_service import TradeService

__all__ = ["SAFER", "TradeFile", "load", "service_of"]

#: Modes in a file, and those that the command line may put in their place: no order of theirs costs money.
MODES = tuple(one.value for one in TradeType if one is not TradeType.REPLAY)
SAFER = ("sim", "paper", "sandbox")

_FIRST_CID = 1001


def _fee(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 < value < 1:
        raise ValueError("must be a part of the notional between -1 and 1, such as 0.001")
    return float(value)


def _list(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError('must be a list, such as ["BTCUSDT:5"]')
    return tuple(value)


def _class(value: Any) -> str:
    if not isinstance(value, str) or value.count(":") != 1 or not all(value.split(":")):
        raise ValueError("must be FILE.py:CLASS")
    return value


_TRADE: dict[str, tuple[Rule, Any]] = {
    "name": (name, None),
    "strategy": (_class, None),
    "symbols": (_list, ()),
    "listen": (_list, ()),
    "feed": (text, ""),
    **{key: (rule, getattr(Policy(), key)) for key, rule in KEYS.items() if key != "risk"},
}
_EXCHANGE: dict[str, tuple[Rule, Any]] = {
    "mode": (choice(*MODES), None),
    "taker_fee": (_fee, None),
    "maker_fee": (_fee, None),
}
_SECTIONS = ("trade", "exchange", "params", "risk", "latency", "guard")


@dataclass(frozen=True)
class TradeFile:
    """What a strategy's file says.

    Attributes
    ----------
    symbols : tuple of (symbol, exchange, level_num, traded)
    exchanges : mapping
        For each exchange its mode and its fees, None where none were given.
    params : mapping
        Keyword arguments of the strategy's class.
    """

    path: Path
    name: str
    strategy: str
    symbols: tuple[tuple[str, str, int, bool], ...]
    exchanges: Mapping[str, tuple[str, float | None, float | None]]
    params: Mapping[str, Any]
    feed: str
    policy: Mapping[str, Any]
    slow: Mapping[str, Any]
    guard: Mapping[str, Any]
    given: frozenset[str] = frozenset()

    def values(self) -> dict[str, tuple[Any, str]]:
        """Return every setting as ``section.key`` -> (value, ``default`` or the file), in the order of a file."""
        origin = {True: str(self.path), False: "default"}
        plain: dict[str, Any] = {"name": self.name, "strategy": self.strategy, "feed": self.feed}
        for key, traded in (("symbols", True), ("listen", False)):
            plain[key] = [f"{one}.{exchange}:{level}" for one, exchange, level, traded_one in self.symbols if traded_one is traded]
        plain |= {key: value for key, value in self.policy.items() if key != "risk"}
        out = {f"trade.{key}": (value, origin[f"trade.{key}" in self.given]) for key, value in plain.items()}
        for exchange, (mode, taker, maker) in self.exchanges.items():
            for key, value in (("mode", mode), ("taker_fee", taker), ("maker_fee", maker)):
                out[f"exchange.{exchange}.{key}"] = value, origin[f"exchange.{exchange}.{key}" in self.given]
        for section, table in (("risk", self.policy["risk"]), ("latency", self.slow), ("params", self.params)):
            out |= {f"{section}.{key}": (value, str(self.path)) for key, value in table.items()}
        options, origins = config.guard_options(f"{self.path}: guard", self.guard)
        named = {"given": str(self.path)}
        return out | {f"guard.{key}": (value, named.get(origins[key], origins[key])) for key, value in vars(options).items()}


def load(path: str | os.PathLike[str]) -> TradeFile:
    """Read a strategy's TOML file.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or a value breaks its rule; the text names all of it.
    """
    where, data = tables_of(path)
    for section in data:
        if section not in _SECTIONS:
            raise ConfigError(f"{where}: [{section}] is not a section; known: {', '.join(_SECTIONS)}{near(section, _SECTIONS)}")
    trade = _table(data.get("trade", {}), "trade", _TRADE, where)
    if trade["strategy"] is None:
        raise ConfigError(f'{where}: trade.strategy is missing: FILE.py:CLASS, such as "maker.py:Maker"')
    exchanges = _exchanges(data.get("exchange", {}), where)
    symbols = _symbols(trade, tuple(exchanges), where)
    limits = apply(KEYS["risk"], data.get("risk", {}), f"{where}: [risk]")
    risk.settings(limits, f"{where}: [risk]")
    config.slow_limits(f"{where}: [latency]", data.get("latency"))
    config.guard_options(f"{where}: guard", data.get("guard", {}))
    params = data.get("params", {})
    if not isinstance(params, dict):
        raise ConfigError(f"{where}: [params] must be a table, it is {params!r}")
    stem = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "_" for char in Path(where).stem)[:40]
    return TradeFile(
        Path(where).absolute(),
        trade["name"] or stem,
        trade["strategy"],
        symbols,
        exchanges,
        params,
        trade["feed"],
        {**{key: trade[key] for key in KEYS if key != "risk"}, "risk": limits},
        data.get("latency", {}),
        data.get("guard", {}),
        frozenset(_paths(data)),
    )


def _paths(data: Mapping[str, Any], begin: str = "") -> Iterator[str]:
    for key, value in data.items():
        yield begin + key
        if isinstance(value, dict):
            yield from _paths(value, f"{begin}{key}.")


def _table(raw: Any, section: str, keys: Mapping[str, tuple[Rule, Any]], where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: [{section}] must be a table, it is {raw!r}")
    for key in raw:
        if key not in keys:
            raise ConfigError(f"{where}: {section}.{key} is not a setting; known: {', '.join(keys)}{near(key, list(keys))}")
    return {key: apply(rule, raw[key], f"{where}: {section}.{key}") if key in raw else default for key, (rule, default) in keys.items()}


def _exchanges(raw: Any, where: str) -> dict[str, tuple[str, float | None, float | None]]:
    if not isinstance(raw, dict) or not raw:
        raise ConfigError(
            f"{where}: [exchange.NAME] is missing, with its mode: {', '.join(MODES)}; NAME is one of {', '.join(config.VENUES)}"
        )
    out = {}
    for exchange, table in raw.items():
        if exchange not in config.VENUES:
            known = ", ".join(config.VENUES)
            raise ConfigError(f"{where}: exchange.{exchange} is not known; known: {known}{near(exchange, config.VENUES)}")
        one = _table(table, f"exchange.{exchange}", _EXCHANGE, where)
        if one["mode"] is None:
            raise ConfigError(f"{where}: exchange.{exchange}.mode is missing: {', '.join(MODES)}")
        if (one["taker_fee"] is None) != (one["maker_fee"] is None):
            raise ConfigError(f"{where}: exchange.{exchange} has one fee of two: give taker_fee and maker_fee")
        out[exchange] = one["mode"], one["taker_fee"], one["maker_fee"]
    return out


def _symbols(trade: Mapping[str, Any], exchanges: tuple[str, ...], where: str) -> tuple[tuple[str, str, int, bool], ...]:
    found: dict[tuple[str, str], tuple[str, str, int, bool]] = {}
    for key, traded in (("symbols", True), ("listen", False)):
        for at, value in enumerate(trade[key]):
            what = f"{where}: trade.{key}[{at}]"
            exchange = _exchange_of(value, exchanges, what)
            one = apply(lambda raw, venue=exchange: symbol(raw, 5, venue), value, what)  # type: ignore[misc]
            if (one.symbol, exchange) in found:
                raise ConfigError(f"{what}: {one.symbol} stands there already")
            found[one.symbol, exchange] = one.symbol, exchange, one.level_num, traded
    if not found:
        raise ConfigError(f'{where}: trade.symbols is missing: a list such as ["BTCUSDT:5"]')
    return tuple(found.values())


def _exchange_of(value: Any, exchanges: tuple[str, ...], what: str) -> str:
    plain = value.partition(":")[0] if isinstance(value, str) else ""
    named = plain.partition(".")[2]
    if named and named not in exchanges:
        raise ConfigError(f"{what}: exchange {named} has no section [exchange.{named}]; it is {value!r}")
    if not named and len(exchanges) > 1:
        raise ConfigError(f"{what}: say which exchange, as SYMBOL.EXCHANGE: there are {', '.join(exchanges)}; it is {value!r}")
    return named or exchanges[0]


def service_of(file: TradeFile, *, mode: str | None = None, name: str | None = None) -> TradeService:
    """Return the TradeService that a file describes, ready to run.

    Parameters
    ----------
    mode : str, optional
        One of `SAFER`, instead of the file's modes.
    name : str, optional
        Instead of the file's.
    """
    if mode is not None and mode not in SAFER:
        hint = f"; 'direct' has to stand in {file.path}" if mode == "direct" else ""
        raise ConfigError(f"the mode can be set to {', '.join(SAFER)} only; it is {mode!r}{hint}")
    strategy = _make(file)
    ports = [f"{one}.{exchange}" for one, exchange, _, _ in file.symbols]
    cids = dict(enumerate(ports, _FIRST_CID))
    service = TradeService(cids, name=name or file.name, feed=file.feed or None, slow=file.slow, guard=file.guard, **file.policy)
    for exchange, (own, taker, maker) in file.exchanges.items():
        service.config_exchange(exchange, mode or own)
        if taker is not None and maker is not None:
            service.set_fee(exchange, taker, maker)
    for one, exchange, level_num, traded in file.symbols:
        (service.add_trade_symbol if traded else service.add_md_symbol)(one, exchange, level_num)
    service.add_strategy(strategy)
    return service


def _make(file: TradeFile) -> BaseStrategy:
    """Import the strategy's file and make an instance of its class."""
    script, _, name_ = file.strategy.partition(":")
    source = file.path.parent / script
    if not source.is_file():
        raise ConfigError(f"{file.path}: trade.strategy: {source} is no file")
    sys.path.insert(0, str(source.parent))
    spec = importlib.util.spec_from_file_location(source.stem, source)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file.path}: trade.strategy: {source} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.stem] = module
    spec.loader.exec_module(module)
    found = {key: one for key, one in vars(module).items() if isinstance(one, type) and issubclass(one, BaseStrategy)}
    if name_ not in found:
        own = sorted(key for key, one in found.items() if one.__module__ == module.__name__)
        raise ConfigError(
            f"{file.path}: trade.strategy: {source.name} has no strategy {name_!r}; it has {', '.join(own) or 'none'}{near(name_, own)}"
        )
    try:
        return found[name_](**file.params)
    except TypeError as exc:
        raise ConfigError(f"{file.path}: [params] do not fit {name_}: {exc}") from exc
