"""Reads the rows of a file to import: whose they are, when, and what they say; or names the line that cannot be meant.

A million rows pass here one by one, so what nearly all of them need comes first and is cheap, and what few of them need
is in functions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from collector.app.import_cells import Cells, shown
from collector.domain.instants import SECOND, format_instant, instant_of, micros_of, parse_instant
from collector.domain.quantities import parse_quantity
from collector.errors import UsageError
from collector.store.importing import NOTHING, Series
from collector.store.staging import StagedRecord, StagedSnapshot

CHUNK = 5000
_MOST_DAYS = 10_000
_SURELY_FITS = 18  # digits
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST = {"request_id": 200, "status": 100}  # as the providers' parsers allow

_Value = TypeVar("_Value")


class Names:
    """The accounts and meters that are known, and numbers for those that a file names.

    Args:
        known: The scale of each meter by account and name.

    Attributes:
        series: What was named so far, by number.
    """

    def __init__(self, known: Mapping[str, Mapping[str, int]]) -> None:
        self._known = known
        self._numbers: dict[tuple[str, str], int] = {}
        self.series: list[Series] = []

    def meter(self, account: str, meter: str) -> int:
        """Return the number of a meter.

        Raises:
            UsageError: The account or the meter is unknown.
        """
        found = self._numbers.get((account, meter))
        return self._new(account, meter) if found is None else found

    def account(self, account: str) -> int:
        """Return the number of an account.

        Raises:
            UsageError: It is unknown.
        """
        found = self._numbers.get((account, ""))
        return self._new(account, None) if found is None else found

    def _new(self, account: str, meter: str | None) -> int:
        meters = self._known.get(account)
        if meters is None:
            raise UsageError(
                f"no account is called {shown(account)} (known: {', '.join(sorted(self._known)) or 'none'})"
            )
        if meter is not None and meter not in meters:
            raise UsageError(f"{account} has no meter {shown(meter)} (known: {', '.join(sorted(meters)) or 'none'})")
        self.series.append(Series(account, meter or "", 0 if meter is None else meters[meter]))
        return self._numbers.setdefault((account, meter or ""), len(self.series) - 1)


class Instants:
    """Reads instants as microseconds since 1970 UTC; the usual form costs two look-ups.

    Args:
        latest: The last instant that can have been observed.
    """

    def __init__(self, latest: int) -> None:
        self._latest = latest
        self._days: dict[str, int] = {}
        self._times: dict[str, int] = {}

    def observed(self, text: str) -> int:
        """Return when something was observed.

        Raises:
            ValueError: It is no instant, before 1970 or in the future; the message is the rest of a sentence.
        """
        at = self.read(text)
        if at > self._latest:
            raise ValueError(
                f"lies in the future ({shown(text)}); nothing later than {format_instant(instant_of(self._latest))} can"
                " be imported, or polls would be refused until then"
            )
        if at < 0:
            raise ValueError(f"is before 1970 ({shown(text)})")
        return at

    def read(self, text: str) -> int:
        """Return an instant.

        Raises:
            ValueError: It is none; the message is the rest of a sentence.
        """
        if len(text) == 20 and text[19] == "Z":
            day, time = self._days.get(text[:11]), self._times.get(text[11:19])
            if day is not None and time is not None:
                return day + time
        return self._slowly(text)

    def optional(self, text: str) -> int | None:
        """Return an instant, or None for an empty text."""
        return self.read(text) if text else None

    def _slowly(self, text: str) -> int:
        try:
            at = micros_of(parse_instant(text))
        except ValueError:
            said = shown(text) if text else "nothing"
            raise ValueError(f"is not an instant such as 2026-01-31T23:59:59Z but {said}") from None
        if len(text) == 20 and text[10:11] == "T" and text[19] == "Z":
            time = at % (86_400 * SECOND)
            if len(self._days) > _MOST_DAYS:
                self._days.clear()
            self._days[text[:11]], self._times[text[11:19]] = at - time, time
        return at


def snapshots(rows: Iterable[tuple[int, Cells]], names: Names, instants: Instants) -> Iterator[StagedSnapshot]:
    """Yield the snapshots that rows of cells are.

    Raises:
        UsageError: A row names an unknown account or meter, or its instant or its value cannot be meant.
    """
    meter, observed, series = names.meter, instants.observed, names.series
    for line, (account, name, at, value) in rows:
        try:
            number = meter(account, name)
            if value.isdecimal() and value.isascii() and len(value) <= _SURELY_FITS and not series[number].scale:
                yield line, number, observed(at), int(value)
            else:
                yield line, number, observed(at), _quantity("value", value, series[number].scale)
        except ValueError as error:
            raise UsageError(f"line {line}: observed_at {error}; {NOTHING}") from None
        except UsageError as error:
            raise UsageError(f"line {line}: {error}; {NOTHING}") from None


def records(rows: Iterable[tuple[int, Cells]], names: Names, instants: Instants) -> Iterator[StagedRecord]:
    """Yield the request records that rows of cells are.

    Raises:
        UsageError: A row names an unknown account, or one of its cells cannot be meant.
    """
    for line, (account, request, status, created, completed, credits_used, first, last) in rows:
        try:
            number = names.account(account)
            seen = _cell("first_seen_at", instants.observed, first), _cell("last_seen_at", instants.observed, last)
            if seen[1] < seen[0]:
                raise UsageError("last_seen_at is before first_seen_at")
            yield (
                line,
                number,
                _text("request_id", request),
                _text("status", status),
                _cell("created_at", instants.optional, created),
                _cell("completed_at", instants.optional, completed),
                _quantity("credits_used", credits_used, 0) if credits_used else None,
                *seen,
            )
        except UsageError as error:
            raise UsageError(f"line {line}: {error}; {NOTHING}") from None


def _quantity(column: str, text: str, scale: int) -> int:
    try:
        return parse_quantity(text, scale)
    except ValueError as error:
        raise UsageError(f"{column} {error}{f': {shown(text)}' if text else ''}") from None


def _cell(column: str, read: Callable[[str], _Value], text: str) -> _Value:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{column} {error}") from None


def _text(column: str, text: str) -> str:
    if not text:
        raise UsageError(f"{column} is empty")
    if len(text) > _LONGEST[column]:
        raise UsageError(f"{column} is longer than {_LONGEST[column]} characters")
    if _UNWANTED.search(text):
        raise UsageError(f"{column} holds a control character or half a character: {shown(text)}")
    return text


def in_chunks(rows: Iterable[_Value]) -> Iterator[list[_Value]]:
    """Yield ``rows`` in lists of ``CHUNK``."""
    left = iter(rows)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
