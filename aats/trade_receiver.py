"""The process of this host that receives a market server's data for trade processes: found, or started.

For: ``aats.trade_feeds``.  Not for what it does (``aats.net``), nor for following its segment: that is as any feed's (``aats.trade``).

One process an address serves all trade processes of this user and namespace.  The one started here ends by itself when no trade process and no view has been
in the control table for LINGER_S; one that a person has started (``aats receive``) under the usual name is taken as it is.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from aats import config, control
from aats.control import Entry, Feed
from aats.errors import AatsError, ConfigError, ControlError, SegmentMissing
from aats.layout import Role, State
from aats.net import name_of

__all__ = ["LINGER_S", "Receiver"]

log = logging.getLogger("aats.trade")

LINGER_S = 30
_LOOK_S = 0.02
_AGAIN_MIN_S, _AGAIN_MAX_S = 1.0, 30.0


class Receiver:
    """The receiver of one address.

    Parameters
    ----------
    net : aats.config.Net
        Where the data comes from, as ``check_receiving`` returns it.
    say : callable
        What logs lines for people.

    Attributes
    ----------
    name : str
        Of its slot and segment.
    """

    def __init__(self, net: config.Net, say: Callable[..., None]) -> None:
        self.net = net
        self.name = name_of(net.ip, net.port)
        self._say = say
        self._again_at = 0.0
        self._again_s = _AGAIN_MIN_S
        self._helper: threading.Thread | None = None

    def __str__(self) -> str:
        return f"{self.net.send_type.upper()} {self._address}"

    @property
    def _address(self) -> str:
        return f"[{self.net.ip}]:{self.net.port}" if ":" in self.net.ip else f"{self.net.ip}:{self.net.port}"

    def feeds(self) -> list[Feed]:
        """Return it as the feed that it is to readers; empty while it has heard nothing."""
        return control.find_feeds(name=self.name)

    def wait_ready(self, wait_s: float) -> None:
        """Return once it receives; start it if none lives.

        Raises
        ------
        ConfigError
            Nothing fit came within `wait_s`; the text has what it says itself of what it has heard.
        """
        deadline = time.monotonic() + wait_s
        while True:
            entry = self._entry()
            if entry is None:
                self._start(max(1.0, deadline - time.monotonic()))
            elif entry.state == State.RUN:
                return
            elif entry.state == State.FAIL or time.monotonic() >= deadline:
                raise ConfigError(f"{self} (set_md_connection): not receiving after {wait_s:g} s: {entry.detail} (pid {entry.pid})")
            else:
                time.sleep(_LOOK_S)

    def revive(self) -> None:
        """Start it again if it has died; returns at once, and does nothing while a start is under way or was tried a moment ago.

        Notes
        -----
        One that dies again and again is started after 1, 2, 4 .. 30 s, from 1 s again once it has lived for 30 s.
        Threads: called by the trade loop; the start is waited for by a helper thread, which ends with the process.
        """
        now = time.monotonic()
        if now < self._again_at or (self._helper is not None and self._helper.is_alive()) or self._entry() is not None:
            return
        if now - self._again_at > _AGAIN_MAX_S:
            self._again_s = _AGAIN_MIN_S
        self._again_at = now + self._again_s
        self._again_s = min(_AGAIN_MAX_S, 2 * self._again_s)
        self._helper = threading.Thread(target=self._start_again, name="aats-receiver", daemon=True)
        self._helper.start()

    def _start_again(self) -> None:
        log.warning("%s: its receiver %s is gone", self, self.name)
        try:
            self._start(config.limits().feed_ready_ms / 1000)
        except (AatsError, OSError) as exc:
            log.warning("%s", exc)

    def _entry(self) -> Entry | None:
        with contextlib.suppress(SegmentMissing):
            return control.Table.open().find(Role.FEED, self.name)
        return None

    def _start(self, wait_s: float) -> None:
        card = ["--card", self.net.netcard] if self.net.netcard else []
        words = ["receive", self.net.send_type, self._address, *card, "--linger", str(LINGER_S)]
        self._say("starts a receiver: aats %s", " ".join(words))
        try:
            control.spawn(Role.FEED, words, name=self.name, wait_s=wait_s)
        except ControlError as exc:
            if self._entry() is None:  # else somebody else was faster, and it is waited for
                raise ConfigError(f"{self} (set_md_connection): {exc}") from exc
