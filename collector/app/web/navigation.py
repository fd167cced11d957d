"""The links between the pages, and the form that asks a report anew.

Public: ``around``, ``default_period``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from collector.app.web.answers import parameters_of
from collector.app.web.ledger import Ledger
from collector.app.web.parameters import Asked
from collector.app.wiring import configured_meters
from collector.store.accounts import recorded
from collector.store.engine import Database
from reports.formats.around import Around, Field, Link

_PAGES = (
    ("/", "Now"),
    ("/reports/daily?last=30d", "By day"),
    ("/reports/burn", "Per day"),
    ("/reports/exhaustion", "Exhaustion"),
    ("/reports/month", "Month"),
    ("/reports/trend?last=90d", "Trend"),
    ("/reports/requests?last=7d", "Requests"),
    ("/reports/gaps?last=30d", "Gaps"),
    ("/reports/reconcile", "Reconcile"),
)
_LAST = (("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("365d", "a year"))
# A list that nobody can look through is worse than a field to write in.
_MOST_OPTIONS = 200


def default_period(now: datetime) -> str:
    """Return the billing period that is shown if nobody says which: this month."""
    return f"{now:%Y-%m}"


def around(
    here: str | None,
    ledger: Ledger | None = None,
    database: Database | None = None,
    asked: Asked | None = None,
    period: str | None = None,
) -> Around:
    """Return what stands around a page.

    Args:
        here: Its path; None for a page that is not linked to.
        ledger: Knows the accounts that are configured; without it there is no form.
        database: Knows those that are recorded.
        asked: What was asked of it.
        period: The billing period that is shown.
    """
    links = tuple(Link(title, href, href.partition("?")[0] == here) for href, title in _PAGES)
    if ledger is None or database is None or asked is None or here is None:
        return Around(links)
    return Around(links, tuple(_fields(here.rpartition("/")[2], ledger, database, asked, period)))


def _fields(name: str, ledger: Ledger, database: Database, asked: Asked, period: str | None) -> Iterator[Field]:
    known = recorded(database)
    accounts = sorted({*known, *(one.name for one in ledger.settings.accounts)})
    meters = sorted({*configured_meters(ledger.settings), *(one for each in known.values() for one in each)})
    allowed = parameters_of(name)
    if "period" in allowed:
        yield Field("period", "Billing period", "text", period or "", hint="2026-10")
    if "last" in allowed:
        yield _chosen("last", "Last days", asked.one("last"), _LAST, "any" if _has_dates(asked) else "all")
        yield Field("from", "From", "date", asked.one("from") or "")
        yield Field("to", "To (before)", "date", asked.one("to") or "")
    yield _of_names("account", "Account", asked, accounts)
    if "meter" in allowed:
        yield _of_names("meter", "Meter", asked, meters)
    yield Field("tz", "Time zone", "text", asked.one("tz") or "", hint="each own")


def _has_dates(asked: Asked) -> bool:
    return asked.one("from") is not None or asked.one("to") is not None


def _of_names(name: str, label: str, asked: Asked, known: list[str]) -> Field:
    if len(known) > _MOST_OPTIONS:
        return Field(name, label, "text", asked.one(name) or "", hint="all")
    return _chosen(name, label, asked.one(name), tuple((one, one) for one in known), "all")


def _chosen(name: str, label: str, value: str | None, known: tuple[tuple[str, str], ...], nothing: str) -> Field:
    """Return a list to choose from; what was asked stands in it, whatever it is."""
    told = known if value is None or value in dict(known) else (*known, (value, value))
    return Field(name, label, "select", value or "", (("", nothing), *told))
