"""What a question is about, in words: the subtitle of every report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from reports.question import Question
from reports.rendering import Row

NOTHING = "Nothing was recorded in this range. `collector poll` records, `collector status` tells more."
_NAMED = 3


def subtitle(database: Database, question: Question, *, ranged: bool) -> str:
    """Return accounts, range and zone in words, such as "nellie-prod · 2026-03-01 to 2026-03-31 · Europe/Berlin".

    Args:
        database: Knows the zones of accounts that are no longer configured.
        question: What is asked.
        ranged: False for a report that asks about now.
    """
    zones = recorded_zones(database)
    names = sorted(question.accounts or zones)
    keys = {question.agreement_of(name, zones.get(name, "UTC")).zone.key for name in names}
    parts = [_names(names), _range(question) if ranged else _stood(question, keys), _zones(keys)]
    return " · ".join(one for one in parts if one)


def _names(names: list[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names) or "no account"
    return f"{len(names):,} accounts"


def _range(question: Question) -> str:
    if question.last_days is not None:
        return "today" if question.last_days == 1 else f"the last {question.last_days:,} days"
    last = None if question.end is None else question.end - timedelta(days=1)
    match question.start, last:
        case None, None:
            return "the whole history"
        case None, _:
            return f"until {last}"
        case _, None:
            return f"since {question.start}"
        case _:
            return f"{question.start}" if question.start == last else f"{question.start} to {last}"


def _stood(question: Question, keys: set[str]) -> str:
    """Return the asked instant in words; nothing for now."""
    if question.as_of is None:
        return ""
    zone = ZoneInfo(next(iter(keys))) if len(keys) == 1 else UTC
    return f"as of {question.stood_at.astimezone(zone):%Y-%m-%d %H:%M}"


def _zones(keys: set[str]) -> str:
    if not keys:
        return ""
    return f"days of {keys.pop()}" if len(keys) == 1 else "days of each account's own zone"


def by_meter(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Return the rows of each account and meter, in order, under a heading for them."""
    groups = groupby(rows, key=lambda row: (row["account"], row["meter"], row["unit"]))
    return [(heading(group[0]), group) for _, found in groups if (group := list(found))]


def heading(row: Row) -> str:
    """Return account and meter, and the unit where that is another word."""
    unit = "" if row["unit"] in {None, row["meter"]} else f" ({row['unit']})"
    return f"{row['account']} · {row['meter']}{unit}"
