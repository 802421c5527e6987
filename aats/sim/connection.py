"""One client of the simulated exchange: its bytes, its protocol, its subscriptions; and the venue's limits on it.

A connection begins as HTTP (h11) and stays that until a request asks for an upgrade; then it is WebSocket for good
(websockets, sans I/O).  Clients with a connection pool upgrade a connection on which they have made requests before.
This file knows syntax; who owns connections is host.py, what requests and messages mean stands in the dialects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
from websockets.exceptions import InvalidState
from websockets.server import ServerProtocol

from aats.sim.answer import Answer
from aats.sim.faults import Lane
from aats.sim.limits import ORDERS_10S, ORDERS_DAY, WEIGHT_LIMIT

if TYPE_CHECKING:
    from aats.sim.accounts import Account
    from aats.sim.ws_api import Session

SECOND_NS = 1_000_000_000
HEAD_MAX = 65_536  # 1024 streams fit in one path
MESSAGE_MAX = 1 << 20
LOST_NS = 3600 * SECOND_NS  # how long a client may wait for an answer that never comes


@dataclass(frozen=True)
class Limits:
    """The venue's limits on a connection, and ours on a slow one."""

    ping_ns: int = 20 * SECOND_NS  # a ping each 20 s; 0: the server sends none
    pong_ns: int = 60 * SECOND_NS  # no pong to it for 60 s: cut
    quiet_ns: int = 0  # a client that sends nothing for so long is cut; 0: it may be silent
    life_ns: int = 24 * 3600 * SECOND_NS  # 0: it may grow as old as it likes
    inbound_per_s: int = 5  # pings, pongs and control messages together
    streams: int = 1024
    connects_per_5min: int = 300
    weight_per_min: int = WEIGHT_LIMIT
    orders_10s: int = ORDERS_10S  # unfilled orders of an account
    orders_day: int = ORDERS_DAY
    close_ns: int = SECOND_NS  # how long a close handshake may take
    out_bytes: int = 16 << 20  # a client that lets more than this pile up is cut off


US = Limits(ping_ns=180 * SECOND_NS, pong_ns=600 * SECOND_NS, weight_per_min=1200)


@dataclass
class HttpRequest:
    """One complete request; `upgrade` holds its head again, and what came after it, if it asks for a WebSocket."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    upgrade: bytes = b""


class Connection:
    """One client.  `live` means: WebSocket, open, and nobody has begun to close it."""

    def __init__(self, conn_id: int, now_ns: int) -> None:
        self.id = conn_id
        self.opened_ns = now_ns
        self.heard_ns = now_ns  # when the client's last frame came
        self.ws: ServerProtocol | None = None
        self.live = False
        self.end_ns: int | None = None  # when the host is to close it
        self.out: deque[bytes] = deque()
        self.out_sz = 0
        self.lane = Lane()
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
        self._request: h11.Request | None = None  # its body has not ended
        self._body = b""
        # the rest belongs to WebSocket connections
        self.role = ""  # of the dialects over venue.py: what its path makes it; their own state; whose it is after a log-on
        self.state: Any = None
        self.account: Account | None = None
        self.wrapped = False
        self.micros = False
        self.sbe = False  # events in binary frames (sbe.py)
        self.streams: dict[str, None] = {}
        self.api: Session | None = None  # set on connections of the WebSocket API
        self.pings: dict[bytes, int] = {}  # payload -> when sent; answered ones are gone
        self.ping_ns = 0
        self.inbound: deque[int] = deque()  # when the messages of the last second came
        self.parts = b""  # of a fragmented message
        self.is_text = True

    # -- out -----------------------------------------------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Queue bytes."""
        self.out.append(data)
        self.out_sz += len(data)

    def take(self, most: int | None = None) -> bytes:
        """Return and forget what is queued: all of it, or whole pieces until `most` bytes are reached."""
        if most is None or self.out_sz <= most:
            data = b"".join(self.out)
            self.out.clear()
        else:
            pieces, sz = [], 0
            while sz < most:
                pieces.append(self.out.popleft())
                sz += len(pieces[-1])
            data = b"".join(pieces)
        self.out_sz -= len(data)
        return data

    def flush_ws(self) -> None:
        """Queue what the WebSocket protocol wants to send; its end-of-file mark is not data."""
        if self.ws is not None:
            for data in self.ws.data_to_send():
                if data:
                    self.put(bytes(data))

    def send_close(self, code: int, reason: str) -> None:
        """Queue a close frame, unless one has been sent."""
        if self.ws is not None:
            try:
                self.ws.send_close(code, reason)
            except InvalidState:
                pass
            self.flush_ws()

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def requests(self, data: bytes) -> Iterator[HttpRequest]:
        """Yield the requests that `data` completes; each must be answered before the next is asked for.

        Raises
        ------
        h11.RemoteProtocolError
            The bytes are no HTTP.
        """
        http = self._http
        http.receive_data(data)
        while True:
            event = http.next_event()
            if isinstance(event, h11.Request):
                self._request, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MESSAGE_MAX:
                    self.refuse_http(413, 0)
                    return
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                request, self._request = self._request, None
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
                upgrade = b""
                if headers.get("upgrade", "").lower() == "websocket":
                    head = b"".join(b"%b: %b\r\n" % field for field in request.headers.raw_items())
                    upgrade = b"GET %b HTTP/1.1\r\n%b\r\n" % (request.target, head) + http.trailing_data[0]
                yield HttpRequest(request.method.decode(), request.target.decode("latin-1"), headers, self._body, upgrade)
                if upgrade or self.end_ns is not None:
                    return
                if http.our_state is h11.MUST_CLOSE or http.their_state is h11.MUST_CLOSE:
                    self.end_ns = 0
                    return
                http.start_next_cycle()
            elif event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return

    def respond(self, answer: Answer, now_ns: int) -> None:
        """Queue the answer to the request that was yielded last, or do to it what its faults want."""
        if answer.lost or answer.dropped:
            self.end_ns = now_ns + (LOST_NS if answer.lost else 0)
            return
        if answer.late_ns:
            self.lane.stalled_until_ns = now_ns + answer.late_ns
        fields = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), *answer.headers]
        status = HTTPStatus(answer.status)
        http = self._http
        parts = [
            http.send(h11.Response(status_code=answer.status, headers=fields, reason=status.phrase)),
            http.send(h11.Data(data=answer.body)),
            http.send(h11.EndOfMessage()),
        ]
        data = b"".join(part for part in parts if part)
        if answer.cut:
            data = data[: -(len(answer.body) // 2)]
            self.end_ns = now_ns
        self.put(data)

    def refuse_http(self, status_code: int, now_ns: int) -> None:
        """Queue a bare error to something that is no HTTP, and end."""
        status = HTTPStatus(status_code)
        self.put(b"HTTP/1.1 %d %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, status.phrase.encode("ascii")))
        self.end_ns = now_ns
