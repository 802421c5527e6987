"""Everything that a strategy can do with a message, done; run as a script, by any Python for which the extension was built.

    python cases.py        prints one JSON object: {"kind/case": "ok" or what was wrong, ...}

It needs ``aats._ffi`` and nothing else of the package: the feed it reads lives in private memory.  Each case is a function ``(msg, keep, n)`` that is
called with every message after that message was compared, keys in order and values, with a model; what it hands to ``keep`` must look the same at the end
of the run as it did then.  So a case fails if a message comes out wrong, and if something kept changes under the strategy's hands.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import warnings
from typing import Any

from aats._ffi import check, ffi, lib, types

EVENTS = 12
SYMBOL = "BTCUSDT.BINANCE"


class PrivateFeed:
    """One symbol, one link, in memory of this process."""

    def __init__(self, level: int = 5) -> None:
        size = lib.aats_md_size(64, level, 4)
        self.memory = ffi.new("char[]", size + 64)
        at = int(ffi.cast("uintptr_t", self.memory))
        self.base = ffi.cast("char *", (at + 63) // 64 * 64)
        self.size = size
        me = lib.aats_ident(1, 1)
        check(lib.aats_seg_init(self.base, size, lib.AATS_KIND_MD, b"feed", 7, me, 1, b"boot", b"1"), "segment")
        params = ffi.new("aats_md_params_t *", {"ring_depth": 64, "level_max": level, "dir_cap": 4, "venue": b"BINANCE"})
        check(lib.aats_md_init(self.base, params), "md")
        lib.aats_seg_ready(self.base)
        self.view = ffi.new("aats_md_view_t *")
        check(lib.aats_md_attach(self.base, size, self.view, ffi.NULL, 0), "view")
        self.writer = ffi.new("aats_ring_writer_t *")
        check(lib.aats_ring_open(self.writer, self.view), "ring")
        entry = ffi.new(
            "aats_dir_t *", {"symbol": SYMBOL.encode(), "native": b"BTCUSDT", "px_exp": -2, "qty_exp": -3, "level_num": level, "state": 2}
        )
        check(lib.aats_dir_add(self.view, entry), "directory")
        self.slot = ffi.new("aats_slot_t *")
        self.slot.owner = me | lib.AATS_STATE_RUN
        self.slot.generation = 7
        self.beat()
        self.view.md.links[0].up = 1

    def beat(self) -> None:
        self.view.md.links[0].heard_mono_ns = lib.aats_mono_ns()
        lib.aats_ctl_beat(self.slot, lib.aats_mono_ns())

    def publish(self, kind: int, flags: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]], **fields: int) -> None:
        rec = ffi.new("aats_rec_t *", {"kind": kind, "flags": flags, "bid_len": len(bids), "ask_len": len(asks), **fields})
        rec.pub_ns = lib.aats_now_ns()
        levels = [ffi.new("aats_level_t[]", max(1, len(side))) for side in (bids, asks)]
        for out, side in zip(levels, (bids, asks)):
            for at, (px_i, qty_i) in enumerate(side):
                out[at].px_i, out[at].qty_i = px_i, qty_i
        self.pub_ns = rec.pub_ns
        check(lib.aats_md_publish(self.writer, rec, *levels), "publish")
        self.beat()


# ------------------------------------------------------------------------------------------------- kinds of message


def send_quote(feed: PrivateFeed, n: int) -> dict[str, Any]:
    """Publish quote n and return the message that must come of it; some books are thin."""
    depth = (5, 4) if n % 6 == 5 else (5, 5)
    bids = [(193200 + n * 7 - i, 1000 + n * 13 + i) for i in range(depth[0])]
    asks = [(193300 + n * 7 + i, 3000 + n * 17 + i) for i in range(depth[1])]
    feed.publish(lib.AATS_REC_QUOTE, lib.AATS_F_VALID, bids, asks, seq=n + 1)
    want: dict[str, Any] = {"type": "onQuote", "cid": 1001, "length": 5}
    for name, side in (("bid", bids), ("ask", asks)):
        for i, (px_i, qty_i) in enumerate(side):
            want[f"{name}_{i}_qty"] = qty_i / 1000
            want[f"{name}_{i}_px"] = px_i / 100
    return want


def send_tick(feed: PrivateFeed, n: int) -> dict[str, Any]:
    buyer = n % 4 != 3
    feed.publish(lib.AATS_REC_TICK, lib.AATS_F_VALID | (lib.AATS_F_BUYER if buyer else 0), [], [], seq=n + 1, px_i=5000 + n, qty_i=70 + n)
    return {"type": "onTick", "cid": 1001, "tradeType": 1 if buyer else -1, "qty": (70 + n) / 1000, "px": (5000 + n) / 100}


def send_bbo(feed: PrivateFeed, n: int) -> dict[str, Any]:
    feed.publish(lib.AATS_REC_BBO, lib.AATS_F_VALID, [(100 + n, 5 + n)], [(200 + n, 6 + n)], seq=n + 1, exch_ns=2**60 + n, recv_ns=n)
    prices = {"bid_px": (100 + n) / 100, "bid_qty": (5 + n) / 1000, "ask_px": (200 + n) / 100, "ask_qty": (6 + n) / 1000}
    return {"type": "onBbo", "cid": 1001, **prices, "exch_ns": 2**60 + n, "recv_ns": n, "pub_ns": feed.pub_ns}


def send_l2(feed: PrivateFeed, n: int) -> dict[str, Any]:
    last = n % 2 == 1
    feed.publish(
        lib.AATS_REC_L2, lib.AATS_F_VALID | (lib.AATS_F_LAST if last else 0), [], [], seq=2**62 + n, px_i=100 + n, qty_i=n, side=n % 3 == 1
    )
    side = "ask" if n % 3 == 1 else "bid"
    times = {"exch_ns": 0, "recv_ns": 0, "pub_ns": feed.pub_ns}
    return {"type": "onL2", "cid": 1001, "side": side, "px": (100 + n) / 100, "qty": n / 1000, "seq": 2**62 + n, "last": last, **times}


KINDS = {
    "onQuote": (send_quote, "bid_0_px", "ask_0_px"),
    "onTick": (send_tick, "px", "qty"),
    "onBbo": (send_bbo, "bid_px", "ask_px"),
    "onL2": (send_l2, "px", "qty"),
}
ORDER = ("onQuote", "onTick", "onNotify", "onBbo", "onL2", "onTimer", "onBookInvalid", "onLap", "onFeedDown", "onFeedUp")


# ----------------------------------------------------------------------------------------------------------- cases


class Keep:
    """What the strategy has kept, and how it looked; `a` and `b` are two float keys of the kind."""

    def __init__(self, a: str, b: str) -> None:
        self.a, self.b = a, b
        self.things: list[tuple[Any, str]] = []  # the text is all that is remembered: a copy would hold the very values
        self.odd: list[Any] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, thing: Any) -> None:
        self.things.append((thing, repr(thing)))

    def wrong(self) -> str:
        for thread in self.threads:
            thread.join()
        for thing, was in self.things:
            if repr(thing) != was:
                return f"kept {was}, it became {thing!r}"
        return ""


def nothing(msg, keep, n):
    pass


def read_all(msg, keep, n):
    sum(value for value in msg.values() if isinstance(value, float))


def keep_message(msg, keep, n):
    keep(msg)


def keep_every_third(msg, keep, n):
    if n % 3 == 0:
        keep(msg)


def keep_value(msg, keep, n):
    keep(msg[keep.a])


def keep_all_values(msg, keep, n):
    keep(list(msg.values()))


def keep_value_then_let_go(msg, keep, n):
    keep.odd.append(msg[keep.a])
    if n % 2:
        keep.odd.clear()


def assign_value(msg, keep, n):
    msg[keep.a] = 1.5


def assign_text(msg, keep, n):
    msg[keep.a] = "text"


def assign_equal_float(msg, keep, n):
    msg[keep.a] = float(repr(msg[keep.a]))


def assign_itself(msg, keep, n):
    msg[keep.a] = msg[keep.a]


def add_in_place(msg, keep, n):
    msg[keep.a] += 1


def assign_constant(msg, keep, n):
    msg["type"], msg["cid"] = "mine", 7


def delete_key(msg, keep, n):
    del msg[keep.a]


def delete_constant(msg, keep, n):
    del msg["cid"]


def add_key(msg, keep, n):
    msg["mid"] = n


def delete_and_put_back(msg, keep, n):
    value = msg[keep.a]
    del msg[keep.a]
    msg[keep.a] = value


def take_apart_and_rebuild(msg, keep, n):
    items = list(msg.items())
    msg.clear()
    msg.update(items)


def rebuild_in_another_order(msg, keep, n):
    items = list(msg.items())[::-1]
    msg.clear()
    msg.update(items)


def pop_and_keep(msg, keep, n):
    keep(msg.pop(keep.a))


def popitem(msg, keep, n):
    keep(msg.popitem())


def swap(msg, keep, n):
    msg[keep.a], msg[keep.b] = msg[keep.b], msg[keep.a]


def keep_value_and_replace_key(msg, keep, n):
    keep(msg[keep.a])
    msg[keep.a] = 0.25


def one_float_under_two_keys(msg, keep, n):
    msg[keep.a] = msg[keep.b]


def clear(msg, keep, n):
    msg.clear()


def update(msg, keep, n):
    msg.update({keep.a: 9.0, "new": 1})


def or_equals(msg, keep, n):
    msg |= {keep.b: 3.0}


def setdefault(msg, keep, n):
    msg.setdefault("note", [n]).append(n)


def keep_copy(msg, keep, n):
    keep(msg.copy())
    keep(dict(msg))


def keep_items_view(msg, keep, n):
    keep.odd.append(msg.items())
    keep(list(keep.odd[-1]))


def keep_values_view(msg, keep, n):
    view = msg.values()
    keep.odd.append((view, repr(list(view))))
    for old, was in keep.odd:
        assert repr(list(old)) == was, (list(old), was)


def keep_keys_view(msg, keep, n):
    keep.odd.append(msg.keys())


def keep_iterator(msg, keep, n):
    iterator = iter(msg)
    next(iterator)
    keep.odd.append(iterator)


def keep_values_iterator(msg, keep, n):
    iterator = iter(msg.values())
    next(iterator)
    keep.odd.append((iterator, repr(list(msg.values())[1:])))


def finish_iterators_later(msg, keep, n):
    for iterator, rest in keep.odd:
        assert repr(list(iterator)) == rest
    keep.odd.clear()
    keep_values_iterator(msg, keep, n)


def iterate_and_let_go(msg, keep, n):
    for _ in msg.items():
        break


def keep_in_generator(msg, keep, n):
    def frame():
        mine = msg
        was = repr(mine)
        yield
        assert repr(mine) == was
        yield

    generator = frame()
    next(generator)
    for old in keep.odd:
        next(old)
    keep.odd = [generator]


def keep_in_closure(msg, keep, n):
    was = repr(msg)
    for look in keep.odd:
        assert look()
    keep.odd = [lambda: repr(msg) == was]


def keep_in_exception(msg, keep, n):
    try:
        raise ValueError(msg)
    except ValueError as exc:
        keep.odd.append(exc)
        keep(msg)


def keep_in_frame(msg, keep, n):
    keep.odd.append(sys._getframe())
    keep(msg)


def keep_as_namespace(msg, keep, n):
    class Thing:
        pass

    thing = Thing()
    thing.__dict__ = msg
    setattr(thing, keep.a, 4.0)
    keep(msg)


def use_as_globals(msg, keep, n):
    exec("extra = 1", msg)


def pass_as_keywords(msg, keep, n):
    keep((lambda **kw: kw)(**msg))


def put_object_with_del(msg, keep, n):
    class Angry:
        def __del__(self):
            keep.odd.append("gone")

    msg["angry"] = Angry()


def put_object_whose_del_writes_back(msg, keep, n):
    class Angry:
        def __init__(self, home):
            self.home = home

        def __del__(self):
            self.home.clear()

    msg[keep.a] = Angry(msg)


def del_that_collects(msg, keep, n):
    class Angry:
        def __del__(self):
            gc.collect()

    msg[keep.a] = Angry()


def put_itself(msg, keep, n):
    msg["self"] = msg


def other_thread_keeps(msg, keep, n):
    thread = threading.Thread(target=keep, args=(msg,))
    keep.threads.append(thread)
    thread.start()


def other_thread_writes(msg, keep, n):
    thread = threading.Thread(target=msg.__setitem__, args=(keep.a, -1.0))
    keep.threads.append(thread)
    thread.start()
    if n % 2:
        thread.join()


def other_thread_lets_go_late(msg, keep, n):
    gate = threading.Event()
    was = repr(msg)

    def hold(mine):
        gate.wait(0.02)
        if repr(mine) != was:
            keep.things.append((mine, was))

    thread = threading.Thread(target=hold, args=(msg,))
    keep.threads.append(thread)
    thread.start()


def collect(msg, keep, n):
    gc.collect()


def keep_all_that_gc_knows(msg, keep, n):
    keep.odd.append(gc.get_referents(msg))
    keep(keep.odd[-1])


CASES = [
    value
    for value in list(globals().values())
    if callable(value) and getattr(value, "__code__", None) and value.__code__.co_varnames[:3] == ("msg", "keep", "n")
]


# ------------------------------------------------------------------------------------------------------------- runs


def engine(feed: PrivateFeed, callbacks: list[dict[str, Any]], level: int = 5) -> Any:
    """Return a loop over the feed with one strategy for each dict of callbacks."""
    memory = ffi.new("uint64_t[]", lib.aats_reader_footprint(1) // 8 + 1)
    reader = lib.aats_reader_init(memory, 1)
    check(lib.aats_reader_add(reader, SYMBOL.encode(), 1001, level, 7), "symbol")
    check(lib.aats_reader_bind(reader, 0, 0), "bind")
    check(lib.aats_reader_attach(reader, 0, feed.base, feed.size, feed.slot, ffi.NULL, 0), "attach")
    info = types["SymbolInfo"](1001, SYMBOL, level)
    loop = types["Loop"](int(ffi.cast("uintptr_t", reader)), [info], ["feed"], None, (memory, feed))
    for one in callbacks:
        loop.add(tuple(one.get(name) for name in ORDER))
    loop.run(drain=True)
    return loop


def run_case(kind: str, case: Any) -> str:
    send, a, b = KINDS[kind]
    keep, want, wrong = Keep(a, b), [{}], []

    def callback(msg: dict[str, Any]) -> None:
        n = want[0]["n"]
        if list(msg.items()) != list(want[0]["msg"].items()) or [type(v) for v in msg.values()] != [
            type(v) for v in want[0]["msg"].values()
        ]:
            wrong.append(f"event {n}: {msg!r}, expected {want[0]['msg']!r}")
        case(msg, keep, n)

    feed = PrivateFeed()
    loop = engine(feed, [{kind: callback}, {kind: lambda msg: callback(dict(msg)) if case is nothing else None}])
    for n in range(EVENTS):
        want[0] = {"n": n, "msg": send(feed, n)}
        loop.run(drain=True)
    if case is nothing and loop.made_cnt > 8 and lib.aats_py_reuse(1):  # one a strategy, side or length: else nothing of this is tested
        wrong.append(f"{loop.made_cnt} messages made for {2 * EVENTS}: they are not reused")
    del loop
    gc.collect()
    return "; ".join(wrong[:2]) or keep.wrong() or "ok"


def neighbour() -> str:
    """What one strategy does to its message, another one's never shows."""
    feed, wrong, want = PrivateFeed(), [], [{}]

    def vandal(msg):
        msg.clear()
        msg["x"] = 1

    def witness(msg):
        if msg != want[0]:
            wrong.append(repr(msg))

    loop = engine(feed, [{"onQuote": vandal}, {"onQuote": witness}, {"onQuote": vandal}])
    for n in range(EVENTS):
        want[0] = send_quote(feed, n)
        loop.run(drain=True)
    return wrong[0] if wrong else "ok"


def raising() -> str:
    """An exception leaves run() as it was raised; the next run goes on with the next message."""
    feed, seen = PrivateFeed(), []

    def callback(msg):
        seen.append(msg["bid_0_px"])
        if len(seen) == 2:
            raise LookupError("mine")

    loop = engine(feed, [{"onQuote": callback}])
    for n in range(4):
        want = send_quote(feed, n)
        try:
            loop.run(drain=True)
            raised = False
        except LookupError as exc:
            raised = str(exc) == "mine"
        if raised != (n == 1) or seen[-1] != want["bid_0_px"] or len(seen) != n + 1:
            return f"event {n}: raised {raised}, seen {seen}"
    return "ok"


def references() -> str:
    """Nothing leaks: after the loop is gone, so are its messages and everything put into them."""
    import weakref

    class Thing:
        pass

    feed, things = PrivateFeed(), []

    def callback(msg):
        thing = Thing()
        things.append(weakref.ref(thing))
        msg["thing"] = thing

    loop = engine(feed, [{"onQuote": callback}])
    for n in range(EVENTS):
        send_quote(feed, n)
        loop.run(drain=True)
    del loop
    gc.collect()
    alive = sum(ref() is not None for ref in things)
    return "ok" if len(things) == EVENTS and alive == 0 else f"{alive} of {len(things)} alive"


def main() -> dict[str, str]:
    warnings.simplefilter("ignore")
    out = {}
    for reuse in (1, 0):
        lib.aats_py_reuse(reuse)
        for kind in KINDS:
            for case in CASES:
                try:
                    out[f"{kind}/{case.__name__}{'' if reuse else '/plain'}"] = run_case(kind, case)
                except BaseException as exc:
                    out[f"{kind}/{case.__name__}{'' if reuse else '/plain'}"] = f"{type(exc).__name__}: {exc}"
    lib.aats_py_reuse(1)
    for extra in (neighbour, raising, references):
        out[extra.__name__] = extra()
    return out


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=0)
