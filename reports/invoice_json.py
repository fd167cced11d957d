"""The JSON form of an invoice: a list of objects, or ``{"lines": [...]}``, with exact numbers and no key twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from collector.errors import UsageError

# More digits or places than any bill has.
_LARGEST_EXPONENT = 40


@dataclass(frozen=True, slots=True)
class _Unfit:
    """A value that is refused as soon as it is known which entry it stands in."""

    reason: str


def json_lines(text: str, name: str) -> Iterator[tuple[str, dict[str, str | Decimal]]]:
    """Yield place and fields of each object; null and missing are the same.

    Raises:
        UsageError: The text is not such JSON.
    """
    found = _parsed(text, name)
    for one in (found, *(found.values() if isinstance(found, dict) else ())):
        if isinstance(one, _Unfit):
            raise UsageError(f"{name}: {one.reason}")
    lines = found.get("lines") if isinstance(found, dict) else found
    if not isinstance(lines, list):
        raise UsageError(f'{name}, line 1: not an invoice: JSON must be a list of objects, or {{"lines": [...]}}')
    for number, line in enumerate(lines, 1):
        place = f"{name}, entry {number}"
        if not isinstance(line, dict):
            raise UsageError(f"{place}: {line.reason if isinstance(line, _Unfit) else 'must be an object'}")
        yield place, dict(_fields(line, place))


def _parsed(text: str, name: str) -> object:
    try:
        return json.loads(
            text,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise UsageError(f"{name}, line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise UsageError(f"{name}, line 1: not an invoice: its JSON is nested too deeply") from None


def _fields(line: dict[str, object], place: str) -> Iterator[tuple[str, str | Decimal]]:
    for key, value in line.items():
        if isinstance(value, str):
            yield key, value.strip()
        elif isinstance(value, Decimal):
            yield key, value
        elif isinstance(value, _Unfit):
            raise UsageError(f"{place}: {key!r}: {value.reason}")
        elif value is not None:
            raise UsageError(f"{place}: {key!r} must be text or a number")


def _number(text: str) -> Decimal | _Unfit:
    unfit = _Unfit(f"the number {text[:40]} is beyond reason")
    if len(text) > 2 * _LARGEST_EXPONENT:
        return unfit
    try:
        value = Decimal(text)
    except InvalidOperation:
        return unfit
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and abs(exponent) <= _LARGEST_EXPONENT else unfit


def _no_number(text: str) -> _Unfit:
    return _Unfit(f"{text} is no number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | _Unfit:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        return _Unfit(f"an object has the key {twice!r} twice")
    return found
