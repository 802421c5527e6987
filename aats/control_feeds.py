"""Starting, extending and restarting feed processes from their settings, and telling a running one something.

For: the requests of a control server, the face for the published client, the command line.  Not for the feed itself (``aats.feed``).  Plain functions
that block; none of them needs a server.

A feed that was started here runs from a file of its own in the run folder, ``feed-NAME.toml``, with everything in it that the asker's environment had to say
(hosts, CA file, mode).  What it is told to carry later is written into that file as well, so that a restart brings all of it back.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from aats import config, control, control_address, shm
from aats.config import FeedConfig, SymbolLevel
from aats.control import Child, Entry, Feed
from aats.errors import AatsError, ConfigError, ControlError, PeerDead
from aats.layout import Command, DirState, Mode, Role

__all__ = ["Origin", "alone", "children", "extend", "find", "origin_of", "start_again", "start_feed", "start_market", "tell", "wait_books"]

_LIVE = (DirState.LIVE, DirState.HALTED)
_COMMAND_S = 10.0
#: What a feed takes from the environment of its starter, beside its file.
ASKERS = ("AATS_MODE", "AATS_FORMAT", "AATS_CAFILE", "AATS_ENDPOINT_", "AATS_WAIT", "AATS_ISA", "AATS_TLS")

_names: dict[str, threading.RLock] = {}
_names_lock = threading.Lock()
_children: list[Child] = []


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold off others of this process that would start or extend the feed of this name."""
    with _names_lock:
        lock = _names.setdefault(name, threading.RLock())
    with lock:
        yield


# ---------------------------------------------------------------------------------------------------------- starting


def start_market(tables: Mapping[str, Any], *, where: str = "start_market") -> dict[str, Any]:
    """Start the feed that the tables of a feed's file describe, or extend the running one of that name; wait until all its books are good.

    Returns
    -------
    dict
        ``pid, name, mode, port, started, changed, symbols``, as the request ``start_market`` answers.

    Raises
    ------
    ConfigError
        A setting is wrong, or the running feed cannot carry what is wanted.
    ControlError
        It did not come up, or a book was not synchronised in time; the text has the reason.
    """
    wanted = config.feed_config(tables, where=where)
    wanted = replace(wanted, net=control_address.check_here(wanted.net, where))
    deadline = time.monotonic() + wanted.limits.feed_ready_ms / 1000
    with alone(wanted.name):
        running = control.find_feeds(name=wanted.name)
        if running:
            changed = extend(running[0], wanted)
        else:
            changed = [one.symbol for one in wanted.symbols]
            start_feed(wanted)
    feed = wait_books(wanted, deadline)
    return {
        "pid": feed.pid,
        "name": feed.name,
        "mode": feed.mode.name.lower(),
        "port": feed.entry().port,
        "started": not running,
        "changed": changed,
        "symbols": {symbol: state.name.lower() for symbol, state in feed.symbols.items()},
    }


def run_file(name: str) -> Path:
    """Return the file that a feed of this name is started from."""
    return config.run_dir() / f"feed-{name}.toml"


def start_feed(wanted: FeedConfig) -> Child:
    """Start a feed process from a file of its own in the run folder, and wait until it says RUN."""
    file = run_file(wanted.name)
    _write(file, wanted)
    return launch(wanted, str(file), {})


def launch(told: FeedConfig, file: str, env: Mapping[str, str]) -> Child:
    """Start ``aats feed FILE``: the one place where a feed's process is made.  Its end is taken note of here, too."""
    wait_s = told.limits.feed_ready_ms / 1000
    child = control.spawn(Role.FEED, ["feed", file], name=f"feed-{told.name}", wait_s=wait_s, env=env)
    with _names_lock:
        _children.append(child)
    return child


def children() -> list[Child]:
    """Return the feeds that this process has started and that live."""
    with _names_lock:
        _children[:] = [child for child in _children if child.process.poll() is None]
        return list(_children)


def _write(file: Path, wanted: FeedConfig) -> None:
    """Write a feed's file, readable by its user alone, as a whole or not at all."""
    part = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(config.dump(wanted))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def extend(feed: Feed, wanted: FeedConfig) -> list[str]:
    """Bring a running feed to carry what is wanted; return the symbols that were added or deepened.

    Raises
    ------
    ConfigError
        It cannot: another venue, mode or network, or a book deeper than its segment has room for.
    """
    what = f"feed {feed.name!r} (pid {feed.pid})"
    if feed.venue != wanted.venue or feed.mode != Mode[wanted.mode.upper()]:
        raise ConfigError(
            f"{what} runs {feed.venue} {feed.mode.name.lower()}, wanted is {wanted.venue} {wanted.mode}: give the new one another name"
        )
    entry = feed.entry()
    net = wanted.net
    if net.send_type != "shm" and entry.port != net.port:
        raise ConfigError(
            f"{what} runs already and sends to {f'port {entry.port}' if entry.port else 'no network'}, wanted is port {net.port}: stop it first"
        )
    if net.send_type != "shm" and " -> " in entry.detail and f" -> {net.send_type} {net.ip}:{net.port}" not in entry.detail:
        raise ConfigError(
            f"{what} runs already and sends elsewhere ({entry.detail}), wanted is {net.send_type} {net.ip}:{net.port}: stop it first"
        )
    deepest = max(wanted.symbols, key=lambda one: one.level_num)
    if deepest.level_num > feed.level_max:
        raise ConfigError(f"{what} publishes at most {feed.level_max} levels, {deepest.symbol} wants {deepest.level_num}: stop it first")
    levels = {one.symbol: one.level_num for one in shm.symbols(feed.attach()) if one.state != DirState.GONE}
    changed = []
    for one in wanted.symbols:
        symbol = f"{one.symbol}.{wanted.venue}"
        symbol = feed.natives.get(symbol, symbol)
        if symbol not in levels:
            control.command(entry, Command.SUBSCRIBE, f"{symbol} {one.level_num}")
        elif levels[symbol] < one.level_num:
            control.command(entry, Command.SET_LEVEL, f"{symbol} {one.level_num}")
        else:
            continue
        changed.append(one.symbol)
    if wanted.open_l2:
        control.command(entry, Command.OPEN_L2)
    _remember(feed.name, added=[one for one in wanted.symbols if one.symbol in changed], open_l2=wanted.open_l2)
    return changed


def wait_books(wanted: FeedConfig, deadline: float) -> Feed:
    """Wait until every wanted book is live; a ControlError names those that are not."""
    symbols = [f"{one.symbol}.{wanted.venue}" for one in wanted.symbols]
    log = config.log_dir() / f"feed-{wanted.name}.log"
    while True:
        found = control.find_feeds(name=wanted.name)
        missing = [symbol for symbol in symbols if not found or found[0].state_of(symbol) not in _LIVE]
        if found and not missing:
            return found[0]
        if time.monotonic() >= deadline:
            raise ControlError(
                f"feed {wanted.name!r}: not synchronised within {wanted.limits.feed_ready_ms / 1000:g} s: {', '.join(missing)} (log: {log})"
            )
        if not found and not any(one["name"] == wanted.name and one["alive"] for one in control.processes()):
            raise PeerDead(f"feed {wanted.name!r} has ended (log: {log})")
        time.sleep(0.02)


# ----------------------------------------------------------------------------------------------------------- telling


def find(whom: int | str) -> Entry:
    """Return the living feed of a pid or name.

    Raises
    ------
    ControlError
        There is none.
    """
    if isinstance(whom, int):
        entry = control.entry_of_pid(whom)
        if entry.role != Role.FEED:
            raise ControlError(f"pid {whom} is no feed but {entry.role.name.lower()} {entry.name!r}")
        return entry
    with contextlib.suppress(AatsError):
        entry_ = control.Table.open().find(Role.FEED, whom)
        if entry_ is not None:
            return entry_
    raise ControlError(f"no feed {whom!r} runs in namespace {shm.namespace()!r}")


def tell(whom: int | str, op: Command, symbol: str, level: int | None = None) -> dict[str, Any]:
    """Tell a running feed to subscribe or unsubscribe a symbol, or to publish more levels of it.

    Returns
    -------
    dict
        ``pid, name, text``: what it answered.
    """
    entry = find(whom)
    with alone(entry.name):
        answer = control.command(entry, op, symbol if level is None else f"{symbol} {level}", timeout_s=_COMMAND_S)
        bare = symbol.partition(".")[0]
        if op == Command.UNSUBSCRIBE:
            _remember(entry.name, gone=bare)
        else:
            _remember(entry.name, added=[SymbolLevel(bare, level or 0)])
    return {"pid": entry.pid, "name": entry.name, "text": answer}


def _remember(name: str, *, added: Iterable[SymbolLevel] = (), gone: str = "", open_l2: bool = False) -> None:
    """Write into the file that a feed is started from what it carries from now on; nothing where it has no such file."""
    file = run_file(name)
    if not file.exists():
        return
    with contextlib.suppress(ConfigError):
        told = config.load(file)
        levels = {one.symbol: one.level_num for one in told.symbols}
        for one in added:
            levels[one.symbol] = max(one.level_num or told.level_num, levels.get(one.symbol, 0))
        if len(levels) > 1:  # a feed without a symbol has no file: the last one stays
            levels.pop(gone, None)
        symbols = tuple(SymbolLevel(symbol, level) for symbol, level in levels.items())
        _write(file, replace(told, symbols=symbols, open_l2=told.open_l2 or open_l2))


# -------------------------------------------------------------------------------------------------------- once more


@dataclass(frozen=True)
class Origin:
    """What a feed was started from.

    Attributes
    ----------
    file : str
        Absolute.
    env : mapping
        What its environment adds to the file: mode, hosts, CA file.  Never keys.
    """

    name: str
    file: str
    env: Mapping[str, str] = field(default_factory=dict)


def origin_of(entry: Entry) -> Origin:
    """Return what a running feed was started from.

    Raises
    ------
    ControlError
        It lives in another process (``feed='inline'``) or pid namespace, or its file is gone.
    """
    what = f"feed {entry.name!r} (pid {entry.pid})"
    if entry.foreign:
        raise ControlError(f"{what} runs in another pid namespace (container): restart it there")
    try:
        process = psutil.Process(entry.pid)
        words, folder, environment = process.cmdline(), process.cwd(), process.environ()
    except psutil.Error as exc:
        raise PeerDead(f"{what} is gone", pid=entry.pid) from exc
    if len(words) < 2 or words[-2] != "feed":
        raise ControlError(f"{what} was not started as `aats feed FILE`: only such a feed can be started again")
    file = os.path.join(folder, words[-1])
    if not os.path.isfile(file):
        raise ControlError(f"{what} was started from {file}, which is gone")
    return Origin(entry.name, file, {key: value for key, value in environment.items() if key.startswith(ASKERS)})


def start_again(origin: Origin) -> Child:
    """Start a feed from the file that it was started from before, and wait until it says RUN.

    Raises
    ------
    ConfigError
        The file is gone or says something else by now: another name.
    """
    told = config.load(origin.file)
    if told.name != origin.name:
        raise ConfigError(f"{origin.file}: is of feed {told.name!r} now, not of {origin.name!r}")
    return launch(told, origin.file, origin.env)
