"""Clients and books for the simulator's tests: in memory, in virtual time, and one that spawns `python -m aats.sim`.

Not a test itself.  The clients are `websockets` and `httpx`/`h11`, the books plain dicts: nothing here is this project's
client, so that the simulator is judged by strangers.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h11
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from aats.sim import Exchange, Generator

ROOT = Path(__file__).resolve().parents[2]
T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
MS = 1_000_000


class Client:
    """One WebSocket client in memory.  `messages` holds parsed texts, `frames` all frames, `closed` the end of the wire."""

    def __init__(self, world: World, path: str, *, answer_pings: bool = True, headers: Mapping[str, str] | None = None) -> None:
        self.world = world
        self.id = world.new_id()
        self.protocol = ClientProtocol(parse_uri("ws://localhost" + path), max_size=None)
        self.answer_pings = answer_pings
        self.messages: list[Any] = []
        self.frames: list[Frame] = []
        self.status = 0
        self.body = b""
        self.closed = False
        world.clients.append(self)
        world.exchange.open(self.id, world.now)
        request = self.protocol.connect()
        for name, value in (headers or {}).items():
            request.headers[name] = value
        self.protocol.send_request(request)
        self.flush()
        world.carry()

    @property
    def close_code(self) -> int | None:
        close = self.protocol.close_rcvd
        return None if close is None else close.code

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data and not self.closed:
                self.world.exchange.receive(self.id, data, self.world.now)

    def text(self, text: str | bytes) -> None:
        self.protocol.send_text(text.encode() if isinstance(text, str) else text)
        self.flush()
        self.world.carry()

    def call(self, method: str, params: Any = None, request_id: Any = 1) -> Any:
        """Send a control message and return its reply."""
        message = {"method": method, "id": request_id}
        if params is not None:
            message["params"] = params
        before = len(self.messages)
        self.text(json.dumps(message))
        return next(m for m in self.messages[before:] if "id" in m and "e" not in m)

    def take(self) -> None:
        data = self.world.exchange.take(self.id)
        if data and not self.closed:
            self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.status, self.body = event.status_code, bytes(event.body or b"")
            else:
                self.frames.append(event)
                if event.opcode is Opcode.TEXT:
                    with contextlib.suppress(ValueError):
                        self.messages.append(json.loads(bytes(event.data)))
        outgoing = [d for d in self.protocol.data_to_send() if d]
        if self.answer_pings:
            for item in outgoing:
                self.world.exchange.receive(self.id, item, self.world.now)
        if not self.closed and self.world.exchange.closing(self.id):
            self.closed = True
            self.world.exchange.drop(self.id)

    def of(self, event: str) -> list[Any]:
        """Return the raw payloads of one event type, wrapped or not."""
        payloads = [m.get("data", m) if isinstance(m, dict) else m for m in self.messages]
        return [p for p in payloads if isinstance(p, dict) and p.get("e") == event]


class World:
    """One exchange in virtual time with any number of clients."""

    def __init__(self, exchange: Exchange | None = None, **kw: Any) -> None:
        self.now = T0
        self.exchange = exchange or Exchange(Generator(7, ["BTCUSDT", "ETHUSDT"], depth=200), T0, **kw)
        self.clients: list[Client] = []
        self._ids = 0

    def new_id(self) -> int:
        self._ids += 1
        return self._ids

    def ws(self, path: str, **kw: Any) -> Client:
        return Client(self, path, **kw)

    def carry(self) -> None:
        for client in self.clients:
            client.take()

    def run(self, seconds: float) -> None:
        """Go through every deadline of the next `seconds`."""
        end = self.now + round(seconds * SECOND)
        while True:
            due = self.exchange.next_deadline()
            self.now = end if due is None else min(max(due, self.now), end)
            self.exchange.advance(self.now)
            self.carry()
            if self.now >= end:
                return

    def raw(self, data: bytes) -> tuple[bytes, bool]:
        """Send bytes on a connection of their own; return what came back and whether the exchange closes."""
        conn_id = self.new_id()
        self.exchange.open(conn_id, self.now)
        self.exchange.receive(conn_id, data, self.now)
        out, closing = self.exchange.take(conn_id), self.exchange.closing(conn_id)
        self.exchange.drop(conn_id)
        return out, closing

    def http(self, target: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Reply:
        """Make one request on a connection of its own."""
        client = h11.Connection(h11.CLIENT)
        fields = [("Host", "localhost"), *(headers or {}).items()]
        request = client.send(h11.Request(method=method, target=target, headers=fields))
        out, _ = self.raw((request or b"") + (client.send(h11.EndOfMessage()) or b""))
        client.receive_data(out)
        response = client.next_event()
        assert isinstance(response, h11.Response), response
        body = b""
        while isinstance(event := client.next_event(), h11.Data):
            body += bytes(event.data)
        return Reply(response.status_code, {k.decode(): v.decode() for k, v in response.headers}, body)


class Reply:
    """One HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class DictBook:
    """The synchronisation of the fact sheet, section 3, with two dicts: buffers diffs, takes a snapshot, counts gaps."""

    def __init__(self) -> None:
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.id: int | None = None
        self.first = True
        self.gaps = 0
        self.applied = 0
        self.buffer: list[Any] = []

    def load(self, snapshot: Any) -> None:
        self.bids, self.asks = dict(snapshot["bids"]), dict(snapshot["asks"])
        self.id, self.first = snapshot["lastUpdateId"], True
        buffered, self.buffer = self.buffer, []
        for event in buffered:
            self.apply(event)

    def apply(self, event: Any) -> None:
        if self.id is None:
            self.buffer.append(event)
            return
        if event["u"] <= self.id:
            return
        if event["U"] > self.id + 1 or (not self.first and event["U"] != self.id + 1):
            self.gaps += 1
            self.id = None
            return
        self.id, self.first = event["u"], False
        self.applied += 1
        for side, key in ((self.bids, "b"), (self.asks, "a")):
            for px, qty in event[key]:
                if float(qty) == 0:
                    side.pop(px, None)
                else:
                    side[px] = qty

    def best(self) -> tuple[str, str, str, str]:
        bid, ask = max(self.bids, key=float), min(self.asks, key=float)
        return bid, self.bids[bid], ask, self.asks[ask]

    def equals(self, snapshot: Any) -> bool:
        return self.bids == dict(snapshot.bids) and self.asks == dict(snapshot.asks)


@contextlib.contextmanager
def spawn(*args: str) -> Iterator[dict[str, Any]]:
    """Run `python -m aats.sim --json ...`; yield its ready line with `process` added; end it politely."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "aats.sim", "--json", *args], stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"aats sim ended with {process.wait(10)}"
        yield {**json.loads(line), "process": process}
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
