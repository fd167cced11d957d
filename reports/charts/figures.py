"""Figures and words as charts show them.

A picture is drawn with floats, which hold 15 digits; whatever is written beside it, as a label, a tooltip or a
summary, is made here from the exact value. Words that come from outside become data, never an expression, and what a
terminal or a page would obey in them is named instead: ``⟨U+202E⟩``.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from reports.rendering import Cell

Number: TypeAlias = int | float | Decimal
NOTHING = "Nothing to draw."
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_STEPS = ((10**15, 15), (10**12, 12), (10**9, 9), (10**6, 6))
_NAMES = {6: "millions", 9: "billions", 12: "trillions"}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Cell) -> Number | None:
    """Return ``value`` where it is a finite number, else None: not known."""
    match value:
        case bool() | str():
            return None
        case int():
            return value
        case float() | Decimal():
            return value if math.isfinite(value) else None
        case _:
            return None


def drawn(value: Cell) -> float | None:
    """Return ``value`` as a picture needs it; None where it is not known or no float can hold it."""
    known = number(value)
    try:
        return None if known is None else float(known)
    except OverflowError:
        return None


def figure(value: Cell) -> str:
    """Return ``value`` for people: thousands separated, computed figures at four digits, a dash where not known."""
    known = number(value)
    if known is None:
        return "–"
    if isinstance(known, int):
        return f"{known:,}"
    if isinstance(known, Decimal):
        return f"{known:,f}"
    if abs(known) >= 10**15:
        known = float(f"{known:.14e}")
    if abs(known) >= 1000:
        return f"{known:,.0f}"
    shown = f"{known:,.{_decimals(known)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _decimals(value: float) -> int:
    """Return after how many decimal places a figure under 1,000 is told at four digits; at most six."""
    return 3 if value == 0 else max(0, min(6, 3 - math.floor(math.log10(abs(value)))))


def counted(count: int, one: str, several: str = "") -> str:
    """Return such as "1 day" or "1,200 days"."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def total(values: Iterable[Cell]) -> Number:
    """Return the exact sum of what is known; 0 for nothing."""
    known = [one for one in map(number, values) if one is not None]
    if any(isinstance(one, float) for one in known):
        return math.fsum(float(one) for one in known)
    return (
        sum((Decimal(one) for one in known), Decimal())
        if any(isinstance(one, Decimal) for one in known)
        else sum(int(one) for one in known)
    )


def mean(values: Iterable[Cell]) -> float | None:
    """Return the mean of what is known; None for nothing."""
    known = [one for one in map(drawn, values) if one is not None]
    return math.fsum(known) / len(known) if known else None


def inert(text: str, longest: int = 60) -> str:
    """Return ``text`` on one line, cut at ``longest`` characters, unseen characters named."""
    return named(text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…")


def named(text: str) -> str:
    """Return ``text`` with each character that nobody sees named, such as ``⟨U+202E⟩``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(one):04X}⟩" if unicodedata.category(one) in _UNSEEN else one for one in text)


@dataclass(frozen=True, slots=True)
class Magnitude:
    """By what the figures along an axis are divided, so that they stay short.

    Attributes:
        divisor: 1 below ten millions.
        words: Such as ``millions of``; empty for 1.
    """

    divisor: int
    words: str

    def of(self, value: Cell) -> float | None:
        """Return ``value`` in this magnitude, None where it is not known."""
        plain = drawn(value)
        return None if plain is None else plain / self.divisor

    def label(self, value: Cell) -> str:
        """Return the figure as a direct label: whole at divisor 1, else at four digits."""
        return figure(value) if self.divisor == 1 else figure(self.of(value))

    def unit(self, words: str) -> str:
        """Return ``words`` with the magnitude before them."""
        return f"{self.words} {words}" if self.words else words


def magnitude(values: Iterable[Cell]) -> Magnitude:
    """Return the magnitude that suits the largest of ``values``."""
    largest = max((abs(one) for one in map(drawn, values) if one is not None), default=0.0)
    if largest < 10**7:
        return Magnitude(1, "")
    if largest >= 10**18:
        power = 3 * (math.floor(math.log10(largest)) // 3)
        return Magnitude(10**power, f"10{str(power).translate(_RAISED)}")
    divisor, power = next(one for one in _STEPS if largest >= one[0])
    return Magnitude(divisor, f"{_NAMES[power]} of" if power in _NAMES else f"10{str(power).translate(_RAISED)}")
