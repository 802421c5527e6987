"""``MarketService``: have a market server started, with the symbols that you want to listen to.

    from aats.market_service import MarketService, NetWorkType

    service = MarketService({1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE"})
    service.set_control_server("127.0.0.1", 8060)
    service.set_network_cfg("239.255.0.1", 15004, NetWorkType.MULTIBROAD, "lo")     # optional: shared memory is always written
    service.add_listen_symbol("BTCUSDT", "BINANCE", 5)
    service.run()                                                                   # returns once the books are synchronised

The server is a process of its own and goes on; ``ControlService.kill_server`` or ``aats stop`` ends it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from aats import config, control_client, shm
from aats.base.const import NetWorkType, member
from aats.config import FeedConfig
from aats.control_address import check_address, check_network, check_symbol_map
from aats.errors import ConfigError

__all__ = ["MarketService", "NetWorkType"]

#: What a start may take beyond the time that the feed has to be ready.
_MARGIN_S = 5.0


class MarketService:
    """Market data of one or several exchanges, served by processes that outlive the script.

    Parameters
    ----------
    sym_cid_map : mapping
        cid -> ``SYMBOL.EXCHANGE``; what is listened to must be in it.
    """

    def __init__(self, sym_cid_map: Mapping[int, str]) -> None:
        self.sym_cid_map = check_symbol_map(sym_cid_map, "MarketService")
        self._host = "127.0.0.1"
        self._port = config.DEFAULT_CONTROL_PORT
        self._net = config.Net()
        self._l2 = False
        self._exchanges: dict[str, tuple[str, str]] = {}
        self._symbols: dict[str, dict[str, int]] = {}
        self.servers: list[dict[str, Any]] = []

    def set_control_server(self, ip: str, port: int) -> None:
        """Name the control server; default: 127.0.0.1, port 8060.  Where it is this host's and nobody listens, `run` starts one."""
        self._host, self._port = check_address(ip, port, "set_control_server")

    def set_network_cfg(self, ip: str, port: int, send_type: NetWorkType | str | int = NetWorkType.P2P, netcard_name: str = "") -> None:
        """Say how the data travels beside shared memory.

        Parameters
        ----------
        ip, port
            P2P: where the market server listens (TCP); 0.0.0.0 for every address of its host.  BROADCAST: 255.255.255.255, or the broadcast
            address of a card's network.  MULTIBROAD: a group of 224.0.0.0 to 239.255.255.255.  For the last two `port` is the receivers' (UDP).
        send_type : NetWorkType
            A member, its name or its value; SHM: shared memory only.
        netcard_name : str
            The card that sends, by name or address; default: the system's choice, for 255.255.255.255 the default route's card.

        Raises
        ------
        ConfigError
            The address is not of its kind's range, or not of this host, or there is no such card (the text lists them).

        Notes
        -----
        The market server runs on the control server's host: addresses and cards are looked for here if that is this host, so call
        `set_control_server` before.
        """
        kind = member(NetWorkType, send_type, "set_network_cfg: send_type", error=ConfigError)
        if config.environment()["AATS_MD"][0] == "shm":
            kind = NetWorkType.SHM
        here = kind == NetWorkType.SHM or control_client.on_this_host(self._host)
        self._net = check_network(ip, port, kind, netcard_name, "set_network_cfg", here=here)

    def open_l2_data(self) -> None:
        """Have single level changes published too, as ``onL2`` events."""
        self._l2 = True

    def add_exchange(self, exchange: str, market_data_type: str = "", market_data_channel: str = "") -> None:
        """Name an exchange; not needed: `add_listen_symbol` names it as well."""
        self._exchanges[_venue(exchange, "add_exchange")] = (market_data_type, market_data_channel)

    def add_listen_symbol(self, symbol: str, exchange: str, level_num: int = 5, *, book_level: int | None = None) -> None:
        """Add a symbol.

        Parameters
        ----------
        level_num : int
            Levels a side that are published, 1 to 1000; `book_level` is its older name.

        Raises
        ------
        ConfigError
            The symbol is not in the map, or a value breaks its rule.
        """
        level = level_num if book_level is None else book_level
        venue, port = _venue(exchange, "add_listen_symbol"), f"{symbol}.{exchange}"
        if port not in self.sym_cid_map.values():
            near = difflib.get_close_matches(port, self.sym_cid_map.values(), n=2)
            raise ConfigError(f"add_listen_symbol: {port} is not in sym_cid_map{f' (did you mean {near[0]}?)' if near else ''}")
        if type(level) is not int or not 1 <= level <= config.LEVEL_NUM_MAX:
            raise ConfigError(
                f"add_listen_symbol: level_num of {port} must be a whole number from 1 to {config.LEVEL_NUM_MAX}; it is {level!r}"
            )
        symbols = self._symbols.setdefault(venue, {})
        symbols[symbol] = max(level, symbols.get(symbol, 0))

    def run(self) -> None:
        """Have the market servers started, or running ones extended, and return once all books are synchronised.

        Afterwards `servers` holds pid, name and port of each.

        Raises
        ------
        ConfigError
            Nothing to listen to, or a symbol that the exchange does not have.
        ControlError
            The control server cannot be reached or started, or the books did not come in time.
        """
        if not self._symbols:
            raise ConfigError("run: no symbol to listen to: call add_listen_symbol first")
        feeds = [self.feed(venue) for venue in self._symbols]
        here = control_client.on_this_host(self._host)
        control_client.ensure(self._host, self._port)
        self.servers = []
        for feed in feeds:
            request: dict[str, Any] = {"op": "start_market", "config": feed.tables()}
            if here:  # another host's shared memory has namespaces of its own
                request["namespace"] = shm.namespace()
            answer = control_client.ask(self._host, self._port, request, timeout_s=feed.limits.feed_ready_ms / 1000 + _MARGIN_S)
            self.servers.append({key: value for key, value in answer.items() if key not in ("id", "ok")})
            what = "started" if answer["started"] else "runs"
            print(f"market server {answer['name']} {what}: pid {answer['pid']}, {len(answer['symbols'])} symbols, books synchronised")

    def feed(self, venue: str) -> FeedConfig:
        """Return the settings of the feed of one venue, as `run` asks for it."""
        mode = config.environment()["AATS_MODE"][0] or "direct"
        table: dict[str, Any] = {
            "venue": venue,
            "name": venue.lower() if mode == "direct" else f"{venue.lower()}-{mode}",
            "mode": mode,
            "symbols": [{"symbol": symbol, "level": level} for symbol, level in self._symbols[venue].items()],
            "open_l2": self._l2,
        }
        return config.feed_config({"feed": table, "net": vars(self._net)}, where="MarketService")


def _venue(exchange: Any, call: str) -> str:
    if exchange not in config.VENUES:
        near = difflib.get_close_matches(str(exchange).upper(), config.VENUES, n=1)
        raise ConfigError(
            f"{call}: exchange must be one of {', '.join(config.VENUES)}{f' (did you mean {near[0]}?)' if near else ''}; it is {exchange!r}"
        )
    return str(exchange)
