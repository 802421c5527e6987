"""What a feed of the world is made with, and how its control plane answers."""

from __future__ import annotations

from dataclasses import dataclass, field

EPOCH_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


@dataclass
class Answers:
    """How the control plane answers a question for a snapshot; `World` chooses by seed, tests set what they need."""

    delay_ms: tuple[int, int] = (10, 150)
    kinds: tuple[str, ...] = ()  # of lost, late, old, broken, html, failed: what may happen
    share: float = 0.0  # how often


@dataclass
class Options:
    """What a feed is made with."""

    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    level_num: int = 5
    level_max: int = 20
    ring_depth: int = 4096
    dir_cap: int = 64
    snapshot_limit: int = 1000
    rotate_ns: int = 0
    open_l2: bool = False
    fuse_bbo: bool = False
    streams: int = 0
    format: str = "json"
    stale_ns: int = 500_000_000
    answers: Answers = field(default_factory=Answers)
