"""Signed REST of an account: what is signed, what a refusal says, what is tried again, and what is never shown."""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aats.errors import ConfigError
from aats.venue.account import AccountError
from aats.venue.binance_account import BinanceAccount, signer

KEY, SECRET = "public-part-of-the-key", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PAYLOAD = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


class Venue:
    """What answers: `answers` in turn to signed requests, the clock whenever it is asked."""

    def __init__(self, *answers: tuple[int, Any, dict[str, str]] | Exception, ahead_ms: int = 0) -> None:
        self.answers = list(answers)
        self.ahead_ms = ahead_ms
        self.asked: list[httpx.Request] = []
        self.now = 1_700_000_000.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path == "/api/v3/time":
            return httpx.Response(200, json={"serverTime": round(self.now * 1000) + self.ahead_ms})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        return httpx.Response(status, content=body if isinstance(body, bytes) else orjson.dumps(body), headers=headers)

    def account(self) -> BinanceAccount:
        return BinanceAccount("https://localhost:1", KEY, SECRET, clock=lambda: self.now, transport=httpx.MockTransport(self))

    @property
    def signed(self) -> list[httpx.Request]:
        return [one for one in self.asked if one.url.path != "/api/v3/time"]


def refusal(status: int, code: int, msg: str = "no", **headers: str) -> tuple[int, Any, dict[str, str]]:
    return status, {"code": code, "msg": msg}, {key.replace("_", "-"): value for key, value in headers.items()}


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aats.venue.binance_account.time.sleep", lambda seconds: None)


# --------------------------------------------------------------------------------------------------------- refusals


def test_a_refusal_has_the_venues_code_and_words() -> None:
    with (
        Venue(refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")).account() as one,
        pytest.raises(AccountError) as raised,
    ):
        one.balances()
    assert (raised.value.code, raised.value.status, raised.value.unsure) == (-2015, 401, False)
    assert "HTTP 401: code -2015: Invalid API-key" in str(raised.value)


@pytest.mark.parametrize(("status", "after", "waits"), [(429, "7", 7.0), (429, "", 10.0), (418, "300", 300.0), (418, "", 120.0)])
def test_the_venues_word_on_waiting_is_obeyed(status: int, after: str, waits: float) -> None:
    venue = Venue(refusal(status, -1003, **({"Retry_After": after} if after else {})), (200, [], {}))
    with venue.account() as one:
        with pytest.raises(AccountError) as raised:
            one.open_orders()
        assert raised.value.retry_after_s == waits
        asked = len(venue.asked)
        venue.now += waits - 1
        with pytest.raises(AccountError, match="asked to wait, 1 s to go"):
            one.open_orders()
        assert len(venue.asked) == asked
        venue.now += 1.1
        assert one.open_orders() == []


def test_neither_key_nor_secret_nor_signature_is_in_a_text() -> None:
    venue = Venue(*[httpx.ConnectError("refused")] * 3)
    with venue.account() as one, pytest.raises(AccountError) as raised:
        one.balances()
    for shown in (str(raised.value), repr(raised.value), repr(one), repr(vars(raised.value))):
        assert KEY not in shown and SECRET not in shown and "signature" not in shown
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


def test_no_signature_is_in_the_log_of_requests(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="httpx"):
        Venue((200, [], {})).account().open_orders()
    asked = [record.getMessage() for record in caplog.records if "openOrders" in record.getMessage()]
    assert asked and all("signature=..." in line or "signature=" not in line for line in asked), asked
    assert any("signature=..." in line for line in asked)


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"", b"[]", b'{"code":"x"}'])
def test_a_gateways_page_is_a_sentence(body: bytes) -> None:
    with Venue(*[(502, body, {})] * 3).account() as one, pytest.raises(AccountError, match="HTTP 502: ") as raised:
        one.open_orders()
    assert raised.value.unsure


def test_a_pem_of_another_kind_is_refused_without_being_shown() -> None:
    other = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for text in (other, other[:200] + "\n-----END PRIVATE KEY-----"):
        with pytest.raises(ConfigError) as raised:
            signer(text)
        assert text[40:80] not in str(raised.value)


# ------------------------------------------------------------------------------------------------------------- path


def test_hmac_signatures_are_those_of_the_fact_sheet() -> None:
    assert signer(SECRET)(PAYLOAD) == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    other = PAYLOAD.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96")
    assert signer(SECRET)(other) == "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"


def test_ed25519_signatures_are_those_of_the_fact_sheet() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    sign = signer(pem(Ed25519PrivateKey.from_private_bytes(seed)))
    payload = "apiKey=4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO&timestamp=1649729878532"
    assert sign(payload) == "NBJq5sX1RkU7ta3XDctruMgnrhyBcouMvvPIxxQSCUbVWxhp3ai6W7a0Iip/3nOwmJxkVIv6n20cekYCOa5qAg=="
    assert len(base64.b64decode(sign("x"))) == 64


def test_what_is_signed_is_what_is_sent_by_the_venues_clock() -> None:
    venue = Venue((200, [], {}), ahead_ms=90_000)
    with venue.account() as one:
        one.open_orders("BTCUSDT")
    (request,) = venue.signed
    query, _, signature = request.url.query.decode().rpartition("&signature=")
    assert signature == signer(SECRET)(query)
    assert dict(parse_qsl(query)) == {"symbol": "BTCUSDT", "recvWindow": "5000", "timestamp": "1700000090000"}
    assert request.headers["X-MBX-APIKEY"] == KEY


def test_a_refused_time_stamp_has_the_clock_asked_for_anew() -> None:
    venue = Venue(refusal(400, -1021), (200, [], {}))
    with venue.account() as one:
        assert one.open_orders() == []
    assert [request.url.path.rpartition("/")[2] for request in venue.asked] == ["time", "openOrders", "time", "openOrders"]


@pytest.mark.parametrize("first", [httpx.ReadTimeout("late"), (503, b"", {}), (500, {"code": -1007, "msg": "timeout"}, {})])
def test_no_answer_is_asked_for_again(first: Any) -> None:
    venue = Venue(
        first, (200, {"balances": [{"asset": "BTC", "free": "1.5", "locked": "0.25"}, {"asset": "X", "free": "0", "locked": "0.0"}]}, {})
    )
    with venue.account() as one:
        held = one.balances()
    assert {asset: balance.total for asset, balance in held.items()} == {"BTC": Decimal("1.75")}


@pytest.mark.parametrize(
    ("answer", "did"), [((200, {"status": "CANCELED"}, {}), True), (refusal(400, -2011, "Unknown order sent."), False)]
)
def test_cancel_says_whether_it_was_this_that_did_it(answer: Any, did: bool) -> None:
    venue = Venue(answer)
    with venue.account() as one:
        assert one.cancel("BTCUSDT", 4711) is did
    assert venue.signed[0].method == "DELETE" and "orderId=4711" in str(venue.signed[0].url)


def test_a_cancel_refused_for_another_reason_is_an_error() -> None:
    act: Callable[[], object]
    with Venue(refusal(400, -1121, "Invalid symbol.")).account() as one:
        act = lambda: one.cancel("NOSUCH", 1)  # noqa: E731
        with pytest.raises(AccountError, match="Invalid symbol"):
            act()
