"""A control server in a thread of the test, whose feeds are stand-ins.

For: tests of the server's requests, limits and neighbours.  Not for real feeds (tests/live).

    with Served() as served:
        served.ask({"op": "list"})
        served.lines(b'{"op":"list"}\\n')       # raw bytes; the answers until the server ends the connection
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

import psutil
import pytest

from aats import config, control, control_client, control_server
from aats.layout import Role

from .conftest import STAND_IN, eventually


def launch(told: config.FeedConfig, file: str, env: Mapping[str, str]) -> control.Child:
    """Stand for ``aats.control_feeds.launch``: the same words at the end of the command line, but a stand-in behind them."""
    symbols = ",".join(f"{one.symbol}:{one.level_num}" for one in told.symbols)
    words = [sys.executable, str(STAND_IN), "--name", told.name, "--mode", told.mode, "--symbols", symbols, "--port", str(told.net.port)]
    behave = next((one.symbol.removeprefix("B") for one in told.symbols if one.symbol in ("BHANG", "BEXIT", "BDEAF")), "")
    if behave:
        words += ["--behave", behave.lower()]
    wait_s = told.limits.feed_ready_ms / 1000
    return control.spawn(Role.FEED, ["feed", file], name=f"feed-{told.name}", command_line=words, wait_s=wait_s, env=env)


class Served:
    """The server; ended with its feeds at the end of the block."""

    def __init__(self, host: str = "127.0.0.1", **options: Any) -> None:
        self.host, self._options = host, options
        self.server: control_server.ControlServer
        self._loop: asyncio.AbstractEventLoop
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        async def serve() -> None:
            self.server, self._loop = control_server.ControlServer(self.host, 0, **self._options), asyncio.get_running_loop()
            await self.server.serve()

        try:
            asyncio.run(serve())
        except BaseException as exc:
            self._failed = exc

    def __enter__(self) -> Served:
        self._thread.start()
        eventually(lambda: self._failed or any(one["role"] == "control" and one["state"] == "RUN" for one in control.processes()))
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        for thread in threading.enumerate():
            if thread.name.startswith("aats-keep-"):
                thread.join(20)
        for one in control.processes():
            if one["role"] in ("feed", "other") and one["alive"]:
                control.kill(one["pid"])
        control.tidy()

    @property
    def port(self) -> int:
        return self.server.port

    def stop(self) -> None:
        """End the server alone; its feeds go on."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.server.stop)
            self._thread.join()
        if self._failed is not None:
            raise self._failed

    def ask(self, request: dict[str, Any], *, timeout_s: float = 20.0) -> dict[str, Any]:
        """Send one request as clients of this package do."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return control_client.ask(host, self.port, request, timeout_s=timeout_s)

    def lines(self, sent: bytes, *, host: str = "127.0.0.1") -> list[dict[str, Any]]:
        """Send bytes, end our side, and return the answers until the server ends its own."""
        with socket.create_connection((host, self.port), timeout=10) as sock, sock.makefile("rb") as file:
            with contextlib.suppress(OSError):
                sock.sendall(sent)
                sock.shutdown(socket.SHUT_WR)
            return [json.loads(line) for line in file]


def own_address() -> str:
    """Return an address of this host that is not a loopback one; skip the test where there is none."""
    for card in psutil.net_if_addrs().values():
        for one in card:
            if one.family == socket.AF_INET and not one.address.startswith("127."):
                return str(one.address)
    pytest.skip("this host has no address but the loopback's")


def tables(*symbols: str, name: str = "binance", **limits: int) -> dict[str, Any]:
    """Return the tables of a feed's file."""
    return {"feed": {"venue": "BINANCE", "name": name, "symbols": list(symbols) or ["BTCUSDT:5"]}, "limits": limits}
