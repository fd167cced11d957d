"""Checks of single values of ``[[reports]]``: times of day, weekdays, cron expressions, subjects, literal addresses.

As those of ``values``: each returns the value in its type or raises ValueError with a text that completes "SETTING …".
An address to send to nearly always holds a key, so no message shows one.

Public: ``ReportFormat``, ``Missed``, ``checked_time``, ``checked_weekday``, ``checked_cron``, ``checked_subject``,
``checked_invoice``, ``checked_mail_address``, ``true_or_false``.
"""

from __future__ import annotations

import re
from datetime import time
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from collector.config.values import checked_text, unshown_text
from collector.config.wording import found, one_of
from collector.domain.cron import Cron, parse_cron

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST_SUBJECT = 150
# All that a mail address without a password may say; anything else in a query could be one.
_OF_A_MAIL = {"from", "name", "smtp", "mode", "to", "cc", "bcc", "reply"}


class ReportFormat(StrEnum):
    """How a scheduled report is written."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"
    MD = "md"
    PARQUET = "parquet"
    PNG = "png"


class Missed(StrEnum):
    """What is made after a stop: every period that was missed, or only the last."""

    EACH = "each"
    LAST = "last"


def checked_time(value: object) -> time:
    """Return the time of day that text such as ``07:00`` names."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'must be a time of day in quotes such as "07:00"; found {found(value)}')
    return time(int(match[1]), int(match[2]))


def checked_weekday(value: object) -> int:
    """Return the ISO weekday 1..7 that text such as ``monday`` names."""
    text = checked_text(value)
    if text not in _WEEKDAYS:
        raise ValueError(one_of(text, _WEEKDAYS))
    return _WEEKDAYS.index(text) + 1


def checked_cron(value: object) -> Cron:
    """Return the cron expression that text is."""
    text = checked_text(value)
    try:
        return parse_cron(text)
    except ValueError as error:
        raise ValueError(f"must be a cron expression: {error}") from None


def checked_subject(value: object) -> str:
    """Return one line of text, not longer than mail programs show."""
    text = checked_text(value)
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_SUBJECT:
        raise ValueError(f"must be one line of 1 to {_LONGEST_SUBJECT} printable characters")
    return text


def checked_invoice(value: object) -> str:
    """Return the path of a file that has the period in its name, so that none is held against another's invoice."""
    text = unshown_text(value)
    if "{period}" not in text:
        raise ValueError('must have {period} where the period\'s name stands, as in "invoices/{period}.csv"')
    return text


def checked_mail_address(value: object) -> str:
    """Return a literal ``mailto://`` address that holds no password: of any other service the address is the key."""
    text = unshown_text(value)
    try:
        parts = urlsplit(text)
        query = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        raise ValueError("must be an address that can be read") from None
    if parts.scheme not in {"mailto", "mailtos"} or "@" in parts.netloc or not query <= _OF_A_MAIL:
        raise ValueError(
            "must name the place of the address, not be the address: it holds a key, and this file gets into backups, "
            'version control and tickets; write { env = "NAME_OF_A_VARIABLE" } or { file = "PATH" } (only '
            "mailto://SERVER?from=…&to=… without user and password may stand here)"
        )
    return text


def true_or_false(value: object) -> bool:
    """Return a truth value, also of the text that an environment variable is."""
    known: dict[object, bool] = {"true": True, "false": False}
    truth = known.get(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise ValueError(f"must be true or false; found {found(value)}")
    return truth
