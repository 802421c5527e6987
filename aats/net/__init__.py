"""Receiving: a feed of another host in an md segment of this one.

For: ``aats receive`` and whoever starts one.  Not for sending (``aats.feed``), not for order, loss and repair (csrc/app/recv.h).

    options.py    Path, ReceiverConfig: what a receiver is told
    receiver.py   Receiver: the process around the C loop
    look.py       what ``aats net`` shows of feeds that send and of receivers
"""

from __future__ import annotations

from aats.net.look import network
from aats.net.options import SEND_TYPES, Path, ReceiverConfig, name_of
from aats.net.receiver import Receiver, main

__all__ = ["SEND_TYPES", "Path", "Receiver", "ReceiverConfig", "main", "name_of", "network"]
