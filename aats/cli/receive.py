"""``aats receive``: write what a feed on another host sends into shared memory of this one."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import Any

from aats import net
from aats.control_address import check_receiving
from aats.errors import ConfigError

_EPILOG = """examples:
  aats receive multibroad 239.1.2.3:15004 --card eth0
  aats receive p2p 192.0.2.1:15004                        the token: AATS_TOKEN or ~/.config/aats/token
  aats receive multibroad 239.1.2.3:15004 --b multibroad 239.1.2.4:15004 --card-b eth1
"""


def add_commands(commands: Any) -> None:
    """Add the command of this module to the parser."""
    parser = commands.add_parser(
        "receive",
        help="receive a feed of another host, in the foreground",
        description="Write what a feed on another host sends into shared memory of this host, until stopped.\n"
        "Strategies and tools then find its books here as if the feed ran here (docs/network.md).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("send_type", metavar="SEND_TYPE", choices=net.SEND_TYPES, help="as the feed sends: p2p, broadcast or multibroad")
    parser.add_argument(
        "address", metavar="IP:PORT", help="p2p: of the feed; multibroad: the group; broadcast: the address that is sent to"
    )
    _path_options(parser, "", "")
    second = parser.add_argument_group("second path", "another feed of the same symbols; of each record the first that comes is taken")
    second.add_argument("--b", nargs=2, metavar=("SEND_TYPE", "IP:PORT"), help="how and where")
    _path_options(second, "-b", ", of the second path")
    loss = parser.add_argument_group("loss")
    loss.add_argument("--no-repair", action="store_true", help="do not ask the feed for what is lost; it is counted all the same")
    loss.add_argument(
        "--hold-ms", metavar="MS", type=_positive, default=50.0, help="longest wait for a record that is missing (default: %(default)g)"
    )
    sockets = parser.add_argument_group("sockets")
    sockets.add_argument("--busy-poll", metavar="US", type=_whole, default=0, help="SO_BUSY_POLL, microseconds (default: none)")
    sockets.add_argument("--buffer", metavar="BYTES", type=_whole, default=0, help="receive buffer (default: 4 MiB)")
    sockets.add_argument("--timestamps", action="store_true", help="time of arrival by the kernel (SO_TIMESTAMPNS)")
    parser.add_argument("--name", metavar="NAME", default="", help="of the receiver here (default: rx-<address>-<port>)")
    parser.add_argument(
        "--linger", metavar="S", type=_positive, help="end when no trade process and no view has been here for so long (default: never)"
    )
    parser.set_defaults(run=_run)


def _path_options(parser: Any, tail: str, which: str) -> None:
    parser.add_argument(f"--card{tail}", metavar="CARD", default="", help=f"network card, by name or address{which}")
    parser.add_argument(f"--feed{tail}", metavar="NAME", default="", help=f"only a feed of this name{which}")
    parser.add_argument(f"--feed-id{tail}", metavar="HEX", type=_feed_id, default=0, help=f"only the feed of this id{which}")
    parser.add_argument(f"--source{tail}", metavar="IP", default="", help=f"only datagrams from this address{which}")


def _positive(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number <= 86_400_000:
        raise argparse.ArgumentTypeError(f"{word!r}: a number above 0")
    return number


def _whole(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and int(word) < 1 << 31):
        raise argparse.ArgumentTypeError(f"{word!r}: a whole number, 0 to {(1 << 31) - 1}")
    return int(word)


def _feed_id(word: str) -> int:
    try:
        number = int(word, 16)
    except ValueError:
        number = -1
    if not 0 < number < 1 << 64:
        raise argparse.ArgumentTypeError(f"{word!r}: up to 16 hexadecimal digits, as `aats net` shows them")
    return number


def path(words: Sequence[str], card: str, feed: str, feed_id: int, source: str) -> net.Path:
    """Return one path of the command line.

    Raises
    ------
    ConfigError
        The address is not of its kind's range, or there is no such card.
    """
    kind, address = words
    call = f"aats receive {kind} {address}"
    if kind not in net.SEND_TYPES:
        raise ConfigError(f"{call}: the send type is one of {', '.join(net.SEND_TYPES)}")
    ip, colon, port = address.rpartition(":")
    if not colon or not ip or not (port.isascii() and port.isdecimal()):
        raise ConfigError(f"{call}: an address is IP:PORT, such as 239.1.2.3:15004; IPv6 as [2001:db8::1]:15004")
    where = check_receiving(ip.removeprefix("[").removesuffix("]"), int(port), kind, card, call)
    return net.Path(kind, where.ip, where.port, where.netcard, source, feed, feed_id)


def _run(args: argparse.Namespace) -> int:
    paths = [path((args.send_type, args.address), args.card, args.feed, args.feed_id, args.source)]
    if args.b:
        paths.append(path(args.b, args.card_b, args.feed_b, args.feed_id_b, args.source_b))
    elif args.card_b or args.feed_b or args.feed_id_b or args.source_b:
        raise ConfigError("aats receive: --card-b, --feed-b, --feed-id-b and --source-b are for a second path: name it with --b")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    config = net.ReceiverConfig(
        paths=tuple(paths),
        name=args.name,
        repair=not args.no_repair,
        hold_ms=args.hold_ms,
        busy_poll_us=args.busy_poll,
        buffer_sz=args.buffer,
        timestamps=args.timestamps,
        linger_s=args.linger,
    )
    return net.main(config)
