"""OKX over HTTP: public time, instruments and books; signed questions and orders (exchanges/okx.md, 3, 4, 5.1, 6 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aats.sim.answer import Answer
from aats.sim.listing import GONE, Refused
from aats.sim.okx.orders import BATCH, OkxOrders
from aats.sim.okx.texts import CODES, code_of, fill_row, instrument_row, kind_of, levels, order_row
from aats.sim.venue import Asked, Connection, Key, hmac_b64, json_answer

__all__ = ["OkxRest"]

WINDOW_MS = 30_000
PAGE = 100
_VERBS = {
    "/trade/order": "place", "/trade/batch-orders": "place", "/trade/cancel-order": "cancel", "/trade/cancel-batch-orders": "cancel",
    "/trade/amend-order": "amend", "/trade/amend-batch-orders": "amend",
}  # fmt: skip


class OkxRest(OkxOrders):
    """The half of the exchange that is asked over HTTP."""

    def http(self, conn: Connection, asked: Asked) -> Answer:
        root, path = asked.path[:7], asked.path[7:]
        if root != "/api/v5":
            return json_answer({"code": "50010", "msg": "no such path", "data": []}, 404)
        what = (asked.method, path)
        if what == ("GET", "/public/time"):
            return self._ok([{"ts": str(self.ms)}])
        if what == ("GET", "/public/instruments"):
            return self._instruments(asked)
        if what == ("GET", "/market/books"):
            return self._book(asked)
        key = self._key(asked)
        if what == ("POST", "/trade/cancel-all-after"):
            return self._deadman(key, asked)
        if asked.method == "POST" and path in _VERBS:
            return self._order(conn, key, _VERBS[path], asked)
        if asked.method != "GET":
            raise Refused("param", f"{asked.method} {path}")
        return self._ok(self._rows(key, path, asked))

    def refused(self, why: Refused, asked: Asked) -> Answer:
        code, text = code_of(why)
        return json_answer({"code": str(code), "msg": text, "data": []}, 401 if 50100 <= code <= 50114 and why.why != "permission" else 200)

    def too_many(self) -> Answer:
        answer = json_answer({"code": "50011", "msg": "Too Many Requests", "data": []}, 429)
        answer.headers.append(("Retry-After", "2"))
        return answer

    def _ok(self, rows: list[Any]) -> Answer:
        return json_answer({"code": "0", "msg": "", "data": rows})

    # -- public --------------------------------------------------------------------------------------------------------

    def _instruments(self, asked: Asked) -> Answer:
        kind, name = asked.query.get("instType"), asked.query.get("instId")
        if not kind:
            raise Refused("param", "Parameter instType can not be empty")
        rows = [
            instrument_row(one, self.number_of(one.name))
            for one in self.listings.values()
            if kind_of(one) == kind and one.status != GONE and name in (None, one.name)
        ]
        return self._ok(rows)

    def _book(self, asked: Asked) -> Answer:
        fault = self.snapshot_fault()
        if fault and fault not in ("snap-old", "snap-cut"):
            return self.plain_fault(fault)
        listing = self.listing(asked.query.get("instId", ""))
        size = min(int(asked.query.get("sz", "1")), 400)
        book = self.book(listing.name, size)
        row = {"asks": levels(book.asks), "bids": levels(book.bids), "ts": str(self.ms), "seqId": self.shown(listing.name, book.last_id)}
        answer = self._ok([row])
        answer.cut = fault == "snap-cut"
        return answer

    def shown(self, symbol: str, number: int) -> int:
        """Return an update's number as it is shown."""
        return number

    # -- signed --------------------------------------------------------------------------------------------------------

    def _key(self, asked: Asked) -> Key:
        """Return whose request it is, or Refused (6)."""
        head = asked.headers
        key = self.keys.get(head.get("ok-access-key", ""))
        if key is None:
            raise Refused("key")
        stamp = head.get("ok-access-timestamp", "")
        try:
            sent_ms = int(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000)
        except ValueError:
            raise Refused("clock") from None
        if self.stale(sent_ms, WINDOW_MS, WINDOW_MS):
            raise Refused("clock")
        if head.get("ok-access-passphrase", "") != key.passphrase:
            raise Refused("passphrase")
        target = asked.path + (f"?{asked.query_text}" if asked.query_text else "")
        if head.get("ok-access-sign", "") != hmac_b64(key.secret, f"{stamp}{asked.method}{target}{asked.body.decode('utf-8', 'replace')}"):
            raise Refused("signature")
        return key

    def _rows(self, key: Key, path: str, asked: Asked) -> list[Any]:
        """Return the rows that a question is answered with, newest first (8)."""
        account, query = key.account, asked.query
        kind, name = query.get("instType"), query.get("instId")
        if path == "/account/balance":
            return [self.account_row(account)]
        if path == "/account/positions":
            return [row for row in self.position_rows(account) if name in (None, row["instId"]) and kind in (None, row["instType"])]
        if path == "/account/config":
            return [
                {"uid": str(account.number), "acctLv": "2", "posMode": "long_short_mode" if account.number in self.hedge else "net_mode"}
            ]
        if path == "/asset/currencies":
            return []
        if path == "/trade/order":
            return [order_row(self.found(account, query, self.listing(name or "").name))]
        if path in ("/trade/orders-pending", "/trade/orders-history", "/trade/orders-history-archive"):
            orders = (
                self.trading.open(account, name)
                if path.endswith("pending")
                else [one for one in self.trading.orders(account, name) if not one.open]
            )
            orders = [one for one in reversed(orders) if kind in (None, kind_of(one.listing))]
            return [order_row(one) for _, one in _page([(one.id, one) for one in orders], query)]
        if path in ("/trade/fills", "/trade/fills-history"):
            fills = reversed(list(enumerate(self.trading.fills(account, name), 1)))
            wanted = query.get("ordId")
            rows = [(bill, one) for bill, one in fills if wanted in (None, str(one.order.id))]
            return [fill_row(one, bill, kind_of(self.listings[one.order.symbol])) for bill, one in _page(rows, query)]
        raise Refused("param", f"GET {path}")

    def _order(self, conn: Connection, key: Key, verb: str, asked: Asked) -> Answer:
        given = asked.json()
        items = given if isinstance(given, list) else [given]
        if not items or len(items) > BATCH or not all(isinstance(one, dict) for one in items):
            raise Refused("param")
        if not key.can_trade:
            raise Refused("permission")
        fault = self.order_fault() if verb == "place" else ""
        if fault == "order-5xx":
            raise Refused("busy")
        with self.around(conn, key.account, fault):
            rows = [self.act(verb, key.account, one, by_number=False) for one in items]
        answer = json_answer(self.envelope(rows))
        if fault == "order-unsure":
            code, text = CODES["unsure"]
            answer = json_answer({"code": str(code), "msg": text, "data": []})
        return self.faulty(answer, fault)

    def _deadman(self, key: Key, asked: Asked) -> Answer:
        wait = str(asked.json().get("timeOut", ""))
        if not wait.isdigit() or not (int(wait) == 0 or 10 <= int(wait) <= 120):
            raise Refused("param", "timeOut")
        if not key.can_trade:
            raise Refused("permission")
        self.deadman(key.account, int(wait) * 1_000_000_000)
        trigger = self.ms + int(wait) * 1000 if int(wait) else 0
        return self._ok([{"triggerTime": str(trigger), "tag": "", "ts": str(self.ms)}])


def _page(rows: list[tuple[int, Any]], query: Mapping[str, str]) -> list[tuple[int, Any]]:
    """Return a part of a list that is newest first: of what is older than `after` and newer than `before`, the newest."""
    limit, after, before = (query.get(name) or "0" for name in ("limit", "after", "before"))
    if not (limit.isdigit() and after.isdigit() and before.isdigit() and int(limit) <= PAGE):
        raise Refused("param", "limit, after or before")
    last = int(after) or rows[0][0] + 1 if rows else 0
    return [one for one in rows if int(before) < one[0] < last][: int(limit) or PAGE]
