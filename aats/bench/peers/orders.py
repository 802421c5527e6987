"""order_encode as scripts do it: an order's parameters -> a signed text for the WebSocket API; what is framed and masked comes on top for them."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Any

from aats.bench.context import Context, summary

__all__ = ["order_text", "run"]

KEY, SECRET = "k" * 64, b"s" * 64  # as long as the venue's


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure the rows that are wanted."""
    ctx.pin()
    cnt = 2000 if ctx.quick else 20000
    out = []
    for row in ctx.rows:
        encode = _ccxt() if row.endswith("/ccxt") else order_text
        clock, samples = time.perf_counter_ns, []
        for number in range(cnt):
            begin = clock()
            encode(number, "60000.01", "0.00100")
            samples.append(clock() - begin)
        out.append({"row": row, "who": "aats", "unit": "ns", **summary(samples[cnt // 10 :])})
    return out


def order_text(number: int, price: str, size: str) -> bytes:
    """Return an order.place as short Python can make it: a query in order, one HMAC, orjson."""
    import orjson

    params = {
        "apiKey": KEY,
        "newClientOrderId": f"{number:032x}",
        "newOrderRespType": "FULL",
        "price": price,
        "quantity": size,
        "recvWindow": 5000,
        "side": "BUY",
        "symbol": "BTCUSDT",
        "timeInForce": "IOC",
        "timestamp": time.time_ns() // 1_000_000,
        "type": "LIMIT",
    }
    query = "&".join([f"{key}={value}" for key, value in params.items()])
    params["signature"] = hmac.digest(SECRET, query.encode(), "sha256").hex()
    return orjson.dumps({"id": number, "method": "order.place", "params": params})


def _ccxt() -> Callable[[int, str, str], object]:
    """Return ccxt's own signing of an order's parameters, as its create_order_ws does it."""
    import ccxt.pro

    exchange = ccxt.pro.binance({"apiKey": KEY, "secret": SECRET.decode()})

    def encode(number: int, price: str, size: str) -> object:
        order = {
            "newClientOrderId": f"x-TKT5PX2F{number:022x}",
            "newOrderRespType": "FULL",
            "price": price,
            "quantity": size,
            "side": "BUY",
            "symbol": "BTCUSDT",
            "timeInForce": "IOC",
            "type": "LIMIT",
        }
        params = exchange.sign_params(order)
        return exchange.json({"id": str(number), "method": "order.place", "params": params})

    return encode
