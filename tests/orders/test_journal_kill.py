"""Processes that write journals and are killed at any moment: what they were told was written is there, and the next one goes on from it.

Instruction by instruction: tests/c/test_journal_kill.c.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aats import journal
from tests.orders.journals import SYMBOL, UNIT, wide

#: Writes order after order, each filled, and told but for every tenth; rotates often; says what has returned.
CHILD = """
import sys
from tests.orders.journals import *
write, writer = pen("killed")
lib.aats_journal_limit(writer.handle, 20000)
last = journal.carried(journal.scan(writer.path.parent)[:-1])
held = hold()
if last is not None:
    ffi.memmove(held, last.holds[0, SYMBOL].tobytes(), ffi.sizeof("aats_hold_t"))

def checkpoint(kept):
    write.put(JournalKind.HOLD, 0, held)
    for one, said in kept:
        write.intent(one)
        write.event(said)
    write.checked()

checkpoint([])
n, kept = 0, []
while True:
    n += 1
    one = order(n)
    write.intent(one)
    print("intent", n, flush=True)
    said = fill(one, n)
    write.event(said)
    lib.aats_hold_fill(held, said)
    print("fill", n, flush=True)
    if n % 10 == 0:
        kept.append((one, said))
    else:
        write.told(n)
        print("told", n, flush=True)
    if lib.aats_journal_full(writer.handle):
        write.rotate()
        checkpoint(kept)
        print("rotated", n, flush=True)
"""


def run_and_kill(home: Path, seconds: float) -> list[tuple[str, int]]:
    """Start one process, kill it after so long, and return what it said had returned."""
    env = {**os.environ, "AATS_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    said: list[tuple[str, int]] = []
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdout is not None
        assert child.stdout.readline(), "it has not begun"
        said.append(("intent", 1))
        killer = threading.Timer(seconds, child.send_signal, [signal.SIGKILL])
        killer.start()
        for line in child.stdout:
            word, _, number = line.partition(" ")
            if line.endswith("\n"):
                said.append((word, int(number)))
        killer.cancel()
    return said


@pytest.mark.parametrize("_", range(6))
def test_a_killed_process_leaves_every_order_and_fill_it_knew_of(_: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_HOME", str(tmp_path))
    folder, fills = journal.folder_of("binance-12345678", "killed"), 0
    for life in range(2):
        said = run_and_kill(tmp_path, random.uniform(0.001, 0.05))
        last = dict(said)
        run = journal.scan(folder)[-1]
        assert not run.ended and run.tail == 0 and run.checked and not run.running
        assert len(journal.scan(folder)) == life + 1
        begun = last["intent"]
        assert set(run.left) - {begun, begun + 1} == set(range(10, begun, 10)), "an order is forgotten, or told twice"
        assert begun in run.left or begun % 10 != 0
        filled = wide(run.holds[0, SYMBOL]["size"]) // UNIT - fills
        assert filled - last.get("fill", 0) in (0, 1), "a fill is lost, or counted twice"
        fills += filled
    assert len(run.parts) >= 1 + sum(word == "rotated" for word, _ in said)
