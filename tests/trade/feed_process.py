"""A `SyntheticFeed` in a process of its own, for tests that kill, stop and lap it.

    python feed_process.py NAME SYMBOL,SYMBOL [LEVEL [RING_DEPTH]]

Takes one command a line on stdin and answers each with ``ok`` and a number: ``book SYM MID [DEPTH]``, ``invalid SYM``, ``tick SYM PX ID``, ``ticks SYM N``,
``generation``, ``quit``.  Beats by itself; after a sleep (SIGSTOP) it calls every book suspect before it beats again, as a feed must.
"""

from __future__ import annotations

import select
import sys
import time

from synthetic import SyntheticFeed

from aats.layout import Why

STALE_S = 0.5


def obey(feed: SyntheticFeed, words: list[str]) -> int:
    numbers = [int(word) for word in words[1:]]
    if words[0] == "book":
        return feed.book(*numbers)
    if words[0] == "invalid":
        return feed.invalid(*numbers)
    if words[0] == "tick":
        return feed.tick(numbers[0], numbers[1], 1000, buyer=True, seq=numbers[2])
    if words[0] == "ticks":
        return [feed.tick(numbers[0], 1, 1, buyer=False) for _ in range(numbers[1])][-1]
    if words[0] == "generation":
        feed.generation()
        return 0
    raise ValueError(words)


def main() -> None:
    name, symbols, *sizes = sys.argv[1:]
    level, ring_depth = ([int(size) for size in sizes] + [5, 64])[:2] if sizes else (5, 64)
    if len(sizes) == 1:
        ring_depth = 64
    feed = SyntheticFeed(name, symbols.split(","), level=level, ring_depth=ring_depth)
    print("ok 0", flush=True)
    beaten = time.monotonic()
    while True:
        now = time.monotonic()
        if now - beaten > STALE_S:
            for sym in range(len(feed.symbols)):
                feed.invalid(sym, Why.SUSPECT)
        feed.beat()
        beaten = now
        if not select.select([sys.stdin], [], [], 0.005)[0]:
            continue
        words = sys.stdin.readline().split()
        if not words or words[0] == "quit":
            break
        print("ok", obey(feed, words), flush=True)
    feed.close()


if __name__ == "__main__":
    main()
