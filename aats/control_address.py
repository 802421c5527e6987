"""Rules of addresses and symbol maps that a script hands to a service; each breach is a ConfigError that names call, value and rule.

For: ``MarketService``, ``ControlService``, ``TradeService``.  Not for files: ``aats.config``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import psutil

from aats import config
from aats.base.const import NetWorkType
from aats.errors import ConfigError

__all__ = ["check_address", "check_network", "check_symbol_map"]


def check_address(ip: Any, port: Any, call: str) -> tuple[str, int]:
    """Return host and port if they can be an address to connect to."""
    if not isinstance(ip, str) or not ip.strip():
        raise ConfigError(f"{call}: ip must be a host name or address; it is {ip!r}")
    return ip.strip(), check_port(port, call)


def check_port(port: Any, call: str) -> int:
    """Return the port number, which may be given as text."""
    number = int(port) if isinstance(port, str) and port.isdecimal() else port
    if type(number) is not int or not 1 <= number <= 65535:
        raise ConfigError(f"{call}: port must be a whole number from 1 to 65535; it is {port!r}")
    return number


def check_network(ip: Any, port: Any, send_type: NetWorkType, netcard: Any, call: str) -> config.Net:
    """Return the network settings of a market server if address and card fit the send type.

    Raises
    ------
    ConfigError
        The address is outside its kind's range, the card is not there, or the send type is not available yet.
    """
    if send_type == NetWorkType.SHM:
        return config.Net()
    if send_type in (NetWorkType.P2P, NetWorkType.BROADCAST):
        raise ConfigError(
            f"{call}: send_type {send_type.name} is not available yet: use NetWorkType.MULTIBROAD, or NetWorkType.SHM on one host"
        )
    number = check_port(port, call)
    config.check_multicast(ip, number, f"{call}: ")
    return config.Net("multibroad", str(ipaddress.IPv4Address(ip)), number, check_card(netcard, call))


def check_card(netcard: Any, call: str) -> str:
    """Return the card's name, or the address of one, or "" for the default; a ConfigError lists the cards there are."""
    if not netcard:
        return ""
    cards = {name: [one.address for one in found] for name, found in psutil.net_if_addrs().items()}
    if netcard in cards or any(netcard in found for found in cards.values()):
        return str(netcard)
    raise ConfigError(f"{call}: no network card {netcard!r}; there are {', '.join(sorted(cards))}")


def check_symbol_map(sym_cid_map: Any, call: str) -> dict[Any, str]:
    """Return the map cid -> ``SYMBOL.EXCHANGE`` if each entry has that form and no symbol has two cids."""
    if not isinstance(sym_cid_map, Mapping):
        raise ConfigError(f"{call}: sym_cid_map must be a dict such as {{1001: 'BTCUSDT.BINANCE'}}; it is {sym_cid_map!r}")
    cids: dict[str, Any] = {}
    for cid, port in sym_cid_map.items():
        parts = port.split(".") if isinstance(port, str) else []
        if len(parts) != 2 or not all(parts):
            raise ConfigError(f"{call}: sym_cid_map[{cid!r}] must be 'SYMBOL.EXCHANGE', such as 'BTCUSDT.BINANCE'; it is {port!r}")
        if port in cids:
            raise ConfigError(f"{call}: {port} has two cids in sym_cid_map: {cids[port]!r} and {cid!r}")
        cids[port] = cid
    return dict(sym_cid_map)
