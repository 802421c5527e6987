"""What OKX writes: numbers without zeros at the end, levels of four texts, rows of instruments and orders, its codes (exchanges/okx.md, 2, 4, 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aats.sim.listing import LIVE, Listing, Refused
from aats.sim.trading import Fill, Order

__all__ = ["CODES", "SWAP", "code_of", "fill_row", "instrument_row", "kind_of", "levels", "num", "order_row", "plain"]

SPOT, SWAP = "SPOT", "SWAP"
MS_NS = 1_000_000

#: What is wrong with a request, as the venue counts it (7).  What a permission is refused with is not in the sheet: one of the numbers of keys.
CODES = {
    "symbol": (51001, "Instrument ID does not exist"),
    "halted": (51022, "Contract suspended"),
    "tick": (51000, "Parameter px error"),
    "lot": (51121, "Order quantity must be a multiple of the lot size"),
    "min_qty": (51120, "Order quantity is below the minimum"),
    "max": (51020, "Order amount out of range"),
    "min_notional": (51020, "Order amount out of range"),
    "price_band": (51006, "Order price is not within the price limit"),
    "balance": (51008, "Order failed. Insufficient balance"),
    "margin": (51008, "Order failed. Insufficient margin"),
    "duplicate": (51016, "Client order ID already exists"),
    "reduce_only": (51169, "Order failed because you don't have any positions to reduce"),
    "amend": (51510, "Modification failed"),
    "post_only": (51509, "Modification failed: it would take"),
    "param": (51000, "Parameter error"),
    "permission": (50114, "Invalid authority"),
    "busy": (50001, "Service temporarily unavailable"),
    "clock": (50102, "Timestamp request expired"),
    "signature": (50113, "Invalid Sign"),
    "key": (50111, "Invalid OK-ACCESS-KEY"),
    "passphrase": (50105, "OK-ACCESS-PASSPHRASE is incorrect"),
    "unsure": (50004, "Endpoint request timeout"),
}
#: An order that is not there, or not any more, by what was asked for it (5.3, 7).
_ABSENT = {
    "cancel": (51400, "Cancellation failed as the order does not exist"),
    "amend": (51503, "Order does not exist"),
    "query": (51603, "Order does not exist"),
}

_SOURCES = {"user": "1", "fok": "13", "ioc": "14", "no_liquidity": "14", "deadman": "20", "post_only": "31", "stp": "32"}
_STATES = {"NEW": "live", "PARTIALLY_FILLED": "partially_filled", "FILLED": "filled"}


def code_of(why: Refused, asked_for: str = "") -> tuple[int, str]:
    """Return the venue's number and sentence for a refusal."""
    if why.why in ("unknown", "closed"):
        return _ABSENT.get(asked_for, _ABSENT["query"])
    code, text = CODES.get(why.why, CODES["param"])
    return code, text if why.text == why.why else f"{text}: {why.text}"


def plain(text: str) -> str:
    """Return a decimal text as the venue writes it: without zeros at its end."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def num(value: int) -> str:
    """Write an integer at 1e-8."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    return plain(f"{sign}{value // 10**8}.{value % 10**8:08d}")


def levels(side: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return levels as rows: price, size, a zero that means nothing, number of orders."""
    out = []
    for px, qty in side:
        size = plain(qty)
        out.append([plain(px), size, "0", "0" if size == "0" else str(1 + len(size) % 4)])
    return out


def kind_of(listing: Listing) -> str:
    return SPOT if listing.spot else SWAP


def instrument_row(listing: Listing, number: int) -> dict[str, Any]:
    spot = listing.spot
    pair = f"{listing.base}-{listing.quote}"
    return {
        "instType": kind_of(listing),
        "instId": listing.name,
        "instIdCode": number,
        "uly": "" if spot else pair,
        "instFamily": "" if spot else pair,
        "baseCcy": listing.base if spot else "",
        "quoteCcy": listing.quote if spot else "",
        "settleCcy": "" if spot else listing.settle,
        "ctVal": "" if spot else listing.contract,
        "ctMult": "" if spot else "1",
        "ctValCcy": "" if spot else listing.base if listing.kind == "linear" else listing.quote,
        "ctType": "" if spot else listing.kind,
        "optType": "",
        "stk": "",
        "alias": "",
        "tickSz": plain(listing.tick),
        "lotSz": plain(listing.lot),
        "minSz": plain(listing.min_qty or listing.lot),
        "lever": "10",
        "listTime": "1611907686000",
        "expTime": "",
        "state": "live" if listing.status == LIVE else "suspend",
        "maxLmtSz": listing.max_qty,
        "maxMktSz": listing.max_qty,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "1000000",
        "ruleType": "normal",
        "groupId": "1",
    }


def order_row(order: Order, *, fill: Fill | None = None, amended: str = "") -> dict[str, Any]:
    """Return an order as the channel and the answers write it.

    Parameters
    ----------
    fill
        The trade that is the news.
    amended : str
        The reqId of the amendment that is the news; " " if it had none.
    """
    fees = sum(one.fee for one in order.fills)
    asset = order.fills[-1].fee_asset if order.fills else order.quote
    state = _STATES.get(order.status, "canceled")
    kind = (
        "market"
        if order.type == "MARKET"
        else "post_only"
        if order.type == "LIMIT_MAKER"
        else {"IOC": "ioc", "FOK": "fok"}.get(order.tif, "limit")
    )
    row = {
        "instType": kind_of(order.listing),
        "instId": order.symbol,
        "ordId": str(order.id),
        "clOrdId": order.client_id,
        "tag": "",
        "ccy": "",
        "px": num(order.px) if order.px else "",
        "sz": num(order.qty),
        "side": "buy" if order.buys else "sell",
        "posSide": "" if order.listing.spot else "net",
        "tdMode": "cash" if order.listing.spot else "cross",
        "ordType": kind,
        "state": state,
        "accFillSz": num(order.cum),
        "avgPx": num(order.average) if order.cum else "",
        "fillPx": "",
        "fillSz": "0",
        "tradeId": "",
        "fillTime": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "execType": "",
        "fee": num(-fees),
        "feeCcy": asset,
        "rebate": "0",
        "rebateCcy": asset,
        "pnl": "0",
        "lever": "" if order.listing.spot else "10",
        "tgtCcy": "base_ccy" if kind == "market" and order.listing.spot else "",
        "category": "normal",
        "source": "",
        "cancelSource": _SOURCES.get(order.why, "0") if state == "canceled" else "",
        "cancelSourceReason": "",
        "amendResult": "0" if amended else "",
        "amendSource": "1" if amended else "",
        "reqId": amended.strip(),
        "reduceOnly": "true" if order.reduce_only else "false",
        "stpMode": {"EXPIRE_TAKER": "cancel_taker", "EXPIRE_BOTH": "cancel_both"}.get(order.stp, "cancel_maker"),
        "code": "0",
        "msg": "",
        "cTime": str(order.created_ns // MS_NS),
        "uTime": str(order.updated_ns // MS_NS),
    }
    if fill is not None:
        row |= {
            "fillPx": num(fill.px),
            "fillSz": num(fill.qty),
            "tradeId": str(fill.trade_id),
            "fillTime": str(fill.t_ns // MS_NS),
            "fillFee": num(-fill.fee),
            "fillFeeCcy": fill.fee_asset,
            "execType": "M" if fill.maker else "T",
            "uTime": str(fill.t_ns // MS_NS),
        }
    return row


def fill_row(fill: Fill, bill: int, kind: str) -> dict[str, Any]:
    order = fill.order
    return {
        "instType": kind,
        "instId": order.symbol,
        "tradeId": str(fill.trade_id),
        "ordId": str(order.id),
        "clOrdId": order.client_id,
        "billId": str(bill),
        "tag": "",
        "fillPx": num(fill.px),
        "fillSz": num(fill.qty),
        "side": "buy" if order.buys else "sell",
        "posSide": "net",
        "execType": "M" if fill.maker else "T",
        "fee": num(-fill.fee),
        "feeCcy": fill.fee_asset,
        "fillTime": str(fill.t_ns // MS_NS),
        "ts": str(fill.t_ns // MS_NS),
    }
