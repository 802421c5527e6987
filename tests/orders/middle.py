"""What stands between an order session and its venue when a transcript is played: it reads whole frames both ways, and makes the faults on them.

A frame is known by the order that it is about: requests carry our id or the venue's number, answers the id of their request, events our id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.world.pipes import frame

UNSURE = (504, -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.")


def frames_of(data: bytes) -> tuple[list[tuple[int, bytes, bytes]], bytes]:
    """Cut bytes into whole frames: (opcode, payload, as it came); and what is left."""
    out, at = [], 0
    while len(data) - at >= 2:
        size, head = data[at + 1] & 0x7F, 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[at + 2 : at + head], "big")
        key = data[at + head : at + head + 4] if data[at + 1] & 0x80 else b""
        head += len(key)
        if len(data) - at < head + size:
            break
        payload = data[at + head : at + head + size]
        if key:
            payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
        out.append((data[at] & 15, payload, data[at : at + head + size]))
        at += head + size
    return out, data[at:]


class Middle:
    """What happens to frames on their way: the faults of a transcript, by the order that a frame is about."""

    def __init__(self) -> None:
        self.holding = self.twice = False
        self.held: list[bytes] = []
        self.lost: set[int] = set()
        self.request_lost: set[int] = set()
        self.unsure: set[int] = set()
        self.fill_lost: set[int] = set()
        self.forged: dict[int, tuple[int, int, str]] = {}
        self._asked: dict[int, tuple[str, int]] = {}  # id of a request -> method, order
        self._numbers: dict[int, int] = {}  # the venue's number -> order

    def _order(self, params: Mapping[str, Any]) -> int:
        client_id = params.get("origClientOrderId") or ("" if "orderId" in params else params.get("newClientOrderId", ""))
        return int(client_id[-16:], 16) if client_id else self._numbers.get(int(params.get("orderId", 0)), 0)

    def request(self, payload: bytes) -> tuple[bool, list[bytes]]:
        """Look at a request: whether it goes on to the venue, and what is answered in its place."""
        request = json.loads(payload)
        method, number = request["method"], request["id"]
        order = self._order(request.get("params", {}))
        self._asked[number] = (method, order)
        if method in ("order.place", "order.cancel"):
            if order in self.request_lost:
                self.request_lost.discard(order)
                return False, []
            if order in self.forged:
                return False, [_failure(number, *self.forged.pop(order))]
        elif order in self.lost:
            self.lost.discard(order)
        return True, []

    def answer(self, opcode: int, payload: bytes, raw: bytes) -> list[bytes]:
        """Look at a frame of the venue: return what the client is to get now."""
        if opcode != 1:
            return [raw]
        said = json.loads(payload)
        event = said.get("event", {})
        method, order = self._asked.get(said["id"], ("", 0)) if "id" in said else ("", 0)
        if event.get("e") == "executionReport":
            order = int((event["C"] or event["c"])[16:], 16)
            self._numbers[event["i"]] = order
        elif method == "order.place" and said["status"] == 200:
            self._numbers[said["result"]["orderId"]] = order
        of_order = bool(event) or method in ("order.place", "order.cancel")
        if order in self.unsure and method in ("order.place", "order.cancel"):
            self.unsure.discard(order)
            self.lost.add(order)
            return [_failure(said["id"], *UNSURE)]
        if event.get("x") == "TRADE" and order in self.fill_lost:
            self.fill_lost.discard(order)
            return []
        if order and of_order and (order in self.lost or order in self.unsure):
            return []
        frames = [raw, raw] if self.twice and order and of_order else [raw]
        if self.holding:
            self.held += frames
            return []
        return frames


def _failure(number: int, status: int, code: int, msg: str) -> bytes:
    return frame(json.dumps({"id": number, "status": status, "error": {"code": code, "msg": msg}}).encode())
