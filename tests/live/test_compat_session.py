"""A trade session of the published client, with a client written for the test: real processes, real orders on the simulated exchange."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import config, control
from aats.compat.control import CompatControl
from aats.sim.auth import DEFAULT_KEY
from tests.control.compat_client import Line, ask, cancel, control_port, login, order
from tests.control.test_compat_wire import spoiled
from tests.live.looks import eventually, pids_of
from tests.live.makers import Exchange
from tests.live.procs import FeedProc, Sim


def init(*, key: str = DEFAULT_KEY, secret: str = DEFAULT_KEY, **other: Any) -> dict[str, Any]:
    """Return the init frame's value."""
    data = {
        "exchanges": [{"exchange": "BINANCE", "trader_type": "sim"}],
        "apikeys": {"BINANCE": {"key": key, "secret": secret, "pass": "", "subaccount": ""}},
        "symbol_info": {},
        "symbols": [{"cid": 1001, "port": ["BTCUSDT", "BINANCE"]}],
        "fees": {"BINANCE": {"take": 0.0003, "make": 0}},
    }
    return {"type": "init", "data": {**data, **other}}


@pytest.fixture
def port(sim: Sim) -> Iterator[int]:
    """Serve a control port whose environment leads to the exchange."""
    with control_port(CompatControl(environment=sim.env)) as number:
        yield number


@pytest.fixture
def session(port: int) -> Iterator[Line]:
    """Give a session's connection, logged in; its process is gone when the test ends."""
    told = ask(port, {"type": "new_trade_instance"})
    with Line(int(told["data"]["port"])) as line:
        line.say(login(told["data"]["pin"]))
        yield line
    eventually(lambda: not pids_of("trade"), why="the session's process does not end")


# ---------------------------------------------------------------------------------------------------------- refusals


def test_a_wrong_pin_is_turned_away_and_the_right_one_still_served(port: int, feed: FeedProc) -> None:
    told = ask(port, {"type": "new_trade_instance"})
    with Line(told["data"]["port"]) as stranger, Line(told["data"]["port"]) as mute, Line(told["data"]["port"]) as line:
        stranger.say(login("0" * 32))
        assert stranger.wait("login")["result"] != "ok"
        with pytest.raises(EOFError):
            stranger.hear()
        line.say(login(told["data"]["pin"]), init())
        assert line.wait("login")["result"] == "ok"
        with pytest.raises((EOFError, ConnectionError)):
            mute.hear()
        assert line.wait("init")["result"] == "ok"
    eventually(lambda: not pids_of("trade"))


@pytest.mark.parametrize(
    ("other", "part"),
    [
        ({"exchanges": [{"exchange": "BINANCE", "trader_type": "dierct"}]}, "trader_type"),
        ({"exchanges": "BINANCE"}, "exchanges must be a list"),
        ({"exchanges": [{"exchange": "NOWHERE", "trader_type": "sim"}]}, "exchange must be one of"),
        ({"apikeys": {}}, "apikeys has nothing for BINANCE"),
        ({"symbols": []}, "symbols must be a list"),
        ({"fees": {"BINANCE": {"take": "1e400", "make": 0}}}, "taker_fee"),
    ],
)
def test_settings_that_cannot_work_are_answered_and_the_session_ends(session: Line, other: dict[str, Any], part: str) -> None:
    session.say(init(**other))
    assert session.wait("login")["result"] == "ok"
    assert part in session.wait("init")["result"]
    with pytest.raises(EOFError):
        session.hear()


def test_the_keys_of_this_host_serve_no_client(session: Line, feed: FeedProc) -> None:
    session.say(init(apikeys={"BINANCE": {}}))
    assert "apikeys has nothing for BINANCE" in session.wait("init")["result"]


def test_what_is_wrong_with_an_order_is_said_as_an_order_is_refused(session: Line, feed: FeedProc) -> None:
    session.say(
        init(), order(1, price="1e400"), order(2, side="Side.BYE"), order(3, symbol="ETHUSDT"), order(4, tif=None), order("x"), cancel(99)
    )
    session.say(order(5, size="-1"), order(6, margin=True), order(7, price={"a": 1}), cancel("OrderType.IOC"), {"type": "sing"})
    assert session.wait("init")["result"] == "ok"
    for order_id in (1, 2, 3, 4):
        kinds = [session.hear() for _ in range(3)]
        assert [one["type"] for one in kinds] == ["onOrderCreated", "onOrderRejected", "onOrderClosed"]
        assert all(one["order"]["order_id"] == order_id for one in kinds) and kinds[1]["order"]["msg"]
    closed = set()
    while closed != {5, 6, 7}:
        one = session.hear()
        if one["type"] == "onOrderClosed":
            closed.add(one["order"]["order_id"])
    others = [one["type"] for one in session.told if "order" not in one]
    assert sorted(others) == ["cancel_order", "cancel_order", "error", "init", "login", "place_order"]


def test_whatever_a_client_says_its_next_good_order_is_taken(session: Line, feed: FeedProc) -> None:
    rng = random.Random(1215)
    session.say(init())
    assert session.wait("init")["result"] == "ok"
    for number in range(300):
        base = order(10_000 + number) if rng.random() < 0.6 else cancel(10_000 + rng.randrange(number + 1))
        said = spoiled(base, rng)
        if isinstance(said, dict) and said.get("type") != "ping":
            session.say(said)
    session.say(order(1))
    assert session.wait("onOrderAcked", 1)["order"]["remote_id"]
    said_of = [one["order"]["order_id"] for one in session.told if "order" in one]
    assert {one["type"] for one in session.told} >= {"onOrderRejected", "place_order", "error"} and min(said_of) >= 0


# ------------------------------------------------------------------------------------------------------------ orders


def test_orders_rest_fill_and_cancel_with_the_clients_own_ids(session: Line, feed: FeedProc, exchange: Exchange) -> None:
    session.say(init(), order(7, price="59000.0"))  # all of it back to back: nothing waits for an answer
    assert session.wait("login")["result"] == "ok"
    assert session.wait("init")["result"] == "ok"
    acked = session.wait("onOrderAcked", 7)["order"]
    assert (acked["side"], acked["symbol"], acked["price"], acked["size"]) == ("buy", "BTCUSDT", "59000", "0.001") and acked["remote_id"]
    assert session.told[2]["type"] == "onOrderCreated" and type(session.told[2]["order"]["order_id"]) is int
    session.say(cancel(7))
    assert [session.hear()["type"] for _ in range(4)] == ["onOrderCancelCreated", "onOrderCancelAcked", "onOrderCanceled", "onOrderClosed"]
    session.say(order(3, price="6.2e4", size="1e-3", side="Side.BUY", tif="OrderType.IOC"))
    assert session.wait("onOrderExec", 3)["order"]["fill_size"] == "0.001"
    assert session.wait("onOrderClosed", 3)["order"]["cum_size"] == "0.001"
    session.say(order(3), cancel(3))
    assert session.wait("onOrderRejected", 3)["order"]["code"] == "duplicate_id"
    assert session.wait("onOrderCancelRejected", 3)["order"]["side"] == "buy"


def test_a_client_that_goes_leaves_no_order_behind(session: Line, port: int, feed: FeedProc, exchange: Exchange) -> None:
    session.say(init(), order(1), order(2, price="59001.123456789"))
    assert session.wait("onOrderAcked", 2)["order"]["price"] == "59001.12"
    assert len(exchange.open()) == 2
    [line] = ask(port, {"type": "show_all_trade_instance"})["data"]["result"].split("\n")
    assert int(line.split()[0]) == pids_of("trade")[0] and int(line.split()[2]) == session.sock.getpeername()[1]
    session.sock.close()
    eventually(lambda: not pids_of("trade"), why="it goes on without its client")
    assert exchange.open() == []


def test_a_killed_session_tells_the_client_how_its_orders_end(session: Line, port: int, feed: FeedProc, exchange: Exchange) -> None:
    session.say(init(), order(1))
    session.wait("onOrderAcked", 1)
    assert ask(port, {"type": "kill_process", "pid": pids_of("trade")[0]})["result"] == "stopped"
    assert session.wait("onOrderCanceled", 1) and session.wait("onOrderClosed", 1)
    with pytest.raises(EOFError):
        session.hear()
    assert exchange.open() == []


def test_no_secret_stands_where_others_can_read() -> None:
    key, secret = "published-key-4711", "published-secret-0815"
    words = ("--symbols", "BTCUSDT", "--key", f"{key}:{secret}")
    with Sim(*words) as sim, FeedProc(sim, ["BTCUSDT:5"]) as feed, control_port(CompatControl(environment=sim.env)) as port:
        feed.wait_live()
        told = ask(port, {"type": "new_trade_instance"})
        with Line(told["data"]["port"]) as line:
            line.say(login(told["data"]["pin"]), init(key=key, secret=secret), order(1))
            line.wait("onOrderAcked", 1)
            [pid] = pids_of("trade")
            seen = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ", "comm"))
            seen += b"".join(file.read_bytes() for file in config.log_dir().iterdir())
            seen += repr(control.processes()).encode() + repr(line.told).encode()
        eventually(lambda: not pids_of("trade"))
    assert b"compat-trade" in seen
    assert [word for word in (key, secret, told["data"]["pin"]) if word.encode() in seen] == []


def test_two_sessions_trade_side_by_side(session: Line, port: int, feed: FeedProc) -> None:
    session.say(init())
    assert session.wait("init")["result"] == "ok"
    told = ask(port, {"type": "new_trade_instance"})
    with Line(told["data"]["port"]) as other:
        other.say(login(told["data"]["pin"]), init(), order(1))
        assert other.wait("onOrderAcked", 1)
        session.say(order(1))
        assert session.wait("onOrderAcked", 1)
        assert sorted(one["name"] for one in control.processes() if one["role"] == "trade") == ["compat-1", "compat-2"]


def test_the_trade_port_is_open_when_it_is_told_and_on_loopback_alone(port: int) -> None:
    told = ask(port, {"type": "new_trade_instance"})
    assert told["type"] == "trade_instance" and len(told["data"]["pin"]) == 32
    with socket.create_connection(("127.0.0.1", told["data"]["port"]), timeout=0.5):
        pass
    if os.path.exists("/proc/net/tcp"):
        listeners = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        local = [one[1].split(":") for one in listeners if one[3] == "0A"]
        assert {address for address, number in local if int(number, 16) == told["data"]["port"]} == {"0100007F"}
