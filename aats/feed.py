"""The feed process: what stands around the C loop of csrc/app (DESIGN: one stepping thread, one segment, one control thread).

::

    control thread (Python)                        I/O thread (C, no GIL)
      commands of the control table   --mail-->      aats_host_run: sockets, books, segment
      REST: instruments, snapshots    <--mail--      "a snapshot is wanted", lines for the log
      reaping, signals, slot texts

`Feed` is also what a trade process holds for ``feed='inline'``: then nobody runs the I/O thread, and the trade loop steps `Feed.host` itself.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aats import budget, control, cpus, feed_options, instrument_store, venue
from aats._ffi import ffi, lib, text
from aats.config import FeedConfig
from aats.errors import AatsError, ConfigError, FeedError
from aats.feed_net import FeedNet
from aats.feed_options import endpoints
from aats.instruments import feed_symbol
from aats.layout import Command, Mode, Role
from aats.venue import Instrument, SnapshotRefused, wanted_name

__all__ = ["Feed", "endpoints", "main"]

log = logging.getLogger("aats.feed")

_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)
_PASS_S = 0.002
_SNAPSHOTS_AT_ONCE = 4


@dataclass
class _Lookup:
    """A command SUBSCRIBE whose symbol is being looked up at the venue."""

    symbol: str
    level: int
    listed: concurrent.futures.Future[dict[str, Instrument]]


class Feed:
    """One feed: a slot in the control table, a segment, the C feed with its host, and the control plane for it.

    Parameters
    ----------
    config : FeedConfig
    inline : bool
        The caller steps ``host`` (``lib.aats_host_step``); else `start` runs the I/O thread.

    Attributes
    ----------
    member : aats.control.Member
    segment : aats.shm.Segment
    host : cffi ``aats_host_t *``
    net : aats.feed_net.FeedNet or None
        None: shared memory only.
    added : dict
        Directory index by symbol, of those that the C side has taken.

    Notes
    -----
    Threads: `serve` belongs to one thread, the control thread.  `stop` may be called from any.
    """

    def __init__(self, config: FeedConfig, *, inline: bool = False) -> None:
        for refused in (lib.aats_isa_refused(), lib.aats_tls_refused()):  # read by the C core before anybody could ask
            if refused != ffi.NULL:
                raise ConfigError(text(refused))
        self.config = config
        self.inline = inline
        self.added: dict[str, int] = {}
        self._stopping = threading.Event()
        self._told = False
        self._mail_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._levels = {f"{one.symbol}.{config.venue}": one.level_num for one in config.symbols}
        self._native: dict[int, str] = {}
        self._lookup: _Lookup | None = None
        self._instruments: dict[str, Instrument] = {}
        self._next_look = 0.0
        self.endpoints = endpoints(config)
        key = feed_options.api_key(config)
        self.client = venue.client_class(config.venue)(
            self.endpoints,
            cafile=config.endpoints.cafile,
            timeout_s=config.limits.snapshot_ms / 1000,
            budget=budget.budgets_of(config.venue, config.mode, self.endpoints.rest),
        )
        if 2 * config.level_max > self.client.snapshot_limit:  # else each level that goes wants another snapshot
            self.client.snapshot_limit = self.client.snapshot_max
        self.net: FeedNet | None = None
        if isinstance(config.cpu, int):
            cpus.check(config.cpu, f"{config.where}: feed.cpu")
        port = config.net.port if config.net.send_type != "shm" else 0
        self.member = control.join(
            Role.FEED, config.name, mode=Mode[config.mode.upper()], port=port, detail=f"{config.venue} {config.mode}: starting"
        )
        try:
            self.segment = self.member.create_md(
                ring_depth=config.ring_depth,
                level_max=config.level_max,
                dir_cap=max(config.dir_cap, len(config.symbols)),
                mode=Mode[config.mode.upper()],
                venue=config.venue,
                stale_ms=config.limits.feed_stale_ms,
                feed_id=secrets.randbits(63),
            )
            if config.net.send_type != "shm":
                self.net = FeedNet(config, self.segment, self.member.slot)
            self.host = self._make_host(key)
        except BaseException as exc:
            self._abandon(exc)
            raise
        self._pool = concurrent.futures.ThreadPoolExecutor(_SNAPSHOTS_AT_ONCE, thread_name_prefix="aats-rest")
        self._feed = lib.aats_host_feed(self.host)
        self._in, self._out = lib.aats_feed_in(self._feed), lib.aats_feed_out(self._feed)

    def _abandon(self, exc: BaseException) -> None:
        if self.net is not None:
            self.net.close()
        with contextlib.suppress(AatsError):
            self.member.fail(str(exc))
        self.member.leave()

    def _make_host(self, key: str) -> Any:
        config, limits = self.config, self.config.limits
        why = ffi.new("char[]", 1024)
        opts = ffi.new("aats_feed_opts_t *")
        lib.aats_feed_defaults(opts)
        outside = ffi.new("aats_host_opts_t *")
        feed_options.fill(config, self.endpoints, opts, outside)
        opts.snapshot_limit = self.client.snapshot_limit
        opts.open_l2, opts.fuse_bbo = config.open_l2, config.fuse_bbo
        opts.stale_ns = limits.feed_stale_ms * 1_000_000
        opts.connect_ns = limits.connect_ms * 1_000_000
        opts.first_message_ns = limits.first_message_ms * 1_000_000
        base = self.segment._base
        feed = lib.aats_feed_new(opts, base, self.segment.size, self.member.slot, why, len(why))
        if feed == ffi.NULL:
            raise ConfigError(f"{config.where}: {text(why)}")
        if key and lib.aats_feed_set_key(feed, key.encode()) != 0:
            lib.aats_feed_free(feed)
            raise ConfigError(f"{config.where}: the API key is none: 1 to 128 letters, digits, '-' or '_' are expected")
        outside.ca_file = config.endpoints.cafile.encode()
        if self.net is not None:
            self.net.tell(outside)
        made = lib.aats_host_new(feed, outside, why, len(why))
        if made == ffi.NULL:
            raise ConfigError(f"{config.where}: {text(why)}")
        return made

    # ------------------------------------------------------------------------------------------------------- running

    def start(self) -> None:
        """Look the symbols up, subscribe, start the I/O thread (unless inline) and say RUN.

        Raises
        ------
        ConfigError, FeedError
            A symbol is unknown, or the venue does not answer; the slot says FAIL with the same sentence.
        """
        try:
            self._subscribe([one.symbol for one in self.config.symbols])
        except AatsError as exc:
            self._abandon(exc)
            raise
        self._set_wait()
        if self.net is not None:
            self.net.start()
        if not self.inline:
            self._thread = threading.Thread(target=self._run_host, name="aats-io")
            self._thread.start()
        self.member.ready(self._about())

    def _run_host(self) -> None:
        """Be the I/O thread."""
        if self.config.cpu != "":
            try:
                self._pin()
            except AatsError as exc:  # a core went away, or the table is locked: slower, not wrong
                log.warning("%s: not pinned: %s", self.config.name, exc)
        lib.aats_host_run(self.host)

    def _pin(self) -> None:
        core = self.config.cpu
        with self.member.table.lock():  # no other process takes the same core meanwhile
            if core == cpus.AUTO:
                others = [one.pid for one in self.member.table.entries() if one.pid != os.getpid()]
                spare = cpus.spare({*cpus.pinned_by(others), *cpus.pinned().values()}) if len(cpus.usable()) > 1 else None
                if spare is None:
                    log.warning("%s: feed.cpu auto: no core is free: not pinned", self.config.name)
                    return
                core = spare
            assert isinstance(core, int)
            cpus.pin(core, f"{self.config.where}: feed.cpu")
        log.info("%s: the I/O thread is pinned to core %d", self.config.name, core)

    def _about(self) -> str:
        where = self.net.about if self.net is not None else ""
        form = "" if self.config.format == "json" else f" {self.config.format}"
        return f"{self.config.venue} {self.config.mode}{form} {self.endpoints.stream}{where}: {' '.join(sorted(self._levels))}"

    def _subscribe(self, symbols: list[str]) -> None:
        if not symbols:
            return
        self._enter(self._listed(symbols))

    def _listed(self, symbols: list[str]) -> dict[str, Instrument]:
        """Return the instruments of symbols: the venue's word, or what it said last where it does not answer (its streams may)."""
        venue_name, mode = self.config.venue, self.config.mode
        try:
            found = self.client.instruments(symbols)
        except FeedError as exc:
            known = {one: instrument_store.look(venue_name, one, mode) for one in symbols}
            found = {one: instrument for one, instrument in known.items() if instrument is not None}
            if len(found) < len(symbols):
                raise
            log.warning("%s: instruments as they were listed before: %s", self.config.name, exc)
            return found
        instrument_store.remember(venue_name, mode, self.endpoints.rest, found.values())
        return found

    def _enter(self, listed: Mapping[str, Instrument]) -> None:
        """Hand instruments to the C feed."""
        for asked, instrument in listed.items():
            venues_own = f"{wanted_name(asked)}.{self.config.venue}"  # how it may have been asked for
            level = self._levels.pop(venues_own, self.config.level_num) if venues_own != instrument.symbol else self.config.level_num
            level = self._levels.setdefault(instrument.symbol, level)
            self._instruments[instrument.symbol] = instrument
            raw = feed_symbol(instrument, self.config.venue, level)
            self._put(lib.AATS_MAIL_SUBSCRIBE, 0, 0, ffi.buffer(raw))
            if not instrument.trading:
                log.warning("%s: %s is not trading at the venue now", self.config.name, asked)

    def _set_wait(self) -> None:
        """Tell the I/O thread how to wait."""
        lib.aats_host_set_wait(self.host, int(self.member.choose_wait()))

    def _put(self, kind: int, sym: int, num: int, data: Any = None) -> bool:
        raw = b"" if data is None else data
        with self._mail_lock:  # one putter at a time: the mailbox has no more than that
            code = lib.aats_mailbox_put(self._in, kind, sym, num & (2**64 - 1), ffi.from_buffer(raw) if len(raw) else ffi.NULL, len(raw))
        if code != 0:
            log.error("%s: the feed does not take mail %d (%s)", self.config.name, kind, text(lib.aats_err_name(code)))
        return bool(code == 0)

    def serve(self, timeout_s: float = _PASS_S) -> int:
        """Make one pass of the control plane; returns the mails dealt with.  Call it in a loop from the control thread."""
        worked = 0
        mail = ffi.new("aats_mail_t **")
        while lib.aats_mailbox_get(self._out, mail) == 1:
            try:
                self._take(mail[0])
            finally:
                lib.aats_mail_free(mail[0])
            worked += 1
        worked += self._commands()
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + 1.0
            self.member.tick()
            self._set_wait()
            self._count()
        if not worked and timeout_s > 0:
            self._stopping.wait(timeout_s)
        return worked

    def _count(self) -> None:
        """Copy the feed's counters into its slot, where tools see them without the segment."""
        counters = self.segment.md.md.counters
        for index in range(min(len(self.member.slot.counters), lib.AATS_MDC_CNT)):
            self.member.slot.counters[index] = counters[index]

    def _take(self, mail: Any) -> None:
        body = bytes(ffi.buffer(mail.bytes, mail.size)) if mail.size else b""
        if mail.kind == lib.AATS_MAIL_NOTICE:
            log.log(_LEVELS[min(int(mail.num), 2)], "%s: %s", self.config.name, body.decode("utf-8", "replace"))
        elif self._stopping.is_set():
            return
        elif mail.kind == lib.AATS_MAIL_ASK:
            self._pool.submit(self._fetch, int(mail.sym), int(mail.num))
        elif mail.kind == lib.AATS_MAIL_RESOLVE:
            self._pool.submit(self._resolve, int(mail.sym))
        elif mail.kind == lib.AATS_MAIL_ADDED:
            self._note_added(body.decode("utf-8", "replace"), int(mail.sym), int(ffi.cast("int64_t", mail.num)))

    def _note_added(self, symbol: str, index: int, code: int) -> None:
        if code < 0:
            log.error("%s: %s cannot be added: %s", self.config.name, symbol, self._no_room(symbol, code))
            return
        self.added[symbol] = index
        self._native[index] = self._instruments[symbol].native
        if not self._instruments[symbol].trading:
            self._put(lib.AATS_MAIL_HALT, index, 1)

    def _no_room(self, symbol: str, code: int) -> str:
        if code == lib.AATS_E_TOO_BIG:
            return f"level_num {self._levels.get(symbol)} is deeper than the {self.config.level_max} that this feed publishes"
        if code == lib.AATS_E_FULL:
            return f"its directory has room for {self.segment.md.dir_cap} symbols (dir_cap)"
        return text(lib.aats_err_name(code))

    def _fetch(self, index: int, number: int) -> None:
        """Get one snapshot, on a pool thread; its answer is put by this thread."""
        native = self._native.get(index)
        if self._stopping.is_set():
            return
        if native is None:  # asked for before it was said to be there: once more
            self._put(lib.AATS_MAIL_SNAP_FAILED, index, 0, b"")
            return
        try:
            body = self.client.snapshot(native)
        except SnapshotRefused as exc:
            log.warning("%s: %s: snapshot: %s", self.config.name, native, exc)
            self._put(lib.AATS_MAIL_SNAP_FAILED, index, int(exc.retry_after_s * 1e9), b"")
        except Exception:
            log.exception("%s: %s: snapshot", self.config.name, native)
            self._put(lib.AATS_MAIL_SNAP_FAILED, index, 0, b"")
        else:
            self._put(lib.AATS_MAIL_SNAPSHOT, index, number, body)

    def _resolve(self, way: int) -> None:
        """Have the address of a way's host, and a token for its path where the venue wants one; on a pool thread."""
        _, host, port, _ = feed_options.way_parts(self.endpoints).get(way) or self.endpoints.stream_parts()
        try:
            address, path = venue.resolve(host, port), self.client.token_path(way)
        except (OSError, SnapshotRefused) as exc:
            self._put(lib.AATS_MAIL_NO_ADDRESS, way, 0, str(exc).encode())
            return
        self._put(lib.AATS_MAIL_ADDRESS, way, 0, f"{address} {path}".rstrip().encode())

    # ------------------------------------------------------------------------------------------------------ commands

    def _commands(self) -> int:
        """Deal with the command word; returns 1 if something was done.  A look-up at the venue goes on beside the other work."""
        if self._lookup is not None:
            if not self._lookup.listed.done():
                return 0
            lookup, self._lookup = self._lookup, None
            self._answer(lambda: self._found(lookup), "SUBSCRIBE", lookup.symbol)
            return 1
        command = self.member.poll_command()
        if command is None:
            return 0
        op, arg = command
        self._answer(lambda: self._obey(op, arg), op.name, arg)
        return 1

    def _answer(self, act: Callable[[], str | None], name: str, arg: str) -> None:
        """Reply with what `act` returns or raises; None: the answer comes later."""
        try:
            answer = act()
        except AatsError as exc:
            self.member.reply(lib.AATS_E_ARG, str(exc))
        except Exception as exc:  # a fault of ours, or of the asker: it must not end the feed
            log.exception("%s: command %s %r", self.config.name, name, arg)
            self.member.reply(lib.AATS_E_ARG, f"{type(exc).__name__}: {exc}")
        else:
            if answer is not None:
                self.member.reply(0, answer)

    def _obey(self, op: Command, arg: str) -> str | None:
        words = arg.split()
        if op == Command.PING:
            return "here"
        if op == Command.STOP:
            self._told = True
            self._stopping.set()
            return "stopping"
        if op == Command.OPEN_L2:
            self._put(lib.AATS_MAIL_OPEN_L2, 0, 0, b"")
            return "level changes are published"
        if op in (Command.SUBSCRIBE, Command.SET_LEVEL):
            return self._subscribe_more(words[0] if words else "", words[1] if len(words) > 1 else str(self.config.level_num))
        if op == Command.UNSUBSCRIBE:
            symbol = self._full(words[0].upper() if words else "")
            index = self.added.pop(symbol, None)
            if index is None:
                raise ConfigError(f"{symbol} is not on feed {self.config.name!r}")
            self._levels.pop(symbol, None)
            self._put(lib.AATS_MAIL_UNSUBSCRIBE, index, 0, b"")
            self.member.describe(detail=self._about())
            return f"{symbol} unsubscribed"
        raise ConfigError(f"feed {self.config.name!r} does not know the command {op.name}")

    def _full(self, symbol: str) -> str:
        return symbol if "." in symbol else f"{symbol}.{self.config.venue}"

    def _subscribe_more(self, symbol: str, number: str) -> str | None:
        symbol = self._full(symbol.upper())
        if not symbol.endswith(f".{self.config.venue}"):
            raise ConfigError(f"{symbol}: feed {self.config.name!r} carries {self.config.venue} only")
        level = int(number) if number.isascii() and number.isdecimal() else 0
        if not 1 <= level <= self.config.level_max:
            raise ConfigError(f"level_num {number} for {symbol}: feed {self.config.name!r} publishes 1 to {self.config.level_max}")
        if symbol in self.added:
            if level > self._levels.get(symbol, 0):
                self._levels[symbol] = level
                self._put(lib.AATS_MAIL_SET_LEVEL, self.added[symbol], level, b"")
            return f"{symbol} with {self._levels[symbol]} levels"
        if lib.aats_dir_find(self.segment.md, symbol.encode()) < 0 and lib.aats_dir_cnt(self.segment.md) >= self.segment.md.dir_cap:
            raise ConfigError(f"{symbol} cannot be added: {self._no_room(symbol, lib.AATS_E_FULL)}")
        self._lookup = _Lookup(symbol, level, self._pool.submit(self._listed, [symbol]))
        return None

    def _found(self, lookup: _Lookup) -> str:
        listed = lookup.listed.result()
        self._levels[lookup.symbol] = lookup.level
        try:
            self._enter(listed)
        except ConfigError:
            self._levels.pop(lookup.symbol, None)
            raise
        self.member.describe(detail=self._about())
        return f"{lookup.symbol} subscribed with {lookup.level} levels"

    # -------------------------------------------------------------------------------------------------------- ending

    def stop(self) -> None:
        """Ask the feed to end; `run` then returns.  Any thread, any number of times."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def close(self) -> None:
        """Leave the venue, end the threads, free the segment and the slot."""
        self._stopping.set()
        lib.aats_host_stop(self.host)
        if self._thread is not None:
            self._thread.join()
        if self.net is not None:  # last of all: what the feed published while it left goes out, then the goodbye
            self.net.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.serve(0)
        self.client.close()
        self.member.leave()
        lib.aats_host_free(self.host)
        self.host = ffi.NULL

    def run(self) -> None:
        """Serve until told to stop, then close."""
        try:
            while not self._stopping.is_set():
                self.serve()
            control.note_end(self.config.name, self.member.identity, told=self._told)
        finally:
            self.close()


def _stop_all(feeds: list[Feed]) -> None:
    for feed in feeds:
        feed.stop()


def main(*configs: FeedConfig) -> int:
    """Run feeds in this process until SIGTERM, SIGINT or, each for itself, the command STOP; the body of `aats feed`.

    Each has a slot, a segment and an I/O thread of its own; this thread serves them all.  Where one cannot start none does.
    """
    feeds: list[Feed] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop_all(feeds))
    try:
        for config in configs:
            feeds.append(Feed(config))
            feeds[-1].start()
            log.info("%s: %s", config.name, feeds[-1]._about())
    except BaseException:
        for feed in feeds:
            with contextlib.suppress(AatsError):
                feed.close()
        raise
    if len(feeds) == 1:
        feeds[0].run()
        return 0
    live = list(feeds)
    try:
        while live:
            for feed in list(live):
                feed.serve(_PASS_S / len(live))
                if feed.stopping:
                    live.remove(feed)
                    feed.run()  # it ends, and says so
    finally:
        for feed in live:
            feed.close()
    return 0
