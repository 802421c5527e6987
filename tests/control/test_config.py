"""Settings: every mistake is named by file, key, rule and value; every value knows where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aats import config
from aats.errors import ConfigError

GOOD = {"feed": {"venue": "BINANCE", "symbols": ["BTCUSDT:20", {"symbol": "ETHUSDT", "level": 5}, "LTCUSDT"]}}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AATS_MODE", "AATS_FORMAT", "AATS_CAFILE", "AATS_MD", "AATS_ISA", "AATS_TLS"):
        monkeypatch.delenv(variable, raising=False)


def feed(**changes: Any) -> dict[str, Any]:
    return {"feed": {**GOOD["feed"], **changes}}


MULTI = {"send_type": "multibroad", "ip": "239.1.2.3", "port": 15004}
COMPAT = {"BTCUSDT": {"cid": 1001, "level": 5}}


def net(**table: Any) -> dict[str, Any]:
    return {**GOOD, "net": table}


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({}, ["feed.venue is missing"]),
        ({"feed": {"venue": "BINANCE"}}, ["feed.symbols is missing"]),
        ({"fed": {}}, ["[fed] is not a section", "'feed'"]),
        ({"feed": 3}, ["[feed] must be a table", "3"]),
        (feed(venu="BINANCE"), ["feed.venu is not a setting", "'venue'"]),
        (feed(venue="BINANC"), ["feed.venue must be one of BINANCE", "did you mean 'BINANCE'", "it is 'BINANC'"]),
        (feed(mode="paper"), ["feed.mode must be one of direct, sandbox, sim", "'paper'"]),
        (feed(name="a.b"), ["feed.name", "letters, digits", "'a.b'"]),
        (feed(symbols=[]), ["feed.symbols must be a list with at least one symbol"]),
        (feed(symbols="BTCUSDT"), ["feed.symbols must be a list", "'BTCUSDT'"]),
        (feed(symbols=["BTCUSDT", "ETHUSDT", "BTCUSDT:7"]), ["feed.symbols[2] BTCUSDT stands already at feed.symbols[0]"]),
        (feed(symbols=["btc-usdt"]), ["feed.symbols[0]", "did you mean 'BTCUSDT'", "'btc-usdt'"]),
        (feed(symbols=["BTCUSDT:0"]), ["feed.symbols[0]", "from 1 to 1000", "0"]),
        (feed(symbols=["BTCUSDT:1001"]), ["from 1 to 1000", "1001"]),
        (feed(symbols=["BTCUSDT:x"]), ["feed.symbols[0]", "'x'"]),
        (feed(symbols=["BTCUSDT:" + "9" * 5000]), ["feed.symbols[0]"]),
        (feed(symbols=[{"symbol": "BTCUSDT", "depth": 5}]), ["feed.symbols[0]", "level = LEVELS"]),
        (feed(symbols=[7]), ["feed.symbols[0]", "7"]),
        (feed(symbols=[f"A{n}B" for n in range(1025)]), ["1025 symbols", "1024"]),
        (feed(level_num=0), ["feed.level_num must be a whole number from 1 to 1000", "0"]),
        (feed(level_num=True), ["feed.level_num", "True"]),
        (feed(level_num="5"), ["feed.level_num", "'5'"]),
        (feed(ring_depth=1000), ["feed.ring_depth must be a power of two", "1000"]),
        (feed(open_l2=1), ["feed.open_l2 must be true or false", "1"]),
        (feed(streams=["depht"]), ["feed.streams", "'depth'", "depht"]),
        (feed(streams=[]), ["feed.streams must be a list"]),
        (net(send_type="carrier pigeon"), ["net.send_type must be one of shm, multibroad, p2p, broadcast", "'carrier pigeon'"]),
        (net(send_type="multibroad", ip="10.0.0.1", port=5), ["net.ip", "224.0.0.0 to 239.255.255.255", "'10.0.0.1'"]),
        (net(send_type="multibroad", ip="ff02::1", port=5), ["net.ip", "224.0.0.0 to 239.255.255.255", "'ff02::1'"]),
        (net(send_type="multibroad", ip="239.1.2.3"), ["net.port", "1 to 65535", "0"]),
        (net(port=70000), ["net.port", "70000"]),
        (net(send_type="p2p", port=5), ["net.ip must be an address or the name of a host", "P2P", "''"]),
        (net(send_type="p2p", ip="300.1.1.1", port=5), ["net.ip must be an address or the name of a host", "'300.1.1.1'"]),
        (net(send_type="p2p", ip="239.1.2.3", port=5), ["net.ip must be the address of one host", "'239.1.2.3'"]),
        (net(send_type="p2p", ip="255.255.255.255", port=5), ["net.ip must be the address of one host"]),
        (net(send_type="p2p", ip="127.0.0.1"), ["net.port", "1 to 65535", "0"]),
        (net(send_type="broadcast", ip="eth0", port=5), ["net.ip must be 255.255.255.255 or the broadcast address", "BROADCAST", "'eth0'"]),
        (net(send_type="broadcast", ip="239.1.2.3", port=5), ["net.ip must be 255.255.255.255 or", "'239.1.2.3'"]),
        (net(send_type="broadcast", ip="0.0.0.0", port=5), ["net.ip must be 255.255.255.255 or", "'0.0.0.0'"]),
        (net(send_type="broadcast", ip="255.255.255.255"), ["net.port", "1 to 65535", "0"]),
        (net(ttl=0), ["net.ttl must be a whole number from 1 to 255", "0"]),
        (net(loop=1), ["net.loop must be true or false", "1"]),
        (net(**MULTI, repair_port=70000), ["net.repair_port", "0 to 65535", "70000"]),
        (net(**MULTI, repair_ip="224.0.0.1"), ["net.repair_ip must be the address of one host", "'224.0.0.1'"]),
        (net(send_type="p2p", ip="127.0.0.1", port=5, repair_port=6), ["net.repair_port is for datagrams", "'p2p'"]),
        (net(repair_ip="127.0.0.1"), ["net.repair_ip is for datagrams", "'shm'"]),
        (net(**MULTI, compat={"BTCUSDT": 1001}), ["net.compat must be a table of symbols", "{cid = 1001, level = 5}"]),
        (net(**MULTI, compat={"BTCUSDT": {"cid": 1 << 31, "level": 5}}), ["net.compat must be a table of symbols"]),
        (net(**MULTI, compat={"BTCUSDT": {"cid": True, "level": 5}}), ["net.compat must be a table of symbols"]),
        (net(**MULTI, compat={"BTCUSDT": {"cid": 1, "level": 0}}), ["net.compat must be a table of symbols"]),
        (net(compat=COMPAT), ["net.compat is for clients over the network", "'shm'"]),
        (net(**MULTI, compat={"XRPUSDT": {"cid": 1, "level": 5}}), ["net.compat names XRPUSDT", "not in feed.symbols"]),
        (net(**MULTI, compat={**COMPAT, "ETHUSDT": {"cid": 1001, "level": 1}}), ["net.compat gives cid 1001 to BTCUSDT and to ETHUSDT"]),
        ({**GOOD, "limits": {"feed_stale": 5}}, ["limits.feed_stale is not a setting", "'feed_stale_ms'"]),
        ({**GOOD, "limits": {"feed_stale_ms": 0.5}}, ["limits.feed_stale_ms must be a whole number", "0.5"]),
        ({**GOOD, "endpoints": {"rest": "localhost:9443"}}, ["endpoints.rest must be https://HOST", "'localhost:9443'"]),
        ({**GOOD, "endpoints": {"stream": "https://localhost"}}, ["endpoints.stream must be wss://HOST"]),
        ({**GOOD, "endpoints": {"stream": "wss://localhost:99999"}}, ["endpoints.stream"]),
        ({**GOOD, "endpoints": {"cafile": "/nonexistent/ca.pem"}}, ["endpoints.cafile must be a file that exists", "/nonexistent/ca.pem"]),
    ],
)
def test_a_mistake_is_named_by_file_key_rule_and_value(data: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.feed_config(data, where="my.toml")
    for part in ["my.toml", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(("text", "part"), [(None, "cannot be read"), ("[feed", "is not TOML"), ("\xff", "is not TOML")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None, part: str) -> None:
    file = tmp_path / "feed.toml"
    if text is not None:
        file.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=f"feed.toml.*{part}"):
        config.load(file)


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("AATS_MODE", "live", "AATS_MODE must be one of direct, sandbox, sim"),
        ("AATS_MD", "p2p", "AATS_MD must be one of shm"),
        ("AATS_ISA", "avx", "AATS_ISA must be one of .*avx2"),
        ("AATS_TLS", "fast", "AATS_TLS must be one of openssl, records, vector"),
        ("AATS_CAFILE", "/nonexistent", "AATS_CAFILE must be a file"),
        ("AATS_ENDPOINT_BINANCE_SIM_REST", "wss://x", "AATS_ENDPOINT_BINANCE_SIM_REST must be https://"),
        ("AATS_ENDPOINT_BINANCE_SIMU_REST", "https://x", "AATS_ENDPOINT_BINANCE_SIMU_REST must be AATS_ENDPOINT_<VENUE>"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=part):
        config.environment()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(["feed", "venue", "symbols", "net", "limits", "mode", "symbol", "level", "ip", "endpoints"]),
                one,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_tables_hold_only_a_config_error_comes_back(data: Any) -> None:
    tables = data if isinstance(data, dict) else {"feed": data}
    with pytest.raises(ConfigError):
        config.feed_config(
            {**tables, "feed": {**(tables["feed"] if isinstance(tables.get("feed"), dict) else {}), "symbols": data}}, where="x"
        )


_WORDS = st.sampled_from(
    [
        "",
        "p2p",
        "broadcast",
        "multibroad",
        "shm",
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "::1",
        "255.255.255.255",
        "239.1.2.3",
        "x y",
        "BTCUSDT",
        "cid",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70_000) | _WORDS,
    lambda one: st.lists(one, max_size=2) | st.dictionaries(_WORDS | st.just("level"), one, max_size=2),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("send_type", "ip", "port", "netcard", "ttl", "loop", "repair_ip", "compat"), _VALUES))
)
def test_a_network_is_taken_and_read_back_the_same_or_refused_with_its_key(tmp_path: Path, table: dict[str, Any]) -> None:
    try:
        got = config.feed_config(net(**table), where="x")
    except ConfigError as exc:
        assert str(exc).startswith("x: net.")
        return
    assert got.net.send_type == "shm" or 1 <= got.net.port <= 65535
    file = tmp_path / "again.toml"
    file.write_text(config.dump(got), encoding="utf-8")
    assert config.load(file).values() == got.values()


# ---------------------------------------------------------------------------------------------------------- values


def test_a_short_file_gets_the_defaults() -> None:
    got = config.feed_config(GOOD)
    assert (got.name, got.mode, got.level_num, got.ring_depth, got.streams) == (
        "binance",
        "direct",
        5,
        8192,
        ("depth", "trade", "bookTicker"),
    )
    assert [(one.symbol, one.level_num) for one in got.symbols] == [("BTCUSDT", 20), ("ETHUSDT", 5), ("LTCUSDT", 5)]
    assert got.level_max == 20
    assert got.limits.feed_stale_ms == 500 and got.limits.stop_ms == 8000
    assert got.origins["feed.mode"] == "default" and got.origins["feed.venue"] == "feed config"


def test_a_symbol_may_carry_its_venue_and_more_symbols_make_room() -> None:
    got = config.feed_config(feed(symbols=[f"A{n}B.BINANCE:7" for n in range(100)]))
    assert got.symbols[3] == config.SymbolLevel("A3B", 7)
    assert got.dir_cap >= 100


@pytest.mark.parametrize(
    ("table", "ip"),
    [
        ({"send_type": "p2p", "ip": "localhost", "port": 1}, "localhost"),
        ({"send_type": "P2P", "ip": "Feed-1.Example.org", "port": 65535}, "feed-1.example.org"),
        ({"send_type": "p2p", "ip": "0.0.0.0", "port": 15004}, "0.0.0.0"),
        ({"send_type": "p2p", "ip": "0:0::1", "port": 15004}, "::1"),
        ({"send_type": "broadcast", "ip": "255.255.255.255", "port": 15004, "netcard": "eth0"}, "255.255.255.255"),
        ({"send_type": "Broadcast", "ip": "192.0.2.255", "port": 15004}, "192.0.2.255"),
        ({"send_type": "multibroad", "ip": "224.0.0.1", "port": 15004, "ttl": 255, "loop": False}, "224.0.0.1"),
        ({**MULTI, "repair_ip": "127.0.0.1", "repair_port": 15005, "compat": COMPAT}, "239.1.2.3"),
    ],
)
def test_an_address_of_each_kind_is_taken_as_it_is_usually_spelled(table: dict[str, Any], ip: str) -> None:
    got = config.feed_config(net(**table)).net
    assert (got.send_type, got.ip, got.port) == (table["send_type"].lower(), ip, table["port"])
    assert {key: getattr(got, key) for key in table if key not in ("send_type", "ip")} == {
        key: value for key, value in table.items() if key not in ("send_type", "ip")
    }


@pytest.mark.parametrize(
    "table",
    [
        {"send_type": "MULTIBROAD", "ip": "239.1.2.3", "port": 15004, "netcard": 'e"th0\\'},
        {**MULTI, "ttl": 3, "loop": False, "repair_ip": "::1", "repair_port": 9},
        {"send_type": "p2p", "ip": "localhost", "port": 15004, "compat": {**COMPAT, "LTCUSDT": {"cid": -7, "level": 1000}}},
    ],
)
def test_what_is_dumped_is_read_back_the_same(tmp_path: Path, table: dict[str, Any]) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    data = {
        **feed(open_l2=True, mode="sim", name="x-1"),
        "net": table,
        "limits": {"feed_stale_ms": 700},
        "endpoints": {"rest": "http://localhost:1/x/", "stream": "ws://[::1]:2", "cafile": str(ca)},
    }
    first = config.feed_config(data, where="a")
    file = tmp_path / "b.toml"
    file.write_text(config.dump(first), encoding="utf-8")
    second = config.load(file)
    assert first.values() == second.values()
    assert first.symbols == second.symbols and first.limits == second.limits and first.net == second.net


def test_the_environment_wins_over_the_file_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    monkeypatch.setenv("AATS_MODE", "sim")
    monkeypatch.setenv("AATS_CAFILE", str(ca))
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_SIM_REST", "https://localhost:9")
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_STREAM", "wss://elsewhere")
    got = config.feed_config({**feed(mode="direct"), "endpoints": {"rest": "https://file"}}, where="f.toml")
    assert (got.mode, got.endpoints.rest, got.endpoints.stream, got.endpoints.cafile) == ("sim", "https://localhost:9", "", str(ca))
    assert got.origins["feed.mode"] == "env AATS_MODE"
    assert got.origins["endpoints.rest"] == "env AATS_ENDPOINT_BINANCE_SIM_REST"
    assert got.origins["endpoints.stream"] == "default"


def test_one_home_or_the_xdg_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AATS_HOME", str(tmp_path / "a"))
    assert config.state_home() == config.config_home() == tmp_path / "a"
    assert config.state_home().stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("AATS_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert config.log_dir() == tmp_path / "s" / "aats" / "log"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "h"))
    assert config.state_home() == tmp_path / "h" / ".local" / "state" / "aats"


def test_a_home_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AATS_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(ConfigError, match="set AATS_HOME"):
        config.state_home()
