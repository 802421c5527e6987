"""One HTTP answer of the simulated exchange, and the venue's error body.

Made by rest.py and rest_orders.py, written by connection.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Answer:
    """Status, body, headers; and what faults do to it.

    `cut`: half of the body is sent and the connection ends.  `dropped`: nothing is sent and it ends.  `lost`: nothing is
    sent and it stays.  `late_ns`: it is sent so much later.
    """

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "application/json;charset=UTF-8"
    cut: bool = False
    dropped: bool = False
    lost: bool = False
    late_ns: int = 0


def error_body(code: int, msg: str, data: dict[str, Any] | None = None) -> bytes:
    """Return Binance's JSON error body."""
    return orjson.dumps({"code": code, "msg": msg} if data is None else {"code": code, "msg": msg, "data": data})
