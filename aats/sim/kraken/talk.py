"""What both halves of Kraken's WebSocket v2 share: answers, heartbeats, what is remembered of a connection (exchanges/kraken_v2.md section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from aats.sim.venue import Connection, VenueExchange, iso

__all__ = ["SECOND_NS", "KrakenTalk", "State"]

SECOND_NS = 1_000_000_000


@dataclass
class State:
    """What the exchange remembers of a connection."""

    depths: dict[str, int] = field(default_factory=dict)  # symbol -> depth of its book subscription
    triggers: dict[str, str] = field(default_factory=dict)  # symbol -> event_trigger of its ticker
    sequence: int = 0  # of the private channels
    beats: bool = False


class KrakenTalk(VenueExchange):
    """Answers and heartbeats."""

    def answer(
        self, conn: Connection, method: str, req_id: Any, *, result: Any = None, error: str = "", symbol: str = "", fault: str = ""
    ) -> None:
        """Answer a request; `fault` as `reply` takes it."""
        body: dict[str, Any] = {"method": method, "success": not error}
        if req_id is not None:
            body["req_id"] = req_id
        if error:
            body["error"] = error
        if result is not None and not error:
            body["result"] = result
        if symbol:
            body["symbol"] = symbol
        body["time_in"] = body["time_out"] = iso(self.now_ns)
        self.reply(conn, orjson.dumps(body), fault)

    def beat(self, conn: Connection) -> None:
        """Send a heartbeat each second, from the first subscription on; the venue does so where nothing else flows (1), and a client may not rely on that."""
        if not conn.state.beats:
            conn.state.beats = True
            self.at(self.now_ns + SECOND_NS, lambda: self._beats(conn))

    def _beats(self, conn: Connection) -> None:
        if not conn.live:
            return
        self.send(conn, '{"channel":"heartbeat"}')
        self.at(self.now_ns + SECOND_NS, lambda: self._beats(conn))
