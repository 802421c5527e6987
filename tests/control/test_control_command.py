"""``aats token``, ``logs``, ``keep``, ``subscribe`` and the option --control: what they refuse, and that a token is not shown."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from aats import cli, config, token
from aats.cli.control import place


def aats(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(words)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["keep"], "no control server runs in this namespace"),
        (["keep", "x"], "start `aats control`"),
        (["restart", "x"], "no feed 'x' runs"),
        (["restart", "99999999"], "pid 99999999 is not in the control table"),
        (["subscribe", "x", "BTCUSDT:five"], "LEVELS a whole number"),
        (["set-level", "x", "BTCUSDT"], "LEVELS"),
        (["unsubscribe", "x", "BTCUSDT:5"], "'BTCUSDT:5': a symbol is SYMBOL,"),
        (["subscribe", "x", "BTCUSDT"], "no feed 'x' runs"),
        (["logs", "x"], "no log of 'x'; there are: none yet"),
        (["logs", "x", "-n", "0"], "at least one line"),
        (["logs", "x", "--follow", "--control", "127.0.0.1:1"], "logs of this host only"),
        (["ps", "--control", "127.0.0.1:1"], "control server 127.0.0.1:1 cannot be reached"),
        (["stop", "x", "--control", "127.0.0.1:1"], "aats kill PID|NAME --control"),
        (["kill", "--all", "--control", "127.0.0.1:1"], "aats kill PID|NAME --control"),
        (["control", "--compat-insecure"], "say --compat as well"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str], words: list[str], part: str) -> None:
    status, out, err = aats(capsys, *words)
    assert (status, out) == (1, "")
    assert err.startswith("aats: ") and err.count("\n") == 1 and part in err, err


@pytest.mark.parametrize("text", ["", ":", ":8060", "host:", "host:0", "host:65536", "host:x", "[]:1"])
def test_a_wrong_place_of_a_server_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="HOST:PORT"):
        place(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.0.0.5:9000", ("10.0.0.5", 9000)),
        ("host", ("host", config.DEFAULT_CONTROL_PORT)),
        ("[::1]:9000", ("::1", 9000)),
        ("[::1]", ("::1", config.DEFAULT_CONTROL_PORT)),
    ],
)
def test_a_place_has_the_default_port_if_none_is_given(text: str, meant: tuple[str, int]) -> None:
    assert place(text) == meant


def test_a_token_is_made_told_of_and_shown_on_request_only(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AATS_TOKEN", raising=False)
    status, out, _ = aats(capsys, "token")
    assert status == 0 and "there is no token" in out and not token.token_file().exists()
    status, out, err = aats(capsys, "token", "--new")
    made = token.token()
    assert status == 0 and str(home / "token") in out and made not in out + err
    _, out, err = aats(capsys, "token", "--json")
    assert json.loads(out) == {"file": str(home / "token"), "set": True, "from": str(home / "token")} and made not in err
    assert aats(capsys, "token", "--show")[1].splitlines()[-1] == made
    monkeypatch.setenv("AATS_TOKEN", "another one of sixteen")
    assert "goes before it" in aats(capsys, "token", "--new")[1]
    assert token.token() == "another one of sixteen"
