"""Look into a segment of shared memory from outside, read-only, whether its writer lives or not.

    python -m tools.shm list                     all segments of this user, whose they are, alive or dead
    python -m tools.shm dump  NAME [--json]      header and all that is inside
    python -m tools.shm watch NAME               what moves, once a second
    python -m tools.shm check NAME               is it whole?  status 0 if so

NAME is a full name as ``list`` shows it, or ``md.binance``, ``ctl``: the newest of this namespace.

A segment of another layout is named by the 64 bytes of its header that keep their place in every version; our structs are never laid over it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from aats import shm
from aats.errors import AatsError, ShmError
from aats.layout import (
    CTL,
    CTL_OFFSET,
    MD,
    MD_OFFSET,
    SEG_MAGIC,
    SLOT,
    SLOT_OFFSET,
    TD,
    TD_OFFSET,
    DirState,
    Flag,
    Kind,
    MdCounter,
    Mode,
    RecKind,
    Role,
    State,
    Wait,
    Why,
)
from aats.shm import Segment, SegmentName

#: In a record that is of no symbol but of a venue connection.
NO_SYMBOL = 65535

# -------------------------------------------------------------------------------------------------------- finding


def find(wanted: str) -> SegmentName:
    """Return the segment that a word of the command line means."""
    exact = SegmentName.parse(wanted)
    if exact is not None:
        return exact
    kind, _, label = wanted.partition(".")
    here = [name for name in shm.names(ns=shm.namespace(), every=True) if name.kind == kind and (not label or name.label == label)]
    if not here:
        raise ShmError(f"no segment {wanted!r} in namespace {shm.namespace()!r} (`list` shows all)")
    return max(here, key=lambda name: (name.ours, name.generation))


# ---------------------------------------------------------------------------------------------------------- contents


def contents(segment: Segment, levels: int = 5) -> dict[str, Any]:
    """Return all that is inside a segment of our layout, as plain values."""
    kind = Kind[segment.name.kind.upper()]
    if kind == Kind.CTL:
        return ctl(segment)
    if kind == Kind.MD:
        return md(segment, levels)
    if kind == Kind.TD:
        return td(segment)
    return {}


def ctl(segment: Segment) -> dict[str, Any]:
    head = segment.array(CTL, CTL_OFFSET)[0]
    return {"closing": int(head["closing"]), "next_generation": int(head["next_generation"]), "slots": list(slots(segment))}


def slots(segment: Segment) -> Iterator[dict[str, Any]]:
    """Yield the slots of a control table that are in use."""
    now = time.monotonic_ns()
    for index, slot in enumerate(segment.array(SLOT, SLOT_OFFSET, shm.slot_cnt(segment)).copy()):
        owner = int(slot["owner"])
        if owner == 0:
            continue
        pid, start_ticks, state = shm.process_word(owner)
        beat = int(slot["heartbeat_mono_ns"])
        yield {
            "slot": index,
            "pid": pid,
            "start_ticks": start_ticks,
            "alive": shm.process_alive(owner),
            "state": named(State, state),
            "role": named(Role, slot["role"]),
            "name": word(slot["name"]),
            "mode": named(Mode, slot["mode"]),
            "generation": int(slot["generation"]),
            "port": int(slot["port"]),
            "heartbeat_ms": round((now - beat) / 1e6, 1) if beat else None,
            "passes": int(slot["passes"]),
            "wait": named(Wait, slot["wait"]),
            "detail": word(slot["detail"]),
            "command": {
                "seq": int(slot["cmd_seq"]),
                "answered": int(slot["ans_seq"]),
                "arg": word(slot["cmd_arg"]),
                "answer": word(slot["ans_text"]),
            },
        }


def md(segment: Segment, levels: int) -> dict[str, Any]:
    view = segment.md  # offsets are checked here
    head = segment.array(MD, MD_OFFSET)[0].copy()
    geometry = ("ring_depth", "slot_sz", "ring_levels", "level_max", "dir_cap", "latest_sz", "ctl_slot")
    now = time.monotonic_ns()
    links = [link for link in head["links"] if link["connects"] or link["heard_mono_ns"]]
    table = control_table(segment)
    found = shm.symbols(segment)
    return {
        "successor": segment.successor,
        "venue": word(head["venue"]),
        "mode": named(Mode, head["mode"]),
        "geometry": {key: int(head[key]) for key in geometry},
        "head": int(head["head"]),
        "ring_position": shm.ring_position(segment),
        "counters": {one.name.lower(): int(head["counters"][one]) for one in MdCounter},
        "links": [
            {
                "up": bool(link["up"]),
                "heard_ms": round((now - int(link["heard_mono_ns"])) / 1e6, 1) if link["heard_mono_ns"] else None,
                **{key: int(link[key]) for key in ("connects", "drops", "frames", "bytes")},
            }
            for link in links
        ],
        "fan": {name: count for name, count in shm.fan(segment).items() if count},
        "paths": [path(one) for one in shm.net_paths(segment)],
        "directory": [{**asdict(one), "state": one.state.name.lower()} for one in found],
        "books": [book(segment, one.index, table, levels) for one in found],
        "records": [record(one) for one in shm.records(segment, 5)],
        "histograms": hists(segment),
        "stale_ns": int(view.stale_ns),
    }


def path(one: shm.NetPath) -> dict[str, Any]:
    return {**asdict(one), "kind": one.kind.name.lower(), "state": one.state.name.lower()}


def td(segment: Segment) -> dict[str, Any]:
    trading = shm.Trading(segment)  # offsets are checked here
    head = segment.array(TD, TD_OFFSET)[0].copy()
    newest = trading.newest
    return {
        "successor": segment.successor,
        "instance": f"{trading.instance:016x}",
        "geometry": {key: int(head[key]) for key in ("pos_cap", "order_cap", "oev_depth", "ctl_slot")},
        "head": newest,
        "counters": trading.counters(),
        "positions": [asdict(one) for one in trading.positions()],
        "holdings": [asdict(one) for one in trading.holdings()],
        "balances": [asdict(one) for one in trading.balances()],
        "fees": trading.fees(),
        "orders": [asdict(one) for one in trading.orders()],
        "events": [order_event(one) for one in trading.events(max(0, newest - 10))[0]],
        "busy": trading.busy,
        "histograms": hists(segment),
    }


def order_event(one: Any) -> dict[str, Any]:
    """Return an order event in one line's worth: of its order only what changes."""
    row = asdict(one)
    order = row.pop("order") or {}
    return {**row, **{key: order[key] for key in ("order_id", "symbol", "state", "cum_size") if key in order}}


def control_table(segment: Segment) -> Segment | None:
    """Return the control table of the segment's namespace, None if there is none."""
    here = shm.names(ns=segment.name.namespace, kind=Kind.CTL, uid=segment.name.uid)
    return shm.attach(here[-1]) if here else None


def book(segment: Segment, index: int, table: Segment | None, levels: int) -> dict[str, Any]:
    found = shm.book(segment, index, table)
    assert found is not None
    sides = {"bids": found.bids[:levels].tolist(), "asks": found.asks[:levels].tolist()}
    numbers = {"seq": found.seq, "rec": found.rec, "epoch": found.epoch}
    return {"symbol": found.symbol.symbol, "valid": found.valid, "why": named(Why, found.why), **numbers, **sides}


def record(one: Any) -> dict[str, Any]:
    head = one["r"]
    numbers = {
        key: int(head[key])
        for key in ("rec", "sym", "seq", "exch_ns", "recv_ns", "parsed_ns", "pub_ns", "bid_len", "ask_len", "epoch", "px_i", "qty_i")
    }
    flags = [flag.name.lower() for flag in Flag if int(head["flags"]) & flag and flag.name]
    return {"kind": named(RecKind, head["kind"]), "flags": flags, "why": named(Why, head["why"]), **numbers}


def hists(segment: Segment) -> list[dict[str, Any]]:
    return [asdict(one) for one in shm.histograms(segment)]


def named(kind: Any, value: Any) -> str:
    """Return an enum's name in small letters, or the number of one that is not in it."""
    try:
        return str(kind(int(value)).name).lower()
    except ValueError:
        return str(int(value))


def word(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


# ------------------------------------------------------------------------------------------------------------- check


def check(segment: Segment, header: shm.Header) -> Iterator[str]:
    """Yield what is wrong inside a segment of our layout; nothing if it is whole."""
    if header.generation != segment.name.generation:
        yield f"header says generation {header.generation}, the name {segment.name.generation}"
    if segment.name.kind == "td":
        yield from check_td(segment)
    if segment.name.kind != "md":
        return
    head = segment.array(MD, MD_OFFSET)[0]
    position = shm.ring_position(segment)
    if int(head["head"]) > position:
        yield f"head is {int(head['head'])}, but the newest stable record is {position - 1}"
    if int(head["dir_cnt"]) > int(head["dir_cap"]):
        yield f"directory names {int(head['dir_cnt'])} entries and has room for {int(head['dir_cap'])}"
    for one in shm.symbols(segment):
        found = shm.book(segment, one.index, None)
        if found is None or not found.flags & Flag.VALID:
            continue
        if len(found.bids_i) and len(found.asks_i) and found.bids_i[0, 0] >= found.asks_i[0, 0]:
            yield f"{one.symbol}: a crossed book is flagged valid: bid {found.bids[0, 0]} ask {found.asks[0, 0]}"
        if one.state == DirState.EMPTY:
            yield f"{one.symbol}: entry without a state"
    for entry in shm.records(segment, int(head["ring_depth"])):
        sym = int(entry["r"]["sym"])
        if sym != NO_SYMBOL and sym >= int(head["dir_cnt"]):
            yield f"record {int(entry['r']['rec'])} is of symbol {sym}, the directory has {int(head['dir_cnt'])}"


def check_td(segment: Segment) -> Iterator[str]:
    """Yield what is wrong inside a trade process's segment."""
    trading = shm.Trading(segment)
    ids = [(one.instance, one.order_id) for one in trading.orders()]
    for instance, order_id in sorted(one for one in set(ids) if ids.count(one) > 1):
        yield f"order {order_id} of instance {instance:016x} stands in more than one slot"
    for order in trading.orders():
        if Decimal(order.cum_size) > Decimal(order.size):
            yield f"order {order.order_id} is filled by {order.cum_size} of {order.size}"
    closed: set[tuple[int, int]] = set()
    for event in trading.events()[0]:
        if event.kind != "closed" or event.order is None:
            continue
        whose = (event.order.instance, event.order.order_id)
        if whose in closed:
            yield f"order {event.order.order_id} was closed twice, again by event {event.seq}"
        closed.add(whose)
    trading.positions()
    trading.fees()
    if trading.busy:
        yield f"{trading.busy} looks found a slot in the middle of a write: its writer died there"


# ---------------------------------------------------------------------------------------------------------- printing


def outline(value: Any, indent: int = 0) -> Iterator[str]:
    """Yield nested values as indented lines; lists of alike small dicts as one line each."""
    pad = "  " * indent
    for key, one in value.items():
        if isinstance(one, dict):
            yield f"{pad}{key}:"
            yield from outline(one, indent + 1)
        elif isinstance(one, list) and one and isinstance(one[0], dict):
            yield f"{pad}{key}:"
            yield from (f"{pad}  " + "  ".join(f"{name}={item}" for name, item in row.items()) for row in one)
        else:
            yield f"{pad}{key}: {one}"


def say(value: Any, as_json: bool) -> None:
    print(json.dumps(value) if as_json else "\n".join(outline(value)), flush=True)


def do_list(args: argparse.Namespace) -> int:
    rows = []
    for name in shm.names(every=True):
        try:
            header = shm.Header.read(name)
        except ShmError:  # unlinked between the two looks
            continue
        rows.append(header.facts(name))
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        whose = f"pid {row['owner_pid']} {'alive' if row['owner_alive'] else 'dead'}"
        notes = ("" if row["ours"] else f"  FOREIGN LAYOUT {row['layout']}") + ("" if row["ready"] else "  NOT READY")
        print(f"{row['name']}  {row['bytes']} bytes  {whose}{notes}")
    if not rows:
        print("no segments of this user")
    return 0


def do_dump(args: argparse.Namespace) -> int:
    name = find(args.name)
    header = shm.Header.read(name)
    facts = header.facts(name)
    if not name.ours or header.magic != SEG_MAGIC:
        say({"header": facts, "note": "another layout, or not finished: only the header is shown"}, args.json)
        return 1
    say({"header": facts, **contents(shm.attach(name), args.levels)}, args.json)
    return 0


def do_watch(args: argparse.Namespace) -> int:
    segment = shm.attach(find(args.name))
    before: dict[str, int] = {}
    while True:
        inside = contents(segment)
        counters = dict(inside.get("counters", {}))
        if "ring_position" in inside:
            counters["ring"] = inside["ring_position"]
        moved = {key: value - before.get(key, 0) for key, value in counters.items() if value != before.get(key, 0)} if before else {}
        line: dict[str, Any] = {
            "per_s": moved,
            "books": {one["symbol"]: "valid" if one["valid"] else one["why"] for one in inside.get("books", ())},
        }
        if "orders" in inside:
            line = {"per_s": moved, "orders": [f"{one['order_id']} {one['symbol']} {one['state']}" for one in inside["orders"]]}
        if "slots" in inside:
            line = {"slots": {f"{one['role']} {one['name']}": f"{one['state']} {one['heartbeat_ms']} ms" for one in inside["slots"]}}
        print(json.dumps(line) if args.json else "  ".join(f"{key}: {value}" for key, value in line.items()), flush=True)
        before = counters
        time.sleep(1)


def do_check(args: argparse.Namespace) -> int:
    name = find(args.name)
    header = shm.Header.read(name)
    facts = header.facts(name)
    try:
        faults = list(check(shm.attach(name), header))
    except ShmError as exc:  # LayoutMismatch too: its text names both layouts
        faults = [str(exc)]
    say({"name": str(name), "whole": not faults, "owner_alive": facts["owner_alive"], "faults": faults}, args.json)
    return 1 if faults else 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.shm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, run in (("list", do_list), ("dump", do_dump), ("watch", do_watch), ("check", do_check)):
        one = verbs.add_parser(verb)
        one.set_defaults(run=run)
        one.add_argument("--json", action="store_true")
        if verb != "list":
            one.add_argument("name", metavar="NAME")
        if verb == "dump":
            one.add_argument("--levels", type=int, default=5, help="of each book (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except AatsError as exc:
        print(f"tools.shm: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
