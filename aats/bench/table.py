"""The rows: what is measured, in which unit, beside what, and what it should be.

For: run.py (what to start), judge.py (what is met), docs/performance.md (a test compares).  Owner: nobody writes at run time.

`goal` is what ``met`` judges, `aim` what the next version should reach.  Both are about the row's value, or about its ratio to the reference where
`goal_of` or `aim_of` say so.  A row may have further conditions (`also`); ``met`` is all of them.

A program prints, and a module of rows/ returns, one object for each row and each of whom it measured::

    {"row": "depth_hot", "who": "aats", "unit": "ns", "value": 612.0, "p50": 601, "p99": 900, "p999": 1500, "max": 21000, "n": 100000}
    {"row": "depth_hot", "who": "reference", "unit": "ns", "value": 480.0, ...}

``value`` is what is judged.  Further keys are kept: of ``aats`` in the row, of ``reference`` in its ``reference_row``, of anybody else under
``others``.  ``"unjudged": "why"`` in the object of ``aats`` states the value and leaves ``met`` null; an object with ``"why"`` and no ``value`` says
that it could not be measured here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JITTER", "ROWS", "Also", "Module", "Program", "Row", "find"]


@dataclass(frozen=True)
class Program:
    """tests/bench/<name>.c; rows of the same program and arguments are measured in one invocation.

    It is called with ``--rows a,b`` and of the following what `takes` names: ``--quick`` (where it was asked for), ``--cores A,B`` (A: the other
    side, B: what is measured), ``--frames FILE`` (where one was given).  Each program in `beside` is built too and its path passed as ``--<name> PATH``.
    """

    name: str
    takes: tuple[str, ...] = ("quick", "cores", "frames")
    args: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Module:
    """aats/bench/rows/<name>.py, whose ``run(ctx)`` returns the objects; it runs in a process of its own, once a repeat.

    `beside`: programs of tests/bench that it starts; without a checkout the row cannot be measured then.
    """

    name: str
    beside: tuple[str, ...] = ()
    package: str = "rows"


@dataclass(frozen=True)
class Also:
    """A further condition: `of` is a key of the row (``p99``, ``ratio``) or ``key/reference``, the quotient of both sides' key."""

    what: str
    of: str
    limit: float


@dataclass(frozen=True)
class Row:
    """One row; `more` says that more is better, `cores` how many are needed for a judgement, `bounds` which ratios ``--check`` takes.

    A row whose two sides need a core each has no bounds: where others use the cores its ratio tells of them.
    """

    id: str
    what: str
    unit: str
    source: Program | Module
    reference: str
    goal: float | None = None
    aim: float | None = None
    goal_of: str = "value"
    aim_of: str = "value"
    more: bool = False
    also: tuple[Also, ...] = ()
    cores: int = 1
    bounds: tuple[float, float] | None = None
    quick: bool = True  # part of `--quick`: needs a second or so
    extra: bool = False  # stands beside the suite: measured when it is named


FEED = Program("bench_feed")
SBE = Program("bench_sbe")
WIRE = Program("bench_wire")  # forks tests/bench/wire.c's server on the first of the two cores

ROWS: tuple[Row, ...] = (
    # One message, one core: bytes in the buffer -> book published.
    Row(
        "depth_hot",
        "1.4 KB depthUpdate of 40 levels: bytes in the buffer -> book published, back to back",
        "ns",
        FEED,
        "plain C loop: scan, sorted book, copy into a slot",
        goal=800,
        aim=650,
        bounds=(0, 6),
    ),
    Row("depth_paced", "the same, one each 50 us", "ns", FEED, "the same plain C loop, paced alike", goal=1300, aim=1100, bounds=(0, 6)),
    Row(
        "bbo_hot",
        "one bookTicker likewise, back to back",
        "ns",
        FEED,
        "plain C loop: scan, copy into a slot",
        goal=120,
        aim=100,
        bounds=(0, 6),
    ),
    Row(
        "feed_depth_buffer",
        "depthUpdates a second from a buffer, one core",
        "1/s",
        FEED,
        "plain C loop",
        goal=1.25e6,
        aim=1.5e6,
        more=True,
        bounds=(0.15, 1e9),
    ),
    Row(
        "feed_bbo_buffer",
        "bookTickers a second from a buffer, one core",
        "1/s",
        FEED,
        "plain C loop",
        goal=8e6,
        aim=8e6,
        more=True,
        bounds=(0.15, 1e9),
    ),
    Row(
        "feed_500",
        "a depthUpdate's cost with 500 symbols in one feed",
        "ns",
        FEED,
        "the same feed with one symbol",
        goal=1.5,
        aim=1.5,
        goal_of="ratio",
        aim_of="ratio",
        bounds=(0, 10),
    ),
    Row(
        "ring_readers",
        "the writer's cost a record with as many spinning readers as there are cores for",
        "ns",
        FEED,
        "the same writer without readers",
        goal=1.05,
        aim=1.05,
        goal_of="ratio",
        aim_of="ratio",
        cores=2,
    ),
    # From the wire.
    Row(
        "wss_cpu",
        "processor time a message: TLS, WebSocket, parse, book, publish",
        "ns",
        WIRE,
        "C: SSL_read and deframe alone, the same flood",
        goal=1.3,
        aim=1.3,
        goal_of="ratio",
        aim_of="ratio",
        cores=2,
        bounds=(0, 6),
    ),
    Row(
        "wire_published",
        "a frame leaves the server -> book published, one each 50 us over loopback TLS",
        "ns",
        WIRE,
        "C loop that spins on SSL_read and deframes",
        goal=1.15,
        aim=1.15,
        goal_of="ratio",
        aim_of="ratio",
        cores=2,
    ),
    Row(
        "feed_wss",
        "messages a second over TLS, one core for the feed, books included",
        "1/s",
        WIRE,
        "C: SSL_read and deframe alone",
        goal=3.0e5,
        aim=3.3e5,
        more=True,
        cores=2,
    ),
    # From shared memory to the strategy.
    Row(
        "hop_callback",
        "published -> Python callback entered with the dict of 5 levels, one each 100 us, every sample kept",
        "ns",
        Module("hop", beside=("bench_producer", "bench_hop")),
        "C to C: the same slots and pace",
        goal=550,
        aim=500,
        also=(Also("p99, ns", "p99", 2500), Also("times C to C", "ratio", 1.4)),
        cores=2,
    ),
    Row(
        "callbacks_4reads",
        "callbacks a second, one strategy, one core, four keys read in each",
        "1/s",
        Module("callbacks", beside=("bench_hop",)),
        "plain C loop over the same ring",
        goal=5e6,
        aim=6e6,
        more=True,
        bounds=(0.005, 1e9),
    ),
    Row(
        "callbacks_empty",
        "the same, empty callbacks",
        "1/s",
        Module("callbacks", beside=("bench_hop",)),
        "plain C loop over the same ring",
        goal=1e7,
        aim=1.2e7,
        more=True,
        bounds=(0.005, 1e9),
    ),
    # Orders, and the whole way.
    Row(
        "order_encode",
        "an order's request -> signed, framed and masked bytes",
        "ns",
        Program("bench_encode", takes=("quick", "cores")),
        "plain C: OpenSSL with precomputed pads, JSON, mask",
        goal=600,
        aim=500,
        bounds=(0, 6),
    ),
    Row(
        "t2t_inline",
        "the venue's frame leaves -> the order's bytes are back, Python strategy, feed in its process, loopback TLS both ways",
        "ns",
        Module("t2t", beside=("wire", "t2t_echo")),
        "all-C echo: SSL_read, deframe, a prepared order back",
        goal=25000,
        aim=1.2,
        aim_of="ratio",
        also=(Also("p99.9 over the echo's", "p999/reference", 2.0),),
        cores=2,
    ),
    Row(
        "t2t_processes",
        "the same with feed and strategy as two processes",
        "ns",
        Module("t2t", beside=("wire", "t2t_echo")),
        "all-C echo",
        cores=4,
        quick=False,
    ),
    # Memory: MB of 1e6 bytes, resident set and segments.
    Row(
        "memory_10",
        "a feed's process with 10 symbols",
        "MB",
        Module("memory", beside=("wire", "make_frames")),
        "-",
        goal=60,
        aim=60,
        quick=False,
    ),
    Row(
        "memory_500",
        "with 500 symbols, full books",
        "MB",
        Module("memory", beside=("wire", "make_frames")),
        "-",
        goal=600,
        aim=600,
        quick=False,
    ),
    # Network.
    Row(
        "udp_c",
        "a quote by multicast over lo: before its publication in one segment -> after it in another",
        "ns",
        Program("bench_net", takes=("quick", "cores")),
        "C: sendto, recv that spins, as many bytes",
        goal=3200,
        aim=3200,
        cores=2,
    ),
    Row(
        "udp_python",
        "the same datagrams into a Python loop that spins on recv_into",
        "ns",
        Module("udp_python", beside=("bench_net",)),
        "C: sendto, recv that spins, as many bytes",
        goal=4000,
        aim=4000,
        cores=2,
    ),
)

#: Rows beside the suite: measured when they are named.
ROWS += (
    Row("depth_sbe", "the changes of depth_hot as Binance's SBE frames", "ns", SBE, "the same feed on text", bounds=(0.1, 2), extra=True),
    Row("bbo_sbe", "the change of bbo_hot as an SBE frame", "ns", SBE, "the same feed on text", bounds=(0.1, 3), extra=True),
)

#: A depth message of each venue beside Binance's, from text on and from the wire on: none may cost more than twice as much.
VENUES = Program("bench_venues", takes=("quick", "cores"))
VENUE_WIRE = Program("bench_venue_wire", takes=("quick", "cores"))  # forks wire.c's server on the first of the two cores
ROWS += tuple(
    Row(
        f"{prefix}_{name}",
        what.format(label=label, sums=" and checksum" if name == "kraken" else ""),
        "ns",
        source,
        "the same changes as Binance spot writes them",
        goal=2,
        aim=2,
        goal_of="ratio",
        aim_of="ratio",
        bounds=(0, 6),
    )
    for prefix, source, what in (
        ("venue", VENUES, "a depth message of 40 changes as {label} writes it: text -> book, its sequence{sums} checked"),
        ("venue_wire", VENUE_WIRE, "processor time of such a message as {label} writes it: TLS, WebSocket, parse, book"),
    )
    for name, label in (
        ("binance_swap", "Binance USD-M"),
        ("okx", "OKX"),
        ("bybit", "Bybit"),
        ("coinbase", "Coinbase"),
        ("kraken", "Kraken"),
        ("gate", "Gate"),
        ("kucoin", "KuCoin"),
        ("deribit", "Deribit"),
    )
)

#: How much this host disturbs a pinned loop that only spins; a fact of the machine, because no tail can be better.
JITTER = Row("jitter", "gaps of a pinned loop in C that only reads the clock", "ns", Program("bench_jitter", takes=("quick", "cores")), "-")


def find(row_id: str) -> Row | None:
    """Return a row by its id."""
    return next((row for row in ROWS if row.id == row_id), None)
