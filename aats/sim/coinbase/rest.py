"""Coinbase's REST: products, books, accounts, orders, fills (exchanges/coinbase.md sections 1, 2, 4 to 8)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aats.sim.accounts import Account
from aats.sim.amounts import text16
from aats.sim.coinbase.auth import check
from aats.sim.coinbase.desk import CoinbaseDesk
from aats.sim.coinbase.texts import fill_row, order_row, product, status_of
from aats.sim.listing import GONE, Refused
from aats.sim.venue import Answer, Asked, Connection, Key, iso, json_answer

__all__ = ["CoinbaseRest"]

API = "/api/v3/brokerage"
SECOND_NS = 1_000_000_000
PER_SECOND = 30
PAGE, PAGE_MAX = 100, 250
_UNSURE = {"error": "unknown", "error_details": "", "message": "the request timed out"}


class CoinbaseRest(CoinbaseDesk):
    """HTTP of the exchange."""

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path.startswith("/v2/") and asked.method == "GET":
            return self._app(asked)
        path = asked.path.removeprefix(API)
        if path == asked.path:
            raise Refused("unknown", "no such address")
        if asked.method == "GET" and (path == "/time" or path.startswith("/market/")):
            return self._public(path, asked)
        key = self._asker(asked)
        if not self.within(("rest", key.name), PER_SECOND, SECOND_NS):
            return self.too_many()
        if asked.method == "GET":
            return self._private(path, key.account, asked)
        if asked.method == "POST" and path in ("/orders", "/orders/batch_cancel", "/orders/edit"):
            return self._act(conn, path, key, asked)
        raise Refused("unknown", "no such address")

    def _asker(self, asked: Asked) -> Key:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refused("key", "no token")
        return check(self.keys, token, self.now_ns, f"{asked.method} {asked.path}")

    def refused(self, why: Refused, asked: Asked) -> Answer:
        if why.why in ("key", "signature", "clock"):
            return Answer(401, b"Unauthorized\n", content_type="text/plain")
        status, word = {"permission": (403, "PERMISSION_DENIED"), "unknown": (404, "NOT_FOUND")}.get(why.why, (400, "INVALID_ARGUMENT"))
        return json_answer({"error": word, "error_details": why.text, "message": why.text}, status)

    def too_many(self) -> Answer:
        answer = json_answer({"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}, 429)
        answer.headers.append(("Retry-After", "1"))
        return answer

    # -- public --------------------------------------------------------------------------------------------------------

    def _public(self, path: str, asked: Asked) -> Answer:
        if path == "/time":
            seconds = self.now_ns // SECOND_NS
            return json_answer({"iso": iso(self.now_ns, 3), "epochSeconds": str(seconds), "epochMillis": str(self.ms)})
        if path == "/market/products":
            return self._products(asked)
        if path == "/market/product_book":
            return self._book(asked)
        name = path.removeprefix("/market/products/")
        return json_answer(product(self.listing(name), self._price(name)))

    def _price(self, name: str) -> str:
        return self.listings[name].px(self.trading.middle(name))

    def _products(self, asked: Asked) -> Answer:
        kind = asked.query.get("product_type", "SPOT")
        rows = [product(one, self._price(one.name)) for one in self.listings.values() if one.status != GONE] if kind == "SPOT" else []
        return json_answer({"products": rows, "num_products": len(rows), "pagination": None})

    def _book(self, asked: Asked) -> Answer:
        listing = self.listing(asked.query.get("product_id", ""))
        fault = self.snapshot_fault()
        if fault in ("snap-429", "snap-403", "snap-503", "snap-html"):
            return self.plain_fault(fault)
        limit = asked.query.get("limit", "")
        book = self.book(listing.name, int(limit) if limit.isdigit() else self.BOOK_DEPTH)
        sides = {name: [{"price": px, "size": qty} for px, qty in rows] for name, rows in (("bids", book.bids), ("asks", book.asks))}
        return json_answer(
            {"pricebook": {"product_id": listing.name, **sides, "time": iso(self.now_ns)}, "last": self._price(listing.name)}
        )

    def _app(self, asked: Asked) -> Answer:
        """Answer for the older part of the site: currencies, rates, wallets."""
        names = sorted({asset for one in self.listings.values() for asset in (one.base, one.quote)})
        if asked.path == "/v2/currencies":
            return json_answer({"data": [{"id": one, "name": one, "min_size": "0.01"} for one in names if one == "USD"]})
        if asked.path == "/v2/currencies/crypto":
            rows = [{"asset_id": one, "code": one, "name": one, "color": "", "sort_index": 100, "exponent": 8, "type": "crypto", "address_regex": ""}
                    for one in names if one != "USD"]  # fmt: skip
            return json_answer({"data": rows})
        if asked.path == "/v2/exchange-rates":
            return json_answer({"data": {"currency": "USD", "rates": dict.fromkeys(names, "1")}})
        if asked.path == "/v2/accounts":
            account = self._asker(asked).account
            rows = [{"id": one, "name": f"{one} Wallet", "primary": False, "type": "wallet", "currency": {"code": one, "name": one, "type": "crypto"},
                     "balance": {"amount": text16(sum(held)), "currency": one}} for one, held in sorted(account.balances.items())]  # fmt: skip
            return json_answer({"pagination": {"next_uri": None, "limit": 250}, "data": rows})
        raise Refused("unknown", "no such address")

    # -- signed questions ----------------------------------------------------------------------------------------------

    def _private(self, path: str, account: Account, asked: Asked) -> Answer:
        if path == "/accounts":
            return self._accounts(account, asked)
        if path == "/orders/historical/batch":
            return self._orders(account, asked)
        if path == "/orders/historical/fills":
            return self._fills(account, asked)
        if path.startswith("/orders/historical/"):
            return json_answer({"order": order_row(self.named(account, path.rpartition("/")[2]))})
        if path == "/transaction_summary":
            maker, taker = (f"{rate / 1e8:.4f}" for rate in account.rates)
            tier = {"pricing_tier": "Advanced 1", "maker_fee_rate": maker, "taker_fee_rate": taker}
            return json_answer({"total_volume": 0, "total_fees": 0, "fee_tier": tier})
        if path == "/products":
            return self._products(asked)
        if path == "/product_book":
            return self._book(asked)
        raise Refused("unknown", "no such address")

    def _accounts(self, account: Account, asked: Asked) -> Answer:
        rows = []
        for asset, (free, locked) in sorted(account.balances.items()):
            sums = {name: {"value": text16(value), "currency": asset} for name, value in (("available_balance", free), ("hold", locked))}
            rows.append({"uuid": asset, "name": f"{asset} Wallet", "currency": asset, **sums, "default": True, "active": True, "type": "ACCOUNT_TYPE_CRYPTO",
                         "ready": True, "platform": "ACCOUNT_PLATFORM_CONSUMER"})  # fmt: skip
        return self._page("accounts", rows, asked)

    def _page(self, name: str, rows: list[Any], asked: Asked) -> Answer:
        """Return a part of a list that is newest first; what a cursor says is the venue's business alone."""
        limit, cursor = asked.query.get("limit", ""), asked.query.get("cursor", "")
        try:
            begin = int(base64.b64decode(cursor, validate=True).removeprefix(b"row>>")) if cursor else 0
        except (binascii.Error, ValueError):
            raise Refused("param", "cursor") from None
        most = min(int(limit), PAGE_MAX) if limit.isdigit() and int(limit) else PAGE
        end = begin + most
        after = base64.b64encode(b"row>>%d" % end).decode() if end < len(rows) else ""
        return json_answer({name: rows[begin:end], "has_next": bool(after), "cursor": after, "size": len(rows[begin:end]), "sequence": "0"})

    def _orders(self, account: Account, asked: Asked) -> Answer:
        wanted, products = self.asks_for(asked, "order_status"), self.asks_for(asked, "product_ids", "product_id")
        if "OPEN" in wanted and len(wanted) > 1:
            raise Refused("param", "OPEN cannot be combined with other statuses")
        found = [one for one in reversed(self.trading.orders(account)) if not products or one.symbol in products]
        return self._page("orders", [order_row(one) for one in found if not wanted or status_of(one) in wanted], asked)

    def _fills(self, account: Account, asked: Asked) -> Answer:
        products, orders = self.asks_for(asked, "product_ids", "product_id"), self.asks_for(asked, "order_ids", "order_id")
        rows = [fill_row(one) for one in reversed(self.trading.fills(account))]
        return self._page(
            "fills",
            [row for row in rows if (not products or row["product_id"] in products) and (not orders or row["order_id"] in orders)],
            asked,
        )

    # -- orders --------------------------------------------------------------------------------------------------------

    def _act(self, conn: Connection, path: str, key: Key, asked: Asked) -> Answer:
        ask = asked.json()
        if not key.can_trade:
            raise Refused("permission", "Missing required scopes")
        if not isinstance(ask, dict):
            raise Refused("param", "an object is expected")
        if path == "/orders/edit":
            return json_answer(self.edit(key.account, ask))
        if path == "/orders/batch_cancel":
            names = ask.get("order_ids")
            if not isinstance(names, list) or not 0 < len(names) <= 100:
                raise Refused("param", "order_ids")
            return json_answer({"results": [self.cancel_row(key.account, name) for name in names]})
        fault = self.order_fault()
        if fault == "order-5xx":
            return json_answer(_UNSURE, 500)
        with self.around(conn, key.account, fault):
            told = self.place(key.account, ask)
        if fault == "order-unsure":
            return json_answer(_UNSURE, 504)
        return self.faulty(json_answer(told), fault)
