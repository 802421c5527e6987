"""Orders as the C core wants them: a venue's rules as scaled integers, and the gateways that orders go through.

For: the trade process (``aats.trade_orders``).  Not for an order's life (csrc/order, csrc/app/trader.h) nor for market data (``aats.instruments``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from urllib.parse import urlsplit

from aats import budget, config, instrument_store, venue
from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ConfigError
from aats.instruments import exponents, scaled
from aats.venue import Endpoints, Instrument

__all__ = ["Outlet", "Rules", "cafile", "fetch_rules", "new_paper", "new_session", "order_endpoints", "outlets", "rules_of"]

#: Fees are told to so many digits behind the point.
_FEE_EXP = -8
#: Rates and percent bands are parts of 1e8.
_RATE = Decimal(10) ** 8
#: Commission where set_fee was not called: that of an account without discounts.
DEFAULT_FEE = 0.001
_INT64_MAX = 2**63 - 1


def order_endpoints(name: str, mode: str) -> Endpoints:
    """Return where orders and trading rules of a venue are in a mode: the environment's addresses, else the venue's own.

    Raises
    ------
    ConfigError
        There is none; the text names the variables to set.
    """
    environment = config.environment()
    prefix = f"AATS_ENDPOINT_{name}_{mode.upper()}_"
    own = venue.client_class(name).endpoints_of(mode) or Endpoints("", "")
    rest, wsapi, private = (environment.get(prefix + kind, ("",))[0] for kind in ("REST", "WSAPI", "PRIVATE"))
    # whoever sends orders elsewhere wants to hear of them from there
    found = Endpoints(rest or own.rest, own.stream, wsapi or own.wsapi, private or ("" if wsapi else own.private))
    missing = " and ".join(prefix + kind for kind, have in (("REST", found.rest), ("WSAPI", found.wsapi)) if not have)
    if missing:
        hint = "; `aats sim` prints the lines to export" if mode == "sim" else ""
        raise ConfigError(f"{name} {mode}: orders have no address to go to: set {missing}{hint}")
    return found


def rest_endpoint(name: str, mode: str) -> Endpoints:
    """Return where trading rules are in a mode; orders need no address there (paper trading)."""
    own = venue.client_class(name).endpoints_of(mode) or Endpoints("", "")
    variable = f"AATS_ENDPOINT_{name}_{mode.upper()}_REST"
    rest = config.environment().get(variable, ("",))[0] or own.rest
    if not rest:
        raise ConfigError(f"{name} {mode}: trading rules have no address to come from: set {variable}")
    return Endpoints(rest, own.stream)


def cafile() -> str:
    """Return the CA file to trust instead of the system's, "" for none."""
    return str(config.environment()["AATS_CAFILE"][0])


# ------------------------------------------------------------------------------------------------------------- rules


@dataclass(frozen=True)
class Rules:
    """A symbol's rules for orders, in C's form.

    Attributes
    ----------
    raw : cffi ``aats_rules_t *``
    """

    instrument: Instrument
    raw: Any

    @property
    def port(self) -> str:
        return self.instrument.symbol


def rules_of(instrument: Instrument, name: str) -> Rules:
    """Return the ``aats_rules_t`` of an instrument.

    Raises
    ------
    ConfigError
        A number of the venue is no multiple of the scale.
    """
    px_exp, qty_exp = exponents(name, instrument)
    limits, what = instrument.limits, instrument.symbol
    out = ffi.new("aats_rules_t *")
    for field, name_of in (("symbol", what), ("native", instrument.native), ("base", instrument.base), ("quote", instrument.quote)):
        raw = name_of.encode()
        if len(raw) >= ffi.sizeof(getattr(out, field)):
            raise ConfigError(f"{what}: {field} {name_of!r} is longer than {ffi.sizeof(getattr(out, field)) - 1} bytes")
        setattr(out, field, raw)
    out.px_exp, out.qty_exp, out.fee_exp = px_exp, qty_exp, _FEE_EXP
    out.halted = not instrument.trading
    out.number = instrument.number
    out.tick_i = scaled(instrument.tick, px_exp, f"tick size of {what}")
    out.lot_i = scaled(instrument.lot, qty_exp, f"lot size of {what}")
    for field, value, exponent in (
        ("min_px_i", limits.min_px, px_exp),
        ("max_px_i", limits.max_px, px_exp),
        ("min_qty_i", limits.min_qty, qty_exp),
        ("max_qty_i", limits.max_qty, qty_exp),
        ("market_lot_i", limits.market_lot, qty_exp),
        ("market_min_qty_i", limits.market_min_qty, qty_exp),
        ("market_max_qty_i", limits.market_max_qty, qty_exp),
        ("min_notional_i", limits.min_notional, px_exp),
        ("max_notional_i", limits.max_notional, px_exp),
        ("bid_up_i", limits.bid_up, _FEE_EXP),
        ("bid_down_i", limits.bid_down, _FEE_EXP),
        ("ask_up_i", limits.ask_up, _FEE_EXP),
        ("ask_down_i", limits.ask_down, _FEE_EXP),
    ):
        beyond = value.scaleb(-exponent) > _INT64_MAX  # no number of ours can break such a bound
        setattr(out, field, 0 if beyond else scaled(value, exponent, f"{field} of {what}"))
    _contract(out, instrument)
    out.min_notional_market, out.max_notional_market = limits.min_notional_market, limits.max_notional_market
    return Rules(instrument, out)


def _contract(out: Any, instrument: Instrument) -> None:
    """Enter what one unit of quantity is worth; spot has no contract."""
    if instrument.kind == "spot":
        return
    sign, digits, exponent = instrument.contract_size.normalize().as_tuple()
    settle = (instrument.settle or instrument.quote).encode()
    size = int("".join(map(str, digits)))
    if sign or not size or size > _INT64_MAX or not isinstance(exponent, int) or len(settle) >= ffi.sizeof(out.settle):
        raise ConfigError(
            f"{instrument.symbol}: no order can be valued with a contract of {instrument.contract_size} {instrument.contract_unit}"
        )
    out.derivative, out.inverse, out.settle = 1, instrument.inverse, settle
    out.contract_i, out.contract_exp = size, exponent


def fetch_rules(name: str, endpoints: Endpoints, ports: Sequence[str], *, mode: str = "") -> dict[str, Rules]:
    """Ask a venue for the rules of symbols (``SYMBOL.EXCHANGE``).  Some tenths of a second; any thread.

    Parameters
    ----------
    mode : str, optional
        Of the exchange: the request counts in the host's budget of its address, and waits for it.  Default: for itself alone.

    Raises
    ------
    ConfigError
        A symbol is not listed there, or the venue does not answer.
    """
    shared = budget.budgets_of(name, mode, endpoints.rest) if mode else None
    client = venue.client_class(name)(endpoints, cafile=cafile(), timeout_s=config.limits().snapshot_ms / 1000, budget=shared)
    try:
        listed = client.instruments(ports)
    except ConfigError:
        raise
    except AatsError as exc:
        raise ConfigError(f"no trading rules for {' '.join(ports)}: {exc}") from exc
    finally:
        client.close()
    if mode:
        instrument_store.remember(name, mode, endpoints.rest, listed.values())
    return {port: rules_of(instrument, name) for port, instrument in listed.items()}


# ---------------------------------------------------------------------------------------------------------- gateways


@dataclass(frozen=True)
class Outlet:
    """Where one way of an order session goes (csrc/venue/order.h)."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def field(self) -> bytes:
        """What stands in a Host field."""
        usual = 443 if self.tls else 80
        return (self.host if self.port == usual else f"{self.host}:{self.port}").encode()


def outlets(name: str, endpoints: Endpoints) -> list[Outlet]:
    """Return where each way of a venue's order session goes, in the order of the ways.

    Raises
    ------
    ConfigError
        There is no such venue, or an address is none.
    """
    kind, at = ffi.new("int *"), ffi.new("int *")
    found: list[Outlet] = []
    while lib.aats_order_way(name.encode(), len(found), kind, at) == lib.AATS_OK:
        http = kind[0] == lib.AATS_OWAY_HTTP
        private = endpoints.private if at[0] == lib.AATS_OAT_PRIVATE else ""
        found.append(_outlet(endpoints.rest if http else private or endpoints.wsapi, ("https", "http") if http else ("wss", "ws")))
    if not found:
        raise ConfigError(f"no orders can be sent to {name}: its order session is not built in")
    return found


def _outlet(address: str, schemes: tuple[str, str]) -> Outlet:
    parts = urlsplit(address)
    if parts.scheme not in schemes or not parts.hostname:
        raise ConfigError(f"order endpoint {address!r} must look like {schemes[0]}://HOST:PORT or {schemes[1]}://HOST:PORT")
    tls = parts.scheme == schemes[0]
    return Outlet(tls, parts.hostname, parts.port or (443 if tls else 80), parts.path.rstrip("/"))


def new_session(
    name: str,
    endpoints: Endpoints,
    key: Any,
    secret: Any,
    *,
    instance: int,
    passphrase: Any = "",
    sandbox: bool = False,
    earlier: Iterable[int] = (),
    rules: Iterable[Rules] = (),
    ca_file: str | None = None,
) -> Any:
    """Return an ``aats_session_t *`` with its host; ``aats_trader_session`` takes it over.

    Parameters
    ----------
    key, secret, passphrase : str, or cffi ``char *``
        The latter from memory that Python makes no copies of.
    instance : int
        Of this run's client ids.
    sandbox : bool
        It is the venue's test network: some want to be told so in each request.
    earlier : iterable of int
        Instances of earlier runs, whose open orders are canceled.
    rules : iterable of Rules
        Symbols whose open orders are looked at when it reconciles.
    ca_file : str, optional
        CA file to trust; default: the environment's.
    """
    ways = outlets(name, endpoints)
    limits = config.limits()
    why = ffi.new("char[]", 1024)
    opts = ffi.new("aats_session_opts_t *")
    lib.aats_session_defaults(opts)
    opts.venue = name.encode()
    opts.host, opts.path, opts.sandbox = ways[0].field, ways[0].path.encode(), sandbox
    for way, place in zip(ways[1:], opts.more):
        place.host, place.path = way.field, way.path.encode()
    opts.answer_ns = limits.order_answer_ms * 1_000_000
    opts.connect_ns = limits.connect_ms * 1_000_000
    instances = list(earlier)
    session = lib.aats_session_new(
        opts, _chars(key), _chars(secret), ffi.new("uint64_t[]", instances) if instances else ffi.NULL, len(instances), why, len(why)
    )
    if session == ffi.NULL:
        raise ConfigError(f"{name}: {text(why)}")
    try:
        lib.aats_session_own(session, instance)
        _done(lib.aats_session_passphrase(session, _chars(passphrase)), f"{name}: the passphrase is too long")
        for one in rules:
            _done(lib.aats_session_symbol(session, one.raw), f"{one.port} cannot be traded on one more order session")
        _open_host(session, ways, cafile() if ca_file is None else ca_file, name)
    except BaseException:
        lib.aats_session_free(session)
        raise
    return session


def _open_host(session: Any, ways: Sequence[Outlet], ca_file: str, name: str) -> None:
    why = ffi.new("char[]", 1024)
    outside = ffi.new("aats_session_host_opts_t *")
    outside.host, outside.port, outside.plain = ways[0].host.encode(), ways[0].port, not ways[0].tls
    for way, place in zip(ways[1:], outside.more):
        place.host, place.port, place.plain = way.host.encode(), way.port, not way.tls
    outside.ca_file = ca_file.encode()
    if lib.aats_session_host_open(session, outside, why, len(why)) != lib.AATS_OK:
        raise ConfigError(f"{name}: {text(why)}")


def _chars(secret: Any) -> Any:
    return secret.encode() if isinstance(secret, str) else secret


def new_paper(taker_fee: float | None, maker_fee: float | None) -> Any:
    """Return an ``aats_paper_t *``; ``aats_trader_paper`` takes it over."""
    opts = ffi.new("aats_paper_opts_t *")
    lib.aats_paper_defaults(opts)
    opts.taker_rate_i = _rate(DEFAULT_FEE if taker_fee is None else taker_fee)
    opts.maker_rate_i = _rate(DEFAULT_FEE if maker_fee is None else maker_fee)
    paper = lib.aats_paper_new(opts)
    if paper == ffi.NULL:
        raise MemoryError("paper trading")
    return paper


def _rate(fee: float) -> int:
    return int((Decimal(repr(fee)) * _RATE).to_integral_value(ROUND_HALF_EVEN))


def _done(code: int, what: str) -> int:
    if code < 0:
        raise ConfigError(f"{what} ({text(lib.aats_err_name(code))})")
    return code


def add_symbols(trader: Any, gateway: int, rules: Mapping[str, Rules]) -> dict[str, int]:
    """Enter symbols into a trader; return their indices in it by port."""
    return {
        port: _done(lib.aats_trader_add_symbol(trader, one.raw, gateway), f"{port} cannot be traded by one more symbol")
        for port, one in rules.items()
    }
