"""The rules of [net]: which address, port and extras a send type takes, as far as that can be told without looking at this host.

For: files, the services, `aats receive`.  Not for what depends on the host (its addresses, its cards, a token): ``aats.control_address``.

    send_type    ip                                                        port
    shm          any; not used                                             any; not used
    p2p          where the market server listens (TCP): address or name    1 to 65535
    broadcast    255.255.255.255, or the broadcast address of a network    1 to 65535, the receivers' (UDP)
    multibroad   224.0.0.0 to 239.255.255.255                              1 to 65535, the receivers' (UDP)
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aats.errors import ConfigError

_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_DATAGRAMS = ("broadcast", "multibroad")


def check_network(send_type: str, ip: Any, port: Any, what: str, *, receive: bool = False) -> str:
    """Return `ip` as it is usually spelled, a name in lower case, if address and port fit the send type.

    Parameters
    ----------
    send_type : str
        One of ``SEND_TYPES``.
    what : str
        Begins the text of a refusal: ``"feed.toml: net."``.
    receive : bool
        For who receives: to 0.0.0.0 one can listen, but not connect.

    Raises
    ------
    ConfigError
        It does not; the text has the rule and the value.
    """
    if send_type == "shm":
        return ip if isinstance(ip, str) else ""
    found = _RULES[send_type](ip, what, receive)
    if type(port) is not int or not 1 <= port <= 65535:
        raise ConfigError(f"{what}port must be a whole number from 1 to 65535; it is {port!r}")
    return found


def _address(ip: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(ip) if isinstance(ip, str) else None
    except ValueError:
        return None


def _multibroad(ip: Any, what: str, receive: bool) -> str:
    found = _address(ip)
    if not isinstance(found, ipaddress.IPv4Address) or not found.is_multicast:
        raise ConfigError(f"{what}ip must be from 224.0.0.0 to 239.255.255.255 with send_type MULTIBROAD; it is {ip!r}")
    return str(found)


def _broadcast(ip: Any, what: str, receive: bool) -> str:
    found = _address(ip)
    if not isinstance(found, ipaddress.IPv4Address) or found.is_multicast or found.is_unspecified:
        raise ConfigError(
            f"{what}ip must be 255.255.255.255 or the broadcast address of a card's network with send_type BROADCAST; it is {ip!r}"
        )
    return str(found)


def _p2p(ip: Any, what: str, receive: bool) -> str:
    return _host(ip, f"{what}ip", " with send_type P2P", receive)


def _host(ip: Any, what: str, when: str, receive: bool) -> str:
    found = _address(ip)
    if found is not None:
        if found.is_multicast or str(found) == "255.255.255.255":
            raise ConfigError(f"{what} must be the address of one host{when}; it is {ip!r}")
        if receive and found.is_unspecified:
            raise ConfigError(f"{what} must be the market server's own address{when}: nobody can connect to {ip!r}")
        return str(found)
    if not isinstance(ip, str) or _NAME.fullmatch(ip.strip()) is None or re.fullmatch(r"[0-9.]+", ip.strip()) is not None:
        raise ConfigError(f"{what} must be an address or the name of a host{when}; it is {ip!r}")
    return ip.strip().lower()


_RULES = {"p2p": _p2p, "broadcast": _broadcast, "multibroad": _multibroad}


def check_table(net: dict[str, Any], symbols: Sequence[str], where: str) -> None:
    """Check the table [net] of a feed with these symbols as a whole, and put its address in as `check_network` returns it.

    Raises
    ------
    ConfigError
        Settings that do not fit each other; what is set and would be ignored is refused, too.
    """
    kind = net["send_type"]
    net["ip"] = check_network(kind, net["ip"], net["port"], f"{where}: net.")
    for key in ("repair_ip", "repair_port"):
        if net[key] and kind not in _DATAGRAMS:
            raise ConfigError(f"{where}: net.{key} is for datagrams (broadcast, multibroad), send_type is {kind!r}: leave it out")
    if net["repair_ip"]:
        net["repair_ip"] = _host(net["repair_ip"], f"{where}: net.repair_ip", "", False)
    if net["compat"]:
        _check_compat(net["compat"], kind, symbols, where)


def _check_compat(compat: Mapping[str, Any], kind: str, symbols: Sequence[str], where: str) -> None:
    if kind == "shm":
        raise ConfigError(f"{where}: net.compat is for clients over the network, send_type is 'shm': name p2p, broadcast or multibroad")
    cids: dict[int, str] = {}
    for symbol, one in compat.items():
        if symbol not in symbols:
            raise ConfigError(f"{where}: net.compat names {symbol}, which is not in feed.symbols ({', '.join(symbols)})")
        if one["cid"] in cids:
            raise ConfigError(f"{where}: net.compat gives cid {one['cid']} to {cids[one['cid']]} and to {symbol}")
        cids[one["cid"]] = symbol
