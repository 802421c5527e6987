"""Segments of shared memory: their names, making, mapping, unlinking, and consistent looks into them.

For: everything that creates or maps a segment, and the tools that look at one.  Not for who may create or unlink which: that is the control table's
(``aats.control``).  The verbs of csrc/shm/*.h write and read what is inside.

    names.py    /aats.<uid>.<namespace>.<layout hash>.<kind>.<label>.<generation>
    segment.py  Segment: attach, arrays, pointers; checked before first use
    create.py   create, create_md, create_td, create_ctl: reserved before mapped, magic last
    header.py   the part of a header that every version has: for segments of other layouts
    look.py     a book with its validity, a symbol list, histograms, slots: consistent copies
    paths.py    NetPath, fan: the network as a feed's and a receiver's segment tell it
    td.py       Trading: orders, order events, positions and fees of a trade process: consistent copies
    risk.py     Host: the risk segment that all trade processes write; risk_state.py: what of it survives a reboot, and the audit
"""

from __future__ import annotations

from aats.shm.create import create, create_ctl, create_md, create_td, open_fd
from aats.shm.header import Header, complain_of_foreign
from aats.shm.look import (
    Book,
    HistSummary,
    Symbol,
    book,
    histograms,
    process_alive,
    process_word,
    records,
    ring_position,
    slot_cnt,
    symbols,
)
from aats.shm.names import SHM_DIR, SegmentName, boot_id, label_of, names, namespace, unlink
from aats.shm.paths import NetPath, fan, net_paths, path_cnt
from aats.shm.segment import Segment, attach
from aats.shm.td import Trading

__all__ = [
    "SHM_DIR",
    "Book",
    "Header",
    "HistSummary",
    "NetPath",
    "Segment",
    "SegmentName",
    "Symbol",
    "Trading",
    "attach",
    "book",
    "boot_id",
    "complain_of_foreign",
    "create",
    "create_ctl",
    "create_md",
    "create_td",
    "fan",
    "histograms",
    "label_of",
    "names",
    "namespace",
    "net_paths",
    "open_fd",
    "path_cnt",
    "process_alive",
    "process_word",
    "records",
    "ring_position",
    "slot_cnt",
    "symbols",
    "unlink",
]
