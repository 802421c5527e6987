"""What AATS raises.

``AatsError`` is the root; each branch names the culprit, the rule and the value in its text.  Secrets never stand in one.
"""

from __future__ import annotations

__all__ = [
    "AatsError",
    "BadChecksum",
    "ConfigError",
    "ControlError",
    "FeedError",
    "LayoutMismatch",
    "OrderError",
    "ParseError",
    "PeerDead",
    "SegmentMissing",
    "SequenceGap",
    "ShmError",
    "SlotTaken",
]


class AatsError(Exception):
    """Root of all exceptions of this package."""


class ConfigError(AatsError):
    """A setting, a symbol, an address or a file that cannot work; the text says which and why."""


class ShmError(AatsError):
    """Shared memory: creating, mapping or reading a segment failed."""


class SegmentMissing(ShmError):
    """No segment of that name."""


class LayoutMismatch(ShmError):
    """A segment written by a build with another layout.

    Attributes
    ----------
    ours, theirs : int
        The 64-bit layout hashes.
    """

    def __init__(self, text: str, ours: int = 0, theirs: int = 0) -> None:
        super().__init__(text)
        self.ours = ours
        self.theirs = theirs


class ControlError(AatsError):
    """The control table or the control server refused."""


class SlotTaken(ControlError):
    """A live process has that name already."""


class PeerDead(ControlError):
    """The process that should have answered is gone.

    Attributes
    ----------
    pid : int
    """

    def __init__(self, text: str, pid: int = 0) -> None:
        super().__init__(text)
        self.pid = pid


class FeedError(AatsError):
    """Market data could not be had."""


class ParseError(FeedError):
    """Bytes of a venue that are not what its documents say.

    Attributes
    ----------
    venue : str
    offset : int
        Of the first byte that is wrong.
    excerpt : str
        A few characters from there.
    """

    def __init__(self, text: str, venue: str = "", offset: int = 0, excerpt: str = "") -> None:
        super().__init__(text)
        self.venue = venue
        self.offset = offset
        self.excerpt = excerpt


class SequenceGap(FeedError):
    """The venue's sequence is broken."""


class BadChecksum(FeedError):
    """The venue's checksum does not fit the book."""


class OrderError(AatsError):
    """What ``send_order`` itself raises: a wrong type, an unknown symbol, or before ``run()``."""
