"""Tells whether more was used than a limit allows: for a line in a crontab, which reads exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from collector.errors import UsageError
from collector.store.engine import Database
from reports.question import Question

_LIMIT = re.compile(r"[0-9]{1,19}(\.[0-9]{1,18})?", re.ASCII)


def limit_of(text: str | None) -> Decimal | None:
    """Return the limit that ``--alert-above`` gives; None without one.

    Raises:
        UsageError: The text is no number of units.
    """
    if text is None:
        return None
    if _LIMIT.fullmatch(text) is None:
        raise UsageError(f"--alert-above takes a number of units such as 100, not {text!r}")
    return Decimal(text)


def alerts(database: Database, question: Question, limit: Decimal | None) -> Iterator[str]:
    """Yield a sentence for each meter whose usage over all asked days together is above ``limit``; None alerts never.

    Usage is the figure of the report ``daily``; days without any data add nothing.
    """
    from reports.catalogue import daily
    from reports.rows import rows_of
    from reports.tables import number, plain

    if limit is None:
        return
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in rows_of(daily(database, question), ("account", "meter", "unit", "usage")):
        key = str(row["account"]), str(row["meter"]), str(row["unit"])
        used = row["usage"]
        sums[key] = sums.get(key, Decimal(0)) + (used if isinstance(used, int | Decimal) else 0)
    for (account, meter, unit), used in sums.items():
        if used > limit:
            yield f"{plain(account)}/{plain(meter)} used {number(used)} {plain(unit)}, more than {number(limit)}"
