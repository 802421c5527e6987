"""The receiver process: what stands around the C loop of csrc/app/recv*.c, as ``aats.feed`` stands around a feed.

::

    control thread (Python)                            I/O thread (C, no GIL)
      command word, slot texts, counters                 aats_recv_host_run: sockets, order, repair, segment, heartbeat
      lines for the log                   <--mail--
      a segment of the right size         <--returns 1-- "one is needed"
      attached, and run again             ------------->

The segment is made when the first feed is heard, because the feed says how deep its books are and how many symbols it may have; and again, in a new
generation, when a feed comes that needs a larger one.

The slot's heartbeat is the feed's pulse (csrc/app/recv.h), not ours: a receiver that lives and hears nothing must look stale to its readers.  So this thread
beats only before there is a segment, where a heartbeat can make no book look good and does tell processes of other containers that we live.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import signal
import threading
import time
from typing import Any

from aats import control
from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ConfigError, FeedError
from aats.layout import Command, Mode, PathState, Role, State
from aats.net.options import ReceiverConfig
from aats.shm import Segment

__all__ = ["Receiver", "main"]

log = logging.getLogger("aats.net")

_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)
_PASS_S = 0.002
_LOOK_S = 1.0
_READERS = (Role.TRADE, Role.VIEW)
_STATES_UP = (PathState.LIVE, PathState.REPAIRING)


class Receiver:
    """One receiver: a slot in the control table, a segment once a feed is heard, the C receiver with its host, and the control plane for it.

    Parameters
    ----------
    config : ReceiverConfig

    Attributes
    ----------
    member : aats.control.Member
    segment : aats.shm.Segment or None
        The one that it writes now.

    Notes
    -----
    Threads: `serve` belongs to one thread, the control thread.  `stop` may be called from any.
    """

    def __init__(self, config: ReceiverConfig) -> None:
        self.config = config
        self.name = config.label
        self.segment: Segment | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended: list[int] = []
        self._next_look = 0.0
        self._detail = ""
        self._complaints: dict[str, str] = {}  # by address
        self._alone_since: float | None = None
        self.member = control.join(Role.FEED, self.name, detail=f"{self._paths()}: waiting for a feed")
        try:
            self.host = self._make_host()
        except BaseException as exc:
            with contextlib.suppress(AatsError):
                self.member.fail(str(exc))
            self.member.leave()
            raise
        self._recv = lib.aats_recv_host_recv(self.host)
        self._notices = lib.aats_recv_notices(self._recv)

    def _make_host(self) -> Any:
        why = ffi.new("char[]", 1024)
        opts = self.config.recv_opts()
        recv = lib.aats_recv_new(opts, why, len(why))
        if recv == ffi.NULL:
            raise ConfigError(f"receiver {self.name!r}: {text(why)}")
        host = lib.aats_recv_host_new(recv, opts, self.config.host_opts(), why, len(why))
        if host == ffi.NULL:
            raise ConfigError(f"receiver {self.name!r}: {text(why)}")
        return host

    def _paths(self) -> str:
        return "; ".join(str(path) for path in self.config.paths)

    # ------------------------------------------------------------------------------------------------------- running

    def start(self) -> None:
        """Start the I/O thread; the slot says RUN later, when the books of a first feed are in."""
        self._set_wait()
        self._go()

    def _go(self) -> None:
        """Run the C loop in a thread until it is stopped or needs a segment."""
        self._ended.clear()
        self._thread = threading.Thread(target=lambda: self._ended.append(lib.aats_recv_host_run(self.host)), name="aats-io")
        self._thread.start()

    def _set_wait(self) -> None:
        """Tell the I/O thread how to wait."""
        lib.aats_recv_host_set_wait(self.host, int(self.member.choose_wait()))

    def serve(self, timeout_s: float = _PASS_S) -> int:
        """Make one pass of the control plane; returns the things dealt with.  Call it in a loop from the control thread.

        Raises
        ------
        FeedError, ShmError
            The segment that the feed needs cannot be made, or the I/O thread has ended by itself.
        """
        worked = self._log() + self._commands()
        if self._ended and not self._stopping.is_set():
            self._renew()
            worked += 1
        if self.member.state == State.BOOT and self.segment is not None and any(state in _STATES_UP for state in self._states()):
            self.member.move(State.RUN, self._about())  # not ready(): that would beat
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_S
            self._look(now)
        if not worked and timeout_s > 0:
            self._stopping.wait(timeout_s)
        return worked

    def _look(self, now: float) -> None:
        """Do what is done once a second."""
        self.member.tick()
        self._set_wait()
        detail = self._about()
        if detail != self._detail:
            self.member.describe(detail=detail)
            self._detail = detail
        if self.segment is None:
            self.member.beat()
        else:
            counters = self.segment.md.md.counters
            for index in range(min(len(self.member.slot.counters), lib.AATS_MDC_CNT)):
                self.member.slot.counters[index] = counters[index]
        self._linger(now)

    def _linger(self, now: float) -> None:
        """End when nobody has been here to read for as long as the options say."""
        if self.config.linger_s is None:
            return
        if any(entry.role in _READERS and entry.alive() for entry in self.member.table.entries()):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since >= self.config.linger_s:
            log.info("%s: nobody has read here for %g s: ending", self.name, self.config.linger_s)
            self._stopping.set()

    # ---------------------------------------------------------------------------------------------------- the segment

    def _renew(self) -> None:
        """Make the segment that the feeds' beats ask for, and go on."""
        code = self._ended[0]
        assert self._thread is not None
        self._thread.join()
        need = ffi.new("aats_recv_need_t *")
        if code != 1 or lib.aats_recv_needs(self._recv, need) != 1:
            raise FeedError(f"receiver {self.name!r}: its I/O thread has ended ({code})")
        mode = Mode(need.mode) if need.mode in list(Mode) else Mode.NONE
        segment = self.member.create_md(
            ring_depth=self.config.ring_depth,
            level_max=need.level_max,
            dir_cap=need.dir_cap,
            mode=mode,
            venue=text(need.venue),
            stale_ms=max(1, need.stale_ns // 1_000_000),
            feed_id=secrets.randbits(63),
        )
        self.member.describe(mode=mode)
        why = ffi.new("char[]", 1024)
        if lib.aats_recv_attach(self._recv, segment._base, segment.size, self.member.slot, why, len(why)) != lib.AATS_OK:
            raise FeedError(f"receiver {self.name!r}: {text(why)}")
        self.segment = segment  # what stood here before may be unmapped from now on
        log.info("%s: segment %s: %d levels, %d symbols", self.name, segment.name, need.level_max, need.dir_cap)
        self._go()

    # ------------------------------------------------------------------------------------------------- what others see

    def _states(self) -> list[PathState]:
        return [PathState(lib.aats_recv_path(self._recv, at).state) for at in range(len(self.config.paths))]

    def _about(self) -> str:
        """Return the line for people: each path, where its records come from, and what is amiss."""
        parts = [self._about_path(at) for at in range(len(self.config.paths))]
        if self.segment is not None:
            count = lib.aats_dir_cnt(self.segment.md)
            parts.append(f"{count} symbol{'' if count == 1 else 's'}")
        return ", ".join(parts)

    def _about_path(self, at: int) -> str:
        path, now = self.config.paths[at], lib.aats_recv_path(self._recv, at)
        if not now.feed_id:
            counts = (now.foreign, "foreign"), (now.damaged, "damaged or of another layout")
            heard = [f"{int(count)} {what}" for count, what in counts if count] + [self._complaints.get(path.where, "")]
            return f"{path}: waiting for a feed ({', '.join(filter(None, heard)) or 'nothing heard'})"
        state = PathState(now.state)
        return f"{path} <- {text(now.feed)} at {text(now.source) or text(now.repair)}{'' if state == PathState.LIVE else f': {state.name.lower()}'}"

    def _log(self) -> int:
        """Write the lines of the C side into the log; returns how many."""
        mail, worked = ffi.new("aats_mail_t **"), 0
        while lib.aats_mailbox_get(self._notices, mail) == 1:
            line = bytes(ffi.buffer(mail[0].bytes, mail[0].size)).decode("utf-8", "replace")
            level = _LEVELS[min(int(mail[0].num), 2)]
            lib.aats_mail_free(mail[0])
            log.log(level, "%s: %s", self.name, line)
            if level >= logging.WARNING:
                self._complain(line)
            worked += 1
        return worked

    def _complain(self, line: str) -> None:
        """Keep for the slot what is wrong with a path; that a connection ended says less than why, which the feed may have said just before."""
        where, _, what = line.partition(": ")
        if where not in self._complaints or not what.startswith("connection to "):
            self._complaints[where] = what

    def _commands(self) -> int:
        command = self.member.poll_command()
        if command is None:
            return 0
        op, _ = command
        if op == Command.PING:
            self.member.reply(0, "here")
        elif op == Command.STOP:
            self._stopping.set()
            self.member.reply(0, "stopping")
        else:
            source = ", ".join(text(lib.aats_recv_path(self._recv, at).feed) or "the feed" for at in range(len(self.config.paths)))
            self.member.reply(
                lib.AATS_E_ARG,
                f"{self.name!r} only receives what {source} sends: ask there for {op.name}, on the feed's own host or its control server",
            )
        return 1

    # -------------------------------------------------------------------------------------------------------- ending

    def stop(self) -> None:
        """Ask the receiver to end; `run` then returns.  Any thread, any number of times."""
        self._stopping.set()

    def close(self) -> None:
        """End the I/O thread, call every book bad, free the segment and the slot."""
        self._stopping.set()
        lib.aats_recv_host_stop(self.host)
        if self._thread is not None:
            self._thread.join()
        lib.aats_recv_stop(self._recv)
        self._log()
        self.member.leave()
        lib.aats_recv_host_free(self.host)
        self.host = ffi.NULL

    def run(self) -> None:
        """Serve until told to stop, then close."""
        try:
            while not self._stopping.is_set():
                self.serve()
        except AatsError as exc:
            with contextlib.suppress(AatsError):
                self.member.fail(str(exc))
            raise
        finally:
            self.close()


def main(config: ReceiverConfig) -> int:
    """Run a receiver in this process until SIGTERM, SIGINT or the command STOP; the body of `aats receive`."""
    receiver = Receiver(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiver.stop())
    receiver.start()
    log.info("%s: %s", receiver.name, receiver._about())
    receiver.run()
    return 0
