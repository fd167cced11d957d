"""Keeps polls that could not be stored: one file each, in order, until they are stored.

    <folder>/000000000007.acct.poll       the seventh, of the account ``acct``: a line with its digest, then JSON
    <folder>/000000000003.acct.torn       was cut short by a crash, and set aside
    <folder>/000000000005.acct.refused    the database takes others of the account, but never this one: set aside
    <folder>/000000000006.acct.unreadable could not be read, such as a file of root's; taken in again once it can
    <folder>/dropped                      how many could not even be kept

A file is whole or it is not there (written aside, synced, renamed, folder synced), and holds no key: what is kept is
what would have been stored. When the limit is reached, or the disk is full, the newest polls are dropped and counted,
not the oldest: a counter is its own sum, so the first poll after the fault still tells all usage, and its list most of
the requests, while requests that only the oldest lists showed could never be had again. Whoever takes polls out holds
the account's lease; the lock here only numbers what is put in.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.errors import StorageError
from collector.store.entries import FinishedPoll
from collector.store.safe_files import place_safely, private_folder
from collector.store.spool_format import parse, written
from collector.store.spool_listing import Listing

SPOOLED = "spooled"
"""The flag of a poll that was kept here before it was stored."""

_LOCK, _DROPPED, _TORN, _REFUSED, _UNREADABLE = ".lock", "dropped", ".torn", ".refused", ".unreadable"
# Not the file's fault: too many files are open, or memory is short.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Spooled:
    """A kept poll, why it was not stored, and its file."""

    poll: FinishedPoll
    why: str
    path: Path


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is in the spool.

    Attributes:
        count: Polls that wait to be stored.
        oldest: When the first of them was made, and ``why`` it was not stored.
        dropped: Polls that could not be kept since the spool was last empty.
        torn: Files that were cut short and set aside.
        accounts: Whose polls wait.
        refused: Polls that were set aside because the database refuses them for good, and ``refused_why``.
        unreadable: Files that could not be read and were set aside.
    """

    count: int = 0
    oldest: datetime | None = None
    why: str | None = None
    dropped: int = 0
    torn: int = 0
    accounts: frozenset[str] = frozenset()
    refused: int = 0
    refused_why: str | None = None
    unreadable: int = 0


class Spool:
    """The polls of one machine that could not be stored.

    Args:
        folder: Where they are kept; made when the first comes.
        limit: How many bytes may be kept.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._limit = limit
        self._listing = Listing(folder, frozenset({_LOCK, _DROPPED}))
        self._told: list[str] = []
        self._tidied = False

    def add(self, poll: FinishedPoll, why: str) -> Path:
        """Keep a poll behind those that are here, and return its file once it is safe.

        Raises:
            StorageError: It cannot be kept; it is counted as dropped.
        """
        data = written(poll, why)
        try:
            with self._locked():
                self._tidy()
                if self._listing.bytes + len(data) > self._limit:
                    raise StorageError(f"the spool {self.folder} is full ({self._limit:,} bytes)")
                path = self._free(poll.account)
                place_safely(path, data)
                self._listing.came(path.name, len(data))
                return path
        except OSError as error:
            self._count_dropped()
            raise StorageError(f"cannot write into the spool {self.folder}: {error.strerror}") from None
        except StorageError:
            self._count_dropped()
            raise

    def of_account(self, account: str) -> Iterator[Spooled]:
        """Yield the polls of an account that wait, in order; files that are torn are set aside.

        Raises:
            StorageError: None can be read at the moment.
        """
        self._take_in()
        for name in self._listing.polls():
            if name[13:-5] == account:
                path = self.folder / name
                found = self._read(path)
                if found is not None:
                    yield Spooled(*found, path)

    def remove(self, spooled: Spooled) -> None:
        """Forget a poll that is stored; should the power fail, it is found again and recognised as stored.

        Raises:
            StorageError: The file cannot be removed.
        """
        try:
            with self._locked():
                self._listing.look()
                spooled.path.unlink(missing_ok=True)
                self._listing.went(spooled.path.name)
            if not self._listing.polls():
                (self.folder / _DROPPED).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove {spooled.path}: {error.strerror}") from None

    def set_aside(self, spooled: Spooled, why: str) -> Path:
        """Take a poll out of the way that the database refuses for good, with the reason, and return its new file.

        Raises:
            StorageError: That cannot be done; it is still in the way.
        """
        path = spooled.path.with_suffix(_REFUSED)
        try:
            with self._locked():
                place_safely(path, written(spooled.poll, why))
                spooled.path.unlink(missing_ok=True)
                self._listing.changed()
        except OSError as error:
            raise StorageError(f"cannot set {spooled.path} aside: {error.strerror}") from None
        return path

    def accounts(self) -> frozenset[str]:
        """Return whose polls wait."""
        return frozenset(name[13:-5] for name in self._listing.polls())

    def told(self) -> list[str]:
        """Return what must be told of files that were set aside because they cannot be read, once."""
        told, self._told = self._told, []
        return told

    def waiting(self) -> Waiting:
        """Return what is here; nothing is changed."""
        names = self._listing.polls()
        oldest = next((found for name in names if (found := _parsed_file(self.folder / name)) is not None), None)
        refused = self._listing.ending(_REFUSED)
        first = _parsed_file(self.folder / refused[0]) if refused else None
        return Waiting(
            len(names),
            None if oldest is None else oldest[0].finished_at,
            None if oldest is None else oldest[1],
            self._dropped(),
            len(self._listing.ending(_TORN)),
            frozenset(name[13:-5] for name in names),
            len(refused),
            None if first is None else first[1],
            len(self._listing.ending(_UNREADABLE)),
        )

    def _free(self, account: str) -> Path:
        """Return the file of the next number; the lock is held."""
        number = self._listing.last
        while True:
            number += 1
            path = self.folder / f"{number:012}.{account}.poll"
            if not path.exists():
                return path

    def _tidy(self) -> None:
        """Remove, once, what a killed writer left: whoever writes holds the lock, which we have."""
        if not self._tidied:
            for left in self.folder.glob(".*.part"):
                left.unlink(missing_ok=True)
            self._tidied = True

    def _take_in(self) -> None:
        """Take in again what could not be read before."""
        for name in self._listing.ending(_UNREADABLE):
            path = self.folder / name
            with suppress(OSError):
                path.read_bytes()
                path.rename(path.with_suffix(".poll"))
                self._listing.changed()

    def _read(self, path: Path) -> tuple[FinishedPoll, str] | None:
        try:
            found = parse(path.read_bytes())
        except FileNotFoundError:
            self._listing.changed()
            return None
        except OSError as error:
            if error.errno in _OURS:
                raise StorageError(f"cannot read {path}: {error.strerror}") from None
            self._set_unreadable_aside(path, error)
            return None
        if found is None:
            with suppress(OSError):
                path.rename(path.with_suffix(_TORN))
            self._listing.changed()
        return found

    def _set_unreadable_aside(self, path: Path, error: OSError) -> None:
        aside = path.with_suffix(_UNREADABLE)
        try:
            path.rename(aside)
        except OSError:
            aside = path
        self._listing.changed()
        self._told.append(
            f"a kept poll cannot be read ({aside}: {error.strerror}); the others are stored. If it belongs to another "
            "user, as after `sudo collector poll`, give it to the collector's (`sudo chown`): it is taken in then"
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        private_folder(self.folder)
        handle = _opened(self.folder / _LOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _dropped(self) -> int:
        try:
            return int((self.folder / _DROPPED).read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def _count_dropped(self) -> None:
        """Count a poll that is lost; on a full disk the count may be lost with it."""
        with suppress(OSError), self._locked():
            place_safely(self.folder / _DROPPED, str(self._dropped() + 1).encode("ascii"))


def _opened(lock: Path) -> int:
    """Open a lock; one that another user made, such as root, is made anew."""
    how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(lock, how, 0o600)
    except PermissionError:
        lock.unlink()
        return os.open(lock, how, 0o600)


def _parsed_file(path: Path) -> tuple[FinishedPoll, str] | None:
    try:
        return parse(path.read_bytes())
    except OSError:
        return None
