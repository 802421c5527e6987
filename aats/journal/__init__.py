"""The journals of trade processes: where they lie, what an earlier run left behind, and a new one for this run.

For: whoever starts a strategy, shows its orders, or cancels what a dead one left.  Not for writing records: the trader does that (csrc/app/trader.h), in
the format of csrc/journal/journal.h.  A run has one file, ``<state>/journal/<account>/<strategy>/<instance, 16 hex>.aj``, and when that is full the next
one (``<instance>.1.aj`` ...), which begins with a checkpoint; the instance is the upper half of the client ids under which the venue knows the run's orders.

A file ends with END if its run left in order: nothing is open then.  Any other run was killed, or runs still.

    places   folders and names       records   bytes to records          runs     those of a folder
    write    a new journal, END      reading   files to a run            clean    what may go
                                                                         damage   why bytes are not believed

docs/journal.md says what holds after a kill, a crash of the system and a power cut.
"""

from aats.journal.clean import KEEP_BYTES, KEEP_DAYS, clean
from aats.journal.damage import why_not
from aats.journal.places import account_id, files_of, folder_of, folders, part_of
from aats.journal.reading import DayTotals, Left, Run, read_run
from aats.journal.records import HEAD, JournalKind, Record, has_ended, is_written, read, records
from aats.journal.runs import carried, scan, start_after
from aats.journal.write import SYNC, Writer, create, settle

__all__ = [
    "HEAD",
    "KEEP_BYTES",
    "KEEP_DAYS",
    "SYNC",
    "DayTotals",
    "JournalKind",
    "Left",
    "Record",
    "Run",
    "Writer",
    "account_id",
    "carried",
    "clean",
    "create",
    "files_of",
    "folder_of",
    "folders",
    "has_ended",
    "is_written",
    "part_of",
    "read",
    "read_run",
    "records",
    "scan",
    "settle",
    "start_after",
    "why_not",
]
