"""``aats bench``: its judgement, what it refuses, that it runs, and that nothing of it stays.

No number is asserted: programs must run, ratios to the reference of the same run stay inside the table's generous bounds.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from aats.bench import command, frames, machine, page, show
from aats.bench.checkout import HOW, Checkout
from aats.bench.context import Context, Failed, objects, summary
from aats.bench.judge import absent, judge, number, out_of_bounds
from aats.bench.peers import PEERS, beside, cryptofeeds_time, unmeasured
from aats.bench.run import Run
from aats.bench.table import ROWS, Also, Module, Program, Row, find
from aats.errors import ConfigError
from aats.layout import LAYOUT_HASH
from tools import cbuild

ROOT = Path(__file__).resolve().parent.parent

#: What the suite measures; the ids are promised to whoever keeps reports.
SUITE = (
    *(
        "depth_hot",
        "depth_paced",
        "bbo_hot",
        "wss_cpu",
        "wire_published",
        "hop_callback",
        "callbacks_4reads",
        "callbacks_empty",
        "order_encode",
    ),
    *(
        "t2t_inline",
        "t2t_processes",
        "feed_wss",
        "feed_depth_buffer",
        "feed_bbo_buffer",
        "feed_500",
        "ring_readers",
        "memory_10",
        "memory_500",
    ),
    *("udp_c", "udp_python"),
    *(
        f"{row}_{name}"
        for row in ("venue", "venue_wire")
        for name in ("binance_swap", "okx", "bybit", "coinbase", "kraken", "gate", "kucoin", "deribit")
    ),
)

#: Figures of a row of the report that are promised, and their types.
KEYS = {
    **dict.fromkeys(("id", "unit", "why", "what", "goal_of", "aim_of", "reference_name"), str),
    **{key: (int, float, type(None)) for key in ("value", "p50", "p99", "reference", "ratio", "goal", "aim")},
    **{key: (bool, type(None)) for key in ("met", "aim_met")},
    "also": list,
}

PLAIN = Row("x", "what", "ns", Program("x"), "ref", goal=100, aim=80, bounds=(0, 3))
FASTER = Row("x", "what", "1/s", Program("x"), "ref", goal=1e6, aim=2e6, more=True)


def said(value: float | None = None, who: str = "aats", **more: Any) -> dict[str, Any]:
    """Return what a program prints."""
    return {"row": "x", "who": who, "unit": "ns", "value": value, **more}


def bench(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "aats.cli", "bench", *words], cwd=ROOT, text=True, capture_output=True, timeout=240, **more
    )


def command_line(process: psutil.Process) -> str:
    """Return how a process was started, "" if it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


# ------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rows", "depth_hott"], "there is no row 'depth_hott'; there are depth_hot, "),
        (["--cores", "9999"], "--cores 9999: one or two of the usable cores"),
        (["--cores", "0,0,0"], "one or two of the usable cores"),
        (["--cores", "x"], "one or two of the usable cores"),
        (["--repeats", "0"], "--repeats 0: at least 1"),
        (["--frames", "/nowhere"], "--frames /nowhere: no such file"),
        (["--compare", "/nowhere"], "No such file"),
    ],
)
def test_a_wrong_command_line_is_refused_with_status_2(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(words)
    assert refused.value.code == 2
    assert told in capsys.readouterr().err


def test_a_row_that_says_nothing_is_not_met_and_not_missed() -> None:
    found = judge(PLAIN, [[]], cores=2)
    assert (found["met"], found["value"], found["why"]) == (None, None, "measured nothing")


def test_a_row_that_cannot_be_measured_says_why() -> None:
    found = judge(PLAIN, [[{"row": "x", "who": "aats", "why": "no card"}]], cores=2)
    assert (found["met"], found["why"]) == (None, "no card")


def test_without_a_reference_a_goal_on_the_ratio_is_not_judged() -> None:
    row = Row("x", "what", "ns", Program("x"), "ref", goal=1.5, goal_of="ratio")
    assert judge(row, [[said(7)]], cores=2)["met"] is None


def test_with_too_few_cores_the_value_is_stated_and_not_judged() -> None:
    row = Row("x", "what", "ns", Program("x"), "ref", goal=100, cores=3)
    found = judge(row, [[said(7)]], cores=2)
    assert (found["value"], found["met"]) == (7, None)
    assert "3 cores are needed, 2 can be used" in found["why"]


def test_a_frames_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    frames.write(path, [frames.Frame(frames.TEXT, 300, b"{}"), frames.Frame(frames.SNAPSHOT, 0, b"[]")])
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole[:cut])
        if cut == 10:
            assert len(list(frames.read(path))) == 1
            continue
        with pytest.raises(ValueError, match="ends inside"):
            list(frames.read(path))


def test_a_tape_becomes_a_snapshot_and_what_follows_it(tmp_path: Path) -> None:
    def depth(first: int, last: int) -> str:
        return json.dumps({"stream": "btcusdt@depth", "data": {"e": "depthUpdate", "U": first, "u": last}})

    ticker = json.dumps({"stream": "btcusdt@bookTicker", "data": {"u": 3}})
    snapshot = json.dumps({"lastUpdateId": 20, "bids": [], "asks": []})
    lines = [depth(1, 10), ticker, depth(11, 20), depth(15, 25), snapshot, depth(26, 30), snapshot, ticker]
    tape = tmp_path / "tape.gz"
    tape.write_bytes(gzip.compress("".join(f"{1723161255208000 + n} {line}\n" for n, line in enumerate(lines)).encode()))
    found = list(frames.from_tape([tape]))
    assert [one.data.decode() for one in found] == [snapshot, ticker, depth(15, 25), depth(26, 30), ticker]
    assert [one.kind for one in found] == [frames.SNAPSHOT, *[frames.TEXT] * 4]
    assert list(frames.from_tape([tape], 2)) == found[:2]


def test_a_program_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    ctx = Context(["x"], (0, 0), [0], True, None, tmp_path)
    with pytest.raises(Failed, match=r"ended with status 3: no such luck"):
        ctx.c("python", "-c", "import sys; print('no such luck', file=sys.stderr); sys.exit(3)")


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    ctx = Context(["x"], (0, 0), [0], True, None, tmp_path)
    with pytest.raises(Failed, match="had not ended after"):
        ctx.c("python", "-c", "import time; time.sleep(60)", timeout_s=0.2)
    assert not [one for one in psutil.Process().children() if "time.sleep(60)" in " ".join(one.cmdline())]


# ------------------------------------------------------------------------------------------------------ judgement


def test_a_figure_is_the_median_of_its_repeats_and_the_ratio_that_of_both_medians() -> None:
    repeats = [[said(value, p99=2 * value), said(40, "reference")] for value in (90, 500, 80)]
    found = judge(PLAIN, repeats, cores=2)
    assert (found["value"], found["p99"], found["reference"], found["ratio"]) == (90, 180, 40, 2.25)
    assert found["ratio_each"] == [2, 12.5] and found["repeats"] == 3
    assert (found["met"], found["aim_met"], found["why"]) == (True, False, "")


def test_a_missed_goal_says_by_how_much() -> None:
    found = judge(PLAIN, [[said(125)]], cores=2)
    assert found["met"] is False
    assert found["why"] == "125 ns is 25.0 % over the goal of 100"
    assert "50.0 % below the goal of 1e+06" in judge(FASTER, [[said(5e5, unit="1/s")]], cores=2)["why"]


@pytest.mark.parametrize(("row", "value", "met"), [(PLAIN, 100, True), (PLAIN, 101, False), (FASTER, 1e6, True), (FASTER, 0.99e6, False)])
def test_a_goal_is_reached_at_its_very_value(row: Row, value: float, met: bool) -> None:
    assert judge(row, [[said(value)]], cores=2)["met"] is met


def test_a_row_is_met_only_with_all_its_conditions() -> None:
    row = Row("x", "what", "ns", Program("x"), "ref", goal=100, also=(Also("p99", "p99", 150), Also("tail", "p999/reference", 2.0)))
    for p99, p999, met in ((150, 20, True), (151, 20, False), (150, 21, False)):
        found = judge(row, [[said(90, p99=p99, p999=p999), said(9, "reference", p999=10)]], cores=2)
        assert found["met"] is met, found
        assert [one["met"] for one in found["also"]] == [p99 == 150, p999 == 20]


def test_what_others_measured_stands_beside_ours() -> None:
    found = judge(PLAIN, [[said(90, isa="avx2"), said(50, "reference", p99=60), said(5, "floor")]], cores=2)
    assert found["isa"] == "avx2" and found["reference_row"]["p99"] == 60 and found["others"]["floor"]["value"] == 5


def test_a_ratio_out_of_bounds_is_told_and_one_inside_is_not() -> None:
    assert "4 times the reference, outside 0 to 3" in out_of_bounds(PLAIN, {"ratio": 4})
    assert out_of_bounds(PLAIN, {"ratio": 3}) == out_of_bounds(PLAIN, absent(PLAIN, "")) == out_of_bounds(FASTER, {"ratio": 99}) == ""


@pytest.mark.parametrize(("value", "shown"), [(612.3456, 612.3), (0.123456, 0.1235), (1234567.8, 1234568), (2.0, 2)])
def test_figures_have_four_digits(value: float, shown: float) -> None:
    assert number(value) == shown


def test_percentiles_keep_every_sample() -> None:
    assert summary(range(1001)) == {"value": 500, "p50": 500, "p99": 990, "p999": 999, "max": 1000, "n": 1001}


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (612, "ns", "612 ns"),
        (9.4, "ns", "9.4 ns"),
        (20412, "ns", "20.4 us"),
        (2.2e6, "ns", "2.2 ms"),
        (6.41e6, "1/s", "6.41 M/s"),
        (330e3, "1/s", "330 k/s"),
    ],
)
def test_people_read_quantities_with_units(value: float, unit: str, shown: str) -> None:
    assert show.quantity(value, unit) == shown


# ------------------------------------------------------------------------------------------------------ the table


def test_the_suite_has_every_row_that_was_promised() -> None:
    assert sorted(row.id for row in ROWS if not row.extra) == sorted(SUITE)


def test_every_row_has_a_source_that_is_there() -> None:
    for row in (*ROWS, *PEERS):
        names = [row.source.name] if isinstance(row.source, Program) else []
        if isinstance(row.source, Module):
            assert (ROOT / f"aats/bench/{row.source.package}/{row.source.name}.py").is_file(), row.id
        for name in (*names, *row.source.beside):
            assert any((ROOT / "tests/bench" / part / f"{name}.c").is_file() for part in (".", "ref")), (row.id, name)


def test_the_goal_is_no_harder_than_the_aim() -> None:
    for row in ROWS:
        if row.goal is not None and row.aim is not None and row.goal_of == row.aim_of:
            assert row.goal <= row.aim if row.more else row.goal >= row.aim, row.id


def test_docs_performance_has_every_row_with_its_goal_and_aim() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    for row in ROWS:
        assert f"`{row.id}`" in page, row.id
    for peer in PEERS:
        assert peer.id.partition("/")[2].replace("_", " ").split()[0] in page.replace("_", " "), peer.id


def test_the_page_takes_the_tables_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    row = judge(PLAIN, [[said(125, p99=200), said(50, "reference")]], cores=2)
    peer = next(peer for peer in PEERS if peer.id == "depth_hot/cryptofeed")
    about = {**machine.facts(None, (0, 1), [0, 1]), "jitter": {"p999": 40, "gaps_20us": 3, "max": 9}, "loadavg_after": [0, 0, 0]}
    report = {"machine": about, "repeats": 1, "quick": True, "rows": [row, beside(peer, absent(peer, "") | {"value": 8000}, row)]}
    (tmp_path / "report").write_text(json.dumps(report))
    path = tmp_path / "page.md"
    path.write_text("no marks")
    words = [str(tmp_path / "report"), "--into", str(path)]
    assert page.main(words) == 1 and path.read_text() == "no marks"
    path.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    assert page.main(words) == page.main(words) == 0
    text = path.read_text()
    assert text.startswith(f"before\n{page.BEGIN}\n") and text.endswith(f"{page.END}\nafter\n") and "old" not in text
    assert "| `x` | what | 125 ns | 200 ns | 50 ns | 2.50 | 100 ns | 80 ns | **no** |" in text
    assert "- `x`: 125 ns is 25.0 % over the goal of 100" in text
    assert "| 8000 ns | - | 125 ns | 64 |" in text


def test_the_layout_hash_of_the_programs_is_the_extensions() -> None:
    assert cbuild.layout_hash() == LAYOUT_HASH


def test_a_peer_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = unmeasured(next(peer for peer in PEERS if peer.id == "depth_hot/cryptofeed"))
    assert found is not None and found["met"] is None
    assert found["why"] == "cryptofeed not installed: pip install '.[bench]'"


def test_a_peers_ratio_is_how_many_times_ours_it_is() -> None:
    peer = next(peer for peer in PEERS if peer.id == "depth_hot/cryptofeed")
    found = beside(peer, absent(peer, "") | {"value": 80_000}, absent(PLAIN, "") | {"value": 800})
    assert (found["reference"], found["ratio"], found["met"]) == (800, 100, None)


@pytest.mark.parametrize(("times", "met"), [(45, True), (44, False)])
def test_with_peers_depth_hot_is_met_only_so_many_times_before_cryptofeed(times: int, met: bool) -> None:
    ours = judge(PLAIN, [[said(90)]], cores=2)
    cryptofeeds_time(ours, absent(PLAIN, "") | {"value": 90 * times})
    assert ours["met"] is met and ours["also"][-1]["value"] == times and bool(ours["why"]) is not met


def test_cores_are_chosen_among_the_usable_ones() -> None:
    (other, measured), usable = machine.cores_of(None)
    assert {other, measured} <= set(usable)
    assert other != measured or len(usable) == 1
    with pytest.raises(ConfigError):
        machine.cores_of("-1")


# ------------------------------------------------------------------------------------------------------ it runs


def test_a_run_has_an_environment_of_its_own_and_leaves_the_callers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_CAFILE", "/nowhere")
    before = dict(os.environ)
    with Run(cores=(0, 0), usable=[0], quick=True, frames=None, say=print) as run:
        assert os.environ["AATS_NS"] == run.namespace != before["AATS_NS"]
        assert "AATS_CAFILE" not in os.environ
        home = Path(os.environ["AATS_HOME"])
        assert home.is_dir()
    assert dict(os.environ) == before
    assert not home.exists()


def test_a_run_ends_what_it_started_and_nobody_else() -> None:
    words = [sys.executable, "-c", "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"]
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with Run(cores=(0, 0), usable=[0], quick=True, frames=None, say=print):
            subprocess.run(words, check=True)  # leaves an orphan
            orphans = [one for one in psutil.Process().children() if one.pid != stranger.pid and "sleep" in command_line(one)]
            assert orphans
        assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in orphans)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_without_a_checkout_the_rows_in_c_name_the_command_and_nothing_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Checkout.find(tmp_path / "aats") is None
    monkeypatch.setattr(Checkout, "find", classmethod(lambda cls: None))
    row = find("depth_hot")
    assert row is not None
    with Run(cores=(0, 0), usable=[0], quick=True, frames=None, say=print) as run:
        found = run.measure([row], 1)[0]
        assert (found["met"], found["value"], found["why"], run.failed) == (None, None, HOW, {})


def test_the_list_names_every_row() -> None:
    done = bench("--list", "--json")
    assert done.returncode == 0, done.stderr
    assert {row["id"] for row in json.loads(done.stdout)} == set(SUITE)


def check_report(report: dict[str, Any]) -> None:
    """Hold a report to what is promised of it."""
    assert set(report) >= {"machine", "rows"}
    assert set(report["machine"]) >= {
        *("cpu", "cores", "smt", "kernel", "hypervisor", "governor", "python", "compiler", "flags", "openssl", "isa"),
        *("clock_source", "loadavg_before", "loadavg_after", "jitter"),
    }
    for row in report["rows"]:
        for key, kinds in KEYS.items():
            assert key in row and isinstance(row[key], kinds), (row["id"], key, row.get(key))
        assert row["value"] is not None or row["why"], row["id"]
        assert (row["met"] is not False) or row["why"], row["id"]
        if row["value"] is not None and row["reference"]:
            assert row["ratio"] == pytest.approx(row["value"] / row["reference"], rel=2e-3), row["id"]


def test_the_cheap_rows_run_within_generous_bounds(tmp_path: Path) -> None:
    rows = [
        "depth_hot",
        "bbo_hot",
        "ring_readers",
        "wss_cpu",
        "hop_callback",
        "callbacks_empty",
        "order_encode",
        "t2t_inline",
        "udp_c",
        "udp_python",
        "venue_wire_kraken",
    ]
    done = bench("--quick", "--json", "--check", "--rows", ",".join(rows), "--keep", str(tmp_path))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check_report(report)
    assert [row["id"] for row in report["rows"]] == rows
    assert [row["id"] for row in report["rows"] if row["value"] is None] == []
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert {one["row"] for one in objects((tmp_path / "raw.jsonl").read_text())} >= set(rows)


def test_a_report_of_the_whole_suite_has_every_row_even_where_nothing_can_be_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Checkout, "find", classmethod(lambda cls: None))
    assert command.main(["--quick", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    check_report(report)
    assert sorted(row["id"] for row in report["rows"]) == sorted(SUITE)


def test_two_reports_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    row = find("depth_hot")
    assert row is not None
    for name, value in (("old", 1000), ("new", 750)):
        rows = [judge(row, [[{**said(value), "row": row.id}, {**said(500, "reference"), "row": row.id}]], cores=2)]
        (tmp_path / name).write_text(json.dumps({"machine": {"cpu": "x"}, "rows": rows}))
    show.compared(command._console(), *(json.loads((tmp_path / name).read_text()) for name in ("old", "new")))
    assert re.search(r"depth_hot +1000 ns +750 ns +-25\.0 % +2\.00 +1\.50", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("row", "child", "told", "status"),
    [("t2t_inline", "t2t_strategy", signal.SIGINT, 130), ("hop_callback", "bench_producer", signal.SIGTERM, 143)],
)
def test_an_interrupted_run_leaves_nothing(row: str, child: str, told: int, status: int, tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-m", "aats.cli", "bench", "--rows", row, "--repeats", "99"]
    with subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        family: list[psutil.Process] = []
        deadline = time.monotonic() + 120
        while not any(child in line for line in map(command_line, family)):
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            family = psutil.Process(process.pid).children(recursive=True)
            time.sleep(0.05)
        process.send_signal(told)
        assert process.wait(30) == status
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert list(Path("/dev/shm").glob(f"aats.*.bench{process.pid}.*")) == []
    assert list(tmp_path.iterdir()) == []
