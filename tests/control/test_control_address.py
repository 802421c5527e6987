"""Addresses that scripts give: each kind of its range, on this host where it has to be, and with a token where others are let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aats import config, control_address
from aats.base.const import NetWorkType
from aats.errors import ConfigError
from aats.market_service import MarketService

SYMBOLS = {1001: "BTCUSDT.BINANCE"}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AATS_MODE", "AATS_MD", "AATS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("0.0.0.0", 15004, "P2P"), "nobody can connect to '0.0.0.0'"),
        (("no-such-host.invalid", 15004, "p2p"), "'no-such-host.invalid' cannot be resolved"),
        (("239.1.2.3", 15004, 1), "must be the address of one host with send_type P2P"),
        (("203.0.113.255", 15004, "BROADCAST"), r"255\.255\.255\.255 or the broadcast address of a card .* lo 127\.255\.255\.255"),
        (("127.0.0.1", 15004, "MULTIBROAD"), r"224\.0\.0\.0 to 239\.255\.255\.255"),
        (("239.1.2.3", 15004, "MULTIBROAD", "nocard0"), "no network card 'nocard0'; there are .*lo"),
        (("127.0.0.1", 70000, "P2P"), "port must be a whole number from 1 to 65535; it is 70000"),
    ],
)
def test_an_address_to_receive_from_is_refused_with_its_rule(words: tuple[Any, ...], part: str) -> None:
    ip, port, kind, *card = words
    with pytest.raises(ConfigError, match=f"set_md_connection: .*{part}"):
        control_address.check_receiving(ip, port, kind, *(card or [""]), "set_md_connection")


@pytest.mark.parametrize(
    ("words", "net"),
    [
        (("203.0.113.7", 15004, "P2P", ""), config.Net("p2p", "203.0.113.7", 15004)),
        (("localhost", 15004, 1, ""), config.Net("p2p", "127.0.0.1", 15004)),
        (("255.255.255.255", 15004, "broadcast", ""), config.Net("broadcast", "255.255.255.255", 15004)),
        (("127.255.255.255", 15004, 2, "lo"), config.Net("broadcast", "127.255.255.255", 15004, "lo")),
        (("239.1.2.3", "15004", NetWorkType.MULTIBROAD, "127.0.0.1"), config.Net("multibroad", "239.1.2.3", 15004, "127.0.0.1")),
    ],
)
def test_an_address_of_each_kind_can_be_received_from(words: tuple[Any, ...], net: config.Net) -> None:
    assert control_address.check_receiving(*words, "set_md_connection") == net


@pytest.mark.parametrize(
    ("words", "net"),
    [
        (("localhost", 15004), config.Net("p2p", "127.0.0.1", 15004)),
        (("127.0.0.1", "15004", NetWorkType.P2P, ""), config.Net("p2p", "127.0.0.1", 15004)),
        (("0.0.0.0", 15004, "P2P"), config.Net("p2p", "0.0.0.0", 15004)),
        (("255.255.255.255", 15004, "BROADCAST", "lo"), config.Net("broadcast", "255.255.255.255", 15004, "lo")),
        (("127.255.255.255", 15004, 2), config.Net("broadcast", "127.255.255.255", 15004)),
        (("239.1.2.3", 15004, 3, "lo"), config.Net("multibroad", "239.1.2.3", 15004, "lo")),
        (("anything", 0, NetWorkType.SHM), config.Net()),
    ],
)
def test_a_network_of_each_kind_is_taken(words: tuple[Any, ...], net: config.Net) -> None:
    service = MarketService(SYMBOLS)
    service.set_network_cfg(*words)
    service.add_listen_symbol("BTCUSDT", "BINANCE")
    assert service.feed("BINANCE").net == net


def test_the_card_for_everybody_is_the_default_routes_and_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(control_address, "default_card", lambda: "wlan7")
    with caplog.at_level("INFO", "aats.control"):
        MarketService(SYMBOLS).set_network_cfg("255.255.255.255", 15004, "broadcast")
    assert "255.255.255.255 leaves by card wlan7, the default route's" in caplog.text
    monkeypatch.setattr(control_address, "default_card", lambda: None)
    with pytest.raises(ConfigError, match=r"there is no default route: name a card; there are .*lo 127\.255\.255\.255"):
        MarketService(SYMBOLS).set_network_cfg("255.255.255.255", 15004, "broadcast")


def test_addresses_and_cards_of_another_host_are_left_to_it() -> None:
    service = MarketService(SYMBOLS)
    service.set_control_server("203.0.113.7", 8060)
    service.set_network_cfg("203.0.113.7", 15004, NetWorkType.P2P, "ens5")
    service.set_network_cfg("203.0.113.255", 15004, NetWorkType.BROADCAST, "ens5")
    with pytest.raises(ConfigError, match=r"224\.0\.0\.0 to 239\.255\.255\.255"):
        service.set_network_cfg("203.0.113.7", 15004, NetWorkType.MULTIBROAD)


def test_shared_memory_overrides_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_MD", "shm")
    service = MarketService(SYMBOLS)
    service.set_network_cfg("203.0.113.7", 15004)
    service.add_listen_symbol("BTCUSDT", "BINANCE")
    assert service.feed("BINANCE").net == config.Net()


def test_other_hosts_are_let_in_with_a_token_only(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for ip in ("0.0.0.0", "::"):
        with pytest.raises(ConfigError, match=rf"P2P at {ip} lets other hosts in, .*aats token --new.*{home}/token"):
            control_address.check_here(config.Net("p2p", ip, 15004), "start_market")
    assert control_address.check_here(config.Net("p2p", "localhost", 15004), "x").ip == "127.0.0.1"
    monkeypatch.setenv("AATS_TOKEN", "x" * 16)
    assert control_address.check_here(config.Net("p2p", "0.0.0.0", 15004), "x").ip == "0.0.0.0"
    with pytest.raises(ConfigError, match="an address of this host"):
        control_address.check_here(config.Net("p2p", "203.0.113.7", 15004), "start_market")
