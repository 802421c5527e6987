"""From the settings that the published client sends with ``init`` to a `TradeService`.

For: ``aats.compat.trade``.  Not for its orders: ``aats.compat.relay``.

    exchanges  [{exchange, trader_type}]                  apikeys  {exchange: {key, secret, pass, subaccount}}
    symbols    [{cid, port: [symbol, exchange]}]          fees     {exchange: {take, make}}           symbol_info  not read

No text of an error quotes an API key, and a session never uses the keys of this host: where one is needed, the client has to bring it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aats.base.const import TradeType, member
from aats.compat.wire import number
from aats.errors import ConfigError
from aats.trade import Session
from aats.trade_service import TradeService

__all__ = ["SessionService", "service_of"]

_SYMBOLS_MAX = 256
_LEVELS = 1  # enough here: the client's own books come from the feed, on a connection of their own
_KEYLESS = (TradeType.PAPER,)


class SessionService(TradeService):
    """A `TradeService` that shows the port of its session in the control table."""

    port = 0

    def _open(self, symbols: Any) -> Session:
        session = super()._open(symbols)
        session.member.describe(port=self.port)
        return session


def service_of(data: Any, *, name: str, port: int, control: tuple[str, int]) -> SessionService:
    """Return the service that ``data`` of an init describes, without a strategy.

    Parameters
    ----------
    name : str
        Of the process.
    port : int
        Of the session.
    control : tuple
        Address of the control server.

    Raises
    ------
    ConfigError
        It cannot run; the text names field, rule and value.
    """
    if not isinstance(data, Mapping):
        raise ConfigError("init: data must be an object")
    symbols = _symbols(data.get("symbols"))
    service = SessionService({cid: f"{symbol}.{exchange}" for cid, (symbol, exchange) in symbols.items()}, name=name)
    service.port = port
    service.set_ts_connection(*control)
    keys = _table(data.get("apikeys"), "apikeys")
    for exchange, kind in _exchanges(data.get("exchanges")).items():
        service.config_exchange(exchange, kind)
        given = _table(keys.get(exchange), f"apikeys of {exchange}")
        if given:
            service.set_apikey(exchange, *(given.get(key, "") for key in ("key", "secret", "pass", "subaccount")))
        elif kind not in _KEYLESS and any(traded == exchange for _, traded in symbols.values()):
            raise ConfigError(f"init: apikeys has nothing for {exchange}: call set_apikey")
    for exchange, fees in _table(data.get("fees"), "fees").items():
        fees = _table(fees, "fees of an exchange")
        if {"take", "make"} <= set(fees):
            service.set_fee(exchange, fees["take"], fees["make"])
    for symbol, exchange in symbols.values():
        service.add_trade_symbol(symbol, exchange, _LEVELS)
    return service


def _table(value: Any, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"init: {what} must be an object")
    return value


def _symbols(value: Any) -> dict[int, tuple[str, str]]:
    """Return symbol and exchange by cid."""
    if not isinstance(value, list) or not 1 <= len(value) <= _SYMBOLS_MAX:
        raise ConfigError(f"init: symbols must be a list of 1 to {_SYMBOLS_MAX} symbols")
    out: dict[int, tuple[str, str]] = {}
    for at, one in enumerate(value):
        port = one.get("port") if isinstance(one, Mapping) else None
        if not isinstance(port, list) or len(port) != 2 or not all(isinstance(part, str) and 1 <= len(part) <= 24 for part in port):
            raise ConfigError(f"init: symbols[{at}] must have port: [symbol, exchange]")
        cid = number(one.get("cid", at))
        if cid is None or not -(2**31) <= cid < 2**31:
            raise ConfigError(f"init: symbols[{at}]: cid must be a whole number of 32 bits")
        if out.get(cid, tuple(port)) != tuple(port):
            raise ConfigError(f"init: symbols[{at}]: cid {cid} stands for another symbol already")
        out[cid] = (port[0], port[1])
    return out


def _exchanges(value: Any) -> dict[str, TradeType]:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) and isinstance(one.get("exchange"), str) for one in value):
        raise ConfigError("init: exchanges must be a list of objects with exchange and trader_type")
    return {one["exchange"]: member(TradeType, one.get("trader_type"), "init: trader_type", error=ConfigError) for one in value}
