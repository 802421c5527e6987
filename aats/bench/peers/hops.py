"""hop_callback and callbacks_empty as other ways from process to process do them: Python sends, Python receives and calls.

A message is 184 bytes, as many as the payload of our slot with 5 levels; its first 8 are the stamp, taken just before the library is called.  One
each 100 us, every sample behind the first tenth is kept.  The receiver spins wherever the library lets it; the sender is on the other core (in a
thread for inproc). Throughput: as many as the library passes, a call for each.
"""

from __future__ import annotations

import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from aats.bench.context import Context, Failed, summary

__all__ = ["main", "run"]

Send = Callable[[bytes], object]
Poll = Callable[[], Any]
SIZE = 184
_PACE_NS = 100_000
_STAMP = struct.Struct("<q")
_IDLE_S = 10.0


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure the rows that are wanted."""
    ctx.pin()
    out = []
    for row in ctx.rows:
        kind, _, who = row.partition("/")
        measure = hop if kind == "hop_callback" else rate
        out.append({"row": row, "who": "aats", **measure(ctx, who)})
    return out


def hop(ctx: Context, who: str) -> dict[str, Any]:
    """Return the way of a message in ns."""
    wanted = 500 if ctx.quick else 4000
    if who == "zmq_inproc":
        return {"unit": "ns", **summary(_inproc_hop(wanted + wanted // 10)[wanted // 10 :])}
    with _Pair(ctx, who, wanted + wanted // 10, _PACE_NS) as poll:
        samples = []

        def on_message(data: Any) -> None:
            samples.append(time.monotonic_ns() - _STAMP.unpack_from(data)[0])

        _receive(poll, on_message, wanted + wanted // 10)
    return {"unit": "ns", **summary(samples[wanted // 10 :])}


def _inproc_hop(count: int) -> list[int]:
    """Send and receive in one thread, paced: with two, each would wait for the interpreter's lock, milliseconds at a time."""
    import zmq

    context = zmq.Context()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    pull.bind("inproc://x")
    push.connect("inproc://x")
    poll, samples, message, clock = _zmq_poll(pull), [], bytearray(SIZE), time.monotonic_ns
    due = clock()
    for _ in range(count):
        while clock() < due:
            pass
        due += _PACE_NS
        _STAMP.pack_into(message, 0, clock())
        push.send(bytes(message))
        while (data := poll()) is None:
            pass
        samples.append(clock() - _STAMP.unpack_from(data)[0])
    context.destroy(0)
    return samples


def rate(ctx: Context, who: str) -> dict[str, Any]:
    """Return messages a second."""
    wanted = 20_000 if ctx.quick else 200_000
    with _Pair(ctx, who, wanted, 0) as poll:
        first = 0

        def on_message(data: Any) -> None:
            nonlocal first
            first = first or time.monotonic_ns()

        _receive(poll, on_message, wanted)
    return {"unit": "1/s", "value": wanted / ((time.monotonic_ns() - first) / 1e9), "n": wanted}


def _receive(poll: Poll, on_message: Callable[[Any], None], wanted: int) -> None:
    count, deadline = 0, time.monotonic() + _IDLE_S
    passes = 0
    while count < wanted:
        data = poll()
        if data is not None:
            on_message(data)
            count += 1
            continue
        passes += 1
        if passes % 65536 == 0:
            if time.monotonic() > deadline:
                raise Failed(f"{count} of {wanted} messages had come after {_IDLE_S:g} s without one more")
        elif count:
            deadline = deadline if passes % 1024 else time.monotonic() + _IDLE_S


class _Pair:
    """A receiver here and a sender elsewhere; entering gives what polls for one message."""

    def __init__(self, ctx: Context, who: str, count: int, pace_ns: int) -> None:
        self.ctx, self.who, self.words = ctx, who, [str(count), str(pace_ns)]
        name = f"aats-bench-{time.monotonic_ns()}"
        self.place = name if who == "iceoryx2" else str(ctx.folder / name)  # a socket goes with the run's folder
        self.close: list[Callable[[], object]] = []

    def __enter__(self) -> Poll:
        try:
            return getattr(self, f"_{self.who}")()  # type: ignore[no-any-return]
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        for one in reversed(self.close):
            one()

    def _sender(self, *pass_: str) -> None:
        manager = self.ctx.start("python", "-m", "aats.bench.peers.hops", self.who, self.place, *self.words, *pass_, core=self.ctx.cores[0])
        manager.__enter__()
        self.close.append(lambda: manager.__exit__(None, None, None))

    def _zmq_inproc(self) -> Poll:
        import zmq

        context = zmq.Context()
        push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        for one in (push, pull):
            one.set_hwm(0)
        pull.bind("inproc://x")
        push.connect("inproc://x")
        thread = threading.Thread(target=_send_all, args=(lambda data: push.send(data, copy=True), *map(int, self.words)), daemon=True)
        thread.start()
        self.close += [lambda: context.destroy(0), lambda: thread.join(10)]
        return _zmq_poll(pull)

    def _zmq_ipc(self) -> Poll:
        import zmq

        context = zmq.Context()
        pull = context.socket(zmq.PULL)
        pull.set_hwm(0)
        pull.bind(f"ipc://{self.place}")
        self.close.append(lambda: context.destroy(0))
        self._sender()
        return _zmq_poll(pull)

    def _iceoryx2(self) -> Poll:
        import ctypes

        service = _iceoryx2(self.place)
        subscriber = service.subscriber_builder().create()
        self._sender()

        def poll() -> Any:
            sample = subscriber.receive()
            if sample is None:
                return None
            data = ctypes.string_at(sample.payload_ptr, SIZE)
            sample.delete()
            return data

        return poll

    def _mp_pipe(self) -> Poll:
        from multiprocessing.connection import Listener

        listener = Listener(self.place, "AF_UNIX")
        self.close.append(listener.close)
        self._sender()
        pipe = listener.accept()
        self.close.append(pipe.close)
        return lambda: pipe.recv_bytes() if pipe.poll(0) else None

    def _redis(self) -> Poll:
        import redis

        words = ["--port", "0", "--unixsocket", self.place, "--save", "", "--daemonize", "no"]
        manager = self.ctx.start("redis-server", *words)
        manager.__enter__()
        self.close.append(lambda: manager.__exit__(None, None, None))
        client = redis.Redis(unix_socket_path=self.place)
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.exceptions.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        listener = client.pubsub(ignore_subscribe_messages=True)
        listener.subscribe("quotes")
        listener.get_message(timeout=1)
        self._sender()

        def poll() -> Any:
            message = listener.get_message(timeout=0)
            return None if message is None else message["data"]

        return poll


def _zmq_poll(pull: Any) -> Poll:
    import zmq

    def poll() -> Any:
        try:
            return pull.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None

    return poll


def _iceoryx2(name: str) -> Any:
    """Open the service of one run."""
    import ctypes

    import iceoryx2

    payload = ctypes.c_uint8 * SIZE
    node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
    service = node.service_builder(iceoryx2.ServiceName.new(name)).publish_subscribe(payload)
    return service.subscriber_max_buffer_size(4096).enable_safe_overflow(False).open_or_create()


def _send_all(send: Send, count: int, pace_ns: int) -> None:
    """Send so many, stamped, one each `pace_ns`."""
    message, clock, stamp = bytearray(SIZE), time.monotonic_ns, _STAMP.pack_into
    due = clock() + (300_000_000 if pace_ns else 0)
    for _ in range(count):
        while pace_ns and clock() < due:
            pass
        due += pace_ns
        stamp(message, 0, clock())
        send(bytes(message))


def main(argv: list[str]) -> int:
    """Be the sender: WHO PLACE COUNT PACE_NS."""
    who, place, count, pace_ns = argv[0], argv[1], int(argv[2]), int(argv[3])
    keep: Any = None
    if who == "zmq_ipc":
        import zmq

        keep = zmq.Context()
        push = keep.socket(zmq.PUSH)
        push.set_hwm(0)
        push.connect(f"ipc://{place}")
        _send_all(push.send, count, pace_ns)
        keep.destroy(10_000)
    elif who == "iceoryx2":
        import ctypes

        service = _iceoryx2(place)
        publisher = service.publisher_builder().create()

        def send(data: bytes) -> None:
            sample = publisher.loan_uninit()
            ctypes.memmove(sample.payload_ptr, data, SIZE)
            sample.assume_init().send()

        _send_all(send, count, pace_ns)
        time.sleep(2)  # what was sent belongs to this process until it has been taken
    elif who == "mp_pipe":
        from multiprocessing.connection import Client

        _send_all(Client(place, "AF_UNIX").send_bytes, count, pace_ns)
        time.sleep(1)
    elif who == "redis":
        import redis

        client = redis.Redis(unix_socket_path=place)
        _send_all(lambda data: client.publish("quotes", data), count, pace_ns)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
