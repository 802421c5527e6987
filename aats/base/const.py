"""Constants of the public API, and the one rule by which all of them are read.

For: sides, order types, order states, send types, trade modes.  Not for constants of shared memory: ``aats.layout``.

Wherever a constant is taken, a member, its name or its value will do, in any case: ``OrderType.IOC``, ``'IOC'``, ``'ioc'``; ``NetWorkType.P2P``, ``'p2p'``,
``1``.  An unknown one is refused with the list of the known.  Messages carry the lower-case value.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any, TypeVar

__all__ = ["NetWorkType", "OrderStatus", "OrderType", "Side", "TradeType", "member"]


class _Text(str, Enum):
    """An enum whose members are their values: ``Side.BUY == 'buy'`` and ``str(Side.BUY) == 'buy'``."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class Side(_Text):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


class OrderType(_Text):
    """How long an order stands, and how it may trade (``tif``)."""

    IOC = "ioc"  #: what does not trade at once is canceled
    POS = "pos"  #: post only: refused if it would trade at once
    GTC = "gtc"  #: until it trades or is canceled
    FOK = "fok"  #: whole at once, or not at all
    MARKET = "market"  #: at whatever price there is


class OrderStatus(_Text):
    """``Order.order_status``: for the user's own bookkeeping."""

    NEW = "NEW"  #: constructed
    ADD = "ADD"  #: created, on its way
    ACK = "ACK"  #: accepted by the venue
    EXE = "EXE"  #: traded, in part or whole
    CXL = "CXL"  #: cancel on its way
    CAK = "CAK"  #: cancel accepted
    CXD = "CXD"  #: canceled
    RJD = "RJD"  #: rejected
    CRD = "CRD"  #: cancel rejected
    CLD = "CLD"  #: closed
    UNK = "UNK"  #: its outcome is being asked for


class NetWorkType(IntEnum):
    """How market data travels from the market server to the strategies."""

    SHM = 0  #: shared memory of this host, always written
    P2P = 1  #: TCP
    BROADCAST = 2  #: UDP broadcast
    MULTIBROAD = 3  #: UDP multicast


class TradeType(_Text):
    """Where the orders of an exchange go (``config_exchange``)."""

    DIRECT = "direct"  #: the venue
    SANDBOX = "sandbox"  #: the venue's own test network
    PAPER = "paper"  #: live data, fills by our matching engine
    SIM = "sim"  #: the simulated exchange of this host
    REPLAY = "replay"  #: recorded data


E = TypeVar("E", bound=Enum)


def member(kind: type[E], value: Any, what: str, *, error: type[Exception] = ValueError) -> E:
    """Return the member of `kind` that `value` means: a member, its name or its value, in any case.

    Parameters
    ----------
    what : str
        How the setting is called, for the text of the refusal.
    error : type, default ValueError
        What an unknown value raises.
    """
    if isinstance(value, kind):
        return value
    wanted = str(value).strip().lower() if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    for one in kind:
        if wanted is not None and wanted in (one.name.lower(), str(one.value).lower()):
            return one
    known = ", ".join(f"{one.name} ({one.value!r})" for one in kind)
    raise error(f"{what} is {value!r}; known are {known}")
