"""A trader for the simulator's tests: it signs by the fact sheet, over the WebSocket API and over REST, in virtual time.

Not a test itself, and nothing of this project's client: hmac, cryptography and the in-memory clients of wire.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote, urlencode

import h11
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aats.sim import Exchange, Generator
from tests.sim.wire import MS, T0, Reply, World

KEY, SECRET = "aats-sim", "aats-sim"


def pem_of(key: Ed25519PrivateKey) -> str:
    """Return the PEM text of the public half, which is what a venue is given."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def sign(secret: str | Ed25519PrivateKey, payload: str) -> str:
    if isinstance(secret, str):
        return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(secret.sign(payload.encode())).decode()


class Trader:
    """One account's client: a WebSocket API connection with user data, and REST."""

    def __init__(
        self, world: World, key: str = KEY, secret: str | Ed25519PrivateKey = SECRET, *, path: str = "/ws-api/v3", subscribe: bool = True
    ) -> None:
        self.world, self.key, self.secret = world, key, secret
        self.ws = world.ws(path)
        self._ids = 0
        if subscribe:
            assert self.call("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}

    def params(self, **params: Any) -> dict[str, Any]:
        """Return signed parameters of the WebSocket API."""
        params = {"apiKey": self.key, "timestamp": self.world.now // MS, **params}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {**params, "signature": sign(self.secret, payload)}

    def raw(self, method: str, params: Any = None, request_id: Any = None) -> Any:
        """Send a request as it is; return its reply, None if there is none."""
        self._ids += 1
        request_id = self._ids if request_id is None else request_id
        before = len(self.ws.messages)
        self.ws.text(json.dumps({"id": request_id, "method": method, **({} if params is None else {"params": params})}))
        return next((m for m in self.ws.messages[before:] if "status" in m), None)

    def call(self, method: str, **params: Any) -> Any:
        return self.raw(method, self.params(**params))

    def ok(self, method: str, **params: Any) -> Any:
        reply = self.call(method, **params)
        assert reply["status"] == 200, reply
        return reply["result"]

    def error(self, method: str, **params: Any) -> tuple[int, int, str]:
        """Return status, code and message of a refusal."""
        reply = self.call(method, **params)
        return reply["status"], reply["error"]["code"], reply["error"]["msg"]

    def place(self, side: str, qty: str, px: str = "", *, symbol: str = "BTCUSDT", kind: str = "", tif: str = "GTC", **also: Any) -> Any:
        return self.ok("order.place", **wish(side, qty, px, symbol=symbol, kind=kind, tif=tif, **also))

    def events(self, kind: str = "executionReport") -> list[Any]:
        """Return the user-data events of a kind so far."""
        return [m["event"] for m in self.ws.messages if "event" in m and m["event"]["e"] == kind]

    def steps(self, order_id: int | None = None) -> list[tuple[str, str]]:
        """Return (x, X) of the execution reports, of one order if given."""
        return [(e["x"], e["X"]) for e in self.events() if order_id in (None, e["i"])]

    def rest(self, method: str, path: str, *, body: bool = False, headers: dict[str, str] | None = None, **params: Any) -> Reply:
        """Make a signed REST request with its parameters in the query, or in the body."""
        payload = urlencode({**params, "timestamp": self.world.now // MS})
        payload += "&signature=" + quote(sign(self.secret, payload), safe="")
        fields = {"X-MBX-APIKEY": self.key, **(headers or {})}
        return http(self.world, method, path if body else f"{path}?{payload}", payload if body else "", fields)

    def balances(self) -> dict[str, tuple[str, str]]:
        """Return asset to (free, locked), by REST."""
        rows = self.rest("GET", "/api/v3/account").json["balances"]
        return {row["asset"]: (row["free"], row["locked"]) for row in rows}


def wish(side: str, qty: str, px: str = "", *, symbol: str = "BTCUSDT", kind: str = "", tif: str = "GTC", **also: Any) -> dict[str, Any]:
    """Return the parameters of a new order: a limit order with a price, a market order without."""
    kind = kind or ("LIMIT" if px else "MARKET")
    params: dict[str, Any] = {"symbol": symbol, "side": side, "type": kind, "quantity": qty}
    if px:
        params["price"] = px
    if kind == "LIMIT":
        params["timeInForce"] = tif
    return {**params, **also}


def http(world: World, method: str, target: str, body: str = "", headers: dict[str, str] | None = None) -> Reply:
    """Make one request on a connection of its own."""
    client = h11.Connection(h11.CLIENT)
    fields = [("Host", "localhost"), ("Content-Length", str(len(body))), *(headers or {}).items()]
    if body:
        fields.append(("Content-Type", "application/x-www-form-urlencoded"))
    data = client.send(h11.Request(method=method, target=target, headers=fields)) or b""
    if body:
        data += client.send(h11.Data(data=body.encode())) or b""
    out, _ = world.raw(data + (client.send(h11.EndOfMessage()) or b""))
    world.carry()
    client.receive_data(out)
    response = client.next_event()
    assert isinstance(response, h11.Response), (response, out)
    got = b""
    while isinstance(event := client.next_event(), h11.Data):
        got += bytes(event.data)
    return Reply(response.status_code, {k.decode(): v.decode() for k, v in response.headers}, got)


def still(**kw: Any) -> World:
    """Return a world whose market does not move by itself: what happens is what its traders do."""
    return World(Exchange(Generator(7, ["BTCUSDT:0", "ETHUSDT:0"], depth=200), T0, **kw))
