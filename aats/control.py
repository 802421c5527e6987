"""Who runs here: joining the table, listing, commanding, starting and stopping processes.

For: services, tools and the command line; this is the face of ``table``, ``member``, ``roster`` and ``launch``.  Not for the network: ``aats.control_server``.

    with control.join(Role.FEED, "binance", mode=Mode.DIRECT) as me:    # BOOT; SlotTaken if a living one has the name
        segment = me.create_md(level_max=20, venue="BINANCE")           # a new generation, announced; the old one retired
        me.ready("stream.binance.com, 3 symbols")                       # RUN
        while running:
            me.beat()                                                   # or the C loop: aats_ctl_beat(me.slot, now)
            me.tick()                                                   # reaps the dead, once a second
            command = me.poll_command()                                 # then me.reply(code, text)

    control.processes()                     what `aats ps` shows
    control.find_feeds(mode=Mode.SIM)       feeds that live, oldest first
    control.command(entry, Command.STOP)    the command word of another process
    control.spawn(Role.FEED, ["feed", f])   a process of its own, waited for until it says RUN
    control.kill(pid)                       politely, then by force; only what is in the table
"""

from __future__ import annotations

from aats.launch import Child, bind_to_parent, end_of, kill, note_end, spawn
from aats.member import Member, join
from aats.roster import Feed, command, entry_of_pid, find_feeds, processes
from aats.table import Entry, Table, tidy

__all__ = [
    "Child",
    "Entry",
    "Feed",
    "Member",
    "Table",
    "bind_to_parent",
    "command",
    "end_of",
    "entry_of_pid",
    "find_feeds",
    "join",
    "kill",
    "note_end",
    "processes",
    "spawn",
    "tidy",
]
