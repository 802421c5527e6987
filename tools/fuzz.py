"""Build and run the fuzz targets of ``tests/fuzz``.

For: a developer, ``tests/fuzz/test_fuzz.py`` (seconds) and ``.ci/run`` (a bounded minute).  Not for one input: run the
built target with the file that a finding left.

    python -m tools.fuzz --seconds 60                 every target, a minute each
    python -m tools.fuzz --target json --seconds 600  one of them
    python -m tools.fuzz --list

With clang and its fuzzer runtime installed the targets run under libFuzzer, otherwise under ``tests/fuzz/driver.c`` and
gcc; the first line says which.  A finding is written to ``--findings`` (default: the build cache) and the command ends
with 1.

Seeds are made at run time and never stored in the tree: a few written here, and from the recorded traffic, where it is
there, a sample with each message shape in it.  A target is given the kind of seeds that its name asks for (`SEEDS`):
payloads, frames around payloads, HTTP answers, or the numbers in payloads.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools import cbuild

ROOT = cbuild.ROOT
FUZZ = ROOT / "tests" / "fuzz"
_PER_SHAPE = 4  # recorded payloads of one shape
_SEED_MAX = 12_000  # bytes; a longer payload is cut

_WRITTEN = [
    b"{}",
    b"[]",
    b'{"result":null,"id":1}',
    b'{"error":{"code":2,"msg":"Invalid request: unknown stream"},"id":7}',
    b'{"e":"serverShutdown","E":1700000000000}',
    b'{"e":"depthUpdate","E":1700000000123,"s":"BTCUSDT","U":11,"u":12,"b":[["27000.10","0.5"]],"a":[["27000.20","0"]]}',
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000123,"s":"BTCUSDT","t":5,"p":"27000.10","q":"0.001",'
    b'"T":1700000000122,"m":true,"M":true}}',
    b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}',
    b'{"lastUpdateId":10,"bids":[["4.00000000","431.00000000"]],"asks":[["4.00000200","12.00000000"]]}',
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000123,"s":"BTCUSDT","U":61530118801,"u":61530118837,'
    b'"b":[["64210.01000000","0.85314000"],["64209.55000000","1234567.00000000"],["64209.50000000","12345678.00000000"],'
    b'["0.00001000","0.00000000"]],"a":[["64210.02000000","2.10077000"],["70000.00000000","10.00000000"]]}}',
    b'{"stream":"btcusdt@bookTicker","data":{"u":61530118837,"s":"BTCUSDT","b":"64210.01000000","B":"0.85314000",'
    b'"a":"64210.02000000","A":"2.10077000"}}',
    '{"e":"trade","note":"\\u00e9\\ud83d\\ude00 é😀","p":"1e5"}'.encode(),
]

# ---------------------------------------------------------------------------------------------------------- seeds


def _data_dir() -> Path | None:
    folder = Path(os.environ.get("AATS_DATA") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the recorded payloads of one tape, in order; the formats are those of the data's README."""
    with gzip.open(path, "rb") as handle:
        for line in handle:
            if path.parent.name == "hftbacktest":
                yield line.partition(b" ")[2].strip()
                continue
            record = json.loads(line)
            if record.get("t") in ("recv", "http") and isinstance(record.get("data"), str):
                yield record["data"].encode()


def _shape(payload: bytes) -> bytes:
    """Reduce a payload to its keys and its rough length: what a parser sees as another case."""
    return b",".join(re.findall(rb'"[A-Za-z]+":', payload)[:40]) + str(len(payload).bit_length()).encode()


@functools.cache
def payloads() -> tuple[bytes, ...]:
    """Return the written payloads and a sample of the recorded ones: some of each shape in each tape's beginning."""
    found, counts = list(_WRITTEN), dict[bytes, int]()
    data = _data_dir()
    tapes = sorted(data.glob("binance-*/[ch][rf][yt]*/*.gz")) if data else []
    for tape in tapes:
        for n, payload in enumerate(_lines(tape)):
            if n == 3000:
                break
            shape = _shape(payload)
            counts[shape] = counts.get(shape, 0) + 1
            if counts[shape] <= _PER_SHAPE:
                found.append(payload[:_SEED_MAX])
    return tuple(found)


def _frame(payload: bytes, head: int = 0x81) -> bytes:
    """Put a payload into one WebSocket frame as a server sends it: not masked."""
    size = len(payload)
    if size < 126:
        return bytes([head, size]) + payload
    if size < 1 << 16:
        return bytes([head, 126]) + size.to_bytes(2, "big") + payload
    return bytes([head, 127]) + size.to_bytes(8, "big") + payload


def _ws_seeds() -> Iterator[bytes]:
    sample = payloads()[::3]
    yield b"".join(_frame(p) for p in sample[:4])
    yield _frame(b"123", 0x89) + _frame(b"", 0x8A) + _frame((1000).to_bytes(2, "big") + b"bye", 0x88)
    yield _frame(b'{"e":"tr', 0x01) + _frame(b"1", 0x89) + _frame(b'ade"}', 0x80)
    yield from (_frame(p) for p in sample)


def _http_seeds() -> Iterator[bytes]:
    yield (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02{}"
    )
    for status in (b"403 Forbidden", b"418 I'm a teapot", b"429 Too Many Requests", b"503 Service Unavailable"):
        yield b"HTTP/1.1 " + status + b"\r\nRetry-After: 5\r\nContent-Length: 2\r\n\r\n{}"
    yield b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2;x=y\r\n1}\r\n0\r\nTrailer: 1\r\n\r\n'
    for payload in payloads()[:40]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-MBX-USED-WEIGHT-1M: 5\r\n\r\n%b" % (len(payload), payload)


def _number_seeds() -> Iterator[bytes]:
    yield from (b"0", b"-1", b"1e5", b"0.00000001", b"9223372036854775807", b"9223372036854775808", b"1" * 30)
    for payload in payloads()[::5]:
        yield from re.findall(rb"-?[0-9]+(?:\.[0-9]+)?", payload)[:20]


def _payload_seeds() -> Iterator[bytes]:
    yield from payloads()


def journal_check(head: bytes, payload: bytes) -> int:
    """Return the checksum of a journal's record (csrc/journal/read.c); `head` without its last word."""

    def mix(lane: int, word: int) -> int:
        x = lane ^ word
        return (x << 29 | x >> 35) % 2**64 * 0x9E3779B97F4A7C15 % 2**64

    lanes = [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89]
    words = [word for (word,) in struct.iter_unpack("<Q", payload)]
    for at, word in enumerate(words):
        lane = at % 4 if at < len(words) // 4 * 4 else 0
        lanes[lane] = mix(lanes[lane], word)
    found = len(payload)
    for word in (*lanes, *(word for (word,) in struct.iter_unpack("<Q", head))):
        found = mix(found, word)
    return found ^ found >> 32 or 1


def _journal_seeds() -> Iterator[bytes]:
    """Give journals as csrc/journal/journal.h has them: START, then records of every size class, then the zeros allocated behind them."""
    for sizes in ((5,), (24, 0, 0), (8, 448, 768, 0, 0, 320, 64), (976, 976)):
        journal = b""
        for number, size in enumerate(sizes, 1):
            kind, body = min(number, 11), bytes(range(256)) * 4
            payload = body[:size].ljust((size + 7) // 8 * 8, b"\0")
            head = struct.pack("<IIQqQq", 48 + len(payload), kind, number, 1_700_000_000_000_000_000, 7, number)
            journal += head + journal_check(head, payload).to_bytes(8, "little") + payload
        yield journal
        yield journal + bytes(1200)


def _order_seeds() -> Iterator[bytes]:
    """Yield the answers and events of an order session, built of the fields that Binance's have."""
    ours = "00112233445566770000000000000001"
    order = (
        f'"symbol":"BTCUSDT","orderId":40,"clientOrderId":"{ours}","price":"64200.1","origQty":"0.01","executedQty":"0.004",'
        '"timeInForce":"IOC","transactTime":1785312000301,"expiryReason":"X"'
    )
    trade = '"price":"64200.1","qty":"0.004","commission":"-0.1","commissionAsset":"BTC"'
    results = [
        '{"serverTime":1785312000123}',
        '{"subscriptionId":0}',
        '{"balances":[{"asset":"BTC","free":"123456789012345.5","locked":"0"}]}',
        f'[{{{trade},"id":5,"orderId":40,"time":1785312000301,"isMaker":true}}]',
        f'[{{"orderListId":1,"contingencyType":"OCO"}},{{{order},"origClientOrderId":"x","status":"CANCELED"}}]',
    ]
    for status in ("NEW", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"):
        results.append(f'{{{order},"status":"{status}","origClientOrderId":"{ours}","fills":[{{{trade},"tradeId":5}}]}}')
    limits = '[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":3}]'
    for result in (*results, f"[{results[-1]}]"):
        yield f'{{"id":7,"status":200,"result":{result},"rateLimits":{limits}}}'.encode()
    for code in (-1003, -1007, -1021, -2010, -2011, -2013, -2015):
        text = f'"code":{code},"msg":"Order would \\u00e9","data":{{"serverTime":1,"retryAfter":2}}'
        yield f'{{"id":null,"status":400,"error":{{{text}}}}}'.encode()
    for kind, status in (("NEW", "NEW"), ("TRADE", "FILLED"), ("CANCELED", "CANCELED"), ("EXPIRED", "EXPIRED"), ("REJECTED", "REJECTED")):
        yield (
            f'{{"subscriptionId":0,"event":{{"e":"executionReport","E":1,"s":"BTCUSDT","c":"{ours}","C":"","f":"IOC","x":"{kind}","X":"{status}",'
            '"r":"NONE","i":40,"l":"0.004","z":"0.004","L":"64200","n":"0","N":null,"T":1785312000301,"t":5,"m":true}}'
        ).encode()
    yield b'{"event":{"e":"outboundAccountPosition","E":1,"u":1,"B":[{"a":"USDT","f":"1.5","l":"2"}]}}'
    yield b'{"event":{"e":"serverShutdown","E":1}}'


def _session_seeds() -> Iterator[bytes]:
    """Yield an order session's answers and events in frames, as if they were about the orders that the target has under way."""
    texts = []
    for number, seed in enumerate(_order_seeds()):
        text = seed.replace(b"00112233445566770000000000000001", b"1111222233334444000000000000000%d" % (1 + number % 3))
        texts.append(text.replace(b'"id":7,', b'"id":%d,' % (6 + number % 3)))
        yield _frame(texts[-1])
    yield b"".join(_frame(text) for text in texts)
    yield _frame(b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1785312001020}}')
    yield _frame(b'{"event":{"e":"serverShutdown","E":1770123456789}}') + _frame((1001).to_bytes(2, "big") + b"bye", 0x88)


def wire_message(
    kind: int, payload: bytes, *, seq: int = 1, cnt: int = 1, part: int = 0, parts: int = 1, stream: int = 0, layout_hash: int = 7
) -> bytes:
    """Return a message of the network (csrc/proto/wire.h): head and payload."""
    sizes = struct.pack("<I4HI", len(payload), part, parts, stream, cnt, 5)
    return struct.pack("<IHHQQQqQ", 0x57544141, 2, kind, 77, 5, seq, 1_785_312_000_000_000_000, layout_hash) + sizes + payload


def _wire_record(kind: int, number: int, bids: int = 0, asks: int = 0) -> bytes:
    head = struct.pack("<QqqqQQHBBHHI", 0, 1, 2, 3, number, number, 0, kind, 1, bids, asks, 1)
    return head.ljust(96, b"\0") + struct.pack("<qq", 6_420_010, 1_000) * (bids + asks)


def _sbe_seeds() -> Iterator[bytes]:
    """Yield events in SBE (csrc/venue/binance_sbe.c), of several versions, schemas and exponents."""
    for version, schema in ((0, 1), (3, 1), (0, 2)):
        for px_exp, qty_exp in ((-8, -8), (-2, -5), (-18, 18)):
            exps = struct.pack("<bb", px_exp, qty_exp)
            levels = [struct.pack("<HH", 16, n) + struct.pack("<qq", 6_421_001 * 10**8, 5) * n for n in (0, 1, 20)]
            trades = struct.pack("<HI", 25, 3) + struct.pack("<qqqB", 7, 6_421_001, 5, 1) * 3
            time_us = struct.pack("<q", 1_785_312_000_112_345)
            bodies = {
                10000: (time_us * 2 + exps, trades),
                10001: (time_us + struct.pack("<q", 5) + exps + struct.pack("<qqqq", 6_421_001, 1, 6_421_002, 2), b""),
                10002: (time_us + struct.pack("<q", 5) + exps, levels[1] + levels[2]),
                10003: (time_us + struct.pack("<qq", 5, 9) + exps, levels[2] + levels[0]),
            }
            for template, (root, groups) in bodies.items():
                more = bytes(version)
                head = struct.pack("<HHHH", len(root + more), template, schema, version)
                yield head + root + more + groups + b"\x07BTCUSDT" + more


def _fan_seeds() -> Iterator[bytes]:
    """Yield what receivers say: a hello (of the layout that a C test is built with) and questions, for each way in which the target sets things up."""
    hello = [struct.pack("<IHHQ16x", 0x48544141, 2, flags, 1) for flags in (0, 1)]
    asks = b"".join(
        struct.pack("<IIQQQ", 0x51544141, kind, a, b, 0)
        for kind, a, b in [(4, 7, 0), (1, 60, 9), (1, 0, 2**64 - 1), (2, 0, 0), (3, 0, 0), (3, 9, 0)]
    )
    for how in range(128):
        yield bytes((how, 31 * how % 97)) + (asks if how & 1 else hello[how >> 3 & 1] + asks)
        yield bytes((how, 96)) + asks * 20


def _recv_seeds() -> Iterator[bytes]:
    """Yield what reaches a receiver: a byte that says how, then pieces of two length bytes, one that says by which way, and a message."""
    book = _wire_record(1, 3, 2, 1)
    entry = struct.pack("<QQ48s48sqqiiII", 0, 2, b"BTCUSDT.BINANCE", b"BTCUSDT", 1, 1, -2, -8, 5, 0).ljust(264, b"\0")
    beat = struct.pack("<48s32sIIIIII", b"binance", b"BINANCE", 4, 5, 5, 8, 1, 15004).ljust(128 + 48 - 24, b"\0")
    beat += struct.pack("<QqQQ", 500_000_000, 1_000, 0, 2) + struct.pack("<QqQ", 1, 5, 0) * 8 + bytes(16)
    says = [
        wire_message(2, beat),
        wire_message(6, b"", seq=3),
        wire_message(3, entry),
        wire_message(4, book),
        wire_message(5, struct.pack("<QQQ", 0, 2, 1).ljust(136, b"\1")),
        wire_message(7, b"", seq=3),
        wire_message(1, b"".join(_wire_record(kind, 3 + at, kind == 1, kind == 1) for at, kind in enumerate((1, 2, 5, 6))), seq=3, cnt=4),
        wire_message(1, _wire_record(1, 9, 5, 5), seq=9),
        wire_message(8, struct.pack("<QQ", 7, 2)),
        wire_message(4, book, seq=1, stream=1),
        wire_message(9, struct.pack("<qqq", 7, 8, 9)),
        wire_message(10, b"bye"),
    ]
    for how in range(16):
        for way in (0, 2, 8, 10, 11):
            yield bytes((how,)) + b"".join(struct.pack("<HB", len(say), way | how << 4 & 0xF0) + say for say in says)


def _wire_seeds() -> Iterator[bytes]:
    """Yield messages of each kind of the network, alone and as one stream."""
    book = _wire_record(1, 9, 100, 100)
    messages = [
        wire_message(
            1, b"".join(_wire_record(kind, n, *([5, 4] if kind == 1 else ())) for n, kind in enumerate((1, 2, 3, 4, 5, 6))), cnt=6
        ),
        wire_message(2, b"one".ljust(392, b"\0"), seq=7),
        wire_message(3, (b"\0" * 8 + (1).to_bytes(8, "little") + b"BTCUSDT.BINANCE").ljust(264, b"\0")),
        wire_message(4, book),
        wire_message(5, bytes(136)),
        wire_message(6, b""),
        wire_message(7, b""),
        wire_message(8, struct.pack("<QQ", 3, 4)),
        wire_message(9, struct.pack("<qqq", 1, 2, 3)),
        wire_message(10, b"the feed ends"),
    ]
    yield from messages
    yield b"".join(messages)
    parts = [book[at : at + 1400] for at in range(0, len(book), 1400)]
    yield b"".join(wire_message(4, part, seq=20 + i, part=i, parts=len(parts), stream=1) for i, part in enumerate(parts))


#: Where the recorded messages of a venue's own target lie.
_VENUE_DATA = {
    "binance_futures": "binance-usdm",
    **{name: name for name in ("okx", "bybit", "coinbase", "kraken", "gate", "kucoin", "deribit")},
}


def _venue_seeds(folder: str) -> Iterator[bytes]:
    """Yield one venue's messages, some of each shape: the beginnings of its tapes, and the single ones that its documents and libraries hold."""
    yield from _WRITTEN[:3]
    counts: dict[bytes, int] = {}
    data = _data_dir()
    for path in sorted((data / folder).glob("*/*.json*")) if data else ():
        for n, payload in enumerate(_lines(path) if path.parent.name == "cryptofeed" else _singles(path)):
            shape = _shape(payload)
            counts[shape] = counts.get(shape, 0) + 1
            if counts[shape] <= _PER_SHAPE:
                yield payload[:_SEED_MAX]
            if n == 3000:
                break


def _singles(path: Path) -> Iterator[bytes]:
    """Yield the messages of a file of single ones, a line each."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            text = row.get("raw") or row.get("text") if isinstance(row, dict) else None
            if isinstance(text, str):
                yield text.encode()


#: What a target's name asks for; every other target gets payloads.
SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "session": _session_seeds,
    "ws": _ws_seeds,
    "feed": _ws_seeds,
    "http": _http_seeds,
    "num": _number_seeds,
    "journal": _journal_seeds,
    "wire": _wire_seeds,
    "fan": _fan_seeds,
    "recv": _recv_seeds,
    "sbe": _sbe_seeds,
}


def write_seeds(target: str, folder: Path) -> int:
    """Write the seeds of `target` into `folder`, each once, and return their number."""
    seeds = _venue_seeds(_VENUE_DATA[target]) if target in _VENUE_DATA else SEEDS.get(target, _payload_seeds)()
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    return len(list(folder.iterdir()))


# -------------------------------------------------------------------------------------------------------- running


def targets() -> list[str]:
    """Return the names of all targets: ``json`` for ``tests/fuzz/fuzz_json.c``."""
    return sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c"))


@functools.cache
def engine() -> str:
    """Return the variant to build: ``libfuzzer`` if clang can link it, else ``fuzz``."""
    if shutil.which("clang") is None:
        return "fuzz"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text("int LLVMFuzzerTestOneInput(char const *d, long n) { return d && n ? 0 : 0; }\n")
        command = ["clang", "-fsanitize=fuzzer,address,undefined", str(source), "-o", str(source.with_suffix(""))]
        return "libfuzzer" if subprocess.run(command, capture_output=True).returncode == 0 else "fuzz"


@dataclass(frozen=True)
class Outcome:
    """What a run of one target said."""

    target: str
    found: bool
    text: str


def run_target(target: str, *, seconds: float, seed: int = 1, findings: Path | None = None) -> Outcome:
    """Build one target and run it for `seconds`.

    Raises
    ------
    tools.cbuild.BuildError
        If it does not build.
    """
    variant = engine()
    exe = cbuild.Build(variant).executable(FUZZ / f"fuzz_{target}.c")
    findings = findings or cbuild.cache_dir(variant) / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"aats-fuzz-{target}-") as folder:
        write_seeds(target, Path(folder))
        limit = f"-max_total_time={seconds:g}" if variant == "fuzz" else f"-max_total_time={max(1, round(seconds))}"
        command = [str(exe), limit, f"-seed={seed}", f"-artifact_prefix={findings}/{target}-", "-max_len=16384", folder]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=cbuild.run_env(variant),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds + 120,
        )
    return Outcome(target, done.returncode != 0, done.stdout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description="Build and run the fuzz targets.")
    parser.add_argument("--seconds", type=float, default=10, help="for each target (default: 10)")
    parser.add_argument("--target", action="append", choices=targets(), help="this one only; repeatable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, help="folder for the inputs that were found")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time (default: 1)")
    parser.add_argument("--list", action="store_true", help="print the targets and stop")
    options = parser.parse_args(argv)
    if options.list:
        print("\n".join(targets()))
        return 0
    name = "libFuzzer (clang)" if engine() == "libfuzzer" else "tests/fuzz/driver.c (gcc: no libFuzzer here)"
    source = _data_dir()
    print(f"engine: {name}; recorded seeds: {source if source else 'none here'}", flush=True)

    def one(target: str) -> Outcome:
        try:
            return run_target(target, seconds=options.seconds, seed=options.seed, findings=options.findings)
        except cbuild.BuildError as error:
            return Outcome(target, True, str(error))

    status = 0
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for outcome in pool.map(one, options.target or targets()):
            text = outcome.text if outcome.found else outcome.text.strip().splitlines()[-1]
            print(f"{'FOUND' if outcome.found else 'ok':5} {outcome.target}: {text}", flush=True)
            status |= outcome.found
    return status


if __name__ == "__main__":
    sys.exit(main())
