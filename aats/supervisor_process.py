"""The supervisor as a process: its slot, its socket, the keys, real time and real connections around the step function.

For: ``aats supervisor``, which ``aats control`` starts.  Not for the rules (``aats.supervisor``).

It is nobody's child in what matters: a session of its own, deaf to Ctrl-C, not bound to its parent's life.  It ends when it is told to, or when there has been
nothing to watch for a while.  One a namespace: the name in the control table is taken by whoever is first.

::

    trade process ==keys==> socket ==> pages of locked memory, one a account
                                             |
    risk segment: seats --> Supervisor.step -+-> Clearance: order session to the venue
                                             |
    control table: who runs, who is fenced --'
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import resource
import selectors
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aats import budget, control, orders, shm, venue
from aats._ffi import ffi, lib
from aats.errors import AatsError, ConfigError, ControlError, SegmentMissing
from aats.layout import TD, TD_OFFSET, Command, Kind, Role, State
from aats.shm import risk
from aats.supervisor import Supervisor
from aats.supervisor_clear import Clearance, known, remains
from aats.supervisor_job import Job
from aats.supervisor_keys import Inbox, address, peer_of, send_line
from aats.supervisor_link import NAME
from aats.supervisor_ring import Key, KeyRing

__all__ = ["main"]

log = logging.getLogger("aats.supervisor")

_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)
_BUSY_S = 0.0005
_WATCH_S = 0.02
#: So long without a seat, a line or orders to clear it stays.
_IDLE_S = 5.0
_DETAIL_S = 0.2
_LACKS_S = 2.0
_SAVE_S = 30.0
_LEAVE_S = 4.0
_LINES_MAX = 256
#: So often the names of symbols are asked for, half a second and more apart.
_ASKS = 4


# ---------------------------------------------------------------------------------------------------------- the world


class Real:
    """What the step function sees: this host's processes, the journals, the venues."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._instances: set[int] = set()
        self._trading_at = 0.0
        self._lacks: dict[tuple[str, str], tuple[str, float]] = {}
        self._asked: dict[int, int] = {}  # how often names were asked for, by the instance of whose orders
        self._answers: queue.SimpleQueue[tuple[Clearance, str, int, int, bytes]] = queue.SimpleQueue()

    @staticmethod
    def _entry(owner: int) -> control.Entry | None:
        bare = int(lib.aats_ident_bare(owner))
        with contextlib.suppress(SegmentMissing):
            return next((one for one in control.Table.open().entries() if one.identity == bare and one.role == Role.TRADE), None)
        return None

    def alive(self, owner: int) -> bool:
        if lib.aats_proc_alive(owner):
            return True
        entry = self._entry(owner)
        return entry is not None and entry.foreign and entry.alive()

    def runs(self, owner: int) -> bool:
        entry = self._entry(owner)
        return entry is not None and entry.state == State.RUN

    def lives(self, instance: int) -> bool:
        now = time.monotonic()
        if now >= self._trading_at:
            self._trading_at = now + _WATCH_S
            self._instances = {one for one, _ in _trading()}
        return instance in self._instances

    def lacks(self, job: Job) -> str:
        why, until = self._lacks.get((job.name, job.account), ("", 0.0))
        if time.monotonic() >= until:  # files are looked at, so not at every pass
            try:
                self.ring.all_of(job)
                return ""
            except ConfigError as exc:
                why = str(exc)
            self._lacks[job.name, job.account] = why, time.monotonic() + _LACKS_S
        return why

    def told(self, name: str, account: str) -> None:
        """Take note that a key has come: what lacked may be there."""
        for seat in [one for one in self._lacks if name == one[0] or account == one[1]]:
            del self._lacks[seat]

    def clear(self, job: Job) -> Clearance:
        keys = self.ring.all_of(job)
        processes = list(_trading())
        left = remains(self.ring.folder(job), job.instance, [instance for instance, _ in processes])
        symbols = {*job.symbols, *left.symbols}
        for instance, segment in processes:
            if instance == job.instance:  # stopped: it may be about to trade any of its symbols
                symbols.update(one.symbol for one in shm.Trading(segment).positions())
        self._learn(job, {symbol for symbol in symbols if symbol.rpartition(".")[2] in keys}, keys)
        sessions = {name: self._session(job, one, left.instances) for name, one in keys.items()}
        venue = next(iter(keys))
        first = sessions.pop(venue)
        return Clearance(
            job, venue, first, symbols, left, say=self.say, resolve=lambda one, name, way: self._resolve(one, keys[name], way), more=sessions
        )  # fmt: skip

    def _learn(self, job: Job, symbols: set[str], keys: Mapping[str, Key]) -> None:
        """Have a thread ask for what is not kept of symbols (their names and numbers at their venues), and wait for it with the next attempts.

        Raises
        ------
        ConfigError
            It is being asked for.  After some attempts it goes on without: names are guessed then.
        """
        unknown = sorted(symbol for symbol in symbols if known(symbol, job.mode) is None)
        asked = self._asked.get(job.instance, 0)
        if not unknown or asked >= _ASKS:
            return
        self._asked[job.instance] = asked + 1

        def ask() -> None:
            for symbol in unknown:
                key = keys[symbol.rpartition(".")[2]]
                with contextlib.suppress(AatsError):
                    orders.fetch_rules(key.venue, key.endpoints, [symbol], mode=key.mode)

        threading.Thread(target=ask, name="aats-rules", daemon=True).start()
        raise ConfigError(f"the names of {' '.join(unknown)} at the venue are not kept here, and are asked for")

    def _session(self, job: Job, key: Key, instances: list[int]) -> Any:
        session = orders.new_session(
            key.venue,
            key.endpoints,
            key.key,
            key.secret,
            passphrase=key.passphrase,
            sandbox=key.mode == "sandbox",
            instance=0,
            earlier=instances,
            ca_file=key.cafile,
        )
        try:
            budget.give(session, key.account, budget.address_of(key.venue, key.mode, key.rest or key.wsapi))
        except AatsError as exc:  # its cancels count for themselves alone then
            log.warning("%s: %s", job, exc)
        return session

    def say(self, level: int, line: str) -> None:
        log.log(_LEVELS[level], "%s", line)

    def _resolve(self, clearance: Clearance, key: Key, way: int) -> None:
        def find() -> None:
            at = orders.outlets(key.venue, key.endpoints)[way]
            try:
                kind, answer = lib.AATS_MAIL_ADDRESS, venue.resolve(at.host, at.port)
            except OSError as exc:
                kind, answer = lib.AATS_MAIL_NO_ADDRESS, str(exc)
            self._answers.put((clearance, key.venue, int(kind), way, answer.encode()))

        threading.Thread(target=find, name="aats-resolve", daemon=True).start()

    def chores(self) -> None:
        """Hand over what helper threads have found."""
        with contextlib.suppress(queue.Empty):
            while True:
                clearance, exchange, kind, way, raw = self._answers.get_nowait()
                session = clearance.sessions.get(exchange)
                if session is not None:
                    lib.aats_mailbox_put(lib.aats_session_in(session), kind, way, 0, ffi.from_buffer(raw), len(raw))


def _trading() -> Iterator[tuple[int, shm.Segment]]:
    """Yield (instance, segment) of each trade process of this user that is there, running or stopped, in any namespace."""
    for name in shm.names(kind=Kind.TD):
        with contextlib.suppress(AatsError):  # it may go meanwhile
            segment = shm.attach(name)
            instance = int(segment.array(TD, TD_OFFSET)[0]["instance"])
            if instance and shm.process_alive(int(segment.header["owner"])):
                yield instance, segment


# --------------------------------------------------------------------------------------------------------- the process


class Lines:
    """The lines to trade processes: who is connected, what each has said."""

    def __init__(self, ring: KeyRing, keys_from: int | None) -> None:
        self.ring = ring
        self.renewed: list[tuple[str, str]] = []  # names and accounts whose key has changed, or has come
        self._lines: dict[socket.socket, tuple[Inbox, set[str]]] = {}
        self._selector = selectors.DefaultSelector()
        with address() as (self.path, short):
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)  # of one that was killed: the name in the control table is ours
            before = os.umask(0o177)
            try:
                self._listener.bind(short)
            finally:
                os.umask(before)
        self._listener.listen(64)
        self._selector.register(self._listener, selectors.EVENT_READ)
        if keys_from is not None:
            self._add(socket.socket(fileno=keys_from))

    def __len__(self) -> int:
        return len(self._lines)

    def accounts(self) -> set[str]:
        """Return the accounts of those who are connected."""
        return {account for _, accounts in self._lines.values() for account in accounts}

    def wait(self, timeout_s: float) -> None:
        """Wait for news that long at most, and take them."""
        for event, _ in self._selector.select(timeout_s):
            if event.fileobj is self._listener:
                with contextlib.suppress(OSError):
                    self._add(self._listener.accept()[0])
            else:
                self._read(event.fileobj)

    def _add(self, sock: socket.socket) -> None:
        pid, uid = peer_of(sock)
        if uid != os.getuid() or len(self._lines) >= _LINES_MAX:
            log.warning("pid %d of uid %d is refused", pid, uid)
            sock.close()
            return
        sock.setblocking(False)
        self._lines[sock] = (Inbox(), set())
        self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, sock: Any) -> None:
        inbox, accounts = self._lines[sock]
        there = inbox.receive(sock)
        try:
            while (frame := inbox.take()) is not None:
                answer = self._answer(frame, accounts)
                sock.setblocking(True)
                sock.settimeout(1.0)
                send_line(sock, answer)
                sock.setblocking(False)
        except (AatsError, OSError) as exc:
            log.warning("a line is closed: %s", exc)
            there = False
        if not there:
            self._selector.unregister(sock)
            del self._lines[sock]
            inbox.close()
            sock.close()

    def _answer(self, frame: tuple[dict[str, Any], Any, int], accounts: set[str]) -> dict[str, Any]:
        head, raw, size = frame
        try:
            if head.get("op") != "watch":
                raise ControlError("the only request is 'watch'")
            if head.get("namespace") != shm.namespace():
                raise ControlError(f"this supervisor serves namespace {shm.namespace()!r}, not {head.get('namespace')!r}")
            key, changed = self.ring.take(head, raw, size)
        except AatsError as exc:
            return {"ok": False, "text": str(exc)}
        accounts.add(key.account)
        if changed:
            self.renewed.append((str(head.get("name", "")), key.account))
        log.info("watches %s on %s", head.get("name"), key.account)
        return {"ok": True, "pid": os.getpid()}

    def close(self) -> None:
        for sock, (inbox, _) in self._lines.items():
            inbox.close()
            sock.close()
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._selector.close()


def main(keys_from: int | None = None) -> int:
    """Run until there is nothing to watch, SIGTERM, or a stop command; return 0."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the keys
    stopped = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with control.join(Role.OTHER, NAME, detail="starting") as me:
        ring = KeyRing()
        lines = Lines(ring, keys_from)
        try:
            host = risk.open_host()
            _serve(me, host, ring, lines, stopped)
        finally:
            lines.close()
            ring.keep(set(), set())
    return 0


def _serve(me: control.Member, host: Any, ring: KeyRing, lines: Lines, stopped: threading.Event) -> None:
    real = Real(ring)
    supervisor = Supervisor(host.view, me.identity, real)
    host.view.risk.supervisor = me.identity
    me.ready("watches 0")
    said, say_at, busy_at = "", 0.0, time.monotonic()
    saved_at, saved_cleared = busy_at, 0
    log.info("supervisor runs, namespace %s, listens at %s", me.table.namespace, lines.path)
    stop_by = float("inf")
    while not stopped.is_set() or (supervisor.hurried and time.monotonic() < stop_by):  # what is being canceled is canceled first
        if stopped.is_set():
            stop_by = min(stop_by, time.monotonic() + _LEAVE_S)
        lines.wait(_BUSY_S if supervisor.hurried else _WATCH_S)
        real.chores()
        while lines.renewed:
            whose = lines.renewed.pop()
            real.told(*whose)
            supervisor.renewed(*whose)
        supervisor.step(time.time_ns(), time.monotonic_ns())
        me.beat()
        me.tick()
        _obey(me, stopped)
        now = time.monotonic()
        if len(lines) or supervisor.busy or supervisor.watched:
            busy_at = now
        if now - busy_at > _IDLE_S:
            log.info("nothing is left to watch: it ends")
            break
        if (now - saved_at > _SAVE_S and not supervisor.busy) or supervisor.cleared != saved_cleared:
            saved_at, saved_cleared = now, supervisor.cleared
            _save(host)
        if now >= say_at:
            say_at = now + _DETAIL_S
            ring.keep(supervisor.held(), lines.accounts())
            if supervisor.detail != said:
                said = supervisor.detail
                me.describe(detail=said)
    supervisor.close()
    if int(host.view.risk.supervisor) == me.identity:
        host.view.risk.supervisor = 0


def _save(host: Any) -> None:
    """Write down what every seat has at stake, for a boot after a power cut."""
    try:
        host.save()
    except (AatsError, OSError) as exc:
        log.warning("the state of the risk segment cannot be saved: %s", exc)


def _obey(me: control.Member, stopped: threading.Event) -> None:
    waiting = me.poll_command()
    if waiting is None:
        return
    if waiting[0] == Command.STOP:
        me.reply(0, "stopping")
        stopped.set()
    elif waiting[0] == Command.PING:
        me.reply(0, "here")
    else:
        me.reply(int(lib.AATS_E_UNKNOWN), f"a supervisor has no command {waiting[0].name}")
