"""Binance US: spot's dialect with listen keys for user data (exchanges/binance_spot.md section 9).

    WebSocket API   userDataStream.start, .ping, .stop with the key alone       REST   POST, PUT, DELETE /api/v3/userDataStream
    /ws/<listenKey> the account's events as they are, without an envelope; an unknown key opens a socket that stays silent

There is no session.logon and no userDataStream.subscribe.  Weights are charged as spot's are today: its documents' own are half of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

import orjson
from websockets.http11 import Request

from aats.sim.accounts import Account
from aats.sim.answer import Answer, error_body
from aats.sim.binance import Exchange
from aats.sim.connection import Connection, HttpRequest
from aats.sim.frames import text_frame
from aats.sim.limits import Refusal
from aats.sim.reports import Order, event_times
from aats.sim.rest import strip_host
from aats.sim.user_data import UserData
from aats.sim.ws_api import Session, WsApi

if TYPE_CHECKING:
    from aats.sim.dialects import Options

__all__ = ["USExchange"]

LISTEN_NS = 3600 * 1_000_000_000
#: In place of a subscription's number: its events are sent bare.
BARE = -1
_GONE = ("session.logon", "userDataStream.subscribe", "userDataStream.subscribe.signature", "userDataStream.unsubscribe")


class ListenKeys:
    """Listen keys: whose each is, and how long it lives."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[Account, int]] = {}
        self.now_ns = 0

    def start(self, account: Account) -> str:
        """Return the account's key, and let it live another hour."""
        name = f"us{account.number:062d}"
        self._keys[name] = account, self.now_ns + LISTEN_NS
        return name

    def extend(self, name: str) -> None:
        """Let a key live another hour, or refuse."""
        self._keys[name] = self._keys[self._known(name)][0], self.now_ns + LISTEN_NS

    def stop(self, name: str) -> None:
        """Forget a key, or refuse."""
        del self._keys[self._known(name)]

    def account(self, name: str) -> Account | None:
        """Return whose a key is, None for one that there is not."""
        return self._keys[name][0] if name in self._keys else None

    def next_ns(self) -> int | None:
        return min((until for _, until in self._keys.values()), default=None)

    def ended(self, now_ns: int) -> list[tuple[str, Account]]:
        """Return the keys that have lived their time, and forget them."""
        old = [(name, account) for name, (account, until) in self._keys.items() if until <= now_ns]
        for name, _ in old:
            del self._keys[name]
        return old

    def _known(self, name: str) -> str:
        if name not in self._keys:
            raise Refusal(400, -1125, "This listenKey does not exist.")
        return name


class BareUserData(UserData):
    """User data without envelopes."""

    def tell(self, account: Account, event: dict[str, Any], order: Order | None = None) -> None:
        if account.number == self._mute:
            return
        hold_ns = self._hold.get(account.number)
        for conn, _ in self.listeners(account):
            frame = text_frame(orjson.dumps(event_times(event, conn.micros)))
            if hold_ns is None:
                self._send(conn, frame)
            else:
                self.later(conn, frame, hold_ns)


class USApi(WsApi):
    """The WebSocket API as it was before subscriptions."""

    listen_keys: ListenKeys

    def _other(self, conn: Connection, session: Session, method: str, params: dict[str, str], now_ns: int) -> Any:
        if method in _GONE:
            raise Refusal(400, -1100, f"Unknown method '{method}'.")
        if not method.startswith("userDataStream."):
            return super()._other(conn, session, method, params, now_ns)
        return user_stream(self.listen_keys, self._keyring.find(params.get("apiKey")).account, method.rpartition(".")[2], params)


def user_stream(keys: ListenKeys, account: Account, verb: str, params: dict[str, str]) -> dict[str, str]:
    """Start, extend or stop a listen key."""
    if verb == "start":
        return {"listenKey": keys.start(account)}
    if verb not in ("ping", "stop"):
        raise Refusal(400, -1100, f"Unknown method 'userDataStream.{verb}'.")
    (keys.extend if verb == "ping" else keys.stop)(params.get("listenKey", ""))
    return {}


class USExchange(Exchange):
    """Binance US."""

    USERS: ClassVar[type[UserData]] = BareUserData
    API: ClassVar[type[WsApi]] = USApi

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.listen_keys = ListenKeys()
        assert isinstance(self.ws_api, USApi)
        self.ws_api.listen_keys = self.listen_keys

    @classmethod
    def make(cls, venue: str, options: Options) -> USExchange:
        made = super().make(venue, options)
        assert isinstance(made, cls)
        return made

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws, "WSAPI": ws, "PRIVATE": ws}

    def _run(self, now_ns: int, *, market: bool) -> None:
        super()._run(now_ns, market=market)
        self.listen_keys.now_ns = now_ns
        for name, account in self.listen_keys.ended(now_ns):
            self.expire(name, account)

    def expire(self, name: str, account: Account) -> None:
        """Tell an account that a listen key is dead; its sockets stay open and silent."""
        frame = text_frame(orjson.dumps({"e": "listenKeyExpired", "E": self.now_ns // 1_000_000, "listenKey": name}))
        for conn, number in self.users.listeners(account):
            self.hub.send(conn, frame)
            self.users.leave(conn, number)

    def _deadlines(self, *, market: bool) -> Iterable[int | None]:
        return (*super()._deadlines(market=market), self.listen_keys.next_ns())

    def _upgraded(self, conn: Connection, request: Request) -> None:
        super()._upgraded(conn, request)
        head, _, name = strip_host(unquote(request.path.partition("?")[0])).rpartition("/")
        account = self.listen_keys.account(name) if head == "/ws" else None
        if account is not None:
            self.users.join(conn, account, BARE)

    def _answer(self, conn: Connection, request: HttpRequest) -> None:
        path, _, query = request.target.partition("?")
        if strip_host(unquote(path)) != "/api/v3/userDataStream":
            super()._answer(conn, request)
            return
        self.listen_keys.now_ns = self.now_ns
        verb = {"POST": "start", "PUT": "ping", "DELETE": "stop"}.get(request.method, "")
        params = dict(pair.partition("=")[::2] for pair in query.split("&"))
        try:
            account = self.keyring.find(request.headers.get("x-mbx-apikey")).account
            body = orjson.dumps(user_stream(self.listen_keys, account, verb, params))
            conn.respond(Answer(200, body), self.now_ns)
        except Refusal as refusal:
            conn.respond(Answer(refusal.status, error_body(refusal.code, refusal.msg)), self.now_ns)
