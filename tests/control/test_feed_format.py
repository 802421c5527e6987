"""A feed's format: where it connects for it, and the API key that it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from aats import config, control, feed, feed_options
from aats.errors import ConfigError

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----\n"


def made(**settings: object) -> config.FeedConfig:
    return config.feed_config({"feed": {"venue": "BINANCE", "symbols": ["BTCUSDT"], **settings}}, where="f.toml")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in ("AATS_MODE", "AATS_FORMAT", "AATS_APIKEY_BINANCE", "AATS_SECRET_BINANCE"):
        monkeypatch.delenv(name, raising=False)


def test_format_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"f\.toml: feed\.format must be one of json, sbe \(did you mean 'sbe'\?\); it is 'sbee'"):
        made(format="sbee")
    assert made(format="SBE").format == "sbe" and made().format == "json"
    assert 'format = "sbe"' in config.dump(made(format="sbe"))


def test_format_of_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_FORMAT", "sbe")
    found = made(format="json")
    assert found.format == "sbe" and found.origins["feed.format"] == "env AATS_FORMAT"
    assert found.tables()["feed"]["format"] == "sbe", "also for a process that does not have the variable"
    monkeypatch.setenv("AATS_FORMAT", "binary")
    with pytest.raises(ConfigError, match="AATS_FORMAT must be one of json, sbe"):
        made()
    with pytest.raises(ConfigError, match="AATS_FORMAT must be one of json, sbe"):
        config.environment()


def test_feed_without_the_key_that_its_format_needs_is_refused_before_it_is_there(namespace: str) -> None:
    with pytest.raises(ConfigError, match="BINANCE direct: no API key"):
        feed.Feed(made(format="sbe"))
    assert control.find_feeds() == []


def test_key_of_another_kind_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_APIKEY_BINANCE", "KeyOfNobody")
    monkeypatch.setenv("AATS_SECRET_BINANCE", "SecretOfNobody")
    with pytest.raises(ConfigError, match=r"f\.toml: feed\.format 'sbe' needs an Ed25519 API key") as refused:
        feed_options.api_key(made(format="sbe"))
    assert "OfNobody" not in str(refused.value)
    assert feed_options.api_key(made()) == "", "text needs no key"
    monkeypatch.setenv("AATS_SECRET_BINANCE", PEM)
    assert feed_options.api_key(made(format="sbe", mode="sandbox")) == "KeyOfNobody"


def test_key_that_cannot_stand_in_a_request_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, namespace: str) -> None:
    monkeypatch.setenv("AATS_APIKEY_BINANCE", "KeyOf\r\nNobody")
    monkeypatch.setenv("AATS_SECRET_BINANCE", PEM)
    with pytest.raises(ConfigError, match="letters, digits") as refused:
        feed.Feed(made(format="sbe"))
    assert "Nobody" not in str(refused.value)
    assert control.find_feeds() == []


def test_simulated_exchange_knows_its_own_account() -> None:
    assert feed_options.api_key(made(format="sbe", mode="sim")) == "aats-sim"


def test_each_format_has_its_host_and_settings_win_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {
        (mode, form): feed.endpoints(made(mode=mode, format=form)).stream for mode in ("direct", "sandbox") for form in config.FORMATS
    }
    assert streams == {
        ("direct", "json"): "wss://stream.binance.com:9443",
        ("direct", "sbe"): "wss://stream-sbe.binance.com:9443",
        ("sandbox", "json"): "wss://stream.testnet.binance.vision",
        ("sandbox", "sbe"): "wss://stream-sbe.testnet.binance.vision",
    }
    assert feed.endpoints(made(format="sbe")).rest == feed.endpoints(made()).rest, "snapshots come as JSON"
    with pytest.raises(ConfigError, match="AATS_ENDPOINT_BINANCE_SIM_REST and AATS_ENDPOINT_BINANCE_SIM_STREAM"):
        feed.endpoints(made(format="sbe", mode="sim"))
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_STREAM", "wss://elsewhere:1")
    assert feed.endpoints(made(format="sbe")).stream == "wss://elsewhere:1"
