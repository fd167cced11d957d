"""Switches as text, ``NAME=VALUE``, for the command line.

    status=429  times=3  retry_after=120  success_false=yes  latency=0.5  drop_connection=yes
    malformed=truncated  window=5  reset=2026-02-01T00:00:00Z  correction=credits:250@2026-02-03T09:00:00Z
    offset=requests:40@2026-02-03T09:00:00Z  glitch=credits:0@3

Instants need an offset, latency is in seconds, a glitch names a request by its index. ``reset``, ``offset``,
``correction`` and ``glitch`` may be given again and add up; of the others the last one stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from collector.domain.instants import parse_instant
from collector.errors import UsageError
from collector.simulator.switches import HEALTHY, LONGEST_LATENCY, Glitch, Step, Switches

_YES_NO = MappingProxyType({"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False})

_Setter = Callable[[Switches, str], Switches]


def parse_switches(texts: Iterable[str]) -> Switches:
    """Return the switches that ``texts``, each ``NAME=VALUE``, set together.

    Raises:
        UsageError: As ``parse_switch``.
    """
    switches = HEALTHY
    for text in texts:
        switches = parse_switch(text, switches)
    return switches


def parse_switch(text: str, base: Switches = HEALTHY) -> Switches:
    """Return ``base`` with the switch that ``text``, ``NAME=VALUE``, sets.

    Raises:
        UsageError: There is no ``=``, the name is unknown (the message lists the names) or the value is none.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"a switch is written NAME=VALUE, not {text!r}; the names are {', '.join(SWITCHES)}")
    setter = SWITCHES.get(name.strip())
    if setter is None:
        raise UsageError(f"there is no switch {name.strip()!r}; the names are {', '.join(SWITCHES)}")
    try:
        return setter(base, value.strip())
    except ValueError as error:
        raise UsageError(f"the switch {name.strip()} cannot be {value.strip()!r}: {error}") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number is needed") from None


def _yes_or_no(text: str) -> bool:
    try:
        return _YES_NO[text.lower()]
    except KeyError:
        raise ValueError("yes or no is needed") from None


def _seconds(text: str) -> timedelta:
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number of seconds is needed") from None
    if seconds.is_nan():
        raise ValueError("a number of seconds is needed")
    if not 0 <= seconds <= LONGEST_LATENCY.seconds:
        raise ValueError(f"0 to {LONGEST_LATENCY.seconds} seconds are possible")
    return timedelta(microseconds=int(seconds * 1_000_000))


def _metered(text: str) -> tuple[str, int, str]:
    """Split ``METER:NUMBER@PLACE``."""
    meter, colon, rest = text.partition(":")
    number, at, place = rest.partition("@")
    if not colon or not at:
        raise ValueError("METER:NUMBER@PLACE is needed, such as credits:250@2026-02-03T09:00:00Z")
    return meter, _whole(number), place


def _step(text: str) -> Step:
    meter, amount, at = _metered(text)
    return Step(meter, amount, parse_instant(at))


def _glitch(text: str) -> Glitch:
    meter, value, index = _metered(text)
    return Glitch(meter, value, _whole(index))


# Every switch by the name it has on the command line.
SWITCHES: Mapping[str, _Setter] = MappingProxyType(
    {
        "status": lambda base, text: replace(base, status=_whole(text)),
        "times": lambda base, text: replace(base, times=_whole(text)),
        "retry_after": lambda base, text: replace(base, retry_after=text),
        "success_false": lambda base, text: replace(base, success_false=_yes_or_no(text)),
        "latency": lambda base, text: replace(base, latency=_seconds(text)),
        "drop_connection": lambda base, text: replace(base, drop_connection=_yes_or_no(text)),
        "malformed": lambda base, text: replace(base, malformed=text),
        "window": lambda base, text: replace(base, window=_whole(text)),
        "reset": lambda base, text: replace(base, resets=(*base.resets, parse_instant(text))),
        "offset": lambda base, text: replace(base, offsets=(*base.offsets, _step(text))),
        "correction": lambda base, text: replace(base, corrections=(*base.corrections, _step(text))),
        "glitch": lambda base, text: replace(base, glitches=(*base.glitches, _glitch(text))),
    }
)
