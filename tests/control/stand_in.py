"""A process of the table that does as told: a feed without a venue, for the tests of what is around feeds.

python stand_in.py [--role feed] [--name binance] [--venue BINANCE] [--symbols A:5,B:20] [--port N]
                   [--behave serve|fail|exit|hang|deaf|late]

serve  joins, makes its segment, is ready, beats, obeys commands and SIGTERM
fail   says FAIL with a reason and ends          exit  ends with status 3 and a line on stderr, without joining
hang   never gets ready                          deaf  is ready, but answers no command and ignores SIGTERM
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from aats import control, shm
from aats._ffi import check, ffi, lib
from aats.layout import Command, DirState, Mode, Role, State


def add(segment: shm.Segment, symbol: str, level_num: int) -> int:
    """Append a live symbol to the directory."""
    entry = ffi.new("aats_dir_t *")
    entry.symbol, entry.native = symbol.encode(), symbol.partition(".")[0].encode()
    entry.px_exp = entry.qty_exp = -8
    entry.level_num, entry.state = level_num, int(DirState.LIVE)
    return int(check(lib.aats_dir_add(segment.md, entry), symbol))


def quote(
    segment: shm.Segment,
    writer: object,
    sym: int,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    seq: int,
    *,
    valid: bool = True,
) -> None:
    """Publish one book."""
    rec = ffi.new("aats_rec_t *")
    rec.sym, rec.kind, rec.flags = sym, lib.AATS_REC_QUOTE, lib.AATS_F_VALID if valid else 0
    rec.why = 0 if valid else lib.AATS_WHY_GAP
    rec.seq, rec.bid_len, rec.ask_len = seq, len(bids), len(asks)
    rec.recv_ns = rec.pub_ns = time.time_ns()
    check(lib.aats_md_publish(writer, rec, ffi.new("aats_level_t[]", bids), ffi.new("aats_level_t[]", asks)), "publish")


def link_up(segment: shm.Segment) -> None:
    """Call the venue's connection good."""
    link = segment.md.md.links[0]
    link.limit_ns, link.heard_mono_ns, link.up = 60_000_000_000, time.monotonic_ns(), 1


def serve(args: argparse.Namespace, me: control.Member) -> None:
    """Be a feed until told to stop."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, signal.SIG_IGN if args.behave == "deaf" else lambda *_: told.append(1))
    segment = writer = None
    if me.role == Role.FEED:
        segment = me.create_md(level_max=20, venue=args.venue, mode=me_mode(args))
        writer = ffi.new("aats_ring_writer_t *")
        check(lib.aats_ring_open(writer, segment.md), "ring")
        link_up(segment)
        for text in filter(None, args.symbols.split(",")):
            symbol, _, level = text.partition(":")
            sym = add(segment, f"{symbol}.{args.venue}", int(level or 5))
            quote(segment, writer, sym, [(6_183_764_000_000, 150_000_000)], [(6_183_765_000_000, 2_000)], 7)
    elif me.role == Role.TRADE:
        segment = me.create_td()
    me.ready("stand-in")
    while not told:
        me.beat()
        me.tick()
        waiting = me.poll_command() if args.behave != "deaf" else None
        if waiting is not None:
            op, arg = waiting
            if op == Command.SUBSCRIBE and segment is not None:
                symbol, _, level = arg.partition(" ")
                add(segment, symbol, int(level))
            me.reply(lib.AATS_E_UNKNOWN if arg == "NOSUCH" else 0, f"{op.name} {arg}")
            if op == Command.STOP:
                control.note_end(args.name, me.identity, told=True)
                return
        time.sleep(0.005)
    control.note_end(args.name, me.identity, told=False)


def me_mode(args: argparse.Namespace) -> Mode:
    return Mode[args.mode.upper()]


def main() -> int:
    parser = argparse.ArgumentParser()
    for option, default in {
        "role": "feed",
        "name": "binance",
        "venue": "BINANCE",
        "symbols": "",
        "mode": "direct",
        "behave": "serve",
    }.items():
        parser.add_argument(f"--{option}", default=default)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("words", nargs="*")  # "feed FILE", as a real one is started
    args = parser.parse_args()
    control.bind_to_parent()
    if args.behave == "exit":
        print("stand-in: no reason to live", file=sys.stderr)
        return 3
    with control.join(Role[args.role.upper()], args.name, mode=me_mode(args), port=args.port) as me:
        if args.behave == "fail":
            me.fail("symbol NOSUCH is unknown to BINANCE")
            time.sleep(30)
        elif args.behave == "hang":
            time.sleep(30)
        else:
            serve(args, me)
            me.move(State.HALT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
