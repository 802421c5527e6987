"""The wires between clients and the exchange: who is connected to what, and the carrying of bytes in virtual time."""

from __future__ import annotations

import random

from aats.sim import Exchange
from tests.world.options import EPOCH_NS
from tests.world.pipes import END, Peer, Wire, refusing


class Net:
    """All connections of one world.

    Attributes
    ----------
    attempts : int
        To connect, so far.
    refuse : int
        So many of the next attempts are refused.
    http : bytes
        Status and head lines with which the next upgrade is answered, once; b"": by the exchange.
    wires : dict
        Those that are connected, by number of the attempt.
    """

    def __init__(self, exchange: Exchange, rng: random.Random, delay_ms: tuple[int, int]) -> None:
        self.attempts = 0
        self.refuse = 0
        self.http = b""
        self.exchange, self._rng, self._delay_ms = exchange, rng, delay_ms
        self._peers: dict[int, Peer] = {}
        self.wires: dict[int, Wire] = {}

    def connect(self, now_ns: int, peer: Peer | None = None) -> Wire:
        """Return the wire of a new attempt, to `peer` or to the exchange."""
        self.attempts += 1
        wire = Wire(self.attempts, self._rng, now_ns, self._delay_ms)
        if self.refuse:
            self.refuse -= 1
            wire.up_ns = -wire.up_ns
            return wire
        if peer is None and self.http:
            peer, self.http = Peer(refusing(b"HTTP/1.1 " + self.http + b"\r\nContent-Length: 0\r\n\r\n")), b""
        if peer is not None:
            self._peers[wire.id] = peer
        else:
            self.exchange.open(wire.id, EPOCH_NS + now_ns)
        self.wires[wire.id] = wire
        return wire

    def carry(self, now_ns: int) -> None:
        """Bring what has arrived to its ends, and take what they have to say."""
        for conn_id, wire in list(self.wires.items()):
            peer = self._peers.get(conn_id)
            while (data := Wire.due(wire.to_server, now_ns)) is not None:
                if peer is not None:
                    peer.receive(data)
                else:
                    self.exchange.receive(conn_id, data, EPOCH_NS + now_ns)
                if data == END:
                    self._forget(conn_id)
                    break
            if conn_id not in self.wires:
                continue
            if peer is not None:
                answer = peer.take()
                if answer == END:
                    wire.end_client(now_ns)
                    self._forget(conn_id)
                elif answer:
                    wire.send_to_client(now_ns, answer)
                continue
            said = self.exchange.take(conn_id)
            if said:
                wire.send_to_client(now_ns, said)
            if self.exchange.closing(conn_id):
                if not wire.mute:
                    wire.end_client(now_ns)
                self._forget(conn_id)

    def _forget(self, conn_id: int) -> None:
        self.wires.pop(conn_id, None)
        if self._peers.pop(conn_id, None) is None:
            self.exchange.drop(conn_id)
