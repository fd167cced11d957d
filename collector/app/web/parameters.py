"""What a page was asked, read from its address: known names, each as often as it may be, and nothing else.

Every value is checked as the command line checks it, and refused in words; there is no parameter whose size could make
an answer large, because how much an answer may hold is not for the one who asks to say.

Public: ``Asked``, ``asked_of``, ``question_asked``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from collector.app.questions import question_of, require_known
from collector.app.web.ledger import Ledger
from collector.errors import UsageError
from collector.store.engine import Database

if TYPE_CHECKING:
    from reports.question import Question

LONGEST_QUERY = 4096
_MOST_FIELDS = 64
_LONGEST_VALUE = 200
_REPEATED = frozenset({"account", "meter"})


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of an address.

    Attributes:
        values: By name, in the order given; a name without a value is left out.
    """

    values: Mapping[str, Sequence[str]]

    def one(self, name: str) -> str | None:
        """Return the value of a parameter that may be given once."""
        found = self.values.get(name)
        return found[0] if found else None

    def every(self, name: str) -> list[str] | None:
        """Return all values of a parameter that may be repeated; None without any."""
        return list(self.values.get(name, ())) or None


def asked_of(query: bytes, allowed: Sequence[str]) -> Asked:
    """Return the parameters of a query.

    Args:
        query: What stands behind the question mark.
        allowed: The names that mean something here.

    Raises:
        UsageError: It is too long, no UTF-8, or has a name that means nothing, or one twice.
    """
    if len(query) > LONGEST_QUERY:
        raise UsageError(f"the address is longer than the {LONGEST_QUERY:,} bytes it may have")
    values: dict[str, list[str]] = {}
    for name, value in _fields(query):
        if name not in allowed:
            known = ", ".join(allowed) or "none"
            raise UsageError(f"the parameter {name[:40]!r} means nothing here (known: {known})")
        if len(value) > _LONGEST_VALUE or not value.isprintable():
            raise UsageError(f"{name} is longer than {_LONGEST_VALUE} characters, or not printable")
        if value:
            values.setdefault(name, []).append(value)
    twice = [name for name, found in values.items() if len(found) > 1 and name not in _REPEATED]
    if twice:
        raise UsageError(f"{twice[0]} may be given once")
    return Asked(values)


def _fields(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS, separator="&"
        )
    except ValueError:  # UnicodeError is one
        raise UsageError(f"the address has more than {_MOST_FIELDS} parameters, or some that are no UTF-8") from None


def question_asked(ledger: Ledger, database: Database, asked: Asked) -> Question:
    """Return the question that the parameters ask.

    Raises:
        UsageError: A date, a zone, a range or a name is wrong.
    """
    try:
        question = question_of(
            ledger.settings,
            ledger.now(),
            names=(asked.every("account"), asked.every("meter")),
            span=(asked.one("from"), asked.one("to"), asked.one("last")),
            zone=asked.one("tz"),
        )
    except UsageError as error:
        raise UsageError(str(error).replace("--", "")) from None
    require_known(ledger.settings, database, question.accounts, question.meters)
    return question
