"""The keys that a supervisor holds, by account, and where the journals of each strategy are.

For: ``aats.supervisor_process``.  Not for the way they come in (``aats.supervisor_keys``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aats import config, journal, keys, orders
from aats._ffi import ffi
from aats.errors import AatsError, ConfigError, ControlError
from aats.layout import Mode
from aats.supervisor_job import Job
from aats.supervisor_keys import Locked
from aats.venue import Endpoints

__all__ = ["Key", "KeyRing"]


def _memcmp(one: Any, other: Any, size: int) -> bool:
    """Return whether two pieces of memory differ, without copying either."""
    with memoryview(ffi.buffer(one, size)) as a, memoryview(ffi.buffer(other, size)) as b:
        return a != b


@dataclass
class Key:
    """The key of one account, and where its orders go.  The secret stands in `pages` alone."""

    account: str
    venue: str
    mode: str
    wsapi: str
    cafile: str
    pages: Locked = field(repr=False)
    key_sz: int = field(repr=False)
    secret_sz: int = field(repr=False)
    rest: str = ""
    private: str = ""

    @property
    def key(self) -> Any:
        return self.pages.pointer

    @property
    def secret(self) -> Any:
        return self.pages.pointer + self.key_sz

    @property
    def passphrase(self) -> Any:
        """Empty where the venue wants none: the pages end with zeros."""
        return self.pages.pointer + self.key_sz + self.secret_sz

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.rest, "", self.wsapi, self.private)

    def same(self, other: Key) -> bool:
        """Return whether the other one leads to the same place with the same secret."""
        mine, its = self.pages.memory, other.pages.memory
        return (
            (self.wsapi, self.rest, self.private, self.cafile) == (other.wsapi, other.rest, other.private, other.cafile)
            and len(mine) == len(its)
            and not _memcmp(self.pages.pointer, other.pages.pointer, len(mine))
        )


class KeyRing:
    """The keys that were handed over, by account; and where the journals of each strategy are."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._folders: dict[tuple[str, str], Path] = {}

    def __repr__(self) -> str:
        return f"<KeyRing {len(self._keys)} accounts>"

    def take(self, head: dict[str, Any], raw: Any, size: int) -> tuple[Key, bool]:
        """Keep what a frame brought (`raw`: key NUL secret NUL [passphrase NUL]).  Return it, and whether it is news: not known, or another.

        Raises
        ------
        ControlError
            It is not what it says.
        """
        words = {
            name: str(head.get(name, "")) for name in ("name", "account", "venue", "mode", "wsapi", "rest", "private", "cafile", "journal")
        }
        with memoryview(ffi.buffer(raw, size)) as view:
            ends = [at for at in range(size) if view[at] == 0]
            if len(ends) not in (2, 3) or ends[-1] != size - 1 or ends[0] == 0:
                raise ControlError("a key and its secret are expected behind the head")
            digest = hashlib.sha256(view[: ends[0]]).hexdigest()[:8]
        if not words["account"].startswith(f"{words['venue'].lower()}-{digest}"):
            raise ControlError(f"the key is not that of account {words['account'] or '(none)'}")
        pages = Locked(size + 1)
        ffi.memmove(pages.pointer, raw, size)
        key = Key(
            words["account"], words["venue"], words["mode"].lower(), words["wsapi"], words["cafile"], pages, ends[0] + 1, ends[1] - ends[0],
            words["rest"], words["private"],
        )  # fmt: skip
        old = self._keys.get(key.account)
        changed = old is None or not key.same(old)
        if old is not None:
            old.pages.close()
        self._keys[key.account] = key
        if words["name"] and words["journal"]:
            self._folders.pop((words["name"], key.account), None)  # the newest stands last
            self._folders[words["name"], key.account] = Path(words["journal"])
        return key, changed

    def all_of(self, job: Job) -> dict[str, Key]:
        """Return the keys of a strategy's accounts by exchange, the seat's own first: handed over, else of the key file, if it is the same account's.

        Raises
        ------
        ConfigError
            One is missing: the seat's, or that of an exchange where the seat counts open orders.
        """
        found = {_exchange_of(job.account): self._keys.get(job.account) or self._from_file(job, job.account)}
        for account in self._beside(job.name, job.account):
            if account in self._keys:
                found.setdefault(self._keys[account].venue, self._keys[account])
        for exchange in sorted({symbol.rpartition(".")[2] for symbol in job.open} - set(found)):
            found[exchange] = self._from_file(job, "", exchange)
        return found

    def _beside(self, name: str, account: str) -> list[str]:
        """Return the other accounts of the strategy with a seat on `account`, newest first: all its runs' journals are in that account's folder."""
        own = self._folders.get((name, account))
        return [one for (whose, one), folder in reversed(self._folders.items()) if whose == name and one != account and folder == own]

    def _from_file(self, job: Job, account: str, exchange: str = "") -> Key:
        """Return the key of an account, or where its name is not known that of one on an exchange where the strategy has had a journal's folder."""
        exchange, mode = exchange or _exchange_of(account), Mode(job.mode).name.lower()
        why = "the processes that had it are gone"
        try:
            found = keys.find(exchange, mode)
            its = journal.account_id(exchange, found.key)
            if its == account or (not account and (config.state_home() / "journal" / its / job.name).is_dir()):
                endpoints = orders.order_endpoints(exchange, mode)
                raw = b"".join(one.encode() + b"\0" for one in (found.key, found.secret, found.passphrase))
                pages = Locked(len(raw) + 1)
                ffi.memmove(pages.pointer, raw, len(raw))
                self._keys[its] = Key(
                    its, exchange, mode, endpoints.wsapi, orders.cafile(), pages, len(found.key.encode()) + 1,
                    len(found.secret.encode()) + 1, endpoints.rest, endpoints.private,
                )  # fmt: skip
                self._folders[job.name, its] = self.folder(job)
                self._folders.setdefault((job.name, job.account), self.folder(job))
                return self._keys[its]
            why += f", and that of {found.origin} is another account's"
        except AatsError:
            pass
        what = f"account {account}" if account else f"{exchange}, where it has orders,"
        raise ConfigError(f"no key of {what} is here: {why}: start {job.name} again, or `aats flatten {exchange}`")

    def folder(self, job: Job) -> Path:
        """Return the folder of a strategy's journals."""
        return self._folders.get((job.name, job.account)) or config.state_home() / "journal" / job.account / job.name

    def keep(self, held: set[tuple[str, str]], connected: set[str]) -> None:
        """Forget the keys that nobody needs: all but those of the accounts of seats that are held, (name, account) each, and of who is connected."""
        needed = connected | {account for _, account in held} | {one for seat in held for one in self._beside(*seat)}
        for account in [one for one in self._keys if one not in needed]:
            self._keys.pop(account).pages.close()


def _exchange_of(account: str) -> str:
    return account.partition("-")[0].upper()
