"""Keys: where they may come from, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aats import keys
from aats.errors import ConfigError

KEY, SECRET = "keyOfTheTest123", "secretOfTheTest456"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"


@pytest.fixture(autouse=True)
def clean_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing of the user's own."""
    for name in [name for name in os.environ if name.startswith(("AATS_APIKEY_", "AATS_SECRET_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(home: Path) -> Callable[..., Path]:
    """Give a function that writes the key file."""

    def make(text: str, mode: int = 0o600, name: str = "keys.toml") -> Path:
        path = home / name
        path.write_text(text)
        path.chmod(mode)
        return path

    return make


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("mode", ["sandbox", "direct"])
def test_without_a_key_the_refusal_names_the_three_ways(mode: str, home: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        keys.find("BINANCE", mode)
    text = str(refused.value)
    assert "set_apikey('BINANCE', key, secret)" in text and "AATS_APIKEY_BINANCE and AATS_SECRET_BINANCE" in text
    assert str(home / "keys.toml") in text and f"BINANCE {mode}" in text


@pytest.mark.parametrize(("have", "lack"), [("AATS_APIKEY_BINANCE", "AATS_SECRET_BINANCE"), ("AATS_SECRET_BINANCE", "AATS_APIKEY_BINANCE")])
def test_half_a_key_in_the_environment_is_refused(have: str, lack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(have, KEY)
    with pytest.raises(ConfigError, match=f"{have} is set, {lack} is not") as refused:
        keys.find("BINANCE", "sim")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_command(mode: int, write: Callable[..., Path]) -> None:
    path = write(f'[BINANCE]\nkey = "{KEY}"\nsecret = "{SECRET}"\n', mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600 {path}"):
        keys.find("BINANCE", "direct")


def test_a_key_file_of_somebody_else_is_refused(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write(f'[BINANCE]\nkey = "{KEY}"\nsecret = "{SECRET}"\n')
    real = os.fstat

    def foreign(fd: int) -> os.stat_result:
        facts = list(real(fd))
        facts[4] = os.getuid() + 4711  # st_uid
        return os.stat_result(facts)

    monkeypatch.setattr("aats.keys.os.fstat", foreign)
    with pytest.raises(ConfigError, match=f"belongs to uid {os.getuid() + 4711}"):
        keys.find("BINANCE", "direct")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[BINANCE\n", "is not TOML"),
        ("BINANCE = 3\n", "must be a table"),
        (f'[BINANCE]\nkey = "{KEY}"\n', "must have key and secret"),
        (f'[BINANCE]\nkey = "{KEY}"\nsecret = ""\n', "must have key and secret"),
        (f'[BINANCE]\nkey = "{KEY}"\nsecret = 7\n', "must have key and secret"),
        (f'[BINANCE]\nkey = "{KEY}"\nsecret = "{SECRET}"\npassphrase = "x"\n', "has passphrase; known are key, secret"),
        (f'[BINANCE]\nsandbox = "{SECRET}"\n', r"\[BINANCE.sandbox\] must have key and secret"),
        (f'[BINANCE]\nkey = "{KEY}"\nsecret = "@/nowhere/at.all"\n', "/nowhere/at.all cannot be read"),
    ],
)
def test_a_key_file_that_cannot_be_is_refused_without_showing_it(text: str, complaint: str, write: Callable[..., Path]) -> None:
    write(text)
    with pytest.raises(ConfigError, match=complaint) as refused:
        keys.find("BINANCE", "sandbox")
    assert KEY not in str(refused.value) and SECRET not in str(refused.value)


def test_the_file_of_a_secret_is_held_to_the_same_rule(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(PEM, 0o644, "mine.pem")
    monkeypatch.setenv("AATS_APIKEY_BINANCE", KEY)
    monkeypatch.setenv("AATS_SECRET_BINANCE", f"@{path}")
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        keys.find("BINANCE", "direct")
    path.chmod(0o600)
    path.write_text("  \n")
    with pytest.raises(ConfigError, match="is empty"):
        keys.find("BINANCE", "direct")


# ----------------------------------------------------------------------------------------------------------- the path


def test_set_apikey_wins_over_the_environment_and_that_over_the_file(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('[BINANCE]\nkey = "fileKey"\nsecret = "fileSecret"\n')
    found = keys.find("BINANCE", "direct")
    assert (found.key, found.secret, found.origin) == ("fileKey", "fileSecret", str(path))
    monkeypatch.setenv("AATS_APIKEY_BINANCE", "envKey")
    monkeypatch.setenv("AATS_SECRET_BINANCE", "envSecret")
    found = keys.find("BINANCE", "direct")
    assert (found.key, found.secret, found.origin) == ("envKey", "envSecret", "the environment")
    found = keys.find("BINANCE", "direct", given=(KEY, SECRET))
    assert (found.key, found.secret, found.origin) == (KEY, SECRET, "set_apikey")


def test_a_modes_own_table_wins_and_the_simulated_exchange_never_sees_the_venues_key(write: Callable[..., Path]) -> None:
    write('[BINANCE]\nkey = "realKey"\nsecret = "realSecret"\n[BINANCE.sandbox]\nkey = "testKey"\nsecret = "testSecret"\n')
    assert keys.find("BINANCE", "direct").key == "realKey"
    assert keys.find("BINANCE", "sandbox").key == "testKey"
    assert keys.find("BINANCE", "sim").key == keys.SIM_KEY
    write('[BINANCE.sim]\nkey = "simKey"\nsecret = "simSecret"\n')
    assert keys.find("BINANCE", "sim").key == "simKey"
    with pytest.raises(ConfigError, match="no API key"):
        keys.find("BINANCE", "direct")


def test_sim_without_a_key_has_the_simulated_exchanges_own() -> None:
    found = keys.find("BINANCE", "sim")
    assert (found.key, found.secret) == ("aats-sim", "aats-sim")


def test_a_private_key_may_be_given_as_text_or_as_a_file(write: Callable[..., Path]) -> None:
    path = write(PEM + "\n", 0o600, "mine.pem")
    assert keys.find("BINANCE", "direct", given=(KEY, PEM)).secret == PEM
    assert keys.find("BINANCE", "direct", given=(KEY, f"@{path}")).secret == PEM + "\n"


def test_credentials_do_not_show_themselves() -> None:
    found = keys.find("BINANCE", "direct", given=(KEY, SECRET))
    assert KEY not in repr(found) and SECRET not in repr(found) and "set_apikey" in repr(found)
