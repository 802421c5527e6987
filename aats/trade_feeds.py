"""Feeds for a trade process: finding them, having missing ones started, or running them inside.

For: ``TradeService.run``.  Not for following a feed once it is found (``aats.trade``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from aats import config, control, control_client, shm
from aats._ffi import ffi
from aats.config import FeedConfig
from aats.control import Feed
from aats.errors import AatsError, ConfigError
from aats.feed import Feed as InlineFeed
from aats.layout import Mode
from aats.table import Table
from aats.trade import Symbol, choose, modes_for, wait_for
from aats.trade_receiver import Receiver

__all__ = ["FeedFinder"]

INLINE = "inline"
_MARGIN_S = 5.0


class FeedFinder:
    """The feeds of one run.

    Parameters
    ----------
    name : str
        Of the trade process.
    symbols : sequence of Symbol
    named : str, optional
        Name of the feed that serves all symbols, or ``'inline'``.
    control_at : tuple
        Address of this host's control server.
    data_port : int, optional
        Port of the market server to prefer.
    receiver : Receiver, optional
        What receives the market server's data: all symbols come from there, and nobody is asked for a feed.
    say : callable
        What logs lines for people.
    """

    def __init__(
        self,
        name: str,
        symbols: Sequence[Symbol],
        *,
        named: str | None,
        control_at: tuple[str, int],
        data_port: int | None,
        receiver: Receiver | None = None,
        say: Callable[..., None],
    ) -> None:
        self.name = name
        self._symbols = symbols
        self._named = named
        self._control = control_at
        self._data_port = data_port
        self._receiver = receiver
        self._say = say
        self._inline: list[tuple[InlineFeed, threading.Thread]] = []

    def hosts(self) -> list[int]:
        """Start the feeds that live in this process; return what the loop has to step."""
        if self._named != INLINE:
            return []
        try:
            for venue in dict.fromkeys(symbol.exchange for symbol in self._symbols):
                wanted = [symbol for symbol in self._symbols if symbol.exchange == venue]
                feed = InlineFeed(_feed_config(venue, _mode_to_start(wanted[0].mode), wanted, f"{self.name}-{venue.lower()}"), inline=True)
                server = threading.Thread(target=_serve, args=(feed,), name=f"aats-control-{venue.lower()}", daemon=True)
                self._inline.append((feed, server))
                feed.start()
                server.start()
        except BaseException:
            self.close()
            raise
        return [int(ffi.cast("uintptr_t", feed.host)) for feed, _ in self._inline]

    def find(self) -> Mapping[str, Feed]:
        """Return the feed of each symbol by port; have missing ones started.

        Raises
        ------
        ConfigError
            A symbol is still without a feed after the feed-ready time-out; the text lists the feeds that run.
        """
        ready_s = config.limits().feed_ready_ms / 1000
        if self._receiver is not None:
            begun = time.monotonic()
            self._receiver.wait_ready(ready_s)
            ready_s = max(_MARGIN_S, begun + ready_s - time.monotonic())
        chosen: Mapping[str, Feed] = self.chosen()
        missing = [symbol for symbol in self._symbols if symbol.port not in chosen]
        if missing:
            asked = self._named is None and self._receiver is None
            if asked:
                self._require_feed(missing)
            chosen = wait_for(self.chosen, self._symbols, 0.0 if asked else ready_s)
        for symbol in self._symbols:
            if symbol.port not in chosen:
                raise ConfigError(f"{symbol.port} ({symbol.mode.name.lower()}): {self._nowhere()}")
            feed = chosen[symbol.port]
            self._say("%s: %s from feed %s (%s, pid %d)", self.name, symbol.port, feed.name, feed.mode.name.lower(), feed.pid)
        return chosen

    def missed(self, name: str) -> None:
        """Hear from the loop that feed `name` is gone and no other has its name; what receives for us is started again."""
        if self._receiver is not None and name == self._receiver.name:
            self._receiver.revive()

    def chosen(self) -> dict[str, Feed]:
        """Return the feed of each symbol that one serves now, by port."""
        feeds = control.find_feeds() if self._receiver is None else self._receiver.feeds()
        if self._inline:
            own = {feed.config.venue: feed.config.name for feed, _ in self._inline}
            by_name = {feed.name: feed for feed in feeds}
            return {symbol.port: by_name[own[symbol.exchange]] for symbol in self._symbols if own[symbol.exchange] in by_name}
        if self._data_port is not None:
            at_port = [feed for feed in feeds if _port_of(feed) == self._data_port]
            feeds = at_port + [feed for feed in feeds if feed not in at_port]
        found = {symbol.port: choose(symbol, feeds, named=self._named) for symbol in self._symbols}
        return {port: feed for port, feed in found.items() if feed is not None}

    def _nowhere(self) -> str:
        if self._receiver is not None:
            return f"{self._receiver} does not have it; what comes from there: {_told(self._receiver.feeds()) or 'nothing'}"
        told = _told(control.find_feeds())
        hint = f"feeds that run: {told}" if told else "no feed runs: start one with `aats feed FILE.toml` or MarketService"
        return f"no feed has it; {hint}"

    def _require_feed(self, missing: Sequence[Symbol]) -> None:
        """Ask the control server, started where none listens, for feeds with these symbols; returns when their books are synchronised."""
        for venue in dict.fromkeys(symbol.exchange for symbol in missing):
            wanted = [symbol for symbol in missing if symbol.exchange == venue]
            mode = _mode_to_start(wanted[0].mode)
            feed = _feed_config(venue, mode, wanted, venue.lower() if mode == Mode.DIRECT else f"{venue.lower()}-{mode.name.lower()}")
            self._say("%s: asks for feed %s: %s", self.name, feed.name, " ".join(symbol.port for symbol in wanted))
            try:
                control_client.ensure(*self._control)
                request = {"op": "start_market", "namespace": shm.namespace(), "config": feed.tables()}
                control_client.ask(*self._control, request, timeout_s=feed.limits.feed_ready_ms / 1000 + _MARGIN_S)
            except AatsError as exc:
                ports = " ".join(symbol.port for symbol in wanted)
                raise ConfigError(f"no feed for {ports} ({mode.name.lower()}): {exc}") from exc

    def close(self) -> None:
        """End the feeds that run inside; a second call does nothing."""
        for feed, server in self._inline:
            feed.stop()
            if server.ident is not None:
                server.join()  # it works on what close() frees
            feed.close()
        self._inline.clear()


def _told(feeds: Sequence[Feed]) -> str:
    return ", ".join(f"{one.name} ({one.mode.name.lower()}: {' '.join(one.symbols) or 'no symbols'})" for one in feeds)


def _serve(feed: InlineFeed) -> None:
    while not feed.stopping:
        feed.serve()


def _mode_to_start(mode: Mode) -> Mode:
    """Return the mode of a feed that has to be started: the best for `mode`; for paper trading the one that AATS_MODE names, if it may serve."""
    fit = modes_for(mode)
    asked = config.environment()["AATS_MODE"][0]
    return Mode[asked.upper()] if mode == Mode.PAPER and asked and Mode[asked.upper()] in fit else fit[0]


def _feed_config(venue: str, mode: Mode, symbols: Sequence[Symbol], name: str) -> FeedConfig:
    table = {
        "venue": venue,
        "name": name,
        "mode": mode.name.lower(),
        "symbols": [{"symbol": one.symbol, "level": one.level_num} for one in symbols],
    }
    return config.feed_config({"feed": table}, where="TradeService")


def _port_of(feed: Feed) -> int:
    """Return the port that a feed serves, 0 for none; by its slot, because a process may hold several feeds."""
    entry = Table.open().entry(feed.slot)
    return entry.port if entry is not None and entry.name == feed.name else 0
