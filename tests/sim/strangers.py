"""What the tests with other people's clients share: a market for three accounts, the way to it, and sums over its answers.

For: test_ccxt.py, test_clients_ccxt.py, test_clients_python_binance.py.  Not a test itself, and nothing of this project's
client: the simulator is judged by what strangers make of its answers.

The market stands still but for what its accounts do, so that every amount is known; maker and taker pay different
fees, so that one cannot pass for the other.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.sim.trading import pem_of
from tests.sim.wire import spawn

FIRST, SECOND = ("strangers-first-key", "a-first-secret"), ("strangers-second-key", "a-second-secret")
THIRD = "strangers-ed25519-key"
MAKER_FEE, TAKER_FEE = Decimal("0.0005"), Decimal("0.001")
BEGIN = {"BTC": Decimal(100), "USDT": Decimal(1_000_000)}
WAIT_S = 30
TICK = Decimal("0.01")

_VARIABLE = "STRANGERS_KEY"  # by which the simulator is given the third key


@contextlib.contextmanager
def three_accounts() -> Iterator[dict[str, Any]]:
    """Run the simulator with a silent BTCUSDT, two accounts with shared secrets, and one with an Ed25519 key; yield its ready line, `pem` added."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
    keys = [word for key in (FIRST, SECOND) for word in ("--key", ":".join(key))] + ["--key", f"env:{_VARIABLE}"]
    begin = [word for asset, amount in BEGIN.items() for word in ("--balance", f"{asset}={amount}")]
    with mock.patch.dict(os.environ, {_VARIABLE: f"{THIRD}:{pem_of(private)}"}):
        with spawn("--symbols", "BTCUSDT:0", "--fees", f"{MAKER_FEE},{TAKER_FEE}", *keys, *begin) as ready:
            yield {**ready, "pem": pem}


def moved(urls: Any, ready: Mapping[str, Any]) -> Any:
    """Return `urls` with scheme://host replaced by ours, the original host kept as the first part of the path."""
    if isinstance(urls, dict):
        return {key: moved(value, ready) for key, value in urls.items()}
    if isinstance(urls, str) and "://" in urls:
        scheme, _, rest = urls.partition("://")
        return f"{ready['stream'] if scheme.startswith('ws') else ready['rest']}/{rest}"
    return urls


def after(trades: Iterable[Mapping[str, Any]], begin: Mapping[str, Decimal] = BEGIN) -> dict[str, Decimal]:
    """Return what an account must hold after these rows of `myTrades` of BTCUSDT, fees taken from what each trade brought."""
    held = dict(begin)
    for trade in trades:
        sign = 1 if trade["isBuyer"] else -1
        held["BTC"] += sign * Decimal(trade["qty"])
        held["USDT"] -= sign * Decimal(trade["price"]) * Decimal(trade["qty"])
        held[trade["commissionAsset"]] -= Decimal(trade["commission"])
    return held


def held(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Decimal, Decimal]]:
    """Return asset to (free, locked) of the rows that the account answer holds."""
    return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in rows}


def free(begin: Mapping[str, Decimal], **locked: Decimal) -> dict[str, tuple[Decimal, Decimal]]:
    """Return the balances that `held` must equal when so much of `begin` is locked."""
    return {asset: (amount - locked.get(asset, Decimal(0)), locked.get(asset, Decimal(0))) for asset, amount in begin.items()}


def check_fees(trades: Iterable[Mapping[str, Any]]) -> None:
    """Check that each trade paid its own fee, in the asset that it brought, to the last of eight decimals."""
    for trade in trades:
        brought = Decimal(trade["qty"]) if trade["isBuyer"] else Decimal(trade["quoteQty"])
        rate = MAKER_FEE if trade["isMaker"] else TAKER_FEE
        assert trade["commissionAsset"] == ("BTC" if trade["isBuyer"] else "USDT")
        assert abs(Decimal(trade["commission"]) - brought * rate) < Decimal("1e-8"), trade
        assert Decimal(trade["quoteQty"]) == Decimal(trade["price"]) * Decimal(trade["qty"])
