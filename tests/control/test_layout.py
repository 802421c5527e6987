"""The dtypes and enums of aats.layout are the header's, no more and no less."""

from __future__ import annotations

import enum
import re
from pathlib import Path

import numpy as np
import pytest

from aats import layout
from aats._ffi import ffi, lib

STRUCTS = [name for name in ffi.list_types()[0] if name.startswith("aats_") and ffi.typeof(name).kind == "struct"]
HEADER = Path(__file__).parents[2] / "csrc" / "layout" / "layout.h"
SHARED = [
    "aats_seg_t",
    "aats_slot_t",
    "aats_ctl_t",
    "aats_rec_t",
    "aats_rec5_t",
    "aats_rec20_t",
    "aats_top_t",
    "aats_dir_t",
    "aats_link_t",
    "aats_hist_t",
]
SHARED += ["aats_md_t", "aats_td_t", "aats_level_t", "aats_order_t", "aats_oev_t", "aats_pos_t", "aats_fee_t"]


@pytest.mark.parametrize("name", SHARED)
def test_a_dtype_has_the_compilers_size_and_offsets(name: str) -> None:
    assert name in STRUCTS
    ctype, dtype = ffi.typeof(name), layout.dtype_of(name)
    assert dtype.itemsize == ffi.sizeof(ctype)
    assert list(dtype.names or ()) == [field for field, _ in ctype.fields]
    for field, about in ctype.fields:
        assert dtype.fields is not None
        assert dtype.fields[field][1] == about.offset
        assert dtype.fields[field][0].itemsize == ffi.sizeof(about.type)


@pytest.mark.parametrize("name", SHARED)
def test_bytes_written_by_c_are_read_by_numpy(name: str) -> None:
    one = ffi.new(f"{name} *")
    ffi.buffer(one)[:] = bytes(range(1, 252)) * (ffi.sizeof(name) // 251) + bytes(ffi.sizeof(name) % 251)
    record = np.frombuffer(ffi.buffer(one), layout.dtype_of(name))[0]
    for field, about in ffi.typeof(name).fields:
        if about.type.kind == "primitive":
            assert int(record[field]) == int(getattr(one, field))


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        (layout.Kind, "AATS_KIND_"),
        (layout.Role, "AATS_ROLE_"),
        (layout.State, "AATS_STATE_"),
        (layout.Wait, "AATS_WAIT_"),
        (layout.Mode, "AATS_MODE_"),
        (layout.Command, "AATS_CMD_"),
        (layout.RecKind, "AATS_REC_"),
        (layout.Flag, "AATS_F_"),
        (layout.Why, "AATS_WHY_"),
        (layout.DirState, "AATS_DIR_"),
        (layout.MdCounter, "AATS_MDC_"),
        (layout.FanCounter, "AATS_FAN_"),
        (layout.TdCounter, "AATS_TDC_"),
        (layout.MdHist, "AATS_HIST_MD_"),
        (layout.TdHist, "AATS_HIST_TD_"),
        (layout.Hop, "AATS_HOP_"),
        (layout.StallCause, "AATS_STALL_"),
        (layout.OrderSide, "AATS_SIDE_"),
        (layout.OrderTif, "AATS_TIF_"),
        (layout.OrderState, "AATS_ORD_"),
        (layout.OrderFlag, "AATS_OF_"),
        (layout.OrderEvent, "AATS_OEV_"),
        (layout.Liquidity, "AATS_LIQ_"),
    ],
)
def test_an_enum_lists_all_constants_of_its_prefix(kind: type[enum.IntEnum], prefix: str) -> None:
    named = re.findall(rf"\b{prefix}(\w+) *=|#define +{prefix}(\w+)", HEADER.read_text(encoding="utf-8"))
    header = {name: getattr(lib, prefix + name) for name in map("".join, named) if name != "CNT"}
    assert header
    assert {one.name: one.value for one in kind} == header


def test_kinds_and_states_of_a_path_are_all_listed() -> None:
    named = re.findall(r"\bAATS_PATH_(\w+) *=", HEADER.read_text(encoding="utf-8"))
    header = {name: getattr(lib, f"AATS_PATH_{name}") for name in named}
    assert {one.name: one.value for one in (*layout.PathKind, *layout.PathState)} == header


def test_a_record_dtype_puts_the_levels_behind_the_head() -> None:
    assert layout.rec_dtype(5) == np.dtype(layout.rec_dtype(5, 256))
    assert layout.rec_dtype(20, 768).itemsize == 768
    deep = layout.rec_dtype(1000)
    assert deep.fields is not None
    assert (deep.fields["bids"][1], deep.fields["asks"][1], deep.itemsize) == (96, 96 + 16000, 96 + 32000)
