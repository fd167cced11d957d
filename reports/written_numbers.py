"""Numbers as people and their programs write them: ``1,234.50``, ``1.234,50``, ``1 234,50``, ``1'234.50``.

A point or a comma is a decimal mark or it groups thousands, and often the number itself says which: two different
marks, a mark that comes twice, or a group that is not of three digits. ``1,234`` alone does not. Then the other numbers
of the same file decide, if they do; else the number is refused. No group of thousands begins with a nought, so
``0,049`` has a decimal comma; in a file whose other numbers have points it may be groups filled up with noughts, and
is refused.
Rule for editors: nothing is ever read as the likelier of two readings.

Public: ``Written``, ``written``, ``Marks``, ``unmistakable``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

_LONGEST = 60
# No counter goes beyond 19 digits and no price beyond nine places; sums of such decimals are exact.
_MOST_DIGITS, _MOST_PLACES = 19, 9
_GROUP = 3
# Blanks and apostrophes group thousands and nothing else. Besides the usual ones: no-break, thin, narrow no-break.
_GROUPERS = " '\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}\N{RIGHT SINGLE QUOTATION MARK}"
_PLAIN = re.compile(r"([+-]?)(\d+)(?:([.,])(\d+))?", re.ASCII)
_GROUPED = re.compile(rf"([+-]?)([1-9]\d{{0,2}}(?:([{_GROUPERS}.,])\d{{3}})(?:\3\d{{3}})*)(?:([.,])(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Written:
    """A number as it was written.

    Attributes:
        value: What it says; None where the mark in it may be either.
        decimal_mark: ``.`` or ``,`` where the number shows which of them is the file's decimal mark; else None.
        readings: By decimal mark what it would say, where ``value`` is None or the file may contradict it.
    """

    value: Decimal | None
    decimal_mark: str | None = None
    readings: tuple[tuple[str, Decimal], ...] = ()

    def read(self, marks: Marks) -> Decimal | None:
        """Return what it says in a file with ``marks``; None where that leaves it open."""
        if self.value is not None:
            return None if self.readings and marks.contradicted else self.value
        return dict(self.readings).get(marks.mark or "")


def written(text: str) -> Written:
    """Read one number.

    Raises:
        ValueError: The text is no number.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError(f"is no number: it has more than {_LONGEST} characters")
    plain, grouped = _PLAIN.fullmatch(text), _GROUPED.fullmatch(text)
    if plain is not None:
        if grouped is not None and grouped[4] is None:
            return _either(plain)
        if plain[2].startswith("0") and len(plain[2]) <= _GROUP == len(plain[4] or ""):
            return replace(_either(plain), value=_decimal(plain[1], plain[2], plain[4]), decimal_mark=plain[3])
        return Written(_decimal(plain[1], plain[2], plain[4]), plain[3])
    if grouped is None or grouped[3] == grouped[4]:
        raise ValueError(f"is no number such as 1234.50: {text!r}")
    whole = re.sub(r"\D", "", grouped[2])
    mark = {".": ",", ",": "."}.get(grouped[3], grouped[4])
    return Written(_decimal(grouped[1], whole, grouped[5]), mark)


def _either(plain: re.Match[str]) -> Written:
    """Return a number of the kind ``1,234``: its mark is the decimal one, or the other one is."""
    mark = plain[3]
    other = "," if mark == "." else "."
    as_decimal = _decimal(plain[1], plain[2], plain[4])
    as_thousands = _decimal(plain[1], plain[2] + plain[4], None)
    return Written(None, None, ((mark, as_decimal), (other, as_thousands)))


def unmistakable(value: Decimal) -> str:
    """Return how ``value`` is written so that it has one reading in any file: never with just three places."""
    whole, _, places = f"{value:f}".partition(".")
    places = places.rstrip("0")
    if len(places) == _GROUP:
        places += "0"
    return f"{whole}.{places}" if places else whole


def sensible(value: Decimal) -> Decimal:
    """Return ``value`` if a counter or an amount of money can be so large and so fine.

    Raises:
        ValueError: It cannot.
    """
    whole, _, places = f"{abs(value):f}".partition(".")
    if len(whole.lstrip("0")) > _MOST_DIGITS or len(places.rstrip("0")) > _MOST_PLACES:
        raise ValueError(f"has more than {_MOST_DIGITS} digits or {_MOST_PLACES} decimal places")
    return value


def _decimal(sign: str, whole: str, fraction: str | None) -> Decimal:
    return sensible(Decimal(f"{sign}{whole}.{fraction or '0'}") if fraction else Decimal(f"{sign}{whole}"))


@dataclass(frozen=True, slots=True)
class Marks:
    """Which decimal mark a file uses, as far as its numbers show it.

    Attributes:
        mark: ``.`` or ``,``; None where no number shows it.
        contradicted: True where the numbers show both.
    """

    mark: str | None = None
    contradicted: bool = False

    @classmethod
    def shown_by(cls, numbers: Iterable[Written]) -> Marks:
        """Return what the numbers of one file show."""
        shown = {one.decimal_mark for one in numbers} - {None}
        return cls(shown.pop() if len(shown) == 1 else None, len(shown) > 1)
