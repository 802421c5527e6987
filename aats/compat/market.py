"""The published client's market servers: from its settings to a feed, and how a feed does in its words.

For: ``aats.compat.control``.  Not for the data itself: the feed's fan-out sends it.

The client's script waits for nothing but "ok" or "bind error!": each failure becomes the latter, with its reason in the log of the control server.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aats import config, control
from aats.base.const import NetWorkType, member
from aats.compat.wire import number
from aats.config import FeedConfig
from aats.control_address import check_here
from aats.control_feeds import alone, start_feed
from aats.errors import AatsError, ConfigError
from aats.layout import DirState, Role, State

__all__ = ["BIND_ERROR", "Markets", "feed_of", "is_loopback"]

log = logging.getLogger("aats.compat")

BIND_ERROR = "bind error!"
#: Deeper books do not survive the client's splitter (csrc/proto/compat.h).
DEPTH_MAX = 100
_STARTING = "starting"
_GOOD = (DirState.LIVE, DirState.HALTED)
_SYMBOLS_MAX = 1024
_REMEMBERED = 256


def is_loopback(address: str) -> bool:
    """Whether an address, or what a name stands for, is of this host's inside alone; a ConfigError if it cannot be resolved."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as exc:
        raise ConfigError(f"address {address!r} cannot be resolved: {getattr(exc, 'strerror', None) or 'it is no host name'}") from None
    return all(ipaddress.ip_address(str(one).partition("%")[0]).is_loopback for one in found)


def feed_of(cfg: Any, *, insecure: bool, environment: Mapping[str, str]) -> FeedConfig:
    """Return the feed that ``cfg`` of a new_market_instance request describes.

    Parameters
    ----------
    insecure : bool
        The data may leave this host.
    environment : mapping
        ``AATS_MODE``, ``AATS_CAFILE``, ``AATS_ENDPOINT_*``: the client has no word for them.

    Raises
    ------
    ConfigError
        It cannot run; the text names field, rule and value.
    """
    if not isinstance(cfg, Mapping):
        raise ConfigError("cfg must be an object with network and symbols")
    instance, network, symbols = (cfg.get(key) for key in ("instance", "network", "symbols"))
    if not isinstance(network, Mapping):
        raise ConfigError("cfg.network must be an object")
    net = _net(network, insecure)
    venue, levels, compat = _symbols(symbols)
    mode = environment.get("AATS_MODE") or "direct"
    prefix = f"AATS_ENDPOINT_{venue}_{mode.upper()}_"
    endpoints = {key: environment.get(prefix + key.upper(), "") for key in ("rest", "stream", "wsapi")}
    tables = {
        "feed": {
            "name": f"{venue.lower()}-{net['port']}",
            "venue": venue,
            "mode": mode,
            "symbols": levels,
            "open_l2": isinstance(instance, Mapping) and instance.get("l2_change") is True,
        },
        "net": {**net, "compat": compat},
        "endpoints": {**endpoints, "cafile": environment.get("AATS_CAFILE", "")},
    }
    return config.feed_config(tables, where="new_market_instance")


def _net(network: Mapping[str, Any], insecure: bool) -> dict[str, Any]:
    kind = member(NetWorkType, network.get("send_type"), "cfg.network.send_type", error=ConfigError)
    if kind == NetWorkType.SHM:
        raise ConfigError("cfg.network.send_type must be 1 (P2P), 2 (BROADCAST) or 3 (MULTIBROAD); it is 0")
    ip, port, card = network.get("send_to_ip"), number(network.get("send_to_port")), network.get("network_card_name", "")
    if not isinstance(ip, str) or not ip.strip() or len(ip) > 253:
        raise ConfigError(f"cfg.network.send_to_ip must be a host name or address; it is {_short(ip)}")
    if port is None or not 1 <= port <= 65535:
        raise ConfigError(f"cfg.network.send_to_port must be a whole number from 1 to 65535; it is {_short(network.get('send_to_port'))}")
    if not isinstance(card, str) or len(card) > 47:
        raise ConfigError(f"cfg.network.network_card_name must be the name of a network card; it is {_short(card)}")
    ip = ip.strip()
    if kind == NetWorkType.P2P:
        if not insecure and not is_loopback(ip):
            raise ConfigError(f"cfg.network.send_to_ip {ip}: beyond loopback only under `aats control --compat-insecure`")
    elif not insecure and card not in ("lo", "127.0.0.1"):
        raise ConfigError(f"cfg.network: {kind.name} beyond the card lo only under `aats control --compat-insecure`")
    return {"send_type": kind.name.lower(), "ip": ip, "port": port, "netcard": card}


def _symbols(symbols: Any) -> tuple[str, list[dict[str, Any]], dict[str, dict[str, int]]]:
    """Return the venue, the symbols with their depths, and the client's numbers for them."""
    if not isinstance(symbols, list) or not 1 <= len(symbols) <= _SYMBOLS_MAX:
        raise ConfigError(f"cfg.symbols must be a list of 1 to {_SYMBOLS_MAX} symbols")
    levels: dict[str, int] = {}
    compat: dict[str, dict[str, int]] = {}
    venues: set[str] = set()
    for at, one in enumerate(symbols):
        what = f"cfg.symbols[{at}]"
        port = one.get("port") if isinstance(one, Mapping) else None
        if not isinstance(one, Mapping) or not isinstance(port, list) or len(port) != 2 or not all(isinstance(part, str) for part in port):
            raise ConfigError(f"{what} must have port: [symbol, exchange]")
        symbol, venue = port
        cid, level = number(one.get("cid")), number(one.get("book_level", 5))
        if venue not in config.VENUES:
            raise ConfigError(f"{what}: exchange must be one of {', '.join(config.VENUES)}; it is {_short(venue)}")
        if cid is None or not -(2**31) <= cid < 2**31:
            raise ConfigError(f"{what}: cid must be a whole number of 32 bits; it is {_short(one.get('cid'))}")
        if level is None or not 1 <= level <= config.LEVEL_NUM_MAX:
            raise ConfigError(
                f"{what}: book_level must be a whole number from 1 to {config.LEVEL_NUM_MAX}; it is {_short(one.get('book_level'))}"
            )
        if (symbol in compat and compat[symbol]["cid"] != cid) or any(symbol != name and cid == row["cid"] for name, row in compat.items()):
            raise ConfigError(
                f"{what}: a symbol has one cid, and a cid one symbol; {_short(symbol)} with {cid} does not fit to those before it"
            )
        venues.add(venue)
        levels[symbol] = max(level, levels.get(symbol, 0))
        compat[symbol] = {"cid": cid, "level": min(DEPTH_MAX, levels[symbol])}
    if len(venues) > 1:
        raise ConfigError(
            f"cfg.symbols are of {', '.join(sorted(venues))}: a market server has one exchange, start one for each, on ports of their own"
        )
    return venues.pop(), [{"symbol": symbol, "level": level} for symbol, level in levels.items()], compat


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + " ..."


@dataclass
class _Asked:
    """A market server that was asked for, and until when its books may be on their way."""

    name: str
    symbols: tuple[str, ...]
    deadline: float


class Markets:
    """The market servers that clients have asked for; feeds go on without it.

    Notes
    -----
    Threads: any one at a time; both calls may block.
    """

    def __init__(self, *, insecure: bool, environment: Mapping[str, str]) -> None:
        self._insecure = insecure
        self._environment = dict(environment)
        self._asked: dict[int, _Asked] = {}

    def start(self, cfg: Any) -> int:
        """Start a feed, or take the one that runs with exactly this; return its pid.

        Raises
        ------
        AatsError
            It cannot be had; the text says why.
        """
        wanted = feed_of(cfg, insecure=self._insecure, environment=self._environment)
        wanted = replace(wanted, net=check_here(wanted.net, "new_market_instance"))
        with alone(wanted.name):
            running = control.find_feeds(name=wanted.name)
            if running:
                _check_same(wanted, running[0].pid)
            pid = running[0].pid if running else start_feed(wanted).pid
        ports = tuple(f"{one.symbol}.{wanted.venue}" for one in wanted.symbols)
        self._asked[pid] = _Asked(wanted.name, ports, time.monotonic() + wanted.limits.feed_ready_ms / 1000)
        while len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return pid

    def state(self, pid: Any) -> str:
        """Return "ok" once data of all symbols flows, "bind error!" when it will not, anything else while it may."""
        number_ = number(pid)
        if number_ is None or number_ < 1:
            return self._failed(f"require_market_data_state: pid must be a whole number above 0; it is {_short(pid)}")
        try:
            return self._look(number_)
        except AatsError as exc:
            return self._failed(f"market server {number_}: {exc}")

    def _look(self, pid: int) -> str:
        entry = control.entry_of_pid(pid)
        if entry.role != Role.FEED or not entry.alive() or entry.state == State.FAIL:
            return self._failed(f"market server {pid}: it has ended" if entry.role == Role.FEED else f"pid {pid} is no market server")
        feeds = [one for one in control.find_feeds() if one.pid == pid]
        if feeds and feeds[0].received:
            return self._failed(f"pid {pid} receives a market server's data, it is none itself")
        asked = self._asked.get(pid)
        states = feeds[0].symbols if feeds else {}
        symbols = asked.symbols if asked is not None else tuple(symbol for symbol, state in states.items() if state != DirState.GONE)
        missing = [symbol for symbol in symbols if states.get(symbol) not in _GOOD]
        if feeds and not missing:
            return "ok"
        if asked is not None and time.monotonic() >= asked.deadline:
            return self._failed(f"market server {pid} ({asked.name}): not synchronised in time: {', '.join(missing) or 'it is not up'}")
        return _STARTING

    @staticmethod
    def _failed(reason: str) -> str:
        log.warning("%s", reason)
        return BIND_ERROR


def _check_same(wanted: FeedConfig, pid: int) -> None:
    """Raise unless the feed of that name that runs was started with these settings."""
    file = config.run_dir() / f"feed-{wanted.name}.toml"
    have = config.load(file)
    same = (have.venue, have.mode, have.net) == (wanted.venue, wanted.mode, wanted.net)  # net.compat has symbols, cids and depths
    if not same:
        raise ConfigError(
            f"market server {wanted.name!r} (pid {pid}) runs already with other symbols, cids or network: kill it first, or take another port"
        )
