"""How keys reach the supervisor, and where they lie there: in memory, never in argv, the environment, a file, a log or a repr.

For: both ends of the hand-over.  Not for finding keys (``aats.keys``) nor for signing with them (C).

The way is a stream socket between two processes of one user: one that a control server has inherited from whoever started it, else the Unix socket in the
run folder (mode 0600 in a folder of mode 0700).  Each end asks the kernel who the other is (SO_PEERCRED) before a key goes over.

    u32 size of what follows | u16 size of the head | head: JSON, without secrets | key NUL secret NUL        to the supervisor
    u32 size of what follows | JSON                                                                            back

What comes in is received into pages that are locked (not swapped), left out of core dumps and of children, and zeroed when they are not needed any more.
From there C gets pointers: no Python text of a secret is ever made in the supervisor.  What cannot be done: Python's own copies in the strategy's process, and
locking where RLIMIT_MEMLOCK forbids it.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from aats import config, shm
from aats._ffi import ffi
from aats.errors import ConfigError, ControlError

__all__ = ["FRAME_MAX", "Inbox", "Locked", "address", "peer_of", "reach", "send_keys", "send_line", "take_line"]

#: Largest frame: a head and an Ed25519 or RSA key as PEM text fit several times.
FRAME_MAX = 16384
_SIZE = struct.Struct(">I")
_HEAD = struct.Struct(">H")
_PEER = struct.Struct("3i")
_libc = ctypes.CDLL(None, use_errno=True)


class Locked:
    """A few pages of memory for secrets: locked where the system allows it, left out of core dumps and of children, zeroed by `close`."""

    def __init__(self, size: int) -> None:
        self.memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for advice in ("MADV_DONTDUMP", "MADV_DONTFORK"):
            with contextlib.suppress(OSError, AttributeError):
                self.memory.madvise(getattr(mmap, advice))
        self.pointer = ffi.from_buffer(self.memory, require_writable=True)
        self.locked = _libc.mlock(ctypes.c_void_p(int(ffi.cast("uintptr_t", self.pointer))), ctypes.c_size_t(size)) == 0

    def __repr__(self) -> str:
        return f"<Locked {len(self.memory)} bytes>"

    def close(self) -> None:
        """Overwrite all of it; a second call is harmless."""
        ffi.memmove(self.pointer, bytes(len(self.memory)), len(self.memory))

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self.close()


class Inbox:
    """What a connection has said so far; `take` gives the next whole frame.

    Notes
    -----
    Lifetime: the secret of a frame lies in the inbox and is zeroed by the next `take`; copy it into a `Locked` of its own.
    """

    def __init__(self) -> None:
        self._pages = Locked(FRAME_MAX)
        self._len = 0
        self._done = 0

    def receive(self, sock: socket.socket) -> bool:
        """Read what is there, without waiting; False when the other end is gone or says what no frame is."""
        self._forget()
        with memoryview(self._pages.memory) as view, view[self._len :] as room:
            try:
                got = sock.recv_into(room, 0, socket.MSG_DONTWAIT) if len(room) else 0
            except (BlockingIOError, InterruptedError):
                return True
            except OSError:
                return False
        self._len += got
        return got > 0 and (self._len < _SIZE.size or self._size() <= FRAME_MAX)

    def _size(self) -> int:
        return _SIZE.size + int(_SIZE.unpack_from(self._pages.memory)[0])

    def take(self) -> tuple[dict[str, Any], Any, int] | None:
        """Return (head, pointer to key NUL secret NUL [passphrase NUL], bytes there) of the next frame; None while it is not whole.

        Raises
        ------
        ControlError
            Its bytes are no frame.
        """
        self._forget()
        if self._len < _SIZE.size or self._len < self._size():
            return None
        self._done = size = self._size()
        memory = self._pages.memory
        try:
            begin = _SIZE.size + _HEAD.size
            head_sz = int(_HEAD.unpack_from(memory, _SIZE.size)[0]) if size >= begin else size
            if begin + head_sz > size:
                raise ValueError("its head is longer than itself")
            head = orjson.loads(memory[begin : begin + head_sz])
            if not isinstance(head, dict):
                raise ValueError("its head is no object")
        except ValueError as exc:
            raise ControlError(f"what came over the supervisor's socket is no frame: {exc}") from None
        return head, self._pages.pointer + begin + head_sz, size - begin - head_sz

    def _forget(self) -> None:
        """Overwrite the frame that was taken last."""
        if not self._done:
            return
        rest = self._len - self._done
        ffi.memmove(self._pages.pointer, self._pages.pointer + self._done, rest)
        ffi.memmove(self._pages.pointer + rest, bytes(self._done), self._done)
        self._len, self._done = rest, 0

    def close(self) -> None:
        self._pages.close()


# ------------------------------------------------------------------------------------------------------------- sending


def send_keys(sock: socket.socket, head: dict[str, Any], key: str, secret: str, passphrase: str = "") -> None:
    """Send a head with a key, its secret, and its passphrase where it has one; our copy of the frame is overwritten afterwards."""
    words = orjson.dumps(head)
    frame = bytearray(_SIZE.size + _HEAD.size) + words
    for one in (key, secret, *([passphrase] if passphrase else [])):
        if "\0" in one:
            raise ConfigError("an API key holds a zero byte")
        frame += one.encode() + b"\0"
    try:
        if len(frame) > FRAME_MAX:
            raise ConfigError(f"an API key and its secret are longer than {FRAME_MAX} bytes")
        _SIZE.pack_into(frame, 0, len(frame) - _SIZE.size)
        _HEAD.pack_into(frame, _SIZE.size, len(words))
        sock.sendall(frame)
    finally:
        frame[:] = bytes(len(frame))


def send_line(sock: socket.socket, value: dict[str, Any]) -> None:
    """Send an answer, which holds no secret."""
    body = orjson.dumps(value)
    sock.sendall(_SIZE.pack(len(body)) + body)


def take_line(raw: bytearray) -> dict[str, Any] | None:
    """Take the first whole answer out of what was received; None while there is none."""
    if len(raw) < _SIZE.size:
        return None
    end = _SIZE.size + int(_SIZE.unpack_from(raw)[0])
    if end > FRAME_MAX:
        raise ControlError("the supervisor's answer is too long to be one")
    if len(raw) < end:
        return None
    body = bytes(raw[_SIZE.size : end])
    del raw[:end]
    try:
        return dict(orjson.loads(body))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        raise ControlError("the supervisor's answer is none") from None


# ---------------------------------------------------------------------------------------------------------- the socket


def peer_of(sock: socket.socket) -> tuple[int, int]:
    """Return (pid, uid) of the other end of a Unix socket, by the kernel's word."""
    pid, uid, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return pid, uid


@contextlib.contextmanager
def address(ns: str | None = None) -> Iterator[tuple[Path, str]]:
    """Give the socket's file, and an address of it that is short enough for the system whatever the folder is.

    Raises
    ------
    ConfigError
        The run folder is not ours alone.
    """
    folder = config.run_dir()
    name = f"supervisor-{ns or shm.namespace()}.sock"
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        facts = os.fstat(fd)
        if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            raise ConfigError(
                f"{folder} belongs to uid {facts.st_uid} with mode {stat.S_IMODE(facts.st_mode):04o}; keys are handed over in it, so it must be yours "
                f"alone: chmod 700 {folder}"
            )
        yield folder / name, f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)


def reach(pid: int, timeout_s: float) -> socket.socket:
    """Return a connection to the supervisor of that pid.

    Raises
    ------
    ControlError
        It does not listen here, or somebody else does.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        with address() as (path, short):
            try:
                sock.connect(short)
            except OSError as exc:
                raise ControlError(
                    f"the supervisor (pid {pid}) cannot be reached at {path}: {exc.strerror or exc}; was it started with another AATS_HOME?"
                ) from None
        if peer_of(sock) != (pid, os.getuid()):
            raise ControlError(f"{path} is answered by pid {peer_of(sock)[0]}, not by the supervisor (pid {pid})")
    except BaseException:
        sock.close()
        raise
    return sock
