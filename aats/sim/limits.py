"""What the venue counts: request weight of an address, unfilled orders of an account.

Both count in windows aligned to the clock (a minute at :00, ten seconds at 0, 10, 20, a day at 00:00 UTC).  REST and
the WebSocket API share one weight: all clients of a simulated exchange have one address.
"""

from __future__ import annotations

from typing import Any

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS

WEIGHT_LIMIT = 6000
ORDERS_10S = 100
ORDERS_DAY = 200_000
BAN_AFTER = 50  # refused requests in one minute that turn 429 into 418
BAN_NS = 120 * SECOND_NS

TAKER_BACK, MAKER_BACK = 1, 5  # what the first fill of an order gives back

_WINDOWS = (("SECOND", 10, 10 * SECOND_NS), ("DAY", 1, DAY_NS))


class Refusal(Exception):
    """An error answer of the venue: HTTP status, its code, its message, what stands beside them in `data`."""

    def __init__(self, status: int, code: int, msg: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(msg)
        self.status = status
        self.code = code
        self.msg = msg
        self.data = data
        self.request_id: Any = None  # of the WebSocket API request, where it was read before the mistake


def rate(kind: str, interval: str, num: int, limit: int, count: int | None = None) -> dict[str, Any]:
    """Return one entry of a rateLimits array; `count` only where usage is shown."""
    row = {"rateLimitType": kind, "interval": interval, "intervalNum": num, "limit": limit}
    return row if count is None else {**row, "count": count}


class Weights:
    """Request weight used in this minute.  Above the limit 429, for who goes on 418 for two minutes."""

    def __init__(self, limit: int = WEIGHT_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self._minute = -1
        self._refused = 0
        self._banned_until_ns = 0
        self._now_ns = 0

    def move(self, now_ns: int) -> None:
        """Move to `now_ns`."""
        self._now_ns = now_ns
        minute = now_ns // MINUTE_NS
        if minute != self._minute:
            self._minute, self.used, self._refused = minute, 0, 0

    def admit(self, now_ns: int) -> None:
        """Move to `now_ns`; refuse a banned address."""
        self.move(now_ns)
        if now_ns < self._banned_until_ns:
            self._ban()

    def charge(self, weight: int) -> None:
        """Count a request's weight, and refuse it above the limit."""
        self.used += weight
        if self.used <= self.limit:
            return
        self._refused += 1
        if self._refused > BAN_AFTER:
            self._banned_until_ns = self._now_ns + BAN_NS
            self._ban()
        raise Refusal(
            429,
            -1003,
            f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE. Please use WebSocket Streams.",
            self._until((self._minute + 1) * MINUTE_NS),
        )

    def give_back(self, weight: int) -> None:
        """Uncount a weight: a request that turned out to cost nothing."""
        self.used = max(0, self.used - weight)

    def retry_after_s(self, status: int) -> int:
        """Return the seconds of a Retry-After header for a 418 or 429."""
        free_ns = self._banned_until_ns if status == 418 else (self._minute + 1) * MINUTE_NS
        return max(1, -(-(free_ns - self._now_ns) // SECOND_NS))

    def usage(self) -> dict[str, Any]:
        """Return the entry of a rateLimits array."""
        return rate("REQUEST_WEIGHT", "MINUTE", 1, self.limit, self.used)

    def _ban(self) -> None:
        msg = "Way too much request weight used; IP banned. Please use WebSocket Streams to avoid bans."
        raise Refusal(418, -1003, msg, self._until(self._banned_until_ns))

    def _until(self, free_ns: int) -> dict[str, Any]:
        return {"serverTime": self._now_ns // 1_000_000, "retryAfter": free_ns // 1_000_000}


class OrderCount:
    """The unfilled order count of one account: +1 an order, given back by its first fill, never below zero."""

    def __init__(self, limit_10s: int = ORDERS_10S, limit_day: int = ORDERS_DAY) -> None:
        self.limits = (limit_10s, limit_day)
        self._windows = [0, 0]
        self._counts = [0, 0]

    def counts(self, now_ns: int) -> tuple[int, int]:
        """Return what is counted in the ten seconds and the day of `now_ns`."""
        for at, (_, _, span_ns) in enumerate(_WINDOWS):
            if now_ns // span_ns != self._windows[at]:
                self._windows[at], self._counts[at] = now_ns // span_ns, 0
        return self._counts[0], self._counts[1]

    def take(self, now_ns: int) -> None:
        """Count an order, or refuse it."""
        self.room(now_ns)
        self._counts = [count + 1 for count in self._counts]

    def room(self, now_ns: int) -> None:
        """Refuse an order that there is no room for."""
        for at, count in enumerate(self.counts(now_ns)):
            if count >= self.limits[at]:
                interval, num, span_ns = _WINDOWS[at]
                free_ns = (now_ns // span_ns + 1) * span_ns
                raise Refusal(
                    429,
                    -1015,
                    f"Too many new orders; current limit is {self.limits[at]} orders per {num} {interval}.",
                    {"serverTime": now_ns // 1_000_000, "retryAfter": free_ns // 1_000_000},
                )

    def untake(self) -> None:
        """Uncount the order that was counted last: the engine refused it."""
        self._counts = [max(0, count - 1) for count in self._counts]

    def first_fill(self, now_ns: int, *, maker: bool) -> None:
        """Give back for the first fill of an order."""
        self.counts(now_ns)
        back = MAKER_BACK if maker else TAKER_BACK
        self._counts = [max(0, count - back) for count in self._counts]

    def usage(self, now_ns: int) -> list[dict[str, Any]]:
        """Return the entries of a rateLimits array."""
        counts = self.counts(now_ns)
        return [rate("ORDERS", interval, num, self.limits[at], counts[at]) for at, (interval, num, _) in enumerate(_WINDOWS)]
