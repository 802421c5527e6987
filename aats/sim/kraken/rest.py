"""Kraken's REST: public lists, and signed requests in forms (exchanges/kraken_v2.md sections 1, 4 to 8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson

from aats.sim.kraken.texts import asset_rest, error_of, pair_id, ws_name
from aats.sim.kraken.trade import KrakenTrade, exec_id, order_no, txid
from aats.sim.listing import GONE, HALTED, Listing, Refused, trim
from aats.sim.venue import Answer, Asked, Connection, Fill, Key, Order, json_answer

__all__ = ["KrakenRest"]

_STATUS = {"NEW": "open", "PARTIALLY_FILLED": "open", "FILLED": "closed"}


class KrakenRest(KrakenTrade):
    """HTTP: always 200, errors in the body."""

    def http(self, conn: Connection, asked: Asked) -> Answer:
        kind, _, name = asked.path.removeprefix("/0/").partition("/")
        if kind == "public" and asked.method == "GET":
            public: dict[str, Callable[[Asked], Any]] = {
                "Time": lambda asked: {"unixtime": self.now_ns // 10**9, "rfc1123": ""},
                "SystemStatus": lambda asked: {"status": "online"},
                "Assets": self._assets,
                "AssetPairs": self._pairs,
                "Depth": self._depth,
            }
            if name in public:
                return self._good(public[name](asked))
        elif kind == "private" and asked.method == "POST":
            return self._private(name, asked)
        return json_answer({"error": ["EGeneral:Unknown method"]}, 404)

    def refused(self, why: Refused, asked: Asked) -> Answer:
        return json_answer({"error": [error_of(why)]})

    def too_many(self) -> Answer:
        return json_answer({"error": ["EAPI:Rate limit exceeded"]}, 429)

    def _good(self, result: Any) -> Answer:
        return json_answer({"error": [], "result": result})

    # -- public --------------------------------------------------------------------------------------------------------

    def _on_list(self) -> list[Listing]:
        return [one for one in self.listings.values() if one.status != GONE]

    def _assets(self, asked: Asked) -> dict[str, Any]:
        names = sorted({asset for one in self._on_list() for asset in (one.base, one.quote)})
        rows = {"BTC": "XBT", "DOGE": "XDG"}
        return {
            asset_rest(one): {
                "aclass": "currency",
                "altname": rows.get(one, one),
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
            for one in names
        }

    def _pairs(self, asked: Asked) -> dict[str, Any]:
        return {
            pair_id(one): {
                "altname": pair_id(one),
                "wsname": ws_name(one),
                "aclass_base": "currency",
                "base": asset_rest(one.base),
                "aclass_quote": "currency",
                "quote": asset_rest(one.quote),
                "lot": "unit",
                "pair_decimals": one.px_dec,
                "cost_decimals": 5,
                "lot_decimals": one.qty_dec,
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "fee_volume_currency": "ZUSD",
                "ordermin": one.min_qty or one.lot,
                "costmin": one.min_notional,
                "tick_size": one.tick,
                "status": "cancel_only" if one.status == HALTED else "online",
            }
            for one in self._on_list()
        }

    def _pair(self, text: str) -> Listing:
        for one in self._on_list():
            if text in (pair_id(one), one.name, ws_name(one), asset_rest(one.base) + asset_rest(one.quote)):
                return one
        raise Refused("symbol")

    def _depth(self, asked: Asked) -> dict[str, Any]:
        one = self._pair(asked.query.get("pair", ""))
        book, now = self.book(one.name, int(asked.query.get("count", "100"))), self.now_ns // 10**9
        return {pair_id(one): {side: [[px, qty, now] for px, qty in rows] for side, rows in (("bids", book.bids), ("asks", book.asks))}}

    # -- signed --------------------------------------------------------------------------------------------------------

    def _signed(self, asked: Asked) -> tuple[Key, dict[str, Any]]:
        """Judge key, signature and nonce (6); return the key and the parameters."""
        body = asked.body.decode("latin-1")
        is_json = asked.headers.get("content-type", "").startswith("application/json")
        try:
            params: dict[str, Any] = orjson.loads(body) if is_json else dict(parse_qsl(body, keep_blank_values=True))
            nonce = int(params["nonce"])
        except (orjson.JSONDecodeError, KeyError, ValueError, TypeError):
            raise Refused("clock") from None
        key = self.keys.get(asked.headers.get("api-key", ""))
        if key is None:
            raise Refused("key")
        digest = hashlib.sha256((str(params["nonce"]) + body).encode()).digest()
        sign = hmac.new(base64.b64decode(key.secret), asked.path.encode() + digest, hashlib.sha512).digest()
        if not hmac.compare_digest(base64.b64encode(sign).decode(), asked.headers.get("api-sign", "")):
            raise Refused("signature")
        nonces: dict[str, int] = self.__dict__.setdefault("_nonces", {})
        if nonce <= nonces.get(key.name, 0):
            raise Refused("clock")
        nonces[key.name] = nonce
        return key, params

    def _private(self, name: str, asked: Asked) -> Answer:
        key, params = self._signed(asked)
        verbs: dict[str, Callable[[Key, dict[str, Any]], Any]] = {
            "GetWebSocketsToken": lambda key, params: {"token": self.new_token(key), "expires": 900},
            "Balance": self._balance,
            "BalanceEx": self._balance_ex,
            "OpenOrders": self._open_orders,
            "QueryOrders": self._query_orders,
            "TradesHistory": self._trades_history,
            "CancelOrder": self._cancel_order,
            "CancelAll": lambda key, params: {"count": len(self.trading.cancel_all(key.account))},
            "CancelAllOrdersAfter": lambda key, params: self._cancel_after(key.account, {"timeout": int(params.get("timeout", -1))}),
        }
        if name == "AddOrder":
            return self._add(key, params)
        if name not in verbs:
            return json_answer({"error": ["EGeneral:Unknown method"]})
        return self._good(verbs[name](key, params))

    def _add(self, key: Key, params: dict[str, Any]) -> Answer:
        if not key.can_trade:
            raise Refused("permission")
        one, flags = self._pair(str(params.get("pair", ""))), str(params.get("oflags", "")).split(",")
        fault = self.order_fault()
        if fault == "order-5xx":
            raise Refused("busy")
        order = self._place(
            key.account,
            self.wish(
                {
                    "order_type": params.get("ordertype"),
                    "side": params.get("type"),
                    "time_in_force": str(params.get("timeinforce", "gtc")),
                    "symbol": one.name,
                    "limit_price": params.get("price", "0"),
                    "order_qty": params.get("volume", "0"),
                    "post_only": "post" in flags,
                    "cl_ord_id": params.get("cl_ord_id", ""),
                }
            ),
        )
        words = f"{params.get('type')} {params.get('volume')} {pair_id(one)} @ {params.get('ordertype')} {params.get('price', '')}".strip()
        answer = self._good({"descr": {"order": words}, "txid": [txid(order.id)]})
        return self.faulty(answer, fault)

    def _cancel_order(self, key: Key, params: dict[str, Any]) -> dict[str, int]:
        order = self._found(key.account, {"order_id": params.get("txid"), "cl_ord_id": params.get("cl_ord_id")})
        self.trading.cancel(order)
        return {"count": 1}

    def _balance(self, key: Key, params: dict[str, Any]) -> dict[str, str]:
        return {asset_rest(asset): trim((free + locked) // 10**8, 8) for asset, (free, locked) in key.account.balances.items()}

    def _balance_ex(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        return {
            asset_rest(asset): {"balance": trim((free + locked) // 10**8, 8), "hold_trade": trim(locked // 10**8, 8)}
            for asset, (free, locked) in key.account.balances.items()
        }

    def _row(self, order: Order) -> dict[str, Any]:
        one = order.listing
        cost = trim(order.cum_quote // 10**8, 8)
        return {
            "refid": None,
            "userref": 0,
            "cl_ord_id": order.client_id or None,
            "status": _STATUS.get(order.status, "canceled"),
            "reason": order.why or None,
            "opentm": order.created_ns / 1e9,
            "closetm": 0 if order.open else order.updated_ns / 1e9,
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": pair_id(one),
                "type": "buy" if order.buys else "sell",
                "ordertype": "market" if order.type == "MARKET" else "limit",
                "price": trim(order.px, one.px_dec),
                "price2": "0",
                "leverage": "none",
                "order": "",
                "close": "",
            },
            "vol": trim(order.qty, 8),
            "vol_exec": trim(order.cum, 8),
            "cost": cost,
            "fee": trim(sum(fill.fee for fill in order.fills), 8),
            "price": trim(order.average, 8),
            "stopprice": "0",
            "limitprice": "0",
            "misc": "",
            "oflags": "post,fciq" if order.type == "LIMIT_MAKER" else "fciq",
            "timeinforce": order.tif,
            "trades": [exec_id(fill.trade_id, order) for fill in order.fills],
        }

    def _open_orders(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        rows = self.trading.open(key.account)
        wanted = params.get("cl_ord_id")
        return {"open": {txid(one.id): self._row(one) for one in rows if not wanted or one.client_id == wanted}}

    def _query_orders(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        found: list[Order | None]
        if params.get("cl_ord_id"):
            found = [self.trading.find(key.account, client_id=str(params["cl_ord_id"]))]
        else:
            numbers = [order_no(one) for one in str(params.get("txid", "")).split(",")]
            found = [self.trading.find(key.account, order_id=one) if one is not None else None for one in numbers]
        if None in found:
            raise Refused("unknown")
        return {txid(one.id): self._row(one) for one in found if one is not None}

    def _trades_history(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        """Newest first, 50 a page."""
        begin, offset = int(float(params.get("start", 0)) * 10**9), int(params.get("ofs", 0))
        fills = [one for one in reversed(self.trading.fills(key.account)) if one.t_ns > begin]
        return {"trades": {_exec(one): _trade(one) for one in fills[offset : offset + 50]}, "count": len(fills)}


def _exec(fill: Fill) -> str:
    return exec_id(fill.trade_id, fill.order)  # type: ignore[arg-type]


def _trade(fill: Fill) -> dict[str, Any]:
    order = fill.order
    one: Listing = order.listing  # type: ignore[attr-defined]
    return {
        "ordertxid": txid(order.id),
        "postxid": "",
        "pair": pair_id(one),
        "time": fill.t_ns / 1e9,
        "type": "buy" if order.buys else "sell",
        "ordertype": "market" if order.type == "MARKET" else "limit",
        "price": trim(fill.px, one.px_dec),
        "cost": trim(fill.px * fill.qty // 10**8, 8),
        "fee": trim(fill.fee, 8),
        "vol": trim(fill.qty, 8),
        "margin": "0",
        "leverage": "0",
        "misc": "",
        "trade_id": fill.trade_id,
        "maker": fill.maker,
    }
