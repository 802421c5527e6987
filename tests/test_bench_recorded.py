"""A recorded Binance Spot tape through the benches: each frame is dealt with, the book is the tape's, and a row that cannot take it says why.

Without recorded traffic these tests are skipped, under ``CI=true`` they fail.  Numbers are not looked at.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from aats.bench import frames
from aats.bench.checkout import Checkout
from aats.bench.context import Context
from aats.bench.rows import memory, t2t

pytestmark = pytest.mark.usefixtures("data_dir")

HFT = ("binance-spot/hftbacktest/btcusdt_20240808.gz", "binance-spot/hftbacktest/btcusdt_20240809.gz")
SPOT = ("binance-spot/cryptofeed/binance_spot_2021-10-12.jsonl.gz",)
DEPTH, BBO = "depth_hot", "feed_bbo_buffer"
UNIT: Final = 100_000_000


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return a place to run the programs in, with them built."""
    checkout = Checkout(Path(__file__).resolve().parent.parent)
    checkout.build(["bench_feed", "bench_wire", "bench_sbe"])
    assert checkout.broken == {}
    return Context([], (0, 0), [0], True, None, tmp_path_factory.mktemp("recorded"), checkout.programs)


def converted(ctx: Context, data: Path, tapes: tuple[str, ...], limit: int | None = None) -> Path:
    """Return a tape as a frames file."""
    path = ctx.folder / f"{Path(tapes[0]).name}-{limit}"
    if not path.exists():
        assert frames.main(["--out", str(path), *(["--limit", str(limit)] if limit else []), *(str(data / tape) for tape in tapes)]) == 0
    return path


def told(ctx: Context, program: str, rows: str, path: Path) -> dict[str, dict[str, Any]]:
    """Run rows with a frames file; return what each said of our side."""
    found = ctx.c(program, "--quick", "--rows", rows, "--frames", str(path))
    return {one["row"]: one for one in found if one["who"] == "aats"}


def streams(path: Path) -> Counter[str]:
    """Count the texts of a frames file by stream."""
    texts = (orjson.loads(one.data)["stream"] for one in frames.read(path) if one.kind == frames.TEXT)
    return Counter(stream.split("@")[1] for stream in texts)


def best(path: Path) -> tuple[int, int]:
    """Return the best prices of the first symbol's book at the end, from the snapshot and the diffs alone."""
    book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for one in frames.read(path):
        body = orjson.loads(one.data)
        if one.symbol == 0 and one.kind == frames.SNAPSHOT:
            book = {"b": dict(body["bids"]), "a": dict(body["asks"])}
        elif one.symbol == 0 and "@depth" in body["stream"]:
            for side, levels in book.items():
                levels.update(body["data"][side])
    bids, asks = ([float(price) for price, size in book[side].items() if float(size)] for side in "ba")
    return round(max(bids) * UNIT), round(min(asks) * UNIT)


def test_a_recording_that_outlives_its_snapshot_is_refused_by_the_rows_that_need_its_book(ctx: Context, data_dir: Path) -> None:
    found = told(ctx, "bench_feed", f"{DEPTH},{BBO},feed_500", converted(ctx, data_dir, HFT))
    assert "the price has left the levels of the only snapshot" in found[DEPTH]["why"] and found[DEPTH]["value"] is None
    assert "made traffic" in found["feed_500"]["why"]
    assert found[BBO]["taken"] == found[BBO]["messages"] == 73174


def test_a_recording_without_messages_of_the_rows_kind_is_refused_with_the_reason(ctx: Context, data_dir: Path) -> None:
    path = ctx.folder / "depth alone"
    whole = list(frames.read(converted(ctx, data_dir, SPOT)))
    frames.write(path, (one for one in whole if b"@bookTicker" not in one.data))
    assert told(ctx, "bench_feed", BBO, path)[BBO]["why"] == "the frames hold no message of the row's kind"
    frames.write(path, (one for one in whole if one.kind == frames.TEXT))
    assert "no snapshot" in told(ctx, "bench_feed", DEPTH, path)[DEPTH]["why"]
    assert "too few messages" in told(ctx, "bench_wire", "wss_cpu", path)["wss_cpu"]["why"]


def test_a_recording_with_a_gap_is_refused_with_the_reason(ctx: Context, data_dir: Path) -> None:
    path = ctx.folder / "gap"
    whole = list(frames.read(converted(ctx, data_dir, HFT, 2000)))
    gone = [number for number, one in enumerate(whole) if b"@depth" in one.data][50]
    frames.write(path, whole[:gone] + whole[gone + 1 :])
    assert "the feed met gaps 1, crossed books 0" in told(ctx, "bench_feed", DEPTH, path)[DEPTH]["why"]


@pytest.mark.parametrize("module", [t2t, memory])
def test_rows_with_traffic_of_their_own_do_not_take_a_recording(module: Any, ctx: Context) -> None:
    found = module.run(Context(["row"], (0, 0), [0], True, Path("/some/frames"), ctx.folder))
    assert [(one["row"], "not measured with --frames" in one["why"]) for one in found] == [("row", True)]


@pytest.mark.parametrize(("tapes", "limit"), [(HFT, 20_000), (SPOT, None)])
def test_every_recorded_frame_is_dealt_with_and_the_book_is_the_tapes(
    ctx: Context, data_dir: Path, tapes: tuple[str, ...], limit: int | None
) -> None:
    path = converted(ctx, data_dir, tapes, limit)
    there = streams(path)
    found = told(ctx, "bench_feed", f"{DEPTH},feed_depth_buffer,bbo_hot", path)
    for row, stream in ((DEPTH, "depth"), ("feed_depth_buffer", "depth"), ("bbo_hot", "bookTicker")):
        one = found[row]
        assert one["value"] > 0 and one["traffic"] == "recorded", one
        assert (one["taken"], one["messages"], one["gaps"]) == (there[stream], there[stream], 0)
    assert (found[DEPTH]["best_bid_i"], found[DEPTH]["best_ask_i"]) == best(path)
    assert found["bbo_hot"]["published"] >= there["bookTicker"]


def test_a_recording_goes_over_tls_once_a_connection_with_all_its_streams(ctx: Context, data_dir: Path) -> None:
    path = converted(ctx, data_dir, HFT, 20_000)
    there = streams(path)
    found = told(ctx, "bench_wire", "wss_cpu,feed_wss", path)
    assert set(there) == {"depth", "bookTicker", "trade"}
    assert [(one["messages"], "why" in one) for one in found.values()] == [(there.total(), False)] * 2


def test_binary_frames_of_a_recording_publish_what_its_texts_do(ctx: Context, data_dir: Path) -> None:
    found = told(ctx, "bench_sbe", "depth_sbe,bbo_sbe", converted(ctx, data_dir, HFT, 20_000))
    assert [one.get("why") for one in found.values()] == [None, None]
    assert found["depth_sbe"]["traffic"] == "recorded"
