"""Rules of addresses and symbol maps that a script hands to a service; each breach is a ConfigError that names call, value and rule.

For: ``MarketService``, ``ControlService``, ``TradeService``, ``aats receive``; and `check_here` for whoever opens a feed's network.  What can be told without
looking at this host stands in ``aats.config.network``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import logging
import socket
from collections.abc import Mapping
from typing import Any

import psutil

from aats import config, token
from aats.base.const import NetWorkType, member
from aats.errors import ConfigError

__all__ = ["address_of", "check_address", "check_here", "check_network", "check_receiving", "check_symbol_map", "own_addresses"]

log = logging.getLogger("aats.control")

_ALL = ("0.0.0.0", "::")
_EVERYBODY = "255.255.255.255"


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


def check_network(ip: Any, port: Any, send_type: NetWorkType, netcard: Any, call: str, *, here: bool = True) -> config.Net:
    """Return the network settings of a market server if address and card fit the send type.

    Parameters
    ----------
    here : bool
        False: the market server will be on another host, whose cards and addresses are not known here.

    Raises
    ------
    ConfigError
        The address is outside its kind's range or not of this host, its name cannot be resolved, or the card is not there.
    """
    if send_type == NetWorkType.SHM:
        return config.Net()
    net = _net(ip, port, send_type, netcard, call)
    return _of_this_host(net, call) if here else net


def check_receiving(ip: Any, port: Any, send_type: NetWorkType | str, netcard: Any, call: str) -> config.Net:
    """Return the same for who receives: with P2P the market server's address, which may be any host's; resolved.

    Raises
    ------
    ConfigError
        The address is outside its kind's range, its name cannot be resolved, or the card is not there.
    """
    net = _net(ip, port, member(NetWorkType, send_type, f"{call}: send_type", error=ConfigError), netcard, call, receive=True)
    check_card(net.netcard, call)
    if net.send_type == "broadcast" and net.ip != _EVERYBODY:
        _check_broadcast(net, call)
    return dataclasses.replace(net, ip=address_of(net.ip, call))


def _net(ip: Any, port: Any, send_type: NetWorkType, netcard: Any, call: str, *, receive: bool = False) -> config.Net:
    kind, number = send_type.name.lower(), check_port(port, call)
    found = config.check_network(kind, ip, number, f"{call}: ", receive=receive)
    return config.Net(kind, found, number, str(netcard or ""))


def check_here(net: config.Net, call: str) -> config.Net:
    """Return the settings of a market server on this host, its address resolved; what `check_network` could not say elsewhere is said here.

    Raises
    ------
    ConfigError
        As `check_network`, and: P2P beyond loopback without a token.
    """
    if net.send_type == "shm":
        return net
    net = _of_this_host(net, call)
    if net.send_type == "p2p" and not ipaddress.ip_address(net.ip).is_loopback and not token.token():
        raise ConfigError(
            f"{call}: send_type P2P at {net.ip} lets other hosts in, which takes a token: make one with `aats token --new` (it is written to "
            f"{token.token_file()}), and give the receivers the same"
        )
    return net


def _of_this_host(net: config.Net, call: str) -> config.Net:
    check_card(net.netcard, call)
    if net.send_type == "p2p":
        return dataclasses.replace(net, ip=_own_address(net.ip, call))
    if net.send_type == "broadcast":
        if net.ip == _EVERYBODY and not net.netcard:
            log.info("%s: %s leaves by card %s, the default route's", call, net.ip, _card_for_everybody(call))
        elif net.ip != _EVERYBODY:
            _check_broadcast(net, call)
    return net


def address_of(host: str, call: str) -> str:
    """Return the address of a name, IPv4 where it has both; an address is returned as it is.

    Raises
    ------
    ConfigError
        The name cannot be resolved.
    """
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as exc:
        raise ConfigError(f"{call}: {host!r} cannot be resolved: {getattr(exc, 'strerror', None) or exc}") from None
    return min(found, key=lambda one: ":" in one)


def own_addresses() -> dict[str, list[str]]:
    """Return the addresses of each card of this host."""
    return {
        name: [one.address.partition("%")[0] for one in found if one.family in (socket.AF_INET, socket.AF_INET6)]
        for name, found in psutil.net_if_addrs().items()
    }


def _own_address(ip: str, call: str) -> str:
    """Return `ip`, or what the name stands for, if a market server can listen there."""
    found = address_of(ip, call)
    own = [one for addresses in own_addresses().values() for one in addresses]
    if found in _ALL or found in own or ipaddress.ip_address(found).is_loopback:
        return found
    stands = "" if found == ip else f", which is {found}"
    raise ConfigError(
        f"{call}: ip must be an address of this host, or 0.0.0.0 for all of them, with send_type P2P; it is {ip!r}{stands}; this host has {', '.join(own)}"
    )


def _broadcasts() -> dict[str, list[str]]:
    """Return the broadcast addresses of each card's networks."""
    out: dict[str, list[str]] = {}
    for name, found in psutil.net_if_addrs().items():
        for one in found:
            if one.family == socket.AF_INET and one.netmask:
                network = ipaddress.IPv4Interface(f"{one.address}/{one.netmask}").network
                if network.prefixlen < 31:  # a network of one or two hosts has none
                    out.setdefault(name, []).append(str(network.broadcast_address))
    return out


def _check_broadcast(net: config.Net, call: str) -> None:
    """Refuse a directed address that is of no card here, or not of the one that was named."""
    cards = _broadcasts()
    known = cards if not net.netcard else {name: found for name, found in cards.items() if net.netcard in (name, *own_addresses()[name])}
    if not any(net.ip in found for found in known.values()):
        of = f"card {net.netcard}" if net.netcard else "a card"
        raise ConfigError(
            f"{call}: ip must be {_EVERYBODY} or the broadcast address of {of} with send_type BROADCAST; it is {net.ip!r}; there are {_told(cards)}"
        )


def _card_for_everybody(call: str) -> str:
    card = default_card()
    if card is None:
        raise ConfigError(
            f"{call}: {_EVERYBODY} leaves by the default route's card, and there is no default route: name a card; there are {_told(_broadcasts())}"
        )
    return card


def _told(cards: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{name} {' '.join(found)}" for name, found in sorted(cards.items())) or "no cards with one"


def default_card() -> str | None:
    """Return the card of the default route (IPv4), None without one."""
    with contextlib.suppress(OSError), open("/proc/net/route", encoding="ascii") as file:
        routes = [line.split() for line in file][1:]
        found = [(int(one[6]), one[0]) for one in routes if one[1] == one[7] == "00000000" and int(one[3], 16) & 1]
        return min(found)[1] if found else None
    return None


def check_card(netcard: Any, call: str) -> str:
    """Return the card's name, or the address of one, or "" for the default; a ConfigError lists the cards there are."""
    if not netcard:
        return ""
    cards = own_addresses()
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
