"""Coinbase's order desk: placing, editing, cancelling, and what accounts are told of it (exchanges/coinbase.md section 5).

A good answer says "accepted for processing"; what becomes of an order is told on the user channel, in sums and without trades.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from aats.sim.accounts import Account
from aats.sim.coinbase.texts import configuration, edit_reason, order_id, order_number, reason, status_of, user_row
from aats.sim.listing import Refused
from aats.sim.trading import Fill, Order, Wish
from aats.sim.venue import Asked, VenueExchange, amount

__all__ = ["CoinbaseDesk"]

_SHAPES = {
    "market_market_ioc": ("market", "IOC"),
    "sor_limit_ioc": ("limit", "IOC"),
    "limit_limit_gtc": ("limit", "GTC"),
    "limit_limit_fok": ("limit", "FOK"),
}


class CoinbaseDesk(VenueExchange):
    """The half of the exchange that has accounts."""

    # -- placing -------------------------------------------------------------------------------------------------------

    def wish(self, ask: Any) -> Wish:
        """Read an order."""
        shapes = ask.get("order_configuration")
        if not ask.get("client_order_id") or ask.get("side") not in ("BUY", "SELL") or not isinstance(shapes, dict) or len(shapes) != 1:
            raise Refused("param", "client_order_id, side and one order_configuration are required")
        ((shape, fields),) = shapes.items()
        if shape not in _SHAPES:
            raise Refused("halted", f"{shape} is not supported")
        kind, tif = _SHAPES[shape]
        in_quote = kind == "market" and ask["side"] == "BUY" and "base_size" not in fields
        size = amount(fields.get("quote_size" if in_quote else "base_size"))
        return Wish(
            str(ask.get("product_id")),
            ask["side"] == "BUY",
            "post" if fields.get("post_only") is True else kind,
            tif,
            px=0 if kind == "market" else amount(fields.get("limit_price")),
            qty=0 if in_quote else size,
            quote_qty=size if in_quote else 0,
            client_id=str(ask["client_order_id"]),
        )

    def place(self, account: Account, ask: Any) -> dict[str, Any]:
        """Place an order and return the answer; a refusal by the desk is an answer like any other."""
        try:
            order = self.trading.place(account, self.wish(ask))
        except Refused as why:
            if why.why == "duplicate" and isinstance(why.order, Order):
                order = why.order  # the one that has the id is returned
            else:
                return self._no(ask, why)
        done = {
            "order_id": order_id(order.id),
            "product_id": order.symbol,
            "side": "BUY" if order.buys else "SELL",
            "client_order_id": order.client_id,
            "attached_order_id": "",
        }
        return {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": done["order_id"], "success_response": done,
                "order_configuration": configuration(order)}  # fmt: skip

    def _no(self, ask: Any, why: Refused) -> dict[str, Any]:
        words = reason(why)
        if words is None:
            raise why
        error, message, preview = words
        told = {"error": error, "message": message or why.text, "error_details": "", "preview_failure_reason": preview,
                "new_order_failure_reason": "UNKNOWN_FAILURE_REASON"}  # fmt: skip
        return {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "", "error_response": told,
                "order_configuration": ask.get("order_configuration")}  # fmt: skip

    # -- the others ----------------------------------------------------------------------------------------------------

    def named(self, account: Account, name: Any) -> Order:
        """Return an order by the venue's id, or Refused("unknown")."""
        order = self.trading.find(account, None, order_number(str(name)))
        if order is None:
            raise Refused("unknown", "order not found")
        return order

    def cancel_row(self, account: Account, name: Any) -> dict[str, Any]:
        why = "UNKNOWN_CANCEL_FAILURE_REASON"
        try:
            order = self.named(account, name)
            if not order.open:
                raise Refused("closed")
            self._tell(order, "CANCEL_QUEUED")
            self.trading.cancel(order)
        except Refused:
            return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": str(name)}
        return {"success": True, "failure_reason": why, "order_id": str(name)}

    def edit(self, account: Account, ask: Any) -> dict[str, Any]:
        """Change price and size; one that is missing counts as 0, and nothing has that price or size."""
        try:
            order = self.named(account, ask.get("order_id"))
            px, qty = (amount(ask.get(field) or "0") for field in ("price", "size"))
            if order.open and (order.type == "MARKET" or order.tif != "GTC" or not px):
                raise Refused("tick", "only orders that rest can be edited")
            if order.open and qty <= order.cum:
                failure = "CANNOT_EDIT_TO_BELOW_FILLED_SIZE" if order.cum else "INVALID_EDITED_SIZE"
                return {"success": False, "errors": [{"edit_failure_reason": failure, "preview_failure_reason": ""}]}
            self.trading.amend(order, px, qty)
        except Refused as why:
            return {"success": False, "errors": [{"edit_failure_reason": edit_reason(why), "preview_failure_reason": ""}]}
        return {"success": True, "errors": []}

    # -- what accounts are told ----------------------------------------------------------------------------------------

    @abstractmethod
    def tell_order(self, account: Account, row: dict[str, Any]) -> None:
        """Send one order to whoever listens to the account."""

    def _tell(self, order: Order, status: str, *, ended: bool = False, why: str = "") -> None:
        self.tell_order(order.account, user_row(order, status, ended=ended, why=why))

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        if what == "new":
            self._tell(order, "PENDING")
            if order.tif == "GTC":
                self._tell(order, "OPEN")
        elif what == "amended":
            self._tell(order, "EDIT_QUEUED")
            self._tell(order, "OPEN")
        elif what == "fill":
            self._tell(order, status_of(order), ended=not order.open)
        else:
            self._tell(order, "CANCELLED", ended=True, why="User requested cancel" if order.why == "user" else "")

    def asks_for(self, asked: Asked, *names: str) -> list[str]:
        """Return every value of a parameter that may come several times."""
        pairs = [pair.partition("=") for pair in asked.query_text.split("&") if pair]
        return [value for name, _, value in pairs if name in names]
