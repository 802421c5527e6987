"""The structs of shared memory as numpy dtypes, and their constants as enums.

For: whoever reads a segment from Python.  Not for behaviour: how a word may be read or written is said by ``csrc/shm/*.h`` and done by its verbs.

Nothing is typed twice: csrc/layout/layout.h is the definition, cffi has parsed it, and the dtypes are made from what the compiler says of each struct (names,
formats, offsets, size).  The enums below name members so that editors and mypy know them; each value comes from the header, and a test compares the lists.

A char array is a numpy bytes field (``S48``); numpy cuts its zeros.  A nested struct is a nested dtype, an array of numbers or structs a sub-array.
"""

from __future__ import annotations

import functools
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

from aats._ffi import ffi, lib

__all__ = [
    "CTL",
    "CTL_OFFSET",
    "DIR",
    "FEE",
    "HIST",
    "LAYOUT_HASH",
    "LEVEL",
    "LINK",
    "MD",
    "MD_OFFSET",
    "NAME_MAX",
    "OEV",
    "ORDER",
    "PATH",
    "POS",
    "REC",
    "SEG",
    "SEG_MAGIC",
    "SLOT",
    "SLOT_OFFSET",
    "SYMBOL_MAX",
    "TD",
    "TD_OFFSET",
    "TOP",
    "Command",
    "DirState",
    "FanCounter",
    "Flag",
    "Hop",
    "Kind",
    "Liquidity",
    "MdCounter",
    "MdHist",
    "Mode",
    "OrderEvent",
    "OrderFlag",
    "OrderSide",
    "OrderState",
    "OrderTif",
    "PathKind",
    "PathState",
    "RecKind",
    "Role",
    "Side",
    "StallCause",
    "State",
    "TdCounter",
    "TdHist",
    "Wait",
    "Why",
    "dtype_of",
    "hash8",
    "rec_dtype",
]

#: 64-bit hash of the layout's text; segments of another one are never mapped as ours.
LAYOUT_HASH: int = int(lib.aats_seg_layout_hash())
SEG_MAGIC: int = int(lib.AATS_SEG_MAGIC)

#: Longest name of a process or feed, and of a symbol, in bytes.
NAME_MAX: int = int(lib.AATS_NAME_SZ) - 1
SYMBOL_MAX: int = int(lib.AATS_SYMBOL_SZ) - 1


def hash8(value: int = LAYOUT_HASH) -> str:
    """Return the eight hex digits of a layout hash that stand in a segment's name."""
    return f"{value:016x}"[:8]


# ------------------------------------------------------------------------------------------------------------ dtypes

_NUMBERS = {
    "uint8_t": "u1",
    "uint16_t": "<u2",
    "uint32_t": "<u4",
    "uint64_t": "<u8",
    "int8_t": "i1",
    "int16_t": "<i2",
    "int32_t": "<i4",
    "int64_t": "<i8",
    "double": "<f8",
}


def _format(ctype: Any) -> Any:
    if ctype.kind == "primitive":
        return _NUMBERS[ctype.cname]
    if ctype.kind == "struct":
        return _struct(ctype)
    if ctype.kind == "array":
        if ctype.item.cname == "char":
            return f"S{ctype.length}"
        return (_format(ctype.item), (ctype.length,))
    raise TypeError(f"no numpy dtype for C type {ctype.cname!r}")


def _struct(ctype: Any) -> np.dtype[Any]:
    fields = [(name, _format(field.type), field.offset) for name, field in ctype.fields]
    names, formats, offsets = (list(column) for column in zip(*fields, strict=True))
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": ffi.sizeof(ctype)})


@functools.cache
def dtype_of(cname: str) -> np.dtype[Any]:
    """Return the numpy dtype of a C struct of layout.h by its name, such as ``"aats_rec_t"``."""
    return _struct(ffi.typeof(cname))


@functools.cache
def rec_dtype(cap: int, itemsize: int = 0) -> np.dtype[Any]:
    """Return the dtype of a record with room for `cap` levels a side: the head, ``bids`` and ``asks``.

    Parameters
    ----------
    cap : int
        5 or 20 in ring slots, ``level_max`` in latest-book slots.
    itemsize : int, optional
        Bytes from one record to the next where they lie in an array (``slot_sz``, ``latest_sz``); default: no padding.

    Notes
    -----
    ``record["r"]`` is the head, ``record["bids"]["px_i"]`` the scaled prices, best first; only the first ``bid_len`` rows mean something.
    """
    level, head = dtype_of("aats_level_t"), dtype_of("aats_rec_t")
    size = head.itemsize + 2 * cap * level.itemsize
    return np.dtype(
        {
            "names": ["r", "bids", "asks"],
            "formats": [head, (level, (cap,)), (level, (cap,))],
            "offsets": [0, head.itemsize, head.itemsize + cap * level.itemsize],
            "itemsize": max(size, itemsize),
        }
    )


def to_floats(levels: npt.NDArray[np.int64], px_exp: int, qty_exp: int) -> npt.NDArray[np.float64]:
    """Return scaled levels, int64 of shape (length, 2) in one piece, as the float64 nearest to each decimal; the one conversion of them."""
    out = np.empty(levels.shape, np.float64)
    source, target = ffi.from_buffer("int64_t *", levels), ffi.from_buffer("double *", out)
    for column, exp in enumerate((px_exp, qty_exp)):
        lib.aats_scale_array(source + column, 2, target + column, 2, len(levels), exp)
    return out


SEG = dtype_of("aats_seg_t")
CTL = dtype_of("aats_ctl_t")
SLOT = dtype_of("aats_slot_t")
MD = dtype_of("aats_md_t")
TD = dtype_of("aats_td_t")
REC = dtype_of("aats_rec_t")
LEVEL = dtype_of("aats_level_t")
TOP = dtype_of("aats_top_t")
DIR = dtype_of("aats_dir_t")
LINK = dtype_of("aats_link_t")
HIST = dtype_of("aats_hist_t")
ORDER = dtype_of("aats_order_t")
OEV = dtype_of("aats_oev_t")
PATH = dtype_of("aats_path_t")
POS = dtype_of("aats_pos_t")
FEE = dtype_of("aats_fee_t")

#: Where the struct of each kind begins in its segment: behind the common head.
CTL_OFFSET = MD_OFFSET = TD_OFFSET = SEG.itemsize
SLOT_OFFSET = CTL_OFFSET + CTL.itemsize


# ------------------------------------------------------------------------------------------------------------- enums


class Kind(IntEnum):
    """What a segment is; its lower-case name stands in the segment's name."""

    CTL = lib.AATS_KIND_CTL
    MD = lib.AATS_KIND_MD
    TD = lib.AATS_KIND_TD
    RISK = lib.AATS_KIND_RISK


class Role(IntEnum):
    """What a slot of the control table does."""

    NONE = lib.AATS_ROLE_NONE
    FEED = lib.AATS_ROLE_FEED
    TRADE = lib.AATS_ROLE_TRADE
    VIEW = lib.AATS_ROLE_VIEW
    CONTROL = lib.AATS_ROLE_CONTROL
    SIM = lib.AATS_ROLE_SIM
    OTHER = lib.AATS_ROLE_OTHER


class State(IntEnum):
    """Where in its life a slot is; see control.h for the picture."""

    FREE = lib.AATS_STATE_FREE
    BOOT = lib.AATS_STATE_BOOT
    RUN = lib.AATS_STATE_RUN
    HALT = lib.AATS_STATE_HALT
    FAIL = lib.AATS_STATE_FAIL
    REAP = lib.AATS_STATE_REAP


class Wait(IntEnum):
    """How a loop waits at the moment."""

    NONE = lib.AATS_WAIT_NONE
    SPIN = lib.AATS_WAIT_SPIN
    YIELD = lib.AATS_WAIT_YIELD
    SLEEP = lib.AATS_WAIT_SLEEP


class Mode(IntEnum):
    """Which exchange a process talks to."""

    NONE = lib.AATS_MODE_NONE
    DIRECT = lib.AATS_MODE_DIRECT
    SANDBOX = lib.AATS_MODE_SANDBOX
    PAPER = lib.AATS_MODE_PAPER
    SIM = lib.AATS_MODE_SIM
    REPLAY = lib.AATS_MODE_REPLAY


class Command(IntEnum):
    """The command word of a slot."""

    NONE = lib.AATS_CMD_NONE
    STOP = lib.AATS_CMD_STOP
    SUBSCRIBE = lib.AATS_CMD_SUBSCRIBE
    UNSUBSCRIBE = lib.AATS_CMD_UNSUBSCRIBE
    SET_LEVEL = lib.AATS_CMD_SET_LEVEL
    OPEN_L2 = lib.AATS_CMD_OPEN_L2
    PING = lib.AATS_CMD_PING


class Side(IntEnum):
    """Side of an L2 change."""

    BID = lib.AATS_BID
    ASK = lib.AATS_ASK


class RecKind(IntEnum):
    """What a ring record tells."""

    QUOTE = lib.AATS_REC_QUOTE
    TICK = lib.AATS_REC_TICK
    BBO = lib.AATS_REC_BBO
    L2 = lib.AATS_REC_L2
    STATE = lib.AATS_REC_STATE
    LINK = lib.AATS_REC_LINK
    MARK = lib.AATS_REC_MARK
    FUNDING = lib.AATS_REC_FUNDING
    LIQUIDATION = lib.AATS_REC_LIQUIDATION


class Flag(IntFlag):
    """Flags of a record."""

    VALID = lib.AATS_F_VALID
    LAST = lib.AATS_F_LAST
    DEEP = lib.AATS_F_DEEP
    FUSED = lib.AATS_F_FUSED
    RECOVERED = lib.AATS_F_RECOVERED
    SNAPSHOT = lib.AATS_F_SNAPSHOT
    BUYER = lib.AATS_F_BUYER


class Why(IntEnum):
    """Why a book is not valid; NONE: it is."""

    NONE = lib.AATS_WHY_NONE
    SYNCING = lib.AATS_WHY_SYNCING
    GAP = lib.AATS_WHY_GAP
    CROSSED = lib.AATS_WHY_CROSSED
    LINK_DOWN = lib.AATS_WHY_LINK_DOWN
    STALLED = lib.AATS_WHY_STALLED
    SUSPECT = lib.AATS_WHY_SUSPECT
    HALTED = lib.AATS_WHY_HALTED
    GONE = lib.AATS_WHY_GONE
    HORIZON = lib.AATS_WHY_HORIZON
    NUMBER = lib.AATS_WHY_NUMBER
    LEVELS = lib.AATS_WHY_LEVELS
    LOSS = lib.AATS_WHY_LOSS
    CHECKSUM = lib.AATS_WHY_CHECKSUM
    FEED_STALE = lib.AATS_WHY_FEED_STALE
    FEED_DOWN = lib.AATS_WHY_FEED_DOWN
    VENUE_MUTE = lib.AATS_WHY_VENUE_MUTE
    REPLACED = lib.AATS_WHY_REPLACED
    NO_BOOK = lib.AATS_WHY_NO_BOOK


class DirState(IntEnum):
    """State of a directory entry."""

    EMPTY = lib.AATS_DIR_EMPTY
    SYNCING = lib.AATS_DIR_SYNCING
    LIVE = lib.AATS_DIR_LIVE
    HALTED = lib.AATS_DIR_HALTED
    GONE = lib.AATS_DIR_GONE


class MdCounter(IntEnum):
    """Counters of a feed, in its segment and (the first 29) in its slot."""

    FRAMES = lib.AATS_MDC_FRAMES
    BYTES = lib.AATS_MDC_BYTES
    RECORDS = lib.AATS_MDC_RECORDS
    QUOTES = lib.AATS_MDC_QUOTES
    TICKS = lib.AATS_MDC_TICKS
    BBOS = lib.AATS_MDC_BBOS
    L2S = lib.AATS_MDC_L2S
    GAPS = lib.AATS_MDC_GAPS
    TRADE_GAPS = lib.AATS_MDC_TRADE_GAPS
    SYNCS = lib.AATS_MDC_SYNCS
    CROSSED = lib.AATS_MDC_CROSSED
    PARSE_ERRORS = lib.AATS_MDC_PARSE_ERRORS
    UNKNOWN = lib.AATS_MDC_UNKNOWN
    PROTO_ERRORS = lib.AATS_MDC_PROTO_ERRORS
    CONNECTS = lib.AATS_MDC_CONNECTS
    DROPS = lib.AATS_MDC_DROPS
    SNAP_ASKED = lib.AATS_MDC_SNAP_ASKED
    SNAP_FAILED = lib.AATS_MDC_SNAP_FAILED
    STALLS = lib.AATS_MDC_STALLS
    NET_SENT = lib.AATS_MDC_NET_SENT
    NET_ERRORS = lib.AATS_MDC_NET_ERRORS
    VENUE_ERRORS = lib.AATS_MDC_VENUE_ERRORS
    REFUSED = lib.AATS_MDC_REFUSED
    UTF8 = lib.AATS_MDC_UTF8
    CHECKSUMS = lib.AATS_MDC_CHECKSUMS
    LINK_HOLES = lib.AATS_MDC_LINK_HOLES
    MARKS = lib.AATS_MDC_MARKS
    FUNDINGS = lib.AATS_MDC_FUNDINGS
    LIQUIDATIONS = lib.AATS_MDC_LIQUIDATIONS
    RESUBSCRIBED = lib.AATS_MDC_RESUBSCRIBED
    ENDED = lib.AATS_MDC_ENDED


class FanCounter(IntEnum):
    """Counters of a feed's fan-out thread."""

    SUBS = lib.AATS_FAN_SUBS
    PEERS = lib.AATS_FAN_PEERS
    ACCEPTED = lib.AATS_FAN_ACCEPTED
    REFUSED = lib.AATS_FAN_REFUSED
    SLOW = lib.AATS_FAN_SLOW
    GONE = lib.AATS_FAN_GONE
    RECORDS = lib.AATS_FAN_RECORDS
    LAPS = lib.AATS_FAN_LAPS
    MISSED = lib.AATS_FAN_MISSED
    BYTES = lib.AATS_FAN_BYTES
    RESENT = lib.AATS_FAN_RESENT
    TOO_LATE = lib.AATS_FAN_TOO_LATE
    SNAPSHOTS = lib.AATS_FAN_SNAPSHOTS
    DEEP = lib.AATS_FAN_DEEP
    NET_ERRORS = lib.AATS_FAN_NET_ERRORS
    COMPAT = lib.AATS_FAN_COMPAT


class PathKind(IntEnum):
    """By what a path brings records; the numbers of ``NetWorkType``."""

    NONE = lib.AATS_PATH_NONE
    P2P = lib.AATS_PATH_P2P
    BROADCAST = lib.AATS_PATH_BROADCAST
    MULTIBROAD = lib.AATS_PATH_MULTIBROAD


class PathState(IntEnum):
    """State of a receiver's path."""

    SEARCHING = lib.AATS_PATH_SEARCHING
    JOINING = lib.AATS_PATH_JOINING
    LIVE = lib.AATS_PATH_LIVE
    REPAIRING = lib.AATS_PATH_REPAIRING
    SILENT = lib.AATS_PATH_SILENT


class TdCounter(IntEnum):
    """Counters of a trade process."""

    QUOTES = lib.AATS_TDC_QUOTES
    TICKS = lib.AATS_TDC_TICKS
    BBOS = lib.AATS_TDC_BBOS
    L2S = lib.AATS_TDC_L2S
    INVALID = lib.AATS_TDC_INVALID
    LAPS = lib.AATS_TDC_LAPS
    MISSED = lib.AATS_TDC_MISSED
    MISSED_TICKS = lib.AATS_TDC_MISSED_TICKS
    FEED_DOWN = lib.AATS_TDC_FEED_DOWN
    FEED_UP = lib.AATS_TDC_FEED_UP
    CALLBACKS = lib.AATS_TDC_CALLBACKS
    MSG_NEW = lib.AATS_TDC_MSG_NEW
    TIMERS = lib.AATS_TDC_TIMERS
    ORDERS = lib.AATS_TDC_ORDERS
    ACKED = lib.AATS_TDC_ACKED
    REJECTED = lib.AATS_TDC_REJECTED
    FILLS = lib.AATS_TDC_FILLS
    FILLED = lib.AATS_TDC_FILLED
    CANCELED = lib.AATS_TDC_CANCELED
    CLOSED = lib.AATS_TDC_CLOSED
    CANCELS = lib.AATS_TDC_CANCELS
    UNKNOWN = lib.AATS_TDC_UNKNOWN
    FOREIGN = lib.AATS_TDC_FOREIGN
    DISCONNECTS = lib.AATS_TDC_DISCONNECTS
    RECONCILED = lib.AATS_TDC_RECONCILED
    VENUE_ERRORS = lib.AATS_TDC_VENUE_ERRORS
    STRANGE = lib.AATS_TDC_STRANGE
    DENIED = lib.AATS_TDC_DENIED
    HELD = lib.AATS_TDC_HELD
    WAITS = lib.AATS_TDC_WAITS
    ADOPTED = lib.AATS_TDC_ADOPTED


class MdHist(IntEnum):
    """Histograms of a feed or receiver: a hop is named by its two stamps; WIRE: sent to arrived, a path each."""

    RECV_PUB = lib.AATS_HIST_MD_RECV_PUB
    EXCH_RECV = lib.AATS_HIST_MD_EXCH_RECV
    WIRE_A = lib.AATS_HIST_MD_WIRE_A
    WIRE_B = lib.AATS_HIST_MD_WIRE_B
    RECV_PARSED = lib.AATS_HIST_MD_RECV_PARSED
    PARSED_PUB = lib.AATS_HIST_MD_PARSED_PUB


class TdHist(IntEnum):
    """Histograms of a trade process."""

    PUB_DELIVERED = lib.AATS_HIST_TD_PUB_DELIVERED
    RECV_DELIVERED = lib.AATS_HIST_TD_RECV_DELIVERED
    DELIVERED_DECIDED = lib.AATS_HIST_TD_DELIVERED_DECIDED
    DECIDED_SENT = lib.AATS_HIST_TD_DECIDED_SENT
    SENT_ACKED = lib.AATS_HIST_TD_SENT_ACKED
    RECV_SENT = lib.AATS_HIST_TD_RECV_SENT
    ACKED_FILLED = lib.AATS_HIST_TD_ACKED_FILLED


class Hop(IntEnum):
    """Hops as thresholds and tools name them: by their two stamps."""

    EXCH_RECV = lib.AATS_HOP_EXCH_RECV
    RECV_PARSED = lib.AATS_HOP_RECV_PARSED
    PARSED_PUB = lib.AATS_HOP_PARSED_PUB
    RECV_PUB = lib.AATS_HOP_RECV_PUB
    PUB_DELIVERED = lib.AATS_HOP_PUB_DELIVERED
    RECV_DELIVERED = lib.AATS_HOP_RECV_DELIVERED
    DELIVERED_DECIDED = lib.AATS_HOP_DELIVERED_DECIDED
    DECIDED_SENT = lib.AATS_HOP_DECIDED_SENT
    SENT_ACKED = lib.AATS_HOP_SENT_ACKED
    RECV_SENT = lib.AATS_HOP_RECV_SENT
    ACKED_FILLED = lib.AATS_HOP_ACKED_FILLED


class StallCause(IntEnum):
    """Why a trade loop stood still."""

    NONE = lib.AATS_STALL_NONE
    GC = lib.AATS_STALL_GC
    FAULT = lib.AATS_STALL_FAULT
    SWITCH = lib.AATS_STALL_SWITCH
    GIL = lib.AATS_STALL_GIL
    CALLBACK = lib.AATS_STALL_CALLBACK
    LOOP = lib.AATS_STALL_LOOP
    HOST = lib.AATS_STALL_HOST


class OrderSide(IntEnum):
    """Side of an order."""

    BUY = lib.AATS_SIDE_BUY
    SELL = lib.AATS_SIDE_SELL


class OrderTif(IntEnum):
    """What becomes of an order's rest; POS is post only."""

    IOC = lib.AATS_TIF_IOC
    POS = lib.AATS_TIF_POS
    GTC = lib.AATS_TIF_GTC
    FOK = lib.AATS_TIF_FOK
    MARKET = lib.AATS_TIF_MARKET


class OrderState(IntEnum):
    """Where in its life an order is; csrc/order/machine.h has the picture."""

    FREE = lib.AATS_ORD_FREE
    NEW = lib.AATS_ORD_NEW
    LIVE = lib.AATS_ORD_LIVE
    ENDING = lib.AATS_ORD_ENDING
    CLOSED = lib.AATS_ORD_CLOSED


class OrderFlag(IntFlag):
    """Flags of an order."""

    UNKNOWN = lib.AATS_OF_UNKNOWN
    MARGIN = lib.AATS_OF_MARGIN
    REPLAYED = lib.AATS_OF_REPLAYED
    ADOPTED = lib.AATS_OF_ADOPTED
    FITTED = lib.AATS_OF_FITTED
    REDUCE = lib.AATS_OF_REDUCE


class OrderEvent(IntEnum):
    """Order events, in the words of the callbacks."""

    CREATED = lib.AATS_OEV_CREATED
    ACKED = lib.AATS_OEV_ACKED
    REJECTED = lib.AATS_OEV_REJECTED
    EXEC = lib.AATS_OEV_EXEC
    CANCEL_CREATED = lib.AATS_OEV_CANCEL_CREATED
    CANCEL_ACKED = lib.AATS_OEV_CANCEL_ACKED
    CANCEL_REJECTED = lib.AATS_OEV_CANCEL_REJECTED
    CANCELED = lib.AATS_OEV_CANCELED
    CLOSED = lib.AATS_OEV_CLOSED
    UNKNOWN = lib.AATS_OEV_UNKNOWN
    AMENDED = lib.AATS_OEV_AMENDED
    AMEND_REJECTED = lib.AATS_OEV_AMEND_REJECTED
    DISCONNECT = lib.AATS_OEV_DISCONNECT
    RECONNECT = lib.AATS_OEV_RECONNECT
    RECONCILED = lib.AATS_OEV_RECONCILED
    RISK = lib.AATS_OEV_RISK


class Liquidity(IntEnum):
    """Which side of a trade an order was."""

    NONE = lib.AATS_LIQ_NONE
    MAKER = lib.AATS_LIQ_MAKER
    TAKER = lib.AATS_LIQ_TAKER
