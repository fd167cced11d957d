"""The tree of errors: what went wrong decides the exit code, and whether trying again can help.

    CollectorError                    exit 1   the work failed
    ├── UsageError                    exit 2   wrong flags or arguments
    │   └── ConfigError               exit 2   wrong settings
    ├── NotEnoughDataError            exit 4   the question cannot be answered yet
    ├── StorageError                  exit 5   the database cannot be used
    │   ├── LeaseLostError            exit 5   another collector took the account over
    │   ├── SlowReadError             exit 5   a question took too long to read
    │   ├── ClockError                exit 5   the clock contradicts what is stored
    │   │   └── ImplausibleClockError exit 5   … or is of another age: going on would do harm
    │   ├── LockedError               exit 5   another keeps the database locked: waiting helps
    │   ├── SpooledError              exit 5   a poll could not be stored; it is kept until it can
    │   ├── RefusedError              exit 5   the database refuses these very facts: repeating cannot help
    │   ├── ConflictError             exit 5   the server gave our transaction up for another one: repeat it
    │   ├── DisconnectedError         exit 5   the server cannot be reached, or went away in mid-transaction
    │   └── FileReplacedError         exit 5   the database's file was deleted or replaced while it was in use
    ├── RevisionError                 exit 6   the schema is not the one this program needs
    ├── IntegrityError                exit 7   stored facts contradict each other
    │   └── LostTailError             exit 7   the database no longer has what it had acknowledged
    ├── NotifyError                   exit 1   a report could not be sent; trying again later may help
    │   └── PermanentNotifyError      exit 1   … and never will be: it was refused for good
    └── AskError                      exit 1   a provider could not be asked
        ├── TransientAskError                  trying again soon may help
        │   ├── RateLimitedError               … but not before `retry_after`
        │   └── ClockAheadError                our clock, or the provider's, is wrong by a day or more
        ├── TerminalAskError                   trying again soon cannot help
        ├── AnswerRejectedError                an answer came and is not what the documents promise
        └── InterruptedAskError                we were told to stop

Every message says what was attempted, what was found and what the operator can do. No message holds a key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar


class CollectorError(Exception):
    """Any failure this program knows how to explain."""

    exit_code: ClassVar[int] = 1


class UsageError(CollectorError):
    """A flag or an argument cannot be meant as it was given."""

    exit_code: ClassVar[int] = 2


class ConfigError(UsageError):
    """A setting is missing, unknown, unsafe or out of range."""


class NotEnoughDataError(CollectorError):
    """The stored history is too short or too old to answer."""

    exit_code: ClassVar[int] = 4


class StorageError(CollectorError):
    """The database cannot be opened, read or written."""

    exit_code: ClassVar[int] = 5


class LeaseLostError(StorageError):
    """The account was taken over by another collector while it was being polled; nothing was stored."""


class SlowReadError(StorageError):
    """A question took longer to read than anybody may take; asking for less may help."""


class FileReplacedError(StorageError):
    """The database's file, or its write-ahead log, was deleted, moved or replaced while it was in use.

    Trying again cannot help: only a new start knows which file is the right one.
    """


class ClockError(StorageError):
    """The clock is far behind what is already stored; nothing was stored."""


class ImplausibleClockError(ClockError):
    """The clock is of another age; going on would store values that keep every later poll out."""


class LockedError(StorageError):
    """Another program, or another thread, keeps the database from being written; it will not do so for ever."""


class SpooledError(StorageError):
    """A poll could not be stored and is kept in the spool; it is stored as soon as the database can be used."""


class RefusedError(StorageError):
    """The database can be used, but refuses these very facts; it will refuse them whenever they are given to it."""


class ConflictError(StorageError):
    """The server rolled our transaction back in favour of another one; the same transaction may be tried again."""


class DisconnectedError(StorageError):
    """The server cannot be reached or went away; a transaction that was being committed may be stored or not."""


class RevisionError(CollectorError):
    """The database's schema is older or newer than this program."""

    exit_code: ClassVar[int] = 6


class IntegrityError(CollectorError):
    """Stored facts contradict each other, or the file is damaged."""

    exit_code: ClassVar[int] = 7


class LostTailError(IntegrityError):
    """The database no longer has a poll that it had acknowledged: it is an older copy, or lost its end."""


class NotifyError(CollectorError):
    """A report could not be sent; trying again later may help, perhaps after somebody mended the settings."""


class PermanentNotifyError(NotifyError):
    """A report was refused for good: by the server for its content or its sender, or for every recipient."""


class AskError(CollectorError):
    """One asking of a provider failed.

    Attributes:
        outcome: The short code kept on the poll row, such as ``http_401`` or ``timeout_total``.
        http_status: The status line's number, if one arrived.
        body: The first bytes of the answer, for answers that are kept for inspection.
    """

    transient: ClassVar[bool] = False

    def __init__(
        self, outcome: str, message: str, *, http_status: int | None = None, body: bytes | None = None
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.http_status = http_status
        self.body = body


class TransientAskError(AskError):
    """A fault that may pass: a timeout, a broken connection, a 5xx."""

    transient: ClassVar[bool] = True


class RateLimitedError(TransientAskError):
    """The provider said 429, or 503 with the time to come back.

    Attributes:
        retry_after: How long the provider wants us to wait, at most one hour; None if it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None,
        outcome: str = "http_429",
        http_status: int = 429,
    ) -> None:
        super().__init__(outcome, message, http_status=http_status)
        self.retry_after = retry_after


class ClockAheadError(TransientAskError):
    """The answer is dated a day or more before our clock: one of the two is wrong, and nobody can tell which.

    Attributes:
        theirs: What the provider's clock says.
    """

    def __init__(self, outcome: str, message: str, *, theirs: datetime) -> None:
        super().__init__(outcome, message, http_status=200)
        self.theirs = theirs


class TerminalAskError(AskError):
    """A fault that stays until somebody acts: a refused key, a wrong address, a bad certificate."""


class AnswerRejectedError(AskError):
    """An answer arrived but is not what the provider's documents promise; it is kept on the poll row."""


class InterruptedAskError(AskError):
    """The asking was given up because the program was told to stop."""

    def __init__(self) -> None:
        super().__init__("interrupted", "the poll was given up because the program is stopping")
