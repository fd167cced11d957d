"""Reads a provider's invoice: CSV or JSON with the columns of ``COLUMNS``, tolerant of form, never of ambiguity.

Tolerated are the order and spelling of columns (case, blanks, hyphens), a byte order mark, the delimiters ``,`` ``;``
and tab, thousands separators, and columns we do not know, which are named. Refused, each with its file and line, is
whatever could mean two things: a number such as ``1,234`` that no other number of the file settles, a date such as
``01/10/2026``, a charge that comes twice. JSON is a list of objects, or ``{"lines": [...]}``; its numbers are read
exactly.

Whose days the dates are is not known here: they stay local dates until the account is known.

Public: ``COLUMNS``, ``Invoice``, ``InvoiceLine``, ``read_invoice``, ``parse_invoice``, ``require_new``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from collector.domain.instants import parse_instant
from collector.domain.money import CURRENCIES
from collector.errors import UsageError
from reports.invoice_json import json_lines
from reports.written_numbers import Marks, Written, sensible, unmistakable, written

COLUMNS = ("account", "meter", "period_start", "period_end", "quantity", "amount", "currency")
MOST_LINES = 100_000
_MOST_BYTES = 64 * 1024 * 1024
_NAMES = frozenset({"account", "meter", "period_start", "period_end"})
_FIGURES = ("quantity", "amount")
# Beyond these lie no bills, and midnights that some zone could not tell.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
_DELIMITERS = (",", ";", "\t")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """What was billed for one meter and period.

    Attributes:
        place: File and line, for messages.
        period_start, period_end: Half-open; local dates of the account, or instants.
        quantity, amount: At least one of them is there.
        currency: ISO 4217, or None for the account's.
        parts: The lines of the invoice that were added up in it; empty for a line that stands for itself.
    """

    place: str
    account: str
    meter: str
    period_start: date | datetime
    period_end: date | datetime
    quantity: Decimal | None
    amount: Decimal | None
    currency: str | None
    parts: tuple[InvoiceLine, ...] = ()

    @property
    def is_credit(self) -> bool:
        """True for a line that takes back what another one bills."""
        return (self.quantity or 0) < 0 or (self.amount or 0) < 0

    def repeats(self, other: InvoiceLine) -> bool:
        """Tell whether this line and ``other``, of the same period, cannot both count."""
        same = (self.quantity, self.amount, self.currency) == (other.quantity, other.amount, other.currency)
        return same or not (self.is_credit or other.is_credit)


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice's lines in the file's order, and the names of columns that were ignored."""

    lines: tuple[InvoiceLine, ...]
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Raw:
    """One line before its figures are understood: text, or an exact number of JSON."""

    place: str
    fields: Mapping[str, str | Decimal]


def read_invoice(path: Path) -> Invoice:
    """Read the invoice at ``path``.

    Raises:
        UsageError: The file cannot be read, or a line of it cannot be meant as it stands.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read the invoice {path}: {reason}") from None
    return parse_invoice(content, path.name)


def parse_invoice(content: bytes, name: str) -> Invoice:
    """Read an invoice from the bytes of the file ``name``.

    Raises:
        UsageError: It is no invoice, or a line of it cannot be meant as it stands.
    """
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{name} is larger than {_MOST_BYTES // 1024**2} MiB; that is no invoice")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{name}, line {line}: not UTF-8; save the file as CSV in UTF-8") from None
    records = json_lines(text, name) if text.lstrip()[:1] in {"[", "{"} else _csv_lines(text, name)
    raw, ignored = _known_columns(records)
    numbers = {(index, key): _written(one, key) for index, one in enumerate(raw) for key in _FIGURES}
    marks = Marks.shown_by(each for each in numbers.values() if each is not None)
    lines = tuple(
        _line(one, [_figure(one, key, numbers[index, key], marks) for key in _FIGURES]) for index, one in enumerate(raw)
    )
    _require_each_once(lines)
    return Invoice(lines, ignored)


def _csv_lines(text: str, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and fields of each line that is not blank."""
    delimiter = _delimiter(text, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    before = 0
    try:
        for row in reader:
            place = f"{name}, line {before + 1}"
            before = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = row
                continue
            if len(row) != len(header):
                raise UsageError(
                    f"{place}: has {len(row)} fields where the header has {len(header)}; a number with a "
                    f"{delimiter!r} in it needs quotes"
                )
            yield place, _paired(header, row, name)
    except csv.Error as error:
        raise UsageError(f"{name}, line {max(1, reader.line_num)}: not CSV: {error}") from None


def _delimiter(text: str, name: str) -> str:
    """Return the delimiter by which the header names most of our columns."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    found = {one: {_name(cell.strip("\"' ")) for cell in header.split(one)} for one in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda one: len(found[one].intersection(COLUMNS)))
    missing = sorted(_NAMES - found[best])
    if missing or not found[best].intersection(_FIGURES):
        lacking = ", ".join(missing) or "quantity or amount"
        raise UsageError(f"{name}, line 1: the header lacks {lacking}; an invoice has the columns {', '.join(COLUMNS)}")
    return best


@lru_cache(256)
def _name(header: str) -> str:
    return re.sub(r"[\s_-]+", "_", header.strip().casefold())


def _paired(header: Sequence[str], row: Sequence[str], name: str) -> dict[str, str]:
    names = [_name(cell) for cell in header]
    twice = next((one for one in names if one in COLUMNS and names.count(one) > 1), None)
    if twice is not None:
        raise UsageError(f"{name}, line 1: the column {twice} comes twice")
    return dict(zip(names, (cell.strip() for cell in row), strict=True))


def _known_columns(
    records: Iterable[tuple[str, Mapping[str, str | Decimal]]],
) -> tuple[list[_Raw], tuple[str, ...]]:
    raw: list[_Raw] = []
    ignored: dict[str, None] = {}
    for place, fields in records:
        if len(raw) == MOST_LINES:
            raise UsageError(f"{place}: an invoice of more than {MOST_LINES:,} lines is not read")
        known = {_name(key): value for key, value in fields.items()}
        if len(known) < len(fields):
            raise UsageError(f"{place}: a column comes twice, spelled differently")
        ignored |= dict.fromkeys(ascii(key)[1:-1] for key in known if key and key not in COLUMNS)
        raw.append(_Raw(place, {key: value for key, value in known.items() if key in COLUMNS and value != ""}))
    return raw, tuple(ignored)


def _written(raw: _Raw, key: str) -> Written | None:
    value = raw.fields.get(key)
    if value is None:
        return None
    try:
        return Written(sensible(value)) if isinstance(value, Decimal) else written(value)
    except ValueError as error:
        raise UsageError(f"{raw.place}: {key} {error}") from None


def _figure(raw: _Raw, key: str, number: Written | None, marks: Marks) -> Decimal | None:
    if number is None:
        return None
    value = number.read(marks)
    if value is not None:
        return value
    one, other = (reading for _, reading in number.readings)
    why = "its other numbers use both marks" if marks.contradicted else "no other number of the file shows which"
    raise UsageError(
        f"{raw.place}: {key} {raw.fields[key]!r} may be {one} or {other}, and {why}; "
        f"write {unmistakable(one)} or {unmistakable(other)}"
    )


def _line(raw: _Raw, figures: Sequence[Decimal | None]) -> InvoiceLine:
    quantity, amount = figures
    if quantity is None and amount is None:
        raise UsageError(f"{raw.place}: has neither quantity nor amount")
    start, end = _moment(raw, "period_start"), _moment(raw, "period_end")
    if type(start) is type(end) and start >= end:
        raise UsageError(
            f"{raw.place}: the period from {start} to {end} holds nothing; "
            "period_end is the day or instant to stop before"
        )
    return InvoiceLine(
        raw.place, _text(raw, "account"), _text(raw, "meter"), start, end, quantity, amount, _currency(raw)
    )


def _text(raw: _Raw, key: str) -> str:
    value = raw.fields.get(key)
    if not isinstance(value, str):
        raise UsageError(f"{raw.place}: {key} must be text" if key in raw.fields else f"{raw.place}: {key} is missing")
    if not value.isprintable():
        raise UsageError(f"{raw.place}: {key} has characters that cannot be shown: {value[:40]!a}")
    return value


def _moment(raw: _Raw, key: str) -> date | datetime:
    text = _text(raw, key)
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else parse_instant(text)
    except ValueError:
        found = None
    if found is None or not _FIRST_YEAR <= found.year < _LAST_YEAR:
        raise UsageError(
            f"{raw.place}: {key} must be a date such as 2026-10-01 or an instant such as 2026-10-01T00:00:00Z; "
            f"found {text!r}"
        )
    if key == "period_end" and isinstance(found, datetime) and (found.minute, found.second) == (59, 59):
        raise UsageError(f"{raw.place}: period_end is the instant to stop before; write the full hour after {text}")
    return found


def _currency(raw: _Raw) -> str | None:
    if "currency" not in raw.fields:
        return None
    text = _text(raw, "currency")
    if _CURRENCY.fullmatch(text) is None:
        raise UsageError(f"{raw.place}: currency must be three letters such as EUR; found {text!r}")
    if text.upper() not in CURRENCIES:
        raise UsageError(
            f"{raw.place}: {text!r} is no currency of ISO 4217 with a minor unit; write a code such as EUR"
        )
    return text.upper()


def _require_each_once(lines: Iterable[InvoiceLine]) -> None:
    """Refuse a period that is charged twice; a charge and a credit of one period may stand together."""
    seen: dict[tuple[object, ...], list[InvoiceLine]] = {}
    for line in lines:
        before = seen.setdefault((line.account, line.meter, line.period_start, line.period_end), [])
        require_new(line, before)
        before.append(line)


def require_new(line: InvoiceLine, before: Iterable[InvoiceLine]) -> None:
    """Refuse a line that bills what a line before it, of the same period, bills already.

    Raises:
        UsageError: Both are charges, or their figures are the same.
    """
    other = next((one for one in before if line.repeats(one)), None)
    if other is not None:
        raise UsageError(
            f"{line.place}: bills {line.account}/{line.meter} for the same period as {other.place}; which one counts "
            "must be said by removing the other"
        )
