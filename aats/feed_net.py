"""What a feed has on the network: where its loop sends datagrams, and the fan-out beside it, with a thread of its own (csrc/app/fan_host.h).

For: `aats.feed.Feed`.  Not for receivers (``aats.net``), nor for what an address may be (``aats.config``, ``aats.control_address``).

::

    send_type     the feed's loop sends          the fan-out listens (TCP) on
    p2p           nothing                        net.ip:net.port: records, questions
    multibroad,   records to net.ip:net.port     net.repair_ip (the card's own address) : net.repair_port (net.port): questions;
    broadcast                                    and sends deep books to net.ip:net.port
    ... compat    nothing                        nowhere; it sends the published client's records to net.ip:net.port

Whoever listens beyond loopback asks for the token; where there is none, datagrams go out all the same, and nobody listens for questions.  The published
client has none to give: it is served beyond loopback only where ``AATS_COMPAT_INSECURE`` is 1, which ``aats control --compat-insecure`` says.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import threading
from typing import Any

from aats import control_address, token
from aats._ffi import ffi, lib, text
from aats.config import FeedConfig
from aats.errors import ConfigError
from aats.layout import Wait

__all__ = ["FeedNet"]

log = logging.getLogger("aats.feed")

_KINDS = {"multibroad": lib.AATS_UDP_MULTICAST, "broadcast": lib.AATS_UDP_BROADCAST}
_EVERYBODY = "255.255.255.255"


def _beyond_loopback(ip: str) -> bool:
    return not ipaddress.ip_address(ip).is_loopback


def _card_address(net: Any, call: str) -> str:
    """Return this host's address on the card that a feed's datagrams leave by."""
    own = control_address.own_addresses()
    card = net.netcard
    if not card and net.ip == _EVERYBODY:
        card = control_address.default_card() or ""
    if card in own:
        found = [one for one in own[card] if ":" not in one]
        if found:
            return found[0]
        raise ConfigError(f"{call}: card {card} has no IPv4 address; name one with net.repair_ip")
    if card:
        return str(card)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # nothing is sent: the routing table is asked
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            probe.connect((net.ip, net.port))
            return str(probe.getsockname()[0])
        except OSError as exc:
            raise ConfigError(f"{call}: no card leads to {net.ip} ({exc.strerror}): name one with net.netcard") from None


class FeedNet:
    """The fan-out of one feed, and what the feed's own loop is told of the network.

    Parameters
    ----------
    config : FeedConfig
        With a send type other than ``shm``.
    segment : aats.shm.Segment
        The feed's; mapped until after `close`.
    slot : cffi ``aats_slot_t *``
        The feed's.

    Attributes
    ----------
    about : str
        ``" -> multibroad 239.1.2.3:15004, repair 192.0.2.1:40123"``, for the slot's text.

    Raises
    ------
    ConfigError
        An address or card that this host does not have, a port that is taken, no token.

    Notes
    -----
    Threads: `start` and `close` belong to the control thread.
    """

    def __init__(self, config: FeedConfig, segment: Any, slot: Any) -> None:
        self.net = control_address.check_here(config.net, f"{config.where}: net")
        self._config = config
        self._holds = (segment, slot)  # the fan-out reads them until it is freed
        self._thread: threading.Thread | None = None
        self._datagrams = self.net.send_type in _KINDS
        self._listens = self._where_to_listen()
        self._check_strangers()
        self._host = self._open(segment, slot)
        self.port = int(lib.aats_fan_host_port(self._host))
        self.about = f" -> {self.net.send_type} {self.net.ip}:{self.net.port}"
        if self._datagrams and self._listens:
            wanted = self.net.repair_port or self.net.port
            if self.port != wanted:
                log.warning("%s: port %d of %s is taken: receivers repair over port %d", config.name, wanted, self._listens, self.port)
            if self.port != self.net.port:
                self.about += f", repair {self._listens}:{self.port}"

    def _where_to_listen(self) -> str:
        """Return the address, "" for none."""
        call = f"{self._config.where}: net"
        if not self._datagrams:
            return self.net.ip
        self._own = self.net.repair_ip or _card_address(self.net, call)
        return "" if self.net.compat else control_address.address_of(self._own, call)

    def _check_strangers(self) -> None:
        """Refuse what lets other hosts in without a token; datagrams alone, which ask nobody in, go without repair then."""
        where = self._config.where
        at = self._listens or control_address.address_of(self._own, f"{where}: net")
        if not _beyond_loopback(at):
            return
        if self.net.compat and os.environ.get("AATS_COMPAT_INSECURE") != "1":
            raise ConfigError(
                f"{where}: net.compat at {at}: the published client cannot say who it is, so it is served on loopback only; "
                "`aats control --compat --compat-insecure` (AATS_COMPAT_INSECURE=1) lets it in from other hosts"
            )
        if self._datagrams and self._listens and not self.net.repair_ip and not token.token():
            log.warning(
                "%s: no token, so nothing listens on %s for receivers that miss records: they wait for each book's next change; `aats token --new` makes one",
                self._config.name,
                self._listens,
            )
            self._listens = ""
        if self._listens and not token.token():
            raise ConfigError(
                f"{where}: net: listening on {at} lets other hosts in, which takes a token: make one with `aats token --new` "
                f"(it is written to {token.token_file()}), and give the receivers the same"
            )

    # ------------------------------------------------------------------------------------------------------- opening

    def _open(self, segment: Any, slot: Any) -> Any:
        why = ffi.new("char[]", 1024)
        fan = lib.aats_fan_new(self._fan_options(), segment.md, slot, why, len(why))
        if fan == ffi.NULL:
            raise ConfigError(f"{self._config.where}: {text(why)}")
        for symbol, one in self.net.compat.items():
            full = f"{symbol}.{self._config.venue}".encode()
            code = lib.aats_fan_compat_symbol(fan, full, one["cid"], min(one["level"], lib.AATS_COMPAT_DEPTH_MAX))
            if code != 0:
                lib.aats_fan_free(fan)
                raise ConfigError(f"{self._config.where}: net.compat: {symbol} cannot be served ({text(lib.aats_err_name(code))})")
        host = lib.aats_fan_host_new(fan, self._host_options(), why, len(why))
        if host == ffi.NULL:
            raise ConfigError(f"{self._config.where}: {text(why)}")
        return host

    def _fan_options(self) -> Any:
        opts = ffi.new("aats_fan_opts_t *")
        opts.out.name = self._config.name.encode()
        opts.datagrams = self._datagrams
        opts.compat = bool(self.net.compat)
        value = token.token()
        if value or (self._listens and _beyond_loopback(self._listens)):
            opts.need_proof = 1
            opts.proof = token.proof(value)
        return opts

    def _host_options(self) -> Any:
        opts = ffi.new("aats_fan_host_opts_t *")
        opts.ip = self._listens.encode()
        opts.port = self.net.repair_port or self.net.port if self._datagrams else self.net.port
        opts.port_any = self._datagrams
        opts.told_ip = self._told_ip.encode()
        opts.wait = self._wait()
        if self._datagrams:
            opts.net_kind = _KINDS[self.net.send_type]
            opts.net_addr, opts.net_port, opts.net_card = self.net.ip.encode(), self.net.port, self.net.netcard.encode()
            opts.net_ttl, opts.net_no_loop = self.net.ttl, not self.net.loop
        return opts

    @property
    def _told_ip(self) -> str:
        """The address for the beats; who listens on all of them lets receivers take the one that datagrams come from."""
        return "" if not self._listens or ipaddress.ip_address(self._listens).is_unspecified else self._listens

    @staticmethod
    def _wait() -> int:
        """Return how the thread waits: it does not spin beside the feed's unless ``AATS_WAIT`` says so."""
        asked = os.environ.get("AATS_WAIT", "").upper()
        return int(Wait[asked]) if asked in Wait.__members__ and asked != "NONE" else int(Wait.SLEEP)

    def tell(self, outside: Any) -> None:
        """Fill in the network part of the feed's ``aats_host_opts_t``."""
        outside.name = self._config.name.encode()
        if not self._datagrams or self.net.compat:
            return
        outside.net_kind = _KINDS[self.net.send_type]
        outside.net_addr, outside.net_port, outside.net_card = self.net.ip.encode(), self.net.port, self.net.netcard.encode()
        outside.net_ttl, outside.net_no_loop = self.net.ttl, not self.net.loop
        outside.repair_ip, outside.repair_port = self._told_ip.encode(), self.port

    # ------------------------------------------------------------------------------------------------ start and end

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=lib.aats_fan_host_run, args=(self._host,), name="aats-fan")
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to all who are connected, end the thread, free the sockets.  Harmless a second time."""
        if self._host == ffi.NULL:
            return
        lib.aats_fan_host_stop(self._host)
        if self._thread is not None:
            self._thread.join()
        lib.aats_fan_host_free(self._host)
        self._host = ffi.NULL
