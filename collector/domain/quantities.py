"""Quantities as files write them: exact decimals in whole units outside, integers of the smallest unit inside."""

from __future__ import annotations

import re

LARGEST = 2**63
_WRITTEN = re.compile(r"(\d{1,40})(?:\.(\d{1,40}))?", re.ASCII)


def parse_quantity(text: str, scale: int) -> int:
    """Return a written quantity in the smallest unit of a meter with ``scale`` decimal places.

    Raises:
        ValueError: It is no plain decimal (no sign, no exponent, no separators), finer than the smallest unit, or 2^63
            of these and more; the message is the rest of a sentence about the value.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(_fault_of(text))
    fraction = match[2] or ""
    if len(fraction) > scale:
        raise ValueError(
            f"has more than {scale} decimal places" if scale else "is a fraction; the meter counts whole units"
        )
    value = int(match[1] + fraction.ljust(scale, "0"))
    if value >= LARGEST:
        raise ValueError("is too large; a counter is below 2^63 of its smallest unit")
    return value


def _fault_of(text: str) -> str:
    if not text.strip():
        return "is empty"
    return "is negative" if re.fullmatch(r"-\d+(?:\.\d+)?", text, re.ASCII) else "is not a plain number"


def quantity_text(value: int, scale: int) -> str:
    """Return a quantity of the smallest unit as a plain decimal with exactly ``scale`` places."""
    if not scale:
        return str(value)
    digits = str(value).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}"
